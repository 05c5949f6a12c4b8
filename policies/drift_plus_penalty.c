/* drift_plus_penalty: the action of least V x penalty + backlog x drift (Neely: Stochastic Network Optimization, 2010).
 *
 * Penalty: the estimated energy, money, latency, or the scenario's objective, of the action. Drift, without `backlog`:
 * one more job at the action's place, times the jobs there by telemetry. With `backlog`, the feature is the queue of the
 * one who decides (what waits to be sent), and an action away from the device takes `served` (a feature; 1 where none is
 * given) of it: drift -served, and staying at the device 0. Larger V: less penalty, longer queues; the gap to the least
 * penalty shrinks as 1/V, queues grow as V. Ties: an action away from the device first, then the scenario's order; an unknown penalty comes last,
 * an unknown queue counts 0. Check: arrivals Bernoulli .8, served 0, 1, 2 with probability .3, .4, .3, V = 5: power .5217,
 * backlog 5.17 (least power .5).
 */
#include "policies/policy_util.h"

enum { V, PENALTY, BACKLOG, SERVED };
enum { PENALTY_ENERGY, PENALTY_MONEY, PENALTY_LATENCY, PENALTY_OBJECTIVE };
struct lyapunov { struct util_weights weights; double v; int32_t backlog, served; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct lyapunov); }

static const char *init(const struct offsim_setup *s, void *state)
{
  static const struct util_weights weights[] = {
    [PENALTY_ENERGY] = {.per_j = -1}, [PENALTY_MONEY] = {.per_usd = -1}, [PENALTY_LATENCY] = {.per_s = -1}};
  struct lyapunov *l = state;
  int penalty = (int)s->parameter[PENALTY].number;
  l->weights = penalty == PENALTY_OBJECTIVE ? util_objective(s) : weights[penalty];
  l->v = s->parameter[V].number;
  l->backlog = (int32_t)s->parameter[BACKLOG].number;
  l->served = (int32_t)s->parameter[SERVED].number;
  return l->served >= 0 && l->backlog < 0 ? "`served` says how much of `backlog` leaves: give that too" : NULL;
}

static double known(double x) { return isnan(x) ? 0 : x; }

static double drift(const struct lyapunov *l, const struct offsim_context *c, uint32_t a)
{
  if (l->backlog < 0) return known(c->queue[a]);
  if (c->tier[a] == OFFSIM_DEVICE) return 0;
  return -known(c->value[l->backlog]) * (l->served < 0 ? 1 : known(c->value[l->served]));
}

static bool penalty_known(const struct lyapunov *l, const struct offsim_context *c, uint32_t a)
{
  return !(l->weights.per_j != 0 && isnan(c->est_energy_j[a])) && !(l->weights.per_usd != 0 && isnan(c->est_cost_usd[a]));
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  const struct lyapunov *l = state;
  double best = 0;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    if (!util_allowed(c, a)) continue;
    double value = penalty_known(l, c, a) ? drift(l, c, a) - l->v * util_score(&l->weights, c, a) : INFINITY;
    bool earlier = d->action < 0 || value < best;
    bool leaves = d->action >= 0 && value == best && c->tier[d->action] == OFFSIM_DEVICE && c->tier[a] != OFFSIM_DEVICE;
    if (earlier || leaves) { d->action = (int32_t)a; best = value; }
  }
}

static const struct offsim_parameter parameters[] = {
  {.name = "V", .type = OFFSIM_NUMBER, .help = "weight of the penalty against the queues", .max = 1e15, .number = 1},
  {.name = "penalty", .type = OFFSIM_CHOICE, .help = "what shall be small", .text = "energy",
   .choices = "energy|money|latency|objective"},
  {.name = "backlog", .type = OFFSIM_FEATURE, .help = "queue of the one who decides; the places' queues when not given",
   .text = ""},
  {.name = "served", .type = OFFSIM_FEATURE, .help = "how much of `backlog` an action away from the device takes",
   .text = ""}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "drift_plus_penalty", .description = "least V x penalty + queue x drift (Lyapunov)",
  .citation = "Neely: Stochastic network optimization with application to communication and queueing systems, 2010",
  .columns = OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE, .n_parameters = 4, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
