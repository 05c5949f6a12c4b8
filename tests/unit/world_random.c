/* Many small random worlds: whatever happens in them, the records add up. The assertions at the end of each run
 * (conservation, Little's law, both ledgers) are part of the test. */
#include "models/effects.h"
#include "models/link_process.h"
#include "models/recall.h"
#include "sim/rng.h"
#include "tests/unit/world_rig.h"

enum { WORLDS = 200 };

static uint64_t pick(struct rng *g, uint64_t n) { return rng_below(g, n); }
static bool one_in(struct rng *g, uint64_t n) { return pick(g, n) == 0; }

static const struct dist *stock(struct rng *g, const char *kind)
{
  static const struct dist *kept[3][4];
  static const double means[] = {0.002, 0.05, 0.4, 3};
  int i = (int)pick(g, 4), k = !strcmp(kind, "constant") ? 0 : !strcmp(kind, "exponential") ? 1 : 2;
  if (!kept[k][i]) kept[k][i] = k == 0 ? always(means[i]) : drawn(kind, means[i], k == 2 ? 0.7 : NAN);
  return kept[k][i];
}

/* Everything that a list may ask for; months end within a run. */
static const struct price_tier list_tiers[] = {{0, 0}, {1e4, 1e-7}, {1e5, 5e-8}};
static const struct tariff_terms list_terms = {.minimum_s = 2, .granularity_s = 0.5, .has_cached = true,
  .usd_per_tok_cached = 1e-7, .long_tok = 100, .long_in = 2, .long_out = 1.5, .free_requests = 3, .free_use_s = 10,
  .n_tiers = 3, .tier = list_tiers, .used_bytes = 5e3, .month_s = 40, .usd_per_j = 3e-8, .sensitivity = 0.1};

static void random_places(struct rig *r, struct rng *g)
{
  static const int cards[] = {0, 1};
  static const double weights[] = {0.5, 0.5};
  r->place[3].kind = PLACE_API;
  r->place[3].ttft_s = stock(g, "lognormal");
  r->place[3].tpot_s = 0.01;
  if (one_in(g, 3)) r->place[3].limit_requests_per_s = 0.3;
  for (int i = 0; i < 3; i++) {
    struct place_def *p = &r->place[i];
    p->count = i == 0 ? 1 + pick(g, 30) : 1 + pick(g, 3);
    p->servers = (int)(1 + pick(g, 3));
    p->slots = (int)(1 + pick(g, 3));
    p->discipline = (enum discipline)pick(g, 7);
    p->dispatch = (enum dispatch)pick(g, 4);
    p->capacity = one_in(g, 3) ? 1 + pick(g, 20) : 0;
    p->n_hardware = (int)(1 + pick(g, 2));
    p->hardware = cards;
    p->hardware_weight = weights;
    p->srpt_uses_estimate = one_in(g, 2);
    p->tariff = (struct tariff_def){0.01, 0.001, 1e-6, 4e-6, 1e-7, one_in(g, 2), NULL};
    if (p->slots != 2 && p->discipline != PROCESSOR_SHARING) p->tariff.terms = &list_terms;
  }
  for (int h = 0; h < 2; h++) {
    r->hardware[h] = (struct hardware_def){.name = h ? "new" : "old", .flop_per_s = h ? 2e12 : 1e12, .byte_per_s = 1e11,
      .memory_bytes = 8e9, .idle_w = 5, .busy_w = 50, .tokens = r->cost[h]};
    for (int v = 0; v < 2; v++)
      r->cost[h][v] = (struct token_cost){!(h == 0 && v == 1), 2000, 0.01, 0.001, 0, 0, (int)(1 + pick(g, 8))};
  }
  r->variant[0] = (struct variant_def){.name = "small", .parameters = 1e9, .weight_bytes = 2e9, .kv_bytes_per_tok = 1e5, .skill = 0.4, .width = 0.1, .top = 0.9};
  r->variant[1] = (struct variant_def){.name = "large", .parameters = 8e9, .weight_bytes = 7.9e9, .kv_bytes_per_tok = 1e6, .skill = 0.8, .top = 1};
  r->def.n_variants = 2;
  r->def.n_places = 4;
  r->def.n_links = 3;
}

/* Every other link varies by itself. */
static const struct link_process_def *some_process(struct rng *g, const struct link_def *l)
{
  static const struct rate_process_def rate = {.sigma = 1, .correlation = .8, .step_s = 1, .idle = .1};
  static const struct loss_def loss = {.to_bad = .01, .to_good = .2, .bad = .5, .good = .001, .packet_bytes = 1500,
                                       .retransmit_s = .05};
  static struct link_process_def all[16 * WORLDS];
  static int n;
  struct link_process_def *d = &all[n++ % (16 * WORLDS)];
  *d = (struct link_process_def){0};
  d->offset_s = -1;
  d->sharer = l->shared_by == SHARED_BY_CELL ? PER_CELL : l->shared_by == SHARED_BY_LINK ? PER_LINK : PER_DEVICE;
  d->per = (enum process_per)pick(g, 3);
  if (one_in(g, 2)) d->spikes = (struct spikes_def){stock(g, "exponential"), NULL, stock(g, "lognormal"), NULL};
  if (one_in(g, 2)) d->outages = (struct link_outages_def){stock(g, "exponential"), stock(g, "exponential")};
  if (one_in(g, 2) && l->up_byte_per_s > 0) d->rate = &rate;
  if (one_in(g, 2)) d->loss = &loss;
  return one_in(g, 2) ? d : NULL;
}

/* A radio that sleeps within the gaps of these worlds, for the devices' link; connections that close, for all. */
static void random_gates(struct rig *r, struct rng *g)
{
  static const struct radio_def radio = {.up_j_per_byte = 1e-6, .down_j_per_byte = 1e-7, .base_w = 1.3, .n_stages = 3,
    .stage = {{.for_s = 0.1, .power_w = 1}, {.for_s = 0.4, .power_w = 0.5, .cycle_s = 0.04, .on_s = 0.01, .resume_s = 0.02, .resume_w = 1},
              {.cycle_s = 0.3, .on_s = 0.02, .on_w = 0.6, .power_w = 0.01, .resume_s = 0.06, .resume_w = 1.2}}};
  static const struct transport_def rule[] = {
    {.protocol = TRANSPORT_TCP, .keep_s = 1, .rto_s = 0.1, .cpu_speed = 1},
    {.protocol = TRANSPORT_TLS13, .resume = RESUME_EARLY_DATA, .keep_s = 0, .rto_s = 1, .dns_keep_s = 3, .cpu_speed = 1, .cpu_w = 2},
    {.protocol = TRANSPORT_QUIC, .resume = RESUME_SESSION, .keep_s = 2, .rto_s = 0.2, .chain_bytes = 5e3, .cpu_speed = 0.5, .cpu_w = 2}};
  if (one_in(g, 2)) {
    r->link[0].radio = &radio;
    r->link[0].device_tx_w = r->link[0].device_rx_w = 0;
  }
  for (int i = 0; i < 3; i++) r->link[i].transport = one_in(g, 3) ? &rule[pick(g, 3)] : NULL;
}

static void random_links(struct rig *r, struct rng *g)
{
  struct rng of_processes = *g;                     /* the worlds stay as they are */
  rng_u64(&of_processes);
  for (int i = 0; i < 3; i++) {
    struct link_def *l = &r->link[i];
    l->latency_s = one_in(g, 3) ? always(0) : stock(g, one_in(g, 2) ? "constant" : "lognormal");
    l->up_byte_per_s = one_in(g, 3) ? 0 : 1e5;
    l->down_byte_per_s = one_in(g, 3) ? 0 : 2e5;
    l->shared_by = (enum link_share)pick(g, 4);
    l->kind = (enum link_kind)pick(g, 3);
    l->max_min = l->kind == LINK_FLUID && l->shared_by != SHARED_BY_NONE && one_in(g, 2);
    l->device_tx_w = 1;
    l->device_rx_w = 0.5;
    l->j_per_byte = 1e-8;
    l->usd_per_byte_up = 1e-9;
    l->process = some_process(&of_processes, l);
  }
  random_gates(r, &of_processes);
}

static void random_work(struct rig *r, struct rng *g, int task, int variants)
{
  static const int both[] = {0, 1};
  r->task[task].n_variants = variants;
  r->task[task].variant = both;
  for (int v = 0; v < (variants ? variants : 1); v++) {
    struct work_def *work = &r->work[task][v];
    *work = (struct work_def){.kind = WORK_TIME, .time_s = stock(g, one_in(g, 2) ? "exponential" : "constant")};
    if (variants)
      *work = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(100), .tok_out = attribute_value(1),
                                .noise_sigma = 0.1};
    else if (one_in(g, 3)) *work = (struct work_def){.kind = WORK_ROOFLINE, .flop = amount(2e11), .bytes = amount(1e9)};
  }
}

static void random_task(struct rig *r, struct rng *g, int i)
{
  uint32_t after = i == 0 ? 0 : (uint32_t)pick(g, 1u << i);
  rig_task(r, i, after, 1, plan_origin());
  struct task_def *t = &r->task[i];
  random_work(r, g, i, one_in(g, 2) ? 2 : 0);
  t->n_plans = (int)(1 + pick(g, 4));
  for (int p = 0; p < t->n_plans; p++)
    r->plan[i][p] = (struct plan_def){(enum place_word)pick(g, 3), (int)pick(g, 4), 0,
                                      (int)pick(g, t->n_variants ? 2 : 1), "plan", 0};
  t->output_bytes = amount(1e4);
  t->stream = one_in(g, 2);
  t->successor_starts_on_first = one_in(g, 2);
  if (one_in(g, 2)) t->timeout_s = 1.5;
  if (one_in(g, 3)) t->timeout_first_s = 0.4;
  if (one_in(g, 4)) t->repeat_probability = 0.3;
  r->fallback[0] = (struct fallback_def){.plan = plan_origin()};
  r->fallback[1] = (struct fallback_def){.answers = true, .answer = "none", .quality = 0.3};
  t->fallback = r->fallback;
  t->n_fallbacks = (int)pick(g, 3);
}

static void random_requests(struct rig *r, struct rng *g)
{
  r->klass[0].n_tasks = (int)(1 + pick(g, 4));
  for (int i = 0; i < r->klass[0].n_tasks; i++) random_task(r, g, i);
  r->klass[0].n_attributes = 2;
  r->attribute[1] = (struct attribute_def){.name = "tokens", .unit = "tok", .known = KNOWN_COMPLETION,
                                           .dist = always(20),
                                           .estimator = (enum estimator)pick(g, 3), .estimate = 10};
  r->klass[0].input_bytes = amount(5e3);
  r->klass[0].priority = (int)pick(g, 3);
  r->klass[0].slo_e2e_s = 2;
  r->klass[0].zones = one_in(g, 4) ? 3 : 7;
  if (one_in(g, 4))
    r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 1 + pick(g, 20),
                                                 .think_s = stock(g, "exponential")};
  else r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 0.5 + (double)pick(g, 10)};
}

/* A parameter, or a world of a special kind. */
static bool asks_for_more(const char *policy)
{
  const struct offsim_policy *p = policy_builtin(policy);
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (p->parameter[i].required) return true;
  return !strcmp(policy, "threshold") || strstr(policy, "_bound");
}

static void random_rest(struct rig *r, struct rng *g)
{
  const char *const *names;
  size_t n = policy_builtin_names(&names);
  do r->policy.policy = names[pick(g, n)];
  while (asks_for_more(r->policy.policy));
  r->policy.name = "p";
  r->policy.at_place = one_in(g, 3) ? 1 : NONE;
  r->policy.scope = (enum scope)pick(g, 3);
  r->policy.decision_s = one_in(g, 2) ? 0.01 : 0;
  r->def.telemetry.ideal = one_in(g, 3);
  r->def.telemetry.noise = 0.1;
  r->def.objective = (struct objective_def){-1, -100, -0.01, 1, -5};
  r->def.horizon = (struct horizon_def){.kind = (enum horizon_kind)pick(g, 2), .duration_s = 30, .warmup_s = 5,
                                        .drain_max_s = one_in(g, 2) ? 5 : 1000, .max_requests = one_in(g, 3) ? 50 : 0};
  r->def.sample_s = 1;
  r->def.record_transfers = one_in(g, 2);
}

/* Work without tokens, and batches at most places. */
static void random_batches(struct rig *r, struct rng *g, struct batching_def rule[3])
{
  static const uint32_t preferred[] = {2, 3};
  for (int i = 0; i < r->klass[0].n_tasks; i++) {
    random_work(r, g, i, 0);
    for (int p = 0; p < r->task[i].n_plans; p++) r->plan[i][p].variant = 0;
  }
  for (int i = 0; i < 3; i++) {
    enum discipline discipline = r->place[i].discipline;
    rule[i] = (struct batching_def){
      .kind = (enum batching_kind)(1 + pick(g, 5)), .size = 3 + (uint32_t)pick(g, 6),
      .timeout_s = one_in(g, 2) ? 0.3 : 0,
      .delays = one_in(g, 2), .max_queue_delay_s = one_in(g, 2) ? 0.05 : 0, .preferred = preferred,
      .n_preferred = one_in(g, 2) ? 2 : 0, .max_queue_size = one_in(g, 3) ? 4 : 0, .preserve_ordering = one_in(g, 2),
      .time_of = (enum batch_time)pick(g, 4), .time_s = {.a = 0.1, .c = 0.05}, .energy_j = {.a = 1, .c = 0.5},
      .has_energy = one_in(g, 2), .target_s = 0.3, .increase = 1, .decrease = 0.9};
    if (discipline != PROCESSOR_SHARING && discipline != PRIORITY_PREEMPTIVE) r->place[i].batching = &rule[i];
  }
}

struct lives { struct instances_def come[3]; struct failures_def fail[3]; struct cold_start_def start; };

/* Servers that start cold, scale and fail, with whatever discipline or batching the place has. */
static void random_lives(struct rig *r, struct rng *g, struct lives *all)
{
  static struct cold_step_def step = {.name = "start"}, pull = {.name = "pull", .bytes = 1e6, .byte_per_s = 5e6,
                                                                .cached = true};
  static struct cold_step_def steps[2];
  step.time_s = stock(g, "lognormal");
  steps[0] = step, steps[1] = pull;
  all->start = (struct cold_start_def){2, steps};
  for (int i = 0; i < 3; i++) {
    struct place_def *p = &r->place[i];
    bool moves = p->batching || p->discipline == PROCESSOR_SHARING || p->discipline == PRIORITY_PREEMPTIVE
                 || p->discipline == SRPT;
    all->come[i] = (struct instances_def){.min = (uint32_t)pick(g, 2), .max = (uint32_t)p->servers,
      .cold_start = &all->start, .keep = (enum keep_alive)pick(g, 3), .keep_s = one_in(g, 3) ? 0 : 2, .bin_s = 0.5,
      .range_s = 20, .head = 0.05, .tail = 0.99, .margin = 0.1, .queue_at_instance = !moves && one_in(g, 2),
      .by = one_in(g, 2) ? SCALE_BY_DEMAND : (enum scale_by)pick(g, 4), .target = 0.7, .period_s = 1,
      .delay_s = one_in(g, 2), .cooldown_s = 2, .warm_w = 3};
    all->fail[i] = (struct failures_def){.mtbf_s = stock(g, "exponential"), .mttr_s = stock(g, "lognormal"),
                                         .work = (enum failure_work)pick(g, 3),
                                         .scope = (enum failure_scope)pick(g, 4)};
    if (!one_in(g, 3)) p->instances = &all->come[i];
    if (one_in(g, 2) && dist_mean(all->fail[i].mtbf_s) > 0.1) p->failures = &all->fail[i];
  }
}

struct around {
  struct retry_def retry[4]; struct hedge_def hedge[4]; struct judge_def judge[4]; struct life_def life[4];
  struct breaker_def breaker[4]; struct health_def health[4]; struct shed_def shed[4]; struct guard_def guard[4];
};

static void random_guards(struct rig *r, struct rng *g, struct around *all)
{
  for (int i = 0; i < 4; i++) {
    all->breaker[i] = (struct breaker_def){1 + (uint32_t)pick(g, 5), 1 + (uint32_t)pick(g, 3), 0.6, 2};
    all->health[i] = (struct health_def){one_in(g, 2) ? 0.5 : 0.1, one_in(g, 2) ? 0.2 : 0.01, 100, 2, 1 + (uint32_t)pick(g, 2),
                                         NONE};
    all->shed[i] = one_in(g, 3) ? (struct shed_def){.queue = 1 + pick(g, 4)}
                 : one_in(g, 2) ? (struct shed_def){.wait_s = 0.3} : (struct shed_def){.probability = 0.2};
    all->guard[i] = (struct guard_def){one_in(g, 2) ? &all->breaker[i] : NULL, one_in(g, 2) ? &all->health[i] : NULL,
                                       one_in(g, 3) ? &all->shed[i] : NULL};
    if (!one_in(g, 3)) r->place[i].guard = &all->guard[i];
  }
}

/* Everything beyond one attempt at a time, in any combination. */
static void random_around(struct rig *r, struct rng *g, struct around *all)
{
  static const double quantiles[] = {0, 0.5, 0.95};
  for (int i = 0; i < r->klass[0].n_tasks; i++) {
    struct task_def *t = &r->task[i];
    all->retry[i] = (struct retry_def){2 + (unsigned)pick(g, 3), (uint32_t)pick(g, 1u << STATUS_NO_POWER), one_in(g, 4) ? 0 : 0.1, 2, 1,
                                       one_in(g, 2) ? -1 : 0.3, 3, one_in(g, 2)};
    all->hedge[i] = (struct hedge_def){one_in(g, 3) ? 0 : 0.02, quantiles[pick(g, 3)], one_in(g, 2), one_in(g, 2),
                                       {WORD_PLACE, (int)pick(g, 4), 0, 0, "copy", 0}};
    all->judge[i] = (struct judge_def){0.2, one_in(g, 3) ? 0 : 0.6};
    all->life[i] = (struct life_def){one_in(g, 3) ? NULL : &all->retry[i], one_in(g, 3) ? NULL : &all->hedge[i],
                                     one_in(g, 2) ? NULL : &all->judge[i]};
    if (!one_in(g, 4)) t->life = &all->life[i];
  }
  random_guards(r, g, all);
}

/* Tasks that are skipped, that end the request, that search; by attributes of which half the requests have either value. */
static void random_conditions(struct rig *r, struct rng *g, struct effect_def all[4], struct recall_def recall[4])
{
  static const struct expr_op half[] = {{EXPR_NUMBER, 0, 0.5}}, low[] = {{EXPR_ATTRIBUTE, 2, 0}, {EXPR_NUMBER, 0, 0.6}, {EXPR_LESS, 0, 0}},
    high[] = {{EXPR_ATTRIBUTE, 2, 0}, {EXPR_NUMBER, 0, 0.3}, {EXPR_GREATER, 0, 0}}, found[] = {{EXPR_ATTRIBUTE, 3, 0}};
  static const struct produced_def makes = {3, 0};
  static const struct dist *uniform;
  if (!uniform) uniform = drawn("uniform", 0, 1);
  r->klass[0].n_attributes = 4;
  r->attribute[2] = (struct attribute_def){.name = "x", .unit = "", .known = KNOWN_ARRIVAL, .dist = uniform};
  r->attribute[3] = (struct attribute_def){.name = "first_found", .unit = "", .known = KNOWN_AFTER_TASK, .produced = true, .high = 1};
  for (int i = 0; i < r->klass[0].n_tasks; i++) {
    recall[i] = (struct recall_def){{1, 0, half}, 0.5, 3};
    bool after_search = r->task[i].after & 1 && !(r->task[0].stream && r->task[0].successor_starts_on_first);
    if (i == 0) all[i] = (struct effect_def){.recall = &recall[i], .n_produced = 1, .produced = &makes};
    else all[i] = (struct effect_def){0};
    if (one_in(g, 2)) all[i].when = after_search && one_in(g, 2) ? (struct expr){1, 8, found} : (struct expr){3, 4, low};
    if (one_in(g, 3)) all[i].ends = i == 0 && one_in(g, 2) ? (struct expr){1, 8, found} : (struct expr){3, 4, high};
    if (i == 0 || all[i].when.n || all[i].ends.n) r->task[i].effect = &all[i];
  }
  effects_link(&r->klass[0], r->task);
}

/* What the records say among themselves. */
static void audit(const struct rig *r)
{
  const struct kept *k = r->kept;
  double direct_j = 0, usd = 0, attempts_j = 0, attempts_usd = 0;
  for (int i = 0; i < k->requests; i++) {
    const struct request_record *q = &k->request[i];
    direct_j += q->energy_direct_j;
    usd += q->cost_usd;
    assert_true(q->status != STATUS_OPEN);
    if (q->status != STATUS_CENSORED) assert_true(q->completed_ns >= q->arrived_ns);
    if (q->status == STATUS_COMPLETED)
      assert_true(q->first_token_ns <= q->completed_ns && q->first_token_ns >= q->arrived_ns);
    assert_true(q->energy_device_j > -1e-12);
    assert_true(q->energy_device_j <= q->energy_direct_j * (1 + 1e-12) + 1e-15);     /* cut transfers round */
  }
  for (int i = 0; i < k->attempts; i++) {
    const struct attempt_record *a = &k->attempt[i];
    int64_t sum = a->started_ns;
    for (int p = 0; p < N_PHASES; p++) {
      assert_true(a->phase_ns[p] >= 0);
      sum += a->phase_ns[p];
    }
    assert_int_equal(sum, a->ended_ns);
    attempts_j += a->energy_device_j + a->energy_network_j + a->energy_server_j;
    attempts_usd += a->cost_usd;
    if (r->klass[0].zones == 3 && a->bytes_up > 0) assert_true(r->place[a->place].zone < 2);
  }
  if (k->requests == KEPT || k->attempts == KEPT) return;       /* not all were kept */
  assert_true(fabs(direct_j - attempts_j) <= 1e-9 * (1 + direct_j));
  assert_true(fabs(usd - attempts_usd) <= 1e-9 * (1 + usd));
  assert_true(fabs(direct_j - r->summary.energy_direct_j) <= 1e-9 * (1 + direct_j));
  assert_true(fabs(usd - r->summary.cost_direct_usd) <= 1e-9 * (1 + usd));
  assert_true(r->summary.energy_total_j >= direct_j * (1 - 1e-9));
}

static int by_key(const void *left, const void *right)
{
  const struct attempt_record *a = left, *b = right;
  if (a->request != b->request) return a->request < b->request ? -1 : 1;
  return a->task != b->task ? a->task - b->task : a->attempt - b->attempt;
}

/* (request, task, attempt) names one attempt; sorts what was kept. */
static void names_are_unique(struct kept *k)
{
  qsort(k->attempt, (size_t)k->attempts, sizeof *k->attempt, by_key);
  for (int i = 1; i < k->attempts; i++)
    if (k->attempt[i].attempt < 255) assert_true(by_key(&k->attempt[i - 1], &k->attempt[i]) < 0);
}

/* $SEED, else always the same. */
static uint64_t seed_of_worlds(void)
{
  const char *text = getenv("SEED");
  return text && *text ? strtoull(text, NULL, 10) : 20240917;
}

static void try_worlds(bool batches, bool lives, bool around, bool conditions, unsigned long seen[N_STATUS], unsigned long roles[8])
{
  struct rng_root root = rng_root_make(seed_of_worlds(), batches + 2 * lives + 4 * around + 8 * conditions);
  for (uint64_t i = 0; i < WORLDS; i++) {
    struct rng g = rng_open(&root, 1, i, 0);
    struct rig *r = rig_new();
    random_places(r, &g);
    random_links(r, &g);
    random_requests(r, &g);
    random_rest(r, &g);
    struct batching_def rule[3];
    struct lives come;
    struct around more;
    struct effect_def effects[4];
    struct recall_def recalls[4];
    if (batches) random_batches(r, &g, rule);
    if (lives) random_lives(r, &g, &come);
    if (around) random_around(r, &g, &more);
    if (conditions) random_conditions(r, &g, effects, recalls);
    r->replication = i;
    rig_run(r);
    audit(r);
    names_are_unique(r->kept);
    for (int a = 0; a < r->kept->attempts; a++) seen[r->kept->attempt[a].status]++, roles[r->kept->attempt[a].role]++;
    rig_free(r);
  }
}

static void test_random_worlds(void **state)
{
  (void)state;
  unsigned long seen[N_STATUS] = {0}, roles[8] = {0};
  try_worlds(false, false, false, false, seen, roles);
  for (int s = STATUS_COMPLETED; s < STATUS_LOST; s++)
    if (s != STATUS_ANSWERED) assert_true(seen[s] > 0);         /* every way to end occurred */
}

static void test_random_batches(void **state)
{
  (void)state;
  unsigned long seen[N_STATUS] = {0}, roles[8] = {0};
  try_worlds(true, false, false, false, seen, roles);
  assert_true(seen[STATUS_COMPLETED] > 0 && seen[STATUS_REJECTED] > 0 && seen[STATUS_BLOCKED] > 0);
}

static void test_random_lives(void **state)
{
  (void)state;
  unsigned long seen[N_STATUS] = {0}, roles[8] = {0};
  try_worlds(false, true, false, false, seen, roles);
  try_worlds(true, true, false, false, seen, roles);
  assert_true(seen[STATUS_COMPLETED] > 0 && seen[STATUS_LOST] > 0 && seen[STATUS_REJECTED] > 0);
}

/* Retries, copies, cascades and guards on top of all that. */
static void test_random_around(void **state)
{
  (void)state;
  unsigned long seen[N_STATUS] = {0}, roles[8] = {0};
  try_worlds(false, false, true, false, seen, roles);
  try_worlds(true, false, true, false, seen, roles);
  try_worlds(false, true, true, false, seen, roles);
  try_worlds(true, true, true, false, seen, roles);
  assert_true(roles[ROLE_RETRY] > 0 && roles[ROLE_HEDGE] > 0 && roles[ROLE_SHED] > 0 && roles[ROLE_RETRY | ROLE_SHED] > 0);
}

/* Whatever else happens in them. */
static void test_random_conditions(void **state)
{
  (void)state;
  unsigned long seen[N_STATUS] = {0}, roles[8] = {0};
  try_worlds(false, false, false, true, seen, roles);
  try_worlds(true, false, true, true, seen, roles);
  try_worlds(false, true, true, true, seen, roles);
  assert_true(seen[STATUS_COMPLETED] > 0 && seen[STATUS_CANCELLED] > 0 && seen[STATUS_TIMEOUT] > 0);
}

int main(void)
{
  printf("# the same worlds again: SEED=%llu build/tests/world_random\n", (unsigned long long)seed_of_worlds());
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_worlds), cmocka_unit_test(test_random_batches),
                                     cmocka_unit_test(test_random_lives), cmocka_unit_test(test_random_around),
                                     cmocka_unit_test(test_random_conditions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
