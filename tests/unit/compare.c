/* compare: paired differences and verdicts against formulas. */
#include "analysis/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* d = {1, 2, 3}: mean 2, s = 1, t(2, .975) = 4.302653, half width 4.302653 / sqrt(3) = 2.484138. */
static void paired_interval(void **state) {
  const double a[] = {11, 22, 33}, b[] = {10, 20, 30};
  const uint64_t r[] = {0, 1, 2};
  double ratio;
  struct interval i = compare_paired(a, r, 3, b, r, 3, .95, &ratio);
  assert_float_equal(i.value, 2, 1e-12);
  assert_float_equal(i.lo, 2 - 2.484138, 1e-5);
  assert_float_equal(i.hi, 2 + 2.484138, 1e-5);
  assert_int_equal(i.n, 3);
  assert_string_equal(i.method, "paired-t");
  /* Var a = 121, Var b = 100, Var d = 1. */
  assert_float_equal(ratio, 221, 1e-9);
}

/* Only replications that both have, in whatever order; here 7 and 9 with differences 1 and 3. */
static void pairs_by_replication(void **state) {
  const double a[] = {5, 100, 8}, b[] = {5, 4, 50};
  const uint64_t ra[] = {7, 1, 9}, rb[] = {9, 7, 3};
  struct interval i = compare_paired(a, ra, 3, b, rb, 3, .95, NULL);
  assert_int_equal(i.n, 2);
  assert_float_equal(i.value, 2, 1e-12);
}

static void infinite_values(void **state) {
  const double a[] = {INFINITY, INFINITY}, b[] = {1, 2}, mixed[] = {INFINITY, 3};
  const uint64_t r[] = {0, 1};
  struct interval i = compare_paired(a, r, 2, b, r, 2, .95, NULL);
  assert_true(isinf(i.value) && i.value > 0);
  assert_int_equal(compare_verdict(i, .02, -1), VERDICT_WORSE);
  assert_int_equal(compare_verdict(i, .02, 1), VERDICT_BETTER);
  i = compare_paired(mixed, r, 2, b, r, 2, .95, NULL);
  assert_int_equal(compare_verdict(i, .02, -1), VERDICT_UNDECIDED);
  i = compare_paired(b, r, 1, b, r, 1, .95, NULL);
  assert_int_equal(i.n, 1);
  assert_true(isnan(i.lo));
}

static enum verdict verdict(double lo, double hi, int better) {
  return compare_verdict((struct interval){(lo + hi) / 2, lo, hi, 10, "paired-t"}, 1, better);
}

static void verdicts(void **state) {
  assert_int_equal(verdict(-.5, .5, -1), VERDICT_EQUIVALENT);
  assert_int_equal(verdict(1.5, 3, -1), VERDICT_WORSE);
  assert_int_equal(verdict(1.5, 3, 1), VERDICT_BETTER);
  assert_int_equal(verdict(-3, -1.5, -1), VERDICT_BETTER);
  assert_int_equal(verdict(-3, -1.5, 1), VERDICT_WORSE);
  assert_int_equal(verdict(.5, 3, -1), VERDICT_UNDECIDED);
  assert_int_equal(verdict(-3, 3, 1), VERDICT_UNDECIDED);
  assert_int_equal(verdict(2, 3, 0), VERDICT_UNDECIDED);
  assert_int_equal(verdict(NAN, NAN, -1), VERDICT_UNDECIDED);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(paired_interval), cmocka_unit_test(pairs_by_replication),
                                     cmocka_unit_test(infinite_values), cmocka_unit_test(verdicts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
