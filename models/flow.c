/* flow.c: the life of one attempt of one task, top to bottom.
 *
 *   begin -> decide -> take -> uplink -> enter -> (queue, serve) -> first -> served -> downlink -> delivered -> end
 *
 * A phase that takes no time calls the next one directly. An attempt may be stopped in every phase (timeout, request
 * settled, horizon). A function that hands an attempt on does not touch it afterwards: it may be gone.
 */
#include "models/control.h"
#include "models/exposure.h"
#include "models/instances.h"
#include "models/joint.h"

static void flow_decide(struct world *, struct attempt *);
static void flow_ask(struct world *, struct attempt *);
static void flow_asked(struct sim *, void *attempt);
static void flow_answer(struct world *, struct attempt *);
static void flow_take_decided(struct world *, struct attempt *);
static void flow_take(struct world *, struct attempt *, const struct plan_def *, struct endpoint);
static void flow_uplink(struct world *, struct attempt *);
static void flow_fetch(struct world *, struct attempt *);
static void flow_enter(struct world *, struct attempt *);
static void flow_first(struct world *, struct attempt *);
static void flow_served(struct world *, struct attempt *);
static void flow_leave(struct world *, struct attempt *);
static void flow_downlink(struct world *, struct attempt *);
static void flow_tail(struct world *, struct attempt *);
static void flow_delivered(struct world *, struct attempt *);
static void attempt_end(struct world *, struct attempt *, enum status);
static void attempt_settle(struct world *, struct attempt *, enum status);

static const struct task_def *task_at(const struct world *w, const struct attempt *a)
{
  return task_of(w, a->request, a->task);
}

/* ---- timeouts -------------------------------------------------------------------------------------------------- */

/* When the budget's time for the task is over; fallbacks may still come after. */
static sim_time due_by_budget(const struct world *w, const struct attempt *a, const struct task_def *t)
{
  const struct class_def *k = w->klass[a->request->klass].def;
  if (a->fallback > 0) return SIM_NEVER;
  return time_add(k->budget->lapses ? a->started : a->request->arrived, ns_from_s(t->due_s));
}

/* The next limit that can still be missed: the first token's until it is sure to arrive in time, then the whole. */
static sim_time time_limit(const struct world *w, const struct attempt *a, bool first_is_sure)
{
  const struct task_def *t = task_at(w, a);
  double own_s = a->in_effort ? effort_timeout_s(w, a) : 0, whole_s = own_s > 0 ? own_s : t->timeout_s;
  sim_time since = a->migrated ? roam_move(w, a)->since : a->started;
  sim_time limit = whole_s > 0 ? time_add(since, ns_from_s(whole_s)) : SIM_NEVER;
  sim_time first = t->timeout_first_s > 0 && !first_is_sure ? time_add(since, ns_from_s(t->timeout_first_s)) : SIM_NEVER;
  if (t->due_s > 0) {
    sim_time due = due_by_budget(w, a, t);
    if (due < limit) limit = due;
  }
  return first < limit ? first : limit;
}

/* Patience ends only who still waits; for others the timer goes on to what else may be missed. */
static void on_timeout(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  struct world *w = world_of(s);
  sim_time limit = time_limit(w, a, false);
  a->timer = (event_id){ 0 };
  bool impatient = a->stage == STAGE_STATION && job_waits_to_begin(&a->job);
  if (impatient || limit <= now_of(w)) {
    w->summary.own_failures += !impatient && a->in_effort && effort_timeout_s(w, a) > 0;
    attempt_end(w, a, STATUS_TIMEOUT);
  } else if (limit != SIM_NEVER) a->timer = sim_at(w->sim, limit, PRIORITY_NORMAL, on_timeout, a);
}

static void arm_timer(struct world *w, struct attempt *a, bool first_is_sure)
{
  sim_time limit = time_limit(w, a, first_is_sure);
  if (limit < now_of(w)) limit = now_of(w);             /* a policy's, set when it was over */
  if (limit != SIM_NEVER) a->timer = sim_at(w->sim, limit, PRIORITY_NORMAL, on_timeout, a);
}

static void disarm_timer(struct world *w, struct attempt *a)
{
  if (a->timer.bits) sim_cancel(w->sim, a->timer);
  a->timer = (event_id){ 0 };
}

/* It comes to a queue. Who begins at once keeps this timer until it fires: that is cheaper than to watch each start. */
static void arm_patience(struct world *w, struct attempt *a)
{
  struct rng rng = rng_open(&w->root, STREAM_PATIENCE, a->request->id, stream_entity(a->task, 0, a->ordinal));
  sim_time limit = time_limit(w, a, false);
  sim_time patience = time_add(now_of(w), ns_from_s(dist_draw(task_at(w, a)->patience_s, &rng)));
  disarm_timer(w, a);
  a->timer = sim_at(w->sim, patience < limit ? patience : limit, PRIORITY_NORMAL, on_timeout, a);
}

static void first_is_sure(struct world *w, struct attempt *a)
{
  disarm_timer(w, a);
  arm_timer(w, a, true);
}

/* ---- messages: one leg is one transfer of this attempt --------------------------------------------------------- */

static void legs_done(struct world *w, struct attempt *a)
{
  if (--a->pending > 0) return;
  switch ((enum stage)a->stage) {
  case STAGE_ASK_TRIP: flow_ask(w, a); return;
  case STAGE_ANSWER_TRIP: flow_take_decided(w, a); return;
  case STAGE_UPLINK: flow_enter(w, a); return;
  case STAGE_DOWNLINK: flow_delivered(w, a); return;
  default: sim_assert(!"a stage that moves bytes");
  }
}

static void on_transfer(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  a->wait.transfer = NULL;
  ledger_late(world_of(s), a);
  legs_done(world_of(s), a);
}

static void on_leg(struct sim *s, void *subject)
{
  struct world *w = world_of(s);
  struct leg *leg = subject;
  struct attempt *a = leg->attempt;
  struct leg **at = &a->wait.legs;
  while (*at != leg) at = &(*at)->next;
  *at = leg->next;
  pool_give(w->legs, leg);
  ledger_late(w, a);
  legs_done(w, a);
}

struct attempt *flow_attempt_of(transfer_done_fn *done, void *subject)
{
  if (done == on_leg) return ((struct leg *)subject)->attempt;
  return done == on_transfer ? subject : NULL;
}

bool flow_is_state(transfer_done_fn *done, const void *subject)
{
  return done == on_leg && ((const struct leg *)subject)->is_state;
}

static struct leg *leg_new(struct world *w, struct attempt *a)
{
  struct leg *leg = pool_take(w->legs);
  *leg = (struct leg){ a, a->wait.legs, NULL, false };
  a->wait.legs = leg;
  return leg;
}

/* By which way it goes. */
static uint8_t carried(const struct attempt *a, unsigned direction)
{
  if (direction == WAY_DOWN) return carries_of(a->task);
  if (direction == WAY_MOVE || direction == WAY_STATE || direction == WAY_UP + MAX_TASKS) return CARRIES_INPUT;
  return direction >= WAY_UP ? (uint8_t)(CARRIES_OUTPUT + direction - WAY_UP) : CARRIES_NOTHING;
}

static void allow(struct world *w, const struct request *r, uint8_t carries)
{
  network_allow(w->network, exposure_zones(w, r, carries));
}

static void allow_output(struct world *w, const struct attempt *a) { allow(w, a->request, carried(a, WAY_DOWN)); }

/* The caller holds one count of a->pending, so that the attempt outlives transfers that take no time. */
static void send_leg(struct world *w, struct attempt *a, struct endpoint from, struct endpoint to, double bytes,
                     unsigned direction, enum transfer_kind kind)
{
  uint8_t carries = carried(a, direction);
  if (direction == WAY_STATE) network_allow(w->network, exposure_zones_state(w, a->request));
  else allow(w, a->request, carries);
  network_of_class(w->network, a->request->klass);
  if (same_end(from, to) || network_is_nothing(w->network, from, to)) return;
  struct transfer_record record = { .request = a->request->id, .task = a->task, .attempt = attempt_number(a),
                                    .kind = (uint8_t)kind, .carries = carries };
  struct transfer_cost cost = { 0 };
  uint64_t key = latency_key(a->request->id, a->task, a->ordinal, direction);
  a->pending++;
  if (many_legs(w, a)) {
    struct leg *leg = leg_new(w, a);
    leg->is_state = kind == TRANSFER_STATE;
    struct transfer *t = network_send(w->network, from, to, bytes, key, record, on_leg, leg, &cost);
    if (t) leg->transfer = t;
  } else {
    a->wait.transfer = network_send(w->network, from, to, bytes, key, record, on_transfer, a, &cost);
  }
  ledger_transfer(w, a, &cost);
}

/* What its message needs is out of service, and the scenario says that it fails then. */
static bool on_no_way(struct sim *s, transfer_done_fn *done, void *subject)
{
  struct attempt *a = flow_attempt_of(done, subject);
  if (a) flow_on_lost(world_of(s), a);
  return a != NULL;
}

void flow_reroutes(struct world *w) { network_on_no_way(w->network, on_no_way); }

static double ask_bytes(const struct world *w)
{
  const char *const *names, *const *units;
  return 64 + 8.0 * policy_host_features(w->host, &names, &units);
}

/* ---- begin and decide ------------------------------------------------------------------------------------------ */

static struct attempt *attempt_new(struct world *w, struct request *r, const struct attempt_ask *ask)
{
  struct attempt *a = pool_take(w->attempts);
  a->request = r;
  a->next = r->attempts;
  r->attempts = a;
  r->n_attempts = (uint8_t)count_up(r->n_attempts, 255);
  a->task = (uint8_t)ask->task;
  a->ordinal = (uint16_t)ask->ordinal;
  a->fallback = (uint8_t)ask->fallback;
  a->decision = ask->decision;
  a->role = ask->role;
  a->in_effort = ask->in_effort;
  a->migrated = ask->move != NULL;
  if (ask->move) ask->move->attempt = a;
  a->place = r->origin;
  a->member = r->device;
  a->started = now_of(w);
  a->decided = a->served = a->first_output = -1;
  return a;
}

void attempt_begin(struct world *w, struct request *r, const struct attempt_ask *ask)
{
  struct attempt *a = attempt_new(w, r, ask);
  const struct task_def *t = task_at(w, a);
  if (t->timeout_s > 0 || t->timeout_first_s > 0 || t->due_s > 0 || a->in_effort) arm_timer(w, a, false);
  if (!ask->plan) {
    flow_decide(w, a);
    return;
  }
  struct endpoint at = plan_end(w, r, ask->plan);
  if (plan_mask(w, r, ask->task, at, ask->plan)) attempt_end(w, a, STATUS_MASKED);
  else flow_take(w, a, ask->plan, at);
}

/* One allowed plan needs no decision and costs none. */
static void flow_decide(struct world *w, struct attempt *a)
{
  int first = 0, allowed = decide_options(w, a, &first);
  if (allowed == 0) {
    attempt_end(w, a, STATUS_MASKED);
  } else if (allowed == 1) {
    flow_take(w, a, &task_at(w, a)->plan[first], w->action_end[first]);
  } else if (w->setup.policy->at_place != NONE) {
    a->stage = STAGE_ASK_TRIP;
    a->pending = 1;
    double bytes = ask_bytes(w);
    w->decision_bytes += bytes;
    send_leg(w, a, origin_of(a->request), decide_where(w, a->request), bytes, WAY_ASK, TRANSFER_DECISION);
    legs_done(w, a);
  } else {
    flow_ask(w, a);
  }
}

/* What is known is known now, when the question has come to the learner. */
static void flow_ask(struct world *w, struct attempt *a)
{
  int first = 0, action = 0, allowed = 1;
  if (a->stage == STAGE_ASK_TRIP && w->setup.policy->at_place != NONE) allowed = decide_options(w, a, &first);
  a->stage = STAGE_ASK;
  if (allowed == 0) {
    attempt_end(w, a, STATUS_MASKED);
    return;
  }
  if (w->joins) joint_add(w, a);
  else if (decide_ask(w, a, &action)) flow_on_answer(w, a, &w->answer);
}

void flow_on_masked(struct world *w, struct attempt *a) { attempt_end(w, a, STATUS_MASKED); }

void flow_on_answer(struct world *w, struct attempt *a, const struct decision_result *answer)
{
  if (effort_on_answer(w, a, answer)) {
    disarm_timer(w, a);
    arm_timer(w, a, false);
  }
  double thinks_s = w->setup.policy->decision_s;
  if (thinks_s > 0) a->wait.event = sim_after(w->sim, ns_from_s(thinks_s), PRIORITY_NORMAL, flow_asked, a);
  else flow_answer(w, a);
}

static void flow_asked(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  a->wait.event = (event_id){ 0 };
  flow_answer(world_of(s), a);
}

static void flow_answer(struct world *w, struct attempt *a)
{
  if (w->setup.policy->at_place == NONE) {
    flow_take_decided(w, a);
    return;
  }
  a->stage = STAGE_ANSWER_TRIP;
  a->pending = 1;
  w->decision_bytes += 64;
  send_leg(w, a, decide_where(w, a->request), origin_of(a->request), 64, WAY_ANSWER, TRANSFER_DECISION);
  legs_done(w, a);
}

static void flow_take_decided(struct world *w, struct attempt *a)
{
  const struct plan_def *plan = &task_at(w, a)->plan[a->decision->action];
  flow_take(w, a, plan, plan_end(w, a->request, plan));
}

static void flow_take(struct world *w, struct attempt *a, const struct plan_def *plan, struct endpoint at)
{
  a->decided = now_of(w);
  decide_commit(w, a, plan, at);
  if (w->guarded) breaker_on_sent(w, a);
  if (a->in_effort) effort_on_sent(w, a, plan);
  if (a->place != a->request->origin || a->member != a->request->device) a->request->offloaded = true;
  flow_uplink(w, a);
}

/* ---- uplink: what the task needs, from where it lies, in parallel ---------------------------------------------- */

static void charge_egress(struct world *w, struct attempt *a, struct endpoint from, double bytes)
{
  struct place *p = &w->place[from.place];
  double usd = ledger_egress(w, p, bytes);
  a->usd += usd;
  p->use_usd += usd;
}

static double input_bytes(const struct world *w, const struct request *r, int from)
{
  const struct class_def *k = w->klass[r->klass].def;
  return expr_value(from < 0 ? &k->input_bytes : &k->task[from].output_bytes, r->attribute);
}

/* Of the task's output, as it goes to the user. */
static double answer_bytes(const struct world *w, const struct attempt *a)
{
  double bytes = expr_value(&task_at(w, a)->output_bytes, a->request->attribute);
  return sent_bytes(w, end_of(a), origin_of(a->request), bytes);
}

static struct endpoint input_end(const struct world *w, struct request *r, int from)
{
  return from < 0 ? origin_of(r) : request_outputs(w, r)[from];
}

/* Data take this way: do they pass a zone that the class forbids? */
static void see_way(struct world *w, struct attempt *a, struct endpoint from, struct endpoint to)
{
  uint64_t forbidden = ~w->klass[a->request->klass].def->zones;
  if (forbidden == 0 || network_detours(w->network)) return;    /* a detour keeps to the zones by itself */
  a->strayed |= (route(w->topology, from, to, sim_now(w->sim))->zones & forbidden) != 0;
}

/* Call for each input that lies elsewhere: from -1 = the device, else the task that made it. */
typedef void input_fn(struct world *, struct attempt *, int from, void *context);

static void each_input(struct world *w, struct attempt *a, input_fn *fn, void *context)
{
  uint64_t inputs = request_inputs(w, a->request, a->task);
  if (inputs >> FROM_DEVICE && !same_end(origin_of(a->request), end_of(a))) fn(w, a, NONE, context);
  for (uint32_t left = (uint32_t)inputs; left; left &= left - 1) {
    int from = __builtin_ctz(left);
    if (!same_end(input_end(w, a->request, from), end_of(a))) fn(w, a, from, context);
  }
}

static void fetch(struct world *w, struct attempt *a, int from, void *context)
{
  struct endpoint at = input_end(w, a->request, from);
  double bytes = sent_bytes(w, at, end_of(a), input_bytes(w, a->request, from));
  (void)context;
  charge_egress(w, a, at, bytes);
  see_way(w, a, at, end_of(a));
  send_leg(w, a, at, end_of(a), bytes, from < 0 ? WAY_UP + MAX_TASKS : WAY_UP + (unsigned)from, TRANSFER_DATA);
}

/* It came after its device with what it was at the place that this one left. */
static bool state_came(const struct world *w, const struct attempt *a)
{
  return a->migrated && roam_move(w, a)->bytes >= 0;
}

static void fetch_state(struct world *w, struct attempt *a)
{
  const struct move *m = roam_move(w, a);
  charge_egress(w, a, m->from, m->bytes);
  see_way(w, a, m->from, end_of(a));
  send_leg(w, a, m->from, end_of(a), m->bytes, WAY_MOVE, TRANSFER_RELAY);
}

/* What its conversation left at another place, beside the inputs. */
static void bring_state(struct world *w, struct attempt *a, struct endpoint from, double bytes)
{
  charge_egress(w, a, from, bytes);
  see_way(w, a, from, end_of(a));
  send_leg(w, a, from, end_of(a), bytes, WAY_STATE, TRANSFER_STATE);
}

static void on_attested(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  a->wait.event = (event_id){ 0 };
  flow_fetch(world_of(s), a);
}

static void flow_uplink(struct world *w, struct attempt *a)
{
  sim_time ready = w->trusts ? trust_ready(w, a) : 0;
  if (w->trusts && ready > now_of(w)) {
    a->stage = STAGE_ATTEST;
    a->wait.event = sim_at(w->sim, ready, PRIORITY_NORMAL, on_attested, a);
  } else {
    flow_fetch(w, a);
  }
}

static void flow_fetch(struct world *w, struct attempt *a)
{
  struct endpoint from;
  double bytes;
  a->stage = STAGE_UPLINK;
  a->fetched = true;
  a->pending = 1;
  if (state_came(w, a)) {
    fetch_state(w, a);
  } else {
    a->brings_state = w->states && state_sent(w, a, &from, &bytes);
    each_input(w, a, fetch, NULL);
    if (a->brings_state) bring_state(w, a, from, bytes);
  }
  legs_done(w, a);
}

static void add_bytes(struct world *w, struct attempt *a, int from, void *sum)
{
  *(double *)sum += sent_bytes(w, input_end(w, a->request, from), end_of(a), input_bytes(w, a->request, from));
}

/* ---- queue and serve: the station's part, or the API's --------------------------------------------------------- */

/* By the place's own rule, or by a policy's control of it. */
static bool turned_away(struct world *w, const struct place *p, const struct attempt *a)
{
  if (p->def->guard && sheds(w, a)) return true;
  bool unwanted = p->turned_away > 0 && control_turns_away(w, a);
  w->summary.own_failures += unwanted;
  return unwanted;
}

/* What is left to do of what the first one of its kind has drawn. */
static void demand_moved(struct world *w, const struct attempt *a, struct demand *d)
{
  const struct move *m = roam_move(w, a);
  demand_draw(w, a->request, a->task, (struct manner){ a->variant, a->job.clock }, m->ordinal, end_of(a), d);
  d->time_s *= m->left;
  d->size_s *= m->left;
}

static void flow_enter(struct world *w, struct attempt *a)
{
  struct place *p = &w->place[a->place];
  p->came++;
  a->entered = true;
  a->job.entered = now_of(w);
  struct demand d;
  if (turned_away(w, p, a)) {
    a->role |= ROLE_SHED;
    attempt_end(w, a, STATUS_REJECTED);
    return;
  }
  if (w->supplied && supply_empty(w, end_of(a))) {
    attempt_end(w, a, STATUS_LOST);
    return;
  }
  if (w->exposure) exposure_expect(w, a->request, a->task);
  if (a->migrated) demand_moved(w, a, &d);
  else demand_draw(w, a->request, a->task, (struct manner){ a->variant, a->job.clock }, a->ordinal, end_of(a), &d);
  if (d.outside && !measured_covers(w, a)) return;
  if (w->states && !state_came(w, a)) state_found(w, a, &d);
  if (p->def->kind == PLACE_API) {
    a->stage = STAGE_API;
    if (api_enter(w, a, &d) == BLOCKED) attempt_end(w, a, STATUS_REJECTED);
    else if (a->in_effort) effort_on_begun(w, a);
    return;
  }
  a->stage = STAGE_STATION;
  if (p->def->llm && !llm_covers(w, a, &d)) return;
  if (task_at(w, a)->patience_s) arm_patience(w, a);
  enum entry entry = p->fleets ? fleet_enter(w, a, &d)
                               : station_enter(station_nth(p->stations, a->member), w->sim, &a->job, &d);
  if (entry == BLOCKED) {
    a->stage = STAGE_UPLINK;
    attempt_end(w, a, STATUS_BLOCKED);
  }
}

static void on_job_first(struct sim *s, struct job *job) { flow_first(world_of(s), (struct attempt *)job); }
static void on_job_done(struct sim *s, struct job *job) { flow_served(world_of(s), (struct attempt *)job); }
static void on_job_refused(struct sim *s, struct job *job)
{
  struct attempt *a = (struct attempt *)job;
  a->stage = STAGE_UPLINK;
  attempt_end(world_of(s), a, STATUS_REJECTED);
}
void flow_on_api_first(struct world *w, struct attempt *a) { flow_first(w, a); }
void flow_on_api_done(struct world *w, struct attempt *a) { flow_served(w, a); }

static void on_job_started(struct sim *s, struct job *job)
{
  struct attempt *a = (struct attempt *)job;
  if (a->in_effort) effort_on_begun(world_of(s), a);
}

static struct chain on_job_chain(struct sim *s, const struct job *job)
{
  struct world *w = world_of(s);
  return w->states ? state_chain(w, (const struct attempt *)job) : (struct chain){ 0 };
}

void flow_events(const struct world_def *def, struct station_events *events)
{
  *events = (struct station_events){ .first = on_job_first, .done = on_job_done, .refused = on_job_refused };
  if (life_watches_starts(def)) events->started = on_job_started;
  if (measured_crowds(def)) events->crowded = measured_crowded;
  for (int i = 0; i < def->n_classes; i++)
    if (def->klass[i].arrivals.kind == ARRIVE_SESSION) events->chain = on_job_chain;
}

/* The first token leaves the place. Streamed, it reaches the user one latency later, or lets successors start. What
 * will be done again is not sent to the user. */
static void flow_first(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  const struct task_def *t = task_at(w, a);
  if (a->first_output >= 0) return;
  bool for_user = is_final(t) && !request_repeats(w, r, a->task, a->ordinal);
  a->first_output = now_of(w);
  if (for_user && r->server_first < 0) r->server_first = a->first_output;
  if (!t->stream) return;
  if (!for_user) {
    if (t->timeout_first_s > 0) first_is_sure(w, a);
    if (!t->successor_starts_on_first || t->repeat_probability > 0) return;
    request_outputs(w, r)[a->task] = end_of(a);
    request_on_first(w, r, a->task);
    return;
  }
  allow_output(w, a);
  if (network_is_barred(w->network, end_of(a), origin_of(r))) return;     /* it comes with the rest, another way */
  double way_s = same_end(origin_of(r), end_of(a)) ? 0
    : network_latency_s(w->network, end_of(a), origin_of(r), latency_key(r->id, a->task, a->ordinal, WAY_DOWN))
      + ledger_wake(w, a);
  sim_time at_user = time_add(a->first_output, ns_from_s(way_s));
  if (r->first_token < 0 || at_user < r->first_token) r->first_token = at_user;
  if (t->timeout_first_s > 0 && at_user <= time_add(a->started, ns_from_s(t->timeout_first_s))) first_is_sure(w, a);
}

/* A task that started on a flow cannot end before that flow does. */
static bool input_still_flows(const struct world *w, const struct attempt *a)
{
  return ((uint32_t)request_inputs(w, a->request, a->task) & ~a->request->done) != 0;
}

static void flow_served(struct world *w, struct attempt *a)
{
  struct place *p = &w->place[a->place];
  p->served_s += s_from_ns(now_of(w) - a->job.entered - a->job.wait_ns - (a->at_instance ? a->cold_ns : 0));
  p->served++;
  a->served = now_of(w);
  a->stage = STAGE_HELD;
  if (w->states) state_made(w, a);
  if (w->def->n_rollouts) version_served(w, a);
  if (is_final(task_at(w, a))) flow_first(w, a);
  else if (a->first_output < 0) a->first_output = a->served;      /* successors start at the end, which is now */
  if (!input_still_flows(w, a)) flow_leave(w, a);
}

void attempt_release_held(struct world *w, struct attempt *a)
{
  if (a->stage == STAGE_HELD && !input_still_flows(w, a)) flow_leave(w, a);
}

/* ---- downlink: the output of a last task goes to the user ------------------------------------------------------ */

static void flow_leave(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  const struct task_def *t = task_at(w, a);
  a->served = now_of(w);
  if (w->klass[r->klass].def->n_tasks > 1) request_outputs(w, r)[a->task] = end_of(a);
  bool repeats = t->repeat_probability > 0 && request_repeats(w, r, a->task, a->ordinal);
  if (t->effect || t->may_end) effect_on_served(w, a, repeats);
  bool finds = (t->effect && t->effect->n_produced > 0) || w->def->n_rollouts;
  if (finds && a->in_effort) effort_on_served(w, a);
  if (w->exposure) exposure_of_task(w, r, a->task);
  if (a->ends) request_call_off(w, r, a->task);
  if (repeats || !(is_final(t) || a->to_user)) attempt_end(w, a, STATUS_COMPLETED);
  else flow_downlink(w, a);
}

static void flow_downlink(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  const struct task_def *t = task_at(w, a);
  if (same_end(origin_of(r), end_of(a))) {
    flow_delivered(w, a);
    return;
  }
  double bytes = answer_bytes(w, a);
  a->returned = true;
  charge_egress(w, a, end_of(a), bytes);
  see_way(w, a, end_of(a), origin_of(r));
  allow_output(w, a);
  if (t->stream && is_final(t) && network_is_open(w->network, end_of(a), origin_of(r))) {
    flow_tail(w, a);
    return;
  }
  a->stage = STAGE_DOWNLINK;                            /* a stream without a way: as one message, by the rules of those */
  a->pending = 1;
  network_follows(w->network, a->left);
  send_leg(w, a, end_of(a), origin_of(r), bytes, WAY_DOWN, TRANSFER_DATA);
  network_follows(w->network, false);
  legs_done(w, a);
}

static void on_tail(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  a->wait.event = (event_id){ 0 };
  flow_delivered(world_of(s), a);
}

/* Tokens are small: each takes the latency, none waits for the link. Their bytes are charged. */
static void flow_tail(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  double way_s = network_latency_s(w->network, end_of(a), origin_of(r),
                                   latency_key(r->id, a->task, a->ordinal, WAY_DOWN));
  sim_time at = time_add(now_of(w), ns_from_s(way_s));
  if (at < r->first_token) at = r->first_token;         /* in order: the first one may have met a burst of delay */
  ledger_flow(w, a, answer_bytes(w, a), at);
  a->stage = STAGE_TAIL;
  if (at == now_of(w)) flow_delivered(w, a);
  else a->wait.event = sim_at(w->sim, at, PRIORITY_NORMAL, on_tail, a);
}

static void flow_delivered(struct world *w, struct attempt *a)
{
  const struct task_def *t = task_at(w, a);
  const struct work_def *work = &t->work[a->variant];
  if (t->stream && is_final(t) && work->kind == WORK_TOKENS)
    a->request->tokens += (uint32_t)llround(expr_value(&work->tok_out, a->request->attribute));
  attempt_end(w, a, STATUS_COMPLETED);
}

/* ---- end ------------------------------------------------------------------------------------------------------- */

/* What was charged when it was sent and did not go any more is given back: the attempt pays for what moved. */
static void cut(struct world *w, struct attempt *a, struct transfer *t, bool is_state)
{
  struct transfer_rest rest = network_cancel(w->network, t);
  struct transfer_cost back = { -rest.cost.device_j, -rest.cost.network_j, -rest.cost.usd };
  ledger_transfer(w, a, &back);
  if (a->stage != STAGE_UPLINK && a->stage != STAGE_DOWNLINK) return;
  charge_egress(w, a, rest.from, -rest.bytes);
  if (!is_state) a->cut.unsent_bytes += rest.bytes;
}

static void stop_legs(struct world *w, struct attempt *a)
{
  for (struct leg *leg = a->wait.legs, *next; leg; leg = next) {
    next = leg->next;
    cut(w, a, leg->transfer, leg->is_state);
    pool_give(w->legs, leg);
  }
  a->wait.legs = NULL;
}

/* What of a stream had left for the user when it was cut has gone: all that the place had made. */
static void stop_flow(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  const struct task_def *t = task_at(w, a);
  if (share_made(a) <= 0 || !t->stream || !is_final(t) || same_end(origin_of(r), end_of(a))) return;
  if (request_repeats(w, r, a->task, a->ordinal)) return;
  allow_output(w, a);
  if (!network_is_open(w->network, end_of(a), origin_of(r))) return;
  double bytes = share_made(a) * answer_bytes(w, a);
  a->returned = true;
  charge_egress(w, a, end_of(a), bytes);
  see_way(w, a, end_of(a), origin_of(r));
  ledger_flow(w, a, bytes, now_of(w));
}

static void attempt_stop(struct world *w, struct attempt *a)
{
  struct station *station;
  switch ((enum stage)a->stage) {
  case STAGE_ASK_TRIP: case STAGE_ANSWER_TRIP: case STAGE_UPLINK: case STAGE_DOWNLINK:
    if (many_legs(w, a)) stop_legs(w, a);
    else if (a->wait.transfer) cut(w, a, a->wait.transfer, false);
    break;
  case STAGE_STATION:
    station = station_nth(w->place[a->place].stations, a->member);
    a->cut.made = station_made(station, w->sim, &a->job);
    stop_flow(w, a);
    if (w->place[a->place].fleets) fleet_leave(w, a);
    else station_leave(station, w->sim, &a->job);
    break;
  case STAGE_API:
    a->cut.made = api_made(w, a);
    stop_flow(w, a);
    api_leave(w, a);                      /* fall through */
  case STAGE_ASK: case STAGE_TAIL: case STAGE_ATTEST:
    if (a->wait.event.bits) sim_cancel(w->sim, a->wait.event);
    break;
  case STAGE_HELD: stop_flow(w, a);
  }
}

static void attempt_end(struct world *w, struct attempt *a, enum status status)
{
  struct request *r = a->request;
  struct task_end end = { a->task, a->fallback, a->variant, a->in_effort, a->ends, a->ordinal, status, a->decision };
  if (status == STATUS_TIMEOUT || status == STATUS_LOST || status == STATUS_MOVED) attempt_stop(w, a);
  attempt_settle(w, a, status);
  request_on_end(w, r, &end);
}

void flow_on_lost(struct world *w, struct attempt *a) { attempt_end(w, a, STATUS_LOST); }

void flow_on_moved(struct world *w, struct attempt *a) { attempt_end(w, a, STATUS_MOVED); }

bool attempt_begun(const struct attempt *a)
{
  if (a->stage == STAGE_STATION) return !job_waits_to_begin(&a->job);
  return a->served >= 0 || a->stage == STAGE_API;
}

void attempt_drop(struct world *w, struct attempt *a, enum status status)
{
  attempt_stop(w, a);
  attempt_settle(w, a, status);
}

void attempt_cancel(struct world *w, struct attempt *a, enum status status)
{
  struct request *r = a->request;
  struct decision *d = a->decision;
  attempt_drop(w, a, status);
  if (d) decision_close(w, r, d, status, 0);
}

/* Phases follow one another without a gap; what was not reached has no length. */
static void write_phases(const struct attempt *a, sim_time now, struct attempt_record *record)
{
  sim_time decided = a->decided < 0 ? now : a->decided, entered = a->entered ? a->job.entered : now;
  sim_time served = a->served < 0 ? now : a->served, inside = served - entered;
  sim_time queue = a->job.wait_ns < inside ? a->job.wait_ns : inside;
  sim_time batch = a->job.batched && a->job.batch_ns < queue ? a->job.batch_ns : a->job.batched ? queue : 0;
  sim_time cold = cold_start_of(a, inside);
  if (!a->at_instance) queue -= cold;
  record->started_ns = a->started;
  record->ended_ns = now;
  record->phase_ns[PHASE_DECIDE] = decided - a->started;
  record->phase_ns[PHASE_UPLINK] = entered - decided;
  record->phase_ns[PHASE_QUEUE] = queue - batch;
  record->phase_ns[PHASE_BATCH] = batch;
  record->phase_ns[PHASE_COLD_START] = cold;
  record->phase_ns[PHASE_SERVE] = inside - queue - cold;
  record->phase_ns[PHASE_DOWNLINK] = now - served;
}

static void write_identity(const struct world *w, const struct attempt *a, enum status status,
                           struct attempt_record *record)
{
  const struct task_def *t = task_at(w, a);
  record->request = a->request->id;
  record->task = a->task;
  record->attempt = attempt_number(a);
  record->klass = a->request->klass;
  record->place = a->place;
  record->member = a->member;
  record->batch = a->job.batch_seen;
  record->variant = t->n_variants > 0 ? (uint8_t)t->variant[a->variant] : NO_VARIANT;
  record->status = (uint8_t)status;
  record->measured = a->request->measured;
  record->fallback = a->fallback;
  record->role = a->role;
  record->first_output_ns = a->first_output;
}

static void write_bytes(struct world *w, struct attempt *a, struct attempt_record *record)
{
  record->bytes_up = 0;
  bool came = state_came(w, a);                         /* as relays, which no attempt counts */
  if (a->fetched && !came) each_input(w, a, add_bytes, &record->bytes_up);
  record->bytes_down = a->returned ? share_made(a) * answer_bytes(w, a) : 0;
  if (a->stage == STAGE_DOWNLINK) record->bytes_down -= bytes_unsent(a);
  else if (!came) record->bytes_up -= bytes_unsent(a);
}

/* The masks make this impossible; it is counted from what happened, not from what was allowed. */
static bool outside_zones(const struct world *w, const struct attempt *a)
{
  return a->strayed || !(w->klass[a->request->klass].def->zones >> w->place[a->place].def->zone & 1);
}

static void unlink_attempt(struct request *r, struct attempt *a)
{
  struct attempt **at = &r->attempts;
  while (*at != a) at = &(*at)->next;
  *at = a->next;
}

static void attempt_settle(struct world *w, struct attempt *a, enum status status)
{
  struct request *r = a->request;
  struct attempt_record *record = &w->attempt_record;
  disarm_timer(w, a);
  if (w->guarded) breaker_on_end(w, a, status);
  if (a->in_effort) effort_observe(w, a, status);
  write_phases(a, now_of(w), record);
  write_identity(w, a, status, record);
  write_bytes(w, a, record);
  ledger_attempt(w, a, record);
  if (a->fetched && outside_zones(w, a)) w->summary.zone_violations++;
  r->device_j += record->energy_device_j;
  r->direct_j += record->energy_device_j + record->energy_network_j + record->energy_server_j;
  r->usd += record->cost_usd;
  if (a->decision) decision_add(a->decision, record);
  if (w->setup.sink.attempt) w->setup.sink.attempt(w->setup.sink.context, record);
  if (w->joint && a->stage == STAGE_ASK) joint_drop(w, a);
  if (a->migrated) roam_forget(w, a);
  unlink_attempt(r, a);
  pool_give(w->attempts, a);
}
