#include "experiments/kernels/gemm_i8_tile.h"

#include <string.h>

#if SIMD_X86
#include <immintrin.h>
#endif

/* ---- portable ------------------------------------------------------------------------------------------------------ */

static void row_portable(const struct tile *t, int row)
{
  int32_t sum[TILE_COLUMNS];
  const uint8_t *a = t->a + row * t->a_ld;
  const int8_t *b = t->panel;
  memcpy(sum, t->start + row * t->start_ld, sizeof sum);
  for (long i = 0; i < t->lines; i++, a += 4, b += TILE_LINE)
    for (int j = 0; j < TILE_COLUMNS; j++)
      sum[j] += b[4 * j] * a[0] + b[4 * j + 1] * a[1] + b[4 * j + 2] * a[2] + b[4 * j + 3] * a[3];
  memcpy(t->c + row * t->c_ld, sum, sizeof sum);
}

static void tile_portable(const struct tile *t, int rows)
{
  for (int r = 0; r < rows; r++)
    row_portable(t, r);
}

#if SIMD_X86

static inline int four(const uint8_t *x)
{
  int v;
  memcpy(&v, x, sizeof v);
  return v;
}

/* ---- 256 bit: products of 16 bit, even and odd rows of B apart; 8 bit products of pairs would overflow ------------------ */

#define LOAD256(x) _mm256_loadu_si256((const __m256i *)(const void *)(x))
#define STORE256(x, v) _mm256_storeu_si256((__m256i *)(void *)(x), v)

SIMD_TARGET_AVX2 SIMD_BODY void half_avx2(const struct tile *t, int row, const int rows, int column)
{
  __m256i sum[4][2];
  const uint8_t *a = t->a + row * t->a_ld;
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < 2; j++)
      sum[r][j] = LOAD256(t->start + (row + r) * t->start_ld + column + 8 * j);
  for (long i = 0; i < t->lines; i++) {
    const int8_t *line = t->panel + i * TILE_LINE + 4 * column;
    __m256i b0 = LOAD256(line), b1 = LOAD256(line + 32);
    __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(b0, 8), 8), odd0 = _mm256_srai_epi16(b0, 8);
    __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(b1, 8), 8), odd1 = _mm256_srai_epi16(b1, 8);
    for (int r = 0; r < rows; r++) {
      __m256i v = _mm256_set1_epi32(four(a + r * t->a_ld + 4 * i));
      __m256i even = _mm256_and_si256(v, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(v, 8);
      sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_add_epi32(_mm256_madd_epi16(even0, even), _mm256_madd_epi16(odd0, odd)));
      sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_add_epi32(_mm256_madd_epi16(even1, even), _mm256_madd_epi16(odd1, odd)));
    }
  }
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < 2; j++)
      STORE256(t->c + (row + r) * t->c_ld + column + 8 * j, sum[r][j]);
}

SIMD_TARGET_AVX2 static void tile_avx2(const struct tile *t, int rows)
{
  for (int column = 0; column < TILE_COLUMNS; column += 16) {
    int r = 0;
    for (; r + 4 <= rows; r += 4)
      half_avx2(t, r, 4, column);
    for (; r < rows; r++)
      half_avx2(t, r, 1, column);
  }
}

/* ---- 512 bit ------------------------------------------------------------------------------------------------------- */

SIMD_TARGET_AVX512 SIMD_BODY void rows_avx512(const struct tile *t, int row, const int rows)
{
  __m512i sum[TILE_ROWS][2];
  const uint8_t *a = t->a + row * t->a_ld;
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < 2; j++)
      sum[r][j] = _mm512_loadu_si512(t->start + (row + r) * t->start_ld + 16 * j);
  for (long i = 0; i < t->lines; i++) {
    __m512i b0 = _mm512_loadu_si512(t->panel + i * TILE_LINE), b1 = _mm512_loadu_si512(t->panel + i * TILE_LINE + 64);
    for (int r = 0; r < rows; r++) {
      __m512i v = _mm512_set1_epi32(four(a + r * t->a_ld + 4 * i));
      sum[r][0] = _mm512_dpbusd_epi32(sum[r][0], v, b0);
      sum[r][1] = _mm512_dpbusd_epi32(sum[r][1], v, b1);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < 2; j++)
      _mm512_storeu_si512(t->c + (row + r) * t->c_ld + 16 * j, sum[r][j]);
}

SIMD_TARGET_AVX512 static void tile_avx512(const struct tile *t, int rows)
{
  if (rows == TILE_ROWS)
    rows_avx512(t, 0, TILE_ROWS);
  else
    for (int r = 0; r < rows; r++)
      rows_avx512(t, r, 1);
}

#endif

tile_fn *tile_of(enum simd simd)
{
#if SIMD_X86
  if (simd == SIMD_AVX512)
    return tile_avx512;
  if (simd == SIMD_AVX2)
    return tile_avx2;
#endif
  return tile_portable;
}
