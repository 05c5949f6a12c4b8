/* matrix.cu: products of matrices and of quantised matrices with a vector; row by row in memory.
 *
 * gemm_f32: C (m x n) = A (m x k) B (k x n) in 32 bit, 2 m n k operations: by cuBLAS where the library is found (single
 * precision throughout, no TF32), else in tiles of 64 x 64 by 256 threads, 4 x 4 elements each.
 * gemv_i8: y = scale_row sum W x with the vector quantised to 8 bit first, one warp a row. gemv_i4: two weights a byte, value
 * + 8, a scale of 16 bit for each group along a row, the vector in 32 bit.
 */
#include "experiments/kernels/cuda/device.cuh"

#include <cuda_fp16.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

enum { WARP = 32, PLACES = 64, ROWS_CHECKED = 24 };

/* ---- gemm ---------------------------------------------------------------------------------------------------------- */

enum { A, B, C, M = 0, N, K };
enum { TILE = 64, DEPTH = 16, EACH = 4, SIDE = TILE / EACH };

/* Beyond the edges zeros are read and nothing is written. */
__global__ static void gemm_kernel(const float *a, const float *b, float *c, long m, long n, long k)
{
  __shared__ float of_a[DEPTH][TILE + 1], of_b[DEPTH][TILE + 1];
  int thread = threadIdx.x, row = thread / SIDE * EACH, column = thread % SIDE * EACH;
  long top = (long)blockIdx.y * TILE, left = (long)blockIdx.x * TILE;
  float sum[EACH][EACH] = {};
  for (long from = 0; from < k; from += DEPTH) {
    for (int i = thread; i < TILE * DEPTH; i += SIDE * SIDE) {
      long r = top + i / DEPTH, d = from + i % DEPTH;
      of_a[i % DEPTH][i / DEPTH] = r < m && d < k ? a[r * k + d] : 0;
    }
    for (int i = thread; i < TILE * DEPTH; i += SIDE * SIDE) {
      long d = from + i / TILE, col = left + i % TILE;
      of_b[i / TILE][i % TILE] = d < k && col < n ? b[d * n + col] : 0;
    }
    __syncthreads();
    for (int d = 0; d < DEPTH; d++)
      for (int i = 0; i < EACH; i++)
        for (int j = 0; j < EACH; j++)
          sum[i][j] += of_a[d][row + i] * of_b[d][column + j];
    __syncthreads();
  }
  for (int i = 0; i < EACH; i++)
    for (int j = 0; j < EACH; j++)
      if (top + row + i < m && left + column + j < n)
        c[(top + row + i) * n + left + column + j] = sum[i][j];
}

/* The three functions of cuBLAS that are used; its handle is an opaque pointer, 0 is success and "not transposed". */
struct blas {
  void *library, *handle;
  int (*gemm)(void *, int, int, int, int, int, const float *, const float *, int, const float *, int, const float *, float *, int);
  int (*destroy)(void *);
};

static void *blas_library(void)
{
  static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"};
  void *library = NULL;
  for (int i = 0; i < 4 && !library; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  return library;
}

static void blas_free(struct blas *b)
{
  if (b && b->handle)
    b->destroy(b->handle);
  if (b && b->library)
    dlclose(b->library);
  free(b);
}

/* NULL: our own kernel does it. */
static struct blas *blas_new(cudaStream_t stream)
{
  struct blas *b = (struct blas *)calloc(1, sizeof *b);
  if (b)
    b->library = blas_library();
  if (!b || !b->library) {
    blas_free(b);
    return NULL;
  }
  int (*create)(void **) = (int (*)(void **))dlsym(b->library, "cublasCreate_v2");
  int (*set_stream)(void *, cudaStream_t) = (int (*)(void *, cudaStream_t))dlsym(b->library, "cublasSetStream_v2");
  b->gemm = (decltype(b->gemm))dlsym(b->library, "cublasSgemm_v2");
  b->destroy = (int (*)(void *))dlsym(b->library, "cublasDestroy_v2");
  if (create && set_stream && b->gemm && b->destroy && create(&b->handle) == 0 && set_stream(b->handle, stream) == 0)
    return b;
  if (!b->destroy)
    b->handle = NULL;
  blas_free(b);
  return NULL;
}

const char *cuda_gemm_by(void)
{
  void *library = blas_library();
  if (library)
    dlclose(library);
  return library ? "cublas" : "own kernel (cublas not found)";
}

/* Row by row is column by column of the transposed: C' = B' A'. */
static void launch_gemm(struct device_work *w)
{
  const float one = 1, zero = 0, *a = (const float *)w->buffer[A], *b = (const float *)w->buffer[B];
  float *c = (float *)w->buffer[C];
  int m = (int)w->size[M], n = (int)w->size[N], k = (int)w->size[K];
  const struct blas *blas = (const struct blas *)w->library;
  if (blas) {
    if (blas->gemm(blas->handle, 0, 0, n, m, k, &one, b, n, a, k, &zero, c, n) != 0)
      device_ok(w, cudaErrorUnknown, "cublasSgemm");
    return;
  }
  dim3 grid((unsigned)((n + TILE - 1) / TILE), (unsigned)((m + TILE - 1) / TILE));
  gemm_kernel<<<grid, SIDE * SIDE, 0, w->stream>>>(a, b, c, m, n, k);
}

/* Products of numbers in [-1, 1): a sum of k has a spread of sqrt(k) / 3; rounding is far below 1e-4 of sqrt(k). */
static bool same_gemm(struct device_work *w, char *why)
{
  long m = w->size[M], n = w->size[N], k = w->size[K];
  for (int i = 0; i < PLACES; i++) {
    long at = device_place(w, i, PLACES, m * n), row = at / n, column = at % n;
    double expected = 0;
    float is;
    for (long d = 0; d < k; d++)
      expected += (double)device_f32(w->seed, A, row * k + d) * device_f32(w->seed, B, d * n + column);
    if (!device_read(w, (const float *)w->buffer[C] + at, sizeof is, &is))
      return false;
    if (!(fabs(is - expected) <= 1e-4 * sqrt((double)k)))
      return device_differs(why, "element", at, is, expected);
  }
  return true;
}

static void end_gemm(struct device_work *w) { blas_free((struct blas *)w->library); }

void *cuda_gemm(long m, long n, long k, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->launch = launch_gemm;
  w->same = same_gemm;
  w->end = end_gemm;
  w->size[M] = m, w->size[N] = n, w->size[K] = k;
  if (device_take(w, A, (size_t)(m * k) * 4) && device_take(w, B, (size_t)(k * n) * 4) && device_take(w, C, (size_t)(m * n) * 4) &&
      device_fill_f32(w, w->buffer[A], A, m * k) && device_fill_f32(w, w->buffer[B], B, k * n))
    w->library = blas_new(w->stream);
  return device_ready(w, why);
}

/* ---- a row of weights times a vector --------------------------------------------------------------------------------- */

enum { WEIGHTS, X, Y, QUANTISED, TOP, SCALES };
enum { ROWS_A_BLOCK = 8, ROW_N = 0, ROW_K, ROW_GROUP };

__device__ static float sum_of_warp(float x)
{
  for (int d = WARP / 2; d > 0; d /= 2)
    x += __shfl_xor_sync(0xFFFFFFFFu, x, d);
  return x;
}

/* One block: the largest size, then each element in steps of that over 127. */
__global__ static void quantise_kernel(const float *x, int8_t *q, float *top, long k)
{
  __shared__ float most[1024];
  int thread = threadIdx.x;
  float own = 1e-20f;
  for (long i = thread; i < k; i += blockDim.x)
    own = fmaxf(own, fabsf(x[i]));
  most[thread] = own;
  __syncthreads();
  for (int d = (int)blockDim.x / 2; d > 0; d /= 2) {
    if (thread < d)
      most[thread] = fmaxf(most[thread], most[thread + d]);
    __syncthreads();
  }
  float up = 127.0f / most[0];
  for (long i = thread; i < k; i += blockDim.x)
    q[i] = (int8_t)__float2int_rn(x[i] * up);
  if (thread == 0)
    *top = most[0];
}

/* k is a multiple of 16: a lane reads 16 weights at once. */
__global__ static void gemv_i8_kernel(const int8_t *weights, const int8_t *q, const float *top, float *y, long n, long k)
{
  long row = (long)blockIdx.x * ROWS_A_BLOCK + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP, sum = 0;
  if (row >= n)
    return;
  const int4 *w = (const int4 *)(weights + row * k), *v = (const int4 *)q;
  for (long i = lane; i < k / 16; i += WARP) {
    int4 a = w[i], b = v[i];
    sum = __dp4a(a.x, b.x, sum);
    sum = __dp4a(a.y, b.y, sum);
    sum = __dp4a(a.z, b.z, sum);
    sum = __dp4a(a.w, b.w, sum);
  }
  for (int d = WARP / 2; d > 0; d /= 2)
    sum += __shfl_xor_sync(0xFFFFFFFFu, sum, d);
  if (lane == 0)
    y[row] = (float)sum * (*top / 127.0f);
}

static unsigned row_blocks(const struct device_work *w)
{
  return (unsigned)((w->size[ROW_N] + ROWS_A_BLOCK - 1) / ROWS_A_BLOCK);
}

static void launch_i8(struct device_work *w)
{
  quantise_kernel<<<1, 1024, 0, w->stream>>>((const float *)w->buffer[X], (int8_t *)w->buffer[QUANTISED], (float *)w->buffer[TOP], w->size[ROW_K]);
  gemv_i8_kernel<<<row_blocks(w), ROWS_A_BLOCK * WARP, 0, w->stream>>>((const int8_t *)w->buffer[WEIGHTS],
    (const int8_t *)w->buffer[QUANTISED], (const float *)w->buffer[TOP], (float *)w->buffer[Y], w->size[ROW_N], w->size[ROW_K]);
}

static float largest_of(const struct device_work *w)
{
  float top = 1e-20f;
  for (long i = 0; i < w->size[ROW_K]; i++)
    top = fmaxf(top, fabsf(device_f32(w->seed, X, i)));
  return top;
}

/* The sum is of whole numbers, exact; an element of the vector that lies between two may round either way: 127 for each. */
static bool same_i8(struct device_work *w, char *why)
{
  long k = w->size[ROW_K];
  float top = largest_of(w), up = 127.0f / top;
  for (int i = 0; i < ROWS_CHECKED; i++) {
    long row = device_place(w, i, ROWS_CHECKED, w->size[ROW_N]);
    double sum = 0;
    float is;
    for (long d = 0; d < k; d++)
      sum += device_i8(w->seed, WEIGHTS, row * k + d) * (double)nearbyintf(device_f32(w->seed, X, d) * up);
    if (!device_read(w, (const float *)w->buffer[Y] + row, sizeof is, &is))
      return false;
    double step = top / 127, slack = (2 * 127 + 1e-6 * fabs(sum)) * step;
    if (!(fabs(is - sum * step) <= slack))
      return device_differs(why, "row", row, is, sum * step);
  }
  return true;
}

void *cuda_gemv_i8(long n, long k, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->launch = launch_i8;
  w->same = same_i8;
  w->size[ROW_N] = n, w->size[ROW_K] = k;
  if (device_take(w, WEIGHTS, (size_t)(n * k)) && device_take(w, X, (size_t)k * 4) && device_take(w, Y, (size_t)n * 4) &&
      device_take(w, QUANTISED, (size_t)k) && device_take(w, TOP, 4) && device_fill_i8(w, w->buffer[WEIGHTS], WEIGHTS, n * k))
    device_fill_f32(w, w->buffer[X], X, k);
  return device_ready(w, why);
}

/* ---- 4 bit --------------------------------------------------------------------------------------------------------- */

/* A scale of 2^-8 to 2^-6, as the bits of a half: exponent 7 or 8. */
__host__ __device__ static inline uint16_t scale_bits(uint64_t seed, long i)
{
  return (uint16_t)((7 << 10) + device_bits(seed, SCALES, i) % 2048);
}

__global__ static void fill_scales(uint16_t *to, uint64_t seed, long n)
{
  long step = (long)gridDim.x * blockDim.x;
  for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    to[i] = scale_bits(seed, i);
}

/* group is a multiple of 8: the 8 weights that a lane reads at once have one scale. */
__global__ static void gemv_i4_kernel(const uint32_t *weights, const __half *scales, const float *x, float *y, long n, long k, long group)
{
  long row = (long)blockIdx.x * ROWS_A_BLOCK + threadIdx.x / WARP;
  int lane = threadIdx.x % WARP;
  float sum = 0;
  if (row >= n)
    return;
  const uint32_t *w = weights + row * (k / 8);
  for (long i = lane; i < k / 8; i += WARP) {
    uint32_t eight = w[i];
    const float4 *v = (const float4 *)(x + 8 * i);
    float4 low = v[0], high = v[1];
    float part = ((int)(eight & 15) - 8) * low.x + ((int)(eight >> 4 & 15) - 8) * low.y + ((int)(eight >> 8 & 15) - 8) * low.z +
                 ((int)(eight >> 12 & 15) - 8) * low.w + ((int)(eight >> 16 & 15) - 8) * high.x + ((int)(eight >> 20 & 15) - 8) * high.y +
                 ((int)(eight >> 24 & 15) - 8) * high.z + ((int)(eight >> 28) - 8) * high.w;
    sum += __half2float(scales[(row * k + 8 * i) / group]) * part;
  }
  sum = sum_of_warp(sum);
  if (lane == 0)
    y[row] = sum;
}

static void launch_i4(struct device_work *w)
{
  gemv_i4_kernel<<<row_blocks(w), ROWS_A_BLOCK * WARP, 0, w->stream>>>((const uint32_t *)w->buffer[WEIGHTS],
    (const __half *)w->buffer[SCALES], (const float *)w->buffer[X], (float *)w->buffer[Y], w->size[ROW_N], w->size[ROW_K], w->size[ROW_GROUP]);
}

/* Weight i of all: half a byte. */
static int i4_weight(const struct device_work *w, long i)
{
  int byte = (int)(device_bits(w->seed, WEIGHTS, i / 2) & 255);
  return (i % 2 ? byte >> 4 : byte & 15) - 8;
}

static double scale_of(const struct device_work *w, long i)
{
  uint16_t bits = scale_bits(w->seed, i);
  return ldexp(1 + (bits & 1023) / 1024.0, (bits >> 10) - 15);
}

/* Terms up to 8 / 64 x 1, random in sign: their sum is about sqrt(k) / 30; rounding is far below 1e-5 sqrt(k). */
static bool same_i4(struct device_work *w, char *why)
{
  long k = w->size[ROW_K], group = w->size[ROW_GROUP];
  for (int i = 0; i < ROWS_CHECKED; i++) {
    long row = device_place(w, i, ROWS_CHECKED, w->size[ROW_N]);
    double expected = 0;
    float is;
    for (long d = 0; d < k; d++)
      expected += scale_of(w, (row * k + d) / group) * i4_weight(w, row * k + d) * device_f32(w->seed, X, d);
    if (!device_read(w, (const float *)w->buffer[Y] + row, sizeof is, &is))
      return false;
    if (!(fabs(is - expected) <= 1e-5 * sqrt((double)k)))
      return device_differs(why, "row", row, is, expected);
  }
  return true;
}

void *cuda_gemv_i4(long n, long k, long group, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->launch = launch_i4;
  w->same = same_i4;
  w->size[ROW_N] = n, w->size[ROW_K] = k, w->size[ROW_GROUP] = group;
  long scales = n * k / group;
  if (device_take(w, WEIGHTS, (size_t)(n * k / 2)) && device_take(w, SCALES, (size_t)scales * 2) && device_take(w, X, (size_t)k * 4) &&
      device_take(w, Y, (size_t)n * 4) && device_fill_bytes(w, w->buffer[WEIGHTS], WEIGHTS, n * k / 2) && device_fill_f32(w, w->buffer[X], X, k)) {
    fill_scales<<<(unsigned)((scales + 1023) / 1024), 1024, 0, w->stream>>>((uint16_t *)w->buffer[SCALES], seed, scales);
    device_ok(w, cudaGetLastError(), "filling");
  }
  return device_ready(w, why);
}
