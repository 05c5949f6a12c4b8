/* Transfers: bytes on their way over the hops of a route, one hop after the other.
 *
 * On each hop the time is bytes / rate and then the latency. LINK_FLUID: the rate is shared by the transfers of a
 * channel (models/share.h); LINK_FIXED: each has the full rate; LINK_MM1: exponential with mean bytes / rate. The rate
 * is what the background load leaves: rate x (1 - background), but for LINK_FIXED.
 * Energy of a device end: watts x bytes / rate of the idle hop, whatever the load (a radio that waits for its turn is
 * not charged here). Check: 10 MB over 8 Mbit/s at 1.5 W = 15 J.
 * Consecutive hops over links with max_min are crossed at once: the latencies of them all, then one flow over all their
 * channels (models/maxmin.c). Check: 1 MB over 2 MB/s and 1 MB/s, 10 ms each: 1.02 s.
 * A link that changes during the run takes all its transfers through channels, those that share nothing too (all of
 * them at one speed), so that one step changes whatever is on its way; energy and price of a message are those of the
 * moment at which it began. Check: 1 MB at 1 MB/s, a quarter of it from 0.5 s on: 0.5 + 0.5 / 0.25 = 2.5 s.
 * A link with a process (models/link_process.h) does so by itself: a channel in use has one event, at the next change.
 */
#include "models/network_parts.h"

/* ---- making ------------------------------------------------------------------------------------------------------ */

static double device_watts(const struct world_def *w, const struct link_def *l, bool down)
{
  bool a = w->place[l->a].tier == TIER_DEVICE, b = w->place[l->b].tier == TIER_DEVICE;
  return ((down ? b : a) ? l->device_tx_w : 0) + ((down ? a : b) ? l->device_rx_w : 0);
}

void link_rate(struct link_state *l)
{
  const struct link_def *def = l->def;
  double left = def->kind == LINK_FIXED ? 1 : 1 - l->background;
  l->byte_per_s[0] = def->up_byte_per_s * l->scale * left;
  l->byte_per_s[1] = def->down_byte_per_s * l->scale * left;
  for (int down = 0; down < 2; down++)
    l->s_per_byte[down] = l->byte_per_s[down] > 0 ? 1 / l->byte_per_s[down] : 0;
}

static void link_init(struct link_state *l, const struct world_def *world, const struct link_def *def)
{
  l->def = def;
  l->name = rng_name(def->name);
  l->scale = 1;
  l->background = def->background_load;
  l->usd_per_byte[0] = def->usd_per_byte_up;
  l->usd_per_byte[1] = def->usd_per_byte_down;
  link_rate(l);
  l->told = (struct link_rates){{l->s_per_byte[0], l->s_per_byte[1]}};
  for (int down = 0; down < 2; down++) l->device_w[down] = device_watts(world, def, down);
  l->latency_is_constant = !def->latency_s || dist_is_constant(def->latency_s);
  if (def->latency_s && l->latency_is_constant) l->latency_s = dist_mean(def->latency_s);
  l->shares = def->kind == LINK_FLUID && def->shared_by != SHARED_BY_NONE;
}

/* As channel_number counts them. */
uint64_t network_pools(const struct link_def *l, uint64_t members)
{
  if (l->process) return l->process->sharer == PER_LINK ? 1 : members;
  return l->kind != LINK_FLUID || l->shared_by == SHARED_BY_NONE || l->shared_by == SHARED_BY_LINK ? 1 : members;
}

/* Those with a rate of their own, or outages, vary like links that the scenario changes. */
static void processes_open(struct network *n)
{
  for (int k = 0; k < n->world->n_links; k++) {
    struct link_state *l = &n->link[k];
    bool of_link = l->def->process && l->def->process->sharer == PER_LINK && l->def->process->per == PER_LINK;
    l->process = processes_new(l->def, of_link ? 1 : n->n_members, &n->root);
    if (!l->process) continue;
    n->varies = true;
    l->varies |= processes_move_rate(l->process);
  }
}

struct network *network_new(struct sim *sim, const struct world_def *world, struct topology *topology,
                            const struct rng_root *root, const struct sink *sink)
{
  struct network *n = zeros_new(1, sizeof *n);
  n->sim = sim;
  n->world = world;
  n->topology = topology;
  n->mobility = topology_mobility(topology);
  n->root = *root;
  if (sink) n->sink = *sink;
  n->tells = world->record_transfers && n->sink.transfer;
  n->link = zeros_new(world->n_links, sizeof *n->link);
  for (int k = 0; k < world->n_links; k++) link_init(&n->link[k], world, &world->link[k]);
  n->most_hops = topology_most_hops(topology);
  for (int p = 0; p < world->n_places; p++) n->spread |= topology_is_spread(topology, p);
  n->first_member = zeros_new(world->n_places, sizeof *n->first_member);
  for (int p = 0; p < world->n_places; p++) {
    n->first_member[p] = n->n_members;
    n->n_members += world->place[p].count;
  }
  for (int k = 0; k < world->n_links; k++) n->link[k].pools = network_pools(&world->link[k], n->n_members);
  for (const struct change_def *c = world->change; c < world->change + world->n_changes; c++)
    if (change_is_of_link(c->what)) n->varies = n->link[c->index].varies = true;
  processes_open(n);
  outages_new(n);
  n->radios = radios_new(world, root);
  n->transports = transports_new(world);
  for (int k = 0; k < world->n_links && !n->flows; k++)
    if (world->link[k].max_min) n->flows = maxmin_new(sim, network_on_flowed, n);
  n->transfers = pool_new(sizeof(struct transfer) + at_start_bytes(n) + (has_gates(n) ? sizeof(struct gate) : 0)
                          + (n->detours ? sizeof(struct detour) : 0)
                          + (n->varies ? (size_t)n->most_hops * sizeof(struct hop_price) : 0));
  ways_new(n);
  return n;
}

static void channel_free(struct channel *c)
{
  if (!c) return;
  share_free(c->share);
  free(c);
}

void network_free(struct network *n)
{
  if (!n) return;
  for (int k = 0; k < 2 * n->world->n_links; k++) {
    struct channel **all = n->link[k / 2].channel[k % 2];
    for (uint64_t i = 0; all && i < n->link[k / 2].pools; i++) channel_free(all[i]);
    free(all);
    if (k % 2) processes_free(n->link[k / 2].process);
    free(n->link[k / 2].flow_link[k % 2]);
    free(n->link[k / 2].flow_channel[k % 2]);
  }
  maxmin_free(n->flows);
  for (struct channel *c = n->unused, *next; c; c = next) {
    next = c->next;
    channel_free(c);
  }
  radios_free(n->radios);
  transports_free(n->transports);
  pool_free(n->transfers);
  outages_free(n);
  free(n->ways->of);
  free(n->ways->between);
  free(n->ways);
  free(n->first_member);
  free(n->link);
  free(n);
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

void transfer_keep_prices(const struct network *n, struct transfer *t)
{
  t->began->per_byte = prices_of(n, t);
  for (int i = 0; i < t->route->n; i++) {
    struct way hop = {0};
    way_add_hop(n, t->route->hop[i], &hop);
    t->began->per_byte[i].device_j = hop.device_j_per_byte;
    t->began->per_byte[i].usd = hop.usd_per_byte;
  }
}

void network_watch(struct network *n, hop_told_fn *watch, void *context)
{
  n->watch = watch;
  n->watcher = context;
  n->tells = true;
}

void hop_tell(struct network *n, const struct hop_told *hop)
{
  if (n->watch) n->watch(n->watcher, hop);
  if (n->world->record_transfers && n->sink.transfer) n->sink.transfer(n->sink.context, hop->record);
}

void network_of_class(struct network *n, int klass) { n->klass = klass; }

void transfer_end(struct network *n, struct transfer *t)
{
  n->owed = gate_cost(n, t);
  if (n->detours) detour_end(n, t);
  pool_give(n->transfers, t);
}

static struct transfer *transfer_new(struct network *n, const struct route *r, struct ends ends, double bytes, uint64_t key)
{
  struct transfer *t = pool_take(n->transfers);
  t->network = n;
  t->route = r;
  t->key = key;
  t->bytes = bytes;
  t->from = ends.from;
  t->to = ends.to;
  if (n->flows) t->began->klass = n->klass;
  return t;
}

struct transfer *network_send(struct network *n, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                              struct transfer_record template_, transfer_done_fn *done, void *subject,
                              struct transfer_cost *cost)
{
  sim_assert(bytes >= 0);
  const struct way *way = way_now(n, from, to);
  const struct route *r = way->route;
  bool goes = !n->detours || detour_may_go(n, r, n->allowed);
  sim_assert(r->reachable || !goes);
  if (cost) *cost = goes ? way_cost(way, bytes) : (struct transfer_cost){0};
  if (!goes || !takes_no_time(n, way, r, bytes)) {
    struct transfer *t = transfer_new(n, r, (struct ends){from, to, 0}, bytes, key);
    t->done = done;
    t->subject = subject;
    t->record = template_;
    if (!goes) return detour_hold_at_start(n, t), t;
    if (n->varies) transfer_keep_prices(n, t);
    if (n->detours) detour_begin(n, t);
    if (!transfer_cross(n, t)) return t;
    transfer_end(n, t);
  } else {
    n->owed = (struct transfer_cost){0};
    for (int i = 0; i < r->n; i++) n->link[r->hop[i].link].meter.bytes += bytes;
  }
  if (done) done(n->sim, subject);
  return NULL;
}

/* On this hop, or those of its flow, what has not moved, on the hops behind it all. */
struct transfer_rest transfer_rest_of(const struct network *n, struct transfer *t, double moved)
{
  bool relayed = t->at > 0 || (n->detours && detour_of(n, t)->relayed);
  struct transfer_rest rest = {.from = t->from, .bytes = relayed ? 0 : t->bytes - moved};
  for (int i = t->at; i < t->route->n; i++) {
    struct way hop = {0};
    double bytes = i == t->at || i < t->until ? t->bytes - moved : t->bytes;
    way_add_hop(n, t->route->hop[i], &hop);
    if (n->varies) hop.device_j_per_byte = t->began->per_byte[i].device_j;
    if (n->varies) hop.usd_per_byte = t->began->per_byte[i].usd;
    rest.cost.device_j += hop.device_j_per_byte * bytes;
    rest.cost.network_j += hop.network_j_per_byte * bytes;
    rest.cost.usd += hop.usd_per_byte * bytes;
  }
  return rest;
}

double transfer_stop(struct network *n, struct transfer *t)
{
  double moved = t->bytes;
  if (t->channel) {
    double left = share_leave(t->channel->share, n->sim, &t->user);
    double work = n->varies ? t->began->work : has_gates(n) ? gate_of(n, t)->work : 0;
    moved -= work > 0 ? t->bytes * (left / work) : left;
    channel_left(t->channel);
    t->channel = NULL;
  } else if (t->flows) {
    moved -= maxmin_leave(n->flows, &t->began->flow);
    t->flows = false;
  } else if (t->at < t->until || (has_gates(n) && gate_of(n, t)->waits)) {
    moved = 0;
    sim_cancel(n->sim, t->event);
  } else {
    sim_time gone = sim_now(n->sim) - t->record.started_ns;
    if (gone < t->transmit_ns) moved *= (double)gone / (double)t->transmit_ns;
    sim_cancel(n->sim, t->event);
  }
  return moved;
}

/* One that stands still has left nothing of its route; all is in what it owes. */
struct transfer_rest network_cancel(struct network *n, struct transfer *t)
{
  bool stands = n->detours && detour_of(n, t)->waits;
  struct transfer_rest rest = {.from = t->from, .bytes = stands && !detour_of(n, t)->relayed ? t->bytes : 0};
  if (!stands) {
    double moved = transfer_stop(n, t);
    rest = transfer_rest_of(n, t, moved);
    gate_leave(n, t, moved);
    transfer_hop_end(t, moved);
  }
  transfer_end(n, t);
  rest.cost.device_j -= n->owed.device_j;
  rest.cost.network_j -= n->owed.network_j;
  rest.cost.usd -= n->owed.usd;
  return rest;
}

void network_flow(struct network *n, struct endpoint from, struct endpoint to, struct transfer_record record)
{
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  for (int i = 0; i < r->n; i++) {
    struct link_meter *meter = &n->link[r->hop[i].link].meter;
    meter->area_ns += record.ended_ns - record.started_ns;
    meter->bytes += record.bytes;
    if (!n->tells) continue;
    record.link = r->hop[i].link;
    record.zone = (uint16_t)far_end(n, r->hop[i])->zone;
    hop_tell(n, &(struct hop_told){&record, NULL, NULL, r, i, from, to});
  }
}

/* Until the last of the way's outages is over, as far as it is known to end. */
static double outage_left_s(const struct network *n, const struct route *r)
{
  sim_time until = sim_now(n->sim);
  for (int i = 0; i < r->n; i++) {
    const struct link_state *l = &n->link[r->hop[i].link];
    if (l->down && l->back_at > until) until = l->back_at;
  }
  if (n->detours && topology_back_at(n->topology, r) > until) until = topology_back_at(n->topology, r);
  return s_from_ns(until - sim_now(n->sim));
}

/* ---- what policies ask ------------------------------------------------------------------------------------------- */

double network_latency_s(struct network *n, struct endpoint from, struct endpoint to, uint64_t key)
{
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  if (!r->reachable && n->detours) r = route_intact(n->topology, from, to, sim_now(n->sim));
  double sum = 0;
  for (int i = 0; i < r->n; i++) {
    struct ends ends = {from, to, r->hop[i].member};
    sum += draw_latency(n, r, i, ends, key, 0) + process_wait_s(n, &n->link[r->hop[i].link], ends);
  }
  if (n->mobility) sum += move_wait_s(n, to);
  return n->varies || n->detours ? sum + outage_left_s(n, r) : sum;
}

/* Nobody is told of it: what it carries is not even looked at, unless transfers are recorded. */
static bool is_free(const struct network *n, int link)
{
  struct way way = {.instant = true};
  way_add_hop(n, (struct hop){.link = (uint16_t)link}, &way);
  way_add_hop(n, (struct hop){.link = (uint16_t)link, .down = true}, &way);
  return way.instant && way.s_per_byte <= 0 && way.network_j_per_byte <= 0 && way.usd_per_byte <= 0;
}

struct link_summary network_summary(const struct network *n, int link)
{
  const struct link_state *l = &n->link[link];
  sim_time now = sim_now(n->sim);
  __int128 area_ns = l->meter.area_ns + (__int128)l->active * now;
  return (struct link_summary){.in_flight_mean = now > 0 ? (double)area_ns / (double)now : 0, .bytes = l->meter.bytes,
                               .cut_bytes = l->meter.cut_bytes, .left = l->active, .free = is_free(n, link)};
}

uint32_t network_active(const struct network *n, int link) { return n->link[link].active; }
