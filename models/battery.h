/* battery.h: what a device has left, between two looks in closed form.
 *
 * The draw is constant between two looks; what comes in is a step function: a charger in its hours, times its efficiency,
 * and a harvest drawn for each slot (by place, member and number of the slot: the same whatever the policy does and
 * whoever looks), spread evenly over it. Hence the level is piecewise linear. It stays at the capacity (what comes in
 * then is spilled) and at 0 the device dies: it draws nothing until it has the share `restart` again.
 */
#ifndef OFFSIM_MODELS_BATTERY_H
#define OFFSIM_MODELS_BATTERY_H

#include "sim/dist.h"
#include "sim/sim.h"
#include <stdbool.h>

/* from_s, then for_s, again each every_s (0: once); for_s 0: all the time from then on. power_w: at the plug. */
struct charger_def { double power_w, efficiency, from_s, for_s, every_s; };
struct battery_def {
  double capacity_j, start, restart;                    /* shares of the capacity */
  const struct charger_def *charger;                    /* NULL: none */
  double slot_s; const struct dist *harvest_j;          /* NULL: none; J in a slot, stored */
};

/* Where harvests come from. */
struct battery_kind { const struct battery_def *def; struct rng_root root; uint64_t name; };

/* One device's. stored + start = left + drawn + nothing else; spilled came in when it was full. */
struct battery {
  double at_s, left_j;
  double drawn_j, stored_j, spilled_j;
  double died_s, first_s, dead_s;                       /* last and first death (NaN: none); time spent dead so far */
  uint64_t slot, member; double slot_j;                 /* the slot last drawn */
  uint32_t deaths; bool dead;
};

void battery_start(const struct battery_kind *, struct battery *, uint64_t member);
/* Up to now, at a constant draw. A look into the past does nothing. */
void battery_advance(const struct battery_kind *, struct battery *, double now_s, double draw_w);
/* At once, at the time of the last look: a transfer that is over. Negative: not spent after all. */
void battery_spend(const struct battery_kind *, struct battery *, double joule);
/* When it will die, or live again, if the draw stays; looks no further than until_s: INFINITY when it does not by then. */
double battery_next_s(const struct battery_kind *, const struct battery *, double draw_w, double until_s);

#endif
