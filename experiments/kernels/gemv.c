/* gemv.c: a matrix of quantised weights times one vector: one layer of a language model for one token. Every weight is read
 * once, so memory holds it up.
 *
 * gemv_i8: weights of 8 bit, one scale a row: n k bytes. gemv_i4: weights of 4 bit with one scale of 16 bit for each group
 * along a row: n k / 2 + 2 n k / group bytes, example n 4096, k 4096, group 32: 9.44 MB. The vector is quantised to 8 bit at
 * the beginning of each execution, as an engine does.
 */
#include "experiments/kernels/arena.h"
#include "experiments/kernels/gemv_rows.h"
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/team.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N, K, GROUP, CHECKED_WEIGHTS = 1 << 23 };

struct gemv {
  long n, k, group;                             /* group 0: 8 bit */
  size_t panel_bytes;
  uint8_t *panels;
  float *x, *y, *row_scale, x_scale;
  int32_t *row_offset;                          /* 8 bit: -128 x the sum of the row's weights */
  struct gemv_vector v;
  gemv_i8_rows_fn *i8;
  gemv_i4_rows_fn *i4;
  struct arena arena;
  struct team *team;
};

static double i8_bytes(const double *p)
{
  return p[N] * p[K];
}

static double i4_bytes(const double *p)
{
  return p[N] * p[K] / 2 + 2 * p[N] * p[K] / p[GROUP];
}

static double i8_axis(const double *p, int axis)
{
  return i8_bytes(p);
}

static double i4_axis(const double *p, int axis)
{
  return i4_bytes(p);
}

static double flop(const double *p)
{
  return 2 * p[N] * p[K];
}

static void finish(void *state)
{
  struct gemv *g = state;
  team_free(g->team);
  arena_free(&g->arena);
  free(g);
}

static bool threads(void *state, int n)
{
  struct gemv *g = state;
  team_free(g->team);
  g->team = team_new(n);
  return g->team != NULL;
}

/* ---- data ---------------------------------------------------------------------------------------------------------- */

static void take_vectors(struct gemv *g)
{
  long groups = g->group ? g->k / g->group : 1;
  g->x = arena_take(&g->arena, (size_t)g->k * 4);
  g->y = arena_take(&g->arena, (size_t)g->n * 4);
  g->row_scale = arena_take(&g->arena, (size_t)g->n * 4);
  g->row_offset = arena_take(&g->arena, (size_t)g->n * 4);
  g->v = (struct gemv_vector){.u8 = arena_take(&g->arena, (size_t)g->k), .i8 = arena_take(&g->arena, (size_t)g->k),
                              .scale = arena_take(&g->arena, (size_t)groups * 4), .offset = arena_take(&g->arena, (size_t)groups * 4)};
}

static struct gemv *gemv_new(const double *p, long group, size_t panel_bytes, char *why)
{
  struct gemv *g = calloc(1, sizeof *g);
  long n = (long)p[N], k = (long)p[K], panels = (n + GEMV_ROWS - 1) / GEMV_ROWS;
  if (!g || !arena_new(&g->arena, (size_t)panels * panel_bytes + (size_t)(14 * k + 12 * n), 9, why)) {
    free(g);
    return NULL;
  }
  g->n = n, g->k = k, g->group = group, g->panel_bytes = panel_bytes;
  g->panels = arena_take(&g->arena, (size_t)panels * panel_bytes);
  take_vectors(g);
  return g;
}

static void fill(void *to, size_t bytes, uint64_t *seed)
{
  for (size_t i = 0; i + 8 <= bytes; i += 8) {
    uint64_t x = kernel_random(seed);
    memcpy((char *)to + i, &x, 8);
  }
}

static void fill_vector(struct gemv *g, uint64_t *seed)
{
  for (long i = 0; i < g->k; i++)
    g->x[i] = kernel_random_f32(seed);
}

/* The weight of a row and column as the layout in gemv_rows.h says, without using it. */
static int i8_weight(const struct gemv *g, long row, long column)
{
  const int8_t *panel = (const int8_t *)g->panels + (size_t)(row / GEMV_ROWS) * g->panel_bytes;
  return panel[column / 4 * GEMV_LINE + row % GEMV_ROWS * 4 + column % 4];
}

static const uint8_t *i4_group(const struct gemv *g, long row, long column)
{
  return g->panels + (size_t)(row / GEMV_ROWS) * g->panel_bytes + column / g->group * (GEMV_SCALES + g->group / 8 * GEMV_LINE);
}

static double i4_weight(const struct gemv *g, long row, long column)
{
  const uint8_t *group = i4_group(g, row, column);
  long i = column % g->group;
  int byte = group[GEMV_SCALES + i / 8 * GEMV_LINE + row % GEMV_ROWS * 4 + i % 4];
  uint16_t scale;
  memcpy(&scale, group + 2 * (row % GEMV_ROWS), 2);
  return ((i % 8 < 4 ? byte & 15 : byte >> 4) - 8) * ldexp(1 + (scale & 1023) / 1024.0, (scale >> 10) - 15);
}

static void *i8_prepare(const double *p, uint64_t seed, char *why)
{
  struct gemv *g = gemv_new(p, 0, (size_t)p[K] * GEMV_ROWS, why);
  if (!g)
    return NULL;
  fill(g->panels, (size_t)(g->n + GEMV_ROWS - 1) / GEMV_ROWS * g->panel_bytes, &seed);
  fill_vector(g, &seed);
  for (long r = 0; r < g->n; r++) {
    g->row_scale[r] = 0.01f + 0.01f * kernel_random_f32(&seed);
    for (long c = 0; c < g->k; c++)
      g->row_offset[r] -= 128 * i8_weight(g, r, c);
  }
  g->i8 = gemv_i8_rows(simd_best());
  return g;
}

/* Scales between 2^-8 and 2^-6. */
static void *i4_prepare(const double *p, uint64_t seed, char *why)
{
  long group = (long)p[GROUP];
  struct gemv *g = gemv_new(p, group, (size_t)((long)p[K] / group * (GEMV_SCALES + group / 8 * GEMV_LINE)), why);
  if (!g)
    return NULL;
  fill(g->panels, (size_t)(g->n + GEMV_ROWS - 1) / GEMV_ROWS * g->panel_bytes, &seed);
  fill_vector(g, &seed);
  for (long r = 0; r < g->n; r++)
    for (long c = 0; c < g->k; c += group) {
      uint16_t scale = (uint16_t)((7 << 10) + kernel_random(&seed) % 2048);
      memcpy(g->panels + (i4_group(g, r, c) - g->panels) + 2 * (r % GEMV_ROWS), &scale, 2);
    }
  g->i4 = gemv_i4_rows(simd_best());
  return g;
}

/* ---- execution ----------------------------------------------------------------------------------------------------- */

static float largest(const float *x, long n)
{
  float top = 1e-20f;
  for (long i = 0; i < n; i++) {
    float size = fabsf(x[i]);
    top = size > top ? size : top;
  }
  return top;
}

/* Adding 1.5 x 2^23 rounds to the nearest integer and leaves it in the lowest bits. */
static int nearest(float x)
{
  float shifted = x + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4B400000;
}

static void i8_quantise(struct gemv *g)
{
  float top = largest(g->x, g->k), up = 127 / top;
  g->x_scale = top / 127;
  for (long i = 0; i < g->k; i++)
    g->v.u8[i] = (uint8_t)(nearest(g->x[i] * up) + 128);
}

static void i4_quantise(struct gemv *g)
{
  for (long j = 0; j < g->k / g->group; j++) {
    const float *x = g->x + j * g->group;
    int8_t *q = g->v.i8 + j * g->group;
    float top = largest(x, g->group), up = 127 / top;
    int32_t sum = 0;
    for (long i = 0; i < g->group; i++) {
      int value = nearest(x[i] * up);
      q[i] = (int8_t)value;
      sum += value;
    }
    g->v.scale[j] = top / 127;
    g->v.offset[j] = -8 * sum;
  }
}

static void i8_part(void *state, int part, int parts)
{
  struct gemv *g = state;
  long end = team_begin(g->n, GEMV_ROWS, part + 1, parts);
  for (long r = team_begin(g->n, GEMV_ROWS, part, parts); r < end; r += GEMV_ROWS) {
    int32_t sum[GEMV_ROWS] = {0};
    long rows = g->n - r < GEMV_ROWS ? g->n - r : GEMV_ROWS;
    memcpy(sum, g->row_offset + r, (size_t)rows * 4);
    g->i8((const int8_t *)g->panels + (size_t)(r / GEMV_ROWS) * g->panel_bytes, g->v.u8, g->k, sum);
    for (long i = 0; i < rows; i++)
      g->y[r + i] = (float)sum[i] * (g->row_scale[r + i] * g->x_scale);
  }
}

static void i4_part(void *state, int part, int parts)
{
  struct gemv *g = state;
  long end = team_begin(g->n, GEMV_ROWS, part + 1, parts);
  for (long r = team_begin(g->n, GEMV_ROWS, part, parts); r < end; r += GEMV_ROWS) {
    float y[GEMV_ROWS];
    g->i4(g->panels + (size_t)(r / GEMV_ROWS) * g->panel_bytes, &g->v, g->k, g->group, y);
    memcpy(g->y + r, y, (size_t)(g->n - r < GEMV_ROWS ? g->n - r : GEMV_ROWS) * 4);
  }
}

static void i8_run(void *state)
{
  i8_quantise(state);
  team_run(((struct gemv *)state)->team, i8_part, state);
}

static void i4_run(void *state)
{
  i4_quantise(state);
  team_run(((struct gemv *)state)->team, i4_part, state);
}

/* ---- check --------------------------------------------------------------------------------------------------------- */

/* Against the vector before it was quantised: each of its values is off by at most half a step, top / 254, of its group. */
static bool row_right(const struct gemv *g, long row, char *why)
{
  double y = 0, slack = 0;
  for (long c = 0; c < g->k; c++) {
    double w = g->group ? i4_weight(g, row, c) : i8_weight(g, row, c) * (double)g->row_scale[row];
    double step = g->group ? (double)g->v.scale[c / g->group] : (double)g->x_scale;
    y += w * (double)g->x[c];
    slack += fabs(w) * step * 0.51;
  }
  if (fabs((double)g->y[row] - y) <= slack + 1e-5)
    return true;
  snprintf(why, KERNEL_WHY, "row %ld: %g, expected %g +- %.2g", row, (double)g->y[row], y, slack);
  return false;
}

/* The same from the quantised vector, which leaves only the rounding of sums. */
static bool row_exact(const struct gemv *g, long row, char *why)
{
  double y = 0, size = 0;
  for (long c = 0; c < g->k; c++) {
    double x = g->group ? g->v.i8[c] * (double)g->v.scale[c / g->group] : (g->v.u8[c] - 128) * (double)g->x_scale;
    double w = g->group ? i4_weight(g, row, c) : i8_weight(g, row, c) * (double)g->row_scale[row];
    y += w * x;
    size += fabs(w * x);
  }
  if (fabs((double)g->y[row] - y) <= 1e-5 * size + 1e-9)
    return true;
  snprintf(why, KERNEL_WHY, "row %ld: %.9g, expected %.9g", row, (double)g->y[row], y);
  return false;
}

/* All rows of a matrix of up to 8 M weights; of a larger one so many, evenly spread, and the last. */
static bool check(void *state, char *why)
{
  const struct gemv *g = state;
  long all = g->n * g->k, stride = all > CHECKED_WEIGHTS ? all / CHECKED_WEIGHTS | 1 : 1;
  for (long r = 0; r < g->n; r += stride)
    if (!row_right(g, r, why) || !row_exact(g, r, why))
      return false;
  return row_exact(g, g->n - 1, why);
}

/* ---- handing over --------------------------------------------------------------------------------------------------- */

static size_t result(void *state, void *out, size_t room)
{
  const struct gemv *g = state;
  return hand_out(g->y, (size_t)g->n * sizeof *g->y, out, room);
}

static size_t feed(void *state, const void *data, size_t bytes)
{
  struct gemv *g = state;
  struct hand h = hand_of(data, bytes);
  hand_floats(&h, g->x, (size_t)g->k, 1);
  return (size_t)g->k * sizeof *g->x;
}

static bool fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct gemv *g = state;
  struct hand h = hand_of(data, bytes);
  return hand_same_floats(&h, g->x, (size_t)g->k, why);
}

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

static bool shortest(const double *p)
{
  return p[N] >= p[K] / 4;
}

static const double i8_full[][KERNEL_PARAMETERS] = {
  {256, 512}, {256, 1024}, {384, 1024}, {512, 1024}, {768, 1024}, {896, 1024}, {1024, 1024}, {1536, 1024}, {1024, 2048}, {1536, 2048},
  {2048, 2048}, {3072, 2048}, {2048, 4096}, {3072, 4096}, {4096, 4096}, {6144, 4096}, {8192, 4096}, {11264, 4096}, {16384, 4096},
  {20480, 4096}, {24576, 4096}, {32768, 4096}};
static const double i8_quick[][KERNEL_PARAMETERS] = {
  {256, 512}, {512, 1024}, {1024, 1024}, {1024, 2048}, {2048, 4096}, {4096, 4096}, {8192, 4096}, {16384, 4096}, {32768, 4096}};
static const double i4_full[][KERNEL_PARAMETERS] = {
  {512, 512, 32}, {512, 1024, 32}, {768, 1024, 32}, {1024, 1024, 32}, {1536, 1024, 32}, {1792, 1024, 32}, {2048, 1024, 32},
  {1536, 2048, 32}, {2048, 2048, 32}, {3072, 2048, 32}, {4096, 2048, 32}, {3072, 4096, 32}, {4096, 4096, 32}, {6144, 4096, 32},
  {8192, 4096, 32}, {12288, 4096, 32}, {16384, 4096, 32}, {22528, 4096, 32}, {32768, 4096, 32}, {40960, 4096, 32},
  {49152, 4096, 32}, {57344, 4096, 32}};
static const double i4_quick[][KERNEL_PARAMETERS] = {
  {512, 512, 32}, {1024, 1024, 32}, {2048, 1024, 32}, {2048, 2048, 32}, {4096, 4096, 32}, {8192, 4096, 32}, {16384, 4096, 32},
  {32768, 4096, 32}, {57344, 4096, 32}};

/* No working set beyond those of the grid; no row longer than 4 columns of them. */
static bool i8_allowed(const double *p)
{
  return shortest(p) && i8_bytes(p) >= i8_bytes(i8_full[0]) && i8_bytes(p) <= 32768.0 * 4096;
}

static bool i4_allowed(const double *p)
{
  static const double high[] = {57344, 4096, 32};
  return shortest(p) && p[GROUP] != 96 && i4_bytes(p) >= i4_bytes(i4_full[0]) && i4_bytes(p) <= i4_bytes(high);
}

const struct kernel kernel_gemv_i8 = {
  .name = "gemv_i8", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 2, .parameter = {{"n", 256, 32768, 16}, {"k", 512, 8192, 128}},
  .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(i8_full), .quick = KERNEL_GRID(i8_quick),
  .units = i8_bytes, .axis_value = i8_axis, .flop = flop, .bytes = i8_bytes, .allowed = i8_allowed,
  .prepare = i8_prepare, .run = i8_run, .check = check, .threads = threads, .finish = finish,
  .result = result, .feed = feed, .fed = fed,
};

const struct kernel kernel_gemv_i4 = {
  .name = "gemv_i4", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 3, .parameter = {{"n", 256, 57344, 16}, {"k", 512, 8192, 128}, {"group", 32, 128, 32}},
  .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(i4_full), .quick = KERNEL_GRID(i4_quick),
  .units = i4_bytes, .axis_value = i4_axis, .flop = flop, .bytes = i4_bytes, .allowed = i4_allowed,
  .prepare = i4_prepare, .run = i4_run, .check = check, .threads = threads, .finish = finish,
  .result = result, .feed = feed, .fed = fed,
};
