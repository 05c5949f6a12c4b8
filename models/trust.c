/* trust.c: places whose owner does not see what is done there: enclaves, and computing on ciphertext; attestation.
 *
 * Before a device's first message to a member that is attested, it asks for the proof: a time, drawn by (device, member, how
 * often), and round trips of the idle way. Messages that come meanwhile wait for the same proof; it holds for valid_s, or for
 * each attempt alone (valid_s 0). A proof once begun is finished even if who asked for it gives up.
 * All service times there are `slowdown` times as long (the place's speed is 1 / slowdown). Messages to a place that computes on
 * ciphertext are `send` times as large, those from it `answer` times.
 * Check: attestation 200 ms, 1 round trip of 2 x 30 ms, valid 1 h: the first request of a device waits 260 ms, the next none.
 */
#include "models/exposure.h"

struct attested { sim_time ready; uint32_t times; };

double trust_bytes(const struct world *w, struct endpoint from, struct endpoint to, double bytes)
{
  const struct trust_def *sender = w->def->place[from.place].trust, *receiver = w->def->place[to.place].trust;
  if (receiver && receiver->kind == TRUST_HOMOMORPHIC) return bytes * receiver->send;
  if (sender && sender->kind == TRUST_HOMOMORPHIC) return bytes * sender->answer;
  return bytes;
}

void trusts_new(struct world *w)
{
  uint64_t members = 0;
  for (int i = 0; i < w->def->n_places; i++) members += w->def->place[i].count;
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    const struct trust_def *t = p->def->trust;
    if (!t) continue;
    w->trusts = true;
    p->speed = 1 / t->slowdown;
    if (p->stations) stations_speed(p->stations, p->def->count, w->sim, p->speed);
    if (t->attest_s) p->attested = arena_array(w->arena, struct attested, members * p->def->count);
  }
}

static struct attested *attested_of(const struct world *w, const struct request *r, struct endpoint at)
{
  const struct place *p = &w->place[at.place];
  return &p->attested[device_of(w, r) * p->def->count + at.member];
}

static double round_trips_s(const struct world *w, const struct request *r, struct endpoint at)
{
  unsigned n = w->def->place[at.place].trust->round_trips;
  if (!n || same_end(origin_of(r), at)) return 0;
  return n * (network_idle_s(w->network, origin_of(r), at, 0) + network_idle_s(w->network, at, origin_of(r), 0));
}

static double draw_s(const struct world *w, const struct request *r, struct endpoint at, uint32_t nth)
{
  const struct place *p = &w->place[at.place];
  struct rng rng = rng_open(&w->root, STREAM_ATTEST, p->name ^ at.member, device_of(w, r) << 32 | nth);
  return dist_draw(p->def->trust->attest_s, &rng) + round_trips_s(w, r, at);
}

static bool is_proven(const struct trust_def *t, const struct attested *x, sim_time now)
{
  return x->times && t->valid_s > 0 && now <= time_add(x->ready, ns_from_s(t->valid_s));
}

sim_time trust_ready(struct world *w, const struct attempt *a)
{
  const struct request *r = a->request;
  const struct place *p = &w->place[a->place];
  sim_time now = now_of(w);
  if (!p->attested || same_end(origin_of(r), end_of(a))) return now;
  struct attested *x = attested_of(w, r, end_of(a));
  if (!is_proven(p->def->trust, x, now)) x->ready = time_add(now, ns_from_s(draw_s(w, r, end_of(a), x->times++)));
  return x->ready > now ? x->ready : now;
}

double trust_expected_s(const struct world *w, const struct request *r, struct endpoint at)
{
  const struct place *p = &w->place[at.place];
  if (!p->attested || same_end(origin_of(r), at)) return 0;
  const struct attested *x = attested_of(w, r, at);
  if (is_proven(p->def->trust, x, now_of(w))) return x->ready > now_of(w) ? s_from_ns(x->ready - now_of(w)) : 0;
  return dist_mean(p->def->trust->attest_s) + round_trips_s(w, r, at);
}
