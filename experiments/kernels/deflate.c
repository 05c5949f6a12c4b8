/* deflate.c: a text compressed by zlib in one go, as a message is. The compressor's memory is kept from message to message.
 *
 * Work: bytes of the text. The text is made of 4096 made-up words, the k-th with probability ~ 1 / k: it shrinks to about a
 * third, as English prose does. Self-check: inflated it is the text again, and smaller than it; the Adler-32 at its end is
 * what RFC 1950 defines ("a" repeated once: 0x00620062). */
#include "experiments/kernels/hand.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/text.h"

#include <stdlib.h>
#include <string.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

enum { SIZE, LEVEL };

static double units(const double *p) { return p[SIZE]; }
static double axis_value(const double *p, int axis) { return axis == 0 ? p[SIZE] : p[LEVEL]; }

#ifdef HAVE_ZLIB
struct squeeze {
  size_t size, room, packed;
  uint8_t *text, *out;
  z_stream stream;
  bool ready;
};

static const char *unavailable(void) { return NULL; }

static void finish(void *state)
{
  struct squeeze *s = state;
  if (!s) return;
  if (s->ready) deflateEnd(&s->stream);
  free(s->text);
  free(s->out);
  free(s);
}

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct squeeze *s = calloc(1, sizeof *s);
  if (!s) return scratch_why(why, "no memory"), NULL;
  s->size = scratch_count(p[SIZE]);
  s->room = compressBound(s->size);
  s->text = scratch_memory(s->size);
  s->out = scratch_memory(s->room);
  s->ready = s->text && s->out && deflateInit(&s->stream, (int)scratch_count(p[LEVEL])) == Z_OK;
  if (!s->ready) return finish(s), scratch_why(why, "no memory for zlib, or no such level"), NULL;
  text_make((char *)s->text, s->size, seed);
  return s;
}

static void run(void *state)
{
  struct squeeze *s = state;
  deflateReset(&s->stream);
  s->stream.next_in = s->text;
  s->stream.avail_in = (uInt)s->size;
  s->stream.next_out = s->out;
  s->stream.avail_out = (uInt)s->room;
  s->packed = deflate(&s->stream, Z_FINISH) == Z_STREAM_END ? s->room - s->stream.avail_out : 0;
  kernel_keep(s->out);
}

static uint32_t adler(const uint8_t *text, size_t size)
{
  uint32_t a = 1, c = 0;
  for (size_t i = 0; i < size; i++) {
    a = (a + text[i]) % 65521;
    c = (c + a) % 65521;
  }
  return c << 16 | a;
}

static bool check(void *state, char *why)
{
  struct squeeze *s = state;
  uLongf n = s->size;
  if (s->packed < 6 || s->packed >= s->size) return scratch_why(why, "%zu B became %zu B", s->size, s->packed);
  const uint8_t *end = s->out + s->packed - 4;
  uint32_t told = (uint32_t)end[0] << 24 | (uint32_t)end[1] << 16 | (uint32_t)end[2] << 8 | end[3];
  uint8_t *back = malloc(s->size);
  bool same = back && told == adler(s->text, s->size) && uncompress(back, &n, s->out, s->packed) == Z_OK && n == s->size
              && memcmp(back, s->text, n) == 0;
  free(back);
  return same || scratch_why(why, "it does not inflate to what was deflated");
}

static size_t feed(void *state, const void *data, size_t bytes)
{
  struct squeeze *s = state;
  hand_text(data, bytes, s->text, s->size);
  return s->size;
}

static bool fed(void *state, const void *data, size_t bytes, char *why)
{
  const struct squeeze *s = state;
  return hand_text_same(data, bytes, s->text, s->size, why);
}
#else
static const char *unavailable(void) { return "built without zlib"; }
static void *prepare(const double *p, uint64_t seed, char *why) { return scratch_why(why, "built without zlib"), NULL; }
static void run(void *state) { }
static bool check(void *state, char *why) { return scratch_why(why, "built without zlib"); }
static void finish(void *state) { }
static size_t feed(void *state, const void *data, size_t bytes) { return 0; }
static bool fed(void *state, const void *data, size_t bytes, char *why) { return scratch_why(why, "built without zlib"); }
#endif

/* Each level is an algorithm of its own and says little of the next: many sizes at seven of them, and no other off the grid. */
#define LEVELS(size) {size, 1}, {size, 3}, {size, 4}, {size, 5}, {size, 6}, {size, 7}, {size, 9}
static const double full[][KERNEL_PARAMETERS] = {
  LEVELS(1024), LEVELS(2048), LEVELS(4096), LEVELS(8192), LEVELS(12288), LEVELS(16384), LEVELS(24576), LEVELS(32768),
  LEVELS(49152), LEVELS(65536), LEVELS(131072), LEVELS(262144)};
static const double quick[][KERNEL_PARAMETERS] = {
  {1024, 1}, {1024, 6}, {1024, 9}, {16384, 1}, {16384, 6}, {16384, 9},
  {65536, 1}, {65536, 6}, {65536, 9}, {262144, 1}, {262144, 6}, {262144, 9}};

static bool allowed(const double *p)
{
  return p[1] == 1 || p[1] == 3 || (p[1] >= 4 && p[1] <= 7) || p[1] == 9;
}

const struct kernel kernel_deflate = {
  .name = "deflate", .version = 2, .unit = "B", .bound = BOUND_COMPUTE,
  .n_parameters = 2, .parameter = {{"size", 1024, 262144, 1}, {"level", 1, 9, 1}}, .n_axes = 2, .axis = {"working_set", "level"},
  .full = KERNEL_GRID(full), .quick = KERNEL_GRID(quick),
  .units = units, .axis_value = axis_value, .bytes = units, .allowed = allowed, .unavailable = unavailable,
  .prepare = prepare, .run = run, .check = check, .finish = finish, .feed = feed, .fed = fed,
};
