/* For tests of joint decisions and of control: the i-th of a batch gets action i (modulo its actions), a single decision
 * the last one; each tick lets a quarter of the attempts in to place 1, or sets a share that does not exist. */
#include "policies/offsim_policy.h"

static size_t state_size(const struct offsim_setup *s) { return sizeof(double); }
static const char *init(const struct offsim_setup *s, void *state)
{
  *(double *)state = s->parameter[0].number;
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  d->action = (int32_t)c->n_actions - 1;
}

static void decide_batch(void *state, uint32_t n, const struct offsim_context *const *c,
                         struct offsim_decision *const *d, void *const *memo)
{
  for (uint32_t i = 0; i < n; i++) {
    d[i]->action = (int32_t)(i % c[i]->n_actions);
    *(uint32_t *)memo[i] = i;
  }
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  if (*(const uint32_t *)memo != (uint32_t)o->action) *(volatile int *)0 = 1;   /* a memo of another decision */
}

static void tick(void *state, struct offsim_control *c) { c->admit[1] = *(const double *)state; }

static const struct offsim_parameter admit = {.name = "admit", .type = OFFSIM_NUMBER, .max = 9, .number = 0.25};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "batcher", .description = "all at once",
  .citation = "", .memo_size = 4, .n_parameters = 1, .parameter = &admit, .state_size = state_size, .init = init,
  .decide = decide, .decide_batch = decide_batch, .tick = tick, .outcome = outcome};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
