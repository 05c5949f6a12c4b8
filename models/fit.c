/* fit.c: rows and gaps drawn from a fitted workload (struct workload_fit says what its numbers mean); its preset file.
 *
 * Checkable: a grid (0, 0), (1, 1) is the uniform distribution, mean 1/2, variance 1/12; two columns on such grids with
 * normal scores correlated by r have correlation 6/pi asin(r/2) (Pearson 1907).
 */
#include "models/fit.h"

#include "sim/check.h"

#include <math.h>

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

double grid_mean(int n, const double *p, const double *x)
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

const double *grid_of(const struct workload_fit *f, int stratum, int column)
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
