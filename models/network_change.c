/* Links that change during the run: what is on its way goes on at the new rate at once. */
#include "models/network_parts.h"

/* ---- links that change ----------------------------------------------------------------------------------------- */

/* Numbers of ways are made anew when they are next asked for. */
static void ways_forget(struct network *n) { n->ways->round++; }

static void channels_update(struct network *n, struct link_state *l)
{
  for (int down = 0; down < 2; down++)
    for (uint64_t i = 0; l->channel[down] && i < l->pools; i++) {
      struct channel *c = l->channel[down][i];
      if (!c) continue;
      channel_follow(c);
      share_update(c->share, n->sim);
    }
  for (int down = 0; down < 2; down++)
    for (uint64_t i = 0; l->flow_link[down] && i < l->pools; i++) {
      if (!l->flow_link[down][i]) continue;
      if (l->flow_channel[down] && l->flow_channel[down][i].process) flow_channel_follow(&l->flow_channel[down][i]);
      else maxmin_set_capacity(n->flows, l->flow_link[down][i] - 1, channel_rate(l, down));
    }
}

void network_set_rate(struct network *n, int link, double scale, double background)
{
  struct link_state *l = &n->link[link];
  l->scale = scale;
  l->background = background;
  link_rate(l);
  channels_update(n, l);
  ways_forget(n);
}

void network_set_available(struct network *n, int link, bool available, sim_time back_at)
{
  struct link_state *l = &n->link[link];
  if (l->def->on_outage != OUTAGE_WAITS) {
    detour_set_link(n, link, available, back_at);
    return;
  }
  l->down = !available;
  l->back_at = back_at;
  channels_update(n, l);
}

void network_set_price(struct network *n, int link, double usd_per_byte)
{
  struct link_state *l = &n->link[link];
  l->usd_per_byte[0] = isnan(usd_per_byte) ? l->def->usd_per_byte_up : usd_per_byte;
  l->usd_per_byte[1] = isnan(usd_per_byte) ? l->def->usd_per_byte_down : usd_per_byte;
  ways_forget(n);
}

struct link_rates network_rates(const struct network *n, int link)
{
  return (struct link_rates){{n->link[link].s_per_byte[0], n->link[link].s_per_byte[1]}};
}

void network_tell(struct network *n, int link, struct link_rates rates)
{
  n->link[link].told = rates;
  ways_forget(n);
}
