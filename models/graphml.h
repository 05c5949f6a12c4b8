/* graphml.h: networks of others, read from GraphML files (graphml.graphdrawing.org) with the line of each element.
 *
 * igraph reads GraphML as well, but tells neither lines nor what was not there; so this is libxml2's reader. Node and
 * edge attributes are found by their attr.name, or by the key's id where it has none; defaults of keys count.
 */
#ifndef OFFSIM_MODELS_GRAPHML_H
#define OFFSIM_MODELS_GRAPHML_H

#include "sim/arena.h"
#include "sim/err.h"
#include <stdbool.h>
#include <stdint.h>

enum { GRAPHML_ASKED = 3 };
/* The attributes that are wanted; NULL: none. must: nodes, edges without it are refused. */
struct graphml_ask { const char *node[GRAPHML_ASKED], *edge[GRAPHML_ASKED]; bool node_must, edge_must; };
/* text: what was asked for, in that order; NULL where there is none. */
struct graphml_node { const char *id, *text[GRAPHML_ASKED]; int line; };
struct graphml_edge { int32_t from, to; const char *source, *target, *text[GRAPHML_ASKED]; int line; };
/* Every edge goes both ways: of a directed graph, the two of each pair are one. Edges from a node to itself are left
 * out. */
struct graphml { int n_nodes, n_edges; struct graphml_node *node; struct graphml_edge *edge; bool directed; };

/* False after adding what is wrong, each with the file and its line. */
bool graphml_read(struct graphml *, const char *file, const struct graphml_ask *, struct arena *,
                  struct err *) MUST_USE;

#endif
