/* mobility.h: to which member of a place a device is attached as it moves, when it changes over, and for how long it then
 * hears nothing.
 *
 * A member c beats the serving one s where
 *   nearest:    d_s - d_c > hysteresis (metres), or
 *   strongest:  10 n lg(d_s / d_c) > hysteresis (dB): equal powers, path loss with exponent n (3GPP's event A3).
 * When some member has beaten s all the time for time_to_trigger, the device changes over to the one that is then nearest.
 * On a straight piece of way both conditions are the sign of a quadratic in time, so change-overs are known exactly; and
 * all is a function of (device, time) alone: whoever asks, in whatever order, sees the same.
 * Checkable: sites at 0 and 1000 m on a road, 20 m/s, from 0 m: nearest with 100 m: at 550 m, 27.5 s; strongest, n = 4,
 * 6 dB: d_s / d_c = 10^0.15, at 585.5 m; with 160 ms to trigger 3.2 m later.
 */
#ifndef OFFSIM_MODELS_MOBILITY_H
#define OFFSIM_MODELS_MOBILITY_H

#include "models/walk.h"
#include "sim/sim.h"

enum attach_by { ATTACH_NEAREST, ATTACH_STRONGEST };
/* What becomes of a request whose device leaves the member that works for it, or that its bytes pass (models/roam.c). */
enum in_flight { IN_FLIGHT_RELAY, IN_FLIGHT_MIGRATE, IN_FLIGHT_FAIL };

struct mobility_def {
  struct walk_def walk;
  int to;                                               /* place whose members they attach to */
  const double *x_m, *y_m; uint32_t n_sites;            /* its members; NULL where the trace names members */
  enum attach_by by;
  double hysteresis, path_loss, trigger_s, interruption_s;
  enum in_flight in_flight;
};

struct mobility;
struct world_def;
size_t mobility_bytes(void);                            /* of a device */
struct mobility *mobility_new(const struct world_def *, const struct rng_root *);      /* NULL: nobody moves */
void mobility_free(struct mobility *);
/* Devices of this place move? Only those may be asked for below. Time does not go back: the past is answered as now. */
bool mobility_of(const struct mobility *, int place);
uint32_t mobility_cell(struct mobility *, int place, uint32_t member, sim_time now);
/* The next change-over; or, later than now, when to ask again; SIM_NEVER: it stays. */
sim_time mobility_next(struct mobility *, int place, uint32_t member, sim_time now);
/* When a device that has just changed over hears again; not later than now: it does. */
sim_time mobility_back(struct mobility *, int place, uint32_t member, sim_time now);
/* Change-overs so far, of at most MOBILITY_SAMPLE devices of each place; *devices: of so many. */
enum { MOBILITY_SAMPLE = 1024 };
uint64_t mobility_handovers(struct mobility *, sim_time now, uint64_t *devices);

#endif
