/* fit.c: candidates for the cost of a kernel, each fitted and judged without each shape in turn, and the choice. The error of
 * the choice is not that of the winner, which would be the luckiest of some hundred: each shape is predicted by the candidate
 * that is chosen without it, by predictions of the rest that do not know it either (nested leave-one-out; Varma, Simon 2006).
 * What stays of all shapes: the places of the knots, which follow from the axes alone; Huber's weights and the mean of the
 * weights; whether a monotone cost rises or falls; by which shapes candidates are compared; which shapes and passes were disturbed and
 * whether the clock is divided out. With 3 or 4 shapes the choice falls back on what the fits leave, which knows the shape; beyond
 * MOST_NESTED shapes the error is that of the winner.
 *
 * A candidate is a grid of knots in the logarithms of one or two axes; B_i are the weights of the four (two) knots around
 * shape i. Curves and tables minimise
 *   sum_i w_i (y_i - B_i theta)^2 + n s sum (bend of theta)^2 + tiny sums of slopes,
 * with w_i from the shape's interval and, for curves, Huber's weights (1964) by the residuals: min(1, 1.5 scale / |r|).
 * A bend is the change of slope at a knot times half the distance of its neighbours; the stiffness s is small: it keeps
 * knots without data on the straight line between their neighbours. monotone: pool adjacent violators (Ayer et al. 1955).
 * Check: costs 1, 4, 16 ns at 1, 4, 16 kB are the line "slope 1": a curve of two knots, left-out error 0.
 */
#include "experiments/calibrate/fit_parts.h"
#include "sim/zeros.h"

#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const kernel_model_name[N_KERNEL_MODELS] = {"curve", "monotone", "table"};

enum { MOST_KNOTS = 64, MOST_GRID = 256, CORNERS = 4, ROUNDS = 6 };
#define NEAR_KNOTS 0.02                                 /* ln: measured values nearer than this share a knot of a table */
#define TINY 1e-9

struct grid { int n_axes, of[KERNEL_COST_AXES], n[KERNEL_COST_AXES]; double knot[KERNEL_COST_AXES][MOST_KNOTS]; };
struct candidate {
  enum kernel_model model;
  struct grid grid;
  double stiffness[KERNEL_COST_AXES];                   /* along each axis */
  double *theta, *left_out;                             /* ln cost at the knots; of each shape without itself, or NaN */
  bool *among;                                          /* the shape is among the others in the grid's axes: it may be left out */
  double *pair;                                         /* [i][k]: of shape k without k and i; NULL: not asked for */
  double score;                                         /* by the common shapes, mean |ln| with the price of knots */
  double residual;                                      /* of the fit itself, mean |ln| */
};
struct corners { int n, knot[CORNERS]; double weight[CORNERS]; };

/* ---- knots ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Different values of an axis, ascending; at most MOST_KNOTS + 1 are counted. `near` ones are one, the ends stay. */
static int distinct(const struct fit_data *d, int axis, double near, double *out)
{
  double *x = zeros_new((size_t)d->n, sizeof *x);
  int n = 0;
  for (int i = 0; i < d->n; i++) x[i] = d->x[i][axis];
  qsort(x, (size_t)d->n, sizeof *x, by_value);
  for (int i = 0; i < d->n && n < MOST_KNOTS; i++)
    if (n == 0 || x[i] - out[n - 1] > near) out[n++] = x[i];
  if (n > 1 && x[d->n - 1] > out[n - 1]) out[n - 1] = x[d->n - 1];
  free(x);
  return n;
}

/* `wanted` of n values, evenly by rank, both ends among them. */
static int thin(const double *from, int n, int wanted, double *out)
{
  if (wanted > n) wanted = n;
  for (int i = 0; i < wanted; i++) out[i] = from[wanted == 1 ? n / 2 : (int)lround((double)i * (n - 1) / (wanted - 1))];
  return wanted;
}

static int grid_size(const struct grid *g)
{
  return g->n[0] * (g->n_axes > 1 ? g->n[1] : 1);
}

/* ---- penalised least squares ------------------------------------------------------------------------------------- */

static int knot_below(const struct grid *g, int axis, double x, double *share)
{
  int i = 0, last = g->n[axis] - 1;
  const double *k = g->knot[axis];
  *share = 0;
  if (last == 0 || x <= k[0]) return 0;
  if (x >= k[last]) return last;
  while (k[i + 1] <= x) i++;
  *share = (x - k[i]) / (k[i + 1] - k[i]);
  return i;
}

static void add_corner(struct corners *c, int knot, double weight)
{
  if (weight <= 0) return;
  c->knot[c->n] = knot;
  c->weight[c->n++] = weight;
}

static struct corners corners_at(const struct grid *g, const double *x)
{
  struct corners c = {0};
  double s = 0, t = 0;
  int i = knot_below(g, 0, x[g->of[0]], &s), k = 0, row = 1;
  if (g->n_axes > 1) k = knot_below(g, 1, x[g->of[1]], &t), row = g->n[1];
  add_corner(&c, i * row + k, (1 - s) * (1 - t));
  add_corner(&c, i * row + k + 1, (1 - s) * t);
  add_corner(&c, (i + 1) * row + k, s * (1 - t));
  add_corner(&c, (i + 1) * row + k + 1, s * t);
  return c;
}

static double value_at(const struct grid *g, const double *theta, const double *x)
{
  struct corners c = corners_at(g, x);
  double sum = 0;
  for (int i = 0; i < c.n; i++) sum += c.weight[i] * theta[c.knot[i]];
  return sum;
}

/* Adds weight x (row theta - value)^2 to the normal equations. */
static void add_row(gsl_matrix *a, gsl_vector *b, const struct corners *c, double weight, double value)
{
  for (int i = 0; i < c->n; i++) {
    *gsl_vector_ptr(b, c->knot[i]) += weight * c->weight[i] * value;
    for (int k = 0; k < c->n; k++) *gsl_matrix_ptr(a, c->knot[i], c->knot[k]) += weight * c->weight[i] * c->weight[k];
  }
}

/* Bends and slopes along one line of knots: `first`, then every `step`. */
static void add_line(gsl_matrix *a, gsl_vector *b, const double *knot, int n, int first, int step, double stiffness)
{
  for (int i = 0; i + 1 < n; i++) {
    struct corners slope = {2, {first + i * step, first + (i + 1) * step}, {-1, 1}};
    add_row(a, b, &slope, TINY, 0);
    if (i + 2 >= n) continue;
    double left = knot[i + 1] - knot[i], right = knot[i + 2] - knot[i + 1], half = (left + right) / 2;
    struct corners bend = {3, {slope.knot[0], slope.knot[1], first + (i + 2) * step},
                           {half / left, -half / left - half / right, half / right}};
    add_row(a, b, &bend, stiffness, 0);
  }
}

/* Twists of the cells: what is not known of a bilinear surface where shapes lie on a line. */
static void add_twists(gsl_matrix *a, gsl_vector *b, const struct grid *g, double stiffness)
{
  for (int i = 0; i + 1 < g->n[0]; i++)
    for (int k = 0; k + 1 < g->n[1]; k++) {
      int at = i * g->n[1] + k;
      struct corners twist = {4, {at, at + 1, at + g->n[1], at + g->n[1] + 1}, {1, -1, -1, 1}};
      add_row(a, b, &twist, stiffness, 0);
    }
}

static void add_penalties(gsl_matrix *a, gsl_vector *b, const struct grid *g, const double *stiffness, double n)
{
  int row = g->n_axes > 1 ? g->n[1] : 1;
  for (int k = 0; k < row; k++) add_line(a, b, g->knot[0], g->n[0], k, row, stiffness[0] * n);
  for (int i = 0; g->n_axes > 1 && i < g->n[0]; i++) add_line(a, b, g->knot[1], g->n[1], i * row, 1, stiffness[1] * n);
  if (g->n_axes > 1) add_twists(a, b, g, fmin(stiffness[0], stiffness[1]) * n / 4);
}

/* The normal equations of all shapes but two (-1: none), factored, and their solution. */
struct equations { gsl_matrix *factor; gsl_vector *theta; bool ok; };

static struct equations solve(const struct fit_data *d, const struct candidate *c, const double *weight, int without, int nor)
{
  int size = grid_size(&c->grid);
  struct equations e = {gsl_matrix_calloc(size, size), gsl_vector_calloc(size), false};
  for (int i = 0; i < d->n; i++) {
    struct corners at = corners_at(&c->grid, d->x[i]);
    if (i != without && i != nor) add_row(e.factor, e.theta, &at, weight[i], d->y[i]);
  }
  add_penalties(e.factor, e.theta, &c->grid, c->stiffness, d->n);
  for (int i = 0; i < size; i++) *gsl_matrix_ptr(e.factor, i, i) += 1e-12 * d->n;
  gsl_error_handler_t *handler = gsl_set_error_handler_off();
  e.ok = gsl_linalg_cholesky_decomp1(e.factor) == 0 && gsl_linalg_cholesky_svx(e.factor, e.theta) == 0;
  gsl_set_error_handler(handler);
  return e;
}

static void equations_free(struct equations *e)
{
  gsl_matrix_free(e->factor);
  gsl_vector_free(e->theta);
}

/* A fit of all shapes: what it leaves, r = y - B theta, and what each value does to each fitted one, g = B A^-1 B' (row by
 * row; the part of y_k in the fitted value of i is g_ik w_k). */
struct whole { const struct fit_data *d; const struct candidate *c; const double *weight; double *r, *g; };

static void fill_influence(struct whole *w, const struct equations *e)
{
  int n = w->d->n;
  struct corners *at = zeros_new((size_t)n, sizeof *at);
  gsl_vector *x = gsl_vector_alloc(e->theta->size);
  for (int i = 0; i < n; i++) at[i] = corners_at(&w->c->grid, w->d->x[i]);
  for (int i = 0; i < n; i++) {
    gsl_vector_set_zero(x);
    for (int k = 0; k < at[i].n; k++) gsl_vector_set(x, at[i].knot[k], at[i].weight[k]);
    gsl_linalg_cholesky_svx(e->factor, x);
    for (int k = 0; k < n; k++)
      for (int m = 0; m < at[k].n; m++) w->g[k * n + i] += at[k].weight[m] * gsl_vector_get(x, at[k].knot[m]);
  }
  gsl_vector_free(x);
  free(at);
}

static double solved_without(const struct whole *w, int i, int nor)
{
  struct equations rest = solve(w->d, w->c, w->weight, i, nor);
  double value = rest.ok ? value_at(&w->c->grid, rest.theta->data, w->d->x[i]) : NAN;
  equations_free(&rest);
  return value;
}

/* What the others say of shape i, `nor` not being asked either (-1: all others are). Residuals without a set S are
 * (1 - H_SS)^-1 r_S, H = g w; where that is nearly singular it is no number any more, and the equations are solved without S.
 * NaN: they have no solution. */
static double without(const struct whole *w, int i, int nor)
{
  int n = w->d->n;
  double own = 1 - w->g[i * n + i] * w->weight[i], r = w->r[i];
  if (nor >= 0) {
    double other = 1 - w->g[nor * n + nor] * w->weight[nor], both = w->g[i * n + nor] * w->weight[nor] / other;
    own = other > 1e-4 ? own - both * w->g[nor * n + i] * w->weight[i] : 0;
    r += both * w->r[nor];
  }
  return own > 1e-4 ? w->d->y[i] - r / own : solved_without(w, i, nor);
}

/* Leaves out each shape, and each with each other one. False: a shape that must be predicted cannot be. */
static bool leave_out(struct whole *w, struct candidate *c)
{
  int n = w->d->n;
  bool ok = true;
  for (int i = 0; i < n; i++) {
    c->left_out[i] = without(w, i, -1);
    ok &= !c->among[i] || !isnan(c->left_out[i]);
  }
  for (int i = 0; c->pair && i < n; i++)
    for (int k = 0; k < n; k++)
      if (i != k && c->among[i] && c->among[k]) c->pair[i * n + k] = without(w, k, i);
  return ok;
}

/* Huber's weights on top of the shapes' own: scale 1.4826 x median |r|, at least half a percent. */
static void reweigh(const struct fit_data *d, const struct grid *g, const double *theta, double *weight)
{
  double *r = zeros_new((size_t)d->n, sizeof *r);
  for (int i = 0; i < d->n; i++) r[i] = fabs(d->y[i] - value_at(g, theta, d->x[i]));
  double limit = 1.5 * fmax(1.4826 * fit_median(r, d->n), .005);
  for (int i = 0; i < d->n; i++) {
    double off = fabs(d->y[i] - value_at(g, theta, d->x[i]));
    weight[i] = d->weight[i] * (off > limit ? limit / off : 1);
  }
  free(r);
}

static bool fit_smooth(const struct fit_data *d, struct candidate *c)
{
  size_t n = (size_t)d->n;
  double *weight = zeros_new(n, sizeof *weight);
  memcpy(weight, d->weight, sizeof *weight * n);
  struct equations e = solve(d, c, weight, -1, -1);
  for (int i = 0; e.ok && i < ROUNDS && c->model == MODEL_CURVE; i++) {
    reweigh(d, &c->grid, e.theta->data, weight);
    equations_free(&e);
    e = solve(d, c, weight, -1, -1);
  }
  bool ok = e.ok;
  memcpy(c->theta, e.theta->data, sizeof *c->theta * (size_t)grid_size(&c->grid));
  struct whole w = {d, c, weight, zeros_new(n, sizeof *w.r), zeros_new(n * n, sizeof *w.g)};
  for (int i = 0; i < d->n; i++) w.r[i] = d->y[i] - value_at(&c->grid, c->theta, d->x[i]);
  if (ok) fill_influence(&w, &e);
  ok = ok && leave_out(&w, c);
  equations_free(&e);
  free(w.r);
  free(w.g);
  free(weight);
  return ok;
}

/* ---- isotonic regression ----------------------------------------------------------------------------------------- */

struct block { double sum, weight; int last; };
/* What lies at each knot: sums of weight x value, and of weights. */
struct heap { double sum[MOST_KNOTS], weight[MOST_KNOTS]; };

static struct heap heap_at_knots(const struct fit_data *d, const struct grid *g, double sign, int without, int nor)
{
  struct heap h = {0};
  for (int i = 0; i < d->n; i++) {
    double share;
    if (i == without || i == nor) continue;
    int k = knot_below(g, 0, d->x[i][g->of[0]], &share);
    k += share > .5;
    h.sum[k] += d->weight[i] * sign * d->y[i];
    h.weight[k] += d->weight[i];
  }
  return h;
}

static double mean_of(const struct block *b)
{
  return b->sum / b->weight;
}

/* Knots without a shape: on the line between their neighbours that have one, or level with the only one. */
static void fill_gaps(const struct grid *g, const struct heap *h, double *theta)
{
  int before = -1, n = g->n[0];
  for (int k = 0; k < n; k++) {
    int after = k;
    if (h->weight[k] > 0) {
      before = k;
      continue;
    }
    while (after < n && h->weight[after] <= 0) after++;
    int a = before < 0 ? after : before, b = after < n ? after : before;
    double share = a == b ? 0 : (g->knot[0][k] - g->knot[0][a]) / (g->knot[0][b] - g->knot[0][a]);
    theta[k] = theta[a] + share * (theta[b] - theta[a]);
  }
}

/* Means that rise (sign 1) or fall (-1) from knot to knot, of all shapes but two (-1: none). */
static void isotonic(const struct fit_data *d, const struct grid *g, double sign, int without, int nor, double *theta)
{
  struct heap h = heap_at_knots(d, g, sign, without, nor);
  struct block block[MOST_KNOTS] = {{0, 0, 0}};
  int blocks = 0;
  for (int k = 0; k < g->n[0]; k++) {
    if (h.weight[k] <= 0) continue;
    block[blocks++] = (struct block){h.sum[k], h.weight[k], k};
    for (; blocks > 1 && mean_of(&block[blocks - 2]) > mean_of(&block[blocks - 1]); blocks--) {
      block[blocks - 2].sum += block[blocks - 1].sum;
      block[blocks - 2].weight += block[blocks - 1].weight;
      block[blocks - 2].last = k;
    }
  }
  for (int i = 0, k = 0; i < blocks; i++)
    for (; k <= block[i].last; k++) theta[k] = sign * mean_of(&block[i]);
  fill_gaps(g, &h, theta);
}

static double squared_distance(const struct fit_data *d, const struct grid *g, const double *theta)
{
  double sum = 0;
  for (int i = 0; i < d->n; i++) sum += d->weight[i] * pow(d->y[i] - value_at(g, theta, d->x[i]), 2);
  return sum;
}

static double isotonic_without(const struct fit_data *d, const struct grid *g, double sign, int i, int nor)
{
  double theta[MOST_KNOTS];
  isotonic(d, g, sign, i, nor, theta);
  return value_at(g, theta, d->x[i]);
}

static bool fit_monotone(const struct fit_data *d, struct candidate *c)
{
  double theta[MOST_KNOTS];
  isotonic(d, &c->grid, -1, -1, -1, theta);
  isotonic(d, &c->grid, 1, -1, -1, c->theta);
  double sign = squared_distance(d, &c->grid, c->theta) <= squared_distance(d, &c->grid, theta) ? 1 : -1;
  isotonic(d, &c->grid, sign, -1, -1, c->theta);
  for (int i = 0; i < d->n; i++) {
    c->left_out[i] = isotonic_without(d, &c->grid, sign, i, -1);
    for (int k = 0; c->pair && k < d->n; k++)
      if (i != k && c->among[i] && c->among[k]) c->pair[i * d->n + k] = isotonic_without(d, &c->grid, sign, k, i);
  }
  return true;
}

/* ---- candidates and the choice ----------------------------------------------------------------------------------- */

/* Of more shapes than these nobody would find the luckiest among some hundred candidates much better than it is. */
enum { MOST_NESTED = 128 };

/* What a candidate is worth, by which two are compared. */
struct worth { double score, residual; int knots; };
/* The best so far of all and of each model; without[i]: of what the choice without shape i would be, what it is worth and what
 * it predicts of i. */
struct nested { struct worth worth; double predicted; bool any; };
struct choice { struct candidate best, of_model[N_KERNEL_MODELS]; bool any, common; struct nested *without; double *pair; };

/* Which shapes are left out: those among the others in the axes used, if they were measured well. */
static void mark_left_out(const struct fit_data *d, struct candidate *c)
{
  for (int i = 0; i < d->n; i++) c->among[i] = d->n > 2 && !d->disturbed[i] && fit_among_others(d, i, c->grid.n_axes, c->grid.of);
}

/* Mean |ln(measured / predicted)| of what is predicted; common: over the shapes that all candidates can be judged by. Knots have
 * a price, for among many candidates those with many are the luckiest: with as many as shapes an error counts half again as much.
 * nor: a shape that nobody knows of (-1: none). */
static double judge(const struct fit_data *d, const struct candidate *c, const double *predicted, bool common, int nor)
{
  double sum = 0;
  int n = 0;
  for (int i = 0; i < d->n; i++) {
    if (i == nor || !c->among[i] || (common && !d->inner[i])) continue;
    sum += fabs(d->y[i] - predicted[i]);
    n++;
  }
  double score = n ? sum / n * (1 + grid_size(&c->grid) / (2. * (d->n - (nor >= 0)))) : INFINITY;
  return isnan(score) ? INFINITY : score;
}

/* Is a to be preferred to b? Errors within a twentieth of each other (or half a thousandth) are equal; then by knots. Where
 * shapes are too few to leave one out, by what the fits leave, of which a hundredth is nothing. */
static bool better(const struct worth *a, const struct worth *b)
{
  bool judged = isfinite(a->score), other = isfinite(b->score);
  if (judged != other) return judged;
  double x = judged ? a->score : a->residual, y = judged ? b->score : b->residual;
  if (fabs(x - y) > (judged ? .05 * fmin(x, y) + .0005 : .01)) return x < y;
  return a->knots < b->knots;
}

static struct worth worth_of(const struct candidate *c)
{
  return (struct worth){c->score, c->residual, grid_size(&c->grid)};
}

/* Would c be chosen by those who do not know shape i? */
static void consider_without(const struct fit_data *d, struct choice *choice, const struct candidate *c, int i)
{
  struct nested *n = &choice->without[i];
  struct worth worth = worth_of(c);
  if (!c->among[i]) return;
  worth.score = judge(d, c, c->pair + (size_t)i * (size_t)d->n, choice->common, i);
  if (n->any && !better(&worth, &n->worth)) return;
  *n = (struct nested){worth, c->left_out[i], true};
}

static void compare(const struct fit_data *d, struct choice *choice, const struct candidate *c)
{
  struct candidate *of = &choice->of_model[c->model], *best = &choice->best;
  struct worth worth = worth_of(c), of_worth = worth_of(of), best_worth = worth_of(best);
  if (!of->theta || better(&worth, &of_worth)) *of = *c;
  if (!choice->any || better(&worth, &best_worth)) *best = *c;
  choice->any = true;
  for (int i = 0; choice->without && i < d->n; i++) consider_without(d, choice, c, i);
}

/* other: stiffness of the second axis over that of the first. */
static void consider(const struct fit_data *d, struct choice *choice, enum kernel_model model, const struct grid *g, double stiffness,
                     double other)
{
  struct candidate c = {.model = model, .grid = *g, .stiffness = {stiffness, stiffness * other}, .pair = choice->pair};
  c.theta = arena_array(d->memory, double, grid_size(g));
  c.left_out = arena_array(d->memory, double, d->n);
  c.among = arena_array(d->memory, bool, d->n);
  mark_left_out(d, &c);
  if (!(model == MODEL_MONOTONE ? fit_monotone(d, &c) : fit_smooth(d, &c))) return;
  for (int i = 0; i < d->n; i++) {
    c.residual += fabs(d->y[i] - value_at(g, c.theta, d->x[i])) / d->n;
    if (!c.among[i]) c.left_out[i] = NAN;
  }
  c.score = judge(d, &c, c.left_out, choice->common, -1);
  compare(d, choice, &c);
}

static void consider_axis(const struct fit_data *d, struct choice *choice, int axis)
{
  struct grid g = {.n_axes = 1, .of = {axis}};
  double values[MOST_KNOTS];
  int n = distinct(d, axis, TINY, values);
  for (int knots = 1; knots <= 12 && knots <= n; knots++) {
    g.n[0] = thin(values, n, knots, g.knot[0]);
    consider(d, choice, MODEL_CURVE, &g, 1e-3, 1);
  }
  g.n[0] = distinct(d, axis, NEAR_KNOTS, g.knot[0]);
  if (g.n[0] < 3) return;
  consider(d, choice, MODEL_TABLE, &g, 1e-6, 1);
  consider(d, choice, MODEL_MONOTONE, &g, 0, 1);
}

static bool full_grid(const struct fit_data *d, struct grid *g)
{
  for (int a = 0; a < 2; a++) g->n[a] = distinct(d, g->of[a], NEAR_KNOTS, g->knot[a]);
  return g->n[0] > 1 && g->n[1] > 1 && grid_size(g) <= d->n && grid_size(g) <= MOST_GRID;
}

/* One axis may be stiffer than the other: levels of a compressor say less of each other than sizes do. */
static void consider_grid(const struct fit_data *d, struct choice *choice, const struct grid *g, double stiffness)
{
  static const double other[] = {1, 1e-4, 1e4};
  for (int i = 0; i < 3; i++) consider(d, choice, MODEL_TABLE, g, stiffness, other[i]);
}

static void consider_pair(const struct fit_data *d, struct choice *choice, int first, int second)
{
  static const double stiff[] = {1e-4, 1e-2, 1};
  struct grid g = {.n_axes = 2, .of = {first, second}};
  double a[MOST_KNOTS], b[MOST_KNOTS];
  if (full_grid(d, &g)) consider_grid(d, choice, &g, 1e-5);
  int n = distinct(d, first, NEAR_KNOTS, a), m = distinct(d, second, NEAR_KNOTS, b);
  for (int i = 2; i <= 6 && i <= n; i++)
    for (int k = 2; k <= 6 && k <= m; k++)
      for (int s = 0; s < 3 && i * k <= d->n * 3 / 2; s++) {
        g.n[0] = thin(a, n, i, g.knot[0]);
        g.n[1] = thin(b, m, k, g.knot[1]);
        consider_grid(d, choice, &g, stiff[s]);
      }
}

/* What is said of each shape is what the choice without it says. */
static void foretell(const struct fit_data *d, struct choice *choice)
{
  double *predicted = arena_array(d->memory, double, d->n);
  if (!choice->without) return;
  for (int i = 0; i < d->n; i++) {
    const struct nested *n = &choice->without[i];
    predicted[i] = choice->best.among[i] && n->any ? n->predicted : NAN;
  }
  choice->best.left_out = predicted;
}

/* Half of the shapes must be common to judge by them. */
static struct choice choose(const struct fit_data *d)
{
  struct choice choice = {0};
  int inner = 0;
  for (int i = 0; i < d->n; i++) inner += d->inner[i];
  choice.common = inner * 2 >= d->n;
  if (d->n > 2 && d->n <= MOST_NESTED) {
    choice.without = arena_array(d->memory, struct nested, d->n);
    choice.pair = arena_array(d->memory, double, d->n * d->n);
  }
  for (int a = 0; a < d->n_axes; a++) consider_axis(d, &choice, a);
  for (int a = 0; a < d->n_axes; a++)
    for (int b = a + 1; b < d->n_axes && d->n >= 6; b++) consider_pair(d, &choice, a, b);
  foretell(d, &choice);
  return choice;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

static bool sample_is_sound(const struct kernel_sample *s, int n_axes)
{
  bool ok = s->units > 0 && isfinite(s->units) && s->n >= 1;
  for (int i = 0; i < n_axes; i++) ok &= s->axis[i] > 0 && isfinite(s->axis[i]);
  for (int i = 0; ok && i < s->n; i++) ok = s->execution_s[i] > 0 && isfinite(s->execution_s[i]);
  return ok;
}

static bool sound(const struct kernel_samples *in, struct err *err)
{
  struct where nowhere = {0};
  if (in->n == 0) return err_add(err, nowhere, "%s: no samples to fit", in->kernel);
  for (int i = 0; i < in->n; i++)
    if (!sample_is_sound(&in->sample[i], in->n_axes))
      return err_add(err, nowhere, "%s: sample %d (shape %d, pass %d): times, axes and units must be positive numbers", in->kernel,
                     i + 1, in->sample[i].shape, in->sample[i].pass);
  return true;
}

/* The outermost knots are the measured values exactly: exp(log(x)) may be a bit off, and leave the smallest shape outside. A
 * cost without slope has two knots too, for it holds from the smallest shape to the largest. */
static struct kernel_axis axis_of(const struct kernel_fit *f, const struct grid *g, int axis, const char *name)
{
  int n = g->n[axis];
  double *knot = arena_array(f->memory, double, n + 1), low = INFINITY, high = 0;
  for (int i = 0; i < n; i++) knot[i] = exp(g->knot[axis][i]);
  for (int i = 0; i < f->n; i++) {
    low = fmin(low, f->point[i].axis[g->of[axis]]);
    high = fmax(high, f->point[i].axis[g->of[axis]]);
  }
  if (n == 1 && low < high) n = 2;
  knot[0] = low;
  knot[n - 1] = high;
  return (struct kernel_axis){name, n, knot};
}

static void fill_cost(struct kernel_fit *f, const struct candidate *c, const struct kernel_samples *in)
{
  f->cost = (struct kernel_cost){.kernel = in->kernel, .version = in->version, .unit = in->unit, .n_axes = c->grid.n_axes};
  for (int a = 0; a < c->grid.n_axes; a++) {
    f->cost_axis[a] = c->grid.of[a];
    f->cost.axis[a] = axis_of(f, &c->grid, a, in->axis[c->grid.of[a]]);
  }
  int last = grid_size(&c->grid) - 1;
  double *cost = arena_array(f->memory, double, last + 2);
  for (int i = 0; i <= last + 1; i++) cost[i] = exp(c->theta[i < last ? i : last]);
  f->cost.cost_s = cost;
  f->cost.sigma = fit_sigma(in);
}

static void fill_points(struct kernel_fit *f, struct kernel_point *point, const struct candidate *c)
{
  for (int i = 0; i < f->n; i++) {
    double axis[KERNEL_COST_AXES] = {0};
    for (int a = 0; a < f->cost.n_axes; a++) axis[a] = point[i].axis[f->cost_axis[a]];
    point[i].fitted_s = kernel_cost_at(&f->cost, axis);
    point[i].left_out_s = exp(c->left_out[i]);
  }
}

static struct kernel_error error_of(const struct fit_data *d, const struct candidate *c)
{
  double *measured = arena_array(d->memory, double, d->n), *predicted = arena_array(d->memory, double, d->n);
  for (int i = 0; i < d->n; i++) measured[i] = exp(d->y[i]), predicted[i] = c->left_out ? exp(c->left_out[i]) : NAN;
  return fit_error_of(c->model, measured, predicted, d->n);
}

static bool finite_cost(const struct kernel_fit *f, struct err *err)
{
  const struct kernel_cost *c = &f->cost;
  bool finite = isfinite(c->band_low) && isfinite(c->band_high) && c->band_low > 0;
  for (int i = 0; i < c->axis[0].n * (c->n_axes > 1 ? c->axis[1].n : 1); i++) finite &= isfinite(c->cost_s[i]) && c->cost_s[i] > 0;
  return finite || err_add(err, (struct where){0}, "%s: its samples give no finite cost; are their times and axes possible?", c->kernel);
}

bool kernel_fit(const struct kernel_samples *samples, struct kernel_fit *out, struct err *err)
{
  *out = (struct kernel_fit){0};
  if (!sound(samples, err)) return false;
  out->memory = arena_new();
  struct kernel_samples in = fit_at_one_clock(samples, out->memory, &out->at_one_clock);
  struct kernel_point *point = fit_points(&in, &out->n, out->memory);
  struct fit_data d = fit_data_of(point, out->n, in.n_axes, out->memory);
  struct choice choice = choose(&d);
  out->point = point;
  fill_cost(out, &choice.best, &in);
  fill_points(out, point, &choice.best);
  out->drift = fit_drift(&in);
  out->clock_sd = in.clock_sd;
  out->error = error_of(&d, &choice.best);
  if (out->error.shapes < 3 && fit_nothing_between(&out->cost)) out->error = fit_error_of_passes(&in), out->error.model = choice.best.model;
  for (int m = 0; m < N_KERNEL_MODELS; m++) {
    choice.of_model[m].model = m;
    out->candidate[m] = error_of(&d, &choice.of_model[m]);
  }
  fit_band(out);
  return finite_cost(out, err);
}

void kernel_fit_release(struct kernel_fit *f)
{
  if (f->memory) arena_free(f->memory);
  *f = (struct kernel_fit){0};
}
