/* levels.h: a metric over the levels of one factor of a study, and where another choice becomes the best one.
 *
 *   struct levels *l = levels_new(points, "load", NULL, 0, &err);
 *   levels_print(l, stdout);   or levels_plot(l, "load.svg", scripts, &err)
 *
 * A curve is a policy with one setting of the other factors. Walking along the levels, the curve with the best mean is
 * followed; where it changes from a to b, each replication r has its own crossing: the zero of a's value minus b's, which is
 * linear between two levels (over log x where all levels are positive). Random numbers are the same at all points, so this
 * is one value a replication, and the interval is Student's t over replications (of log x, then taken back). Where the two
 * curves of some replication do not change sides exactly once there is no interval, but the count of those that do.
 * Curves cross where each is ahead by more than the practical margin on its own side: of two that are all but equal chance
 * alone says which is the better one.
 * The interval is of chance alone: what curves do between two levels it does not know, so the two beside a crossing ought to
 * be near to each other.
 * Check: a = 10 + x, b = 2 x in all replications, levels 5 and 20 on a linear axis: 10.
 */
#ifndef OFFSIM_ANALYSIS_LEVELS_H
#define OFFSIM_ANALYSIS_LEVELS_H

#include "analysis/points.h"

struct curve { size_t policy; char *name; size_t *point; };     /* point[level]: of struct points; SIZE_MAX = none there */
struct crossing {
  size_t before, after, level;                          /* curves; after the level of this number */
  size_t runs, clear;                                   /* replications of both; those that cross once */
  struct interval at;                                   /* 95 %, in the factor's unit */
};
struct levels {
  const struct points *points; size_t factor;
  bool logarithmic; const char *unit;                   /* "" = a number alone */
  size_t n, *level; double *x;                          /* ascending; level of the factor and its number */
  size_t n_curves; struct curve *curve;
  size_t n_crossings; struct crossing *crossing;
};

/* factor NULL: the only one whose levels are numbers. Only these policies; 0 = all. NULL with a problem in err. */
struct levels *levels_new(const struct points *, const char *factor, const char *const *policy, size_t n_policies,
                          struct err *);
void levels_free(struct levels *);
void levels_print(const struct levels *, FILE *);
json *levels_json(const struct levels *);
bool levels_plot(const struct levels *, const char *out, const char *scripts, struct err *) MUST_USE;

#endif
