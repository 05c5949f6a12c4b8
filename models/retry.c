/* retry.c: trying a plan again: how often, after how long, and as long as the budget lasts.
 *
 * The k-th wait of a plan is first x factor^(k-1), at most max; with full jitter a uniform share of it (Brooker 2015,
 * "Exponential backoff and jitter"), drawn by (request, task, attempt). The budget is a bucket of tokens of the class's
 * task: a first attempt puts `budget` in, a retry takes 1, `burst` is the most it holds and what it starts with (as in
 * Finagle's RetryBudget; gRPC's throttling is the same with successes in place of first attempts). So n first attempts
 * have at most burst + n x budget retries, whatever fails: the load grows to 1 + budget times at most.
 * Checkable: failures independent with probability p, k attempts: success 1 - p^k; mean number of attempts
 * (1 - p^k) / (1 - p); waits 100, 200, 400 ms ... capped, half of it on average with full jitter.
 */
#include "models/life.h"

static const double ROUNDING = 1e-9;                    /* ten deposits of 0.1 are one retry */

void retry_earn(struct task *t)
{
  const struct retry_def *def = t->def->life ? t->def->life->retry : NULL;
  if (def && def->budget >= 0) t->retry_tokens = fmin(def->burst, t->retry_tokens + def->budget);
}

static bool retry_pay(struct task *t, const struct retry_def *def)
{
  if (def->budget < 0) return true;
  if (t->retry_tokens < 1 - ROUNDING) return false;
  t->retry_tokens -= 1;
  return true;
}

double retry_left(const struct task *t, const struct effort *e)
{
  const struct retry_def *def = e->def->retry;
  if (!def) return NAN;
  double tries = def->attempts > e->tries ? def->attempts - e->tries : 0;
  return def->budget < 0 ? tries : fmin(tries, floor(t->retry_tokens + ROUNDING));
}

static double backoff_s(const struct world *w, const struct effort *e, const struct retry_def *def)
{
  double wait_s = fmin(def->max_s, def->first_s * pow(def->factor, e->tries - 1));
  if (!def->jitter) return wait_s;
  return wait_s * rng_fresh(&w->root, STREAM_BACKOFF, e->request->id, stream_entity(e->task, 0, e->next_ordinal));
}

static void on_backoff(struct sim *s, void *effort)
{
  struct effort *e = effort;
  struct world *w = world_of(s);
  const struct plan_def *plan = e->planned ? &e->plan : NULL;
  if (!plan && e->decision) plan = &task_in(w, e)->def->plan[e->decision->action];      /* its answer came too late */
  e->backoff = (event_id){ 0 };
  effort_launch(w, e, plan, ROLE_RETRY);
}

bool retry_begin(struct world *w, struct effort *e, enum status status)
{
  const struct retry_def *def = e->def->retry;
  if (!def || e->tries >= def->attempts || !(def->on >> status & 1) || !retry_pay(task_in(w, e), def)) return false;
  e->backoff = sim_after(w->sim, ns_from_s(backoff_s(w, e, def)), PRIORITY_NORMAL, on_backoff, e);
  return true;
}
