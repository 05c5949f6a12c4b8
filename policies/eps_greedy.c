/* eps_greedy: the action of the largest mean reward, but with probability epsilon any allowed one.
 *
 *   P(a) = e / K + (1 - e) [a has the largest mean],   e = epsilon, or with `schedule: inverse` min(1, decay / t)
 *
 * K allowed actions, t decisions so far. Initial pulls: one each (`initial`), in the scenario's order; an arm without outcome yet has
 * no mean; while no arm has one, e = 1. Ties: the first in the scenario's order, or shared (`ties: random`). Only means are
 * compared: free of the reward's scale and origin. The distribution is exact. Declared: stochastic, learns, reports its
 * distribution; not sublinear, since a constant epsilon is not. Check: nine Bernoulli arms .1 ... .9, T = 10^4, epsilon .1:
 * regret 427 +- 2.4, of which .1 T mean gap = 400 is the price of exploring.
 */
#include "policies/policy_util.h"

enum { EPSILON, TIES, SCHEDULE, DECAY, INITIAL };
enum { FIRST, RANDOM };
enum { CONSTANT, INVERSE };

static double exploration(const struct util_learner *l, double t)
{
  if (l->parameter[SCHEDULE] == CONSTANT) return l->parameter[EPSILON];
  return t > l->parameter[DECAY] ? l->parameter[DECAY] / t : 1;
}

/* The best means; without any outcome UTIL_NONE. */
static struct util_pick greedy(const struct offsim_context *c, const struct util_arm *arm)
{
  struct util_pick best = {.action = UTIL_NONE};
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a) || !arm[a].done) continue;
    if (best.action != UTIL_NONE && arm[a].mean == best.best) best.ties++;
    else util_offer(&best, c, a, arm[a].mean, false);
  }
  return best;
}

static void fill(const struct util_learner *l, const struct offsim_context *c, const struct util_arm *arm, double t,
                 double *distribution)
{
  struct util_pick best = greedy(c, arm);
  bool shared = l->parameter[TIES] == RANDOM;
  double e = best.action == UTIL_NONE ? 1 : exploration(l, t), allowed = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) allowed += util_allowed(c, a);
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    bool is_best = best.action != UTIL_NONE && arm[a].done && arm[a].mean == best.best;
    double share = shared ? (is_best ? 1.0 / best.ties : 0) : (int32_t)a == best.action;
    distribution[a] = e / allowed + (1 - e) * share;
  }
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  d->action = util_initial(c, arm, (uint32_t)l->parameter[INITIAL]);
  if (d->action != UTIL_NONE) d->distribution[d->action] = 1;
  else {
    fill(l, c, arm, (double)r->asked, d->distribution);
    util_draw(c, d);
  }
  util_ask(r, arm, d->action, memo);
}

static const struct offsim_parameter parameters[] = {
  {.name = "epsilon", .type = OFFSIM_NUMBER, .help = "probability to explore", .max = 1, .number = 0.1},
  UTIL_PARAMETER_TIES,
  {.name = "schedule", .type = OFFSIM_CHOICE, .help = "constant, or falling as decay / t", .text = "constant",
   .choices = "constant|inverse"},
  {.name = "decay", .type = OFFSIM_NUMBER, .help = "of the inverse schedule, in decisions", .max = 1e9, .number = 100},
  {.name = "initial", .type = OFFSIM_INTEGER, .help = "initial pulls of each action", .max = 1e6, .number = 1}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "eps_greedy", .description = "the best mean so far, and sometimes any other action",
  .citation = "Sutton, Barto: Reinforcement Learning, 2nd edition 2018, section 2.4",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_REPORTS_DISTRIBUTION, .n_parameters = 5,
  .parameter = parameters, .memo_size = sizeof(struct util_memo), .state_size = util_learner_size,
  .init = util_learner_init, .decide = decide, .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
