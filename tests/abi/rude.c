/* Planted: a policy with one bad habit, chosen by a parameter. It declares features, too. */
#include "policies/offsim_policy.h"
#include <math.h>

enum { NOTHING, RANGE, PROPENSITY, MASKED, SUM, HEDGE, CRASH };

static size_t state_size(const struct offsim_setup *s) { return sizeof(int); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(int *)state = (int)s->parameter[0].number;
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  int habit = *(const int *)state;
  d->action = 0;
  d->distribution[0] = 1;
  if (habit == NOTHING) return;
  if (habit == RANGE) d->action = (int32_t)c->n_actions;
  if (habit == PROPENSITY) d->propensity = NAN;
  if (habit == SUM) d->distribution[0] = 0.5;
  if (habit == HEDGE) d->hedge_action = 1;
  if (habit == CRASH) *(volatile int *)0 = 1;
  if (habit == MASKED) {
    for (uint32_t a = 0; a < c->n_actions; a++) if (c->mask[a]) d->action = (int32_t)a;
    d->distribution[0] = 0;
    d->distribution[d->action] = 1;
  }
}

static const struct offsim_feature features[] = {{"prompt", "tok", 1, 0}, {"battery", "J", 0, 0}};
static const struct offsim_parameter habit = {.name = "habit", .type = OFFSIM_CHOICE, .text = "none",
  .choices = "none|range|propensity|masked|sum|hedge|crash"};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "rude", .description = "misbehaves",
  .citation = "", .capabilities = OFFSIM_REPORTS_DISTRIBUTION, .n_features = 2, .feature = features,
  .n_parameters = 1, .parameter = &habit, .state_size = state_size, .init = init, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
