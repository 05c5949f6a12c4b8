/* attention_body.h: the inner parts of attention for one set of vector instructions; attention_rows.c includes it once a set,
 * with LANES numbers a vector, TARGET the attribute of its functions and SET(name) their names. Hence no guard.
 */
typedef float SET(f32) __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
typedef int SET(i32) __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
#define F32 SET(f32)
#define I32 SET(i32)
#define BODY TARGET static inline __attribute__((always_inline))
#define LOAD(p, i) (((const F32 *)(p))[i])
#define STORE(p, i) (((F32 *)(p))[i])
#define SHUFFLED(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)

BODY F32 SET(all)(float x)
{
  return (F32){0} + x;
}

BODY float SET(sum_of)(F32 v)
{
#if LANES == 16
  v += SHUFFLED(v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v += SHUFFLED(v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  v += SHUFFLED(v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
#elif LANES == 8
  v += SHUFFLED(v, 4, 5, 6, 7, 0, 1, 2, 3);
  v += SHUFFLED(v, 2, 3, 0, 1, 6, 7, 4, 5);
#else
  v += SHUFFLED(v, 2, 3, 0, 1);
#endif
  return v[0] + v[1];
}

BODY F32 SET(larger)(F32 a, F32 b)
{
  I32 mask = a > b;
  return (F32)(((I32)a & mask) | ((I32)b & ~mask));
}

/* e^x = 2^n e^r with |r| <= ln 2 / 2: n by adding 1.5 x 2^23, e^r by its series to the sixth power (1e-7 left), for x <= 0. */
BODY F32 SET(exponential)(F32 x)
{
  x = SET(larger)(x, SET(all)(-87.0f));
  F32 shifted = x * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
  F32 r = x - n * 0.693359375f - n * -2.12194440e-4f;
  F32 y = r * (1.0f / 720) + 1.0f / 120;
  y = y * r + 1.0f / 24;
  y = y * r + 1.0f / 6;
  y = y * r + 0.5f;
  y = y * r + 1.0f;
  y = y * r + 1.0f;
  return (F32)((I32)y + (((I32)shifted - 0x4B400000) << 23));
}

TARGET static float SET(exponentials)(float *score, long n, float top)
{
  F32 sum = SET(all)(0);
  for (long i = 0; i < n / LANES; i++) {
    F32 e = SET(exponential)(LOAD(score, i) - top);
    STORE(score, i) = e;
    sum += e;
  }
  return SET(sum_of)(sum);
}

TARGET static float SET(largest)(const float *score, long n)
{
  F32 top = LOAD(score, 0);
  for (long i = 1; i < n / LANES; i++)
    top = SET(larger)(top, LOAD(score, i));
  float best = top[0];
  for (int i = 1; i < LANES; i++)
    best = top[i] > best ? top[i] : best;
  return best;
}

BODY void SET(scores_of)(const float *q, const float *keys, long context, const long vectors, float scale, float *score)
{
  for (long t = 0; t < context; t++) {
    const float *key = keys + t * vectors * LANES;
    F32 sum = LOAD(q, 0) * LOAD(key, 0);
    for (long i = 1; i < vectors; i++)
      sum += LOAD(q, i) * LOAD(key, i);
    score[t] = SET(sum_of)(sum) * scale;
  }
}

/* Heads of 64 and 128 have loops of constant length. */
TARGET static void SET(scores)(const float *q, const float *keys, long context, long dim, float scale, float *score)
{
  if (dim == 64)
    SET(scores_of)(q, keys, context, 64 / LANES, scale, score);
  else if (dim == 128)
    SET(scores_of)(q, keys, context, 128 / LANES, scale, score);
  else
    SET(scores_of)(q, keys, context, dim / LANES, scale, score);
}

/* Some rows, so few that they are in the first cache: their columns pass in turns of as many vectors as there are registers. */
BODY void SET(mix_columns)(const float *weight, const float *values, long rows, long dim, const int vectors, float *out)
{
  F32 sum[8];
  for (int i = 0; i < vectors; i++)
    sum[i] = LOAD(out, i);
  for (long t = 0; t < rows; t++)
    for (int i = 0; i < vectors; i++)
      sum[i] += LOAD(values + t * dim, i) * weight[t];
  for (int i = 0; i < vectors; i++)
    STORE(out, i) = sum[i];
}

TARGET static void SET(mix)(const float *weight, const float *values, long context, long dim, float *out)
{
  for (long i = 0; i < dim; i++)
    out[i] = 0;
  for (long t = 0; t < context; t += ATTENTION_ROWS) {
    long rows = context - t < ATTENTION_ROWS ? context - t : ATTENTION_ROWS, i = 0;
    for (; i + 8 * LANES <= dim; i += 8 * LANES)
      SET(mix_columns)(weight + t, values + t * dim + i, rows, dim, 8, out + i);
    for (; i + 4 * LANES <= dim; i += 4 * LANES)
      SET(mix_columns)(weight + t, values + t * dim + i, rows, dim, 4, out + i);
    for (; i < dim; i += LANES)
      SET(mix_columns)(weight + t, values + t * dim + i, rows, dim, 1, out + i);
  }
}

static const struct attention_rows SET(rows) = {SET(scores), SET(exponentials), SET(largest), SET(mix)};

#undef F32
#undef I32
#undef BODY
#undef LOAD
#undef STORE
#undef SHUFFLED
#undef LANES
#undef TARGET
#undef SET
