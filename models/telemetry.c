/* telemetry.c: what decisions may know of places: reports, taken every refresh_s, seen delay_s later.
 *
 * A report holds the place's mean service so far, the expected wait for a start and the jobs in each member, these times max(0, 1 + noise * Z), Z
 * standard normal, drawn by (place, number of the report). The requester's own device is
 * always seen as it is; `ideal` telemetry and an oracle see all so. Reports are charged: their bytes cross the way from their member to the first device place that can be reached.
 */
#include "models/instances.h"
#include <stdlib.h>

static uint32_t jobs_now(const struct place *p, uint64_t member)
{
  return p->def->kind != PLACE_SERVERS ? (uint32_t)p->in_flight.value : station_in_system(station_nth(p->stations, member));
}

static bool reported(const struct world *w, const struct place *p)
{
  const struct telemetry_def *t = &w->def->telemetry;
  return w->host && p->def->tier != TIER_DEVICE && p->def->kind != PLACE_NODE && !t->ideal && t->refresh_s > 0 && !w->oracle;
}

/* As many reports as may lie between the newest and the newest one seen. */
static double reports_wanted(const struct telemetry_def *t)
{
  return t->refresh_s > 0 ? ceil(t->delay_s / t->refresh_s) + 2 : 0;
}

bool telemetry_possible(const struct telemetry_def *t, struct err *err)
{
  double wanted = reports_wanted(t);
  if (wanted <= 1 << 16) return true;
  return err_add(err, (struct where){ 0 }, "telemetry: a delay of %g refreshes is too long", wanted);
}

bool telemetry_new(struct world *w, struct err *err)
{
  const struct telemetry_def *t = &w->def->telemetry;
  w->telemetry_delay = ns_from_s(t->delay_s);
  if (!telemetry_possible(t, err)) return false;
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    if (!reported(w, p)) continue;
    p->n_reports = (int)reports_wanted(t);
    p->reports = arena_array(w->arena, struct report, p->n_reports);
    for (int i = 0; i < p->n_reports; i++) {
      p->reports[i].taken = -1;
      p->reports[i].jobs = arena_array(w->arena, float, p->def->count);
      if (p->def->instances) p->reports[i].start_s = arena_array(w->arena, float, p->def->count);
    }
  }
  return true;
}

static double mean_service_s(const struct place *p) { return p->served > 0 ? p->served_s / (double)p->served : NAN; }

static void take_report(struct world *w, struct place *p)
{
  const struct telemetry_def *t = &w->def->telemetry;
  struct rng rng = rng_open(&w->root, STREAM_TELEMETRY, p->name, p->report_number++);
  p->newest = (p->newest + 1) % p->n_reports;
  struct report *report = &p->reports[p->newest];
  report->taken = now_of(w);
  report->service_s = mean_service_s(p);
  double sum = 0, least = INFINITY;
  for (uint64_t i = 0; i < p->def->count; i++) {
    double factor = t->noise > 0 ? fmax(0, 1 + t->noise * rng_normal(&rng)) : 1;
    report->jobs[i] = (float)(jobs_now(p, i) * factor);
    sum += (double)report->jobs[i];
    least = fmin(least, (double)report->jobs[i]);
    if (report->start_s) report->start_s[i] = (float)fleet_start_s(&p->fleets[i]);
  }
  report->jobs_mean = sum / (double)p->def->count;
  report->jobs_least = least;
}

struct endpoint telemetry_reader(const struct world *w, struct endpoint from)
{
  for (int i = 0; i < w->def->n_places; i++) {
    struct endpoint to = { (uint16_t)i, 0 };
    if (w->def->place[i].tier == TIER_DEVICE && route(w->topology, from, to, 0)->reachable) return to;
  }
  return from;
}

static void charge_reports(struct world *w, const struct place *p)
{
  double bytes = w->def->telemetry.bytes_per_report, members = (double)p->def->count;
  struct endpoint from = { (uint16_t)p->index, 0 }, to = telemetry_reader(w, from);
  struct transfer_cost cost = network_cost(w->network, from, to, bytes);
  sim_time now = now_of(w);
  struct transfer_record record = { .request = UINT64_MAX, .started_ns = now, .bytes = bytes,
                                    .kind = TRANSFER_TELEMETRY, .ended_ns = time_add(now, w->telemetry_delay) };
  w->summary.telemetry_bytes += bytes * members;
  w->telemetry_j += (cost.network_j + cost.device_j) * members;
  w->telemetry_device_j += cost.device_j * members;
  w->telemetry_usd += cost.usd * members;
  for (; w->def->record_transfers && from.member < p->def->count; from.member++)
    network_flow(w->network, from, to, record);
}

static void on_refresh(struct sim *s, void *world)
{
  struct world *w = world;
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    if (!p->n_reports) continue;
    take_report(w, p);
    if (w->def->telemetry.bytes_per_report > 0) charge_reports(w, p);
  }
  sim_after(s, ns_from_s(w->def->telemetry.refresh_s), PRIORITY_OBSERVE, on_refresh, w);
}

void telemetry_start(struct world *w)
{
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    if (!p->n_reports) continue;
    sim_at(w->sim, now_of(w), PRIORITY_OBSERVE, on_refresh, w);
    return;
  }
}

/* The newest report that has had time to arrive. */
static const struct report *seen(const struct world *w, const struct place *p)
{
  sim_time latest = now_of(w) - w->telemetry_delay;
  for (int back = 0, i = p->newest; back < p->n_reports; back++, i = i == 0 ? p->n_reports - 1 : i - 1) {
    const struct report *report = &p->reports[i];
    if (report->taken < 0) return NULL;
    if (report->taken <= latest) return report;
  }
  return NULL;
}

/* A whole place: the least loaded member where dispatch looks for it, the mean otherwise; of a report without looking at
 * the members again. */
static double over_members(const struct place *p, const struct report *report)
{
  bool least = p->def->dispatch == DISPATCH_JSQ && p->def->kind != PLACE_API;
  double sum = 0, min = INFINITY;
  if (report) return p->def->kind == PLACE_API ? (double)report->jobs[0] : least ? report->jobs_least : report->jobs_mean;
  if (p->def->kind == PLACE_API || p->def->count == 1) return jobs_now(p, 0);
  for (uint64_t i = 0; i < p->def->count; i++) {
    double jobs = jobs_now(p, i);
    sum += jobs;
    if (jobs < min) min = jobs;
  }
  return least ? min : sum / (double)p->def->count;
}

/* What the request may know of a place: as it is, by the newest report that has come, or nothing. */
enum view { SEEN_NOW, SEEN_BY_REPORT, NOT_SEEN };
static enum view view_of(const struct world *w, const struct request *r, const struct place *p, int64_t member,
                         const struct report **report)
{
  bool own = p->index == r->origin && member == (int64_t)r->device;
  *report = NULL;
  if (own) return SEEN_NOW;
  if (p->n_reports) return (*report = seen(w, p)) ? SEEN_BY_REPORT : NOT_SEEN;
  bool reports = !w->def->telemetry.ideal && !w->oracle && w->def->telemetry.refresh_s > 0;
  return reports ? NOT_SEEN : SEEN_NOW;                 /* other people's devices do not report */
}

double telemetry_jobs(struct world *w, const struct request *r, const struct place *p, int64_t member, double *age_s)
{
  const struct report *report;
  enum view view = view_of(w, r, p, member, &report);
  *age_s = view == NOT_SEEN ? NAN : report ? s_from_ns(now_of(w) - report->taken) : 0;
  if (view == NOT_SEEN) return NAN;
  if (member < 0) return over_members(p, report);
  return report ? (double)report->jobs[member] : jobs_now(p, (uint64_t)member);
}

double telemetry_service_s(struct world *w, const struct request *r, const struct place *p, int64_t member)
{
  const struct report *report;
  enum view view = view_of(w, r, p, member, &report);
  return view == NOT_SEEN ? NAN : report ? report->service_s : mean_service_s(p);
}

/* A whole place: the member that would start soonest. */
double telemetry_start_s(struct world *w, const struct request *r, const struct place *p, int64_t member)
{
  const struct report *report;
  if (!p->def->instances || view_of(w, r, p, member, &report) == NOT_SEEN) return 0;
  uint64_t from = member < 0 ? 0 : (uint64_t)member, to = member < 0 ? p->def->count : from + 1;
  double least = INFINITY;
  for (uint64_t i = from; i < to; i++)
    least = fmin(least, report ? (double)report->start_s[i] : fleet_start_s(&p->fleets[i]));
  return least;
}
