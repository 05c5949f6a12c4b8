/* vectors.h: unit vectors that lie as embeddings do, their dot products, and the best of a list. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_VECTORS_H
#define OFFSIM_EXPERIMENTS_KERNELS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VECTORS_STEP = 32 };                             /* dimensions are a multiple of this */

/* n unit vectors (the caller's, free()); NULL: no memory. They lie near a surface of 12 dimensions drawn from `seed`:
 * vectors of the same seed share it, `from` says where in its sequence to begin (queries after items). Uniform vectors of
 * hundreds of dimensions have no near neighbours, so that a graph of neighbours finds nothing in them. */
float *vectors_make(size_t n, size_t dimensions, uint64_t seed, uint64_t from);
/* out[i] = query . vector i. */
void vectors_dot(const float *vectors, size_t n, size_t dimensions, const float *query, float *out);

/* The best `most` of what was offered, as a heap whose root is the worst kept. */
struct best_item { float score; uint32_t item; };
struct best { size_t n, most; struct best_item *item; };
void best_offer(struct best *, float score, uint32_t item);
bool best_wants(const struct best *, float score);
/* From the best down; it is no heap afterwards. */
void best_sort(struct best *);

#endif
