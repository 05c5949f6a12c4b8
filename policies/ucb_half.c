/* ucb_half: UCB with the radius that Hoeffding's inequality gives at level 1 / t (Garivier and Cappe, COLT 2011, sec. 4).
 *
 *   index(a) = (mean(a) - low) / (high - low) + sqrt(ln t / (2 n(a)))
 *
 * All as in ucb1 but for the constant .5: counts, range, initial pulls (one each), ties (the first in the scenario's order,
 * or random), no horizon. Declared: learns, sublinear; stochastic for random ties. Check: nine Bernoulli arms .1 ... .9,
 * T = 10^4: regret 101.0 +- .8.
 */
#include "policies/policy_util.h"

enum { RANGE, COUNT, TIES };
enum { QUESTIONS, OUTCOMES };
enum { FIRST, RANDOM };

static double index_of(double mean, double n, double t, double own) { (void)own; return mean + sqrt(0.5 * log(t) / n); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  double range = l->parameter[RANGE] > 0 ? l->parameter[RANGE] : util_width(&util_ranges(l)[c->context]);
  struct util_rule rule = {util_ranges(l)[c->context].low, range, l->parameter[COUNT] == QUESTIONS,
                           l->parameter[TIES] == RANDOM};
  util_highest_index(l, &rule, c, index_of, 0, d, memo);
}

static const struct offsim_parameter parameters[] = {UTIL_PARAMETER_RANGE, UTIL_PARAMETER_COUNT, UTIL_PARAMETER_TIES};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "ucb_half", .description = "upper confidence bounds with the radius sqrt(ln t / 2n)",
  .citation = "Garivier, Cappe: The KL-UCB algorithm for bounded stochastic bandits and beyond, COLT 2011",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR | OFFSIM_REPORTS_DISTRIBUTION,
  .n_parameters = 3, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = util_learner_init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
