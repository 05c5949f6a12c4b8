/* clairvoyant: the greedy choice by the scenario's objective with true values: needs an oracle, so its results are a
 * reference, not a policy one could deploy. Greedy: it is no bound, since each decision is taken by itself: it ignores what
 * its choice does to others, and time-outs and fallbacks, whose cost the values do not hold. It may be beaten. */
#include "policies/policy_util.h"

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct util_weights); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct util_weights *)state = util_objective(s);
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  d->action = util_best(state, c, UTIL_ANY);
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "clairvoyant", .citation = "",
  .description = "greedy per decision by true service values; ignores time-outs and fallbacks, may be beaten (reference)",
  .capabilities = OFFSIM_NEEDS_ORACLE, .columns = OFFSIM_COLUMNS_ESTIMATES,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
