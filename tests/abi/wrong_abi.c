/* Planted: a policy of another minor version whose context was 8 bytes shorter. */
#include "policies/offsim_policy.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo) { d->action = 0; }

const struct offsim_policy *offsim_policy_entry(void)
{
  static struct offsim_policy p = {OFFSIM_POLICY_HEADER, .name = "wrong_abi", .description = "", .citation = "",
                                   .decide = decide};
  p.abi_minor = 7;
  p.sizes.context = sizeof(struct offsim_context) - 8;
  return &p;
}
