/* effects.h: what the factors of a study do to a metric, and whether one changes what another does.
 *
 * Main effect of factor A from its first level 0 to level i: mean of y(A = i) - y(A = 0) over all settings of the other
 * factors that have both. Interaction of A (0 to i) and B (0 to j): half of how much the effect of A changes with B, the
 * mean of [y(i, j) - y(0, j) - y(i, 0) + y(0, 0)] / 2 over all settings that have the four (with two levels each these are
 * the effects of Box, Hunter and Hunter). Every replication gives one value of each effect (its random numbers are the same
 * at every point), so the interval is Student's t over replications and asks for no equal variances.
 */
#ifndef OFFSIM_ANALYSIS_EFFECTS_H
#define OFFSIM_ANALYSIS_EFFECTS_H

#include "analysis/points.h"

struct effect {
  size_t policy, factor, level;                         /* against level 0 */
  size_t other, other_level;                            /* SIZE_MAX = a main effect */
  size_t sets;                                          /* settings of the other factors it is a mean over */
  struct interval interval; double p, p_holm;           /* NaN: zero throughout, or no number; Holm: all others */
};
struct effects {
  const struct points *points;
  size_t n; struct effect *effect;                      /* by policy; main effects first */
  struct interval *mean;                                /* [policy], over all its points */
  size_t dropped;                                       /* effects that no four (or two) points tell */
};

/* NULL with a problem in err where no two points differ in one factor only, or there are more than 10^5 effects. */
struct effects *effects_new(const struct points *, struct err *);
void effects_free(struct effects *);
void effects_print(const struct effects *, FILE *, size_t rows);
void effects_csv(const struct effects *, FILE *);
json *effects_json(const struct effects *);

#endif
