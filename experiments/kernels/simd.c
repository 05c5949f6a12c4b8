#include "experiments/kernels/simd.h"

#include <stdlib.h>
#include <string.h>

const char *const simd_name[N_SIMD] = {"portable", "avx2", "avx512"};

static enum simd supported(void)
{
#if SIMD_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma"))
    return SIMD_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return SIMD_AVX2;
#endif
  return SIMD_PORTABLE;
}

enum simd simd_best(void)
{
  enum simd best = supported();
  const char *asked = getenv("OFFSIM_KERNELS_SIMD");
  for (int s = 0; asked && s < (int)best; s++)
    if (strcmp(asked, simd_name[s]) == 0)
      return (enum simd)s;
  return best;
}
