#include "analysis/store/column.h"
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "traces are written little-endian, as the memory stands");

size_t column_width(enum column_type type)
{
  static const uint8_t width[] = {1, 2, 4, 8, 8, 8};
  return width[type];
}

/* Swap the parts of a and b that `mask` selects, `shift` bits apart. */
static inline void swap_parts(uint64_t *a, uint64_t *b, unsigned shift, uint64_t mask)
{
  uint64_t t = ((*a >> shift) ^ *b) & mask;
  *b ^= t;
  *a ^= t << shift;
}

/* An 8 x 8 matrix of bytes, transposed in three rounds (Warren, Hacker's Delight, 7-3, with bytes for bits). */
static inline void transpose8(uint64_t x[8])
{
  for (int i = 0; i < 8; i += 2)
    swap_parts(&x[i], &x[i + 1], 8, 0x00FF00FF00FF00FFull);
  for (int i = 0; i < 8; i += 4) {
    swap_parts(&x[i], &x[i + 2], 16, 0x0000FFFF0000FFFFull);
    swap_parts(&x[i + 1], &x[i + 3], 16, 0x0000FFFF0000FFFFull);
  }
  for (int i = 0; i < 4; i++)
    swap_parts(&x[i], &x[i + 4], 32, 0x00000000FFFFFFFFull);
}

static void planes_of_8(uint8_t *plane, const uint8_t *src, size_t stride, size_t rows)
{
  for (size_t i = 0; i < rows; i += 8) {
    uint64_t x[8];
    for (size_t k = 0; k < 8; k++)
      memcpy(&x[k], src + (i + k) * stride, 8);
    transpose8(x);
    for (size_t b = 0; b < 8; b++)
      memcpy(plane + b * CHUNK_ROWS + i, &x[b], 8);
  }
}

void column_planes(uint8_t *plane, size_t width, const uint8_t *src, size_t stride, size_t rows)
{
  if (width == 8) {
    planes_of_8(plane, src, stride, rows);
    return;
  }
  for (size_t b = 0; b < width; b++)
    for (size_t i = 0; i < rows; i++)
      plane[b * CHUNK_ROWS + i] = src[i * stride + b];
}

void column_compact(uint8_t *plane, size_t width, size_t rows)
{
  for (size_t b = 1; b < width; b++)
    memmove(plane + b * rows, plane + b * CHUNK_ROWS, rows);
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

/* 8 windows of 64 bytes hold 16 128 pairs. Of random bytes 1 in 256 is equal (63 pairs); below 1 in 24 the entropy is
 * over 4.6 bits of 8, and what deflate would save is not worth its time. */
enum plane_kind plane_probe(const uint8_t *plane, size_t rows)
{
  enum { WINDOWS = 8, WINDOW = 64 };
  if (rows < 2 || memcmp(plane, plane + 1, rows - 1) == 0)
    return PLANE_CONSTANT;
  if (rows < WINDOWS * WINDOW)
    return PLANE_COMPRESSIBLE;
  unsigned pairs = 0;
  for (size_t w = 0; w < WINDOWS; w++)
    pairs += equal_pairs(plane + w * ((rows - WINDOW) / (WINDOWS - 1)), WINDOW);
  return pairs > WINDOWS * (WINDOW * (WINDOW - 1) / 2) / 24 ? PLANE_COMPRESSIBLE : PLANE_NOISE;
}
