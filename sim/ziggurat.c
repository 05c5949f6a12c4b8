/* ziggurat.c: what happens outside the rectangles. No logarithm is needed: the tails are made of exponentials. */
#include "sim/ziggurat.h"
#include "sim/philox.h"

#include <math.h>

/* Where the base layers end and the tails begin: r, the width of layer 1. */
#define EXPONENTIAL_R (ziggurat_exponential.scale[1] * 0x1p53)
#define NORMAL_R (ziggurat_normal.scale[1] * 0x1p53)

double ziggurat_exponential_refilled(struct rng *r, double factor)
{
  philox_refill(r);
  return ziggurat_draw_exponential(r, factor);
}

double ziggurat_normal_refilled(struct rng *r, double factor, double shift)
{
  philox_refill(r);
  return ziggurat_draw_normal(r, factor, shift);
}

/* A refused word is followed by a fresh draw; the recursion ends with probability 1. */
double ziggurat_exponential_slowly(struct rng *r, double factor)
{
  const struct ziggurat *z = &ziggurat_exponential;
  uint64_t word = rng_u64(r), layer = word & 255;
  if (layer == 0)                               /* the tail has the whole density's shape */
    return (EXPONENTIAL_R + ziggurat_draw_exponential(r, 1)) * factor;
  double x = (double)(int64_t)(word >> 11) * z->scale[layer];
  if (z->low[layer] + rng_uniform(r) * z->height[layer] < exp(-x))
    return x * factor;
  return ziggurat_draw_exponential(r, factor);
}

/* Beyond NORMAL_R: Marsaglia 1964. */
static double normal_tail(struct rng *r)
{
  double x, y;
  do {
    x = ziggurat_draw_exponential(r, 1) / NORMAL_R;
    y = ziggurat_draw_exponential(r, 1);
  } while (y + y < x * x);
  return NORMAL_R + x;
}

double ziggurat_normal_slowly(struct rng *r, double factor, double shift)
{
  const struct ziggurat *z = &ziggurat_normal;
  uint64_t word = rng_u64(r), layer = word & 255;
  double x = (double)((int64_t)word >> 10) * z->scale[layer];
  if (layer == 0)
    return copysign(normal_tail(r), x) * factor + shift;
  if (z->low[layer] + rng_uniform(r) * z->height[layer] < exp(-0.5 * x * x))
    return x * factor + shift;
  return ziggurat_draw_normal(r, factor, shift);
}

double rng_exponential(struct rng *r)
{
  return ziggurat_draw_exponential(r, 1);
}

double rng_normal(struct rng *r)
{
  return ziggurat_draw_normal(r, 1, 0);
}
