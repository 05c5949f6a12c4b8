/* d_linucb: linear UCB that forgets (Russac, Vernade and Cappe, NeurIPS 2019).
 *
 *   index(a) = theta . x + alpha s sqrt(x' V^-1 W V^-1 x),   V = I + sum g^(t-i) x x',   W = I + sum g^(2(t-i)) x x',
 *   theta = V^-1 sum g^(t-i) (r - m) x,   g = gamma
 *
 * Questions whose outcomes are on their way count in V and W of the width, not in theta: else late outcomes make the rule
 * repeat itself until all else is forgotten. t - i = outcomes of this kind of decision since outcome i. Models, features and their scaling as in linucb; m is the
 * discounted mean of rewards, s their range so far: free of the reward's scale and origin. No initial pulls: an arm that was
 * not tried lately has the widest interval. Ties: the first in the scenario's order. gamma 0 (the default): 1 - (d T)^(-2/3),
 * the source's schedule for one change, T = `horizon`, d = features of a model. Declared: learns, adapts. Check: Bernoulli
 * arms .5, .3, .4, the third .9 in [3000, 5000), T = 10^4: regret below that of ucb1, 604.
 */
#include "policies/policy_util.h"
#include <string.h>

enum { GAMMA = UTIL_LINEAR_FEATURES + 1, HORIZON };

struct d_linucb { double gamma, pad; struct util_linear linear; };
/* A model: the sums of g x x' and g^2 x x' [d*d], of x x' on their way [d*d], of g r x and g x [d], and the outcomes of its
 * kind at their date. */
struct model { double *v, *w, *late, *reward, *one, *date; };

static size_t doubles(const struct offsim_setup *s)
{
  size_t d = util_dimension(s);
  return 3 * d * d + 2 * d + 1;
}

static size_t state_size(const struct offsim_setup *s)
{
  return sizeof(struct d_linucb) - sizeof(struct util_linear) + util_linear_size(s, doubles(s));
}

static const char *init(const struct offsim_setup *s, void *state)
{
  struct d_linucb *t = state;
  double gamma = s->parameter[GAMMA].number;
  t->gamma = gamma > 0 ? gamma : 1 - pow(util_dimension(s) * s->parameter[HORIZON].number, -2. / 3);
  return util_linear_init(s, &t->linear, doubles(s));
}

static struct model model_at(struct util_linear *l, uint32_t i)
{
  size_t d = l->dimension;
  double *p = util_model_numbers(l, i);
  double *v = p + 3 * d * d;
  return (struct model){p, p + d * d, p + 2 * d * d, v, v + d, v + 2 * d};
}

static void rescale(struct util_linear *l, uint32_t j, double ratio)
{
  uint32_t d = l->dimension;
  for (uint32_t i = 0; i < l->n_models; i++) {
    struct model m = model_at(l, i);
    for (uint32_t k = 0; k < d; k++) {
      m.v[j * d + k] *= ratio; m.v[k * d + j] *= ratio;
      m.w[j * d + k] *= ratio; m.w[k * d + j] *= ratio;
      m.late[j * d + k] *= ratio; m.late[k * d + j] *= ratio;
    }
    m.reward[j] *= ratio;
    m.one[j] *= ratio;
  }
}

/* y = (I + scale v + more late)^-1 x by Cholesky; the ridge keeps every pivot >= 1 but for rounding. */
static void solve(struct model m, double scale, double more, uint32_t d, const double *x, double *y)
{
  double lower[UTIL_MAX_DIMENSION * UTIL_MAX_DIMENSION];
  for (uint32_t i = 0; i < d; i++) {
    for (uint32_t j = 0; j <= i; j++) {
      double rest = scale * m.v[i * d + j] + more * m.late[i * d + j] + (i == j) - util_dot(&lower[i * d], &lower[j * d], j);
      lower[i * d + j] = i == j ? sqrt(rest > 1e-9 ? rest : 1e-9) : rest / lower[j * d + j];
    }
    y[i] = (x[i] - util_dot(&lower[i * d], y, i)) / lower[i * d + i];
  }
  for (uint32_t i = d; i-- > 0;) {
    for (uint32_t k = i + 1; k < d; k++) y[i] -= lower[k * d + i] * y[k];
    y[i] /= lower[i * d + i];
  }
}

static double index_of(const struct d_linucb *t, struct util_linear *l, struct model m, const struct util_seen *seen,
                       const double *x)
{
  uint32_t d = l->dimension;
  double y[UTIL_MAX_DIMENSION], g = pow(t->gamma, (double)seen->range.done - *m.date), square = 0;
  double s = util_width(&seen->range) > 0 ? util_width(&seen->range) : 1;
  solve(m, g, 0, d, x, y);
  double mean = g * (util_dot(m.reward, y, d) - seen->own.mean * util_dot(m.one, y, d));
  solve(m, g, 1, d, x, y);
  for (uint32_t j = 0; j < d; j++)
    square += y[j] * (y[j] + g * g * util_dot(&m.w[j * d], y, d) + util_dot(&m.late[j * d], y, d));
  return mean + l->alpha * s * sqrt(square > 0 ? square : 0);
}

static void add_late(struct model m, uint32_t d, const double *x, double weight)
{
  for (uint32_t j = 0; j < d; j++)
    for (uint32_t k = 0; k < d; k++) m.late[j * d + k] += weight * x[j] * x[k];
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct d_linucb *t = state;
  struct util_linear *l = &t->linear;
  struct util_pick best = {.action = UTIL_NONE};
  double x[UTIL_MAX_DIMENSION];
  util_settle(l, c, x, rescale);
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    if (l->model != UTIL_DISJOINT) util_action_features(l, c, a, x, rescale);
    util_offer(&best, c, a, index_of(t, l, model_at(l, util_model_of(l, c, a)), &util_rewards(l)[c->context], x), false);
  }
  d->action = best.action;
  if (l->model != UTIL_DISJOINT) util_action_features(l, c, (uint32_t)d->action, x, rescale);
  add_late(model_at(l, util_model_of(l, c, (uint32_t)d->action)), l->dimension, x, 1);
  util_linear_keep(l, memo, d->action, x);
}

static void learn(struct model m, uint32_t d, double g, const double *x, double reward)
{
  for (uint32_t j = 0; j < d; j++) {
    for (uint32_t k = 0; k < d; k++) {
      m.v[j * d + k] = g * m.v[j * d + k] + x[j] * x[k];
      m.w[j * d + k] = g * g * m.w[j * d + k] + x[j] * x[k];
    }
    m.reward[j] = g * m.reward[j] + reward * x[j];
    m.one[j] = g * m.one[j] + x[j];
  }
}

/* own.mean is the discounted mean of rewards, own.m2 its weight. */
static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct d_linucb *t = state;
  struct util_linear *l = &t->linear;
  double x[UTIL_MAX_DIMENSION];
  const struct util_linear_memo *kept = memo;
  uint32_t number = l->model != UTIL_DISJOINT ? o->context : o->first_arm + kept->action;
  x[0] = 1;
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = util_scaled(l, j, kept->x[j], rescale);
  add_late(model_at(l, number), l->dimension, x, -1);
  if (!util_linear_outcome(l, o, memo, x, &number, rescale)) return;
  struct util_seen *seen = &util_rewards(l)[o->context];
  struct model m = model_at(l, number);
  double now = (double)seen->range.done;
  learn(m, l->dimension, pow(t->gamma, now - *m.date), x, o->reward);
  *m.date = now;
  seen->own.m2 = t->gamma * seen->own.m2 + 1;
  seen->own.mean += (o->reward - seen->own.mean) / seen->own.m2;
}

static const struct offsim_parameter parameters[] = {
  UTIL_PARAMETERS_LINEAR("width of the ellipsoid, in units of the range of rewards", 1),
  {.name = "gamma", .type = OFFSIM_NUMBER, .help = "weight of an outcome after one more; 0 = by the horizon", .max = 1},
  {.name = "horizon", .type = OFFSIM_NUMBER, .help = "T, for gamma: decisions of the whole run", .min = 2, .max = 1e9,
   .number = 1e4}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "d_linucb", .description = "linear models with ellipsoids that forget the past",
  .citation = "Russac, Vernade, Cappe: Weighted linear bandits for non-stationary environments, NeurIPS 2019",
  .capabilities = OFFSIM_LEARNS | OFFSIM_ADAPTS, .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE,
  .n_parameters = 5, .parameter = parameters, .memo_size = sizeof(struct util_linear_memo), .state_size = state_size,
  .init = init, .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
