/* stream.c: bytes moved from memory to memory. copy: memcpy of the C library. triad: a = b + s c over doubles, the measure
 * of memory bandwidth by McCalpin (STREAM, 1995), counted as there: 3 x 8 B an element. An ordinary store first fetches its
 * line, which is not counted and makes 4 transfers of 3; arrays beyond the caches are therefore written past them where the
 * processor has such stores (x86-64; others notice a stream of stores by themselves), so that what is counted is what moves.
 * Example: a triad of 24 MB has 1e6 elements an array.
 */
#include "experiments/kernels/arena.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

struct stream {
  long n;                                       /* bytes, elements */
  char *from, *to;
  double *a, *b, *c, scale;
  bool past_caches;                             /* triad: by stores that leave them out */
  struct arena arena;
  struct team *team;
};

enum { SIZE, LINE = 64, DOUBLES = 8 };          /* parts begin at cache lines */

static double units(const double *p)
{
  return p[SIZE];
}

static double twice(const double *p)
{
  return 2 * p[SIZE];
}

static double copy_axis(const double *p, int axis)
{
  return twice(p);
}

static double triad_axis(const double *p, int axis)
{
  return p[SIZE];
}

static double triad_flop(const double *p)
{
  return 2 * p[SIZE] / 24;
}

static void finish(void *state)
{
  struct stream *s = state;
  team_free(s->team);
  arena_free(&s->arena);
  free(s);
}

static struct stream *stream_new(double bytes, int arrays, char *why)
{
  struct stream *s = calloc(1, sizeof *s);
  if (s && arena_new(&s->arena, (size_t)bytes, arrays, why))
    return s;
  free(s);
  return NULL;
}

static bool threads(void *state, int n)
{
  struct stream *s = state;
  team_free(s->team);
  s->team = team_new(n);
  return s->team != NULL;
}

/* ---- copy ---------------------------------------------------------------------------------------------------------- */

static void *copy_prepare(const double *p, uint64_t seed, char *why)
{
  struct stream *s = stream_new(twice(p), 2, why);
  if (!s)
    return NULL;
  s->n = (long)p[SIZE];
  s->from = arena_take(&s->arena, (size_t)s->n);
  s->to = arena_take(&s->arena, (size_t)s->n);
  for (long i = 0; i < s->n; i++)
    s->from[i] = (char)kernel_random(&seed);
  return s;
}

static void copy_part(void *state, int part, int parts)
{
  struct stream *s = state;
  long begin = team_begin(s->n, LINE, part, parts), end = team_begin(s->n, LINE, part + 1, parts);
  memcpy(s->to + begin, s->from + begin, (size_t)(end - begin));
  kernel_keep(s->to);
}

static void copy_run(void *state)
{
  struct stream *s = state;
  team_run(s->team, copy_part, s);
}

static bool copy_check(void *state, char *why)
{
  const struct stream *s = state;
  for (long i = s->n - 1; i >= 0; i--)
    if (s->to[i] != s->from[i]) {
      snprintf(why, KERNEL_WHY, "byte %ld of %ld was not copied", i, s->n);
      return false;
    }
  return true;
}

/* ---- triad --------------------------------------------------------------------------------------------------------- */

static double last_cache_bytes(void)
{
  long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (size <= 0)
    size = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return size > 0 ? (double)size : 8e6;
}

static void *triad_prepare(const double *p, uint64_t seed, char *why)
{
  struct stream *s = stream_new(p[SIZE], 3, why);
  if (!s)
    return NULL;
  s->n = (long)(p[SIZE] / 24);
  s->scale = 3;
  s->past_caches = p[SIZE] > last_cache_bytes();
  s->a = arena_take(&s->arena, (size_t)s->n * 8);
  s->b = arena_take(&s->arena, (size_t)s->n * 8);
  s->c = arena_take(&s->arena, (size_t)s->n * 8);
  for (long i = 0; i < s->n; i++) {
    s->b[i] = (double)kernel_random_f32(&seed);
    s->c[i] = (double)kernel_random_f32(&seed);
  }
  return s;
}

/* n is a multiple of 2 but for the last part, and a is aligned. */
static void triad_past(double *a, const double *b, const double *c, double scale, long n)
{
  long i = 0;
#if defined(__x86_64__)
  __m128d s = _mm_set1_pd(scale);
  for (; i + 2 <= n; i += 2)
    _mm_stream_pd(a + i, _mm_add_pd(_mm_loadu_pd(b + i), _mm_mul_pd(s, _mm_loadu_pd(c + i))));
  _mm_sfence();
#endif
  for (; i < n; i++)
    a[i] = b[i] + scale * c[i];
}

static void triad_near(double *restrict a, const double *restrict b, const double *restrict c, double scale, long n)
{
  for (long i = 0; i < n; i++)
    a[i] = b[i] + scale * c[i];
}

static void triad_part(void *state, int part, int parts)
{
  struct stream *s = state;
  long begin = team_begin(s->n, DOUBLES, part, parts), end = team_begin(s->n, DOUBLES, part + 1, parts);
  if (s->past_caches)
    triad_past(s->a + begin, s->b + begin, s->c + begin, s->scale, end - begin);
  else
    triad_near(s->a + begin, s->b + begin, s->c + begin, s->scale, end - begin);
  kernel_keep(s->a);
}

static void triad_run(void *state)
{
  struct stream *s = state;
  team_run(s->team, triad_part, s);
}

/* The inputs are multiples of 2^-23, so that sum and product are exact. */
static bool triad_check(void *state, char *why)
{
  const struct stream *s = state;
  for (long i = s->n - 1; i >= 0; i--)
    if ((s->a[i] - s->b[i]) / s->scale != s->c[i]) {
      snprintf(why, KERNEL_WHY, "element %ld of %ld: %g, expected %g", i, s->n, s->a[i], s->b[i] + s->scale * s->c[i]);
      return false;
    }
  return true;
}

/* ---- shapes -------------------------------------------------------------------------------------------------------- */

#define KB(x) {(x) * 1024.0}
#define MB(x) {(x) * 1048576.0}
static const double copy_full[][KERNEL_PARAMETERS] = {
  KB(4), KB(6), KB(8), KB(12), KB(16), KB(24), KB(32), KB(64), KB(128), KB(192), KB(256), KB(384), KB(512), KB(768), MB(1), MB(2),
  MB(4), MB(6), MB(8), MB(12), MB(16), MB(24), MB(32), MB(48), MB(64), MB(96)};
static const double copy_quick[][KERNEL_PARAMETERS] = {KB(4), KB(16), KB(64), KB(256), MB(1), MB(4), MB(16), MB(64), MB(96)};
#undef KB
#undef MB
#define KB(x) {(x) * 3072.0}
#define MB(x) {(x) * 3145728.0}
static const double triad_full[][KERNEL_PARAMETERS] = {
  KB(4), KB(6), KB(8), KB(12), KB(16), KB(24), KB(32), KB(64), KB(128), KB(192), KB(256), KB(384), KB(512), KB(768), MB(1), MB(2),
  MB(4), MB(6), MB(8), MB(12), MB(16), MB(24), MB(32), MB(48), MB(64)};
static const double triad_quick[][KERNEL_PARAMETERS] = {KB(4), KB(16), KB(64), KB(256), MB(1), MB(4), MB(16), MB(32), MB(64)};

const struct kernel kernel_copy = {
  .name = "copy", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 1, .parameter = {{"size", 4096, 96 * 1048576.0, 64}},
  .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(copy_full), .quick = KERNEL_GRID(copy_quick),
  .units = units, .axis_value = copy_axis, .bytes = twice,
  .prepare = copy_prepare, .run = copy_run, .check = copy_check, .threads = threads, .finish = finish,
};

const struct kernel kernel_triad = {
  .name = "triad", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 1, .parameter = {{"size", 12288, 64 * 3145728.0, 192}},
  .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(triad_full), .quick = KERNEL_GRID(triad_quick),
  .units = units, .axis_value = triad_axis, .flop = triad_flop, .bytes = units,
  .prepare = triad_prepare, .run = triad_run, .check = triad_check, .threads = threads, .finish = finish,
};
