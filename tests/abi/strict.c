/* Planted: a policy that cannot do without its parameter. */
#include "policies/offsim_policy.h"

static size_t state_size(const struct offsim_setup *s) { return sizeof(int); }
static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo) { d->action = 0; }

static const struct offsim_parameter limit = {.name = "limit", .type = OFFSIM_NUMBER, .required = 1,
  .help = "nobody can guess it", .min = 0, .max = 1};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "strict", .description = "needs its parameter",
  .citation = "", .n_parameters = 1, .parameter = &limit, .state_size = state_size, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
