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

/* Bytes = 20 MB + 190 B a device + 16 B a request, exactly. */
static void bytes_of_devices(void **state)
{
  (void)state;
  struct peak all = {20e6 + 190 * 1e6 + 16 * 1e7, 1e6, 1e7}, half = {20e6 + 190 * 1e6 + 16 * 5e6, 1e6, 5e6},
              few = {20e6 + 190 * 1e4 + 16 * 1e5, 1e4, 1e5};
  struct bytes_of b = bench_big_bytes(&all, &half, &few);
  assert_true(fabs(b.device - 190) < 1e-9 && fabs(b.request - 16) < 1e-9);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(bars), cmocka_unit_test(bytes_of_devices)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
