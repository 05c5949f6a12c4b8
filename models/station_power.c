/* Powered places: power by a shape, throttling by temperature, batteries.
 *
 * Of one member at load u (units in use over all): P = idle + D share(u) c, D the power beyond idle at full load, c = 1, or
 * what is left of it while throttled. Its servers carry the load evenly. Each unit in use causes P beyond idle over the
 * units in use, so what jobs are charged adds up to the integral exactly: j(t) = integral of (P - idle) / used, a job pays
 * units x (j(end) - j(start)); those who share a server pay equal parts of what is theirs.
 * Energy that comes by the batch or by the iteration of an engine is its own ledger's; here it is power, spread evenly over
 * its time, for battery and temperature. What engines drew is known when one looks; so while they run, one does each second.
 * A job at a lower clock takes its part f^3 of what its units would draw, and pays that part.
 * Everything is settled before any change; then, once in that instant, it is planned anew when the temperature reaches its
 * limit and the battery its end: between two changes nothing happens by the clock.
 * Checkable: 2 slots, D 20 W, concave with h = 1.4: one job alone causes 20 (1 - 0.5^1.4) = 12.42 W, two 10 W each.
 */
#include "models/battery.h"
#include "models/power.h"
#include "models/station_parts.h"
#include "models/thermal.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>

/* at: settled up to there. *_so_far: joules of each occupied unit, of each who shares. told: the world knows of death. */
struct member {
  sim_time at;
  double dynamic_j, idle_j;
  double own_w, own_j;                                  /* of batches now; of engines, when last looked at */
  double unit_so_far, sharer_so_far;                    /* at the top clock */
  double saved_units;                                   /* by jobs at lower clocks: units x (1 - their part of the power) */
  uint32_t sharers;                                     /* as charged: the share itself changes before it tells */
  event_id plan, next;
  double speed;
  bool told;
};

struct powered {
  struct stations_power def;
  struct sim *sim;
  struct station *first;
  struct member *member;
  struct thermal *thermal;                              /* NULL: nowhere */
  struct battery *battery;
};

enum { SLOTS_AHEAD = 256 };                             /* of a harvest, looked at in one plan */
static const double LOOK_S = 1;                         /* how often, while engines run */

static uint64_t number_of(const struct station *s) { return (uint64_t)(s - s->kind->powered->first); }

static const struct member_power *power_of(const struct station *s)
{
  const struct station_kind *k = s->kind;
  return &k->powered->def.of_kind[k->hardware ? k->hardware[number_of(s)] : 0];
}

static struct thermal *thermal_of(const struct station *s)
{
  return power_of(s)->thermal ? &s->kind->powered->thermal[number_of(s)] : NULL;
}

static struct battery *battery_of(const struct station *s)
{
  return s->kind->powered->battery ? &s->kind->powered->battery[number_of(s)] : NULL;
}

/* ---- in time ------------------------------------------------------------------------------------------------------ */

/* With all jobs at the top clock. */
static double top_w(const struct station *s)
{
  const struct member_power *p = power_of(s);
  const struct thermal *t = thermal_of(s);
  if (s->used == 0) return 0;
  double share = power_share_of(p->shape, (double)s->used / (double)s->kind->units, p->most);
  return p->dynamic_w * share * (t && t->throttled ? p->thermal->power : 1);
}

static double dynamic_w(const struct station *s)
{
  const struct member *m = &s->kind->powered->member[number_of(s)];
  return m->saved_units > 0 ? top_w(s) * (1 - m->saved_units / (double)s->used) : top_w(s);
}

/* Beside it, of what has its own energy: the mean since the last look; for what comes, what it is now. */
static double own_w(const struct station *s, struct member *m, double dt, double *now_w)
{
  if (!s->kind->llm) return *now_w = m->own_w;
  double before = m->own_j;
  m->own_j = llm_joule(s, now_w);
  return dt > 0 ? (m->own_j - before) / dt : 0;
}

static double load_w(const struct station *s)
{
  const struct member *m = &s->kind->powered->member[number_of(s)];
  double now_w = m->own_w;
  if (s->kind->llm) llm_joule(s, &now_w);
  return dynamic_w(s) + now_w;
}

static double idle_w(const struct station *s)
{
  const struct battery *b = battery_of(s);
  return b && b->dead ? 0 : power_of(s)->idle_w;
}

static void charge_units(struct station *s, struct member *m, double joule)
{
  double unit_j = joule / (double)s->used;
  m->unit_so_far += unit_j;
  if (m->sharers) m->sharer_so_far += unit_j * (double)s->extra->ps_units / m->sharers;
}

static void plan_soon(struct station *, struct member *);

void power_settle(struct station *s, sim_time now)
{
  struct member *m = &s->kind->powered->member[number_of(s)];
  double dt = s_from_ns(now - m->at), slots_w = dynamic_w(s), full_w = top_w(s), rest_w = idle_w(s), dead_s = 0, now_w;
  plan_soon(s, m);
  if (now == m->at) return;
  double work_w = slots_w + own_w(s, m, dt, &now_w);
  if (thermal_of(s)) thermal_advance(power_of(s)->thermal, thermal_of(s), s_from_ns(now), work_w + rest_w);
  if (battery_of(s)) {
    dead_s = battery_of(s)->dead_s;
    double all_w = work_w + power_of(s)->idle_w + s->kind->powered->def.rest_w;
    battery_advance(s->kind->powered->def.battery, battery_of(s), s_from_ns(now), all_w);
    dead_s = battery_of(s)->dead_s - dead_s;
  }
  m->at = now;
  m->dynamic_j += slots_w * dt;
  m->idle_j += power_of(s)->idle_w * (dt - dead_s);
  if (s->used) charge_units(s, m, full_w * dt);
}

double power_slot_j(const struct station *s)
{
  return s->kind->powered ? s->kind->powered->member[number_of(s)].unit_so_far * SLOT_UNITS : 0;
}

/* With the last one goes what rounding left. */
void power_of_batch(struct station *s, double watt)
{
  if (!s->kind->powered) return;
  struct member *m = &s->kind->powered->member[number_of(s)];
  m->own_w = watt < 0 && s->used <= SLOT_UNITS ? 0 : m->own_w + watt;
}

double power_speed(const struct station *s) { return s->kind->powered->member[number_of(s)].speed; }

/* f^3, or as the hardware has it. */
static double clock_part(const struct station *s, int clock)
{
  const struct power_def *shape = power_of(s)->shape;
  return pow(s->kind->powered->def.clock[clock], shape ? shape->cube : 3);
}

void power_charge(const struct station *s, struct job *job, int64_t units, int sign)
{
  struct member *m = &s->kind->powered->member[number_of(s)];
  double part = job->clock ? clock_part(s, job->clock) : 1;
  job->joule += sign * part * (units ? m->unit_so_far * (double)units : m->sharer_so_far);
  if (units == 0) m->sharers += sign < 0 ? 1 : UINT32_MAX;
  if (!job->clock) return;
  m->saved_units = sign > 0 && s->used == units ? 0 : m->saved_units - sign * (double)units * (1 - part);
}

/* ---- what comes next ---------------------------------------------------------------------------------------------- */

static void set_speed(struct station *s, double speed)
{
  struct thermal *t = thermal_of(s);
  t->throttled = !t->throttled;
  s->kind->powered->member[number_of(s)].speed = speed;
}

static void look_at_temperature(struct station *s)
{
  const struct thermal_def *d = power_of(s)->thermal;
  struct thermal *t = thermal_of(s);
  double above = thermal_watched(d, t) - (t->throttled ? d->limit_c - d->hysteresis_k : d->limit_c);
  if (t->throttled ? above > 1e-9 : above < -1e-9) return;
  station_change_speed(s, s->kind->powered->sim, set_speed, t->throttled ? 1 : d->speed);
}

static void on_next(struct sim *sim, void *station)
{
  struct station *s = station;
  s->kind->powered->member[number_of(s)].next = (event_id){ 0 };
  power_settle(s, sim_now(sim));                        /* plans anew, after what comes of it */
  station_settle(s, sim_now(sim));
  if (thermal_of(s)) look_at_temperature(s);
}

static double next_battery_s(const struct station *s)
{
  const struct powered *p = s->kind->powered;
  const struct battery_def *d = p->def.battery->def;
  double now = s_from_ns(p->member[number_of(s)].at), until = s_from_ns(p->def.until), w = power_of(s)->idle_w + load_w(s) + p->def.rest_w;
  if (!d->harvest_j) return battery_next_s(p->def.battery, battery_of(s), w, until);
  double far = now + SLOTS_AHEAD * d->slot_s, next = battery_next_s(p->def.battery, battery_of(s), w, fmin(far, until));
  return next < INFINITY || far >= until ? next : far;
}

/* Up to the next nanosecond, so that what was planned is there when it is looked at. */
static void plan_next(struct station *s, struct member *m)
{
  const struct powered *p = s->kind->powered;
  double now = s_from_ns(m->at), at = INFINITY;
  if (m->next.bits) sim_cancel(p->sim, m->next);
  m->next = (event_id){ 0 };
  if (thermal_of(s)) at = now + thermal_next(power_of(s)->thermal, thermal_of(s), idle_w(s) + load_w(s));
  if (battery_of(s)) at = fmin(at, next_battery_s(s));
  if (s->kind->llm && s->in_system) at = fmin(at, now + LOOK_S);
  if (!(at < s_from_ns(p->def.until))) return;
  sim_time when = ns_from_s(at) + 1;
  m->next = sim_at(p->sim, when > m->at ? when : m->at + 1, PRIORITY_CHANGE, on_next, s);
}

static void on_plan(struct sim *sim, void *station)
{
  struct station *s = station;
  struct powered *p = s->kind->powered;
  struct member *m = &p->member[number_of(s)];
  power_settle(s, sim_now(sim));
  m->plan = (event_id){ 0 };
  if (battery_of(s) && battery_of(s)->dead != m->told) {
    m->told = battery_of(s)->dead;
    p->def.changed(sim, p->def.context, number_of(s), m->told);
  }
  plan_next(s, m);
}

static void plan_soon(struct station *s, struct member *m)
{
  if (!m->plan.bits) m->plan = sim_after(s->kind->powered->sim, 0, PRIORITY_OBSERVE, on_plan, s);
}

/* ---- for the world ------------------------------------------------------------------------------------------------ */

void stations_power(struct station *all, uint64_t count, struct sim *sim, const struct stations_power *def)
{
  struct powered *p = zeros_new(1, sizeof *p);
  *p = (struct powered){ .def = *def, .sim = sim, .first = all, .member = zeros_new(count, sizeof *p->member),
                         .thermal = zeros_new(count, sizeof *p->thermal) };
  if (def->battery) p->battery = zeros_new(count, sizeof *p->battery);
  all->kind->powered = p;
  all->kind->settles = true;
  for (struct station *s = all; s < all + count; s++) {
    struct member *m = &p->member[s - all];
    m->speed = 1;
    m->at = sim_now(sim);
    if (thermal_of(s)) thermal_start(power_of(s)->thermal, thermal_of(s));
    if (battery_of(s)) battery_start(def->battery, battery_of(s), (uint64_t)(s - all));
    all->kind->varies |= thermal_of(s) != NULL;
    if (thermal_of(s) || battery_of(s)) plan_soon(s, m);
  }
}

void stations_power_free(struct powered *p)
{
  if (!p) return;
  free(p->member);
  free(p->thermal);
  free(p->battery);
  free(p);
}

void station_power_meters(struct station *s, sim_time now, struct power_meters *out)
{
  const struct member *m = &s->kind->powered->member[number_of(s)];
  power_settle(s, now);
  const struct battery *b = battery_of(s);
  const struct thermal *t = thermal_of(s);
  *out = (struct power_meters){ .dynamic_j = m->dynamic_j, .idle_j = m->idle_j, .throttled_s = t ? t->throttled_s : 0,
                                .left_j = b ? b->left_j : NAN, .drawn_j = b ? b->drawn_j : 0, .dead_s = b ? b->dead_s : 0, .first_s = b ? b->first_s : NAN,
                                .deaths = b ? b->deaths : 0, .dead = b && b->dead };
}

double station_battery_j(const struct station *s, sim_time now)
{
  const struct battery *b = s->kind->powered ? battery_of(s) : NULL;
  if (!b) return NAN;
  struct battery copy = *b;
  struct member m = s->kind->powered->member[number_of(s)];
  double now_w, work_w = dynamic_w(s) + own_w(s, &m, s_from_ns(now - m.at), &now_w);
  battery_advance(s->kind->powered->def.battery, &copy, s_from_ns(now), work_w + power_of(s)->idle_w + s->kind->powered->def.rest_w);
  return copy.left_j;
}

double station_warmth_c(const struct station *s, sim_time now)
{
  const struct thermal *t = s->kind->powered ? thermal_of(s) : NULL;
  if (!t) return NAN;
  const struct thermal_def *def = power_of(s)->thermal;
  struct thermal copy = *t;
  thermal_advance(def, &copy, s_from_ns(now), load_w(s) + idle_w(s));
  return thermal_watched(def, &copy);
}

void station_spend(struct station *s, struct sim *sim, double joule)
{
  station_settle(s, sim_now(sim));
  if (battery_of(s)) battery_spend(s->kind->powered->def.battery, battery_of(s), joule);
}
