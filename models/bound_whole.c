/* bound_whole.c: bounds on the mean of a whole run, not on its requests (docs/equations.md, "Bounds").
 *
 * batch_bound: the cohort's requests, as if all had been there when the first came, on all servers that they may take, in
 * the best of all schedules (models/assignment.h). What a request waited for before it came is taken off: the sum of
 * latencies is at least the least sum of completion times less the sum of (arrival - first arrival).
 * queues_bound: Poisson arrivals to at most three places of one exponential server each: the least long-run average cost
 * over all ways to send them there (models/mdp.h).
 */
#include "models/assignment.h"
#include "models/bound.h"
#include "models/mdp.h"

#include <string.h>

static bool refuse(struct err *err, struct where at, const char *bound, const char *why)
{
  return err_add(err, at, "%s %s", bound, why);
}

/* ---- what both need: one class of one task on plain servers --------------------------------------------------------- */

static const char *task_flaw(const struct task_def *t)
{
  if (t->timeout_s > 0 || t->timeout_first_s > 0 || t->patience_s || t->n_fallbacks > 0) return "knows no timeouts and fallbacks";
  if (t->effect) return "knows no conditions and effects of tasks";
  if (t->life) return "knows no retries, copies and judges";
  if (t->repeat_probability > 0) return "knows no repeated tasks";
  for (int v = 0; v < (t->n_variants > 0 ? t->n_variants : 1); v++)
    if (t->work[v].kind != WORK_TIME) return "needs 'work: {time: ...}'";
  return NULL;
}

static const char *place_flaw(const struct place_def *p)
{
  if (p->kind != PLACE_SERVERS || p->llm || p->batching) return "knows servers only: no API, engine or batches";
  return p->instances || p->failures || p->guard ? "knows no instances that come and go, failures and guards" : NULL;
}

static const char *world_flaw(const struct world_def *w)
{
  const char *flaw = NULL;
  if (w->n_classes != 1 || w->klass[0].n_tasks != 1) return "needs one class whose requests are one task";
  for (int i = 0; i < w->n_places && !flaw; i++) flaw = place_flaw(&w->place[i]);
  return flaw ? flaw : task_flaw(&w->klass[0].task[0]);
}

/* ---- batch_bound --------------------------------------------------------------------------------------------------- */

/* A member of a place is as many equal machines as it has slots. */
struct machine { struct endpoint at; };
struct batch { int n_machines, n, room; struct machine *machine; double *time_s, *after_s, *arrived_s; };

static int machines_in(const struct world_def *w)
{
  double n = 0;
  for (int i = 0; i < w->n_places; i++) n += (double)w->place[i].count * w->place[i].servers * w->place[i].slots;
  return n > ASSIGNMENT_MOST ? ASSIGNMENT_MOST + 1 : (int)n;
}

static const char *batch_flaw(const struct world_def *w)
{
  const char *flaw = world_flaw(w);
  if (flaw) return flaw;
  for (int i = 0; i < w->n_places; i++)
    if (w->place[i].capacity > 0) return "knows no place that refuses";
  return machines_in(w) > ASSIGNMENT_MOST ? "has at most 512 pairs of request and slot" : NULL;
}

static struct batch *batch_new(struct world *w)
{
  struct batch *b = arena_alloc(w->arena, sizeof *b);
  int m = machines_in(w->def), n = 0;
  *b = (struct batch){.n_machines = m, .room = ASSIGNMENT_MOST / (m > 0 ? m : 1)};
  b->machine = arena_array(w->arena, struct machine, m + 1);
  for (int i = 0; i < w->def->n_places; i++) {
    const struct place_def *p = &w->def->place[i];
    for (uint64_t k = 0; k < p->count; k++)
      for (int s = 0; s < p->servers * p->slots; s++) b->machine[n++].at = (struct endpoint){(uint16_t)i, (uint32_t)k};
  }
  b->time_s = arena_array(w->arena, double, b->room * m + 1);
  b->after_s = arena_array(w->arena, double, b->room * m + 1);
  b->arrived_s = arena_array(w->arena, double, b->room + 1);
  return b;
}

static bool plan_leads_to(struct world *w, struct request *r, const struct plan_def *plan, struct endpoint at)
{
  struct endpoint end = plan_end(w, r, plan);
  if (end.place != at.place || (plan->word != WORD_PLACE && end.member != at.member)) return false;
  return plan_mask(w, r, 0, end, plan) == 0;
}

/* The shortest variant there, drawn as it would be; the way back as the alone bound has it. */
static void add_request(struct world *w, struct batch *b, struct request *r)
{
  const struct task_def *t = task_of(w, r, 0);
  double *time_s = b->time_s + b->n * b->n_machines, *after_s = b->after_s + b->n * b->n_machines;
  for (int i = 0; i < b->n_machines; i++) {
    time_s[i] = INFINITY;
    after_s[i] = 0;
    for (int k = 0; k < t->n_plans; k++) {
      struct demand d;
      if (!plan_leads_to(w, r, &t->plan[k], b->machine[i].at)) continue;
      demand_draw(w, r, 0, manner_of(&t->plan[k]), 0, b->machine[i].at, &d);
      time_s[i] = fmin(time_s[i], d.time_s);
      after_s[i] = bound_return_s(w, r, b->machine[i].at);
    }
  }
  b->arrived_s[b->n++] = s_from_ns(r->arrived);
}

static double batch_mean_s(const struct batch *b)
{
  if (b->n == 0) return NAN;
  double before = 0;
  for (int i = 0; i < b->n; i++) before += b->arrived_s[i] - b->arrived_s[0];
  return fmax(0, assignment_flow_s(b->n, b->n_machines, b->time_s, b->after_s) - before) / b->n;
}

/* ---- queues_bound -------------------------------------------------------------------------------------------------- */

/* The place of a plan that is one exponential server, and nothing between. */
static const char *plan_flaw(struct world *w, const struct plan_def *plan, const struct task_def *t)
{
  const struct class_def *k = w->klass[0].def;
  int place = plan->word == WORD_ORIGIN ? k->from[0] : plan->place;
  if (plan->clock) return "needs the top clock";
  if (plan->word == WORD_NEAREST) return "needs the places by name";
  if (w->place[place].supply) return "needs power that is linear, without temperature and battery";
  const struct place_def *p = &w->def->place[place];
  if (p->servers != 1 || p->slots != 1 || (p->count > 1 && plan->word != WORD_MEMBER)) return "needs one server at each place";
  if (p->discipline == SRPT || p->discipline == EDF) return "needs servers that do not look at sizes";
  if (tariff_has_free(&p->tariff)) return "needs prices without free allowances";
  if (t->work[plan->variant].time_s->kind != &dist_kind_exponential) return "needs exponential service times";
  struct endpoint from = {(uint16_t)k->from[0], 0}, to = {(uint16_t)place, 0};
  return place != k->from[0] && !network_is_nothing(w->network, from, to) ? "needs places without a way between" : NULL;
}

static const char *queues_flaw(struct world *w)
{
  const char *flaw = world_flaw(w->def);
  if (flaw) return flaw;
  const struct class_def *k = w->klass[0].def;
  const struct task_def *t = &k->task[0];
  if (k->arrivals.kind != ARRIVE_POISSON || w->klass[0].n_devices != 1) return "needs Poisson arrivals from one device";
  if (t->n_plans > MDP_QUEUES) return "has at most three queues";
  for (int i = 0; i < t->n_plans && !flaw; i++) {
    flaw = plan_flaw(w, &t->plan[i], t);
    for (int j = 0; j < i && !flaw; j++)
      if (t->plan[i].word == t->plan[j].word && t->plan[i].place == t->plan[j].place && t->plan[i].member == t->plan[j].member)
        flaw = "needs one variant at each place";
  }
  return flaw;
}

static struct mdp mdp_of(struct world *w, bool latency_only)
{
  const struct class_def *k = w->klass[0].def;
  const struct task_def *t = &k->task[0];
  const struct objective_def *o = &w->def->objective;
  struct mdp m = {.n = t->n_plans, .arrival_per_s = k->arrivals.rate_per_s,
                  .hold_cost_per_s = latency_only ? 1 : -o->latency_per_s, .lost_cost = latency_only ? 0 : -o->failure};
  for (int i = 0; i < t->n_plans; i++) {
    const struct plan_def *plan = &t->plan[i];
    const struct place *p = &w->place[plan->word == WORD_ORIGIN ? k->from[0] : plan->place];
    double mean_s = dist_mean(t->work[plan->variant].time_s);
    const struct variant_def *v = variant_of(w, t, plan->variant);
    m.service_per_s[i] = 1 / mean_s;
    m.room[i] = p->def->capacity > 1 << 20 ? 0 : (int)p->def->capacity;
    if (latency_only) continue;
    m.join_cost[i] = -o->energy_per_j * p->dynamic_w[0] * mean_s
                     - o->money_per_usd * (p->usd_per_slot_s * mean_s + p->def->tariff.usd_per_request)
                     - o->quality * (v ? quality_of_class(k, v) : 1);
  }
  return m;
}

/* ---- the two together ---------------------------------------------------------------------------------------------- */

struct whole_bound { struct batch *batch; bool too_many; double latency_s, cost; };

bool bound_whole_new(struct world *w, struct whole_bound **out, struct err *err)
{
  const struct policy_def *p = w->setup.policy;
  struct whole_bound *b = arena_alloc(w->arena, sizeof *b);
  bool batch = !strcmp(p->policy, "batch_bound");
  const char *flaw = batch ? batch_flaw(w->def) : queues_flaw(w);
  *out = b;
  *b = (struct whole_bound){.latency_s = NAN, .cost = NAN};
  if (flaw) return refuse(err, p->at, p->policy, flaw);
  if (batch) {
    b->batch = batch_new(w);
    return true;
  }
  struct mdp cost = mdp_of(w, false), latency = mdp_of(w, true);
  bool lossless = true;
  for (int i = 0; i < latency.n; i++) lossless &= latency.room[i] == 0;
  b->cost = mdp_least_cost(&cost, NULL) / cost.arrival_per_s;
  if (lossless) b->latency_s = mdp_least_cost(&latency, NULL) / latency.arrival_per_s;
  return true;
}

bool bound_whole_add(struct world *w, struct whole_bound *b, struct request *r)
{
  if (!b->batch || !r->measured) return true;
  if (b->batch->n == b->batch->room)
    return err_add(w->err, w->setup.policy->at, "batch_bound has at most 512 pairs of request and slot: %d slots, so at most "
                   "%d requests in the window (horizon.max_requests)", b->batch->n_machines, b->batch->room);
  add_request(w, b->batch, r);
  return true;
}

void bound_whole_end(const struct world *w, struct whole_bound *b)
{
  if (!b->batch) return;
  b->latency_s = batch_mean_s(b->batch);
  const struct objective_def *o = &w->def->objective;
  bool only_time = o->money_per_usd == 0 && o->energy_per_j == 0 && o->quality == 0;
  if (only_time) b->cost = -o->latency_per_s * b->latency_s;
}

double bound_whole_value(const struct whole_bound *b, const char *metric)
{
  return !strcmp(metric, "latency_mean_s") ? b->latency_s : !strcmp(metric, "cost_objective") ? b->cost : NAN;
}
