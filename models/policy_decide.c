/* policy_decide.c: the policy host during a run: facts in, a checked action out; outcomes back to the learner. */
#include "models/learned.h"
#include "models/policy_parts.h"
#include "models/policy_python.h"
#include "models/streams.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers ---------------------------------------------------------------------------------------------- */

/* The stream of a decision is opened by its first draw: most policies draw nothing. */
static struct rng *stream(struct offsim_random *r)
{
  if (!r->open) r->rng = rng_open(r->root, STREAM_POLICY, r->learner, r->decision);
  r->open = true;
  return &r->rng;
}
static double draw_uniform(struct offsim_random *r) { return rng_uniform(stream(r)); }
static double draw_normal(struct offsim_random *r) { return rng_normal(stream(r)); }
static double draw_exponential(struct offsim_random *r) { return rng_exponential(stream(r)); }
static uint64_t draw_below(struct offsim_random *r, uint64_t n) { return rng_below(stream(r), n); }
static const struct offsim_random_functions functions = {
  sizeof functions, 0, draw_uniform, draw_normal, draw_exponential, draw_below};

static uint64_t learner_key(const struct policy_host *h, const struct decision_facts *f)
{
  return h->scope == SCOPE_DEVICE ? f->device : h->scope == SCOPE_SITE ? f->site : 0;
}

/* ---- what the policy sees ---------------------------------------------------------------------------------------- */

/* Shortest queue of a tier by telemetry, with its age. */
static double queue_of(const struct decision_facts *f, int tier, double *age_s)
{
  double least = NAN;
  for (int a = 0; a < f->n_actions; a++) {
    const struct action_facts *x = &f->action[a];
    if (x->tier != tier || !(isnan(least) || x->queue < least)) continue;
    least = x->queue;
    *age_s = x->queue_age_s;
  }
  return least;
}

static double estimate_of(const struct decision_facts *f, int attribute)
{
  return f->estimate ? f->estimate[attribute] : NAN;
}

static double feature_value(const struct decision_facts *f, const struct source *s, double *age_s)
{
  *age_s = 0;
  switch ((enum source_kind)s->kind) {
  case SOURCE_ATTRIBUTE: return f->attribute[s->attribute];
  case SOURCE_AFTER_TASK:
    return f->tasks_done >> s->after_task & 1 ? f->attribute[s->attribute] : estimate_of(f, s->attribute);
  case SOURCE_ESTIMATE: return estimate_of(f, s->attribute);
  case SOURCE_ELAPSED: return f->elapsed_s;
  case SOURCE_DEADLINE: return f->deadline_s;
  case SOURCE_SLACK: return f->deadline_s - f->elapsed_s;
  case SOURCE_HOUR: return fmod(s_from_ns(f->now) / 3600, 24);
  case SOURCE_NTH: return f->decision;
  case SOURCE_DEVICE_QUEUE: return queue_of(f, TIER_DEVICE, age_s);
  case SOURCE_EDGE_QUEUE: return queue_of(f, TIER_EDGE, age_s);
  case SOURCE_CLOUD_QUEUE: return queue_of(f, TIER_CLOUD, age_s);
  case SOURCE_BATTERY:
    if (isnan(f->battery_j)) break;
    return f->battery_j;
  case SOURCE_NETWORK: return f->network_s;
  case SOURCE_PRIORITY: return f->priority;
  case SOURCE_FLOP: return f->work_flop;
  case SOURCE_BYTES: return f->moved_bytes;
  case SOURCE_DENSITY: return f->work_flop / f->moved_bytes;
  case SOURCE_BATTERY_LEVEL:
    if (isnan(f->battery_level)) break;
    return f->battery_level;
  case SOURCE_WARMTH:
    if (isnan(f->warmth_c)) break;
    return f->warmth_c;
  case SOURCE_RETRIES:
    if (isnan(f->retries_left)) break;
    return f->retries_left;
  case SOURCE_BUDGET_USD: case SOURCE_BUDGET_J: case SOURCE_MISSING: break;
  }
  *age_s = NAN;
  return NAN;
}

enum { N_COLUMNS = 6 };
static const uint32_t column_bits[N_COLUMNS] = {OFFSIM_COLUMN_LATENCY, OFFSIM_COLUMN_COST, OFFSIM_COLUMN_ENERGY,
                                                OFFSIM_COLUMN_QUALITY, OFFSIM_COLUMN_QUEUE, OFFSIM_COLUMN_QUEUE_AGE};

static inline void copy_columns(double *const column[N_COLUMNS], int a, const struct action_facts *x)
{
  const double value[N_COLUMNS] = {x->est_latency_s, x->est_cost_usd, x->est_energy_j, x->est_quality, x->queue,
                                   x->queue_age_s};
  for (int i = 0; i < N_COLUMNS; i++)
    if (column[i]) column[i][a] = value[i];
}

static void copy_actions(struct policy_host *h, const struct decision_facts *f)
{
  const struct action_facts *x = f->action;
  for (int a = 0; a < f->n_actions; a++) {
    h->mask[a] = x[a].mask;
    h->place[a] = x[a].place;
    h->tier[a] = x[a].tier;
  }
  if (h->variant)
    for (int a = 0; a < f->n_actions; a++) h->variant[a] = x[a].variant;
  if (h->member)
    for (int a = 0; a < f->n_actions; a++) h->member[a] = x[a].member;
  if (h->policy->columns & (OFFSIM_COLUMNS_ESTIMATES | OFFSIM_COLUMN_QUEUE | OFFSIM_COLUMN_QUEUE_AGE))
    for (int a = 0; a < f->n_actions; a++) copy_columns(h->column, a, &x[a]);
}

static const struct decision_kind *kind_of(const struct policy_host *h, const struct decision_facts *f,
                                           uint32_t *number)
{
  *number = h->first_kind[f->klass] + (uint32_t)f->task;
  return &h->kind[*number];
}

static void fill_context(struct policy_host *h, const struct decision_facts *f, uint64_t learner)
{
  struct offsim_context *c = &h->context;
  uint32_t number;
  const struct decision_kind *kind = kind_of(h, f, &number);
  sim_assert(f->n_actions > 0 && (uint32_t)f->n_actions <= kind->n_actions);
  c->context = number;
  c->first_arm = kind->first_arm;
  c->word = kind->word;
  c->request = f->request;
  c->decision = f->decision_number;
  c->klass = (uint32_t)f->klass;
  c->task = (uint32_t)f->task;
  c->nth = (uint32_t)f->decision;
  c->n_actions = (uint32_t)f->n_actions;
  c->now_ns = f->now;
  c->elapsed_s = f->elapsed_s;
  c->deadline_s = f->deadline_s;
  const struct source *s = &h->source[f->klass * MAX_FEATURES];
  for (int i = 0; i < h->n_features; i++) h->value[i] = feature_value(f, &s[i], &h->age_s[i]);
  copy_actions(h, f);
  h->random.learner = h->name_hash ^ learner * UINT64_C(0x9e3779b97f4a7c15);
  h->random.decision = f->decision_number;
  h->random.open = false;
}

/* ---- what it answers --------------------------------------------------------------------------------------------- */

static bool misbehaved(const struct policy_host *h, const struct decision_facts *f, const char *what, double value,
                       struct err *err)
{
  return err_plugin(err, "policy '%s' %s: %g; %d actions; request %llu, decision %llu, t = %.9g s%s%s", h->name, what,
                    value, f->n_actions, (unsigned long long)f->request, (unsigned long long)f->decision_number,
                    s_from_ns(f->now), h->file ? "; " : "", h->file ? h->file : "");
}

static bool distribution_fine(const struct policy_host *h, const struct offsim_decision *d, int n)
{
  double sum = 0;
  for (int a = 0; a < n; a++) {
    double p = h->distribution[a];
    if (!(p >= 0) || (h->mask[a] && p != 0)) return false;
    sum += p;
  }
  return fabs(sum - 1) <= 1e-9 && h->distribution[d->action] == d->propensity;
}

static bool is_time(double s) { return s >= 0 && s <= 1e9; }

/* What it wants beyond the first attempt. */
static bool plans_fine(const struct policy_host *h, const struct decision_facts *f, const struct offsim_decision *d,
                       struct err *err)
{
  if (!is_time(d->timeout_s)) return misbehaved(h, f, "gave a time-out outside 0 .. 1e9 s", d->timeout_s, err);
  if (!is_time(d->hedge_delay_s))
    return misbehaved(h, f, "gave a delay of its hedge outside 0 .. 1e9 s", d->hedge_delay_s, err);
  if (!(d->accept_quality >= 0 && d->accept_quality < INFINITY))
    return misbehaved(h, f, "gave a quality to accept that is no number >= 0", d->accept_quality, err);
  if (d->hedge_action < NONE || d->hedge_action >= f->n_actions)
    return misbehaved(h, f, "hedged with an action that does not exist", d->hedge_action, err);
  if (d->n_fallbacks > 4) return misbehaved(h, f, "gave more than 4 fallbacks", d->n_fallbacks, err);
  for (uint32_t i = 0; i < d->n_fallbacks; i++)
    if (d->fallback[i] < NONE || d->fallback[i] >= f->n_actions)
      return misbehaved(h, f, "fell back to an action that does not exist", d->fallback[i], err);
  return true;
}

/* A policy in another process says itself what went wrong. */
static bool in_trouble(const struct policy_host *h)
{
  return h->loaded.python && policy_python_trouble(h->loaded.python);
}

static bool answer_fine(const struct policy_host *h, const struct decision_facts *f, const struct offsim_decision *d,
                        struct err *err)
{
  if (in_trouble(h))
    return err_plugin(err, "policy '%s', request %llu, decision %llu, t = %.9g s: %s", h->name,
                      (unsigned long long)f->request, (unsigned long long)f->decision_number, s_from_ns(f->now),
                      policy_python_trouble(h->loaded.python));
  if (d->action < 0 || d->action >= f->n_actions)
    return misbehaved(h, f, "chose an action that does not exist", d->action, err);
  if (!(d->propensity > 0 && d->propensity <= 1))
    return misbehaved(h, f, "gave a propensity outside (0, 1]", d->propensity, err);
  if (!plans_fine(h, f, d, err)) return false;
  if (h->distribution && h->mask[d->action] == 0 && !distribution_fine(h, d, f->n_actions))
    return misbehaved(h, f, "reported a distribution that is not one", d->action, err);
  return true;
}

static int first_allowed(const struct decision_facts *f)
{
  for (int a = 0; a < f->n_actions; a++)
    if (f->action[a].mask == 0) return a;
  return NONE;
}

/* Is this action there and allowed? A masked one is counted. */
static bool usable(const struct decision_facts *f, int action, struct decision_result *out)
{
  if (action == NONE) return false;
  out->left_out += f->action[action].mask != 0;
  return f->action[action].mask == 0;
}

static void take_plans(const struct decision_facts *f, const struct offsim_decision *d, struct decision_result *out)
{
  out->timeout_s = d->timeout_s;
  out->hedge_delay_s = d->hedge_delay_s;
  out->accept_quality = d->accept_quality;
  out->left_out = out->n_fallbacks = 0;
  out->hedge_action = usable(f, d->hedge_action, out) ? d->hedge_action : NONE;
  for (uint32_t i = 0; i < d->n_fallbacks; i++)
    if (usable(f, d->fallback[i], out)) out->fallback[out->n_fallbacks++] = d->fallback[i];
}

void policy_host_forget(struct policy_host *h, void *memo)
{
  if (!memo) return;
  if (h->n_wraps > 0) wraps_forget(h, memo);
  pool_give(h->memos, memo);
}

/* A frozen learner is asked, and then put back as it was. */
static bool ask_policy(struct policy_host *h, const struct decision_facts *f, void *state, struct offsim_decision *d,
                       void *memo, struct err *err)
{
  if (h->frozen && h->learner_bytes) memcpy(h->frozen, state, h->learner_bytes);
  desk_give(h, CALL_DECIDE, f->request, f->decision_number, f->now);
  h->policy->decide(state, &h->context, d, memo);
  desk_take(h);
  if (h->frozen && h->learner_bytes) memcpy(state, h->frozen, h->learner_bytes);
  return answer_fine(h, f, d, err);
}

static bool ask_wrapped(struct policy_host *h, const struct decision_facts *f, void *state, uint64_t learner,
                        struct offsim_decision *d, void *memo, struct err *err)
{
  bool done;
  wraps_asked(h, state, memo);
  wraps_features(h, f, state);
  if (!wraps_guard(h, f, d, memo, err, &done)) return false;
  if (!done && !ask_policy(h, f, h->state_size ? state : NULL, d, h->policy->memo_size ? memo : NULL, err))
    return false;
  wraps_floor(h, f, d, learner, memo);
  return true;
}

static struct offsim_decision blank_answer(const struct policy_host *h, const struct decision_facts *f)
{
  if (h->distribution) memset(h->distribution, 0, (size_t)f->n_actions * sizeof *h->distribution);
  return (struct offsim_decision){.size = sizeof(struct offsim_decision), .action = -1, .propensity = 1,
                                  .distribution = h->distribution, .hedge_action = -1};
}

static void note_masked(struct masked *m, const struct decision_facts *f, int action)
{
  if (m->n++ > 0) return;
  m->request = f->request;
  m->decision = f->decision_number;
  m->now = f->now;
  m->action = action;
  m->place = f->action[action].place;
  m->mask = f->action[action].mask;
  m->instead = first_allowed(f);
}

/* A checked answer becomes the result. */
static void take_answer(const struct policy_host *h, const struct decision_facts *f, const struct offsim_decision *d,
                        struct decision_result *out)
{
  out->replaced = f->action[d->action].mask != 0;
  if (out->replaced) note_masked(h->masked, f, d->action);
  out->action = out->replaced ? first_allowed(f) : d->action;
  sim_assert(out->action != NONE);
  out->propensity = d->propensity;
  take_plans(f, d, out);
  out->n_features = h->n_features;
  memcpy(out->feature, h->value, (size_t)h->n_features * sizeof *h->value);
}

bool policy_host_decide(struct policy_host *h, const struct decision_facts *f, struct decision_result *out,
                        struct err *err)
{
  uint64_t learner = learner_key(h, f);
  struct offsim_decision d = blank_answer(h, f);
  fill_context(h, f, learner);
  out->memo = h->memos ? pool_take(h->memos) : NULL;
  void *state = learner_state(h, learner);
  bool fine = h->n_wraps > 0 ? ask_wrapped(h, f, state, learner, &d, out->memo, err)
                             : ask_policy(h, f, state, &d, out->memo, err);
  if (!fine) {
    policy_host_forget(h, out->memo);
    out->memo = NULL;
    return false;
  }
  take_answer(h, f, &d, out);
  return true;
}

static void make_columns(struct policy_host *h)
{
  struct offsim_context *c = &h->context;
  size_t n = h->setup.max_actions + 1;
  uint32_t wanted = h->policy->columns;
  h->mask = arena_array(h->arena, uint32_t, n);
  h->place = arena_array(h->arena, int32_t, n);
  h->tier = arena_array(h->arena, int32_t, n);
  if (wanted & OFFSIM_COLUMN_VARIANT) h->variant = arena_array(h->arena, int32_t, n);
  if (wanted & OFFSIM_COLUMN_MEMBER) h->member = arena_array(h->arena, uint64_t, n);
  for (int i = 0; i < N_COLUMNS; i++)
    if (wanted & column_bits[i]) h->column[i] = arena_array(h->arena, double, n);
  if (h->policy->capabilities & OFFSIM_REPORTS_DISTRIBUTION) h->distribution = arena_array(h->arena, double, n);
  *c = (struct offsim_context){.size = sizeof *c, .value = h->value, .age_s = h->age_s, .mask = h->mask,
    .place = h->place, .tier = h->tier, .variant = h->variant, .member = h->member, .est_latency_s = h->column[0],
    .est_cost_usd = h->column[1], .est_energy_j = h->column[2], .est_quality = h->column[3], .queue = h->column[4],
    .queue_age_s = h->column[5], .random = &h->random, .draw = &functions};
}

/* ---- several at once --------------------------------------------------------------------------------------------- */

bool policy_host_batches(const struct policy_host *h)
{
  return h->policy->decide_batch && h->n_wraps == 0;
}

static void lanes_grow(struct policy_host *h, uint32_t n)
{
  if (n <= h->lanes.n) return;
  struct policy_host **all = arena_array(h->arena, struct policy_host *, 2 * n);
  for (uint32_t i = 0; i < 2 * n; i++) {
    if (i < h->lanes.n) { all[i] = h->lanes.host[i]; continue; }
    all[i] = arena_alloc(h->arena, sizeof *h);
    *all[i] = *h;
    make_columns(all[i]);
  }
  h->lanes = (struct lanes){all, 2 * n};
}

/* All hooks take arrays of pointers, since structs may grow. */
struct batch { const struct offsim_context **context; struct offsim_decision **answer, *decision; void **memo; };

static struct batch batch_new(uint32_t n)
{
  struct batch b = {calloc(n, sizeof *b.context), calloc(n, sizeof *b.answer), calloc(n, sizeof *b.decision),
                    calloc(n, sizeof *b.memo)};
  if (!b.context || !b.answer || !b.decision || !b.memo) check_out_of_memory(n * sizeof *b.decision);
  return b;
}

static void batch_free(struct batch *b)
{
  free(b->context);
  free(b->answer);
  free(b->decision);
  free(b->memo);
}

static bool batch_ask(struct policy_host *h, uint32_t n, const struct decision_facts *f, struct batch *b, struct err *err)
{
  uint64_t learner = learner_key(h, f);
  for (uint32_t i = 0; i < n; i++) {
    struct policy_host *lane = h->lanes.host[i];
    sim_assert(learner_key(h, &f[i]) == learner);
    b->decision[i] = blank_answer(lane, &f[i]);
    b->answer[i] = &b->decision[i];
    fill_context(lane, &f[i], learner);
    b->context[i] = &lane->context;
    b->memo[i] = h->memos ? pool_take(h->memos) : NULL;
  }
  void *state = learner_state(h, learner);
  if (h->frozen && h->learner_bytes) memcpy(h->frozen, state, h->learner_bytes);
  desk_give(h, CALL_DECIDE, f->request, f->decision_number, f->now);
  h->policy->decide_batch(state, n, b->context, b->answer, b->memo);
  desk_take(h);
  if (h->frozen && h->learner_bytes) memcpy(state, h->frozen, h->learner_bytes);
  for (uint32_t i = 0; i < n; i++)
    if (!answer_fine(h->lanes.host[i], &f[i], &b->decision[i], err)) return false;
  return true;
}

bool policy_host_decide_batch(struct policy_host *h, uint32_t n, const struct decision_facts *f,
                              struct decision_result *out, struct err *err)
{
  struct batch b = batch_new(n);
  lanes_grow(h, n);
  bool ok = batch_ask(h, n, f, &b, err);
  for (uint32_t i = 0; i < n; i++) {
    out[i].memo = ok ? b.memo[i] : NULL;
    if (ok) take_answer(h->lanes.host[i], &f[i], &b.decision[i], &out[i]);
    else policy_host_forget(h, b.memo[i]);
  }
  batch_free(&b);
  return ok;
}

/* ---- periodic control -------------------------------------------------------------------------------------------- */

static bool unset_or(double x, double most) { return isnan(x) || (x >= 0 && x <= most); }

static bool control_fine(const struct policy_host *h, const struct offsim_control *c, struct err *err)
{
  for (uint32_t i = 0; i < c->n_places; i++) {
    double x = c->instances_wanted[i], keep = c->keep_alive_s[i], admit = c->admit[i];
    if (!unset_or(x, 1e9) || !unset_or(keep, 1e9) || !unset_or(admit, 1))
      return err_plugin(err, "policy '%s' set what it may not in its tick at place '%s', t = %.9g s: %g instances, "
                        "keep-alive %g s, %g let in", h->name, h->world->place[i].name, s_from_ns(c->now_ns), x, keep,
                        admit);
  }
  return true;
}

bool policy_host_tick(struct policy_host *h, struct offsim_control *seen, uint64_t number, struct err *err)
{
  struct offsim_random random = {.root = &h->root, .learner = h->name_hash ^ rng_name("tick"), .decision = number};
  void *state = learner_state(h, 0);
  seen->size = sizeof *seen;
  seen->random = &random;
  seen->draw = &functions;
  if (h->frozen && h->learner_bytes) memcpy(h->frozen, state, h->learner_bytes);
  desk_give(h, CALL_TICK, 0, number, seen->now_ns);
  h->policy->tick(h->state_size ? state : NULL, seen);
  desk_take(h);
  if (h->frozen && h->learner_bytes) memcpy(state, h->frozen, h->learner_bytes);
  return control_fine(h, seen, err);
}

const double *policy_host_distribution(const struct policy_host *h) { return h->distribution; }

static int32_t outcome_status(enum status s)
{
  switch (s) {
  case STATUS_COMPLETED: case STATUS_ANSWERED: return OFFSIM_OK;
  case STATUS_TIMEOUT: return OFFSIM_LATE;
  case STATUS_CANCELLED: return OFFSIM_CANCELLED;
  case STATUS_CENSORED: case STATUS_OPEN: return OFFSIM_CENSORED;
  default: return OFFSIM_DROPPED;
  }
}

static struct offsim_outcome outcome_of(const struct policy_host *h, const struct decision_facts *who,
                                        const struct outcome_facts *o)
{
  uint32_t number;
  const struct decision_kind *kind = kind_of(h, who, &number);
  struct offsim_outcome x = {.size = sizeof x, .context = number, .first_arm = kind->first_arm,
    .decision = o->decision_number, .now_ns = o->now, .action = o->action, .status = outcome_status(o->status),
    .reward = o->reward, .latency_s = o->latency_s, .energy_j = o->energy_j, .cost_usd = o->cost_usd,
    .quality = o->quality, .attempts = o->attempts, .fallback = o->fallback, .score = o->score};
  memcpy(x.phase_s, o->phase_s, sizeof x.phase_s);
  return x;
}

bool policy_host_outcome(struct policy_host *h, const struct decision_facts *who, void *memo,
                         const struct outcome_facts *o, struct err *err)
{
  bool ok = true;
  if (h->n_wraps > 0) {
    struct offsim_outcome x = outcome_of(h, who, o);
    ok = wraps_outcome(h, who, o, &x, learner_state(h, learner_key(h, who)), memo, err);
  } else if (h->policy->outcome && !h->frozen) {
    struct offsim_outcome x = outcome_of(h, who, o);
    desk_give_outcome(h, who->request, &x, o->now);
    h->policy->outcome(learner_state(h, learner_key(h, who)), &x, memo);
    desk_take(h);
  }
  if (memo) pool_give(h->memos, memo);
  return ok;
}

bool policy_host_settle(struct policy_host *h, struct err *err)
{
  if (!h->loaded.python || policy_python_settle(h->loaded.python)) return true;
  return err_plugin(err, "policy '%s', at the end: %s", h->name, policy_python_trouble(h->loaded.python));
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* A trial state finds parameters that do not fit together before the run begins. */
static bool try_init(struct policy_host *h, struct err *err)
{
  h->state_size = h->policy->state_size ? h->policy->state_size(&h->setup) : 0;
  if (h->state_size > (size_t)1 << 32)
    return err_add(err, h->at, "policy '%s' wants %.3g bytes for one learner", h->name, (double)h->state_size);
  h->wrap_at = h->learner_bytes = (h->state_size + 15) / 16 * 16;
  if (!h->policy->init) return true;
  void *state = zeros_new(1, h->state_size + 1);
  const char *flaw = h->policy->init(&h->setup, state);
  free(state);
  return !flaw || err_add(err, h->at, "policy '%s': %s", h->name, flaw);
}

static bool can_tick(const struct policy_host *h, const struct policy_def *def, struct err *err)
{
  return def->tick_s <= 0 || h->policy->tick ||
         err_add(err, def->at, "policy '%s' has no 'tick' to be called", h->policy->name);
}

struct policy_host *policy_host_new(const struct policy_def *def, const struct world_def *world,
                                    const struct rng_root *root, struct err *err)
{
  struct loaded_policy loaded;
  if (!policy_load(def, &loaded, err)) return NULL;
  struct arena *arena = arena_new();
  struct policy_host *h = arena_alloc(arena, sizeof *h);
  *h = (struct policy_host){.loaded = loaded, .policy = loaded.policy, .arena = arena, .world = world, .at = def->at,
    .name = arena_strdup(arena, def->name ? def->name : loaded.policy->name), .scope = def->scope, .root = *root,
    .file = def->resolved_path ? arena_strdup(arena, def->resolved_path) : NULL};
  h->name_hash = rng_name(h->name);
  h->random.root = &h->root;
  h->masked = arena_alloc(arena, sizeof *h->masked);
  *h->masked = (struct masked){0};
  h->desk = def->desk ? def->desk : &h->own_desk;
  desk_give(h, CALL_START, 0, 0, 0);
  bool ok = can_tick(h, def, err) && policy_bind(h, def, err) && try_init(h, err) && wraps_make(h, def, err);
  desk_take(h);
  if (!ok) {
    policy_host_free(h);
    return NULL;
  }
  make_columns(h);
  if (h->memo_bytes) h->memos = pool_new(h->memo_bytes);
  if (policy_host_start(h, def, err)) return h;
  policy_host_free(h);
  return NULL;
}

void policy_host_free(struct policy_host *h)
{
  if (!h) return;
  wraps_free(h);
  free(h->learners.slot);
  if (h->memos) pool_free(h->memos);
  struct loaded_policy loaded = h->loaded;
  arena_free(h->arena);                                 /* h itself lies in it */
  policy_unload(&loaded);
}

int policy_host_features(const struct policy_host *h, const char *const **names, const char *const **units)
{
  *names = h->feature;
  *units = h->unit;
  return h->n_features;
}

uint32_t policy_host_columns(const struct policy_host *h) { return h->policy->columns | wraps_columns(h); }
bool policy_host_needs_oracle(const struct policy_host *h) { return h->policy->capabilities & OFFSIM_NEEDS_ORACLE; }
bool policy_host_reads_state(const struct policy_host *h) { return h->reads_state; }
bool policy_host_learns(const struct policy_host *h) { return h->policy->capabilities & OFFSIM_LEARNS; }

const char *policy_host_kind(const struct policy_host *h)
{
  return policy_host_needs_oracle(h) ? "reference" : "policy";
}
