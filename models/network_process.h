/* network_process.h: the processes of one link (models/link_process.h), one for each who uses it, made at first use.
 *
 * Rates and outages belong to who shares the rate, spikes, loss and RTT traces to whom `per` says. Where that is the
 * same, one process has both.
 */
#ifndef OFFSIM_MODELS_NETWORK_PROCESS_H
#define OFFSIM_MODELS_NETWORK_PROCESS_H

#include "models/defs.h"
#include "models/link_process.h"

struct link_processes;
/* n_members: of all places, numbered through. NULL where the link does not vary. */
struct link_processes *processes_new(const struct link_def *, uint64_t n_members, const struct rng_root *);
void processes_free(struct link_processes *);
enum process_per processes_sharer(const struct link_processes *);   /* whose rate and outages */
enum process_per processes_sender(const struct link_processes *);   /* whose latency and loss */
/* Of member `number`; entity: its number in the draws. */
struct link_process *processes_rate(struct link_processes *, uint64_t number, uint64_t entity);
struct link_process *processes_latency(struct link_processes *, uint64_t number, uint64_t entity);
/* Rate or outages: transfers go through channels. */
bool processes_move_rate(const struct link_processes *);
/* Adds rounds of retransmission to *latency_s; returns what is sent again, over what is sent. */
double processes_lose(const struct link_processes *, struct link_process *, bool down, sim_time now, double bytes, uint64_t key,
                      double *latency_s);

#endif
