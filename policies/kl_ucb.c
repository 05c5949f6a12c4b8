/* kl_ucb: Garivier and Cappe, COLT 2011, with c = 0.
 *
 *   index(a) = max { q : n(a) kl(mean(a), q) <= ln t },   kl(p, q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))
 *
 * Rewards are brought to [0, 1] by `low` and `high`, or by the smallest and largest seen (low = high, the default), which
 * makes the rule free of their scale and origin. Counts, t, initial pulls (one each) and ties (the first in the scenario's
 * order, or random) as in ucb1; no horizon. Declared: learns, sublinear; stochastic for random ties. Check: kl(.5, q) =
 * ln 2 / 1 at q = (1 + sqrt(3) / 2) / 2 = .9330; nine Bernoulli arms .1 ... .9, T = 10^4: regret 58.0 +- .5.
 */
#include "policies/policy_util.h"

enum { LOW, HIGH, COUNT, TIES };
enum { QUESTIONS, OUTCOMES };
enum { FIRST, RANDOM };

static double divergence(double p, double q)
{
  return (p > 0 ? p * log(p / q) : 0) + (p < 1 ? (1 - p) * log((1 - p) / (1 - q)) : 0);
}

/* The largest q with kl(p, q) <= width: Newton's method from above, where kl is convex. It begins at the smaller of two
 * bounds: kl >= 2 (q - p)^2 and kl >= p ln p + (1 - p) ln((1 - p) / (1 - q)). */
static double upper(double p, double width)
{
  if (p >= 1) return 1;
  if (p <= 0) return 1 - exp(-width);
  double q = fmin(p + sqrt(width / 2), 1 - (1 - p) * exp(-(width - p * log(p)) / (1 - p)));
  for (int i = 0; i < 50 && q > p && q < 1; i++) {
    double step = (divergence(p, q) - width) * q * (1 - q) / (q - p);
    q -= step;
    if (fabs(step) < 1e-12) break;
  }
  return q > p ? q : p;
}

/* A bound that lies below the best so far is not needed: one divergence says so. */
static void offer(struct util_pick *best, const struct util_rule *rule, const struct util_arm *arm,
                  const struct offsim_context *c, uint32_t a, double t)
{
  uint32_t n = rule->questions ? arm->asked : arm->done;
  double mean = arm->done ? util_unit(arm->mean, rule->low, rule->range) : 0.5, width = n ? log(t) / n : 0;
  mean = mean < 0 ? 0 : mean > 1 ? 1 : mean;
  if (n && best->action != UTIL_NONE && best->best > mean && (best->best > 1 || divergence(mean, best->best) > width)) return;
  util_offer(best, c, a, n ? upper(mean, width) : INFINITY, rule->random_ties);
}

static const char *init(const struct offsim_setup *s, void *state) { return util_learner_init_range(s, state, LOW, HIGH); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  struct util_rule rule = {r->low, util_width(r), l->parameter[COUNT] == QUESTIONS, l->parameter[TIES] == RANDOM};
  struct util_pick best = {.action = rule.random_ties ? UTIL_NONE : util_initial(c, arm, 1), .chances = d->distribution};
  if (l->parameter[HIGH] > l->parameter[LOW]) {
    rule.low = l->parameter[LOW];
    rule.range = l->parameter[HIGH] - rule.low;
  }
  bool initial = best.action != UTIL_NONE;
  for (uint32_t a = 0; !initial && a < c->n_actions; a++)
    if (util_allowed(c, a)) offer(&best, &rule, &arm[a], c, a, (double)r->asked);
  util_answer(c, d, &best, rule.random_ties);
  util_ask(r, arm, d->action, memo);
}

static const struct offsim_parameter parameters[] = {UTIL_PARAMETER_LOW, UTIL_PARAMETER_HIGH, UTIL_PARAMETER_COUNT,
                                                     UTIL_PARAMETER_TIES};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "kl_ucb", .description = "upper confidence bounds by the Bernoulli divergence",
  .citation = "Garivier, Cappe: The KL-UCB algorithm for bounded stochastic bandits and beyond, COLT 2011",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR | OFFSIM_REPORTS_DISTRIBUTION,
  .n_parameters = 4, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
