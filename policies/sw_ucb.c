/* sw_ucb: UCB over the last `window` outcomes (Garivier and Moulines, ALT 2011).
 *
 *   index(a) = (mean of the window - low) / (high - low) + sqrt(xi ln min(t, window) / n(a))
 *
 * n counts outcomes in the window and, with `count: questions` (the default), those on their way; t decisions so far. An
 * arm of which the window holds nothing is infinite, which is the initial pull, and is tried anew when it has left the
 * window. Ties: the first in the scenario's order, or random. window 0: 4 sqrt(T ln T), T = `horizon`. low and high as seen
 * so far, `range` fixes high - low: free of the reward's scale and origin. xi = .5 as in the experiments of the source.
 * Declared: learns, adapts; stochastic for random ties. Check: Bernoulli arms .5, .3, .4, the third .9 in [3000, 5000),
 * T = 10^4: regret 287 +- 3.5 (window 1213), ucb1 604.
 */
#include "policies/policy_util.h"

enum { WINDOW, HORIZON, XI, COUNT, TIES, RANGE };
enum { QUESTIONS, OUTCOMES };
enum { FIRST, RANDOM };

struct head { uint32_t n_contexts, n_arms, window; int32_t questions, random; uint32_t pad; double xi, range; };
/* One kind of decision: its outcomes since the start, decisions, and the range of rewards. */
struct kind { struct util_range range; };
struct arm { uint32_t pending, in_window; double sum; };
struct entry { uint32_t arm, pad; double reward; };

static uint32_t window_of(const struct offsim_setup *s)
{
  double horizon = s->parameter[HORIZON].number, window = s->parameter[WINDOW].number;
  if (window <= 0) window = floor(4 * sqrt(horizon * log(horizon)));
  return window < 1 ? 1 : (uint32_t)window;
}

static size_t state_size(const struct offsim_setup *s)
{
  return sizeof(struct head) + s->n_contexts * (sizeof(struct kind) + window_of(s) * sizeof(struct entry)) +
         s->n_arms * sizeof(struct arm);
}

static struct kind *kinds(struct head *h) { return (struct kind *)(void *)(h + 1); }
static struct arm *arms(struct head *h) { return (struct arm *)(void *)(kinds(h) + h->n_contexts); }
static struct entry *window(struct head *h, uint32_t context)
{
  return (struct entry *)(void *)(arms(h) + h->n_arms) + (size_t)context * h->window;
}

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct head *)state = (struct head){.n_contexts = s->n_contexts, .n_arms = s->n_arms, .window = window_of(s),
    .questions = s->parameter[COUNT].number == QUESTIONS, .random = s->parameter[TIES].number == RANDOM,
    .xi = s->parameter[XI].number, .range = s->parameter[RANGE].number};
  return NULL;
}

static double index_of(const struct head *h, const struct util_range *r, const struct arm *arm)
{
  uint32_t n = arm->in_window + (h->questions ? arm->pending : 0);
  if (n == 0) return INFINITY;
  double t = r->asked < h->window ? (double)r->asked : h->window, range = h->range > 0 ? h->range : util_width(r);
  double mean = arm->in_window ? util_unit(arm->sum / arm->in_window, r->low, range) : 0.5;
  return mean + sqrt(h->xi * log(t) / n);
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct head *h = state;
  struct util_range *r = &kinds(h)[c->context].range;
  struct arm *arm = arms(h) + c->first_arm;
  struct util_pick best = {.action = UTIL_NONE, .chances = d->distribution};
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) util_offer(&best, c, a, index_of(h, r, &arm[a]), h->random);
  util_answer(c, d, &best, h->random);
  r->asked++;
  arm[d->action].pending++;
  ((struct util_memo *)memo)->action = (uint32_t)d->action;
}

/* The entry `done` modulo the window leaves when the new one comes. */
static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct head *h = state;
  struct util_range *r = &kinds(h)[o->context].range;
  struct arm *arm = arms(h) + o->first_arm;
  arm[((const struct util_memo *)memo)->action].pending--;
  if (isnan(o->reward) || o->action < 0) { r->asked--; return; }
  struct entry *e = &window(h, o->context)[r->done % h->window];
  if (r->done >= h->window) {
    arm[e->arm].in_window--;
    arm[e->arm].sum = arm[e->arm].in_window ? arm[e->arm].sum - e->reward : 0;
  }
  *e = (struct entry){.arm = (uint32_t)o->action, .reward = o->reward};
  arm[o->action].in_window++;
  arm[o->action].sum += o->reward;
  util_range_add(r, o->reward);
}

static const struct offsim_parameter parameters[] = {
  {.name = "window", .type = OFFSIM_INTEGER, .help = "outcomes that count; 0 = 4 sqrt(T ln T)", .max = 1e6},
  {.name = "horizon", .type = OFFSIM_NUMBER, .help = "T, for the window: decisions of the whole run", .min = 2, .max = 1e9,
   .number = 1e4},
  {.name = "xi", .type = OFFSIM_NUMBER, .help = "of ln t / n below the root", .max = 1e6, .number = 0.5},
  UTIL_PARAMETER_COUNT, UTIL_PARAMETER_TIES, UTIL_PARAMETER_RANGE};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "sw_ucb", .description = "upper confidence bounds over a sliding window of outcomes",
  .citation = "Garivier, Moulines: On upper-confidence bound policies for switching bandit problems, ALT 2011",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_ADAPTS | OFFSIM_REPORTS_DISTRIBUTION,
  .n_parameters = 6, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = state_size, .init = init, .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
