/* gemm.c: the product of two matrices of 32 bit numbers, by OpenBLAS.
 *
 * C (m x n) = A (m x k) B (k x n): 2 m n k operations. B are the weights of a layer, m the tokens of a batch. The library
 * repacks B at every call, which costs a share of the time that falls with m: hence the axes weights and m. Example:
 * m 64, n 384, k 1536 are 75.5 MFLOP; weights 2.36 MB; working set 2.85 MB.
 *
 * Rows of B that lie a multiple of 2 KiB apart fall into few sets of the first cache, so that repacking stumbles over itself:
 * with 8 rows of A, n 1024 and k 1152 took 20.9 ps/FLOP, and 16.3 with a cache line between the rows, as programs that keep
 * weights lay them out.
 */
#include "experiments/kernels/arena.h"
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/matrix.h"
#include "experiments/kernels/team.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

struct gemm {
  long m, n, k, stride;                         /* of B's rows */
  float *a, *b, *c;
  struct arena arena;
  struct team *team;
};

enum { COLUMNS = 64 };                          /* a part of the columns is a multiple of these */
enum { LINE = 16, CLASH = 512 };                /* numbers of a cache line; of rows that clash */

static long stride_of(long n)
{
  return n % CLASH ? n : n + LINE;
}

static double working_set(const double *p)
{
  double m = p[MATRIX_M], n = p[MATRIX_N], k = p[MATRIX_K];
  return 4 * (m * k + k * n + m * n);
}

static double axis_value(const double *p, int axis)
{
  return axis == 0 ? working_set(p) : axis == 1 ? 4 * p[MATRIX_K] * p[MATRIX_N] : p[MATRIX_M];
}

static bool allowed(const double *p)
{
  return matrix_allowed(p, working_set);
}

static void finish(void *state)
{
  struct gemm *g = state;
  team_free(g->team);
  arena_free(&g->arena);
  free(g);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct gemm *g = calloc(1, sizeof *g);
  long stride = stride_of((long)p[MATRIX_N]);
  size_t between = 4 * (size_t)(stride - (long)p[MATRIX_N]) * (size_t)p[MATRIX_K];
  if (!g || !arena_new(&g->arena, (size_t)working_set(p) + between, 3, why)) {
    free(g);
    return NULL;
  }
  g->m = (long)p[MATRIX_M], g->n = (long)p[MATRIX_N], g->k = (long)p[MATRIX_K], g->stride = stride;
  g->b = arena_take(&g->arena, 4 * (size_t)(g->k * g->stride));
  g->a = arena_take(&g->arena, 4 * (size_t)(g->m * g->k));
  g->c = arena_take(&g->arena, 4 * (size_t)(g->m * g->n));
  for (long i = 0; i < g->k * g->stride; i++)
    g->b[i] = kernel_random_f32(&seed);
  for (long i = 0; i < g->m * g->k; i++)
    g->a[i] = kernel_random_f32(&seed);
  return g;
}

static void part_of(void *state, int part, int parts)
{
  struct gemm *g = state;
  long from = team_begin(g->n, COLUMNS, part, parts), to = team_begin(g->n, COLUMNS, part + 1, parts);
  if (to > from)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)g->m, (int)(to - from), (int)g->k, 1.0f, g->a, (int)g->k,
                g->b + from, (int)g->stride, 0.0f, g->c + from, (int)g->n);
}

static void run(void *state)
{
  struct gemm *g = state;
  team_run(g->team, part_of, g);
}

static bool threads(void *state, int n)
{
  struct gemm *g = state;
  team_free(g->team);
  g->team = team_new(n);
  return g->team != NULL;
}

static double at(const void *x, long i)
{
  return ((const float *)x)[i];
}

static double weight_at(const void *state, long i)
{
  const struct gemm *g = state;
  return g->b[i / g->n * g->stride + i % g->n];
}

/* The error of a sum of k products of numbers up to 1 is about k eps / 6 in 32 bit, that of n such sums sqrt(n) times it;
 * 1e-6 k sqrt(n) is 50 times that, and a thousandth of what one element left out makes (0.3 for k = 384). */
static bool check(void *state, char *why)
{
  struct gemm *g = state;
  struct matrix_product x = {g->m, g->n, g->k, g->a, g, g->c, at, weight_at, at};
  return matrix_check(&x, 1e-6 * (double)g->k * sqrt((double)g->n), 1, why);
}

static size_t result(void *state, void *out, size_t room)
{
  const struct gemm *g = state;
  return hand_out(g->c, (size_t)(g->m * g->n) * sizeof *g->c, out, room);
}

static size_t feed(void *state, const void *data, size_t bytes)
{
  struct gemm *g = state;
  struct hand h = hand_of(data, bytes);
  hand_floats(&h, g->a, (size_t)(g->m * g->k), 1);
  return (size_t)(g->m * g->k) * sizeof *g->a;
}

static bool fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct gemm *g = state;
  struct hand h = hand_of(data, bytes);
  return hand_same_floats(&h, g->a, (size_t)(g->m * g->k), why);
}

const struct kernel kernel_gemm_f32 = {
  .name = "gemm_f32", .version = 1, .unit = "FLOP", .bound = BOUND_COMPUTE,
  .n_parameters = 3,
  .parameter = {{"m", MATRIX_LOW_M, MATRIX_HIGH_M, 8}, {"n", 256, 4096, 64}, {"k", 256, 4096, 64}},
  .n_axes = 3, .axis = {"working_set", "weights", "m"},
  .full = KERNEL_GRID(matrix_full), .quick = KERNEL_GRID(matrix_quick),
  .units = matrix_flop, .axis_value = axis_value, .flop = matrix_flop, .bytes = working_set, .allowed = allowed,
  .prepare = prepare, .run = run, .check = check, .threads = threads, .finish = finish,
  .result = result, .feed = feed, .fed = fed,
};
