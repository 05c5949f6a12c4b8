/* trace_facts.c: what a trace is like: rate, variability of the gaps, dispersion, quantiles of its columns.
 *
 * Index of dispersion for counts: variance over mean of the rows in complete minutes; 1 for a Poisson process.
 * Coefficients of variation use the population's deviation. Quantiles are order statistics of rank ceil(q n).
 */
#include "models/fit.h"

#include "sim/check.h"

#include <math.h>
#include <stdlib.h>

const double trace_quantile[TRACE_QUANTILES] = {.01, .05, .10, .25, .50, .75, .90, .95, .99};

static double cv_of(double n, double sum, double square)
{
  double mean = sum / n, variance = square / n - mean * mean;
  return n > 0 && mean != 0 ? sqrt(fmax(0, variance)) / mean : NAN;
}

static double gap_cv(const struct trace_table *t)
{
  double sum = 0, square = 0;
  for (uint64_t i = 1; i < t->n; i++) {
    double gap_s = s_from_ns(t->at[i] - t->at[i - 1]);
    sum += gap_s;
    square += gap_s * gap_s;
  }
  return cv_of((double)t->n - 1, sum, square);
}

/* Counts in complete minutes, walked row by row: minutes without rows count as well. */
static void describe_minutes(const struct trace_table *t, struct trace_facts *f)
{
  const sim_time minute = 60 * (sim_time)NS_PER_S;
  double minutes = 0, sum = 0, square = 0, least = INFINITY, most = 0;
  uint64_t i = 0;
  for (sim_time end = minute; end <= t->span; end += minute, minutes++) {
    double count = 0;
    for (; i < t->n && t->at[i] < end; i++)
      count++;
    sum += count;
    square += count * count;
    least = fmin(least, count);
    most = fmax(most, count);
  }
  double cv = cv_of(minutes, sum, square);
  f->iod_60s = minutes > 1 ? cv * cv * sum / minutes : NAN;
  f->min_rate_60s = minutes > 0 ? least / 60 : NAN;
  f->max_rate_60s = minutes > 0 ? most / 60 : NAN;
}

static void describe_column(const double *x, uint64_t n, double *sorted, struct trace_facts *f, int c)
{
  double sum = 0, square = 0;
  for (uint64_t i = 0; i < n; i++) {
    sorted[i] = x[i];
    sum += x[i];
    square += x[i] * x[i];
  }
  sort_values(sorted, n);
  f->stats[c].mean = sum / (double)n;
  f->stats[c].cv = cv_of((double)n, sum, square);
  f->stats[c].min = sorted[0];
  f->stats[c].max = sorted[n - 1];
  for (int k = 0; k < TRACE_QUANTILES; k++)
    f->stats[c].q[k] = sorted[(uint64_t)fmax(1, ceil(trace_quantile[k] * (double)n)) - 1];
}

bool trace_describe(const struct trace_def *d, struct trace_facts *f, struct arena *a, struct err *e)
{
  const struct trace_table *t = d->table ? d->table : trace_load(d, a, e);
  if (!t)
    return false;
  *f = (struct trace_facts){.rows = t->rows_read, .kept = t->n, .ties = t->ties, .span_s = s_from_ns(t->span)};
  f->rate_per_s = t->span > 0 ? (double)t->n / f->span_s : NAN;
  f->interarrival_cv = gap_cv(t);
  describe_minutes(t, f);
  double *sorted = malloc(t->n * sizeof *sorted);
  if (!sorted)
    check_out_of_memory(t->n * sizeof *sorted);
  for (int c = 0; c < d->n_columns && c < 16; c++, f->n_columns++) {
    f->column[c] = d->column[c].attribute;
    describe_column(t->column[c], t->n, sorted, f, c);
  }
  free(sorted);
  return true;
}
