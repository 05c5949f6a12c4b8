/* attention.h: data of the attention kernels and their slow second way. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_ATTENTION_H
#define OFFSIM_EXPERIMENTS_KERNELS_ATTENTION_H

#include "experiments/kernels/arena.h"
#include "experiments/kernels/attention_rows.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/team.h"

/* q, out: [heads][queries][dim]; k, v: [heads][keys][dim]. */
struct attention {
  long queries, keys, heads, dim;
  float *q, *k, *v, *out, *scratch;
  long scratch_floats;                          /* of one thread */
  const struct attention_rows *rows;
  void (*part)(void *state, int part, int parts);
  struct arena arena;
  struct team *team;
};

/* scratch_floats: what a thread needs beside. NULL and why: no memory. dim must be a multiple of SIMD_LANES. */
struct attention *attention_new(long queries, long keys, long heads, long dim, long scratch_floats, uint64_t seed, char *why);
void attention_run(void *state);
bool attention_threads(void *state, int n);
void attention_finish(void *state);
/* Rows of the output spread over all heads, by sums in double precision and exp() of the C library. */
bool attention_check(void *state, char *why);
/* Handed over token by token: query, key and value of all heads side by side, as one product leaves them; keys and values
 * are those of the last tokens. Left behind token by token as well. */
size_t attention_result(void *state, void *out, size_t room);
size_t attention_feed(void *state, const void *data, size_t bytes);
bool attention_fed(void *state, const void *data, size_t bytes, char *why);

#endif
