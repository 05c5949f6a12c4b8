/* scaler: as many warm instances at each place as its jobs need, set once a tick:
 *
 *   instances wanted = ceil(jobs / per_instance),   jobs = waiting and in service at the tick
 *
 * and the allowed action with the lowest estimated latency for each request. Without `tick` in its entry it only
 * decides. An example of periodic control. Check: 7 jobs, two per instance: 4.
 */
#include "policies/policy_util.h"

struct scaler { double per_instance, keep_s; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct scaler); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct scaler *)state = (struct scaler){s->parameter[0].number, s->parameter[1].number};
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)state, (void)memo;
  d->action = util_best(&(struct util_weights){.per_s = -1}, c, UTIL_ANY);
}

static void tick(void *state, struct offsim_control *c)
{
  const struct scaler *l = state;
  for (uint32_t i = 0; i < c->n_places; i++) {
    if (isnan(c->instances[i])) continue;
    c->instances_wanted[i] = ceil(c->jobs[i] / l->per_instance);
    c->keep_alive_s[i] = l->keep_s;
  }
}

static const struct offsim_parameter parameters[] = {
  {.name = "per_instance", .type = OFFSIM_NUMBER, .help = "jobs that one instance shall have", .min = 1e-3, .max = 1e6,
   .number = 1},
  {.name = "keep", .unit = "s", .type = OFFSIM_NUMBER, .help = "how long an instance without work stays, in s",
   .max = 1e9}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "scaler", .description = "instances in proportion to the jobs at each place, by tick",
  .citation = "", .columns = OFFSIM_COLUMNS_ESTIMATES, .n_parameters = 2, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide, .tick = tick};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
