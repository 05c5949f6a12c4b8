/* Servers with slots, and the meters. Queues are in station_queue.c, token service in station_token.c.
 *
 * Every change first settles the areas up to now, then changes all state, then calls back: a callback may enter or take
 * out other jobs. Checked against M/M/c, M/M/c/K, M/G/1 PS and SRPT in tests/unit/queues.c.
 */
#include "models/station_parts.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>

static struct job *job_of_share(struct share_user *user) { return holder_of(user, struct job, at.user); }

/* ---- the array --------------------------------------------------------------------------------------------------- */

struct station *stations_new(struct sim *sim, const struct place_def *place, const struct world_def *world,
                             const struct station_events *events, uint64_t count)
{
  struct station *all = zeros_new(count, sizeof *all);
  struct station_kind *kind = zeros_new(1, sizeof *kind);
  kind->events = events;
  kind->discipline = place->discipline;
  kind->batching = place->batching;
  kind->lists = !place->batching
                && (place->discipline == FIFO || place->discipline == LIFO || place->discipline == PROCESSOR_SHARING);
  kind->preempts = !place->batching && (place->discipline == PRIORITY_PREEMPTIVE || place->discipline == SRPT);
  kind->gated = place->instances || place->failures;
  kind->limits_share = place->instances != NULL;
  kind->llm = place->llm;
  kind->speed = 1;
  for (int i = 0; world && i < world->n_changes; i++)
    kind->varies |= world->change[i].what == CHANGE_SPEED && &world->place[world->change[i].index] == place;
  kind->varies |= place->trust != NULL;
  kind->first = all;
  kind->entries = kind->returned = FIRST_ENTRY;
  if (kind->llm) {
    llm_events(&kind->llm_events);
    kind->llm_jobs = llm_jobs_new();
  }
  kind->servers = place->servers > 0 ? (uint32_t)place->servers : 1;
  kind->slots = place->slots > 0 ? (uint32_t)place->slots : 1;
  kind->n_variants = world && world->n_variants > 0 ? (uint32_t)world->n_variants : 1;
  kind->units = (int64_t)kind->servers * kind->slots * SLOT_UNITS;
  kind->capacity = place->capacity ? place->capacity : UINT64_MAX;
  for (uint64_t i = 0; i < count; i++) {
    all[i].kind = kind;
    all[i].since = all[i].window = sim_now(sim);
  }
  return all;
}

void stations_free(struct station *all, uint64_t count)
{
  if (!all) return;
  for (uint64_t i = 0; i < count; i++) {
    struct station_extra *extra = all[i].extra;
    if (!extra) continue;
    heap_release(&extra->queue);
    heap_release(&extra->running);
    share_free(extra->ps);
    free(extra->slot);
    tokens_release(extra, all[i].kind->servers);
    batch_release(extra);
    llm_release(extra, all[i].kind->servers);
    free(extra);
  }
  if (count) {
    free(all->kind->overflow);
    stations_power_free(all->kind->powered);
    if (all->kind->llm_jobs) pool_free(all->kind->llm_jobs);
    free(all->kind);
  }
  free(all);
}

void stations_hardware(struct station *all, const uint8_t *kind_of_member) { all->kind->hardware = kind_of_member; }
struct station *station_nth(struct station *all, uint64_t i) { return all + i; }
size_t station_bytes(void) { return sizeof(struct station); }

struct station_extra *station_more(struct station *s)
{
  if (!s->extra) s->extra = zeros_new(1, sizeof *s->extra);
  return s->extra;
}

/* ---- what goes by time, beside the areas ---------------------------------------------------------------------------- */

static unsigned __int128 overflow_area(const struct station *s, sim_time now)
{
  const struct overflow *o = &s->kind->overflow[s - s->kind->first];
  int64_t over = s->used - s->kind->reserved_units;
  return o->area + (over > 0 ? (unsigned __int128)(now - o->since) * (uint64_t)over : 0);
}

void station_settle_more(struct station *s, sim_time now)
{
  if (s->kind->powered) power_settle(s, now);
  if (s->kind->derated && now > s->since) heat_settle(s, now - s->since);
  if (s->kind->overflow) s->kind->overflow[s - s->kind->first] = (struct overflow){now, overflow_area(s, now)};
}

void stations_reserve(struct station *all, uint64_t count, uint32_t servers)
{
  struct station_kind *kind = all->kind;
  kind->overflow = zeros_new(count, sizeof *kind->overflow);
  for (uint64_t i = 0; i < count; i++) kind->overflow[i].since = all[i].since;
  kind->reserved_units = (int64_t)servers * kind->slots * SLOT_UNITS;
  kind->settles = true;
}

/* ---- meters ------------------------------------------------------------------------------------------------------ */

static double slot_seconds(unsigned __int128 units_ns) { return (double)units_ns / (SLOT_UNITS * NS_PER_S); }

void station_open_window(struct station *s, sim_time now)
{
  station_settle(s, now);
  s->used_before += slot_seconds(s->used_area);
  s->in_area = s->queue_area = s->used_area = 0;
  s->arrived = s->blocked = s->completed = s->waits = 0;
  s->wait_sum = 0;
  s->window = now;
  if (s->extra) s->extra->too_long = 0;
  if (s->extra && s->extra->engine) tokens_open_window(s, now);
  if (s->extra && s->extra->batcher) batch_open_window(s);
  if (s->extra && s->extra->llm) llm_open_window(s);
}

void station_meters(const struct station *station, sim_time now, struct station_meters *m)
{
  struct station s = *station;                          /* a copy: looking changes nothing */
  station_areas(&s, now);
  *m = (struct station_meters){
    .busy_slot_s = slot_seconds(s.used_area), .in_system_s = (double)s.in_area / NS_PER_S,
    .queue_s = (double)s.queue_area / NS_PER_S, .arrived = s.arrived, .blocked = s.blocked, .completed = s.completed,
    .wait_s_sum = s.wait_sum / NS_PER_S, .waits = s.waits, .batch_sum = (double)s.completed, .batches = s.completed,
  };
  m->run_busy_slot_s = s.used_before + m->busy_slot_s;
  m->run_server_busy_s = m->run_busy_slot_s / s.kind->slots;
  if (s.kind->overflow) m->run_over_slot_s = slot_seconds(overflow_area(station, now));
  if (s.extra && s.extra->engine) tokens_meters(&s, now, m);
  if (s.extra && s.extra->batcher) batch_meters(&s, m);
  if (s.extra && s.extra->llm) llm_meters(&s, m);
  else if (s.extra) m->llm.refused[ENGINE_MEMORY_TOO_SMALL] = s.extra->too_long;
}

uint32_t station_queue(const struct station *s) { return waiting(s); }
uint32_t station_busy(const struct station *s)
{
  if (s->kind->batching) return (uint32_t)(s->used / SLOT_UNITS);
  if (s->kind->discipline != PROCESSOR_SHARING || !s->extra || !s->extra->ps) return s->running;
  return s->running - share_users(s->extra->ps) + (uint32_t)(s->extra->ps_units / SLOT_UNITS);
}
uint32_t station_open_slots(const struct station *s) { return (uint32_t)(open_units(s) / SLOT_UNITS); }
uint32_t station_in_system(const struct station *s) { return s->in_system; }
bool job_waits_to_begin(const struct job *job)
{
  return (job->state == JOB_LLM_WAITS && !job->again) || (job->state == JOB_QUEUED && !job->begun);
}

/* ---- to and from the servers ------------------------------------------------------------------------------------- */

void station_complete(struct station *s, struct sim *sim, struct job *job)
{
  job->state = JOB_OUT;
  s->in_system--;
  s->completed++;
  if (s->kind->gated) s->kind->events->released(sim, job);
  if (waiting(s)) station_pump(s, sim);
  s->kind->events->done(sim, job);
}

static int64_t units_of(const struct station *s, const struct job *job)
{
  return job->cost ? tokens_units(s, job) : SLOT_UNITS;
}

/* Who runs in a slot, for changes of the speed. */
static void slot_add(struct station *s, struct job *job)
{
  struct station_extra *x = station_more(s);
  if (x->n_slot == x->slot_room) {
    x->slot_room = x->slot_room ? 2 * x->slot_room : 8;
    x->slot = realloc(x->slot, x->slot_room * sizeof *x->slot);
    if (!x->slot) check_out_of_memory(x->slot_room * sizeof *x->slot);
  }
  x->slot[x->n_slot++] = job;
}

static void slot_drop(struct station *s, const struct job *job)
{
  struct station_extra *x = s->extra;
  uint32_t i = x->n_slot;
  while (x->slot[--i] != job) continue;
  x->slot[i] = x->slot[--x->n_slot];
}

static void on_slot_done(struct sim *sim, void *subject)
{
  struct job *job = subject;
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  if (s->kind->varies) slot_drop(s, job);
  if (s->kind->preempts) running_remove(s, job);
  station_release(s, job, SLOT_UNITS);
  station_account(s, job, SLOT_UNITS);
  station_complete(s, sim, job);
}

static void start_in_slot(struct station *s, struct sim *sim, struct job *job)
{
  station_hold(s, job, SLOT_UNITS);
  job->state = JOB_SLOT;
  if (s->kind->preempts) running_push(s, job, s->since);
  if (s->kind->varies) slot_add(s, job);
  job->event = sim_after(sim, station_lasts(s, job->left_ns), PRIORITY_COMPLETE, on_slot_done, job);
}

/* Out of its slot, with the rest of its work. */
static void stop_in_slot(struct station *s, struct sim *sim, struct job *job)
{
  sim_cancel(sim, job->event);
  if (s->kind->preempts) running_remove(s, job);
  if (s->kind->varies) slot_drop(s, job);
  job->left_ns -= station_done(s, s->since - job->since);
  job->since = s->since;
  station_release(s, job, SLOT_UNITS);
}

/* Back to the queue, to go on later where it stopped. */
static void preempt(struct station *s, struct sim *sim, struct job *job)
{
  stop_in_slot(s, sim, job);
  queue_push(s, job);
  if (s->kind->gated) s->kind->events->released(sim, job);
}

static bool shares(const struct station *s, const struct job *job)
{
  return !job->cost && s->kind->discipline == PROCESSOR_SHARING;
}

static bool ps_fits(const struct station *);
static void ps_start(struct station *, struct sim *, struct job *);

static bool fits(struct station *s, struct job *job)
{
  if (shares(s, job)) return ps_fits(s);
  if (open_units(s) - s->used < units_of(s, job) && s->kind->discipline != PROCESSOR_SHARING) return false;
  return !job->cost || tokens_fit(s, job);
}

/* Slots of a member fill evenly: of `busy` others, so many are on the job's server. */
double station_crowded(const struct station *s, struct sim *sim, const struct job *job, uint32_t busy)
{
  uint32_t most = s->kind->slots - 1, there = busy / s->kind->servers;
  if (!s->kind->events->crowded || most == 0 || there == 0) return 1;
  return s->kind->events->crowded(sim, job, there < most ? (double)there / most : 1);
}

static void start(struct station *s, struct sim *sim, struct job *job)
{
  bool again = job->begun && !s->kind->gated;
  if (job->cost) tokens_start(s, sim, job);
  else if (shares(s, job)) ps_start(s, sim, job);
  else {
    if (s->kind->events->crowded && !job->begun)
      job->left_ns = (sim_time)((double)job->left_ns * station_crowded(s, sim, job, s->running));
    start_in_slot(s, sim, job);
  }
  job->begun = true;
  if (!again && s->kind->events->started) s->kind->events->started(sim, job);
}

/* Start whoever may start, in order; nobody overtakes the head of the queue. */
void station_pump(struct station *s, struct sim *sim)
{
  if (s->kind->batching) {
    batch_pump(s, sim);
    return;
  }
  if (s->kind->llm) {
    llm_pump(s, sim);
    return;
  }
  for (struct job *head; (head = queue_head(s)) != NULL;) {
    if (!fits(s, head)) {
      struct job *victim = s->kind->preempts && !head->cost ? running_victim(s, head, s->since) : NULL;
      if (!victim) return;
      preempt(s, sim, victim);
      continue;
    }
    queue_remove(s, head);
    start(s, sim, head);
  }
}

/* ---- processor sharing ------------------------------------------------------------------------------------------- */

/* Servers that share. */
static uint32_t open_servers(const struct station *s)
{
  return (uint32_t)(open_units(s) / ((int64_t)s->kind->slots * SLOT_UNITS));
}

/* With none open, those who share are on their way out, at this very moment: any speed will do. */
static double ps_speed(const void *context, uint32_t n)
{
  uint32_t servers = open_servers(context);
  const struct station *s = context;
  return station_speed(s) * (n <= servers || servers == 0 ? 1.0 : (double)servers / n);
}

/* An instance takes as many as it has slots. */
static bool ps_fits(const struct station *s)
{
  if (!s->kind->gated) return true;
  uint32_t servers = open_servers(s), sharing = s->extra && s->extra->ps ? share_users(s->extra->ps) : 0;
  return servers > 0 && (!s->kind->limits_share || sharing < servers * s->kind->slots);
}

/* Occupied: min(n, servers) servers with all their slots. Call after each change of either. */
static void ps_occupy(struct station *s)
{
  uint32_t n = share_users(s->extra->ps), most = open_servers(s);
  int64_t units = (int64_t)(n < most ? n : most) * s->kind->slots * SLOT_UNITS;
  s->used += units - s->extra->ps_units;
  s->extra->ps_units = units;
}

/* Its slot-seconds are what it got of the servers, not the time that it was there. */
static void ps_account(const struct station *s, struct job *job)
{
  double used_s = job->slot_s;
  station_account(s, job, 0);
  job->slot_s = used_s;
}

static void ps_used(const struct station *s, struct job *job, double left)
{
  job->slot_s += (job->work - left) * s->kind->slots / station_speed(s);
  job->work = left;
}

/* The job has left the share, with `left` seconds of its work undone. A share of a server counts as the work done. */
static void ps_out(struct station *s, struct job *job, double left)
{
  station_release(s, job, 0);
  ps_used(s, job, left);
  ps_occupy(s);
}

static void on_ps_done(struct sim *sim, void *context, struct share_user *user)
{
  struct station *s = context;
  station_settle(s, sim_now(sim));
  struct job *job = job_of_share(user);
  ps_out(s, job, 0);
  ps_account(s, job);
  station_complete(s, sim, job);
}

static void ps_start(struct station *s, struct sim *sim, struct job *job)
{
  struct station_extra *extra = station_more(s);
  if (!extra->ps) extra->ps = share_new(ps_speed, on_ps_done, s);
  job->state = JOB_SHARED;
  station_hold(s, job, 0);
  share_join(extra->ps, sim, &job->at.user, job->work);
  ps_occupy(s);
}

double station_left_s(struct station *s, struct sim *sim, const struct job *job)
{
  if (s->kind->batching || s->kind->llm || job->cost) return NAN;
  station_settle(s, sim_now(sim));
  if (job->state == JOB_SHARED) return share_left(s->extra->ps, sim, &job->at.user);
  if (job->state == JOB_SLOT) return s_from_ns(job->left_ns - station_done(s, s->since - job->since));
  return shares(s, job) ? job->work : s_from_ns(job->left_ns);
}

/* ---- gated -------------------------------------------------------------------------------------------------------- */

void station_gate(struct station *s, struct sim *sim, const uint8_t *closed, uint32_t slots)
{
  struct station_extra *extra = station_more(s);
  bool could = extra->batcher && batch_slot_free(s);
  station_settle(s, sim_now(sim));
  extra->closed = closed;
  extra->closed_units = s->kind->units - (int64_t)slots * SLOT_UNITS;
  if (extra->batcher) batch_gated(s, could);
  if (extra->ps) {
    share_update(extra->ps, sim);
    ps_occupy(s);
  }
  if (waiting(s)) station_pump(s, sim);
}

static void job_work(const struct station *s, struct job *job, const struct demand *d)
{
  if (s->kind->discipline == PROCESSOR_SHARING && !s->kind->batching) job->work = d->time_s;
  else job->left_ns = ns_from_s(d->time_s);
}

static void job_key(const struct station *s, struct job *job, const struct demand *d, uint64_t order)
{
  if (!s->kind->lists) job->at.user.finish = (struct heap_item){.key = queue_key(s->kind, d), .order = order};
}

/* KV is gone: all of it anew, before those who wait. Its old order went with its place in the engine. */
static void engine_interrupt(struct station *s, struct sim *sim, struct job *job, const struct demand *d,
                             struct job_use *use)
{
  if (s->kind->llm) llm_interrupt(s, sim, job, use);
  else tokens_leave(s, sim, job);
  tokens_prepare(job, d);
  job->since = s->since;
  job_key(s, job, d, --s->kind->returned);
  queue_return(s, job);
}

bool station_interrupt(struct station *s, struct sim *sim, struct job *job, const struct demand *d, bool anew,
                       struct job_use *use)
{
  sim_assert(s->kind->gated);
  station_settle(s, sim_now(sim));
  *use = (struct job_use){0};
  if (s->kind->batching) return batch_interrupt(s, sim, job, d, use);
  if (s->kind->llm || job->cost) {
    engine_interrupt(s, sim, job, d, use);
    return true;
  }
  sim_assert(job->state == JOB_SLOT || job->state == JOB_SHARED);
  if (job->state == JOB_SHARED) ps_out(s, job, share_leave(s->extra->ps, sim, &job->at.user));
  else stop_in_slot(s, sim, job);
  job->since = s->since;
  if (anew) {
    job_work(s, job, d);
    job_key(s, job, d, job->at.user.finish.order);
  }
  queue_return(s, job);
  return true;
}

void station_stop(struct station *s, struct sim *sim, uint32_t server)
{
  station_settle(s, sim_now(sim));
  if (s->kind->llm) llm_stop(s, server);
}

/* ---- speed -------------------------------------------------------------------------------------------------------- */

struct look { const struct station *station; const struct sim *sim; };

static void ps_settle(void *context, struct share_user *user)
{
  const struct look *look = context;
  ps_used(look->station, job_of_share(user), share_left(look->station->extra->ps, look->sim, user));
}

/* At the old speed: what has been done. `since` of a running job is the beginning of what is left. */
static void before_speed(struct station *s, struct sim *sim)
{
  struct station_extra *x = s->extra;
  station_settle(s, sim_now(sim));
  for (uint32_t i = 0; i < x->n_slot; i++) {
    x->slot[i]->left_ns -= station_done(s, s->since - x->slot[i]->since);
    if (x->slot[i]->left_ns < 0) x->slot[i]->left_ns = 0;
    x->slot[i]->since = s->since;
  }
  if (x->ps) share_each(x->ps, ps_settle, &(struct look){s, sim});
  if (x->engine) tokens_before_speed(s, sim);
}

static void after_speed(struct station *s, struct sim *sim)
{
  struct station_extra *x = s->extra;
  for (uint32_t i = 0; i < x->n_slot; i++) {
    struct job *job = x->slot[i];
    sim_cancel(sim, job->event);
    job->event = sim_after(sim, station_lasts(s, job->left_ns), PRIORITY_COMPLETE, on_slot_done, job);
  }
  if (x->ps) share_update(x->ps, sim);
  if (x->engine) tokens_after_speed(s, sim);
  if (x->llm) llm_speed(s);
}

void station_change_speed(struct station *s, struct sim *sim, void (*set)(struct station *, double), double value)
{
  if (s->extra) before_speed(s, sim);
  set(s, value);
  if (s->extra) after_speed(s, sim);
}

static void set_speed_of_kind(struct station *s, double speed) { s->kind->speed = speed; }

void stations_speed(struct station *all, uint64_t count, struct sim *sim, double speed)
{
  double before = all->kind->speed;
  sim_assert(all->kind->varies && speed > 0);
  for (struct station *s = all; s < all + count; s++) {
    all->kind->speed = before;
    station_change_speed(s, sim, set_speed_of_kind, speed);
  }
  all->kind->speed = speed;
}

/* ---- in and out -------------------------------------------------------------------------------------------------- */

static void job_prepare(struct station *s, struct job *job, const struct demand *d)
{
  job->station = s;
  job->entered = job->since = s->since;
  job->cost = d->cost;
  job->batch_seen = 1;
  if (d->cost) tokens_prepare(job, d);
  else job_work(s, job, d);
  if (!s->kind->lists) job_key(s, job, d, ++s->kind->entries);
}

static bool job_possible(struct station *s, struct sim *sim, const struct demand *d)
{
  if (s->kind->llm) return llm_possible(s, sim, d);
  if (d->cost && !tokens_possible(d)) {
    station_more(s)->too_long++;
    return false;
  }
  return !s->kind->batching || !batch_full(s);
}

enum entry station_enter(struct station *s, struct sim *sim, struct job *job, const struct demand *d)
{
  sim_assert(job->state == JOB_OUT);
  station_settle(s, sim_now(sim));
  s->arrived++;
  if (s->in_system >= s->kind->capacity || !job_possible(s, sim, d)) {
    s->blocked++;
    return BLOCKED;
  }
  if (d->sustained) heat_known(s, d->sustained);
  job_prepare(s, job, d);
  bool alone = waiting(s) == 0;
  s->in_system++;
  if (s->kind->batching) {
    batch_enter(s, sim, job, d->deadline);
  } else if (s->kind->llm) {
    llm_enter(s, sim, job);
  } else if ((alone || (shares(s, job) && !s->kind->gated)) && fits(s, job)) {
    start(s, sim, job);
  } else {
    queue_push(s, job);
    if (s->kind->discipline != FIFO) station_pump(s, sim);
  }
  return ENTERED;
}

void station_leave(struct station *s, struct sim *sim, struct job *job)
{
  sim_assert(job->state != JOB_OUT && job->station == s);
  station_settle(s, sim_now(sim));
  if (s->kind->batching) {
    batch_leave(s, sim, job);
    return;
  }
  if (s->kind->llm) {
    llm_leave(s, sim, job);
    return;
  }
  switch ((enum job_state)job->state) {
  case JOB_QUEUED:
    queue_remove(s, job);
    if (job->cost) job->batch_seen = 1;
    station_waited(s, job);
    if (shares(s, job)) ps_account(s, job);
    else station_account(s, job, units_of(s, job));
    break;
  case JOB_SLOT:
    sim_cancel(sim, job->event);
    if (s->kind->preempts) running_remove(s, job);
    if (s->kind->varies) slot_drop(s, job);
    station_release(s, job, SLOT_UNITS);
    station_account(s, job, SLOT_UNITS);
    break;
  case JOB_SHARED:
    ps_out(s, job, share_leave(s->extra->ps, sim, &job->at.user));
    ps_account(s, job);
    break;
  default:
    tokens_leave(s, sim, job);
  }
  job->state = JOB_OUT;
  s->in_system--;
  if (waiting(s)) station_pump(s, sim);
}
