/* The kernels of products, attention and copies: every set of vector instructions computes what a slow second way says, alone
 * and by threads, and the self-checks see what is wrong. Nothing here depends on how long anything takes. */
#include "experiments/kernels/attention.h"
#include "experiments/kernels/gemm_i8_tile.h"
#include "experiments/kernels/gemv_rows.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/simd.h"
#include "tests/unit/unit.h"

#include <math.h>

struct shape { const char *kernel; double p[KERNEL_PARAMETERS]; };
static const struct shape small[] = {
  {"gemm_f32", {8, 64, 128}}, {"gemm_f32", {13, 192, 65}}, {"gemm_i8", {8, 64, 64}}, {"gemm_i8", {13, 96, 516}}, {"gemm_i8", {3, 64, 1028}},
  {"attention_prefill", {16, 2, 64}}, {"attention_prefill", {300, 1, 80}}, {"attention_decode", {17, 3, 64}},
  {"attention_decode", {100, 2, 128}}, {"attention_decode", {33, 1, 80}}, {"gemv_i8", {16, 64}}, {"gemv_i8", {37, 128}},
  {"gemv_i4", {16, 64, 32}}, {"gemv_i4", {37, 256, 128}}, {"gemv_i4", {50, 192, 64}}, {"copy", {4160}}, {"triad", {12288}},
  {"triad", {240}}};
enum { N_SMALL = sizeof small / sizeof *small };

static void *prepared(const struct shape *x, uint64_t seed)
{
  char why[KERNEL_WHY] = "";
  void *s = kernel_find(x->kernel)->prepare(x->p, seed, why);
  if (!s) fail_msg("%s: %s", x->kernel, why);
  return s;
}

static void expect_right(const struct shape *x, int threads)
{
  const struct kernel *k = kernel_find(x->kernel);
  char why[KERNEL_WHY] = "";
  void *s = prepared(x, 1);
  if (threads > 1) assert_true(k->threads(s, threads));
  k->run(s);
  k->run(s);
  if (!k->check(s, why)) fail_msg("%s by %s, %d threads: %s", k->name, simd_name[simd_best()], threads, why);
  k->finish(s);
}

static void every_set_computes_what_it_should(void **state)
{
  for (int set = 0; set < N_SIMD; set++) {
    setenv("OFFSIM_KERNELS_SIMD", simd_name[set], 1);   /* one that is not here: the best there is */
    for (int i = 0; i < N_SMALL; i++)
      expect_right(&small[i], 1);
  }
  unsetenv("OFFSIM_KERNELS_SIMD");
}

/* Also more threads than there are parts. */
static void threads_compute_the_same(void **state)
{
  for (int i = 0; i < N_SMALL; i++)
    for (int n = 2; n <= 5; n += 3)
      expect_right(&small[i], n);
}

static void what_was_not_run_is_wrong(void **state)
{
  for (int i = 0; i < N_SMALL; i++) {
    char why[KERNEL_WHY] = "";
    void *s = prepared(&small[i], 1);
    assert_false(kernel_find(small[i].kernel)->check(s, why));
    assert_string_not_equal(why, "");
    kernel_find(small[i].kernel)->finish(s);
  }
}

/* One number of one result, off by a hundredth. */
static void one_wrong_number_is_seen(void **state)
{
  const struct shape x = {"attention_prefill", {32, 2, 64}};
  char why[KERNEL_WHY] = "";
  struct attention *a = prepared(&x, 1);
  attention_run(a);
  assert_true(attention_check(a, why));
  a->out[31 * 64 + 5] += 0.01f;
  assert_false(attention_check(a, why));
  assert_non_null(strstr(why, "head 0, query 31, element 5"));
  attention_finish(a);
}

/* By hand: rows of ones times the vector 1, 2, 3, 4 ... are k (k + 1) / 2; with extreme values nothing overflows. */
static void products_of_8_bit_are_exact(void **state)
{
  enum { COLUMNS = 64 };
  static int8_t panel[COLUMNS / 4 * GEMV_LINE] __attribute__((aligned(64)));
  uint8_t x[COLUMNS];
  for (int set = 0; set <= (int)simd_best(); set++) {
    int32_t sum[GEMV_ROWS] = {7};
    for (int i = 0; i < COLUMNS; i++)
      x[i] = (uint8_t)(i + 1);
    memset(panel, 1, sizeof panel);
    gemv_i8_rows((enum simd)set)(panel, x, COLUMNS, sum);
    assert_int_equal(sum[0], 7 + COLUMNS * (COLUMNS + 1) / 2);
    assert_int_equal(sum[15], COLUMNS * (COLUMNS + 1) / 2);
    memset(panel, -128, sizeof panel);
    memset(x, 255, sizeof x);
    memset(sum, 0, sizeof sum);
    gemv_i8_rows((enum simd)set)(panel, x, COLUMNS, sum);
    assert_int_equal(sum[9], -128 * 255 * COLUMNS);
  }
}

/* Scale 1 is 15 << 10 in half precision; all weights 15 - 8 = 7, or 0 - 8 = -8. */
static void products_of_4_bit_are_exact(void **state)
{
  enum { GROUP = 32 };
  uint8_t panel[GEMV_SCALES + GROUP / 8 * GEMV_LINE];
  int8_t x[GROUP];
  float scale = 0.5f, y[GEMV_ROWS];
  int32_t offset = -8 * GROUP * -128;
  for (int set = 0; set <= (int)simd_best(); set++)
    for (int full = 0; full < 2; full++) {
      memset(panel, full ? 255 : 0, sizeof panel);
      for (int r = 0; r < GEMV_ROWS; r++)
        panel[2 * r] = 0, panel[2 * r + 1] = 15 << 2;
      memset(x, -128, sizeof x);
      struct gemv_vector v = {.i8 = x, .scale = &scale, .offset = &offset};
      gemv_i4_rows((enum simd)set)(panel, &v, GROUP, GROUP, y);
      for (int r = 0; r < GEMV_ROWS; r++)
        assert_true(y[r] == 0.5f * GROUP * -128 * (full ? 7 : -8));
    }
}

/* Sums of e^x within 1e-5 of the C library's, down to e^-80. */
static void exponentials_are_exact(void **state)
{
  for (int set = 0; set <= (int)simd_best(); set++)
    for (float top = 0; top < 80; top += 0.37f) {
      float score[16] __attribute__((aligned(64))) = {0};
      double sum = 0;
      for (int i = 1; i < 16; i++)
        score[i] = -0.05f * (float)i;
      for (int i = 0; i < 16; i++)
        sum += exp((double)score[i] - (double)top);
      double got = (double)attention_rows((enum simd)set)->exponentials(score, 16, top);
      if (!(fabs(got / sum - 1) < 1e-5)) fail_msg("%s: %.9g, not %.9g", simd_name[set], got, sum);
    }
}

/* What the heads of the files say. */
static void work_is_counted(void **state)
{
  const struct { const char *kernel; double p[KERNEL_PARAMETERS], units, set; } by_hand[] = {
    {"gemm_f32", {64, 384, 1536}, 75497472, 2850816}, {"gemm_i8", {64, 384, 1536}, 75497472, 786432},
    {"attention_prefill", {256, 12, 64}, 201326592, 3145728}, {"attention_decode", {1024, 8, 64}, 4194304, 4194304},
    {"gemv_i8", {100, 1000}, 1e5, 1e5}, {"gemv_i4", {4096, 4096, 32}, 9437184, 9437184}, {"copy", {4096}, 4096, 8192},
    {"triad", {24e6}, 24e6, 24e6}};
  for (size_t i = 0; i < sizeof by_hand / sizeof *by_hand; i++) {
    const struct kernel *k = kernel_find(by_hand[i].kernel);
    assert_true(fabs(k->units(by_hand[i].p) - by_hand[i].units) < 1e-9 * by_hand[i].units);
    assert_true(fabs(k->axis_value(by_hand[i].p, 0) - by_hand[i].set) < 1e-9 * by_hand[i].set);
  }
}

static void impossible_shapes_are_refused(void **state)
{
  char why[KERNEL_WHY] = "";
  assert_null(kernel_find("gemm_i8")->prepare((const double[KERNEL_PARAMETERS]){8, 33, 64}, 1, why));
  assert_non_null(strstr(why, "multiple of 32"));
  assert_null(kernel_find("attention_decode")->prepare((const double[KERNEL_PARAMETERS]){8, 1, 65}, 1, why));
  assert_non_null(strstr(why, "multiple of 16"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_set_computes_what_it_should), cmocka_unit_test(threads_compute_the_same),
    cmocka_unit_test(what_was_not_run_is_wrong), cmocka_unit_test(one_wrong_number_is_seen),
    cmocka_unit_test(products_of_8_bit_are_exact), cmocka_unit_test(products_of_4_bit_are_exact),
    cmocka_unit_test(exponentials_are_exact), cmocka_unit_test(work_is_counted), cmocka_unit_test(impossible_shapes_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
