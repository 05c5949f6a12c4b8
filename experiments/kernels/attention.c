#include "experiments/kernels/attention.h"
#include "experiments/kernels/hand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKED_ROWS = 64 };

void attention_finish(void *state)
{
  struct attention *a = state;
  team_free(a->team);
  arena_free(&a->arena);
  free(a->scratch);
  free(a);
}

/* Every thread's part begins at a cache line of its own. */
static bool scratch_for(struct attention *a, int threads)
{
  long line = SIMD_LANES;
  free(a->scratch);
  a->scratch_floats = (a->scratch_floats + line - 1) / line * line;
  a->scratch = aligned_alloc(64, (size_t)threads * (size_t)a->scratch_floats * sizeof(float));
  return a->scratch != NULL;
}

static float *filled(struct attention *a, long n, uint64_t *seed)
{
  float *x = arena_take(&a->arena, (size_t)n * 4);
  for (long i = 0; i < n; i++)
    x[i] = 2 * kernel_random_f32(seed);
  return x;
}

struct attention *attention_new(long queries, long keys, long heads, long dim, long scratch_floats, uint64_t seed, char *why)
{
  struct attention *a = calloc(1, sizeof *a);
  size_t bytes = (size_t)(8 * heads * dim * (queries + keys));
  if (!a || dim % SIMD_LANES != 0 || dim > ATTENTION_DIM || !arena_new(&a->arena, bytes, 4, why)) {
    if (dim % SIMD_LANES != 0 || dim > ATTENTION_DIM)
      snprintf(why, KERNEL_WHY, "dim must be a multiple of %d and at most %d", SIMD_LANES, ATTENTION_DIM);
    free(a);
    return NULL;
  }
  a->queries = queries, a->keys = keys, a->heads = heads, a->dim = dim, a->scratch_floats = scratch_floats;
  a->k = filled(a, heads * keys * dim, &seed);
  a->v = filled(a, heads * keys * dim, &seed);
  a->q = filled(a, heads * queries * dim, &seed);
  a->out = arena_take(&a->arena, (size_t)(heads * queries * dim) * 4);
  a->rows = attention_rows(simd_best());
  if (scratch_for(a, 1))
    return a;
  snprintf(why, KERNEL_WHY, "no memory");
  attention_finish(a);
  return NULL;
}

void attention_run(void *state)
{
  struct attention *a = state;
  team_run(a->team, a->part, a);
}

bool attention_threads(void *state, int n)
{
  struct attention *a = state;
  team_free(a->team);
  a->team = team_new(n);
  return a->team != NULL && scratch_for(a, n);
}

/* ---- check --------------------------------------------------------------------------------------------------------- */

static double score_of(const struct attention *a, long head, long query, long key)
{
  const float *q = a->q + (head * a->queries + query) * a->dim, *k = a->k + (head * a->keys + key) * a->dim;
  double sum = 0;
  for (long i = 0; i < a->dim; i++)
    sum += (double)q[i] * (double)k[i];
  return sum / sqrt((double)a->dim);
}

/* out: dim numbers; weight: keys numbers of room. */
static void row_slowly(const struct attention *a, long head, long query, double *weight, double *out)
{
  double top = -INFINITY, total = 0;
  for (long t = 0; t < a->keys; t++)
    top = fmax(top, weight[t] = score_of(a, head, query, t));
  for (long i = 0; i < a->dim; i++)
    out[i] = 0;
  for (long t = 0; t < a->keys; t++) {
    double w = exp(weight[t] - top);
    total += w;
    for (long i = 0; i < a->dim; i++)
      out[i] += w * (double)a->v[(head * a->keys + t) * a->dim + i];
  }
  for (long i = 0; i < a->dim; i++)
    out[i] /= total;
}

static bool row_right(const struct attention *a, long row, double *room, char *why)
{
  double *want = room + a->keys;
  row_slowly(a, row / a->queries, row % a->queries, room, want);
  for (long i = 0; i < a->dim; i++) {
    double got = (double)a->out[row * a->dim + i];
    if (!(fabs(got - want[i]) <= 2e-5)) {
      snprintf(why, KERNEL_WHY, "head %ld, query %ld, element %ld: %.7g, expected %.7g", row / a->queries, row % a->queries, i, got, want[i]);
      return false;
    }
  }
  return true;
}

bool attention_check(void *state, char *why)
{
  const struct attention *a = state;
  long rows = a->heads * a->queries, step = rows > CHECKED_ROWS ? rows / CHECKED_ROWS | 1 : 1;
  double *room = malloc((size_t)(a->keys + a->dim) * sizeof *room);
  bool good = room != NULL;
  for (long r = 0; good && r < rows; r += step)
    good = row_right(a, r, room, why);
  good = good && row_right(a, rows - 1, room, why);
  free(room);
  return good;
}

/* ---- handing over --------------------------------------------------------------------------------------------------- */

/* Where the i-th handed number lies. */
static float *place_of(const struct attention *a, long i)
{
  long own = a->heads * a->dim, token = i / (3 * own), of_token = i % (3 * own), head = of_token % own / a->dim;
  long of_head = of_token % a->dim;
  if (of_token < own)
    return a->q + (head * a->queries + token) * a->dim + of_head;
  return (of_token < 2 * own ? a->k : a->v) + (head * a->keys + a->keys - a->queries + token) * a->dim + of_head;
}

/* What lies there, by another way: the handed numbers are [token][query, key, value][head][element]. */
static double handed_at(const void *state, long i)
{
  const struct attention *a = state;
  const float *const tensor[] = {a->q, a->k, a->v};
  const long rows[] = {a->queries, a->keys, a->keys}, first[] = {0, a->keys - a->queries, a->keys - a->queries};
  long element = i % a->dim, head = i / a->dim % a->heads, t = i / a->dim / a->heads % 3, token = i / a->dim / a->heads / 3;
  return (double)tensor[t][(head * rows[t] + first[t] + token) * a->dim + element];
}

size_t attention_result(void *state, void *out, size_t room)
{
  const struct attention *a = state;
  size_t row = (size_t)a->dim * sizeof(float), bytes = 0;
  for (long token = 0; token < a->queries; token++)
    for (long head = 0; head < a->heads && bytes + row <= room; head++, bytes += row)
      memcpy((char *)out + bytes, a->out + (head * a->queries + token) * a->dim, row);
  return bytes;
}

size_t attention_feed(void *state, const void *data, size_t bytes)
{
  struct attention *a = state;
  struct hand h = hand_of(data, bytes);
  long n = 3 * a->queries * a->heads * a->dim;
  float scale = hand_scale(&h, (size_t)n, 2);
  for (long i = 0; i < n; i++)
    *place_of(a, i) = hand_at(&h, (size_t)i) * scale;
  return (size_t)n * sizeof(float);
}

bool attention_fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct attention *a = state;
  struct hand h = hand_of(data, bytes);
  return hand_same(&h, a, handed_at, 3 * a->queries * a->heads * a->dim, 1e-5, why);
}
