/* bound.c: a run that serves no request: each one alone on its best plan (docs/equations.md, "Bounds").
 *
 * Every request arrives as in any other run and is settled, without any attempt, after the least time that any plan
 * could give it: idle network, no queue, cold start or batch wait, the demand that it really has. Latency, money, energy
 * and quality are each the best over all plans on their own; the objective's cost is so too, but joint where a request is
 * one task. Parts that are not known to bound an attempt from below count nothing: service in LLM engines and in batches
 * that take their first member's time, shares of batches, transfers over links of kind mm1. Attempts of one request draw
 * their own service times and latencies, so where a task may be attempted again, or `attempts: any` is said, draws count
 * nothing either. A task that may be skipped, or that comes after one which may end the request, may count nothing, too;
 * neither does what a task produces, nor what effects do to the quality, which is at most 1.
 * Check: constant service 2 s at the device and 1 s at the edge, latency .3 s each way: 1.6 s.
 */
#include "models/bound.h"

#include <string.h>

static const double SLACK_S = 50e-9;                    /* phases are rounded to nanoseconds, one by one */

/* The least of each, for one way to do a task. answers: no attempt, but a fallback's answer at the device. */
struct option { struct endpoint at; bool whole_place, answers; double service_s, usd, joule, quality; };
struct bound {
  bool any_attempt, may_fail, draws_latency;
  bool failing_pays;                                    /* of a request that nothing in the scenario lets fail */
  struct option *option; int n_options;                 /* of the task at hand */
  struct option *of_task[MAX_TASKS]; int n_of_task[MAX_TASKS];
  double *finish_s[MAX_TASKS];
  uint32_t **member;                                    /* [place][kind] of it */
  struct whole_bound *whole;                            /* of the run's mean, not of its requests; or NULL */
};

static bool is_alone(const struct policy_def *p) { return strcmp(p->policy, "alone_bound") == 0; }

bool world_bounds(const struct policy_def *p)
{
  return p && (is_alone(p) || strcmp(p->policy, "batch_bound") == 0 || strcmp(p->policy, "queues_bound") == 0);
}

bool world_bound_proves(const struct world *w, const char *metric, double *value)
{
  if (w->bound->whole) {
    if (strcmp(metric, "requests") == 0) return true;
    *value = bound_whole_value(w->bound->whole, metric);
    return !isnan(*value);
  }
  static const char *const proven[] = {"requests", "own_attempts", "own_failures", "completed", "failed_ratio", "latency_mean_s", "latency_p50_s",
    "latency_p95_s", "latency_p99_s", "cost_direct_usd_per_1k_requests", "energy_direct_j_per_request", "quality_mean",
    "cost_objective"};
  for (size_t i = 0; i < sizeof proven / sizeof *proven; i++)
    if (strcmp(metric, proven[i]) == 0) return true;
  return false;
}

bool bound_possible(const struct world_def *def, const struct policy_def *p, struct err *err)
{
  struct where at = p->at;
  const struct objective_def *o = &def->objective;
  bool ok = true;
  if (o->latency_per_s > 0 || o->money_per_usd > 0 || o->energy_per_j > 0 || o->quality < 0)
    ok = err_add(err, at, "%s needs an objective in which less time, money and energy and more quality are better",
                 p->policy);
  if (def->n_changes > 0)
    ok = err_add(err, at, "%s needs a world that stays as it is: a rate or price may be better later (changes)", p->policy);
  for (int i = 0; i < def->n_classes; i++)
    if (def->klass[i].arrivals.kind == ARRIVE_CLOSED || def->klass[i].arrivals.kind == ARRIVE_SESSION)
      ok = err_add(err, at, "%s needs open arrivals: the users of class '%s' wait for their answers", p->policy,
                   def->klass[i].name);
  return ok;
}

/* ---- what the scenario allows ------------------------------------------------------------------------------------ */

static bool task_may_fail(const struct task_def *t) { return t->timeout_s > 0 || t->timeout_first_s > 0 || t->patience_s; }

static bool place_may_fail(const struct world_def *w, const struct place_def *p)
{
  bool tokens = false, limits = p->limit_requests_per_s > 0 || p->limit_tok_per_s > 0;
  for (int h = 0; h < p->n_hardware; h++) tokens |= w->hardware[p->hardware[h]].tokens != NULL;
  return p->guard || p->capacity > 0 || p->failures || p->llm || p->batching || tokens || limits;
}

static bool any_attempt_asked(const struct policy_def *p)
{
  for (int i = 0; i < p->n_parameters; i++)
    if (strcmp(p->parameter[i].name, "attempts") == 0) return p->parameter[i].text && strcmp(p->parameter[i].text, "any") == 0;
  return false;
}

static void note_tasks(struct bound *b, const struct class_def *k)
{
  b->may_fail |= k->n_tasks > 1 && (k->zones != ~UINT64_C(0) || k->data);
  for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++) {
    b->may_fail |= task_may_fail(t);
    b->any_attempt |= t->life || t->n_fallbacks > 0 || t->repeat_probability > 0 || t->successor_starts_on_first;
  }
}

/* A member of each kind of hardware of each place. */
static void find_members(struct world *w, struct bound *b)
{
  b->member = arena_array(w->arena, uint32_t *, w->def->n_places);
  for (int i = 0; i < w->def->n_places; i++) {
    const struct place *p = &w->place[i];
    b->member[i] = arena_array(w->arena, uint32_t, p->n_kinds);
    for (uint64_t m = p->def->count; p->hardware && m-- > 0;) b->member[i][p->hardware[m]] = (uint32_t)m;
  }
}

static int options_of(const struct world *w, const struct task_def *t)
{
  int kinds = 1;
  for (int i = 0; i < w->def->n_places; i++) kinds = w->place[i].n_kinds > kinds ? w->place[i].n_kinds : kinds;
  return (t->n_plans + t->n_fallbacks + 1) * kinds + 2; /* and the plan of copies; and leaving it out */
}

bool bound_new(struct world *w, struct err *err)
{
  struct bound *b = arena_alloc(w->arena, sizeof *b);
  w->bound = b;
  *b = (struct bound){.any_attempt = any_attempt_asked(w->setup.policy)};
  for (int i = 0; i < w->def->n_places; i++) b->may_fail |= place_may_fail(w->def, &w->def->place[i]);
  for (int i = 0; i < w->def->n_classes; i++) note_tasks(b, &w->def->klass[i]);
  for (int i = 0; i < w->def->n_links; i++)
    b->draws_latency |= w->def->link[i].latency_s && !dist_is_constant(w->def->link[i].latency_s);
  for (int t = 0; t < MAX_TASKS; t++) {
    int most = 0;
    for (int i = 0; i < w->def->n_classes; i++)
      if (t < w->def->klass[i].n_tasks) {
        int n = options_of(w, &w->def->klass[i].task[t]);
        most = n > most ? n : most;
      }
    b->of_task[t] = arena_array(w->arena, struct option, most + 1);
    b->finish_s[t] = arena_array(w->arena, double, most + 1);
  }
  find_members(w, b);
  return is_alone(w->setup.policy) || bound_whole_new(w, &b->whole, err);
}

/* ---- one task at one place --------------------------------------------------------------------------------------- */

/* Draws of chance do not count: there may be several. */
static bool is_loose(const struct world *w) { return w->bound->any_attempt; }

static double api_least_s(struct world *w, struct request *r, int task, const struct place *p, const struct demand *d)
{
  struct attempt a = {.request = r, .task = (uint8_t)task};
  if (!is_loose(w)) return api_expected_s(w, &a, p, d);
  return d->time_s + (d->tok_out > 1 ? p->def->tpot_s * (d->tok_out - 1) : 0);
}

/* A batch lasts at least as long as a member alone, but for those that last as their first. */
static double batch_least_s(const struct batching_def *b, const struct demand *d)
{
  double least = INFINITY;
  if (b->time_of == BATCH_FIRST) return 0;
  if (b->time_of != BATCH_CURVE) return d->time_s;
  if (b->time_s.n == 0) return b->time_s.a + fmin(b->time_s.c, b->time_s.c * b->size);
  for (int i = 0; i < b->time_s.n; i++) least = fmin(least, b->time_s.value[i]);
  return least;
}

static double service_least_s(struct world *w, struct request *r, int task, const struct place *p, const struct demand *d)
{
  if (p->def->kind == PLACE_API) return api_least_s(w, r, task, p, d);
  if (p->def->llm) return 0;
  if (d->cost) return demand_service_s(d, 1);
  return p->def->batching ? batch_least_s(p->def->batching, d) : d->time_s;
}

/* The draw of the first attempt, or what any draw is at least. */
static void least_demand(struct world *w, const struct request *r, int task, struct manner how, struct endpoint at,
                         struct demand *d)
{
  const struct work_def *work = &task_of(w, r, task)->work[how.variant];
  demand_draw(w, r, task, how, 0, at, d);
  const struct kernel_at *measured = measured_at(work, &w->place[at.place], at.member);
  bool drawn = work->kind == WORK_TIME ? !dist_is_constant(work->time_s) : work->noise_sigma > 0;
  drawn |= measured && measured->measured->cost.sigma > 0;
  if (d->outside) w->place[at.place].extrapolated_estimates++;
  if (drawn && is_loose(w)) d->time_s = d->tok_in = d->tok_out = 0;
}

static double use_usd(const struct world *w, const struct request *r, int task, int variant, const struct place *p)
{
  const struct tariff_def *f = &p->def->tariff;
  const struct work_def *work = &task_of(w, r, task)->work[variant];
  double usd = tariff_has_free(f) ? 0 : f->usd_per_request;
  if (work->kind != WORK_TOKENS) return usd;
  return usd + tariff_tokens_usd(f, expr_value(&work->tok_in, r->attribute), expr_value(&work->tok_cached, r->attribute),
                                 expr_value(&work->tok_out, r->attribute), 1);
}

/* Of a slot-second beyond idle. Where a server at part load may draw less than its part, or when it is too warm, nothing is
 * known: 0. Of the concave shape a part draws no less. */
static double least_slot_w(const struct world *w, const struct place *p, uint32_t member, int clock)
{
  int kind = kind_of(p, member);
  const struct hardware_def *h = p->def->n_hardware ? &w->def->hardware[p->def->hardware[kind]] : NULL;
  bool free = h && (h->thermal || (h->power && h->power->shape > POWER_CONCAVE));
  return free ? 0 : p->dynamic_w[kind] * supply_clock(w, p, member, clock);
}

static struct option option_at(struct world *w, struct request *r, int task, const struct plan_def *plan,
                               struct endpoint at)
{
  const struct place *p = &w->place[at.place];
  const struct variant_def *v = variant_of(w, task_of(w, r, task), plan->variant);
  struct demand d;
  least_demand(w, r, task, manner_of(plan), at, &d);
  struct option o = {.at = at, .whole_place = plan->word == WORD_PLACE, .quality = v ? quality_of_request(w->klass[r->klass].def, v, r->attribute) : 1};
  o.service_s = service_least_s(w, r, task, p, &d);
  if (!(o.service_s > 0)) o.service_s = 0;              /* unknown, too, counts nothing: so does what a task will produce */
  double slot_s = p->def->batching || p->def->llm || p->def->kind == PLACE_API ? 0 : o.service_s;
  double use = use_usd(w, r, task, plan->variant, p);
  o.usd = (use > 0 ? use : 0) + (tariff_has_free(&p->tariff) ? 0 : p->usd_per_slot_s * slot_s);
  o.joule = least_slot_w(w, p, at.member, plan->clock) * slot_s;
  return o;
}

/* One option for each kind of hardware where dispatch picks the member. */
static void add_plan(struct world *w, struct request *r, int task, const struct plan_def *plan)
{
  struct bound *b = w->bound;
  struct endpoint at = plan_end(w, r, plan);
  if (at.place >= w->def->n_places) return;
  if (task_of(w, r, task)->after == 0 && plan_mask(w, r, task, at, plan)) return;
  const struct place *p = &w->place[at.place];
  int kinds = plan->word == WORD_PLACE ? p->n_kinds : 1;
  for (int h = 0; h < kinds; h++) {
    struct endpoint member = at;
    if (kinds > 1) member.member = b->member[at.place][h];
    if (kinds > 1 && p->members[h] == 0) continue;
    b->option[b->n_options++] = option_at(w, r, task, plan, member);
  }
}

static void list_options(struct world *w, struct request *r, int task)
{
  struct bound *b = w->bound;
  const struct task_def *t = task_of(w, r, task);
  b->option = b->of_task[task];
  b->n_options = 0;
  for (int i = 0; i < t->n_plans; i++) add_plan(w, r, task, &t->plan[i]);
  for (int i = 0; i < t->n_fallbacks; i++) {
    if (t->fallback[i].answers)
      b->option[b->n_options++] = (struct option){.at = origin_of(r), .answers = true, .quality = t->fallback[i].quality};
    else add_plan(w, r, task, &t->fallback[i].plan);
  }
  if (effects_may_leave_out(w->klass[r->klass].def, task))       /* skipped, or the request has ended before */
    b->option[b->n_options++] = (struct option){.at = origin_of(r), .answers = true, .quality = 1};
  if (t->life && t->life->hedge && t->life->hedge->has_plan) add_plan(w, r, task, &t->life->hedge->plan);
  b->n_of_task[task] = b->n_options;
}

/* ---- ways -------------------------------------------------------------------------------------------------------- */

struct least { double s, usd, joule; };

static bool is_mm1(const struct world *w, const struct route *way)
{
  for (int i = 0; i < way->n; i++)
    if (w->def->link[way->hop[i].link].kind == LINK_MM1) return true;
  return false;
}

/* What such a link does to a message is known at the moment it is sent, which is the policy's. */
static bool has_process(const struct world *w, const struct route *way)
{
  for (int i = 0; i < way->n; i++)
    if (w->def->link[way->hop[i].link].process) return true;
  return false;
}

static bool may_be_same(const struct option *a, const struct option *b)
{
  if (a->at.place != b->at.place) return false;
  return a->whole_place || b->whole_place || a->at.member == b->at.member;
}

/* Latency by the draw of the first attempt; none where that is not the only one, or the link varies. */
static struct least way(struct world *w, const struct option *from, const struct option *to, double bytes, uint64_t key,
                        bool tokens)
{
  if (from->answers || to->answers || may_be_same(from, to)) return (struct least){0};
  const struct route *over = route(w->topology, from->at, to->at, now_of(w));
  if (!over->reachable) return (struct least){.s = INFINITY, .usd = INFINITY, .joule = INFINITY};
  struct transfer_cost cost = network_cost(w->network, from->at, to->at, bytes);
  bool draws = w->bound->draws_latency && is_loose(w);
  struct least x = {.usd = cost.usd + tariff_least_egress(&w->place[from->at.place].def->tariff) * bytes,
                    .joule = cost.device_j + cost.network_j};
  if (has_process(w, over)) return x;
  x.s = draws ? 0 : network_latency_s(w->network, from->at, to->at, key);
  if (!tokens && !is_mm1(w, over))
    x.s += network_idle_s(w->network, from->at, to->at, bytes) - network_idle_s(w->network, from->at, to->at, 0);
  return x;
}

static double output_bytes(const struct world *w, const struct request *r, int task)
{
  double bytes = expr_value(&task_of(w, r, task)->output_bytes, r->attribute);
  return bytes > 0 ? bytes : 0;
}

static struct least way_up(struct world *w, const struct request *r, int task, const struct option *to)
{
  struct option device = {.at = origin_of(r)};
  double bytes = expr_value(&w->klass[r->klass].def->input_bytes, r->attribute);
  return way(w, &device, to, bytes, latency_key(r->id, (unsigned)task, 0, WAY_UP + MAX_TASKS), false);
}

static struct least way_down(struct world *w, const struct request *r, int task, const struct option *from)
{
  struct option device = {.at = origin_of(r)};
  return way(w, from, &device, output_bytes(w, r, task), latency_key(r->id, (unsigned)task, 0, WAY_DOWN),
             task_of(w, r, task)->stream);
}

double bound_return_s(struct world *w, const struct request *r, struct endpoint from)
{
  return way_down(w, r, 0, &(struct option){.at = from}).s;
}

/* ---- the whole request ------------------------------------------------------------------------------------------- */

/* The earliest moment at which the output of an earlier task can be at `to`: over all its options. */
static double input_at(struct world *w, const struct request *r, int from, int task, const struct option *to)
{
  const struct bound *b = w->bound;
  double least = INFINITY;
  if (task_of(w, r, from)->successor_starts_on_first) return 0;
  uint64_t key = latency_key(r->id, (unsigned)task, 0, WAY_UP + (unsigned)from);
  for (int i = 0; i < b->n_of_task[from]; i++) {
    double s = way(w, &b->of_task[from][i], to, output_bytes(w, r, from), key, false).s;
    least = fmin(least, b->finish_s[from][i] + s);
  }
  return least;
}

static double inputs_at(struct world *w, const struct request *r, int task, const struct option *o)
{
  double latest = 0;
  for (uint32_t left = task_of(w, r, task)->after; left; left &= left - 1)
    latest = fmax(latest, input_at(w, r, __builtin_ctz(left), task, o));
  return latest;
}

struct answer { double latency_s, usd, joule, quality, joint; };

/* Sums grow by the least of the task, latency is the latest of the tasks' earliest ends. */
static void add_task(struct world *w, struct request *r, int task, struct answer *sum)
{
  struct bound *b = w->bound;
  const struct objective_def *obj = &w->def->objective;
  const struct task_def *t = task_of(w, r, task);
  struct answer best = {INFINITY, INFINITY, INFINITY, 0, INFINITY};
  for (int i = 0; i < b->n_options; i++) {
    const struct option *o = &b->option[i];
    struct least in = t->after == 0 ? way_up(w, r, task, o) : (struct least){.s = inputs_at(w, r, task, o)};
    struct least out = is_final(t) ? way_down(w, r, task, o) : (struct least){0};
    b->finish_s[task][i] = in.s + o->service_s;
    double end_s = b->finish_s[task][i] + out.s, usd = in.usd + o->usd + out.usd, joule = in.joule + o->joule + out.joule;
    double joint = -obj->latency_per_s * end_s - obj->money_per_usd * usd - obj->energy_per_j * joule
                   - obj->quality * o->quality;
    best = (struct answer){fmin(best.latency_s, end_s), fmin(best.usd, usd), fmin(best.joule, joule),
                           fmax(best.quality, o->quality), fmin(best.joint, joint)};
  }
  *sum = (struct answer){fmax(sum->latency_s, best.latency_s), sum->usd + best.usd, sum->joule + best.joule,
                         sum->quality * best.quality, best.joint};
}

static double least_cost(const struct world *w, const struct answer *a, int n_tasks)
{
  const struct objective_def *o = &w->def->objective;
  if (n_tasks == 1) return a->joint;
  return -o->latency_per_s * a->latency_s - o->money_per_usd * a->usd - o->energy_per_j * a->joule - o->quality * a->quality;
}

/* False when the request can only fail. The cost is kept in device_j, which a bound does not tell. */
bool bound_request(struct world *w, struct request *r, double *latency_s)
{
  if (w->bound->whole) {
    *latency_s = 0;
    if (bound_whole_add(w, w->bound->whole, r)) return true;
    run_fails(w);
    return true;
  }
  struct answer sum = {.quality = 1};
  int n = w->klass[r->klass].def->n_tasks;
  for (int task = 0; task < n; task++) {
    if (task_of(w, r, task)->asynchronous) continue;    /* may be called off, and takes no time of the user's */
    list_options(w, r, task);
    add_task(w, r, task, &sum);
  }
  double failed = -w->def->objective.failure;
  r->device_j = failed;
  if (!isfinite(sum.latency_s)) return false;
  *latency_s = fmax(0, sum.latency_s - SLACK_S);
  r->usd = sum.usd * (1 - 1e-12);
  r->direct_j = sum.joule * (1 - 1e-12);
  r->quality = sum.quality;
  sum.latency_s = *latency_s;
  double cost = least_cost(w, &sum, n) + w->def->objective.latency_per_s * SLACK_S;
  r->device_j = w->bound->may_fail && failed < cost ? failed : cost;
  w->bound->failing_pays |= failed < r->device_j;
  return true;
}

void bound_end(struct world *w)
{
  if (w->bound->whole) {
    bound_whole_end(w, w->bound->whole);
    return;
  }
  w->summary.own_attempts = w->bound->any_attempt;
  w->summary.own_failures = !w->bound->failing_pays;
}

void bound_record(const struct request *r, struct request_record *record)
{
  record->reward = -r->device_j;
  record->energy_device_j = 0;
}
