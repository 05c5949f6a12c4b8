/* capacity.h: the last value of a setting at which a metric keeps its limit, with an interval.
 *
 * Values lie on a lattice, x = k step; the same values come back whenever the same question is asked, so runs that are
 * there already serve again. All values see the same random numbers: what is searched is one fixed curve (sample average
 * approximation; Fu, Healy 1997), by interpolation kept in a bracket. The interval holds the values whose t interval of
 * the metric contains the limit: its ends are where the upper and the lower end of that band cross the limit (inversion
 * of the test, as Fieller 1954 does for a ratio), so at every true capacity it covers as often as the t interval does.
 *
 * Before a metric is believed the system is looked at. backlog_growth_ratio is the share of the arrivals that stay:
 * overloaded = its one-sided 99.5 % lower bound is above 1 %, backlogged = above 0, or requests were still open when the
 * run was over; stable otherwise. In a steady system at most 0.5 % of the values are wrongly called backlogged.
 * Check: M/M/1, 95th percentile of the sojourn below d: capacity = mu - ln(20) / d; mu = 1 /s, d = 10 s: 0.70043 /s.
 */
#ifndef OFFSIM_EXPERIMENTS_CAPACITY_H
#define OFFSIM_EXPERIMENTS_CAPACITY_H

#include "sim/err.h"
#include "sim/stat.h"

enum saturation { SATURATION_UNKNOWN, SATURATION_STABLE, SATURATION_BACKLOGGED, SATURATION_OVERLOADED, N_SATURATIONS };
extern const char *const saturation_name[N_SATURATIONS];

/* One value tried. */
struct capacity_sample { int64_t k; double x; struct interval metric, growth; enum saturation saturation; };

struct capacity_question {
  int64_t from, to;                                     /* in steps, from < to; from == to: look around it */
  double step, limit, confidence;
  bool above;                                           /* keeps the limit: above it, else below it */
  bool whole;                                           /* only whole steps: no value in between is an answer */
  bool overload_breaks;                                 /* an overloaded value never keeps the limit */
  /* Fills metric, growth and saturation of the sample (k and x are set). False after adding to err. */
  bool (*measure)(void *context, const struct capacity_question *, struct capacity_sample *, struct err *);
  void *context;
};

enum capacity_outcome { CAPACITY_FOUND, CAPACITY_NEVER, CAPACITY_ALWAYS, CAPACITY_NOT_MONOTONE, N_CAPACITY_OUTCOMES };
extern const char *const capacity_outcome_name[N_CAPACITY_OUTCOMES];
struct capacity_answer {
  enum capacity_outcome outcome;
  bool smallest;                                        /* the limit is kept from the value upwards, not up to it */
  double value, lo, hi;
  bool lo_open, hi_open;                                /* that end is the range's, not the interval's */
  size_t n; struct capacity_sample *sample;             /* in order of x; the answer's */
  struct capacity_sample odd;                           /* not monotone: what does not fit in */
};

bool capacity_find(const struct capacity_question *, struct capacity_answer *, struct err *) MUST_USE;
void capacity_free(struct capacity_answer *);

/* Interval of the mean over replications. With infinite values: the smallest and the largest one ("order"). */
struct interval capacity_interval(const double *x, size_t n, double confidence);
/* From backlog_growth_ratio and censored_ratio of the replications; fills growth and saturation. */
void capacity_judge(struct capacity_sample *, const double *growth, const double *censored, size_t n);

#endif
