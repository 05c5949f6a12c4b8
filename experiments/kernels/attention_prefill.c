/* attention_prefill.c: attention of all tokens of a text among themselves.
 *
 * out = softmax(Q K^T / sqrt(dim)) V for each head, without a mask as in an encoder: 4 heads tokens^2 dim operations. A
 * decoder's causal mask leaves half of them out; who uses this cost for one counts them all. Blocks of 64 queries by 256
 * keys, so that no tokens x tokens matrix is stored (Dao et al. 2022: running maximum and sum); products by OpenBLAS.
 * Example: tokens 256, heads 12, dim 64 are 201 MFLOP; working set 3.1 MB.
 */
#include "experiments/kernels/attention.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

enum { TOKENS, HEADS, DIM };
enum { QUERIES = 64, KEYS = 256 };

/* A block of queries on its way through the keys. */
struct block {
  long rows;
  const float *q, *k, *v;
  float *out;
  float *score;                                 /* [QUERIES][KEYS] */
  float top[QUERIES], sum[QUERIES];
};

static double flop(const double *p)
{
  return 4 * p[HEADS] * p[TOKENS] * p[TOKENS] * p[DIM];
}

/* Q, K, V and the result. */
static double working_set(const double *p)
{
  return 16 * p[HEADS] * p[TOKENS] * p[DIM];
}

static double axis_value(const double *p, int axis)
{
  return axis == 0 ? working_set(p) : axis == 1 ? p[TOKENS] : p[DIM];
}

/* New scores may raise the maximum of a row: what was summed up so far shrinks. */
static void weigh(const struct attention *a, struct block *b, long keys, bool first)
{
  long whole = (keys + SIMD_LANES - 1) / SIMD_LANES * SIMD_LANES;
  for (long r = 0; r < b->rows; r++) {
    float *row = b->score + r * KEYS;
    for (long i = keys; i < whole; i++)
      row[i] = -INFINITY;
    float top = a->rows->largest(row, whole), before = first ? top : b->top[r];
    top = before > top ? before : top;
    float shrink = first ? 0 : expf(before - top);
    b->top[r] = top;
    b->sum[r] = b->sum[r] * shrink + a->rows->exponentials(row, whole, top);
    for (long i = 0; i < a->dim && shrink < 1; i++)
      b->out[r * a->dim + i] *= shrink;
  }
}

static void keys_of(const struct attention *a, struct block *b, long from, long keys)
{
  int rows = (int)b->rows, dim = (int)a->dim;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, (int)keys, dim, 1 / sqrtf((float)dim), b->q, dim,
              b->k + from * dim, dim, 0, b->score, KEYS);
  weigh(a, b, keys, from == 0);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, dim, (int)keys, 1, b->score, KEYS, b->v + from * dim, dim, 1,
              b->out, dim);
}

static void queries_of(const struct attention *a, long head, long query, float *score)
{
  long at = (head * a->queries + query) * a->dim, of = head * a->keys * a->dim;
  struct block b = {.rows = a->queries - query < QUERIES ? a->queries - query : QUERIES,
                    .q = a->q + at, .k = a->k + of, .v = a->v + of, .out = a->out + at, .score = score};
  memset(b.out, 0, (size_t)(b.rows * a->dim) * sizeof *b.out);
  for (long from = 0; from < a->keys; from += KEYS)
    keys_of(a, &b, from, a->keys - from < KEYS ? a->keys - from : KEYS);
  for (long r = 0; r < b.rows; r++)
    for (long i = 0; i < a->dim; i++)
      b.out[r * a->dim + i] /= b.sum[r];
}

static void part_of(void *state, int part, int parts)
{
  const struct attention *a = state;
  long blocks = (a->queries + QUERIES - 1) / QUERIES, end = team_begin(a->heads * blocks, 1, part + 1, parts);
  for (long i = team_begin(a->heads * blocks, 1, part, parts); i < end; i++)
    queries_of(a, i / blocks, i % blocks * QUERIES, a->scratch + part * a->scratch_floats);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  long tokens = (long)p[TOKENS];
  struct attention *a = attention_new(tokens, tokens, (long)p[HEADS], (long)p[DIM], QUERIES * KEYS, seed, why);
  if (a)
    a->part = part_of;
  return a;
}

/* A full grid of tokens and dim; heads only repeat the work. */
#define HEAD_SIZES(tokens, heads) {tokens, heads, 64}, {tokens, heads, 96}, {tokens, heads, 128}
static const double full[][KERNEL_PARAMETERS] = {
  HEAD_SIZES(32, 4), HEAD_SIZES(48, 4), HEAD_SIZES(64, 8), HEAD_SIZES(96, 8), HEAD_SIZES(128, 12), HEAD_SIZES(192, 12),
  HEAD_SIZES(256, 12), HEAD_SIZES(384, 12), HEAD_SIZES(512, 8), HEAD_SIZES(1024, 8)};
#define TWO_SIZES(tokens, heads) {tokens, heads, 64}, {tokens, heads, 128}
static const double quick[][KERNEL_PARAMETERS] = {TWO_SIZES(32, 4), TWO_SIZES(64, 8), TWO_SIZES(128, 12), TWO_SIZES(1024, 8)};

static bool allowed(const double *p)
{
  static const double high[] = {1024, 8, 128};
  return working_set(p) >= working_set(full[0]) && working_set(p) <= working_set(high);
}

const struct kernel kernel_attention_prefill = {
  .name = "attention_prefill", .version = 1, .unit = "FLOP", .bound = BOUND_COMPUTE,
  .n_parameters = 3, .parameter = {{"tokens", 32, 1024, 16}, {"heads", 1, 16, 1}, {"dim", 64, 128, 16}},
  .n_axes = 3, .axis = {"working_set", "tokens", "dim"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = flop, .axis_value = axis_value, .flop = flop, .bytes = working_set, .allowed = allowed,
  .prepare = prepare, .run = attention_run, .check = attention_check, .threads = attention_threads, .finish = attention_finish,
  .result = attention_result, .feed = attention_feed, .fed = attention_fed,
};
