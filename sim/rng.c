/* rng.c: streams and what is drawn from them without a distribution. */
#include "sim/rng.h"
#include "sim/check.h"
#include "sim/hash.h"
#include "sim/philox.h"

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
  philox_refill(r);
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
  philox_block(words, root->key, 0, name);
  return (double)(int64_t)(words[RNG_BLOCK - 1] >> 11) * 0x1p-53;
}
