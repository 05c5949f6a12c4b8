/* points.h: a folder with many points: one metric by point and policy, and what the factors do to it.
 *
 *   struct points *p = points_load(dir, &(struct points_options){.metric = "latency_p95_s"}, &err);
 *   points_print(p, stdout, 40);   or points_effects(p, ...) (effects.h)
 *
 * Within a point policies are compared as in compare.h: paired by replication, simultaneous intervals. Replications have
 * the same random numbers at every point, so that effects of factors are paired by replication too.
 */
#ifndef OFFSIM_ANALYSIS_POINTS_H
#define OFFSIM_ANALYSIS_POINTS_H

#include "analysis/compare.h"

struct points_where { const char *factor, *value; };
struct points_options {
  const char *metric;                                   /* NULL = the scenario's primary metric */
  const char *baseline;                                 /* entry name; NULL = the best policy at each point */
  const struct points_where *where; size_t n_where;     /* only points where all of these hold */
};

struct point_cell {                                     /* one policy at one point */
  size_t n, failed; uint64_t *replication; double *x;   /* runs that are done and have a value */
  struct interval interval;
  size_t needs;                                         /* > 0: refused; requests a run that the quantile would need */
  double requests;                                      /* mean of a run; NaN = not read */
  double failed_ratio;                                  /* of requests, mean of the runs; NaN = unknown */
  struct trust trust;                                   /* of steady latencies; else never too short */
  struct interval difference; enum verdict verdict;     /* against the baseline of the point; n = 0: none */
};
struct factor { const char *name; size_t n_levels; const char **level; };       /* numbers by size, else words */
struct points {
  const char *dir; char *study; const struct metric_info *metric; double margin;
  double warmup_s;                                      /* NaN = no warm-up; negative = it is a factor */
  size_t n_factors; struct factor *factor;
  size_t n_points, *level; double *settled_s; uint64_t *id;  const char **factors;  /* level[point x n_factors + f]; SIZE_MAX = has it not. settled_s[point]: warm-up
                                                         * found by pilots; NaN = none */
  size_t n_policies; const char **policy, **kind;
  struct point_cell *cell;                              /* [point x n_policies + policy] */
  size_t *baseline;                                     /* [point]; SIZE_MAX = none */
  bool baseline_given;
  struct points_store *store;
};

/* Does the folder hold a study (and not what `run` wrote)? */
bool points_is_study(const char *dir);
struct points *points_load(const char *dir, const struct points_options *, struct err *);
void points_free(struct points *);
static inline const struct point_cell *points_cell(const struct points *p, size_t point, size_t policy)
{
  return &p->cell[point * p->n_policies + policy];
}
void points_print(const struct points *, FILE *, size_t rows);          /* at most so many rows, and how many are left out */
void points_csv(const struct points *, FILE *);
json *points_json(const struct points *);

#endif
