/* stat_tests: published examples and computations by hand. */
#include "analysis/stat_tests.h"
#include "sim/rng.h"

#include "tests/unit/unit.h"

/* Student 1908, Table: extra hours of sleep of ten patients, second drug minus first. */
static const double sleep_d[] = {1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4};

/* t = 4.0621 (9 degrees), p = 0.002833, 95 %: 0.7001142 to 2.4598858, as printed with this example since. */
static void test_paired_t(void **state)
{
  (void)state;
  assert_near(paired_t_p(sleep_d, 10), 0.002833, 5e-7);
  struct interval i = interval_t(sleep_d, 10, .95);
  assert_near(i.value, 1.58, 1e-12);
  assert_near(i.lo, 0.7001142, 1e-7);
  assert_near(i.hi, 2.4598858, 1e-7);
  assert_true(isnan(paired_t_p(sleep_d, 1)));
  assert_true(paired_t_p((double[]){0, 0, 0}, 3) == 1 && paired_t_p((double[]){2, 2}, 2) == 0);
}

/* Hollander and Wolfe 1973, example 3.1 (depression scale of nine patients): T+ = 40, one-sided p = 10 / 512. */
static void test_wilcoxon_exact(void **state)
{
  (void)state;
  static const double before[] = {1.83, .50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  static const double after[] = {.878, .647, .598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  double d[9], minus[9];
  for (int i = 0; i < 9; i++) {
    d[i] = before[i] - after[i];
    minus[i] = -d[i];
  }
  struct signed_ranks w = wilcoxon(d, 9), m = wilcoxon(minus, 9);
  assert_true(w.w_plus == 40 && w.n == 9 && w.exact && m.w_plus == 5);
  assert_near(w.p, 20.0 / 512, 1e-15);
  assert_near(m.p, w.p, 1e-15);
}

/* By hand: |d| = 1 1 2: ranks 1.5 1.5 3; +1 -1 +2 has W+ = 4.5; sums of the eight subsets: 0 1.5 1.5 3 3 4.5 4.5 6;
 * P(W+ >= 4.5) = 3 / 8. All of one sign, n = 9: 2 / 512. Nothing but zeros: no difference. */
static void test_wilcoxon_ties(void **state)
{
  (void)state;
  struct signed_ranks w = wilcoxon((double[]){1, -1, 2}, 3);
  assert_true(w.w_plus == 4.5);
  assert_near(w.p, .75, 1e-15);
  w = wilcoxon(sleep_d, 10);
  assert_true(w.n == 9 && w.w_plus == 45);
  assert_near(w.p, 2.0 / 512, 1e-15);
  w = wilcoxon((double[]){0, 0}, 2);
  assert_true(w.n == 0 && w.p == 1);
}

/* Sleep: mean 22.5, variance 9 x 10 x 19 / 24 - 6 / 48 = 71.125, z = 22 / 8.43356 = 2.60863, p = 0.009091. */
static void test_wilcoxon_normal(void **state)
{
  (void)state;
  assert_near(wilcoxon_normal_p(sleep_d, 10), 0.009091, 1e-6);
  /* 60 alternating signs of sizes 1..60, the even ones positive: W+ = 930, mean 915, variance 18452.5. */
  double d[60];
  for (int i = 0; i < 60; i++) d[i] = i % 2 ? i + 1 : -(i + 1);
  struct signed_ranks w = wilcoxon(d, 60);
  assert_true(w.w_plus == 930 && !w.exact);
  assert_near(w.p, erfc(14.5 / sqrt(18452.5) / sqrt(2)), 1e-12);
}

/* Uniform under no difference: at 5 %, n = 12, the exact test errs in at most 5 % (and 4.9 sigma) of 4000 tries;
 * planted: a shift of one standard deviation is found in most. */
static void test_wilcoxon_errs_rarely(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(7, 0);
  struct rng r = rng_open(&root, 1, 0, 0);
  int found[2] = {0, 0};
  for (int t = 0; t < 4000; t++) {
    double d[12], shifted[12];
    for (int i = 0; i < 12; i++) {
      d[i] = rng_normal(&r);
      shifted[i] = d[i] + 1;
    }
    found[0] += wilcoxon(d, 12).p <= .05;
    found[1] += wilcoxon(shifted, 12).p <= .05;
  }
  assert_true(found[0] <= 4000 * (.05 + 4.9 * sqrt(.05 * .95 / 4000)) && found[0] > 4000 * .03);
  assert_true(found[1] > 3000);
}

/* p = .01 .04 .03 .005: .005 x 4, .01 x 3, .03 x 2, and .04 x 1 is lifted to .06 (Holm's rejections at 5 %: the first and
 * the last). */
static void test_holm(void **state)
{
  (void)state;
  const double p[] = {.01, .04, NAN, .03, .005}, expected[] = {.03, .06, NAN, .06, .02};
  double adjusted[5];
  holm(p, 5, adjusted);
  for (int i = 0; i < 5; i++) assert_true(isnan(expected[i]) ? isnan(adjusted[i]) : fabs(adjusted[i] - expected[i]) < 1e-15);
  holm((double[]){.6, .7}, 2, adjusted);
  assert_true(adjusted[0] == 1 && adjusted[1] == 1);
}

/* By hand: c = 1 2 3 4 5, y = 2 4 5 4 5: slope .6, y_mean 4, rest 2.4, s^2 = .8. At mu = 4: 4 + .6 = 4.6, variance
 * .8 (1/5 + 1/10) = .24, t(3) = 3.182446; plain variance 1.5 / 5 = .3: ratio 1.25. */
static void test_control(void **state)
{
  (void)state;
  const double c[] = {1, 2, 3, 4, 5}, y[] = {2, 4, 5, 4, 5};
  struct controlled k = control_variate(y, c, 5, 4, .95);
  assert_near(k.slope, .6, 1e-14);
  assert_near(k.interval.value, 4.6, 1e-14);
  assert_near(k.interval.hi - 4.6, 3.18244631 * sqrt(.24), 1e-7);
  assert_near(k.variance_ratio, 1.25, 1e-12);
  k = control_variate(y, (double[]){3, 3, 3, 3, 3}, 5, 3, .95);
  assert_near(k.interval.value, 4, 1e-14);
  assert_true(isnan(k.variance_ratio));
  assert_true(isnan(control_variate(y, c, 3, 4, .95).variance_ratio));
}

/* y = 3 + 2 (c - 5) + noise of a tenth: 2000 intervals of 10 replications hold 3 in 95 % (4.9 sigma), and the variance
 * falls by more than 10. */
static void test_control_covers(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(8, 0);
  struct rng r = rng_open(&root, 1, 0, 0);
  int held = 0, gained = 0;
  for (int t = 0; t < 2000; t++) {
    double c[10], y[10];
    for (int i = 0; i < 10; i++) {
      c[i] = 5 + rng_normal(&r);
      y[i] = 3 + 2 * (c[i] - 5) + .1 * rng_normal(&r);
    }
    struct controlled k = control_variate(y, c, 10, 5, .95);
    held += k.interval.lo <= 3 && 3 <= k.interval.hi;
    gained += k.variance_ratio > 10;
  }
  assert_true(fabs(held / 2000.0 - .95) < 4.9 * sqrt(.05 * .95 / 2000));
  assert_true(gained > 1900);
}

/* .99^n <= .025: n >= 367.04; .95: 71.92; .5: 5.32. The interval itself agrees. */
static void test_order_needs(void **state)
{
  (void)state;
  assert_int_equal(order_needs(.99, .95), 368);
  assert_int_equal(order_needs(.95, .95), 72);
  assert_int_equal(order_needs(.5, .95), 6);
  double x[368];
  for (int i = 0; i < 368; i++) x[i] = i + 1;
  assert_true(interval_order(x, 368, .99, .95).hi == 368 && interval_order(x, 367, .99, .95).hi == INFINITY);
}

/* Means 10 with deviations of 1 about it: t(3, .95) = 3.182446 x sqrt(4/3) / 2 = 1.8374 is 18.4 % of 10. The second
 * policy moves with the first: the difference is 1 +- half of the same deviations' tenth. */
static void test_stopping(void **state)
{
  (void)state;
  const double a[] = {9, 11, 9, 11}, b[] = {10.1, 11.9, 10.1, 11.9}, far[] = {20, 12, 12, 20};
  const double *one[] = {a}, *two[] = {a, b}, *three[] = {a, b, far};
  assert_true(precise_enough(one, 1, 4, .184, -1) && !precise_enough(one, 1, 4, .183, -1));
  /* d = 1.1 .9 1.1 .9: half width .18374, 1.84 % of 10 */
  assert_true(precise_enough(two, 2, 4, .0184, -1) && !precise_enough(two, 2, 4, .0183, -1));
  assert_true(precise_enough(two, 2, 4, .0184, 1) == (.18374 <= .0184 * 11));   /* largest is best: relative to b */
  assert_false(precise_enough(three, 3, 4, .1, -1));
  assert_false(precise_enough(one, 1, 1, .5, -1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_paired_t), cmocka_unit_test(test_wilcoxon_exact), cmocka_unit_test(test_wilcoxon_ties),
    cmocka_unit_test(test_wilcoxon_normal), cmocka_unit_test(test_wilcoxon_errs_rarely), cmocka_unit_test(test_holm),
    cmocka_unit_test(test_control), cmocka_unit_test(test_control_covers), cmocka_unit_test(test_order_needs),
    cmocka_unit_test(test_stopping),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
