/* Planted: its decisions are fine, its twentieth tick is not. BAD says how: an order that no place can follow, the place
 * behind the last, a number that it may only read, or a count of all instances of the process. */
#include "policies/offsim_policy.h"
#include <math.h>

#ifndef BAD
#define BAD c->admit[0] = 2
#endif
enum { BEHAVES = 20 };
static double calls;

static size_t state_size(const struct offsim_setup *s) { return sizeof(uint32_t); }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  for (uint32_t a = c->n_actions; a-- > 0;)
    if (c->mask[a] == 0) d->action = (int32_t)a;
}

static void tick(void *state, struct offsim_control *c)
{
  calls++;
  if (++*(uint32_t *)state >= BEHAVES) { BAD; }
}

static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = "hostile_tick", .description = "is hostile",
                                            .citation = "", .state_size = state_size, .decide = decide, .tick = tick};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
