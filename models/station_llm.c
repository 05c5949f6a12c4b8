/* LLM engines as servers: each server of a member is an engine (engine.c) with its own queue and memory.
 *
 * A job goes to the engine that the router chooses as it comes, and stays there. Only where servers come and go does it
 * wait in front: until one is open and holds fewer than max_num_seqs requests. Waiting ends when it is first scheduled;
 * a restart is part of its service. An iteration is paid for by those in it, by the tokens that it does for each.
 * Check: reference step time, one request of 100 + 2 tokens: first token at 13.52 ms, done at 20.07626 ms.
 */
#include "models/station_parts.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

struct llm_job { struct engine_request request; struct job *job; };

struct llm {
  struct engine **engine, **open;                       /* [servers]; those that may take one more, as asked */
  uint16_t *number;                                     /* of the open ones */
  uint64_t routed;
  double ttft_s_sum; uint64_t ttfts;
  uint64_t refused[ENGINE_REFUSALS];
  struct engine_meters before;                          /* the window */
};

static struct llm *llm_of(const struct station *s) { return s->extra->llm; }
static struct engine *engine_of(const struct job *job) { return llm_of(job->station)->engine[job->engine]; }
static struct job *job_of_request(struct engine_request *r) { return holder_of(r, struct llm_job, request)->job; }

struct pool *llm_jobs_new(void) { return pool_new(sizeof(struct llm_job)); }

static struct llm *llm_new(struct station *s, struct sim *sim)
{
  const struct station_kind *kind = s->kind;
  const struct llm_kind *k = &kind->llm->kind[kind->hardware ? kind->hardware[s - kind->first] : 0];
  struct llm *l = zeros_new(1, sizeof *l);
  struct engine_def def = kind->llm->engine;
  def.kv_blocks = k->kv_blocks;
  l->engine = zeros_new(kind->servers, sizeof *l->engine);
  l->open = zeros_new(kind->servers, sizeof *l->open);
  l->number = zeros_new(kind->servers, sizeof *l->number);
  sim_assert(kind->servers <= UINT16_MAX);
  for (uint32_t i = 0; i < kind->servers; i++) l->engine[i] = engine_new(sim, &def, k->step_time, &kind->llm_events);
  station_more(s)->llm = l;
  llm_speed(s);
  return l;
}

void llm_speed(struct station *s)
{
  for (uint32_t i = 0; i < s->kind->servers; i++) engine_set_speed(s->extra->llm->engine[i], station_speed(s));
}

void llm_release(struct station_extra *extra, uint32_t servers)
{
  struct llm *l = extra->llm;
  if (!l) return;
  for (uint32_t i = 0; i < servers; i++) engine_free(l->engine[i]);
  free(l->engine);
  free(l->open);
  free(l->number);
  free(l);
}

/* ---- in ---------------------------------------------------------------------------------------------------------- */

static uint32_t whole_tokens(double tok) { return tok < 1 ? 1 : tok < 1e9 ? (uint32_t)llround(tok) : 1000000000; }

bool llm_possible(struct station *s, struct sim *sim, const struct demand *d)
{
  struct llm *l = station_more(s)->llm ? llm_of(s) : llm_new(s, sim);
  struct engine_request asked = {.prompt = whole_tokens(d->tok_in), .output = whole_tokens(d->tok_out)};
  enum engine_refusal why = engine_refuses(l->engine[0], &asked);
  l->refused[why]++;
  return why == ENGINE_FITS;
}

static uint32_t inside(const struct engine *e) { return engine_waiting(e) + engine_running(e); }

/* False: no engine may take it now. */
static bool choose(struct station *s, struct job *job, const struct engine_request *r)
{
  struct llm *l = llm_of(s);
  enum engine_router router = s->kind->llm->router;
  uint32_t n = 0;
  if (!s->kind->gated) {
    job->engine = (uint16_t)engine_route(router, l->engine, s->kind->servers, l->routed++, r);
    return true;
  }
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    if (server_closed(s, i) || inside(l->engine[i]) >= engine_cap(l->engine[i])) continue;
    l->open[n] = l->engine[i];
    l->number[n++] = (uint16_t)i;
  }
  if (n) job->engine = l->number[engine_route(router, l->open, n, l->routed++, r)];
  return n > 0;
}

static void join_chain(const struct station *s, struct chain c, struct engine_request *asked)
{
  asked->chain = c.own;
  asked->common = c.common;
  asked->n_common = (uint32_t)fmin(c.common_tok / s->kind->llm->engine.block_tok, 1e9);
}

static bool go_in(struct station *s, struct sim *sim, struct job *job)
{
  double out_tok = job->work + 1, in_tok = job->kv_tok - out_tok, key = s->kind->lists ? 0 : job->at.user.finish.key;
  struct engine_request asked = {.prompt = whole_tokens(in_tok), .output = whole_tokens(out_tok),
                                 .priority = (uint16_t)fmin(fmax(key, 0), UINT16_MAX)};
  if (s->kind->events->chain) join_chain(s, s->kind->events->chain(sim, job), &asked);
  if (!choose(s, job, &asked)) return false;
  if (job->state == JOB_QUEUED) queue_remove(s, job);
  struct llm_job *own = pool_take(s->kind->llm_jobs);
  own->request = asked;
  own->job = job;
  job->at.llm = own;
  job->state = JOB_LLM_WAITS;
  job->begun = true;
  enum engine_refusal why = engine_enter(engine_of(job), &own->request);
  sim_assert(why == ENGINE_FITS);
  if (s->kind->gated && s->kind->events->started) s->kind->events->started(sim, job);
  return true;
}

void llm_enter(struct station *s, struct sim *sim, struct job *job)
{
  job->batched = true;
  job->batch_seen = 0;
  bool first = !queue_head(s);
  if (first && go_in(s, sim, job)) return;
  queue_push(s, job);
  if (!first) llm_pump(s, sim);
}

void llm_pump(struct station *s, struct sim *sim)
{
  for (struct job *head; (head = queue_head(s)) != NULL;)
    if (!go_in(s, sim, head)) return;
}

/* ---- what the engine tells --------------------------------------------------------------------------------------- */

static void waited(struct station *s, struct job *job, bool started)
{
  sim_time ns = s->since - job->since;
  job->wait_ns += ns;
  job->since = s->since;
  if (job->entered < s->window) return;
  s->wait_sum += (double)ns;
  s->waits += started;
}

static void on_started(struct sim *sim, struct engine_request *r)
{
  struct job *job = job_of_request(r);
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  waited(s, job, !job->again);
  s->running++;
  job->state = JOB_LLM_RUNS;
  job->batch_seen = engine_running(r->engine);
  if (!s->kind->gated && s->kind->events->started) s->kind->events->started(sim, job);
}

static void on_first(struct sim *sim, struct engine_request *r)
{
  struct job *job = job_of_request(r);
  struct station *s = job->station;
  if (job->told) return;
  job->told = true;
  if (job->entered >= s->window) {
    llm_of(s)->ttft_s_sum += s_from_ns(sim_now(sim) - job->entered);
    llm_of(s)->ttfts++;
  }
  if (s->kind->events->first) s->kind->events->first(sim, job);
}

/* The account of a job that is out. */
static void account(struct station *s, struct job *job, double used_s, double used_j)
{
  job->served_ns = s->since - job->entered - job->wait_ns;
  job->slot_s = used_s * s->kind->slots;
  job->batch_ns = 0;                                    /* of its waiting, none is for others to come */
  job->at.batch.joule = used_j;
}

static void leave_engine(struct station *s, struct job *job)
{
  struct llm_job *own = job->at.llm;
  if (job->state == JOB_LLM_RUNS) s->running--;
  else waited(s, job, false);
  account(s, job, own->request.used_s, own->request.used_j);
  pool_give(s->kind->llm_jobs, own);
}

static void on_done(struct sim *sim, struct engine_request *r)
{
  struct job *job = job_of_request(r);
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  leave_engine(s, job);
  station_complete(s, sim, job);
}

static void on_rejected(struct sim *sim, struct engine_request *r, enum engine_refusal why)
{
  struct job *job = job_of_request(r);
  struct station *s = job->station;
  station_settle(s, sim_now(sim));
  leave_engine(s, job);
  llm_of(s)->refused[why]++;
  job->state = JOB_OUT;
  s->in_system--;
  if (s->kind->gated) s->kind->events->released(sim, job);
  llm_pump(s, sim);
  s->kind->events->refused(sim, job);
}

void llm_events(struct engine_events *on)
{
  *on = (struct engine_events){.started = on_started, .first = on_first, .done = on_done, .rejected = on_rejected};
}

void llm_leave(struct station *s, struct sim *sim, struct job *job)
{
  if (job->state == JOB_QUEUED) {
    queue_remove(s, job);
    waited(s, job, false);
    account(s, job, 0, 0);
  } else {
    engine_leave(engine_of(job), &job->at.llm->request);
    leave_engine(s, job);
  }
  job->state = JOB_OUT;
  s->in_system--;
  llm_pump(s, sim);
}

/* Its server failed: out of the engine, as if it had never come to it. Until it is scheduled again it waits. */
void llm_interrupt(struct station *s, struct sim *sim, struct job *job, struct job_use *use)
{
  struct llm_job *own = job->at.llm;
  (void)sim;
  engine_leave(engine_of(job), &own->request);
  *use = (struct job_use){own->request.used_s * s->kind->slots, own->request.used_j};
  if (job->state == JOB_LLM_RUNS) {
    s->running--;
    job->again = true;
  } else {
    waited(s, job, false);
    job->begun = job->again;
  }
  pool_give(s->kind->llm_jobs, own);
}

void llm_stop(struct station *s, uint32_t server)
{
  if (s->extra && s->extra->llm) engine_stop(llm_of(s)->engine[server]);
}

double llm_made(const struct station *s, const struct job *job)
{
  (void)s;
  if (job->state != JOB_LLM_RUNS) return 0;
  struct engine_request *r = &job->at.llm->request;
  return (double)engine_made(r->engine, r) / r->output;
}

double llm_joule(const struct station *s, double *now_w)
{
  const struct llm *l = s->extra ? s->extra->llm : NULL;
  struct engine_meters m;
  double sum = *now_w = 0;
  for (uint32_t i = 0; l && i < s->kind->servers; i++) {
    engine_meters(l->engine[i], &m);
    *now_w += engine_power_w(l->engine[i]);
    sum += m.joule;
  }
  return sum;
}

/* ---- meters ------------------------------------------------------------------------------------------------------ */

/* sum += sign * one */
static void add(struct engine_meters *sum, const struct engine_meters *one, int sign)
{
  uint64_t n = sign < 0 ? UINT64_MAX : 1;               /* -1, modulo 2^64 */
  sum->iterations += n * one->iterations;
  sum->tokens_read += n * one->tokens_read;
  sum->tokens_made += n * one->tokens_made;
  sum->preemptions += n * one->preemptions;
  sum->completed += n * one->completed;
  sum->rejected += n * one->rejected;
  sum->hit_tok += n * one->hit_tok;
  sum->batch_sum += n * one->batch_sum;
  sum->gap_count += n * one->gap_count;
  sum->gap_s_sum += sign * one->gap_s_sum;
  sum->busy_s += sign * one->busy_s;
  sum->block_s += sign * one->block_s;
  sum->joule += sign * one->joule;
  sum->orphan_s += sign * one->orphan_s;
  sum->orphan_j += sign * one->orphan_j;
}

static struct engine_meters all_meters(const struct station *s)
{
  struct engine_meters sum = {0}, one;
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    engine_meters(llm_of(s)->engine[i], &one);
    add(&sum, &one, 1);
  }
  return sum;
}

void llm_open_window(struct station *s)
{
  struct llm *l = llm_of(s);
  l->before = all_meters(s);
  l->ttft_s_sum = 0;
  l->ttfts = 0;
  for (int i = 0; i < ENGINE_REFUSALS; i++) l->refused[i] = 0;
}

void llm_meters(const struct station *s, struct station_meters *m)
{
  const struct llm *l = llm_of(s);
  struct llm_meters *out = &m->llm;
  out->whole = out->window = all_meters(s);
  add(&out->window, &l->before, -1);
  out->ttft_s_sum = l->ttft_s_sum;
  out->ttfts = l->ttfts;
  for (int i = 0; i < ENGINE_REFUSALS; i++) out->refused[i] = l->refused[i];
  m->busy_slot_s = out->window.busy_s * s->kind->slots;
  m->run_server_busy_s = out->whole.busy_s;
  m->run_busy_slot_s = out->whole.busy_s * s->kind->slots;
  m->batches = out->window.iterations;
  m->batch_sum = (double)out->window.batch_sum;
  m->run_batch_j = out->whole.joule;
}
