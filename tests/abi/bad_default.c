/* Planted: a default outside its bounds. */
#include "policies/offsim_policy.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo) { d->action = 0; }

static const struct offsim_parameter parameter = {.name = "rate", .type = OFFSIM_NUMBER, .min = 0, .max = 1, .number = 2};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "bad_default", .description = "",
  .citation = "", .decide = decide, .n_parameters = 1, .parameter = &parameter};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
