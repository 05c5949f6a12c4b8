/* random: draws an allowed action and reports the exact distribution.
 *
 * Default: uniform over the allowed actions. `p`: leave the device with this probability, uniformly within each side.
 * `weights`: one number per action in the scenario's order ("3 1 1"), shared out among the allowed ones; actions
 * beyond the list have weight 1.
 */
#include "policies/policy_util.h"
#include <stdlib.h>

enum { P, WEIGHTS };
struct draw { double p; uint32_t n_weights; double weight[]; };

static size_t state_size(const struct offsim_setup *s) { return sizeof(struct draw) + s->max_actions * sizeof(double); }

static const char *init(const struct offsim_setup *s, void *state)
{
  struct draw *r = state;
  r->p = s->parameter[P].number;
  for (const char *text = s->parameter[WEIGHTS].text; *text;) {
    char *end;
    double x = strtod(text, &end);
    if (end == text || !(x >= 0) || !isfinite(x)) return "`weights` must be numbers >= 0, separated by spaces";
    if (r->n_weights == s->max_actions) return "`weights` has more numbers than any decision has actions";
    r->weight[r->n_weights++] = x;
    for (text = end; *text == ' ' || *text == ','; text++) continue;
  }
  return r->n_weights && !isnan(r->p) ? "give `p` or `weights`, not both" : NULL;
}

static double weight_of(const struct draw *r, const struct offsim_context *c, uint32_t a, const double side[2])
{
  if (isnan(r->p)) return a < r->n_weights ? r->weight[a] : 1;
  bool remote = c->tier[a] != OFFSIM_DEVICE;
  return (remote ? r->p : 1 - r->p) / side[remote];
}

/* Weights of the allowed actions into the distribution; returns their sum. */
static double fill(const struct draw *r, const struct offsim_context *c, double *distribution)
{
  double side[2] = {0, 0}, sum = 0;
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) side[c->tier[a] != OFFSIM_DEVICE]++;
  for (uint32_t a = 0; a < c->n_actions; a++)
    if (util_allowed(c, a)) sum += distribution[a] = weight_of(r, c, a, side);
  return sum;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  (void)memo;
  double sum = fill(state, c, d->distribution);
  if (!(sum > 0)) {                                     /* all the weight lies on masked actions: uniform */
    sum = 0;
    for (uint32_t a = 0; a < c->n_actions; a++) sum += d->distribution[a] = util_allowed(c, a);
  }
  double x = util_uniform(c) * sum;
  for (uint32_t a = 0; a < c->n_actions; a++) {
    double weight = d->distribution[a];
    d->distribution[a] = weight / sum;
    if (weight > 0 && (x >= 0 || d->action < 0)) d->action = (int32_t)a;
    x -= weight;
  }
  d->propensity = d->distribution[d->action];
}

static const struct offsim_parameter parameters[] = {
  {.name = "p", .type = OFFSIM_NUMBER, .help = "probability to leave the device (default: uniform over actions)",
   .max = 1, .number = NAN},
  {.name = "weights", .type = OFFSIM_TEXT, .help = "weights of the actions in the scenario's order", .text = ""}};

static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "random", .citation = "", .description = "a random allowed action",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_REPORTS_DISTRIBUTION, .n_parameters = 2, .parameter = parameters,
  .state_size = state_size, .init = init, .decide = decide};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
