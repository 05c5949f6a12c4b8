/* Who shares a rate with whom, the rate of the moment, and what is drawn for a hop: latency and loss. */
#include "models/network_parts.h"

/* ---- channels ---------------------------------------------------------------------------------------------------- */

/* The device whose transfer it is: the end that is one, the sender if both are or none. */
static struct endpoint device_of(const struct network *n, struct ends t)
{
  return !is_device(n, t.from) && is_device(n, t.to) ? t.to : t.from;
}

/* The member of the link's far place (b; a when only b is a device's) whose cell carries the transfer. */
static struct endpoint cell_of(const struct network *n, struct ends t, const struct link_def *l)
{
  const struct place_def *place = n->world->place;
  int b = place[l->b].tier == TIER_DEVICE && place[l->a].tier != TIER_DEVICE ? l->a : l->b;
  if (n->spread && topology_is_spread(n->topology, b) && !is_device(n, (struct endpoint){(uint16_t)b, 0}))
    return (struct endpoint){(uint16_t)b, t.cell};
  if (t.from.place == b && !is_device(n, t.from)) return t.from;
  if (t.to.place == b && !is_device(n, t.to)) return t.to;
  struct endpoint cell = attachment(n->topology, device_of(n, t), sim_now(n->sim));
  if (cell.place == b) return cell;
  return (struct endpoint){.place = (uint16_t)b, .member = (uint32_t)(cell.member % n->world->place[b].count)};
}

/* Whose number is `per`; a link as a whole is member 0. */
static struct endpoint user_of(const struct network *n, struct ends t, const struct link_def *l, enum process_per per)
{
  return per == PER_LINK ? (struct endpoint){0} : per == PER_CELL ? cell_of(n, t, l) : device_of(n, t);
}

uint64_t channel_number(const struct network *n, struct ends t, const struct link_def *l)
{
  const struct link_state *state = &n->link[l - n->world->link];
  if (state->process) return member_number(n, user_of(n, t, l, processes_sharer(state->process)));
  if (l->shared_by == SHARED_BY_LINK || !state->shares) return 0;
  return member_number(n, l->shared_by == SHARED_BY_DEVICE ? device_of(n, t) : cell_of(n, t, l));
}

static double channel_speed(const void *context, uint32_t users)
{
  const struct channel *c = context;
  return c->divides ? c->byte_per_s / users : c->byte_per_s;
}

static struct channel *channel_take(struct network *n)
{
  struct channel *c = n->unused;
  if (c) {
    n->unused = c->next;
    return c;
  }
  c = zeros_new(1, sizeof *c);
  c->network = n;
  c->share = share_new(channel_speed, network_on_transmitted, c);
  return c;
}

static const double AT_ONCE = 1e18;                     /* B/s of an unlimited link that somebody waits for */

double channel_rate(const struct link_state *l, bool down)
{
  if (l->down) return 0;
  return l->byte_per_s[down] > 0 ? l->byte_per_s[down] : AT_ONCE;
}

/* ---- processes ---- */

/* A number for the draws that stays when other places come: of the place's name. */
static uint64_t entity_of(const struct network *n, struct endpoint e, enum process_per per)
{
  return per == PER_LINK ? 0 : rng_name(n->world->place[e.place].name) + e.member;
}

struct link_process *rate_process(const struct network *n, const struct link_state *l, struct ends t)
{
  enum process_per per = processes_sharer(l->process);
  struct endpoint e = user_of(n, t, l->def, per);
  return processes_rate(l->process, member_number(n, e), entity_of(n, e, per));
}

static struct link_process *latency_process(const struct network *n, const struct link_state *l, struct ends t)
{
  enum process_per per = processes_sender(l->process);
  struct endpoint e = user_of(n, t, l->def, per);
  return processes_latency(l->process, member_number(n, e), entity_of(n, e, per));
}

/* Until a message may go: an outage of the link's process. */
double process_wait_s(const struct network *n, const struct link_state *l, struct ends t)
{
  sim_time now = sim_now(n->sim), until;
  if (!l->process || process_available(rate_process(n, l, t), now, &until)) return 0;
  return s_from_ns(until - now);
}

static void on_process(struct sim *sim, void *subject);

/* The rate of this moment, and an event when it is another. */
void channel_follow(struct channel *c)
{
  c->byte_per_s = channel_rate(c->link, c->down);
  if (!c->process) return;
  struct sim *sim = c->network->sim;
  sim_time until;
  sim_cancel(sim, c->change);
  c->byte_per_s *= process_rate(c->process, c->down, sim_now(sim), &until);
  c->change = sim_at(sim, until, PRIORITY_CHANGE, on_process, c);
}

static void on_process(struct sim *sim, void *subject)
{
  struct channel *c = subject;
  channel_follow(c);
  share_update(c->share, sim);
}

struct channel *channel_for(struct network *n, const struct transfer *t, struct hop hop)
{
  struct link_state *l = &n->link[hop.link];
  struct ends ends = ends_on(t, hop);
  if (!l->channel[hop.down]) l->channel[hop.down] = zeros_new(l->pools, sizeof(struct channel *));
  struct channel **home = &l->channel[hop.down][channel_number(n, ends, l->def)];
  if (!*home) {
    *home = channel_take(n);
    (*home)->home = home;
    (*home)->divides = l->shares;
    (*home)->down = hop.down;
    (*home)->link = l;
    (*home)->process = l->process ? rate_process(n, l, ends) : NULL;
    channel_follow(*home);
  }
  return *home;
}

/* The last one turns off the light. */
void channel_left(struct channel *c)
{
  if (share_users(c->share)) return;
  sim_cancel(c->network->sim, c->change);
  c->change = (event_id){0};
  *c->home = NULL;
  c->next = c->network->unused;
  c->network->unused = c;
}

/* ---- a transfer's way -------------------------------------------------------------------------------------------- */

/* Over nodes of a topology, or members that stand somewhere: this way alone is looked at, so that a network beside it
 * changes nothing. */
static bool spreads(const struct network *n, const struct route *r)
{
  bool any = false;
  for (int i = 0; n->spread && i < r->n && !any; i++) {
    const struct link_def *l = &n->world->link[r->hop[i].link];
    any = topology_is_spread(n->topology, l->a) || topology_is_spread(n->topology, l->b);
  }
  return any;
}

/* The first hop over a link draws by (link, key + hop); one that takes the same link again, by a key far from those of
 * other messages, whose numbers are neighbours. Where a link is the first hop of one message and the third of another,
 * in a topology, all keys are far. */
static uint64_t hop_key(const struct network *n, const struct route *r, int hop, uint64_t key)
{
  uint64_t times = 0;
  for (int i = 0; i < hop; i++) times += r->hop[i].link == r->hop[hop].link;
  if (spreads(n, r)) times = (uint64_t)hop;
  else if (times == 0) return key + (uint64_t)hop;
  uint64_t x = (key ^ times << 56) * UINT64_C(0xD6E8FEB86659FD93);
  x = (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93);
  return x ^ x >> 32;
}

/* Latency in seconds, then for LINK_MM1 the factor of the transmission, from one stream of (link, key of the hop). */
static double draw_own_latency(const struct network *n, const struct route *r, int hop, uint64_t key, double *factor)
{
  const struct link_state *l = &n->link[r->hop[hop].link];
  bool mm1 = factor && l->def->kind == LINK_MM1;
  if (l->latency_is_constant && !mm1) return l->latency_s;
  struct rng rng = rng_open(&n->root, STREAM_LATENCY, l->name, hop_key(n, r, hop, key));
  double latency = l->latency_is_constant ? l->latency_s : dist_draw(l->def->latency_s, &rng);
  if (mm1) *factor = rng_exponential(&rng);
  return latency > 0 ? latency : 0;
}

/* The same as the link's process leaves it at this moment: spikes, and what is lost and sent again, as a share of what is
 * sent. */
double draw_crossing(const struct network *n, const struct route *r, int hop, struct ends ends, uint64_t key, double bytes,
                     double *factor, double *again)
{
  const struct link_state *l = &n->link[r->hop[hop].link];
  double latency = draw_own_latency(n, r, hop, key, factor);
  *again = 0;
  if (!l->process) return latency;
  struct link_process *p = latency_process(n, l, ends);
  latency = process_latency_s(p, sim_now(n->sim), latency);
  *again = processes_lose(l->process, p, r->hop[hop].down, sim_now(n->sim), bytes, hop_key(n, r, hop, key), &latency);
  if (factor) *factor *= 1 + *again;
  return latency;
}

double draw_latency(const struct network *n, const struct route *r, int hop, struct ends ends, uint64_t key, double bytes)
{
  double again;
  return draw_crossing(n, r, hop, ends, key, bytes, NULL, &again);
}
