#include "models/radios.h"
#include "models/streams.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

/* def NULL: none. told_j: of what its radio spent idle, to each device's battery; NULL: they have none. */
struct radio_link { const struct radio_def *def; uint64_t name, n; struct radio *radio; int place; double *told_j;
                    sim_time *fast; };                  /* of each device: with its rates from then on; NULL: at once */
struct radios {
  struct rng_root root;
  int n_links;
  double told_j;                                        /* to those that used them */
  struct radio_link link[];
};

static void link_open(struct radio_link *l, const struct world_def *w, const struct link_def *def)
{
  if (!def->radio) return;
  int place = w->place[def->a].tier == TIER_DEVICE ? def->a : def->b;
  const struct place_def *device = &w->place[place];
  *l = (struct radio_link){def->radio, rng_name(def->name), device->count, zeros_new(device->count, sizeof *l->radio), place, NULL, NULL};
  if (def->radio->anchor_s > 0) l->fast = zeros_new(device->count, sizeof *l->fast);
  if (device->supply && device->supply->battery) l->told_j = zeros_new(device->count, sizeof *l->told_j);
}

struct radios *radios_new(const struct world_def *w, const struct rng_root *root)
{
  int any = 0;
  for (int k = 0; k < w->n_links; k++) any += w->link[k].radio != NULL;
  if (!any) return NULL;
  struct radios *rs = zeros_new(1, sizeof *rs + (size_t)w->n_links * sizeof *rs->link);
  rs->root = *root;
  rs->n_links = w->n_links;
  for (int k = 0; k < w->n_links; k++) link_open(&rs->link[k], w, &w->link[k]);
  return rs;
}

void radios_free(struct radios *rs)
{
  for (int k = 0; rs && k < rs->n_links; k++) {
    free(rs->link[k].radio);
    free(rs->link[k].told_j);
    free(rs->link[k].fast);
  }
  free(rs);
}

static sim_time phase_of(const struct radios *rs, int link, uint32_t member)
{
  return ns_from_s(1000 * rng_fresh(&rs->root, STREAM_RADIO, rs->link[link].name, member));
}

sim_time radios_begin(struct radios *rs, struct radio_use *use, sim_time now)
{
  const struct radio_link *l = &rs->link[use->link];
  struct radio *r = &l->radio[use->member];
  sim_time wait;
  bool idle = l->fast && radio_stage_at(l->def, r, now) == l->def->n_stages - 1;
  double joule = radio_begin(l->def, r, now, phase_of(rs, use->link, use->member), !use->sends, &wait);
  use->joule += joule;
  use->share_s = r->share_s;
  use->on = true;
  rs->told_j += joule;
  if (idle) l->fast[use->member] = time_add(now + wait, ns_from_s(l->def->anchor_s));
  return wait;
}

sim_time radios_anchored(const struct radios *rs, const struct radio_use *use, sim_time flows, double bytes, double byte_per_s)
{
  const struct radio_link *l = &rs->link[use->link];
  if (!l->fast || flows >= l->fast[use->member]) return 0;
  double slow_s = s_from_ns(l->fast[use->member] - flows);
  return ns_from_s(radio_anchor_s(bytes, byte_per_s, l->def->anchor_byte_per_s[!use->sends], slow_s));
}

void radios_end(struct radios *rs, struct radio_use *use, sim_time now, double bytes)
{
  const struct radio_link *l = &rs->link[use->link];
  double joule = radio_end(l->def, &l->radio[use->member], now, phase_of(rs, use->link, use->member), use->share_s);
  use->joule += joule + radio_byte_j(l->def, use->sends, bytes);
  use->on = false;
  rs->told_j += joule;
}

sim_time radios_wake(struct radios *rs, int link, uint32_t member, sim_time now, double *joule)
{
  struct radio_use use = {.member = member, .link = (uint16_t)link};
  sim_time wait = radios_begin(rs, &use, now);
  radios_end(rs, &use, now, 0);
  *joule += use.joule;
  return wait;
}

double radios_hold(struct radios *rs, int link, uint32_t member, sim_time from, sim_time now)
{
  const struct radio_link *l = &rs->link[link];
  double joule = radio_hold(l->def, &l->radio[member], from, now, phase_of(rs, link, member));
  rs->told_j += joule;
  return joule;
}

struct radio_expected radios_expect(const struct radios *rs, int link, uint32_t member, sim_time now, bool by_network)
{
  const struct radio_link *l = &rs->link[link];
  return radio_expect(l->def, &l->radio[member], now, by_network);
}

double radios_expect_anchored_s(const struct radios *rs, int link, uint32_t member, sim_time now, double bytes, double byte_per_s)
{
  const struct radio_link *l = &rs->link[link];
  if (!l->fast) return 0;
  bool idle = radio_stage_at(l->def, &l->radio[member], now) == l->def->n_stages - 1;
  double slow_s = idle ? l->def->anchor_s : s_from_ns(l->fast[member] > now ? l->fast[member] - now : 0);
  return radio_anchor_s(bytes, byte_per_s, l->def->anchor_byte_per_s[0], slow_s);
}

double radios_rest_w(const struct radios *rs, int place)
{
  double sum = 0;
  for (int k = 0; rs && k < rs->n_links; k++)
    if (rs->link[k].def && rs->link[k].place == place) sum += radio_rest_w(rs->link[k].def);
  return sum;
}

double radios_rest_j(struct radios *rs, int place, uint32_t member, sim_time now, bool over)
{
  double sum = 0;
  for (int k = 0; rs && k < rs->n_links; k++) {
    const struct radio_link *l = &rs->link[k];
    if (!l->told_j || l->place != place) continue;
    double rest_j = radio_rest_j(l->def, &l->radio[member], now, phase_of(rs, k, member), over);
    sum += rest_j - l->told_j[member];
    l->told_j[member] = rest_j;
  }
  return sum;
}

double radios_close(const struct radios *rs, sim_time now)
{
  double idle_j = 0, direct_j = 0;
  uint64_t active = 0;
  for (int k = 0; k < rs->n_links; k++)
    for (uint64_t i = 0; i < rs->link[k].n; i++) {
      const struct radio *r = &rs->link[k].radio[i];
      idle_j += radio_idle_j(rs->link[k].def, r, now, phase_of(rs, k, (uint32_t)i));
      direct_j += r->direct_j;
      active += r->active;
    }
  sim_assert(active || fabs(direct_j - rs->told_j) <= 1e-9 * (1 + direct_j));
  return idle_j;
}
