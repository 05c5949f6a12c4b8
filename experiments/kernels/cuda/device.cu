/* device.cu: states on the device, copies, the triad of STREAM, launches. */
#include "experiments/kernels/cuda/device.cuh"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 256, SYSTEM_CODE = 3 };
static const long BLOCKS_MOST = 65535;

/* ---- the device ---------------------------------------------------------------------------------------------------- */

/* Waiting means spinning: then the thread's own clock, by which a sample is called settled, tells what the wall clock tells. A
 * context that is there already may refuse the flag, with which it may stand all the same. */
static const char *take_device(void)
{
  unsigned flags = 0;
  cudaError_t refused = cudaSetDeviceFlags(cudaDeviceScheduleSpin), e = cudaSetDevice(0);
  if (e == cudaSuccess && refused != cudaSuccess) {
    (void)cudaGetLastError();
    e = cudaGetDeviceFlags(&flags);
  }
  if (e != cudaSuccess)
    return cudaGetErrorString(e);
  bool spins = refused == cudaSuccess || (flags & cudaDeviceScheduleMask) == cudaDeviceScheduleSpin;
  return spins ? NULL : "whoever waits for the device sleeps (no cudaDeviceScheduleSpin), so that the thread's clock stands still";
}

const char *cuda_why_not(void)
{
  int n = 0;
  cudaError_t e = cudaGetDeviceCount(&n);
  if (e != cudaSuccess)
    return cudaGetErrorString(e);
  if (n == 0)
    return "no CUDA device";
  return take_device();
}

bool cuda_facts_get(struct cuda_facts *f)
{
  struct cudaDeviceProp p;
  int khz = 0;
  memset(f, 0, sizeof *f);
  if (cuda_why_not() || cudaGetDeviceProperties(&p, 0) != cudaSuccess)
    return false;
  snprintf(f->name, sizeof f->name, "%.*s", CUDA_NAME - 1, p.name);
  if (cudaDeviceGetPCIBusId(f->bus, sizeof f->bus, 0) != cudaSuccess)
    f->bus[0] = 0;
  f->memory_bytes = (double)p.totalGlobalMem;
  f->l2_bytes = (double)p.l2CacheSize;
  f->major = p.major;
  f->minor = p.minor;
  if (cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, 0) == cudaSuccess)
    f->clock_hz = 1e3 * khz;
  return cudaRuntimeGetVersion(&f->runtime) == cudaSuccess && cudaDriverGetVersion(&f->driver) == cudaSuccess;
}

/* ---- states -------------------------------------------------------------------------------------------------------- */

bool device_ok(struct device_work *w, cudaError_t e, const char *what)
{
  if (e != cudaSuccess && !w->failed) {
    w->failed = true;
    snprintf(w->why, sizeof w->why, "%s: %s", what, cudaGetErrorString(e));
  }
  return !w->failed;
}

struct device_work *device_new(uint64_t seed, char *why)
{
  const char *not_there = cuda_why_not();
  struct device_work *w = not_there ? NULL : (struct device_work *)calloc(1, sizeof *w);
  if (!w) {
    snprintf(why, DEVICE_WHY, "%s", not_there ? not_there : "no memory");
    return NULL;
  }
  w->seed = seed;
  device_ok(w, cudaStreamCreateWithFlags(&w->stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return w;
}

bool device_take(struct device_work *w, int i, size_t bytes)
{
  return !w->failed && device_ok(w, cudaMalloc(&w->buffer[i], bytes), "cudaMalloc") &&
         device_ok(w, cudaMemsetAsync(w->buffer[i], 0xFF, bytes, w->stream), "cudaMemset");
}

struct device_work *device_ready(struct device_work *w, char *why)
{
  if (!w->failed)
    device_ok(w, cudaStreamSynchronize(w->stream), "preparing");
  if (!w->failed)
    return w;
  snprintf(why, DEVICE_WHY, "%s", w->why);
  cuda_finish(w);
  return NULL;
}

/* What failed once the timing has begun makes the timing worthless: the raw lines end here, without an end. */
void cuda_run(void *state)
{
  struct device_work *w = (struct device_work *)state;
  if (w->failed)
    return;
  w->launch(w);
  if (device_ok(w, cudaGetLastError(), "launch"))
    device_ok(w, cudaStreamSynchronize(w->stream), "execution");
  if (w->failed && w->checked) {
    fprintf(stderr, "offsim-kernels-cuda: error: %s, after the self-check\n", w->why);
    exit(SYSTEM_CODE);
  }
}

bool cuda_check(void *state, char *why)
{
  struct device_work *w = (struct device_work *)state;
  bool good = !w->failed && w->same(w, why);
  if (w->failed)
    snprintf(why, DEVICE_WHY, "%s", w->why);
  w->checked = true;
  return good && !w->failed;
}

/* Twice the cache of the device is written over. Where that memory cannot be had the next time is a hot one, so it is told. */
void cuda_cool(void *state)
{
  struct device_work *w = (struct device_work *)state;
  struct cuda_facts f;
  if (!w->flush && cuda_facts_get(&f)) {
    w->flush_bytes = (size_t)(2 * f.l2_bytes) + (1 << 20);
    device_ok(w, cudaMalloc(&w->flush, w->flush_bytes), "cudaMalloc of the memory that cools");
  }
  if (!w->failed && device_ok(w, cudaMemsetAsync(w->flush, 1, w->flush_bytes, w->stream), "cooling"))
    device_ok(w, cudaStreamSynchronize(w->stream), "cooling");
  if (w->failed) {
    fprintf(stderr, "offsim-kernels-cuda: error: %s\n", w->why);
    exit(SYSTEM_CODE);
  }
}

/* Failures while giving back have nobody to be told to. */
void cuda_finish(void *state)
{
  struct device_work *w = (struct device_work *)state;
  if (w->end)
    w->end(w);
  for (int i = 0; i < DEVICE_BUFFERS; i++)
    (void)cudaFree(w->buffer[i]);
  (void)cudaFree(w->flush);
  (void)cudaFreeHost(w->pinned);
  if (w->stream)
    (void)cudaStreamDestroy(w->stream);
  (void)cudaGetLastError();
  free(w);
}

/* ---- data ---------------------------------------------------------------------------------------------------------- */

enum fill { FILL_F32, FILL_I8, FILL_BYTES };

__global__ static void fill_kernel(void *to, uint64_t seed, int array, long n, enum fill what)
{
  long step = (long)gridDim.x * blockDim.x;
  for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
    if (what == FILL_F32)
      ((float *)to)[i] = device_f32(seed, array, i);
    else if (what == FILL_I8)
      ((int8_t *)to)[i] = (int8_t)device_i8(seed, array, i);
    else
      ((uint8_t *)to)[i] = (uint8_t)device_bits(seed, array, i);
  }
}

static int blocks_for(long n)
{
  long blocks = (n + THREADS - 1) / THREADS;
  return (int)(blocks < BLOCKS_MOST ? blocks : BLOCKS_MOST);
}

static bool fill(struct device_work *w, void *to, int array, long n, enum fill what)
{
  if (w->failed)
    return false;
  fill_kernel<<<blocks_for(n), THREADS, 0, w->stream>>>(to, w->seed, array, n, what);
  return device_ok(w, cudaGetLastError(), "filling");
}

bool device_fill_f32(struct device_work *w, void *to, int array, long n) { return fill(w, to, array, n, FILL_F32); }
bool device_fill_i8(struct device_work *w, void *to, int array, long n) { return fill(w, to, array, n, FILL_I8); }
bool device_fill_bytes(struct device_work *w, void *to, int array, long n) { return fill(w, to, array, n, FILL_BYTES); }

bool device_read(struct device_work *w, const void *from, size_t bytes, void *to)
{
  return device_ok(w, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, w->stream), "reading back") &&
         device_ok(w, cudaStreamSynchronize(w->stream), "reading back");
}

bool device_differs(char *why, const char *what, long i, double is, double expected)
{
  snprintf(why, DEVICE_WHY, "%s %ld is %.9g, expected %.9g", what, i, is, expected);
  return false;
}

long device_place(const struct device_work *w, int which, int of, long n)
{
  return which == 0 ? 0 : which == of - 1 ? n - 1 : (long)(device_bits(w->seed, 100, which) % (uint64_t)n);
}

/* ---- copies -------------------------------------------------------------------------------------------------------- */

enum { FROM, TO, PLACES = 1000 };

static void launch_copy(struct device_work *w)
{
  const void *from = w->size[1] == CUDA_TO_DEVICE ? w->pinned : w->buffer[FROM];
  void *to = w->size[1] == CUDA_TO_HOST ? w->pinned : w->buffer[TO];
  device_ok(w, cudaMemcpyAsync(to, from, (size_t)w->size[0], cudaMemcpyDefault, w->stream), "copy");
}

static bool same_copy(struct device_work *w, char *why)
{
  const uint8_t *to = (const uint8_t *)(w->size[1] == CUDA_TO_HOST ? w->pinned : w->buffer[TO]);
  for (int i = 0; i < PLACES; i++) {
    long at = device_place(w, i, PLACES, w->size[0]);
    uint8_t is, expected = (uint8_t)device_bits(w->seed, 0, at);
    if (!device_read(w, to + at, 1, &is))
      return false;
    if (is != expected)
      return device_differs(why, "byte", at, is, expected);
  }
  return true;
}

void *cuda_copy(long bytes, enum cuda_way way, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->launch = launch_copy;
  w->same = same_copy;
  w->size[0] = bytes;
  w->size[1] = way;
  if (way != CUDA_TO_DEVICE && device_take(w, FROM, (size_t)bytes))
    device_fill_bytes(w, w->buffer[FROM], 0, bytes);
  if (way != CUDA_TO_HOST)
    device_take(w, TO, (size_t)bytes);
  if (way != CUDA_ON_DEVICE && !w->failed && device_ok(w, cudaMallocHost(&w->pinned, (size_t)bytes), "cudaMallocHost"))
    for (long i = 0; i < bytes; i++)
      ((uint8_t *)w->pinned)[i] = way == CUDA_TO_DEVICE ? (uint8_t)device_bits(seed, 0, i) : 0xFF;
  return device_ready(w, why);
}

/* ---- triad: a = b + s c, doubles, as on the processor ----------------------------------------------------------------- */

enum { A, B, C };
static const double SCALE = 3;

__global__ static void triad_kernel(double *a, const double *b, const double *c, double scale, long n)
{
  long step = (long)gridDim.x * blockDim.x;
  for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    a[i] = b[i] + scale * c[i];
}

__global__ static void fill_doubles(double *to, uint64_t seed, int array, long n)
{
  long step = (long)gridDim.x * blockDim.x;
  for (long i = (long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
    to[i] = device_f32(seed, array, i);
}

static void launch_triad(struct device_work *w)
{
  triad_kernel<<<blocks_for(w->size[0]), THREADS, 0, w->stream>>>((double *)w->buffer[A], (const double *)w->buffer[B],
                                                                   (const double *)w->buffer[C], SCALE, w->size[0]);
}

/* Exact but for one rounding, which a fused multiply and add leaves out. */
static bool same_triad(struct device_work *w, char *why)
{
  for (int i = 0; i < PLACES; i++) {
    long at = device_place(w, i, PLACES, w->size[0]);
    double is, expected = device_f32(w->seed, B, at) + SCALE * device_f32(w->seed, C, at);
    if (!device_read(w, (const double *)w->buffer[A] + at, sizeof is, &is))
      return false;
    if (!(fabs(is - expected) <= 1e-12))
      return device_differs(why, "element", at, is, expected);
  }
  return true;
}

void *cuda_triad(long bytes, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  long n = bytes / 24 > 0 ? bytes / 24 : 1;
  w->launch = launch_triad;
  w->same = same_triad;
  w->size[0] = n;
  for (int i = A; i <= C; i++)
    if (device_take(w, i, (size_t)n * 8) && i > A) {
      fill_doubles<<<blocks_for(n), THREADS, 0, w->stream>>>((double *)w->buffer[i], seed, i, n);
      device_ok(w, cudaGetLastError(), "filling");
    }
  return device_ready(w, why);
}

/* ---- launch: as little as can be asked of the device ------------------------------------------------------------------ */

__global__ static void count_kernel(unsigned *count) { ++*count; }

static void launch_launch(struct device_work *w)
{
  count_kernel<<<1, 1, 0, w->stream>>>((unsigned *)w->buffer[0]);
}

/* It began at all ones and was launched once: 0. */
static bool same_launch(struct device_work *w, char *why)
{
  unsigned count;
  return device_read(w, w->buffer[0], sizeof count, &count) && (count == 0 || device_differs(why, "launches less one,", 0, count, 0));
}

void *cuda_launch(uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->launch = launch_launch;
  w->same = same_launch;
  device_take(w, 0, sizeof(unsigned));
  return device_ready(w, why);
}
