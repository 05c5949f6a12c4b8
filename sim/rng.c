/* rng.c: Philox 4x64-10 through Random123.
 *
 * Check (Random123's published known answers): counter 0, key 0 gives 16554d9eca36314c db20fe9d672d0fdc
 * d7e772cee186176b 7e68b68aec7ba23b.
 */
#include "sim/rng.h"
#include "sim/check.h"
#include "sim/hash.h"

#include <Random123/philox.h>

/* Inlined and written word by word: through memory, the halves of a vector would wait for each other's stores.
 * The block's last word comes first in memory: words are taken from above. */
static inline __attribute__((always_inline))
void make_block(uint64_t out[RNG_BLOCK], const uint64_t key[2], uint64_t number, const uint64_t name[3])
{
  philox4x64_ctr_t c = {{number, name[0], name[1], name[2]}};
  philox4x64_key_t k = {{key[0], key[1]}};
  c = philox4x64_R(10, c, k);
  out[3] = c.v[0];
  out[2] = c.v[1];
  out[1] = c.v[2];
  out[0] = c.v[3];
}

/* A bijection of 64-bit words (the finalizer of splitmix64), so that different seeds keep different keys. */
static uint64_t mixed(uint64_t z)
{
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

struct rng_root rng_root_make(uint64_t seed, uint64_t replication)
{
  return (struct rng_root){.key = {mixed(seed + UINT64_C(0x9e3779b97f4a7c15)), mixed(replication)}};
}

uint64_t rng_name(const char *name)
{
  return hash_name(name);
}

void rng_refill(struct rng *r)
{
  r->left = RNG_BLOCK;
  make_block(r->words, r->key, r->next_block++, r->name);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
  sim_assert(n > 0);
  __extension__ unsigned __int128 product = (unsigned __int128)rng_u64(r) * n;
  if ((uint64_t)product < n) {
    uint64_t threshold = -n % n;
    while ((uint64_t)product < threshold)
      product = (unsigned __int128)rng_u64(r) * n;
  }
  return (uint64_t)(product >> 64);
}

double rng_fresh(const struct rng_root *root, uint64_t purpose, uint64_t a, uint64_t b)
{
  const uint64_t name[3] = {purpose, a, b};
  uint64_t words[RNG_BLOCK];
  make_block(words, root->key, 0, name);
  return (double)(int64_t)(words[RNG_BLOCK - 1] >> 11) * 0x1p-53;
}
