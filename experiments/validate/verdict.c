/* verdict.c: the figures of `offsim validate calibration`, without printing.
 *
 * Off the grid: a shape is covered when median / (units x cost) lies in the kernel's band. Two profiles are compared by what they
 * say of the shapes measured off the grid, for their knots and axes may differ. Decoding: one token reads all weights once and the
 * keys and values of its context, all beyond the caches, so with costs g, a, t a byte of gemv_i4, attention_decode, triad
 *   seconds a token = weights x g + state x a,   tokens/s = MBU x bandwidth / weights,   bandwidth = 1 / t.
 * A layer has 12 width^2 weights of 4 bits and a 32 bit scale for 32 of them, 7.5 width^2 B; state = 8 B x context x width a layer.
 * Check: t 50, g 80 ps: MBU .625; with 1024 numbers of width and context 120 the state is .125 of the weights: at a = 80 .5556.
 */
#include "experiments/validate/verdict.h"
#include "experiments/calibrate/calibration.h"
#include "experiments/calibrate/fit_parts.h"
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

/* Seconds a unit of work at a measured shape; NaN: outside the range, or the samples have no such axis. */
static double cost_of(const struct kernel_cost *c, const struct raw_kernel *k, const struct kernel_point *p)
{
  double axis[KERNEL_COST_AXES];
  for (int i = 0; i < c->n_axes; i++) {
    int at = 0;
    while (at < k->n_axes && strcmp(k->axis[at], c->axis[i].name)) at++;
    if (at == k->n_axes) return NAN;
    axis[i] = p->axis[at];
  }
  return kernel_cost_inside(c, axis) ? kernel_cost_at(c, axis) : NAN;
}

/* One point a shape off the grid: hot, alone, on one thread, with a result that was right; as it was timed, whatever the clock of
 * the core was, for so will tasks be. */
static const struct kernel_point *points_of(const struct verdict *v, int kernel, int *n)
{
  struct kernel_samples samples = calibration_samples(v->raw, kernel, true, NULL, NULL);
  struct kernel_sample *timed = arena_array(v->arena, struct kernel_sample, samples.n);
  for (int i = 0; i < samples.n; i++) timed[i] = samples.sample[i], timed[i].clock = 0;
  samples.sample = timed;
  return fit_points(&samples, n, v->arena);
}

static const struct profile_kernel *find(const struct profile *p, const char *name)
{
  for (int i = 0; i < p->n_kernels; i++)
    if (!strcmp(p->kernel[i].cost.kernel, name)) return &p->kernel[i];
  return NULL;
}

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

static void judge_off_grid(const struct raw_kernel *raw, const struct kernel_point *point, int n, struct judged_kernel *k)
{
  double *ratio = zeros_new((size_t)n, sizeof *ratio);
  const struct kernel_cost *c = &k->kernel->cost;
  for (int i = 0; i < n; i++) {
    double r = point[i].cost_s / cost_of(c, raw, &point[i]);
    k->unstable += !point[i].stable;
    k->outside += isnan(r);
    if (isnan(r)) continue;
    k->within += r >= c->band_low && r <= c->band_high;
    ratio[k->shapes++] = r;
  }
  k->ratio = median_of(ratio, (size_t)k->shapes);
  free(ratio);
}

/* What the other profile says of the shapes, against this one. */
static void judge_again(const struct raw_kernel *raw, const struct kernel_point *point, int n, const struct profile_kernel *other,
                        struct judged_kernel *k)
{
  double *off = zeros_new((size_t)n, sizeof *off);
  for (int i = 0; i < n; i++) {
    double x = fabs(cost_of(&other->cost, raw, &point[i]) / cost_of(&k->kernel->cost, raw, &point[i]) - 1);
    if (!isnan(x)) off[k->compared++] = x;
  }
  k->again = median_of(off, (size_t)k->compared);
  k->again_max = k->compared ? off[k->compared - 1] : NAN;
  free(off);
}

/* The samples are of the kernel that the profile measured. */
static bool same_kernel(const struct profile_kernel *p, const struct raw *raw, int kernel, struct err *err)
{
  const char *name = p->cost.kernel;
  if (raw->kernel[kernel].version != p->cost.version)
    return err_add(err, (struct where){0}, "%s: the profile measured version %d, the samples are of version %d; calibrate again", name,
                   p->cost.version, raw->kernel[kernel].version);
  if (calibration_on_wall_clock(raw, kernel) != p->wall)
    return err_add(err, (struct where){0}, "%s: the profile's cost is of %s time, the samples give %s time", name, p->wall ? "wall" : "CPU",
                   p->wall ? "CPU" : "wall");
  return true;
}

static bool judge_kernel(const struct verdict *v, struct judged_kernel *k, struct err *err)
{
  const char *name = k->kernel->cost.kernel;
  int at = v->raw ? raw_find(v->raw, name) : -1, n;
  k->width = kernel_band_width(&k->kernel->cost);
  if (at < 0) return true;
  if (!same_kernel(k->kernel, v->raw, at, err)) return false;
  k->bound = (int)v->raw->kernel[at].bound;
  const struct kernel_point *point = points_of(v, at, &n);
  judge_off_grid(&v->raw->kernel[at], point, n, k);
  const struct profile_kernel *other = v->other ? find(v->other, name) : NULL;
  if (other) judge_again(&v->raw->kernel[at], point, n, other, k);
  return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void judge_together(struct verdict *v)
{
  int n = 0;
  for (int i = 0; i < v->n; i++) {
    v->shapes += v->kernel[i].shapes;
    v->within += v->kernel[i].within;
    v->outside += v->kernel[i].outside;
  }
  double *width = zeros_new((size_t)v->shapes, sizeof *width);
  for (int i = 0; i < v->n; i++)
    for (int k = 0; k < v->kernel[i].shapes; k++) width[n++] = v->kernel[i].width;
  v->coverage = v->shapes ? (double)v->within / v->shapes : NAN;
  v->width = median_of(width, (size_t)n);
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
static void decode_measured(const struct verdict *v, struct decode_rate *d)
{
  int kernel = v->raw ? raw_find(v->raw, "gemv_i4") : -1, n;
  if (kernel < 0) return;
  const struct kernel_point *point = points_of(v, kernel, &n);
  double *mbu = zeros_new((size_t)n, sizeof *mbu);
  for (int i = 0; i < n; i++)
    if (point[i].axis[0] >= BEYOND_CACHE * d->cache_bytes) mbu[d->shapes++] = 1 / point[i].cost_s / d->bandwidth;
  d->measured = median_of(mbu, (size_t)d->shapes);
  free(mbu);
}

static void judge_token(struct decode_rate *d, const struct profile_kernel *gemv, const struct profile_kernel *attention)
{
  double layers = d->bytes / (7.5 * d->width * d->width), token_s = d->bytes * cost_at_last(&gemv->cost);
  d->matrices = 1 / cost_at_last(&gemv->cost) / d->bandwidth;
  d->attention = attention != NULL;
  d->state_bytes = attention ? 8. * d->context * d->width * layers : 0;
  if (attention) token_s += d->state_bytes * cost_at_last(&attention->cost);
  d->tokens_s = 1 / token_s;
  d->mbu = d->tokens_s * d->bytes / d->bandwidth;
}

static void judge_decode(struct verdict *v)
{
  struct decode_rate *d = &v->decode;
  const struct profile_kernel *gemv = find(v->profile, "gemv_i4"), *triad = find(v->profile, "triad");
  d->measured = NAN;
  d->why = !gemv ? "the profile has no gemv_i4" : !triad ? "the profile has no triad" : NULL;
  if (d->why) return;
  d->working_set = last_knot(&gemv->cost);
  d->triad_set = last_knot(&triad->cost);
  d->cache_bytes = largest_cache(v->raw);
  d->bandwidth = 1 / cost_at_last(&triad->cost);
  judge_token(d, gemv, find(v->profile, "attention_decode"));
  decode_measured(v, d);
  if (d->working_set < BEYOND_CACHE * d->cache_bytes)
    d->why = arena_printf(v->arena, "the largest matrices measured, %.3g MB, are not beyond the cache of %.3g MB", d->working_set / 1e6,
                          d->cache_bytes / 1e6);
}

/* ---- bars -------------------------------------------------------------------------------------------------------- */

static void check(struct verdict *v, const char *what, const char *kernel, double value, double low, double high, const char *why)
{
  if (v->n_checks == MOST_CHECKS) return;
  enum check_result result = why || isnan(value) ? CHECK_OPEN : value >= low && value <= high ? CHECK_OK : CHECK_MISSED;
  v->check[v->n_checks++] = (struct verdict_check){what, kernel, value, low, high, result, why ? why : "no figure"};
}

static void check_kernel(struct verdict *v, const struct judged_kernel *k)
{
  const struct profile_kernel *p = k->kernel;
  const char *name = p->cost.kernel, *none = "left out were too few shapes";
  const char *why = p->method && !strcmp(p->method, "leave_one_out") ? NULL : none;
  if (k->bound == RAW_COMPUTE) {
    check(v, "leave-one-out mean error", name, p->mape, 0, BAR_COMPUTE_MAPE, why);
    check(v, "leave-one-out p90 error", name, p->p90, 0, BAR_COMPUTE_P90, why);
  } else if (k->bound == RAW_MEMORY) {
    check(v, "leave-one-out mean error", name, p->mape, 0, BAR_MEMORY_MAPE, why);
  }
  if (v->other && k->bound == RAW_COMPUTE)
    check(v, "difference of two calibrations", name, k->again, 0, BAR_AGAIN,
          !find(v->other, name)           ? "the other profile has no such kernel"
          : k->compared < LEAST_COMPARED ? "too few shapes that both have measured"
                                          : NULL);
}

/* Of few shapes, the bar is missed when the whole 99 % interval is beyond it. */
static void check_coverage(struct verdict *v)
{
  const char *why = !v->shapes ? "no shapes off the grid" : NULL;
  double value = v->coverage;
  if (!why && v->shapes < BAR_SHAPES) {
    struct interval i = interval_wilson((uint64_t)v->within, (uint64_t)v->shapes, CONFIDENCE);
    if (i.lo <= BAR_COVERAGE_HIGH && i.hi >= BAR_COVERAGE_LOW)
      why = arena_printf(v->arena, "%d shapes, fewer than %d: between %.0f and %.0f %%", v->shapes, BAR_SHAPES, 100 * i.lo, 100 * i.hi);
  }
  check(v, "share of shapes off the grid in their band", NULL, value, BAR_COVERAGE_LOW, BAR_COVERAGE_HIGH, why);
  check(v, "median width of the bands", NULL, v->width, 0, BAR_WIDTH, v->shapes ? NULL : "no shapes off the grid");
}

bool verdict_judge(struct verdict *v, struct err *err)
{
  bool ok = true;
  v->n = v->profile->n_kernels;
  v->n_checks = v->shapes = v->within = v->outside = 0;
  v->kernel = arena_array(v->arena, struct judged_kernel, v->n);
  for (int i = 0; i < v->n; i++) {
    v->kernel[i] = (struct judged_kernel){.kernel = &v->profile->kernel[i], .bound = -1, .ratio = NAN, .again = NAN, .again_max = NAN};
    ok &= judge_kernel(v, &v->kernel[i], err);
  }
  if (!ok) return false;
  judge_together(v);
  judge_decode(v);
  for (int i = 0; i < v->n; i++) check_kernel(v, &v->kernel[i]);
  check_coverage(v);
  check(v, "int4 decoding: share of the memory's bandwidth", NULL, v->decode.why ? NAN : v->decode.mbu, BAR_MBU_LOW, BAR_MBU_HIGH,
        v->decode.why);
  return true;
}

int verdict_missed(const struct verdict *v)
{
  int missed = 0;
  for (int i = 0; i < v->n_checks; i++) missed += v->check[i].result == CHECK_MISSED;
  return missed;
}
