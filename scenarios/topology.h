/* topology.h: topologies while they become places and links. Private to scenarios/.
 *
 * topology_read.c makes nodes and edges out of what the file says (generators, GraphML, regions); topology.c makes places
 * and links of them, and puts the members of other places at their nodes.
 */
#ifndef OFFSIM_SCENARIOS_TOPOLOGY_H
#define OFFSIM_SCENARIOS_TOPOLOGY_H

#include "models/topology_make.h"
#include "scenarios/build.h"

/* Nodes first ... first + n - 1. link: what the file says of the links up from here; NULL: nothing. */
struct made_level { const char *name; int first, n, place; const struct node *link; };
struct made_topology {
  const char *name;
  const struct node *node, *how;                        /* the entry, and the one key of it that says what it is */
  int n_levels; struct made_level *level;
  struct layout layout;
  double *edge_s, *edge_byte_per_s;                     /* beyond the link's own latency; NULL: the link's own rate */
  const char **label;                                   /* of nodes; NULL: their numbers */
  const char *file; int *line;                          /* of nodes, where they come from a file */
  int parts;                                            /* that hang together */
};
enum { MAX_NODES = 65535, MAX_LINKS = 65535 };

/* False after adding, or where the schema has spoken. */
bool topology_read(struct build *, struct made_topology *);

#endif
