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
#include "models/maxmin.h"
#include "models/network.h"
#include "models/network_process.h"
#include "models/radios.h"
#include "models/streams.h"
#include "models/transports.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Transfers that share one rate: of one device, cell or link, in one direction. Exists while somebody uses it. */
struct channel {
  struct share *share;
  struct network *network;
  struct channel **home;                                /* where the link keeps it */
  struct channel *next;                                 /* unused ones */
  double byte_per_s;                                    /* 0: an outage */
  bool divides;                                         /* else each has all of it */
  bool down;
  const struct link_state *link;
  struct link_process *process;                         /* NULL: none */
  event_id change;                                      /* the next one of the process */
};

struct link_state {
  const struct link_def *def;
  uint64_t name;
  double byte_per_s[2], s_per_byte[2];                  /* left by the background: up, down; both 0 = unlimited */
  double device_w[2];                                   /* of the device at an end, if any, that sends or receives */
  double latency_s;                                     /* of a constant one */
  bool latency_is_constant, shares;
  bool varies, down;                                    /* the scenario changes it; an outage, until: */
  sim_time back_at;
  double scale, background, usd_per_byte[2];
  struct link_rates told;                               /* what policies know of it */
  struct channel **channel[2];                          /* [members of all places]; made at first use */
  uint32_t *flow_link[2];                               /* the same with max_min: number in network.flows + 1, 0 none yet */
  uint32_t active;
  struct link_processes *process;                       /* NULL: none */
};

struct network {
  struct sim *sim;
  const struct world_def *world;
  const struct topology *topology;
  struct rng_root root;
  struct sink sink;
  struct link_state *link;
  uint64_t *first_member, n_members;                    /* members of all places, numbered through */
  struct pool *transfers;
  struct maxmin *flows;                                 /* NULL: no link with max_min */
  struct channel *unused;
  struct way **way;                                     /* [from][to] of places, rows made when first asked for */
  bool varies;                                          /* some link does */
  struct radios *radios;                                /* NULL: none */
  struct transports *transports;                        /* NULL: none */
  struct transfer_cost owed;                            /* by the transfer that is done just now */
};

/* A route in numbers: idle time = latency + per byte x bytes, costs per byte. `instant`: no latency, never; `nothing`:
 * costs no time, joule or dollar, whatever it carries, and leaves no record. */
struct way {
  double latency_s, s_per_byte, told_s_per_byte, device_j_per_byte, network_j_per_byte, usd_per_byte;
  double radio_j_per_byte, radio_told_j_per_byte;       /* of radios: by bytes alone; with their base power */
  bool known, instant, nothing;
};

/* What a message that began pays, by hop, whatever the links become; the work that it brought to its channel, or its
 * flow. */
struct at_start { struct maxmin_flow flow; double work; struct { double device_j, usd; } per_byte[MAX_HOPS]; };

struct transfer {
  struct share_user user;
  struct network *network;
  const struct route *route;
  struct channel *channel;                              /* while it shares a rate */
  transfer_done_fn *done;
  void *subject;
  event_id event;
  uint64_t key;
  double bytes;
  sim_time transmit_ns, latency_ns;                     /* of this hop */
  struct endpoint from, to;
  struct transfer_record record;
  uint8_t at, until;                                    /* hop; the one behind those of its flow */
  bool flows;                                           /* now, over at .. until */
  struct at_start began[];                              /* one, where a link varies or has max_min */
};

/* What a transfer passes before its bytes flow on a hop: the radio, then the connection; and what both cost. Behind the
 * transfer, where some link has such. */
struct gate { struct radio_use radio; struct connection *connection; struct transfer_cost cost; double work; uint8_t passed;
              bool waits; };
static size_t at_start_bytes(const struct network *n) { return n->varies || n->flows ? sizeof(struct at_start) : 0; }
static bool has_gates(const struct network *n) { return n->radios || n->transports; }

static void *zeroed(size_t n, size_t bytes)
{
  void *p = calloc(n ? n : 1, bytes);
  if (!p) check_out_of_memory(n * bytes);
  return p;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static double device_watts(const struct world_def *w, const struct link_def *l, bool down)
{
  bool a = w->place[l->a].tier == TIER_DEVICE, b = w->place[l->b].tier == TIER_DEVICE;
  return ((down ? b : a) ? l->device_tx_w : 0) + ((down ? a : b) ? l->device_rx_w : 0);
}

static void link_rate(struct link_state *l)
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

/* Those with a rate of their own, or outages, vary like links that the scenario changes. */
static void processes_open(struct network *n)
{
  for (int k = 0; k < n->world->n_links; k++) {
    struct link_state *l = &n->link[k];
    l->process = processes_new(l->def, n->n_members, &n->root);
    if (!l->process) continue;
    n->varies = true;
    l->varies |= processes_move_rate(l->process);
  }
}

static void on_flowed(struct sim *, void *context, struct maxmin_flow *);

struct network *network_new(struct sim *sim, const struct world_def *world, const struct topology *topology,
                            const struct rng_root *root, const struct sink *sink)
{
  struct network *n = zeroed(1, sizeof *n);
  n->sim = sim;
  n->world = world;
  n->topology = topology;
  n->root = *root;
  if (sink) n->sink = *sink;
  n->link = zeroed(world->n_links, sizeof *n->link);
  for (int k = 0; k < world->n_links; k++) link_init(&n->link[k], world, &world->link[k]);
  n->first_member = zeroed(world->n_places, sizeof *n->first_member);
  for (int p = 0; p < world->n_places; p++) {
    n->first_member[p] = n->n_members;
    n->n_members += world->place[p].count;
  }
  for (const struct change_def *c = world->change; c < world->change + world->n_changes; c++)
    if (change_is_of_link(c->what)) n->varies = n->link[c->index].varies = true;
  processes_open(n);
  n->radios = radios_new(world, root);
  n->transports = transports_new(world);
  for (int k = 0; k < world->n_links && !n->flows; k++)
    if (world->link[k].max_min) n->flows = maxmin_new(sim, on_flowed, n);
  n->transfers = pool_new(sizeof(struct transfer) + at_start_bytes(n) + (has_gates(n) ? sizeof(struct gate) : 0));
  n->way = zeroed(world->n_places, sizeof *n->way);
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
    for (uint64_t i = 0; all && i < n->n_members; i++) channel_free(all[i]);
    free(all);
    if (k % 2) processes_free(n->link[k / 2].process);
    free(n->link[k / 2].flow_link[k % 2]);
  }
  maxmin_free(n->flows);
  for (struct channel *c = n->unused, *next; c; c = next) {
    next = c->next;
    channel_free(c);
  }
  radios_free(n->radios);
  transports_free(n->transports);
  pool_free(n->transfers);
  for (int p = 0; p < n->world->n_places; p++) free(n->way[p]);
  free(n->way);
  free(n->first_member);
  free(n->link);
  free(n);
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

static bool is_device(const struct network *n, struct endpoint e)
{
  return n->world->place[e.place].tier == TIER_DEVICE;
}

struct ends { struct endpoint from, to; };

/* The device whose transfer it is: the end that is one, the sender if both are or none. */
static struct endpoint device_of(const struct network *n, struct ends t)
{
  return !is_device(n, t.from) && is_device(n, t.to) ? t.to : t.from;
}

/* The member of the link's far place (b; a when only b is a device's) whose cell carries the transfer. */
static struct endpoint cell_of(const struct network *n, struct ends t, const struct link_def *l)
{
  const struct place_def *place = n->world->place;
  int b = place[l->b].tier == TIER_DEVICE && place[l->a].tier != TIER_DEVICE ? l->a : l->b;
  if (t.from.place == b && !is_device(n, t.from)) return t.from;
  if (t.to.place == b && !is_device(n, t.to)) return t.to;
  struct endpoint cell = attachment(n->topology, device_of(n, t), sim_now(n->sim));
  if (cell.place == b) return cell;
  return (struct endpoint){.place = (uint16_t)b, .member = (uint32_t)(cell.member % n->world->place[b].count)};
}

/* Whose number is `per`; a link as a whole is member 0. */
static struct endpoint user_of(const struct network *n, struct ends t, const struct link_def *l, enum process_per per)
{
  return per == PER_LINK ? (struct endpoint){0} : per == PER_CELL ? cell_of(n, t, l) : device_of(n, t);
}

static uint64_t member_number(const struct network *n, struct endpoint e) { return n->first_member[e.place] + e.member; }

static uint64_t channel_number(const struct network *n, struct ends t, const struct link_def *l)
{
  const struct link_state *state = &n->link[l - n->world->link];
  if (state->process) return member_number(n, user_of(n, t, l, processes_sharer(state->process)));
  if (l->shared_by == SHARED_BY_LINK || !state->shares) return 0;
  return member_number(n, l->shared_by == SHARED_BY_DEVICE ? device_of(n, t) : cell_of(n, t, l));
}

static double channel_speed(const void *context, uint32_t users)
{
  const struct channel *c = context;
  return c->divides ? c->byte_per_s / users : c->byte_per_s;
}

static void on_transmitted(struct sim *, void *context, struct share_user *);

static struct channel *channel_take(struct network *n)
{
  struct channel *c = n->unused;
  if (c) {
    n->unused = c->next;
    return c;
  }
  c = zeroed(1, sizeof *c);
  c->network = n;
  c->share = share_new(channel_speed, on_transmitted, c);
  return c;
}

static const double AT_ONCE = 1e18;                     /* B/s of an unlimited link that somebody waits for */

static double channel_rate(const struct link_state *l, bool down)
{
  if (l->down) return 0;
  return l->byte_per_s[down] > 0 ? l->byte_per_s[down] : AT_ONCE;
}

/* ---- processes ---- */

/* A number for the draws that stays when other places come: of the place's name. */
static uint64_t entity_of(const struct network *n, struct endpoint e, enum process_per per)
{
  return per == PER_LINK ? 0 : rng_name(n->world->place[e.place].name) + e.member;
}

static struct link_process *rate_process(const struct network *n, const struct link_state *l, struct ends t)
{
  enum process_per per = processes_sharer(l->process);
  struct endpoint e = user_of(n, t, l->def, per);
  return processes_rate(l->process, member_number(n, e), entity_of(n, e, per));
}

static struct link_process *latency_process(const struct network *n, const struct link_state *l, struct ends t)
{
  enum process_per per = processes_sender(l->process);
  struct endpoint e = user_of(n, t, l->def, per);
  return processes_latency(l->process, member_number(n, e), entity_of(n, e, per));
}

/* Until a message may go: an outage of the link's process. */
static double process_wait_s(const struct network *n, const struct link_state *l, struct ends t)
{
  sim_time now = sim_now(n->sim), until;
  if (!l->process || process_available(rate_process(n, l, t), now, &until)) return 0;
  return s_from_ns(until - now);
}

static void on_process(struct sim *sim, void *subject);

/* The rate of this moment, and an event when it is another. */
static void channel_follow(struct channel *c)
{
  c->byte_per_s = channel_rate(c->link, c->down);
  if (!c->process) return;
  struct sim *sim = c->network->sim;
  sim_time until;
  sim_cancel(sim, c->change);
  c->byte_per_s *= process_rate(c->process, c->down, sim_now(sim), &until);
  c->change = sim_at(sim, until, PRIORITY_CHANGE, on_process, c);
}

static void on_process(struct sim *sim, void *subject)
{
  struct channel *c = subject;
  channel_follow(c);
  share_update(c->share, sim);
}

static struct channel *channel_for(struct network *n, const struct transfer *t, struct hop hop)
{
  struct link_state *l = &n->link[hop.link];
  struct ends ends = {t->from, t->to};
  if (!l->channel[hop.down]) l->channel[hop.down] = zeroed(n->n_members, sizeof(struct channel *));
  struct channel **home = &l->channel[hop.down][channel_number(n, ends, l->def)];
  if (!*home) {
    *home = channel_take(n);
    (*home)->home = home;
    (*home)->divides = l->shares;
    (*home)->down = hop.down;
    (*home)->link = l;
    (*home)->process = l->process ? rate_process(n, l, ends) : NULL;
    channel_follow(*home);
  }
  return *home;
}

/* The last one turns off the light. */
static void channel_left(struct channel *c)
{
  if (share_users(c->share)) return;
  sim_cancel(c->network->sim, c->change);
  c->change = (event_id){0};
  *c->home = NULL;
  c->next = c->network->unused;
  c->network->unused = c;
}

/* ---- a transfer's way -------------------------------------------------------------------------------------------- */

static const struct place_def *far_end(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  return &n->world->place[hop.down ? l->a : l->b];
}

/* The first hop over a link draws by (link, key + hop); one that takes the same link again, by a key far from those of
 * other messages, whose numbers are neighbours. */
static uint64_t hop_key(const struct route *r, int hop, uint64_t key)
{
  uint64_t times = 0;
  for (int i = 0; i < hop; i++) times += r->hop[i].link == r->hop[hop].link;
  if (times == 0) return key + (uint64_t)hop;
  uint64_t x = (key ^ times << 56) * UINT64_C(0xD6E8FEB86659FD93);
  x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
  return x ^ x >> 32;
}

/* Latency in seconds, then for LINK_MM1 the factor of the transmission, from one stream of (link, key of the hop). */
static double draw_own_latency(const struct network *n, const struct route *r, int hop, uint64_t key, double *factor)
{
  const struct link_state *l = &n->link[r->hop[hop].link];
  bool mm1 = factor && l->def->kind == LINK_MM1;
  if (l->latency_is_constant && !mm1) return l->latency_s;
  struct rng rng = rng_open(&n->root, STREAM_LATENCY, l->name, hop_key(r, hop, key));
  double latency = l->latency_is_constant ? l->latency_s : dist_draw(l->def->latency_s, &rng);
  if (mm1) *factor = rng_exponential(&rng);
  return latency > 0 ? latency : 0;
}

/* The same as the link's process leaves it at this moment: spikes, and what is lost and sent again. */
static double draw_latency(const struct network *n, const struct route *r, int hop, struct ends ends, uint64_t key,
                           double bytes, double *factor)
{
  const struct link_state *l = &n->link[r->hop[hop].link];
  double latency = draw_own_latency(n, r, hop, key, factor), work = 1;
  if (!l->process) return latency;
  struct link_process *p = latency_process(n, l, ends);
  latency = process_latency_s(p, sim_now(n->sim), latency);
  processes_lose(l->process, p, bytes, hop_key(r, hop, key), &latency, &work);
  if (factor) *factor *= work;
  return latency;
}

/* ---- gates: the radio of the device on a hop (models/radio.h), and its connection (models/transport.h) -------------- */

static struct gate *gate_of(const struct network *n, struct transfer *t)
{
  return (struct gate *)(void *)((char *)t + sizeof *t + at_start_bytes(n));
}

static bool device_sends(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  return n->world->place[hop.down ? l->b : l->a].tier == TIER_DEVICE;
}

static sim_time radio_gate(struct network *n, struct transfer *t, struct hop hop)
{
  struct radio_use *use = &gate_of(n, t)->radio;
  if (!n->world->link[hop.link].radio) return 0;
  use->sends = device_sends(n, hop);
  use->member = use->sends ? t->from.member : t->to.member;
  use->link = hop.link;
  return radios_begin(n->radios, use, sim_now(n->sim));
}

/* The client is the device, if one end is one; else the link's first place, whose members keep connections for others. */
static bool client_sends(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  bool of_b = transports_client(n->world, l) == l->b;
  return hop.down ? of_b : !of_b;
}

static uint32_t client_member(const struct network *n, struct hop hop, struct endpoint from, struct endpoint to)
{
  int place = transports_client(n->world, &n->world->link[hop.link]);
  if (from.place == place) return from.member;
  if (to.place == place) return to.member;
  return (uint32_t)((is_device(n, from) ? from : to).member % n->world->place[place].count);
}

static struct transport_path path_of(const struct network *n, struct hop hop, double latency_s)
{
  const struct link_state *l = &n->link[hop.link];
  bool reverse = client_sends(n, hop) == hop.down;      /* the client is at the link's b */
  return (struct transport_path){2 * latency_s, {l->byte_per_s[reverse], l->byte_per_s[!reverse]}};
}

/* Bytes of the set-up both ways, and the client's core. */
static void add_set_up(const struct network *n, struct hop hop, const struct transport_extra *x, struct transfer_cost *cost)
{
  const struct link_state *l = &n->link[hop.link];
  bool reverse = client_sends(n, hop) == hop.down;
  const struct place_def *client = &n->world->place[transports_client(n->world, l->def)];
  if (client->tier == TIER_DEVICE) cost->device_j += l->def->transport->cpu_w * x->client_cpu_s;
  for (int way = 0; way < 2; way++) {
    bool down = reverse ? !way : way;
    cost->device_j += l->device_w[down] * l->s_per_byte[down] * x->bytes[way];
    if (l->def->radio) cost->device_j += radio_byte_j(l->def->radio, way == 0, x->bytes[way]);
    cost->network_j += l->def->j_per_byte * x->bytes[way];
    cost->usd += l->usd_per_byte[down] * x->bytes[way];
  }
}

static void record_set_up(struct network *n, const struct transfer *t, struct hop hop, const struct transport_extra *x)
{
  bool reverse = client_sends(n, hop) == hop.down;
  if (!n->world->record_transfers || !n->sink.transfer || !x->sets_up) return;
  for (int way = 0; way < 2; way++) {
    struct transfer_record r = t->record;
    r.kind = TRANSFER_SETUP;
    r.started_ns = sim_now(n->sim);
    r.ended_ns = time_add(r.started_ns, ns_from_s(x->set_up_s));
    r.bytes = x->bytes[way];
    r.link = hop.link;
    r.zone = (uint16_t)far_end(n, (struct hop){hop.link, reverse ? !way : way})->zone;
    if (r.bytes > 0) n->sink.transfer(n->sink.context, &r);
  }
}

static sim_time transport_gate(struct network *n, struct transfer *t, struct hop hop)
{
  const struct transport_def *d = n->world->link[hop.link].transport;
  struct gate *gate = gate_of(n, t);
  if (!d) return 0;
  struct transport_path path = path_of(n, hop, draw_latency(n, t->route, t->at, (struct ends){t->from, t->to}, t->key, 0, NULL));
  struct connection *c = transports_connection(n->transports, hop.link, client_member(n, hop, t->from, t->to));
  bool down = !client_sends(n, hop);
  struct transport_extra x = transport_ask(d, c, sim_now(n->sim), &path, down, t->bytes);
  transport_begin(d, c, sim_now(n->sim), &path, down, t->bytes, &x);
  add_set_up(n, hop, &x, &gate->cost);
  record_set_up(n, t, hop, &x);
  gate->connection = c;
  return ns_from_s(x.delay_s);
}

static void on_gate(struct sim *, void *transfer);

/* True when it now waits at a gate of this hop. */
static bool gate_waits(struct network *n, struct transfer *t, struct hop hop)
{
  struct gate *gate = gate_of(n, t);
  while (gate->passed < 2) {
    sim_time wait = gate->passed++ == 0 ? radio_gate(n, t, hop) : transport_gate(n, t, hop);
    if (wait == 0) continue;
    gate->waits = true;
    n->link[hop.link].active++;
    t->record.started_ns = sim_now(n->sim);
    t->event = sim_after(n->sim, wait, PRIORITY_COMPLETE, on_gate, t);
    return true;
  }
  return false;
}

/* Its bytes have gone, or will not go any more. */
static void gate_leave(struct network *n, struct transfer *t, double bytes)
{
  if (!has_gates(n)) return;
  struct gate *gate = gate_of(n, t);
  if (gate->radio.on) radios_end(n->radios, &gate->radio, sim_now(n->sim), bytes);
  if (gate->connection) transport_end(gate->connection, sim_now(n->sim));
  gate->connection = NULL;
}

/* The next hop has its own. */
static void gate_close(struct network *n, struct transfer *t, double bytes)
{
  if (!has_gates(n)) return;
  gate_leave(n, t, bytes);
  gate_of(n, t)->passed = 0;
  gate_of(n, t)->waits = false;
}

static struct transfer_cost gate_cost(const struct network *n, struct transfer *t)
{
  if (!has_gates(n)) return (struct transfer_cost){0};
  struct transfer_cost cost = gate_of(n, t)->cost;
  cost.device_j += gate_of(n, t)->radio.joule;
  return cost;
}

static void one_hop_end(struct transfer *t, double bytes)
{
  struct network *n = t->network;
  struct hop hop = t->route->hop[t->at++];
  n->link[hop.link].active--;
  gate_close(n, t, bytes);
  if (!n->world->record_transfers || !n->sink.transfer) return;
  t->record.ended_ns = sim_now(n->sim);
  t->record.bytes = bytes;
  t->record.link = hop.link;
  t->record.zone = (uint16_t)far_end(n, hop)->zone;
  n->sink.transfer(n->sink.context, &t->record);
}

/* All hops of a flow end at once. */
static void hop_end(struct transfer *t, double bytes)
{
  do one_hop_end(t, bytes);
  while (t->at < t->until);
}

/* ---- flows over several hops ------------------------------------------------------------------------------------- */

static uint32_t flow_link(struct network *n, const struct transfer *t, struct hop hop)
{
  struct link_state *l = &n->link[hop.link];
  if (!l->flow_link[hop.down]) l->flow_link[hop.down] = zeroed(n->n_members, sizeof(uint32_t));
  uint32_t *number = &l->flow_link[hop.down][channel_number(n, (struct ends){t->from, t->to}, l->def)];
  if (!*number) *number = maxmin_link(n->flows, channel_rate(l, hop.down)) + 1;
  return *number - 1;
}

/* The channels that the flow shares, each once. */
static int flow_links(struct network *n, const struct transfer *t, uint32_t *link)
{
  int count = 0;
  for (int i = t->at; i < t->until; i++) {
    struct hop hop = t->route->hop[i];
    const struct link_state *l = &n->link[hop.link];
    if (l->byte_per_s[hop.down] <= 0 && !l->varies) continue;
    uint32_t number = flow_link(n, t, hop);
    int k = 0;
    while (k < count && link[k] != number) k++;
    link[k] = number;
    if (k == count) count++;
  }
  return count;
}

/* False when nothing keeps it: no bytes or no rate, and no outage. */
static bool flow_begin(struct network *n, struct transfer *t)
{
  uint32_t link[MAX_HOPS];
  bool waits = false;
  for (int i = t->at; i < t->until; i++) {
    const struct link_state *l = &n->link[t->route->hop[i].link];
    waits |= l->down || (t->bytes > 0 && l->byte_per_s[t->route->hop[i].down] > 0);
  }
  if (!waits) return false;
  t->flows = true;
  t->began->work = t->bytes;
  maxmin_join(n->flows, &t->began->flow, link, flow_links(n, t, link), t->bytes);
  return true;
}

static void go_on(struct network *n, struct transfer *t);

static void on_latency_over(struct sim *sim, void *subject)
{
  (void)sim;
  struct transfer *t = subject;
  if (!flow_begin(t->network, t)) go_on(t->network, t);
}

static void on_flowed(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  (void)sim;
  struct transfer *t = holder_of(holder_of(flow, struct at_start, flow), struct transfer, began);
  t->flows = false;
  go_on(context, t);
}

static bool has_gate(const struct link_def *l) { return l->radio || l->transport; }

/* A hop with a gate can only be the first of a flow. */
static bool flows_on(const struct network *n, const struct transfer *t, int hop)
{
  const struct link_def *l = n->link[t->route->hop[hop].link].def;
  return l->max_min && (hop == t->at || !has_gate(l));
}

/* From this hop on as far as links have max_min. False when it now waits for an event. */
static bool cross_together(struct network *n, struct transfer *t)
{
  double latency_s = 0;
  t->until = t->at;
  for (; t->until < t->route->n && flows_on(n, t, t->until); t->until++) {
    latency_s += draw_latency(n, t->route, t->until, (struct ends){t->from, t->to}, t->key, t->bytes, NULL);
    n->link[t->route->hop[t->until].link].active++;
  }
  t->record.started_ns = sim_now(n->sim);
  t->latency_ns = ns_from_s(latency_s);
  t->transmit_ns = 0;
  if (t->latency_ns > 0) t->event = sim_after(n->sim, t->latency_ns, PRIORITY_COMPLETE, on_latency_over, t);
  else if (!flow_begin(n, t)) return hop_end(t, t->bytes), true;
  return false;
}

/* ---- one hop after the other ------------------------------------------------------------------------------------- */

static void on_arrived(struct sim *sim, void *subject);

/* Begin the hops from here on; false when it now waits for an event. */
static bool cross(struct network *n, struct transfer *t)
{
  while (t->at < t->route->n) {
    struct hop hop = t->route->hop[t->at];
    struct link_state *l = &n->link[hop.link];
    if (has_gate(l->def) && gate_waits(n, t, hop)) return false;
    if (l->def->max_min) {
      if (!cross_together(n, t)) return false;
      continue;
    }
    double factor = 1, rate = l->byte_per_s[hop.down];
    struct ends ends = {t->from, t->to};
    double latency_s = draw_latency(n, t->route, t->at, ends, t->key, t->bytes, &factor);
    bool takes_time = (rate > 0 && t->bytes > 0) || l->down || process_wait_s(n, l, ends) > 0;
    l->active++;
    t->record.started_ns = sim_now(n->sim);
    t->latency_ns = ns_from_s(latency_s);
    t->transmit_ns = 0;
    if (takes_time && (l->shares || l->varies || l->def->radio)) {
      t->channel = channel_for(n, t, hop);
      if (n->varies) t->began->work = t->bytes * factor;
      else if (has_gates(n)) gate_of(n, t)->work = t->bytes * factor;
      share_join(t->channel->share, n->sim, &t->user, t->bytes * factor);
      return false;
    }
    if (takes_time) t->transmit_ns = ns_from_s(t->bytes / rate * factor);
    else gate_leave(n, t, t->bytes);
    if (t->transmit_ns > 0 || t->latency_ns > 0) {        /* the sum of two endless ones would wrap */
      t->event = sim_after(n->sim, time_add(t->transmit_ns, t->latency_ns), PRIORITY_COMPLETE, on_arrived, t);
      return false;
    }
    hop_end(t, t->bytes);
  }
  return true;
}

/* From where it stands now. */
static void go_further(struct network *n, struct transfer *t)
{
  if (!cross(n, t)) return;
  transfer_done_fn *done = t->done;
  void *subject = t->subject;
  n->owed = gate_cost(n, t);
  pool_give(n->transfers, t);
  if (done) done(n->sim, subject);
}

static void go_on(struct network *n, struct transfer *t)
{
  hop_end(t, t->bytes);
  go_further(n, t);
}

static void on_gate(struct sim *sim, void *transfer)
{
  (void)sim;
  struct transfer *t = transfer;
  struct network *n = t->network;
  gate_of(n, t)->waits = false;
  n->link[t->route->hop[t->at].link].active--;
  go_further(n, t);
}

static void on_arrived(struct sim *sim, void *subject)
{
  (void)sim;
  struct transfer *t = subject;
  go_on(t->network, t);
}

static void on_transmitted(struct sim *sim, void *context, struct share_user *user)
{
  struct transfer *t = holder_of(user, struct transfer, user);
  t->channel = NULL;
  channel_left(context);
  gate_leave(t->network, t, t->bytes);
  if (t->latency_ns > 0) t->event = sim_after(sim, t->latency_ns, PRIORITY_COMPLETE, on_arrived, t);
  else go_on(t->network, t);
}

/* ---- ways in numbers ------------------------------------------------------------------------------------------- */

static void add_radio(const struct network *n, struct hop hop, struct way *way)
{
  const struct radio_def *d = n->world->link[hop.link].radio;
  double j_per_byte = radio_byte_j(d, device_sends(n, hop), 1);
  way->radio_j_per_byte += j_per_byte;
  way->radio_told_j_per_byte += j_per_byte + d->base_w * n->link[hop.link].told.s_per_byte[hop.down];
  way->instant = false;
}

static void add_hop(const struct network *n, struct hop hop, struct way *way)
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

SELDOM static const struct way *way_make(const struct network *n, struct endpoint from, struct endpoint to)
{
  struct way **row = &n->way[from.place];
  if (!*row) *row = zeroed(n->world->n_places, sizeof **row);
  struct way *way = &(*row)[to.place];
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  *way = (struct way){.known = true, .instant = r->reachable, .latency_s = r->latency_mean_s};
  for (int i = 0; i < r->n; i++) add_hop(n, r->hop[i], way);
  if (n->flows) slowest_of_flows(n, r, way);
  bool costs = way->network_j_per_byte > 0 || way->usd_per_byte > 0 || way->s_per_byte > 0;
  way->nothing = way->instant && !costs && !n->world->record_transfers;
  return way;
}

static const struct way *way_of(const struct network *n, struct endpoint from, struct endpoint to)
{
  static const struct way here = {.known = true, .instant = true, .nothing = true};
  if (from.place == to.place && from.member == to.member) return &here;
  const struct way *row = n->way[from.place];
  return row && row[to.place].known ? &row[to.place] : way_make(n, from, to);
}

/* Without records nothing needs to cross a way that takes no time for these bytes. */
static bool takes_no_time(const struct network *n, const struct way *way, const struct route *r, double bytes)
{
  return r->n == 0 || (!n->world->record_transfers && way->instant && way->s_per_byte * bytes <= 0);
}

bool network_is_nothing(const struct network *n, struct endpoint from, struct endpoint to)
{
  return way_of(n, from, to)->nothing;
}

static struct transfer_cost way_cost(const struct way *way, double bytes)
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
static double expect_transport(const struct network *n, struct hop hop, uint32_t member, double bytes,
                               struct transfer_cost *sum)
{
  const struct link_def *l = &n->world->link[hop.link];
  struct connection c = *transports_connection(n->transports, hop.link, member);
  struct transport_path path = path_of(n, hop, dist_mean(l->latency_s));
  bool down = !client_sends(n, hop);
  if (down && (!c.open || c.last < sim_now(n->sim)))
    c = (struct connection){.open = true, .last = sim_now(n->sim), .window = {transport_first_window, transport_first_window}};
  struct transport_extra x = transport_ask(l->transport, &c, sim_now(n->sim), &path, down, bytes);
  add_set_up(n, hop, &x, sum);
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
      wait_s += e.wait_s;
      sum->device_j += e.joule;
    }
    if (l->transport) wait_s += expect_transport(n, r->hop[i], client_member(n, r->hop[i], from, to), bytes, sum);
  }
  return wait_s;
}

double network_estimate(const struct network *n, struct endpoint from, struct endpoint to, double bytes,
                        struct transfer_cost *sum)
{
  const struct way *way = way_of(n, from, to);
  sum->device_j += way->device_j_per_byte * bytes;
  sum->network_j += way->network_j_per_byte * bytes;
  sum->usd += way->usd_per_byte * bytes;
  double wait_s = 0;
  if (has_gates(n)) {
    wait_s = expect_gates(n, from, to, bytes, sum);
    sum->device_j += way->radio_told_j_per_byte * bytes;
  }
  return wait_s + way->latency_s + way->told_s_per_byte * bytes;
}

double network_idle_s(const struct network *n, struct endpoint from, struct endpoint to, double bytes)
{
  const struct way *way = way_of(n, from, to);
  return way->latency_s + way->told_s_per_byte * bytes;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void keep_prices(const struct network *n, struct transfer *t)
{
  for (int i = 0; i < t->route->n; i++) {
    struct way hop = {0};
    add_hop(n, t->route->hop[i], &hop);
    t->began->per_byte[i].device_j = hop.device_j_per_byte;
    t->began->per_byte[i].usd = hop.usd_per_byte;
  }
}

struct transfer *network_send(struct network *n, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                              struct transfer_record template_, transfer_done_fn *done, void *subject,
                              struct transfer_cost *cost)
{
  sim_assert(bytes >= 0);
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  const struct way *way = way_of(n, from, to);
  sim_assert(r->reachable);
  if (cost) *cost = way_cost(way, bytes);
  if (!takes_no_time(n, way, r, bytes)) {
    struct transfer *t = pool_take(n->transfers);
    t->network = n;
    t->route = r;
    t->done = done;
    t->subject = subject;
    t->key = key;
    t->bytes = bytes;
    t->from = from;
    t->to = to;
    t->record = template_;
    if (n->varies) keep_prices(n, t);
    if (!cross(n, t)) return t;
    n->owed = gate_cost(n, t);
    pool_give(n->transfers, t);
  } else n->owed = (struct transfer_cost){0};
  if (done) done(n->sim, subject);
  return NULL;
}

/* On this hop, or those of its flow, what has not moved, on the hops behind it all. */
static struct transfer_rest rest_of(const struct network *n, const struct transfer *t, double moved)
{
  struct transfer_rest rest = {.from = t->from, .bytes = t->at == 0 ? t->bytes - moved : 0};
  for (int i = t->at; i < t->route->n; i++) {
    struct way hop = {0};
    double bytes = i == t->at || i < t->until ? t->bytes - moved : t->bytes;
    add_hop(n, t->route->hop[i], &hop);
    if (n->varies) hop.device_j_per_byte = t->began->per_byte[i].device_j;
    if (n->varies) hop.usd_per_byte = t->began->per_byte[i].usd;
    rest.cost.device_j += hop.device_j_per_byte * bytes;
    rest.cost.network_j += hop.network_j_per_byte * bytes;
    rest.cost.usd += hop.usd_per_byte * bytes;
  }
  return rest;
}

struct transfer_rest network_cancel(struct network *n, struct transfer *t)
{
  double moved = t->bytes;
  if (t->channel) {
    double left = share_leave(t->channel->share, n->sim, &t->user);
    double work = n->varies ? t->began->work : has_gates(n) ? gate_of(n, t)->work : 0;
    moved -= work > 0 ? t->bytes * (left / work) : left;
    channel_left(t->channel);
  } else if (t->flows) {
    moved -= maxmin_leave(n->flows, &t->began->flow);
  } else if (t->at < t->until || (has_gates(n) && gate_of(n, t)->waits)) {
    moved = 0;
    sim_cancel(n->sim, t->event);
  } else {
    sim_time gone = sim_now(n->sim) - t->record.started_ns;
    if (gone < t->transmit_ns) moved *= (double)gone / (double)t->transmit_ns;
    sim_cancel(n->sim, t->event);
  }
  struct transfer_rest rest = rest_of(n, t, moved);
  gate_leave(n, t, moved);
  struct transfer_cost spent = gate_cost(n, t);
  rest.cost.device_j -= spent.device_j;
  rest.cost.network_j -= spent.network_j;
  rest.cost.usd -= spent.usd;
  hop_end(t, moved);
  pool_give(n->transfers, t);
  return rest;
}

void network_flow(struct network *n, struct endpoint from, struct endpoint to, struct transfer_record record)
{
  if (!n->world->record_transfers || !n->sink.transfer) return;
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  for (int i = 0; i < r->n; i++) {
    record.link = r->hop[i].link;
    record.zone = (uint16_t)far_end(n, r->hop[i])->zone;
    n->sink.transfer(n->sink.context, &record);
  }
}

/* ---- radios beside the queues ----------------------------------------------------------------------------------- */

struct transfer_cost network_owed(const struct network *n) { return n->owed; }

double network_wake_s(struct network *n, struct endpoint from, struct endpoint to, struct transfer_cost *cost)
{
  if (!n->radios) return 0;
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  sim_time wait = 0;
  for (int i = 0; i < r->n; i++)
    if (n->world->link[r->hop[i].link].radio && !device_sends(n, r->hop[i]))
      wait += radios_wake(n->radios, r->hop[i].link, to.member, sim_now(n->sim), &cost->device_j);
  return s_from_ns(wait);
}

void network_hold(struct network *n, struct endpoint from, struct endpoint to, sim_time since, struct transfer_cost *cost)
{
  if (!n->radios) return;
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  for (int i = 0; i < r->n; i++)
    if (n->world->link[r->hop[i].link].radio && !device_sends(n, r->hop[i]))
      cost->device_j += radios_hold(n->radios, r->hop[i].link, to.member, since, sim_now(n->sim));
}

double network_idle_radios_j(const struct network *n)
{
  return n->radios ? radios_close(n->radios, sim_now(n->sim)) : 0;
}

/* ---- links that change ----------------------------------------------------------------------------------------- */

/* Numbers of ways are made anew when they are next asked for. */
static void ways_forget(struct network *n)
{
  for (int from = 0; from < n->world->n_places; from++)
    for (int to = 0; n->way[from] && to < n->world->n_places; to++) n->way[from][to].known = false;
}

static void channels_update(struct network *n, struct link_state *l)
{
  for (int down = 0; down < 2; down++)
    for (uint64_t i = 0; l->channel[down] && i < n->n_members; i++) {
      struct channel *c = l->channel[down][i];
      if (!c) continue;
      channel_follow(c);
      share_update(c->share, n->sim);
    }
  for (int down = 0; down < 2; down++)
    for (uint64_t i = 0; l->flow_link[down] && i < n->n_members; i++)
      if (l->flow_link[down][i]) maxmin_set_capacity(n->flows, l->flow_link[down][i] - 1, channel_rate(l, down));
}

void network_set_rate(struct network *n, int link, double scale, double background)
{
  struct link_state *l = &n->link[link];
  l->scale = scale;
  l->background = background;
  link_rate(l);
  channels_update(n, l);
  ways_forget(n);
}

void network_set_available(struct network *n, int link, bool available, sim_time back_at)
{
  struct link_state *l = &n->link[link];
  l->down = !available;
  l->back_at = back_at;
  channels_update(n, l);
}

void network_set_price(struct network *n, int link, double usd_per_byte)
{
  struct link_state *l = &n->link[link];
  l->usd_per_byte[0] = isnan(usd_per_byte) ? l->def->usd_per_byte_up : usd_per_byte;
  l->usd_per_byte[1] = isnan(usd_per_byte) ? l->def->usd_per_byte_down : usd_per_byte;
  ways_forget(n);
}

struct link_rates network_rates(const struct network *n, int link)
{
  return (struct link_rates){{n->link[link].s_per_byte[0], n->link[link].s_per_byte[1]}};
}

void network_tell(struct network *n, int link, struct link_rates rates)
{
  n->link[link].told = rates;
  ways_forget(n);
}

/* Until the last of the way's outages is over, as far as it is known to end. */
static double outage_left_s(const struct network *n, const struct route *r)
{
  sim_time until = sim_now(n->sim);
  for (int i = 0; i < r->n; i++) {
    const struct link_state *l = &n->link[r->hop[i].link];
    if (l->down && l->back_at > until) until = l->back_at;
  }
  return s_from_ns(until - sim_now(n->sim));
}

/* ---- what policies ask ------------------------------------------------------------------------------------------- */

double network_latency_s(struct network *n, struct endpoint from, struct endpoint to, uint64_t key)
{
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  double sum = 0;
  for (int i = 0; i < r->n; i++) {
    struct ends ends = {from, to};
    sum += draw_latency(n, r, i, ends, key, 0, NULL) + process_wait_s(n, &n->link[r->hop[i].link], ends);
  }
  return n->varies ? sum + outage_left_s(n, r) : sum;
}

uint32_t network_active(const struct network *n, int link) { return n->link[link].active; }
