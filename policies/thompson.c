/* thompson: posterior sampling (Thompson 1933; Agrawal and Goyal, COLT 2012).
 *
 * beta: theta(a) ~ Beta(1 + S, 1 + n - S), S = sum of (reward - low) / (high - low), which on Bernoulli rewards is the
 * number of successes. low = high (the default) means the smallest and largest reward seen in this kind of decision.
 * gaussian: theta(a) ~ N(mean(a), s^2 / n(a)), s^2 pooled within the arms; two initial pulls each, then always drawn.
 * Both are free of the reward's scale and origin. The largest theta wins; ties: the first in the scenario's order.
 *
 * The propensity has no closed form: it is estimated as (1 + hits) / (1 + draws) from further posterior draws.
 * No schedule: the posteriors narrow by themselves. Declared: stochastic, learns, sublinear. Check: beta on nine Bernoulli
 * arms .1 ... .9, T = 10^4: regret 42.1 +- .5; with outcomes 100 decisions late 71.
 */
#include "policies/policy_util.h"

enum { MODEL, LOW, HIGH, DRAWS };
enum { BETA, GAUSSIAN };

static double beta_theta(const struct offsim_context *c, const struct util_arm *arm, double low, double range)
{
  double n = arm->done, s = range > 0 ? n * (arm->mean - low) / range : n / 2;
  s = s < 0 ? 0 : s > n ? n : s;
  return util_beta(c, 1 + s, 1 + n - s);
}

/* Pooled variance within the arms of this decision. */
static double pooled(const struct offsim_context *c, const struct util_arm *arm)
{
  double squares = 0, freedom = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    squares += arm[a].m2;
    if (arm[a].done > 1) freedom += arm[a].done - 1;
  }
  return freedom > 0 ? squares / freedom : 0;
}

/* One draw of all posteriors: the action that wins. `a0` and `b0`: low and range, or pooled variance and grand mean. */
static int32_t winner(const struct offsim_context *c, const struct util_arm *arm, int model, double a0, double b0)
{
  int32_t best = UTIL_NONE;
  double most = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    double n = arm[a].done, theta;
    if (model == BETA) theta = beta_theta(c, &arm[a], a0, b0);
    else theta = (n > 0 ? arm[a].mean : b0) + sqrt(a0 / (n > 0 ? n : 1)) * util_normal(c);
    if (best == UTIL_NONE || theta > most) { best = (int32_t)a; most = theta; }
  }
  return best;
}

static double grand_mean(const struct offsim_context *c, const struct util_arm *arm)
{
  double sum = 0, n = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) { sum += arm[a].done * arm[a].mean; n += arm[a].done; }
  return n > 0 ? sum / n : 0;
}

static void sample(const struct util_learner *l, const struct util_range *r, const struct util_arm *arm,
                   const struct offsim_context *c, struct offsim_decision *d)
{
  int model = (int)l->parameter[MODEL];
  bool fixed = l->parameter[HIGH] > l->parameter[LOW];
  double a0 = fixed ? l->parameter[LOW] : r->low, b0 = fixed ? l->parameter[HIGH] - a0 : r->high - r->low;
  if (model == GAUSSIAN) { a0 = pooled(c, arm); b0 = grand_mean(c, arm); }
  d->action = winner(c, arm, model, a0, b0);
  int draws = (int)l->parameter[DRAWS], hits = 0;
  for (int i = 0; i < draws; i++) hits += winner(c, arm, model, a0, b0) == d->action;
  d->propensity = (1.0 + hits) / (1.0 + draws);
}

static const char *init(const struct offsim_setup *s, void *state) { return util_learner_init_range(s, state, LOW, HIGH); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  d->action = (int)l->parameter[MODEL] == GAUSSIAN ? util_initial(c, arm, 2) : UTIL_NONE;
  if (d->action == UTIL_NONE) sample(l, r, arm, c, d);
  util_ask(r, arm, d->action, memo);
}

static const struct offsim_parameter parameters[] = {
  {.name = "model", .type = OFFSIM_CHOICE, .help = "what is assumed of rewards", .text = "gaussian",
   .choices = "beta|gaussian"},
  {.name = "low", .type = OFFSIM_NUMBER, .help = "beta: reward that counts as failure", .min = -1e300, .max = 1e300},
  {.name = "high", .type = OFFSIM_NUMBER, .help = "beta: reward that counts as success (equal to low: as seen)",
   .min = -1e300, .max = 1e300},
  {.name = "propensity_draws", .type = OFFSIM_INTEGER, .help = "posterior draws that estimate the propensity",
   .min = 1, .max = 10000, .number = 16}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "thompson", .description = "draws from the posterior of each action's mean reward",
  .citation = "Thompson: On the likelihood that one unknown probability exceeds another, Biometrika 25, 1933",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR, .n_parameters = 4, .parameter = parameters,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
