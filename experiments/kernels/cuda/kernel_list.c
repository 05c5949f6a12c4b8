/* kernel_list.c: the kernels of the CUDA program. Those that the processor has as well have its names, parameters, units and
 * axes, so that one task runs on either by its profile; the shapes are those that fill a card. copy_h2d and copy_d2h move
 * pinned memory of the host; launch is an empty kernel and the wait for it, which is in every time here.
 */
#include "experiments/kernels/cuda/cuda.h"
#include "experiments/kernels/kernel.h"

#include <string.h>

#define COMMON .unavailable = cuda_why_not, .run = cuda_run, .check = cuda_check, .cool = cuda_cool, .finish = cuda_finish

static double first(const double *p, int axis) { (void)axis; return p[0]; }
static double size_of(const double *p) { return p[0]; }
static double twice(const double *p) { return 2 * p[0]; }

/* ---- gemm_f32 ------------------------------------------------------------------------------------------------------ */

static double gemm_flop(const double *p) { return 2 * p[0] * p[1] * p[2]; }
static double gemm_bytes(const double *p) { return 4 * (p[0] * p[2] + p[2] * p[1] + p[0] * p[1]); }
static double gemm_axis(const double *p, int axis) { return axis == 0 ? gemm_bytes(p) : axis == 1 ? 4 * p[1] * p[2] : p[0]; }

static void *gemm_prepare(const double *p, uint64_t seed, char *why)
{
  return cuda_gemm((long)p[0], (long)p[1], (long)p[2], seed, why);
}

#define ROWS(n, k) {8, n, k}, {32, n, k}, {128, n, k}, {512, n, k}, {2048, n, k}
static const double gemm_full[][KERNEL_PARAMETERS] = {ROWS(768, 768), ROWS(1536, 1536), ROWS(3072, 3072), ROWS(4096, 4096), ROWS(8192, 8192)};
#define FEW_ROWS(n, k) {8, n, k}, {128, n, k}, {2048, n, k}
static const double gemm_quick[][KERNEL_PARAMETERS] = {FEW_ROWS(768, 768), FEW_ROWS(3072, 3072), FEW_ROWS(8192, 8192)};

static bool gemm_allowed(const double *p)
{
  double weights = p[1] * p[2];
  return weights >= 768. * 768 && weights <= 8192. * 8192 && p[1] <= 4 * p[2] && p[2] <= 4 * p[1];
}

static const struct kernel kernel_gemm_f32 = {
  .name = "gemm_f32", .version = 1, .unit = "FLOP", .bound = BOUND_COMPUTE,
  .n_parameters = 3, .parameter = {{"m", 8, 2048, 8}, {"n", 768, 8192, 64}, {"k", 768, 8192, 64}},
  .n_axes = 3, .axis = {"working_set", "weights", "m"}, .full = KERNEL_GRID(gemm_full), .quick = KERNEL_GRID(gemm_quick),
  .units = gemm_flop, .axis_value = gemm_axis, .flop = gemm_flop, .bytes = gemm_bytes, .allowed = gemm_allowed,
  .prepare = gemm_prepare, COMMON,
};

/* ---- attention ----------------------------------------------------------------------------------------------------- */

static double prefill_flop(const double *p) { return 4 * p[1] * p[0] * p[0] * p[2]; }
static double prefill_bytes(const double *p) { return 16 * p[1] * p[0] * p[2]; }
static double prefill_axis(const double *p, int axis) { return axis == 0 ? prefill_bytes(p) : axis == 1 ? p[0] : p[2]; }

static void *prefill_prepare(const double *p, uint64_t seed, char *why)
{
  return cuda_prefill((long)p[0], (long)p[1], (long)p[2], seed, why);
}

#define HEAD_SIZES(tokens) {tokens, 32, 64}, {tokens, 32, 96}, {tokens, 32, 128}
static const double prefill_full[][KERNEL_PARAMETERS] = {
  HEAD_SIZES(64), HEAD_SIZES(128), HEAD_SIZES(256), HEAD_SIZES(512), HEAD_SIZES(1024), HEAD_SIZES(2048)};
#define TWO_SIZES(tokens) {tokens, 32, 64}, {tokens, 32, 128}
static const double prefill_quick[][KERNEL_PARAMETERS] = {TWO_SIZES(64), TWO_SIZES(256), TWO_SIZES(1024)};

static const struct kernel kernel_attention_prefill = {
  .name = "attention_prefill", .version = 1, .unit = "FLOP", .bound = BOUND_COMPUTE,
  .n_parameters = 3, .parameter = {{"tokens", 64, 2048, 16}, {"heads", 32, 32, 1}, {"dim", 64, 128, 32}},
  .n_axes = 3, .axis = {"working_set", "tokens", "dim"}, .full = KERNEL_GRID(prefill_full), .quick = KERNEL_GRID(prefill_quick),
  .units = prefill_flop, .axis_value = prefill_axis, .flop = prefill_flop, .bytes = prefill_bytes,
  .prepare = prefill_prepare, COMMON,
};

static double decode_bytes(const double *p) { return 8 * p[0] * p[1] * p[2]; }
static double decode_flop(const double *p) { return 4 * p[0] * p[1] * p[2]; }
static double decode_axis(const double *p, int axis) { (void)axis; return decode_bytes(p); }

static void *decode_prepare(const double *p, uint64_t seed, char *why)
{
  return cuda_decode((long)p[0], (long)p[1], (long)p[2], seed, why);
}

static const double decode_full[][KERNEL_PARAMETERS] = {
  {128, 8, 64}, {256, 8, 64}, {512, 8, 64}, {1024, 8, 64}, {2048, 8, 64}, {4096, 8, 64}, {8192, 8, 64}, {16384, 8, 64},
  {8192, 32, 64}, {16384, 32, 64}, {32768, 32, 64}, {32768, 32, 128}};
static const double decode_quick[][KERNEL_PARAMETERS] = {{128, 8, 64}, {512, 8, 64}, {2048, 8, 64}, {8192, 8, 64}, {8192, 32, 64}, {32768, 32, 128}};

static const struct kernel kernel_attention_decode = {
  .name = "attention_decode", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 3, .parameter = {{"context", 128, 32768, 1}, {"heads", 8, 32, 8}, {"dim", 64, 128, 64}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(decode_full), .quick = KERNEL_GRID(decode_quick),
  .units = decode_bytes, .axis_value = decode_axis, .flop = decode_flop, .bytes = decode_bytes,
  .prepare = decode_prepare, COMMON,
};

/* ---- matrix times vector ------------------------------------------------------------------------------------------- */

static double gemv_flop(const double *p) { return 2 * p[0] * p[1]; }
static double i8_bytes(const double *p) { return p[0] * p[1]; }
static double i8_axis(const double *p, int axis) { (void)axis; return i8_bytes(p); }
static double i4_bytes(const double *p) { return p[0] * p[1] / 2 + 2 * p[0] * p[1] / p[2]; }
static double i4_axis(const double *p, int axis) { (void)axis; return i4_bytes(p); }

static void *i8_prepare(const double *p, uint64_t seed, char *why) { return cuda_gemv_i8((long)p[0], (long)p[1], seed, why); }

static void *i4_prepare(const double *p, uint64_t seed, char *why)
{
  return cuda_gemv_i4((long)p[0], (long)p[1], (long)p[2], seed, why);
}

static const double i8_full[][KERNEL_PARAMETERS] = {
  {512, 512}, {1024, 1024}, {2048, 1024}, {2048, 2048}, {4096, 2048}, {4096, 4096}, {8192, 4096}, {14336, 4096}, {16384, 8192}, {28672, 8192}};
static const double i8_quick[][KERNEL_PARAMETERS] = {{512, 512}, {2048, 1024}, {4096, 4096}, {14336, 4096}, {28672, 8192}};
static const double i4_full[][KERNEL_PARAMETERS] = {
  {512, 512, 32}, {1024, 1024, 32}, {2048, 1024, 32}, {2048, 2048, 32}, {4096, 2048, 32}, {4096, 4096, 32}, {8192, 4096, 32},
  {14336, 4096, 32}, {16384, 8192, 32}, {28672, 8192, 32}};
static const double i4_quick[][KERNEL_PARAMETERS] = {{512, 512, 32}, {2048, 1024, 32}, {4096, 4096, 32}, {14336, 4096, 32}, {28672, 8192, 32}};

static const struct kernel kernel_gemv_i8 = {
  .name = "gemv_i8", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 2, .parameter = {{"n", 512, 28672, 16}, {"k", 512, 8192, 64}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(i8_full), .quick = KERNEL_GRID(i8_quick),
  .units = i8_bytes, .axis_value = i8_axis, .flop = gemv_flop, .bytes = i8_bytes, .prepare = i8_prepare, COMMON,
};
static const struct kernel kernel_gemv_i4 = {
  .name = "gemv_i4", .version = 1, .unit = "B", .bound = BOUND_MEMORY,
  .n_parameters = 3, .parameter = {{"n", 512, 28672, 16}, {"k", 512, 8192, 128}, {"group", 32, 128, 32}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(i4_full), .quick = KERNEL_GRID(i4_quick),
  .units = i4_bytes, .axis_value = i4_axis, .flop = gemv_flop, .bytes = i4_bytes, .prepare = i4_prepare, COMMON,
};

/* ---- copies, the triad, launches ----------------------------------------------------------------------------------- */

static void *copy_prepare(const double *p, uint64_t seed, char *why) { return cuda_copy((long)p[0], CUDA_ON_DEVICE, seed, why); }
static void *h2d_prepare(const double *p, uint64_t seed, char *why) { return cuda_copy((long)p[0], CUDA_TO_DEVICE, seed, why); }
static void *d2h_prepare(const double *p, uint64_t seed, char *why) { return cuda_copy((long)p[0], CUDA_TO_HOST, seed, why); }
static void *triad_prepare(const double *p, uint64_t seed, char *why) { return cuda_triad((long)p[0], seed, why); }
static void *launch_prepare(const double *p, uint64_t seed, char *why) { (void)p; return cuda_launch(seed, why); }
static double copy_axis(const double *p, int axis) { (void)axis; return twice(p); }
static double triad_flop(const double *p) { return p[0] / 12; }
static double one(const double *p) { (void)p; return 1; }

#define KIB(n) {1024. * (n)}
static const double host_full[][KERNEL_PARAMETERS] = {
  KIB(4), KIB(16), KIB(64), KIB(256), KIB(512), KIB(1024), KIB(2048), KIB(4096), KIB(8192), KIB(16384), KIB(32768), KIB(65536)};
static const double host_quick[][KERNEL_PARAMETERS] = {KIB(4), KIB(64), KIB(512), KIB(4096), KIB(16384), KIB(65536)};
static const double card_full[][KERNEL_PARAMETERS] = {
  KIB(16), KIB(64), KIB(256), KIB(1024), KIB(4096), KIB(16384), KIB(32768), KIB(65536), KIB(131072), KIB(262144), KIB(524288), KIB(1048576)};
static const double card_quick[][KERNEL_PARAMETERS] = {KIB(16), KIB(256), KIB(4096), KIB(32768), KIB(131072), KIB(1048576)};
static const double triad_full[][KERNEL_PARAMETERS] = {
  KIB(24), KIB(96), KIB(384), KIB(1536), KIB(6144), KIB(24576), KIB(49152), KIB(98304), KIB(196608), KIB(393216), KIB(786432)};
static const double triad_quick[][KERNEL_PARAMETERS] = {KIB(24), KIB(384), KIB(6144), KIB(49152), KIB(196608), KIB(786432)};
static const double launch_grid[][KERNEL_PARAMETERS] = {{1}};

static const struct kernel kernel_copy = {
  .name = "copy", .version = 1, .unit = "B", .bound = BOUND_MEMORY, .n_parameters = 1, .parameter = {{"size", 16384, 1073741824, 64}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(card_full), .quick = KERNEL_GRID(card_quick),
  .units = size_of, .axis_value = copy_axis, .bytes = twice, .prepare = copy_prepare, COMMON,
};
static const struct kernel kernel_triad = {
  .name = "triad", .version = 1, .unit = "B", .bound = BOUND_MEMORY, .n_parameters = 1, .parameter = {{"size", 24576, 805306368, 192}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(triad_full), .quick = KERNEL_GRID(triad_quick),
  .units = size_of, .axis_value = first, .flop = triad_flop, .bytes = size_of, .prepare = triad_prepare, COMMON,
};
static const struct kernel kernel_copy_h2d = {
  .name = "copy_h2d", .version = 1, .unit = "B", .bound = BOUND_SYSTEM, .n_parameters = 1, .parameter = {{"size", 4096, 67108864, 64}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(host_full), .quick = KERNEL_GRID(host_quick),
  .units = size_of, .axis_value = first, .bytes = size_of, .prepare = h2d_prepare, COMMON,
};
static const struct kernel kernel_copy_d2h = {
  .name = "copy_d2h", .version = 1, .unit = "B", .bound = BOUND_SYSTEM, .n_parameters = 1, .parameter = {{"size", 4096, 67108864, 64}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(host_full), .quick = KERNEL_GRID(host_quick),
  .units = size_of, .axis_value = first, .bytes = size_of, .prepare = d2h_prepare, COMMON,
};
static const struct kernel kernel_launch = {
  .name = "launch", .version = 1, .unit = "launch", .bound = BOUND_SYSTEM, .n_parameters = 1, .parameter = {{"size", 1, 1, 1}},
  .n_axes = 1, .axis = {"working_set"}, .full = KERNEL_GRID(launch_grid), .quick = KERNEL_GRID(launch_grid),
  .units = one, .axis_value = first, .prepare = launch_prepare, COMMON,
};

const struct kernel *const kernel_list[] = {
  &kernel_gemm_f32, &kernel_attention_prefill, &kernel_attention_decode, &kernel_gemv_i8, &kernel_gemv_i4, &kernel_copy, &kernel_triad,
  &kernel_copy_h2d, &kernel_copy_d2h, &kernel_launch, NULL};

const struct kernel *kernel_find(const char *name)
{
  for (const struct kernel *const *k = kernel_list; *k; k++)
    if (strcmp((*k)->name, name) == 0)
      return *k;
  return NULL;
}
