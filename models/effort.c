/* effort.c: one task of one request carried out with retries, copies, fallbacks and a judge.
 *
 *   stage 0 = the choice, stage k = the k-th fallback (the policy's list, else the scenario's; an answer without a place
 *   that ends the scenario's list ends the policy's, too)
 *   a stage: try -> (wait -> try ...) -> answered, or the next stage; beside a try of the choice a copy may run
 *
 * The first answer wins: other copies are cut where they are and pay for what they used. An attempt that fails while a
 * copy of it goes on changes nothing. Where the task has a judge, an answer with a score below the one to accept is kept
 * and the next fallback asked; it counts after all when none of these gives an answer. Score = quality + noise x standard
 * normal, drawn by (request, task, variant, attempt). The learner hears once, of all of it together.
 * Checkable: a judge without noise, cheap 0.4, dear 0.9, accept 0.5: quality 0.9, both paid.
 */
#include "models/exposure.h"
#include "models/life.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>

/* Efforts by request. There are few: one list in a bucket is short. */
enum { BUCKETS = 1 << 12 };
struct efforts {
  struct pool *pool;
  double score; int n_chosen; uint16_t chosen[MAX_FALLBACKS];   /* of the effort whose decision is being closed */
  struct effort *bucket[BUCKETS];
};

static struct effort **bucket_of(struct efforts *all, const struct request *r)
{
  return &all->bucket[(r->id * UINT64_C(0x9E3779B97F4A7C15)) >> 52];
}

struct effort *effort_of(const struct world *w, const struct request *r, int task)
{
  struct effort *e = w->efforts ? *bucket_of(w->efforts, r) : NULL;
  while (e && (e->request != r || e->task != task)) e = e->next;
  return e;
}

static struct efforts *efforts_of_world(struct world *w)
{
  if (w->efforts) return w->efforts;
  w->efforts = zeros_new(1, sizeof *w->efforts);
  w->efforts->pool = pool_new(sizeof(struct effort));
  w->efforts->score = NAN;
  return w->efforts;
}

static struct effort *effort_new(struct world *w, struct request *r, int task, unsigned next_ordinal)
{
  static const struct life_def nothing = { 0 };
  struct efforts *all = efforts_of_world(w);
  struct effort *e = pool_take(all->pool), **bucket = bucket_of(all, r);
  const struct task_def *t = task_of(w, r, task);
  e->request = r;
  e->next = *bucket;
  *bucket = e;
  e->def = t->life ? t->life : &nothing;
  e->task = (uint8_t)task;
  e->next_ordinal = (uint16_t)next_ordinal;
  e->accept = e->def->judge ? e->def->judge->accept : 0;
  e->kept = e->score = NAN;
  e->hedge_action = NONE;
  r->n_efforts++;
  return e;
}

static void effort_free(struct world *w, struct effort *e)
{
  struct effort **at = bucket_of(w->efforts, e->request);
  hedge_disarm(w, e);
  while (*at != e) at = &(*at)->next;
  *at = e->next;
  e->request->n_efforts--;
  free(e->kept_facts);
  pool_give(w->efforts->pool, e);
}

void efforts_free(struct world *w)
{
  if (!w->efforts) return;
  pool_free(w->efforts->pool);
  free(w->efforts);
}

size_t efforts_live(const struct world *w) { return w->efforts ? pool_live(w->efforts->pool) : 0; }
double efforts_score(const struct world *w) { return w->efforts->score; }

int efforts_chosen(const struct world *w, uint16_t to[MAX_FALLBACKS])
{
  int n = w->efforts ? w->efforts->n_chosen : 0;
  for (int i = 0; i < MAX_FALLBACKS; i++) to[i] = i < n ? w->efforts->chosen[i] : UINT16_MAX;
  return n;
}

/* ---- begin ----------------------------------------------------------------------------------------------------- */

/* May end the attempt, the effort and the request before it returns. */
void effort_launch(struct world *w, struct effort *e, const struct plan_def *plan, uint8_t role)
{
  struct attempt_ask ask = { .task = e->task, .ordinal = e->next_ordinal, .fallback = e->stage, .decision = e->decision,
                             .plan = plan, .role = role, .in_effort = true };
  e->next_ordinal = (uint16_t)count_up(e->next_ordinal, UINT16_MAX);
  e->live++;
  if (!(role & ROLE_HEDGE)) e->tries++;
  attempt_begin(w, e->request, &ask);
}

void task_begin(struct world *w, struct request *r, int task, unsigned ordinal)
{
  struct task *t = &w->klass[r->klass].task[task];
  if (!t->def->life) {
    attempt_begin(w, r, &(struct attempt_ask){ .task = task, .ordinal = ordinal });
    return;
  }
  retry_earn(t);
  effort_launch(w, effort_new(w, r, task, ordinal), NULL, 0);
}

bool effort_on_answer(struct world *w, struct attempt *a, const struct decision_result *answer)
{
  bool more = answer->n_fallbacks > 0 || answer->hedge_action != NONE || answer->accept_quality > 0;
  if (!more && !(answer->timeout_s > 0)) return false;
  struct effort *e = a->in_effort ? effort_of(w, a->request, a->task)
                                  : effort_new(w, a->request, a->task, a->ordinal + 1u);
  if (!a->in_effort) e->live = e->tries = 1;
  a->in_effort = true;
  e->timeout_s = answer->timeout_s;
  e->hedge_action = answer->hedge_action;
  e->hedge_delay_s = answer->hedge_delay_s;
  if (answer->accept_quality > 0) e->accept = answer->accept_quality;
  e->n_fallbacks = (uint8_t)answer->n_fallbacks;
  for (int i = 0; i < answer->n_fallbacks; i++) e->fallback[i] = (uint16_t)answer->fallback[i];
  return answer->timeout_s > 0;
}

double effort_timeout_s(const struct world *w, const struct attempt *a)
{
  return effort_of(w, a->request, a->task)->timeout_s;
}

double effort_retries_left(const struct world *w, const struct attempt *a)
{
  const struct effort *e = a->in_effort ? effort_of(w, a->request, a->task) : NULL;
  return e ? retry_left(&w->klass[a->request->klass].task[a->task], e) : NAN;
}

void effort_on_sent(struct world *w, struct attempt *a, const struct plan_def *plan)
{
  struct effort *e = effort_of(w, a->request, a->task);
  e->decision = a->decision;
  if (a->role & ROLE_HEDGE) return;
  e->plan = *plan;
  e->planned = true;
  hedge_arm(w, e);
}

void effort_on_begun(struct world *w, struct attempt *a)
{
  hedge_on_begun(w, effort_of(w, a->request, a->task), a);
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void drop_attempts(struct world *w, struct effort *e, enum status status)
{
  for (struct attempt *a = e->request->attempts, *next; a; a = next) {
    next = a->next;
    if (a->task != e->task) continue;
    e->decision = a->decision;
    attempt_drop(w, a, status);
  }
  e->live = 0;
}

void effort_on_served(struct world *w, struct attempt *a)
{
  struct effort *e = effort_of(w, a->request, a->task);
  for (struct attempt *b = a->request->attempts, *next; b; b = next) {
    next = b->next;
    if (b->task != a->task || b == a) continue;
    attempt_drop(w, b, STATUS_CANCELLED);
    e->live--;
  }
  hedge_disarm(w, e);
}

/* The learner hears; the effort is gone. */
static void effort_close(struct world *w, struct effort *e, enum status status, double quality)
{
  struct request *r = e->request;
  struct decision *d = e->decision;
  w->efforts->score = e->score;
  w->efforts->n_chosen = e->n_fallbacks;
  memcpy(w->efforts->chosen, e->fallback, sizeof e->fallback);
  effort_free(w, e);
  if (d) decision_close(w, r, d, status, quality);
  w->efforts->score = NAN;
  w->efforts->n_chosen = 0;
}

static int stages(const struct task_def *t, const struct effort *e)
{
  return e->n_fallbacks ? e->n_fallbacks : t->n_fallbacks;
}

/* NULL: no fallback, or one that only answers. */
static const struct plan_def *stage_plan(const struct task_def *t, const struct effort *e, int stage)
{
  if (stage > stages(t, e)) return NULL;
  if (e->n_fallbacks) return &t->plan[e->fallback[stage - 1]];
  return t->fallback[stage - 1].answers ? NULL : &t->fallback[stage - 1].plan;
}

static void done(struct world *w, struct effort *e, const struct task_end *end, double quality)
{
  struct request *r = e->request;
  unsigned next = e->next_ordinal;
  effort_close(w, e, STATUS_COMPLETED, quality);
  request_on_done(w, r, end, next, quality);
}

/* What is said when nothing answered: it is no place, so it stays where the policy has a list of its own. */
static const struct fallback_def *last_answer(const struct task_def *t, const struct effort *e)
{
  int at = e->n_fallbacks ? t->n_fallbacks - 1 : e->stage;
  return at >= 0 && at < t->n_fallbacks && t->fallback[at].answers ? &t->fallback[at] : NULL;
}

/* What its task found, and where it lies: a later attempt, which is not taken, may write that anew. */
static void keep(struct world *w, struct effort *e, const struct task_end *end, double quality)
{
  struct request *r = e->request;
  const struct effect_def *found = task_of(w, r, e->task)->effect;
  e->kept = quality;
  e->kept_ends = end->ends;
  if (w->klass[r->klass].def->n_tasks > 1) e->kept_at = request_outputs(w, r)[e->task];
  if (!found || found->n_produced == 0) return;
  if (!e->kept_facts) e->kept_facts = zeros_new((size_t)found->n_produced + w->def->n_data, sizeof *e->kept_facts);
  for (int i = 0; i < found->n_produced; i++) e->kept_facts[i] = r->attribute[found->produced[i].attribute];
  if (w->exposure) exposure_made(w, r, e->task, e->kept_facts + found->n_produced);
}

static void take_kept(struct world *w, struct effort *e)
{
  struct request *r = e->request;
  const struct effect_def *found = task_of(w, r, e->task)->effect;
  if (w->klass[r->klass].def->n_tasks > 1) request_outputs(w, r)[e->task] = e->kept_at;
  for (int i = 0; e->kept_facts && i < found->n_produced; i++)
    r->attribute[found->produced[i].attribute] = e->kept_facts[i];
  if (e->kept_facts && w->exposure) exposure_found(w, r, e->task, e->kept_facts + found->n_produced);
}

static void done_with_kept(struct world *w, struct effort *e, const struct task_end *end)
{
  struct task_end kept = *end;
  take_kept(w, e);
  kept.ends = e->kept_ends;
  done(w, e, &kept, e->kept);
}

static void give_up(struct world *w, struct effort *e, const struct task_end *end)
{
  struct request *r = e->request;
  const struct fallback_def *last = last_answer(task_in(w, e)->def, e);
  int task = e->task;
  effort_close(w, e, last ? STATUS_ANSWERED : end->status, last ? last->quality : 0);
  if (last) request_on_answer(w, r, task, last);
  else request_on_given_up(w, r, task, end->status);
}

static void next_stage(struct world *w, struct effort *e, const struct task_end *end)
{
  const struct plan_def *plan = stage_plan(task_in(w, e)->def, e, e->stage + 1);
  if (!plan && !isnan(e->kept)) done_with_kept(w, e, end);
  else if (!plan) give_up(w, e, end);
  else {
    w->summary.own_attempts += e->n_fallbacks > 0;
    e->stage++;
    e->tries = 0;
    e->plan = *plan;
    e->planned = true;
    effort_launch(w, e, plan, 0);
  }
}

static double score_of(const struct world *w, const struct effort *e, const struct task_end *end, double quality)
{
  if (!e->def->judge) return NAN;
  struct rng rng = rng_open(&w->root, STREAM_JUDGE, e->request->id, stream_entity(end->task, end->variant, end->ordinal));
  return quality + e->def->judge->noise * rng_normal(&rng);
}

/* Tokens of an answer that the user does not get to see. */
static void take_back_tokens(struct world *w, struct request *r, const struct task_end *end)
{
  const struct task_def *t = task_of(w, r, end->task);
  const struct work_def *work = &t->work[end->variant];
  if (t->stream && is_final(t) && work->kind == WORK_TOKENS)
    r->tokens -= (uint32_t)llround(expr_value(&work->tok_out, r->attribute));
}

static void on_answered(struct world *w, struct effort *e, const struct task_end *end)
{
  struct request *r = e->request;
  double quality = request_quality(w, r, end->task, end->variant);
  drop_attempts(w, e, STATUS_CANCELLED);
  hedge_disarm(w, e);
  e->score = score_of(w, e, end, quality);
  if (e->accept > 0 && e->score < e->accept && stage_plan(task_in(w, e)->def, e, e->stage + 1)) {
    keep(w, e, end, quality);
    take_back_tokens(w, r, end);
    request_on_void(w, r, end->task);
    next_stage(w, e, end);
  } else {
    done(w, e, end, quality);
  }
}

void effort_on_end(struct world *w, struct request *r, const struct task_end *end)
{
  struct effort *e = effort_of(w, r, end->task);
  e->live--;
  e->decision = end->decision;
  if (end->status == STATUS_COMPLETED) {
    on_answered(w, e, end);
    return;
  }
  if (e->live > 0) return;
  hedge_disarm(w, e);
  request_on_void(w, r, end->task);
  if (!retry_begin(w, e, end->status)) next_stage(w, e, end);
}

static void effort_cancel(struct world *w, struct effort *e, enum status status)
{
  drop_attempts(w, e, status);
  effort_close(w, e, status, 0);
}

uint32_t efforts_cancel(struct world *w, struct request *r, uint32_t tasks, enum status status, uint16_t *next)
{
  uint32_t had = 0;
  for (int task = 0; task < w->klass[r->klass].def->n_tasks && r->n_efforts; task++) {
    struct effort *e = tasks >> task & 1 ? effort_of(w, r, task) : NULL;
    if (!e) continue;
    if (next) next[task] = e->next_ordinal;
    had |= 1u << task;
    effort_cancel(w, e, status);
  }
  return had;
}
