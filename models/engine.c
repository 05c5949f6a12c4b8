/* engine.c: the loop of an engine: form, run, end; what the schedulers have in common.
 *
 * Every request goes by the same counters: `target` tokens to read, `processed` so far. When processed = target the
 * first token (after a restart: the next) comes and counts as processed though its KV is written by the step after;
 * each decode step adds one; at prompt + output the request is complete. A restart reads all that was processed:
 * target = processed (of one still reading: its old target), processed = 0.
 */
#include "models/engine_parts.h"
#include "sim/zeros.h"

#include <stdlib.h>
#include <string.h>

static void on_iteration(struct sim *, void *);

/* ---- making ------------------------------------------------------------------------------------------------------- */

struct engine_def engine_def_default(enum engine_scheduler s, uint32_t kv_blocks)
{
  return (struct engine_def){.scheduler = s, .max_num_seqs = 128, .kv_blocks = kv_blocks, .block_tok = 16,
                             .max_num_batched_tokens = s == VLLM_V1 ? 2048 : s == VLLM_V0 ? 4096 : 512,
                             .prefix_cache = s == VLLM_V1, .reserve_full = s == VLLM_V1};
}

static int named(const char *const *names, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  return -1;
}

int engine_scheduler_named(const char *name)
{
  static const char *const names[] = {"vllm_v1", "vllm_v0", "sarathi"};
  return named(names, 3, name);
}

int engine_router_named(const char *name)
{
  static const char *const names[] = {"round_robin", "waiting_queue", "least_outstanding", "join_shortest_queue",
                                      "prefix_aware"};
  return named(names, 5, name);
}

const char *engine_refusal_text(enum engine_refusal why)
{
  static const char *const texts[] = {"fits", "its prompt is longer than a batch may be", "its KV is larger than the memory"};
  return texts[why];
}

struct engine *engine_new(struct sim *s, const struct engine_def *def, const struct steptime *model,
                          const struct engine_events *on)
{
  struct engine *e = zeros_new(1, sizeof *e);
  *e = (struct engine){.def = *def, .sim = s, .model = model, .on = on, .total = def->kv_blocks,
                       .watermark = def->kv_blocks / 100, .seen = SIM_NEVER, .speed = 1};
  sim_assert((!def->by_priority && !def->async) || (def->scheduler == VLLM_V1 && !(def->by_priority && def->async)));
  sim_assert(def->max_num_seqs > 0 && def->max_num_batched_tokens > 0 && def->block_tok > 0 && def->kv_blocks > 1);
  if (def->scheduler == VLLM_V1)
    e->total--;                                         /* the null block */
  e->rest = zeros_new(def->max_num_seqs, sizeof *e->rest);
  e->batch = zeros_new(def->max_num_seqs, sizeof *e->batch);
  e->notices = zeros_new(def->max_num_seqs, sizeof *e->notices);
  if (def->async)
    e->late = zeros_new(def->max_num_seqs, sizeof *e->late);
  if (def->scheduler == VLLM_V1 && def->prefix_cache)
    e->cache = cache_new(e->total, def->max_num_seqs);
  return e;
}

void engine_free(struct engine *e)
{
  if (!e)
    return;
  sim_cancel(e->sim, e->event);
  cache_free(e->cache);
  free(e->rest);
  free(e->batch);
  free(e->notices);
  free(e->late);
  free(e);
}

/* ---- the queue ---------------------------------------------------------------------------------------------------- */

static void count_in(struct engine *e, const struct engine_request *r)
{
  e->n_waiting++;
  e->waiting_tok += r->target;                          /* it stays the same while it waits */
}

static void push_front(struct engine *e, struct engine_request *r)
{
  r->state = WAITING;
  r->previous = NULL;
  r->next = e->first;
  *(e->first ? &e->first->previous : &e->last) = r;
  e->first = r;
  count_in(e, r);
}

static void push_back(struct engine *e, struct engine_request *r)
{
  r->state = WAITING;
  r->next = NULL;
  r->previous = e->last;
  *(e->last ? &e->last->next : &e->first) = r;
  e->last = r;
  count_in(e, r);
}

static void push_by_priority(struct engine *e, struct engine_request *r)
{
  struct engine_request *after = e->last;
  while (after && engine_before(r, after))
    after = after->previous;
  if (!after || !after->next) {
    (after ? push_back : push_front)(e, r);
    return;
  }
  r->state = WAITING;
  r->previous = after;
  r->next = after->next;
  after->next = after->next->previous = r;
  count_in(e, r);
}

static void unlink_waiting(struct engine *e, struct engine_request *r)
{
  *(r->previous ? &r->previous->next : &e->first) = r->next;
  *(r->next ? &r->next->previous : &e->last) = r->previous;
  r->next = r->previous = NULL;
  r->state = OUTSIDE;
  e->n_waiting--;
  e->waiting_tok -= r->target;
}

/* ---- what the schedulers use -------------------------------------------------------------------------------------- */

struct engine_request *engine_admit(struct engine *e)
{
  struct engine_request *r = e->first;
  sim_assert(e->holding < e->def.max_num_seqs);
  unlink_waiting(e, r);
  r->state = RESTING;
  e->holding++;
  return r;
}

void engine_evict(struct engine *e, struct engine_request *r)
{
  blocks_release(e, r);
  e->holding--;
  if (r->decoding)
    r->target = r->processed;
  r->processed = 0;
  r->decoding = false;
  r->restarts++;
  e->meters.preemptions++;
  e->evicted = true;
  (e->def.by_priority ? push_by_priority : push_front)(e, r);
}

static void notice(struct engine *e, struct engine_request *r, unsigned kinds)
{
  e->notices[e->n_notices++] = (struct notice){r, kinds};
}

static void add_decode(struct engine *e, struct engine_request *r)
{
  struct step_batch *b = &e->step;
  uint32_t held = r->blocks * e->def.block_tok, q = r->processed;
  sim_assert(q <= held);                                /* no decode without a block */
  b->decode_kv_max = b->decodes && b->decode_kv_max > q ? b->decode_kv_max : q;
  b->decode_kv_min = b->decodes && b->decode_kv_min < q ? b->decode_kv_min : q;
  b->decodes++;
  b->decode_kv += q;
  e->quiet = least(e->quiet, r->prompt + r->output - q - 1);
}

static void add_prefill(struct engine *e, const struct engine_request *r, uint32_t n)
{
  struct step_batch *b = &e->step;
  uint64_t q = r->processed, chunk = n;
  sim_assert(q + chunk <= r->target && r->target <= UINT32_MAX && q + chunk <= (uint64_t)r->blocks * e->def.block_tok);
  b->prefills++;
  b->prefill_tokens += n;
  b->prefill_kv += q;
  b->prefill_attention += chunk * (2 * q + chunk);
  b->prefill_squares += (double)(chunk * chunk);
}

void engine_add(struct engine *e, struct engine_request *r, uint32_t n)
{
  sim_assert(n > 0 && e->n_batch < e->def.max_num_seqs);
  r->chunk = n;
  r->state = FLYING;
  e->batch[e->n_batch++] = r;
  if (r->decoding)
    add_decode(e, r);
  else
    add_prefill(e, r, n);
  if (r->first_scheduled != SIM_NEVER)
    return;
  r->first_scheduled = sim_now(e->sim);
  notice(e, r, NOTICE_STARTED);
}

void engine_drop(struct engine *e, uint32_t i)
{
  memmove(e->batch + i, e->batch + i + 1, (--e->n_batch - i) * sizeof *e->batch);
  e->step = (struct step_batch){0};
  e->quiet = UINT32_MAX - 1;
  for (uint32_t k = 0; k < e->n_batch; k++)
    if (e->batch[k]->decoding)
      add_decode(e, e->batch[k]);
    else
      add_prefill(e, e->batch[k], e->batch[k]->chunk);
}

void engine_keep_rest(struct engine *e, uint32_t from, uint32_t to)
{
  e->n_rest = to - from;
  if (from)
    memmove(e->rest, e->rest + from, e->n_rest * sizeof *e->rest);
}

/* By arrival, stable. Nearly sorted as a rule: insertion. */
void engine_sort_rest(struct engine *e)
{
  for (uint32_t i = 1; i < e->n_rest; i++) {
    struct engine_request *r = e->rest[i];
    uint32_t k = i;
    for (; k > 0 && e->rest[k - 1]->arrived > r->arrived; k--)
      e->rest[k] = e->rest[k - 1];
    e->rest[k] = r;
  }
}

/* ---- callbacks ---------------------------------------------------------------------------------------------------- */

static void deliver_one(struct engine *e, uint32_t i)
{
  static const unsigned order[] = {NOTICE_STARTED, NOTICE_FIRST, NOTICE_DONE};
  void (*const call[])(struct sim *, struct engine_request *) = {e->on->started, e->on->first, e->on->done};
  for (int k = 0; k < 3; k++) {
    struct engine_request *r = e->notices[i].request;   /* NULL once it has left */
    if (!r || !(e->notices[i].kinds & order[k]))
      continue;
    if (order[k] == NOTICE_DONE) {
      r->state = OUTSIDE;
      e->notices[i].request = NULL;
    }
    if (call[k])
      call[k](e->sim, r);
  }
}

static void deliver(struct engine *e)
{
  for (uint32_t i = 0; i < e->n_notices; i++)
    deliver_one(e, i);
  e->n_notices = 0;
}

/* ---- a run of iterations ------------------------------------------------------------------------------------------ */

/* One iteration is over: meters, log. */
static void record_iteration(struct engine *e)
{
  sim_time d = e->duration[e->settled];
  struct engine_meters *m = &e->meters;
  uint32_t n = e->step.prefills + e->step.decodes;
  m->iterations++;
  m->batch_sum += n;
  m->tokens_read += e->step.prefill_tokens;
  m->gap_count += e->step.decodes;
  m->gap_s_sum += s_from_ns(d) * e->step.decodes;
  m->busy_s += s_from_ns(d);
  m->joule += e->joule[e->settled];
  m->block_s += s_from_ns(d) * (e->run_used + e->taken[e->settled]);
  if (e->on->iteration)
    e->on->iteration(e->on->log, e, &(struct engine_iteration){e->start, d, &e->step});
  e->start += d;
  e->settled++;
}

/* ---- who pays for an iteration: those in it, by tokens, as long as they stay ---------------------------------------- */

static double power_w(const struct engine *e)
{
  return e->joule[e->settled] / s_from_ns(e->duration[e->settled]);
}

/* Of the iteration in flight: seconds since somebody left it, or its start. */
static double unshared_s(const struct engine *e)
{
  return s_from_ns(sim_now(e->sim) - (e->shared > e->start ? e->shared : e->start));
}

/* Bring the shares of a token up to now. */
static void share(struct engine *e)
{
  double s = unshared_s(e);
  if (e->sharing) {
    e->before_s += s / e->sharing;
  } else {
    e->meters.orphan_s += s;
    e->meters.orphan_j += s * power_w(e);
  }
  e->shared = sim_now(e->sim);
}

static void pay(const struct engine *e, struct engine_request *r)
{
  double s = r->chunk * e->before_s;
  r->used_s += s;
  r->used_j += s * power_w(e);
}

/* One step on for each number of the batch; its requests lag behind until they are settled. */
static void grow(struct step_batch *b)
{
  b->decode_kv += b->decodes;
  b->decode_kv_max++;
  b->decode_kv_min++;
}

/* k iterations of the run, none of them its last, are over: each request got k tokens and the blocks for the next. */
static void settle(struct engine *e, uint32_t k)
{
  if (!k)
    return;
  double busy_s = e->meters.busy_s, joule = e->meters.joule;
  for (uint32_t i = 0; i < k; i++) {
    record_iteration(e);
    grow(&e->step);
  }
  busy_s = (e->meters.busy_s - busy_s) / e->n_batch;
  joule = (e->meters.joule - joule) / e->n_batch;
  for (uint32_t i = 0; i < e->n_batch; i++) {
    struct engine_request *r = e->batch[i];
    r->processed += k;
    r->used_s += busy_s;
    r->used_j += joule;
    if (r->processed > r->blocks * e->def.block_tok)
      blocks_take(e, r, blocks_for(e, r->processed) - r->blocks);
    blocks_register(e, r, r->processed);
  }
  e->meters.tokens_made += (uint64_t)k * e->n_batch;
  sim_assert(e->used == e->run_used + e->taken[e->settled]);
}

/* Bring the counters to the iteration in flight. One that ends now is still in flight. */
static void catch_up(struct engine *e)
{
  uint32_t k = 0;
  if (!e->flying)
    return;
  for (sim_time end = e->start; e->settled + k + 1 < e->n_run; k++) {
    end = time_add(end, e->duration[e->settled + k]);
    if (end >= sim_now(e->sim))
      break;
  }
  settle(e, k);
}

/* End the run with the iteration in flight. */
static void cut(struct engine *e)
{
  catch_up(e);
  if (!e->flying || e->settled + 1 == e->n_run)
    return;
  e->n_run = e->settled + 1;
  sim_cancel(e->sim, e->event);
  e->event = sim_at(e->sim, time_add(e->start, e->duration[e->settled]), PRIORITY_ITERATION, on_iteration, e);
}

/* Iterations until a request of the batch completes, in which the batch cannot change otherwise. A waiting head that is
 * blocked stays so while KV grows, unless the running fill blocks that it can hit. */
static uint32_t steady(const struct engine *e)
{
  bool head_may_hit = e->cache && e->first && e->first->n_hashes;
  bool head_comes = e->first && (e->gave || e->first->arrived > e->seen);
  if (e->step.prefills || e->evicted || e->n_rest || head_may_hit || head_comes)
    return 1;
  return least(e->quiet + 1, RUN_MAX);
}

/* taken[k]: blocks that the first k steps of the run need beyond those held now. */
static void count_blocks(struct engine *e, uint32_t n)
{
  uint32_t size = e->def.block_tok;
  memset(e->taken, 0, sizeof e->taken);
  for (uint32_t i = 0; n > 1 && i < e->n_batch; i++)
    for (uint32_t k = e->batch[i]->blocks * size - e->batch[i]->processed + 1; k < n; k += size)
      e->taken[k]++;
  for (uint32_t k = 1; k < n; k++)
    e->taken[k] += e->taken[k - 1];
}

void engine_set_speed(struct engine *e, double speed)
{
  if (e->speed == speed)
    return;
  if (e->flying)
    cut(e);
  e->speed = speed;
}

/* As long as memory lasts: V0 and Sarathi want one free block before the last request that is served, so one left when
 * all are is enough; the step that may not have it is formed anew. */
static uint32_t run_length(struct engine *e)
{
  uint32_t n = steady(e), spare = e->def.scheduler == VLLM_V1 ? 0 : 1, k = 1;
  count_blocks(e, n);
  while (k < n && e->used + e->taken[k] + spare <= e->total)
    k++;
  return k;
}

static void plan(struct engine *e)
{
  struct step_batch b = e->step;
  sim_time end = e->start = sim_now(e->sim);
  e->n_run = run_length(e);
  e->run_used = e->used;
  e->settled = 0;
  e->sharing = b.prefill_tokens + b.decodes;
  e->before_s = 0;
  for (uint32_t i = 0; i < e->n_run; i++) {
    e->duration[i] = steptime_ns(e->model, &b);
    if (e->speed != 1)
      e->duration[i] = (sim_time)((double)e->duration[i] / e->speed + 1);
    e->joule[i] = steptime_j(e->model, &b);
    sim_assert(e->duration[i] > 0);
    end = time_add(end, e->duration[i]);
    grow(&b);
  }
  e->flying = true;
  e->event = sim_at(e->sim, end, PRIORITY_ITERATION, on_iteration, e);
}

/* ---- forming ------------------------------------------------------------------------------------------------------ */

void engine_check(const struct engine *e)
{
  const struct step_batch *b = &e->step;
  uint32_t tokens = b->prefill_tokens + b->decodes, budget = e->def.max_num_batched_tokens;
  sim_assert(e->used <= e->total && e->n_batch <= e->def.max_num_seqs && e->holding == e->n_batch + e->n_rest + e->n_late);
  sim_assert(tokens <= budget || (e->def.scheduler == SARATHI && tokens == b->decodes) ||
             (e->def.scheduler == VLLM_V0 && !b->prefills));
}

/* Nothing runs and the head of the queue does not fit an empty memory: it never will. */
static void reject_head(struct engine *e)
{
  struct engine_request *r = e->first;
  sim_assert(e->holding == 0 && e->n_rest == 0);
  unlink_waiting(e, r);
  e->meters.rejected++;
  if (e->on->rejected)
    e->on->rejected(e->sim, r, ENGINE_MEMORY_TOO_SMALL);
}

static void form_once(struct engine *e)
{
  static void (*const form[])(struct engine *) = {form_v1, form_v0, form_sarathi};
  e->step = (struct step_batch){0};
  e->n_batch = 0;
  e->evicted = false;
  e->quiet = UINT32_MAX - 1;
  form[e->def.scheduler](e);
  e->step.sequences = e->n_batch;
  engine_check(e);
}

/* Async: what the completed held is free from the next formation on. */
static void give_back(struct engine *e)
{
  e->gave = e->n_late > 0;
  for (uint32_t i = 0; i < e->n_late; i++)
    blocks_release(e, &e->late[i]);
  e->holding -= e->n_late;
  e->n_late = 0;
}

/* Nothing can run. An engine that had something in flight looks again at what has come and gone meanwhile. */
static void form_failed(struct engine *e)
{
  if (e->gave || e->seen != SIM_NEVER)
    e->seen = SIM_NEVER;
  else if (!e->evicted)
    reject_head(e);
}

static void form(struct engine *e)
{
  e->flying = false;
  e->event = (event_id){0};
  while (e->first || e->n_rest || e->n_late) {
    form_once(e);
    give_back(e);
    if (e->n_batch) {
      plan(e);
      return;
    }
    form_failed(e);
  }
  e->seen = SIM_NEVER;
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

/* The caller may free a completed request at once: async keeps a copy of what it held. */
static void end_memory(struct engine *e, struct engine_request *r)
{
  if (!e->def.async) {
    blocks_release(e, r);
    e->holding--;
    return;
  }
  blocks_register(e, r, r->processed - 1);
  e->late[e->n_late++] = (struct engine_request){.blocks = r->blocks, .row = r->row, .registered = r->registered};
  r->blocks = r->registered = 0;
}

/* Its chunk is done; true when it stays. */
static bool end_one(struct engine *e, struct engine_request *r)
{
  unsigned kinds = 0;
  uint32_t before = r->processed;
  r->processed += r->chunk;
  if (!r->decoding && r->processed == r->target) {
    r->decoding = true;
    r->processed++;
    if (r->first_token == SIM_NEVER) {
      r->first_token = sim_now(e->sim);
      kinds = NOTICE_FIRST;
    }
  }
  e->meters.tokens_made += r->decoding && r->processed > before;
  bool stays = r->processed < r->prompt + r->output;
  if (!stays) {
    end_memory(e, r);
    e->meters.completed++;
    kinds |= NOTICE_DONE;
  }
  r->state = stays ? RESTING : ENDING;
  if (kinds)
    notice(e, r, kinds);
  return stays;
}

/* The running list after an iteration: V1 keeps its order, the others put the batch behind the rest. */
static void join_rest(struct engine *e, uint32_t stay)
{
  struct engine_request **rest = e->rest;
  bool first = e->def.scheduler == VLLM_V1;
  if (first && e->n_rest)
    memmove(rest + stay, rest, e->n_rest * sizeof *rest);
  memcpy(rest + (first ? 0 : e->n_rest), e->batch, stay * sizeof *rest);
  e->n_rest += stay;
}

static void end_run(struct engine *e)
{
  uint32_t stay = 0;
  settle(e, e->n_run - e->settled - 1);
  share(e);
  for (uint32_t i = 0; i < e->n_batch; i++)
    if (e->batch[i])
      pay(e, e->batch[i]);
  if (e->def.async)
    e->seen = e->start;
  record_iteration(e);
  for (uint32_t i = 0; i < e->n_batch; i++)
    if (e->batch[i] && end_one(e, e->batch[i]))
      e->batch[stay++] = e->batch[i];
  join_rest(e, stay);
  e->n_batch = 0;
  e->flying = false;
  blocks_check(e);
}

static void on_iteration(struct sim *s, void *subject)
{
  struct engine *e = subject;
  (void)s;
  e->inside = true;
  if (e->flying) {
    end_run(e);
    deliver(e);
  }
  form(e);
  e->inside = false;
  deliver(e);
}

/* ---- entering and leaving ----------------------------------------------------------------------------------------- */

enum engine_refusal engine_refuses(const struct engine *e, const struct engine_request *r)
{
  uint32_t kept = e->def.scheduler == VLLM_V1 ? 0 : e->watermark;
  if (e->def.scheduler == VLLM_V0 && r->prompt > e->def.max_num_batched_tokens)
    return ENGINE_PROMPT_TOO_LONG;
  return blocks_for(e, r->prompt) + kept > e->total ? ENGINE_MEMORY_TOO_SMALL : ENGINE_FITS;
}

enum engine_refusal engine_enter(struct engine *e, struct engine_request *r)
{
  enum engine_refusal why = engine_refuses(e, r);
  sim_assert(r->prompt > 0 && r->output > 0 && r->prompt < 1u << 30 && r->output < 1u << 30 && r->state == OUTSIDE);
  if (why != ENGINE_FITS) {
    e->meters.rejected++;
    return why;
  }
  r->engine = e;
  r->arrived = sim_now(e->sim);
  r->first_scheduled = r->first_token = SIM_NEVER;
  r->target = r->prompt;
  r->serial = e->serial++;
  (e->def.by_priority ? push_by_priority : push_back)(e, r);
  if (e->flying && e->first == r)
    cut(e);
  else if (!e->flying && !e->inside && !e->event.bits)
    e->event = sim_at(e->sim, sim_now(e->sim), PRIORITY_ITERATION, on_iteration, e);
  return ENGINE_FITS;
}

static void forget(struct engine_request **list, uint32_t *n, struct engine_request *r)
{
  for (uint32_t i = 0; i < *n; i++)
    if (list[i] == r) {
      memmove(list + i, list + i + 1, (--*n - i) * sizeof *list);
      return;
    }
}

static void leave_iteration(struct engine *e, struct engine_request *r)
{
  share(e);
  pay(e, r);
  e->sharing -= r->chunk;
  for (uint32_t i = 0; i < e->n_batch; i++)
    if (e->batch[i] == r)
      e->batch[i] = NULL;
}

static void leave_running(struct engine *e, struct engine_request *r)
{
  cut(e);
  if (r->state == RESTING)
    forget(e->rest, &e->n_rest, r);
  else
    leave_iteration(e, r);
  blocks_release(e, r);
  e->holding--;
}

void engine_leave(struct engine *e, struct engine_request *r)
{
  sim_assert(r->engine == e && r->state != OUTSIDE);
  for (uint32_t i = 0; i < e->n_notices; i++)
    if (e->notices[i].request == r)
      e->notices[i].request = NULL;
  if (r->state == WAITING)
    unlink_waiting(e, r);
  else if (r->state != ENDING)
    leave_running(e, r);
  if (e->flying)
    cut(e);                                             /* a head that was blocked may have gone */
  r->state = OUTSIDE;
}

void engine_stop(struct engine *e)
{
  struct engine_meters m;
  sim_assert(!e->inside && !e->first && !e->n_rest);
  engine_meters(e, &m);
  e->meters = m;
  sim_cancel(e->sim, e->event);
  e->event = (event_id){0};
  e->flying = false;
  e->n_batch = 0;
  e->seen = SIM_NEVER;
  give_back(e);
  if (!e->cache)
    return;
  cache_free(e->cache);
  e->cache = cache_new(e->total, e->def.max_num_seqs);
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

bool engine_has(const struct engine *e, const struct engine_request *r)
{
  return r->engine == e && r->state != OUTSIDE;
}

uint32_t engine_made(struct engine *e, struct engine_request *r)
{
  catch_up(e);
  return (r->decoding ? r->processed : r->target) - r->prompt;
}

uint32_t engine_waiting(const struct engine *e) { return e->n_waiting; }
uint32_t engine_running(const struct engine *e) { return e->holding; }
uint32_t engine_blocks_used(struct engine *e)
{
  catch_up(e);
  return e->used;
}
uint32_t engine_cap(const struct engine *e) { return e->def.max_num_seqs; }
uint32_t engine_blocks_total(const struct engine *e) { return e->total; }

void engine_meters(struct engine *e, struct engine_meters *m)
{
  catch_up(e);
  *m = e->meters;
  if (!e->flying)
    return;
  double s = s_from_ns(sim_now(e->sim) - e->start), alone_s = e->sharing ? 0 : unshared_s(e);
  m->busy_s += s;
  m->block_s += s * (e->run_used + e->taken[e->settled]);
  m->joule += s * power_w(e);
  m->orphan_s += alone_s;
  m->orphan_j += alone_s * power_w(e);
}

double engine_power_w(struct engine *e)
{
  catch_up(e);
  return e->flying ? power_w(e) : 0;
}
