/* When a measurement misses its bar: `offsim bench` then exits with 1. */
#include "experiments/bench.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void bars(void **state)
{
  (void)state;
  assert_true(bench_missed(61, 60, LOWER));
  assert_false(bench_missed(60, 60, LOWER));
  assert_false(bench_missed(0, 0, LOWER));
  assert_true(bench_missed(1.7, 1.9, HIGHER));
  assert_false(bench_missed(1.9, 1.9, HIGHER));
  assert_false(bench_missed(1, NAN, LOWER) || bench_missed(1, NAN, HIGHER));
  assert_false(bench_missed(NAN, 1, LOWER) || bench_missed(NAN, 1, HIGHER));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(bars)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
