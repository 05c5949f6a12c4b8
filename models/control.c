/* control.c: periodic control by a policy (`tick`): the places as they are now and since the last tick go to the policy;
 * wanted instances, keep-alive and the share of attempts let in come back and hold until the next word.
 *
 * utilization: busy slot-seconds since the last tick / (slots x period). Instances of a place with several members are
 * shared out evenly, the first members take the rest.
 */
#include "models/control.h"
#include "models/instances.h"

struct control {
  struct offsim_control seen;
  int32_t *tier;
  double *jobs, *utilization, *arrivals, *instances, *busy, *busy_before;
  uint64_t *came_before, ticks;
  sim_time last;
};

static double *numbers(struct world *w) { return arena_array(w->arena, double, w->def->n_places); }

static struct control *control_new(struct world *w)
{
  struct control *c = arena_alloc(w->arena, sizeof *c);
  c->tier = arena_array(w->arena, int32_t, w->def->n_places);
  c->came_before = arena_array(w->arena, uint64_t, w->def->n_places);
  c->jobs = numbers(w), c->utilization = numbers(w), c->arrivals = numbers(w), c->instances = numbers(w);
  c->busy = numbers(w), c->busy_before = numbers(w);
  c->seen = (struct offsim_control){.n_places = (uint32_t)w->def->n_places, .tier = c->tier, .jobs = c->jobs,
    .utilization = c->utilization, .arrivals = c->arrivals, .instances = c->instances, .instances_busy = c->busy,
    .instances_wanted = numbers(w), .keep_alive_s = numbers(w), .admit = numbers(w)};
  for (int i = 0; i < w->def->n_places; i++) c->tier[i] = (int32_t)w->def->place[i].tier;
  return c;
}

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

static void see_stations(struct control *c, const struct place *p, int i, double period_s, sim_time now)
{
  double busy_s = 0;
  c->jobs[i] = 0;
  for (uint64_t m = 0; m < p->def->count; m++) {
    struct station_meters meters;
    const struct station *s = station_nth(p->stations, m);
    station_meters(s, now, &meters);
    c->jobs[i] += station_in_system(s);
    busy_s += meters.run_busy_slot_s;
  }
  double slots = (double)p->def->count * p->def->servers * p->def->slots;
  c->utilization[i] = (busy_s - c->busy_before[i]) / (slots * period_s);
  c->busy_before[i] = busy_s;
}

static void see_instances(struct control *c, const struct place *p, int i)
{
  c->instances[i] = c->busy[i] = p->fleets && p->def->instances ? 0 : NAN;
  for (uint64_t m = 0; p->fleets && p->def->instances && m < p->def->count; m++) {
    const struct fleet *f = &p->fleets[m];
    c->instances[i] += fleet_alive(f);
    for (uint32_t k = 0; k < f->n; k++) c->busy[i] += f->instance[k].busy > 0;
  }
}

static void see(struct world *w, struct control *c)
{
  sim_time now = now_of(w);
  c->seen.now_ns = now;
  c->seen.period_s = s_from_ns(now - c->last);
  c->last = now;
  for (int i = 0; i < w->def->n_places; i++) {
    const struct place *p = &w->place[i];
    c->arrivals[i] = (double)(p->came - c->came_before[i]);
    c->came_before[i] = p->came;
    c->jobs[i] = (double)p->in_flight.value;
    c->utilization[i] = NAN;                            /* of an API: nobody knows how many servers it has */
    if (p->stations) see_stations(c, p, i, c->seen.period_s, now);
    see_instances(c, p, i);
    c->seen.instances_wanted[i] = c->seen.keep_alive_s[i] = c->seen.admit[i] = NAN;
  }
}

/* ---- what is done ------------------------------------------------------------------------------------------------ */

static void apply(struct place *p, double wanted, double keep_s, double admit)
{
  if (!isnan(admit)) p->turned_away = 1 - admit;
  if (!p->fleets || !p->def->instances) return;
  double left = isnan(wanted) ? NAN : round(wanted);
  for (uint64_t m = 0; m < p->def->count; m++) {
    double share = ceil(left / (double)(p->def->count - m));
    fleet_control(&p->fleets[m], share, keep_s);
    left -= share;
  }
}

static void on_tick(struct sim *sim, void *subject)
{
  struct world *w = world_of(sim);
  struct control *c = subject;
  see(w, c);
  if (!policy_host_tick(w->host, &c->seen, c->ticks++, w->err)) {
    run_fails(w);
    return;
  }
  for (int i = 0; i < w->def->n_places; i++)
    apply(&w->place[i], c->seen.instances_wanted[i], c->seen.keep_alive_s[i], c->seen.admit[i]);
  sim_after(sim, ns_from_s(w->setup.policy->tick_s), PRIORITY_NORMAL, on_tick, c);
}

void control_start(struct world *w)
{
  if (!w->host || w->setup.policy->tick_s <= 0) return;
  sim_after(w->sim, ns_from_s(w->setup.policy->tick_s), PRIORITY_NORMAL, on_tick, control_new(w));
}

bool control_turns_away(struct world *w, const struct attempt *a)
{
  const struct place *p = &w->place[a->place];
  uint64_t name = p->name ^ UINT64_C(0x7475726e);
  return rng_fresh(&w->root, STREAM_SHED, name ^ a->request->id, stream_entity(a->task, 1, a->ordinal)) < p->turned_away;
}
