/* least_loaded: the allowed action whose place has the fewest jobs by telemetry. Telemetry is old and noisy: with long
 * refresh many requests follow the same stale number (herding). An unknown queue is the last choice. */
#include "policies/policy_util.h"

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  double best = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    double queue = isnan(c->queue[a]) ? INFINITY : c->queue[a];
    if (d->action < 0 || queue < best) { d->action = (int32_t)a; best = queue; }
  }
}

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "least_loaded", .citation = "", .columns = OFFSIM_COLUMN_QUEUE,
  .description = "the place with the fewest jobs by telemetry", .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
