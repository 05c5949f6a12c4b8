/* threshold: stay at the origin while a feature is at most `above`, go to the best remote action when it is larger.
 *
 * With hysteresis h the way back needs value <= above - h; the side is kept per learner and kind of decision. An
 * unknown value keeps the side. Best = highest estimated reward by the scenario's objective. Where the wanted side has
 * no allowed action, the best allowed one of all is taken.
 */
#include "policies/policy_util.h"

enum { FEATURE, ABOVE, HYSTERESIS, TARGET };
enum { TARGET_ANY, TARGET_EDGE, TARGET_CLOUD, TARGET_NEAREST };
struct threshold { double above, back; struct util_weights weights; int32_t feature, target; uint8_t up[]; };

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct threshold) + s->n_contexts; }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct threshold *t = state;
  t->above = s->parameter[ABOVE].number;
  t->back = t->above - s->parameter[HYSTERESIS].number;
  t->feature = (int32_t)s->parameter[FEATURE].number;
  t->target = (int32_t)s->parameter[TARGET].number;
  t->weights = util_objective(s);
  return t->feature < 0 ? "threshold needs a feature" : NULL;
}

/* The requester's attachment, else the first action of the lowest remote tier. */
static int32_t nearest(const struct offsim_context *c)
{
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a) && c->word[a] == OFFSIM_NEAREST) return (int32_t)a;
  int32_t edge = util_first_of_tier(c, OFFSIM_EDGE);
  return edge != UTIL_NONE ? edge : util_first_of_tier(c, OFFSIM_CLOUD);
}

static int32_t remote(const struct threshold *t, const struct offsim_context *c)
{
  static const unsigned tiers[] = {[TARGET_ANY] = UTIL_REMOTE, [TARGET_EDGE] = UTIL_EDGE, [TARGET_CLOUD] = UTIL_CLOUD};
  return t->target == TARGET_NEAREST ? nearest(c) : util_best(&t->weights, c, tiers[t->target]);
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  struct threshold *t = state;
  uint8_t *up = &t->up[c->context];
  double x = c->value[t->feature];
  if (x > t->above) *up = 1;
  else if (x <= t->back) *up = 0;
  d->action = *up ? remote(t, c) : util_best(&t->weights, c, UTIL_DEVICE);
  if (d->action == UTIL_NONE) d->action = util_best(&t->weights, c, UTIL_ANY);
}

static const struct offsim_parameter parameters[] = {
  {.name = "feature", .type = OFFSIM_FEATURE, .help = "what is compared; jobs at the device when not given",
   .text = "device_queue"},
  {.name = "above", .type = OFFSIM_NUMBER, .help = "larger values leave the origin", .min = -1e300, .max = 1e300},
  {.name = "hysteresis", .type = OFFSIM_NUMBER, .help = "how far below `above` the way back begins",
   .min = 0, .max = 1e300},
  {.name = "target", .type = OFFSIM_CHOICE, .help = "where larger values go", .text = "any",
   .choices = "any|edge|cloud|nearest"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "threshold", .citation = "",
  .description = "origin up to a threshold of a feature, the best remote place above",
  .columns = OFFSIM_COLUMNS_ESTIMATES, .n_parameters = 4, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
