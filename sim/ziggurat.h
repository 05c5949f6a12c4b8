/* ziggurat.h: exponential and normal numbers from one 64-bit word each, nearly always.
 *
 * Marsaglia and Tsang, J. Stat. Software 5(8), 2000, with 256 layers and one word per try whose parts do not overlap
 * (Doornik 2005): bits 0-7 choose the layer; bits 11-63 are the abscissa of an exponential, bits 10-63, with a sign,
 * that of a normal. The fast paths are inline: 98.9 % of exponential and 99.3 % of normal draws end there. They take a
 * word only when it is surely accepted and end in a single call otherwise, so that they need no stack frame.
 * Check: r = 7.69711747013104972 (exponential) and 3.6541528853610088 (normal).
 */
#ifndef OFFSIM_SIM_ZIGGURAT_H
#define OFFSIM_SIM_ZIGGURAT_H

#include "sim/rng.h"

/* By layer. `accept`: abscissas below it are surely under f; `scale`: the layer's width / 2^53; `low`, `height`: f at
 * the lower edge, and how much it grows to the upper one. */
struct ziggurat { uint64_t accept[256]; double scale[256], low[256], height[256]; };
extern const struct ziggurat ziggurat_exponential, ziggurat_normal;

/* Where the fast paths end otherwise: with the whole of factor * E and shift + factor * Z. `refilled` is for an empty
 * block, `slowly` for a word outside its rectangle. */
double ziggurat_exponential_refilled(struct rng *, double factor);
double ziggurat_exponential_slowly(struct rng *, double factor);
double ziggurat_normal_refilled(struct rng *, double factor, double shift);
double ziggurat_normal_slowly(struct rng *, double factor, double shift);

/* factor * E with E exponential of mean 1. */
static inline double ziggurat_draw_exponential(struct rng *r, double factor)
{
  uint32_t left = r->left;
  if (__builtin_expect(left == 0, 0))
    return ziggurat_exponential_refilled(r, factor);
  uint64_t word = r->words[left - 1], abscissa = word >> 11;
  if (__builtin_expect(abscissa >= ziggurat_exponential.accept[word & 255], 0))
    return ziggurat_exponential_slowly(r, factor);
  r->left = left - 1;
  return (double)(int64_t)abscissa * ziggurat_exponential.scale[word & 255] * factor;
}

/* shift + factor * Z with Z normal of mean 0 and deviation 1. One unsigned comparison asks for |abscissa| < accept. */
static inline double ziggurat_draw_normal(struct rng *r, double factor, double shift)
{
  uint32_t left = r->left;
  if (__builtin_expect(left == 0, 0))
    return ziggurat_normal_refilled(r, factor, shift);
  uint64_t word = r->words[left - 1], accept = ziggurat_normal.accept[word & 255];
  int64_t abscissa = (int64_t)word >> 10;
  if (__builtin_expect((uint64_t)abscissa + accept >= 2 * accept, 0))
    return ziggurat_normal_slowly(r, factor, shift);
  r->left = left - 1;
  return (double)abscissa * ziggurat_normal.scale[word & 255] * factor + shift;
}

#endif
