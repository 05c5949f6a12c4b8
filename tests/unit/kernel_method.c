/* The method of `offsim-kernels measure`: medians and their intervals, disturbances, the probe, drift, plans, sensors. Times
 * are invented here, so that the truth is known; every random test rejects a sound program once in 10^5 runs or less
 * (4.42 standard deviations, or the quantile of its distribution), and here with one seed: never. */
#include "experiments/kernels/machine.h"
#include "experiments/kernels/numerics.h"
#include "experiments/kernels/out.h"
#include "experiments/kernels/plan.h"
#include "experiments/kernels/probe.h"
#include "experiments/kernels/sample.h"
#include "experiments/kernels/sensor.h"
#include "experiments/kernels/shape.h"
#include "experiments/kernels/ticks.h"
#include "tests/unit/unit.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const double SIGMAS = 4.42, FALSE_ALARM = 1e-5;

static double uniform(uint64_t *random)
{
  return ((double)(kernel_random(random) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *random)
{
  return gsl_cdf_ugaussian_Pinv(uniform(random));
}

static void medians(void **state)
{
  double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, one[] = {7};
  assert_near(numerics_median(odd, 3), 3, 0);
  assert_near(numerics_median(even, 4), 2.5, 0);
  assert_near(numerics_median(one, 1), 7, 0);
}

/* The header's example, and the percentiles of 20000 resamples: their ranks are those of the exact interval, or next to
 * them where the probability lies within sampling error of 2.5 %. */
static void interval_is_the_bootstrap(void **state)
{
  uint64_t random = 11;
  double x[15];
  for (int i = 0; i < 15; i++)
    x[i] = i + 1;
  struct interval exact = numerics_median_interval(x, 15);
  assert_near(exact.low, 4, 0);
  assert_near(exact.high, 12, 0);
  enum { RESAMPLES = 20000 };
  static double median[RESAMPLES];
  for (int r = 0; r < RESAMPLES; r++) {
    double y[15];
    for (int i = 0; i < 15; i++)
      y[i] = x[kernel_random(&random) % 15];
    median[r] = numerics_median(y, 15);
  }
  numerics_sort(median, RESAMPLES);
  assert_near(median[RESAMPLES / 40], 4, 0);
  assert_near(median[RESAMPLES - RESAMPLES / 40 - 1], 12, 0);
}

/* How often an interval that leaves out `rank` values at each end holds the true median 0 of n normal ones. */
static double coverage(int n, int narrower, int trials, uint64_t *random)
{
  double x[64];
  int held = 0;
  for (int t = 0; t < trials; t++) {
    for (int i = 0; i < n; i++)
      x[i] = normal(random);
    numerics_sort(x, n);
    struct interval k = numerics_median_interval(x, n);
    int low = 0;
    while (x[low] < k.low)
      low++;
    held += x[low + narrower] <= 0 && x[n - 1 - low - narrower] >= 0;
  }
  return (double)held / trials;
}

/* The values from rank k to n+1-k hold the median of any continuous distribution with probability
 * 1 - 2 P(binomial(n, 1/2) < k): for n = 15, k = 4 it is 1 - 2 x 576/32768 = 0.9648. The ranks are those of the definition:
 * P(binomial(41, 15/41) >= 21) = 3.6 %, and of 14/41 it is 1.6 %. */
static void interval_covers_as_stated(void **state)
{
  const struct { int n, rank; } wanted[] = {{9, 2}, {15, 4}, {25, 8}, {41, 15}};
  enum { TRIALS = 4000 };
  uint64_t random = 5;
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    int n = wanted[i].n;
    double x[64];
    for (int k = 0; k < n; k++)
      x[k] = k + 1;
    assert_near(numerics_median_interval(x, n).low, wanted[i].rank, 0);
    double all = n, rank = wanted[i].rank;
    unsigned half = (unsigned)(n + 1) / 2 - 1;
    assert_true(gsl_cdf_binomial_Q(half, rank / all, (unsigned)n) >= 0.025 && gsl_cdf_binomial_Q(half, (rank - 1) / all, (unsigned)n) < 0.025);
    double truth = 1 - 2 * gsl_cdf_binomial_P((unsigned)wanted[i].rank - 1, 0.5, (unsigned)n);
    double sd = sqrt(truth * (1 - truth) / TRIALS);
    assert_true(truth > 0.93);
    assert_near(coverage(n, 0, TRIALS, &random), truth, SIGMAS * sd);
    assert_true(coverage(n, 1, TRIALS, &random) < truth - SIGMAS * sd);         /* planted: one rank too narrow */
  }
}

static void looks_are_few(void **state)
{
  static const int at[] = {9, 14, 21, 32, 48, 72, 108, 162, 243, 365};
  for (int n = 1, i = 0; n <= SAMPLE_MOST; n++) {
    bool look = i < 10 && n == at[i];
    assert_int_equal(numerics_look(n, 9), look);
    i += look;
  }
  double x[SAMPLE_MOST];
  for (int n = 5; n <= SAMPLE_MOST; n++) {              /* the definition: k is the largest that leaves out 2 % */
    for (int i = 0; i < n; i++) x[i] = i + 1;
    struct interval kept = numerics_kept_interval(x, n);
    unsigned k = (unsigned)kept.low;
    assert_near(kept.high, n + 1 - kept.low, 0);
    if (k > 1) assert_true(2 * gsl_cdf_binomial_P(k - 1, 0.5, (unsigned)n) <= 0.02);
    assert_true(2 * gsl_cdf_binomial_P(k, 0.5, (unsigned)n) > 0.02);
  }
}

/* Median 1: normal, exponential (skew), normal with one in five five times as wide. */
static double scattered(int shape, double sigma, uint64_t *random)
{
  double z = normal(random), u = uniform(random);
  return shape == 0 ? exp(sigma * z) : shape == 1 ? 1 - sigma * log(2 * u) : exp(sigma * z * (u < 0.2 ? 5 : 1));
}

struct rank { int naive[SAMPLE_MOST + 1], kept[SAMPLE_MOST + 1]; };

static struct rank ranks(void)
{
  struct rank k;
  double x[SAMPLE_MOST];
  for (int n = 1; n <= SAMPLE_MOST; n++) {
    x[n - 1] = n;
    k.naive[n] = (int)numerics_median_interval(x, n).low;
    k.kept[n] = (int)numerics_kept_interval(x, n).low;
  }
  return k;
}

struct held { bool naive, kept; double spread; };

/* One sample, repeated until its nominal interval is within 2 %; the first look after `least`. */
static struct held repeated(const struct rank *k, int least, int shape, double sigma, uint64_t *random)
{
  double x[SAMPLE_MOST], y[SAMPLE_MOST];
  struct held h = {false, false, INFINITY};
  for (int n = 1; n <= SAMPLE_MOST && h.spread > 0.02; n++) {
    x[n - 1] = scattered(shape, sigma, random);
    if (!numerics_look(n, least) && n < SAMPLE_MOST) continue;
    memcpy(y, x, (size_t)n * sizeof *y);
    numerics_sort(y, n);
    int a = k->naive[n] - 1, b = k->kept[n] - 1;
    h = (struct held){y[a] <= 1 && y[n - 1 - a] >= 1, y[b] <= 1 && y[n - 1 - b] >= 1, (y[n - 1 - a] - y[a]) / y[n / 2]};
  }
  return h;
}

/* Of up to three samples the first narrow one, else the narrowest: how often the nominal and the kept interval hold the median, in
 * the worst of twelve cases. Scatter of .4 % is narrow at the first look, of 4 % late. */
struct coverages { double naive, kept; };

static struct coverages after_looks(int least, uint64_t random)
{
  enum { TRIALS = 2000, SAMPLES = 3 };
  static const double sigma[] = {0.004, 0.01, 0.02, 0.04};
  const struct rank k = ranks();
  struct coverages worst = {1, 1};
  for (int c = 0; c < 12; c++) {
    int naive = 0, kept = 0;
    for (int t = 0; t < TRIALS; t++) {
      struct held best = {false, false, INFINITY};
      for (int i = 0; i < SAMPLES && best.spread > 0.02; i++) {
        struct held h = repeated(&k, least, c / 4, sigma[c % 4], &random);
        if (h.spread < best.spread) best = h;
      }
      naive += best.naive;
      kept += best.kept;
    }
    worst = (struct coverages){fmin(worst.naive, (double)naive / TRIALS), fmin(worst.kept, (double)kept / TRIALS)};
  }
  return worst;
}

/* 95 % from 9 repetitions on; from 5 on (--quick), all five of which hold it with 1 - 2 / 2^5 = 93.75 %, that. Less 4.42 standard
 * deviations of 2000 cases. Planted: the nominal interval with which it was stopped. */
static void kept_interval_holds_after_looks(void **state)
{
  static const struct { int least; double holds; } all[] = {{9, 0.95}, {5, 0.9375}};
  for (int i = 0; i < 2; i++) {
    struct coverages worst = after_looks(all[i].least, 41);
    double bar = all[i].holds - SIGMAS * sqrt(all[i].holds * (1 - all[i].holds) / 2000);
    assert_true(worst.kept >= bar);
    assert_true(worst.naive < bar);
  }
}

static struct repetition clean(double s)
{
  return (struct repetition){.wall_s = s, .cpu_s = s, .involuntary = 0, .shared = 0.01};
}

/* 1 ms each. Planted: a gap of the clocks, a switch, a shared core; not disturbed: what clocks and probe do by themselves. */
static void disturbances_are_seen(void **state)
{
  struct repetition r = clean(1e-3);
  assert_near(numerics_disturbance(&r, 1, false), 0, 0);
  r.wall_s += 15e-6;
  assert_near(numerics_disturbance(&r, 1, false), 0, 0);
  r.wall_s = 1.1e-3;
  assert_true(numerics_disturbance(&r, 1, false) > 0.05);
  assert_near(numerics_disturbance(&r, 1, true), 0, 0);                         /* work that waits */
  r = clean(1e-3);
  r.involuntary = 1;
  assert_true(numerics_disturbance(&r, 1, false) > 0);
  r.involuntary = NAN;                                                          /* no counter: nothing is told */
  assert_near(numerics_disturbance(&r, 1, false), 0, 0);
  r = clean(1e-3);
  r.shared = 0.4;
  assert_near(numerics_disturbance(&r, 1, false), 0.4, 0);
  assert_near(numerics_disturbance(&r, 1, true), 0.4, 0);
  r = clean(1e-6);                                                              /* 100 in a batch: 100 us, 30 us away */
  r.wall_s = 1.3e-6;
  assert_true(numerics_disturbance(&r, 100, false) > 0);
  assert_near(numerics_disturbance(&r, 10, false), 0, 0);                       /* 3 us are the clocks */
}

/* 30 repetitions of true median 1 ms, sigma 0.5 %; `bad` of them on a shared core: 1.9 times as slow. */
static struct sample settled(int bad, enum kernel_bound bound, uint64_t seed)
{
  struct method m = {.least = 9, .most = 200, .spread = 0.02};
  struct repetition r[30];
  struct sample s = {.inner = 1};
  for (int i = 0; i < 30; i++) {
    bool shared = i * 7 % 30 < bad;
    double t = 1e-3 * exp(0.005 * normal(&seed)) * (shared ? 1.9 : 1);
    r[i] = clean(t);
    r[i].shared = shared ? 0.6 + 0.01 * i : 0.01;
  }
  sample_settle(&m, bound, r, 30, &s);
  return s;
}

static double median_of(const struct sample *s)
{
  double x[SAMPLE_MOST];
  memcpy(x, s->cpu_s, (size_t)s->n * sizeof *x);
  return numerics_median(x, s->n);
}

/* The median of 12 or more such values has a standard deviation of at most 1.2533 x 0.5 % / sqrt(12) = 0.18 %. */
static void disturbed_repetitions_are_left_out(void **state)
{
  for (int bad = 0; bad <= 18; bad += 6) {
    struct sample s = settled(bad, BOUND_COMPUTE, 1);
    assert_int_equal(s.discarded, bad);
    assert_int_equal(s.n, 30 - bad);
    assert_true(s.clean && s.stable);
    assert_near(median_of(&s) / 1e-3, 1, SIGMAS * 0.0018);
  }
  struct sample s = settled(25, BOUND_COMPUTE, 1);                              /* 5 clean ones, 9 are the least */
  assert_int_equal(s.n, 9);
  assert_false(s.clean);
  assert_false(s.stable);
  s = settled(15, BOUND_COMPUTE, 2);
  assert_true(s.wall.low <= median_of(&s) && median_of(&s) <= s.wall.high);
}

/* A process that starts: one in 30 takes 20 times as long, though no clock says why. Users wait for it: it stays, and the
 * standard deviation of the logarithms is that of one value of 30 at ln 20: ln 20 / sqrt(30) = 0.547. */
static void slow_ones_of_waiting_work_are_kept(void **state)
{
  struct method m = {.least = 9, .most = 200, .spread = 0.02};
  struct repetition r[30];
  struct sample s = {.inner = 1};
  double sum = 0, square = 0;
  for (int i = 0; i < 30; i++) {
    r[i] = clean(1e-3);
    r[i].cpu_s = 1e-4;
  }
  r[13].wall_s = 20e-3;
  sample_settle(&m, BOUND_SYSTEM, r, 30, &s);
  assert_int_equal(s.discarded, 0);
  assert_true(s.stable);
  for (int i = 0; i < s.n; i++) {
    sum += log(s.wall_s[i]);
    square += log(s.wall_s[i]) * log(s.wall_s[i]);
  }
  assert_near(sqrt((square - sum * sum / s.n) / (s.n - 1)), log(20) / sqrt(30), 1e-3);
}

/* Of two samples the stable one, then the clean one, then the narrower one. */
static void the_better_sample_is_kept(void **state)
{
  struct sample none = settled(0, BOUND_COMPUTE, 1), many = settled(18, BOUND_COMPUTE, 1), all = settled(25, BOUND_COMPUTE, 1);
  assert_true(sample_better(BOUND_COMPUTE, &none, &all) && !sample_better(BOUND_COMPUTE, &all, &none));
  assert_true(sample_better(BOUND_COMPUTE, &none, &many) && !sample_better(BOUND_COMPUTE, &many, &none));
  none.stable = all.stable = false;
  assert_true(sample_better(BOUND_COMPUTE, &none, &all) && !sample_better(BOUND_COMPUTE, &all, &none));
}

/* A wide scatter is unstable, though nothing disturbed it. */
static void scatter_is_unstable(void **state)
{
  struct method m = {.least = 9, .most = 200, .spread = 0.02};
  struct repetition r[12];
  struct sample s = {.inner = 1};
  uint64_t random = 3;
  for (int i = 0; i < 12; i++)
    r[i] = clean(1e-3 * exp(0.3 * normal(&random)));
  sample_settle(&m, BOUND_COMPUTE, r, 12, &s);
  assert_true(s.clean);
  assert_false(s.stable);
}

/* Sentinels of 1 % scatter: a third of 60 has a median with a standard deviation of 1.2533 x 1 % / sqrt(20) = 0.28 %, the
 * difference of two 0.40 %. Planted: 5 % slower towards the end. */
static void drift_is_seen(void **state)
{
  double still[60], drifting[60];
  uint64_t random = 17;
  for (int i = 0; i < 60; i++) {
    still[i] = 3e-4 * exp(0.01 * normal(&random));
    drifting[i] = still[i] * (1 + 0.075 * i / 60);
  }
  assert_near(numerics_drift(still, 60), 0, SIGMAS * 0.004);
  assert_near(numerics_drift(drifting, 60), 0.05, SIGMAS * 0.004);
  assert_true(numerics_agree(1, 1.019, 0.02) && !numerics_agree(1, 1.021, 0.02));
}

/* Alone the ratio is 1.231 +- 0.3 %, 1 % of the looks are too low for an interrupt, and `shared` of them lie between 1.31
 * and 2.2. */
static void probe_sees_neighbours(void **state)
{
  for (double shared = 0; shared < 0.91; shared += 0.3) {
    struct probe_history h = {0};
    uint64_t random = 23;
    int false_alarms = 0, missed = 0;
    for (int i = 0; i < 3000; i++) {
      double u = uniform(&random);
      bool neighbour = u < shared, interrupt = !neighbour && uniform(&random) < 0.01;
      double alone = 1.231 * (1 + 0.003 * normal(&random));
      struct probe p = {1.2e-9, neighbour ? 1.31 + 0.9 * uniform(&random) : interrupt ? alone / 2 : alone};
      probe_add(&h, p);
      if (i < 500)
        continue;                                                               /* it learns */
      false_alarms += !neighbour && probe_shared(probe_excess(&h, p));
      missed += neighbour && !probe_shared(probe_excess(&h, p));
    }
    assert_near(probe_alone(&h), 1.231, 0.015);
    assert_int_equal(false_alarms, 0);                                          /* 5 % are 16 standard deviations */
    assert_int_equal(missed, 0);
  }
}

/* A look whose clock stood for an interrupt is not counted. */
static void probe_passes_over_interrupts(void **state)
{
  struct probe_history h = {0};
  probe_add(&h, (struct probe){1e-9, 1.23});
  for (int i = 0; i < 100; i++)
    probe_add(&h, (struct probe){2e-9, 0.6});
  assert_near(probe_alone(&h), 1.23, 0.005);
}

/* The usual mistake: swaps with any place make 8^8 ways of 8! orders. */
static void shuffle_wrongly(int *order, int n, uint64_t *random)
{
  for (int i = 0; i < n; i++)
    order[i] = i;
  for (int i = 0; i < n; i++) {
    int j = (int)(kernel_random(random) % (uint64_t)n), keep = order[i];
    order[i] = order[j];
    order[j] = keep;
  }
}

/* The largest chi-squared of 8 things over 8 places in 16000 orders: 7 degrees of freedom each. */
static double chi_squared(void (*shuffle)(int *, int, uint64_t *))
{
  enum { N = 8, TRIALS = 16000 };
  int at[N][N] = {{0}}, order[N];
  uint64_t random = 29;
  double most = 0, expected = (double)TRIALS / N;
  for (int t = 0; t < TRIALS; t++) {
    shuffle(order, N, &random);
    for (int i = 0; i < N; i++)
      at[order[i]][i]++;
  }
  for (int i = 0; i < N; i++) {
    double x = 0;
    for (int j = 0; j < N; j++)
      x += (at[i][j] - expected) * (at[i][j] - expected) / expected;
    most = fmax(most, x);
  }
  return most;
}

/* Each is at each place equally often; 8 tests share the false alarms. */
static void orders_are_random(void **state)
{
  double limit = gsl_cdf_chisq_Qinv(FALSE_ALARM / 8, 7);
  assert_true(chi_squared(numerics_shuffle) < limit);
  assert_true(chi_squared(shuffle_wrongly) > limit);
}

static bool same_shape(const struct job *a, const struct job *b)
{
  return a->kernel == b->kernel && a->cold == b->cold && a->interference == b->interference && a->threads == b->threads &&
         memcmp(a->p, b->p, sizeof a->p) == 0;
}

static int count(const struct plan *x, const struct job *like, int pass)
{
  int n = 0;
  for (int i = 0; i < x->n; i++)
    n += x->job[i].pass == pass && same_shape(&x->job[i], like);
  return n;
}

static struct wishes wishes_for(const char *kernel)
{
  struct wishes w = {.n_kernels = 1, .passes = 2, .core = -1, .seed = 4};
  w.kernel[0] = kernel_find(kernel);
  assert_non_null(w.kernel[0]);
  return w;
}

static void plans_have_everything_twice(void **state)
{
  char why[KERNEL_WHY];
  struct plan x;
  struct wishes w = wishes_for("gemm_f32");
  assert_true(plan_make(&x, &w, 2, why));
  int differ = 0, half = x.n / 2;
  for (int i = 0; i < x.n; i++)
    assert_int_equal(count(&x, &x.job[i], 0) + count(&x, &x.job[i], 1), 2);
  for (int i = 0; i < half; i++) {
    assert_int_equal(x.job[i].pass, 0);
    differ += !same_shape(&x.job[i], &x.job[half + i]);
  }
  assert_true(differ > half / 2);
  plan_free(&x);
}

/* One core: nothing with threads, nothing with neighbours; cold caches all the same. */
static void plans_for_one_core(void **state)
{
  char why[KERNEL_WHY];
  struct plan x;
  struct wishes w = wishes_for("gemm_f32");
  assert_true(plan_make(&x, &w, 1, why));
  int cold = 0;
  for (int i = 0; i < x.n; i++) {
    assert_false(x.job[i].interference);
    assert_int_equal(x.job[i].threads, 1);
    cold += x.job[i].cold;
  }
  assert_true(cold > 0);
  plan_free(&x);
  w.no_cold = true;
  assert_true(plan_make(&x, &w, 4, why));
  for (int i = 0; i < x.n; i++)
    assert_false(x.job[i].cold);
  plan_free(&x);
}

static bool inside_grid(const struct kernel *k, const double *p)
{
  for (int a = 0; a < k->n_axes; a++) {
    double low = INFINITY, high = 0, x = k->axis_value(p, a);
    for (int i = 0; i < k->full.n; i++) {
      low = fmin(low, k->axis_value(k->full.p[i], a));
      high = fmax(high, k->axis_value(k->full.p[i], a));
    }
    if (x < low || x > high)
      return false;
  }
  return true;
}

/* Of every kernel that has ranges: shapes within them and within what the grid has measured, the same for both passes. */
static void drawn_shapes_lie_within(void **state)
{
  for (int i = 0; kernel_list[i]; i++) {
    char why[KERNEL_WHY];
    struct plan x;
    struct wishes w = wishes_for(kernel_list[i]->name);
    w.off_grid = 20;
    const struct kernel *k = w.kernel[0];
    if (k->unavailable && k->unavailable())
      continue;
    if (!plan_make(&x, &w, 2, why)) fail_msg("%s", why);
    assert_int_equal(x.n, 40);
    for (int j = 0; j < x.n; j++) {
      assert_true(x.job[j].off_grid && inside_grid(k, x.job[j].p));
      for (int p = 0; p < k->n_parameters; p++)
        assert_true(x.job[j].p[p] >= k->parameter[p].low && x.job[j].p[p] <= k->parameter[p].high);
      assert_true(count(&x, &x.job[j], 0) == count(&x, &x.job[j], 1));
    }
    plan_free(&x);
  }
}

static void shapes_are_read(void **state)
{
  const struct kernel *k = kernel_find("gemm_f32");
  double p[KERNEL_PARAMETERS];
  char why[KERNEL_WHY];
  assert_true(shape_parse(k, "k=3,m=1,n=2", p, why));
  assert_true(p[0] == 1 && p[1] == 2 && p[2] == 3);
  const struct { const char *text, *says; } wrong[] = {
    {"m=1,n=2", "parameter k is missing"}, {"m=1,m=2,n=1,k=1", "m is given twice"}, {"m=1,n=2,q=3", "'q=3' is not NAME=VALUE"},
    {"m=1,n=2,k=x", "'k=x': a number"}, {"m=1,n=2,k=-3", "a number, 0 or more"}, {"m=1,n=2,k=", "a number"},
    {"m=0,n=2,k=1", "no work"}, {"m=nan,n=2,k=1", "a number"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_false(shape_parse(k, wrong[i].text, p, why));
    if (!strstr(why, wrong[i].says)) fail_msg("%s: '%s' does not say '%s'", wrong[i].text, why, wrong[i].says);
  }
}

static void lines_are_json(void **state)
{
  char *text = NULL;
  size_t n;
  FILE *f = open_memstream(&text, &n);
  struct out o;
  out_line(&o, f);
  out_string(&o, "a", "\"\\\n\x01");
  out_number(&o, "b", 0.1);
  out_number(&o, "c", NAN);
  out_numbers(&o, "d", (double[]){1, 2.5e-9}, 2);
  out_open(&o, "e", '{');
  out_bool(&o, "f", true);
  out_close(&o, '}');
  out_string(&o, "g", NULL);
  out_end(&o);
  fclose(f);
  assert_string_equal(text, "{\"a\":\"\\\"\\\\\\u000a\\u0001\",\"b\":0.1,\"c\":null,\"d\":[1,2.5e-09],\"e\":{\"f\":true},\"g\":null}\n");
  free(text);
}

/* ---- a planted /proc and /sys --------------------------------------------------------------------------------------- */

static void plant(const char *root, const char *path, const char *text)
{
  char whole[512];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  for (char *c = whole + strlen(root) + 1; (c = strchr(c, '/')); c++) {
    *c = 0;
    mkdir(whole, 0700);
    *c = '/';
  }
  FILE *f = fopen(whole, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static char *new_root(char *root)
{
  strcpy(root, "/tmp/offsim-kernel-method-XXXXXX");
  assert_non_null(mkdtemp(root));
  return root;
}

static void remove_root(const char *root)
{
  pid_t pid = fork();
  if (pid == 0) {
    execlp("rm", "rm", "-rf", root, (char *)NULL);
    _exit(1);
  }
  waitpid(pid, NULL, 0);
}

static void processor_time_is_read(void **state)
{
  char root[64];
  plant(new_root(root), "/proc/stat", "cpu  100 0 50 800 0 0 0 50 0 0\ncpu0 1 2 3 444 5 6 7 8\ncpu1 1 2 3 555 5 6 7 8\n");
  plant(root, "/proc/loadavg", "1.25 0.5 0.1 1/100 5\n");
  struct ticks then = ticks_now(root);
  assert_near(then.total, 1000, 0);
  assert_near(then.steal, 50, 0);
  assert_near(ticks_idle(root, 1), 555, 0);
  assert_near(machine_load_1(root), 1.25, 0);
  assert_true(isnan(ticks_steal_since(root, then)));                            /* no time has passed */
  plant(root, "/proc/stat", "cpu  150 0 50 820 0 0 0 80 0 0\n");
  assert_near(ticks_steal_since(root, then), 0.3, 1e-12);
  assert_true(isnan(ticks_now("/nowhere").total));
  assert_near(ticks_idle("/nowhere", 0), 0, 0);
  remove_root(root);
}

static void caches_are_read(void **state)
{
  char root[64];
  plant(new_root(root), "/sys/devices/system/cpu/cpu3/cache/index0/size", "64K\n");
  plant(root, "/sys/devices/system/cpu/cpu3/cache/index0/type", "Instruction\n");
  plant(root, "/sys/devices/system/cpu/cpu3/cache/index0/level", "1\n");
  plant(root, "/sys/devices/system/cpu/cpu3/cache/index1/size", "2M\n");
  plant(root, "/sys/devices/system/cpu/cpu3/cache/index1/type", "Unified\n");
  plant(root, "/sys/devices/system/cpu/cpu3/cache/index1/level", "2\n");
  assert_near(machine_last_cache_bytes(root, 3), 2097152, 0);
  assert_near(machine_last_cache_bytes(root, 0), 33554432, 0);                  /* not told */
  remove_root(root);
}

/* 65 J of two packages, one of which wrapped; then none; then 5 W of a board during 2 s. */
static void sensors_are_read(void **state)
{
  struct sensor s;
  struct sensor_reading from, to;
  char root[64];
  sensor_find(&s, "/nowhere");
  assert_true(strncmp(s.problem, "unavailable: neither", 20) == 0);
  assert_true(isnan(sensor_joule(&s, &from, &to)));
  plant(new_root(root), "/sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
  plant(root, "/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "100000000\n");
  plant(root, "/sys/class/powercap/intel-rapl:1/energy_uj", "90000000\n");
  plant(root, "/sys/class/powercap/intel-rapl:1/max_energy_range_uj", "100000000\n");
  sensor_find(&s, root);
  assert_string_equal(s.problem, "");
  sensor_read(&s, &from);
  plant(root, "/sys/class/powercap/intel-rapl:0/energy_uj", "36000000\n");
  plant(root, "/sys/class/powercap/intel-rapl:1/energy_uj", "20000000\n");
  sensor_read(&s, &to);
  assert_near(sensor_joule(&s, &from, &to), 35 + 30, 1e-9);
  remove_root(root);
  plant(new_root(root), "/sys/class/hwmon/hwmon2/power1_input", "5000000\n");
  sensor_find(&s, root);
  assert_string_equal(s.kind, "board sensor");
  sensor_read(&s, &from);
  to = from;
  to.wall_ns += 2000000000;
  assert_near(sensor_joule(&s, &from, &to), 10, 1e-9);
  remove_root(root);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(medians), cmocka_unit_test(interval_is_the_bootstrap), cmocka_unit_test(interval_covers_as_stated),
    cmocka_unit_test(looks_are_few), cmocka_unit_test(kept_interval_holds_after_looks), cmocka_unit_test(the_better_sample_is_kept),
    cmocka_unit_test(disturbances_are_seen), cmocka_unit_test(disturbed_repetitions_are_left_out),
    cmocka_unit_test(slow_ones_of_waiting_work_are_kept), cmocka_unit_test(scatter_is_unstable), cmocka_unit_test(drift_is_seen),
    cmocka_unit_test(probe_sees_neighbours), cmocka_unit_test(probe_passes_over_interrupts), cmocka_unit_test(orders_are_random),
    cmocka_unit_test(plans_have_everything_twice), cmocka_unit_test(plans_for_one_core), cmocka_unit_test(drawn_shapes_lie_within),
    cmocka_unit_test(shapes_are_read), cmocka_unit_test(lines_are_json), cmocka_unit_test(processor_time_is_read),
    cmocka_unit_test(caches_are_read), cmocka_unit_test(sensors_are_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
