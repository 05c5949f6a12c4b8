/* hnsw.h: a hierarchy of graphs of neighbours over unit vectors; nearness is the dot product. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_HNSW_H
#define OFFSIM_EXPERIMENTS_KERNELS_HNSW_H

#include "experiments/kernels/vectors.h"

enum { HNSW_M = 16, HNSW_LINKS = 2 * HNSW_M };

struct hnsw;
/* Over vectors that stay the caller's. build_ef: width of the search for the neighbours of a new vector. search_ef: the
 * widest search later. NULL: no memory. */
struct hnsw *hnsw_build(const float *vectors, size_t items, size_t dimensions, size_t build_ef, size_t search_ef, uint64_t seed);
/* The ef nearest that it finds, from the nearest on; until the next search. */
const struct best *hnsw_search(struct hnsw *, const float *query, size_t ef);
/* To whom a vector has links in the lowest graph: their number, then them. */
const uint32_t *hnsw_links(const struct hnsw *, uint32_t item);
void hnsw_free(struct hnsw *);

#endif
