/* trust.h: is the run long enough for its interval to be believed? Judged from the data alone.
 *
 * An interval over autocorrelated values needs many times their autocorrelation time: otherwise its variance is guessed
 * too small, the mean of few skewed stretches is not normal, and the empty start still weighs. All three are counted in
 * effective observations, n / tau with tau = n Var(mean) / Var(x) (1 for independent values).
 * Rules, thresholds, where they come from and what they miss: docs/equations.md, "Too short"; the coverage that they
 * leave: `offsim validate intervals`.
 */
#ifndef OFFSIM_SIM_TRUST_H
#define OFFSIM_SIM_TRUST_H

#include "sim/stat.h"

enum { TRUST_EFFECTIVE = 420, TRUST_BEYOND = 21 };      /* effective observations needed: in all, beyond a quantile */
enum { TRUST_BATCHES = 64, TRUST_PIECES = 8 };          /* of one long run; of each replication */
#define TRUST_START 1.6                                 /* replications x tau / length of one */

/* `why` is NULL or a short phrase for tables: "too few effective observations", ... */
struct trust { bool too_short; double effective_n, tau; const char *why; };

/* One long run, what is left after the truncation; `late`: mser5 found no truncation in its first half. Fewer than 128
 * values are too short. Constant values are trusted: they have no autocorrelation. */
struct trust trust_run(const double *x, size_t n, bool late);
/* The same for quantile q: of the indicators x <= quantile. */
struct trust trust_run_quantile(const double *x, size_t n, double q, bool late);

/* Replications of about equal length: each one's values, as measured (after the truncation). */
struct trust_pool { struct moments values, pieces; uint64_t runs; };
void trust_pool_add(struct trust_pool *, const double *x, size_t n);
/* Of the mean (q = 0) or of the quantile q over the replications. Also for any number of them added until an interval
 * was short enough: a start-up bias stays while the interval shrinks, which TRUST_START bounds. */
struct trust trust_replications(const struct trust_pool *, double q);

/* What is known of the queue that the values waited in, without looking at them: a flag from the variance of the values
 * alone spares just those runs whose variance came out too small. `utilization` is measured over all runs together, 1 -
 * utilization to a few percent where it matters. `served` by all runs; variation: squared coefficients, 1 = exponential. */
struct trust_queue {
  double utilization, served;
  uint64_t runs;
  double servers, arrival_variation, service_variation;
};
/* tau of the time in an M/M/1-like queue of several servers: infinite from a utilization of TRUST_BUSY. */
#define TRUST_BUSY 0.99
double trust_queue_tau(const struct trust_queue *);
struct trust trust_queue(const struct trust_queue *, double q);
/* Too short for one of them, too short for both; the fewer effective observations, `a`'s reason first. */
struct trust trust_both(struct trust a, struct trust b);

/* Intervals of one long run. The mean: overlapping batches of n / 16 values, Student t, corrected for the skewness of
 * the batch means ("overlapping"). The quantile: the order statistics at q -+ the half-width of the share of
 * values below it, that also from overlapping batches ("overlapping-order"). NaN ends below 32 values. */
struct interval interval_steady(const double *x, size_t n, double confidence);
struct interval interval_steady_quantile(const double *x, size_t n, double q, double confidence);

#endif
