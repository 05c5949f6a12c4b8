/* metrics.c: what a run's records add up to.
 *
 * Means are ratios of exact sums: times are added as integer nanoseconds in 128 bits. A latency quantile counts a
 * request that failed or was censored as infinite (order statistic of rank ceil(q n)): ten requests of which one
 * failed have p99 = infinity and p90 = the ninth. The phases of a request's attempts wait in a small table, keyed by
 * request, until the request itself settles, so that queue, network and service means are of completed requests, all
 * their attempts counted: the same cohort as latency_mean_s.
 */
#include "analysis/metrics.h"
#include "analysis/columns.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_START = 1024 };
static const double NS = 1e-9;
typedef __int128 sum_ns;

/* Sums over measured requests: one tally a class; the whole run is their sum. A class alone shares its latencies with
 * it: 16 B a request less. */
struct tally {
  uint64_t requests, completed, censored, no_power, slo_asked, slo_met, good, offloaded, cold, fallbacks, answered;
  uint64_t first_tokens, first_token_lost, streams, budget_asked, budget_missed;
  sum_ns latency_ns, ttft_ns, phase_ns[N_PHASES];
  uint64_t attempts, retries, hedges, hedges_won, shed, lookups, hits, false_hits, reads, stale_reads;
  double served_s, wasted_s, wasted_j, wasted_usd;      /* of attempts: in service; of those that gave no answer */
  double tpot_s, quality, energy_device_j, energy_direct_j, cost_usd, reward;
  struct quantiles *latency_s, *ttft_s;
};

/* Attempts settled, request still open. request + 1, so that 0 means empty; linear probing. fallback: one did a task. */
struct waiting { uint64_t key; int64_t phase_ns[N_PHASES]; bool fallback; };
struct waiting_table { struct waiting *slot; uint64_t mask, used; };

/* Fairness looks at devices: sum of latencies and number of completed requests of each. */
struct device { double latency_s; uint64_t n; };
struct devices { struct device *device; size_t n; };

/* Latencies of the run in order of settlement, as up to 2 x HALF_BATCHES sums of `length` each: when they are full, two
 * become one, so that any number of them is cut into STRETCHES nearly equal ones at the end. */
enum { HALF_BATCHES = 256, STRETCHES = 8 };
struct batches { struct moments all; double sum[2 * HALF_BATCHES], open; uint64_t length, filled; size_t n; };

struct metrics {
  struct metrics_setup setup;
  struct batches batches;
  struct tally *klass, whole;
  struct devices *origin;
  struct waiting_table table;
  struct budget_tally *budget;                          /* [class]; NULL: no class has one */
  struct gather *gather; struct path path;
  uint64_t settled;                                     /* measured or not: what the whole run's ledgers paid for */
  const struct run_summary *summary;
  struct metric_value *value; size_t n_values, capacity;
};

/* ---- attempts waiting for their request -------------------------------------------------------------------------- */

static uint64_t slot_of(uint64_t key, uint64_t mask) { return (key * 0x9E3779B97F4A7C15u >> 32) & mask; }

static struct waiting *table_find(struct waiting_table *t, uint64_t key)
{
  uint64_t i = slot_of(key, t->mask);
  while (t->slot[i].key && t->slot[i].key != key) i = (i + 1) & t->mask;
  return &t->slot[i];
}

static void table_grow(struct waiting_table *t)
{
  struct waiting_table bigger = {grab(2 * (t->mask + 1), sizeof *t->slot), 2 * t->mask + 1, t->used};
  for (uint64_t i = 0; i <= t->mask; i++)
    if (t->slot[i].key) *table_find(&bigger, t->slot[i].key) = t->slot[i];
  free(t->slot);
  *t = bigger;
}

static struct waiting *table_get(struct waiting_table *t, uint64_t request)
{
  struct waiting *w = table_find(t, request + 1);
  if (w->key) return w;
  if (2 * ++t->used > t->mask) {
    table_grow(t);
    w = table_find(t, request + 1);
  }
  w->key = request + 1;
  return w;
}

/* Remove by moving later members of the same run back (Knuth 6.4, algorithm R). */
static void table_remove(struct waiting_table *t, struct waiting *w)
{
  uint64_t hole = (uint64_t)(w - t->slot), i = hole;
  for (;;) {
    i = (i + 1) & t->mask;
    if (!t->slot[i].key) break;
    uint64_t home = slot_of(t->slot[i].key, t->mask);
    if (((i - home) & t->mask) < ((i - hole) & t->mask)) continue;
    t->slot[hole] = t->slot[i];
    hole = i;
  }
  memset(&t->slot[hole], 0, sizeof *t->slot);
  t->used--;
}

/* What the end of the run cut short was not in vain as far as anybody knows. */
static void add_attempt(struct tally *t, const struct attempt_record *a)
{
  double service_s = (double)a->phase_ns[PHASE_SERVE] * NS;
  t->attempts++;
  t->served_s += service_s;
  if (a->role) {
    t->retries += (a->role & ROLE_RETRY) != 0;
    t->hedges += (a->role & ROLE_HEDGE) != 0;
    t->hedges_won += a->role & ROLE_HEDGE && a->status == STATUS_COMPLETED;
    t->shed += (a->role & ROLE_SHED) != 0;
  }
  if (a->status == STATUS_COMPLETED || a->status == STATUS_CENSORED) return;
  t->wasted_s += service_s;
  t->wasted_j += a->energy_device_j + a->energy_network_j + a->energy_server_j;
  t->wasted_usd += a->cost_usd;
}

static bool has_budget(const struct metrics *m, int klass) { return m->budget && m->setup.budget[klass].total_ns > 0; }

void metrics_attempt(struct metrics *m, const struct attempt_record *a)
{
  if (!a->measured) return;
  struct waiting *w = table_get(&m->table, a->request);
  for (int p = 0; p < N_PHASES; p++) w->phase_ns[p] += a->phase_ns[p];
  w->fallback |= a->fallback > 0 && a->status == STATUS_COMPLETED;
  add_attempt(&m->klass[a->klass], a);
  if (!has_budget(m, a->klass)) return;
  struct path_step step = path_step_of(a);
  gather_add(m->gather, a->request, &step);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void add_device(struct metrics *m, const struct request_record *r, double latency_s)
{
  struct devices *d = &m->origin[r->origin];
  if (r->device >= d->n) {
    size_t n = d->n ? d->n : 16;
    while (n <= r->device) n *= 2;
    struct device *grown = grab_more(d->device, n, sizeof *grown);
    memset(grown + d->n, 0, (n - d->n) * sizeof *grown);
    *d = (struct devices){grown, n};
  }
  d->device[r->device].latency_s += latency_s;
  d->device[r->device].n++;
}

static void add_tokens(struct tally *t, const struct request_record *r, bool completed)
{
  if (r->first_token_ns < 0) {
    t->first_token_lost += !completed;
    return;
  }
  int64_t ttft_ns = r->first_token_ns - r->arrived_ns;
  t->first_tokens++;
  t->ttft_ns += ttft_ns;
  quantiles_add(t->ttft_s, (double)ttft_ns * NS);
  if (completed && r->tokens > 1) {
    t->streams++;
    t->tpot_s += (double)(r->completed_ns - r->first_token_ns) * NS / (r->tokens - 1);
  }
}

static void batches_add(struct batches *b, double x)
{
  moments_add(&b->all, x);
  b->open += x;
  if (++b->filled < b->length) return;
  b->sum[b->n++] = b->open;
  b->open = 0;
  b->filled = 0;
  if (b->n < 2 * HALF_BATCHES) return;
  for (size_t i = 0; i < HALF_BATCHES; i++) b->sum[i] = b->sum[2 * i] + b->sum[2 * i + 1];
  b->n = HALF_BATCHES;
  b->length *= 2;
}

/* Standard deviation of the means of STRETCHES equal stretches; what does not fill one is left out at the start. */
static double stretch_sd(const struct batches *b)
{
  size_t each = b->n / STRETCHES, at = b->n - each * STRETCHES;
  struct moments means = {0};
  for (size_t k = 0; each && k < STRETCHES; k++) {
    double sum = 0;
    for (size_t i = 0; i < each; i++) sum += b->sum[at++];
    moments_add(&means, sum / (double)(each * b->length));
  }
  return moments_sd(&means);
}

static void add_completed(struct metrics *m, struct tally *t, const struct request_record *r, bool has_slo)
{
  int64_t latency_ns = r->completed_ns - r->arrived_ns;
  double latency_s = (double)latency_ns * NS;
  t->completed++;
  t->latency_ns += latency_ns;
  t->good += !has_slo || r->slo_met;
  quantiles_add(t->latency_s, latency_s);
  batches_add(&m->batches, latency_s);
  add_device(m, r, latency_s);
}

/* Take the attempts' phases out of the table; they count when the request completed. */
static void add_parts(struct metrics *m, struct tally *t, const struct request_record *r, bool completed)
{
  struct waiting *w = table_find(&m->table, r->request + 1);
  if (!w->key) return;
  if (completed) {
    for (int p = 0; p < N_PHASES; p++) t->phase_ns[p] += w->phase_ns[p];
    t->fallbacks += w->fallback;
  }
  table_remove(&m->table, w);
}

static void add_path(struct metrics *m, struct tally *t, const struct request_record *r)
{
  size_t n;
  const struct path_step *step = gather_take(m->gather, r->request, &n);
  struct budget_tally *b = &m->budget[r->klass];
  int64_t end_ns = r->completed_ns >= 0 ? r->completed_ns : last_end_ns(r->arrived_ns, step, n);
  critical_path(&m->setup.pipeline[r->klass], r->arrived_ns, end_ns, step, n, &m->path);
  budget_add(b, &m->setup.budget[r->klass], r->arrived_ns, end_ns, r->status, &m->path);
  t->budget_asked = b->asked, t->budget_missed = b->missed;
}

void metrics_request(struct metrics *m, const struct request_record *r)
{
  m->settled++;
  if (!r->measured) return;
  struct tally *t = &m->klass[r->klass];
  bool completed = status_has_answer(r->status);
  const struct metrics_setup *s = &m->setup;
  bool has_slo = s->slo_e2e_s[r->klass] > 0 || s->slo_ttft_s[r->klass] > 0
                 || (s->slo_tpot_s && s->slo_tpot_s[r->klass] > 0);
  t->requests++;
  t->censored += r->status == STATUS_CENSORED;
  t->no_power += r->status == STATUS_NO_POWER;
  t->slo_asked += has_slo;
  t->slo_met += has_slo && r->slo_met;
  t->answered += r->status == STATUS_ANSWERED;
  t->offloaded += r->offloaded != 0;
  t->cold += r->cold != 0;
  t->quality += r->quality;
  t->energy_device_j += r->energy_device_j;
  t->energy_direct_j += r->energy_direct_j;
  t->cost_usd += r->cost_usd;
  t->reward += r->reward;
  if (r->lookups) t->lookups += r->lookups, t->hits += r->hits, t->false_hits += r->false_hits;
  if (r->reads) t->reads += r->reads, t->stale_reads += r->stale_reads;
  if (completed) add_completed(m, t, r, has_slo);
  else quantiles_add(t->latency_s, INFINITY);
  add_tokens(t, r, completed);
  add_parts(m, t, r, completed);
  if (has_budget(m, r->klass)) add_path(m, t, r);
}

/* ---- one metric: one function and one row ------------------------------------------------------------------------ */

static double ratio(double a, double b) { return b > 0 ? a / b : NAN; }
static double per_request(const struct tally *t, double x) { return ratio(x, (double)t->requests); }
static double per_completed_s(const struct tally *t, sum_ns x) { return ratio((double)x * NS, (double)t->completed); }

#define OF_TALLY(name, expression) \
  static double name(const struct metrics *m, const struct tally *t) { (void)m; return (expression); }
OF_TALLY(requests, (double)t->requests)
OF_TALLY(completed, (double)t->completed)
OF_TALLY(failed_ratio, per_request(t, (double)(t->requests - t->completed)))
OF_TALLY(censored_ratio, per_request(t, (double)t->censored))
OF_TALLY(no_power_ratio, per_request(t, (double)t->no_power))
OF_TALLY(goodput, ratio((double)t->good, m->summary->window_s))
OF_TALLY(slo_attainment, ratio((double)t->slo_met, (double)t->slo_asked))
OF_TALLY(budget_miss_ratio, ratio((double)t->budget_missed, (double)t->budget_asked))
OF_TALLY(latency_mean, per_completed_s(t, t->latency_ns))
OF_TALLY(latency_sd, moments_sd(&m->batches.all))
OF_TALLY(latency_stretch_sd, stretch_sd(&m->batches))
OF_TALLY(latency_p50, quantile_of(t->latency_s, .50))
OF_TALLY(latency_p95, quantile_of(t->latency_s, .95))
OF_TALLY(latency_p99, quantile_of(t->latency_s, .99))
OF_TALLY(decide_mean, per_completed_s(t, t->phase_ns[PHASE_DECIDE]))
OF_TALLY(uplink_mean, per_completed_s(t, t->phase_ns[PHASE_UPLINK]))
OF_TALLY(queue_wait_mean, per_completed_s(t, t->phase_ns[PHASE_QUEUE]))
OF_TALLY(cold_start_mean, per_completed_s(t, t->phase_ns[PHASE_COLD_START]))
OF_TALLY(batch_wait_mean, per_completed_s(t, t->phase_ns[PHASE_BATCH]))
OF_TALLY(service_mean, per_completed_s(t, t->phase_ns[PHASE_SERVE]))
OF_TALLY(downlink_mean, per_completed_s(t, t->phase_ns[PHASE_DOWNLINK]))
OF_TALLY(network_mean, per_completed_s(t, t->phase_ns[PHASE_UPLINK] + t->phase_ns[PHASE_DOWNLINK]))
OF_TALLY(ttft_mean, ratio((double)t->ttft_ns * NS, (double)t->first_tokens))
OF_TALLY(ttft_p99, t->first_tokens ? quantile_of(t->ttft_s, .99) : NAN)
OF_TALLY(tpot_mean, ratio(t->tpot_s, (double)t->streams))
OF_TALLY(cost_direct, per_request(t, 1000 * t->cost_usd))
OF_TALLY(energy_device, per_request(t, t->energy_device_j))
OF_TALLY(energy_direct, per_request(t, t->energy_direct_j))
OF_TALLY(quality_mean, per_request(t, t->quality))
OF_TALLY(fallback_ratio, ratio((double)t->fallbacks, (double)t->completed))
OF_TALLY(answered_ratio, ratio((double)t->answered, (double)t->completed))
OF_TALLY(offload_ratio, per_request(t, (double)t->offloaded))
OF_TALLY(cold_start_ratio, per_request(t, (double)t->cold))
OF_TALLY(retry_ratio, per_request(t, (double)t->retries))
OF_TALLY(hedge_ratio, per_request(t, (double)t->hedges))
OF_TALLY(hedge_won_ratio, ratio((double)t->hedges_won, (double)t->hedges))
OF_TALLY(shed_ratio, ratio((double)t->shed, (double)t->attempts))
OF_TALLY(wasted_energy, per_request(t, t->wasted_j))
OF_TALLY(wasted_cost, per_request(t, 1000 * t->wasted_usd))
OF_TALLY(wasted_service, ratio(t->wasted_s, t->served_s))
OF_TALLY(cache_hit_ratio, ratio((double)t->hits, (double)t->lookups))
OF_TALLY(cache_false_hit_ratio, ratio((double)t->false_hits, (double)t->hits))
OF_TALLY(stale_ratio, ratio((double)t->stale_reads, (double)t->reads))
OF_TALLY(probe_bytes, m->summary->probe_bytes)
OF_TALLY(cost_objective, per_request(t, -t->reward))
OF_TALLY(requests_settled, (double)m->settled)
/* Slope between the halves' means, half a window apart, over the rate of arrivals. */
OF_TALLY(backlog_growth, ratio(2 * (m->summary->in_system_half[1] - m->summary->in_system_half[0]),
                               (double)m->whole.requests))
OF_TALLY(replaced_choices, (double)m->summary->replaced)
OF_TALLY(left_out, (double)m->summary->left_out)
OF_TALLY(own_attempts, (double)m->summary->own_attempts)
OF_TALLY(own_failures, (double)m->summary->own_failures)
OF_TALLY(workload_is_fit, m->summary->workload_is_fit)
OF_TALLY(exposure, per_request(t, m->summary->exposed_bytes))
OF_TALLY(protected_data, per_request(t, m->summary->protected_bytes))
OF_TALLY(kept_data, per_request(t, m->summary->kept_byte_s))
OF_TALLY(misplaced, m->summary->misplaced_bytes)
OF_TALLY(zone_violations, (double)m->summary->zone_violations)
/* Of devices that move. */
static double of_movers(const struct metrics *m, const struct tally *t, uint64_t requests)
{
  return m->summary->handover_device_s > 0 ? per_request(t, (double)requests) : NAN;
}
OF_TALLY(handover_rate, m->summary->handover_device_s > 0 ? m->summary->handovers / m->summary->handover_device_s : NAN)
OF_TALLY(relayed_ratio, of_movers(m, t, m->summary->relayed))
OF_TALLY(migrated_ratio, of_movers(m, t, m->summary->migrated))
OF_TALLY(moved_ratio, of_movers(m, t, m->summary->moved))
/* Of conversations: of the turns after the first that came to a place of their state. */
static double of_turns(const struct metrics *m, double x) { return ratio(x, (double)m->summary->sessions.later); }
OF_TALLY(sessions, m->summary->sessions.begun ? (double)m->summary->sessions.begun : NAN)
OF_TALLY(state_here, of_turns(m, (double)m->summary->sessions.here))
OF_TALLY(state_moved, of_turns(m, (double)m->summary->sessions.moved))
OF_TALLY(state_again, of_turns(m, (double)m->summary->sessions.again))
OF_TALLY(state_gone, of_turns(m, (double)m->summary->sessions.gone))
OF_TALLY(state_other_model, of_turns(m, (double)m->summary->sessions.other_model))
OF_TALLY(state_moved_bytes, of_turns(m, m->summary->sessions.moved_bytes))
OF_TALLY(state_again_tok, of_turns(m, m->summary->sessions.again_tok))
OF_TALLY(state_evicted, m->summary->sessions.later ? (double)m->summary->sessions.evicted : NAN)
OF_TALLY(version_turns, ratio((double)m->summary->sessions.other_version, (double)m->summary->sessions.turned))
OF_TALLY(version_tasks, ratio((double)m->summary->sessions.mismatched, (double)m->summary->sessions.paired))
/* Total = direct of the cohort + the whole run's residual, spread over all requests of the run. */
OF_TALLY(cost_total, cost_direct(m, t) +
         ratio(1000 * (m->summary->cost_total_usd - m->summary->cost_direct_usd), (double)m->settled))
/* The whole run's bill, its prices all a little lower or higher, moves the cohort's in proportion. */
static double price_band(const struct metrics *m, const struct tally *t, double way)
{
  const struct run_summary *s = m->summary;
  if (!(s->cost_swing_usd > 0)) return NAN;
  return cost_total(m, t) * (1 + way * ratio(s->cost_swing_usd, s->cost_total_usd));
}
OF_TALLY(cost_low, price_band(m, t, -1))
OF_TALLY(cost_high, price_band(m, t, 1))
OF_TALLY(energy_total, energy_direct(m, t) +
         ratio(m->summary->energy_total_j - m->summary->energy_direct_j, (double)m->settled))

OF_TALLY(energy_facility, ratio(m->summary->energy_facility_j, (double)m->settled))
OF_TALLY(carbon, ratio(m->summary->carbon_g, (double)m->settled))

/* Mean latency of each device with a completed request; caller frees. */
static double *device_means(const struct metrics *m, size_t *n)
{
  size_t most = 0;
  for (int o = 0; o < m->setup.n_places; o++) most += m->origin[o].n;
  double *mean = grab(most, sizeof *mean);
  *n = 0;
  for (int o = 0; o < m->setup.n_places; o++)
    for (size_t i = 0; i < m->origin[o].n; i++) {
      const struct device *d = &m->origin[o].device[i];
      if (d->n) mean[(*n)++] = d->latency_s / (double)d->n;
    }
  return mean;
}

/* (sum x)^2 / (n sum x^2) over the devices' mean latencies (Jain, Chiu, Hawe 1984); 1 = all alike. */
static double jain(const struct metrics *m, const struct tally *t)
{
  (void)t;
  size_t n;
  double *x = device_means(m, &n), sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += x[i], squares += x[i] * x[i];
  free(x);
  return ratio(sum * sum, (double)n * squares);
}

static int descending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static double worst_decile(const struct metrics *m, const struct tally *t)
{
  (void)t;
  size_t n;
  double *x = device_means(m, &n), sum = 0;
  size_t worst = (n + 9) / 10;
  qsort(x, n, sizeof *x, descending);
  for (size_t i = 0; i < worst; i++) sum += x[i];
  free(x);
  return ratio(sum, (double)worst);
}

#define OF_PLACE(name, expression) \
  static double place_##name(const struct place_summary *p) { return (expression); }
OF_PLACE(utilization, p->utilization)
OF_PLACE(in_system, p->in_system_mean)
OF_PLACE(queue_length, p->queue_length_mean)
OF_PLACE(queue_wait, p->queue_wait_mean_s)
OF_PLACE(batch_size, p->batch_size_mean)
OF_PLACE(blocked, p->blocked_ratio)
OF_PLACE(arrived, (double)p->arrived)
OF_PLACE(energy, p->energy_j)
OF_PLACE(cost, p->cost_usd)
OF_PLACE(instance_s, p->instance_s)
OF_PLACE(cold_starts, (double)p->cold_starts)
OF_PLACE(down_s, p->down_s)
OF_PLACE(breaker_open_s, p->breaker_open_s)
OF_PLACE(breaker_open_ratio, p->breaker_open_ratio)
OF_PLACE(iterations, p->iterations)
OF_PLACE(preemptions, p->preemptions)
OF_PLACE(kv_occupancy, p->kv_occupancy)
OF_PLACE(itl_mean, p->itl_mean_s)
OF_PLACE(server_ttft_mean, p->server_ttft_mean_s)
OF_PLACE(tokens_per_s, p->tokens_per_s)
OF_PLACE(joules_per_token, p->joules_per_token)
OF_PLACE(prefix_hit_ratio, p->prefix_hit_ratio)
OF_PLACE(refused_memory, p->refused_memory)
OF_PLACE(refused_prompt, p->refused_prompt)
OF_PLACE(extrapolated, p->extrapolated)
OF_PLACE(extrapolated_estimates, p->extrapolated_estimates)
OF_PLACE(carbon, p->carbon_g)
OF_PLACE(throttled_ratio, p->throttled_ratio)
OF_PLACE(battery_dead_ratio, p->battery_dead_ratio)
OF_PLACE(battery_left_mean, p->battery_left_mean)
OF_PLACE(battery_deaths, p->battery_deaths)
OF_PLACE(battery_emptied_ratio, p->battery_emptied_ratio)
OF_PLACE(battery_life_mean_s, p->battery_life_mean_s)
OF_PLACE(cache_hit_ratio, ratio((double)p->cache_hits, (double)p->cache_lookups))
OF_PLACE(cache_false_hit_ratio, ratio((double)p->cache_false_hits, (double)p->cache_hits))
OF_PLACE(stale_ratio, ratio((double)p->stale_reads, (double)p->reads))
OF_PLACE(store_lag_mean_s, ratio(p->shown_s, (double)p->shown))
OF_PLACE(cache_lookups, (double)p->cache_lookups)
OF_PLACE(cache_entries, (double)p->cache_entries)
OF_PLACE(cache_evictions, (double)p->cache_evictions)

#define OF_LINK(name, expression) \
  static double link_##name(const struct link_summary *l) { return (expression); }
OF_LINK(in_flight, l->in_flight_mean)
OF_LINK(bytes, l->bytes)
OF_LINK(cut_bytes, l->cut_bytes)

#define OF_ZONE(name, expression) \
  static double zone_##name(const struct exposure_summary *e) { return (expression); }
OF_ZONE(execution, e->execution[0])
OF_ZONE(transit, e->transit[0])
OF_ZONE(rest, e->rest_byte_s)
OF_ZONE(protected_data, e->execution[1] + e->transit[1])

typedef double zone_fn(const struct exposure_summary *);
typedef double link_fn(const struct link_summary *);
typedef double tally_fn(const struct metrics *, const struct tally *);
typedef double place_fn(const struct place_summary *);
typedef double cell_fn(const struct budget_tally *, size_t task, int phase);
struct row { struct metric_info info; tally_fn *of_tally; place_fn *of_place; link_fn *of_link; zone_fn *of_zone; cell_fn *of_cell; };

/* Of a task and a phase of a class with a budget. */
static double cell_misses(const struct budget_tally *b, size_t task, int phase) { return (double)b->misses[task][phase]; }
static double cell_path_mean(const struct budget_tally *b, size_t task, int phase)
{
  return ratio((double)b->answered_ns[task][phase] * NS, (double)b->answered);
}

#define BOTH true, false, false
#define RUN false, false, false
#define EVERY true, true, false
#define PLACE false, true, false
#define ENGINE false, true, true
/* name, unit, meaning, better, per class and per place, function of a tally, function of a place */
#define METRICS(ROW) \
  ROW("requests", "1", "requests of the cohort", 0, BOTH, requests, NULL) \
  ROW("requests_settled", "1", "all requests of the run, measured or not (warm-up, drain): what places and residuals " \
      "are divided by", 0, RUN, requests_settled, NULL) \
  ROW("completed", "1", "requests answered, fallback answers included", 1, BOTH, completed, NULL) \
  ROW("failed_ratio", "1", "share of requests that failed or were censored", -1, BOTH, failed_ratio, NULL) \
  ROW("censored_ratio", "1", "share of requests still open when the run ended", -1, BOTH, censored_ratio, NULL) \
  ROW("no_power_ratio", "1", "share of requests that failed because their device's battery was empty", -1, RUN, \
      no_power_ratio, NULL) \
  ROW("goodput_per_s", "1/s", "requests completed within their SLO, per second of the window", 1, BOTH, goodput, NULL) \
  ROW("slo_attainment", "1", "share of requests of classes with an SLO that met it", 1, BOTH, slo_attainment, NULL) \
  ROW("budget_miss_ratio", "1", "share of requests of classes with a `budget` that had no answer within it; those that the " \
      "end of the run cut before it was over are left out", -1, BOTH, budget_miss_ratio, NULL) \
  ROW("latency_mean_s", "s", "arrival to last byte at the user, mean of completed requests", \
      -1, BOTH, latency_mean, NULL) \
  ROW("latency_p50_s", "s", "median latency; failed requests rank as infinite", -1, BOTH, latency_p50, NULL) \
  ROW("latency_p95_s", "s", "95th percentile of latency; failed requests rank as infinite", \
      -1, BOTH, latency_p95, NULL) \
  ROW("latency_p99_s", "s", "99th percentile of latency; failed requests rank as infinite", \
      -1, BOTH, latency_p99, NULL) \
  ROW("latency_sd_s", "s", "standard deviation of latency within the run, completed requests", 0, RUN, latency_sd, NULL) \
  ROW("latency_stretch_sd_s", "s", "standard deviation of the mean latencies of 8 equal stretches of the run: large " \
      "where requests depend on those before them, so that the run is worth fewer of them", \
      0, RUN, latency_stretch_sd, NULL) \
  ROW("queue_wait_mean_s", "s", "time in queues: sum per completed request; of a place: mean of its attempts", \
      -1, EVERY, queue_wait_mean, place_queue_wait) \
  ROW("network_mean_s", "s", "time in uplinks and downlinks, all attempts, mean of completed requests", \
      -1, BOTH, network_mean, NULL) \
  ROW("service_mean_s", "s", "time in service, all attempts, mean of completed requests", \
      -1, BOTH, service_mean, NULL) \
  ROW("decide_mean_s", "s", "waiting for decisions, mean of completed requests", -1, BOTH, decide_mean, NULL) \
  ROW("uplink_mean_s", "s", "time in uplinks, mean of completed requests", -1, BOTH, uplink_mean, NULL) \
  ROW("cold_start_mean_s", "s", "waiting for an instance to start, mean of completed requests", \
      -1, BOTH, cold_start_mean, NULL) \
  ROW("batch_wait_mean_s", "s", "waiting for a batch to fill, mean of completed requests", \
      -1, BOTH, batch_wait_mean, NULL) \
  ROW("downlink_mean_s", "s", "time in downlinks, mean of completed requests", -1, BOTH, downlink_mean, NULL) \
  ROW("ttft_mean_s", "s", "arrival to first token at the user, mean of requests that got one", \
      -1, BOTH, ttft_mean, NULL) \
  ROW("ttft_p99_s", "s", "99th percentile of time to first token; failed requests rank as infinite", \
      -1, BOTH, ttft_p99, NULL) \
  ROW("tpot_mean_s", "s/tok", "time per output token after the first, at the user, mean of requests", \
      -1, BOTH, tpot_mean, NULL) \
  ROW("cost_direct_usd_per_1k_requests", "USD/1k", "money caused by the requests' own attempts", \
      -1, BOTH, cost_direct, NULL) \
  ROW("cost_total_usd_per_1k_requests", "USD/1k", "direct money of the cohort / requests, plus the whole " \
      "run's residual money (idle, keep-alive, reserved) / requests_settled", \
      -1, RUN, cost_total, NULL) \
  ROW("cost_total_low_usd_per_1k_requests", "USD/1k", "the same, all prices lower by the scenario's " \
      "price_sensitivity (or a tariff's own) at once; in proportion to the whole run's bill", -1, RUN, cost_low, NULL) \
  ROW("cost_total_high_usd_per_1k_requests", "USD/1k", "the same, all prices higher", -1, RUN, cost_high, NULL) \
  ROW("energy_device_j_per_request", "J", "energy taken from the user's device", -1, BOTH, energy_device, NULL) \
  ROW("energy_direct_j_per_request", "J", "device, network and server energy caused by the request", \
      -1, BOTH, energy_direct, NULL) \
  ROW("energy_total_j_per_request", "J", "direct energy of the cohort / requests, plus the whole run's residual energy " \
      "(idle power) / requests_settled; radio and network energy is in it and in no place", -1, RUN, energy_total, NULL) \
  ROW("quality_mean", "1", "quality of the answers; 0 for a failed request", 1, BOTH, quality_mean, NULL) \
  ROW("fallback_ratio", "1", "share of completed requests of which a fallback did some task; where the scenario or the " \
      "policy has fallbacks", -1, BOTH, fallback_ratio, NULL) \
  ROW("answered_ratio", "1", "share of completed requests of which a fallback's `answer` stood in for some task", \
      -1, BOTH, answered_ratio, NULL) \
  ROW("offload_ratio", "1", "share of requests with any task away from the device, the first one or a later one; a task " \
      "that has no place there counts like one that the policy sent away", 0, BOTH, offload_ratio, NULL) \
  ROW("cold_start_ratio", "1", "share of requests that waited for a cold start", -1, BOTH, cold_start_ratio, NULL) \
  ROW("zone_violations", "1", "data seen in a zone that its class forbids; always 0 in a correct run", \
      -1, RUN, zone_violations, NULL) \
  ROW("exposure_bytes_per_request", "B", "told kinds of data in the clear beyond the zone of the device that asked: bytes " \
      "that came to be worked on and bytes in transit, each zone by itself, times the kind's weight", -1, RUN, exposure, NULL) \
  ROW("protected_bytes_per_request", "B", "the same, sealed, in an enclave or encrypted", 0, RUN, protected_data, NULL) \
  ROW("kept_byte_s_per_request", "B s", "told kinds of data kept at places beyond the request: bytes times seconds, by " \
      "weight", -1, RUN, kept_data, NULL) \
  ROW("misplaced_bytes", "B", "told kinds of data seen where their kind may not be, clear or not, whole run; always 0 in a " \
      "correct run", -1, RUN, misplaced, NULL) \
  ROW("handover_per_s", "1/s", "change-overs of a device that moves, a second, in the window; counted of 1024 devices of a " \
      "place at most", 0, RUN, handover_rate, NULL) \
  ROW("relayed_ratio", "1", "share of requests whose device changed over while they were on the air or at work where it " \
      "was: sent again, or after it", -1, RUN, relayed_ratio, NULL) \
  ROW("migrated_ratio", "1", "share of requests of which work moved after the device", 0, RUN, migrated_ratio, NULL) \
  ROW("moved_ratio", "1", "share of requests of which an attempt ended because the device changed over (in_flight: fail)", \
      -1, RUN, moved_ratio, NULL) \
  ROW("sessions", "1", "conversations that began in the window", 0, RUN, sessions, NULL) \
  ROW("state_here_ratio", "1", "turns of conversations after the first that found their state at their place, as a share of " \
      "those that came to one", 1, RUN, state_here, NULL) \
  ROW("state_moved_ratio", "1", "share of them whose state came along from another place", 0, RUN, state_moved, NULL) \
  ROW("state_again_ratio", "1", "share of them that had to make it again: all of the rest", -1, RUN, state_again, NULL) \
  ROW("state_gone_ratio", "1", "share of them for which there was none any more: dropped, evicted, lost or never kept", \
      -1, RUN, state_gone, NULL) \
  ROW("state_other_model_ratio", "1", "share of them that found there one of another variant or version", \
      -1, RUN, state_other_model, NULL) \
  ROW("state_moved_bytes_per_turn", "B", "state that came along, per such turn", -1, RUN, state_moved_bytes, NULL) \
  ROW("state_again_tok_per_turn", "tok", "context made again, per such turn", -1, RUN, state_again_tok, NULL) \
  ROW("state_evictions", "1", "states that had to go for want of room, whole run", -1, RUN, state_evicted, NULL) \
  ROW("version_change_ratio", "1", "share of the turns answered by the model of the turn before that had it in another version", \
      -1, RUN, version_turns, NULL) \
  ROW("version_mismatch_ratio", "1", "share of the tasks that have to match another one's version and did not", \
      -1, RUN, version_tasks, NULL) \
  ROW("jain", "1", "Jain's index of the devices' mean latencies; 1 = all alike", 1, RUN, jain, NULL) \
  ROW("worst_decile_latency_s", "s", "mean latency of the tenth of the devices that fares worst", \
      -1, RUN, worst_decile, NULL) \
  ROW("retry_ratio", "1", "tries of a plan beyond its first, per request", -1, BOTH, retry_ratio, NULL) \
  ROW("hedge_ratio", "1", "copies sent beside an attempt, per request", -1, BOTH, hedge_ratio, NULL) \
  ROW("hedge_won_ratio", "1", "share of these copies that gave the answer", 0, BOTH, hedge_won_ratio, NULL) \
  ROW("shed_ratio", "1", "share of attempts turned away by load shedding", -1, BOTH, shed_ratio, NULL) \
  ROW("wasted_energy_j_per_request", "J", "direct energy of attempts that gave no answer: failed, cut, called off", \
      -1, BOTH, wasted_energy, NULL) \
  ROW("wasted_cost_usd_per_1k_requests", "USD/1k", "direct money of attempts that gave no answer", \
      -1, BOTH, wasted_cost, NULL) \
  ROW("wasted_service_ratio", "1", "share of the time in service that attempts without an answer took", \
      -1, BOTH, wasted_service, NULL) \
  ROW("probe_bytes", "B", "sent for health checks, there and back, whole run", -1, RUN, probe_bytes, NULL) \
  ROW("cache_hit_ratio", "1", "share of the look-ups in caches that found an answer, right or wrong", 1, EVERY, \
      cache_hit_ratio, place_cache_hit_ratio) \
  ROW("cache_false_hit_ratio", "1", "share of these answers that were to another question", -1, EVERY, \
      cache_false_hit_ratio, place_cache_false_hit_ratio) \
  ROW("stale_ratio", "1", "share of the reads of stores that did not see the last committed write of their item", -1, EVERY, \
      stale_ratio, place_stale_ratio) \
  ROW("store_lag_mean_s", "s", "from the commit of a write until a copy at the place shows it, whole run", -1, PLACE, \
      NULL, place_store_lag_mean_s) \
  ROW("cache_lookups", "1", "look-ups in the caches of the place", 0, PLACE, NULL, place_cache_lookups) \
  ROW("cache_entries", "1", "answers in the caches of the place at the end of the run, all members together", 0, PLACE, \
      NULL, place_cache_entries) \
  ROW("cache_evictions", "1", "answers that went for want of room, whole run", 0, PLACE, NULL, place_cache_evictions) \
  ROW("cost_objective", "1", "mean cost by the scenario's objective: minus the reward", \
      -1, BOTH, cost_objective, NULL) \
  ROW("backlog_growth_ratio", "1", "rise of the number of requests in the system over the window, as a share of the " \
      "arrivals: 0 = steady; 1 - capacity / load in overload", -1, RUN, backlog_growth, NULL) \
  ROW("replaced_choices", "1", "choices of a masked action that the host replaced", -1, RUN, replaced_choices, NULL) \
  ROW("left_out_choices", "1", "copies and fallbacks onto masked actions that the host left out", -1, RUN, left_out, NULL) \
  ROW("own_attempts", "1", "copies and fallbacks that the policy itself asked for, whole run, where there are any; of a " \
      "bound: 1 = it holds for policies with such, too", 0, RUN, own_attempts, NULL) \
  ROW("own_failures", "1", "attempts that the policy's own time-outs ended or its control turned away, whole run, where " \
      "there are any; of a bound: 1 = it holds for policies with such, too", 0, RUN, own_failures, NULL) \
  ROW("workload_is_fit", "1", "1: drawn from a fit of the trace; 0: the original trace; -1: no trace", \
      0, RUN, workload_is_fit, NULL) \
  ROW("regret", "1", "paired cumulative cost minus a named comparator's", -1, RUN, NULL, NULL) \
  ROW("utilization", "1", "busy slots / slots, time average; of LLM engines: share of the time in which an iteration " \
      "runs", 0, PLACE, NULL, place_utilization) \
  ROW("in_system_mean", "1", "attempts waiting or in service, time average", -1, PLACE, NULL, place_in_system) \
  ROW("queue_length_mean", "1", "attempts waiting, time average", -1, PLACE, NULL, place_queue_length) \
  ROW("batch_size_mean", "1", "running requests seen by a decode step; where requests are batched, members of a " \
      "batch", 0, PLACE, NULL, place_batch_size) \
  ROW("blocked_ratio", "1", "share of arriving attempts that found the place full", -1, PLACE, NULL, place_blocked) \
  ROW("attempts", "1", "attempts that arrived at the place", 0, PLACE, NULL, place_arrived) \
  ROW("energy_j", "J", "energy of the place, idle power included, of the whole run: requests_settled, not " \
      "requests, are behind it; radio and network energy is of no place, so places add up to less than the total", -1, PLACE, NULL, place_energy) \
  ROW("cost_usd", "USD", "cost of the place, residual included, of the whole run: requests_settled, not requests, " \
      "are behind it; traffic between places may be of no place", -1, PLACE, NULL, place_cost) \
  ROW("instance_s", "s", "instance-seconds alive, starting or warm, of the whole run; 0 without `instances`", \
      -1, PLACE, NULL, place_instance_s) \
  ROW("cold_starts", "1", "starts of instances in the whole run", -1, PLACE, NULL, place_cold_starts) \
  ROW("down_s", "s", "time down of its members in the whole run", -1, PLACE, NULL, place_down_s) \
  ROW("breaker_open_s", "s", "time for which its circuit breaker was open, whole run", -1, PLACE, NULL, place_breaker_open_s) \
  ROW("breaker_open_ratio", "1", "the same as a share of the run", -1, PLACE, NULL, place_breaker_open_ratio) \
  ROW("iterations", "1", "iterations of the LLM engines in the window", 0, ENGINE, NULL, place_iterations) \
  ROW("preemptions", "1", "requests pushed out of KV memory, to be read again", -1, ENGINE, NULL, place_preemptions) \
  ROW("kv_occupancy", "1", "share of the KV blocks in use, time average", 0, ENGINE, NULL, place_kv_occupancy) \
  ROW("itl_mean_s", "s", "inter-token latency at the engine: mean iteration that a decoding request sees", \
      -1, ENGINE, NULL, place_itl_mean) \
  ROW("server_ttft_mean_s", "s", "from coming to the place to the first token there, mean", \
      -1, ENGINE, NULL, place_server_ttft_mean) \
  ROW("tokens_per_s", "tok/s", "output tokens of the place a second of the window", 1, ENGINE, NULL, place_tokens_per_s) \
  ROW("joules_per_token", "J", "energy of the place, idle power included, over its output tokens, whole run", \
      -1, ENGINE, NULL, place_joules_per_token) \
  ROW("prefix_hit_ratio", "1", "share of the tokens to read that the prefix cache had", \
      1, ENGINE, NULL, place_prefix_hit_ratio) \
  ROW("refused_memory", "1", "attempts that can never be admitted: prompt or context longer than the KV memory", \
      -1, PLACE, NULL, place_refused_memory) \
  ROW("refused_prompt", "1", "attempts that can never be admitted: prompt longer than a batch of the scheduler may be", \
      -1, ENGINE, NULL, place_refused_prompt) \
  ROW("extrapolated", "1", "attempts beyond what step times, or costs of kernels, were measured for", \
      -1, PLACE, NULL, place_extrapolated) \
  ROW("extrapolated_estimates", "1", "estimates that a policy, a shadow or alone_bound asked for beyond what costs of kernels were " \
      "measured for; those that SRPT orders by aside", \
      -1, PLACE, NULL, place_extrapolated_estimates) \
  ROW("energy_facility_j_per_request", "J", "all energy of the run, PUE of the places included, over requests_settled", \
      -1, RUN, energy_facility, NULL) \
  ROW("carbon_g_per_request", "g", "CO2e of all energy of the run within `energy_boundary`, over requests_settled", \
      -1, RUN, carbon, NULL) \
  ROW("carbon_g", "g", "CO2e of the place's servers, idle power included and PUE not, whole run", -1, PLACE, NULL, place_carbon) \
  ROW("throttled_ratio", "1", "share of the time that its members were too warm, whole run", -1, PLACE, NULL, place_throttled_ratio) \
  ROW("battery_dead_ratio", "1", "share of the time that batteries were empty, whole run", -1, PLACE, NULL, place_battery_dead_ratio) \
  ROW("battery_left_mean", "1", "mean level of its batteries at the end, as a share of the capacity", 1, PLACE, NULL, place_battery_left_mean) \
  ROW("battery_deaths", "1", "how often a battery became empty, whole run", -1, PLACE, NULL, place_battery_deaths) \
  ROW("battery_emptied_ratio", "1", "share of the batteries that became empty at least once, whole run", \
      -1, PLACE, NULL, place_battery_emptied_ratio) \
  ROW("battery_life_mean_s", "s", "mean time from the start of the run until a battery was first empty, of those that " \
      "became empty (battery_emptied_ratio; the others lasted longer than the run)", 1, PLACE, NULL, \
      place_battery_life_mean_s)

/* The same of a link, whose name stands where others have their place. */
#define LINK_METRICS(ROW) \
  ROW("link_in_flight_mean", "1", "messages on the link, waiting or under way, streams too: time average over the " \
      "whole run", -1, link_in_flight) \
  ROW("link_bytes", "B", "bytes that the link carried, both ways: of requests, telemetry, probes; whole run", \
      0, link_bytes) \
  ROW("link_cut_bytes", "B", "bytes of messages that were called off on the link and did not go, whole run", \
      -1, link_cut_bytes)

/* And of a kind of data (where others have their class) in a zone. */
#define ZONE_METRICS(ROW) \
  ROW("exposure_execution_bytes", "B", "bytes of the kind that came to the zone in the clear to be worked on", -1, zone_execution) \
  ROW("exposure_transit_bytes", "B", "bytes of the kind that passed through the zone in the clear", -1, zone_transit) \
  ROW("exposure_rest_byte_s", "B s", "bytes of the kind that the zone keeps in the clear, times how long", -1, zone_rest) \
  ROW("protected_bytes", "B", "bytes of the kind that came to or through the zone sealed, into an enclave or encrypted", \
      0, zone_protected_data)

/* The same of a task and a phase, "generate.queue", which stand where others have their place. */
#define CELL_METRICS(ROW) \
  ROW("budget_misses", "1", "requests that missed the budget of their class because of this task and phase of it; they " \
      "add up to all that missed it", -1, cell_misses) \
  ROW("path_mean_s", "s", "time on the critical path, mean of completed requests of classes with a budget: tasks and " \
      "phases add up to `latency_mean_s`", -1, cell_path_mean)

#define INFO_ROW(name, unit, doc, better, where, tally, place) \
  {{name, unit, doc, better, where}, tally, place, NULL, NULL, NULL},
#define LINK_ROW(name, unit, doc, better, link) {{name, unit, doc, better, PLACE}, NULL, NULL, link, NULL, NULL},
#define ZONE_ROW(name, unit, doc, better, zone) {{name, unit, doc, better, false, false, false}, NULL, NULL, NULL, zone, NULL},
#define CELL_ROW(name, unit, doc, better, cell) {{name, unit, doc, better, EVERY}, NULL, NULL, NULL, NULL, cell},
#define NAME_ROW(name, ...) name,
static const struct row rows[] = {METRICS(INFO_ROW) LINK_METRICS(LINK_ROW) ZONE_METRICS(ZONE_ROW) CELL_METRICS(CELL_ROW)};
static const char *const names[] = {METRICS(NAME_ROW) LINK_METRICS(NAME_ROW) ZONE_METRICS(NAME_ROW) CELL_METRICS(NAME_ROW)};
enum { N_ROWS = sizeof rows / sizeof *rows };

const struct metric_info *metric_find(const char *name)
{
  for (int i = 0; i < N_ROWS; i++)
    if (!strcmp(rows[i].info.name, name)) return &rows[i].info;
  return NULL;
}

size_t metric_names(const char *const **out)
{
  *out = names;
  return N_ROWS;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

struct metrics *metrics_new(const struct metrics_setup *setup)
{
  struct metrics *m = grab(1, sizeof *m);
  m->setup = *setup;
  m->batches.length = 1;
  m->klass = grab((size_t)setup->n_classes, sizeof *m->klass);
  m->origin = grab((size_t)setup->n_places, sizeof *m->origin);
  m->table = (struct waiting_table){grab(TABLE_START, sizeof *m->table.slot), TABLE_START - 1, 0};
  for (int c = 0; c < setup->n_classes; c++) {
    m->klass[c].latency_s = quantiles_new();
    m->klass[c].ttft_s = quantiles_new();
  }
  if (setup->budget) m->budget = grab((size_t)setup->n_classes, sizeof *m->budget), m->gather = gather_new();
  bool one = setup->n_classes == 1;
  m->whole.latency_s = one ? m->klass[0].latency_s : quantiles_new();
  m->whole.ttft_s = one ? m->klass[0].ttft_s : quantiles_new();
  return m;
}

void metrics_free(struct metrics *m)
{
  if (!m) return;
  for (int c = 0; c < m->setup.n_classes; c++) {
    quantiles_free(m->klass[c].latency_s);
    quantiles_free(m->klass[c].ttft_s);
    if (m->budget) budget_free(&m->budget[c]);
  }
  gather_free(m->gather);
  free(m->budget), free(m->path.part);
  for (int o = 0; o < m->setup.n_places; o++) free(m->origin[o].device);
  if (m->setup.n_classes != 1) {
    quantiles_free(m->whole.latency_s);
    quantiles_free(m->whole.ttft_s);
  }
  free(m->klass);
  free(m->origin);
  free(m->table.slot);
  free(m->value);
  free(m);
}

/* A class that streams: its failed requests without a first token rank as infinite. */
static void settle_first_tokens(struct tally *t)
{
  for (uint64_t i = 0; t->first_tokens && i < t->first_token_lost; i++) quantiles_add(t->ttft_s, INFINITY);
  t->first_token_lost = 0;
}

static void tally_add(struct tally *a, const struct tally *b)
{
  a->requests += b->requests, a->completed += b->completed, a->censored += b->censored, a->no_power += b->no_power;
  a->budget_asked += b->budget_asked, a->budget_missed += b->budget_missed;
  a->slo_asked += b->slo_asked, a->slo_met += b->slo_met, a->good += b->good;
  a->offloaded += b->offloaded, a->cold += b->cold;
  a->fallbacks += b->fallbacks, a->answered += b->answered;
  a->attempts += b->attempts, a->retries += b->retries, a->hedges += b->hedges, a->hedges_won += b->hedges_won;
  a->lookups += b->lookups, a->hits += b->hits, a->false_hits += b->false_hits;
  a->reads += b->reads, a->stale_reads += b->stale_reads;
  a->shed += b->shed, a->served_s += b->served_s, a->wasted_s += b->wasted_s;
  a->wasted_j += b->wasted_j, a->wasted_usd += b->wasted_usd;
  a->first_tokens += b->first_tokens, a->streams += b->streams;
  a->latency_ns += b->latency_ns, a->ttft_ns += b->ttft_ns;
  for (int p = 0; p < N_PHASES; p++) a->phase_ns[p] += b->phase_ns[p];
  a->tpot_s += b->tpot_s, a->quality += b->quality, a->cost_usd += b->cost_usd, a->reward += b->reward;
  a->energy_device_j += b->energy_device_j, a->energy_direct_j += b->energy_direct_j;
  if (a->latency_s == b->latency_s) return;
  quantiles_merge(a->latency_s, b->latency_s);
  quantiles_merge(a->ttft_s, b->ttft_s);
}

static void put(struct metrics *m, const char *metric, const char *klass, const char *place, double value)
{
  if (m->n_values == m->capacity) {
    m->capacity = m->capacity ? 2 * m->capacity : 256;
    m->value = grab_more(m->value, m->capacity, sizeof *m->value);
  }
  m->value[m->n_values++] = (struct metric_value){metric, klass, place, value};
}

static bool of_battery(const struct row *row)
{
  return row->of_place == place_battery_dead_ratio || row->of_place == place_battery_left_mean
         || row->of_place == place_battery_deaths || row->of_place == place_battery_emptied_ratio
         || row->of_place == place_battery_life_mean_s;
}

static bool of_cache(const struct row *row)
{
  return row->of_place == place_cache_hit_ratio || row->of_place == place_cache_false_hit_ratio
         || row->of_place == place_cache_lookups || row->of_place == place_cache_entries
         || row->of_place == place_cache_evictions;
}

/* Refusals are told where they are possible: of engines, and of token service. */
static bool row_applies(const struct row *row, const struct place_summary *p)
{
  if (row->of_place == place_refused_memory) return !isnan(p->refused_memory);
  if (row->of_place == place_extrapolated) return !isnan(p->extrapolated);
  if (row->of_place == place_extrapolated_estimates) return !isnan(p->extrapolated_estimates);
  if (row->of_place == place_breaker_open_s || row->of_place == place_breaker_open_ratio) return !isnan(p->breaker_open_s);
  bool supplied = row->of_place == place_carbon || row->of_place == place_throttled_ratio;
  if (of_cache(row)) return p->cache_lookups > 0;
  if (row->of_place == place_stale_ratio) return p->reads > 0;
  if (row->of_place == place_store_lag_mean_s) return p->shown > 0;
  if (of_battery(row)) return !isnan(p->battery_dead_ratio);
  if (supplied) return !isnan(row->of_place(p));
  return !row->info.engines_only || !isnan(p->iterations);
}

static bool some_battery(const struct run_summary *s)
{
  for (int p = 0; p < s->n_places; p++)
    if (!isnan(s->place[p].battery_dead_ratio)) return true;
  return false;
}

/* Of what hardly any policy does, only those that do it tell. */
static bool is_told(const struct metrics *m, const struct row *row)
{
  bool of_data = row->of_tally == exposure || row->of_tally == protected_data || row->of_tally == kept_data
                 || row->of_tally == misplaced;
  if (of_data) return m->summary->exposure != NULL;
  if (row->of_tally == own_attempts) return m->summary->own_attempts > 0;
  if (row->of_tally == no_power_ratio) return some_battery(m->summary);
  if (row->of_tally == cache_hit_ratio || row->of_tally == cache_false_hit_ratio) return m->whole.lookups > 0;
  if (row->of_tally == fallback_ratio) return m->setup.fallbacks || m->whole.fallbacks > 0;
  if (row->of_tally == answered_ratio) return m->setup.answers || m->whole.answered > 0;
  if (row->of_tally == budget_miss_ratio) return m->budget != NULL;
  if (row->of_tally == stale_ratio) return m->whole.reads > 0;
  if (row->of_tally == carbon) return !isnan(m->summary->carbon_g);
  if (row->of_tally == energy_facility) return m->summary->supplied;
  return row->of_tally != own_failures || m->summary->own_failures > 0;
}

static void put_zones(struct metrics *m, const struct row *row)
{
  const struct metrics_setup *s = &m->setup;
  for (int i = 0; m->summary->exposure && i < s->n_zones * s->n_data; i++)
    put(m, row->info.name, s->data_name[i % s->n_data], s->zone_name[i / s->n_data], row->of_zone(&m->summary->exposure[i]));
}

/* The row of requests that came to no task only where there are such. */
static void put_cells(struct metrics *m, const struct row *row, int klass)
{
  const char *const *name = m->setup.cell_name[klass];
  int n = m->setup.pipeline[klass].n_tasks;
  for (int t = 0; t <= n; t++)
    for (int p = 0; p < N_PATH_PHASES; p++) {
      double value = row->of_cell(&m->budget[klass], t < n ? (size_t)t : MAX_PIPELINE, p);
      if (t < n || value > 0) put(m, row->info.name, m->setup.class_name[klass], name[t * N_PATH_PHASES + p], value);
    }
}

static void put_row(struct metrics *m, const struct row *row)
{
  if (row->of_zone) put_zones(m, row);
  const struct metrics_setup *s = &m->setup;
  bool told = row->of_tally && is_told(m, row), of_ladder = row->of_tally == fallback_ratio || row->of_tally == answered_ratio;
  if (told) put(m, row->info.name, "", "", row->of_tally(m, &m->whole));
  for (int c = 0; row->of_tally && row->info.per_class && (told || !of_ladder) && c < s->n_classes; c++)
    put(m, row->info.name, s->class_name[c], "", row->of_tally(m, &m->klass[c]));
  for (int p = 0; row->of_place && p < m->summary->n_places; p++)
    if (s->place_name[p] && row_applies(row, &m->summary->place[p])) put(m, row->info.name, "", s->place_name[p], row->of_place(&m->summary->place[p]));
  for (int c = 0; row->of_cell && m->budget && c < s->n_classes; c++)
    if (has_budget(m, c)) put_cells(m, row, c);
  for (int k = 0; row->of_link && k < s->n_links; k++)
    if (s->link_name[k] && !m->summary->link[k].free)
      put(m, row->info.name, "", s->link_name[k], row->of_link(&m->summary->link[k]));
}

size_t metrics_finish(struct metrics *m, const struct run_summary *summary, const struct metric_value **values)
{
  m->summary = summary;
  m->n_values = 0;
  for (int c = 0; m->budget && c < m->setup.n_classes; c++) budget_settle(&m->budget[c]);
  if (!m->whole.requests)
    for (int c = 0; c < m->setup.n_classes; c++) {
      settle_first_tokens(&m->klass[c]);
      tally_add(&m->whole, &m->klass[c]);
    }
  for (int i = 0; i < N_ROWS; i++) put_row(m, &rows[i]);
  *values = m->value;
  return m->n_values;
}

struct quantiles *metrics_latency(struct metrics *m) { return m->whole.latency_s; }
