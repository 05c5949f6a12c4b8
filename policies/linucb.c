/* linucb: linear reward models with confidence ellipsoids (Li, Chu, Langford and Schapire, WWW 2010).
 *
 *   index(a) = theta(a) . x + alpha * s * sqrt(x' A(a)^-1 x),   A = I + sum x x',   theta = A^-1 sum (r - m) x
 *
 * disjoint: one model per action, x = (1, the selected features of the request). shared: one model for all actions of
 * a kind of decision, x = (1, is edge, is cloud, estimated latency, cost, energy, quality, queue) of the action.
 * m is the mean of the rewards of this kind of decision so far, s their range (largest - smallest), so that the index
 * is free of the reward's scale and origin. Each feature is divided by the power of two above its largest size so far;
 * when that grows, the models are re-expressed as if it had been so from the start. Unknown features count 0. A^-1 is
 * kept by Sherman-Morrison. Ties: the first in the scenario's order; no initial pulls. Check: twenty actions with unit
 * vectors in five dimensions, noise .1, T = 4000: regret below 1 % of random choice.
 */
#include "policies/policy_util.h"
#include <string.h>

enum { MODEL, ALPHA, FEATURES };
enum { DISJOINT, SHARED };
enum { N_SHARED = 8, MAX_DIMENSION = 17 };

/* All rewards of a kind of decision. */
struct seen { struct util_arm all; struct util_range range; };
struct memo { uint32_t action, pad; double x[MAX_DIMENSION]; };
/* Head; then what is known of all rewards per context, scale[d], one model per arm (or per context when shared). */
struct linucb { uint32_t dimension, n_contexts, n_models, first_feature; int32_t model; uint32_t pad; double alpha; };
/* A model: A^-1 [d*d], A^-1 sum r x [d], A^-1 sum x [d], and the two sums themselves [d] each. */
struct model { double *inverse, *reward, *one, *sum_reward, *sum_one; };

static uint32_t dimension_of(const struct offsim_setup *s)
{
  return (int)s->parameter[MODEL].number == SHARED ? N_SHARED : 1 + s->n_selected;
}
static uint32_t models_of(const struct offsim_setup *s)
{
  return (int)s->parameter[MODEL].number == SHARED ? s->n_contexts : s->n_arms;
}
static size_t model_doubles(uint32_t d) { return (size_t)d * (d + 4); }

static size_t state_size(const struct offsim_setup *s)
{
  uint32_t d = dimension_of(s);
  return sizeof(struct linucb) + s->n_contexts * sizeof(struct seen) +
         (d + models_of(s) * model_doubles(d)) * sizeof(double);
}

static struct seen *rewards(struct linucb *l) { return (struct seen *)(void *)(l + 1); }
static double *scales(struct linucb *l) { return (double *)(void *)(rewards(l) + l->n_contexts); }

static struct model model_at(struct linucb *l, uint32_t i)
{
  uint32_t d = l->dimension;
  double *p = scales(l) + d + i * model_doubles(d), *v = p + (size_t)d * d;
  return (struct model){p, v, v + d, v + 2 * d, v + 3 * d};
}

static const char *init(const struct offsim_setup *s, void *state)
{
  struct linucb *l = state;
  l->model = (int32_t)s->parameter[MODEL].number;
  l->alpha = s->parameter[ALPHA].number;
  l->dimension = dimension_of(s);
  if (l->dimension > MAX_DIMENSION) return "linucb reads at most 16 features";
  l->n_contexts = s->n_contexts;
  l->n_models = models_of(s);
  l->first_feature = s->parameter[FEATURES].number < 0 ? 0 : (uint32_t)s->parameter[FEATURES].number;
  for (uint32_t i = 0; i < l->n_models; i++)
    for (uint32_t j = 0; j < l->dimension; j++) model_at(l, i).inverse[(size_t)j * l->dimension + j] = 1;
  return NULL;
}

static double dot(const double *a, const double *b, uint32_t n)
{
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* A += weight x x' in its inverse. */
static void add_square(struct model m, uint32_t d, const double *x, double weight)
{
  double v[MAX_DIMENSION], down = 1;
  for (uint32_t j = 0; j < d; j++) { v[j] = dot(&m.inverse[(size_t)j * d], x, d); down += weight * x[j] * v[j]; }
  for (uint32_t j = 0; j < d; j++)
    for (uint32_t k = 0; k < d; k++) m.inverse[(size_t)j * d + k] -= weight * v[j] * v[k] / down;
}

static void solve(struct model m, uint32_t d)
{
  for (uint32_t j = 0; j < d; j++) {
    m.reward[j] = dot(&m.inverse[(size_t)j * d], m.sum_reward, d);
    m.one[j] = dot(&m.inverse[(size_t)j * d], m.sum_one, d);
  }
}

/* ---- scaling ----------------------------------------------------------------------------------------------------- */

/* From now on x_j' = ratio x_j, ratio < 1: A' = R A R, and its ridge comes back to 1. */
static void rescale(struct linucb *l, uint32_t j, double ratio)
{
  uint32_t d = l->dimension;
  double unit[MAX_DIMENSION] = {0};
  unit[j] = 1;
  for (uint32_t i = 0; i < l->n_models; i++) {
    struct model m = model_at(l, i);
    for (uint32_t k = 0; k < d; k++) { m.inverse[(size_t)j * d + k] /= ratio; m.inverse[(size_t)k * d + j] /= ratio; }
    m.sum_reward[j] *= ratio;
    m.sum_one[j] *= ratio;
    add_square(m, d, unit, 1 - ratio * ratio);
    solve(m, d);
  }
}

static double scaled(struct linucb *l, uint32_t j, double x)
{
  if (!isfinite(x) || x == 0) return 0;
  double *scale = &scales(l)[j], size = fabs(x);
  if (size > *scale) {
    int exponent;
    double power = frexp(size, &exponent) > 0.5 ? ldexp(1, exponent) : size;
    if (*scale > 0) rescale(l, j, *scale / power);
    *scale = power;
  }
  return x / *scale;
}

/* ---- the policy -------------------------------------------------------------------------------------------------- */

static void request_features(struct linucb *l, const struct offsim_context *c, double *x)
{
  x[0] = 1;
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = scaled(l, j, c->value[l->first_feature + j - 1]);
}

static void action_features(struct linucb *l, const struct offsim_context *c, uint32_t a, double *x)
{
  const double raw[N_SHARED] = {1, c->tier[a] == OFFSIM_EDGE, c->tier[a] == OFFSIM_CLOUD, c->est_latency_s[a],
                                c->est_cost_usd[a], c->est_energy_j[a], c->est_quality[a], c->queue[a]};
  x[0] = 1;
  for (uint32_t j = 1; j < N_SHARED; j++) x[j] = scaled(l, j, raw[j]);
}

static double index_of(struct linucb *l, uint32_t model, const struct seen *seen, const double *x)
{
  uint32_t d = l->dimension;
  struct model m = model_at(l, model);
  double square = 0, s = seen->range.high > seen->range.low ? seen->range.high - seen->range.low : 1;
  for (uint32_t j = 0; j < d; j++) square += x[j] * dot(&m.inverse[(size_t)j * d], x, d);
  return dot(m.reward, x, d) - seen->all.mean * dot(m.one, x, d) + l->alpha * s * sqrt(square > 0 ? square : 0);
}

/* Scales are settled for all actions first, since a growing one changes the others' features. */
static void settle(struct linucb *l, const struct offsim_context *c, double *x)
{
  if (l->model == DISJOINT) { request_features(l, c, x); return; }
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) action_features(l, c, a, x);
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct linucb *l = state;
  struct memo *kept = memo;
  double x[MAX_DIMENSION], best = 0;
  settle(l, c, x);
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    if (l->model == SHARED) action_features(l, c, a, x);
    double value = index_of(l, l->model == SHARED ? c->context : c->first_arm + a, &rewards(l)[c->context], x);
    if (d->action >= 0 && value <= best) continue;
    d->action = (int32_t)a; best = value;
    memcpy(kept->x, x, l->dimension * sizeof *x);
  }
  kept->action = (uint32_t)d->action;
  for (uint32_t j = 1; j < l->dimension; j++) kept->x[j] *= scales(l)[j];       /* scales may grow until the outcome */
}

static void learn(struct linucb *l, struct model m, const double *x, double reward)
{
  add_square(m, l->dimension, x, 1);
  for (uint32_t j = 0; j < l->dimension; j++) { m.sum_reward[j] += reward * x[j]; m.sum_one[j] += x[j]; }
  solve(m, l->dimension);
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct linucb *l = state;
  const struct memo *kept = memo;
  if (isnan(o->reward) || o->action < 0) return;
  if (l->model == SHARED && o->action != (int32_t)kept->action) return;         /* x is of the action that was wanted */
  double x[MAX_DIMENSION] = {1};
  for (uint32_t j = 1; j < l->dimension; j++) x[j] = scaled(l, j, kept->x[j]);
  util_arm_add(&rewards(l)[o->context].all, o->reward);
  util_range_add(&rewards(l)[o->context].range, o->reward);
  learn(l, model_at(l, l->model == SHARED ? o->context : o->first_arm + (uint32_t)o->action), x, o->reward);
}

static const struct offsim_parameter parameters[] = {
  {.name = "model", .type = OFFSIM_CHOICE, .help = "a model per action, or one of the actions' properties",
   .text = "disjoint", .choices = "disjoint|shared"},
  {.name = "alpha", .type = OFFSIM_NUMBER, .help = "width of the ellipsoid, in units of the range of rewards",
   .max = 1e6, .number = 1},
  {.name = "features", .type = OFFSIM_FEATURES, .help = "features of the request (disjoint)", .text = "*"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "linucb", .description = "linear models of the reward with confidence ellipsoids",
  .citation = "Li, Chu, Langford, Schapire: A contextual-bandit approach to news recommendation, WWW 2010",
  .capabilities = OFFSIM_LEARNS | OFFSIM_SUBLINEAR, .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE,
  .n_parameters = 3, .parameter = parameters, .memo_size = sizeof(struct memo), .state_size = state_size, .init = init,
  .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
