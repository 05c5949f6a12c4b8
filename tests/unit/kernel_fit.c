/* kernel_fit: costs fitted to samples with a known truth, made here from formulas. Where chance takes part, the false-alarm
 * rate is stated; seeds are fixed. */
#include "experiments/calibrate/fit.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

enum { MOST = 64, REPETITIONS = 9 };
struct made { struct kernel_samples in; struct kernel_sample sample[2 * MOST]; double time[2 * MOST][REPETITIONS]; struct rng chance; };
typedef double truth_fn(const double *axis);

static struct made *made_new(uint64_t number, int n_axes)
{
  struct made *m = calloc(1, sizeof *m);
  struct rng_root root = rng_root_make(11, number);
  m->chance = rng_open(&root, rng_name("kernel_fit"), 0, 0);
  m->in = (struct kernel_samples){.kernel = "made", .unit = "B", .version = 3, .n_axes = n_axes, .axis = {"working_set", "weights", "m"},
                                  .sample = m->sample};
  return m;
}

/* A sample of a shape: cost x exp(repetition_sd x normal quantiles), whose median is the cost and whose log sd is known. */
static void add(struct made *m, int shape, int pass, const double *axis, double cost_s, double repetition_sd)
{
  static const double quantile[REPETITIONS] = {-1.5, -1, -.6, -.25, 0, .25, .6, 1, 1.5};
  int i = m->in.n++;
  for (int r = 0; r < REPETITIONS; r++) m->time[i][r] = 1000 * cost_s * exp(repetition_sd * quantile[r]);
  m->sample[i] = (struct kernel_sample){.shape = shape, .pass = pass, .units = 1000, .execution_s = m->time[i], .n = REPETITIONS,
                                        .inner = 1, .stable = true};
  for (int a = 0; a < m->in.n_axes; a++) m->sample[i].axis[a] = axis[a];
}

static double fitted(const struct kernel_fit *f, const double *axis)
{
  double x[KERNEL_COST_AXES];
  for (int a = 0; a < f->cost.n_axes; a++) x[a] = axis[f->cost_axis[a]];
  return kernel_cost_at(&f->cost, x);
}

static struct kernel_fit fit_of(struct made *m)
{
  struct kernel_fit f;
  struct err err;
  err_init(&err);
  bool ok = kernel_fit(&m->in, &f, &err);
  err_say(&err);
  err_release(&err);
  assert_true(ok);
  return f;
}

static void done(struct made *m, struct kernel_fit *f)
{
  kernel_fit_release(f);
  free(m);
}

/* ---- exact truths ------------------------------------------------------------------------------------------------ */

/* A power law is a line between two knots, and what is left out lies on it. */
static void a_power_law_is_found_exactly(void **state)
{
  struct made *m = made_new(1, 1);
  for (int i = 0; i < 10; i++) {
    double axis = 1024 * pow(3, i), cost = 2e-9 * pow(axis, .25);
    add(m, i, 0, &axis, cost, .02);
    add(m, i, 1, &axis, cost, .02);
  }
  struct kernel_fit f = fit_of(m);
  assert_int_equal(f.error.model, MODEL_CURVE);
  assert_int_equal(f.cost.axis[0].n, 2);
  assert_true(f.cost.axis[0].knot[0] <= 1024 && f.cost.axis[0].knot[1] >= 1024 * pow(3, 9));
  assert_int_equal(f.error.shapes, 8);                  /* both ends stay in */
  assert_true(f.error.max < 1e-6);
  assert_true(isnan(f.point[0].left_out_s) && isnan(f.point[9].left_out_s) && !isnan(f.point[4].left_out_s));
  double at = 7e5;
  assert_near(fitted(&f, &at) / (2e-9 * pow(at, .25)), 1, 1e-6);
  assert_int_equal(f.cost.version, 3);
  assert_string_equal(f.cost.axis[0].name, "working_set");
  assert_near(f.drift, 0, 1e-12);
  done(m, &f);
}

/* log cost = 1 + .2 u + .1 v + .05 u v on a 4 x 5 grid of the second and third axis (the first is their product). */
static double twisted(const double *axis)
{
  double u = log(axis[1]), v = log(axis[2]);
  return 1e-9 * exp(1 + .2 * u + .1 * v + .05 * u * v);
}

static void a_bilinear_table_is_found_exactly(void **state)
{
  struct made *m = made_new(2, 3);
  for (int i = 0; i < 20; i++) {
    double axis[3] = {0, pow(4, i / 5), pow(2, i % 5)};
    axis[0] = axis[1] * axis[2];
    add(m, i, 0, axis, twisted(axis), .01);
  }
  struct kernel_fit f = fit_of(m);
  assert_int_equal(f.error.model, MODEL_TABLE);
  assert_int_equal(f.cost.n_axes, 2);
  assert_string_equal(f.cost.axis[0].name, "weights");
  assert_string_equal(f.cost.axis[1].name, "m");
  double at[3] = {0, 11, 5.5};
  assert_near(fitted(&f, at) / twisted(at), 1, 1e-3);
  assert_true(f.error.max < .01);
  assert_true(isnan(f.drift));                          /* one pass */
  done(m, &f);
}

/* A cost without slope holds from the smallest to the largest shape. */
static void a_constant_cost_covers_the_range(void **state)
{
  struct made *m = made_new(3, 1);
  for (int i = 0; i < 6; i++) add(m, i, 0, (double[]){100. * (i + 1)}, 5e-6, .03);
  struct kernel_fit f = fit_of(m);
  assert_int_equal(f.cost.axis[0].n, 2);
  assert_true(kernel_cost_inside(&f.cost, (double[]){100}) && kernel_cost_inside(&f.cost, (double[]){600}));
  assert_false(kernel_cost_inside(&f.cost, (double[]){601}));
  assert_near(kernel_cost_at(&f.cost, (double[]){333}) * 1e6, 5, 1e-9);
  done(m, &f);
}

/* By hand, in ln: 1 3 2 4 5 at ln x = 0 1 2 3 4. Without the second 1 2 4 5, in between 1.5; without the third 1 3 4 5, 3.5;
 * without the fourth 1 (3 2) 5 pool to 1 2.5 2.5 5, in between 3.75. */
static void violators_are_pooled_by_hand(void **state)
{
  static const double y[] = {1, 3, 2, 4, 5};
  struct made *m = made_new(4, 1);
  for (int i = 0; i < 5; i++) add(m, i, 0, (double[]){exp(i)}, 1e-9 * exp(y[i]), 0);
  struct kernel_fit f = fit_of(m);
  double expected = (fabs(expm1(-1.5)) + fabs(expm1(1.5)) + fabs(expm1(-.25))) / 3;
  assert_near(f.candidate[MODEL_MONOTONE].mape, expected, 1e-9);
  assert_int_equal(f.candidate[MODEL_MONOTONE].shapes, 3);
  done(m, &f);
}

/* Two levels with a cliff between measured shapes: every smooth curve is off on both sides. */
static void a_cliff_is_kept(void **state)
{
  struct made *m = made_new(5, 1);
  for (int i = 0; i < 24; i++) add(m, i, 0, (double[]){1e4 * pow(1.6, i)}, i < 12 ? 1e-9 : 8e-9, .01);
  struct kernel_fit f = fit_of(m);
  assert_true(f.error.model != MODEL_CURVE || f.cost.axis[0].n >= 10);
  for (int i = 0; i < 24; i++)
    if (i < 10 || i > 13) assert_near(f.point[i].fitted_s / f.point[i].cost_s, 1, .02);
  done(m, &f);
}

/* ---- scatter ----------------------------------------------------------------------------------------------------- */

/* Three of 24 shapes were disturbed by a factor of three: a least-squares line would be 15 % too high. */
static void outliers_do_not_pull(void **state)
{
  struct made *m = made_new(6, 1);
  for (int i = 0; i < 24; i++) {
    double axis = 1e3 * pow(2, i), cost = 1e-9 * pow(axis, .1) * exp(.005 * rng_normal(&m->chance));
    add(m, i, 0, &axis, i % 8 == 5 ? 3 * cost : cost, .01);
  }
  struct kernel_fit f = fit_of(m);
  for (int i = 1; i < 23; i++) {
    double axis = 1e3 * pow(2, i + .5);
    assert_near(fitted(&f, &axis) / (1e-9 * pow(axis, .1)), 1, .04);
  }
  assert_true(f.error.max > .5);                        /* but they are told of */
  done(m, &f);
}

/* sd of the nine quantiles: sqrt(2 (1.5^2 + 1 + .6^2 + .25^2) / 8). Nine values of three executions each scatter less, and are
 * left out where there are samples of single ones. */
static void scatter_of_one_execution(void **state)
{
  double unit = sqrt(2 * (2.25 + 1 + .36 + .0625) / 8);
  struct made *m = made_new(7, 1);
  for (int i = 0; i < 8; i++) {
    add(m, i, 0, (double[]){i + 1}, 1e-9, i < 4 ? .05 : .02);
    m->sample[i].inner = i < 4 ? 1 : 3;
  }
  struct kernel_fit f = fit_of(m);
  assert_near(f.cost.sigma, .05 * unit, 1e-9);
  done(m, &f);
}

/* The second pass 2 % above the first. */
static void passes_are_averaged_and_their_drift_told(void **state)
{
  struct made *m = made_new(8, 1);
  for (int i = 0; i < 6; i++)
    for (int pass = 0; pass < 2; pass++) add(m, i, pass, (double[]){i + 1}, pass ? 1.02e-9 : 1e-9, .001);
  struct kernel_fit f = fit_of(m);
  assert_near(f.drift, .02, 1e-9);
  assert_int_equal(f.n, 6);
  assert_int_equal(f.point[3].passes, 2);
  assert_near(f.point[3].cost_s * 1e9, sqrt(1.02), 1e-9);
  assert_true(f.point[3].low_s < 1e-9 && f.point[3].high_s > 1.02e-9);
  done(m, &f);
}

/* The clock of the core is up to 8 % slow, and takes the times of a power law with it: at the usual clock the passes agree and the
 * law is found exactly; where the clock that is told has nothing to do with the times, they stay as they were timed. */
static void costs_are_those_at_the_usual_clock(void **state)
{
  for (int follows = 0; follows < 2; follows++) {
    struct made *m = made_new(15, 1);
    m->in.clock_sd = .03;
    for (int i = 0; i < 10; i++)
      for (int pass = 0; pass < 2; pass++) {
        double axis = exp2(10 + i), clock = 1 + .08 * rng_uniform(&m->chance), cost = 1e-9 * pow(axis, .2);
        add(m, i, pass, &axis, follows ? cost * clock : cost, .01);
        m->sample[m->in.n - 1].clock = clock;
      }
    struct kernel_fit f = fit_of(m);
    assert_int_equal(f.at_one_clock, follows);
    assert_near(f.drift, 0, 1e-9);
    assert_near(fitted(&f, (double[]){3000}) / (1e-9 * pow(3000, .2)), 1, 1e-6);
    assert_true(f.cost.band_high >= exp(1.6448 * (follows ? .03 : .02)) - 1e-6);        /* a later task meets the clock as it is */
    done(m, &f);
  }
}

/* A clock that wanders by .1 % and has nothing to do with times that scatter by 2 %: it cannot be told to help; by which of two drifts is
 * the smaller it would be in half of the data sets. Nor do five pairs of passes tell. */
static void a_clock_that_says_nothing_is_left_alone(void **state)
{
  int helped = 0;
  for (int set = 0; set < 40; set++) {
    struct made *m = made_new(500 + (uint64_t)set, 1);
    for (int i = 0; i < 16; i++) {
      double axis = exp2(10 + i / 2);
      add(m, i / 2, i % 2, &axis, 1e-9 * exp(.02 * rng_normal(&m->chance)), .01);
      m->sample[i].clock = exp(.001 * rng_normal(&m->chance));
    }
    struct kernel_fit f = fit_of(m);
    helped += f.at_one_clock;
    done(m, &f);
  }
  assert_int_equal(helped, 0);
  for (int pairs = 5; pairs <= 6; pairs++) {
    struct made *m = made_new(19, 1);
    for (int i = 0; i < 2 * pairs; i++) {
      add(m, i / 2, i % 2, (double[]){exp2(10 + i / 2)}, i % 2 ? 1.05e-9 : 1e-9, .001);
      m->sample[i].clock = i % 2 ? 1.05 : 1;
    }
    struct kernel_fit f = fit_of(m);
    assert_int_equal(f.at_one_clock, pairs == 6);
    done(m, &f);
  }
}

/* From tables: with 5 values all are kept, 2 x 2^-5 outside, 1.8627 standard deviations; with 9 values too, 2 x 2^-9, 2.8856; with
 * 14 the 3rd to the 12th, 2 x 106 / 2^14, 2.4853. An interval of +-1 % of one pass; of a point 95 % are kept. */
static void intervals_are_those_of_their_ranks(void **state)
{
  static const struct { int n; double deviations; } cases[] = {{5, 1.8627}, {9, 2.8856}, {14, 2.4853}};
  double time[14];
  for (int i = 0; i < 14; i++) time[i] = 1e-6;
  for (int c = 0; c < 3; c++) {
    struct made *m = made_new(20, 1);
    add(m, 0, 0, (double[]){64}, 1e-9, 0);
    m->sample[0].execution_s = time, m->sample[0].n = cases[c].n;
    m->sample[0].low_s = 1e-6 * exp(-.01), m->sample[0].high_s = 1e-6 * exp(.01);
    struct kernel_fit f = fit_of(m);
    assert_near(log(f.point[0].high_s / f.point[0].cost_s), 1.959964 * .01 / cases[c].deviations, 2e-6);
    done(m, &f);
  }
}

/* By the rule of fit_points.c: 2.6 ns beside 2 ns, each known to 1 %, was disturbed; 2.08 ns was not. */
static void a_disturbed_pass_does_not_count(void **state)
{
  struct made *m = made_new(12, 1);
  for (int i = 0; i < 6; i++)
    for (int pass = 0; pass < 2; pass++) {
      add(m, i, pass, (double[]){i + 1}, pass == i % 2 ? 2e-9 : i < 3 ? 2.6e-9 : 2.08e-9, .001);
      m->sample[m->in.n - 1].low_s = m->time[m->in.n - 1][4] / 1.01;
      m->sample[m->in.n - 1].high_s = m->time[m->in.n - 1][4] * 1.01;
    }
  struct kernel_fit f = fit_of(m);
  assert_near(f.point[1].cost_s * 1e9, 2, 1e-9);
  assert_near(f.point[4].cost_s * 1e9, sqrt(2 * 2.08), 1e-9);
  assert_true(!f.point[1].stable && f.point[4].stable);
  done(m, &f);
}

/* Two of 16 shapes were in trouble in both passes and 30 % too slow: they pull nothing and judge nothing; a shape with one quiet
 * pass is known by it, whatever the other said. Where half of the shapes are such, they are what there is. */
static void shapes_in_trouble_judge_nothing(void **state)
{
  for (int many = 0; many < 2; many++) {
    struct made *m = made_new(16, 1);
    for (int i = 0; i < 16; i++)
      for (int pass = 0; pass < 2; pass++) {
        double axis = exp2(10 + i), cost = 1e-9 * pow(axis, .1);
        bool both = many ? i % 2 : i == 5 || i == 9, trouble = both || (i == 7 && pass == 1);
        add(m, i, pass, &axis, trouble ? cost * (both ? 1.3 : 1.03) : cost, .001);
        m->sample[m->in.n - 1].disturbed = trouble;
      }
    struct kernel_fit f = fit_of(m);
    assert_int_equal(f.error.shapes, many ? 14 : 12);
    assert_true(many || (isnan(f.point[5].left_out_s) && f.point[5].disturbed && !f.point[7].disturbed));
    assert_true(many ? f.error.mape > .05 : f.error.mape < .005);
    if (!many) assert_near(fitted(&f, (double[]){exp2(15.5)}) / (1e-9 * pow(exp2(15.5), .1)), 1, .01);
    if (!many) assert_near(f.point[7].cost_s / (1e-9 * pow(exp2(17), .1)), 1, 1e-9);
    done(m, &f);
  }
}

/* 3 x 3 shapes, in two axes: of the hull of the others are the middle and the middles of the sides, not the corners. */
static void corners_are_not_left_out(void **state)
{
  struct made *m = made_new(13, 2);
  for (int i = 0; i < 9; i++) {
    double axis[2] = {exp2(i / 3), exp2(i % 3)}, cost = 1e-9 * exp(.5 * (i / 3) + .3 * (i % 3) * (i % 3));
    add(m, i, 0, axis, cost, .01);
  }
  struct kernel_fit f = fit_of(m);
  assert_int_equal(f.cost.n_axes, 2);
  for (int i = 0; i < 9; i++) assert_int_equal(isnan(f.point[i].left_out_s), i == 0 || i == 2 || i == 6 || i == 8);
  done(m, &f);
}

/* One shape: nothing can be left out, so each pass is predicted from the other: |1.03 - 1| or |1/1.03 - 1|. */
static void one_shape_is_judged_by_its_passes(void **state)
{
  struct made *m = made_new(9, 1);
  add(m, 0, 0, (double[]){64}, 1e-3, .01);
  add(m, 0, 1, (double[]){64}, 1.03e-3, .01);
  struct kernel_fit f = fit_of(m);
  assert_string_equal(f.error.method, "passes");
  assert_near(f.error.mape, 1 - 1 / 1.03, .001);
  assert_true(f.cost.band_low < .99 && f.cost.band_high > 1.01);
  assert_true(kernel_cost_inside(&f.cost, (double[]){64}));
  done(m, &f);
}

/* ---- the band ---------------------------------------------------------------------------------------------------- */

/* A curve with a step in the middle, as of a cache; each shape is off by a log-normal factor of its own. */
static double cached(const double *axis)
{
  double z = log2(axis[0]);
  return 1e-9 * exp(.03 * (z - 10) + .5 / (1 + exp(17 - z)));
}
/* A surface in the axes weights and m. */
static double surface(const double *axis)
{
  double u = log2(axis[1]), v = log2(axis[2]);
  return 1e-10 * exp(.5 * exp(-v / 2) + .02 * u);
}

static void draw(struct made *m, double *axis)
{
  axis[1] = exp2(10 + 14 * rng_uniform(&m->chance));
  axis[2] = exp2(3 + 6 * rng_uniform(&m->chance));
  axis[0] = m->in.n_axes == 1 ? exp2(10 + 14 * rng_uniform(&m->chance)) : axis[1] * (1 + axis[2] / 64);
}

static bool within(const struct kernel_fit *f, const double *axis)
{
  double x[KERNEL_COST_AXES];
  for (int a = 0; a < f->cost.n_axes; a++) x[a] = axis[f->cost_axis[a]];
  return kernel_cost_inside(&f->cost, x);
}

enum { NEW = 25 };

/* Two passes over `shapes` shapes of the truth, each off by its own factor; ratio[NEW]: of new ones to what the fit says. */
static struct kernel_fit fit_drawn(struct made *m, truth_fn *truth, int shapes, double scatter, double *ratio)
{
  double axis[3];
  for (int i = 0; i < shapes; i++) {
    draw(m, axis);
    if (m->in.n_axes == 1) axis[0] = exp2(10 + 14. * i / (shapes - 1));
    double cost = truth(axis) * exp(scatter * rng_normal(&m->chance));
    for (int pass = 0; pass < 2; pass++) add(m, i, pass, axis, cost * exp(.003 * rng_normal(&m->chance)), .01);
  }
  struct kernel_fit f = fit_of(m);
  for (int i = 0; i < NEW;) {
    draw(m, axis);
    if (within(&f, axis)) ratio[i++] = truth(axis) * exp(scatter * rng_normal(&m->chance)) / fitted(&f, axis);
  }
  return f;
}

/* Mean share of new shapes in the band, over `sets`; narrow: the band's ends to this power. */
static double coverage(truth_fn *truth, int n_axes, int shapes, double scatter, int sets, double narrow, double *width)
{
  double sum = 0, ratio[NEW];
  *width = 0;
  for (int set = 0; set < sets; set++) {
    struct made *m = made_new(100 + (uint64_t)set, n_axes);
    struct kernel_fit f = fit_drawn(m, truth, shapes, scatter, ratio);
    f.cost.band_low = pow(f.cost.band_low, narrow);
    f.cost.band_high = pow(f.cost.band_high, narrow);
    sum += kernel_band_coverage(&f.cost, ratio, NEW) / sets;
    *width += kernel_band_width(&f.cost) / sets;
    done(m, &f);
  }
  return sum;
}

/* The mean over 40 sets has a standard error below .02 (that of one set is at most .12): a right program fails a bound, five of
 * them away from .9 downwards and more than three upwards, in fewer than one of 10^3 seeds. */
static void nine_of_ten_new_shapes_lie_in_the_band(void **state)
{
  static const struct { truth_fn *truth; int axes, shapes; double scatter; const char *what; } cases[] = {
    {cached, 1, 24, .04, "curve"}, {cached, 1, 10, .04, "few shapes"}, {surface, 3, 28, .03, "surface"}};
  for (int i = 0; i < 3; i++) {
    double width, share = coverage(cases[i].truth, cases[i].axes, cases[i].shapes, cases[i].scatter, 40, 1, &width);
    print_message("%s: %.3f within, width %.3f\n", cases[i].what, share, width);
    assert_true(share >= .80 && share <= .97);
    assert_true(width <= .25);
  }
}

/* By hand: with 12 residuals the 90 % are at rank .9 x 13 = 11.7, then the 2 % of sessions and the scatter of one execution. */
static void ten_residuals_have_a_rank(void **state)
{
  struct made *m = made_new(18, 1);
  double ratio[NEW], r[MOST];
  int n = 0;
  struct kernel_fit f = fit_drawn(m, cached, 14, .04, ratio);
  for (int i = 0; i < f.n; i++)
    if (!isnan(f.point[i].left_out_s)) r[n++] = fabs(log(f.point[i].cost_s / f.point[i].left_out_s));
  assert_int_equal(n, 12);
  for (int i = 1; i < n; i++)
    for (int k = i; k && r[k] < r[k - 1]; k--) { double swap = r[k]; r[k] = r[k - 1], r[k - 1] = swap; }
  double later = hypot(log1p(f.drift) * 1.4826 / sqrt(2), .02);
  assert_near(log(f.cost.band_high), hypot(.3 * r[10] + .7 * r[11], 1.644854 * later), 1e-6);
  assert_near(f.cost.band_high * f.cost.band_low, 1, 1e-12);
  done(m, &f);
}

static void a_band_too_narrow_is_seen(void **state)
{
  double width, share = coverage(cached, 1, 24, .04, 40, 1 / 2.5, &width);
  print_message("narrowed: %.3f\n", share);
  assert_true(share < .80);
}

/* Two shapes a decade apart or more, of a surface that steps between them: nothing is known of it, so nothing is told, and the
 * band is wide. New shapes then lie in it; in a band of what two passes differ by (planted) they do not. */
static void between_two_shapes_little_is_known(void **state)
{
  double within_band = 0, planted = 0, ratio[NEW];
  for (int set = 0; set < 40; set++) {
    struct made *m = made_new(3000 + (uint64_t)set, 1);
    struct kernel_fit f = fit_drawn(m, cached, 2, .05, ratio);
    assert_string_equal(f.error.method, "none");
    assert_true(isnan(f.error.mape) && f.cost.band_high >= 1.5 && f.cost.band_low <= 1 / 1.5);
    within_band += kernel_band_coverage(&f.cost, ratio, NEW) / 40;
    f.cost.band_low = 1 / 1.035, f.cost.band_high = 1.035;
    planted += kernel_band_coverage(&f.cost, ratio, NEW) / 40;
    done(m, &f);
  }
  assert_true(within_band >= .9 && planted < .5);
}

/* 1, 8 and 2 ns at 1, 4 and 16 kB, passes half a percent apart: without the middle it is foretold sqrt(1 x 2) ns, and that is the error,
 * not what the passes say. Of four shapes two are judged. */
static void of_three_shapes_one_is_judged(void **state)
{
  for (int n = 3; n <= 4; n++) {
    struct made *m = made_new(17, 1);
    for (int i = 0; i < n; i++)
      for (int pass = 0; pass < 2; pass++)
        add(m, i, pass, (double[]){1000 * pow(4, i)}, (i == 1 ? 8e-9 : i == 0 ? 1e-9 : 2e-9) * (pass ? 1.005 : 1), .001);
    struct kernel_fit f = fit_of(m);
    assert_string_equal(f.error.method, "leave_one_out");
    assert_int_equal(f.error.shapes, n - 2);
    if (n == 3) assert_near(f.error.mape, 1 - sqrt(2) / 8, 1e-6);
    assert_true(f.error.max > .5 && f.cost.band_high >= 8 / sqrt(2));
    done(m, &f);
  }
}

/* 1 and 2 are neighbours (full and resumed): nothing lies between, and the passes say how well each is known. */
static void neighbours_have_nothing_between(void **state)
{
  struct made *m = made_new(14, 1);
  for (int i = 0; i < 2; i++)
    for (int pass = 0; pass < 2; pass++) add(m, i, pass, (double[]){i + 1}, (i ? 4e-4 : 7e-4) * (pass ? 1.02 : 1), .01);
  struct kernel_fit f = fit_of(m);
  assert_string_equal(f.error.method, "passes");
  assert_near(f.error.mape, 1 - 1 / 1.02, .001);
  assert_true(f.cost.band_low > .9 && f.cost.band_high < 1.1);
  assert_near(fitted(&f, (double[]){2}) / (4e-4 * sqrt(1.02)), 1, 1e-6);
  done(m, &f);
}

/* ---- the error that is told ---------------------------------------------------------------------------------------- */

/* Means over data sets: told (nested), of the winner by its own leave-one-out errors, true of new shapes; and standard errors
 * of told - true and winner - true. */
struct told { double told, winner, true_mape, told_se, winner_se; };

static struct told errors_told(truth_fn *truth, int n_axes, int shapes, double scatter, int sets)
{
  struct told t = {0};
  double ratio[NEW], told_square = 0, winner_square = 0;
  for (int set = 0; set < sets; set++) {
    struct made *m = made_new(1000 + (uint64_t)set, n_axes);
    struct kernel_fit f = fit_drawn(m, truth, shapes, scatter, ratio);
    double off = 0, winner = f.candidate[f.error.model].mape;
    for (int i = 0; i < NEW; i++) off += fabs(1 / ratio[i] - 1) / NEW;
    t.told += f.error.mape / sets, t.winner += winner / sets, t.true_mape += off / sets;
    told_square += pow(f.error.mape - off, 2), winner_square += pow(winner - off, 2);
    done(m, &f);
  }
  t.told_se = sqrt(fmax(0, told_square / sets - pow(t.told - t.true_mape, 2)) / sets);
  t.winner_se = sqrt(fmax(0, winner_square / sets - pow(t.winner - t.true_mape, 2)) / sets);
  return t;
}

/* Told is what new shapes have: within four standard errors, and a tenth for what one shape less and the ends of the range make
 * of it (a right program fails in fewer than one of 10^4 seeds). */
static bool told_is_true(double told, double true_mape, double se)
{
  return fabs(told - true_mape) <= 4 * se + .1 * true_mape;
}

static void the_error_told_is_that_of_new_shapes(void **state)
{
  static const struct { truth_fn *truth; int axes, shapes; const char *what; } cases[] = {
    {cached, 1, 10, "10 shapes, one axis"}, {surface, 3, 12, "12 shapes, three axes"}, {surface, 3, 20, "20 shapes, three axes"},
    {cached, 1, 30, "30 shapes, one axis"}};
  int seen = 0;
  for (int i = 0; i < 4; i++) {
    struct told t = errors_told(cases[i].truth, cases[i].axes, cases[i].shapes, .05, 60);
    print_message("%s: told %.4f, winner's own %.4f, true %.4f (standard errors %.4f, %.4f)\n", cases[i].what, t.told, t.winner,
                  t.true_mape, t.told_se, t.winner_se);
    assert_true(told_is_true(t.told, t.true_mape, t.told_se));
    seen += !told_is_true(t.winner, t.true_mape, t.winner_se);
  }
  assert_true(seen >= 1);                               /* planted: the luckiest candidate's error is seen as too small */
}

static void coverage_and_width_by_hand(void **state)
{
  struct kernel_cost c = {.band_low = .9, .band_high = 1.1};
  assert_near(kernel_band_coverage(&c, (double[]){.89, .9, 1, 1.2}, 4), .5, 1e-12);
  assert_near(kernel_band_width(&c), .2, 1e-12);
}

/* ---- what cannot be fitted --------------------------------------------------------------------------------------- */

static void nonsense_is_refused(void **state)
{
  struct err err;
  struct kernel_fit f;
  err_init(&err);
  struct made *m = made_new(10, 1);
  assert_false(kernel_fit(&m->in, &f, &err));
  assert_says(&err, "made: no samples");
  add(m, 7, 1, (double[]){64}, 1e-3, .01);
  m->time[0][4] = 0;
  assert_false(kernel_fit(&m->in, &f, &err));
  assert_says(&err, "sample 1 (shape 7, pass 1)");
  m->time[0][4] = 1;
  m->sample[0].axis[0] = -1;
  assert_false(kernel_fit(&m->in, &f, &err));
  assert_says(&err, "positive");
  err_release(&err);
  done(m, &f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_power_law_is_found_exactly),
    cmocka_unit_test(a_bilinear_table_is_found_exactly),
    cmocka_unit_test(a_constant_cost_covers_the_range),
    cmocka_unit_test(violators_are_pooled_by_hand),
    cmocka_unit_test(a_cliff_is_kept),
    cmocka_unit_test(outliers_do_not_pull),
    cmocka_unit_test(scatter_of_one_execution),
    cmocka_unit_test(passes_are_averaged_and_their_drift_told),
    cmocka_unit_test(costs_are_those_at_the_usual_clock),
    cmocka_unit_test(a_clock_that_says_nothing_is_left_alone),
    cmocka_unit_test(intervals_are_those_of_their_ranks),
    cmocka_unit_test(a_disturbed_pass_does_not_count),
    cmocka_unit_test(shapes_in_trouble_judge_nothing),
    cmocka_unit_test(corners_are_not_left_out),
    cmocka_unit_test(one_shape_is_judged_by_its_passes),
    cmocka_unit_test(nine_of_ten_new_shapes_lie_in_the_band),
    cmocka_unit_test(ten_residuals_have_a_rank),
    cmocka_unit_test(a_band_too_narrow_is_seen),
    cmocka_unit_test(between_two_shapes_little_is_known),
    cmocka_unit_test(of_three_shapes_one_is_judged),
    cmocka_unit_test(neighbours_have_nothing_between),
    cmocka_unit_test(the_error_told_is_that_of_new_shapes),
    cmocka_unit_test(coverage_and_width_by_hand),
    cmocka_unit_test(nonsense_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
