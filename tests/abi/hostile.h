/* hostile.h: a plug-in that behaves for twenty decisions (the first allowed action) and then does ACT, once a decision.
 * NAME is what it is called. Each hostile_*.c is one; -DIS=OFFSIM_LEARNS makes it one that may be trained. */
#include "policies/offsim_policy.h"
#include <math.h>
#include <stdlib.h>

#ifndef IS
#define IS 0
#endif
enum { BEHAVES = 20 };

static size_t state_size(const struct offsim_setup *s) { return sizeof(uint32_t); }

static void act(const struct offsim_context *c, struct offsim_decision *d) { ACT }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  for (uint32_t a = c->n_actions; a-- > 0;)
    if (c->mask[a] == 0) d->action = (int32_t)a;
  if (++*(uint32_t *)state > BEHAVES) act(c, d);
}

static const struct offsim_policy policy = {OFFSIM_POLICY_HEADER, .name = NAME, .description = "is hostile", .citation = "",
                                            .capabilities = IS, .state_size = state_size, .decide = decide};
const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
