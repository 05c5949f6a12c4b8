/* calibration_draw.c: figures of a calibration: each kernel's costs and residuals, measured against foretold, all residuals,
 * the roofline. Like all figures they are drawn by gnuplot, with script and data beside them. */
#include "experiments/calibrate/calibration.h"
#include "analysis/gp.h"
#include "analysis/plot.h"
#include "experiments/plots_folder.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CURVE_POINTS = 160, CURVES = 8, MARGIN_LETTER_PX = 9 };

/* Where all figures of a calibration go. */
struct studio { const struct calibration *c; const char *folder, *format, *scripts; int *n; };
/* A figure being made; names of its curves or rows are collected for an array. */
struct drawing { struct figure f; const struct calibration *c; const char *name[RAW_KERNELS]; int n; };

static void put_names(struct drawing *d)
{
  figure_number(&d->f, "n", d->n);
  text_add(&d->f.head, "array name[%d] = [", d->n > 0 ? d->n : 1);
  for (int i = 0; i < d->n; i++) {
    text_put(&d->f.head, i ? ", " : "");
    gp_text(&d->f.head, d->name[i]);
  }
  text_put(&d->f.head, d->n ? "]\n" : "'']\n");
}

static void end_block(struct drawing *d) { text_put(&d->f.data, "\n\n"); }

static bool finish(struct drawing *d, const struct studio *to, const char *name, struct err *e)
{
  put_names(d);
  bool good = figure_write(&d->f, arena_printf(d->c->arena, "%s/%s.%s", to->folder, name, to->format), to->scripts, e);
  figure_release(&d->f);
  *to->n += good;
  return good;
}

struct range { double lo, hi; };
static void reach(struct range *r, double x)
{
  if (!isfinite(x))
    return;
  r->lo = fmin(r->lo, x), r->hi = fmax(r->hi, x);
}

/* Measured over foretold, minus one; by the others where it was left out, else by the fit that knows it. */
static double foretold(const struct kernel_point *p) { return isfinite(p->left_out_s) ? p->left_out_s : p->fitted_s; }
static double residual(const struct kernel_point *p) { return p->cost_s / foretold(p) - 1; }

/* ---- one kernel ------------------------------------------------------------------------------------------------- */

static double scale_of(double s, const char **unit)
{
  const struct time_unit *of = time_unit_of(s);
  *unit = of->name;
  return of->factor;
}

/* Which values of the second axis get a curve: those that were measured, where they can be told apart, else some knots. */
struct curves { int n; double value[CURVES]; };

static void add_curve(struct curves *c, double value)
{
  int at = 0;
  while (at < c->n && at < CURVES && c->value[at] < value)
    at++;
  if (at < c->n && at < CURVES && c->value[at] == value)
    return;
  for (int i = c->n < CURVES ? c->n : CURVES - 1; i > at; i--)
    c->value[i] = c->value[i - 1];
  if (at < CURVES)
    c->value[at] = value;
  c->n++;
}

static struct curves curves_of(const struct kernel_fit *f)
{
  const struct kernel_axis *a = &f->cost.axis[1];
  struct curves c = {.n = f->cost.n_axes < 2};
  for (int i = 0; f->cost.n_axes > 1 && i < f->n; i++)
    add_curve(&c, f->point[i].axis[f->cost_axis[1]]);
  if (c.n <= CURVES)
    return c;
  c.n = a->n < CURVES ? a->n : CURVES;
  for (int i = 0; i < c.n; i++)
    c.value[i] = a->knot[c.n == a->n ? i : (int)lround((double)i * (a->n - 1) / (c.n - 1))];
  return c;
}

static int curve_near(const struct curves *c, double x)
{
  int best = 0;
  for (int i = 1; i < c->n; i++)
    if (fabs(log(x / c->value[i])) < fabs(log(x / c->value[best])))
      best = i;
  return best;
}

static void put_points(struct drawing *d, const struct kernel_fit *f, const struct curves *c, int curve, double scale)
{
  bool any = false;
  for (int i = 0; i < f->n; i++) {
    const struct kernel_point *p = &f->point[i];
    if (f->cost.n_axes > 1 && curve_near(c, p->axis[f->cost_axis[1]]) != curve)
      continue;
    any = true;
    text_add(&d->f.data, "%.8g %.8g %.8g %.8g %.6g %d\n", p->axis[f->cost_axis[0]], scale * p->cost_s, scale * p->low_s,
             scale * p->high_s, 100 * residual(p), p->stable);
  }
  if (!any)
    text_put(&d->f.data, "NaN NaN NaN NaN NaN NaN\n");
  end_block(d);
}

/* What of the first axis the shapes of a curve cover: of one shape its surroundings, of none all that was measured. */
static struct range covered(const struct kernel_fit *f, const struct curves *c, int curve)
{
  const struct kernel_axis *a = &f->cost.axis[0];
  struct range x = {INFINITY, 0};
  for (int i = 0; i < f->n; i++)
    if (f->cost.n_axes < 2 || curve_near(c, f->point[i].axis[f->cost_axis[1]]) == curve)
      reach(&x, f->point[i].axis[f->cost_axis[0]]);
  if (x.lo == x.hi)
    x.lo /= 1.25, x.hi *= 1.25;
  return x.hi > 0 ? (struct range){fmax(x.lo, a->knot[0]), fmin(x.hi, a->knot[a->n - 1])}
                  : (struct range){a->knot[0], a->knot[a->n - 1]};
}

static void put_curve(struct drawing *d, const struct kernel_cost *c, struct range x, double value, double scale)
{
  double low = x.lo, span = log(x.hi / x.lo);
  for (int i = 0; i <= CURVE_POINTS; i++) {
    const double at[KERNEL_COST_AXES] = {low * exp(span * i / CURVE_POINTS), value};
    double cost = scale * kernel_cost_at(c, at);
    text_add(&d->f.data, "%.8g %.8g %.8g %.8g\n", at[0], cost, cost * c->band_low, cost * c->band_high);
  }
  end_block(d);
}

static void put_ranges(struct drawing *d, const struct kernel_fit *f, double scale)
{
  struct range x = {INFINITY, 0}, y = {INFINITY, 0}, r = {0, 0};
  double band = 100 * fmax(1 - f->cost.band_low, f->cost.band_high - 1);
  for (int i = 0; i < f->n; i++) {
    const struct kernel_point *p = &f->point[i];
    reach(&x, p->axis[f->cost_axis[0]]);
    reach(&y, scale * p->low_s), reach(&y, scale * p->high_s), reach(&y, scale * p->fitted_s);
    reach(&r, 100 * fabs(residual(p)));
  }
  figure_number(&d->f, "x_lo", x.lo / 1.3), figure_number(&d->f, "x_hi", x.hi * 1.3);
  figure_number(&d->f, "y_lo", y.lo * f->cost.band_low / 1.15), figure_number(&d->f, "y_hi", y.hi * f->cost.band_high * 1.25);
  double shown = fmin(band, fmax(5, 3 * r.hi));         /* a band far beyond all errors would make them one line */
  figure_number(&d->f, "r_most", fmax(1, 1.12 * fmax(r.hi, shown)));
  figure_number(&d->f, "band_lo", 100 * (f->cost.band_low - 1)), figure_number(&d->f, "band_hi", 100 * (f->cost.band_high - 1));
}

static const char *axis_label(const struct calibration *c, const char *axis)
{
  return !strcmp(axis, "working_set") ? "working set" : !strcmp(axis, "weights") ? "weights" : arena_printf(c->arena, "%s", axis);
}

static bool is_bytes(const char *axis) { return !strcmp(axis, "working_set") || !strcmp(axis, "weights"); }

static const char *curve_name(const struct calibration *c, const char *axis, double x)
{
  static const char *const prefix[] = {"", "k", "M", "G"};
  int p = 0;
  for (bool bytes = is_bytes(axis); bytes && p < 3 && x >= 1000; p++)
    x /= 1000;
  return is_bytes(axis) ? arena_printf(c->arena, "%s %.3g %sB", axis_label(c, axis), x, prefix[p])
                        : arena_printf(c->arena, x < 1e6 ? "%s %.6g" : "%s %.3g", axis_label(c, axis), x);
}

static bool draw_kernel(const struct studio *to, const struct calibrated_kernel *k, struct err *e)
{
  const struct calibration *c = to->c;
  const struct kernel_fit *f = &k->fit;
  struct drawing d = {.f.kind = "kernel_cost", .c = c};
  const char *unit;
  double scale = scale_of(f->cost.cost_s[0], &unit);
  put_ranges(&d, f, scale);
  figure_text(&d.f, "title_text", arena_printf(c->arena, "%s: %d shape%s, mean error %.1f %% (%s)", f->cost.kernel, f->n,
                                               f->n == 1 ? "" : "s", 100 * f->error.mape, kernel_model_name[f->error.model]));
  figure_text(&d.f, "y_label", arena_printf(c->arena, "%s per %s (%s)", unit, f->cost.unit, k->wall ? "wall" : "CPU time"));
  figure_text(&d.f, "x_label", arena_printf(c->arena, "%s, logarithmic", axis_label(c, f->cost.axis[0].name)));
  figure_number(&d.f, "x_bytes", is_bytes(f->cost.axis[0].name));
  struct curves curves = curves_of(f);
  for (int i = 0; i < curves.n; i++) {
    d.name[d.n++] = f->cost.n_axes > 1 ? curve_name(c, f->cost.axis[1].name, curves.value[i]) : f->cost.kernel;
    put_points(&d, f, &curves, i, scale);
    put_curve(&d, &f->cost, covered(f, &curves, i), curves.value[i], scale);
  }
  int last = f->cost.axis[0].n - 1;
  figure_number(&d.f, "rises", f->cost.n_axes < 2 && f->cost.cost_s[last] > f->cost.cost_s[0]);
  figure_number(&d.f, "height_px", 560);
  return finish(&d, to, f->cost.kernel, e);
}

/* ---- all kernels ------------------------------------------------------------------------------------------------ */

static bool draw_fitted(const struct studio *to, struct err *e)
{
  const struct calibration *c = to->c;
  struct drawing d = {.f.kind = "kernel_fitted", .c = c};
  struct range all = {INFINITY, 0};
  for (int i = 0; i < c->n; i++) {
    const struct kernel_fit *f = &c->kernel[i].fit;
    d.name[d.n++] = f->cost.kernel;
    for (int s = 0; s < f->n; s++) {
      const struct kernel_point *p = &f->point[s];
      text_add(&d.f.data, "%.8g %.8g\n", p->units * foretold(p), p->units * p->cost_s);
      reach(&all, p->units * foretold(p)), reach(&all, p->units * p->cost_s);
    }
    end_block(&d);
  }
  figure_number(&d.f, "lo", all.lo / 2), figure_number(&d.f, "hi", all.hi * 2);
  figure_number(&d.f, "height_px", 640);
  return finish(&d, to, "fitted", e);
}

/* Few far ones must not make all others one line: beyond it points stand outside, and the number is in the table. */
static double most_residual(const struct calibration *c)
{
  double most = 5;
  for (int i = 0; i < c->n; i++) {
    const struct kernel_fit *f = &c->kernel[i].fit;
    most = fmax(most, 112 * fmax(1 - f->cost.band_low, f->cost.band_high - 1));
  }
  return fmin(most, 60);
}

static bool draw_residuals(const struct studio *to, struct err *e)
{
  const struct calibration *c = to->c;
  struct drawing d = {.f.kind = "kernel_residuals", .c = c};
  size_t longest = 0;
  double most = most_residual(c);
  for (int i = 0; i < c->n; i++) {
    const struct kernel_fit *f = &c->kernel[i].fit;
    d.name[d.n++] = f->cost.kernel;
    longest = strlen(f->cost.kernel) > longest ? strlen(f->cost.kernel) : longest;
    text_add(&d.f.head, "lo_%d = %.6g\nhi_%d = %.6g\n", i + 1, 100 * (f->cost.band_low - 1), i + 1,
             100 * (f->cost.band_high - 1));
    for (int s = 0; s < f->n; s++)
      text_add(&d.f.data, "%.4f %.6g %d\n", i + 1 + 0.5 * ((double)s / (f->n > 1 ? f->n - 1 : 1) - 0.5),
               fmax(-most, fmin(most, 100 * residual(&f->point[s]))), f->point[s].stable);
    end_block(&d);
  }
  figure_number(&d.f, "most", most);
  figure_number(&d.f, "height_px", 130 + 34 * c->n);
  figure_number(&d.f, "margin", (MARGIN_LETTER_PX * (double)longest + 16) / 860);
  return finish(&d, to, "residuals", e);
}

/* Rates of one core, plain samples of the grid: the points of a kernel, or none. */
static bool put_rates(struct drawing *d, const struct calibrated_kernel *k, struct range *x, struct range *y)
{
  const struct kernel_fit *f = &k->fit;
  bool any = false;
  for (int i = 0; i < f->n; i++) {
    const struct raw_sample *s = k->shape[f->point[i].shape];
    double rate = 1e-9 * s->flop / (s->units * f->point[i].cost_s);
    if (!(s->flop > 0 && s->bytes > 0))
      continue;
    any = true;
    reach(x, s->flop / s->bytes), reach(y, rate);
    text_add(&d->f.data, "%.8g %.8g\n", s->flop / s->bytes, rate);
  }
  if (any)
    d->name[d->n++] = d->c->raw->kernel[k->index].name, end_block(d);
  return any;
}

static bool draw_roofline(const struct studio *to, struct err *e)
{
  const struct calibration *c = to->c;
  struct drawing d = {.f.kind = "roofline", .c = c};
  struct range x = {INFINITY, 0}, y = {INFINITY, 0};
  for (int i = 0; i < c->n; i++)
    put_rates(&d, &c->kernel[i], &x, &y);
  if (d.n == 0 || !isfinite(c->core_flops) || !isfinite(c->core_bandwidth)) {
    figure_release(&d.f);
    return true;                                        /* without GEMM, or triad from memory, there is no roof */
  }
  double peak = 1e-9 * c->core_flops, memory = 1e-9 * c->core_bandwidth, int8 = 1e-9 * c->core_int8;
  reach(&y, peak), reach(&y, int8);
  figure_number(&d.f, "int8", isfinite(int8) ? int8 : 0);
  figure_number(&d.f, "peak", peak);
  figure_number(&d.f, "memory", memory);
  figure_number(&d.f, "cache", 1e-9 * c->cache_bandwidth);
  figure_number(&d.f, "x_lo", x.lo / 2), figure_number(&d.f, "x_hi", x.hi * 2);
  figure_number(&d.f, "y_lo", fmin(y.lo, memory * x.lo) / 2), figure_number(&d.f, "y_hi", y.hi * 2);
  return finish(&d, to, "roofline", e);
}

bool calibration_draw(const struct calibration *c, const char *folder, const char *format, int *n, struct err *e)
{
  char *scripts = plots_folder(e);
  const struct studio to = {c, folder, format, scripts, n};
  bool good = scripts != NULL;
  if (good && mkdir(folder, 0777) != 0 && errno != EEXIST)
    good = err_system(e, "cannot make %s: %s", folder, strerror(errno));
  for (int i = 0; good && i < c->n; i++)
    good = draw_kernel(&to, &c->kernel[i], e);
  good = good && draw_fitted(&to, e) && draw_residuals(&to, e) && draw_roofline(&to, e);
  free(scripts);
  return good;
}
