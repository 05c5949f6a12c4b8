/* vectors.c: dot products at the speed of memory by the compiler's vectors (vectors.h). */
#include "experiments/kernels/vectors.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One clone for each level of the instruction set, chosen when the program starts (clang 14 does not link such clones: there
 * the portable one serves). */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));
enum { LANES = 16, HIDDEN = 12 };

CLONES void vectors_dot(const float *vectors, size_t n, size_t dimensions, const float *query, float *out)
{
  for (size_t i = 0; i < n; i++) {
    const float *v = vectors + i * dimensions;
    lanes a = {0}, b = {0};
    for (size_t k = 0; k < dimensions; k += VECTORS_STEP) {
      a += *(const lanes *)(v + k) * *(const lanes *)(query + k);
      b += *(const lanes *)(v + k + LANES) * *(const lanes *)(query + k + LANES);
    }
    a += b;
    float sum[4] = {0};
    for (int k = 0; k < LANES; k++) sum[k & 3] += a[k];
    out[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

static void one_vector(float *out, const float *surface, size_t dimensions, uint64_t *seed)
{
  float hidden[HIDDEN];
  for (int h = 0; h < HIDDEN; h++) hidden[h] = kernel_random_f32(seed) + kernel_random_f32(seed);
  memset(out, 0, dimensions * sizeof *out);
  for (int h = 0; h < HIDDEN; h++)
    for (size_t k = 0; k < dimensions; k++) out[k] += hidden[h] * surface[(size_t)h * dimensions + k];
  float square = 0;
  for (size_t k = 0; k < dimensions; k++) square += out[k] * out[k];
  float scale = 1 / sqrtf(square > 0 ? square : 1);
  for (size_t k = 0; k < dimensions; k++) out[k] *= scale;
}

float *vectors_make(size_t n, size_t dimensions, uint64_t seed, uint64_t from)
{
  float *surface = scratch_memory(HIDDEN * dimensions * sizeof *surface), *out = scratch_memory(n * dimensions * sizeof *out);
  if (!surface || !out) {
    free(surface);
    free(out);
    return NULL;
  }
  for (size_t k = 0; k < HIDDEN * dimensions; k++) surface[k] = kernel_random_f32(&seed);
  uint64_t state = seed + from * 0x632BE59BD9B4E019u;
  for (size_t i = 0; i < n; i++) one_vector(out + i * dimensions, surface, dimensions, &state);
  free(surface);
  return out;
}

static void swap_items(struct best_item *a, struct best_item *b)
{
  struct best_item t = *a;
  *a = *b;
  *b = t;
}

static void sink(struct best_item *heap, size_t n, size_t i)
{
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && heap[child + 1].score < heap[child].score) child++;
    if (heap[i].score <= heap[child].score) return;
    swap_items(&heap[i], &heap[child]);
  }
}

bool best_wants(const struct best *b, float score)
{
  return b->n < b->most || score > b->item[0].score;
}

void best_offer(struct best *b, float score, uint32_t item)
{
  struct best_item mine = {score, item};
  if (b->n == b->most) {
    if (!(score > b->item[0].score)) return;
    b->item[0] = mine;
    sink(b->item, b->n, 0);
    return;
  }
  size_t i = b->n++;
  b->item[i] = mine;
  for (; i && b->item[i].score < b->item[(i - 1) / 2].score; i = (i - 1) / 2) swap_items(&b->item[i], &b->item[(i - 1) / 2]);
}

void best_sort(struct best *b)
{
  for (size_t n = b->n; n > 1; n--) {
    swap_items(&b->item[0], &b->item[n - 1]);
    sink(b->item, n - 1, 0);
  }
}
