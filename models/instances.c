/* The life of instances: started by a request that finds no free slot (or by the autoscaler), warm, idle, retired.
 *
 * Who waits for what. queue: front: the station's queue, in its order, takes whatever slot comes free first; a request
 * that has to wait starts an instance unless those that start already have room for all that wait. queue: instance: it
 * takes a slot of the instance that it started, at once, and its service follows the start; later requests may overtake
 * it at an instance that came free. Beyond `max` all wait at the front. surplus: cancel: when fewer wait than start, the
 * youngest starts are given up: M/M/c/setup as of Gandhi, Harchol-Balter and Adan (2010), every job that waits turning on
 * one server: min(waiting, c - busy) of them start at any time.
 * Charged: the start, up to the moment at which the request leaves, to the request that caused it; the rest of an
 * instance's life is residual. Checked in every run: the integral of the number of instances = the sum of their lives.
 * Checkable: one instance, Poisson arrivals of rate r, keep-alive t, short service: P(cold) = exp(-r t).
 */
#include "models/instances.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>

static const struct instances_def ALWAYS_THERE = { .min = UINT32_MAX, .max = UINT32_MAX, .keep = KEEP_ALWAYS };

static struct attempt *attempt_of(struct job *job) { return (struct attempt *)job; }
static struct fleet *fleet_of(struct world *w, const struct attempt *a)
{
  return &w->place[a->place].fleets[a->member];
}

/* Else its jobs hold slots, shares or places in engines of their own. */
static bool in_batches(const struct fleet *f) { return f->place->def->batching != NULL; }

static void running_drop(struct fleet *, struct job *);
static void ending_left(struct instance *);
static void spent_settle(struct fleet *, struct job *);

/* ---- made and freed ----------------------------------------------------------------------------------------------- */

static void fleet_init(struct world *w, struct place *p, struct fleet *f, uint32_t member)
{
  *f = (struct fleet){ .w = w, .place = p, .member = member, .n = (uint32_t)p->def->servers, .all_idle_since = -1 };
  f->def = p->def->instances ? p->def->instances : &ALWAYS_THERE;
  f->station = station_nth(p->stations, member);
  f->instance = zeros_new(f->n, sizeof *f->instance);
  f->closed = zeros_new(f->n, 1);
  for (uint32_t i = 0; i < f->n; i++) {
    bool there = i < f->def->min;
    f->instance[i] = (struct instance){ .fleet = f, .state = there ? INSTANCE_WARM : INSTANCE_OFF, .cached = there };
    f->warm += there;
  }
  f->desired = f->warm;
  histogram_new(f);
  fleet_gate(f);
  autoscale_start(f);
  failures_start(f);
}

void fleets_new(struct world *w, struct place *p)
{
  if (!p->def->instances && !p->def->failures) return;
  p->fleets = zeros_new(p->def->count, sizeof *p->fleets);
  for (uint64_t i = 0; i < p->def->count; i++) fleet_init(w, p, &p->fleets[i], (uint32_t)i);
}

void fleets_free(struct world *w, struct place *p)
{
  (void)w;
  for (uint64_t i = 0; p->fleets && i < p->def->count; i++) {
    free(p->fleets[i].instance);
    free(p->fleets[i].closed);
    free(p->fleets[i].running);
    free(p->fleets[i].spent);
    free(p->fleets[i].looks.present);
    free(p->fleets[i].idle.count);
  }
  free(p->fleets);
}

/* ---- how many live ------------------------------------------------------------------------------------------------ */

static void settle_alive(struct fleet *f)
{
  sim_time now = fleet_now(f);
  uint32_t alive = fleet_alive(f), reserved = f->def->reserved;
  f->alive_area += (__int128)(now - f->since) * alive;
  if (alive > reserved) f->over_area += (__int128)(now - f->since) * (alive - reserved);
  f->since = now;
}

void fleet_gate(struct fleet *f)
{
  uint32_t open = 0, held = 0;
  for (uint32_t i = 0; i < f->n; i++) {
    const struct instance *one = &f->instance[i];
    f->closed[i] = f->down || one->failed || one->ends || one->state != INSTANCE_WARM;
    open += !f->closed[i];
    held += one->ends ? one->busy : 0;
  }
  open *= (uint32_t)f->place->def->slots;
  station_gate(f->station, f->w->sim, f->closed, f->down ? 0 : open + held + f->bound);
}

/* What its life on demand is billed for beyond its length. */
static void round_life(struct place *p, const struct instance *i)
{
  double lived_s = s_from_ns(fleet_now(i->fleet) - i->began);
  if (p->tariff.terms && i->over) p->rounded_s += tariff_billed_s(p->tariff.terms, lived_s) - lived_s;
}

/* A start that ends early: who caused it does not pay for the rest. */
static void cause_spared(struct instance *i)
{
  struct attempt *a = i->cause;
  if (a && fleet_now(i->fleet) - a->job.entered < a->cold_ns) a->cold_ns = fleet_now(i->fleet) - a->job.entered;
  i->cause = NULL;
}

void fleet_settled(struct fleet *f, const struct attempt *a)
{
  for (struct instance *i = f->instance; i < f->instance + f->n; i++)
    if (i->cause == a) i->cause = NULL;
}

static void instance_off(struct instance *i)
{
  struct fleet *f = i->fleet;
  sim_assert(i->state != INSTANCE_OFF && i->busy == 0);
  settle_alive(f);
  round_life(f->place, i);
  if (i->state == INSTANCE_WARM) f->warm--;
  else f->starting--;
  cause_spared(i);
  f->lived += fleet_now(f) - i->began;
  if (i->event.bits) sim_cancel(f->w->sim, i->event);
  i->event = (event_id){ 0 };
  i->state = INSTANCE_OFF;
  f->ending -= i->ends;
  i->ends = false;
  if (fleet_alive(f) == 0) states_lost(f->w, (struct endpoint){ (uint16_t)f->place->index, f->member });
}

void instance_retire(struct instance *i)
{
  instance_off(i);
  fleet_gate(i->fleet);
}

void instance_back(struct instance *i)
{
  struct fleet *f = i->fleet;
  sim_assert(i->state == INSTANCE_OFF && !i->failed);
  settle_alive(f);
  i->over = fleet_alive(f) >= f->def->reserved;
  f->warm++;
  i->state = INSTANCE_WARM;
  i->began = i->idle_since = fleet_now(f);
}

static struct instance *youngest_start(struct fleet *f)
{
  struct instance *best = NULL;
  for (struct instance *i = f->instance; i < f->instance + f->n; i++)
    if (i->state == INSTANCE_STARTING && i->busy == 0 && (!best || i->began >= best->began)) best = i;
  return best;
}

/* surplus: cancel. As many start as those who wait need; no slot closes with one that only starts, hence no gate. */
static void cancel_surplus(struct fleet *f)
{
  uint32_t slots = (uint32_t)f->place->def->slots;
  while (f->def->cancels && f->starting > 0 && fleet_alive(f) > f->def->min
         && (f->starting - 1) * slots >= station_queue(f->station))
    instance_off(youngest_start(f));
}

static void on_ready(struct sim *sim, void *subject)
{
  struct instance *i = subject;
  struct fleet *f = i->fleet;
  (void)sim;
  i->event = (event_id){ 0 };
  i->cause = NULL;
  i->cached = true;
  if (f->down) {                                        /* it came up in an outage: for nothing */
    instance_retire(i);
    return;
  }
  settle_alive(f);
  i->state = INSTANCE_WARM;
  i->idle_since = fleet_now(f);
  f->starting--;
  f->warm++;
  f->bound -= i->busy;
  fleet_gate(f);
  if (i->busy == 0) fleet_keep(f, i);
}

/* A server that has the image and the weights, else the first free one. */
static struct instance *free_server(struct fleet *f)
{
  struct instance *first = NULL;
  for (struct instance *i = f->instance; i < f->instance + f->n; i++) {
    if (i->state != INSTANCE_OFF || i->failed) continue;
    if (i->cached) return i;
    if (!first) first = i;
  }
  return first;
}

struct instance *instance_start(struct fleet *f)
{
  struct instance *i = fleet_alive(f) < f->def->max ? free_server(f) : NULL;
  if (!i) return NULL;
  settle_alive(f);
  i->over = fleet_alive(f) >= f->def->reserved;
  f->starting++;
  i->state = INSTANCE_STARTING;
  i->began = fleet_now(f);
  i->ready = time_add(i->began, cold_start_draw(f, i));
  f->starts++;
  i->event = sim_at(f->w->sim, i->ready, PRIORITY_COMPLETE, on_ready, i);
  return i;
}

/* ---- keep-alive --------------------------------------------------------------------------------------------------- */

static void on_idle_long(struct sim *sim, void *subject)
{
  struct instance *i = subject;
  (void)sim;
  i->event = (event_id){ 0 };
  if (fleet_alive(i->fleet) > i->fleet->def->min) instance_retire(i);
}

void fleet_keep(struct fleet *f, struct instance *i)
{
  sim_time now = fleet_now(f);
  i->idle_since = now;
  if (f->def->keep == KEEP_ALWAYS || f->def->by != SCALE_BY_DEMAND) return;
  sim_time until = time_add(now, ns_from_s(f->def->keep_s));
  if (f->def->keep == KEEP_HISTOGRAM) {
    histogram_idle(f, i);
    if (i->state != INSTANCE_WARM) return;
    until = f->keep_until > now ? f->keep_until : now;
  }
  if (until == now) {
    if (fleet_alive(f) > f->def->min) instance_retire(i);
  } else if (!i->event.bits) {
    i->event = sim_at(f->w->sim, until, PRIORITY_NORMAL, on_idle_long, i);
  }
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

/* Waiting, but not in an engine that has taken them. */
static uint32_t at_front(const struct fleet *f)
{
  uint32_t front = station_queue(f->station);
  if (!f->place->def->llm) return front;
  front = station_in_system(f->station);
  for (uint32_t i = 0; i < f->n; i++) front -= f->instance[i].busy;
  return front;
}

/* Requests that find room at the instances that start; of a slot that serves batches, at the free ones too. */
static double room_ahead(const struct fleet *f)
{
  const struct place_def *p = f->place->def;
  double comes = (double)f->starting * p->slots - f->bound;
  if (!p->batching) return comes;
  return (comes + (double)f->warm * p->slots - station_busy(f->station)) * p->batching->size;
}

/* Those that start have room for all that wait? Else start more. One at least where an autoscaler counts. */
struct instance *fleet_serve_queue(struct fleet *f)
{
  struct instance *last = NULL, *i;
  if (f->down) return NULL;
  if (f->def->by != SCALE_BY_DEMAND)
    return at_front(f) > 0 && fleet_alive(f) == 0 ? instance_start(f) : NULL;
  while (at_front(f) > room_ahead(f) && (i = instance_start(f)) != NULL) last = i;
  return last;
}

static struct instance *next_ready(struct fleet *f, bool with_room)
{
  struct instance *best = NULL;
  for (struct instance *i = f->instance; i < f->instance + f->n; i++) {
    if (i->state != INSTANCE_STARTING || i->failed || (with_room && i->busy >= (uint32_t)f->place->def->slots)) continue;
    if (!best || i->ready < best->ready) best = i;
  }
  return best;
}

static uint32_t ending_busy(const struct fleet *f)
{
  uint32_t sum = 0;
  for (uint32_t i = 0; f->ending && i < f->n; i++) sum += f->instance[i].ends ? f->instance[i].busy : 0;
  return sum;
}

static bool slot_is_free(const struct fleet *f)
{
  uint32_t slots = (f->warm - f->ending) * (uint32_t)f->place->def->slots + ending_busy(f) + f->bound;
  return station_queue(f->station) == 0 && station_busy(f->station) < slots;
}

/* What the attempt will have waited for a start, at most; the start itself when it caused it. */
static void mark_cold(struct attempt *a, struct instance *i, sim_time now, bool caused)
{
  if (caused) i->cause = a;
  a->cold = true;
  a->caused_start |= caused;
  a->cold_ns = i ? i->ready - now : INT64_MAX;
  a->request->n_cold = (uint8_t)count_up(a->request->n_cold, 255);
}

/* queue: instance. The job takes a slot now; its service begins when the instance is ready. Beside token service slots
 * are taken in parts, and there may be no whole one: all of such a place wait in front. */
static enum entry enter_bound(struct fleet *f, struct attempt *a, struct demand *d)
{
  struct instance *i = next_ready(f, true);
  bool caused = !i && (i = instance_start(f)) != NULL;
  if (!i) return station_enter(f->station, f->w->sim, &a->job, d);
  sim_time now = fleet_now(f);
  d->time_s += s_from_ns(i->ready - now);
  f->bound++;
  f->binding = i;
  fleet_gate(f);
  enum entry entry = station_enter(f->station, f->w->sim, &a->job, d);
  f->binding = NULL;
  if (entry == ENTERED) {
    a->at_instance = true;
    mark_cold(a, i, now, caused);
    return entry;
  }
  f->bound--;
  fleet_gate(f);
  return entry;
}

static enum entry enter_front(struct fleet *f, struct attempt *a, const struct demand *d)
{
  uint32_t warm = f->warm;
  enum entry entry = station_enter(f->station, f->w->sim, &a->job, d);
  if (entry == BLOCKED || (a->job.begun && at_front(f) == 0)) return entry;
  struct instance *own = fleet_serve_queue(f);
  bool charged = own && !f->def->cancels;               /* what is cancelled outlives nobody's wait: residual */
  if (a->job.begun) {                                   /* it pushed another one out, who is cold instead of it */
    a->caused_start = charged;
    if (charged) own->cause = a;
    a->cold_ns = own ? own->ready - fleet_now(f) : 0;
  } else if (own || (warm == 0 && !f->down)) {
    mark_cold(a, own ? own : next_ready(f, false), fleet_now(f), charged);
  }
  return entry;
}

enum entry fleet_enter(struct world *w, struct attempt *a, struct demand *d)
{
  struct fleet *f = fleet_of(w, a);
  if (f->def->keep == KEEP_HISTOGRAM) histogram_arrival(f);
  bool bind = f->def->queue_at_instance && !f->place->cost && f->def->by == SCALE_BY_DEMAND && !f->down && !slot_is_free(f)
              && station_queue(f->station) == 0;
  return bind ? enter_bound(f, a, d) : enter_front(f, a, d);
}

void fleet_leave(struct world *w, struct attempt *a)
{
  struct fleet *f = fleet_of(w, a);
  struct instance *i = a->job.begun && !a->interrupted ? &f->instance[a->job.engine] : NULL;
  if (i && in_batches(f)) running_drop(f, &a->job);
  else if (i) fleet_forget(f, &a->job);
  station_leave(f->station, w->sim, &a->job);
  spent_settle(f, &a->job);
  cancel_surplus(f);
  if (i && i->busy == 0 && i->state == INSTANCE_WARM) fleet_keep(f, i);
}

/* ---- what the station tells --------------------------------------------------------------------------------------- */

/* Of two instances: the one with room, then the fuller one, then the one that was used last: so that idle ones can go.
 * Those who share processors take the emptier. (Token service beside slots may take all the room.) */
static bool better(const struct instance *i, const struct instance *than, uint32_t room, bool share)
{
  bool fits = i->busy < room, other = than->busy < room;
  if (fits != other) return fits;
  if (i->busy != than->busy) return share || !fits ? i->busy < than->busy : i->busy > than->busy;
  return i->idle_since > than->idle_since;
}

static struct instance *instance_for(struct fleet *f)
{
  const struct place_def *p = f->place->def;
  bool share = p->discipline == PROCESSOR_SHARING && !p->batching;
  uint32_t room = share && !p->instances ? UINT32_MAX : (uint32_t)p->slots;
  struct instance *best = NULL;
  if (f->binding) return f->binding;
  for (struct instance *i = f->instance; i < f->instance + f->n; i++)
    if (i->state == INSTANCE_WARM && !i->failed && !i->ends && (!best || better(i, best, room, share))) best = i;
  sim_assert(best && (best->busy < room || f->place->cost));
  return best;
}

static void running_drop(struct fleet *f, struct job *job)
{
  for (uint32_t k = f->n_running; k-- > 0;)
    if (f->running[k] == job) {
      f->n_running--;
      memmove(f->running + k, f->running + k + 1, (f->n_running - k) * sizeof *f->running);
      return;
    }
}

/* What interrupted batches and requests of LLM engines have used, until they are out. */
static void spent_settle(struct fleet *f, struct job *job)
{
  for (uint32_t k = f->n_spent; k-- > 0;) {
    if (f->spent[k].job != job) continue;
    job->slot_s += f->spent[k].use.slot_s;
    job->at.batch.joule += f->spent[k].use.joule;
    f->spent[k] = f->spent[--f->n_spent];
  }
}

static void spent_add(struct fleet *f, struct job *job, struct job_use use)
{
  if (f->n_spent == f->spent_room) {
    f->spent_room = f->spent_room ? 2 * f->spent_room : 8;
    f->spent = realloc(f->spent, f->spent_room * sizeof *f->spent);
    if (!f->spent) check_out_of_memory(f->spent_room * sizeof *f->spent);
  }
  f->spent[f->n_spent++] = (struct spent){ job, use };
}

void fleet_interrupt(struct fleet *f, struct job *job, bool anew)
{
  struct attempt *a = attempt_of(job);
  struct instance *i = &f->instance[job->engine];
  struct demand d;
  struct job_use use;
  demand_draw(f->w, a->request, a->task, (struct manner){ a->variant, job->clock }, a->ordinal, end_of(a), &d);
  if (i->state == INSTANCE_STARTING) {                  /* bound to it, and not served yet: it has only waited */
    a->cold_ns = fleet_now(f) - job->since;
    anew = true;
  }
  if (in_batches(f)) running_drop(f, job);
  else fleet_forget(f, job);
  if (!station_interrupt(f->station, f->w->sim, job, &d, anew, &use)) return;
  a->interrupted = true;
  if (in_batches(f) || f->place->def->llm) spent_add(f, job, use);
}

static void remember(struct fleet *f, struct job *job)
{
  if (!f->place->def->failures) return;
  if (f->n_running == f->room) {
    f->room = f->room ? 2 * f->room : 8;
    f->running = realloc(f->running, f->room * sizeof *f->running);
    if (!f->running) check_out_of_memory(f->room * sizeof *f->running);
  }
  f->running[f->n_running++] = job;
}

/* A batch holds one slot, of one instance: its members come one after the other. */
static struct instance *instance_of_batch(struct fleet *f, const struct job *job)
{
  if (job->batch_seen == f->batch_number) return f->instance + f->batch_on;
  struct instance *i = instance_for(f);
  f->batch_number = job->batch_seen;
  f->batch_on = (uint32_t)(i - f->instance);
  i->busy++;
  return i;
}

static void on_started(struct sim *sim, struct job *job)
{
  struct attempt *a = attempt_of(job);
  struct fleet *f = fleet_of(world_of(sim), a);
  struct instance *i = in_batches(f) ? instance_of_batch(f, job)
                     : job->cost || f->place->def->llm ? &f->instance[job->engine] : instance_for(f);
  job->engine = (uint16_t)(i - f->instance);
  a->interrupted = false;
  i->busy += !in_batches(f);
  if (i->state == INSTANCE_WARM && i->event.bits) {
    sim_cancel(sim, i->event);
    i->event = (event_id){ 0 };
  }
  remember(f, job);
  cancel_surplus(f);
  if (f->w->events.started) f->w->events.started(sim, job);
}

void fleet_forget(struct fleet *f, struct job *job)
{
  struct instance *i = &f->instance[job->engine];
  sim_assert(i->busy > 0);
  i->busy--;
  if (i->state == INSTANCE_STARTING) {
    f->bound--;
    fleet_gate(f);
  }
  running_drop(f, job);
  if (i->ends) ending_left(i);
}

/* Results of a batch may wait for their turn to leave; where they must, the instance is idle from now on. */
static void batch_over(struct fleet *f, const struct job *member)
{
  struct instance *i = &f->instance[member->engine];
  sim_assert(i->busy > 0);
  i->busy--;
  if (i->busy || i->state != INSTANCE_WARM || f->def->keep == KEEP_HISTOGRAM || station_queue(f->station)) return;
  if (f->place->def->batching->preserve_ordering) fleet_keep(f, i);
}

static void on_released(struct sim *sim, struct job *job)
{
  struct attempt *a = attempt_of(job);
  struct fleet *f = fleet_of(world_of(sim), a);
  if (in_batches(f)) {
    batch_over(f, job);
    return;
  }
  fleet_forget(f, job);
  a->interrupted = true;                                /* if it was pushed out; else nobody asks any more */
}

static void on_refused(struct sim *sim, struct job *job)
{
  struct world *w = world_of(sim);
  struct fleet *f = fleet_of(w, attempt_of(job));
  struct instance *i = &f->instance[job->engine];
  spent_settle(f, job);
  if (job->begun && i->busy == 0 && i->state == INSTANCE_WARM) fleet_keep(f, i);
  w->events.refused(sim, job);
}

static void on_done(struct sim *sim, struct job *job)
{
  struct world *w = world_of(sim);
  struct fleet *f = fleet_of(w, attempt_of(job));
  struct instance *i = &f->instance[job->engine];
  if (in_batches(f)) running_drop(f, job);
  spent_settle(f, job);
  if (i->busy == 0 && i->state == INSTANCE_WARM) fleet_keep(f, i);
  w->events.done(sim, job);
}

void fleet_events(struct world *w, const struct station_events *flow)
{
  w->fleet_events = *flow;
  w->fleet_events.started = on_started;
  w->fleet_events.released = on_released;
  w->fleet_events.done = on_done;
  w->fleet_events.refused = on_refused;
}

/* ---- a deployment ------------------------------------------------------------------------------------------------- */

/* What there must be, and what those who wait need. */
static void fleet_refill(struct fleet *f)
{
  while (!f->down && fleet_alive(f) < f->def->min && instance_start(f)) continue;
  fleet_serve_queue(f);
}

/* An instance that ends has lost a request: its slot closes with it, and with the last one it goes. */
static void ending_left(struct instance *i)
{
  if (i->busy == 0) instance_off(i);
  fleet_gate(i->fleet);
  fleet_refill(i->fleet);
}

static void instance_cold(struct instance *i)
{
  struct fleet *f = i->fleet;
  i->cached = false;
  if (i->state != INSTANCE_WARM) return;
  if (i->busy == 0) {
    instance_off(i);
  } else {
    f->ending += !i->ends;
    i->ends = true;
  }
}

void fleets_cold(struct place *p)
{
  for (struct fleet *f = p->fleets; f < p->fleets + p->def->count; f++) {
    for (uint32_t i = 0; i < f->n; i++) instance_cold(&f->instance[i]);
    fleet_gate(f);
    fleet_refill(f);
  }
}

/* ---- what others may know ------------------------------------------------------------------------------------------ */

double fleet_start_s(const struct fleet *f)
{
  uint32_t slots = (uint32_t)f->place->def->slots, busy = 0;
  bool cached = false;
  double soonest = INFINITY;
  for (const struct instance *i = f->instance; i < f->instance + f->n; i++) {
    if (i->state == INSTANCE_STARTING && i->busy < slots)
      soonest = fmin(soonest, s_from_ns(i->ready - fleet_now(f)));
    if (i->state == INSTANCE_WARM && !i->ends) busy += i->busy;
    cached |= i->state == INSTANCE_OFF && i->cached;
  }
  if (f->down || busy < (f->warm - f->ending) * slots) return 0;
  if (at_front(f) < room_ahead(f)) return soonest;
  bool comes = fleet_alive(f) < f->def->max && (f->def->by == SCALE_BY_DEMAND || fleet_alive(f) == 0);
  if (comes && f->def->cold_start) return cold_start_mean_s(f->def->cold_start, cached);
  return f->warm == 0 && soonest < INFINITY ? soonest : 0;
}

/* ---- the account -------------------------------------------------------------------------------------------------- */

sim_time cold_start_of(const struct attempt *a, sim_time inside)
{
  sim_time wait = a->job.wait_ns < inside ? a->job.wait_ns : inside, most = a->at_instance ? inside - wait : wait;
  if (a->job.batched) most -= a->job.batch_ns < wait ? a->job.batch_ns : wait;
  return !a->cold ? 0 : a->cold_ns < most ? a->cold_ns : most;
}

static sim_time lived_so_far(const struct fleet *f)
{
  sim_time sum = 0;
  for (uint32_t i = 0; i < f->n; i++)
    if (f->instance[i].state != INSTANCE_OFF) sum += fleet_now(f) - f->instance[i].began;
  return sum;
}

void fleets_close(struct world *w, struct place *p, struct place_summary *out)
{
  (void)w;
  for (uint64_t i = 0; p->fleets && i < p->def->count; i++) {
    struct fleet *f = &p->fleets[i];
    settle_alive(f);
    sim_assert(f->alive_area == f->lived + lived_so_far(f));
    sim_assert(f->n_running == 0);
    sim_assert(f->over_area <= f->alive_area);
    for (uint32_t k = 0; k < f->n; k++)
      if (f->instance[k].state != INSTANCE_OFF) round_life(p, &f->instance[k]);
    out->on_demand_instance_s += (double)f->over_area / NS_PER_S;
    out->instance_s += (double)f->alive_area / NS_PER_S;
    out->down_s += failures_down_s(f);
    out->cold_starts += f->starts;
  }
}
