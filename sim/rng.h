/* rng.h: random numbers by name, not by order.
 *
 * A stream is a counter-based generator (Philox 4x64-10, Salmon et al., SC 2011, through Random123) whose key is what
 * the numbers are *for*: seed, replication, purpose, and the entity that they belong to. Two runs that ask for the same
 * purpose of the same entity get the same numbers, whatever else they did: common random numbers by construction.
 */
#ifndef OFFSIM_SIM_RNG_H
#define OFFSIM_SIM_RNG_H

#include <stdint.h>

/* What every stream of one run shares. */
struct rng_root { uint64_t key[2]; };

/* One stream. The counter of a block of 4 words is (its number, purpose, a, b), so no two streams of a run share one.
 * The first `left` words are unused; they are taken from the last of these downwards. Copy a stream to replay it. */
enum { RNG_BLOCK = 4 };
struct rng { uint64_t key[2], next_block, name[3], words[RNG_BLOCK]; uint32_t left; };

struct rng_root rng_root_make(uint64_t seed, uint64_t replication);
/* A name's number (XXH3-64): purposes and entities with names use it. */
uint64_t rng_name(const char *name);
/* Makes the next block. */
void rng_refill(struct rng *);

/* The stream of `purpose` (a number from rng_name or an enum) for entity (a, b). Costs no block until the first draw. */
static inline struct rng rng_open(const struct rng_root *root, uint64_t purpose, uint64_t a, uint64_t b)
{
  return (struct rng){.key = {root->key[0], root->key[1]}, .name = {purpose, a, b}};
}

static inline uint64_t rng_u64(struct rng *r)
{
  if (__builtin_expect(r->left == 0, 0))
    rng_refill(r);
  return r->words[--r->left];
}

/* In [0, 1): multiples of 2^-53. */
static inline double rng_uniform(struct rng *r)
{
  return (double)(int64_t)(rng_u64(r) >> 11) * 0x1p-53;
}

/* In (0, 1): odd multiples of 2^-53. */
static inline double rng_uniform_open(struct rng *r)
{
  return ((double)(int64_t)(rng_u64(r) >> 12) + 0.5) * 0x1p-52;
}

double rng_exponential(struct rng *);           /* mean 1, ziggurat */
double rng_normal(struct rng *);                /* mean 0, deviation 1, ziggurat */
uint64_t rng_below(struct rng *, uint64_t n);   /* uniform in 0..n-1, unbiased (Lemire 2019); n > 0 */

/* One uniform without an open stream: the first of rng_open(root, purpose, a, b). */
double rng_fresh(const struct rng_root *, uint64_t purpose, uint64_t a, uint64_t b);

#endif
