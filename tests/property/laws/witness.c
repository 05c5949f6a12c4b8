/* A simulator with witnesses: beside its work it writes what the network was to each run, and the exact totals of it, into
 * the folder $OFFSIM_WITNESS; laws.py reads them. Watching changes nothing: trace hashes stay.
 *
 * A row: what is seen, whose it is, and from when until when it holds. Files: POLICY-REPLICATION.rows, .json.
 * The same with a fault: FAULT_ORDER: what a link is depends on who asked first; FAULT_METER: the meters of queues are
 * 0.1 % high; FAULT_LOST: every 50th message loses a tenth of its bytes; FAULT_JOULE: a place's total lacks a joule;
 * FAULT_CENT: the bill has a cent that nobody caused.
 */
#include "models/internal.h"
#include "models/link_process.h"
#include "sim/json.h"
#include <stdio.h>
#include <stdlib.h>

enum what { RATE, AVAILABLE, EPISODE, LOSSES, LATENCY, ATTACHED, ROUTED };
struct row { uint64_t what, link, entity; int64_t from, until; double x, y; };

/* Who a process belongs to, by its address. */
struct owner { const struct link_process *process; uint64_t link, entity; };
enum { MAX_OWNERS = 1 << 20 };

static struct { FILE *rows; char path[4096]; struct owner *owner; uint64_t made, sent; } watch;

static struct owner *owner_of(const struct link_process *p)
{
  uint64_t i = (uint64_t)(uintptr_t)p * UINT64_C(0x9E3779B97F4A7C15) >> 44;
  while (watch.owner[i].process && watch.owner[i].process != p) i = (i + 1) % MAX_OWNERS;
  return &watch.owner[i];
}

static void tell(enum what what, uint64_t link, uint64_t entity, int64_t from, int64_t until, double x, double y)
{
  struct row r = {what, link, entity, from, until, x, y};
  if (watch.rows) fwrite(&r, sizeof r, 1, watch.rows);
}

static void tell_process(enum what what, const struct link_process *p, bool down, sim_time from, sim_time until, double x,
                         double y)
{
  const struct owner *o = owner_of(p);
  tell(what, o->link ^ down, o->entity, from, until, x, y);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

struct world *__real_world_new(const struct run_setup *, struct err *);
struct world *__wrap_world_new(const struct run_setup *, struct err *);
struct world *__wrap_world_new(const struct run_setup *setup, struct err *err)
{
  const char *folder = getenv("OFFSIM_WITNESS");
  if (!watch.owner) watch.owner = calloc(MAX_OWNERS, sizeof *watch.owner);
  watch.made = watch.sent = 0;
  if (folder && setup->policy) {
    snprintf(watch.path, sizeof watch.path, "%s/%s-%llu", folder, setup->policy->name,
             (unsigned long long)setup->replication);
    char path[4200];
    snprintf(path, sizeof path, "%s.rows", watch.path);
    watch.rows = fopen(path, "wb");
  }
  return __real_world_new(setup, err);
}

static void place_json(FILE *f, const struct place_summary *p, const char *name, double counted, const char *end)
{
  fprintf(f, "  \"%s\": {\"in_system_mean\": %.17g, \"queue_length_mean\": %.17g, \"arrived\": %llu, \"blocked\": %llu,"
          " \"completed\": %llu, \"energy_j\": %.17g, \"direct_j\": %.17g, \"counted\": %.17g, \"cost_usd\": %.17g,"
          " \"direct_usd\": %.17g}%s\n",
          name, p->in_system_mean, p->queue_length_mean, (unsigned long long)p->arrived, (unsigned long long)p->blocked,
          (unsigned long long)p->completed, p->energy_j, p->energy_direct_j, counted, p->cost_usd, p->cost_direct_usd, end);
}

static void summary_json(const struct world *w, const struct run_summary *s)
{
  char path[4200];
  snprintf(path, sizeof path, "%s.json", watch.path);
  FILE *f = fopen(path, "w");
  if (!f) return;
  fprintf(f, "{\"window_s\": %.17g, \"run_s\": %.17g, \"energy_total_j\": %.17g, \"energy_direct_j\": %.17g,"
          " \"cost_total_usd\": %.17g, \"cost_direct_usd\": %.17g, \"facility_j\": %.17g,"
          " \"radio_j\": %.17g, \"network_j\": %.17g, \"telemetry_j\": %.17g, \"telemetry_device_j\": %.17g, \"base_j\": %.17g, \"idle_radio_j\": %.17g,"
          " \"network_usd\": %.17g, \"telemetry_usd\": %.17g,\n \"all_in\": %llu, \"all_out\": %llu, \"places\": {\n",
          s->window_s, s->run_s, s->energy_total_j, s->energy_direct_j, s->cost_total_usd, s->cost_direct_usd,
          s->energy_facility_j, w->radio_j, w->network_j, w->telemetry_j, w->telemetry_device_j, supply_base_w(w) * s->run_s,
          network_idle_radios_j(w->network), w->network_usd, w->telemetry_usd, (unsigned long long)w->all_in,
          (unsigned long long)(w->all_completed + w->all_failed + w->all_censored));
  for (int i = 0; i < s->n_places; i++)
    place_json(f, &s->place[i], w->def->place[i].name, w->place[i].counted, i + 1 < s->n_places ? "," : "");
  fprintf(f, " }, \"links\": {\n");
  for (int k = 0; k < s->n_links; k++)
    fprintf(f, "  \"%s\": {\"in_flight_mean\": %.17g, \"bytes\": %.17g, \"cut_bytes\": %.17g, \"left\": %u}%s\n",
            w->def->link[k].name, s->link[k].in_flight_mean, s->link[k].bytes, s->link[k].cut_bytes, s->link[k].left,
            k + 1 < s->n_links ? "," : "");
  fprintf(f, " }}\n");
  fclose(f);
}

bool __real_world_run(struct world *, struct run_summary *, struct err *);
bool __wrap_world_run(struct world *, struct run_summary *, struct err *);
bool __wrap_world_run(struct world *w, struct run_summary *summary, struct err *err)
{
  bool ok = __real_world_run(w, summary, err);
#ifdef FAULT_METER
  for (int i = 0; ok && i < summary->n_places; i++) summary->place[i].in_system_mean *= 1.001;
  for (int k = 0; ok && k < summary->n_links; k++) summary->link[k].in_flight_mean *= 1.001;
#endif
#ifdef FAULT_JOULE
  if (ok) summary->place[0].energy_j -= 1;
#endif
#ifdef FAULT_CENT
  if (ok) summary->cost_total_usd += 0.01;
#endif
  if (ok && watch.rows) summary_json(w, summary);
  return ok;
}

void __real_world_free(struct world *);
void __wrap_world_free(struct world *);
void __wrap_world_free(struct world *w)
{
  __real_world_free(w);
  if (watch.rows) fclose(watch.rows);
  watch.rows = NULL;
}

/* ---- links that vary --------------------------------------------------------------------------------------------- */

struct link_process *__real_process_new(const struct link_process_def *, const struct rng_root *, const char *link, uint64_t);
struct link_process *__wrap_process_new(const struct link_process_def *, const struct rng_root *, const char *link, uint64_t);
struct link_process *__wrap_process_new(const struct link_process_def *def, const struct rng_root *root, const char *link,
                                        uint64_t entity)
{
  uint64_t by = entity;
#ifdef FAULT_ORDER
  by = watch.made;
#endif
  watch.made++;
  struct link_process *p = __real_process_new(def, root, link, by);
  *owner_of(p) = (struct owner){p, rng_name(link) & ~UINT64_C(1), entity};
  return p;
}

double __real_process_rate(struct link_process *, bool down, sim_time now, sim_time *until);
double __wrap_process_rate(struct link_process *, bool down, sim_time now, sim_time *until);
double __wrap_process_rate(struct link_process *p, bool down, sim_time now, sim_time *until)
{
  double rate = __real_process_rate(p, down, now, until);
  tell_process(RATE, p, down, now, *until, rate, 0);
  return rate;
}

bool __real_process_available(struct link_process *, sim_time now, sim_time *until);
bool __wrap_process_available(struct link_process *, sim_time now, sim_time *until);
bool __wrap_process_available(struct link_process *p, sim_time now, sim_time *until)
{
  bool available = __real_process_available(p, now, until);
  tell_process(AVAILABLE, p, false, now, *until, available, 0);
  return available;
}

double __real_process_latency_s(struct link_process *, sim_time now, double body_s);
double __wrap_process_latency_s(struct link_process *, sim_time now, double body_s);
double __wrap_process_latency_s(struct link_process *p, sim_time now, double body_s)
{
  double latency_s = __real_process_latency_s(p, now, body_s);
  struct episode e = process_episode(p, now);
  tell_process(EPISODE, p, false, now, e.to, (double)e.from, e.peak_s);
  return latency_s;
}

/* Of a message and the moment at which it begins. */
struct losses __real_process_losses(struct link_process *, bool down, sim_time now, double bytes, uint64_t key);
struct losses __wrap_process_losses(struct link_process *, bool down, sim_time now, double bytes, uint64_t key);
struct losses __wrap_process_losses(struct link_process *p, bool down, sim_time now, double bytes, uint64_t key)
{
  struct losses lost = __real_process_losses(p, down, now, bytes, key);
  uint64_t which = key * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)now;
  tell_process(LOSSES, p, down, (int64_t)which, (int64_t)bytes, lost.rounds, (double)lost.packets);
  return lost;
}

/* ---- the rest of the network --------------------------------------------------------------------------------------- */

static uint64_t end_number(struct endpoint e) { return (uint64_t)e.place << 32 | e.member; }

double __real_network_latency_s(struct network *, struct endpoint from, struct endpoint to, uint64_t key);
double __wrap_network_latency_s(struct network *, struct endpoint from, struct endpoint to, uint64_t key);
double __wrap_network_latency_s(struct network *n, struct endpoint from, struct endpoint to, uint64_t key)
{
  double latency_s = __real_network_latency_s(n, from, to, key);
  tell(LATENCY, end_number(from), end_number(to), (int64_t)key, 0, latency_s, 0);
  return latency_s;
}

struct endpoint __real_attachment(const struct topology *, struct endpoint device, sim_time now);
struct endpoint __wrap_attachment(const struct topology *, struct endpoint device, sim_time now);
struct endpoint __wrap_attachment(const struct topology *t, struct endpoint device, sim_time now)
{
  struct endpoint at = __real_attachment(t, device, now);
  tell(ATTACHED, end_number(device), 0, now, 0, (double)at.place, (double)at.member);
  return at;
}

/* Only where (from, to, now) has a number that says so: asked for very often, and the same for all policies. */
const struct route *__real_route(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);
const struct route *__wrap_route(const struct topology *, struct endpoint from, struct endpoint to, sim_time now);
const struct route *__wrap_route(const struct topology *t, struct endpoint from, struct endpoint to, sim_time now)
{
  const struct route *r = __real_route(t, from, to, now);
  uint64_t number = (end_number(from) * 31 + end_number(to) + (uint64_t)now) * UINT64_C(0x9E3779B97F4A7C15);
  if (number >> 60) return r;
  uint64_t way = r->reachable;
  for (int i = 0; i < r->n; i++) way = way * 1009 + 2u * r->hop[i].link + r->hop[i].down;
  tell(ROUTED, end_number(from), end_number(to), now, 0, (double)(way >> 12), (double)(way & 4095));
  return r;
}

#ifdef FAULT_LOST
struct transfer *__real_network_send(struct network *, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                                     struct transfer_record, transfer_done_fn *, void *, struct transfer_cost *);
struct transfer *__wrap_network_send(struct network *, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                                     struct transfer_record, transfer_done_fn *, void *, struct transfer_cost *);
struct transfer *__wrap_network_send(struct network *n, struct endpoint from, struct endpoint to, double bytes, uint64_t key,
                                     struct transfer_record record, transfer_done_fn *done, void *subject,
                                     struct transfer_cost *cost)
{
  if (++watch.sent % 50 == 0) bytes *= 0.9;
  return __real_network_send(n, from, to, bytes, key, record, done, subject, cost);
}
#endif
