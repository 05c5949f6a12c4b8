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

struct transport_path path_of(const struct network *n, struct hop hop, double latency_s)
{
  const struct link_state *l = &n->link[hop.link];
  bool reverse = client_sends(n, hop) == hop.down;      /* the client is at the link's b */
  return (struct transport_path){2 * latency_s, {l->byte_per_s[reverse], l->byte_per_s[!reverse]}};
}

/* Bytes of the set-up both ways, and the client's core. */
void add_set_up(const struct network *n, struct hop hop, const struct transport_extra *x, struct transfer_cost *cost)
{
  const struct link_state *l = &n->link[hop.link];
  bool reverse = client_sends(n, hop) == hop.down;
  const struct place_def *client = &n->world->place[transports_client(n->world, l->def)];
  if (client->tier == TIER_DEVICE) cost->device_j += l->def->transport->cpu_w * x->client_cpu_s;
  for (int way = 0; way < 2; way++) {
    bool down = reverse ? !way : way;
    cost->device_j += l->device_w[down] * l->s_per_byte[down] * x->bytes[way];
    if (l->def->radio) cost->device_j += radio_byte_j(l->def->radio, way == 0, x->bytes[way]);
    cost->network_j += l->def->j_per_byte * x->bytes[way];
    cost->usd += l->usd_per_byte[down] * x->bytes[way];
  }
}

static void record_set_up(struct network *n, const struct transfer *t, struct hop hop, const struct transport_extra *x)
{
  bool reverse = client_sends(n, hop) == hop.down;
  if (!n->world->record_transfers || !n->sink.transfer || !x->sets_up) return;
  for (int way = 0; way < 2; way++) {
    struct transfer_record r = t->record;
    r.kind = TRANSFER_SETUP;
    r.started_ns = sim_now(n->sim);
    r.ended_ns = time_add(r.started_ns, ns_from_s(x->set_up_s));
    r.bytes = x->bytes[way];
    r.link = hop.link;
    r.zone = (uint16_t)far_end(n, (struct hop){.link = hop.link, .down = reverse ? !way : way})->zone;
    if (r.bytes > 0) n->sink.transfer(n->sink.context, &r);
  }
}

static sim_time transport_gate(struct network *n, struct transfer *t, struct hop hop)
{
  const struct transport_def *d = n->world->link[hop.link].transport;
  struct gate *gate = gate_of(n, t);
  if (!d) return 0;
  struct transport_path path = path_of(n, hop, draw_latency(n, t->route, t->at, ends_on(t, hop), t->key, 0));
  struct connection *c = transports_connection(n->transports, hop.link, client_member(n, hop, t->from, t->to));
  bool down = !client_sends(n, hop);
  struct transport_extra x = transport_ask(d, c, sim_now(n->sim), &path, down, t->bytes);
  transport_begin(d, c, sim_now(n->sim), &path, down, t->bytes, &x);
  add_set_up(n, hop, &x, &gate->cost);
  record_set_up(n, t, hop, &x);
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
