/* graph.h: nodes and arcs, and what is known about them in general: shortest ways, components, centralities, pairings.
 * The only user of igraph; it knows nothing of places and links.
 *
 * Lengths are any positive numbers, in the unit of the caller; INFINITY: the arc is not there. Functions that need
 * memory which is not there do not return (check_out_of_memory).
 */
#ifndef OFFSIM_MODELS_GRAPH_H
#define OFFSIM_MODELS_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

struct graph;
enum { GRAPH_NONE = -1 };

/* Arc k goes from[k] -> to[k]; undirected: both ways, with one length. The arrays are copied. */
struct graph *graph_new(int n_nodes, int n_arcs, const int32_t *from, const int32_t *to, bool directed);
void graph_free(struct graph *);
int graph_nodes(const struct graph *);
int graph_arcs(const struct graph *);

/* Shortest ways from one node (Dijkstra 1959): inbound[v] = the arc by which the way comes to v, GRAPH_NONE for `from`
 * itself and for what cannot be reached. length[n_arcs] is read during the call only; NULL: 1 each.
 * distance (may be NULL): length of the way; INFINITY where there is none. */
void graph_tree(const struct graph *, int from, const double *length, int32_t *inbound, double *distance);

/* Number of parts that hang together, whatever the arcs' directions; component[v] counts from 0. */
int graph_components(const struct graph *, int32_t *component);
/* The longest of all shortest ways between nodes that reach each other. */
double graph_diameter(const struct graph *, const double *length);

/* Share of shortest ways through a node, in pairs (Freeman 1977); 1 / mean distance to what it reaches (Bavelas 1950),
 * 0 for a node alone; arcs at it. */
enum centrality { CENTRALITY_BETWEENNESS, CENTRALITY_CLOSENESS, CENTRALITY_DEGREE };
void graph_centrality(const struct graph *, enum centrality, const double *length, double *score);

#endif
