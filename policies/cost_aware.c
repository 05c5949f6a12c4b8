/* cost_aware: the allowed action with the highest estimated reward, sum of weight x estimate over latency, money,
 * energy and quality; the weights are the scenario's objective unless given here. An action of
 * unknown latency comes last. */
#include "policies/policy_util.h"

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct util_weights); }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct util_weights *w = state;
  *w = util_objective(s);
  double *own[] = {&w->per_s, &w->per_usd, &w->per_j, &w->per_quality};
  for (int i = 0; i < 4; i++)
    if (!isnan(s->parameter[i].number)) *own[i] = s->parameter[i].number;
  return NULL;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  d->action = util_best(state, c, UTIL_ANY);
}

#define WEIGHT(NAME, UNIT, WHAT) {.name = NAME, .unit = UNIT, .type = OFFSIM_NUMBER, .help = "reward per " WHAT \
  " (default: the scenario's objective)", .min = -1e12, .max = 1e12, .number = NAN}
static const struct offsim_parameter parameters[] = {
  WEIGHT("latency", "/s", "second"), WEIGHT("money", "/USD", "US dollar"),
  WEIGHT("energy", "/J", "joule"), WEIGHT("quality", "", "unit of quality")};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "cost_aware", .citation = "",
  .description = "highest estimated reward by the objective or own weights", .columns = OFFSIM_COLUMNS_ESTIMATES,
  .n_parameters = 4, .parameter = parameters, .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
