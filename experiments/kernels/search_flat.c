/* search_flat.c: exact top-k search. Every vector is read once for all queries of a call.
 *
 * Work: 2 items dimensions queries FLOP; 1000 vectors of 384 dimensions, one query: 768 kFLOP over 1.536 MB.
 * One query is held up by memory, many by arithmetic: the second axis is the number of queries.
 * Self-check: all dot products in double precision, the best by repeated search of the maximum. */
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS, DIMENSIONS, QUERIES, TOP };
enum { BLOCK = 16, CHECKED = 4 };                       /* vectors of a block are used by every query while they are near */

struct flat {
  size_t items, dimensions, queries, top;
  float *vector, *query;
  struct best *best;
  struct best_item *kept;
};

static double flat_units(const double *p) { return 2 * p[ITEMS] * p[DIMENSIONS] * p[QUERIES]; }
static double flat_bytes(const double *p) { return 4 * p[ITEMS] * p[DIMENSIONS]; }
static double flat_axis(const double *p, int axis) { return axis == 0 ? flat_bytes(p) : axis == 1 ? p[QUERIES] : p[DIMENSIONS]; }

static void flat_finish(void *state)
{
  struct flat *s = state;
  if (!s) return;
  free(s->vector);
  free(s->query);
  free(s->best);
  free(s->kept);
  free(s);
}

static void *flat_prepare(const double *p, uint64_t seed, char *why)
{
  struct flat *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->items = scratch_count(p[ITEMS]);
  s->dimensions = scratch_count(p[DIMENSIONS]);
  s->queries = scratch_count(p[QUERIES]);
  s->top = scratch_count(p[TOP]);
  s->vector = vectors_make(s->items, s->dimensions, seed, 0);
  s->query = vectors_make(s->queries, s->dimensions, seed, 1);
  s->best = calloc(s->queries, sizeof *s->best);
  s->kept = calloc(s->queries * s->top, sizeof *s->kept);
  if (s->vector && s->query && s->best && s->kept) return s;
  flat_finish(s);
  return scratch_why(why, "no memory for %.0f vectors", p[ITEMS]), NULL;
}

static void offer_block(struct best *best, const float *score, size_t first, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (best_wants(best, score[i])) best_offer(best, score[i], (uint32_t)(first + i));
}

static void flat_run(void *state)
{
  struct flat *s = state;
  float score[BLOCK];
  for (size_t q = 0; q < s->queries; q++) s->best[q] = (struct best){0, s->top, s->kept + q * s->top};
  for (size_t i = 0; i < s->items; i += BLOCK) {
    size_t n = s->items - i < BLOCK ? s->items - i : BLOCK;
    for (size_t q = 0; q < s->queries; q++) {
      vectors_dot(s->vector + i * s->dimensions, n, s->dimensions, s->query + q * s->dimensions, score);
      offer_block(&s->best[q], score, i, n);
    }
  }
  for (size_t q = 0; q < s->queries; q++) best_sort(&s->best[q]);
  kernel_keep(s->kept);
}

static double exact_dot(const struct flat *s, size_t q, size_t item)
{
  double sum = 0;
  for (size_t k = 0; k < s->dimensions; k++)
    sum += (double)s->query[q * s->dimensions + k] * (double)s->vector[item * s->dimensions + k];
  return sum;
}

/* The k-th best score by the definition: with the best of the others taken away. */
static bool one_query_right(const struct flat *s, size_t q, char *why)
{
  double *exact = malloc(s->items * sizeof *exact);
  if (!exact) return scratch_why(why, "no memory to check");
  for (size_t i = 0; i < s->items; i++) exact[i] = exact_dot(s, q, i);
  bool right = s->best[q].n == (s->top < s->items ? s->top : s->items);
  for (size_t k = 0; k < s->best[q].n && right; k++) {
    size_t best = 0;
    for (size_t i = 1; i < s->items; i++) best = exact[i] > exact[best] ? i : best;
    struct best_item found = s->best[q].item[k];
    right = found.item < s->items && fabs(exact[best] - (double)found.score) < 1e-4 && exact[found.item] > -2
            && exact[best] - exact[found.item] < 1e-4;
    exact[found.item < s->items ? found.item : 0] = -4;
  }
  free(exact);
  return right || scratch_why(why, "query %zu: not the best %zu of %zu vectors", q, s->top, s->items);
}

static bool flat_check(void *state, char *why)
{
  struct flat *s = state;
  for (size_t q = 0; q < s->queries && q < CHECKED; q++)
    if (!one_query_right(s, q, why)) return false;
  return true;
}

/* The vectors found, the nearest first. */
static size_t flat_result(void *state, void *out, size_t room)
{
  const struct flat *s = state;
  size_t one = s->dimensions * sizeof *s->vector, bytes = 0;
  for (size_t q = 0; q < s->queries; q++)
    for (size_t k = 0; k < s->best[q].n && bytes + one <= room; k++, bytes += one)
      memcpy((char *)out + bytes, s->vector + s->best[q].item[k].item * s->dimensions, one);
  return bytes;
}

static struct hand query_handed(const struct flat *s, const void *data, size_t bytes, size_t query)
{
  struct hand h = hand_of(data, bytes);
  h.from = query * s->dimensions;
  return h;
}

static size_t flat_feed(void *state, const void *data, size_t bytes)
{
  struct flat *s = state;
  for (size_t q = 0; q < s->queries; q++) {
    struct hand h = query_handed(s, data, bytes, q);
    hand_unit(&h, s->query + q * s->dimensions, s->dimensions);
  }
  return s->queries * s->dimensions * sizeof *s->query;
}

static bool flat_fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct flat *s = state;
  bool same = true;
  for (size_t q = 0; q < s->queries && same; q++) {
    struct hand h = query_handed(s, data, bytes, q);
    same = hand_same_floats(&h, s->query + q * s->dimensions, s->dimensions, why);
  }
  return same;
}

#define SETS(queries) \
  {256, 384, queries, 10}, {1024, 384, queries, 10}, {2048, 384, queries, 10}, {4096, 384, queries, 10}, {8192, 384, queries, 10}, \
  {16384, 384, queries, 10}, {32768, 384, queries, 10}, {65536, 384, queries, 10}
static const double full[][KERNEL_PARAMETERS] = {
  SETS(1), SETS(4), SETS(16), {1536, 256, 1, 10}, {12288, 256, 1, 10}, {512, 768, 1, 10}, {4096, 768, 1, 10}, {16384, 768, 1, 10}};
#define FEW_SETS(queries) \
  {256, 384, queries, 10}, {1024, 384, queries, 10}, {4096, 384, queries, 10}, {16384, 384, queries, 10}, {32768, 384, queries, 10}, \
  {65536, 384, queries, 10}
static const double quick[][KERNEL_PARAMETERS] = {FEW_SETS(1), FEW_SETS(16)};

static bool flat_allowed(const double *p)
{
  return flat_bytes(p) >= 4 * 256 * 384 && flat_bytes(p) <= 4. * 65536 * 384;
}

const struct kernel kernel_vector_search_flat = {
  .name = "vector_search_flat", .version = 1, .unit = "FLOP", .bound = BOUND_MEMORY,
  .n_parameters = 4,
  .parameter = {{"items", 256, 65536, 1}, {"dimensions", 256, 768, VECTORS_STEP}, {"queries", 1, 16, 1}, {"top", 10, 10, 1}},
  .n_axes = 3, .axis = {"working_set", "queries", "dimensions"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = flat_units, .axis_value = flat_axis, .flop = flat_units, .bytes = flat_bytes, .allowed = flat_allowed,
  .prepare = flat_prepare, .run = flat_run, .check = flat_check, .finish = flat_finish,
  .result = flat_result, .feed = flat_feed, .fed = flat_fed,
};
