/* attention.cu: attention in 32 bit; queries, keys and values are [heads][tokens][dim], dim at most 128 and a multiple of 32.
 *
 * Prefill: every token attends to all. A block has 32 queries of a head and walks over the keys, 32 at a time, with the running
 * maximum and sum of Dao et al. (2022), so that no tokens x tokens matrix is stored.
 * Decode: one token over the keys and values of those before it. The context of a head is split over blocks, each of 4 warps
 * that take keys in turn; a second kernel joins the parts, weighted by their sums.
 */
#include "experiments/kernels/cuda/device.cuh"

#include <math.h>
#include <stdlib.h>

enum { Q, KEYS, VALUES, OUT, PARTIAL };
enum { TOKENS, HEADS, DIM };
enum { WARP = 32, BLOCK = 32, WIDE = 16, DIM_MOST = 128, COLUMNS = DIM_MOST / WIDE };

/* ---- prefill ------------------------------------------------------------------------------------------------------- */

/* 32 rows of a head into shared memory; beyond the last token zeros. */
__device__ static void load_rows(float (*to)[DIM_MOST + 1], const float *from, long first, long tokens, int dim)
{
  for (int i = threadIdx.x; i < BLOCK * dim; i += WIDE * WIDE) {
    long t = first + i / dim;
    to[i / dim][i % dim] = t < tokens ? from[t * dim + i % dim] : 0;
  }
}

/* Eight threads have a row of 32 scores: they become exponentials; what was summed before shrinks by what is returned. */
__device__ static void weigh(float (*score)[BLOCK + 1], float *top, float *sum, float *shrink, long keys_left)
{
  int row = threadIdx.x / 8, part = threadIdx.x % 8;
  float most = -INFINITY, total = 0;
  for (int j = part; j < BLOCK; j += 8)
    if (j < keys_left)
      most = fmaxf(most, score[row][j]);
  for (int d = 4; d > 0; d /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xFFFFFFFFu, most, d, 8));
  most = fmaxf(most, top[row]);
  for (int j = part; j < BLOCK; j += 8) {
    score[row][j] = j < keys_left ? expf(score[row][j] - most) : 0;
    total += score[row][j];
  }
  for (int d = 4; d > 0; d /= 2)
    total += __shfl_xor_sync(0xFFFFFFFFu, total, d, 8);
  __syncwarp();
  if (part == 0) {
    shrink[row] = expf(top[row] - most);
    sum[row] = sum[row] * shrink[row] + total;
    top[row] = most;
  }
}

__global__ static void prefill_kernel(const float *q, const float *k, const float *v, float *out, long tokens, int dim)
{
  __shared__ float of_q[BLOCK][DIM_MOST + 1], of_k[BLOCK][DIM_MOST + 1], score[BLOCK][BLOCK + 1];
  __shared__ float top[BLOCK], sum[BLOCK], shrink[BLOCK];
  int x = threadIdx.x % WIDE, y = threadIdx.x / WIDE;
  long head = (long)blockIdx.y * tokens * dim, first = (long)blockIdx.x * BLOCK;
  float mix[2][COLUMNS] = {}, scale = rsqrtf((float)dim);
  load_rows(of_q, q + head, first, tokens, dim);
  if (threadIdx.x < BLOCK) {
    top[threadIdx.x] = -INFINITY;
    sum[threadIdx.x] = 0;
  }
  for (long from = 0; from < tokens; from += BLOCK) {
    __syncthreads();                                    /* the values of before are read */
    load_rows(of_k, k + head, from, tokens, dim);
    __syncthreads();
    for (int i = 0; i < 2; i++)
      for (int j = 0; j < 2; j++) {
        float dot = 0;
        for (int d = 0; d < dim; d++)
          dot += of_q[2 * y + i][d] * of_k[x + WIDE * j][d];
        score[2 * y + i][x + WIDE * j] = dot * scale;
      }
    __syncthreads();
    load_rows(of_k, v + head, from, tokens, dim);       /* the keys are done with: values take their place */
    weigh(score, top, sum, shrink, tokens - from);
    __syncthreads();
    for (int i = 0; i < 2; i++)
      for (int c = 0; c < COLUMNS; c++)
        if (x + WIDE * c < dim) {
          float add = 0;
          for (int j = 0; j < BLOCK; j++)
            add += score[2 * y + i][j] * of_k[j][x + WIDE * c];
          mix[i][c] = mix[i][c] * shrink[2 * y + i] + add;
        }
  }
  for (int i = 0; i < 2; i++)
    for (int c = 0; c < COLUMNS; c++)
      if (first + 2 * y + i < tokens && x + WIDE * c < dim)
        out[head + (first + 2 * y + i) * dim + x + WIDE * c] = mix[i][c] / sum[2 * y + i];
}

static void launch_prefill(struct device_work *w)
{
  dim3 grid((unsigned)((w->size[TOKENS] + BLOCK - 1) / BLOCK), (unsigned)w->size[HEADS]);
  prefill_kernel<<<grid, WIDE * WIDE, 0, w->stream>>>((const float *)w->buffer[Q], (const float *)w->buffer[KEYS],
    (const float *)w->buffer[VALUES], (float *)w->buffer[OUT], w->size[TOKENS], (int)w->size[DIM]);
}

/* ---- by definition, on the host --------------------------------------------------------------------------------------- */

/* Element d of each; query row of a head over `tokens` keys, in double precision. out has dim elements. */
static bool attend(const struct device_work *w, long query, long head, double *out)
{
  long tokens = w->size[TOKENS], dim = w->size[DIM];
  double *score = (double *)malloc((size_t)tokens * sizeof *score), top = -INFINITY, sum = 0;
  for (long t = 0; score && t < tokens; t++) {
    score[t] = 0;
    for (long d = 0; d < dim; d++)
      score[t] += (double)device_f32(w->seed, Q, query * dim + d) * device_f32(w->seed, KEYS, (head * tokens + t) * dim + d);
    score[t] /= sqrt((double)dim);
    top = fmax(top, score[t]);
  }
  for (long d = 0; d < dim; d++)
    out[d] = 0;
  for (long t = 0; score && t < tokens; t++) {
    double weight = exp(score[t] - top);
    sum += weight;
    for (long d = 0; d < dim; d++)
      out[d] += weight * device_f32(w->seed, VALUES, (head * tokens + t) * dim + d);
  }
  for (long d = 0; d < dim; d++)
    out[d] /= sum;
  free(score);
  return score != NULL;
}

/* A mix of n random values is about .58 / sqrt(n); one wrong tile moves it by far more than 2e-5. */
static bool same_row(struct device_work *w, long query, long head, char *why)
{
  double expected[DIM_MOST];
  float is[DIM_MOST];
  long dim = w->size[DIM];
  if (!attend(w, query, head, expected) || !device_read(w, (const float *)w->buffer[OUT] + query * dim, (size_t)dim * 4, is))
    return device_differs(why, "no memory for query", query, 0, 0);
  for (long d = 0; d < dim; d++)
    if (!(fabs(is[d] - expected[d]) <= 2e-5))
      return device_differs(why, "element", query * dim + d, is[d], expected[d]);
  return true;
}

enum { QUERIES_CHECKED = 6, HEADS_CHECKED = 4 };

static bool same_prefill(struct device_work *w, char *why)
{
  for (int i = 0; i < QUERIES_CHECKED; i++) {
    long query = device_place(w, i, QUERIES_CHECKED, w->size[HEADS] * w->size[TOKENS]);
    if (!same_row(w, query, query / w->size[TOKENS], why))
      return false;
  }
  return true;
}

static bool same_decode(struct device_work *w, char *why)
{
  for (int i = 0; i < HEADS_CHECKED; i++) {
    long head = device_place(w, i, HEADS_CHECKED, w->size[HEADS]);
    if (!same_row(w, head, head, why))
      return false;
  }
  return true;
}

static struct device_work *attention_new(long queries, long tokens, long heads, long dim, uint64_t seed, char *why)
{
  struct device_work *w = device_new(seed, why);
  if (!w)
    return NULL;
  w->size[TOKENS] = tokens, w->size[HEADS] = heads, w->size[DIM] = dim;
  if (dim > DIM_MOST || dim % WARP)
    device_ok(w, cudaErrorInvalidValue, "dim is a multiple of 32 up to 128");
  if (device_take(w, Q, (size_t)(heads * queries * dim) * 4) && device_take(w, KEYS, (size_t)(heads * tokens * dim) * 4) &&
      device_take(w, VALUES, (size_t)(heads * tokens * dim) * 4) && device_take(w, OUT, (size_t)(heads * queries * dim) * 4) &&
      device_fill_f32(w, w->buffer[Q], Q, heads * queries * dim) && device_fill_f32(w, w->buffer[KEYS], KEYS, heads * tokens * dim))
    device_fill_f32(w, w->buffer[VALUES], VALUES, heads * tokens * dim);
  return w;
}

void *cuda_prefill(long tokens, long heads, long dim, uint64_t seed, char *why)
{
  struct device_work *w = attention_new(tokens, tokens, heads, dim, seed, why);
  if (!w)
    return NULL;
  w->launch = launch_prefill;
  w->same = same_prefill;
  return device_ready(w, why);
}

/* ---- decode -------------------------------------------------------------------------------------------------------- */

enum { WARPS = 4, LANE_MOST = DIM_MOST / WARP, KEYS_A_PART = 128, PARTS_MOST = 256 };

/* A part leaves its maximum, its sum, and dim elements of the mix. */
__global__ static void decode_kernel(const float *q, const float *k, const float *v, float *partial, long tokens, int dim, long each)
{
  __shared__ float top_of[WARPS], sum_of[WARPS], mix_of[WARPS][DIM_MOST];
  int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, own = dim / WARP;
  long head = blockIdx.y, begin = (long)blockIdx.x * each, end = begin + each < tokens ? begin + each : tokens;
  float query[LANE_MOST], mix[LANE_MOST] = {}, top = -INFINITY, sum = 0, scale = rsqrtf((float)dim);
  for (int i = 0; i < own; i++)
    query[i] = q[head * dim + lane + WARP * i] * scale;
  for (long t = begin + warp; t < end; t += WARPS) {
    const float *key = k + (head * tokens + t) * dim, *value = v + (head * tokens + t) * dim;
    float dot = 0;
    for (int i = 0; i < own; i++)
      dot += query[i] * key[lane + WARP * i];
    for (int d = WARP / 2; d > 0; d /= 2)
      dot += __shfl_xor_sync(0xFFFFFFFFu, dot, d);
    float most = fmaxf(top, dot), shrink = expf(top - most), weight = expf(dot - most);
    sum = sum * shrink + weight;
    for (int i = 0; i < own; i++)
      mix[i] = mix[i] * shrink + weight * value[lane + WARP * i];
    top = most;
  }
  if (lane == 0) {
    top_of[warp] = top;
    sum_of[warp] = sum;
  }
  for (int i = 0; i < own; i++)
    mix_of[warp][lane + WARP * i] = mix[i];
  __syncthreads();
  float most = -INFINITY, total = 0;
  for (int i = 0; i < WARPS; i++)
    most = fmaxf(most, top_of[i]);
  for (int i = 0; i < WARPS; i++)
    total += sum_of[i] > 0 ? sum_of[i] * expf(top_of[i] - most) : 0;
  float *to = partial + (head * gridDim.x + blockIdx.x) * (DIM_MOST + 2);
  for (int d = threadIdx.x; d < dim; d += WARPS * WARP) {
    float x = 0;
    for (int i = 0; i < WARPS; i++)
      x += sum_of[i] > 0 ? mix_of[i][d] * expf(top_of[i] - most) : 0;
    to[2 + d] = x;
  }
  if (threadIdx.x == 0) {
    to[0] = most;
    to[1] = total;
  }
}

__global__ static void join_kernel(const float *partial, float *out, int parts, int dim)
{
  const float *of = partial + (long)blockIdx.x * parts * (DIM_MOST + 2);
  float most = -INFINITY, sum = 0, x = 0;
  for (int i = 0; i < parts; i++)
    most = fmaxf(most, of[i * (DIM_MOST + 2)]);
  for (int i = 0; i < parts; i++) {
    const float *one = of + i * (DIM_MOST + 2);
    float weight = one[1] > 0 ? expf(one[0] - most) : 0;
    sum += one[1] * weight;
    x += weight > 0 ? one[2 + threadIdx.x] * weight : 0;
  }
  if ((int)threadIdx.x < dim)
    out[(long)blockIdx.x * dim + threadIdx.x] = x / sum;
}

static void launch_decode(struct device_work *w)
{
  long each = (w->size[TOKENS] + w->parts - 1) / w->parts;
  dim3 grid((unsigned)w->parts, (unsigned)w->size[HEADS]);
  decode_kernel<<<grid, WARPS * WARP, 0, w->stream>>>((const float *)w->buffer[Q], (const float *)w->buffer[KEYS],
    (const float *)w->buffer[VALUES], (float *)w->buffer[PARTIAL], w->size[TOKENS], (int)w->size[DIM], each);
  join_kernel<<<(unsigned)w->size[HEADS], (unsigned)w->size[DIM], 0, w->stream>>>((const float *)w->buffer[PARTIAL],
    (float *)w->buffer[OUT], w->parts, (int)w->size[DIM]);
}

/* Each part has keys: parts x each reaches the context, and (parts - 1) x each stays below it. */
static int parts_of(long context)
{
  long parts = (context + KEYS_A_PART - 1) / KEYS_A_PART;
  parts = parts < PARTS_MOST ? parts : (long)PARTS_MOST;
  long each = (context + parts - 1) / parts;
  return (int)((context + each - 1) / each);
}

void *cuda_decode(long context, long heads, long dim, uint64_t seed, char *why)
{
  struct device_work *w = attention_new(1, context, heads, dim, seed, why);
  if (!w)
    return NULL;
  w->launch = launch_decode;
  w->same = same_decode;
  w->parts = parts_of(context);
  device_take(w, PARTIAL, (size_t)(heads * w->parts) * (DIM_MOST + 2) * 4);
  return device_ready(w, why);
}
