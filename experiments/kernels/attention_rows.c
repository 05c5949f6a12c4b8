#include "experiments/kernels/attention_rows.h"

enum { ATTENTION_ROWS = 32 };                   /* of values at a time: 16 kB of 128 numbers each */

#define LANES 4
#define TARGET
#define SET(name) name##_portable
#include "experiments/kernels/attention_body.h"

#if SIMD_X86
#define LANES 8
#define TARGET SIMD_TARGET_AVX2
#define SET(name) name##_avx2
#include "experiments/kernels/attention_body.h"

#define LANES 16
#define TARGET SIMD_TARGET_AVX512
#define SET(name) name##_avx512
#include "experiments/kernels/attention_body.h"
#endif

const struct attention_rows *attention_rows(enum simd simd)
{
#if SIMD_X86
  if (simd == SIMD_AVX512)
    return &rows_avx512;
  if (simd == SIMD_AVX2)
    return &rows_avx2;
#endif
  return &rows_portable;
}
