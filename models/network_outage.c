/* Links and vertices that are out of service, and messages that go another way (docs/equations.md, "Outages and routes").
 *
 * Where traffic waits (`on_outage: wait`), a link that is out has no rate: network_change.c. Else routes avoid it, and a
 * message on a hop that breaks is cut: what has moved there has been carried for nothing and stays charged, the rest is
 * given back, and the vertex where the hop begins, which still has all of the message, sends it over the shortest way from
 * there. A hop that is out when a message comes to it is met in the same way. Without a way, or with none that the message
 * may take (zones), it waits there until something changes; or it fails, if what is out says so. What goes another way
 * stays on it when the old one is back.
 * Checkable: 1 MB over two hops of 1 MB/s; after 1.5 s the second breaks for good and a way of two hops leads round it:
 * 0.5 MB cut, done at 1.5 + 2 s, 3.5 MB carried in all.
 */
#include "models/network_parts.h"

/* Up and down in turn, by draws of its own: a link (vertex: UINT32_MAX) or a member of a spread place. */
struct up_down { struct network *network; const struct outages_def *def; struct rng rng; uint32_t link, vertex; bool down; };

struct detours {
  struct transfer *moving, *waiting;
  bool retry_due;
  no_way_fn *no_way;
};

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static void enlist(struct network *n, struct transfer *t, struct transfer **list)
{
  struct detour *d = detour_of(n, t);
  d->next = *list;
  d->at = list;
  if (d->next) detour_of(n, d->next)->at = &d->next;
  *list = t;
}

static void delist(struct network *n, struct transfer *t)
{
  struct detour *d = detour_of(n, t);
  *d->at = d->next;
  if (d->next) detour_of(n, d->next)->at = d->at;
}

void detour_begin(struct network *n, struct transfer *t)
{
  *detour_of(n, t) = (struct detour){.zones = n->allowed, .follows = n->follows};
  enlist(n, t, &n->detours->moving);
}

void detour_end(struct network *n, struct transfer *t) { delist(n, t); }

static void add(struct transfer_cost *sum, struct transfer_cost cost, double sign)
{
  sum->device_j += sign * cost.device_j;
  sum->network_j += sign * cost.network_j;
  sum->usd += sign * cost.usd;
}

/* ---- one message ------------------------------------------------------------------------------------------------- */

static void on_retry(struct sim *, void *network);

void detour_retry_soon(struct network *n)
{
  if (n->detours->retry_due) return;
  n->detours->retry_due = true;
  sim_at(n->sim, sim_now(n->sim), PRIORITY_CHANGE, on_retry, n);
}

/* It stands at a vertex and moves nowhere; soon it is looked where it can go, or whether it fails. */
static void hold(struct network *n, struct transfer *t)
{
  delist(n, t);
  enlist(n, t, &n->detours->waiting);
  detour_of(n, t)->waits = true;
  t->at = t->until = 0;
  detour_retry_soon(n);
}

void detour_hold_at_start(struct network *n, struct transfer *t)
{
  detour_begin(n, t);
  detour_of(n, t)->vertex = topology_vertex(n->topology, t->from, sim_now(n->sim));
  hold(n, t);
}

/* It leaves the rest of its route: gives back what that was charged, moved of it aside. */
static void leave_route(struct network *n, struct transfer *t, double moved)
{
  struct detour *d = detour_of(n, t);
  d->vertex = topology_hop_from(n->topology, t->route->hop[t->at]);
  add(&d->cost, transfer_rest_of(n, t, moved).cost, -1);
  d->relayed |= t->at > 0;
}

void detour_at_hop(struct network *n, struct transfer *t)
{
  t->until = t->at;
  leave_route(n, t, 0);
  hold(n, t);
}

/* It waits for its device to hear again; one event for each, however often somebody looks. */
static void retry_at(struct network *n, struct detour *d, sim_time at)
{
  if (at == SIM_NEVER || at == d->retry_at) return;
  d->retry_at = at;
  sim_at(n->sim, at, PRIORITY_CHANGE, on_retry, n);
}

void detour_cut(struct network *n, struct transfer *t)
{
  double moved = transfer_stop(n, t);
  uint8_t kind = t->record.kind;
  leave_route(n, t, moved);
  t->record.kind = TRANSFER_LOST;
  transfer_hop_end(t, moved);
  t->record.kind = kind;
  hold(n, t);
}

bool detour_may_go(const struct network *n, const struct route *r, uint64_t zones)
{
  return r->reachable && !(r->zones & ~zones);
}

/* Latencies of the new way are drawn by another key: it may take links of the old one again. */
static bool take_route(struct network *n, struct transfer *t)
{
  struct detour *d = detour_of(n, t);
  if (!d->relayed && n->mobility) d->vertex = topology_vertex(n->topology, t->from, sim_now(n->sim));   /* wherever it went */
  const struct route *r = route_on(n->topology, d->vertex, t->to, sim_now(n->sim));
  if (!detour_may_go(n, r, d->zones)) return false;
  sim_time ready = r->n > 0 ? move_ready(n, t, r->hop[0]) : 0;
  if (ready > sim_now(n->sim)) return retry_at(n, d, ready), false;
  delist(n, t);
  enlist(n, t, &n->detours->moving);
  d->waits = false;
  t->route = r;
  t->key = (t->key ^ UINT64_C(0x64657461)) * UINT64_C(0xD6E8FEB86659FD93);
  add(&d->cost, way_cost(way_on(n, r), t->bytes), 1);
  if (n->varies) transfer_keep_prices(n, t);
  return true;
}

static bool breaks(const struct network *n, const struct transfer *t)
{
  for (int i = t->at; i < t->route->n && (i == t->at || i < t->until); i++)
    if (topology_hop_is_out(n->topology, t->route->hop[i])) return true;
  return false;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void break_moving(struct network *n)
{
  for (struct transfer *t = n->detours->moving, *next; t; t = next) {
    next = detour_of(n, t)->next;
    if (breaks(n, t)) detour_cut(n, t);
  }
}

/* Those who fail leave in here (network_cancel), and others with them. */
static bool fails(struct network *n, struct transfer *t)
{
  const struct route *r = route_intact_on(n->topology, detour_of(n, t)->vertex, t->to, sim_now(n->sim));
  return n->detours->no_way && topology_fails(n->topology, r) && n->detours->no_way(n->sim, t->done, t->subject);
}

/* In the order in which they came to wait. */
static void on_retry(struct sim *sim, void *network)
{
  struct network *n = network;
  struct transfer *trying = NULL;
  (void)sim;
  n->detours->retry_due = false;
  for (struct transfer *t; (t = n->detours->waiting) != NULL;) {
    delist(n, t);
    enlist(n, t, &trying);
  }
  for (struct transfer *t; (t = trying) != NULL;) {
    if (take_route(n, t)) {
      transfer_go_further(n, t);
      continue;
    }
    delist(n, t);
    enlist(n, t, &n->detours->waiting);
    fails(n, t);
  }
}

static void on_news(struct network *n)
{
  break_moving(n);
  if (n->detours->waiting) detour_retry_soon(n);
}

void detour_set_link(struct network *n, int link, bool up, sim_time back_at)
{
  topology_set_link(n->topology, link, up, back_at);
  on_news(n);
}

void network_set_node(struct network *n, int place, int64_t member, bool up, sim_time back_at)
{
  uint64_t from = member == NONE ? 0 : (uint64_t)member, to = member == NONE ? n->world->place[place].count : from + 1;
  for (uint64_t i = from; i < to; i++) {
    struct endpoint e = {(uint16_t)place, (uint32_t)i};
    topology_set_vertex(n->topology, topology_vertex(n->topology, e, sim_now(n->sim)), up, back_at);
  }
  on_news(n);
}

void network_on_no_way(struct network *n, no_way_fn *fn)
{
  if (n->detours) n->detours->no_way = fn;
}

bool network_detours(const struct network *n) { return n->detours != NULL; }
void network_allow(struct network *n, uint64_t zones) { n->allowed = zones; }

bool network_is_open(const struct network *n, struct endpoint from, struct endpoint to)
{
  return !n->detours || detour_may_go(n, route(n->topology, from, to, sim_now(n->sim)), n->allowed);
}

bool network_is_barred(const struct network *n, struct endpoint from, struct endpoint to)
{
  return !network_is_open(n, from, to) && route(n->topology, from, to, sim_now(n->sim))->reachable;
}

/* ---- by chance --------------------------------------------------------------------------------------------------- */

static void on_turn(struct sim *sim, void *subject)
{
  struct up_down *u = subject;
  struct network *n = u->network;
  u->down = !u->down;
  double lasts_s = dist_draw(u->down ? u->def->lasts_s : u->def->every_s, &u->rng);
  sim_time until = time_add(sim_now(sim), ns_from_s(lasts_s > 1e-9 ? lasts_s : 1e-9));
  if (u->vertex == UINT32_MAX) {
    network_set_available(n, (int)u->link, !u->down, u->down ? until : 0);
  } else {
    topology_set_vertex(n->topology, u->vertex, !u->down, u->down ? until : 0);
    on_news(n);
  }
  sim_at(sim, until, PRIORITY_CHANGE, on_turn, u);
}

static void start(struct network *n, struct up_down *u, const struct outages_def *def, const char *name, uint64_t member)
{
  u->network = n;
  u->def = def;
  u->rng = rng_open(&n->root, STREAM_OUTAGE, rng_name(name), member);
  sim_at(n->sim, ns_from_s(fmax(dist_draw(def->every_s, &u->rng), 1e-9)), PRIORITY_CHANGE, on_turn, u);
}

static bool is_own(const struct place_def *p) { return p->spread && p->spread->at == NONE && p->spread->outages; }

static void chance_open(struct network *n)
{
  const struct world_def *w = n->world;
  size_t all = 0, k = 0;
  for (int i = 0; i < w->n_links; i++) all += w->link[i].outages != NULL;
  for (int p = 0; p < w->n_places; p++) all += is_own(&w->place[p]) ? w->place[p].count : 0;
  n->up_down = all ? zeros_new(all, sizeof *n->up_down) : NULL;
  for (int i = 0; i < w->n_links; i++) {
    if (!w->link[i].outages) continue;
    n->up_down[k].link = (uint32_t)i;
    n->up_down[k].vertex = UINT32_MAX;
    start(n, &n->up_down[k++], w->link[i].outages, w->link[i].name, 0);
  }
  for (int p = 0; p < w->n_places; p++)
    for (uint64_t m = 0; is_own(&w->place[p]) && m < w->place[p].count; m++) {
      n->up_down[k].vertex = topology_vertex(n->topology, (struct endpoint){(uint16_t)p, (uint32_t)m}, 0);
      start(n, &n->up_down[k++], w->place[p].spread->outages, w->place[p].name, m);
    }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool any_detour(const struct world_def *w)
{
  for (const struct change_def *c = w->change; c < w->change + w->n_changes; c++)
    if (c->what == CHANGE_NODE || (c->what == CHANGE_AVAILABLE && w->link[c->index].on_outage != OUTAGE_WAITS)) return true;
  for (int k = 0; k < w->n_links; k++)
    if (w->link[k].outages && w->link[k].on_outage != OUTAGE_WAITS) return true;
  for (int p = 0; p < w->n_places; p++)
    if (is_own(&w->place[p]) || w->place[p].mobility) return true;
  return false;
}

/* Before transfers are made: how large they are depends on it. */
void outages_new(struct network *n)
{
  const struct world_def *w = n->world;
  n->allowed = ~UINT64_C(0);
  n->klass = NONE;
  if (any_detour(w)) n->detours = zeros_new(1, sizeof *n->detours);
  for (int k = 0; k < w->n_links; k++)
    if (w->link[k].outages && w->link[k].on_outage == OUTAGE_WAITS) n->varies = n->link[k].varies = true;
  chance_open(n);
}

void outages_free(struct network *n)
{
  free(n->up_down);
  free(n->detours);
}
