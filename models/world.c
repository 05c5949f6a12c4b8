/* world.c: one run: made from its definition, driven to its horizon, summed up and checked.
 *
 * Cohort: the requests that arrive in the window [from, to], at most max_requests. Arrivals go on, unmeasured, until
 * the cohort has drained; what is left after drain_max is censored. Checked at the end of every run: in = completed +
 * failed + censored; busy <= capacity and both identities of the ledgers (ledger.c); Little's law as an identity of
 * integers: the integral of the requests in the system = the sum of their times in it.
 */
#include "models/bound.h"
#include "models/control.h"
#include "models/exposure.h"
#include "models/instances.h"
#include "models/learned.h"
#include "models/joint.h"
#include "models/session.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- size ------------------------------------------------------------------------------------------------------ */

double world_bytes_estimate(const struct world_def *def)
{
  double bytes = 1 << 20;
  uint64_t members = 0;
  for (int i = 0; i < def->n_places; i++) {
    double member = (double)station_bytes() + 2 * sizeof(void *) + (def->place[i].n_hardware > 1);
    if (def->place[i].mobility) member += (double)mobility_bytes();
    bytes += member * (double)def->place[i].count;
    members += def->place[i].count;
  }
  for (int k = 0; k < def->n_links; k++) bytes += 2 * sizeof(void *) * (double)network_pools(&def->link[k], members);
  for (int i = 0; i < def->n_classes; i++)
    if (def->klass[i].arrivals.kind == ARRIVE_CLOSED)
      bytes += (double)def->klass[i].arrivals.users * (sizeof(struct user) + 500);
  return bytes;
}

static bool fits_memory(const struct world_def *def, struct err *err)
{
  double wanted = world_bytes_estimate(def), there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < def->n_places; i++)
    if (def->place[i].count >= UINT32_MAX) wanted = fmax(wanted, there + 1);
  if (wanted <= there) return true;
  return err_add(err, (struct where){ 0 },
                 "this world needs about %.3g GB before its first request, this machine has %.3g GB",
                 wanted / 1e9, there / 1e9);
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static const struct hardware_def *kind_hardware(const struct world_def *def, const struct place_def *p, int kind)
{
  return p->n_hardware > 0 ? &def->hardware[p->hardware[kind]] : NULL;
}

static int draw_kind(const struct world *w, const struct place *p, uint64_t member, double sum)
{
  double u = rng_fresh(&w->root, STREAM_HARDWARE, p->name, member) * sum;
  for (int k = 0; k < p->n_kinds - 1; k++) {
    u -= p->def->hardware_weight ? p->def->hardware_weight[k] : 1;
    if (u < 0) return k;
  }
  return p->n_kinds - 1;
}

static void draw_hardware(struct world *w, struct place *p)
{
  double sum = 0;
  if (p->n_kinds == 1) {
    p->members[0] = p->def->count;
    return;
  }
  for (int k = 0; k < p->n_kinds; k++) sum += p->def->hardware_weight ? p->def->hardware_weight[k] : 1;
  p->hardware = arena_array(w->arena, uint8_t, p->def->count);
  for (uint64_t i = 0; i < p->def->count; i++) {
    p->hardware[i] = (uint8_t)draw_kind(w, p, i, sum);
    p->members[p->hardware[i]]++;
  }
}

/* KV cap 0 = what is left of the memory beside the weights. */
static struct token_cost token_cost_of(const struct variant_def *v, const struct hardware_def *h, int variant,
                                       double memory)
{
  struct token_cost c = h && h->tokens ? h->tokens[variant] : (struct token_cost){ 0 };
  if (c.kv_cap_tok <= 0 && memory > 0 && v->kv_bytes_per_tok > 0)
    c.kv_cap_tok = fmax(1, (memory - v->weight_bytes) / v->kv_bytes_per_tok);
  return c;
}

static void place_kinds(struct world *w, struct place *p)
{
  const struct world_def *def = w->def;
  if (p->def->n_hardware > 0 && def->n_variants > 0)
    p->cost = arena_array(w->arena, struct token_cost, p->n_kinds * def->n_variants * (def->n_clocks > 1 ? def->n_clocks : 1));
  if (p->def->llm) p->llm_cost = arena_array(w->arena, struct token_cost, p->n_kinds);
  for (int k = 0; p->llm_cost && k < p->n_kinds; k++)   /* says that it works by tokens; times are the engine's */
    p->llm_cost[k] = (struct token_cost){ .available = true, .prefill_tok_per_s = 1 };
  for (int k = 0; k < p->n_kinds; k++) {
    const struct hardware_def *h = kind_hardware(def, p->def, k);
    double loaded = p->def->idle_w >= 0 ? p->def->idle_w : h ? h->idle_w + h->context_w : 0;
    double busy = p->def->busy_w >= 0 ? p->def->busy_w : h ? h->busy_w : loaded;
    double bare = p->def->instances && p->def->idle_w < 0 && h ? h->idle_w : loaded;    /* its instances bring the rest */
    p->idle_w[k] = p->def->kind != PLACE_SERVERS ? 0 : bare;
    p->dynamic_w[k] = p->def->kind != PLACE_SERVERS ? 0 : (busy - loaded) / p->def->slots;
    if (h && h->power) p->dynamic_w[k] *= power_clock(h->power);
    if (p->def->batching && p->def->batching->has_energy) p->dynamic_w[k] = 0;
    if (p->def->llm && steptime_has_energy(p->def->llm->kind[k].step_time)) p->dynamic_w[k] = 0;
    p->memory_bytes[k] = p->def->memory_bytes > 0 ? p->def->memory_bytes : h ? h->memory_bytes : 0;
    for (int v = 0; p->cost && v < def->n_variants; v++)
      p->cost[k * def->n_variants + v] = token_cost_of(&def->variant[v], h, v, p->memory_bytes[k]);
  }
}

/* A slot-second is charged at the lower of the two prices. */
static void place_reserve(struct place *p)
{
  const struct tariff_terms *t = p->def->tariff.terms;
  if (!t || !t->reserved) return;
  stations_reserve(p->stations, p->def->count, (uint32_t)t->reserved);
  p->usd_per_slot_s = fmin(p->def->tariff.usd_per_s, t->reserved_usd_per_s) / p->def->slots;
}

/* The same rows for each clock: prompts are computed, output is read from memory. */
static void place_clocks(const struct world_def *def, struct place *p)
{
  int n = p->n_kinds * def->n_variants;
  for (int c = 1; p->cost && c < def->n_clocks; c++)
    for (int i = 0; i < n; i++) {
      p->cost[c * n + i] = p->cost[i];
      p->cost[c * n + i].prefill_tok_per_s *= def->clock[c];
    }
}

/* Estimates of such a place need not look for all that others may have. */
static bool is_plain(const struct place_def *p)
{
  return p->kind == PLACE_SERVERS && !p->llm && !p->batching && !p->trust && !p->instances
         && p->discipline != PROCESSOR_SHARING;
}

static void place_init(struct world *w, int index, uint64_t first_member)
{
  struct place *p = &w->place[index];
  p->def = &w->def->place[index];
  p->index = index;
  p->first_member = first_member;
  p->name = rng_name(p->def->name);
  p->speed = 1;
  p->tariff = p->def->tariff;
  p->n_kinds = p->def->n_hardware > 0 ? p->def->n_hardware : 1;
  p->dynamic_w = arena_array(w->arena, double, p->n_kinds);
  p->idle_w = arena_array(w->arena, double, p->n_kinds);
  p->memory_bytes = arena_array(w->arena, double, p->n_kinds);
  p->members = arena_array(w->arena, uint64_t, p->n_kinds);
  p->direct_slot_s = arena_array(w->arena, double, p->n_kinds);
  p->busy_slot_s = arena_array(w->arena, double, p->n_kinds);
  p->orphan_slot_s = arena_array(w->arena, double, p->n_kinds);
  place_kinds(w, p);
  place_clocks(w->def, p);
  draw_hardware(w, p);
  p->plain = is_plain(p->def);
  p->counted = p->def->tier == TIER_DEVICE || w->def->boundary == BOUNDARY_SERVER ? 1 : 0;
  if (w->def->boundary == BOUNDARY_FACILITY) p->counted = supply_pue(p);
  p->bucket_requests = 60 * p->def->limit_requests_per_s;
  p->bucket_tok = 60 * p->def->limit_tok_per_s;
  if (p->def->kind != PLACE_SERVERS) return;
  const struct instances_def *come = p->def->instances;
  p->usd_per_slot_s = p->def->tariff.usd_per_s / p->def->slots;
  if (come && come->reserved && !billed_by_use(p) && come->reserved_usd_per_s < p->def->tariff.usd_per_s)
    p->usd_per_slot_s = come->reserved_usd_per_s / p->def->slots;
  bool gated = p->def->instances || p->def->failures;
  p->stations = stations_new(w->sim, p->def, w->def, gated ? &w->fleet_events : &w->events, p->def->count);
  stations_hardware(p->stations, p->hardware);
  place_reserve(p);
  supply_init(w, p);
}

static void places_init(struct world *w)
{
  uint64_t members = 0;
  w->place = arena_array(w->arena, struct place, w->def->n_places);
  w->sample = arena_array(w->arena, struct place_sample, w->def->n_places);
  for (int i = 0; i < w->def->n_places; i++) {
    place_init(w, i, members);
    members += w->def->place[i].count;
  }
  for (int i = 0; i < w->def->n_places; i++) fleets_new(w, &w->place[i]);
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

static void task_init(struct world *w, struct task *t, const struct class_def *k, const struct task_def *def)
{
  int n = def->n_variants > 0 ? def->n_variants : 1;
  t->def = def;
  t->expected_time_s = arena_array(w->arena, double, n);
  for (int v = 0; v < n; v++)
    if (def->work[v].kind == WORK_TIME) t->expected_time_s[v] = dist_mean(def->work[v].time_s);
  if (def->life && def->life->retry) t->retry_tokens = def->life->retry->burst;
  if (def->after || (k->data_varies)) return;
  t->masks = arena_array(w->arena, uint8_t, k->n_from * def->n_plans);
  memset(t->masks, MASK_UNKNOWN, (size_t)(k->n_from * def->n_plans));
}

static void estimators_init(struct world *w, struct klass *k)
{
  k->estimate = arena_array(w->arena, double, k->def->n_attributes);
  k->estimate_n = arena_array(w->arena, uint64_t, k->def->n_attributes);
  for (int i = 0; i < k->def->n_attributes; i++) {
    const struct attribute_def *at = &k->def->attribute[i];
    k->estimate[i] = at->estimator == ESTIMATE_NONE ? NAN : at->estimate;
    k->estimates |= at->estimator == ESTIMATE_CLASS_MEAN;
  }
}

static void users_init(struct world *w, struct klass *k)
{
  if (k->def->arrivals.kind != ARRIVE_CLOSED) return;
  k->users = arena_array(w->arena, struct user, k->def->arrivals.users);
  for (uint64_t u = 0; u < k->def->arrivals.users; u++)
    k->users[u] = (struct user){ .klass = (uint32_t)(k - w->klass), .index = (uint32_t)u };
}

/* Where so many bytes more of a request begin, at a multiple of 8. */
static size_t put_behind(size_t *all, size_t bytes)
{
  size_t at = (*all + 7) & ~(size_t)7;
  if (bytes > 0) *all = at + bytes;
  return at;
}

static bool class_init(struct world *w, int index, struct err *err)
{
  struct klass *k = &w->klass[index];
  k->def = &w->def->klass[index];
  sim_assert(k->def->n_attributes >= 1 && k->def->n_attributes <= MAX_ATTRIBUTES && k->def->n_tasks >= 1);
  k->name = rng_name(k->def->name);
  k->slo_e2e = k->def->slo_e2e_s > 0 ? ns_from_s(k->def->slo_e2e_s) : 0;
  k->next_at = SIM_NEVER;
  k->next_attribute = arena_array(w->arena, double, k->def->n_attributes);
  for (int i = 0; i < k->def->n_attributes; i++) k->next_attribute[i] = k->def->attribute[i].produced ? NAN : 0;
  k->task = arena_array(w->arena, struct task, k->def->n_tasks);
  for (int t = 0; t < k->def->n_tasks; t++) {
    task_init(w, &k->task[t], k->def, &k->def->task[t]);
    w->task[index * MAX_TASKS + t] = &k->def->task[t];
  }
  for (int i = 0; i < k->def->n_from; i++) k->n_devices += w->def->place[k->def->from[i]].count;
  size_t outputs = k->def->n_tasks > 1 ? (size_t)k->def->n_tasks * (sizeof(struct endpoint) + sizeof(uint16_t)) : 0;
  size_t bytes = sizeof(struct request) + (size_t)k->def->n_attributes * sizeof(double) + outputs + roam_bytes(w);
  k->versions_at = put_behind(&bytes, version_bytes(w, k->def));
  k->contents_at = put_behind(&bytes, exposure_bytes(w, k->def));
  k->delivered_at = put_behind(&bytes, k->def->unawaited ? sizeof(sim_time) : 0);
  k->requests = pool_new(bytes);
  estimators_init(w, k);
  users_init(w, k);
  if (k->def->arrivals.kind == ARRIVE_SESSION) k->sessions = sessions_new(w, k);
  k->source = source_new(w->def, index, &w->root, err);
  return k->source != NULL;
}

/* ---- the policy ------------------------------------------------------------------------------------------------ */

static bool has_choice(const struct world_def *def, const char **where)
{
  for (int k = 0; k < def->n_classes; k++)
    for (int t = 0; t < def->klass[k].n_tasks; t++)
      if (def->klass[k].task[t].n_plans > 1) {
        *where = def->klass[k].task[t].name;
        return true;
      }
  return false;
}

static int most_plans(const struct world_def *def)
{
  int most = 1;
  for (int k = 0; k < def->n_classes; k++)
    for (int t = 0; t < def->klass[k].n_tasks; t++)
      if (def->klass[k].task[t].n_plans > most) most = def->klass[k].task[t].n_plans;
  return most;
}

static bool needs_policy(const struct world_def *def, struct err *err)
{
  const char *where = NULL;
  if (!has_choice(def, &where)) return true;
  return err_add(err, (struct where){ 0 }, "task '%s' has several plans and there is no policy to choose", where);
}

static bool policy_init(struct world *w, struct err *err)
{
  w->actions = arena_array(w->arena, struct action_facts, most_plans(w->def));
  w->action_end = arena_array(w->arena, struct endpoint, most_plans(w->def));
  if (!w->setup.policy) return needs_policy(w->def, err);
  w->host = policy_host_new(w->setup.policy, w->def, &w->root, err);
  if (!w->host || !learner_in_reach(w->def, w->topology, w->setup.policy, err)) return false;
  const char *const *names, *const *units;
  w->n_features = policy_host_features(w->host, &names, &units);
  w->oracle = policy_host_needs_oracle(w->host);
  w->joins = joint_wanted(w);
  uint32_t columns = policy_host_columns(w->host);
  w->wants_estimates = columns & OFFSIM_COLUMNS_ESTIMATES;
  w->wants_queue = columns & (OFFSIM_COLUMN_QUEUE | OFFSIM_COLUMN_QUEUE_AGE);
  w->wants_state = policy_host_reads_state(w->host);
  for (int i = 0; i < w->n_features; i++) w->wants_queue |= strstr(names[i], "queue") != NULL;
  w->late = pool_new(sizeof(struct late_outcome));
  w->decisions = pool_new(sizeof(struct decision) + sizeof(double) * (size_t)w->n_features);
  return shadow_init(w, err);
}

/* ---- a world is made and freed --------------------------------------------------------------------------------- */

double horizon_warmup_s(const struct horizon_def *h)
{
  if (h->kind != HORIZON_STEADY) return 0;
  return h->warmup_s > 0 ? h->warmup_s : h->warmup_auto ? 0.1 * h->duration_s : 0;
}

static void window_init(struct world *w)
{
  const struct horizon_def *h = &w->def->horizon;
  w->window_from = ns_from_s(horizon_warmup_s(h));
  w->window_to = h->duration_s > 0 ? time_add(w->window_from, ns_from_s(h->duration_s)) : SIM_NEVER;
  w->run_end = time_add(w->window_to, ns_from_s(h->drain_max_s));
}

static bool world_build(struct world *w, struct err *err)
{
  flow_events(w->def, &w->events);
  fleet_events(w, &w->events);
  window_init(w);
  w->topology = topology_new(w->def, err);
  if (!w->topology) return false;
  w->mobility = mobility_new(w->def, &w->root);
  topology_set_mobility(w->topology, w->mobility);
  for (int k = 0; k < w->def->n_links; k++) w->has_late |= w->def->link[k].radio || w->def->link[k].transport;
  w->network = network_new(w->sim, w->def, w->topology, &w->root, &w->setup.sink);
  w->has_late |= network_detours(w->network) || network_resends(w->network);
  flow_reroutes(w);
  w->attempts = pool_new(sizeof(struct attempt));
  w->legs = pool_new(sizeof(struct leg));
  w->summary.n_places = w->def->n_places;
  w->summary.place = arena_array(w->arena, struct place_summary, w->def->n_places);
  w->summary.n_links = w->def->n_links;
  w->summary.link = arena_array(w->arena, struct link_summary, w->def->n_links);
  w->klass = arena_array(w->arena, struct klass, w->def->n_classes);
  w->task = arena_array(w->arena, const struct task_def *, w->def->n_classes * MAX_TASKS);
  places_init(w);
  calibration_init(w);
  states_new(w);
  trusts_new(w);
  exposure_new(w);
  guards_new(w);
  changes_new(w);
  w->quality_mean = arena_array(w->arena, double, w->def->n_variants);
  for (int v = 0; v < w->def->n_variants; v++) w->quality_mean[v] = quality_mean(&w->def->variant[v]);
  for (int i = 0; i < w->def->n_classes; i++)
    if (!class_init(w, i, err)) return false;
  task_effects_new(w);
  if (!policy_init(w, err) || !telemetry_new(w, err)) return false;
  if (!world_bounds(w->setup.policy)) return true;
  return bound_possible(w->def, w->setup.policy, err) && bound_new(w, err);
}

struct world *world_new(const struct run_setup *setup, struct err *err)
{
  if (!fits_memory(setup->def, err) || !size_possible(setup->def, setup->policy != NULL, err)) return NULL;
  struct world *w = zeros_new(1, sizeof *w);
  w->def = setup->def;
  w->setup = *setup;
  w->arena = arena_new();
  w->root = rng_root_make(setup->seed, setup->replication);
  w->sim = sim_new();
  w->clock = sim_clock(w->sim);
  sim_set_world(w->sim, w);
  if (setup->shuffle_ties) sim_shuffle_ties(w->sim, setup->shuffle_ties);
  level_start(&w->in_system, 0, 0);
  if (world_build(w, err)) return w;
  world_free(w);
  return NULL;
}

void world_free(struct world *w)
{
  if (!w) return;
  for (int i = 0; w->place && i < w->def->n_places; i++) {
    fleets_free(w, &w->place[i]);
    stations_free(w->place[i].stations, w->def->place[i].count);
  }
  for (int i = 0; w->klass && i < w->def->n_classes; i++) {
    if (w->klass[i].source) source_free(w->klass[i].source);
    if (w->klass[i].requests) pool_free(w->klass[i].requests);
    sessions_free(w->klass[i].sessions);
  }
  states_free(w);
  guards_free(w);
  efforts_free(w);
  task_effects_free(w);
  joint_free(w);
  policy_host_free(w->host);
  policy_host_free(w->shadow);
  changes_free(w);
  network_free(w->network);
  topology_free(w->topology);
  mobility_free(w->mobility);
  if (w->attempts) pool_free(w->attempts);
  if (w->legs) pool_free(w->legs);
  if (w->decisions) pool_free(w->decisions);
  if (w->late) pool_free(w->late);
  sim_free(w->sim);
  arena_free(w->arena);
  free(w);
}

static bool sources_possible(const struct world_def *def, struct err *err)
{
  struct rng_root root = rng_root_make(1, 0);
  size_t errors = err->n_errors;
  for (int i = 0; i < def->n_classes; i++) {
    struct source *s = source_new(def, i, &root, err);
    if (s) source_free(s);
  }
  return err->n_errors == errors;
}

bool world_check(const struct world_def *def, const struct policy_def *policy, int n_policies, struct err *err)
{
  if (!fits_memory(def, err) || !size_possible(def, n_policies > 0, err) || !sources_possible(def, err)) return false;
  struct topology *topology = topology_new(def, err);
  bool ok = topology && telemetry_possible(&def->telemetry, err) && (n_policies > 0 || needs_policy(def, err));
  for (int i = 0; topology && i < n_policies; i++) {
    ok = learner_in_reach(def, topology, &policy[i], err) && ok;
    if (world_bounds(&policy[i])) ok = bound_possible(def, &policy[i], err) && ok;
  }
  topology_free(topology);
  return ok;
}

/* A learner that goes by its state ends with it. */
static bool learned_nothing(const struct world *w)
{
  const struct policy_def *p = w->setup.policy;
  return !w->host || !p->frozen || !p->state || policy_host_unchanged(w->host, p);
}

bool world_save_learned(struct world *w, const struct offsim_stream *to, struct err *err)
{
  return w->host && policy_host_save(w->host, to, err);
}

struct sim *world_sim(const struct world *w) { return w->sim; }

int world_features(const struct world *w, const char *const **names, const char *const **units)
{
  *names = *units = NULL;
  return w->host ? policy_host_features(w->host, names, units) : 0;
}

/* A scheduler that reads true sizes knows more than any may: what runs on it is a reference, whoever decides. */
static bool reads_true_sizes(const struct place_def *p)
{
  return p->kind == PLACE_SERVERS && p->discipline == SRPT && !p->srpt_uses_estimate;
}

void world_remark(const struct world *w, char *text, size_t size)
{
  *text = 0;
  if (w->host) policy_host_remark(w->host, text, size);
}

const char *world_policy_kind(const struct world *w)
{
  if (w->bound) return "bound";
  for (int i = 0; i < w->def->n_places; i++)
    if (reads_true_sizes(&w->def->place[i])) return "reference";
  return w->host ? policy_host_kind(w->host) : "policy";
}

/* ---- the window ------------------------------------------------------------------------------------------------ */

static void open_window(struct world *w)
{
  if (w->mobility) roam_open_window(w);
  sim_time now = sim_now(w->sim);
  w->opened.at = now;
  w->opened.area_s = level_area_s(&w->in_system, now);
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++) {
    level_start(&p->in_flight, now, p->in_flight.value);
    p->api_arrived = p->api_blocked = p->api_completed = p->extrapolated = p->extrapolated_estimates = 0;
    for (uint64_t i = 0; p->stations && i < p->def->count; i++) station_open_window(station_nth(p->stations, i), now);
  }
}

static void sum_api(const struct place *p, sim_time now, double window_s, struct place_summary *out)
{
  out->in_system_mean = window_s > 0 ? level_mean(&p->in_flight, now) : 0;
  out->arrived = p->api_arrived;
  out->blocked = p->api_blocked;
  out->completed = p->api_completed;
  out->batch_size_mean = 1;
  out->utilization = NAN;                               /* nobody knows how many servers it has */
  llm_summary(p, &(struct llm_meters){ 0 }, window_s, out);
}

static void sum_stations(const struct place *p, sim_time now, double window_s, struct place_summary *out)
{
  struct station_meters m, all = { 0 };
  for (uint64_t i = 0; i < p->def->count; i++) {
    station_meters(station_nth(p->stations, i), now, &m);
    all.busy_slot_s += m.busy_slot_s;
    all.in_system_s += m.in_system_s;
    all.queue_s += m.queue_s;
    all.wait_s_sum += m.wait_s_sum;
    all.waits += m.waits;
    all.batch_sum += m.batch_sum;
    all.batches += m.batches;
    llm_add(&all.llm, &m.llm);
    out->arrived += m.arrived;
    out->blocked += m.blocked;
    out->completed += m.completed;
  }
  double slots = (double)p->def->count * p->def->servers * p->def->slots;
  out->utilization = window_s > 0 ? all.busy_slot_s / (slots * window_s) : 0;
  out->in_system_mean = window_s > 0 ? all.in_system_s / window_s : 0;
  out->queue_length_mean = window_s > 0 ? all.queue_s / window_s : 0;
  out->queue_wait_mean_s = all.waits ? all.wait_s_sum / (double)all.waits : 0;
  out->batch_size_mean = all.batches ? all.batch_sum / (double)all.batches : 1;
  llm_summary(p, &all.llm, window_s, out);
}

static void on_window_half(struct sim *s, void *world)
{
  struct world *w = world;
  w->half.at = sim_now(s);
  w->half.area_s = level_area_s(&w->in_system, w->half.at);
}

/* A window without an end that is known before, or cut short before its middle, has no halves. */
static void compare_halves(struct world *w, sim_time now)
{
  double *mean = w->summary.in_system_half, area_s = level_area_s(&w->in_system, now);
  bool both = w->half.at > w->opened.at && now > w->half.at;
  mean[0] = both ? (w->half.area_s - w->opened.area_s) / s_from_ns(w->half.at - w->opened.at) : NAN;
  mean[1] = both ? (area_s - w->half.area_s) / s_from_ns(now - w->half.at) : NAN;
}

void world_close_window(struct world *w)
{
  sim_time now = sim_now(w->sim);
  if (w->window_closed) return;
  w->window_closed = true;
  compare_halves(w, now);
  w->summary.window_s = s_from_ns(now > w->window_from ? now - w->window_from : 0);
  if (w->mobility) roam_close_window(w);
  for (int i = 0; i < w->def->n_places; i++) {
    struct place_summary *out = &w->summary.place[i];
    if (w->place[i].stations) sum_stations(&w->place[i], now, w->summary.window_s, out);
    else sum_api(&w->place[i], now, w->summary.window_s, out);
    out->blocked_ratio = out->arrived ? (double)out->blocked / (double)out->arrived : 0;
  }
  if (w->run_end == SIM_NEVER || now < w->window_to) {  /* the cohort was full before its time was over */
    w->run_end = time_add(now, ns_from_s(w->def->horizon.drain_max_s));
    world_at_end(w);
  }
}

static void on_window_opens(struct sim *s, void *world) { (void)s; open_window(world); }

static void on_window_closes(struct sim *s, void *world)
{
  (void)s;
  world_close_window(world);
  world_check_end(world);
}

static void on_end(struct sim *s, void *world)
{
  struct world *w = world;
  (void)s;
  if (sim_now(w->sim) >= w->run_end) sim_stop(w->sim);
}

void world_at_end(struct world *w)
{
  sim_at(w->sim, w->run_end, PRIORITY_LAST, on_end, w);
}

void world_check_end(struct world *w)
{
  if (w->window_to == SIM_NEVER && w->sources_dry && w->in_system.value == 0) world_close_window(w);
  if (w->window_closed && w->cohort_open == 0) sim_stop(w->sim);
}

/* ---- time series ----------------------------------------------------------------------------------------------- */

enum { SAMPLED_MEMBERS = 4096 };        /* beyond it every k-th member is looked at and counts k times */

/* Of every step-th member. */
static double level_of(const struct place *p, uint32_t step, sim_time now)
{
  double left_j = 0, n = 0;
  for (uint64_t i = 0; i < p->def->count; i += step, n++) left_j += station_battery_j(station_nth(p->stations, i), now);
  return left_j / n / p->def->supply->battery->capacity_j;
}

static struct place_sample sample_of(const struct place *p, sim_time now)
{
  uint32_t all = (uint32_t)(p->def->count * (uint64_t)p->def->servers * (uint64_t)p->def->slots);
  struct place_sample s = { .slots = p->fleets ? 0 : all, .battery = NAN };
  if (!p->stations) return (struct place_sample){ .busy = (uint32_t)p->in_flight.value, .battery = NAN };
  uint32_t step = (uint32_t)((p->def->count + SAMPLED_MEMBERS - 1) / SAMPLED_MEMBERS);
  for (uint64_t i = 0; i < p->def->count; i += step) {
    const struct station *member = station_nth(p->stations, i);
    s.queue += step * station_queue(member);
    s.busy += step * station_busy(member);
    if (p->fleets) s.slots += step * station_open_slots(member);
  }
  if (p->def->supply && p->def->supply->battery) s.battery = level_of(p, step, now);
  return s;
}

static void on_sample(struct sim *s, void *world)
{
  struct world *w = world;
  for (int i = 0; i < w->def->n_places; i++) w->sample[i] = sample_of(&w->place[i], sim_now(s));
  w->setup.sink.sample(w->setup.sink.context, sim_now(s), w->sample, w->def->n_places);
  sim_after(s, ns_from_s(w->def->sample_s), PRIORITY_OBSERVE, on_sample, w);
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static void schedule_horizon(struct world *w)
{
  if (w->window_from > 0) sim_at(w->sim, w->window_from, PRIORITY_OBSERVE, on_window_opens, w);
  if (w->window_to != SIM_NEVER) {
    sim_at(w->sim, w->window_from + (w->window_to - w->window_from) / 2, PRIORITY_OBSERVE, on_window_half, w);
    sim_at(w->sim, w->window_to, PRIORITY_OBSERVE, on_window_closes, w);
  }
  if (w->run_end != SIM_NEVER) world_at_end(w);
  if (w->def->sample_s > 0 && w->setup.sink.sample) sim_at(w->sim, 0, PRIORITY_OBSERVE, on_sample, w);
}

/* Whole-run meters, after the last attempt has been settled. */
static void read_meters(struct world *w)
{
  struct station_meters m;
  for (struct place *p = w->place; p < w->place + w->def->n_places; p++)
    for (uint64_t i = 0; p->stations && i < p->def->count; i++) {
      station_meters(station_nth(p->stations, i), sim_now(w->sim), &m);
      p->busy_slot_s[kind_of(p, (uint32_t)i)] += m.run_busy_slot_s;
      p->batch_j += m.run_batch_j;
      p->over_slot_s += m.run_over_slot_s;
      p->orphan_slot_s[kind_of(p, (uint32_t)i)] += m.llm.whole.orphan_s * p->def->slots;
      if (p->def->llm && steptime_has_energy(p->def->llm->kind[kind_of(p, (uint32_t)i)].step_time))
        p->orphan_j += m.llm.whole.orphan_j;
      p->tokens_made += m.llm.whole.tokens_made;
    }
}

static void check_conservation(struct world *w)
{
  const struct run_summary *sum = &w->summary;
  sim_assert(w->in_system.value == 0 && pool_live(w->attempts) == 0 && pool_live(w->legs) == 0);
  sim_assert(efforts_live(w) == 0);
  sim_assert(!w->decisions || pool_live(w->decisions) + pool_live(w->late) == 0);
  sim_assert(w->all_in == w->all_completed + w->all_failed + w->all_censored);
  sim_assert(sum->requests == sum->completed + sum->failed + sum->censored);
  level_set(&w->in_system, sim_now(w->sim), 0);
  sim_assert(w->in_system.area == w->sojourn_ns);
}

static void sum_up(struct world *w)
{
  struct run_summary *sum = &w->summary;
  sum->events = sim_events(w->sim);
  sum->ties = sim_ties(w->sim);
  sum->requests = w->cohort;
  sum->run_s = s_from_ns(sim_now(w->sim));
  for (int k = 0; k < sum->n_links; k++) sum->link[k] = network_summary(w->network, k);
  sum->workload_is_fit = -1;
  for (int i = 0; i < w->def->n_classes; i++) {
    int fit = source_is_fit(w->klass[i].source);
    sum->trace_rows_used += source_rows(w->klass[i].source);
    if (fit > sum->workload_is_fit) sum->workload_is_fit = fit;
  }
}

bool world_run(struct world *w, struct run_summary *summary, struct err *err)
{
  w->err = err;
  schedule_horizon(w);
  telemetry_start(w);
  control_start(w);
  guards_start(w);
  requests_start(w);
  sim_run(w->sim, SIM_NEVER);
  if (w->failed) return false;
  world_close_window(w);
  requests_censor(w);
  outcomes_flush(w);
  if (w->failed || (w->host && !policy_host_settle(w->host, err))) return false;
  if (w->bound) bound_end(w);
  if (!learned_nothing(w))
    return err_plugin(err, "policy '%s' changed its state, although it is frozen", w->setup.policy->name);
  sum_up(w);
  check_conservation(w);
  read_meters(w);
  guards_close(w);
  task_effects_close(w);
  for (int i = 0; i < w->def->n_places; i++) supply_read(w, &w->place[i], &w->summary.place[i]);
  ledger_close(w);
  exposure_close(w);
  *summary = w->summary;
  return true;
}
