/* ucb1: Auer, Cesa-Bianchi and Fischer, Machine Learning 47 (2002) 235.
 *
 *   index(a) = (mean(a) - low) / (high - low) + sqrt(factor * ln t / n(a)),   factor 2
 *
 * t counts questions, and so does n: outcomes on their way already narrow the radius. With `count: outcomes` n counts
 * outcomes, as published; when they come late, that rule repeats itself. low and high are the smallest and largest
 * reward seen in this kind of decision, which makes the index free of the reward's scale and origin; `range` fixes
 * high - low. An asked arm without outcome counts as the middle of the range (`outcomes`: as infinite). Initial pulls:
 * one each; ties: the first in the scenario's order; with `ties: random` each of the best alike, and an arm that was
 * never counted is infinite. The exploration goes on for ever (ln t): no horizon. Declared: learns, sublinear;
 * stochastic for random ties. Check: nine Bernoulli arms .1 ... .9, T = 10^4: regret 331.3 +- 1.2; with outcomes 100
 * decisions late 333, counting outcomes 530, these with random ties 568 within 5 %.
 */
#include "policies/policy_util.h"

enum { RANGE, FACTOR, COUNT, TIES };
enum { QUESTIONS, OUTCOMES };
enum { FIRST, RANDOM };

static double index_of(double mean, double n, double t, double factor) { return mean + sqrt(factor * log(t) / n); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  const struct util_range *r = &util_ranges(l)[c->context];
  double range = l->parameter[RANGE] > 0 ? l->parameter[RANGE] : util_width(r);
  struct util_rule rule = {r->low, range, l->parameter[COUNT] == QUESTIONS, l->parameter[TIES] == RANDOM};
  util_highest_index(l, &rule, c, index_of, l->parameter[FACTOR], d, memo);
}

static const struct offsim_parameter parameters[] = {
  UTIL_PARAMETER_RANGE,
  {.name = "factor", .type = OFFSIM_NUMBER, .help = "of ln t / n below the root", .max = 1e6, .number = 2},
  UTIL_PARAMETER_COUNT, UTIL_PARAMETER_TIES};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "ucb1", .description = "upper confidence bounds on the mean reward of each action",
  .citation = "Auer, Cesa-Bianchi, Fischer: Finite-time analysis of the multiarmed bandit problem, 2002",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR | OFFSIM_REPORTS_DISTRIBUTION,
  .n_parameters = 4, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = util_learner_init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
