/* health.c: probes of the members of a place, and what they find.
 *
 * Every `every` a message of `bytes` goes from the prober to each member, over the links like all others; a member that
 * is up sends as much back at once, whatever it works on. No answer `timeout` after a probe was sent: it failed.
 * `down_after` failures one after the other: down; `up_after` answers one after the other: up. A member found down is
 * masked as unreachable and gets nothing from its place's dispatch; a place is, when all its members are. Bytes, joules and money of probes are
 * of no request: they are residual, and in /transfers as kind probe.
 * Checkable: every 1 s, timeout 0.2 s, down_after 3, an outage from 10.5 s to 20.5 s: found at 11 + 2 + 0.2 = 13.2 s;
 * up_after 2, no way: found up at 22 s.
 */
#include "models/guards.h"
#include "models/instances.h"

struct watched { struct health *health; uint64_t number; uint32_t member, good, bad; bool down; };
struct health {
  struct world *w;
  struct place *place;
  const struct health_def *def;
  struct endpoint prober;
  struct watched *member;                               /* [count] */
  struct pool *probes;
  uint64_t n_down;
};
/* One probe under way. */
struct probe { struct watched *of; struct transfer *transfer; event_id timeout; struct probe *next; };

void health_new(struct world *w, struct place *p)
{
  struct health *h = p->health = arena_alloc(w->arena, sizeof *h);
  *h = (struct health){ .w = w, .place = p, .def = p->def->guard->health, .probes = pool_new(sizeof(struct probe)) };
  h->member = arena_array(w->arena, struct watched, p->def->count);
  for (uint32_t i = 0; i < p->def->count; i++) h->member[i] = (struct watched){ .health = h, .member = i };
}

void guards_free(struct world *w)
{
  for (struct place *p = w->place; p && p < w->place + w->def->n_places; p++)
    if (p->health) pool_free(p->health->probes);
}

bool health_down(const struct place *p, uint32_t member) { return p->health && p->health->member[member].down; }

bool health_masks(const struct place *p, const struct plan_def *plan, uint32_t member)
{
  return plan->word == WORD_PLACE ? p->health->n_down == p->def->count : p->health->member[member].down;
}

/* ---- what a probe finds ---------------------------------------------------------------------------------------- */

static void found(struct watched *m, bool answered)
{
  struct health *h = m->health;
  m->good = answered ? m->good + 1 : 0;
  m->bad = answered ? 0 : m->bad + 1;
  if (!m->down && m->bad >= h->def->down_after) m->down = true, h->n_down++;
  else if (m->down && m->good >= h->def->up_after) m->down = false, h->n_down--;
}

static void probe_end(struct probe *probe, bool answered)
{
  struct watched *m = probe->of;
  struct world *w = m->health->w;
  if (probe->timeout.bits) sim_cancel(w->sim, probe->timeout);
  if (probe->transfer) {
    struct transfer_rest rest = network_cancel(w->network, probe->transfer);
    w->telemetry_j -= rest.cost.device_j + rest.cost.network_j;
    w->telemetry_device_j -= rest.cost.device_j;
    w->telemetry_usd -= rest.cost.usd;
    w->summary.probe_bytes -= rest.bytes;
  }
  pool_give(m->health->probes, probe);
  found(m, answered);
}

static void on_timeout(struct sim *s, void *probe)
{
  (void)s;
  ((struct probe *)probe)->timeout = (event_id){ 0 };
  probe_end(probe, false);
}

/* ---- its way --------------------------------------------------------------------------------------------------- */

static struct endpoint end_of_member(const struct watched *m)
{
  return (struct endpoint){ (uint16_t)m->health->place->index, m->member };
}

static void send(struct probe *probe, struct endpoint from, struct endpoint to, unsigned direction, transfer_done_fn *fn)
{
  struct watched *m = probe->of;
  struct health *h = m->health;
  struct world *w = h->w;
  struct transfer_cost cost = { 0 };
  struct transfer_record record = { .request = UINT64_MAX, .kind = TRANSFER_PROBE };
  uint64_t key = latency_key(h->place->name ^ m->number << 20, m->member, direction, 0);
  network_allow(w->network, ~UINT64_C(0));
  network_of_class(w->network, NONE);
  struct transfer *t = network_send(w->network, from, to, h->def->bytes, key, record, fn, probe, &cost);
  if (t) probe->transfer = t;
  w->telemetry_j += cost.device_j + cost.network_j;
  w->telemetry_device_j += cost.device_j;
  w->telemetry_usd += cost.usd;
  w->summary.probe_bytes += h->def->bytes;
}

/* What its radio and its connection cost. */
static void add_late(const struct probe *probe)
{
  struct world *w = probe->of->health->w;
  struct transfer_cost late = network_owed(w->network);
  w->telemetry_j += late.device_j + late.network_j;
  w->telemetry_device_j += late.device_j;
  w->telemetry_usd += late.usd;
}

static void on_answer(struct sim *s, void *subject)
{
  struct probe *probe = subject;
  (void)s;
  probe->transfer = NULL;
  add_late(probe);
  probe_end(probe, true);
}

static bool is_up(const struct watched *m)
{
  const struct place *p = m->health->place;
  return !p->fleets || !p->fleets[m->member].down;
}

static void on_asked(struct sim *s, void *subject)
{
  struct probe *probe = subject;
  (void)s;
  probe->transfer = NULL;
  add_late(probe);
  if (is_up(probe->of)) send(probe, end_of_member(probe->of), probe->of->health->prober, 1, on_answer);
}

static void ask(struct watched *m)
{
  struct health *h = m->health;
  struct probe *probe = pool_take(h->probes);
  m->number++;
  probe->of = m;
  probe->timeout = sim_after(h->w->sim, ns_from_s(h->def->timeout_s), PRIORITY_NORMAL, on_timeout, probe);
  send(probe, h->prober, end_of_member(m), 0, on_asked);
}

static void on_time(struct sim *s, void *subject)
{
  struct health *h = subject;
  for (uint32_t i = 0; i < h->place->def->count; i++) ask(&h->member[i]);
  sim_after(s, ns_from_s(h->def->every_s), PRIORITY_NORMAL, on_time, h);
}

static bool can_probe(struct health *h)
{
  struct endpoint to = end_of_member(h->member);
  h->prober = h->def->from == NONE ? telemetry_reader(h->w, to) : (struct endpoint){ (uint16_t)h->def->from, 0 };
  return same_end(h->prober, to) || route(h->w->topology, h->prober, to, 0)->reachable;
}

void guards_start(struct world *w)
{
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++)
    if (p->health && can_probe(p->health)) sim_at(w->sim, now_of(w), PRIORITY_NORMAL, on_time, p->health);
}
