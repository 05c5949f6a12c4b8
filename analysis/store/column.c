#include "analysis/store/column.h"
#include "analysis/store/bits.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "traces are written little-endian, as the memory stands");

size_t column_width(enum column_type type)
{
  static const uint8_t width[] = {1, 2, 4, 8, 8, 8};
  return width[type];
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static inline bytes16 interleave_low(bytes16 a, bytes16 b)
{
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

static inline bytes16 interleave_high(bytes16 a, bytes16 b)
{
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

static inline void interleave(bytes16 *a, bytes16 *b)
{
  bytes16 low = interleave_low(*a, *b);
  *b = interleave_high(*a, *b);
  *a = low;
}

/* The 8 bytes of row i and those of row i + 8, in turn. Through integers: a vector that is filled by halves in memory
 * would have to wait for both stores. */
static inline bytes16 row_pair(const uint8_t *src, size_t stride, size_t i)
{
  uint64_t a, b;
  memcpy(&a, src + i * stride, 8);
  memcpy(&b, src + (i + 8) * stride, 8);
  return interleave_low((bytes16)(words2){a, 0}, (bytes16)(words2){b, 0});
}

static inline void store16(uint8_t *plane, unsigned varies, size_t b, bytes16 x)
{
  if (varies >> b & 1)
    memcpy(plane + b * PLANE_STRIDE, &x, 16);
}

/* 16 rows of 8 bytes -> 8 rows of 16: four rounds of interleaving, each of which halves the distance of rows that
 * belong together (rows i and i + 8, then i + 4, i + 2, i + 1). */
static inline void transpose16(uint8_t *plane, unsigned varies, const uint8_t *src, size_t stride)
{
  bytes16 r0 = row_pair(src, stride, 0), r1 = row_pair(src, stride, 1), r2 = row_pair(src, stride, 2),
          r3 = row_pair(src, stride, 3), r4 = row_pair(src, stride, 4), r5 = row_pair(src, stride, 5),
          r6 = row_pair(src, stride, 6), r7 = row_pair(src, stride, 7);
  interleave(&r0, &r4), interleave(&r1, &r5), interleave(&r2, &r6), interleave(&r3, &r7);
  interleave(&r0, &r2), interleave(&r1, &r3), interleave(&r4, &r6), interleave(&r5, &r7);
  interleave(&r0, &r1), interleave(&r2, &r3), interleave(&r4, &r5), interleave(&r6, &r7);
  store16(plane, varies, 0, r0), store16(plane, varies, 1, r1), store16(plane, varies, 2, r2);
  store16(plane, varies, 3, r3), store16(plane, varies, 4, r4), store16(plane, varies, 5, r5);
  store16(plane, varies, 6, r6), store16(plane, varies, 7, r7);
}

void column_planes(uint8_t *plane, size_t width, unsigned varies, const uint8_t *src, size_t stride, size_t rows)
{
  if (varies == 0)
    return;
  if (width == 8) {
    for (size_t i = 0; i < rows; i += 16)
      transpose16(plane + i, varies, src + i * stride, stride);
    return;
  }
  for (size_t b = 0; b < width; b++)
    for (size_t i = 0; (varies >> b & 1) && i < rows; i++)
      plane[b * PLANE_STRIDE + i] = src[i * stride + b];
}

uint64_t column_value(const uint8_t *src, size_t width)
{
  uint64_t x = 0;
  memcpy(&x, src, width);
  return x;
}

void part_differs(uint8_t found[PART_BYTES], const uint8_t *first, const uint8_t *row, size_t stride, size_t rows)
{
  words2 first_low, first_high, x, low = {0}, high = {0};
  memcpy(&first_low, first, sizeof x);
  memcpy(&first_high, first + sizeof x, sizeof x);
  for (const uint8_t *end = row + rows * stride; row < end; row += stride) {
    memcpy(&x, row, sizeof x);
    low |= x ^ first_low;
    memcpy(&x, row + sizeof x, sizeof x);
    high |= x ^ first_high;
  }
  memcpy(found, &low, sizeof x);
  memcpy(found + sizeof x, &high, sizeof x);
}

uint64_t column_differs(uint64_t first, const double *value, size_t rows)
{
  uint64_t found = 0, x;
  for (size_t i = 0; i < rows; i++) {
    memcpy(&x, &value[i], sizeof x);
    found |= x ^ first;
  }
  return found;
}

unsigned bytes_set(uint64_t x, size_t width)
{
  unsigned set = 0;
  for (size_t b = 0; b < width; b++)
    set |= (x >> 8 * b & 255 ? 1u : 0u) << b;
  return set;
}

/* Pairs of equal bytes within `n` <= 64 neighbours. */
static unsigned equal_pairs(const uint8_t *p, size_t n)
{
  uint8_t count[256] = {0};
  unsigned pairs = 0;
  for (size_t i = 0; i < n; i++)
    pairs += count[p[i]]++;
  return pairs;
}

static unsigned changes(const uint8_t *p, size_t n)
{
  unsigned found = 0;
  for (size_t i = 1; i < n; i++)
    found += p[i] != p[i - 1];
  return found;
}

/* 8 windows of 64 bytes hold 16 128 pairs. Of random bytes 1 in 256 is equal. Coding a byte takes some 2 ns and writing
 * one 1 to 2, so it pays only where most of it goes: from 2 equal pairs in 5 on (two or three different values; a
 * column that is zero in half of its rows has 1 in 4). Runs are worth it from a mean length of 10. */
enum plane_kind plane_probe(const uint8_t *plane, size_t rows)
{
  enum { WINDOWS = 8, WINDOW = PROBE_ROWS / WINDOWS, PAIRS = WINDOWS * (WINDOW * (WINDOW - 1) / 2) };
  unsigned pairs = 0, changed = 0;
  for (size_t w = 0; w < WINDOWS; w++) {
    const uint8_t *window = plane + w * ((rows - WINDOW) / (WINDOWS - 1));
    changed += changes(window, WINDOW);
    pairs += equal_pairs(window, WINDOW);
  }
  if (changed <= WINDOWS * WINDOW / 10)
    return PLANE_RUNS;
  return 5 * pairs > 2 * PAIRS ? PLANE_LOW : PLANE_NOISE;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

/* A byte with its bits turned round: Huffman codes go in with their first bit first. */
static inline uint32_t turned(uint32_t x)
{
  x = (x >> 1 & 0x55) | (x & 0x55) << 1;
  x = (x >> 2 & 0x33) | (x & 0x33) << 2;
  return (x >> 4 | x << 4) & 0xFF;
}

static inline void put_literal(struct bits *b, uint8_t value)
{
  if (value < 144)
    put_bits(b, turned(0x30u + value), 8);
  else
    put_bits(b, 1 | turned(0x90u + value - 144u) << 1, 9);
}

/* The byte before, `length` times more (3..258): RFC 1951, 3.2.5 and 3.2.6, at distance 1. Lengths from 11 on come in
 * groups of four codes with `extra` bits; 258 has a code of its own. */
static inline void put_repeat(struct bits *b, unsigned length)
{
  unsigned over = length - 3, extra = 0, code = over;
  if (length == 258)
    code = 28;
  else if (over >= 8) {
    extra = 29u - (unsigned)__builtin_clz(over);
    code = 4 * extra + 4 + (over >> extra & 3);
  }
  if (code < 23)
    put_bits(b, turned(code + 1) >> 1, 7);
  else
    put_bits(b, turned(0xC0u + code - 23), 8);
  put_bits(b, over & ((1u << extra) - 1), extra);
  put_bits(b, 0, 5);
}

static size_t run_length(const uint8_t *p, const uint8_t *end)
{
  const uint8_t *q = p + 1;
  uint64_t eight = *p * 0x0101010101010101ull, x;
  for (; q + 8 <= end; q += 8) {
    memcpy(&x, q, 8);
    if (x != eight)
      return (size_t)(q - p) + (unsigned)__builtin_ctzll(x ^ eight) / 8;
  }
  while (q < end && *q == *p)
    q++;
  return (size_t)(q - p);
}

static inline void put_run(struct bits *b, uint8_t value, size_t n)
{
  size_t left = n - 1;
  put_literal(b, value);
  for (; left >= 3; left -= left < 258 ? left : 258)
    put_repeat(b, left < 258 ? (unsigned)left : 258);
  for (; left > 0; left--)
    put_literal(b, value);
}

static struct bits runs_begin(uint8_t *out, bool last)
{
  struct bits b = {out, 0, 0};
  put_bits(&b, (last ? 1 : 0) | 1 << 1, 3);
  return b;
}

static uint8_t *runs_end(struct bits *b, bool last)
{
  put_bits(b, 0, 7);
  return put_whole_byte(b, last);
}

uint8_t *put_runs(uint8_t *out, const uint8_t *p, size_t n, bool last)
{
  struct bits b = runs_begin(out, last);
  for (const uint8_t *end = p + n; p < end;) {
    size_t run = run_length(p, end);
    put_run(&b, *p, run);
    p += run;
  }
  return runs_end(&b, last);
}

uint8_t *put_one_run(uint8_t *out, uint8_t value, size_t n, bool last)
{
  struct bits b = runs_begin(out, last);
  put_run(&b, value, n);
  return runs_end(&b, last);
}

uint8_t *put_stored(uint8_t *out, const uint8_t *src, size_t n, bool last)
{
  enum { MOST = 65535 };
  while (n) {
    size_t m = n < MOST ? n : MOST;
    *out++ = last && m == n;                            /* type 0; the rest of the byte is padding */
    *out++ = (uint8_t)m, *out++ = (uint8_t)(m >> 8), *out++ = (uint8_t)~m, *out++ = (uint8_t)(~m >> 8);
    memcpy(out, src, m);
    out += m, src += m, n -= m;
  }
  return out;
}
