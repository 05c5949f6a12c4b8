/* ledger.c: joules and dollars, in two ledgers.
 *
 * Power of a server is linear in its busy slots: idle_w + (busy_w - idle_w) * busy / slots. Total = its integral over
 * the whole run. Direct = what attempts caused: (busy_w - idle_w) / slots for each slot-second that a job held.
 * Residual = the rest, which must be the idle power. Money: a reserved place costs usd_per_s a server all the time, of
 * which usd_per_s / slots a slot-second is direct; an on-demand place costs only that; requests, tokens and bytes are
 * direct. The energy of an attempt is device + network + server; device = compute of a device place and its radio.
 * An iteration of an LLM engine that all its requests have left goes on: its rest is residual.
 * A price of time that changes: paid by the integral of the price; an attempt pays its slot-seconds at the mean price of
 * the time that it was served (of what was interrupted: of as long until its end).
 * What a tariff asks for each use (tariff.h) is direct: rounding and the price of the tier go to whose use it is. Where
 * instances live on demand, each life is rounded up, and that is residual: who started it may be gone. Electricity is a
 * price of the place's energy and of what its building needs (PUE), direct and residual as that is.
 * Checkable: idle 10 W, busy 30 W, 2 slots, one job of 3 s in a run of 10 s: total 130 J, direct 30 J, residual 100 J.
 * Price 1 USD/s, 3 from 4 s on: a job in its slot from 3 to 5 s pays 1 + 3 = 4 USD, the server costs 4 + 6 x 3 = 22.
 */
#include "models/exposure.h"
#include "models/instances.h"
#include <string.h>

static bool counts_network(const struct world *w) { return w->def->boundary != BOUNDARY_DEVICE; }

/* Grams of a radio at its device, of the network by the world's intensity, now. */
static void ledger_carbon(struct world *w, const struct attempt *a, const struct transfer_cost *cost)
{
  w->carbon_g += supply_g_per_j(w, &w->place[a->request->origin], now_of(w), now_of(w)) * cost->device_j;
  if (counts_network(w)) w->carbon_g += supply_g_per_j(w, NULL, now_of(w), now_of(w)) * cost->network_j;
}

void ledger_transfer(struct world *w, struct attempt *a, const struct transfer_cost *cost)
{
  a->radio_j += cost->device_j;
  a->network_j += cost->network_j;
  a->usd += cost->usd;
  w->radio_j += cost->device_j;
  w->network_j += cost->network_j;
  w->network_usd += cost->usd;
  if (w->def->carbon) ledger_carbon(w, a, cost);
  if (w->supplied) supply_spend(w, origin_of(a->request), cost->device_j);
}

void ledger_late(struct world *w, struct attempt *a)
{
  if (!w->has_late) return;
  struct transfer_cost owed = network_owed(w->network);
  ledger_transfer(w, a, &owed);
}

double ledger_wake(struct world *w, struct attempt *a)
{
  if (!w->has_late) return 0;
  struct transfer_cost cost = {0};
  double wait_s = network_wake_s(w->network, end_of(a), origin_of(a->request), &cost);
  ledger_transfer(w, a, &cost);
  return wait_s;
}

/* From the first token's start to the last one's arrival, or the moment at which it was cut. */
void ledger_flow(struct world *w, struct attempt *a, double bytes, sim_time last_at)
{
  const struct request *r = a->request;
  struct transfer_cost cost = network_cost(w->network, end_of(a), origin_of(r), bytes);
  if (w->has_late) network_hold(w->network, end_of(a), origin_of(r), a->first_output, &cost);
  ledger_transfer(w, a, &cost);
  exposure_flows(w, a);
  network_flow(w->network, end_of(a), origin_of(r),
               (struct transfer_record){ .request = r->id, .started_ns = a->first_output, .ended_ns = last_at,
                                         .bytes = bytes, .task = a->task, .attempt = attempt_number(a),
                                         .kind = TRANSFER_DATA, .carries = carries_of(a->task) });
  exposure_flows(w, NULL);
}

static struct tariff_meter *meter_now(const struct world *w, struct place *p)
{
  tariff_month(&p->tariff, &p->meter, s_from_ns(now_of(w)));
  return &p->meter;
}

/* A prompt is paid for once it is being read, output tokens as they are made. */
static double use_usd(const struct world *w, struct place *p, const struct attempt *a, enum status status)
{
  const struct tariff_def *f = &p->tariff;
  const struct work_def *work = &task_of(w, a->request, a->task)->work[a->variant];
  if (!a->entered || status == STATUS_BLOCKED || status == STATUS_REJECTED) return 0;
  double usd = f->terms ? tariff_request_usd(f, meter_now(w, p)) : f->usd_per_request;
  if (work->kind != WORK_TOKENS || (p->stations && a->served < 0 && a->job.served_ns == 0)) return usd;
  const double *attribute = a->request->attribute;
  return usd + tariff_tokens_usd(f, expr_value(&work->tok_in, attribute), expr_value(&work->tok_cached, attribute),
                                 expr_value(&work->tok_out, attribute), share_made(a));
}

double ledger_egress(struct world *w, struct place *p, double bytes)
{
  if (!p->tariff.terms) return p->tariff.usd_per_byte_out * bytes;
  return tariff_egress_usd(&p->tariff, meter_now(w, p), bytes);
}

/* Electricity: what the servers draw, and what their building needs for it. */
static double usd_per_j(const struct place *p)
{
  return p->tariff.terms ? p->tariff.terms->usd_per_j * supply_pue(p) : 0;
}

__attribute__((noinline))
static double metered_time_usd(const struct world *w, const struct place *p, double service_s, double joule)
{
  const struct tariff_terms *t = p->tariff.terms;
  struct tariff_meter meter = p->meter;
  tariff_month(&p->tariff, &meter, s_from_ns(now_of(w)));
  double power_usd = t->usd_per_j > 0 ? usd_per_j(p) * joule : 0;
  if (!billed_by_use(p)) return p->usd_per_slot_s * service_s + power_usd;
  return tariff_use_usd(&p->tariff, &meter, p->usd_per_slot_s, service_s) + power_usd;
}

double ledger_time_usd(const struct world *w, const struct place *p, double service_s, double joule)
{
  return p->tariff.terms ? metered_time_usd(w, p, service_s, joule) : p->usd_per_slot_s * service_s;
}

/* ---- a price of time that changes ------------------------------------------------------------------------------- */

void ledger_reprice(struct world *w, struct place *p, double usd_per_s)
{
  sim_time now = now_of(w);
  if (p->n_prices == p->price_room) {
    struct price_step *more = arena_array(w->arena, struct price_step, p->price_room ? 2 * p->price_room : 16);
    if (p->n_prices) memcpy(more, p->price, p->n_prices * sizeof *more);
    p->price_room = p->price_room ? 2 * p->price_room : 16;
    p->price = more;
  }
  if (p->n_prices == 0) {
    p->price[p->n_prices++] = (struct price_step){ 0, p->tariff.usd_per_s, 0 };
    for (int k = 0; k < p->n_kinds; k++) p->changed_usd += p->usd_per_slot_s * p->direct_slot_s[k];
  }
  const struct price_step *last = &p->price[p->n_prices - 1];
  double before = last->before_usd + last->usd_per_s * s_from_ns(now - last->from);
  p->price[p->n_prices++] = (struct price_step){ now, usd_per_s, before };
  p->tariff.usd_per_s = usd_per_s;
  p->usd_per_slot_s = usd_per_s / p->def->slots;
}

/* Of a server from the start of the run. */
static double paid_until(const struct place *p, sim_time t)
{
  uint32_t low = 0, high = p->n_prices;                 /* price[low].from <= t */
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (p->price[middle].from <= t) low = middle;
    else high = middle;
  }
  return p->price[low].before_usd + p->price[low].usd_per_s * s_from_ns(t - p->price[low].from);
}

/* The part of the use before it held a slot: of whose start it is. */
static double use_start_s(const struct world *w, const struct attempt *a)
{
  if (!a->caused_start || a->at_instance) return 0;
  sim_time inside = now_of(w) - a->job.entered;
  return s_from_ns(a->cold_ns < inside ? a->cold_ns : inside);
}

static double slot_usd(struct world *w, struct place *p, const struct attempt *a, double slot_s)
{
  if (billed_by_use(p)) {
    double usd = tariff_use_usd(&p->tariff, meter_now(w, p), p->usd_per_slot_s, slot_s + use_start_s(w, a));
    p->uses_usd += usd;
    return usd;
  }
  if (p->n_prices == 0) return p->usd_per_slot_s * slot_s;
  sim_time now = now_of(w), end = a->served >= 0 ? a->served : now, begin = end - a->job.served_ns;
  double usd = p->usd_per_slot_s * slot_s;
  if (begin >= 0 && begin < end)
    usd = slot_s / p->def->slots * ((paid_until(p, end) - paid_until(p, begin)) / s_from_ns(end - begin));
  p->changed_usd += usd;
  return usd;
}

/* A start is charged to who caused it, as long as both lived; the rest of it is residual. At the instance, the
 * slot that the attempt held is paid for as a slot. */
static void start_cost(struct place *p, const struct attempt *a, sim_time now, double *joules, double *usd)
{
  const struct instances_def *def = p->def->instances;
  sim_time inside = now - a->job.entered, start = a->cold_ns < inside ? a->cold_ns : inside;
  *joules = def->warm_w * s_from_ns(start);
  bool pays = p->def->tariff.on_demand && !a->at_instance && !billed_by_use(p);
  *usd = pays ? p->usd_per_slot_s * p->def->slots * s_from_ns(start) : 0;
  p->started_j += *joules;
  p->started_usd += *usd;
  fleet_settled(&p->fleets[a->member], a);
}

/* At the mean intensity of the time in service. */
static void attempt_carbon(struct world *w, struct place *p, const struct attempt *a, double compute_j)
{
  sim_time end = a->served >= 0 ? a->served : now_of(w), begin = a->entered ? end - a->job.served_ns : end;
  p->carbon_g += supply_g_per_j(w, p, begin >= 0 ? begin : end, end) * compute_j;
}

void ledger_attempt(struct world *w, const struct attempt *a, struct attempt_record *record)
{
  struct place *p = &w->place[a->place];
  int kind = kind_of(p, a->member);
  double slot_s = a->entered ? fmax(0, a->job.slot_s) : 0;      /* shares round */
  double usd = use_usd(w, p, a, record->status), compute_j = p->dynamic_w[kind] * slot_s, start_j = 0, start_usd = 0;
  double batch_j = a->entered && a->job.batched ? a->job.at.batch.joule : 0;
  if (a->caused_start) start_cost(p, a, now_of(w), &start_j, &start_usd);
  if (p->supply) compute_j = a->entered ? a->job.joule : 0;
  if (p->supply) p->powered_direct_j += compute_j;
  compute_j += batch_j + start_j;
  p->direct_batch_j += batch_j;
  p->direct_slot_s[kind] += slot_s;
  p->entered += a->entered;
  p->use_usd += usd;
  double power_usd = usd_per_j(p) * compute_j;
  p->power_usd += power_usd;
  if (w->def->carbon) attempt_carbon(w, p, a, compute_j);
  compute_j *= p->counted;
  double network_j = counts_network(w) ? a->network_j : 0;
  record->energy_device_j = a->radio_j + (p->def->tier == TIER_DEVICE ? compute_j : 0);
  record->energy_server_j = p->def->tier == TIER_DEVICE ? 0 : compute_j;
  record->energy_network_j = network_j;
  record->cost_usd = a->usd + usd + power_usd + start_usd + slot_usd(w, p, a, slot_s);
  w->direct_j += a->radio_j + network_j + compute_j;
  w->direct_usd += record->cost_usd;
}

/* On demand: slots while they are held, or instances while they live; the first instances or servers may be reserved, then
 * paid for all the time at a price of their own. What a request is charged is the lower of the two prices; the rest is residual. */
static double on_demand_usd(const struct place *p, double slot_s, double run_s, const struct place_summary *out)
{
  const struct instances_def *come = p->def->instances;
  double always = come ? come->reserved_usd_per_s * come->reserved * (double)p->def->count * run_s : 0;
  if (billed_by_use(p)) return always + p->uses_usd;
  const struct tariff_terms *t = p->tariff.terms;
  if (!come && t && t->reserved)
    return t->reserved_usd_per_s * t->reserved * (double)p->def->count * run_s
           + p->def->tariff.usd_per_s / p->def->slots * p->over_slot_s;
  if (!come) return p->usd_per_slot_s * slot_s;
  return always + p->def->tariff.usd_per_s * (out->on_demand_instance_s + p->rounded_s);
}

static bool close_to(double a, double b, double scale) { return fabs(a - b) <= 1e-9 * (1 + fabs(scale)); }

/* Electricity from both sides, and how far the place's bill may be off. */
static void close_terms(const struct world *w, const struct place *p, double rounding_j, struct place_summary *out)
{
  const struct tariff_terms *t = p->tariff.terms;
  double price = usd_per_j(p);
  sim_assert(fabs(p->power_usd - price * out->energy_direct_j) <= price * rounding_j + 1e-9 * (1 + p->power_usd));
  out->cost_usd += price * (out->energy_j - out->energy_direct_j) + p->power_usd;
  out->cost_direct_usd += p->power_usd;
  out->cost_swing_usd = out->cost_usd * (t && t->sensitivity >= 0 ? t->sensitivity : w->def->price_sensitivity);
}

/* One place over the whole run. The meters of the stations and the slot-seconds of the jobs come from two sides and
 * agree but for the rounding of instants to nanoseconds, a few for each job (under processor sharing). */
static void close_place(struct world *w, struct place *p, const double *busy_slot_s, struct place_summary *out)
{
  const struct place_def *def = p->def;
  double run_s = s_from_ns(now_of(w)), idle_j = 0, direct_s = 0, rounding_j = 0, orphan_j = p->orphan_j, orphan_s = 0;
  double sides = def->discipline == PROCESSOR_SHARING && p->cost ? 2 : 1;       /* shared time beside token service */
  double rounding_s = 4e-9 * def->slots * (double)(p->entered + 1);
  for (int k = 0; k < p->n_kinds; k++) {
    sim_assert(fabs(busy_slot_s[k] - p->direct_slot_s[k] - p->orphan_slot_s[k]) <= rounding_s + 1e-9 * busy_slot_s[k]);
    double most_s = sides * (double)p->members[k] * def->servers * def->slots * run_s;
    sim_assert(busy_slot_s[k] <= most_s * (1 + 1e-9) + rounding_s);
    double slot_w = p->supply ? 0 : p->dynamic_w[k];    /* else its power is metered */
    idle_j += p->idle_w[k] * (double)p->members[k] * def->servers * run_s;
    out->energy_j += slot_w * busy_slot_s[k];
    rounding_j += fabs(slot_w) * rounding_s;
    out->energy_direct_j += slot_w * p->direct_slot_s[k];
    direct_s += p->direct_slot_s[k];
    orphan_j += slot_w * p->orphan_slot_s[k];
    orphan_s += p->orphan_slot_s[k];
  }
  idle_j -= p->asleep_j;
  out->energy_j += p->powered_j;
  out->energy_direct_j += p->powered_direct_j;
  sim_assert(fabs(p->powered_j - p->powered_direct_j) <= 1e-9 * (1 + p->powered_j));
  double warm_j = def->instances ? def->instances->warm_w * out->instance_s : 0;
  sim_assert(fabs(p->batch_j - p->direct_batch_j - p->orphan_j) <= 1e-6 * (1 + p->batch_j));
  sim_assert(p->started_j <= warm_j * (1 + 1e-9) + 1e-9);
  out->energy_j += idle_j + warm_j + p->batch_j;
  out->energy_direct_j += p->direct_batch_j + p->started_j;
  rounding_j += 1e-6 * p->batch_j;
  sim_assert(fabs(out->energy_j - out->energy_direct_j - idle_j - orphan_j - (warm_j - p->started_j))
             <= rounding_j + 1e-9 * (1 + out->energy_j));
  double server_usd = p->n_prices ? paid_until(p, now_of(w)) : def->tariff.usd_per_s * run_s;
  double slots_usd = billed_by_use(p) ? p->uses_usd : p->n_prices ? p->changed_usd : p->usd_per_slot_s * direct_s;
  double on_demand = p->n_prices ? slots_usd + p->usd_per_slot_s * orphan_s
                                 : on_demand_usd(p, direct_s + orphan_s, run_s, out);
  out->cost_usd = p->use_usd + (def->tariff.on_demand ? on_demand : server_usd * def->servers * (double)def->count);
  out->cost_direct_usd = p->use_usd + p->started_usd + slots_usd;
  close_terms(w, p, rounding_j, out);
  if (p->tokens_made) out->joules_per_token = out->energy_j / (double)p->tokens_made;
  double rounding_usd = p->usd_per_slot_s * rounding_s * p->n_kinds + 1e-9 * out->cost_usd;
  sim_assert(sides > 1 || p->n_prices || out->cost_direct_usd <= out->cost_usd + rounding_usd);
}

/* Grams: direct at its own time, the rest (idle, kept warm) at the mean intensity of the run. */
static double place_carbon(const struct world *w, const struct place *p, const struct place_summary *out)
{
  if (!w->def->carbon) return NAN;
  return p->carbon_g + supply_g_per_j(w, p, 0, now_of(w)) * (out->energy_j - out->energy_direct_j);
}

/* What is of no place: radio, network with its base, telemetry. */
static void close_network(struct world *w)
{
  struct run_summary *sum = &w->summary;
  double base_j = supply_base_w(w) * s_from_ns(now_of(w)), all_j = w->network_j + w->telemetry_j + base_j;
  double rest_j = network_idle_radios_j(w->network);
  for (int i = 0; i < w->def->n_places; i++) rest_j -= w->place[i].radio_asleep_j;
  double radio_j = w->radio_j + rest_j;
  sum->energy_total_j += radio_j + (counts_network(w) ? all_j : w->telemetry_device_j);
  sum->energy_facility_j += radio_j + all_j;
  rest_j += counts_network(w) ? base_j + w->telemetry_j : w->telemetry_device_j;
  double rest_g = supply_g_per_j(w, NULL, 0, now_of(w)) * rest_j;
  sum->supplied = w->def->carbon || sum->energy_facility_j != sum->energy_total_j;
  sum->carbon_g = w->def->carbon ? sum->carbon_g + w->carbon_g + rest_g : NAN;
}

void ledger_close(struct world *w)
{
  struct run_summary *sum = &w->summary;
  double direct_j = w->radio_j + (counts_network(w) ? w->network_j : 0), direct_usd = w->network_usd;
  for (int i = 0; i < w->def->n_places; i++) {
    struct place_summary *out = &sum->place[i];
    fleets_close(w, &w->place[i], out);
    close_place(w, &w->place[i], w->place[i].busy_slot_s, out);
    sum->energy_total_j += w->place[i].counted * out->energy_j;
    sum->energy_facility_j += supply_pue(&w->place[i]) * out->energy_j;
    out->carbon_g = place_carbon(w, &w->place[i], out);
    sum->carbon_g += w->place[i].counted * out->carbon_g;
    sum->cost_total_usd += out->cost_usd;
    sum->cost_swing_usd += out->cost_swing_usd;
    direct_j += w->place[i].counted * out->energy_direct_j;
    direct_usd += out->cost_direct_usd;
  }
  close_network(w);
  sum->cost_total_usd += w->network_usd + w->telemetry_usd;
  sum->cost_swing_usd += (w->network_usd + w->telemetry_usd) * w->def->price_sensitivity;
  sum->energy_direct_j = w->direct_j;
  sum->cost_direct_usd = w->direct_usd;
  sim_assert(close_to(direct_j, w->direct_j, direct_j));
  sim_assert(close_to(direct_usd, w->direct_usd, direct_usd));
}
