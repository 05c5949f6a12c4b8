/* probe.h: is the core shared with someone whom this system does not see?
 *
 * Two hardware threads of one core, or two virtual processors that are such, share its units: then a kernel takes up to
 * twice as long in CPU time as well, and neither clock nor scheduler tells. The probe is two loops of some microseconds:
 * one of dependent steps (its time is the core's clock, whoever else is there) and one of eight independent chains, which
 * need all units. Their ratio does not depend on the clock; alone it stays within a per cent (1.23 on a Zen 4 core), beside
 * a busy neighbour it is 1.25 to 2.2.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_PROBE_H
#define OFFSIM_EXPERIMENTS_KERNELS_PROBE_H

#include <stdbool.h>

enum { PROBE_BINS = 800 };

struct probe { double clock_s, ratio; };                /* time of a dependent step; crowded over dependent */
/* All ratios so far, in bins of half a per cent. */
struct probe_history { int n, bin[PROBE_BINS]; double fastest_s; };

struct probe probe_take(struct probe_history *);
/* What the core does alone: the 2 % quantile of all ratios so far (a few are too low: interrupts in the dependent loop;
 * those that are plain to see, its time 15 % above the fastest, are not counted). */
double probe_alone(const struct probe_history *);
void probe_add(struct probe_history *, struct probe);
/* By which share the ratio is above that; below 5 % it is noise. */
double probe_excess(const struct probe_history *, struct probe);
bool probe_shared(double excess);
/* Some 200 looks within a quarter of a second, to begin with. */
void probe_learn(struct probe_history *);

#endif
