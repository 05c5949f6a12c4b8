/* fit_points.c: what the samples of a kernel say before any model: a cost a shape, how much one execution scatters, how far
 * passes lie apart.
 *
 * The cost of a shape is exp(mean over its passes of ln(median / units)). Example: passes of 2 ns and 2.08 ns give
 * 2.0396 ns. Its standard error is the larger of what the intervals of the medians say and what the passes say. A pass that is
 * slower than the quickest by more than 5 % and three standard errors, as timed and at the usual clock, was disturbed, for
 * disturbances only add: it does not count, and the shape is not stable. Example: 2 ns and 2.6 ns, each to 1 %, give 2 ns.
 * A pass whose repetitions were mostly discarded counts only where no other does; its few repetitions were in the same trouble.
 */
#include "experiments/calibrate/fit_parts.h"
#include "sim/stat.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_95 1.959964
#define KEPT_OUTSIDE 0.02                               /* at most, by the interval that a sample keeps (kernels/numerics.h) */
#define DISTURBED 0.05
/* The clock is divided out only where the passes then agree better by far, and by enough of them: of a kernel that does not follow
 * it, the smaller of two drifts is a matter of chance. */
#define AGREES 0.7
enum { LEAST_PAIRS = 6 };
/* ln: standard error of a median of which most repetitions were discarded. On a virtual machine, medians of aes_gcm and deflate
 * whose other pass was quiet: 1 to 45 % too slow, half of them more than 16 %. */
#define IN_TROUBLE 0.15
enum { RANKS_MOST = 1000 };                             /* beyond, 2^-n is no number any more, and the kept interval is of 98 % */
#define NORMAL_DEGREES 1e7                              /* Student's with as many is normal to seven digits */
#define PI 3.14159265358979323846

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

/* ln of the median cost of one sample, at the usual clock. */
static double sample_log(const struct kernel_sample *s)
{
  double *copy = zeros_new((size_t)s->n, sizeof *copy);
  for (int i = 0; i < s->n; i++) copy[i] = s->execution_s[i];
  double median = fit_median(copy, s->n);
  free(copy);
  return log(median / s->units) - (s->clock > 0 ? log(s->clock) : 0);
}

/* Standard deviation of the logarithms around their mean; 0 of one. */
static double log_sd(const struct kernel_sample *s)
{
  double sum = 0, square = 0;
  for (int i = 0; i < s->n; i++) sum += log(s->execution_s[i]);
  for (int i = 0; i < s->n; i++) square += pow(log(s->execution_s[i]) - sum / s->n, 2);
  return s->n > 1 ? sqrt(square / (s->n - 1)) : 0;
}

/* Half the kept interval of n values, in standard deviations. It goes from the k-th to the k-th last with the largest k for which
 * 2 P(binomial(n, 1/2) < k) is 2 % or less, or has all values: 98 % and more from n = 7, of 5 values 93.75 %, which is 1.8627. */
static double kept_deviations(int n)
{
  if (n > RANKS_MOST) return student_t(NORMAL_DEGREES, 1 - KEPT_OUTSIDE);
  double one = exp2(-n), below = one, next = one;       /* P(= k), P(< k), P(<= k), of k = 1 at first */
  for (int k = 1; 2 * (next += one *= (n - k + 1.) / k) <= KEPT_OUTSIDE; k++) below = next;
  return student_t(NORMAL_DEGREES, 1 - 2 * below);
}

/* Of ln of the median: from the interval that is kept, else as of a normal sample (1.2533 sd / sqrt(n)). */
static double standard_error(const struct kernel_sample *s)
{
  if (s->low_s > 0 && s->high_s > 0 && s->n > 1) return log(s->high_s / s->low_s) / (2 * kept_deviations(s->n));
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

struct pass { double log, error, clock; bool disturbed; };

/* By how much a is slower than b, as timed or at the usual clock: by which it is less. */
static double slower(const struct pass *a, const struct pass *b)
{
  return fmin(a->log - b->log, a->log + a->clock - b->log - b->clock);
}

/* Those that were not in trouble, to the front, where there is one; returns how many. */
static int untroubled(struct pass *p, int n)
{
  int kept = 0;
  for (int i = 0; i < n; i++)
    if (!p[i].disturbed) p[kept++] = p[i];
  return kept ? kept : n;
}

/* Moves the passes that count to the front; returns how many. */
static int undisturbed(struct pass *p, int n)
{
  n = untroubled(p, n);
  struct pass quickest = p[0];
  int kept = 0;
  for (int i = 1; i < n; i++)
    if (p[i].log < quickest.log) quickest = p[i];
  for (int i = 0; i < n; i++)
    if (slower(&p[i], &quickest) <= fmax(DISTURBED, 3 * hypot(p[i].error, quickest.error))) p[kept++] = p[i];
  return kept;
}

static void set_cost(struct kernel_point *p, const struct pass *pass, int n)
{
  double sum = 0, own = 0, between = 0;
  for (int i = 0; i < n; i++) sum += pass[i].log, own += pow(pass[i].error, 2);
  for (int i = 0; i < n; i++) between += pow(pass[i].log - sum / n, 2);
  double error = sqrt(fmax(own / n, n > 1 ? between / (n - 1) : 0) / n);
  p->cost_s = exp(sum / n);
  p->low_s = p->cost_s * exp(-NORMAL_95 * error);
  p->high_s = p->cost_s * exp(NORMAL_95 * error);
}

/* The n samples of one shape. */
static struct kernel_point point_of(const struct kernel_sample *const *s, int n)
{
  struct kernel_point p = {.shape = s[0]->shape, .passes = n, .units = s[0]->units, .fitted_s = NAN, .left_out_s = NAN, .stable = true,
                           .disturbed = true};
  struct pass *pass = zeros_new((size_t)n, sizeof *pass);
  for (int i = 0; i < KERNEL_FIT_AXES; i++) p.axis[i] = s[0]->axis[i];
  for (int i = 0; i < n; i++) {
    pass[i] = (struct pass){sample_log(s[i]), hypot(standard_error(s[i]), s[i]->disturbed ? IN_TROUBLE : 0),
                            s[i]->clock > 0 ? log(s[i]->clock) : 0, s[i]->disturbed};
    p.stable &= s[i]->stable;
    p.disturbed &= s[i]->disturbed;
  }
  int kept = undisturbed(pass, n);
  p.stable &= kept == n;
  set_cost(&p, pass, kept);
  free(pass);
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

static bool between_others(const struct fit_data *d, int point, int axis)
{
  bool below = false, above = false;
  for (int i = 0; i < d->n; i++) {
    if (i == point) continue;
    below |= d->x[i][axis] <= d->x[point][axis];
    above |= d->x[i][axis] >= d->x[point][axis];
  }
  return below && above;
}

/* In the convex hull of the others: seen from the point, no half plane is without one. */
static bool in_hull(const struct fit_data *d, int point, const int *axis)
{
  double *angle = zeros_new((size_t)d->n + 1, sizeof *angle);
  int n = 0;
  bool same = false, gap = false;
  for (int i = 0; i < d->n; i++) {
    double u = d->x[i][axis[0]] - d->x[point][axis[0]], v = d->x[i][axis[1]] - d->x[point][axis[1]];
    if (i != point && u == 0 && v == 0) same = true;
    else if (i != point) angle[n++] = atan2(v, u);
  }
  qsort(angle, (size_t)n, sizeof *angle, by_value);
  angle[n] = n ? angle[0] + 2 * PI : 0;
  for (int i = 0; i < n; i++) gap |= angle[i + 1] - angle[i] > PI + 1e-9;
  free(angle);
  return same || (n > 1 && !gap);
}

bool fit_among_others(const struct fit_data *d, int point, int n_axes, const int *axis)
{
  return n_axes == 1 ? between_others(d, point, axis[0]) : in_hull(d, point, axis);
}

static bool varies(const struct fit_data *d, int axis)
{
  for (int i = 1; i < d->n; i++)
    if (d->x[i][axis] != d->x[0][axis]) return true;
  return false;
}

/* By every pair of axes that vary, and each axis alone. */
static bool inner(const struct fit_data *d, int point)
{
  bool all = true;
  for (int a = 0; a < d->n_axes; a++) {
    all &= between_others(d, point, a);
    for (int b = a + 1; b < d->n_axes; b++)
      if (varies(d, a) && varies(d, b)) all &= in_hull(d, point, (const int[]){a, b});
  }
  return all;
}

/* Where most shapes were disturbed they are what there is. */
static bool few_disturbed(const struct kernel_point *p, int n)
{
  int disturbed = 0;
  for (int i = 0; i < n; i++) disturbed += p[i].disturbed;
  return 4 * disturbed <= n;
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
  d.disturbed = arena_array(memory, bool, n);
  double sum = 0;
  bool few = few_disturbed(p, n);
  for (int i = 0; i < n; i++) {
    for (int a = 0; a < n_axes; a++) d.x[i][a] = log(p[i].axis[a]);
    d.y[i] = log(p[i].cost_s);
    d.disturbed[i] = p[i].disturbed && few;
    d.weight[i] = 1 / (pow(log(p[i].high_s / p[i].low_s) / (2 * NORMAL_95), 2) + floor_sd * floor_sd);
    sum += d.weight[i];
  }
  for (int i = 0; i < n; i++) {
    d.weight[i] *= n / sum;
    d.inner[i] = inner(&d, i);
  }
  return d;
}

/* Median |ln(pass / other pass)| of neighbours in the order of shapes; *pairs: how many there are. */
static double drift_of(const struct kernel_samples *in, int *pairs)
{
  const struct kernel_sample **s = samples_sorted(in);
  double *apart = zeros_new((size_t)in->n, sizeof *apart);
  int n = 0;
  for (int i = 1; i < in->n; i++)
    if (s[i]->shape == s[i - 1]->shape) apart[n++] = fabs(sample_log(s[i]) - sample_log(s[i - 1]));
  double drift = n ? expm1(fit_median(apart, n)) : NAN;
  free(apart);
  free(s);
  *pairs = n;
  return drift;
}

double fit_drift(const struct kernel_samples *in)
{
  int pairs;
  return drift_of(in, &pairs);
}

/* Do the passes agree better, by far, when each is taken at the clock that the core had meanwhile? Of kernels that compute they do on
 * a processor whose clock its other guests move. Else the samples as they were timed. */
struct kernel_samples fit_at_one_clock(const struct kernel_samples *in, struct arena *memory, bool *helps)
{
  struct kernel_sample *timed = arena_array(memory, struct kernel_sample, in->n);
  struct kernel_samples out = *in;
  for (int i = 0; i < in->n; i++) timed[i] = in->sample[i], timed[i].clock = 0;
  out.sample = timed;
  int pairs;
  *helps = drift_of(in, &pairs) < AGREES * drift_of(&out, &pairs) && pairs >= LEAST_PAIRS;
  return *helps ? *in : out;
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
