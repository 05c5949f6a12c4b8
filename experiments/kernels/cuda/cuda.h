/* cuda.h: what the CUDA program has on its device, as plain functions, so that its list of kernels is C like any other.
 *
 * `offsim-kernels-cuda` is `offsim-kernels` with this folder in place of the kernels, the energy sensor and the facts of the
 * machine: the same method, the same raw lines. A kernel's run waits for the device, so wall time holds the launch as well.
 * All data are made on the device from the seed, element by element, so that the host can make any of them again.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_CUDA_CUDA_H
#define OFFSIM_EXPERIMENTS_KERNELS_CUDA_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CUDA_NAME = 128 };
struct cuda_facts { char name[CUDA_NAME], bus[32]; double memory_bytes, l2_bytes, clock_hz; int runtime, driver, major, minor; };

/* Why there is no device; NULL: there is one. */
const char *cuda_why_not(void);
bool cuda_facts_get(struct cuda_facts *);
/* The product of gemm_f32: by cuBLAS when it is found, else by our own kernel. */
const char *cuda_gemm_by(void);

/* Of every kernel: one execution, waited for; cold again; the end. A failure before check() is told by check(); one after it
 * ends the program with 3, so that the raw lines have no end and are refused. */
void cuda_run(void *state);
void cuda_cool(void *state);
bool cuda_check(void *state, char *why);
void cuda_finish(void *state);

/* States; NULL and why. Sizes in elements unless said. */
void *cuda_gemm(long m, long n, long k, uint64_t seed, char *why);
void *cuda_gemv_i8(long n, long k, uint64_t seed, char *why);
void *cuda_gemv_i4(long n, long k, long group, uint64_t seed, char *why);
void *cuda_prefill(long tokens, long heads, long dim, uint64_t seed, char *why);
void *cuda_decode(long context, long heads, long dim, uint64_t seed, char *why);
void *cuda_triad(long bytes, uint64_t seed, char *why);
enum cuda_way { CUDA_ON_DEVICE, CUDA_TO_DEVICE, CUDA_TO_HOST };
void *cuda_copy(long bytes, enum cuda_way, uint64_t seed, char *why);
void *cuda_launch(uint64_t seed, char *why);

#ifdef __cplusplus
}
#endif

#endif
