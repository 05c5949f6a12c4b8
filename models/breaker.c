/* breaker.c: the circuit breaker of a place (Nygard 2007, "Release it!"), known to all who decide.
 *
 * Closed: the last `window` attempts that were sent there and ended are remembered; once there are so many and the share
 * `failures` of them failed (timeout, lost, blocked, rejected), it opens. Open: masked for open_for. Half-open: `probes`
 * attempts are let through, the rest is masked; when all of these succeed it closes and has forgotten, when one fails it
 * opens again; one that is cut gives its turn to another. Attempts sent earlier, by an earlier half-open breaker too, count
 * only while it is closed.
 * Checkable: window 2, failures 100 %, open_for 10 s, two failures at 1 s and 2 s: masked from 2 s to 12 s.
 */
#include "models/guards.h"
#include <string.h>

static void breaker_open(struct breaker *b, sim_time now)
{
  b->state = BREAKER_OPEN;
  b->until = time_add(now, ns_from_s(b->def->open_for_s));
  b->open_ns += b->until - now;
  b->n = b->at = b->failed = 0;
}

static void breaker_look(struct breaker *b, sim_time now)
{
  if (b->state != BREAKER_OPEN || now < b->until) return;
  b->state = BREAKER_HALF_OPEN;
  b->turns = b->def->probes;
  b->good = 0;
}

bool breaker_masks(struct breaker *b, sim_time now)
{
  breaker_look(b, now);
  return b->state == BREAKER_OPEN || (b->state == BREAKER_HALF_OPEN && b->turns == 0);
}

void breaker_on_sent(struct world *w, struct attempt *a)
{
  struct breaker *b = w->place[a->place].breaker;
  if (!b || b->state != BREAKER_HALF_OPEN || b->turns == 0) return;
  b->turns--;
  a->trial = true;
}

static void remember(struct breaker *b, bool failed, sim_time now)
{
  uint32_t window = b->def->window;
  if (b->n == window) b->failed -= b->seen[b->at];
  else b->n++;
  b->seen[b->at] = failed;
  b->failed += failed;
  b->at = (b->at + 1) % window;
  if (b->n == window && b->failed >= b->def->failures * window * (1 - 1e-12)) breaker_open(b, now);
}

static void try_out(struct breaker *b, bool failed, sim_time now)
{
  if (failed) breaker_open(b, now);
  else if (++b->good == b->def->probes) b->state = BREAKER_CLOSED;
}

void breaker_on_end(struct world *w, const struct attempt *a, enum status status)
{
  struct breaker *b = w->place[a->place].breaker;
  if (!b || !a->fetched) return;
  bool failed = status == STATUS_TIMEOUT || status == STATUS_LOST || status == STATUS_BLOCKED || status == STATUS_REJECTED;
  bool tells = failed || status == STATUS_COMPLETED, trial = a->trial && a->decided >= b->until;
  if (b->state == BREAKER_CLOSED && tells) remember(b, failed, now_of(w));
  else if (b->state == BREAKER_HALF_OPEN && trial && tells) try_out(b, failed, now_of(w));
  else if (b->state == BREAKER_HALF_OPEN && trial) b->turns++;
}

/* What was counted of the last opening before its time is up is taken back. */
double breaker_open_s(const struct breaker *b, sim_time now)
{
  sim_time ahead = b->state == BREAKER_OPEN && b->until > now ? b->until - now : 0;
  return s_from_ns(b->open_ns - ahead);
}

/* ---- all guards ------------------------------------------------------------------------------------------------ */

void guards_new(struct world *w)
{
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    const struct guard_def *def = p->def->guard;
    if (!def || !(def->breaker || def->health)) continue;
    w->guarded = true;
    if (def->health) health_new(w, p);
    if (!def->breaker) continue;
    p->breaker = arena_alloc(w->arena, sizeof *p->breaker);
    p->breaker->def = def->breaker;
    p->breaker->seen = arena_array(w->arena, uint8_t, def->breaker->window);
  }
}

void guards_close(struct world *w)
{
  for (int i = 0; i < w->def->n_places; i++) {
    const struct breaker *b = w->place[i].breaker;
    struct place_summary *out = &w->summary.place[i];
    out->breaker_open_s = b ? breaker_open_s(b, now_of(w)) : NAN;
    out->breaker_open_ratio = out->breaker_open_s / s_from_ns(now_of(w));
  }
}

uint32_t guard_mask(struct world *w, struct place *p, const struct plan_def *plan, uint32_t member)
{
  uint32_t mask = 0;
  if (p->breaker && breaker_masks(p->breaker, now_of(w))) mask |= OFFSIM_MASK_BREAKER;
  if (p->health && health_masks(p, plan, member)) mask |= OFFSIM_MASK_UNREACHABLE;
  return mask;
}

/* ---- load shedding --------------------------------------------------------------------------------------------- */

static uint64_t waiting_at(const struct place *p, uint32_t member)
{
  return p->stations ? station_queue(station_nth(p->stations, member)) : (uint64_t)p->in_flight.value;
}

/* Of who comes now: those before it, at the mean time in service so far. */
static double expected_wait_s(const struct place *p, uint32_t member)
{
  double mean_s = p->served ? p->served_s / (double)p->served : 0;
  return (double)waiting_at(p, member) * mean_s / ((double)p->def->servers * p->def->slots);
}

bool sheds(struct world *w, const struct attempt *a)
{
  const struct place *p = &w->place[a->place];
  const struct shed_def *s = p->def->guard->shed;
  if (!s) return false;
  if (s->queue > 0) return waiting_at(p, a->member) >= s->queue;
  if (s->wait_s > 0) return expected_wait_s(p, a->member) >= s->wait_s;
  return rng_fresh(&w->root, STREAM_SHED, a->request->id, stream_entity(a->task, 0, a->ordinal)) < s->probability;
}
