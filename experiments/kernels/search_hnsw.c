/* search_hnsw.c: search in a hierarchy of graphs of neighbours (Malkov and Yashunin 2020, IEEE TPAMI 42(4)), with M = 16:
 * at most 32 links a vector in the lowest graph, 16 above.
 *
 * Unit of work: a candidate: ef of them in the lowest graph and about 8 on the way down to it, ef + 8; the distances that a
 * search evaluates grow a little with the number of vectors besides, which is in the cost. ef 64: 72 candidates. Working set: vectors and the links of the lowest graph, items (4 dimensions +
 * 4 x 33) B; a search touches a small part of it, another part each time (256 queries take turns).
 * Self-check: the part of the true nearest, by all dot products in double precision, that searches for queries like the data find.
 * What was found last, for whatever query it was: dot products that are right, from the nearest on, and an end at which a search
 * may stop: no link of a vector nearer than the last found leads to one that is so too and was not found. */
#include "experiments/kernels/hand.h"
#include "experiments/kernels/hnsw.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS, DIMENSIONS, EF, TOP };
#define NEAR 1e-4                                       /* of a sum in single precision */
enum { DOWN = 8, TURNS = 256, CHECKED = 24, BUILD_EF = 48 };

struct walk {
  struct hnsw *graph;
  float *vector, *query;
  size_t items, dimensions, ef, top, turn;
  const struct best *found;                             /* by the last search of all */
};

static double walk_units(const double *p) { return p[EF] + DOWN; }
static double walk_bytes(const double *p) { return p[ITEMS] * (4 * p[DIMENSIONS] + 4 * (HNSW_LINKS + 1)); }
static double walk_axis(const double *p, int axis) { return axis == 0 ? walk_bytes(p) : axis == 1 ? p[DIMENSIONS] : p[EF]; }
static bool walk_allowed(const double *p) { return walk_bytes(p) >= 660. * 1024 && walk_bytes(p) <= 1668. * 24576; }

static void walk_finish(void *state)
{
  struct walk *s = state;
  if (!s) return;
  hnsw_free(s->graph);
  free(s->vector);
  free(s->query);
  free(s);
}

static void *walk_prepare(const double *p, uint64_t seed, char *why)
{
  struct walk *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->items = scratch_count(p[ITEMS]);
  s->dimensions = scratch_count(p[DIMENSIONS]);
  s->ef = scratch_count(p[EF]);
  s->top = scratch_count(p[TOP]);
  s->vector = vectors_make(s->items, s->dimensions, seed, 0);
  s->query = vectors_make(TURNS, s->dimensions, seed, 1);
  if (s->vector && s->query) s->graph = hnsw_build(s->vector, s->items, s->dimensions, BUILD_EF, s->ef, seed);
  if (s->graph) return s;
  walk_finish(s);
  return scratch_why(why, "no memory for %.0f vectors", p[ITEMS]), NULL;
}

static void walk_run(void *state)
{
  struct walk *s = state;
  s->turn = (s->turn + 1) % TURNS;
  kernel_keep(s->found = hnsw_search(s->graph, s->query + s->turn * s->dimensions, s->ef));
}

static double exact_dot(const float *a, const float *b, size_t n)
{
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += (double)a[k] * (double)b[k];
  return sum;
}

/* How many of the `top` found are as near as the top-th nearest of all is. */
static size_t found_of_top(struct walk *s, const float *query, double *dot)
{
  for (size_t i = 0; i < s->items; i++) dot[i] = exact_dot(s->vector + i * s->dimensions, query, s->dimensions);
  const struct best *found = hnsw_search(s->graph, query, s->ef);
  size_t right = 0;
  for (size_t k = 0; k < found->n && k < s->top; k++) {
    size_t nearer = 0;
    for (size_t i = 0; i < s->items; i++) nearer += dot[i] > dot[found->item[k].item];
    right += nearer < s->top && fabs(dot[found->item[k].item] - (double)found->item[k].score) < NEAR;
  }
  return right;
}

static bool is_found(const struct best *found, uint32_t item)
{
  for (size_t k = 0; k < found->n; k++)
    if (found->item[k].item == item) return true;
  return false;
}

/* Do links of the k-th found lead to nobody who is nearer than `last` and was not found? (The last one's own are not followed.) */
static bool led_nowhere(const struct walk *s, size_t k, const float *query, double last)
{
  const uint32_t *links = hnsw_links(s->graph, s->found->item[k].item);
  for (uint32_t i = 1; i <= links[0]; i++)
    if (!is_found(s->found, links[i]) && exact_dot(s->vector + links[i] * s->dimensions, query, s->dimensions) > last + NEAR) return false;
  return true;
}

static bool last_search_right(const struct walk *s, char *why)
{
  const float *query = s->query + s->turn * s->dimensions;
  double before = INFINITY, last = s->found->n < s->ef ? -INFINITY : (double)s->found->item[s->found->n - 1].score;
  for (size_t k = 0; k < s->found->n; k++) {
    struct best_item x = s->found->item[k];
    double dot = exact_dot(s->vector + x.item * s->dimensions, query, s->dimensions);
    if (!(fabs(dot - (double)x.score) < NEAR && dot < before + NEAR))
      return scratch_why(why, "%zu. of the last query: nearness %.6g, told %.6g, before it %.6g", k + 1, dot, (double)x.score, before);
    if ((double)x.score > last && !led_nowhere(s, k, query, last)) return scratch_why(why, "a link of the %zu. found for the last query was not followed", k + 1);
    before = dot;
  }
  return s->found->n >= s->top || scratch_why(why, "%zu found for the last query, %zu wanted", s->found->n, s->top);
}

static bool walk_check(void *state, char *why)
{
  struct walk *s = state;
  if (s->found && !last_search_right(s, why)) return false;
  double *dot = malloc(s->items * sizeof *dot);
  if (!dot) return scratch_why(why, "no memory to check");
  size_t right = 0;
  for (size_t q = 0; q < CHECKED; q++) right += found_of_top(s, s->query + q * s->dimensions, dot);
  free(dot);
  s->found = hnsw_search(s->graph, s->query + s->turn * s->dimensions, s->ef);  /* leaves behind what it left */
  double recall = (double)right / (double)(CHECKED * s->top), wanted = s->ef >= 3 * s->top ? 0.85 : 0.6;
  return recall >= wanted || scratch_why(why, "recall %.2f of the best %zu with ef %zu; at least %.2f wanted", recall, s->top, s->ef, wanted);
}

static size_t walk_result(void *state, void *out, size_t room)
{
  const struct walk *s = state;
  size_t one = s->dimensions * sizeof *s->vector, bytes = 0;
  for (size_t k = 0; s->found && k < s->found->n && k < s->top && bytes + one <= room; k++, bytes += one)
    memcpy((char *)out + bytes, s->vector + s->found->item[k].item * s->dimensions, one);
  return bytes;
}

/* In place of the query whose turn is next. */
static size_t walk_feed(void *state, const void *data, size_t bytes)
{
  struct walk *s = state;
  struct hand h = hand_of(data, bytes);
  hand_unit(&h, s->query + (s->turn + 1) % TURNS * s->dimensions, s->dimensions);
  return s->dimensions * sizeof *s->query;
}

static bool walk_fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct walk *s = state;
  struct hand h = hand_of(data, bytes);
  return hand_same_floats(&h, s->query + s->turn * s->dimensions, s->dimensions, why);
}

static const double full[][KERNEL_PARAMETERS] = {
  {1024, 128, 64, 10}, {4096, 128, 64, 10}, {16384, 128, 64, 10}, {40960, 128, 64, 10},
  {1024, 384, 64, 10}, {2048, 384, 64, 10}, {4096, 384, 64, 10}, {8192, 384, 64, 10}, {24576, 384, 64, 10},
  {1024, 384, 16, 10}, {8192, 384, 16, 10}, {8192, 384, 32, 10}, {1024, 384, 128, 10}, {8192, 384, 128, 10},
  {4096, 128, 16, 10}, {4096, 128, 128, 10}, {16384, 256, 64, 10},
};
static const double quick[][KERNEL_PARAMETERS] = {
  {1024, 384, 64, 10}, {4096, 384, 64, 10}, {8192, 384, 64, 10}, {4096, 128, 64, 10}, {16384, 128, 64, 10}, {8192, 384, 16, 10}};

const struct kernel kernel_vector_search_hnsw = {
  .name = "vector_search_hnsw", .version = 1, .unit = "candidate", .bound = BOUND_MEMORY,
  .n_parameters = 4,
  .parameter = {{"items", 1024, 40960, 1}, {"dimensions", 128, 384, VECTORS_STEP}, {"ef", 16, 128, 1}, {"top", 10, 10, 1}},
  .n_axes = 3, .axis = {"working_set", "dimensions", "ef"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = walk_units, .axis_value = walk_axis, .allowed = walk_allowed,
  .prepare = walk_prepare, .run = walk_run, .check = walk_check, .finish = walk_finish,
  .result = walk_result, .feed = walk_feed, .fed = walk_fed,
};
