/* simd.h: which vector instructions this processor has.
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

/* Numbers of 32 bit in the widest vector; arrays that are multiples of it have no rest. */
enum { SIMD_LANES = 16 };
/* A function of one set that becomes part of its callers. */
#define SIMD_BODY static inline __attribute__((always_inline))

#endif
