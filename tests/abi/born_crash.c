/* Planted: its constructor writes where there is nothing (or, with -DLEAVES, ends the process; with -DSTAYS, never ends). */
#include "policies/offsim_policy.h"
#include <stdlib.h>

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo) { d->action = 0; }

__attribute__((constructor)) static void born(void)
{
#if defined LEAVES
  exit(0);
#elif defined STAYS
  for (volatile int forever = 1; forever;) {}
#else
  int *volatile nowhere = (int *)8;
  *nowhere = 1;
#endif
}

static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "born_crash", .description = "is hostile",
                                            .citation = "", .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
