/* affinity: where the state of the conversation is, as long as that place is not too busy; else the fewest jobs.
 *
 * The home is what the attributes state_place and state_member of the request say (docs/sessions.md); an action for a whole
 * place is at home where its place is. Home is left when by telemetry it has more than `slack` jobs more than the least busy
 * allowed action; a queue that is not known counts as empty at home, and comes last elsewhere. Without state, and in
 * classes without conversations, it is least_loaded. Of several actions at home (variants) the one with the highest
 * estimated reward is taken. Check: home has 4 jobs, another place 1: slack 3 stays, slack 2 goes.
 */
#include "policies/policy_util.h"

enum { PLACE, MEMBER };
struct affinity { struct util_weights weights; double slack; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct affinity); }

static const char *init(const struct offsim_setup *s, void *state)
{
  *(struct affinity *)state = (struct affinity){util_objective(s), s->parameter[0].number};
  return NULL;
}

static bool at_home(const struct offsim_context *c, uint32_t a)
{
  if (c->place[a] < 0 || !(c->value[PLACE] == c->place[a])) return false;
  return c->member[a] == UINT64_MAX || c->value[MEMBER] == (double)c->member[a];
}

static double jobs(const struct offsim_context *c, uint32_t a, double unknown) { return isnan(c->queue[a]) ? unknown : c->queue[a]; }

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct affinity *own = state;
  int32_t home = UTIL_NONE, least = UTIL_NONE;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    if (least < 0 || jobs(c, a, INFINITY) < jobs(c, (uint32_t)least, INFINITY)) least = (int32_t)a;
    if (!at_home(c, a)) continue;
    if (home < 0 || util_score(&own->weights, c, a) > util_score(&own->weights, c, (uint32_t)home)) home = (int32_t)a;
  }
  bool stays = home >= 0 && jobs(c, (uint32_t)home, 0) <= jobs(c, (uint32_t)least, INFINITY) + own->slack;
  d->action = stays ? home : least;
}

static const struct offsim_feature features[] = {{.name = "state_place", .unit = ""}, {.name = "state_member", .unit = ""}};
static const struct offsim_parameter parameters[] = {
  {.name = "slack", .type = OFFSIM_NUMBER, .help = "home is left when it has so many jobs more than the least busy place",
   .min = 0, .max = 1e300, .number = 1e300}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "affinity", .citation = "",
  .description = "where the conversation's state is, unless that place is too busy",
  .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE | OFFSIM_COLUMN_MEMBER, .n_features = 2, .feature = features,
  .n_parameters = 1, .parameter = parameters, .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
