/* lints: linear Thompson sampling (Agrawal and Goyal, ICML 2013).
 *
 *   theta ~ N(A^-1 sum (r - m) x, alpha^2 s^2 A^-1),   A = I + sum x x';   the largest theta . x wins
 *
 * Models, features and their scaling as in linucb. shared draws one theta for all actions; disjoint one per action, which
 * is theta . x ~ N(mean, alpha^2 s^2 x' A^-1 x). s^2 = the mean square of the errors that the model made before it learned
 * from each outcome, + (range of rewards / n)^2 while a model has few outcomes n; without any, s = range: no prior knowledge
 * of the noise, and free of the reward's scale and origin. m = mean of all rewards of this kind of decision. No initial
 * pulls; ties: the first in the scenario's order. The propensity has no closed form: (1 + hits) / (1 + draws) from further
 * draws of theta. Declared: stochastic, learns, sublinear. Check: twenty actions with unit vectors in five dimensions, noise
 * .1, T = 4000: regret below 1 % of random choice.
 */
#include "policies/policy_util.h"
#include <string.h>

enum { DRAWS = UTIL_LINEAR_FEATURES + 1 };
enum { SHARED_SQUARES = UTIL_N_SHARED * UTIL_N_SHARED };

/* Head of the state. */
struct lints { double draws, pad; struct util_linear linear; };
/* What all draws of a decision share: L L' = A^-1 of the shared model; mean and deviation of each action elsewhere. */
struct posterior { struct util_linear *l; const struct offsim_context *c; double m, s, factor[SHARED_SQUARES]; };

static size_t state_size(const struct offsim_setup *s)
{
  return sizeof(struct lints) - sizeof(struct util_linear) + util_ellipsoid_size(s);
}

static const char *init(const struct offsim_setup *s, void *state)
{
  struct lints *t = state;
  t->draws = s->parameter[DRAWS].number;
  return util_ellipsoid_init(s, &t->linear);
}

/* Deviation of the noise as one model sees it; its outcomes are counted by the sum of x[0] = 1. */
static double noise(const struct util_seen *seen, struct util_ellipsoid m)
{
  double n = m.sum_one[0], range = util_width(&seen->range) > 0 ? util_width(&seen->range) : 1;
  double error = seen->own.done ? seen->own.mean : 0;
  return n > 0 ? sqrt(error + range * range / (n * n)) : range;
}

/* Lower triangle L with L L' = a. Rounding may take a pivot to 0: that direction is known. */
static void cholesky(const double *a, uint32_t d, double *lower)
{
  memset(lower, 0, (size_t)d * d * sizeof *lower);
  for (uint32_t i = 0; i < d; i++)
    for (uint32_t j = 0; j <= i; j++) {
      double rest = a[i * d + j] - util_dot(&lower[i * d], &lower[j * d], j), pivot = lower[j * d + j];
      lower[i * d + j] = i == j ? sqrt(rest > 0 ? rest : 0) : pivot > 0 ? rest / pivot : 0;
    }
}

static void draw_shared(const struct posterior *p, struct util_ellipsoid m, double *theta)
{
  uint32_t d = p->l->dimension;
  double z[UTIL_MAX_DIMENSION];
  for (uint32_t j = 0; j < d; j++) z[j] = util_normal(p->c);
  for (uint32_t j = 0; j < d; j++)
    theta[j] = m.reward[j] - p->m * m.one[j] + p->s * util_dot(&p->factor[j * d], z, j + 1);
}

/* One draw: the action that wins. The scales of features are settled; `x` is that of the request when disjoint. */
static int32_t winner(const struct posterior *p, double *x)
{
  struct util_linear *l = p->l;
  const struct offsim_context *c = p->c;
  const struct util_seen *seen = &util_rewards(l)[c->context];
  double theta[UTIL_MAX_DIMENSION];
  struct util_pick best = {.action = UTIL_NONE};
  if (l->model != UTIL_DISJOINT) draw_shared(p, util_ellipsoid_at(l, c->context), theta);
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    if (l->model != UTIL_DISJOINT) {
      util_action_features(l, c, a, x, util_ellipsoid_rescale);
      util_offer(&best, c, a, util_dot(theta, x, l->dimension), false);
      continue;
    }
    struct util_ellipsoid m = util_ellipsoid_at(l, util_model_of(l, c, a));
    double s = l->alpha * noise(seen, m) * sqrt(util_ellipsoid_square(l, m, x));
    util_offer(&best, c, a, util_ellipsoid_mean(l, m, x, p->m) + s * util_normal(c), false);
  }
  return best.action;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct lints *t = state;
  struct util_linear *l = &t->linear;
  struct util_seen *seen = &util_rewards(l)[c->context];
  struct posterior p = {.l = l, .c = c, .m = seen->all.mean};
  double x[UTIL_MAX_DIMENSION], hits = 0;
  util_settle(l, c, x, util_ellipsoid_rescale);
  if (l->model != UTIL_DISJOINT) {
    struct util_ellipsoid m = util_ellipsoid_at(l, c->context);
    p.s = l->alpha * noise(seen, m);
    cholesky(m.inverse, l->dimension, p.factor);
  }
  d->action = winner(&p, x);
  for (int i = 0; i < (int)t->draws; i++) hits += winner(&p, x) == d->action;
  d->propensity = (1 + hits) / (1 + t->draws);
  if (l->model != UTIL_DISJOINT) util_action_features(l, c, (uint32_t)d->action, x, util_ellipsoid_rescale);
  util_linear_keep(l, memo, d->action, x);
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct util_linear *l = &((struct lints *)state)->linear;
  double x[UTIL_MAX_DIMENSION], m = util_rewards(l)[o->context].all.mean;
  uint32_t model;
  if (!util_linear_outcome(l, o, memo, x, &model, util_ellipsoid_rescale)) return;
  struct util_ellipsoid e = util_ellipsoid_at(l, model);
  double error = o->reward - m - util_ellipsoid_mean(l, e, x, m);
  if (e.sum_one[0] > 0) util_arm_add(&util_rewards(l)[o->context].own, error * error);
  util_ellipsoid_learn(l, e, x, o->reward);
}

static const struct offsim_parameter parameters[] = {
  UTIL_PARAMETERS_LINEAR("width of the posterior, in units of the noise", 1),
  {.name = "propensity_draws", .type = OFFSIM_INTEGER, .help = "posterior draws that estimate the propensity",
   .min = 1, .max = 10000, .number = 16}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "lints", .description = "draws from the posterior of linear models of the reward",
  .citation = "Agrawal, Goyal: Thompson sampling for contextual bandits with linear payoffs, ICML 2013",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR,
  .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE, .n_parameters = 4, .parameter = parameters,
  .memo_size = sizeof(struct util_linear_memo), .state_size = state_size, .init = init, .decide = decide,
  .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
