/* triggers: stay on the device until something there, or in the request, asks for help, and the network allows it.
 *
 * What sends a request away: saturation (jobs at the device > `queue_above`), heat (its temperature in degrees Celsius
 * > `temperature_above`), power (its battery's level < `level_below`), complexity (a feature > `complexity_above`). What
 * keeps it all the same: the network (idle time of its input to the nearest remote place > `network_above`; infinite
 * where none can be reached) and sensitivity (a feature > `sensitivity_above`). Triggers of the device and the network are
 * states with hysteresis h: what has gone off above x is on until the value is at most x (1 - h), below x until it is at
 * least x (1 + h); kept per learner, so `scope: device` is what one wants. Complexity and sensitivity are of the request and
 * have none. What is not known, or older than `stale`, leaves a state as it is. Requests that go take the best remote action
 * of `target`, or with `tiers` the nearest place first and then the next ones (as nearest_first). Check: h = 0.2,
 * queue_above 5: off at 5, on at 6, on at 5, off at 4.
 */
#include "policies/policy_util.h"

enum { QUEUE, TEMPERATURE, LEVEL, NETWORK, N_STATES };
enum { QUEUE_ABOVE, TEMPERATURE_ABOVE, LEVEL_BELOW, NETWORK_ABOVE, COMPLEXITY, COMPLEXITY_ABOVE, SENSITIVITY,
       SENSITIVITY_ABOVE, HYSTERESIS, STALE, TARGET };
enum { TARGET_ANY, TARGET_EDGE, TARGET_CLOUD, TARGET_TIERS };
/* above: of states in which less is worse, the negative. on: per context, a bit for each state. */
struct triggers {
  struct util_weights weights;
  double above[N_STATES], back[N_STATES], stale_s, complexity_above, sensitivity_above;
  int32_t complexity, sensitivity, target, unused;
  uint8_t on[];
};

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct triggers) + s->n_contexts; }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct triggers *t = state;
  double h = s->parameter[HYSTERESIS].number;
  t->weights = util_objective(s);
  for (int i = 0; i < N_STATES; i++) {
    t->above[i] = s->parameter[i].number * (i == LEVEL ? -1 : 1);
    t->back[i] = t->above[i] * (i == LEVEL ? 1 + h : 1 - h);
  }
  t->complexity = (int32_t)s->parameter[COMPLEXITY].number;
  t->complexity_above = s->parameter[COMPLEXITY_ABOVE].number;
  t->sensitivity = (int32_t)s->parameter[SENSITIVITY].number;
  t->sensitivity_above = s->parameter[SENSITIVITY_ABOVE].number;
  t->stale_s = s->parameter[STALE].number;
  t->target = (int32_t)s->parameter[TARGET].number;
  return NULL;
}

/* A level that is not asked for is never below it: 0 is the default, and no battery has less. */
static uint8_t states(const struct triggers *t, const struct offsim_context *c, uint8_t on)
{
  for (int i = 0; i < N_STATES; i++) {
    double x = i == LEVEL ? -c->value[i] : c->value[i];
    if (isnan(x) || c->age_s[i] > t->stale_s) continue;
    if (x > t->above[i]) on |= (uint8_t)(1u << i);
    else if (x <= t->back[i]) on &= (uint8_t)~(1u << i);
  }
  return on;
}

static bool feature_above(const struct offsim_context *c, int32_t feature, double above)
{
  return feature >= 0 && c->value[feature] > above;
}

static bool leaves(const struct triggers *t, const struct offsim_context *c, uint8_t on)
{
  bool kept = on >> NETWORK & 1 || feature_above(c, t->sensitivity, t->sensitivity_above);
  return !kept && ((on & ~(1u << NETWORK)) || feature_above(c, t->complexity, t->complexity_above));
}

/* The first remote place, and the ones after it as its fallbacks; then the own device. */
static int32_t by_tiers(const struct triggers *t, const struct offsim_context *c, struct offsim_decision *d)
{
  uint64_t rung = 0;
  int32_t first = UTIL_NONE, own = UTIL_NONE, a;
  while (d->n_fallbacks < 3 && (a = util_climb(&t->weights, c, &rung)) != UTIL_NONE) {
    if (util_rank(c, (uint32_t)a) == UTIL_OWN) own = a;
    else if (first == UTIL_NONE) first = a;
    else d->fallback[d->n_fallbacks++] = a;
  }
  if (own != UTIL_NONE && first != UTIL_NONE) d->fallback[d->n_fallbacks++] = own;
  return first;
}

static int32_t remote(const struct triggers *t, const struct offsim_context *c, struct offsim_decision *d)
{
  static const unsigned tiers[] = {[TARGET_ANY] = UTIL_REMOTE, [TARGET_EDGE] = UTIL_EDGE, [TARGET_CLOUD] = UTIL_CLOUD};
  return t->target == TARGET_TIERS ? by_tiers(t, c, d) : util_best(&t->weights, c, tiers[t->target]);
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  struct triggers *t = state;
  uint8_t on = t->on[c->context] = states(t, c, t->on[c->context]);
  d->action = leaves(t, c, on) ? remote(t, c, d) : util_best(&t->weights, c, UTIL_DEVICE);
  if (d->action == UTIL_NONE) d->action = util_best(&t->weights, c, UTIL_ANY);
}

static const struct offsim_feature features[] = {
  {.name = "device_queue", .unit = ""}, {.name = "device_temperature", .unit = "degC"},
  {.name = "battery_level", .unit = ""}, {.name = "network_s", .unit = "s"}};

static const struct offsim_parameter parameters[] = {
  {.name = "queue_above", .type = OFFSIM_NUMBER, .help = "saturation: more jobs at the device send away", .min = 0,
   .max = 1e300, .number = 1e300},
  {.name = "temperature_above", .type = OFFSIM_NUMBER, .help = "heat: a warmer device sends away, degrees Celsius", .min = 0,
   .max = 1e300, .number = 1e300},
  {.name = "level_below", .type = OFFSIM_NUMBER, .help = "power: a lower level of the battery sends away", .min = 0,
   .max = 1},
  {.name = "network_above", .unit = "s", .type = OFFSIM_NUMBER, .help = "network: a longer way there keeps on the device",
   .min = 0, .max = 1e300, .number = 1e300},
  {.name = "complexity", .type = OFFSIM_FEATURE, .help = "feature of the request that tells how hard it is", .text = ""},
  {.name = "complexity_above", .type = OFFSIM_NUMBER, .help = "larger values send away", .min = -1e300, .max = 1e300},
  {.name = "sensitivity", .type = OFFSIM_FEATURE, .help = "feature of the request that tells how private it is", .text = ""},
  {.name = "sensitivity_above", .type = OFFSIM_NUMBER, .help = "larger values keep on the device", .min = -1e300,
   .max = 1e300, .number = 0.5},
  {.name = "hysteresis", .type = OFFSIM_NUMBER, .help = "share of a threshold between on and off", .min = 0, .max = 1,
   .number = 0.1},
  {.name = "stale", .unit = "s", .type = OFFSIM_NUMBER, .help = "older information changes nothing", .min = 0, .max = 1e300,
   .number = 1e300},
  {.name = "target", .type = OFFSIM_CHOICE, .help = "where they go", .text = "any", .choices = "any|edge|cloud|tiers"}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "triggers", .citation = "",
  .description = "device until it is saturated, hot or low, or the request hard; unless network or privacy forbid",
  .columns = OFFSIM_COLUMNS_ESTIMATES, .n_features = 4, .feature = features, .n_parameters = 11, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
