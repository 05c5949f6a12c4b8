/* Planted: a policy with one bad habit, chosen by a parameter. It declares features, too. */
#include "policies/offsim_policy.h"
#include <math.h>

enum { NOTHING, RANGE, PROPENSITY, MASKED, SUM, HEDGE, CRASH, TIME, FALLBACK, PLANS };

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
  if (habit == HEDGE) d->hedge_action = (int32_t)c->n_actions;
  if (habit == TIME) d->timeout_s = NAN;
  if (habit == FALLBACK) d->n_fallbacks = 5;
  if (habit == PLANS) {                          /* no bad habit: times, a hedge, the fallbacks 1, none, 2, 0 */
    d->timeout_s = 1.5;
    d->hedge_delay_s = 0.25;
    d->hedge_action = 2;
    d->accept_quality = 0.75;
    d->n_fallbacks = 4;
    for (int i = 0; i < 4; i++) d->fallback[i] = (const int32_t[]){1, -1, 2, 0}[i];
  }
  if (habit == CRASH) *(volatile int *)0 = 1;
  if (habit == MASKED) {
    for (uint32_t a = 0; a < c->n_actions; a++) if (c->mask[a]) d->action = (int32_t)a;
    d->distribution[0] = 0;
    d->distribution[d->action] = 1;
  }
}

static const struct offsim_feature features[] = {{"prompt", "tok", 1, 0}, {"battery", "J", 0, 0}};
static const struct offsim_parameter habit = {.name = "habit", .type = OFFSIM_CHOICE, .text = "none",
  .choices = "none|range|propensity|masked|sum|hedge|crash|time|fallback|plans"};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "rude", .description = "misbehaves",
  .citation = "", .capabilities = OFFSIM_REPORTS_DISTRIBUTION, .n_features = 2, .feature = features,
  .n_parameters = 1, .parameter = &habit, .state_size = state_size, .init = init, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
