/* topology.h: the routing graph beyond what models/network.h says of it: vertices, what is out of service, the nearest
 * place that executes.
 */
#ifndef OFFSIM_MODELS_TOPOLOGY_H
#define OFFSIM_MODELS_TOPOLOGY_H

#include "models/network.h"

struct mobility;
void topology_set_mobility(struct topology *, struct mobility *);       /* who is attached where from now on; NULL: nobody moves */
struct mobility *topology_mobility(const struct topology *);
/* Where an end stands now. Devices that attach to members of a spread place stand where their member does. */
uint32_t topology_vertex(const struct topology *, struct endpoint, sim_time now);
uint32_t topology_vertices(const struct topology *);
bool topology_is_spread(const struct topology *, int place);    /* routes of its members differ */
int topology_most_hops(const struct topology *);
uint32_t topology_routes(const struct topology *);              /* ids of routes are below */
uint32_t topology_hop_from(const struct topology *, struct hop);        /* the vertex that it leaves */

/* The executing edge place that is nearest to a device now: the one that it is attached to, else of those in these zones
 * the one with the least mean latency from there. False: there is none. */
bool topology_nearest(const struct topology *, struct endpoint device, uint64_t zones, sim_time now, struct endpoint *);

/* ---- what is out of service: routes avoid it ---- */
void topology_set_link(struct topology *, int link, bool up, sim_time back_at);
void topology_set_vertex(struct topology *, uint32_t vertex, bool up, sim_time back_at);
bool topology_hop_is_out(const struct topology *, struct hop);
const struct route *route_intact(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);
const struct route *route_on(const struct topology *, uint32_t vertex, struct endpoint to, sim_time now);
const struct route *route_intact_on(const struct topology *, uint32_t vertex, struct endpoint to, sim_time now);
sim_time topology_back_at(const struct topology *, const struct route *);       /* the last of what is out on it */
bool topology_fails(const struct topology *, const struct route *);     /* something out on it makes traffic fail */
struct topology_counts { uint64_t changes, states, trees; };    /* of state; made, the intact one aside; made in all */
struct topology_counts topology_counts(const struct topology *);

#endif
