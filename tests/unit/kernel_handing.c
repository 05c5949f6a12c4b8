/* What passes from one kernel to the next: every kernel computes with what was handed to it and says whether it was; what it
 * leaves follows from that by linearity, by means of equal weights, by searching for a vector that is there. Planted: an input
 * that is left over from before. */
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/request.h"
#include "tests/unit/unit.h"

#include <math.h>

enum { NUMBERS = 40000, ROOM = 1 << 20 };
struct shape { const char *kernel; double p[KERNEL_PARAMETERS]; };
static const struct shape small[] = {
  {"gemm_f32", {13, 192, 65}}, {"gemm_i8", {13, 96, 516}}, {"attention_prefill", {48, 2, 64}}, {"attention_decode", {33, 3, 64}},
  {"gemv_i8", {37, 128}}, {"gemv_i4", {37, 256, 32}}, {"vector_search_flat", {300, 256, 3, 10}}, {"vector_search_hnsw", {1024, 128, 64, 10}},
  {"aes_gcm", {40001}}, {"deflate", {20000, 6}}};
enum { N_SMALL = sizeof small / sizeof *small };

static bool is_text(const struct kernel *k)
{
  return !strcmp(k->name, "aes_gcm") || !strcmp(k->name, "deflate");
}

/* Text is words, numbers lie on both sides of 0. */
static void fill(void *data, const struct kernel *k, uint64_t seed)
{
  for (size_t i = 0; i < NUMBERS; i++) ((float *)data)[i] = 30 * kernel_random_f32(&seed);
  for (size_t i = 0; is_text(k) && i < NUMBERS * sizeof(float); i++) ((char *)data)[i] = "eta oin"[kernel_random(&seed) % 7];
}

static void *prepared(const struct shape *x)
{
  const struct kernel *k = kernel_find(x->kernel);
  char why[KERNEL_WHY] = "";
  void *s = k->unavailable && k->unavailable() ? NULL : k->prepare(x->p, 1, why);
  if (!s && *why) fail_msg("%s: %s", k->name, why);
  return s;
}

/* Whole inputs, and some that are too short and come again from their front. */
static void input_is_what_was_handed(void **state)
{
  static float mine[NUMBERS], other[NUMBERS];
  for (int i = 0; i < N_SMALL; i++) {
    const struct kernel *k = kernel_find(small[i].kernel);
    void *s = prepared(&small[i]);
    for (size_t bytes = sizeof mine; s && bytes > 1000; bytes /= 13) {
      char why[KERNEL_WHY] = "";
      fill(mine, k, bytes);
      fill(other, k, bytes + 1);
      k->feed(s, mine, bytes);
      k->run(s);
      if (!k->fed(s, mine, bytes, why) || !k->check(s, why)) fail_msg("%s: %s", k->name, why);
      assert_false(k->fed(s, other, bytes, why));       /* planted: the input is of before */
      assert_string_not_equal(why, "");
      assert_false(k->fed(s, mine, 0, why));
    }
    if (s) k->finish(s);
  }
}

/* A product of -x is the negative of that of x; of 3 x, scaled, it is the same. */
static void products_are_linear(void **state)
{
  static float x[NUMBERS], changed[NUMBERS], y[3][NUMBERS];
  static const char *const linear[] = {"gemm_f32", "gemm_i8", "gemv_i8", "gemv_i4"};
  for (int i = 0; i < N_SMALL; i++)
    for (int l = 0; l < 4; l++) {
      const struct kernel *k = kernel_find(small[i].kernel);
      if (strcmp(k->name, linear[l])) continue;
      const float factor[] = {1, -1, 3};
      void *s = prepared(&small[i]);
      size_t n = 0;
      fill(x, k, 5);
      for (int f = 0; f < 3; f++) {
        for (int j = 0; j < NUMBERS; j++) changed[j] = factor[f] * x[j];
        k->feed(s, changed, sizeof changed);
        k->run(s);
        n = k->result(s, y[f], sizeof y[f]) / sizeof(float);
      }
      assert_int_equal(n, strncmp(k->name, "gemv", 4) ? small[i].p[0] * small[i].p[1] : small[i].p[0]);
      for (size_t j = 0; j < n; j++) {
        assert_near((double)y[1][j], -(double)y[0][j], 1e-4 * fmax(1, fabs((double)y[0][j])));
        assert_near((double)y[2][j], (double)y[0][j], 1e-4 * fmax(1, fabs((double)y[0][j])));
      }
      assert_int_equal(k->result(s, y[0], 40), 40);     /* no more than there is room for */
      k->finish(s);
    }
}

/* Where all keys are alike every token weighs the same: the result is the mean of the values over the tokens. The value of
 * token t, head h, place d is t + 100 h + d, the largest handed number 47 + 100 + 63 = 210 becomes 2. */
static void attention_lies_as_it_was_handed(void **state)
{
  enum { TOKENS = 48, HEADS = 2, DIM = 64, OWN = HEADS * DIM };
  static float x[TOKENS * 3 * OWN], y[TOKENS * OWN];
  const struct kernel *k = kernel_find("attention_prefill");
  void *s = prepared(&(struct shape){"attention_prefill", {TOKENS, HEADS, DIM}});
  for (int t = 0; t < TOKENS; t++)
    for (int i = 0; i < OWN; i++) {
      x[t * 3 * OWN + i] = 0.01f * (float)(t * i % 17);
      x[t * 3 * OWN + OWN + i] = (float)(i % 5);
      x[t * 3 * OWN + 2 * OWN + i] = (float)(t + 100 * (i / DIM) + i % DIM);
    }
  k->feed(s, x, sizeof x);
  k->run(s);
  assert_int_equal(k->result(s, y, sizeof y), sizeof y);
  for (int t = 0; t < TOKENS; t++)
    for (int i = 0; i < OWN; i++)
      assert_near((double)y[t * OWN + i], 2 / 210. * ((TOKENS - 1) / 2. + 100 * (i / DIM) + i % DIM), 1e-4);
  k->finish(s);
}

/* The new token is the last of its context. Its query and key are 2 everywhere, a score of 4 x 64 / 8 = 32; other keys lie
 * within 2, scores of sd 4 sqrt(64 / 3) / 8 = 2.3: it alone is mixed (others' weight e^-(32 - 12), 12 being 5 sd), and the
 * result is its values, (64 h + d) / 100. */
static void a_decoded_token_is_the_last_of_its_context(void **state)
{
  enum { HEADS = 3, DIM = 64, OWN = HEADS * DIM };
  float x[3 * OWN], y[OWN];
  const struct kernel *k = kernel_find("attention_decode");
  void *s = prepared(&(struct shape){"attention_decode", {33, HEADS, DIM}});
  char why[KERNEL_WHY] = "";
  for (int i = 0; i < OWN; i++) x[i] = x[OWN + i] = 2, x[2 * OWN + i] = (float)i / 100;
  assert_int_equal(k->feed(s, x, sizeof x), sizeof x);
  k->run(s);
  assert_true(k->fed(s, x, sizeof x, why) && k->check(s, why));
  assert_int_equal(k->result(s, y, sizeof y), sizeof y);
  for (int i = 0; i < OWN; i++) assert_near((double)y[i], i / 100., 1e-5);
  k->finish(s);
}

/* Whoever searches for a vector that is there finds it first. */
static void searches_find_what_is_there(void **state)
{
  static float found[NUMBERS], again[NUMBERS];
  for (int w = 0; w < 2; w++) {
    const struct shape x = w ? (struct shape){"vector_search_hnsw", {1024, 128, 64, 10}} : (struct shape){"vector_search_flat", {300, 256, 1, 10}};
    const struct kernel *k = kernel_find(x.kernel);
    size_t dimensions = (size_t)x.p[1], vector = dimensions * sizeof(float);
    void *s = prepared(&x);
    k->run(s);
    assert_int_equal(k->result(s, found, sizeof found), 10 * vector);
    for (size_t i = 0; i < 10; i++) {
      k->feed(s, found + i * dimensions, vector);
      k->run(s);
      assert_int_equal(k->result(s, again, sizeof again), 10 * vector);
      assert_memory_equal(again, found + i * dimensions, vector);
    }
    k->finish(s);
  }
}

/* Three letters fill 40001 bytes, and are read again by whoever opens the records. */
static void sealed_text_is_read_again(void **state)
{
  static char text[ROOM];
  const struct kernel *k = kernel_find("aes_gcm");
  void *s = prepared(&(struct shape){"aes_gcm", {40001}});
  k->feed(s, "abc", 3);
  k->run(s);
  assert_int_equal(k->result(s, text, sizeof text), 40001);
  for (int i = 0; i < 40001; i++) assert_int_equal(text[i], "abc"[i % 3]);
  k->finish(s);
}

static bool refused(void *state, char *why)
{
  return snprintf(why, KERNEL_WHY, "planted") < 0;
}

/* Embedding is handed 176 tokens of 384 numbers of 4 B; sealing reads what is long there. Planted: compression is wrong, and its
 * 65536 B are not gone over any more. */
static void what_was_taken_out_is_not_counted(void **state)
{
  enum { SEAL = 4, COMPRESS = 5 };
  struct request *q = calloc(1, sizeof *q);
  assert_true(request_prepare(q, 1, 1e6));
  double before = q->bytes;
  bool there = q->task[COMPRESS].n > 0;
  struct kernel wrong = there ? *q->task[COMPRESS].step[0].kernel : (struct kernel){0};
  wrong.check = refused;
  if (there) q->task[COMPRESS].step[0].kernel = &wrong;
  assert_true(request_run(q, 0, true, NULL) == !there);
  assert_near(q->task[0].step[0].handed_bytes, 176 * 384 * 4, 0);
  assert_near(q->task[SEAL].step[0].handed_bytes, 0, 0);
  assert_near(before - q->bytes, there ? 65536 : 0, 0);
  request_finish(q);
  free(q);
}

static double number_at(const void *x, long i)
{
  return ((const double *)x)[i];
}

static void numbers_are_scaled(void **state)
{
  const float x[] = {2, -4};
  struct hand h = hand_of(x, sizeof x + 3);             /* a part of a number is none */
  float y[4];
  char why[KERNEL_WHY];
  hand_floats(&h, y, 4, 1);
  assert_true(y[0] == 0.5f && y[1] == -1 && y[2] == 0.5f && y[3] == -1);
  hand_unit(&h, y, 2);
  assert_near((double)y[0], 1 / sqrt(5), 1e-7);
  assert_true(hand_same(&h, (double[]){1, -2, 1}, number_at, 3, 1e-6, why));
  assert_false(hand_same(&h, (double[]){1, -2.01, 1}, number_at, 3, 1e-3, why));
  assert_false(hand_same(&h, (double[]){-1, 2, -1}, number_at, 3, 1e-6, why));
  const float none[] = {0, 0};
  h = hand_of(none, sizeof none);
  assert_false(hand_same(&h, none, number_at, 0, 1e-6, why));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(input_is_what_was_handed), cmocka_unit_test(products_are_linear), cmocka_unit_test(attention_lies_as_it_was_handed),
    cmocka_unit_test(a_decoded_token_is_the_last_of_its_context), cmocka_unit_test(what_was_taken_out_is_not_counted),
    cmocka_unit_test(searches_find_what_is_there), cmocka_unit_test(sealed_text_is_read_again), cmocka_unit_test(numbers_are_scaled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
