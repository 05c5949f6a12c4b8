/* link_rate.c: log-AR(1) rates with idle stretches: fit by moments of the log rate over whole seconds, and samples.
 *
 * Rate of a second: mean over its bins that are not idle (below 0.05 Mbit/s). m = median, s = deviation of log R about its
 * mean, rho = correlation of neighbouring seconds; idle = share of bins. Check: a rate that is 1 Mbit/s and 4 Mbit/s in turn,
 * second by second, has median 1, s = log 2 and rho = -1.
 */
#include "models/link_fit.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

enum { VALUES_MOST = 40, RATE_VALUES = 64 };
#define NEAR_KS 0.05                                    /* of a log-normal that stands for the rates */

/* Mean of the bins of each second that `wanted` takes; NaN without any. */
static double *seconds(const struct link_run *r, bool with_idle, size_t *n)
{
  *n = r->n ? (size_t)floor(r->time_s[r->n - 1] + r->step_s + 1e-6) : 0;
  double *sum = fit_array(*n, sizeof *sum), *bins = fit_array(*n, sizeof *bins);
  for (size_t i = 0; i < r->n; i++) {
    size_t k = (size_t)floor(r->time_s[i] + 1e-6);
    if (k >= *n || (!with_idle && r->value[i] < RATE_IDLE_BYTES_PER_S))
      continue;
    sum[k] += r->value[i];
    bins[k]++;
  }
  for (size_t k = 0; k < *n; k++)
    sum[k] = bins[k] > 0 ? sum[k] / bins[k] : NAN;
  free(bins);
  return sum;
}

double *rate_seconds(const struct link_run *r, size_t *n)
{
  return seconds(r, true, n);
}

struct rates { double *active; size_t n, room; double sum, square, product, pairs, pair_sum[2], pair_square[2]; };

/* Normal score of a value among sorted ones. */
static double score(const double *sorted, size_t n, double x)
{
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (sorted[middle] <= x)
      low = middle + 1;
    else
      high = middle;
  }
  return gsl_cdf_ugaussian_Pinv(((double)low - .5) / (double)n);
}

/* Logs of the rates, or their scores among `sorted`. */
static void add_seconds(struct rates *x, const struct link_run *r, const double *sorted, size_t n_sorted)
{
  size_t n;
  double *s = seconds(r, false, &n), last = NAN;
  for (size_t k = 0; k < n; k++) {
    double y = isnan(s[k]) ? NAN : sorted ? score(sorted, n_sorted, s[k]) : log(s[k]);
    if (!isnan(y)) {
      if (x->active)
        x->active[x->n++] = s[k];
      x->sum += y;
      x->square += y * y;
    }
    if (!isnan(y) && !isnan(last)) {
      x->pairs++;
      x->product += last * y;
      x->pair_sum[0] += last;
      x->pair_sum[1] += y;
      x->pair_square[0] += last * last;
      x->pair_square[1] += y * y;
    }
    last = y;
  }
  free(s);
}

static double pair_correlation(const struct rates *x)
{
  double n = x->pairs, v[2];
  for (int k = 0; k < 2; k++)
    v[k] = x->pair_square[k] - x->pair_sum[k] * x->pair_sum[k] / n;
  double c = x->product - x->pair_sum[0] * x->pair_sum[1] / n;
  return n >= 2 && v[0] > 1e-12 && v[1] > 1e-12 ? c / sqrt(v[0] * v[1]) : 0;
}

/* Lengths of idle stretches in seconds; returns how many. *idle, *bins: counts. */
static size_t idle_stretches(const struct link_run *r, double *length, double *idle)
{
  size_t n = 0, now = 0;
  for (size_t i = 0; i <= r->n; i++) {
    bool is = i < r->n && r->value[i] < RATE_IDLE_BYTES_PER_S;
    now += is;
    *idle += is;
    if (!is && now) {
      length[n++] = (double)now * r->step_s;
      now = 0;
    }
  }
  return n;
}

static void fit_families(struct rate_model *m, const double *sorted, size_t n)
{
  struct span *span = fit_array(n, sizeof *span);
  double width = (sorted_quantile(sorted, n, .75) - sorted_quantile(sorted, n, .25)) / 64;
  size_t cells = fit_spans_of(sorted, n, fmax(width, 1), 0, span);
  for (size_t i = 0; i < cells; i++)
    span[i].lo = fmax(span[i].lo, 0);
  for (int k = 0; k < 3; k++) {
    struct family_fit *f = &m->families[k];
    *f = fit_spans((enum fit_family)k, span, cells, false);
    if (!f->good)
      continue;
    f->ks = 0;
    f->w1 = 0;
    double *x = fit_array(n, sizeof *x);
    struct rng_root root = rng_root_make(1, 0);
    struct rng r = rng_open(&root, rng_name("link-fit rates"), (uint64_t)k, n);
    for (int repeat = 0; repeat < 10; repeat++) {
      for (size_t i = 0; i < n; i++)
        x[i] = fit_draw(f, &r);
      sort_ascending(x, n);
      f->ks += distance_ks(sorted, n, x, n) / 10;
      f->w1 += distance_w1(sorted, n, x, n) / m->median / 10;
    }
    free(x);
  }
  free(span);
}

/* The process's own distribution and correlation. */
static void settle_marginal(struct rate_model *m, const struct link_run *run, size_t n_runs, const struct rates *x, bool choose,
                            struct arena *a)
{
  char why[160];
  m->marginal = (struct family_fit){.family = FIT_LOGNORMAL, .p = {m->median, m->sigma}, .ks = NAN, .w1 = NAN};
  m->marginal.good = dist_make(&m->marginal.dist, "lognormal", m->marginal.p, 2, why);
  m->score_rho = m->rho;
  double ks = 0;
  for (size_t i = 0; m->marginal.good && i < x->n; i++)
    ks = fmax(ks, fabs(fit_cdf(&m->marginal, x->active[i]) - ((double)i + .5) / (double)x->n));
  m->marginal.ks = ks;
  if (!choose || (m->marginal.good && ks <= NEAR_KS))
    return;
  struct rates scores = {0};
  for (size_t i = 0; i < n_runs; i++)
    add_seconds(&scores, &run[i], x->active, x->n);
  m->marginal = fit_grouped(x->active, NULL, x->n, RATE_VALUES, a);
  m->score_rho = pair_correlation(&scores);
}

const struct rate_model *rate_fit(const struct link_run *run, size_t n_runs, bool choose, struct arena *a)
{
  struct rate_model *m = arena_alloc(a, sizeof *m);
  size_t bins = 0, stretches = 0;
  for (size_t i = 0; i < n_runs; i++)
    bins += run[i].n;
  struct rates x = {.active = fit_array(bins + n_runs, sizeof *x.active)};
  double *length = fit_array(bins + n_runs, sizeof *length), idle = 0;
  for (size_t i = 0; i < n_runs; i++) {
    add_seconds(&x, &run[i], NULL, 0);
    stretches += idle_stretches(&run[i], length + stretches, &idle);
  }
  sort_ascending(x.active, x.n);
  sort_ascending(length, stretches);
  double n = (double)x.n;
  *m = (struct rate_model){.median = sorted_quantile(x.active, x.n, .5), .rho = pair_correlation(&x), .bin_s = run->step_s,
                           .sigma = sqrt(fmax(0, x.square / n - x.sum / n * (x.sum / n))), .idle = idle / (double)bins,
                           .seconds = x.n, .longest_gap_s = stretches ? length[stretches - 1] : 0};
  if (stretches)
    m->idle_lasts = fit_grouped(length, NULL, stretches, VALUES_MOST, a);
  if (x.n >= 10) {
    fit_families(m, x.active, x.n);
    settle_marginal(m, run, n_runs, &x, choose, a);
  }
  free(x.active);
  free(length);
  return x.n >= 10 ? m : NULL;
}

/* Mean length of what is not idle between two idle stretches, so that the share is m->idle. */
static double active_mean(const struct rate_model *m)
{
  return m->idle_lasts.good && m->idle < 1 ? fit_mean(&m->idle_lasts) * (1 - m->idle) / m->idle : INFINITY;
}

/* The rate that belongs to a normal number. */
static double rate_of(const struct rate_model *m, double x)
{
  const struct family_fit *f = &m->marginal;
  if (f->family == FIT_LOGNORMAL)
    return m->median * exp(m->sigma * x);
  size_t k = (size_t)(gsl_cdf_ugaussian_P(x) * (double)f->n);
  return f->value[k < f->n ? k : f->n - 1];
}

void rate_sample(const struct rate_model *m, struct rng *r, const double *time_s, size_t n, double *out)
{
  double x = rng_normal(r), rho = m->score_rho, keep = sqrt(fmax(0, 1 - rho * rho)), active = active_mean(m);
  bool idle = rng_uniform(r) < m->idle;
  double until = isinf(active) ? INFINITY : idle ? fit_draw(&m->idle_lasts, r) * rng_uniform(r) : active * rng_exponential(r);
  long second = 0;
  for (size_t i = 0; i < n; i++) {
    double at = time_s[i];
    for (; second < (long)floor(at + 1e-6); second++)
      x = rho * x + keep * rng_normal(r);
    while (at + 1e-9 >= until) {
      idle = !idle;
      until += idle ? fit_draw(&m->idle_lasts, r) : fmax(m->bin_s, active * rng_exponential(r));
    }
    out[i] = idle ? 0 : rate_of(m, x);
  }
}
