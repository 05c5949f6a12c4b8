/* topology_make.h: nodes and lines of generated networks, on a plane.
 *
 * A layout is drawn from streams of its own (STREAM_TOPOLOGY, the topology's name): the same seed gives the same network
 * on every machine, in every run and replication.
 */
#ifndef OFFSIM_MODELS_TOPOLOGY_MAKE_H
#define OFFSIM_MODELS_TOPOLOGY_MAKE_H

#include "sim/arena.h"
#include <stdint.h>

/* level: of a hierarchy, the lower end's. */
struct layout_edge { int32_t a, b; int level; double length_m; };
struct layout { int n_nodes, n_edges; double *x_m, *y_m; struct layout_edge *edge; };
struct layout_seed { uint64_t seed; const char *name; };

/* n nodes uniform in a square, a line between any two that are at most radius_m apart (Gilbert 1961). The share of pairs
 * that have one is pi r^2 - 8/3 r^3 + r^4/2 for r = radius/side <= 1: 0.028799 at 0.1. */
struct layout layout_geometric(struct arena *, struct layout_seed, int n, double side_m, double radius_m);
/* links + 1 nodes, all joined; each further one joins `links` others, each with a chance by its lines (Barabasi and Albert
 * 1999). Share of nodes with k lines: 2 m (m + 1) / (k (k + 1) (k + 2)) in the limit: a half of them have m = 2. */
struct layout layout_barabasi_albert(struct arena *, struct layout_seed, int n, int links, double side_m);

/* A hierarchy, from the cells up. Cells stand on a hexagonal lattice `spacing_m` apart, in rings around the middle, or
 * uniformly in the disc of the same area (a Poisson process, given its number). The sites of the level above stand where
 * the sum of squared distances is least (Lloyd 1982, begun as by Arthur and Vassilvitskii 2007). A site has a line to
 * the `homes` nearest of the level above; those of the last level are all joined. */
enum layout_cells { CELLS_HEXAGONAL, CELLS_POISSON };
struct layout_level { int count, homes; };
struct layout layout_metro(struct arena *, struct layout_seed, int n_levels, const struct layout_level *,
                           enum layout_cells, double spacing_m);

/* Lines between all of n nodes. */
int layout_mesh(struct layout_edge *, int n);

#endif
