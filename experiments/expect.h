/* expect.h: how long a run of a study will take, from what its like took.
 *
 * First the mean of the same policy at the same point; else policy mean times the effect of each factor's level on that
 * policy (means of logarithms, so that effects multiply); else the mean of all. Check: times t(p, a, b) = c_p x_a y_b
 * are found exactly once every policy has met every level.
 */
#ifndef OFFSIM_EXPERIMENTS_EXPECT_H
#define OFFSIM_EXPERIMENTS_EXPECT_H

#include "experiments/orders.h"
#include "experiments/plan.h"

struct expect;
/* policies: how many indices orders may have (those of the scenario). */
struct expect *expect_new(const struct plan *, int policies);
void expect_free(struct expect *);
void expect_learn(struct expect *, uint64_t point, int policy, double elapsed_s);
double expect_s(struct expect *, uint64_t point, int policy);
/* The same as callbacks; the context is the struct expect. */
struct expectation expect_face(struct expect *);

#endif
