/* Batching by request: slots are instances that serve one batch at a time and take from one queue.
 *
 * Rules of batch formation: Triton's dynamic batcher (fixed, dynamic, timeouts, ordering), Inoue 2019 (take all),
 * AlpaServe 2023 (deadline), Clipper 2017 (AIMD). A batch of b takes a + c b, or a table's time, or what its members ask
 * for. Whoever leaves a batch does not make it shorter; an empty one stops. At each moment the members that are there
 * share the slot and the batch's energy equally. Waiting with an instance free is waiting for the batch to fill.
 * Check: time 2 s + 1 s a member, A at 0, B and C at 1: A is done at 3, B and C at 7; take-all at rate 0.5: 7.504 s.
 */
#include "models/station_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct batch {
  struct batch *next;                                   /* among those not in use */
  struct station *station;
  struct job **member;
  uint32_t n, room, size;                               /* members still there; room for; members at the start */
  bool ending;                                          /* served; members are being let out */
  event_id event;
  sim_time started, since, length;
  double share_ns, joule, joule_left;                   /* slot time of one who was there from the start; whole batch */
  double slot_j, share_j;                               /* of a powered place: as read last; like share_ns */
};

/* Jobs by turn of entry, until their results have left. */
struct turns { struct job **at; uint64_t first, next; uint32_t room; };

struct batcher {
  struct batch *unused;
  event_id wake, flush;
  sim_time wake_at, idle_since, idle_ns;                /* idle: with an instance free */
  uint64_t entries;
  uint32_t number, batches;                             /* ever; in the window */
  double batch_sum, joule, cap;                         /* window; whole run; AIMD */
  struct turns turns;
};

static const uint64_t BEHIND_ALL = UINT64_C(1) << 63;   /* in the order of a job that has waited too long */

static struct batcher *batcher_of(const struct station *s) { return s->extra->batcher; }
bool batch_slot_free(const struct station *s) { return s->used < open_units(s); }

static void *grown(void *p, size_t n, size_t bytes)
{
  void *more = realloc(p, n * bytes);
  if (!more) check_out_of_memory(n * bytes);
  return more;
}

static struct batcher *batcher_new(struct station *s)
{
  struct batcher *b = grown(NULL, 1, sizeof *b);
  *b = (struct batcher){.wake_at = SIM_NEVER, .idle_since = s->since, .cap = 1, .turns = {.first = 1, .next = 1}};
  return station_more(s)->batcher = b;
}

static void batch_free(struct batch *batch)
{
  free(batch->member);
  free(batch);
}

void batch_release(struct station_extra *extra)
{
  if (!extra->batcher) return;
  for (struct batch *batch = extra->batcher->unused, *next; batch; batch = next) {
    next = batch->next;
    batch_free(batch);
  }
  free(extra->batcher->turns.at);
  free(extra->batcher);
}

void batch_open_window(struct station *s)
{
  batcher_of(s)->batch_sum = batcher_of(s)->batches = 0;
}

void batch_meters(const struct station *s, struct station_meters *m)
{
  m->batches = batcher_of(s)->batches;
  m->batch_sum = batcher_of(s)->batch_sum;
  m->run_batch_j = batcher_of(s)->joule;
}

/* ---- turns: results leave in the order of entry ------------------------------------------------------------------ */

static struct job **turn_slot(struct turns *t, uint64_t turn) { return &t->at[turn & (t->room - 1)]; }

static void turns_add(struct turns *t, struct job *job)
{
  if (t->next - t->first == t->room) {
    struct turns more = {grown(NULL, t->room ? 2 * t->room : 8, sizeof *more.at), t->first, t->next,
                         t->room ? 2 * t->room : 8};
    for (uint64_t i = t->first; i < t->next; i++) *turn_slot(&more, i) = *turn_slot(t, i);
    free(t->at);
    *t = more;
  }
  *turn_slot(t, t->next++) = job;
}

static bool keeps_order(const struct station *s) { return s->kind->batching->preserve_ordering; }

static void turn_over(struct station *s, uint64_t turn)
{
  if (keeps_order(s)) *turn_slot(&batcher_of(s)->turns, turn) = NULL;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

static void out(struct station *s, struct job *job)
{
  job->served_ns = s->since - job->entered - job->wait_ns;
  job->state = JOB_OUT;
  s->in_system--;
}

static void deliver(struct station *s, struct sim *sim, struct job *job)
{
  s->running--;
  out(s, job);
  s->completed++;
  s->kind->events->done(sim, job);
}

/* Those whose turn it is: all before them have left. */
static void flush(struct station *s, struct sim *sim)
{
  struct turns *t = &batcher_of(s)->turns;
  while (t->first < t->next) {
    struct job *job = *turn_slot(t, t->first);
    if (job && job->state != JOB_HELD) return;
    t->first++;
    if (job) deliver(s, sim, job);
  }
}

static void on_flush(struct sim *sim, void *subject)
{
  struct station *s = subject;
  station_settle(s, sim_now(sim));
  batcher_of(s)->flush = (event_id){0};
  flush(s, sim);
}

/* Somebody left: results that waited for it may go, but not from within the caller. */
static void flush_soon(struct station *s, struct sim *sim)
{
  struct batcher *b = batcher_of(s);
  if (keeps_order(s) && !b->flush.bits) b->flush = sim_after(sim, 0, PRIORITY_COMPLETE, on_flush, s);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static sim_time idle_clock(const struct station *s)
{
  const struct batcher *b = batcher_of(s);
  return b->idle_ns + (batch_slot_free(s) ? s->since - b->idle_since : 0);
}

void batch_gated(struct station *s, bool could)
{
  struct batcher *b = batcher_of(s);
  bool can = batch_slot_free(s);
  if (could && !can) b->idle_ns += s->since - b->idle_since;
  if (!could && can) b->idle_since = s->since;
}

static void take_instance(struct station *s)
{
  bool could = batch_slot_free(s);
  s->used += SLOT_UNITS;
  batch_gated(s, could);
}

static void give_instance(struct station *s, struct sim *sim, struct job *member)
{
  bool could = batch_slot_free(s);
  s->used -= SLOT_UNITS;
  batch_gated(s, could);
  if (s->kind->gated) s->kind->events->released(sim, member);
}

/* Out of the queue for good; turn and share of energy take the place of its key. */
static void end_wait(struct station *s, struct sim *sim, struct job *job)
{
  uint64_t turn = job->at.user.finish.order & ~BEHIND_ALL;
  if (job->event.bits) sim_cancel(sim, job->event);
  job->event = (event_id){0};
  job->batch_ns = idle_clock(s) - job->idle_ns;
  job->slot_s = 0;
  job->at.batch.joule = 0;
  job->at.batch.turn = turn;
  job->wait_ns = 0;                                     /* held the deadline */
  station_waited(s, job);
}

static void on_refused(struct sim *sim, void *subject)
{
  struct job *job = subject;
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  s->running--;
  out(s, job);
  turn_over(s, job->at.batch.turn);
  flush_soon(s, sim);
  s->kind->events->refused(sim, job);
}

/* Told by an event of its own: the station may be in the middle of something. */
static void refuse(struct station *s, struct sim *sim, struct job *job)
{
  queue_remove(s, job);
  end_wait(s, sim, job);
  job->state = JOB_REFUSED;
  s->running++;                                         /* it does not wait any more */
  job->event = sim_after(sim, 0, PRIORITY_COMPLETE, on_refused, job);
}

/* It has waited for timeout_s. */
static void on_waited_too_long(struct sim *sim, void *subject)
{
  struct job *job = subject;
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  job->event = (event_id){0};
  if (s->kind->batching->delays) {
    queue_remove(s, job);
    job->at.user.finish.order |= BEHIND_ALL;
    if (s->kind->discipline == LIFO) job->at.user.finish.key = HUGE_VAL;
    queue_push(s, job);
  } else {
    refuse(s, sim, job);
  }
  batch_pump(s, sim);
}

/* ---- how many to send now ---------------------------------------------------------------------------------------- */

/* Only asked while fewer wait than make a batch. */
static sim_time oldest_entered(const struct station *s)
{
  const struct heap *queue = &s->extra->queue;
  if (s->kind->discipline == FIFO && !s->kind->batching->delays) return queue_first(s)->entered;
  sim_time oldest = SIM_NEVER;
  for (uint32_t i = 0; i < queue->n; i++) {
    const struct job *job = holder_of(queue->at[i], struct job, at.user.finish);
    if (job->entered < oldest) oldest = job->entered;
  }
  return oldest;
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* All `there`, once the oldest has waited `delay_s`; until then 0, and *wake tells when. */
static uint32_t after_delay(const struct station *s, uint32_t there, double delay_s, sim_time *wake)
{
  sim_time due = time_add(oldest_entered(s), ns_from_s(delay_s));
  if (due <= s->since) return there;
  *wake = due;
  return 0;
}

static uint32_t choose_dynamic(const struct station *s, uint32_t there, uint32_t most, sim_time *wake)
{
  const struct batching_def *d = s->kind->batching;
  for (int i = d->n_preferred; i-- > 0;)
    if (d->preferred[i] <= there) return d->preferred[i];
  if (there >= most) return most;
  return d->max_queue_delay_s > 0 ? after_delay(s, there, d->max_queue_delay_s, wake) : there;
}

static uint32_t choose_fixed(const struct station *s, uint32_t there, sim_time *wake)
{
  const struct batching_def *d = s->kind->batching;
  if (there >= d->size) return d->size;
  return d->timeout_s > 0 ? after_delay(s, there, d->timeout_s, wake) : 0;
}

static uint32_t choose(const struct station *s, uint32_t there, sim_time *wake)
{
  const struct batching_def *d = s->kind->batching;
  switch (d->kind) {
  case BATCH_FIXED: return choose_fixed(s, there, wake);
  case BATCH_DYNAMIC: return choose_dynamic(s, there, d->size, wake);
  case BATCH_AIMD: return choose_dynamic(s, there, least((uint32_t)batcher_of(s)->cap, d->size), wake);
  default: return least(there, d->size);                /* TAKE_ALL; DEADLINE looks closer when they are at hand */
  }
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

static sim_time length_of(const struct batching_def *d, struct job *const *member, uint32_t n)
{
  sim_time sum = 0, longest = 0;
  if (d->time_of == BATCH_CURVE) return ns_from_s(batch_curve_at(&d->time_s, n));
  if (d->time_of == BATCH_FIRST) return member[0]->left_ns;
  for (uint32_t i = 0; i < n; i++) {
    sum = time_add(sum, member[i]->left_ns);
    if (member[i]->left_ns > longest) longest = member[i]->left_ns;
  }
  return d->time_of == BATCH_SUM ? sum : longest;
}

static struct batch *batch_new(struct station *s, uint32_t n)
{
  struct batcher *b = batcher_of(s);
  struct batch *batch = b->unused;
  if (batch) b->unused = batch->next;
  else *(batch = grown(NULL, 1, sizeof *batch)) = (struct batch){.station = s};
  if (batch->room < n) {
    batch->room = n;
    batch->member = grown(batch->member, n, sizeof *batch->member);
  }
  return batch;
}

static void batch_put_away(struct station *s, struct batch *batch)
{
  *batch = (struct batch){.next = batcher_of(s)->unused, .station = s, .member = batch->member, .room = batch->room};
  batcher_of(s)->unused = batch;
}

static bool makes_it(const struct station *s, struct job *const *member, uint32_t n)
{
  sim_time length = station_lasts(s, length_of(s->kind->batching, member, n));
  return time_add(s->since, length) <= member[0]->deadline_ns;
}

/* Refuse heads that cannot make their deadline even alone. */
static void refuse_late(struct station *s, struct sim *sim)
{
  for (struct job *head; (head = queue_head(s)) && !makes_it(s, &head, 1);) refuse(s, sim, head);
}

/* The first n of the queue; under DEADLINE the most of them that still meet the head's deadline. */
static void gather(struct station *s, struct batch *batch, uint32_t n)
{
  for (batch->n = 0; batch->n < n; batch->n++) {
    batch->member[batch->n] = queue_head(s);
    queue_remove(s, batch->member[batch->n]);
  }
  if (s->kind->batching->kind != BATCH_DEADLINE) return;
  while (batch->n > 1 && !makes_it(s, batch->member, batch->n)) queue_push(s, batch->member[--batch->n]);
}

static void on_batch_done(struct sim *, void *);

static void batch_start(struct station *s, struct sim *sim, uint32_t n)
{
  struct batcher *b = batcher_of(s);
  const struct batching_def *d = s->kind->batching;
  struct batch *batch = batch_new(s, n);
  gather(s, batch, n);
  batch->size = n = batch->n;
  sim_time work = length_of(d, batch->member, n);
  if (s->kind->events->crowded)
    work = (sim_time)((double)work * station_crowded(s, sim, batch->member[0], (uint32_t)(s->used / SLOT_UNITS)));
  batch->length = station_lasts(s, work);
  batch->joule = batch->joule_left = d->has_energy ? batch_curve_at(&d->energy_j, n) : 0;
  batch->started = batch->since = s->since;
  b->number++;
  b->batches++;
  b->batch_sum += n;
  for (uint32_t i = 0; i < n; i++) {
    struct job *job = batch->member[i];
    end_wait(s, sim, job);
    job->state = JOB_BATCH;
    job->batch = batch;
    job->batch_seen = b->number;
    job->begun = true;
    s->running++;
  }
  take_instance(s);
  batch->slot_j = power_slot_j(s);
  if (batch->joule > 0 && batch->length > 0) power_of_batch(s, batch->joule / s_from_ns(batch->length));
  batch->event = sim_after(sim, batch->length, PRIORITY_COMPLETE, on_batch_done, batch);
  for (uint32_t i = 0; s->kind->events->started && i < n; i++) s->kind->events->started(sim, batch->member[i]);
}

/* The share of each member up to now; before their number changes. */
static void batch_settle(struct batch *batch)
{
  sim_time now = batch->station->since;
  double slot_j = power_slot_j(batch->station);
  if (batch->n) batch->share_ns += (double)(now - batch->since) / batch->n;
  if (batch->n) batch->share_j += (slot_j - batch->slot_j) / batch->n;
  batch->since = now;
  batch->slot_j = slot_j;
}

/* A member's account, when it goes: `left` members share what is left of a batch of no length. */
static void member_account(struct batch *batch, struct job *job, uint32_t left)
{
  double joule = batch->joule_left / left;
  if (batch->length > 0) joule = batch->joule * (batch->share_ns / (double)batch->length);
  batch->joule_left -= joule;
  job->slot_s = batch->share_ns / NS_PER_S;
  job->joule += batch->share_j;
  job->at.batch.joule = joule;
}

/* What it has used, as a meter apart from the members' accounts. */
static void batch_meter(struct station *s, const struct batch *batch)
{
  double part = batch->length > 0 ? (double)(s->since - batch->started) / (double)batch->length : 1;
  batcher_of(s)->joule += batch->joule * part;
  if (batch->joule > 0 && batch->length > 0) power_of_batch(s, -batch->joule / s_from_ns(batch->length));
}

/* Clipper: more by `increase` while full batches keep the target, less by the factor `decrease` when one does not. */
static void learn(struct station *s, const struct batch *batch)
{
  struct batcher *b = batcher_of(s);
  const struct batching_def *d = s->kind->batching;
  if (d->kind != BATCH_AIMD) return;
  if (batch->length > ns_from_s(d->target_s)) b->cap = fmax(1, b->cap * d->decrease);
  else if (batch->size >= (uint32_t)b->cap) b->cap = fmin(d->size, b->cap + d->increase);
}

static struct job *member_out(struct batch *batch, uint32_t i)
{
  struct job *job = batch->member[i];
  memmove(batch->member + i, batch->member + i + 1, (--batch->n - i) * sizeof *batch->member);
  return job;
}

static void on_batch_done(struct sim *sim, void *subject)
{
  struct batch *batch = subject;
  struct station *s = batch->station;
  station_settle(s, sim_now(sim));
  batch_settle(batch);
  batch_meter(s, batch);
  batch->ending = true;
  give_instance(s, sim, batch->member[0]);
  learn(s, batch);
  batch_pump(s, sim);
  while (batch->n) {                                    /* a result may make other members leave */
    uint32_t left = batch->n;
    struct job *job = member_out(batch, 0);
    member_account(batch, job, left);
    job->state = JOB_HELD;
    if (!keeps_order(s)) deliver(s, sim, job);
  }
  if (keeps_order(s)) flush(s, sim);
  batch_put_away(s, batch);
}

/* ---- the station's questions ------------------------------------------------------------------------------------- */

static void on_wake(struct sim *sim, void *subject)
{
  struct station *s = subject;
  station_settle(s, sim_now(sim));
  batcher_of(s)->wake = (event_id){0};
  batcher_of(s)->wake_at = SIM_NEVER;
  batch_pump(s, sim);
}

static void wake_at(struct station *s, struct sim *sim, sim_time at)
{
  struct batcher *b = batcher_of(s);
  if (b->wake_at == at) return;
  if (b->wake.bits) sim_cancel(sim, b->wake);
  b->wake_at = at;
  b->wake = at == SIM_NEVER ? (event_id){0} : sim_at(sim, at, PRIORITY_NORMAL, on_wake, s);
}

void batch_pump(struct station *s, struct sim *sim)
{
  sim_time wake = SIM_NEVER;
  while (batch_slot_free(s)) {
    if (s->kind->batching->kind == BATCH_DEADLINE) refuse_late(s, sim);
    uint32_t n = waiting(s) ? choose(s, waiting(s), &wake) : 0;
    if (n == 0) break;
    batch_start(s, sim, n);
  }
  wake_at(s, sim, wake);
}

bool batch_full(const struct station *s)
{
  uint64_t most = s->kind->batching->max_queue_size;
  return most > 0 && waiting(s) >= most;
}

static void batch_key(const struct station *s, struct job *job, uint64_t turn)
{
  job->at.user.finish.order = turn;
  if (s->kind->discipline == LIFO) job->at.user.finish.key = -(double)turn;
}

/* Called when the job has its demand and its key and is counted. */
void batch_enter(struct station *s, struct sim *sim, struct job *job, sim_time deadline)
{
  struct batcher *b = station_more(s)->batcher ? s->extra->batcher : batcher_new(s);
  const struct batching_def *d = s->kind->batching;
  sim_assert(!job->cost && !s->kind->preempts && s->kind->discipline != PROCESSOR_SHARING);
  batch_key(s, job, ++b->entries);
  job->batched = true;
  job->deadline_ns = deadline;
  job->batch_seen = 0;
  job->idle_ns = idle_clock(s);
  if (keeps_order(s)) turns_add(&b->turns, job);
  queue_push(s, job);
  if (d->timeout_s > 0 && d->kind != BATCH_FIXED)
    job->event = sim_after(sim, ns_from_s(d->timeout_s), PRIORITY_NORMAL, on_waited_too_long, job);
  batch_pump(s, sim);
}

static void leave_batch(struct station *s, struct sim *sim, struct job *job)
{
  struct batch *batch = job->batch;
  batch_settle(batch);
  uint32_t i = 0, left = batch->n;
  while (batch->member[i] != job) i++;
  member_account(batch, member_out(batch, i), left);
  s->running--;
  if (batch->n || batch->ending) return;
  batch_meter(s, batch);
  sim_cancel(sim, batch->event);
  give_instance(s, sim, job);
  batch_put_away(s, batch);
}

/* Its place failed. It waits as if it had since the beginning, and no time in the queue is too long for it any more. */
bool batch_interrupt(struct station *s, struct sim *sim, struct job *job, const struct demand *d, struct job_use *use)
{
  uint64_t turn = job->at.batch.turn;
  if (job->state != JOB_BATCH) return false;
  leave_batch(s, sim, job);
  *use = (struct job_use){job->slot_s, job->at.batch.joule};
  if (job->entered >= s->window) s->wait_sum -= (double)job->wait_ns;
  job->since = s->since - job->wait_ns;
  job->deadline_ns = d->deadline;
  job->left_ns = ns_from_s(d->time_s);
  job->at.user.finish = (struct heap_item){.key = queue_key(s->kind, d)};
  batch_key(s, job, turn);
  job->event = (event_id){0};
  job->idle_ns = idle_clock(s);
  queue_push(s, job);
  return true;
}

void batch_leave(struct station *s, struct sim *sim, struct job *job)
{
  switch ((enum job_state)job->state) {
  case JOB_QUEUED:
    queue_remove(s, job);
    end_wait(s, sim, job);
    break;
  case JOB_BATCH:
    leave_batch(s, sim, job);
    break;
  case JOB_REFUSED:
    sim_cancel(sim, job->event);                        /* fall through */
  default:
    s->running--;
  }
  turn_over(s, job->at.batch.turn);
  out(s, job);
  flush_soon(s, sim);
  batch_pump(s, sim);
}
