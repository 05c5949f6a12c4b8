/* network_parts.h: what models/network.c and models/network_*.c share. Nobody else includes it.
 *
 * network.c makes, sends and cuts; network_cross.c carries a transfer over its hops; network_gate.c: what it passes
 * before (radio, connection); network_channel.c: who shares a rate, and draws; network_way.c: a route in numbers, for
 * estimates; network_change.c: links that change; network_outage.c: messages that go another way round what is out.
 */
#ifndef OFFSIM_MODELS_NETWORK_PARTS_H
#define OFFSIM_MODELS_NETWORK_PARTS_H

#include "models/maxmin.h"
#include "models/network.h"
#include "models/network_process.h"
#include "models/topology.h"
#include "models/radios.h"
#include "models/streams.h"
#include "models/transports.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"
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

/* Times at which messages left, less those at which they came (to its gates, if it has such); bytes that went over, and
 * those that were called off. */
struct link_meter { __int128 area_ns; double bytes, cut_bytes; };

/* A link of network.flows with a process of its own: it follows it while flows cross it. */
struct flow_channel {
  struct network *network;
  const struct link_state *link;
  struct link_process *process;
  event_id change;                                      /* the next one of the process; none: it does not follow */
  uint32_t number;
  bool down;
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
  uint64_t pools;
  struct channel **channel[2];                          /* [pools]; made at first use */
  uint32_t *flow_link[2];                               /* the same with max_min: number in network.flows + 1, 0 none yet */
  struct flow_channel *flow_channel[2];                 /* the same, where it has a process */
  uint32_t active;
  struct link_meter meter;
  struct link_processes *process;                       /* NULL: none */
};

struct network {
  struct sim *sim;
  const struct world_def *world;
  struct topology *topology;
  struct rng_root root;
  struct sink sink;
  struct link_state *link;
  uint64_t *first_member, n_members;                    /* members of all places, numbered through */
  struct pool *transfers;
  struct maxmin *flows;                                 /* NULL: no link with max_min */
  struct channel *unused;
  struct ways *ways;
  struct mobility *mobility;                            /* NULL: nobody moves */
  struct detours *detours;                              /* NULL: no message goes another way */
  struct up_down *up_down;
  uint64_t allowed;                                     /* zones, of what is sent now */
  bool follows;                                         /* the same */
  int klass;                                            /* the same, or NONE */
  int most_hops;
  bool varies, spread;                                  /* some link varies; some place has members that are vertices */
  struct radios *radios;                                /* NULL: none */
  struct transports *transports;                        /* NULL: none */
  struct transfer_cost owed;                            /* by the transfer that is done just now */
  hop_told_fn *watch; void *watcher;                    /* NULL: nobody */
  bool tells;                                           /* of hops: to the sink or to who watches */
};

/* A route in numbers: idle time = latency + per byte x bytes, costs per byte. `instant`: no latency, never; `nothing`:
 * costs no time, joule or dollar, whatever it carries, and leaves no record. */
struct way {
  double latency_s, s_per_byte, told_s_per_byte, device_j_per_byte, network_j_per_byte, usd_per_byte;
  double radio_j_per_byte, radio_told_j_per_byte;       /* of radios: by bytes alone; with their base power */
  bool instant, nothing;
  uint32_t round;                                       /* in which it was made */
  const struct route *route;
};
/* By number of the route; true are those of this round. `between`: numbers of routes between places that are one vertex
 * each, 0: not known yet; NULL: too many, or routes change. */
struct ways { struct way *of; uint32_t n, round, *between, places; };

/* What a message that began pays, by hop, whatever the links become; the work that it brought to its channel, or its
 * flow; what is sent again on this hop, over what is sent; what that cost so far. */
struct hop_price { double device_j, usd; };
struct at_start { struct maxmin_flow flow; double work, again; struct hop_price *per_byte; struct transfer_cost resent;
                  int klass; };

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
struct gate { struct radio_use radio; struct connection *connection; struct transfer_cost cost; double work; sim_time came;
              uint8_t passed; bool waits, waited; };             /* now; on this hop, since it came */

/* A message that may go another way: in which list it is; what that costs beside what was told at the start; where it
 * stands while it waits; whether all of its bytes have left where it began. */
struct detour { struct transfer *next, **at; struct transfer_cost cost; uint64_t zones; uint32_t vertex; sim_time retry_at; bool waits, relayed;
                bool follows, told; };                  /* its device, over the network; has been data before */

static inline size_t at_start_bytes(const struct network *n)
{
  return n->varies || n->flows ? sizeof(struct at_start) : 0;
}

static inline bool has_gates(const struct network *n) { return n->radios || n->transports; }

/* One more or one less on the link from now on. */
static inline void link_count(struct link_state *l, sim_time now, int change)
{
  l->meter.area_ns -= change < 0 ? -now : now;
  l->active += (uint32_t)change;
}

/* Of a message; cell: hop.member of the hop in question. */
struct ends { struct endpoint from, to; uint32_t cell; };
static inline struct ends ends_on(const struct transfer *t, struct hop hop)
{
  return (struct ends){t->from, t->to, hop.member};
}

static inline bool is_device(const struct network *n, struct endpoint e)
{
  return n->world->place[e.place].tier == TIER_DEVICE;
}

static inline uint64_t member_number(const struct network *n, struct endpoint e)
{
  return n->first_member[e.place] + e.member;
}

static inline const struct place_def *far_end(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  return &n->world->place[hop.down ? l->a : l->b];
}

static inline bool device_sends(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  return n->world->place[hop.down ? l->b : l->a].tier == TIER_DEVICE;
}

static inline struct gate *gate_of(const struct network *n, struct transfer *t)
{
  return (struct gate *)(void *)((char *)t + sizeof *t + at_start_bytes(n));
}

/* Behind the gate. */
static inline struct detour *detour_of(const struct network *n, struct transfer *t)
{
  return (struct detour *)(void *)((char *)gate_of(n, t) + (has_gates(n) ? sizeof(struct gate) : 0));
}

/* Of all hops; behind everything else. */
static inline struct hop_price *prices_of(const struct network *n, struct transfer *t)
{
  return (struct hop_price *)(void *)((char *)detour_of(n, t) + (n->detours ? sizeof(struct detour) : 0));
}

static inline bool has_gate(const struct link_def *l) { return l->radio || l->transport; }

/* ---- network.c ------------------------------------------------------------------------------------------------- */
void hop_tell(struct network *, const struct hop_told *);
void link_rate(struct link_state *);                    /* from its definition, scale and background */

void transfer_keep_prices(const struct network *, struct transfer *);
struct transfer_rest transfer_rest_of(const struct network *, struct transfer *, double moved);
double transfer_stop(struct network *, struct transfer *);      /* what had moved on its hop; the hop is to be ended */
void transfer_end(struct network *, struct transfer *); /* leaves what it owes for network_owed */

/* ---- network_outage.c ------------------------------------------------------------------------------------------ */
void outages_new(struct network *);
void outages_free(struct network *);
void detour_begin(struct network *, struct transfer *);
void detour_end(struct network *, struct transfer *);
void detour_hold_at_start(struct network *, struct transfer *);
void detour_at_hop(struct network *, struct transfer *);        /* the next hop is out: it waits for another way */
bool detour_may_go(const struct network *, const struct route *, uint64_t zones);
void detour_cut(struct network *, struct transfer *);   /* sent again from where its hop begins, soon */
void detour_retry_soon(struct network *);               /* all that wait look whether they can go on */
void detour_set_link(struct network *, int link, bool up, sim_time back_at);

/* ---- network_move.c -------------------------------------------------------------------------------------------- */
/* When this hop can carry it: 0 now, where no device moves; SIM_NEVER: its device is elsewhere. */
sim_time move_ready(const struct network *, const struct transfer *, struct hop);
bool move_relays(const struct network *, struct transfer *, struct hop);        /* this hop is of kind relay */
void move_hold(struct network *, struct transfer *);    /* before such a hop: it goes after its device, or waits */
double move_wait_s(const struct network *, struct endpoint to);         /* until it hears again */

/* ---- network_channel.c ---------------------------------------------------------------------------------------- */
uint64_t channel_number(const struct network *, struct ends, const struct link_def *);
struct channel *channel_for(struct network *, const struct transfer *, struct hop);
void channel_left(struct channel *);
void channel_follow(struct channel *);
double channel_rate(const struct link_state *, bool down);
struct link_process *rate_process(const struct network *, const struct link_state *, struct ends);
double process_wait_s(const struct network *, const struct link_state *, struct ends);
double draw_latency(const struct network *, const struct route *, int hop, struct ends, uint64_t key, double bytes);
double draw_crossing(const struct network *, const struct route *, int hop, struct ends, uint64_t key, double bytes,
                     double *factor, double *again);

/* ---- network_gate.c ------------------------------------------------------------------------------------------- */
bool client_sends(const struct network *, struct hop);
uint32_t client_member(const struct network *, struct hop, struct endpoint from, struct endpoint to);
int far_place(const struct network *, struct hop, struct endpoint from, struct endpoint to);     /* of a connection */
/* Hops [from, to) of a route, which a connection spans; the message goes away from its client. */
struct span { const struct route *route; int from, to; bool client_sends; };
struct span span_of(const struct network *, const struct route *, int at);
struct transport_path path_of(const struct network *, const struct span *, double latency_s);
void add_set_up(const struct network *, const struct span *, int at, const struct transport_extra *, struct transfer_cost *);
bool gate_waits(struct network *, struct transfer *, struct hop);
void gate_leave(struct network *, struct transfer *, double bytes);
sim_time gate_close(struct network *, struct transfer *, double bytes);     /* when it came, if it waited; else -1 */
struct transfer_cost gate_cost(const struct network *, struct transfer *);

/* ---- network_cross.c ------------------------------------------------------------------------------------------ */
void transfer_hop_end(struct transfer *, double bytes);
void flow_channel_follow(struct flow_channel *);
void network_on_flowed(struct sim *, void *context, struct maxmin_flow *);
bool transfer_cross(struct network *, struct transfer *);
void transfer_go_further(struct network *, struct transfer *);
void network_on_gate(struct sim *, void *transfer);
void network_on_transmitted(struct sim *, void *context, struct share_user *user);

/* ---- network_way.c -------------------------------------------------------------------------------------------- */
void way_add_hop(const struct network *, struct hop, struct way *);
const struct way *way_of(const struct network *, struct endpoint from, struct endpoint to);
const struct way *way_on(const struct network *, const struct route *);
const struct way *way_now(const struct network *, struct endpoint from, struct endpoint to);   /* nowhere: no way now */
void ways_new(struct network *);
bool takes_no_time(const struct network *, const struct way *, const struct route *, double bytes);
struct transfer_cost way_cost(const struct way *, double bytes);

#endif
