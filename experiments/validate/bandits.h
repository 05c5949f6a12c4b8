/* bandits.h: bandit problems for policies, through the host that serves them in runs (models/policy_host.h).
 *
 * A world of one class with one task and one place per arm. In round t = 0 .. T-1 the policy chooses an arm; its reward is
 * 1 with the arm's probability, else 0. With delay D the outcome of round t is told after the choice of round t + D, so with
 * D = 0 the next choice knows it. Pseudo-regret: sum over the rounds of the highest probability now less that of the arm
 * chosen. Random numbers by (seed, run): any number of workers gives the same.
 */
#ifndef OFFSIM_VALIDATE_BANDITS_H
#define OFFSIM_VALIDATE_BANDITS_H

#include "models/defs.h"
#include "sim/arena.h"
#include "sim/err.h"

enum { MAX_BANDIT_ARMS = 1024, MAX_BANDIT_CHANGES = 64, MAX_BANDIT_HORIZON = 100000000, MAX_BANDIT_DELAY = 1000000 };

/* From round `at` on the arm has another probability. In order of `at`. */
struct bandit_change { int64_t at; int arm; double p; };
struct bandit_problem {
  int n_arms; double p[MAX_BANDIT_ARMS];
  int n_changes; struct bandit_change change[MAX_BANDIT_CHANGES];
  int64_t horizon, delay;
  double scale;                                         /* of the reward that the policy is told; 0 = 1 */
};

/* "name" or "name:parameter=value,...". What the statement of the problem gives is told to a policy that has a parameter
 * of that name, unless the text sets it: horizon = T, low = 0, high = 1, range = 1, model = beta; and the rule runs as
 * published: count = outcomes, ties = random. propensity_draws is 1: the choices do not depend on it.
 * What def points to lies in the arena. */
bool bandit_policy(const char *text, const struct bandit_problem *, struct arena *, struct policy_def *def,
                   struct err *) MUST_USE;
/* "range=1, count=outcomes": all parameters that the policy was given. */
const char *bandit_parameters(const struct policy_def *, struct arena *);
/* Pseudo-regret of one run; NAN after adding to err. */
double bandit_regret(const struct bandit_problem *, const struct policy_def *, uint64_t seed, uint64_t run, struct err *);

#endif
