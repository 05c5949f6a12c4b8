/* session_shelf.c: what a member keeps of conversations: by bytes, least recently used first out; by idle time.
 *
 * On one shelf all states stay the same time after their last use, so that the list by use is also the list by expiry:
 * those that have expired are at its old end and go before anybody is evicted.
 * Checkable: room for 100 B; 60 B and 30 B lie there, the first used last; 50 B come: the 30 B go, and then the 60 B.
 */
#include "models/session.h"

static void unlink_state(struct state *s)
{
  struct shelf *h = s->shelf;
  *(s->newer ? &s->newer->older : &h->newest) = s->older;
  *(s->older ? &s->older->newer : &h->oldest) = s->newer;
  s->newer = s->older = NULL;
  h->bytes = h->oldest ? h->bytes - s->bytes : 0;       /* empty is exactly empty */
}

static void link_newest(struct shelf *h, struct state *s)
{
  s->shelf = h;
  s->older = h->newest;
  s->newer = NULL;
  *(h->newest ? &h->newest->newer : &h->oldest) = s;
  h->newest = s;
  h->bytes += s->bytes;
}

bool state_expired(const struct state *s, sim_time now)
{
  double keep_s = s->shelf->def ? s->shelf->def->keep_s : 0;
  return keep_s > 0 && now - s->used > ns_from_s(keep_s);
}

void state_drop(struct state *s, struct pool *states)
{
  unlink_state(s);
  if (s->session) s->session->state = NULL;
  pool_give(states, s);
}

void state_used(struct state *s, sim_time now)
{
  struct shelf *h = s->shelf;
  unlink_state(s);
  s->used = now;
  link_newest(h, s);
}

struct state *shelf_put(struct shelf *h, struct pool *states, const struct state *what, sim_time now, uint64_t *evicted)
{
  double room = h->def ? h->def->capacity_bytes : INFINITY;
  if (what->session->state) state_drop(what->session->state, states);
  if (what->bytes > room) return NULL;
  while (h->oldest && state_expired(h->oldest, now)) state_drop(h->oldest, states);
  for (; h->oldest && h->bytes + what->bytes > room; (*evicted)++) state_drop(h->oldest, states);
  struct state *s = pool_take(states);
  *s = *what;
  s->used = now;
  link_newest(h, s);
  s->session->state = s;
  return s;
}
