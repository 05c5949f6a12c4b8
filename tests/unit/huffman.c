/* Bytes with a code of their own: libdeflate reads them back, and they take what Huffman's code says. */
#include "analysis/store/column.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { N = 65536 };

static size_t there_and_back(const uint8_t *p, size_t n)
{
  static uint8_t coded[3 * N], again[2 * N];
  size_t size = (size_t)(put_coded(coded, p, n, false) - coded), more = (size_t)(put_coded(coded + size, p, n, true)
                                                                                 - coded - size), got = 0;
  struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
  assert_int_equal(libdeflate_deflate_decompress(d, coded, size + more, again, sizeof again, &got), LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(d);
  assert_int_equal(got, 2 * n);
  assert_memory_equal(again, p, n);
  assert_memory_equal(again + n, p, n);
  assert_true(size <= n + n / 256 + 168);
  return size;
}

static void bytes_in_no_order_take_few_bits(void **state)
{
  (void)state;
  static uint8_t p[N];
  struct rng_root root = rng_root_make(1, 0);
  struct rng g = rng_open(&root, 1, 0, 0);
  for (size_t i = 0; i < N; i++) p[i] = rng_below(&g, 2) ? 7 : 200;
  assert_in_range(there_and_back(p, N), 3 * N / 16 - 300, 3 * N / 16 + 450);    /* 1 and 2 bits */
  for (size_t i = 0; i < N; i++) p[i] = (uint8_t)rng_below(&g, 256);
  assert_in_range(there_and_back(p, N), N, N + N / 256 + 168);           /* noise: 8 bits and a little */
  for (size_t i = 0; i < N; i++) p[i] = (uint8_t)rng_below(&g, 4);
  assert_in_range(there_and_back(p, N), 9 * N / 32 - 300, 9 * N / 32 + 450);    /* three of 2 bits, one of 3 */
}

/* Weights like Fibonacci's numbers ask for codes of 21 bits; deflate has 15. */
static void long_codes_are_cut(void **state)
{
  (void)state;
  static uint8_t p[N];
  size_t at = 0, a = 1, b = 1;
  for (uint8_t s = 0; at + a <= N; s++) {
    memset(p + at, s, a);
    at += a;
    size_t next = a + b;
    a = b;
    b = next;
  }
  there_and_back(p, at);
}

static void small_ones(void **state)
{
  (void)state;
  const uint8_t p[] = {3, 3, 3, 9, 3, 3, 3};
  for (size_t n = 1; n <= sizeof p; n++) there_and_back(p, n);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_in_no_order_take_few_bits),
                                     cmocka_unit_test(long_codes_are_cut), cmocka_unit_test(small_ones)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
