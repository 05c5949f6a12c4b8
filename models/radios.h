/* radios.h: the radios of a world: one for each device of a link that has a `radio`. Used by models/network.c.
 *
 * When a device's cycles lie is drawn by (link, device), so that it is the same under every policy.
 */
#ifndef OFFSIM_MODELS_RADIOS_H
#define OFFSIM_MODELS_RADIOS_H

#include "models/defs.h"
#include "sim/rng.h"

struct radios;
struct radios *radios_new(const struct world_def *, const struct rng_root *);  /* NULL: no link has one */
void radios_free(struct radios *);

/* A use of the radio of a device (its member) on a link: what it has caused so far, and where it stands. */
struct radio_use { double joule, share_s; uint32_t member; uint16_t link; bool sends, on; };
/* Data flow so much later. */
sim_time radios_begin(struct radios *, struct radio_use *, sim_time now);
/* New radio at the anchor of the old: by how much later its bytes are through on a link of this rate, from `flows` on. */
sim_time radios_anchored(const struct radios *, const struct radio_use *, sim_time flows, double bytes, double byte_per_s);
void radios_end(struct radios *, struct radio_use *, sim_time now, double bytes);
/* What a device hears beside the queues (a stream): wakes it, returns when; keeps it awake from `from` until now. */
sim_time radios_wake(struct radios *, int link, uint32_t member, sim_time now, double *joule);
double radios_hold(struct radios *, int link, uint32_t member, sim_time from, sim_time now);
struct radio_expected radios_expect(const struct radios *, int link, uint32_t member, sim_time now, bool by_network);
/* And by how much later it would be through, sent by the device; 0 for most radios. */
double radios_expect_anchored_s(const struct radios *, int link, uint32_t member, sim_time now, double bytes, double byte_per_s);
/* Batteries: the power of a place's radios that is drawn all the time; what a member's have spent idle beyond that since the
 * last call (often negative: they were used). over: the last one. */
double radios_rest_w(const struct radios *, int place);
double radios_rest_j(struct radios *, int place, uint32_t member, sim_time now, bool over);
/* At the end of a run: joules that were spent idle. Asserts that what uses were told they cost is what was spent. */
double radios_close(const struct radios *, sim_time now);

#endif
