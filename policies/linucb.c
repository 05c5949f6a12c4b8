/* linucb: linear reward models with confidence ellipsoids (Li, Chu, Langford and Schapire, WWW 2010).
 *
 *   index(a) = theta(a) . x + alpha * s * sqrt(x' A(a)^-1 x),   A = I + sum x x',   theta = A^-1 sum (r - m) x
 *
 * disjoint: one model per action, x = (1, the selected features of the request). shared: one model for all actions of
 * a kind of decision, x = (1, is edge, is cloud, estimated latency, cost, energy, quality, queue) of the action. rows: the
 * same with x = (1, the action's own part of the selected features).
 * m is the mean of the rewards of this kind of decision so far, s their range (largest - smallest), so that the index
 * is free of the reward's scale and origin. Each feature is divided by the power of two above its largest size so far;
 * when that grows, the models are re-expressed as if it had been so from the start. Unknown features count 0. A^-1 is
 * kept by Sherman-Morrison. Ties: the first in the scenario's order; no initial pulls, no schedule. Declared: learns,
 * sublinear.
 * `form: textbook` is the rule as published, for rewards and features of known size: x without the 1, features as they
 * are, m = 0, s = 1.
 * Check: twenty actions with unit vectors in ten dimensions, noise .1, T = 4000: regret 6.1 (textbook), below 1 % of
 * random choice (relative).
 */
#include "policies/policy_util.h"
#include <string.h>

enum { FORM = 3, RELATIVE = 0 };

static const char *init(const struct offsim_setup *s, void *state)
{
  const char *flaw = util_ellipsoid_init(s, state);
  if (!flaw && s->parameter[FORM].number != RELATIVE) util_linear_as_given(state);
  return flaw;
}

static double index_of(struct util_linear *l, uint32_t model, const struct util_seen *seen, const double *x)
{
  struct util_ellipsoid m = util_ellipsoid_at(l, model);
  double s = !l->as_given && util_width(&seen->range) > 0 ? util_width(&seen->range) : 1;
  return util_ellipsoid_mean(l, m, x, l->as_given ? 0 : seen->all.mean) + l->alpha * s * sqrt(util_ellipsoid_square(l, m, x));
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_linear *l = state;
  double x[UTIL_MAX_DIMENSION], chosen[UTIL_MAX_DIMENSION] = {0}, best = 0;
  util_settle(l, c, x, util_ellipsoid_rescale);
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    if (l->model != UTIL_DISJOINT) util_action_features(l, c, a, x, util_ellipsoid_rescale);
    double value = index_of(l, util_model_of(l, c, a), &util_rewards(l)[c->context], x);
    if (d->action >= 0 && value <= best) continue;
    d->action = (int32_t)a; best = value;
    memcpy(chosen, x, l->dimension * sizeof *x);
  }
  util_linear_keep(l, memo, d->action, chosen);
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct util_linear *l = state;
  double x[UTIL_MAX_DIMENSION];
  uint32_t model;
  if (util_linear_outcome(l, o, memo, x, &model, util_ellipsoid_rescale))
    util_ellipsoid_learn(l, util_ellipsoid_at(l, model), x, o->reward);
}

static const struct offsim_parameter parameters[] = {
  UTIL_PARAMETERS_LINEAR("width of the ellipsoid, in units of the range of rewards", 1),
  {.name = "form", .type = OFFSIM_CHOICE, .text = "relative", .choices = "relative|textbook",
   .help = "relative: free of the scale and origin of rewards and features; textbook: both as they are, no constant term"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "linucb", .description = "linear models of the reward with confidence ellipsoids",
  .citation = "Li, Chu, Langford, Schapire: A contextual-bandit approach to news recommendation, WWW 2010",
  .capabilities = OFFSIM_LEARNS | OFFSIM_SUBLINEAR, .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE,
  .n_parameters = 4, .parameter = parameters, .memo_size = sizeof(struct util_linear_memo),
  .state_size = util_ellipsoid_size, .init = init, .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
