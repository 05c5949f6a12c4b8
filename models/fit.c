/* fit.c: a trace turned into statistics, and rows and gaps drawn from them (struct workload_fit says what they mean).
 *
 * Rows: a Gaussian copula alone cannot follow a dependence that rises and falls (in the Azure conversation trace the
 * mean output by decile of the prompt is 151 84 99 105 324 411 412 338 117 74, rank correlation 0.07), so the rows are
 * cut into strata by quantiles of the first column, and the copula acts within. Shares of the strata follow time, which
 * gives the drift of the mix and its serial dependence. Grids hold order statistics, so that a value that is repeated
 * often (a spike) stays one; the point before the last is moved to keep the mean.
 * Checkable: a grid (0, 0), (1, 1) is the uniform distribution, mean 1/2, variance 1/12.
 */
#include "models/arrivals.h"

#include "sim/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRATA_MAX = 16, STRATUM_ROWS_MIN = 100, ROWS_MIN = 100, GAP_POINTS = 107, VALUE_POINTS = 43 };
/* A rate a minute. Where the gaps still vary this much within a minute, bursts are shorter than it: six rates. */
static const double BIN_S = 60, SHORT_BIN_S = 10, BURSTY_SCV = 4;
static const double MIX_S = 120;

/* ---- grids ------------------------------------------------------------------------------------------------------- */

/* The value at u of a quantile grid, linear between its points. */
static double grid_value(int n, const double *p, const double *x, double u)
{
  int low = 0, high = n - 1;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (p[middle] <= u)
      low = middle;
    else
      high = middle;
  }
  double width = p[high] - p[low];
  return width > 0 ? x[low] + (x[high] - x[low]) * (u - p[low]) / width : x[low];
}

static double grid_mean(int n, const double *p, const double *x)
{
  double sum = 0;
  for (int i = 1; i < n; i++)
    sum += (p[i] - p[i - 1]) * (x[i] + x[i - 1]) / 2;
  return sum;
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

double fit_gap(const struct workload_fit *f, struct rng *r)
{
  if (f->n_gap > 0)
    return grid_value(f->n_gap, f->gap_probability, f->gap, rng_uniform(r));
  if (f->interarrival_scv <= 0)
    return 1;
  struct dist gamma;
  char why[160];
  double p[2] = {1, 1 / f->interarrival_scv};
  bool good = dist_make(&gamma, "gamma", p, 2, why);
  sim_assert(good);
  return dist_draw(&gamma, r);
}

static int draw_stratum(const struct workload_fit *f, double original_s, double u)
{
  int row = f->mix_s > 0 ? (int)(original_s / f->mix_s) : 0;
  const double *share = f->mix + (size_t)(row < f->n_mixes ? row : f->n_mixes - 1) * (size_t)f->n_strata;
  int stratum = 0;
  while (stratum < f->n_strata - 1 && u >= share[stratum])
    u -= share[stratum++];
  while (stratum > 0 && share[stratum] == 0)            /* rounding fell behind the last one that has a share */
    stratum--;
  return stratum;
}

static const double *grid_of(const struct workload_fit *f, int stratum, int column)
{
  return f->quantile + ((size_t)stratum * (size_t)f->n_columns + (size_t)column) * (size_t)f->n_quantiles;
}

void fit_row(const struct workload_fit *f, double original_s, struct rng *r, double *value)
{
  if (f->n_columns == 0)
    return;
  int stratum = draw_stratum(f, original_s, rng_uniform(r));
  double z[MAX_ATTRIBUTES];
  for (int c = 0; c < f->n_columns; c++) {
    z[c] = rng_normal(r);
    double score = 0;
    for (int k = 0; k <= c; k++)
      score += f->cholesky[c * f->n_columns + k] * z[k];
    double u = erfc(-score * M_SQRT1_2) / 2;
    double x = grid_value(f->n_quantiles, f->probability, grid_of(f, stratum, c), u);
    value[c] = f->whole[c] ? round(x) : x;
  }
}

/* ---- fitting: when ----------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

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
  qsort(gap, t->n - 1, sizeof *gap, by_value);
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

static double *sorted_copy(const double *x, uint64_t n)
{
  double *copy = malloc(n * sizeof *copy + 1);
  if (!copy)
    check_out_of_memory(n * sizeof *copy);
  memcpy(copy, x, n * sizeof *copy);
  qsort(copy, n, sizeof *copy, by_value);
  return copy;
}

static bool all_whole(const double *x, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++)
    if (x[i] != floor(x[i]) || fabs(x[i]) > 1e15)
      return false;
  return true;
}

/* Lower ends of the strata by the first column, distinct; returns how many. */
static int stratum_edges(const struct trace_table *t, double edge[STRATA_MAX])
{
  double *sorted = sorted_copy(t->column[0], t->n);
  int most = (int)fmin(STRATA_MAX, fmax(1, floor((double)t->n / STRATUM_ROWS_MIN))), n = 0;
  for (int k = 0; k < most; k++) {
    double x = sorted[(uint64_t)k * t->n / (uint64_t)most];
    if (n == 0 || x > edge[n - 1])
      edge[n++] = x;
  }
  free(sorted);
  return n;
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

/* Normal score of the middle rank of x among n sorted values. */
static double score_of(const double *sorted, uint64_t n, double x)
{
  uint64_t low = 0, high = n;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (sorted[middle] < x)
      low = middle + 1;
    else
      high = middle;
  }
  uint64_t above = low;
  for (uint64_t step = n; step > 0; step /= 2)          /* one past the last equal value */
    while (above + step <= n && sorted[above + step - 1] <= x)
      above += step;
  return normal_score(((double)low + (double)above) / 2 / (double)n);
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
      qsort(sorted[c], n, sizeof(double), by_value);
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

/* ---- checking a preset ------------------------------------------------------------------------------------------- */

/* Is p a grid of probabilities from 0 to 1, with at least `least` points? */
static bool is_probability_grid(int n, const double *p, int least)
{
  for (int i = 1; i < n; i++)
    if (!(p[i] > p[i - 1]))
      return false;
  return n >= least && p[0] == 0 && p[n - 1] == 1;
}

static bool is_rising(int n, const double *x)
{
  for (int i = 0; i < n; i++)
    if (!isfinite(x[i]) || (i > 0 && x[i] < x[i - 1]))
      return false;
  return true;
}

static bool check_times(const struct workload_fit *f, struct where at, struct err *e)
{
  double largest = 0;
  if (!(f->span_s > 0) || !(f->bin_s > 0) || f->n_bins < 1 || f->bin_s * (f->n_bins - 1) > f->span_s)
    return err_add(e, at, "workload '%s': rate_per_s must have one number for each bin of the span", f->name);
  for (int b = 0; b < f->n_bins; b++) {
    if (!(f->rate_per_s[b] >= 0) || isinf(f->rate_per_s[b]))
      return err_add(e, at, "workload '%s': rate_per_s[%d] must be >= 0", f->name, b);
    largest = fmax(largest, f->rate_per_s[b]);
  }
  if (!(largest > 0))
    return err_add(e, at, "workload '%s': some rate must be > 0", f->name);
  if (!(f->interarrival_scv >= 0))
    return err_add(e, at, "workload '%s': interarrival_scv must be >= 0", f->name);
  if (f->n_gap == 0)
    return true;
  if (!is_probability_grid(f->n_gap, f->gap_probability, 2) || !is_rising(f->n_gap, f->gap) || f->gap[0] < 0)
    return err_add(e, at, "workload '%s': gap_probability must rise from 0 to 1, and gap with it from >= 0", f->name);
  if (fabs(grid_mean(f->n_gap, f->gap_probability, f->gap) - 1) > 1e-3)
    return err_add(e, at, "workload '%s': the mean gap must be 1, not %g", f->name,
                   grid_mean(f->n_gap, f->gap_probability, f->gap));
  return true;
}

static bool check_mix(const struct workload_fit *f, struct where at, struct err *e)
{
  if (f->n_mixes < 1 || f->n_strata < 1 || !(f->mix_s > 0))
    return err_add(e, at, "workload '%s': mix needs a row and mix_every > 0", f->name);
  for (int m = 0; m < f->n_mixes; m++) {
    double sum = 0;
    for (int s = 0; s < f->n_strata; s++) {
      double share = f->mix[m * f->n_strata + s];
      if (!(share >= 0))
        return err_add(e, at, "workload '%s': mix[%d][%d] must be >= 0", f->name, m, s);
      sum += share;
    }
    if (fabs(sum - 1) > 1e-2)
      return err_add(e, at, "workload '%s': mix[%d] must sum to 1, not %g", f->name, m, sum);
  }
  return true;
}

static bool check_values(const struct workload_fit *f, struct where at, struct err *e)
{
  if (f->n_columns == 0)
    return true;
  if (f->n_columns > MAX_ATTRIBUTES || !is_probability_grid(f->n_quantiles, f->probability, 2))
    return err_add(e, at, "workload '%s': probability must rise from 0 to 1", f->name);
  for (int s = 0; s < f->n_strata; s++)
    for (int c = 0; c < f->n_columns; c++)
      if (!is_rising(f->n_quantiles, grid_of(f, s, c)))
        return err_add(e, at, "workload '%s': quantile[%d] of '%s' must not fall", f->name, s, f->column[c]);
  return check_mix(f, at, e);
}

/* The lower factor of a correlation matrix; false when it is not positive definite. */
static bool factor(int n, const double *c, double *lower)
{
  for (int i = 0; i < n; i++)
    for (int k = 0; k <= i; k++) {
      double sum = c ? c[i * n + k] : i == k;
      for (int j = 0; j < k; j++)
        sum -= lower[i * n + j] * lower[k * n + j];
      if (i == k && !(sum > 0))
        return false;
      lower[i * n + k] = i == k ? sqrt(sum) : sum / lower[k * n + k];
    }
  return true;
}

bool fit_finish(struct workload_fit *f, const double *correlation, struct arena *a, struct where at, struct err *e)
{
  if (!check_times(f, at, e) || !check_values(f, at, e))
    return false;
  int n = f->n_columns;
  for (int i = 0; correlation && i < n; i++)
    for (int k = 0; k < n; k++)
      if (fabs(correlation[i * n + k] - (i == k ? 1 : correlation[k * n + i])) > 1e-9)
        return err_add(e, at, "workload '%s': correlation must be symmetric with 1 on the diagonal", f->name);
  double *lower = arena_array(a, double, n * n + 1);
  if (!factor(n, correlation, lower))
    return err_add(e, at, "workload '%s': correlation is not positive definite", f->name);
  f->cholesky = lower;
  return true;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void write_text(FILE *out, const char *text)
{
  putc('"', out);
  for (const char *p = text ? text : ""; *p; p++) {
    if (*p == '"' || *p == '\\')
      putc('\\', out);
    if ((unsigned char)*p >= ' ')
      putc(*p, out);
  }
  putc('"', out);
}

/* [x, x, ...], broken into lines of at most 110 letters. */
static void write_list(FILE *out, const char *before, const double *x, int n, const char *format, int indent)
{
  int column = fprintf(out, "%*s%s[", indent, "", before);
  for (int i = 0; i < n; i++) {
    char number[32];
    int length = snprintf(number, sizeof number, format, x[i]);
    if (column + length + 2 > 110) {
      fprintf(out, ",\n%*s", indent + 4, "");
      column = indent + 4;
    } else if (i > 0) {
      column += fprintf(out, ", ");
    }
    column += fprintf(out, "%s", number);
  }
  fputs("]\n", out);
}

static void write_values(const struct workload_fit *f, FILE *out)
{
  fputs("  columns: [", out);
  for (int c = 0; c < f->n_columns; c++)
    fprintf(out, "%s%s", c ? ", " : "", f->column[c]);
  fputs("]\n  whole: [", out);
  for (int c = 0; c < f->n_columns; c++)
    fprintf(out, "%s%s", c ? ", " : "", f->whole[c] ? "true" : "false");
  fprintf(out, "]\n  # shares of the strata of %s; one row each mix_every\n", f->column[0]);
  fprintf(out, "  mix_every: %.9g s\n  mix:\n", f->mix_s);
  for (int m = 0; m < f->n_mixes; m++)
    write_list(out, "- ", f->mix + (size_t)m * (size_t)f->n_strata, f->n_strata, "%.3g", 4);
  write_list(out, "probability: ", f->probability, f->n_quantiles, "%.6g", 2);
  fputs("  # [stratum][column][probability]\n  quantile:\n", out);
  for (int s = 0; s < f->n_strata; s++)
    for (int c = 0; c < f->n_columns; c++)
      write_list(out, c ? "- " : "- - ", grid_of(f, s, c), f->n_quantiles, "%.7g", c ? 6 : 4);
}

static void write_correlation(const struct workload_fit *f, FILE *out)
{
  int n = f->n_columns;
  fputs("  # of normal scores within the strata\n  correlation:\n", out);
  for (int i = 0; i < n; i++) {
    double row[MAX_ATTRIBUTES] = {0};
    for (int k = 0; k < n; k++)
      for (int j = 0; j <= (i < k ? i : k); j++)
        row[k] += f->cholesky[i * n + j] * f->cholesky[k * n + j];
    row[i] = 1;
    write_list(out, "- ", row, n, "%.6f", 4);
  }
}

static void write_times(const struct workload_fit *f, FILE *out)
{
  fprintf(out, "  span: %.9g s\n  bin: %.9g s\n", f->span_s, f->bin_s);
  write_list(out, "rate_per_s: ", f->rate_per_s, f->n_bins, "%.5g", 2);
  fprintf(out, "  interarrival_scv: %.5g\n", f->interarrival_scv);
  if (f->n_gap == 0)
    return;
  fputs("  # gaps in operational time, in units of the mean gap\n", out);
  write_list(out, "gap_probability: ", f->gap_probability, f->n_gap, "%.6g", 2);
  write_list(out, "gap: ", f->gap, f->n_gap, "%.4g", 2);
}

void fit_write(const struct workload_fit *f, FILE *out)
{
  fprintf(out, "# A workload fitted to a trace: statistics of it, no rows of it. Made by `offsim trace --fit`.\n");
  fprintf(out, "kind: workload\nname: %s\ndoc: ", f->name);
  write_text(out, f->licence);
  fputs("\nsources:\n  all: {source: ", out);
  write_text(out, f->source);
  fprintf(out, ", year: %d, grade: %s}\nvalue:\n", f->year, f->grade);
  write_times(f, out);
  if (f->n_columns == 0)
    return;
  write_values(f, out);
  write_correlation(f, out);
}
