/* Planted: a plug-in that takes the first action, but in some replications, at its 21st decision, crashes, hangs,
 * leaves or answers nonsense. */
#include "policies/offsim_policy.h"
#include <math.h>
#include <stdlib.h>

enum { ABORT, HANG, NOT_A_NUMBER, EXIT };
struct state { int habit; };

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct state); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct state *)state = (struct state){(int)s->parameter[0].number};
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  const struct state *s = state;
  d->action = 0;
  if (c->decision != 20 || c->draw->uniform(c->random) > 0.5) return;
  if (s->habit == ABORT) abort();
  if (s->habit == EXIT) _Exit(0);
  if (s->habit == NOT_A_NUMBER) d->propensity = NAN;
  for (volatile int forever = 1; s->habit == HANG && forever;) {}
}

static const struct offsim_parameter habit = {.name = "habit", .type = OFFSIM_CHOICE, .text = "abort",
  .choices = "abort|hang|nan|exit"};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "bad",
  .description = "misbehaves in some runs",
  .citation = "", .capabilities = OFFSIM_STOCHASTIC, .n_parameters = 1, .parameter = &habit, .state_size = state_size,
  .init = init, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
