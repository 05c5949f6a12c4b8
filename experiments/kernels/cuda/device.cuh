/* device.cuh: a state on the device: buffers, what one execution launches, what the host compares. Private to this folder. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_CUDA_DEVICE_CUH
#define OFFSIM_EXPERIMENTS_KERNELS_CUDA_DEVICE_CUH

#include "experiments/kernels/cuda/cuda.h"

#include <cuda_runtime.h>

enum { DEVICE_BUFFERS = 8, DEVICE_WHY = 160, DEVICE_SIZES = 4 };

/* launch: enqueues one execution on the stream. same: is what it left behind right? It may read the device. */
struct device_work {
  void (*launch)(struct device_work *);
  bool (*same)(struct device_work *, char *why);
  void (*end)(struct device_work *);                    /* NULL: nothing more than the buffers */
  long size[DEVICE_SIZES];
  uint64_t seed;
  cudaStream_t stream;
  void *buffer[DEVICE_BUFFERS];                         /* on the device */
  void *pinned, *flush, *library;
  size_t flush_bytes;
  int parts;                                            /* attention_decode: of the context */
  bool checked, failed;
  char why[DEVICE_WHY];
};

/* NULL and why: no device, no memory. */
struct device_work *device_new(uint64_t seed, char *why);
/* Zeroed-out failures are remembered: false once anything went wrong, with the first reason in w->why. */
bool device_ok(struct device_work *, cudaError_t, const char *what);
/* Buffer i of so many bytes, all ones (NaN in floats). False: w->why. */
bool device_take(struct device_work *, int i, size_t bytes);
/* Element i of an array of floats in [-1, 1), of 8-bit numbers in [-127, 127]; `array` tells arrays of one seed apart. */
__host__ __device__ static inline uint64_t device_bits(uint64_t seed, int array, long i)
{
  uint64_t z = seed + 0x9E3779B97F4A7C15u * (uint64_t)(i + 1) + ((uint64_t)(array + 1) << 56);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
__host__ __device__ static inline float device_f32(uint64_t seed, int array, long i)
{
  return (float)(device_bits(seed, array, i) >> 40) * (2.0f / 16777216.0f) - 1.0f;
}
__host__ __device__ static inline int device_i8(uint64_t seed, int array, long i)
{
  return (int)((device_bits(seed, array, i) >> 33) % 255u) - 127;
}
/* Array `array` of n elements into a buffer. */
bool device_fill_f32(struct device_work *, void *to, int array, long n);
bool device_fill_i8(struct device_work *, void *to, int array, long n);
bool device_fill_bytes(struct device_work *, void *to, int array, long n);      /* lowest 8 bits */
/* Ends the preparation: waits; NULL and why when anything failed, and the state is gone. */
struct device_work *device_ready(struct device_work *, char *why);
/* Elements of a buffer, by the host. */
bool device_read(struct device_work *, const void *from, size_t bytes, void *to);
bool device_differs(char *why, const char *what, long i, double is, double expected);   /* false, with why */
/* Some places of n: the first, the last, and others by the seed. */
long device_place(const struct device_work *, int which, int of, long n);

#endif
