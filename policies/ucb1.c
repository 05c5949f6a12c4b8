/* ucb1: Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002) 235.
 *
 *   index(a) = (mean(a) - low) / (high - low) + sqrt(factor * ln t / n(a)),   factor 2
 *
 * t and n count questions, so that outcomes on their way already widen no radius. low and high are the smallest and
 * largest reward seen in this kind of decision, which makes the index free of the reward's scale and origin; `range`
 * fixes high - low. An asked arm without outcome counts as the middle of the range. Initial pulls: one each; ties: the
 * first in the scenario's order. Check: nine Bernoulli arms .1 ... .9, T = 10^4: regret 331.3 +- 1.2.
 */
#include "policies/policy_util.h"

enum { RANGE, FACTOR };

static double index_of(const struct util_arm *arm, double low, double range, double radius)
{
  double mean = arm->done == 0 || range <= 0 ? 0.5 : (arm->mean - low) / range;
  return mean + sqrt(radius / arm->asked);
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  d->action = util_initial(c, arm, 1);
  if (d->action == UTIL_NONE) {
    double range = l->parameter[RANGE] > 0 ? l->parameter[RANGE] : r->high - r->low, best = 0;
    double radius = l->parameter[FACTOR] * log((double)r->asked);
    for (uint32_t a = 0; a < c->n_actions; a++) {
      if (!util_allowed(c, a)) continue;
      double x = index_of(&arm[a], r->low, range, radius);
      if (d->action == UTIL_NONE || x > best) { d->action = (int32_t)a; best = x; }
    }
  }
  util_ask(r, arm, d->action, memo);
}

static const struct offsim_parameter parameters[] = {
  {.name = "range", .type = OFFSIM_NUMBER, .help = "width of the reward's range; 0 = from the rewards seen",
   .max = 1e300},
  {.name = "factor", .type = OFFSIM_NUMBER, .help = "of ln t / n below the root", .max = 1e6, .number = 2}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "ucb1", .description = "upper confidence bounds on the mean reward of each action",
  .citation = "Auer, Cesa-Bianchi, Fischer: Finite-time analysis of the multiarmed bandit problem, 2002",
  .capabilities = OFFSIM_LEARNS | OFFSIM_SUBLINEAR, .n_parameters = 2, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = util_learner_init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
