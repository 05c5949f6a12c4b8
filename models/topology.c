/* Which links lead from where to where: the routing graph and its shortest ways (models/topology.h).
 *
 * Vertices: a place is one; each member of a spread place is one, unless it shares that of another place's member; the
 * devices of a place that attach to a spread place have one for each of its members, where those stand that are attached
 * to it now. Shortest mean latency (models/graph.h), one arc a direction of each link; a nanosecond a hop makes the
 * shorter of two equal ways win. Devices carry no one else's traffic: arcs out of a device vertex count only when it is
 * the source. A route of more than MAX_HOPS hops does not exist.
 *
 * What is out is a set of links and vertices. Trees and routes are kept by that set, found by its hash (Zobrist 1970): the
 * exclusive or of a number for each member. The intact network is kept for good, of the others the last STATES_KEPT.
 * Checkable: a, b, c in a triangle of 1, 1 and 3 s: a to c takes 2 s over b, and 3 s while b or a - b is out.
 */
#include "models/topology.h"

#include "models/graph.h"
#include "models/network.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 1024 };                                   /* vertices: from here on ways are taken backwards too */
enum { STATES_KEPT = 8, QUICK_PLACES = 64 };
static const double HOP_S = 1e-9, LONGEST_S = 1e9;      /* for a mean that is infinite */

enum ground_kind { GROUND_POINT, GROUND_SPREAD, GROUND_SHARED, GROUND_FLOATING };
/* The vertices of a place: from base on, or those of `at` (SHARED). */
struct ground { enum ground_kind kind; uint32_t base, n; int32_t at; };

/* 2k: up on the k-th piece of a link, 2k + 1: down. member: of the end whose cell it is, where that is spread. */
struct arc { uint32_t from, to; uint16_t link, member; };

/* The routes from one vertex and, taken backwards, to it, in one state; each made when first asked for. */
struct row { int32_t *inbound; const struct route **to, **back; };

/* For devices at each vertex: number in topology.site + 1; 0: not asked yet. */
struct near { uint64_t zones; uint32_t *site; };
enum { NEAR_KEPT = 8 };

struct state {
  uint64_t hash, used;                                  /* used: when last, in changes of state */
  uint32_t n_out, *out;                                 /* ascending */
  struct row **row;                                     /* [vertices] */
  const struct route **quick;                           /* [places][places], between those of one vertex; NULL: too many */
  struct near near[NEAR_KEPT];                          /* by zones that are allowed */
};

/* What lies in one place of the hash table is the place of its first hop in the arena. */
struct routes {
  struct arena *arena;
  const struct route **slot;
  uint32_t n, room;
  struct state intact, kept[STATES_KEPT], *now;         /* NULL: not known yet */
  double *length;                                       /* [arcs], now */
  uint8_t *blocked;                                     /* [arcs]: by how many of its link and ends */
  bool *out;                                            /* [links, then vertices] */
  sim_time *back_at;                                    /* the same: when it comes back */
  uint32_t n_out;
  uint64_t hash;
  struct topology_counts counts;
};

struct topology {
  const struct world_def *world;
  struct graph *graph;
  uint32_t n_vertices, n_arcs;
  struct arc *arc;
  struct ground *ground;                                /* of places */
  uint16_t *vertex_place;
  uint32_t *first_out, *out_arc;                        /* arcs out of each vertex: out_arc[first_out[v] ..] */
  double *latency_s;                                    /* mean, per link */
  double *length;                                       /* [arcs] of the intact network; closed to others' traffic: INFINITY */
  int32_t *attached;                                    /* place that a place's devices attach to; NONE */
  uint32_t n_sites; struct endpoint *site;              /* edge places that execute, by vertex */
  struct routes *routes;
  struct mobility *mobility;                            /* NULL: nobody moves */
};

static bool is_device(const struct topology *t, int place) { return t->world->place[place].tier == TIER_DEVICE; }

/* Devices move among vertices; they are none. */
static const struct spread_def *spread_of(const struct world_def *w, int place)
{
  return w->place[place].tier == TIER_DEVICE ? NULL : w->place[place].spread;
}

/* ---- vertices ---------------------------------------------------------------------------------------------------- */

static uint32_t member_vertex(const struct topology *t, int place, uint32_t member)
{
  const struct ground *g = &t->ground[place];
  if (g->kind == GROUND_POINT) return g->base;
  if (g->kind != GROUND_SHARED) return g->base + member;
  return t->ground[g->at].base + t->world->place[place].spread->at_member[member];
}

static uint32_t vertex_of(const struct topology *t, struct endpoint e, sim_time now)
{
  const struct ground *g = &t->ground[e.place];
  if (g->kind == GROUND_POINT) return g->base;
  return member_vertex(t, e.place, g->kind == GROUND_FLOATING ? attachment(t, e, now).member : e.member);
}

void topology_set_mobility(struct topology *t, struct mobility *mobility) { t->mobility = mobility; }
struct mobility *topology_mobility(const struct topology *t) { return t->mobility; }
uint32_t topology_vertex(const struct topology *t, struct endpoint e, sim_time now) { return vertex_of(t, e, now); }
uint32_t topology_vertices(const struct topology *t) { return t->n_vertices; }
int topology_most_hops(const struct topology *t)
{
  return t->n_vertices < 2 ? 2 : t->n_vertices > MAX_HOPS ? MAX_HOPS : (int)t->n_vertices;
}

bool topology_is_spread(const struct topology *t, int place) { return t->ground[place].kind != GROUND_POINT; }
uint32_t topology_hop_from(const struct topology *t, struct hop hop) { return t->arc[hop.arc].from; }

static struct hop hop_of(const struct topology *t, uint32_t arc)
{
  return (struct hop){.link = t->arc[arc].link, .down = arc & 1, .member = t->arc[arc].member, .arc = arc};
}

/* ---- routes are kept once ---------------------------------------------------------------------------------------- */

static const struct route nowhere = {.id = 0};
static const struct route here = {.reachable = true, .id = 1};

static uint64_t mixed(uint64_t x)
{
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static uint64_t hops_hash(const struct hop *hop, int n)
{
  uint64_t h = (uint64_t)n;
  for (int i = 0; i < n; i++) h = mixed(h ^ hop[i].arc);
  return h;
}

static bool same_hops(const struct route *r, const uint32_t *arc, int n)
{
  if (r->n != n) return false;
  for (int i = 0; i < n; i++)
    if (r->hop[i].arc != arc[i]) return false;
  return true;
}

static void routes_grow(struct routes *all)
{
  const struct route **old = all->slot;
  uint32_t room = all->room;
  all->room = room ? 2 * room : 64;
  all->slot = zeros_new(all->room, sizeof *all->slot);
  for (uint32_t i = 0; i < room; i++) {
    if (!old[i]) continue;
    uint64_t at = hops_hash(old[i]->hop, old[i]->n);
    while (all->slot[at & (all->room - 1)]) at++;
    all->slot[at & (all->room - 1)] = old[i];
  }
  free(old);
}

/* The zones of links, of places on the way and of nodes of a topology at its ends. */
static void route_add(const struct topology *t, struct route *r, uint32_t arc, bool last)
{
  uint32_t from = t->arc[arc].from, to = t->arc[arc].to;
  const struct place_def *place = t->world->place;
  int link = t->arc[arc].link;
  if (r->n == 0 && place[t->vertex_place[from]].kind == PLACE_NODE)
    r->zones |= UINT64_C(1) << place[t->vertex_place[from]].zone;
  if (!last || place[t->vertex_place[to]].kind == PLACE_NODE) r->zones |= UINT64_C(1) << place[t->vertex_place[to]].zone;
  r->zones |= t->world->link[link].zones;
  r->latency_mean_s += t->latency_s[link];
  r->hop[r->n++] = hop_of(t, arc);
}

static const struct route *route_over(const struct topology *t, const uint32_t *arc, int n)
{
  struct routes *all = t->routes;
  if (2 * (all->n + 1) > all->room) routes_grow(all);
  uint64_t at = (uint64_t)n;
  for (int i = 0; i < n; i++) at = mixed(at ^ arc[i]);
  for (; all->slot[at & (all->room - 1)]; at++)
    if (same_hops(all->slot[at & (all->room - 1)], arc, n)) return all->slot[at & (all->room - 1)];
  struct route *r = arena_alloc(all->arena, sizeof *r + (size_t)n * sizeof r->hop[0]);
  *r = (struct route){.reachable = true, .id = 2 + all->n++};
  for (int i = 0; i < n; i++) route_add(t, r, arc[i], i == n - 1);
  all->slot[at & (all->room - 1)] = r;
  return r;
}

uint32_t topology_routes(const struct topology *t) { return 2 + t->routes->n; }

/* ---- one row ----------------------------------------------------------------------------------------------------- */

/* Follow the arcs back from `to`. */
static const struct route *route_back(const struct topology *t, const int32_t *inbound, uint32_t from, uint32_t to)
{
  uint32_t arcs[MAX_HOPS], way[MAX_HOPS];
  int n = 0;
  for (uint32_t at = to; at != from; at = t->arc[arcs[n - 1]].from) {
    if (inbound[at] < 0 || n == MAX_HOPS) return &nowhere;
    arcs[n++] = (uint32_t)inbound[at];
  }
  for (int i = 0; i < n; i++) way[i] = arcs[n - 1 - i];
  return route_over(t, way, n);
}

/* The way of the tree from `to`, backwards: links are as long in both directions. */
static const struct route *route_forth(const struct topology *t, const int32_t *inbound, uint32_t from, uint32_t to)
{
  uint32_t way[MAX_HOPS];
  int n = 0;
  for (uint32_t at = from; at != to; at = t->arc[way[n - 1]].to) {
    if (inbound[at] < 0 || n == MAX_HOPS) return &nowhere;
    way[n++] = (uint32_t)inbound[at] ^ 1;
  }
  return route_over(t, way, n);
}

/* Between two that stand at one vertex: over a link from it to itself, else there and back over the nearest one. */
static const struct route *route_within(const struct topology *t, const double *length, uint32_t v)
{
  uint32_t best = UINT32_MAX;
  double best_s = INFINITY;
  for (const uint32_t *a = t->out_arc + t->first_out[v]; a < t->out_arc + t->first_out[v + 1]; a++) {
    uint32_t far = t->arc[*a].to;
    double s = t->latency_s[t->arc[*a].link], way = far == v ? s : 2 * s + HOP_S;
    bool closed = (far != v && is_device(t, t->vertex_place[far])) || (isinf(length[*a]) && isinf(length[*a ^ 1]));
    if (closed || way >= best_s) continue;
    best = *a;
    best_s = way;
  }
  if (best == UINT32_MAX) return &nowhere;
  uint32_t way[] = {best, best ^ 1};
  return route_over(t, way, t->arc[best].to == v ? 1 : 2);
}

/* Arcs out of a device's vertex are open to itself alone. */
static void open_arcs(const struct topology *t, const double *at, double *length, uint32_t v, bool open)
{
  if (!is_device(t, t->vertex_place[v])) return;
  for (const uint32_t *a = t->out_arc + t->first_out[v]; a < t->out_arc + t->first_out[v + 1]; a++)
    length[*a] = open && (at == t->length || !t->routes->blocked[*a]) ? t->latency_s[t->arc[*a].link] + HOP_S : INFINITY;
}

static struct row *row_make(const struct topology *t, struct state *s, uint32_t from)
{
  double *length = s == &t->routes->intact ? t->length : t->routes->length;
  struct row *row = zeros_new(1, sizeof *row);
  row->inbound = zeros_new(t->n_vertices, sizeof *row->inbound);
  row->to = zeros_new(t->n_vertices, sizeof *row->to);
  open_arcs(t, length, length, from, true);
  graph_tree(t->graph, (int)from, length, row->inbound, NULL);
  row->to[from] = route_within(t, length, from);
  open_arcs(t, length, length, from, false);
  t->routes->counts.trees++;
  return s->row[from] = row;
}

/* In a large network many ask for ways to a few: one tree from each of these serves all. A device's is of use to nobody
 * else. */
static const struct route *find_back(const struct topology *t, struct state *s, uint32_t from, uint32_t to)
{
  struct row *row = s->row[to] ? s->row[to] : row_make(t, s, to);
  if (!row->back) row->back = zeros_new(t->n_vertices, sizeof *row->back);
  if (!row->back[from]) row->back[from] = route_forth(t, row->inbound, from, to);
  return row->back[from];
}

static const struct route *find(const struct topology *t, struct state *s, uint32_t from, uint32_t to)
{
  if (t->n_vertices >= LARGE && !s->row[from] && from != to
      && (s->row[to] || (is_device(t, t->vertex_place[from]) && !is_device(t, t->vertex_place[to]))))
    return find_back(t, s, from, to);
  struct row *row = s->row[from] ? s->row[from] : row_make(t, s, from);
  if (!row->to[to]) row->to[to] = route_back(t, row->inbound, from, to);
  return row->to[to];
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static void state_clear(const struct topology *t, struct state *s)
{
  for (uint32_t v = 0; s->row && v < t->n_vertices; v++) {
    if (!s->row[v]) continue;
    free(s->row[v]->inbound);
    free(s->row[v]->to);
    free(s->row[v]->back);
    free(s->row[v]);
  }
  for (int i = 0; i < NEAR_KEPT; i++) free(s->near[i].site);
  free(s->row);
  free(s->quick);
  free(s->out);
  *s = (struct state){0};
}

static uint32_t *out_now(const struct topology *t)
{
  const struct routes *all = t->routes;
  uint32_t *out = zeros_new(all->n_out, sizeof *out), n = 0, elements = (uint32_t)t->world->n_links + t->n_vertices;
  for (uint32_t i = 0; n < all->n_out && i < elements; i++)
    if (all->out[i]) out[n++] = i;
  return out;
}

static bool is_now(const struct topology *t, const struct state *s)
{
  if (!s->row || s->hash != t->routes->hash || s->n_out != t->routes->n_out) return false;
  for (uint32_t i = 0; i < s->n_out; i++)
    if (!t->routes->out[s->out[i]]) return false;
  return true;
}

static const struct route **quick_new(const struct topology *t)
{
  size_t n = (size_t)t->world->n_places;
  return n <= QUICK_PLACES ? zeros_new(n * n, sizeof(struct route *)) : NULL;
}

/* One that is known, else in place of the one that was used the longest time ago. */
static struct state *state_now(const struct topology *t)
{
  struct routes *all = t->routes;
  struct state *oldest = all->kept;
  if (all->n_out == 0) return &all->intact;
  for (struct state *s = all->kept; s < all->kept + STATES_KEPT; s++) {
    if (is_now(t, s)) return s;
    if (s->used < oldest->used) oldest = s;
  }
  state_clear(t, oldest);
  *oldest = (struct state){.hash = all->hash, .n_out = all->n_out, .out = out_now(t),
                           .row = zeros_new(t->n_vertices, sizeof *oldest->row), .quick = quick_new(t)};
  all->counts.states++;
  return oldest;
}

static struct state *now_of(const struct topology *t)
{
  struct routes *all = t->routes;
  if (all->now) return all->now;
  all->now = state_now(t);
  all->now->used = all->counts.changes;
  return all->now;
}

/* ---- what is asked ------------------------------------------------------------------------------------------------ */

/* Between places of one vertex each the route is known by the places: most worlds ask for no other. */
static const struct route *route_found(const struct topology *t, struct state *s, struct endpoint from,
                                              struct endpoint to, sim_time now)
{
  uint32_t u = vertex_of(t, from, now), v = vertex_of(t, to, now);
  enum ground_kind kind = t->ground[from.place].kind;
  if (u == v && (from.place != to.place || kind == GROUND_SHARED || kind == GROUND_SPREAD)) return &here;
  const struct route *r = find(t, s, u, v);
  bool points = kind == GROUND_POINT && t->ground[to.place].kind == GROUND_POINT;
  if (points && s->quick) s->quick[(size_t)from.place * (size_t)t->world->n_places + to.place] = r;
  return r;
}

static inline const struct route *route_in(const struct topology *t, struct state *s, struct endpoint from,
                                           struct endpoint to, sim_time now)
{
  if (from.place == to.place && from.member == to.member) return &here;
  const struct route *quick = s->quick ? s->quick[(size_t)from.place * (size_t)t->world->n_places + to.place] : NULL;
  return quick ? quick : route_found(t, s, from, to, now);
}

const struct route *route(const struct topology *t, struct endpoint from, struct endpoint to, sim_time now)
{
  return route_in(t, now_of(t), from, to, now);
}

const struct route *route_intact(const struct topology *t, struct endpoint from, struct endpoint to, sim_time now)
{
  return route_in(t, &t->routes->intact, from, to, now);
}

const struct route *route_on(const struct topology *t, uint32_t vertex, struct endpoint to, sim_time now)
{
  uint32_t v = vertex_of(t, to, now);
  return v == vertex ? &here : find(t, now_of(t), vertex, v);
}

const struct route *route_intact_on(const struct topology *t, uint32_t vertex, struct endpoint to, sim_time now)
{
  uint32_t v = vertex_of(t, to, now);
  return v == vertex ? &here : find(t, &t->routes->intact, vertex, v);
}

/* ---- what is out ------------------------------------------------------------------------------------------------- */

static void block(const struct topology *t, uint32_t arc, bool up)
{
  struct routes *all = t->routes;
  all->blocked[arc] = (uint8_t)(all->blocked[arc] + (up ? -1 : 1));
  all->length[arc] = all->blocked[arc] ? INFINITY : t->length[arc];
}

/* True when that is news. */
static bool element_set(const struct topology *t, uint32_t element, bool up, sim_time back_at)
{
  struct routes *all = t->routes;
  all->back_at[element] = up ? 0 : back_at;
  if (all->out[element] == !up) return false;
  all->out[element] = !up;
  all->n_out += up ? UINT32_MAX : 1;
  all->hash ^= mixed(element + 1);
  return true;
}

/* When a route is asked for next: of many changes at once only the last state counts. */
static void state_forget(const struct topology *t)
{
  t->routes->now = NULL;
  t->routes->counts.changes++;
}

void topology_set_link(struct topology *t, int link, bool up, sim_time back_at)
{
  if (!element_set(t, (uint32_t)link, up, back_at)) return;
  for (uint32_t a = 0; a < t->n_arcs; a++)
    if (t->arc[a].link == link) block(t, a, up);
  state_forget(t);
}

void topology_set_vertex(struct topology *t, uint32_t v, bool up, sim_time back_at)
{
  if (!element_set(t, (uint32_t)t->world->n_links + v, up, back_at)) return;
  for (const uint32_t *a = t->out_arc + t->first_out[v]; a < t->out_arc + t->first_out[v + 1]; a++) {
    block(t, *a, up);
    block(t, *a ^ 1, up);
  }
  state_forget(t);
}

bool topology_hop_is_out(const struct topology *t, struct hop hop) { return t->routes->blocked[hop.arc] > 0; }

/* The state of all three of a hop. */
sim_time topology_back_at(const struct topology *t, const struct route *r)
{
  sim_time last = 0;
  for (int i = 0; i < r->n; i++) {
    const struct arc *arc = &t->arc[r->hop[i].arc];
    uint32_t links = (uint32_t)t->world->n_links, part[] = {arc->link, links + arc->from, links + arc->to};
    for (int k = 0; k < 3; k++)
      if (t->routes->out[part[k]] && t->routes->back_at[part[k]] > last) last = t->routes->back_at[part[k]];
  }
  return last;
}

bool topology_fails(const struct topology *t, const struct route *r)
{
  for (int i = 0; i < r->n; i++) {
    const struct arc *arc = &t->arc[r->hop[i].arc];
    uint32_t links = (uint32_t)t->world->n_links, end[] = {arc->from, arc->to};
    if (t->routes->out[arc->link] && t->world->link[arc->link].on_outage == OUTAGE_FAILS) return true;
    for (int k = 0; k < 2; k++) {
      const struct spread_def *spread = spread_of(t->world, t->vertex_place[end[k]]);
      if (t->routes->out[links + end[k]] && spread && spread->on_outage == OUTAGE_FAILS) return true;
    }
  }
  return false;
}

struct topology_counts topology_counts(const struct topology *t) { return t->routes->counts; }

/* ---- attachment -------------------------------------------------------------------------------------------------- */

/* To a spread place, if one of its links leads to all members of such; else to the first edge place, or the first place. */
static int32_t attach(const struct world_def *w, int place)
{
  int32_t any = NONE, edge = NONE;
  for (int k = 0; k < w->n_links; k++) {
    const struct link_def *l = &w->link[k];
    if (l->a == l->b || (l->a != place && l->b != place)) continue;
    int32_t far = l->a == place ? l->b : l->a, member = l->a == place ? l->b_member : l->a_member;
    if (w->place[place].tier == TIER_DEVICE && spread_of(w, far) && member == NONE) return far;
    if (edge == NONE && w->place[far].tier == TIER_EDGE) edge = far;
    if (any == NONE) any = far;
  }
  return edge != NONE ? edge : any;
}

struct endpoint attachment(const struct topology *t, struct endpoint device, sim_time now)
{
  int32_t place = t->attached[device.place];
  if (place == NONE) return device;
  if (mobility_of(t->mobility, device.place))
    return (struct endpoint){.place = (uint16_t)place, .member = mobility_cell(t->mobility, device.place, device.member, now)};
  return (struct endpoint){.place = (uint16_t)place,
                           .member = (uint32_t)(device.member % t->world->place[place].count)};
}

/* ---- the nearest that executes ------------------------------------------------------------------------------------ */

static void sites_make(struct topology *t)
{
  const struct world_def *w = t->world;
  for (int p = 0; p < w->n_places; p++) {
    if (w->place[p].tier != TIER_EDGE || w->place[p].kind == PLACE_NODE) continue;
    t->site = realloc(t->site, (t->n_sites + t->ground[p].n) * sizeof *t->site);
    if (!t->site) check_out_of_memory((t->n_sites + t->ground[p].n) * sizeof *t->site);
    for (uint32_t i = 0; i < t->ground[p].n; i++) t->site[t->n_sites++] = (struct endpoint){(uint16_t)p, i};
  }
}

/* A place that is one vertex has members alike: the one that the device would be attached to. */
static struct endpoint site_for(const struct topology *t, uint32_t site, struct endpoint device)
{
  struct endpoint e = t->site[site];
  if (t->ground[e.place].kind == GROUND_POINT) e.member = (uint32_t)(device.member % t->world->place[e.place].count);
  return e;
}

static uint32_t site_nearest(const struct topology *t, uint32_t v, uint64_t zones)
{
  uint32_t best = UINT32_MAX - 1;
  double best_s = INFINITY;
  for (uint32_t i = 0; i < t->n_sites; i++) {
    struct endpoint e = t->site[i];
    uint32_t u = member_vertex(t, e.place, e.member);
    const struct route *r = u == v ? &here : find(t, now_of(t), u, v);   /* from the few */
    if (!(zones >> t->world->place[e.place].zone & 1) || !r->reachable || r->latency_mean_s >= best_s) continue;
    best = i;
    best_s = r->latency_mean_s;
  }
  return best + 1;
}

static uint32_t *near_of(const struct topology *t, uint64_t zones)
{
  struct near *near = now_of(t)->near;
  int i = 0;
  while (i < NEAR_KEPT - 1 && near[i].site && near[i].zones != zones) i++;
  if (near[i].site && near[i].zones != zones) memset(near[i].site, 0, t->n_vertices * sizeof *near[i].site);
  if (!near[i].site) near[i].site = zeros_new(t->n_vertices, sizeof *near[i].site);
  near[i].zones = zones;
  return near[i].site;
}

bool topology_nearest(const struct topology *t, struct endpoint device, uint64_t zones, sim_time now, struct endpoint *to)
{
  *to = attachment(t, device, now);
  if (to->place == device.place && to->member == device.member) return false;
  if (t->world->place[to->place].kind != PLACE_NODE) return true;
  uint32_t v = vertex_of(t, *to, now), *known = &near_of(t, zones)[v];
  if (!*known) *known = site_nearest(t, v, zones);
  if (*known == UINT32_MAX) return false;
  *to = site_for(t, *known - 1, device);
  return true;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void grounds_make(struct topology *t)
{
  const struct world_def *w = t->world;
  for (int p = 0; p < w->n_places; p++) {
    const struct spread_def *spread = spread_of(w, p);
    int32_t to = is_device(t, p) ? t->attached[p] : NONE;
    struct ground *g = &t->ground[p];
    *g = (struct ground){.kind = GROUND_POINT, .base = t->n_vertices, .n = 1, .at = NONE};
    if (spread) g->kind = spread->at == NONE ? GROUND_SPREAD : GROUND_SHARED, g->n = (uint32_t)w->place[p].count;
    if (to != NONE && spread_of(w, to)) g->kind = GROUND_FLOATING, g->n = (uint32_t)w->place[to].count;
    if (g->kind == GROUND_SHARED) g->at = spread->at, g->base = UINT32_MAX;
    else t->n_vertices += g->n;
  }
  t->vertex_place = zeros_new(t->n_vertices, sizeof *t->vertex_place);
  for (int p = 0; p < w->n_places; p++)
    for (uint32_t i = 0; i < t->ground[p].n && t->ground[p].kind != GROUND_SHARED; i++)
      t->vertex_place[t->ground[p].base + i] = (uint16_t)p;
}

struct piece { int link; uint32_t a, b, a_member, b_member; };

static void piece_add(struct topology *t, struct piece x)
{
  const struct link_def *l = &t->world->link[x.link];
  bool of_a = is_device(t, l->b) && !is_device(t, l->a);
  uint16_t member = (uint16_t)(of_a ? x.a_member : x.b_member);
  t->arc[t->n_arcs++] = (struct arc){x.a, x.b, (uint16_t)x.link, member};
  t->arc[t->n_arcs++] = (struct arc){x.b, x.a, (uint16_t)x.link, member};
}

/* The end of a link is one vertex, or all of its place. */
static uint32_t end_first(const struct topology *t, int place, int32_t member)
{
  return t->ground[place].kind == GROUND_POINT || t->ground[place].kind == GROUND_FLOATING || member == NONE
             ? 0 : (uint32_t)member;
}
static uint32_t end_count(const struct topology *t, int place, int32_t member)
{
  enum ground_kind kind = t->ground[place].kind;
  return kind == GROUND_POINT || (kind != GROUND_FLOATING && member != NONE) ? 1 : t->ground[place].n;
}

/* From a device to the member that it is attached to, i to i; else one of the ends is one vertex. */
static uint32_t link_pieces(struct topology *t, int k, bool add)
{
  const struct link_def *l = &t->world->link[k];
  uint32_t na = end_count(t, l->a, l->a_member), nb = end_count(t, l->b, l->b_member), n = na > nb ? na : nb;
  uint32_t a = end_first(t, l->a, l->a_member), b = end_first(t, l->b, l->b_member);
  for (uint32_t i = 0; add && i < n; i++) {
    uint32_t x = a + (na > 1 ? i : 0), y = b + (nb > 1 ? i : 0);
    piece_add(t, (struct piece){k, member_vertex(t, l->a, x), member_vertex(t, l->b, y), x, y});
  }
  return n;
}

/* All members to all others would be a mesh, which nobody means; two places of cells for one device cannot be. */
static bool link_possible(const struct topology *t, int k, struct err *err)
{
  const struct link_def *l = &t->world->link[k];
  uint32_t na = end_count(t, l->a, l->a_member), nb = end_count(t, l->b, l->b_member);
  bool floats = t->ground[l->a].kind == GROUND_FLOATING || t->ground[l->b].kind == GROUND_FLOATING;
  if ((na > 1 && nb > 1 && !floats) || (floats && na != nb && na > 1 && nb > 1))
    return err_add(err, (struct where){0}, "link '%s': both '%s' and '%s' have many members that are nodes of their own; "
                   "one member of one of them is needed", l->name, t->world->place[l->a].name, t->world->place[l->b].name);
  int32_t device = is_device(t, l->a) ? l->a : l->b, far = device == l->a ? l->b : l->a;
  bool to_all = spread_of(t->world, far) && (device == l->a ? l->b_member : l->a_member) == NONE;
  if (is_device(t, device) && to_all && t->attached[device] != far)
    return err_add(err, (struct where){0}, "link '%s': the devices of '%s' are attached to members of '%s' already",
                   l->name, t->world->place[device].name, t->world->place[t->attached[device]].name);
  return true;
}

static bool arcs_make(struct topology *t, struct err *err)
{
  uint64_t pieces = 0;
  for (int k = 0; k < t->world->n_links; k++) {
    if (!link_possible(t, k, err)) return false;
    pieces += link_pieces(t, k, false);
  }
  t->arc = zeros_new(2 * pieces, sizeof *t->arc);
  for (int k = 0; k < t->world->n_links; k++) link_pieces(t, k, true);
  return true;
}

static void outs_make(struct topology *t)
{
  t->first_out = zeros_new(t->n_vertices + 2, sizeof *t->first_out);
  t->out_arc = zeros_new(t->n_arcs, sizeof *t->out_arc);
  for (uint32_t a = 0; a < t->n_arcs; a++) t->first_out[t->arc[a].from + 2]++;
  for (uint32_t v = 1; v <= t->n_vertices; v++) t->first_out[v + 1] += t->first_out[v];
  for (uint32_t a = 0; a < t->n_arcs; a++) t->out_arc[t->first_out[t->arc[a].from + 1]++] = a;
}

static void lengths_make(struct topology *t)
{
  const struct world_def *w = t->world;
  t->latency_s = zeros_new(w->n_links, sizeof *t->latency_s);
  t->length = zeros_new(t->n_arcs, sizeof *t->length);
  for (int k = 0; k < w->n_links; k++) {
    const struct dist *d = w->link[k].latency_s;
    t->latency_s[k] = d ? fmin(fmax(dist_mean(d), 0), LONGEST_S) : 0;
  }
  for (uint32_t a = 0; a < t->n_arcs; a++) {
    bool closed = is_device(t, t->vertex_place[t->arc[a].from]);
    t->length[a] = closed ? INFINITY : t->latency_s[t->arc[a].link] + HOP_S;
  }
}

static void graph_make(struct topology *t)
{
  int32_t *from = zeros_new(t->n_arcs, sizeof *from), *to = zeros_new(t->n_arcs, sizeof *to);
  for (uint32_t a = 0; a < t->n_arcs; a++) {
    from[a] = (int32_t)t->arc[a].from;
    to[a] = (int32_t)t->arc[a].to;
  }
  t->graph = graph_new((int)t->n_vertices, (int)t->n_arcs, from, to, true);
  free(from);
  free(to);
}

static void routes_make(struct topology *t)
{
  struct routes *all = t->routes = zeros_new(1, sizeof *all);
  uint32_t elements = (uint32_t)t->world->n_links + t->n_vertices;
  all->arena = arena_new();
  all->intact.row = zeros_new(t->n_vertices, sizeof *all->intact.row);
  all->intact.quick = quick_new(t);
  all->now = &all->intact;
  all->length = zeros_new(t->n_arcs, sizeof *all->length);
  if (t->n_arcs) memcpy(all->length, t->length, t->n_arcs * sizeof *all->length);
  all->blocked = zeros_new(t->n_arcs, sizeof *all->blocked);
  all->out = zeros_new(elements, sizeof *all->out);
  all->back_at = zeros_new(elements, sizeof *all->back_at);
}

struct topology *topology_new(const struct world_def *world, struct err *err)
{
  struct topology *t = zeros_new(1, sizeof *t);
  t->world = world;
  t->attached = zeros_new(world->n_places, sizeof *t->attached);
  for (int p = 0; p < world->n_places; p++) t->attached[p] = attach(world, p);
  t->ground = zeros_new(world->n_places, sizeof *t->ground);
  grounds_make(t);
  if (!arcs_make(t, err)) {
    topology_free(t);
    return NULL;
  }
  outs_make(t);
  lengths_make(t);
  graph_make(t);
  sites_make(t);
  routes_make(t);
  return t;
}

static void routes_free(const struct topology *t, struct routes *all)
{
  if (!all) return;
  state_clear(t, &all->intact);
  for (int i = 0; i < STATES_KEPT; i++) state_clear(t, &all->kept[i]);
  arena_free(all->arena);
  free(all->slot);
  free(all->length);
  free(all->blocked);
  free(all->out);
  free(all->back_at);
  free(all);
}

void topology_free(struct topology *t)
{
  if (!t) return;
  routes_free(t, t->routes);
  graph_free(t->graph);
  free(t->arc);
  free(t->ground);
  free(t->vertex_place);
  free(t->first_out);
  free(t->out_arc);
  free(t->latency_s);
  free(t->length);
  free(t->attached);
  free(t->site);
  free(t);
}
