/* Runs too short: worked examples, AR(1) against its closed form, and each reason to say so. */
#include "tests/unit/unit.h"
#include "sim/rng.h"
#include "sim/trust.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 200000 };

static struct rng stream(uint64_t k)
{
  struct rng_root root = rng_root_make(5, k);
  return rng_open(&root, 1, 0, 0);
}

static double *autoregressive(double a, size_t n)
{
  double *x = malloc(n * sizeof *x), last = 0;
  struct rng r = stream(1);
  assert_non_null(x);
  for (size_t i = 0; i < n; i++)
    last = x[i] = a * last + rng_normal(&r);
  return x;
}

static void says(struct trust t, const char *why)
{
  assert_true(t.too_short == (why != NULL));
  if (why)
    assert_string_equal(t.why, why);
  else
    assert_null(t.why);
}

/* 64 batches of two, means 1 and -1 in turn: tau = 2 (64 / 63) / (128 / 127) = 127 / 63. */
static void test_by_hand(void **state)
{
  (void)state;
  double x[128];
  for (int i = 0; i < 128; i++)
    x[i] = i / 2 % 2 ? -1 : 1;
  struct trust t = trust_run(x, 128, false);
  assert_near(t.tau, 127. / 63, 1e-12);
  assert_near(t.effective_n, 128 * 63. / 127, 1e-9);
  says(t, "too few effective observations");
  says(trust_run(x, 127, false), "too few observations");
  for (int i = 0; i < 128; i++)                         /* every batch has mean 0: better than independent */
    x[i] = i % 2 ? -1 : 1;
  says(trust_run(x, 128, false), NULL);
  says(trust_run(x, 128, true), "start-up longer than half of the run");
}

static void test_constant(void **state)
{
  (void)state;
  double x[1000];
  for (int i = 0; i < 1000; i++)
    x[i] = 3;
  struct trust t = trust_run(x, 1000, false);
  says(t, NULL);
  assert_near(t.effective_n, 1000, 1e-9);
}

/* tau = (1 + a) / (1 - a). The estimate from 64 batches has a standard error of sqrt(2 / 63) = 18 %. */
static void test_autoregressive(void **state)
{
  (void)state;
  const double a[] = {0, 0.5, 0.9};
  for (int k = 0; k < 3; k++) {
    double *x = autoregressive(a[k], LONGEST), tau = (1 + a[k]) / (1 - a[k]);
    struct trust t = trust_run(x, LONGEST, false);
    assert_true(fabs(t.tau / tau - 1) < 4.9 * 0.18);
    says(t, NULL);
    free(x);
  }
  double *x = autoregressive(0.999, LONGEST);           /* planted: 100 effective observations */
  says(trust_run(x, LONGEST, false), "too few effective observations");
  free(x);
}

static void test_quantile(void **state)
{
  (void)state;
  double *x = autoregressive(0, 10000);
  says(trust_run_quantile(x, 10000, 0.95, false), NULL);
  says(trust_run_quantile(x, 10000, 0.999, false), "too few effective observations beyond the quantile");
  free(x);
}

/* Replication k is k throughout: pieces 8 S / 79 over values 80 S / 799, with S = sum of (k - mean)^2. */
static void test_pool_by_hand(void **state)
{
  (void)state;
  struct trust_pool p = {0};
  double x[80];
  for (int k = 0; k < 10; k++) {
    for (int i = 0; i < 80; i++)
      x[i] = k;
    trust_pool_add(&p, x, 80);
  }
  struct trust t = trust_replications(&p, 0);
  assert_near(t.tau, 799. / 79, 1e-9);
  assert_near(t.effective_n, 800 * 79. / 799, 1e-9);
  says(t, "too few effective observations");
  struct trust_pool tiny = {0};
  trust_pool_add(&tiny, x, 7);
  trust_pool_add(&tiny, x, 7);
  says(trust_replications(&tiny, 0), "too few observations in a replication");
}

/* tau is 100 values, a replication 800: too short for 2000 of them, for 50 only too few. */
static void test_start_up(void **state)
{
  (void)state;
  struct trust_pool p = {0};
  double x[800];
  for (int i = 0; i < 800; i++)
    x[i] = i / 100 % 2;
  for (int k = 0; k < 2000; k++) {
    trust_pool_add(&p, x, 800);
    if (k == 49)
      says(trust_replications(&p, 0), "too few effective observations");
  }
  says(trust_replications(&p, 0), "replications too short for so many");
  struct trust_pool independent = {0};
  struct rng r = stream(2);
  for (int k = 0; k < 10; k++) {
    for (int i = 0; i < 800; i++)
      x[i] = rng_exponential(&r);
    trust_pool_add(&independent, x, 800);
  }
  says(trust_replications(&independent, 0.95), NULL);
  says(trust_replications(&independent, 0.999), "too few effective observations beyond the quantile");
}

static struct trust_queue queue_at(double rho, double served, uint64_t runs)
{
  return (struct trust_queue){rho, served, runs, 1, 1, 1};
}

/* M/M/1 at .8: 3.952 / .048 = 82.333 of waiting, which has 24 of the variance 25. Erlang: two servers at a load of one
 * wait with C = 1/3, m = 1: variance 5/9; waiting tau at .5: 3.625 / .375. Nobody waits: independent. */
static void test_queue_tau(void **state)
{
  (void)state;
  struct trust_queue q = queue_at(0.8, 1e5, 1);
  assert_near(trust_queue_tau(&q), 0.96 * 3.952 / 0.048 + 0.04, 1e-9);
  q.arrival_variation = 0;                              /* D/M/1 as if half as variable: m = 2.5, variance 6; tau 41.2 */
  assert_near(trust_queue_tau(&q), 6. / 7 * 0.5 * 3.952 / 0.048 + 1. / 7, 1e-9);
  struct trust_queue two = {0.5, 1e5, 1, 2, 1, 1};
  assert_near(trust_queue_tau(&two), 5. / 14 * 3.625 / 0.375 + 9. / 14, 1e-9);
  struct trust_queue idle = queue_at(0, 1e5, 1);
  assert_near(trust_queue_tau(&idle), 1, 1e-12);
}

static void test_queue_is_short(void **state)
{
  (void)state;
  struct trust_queue q = queue_at(0.8, 33500, 1);       /* 79.08 x 420 = 33214 */
  says(trust_queue(&q, 0), NULL);
  says(trust_queue(&q, 0.99), "too few effective observations beyond the quantile");
  q = queue_at(0.8, 33000, 1);
  says(trust_queue(&q, 0), "too few effective observations at this utilization");
  q = queue_at(0.8, 100 * 3e4, 100);                    /* 100 x 79 / 30000 = .26 */
  says(trust_queue(&q, 0), NULL);
  q = queue_at(0.8, 100 * 4e3, 100);                    /* 1.98 */
  says(trust_queue(&q, 0), "replications too short for so many");
  q = queue_at(0.995, 1e12, 2);
  says(trust_queue(&q, 0), "a place is busy all the time");
  q = queue_at(NAN, 1e12, 2);
  says(trust_queue(&q, 0), "a place is busy all the time");
}

static void test_both(void **state)
{
  (void)state;
  struct trust fine = {.effective_n = 900, .tau = 2}, bad = {.too_short = true, .effective_n = 90, .tau = 9, .why = "w"};
  struct trust t = trust_both(fine, bad), u = trust_both(bad, fine);
  says(t, "w");
  says(u, "w");
  assert_true(t.effective_n == 90 && u.tau == 9);
  says(trust_both(fine, fine), NULL);
}

/* Batch means that lie evenly have no skewness: the plain overlapping interval. A heavy right end makes it longer. */
static void test_interval_steady(void **state)
{
  (void)state;
  double x[160];
  for (int i = 0; i < 160; i++)
    x[i] = i;
  struct interval plain = interval_overlapping_batch_means(x, 160, 10, 0.95), i = interval_steady(x, 160, 0.95);
  assert_near(i.lo, plain.lo, 1e-9);
  assert_near(i.hi, plain.hi, 1e-9);
  memset(x, 0, sizeof x);
  for (int k = 0; k < 10; k++)
    x[k + 70] = 100;
  i = interval_steady(x, 160, 0.95);
  assert_true(i.hi - i.value > 1.2 * (i.value - i.lo));
  assert_true(isnan(interval_steady(x, 31, 0.95).hi));
  memset(x, 0, sizeof x);
  i = interval_steady(x, 160, 0.95);
  assert_true(i.lo == 0 && i.hi == 0);
}

/* 2000 intervals of the median of independent exponentials, ln 2; 4.9 deviations: false alarm 1e-6. */
static void test_interval_quantile(void **state)
{
  (void)state;
  enum { TRIALS = 2000, LENGTH = 1600 };
  int held = 0, off = 0;
  double x[LENGTH];
  struct rng r = stream(3);
  for (int t = 0; t < TRIALS; t++) {
    for (int k = 0; k < LENGTH; k++)
      x[k] = rng_exponential(&r);
    struct interval i = interval_steady_quantile(x, LENGTH, 0.5, 0.95);
    held += i.lo <= log(2) && log(2) <= i.hi;
    off += i.lo <= 1.08 * log(2) && 1.08 * log(2) <= i.hi;
  }
  double noise = 4.9 * sqrt(0.95 * 0.05 / TRIALS);
  assert_true((double)held / TRIALS > 0.945 - noise && (double)held / TRIALS < 0.955 + noise);
  assert_true((double)off / TRIALS < 0.9);              /* planted: another quantile is seen */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_by_hand), cmocka_unit_test(test_constant), cmocka_unit_test(test_autoregressive),
    cmocka_unit_test(test_quantile), cmocka_unit_test(test_pool_by_hand), cmocka_unit_test(test_start_up),
    cmocka_unit_test(test_queue_tau), cmocka_unit_test(test_queue_is_short), cmocka_unit_test(test_both),
    cmocka_unit_test(test_interval_steady), cmocka_unit_test(test_interval_quantile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
