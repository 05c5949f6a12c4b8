/* attention_rows.h: the inner parts of attention, compiled for each set of vector instructions. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_ATTENTION_ROWS_H
#define OFFSIM_EXPERIMENTS_KERNELS_ATTENTION_ROWS_H

#include "experiments/kernels/simd.h"

enum { ATTENTION_DIM = 256 };                   /* the largest; dim and n below are multiples of SIMD_LANES */

struct attention_rows {
  /* score[t] = q . keys[t] x scale for context rows of keys */
  void (*scores)(const float *q, const float *keys, long context, long dim, float scale, float *score);
  /* score[i] = exp(score[i] - top) for n of them; returns their sum */
  float (*exponentials)(float *score, long n, float top);
  float (*largest)(const float *score, long n);
  /* out = sum of weight[t] x values[t] over context rows of values */
  void (*mix)(const float *weight, const float *values, long context, long dim, float *out);
};
const struct attention_rows *attention_rows(enum simd);

#endif
