/* Planted: UCB1 with two mistakes of a published simulator. Its rewards are a millionth of what its confidence radius is
 * made for, and its running mean divides by the count before the new outcome. So the radius alone decides: it goes round
 * the actions like random choice. policies/ucb1.c is the corrected one. */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct util_learner *l = state;
  struct util_range *r = &util_ranges(l)[c->context];
  struct util_arm *arm = util_arms(l) + c->first_arm;
  double best = 0;
  d->action = util_initial(c, arm, 1);
  bool first = d->action != UTIL_NONE;
  for (uint32_t a = 0; a < c->n_actions && !first; a++) {
    double index = arm[a].mean + sqrt(2 * log((double)r->asked) / arm[a].asked);
    if (util_allowed(c, a) && (d->action < 0 || index > best)) { d->action = (int32_t)a; best = index; }
  }
  util_ask(r, arm, d->action, memo);
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct util_learner *l = state;
  struct util_arm *arm = util_arms(l) + o->first_arm + (o->action < 0 ? 0 : o->action);
  if (isnan(o->reward) || o->action < 0) return;
  double count = arm->done > 0 ? arm->done : 1;         /* before this outcome */
  arm->mean += (1e-6 * o->reward - arm->mean) / count;
  arm->done++;
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "misscaled_ucb", .description = "UCB1 whose rewards are a millionth of its radius",
  .citation = "", .capabilities = OFFSIM_LEARNS | OFFSIM_SUBLINEAR, .memo_size = sizeof(struct util_memo),
  .state_size = util_learner_size, .init = util_learner_init, .decide = decide, .outcome = outcome};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
