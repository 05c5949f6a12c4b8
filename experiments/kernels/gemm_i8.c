/* gemm_i8.c: the product of two matrices of 8 bit numbers with sums of 32 bit, as quantised encoders compute it.
 *
 * C (m x n) = A (m x k) B (k x n): 2 m n k operations. B are weights, packed beforehand, A lies row by row. Blocks of 512
 * rows of B keep a panel of 32 columns (16 kB) in the first cache while all rows of A pass it. Example: m 64, n 384, k 1536
 * are 75.5 million operations; weights 590 kB; working set 786 kB.
 */
#include "experiments/kernels/arena.h"
#include "experiments/kernels/gemm_i8_tile.h"
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/matrix.h"
#include "experiments/kernels/team.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct gemm_i8 {
  long m, n, k;
  uint8_t *a;                                   /* value + 128 */
  int8_t *b, *packed;                           /* row by row, for the check; as the tiles want it */
  int32_t *c, *start;                           /* start: -128 x the sum of B's column */
  tile_fn *tile;
  struct arena arena;
  struct team *team;
};

enum { BLOCK = 512 };                           /* rows of B; a multiple of 4 */

static double working_set(const double *p)
{
  double m = p[MATRIX_M], n = p[MATRIX_N], k = p[MATRIX_K];
  return m * k + k * n + 4 * m * n;
}

static double axis_value(const double *p, int axis)
{
  return axis == 0 ? working_set(p) : axis == 1 ? p[MATRIX_K] * p[MATRIX_N] : p[MATRIX_M];
}

static bool allowed(const double *p)
{
  return matrix_allowed(p, working_set);
}

static void finish(void *state)
{
  struct gemm_i8 *g = state;
  team_free(g->team);
  arena_free(&g->arena);
  free(g);
}

static void pack(struct gemm_i8 *g)
{
  for (long i = 0; i < g->k; i++)
    for (long j = 0; j < g->n; j++) {
      int8_t *panel = g->packed + j / TILE_COLUMNS * TILE_COLUMNS * g->k;
      panel[i / 4 * TILE_LINE + j % TILE_COLUMNS * 4 + i % 4] = g->b[i * g->n + j];
      g->start[j] -= 128 * g->b[i * g->n + j];
    }
}

/* Panels and lines are whole: other shapes are refused. */
static bool shape_fits(const double *p, char *why)
{
  if ((long)p[MATRIX_N] % TILE_COLUMNS == 0 && (long)p[MATRIX_K] % 4 == 0)
    return true;
  snprintf(why, KERNEL_WHY, "n must be a multiple of %d and k of 4", TILE_COLUMNS);
  return false;
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct gemm_i8 *g = calloc(1, sizeof *g);
  double n = p[MATRIX_N], k = p[MATRIX_K];
  if (!g || !shape_fits(p, why) || !arena_new(&g->arena, (size_t)(working_set(p) + n * k + 4 * n), 5, why)) {
    free(g);
    return NULL;
  }
  g->m = (long)p[MATRIX_M], g->n = (long)n, g->k = (long)k;
  g->packed = arena_take(&g->arena, (size_t)(g->k * g->n));
  g->a = arena_take(&g->arena, (size_t)(g->m * g->k));
  g->c = arena_take(&g->arena, (size_t)(g->m * g->n) * 4);
  g->start = arena_take(&g->arena, (size_t)g->n * 4);
  g->b = arena_take(&g->arena, (size_t)(g->k * g->n));
  for (long i = 0; i < g->m * g->k; i++)
    g->a[i] = (uint8_t)kernel_random(&seed);
  for (long i = 0; i < g->k * g->n; i++)
    g->b[i] = (int8_t)kernel_random(&seed);
  pack(g);
  g->tile = tile_of(simd_best());
  return g;
}

static void panel_block(const struct gemm_i8 *g, long column, long from, long to)
{
  struct tile t = {.a_ld = g->k, .panel = g->packed + column * g->k + from / 4 * TILE_LINE, .lines = (to - from) / 4, .c_ld = g->n};
  for (long row = 0; row < g->m; row += TILE_ROWS) {
    t.a = g->a + row * g->k + from;
    t.c = g->c + row * g->n + column;
    t.start = from == 0 ? g->start + column : t.c;
    t.start_ld = from == 0 ? 0 : g->n;
    g->tile(&t, (int)(g->m - row < TILE_ROWS ? g->m - row : TILE_ROWS));
  }
}

static void part_of(void *state, int part, int parts)
{
  const struct gemm_i8 *g = state;
  long begin = team_begin(g->n, TILE_COLUMNS, part, parts), end = team_begin(g->n, TILE_COLUMNS, part + 1, parts);
  for (long from = 0; from < g->k; from += BLOCK)
    for (long column = begin; column < end; column += TILE_COLUMNS)
      panel_block(g, column, from, from + BLOCK < g->k ? from + BLOCK : g->k);
}

static void run(void *state)
{
  team_run(((struct gemm_i8 *)state)->team, part_of, state);
}

static bool threads(void *state, int n)
{
  struct gemm_i8 *g = state;
  team_free(g->team);
  g->team = team_new(n);
  return g->team != NULL;
}

static double a_at(const void *x, long i)
{
  return ((const uint8_t *)x)[i] - 128;
}

static double b_at(const void *x, long i)
{
  return ((const int8_t *)x)[i];
}

static double c_at(const void *x, long i)
{
  return ((const int32_t *)x)[i];
}

/* All numbers are integers below 2^53: exact. */
static bool check(void *state, char *why)
{
  const struct gemm_i8 *g = state;
  struct matrix_product x = {g->m, g->n, g->k, g->a, g->b, g->c, a_at, b_at, c_at};
  return matrix_check(&x, 0, 1, why);
}

static size_t result(void *state, void *out, size_t room)
{
  const struct gemm_i8 *g = state;
  size_t n = (size_t)(g->m * g->n);
  float *to = out;
  n = n < room / sizeof *to ? n : room / sizeof *to;
  for (size_t i = 0; i < n; i++)
    to[i] = (float)g->c[i];
  return n * sizeof *to;
}

/* Quantised, one scale for all. */
static size_t feed(void *state, const void *data, size_t bytes)
{
  struct gemm_i8 *g = state;
  struct hand h = hand_of(data, bytes);
  size_t n = (size_t)(g->m * g->k);
  float scale = hand_scale(&h, n, 127);
  for (size_t i = 0; i < n; i++)
    g->a[i] = (uint8_t)(lrintf(hand_at(&h, i) * scale) + 128);
  return n * sizeof *g->a;
}

/* Half a step of 127, and as much again for a factor that was found from rounded values. */
static bool fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct gemm_i8 *g = state;
  struct hand h = hand_of(data, bytes);
  return hand_same(&h, g->a, a_at, g->m * g->k, 1 / 127., why);
}

const struct kernel kernel_gemm_i8 = {
  .name = "gemm_i8", .version = 1, .unit = "FLOP", .bound = BOUND_COMPUTE,
  .n_parameters = 3,
  .parameter = {{"m", MATRIX_LOW_M, MATRIX_HIGH_M, 8}, {"n", 256, 4096, 64}, {"k", 256, 4096, 64}},
  .n_axes = 3, .axis = {"working_set", "weights", "m"},
  .full = KERNEL_GRID(matrix_full), .quick = KERNEL_GRID(matrix_quick),
  .units = matrix_flop, .axis_value = axis_value, .flop = matrix_flop, .bytes = working_set, .allowed = allowed,
  .prepare = prepare, .run = run, .check = check, .threads = threads, .finish = finish,
  .result = result, .feed = feed, .fed = fed,
};
