/* Planted: UCB1, which never forgets, but declares to adapt. */
#define offsim_policy_entry ucb1_entry
#include "policies/ucb1.c"
#undef offsim_policy_entry

OFFSIM_EXPORT const struct offsim_policy *offsim_policy_entry(void);
const struct offsim_policy *offsim_policy_entry(void)
{
  static struct offsim_policy claims;
  claims = *ucb1_entry();
  claims.name = "ucb1_adapts";
  claims.capabilities |= OFFSIM_ADAPTS;
  return &claims;
}
