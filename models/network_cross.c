/* A transfer crosses its hops: one after the other, or those with max_min at once. */
#include "models/network_parts.h"

/* What was lost is paid as often as it was sent. */
static void pay_again(struct network *n, struct transfer *t, struct hop hop, double bytes)
{
  struct at_start *began = t->began;
  const struct link_def *l = n->link[hop.link].def;
  began->resent.device_j += began->per_byte[t->at].device_j * bytes;
  if (l->radio) began->resent.device_j += radio_byte_j(l->radio, device_sends(n, hop), bytes);
  began->resent.network_j += l->j_per_byte * bytes;
  began->resent.usd += began->per_byte[t->at].usd * bytes;
  began->again = 0;
  if (!n->tells) return;
  struct transfer_record r = t->record;
  r.kind = TRANSFER_RESENT;
  r.ended_ns = sim_now(n->sim);
  r.bytes = bytes;
  r.link = hop.link;
  r.zone = (uint16_t)far_end(n, hop)->zone;
  hop_tell(n, &(struct hop_told){&r, t->done, t->subject, t->route, t->at, t->from, t->to});
}

static void one_hop_end(struct transfer *t, double bytes)
{
  struct network *n = t->network;
  struct hop hop = t->route->hop[t->at];
  struct link_state *l = &n->link[hop.link];
  if (n->varies && t->began->again > 0 && bytes > 0) pay_again(n, t, hop, t->began->again * bytes);
  t->at++;
  link_count(l, sim_now(n->sim), -1);
  l->meter.bytes += bytes;
  l->meter.cut_bytes += t->bytes - bytes;
  sim_time waited_from = gate_close(n, t, bytes);
  if (!n->tells) return;
  struct transfer_record r = t->record;
  if (waited_from >= 0) r.started_ns = waited_from;
  r.ended_ns = sim_now(n->sim);
  r.bytes = bytes;
  r.link = hop.link;
  if (n->mobility && r.kind != TRANSFER_LOST && move_relays(n, t, hop)) r.kind = TRANSFER_RELAY;
  r.zone = (uint16_t)far_end(n, hop)->zone;
  hop_tell(n, &(struct hop_told){&r, t->done, t->subject, t->route, t->at - 1, t->from, t->to});
}

/* All hops of a flow end at once. */
void transfer_hop_end(struct transfer *t, double bytes)
{
  do one_hop_end(t, bytes);
  while (t->at < t->until);
}

/* ---- flows over several hops ------------------------------------------------------------------------------------- */

/* A link, and behind it its slices. */
static uint32_t flow_link_new(struct network *n, const struct link_state *l, bool down)
{
  uint32_t number = maxmin_link(n->flows, channel_rate(l, down));
  const struct slices_def *s = l->def->slices;
  for (int k = 0; s && k < s->n; k++)
    maxmin_slice(n->flows, number, s->slice[k].guaranteed_byte_per_s[down], s->slice[k].maximum_byte_per_s[down]);
  return number;
}

static void on_flow_process(struct sim *sim, void *subject)
{
  (void)sim;
  struct flow_channel *c = subject;
  c->change = (event_id){0};
  if (maxmin_flows(c->network->flows, c->number)) flow_channel_follow(c);
}

/* The rate of this moment, and an event when it is another. */
void flow_channel_follow(struct flow_channel *c)
{
  struct sim *sim = c->network->sim;
  sim_time until;
  sim_cancel(sim, c->change);
  double factor = process_rate(c->process, c->down, sim_now(sim), &until);
  maxmin_set_capacity(c->network->flows, c->number, channel_rate(c->link, c->down) * factor);
  c->change = sim_at(sim, until, PRIORITY_CHANGE, on_flow_process, c);
}

/* The process of who shares the link's rate, at its first flow. */
static void flow_process(struct network *n, const struct transfer *t, struct hop hop, uint64_t user, uint32_t number)
{
  struct link_state *l = &n->link[hop.link];
  if (!l->flow_channel[hop.down]) l->flow_channel[hop.down] = zeros_new(l->pools, sizeof(struct flow_channel));
  struct flow_channel *c = &l->flow_channel[hop.down][user];
  if (!c->process)
    *c = (struct flow_channel){.network = n, .link = l, .process = rate_process(n, l, ends_on(t, hop)), .number = number,
                               .down = hop.down};
  if (!c->change.bits) flow_channel_follow(c);
}

static uint32_t flow_link(struct network *n, const struct transfer *t, struct hop hop)
{
  struct link_state *l = &n->link[hop.link];
  if (!l->flow_link[hop.down]) l->flow_link[hop.down] = zeros_new(l->pools, sizeof(uint32_t));
  uint64_t user = channel_number(n, ends_on(t, hop), l->def);
  uint32_t *number = &l->flow_link[hop.down][user];
  if (!*number) *number = flow_link_new(n, l, hop.down) + 1;
  if (l->process && processes_move_rate(l->process)) flow_process(n, t, hop, user, *number - 1);
  const struct slices_def *s = l->def->slices;
  int slice = s && t->began->klass != NONE ? s->of_class[t->began->klass] : NONE;
  return *number - 1 + (slice == NONE ? 0 : 1 + (uint32_t)slice);
}

/* The channels that the flow shares, each once. */
static int flow_links(struct network *n, const struct transfer *t, uint32_t *link)
{
  int count = 0;
  for (int i = t->at; i < t->until; i++) {
    struct hop hop = t->route->hop[i];
    const struct link_state *l = &n->link[hop.link];
    if (l->byte_per_s[hop.down] <= 0 && !l->varies) continue;
    uint32_t number = flow_link(n, t, hop);
    int k = 0;
    while (k < count && link[k] != number) k++;
    link[k] = number;
    if (k == count) count++;
  }
  return count;
}

/* False when nothing keeps it: no bytes or no rate, and no outage. */
static bool flow_begin(struct network *n, struct transfer *t)
{
  uint32_t link[MAXMIN_LINKS];
  bool waits = false;
  for (int i = t->at; i < t->until; i++) {
    const struct link_state *l = &n->link[t->route->hop[i].link];
    waits |= l->down || (t->bytes > 0 && l->byte_per_s[t->route->hop[i].down] > 0);
    waits |= process_wait_s(n, l, ends_on(t, t->route->hop[i])) > 0;
  }
  if (!waits) return false;
  t->flows = true;
  t->began->work = t->bytes;
  maxmin_join(n->flows, &t->began->flow, link, flow_links(n, t, link), t->bytes);
  return true;
}

static void go_on(struct network *n, struct transfer *t);

static void on_latency_over(struct sim *sim, void *subject)
{
  (void)sim;
  struct transfer *t = subject;
  if (!flow_begin(t->network, t)) go_on(t->network, t);
}

void network_on_flowed(struct sim *sim, void *context, struct maxmin_flow *flow)
{
  (void)sim;
  struct transfer *t = holder_of(holder_of(flow, struct at_start, flow), struct transfer, began);
  t->flows = false;
  go_on(context, t);
}

/* A hop with a gate can only be the first of a flow. */
static bool flows_on(const struct network *n, const struct transfer *t, int hop)
{
  const struct link_def *l = n->link[t->route->hop[hop].link].def;
  if (hop > t->at && n->detours && topology_hop_is_out(n->topology, t->route->hop[hop])) return false;
  return l->max_min && (hop == t->at || !has_gate(l));
}

/* From this hop on as far as links have max_min. False when it now waits for an event. */
static bool cross_together(struct network *n, struct transfer *t)
{
  double latency_s = 0;
  t->until = t->at;
  for (; t->until < t->route->n && t->until - t->at < MAXMIN_LINKS && flows_on(n, t, t->until); t->until++) {
    latency_s += draw_latency(n, t->route, t->until, ends_on(t, t->route->hop[t->until]), t->key, t->bytes);
    link_count(&n->link[t->route->hop[t->until].link], sim_now(n->sim), 1);
  }
  t->record.started_ns = sim_now(n->sim);
  t->latency_ns = ns_from_s(latency_s);
  t->transmit_ns = 0;
  if (t->latency_ns > 0) t->event = sim_after(n->sim, t->latency_ns, PRIORITY_COMPLETE, on_latency_over, t);
  else if (!flow_begin(n, t)) return transfer_hop_end(t, t->bytes), true;
  return false;
}

/* ---- one hop after the other ------------------------------------------------------------------------------------- */

static void on_arrived(struct sim *sim, void *subject);

/* Begin the hops from here on; false when it now waits for an event. */
bool transfer_cross(struct network *n, struct transfer *t)
{
  while (t->at < t->route->n) {
    struct hop hop = t->route->hop[t->at];
    struct link_state *l = &n->link[hop.link];
    if (n->detours && topology_hop_is_out(n->topology, hop)) return detour_at_hop(n, t), false;
    if (n->mobility && move_ready(n, t, hop) > sim_now(n->sim)) return move_hold(n, t), false;
    if (has_gate(l->def) && gate_waits(n, t, hop)) return false;
    if (l->def->max_min) {
      if (!cross_together(n, t)) return false;
      continue;
    }
    double factor = 1, again, rate = l->byte_per_s[hop.down];
    struct ends ends = ends_on(t, hop);
    double latency_s = draw_crossing(n, t->route, t->at, ends, t->key, t->bytes, &factor, &again);
    if (n->varies) t->began->again = again;
    bool takes_time = (rate > 0 && t->bytes > 0) || l->down || process_wait_s(n, l, ends) > 0;
    link_count(l, sim_now(n->sim), 1);
    t->record.started_ns = sim_now(n->sim);
    t->latency_ns = ns_from_s(latency_s);
    t->transmit_ns = 0;
    if (takes_time && (l->shares || l->varies || l->def->radio)) {
      t->channel = channel_for(n, t, hop);
      if (n->varies) t->began->work = t->bytes * factor;
      else if (has_gates(n)) gate_of(n, t)->work = t->bytes * factor;
      share_join(t->channel->share, n->sim, &t->user, t->bytes * factor);
      return false;
    }
    if (takes_time) t->transmit_ns = ns_from_s(t->bytes / rate * factor);
    else gate_leave(n, t, t->bytes);
    if (t->transmit_ns > 0 || t->latency_ns > 0) {        /* the sum of two endless ones would wrap */
      t->event = sim_after(n->sim, time_add(t->transmit_ns, t->latency_ns), PRIORITY_COMPLETE, on_arrived, t);
      return false;
    }
    transfer_hop_end(t, t->bytes);
  }
  return true;
}

/* From where it stands now. */
void transfer_go_further(struct network *n, struct transfer *t)
{
  if (!transfer_cross(n, t)) return;
  transfer_done_fn *done = t->done;
  void *subject = t->subject;
  transfer_end(n, t);
  if (done) done(n->sim, subject);
}

static void go_on(struct network *n, struct transfer *t)
{
  transfer_hop_end(t, t->bytes);
  transfer_go_further(n, t);
}

void network_on_gate(struct sim *sim, void *transfer)
{
  (void)sim;
  struct transfer *t = transfer;
  struct network *n = t->network;
  gate_of(n, t)->waits = false;
  link_count(&n->link[t->route->hop[t->at].link], sim_now(n->sim), -1);
  transfer_go_further(n, t);
}

static void on_arrived(struct sim *sim, void *subject)
{
  (void)sim;
  struct transfer *t = subject;
  go_on(t->network, t);
}

void network_on_transmitted(struct sim *sim, void *context, struct share_user *user)
{
  struct transfer *t = holder_of(user, struct transfer, user);
  t->channel = NULL;
  channel_left(context);
  gate_leave(t->network, t, t->bytes);
  if (t->latency_ns > 0) t->event = sim_after(sim, t->latency_ns, PRIORITY_COMPLETE, on_arrived, t);
  else go_on(t->network, t);
}
