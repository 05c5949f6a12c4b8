/* numerics.h: what is made of repetitions: medians, their intervals, which repetition was disturbed. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_NUMERICS_H
#define OFFSIM_EXPERIMENTS_KERNELS_NUMERICS_H

#include <stdbool.h>
#include <stdint.h>

struct interval { double low, high; };

/* One repetition: of `inner` executions, times of one. */
struct repetition {
  double wall_s, cpu_s;
  double involuntary;                                   /* times the scheduler took the core away; NaN: no counter */
  double shared;                                        /* by how much a probe beside it was slower than alone (probe.h) */
};

void numerics_sort(double *x, int n);
double numerics_median(double *x, int n);               /* n >= 1; sorts x */

/* 95 % percentile bootstrap interval of the median, exactly: what infinitely many resamples would give. Of n draws from n
 * values the number among the k smallest is binomial(n, k/n); the resampled median is at most the k-th when at least
 * (n+1)/2 of them are (Efron 1979). Example: n = 15 gives the 4th and the 12th value. x sorted; n >= 1. */
struct interval numerics_median_interval(const double *sorted, int n);
/* high - low, as a share of the median. */
double numerics_spread(const double *sorted, int n);

/* Whoever goes on until the interval is narrow, and looks often, keeps one that is narrow by chance: of nominal 95 % hold 89 to
 * 96 % (tests/unit/kernel_method.c). So there are few looks, at n = least and then after every half as many again (9, 14, 21,
 * 32 ...), and the interval that is kept is that of 98 %: from the k-th to the (n+1-k)-th value, with the largest k for which
 * 2 P(binomial(n, 1/2) < k) <= 2 %, which is free of the distribution; n = 14: the 3rd and the 12th. It holds the median in more
 * than 95 % of all cases after all looks, and when the narrowest of several samples is kept. Below n = 7 all values are not
 * enough for it (n = 5: 94 %): with a least of 5 (--quick) it is 94 % in the worst case, scatter that is narrow at once. */
bool numerics_look(int n, int least);
struct interval numerics_kept_interval(const double *sorted, int n);

/* How much was it disturbed, as a share of its time? 0: not at all. Someone else had the core while it ran (the scheduler
 * says so, or wall time passed without the thread: more than 20 us and 2 % of it), or the units of the core were shared.
 * Work that waits by itself (bound by the system) loses the core anyway: there only the probe tells. */
double numerics_disturbance(const struct repetition *, int inner, bool waits);

/* Drift of a sentinel in time order: median of the last third over that of the first, less 1. n >= 3. */
double numerics_drift(const double *x, int n);
/* Do the medians of two blocks agree within a share? */
bool numerics_agree(double a, double b, double share);

/* A random order of 0 .. n-1 (Fisher and Yates 1938, Durstenfeld 1964). */
void numerics_shuffle(int *order, int n, uint64_t *random);

#endif
