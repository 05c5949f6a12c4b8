/* always_cloud: run everything in the cloud: the first allowed action of that tier in the scenario's order.
 * Where none is allowed it takes the first of the edge tier, then of the device tier. */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  d->action = util_prefer(c, (const int32_t[]){OFFSIM_CLOUD, OFFSIM_EDGE, OFFSIM_DEVICE});
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "always_cloud", .citation = "",
  .description = "run everything in the cloud", .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
