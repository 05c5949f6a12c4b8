/* selective: what a request is decides where it goes: long ones, those dense in arithmetic, those of an urgent class leave
 * the device; the rest stays.
 *
 * Three rules, each off until its threshold is given (none is: denser than 1e5 FLOP/B): `length` (a feature, such as
 * prompt_tokens) > `longer`; the task's arithmetic by the bytes that would move (`flop_per_byte`) > `denser`; the class's
 * promise (`deadline_s`) <= `sooner`.
 * `match` says whether one is enough or all must hold. A rule whose number is not known does not hold. With `hysteresis` h
 * the first rule, once it has held, holds until the value is at most longer (1 - h); kept per learner and kind of decision.
 * Requests that leave take the best remote action of `target` by the scenario's objective, the others the best of the
 * device; where there is none, the best of all. Check: longer 1000, denser 50, match all: 2000 tokens at 40 FLOP/B stay,
 * at 60 they leave; match any: both leave.
 */
#include "policies/policy_util.h"

enum { DENSITY, DEADLINE };
enum { LENGTH, LONGER, DENSER, SOONER, MATCH, TARGET, HYSTERESIS };
enum { MATCH_ANY, MATCH_ALL };
/* Where a phone of 0.6 TFLOP/s computes as long as its link of 50 Mbit/s moves the bytes. */
static const double DENSE = 1e5;
static const unsigned targets[] = {UTIL_REMOTE, UTIL_EDGE, UTIL_CLOUD};

struct selective {
  struct util_weights weights;
  double longer, back, denser, sooner;
  int32_t length, target, match, unused;
  uint8_t is_long[];
};

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct selective) + s->n_contexts; }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct selective *p = state;
  p->weights = util_objective(s);
  p->length = (int32_t)s->parameter[LENGTH].number;
  p->longer = s->parameter[LONGER].number;
  p->back = p->longer * (1 - s->parameter[HYSTERESIS].number);
  p->denser = s->parameter[DENSER].number;
  p->sooner = s->parameter[SOONER].number;
  p->match = (int32_t)s->parameter[MATCH].number;
  p->target = (int32_t)s->parameter[TARGET].number;
  if (p->length >= 0 && p->longer >= 1e300) return "selective has a `length` and no `longer`: from how much on is it long?";
  if (p->length < 0 && p->longer < 1e300) return "selective has `longer` and no `length`: which feature tells how long a request is?";
  bool rule = p->longer < 1e300 || p->denser < 1e300 || p->sooner > 0;
  if (!rule) p->denser = DENSE;
  return NULL;
}

static bool is_long(struct selective *p, const struct offsim_context *c)
{
  double x = p->length >= 0 ? c->value[p->length] : NAN;
  if (isnan(x)) return false;
  p->is_long[c->context] = x > p->longer || (p->is_long[c->context] && x > p->back);
  return p->is_long[c->context];
}

static bool leaves(struct selective *p, const struct offsim_context *c)
{
  const bool given[] = {p->longer < 1e300, p->denser < 1e300, p->sooner > 0};
  const bool holds[] = {is_long(p, c), c->value[DENSITY] > p->denser, c->value[DEADLINE] <= p->sooner};
  bool any = false, all = true;
  for (int i = 0; i < 3; i++) {
    any |= given[i] && holds[i];
    all &= !given[i] || holds[i];
  }
  return p->match == MATCH_ALL ? all : any;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  struct selective *p = state;
  d->action = util_best(&p->weights, c, leaves(p, c) ? targets[p->target] : UTIL_DEVICE);
  if (d->action == UTIL_NONE) d->action = util_best(&p->weights, c, UTIL_ANY);
}

static const struct offsim_feature features[] = {{.name = "flop_per_byte", .unit = ""}, {.name = "deadline_s", .unit = "s"}};

static const struct offsim_parameter parameters[] = {
  {.name = "length", .type = OFFSIM_FEATURE, .help = "feature that tells how long a request is", .text = ""},
  {.name = "longer", .type = OFFSIM_NUMBER, .help = "longer ones leave the device", .min = 0, .max = 1e300, .number = 1e300},
  {.name = "denser", .type = OFFSIM_NUMBER, .help = "tasks of more FLOP per byte moved leave; 1e5 where no rule is given", .min = 0, .max = 1e300,
   .number = 1e300},
  {.name = "sooner", .unit = "s", .type = OFFSIM_NUMBER, .help = "classes that are promised an answer in this time leave", .min = 0,
   .max = 1e300},
  {.name = "match", .type = OFFSIM_CHOICE, .help = "how many of the rules given must hold", .text = "any", .choices = "any|all"},
  {.name = "target", .type = OFFSIM_CHOICE, .help = "where they go", .text = "any", .choices = "any|edge|cloud"},
  {.name = "hysteresis", .type = OFFSIM_NUMBER, .help = "share of `longer` between long and short again", .min = 0, .max = 1}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "selective", .citation = "",
  .description = "device, but remote where the request is long, dense in arithmetic or of an urgent class",
  .columns = OFFSIM_COLUMNS_ESTIMATES, .n_features = 2, .feature = features, .n_parameters = 7, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
