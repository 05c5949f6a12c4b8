/* network.h: links in use: transfers of bytes over the hops of a route.
 *
 * A route comes from models/topology.c: route(from, to, now). A message crosses its hops one after the other, whole
 * (store and forward): at each hop it waits for its share of the rate, then for the latency. A hop that takes no time
 * costs no event. Consecutive hops over links with max_min are crossed at once: the latencies of them all, paid once and
 * before the bytes, then one flow over all their channels at a max-min fair rate (models/maxmin.h). Such a message has a
 * transfer record for each of these hops, all of the same times.
 */
#ifndef OFFSIM_MODELS_NETWORK_H
#define OFFSIM_MODELS_NETWORK_H

#include "models/defs.h"
#include "models/record.h"
#include "models/share.h"
#include "sim/rng.h"
#include "sim/sim.h"

enum { MAX_HOPS = 64 };
/* down: from the link's b to its a. member: of the end of the link whose cell carries it, where this place is spread. */
struct hop { uint16_t link; bool down; uint16_t member; uint32_t arc; };
struct route { uint8_t n; bool reachable; uint32_t id; uint64_t zones; double latency_mean_s; struct hop hop[]; };

/* An end of a transfer: a member of a place. */
struct endpoint { uint16_t place; uint32_t member; };

/* ---- topology.c -------------------------------------------------------------------------------------------------- */
struct topology;
struct topology *topology_new(const struct world_def *, struct err *);  /* shortest mean latency between places */
void topology_free(struct topology *);
const struct route *route(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);
/* The member of an edge place that a device is attached to (static: device index modulo members), and that place. */
struct endpoint attachment(const struct topology *, struct endpoint device, sim_time now);

/* ---- network.c --------------------------------------------------------------------------------------------------- */
struct network;
struct transfer;
/* Called when the last byte is there; the transfer is gone afterwards. */
typedef void transfer_done_fn(struct sim *, void *subject);
struct transfer_cost { double device_j, network_j, usd; };

/* Who shares the rate of a link with whom: so many pools, of so many members of all places. */
uint64_t network_pools(const struct link_def *, uint64_t members);
struct network *network_new(struct sim *, const struct world_def *, struct topology *, const struct rng_root *,
                            const struct sink *);
void network_free(struct network *);
/* Move bytes from one end to the other. Calls done(sim, subject) at once, before returning, when it takes no time.
 * `key` names the draw of latency: rng of (link name, key). Costs are known at the start and returned in *cost.
 * NULL when done was called at once. */
struct transfer *network_send(struct network *, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                              struct transfer_record template_, transfer_done_fn *, void *subject,
                              struct transfer_cost *cost);
/* Who is told of each hop that a message has crossed, as /transfers is, whether those are recorded or not. What flows beside the
 * queues has neither done nor subject. */
struct hop_told { const struct transfer_record *record; transfer_done_fn *done; void *subject; const struct route *route; int at;
                  struct endpoint from, to; };
typedef void hop_told_fn(void *context, const struct hop_told *);
void network_watch(struct network *, hop_told_fn *, void *context);
/* ---- network_outage.c: links and nodes that are out while traffic goes another way ---- */
/* Nodes at a place's members (NONE: all): out of service or back; back_at: when it will be. */
void network_set_node(struct network *, int place, int64_t member, bool up, sim_time back_at);
/* The zones that what is sent from now on may pass, whatever way it takes later. ~0: all. Looked at with detours only. */
void network_allow(struct network *, uint64_t zones);
/* What flows beside the queues (a stream) goes at once or not at all: is there a way for it now, and one that it may take? */
bool network_is_open(const struct network *, struct endpoint from, struct endpoint to);
bool network_is_barred(const struct network *, struct endpoint from, struct endpoint to);   /* a way, which it may not take */
/* The class of what is sent from now on, for slices; NONE: of no class. */
void network_of_class(struct network *, int klass);
bool network_detours(const struct network *);           /* messages may take another way, at other cost */
/* A message has no way and what is out makes it fail: true when its sender has called it off (network_cancel). */
void network_follows(struct network *, bool);           /* what is sent now follows a device: of kind relay between members */
typedef bool no_way_fn(struct sim *, transfer_done_fn *, void *subject);
void network_on_no_way(struct network *, no_way_fn *);

/* ---- network_move.c: devices that change over ---- */
/* This one is under way over the air to or from a member that its device has left: network_moved takes it off. */
bool network_is_left(const struct network *, struct transfer *);
/* It is sent again, as soon as the device hears: from the device to its new member, or from the old member over the network
 * to the new one, of kind relay. Of one that passes something else just now: nothing happens. True: it was. */
bool network_moved(struct network *, struct transfer *);

/* What a transfer that is cut did not cost any more, and the bytes that never left `from`. */
struct transfer_rest { struct transfer_cost cost; struct endpoint from; double bytes; };
struct transfer_rest network_cancel(struct network *, struct transfer *);
/* In a done function, first of all: what the transfer cost beyond what was told at its start (radios, set-up, detours). */
struct transfer_cost network_owed(const struct network *);
bool network_resends(const struct network *);           /* some link loses packets: what is sent again is owed, too */
/* Radios of a place of devices, for batteries (radios.h). */
double network_rest_w(const struct network *, int place);
double network_rest_j(struct network *, struct endpoint device, bool over);
/* True when the way between these (different) ends takes no time, energy or money and leaves no record: skip it. */
bool network_is_nothing(const struct network *, struct endpoint from, struct endpoint to);
/* Both at once: adds what it costs to *sum, returns network_idle_s. */
double network_estimate(const struct network *, struct endpoint from, struct endpoint to, double bytes,
                        struct transfer_cost *sum);
/* What moving bytes costs, for estimates and for what is charged without being sent. */
struct transfer_cost network_cost(const struct network *, struct endpoint from, struct endpoint to, double bytes);
/* Record bytes that flow beside the queues (tokens of a stream, telemetry): one a hop, times as in the template. */
void network_flow(struct network *, struct endpoint from, struct endpoint to, struct transfer_record);
/* One-way latency without load (a stream's tokens): drawn by the same key. */
double network_latency_s(struct network *, struct endpoint from, struct endpoint to, uint64_t key);
/* The same ends, radios only: what flows beside the queues wakes the device that it goes to (seconds until it hears), and
 * keeps it awake from `since` until now. Adds what this costs. */
double network_wake_s(struct network *, struct endpoint from, struct endpoint to, struct transfer_cost *);
void network_hold(struct network *, struct endpoint from, struct endpoint to, sim_time since, struct transfer_cost *);
double network_idle_radios_j(const struct network *);   /* at the end of a run: spent by radios that were idle */
/* Mean time to move bytes over an idle route, for estimates: sum of mean latency and bytes/rate. */
double network_idle_s(const struct network *, struct endpoint from, struct endpoint to, double bytes);

/* ---- links that change during the run (world_def.change); what is on its way goes on at the new rate at once ---- */
/* Factor on the link's own rates, and the background load. What policies are told stays as it was until network_tell. */
void network_set_rate(struct network *, int link, double scale, double background);
/* An outage: nothing moves until it is over, or takes another way, as the link says; a stream's tokens wait for back_at. */
void network_set_available(struct network *, int link, bool, sim_time back_at);
/* Of both directions; NaN: the link's own again. Messages pay the price at which they began. */
void network_set_price(struct network *, int link, double usd_per_byte);
struct link_rates { double s_per_byte[2]; };            /* as a report tells them; 0 = unlimited */
struct link_rates network_rates(const struct network *, int link);
void network_tell(struct network *, int link, struct link_rates);
uint32_t network_active(const struct network *, int link);
struct link_summary network_summary(const struct network *, int link);

#endif
