/* fit_band.c: how wrong predictions of unmeasured shapes are, and the band that holds them with a stated probability.
 *
 * With n residuals ln(measured / predicted without it), a new one is no larger than the r-th smallest of their absolute values
 * with probability r / (n + 1) when all are exchangeable (conformal prediction; Vovk, Gammerman, Shafer 2005). For 90 %:
 * r = .9 (n + 1). Both ends alike: each by itself would be at the largest of 20 residuals, which a single cliff decides. Nine
 * residuals are the fewest that have such a rank, the largest; below, a Student prediction interval. Check: residuals of 1 ... 19
 * of either sign give the band [-18, 18]; of 1 ... 9, [-9, 9].
 * What a later measurement drifts by is added to the half-widths as squares.
 */
#include "experiments/calibrate/fit_parts.h"
#include "sim/stat.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>

#define BAND_SHARE 0.9
#define NORMAL_90 1.644854
/* Of the clock from one session to the next, which one session cannot tell. Eight kernels on a virtual machine of two AMD EPYC
 * cores, shapes off the grid half a minute later: medians off by -3.6, -2.7, -1.5, -0.9, -0.7, -0.3, 0.3 and 1.0 %. */
#define SESSION_SD 0.02
/* Factor of a shape between two measured ones of nearly equal cost, of which nothing else is known. Taking each two shapes of each
 * of 16 kernels of a machine and foretelling those between from the two: 93 % were within it or the two's own ratio. */
#define UNKNOWN 1.5
enum { CONFORMAL_LEAST = 9 };

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static struct kernel_error error_of(const char *method, enum kernel_model model, double *relative, int n)
{
  struct kernel_error e = {.method = n ? method : "none", .model = model, .mape = NAN, .p90 = NAN, .max = NAN, .shapes = n};
  double sum = 0;
  for (int i = 0; i < n; i++) sum += relative[i];
  if (n) qsort(relative, (size_t)n, sizeof *relative, by_value);
  if (n) e.mape = sum / n, e.p90 = relative[(int)ceil(.9 * n) - 1], e.max = relative[n - 1];
  return e;
}

struct kernel_error fit_error_of(enum kernel_model model, const double *measured, const double *predicted, int n)
{
  double *relative = zeros_new((size_t)n, sizeof *relative);
  int counted = 0;
  for (int i = 0; i < n; i++)
    if (!isnan(predicted[i])) relative[counted++] = fabs(predicted[i] / measured[i] - 1);
  struct kernel_error e = error_of("leave_one_out", model, relative, counted);
  free(relative);
  return e;
}

/* Each sample against the next of its shape. */
struct kernel_error fit_error_of_passes(const struct kernel_samples *in)
{
  double *relative = zeros_new((size_t)in->n, sizeof *relative);
  int counted = 0;
  for (int i = 0; i < in->n; i++)
    for (int k = i + 1; k < in->n; k++) {
      const struct kernel_sample *a = &in->sample[i], *b = &in->sample[k];
      if (a->shape != b->shape || counted == in->n) continue;
      struct arena *memory = arena_new();
      int one;
      struct kernel_samples first = {.n = 1, .sample = a}, second = {.n = 1, .sample = b};
      double x = fit_points(&first, &one, memory)->cost_s, y = fit_points(&second, &one, memory)->cost_s;
      relative[counted++] = fabs(x / y - 1);
      arena_free(memory);
    }
  struct kernel_error e = error_of("passes", MODEL_TABLE, relative, counted);
  free(relative);
  return e;
}

/* |ln(measured / predicted)| of what was left out, ascending; returns how many. */
static int residuals(const struct kernel_fit *f, double *out)
{
  int n = 0;
  for (int i = 0; i < f->n; i++)
    if (!isnan(f->point[i].left_out_s)) out[n++] = fabs(log(f->point[i].cost_s / f->point[i].left_out_s));
  qsort(out, (size_t)n, sizeof *out, by_value);
  return n;
}

/* Of n residuals, too few for ranks. */
static double student_half(const double *r, int n)
{
  double square = 0;
  for (int i = 0; i < n; i++) square += r[i] * r[i];
  return student_t(n > 2 ? n - 1 : n, BAND_SHARE) * sqrt(square / n * (1 + 1. / n));
}

bool fit_nothing_between(const struct kernel_cost *c)
{
  bool neighbours = true;
  for (int a = 0; a < c->n_axes; a++)
    for (int i = 0; i + 1 < c->axis[a].n; i++) {
      double knot = c->axis[a].knot[i];
      neighbours &= knot == floor(knot) && c->axis[a].knot[i + 1] == knot + 1;
    }
  return neighbours;
}

/* Nothing could be left out, and shapes may lie between those measured: as far off as those are from each other, at least
 * UNKNOWN. */
static double unknown_half(const struct kernel_fit *f)
{
  double low = INFINITY, high = 0;
  for (int i = 0; i < f->n; i++) low = fmin(low, f->point[i].cost_s), high = fmax(high, f->point[i].cost_s);
  return log(fmax(high / low, UNKNOWN));
}

/* Only what was measured will be asked for: what the fit leaves, as scatter around it. */
static double fitted_half(const struct kernel_fit *f)
{
  double square = 0;
  int knots = f->cost.axis[0].n * (f->cost.n_axes > 1 ? f->cost.axis[1].n : 1);
  for (int i = 0; i < f->n; i++) square += pow(log(f->point[i].cost_s / f->point[i].fitted_s), 2);
  return f->n > knots ? student_t(f->n - knots, BAND_SHARE) * sqrt(square / (f->n - knots)) : 0;
}

/* By what a later measurement is off: as passes are from each other (of one pass alone, as executions are), and as sessions are. */
static double later_sd(const struct kernel_fit *f)
{
  double pass = isnan(f->drift) ? f->cost.sigma : log1p(f->drift) * 1.4826 / sqrt(2);
  return hypot(pass, f->at_one_clock ? fmax(SESSION_SD, f->clock_sd) : SESSION_SD);
}

void fit_band(struct kernel_fit *f)
{
  double *r = zeros_new((size_t)f->n, sizeof *r);
  int n = residuals(f, r);
  double half = n >= CONFORMAL_LEAST           ? fit_quantile(r, n, BAND_SHARE * (n + 1))
              : n > 0                          ? student_half(r, n)
              : fit_nothing_between(&f->cost) ? fitted_half(f)
                                              : unknown_half(f);
  half = hypot(half, NORMAL_90 * later_sd(f));
  f->cost.band_low = exp(-half);
  f->cost.band_high = exp(half);
  f->cost.band_share = BAND_SHARE;
  free(r);
}

double kernel_band_coverage(const struct kernel_cost *c, const double *ratio, int n)
{
  int within = 0;
  for (int i = 0; i < n; i++) within += ratio[i] >= c->band_low && ratio[i] <= c->band_high;
  return (double)within / n;
}

double kernel_band_width(const struct kernel_cost *c)
{
  return 2 * (c->band_high - c->band_low) / (c->band_high + c->band_low);
}
