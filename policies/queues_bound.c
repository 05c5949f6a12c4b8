/* queues_bound: no policy, but a bound on the mean that stands beside policies: the least long-run cost of sending Poisson
 * arrivals to at most three exponential servers (models/bound_whole.c; proof in docs/equations.md). It holds for those
 * who do not know sizes before: clairvoyant does, and may do better. */
#include "policies/policy_util.h"

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "queues_bound", .citation = "",
  .description = "bound on the mean: value iteration", .capabilities = OFFSIM_NEEDS_ORACLE, .decide = util_decide_first};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
