/* Running statistics, quantiles and intervals against worked examples, tables and repeated sampling. */
#include "sim/rng.h"
#include "sim/stat.h"
#include "tests/unit/unit.h"

#include <gsl/gsl_cdf.h>

static struct rng stream(uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  return rng_open(&root, 1, 0, 0);
}

/* ---- moments and levels ---------------------------------------------------------------------------------------- */

static const double worked[] = {2, 4, 4, 4, 5, 5, 7, 9};       /* mean 5, squares 32 */

static void test_moments(void **state)
{
  (void)state;
  struct moments all = {0}, left = {0}, right = {0}, none = {0};
  assert_true(isnan(moments_variance(&all)));
  for (int i = 0; i < 8; i++) {
    moments_add(&all, worked[i]);
    moments_add(i < 3 ? &left : &right, worked[i]);
  }
  assert_near(all.mean, 5, 1e-15);
  assert_near(moments_variance(&all), 32.0 / 7, 1e-15);
  assert_near(moments_sd(&all), sqrt(32.0 / 7), 1e-15);
  assert_true(all.min == 2 && all.max == 9 && all.n == 8);
  moments_merge(&left, &right);
  moments_merge(&left, &none);
  moments_merge(&none, &left);
  assert_near(none.mean, 5, 1e-15);
  assert_near(none.m2, 32, 1e-15);
  assert_true(none.min == 2 && none.max == 9 && none.n == 8);
}

/* 10^9 + {4, 7, 13, 16}: a sum of squares would lose the variance of 30. */
static void test_moments_keep_small_variance(void **state)
{
  (void)state;
  struct moments m = {0};
  for (int i = 0; i < 4; i++)
    moments_add(&m, 1e9 + (double[]){4, 7, 13, 16}[i]);
  assert_near(moments_variance(&m), 30, 1e-12);
}

static void test_level(void **state)
{
  (void)state;
  struct level l;
  level_start(&l, 100, 2);
  level_set(&l, 200, 5);
  level_set(&l, 300, 1);
  assert_true(l.max == 5);
  assert_near(level_area_s(&l, 400), (200 + 500 + 100) / 1e9, 1e-15);
  assert_near(level_mean(&l, 400), 800.0 / 300, 1e-15);
  level_start(&l, 400, l.value);
  assert_near(level_mean(&l, 400), 1, 1e-15);
  assert_near(level_mean(&l, 500), 1, 1e-15);
  level_start(&l, 0, INT64_C(1) << 40);                        /* area 2^102: beyond 64 bits, still exact */
  level_set(&l, INT64_C(1) << 62, 0);
  assert_true(level_mean(&l, INT64_C(1) << 62) == 0x1p40);
}

/* ---- quantiles ------------------------------------------------------------------------------------------------- */

static void test_quantiles_exact(void **state)
{
  (void)state;
  struct quantiles *q = quantiles_new();
  assert_true(isnan(quantile_of(q, 0.5)));
  for (int i = 20; i >= 1; i--)
    quantiles_add(q, i);
  assert_true(quantile_of(q, 0) == 1 && quantile_of(q, 1) == 20);
  assert_true(quantile_of(q, 0.5) == 10);
  assert_true(quantile_of(q, 0.95) == 19);             /* 0.95 * 20 is 19, not a little more */
  assert_true(quantile_of(q, 0.951) == 20);
  quantiles_add(q, INFINITY);
  quantiles_add(q, -INFINITY);
  assert_true(quantile_of(q, 1) == INFINITY && quantile_of(q, 0) == -INFINITY && quantile_of(q, 0.5) == 10);
  assert_true(quantiles_exact(q) && quantiles_n(q) == 22);
  quantiles_free(q);
}

/* Over 14 decades: the sketch's answers against the exact order statistics of the same numbers. */
enum { MANY = 10000001 };

static double wide_value(struct rng *r)
{
  double u = rng_uniform(r);
  return u < 0.001 ? 0 : u < 0.002 ? INFINITY : (u < 0.1 ? -1 : 1) * exp(32 * rng_uniform(r) - 16);
}

/* 0 .. n - 1 and their negatives in a jumbled order: a rank alone, before and after all are sorted. */
static void test_quantiles_many(void **state)
{
  enum { N = 300007 };                                  /* prime: steps of 7919 meet every number once */
  struct quantiles *q = quantiles_new();
  for (uint64_t i = 0; i < N; i++)
    quantiles_add(q, (i & 1 ? 1 : -1) * (double)(i * 7919 % N));
  double *x = malloc(N * sizeof *x);
  for (uint64_t i = 0; i < N; i++)
    x[i] = (i & 1 ? 1 : -1) * (double)(i * 7919 % N);
  qsort(x, N, sizeof *x, unit_compare_doubles);
  for (int k = 0; k < 2; k++) {
    for (int p = 1; p <= 100; p += 9)
      assert_true(quantile_of(q, p / 100.0) == x[(p * (uint64_t)N + 99) / 100 - 1]);
    size_t size;
    free(quantiles_save(q, &size));                     /* sorts */
  }
  free(x);
  quantiles_free(q);
}

/* Ranks among values that grow between the questions, with a sort of some of them between: n - 1 .. 0. */
static void test_quantiles_growing(void **state)
{
  enum { N = 300007, STEP = 60000 };
  struct quantiles *q = quantiles_new();
  for (uint64_t i = 0; i < N; i++) {
    quantiles_add(q, (double)(N - 1 - i));
    if ((i + 1) % STEP && i + 1 < N) continue;
    uint64_t least = N - 1 - i;
    for (int p = 1; p <= 100; p += 33)
      assert_true(quantile_of(q, p / 100.0) == (double)(least + (p * (i + 1) + 99) / 100 - 1));
    size_t size;
    if ((i + 1) / STEP == 4) {                          /* some more that nobody has counted, then a sort */
      for (int more = 0; more < 7; more++) quantiles_add(q, (double)(N - 1 - ++i));
      free(quantiles_save(q, &size));
    }
  }
  quantiles_free(q);
}

static void test_quantiles_sketch(void **state)
{
  (void)state;
  struct rng r = stream(1);
  struct quantiles *q = quantiles_new();
  double *x = malloc(MANY * sizeof *x);
  for (size_t i = 0; i < MANY; i++) {
    x[i] = wide_value(&r);
    assert_true(quantiles_exact(q));
    quantiles_add(q, x[i]);
  }
  assert_false(quantiles_exact(q));
  qsort(x, MANY, sizeof *x, unit_compare_doubles);
  double worst = 0;
  for (double p = 0.0001; p <= 1; p += 0.00097) {
    double exact = x[(size_t)ceil(p * MANY) - 1], got = quantile_of(q, p);
    if (!isfinite(exact) || exact == 0)
      assert_true(got == exact);
    else
      worst = fmax(worst, fabs(got / exact - 1));
  }
  assert_true(worst <= 0.001 && worst > 0.0005);        /* the bound is kept, and is not idle */
  quantiles_free(q);
  free(x);
}

static struct quantiles *part(uint64_t seed, size_t n)
{
  struct rng r = stream(seed);
  struct quantiles *q = quantiles_new();
  for (size_t i = 0; i < n; i++)
    quantiles_add(q, wide_value(&r));
  return q;
}

static void assert_same_bytes(struct quantiles *a, struct quantiles *b)
{
  size_t size_a, size_b;
  void *x = quantiles_save(a, &size_a), *y = quantiles_save(b, &size_b);
  assert_int_equal(size_a, size_b);
  assert_memory_equal(x, y, size_a);
  free(x);
  free(y);
}

static struct quantiles *merged(struct quantiles *const *parts, const int *order)
{
  struct quantiles *q = quantiles_new();
  for (int i = 0; i < 3; i++)
    quantiles_merge(q, parts[order[i]]);
  return q;
}

/* Three parts, merged in each order, and once as a tree: the same bytes. Small ones stay exact; with 10^7 values in
 * the parts together the sum is a sketch, although each part is exact. */
static void check_merge_order(size_t n)
{
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  struct quantiles *parts[] = {part(2, n), part(3, n / 2), part(4, n / 3)}, *first = merged(parts, orders[0]);
  assert_int_equal(quantiles_n(first), n + n / 2 + n / 3);
  for (int i = 1; i < 6; i++) {
    struct quantiles *q = merged(parts, orders[i]);
    assert_same_bytes(q, first);
    quantiles_free(q);
  }
  quantiles_merge(parts[1], parts[2]);
  quantiles_merge(parts[0], parts[1]);
  assert_same_bytes(parts[0], first);
  quantiles_free(first);
  for (int i = 0; i < 3; i++)
    quantiles_free(parts[i]);
}

static void test_quantiles_merge(void **state)
{
  (void)state;
  check_merge_order(3000);
  check_merge_order(5500000);
}

static void check_bytes(struct quantiles *q)
{
  size_t size;
  char *bytes = quantiles_save(q, &size);
  struct quantiles *again = quantiles_load(bytes, size);
  assert_non_null(again);
  assert_same_bytes(q, again);
  assert_true(quantile_of(q, 0.3) == quantile_of(again, 0.3));
  quantiles_free(again);
  for (size_t i = 0; i < size; i += 1 + size / 50) {    /* any flipped bit is seen */
    bytes[i] ^= 4;
    assert_null(quantiles_load(bytes, size));
    bytes[i] ^= 4;
  }
  assert_null(quantiles_load(bytes, size - 1));
  assert_null(quantiles_load(bytes, 3));
  free(bytes);
  quantiles_free(q);
}

static void test_quantiles_bytes(void **state)
{
  (void)state;
  check_bytes(part(5, 1000));
  check_bytes(part(6, MANY));
  struct quantiles *empty = quantiles_new();
  size_t size;
  void *bytes = quantiles_save(empty, &size);
  struct quantiles *again = quantiles_load(bytes, size);
  assert_int_equal(quantiles_n(again), 0);
  quantiles_add(again, 3);
  assert_true(quantile_of(again, 0.5) == 3);
  quantiles_free(again);
  quantiles_free(empty);
  free(bytes);
}

/* ---- intervals ------------------------------------------------------------------------------------------------- */

/* Printed tables of Student's t (two-sided). */
static void test_student(void **state)
{
  (void)state;
  static const struct { double degrees, confidence, t; } table[] = {
    {1, 0.95, 12.7062}, {2, 0.95, 4.30265}, {4, 0.95, 2.77645}, {9, 0.95, 2.26216}, {9, 0.99, 3.24984},
    {19, 0.90, 1.72913}, {29, 0.95, 2.04523}, {120, 0.95, 1.97993}, {9, 0.999, 4.78091}, {1e9, 0.95, 1.95996},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
    assert_near(student_t(table[i].degrees, table[i].confidence), table[i].t, 4e-6);
  assert_near(student_t(9, 0.95), 2.262157, 3e-7);
}

static void test_interval_t(void **state)
{
  (void)state;
  struct interval i = interval_t(worked, 8, 0.95);      /* t(7) = 2.364624 */
  double half = 2.36462425 * sqrt(32.0 / 7) / sqrt(8);
  assert_near(i.value, 5, 1e-15);
  assert_near(i.hi - i.value, half, 1e-8);
  assert_near(i.value - i.lo, half, 1e-8);
  assert_true(i.n == 8 && strcmp(i.method, "t") == 0);
  i = interval_t(worked, 1, 0.95);
  assert_true(i.value == 2 && isnan(i.lo) && isnan(i.hi));
  i = interval_t(worked, 0, 0.95);
  assert_true(isnan(i.value));
}

/* Differences 1, 2, 3: mean 2, sd 1, t(2) = 4.302653. */
static void test_interval_paired(void **state)
{
  (void)state;
  struct interval i = interval_paired_t((double[]){101, 52, 13}, (double[]){100, 50, 10}, 3, 0.95);
  assert_near(i.value, 2, 1e-15);
  assert_near(i.lo, 2 - 4.30265273 / sqrt(3), 1e-8);
}

/* 8 of 10: (8 + z^2/2 -+ z sqrt(1.6 + z^2/4)) / (10 + z^2). */
static void test_interval_wilson(void **state)
{
  (void)state;
  struct interval i = interval_wilson(8, 10, 0.95);
  double z = 1.9599639845400545;
  assert_near(i.lo, (8 + z * z / 2 - z * sqrt(1.6 + z * z / 4)) / (10 + z * z), 1e-12);
  assert_near(i.hi, (8 + z * z / 2 + z * sqrt(1.6 + z * z / 4)) / (10 + z * z), 1e-12);
  assert_near(i.lo, 0.490162, 1e-6);
  i = interval_wilson(0, 20, 0.95);
  assert_true(i.lo == 0 && i.value == 0);
  assert_near(i.hi, z * z / (20 + z * z), 1e-12);
  i = interval_wilson(20, 20, 0.95);
  assert_true(i.hi == 1);
  i = interval_wilson(0, 0, 0.95);
  assert_true(isnan(i.value) && i.lo == 0 && i.hi == 1);
}

/* 1..8 in 4 batches of 2: means 1.5, 3.5, 5.5, 7.5, sd sqrt(20/3), t(3) = 3.182446. A ninth value in front is left out. */
static void test_interval_batch_means(void **state)
{
  (void)state;
  const double x[] = {100, 1, 2, 3, 4, 5, 6, 7, 8};
  double half = 3.18244631 * sqrt(20.0 / 3) / 2;
  for (int front = 0; front < 2; front++) {
    struct interval i = interval_batch_means(x + 1 - front, 8 + front, 4, 0.95);
    assert_near(i.value, 4.5, 1e-15);
    assert_near(i.hi, 4.5 + half, 1e-8);
  }
}

/* 1, 2, 3, 4 with b = 2: M = 1.5, 2.5, 3.5; sum of squares 2; 2 * 2 / (3 * 2) = 2/3; 1.5 (4/2 - 1) = 1.5 degrees. */
static void test_interval_overlapping(void **state)
{
  (void)state;
  struct interval i = interval_overlapping_batch_means((double[]){1, 2, 3, 4}, 4, 2, 0.95);
  assert_near(i.value, 2.5, 1e-15);
  assert_near(i.hi - 2.5, gsl_cdf_tdist_Pinv(0.975, 1.5) * sqrt(2.0 / 3), 1e-9);
  i = interval_overlapping_batch_means((double[]){1, 2, 3}, 3, 2, 0.95);
  assert_true(isnan(i.lo));
}

/* The table of David and Nagaraja for the median: n = 100 -> (40, 61), n = 10 -> (2, 9); n = 5 reaches no 95 %. */
static void test_interval_order(void **state)
{
  (void)state;
  double x[100];
  for (int i = 0; i < 100; i++)
    x[i] = i + 1;
  struct interval i = interval_order(x, 100, 0.5, 0.95);
  assert_true(i.value == 50 && i.lo == 40 && i.hi == 61);
  i = interval_order(x, 10, 0.5, 0.95);
  assert_true(i.lo == 2 && i.hi == 9);
  i = interval_order(x, 5, 0.5, 0.95);
  assert_true(i.lo == -INFINITY && i.hi == INFINITY && i.value == 3);
  i = interval_order(x, 100, 0.99, 0.95);
  assert_true(i.hi == INFINITY && i.value == 99);
}

/* ---- coverage: of many repetitions, how many intervals hold the truth ------------------------------------------ */

enum { TRIALS = 4000, LENGTH = 400 };

typedef struct interval interval_fn(double *x);

static struct interval of_batches(double *x)
{
  return interval_batch_means(x, LENGTH, 20, 0.9);
}

static struct interval of_overlapping(double *x)
{
  return interval_overlapping_batch_means(x, LENGTH, 20, 0.9);
}

static struct interval of_order(double *x)
{
  qsort(x, LENGTH, sizeof *x, unit_compare_doubles);
  return interval_order(x, LENGTH, 0.9, 0.9);
}

/* Share of intervals that hold `truth` for unit exponentials. */
static double coverage(interval_fn *of, double truth)
{
  int held = 0;
  double x[LENGTH];
  struct rng r = stream(11);
  for (int t = 0; t < TRIALS; t++) {
    for (int k = 0; k < LENGTH; k++)
      x[k] = rng_exponential(&r);
    struct interval i = of(x);
    held += i.lo <= truth && truth <= i.hi;
  }
  return (double)held / TRIALS;
}

static void test_coverage(void **state)
{
  (void)state;
  double noise = 4.9 * sqrt(0.9 * 0.1 / TRIALS);
  assert_true(fabs(coverage(of_batches, 1) - 0.9) < noise);
  assert_true(fabs(coverage(of_overlapping, 1) - 0.9) < noise);
  double order = coverage(of_order, log(10));
  assert_true(order > 0.9 - noise && order < 0.93 + noise);     /* ranks are whole: it may hold a little more */
  assert_true(coverage(of_batches, 1.03) < 0.9 - noise);        /* planted: a biased truth is seen */
}

/* ---- MSER-5 ---------------------------------------------------------------------------------------------------- */

/* By hand: 10 values of 10, then 40 that alternate 0 and 1. Group means: 10, 10, then .4 .6 .4 .6 ... With both groups
 * gone the sum of squares is 8 * .01 over 8^2 = .00125; with one or none it is above 80 / 81. */
static void test_mser(void **state)
{
  (void)state;
  double x[50];
  bool late;
  for (int i = 0; i < 50; i++)
    x[i] = i < 10 ? 10 : i % 2;
  assert_int_equal(mser5(x, 50, &late), 10);
  assert_false(late);
  for (int i = 0; i < 50; i++)
    x[i] = i % 2;
  assert_int_equal(mser5(x, 50, &late), 0);
  for (int i = 0; i < 50; i++)                          /* at the half it is still in time */
    x[i] = i < 25 ? 100 - i : i % 2;
  assert_int_equal(mser5(x, 50, &late), 25);
  assert_false(late);
  assert_int_equal(mser5(x, 10, &late), 0);
  assert_int_equal(mser5(x, 0, &late), 0);
}

static void test_mser_late(void **state)
{
  (void)state;
  double x[100];
  bool late;
  for (int i = 0; i < 100; i++)
    x[i] = i < 70 ? 100 - i : i % 2;
  assert_int_equal(mser5(x, 100, &late), 50);
  assert_true(late);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_moments), cmocka_unit_test(test_moments_keep_small_variance), cmocka_unit_test(test_level),
    cmocka_unit_test(test_quantiles_exact), cmocka_unit_test(test_quantiles_many), cmocka_unit_test(test_quantiles_growing),
    cmocka_unit_test(test_quantiles_sketch),
    cmocka_unit_test(test_quantiles_merge), cmocka_unit_test(test_quantiles_bytes), cmocka_unit_test(test_student),
    cmocka_unit_test(test_interval_t), cmocka_unit_test(test_interval_paired), cmocka_unit_test(test_interval_wilson),
    cmocka_unit_test(test_interval_batch_means), cmocka_unit_test(test_interval_overlapping),
    cmocka_unit_test(test_interval_order), cmocka_unit_test(test_coverage), cmocka_unit_test(test_mser),
    cmocka_unit_test(test_mser_late),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
