/* fit_points.c: what the samples of a kernel say before any model: a cost a shape, how much one execution scatters, how far
 * passes lie apart.
 *
 * The cost of a shape is exp(mean over its passes of ln(median / units)). Example: passes of 2 ns and 2.08 ns give
 * 2.0396 ns. Its standard error is the larger of what the intervals of the medians say and what the passes say.
 */
#include "experiments/calibrate/fit_parts.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_95 1.959964

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double fit_quantile(const double *sorted, int n, double rank)
{
  if (n == 0) return NAN;
  if (rank <= 1) return sorted[0];
  if (rank >= n) return sorted[n - 1];
  int below = (int)rank;
  return sorted[below - 1] + (rank - below) * (sorted[below] - sorted[below - 1]);
}

double fit_median(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, by_value);
  return fit_quantile(x, n, (n + 1) / 2.);
}

/* ln of the median cost of one sample. */
static double sample_log(const struct kernel_sample *s)
{
  double *copy = zeros_new((size_t)s->n, sizeof *copy);
  for (int i = 0; i < s->n; i++) copy[i] = s->execution_s[i];
  double median = fit_median(copy, s->n);
  free(copy);
  return log(median / s->units);
}

/* Standard deviation of the logarithms around their mean; 0 of one. */
static double log_sd(const struct kernel_sample *s)
{
  double sum = 0, square = 0;
  for (int i = 0; i < s->n; i++) sum += log(s->execution_s[i]);
  for (int i = 0; i < s->n; i++) square += pow(log(s->execution_s[i]) - sum / s->n, 2);
  return s->n > 1 ? sqrt(square / (s->n - 1)) : 0;
}

/* Of ln of the median: from its 95 % interval, else as of a normal sample (1.2533 sd / sqrt(n)). */
static double standard_error(const struct kernel_sample *s)
{
  if (s->low_s > 0 && s->high_s > 0) return log(s->high_s / s->low_s) / (2 * NORMAL_95);
  return 1.2533 * log_sd(s) / sqrt(s->n);
}

static int by_shape(const void *a, const void *b)
{
  const struct kernel_sample *x = *(const struct kernel_sample *const *)a, *y = *(const struct kernel_sample *const *)b;
  return (x->shape > y->shape) - (x->shape < y->shape);
}

static const struct kernel_sample **samples_sorted(const struct kernel_samples *in)
{
  const struct kernel_sample **sorted = zeros_new((size_t)in->n, sizeof *sorted);
  for (int i = 0; i < in->n; i++) sorted[i] = &in->sample[i];
  qsort(sorted, (size_t)in->n, sizeof *sorted, by_shape);
  return sorted;
}

/* The n samples of one shape. */
static struct kernel_point point_of(const struct kernel_sample *const *s, int n)
{
  struct kernel_point p = {.shape = s[0]->shape, .passes = n, .units = s[0]->units, .fitted_s = NAN, .left_out_s = NAN, .stable = true};
  double sum = 0, own = 0, between = 0;
  for (int i = 0; i < KERNEL_FIT_AXES; i++) p.axis[i] = s[0]->axis[i];
  for (int i = 0; i < n; i++) {
    sum += sample_log(s[i]);
    own += pow(standard_error(s[i]), 2);
    p.stable &= s[i]->stable;
  }
  for (int i = 0; i < n; i++) between += pow(sample_log(s[i]) - sum / n, 2);
  double error = sqrt(fmax(own / n, n > 1 ? between / (n - 1) : 0) / n);
  p.cost_s = exp(sum / n);
  p.low_s = p.cost_s * exp(-NORMAL_95 * error);
  p.high_s = p.cost_s * exp(NORMAL_95 * error);
  return p;
}

struct kernel_point *fit_points(const struct kernel_samples *in, int *n, struct arena *memory)
{
  struct kernel_point *out = arena_array(memory, struct kernel_point, in->n);
  const struct kernel_sample **s = samples_sorted(in);
  *n = 0;
  for (int first = 0, next; first < in->n; first = next) {
    for (next = first + 1; next < in->n && s[next]->shape == s[first]->shape;) next++;
    out[(*n)++] = point_of(s + first, next - first);
  }
  free(s);
  return out;
}

bool fit_inside_others(const struct fit_data *d, int point, int axis)
{
  bool below = false, above = false;
  for (int i = 0; i < d->n; i++) {
    if (i == point) continue;
    below |= d->x[i][axis] <= d->x[point][axis];
    above |= d->x[i][axis] >= d->x[point][axis];
  }
  return below && above;
}

struct fit_data fit_data_of(const struct kernel_point *p, int n, int n_axes, struct arena *memory)
{
  /* What a shape cannot be modelled better than, whatever its interval: keeps weights from being all on a few. */
  const double floor_sd = 0.02;
  struct fit_data d = {.n = n, .n_axes = n_axes, .memory = memory};
  d.x = arena_alloc(memory, sizeof *d.x * (size_t)n);
  d.y = arena_array(memory, double, n);
  d.weight = arena_array(memory, double, n);
  d.inner = arena_array(memory, bool, n);
  double sum = 0;
  for (int i = 0; i < n; i++) {
    for (int a = 0; a < n_axes; a++) d.x[i][a] = log(p[i].axis[a]);
    d.y[i] = log(p[i].cost_s);
    d.weight[i] = 1 / (pow(log(p[i].high_s / p[i].low_s) / (2 * NORMAL_95), 2) + floor_sd * floor_sd);
    sum += d.weight[i];
  }
  for (int i = 0; i < n; i++) {
    d.weight[i] *= n / sum;
    d.inner[i] = true;
    for (int a = 0; a < n_axes; a++) d.inner[i] &= fit_inside_others(&d, i, a);
  }
  return d;
}

/* |ln(pass / other pass)| of neighbours in the order of shapes. */
double fit_drift(const struct kernel_samples *in)
{
  const struct kernel_sample **s = samples_sorted(in);
  double *apart = zeros_new((size_t)in->n, sizeof *apart);
  int n = 0;
  for (int i = 1; i < in->n; i++)
    if (s[i]->shape == s[i - 1]->shape) apart[n++] = fabs(sample_log(s[i]) - sample_log(s[i - 1]));
  double drift = n ? expm1(fit_median(apart, n)) : NAN;
  free(apart);
  free(s);
  return drift;
}

/* Pooled variance of the samples that count: stable ones, of at most `most` executions a value; NaN if fewer than `least`. */
static double pooled_sd(const struct kernel_samples *in, bool stable, int most, int least)
{
  double sum = 0, degrees = 0;
  int counted = 0;
  for (int i = 0; i < in->n; i++) {
    const struct kernel_sample *s = &in->sample[i];
    if ((stable && !s->stable) || s->inner > most || s->n < 2) continue;
    sum += pow(log_sd(s), 2) * (s->n - 1);
    degrees += s->n - 1;
    counted++;
  }
  return counted >= least ? sqrt(sum / degrees) : NAN;
}

double fit_sigma(const struct kernel_samples *in)
{
  const struct { bool stable; int most, least; } tries[] = {{true, 1, 3}, {true, 1 << 30, 1}, {false, 1 << 30, 1}};
  for (int i = 0; i < 3; i++) {
    double sd = pooled_sd(in, tries[i].stable, tries[i].most, tries[i].least);
    if (!isnan(sd)) return sd;
  }
  return 0;
}
