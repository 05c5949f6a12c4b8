/* decide.c: from plans to actions, from an answer to a place; what the policy hears afterwards.
 *
 * Masks are hard and computed here: privacy (the zones of the place, of the ways its inputs take and of the way back,
 * against those that the class allows), capability, memory, reach. A plan for a whole place leaves the member to the
 * place's dispatch, which sees its own members as they are.
 */
#include "models/exposure.h"
#include <stdlib.h>
#include <string.h>

/* ---- masks ----------------------------------------------------------------------------------------------------- */

/* A device that is attached to nothing has no nearest place: an end that does not exist. */
struct endpoint nearest_to(const struct world *w, const struct request *r)
{
  struct endpoint at;
  bool any = topology_nearest(w->topology, origin_of(r), w->klass[r->klass].def->zones, now_of(w), &at);
  return any ? at : (struct endpoint){ UINT16_MAX, 0 };
}

struct endpoint plan_end(struct world *w, const struct request *r, const struct plan_def *plan)
{
  switch (plan->word) {
  case WORD_ORIGIN: return origin_of(r);
  case WORD_NEAREST: return nearest_to(w, r);
  case WORD_PLACE: return (struct endpoint){ (uint16_t)plan->place, 0 };
  case WORD_MEMBER: return (struct endpoint){ (uint16_t)plan->place, (uint32_t)plan->member };
  }
  sim_assert(!"a place word");
}

/* Dispatch may send what is asked of a whole place to any member: even what lies in one of them has a way to go. */
static struct endpoint farthest(const struct world *w, struct endpoint from, struct endpoint to,
                                const struct plan_def *plan)
{
  const struct place_def *p = &w->def->place[to.place];
  bool any = plan->word == WORD_PLACE && p->kind != PLACE_API && p->dispatch != DISPATCH_FIRST && p->count > 1;
  if (any && same_end(from, to)) to.member++;
  return to;
}

static uint32_t way_mask(const struct world *w, struct endpoint from, struct endpoint to, uint64_t allowed)
{
  if (same_end(from, to)) return 0;
  const struct route *way = route_intact(w->topology, from, to, now_of(w));
  if (!way->reachable) return OFFSIM_MASK_UNREACHABLE;
  return way->zones & ~allowed ? OFFSIM_MASK_PRIVACY : 0;
}

/* The same to whatever member dispatch may take: from a place of which each is a vertex, all of them. */
static uint32_t ways_mask(const struct world *w, struct endpoint from, struct endpoint to, const struct plan_def *plan,
                          uint64_t allowed)
{
  const struct place_def *p = &w->def->place[to.place];
  uint32_t mask = 0;
  if (plan->word != WORD_PLACE || !topology_is_spread(w->topology, to.place))
    return way_mask(w, from, farthest(w, from, to, plan), allowed);
  for (to.member = 0; to.member < (p->dispatch == DISPATCH_FIRST ? 1 : p->count) && !mask; to.member++)
    mask |= way_mask(w, from, to, allowed);
  return mask;
}

static uint32_t hardware_mask(const struct world *w, const struct place *p, int h, const struct task_def *t,
                              int variant)
{
  if (p->def->offers && t->n_variants > 0 && !p->def->offers[t->variant[variant]]) return OFFSIM_MASK_CAPABILITY;
  if (p->def->kind == PLACE_API) return 0;
  if (p->def->kind == PLACE_NODE) return OFFSIM_MASK_CAPABILITY;
  enum work_kind kind = t->work[variant].kind;
  const struct variant_def *v = variant_of(w, t, variant);
  uint32_t mask = 0;
  if (kind == WORK_ROOFLINE && p->def->n_hardware == 0) mask |= OFFSIM_MASK_CAPABILITY;
  if (p->def->llm) {
    if (kind != WORK_TOKENS || (v ? t->variant[variant] : NONE) != p->def->llm->variant) mask |= OFFSIM_MASK_CAPABILITY;
  } else if (kind == WORK_TOKENS && (!p->cost || !v || !p->cost[h * w->def->n_variants + t->variant[variant]].available))
    mask |= OFFSIM_MASK_CAPABILITY;
  if (v && p->memory_bytes[h] > 0 && v->weight_bytes + v->kv_bytes_per_tok > p->memory_bytes[h]) mask |= OFFSIM_MASK_MEMORY;
  return mask;
}

/* A plan for a whole place needs all its members to be able. */
static uint32_t members_mask(const struct world *w, const struct place *p, uint32_t member, const struct task_def *t,
                             const struct plan_def *plan)
{
  uint32_t mask = 0;
  if (plan->word != WORD_PLACE) return hardware_mask(w, p, kind_of(p, member), t, plan->variant);
  for (int h = 0; h < p->n_kinds; h++)
    if (p->members[h]) mask |= hardware_mask(w, p, h, t, plan->variant);
  return mask;
}

/* Of what the device sends (from NONE), or a task has made: whether it may go there, and be there. */
static uint32_t input_mask(const struct world *w, const struct request *r, int from, struct endpoint at,
                           const struct plan_def *plan)
{
  struct endpoint lies = from < 0 ? origin_of(r) : request_outputs(w, (struct request *)r)[from];
  uint64_t zones = exposure_zones(w, r, carries_of(from));
  uint32_t mask = zones >> w->def->place[at.place].zone & 1 ? 0 : OFFSIM_MASK_PRIVACY;
  return mask | ways_mask(w, lies, at, plan, zones);
}

/* What does not change during a run. */
static uint32_t lasting_mask(struct world *w, const struct request *r, int task, struct endpoint at,
                             const struct plan_def *plan)
{
  const struct class_def *k = w->klass[r->klass].def;
  const struct task_def *t = &k->task[task];
  if (at.place >= w->def->n_places) return OFFSIM_MASK_UNREACHABLE;
  const struct place *p = &w->place[at.place];
  uint64_t made = exposure_zones_made(w, r, task);
  uint32_t mask = made >> p->def->zone & 1 ? 0 : OFFSIM_MASK_PRIVACY;
  mask |= members_mask(w, p, at.member, t, plan);
  uint64_t inputs = request_inputs(w, r, task);
  bool answers = is_final(t) || t->may_end;
  if (inputs >> FROM_DEVICE) mask |= input_mask(w, r, NONE, at, plan);
  if (answers && (w->exposure || !(inputs >> FROM_DEVICE))) mask |= ways_mask(w, origin_of(r), at, plan, made);
  for (uint32_t left = (uint32_t)inputs; left; left &= left - 1) mask |= input_mask(w, r, __builtin_ctz(left), at, plan);
  return mask;
}

/* And what does: breakers and health, in no cache. */
static uint32_t passing_mask(struct world *w, struct endpoint at, const struct plan_def *plan)
{
  return w->guarded && at.place < w->def->n_places ? guard_mask(w, &w->place[at.place], plan, at.member) : 0;
}

uint32_t plan_mask(struct world *w, const struct request *r, int task, struct endpoint at, const struct plan_def *plan)
{
  return lasting_mask(w, r, task, at, plan) | passing_mask(w, at, plan);
}

/* Masks of first tasks depend on the origin's place alone, where the members of the plan's place are alike and ways
 * lead from place to place. The others are computed each time, and so is a plan for the origin's own place: the one
 * device is there already, another has a way to go. */
static uint8_t *known_masks(const struct klass *k, const struct request *r, int task)
{
  const struct task *t = &k->task[task];
  int from = 0;
  if (!t->masks) return NULL;
  while (k->def->from[from] != r->origin) from++;
  return t->masks + from * t->def->n_plans;
}

static uint32_t mask_of(struct world *w, const struct request *r, int task, int plan, uint8_t *known)
{
  const struct plan_def *p = &task_of(w, r, task)->plan[plan];
  if (known && known[plan] != MASK_UNKNOWN) return known[plan];
  uint32_t mask = lasting_mask(w, r, task, w->action_end[plan], p);
  uint16_t place = w->action_end[plan].place;
  bool alike = place < w->def->n_places && w->place[place].n_kinds == 1
               && (place != r->origin || p->word == WORD_ORIGIN)
               && !topology_is_spread(w->topology, place) && !topology_is_spread(w->topology, r->origin);
  if (known && alike) known[plan] = (uint8_t)mask;
  return mask;
}

int decide_options(struct world *w, const struct attempt *a, int *first)
{
  const struct request *r = a->request;
  const struct task_def *t = task_of(w, r, a->task);
  uint8_t *known = known_masks(&w->klass[r->klass], r, a->task);
  int allowed = 0;
  for (int i = t->n_plans - 1; i >= 0; i--) {
    w->action_end[i] = plan_end(w, r, &t->plan[i]);
    w->actions[i].mask = mask_of(w, r, a->task, i, known) | passing_mask(w, w->action_end[i], &t->plan[i]);
    if (w->actions[i].mask) continue;
    allowed++;
    *first = i;
  }
  return allowed;
}

/* ---- which member ---------------------------------------------------------------------------------------------- */

static uint32_t shortest(const struct place *p)
{
  uint32_t best = 0, least = UINT32_MAX;
  for (uint64_t i = 0; i < p->def->count; i++) {
    uint32_t jobs = station_in_system(station_nth(p->stations, i));
    if (jobs < least) {
      best = (uint32_t)i;
      least = jobs;
    }
    if (least == 0) break;
  }
  return best;
}

static uint32_t dispatch(struct world *w, struct place *p, const struct attempt *a)
{
  if (p->def->count == 1 || p->def->kind != PLACE_SERVERS) return 0;
  struct rng rng;
  uint32_t member;
  switch (p->def->dispatch) {
  case DISPATCH_JSQ: return shortest(p);
  case DISPATCH_ROUND_ROBIN: return (uint32_t)(p->round_robin++ % p->def->count);
  case DISPATCH_RANDOM:
    rng = rng_open(&w->root, STREAM_DISPATCH, p->name, latency_key(a->request->id, a->task, a->ordinal, 0));
    return (uint32_t)rng_below(&rng, p->def->count);
  case DISPATCH_SESSION: return w->states && state_member(w, a, p->index, &member) ? member : shortest(p);
  default: return 0;
  }
}

/* The next one that is not known to be down. */
static uint32_t healthy(const struct place *p, uint32_t member)
{
  for (uint64_t i = 0; p->health && i < p->def->count; i++) {
    uint32_t next = (uint32_t)((member + i) % p->def->count);
    if (!health_down(p, next)) return next;
  }
  return member;
}

void decide_commit(struct world *w, struct attempt *a, const struct plan_def *plan, struct endpoint at)
{
  a->place = at.place;
  a->variant = (uint8_t)plan->variant;
  a->job.clock = (unsigned)plan->clock & (MAX_CLOCKS - 1);
  a->member = plan->word == WORD_PLACE ? healthy(&w->place[at.place], dispatch(w, &w->place[at.place], a)) : at.member;
}

/* ---- the question ---------------------------------------------------------------------------------------------- */

struct endpoint decide_where(struct world *w, const struct request *r)
{
  int place = w->setup.policy->at_place;
  struct endpoint near = nearest_to(w, r);
  if (place == r->origin) return origin_of(r);
  if (place == near.place) return near;
  return (struct endpoint){ (uint16_t)place, (uint32_t)(r->device % w->def->place[place].count) };
}

static uint64_t site_of(const struct world *w, const struct request *r)
{
  struct endpoint at = attachment(w->topology, origin_of(r), now_of(w));
  return at.place < w->def->n_places ? w->place[at.place].first_member + at.member : 0;
}

static void fill_action(struct world *w, const struct attempt *a, int i)
{
  const struct task_def *t = task_of(w, a->request, a->task);
  const struct plan_def *plan = &t->plan[i];
  struct action_facts *f = &w->actions[i];
  uint32_t mask = f->mask;
  struct endpoint at = w->action_end[i];
  *f = (struct action_facts){ .place = at.place, .variant = t->n_variants > 0 ? t->variant[plan->variant] : NONE,
                              .member = plan->word == WORD_PLACE ? UINT64_MAX : at.member, .mask = mask,
                              .est_latency_s = NAN, .est_cost_usd = NAN, .est_energy_j = NAN, .est_quality = NAN,
                              .queue = NAN, .queue_age_s = NAN };
  if (at.place >= w->def->n_places) {
    f->place = NONE;
    return;
  }
  f->tier = (int)w->def->place[at.place].tier;
  if (w->wants_queue || w->wants_estimates)
    f->queue = telemetry_jobs(w, a->request, &w->place[at.place], plan->word == WORD_PLACE ? NONE : (int64_t)at.member,
                              &f->queue_age_s);
  if (w->wants_estimates && mask == 0) estimates_fill(w, a, plan, at, f);
}

static struct decision_facts *write_facts(struct world *w, const struct request *r, int task, uint64_t number, int nth)
{
  const struct klass *k = &w->klass[r->klass];
  struct decision_facts *f = &w->facts;
  f->request = r->id;
  f->decision_number = number;
  f->klass = r->klass;
  f->task = task;
  f->decision = nth;
  f->device = device_of(w, r);
  f->site = 0;
  f->now = now_of(w);
  f->deadline_s = k->def->slo_e2e_s > 0 ? k->def->slo_e2e_s : NAN;
  f->elapsed_s = s_from_ns(f->now - r->arrived);
  f->attribute = r->attribute;
  f->tasks_done = r->done;
  f->estimate = k->estimate;
  f->n_actions = k->def->task[task].n_plans;
  f->action = w->actions;
  return f;
}

static struct decision *decision_new(struct world *w, const struct attempt *a, const struct decision_facts *facts,
                                     const struct decision_result *result)
{
  struct decision *d = pool_take(w->decisions);
  d->number = facts->decision_number;
  d->at = facts->now;
  d->began = a->started;
  d->memo = result->memo;
  d->propensity = result->propensity;
  d->site = facts->site;
  d->tasks_done = facts->tasks_done;
  d->action = (uint16_t)result->action;
  d->n_actions = (uint16_t)facts->n_actions;
  d->place = (uint16_t)facts->action[result->action].place;
  d->nth = (uint8_t)facts->decision;
  d->task = a->task;
  int variant = facts->action[result->action].variant;
  d->variant = variant == NONE ? NO_VARIANT : (uint8_t)variant;
  d->replaced = result->replaced;
  d->left_out = (uint8_t)(result->left_out & 7);        /* a copy and 4 fallbacks at most */
  memcpy(d->feature, result->feature, sizeof(double) * (size_t)w->n_features);
  return d;
}

static bool no_answer(struct world *w)
{
  return run_fails(w);
}

uint64_t decide_learner(const struct world *w, const struct request *r)
{
  enum scope scope = w->setup.policy->scope;
  return scope == SCOPE_DEVICE ? device_of(w, r) : scope == SCOPE_SITE ? site_of(w, r) : 0;
}

/* How the device is, and the network from it; before that, its battery. */
__attribute__((noinline))
static void fill_state(struct world *w, const struct attempt *a, struct decision_facts *facts)
{
  if (!w->wants_estimates) estimates_begin(w, a);
  facts->battery_level = w->supplied ? supply_battery_level(w, a->request) : NAN;
  facts->warmth_c = supply_warmth_c(w, a->request);
  facts->network_s = estimates_network_s(w, a);
  facts->priority = w->klass[a->request->klass].def->priority;
  facts->work_flop = estimates_work_flop(w, a);
  facts->moved_bytes = estimates_moved_bytes(w, a);
}

/* The question of an attempt; its options are in world.actions. */
static struct decision_facts *question(struct world *w, struct attempt *a)
{
  struct request *r = a->request;
  struct decision_facts *facts = write_facts(w, r, a->task, w->n_decisions++, r->n_decisions);
  if (w->setup.policy->scope == SCOPE_SITE || w->shadow) facts->site = site_of(w, r);
  facts->retries_left = effort_retries_left(w, a);
  facts->battery_j = w->supplied ? supply_battery_j(w, a->request) : NAN;
  if (w->wants_estimates) estimates_begin(w, a);
  for (int i = 0; i < facts->n_actions; i++) fill_action(w, a, i);
  if (w->wants_state) fill_state(w, a, facts);
  r->n_decisions = (uint8_t)count_up(r->n_decisions, 255);
  return facts;
}

static void answered(struct world *w, struct attempt *a, const struct decision_facts *facts,
                     const struct decision_result *answer)
{
  w->summary.decisions++;
  w->summary.replaced += answer->replaced;
  w->summary.left_out += (uint64_t)answer->left_out;
  a->decision = decision_new(w, a, facts, answer);
}

bool decide_ask(struct world *w, struct attempt *a, int *action)
{
  struct decision_facts *facts = question(w, a);
  struct decision_result *answer = &w->answer;
  if (!policy_host_decide(w->host, facts, answer, w->err) || (w->shadow && !shadow_ask(w, facts, answer)))
    return no_answer(w);
  answered(w, a, facts, answer);
  *action = answer->action;
  return true;
}

static bool ask_in_turn(struct world *w, uint32_t n, struct attempt *const *a, struct decision_result *answer)
{
  for (uint32_t i = 0; i < n; i++) {
    int first, action;
    decide_options(w, a[i], &first);
    if (!decide_ask(w, a[i], &action)) return false;
    answer[i] = w->answer;
  }
  return true;
}

/* Each question with actions of its own. */
static void ask_jointly(struct world *w, uint32_t n, struct attempt *const *a, struct decision_facts *facts,
                        struct action_facts *action, int most)
{
  for (uint32_t i = 0; i < n; i++, action += most) {
    int first;
    decide_options(w, a[i], &first);
    facts[i] = *question(w, a[i]);
    memcpy(action, w->actions, (size_t)facts[i].n_actions * sizeof *action);
    facts[i].action = action;
  }
}

bool decide_ask_all(struct world *w, uint32_t n, struct attempt *const *a, struct decision_result *answer)
{
  int most = 1;
  if (!policy_host_batches(w->host) || w->shadow) return ask_in_turn(w, n, a, answer);
  for (uint32_t i = 0; i < n; i++) most = (int)fmax(most, task_of(w, a[i]->request, a[i]->task)->n_plans);
  struct decision_facts *facts = calloc(n, sizeof *facts);
  struct action_facts *action = calloc((size_t)n * (size_t)most, sizeof *action);
  if (!facts || !action) check_out_of_memory(n * sizeof *facts);
  ask_jointly(w, n, a, facts, action, most);
  bool ok = policy_host_decide_batch(w->host, n, facts, answer, w->err) || no_answer(w);
  for (uint32_t i = 0; ok && i < n; i++) answered(w, a[i], &facts[i], &answer[i]);
  free(facts);
  free(action);
  return ok;
}

/* ---- the outcome ----------------------------------------------------------------------------------------------- */

void decision_add(struct decision *d, const struct attempt_record *record)
{
  for (int i = 0; i < N_PHASES; i++) d->phase_ns[i] += record->phase_ns[i];
  d->energy_j += record->energy_device_j + record->energy_network_j + record->energy_server_j;
  d->usd += record->cost_usd;
  d->attempts = (uint8_t)count_up(d->attempts, 255);
  d->fallback = record->fallback;
}

static void write_outcome(const struct world *w, const struct decision *d, enum status status, double quality,
                          struct outcome_facts *out)
{
  const struct objective_def *o = &w->def->objective;
  bool good = status == STATUS_COMPLETED || status == STATUS_ANSWERED;
  bool failed = !good && status != STATUS_CENSORED && status != STATUS_CANCELLED;
  out->decision_number = d->number;
  out->now = now_of(w);
  out->action = d->action;
  out->status = status;
  out->latency_s = s_from_ns(out->now - d->began);
  out->energy_j = d->energy_j;
  out->cost_usd = d->usd;
  out->quality = good ? quality : 0;
  out->attempts = d->attempts;
  out->fallback = d->fallback;
  out->score = w->efforts ? efforts_score(w) : NAN;
  for (int i = 0; i < N_PHASES; i++) out->phase_s[i] = 1e-9 * (double)d->phase_ns[i];   /* dividing costs more */
  out->reward = o->latency_per_s * out->latency_s + o->money_per_usd * out->cost_usd + o->energy_per_j * out->energy_j
                + o->quality * out->quality + (failed ? o->failure : 0);
}

static void send_decision(struct world *w, const struct request *r, const struct decision *d, double reward)
{
  struct decision_record *record = &w->decision_record;
  record->request = r->id;
  record->at_ns = d->at;
  record->propensity = d->propensity;
  record->reward = reward;
  record->action = d->action;
  record->n_actions = d->n_actions;
  record->place = d->place;
  record->klass = r->klass;
  record->task = d->task;
  record->decision = d->nth;
  record->variant = d->variant;
  record->replaced = d->replaced;
  record->left_out = d->left_out;
  record->measured = r->measured;
  record->n_features = (uint8_t)w->n_features;
  memcpy(record->feature, d->feature, sizeof(double) * (size_t)w->n_features);
  record->n_fallbacks = (uint8_t)efforts_chosen(w, record->fallback);
  w->setup.sink.decision(w->setup.sink.context, record);
}

static void deliver(struct world *w, const struct decision_facts *who, void *memo, const struct outcome_facts *out)
{
  if (!w->failed && !policy_host_outcome(w->host, who, memo, out, w->err)) run_fails(w);
}

static void deliver_late(struct world *w, struct late_outcome *late)
{
  late->outcome.now = now_of(w);
  deliver(w, &late->who, late->memo, &late->outcome);
  pool_give(w->late, late);
}

static void on_late(struct sim *s, void *late) { deliver_late(world_of(s), late); }

void outcomes_flush(struct world *w)
{
  size_t cursor = 0;
  for (struct late_outcome *late; w->late && (late = pool_each(w->late, &cursor)) != NULL;) deliver_late(w, late);
}

/* The device knows at once; a learner elsewhere hears of it one idle way later. */
static void report(struct world *w, const struct request *r, const struct decision_facts *who, void *memo,
                   const struct outcome_facts *out)
{
  bool away = w->setup.policy->at_place != NONE && out->status != STATUS_CENSORED;
  double way_s = away ? learner_tell(w, r, who->task) : 0;
  if (way_s <= 0) {
    deliver(w, who, memo, out);
    return;
  }
  struct late_outcome *late = pool_take(w->late);
  *late = (struct late_outcome){ *who, memo, *out };
  late->who.attribute = NULL;                           /* the request will be gone */
  late->who.n_actions = 0;
  sim_after(w->sim, ns_from_s(way_s), PRIORITY_NORMAL, on_late, late);
}

/* The choice answers for all that followed until its task's end, fallbacks included. */
void decision_close(struct world *w, struct request *r, struct decision *d, enum status status, double quality)
{
  struct outcome_facts out;
  struct decision_facts *who = write_facts(w, r, d->task, d->number, d->nth);
  write_outcome(w, d, status, quality, &out);
  who->site = d->site;
  who->tasks_done = d->tasks_done;
  if (w->setup.sink.decision) send_decision(w, r, d, out.reward);
  report(w, r, who, d->memo, &out);
  pool_give(w->decisions, d);
}
