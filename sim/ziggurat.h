/* ziggurat.h: exponential and normal numbers from one 64-bit word each, nearly always.
 *
 * Marsaglia and Tsang, J. Stat. Software 5(8), 2000, with 256 layers and one word per try whose parts do not overlap
 * (Doornik 2005): bits 0-7 choose the layer, bit 8 the sign, bits 11-63 are the abscissa. The fast path is inline
 * (98.9 % of exponential and 99.3 % of normal draws end there).
 * Check: r = 7.69711747013104972 (exponential) and 3.6541528853610088 (normal).
 */
#ifndef OFFSIM_SIM_ZIGGURAT_H
#define OFFSIM_SIM_ZIGGURAT_H

#include "sim/rng.h"

/* `accept`: largest 53-bit abscissa that is surely below f; `scale`: layer width / 2^53; `low`, `height`: f at the
 * lower edge, and how much it grows to the upper one. */
struct ziggurat_layer { uint64_t accept; double scale, low, height; };
extern const struct ziggurat_layer ziggurat_exponential[256], ziggurat_normal[256];

double ziggurat_exponential_slowly(struct rng *, uint64_t word);
double ziggurat_normal_slowly(struct rng *, uint64_t word);

static inline double draw_exponential(struct rng *r)
{
  uint64_t word = rng_u64(r), abscissa = word >> 11;
  const struct ziggurat_layer *layer = &ziggurat_exponential[word & 255];
  if (__builtin_expect(abscissa < layer->accept, 1))
    return (double)(int64_t)abscissa * layer->scale;
  return ziggurat_exponential_slowly(r, word);
}

/* The sign is put in as a bit: a branch on it would be mispredicted every second time. */
static inline double with_sign(double x, uint64_t word)
{
  union { double value; uint64_t bits; } u = {.value = x};
  u.bits |= (word & 256) << 55;
  return u.value;
}

static inline double draw_normal(struct rng *r)
{
  uint64_t word = rng_u64(r), abscissa = word >> 11;
  const struct ziggurat_layer *layer = &ziggurat_normal[word & 255];
  if (__builtin_expect(abscissa < layer->accept, 1))
    return with_sign((double)(int64_t)abscissa * layer->scale, word);
  return ziggurat_normal_slowly(r, word);
}

#endif
