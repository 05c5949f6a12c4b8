/* attention_decode.c: attention of one new token over the keys and values of those before it.
 *
 * For each head: scores q . K, their softmax, and the mix of V; keys and values of 32 bit are read once: 2 x 4 x context x
 * heads x dim bytes. heads are those of keys and values. Example: context 1024, heads 8, dim 64: 4.19 MB, which is also the
 * working set.
 */
#include "experiments/kernels/attention.h"

#include <math.h>

enum { CONTEXT, HEADS, DIM };

static double bytes(const double *p)
{
  return 8 * p[CONTEXT] * p[HEADS] * p[DIM];
}

static double axis_value(const double *p, int axis)
{
  return bytes(p);
}

/* A multiply and an add for each key and each value. */
static double flop(const double *p)
{
  return 4 * p[CONTEXT] * p[HEADS] * p[DIM];
}

/* Scores are computed in whole vectors; those beyond the context weigh nothing. */
static void head(const struct attention *a, long h, float *score)
{
  long whole = (a->keys + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
  const float *q = a->q + h * a->dim, *k = a->k + h * a->keys * a->dim, *v = a->v + h * a->keys * a->dim;
  float *out = a->out + h * a->dim;
  for (long t = a->keys; t < whole; t++)
    score[t] = -INFINITY;
  a->rows->scores(q, k, a->keys, a->dim, 1 / sqrtf((float)a->dim), score);
  float sum = a->rows->exponentials(score, whole, a->rows->largest(score, whole));
  a->rows->mix(score, v, a->keys, a->dim, out);
  for (long i = 0; i < a->dim; i++)
    out[i] /= sum;
}

static void part_of(void *state, int part, int parts)
{
  struct attention *a = state;
  for (long h = team_begin(a->heads, 1, part, parts); h < team_begin(a->heads, 1, part + 1, parts); h++)
    head(a, h, a->scratch + part * a->scratch_floats);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct attention *a = attention_new(1, (long)p[CONTEXT], (long)p[HEADS], (long)p[DIM], (long)p[CONTEXT] + SIMD_LANES, seed, why);
  if (a)
    a->part = part_of;
  return a;
}

static const double full[][KERNEL_PARAMETERS] = {
  {128, 1, 64}, {192, 1, 64}, {128, 2, 64}, {128, 4, 64}, {192, 4, 64}, {256, 4, 64}, {384, 4, 64}, {512, 4, 64}, {512, 8, 64},
  {768, 8, 64}, {1024, 8, 64}, {1536, 8, 64}, {2048, 8, 64}, {3072, 8, 64}, {4096, 8, 64}, {4608, 8, 64}, {6144, 8, 64},
  {8192, 8, 64}, {6144, 16, 64}, {8192, 16, 64}, {6144, 32, 64}, {8192, 32, 64}};
static const double quick[][KERNEL_PARAMETERS] = {
  {128, 1, 64}, {128, 4, 64}, {512, 4, 64}, {1024, 8, 64}, {2048, 8, 64}, {4096, 8, 64}, {8192, 8, 64}, {8192, 16, 64}, {8192, 32, 64}};

static bool allowed(const double *p)
{
  static const double high[] = {8192, 32, 64};
  return bytes(p) >= bytes(full[0]) && bytes(p) <= bytes(high);
}

const struct kernel kernel_attention_decode = {
  .name = "attention_decode", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 3, .parameter = {{"context", 128, 8192, 1}, {"heads", 1, 32, 1}, {"dim", 64, 128, 64}},
  .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = bytes, .axis_value = axis_value, .flop = flop, .bytes = bytes, .allowed = allowed,
  .prepare = prepare, .run = attention_run, .check = attention_check, .threads = attention_threads, .finish = attention_finish,
  .result = attention_result, .feed = attention_feed, .fed = attention_fed,
};
