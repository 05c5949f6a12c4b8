/* exp3: exponential weights for adversarial rewards (Auer, Cesa-Bianchi, Freund and Schapire, SIAM J. Comput. 32, 2002).
 *
 *   P(a) = (1 - g) exp(g G(a) / K) / sum exp(g G / K) + g / K,   G(a) = sum over its outcomes of x / P at the decision
 *
 * x = (reward - low) / range in [0, 1]; K allowed actions. g = min(1, sqrt(K ln K / ((e - 1) T))) with T = `horizon`; 0
 * (the default) puts the decisions so far in its place, so that no horizon need be known; `gamma` sets g itself. low and
 * range by `low` and `high`, or as seen (low = high, the default): sums of reward / P and of 1 / P are kept apart, so that
 * a wider range re-expresses the past. Free of the reward's scale and origin. An outcome counts for the arm that was asked,
 * with the probability that it had; another executed action, or an unknown reward, counts nothing. No initial pulls; no
 * ties, as it always draws. The distribution is exact. Declared: stochastic, learns, sublinear, reports its distribution.
 * Check: nine Bernoulli arms .1 ... .9, T = 10^4 = horizon: regret 728 +- 3.6.
 */
#include "policies/policy_util.h"

enum { HORIZON, GAMMA, LOW, HIGH };

/* Of one arm: sum of reward / P, sum of 1 / P. */
struct gain { double reward, one; };
struct memo { uint32_t action, pad; double p; };

static size_t state_size(const struct offsim_setup *s)
{
  return sizeof(struct util_learner) + s->n_contexts * sizeof(struct util_range) + s->n_arms * sizeof(struct gain);
}

static struct gain *gains(struct util_learner *l) { return (struct gain *)(void *)(util_ranges(l) + l->n_contexts); }

static const char *init(const struct offsim_setup *s, void *state) { return util_learner_init_range(s, state, LOW, HIGH); }

static double exploration(const struct util_learner *l, double k, double t)
{
  if (l->parameter[GAMMA] > 0) return l->parameter[GAMMA];
  double horizon = l->parameter[HORIZON] > 0 ? l->parameter[HORIZON] : t < 1 ? 1 : t;
  return fmin(1, sqrt(k * log(k) / ((exp(1) - 1) * horizon)));
}

static double gain_of(const struct util_learner *l, const struct util_range *r, const struct gain *g)
{
  bool fixed = l->parameter[HIGH] > l->parameter[LOW];
  double low = fixed ? l->parameter[LOW] : r->low, range = fixed ? l->parameter[HIGH] - low : util_width(r);
  return range > 0 ? (g->reward - low * g->one) / range : 0;
}

static void fill(struct util_learner *l, const struct offsim_context *c, double *distribution)
{
  const struct util_range *r = &util_ranges(l)[c->context];
  const struct gain *gain = gains(l) + c->first_arm;
  double k = 0, most = -INFINITY, sum = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    k++;
    distribution[a] = gain_of(l, r, &gain[a]);
    most = fmax(most, distribution[a]);
  }
  double g = exploration(l, k, (double)r->asked);
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) sum += distribution[a] = exp(g / k * (distribution[a] - most));
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) distribution[a] = (1 - g) * distribution[a] / sum + g / k;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  fill(l, c, d->distribution);
  util_draw(c, d);
  util_ranges(l)[c->context].asked++;
  *(struct memo *)memo = (struct memo){.action = (uint32_t)d->action, .p = d->propensity};
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct util_learner *l = state;
  const struct memo *kept = memo;
  if (isnan(o->reward) || o->action != (int32_t)kept->action) return;
  struct gain *g = &gains(l)[o->first_arm + kept->action];
  util_range_add(&util_ranges(l)[o->context], o->reward);
  g->reward += o->reward / kept->p;
  g->one += 1 / kept->p;
}

static const struct offsim_parameter parameters[] = {
  {.name = "horizon", .type = OFFSIM_NUMBER, .help = "decisions of the whole run; 0 = the decisions so far", .max = 1e15},
  {.name = "gamma", .type = OFFSIM_NUMBER, .help = "share of uniform exploration; 0 = by the horizon", .max = 1},
  UTIL_PARAMETER_LOW, UTIL_PARAMETER_HIGH};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "exp3", .description = "exponential weights: makes no assumption on rewards",
  .citation = "Auer, Cesa-Bianchi, Freund, Schapire: The nonstochastic multiarmed bandit problem, 2002",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR | OFFSIM_REPORTS_DISTRIBUTION,
  .n_parameters = 4, .parameter = parameters, .memo_size = sizeof(struct memo), .state_size = state_size,
  .init = init, .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
