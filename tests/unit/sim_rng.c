/* Random streams: known answers, names, fairness, and the ziggurat's tables and shapes. */
#include "sim/gsl_face.h"
#include "sim/rng.h"
#include "sim/ziggurat.h"
#include "tests/unit/gof.h"

#include <gsl/gsl_randist.h>

/* Random123's published known-answer vectors for philox4x64-10 (kat_vectors): counter, key, result. */
static const uint64_t known[][10] = {
  {0, 0, 0, 0, 0, 0,
   0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b},
  {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
   0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0},
  {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89, 0x452821e638d01377,
   0xbe5466cf34e90c6c, 0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6},
};

static void test_known_answers(void **state)
{
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    const uint64_t *k = known[i];
    struct rng r = {.next_block = k[0], .name = {k[1], k[2], k[3]}, .key = {k[4], k[5]}};
    for (int w = 0; w < 4; w++)
      assert_true(rng_u64(&r) == k[6 + w]);
  }
}

/* Words come in the order of the blocks, however many are made at a time. */
static void test_blocks_in_order(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(3, 4);
  struct rng stream = rng_open(&root, 1, 2, 3);
  for (uint64_t block = 0; block < 20; block++) {
    struct rng one = rng_open(&root, 1, 2, 3);
    one.next_block = block;
    for (int w = 0; w < 4; w++)
      assert_true(rng_u64(&stream) == rng_u64(&one));
  }
}

static void test_streams_by_name(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(1, 2), other_seed = rng_root_make(2, 2), other_run = rng_root_make(1, 3);
  struct rng a = rng_open(&root, 5, 6, 7), b = rng_open(&root, 5, 6, 7);
  for (int i = 0; i < 1000; i++)
    rng_u64(&b);                                        /* how much another took does not matter */
  struct rng again = rng_open(&root, 5, 6, 7);
  for (int i = 0; i < 1000; i++)
    assert_true(rng_u64(&a) == rng_u64(&again));
  uint64_t first[7];
  struct rng s[] = {rng_open(&root, 5, 6, 7), rng_open(&root, 4, 6, 7), rng_open(&root, 5, 7, 7),
                    rng_open(&root, 5, 6, 8), rng_open(&root, 5, 7, 6), rng_open(&other_seed, 5, 6, 7),
                    rng_open(&other_run, 5, 6, 7)};
  for (int i = 0; i < 7; i++) {
    first[i] = rng_u64(&s[i]);
    for (int k = 0; k < i; k++)
      assert_true(first[i] != first[k]);
  }
  struct rng fresh = rng_open(&root, 5, 6, 7);
  assert_true(rng_fresh(&root, 5, 6, 7) == rng_uniform(&fresh));
  assert_true(rng_name("arrivals") != rng_name("sizes") && rng_name("a") == rng_name("a"));
}

static struct rng stream(uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  return rng_open(&root, 1, 0, 0);
}

static double uniform_cdf(double x, const void *with)
{
  (void)with;
  return x;
}

enum { N = 1000000 };

static void fill(double *x, double (*draw)(struct rng *), uint64_t seed)
{
  struct rng r = stream(seed);
  for (size_t i = 0; i < N; i++)
    x[i] = draw(&r);
}

static double uniform_inline(struct rng *r)
{
  return rng_uniform(r);
}

static double uniform_open_inline(struct rng *r)
{
  return rng_uniform_open(r);
}

static void test_uniform(void **state)
{
  (void)state;
  double *x = malloc(N * sizeof *x);
  fill(x, uniform_inline, 3);
  assert_true(gof_ks(x, N, uniform_cdf, NULL) > GOF_ALARM);
  assert_true(x[0] >= 0 && x[N - 1] < 1);
  fill(x, uniform_open_inline, 4);
  assert_true(gof_ks(x, N, uniform_cdf, NULL) > GOF_ALARM);
  assert_true(x[0] > 0 && x[N - 1] < 1);
  for (size_t i = 0; i < N; i++)                        /* planted: skewed by at most 0.5 % of its range */
    x[i] = x[i] * (0.98 + 0.02 * x[i]);
  assert_true(gof_ks(x, N, uniform_cdf, NULL) < GOF_ALARM);
  free(x);
}

static void test_below(void **state)
{
  (void)state;
  struct rng r = stream(5);
  uint64_t count[7] = {0};
  double expected[7];
  for (size_t i = 0; i < N; i++)
    count[rng_below(&r, 7)]++;
  for (int i = 0; i < 7; i++)
    expected[i] = N / 7.0;
  assert_true(gof_chi_square(count, expected, 7) > GOF_ALARM);
  count[3] += 2500, count[4] -= 2500;                   /* planted: 1.7 % too often */
  assert_true(gof_chi_square(count, expected, 7) < GOF_ALARM);
  assert_true(rng_below(&r, 1) == 0);
  for (int i = 0; i < 1000; i++)                        /* half of all words are rejected here */
    assert_true(rng_below(&r, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}

/* ---- ziggurat -------------------------------------------------------------------------------------------------- */

static double exponential_density(double x)
{
  return exp(-x);
}

static double normal_density(double x)
{
  return exp(-0.5 * x * x);
}

/* Every layer has the same area, its edges lie on the density, and the last one ends at 1. */
static void check_table(const struct ziggurat *z, double (*density)(double), double r, double tail_area)
{
  double width = z->scale[1] * 0x1p53;
  assert_near(width, r, 1e-15);
  double area = width * density(width) + tail_area;
  assert_near(z->scale[0] * 0x1p53 * density(width), area, 1e-15);
  for (int i = 1; i < 256; i++) {
    double x = z->scale[i] * 0x1p53, next = i < 255 ? z->scale[i + 1] * 0x1p53 : 0;
    assert_near(z->low[i], density(x), 1e-15);
    assert_near(z->low[i] + z->height[i], density(next), 1e-15);
    assert_near(x * z->height[i] / area, 1, 1e-13);
    assert_near((double)z->accept[i] * 0x1p-53, next / x, 1e-15);
  }
}

static void test_ziggurat_tables(void **state)
{
  (void)state;
  check_table(&ziggurat_exponential, exponential_density, 7.69711747013104972, exp(-7.69711747013104972));
  check_table(&ziggurat_normal, normal_density, 3.6541528853610088,
              sqrt(2 * M_PI) * gsl_cdf_ugaussian_Q(3.6541528853610088));
}

static double exponential_cdf(double x, const void *scale)
{
  return gsl_cdf_exponential_P(x, *(const double *)scale);
}

static double normal_cdf(double x, const void *sd)
{
  return gsl_cdf_gaussian_P(x, *(const double *)sd);
}

/* How far the share of values beyond a bound is from its probability, in standard errors. */
static double tail_error(const double *x, double bound, double p)
{
  double count = 0;
  for (size_t i = 0; i < N; i++)
    count += x[i] > bound;
  return (count - N * p) / sqrt(N * p);
}

static void test_exponential(void **state)
{
  (void)state;
  double *x = malloc(N * sizeof *x), one = 1, slightly_more = 1.01;
  fill(x, rng_exponential, 6);
  assert_true(fabs(tail_error(x, 7.69711747013104972, exp(-7.69711747013104972))) < 4.9);
  assert_true(fabs(tail_error(x, 10, exp(-10))) < 4.9);
  assert_true(gof_ks(x, N, exponential_cdf, &one) > GOF_ALARM);
  assert_true(gof_ks(x, N, exponential_cdf, &slightly_more) < GOF_ALARM);         /* planted */
  free(x);
}

static void test_normal(void **state)
{
  (void)state;
  double *x = malloc(N * sizeof *x), one = 1, slightly_more = 1.02, shift = 0.01;
  fill(x, rng_normal, 7);
  double p = gsl_cdf_ugaussian_Q(3.6541528853610088);
  assert_true(fabs(tail_error(x, 3.6541528853610088, p)) < 4.9);
  assert_true(fabs(tail_error(x, 4, gsl_cdf_ugaussian_Q(4))) < 4.9);
  for (size_t i = 0; i < N; i++)
    x[i] = -x[i];
  assert_true(fabs(tail_error(x, 3.6541528853610088, p)) < 4.9);
  assert_true(gof_ks(x, N, normal_cdf, &one) > GOF_ALARM);
  assert_true(gof_ks(x, N, normal_cdf, &slightly_more) < GOF_ALARM);              /* planted */
  for (size_t i = 0; i < N; i++)
    x[i] += shift;
  assert_true(gof_ks(x, N, normal_cdf, &one) < GOF_ALARM);                        /* planted */
  free(x);
}

/* A layer's bits must not leak into the abscissa: successive draws and squares are uncorrelated. */
static void test_independence(void **state)
{
  (void)state;
  double *x = malloc(N * sizeof *x), lag = 0, squares = 0;
  fill(x, rng_normal, 8);
  for (size_t i = 1; i < N; i++) {
    lag += x[i] * x[i - 1];
    squares += (x[i] * x[i] - 1) * (x[i - 1] * x[i - 1] - 1) / 2;
  }
  assert_true(fabs(lag / sqrt(N)) < 4.9);
  assert_true(fabs(squares / sqrt(N)) < 6);
  free(x);
}

static void test_gsl_face(void **state)
{
  (void)state;
  struct rng ours = stream(9);
  gsl_rng *theirs = gsl_face_new(ours);
  for (int i = 0; i < 100; i++) {
    assert_true(gsl_rng_get(theirs) == rng_u64(&ours));
    assert_true(gsl_rng_uniform(theirs) == rng_uniform(&ours));
  }
  double sum = 0;
  for (int i = 0; i < 100000; i++)
    sum += gsl_ran_gamma(theirs, 2.5, 2);
  assert_near(sum / 100000, 5, 0.01);                   /* standard error 0.01 */
  gsl_rng_set(theirs, 4);
  unsigned long first = gsl_rng_get(theirs);
  gsl_rng_set(theirs, 5);
  assert_true(gsl_rng_get(theirs) != first);
  gsl_rng_set(theirs, 4);
  assert_true(gsl_rng_get(theirs) == first);
  assert_string_equal(gsl_rng_name(theirs), "philox4x64-10");
  gsl_rng_free(theirs);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_known_answers), cmocka_unit_test(test_blocks_in_order), cmocka_unit_test(test_streams_by_name), cmocka_unit_test(test_uniform),
    cmocka_unit_test(test_below), cmocka_unit_test(test_ziggurat_tables), cmocka_unit_test(test_exponential),
    cmocka_unit_test(test_normal), cmocka_unit_test(test_independence), cmocka_unit_test(test_gsl_face),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
