/* What a transfer passes before its bytes flow on a hop: the radio of its device (models/radio.h), then its connection
 * (models/transport.h); and the radios beside the queues. */
#include "models/network_parts.h"

/* ---- gates: the radio of the device on a hop (models/radio.h), and its connection (models/transport.h) -------------- */

static sim_time radio_gate(struct network *n, struct transfer *t, struct hop hop)
{
  struct radio_use *use = &gate_of(n, t)->radio;
  if (!n->world->link[hop.link].radio) return 0;
  use->sends = device_sends(n, hop);
  use->member = use->sends ? t->from.member : t->to.member;
  use->link = hop.link;
  sim_time wait = radios_begin(n->radios, use, sim_now(n->sim));
  return wait + radios_anchored(n->radios, use, sim_now(n->sim) + wait, t->bytes, n->link[hop.link].byte_per_s[hop.down]);
}

/* The client is the device, if one end is one; else the link's first place, whose members keep connections for others. */
bool client_sends(const struct network *n, struct hop hop)
{
  const struct link_def *l = &n->world->link[hop.link];
  bool of_b = transports_client(n->world, l) == l->b;
  return hop.down ? of_b : !of_b;
}

uint32_t client_member(const struct network *n, struct hop hop, struct endpoint from, struct endpoint to)
{
  int place = transports_client(n->world, &n->world->link[hop.link]);
  if (from.place == place) return from.member;
  if (to.place == place) return to.member;
  return (uint32_t)((is_device(n, from) ? from : to).member % n->world->place[place].count);
}

/* The hops that the connection of hop `at` spans: itself, or the whole way. */
struct span span_of(const struct network *n, const struct route *r, int at)
{
  bool whole = n->world->link[r->hop[at].link].transport->spans_route;
  return (struct span){r, whole ? 0 : at, whole ? r->n : at + 1, client_sends(n, r->hop[at])};
}

/* Of each way, that of the narrowest hop. */
struct transport_path path_of(const struct network *n, const struct span *s, double latency_s)
{
  struct transport_path path = {.rtt_s = 2 * latency_s};
  for (int i = s->from; i < s->to; i++)
    for (int way = 0; way < 2; way++) {
      struct hop hop = s->route->hop[i];
      double rate = n->link[hop.link].byte_per_s[s->client_sends == (way == 0) ? hop.down : !hop.down];
      if (rate > 0 && !(path.byte_per_s[way] > 0 && path.byte_per_s[way] <= rate)) path.byte_per_s[way] = rate;
    }
  return path;
}

/* Bytes of the set-up both ways over a hop. */
static void add_set_up_bytes(const struct network *n, struct hop hop, bool client_is_near, const double bytes[2],
                             struct transfer_cost *cost)
{
  const struct link_state *l = &n->link[hop.link];
  for (int way = 0; way < 2; way++) {
    bool down = client_is_near == (way == 0) ? hop.down : !hop.down;
    cost->device_j += l->device_w[down] * l->s_per_byte[down] * bytes[way];
    if (l->def->radio) cost->device_j += radio_byte_j(l->def->radio, device_sends(n, hop) == (down == hop.down), bytes[way]);
    cost->network_j += l->def->j_per_byte * bytes[way];
    cost->usd += l->usd_per_byte[down] * bytes[way];
  }
}

/* And the client's core. */
void add_set_up(const struct network *n, const struct span *s, int at, const struct transport_extra *x,
                struct transfer_cost *cost)
{
  const struct link_def *l = &n->world->link[s->route->hop[at].link];
  const struct place_def *client = &n->world->place[transports_client(n->world, l)];
  if (client->tier == TIER_DEVICE) cost->device_j += l->transport->cpu_w * x->client_cpu_s;
  for (int i = s->from; i < s->to; i++) add_set_up_bytes(n, s->route->hop[i], s->client_sends, x->bytes, cost);
}

static void record_set_up(struct network *n, const struct transfer *t, const struct span *s, const struct transport_extra *x)
{
  if (!n->tells || !x->sets_up) return;
  for (int i = s->from; i < s->to; i++)
    for (int way = 0; way < 2; way++) {
      struct hop hop = s->route->hop[i];
      struct transfer_record r = t->record;
      bool down = s->client_sends == (way == 0) ? hop.down : !hop.down;
      r.kind = TRANSFER_SETUP;
      r.started_ns = sim_now(n->sim);
      r.ended_ns = time_add(r.started_ns, ns_from_s(x->set_up_s));
      r.bytes = x->bytes[way];
      r.link = hop.link;
      r.zone = (uint16_t)far_end(n, (struct hop){.link = hop.link, .down = down})->zone;
      r.carries = CARRIES_NOTHING;
      if (r.bytes > 0) hop_tell(n, &(struct hop_told){&r, t->done, t->subject, s->route, i, t->from, t->to});
    }
}

int far_place(const struct network *n, struct hop hop, struct endpoint from, struct endpoint to)
{
  return from.place == transports_client(n->world, &n->world->link[hop.link]) ? to.place : from.place;
}

static sim_time transport_gate(struct network *n, struct transfer *t, struct hop hop)
{
  const struct transport_def *d = n->world->link[hop.link].transport;
  struct gate *gate = gate_of(n, t);
  if (!d) return 0;
  struct span span = span_of(n, t->route, t->at);
  double latency_s = 0;
  for (int i = span.from; i < span.to; i++)
    latency_s += draw_latency(n, t->route, i, ends_on(t, t->route->hop[i]), t->key, 0);
  struct transport_path path = path_of(n, &span, latency_s);
  uint32_t member = client_member(n, hop, t->from, t->to);
  struct connection *c = transports_connection(n->transports, hop.link, member, far_place(n, hop, t->from, t->to));
  bool down = !span.client_sends;
  struct transport_extra x = transport_ask(d, c, sim_now(n->sim), &path, down, t->bytes);
  transport_begin(d, c, sim_now(n->sim), &path, down, t->bytes, &x);
  add_set_up(n, &span, t->at, &x, &gate->cost);
  record_set_up(n, t, &span, &x);
  gate->connection = c;
  return ns_from_s(x.delay_s);
}

/* True when it now waits at a gate of this hop. */
bool gate_waits(struct network *n, struct transfer *t, struct hop hop)
{
  struct gate *gate = gate_of(n, t);
  while (gate->passed < 2) {
    sim_time wait = gate->passed++ == 0 ? radio_gate(n, t, hop) : transport_gate(n, t, hop);
    if (wait == 0) continue;
    gate->waits = true;
    if (!gate->waited) gate->came = sim_now(n->sim);
    gate->waited = true;
    link_count(&n->link[hop.link], sim_now(n->sim), 1);
    t->record.started_ns = sim_now(n->sim);
    t->event = sim_after(n->sim, wait, PRIORITY_COMPLETE, network_on_gate, t);
    return true;
  }
  return false;
}

/* Its bytes have gone, or will not go any more. */
void gate_leave(struct network *n, struct transfer *t, double bytes)
{
  if (!has_gates(n)) return;
  struct gate *gate = gate_of(n, t);
  if (gate->radio.on) radios_end(n->radios, &gate->radio, sim_now(n->sim), bytes);
  if (gate->connection) transport_end(gate->connection, sim_now(n->sim));
  gate->connection = NULL;
}

/* The next hop has its own. */
sim_time gate_close(struct network *n, struct transfer *t, double bytes)
{
  if (!has_gates(n)) return -1;
  struct gate *gate = gate_of(n, t);
  gate_leave(n, t, bytes);
  sim_time came = gate->waited ? gate->came : -1;
  gate->passed = 0;
  gate->waits = gate->waited = false;
  return came;
}

struct transfer_cost gate_cost(const struct network *n, struct transfer *t)
{
  struct transfer_cost cost = n->detours ? detour_of(n, t)->cost : (struct transfer_cost){0};
  if (n->varies) {
    cost.device_j += t->began->resent.device_j;
    cost.network_j += t->began->resent.network_j;
    cost.usd += t->began->resent.usd;
  }
  if (!has_gates(n)) return cost;
  const struct gate *gate = gate_of(n, t);
  cost.device_j += gate->cost.device_j + gate->radio.joule;
  cost.network_j += gate->cost.network_j;
  cost.usd += gate->cost.usd;
  return cost;
}

/* ---- radios beside the queues ----------------------------------------------------------------------------------- */

bool network_resends(const struct network *n)
{
  for (int k = 0; k < n->world->n_links; k++)
    if (n->world->link[k].process && n->world->link[k].process->loss) return true;
  return false;
}

struct transfer_cost network_owed(const struct network *n) { return n->owed; }

double network_wake_s(struct network *n, struct endpoint from, struct endpoint to, struct transfer_cost *cost)
{
  if (!n->radios) return 0;
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  sim_time wait = 0;
  for (int i = 0; i < r->n; i++)
    if (n->world->link[r->hop[i].link].radio && !device_sends(n, r->hop[i]))
      wait += radios_wake(n->radios, r->hop[i].link, to.member, sim_now(n->sim), &cost->device_j);
  return s_from_ns(wait);
}

void network_hold(struct network *n, struct endpoint from, struct endpoint to, sim_time since, struct transfer_cost *cost)
{
  if (!n->radios) return;
  const struct route *r = route(n->topology, from, to, sim_now(n->sim));
  for (int i = 0; i < r->n; i++)
    if (n->world->link[r->hop[i].link].radio && !device_sends(n, r->hop[i]))
      cost->device_j += radios_hold(n->radios, r->hop[i].link, to.member, since, sim_now(n->sim));
}

double network_rest_w(const struct network *n, int place) { return radios_rest_w(n->radios, place); }

double network_rest_j(struct network *n, struct endpoint device, bool over)
{
  return radios_rest_j(n->radios, device.place, device.member, sim_now(n->sim), over);
}

double network_idle_radios_j(const struct network *n)
{
  return n->radios ? radios_close(n->radios, sim_now(n->sim)) : 0;
}
