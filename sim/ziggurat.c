/* ziggurat.c: what happens outside the rectangles. No logarithm is needed: the tails are made of exponentials. */
#include "sim/ziggurat.h"

#include <math.h>

/* Where the base layers end and the tails begin: r, the width of layer 1. */
#define EXPONENTIAL_R (ziggurat_exponential[1].scale * 0x1p53)
#define NORMAL_R (ziggurat_normal[1].scale * 0x1p53)

/* A fresh word is tried like the first one; recursion ends with probability 1 and is 0.01 calls deep on average. */
double ziggurat_exponential_slowly(struct rng *r, uint64_t word)
{
  const struct ziggurat_layer *layer = &ziggurat_exponential[word & 255];
  if (layer == ziggurat_exponential)
    return EXPONENTIAL_R + draw_exponential(r);         /* the tail has the whole density's shape */
  double x = (double)(int64_t)(word >> 11) * layer->scale;
  if (layer->low + rng_uniform(r) * layer->height < exp(-x))
    return x;
  return draw_exponential(r);
}

/* Beyond NORMAL_R: Marsaglia 1964. */
static double normal_tail(struct rng *r)
{
  double x, y;
  do {
    x = draw_exponential(r) / NORMAL_R;
    y = draw_exponential(r);
  } while (y + y < x * x);
  return NORMAL_R + x;
}

double ziggurat_normal_slowly(struct rng *r, uint64_t word)
{
  const struct ziggurat_layer *layer = &ziggurat_normal[word & 255];
  if (layer == ziggurat_normal)
    return with_sign(normal_tail(r), word);
  double x = (double)(int64_t)(word >> 11) * layer->scale;
  if (layer->low + rng_uniform(r) * layer->height < exp(-0.5 * x * x))
    return with_sign(x, word);
  return draw_normal(r);
}

double rng_exponential(struct rng *r)
{
  return draw_exponential(r);
}

double rng_normal(struct rng *r)
{
  return draw_normal(r);
}
