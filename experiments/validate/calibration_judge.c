/* calibration_judge.c: the figures of `offsim validate calibration`, without printing.
 *
 * Off the grid: a shape is covered when median / (units x cost) lies in the kernel's band. Two profiles are compared by what they
 * say of the shapes measured off the grid, for their knots and axes may differ. Decoding: one token reads all weights once, so
 *   tokens/s = MBU x bandwidth / bytes,   MBU = cost of a byte by triad / cost of a byte by gemv_i4,
 * both of one thread and out of the caches. Check: 62.5 ps against 100 ps a byte is MBU .625; 1 GB then is 10 tokens/s.
 */
#include "experiments/validate/calibration.h"
#include "experiments/calibrate/fit.h"
#include "sim/stat.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_COMPARED = 3 };
#define BEYOND_CACHE 2.                                 /* times the largest cache: out of it */
#define CONFIDENCE 0.99                                 /* of a coverage from few shapes, to miss the bar */

/* ---- a cost at a shape ------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_of(double *x, size_t n)
{
  if (!n) return NAN;
  qsort(x, n, sizeof *x, by_value);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* The kernel's axes in the order of the cost's. False: the samples have no such axis. */
static bool axes_for(const struct kernel_cost *c, const struct raw_kernel *k, const double *axis, double *out)
{
  for (int i = 0; i < c->n_axes; i++) {
    int at = 0;
    while (at < k->n_axes && strcmp(k->axis[at], c->axis[i].name)) at++;
    if (at == k->n_axes) return false;
    out[i] = axis[at];
  }
  return true;
}

/* Seconds a unit of work; NaN outside the measured range. */
static double cost_of(const struct kernel_cost *c, const struct raw_kernel *k, const struct raw_sample *s)
{
  double axis[KERNEL_COST_AXES];
  return axes_for(c, k, s->axis, axis) && kernel_cost_inside(c, axis) ? kernel_cost_at(c, axis) : NAN;
}

/* Hot, alone, on one thread, with a result that was right. */
static bool counts(const struct raw *raw, const struct raw_sample *s, int kernel)
{
  return s->kernel == kernel && s->off_grid && !s->cold && !s->interference && s->threads == 1 && !raw_check_failed(raw, kernel, s->p);
}

static double measured_cost(const struct raw_sample *s, bool wall)
{
  double *copy = zeros_new(s->n, sizeof *copy);
  memcpy(copy, wall ? s->wall_s : s->cpu_s, s->n * sizeof *copy);
  double median = median_of(copy, s->n);
  free(copy);
  return median / s->units;
}

static const struct profile_kernel *find(const struct profile *p, const char *name)
{
  for (int i = 0; i < p->n_kernels; i++)
    if (!strcmp(p->kernel[i].cost.kernel, name)) return &p->kernel[i];
  return NULL;
}

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

static void judge_off_grid(const struct raw *raw, int kernel, struct calibrated *k)
{
  double *ratio = zeros_new(raw->n_samples, sizeof *ratio);
  const struct kernel_cost *c = &k->kernel->cost;
  for (size_t i = 0; i < raw->n_samples; i++) {
    const struct raw_sample *s = &raw->sample[i];
    if (!counts(raw, s, kernel)) continue;
    double cost = cost_of(c, &raw->kernel[kernel], s);
    k->unstable += !s->stable;
    if (isnan(cost)) {
      k->outside++;
      continue;
    }
    double r = measured_cost(s, k->kernel->wall) / cost;
    k->within += r >= c->band_low && r <= c->band_high;
    ratio[k->shapes++] = r;
  }
  k->ratio = median_of(ratio, (size_t)k->shapes);
  free(ratio);
}

/* What the other profile says of the shapes, against this one. */
static void judge_again(const struct raw *raw, int kernel, const struct profile_kernel *other, struct calibrated *k)
{
  double *off = zeros_new(raw->n_samples, sizeof *off);
  int n = 0;
  for (size_t i = 0; i < raw->n_samples; i++) {
    const struct raw_sample *s = &raw->sample[i];
    if (!counts(raw, s, kernel)) continue;
    double here = cost_of(&k->kernel->cost, &raw->kernel[kernel], s), there = cost_of(&other->cost, &raw->kernel[kernel], s);
    if (!isnan(here) && !isnan(there)) off[n++] = fabs(there / here - 1);
  }
  k->compared = n;
  k->again = median_of(off, (size_t)n);
  k->again_max = n ? off[n - 1] : NAN;
  free(off);
}

static bool judge_kernel(const struct calibration *c, struct calibrated *k, struct err *err)
{
  const char *name = k->kernel->cost.kernel;
  int at = c->raw ? raw_find(c->raw, name) : -1;
  k->width = kernel_band_width(&k->kernel->cost);
  if (at < 0) return true;
  if (c->raw->kernel[at].version != k->kernel->cost.version)
    return err_add(err, (struct where){0}, "%s: the profile measured version %d, the samples are of version %d; calibrate again", name,
                   k->kernel->cost.version, c->raw->kernel[at].version);
  k->bound = (int)c->raw->kernel[at].bound;
  judge_off_grid(c->raw, at, k);
  const struct profile_kernel *other = c->other ? find(c->other, name) : NULL;
  if (other) judge_again(c->raw, at, other, k);
  return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void judge_together(struct calibration *c)
{
  int n = 0;
  for (int i = 0; i < c->n; i++) {
    c->shapes += c->kernel[i].shapes;
    c->within += c->kernel[i].within;
    c->outside += c->kernel[i].outside;
  }
  double *width = zeros_new((size_t)c->shapes, sizeof *width);
  for (int i = 0; i < c->n; i++)
    for (int k = 0; k < c->kernel[i].shapes; k++) width[n++] = c->kernel[i].width;
  c->coverage = c->shapes ? (double)c->within / c->shapes : NAN;
  c->width = median_of(width, (size_t)n);
  free(width);
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static double last_knot(const struct kernel_cost *c)
{
  return c->axis[0].knot[c->axis[0].n - 1];
}

static double cost_at_last(const struct kernel_cost *c)
{
  double axis[KERNEL_COST_AXES];
  for (int i = 0; i < c->n_axes; i++) axis[i] = c->axis[i].knot[c->axis[i].n - 1];
  return kernel_cost_at(c, axis);
}

static double largest_cache(const struct raw *raw)
{
  double most = 0;
  for (int i = 0; raw && i < raw->machine.n_caches; i++) most = fmax(most, raw->machine.cache[i].bytes);
  return most;
}

/* The same by samples: matrices beyond the cache, against the profile's triad. */
static void decode_measured(const struct calibration *c, const struct profile_kernel *gemv, struct decode_rate *d)
{
  int kernel = c->raw ? raw_find(c->raw, "gemv_i4") : -1;
  if (kernel < 0) return;
  double *mbu = zeros_new(c->raw->n_samples, sizeof *mbu);
  for (size_t i = 0; i < c->raw->n_samples; i++) {
    const struct raw_sample *s = &c->raw->sample[i];
    if (counts(c->raw, s, kernel) && s->axis[0] >= BEYOND_CACHE * d->cache_bytes)
      mbu[d->measured++] = 1 / measured_cost(s, gemv->wall) / d->bandwidth;
  }
  d->measured_mbu = median_of(mbu, (size_t)d->measured);
  free(mbu);
}

static void judge_decode(struct calibration *c)
{
  struct decode_rate *d = &c->decode;
  const struct profile_kernel *gemv = find(c->profile, "gemv_i4"), *triad = find(c->profile, "triad");
  d->measured_mbu = NAN;
  d->why = !gemv ? "the profile has no gemv_i4" : !triad ? "the profile has no triad" : NULL;
  if (d->why) return;
  d->working_set = last_knot(&gemv->cost);
  d->triad_set = last_knot(&triad->cost);
  d->cache_bytes = largest_cache(c->raw);
  d->bandwidth = 1 / cost_at_last(&triad->cost);
  d->mbu = cost_at_last(&triad->cost) / cost_at_last(&gemv->cost);
  d->tokens_s = d->mbu * d->bandwidth / d->bytes;
  decode_measured(c, gemv, d);
  if (d->working_set < BEYOND_CACHE * d->cache_bytes)
    d->why = arena_printf(c->arena, "the largest matrices measured, %.3g MB, are not beyond the cache of %.3g MB", d->working_set / 1e6,
                          d->cache_bytes / 1e6);
}

/* ---- bars -------------------------------------------------------------------------------------------------------- */

static void check(struct calibration *c, const char *what, const char *kernel, double value, double low, double high, const char *why)
{
  if (c->n_checks == MOST_CHECKS) return;
  enum check_result result = why || isnan(value) ? CHECK_OPEN : value >= low && value <= high ? CHECK_OK : CHECK_MISSED;
  c->check[c->n_checks++] = (struct calibration_check){what, kernel, value, low, high, result, why ? why : "no figure"};
}

static void check_kernel(struct calibration *c, const struct calibrated *k)
{
  const struct profile_kernel *p = k->kernel;
  const char *name = p->cost.kernel, *none = "left out were too few shapes";
  const char *why = p->method && !strcmp(p->method, "leave_one_out") ? NULL : none;
  if (k->bound == RAW_COMPUTE) {
    check(c, "leave-one-out mean error", name, p->mape, 0, BAR_COMPUTE_MAPE, why);
    check(c, "leave-one-out p90 error", name, p->p90, 0, BAR_COMPUTE_P90, why);
  } else if (k->bound == RAW_MEMORY) {
    check(c, "leave-one-out mean error", name, p->mape, 0, BAR_MEMORY_MAPE, why);
  }
  if (c->other && k->bound == RAW_COMPUTE)
    check(c, "difference of two calibrations", name, k->again, 0, BAR_AGAIN,
          !find(c->other, name)           ? "the other profile has no such kernel"
          : k->compared < LEAST_COMPARED ? "too few shapes that both have measured"
                                          : NULL);
}

/* Of few shapes, the bar is missed when the whole 99 % interval is beyond it. */
static void check_coverage(struct calibration *c)
{
  const char *why = !c->shapes ? "no shapes off the grid" : NULL;
  double value = c->coverage;
  if (!why && c->shapes < BAR_SHAPES) {
    struct interval i = interval_wilson((uint64_t)c->within, (uint64_t)c->shapes, CONFIDENCE);
    if (i.lo <= BAR_COVERAGE_HIGH && i.hi >= BAR_COVERAGE_LOW)
      why = arena_printf(c->arena, "%d shapes, fewer than %d: between %.0f and %.0f %%", c->shapes, BAR_SHAPES, 100 * i.lo, 100 * i.hi);
  }
  check(c, "share of shapes off the grid in their band", NULL, value, BAR_COVERAGE_LOW, BAR_COVERAGE_HIGH, why);
  check(c, "median width of the bands", NULL, c->width, 0, BAR_WIDTH, c->shapes ? NULL : "no shapes off the grid");
}

bool calibration_judge(struct calibration *c, struct err *err)
{
  bool ok = true;
  c->n = c->profile->n_kernels;
  c->n_checks = c->shapes = c->within = c->outside = 0;
  c->kernel = arena_array(c->arena, struct calibrated, c->n);
  for (int i = 0; i < c->n; i++) {
    c->kernel[i] = (struct calibrated){.kernel = &c->profile->kernel[i], .bound = -1, .ratio = NAN, .again = NAN, .again_max = NAN};
    ok &= judge_kernel(c, &c->kernel[i], err);
  }
  if (!ok) return false;
  judge_together(c);
  judge_decode(c);
  for (int i = 0; i < c->n; i++) check_kernel(c, &c->kernel[i]);
  check_coverage(c);
  check(c, "int4 decoding: share of the memory's bandwidth", NULL, c->decode.why ? NAN : c->decode.mbu, BAR_MBU_LOW, BAR_MBU_HIGH,
        c->decode.why);
  return true;
}

int calibration_missed(const struct calibration *c)
{
  int missed = 0;
  for (int i = 0; i < c->n_checks; i++) missed += c->check[i].result == CHECK_MISSED;
  return missed;
}
