/* Planted: linked with -ffast-math, whose start-up code sets flush-to-zero for the whole thread. */
#include "policies/offsim_policy.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo) { d->action = 0; }

static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "fast_math", .description = "", .citation = "",
                                            .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
