/* hedge.c: a second copy of an attempt that takes long, and tied copies, of which the one that begins calls the other off.
 *
 * A copy is sent `after` the first one was sent, if that has not ended; the first answer wins, the other copy is cut where
 * it is (Dean and Barroso 2013, "The tail at scale"). A quantile is of the times that attempts of this task took from being
 * sent, copies left out. One that was cut counts with the time it had: that lies beyond the quantile, so the quantile
 * stays where it is. Times are counted in bins 1 % wide; before ENOUGH of them nothing is sent.
 * Tied: as soon as the service of one copy begins, a message goes to where the other one is; there it ends what has not
 * begun. It takes the idle way between the two, or by way of the user where that is not allowed.
 * Checkable: log-normal times, median 10, sigma 1, a copy at the 95th percentile: p99 66.7 instead of 102.4.
 */
#include "models/life.h"

enum { ENOUGH = 100, BINS = 2600, CALL_OFF_BYTES = 64 };
static const double LEAST_S = 1e-6, LOG_WIDTH = 0.00995033085316808;   /* log(1.01) */

struct spread { uint64_t n, wanted_at; double quantile_s; uint32_t count[BINS]; };

static double spread_quantile(struct spread *s, double q)
{
  if (s->n < ENOUGH) return NAN;
  if (s->n < s->wanted_at) return s->quantile_s;
  uint64_t rank = (uint64_t)ceil(q * (double)s->n), below = 0;
  int bin = 0;
  while (bin < BINS - 1 && below + s->count[bin] < rank) below += s->count[bin++];
  double part = s->count[bin] ? (double)(rank - below) / s->count[bin] : 1;
  s->quantile_s = LEAST_S * exp(LOG_WIDTH * (bin + part));
  s->wanted_at = s->n + s->n / 50 + 1;
  return s->quantile_s;
}

static void spread_add(struct spread *s, double x_s)
{
  double bin = x_s > LEAST_S ? floor(log(x_s / LEAST_S) / LOG_WIDTH) : 0;
  s->count[bin < BINS ? (int)bin : BINS - 1]++;
  s->n++;
}

void effort_observe(struct world *w, const struct attempt *a, enum status status)
{
  struct task *t = &w->klass[a->request->klass].task[a->task];
  const struct hedge_def *def = t->def->life ? t->def->life->hedge : NULL;
  if (!def || def->quantile <= 0 || a->decided < 0 || a->role & ROLE_HEDGE || status == STATUS_CENSORED) return;
  if (!t->spread) t->spread = arena_alloc(w->arena, sizeof *t->spread);
  spread_add(t->spread, s_from_ns(now_of(w) - a->decided));
}

/* ---- the copy -------------------------------------------------------------------------------------------------- */

static void on_hedge(struct sim *s, void *effort)
{
  struct effort *e = effort;
  struct world *w = world_of(s);
  const struct task_def *t = task_in(w, e)->def;
  const struct plan_def *plan = e->hedge_action != NONE ? &t->plan[e->hedge_action]
                              : e->def->hedge->has_plan ? &e->def->hedge->plan : &e->plan;
  e->hedge = (event_id){ 0 };
  if (plan_mask(w, e->request, e->task, plan_end(w, e->request, plan), plan)) return;
  w->summary.own_attempts += e->hedge_action != NONE;
  effort_launch(w, e, plan, ROLE_HEDGE);
}

/* Successors that start on a flow cannot start on two of them. */
void hedge_arm(struct world *w, struct effort *e)
{
  struct task *t = task_in(w, e);
  const struct hedge_def *def = e->def->hedge;
  double delay_s = NAN;
  if (e->stage > 0 || (t->def->successor_starts_on_first && !is_final(t->def))) return;
  if (e->hedge_action != NONE) delay_s = e->hedge_delay_s;
  else if (def && def->quantile <= 0) delay_s = def->after_s;
  else if (def && t->spread) delay_s = spread_quantile(t->spread, def->quantile);
  if (!isnan(delay_s)) e->hedge = sim_after(w->sim, ns_from_s(delay_s), PRIORITY_NORMAL, on_hedge, e);
}

static void cancel_event(struct world *w, event_id *event)
{
  if (event->bits) sim_cancel(w->sim, *event);
  *event = (event_id){ 0 };
}

void hedge_disarm(struct world *w, struct effort *e)
{
  cancel_event(w, &e->hedge);
  cancel_event(w, &e->message);
  cancel_event(w, &e->backoff);
  e->called_off = false;
}

/* ---- tied ------------------------------------------------------------------------------------------------------ */

static struct attempt *other_copy(const struct effort *e)
{
  for (struct attempt *a = e->request->attempts; a; a = a->next)
    if (a->task == e->task && a->ordinal != e->starter) return a;
  return NULL;
}

static void on_called_off(struct sim *s, void *effort)
{
  struct effort *e = effort;
  struct world *w = world_of(s);
  struct attempt *other = other_copy(e);
  e->message = (event_id){ 0 };
  if (e->hedge.bits) sim_cancel(w->sim, e->hedge);
  e->hedge = (event_id){ 0 };
  if (!other || e->live < 2 || attempt_begun(other)) return;
  e->live--;
  attempt_drop(w, other, STATUS_CANCELLED);
}

static double send_call_off(struct world *w, struct attempt *a, struct endpoint to)
{
  struct endpoint stop[] = { end_of(a), to, to };
  uint64_t allowed = w->klass[a->request->klass].def->zones;
  double delay_s = 0;
  const struct route *way = same_end(stop[0], to) ? NULL : route_intact(w->topology, stop[0], to, now_of(w));
  if (way && (!way->reachable || way->zones & ~allowed)) stop[1] = origin_of(a->request);
  for (int i = 0; i < 2; i++) {
    if (same_end(stop[i], stop[i + 1])) continue;
    struct transfer_cost cost = network_cost(w->network, stop[i], stop[i + 1], CALL_OFF_BYTES);
    sim_time from = time_add(now_of(w), ns_from_s(delay_s));
    delay_s += network_idle_s(w->network, stop[i], stop[i + 1], CALL_OFF_BYTES);
    ledger_transfer(w, a, &cost);
    network_flow(w->network, stop[i], stop[i + 1],
                 (struct transfer_record){ .request = a->request->id, .started_ns = from,
                                           .ended_ns = time_add(now_of(w), ns_from_s(delay_s)), .bytes = CALL_OFF_BYTES,
                                           .task = a->task, .attempt = attempt_number(a), .kind = TRANSFER_RELAY });
  }
  return delay_s;
}

/* Without a copy so far, the message goes to who would send one. */
void hedge_on_begun(struct world *w, struct effort *e, struct attempt *a)
{
  if (!e->def->hedge || !e->def->hedge->tied || e->called_off || e->stage > 0) return;
  if (e->live < 2 && !e->hedge.bits) return;
  e->called_off = true;
  e->starter = a->ordinal;
  const struct attempt *other = other_copy(e);
  double delay_s = send_call_off(w, a, other ? end_of(other) : origin_of(a->request));
  e->message = sim_after(w->sim, ns_from_s(delay_s), PRIORITY_NORMAL, on_called_off, e);
}

bool life_watches_starts(const struct world_def *def)
{
  for (const struct class_def *k = def->klass; k < def->klass + def->n_classes; k++)
    for (const struct task_def *t = k->task; t < k->task + k->n_tasks; t++)
      if (t->life && t->life->hedge && t->life->hedge->tied) return true;
  return false;
}
