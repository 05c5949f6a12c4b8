/* always_edge: run everything on the edge: the first allowed action of that tier in the scenario's order.
 * Where none is allowed it takes the first of the device tier, then of the cloud tier. */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  d->action = util_prefer(c, (const int32_t[]){OFFSIM_EDGE, OFFSIM_DEVICE, OFFSIM_CLOUD});
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "always_edge", .citation = "",
  .description = "run everything on the edge", .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
