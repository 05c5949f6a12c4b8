/* philox.h: one block of Philox 4x64-10, inline; for the files that refill streams.
 *
 * Check (Random123's published known answers): counter 0, key 0 gives 16554d9eca36314c db20fe9d672d0fdc
 * d7e772cee186176b 7e68b68aec7ba23b.
 */
#ifndef OFFSIM_SIM_PHILOX_H
#define OFFSIM_SIM_PHILOX_H

#include "sim/rng.h"

#include <Random123/philox.h>

/* Inlined and written word by word: through memory, the halves of a vector would wait for each other's stores.
 * The block's last word comes first in memory: words are taken from above. */
static inline __attribute__((always_inline))
void philox_block(uint64_t out[RNG_BLOCK], const uint64_t key[2], uint64_t number, const uint64_t name[3])
{
  philox4x64_ctr_t c = {{number, name[0], name[1], name[2]}};
  philox4x64_key_t k = {{key[0], key[1]}};
  c = philox4x64_R(10, c, k);
  out[3] = c.v[0];
  out[2] = c.v[1];
  out[1] = c.v[2];
  out[0] = c.v[3];
}

static inline __attribute__((always_inline)) void philox_refill(struct rng *r)
{
  r->left = RNG_BLOCK;
  philox_block(r->words, r->key, r->next_block++, r->name);
}

#endif
