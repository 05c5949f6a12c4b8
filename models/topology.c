/* Which links lead from place to place. The only user of igraph.
 *
 * Shortest mean latency: Dijkstra (1959) by igraph over places, one arc a direction of each link; a nanosecond a hop
 * makes the shorter of two equal ways win. Devices carry no one else's traffic: arcs out of a device place count only
 * when it is the source. A route of more than MAX_HOPS hops does not exist.
 */
#include "models/assignment.h"
#include "models/network.h"
#include "sim/check.h"
#include <igraph/igraph.h>
#include <math.h>
#include <stdlib.h>

enum { ROUTES_AT_ONCE = 512 };                          /* up to so many places all routes are made at the start */
static const double HOP_S = 1e-9, LONGEST_S = 1e9;      /* for a mean that is infinite */

struct topology {
  const struct world_def *world;
  igraph_t graph;                                       /* arc 2k: up on link k; 2k + 1: down */
  double *latency_s;                                    /* mean, per link */
  struct route **row;                                   /* [from][to], made when first asked for */
  int32_t *attached;                                    /* place that a place's devices attach to; NONE */
};

/* A BLAS that comes along with igraph keeps to this thread; there is one only in some builds. */
extern void openblas_set_num_threads(int) __attribute__((weak));

static void on_igraph_error(const char *reason, const char *file, int line, igraph_error_t code)
{
  (void)reason, (void)file, (void)line, (void)code;
  IGRAPH_FINALLY_FREE();                                /* the caller looks at the code that comes back */
}

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
static struct route route_back(const struct topology *t, const igraph_vector_int_t *inbound, int from, int to)
{
  int arcs[MAX_HOPS], n = 0;
  for (int at = to; at != from; at = arc_from(t, arcs[n - 1])) {
    int arc = (int)VECTOR(*inbound)[at];
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

static igraph_error_t shortest_tree(const struct topology *t, int from, igraph_vector_t *weight,
                                    igraph_vector_int_t *inbound)
{
  int arcs = 2 * t->world->n_links;
  for (int arc = 0; arc < arcs; arc++) {
    bool closed = arc_from(t, arc) != from && is_device(t, arc_from(t, arc));
    VECTOR(*weight)[arc] = closed ? INFINITY : t->latency_s[arc / 2] + HOP_S;
  }
  return igraph_get_shortest_paths_dijkstra(&t->graph, NULL, NULL, from, igraph_vss_all(), weight, IGRAPH_OUT, NULL,
                                            inbound);
}

static struct route *row_make(const struct topology *t, int from)
{
  int n = t->world->n_places;
  struct route *row = zeroed(n, sizeof *row);
  igraph_vector_t weight;
  igraph_vector_int_t inbound;
  if (igraph_vector_init(&weight, 2 * t->world->n_links)) check_out_of_memory(sizeof(double));
  if (igraph_vector_int_init(&inbound, n)) check_out_of_memory(sizeof(igraph_integer_t));
  if (shortest_tree(t, from, &weight, &inbound)) check_out_of_memory(n * sizeof *row);
  for (int to = 0; to < n; to++) row[to] = to == from ? route_within(t, from) : route_back(t, &inbound, from, to);
  igraph_vector_int_destroy(&inbound);
  igraph_vector_destroy(&weight);
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

static bool graph_make(struct topology *t)
{
  igraph_vector_int_t ends;
  int arcs = 2 * t->world->n_links;
  if (igraph_vector_int_init(&ends, 2 * arcs)) return false;
  for (int arc = 0; arc < arcs; arc++) {
    VECTOR(ends)[2 * arc] = arc_from(t, arc);
    VECTOR(ends)[2 * arc + 1] = arc_to(t, arc);
  }
  bool made = !igraph_create(&t->graph, &ends, t->world->n_places, IGRAPH_DIRECTED);
  igraph_vector_int_destroy(&ends);
  return made;
}

struct topology *topology_new(const struct world_def *world, struct err *err)
{
  igraph_set_error_handler(on_igraph_error);
  igraph_set_warning_handler(igraph_warning_handler_ignore);    /* places that cannot be reached are no surprise */
  if (openblas_set_num_threads) openblas_set_num_threads(1);
  struct topology *t = zeroed(1, sizeof *t);
  t->world = world;
  if (!graph_make(t)) {
    err_system(err, "the graph of %d places and %d links could not be made", world->n_places, world->n_links);
    free(t);
    return NULL;
  }
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
  igraph_destroy(&t->graph);
  free(t->row);
  free(t->attached);
  free(t->latency_s);
  free(t);
}

/* ---- assignment (models/assignment.h) ---------------------------------------------------------------------------- */

bool assignment_solve(const double *cost, int n, int *column)
{
  igraph_matrix_t c;
  igraph_vector_int_t p;
  if (n == 0) return true;
  if (igraph_matrix_init(&c, n, n) != IGRAPH_SUCCESS) return false;
  if (igraph_vector_int_init(&p, n) != IGRAPH_SUCCESS) {
    igraph_matrix_destroy(&c);
    return false;
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) MATRIX(c, i, j) = cost[(size_t)i * (size_t)n + (size_t)j];
  bool ok = igraph_solve_lsap(&c, n, &p) == IGRAPH_SUCCESS;
  for (int i = 0; ok && i < n; i++) column[i] = (int)VECTOR(p)[i];
  igraph_vector_int_destroy(&p);
  igraph_matrix_destroy(&c);
  return ok;
}
