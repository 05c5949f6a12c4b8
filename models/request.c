/* request.c: the life of a request: arrival, fork, join, fallback, repeat, settlement; and who belongs to the cohort.
 *
 * Arrivals of all open classes are merged by time (then class), and numbered 0, 1, 2 ... in that order, so that an id
 * means the same request under every policy. A request of a closed class has its class, user and turn packed into its
 * id, because the order of those depends on the answers.
 */
#include "models/bound.h"
#include "models/session.h"
#include "models/exposure.h"

static void request_settle(struct world *, struct request *, enum status);
static void begin_ready(struct world *, struct request *);
static void bound_begin(struct world *, struct request *);
static void user_returns(struct world *, const struct klass *, const struct request *, enum status);
static bool succeeded(enum status);

/* ---- arrival --------------------------------------------------------------------------------------------------- */

/* Devices of all origin places are numbered through; the draw is named by the request. */
static void choose_origin(struct world *w, const struct klass *k, struct request *r, uint64_t device)
{
  for (int i = 0; i < k->def->n_from; i++) {
    uint64_t count = w->def->place[k->def->from[i]].count;
    if (device < count) {
      r->origin = (uint16_t)k->def->from[i];
      r->device = (uint32_t)device;
      return;
    }
    device -= count;
  }
  sim_assert(!"device beyond the origin places");
}

static uint64_t draw_device(const struct world *w, const struct klass *k, uint64_t id)
{
  if (k->n_devices == 1) return 0;
  struct rng rng = rng_open(&w->root, STREAM_ORIGIN, k->name, id);
  return rng_below(&rng, k->n_devices);
}

static bool in_cohort(const struct world *w, sim_time now)
{
  uint64_t most = w->def->horizon.max_requests;
  return now >= w->window_from && now <= w->window_to && (most == 0 || w->cohort < most);
}

static struct request *request_new(struct world *w, struct klass *k, uint64_t id)
{
  struct request *r = pool_take(k->requests);
  r->id = id;
  r->klass = (uint16_t)(k - w->klass);
  r->arrived = now_of(w);
  r->first_token = r->server_first = -1;
  r->quality = 1;
  r->measured = in_cohort(w, r->arrived);
  w->cohort += r->measured;
  w->cohort_open += r->measured;
  w->all_in++;
  level_set(&w->in_system, r->arrived, w->in_system.value + 1);
  return r;
}

static void request_start(struct world *w, struct request *r)
{
  uint64_t most = w->def->horizon.max_requests;
  if (most > 0 && w->cohort >= most && !w->window_closed) world_close_window(w);
  if (!demand_possible(w, r)) return;
  if (w->exposure) exposure_arrive(w, r);
  if (w->mobility && !w->bound) roam_begin(w, r);
  if (w->bound) bound_begin(w, r);
  else if (w->supplied && supply_empty(w, origin_of(r))) request_settle(w, r, STATUS_NO_POWER);
  else begin_ready(w, r);
}

/* Nothing is simulated: the request is settled after the least time that it needs. */
static void on_bound(struct sim *s, void *request) { request_settle(world_of(s), request, STATUS_COMPLETED); }

static void bound_begin(struct world *w, struct request *r)
{
  double latency_s;
  if (bound_request(w, r, &latency_s)) sim_after(w->sim, ns_from_s(latency_s), PRIORITY_COMPLETE, on_bound, r);
  else request_settle(w, r, STATUS_MASKED);
}

/* ---- open classes: one pending arrival event for all ----------------------------------------------------------- */

static void on_arrival(struct sim *, void *klass);

static void draw_next(struct klass *k)
{
  if (!source_next(k->source, &k->next_at, k->next_attribute)) k->next_at = SIM_NEVER;
}

static void schedule_next(struct world *w)
{
  struct klass *next = NULL;
  for (struct klass *k = w->klass; k < w->klass + w->def->n_classes; k++)
    if (k->next_at != SIM_NEVER && (!next || k->next_at < next->next_at)) next = k;
  if (next) sim_at(w->sim, next->next_at, PRIORITY_ARRIVE, on_arrival, next);
  else w->sources_dry = true;
}

static void on_arrival(struct sim *s, void *klass)
{
  struct world *w = world_of(s);
  struct klass *k = klass;
  if (k->sessions) {
    draw_next(k);
    schedule_next(w);
    session_begins(w, k);
    world_check_end(w);
    return;
  }
  struct request *r = request_new(w, k, w->next_id++);
  for (int i = 0; i < k->def->n_attributes; i++) r->attribute[i] = k->next_attribute[i];
  source_attributes(k->source, r->id, r->attribute);
  choose_origin(w, k, r, draw_device(w, k, r->id));
  draw_next(k);
  schedule_next(w);
  request_start(w, r);
  world_check_end(w);
}

/* ---- closed classes: a user thinks, asks, waits for the answer ------------------------------------------------- */

enum { USER_BITS = 24, TURN_BITS = 32 };

static uint64_t user_request(const struct user *u)
{
  uint64_t klass = u->klass + 1u, index = u->index;
  return klass << (USER_BITS + TURN_BITS) | index << TURN_BITS | (u->k & UINT32_MAX);
}

static struct request *ask(struct world *w, struct klass *k, uint64_t id, uint64_t device)
{
  struct request *r = request_new(w, k, id);
  for (int i = 0; i < k->def->n_attributes; i++) r->attribute[i] = NAN;
  source_attributes(k->source, r->id, r->attribute);
  choose_origin(w, k, r, device);
  return r;
}

static void on_user_asks(struct sim *s, void *user)
{
  struct world *w = world_of(s);
  struct user *u = user;
  struct klass *k = &w->klass[u->klass];
  uint64_t id = user_request(u);
  u->k++;
  request_start(w, ask(w, k, id, u->index % k->n_devices));
}

/* The device is that of the first turn. */
void request_of_turn(struct world *w, struct session *s)
{
  struct klass *k = s->of->klass;
  struct request *r = ask(w, k, session_request(w, s), draw_device(w, k, session_first(w, s)));
  session_facts(w, s, r->attribute);
  request_start(w, r);
}

static void user_thinks(struct world *w, struct klass *k, struct user *u, sim_time at_least)
{
  sim_time think = source_think(k->source, u->index, u->k);
  sim_after(w->sim, think > at_least ? think : at_least, PRIORITY_ARRIVE, on_user_asks, u);
}

static void user_returns(struct world *w, const struct klass *k, const struct request *r, enum status status)
{
  if (k->sessions) session_returns(w, r, succeeded(status));
  if (!k->users) return;
  sim_time at_least = now_of(w) == r->arrived ? REFUSED_THINKS_NS : 0;
  user_thinks(w, &w->klass[r->klass], &k->users[r->id >> TURN_BITS & ((1u << USER_BITS) - 1)], at_least);
}

void requests_start(struct world *w)
{
  bool closed = false;
  for (struct klass *k = w->klass; k < w->klass + w->def->n_classes; k++) {
    if (k->users) {
      closed = true;
      k->next_at = SIM_NEVER;
      for (uint64_t u = 0; u < k->def->arrivals.users; u++) user_thinks(w, k, &k->users[u], 0);
    } else {
      draw_next(k);
    }
  }
  schedule_next(w);
  if (closed) w->sources_dry = false;
}

/* ---- fork and join --------------------------------------------------------------------------------------------- */

static void hold(struct request *r) { r->hold++; }

static void release(struct world *w, struct request *r)
{
  sim_assert(r->hold > 0);
  if (--r->hold == 0 && r->status != STATUS_OPEN) pool_give(w->klass[r->klass].requests, r);
}

void request_release(struct world *w, struct request *r) { release(w, r); }

static uint32_t tasks_left(const struct world *w, const struct request *r)
{
  return (UINT32_MAX >> (32 - w->klass[r->klass].def->n_tasks)) & ~r->done;
}

static enum status how_done(const struct request *r) { return r->answered ? STATUS_ANSWERED : STATUS_COMPLETED; }

static void complete(struct world *w, struct request *r) { request_settle(w, r, how_done(r)); }

/* ---- asynchronous: the user has the answer, tasks that nobody waits for go on -----------------------------------
 *
 * The request stays open until these are done, cut by the end of the run, or have failed, which is no failure of the
 * request: what they spent counts, its time, its quality and its SLO are those of the answer. A request that fails, or ends
 * early (`ends`), calls them off.
 * Checkable: a task of 1 s, and after it an asynchronous one of 3 s: latency 1 s, 4 s paid for.
 */

static sim_time *delivered_at(const struct world *w, const struct request *r)
{
  return (sim_time *)(void *)((char *)(uintptr_t)r + w->klass[r->klass].delivered_at);
}

static void deliver(struct world *w, struct request *r)
{
  const struct klass *k = &w->klass[r->klass];
  if (r->delivered || (tasks_left(w, r) & ~k->def->unawaited)) return;
  r->delivered = true;
  *delivered_at(w, r) = now_of(w);
  if (w->effects) effects_on_settled(w, r, how_done(r));
  user_returns(w, k, r, STATUS_COMPLETED);
}

/* Set: itself and all that come after it. */
static uint32_t tasks_behind(const struct class_def *k, int task)
{
  uint32_t behind = 1u << task;
  for (int t = task + 1; t < k->n_tasks; t++)           /* topological order */
    if (k->task[t].after & behind) behind |= 1u << t;
  return behind;
}

/* Nobody waits for it, nor for what would have come after it. */
static void leave_out(struct world *w, struct request *r, int task)
{
  uint32_t out = tasks_behind(w->klass[r->klass].def, task);
  r->begun |= out;
  r->done |= out;
  if (tasks_left(w, r) == 0) complete(w, r);
}

/* ---- tasks become ready ------------------------------------------------------------------------------------------ */

/* A task is ready when all that it comes after is done, or flows where it may start on that. */
static bool is_ready(const struct world *w, const struct request *r, int task)
{
  if (r->begun >> task & 1) return false;
  return ((uint32_t)request_inputs(w, r, task) & ~(r->done | r->flowing)) == 0;
}

/* What comes after it takes what it would have taken itself. */
static void skip(struct world *w, struct request *r, int task)
{
  r->done |= 1u << task;
  if (w->klass[r->klass].def->n_tasks > 1) request_outputs(w, r)[task] = (struct endpoint){ PLACE_SKIPPED, 0 };
  effect_left_out(w, r, task);
}

/* A run whose request asks for what is not possible ends here. */
static void ready(struct world *w, struct request *r, int task)
{
  const struct klass *k = &w->klass[r->klass];
  const struct task_def *t = &k->def->task[task];
  r->begun |= 1u << task;
  if (t->effect && !effect_wanted(w, r, task)) skip(w, r, task);
  else if (k->def->produced == 0 || demand_ready(w, r, t))
    task_begin(w, r, task, k->def->n_tasks > 1 ? request_ordinals(w, r)[task] : 0);
}

static void begin_ready(struct world *w, struct request *r)
{
  const struct klass *k = &w->klass[r->klass];
  hold(r);
  for (int task = 0; task < k->def->n_tasks && r->status == STATUS_OPEN && !w->failed; task++)
    if (is_ready(w, r, task)) ready(w, r, task);
  if (k->def->conditional && r->status == STATUS_OPEN && tasks_left(w, r) == 0) complete(w, r);
  else if (k->def->unawaited && r->status == STATUS_OPEN) deliver(w, r);
  release(w, r);
}

void request_on_first(struct world *w, struct request *r, int task)
{
  r->flowing |= 1u << task;
  begin_ready(w, r);
}

static struct attempt *held_attempt(const struct request *r)
{
  for (struct attempt *a = r->attempts; a; a = a->next)
    if (a->stage == STAGE_HELD) return a;
  return NULL;
}

static struct attempt *held_copy(const struct world *w, const struct request *r, int task)
{
  if ((uint32_t)request_inputs(w, r, task) & ~r->done) return NULL;
  for (struct attempt *a = r->attempts; a; a = a->next)
    if (a->stage == STAGE_HELD && a->task == task) return a;
  return NULL;
}

/* Attempts that only waited for the end of this flow go on. Each may settle the request. */
static void release_held(struct world *w, struct request *r, uint32_t before)
{
  struct attempt *a;
  for (uint32_t left = before; left; left &= left - 1)
    while (r->status == STATUS_OPEN && (a = held_copy(w, r, __builtin_ctz(left))) != NULL) attempt_release_held(w, a);
}

static void task_done(struct world *w, struct request *r, int task, double quality, bool ends)
{
  if (!(w->klass[r->klass].def->unawaited >> task & 1)) {
    r->quality *= quality;
    r->maker = (uint8_t)task;
  }
  r->done |= 1u << task;
  r->flowing &= ~(1u << task);
  if (ends || tasks_left(w, r) == 0) {
    complete(w, r);
    return;
  }
  hold(r);
  if (held_attempt(r)) release_held(w, r, request_followers(w, r, task));
  if (r->status == STATUS_OPEN) begin_ready(w, r);
  release(w, r);
}

bool request_repeats(const struct world *w, const struct request *r, int task, unsigned ordinal)
{
  double p = task_of(w, r, task)->repeat_probability;
  return p > 0 && rng_fresh(&w->root, STREAM_REPEAT, r->id, stream_entity(task, ordinal, 0)) < p;
}

/* ---- an attempt has ended -------------------------------------------------------------------------------------- */

static void close_decision(struct world *w, struct request *r, const struct task_end *e, enum status status,
                           double quality)
{
  if (e->decision) decision_close(w, r, e->decision, status, quality);
}

static void on_completed(struct world *w, struct request *r, const struct task_end *e)
{
  double quality = request_quality(w, r, e->task, e->variant);
  close_decision(w, r, e, STATUS_COMPLETED, quality);
  request_on_done(w, r, e, e->ordinal + 1u, quality);
}

double request_quality(const struct world *w, const struct request *r, int task, int variant)
{
  const struct task_def *t = task_of(w, r, task);
  if (t->n_variants == 0 && !t->effect && w->def->n_rollouts == 0) return 1;
  const struct variant_def *v = variant_of(w, t, variant);
  double quality = v ? quality_of_request(w->klass[r->klass].def, v, r->attribute) : 1;
  if (t->effect) quality *= effect_quality(w, r, task);
  return w->def->n_rollouts ? quality * version_quality(w, r, task) : quality;
}

void request_on_done(struct world *w, struct request *r, const struct task_end *e, unsigned next, double quality)
{
  if (request_repeats(w, r, e->task, e->ordinal)) task_begin(w, r, e->task, next);
  else task_done(w, r, e->task, quality, e->ends);
}

static void take_back_successors(struct world *, struct request *, int task);
static void take_back(struct world *, struct request *, uint32_t tasks);

static void take_back_efforts(struct world *w, struct request *r, uint32_t tasks)
{
  uint32_t open = efforts_cancel(w, r, tasks, STATUS_CANCELLED, request_ordinals(w, r));
  r->begun &= ~open;
  for (; open; open &= open - 1)
    if (r->flowing >> __builtin_ctz(open) & 1) take_back_successors(w, r, __builtin_ctz(open));
}

/* Successors that had started on the flow of a task that now failed start again later, as attempts of their own. */
static void take_back_successors(struct world *w, struct request *r, int task)
{
  r->flowing &= ~(1u << task);
  take_back(w, r, request_followers(w, r, task));
}

/* What the user saw of it is void. */
static void void_output(struct request *r, const struct task_def *t)
{
  if (is_final(t)) r->first_token = r->server_first = -1;
}

static void take_back(struct world *w, struct request *r, uint32_t tasks)
{
  for (uint32_t open = tasks & r->begun & ~r->done; open; open &= open - 1) void_output(r, task_of(w, r, __builtin_ctz(open)));
  if (r->n_efforts) take_back_efforts(w, r, tasks);
  for (struct attempt *a = r->attempts, *next; a; a = next) {
    next = a->next;
    if (!(tasks >> a->task & 1)) continue;
    int successor = a->task;
    request_ordinals(w, r)[successor] = (uint16_t)count_up(a->ordinal, UINT16_MAX);
    attempt_cancel(w, a, STATUS_CANCELLED);
    r->begun &= ~(1u << successor);
    if (r->flowing >> successor & 1) {
      take_back_successors(w, r, successor);
      next = r->attempts;
    }
  }
}

void request_call_off(struct world *w, struct request *r, int task) { take_back(w, r, ~(1u << task)); }

void request_on_void(struct world *w, struct request *r, int task)
{
  const struct task_def *t = task_of(w, r, task);
  if (r->flowing >> task & 1) take_back_successors(w, r, task);
  void_output(r, t);
}

void request_on_answer(struct world *w, struct request *r, int task, const struct fallback_def *fallback)
{
  r->answered |= !task_of(w, r, task)->asynchronous;
  if (w->exposure) exposure_expect(w, r, task);
  if (w->klass[r->klass].def->n_tasks > 1) request_outputs(w, r)[task] = origin_of(r);
  if (task_of(w, r, task)->effect) effect_left_out(w, r, task);
  if (w->def->n_rollouts) version_void(w, r, task);
  task_done(w, r, task, fallback->quality, false);
}

void request_on_given_up(struct world *w, struct request *r, int task, enum status status)
{
  if (task_of(w, r, task)->asynchronous) leave_out(w, r, task);
  else request_settle(w, r, status);
}

static void on_failed(struct world *w, struct request *r, const struct task_end *e)
{
  const struct task_def *t = task_of(w, r, e->task);
  unsigned next = e->fallback + 1u;
  request_on_void(w, r, e->task);
  if (next > (unsigned)t->n_fallbacks) {
    close_decision(w, r, e, e->status, 0);
    request_on_given_up(w, r, e->task, e->status);
  } else if (t->fallback[next - 1].answers) {
    close_decision(w, r, e, STATUS_ANSWERED, t->fallback[next - 1].quality);
    request_on_answer(w, r, e->task, &t->fallback[next - 1]);
  } else {
    attempt_begin(w, r, &(struct attempt_ask){ .task = e->task, .ordinal = e->ordinal + 1u, .fallback = (int)next,
                                               .plan = &t->fallback[next - 1].plan, .decision = e->decision });
  }
}

/* The answer that would have ended the request did not come: what it called off begins again. */
static void on_failed_to_end(struct world *w, struct request *r, const struct task_end *e)
{
  hold(r);
  if (e->in_effort) effort_on_end(w, r, e);
  else on_failed(w, r, e);
  if (r->status == STATUS_OPEN) begin_ready(w, r);
  release(w, r);
}

void request_on_end(struct world *w, struct request *r, const struct task_end *e)
{
  if (e->ends && e->status != STATUS_COMPLETED) on_failed_to_end(w, r, e);
  else if (e->in_effort) effort_on_end(w, r, e);
  else if (e->status == STATUS_COMPLETED) on_completed(w, r, e);
  else on_failed(w, r, e);
}

/* ---- settlement ------------------------------------------------------------------------------------------------ */

static bool succeeded(enum status s) { return s == STATUS_COMPLETED || s == STATUS_ANSWERED; }

/* Of one token after the first; 0 where nothing was streamed. */
static double tpot_s(const struct request_record *record)
{
  if (record->first_token_ns < 0 || record->tokens < 2) return 0;
  return s_from_ns(record->completed_ns - record->first_token_ns) / (record->tokens - 1);
}

static bool slo_met(const struct class_def *k, const struct request_record *record)
{
  if (!succeeded(record->status)) return false;
  double ttft_s = s_from_ns(record->first_token_ns - record->arrived_ns);
  double e2e_s = s_from_ns(record->completed_ns - record->arrived_ns);
  if (k->slo_tpot_s > 0 && tpot_s(record) > k->slo_tpot_s) return false;
  return (k->slo_ttft_s <= 0 || ttft_s <= k->slo_ttft_s) && (k->slo_e2e_s <= 0 || e2e_s <= k->slo_e2e_s);
}

static double reward(const struct world *w, const struct request *r, const struct request_record *record, sim_time now)
{
  const struct objective_def *o = &w->def->objective;
  bool failed = !succeeded(record->status) && record->status != STATUS_CENSORED;
  return o->latency_per_s * s_from_ns(now - r->arrived) + o->money_per_usd * r->usd + o->energy_per_j * r->direct_j
         + o->quality * record->quality + (failed ? o->failure : 0);
}

static void write_record(struct world *w, const struct request *r, enum status status, struct request_record *record)
{
  sim_time now = r->delivered ? *delivered_at(w, r) : now_of(w);
  *record = (struct request_record){
    .request = r->id, .arrived_ns = r->arrived, .completed_ns = status == STATUS_CENSORED ? -1 : now,
    .first_token_ns = r->first_token, .server_first_token_ns = r->server_first,
    .quality = succeeded(status) ? r->quality : 0,
    .energy_device_j = r->device_j, .energy_direct_j = r->direct_j, .cost_usd = r->usd, .device = r->device,
    .tokens = r->tokens, .klass = r->klass, .origin = r->origin, .status = (uint8_t)status, .measured = r->measured,
    .n_attempts = r->n_attempts, .n_decisions = r->n_decisions, .offloaded = r->offloaded, .cold = r->n_cold > 0 };
  if (succeeded(status) && (record->first_token_ns < 0 || record->first_token_ns > now)) record->first_token_ns = now;
  record->slo_met = slo_met(w->klass[r->klass].def, record);
  record->reward = reward(w, r, record, now);
  if (w->effects) effects_record(w, r, record);
  if (w->bound) bound_record(r, record);
}

static void count(struct world *w, const struct request *r, enum status status)
{
  struct run_summary *sum = &w->summary;
  uint64_t *all = succeeded(status) ? &w->all_completed : status == STATUS_CENSORED ? &w->all_censored : &w->all_failed;
  uint64_t *cohort = succeeded(status) ? &sum->completed : status == STATUS_CENSORED ? &sum->censored : &sum->failed;
  (*all)++;
  *cohort += r->measured;
  w->cohort_open -= r->measured;
  w->sojourn_ns += now_of(w) - r->arrived;
  level_set(&w->in_system, now_of(w), w->in_system.value - 1);
}

static void request_settle(struct world *w, struct request *r, enum status status)
{
  struct klass *k = &w->klass[r->klass];
  struct request_record record;
  sim_assert(r->status == STATUS_OPEN && status != STATUS_OPEN);
  hold(r);
  enum status rest = status == STATUS_CENSORED ? status : STATUS_CANCELLED;
  if (r->delivered) status = how_done(r);
  r->status = (uint8_t)status;
  if (r->n_efforts) (void)efforts_cancel(w, r, UINT32_MAX, rest, NULL);
  while (r->attempts) attempt_cancel(w, r->attempts, rest);
  if (w->mobility && !w->bound) roam_end(w, r);
  write_record(w, r, status, &record);
  count(w, r, status);
  if (w->setup.sink.request) w->setup.sink.request(w->setup.sink.context, &record, r->attribute, k->def->n_attributes);
  if (k->estimates && succeeded(status)) estimators_learn(k, r);
  if (w->effects && !r->delivered) effects_on_settled(w, r, status);
  if (rest != STATUS_CENSORED) {
    if (!r->delivered) user_returns(w, k, r, status);
    if (r->measured || w->sources_dry) world_check_end(w);
  }
  release(w, r);
}

/* Each loss may settle the request. */
static void lose_there(struct world *w, struct request *r, struct endpoint device)
{
  hold(r);
  for (struct attempt *a = r->attempts; a && r->status == STATUS_OPEN;) {
    bool there = same_end(end_of(a), device) && a->stage == STAGE_STATION;
    if (there) flow_on_lost(w, a);
    a = there ? r->attempts : a->next;
  }
  release(w, r);
}

/* A device has no power any more: what its users wait for, and what others do there, is over. */
void requests_power_off(struct world *w, struct endpoint device)
{
  for (struct klass *k = w->klass; k < w->klass + w->def->n_classes; k++) {
    size_t cursor = 0;
    for (struct request *r; (r = pool_each(k->requests, &cursor)) != NULL;) {
      if (r->status != STATUS_OPEN) continue;
      if (same_end(origin_of(r), device)) request_settle(w, r, STATUS_NO_POWER);
      else lose_there(w, r, device);
    }
  }
}

/* In the order of their memory, which is the same in every such run. */
void requests_censor(struct world *w)
{
  for (struct klass *k = w->klass; k < w->klass + w->def->n_classes; k++) {
    size_t cursor = 0;
    for (struct request *r; (r = pool_each(k->requests, &cursor)) != NULL;) request_settle(w, r, STATUS_CENSORED);
  }
}
