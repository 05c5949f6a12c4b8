/* Planted: one decision in ten is random for ever, but it declares sublinear regret. */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_arm *arm = util_arms(l) + c->first_arm;
  uint32_t n = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    n += util_allowed(c, a);
    if (util_allowed(c, a) && (d->action < 0 || arm[a].mean > arm[d->action].mean)) d->action = (int32_t)a;
  }
  int32_t best = d->action, first = util_initial(c, arm, 1);
  if (first != UTIL_NONE) d->action = first;
  else if (util_uniform(c) < 0.1) {
    uint64_t k = c->draw->below(c->random, n);
    for (d->action = util_next_allowed(c, 0); k > 0; k--) d->action = util_next_allowed(c, (uint32_t)d->action + 1);
  }
  if (first == UTIL_NONE) d->propensity = 0.1 / n + (d->action == best ? 0.9 : 0);
  util_ask(&util_ranges(l)[c->context], arm, d->action, memo);
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "eps_sublinear", .description = "explores one time in ten, and claims too much",
  .citation = "", .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_SUBLINEAR,
  .memo_size = sizeof(struct util_memo), .state_size = util_learner_size, .init = util_learner_init, .decide = decide,
  .outcome = util_learner_outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
