/* Token service: every server is an engine that reads one prompt at a time and decodes for all the others together.
 *
 * Equations: prefill tok_in / prefill_tok_per_s, or a measured table (steptime_prompt.c); a step of b running requests step_a_s + step_c_s * b (parameter book
 * 4.2), taken as a flow: each of b requests advances by dt / step. Several variants on one engine take turns, so their
 * steps add up: sum over variants of a + c * b. KV: prompt + output are reserved from prefill to the end, as shares of
 * each variant's own cap. Where the step is not measured but computed, it also grows with the context that it reads.
 * Check: prefill 100 tok/s, a = 0.08 s, c = 0.02 s, one request of 50 + 11 tokens: first at 0.5 s, done at 1.5 s.
 */
#include "models/station_parts.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

struct variant_use { const struct token_cost *cost; uint32_t decoding; double kv_tok, context_tok; };

struct token_engine {
  struct station *station;
  struct share *decode;
  struct job *prefill;
  uint32_t requests;                                    /* prefill and decode */
  uint32_t n_used;                                      /* variants seen */
  struct variant_use *used;                             /* [n_used], grows */
  sim_time reads_ns, reads_since;                       /* of the prompt at hand: work left at that moment */
  double speed, steps, tokens;                          /* steps per second; steps and tokens over the window */
  sim_time since;
};

static struct job *job_of_share(struct share_user *user) { return holder_of(user, struct job, at.user); }
static struct token_engine *engine_of(const struct job *job) { return job->station->extra->engine + job->engine; }

static struct variant_use *use_of(struct token_engine *e, const struct token_cost *cost)
{
  for (uint32_t i = 0; i < e->n_used; i++)
    if (e->used[i].cost == cost) return &e->used[i];
  struct variant_use *more = realloc(e->used, (e->n_used + 1) * sizeof *more);
  if (!more) check_out_of_memory((e->n_used + 1) * sizeof *more);
  e->used = more;
  e->used[e->n_used] = (struct variant_use){.cost = cost};
  return &e->used[e->n_used++];
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static double variant_step_s(const struct variant_use *u, uint32_t n)
{
  return u->cost->step_a_s + u->cost->step_c_s * n + u->cost->step_s_per_kv_tok * u->context_tok;
}

static double step_s(const struct token_engine *e)
{
  double step = 0;
  for (uint32_t i = 0; i < e->n_used; i++) {
    const struct variant_use *u = &e->used[i];
    if (u->decoding) step += variant_step_s(u, u->decoding);
  }
  return step;
}

static double decode_speed(const void *context, uint32_t n)
{
  const struct token_engine *e = context;
  double step = e->n_used == 1 ? variant_step_s(e->used, n) : step_s(e);
  if (step <= 0) return 1e12;                           /* a step of no time: the tokens come at once */
  double rate = e->station->kind->derated ? heat_rate(e->station) : 1;
  return station_speed(e->station) * rate / step;
}

/* Book the steps since the last change, before n changes. */
static void count_steps(struct token_engine *e, sim_time now)
{
  double steps = e->speed * s_from_ns(now - e->since);
  e->steps += steps;
  e->tokens += steps * share_users(e->decode);
  e->since = now;
}

static void on_hotter(struct sim *, void *);

/* While something decodes, its speed follows the member's heat. */
static void watch_heat(struct station *s, struct sim *sim)
{
  struct station_extra *x = s->extra;
  bool decoding = false;
  for (uint32_t i = 0; i < s->kind->servers; i++) decoding |= share_users(x->engine[i].decode) > 0;
  sim_time next = decoding ? heat_next(s) : SIM_NEVER;
  if (x->hotter.bits && next != SIM_NEVER) return;      /* under load since then: it comes when it should */
  if (x->hotter.bits) sim_cancel(sim, x->hotter);
  x->hotter = next == SIM_NEVER ? (event_id){0} : sim_after(sim, next, PRIORITY_NORMAL, on_hotter, s);
}

static void decoding_changed(struct token_engine *e, struct sim *sim, bool more)
{
  if (more && share_users(e->decode)) share_update(e->decode, sim);
  e->speed = share_users(e->decode) ? decode_speed(e, share_users(e->decode)) : 0;
  if (e->station->kind->derated) watch_heat(e->station, sim);
}

static void on_hotter(struct sim *sim, void *subject)
{
  struct station *s = subject;
  station_settle(s, sim_now(sim));
  s->extra->hotter = (event_id){0};
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    struct token_engine *e = &s->extra->engine[i];
    count_steps(e, sim_now(sim));
    decoding_changed(e, sim, true);
  }
}

/* Mean context over the decode of a request: its prompt and half its output. */
static double context_tok(const struct job *job) { return job->kv_tok - (job->work + 1) / 2; }

static void decode_begins(struct token_engine *e, const struct job *job)
{
  struct variant_use *u = use_of(e, job->cost);
  u->decoding++;
  u->context_tok += context_tok(job);
}

static void decode_ends(struct token_engine *e, const struct job *job)
{
  struct variant_use *u = use_of(e, job->cost);
  u->context_tok = --u->decoding ? u->context_tok - context_tok(job) : 0;
}

/* ---- admission --------------------------------------------------------------------------------------------------- */

bool tokens_possible(const struct demand *d)
{
  return d->cost->available && (d->cost->kv_cap_tok <= 0 || d->tok_in + d->tok_out <= d->cost->kv_cap_tok);
}

static uint32_t batch_limit(const struct station *s, const struct token_cost *cost)
{
  return cost->max_batch > 0 ? (uint32_t)cost->max_batch : s->kind->slots;
}

void tokens_prepare(struct job *job, const struct demand *d)
{
  sim_assert(d->tok_in >= 0 && d->tok_out >= 0 && d->cost->prefill_tok_per_s > 0);
  job->kv_tok = d->tok_in + d->tok_out;
  job->work = d->tok_out - 1;
  job->batch_seen = 1 + (uint32_t)fmin(fmax(d->tok_held, 0), 1e9);      /* until it starts: tokens that it need not read */
}

static sim_time prefill_ns(const struct job *job)
{
  double tok_in = job->kv_tok - (job->work + 1) - (job->batch_seen - 1);
  return ns_from_s(token_prefill_s(job->cost, tok_in));
}

int64_t tokens_units(const struct station *s, const struct job *job)
{
  return (int64_t)SLOT_UNITS * s->kind->slots / batch_limit(s, job->cost);
}

static double kv_share(double tok, const struct token_cost *cost)
{
  return cost->kv_cap_tok > 0 ? tok / cost->kv_cap_tok : 0;
}

static bool engine_fits(struct token_engine *e, const struct job *job)
{
  if (e->prefill || e->requests >= batch_limit(e->station, job->cost)) return false;
  double share = 0, own = job->kv_tok;
  for (uint32_t i = 0; i < e->n_used; i++) {
    const struct variant_use *u = &e->used[i];
    if (u->cost == job->cost) own += u->kv_tok;
    else share += kv_share(u->kv_tok, u->cost);
  }
  return share + kv_share(own, job->cost) <= 1;
}

static void on_decoded(struct sim *, void *context, struct share_user *);

static void engines_new(struct station *s)
{
  uint32_t n = s->kind->servers;
  sim_assert(n <= UINT16_MAX);
  struct token_engine *all = zeros_new(n, sizeof *all);
  for (uint32_t i = 0; i < n; i++) {
    all[i].station = s;
    all[i].decode = share_new(decode_speed, on_decoded, &all[i]);
  }
  s->extra->engine = all;
}

/* The engine with the fewest requests that can take it; the first among equals. */
bool tokens_fit(struct station *s, struct job *job)
{
  if (!station_more(s)->engine) engines_new(s);
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    struct token_engine *e = &s->extra->engine[i];
    if (e->requests >= best || server_closed(s, i) || !engine_fits(e, job)) continue;
    best = e->requests;
    job->engine = (uint16_t)i;
  }
  return best != UINT32_MAX;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void on_prefilled(struct sim *sim, void *subject)
{
  struct job *job = subject;
  struct station *s = job->station;
  struct token_engine *e = engine_of(job);
  sim_time now = sim_now(sim);
  station_settle(s, now);
  count_steps(e, now);
  e->prefill = NULL;
  job->state = JOB_DECODE;
  decode_begins(e, job);
  share_join(e->decode, sim, &job->at.user, job->work > 0 ? job->work : 0);
  decoding_changed(e, sim, e->n_used > 1);
  if (waiting(s)) station_pump(s, sim);
  if (s->kind->events->first) s->kind->events->first(sim, job);
}

void tokens_start(struct station *s, struct sim *sim, struct job *job)
{
  struct token_engine *e = engine_of(job);
  station_hold(s, job, tokens_units(s, job));
  e->requests++;
  e->prefill = job;
  use_of(e, job->cost)->kv_tok += job->kv_tok;
  job->state = JOB_PREFILL;
  e->reads_ns = prefill_ns(job);
  job->batch_seen = e->requests;
  e->reads_since = s->since;
  job->event = sim_after(sim, station_lasts(s, e->reads_ns), PRIORITY_COMPLETE, on_prefilled, job);
}

void tokens_before_speed(struct station *s, struct sim *sim)
{
  for (struct token_engine *e = s->extra->engine; e < s->extra->engine + s->kind->servers; e++) {
    count_steps(e, sim_now(sim));
    e->reads_ns -= e->prefill ? station_done(s, s->since - e->reads_since) : 0;
    e->reads_since = s->since;
  }
}

void tokens_after_speed(struct station *s, struct sim *sim)
{
  for (struct token_engine *e = s->extra->engine; e < s->extra->engine + s->kind->servers; e++) {
    decoding_changed(e, sim, true);
    if (!e->prefill) continue;
    sim_cancel(sim, e->prefill->event);
    sim_time left = e->reads_ns > 0 ? e->reads_ns : 0;
    e->prefill->event = sim_after(sim, station_lasts(s, left), PRIORITY_COMPLETE, on_prefilled, e->prefill);
  }
}

static void give_back(struct station *s, struct token_engine *e, struct job *job)
{
  use_of(e, job->cost)->kv_tok -= job->kv_tok;
  if (--e->requests == 0)                               /* no rounding is carried over an idle time */
    for (uint32_t i = 0; i < e->n_used; i++) e->used[i].kv_tok = 0;
  station_release(s, job, tokens_units(s, job));
  station_account(s, job, tokens_units(s, job));
}

static void on_decoded(struct sim *sim, void *context, struct share_user *user)
{
  struct token_engine *e = context;
  struct job *job = job_of_share(user);
  struct station *s = e->station;
  sim_time now = sim_now(sim);
  station_settle(s, now);
  double steps = e->speed * s_from_ns(now - e->since);  /* as count_steps, with the job that has just left the share */
  e->tokens += steps;
  count_steps(e, now);
  decode_ends(e, job);
  decoding_changed(e, sim, e->n_used > 1 || job->cost->step_s_per_kv_tok > 0);
  give_back(s, e, job);
  station_complete(s, sim, job);
}

void tokens_leave(struct station *s, struct sim *sim, struct job *job)
{
  struct token_engine *e = engine_of(job);
  count_steps(e, sim_now(sim));
  if (job->state == JOB_PREFILL) {
    sim_cancel(sim, job->event);
    e->prefill = NULL;
  } else {
    decode_ends(e, job);
    share_leave(e->decode, sim, &job->at.user);
    decoding_changed(e, sim, e->n_used > 1);
  }
  give_back(s, e, job);
}

double tokens_share(double done, double steps)
{
  return fmin(1, (1 + floor(done + 1e-6)) / (1 + steps));
}

/* The first token came with the prompt; a rounding of the flow must not cost a token. */
double station_made(const struct station *s, const struct sim *sim, const struct job *job)
{
  if (s->kind->llm) return llm_made(s, job);
  if (job->state != JOB_DECODE) return 0;
  double steps = job->work > 0 ? job->work : 0;
  double done = steps - share_left(s->extra->engine[job->engine].decode, sim, &job->at.user);
  return tokens_share(done, steps);
}

void tokens_release(struct station_extra *extra, uint32_t servers)
{
  if (!extra->engine) return;
  for (uint32_t i = 0; i < servers; i++) {
    share_free(extra->engine[i].decode);
    free(extra->engine[i].used);
  }
  free(extra->engine);
}

/* ---- meters ------------------------------------------------------------------------------------------------------ */

void tokens_open_window(struct station *s, sim_time now)
{
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    struct token_engine *e = &s->extra->engine[i];
    count_steps(e, now);
    e->steps = e->tokens = 0;
  }
}

/* A station of engines: what a decode step saw, in place of the 1 of other jobs. */
void tokens_meters(const struct station *s, sim_time now, struct station_meters *m)
{
  double steps = 0, tokens = 0;
  for (uint32_t i = 0; i < s->kind->servers; i++) {
    struct token_engine e = s->extra->engine[i];
    count_steps(&e, now);
    steps += e.steps;
    tokens += e.tokens;
  }
  m->batches = (uint64_t)llround(steps);
  m->batch_sum = steps > 0 ? tokens * ((double)m->batches / steps) : 0;
}
