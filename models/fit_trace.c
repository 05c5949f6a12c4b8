/* fit_trace.c: a trace turned into statistics: when rows come, and what they say.
 *
 * Rows: a Gaussian copula alone cannot follow a dependence that rises and falls (in the Azure conversation trace the
 * mean output by decile of the prompt is 151 84 99 105 324 411 412 338 117 74, rank correlation 0.07), so the rows are
 * cut into strata by the first column (models/fit_strata.c), and the copula acts within. Shares of the strata follow
 * time, which gives the drift of the mix and its serial dependence. Grids hold order statistics, so that a value that
 * is repeated often (a spike) stays one; the point before the last is moved to keep the mean.
 */
#include "models/fit.h"

#include "sim/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MIN = 100, GAP_POINTS = 107, VALUE_POINTS = 43 };
/* A rate a minute. Where the gaps still vary this much within a minute, bursts are shorter than it: twelve rates. */
static const double BIN_S = 60, SHORT_BIN_S = 5, BURSTY_SCV = 4;
static const double MIX_S = 120;

/* ---- fitting: when ----------------------------------------------------------------------------------------------- */

static void fit_rate(struct workload_fit *f, const struct trace_table *t, double bin_s, struct arena *a)
{
  f->span_s = s_from_ns(t->period);
  f->bin_s = fmin(bin_s, f->span_s);
  f->n_bins = (int)ceil(f->span_s / f->bin_s - 1e-9);
  double *rate = arena_array(a, double, f->n_bins);
  for (uint64_t i = 0; i < t->n; i++) {
    int bin = (int)(s_from_ns(t->at[i]) / f->bin_s);
    rate[bin < f->n_bins ? bin : f->n_bins - 1]++;
  }
  for (int b = 0; b < f->n_bins; b++)
    rate[b] /= b < f->n_bins - 1 ? f->bin_s : f->span_s - b * f->bin_s;
  f->rate_per_s = rate;
}

/* The gaps in operational time, sorted. */
static double *operational_gaps(const struct workload_fit *f, const struct trace_table *t)
{
  double *gap = malloc((t->n + 1) * sizeof *gap);
  if (!gap)
    check_out_of_memory(t->n * sizeof *gap);
  double before = 0, passed = 0;                        /* passed: Lambda at the start of the bin */
  int bin = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    double at_s = s_from_ns(t->at[i]);
    while (bin < f->n_bins - 1 && at_s >= (bin + 1) * f->bin_s)
      passed += f->rate_per_s[bin++] * f->bin_s;
    double now = passed + (at_s - bin * f->bin_s) * f->rate_per_s[bin];
    if (i > 0)
      gap[i - 1] = fmax(0, now - before);
    before = now;
  }
  sort_values(gap, t->n - 1);
  return gap;
}

static double scv_of(const double *x, uint64_t n)
{
  double mean = 0, square = 0;
  for (uint64_t i = 0; i < n; i++)
    mean += x[i] / (double)n;
  for (uint64_t i = 0; i < n; i++)
    square += (x[i] - mean) * (x[i] - mean) / (double)n;
  return mean > 0 ? square / (mean * mean) : 0;
}

/* The order statistic nearest to probability p. */
static double order_statistic(const double *sorted, uint64_t n, double p)
{
  return sorted[(uint64_t)llround(p * (double)(n - 1))];
}

/* Keep the mean: the point before the last takes what linear pieces miss, as far as the order allows. */
static void keep_mean(int n, const double *p, double *x, double mean)
{
  double weight = (p[n - 1] - p[n - 3]) / 2;
  double wanted = x[n - 2] + (mean - grid_mean(n, p, x)) / weight;
  x[n - 2] = fmin(fmax(wanted, x[n - 3]), x[n - 1]);
}

static void gap_probabilities(double *p)
{
  int n = 0;
  p[n++] = 0;
  p[n++] = 0.005;
  for (int i = 1; i <= 99; i++)
    p[n++] = i / 100.0;
  const double tail[] = {0.995, 0.998, 0.999, 0.9995, 0.9998, 1};
  for (size_t i = 0; i < sizeof tail / sizeof *tail; i++)
    p[n++] = tail[i];
  sim_assert(n == GAP_POINTS);
}

static void fit_gaps(struct workload_fit *f, const double *sorted, uint64_t n, struct arena *a)
{
  double *p = arena_array(a, double, GAP_POINTS), *x = arena_array(a, double, GAP_POINTS);
  gap_probabilities(p);
  for (int i = 0; i < GAP_POINTS; i++)
    x[i] = order_statistic(sorted, n, p[i]);
  keep_mean(GAP_POINTS, p, x, 1);
  double mean = grid_mean(GAP_POINTS, p, x);            /* what the order did not allow, and sampling: one gap is 1 */
  for (int i = 0; i < GAP_POINTS; i++)
    x[i] /= mean;
  f->n_gap = GAP_POINTS;
  f->gap_probability = p;
  f->gap = x;
}

static void fit_times(struct workload_fit *f, const struct trace_table *t, struct arena *a)
{
  fit_rate(f, t, BIN_S, a);
  double *gap = operational_gaps(f, t);
  if (scv_of(gap, t->n - 1) > BURSTY_SCV) {
    free(gap);
    fit_rate(f, t, SHORT_BIN_S, a);
    gap = operational_gaps(f, t);
  }
  f->interarrival_scv = scv_of(gap, t->n - 1);
  fit_gaps(f, gap, t->n - 1, a);
  free(gap);
}

/* ---- fitting: what ----------------------------------------------------------------------------------------------- */

static bool all_whole(const double *x, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    if (x[i] != floor(x[i]) || fabs(x[i]) > 1e15)
      return false;
  return true;
}

static int stratum_of(const double *edge, int n, double x)
{
  int s = n - 1;
  while (s > 0 && x < edge[s])
    s--;
  return s;
}

/* Shares of the strata in each stretch of time; stretches without rows get the shares of all. */
static void fit_mix(struct workload_fit *f, const struct trace_table *t, const int *stratum, struct arena *a)
{
  double rows_per_s = (double)t->n / f->span_s;
  f->mix_s = fmin(f->span_s, MIX_S * ceil(fmax(1, 10.0 * f->n_strata / rows_per_s / MIX_S)));
  f->n_mixes = (int)ceil(f->span_s / f->mix_s - 1e-9);
  size_t width = (size_t)f->n_strata;
  double *mix = arena_array(a, double, (size_t)f->n_mixes * width), all[STRATA_MAX] = {0};
  for (uint64_t i = 0; i < t->n; i++) {
    int row = (int)(s_from_ns(t->at[i]) / f->mix_s);
    mix[(size_t)(row < f->n_mixes ? row : f->n_mixes - 1) * width + (size_t)stratum[i]]++;
    all[stratum[i]]++;
  }
  for (int m = 0; m < f->n_mixes; m++) {
    double *share = mix + (size_t)m * width, sum = 0;
    for (size_t s = 0; s < width; s++)
      sum += share[s];
    for (size_t s = 0; s < width; s++)
      share[s] = sum > 0 ? share[s] / sum : all[s] / (double)t->n;
  }
  f->mix = mix;
}

static void value_probabilities(double *p)
{
  for (int i = 0; i < 40; i++)
    p[i] = i / 40.0;
  p[40] = 0.985;
  p[41] = 0.995;
  p[42] = 1;
}

static void fit_grid(const struct workload_fit *f, const double *sorted, uint64_t n, bool whole, double *x)
{
  double mean = 0;
  for (uint64_t i = 0; i < n; i++)
    mean += sorted[i] / (double)n;
  for (int k = 0; k < f->n_quantiles; k++)
    x[k] = order_statistic(sorted, n, f->probability[k]);
  keep_mean(f->n_quantiles, f->probability, x, mean);
  if (whole)
    x[f->n_quantiles - 2] = round(x[f->n_quantiles - 2]);
}

static uint64_t gather(const struct trace_table *t, int column, const int *stratum, int wanted, double *x)
{
  uint64_t n = 0;
  for (uint64_t i = 0; i < t->n; i++)
    if (stratum[i] == wanted)
      x[n++] = t->column[column][i];
  return n;
}

/* The standard normal deviate below which lies p, by Newton's method on erfc; only for fitting. */
static double normal_score(double p)
{
  double z = 0;
  for (int i = 0; i < 60; i++) {
    double error = erfc(-z * M_SQRT1_2) / 2 - p, density = exp(-z * z / 2) / sqrt(2 * M_PI);
    double step = fmax(-0.5, fmin(0.5, error / density));
    z -= step;
    if (fabs(step) < 1e-12)
      break;
  }
  return z;
}

static double score_of(const double *sorted, uint64_t n, double x)
{
  return normal_score(middle_rank(sorted, n, x));
}

/* Add the products of the normal scores of one stratum's rows. */
static void add_scores(const struct workload_fit *f, const struct trace_table *t, const int *stratum, int wanted,
                       double *const *sorted, uint64_t n, double *product)
{
  double z[MAX_ATTRIBUTES];
  for (uint64_t i = 0; i < t->n; i++) {
    if (stratum[i] != wanted)
      continue;
    for (int c = 0; c < f->n_columns; c++)
      z[c] = score_of(sorted[c], n, t->column[c][i]);
    for (int c = 0; c < f->n_columns; c++)
      for (int k = 0; k <= c; k++)
        product[c * f->n_columns + k] += z[c] * z[k];
  }
}

static void fit_strata(struct workload_fit *f, const struct trace_table *t, const int *stratum, double *quantile,
                       double *product)
{
  double *sorted[MAX_ATTRIBUTES], *grid = quantile;
  for (int c = 0; c < f->n_columns; c++)
    if (!(sorted[c] = malloc(t->n * sizeof(double))))
      check_out_of_memory(t->n * sizeof(double));
  for (int s = 0; s < f->n_strata; s++) {
    uint64_t n = 0;
    for (int c = 0; c < f->n_columns; c++) {
      n = gather(t, c, stratum, s, sorted[c]);
      sort_values(sorted[c], n);
      fit_grid(f, sorted[c], n, f->whole[c], grid);
      grid += f->n_quantiles;
    }
    add_scores(f, t, stratum, s, sorted, n, product);
  }
  for (int c = 0; c < f->n_columns; c++)
    free(sorted[c]);
}

static int *strata_of(struct workload_fit *f, const struct trace_table *t)
{
  double edge[STRATA_MAX] = {0};
  f->n_strata = f->n_columns ? stratum_edges(t, edge) : 1;
  int *stratum = malloc(t->n * sizeof *stratum);
  if (!stratum)
    check_out_of_memory(t->n * sizeof *stratum);
  for (uint64_t i = 0; i < t->n; i++)
    stratum[i] = f->n_columns ? stratum_of(edge, f->n_strata, t->column[0][i]) : 0;
  return stratum;
}

/* Products of scores to correlations, both triangles. A column of one value has none. */
static void normalise(int n, double *c)
{
  double deviation[MAX_ATTRIBUTES];
  for (int i = 0; i < n; i++)
    deviation[i] = sqrt(c[i * n + i]);
  for (int i = 0; i < n; i++)
    for (int k = 0; k <= i; k++) {
      double both = deviation[i] * deviation[k];
      c[i * n + k] = c[k * n + i] = i == k ? 1 : both > 0 ? 0.999 * c[i * n + k] / both : 0;
    }
}

static bool fit_values(struct workload_fit *f, const struct trace_def *d, const struct trace_table *t, struct arena *a,
                       struct err *e)
{
  const char **name = arena_array(a, const char *, d->n_columns + 1);
  bool *whole = arena_array(a, bool, d->n_columns + 1);
  double *p = arena_array(a, double, VALUE_POINTS), *product = arena_array(a, double, d->n_columns * d->n_columns + 1);
  for (int c = 0; c < d->n_columns; c++) {
    name[c] = d->column[c].attribute;
    whole[c] = all_whole(t->column[c], t->n);
  }
  value_probabilities(p);
  f->n_columns = d->n_columns;
  f->column = name;
  f->whole = whole;
  f->n_quantiles = VALUE_POINTS;
  f->probability = p;
  int *stratum = strata_of(f, t);
  fit_mix(f, t, stratum, a);
  double *quantile = arena_array(a, double, (size_t)f->n_strata * (size_t)f->n_columns * VALUE_POINTS + 1);
  fit_strata(f, t, stratum, quantile, product);
  free(stratum);
  f->quantile = quantile;
  normalise(f->n_columns, product);
  return fit_finish(f, product, a, d->at, e);
}

bool trace_fit(const struct trace_def *d, struct workload_fit *f, struct arena *a, struct err *e)
{
  if (d->n_columns > MAX_ATTRIBUTES)
    return err_add(e, d->at, "a fit holds at most %d columns", MAX_ATTRIBUTES);
  const struct trace_table *t = d->table ? d->table : trace_load(d, a, e);
  if (!t)
    return false;
  if (t->n < ROWS_MIN || t->span == t->at[0])
    return err_add(e, (struct where){.file = d->file}, "%llu rows over %g s are too few to fit: %d are needed",
                   (unsigned long long)t->n, s_from_ns(t->span), ROWS_MIN);
  *f = (struct workload_fit){.name = f->name, .source = f->source, .licence = f->licence, .grade = f->grade,
                             .year = f->year};
  fit_times(f, t, a);
  return fit_values(f, d, t, a, e);
}
