/* link_fit.c: maximum likelihood of intervals, and distances between samples.
 *
 * L = sum_i w_i log(F(hi_i) - F(lo_i)), over log p (so that p > 0) and the floor, by the simplex method of Nelder and Mead
 * (GSL multimin). Check: 1000 values at the quantiles (i + .5)/1000 of 10 + lognormal(5, .5) give floor 10, median 5 and
 * sigma .5 within 2 %. W1 of {0, 0} and {1, 3} is 2.
 */
#include "models/link_fit.h"

#include "sim/zeros.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_sort_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 600 };
#define LEAST_SHARE 1e-300

const char *const fit_family_name[N_FIT_FAMILIES] = {"lognormal", "gamma", "weibull", "exponential", "empirical"};

/* ---- samples ----------------------------------------------------------------------------------------------------- */

void sort_ascending(double *x, size_t n)
{
  gsl_sort(x, 1, n);
}

double sorted_quantile(const double *sorted, size_t n, double q)
{
  if (n == 0)
    return NAN;
  double rank = ceil(q * (double)n - 1e-9);
  size_t k = rank < 1 ? 0 : (size_t)rank - 1;
  return sorted[k < n ? k : n - 1];
}

double fit_quantum(const double *sorted, size_t n)
{
  double least = INFINITY;
  for (size_t i = 1; i < n; i++) {
    double step = sorted[i] - sorted[i - 1];
    if (step > 1e-9 && step < least)
      least = step;
  }
  return isfinite(least) ? least : 1e-9;
}

size_t fit_spans_of(const double *sorted, size_t n, double quantum, double width, struct span *out)
{
  double cells = fmax(1, round(width / quantum)), last = -1;
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    double cell = floor((floor(sorted[i] / quantum + 0.5 + 1e-6)) / cells);
    if (m == 0 || cell > last)
      out[m++] = (struct span){(cell * cells - 0.5) * quantum, ((cell + 1) * cells - 0.5) * quantum, 0};
    out[m - 1].weight += 1;
    last = cell;
  }
  return m;
}

double distance_ks(const double *a, size_t n, const double *b, size_t m)
{
  double most = 0;
  for (size_t i = 0, j = 0; i < n && j < m;) {
    double x = fmin(a[i], b[j]) + 1e-12;
    while (i < n && a[i] <= x)
      i++;
    while (j < m && b[j] <= x)
      j++;
    most = fmax(most, fabs((double)i / (double)n - (double)j / (double)m));
  }
  return most;
}

double distance_w1(const double *a, size_t n, const double *b, size_t m)
{
  double sum = 0, at = 0;
  for (size_t i = 0, j = 0; i < n && j < m;) {
    double next_a = (double)(i + 1) / (double)n, next_b = (double)(j + 1) / (double)m;
    double next = fmin(next_a, next_b);
    sum += (next - at) * fabs(a[i] - b[j]);
    at = next;
    i += next_a <= next;
    j += next_b <= next;
  }
  return sum;
}

struct pairs { double n, x, y, xx, yy, xy; };

static void pairs_add(struct pairs *p, double x, double y)
{
  p->n++;
  p->x += x;
  p->y += y;
  p->xx += x * x;
  p->yy += y * y;
  p->xy += x * y;
}

static double pairs_correlation(const struct pairs *p)
{
  double vx = p->xx - p->x * p->x / p->n, vy = p->yy - p->y * p->y / p->n;
  return p->n >= 30 && vx > 0 && vy > 0 ? (p->xy - p->x * p->y / p->n) / sqrt(vx * vy) : NAN;
}

double run_autocorrelation(const struct link_run *r, double lag_s)
{
  struct pairs p = {0};
  for (size_t i = 0, j = 0; i < r->n; i++) {
    double at = r->time_s[i] + lag_s;
    while (j + 1 < r->n && fabs(r->time_s[j + 1] - at) <= fabs(r->time_s[j] - at))
      j++;
    if (fabs(r->time_s[j] - at) <= r->step_s / 2 * (1 + 1e-9) && isfinite(r->value[i]) && isfinite(r->value[j]))
      pairs_add(&p, r->value[i], r->value[j]);
  }
  return pairs_correlation(&p);
}

/* ---- likelihood -------------------------------------------------------------------------------------------------- */

struct problem_now { enum fit_family family; const struct span *span; size_t n; bool with_floor; double floor_most; };

static int n_parameters(enum fit_family f)
{
  return f == FIT_EXPONENTIAL ? 1 : 2;
}

static bool make(struct family_fit *f)
{
  char why[160];
  return dist_make(&f->dist, fit_family_name[f->family], f->p, (size_t)n_parameters(f->family), why);
}

double fit_cdf(const struct family_fit *f, double x)
{
  return x > f->floor ? dist_cdf(&f->dist, x - f->floor) : 0;
}

static double log_likelihood(const struct family_fit *f, const struct span *span, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double above = isinf(span[i].hi) ? 1 : fit_cdf(f, span[i].hi);
    sum += span[i].weight * log(fmax(above - fit_cdf(f, span[i].lo), LEAST_SHARE));
  }
  return sum;
}

/* v: log p[0], log p[1], floor. */
static bool from_vector(const struct problem_now *p, const gsl_vector *v, struct family_fit *f)
{
  int k = n_parameters(p->family);
  *f = (struct family_fit){.family = p->family, .ks = NAN, .w1 = NAN};
  for (int i = 0; i < k; i++)
    f->p[i] = exp(gsl_vector_get(v, (size_t)i));
  f->floor = p->with_floor ? gsl_vector_get(v, (size_t)k) : 0;
  bool sane = f->p[0] > 1e-12 && f->p[0] < 1e12 && (k == 1 || (f->p[1] > 1e-3 && f->p[1] < 1e4));
  return sane && f->floor >= 0 && f->floor < p->floor_most && make(f);
}

static double minus_likelihood(const gsl_vector *v, void *problem)
{
  const struct problem_now *p = problem;
  struct family_fit f;
  return from_vector(p, v, &f) ? -log_likelihood(&f, p->span, p->n) : 1e12;
}

/* Weighted quantile of the spans' middles; a censored one counts at its lower end. */
static double span_quantile(const struct span *span, size_t n, double q)
{
  double all = 0, sum = 0;
  for (size_t i = 0; i < n; i++)
    all += span[i].weight;
  for (size_t i = 0; i < n; i++) {
    sum += span[i].weight;
    if (sum >= q * all)
      return isinf(span[i].hi) ? span[i].lo : (span[i].lo + span[i].hi) / 2;
  }
  return 0;
}

static struct family_fit climb(struct problem_now *p, double floor)
{
  size_t k = (size_t)n_parameters(p->family), dim = k + p->with_floor;
  gsl_vector *v = gsl_vector_alloc(dim), *step = gsl_vector_alloc(dim);
  gsl_multimin_fminimizer *m = gsl_multimin_fminimizer_alloc(gsl_multimin_fminimizer_nmsimplex2, dim);
  double middle = fmax(span_quantile(p->span, p->n, .5) - floor, 1e-9);
  gsl_vector_set_all(step, 0.3);
  gsl_vector_set(v, 0, log(middle));
  if (k > 1)
    gsl_vector_set(v, 1, p->family == FIT_LOGNORMAL ? log(.6) : log(1.5));
  if (p->with_floor) {
    gsl_vector_set(v, k, floor);
    gsl_vector_set(step, k, fmax(-middle / 4, -floor));
    if (floor <= 0)
      gsl_vector_set(step, k, p->floor_most / 2);
  }
  gsl_error_handler_t *handler = gsl_set_error_handler_off();   /* a step that leads nowhere ends the search */
  gsl_multimin_function f = {minus_likelihood, dim, p};
  gsl_multimin_fminimizer_set(m, &f, v, step);
  for (int i = 0; i < STEPS_MAX && gsl_multimin_fminimizer_iterate(m) == 0; i++)
    if (gsl_multimin_fminimizer_size(m) < 1e-7)
      break;
  struct family_fit best;
  best.good = from_vector(p, m->x, &best);
  best.log_likelihood = -m->fval;
  gsl_set_error_handler(handler);
  gsl_multimin_fminimizer_free(m);
  gsl_vector_free(step);
  gsl_vector_free(v);
  return best;
}

struct family_fit fit_spans(enum fit_family family, const struct span *span, size_t n, bool with_floor)
{
  if (n == 0)
    return (struct family_fit){.family = family, .ks = NAN, .w1 = NAN};
  struct problem_now p = {family, span, n, with_floor, span[0].hi};
  double low = fmax(0, span[0].lo), middle = span_quantile(span, n, .5);
  struct family_fit best = climb(&p, with_floor ? low : 0);
  if (!with_floor)
    return best;
  const double starts[] = {fmax(0, low - (middle - low)), low * 0.97, 0};
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    struct family_fit f = climb(&p, starts[i]);
    if (f.good && (!best.good || f.log_likelihood > best.log_likelihood))
      best = f;
  }
  return best;
}

struct family_fit fit_empirical(const double *value, const double *weight, size_t n, struct arena *a)
{
  struct family_fit f = {.family = FIT_EMPIRICAL, .ks = NAN, .w1 = NAN, .n = n};
  char why[160];
  double *own = arena_array(a, double, n), *weights = arena_array(a, double, n);
  for (size_t i = 0; i < n; i++) {
    own[i] = value[i];
    weights[i] = weight ? weight[i] : 1;
  }
  f.value = own;
  f.weight = weights;
  f.good = n > 0 && dist_make_empirical(&f.dist, a, own, weights, n, why);
  return f;
}

struct family_fit fit_grouped(const double *sorted, const double *weight_or_null, size_t n, size_t most, struct arena *a)
{
  size_t m = n < most ? n : most;
  double *value = zeros_new(m, sizeof *value), *weight = zeros_new(m, sizeof *weight);
  for (size_t i = 0; i < n; i++) {
    double w = weight_or_null ? weight_or_null[i] : 1;
    weight[i * m / n] += w;
    value[i * m / n] += w * sorted[i];
  }
  for (size_t i = 0; i < m; i++)
    value[i] /= weight[i];
  struct family_fit f = fit_empirical(value, weight, m, a);
  free(weight);
  free(value);
  return f;
}

double fit_draw(const struct family_fit *f, struct rng *r)
{
  return f->floor + dist_draw(&f->dist, r);
}

double fit_mean(const struct family_fit *f)
{
  return f->floor + dist_mean(&f->dist);
}
