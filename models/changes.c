/* What changes during a run, at times that the scenario gives: the same for every policy, replication and worker.
 *
 * A change sets its target to `to` at `at` (and again `every`); a ramp does it in RAMP_STEPS equal steps, each with the
 * value in its middle, so that the integral over the ramp is that of the straight line; after `for` the target is again
 * as the scenario describes it. What is on its way or in service goes on under the new numbers from that instant on
 * (models/network.c, models/station.c). Policies are told a link's rate by the next report of telemetry, `delay` later;
 * prices are public at once; outages and the speed of a place are felt, not told.
 * Checkable: a rate of 1 with a ramp to 0.5 from 10 to 20 s moves 7.5 in these 10 s; its first step is 1 - 0.5 / 120.
 */
#include "models/instances.h"
#include <stdlib.h>

enum { RAMP_STEPS = 60 };

struct running_change {
  struct world *w;
  const struct change_def *def;
  uint64_t rounds;                                      /* begun so far */
  sim_time began;
  double from;                                          /* of the ramp */
  int step;
};
struct link_now { double scale, background; };
struct report_of_link { struct world *w; int link; struct link_rates rates; };

struct changes {
  struct running_change *change;
  struct link_now *link;
  struct pool *reports;                                 /* on their way to the policies */
};

/* ---- what policies are told ------------------------------------------------------------------------------------- */

static void on_report(struct sim *s, void *subject)
{
  struct report_of_link *r = subject;
  (void)s;
  network_tell(r->w->network, r->link, r->rates);
  pool_give(r->w->changes->reports, r);
}

/* By the next report; of several changes before it the last one comes last. */
static void tell(struct world *w, int link)
{
  const struct telemetry_def *t = &w->def->telemetry;
  struct link_rates rates = network_rates(w->network, link);
  if (t->ideal || w->oracle) {
    network_tell(w->network, link, rates);
    return;
  }
  struct report_of_link *r = pool_take(w->changes->reports);
  *r = (struct report_of_link){ w, link, rates };
  sim_time now = now_of(w), period = ns_from_s(t->refresh_s), since = period > 0 ? now % period : 0;
  sim_time taken = since ? now - since + period : now;
  sim_at(w->sim, time_add(taken, ns_from_s(t->delay_s)), PRIORITY_CHANGE, on_report, r);
}

/* ---- targets ---------------------------------------------------------------------------------------------------- */

static void set_link(struct world *w, const struct change_def *d, double value)
{
  struct link_now *now = &w->changes->link[d->index];
  if (d->what == CHANGE_RATE_SCALE) now->scale = value;
  else now->background = value;
  network_set_rate(w->network, d->index, now->scale, now->background);
  tell(w, d->index);
}

/* The first moment after now that lies `after` behind a beginning of the change. */
static sim_time next_time(const struct change_def *d, sim_time after, sim_time now)
{
  sim_time first = time_add(ns_from_s(d->at_s), after), every = ns_from_s(d->every_s);
  if (first > now) return first;
  return every > 0 ? first + ((now - first) / every + 1) * every : SIM_NEVER;
}

/* When some change makes the link or the node available again. */
static sim_time back_at(const struct world *w, const struct change_def *of)
{
  sim_time soonest = SIM_NEVER;
  for (const struct change_def *d = w->def->change; d < w->def->change + w->def->n_changes; d++) {
    if (d->what != of->what || d->index != of->index || d->member != of->member) continue;
    if (d->to <= 0 && d->for_s <= 0) continue;
    sim_time t = next_time(d, d->to > 0 ? 0 : ns_from_s(d->for_s), now_of(w));
    if (t < soonest) soonest = t;
  }
  return soonest;
}

static void set_speed(struct world *w, struct place *p, double speed)
{
  p->speed = p->def->trust ? speed / p->def->trust->slowdown : speed;
  if (p->stations) stations_speed(p->stations, p->def->count, w->sim, p->speed);
}

static void set_tariff(struct world *w, struct place *p, enum change_what what, double usd)
{
  if (what == CHANGE_TIME_USD) ledger_reprice(w, p, usd);
  if (what == CHANGE_REQUEST_USD) p->tariff.usd_per_request = usd;
  if (what == CHANGE_INPUT_USD) p->tariff.usd_per_tok_in = usd;
  if (what == CHANGE_OUTPUT_USD) p->tariff.usd_per_tok_out = usd;
  if (what == CHANGE_EGRESS_USD) p->tariff.usd_per_byte_out = usd;
}

static void set(struct world *w, const struct change_def *d, double value)
{
  switch (d->what) {
  case CHANGE_RATE_SCALE:
  case CHANGE_BACKGROUND: set_link(w, d, value); break;
  case CHANGE_AVAILABLE: network_set_available(w->network, d->index, value > 0, back_at(w, d)); break;
  case CHANGE_NODE: network_set_node(w->network, d->index, d->member, value > 0, back_at(w, d)); break;
  case CHANGE_PRICE: network_set_price(w->network, d->index, value); break;
  case CHANGE_SPEED: set_speed(w, &w->place[d->index], value); break;
  case CHANGE_INSTANCES: fleets_cold(&w->place[d->index]); break;
  default: set_tariff(w, &w->place[d->index], d->what, value);
  }
}

static double value_now(const struct world *w, const struct change_def *d)
{
  if (d->what == CHANGE_RATE_SCALE) return w->changes->link[d->index].scale;
  if (d->what == CHANGE_BACKGROUND) return w->changes->link[d->index].background;
  const struct trust_def *trust = w->def->place[d->index].trust;
  return w->place[d->index].speed * (trust ? trust->slowdown : 1);
}

/* ---- in time ---------------------------------------------------------------------------------------------------- */

static void on_step(struct sim *s, void *subject)
{
  struct running_change *c = subject;
  const struct change_def *d = c->def;
  if (c->step == RAMP_STEPS) {
    set(c->w, d, d->to);
    return;
  }
  set(c->w, d, c->from + (d->to - c->from) * (c->step + 0.5) / RAMP_STEPS);
  c->step++;
  sim_at(s, time_add(c->began, ns_from_s(d->over_s * c->step / RAMP_STEPS)), PRIORITY_CHANGE, on_step, c);
}

static void on_back(struct sim *s, void *subject)
{
  struct running_change *c = subject;
  (void)s;
  set(c->w, c->def, c->def->base);
}

static void on_begin(struct sim *s, void *subject)
{
  struct running_change *c = subject;
  const struct change_def *d = c->def;
  c->began = sim_now(s);
  c->rounds++;
  if (d->over_s > 0) {
    c->from = value_now(c->w, d);
    c->step = 0;
    on_step(s, c);
  } else {
    set(c->w, d, d->to);
  }
  if (d->for_s > 0) sim_at(s, time_add(c->began, ns_from_s(d->for_s)), PRIORITY_CHANGE, on_back, c);
  if (d->every_s > 0)
    sim_at(s, time_add(ns_from_s(d->at_s), (sim_time)c->rounds * ns_from_s(d->every_s)), PRIORITY_CHANGE, on_begin, c);
}

void changes_new(struct world *w)
{
  int n = w->def->n_changes;
  if (n == 0) return;
  struct changes *all = w->changes = arena_alloc(w->arena, sizeof *all);
  all->change = arena_array(w->arena, struct running_change, n);
  all->link = arena_array(w->arena, struct link_now, w->def->n_links);
  all->reports = pool_new(sizeof(struct report_of_link));
  for (int k = 0; k < w->def->n_links; k++) all->link[k] = (struct link_now){ 1, w->def->link[k].background_load };
  for (int k = 0; k < n; k++) {
    all->change[k] = (struct running_change){ .w = w, .def = &w->def->change[k] };
    sim_at(w->sim, ns_from_s(w->def->change[k].at_s), PRIORITY_CHANGE, on_begin, &all->change[k]);
  }
}

void changes_free(struct world *w)
{
  if (w->changes) pool_free(w->changes->reports);
}
