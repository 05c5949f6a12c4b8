/* api.c: a place that somebody else runs: time to first token and time per token, rate limits, a price list.
 *
 * service = ttft + tpot * (tok_out - 1) (+ the time of a WORK_TIME task). Limits are token buckets that hold one
 * minute's worth, of requests and of tokens (prompt and output, counted on entry): what does not fit is rejected.
 * Where the scenario changes its speed, both times are divided by the speed at which the request came.
 */
#include "models/internal.h"

static double refilled(double level, double rate_per_s, double passed_s)
{
  return fmin(60 * rate_per_s, level + rate_per_s * passed_s);
}

static const double ROUNDING = 1e-9;                    /* refilling in steps loses some */

static bool admit(struct place *p, sim_time now, double tokens)
{
  double passed_s = s_from_ns(now - p->bucket_at);
  bool by_request = p->def->limit_requests_per_s > 0, by_token = p->def->limit_tok_per_s > 0;
  p->bucket_at = now;
  p->bucket_requests = refilled(p->bucket_requests, p->def->limit_requests_per_s, passed_s);
  p->bucket_tok = refilled(p->bucket_tok, p->def->limit_tok_per_s, passed_s);
  if ((by_request && p->bucket_requests < 1 - ROUNDING) || (by_token && p->bucket_tok < tokens * (1 - ROUNDING)))
    return false;
  if (by_request) p->bucket_requests -= 1;
  if (by_token) p->bucket_tok -= tokens;
  return true;
}

static double stream_s(const struct place *p, const struct demand *d, double speed)
{
  return d->tok_out > 1 || isnan(d->tok_out) ? p->def->tpot_s / speed * (d->tok_out - 1) : 0;
}

/* Drawn by (request, task, attempt): whoever asks before it is sent gets what will come. */
static double first_s(const struct world *w, const struct attempt *a, const struct place *p)
{
  if (!p->def->ttft_s) return 0;
  struct rng rng = rng_open(&w->root, STREAM_API, p->name, latency_key(a->request->id, a->task, a->ordinal, 0));
  return dist_draw(p->def->ttft_s, &rng) / p->speed;
}

double api_expected_s(const struct world *w, const struct attempt *a, const struct place *p, const struct demand *d)
{
  double mean_s = p->def->ttft_s ? dist_mean(p->def->ttft_s) : 0;
  return (w->oracle ? first_s(w, a, p) : mean_s) + d->time_s + stream_s(p, d, w->oracle ? p->speed : 1);
}

static void on_done(struct sim *s, void *attempt)
{
  struct world *w = world_of(s);
  struct attempt *a = attempt;
  struct place *p = &w->place[a->place];
  a->wait.event = (event_id){ 0 };
  level_set(&p->in_flight, sim_now(s), p->in_flight.value - 1);
  p->api_completed++;
  flow_on_api_done(w, a);
}

static void on_first(struct sim *s, void *attempt)
{
  struct attempt *a = attempt;
  double rest_s = a->job.work;
  a->wait.event = sim_after(s, ns_from_s(rest_s), PRIORITY_COMPLETE, on_done, a);
  flow_on_api_first(world_of(s), a);
}

enum entry api_enter(struct world *w, struct attempt *a, const struct demand *d)
{
  struct place *p = &w->place[a->place];
  p->api_arrived++;
  if (!admit(p, now_of(w), d->tok_in + d->tok_out)) {
    p->api_blocked++;
    return BLOCKED;
  }
  a->job.work = d->time_s + stream_s(p, d, p->speed);             /* seconds from the first token to the last */
  level_set(&p->in_flight, now_of(w), p->in_flight.value + 1);
  a->wait.event = sim_after(w->sim, ns_from_s(first_s(w, a, p)), PRIORITY_COMPLETE, on_first, a);
  return ENTERED;
}

/* Tokens come one by one; other outputs evenly from the first part to the last. */
double api_made(const struct world *w, const struct attempt *a)
{
  double tpot_s = w->place[a->place].def->tpot_s / w->place[a->place].speed, work_s = a->job.work;
  if (a->first_output < 0) return 0;
  double since_s = s_from_ns(now_of(w) - a->first_output);
  if (work_s <= 0) return 1;
  if (task_of(w, a->request, a->task)->work[a->variant].kind != WORK_TOKENS) return fmin(1, since_s / work_s);
  return tokens_share(since_s / tpot_s, work_s / tpot_s);
}

void api_leave(struct world *w, struct attempt *a)
{
  struct place *p = &w->place[a->place];
  level_set(&p->in_flight, now_of(w), p->in_flight.value - 1);
}
