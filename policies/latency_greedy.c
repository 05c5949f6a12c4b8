/* latency_greedy: the allowed action with the lowest estimated latency (model-greedy; it does not see that its own
 * choices fill the queues before telemetry tells). */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  d->action = util_best(&(struct util_weights){.per_s = -1}, c, UTIL_ANY);
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "latency_greedy", .citation = "", .columns = OFFSIM_COLUMNS_ESTIMATES,
  .description = "lowest estimated latency", .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
