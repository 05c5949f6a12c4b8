#include "experiments/kernels/gemv_rows.h"

#include <string.h>

#if SIMD_X86
#include <immintrin.h>
#endif

enum { AHEAD = 1536 };                          /* bytes that are asked for before they are needed */

/* ---- portable ------------------------------------------------------------------------------------------------------ */

static void i8_portable(const int8_t *panel, const uint8_t *x, long k, int32_t *sum)
{
  for (long i = 0; i < k; i += 4, panel += GEMV_LINE)
    for (int r = 0; r < GEMV_ROWS; r++)
      sum[r] += panel[4 * r] * x[i] + panel[4 * r + 1] * x[i + 1] + panel[4 * r + 2] * x[i + 2] + panel[4 * r + 3] * x[i + 3];
}

/* A positive normal number of half precision: 5 bits of exponent biased by 15, 10 of fraction. */
static float half(uint16_t h)
{
  uint32_t bits = ((uint32_t)h << 13) + ((127u - 15u) << 23);
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static void i4_line(const uint8_t *line, const int8_t *x, int32_t *sum)
{
  for (int r = 0; r < GEMV_ROWS; r++)
    for (int q = 0; q < 4; q++)
      sum[r] += (line[4 * r + q] & 15) * x[q] + (line[4 * r + q] >> 4) * x[4 + q];
}

static void i4_portable(const uint8_t *panel, const struct gemv_vector *x, long k, long group, float *y)
{
  memset(y, 0, GEMV_ROWS * sizeof *y);
  for (long g = 0; g < k / group; g++) {
    uint16_t scale[GEMV_ROWS];
    int32_t sum[GEMV_ROWS];
    memcpy(scale, panel, sizeof scale);
    panel += GEMV_SCALES;
    for (int r = 0; r < GEMV_ROWS; r++)
      sum[r] = x->offset[g];
    for (long i = 0; i < group; i += 8, panel += GEMV_LINE)
      i4_line(panel, x->i8 + g * group + i, sum);
    for (int r = 0; r < GEMV_ROWS; r++)
      y[r] += (float)sum[r] * (half(scale[r]) * x->scale[g]);
  }
}

#if SIMD_X86

/* ---- 256 bit ------------------------------------------------------------------------------------------------------- */

static inline int four(const void *x)
{
  int v;
  memcpy(&v, x, sizeof v);
  return v;
}

/* Two neighbouring lanes belong to a row. */
SIMD_TARGET_AVX2 static void i8_avx2(const int8_t *panel, const uint8_t *x, long k, int32_t *sum)
{
  __m256i acc[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  for (long i = 0; i < k; i += 4, panel += GEMV_LINE) {
    __m256i v = _mm256_cvtepu8_epi16(_mm_set1_epi32(four(x + i)));
    _mm_prefetch((const char *)panel + AHEAD, _MM_HINT_T0);
    for (int j = 0; j < 4; j++) {
      __m256i w = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)(panel + 16 * j)));
      acc[j] = _mm256_add_epi32(acc[j], _mm256_madd_epi16(w, v));
    }
  }
  for (int j = 0; j < 4; j++) {
    int32_t lane[8];
    _mm256_storeu_si256((__m256i *)(void *)lane, acc[j]);
    for (int r = 0; r < 4; r++)
      sum[4 * j + r] += lane[2 * r] + lane[2 * r + 1];
  }
}

/* 16 values of at most 15 x 128 x 2 x 8 lines: no overflow of 16 bit within 32 columns. */
SIMD_TARGET_AVX2 static inline __m256i i4_avx2_32(const uint8_t *line, const int8_t *x, __m256i acc)
{
  const __m256i low = _mm256_set1_epi8(15);
  __m256i sum = _mm256_setzero_si256();
  for (int i = 0; i < 4; i++) {
    __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(line + GEMV_LINE * i));
    __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(w, low), _mm256_set1_epi32(four(x + 8 * i)));
    __m256i b = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(w, 4), low), _mm256_set1_epi32(four(x + 8 * i + 4)));
    sum = _mm256_add_epi16(sum, _mm256_add_epi16(a, b));
  }
  return _mm256_add_epi32(acc, _mm256_madd_epi16(sum, _mm256_set1_epi16(1)));
}

SIMD_TARGET_AVX2 static inline __m256 half_avx2(const uint8_t *scale)
{
  __m256i h = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)scale));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(h, 13), _mm256_set1_epi32((127 - 15) << 23)));
}

SIMD_TARGET_AVX2 static void i4_avx2(const uint8_t *panel, const struct gemv_vector *x, long k, long group, float *y)
{
  __m256 total[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (long g = 0; g < k / group; g++) {
    const uint8_t *scale = panel;
    __m256i sum[2] = {_mm256_set1_epi32(x->offset[g]), _mm256_set1_epi32(x->offset[g])};
    panel += GEMV_SCALES;
    for (long i = 0; i < group; i += 32, panel += 4 * GEMV_LINE) {
      for (int line = 0; line < 4; line++)
        _mm_prefetch((const char *)panel + AHEAD + GEMV_LINE * line, _MM_HINT_T0);
      for (int half = 0; half < 2; half++)
        sum[half] = i4_avx2_32(panel + 32 * half, x->i8 + g * group + i, sum[half]);
    }
    for (int half = 0; half < 2; half++) {
      __m256 s = _mm256_mul_ps(half_avx2(scale + 16 * half), _mm256_set1_ps(x->scale[g]));
      total[half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[half]), s, total[half]);
    }
  }
  _mm256_storeu_ps(y, total[0]);
  _mm256_storeu_ps(y + 8, total[1]);
}

/* ---- 512 bit ------------------------------------------------------------------------------------------------------- */

SIMD_TARGET_AVX512 static void i8_avx512(const int8_t *panel, const uint8_t *x, long k, int32_t *sum)
{
  __m512i acc[4] = {_mm512_loadu_si512(sum), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  for (long i = 0; i < k; i += GEMV_I8_COLUMNS, panel += 4 * GEMV_LINE)
    for (int j = 0; j < 4; j++) {
      _mm_prefetch((const char *)panel + AHEAD + GEMV_LINE * j, _MM_HINT_T0);
      acc[j] = _mm512_dpbusd_epi32(acc[j], _mm512_set1_epi32(four(x + i + 4 * j)), _mm512_load_si512(panel + GEMV_LINE * j));
    }
  _mm512_storeu_si512(sum, _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3])));
}

SIMD_TARGET_AVX512 static inline void i4_avx512_32(const uint8_t *line, const int8_t *x, __m512i *even, __m512i *odd)
{
  const __m512i low = _mm512_set1_epi8(15);
  for (int i = 0; i < 4; i++) {
    __m512i w = _mm512_loadu_si512(line + GEMV_LINE * i);
    _mm_prefetch((const char *)line + AHEAD + GEMV_LINE * i, _MM_HINT_T0);
    *even = _mm512_dpbusd_epi32(*even, _mm512_and_si512(w, low), _mm512_set1_epi32(four(x + 8 * i)));
    *odd = _mm512_dpbusd_epi32(*odd, _mm512_and_si512(_mm512_srli_epi16(w, 4), low), _mm512_set1_epi32(four(x + 8 * i + 4)));
  }
}

SIMD_TARGET_AVX512 static inline __m512 half_avx512(const uint8_t *scale)
{
  __m512i h = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)scale));
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_slli_epi32(h, 13), _mm512_set1_epi32((127 - 15) << 23)));
}

SIMD_TARGET_AVX512 static void i4_avx512(const uint8_t *panel, const struct gemv_vector *x, long k, long group, float *y)
{
  __m512 total = _mm512_setzero_ps();
  for (long g = 0; g < k / group; g++) {
    __m512 scale = _mm512_mul_ps(half_avx512(panel), _mm512_set1_ps(x->scale[g]));
    __m512i even = _mm512_set1_epi32(x->offset[g]), odd = _mm512_setzero_si512();
    panel += GEMV_SCALES;
    for (long i = 0; i < group; i += 32, panel += 4 * GEMV_LINE)
      i4_avx512_32(panel, x->i8 + g * group + i, &even, &odd);
    total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)), scale, total);
  }
  _mm512_storeu_ps(y, total);
}

#endif

gemv_i8_rows_fn *gemv_i8_rows(enum simd simd)
{
#if SIMD_X86
  if (simd == SIMD_AVX512)
    return i8_avx512;
  if (simd == SIMD_AVX2)
    return i8_avx2;
#endif
  return i8_portable;
}

gemv_i4_rows_fn *gemv_i4_rows(enum simd simd)
{
#if SIMD_X86
  if (simd == SIMD_AVX512)
    return i4_avx512;
  if (simd == SIMD_AVX2)
    return i4_avx2;
#endif
  return i4_portable;
}
