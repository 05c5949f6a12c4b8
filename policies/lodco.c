/* lodco: offloading by a device that lives on what it harvests (Mao, Zhang and Letaief, IEEE JSAC 34, 2016).
 *
 * The action of least V x latency - (battery - theta) x energy among those that end within `deadline` and spend between
 * e_min and e_max; one that spends nothing is what the paper calls to drop the task, at its latency (phi there). Below theta
 * energy is dear, so the battery stays near theta and never runs dry: theta = e_max + V phi / e_min unless given. Levels of
 * the clock and of the radio's power are actions of their own: variants, or links. Energies are the estimates, all that the
 * request causes: leave servers and network without power where the battery alone counts. Without a fitting action,
 * and for a device without a battery: the one of the least energy. Ties: the scenario's order.
 * Check: the setting of experiments/validate/lodco.c: .3065 ms a task, nothing dropped (greedy: .5721 ms, .084).
 */
#include "policies/policy_util.h"

enum { V, DEADLINE, DROP_COST, E_MIN, E_MAX, THETA };
enum { BATTERY };
struct lodco { double v, deadline_s, e_min, e_max, theta; };

static size_t state_size(const struct offsim_setup *s) { (void)s; return sizeof(struct lodco); }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct lodco *l = state;
  *l = (struct lodco){s->parameter[V].number, s->parameter[DEADLINE].number, s->parameter[E_MIN].number,
                      s->parameter[E_MAX].number, s->parameter[THETA].number};
  if (l->theta <= 0) l->theta = l->e_max + l->v * s->parameter[DROP_COST].number / l->e_min;
  return l->e_min > l->e_max ? "`e_min` is above `e_max`" : NULL;
}

/* Limits are met up to rounding. */
static bool fits(const struct lodco *l, double latency_s, double energy_j)
{
  const double slack = 1 + 1e-9;
  if (isnan(latency_s) || isnan(energy_j)) return false;
  if (energy_j == 0) return true;
  return latency_s <= l->deadline_s * slack && energy_j * slack >= l->e_min && energy_j <= l->e_max * slack;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  const struct lodco *l = state;
  double below = c->value[BATTERY] - l->theta, best = 0;
  bool fitting = false;
  (void)memo;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    double energy_j = c->est_energy_j[a], latency_s = c->est_latency_s[a];
    if (!util_allowed(c, a)) continue;
    bool fit = !isnan(below) && fits(l, latency_s, energy_j);
    double value = fit ? l->v * latency_s - below * energy_j : isnan(energy_j) ? INFINITY : energy_j;
    if (fitting && !fit) continue;
    if (d->action >= 0 && fit == fitting && !(value < best)) continue;
    d->action = (int32_t)a;
    best = value;
    fitting = fit;
  }
}

static const struct offsim_feature features[] = {{.name = "battery", .unit = "J"}};
static const struct offsim_parameter parameters[] = {
  {.name = "V", .unit = "J^2/s", .type = OFFSIM_NUMBER, .help = "weight of the latency against the battery", .max = 1e15,
   .number = 1.6e-4},
  {.name = "deadline", .unit = "s", .type = OFFSIM_NUMBER, .help = "of a task", .max = 1e9, .number = 2e-3},
  {.name = "drop_cost", .unit = "s", .type = OFFSIM_NUMBER, .help = "latency that a dropped task stands for", .max = 1e9,
   .number = 2e-3},
  {.name = "e_min", .unit = "J", .type = OFFSIM_NUMBER, .help = "least energy of a task that is done", .min = 1e-12, .max = 1e9,
   .number = 2e-5},
  {.name = "e_max", .unit = "J", .type = OFFSIM_NUMBER, .help = "most energy of a task", .min = 1e-12, .max = 1e9, .number = 2e-3},
  {.name = "theta", .unit = "J", .type = OFFSIM_NUMBER, .help = "level to stay at; 0: e_max + V drop_cost / e_min", .max = 1e15}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "lodco", .description = "least V x latency - (battery - theta) x energy (energy harvesting)",
  .citation = "Mao, Zhang, Letaief: Dynamic computation offloading for MEC with energy harvesting devices, IEEE JSAC 34, 2016",
  .columns = OFFSIM_COLUMN_LATENCY | OFFSIM_COLUMN_ENERGY, .n_features = 1, .feature = features, .n_parameters = 6,
  .parameter = parameters, .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
