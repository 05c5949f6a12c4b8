/* Which links lead from place to place.
 *
 * Shortest mean latency (models/graph.h) over places, one arc a direction of each link; a nanosecond a hop
 * makes the shorter of two equal ways win. Devices carry no one else's traffic: arcs out of a device place count only
 * when it is the source. A route of more than MAX_HOPS hops does not exist.
 */
#include "models/graph.h"
#include "models/network.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>

enum { ROUTES_AT_ONCE = 512 };                          /* up to so many places all routes are made at the start */
static const double HOP_S = 1e-9, LONGEST_S = 1e9;      /* for a mean that is infinite */

struct topology {
  const struct world_def *world;
  struct graph *graph;                                  /* arc 2k: up on link k; 2k + 1: down */
  double *latency_s;                                    /* mean, per link */
  struct route **row;                                   /* [from][to], made when first asked for */
  int32_t *attached;                                    /* place that a place's devices attach to; NONE */
};

static void *zeroed(size_t n, size_t bytes)
{
  void *p = calloc(n ? n : 1, bytes);
  if (!p) check_out_of_memory(n * bytes);
  return p;
}

static bool is_device(const struct topology *t, int place) { return t->world->place[place].tier == TIER_DEVICE; }

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static int arc_from(const struct topology *t, int arc)
{
  return arc % 2 ? t->world->link[arc / 2].b : t->world->link[arc / 2].a;
}
static int arc_to(const struct topology *t, int arc) { return arc_from(t, arc ^ 1); }

/* Follow the arcs back from `to`. */
static struct route route_back(const struct topology *t, const int32_t *inbound, int from, int to)
{
  int arcs[MAX_HOPS], n = 0;
  for (int at = to; at != from; at = arc_from(t, arcs[n - 1])) {
    int arc = inbound[at];
    if (arc < 0 || n == MAX_HOPS) return (struct route){0};
    arcs[n++] = arc;
  }
  struct route r = {.n = (uint8_t)n, .reachable = true};
  for (int i = 0; i < n; i++) {
    int arc = arcs[n - 1 - i];
    r.hop[i] = (struct hop){.link = (uint16_t)(arc / 2), .down = arc % 2};
    r.zones |= t->world->link[arc / 2].zones;
    r.latency_mean_s += t->latency_s[arc / 2];
    if (i < n - 1) r.zones |= UINT64_C(1) << t->world->place[arc_to(t, arc)].zone;
  }
  return r;
}

/* Between two members of one place: over a link from the place to itself, else there and back over the nearest one. */
static struct route route_within(const struct topology *t, int place)
{
  const struct world_def *w = t->world;
  int best = NONE;
  double best_s = INFINITY;
  for (int k = 0; k < w->n_links; k++) {
    const struct link_def *l = &w->link[k];
    int far = l->a == place ? l->b : l->a;
    if ((l->a != place && l->b != place) || (far != place && is_device(t, far))) continue;
    double way = l->a == l->b ? t->latency_s[k] : 2 * t->latency_s[k] + HOP_S;
    if (way >= best_s) continue;
    best = k;
    best_s = way;
  }
  if (best == NONE) return (struct route){0};
  const struct link_def *l = &w->link[best];
  struct route r = {.n = 1, .reachable = true, .zones = l->zones, .latency_mean_s = t->latency_s[best]};
  r.hop[0] = (struct hop){.link = (uint16_t)best, .down = l->a != place};
  if (l->a == l->b) return r;
  r.n = 2;
  r.hop[1] = (struct hop){.link = (uint16_t)best, .down = l->a == place};
  r.latency_mean_s *= 2;
  r.zones |= UINT64_C(1) << w->place[l->a == place ? l->b : l->a].zone;
  return r;
}

static void shortest_tree(const struct topology *t, int from, double *length, int32_t *inbound)
{
  int arcs = 2 * t->world->n_links;
  for (int arc = 0; arc < arcs; arc++) {
    bool closed = arc_from(t, arc) != from && is_device(t, arc_from(t, arc));
    length[arc] = closed ? INFINITY : t->latency_s[arc / 2] + HOP_S;
  }
  graph_tree(t->graph, from, length, inbound, NULL);
}

static struct route *row_make(const struct topology *t, int from)
{
  int n = t->world->n_places;
  struct route *row = zeroed(n, sizeof *row);
  double *length = zeroed(2 * t->world->n_links, sizeof *length);
  int32_t *inbound = zeroed(n, sizeof *inbound);
  shortest_tree(t, from, length, inbound);
  for (int to = 0; to < n; to++) row[to] = to == from ? route_within(t, from) : route_back(t, inbound, from, to);
  free(inbound);
  free(length);
  return row;
}

const struct route *route(const struct topology *t, struct endpoint from, struct endpoint to, sim_time now)
{
  static const struct route here = {.reachable = true};
  (void)now;                                            /* static attachment, static links */
  if (from.place == to.place && from.member == to.member) return &here;
  if (!t->row[from.place]) t->row[from.place] = row_make(t, from.place);
  return &t->row[from.place][to.place];
}

/* ---- attachment -------------------------------------------------------------------------------------------------- */

static int32_t attach(const struct world_def *w, int place)
{
  int32_t any = NONE;
  for (int k = 0; k < w->n_links; k++) {
    const struct link_def *l = &w->link[k];
    if (l->a == l->b || (l->a != place && l->b != place)) continue;
    int32_t far = l->a == place ? l->b : l->a;
    if (w->place[far].tier == TIER_EDGE) return far;
    if (any == NONE) any = far;
  }
  return any;
}

struct endpoint attachment(const struct topology *t, struct endpoint device, sim_time now)
{
  (void)now;
  int32_t place = t->attached[device.place];
  if (place == NONE) return device;
  return (struct endpoint){.place = (uint16_t)place,
                           .member = (uint32_t)(device.member % t->world->place[place].count)};
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static struct graph *graph_make(const struct topology *t)
{
  int arcs = 2 * t->world->n_links;
  int32_t *from = zeroed(arcs, sizeof *from), *to = zeroed(arcs, sizeof *to);
  for (int arc = 0; arc < arcs; arc++) {
    from[arc] = arc_from(t, arc);
    to[arc] = arc_to(t, arc);
  }
  struct graph *made = graph_new(t->world->n_places, arcs, from, to, true);
  free(from);
  free(to);
  return made;
}

struct topology *topology_new(const struct world_def *world, struct err *err)
{
  struct topology *t = zeroed(1, sizeof *t);
  (void)err;                                            /* nothing here can be the user's mistake */
  t->world = world;
  t->graph = graph_make(t);
  t->latency_s = zeroed(world->n_links, sizeof *t->latency_s);
  for (int k = 0; k < world->n_links; k++) {
    const struct dist *d = world->link[k].latency_s;
    t->latency_s[k] = d ? fmin(fmax(dist_mean(d), 0), LONGEST_S) : 0;
  }
  t->row = zeroed(world->n_places, sizeof *t->row);
  t->attached = zeroed(world->n_places, sizeof *t->attached);
  for (int p = 0; p < world->n_places; p++) t->attached[p] = attach(world, p);
  for (int p = 0; p < world->n_places && world->n_places <= ROUTES_AT_ONCE; p++) t->row[p] = row_make(t, p);
  return t;
}

void topology_free(struct topology *t)
{
  if (!t) return;
  for (int p = 0; p < t->world->n_places; p++) free(t->row[p]);
  graph_free(t->graph);
  free(t->row);
  free(t->attached);
  free(t->latency_s);
  free(t);
}
