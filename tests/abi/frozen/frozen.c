/* A policy as it was compiled for boundary 1.0: frozen-1.0-x86_64.b64 holds the result, which every later 1.x host must
 * run unchanged. It reads every member of what it is given and writes every member that it may, so that a moved one
 * shows. Made once, with gcc 12 (never again: a new one would prove nothing):
 *
 *   cc -std=c11 -Os -fPIC -shared -s -nostdlib -fno-asynchronous-unwind-tables -Wl,--build-id=none
 *      -Wl,-z,noseparate-code -Wl,-z,norelro -I. -o frozen.so tests/abi/frozen/frozen.c; base64 frozen.so
 *
 * Its numbers, which tests/unit/policy_abi.c works out anew: check = the sum of what it saw, each with a weight of its
 * own place; it is given back as time-out (decide) and as the next predicted quality to accept (outcome).
 */
#include "policies/offsim_policy.h"

struct state { double gain, sum; uint32_t outcomes, arms; };

static size_t state_size(const struct offsim_setup *s) { return s->n_arms > 0 ? sizeof(struct state) : 0; }

/* gain is the third parameter: a wrong stride would give another. */
static const char *init(const struct offsim_setup *s, void *state)
{
  struct state *l = state;
  l->gain = s->parameter[2].number;
  l->arms = s->n_contexts + 10 * s->n_arms + 100 * s->max_actions + 1000 * s->n_features + 10000 * s->n_parameters +
            100000 * s->n_places;
  return s->reward_per_failure < -1e9 ? "no failure can be that bad" : 0;
}

static void decide(void *state, const struct offsim_context *c, struct offsim_decision *d, void *memo)
{
  struct state *l = state;
  double x = 1 * c->context + 2 * c->first_arm + 3 * (double)c->request + 4 * (double)c->decision + 5 * c->klass +
             6 * c->task + 7 * c->nth + 8 * c->n_actions + 9e-9 * (double)c->now_ns + 10 * c->elapsed_s +
             11 * c->deadline_s + 12 * c->value[0] + 13 * c->value[1] + 14 * c->age_s[0];
  for (uint32_t a = 0; a < c->n_actions; a++)
    x += (a + 1) * (15 * c->mask[a] + 16 * c->place[a] + 17 * c->tier[a] + 18 * c->word[a] + 19 * c->variant[a] +
                    20 * (double)(c->member[a] % 7) + 21 * c->est_latency_s[a] + 22 * c->est_cost_usd[a] +
                    23 * c->est_energy_j[a] + 24 * c->est_quality[a] + 25 * c->queue[a] + 26 * c->queue_age_s[a]);
  d->action = 1;
  d->propensity = 0.5;
  for (uint32_t a = 0; a < 2; a++) d->distribution[a] = 0.5;
  d->timeout_s = x;
  d->hedge_delay_s = l->gain + c->draw->uniform(c->random) + (double)c->draw->below(c->random, 1);
  d->hedge_action = 2;
  d->n_fallbacks = 2;
  d->fallback[0] = 2;
  d->fallback[1] = 0;
  d->accept_quality = l->sum + l->arms;
  *(double *)memo = x;
}

static void outcome(void *state, const struct offsim_outcome *o, const void *memo)
{
  struct state *l = state;
  double x = 1 * o->context + 2 * o->first_arm + 3 * (double)o->decision + 4e-9 * (double)o->now_ns + 5 * o->action +
             6 * o->status + 7 * o->reward + 8 * o->latency_s + 9 * o->energy_j + 10 * o->cost_usd + 11 * o->quality +
             12 * o->attempts + 13 * o->fallback + 14 * o->score;
  for (int i = 0; i < OFFSIM_N_PHASES; i++) x += (15 + i) * o->phase_s[i];
  l->sum += x + *(const double *)memo;
  l->outcomes++;
}

static int save(const void *state, const struct offsim_stream *to)
{
  return to->write(to->handle, state, sizeof(struct state)) == sizeof(struct state) ? 0 : 1;
}

static int load(void *state, const struct offsim_stream *from)
{
  return from->read(from->handle, state, sizeof(struct state)) == sizeof(struct state) ? 0 : 1;
}

static void tick(void *state, struct offsim_control *c)
{
  double x = 1e-9 * (double)c->now_ns + c->period_s;
  for (uint32_t i = 0; i < c->n_places; i++)
    x += c->tier[i] + c->jobs[i] + c->utilization[i] + c->arrivals[i] + c->instances[i] + c->instances_busy[i];
  c->instances_wanted[0] = x;
  c->keep_alive_s[0] = 2 * x;
  c->admit[0] = 0.25 + 0.5 * c->draw->uniform(c->random);
}

static void decide_batch(void *state, uint32_t n, const struct offsim_context *const *c,
                         struct offsim_decision *const *d, void *const *memo)
{
  for (uint32_t i = 0; i < n; i++) decide(state, c[i], d[i], memo[i]);
}

static const struct offsim_feature features[] = {{"prompt", "tok", 1, 0}, {"elapsed_s", "s", 1, 0}};
static const struct offsim_parameter parameters[] = {
  {.name = "a", .unit = "", .help = "first", .type = OFFSIM_NUMBER, .min = 0, .max = 9, .number = 1},
  {.name = "b", .unit = "", .help = "second", .type = OFFSIM_CHOICE, .text = "y", .choices = "x|y"},
  {.name = "gain", .unit = "", .help = "third", .type = OFFSIM_INTEGER, .min = 0, .max = 9, .number = 4}};
static const struct offsim_policy policy = {
  OFFSIM_POLICY_HEADER, .name = "frozen", .description = "as it was compiled for 1.0", .citation = "",
  .capabilities = OFFSIM_STOCHASTIC | OFFSIM_LEARNS | OFFSIM_REPORTS_DISTRIBUTION,
  .columns = OFFSIM_COLUMN_VARIANT | OFFSIM_COLUMN_MEMBER | OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE |
             OFFSIM_COLUMN_QUEUE_AGE,
  .n_features = 2, .n_parameters = 3, .feature = features, .parameter = parameters, .memo_size = sizeof(double),
  .state_size = state_size, .init = init, .decide = decide, .decide_batch = decide_batch, .tick = tick,
  .outcome = outcome, .save = save, .load = load};

const struct offsim_policy *offsim_policy_entry(void) { return &policy; }
