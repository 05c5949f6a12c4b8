/* For tests of bounds and of Python's Decision: a copy onto the last action, fallbacks onto it, a time-out, a quality to
 * accept; each as its parameter says. */
#include "policies/offsim_policy.h"

struct hedger { double after_s, timeout_s, accept; int fallbacks; };

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct hedger); }
static const char *init(const struct offsim_setup *s, void *state)
{
  const struct offsim_value *p = s->parameter;
  *(struct hedger *)state = (struct hedger){p[0].number, p[1].number, p[2].number, (int)p[3].number};
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  const struct hedger *h = state;
  int32_t last = (int32_t)c->n_actions - 1;
  d->action = 0;
  d->timeout_s = h->timeout_s;
  d->accept_quality = h->accept;
  if (h->after_s >= 0) {
    d->hedge_action = last;
    d->hedge_delay_s = h->after_s;
  }
  for (d->n_fallbacks = 0; d->n_fallbacks < (uint32_t)h->fallbacks; d->n_fallbacks++) d->fallback[d->n_fallbacks] = last;
}

static const struct offsim_parameter parameters[] = {
  {.name = "after", .type = OFFSIM_NUMBER, .min = -1, .max = 9, .number = -1},
  {.name = "timeout", .type = OFFSIM_NUMBER, .max = 9},
  {.name = "accept", .type = OFFSIM_NUMBER, .max = 1},
  {.name = "fallbacks", .type = OFFSIM_INTEGER, .max = 4}};
static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "hedger", .description = "asks for more than a choice",
  .citation = "", .n_parameters = 4, .parameter = parameters, .state_size = state_size, .init = init, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
