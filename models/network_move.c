/* Devices that change over from one member to another (models/mobility.h), and messages on their way to or from them.
 *
 * The hop between a device and its member ends when the device leaves. What was under way there is cut like on a hop that
 * breaks (network_outage.c): what has moved stays charged, and the end where the hop begins, which has all of the message,
 * sends it again: the device to its new member, or the old member over the network after the device; the hops between
 * members are then of kind relay, and their bytes count where they pass. Until it hears again (interruption) messages to
 * and from a device wait. A message that is still behind goes where its route led, and after the device from there.
 * Checkable: 1 MB up at 1 MB/s, change-over after 0.3 s, interruption 50 ms: done at 0.3 + 0.05 + 1 s, 1.3 MB over the air.
 */
#include "models/network_parts.h"

#include "models/mobility.h"

/* The device at the end of this hop, if it is one that moves. */
static bool mobile_at(const struct network *n, const struct transfer *t, struct hop hop, struct endpoint *device)
{
  const struct link_def *l = &n->world->link[hop.link];
  *device = device_sends(n, hop) ? t->from : t->to;
  return mobility_of(n->mobility, device->place) && (l->a == device->place || l->b == device->place);
}

sim_time move_ready(const struct network *n, const struct transfer *t, struct hop hop)
{
  struct endpoint device;
  sim_time now = sim_now(n->sim);
  if (!n->mobility || !mobile_at(n, t, hop, &device)) return 0;
  if (mobility_cell(n->mobility, device.place, device.member, now) != hop.member) return SIM_NEVER;
  return mobility_back(n->mobility, device.place, device.member, now);
}

/* Each byte of a message is data where it first goes, and where it comes from the air or to it if it never was. */
bool move_relays(const struct network *n, struct transfer *t, struct hop hop)
{
  struct endpoint device;
  const struct detour *d = detour_of(n, t);
  return d->follows && (d->told || !mobile_at(n, t, hop, &device));
}

double move_wait_s(const struct network *n, struct endpoint to)
{
  if (!mobility_of(n->mobility, to.place)) return 0;
  sim_time now = sim_now(n->sim), back = mobility_back(n->mobility, to.place, to.member, now);
  return back > now ? s_from_ns(back - now) : 0;
}

void network_follows(struct network *n, bool follows) { n->follows = follows; }

/* A message in its latency has left the air already. */
static bool is_through(const struct network *n, struct transfer *t)
{
  if (t->channel || t->flows || t->at < t->until || (has_gates(n) && gate_of(n, t)->waits)) return false;
  return sim_now(n->sim) - t->record.started_ns >= t->transmit_ns;
}

bool network_is_left(const struct network *n, struct transfer *t)
{
  if (!n->mobility || detour_of(n, t)->waits || t->at >= t->route->n || is_through(n, t)) return false;
  for (int i = t->at; i == t->at || i < t->until; i++)
    if (move_ready(n, t, t->route->hop[i]) > sim_now(n->sim)) return true;
  return false;
}

/* From the member that was left, or to it. */
static void note(const struct network *n, struct transfer *t)
{
  struct hop hop = t->route->hop[t->at];
  const struct link_def *l = &n->world->link[hop.link];
  bool to_left = device_sends(n, hop) && (t->to.place == l->a || t->to.place == l->b) && t->to.member == hop.member;
  struct detour *d = detour_of(n, t);
  bool follows = !device_sends(n, hop) || to_left;
  if (follows && !d->follows) d->told = t->at > 0 || d->relayed;
  d->follows |= follows;
}

void move_hold(struct network *n, struct transfer *t)
{
  note(n, t);
  detour_at_hop(n, t);
}

bool network_moved(struct network *n, struct transfer *t)
{
  if (n->mobility && detour_of(n, t)->waits) detour_retry_soon(n);
  if (!network_is_left(n, t)) return false;
  note(n, t);
  detour_cut(n, t);
  return true;
}
