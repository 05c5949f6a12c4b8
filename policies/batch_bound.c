/* batch_bound: no policy, but a bound on the mean that stands beside policies: the cohort's requests, as if all had been
 * there at once, in the best of all schedules. For small cohorts (models/bound_whole.c; proof in docs/equations.md). */
#include "policies/policy_util.h"

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "batch_bound", .citation = "",
  .description = "bound on the mean: exact assignment", .capabilities = OFFSIM_NEEDS_ORACLE, .decide = util_decide_first};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
