/* round_robin: the allowed actions one after another, in the scenario's order, per learner and kind of decision.
 * A masked action is passed over without losing its turn in the next round. */
#include "policies/policy_util.h"

static size_t state_size(const struct offsim_setup *s) { return s->n_contexts * sizeof(uint32_t); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  uint32_t *next = (uint32_t *)state + c->context;
  d->action = util_next_allowed(c, *next < c->n_actions ? *next : 0);
  *next = (uint32_t)d->action + 1;
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "round_robin", .citation = "",
  .description = "the allowed actions one after another", .state_size = state_size, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
