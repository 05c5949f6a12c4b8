/* until.h: `replications: {until: ...}`: how many more, and whether a metric is known well enough.
 *
 * Rounds of 30, 45, 67, 100, ... replications (half as many again), which depend on nothing but the rule, so that the same
 * replications are run anywhere. All policies of a point go on together. Who stops at the first interval that is short
 * enough stops where the variance came out too small: with few values, and with a look after each one, the interval then
 * holds the truth too rarely. Why 30, and what it leaves: docs/equations.md.
 */
#ifndef OFFSIM_EXPERIMENTS_UNTIL_H
#define OFFSIM_EXPERIMENTS_UNTIL_H

#include "experiments/sweep.h"

uint64_t until_next(uint64_t n, uint64_t most);         /* of a round after n; n = 0: the first */
/* value[policy][replication], NaN = none; is sorted out: replications that not all policies have go. See precise_enough. */
bool until_precise(double **value, size_t n_policies, size_t n, const char *metric, double half_width);
/* A sweep: does any point need another round? Raises its replications (sweep.reached). False after adding to err. */
bool until_extend(struct sweep *, struct catalog *, bool *more, struct err *) MUST_USE;
/* The first round of every point, when the study stops by itself. */
void until_begin(struct sweep *);

#endif
