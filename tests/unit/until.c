/* Sequential stopping: rounds by hand, and how often the interval at which it stops holds the truth. */
#include "tests/unit/unit.h"
#include "experiments/until.h"
#include "sim/rng.h"
#include "sim/stat.h"
#include <math.h>
#include <stdlib.h>

enum { TRIALS = 4000, MOST = 1000 };

static void test_rounds(void **state)
{
  (void)state;
  const uint64_t want[] = {30, 45, 67, 100, 150, 225};
  uint64_t n = 0;
  for (int i = 0; i < 6; i++) {
    n = until_next(n, MOST);
    assert_int_equal(n, want[i]);
  }
  assert_int_equal(until_next(0, 8), 8);                /* never more than the file allows */
  assert_int_equal(until_next(45, 50), 50);
}

static double half_width_of(double needed)
{
  return 1.96 / sqrt(needed);
}

/* Share of intervals that hold the truth; values of mean 1 and standard deviation `sd`, relative half-width for which
 * `needed` of them suffice. Shape 0: normal, else gamma. */
static double coverage(double needed, int shape, uint64_t (*next)(uint64_t, uint64_t), uint64_t stream)
{
  struct rng_root root = rng_root_make(9, stream);
  struct rng r = rng_open(&root, 1, 0, 0);
  double *x = malloc(MOST * sizeof *x), sd = 0.2;
  int held = 0;
  assert_non_null(x);
  for (int t = 0; t < TRIALS; t++) {
    size_t n = 0;
    do
      for (size_t to = next(n, MOST); n < to; n++) {
        double z = shape ? -shape : rng_normal(&r);
        for (int k = 0; k < shape; k++)
          z += rng_exponential(&r);
        x[n] = 1 + sd * (shape ? z / sqrt(shape) : z);
      }
    while (n < MOST && !until_precise(&x, 1, n, "latency_mean_s", sd * half_width_of(needed)));
    struct interval i = interval_t(x, n, 0.95);
    held += i.lo <= 1 && 1 <= i.hi;
  }
  free(x);
  return (double)held / TRIALS;
}

static uint64_t one_more_from_five(uint64_t n, uint64_t most)
{
  return n ? n + (n < most) : 5;
}

/* Normal values, and a gamma of shape 16, as skewed as means of a few hundred requests: 94 %, less 4.9 standard errors of
 * 4000 trials (false alarm 1e-6 each). Planted: a look after each value from the fifth on, shape 4: below 90 %. */
static void test_coverage(void **state)
{
  (void)state;
  const double needed[] = {5, 40, 75};
  double noise = 4.9 * sqrt(0.94 * 0.06 / TRIALS);
  for (int k = 0; k < 3; k++) {
    assert_true(coverage(needed[k], 0, until_next, (uint64_t)k) > 0.94 - noise);
    assert_true(coverage(needed[k], 16, until_next, 10 + (uint64_t)k) > 0.94 - noise);
  }
  assert_true(coverage(25, 4, one_more_from_five, 20) < 0.94 - noise);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds), cmocka_unit_test(test_coverage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
