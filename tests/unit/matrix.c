/* matrix: verdicts by Wilson's interval, and what tells two kinds of cases apart; by hand, by enumeration, planted. */
#include "analysis/matrix.h"
#include "sim/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Upper bound of 0 of n: z^2 / (n + z^2), z = 1.95996: 0.1009 at 34... below 0.1 from n = 35 on. */
static void test_verdicts(void **state)
{
  (void)state;
  assert_int_equal(matrix_judge(0, 34), MATRIX_CONDITIONAL);
  assert_int_equal(matrix_judge(0, 35), MATRIX_LOCAL);
  assert_int_equal(matrix_judge(35, 35), MATRIX_PRIME);
  assert_int_equal(matrix_judge(34, 34), MATRIX_CONDITIONAL);
  assert_int_equal(matrix_judge(500, 1000), MATRIX_CONDITIONAL);
  assert_int_equal(matrix_judge(900, 1000), MATRIX_CONDITIONAL);
  assert_int_equal(matrix_judge(930, 1000), MATRIX_PRIME);
}

static void test_apart_without_error(void **state)
{
  (void)state;
  double x[] = {5, 1, 3, 4, 2, NAN};
  bool sooner[] = {true, false, false, true, false, true};
  struct matrix_cue cue = matrix_cue(x, sooner, 6);
  assert_true(cue.auc == 1 && cue.from == 3 && cue.above);
  for (int i = 0; i < 6; i++) sooner[i] = !sooner[i];
  cue = matrix_cue(x, sooner, 6);
  assert_true(cue.auc == 0 && cue.from == 3 && !cue.above);
}

/* All pairs counted, ties half. */
static double auc_by_pairs(const double *x, const bool *sooner, int n)
{
  double wins = 0, pairs = 0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      if (sooner[i] && !sooner[j]) { pairs++; wins += x[i] > x[j] ? 1 : x[i] == x[j] ? .5 : 0; }
  return wins / pairs;
}

static void test_auc_is_that_of_all_pairs(void **state)
{
  (void)state;
  enum { N = 200 };
  double x[N];
  bool sooner[N];
  struct rng_root root = rng_root_make(3, 0);
  struct rng draw = rng_open(&root, 1, 0, 0);
  for (int i = 0; i < N; i++) {
    x[i] = floor(10 * rng_uniform(&draw));              /* many ties */
    sooner[i] = rng_uniform(&draw) < .2 + .05 * x[i];
  }
  struct matrix_cue cue = matrix_cue(x, sooner, N);
  assert_true(fabs(cue.auc - auc_by_pairs(x, sooner, N)) < 1e-12);
  assert_true(cue.above && cue.auc - .5 > 4 * cue.error);
}

/* Chance is within 4 standard errors (a false alarm once in 16000; the seed is fixed). */
static void test_chance_tells_nothing(void **state)
{
  (void)state;
  enum { N = 1000 };
  static double x[N];
  static bool sooner[N], one_kind[N];
  struct rng_root root = rng_root_make(4, 0);
  struct rng draw = rng_open(&root, 1, 0, 0);
  for (int i = 0; i < N; i++) { x[i] = rng_uniform(&draw); sooner[i] = rng_uniform(&draw) < .3; }
  struct matrix_cue cue = matrix_cue(x, sooner, N);
  assert_true(fabs(cue.auc - .5) < 4 * cue.error);
  assert_true(isnan(matrix_cue(x, one_kind, N).auc));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_verdicts), cmocka_unit_test(test_apart_without_error),
    cmocka_unit_test(test_auc_is_that_of_all_pairs), cmocka_unit_test(test_chance_tells_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
