/* simd.h: which vector instructions this processor has, and a portable vector of 16 numbers.
 *
 * A kernel that needs special instructions has one inner function a set, chosen when the program runs; the portable one is
 * always there. The environment variable OFFSIM_KERNELS_SIMD (portable, avx2, avx512) chooses a lower set, for tests.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SIMD_H
#define OFFSIM_EXPERIMENTS_KERNELS_SIMD_H

/* AVX2: with FMA and F16C. AVX512: F, BW, VL and VNNI (8 bit dot products). */
enum simd { SIMD_PORTABLE, SIMD_AVX2, SIMD_AVX512, N_SIMD };
extern const char *const simd_name[N_SIMD];
enum simd simd_best(void);

#if defined(__x86_64__)
#define SIMD_X86 1
#define SIMD_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define SIMD_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")))
#else
#define SIMD_X86 0
#endif

/* Compilers turn these into as many registers as the target has for them. */
typedef float simd_f32 __attribute__((vector_size(64), aligned(64), may_alias));
typedef int simd_i32 __attribute__((vector_size(64), aligned(64), may_alias));
enum { SIMD_LANES = 16 };
#define SIMD_BODY static inline __attribute__((always_inline))

#endif
