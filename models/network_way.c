/* Routes in numbers: what moving bytes costs and how long it takes when idle, for estimates and charges. */
#include "models/network_parts.h"

#include <string.h>

static bool records(const struct network *n) { return n->world->record_transfers || n->watch; }

/* ---- ways in numbers ------------------------------------------------------------------------------------------- */

static void add_radio(const struct network *n, struct hop hop, struct way *way)
{
  const struct radio_def *d = n->world->link[hop.link].radio;
  double j_per_byte = radio_byte_j(d, device_sends(n, hop), 1);
  way->radio_j_per_byte += j_per_byte;
  way->radio_told_j_per_byte += j_per_byte + d->base_w * n->link[hop.link].told.s_per_byte[hop.down];
  way->instant = false;
}

void way_add_hop(const struct network *n, struct hop hop, struct way *way)
{
  const struct link_state *l = &n->link[hop.link];
  double s_per_byte = l->s_per_byte[hop.down];
  way->s_per_byte += s_per_byte;
  way->told_s_per_byte += l->told.s_per_byte[hop.down];
  way->device_j_per_byte += l->device_w[hop.down] * s_per_byte;
  way->network_j_per_byte += l->def->j_per_byte;
  way->usd_per_byte += l->usd_per_byte[hop.down];
  if (l->def->radio) add_radio(n, hop, way);
  if (l->def->transport) way->instant = false;
  if (!l->latency_is_constant || l->latency_s > 0 || l->varies || l->process) way->instant = false;
}

/* Of hops that are crossed at once only the slowest counts. */
static void slowest_of_flows(const struct network *n, const struct route *r, struct way *way)
{
  double sum[2] = {0}, most[2] = {0};
  for (int i = 0; i < r->n; i++) {
    const struct link_state *l = &n->link[r->hop[i].link];
    const double here[2] = {l->s_per_byte[r->hop[i].down], l->told.s_per_byte[r->hop[i].down]};
    for (int told = 0; told < 2; told++) {
      most[told] = l->def->max_min ? fmax(most[told], here[told]) : 0;
      bool ends = !l->def->max_min || i + 1 == r->n || !n->link[r->hop[i + 1].link].def->max_min
                  || has_gate(n->link[r->hop[i + 1].link].def);
      if (!ends) continue;
      sum[told] += l->def->max_min ? most[told] : here[told];
      most[told] = 0;
    }
  }
  way->s_per_byte = sum[0];
  way->told_s_per_byte = sum[1];
}

static void ways_grow(struct ways *ways, uint32_t n)
{
  uint32_t room = ways->n ? ways->n : 16;
  while (room < n) room *= 2;
  ways->of = realloc(ways->of, room * sizeof *ways->of);
  if (!ways->of) check_out_of_memory(room * sizeof *ways->of);
  memset(ways->of + ways->n, 0, (room - ways->n) * sizeof *ways->of);
  ways->n = room;
}

SELDOM static const struct way *way_make(const struct network *n, const struct route *r)
{
  struct ways *ways = n->ways;
  if (r->id >= ways->n) ways_grow(ways, topology_routes(n->topology));
  struct way *way = &ways->of[r->id];
  *way = (struct way){.round = ways->round, .instant = r->reachable, .latency_s = r->latency_mean_s, .route = r};
  for (int i = 0; i < r->n; i++) way_add_hop(n, r->hop[i], way);
  if (n->flows) slowest_of_flows(n, r, way);
  bool costs = way->network_j_per_byte > 0 || way->usd_per_byte > 0 || way->s_per_byte > 0;
  way->nothing = way->instant && !costs && (r->n == 0 || !records(n));
  return way;
}

const struct way *way_on(const struct network *n, const struct route *r)
{
  const struct ways *ways = n->ways;
  return r->id < ways->n && ways->of[r->id].round == ways->round ? &ways->of[r->id] : way_make(n, r);
}

/* Nearly all that is asked: between places of one vertex each, where no message ever goes another way. */
enum { BETWEEN_PLACES = 64 };

void ways_new(struct network *n)
{
  size_t places = (size_t)n->world->n_places;
  n->ways = zeros_new(1, sizeof *n->ways);
  n->ways->round = 1;
  n->ways->places = (uint32_t)places;
  if (!n->detours && places <= BETWEEN_PLACES) n->ways->between = zeros_new(places * places, sizeof *n->ways->between);
}

SELDOM static const struct way *way_found(const struct network *n, struct endpoint from, struct endpoint to)
{
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  bool points = !topology_is_spread(n->topology, from.place) && !topology_is_spread(n->topology, to.place);
  if (n->ways->between && points && from.place != to.place)
    n->ways->between[from.place * n->ways->places + to.place] = r->id;
  return way_on(n, r);
}

/* NULL: not known by its places. */
static inline const struct way *way_known(const struct network *n, struct endpoint from, struct endpoint to)
{
  const struct ways *ways = n->ways;
  if (__builtin_expect(!ways->between, 0)) return NULL;
  uint32_t id = ways->between[from.place * ways->places + to.place];
  const struct way *way = &ways->of[id];
  return id && way->round == ways->round ? way : NULL;
}

/* By the route of this moment. */
static inline const struct way *way_here(const struct network *n, struct endpoint from, struct endpoint to)
{
  const struct way *way = way_known(n, from, to);
  return __builtin_expect(way != NULL, 1) ? way : way_found(n, from, to);
}

const struct way *way_now(const struct network *n, struct endpoint from, struct endpoint to)
{
  return way_here(n, from, to);
}

const struct way *way_of(const struct network *n, struct endpoint from, struct endpoint to)
{
  const struct way *way = way_here(n, from, to);
  if (!n->detours || way->route->reachable) return way;
  return way_on(n, route_intact(n->topology, from, to, sim_now(n->sim)));
}

/* Without records nothing needs to cross a way that takes no time for these bytes. */
bool takes_no_time(const struct network *n, const struct way *way, const struct route *r, double bytes)
{
  return r->n == 0 || (!records(n) && way->instant && way->s_per_byte * bytes <= 0);
}

bool network_is_nothing(const struct network *n, struct endpoint from, struct endpoint to)
{
  const struct way *way = way_here(n, from, to);
  return way->nothing && (!n->detours || detour_may_go(n, way->route, n->allowed));
}

struct transfer_cost way_cost(const struct way *way, double bytes)
{
  return (struct transfer_cost){way->device_j_per_byte * bytes, way->network_j_per_byte * bytes,
                                way->usd_per_byte * bytes};
}

struct transfer_cost network_cost(const struct network *n, struct endpoint from, struct endpoint to, double bytes)
{
  const struct way *way = way_of(n, from, to);
  struct transfer_cost cost = way_cost(way, bytes);
  cost.device_j += way->radio_j_per_byte * bytes;
  return cost;
}

/* A connection as it will be: of what comes back, open. */
static double expect_transport(const struct network *n, const struct route *r, int at, struct endpoint from,
                               struct endpoint to, double bytes, struct transfer_cost *sum)
{
  struct hop hop = r->hop[at];
  struct span span = span_of(n, r, at);
  struct connection c = transports_look(n->transports, hop.link, client_member(n, hop, from, to), far_place(n, hop, from, to));
  double latency_s = 0;
  for (int i = span.from; i < span.to; i++) latency_s += dist_mean(n->world->link[r->hop[i].link].latency_s);
  struct transport_path path = path_of(n, &span, latency_s);
  bool down = !span.client_sends;
  if (down && (!c.open || c.last < sim_now(n->sim)))
    c = (struct connection){.open = true, .last = sim_now(n->sim), .window = {transport_first_window, transport_first_window}};
  struct transport_extra x = transport_ask(n->world->link[hop.link].transport, &c, sim_now(n->sim), &path, down, bytes);
  add_set_up(n, &span, at, &x, sum);
  return x.delay_s;
}

/* What a device knows of its own radio and connections when it decides. */
static double expect_gates(const struct network *n, struct endpoint from, struct endpoint to, double bytes,
                           struct transfer_cost *sum)
{
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  double wait_s = 0;
  for (int i = 0; i < r->n; i++) {
    const struct link_def *l = &n->world->link[r->hop[i].link];
    if (l->radio && device_sends(n, r->hop[i])) {
      struct radio_expected e = radios_expect(n->radios, r->hop[i].link, from.member, sim_now(n->sim), false);
      wait_s += e.wait_s + radios_expect_anchored_s(n->radios, r->hop[i].link, from.member, sim_now(n->sim), bytes,
                                                    n->link[r->hop[i].link].byte_per_s[r->hop[i].down]);
      sum->device_j += e.joule;
    }
    if (l->transport) wait_s += expect_transport(n, r, i, from, to, bytes, sum);
  }
  return wait_s;
}

static inline void add_way(const struct way *way, double bytes, struct transfer_cost *sum)
{
  sum->device_j += way->device_j_per_byte * bytes;
  sum->network_j += way->network_j_per_byte * bytes;
  sum->usd += way->usd_per_byte * bytes;
}

__attribute__((noinline))
static double estimate_any(const struct network *n, struct endpoint from, struct endpoint to, double bytes,
                           struct transfer_cost *sum)
{
  const struct way *way = way_of(n, from, to);
  add_way(way, bytes, sum);
  double wait_s = 0;
  if (has_gates(n)) {
    wait_s = expect_gates(n, from, to, bytes, sum);
    sum->device_j += way->radio_told_j_per_byte * bytes;
  }
  return wait_s + way->latency_s + way->told_s_per_byte * bytes;
}

/* Asked several times a decision: the commonest case calls nothing and needs no frame. */
double network_estimate(const struct network *n, struct endpoint from, struct endpoint to, double bytes,
                        struct transfer_cost *sum)
{
  const struct way *way = has_gates(n) ? NULL : way_known(n, from, to);
  if (__builtin_expect(!way, 0)) return estimate_any(n, from, to, bytes, sum);
  add_way(way, bytes, sum);
  return way->latency_s + way->told_s_per_byte * bytes;
}

double network_idle_s(const struct network *n, struct endpoint from, struct endpoint to, double bytes)
{
  const struct way *way = way_of(n, from, to);
  return way->latency_s + way->told_s_per_byte * bytes;
}
