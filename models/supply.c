/* supply.c: what feeds the members of places, and what becomes of requests when it ends.
 *
 * A place whose power has a shape, whose hardware gets warm, or whose members have batteries is powered: its stations
 * integrate power themselves (models/station_power.c) and each attempt brings its joules along. An empty battery ends all
 * requests of its device with status no_power, and those that come until it is back; attempts of others that run there
 * are lost. The radio is taken from the battery when a transfer begins, and what did not go is given back;
 * its tail when the last transfer ends, its idle power all the time.
 * Carbon: joules x g/J of the region at their time; PUE multiplies what servers draw.
 * Checkable: 3.6 MJ at 381 g/kWh and a PUE of 1.5 are 571.5 g.
 */
#include "models/internal.h"

struct supply {
  struct stations_power power;
  struct battery_kind battery;
};

double supply_pue(const struct place *p) { return p->def->supply ? p->def->supply->pue : 1; }

static bool has_battery(const struct place *p) { return p->def->supply && p->def->supply->battery; }

/* Plans may choose the clock of devices that serve one request in a slot. */
static bool has_clocks(const struct world_def *def, const struct place *p)
{
  return def->n_clocks > 1 && p->def->tier == TIER_DEVICE && !p->def->batching && !p->def->llm;
}

static bool is_powered(const struct world_def *def, const struct place *p)
{
  bool powered = has_battery(p);
  for (int k = 0; k < p->def->n_hardware; k++) {
    const struct hardware_def *h = &def->hardware[p->def->hardware[k]];
    powered |= h->thermal || (h->power && h->power->shape != POWER_LINEAR);
  }
  return (powered || has_clocks(def, p)) && p->stations;
}

static void on_changed(struct sim *s, void *context, uint64_t member, bool dead)
{
  const struct place *p = context;
  if (!dead) return;
  requests_power_off(world_of(s), (struct endpoint){ (uint16_t)p->index, (uint32_t)member });
  for (int i = 0; p->def->llm && i < p->def->servers; i++)
    station_stop(station_nth(p->stations, member), s, (uint32_t)i);
}

/* Requests on a full server. */
static double most_of(const struct world *w, const struct place *p, int kind)
{
  double most = p->def->slots;
  for (int v = 0; p->cost && v < w->def->n_variants; v++)
    most = fmax(most, p->cost[kind * w->def->n_variants + v].max_batch);
  return most;
}

static const struct member_power *kinds_of(struct world *w, const struct place *p)
{
  struct member_power *all = arena_array(w->arena, struct member_power, p->n_kinds);
  double servers = p->def->servers;
  for (int k = 0; k < p->n_kinds; k++) {
    const struct hardware_def *h = p->def->n_hardware ? &w->def->hardware[p->def->hardware[k]] : NULL;
    sim_assert(!p->def->llm || steptime_has_energy(p->def->llm->kind[k].step_time));
    all[k] = (struct member_power){ p->idle_w[k] * servers, p->dynamic_w[k] * p->def->slots * servers, most_of(w, p, k),
                                    h ? h->power : NULL, h ? h->thermal : NULL };
  }
  return all;
}

void supply_init(struct world *w, struct place *p)
{
  if (!is_powered(w->def, p)) return;
  struct supply *s = p->supply = arena_alloc(w->arena, sizeof *s);
  s->power = (struct stations_power){ .of_kind = kinds_of(w, p), .clock = w->def->clock, .until = w->run_end, .changed = on_changed, .context = p };
  if (has_battery(p)) {
    s->battery = (struct battery_kind){ p->def->supply->battery, w->root, p->name };
    s->power.battery = &s->battery;
    s->power.rest_w = network_rest_w(w->network, p->index);
  }
  w->supplied |= has_battery(p);
  stations_power(p->stations, p->def->count, w->sim, &s->power);
}

double supply_clock(const struct world *w, const struct place *p, uint32_t member, int clock)
{
  if (clock == 0) return 1;
  const struct power_def *shape = p->def->n_hardware ? w->def->hardware[p->def->hardware[kind_of(p, member)]].power : NULL;
  return pow(w->def->clock[clock], shape ? shape->cube : 3);
}

/* ---- batteries ---------------------------------------------------------------------------------------------------- */

static struct station *station_with_battery(const struct world *w, struct endpoint at)
{
  const struct place *p = &w->place[at.place];
  return has_battery(p) && p->supply ? station_nth(p->stations, at.member) : NULL;
}

static bool look(const struct world *w, struct endpoint at, struct power_meters *m)
{
  struct station *s = station_with_battery(w, at);
  if (s) station_power_meters(s, now_of(w), m);
  return s != NULL;
}

bool supply_empty(const struct world *w, struct endpoint at)
{
  struct power_meters m;
  return look(w, at, &m) && m.dead;
}

double supply_battery_j(struct world *w, const struct request *r)
{
  struct power_meters m;
  return look(w, origin_of(r), &m) ? m.left_j : NAN;
}

double supply_battery_level(const struct world *w, const struct request *r)
{
  const struct station *s = station_with_battery(w, origin_of(r));
  return s ? station_battery_j(s, now_of(w)) / w->place[r->origin].def->supply->battery->capacity_j : NAN;
}

double supply_warmth_c(const struct world *w, const struct request *r)
{
  const struct place *p = &w->place[r->origin];
  return p->supply ? station_warmth_c(station_nth(p->stations, r->device), now_of(w)) : NAN;
}

void supply_spend(struct world *w, struct endpoint device, double joule)
{
  struct station *s = station_with_battery(w, device);
  if (s) joule += network_rest_j(w->network, device, false);
  if (s && joule != 0) station_spend(s, w->sim, joule);
}

/* ---- carbon, and the end ------------------------------------------------------------------------------------------ */

double supply_g_per_j(const struct world *w, const struct place *p, sim_time from, sim_time to)
{
  const struct carbon_def *c = p && p->def->supply && p->def->supply->carbon ? p->def->supply->carbon : w->def->carbon;
  return c ? carbon_mean_g_per_j(c, s_from_ns(from), s_from_ns(to)) : 0;
}

/* Each member at the first end of a link has a line. */
double supply_base_w(const struct world *w)
{
  double sum = 0;
  for (int i = 0; i < w->def->n_links; i++)
    sum += w->def->link[i].base_w * (double)w->def->place[w->def->link[i].a].count;
  return sum;
}

static void add_member(struct place *p, uint64_t i, const struct power_meters *m, struct place_summary *sum, double run_s)
{
  p->powered_j += m->dynamic_j;
  p->asleep_j += p->idle_w[kind_of(p, (uint32_t)i)] * p->def->servers * m->dead_s;
  p->radio_asleep_j += p->supply->power.rest_w * m->dead_s;
  sum->throttled_ratio += m->throttled_s / run_s;
  sum->battery_dead_ratio += m->dead_s / run_s;
  sum->battery_left_mean += m->left_j;
  sum->battery_deaths += m->deaths;
  if (isnan(m->first_s)) return;
  sum->battery_life_mean_s += m->first_s;
  sum->battery_emptied_ratio++;
}

void supply_read(struct world *w, struct place *p, struct place_summary *out)
{
  struct place_summary sum = { 0 };
  struct power_meters m;
  double n = (double)p->def->count;
  out->battery_dead_ratio = out->battery_left_mean = out->battery_deaths = out->throttled_ratio = NAN;
  out->battery_life_mean_s = out->battery_emptied_ratio = NAN;
  for (uint64_t i = 0; p->supply && i < p->def->count; i++) {
    struct endpoint device = { (uint16_t)p->index, (uint32_t)i };
    if (has_battery(p)) station_spend(station_nth(p->stations, i), w->sim, network_rest_j(w->network, device, true));
    station_power_meters(station_nth(p->stations, i), now_of(w), &m);
    add_member(p, i, &m, &sum, s_from_ns(now_of(w)));
  }
  if (!p->supply) return;
  out->throttled_ratio = sum.throttled_ratio / n;
  if (!has_battery(p)) return;
  out->battery_dead_ratio = sum.battery_dead_ratio / n;
  out->battery_left_mean = sum.battery_left_mean / n / p->def->supply->battery->capacity_j;
  out->battery_deaths = sum.battery_deaths;
  out->battery_emptied_ratio = sum.battery_emptied_ratio / n;
  if (sum.battery_emptied_ratio > 0) out->battery_life_mean_s = sum.battery_life_mean_s / sum.battery_emptied_ratio;
}
