/* replica.h: copies of data that follow their original: what a copy shows of an item, and whether that is the newest.
 *
 * A write is committed at the primary at time t. Copy k shows it from t + L_k on; where copies apply what they get one after
 * the other, each in a time a, from  B_k = max(B_k, t + L_k) + a  on. A read at copy k is stale when it does not yet show
 * the last write that is committed of the item; reads at the primary never are.
 * Closed form (Poisson writes of an item at rate l, a = 0, reads at any time independent of them): the last write's age is
 * exponential, so  P(stale) = P(age < L) = 1 - E[exp(-l L)]:  1 - exp(-l L) of a constant lag, l m / (1 + l m) of an
 * exponential one of mean m. Over items: by how often each is read.
 * Check: l = 1 /s, L = 1 s: 0.632121; exponential with m = 1 s: 0.5.
 */
#ifndef OFFSIM_MODELS_REPLICA_H
#define OFFSIM_MODELS_REPLICA_H

#include "sim/dist.h"
#include "sim/sim.h"

/* One store: a place with the original, places whose members have a copy each. */
struct store_def {
  const char *name;
  int primary;
  int n_replicas; const int *replica;
  const struct dist *lag_s;
  double apply_s;
};
struct copies;
struct copies *copies_new(unsigned n, double apply_s);
void copies_free(struct copies *);
/* lag[n]: of this write to each copy; then the time until each shows it. Time never goes back. */
void copies_write(struct copies *, uint64_t item, sim_time now, sim_time *lag);
bool copies_stale(const struct copies *, uint64_t item, unsigned copy, sim_time now);
/* Until it shows all that was written before `now`; 0: it does. */
double copies_behind_s(const struct copies *, unsigned copy, sim_time now);

#endif
