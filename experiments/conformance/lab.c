/* lab.c: synthetic worlds around a policy. */
#include "experiments/conformance/lab.h"
#include "models/streams.h"
#include "sim/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_PLACES = 12, N_VARIANTS = 2, USUAL_ACTIONS = 6, USUAL_KINDS = 2, DELAY = 1000 };

uint64_t lab_size(const struct subject *s, uint64_t full)
{
  uint64_t n = s->quick ? full / 10 : full;
  return n ? n : 1;
}

/* ---- the world --------------------------------------------------------------------------------------------------- */

/* Features of telemetry come from the host: only there they have an age. */
static bool is_telemetry(const char *name)
{
  static const char *const names[] = {"device_queue", "edge_queue", "cloud_queue"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static void add_attribute(struct lab *l, const char *name, const char *unit)
{
  for (int i = 0; i < l->klass.n_attributes; i++)
    if (strcmp(l->attribute[i].name, name) == 0) return;
  if (l->klass.n_attributes < MAX_ATTRIBUTES)
    l->attribute[l->klass.n_attributes++] = (struct attribute_def){.name = name, .unit = unit, .known = KNOWN_ARRIVAL};
}

/* What the policy reads, a size, and what a contextual learner may choose. */
static void make_attributes(struct lab *l, int context)
{
  const struct offsim_policy *p = l->subject->policy;
  l->attribute[l->klass.n_attributes++] = (struct attribute_def){.name = "difficulty", .unit = "", .known = KNOWN_ORACLE};
  for (uint32_t i = 0; i < p->n_features; i++)
    if (!is_telemetry(p->feature[i].name)) add_attribute(l, p->feature[i].name, p->feature[i].unit);
  if (!context) add_attribute(l, "size", "");
  for (int i = 0; i < context; i++) add_attribute(l, arena_printf(l->arena, "x%d", i), "");
  l->klass.attribute = l->attribute;
}

static int place_of(int action) { return action < 2 ? action : 2 + action % (N_PLACES - 2); }
static enum tier tier_of(int place) { return place == 0 ? TIER_DEVICE : place < 4 ? TIER_EDGE : TIER_CLOUD; }

static void make_tasks(struct lab *l, int actions, int kinds)
{
  struct plan_def *plan = arena_array(l->arena, struct plan_def, actions);
  static const int variants[N_VARIANTS] = {0, 1};
  static const char *const names[LAB_KINDS] = {"first", "second", "third", "fourth"};
  for (int a = 0; a < actions; a++)
    plan[a] = (struct plan_def){.word = a == 0 ? WORD_ORIGIN : a == 1 ? WORD_NEAREST : WORD_PLACE,
                                .place = place_of(a), .variant = a % N_VARIANTS};
  for (int k = 0; k < kinds; k++)
    l->task[k] = (struct task_def){.name = names[k], .n_variants = N_VARIANTS, .variant = variants, .n_plans = actions,
                                   .plan = plan};
  l->klass.task = l->task;
  l->klass.n_tasks = kinds;
}

static void make_world(struct lab *l, int actions, int kinds, int context)
{
  static const struct variant_def variant[N_VARIANTS] = {{.name = "small", .top = 0.6}, {.name = "large", .top = 0.9}};
  struct place_def *place = arena_array(l->arena, struct place_def, N_PLACES);
  for (int i = 0; i < N_PLACES; i++)
    place[i] = (struct place_def){.name = arena_printf(l->arena, "place%d", i), .tier = tier_of(i), .count = 1,
                                  .servers = 1, .slots = 1};
  l->klass.name = "synthetic";
  make_attributes(l, context);
  make_tasks(l, actions, kinds);
  l->world = (struct world_def){.n_places = N_PLACES, .place = place, .n_variants = N_VARIANTS, .variant = variant,
                                .n_classes = 1, .klass = &l->klass, .objective = {.latency_per_s = -1}};
}

/* ---- the entry --------------------------------------------------------------------------------------------------- */

static const char *first_choice(struct arena *arena, const char *choices)
{
  return arena_printf(arena, "%.*s", (int)strcspn(choices, "|"), choices);
}

/* A value for a parameter that has no default. */
static struct policy_parameter some_value(struct lab *l, const struct offsim_parameter *p)
{
  struct policy_parameter v = {.name = p->name};
  switch (p->type) {
  case OFFSIM_NUMBER: v.value = isfinite(p->max - p->min) ? p->min + (p->max - p->min) / 2 : p->min; break;
  case OFFSIM_INTEGER: v.value = ceil(p->min); break;
  case OFFSIM_CHOICE: v.text = first_choice(l->arena, p->choices); break;
  case OFFSIM_FEATURES: v.text = "*"; break;
  case OFFSIM_FEATURE: v.text = l->attribute[1].name; break;
  default: v.text = "x";
  }
  return v;
}

static bool was_given(const struct policy_def *d, const char *name)
{
  for (int i = 0; i < d->n_parameters; i++)
    if (strcmp(d->parameter[i].name, name) == 0) return true;
  return false;
}

/* The subject's entry, with the wish's parameter, values for required ones, and contexts where a policy reads them. */
static struct policy_def entry_of(struct lab *l, const struct lab_wish *w)
{
  const struct offsim_policy *p = l->subject->policy;
  struct policy_def d = l->subject->entry;
  struct policy_parameter *list = arena_array(l->arena, struct policy_parameter, d.n_parameters + (int)p->n_parameters + 1);
  int n = 0;
  for (int i = 0; i < d.n_parameters; i++)
    if (!w->parameter || strcmp(w->parameter, d.parameter[i].name) != 0) list[n++] = d.parameter[i];
  if (w->parameter) list[n++] = (struct policy_parameter){.name = w->parameter, .value = w->number};
  d.parameter = list;
  d.n_parameters = n;
  for (uint32_t i = 0; i < p->n_parameters; i++) {
    const struct offsim_parameter *q = &p->parameter[i];
    if (was_given(&d, q->name)) continue;
    if (q->required) list[d.n_parameters++] = some_value(l, q);
    else if (w->context && q->type == OFFSIM_FEATURES)
      list[d.n_parameters++] = (struct policy_parameter){.name = q->name, .text = "*"};
  }
  return d;
}

bool lab_open(struct lab *l, const struct subject *s, const struct lab_wish *w, struct report *report)
{
  int actions = w->actions ? w->actions : USUAL_ACTIONS, kinds = w->kinds ? w->kinds : USUAL_KINDS;
  memset(l, 0, offsetof(struct lab, pending));
  l->n_pending = 0;
  l->trail = (struct trail){0};
  l->subject = s;
  l->report = report;
  l->arena = arena_new();
  l->n_actions = actions;
  err_init(&l->err);
  make_world(l, actions, kinds, w->context);
  l->action = arena_array(l->arena, struct action_facts, actions);
  l->facts = (struct decision_facts){.attribute = l->value, .estimate = l->estimate, .action = l->action};
  struct rng_root root = rng_root_make(s->seed, w->replication), dice = rng_root_make(s->seed + 1, w->replication);
  l->dice = rng_open(&dice, 1, 0, 0);
  struct policy_def entry = entry_of(l, w);
  l->host = policy_host_new(&entry, &l->world, &root, &l->err);
  return l->host || report_err(report, &l->err);
}

void lab_close(struct lab *l)
{
  policy_host_free(l->host);
  err_release(&l->err);
  arena_free(l->arena);
  free(l->trail.step);
}

/* ---- one decision ------------------------------------------------------------------------------------------------ */

static double unusual(struct lab *l, enum values kind, double usual)
{
  static const double huge[] = {1e300, -1e300, 1e-300, 0, -0.0};
  switch (kind) {
  case VALUES_MISSING: return rng_below(&l->dice, 2) ? NAN : usual;
  case VALUES_INFINITE: return rng_below(&l->dice, 2) ? usual : rng_below(&l->dice, 2) ? INFINITY : -INFINITY;
  case VALUES_HUGE: return huge[rng_below(&l->dice, 5)];
  case VALUES_CONSTANT: return 1;
  default: return usual;
  }
}

static double some(struct lab *l, enum values kind)
{
  return kind == VALUES_CONSTANT ? 1 : unusual(l, kind, rng_exponential(&l->dice));
}

static void prepare_actions(struct lab *l, const struct habit *h)
{
  for (int a = 0; a < l->facts.n_actions; a++)
    l->action[a] = (struct action_facts){.place = place_of(a), .tier = (int)tier_of(place_of(a)), .variant = a % N_VARIANTS,
      .member = h->far ? UINT64_MAX : 0, .est_latency_s = some(l, h->estimates), .est_cost_usd = some(l, h->estimates),
      .est_energy_j = some(l, h->estimates), .est_quality = some(l, h->estimates),
      .queue = unusual(l, h->estimates, h->estimates == VALUES_CONSTANT ? 1 : (double)rng_below(&l->dice, 20)),
      .queue_age_s = h->estimates == VALUES_STALE || h->features == VALUES_STALE ? 1e9 : 0.1};
}

static void prepare_masks(struct lab *l, const struct habit *h)
{
  uint64_t n = (uint64_t)l->facts.n_actions, block = l->number / 50;
  for (uint64_t a = 0; a < n && h->masks != MASKS_NONE; a++) {
    bool masked = h->masks == MASKS_ALL_BUT_ONE || (h->masks == MASKS_RANDOM ? rng_below(&l->dice, 3) == 0 : (block + a) % 3 == 0);
    l->action[a].mask = masked ? 1u << rng_below(&l->dice, 5) : 0;
  }
  if (h->masks != MASKS_NONE) l->action[rng_below(&l->dice, n)].mask = 0;
}

static void prepare_features(struct lab *l, const struct habit *h)
{
  for (int i = 0; i < l->klass.n_attributes; i++) {
    l->value[i] = some(l, h->features);
    l->estimate[i] = l->value[i];
  }
}

void lab_prepare(struct lab *l, const struct habit *h)
{
  struct decision_facts *f = &l->facts;
  uint64_t t = l->number;
  f->request = h->far ? UINT64_MAX - t : t;
  f->decision_number = h->far ? UINT64_MAX - t : t;
  f->now = h->far ? INT64_MAX - 1000000 + (int64_t)t : (int64_t)t * 1000000;
  f->task = (int)(t % (uint64_t)l->klass.n_tasks);
  f->decision = h->far ? INT32_MAX : f->task;
  f->site = h->far ? UINT64_MAX : t % 3;
  f->device = t % 7;
  f->deadline_s = unusual(l, h->features, 2);
  f->elapsed_s = h->far ? 1e12 : 0.01;
  f->tasks_done = (1u << f->task) - 1;
  f->n_actions = h->actions_vary ? 1 + (int)rng_below(&l->dice, (uint64_t)l->n_actions) : l->n_actions;
  prepare_features(l, h);
  prepare_actions(l, h);
  prepare_masks(l, h);
}

static int n_allowed(const struct decision_facts *f)
{
  int n = 0;
  for (int a = 0; a < f->n_actions; a++) n += f->action[a].mask == 0;
  return n;
}

static void add_to_trail(struct trail *t, const struct decision_result *r)
{
  if (t->n < t->capacity) t->step[t->n++] = (struct lab_step){r->action, r->propensity};
}

/* What the policy left of what it may only read. */
static bool read_only_kept(struct lab *l)
{
  for (int a = 0; a < l->facts.n_actions; a++)
    if (l->host->mask[a] != l->action[a].mask || l->host->place[a] != l->action[a].place)
      return report_fail(l->report, "decision %llu: it wrote into the context, which is constant",
                         (unsigned long long)l->number);
  return true;
}

static bool masked_choice(struct lab *l)
{
  const struct masked *m = l->host->masked;
  char why[96];
  policy_mask_print(m->mask, why, sizeof why);
  return report_fail(l->report, "it chose action %d, which is masked for %s (%d of %d actions are not); request %llu, "
                     "decision %llu, t = %.9g s", m->action, why, n_allowed(&l->facts), l->facts.n_actions,
                     (unsigned long long)m->request, (unsigned long long)m->decision, s_from_ns(m->now));
}

bool lab_decide(struct lab *l)
{
  if (!policy_host_decide(l->host, &l->facts, &l->result, &l->err)) return report_err(l->report, &l->err);
  if (l->result.replaced)
    return masked_choice(l);
  add_to_trail(&l->trail, &l->result);
  l->number++;
  return read_only_kept(l);
}

/* ---- outcomes ---------------------------------------------------------------------------------------------------- */

struct lab_pending lab_pending_of(const struct lab *l)
{
  return (struct lab_pending){l->facts, l->result.memo, l->result.action, l->facts.decision_number};
}

bool lab_tell(struct lab *l, const struct lab_pending *p, double reward, enum status status)
{
  struct outcome_facts o = {.decision_number = p->number, .now = l->facts.now, .action = p->action, .status = status,
    .latency_s = -reward, .energy_j = 1, .cost_usd = 0.001, .quality = 0.5, .reward = reward};
  o.phase_s[PHASE_SERVE] = -reward;
  return policy_host_outcome(l->host, &p->facts, p->memo, &o, &l->err) || report_err(l->report, &l->err);
}

static double reward_of(struct lab *l, const struct habit *h, const struct lab_pending *p)
{
  double reward = h->constant ? -1 : -rng_exponential(&l->dice) * (1 + p->action);
  return reward * (h->scale != 0 ? h->scale : 1) + h->offset;
}

static bool tell_usually(struct lab *l, const struct habit *h, struct lab_pending *p)
{
  static const enum status failures[] = {STATUS_TIMEOUT, STATUS_CANCELLED, STATUS_REJECTED, STATUS_COMPLETED};
  double reward = reward_of(l, h, p);
  if (h->outcomes == OUTCOMES_CENSORED && rng_below(&l->dice, 2)) return lab_tell(l, p, NAN, STATUS_CENSORED);
  if (h->outcomes == OUTCOMES_REPLACED) p->action = (int)rng_below(&l->dice, (uint64_t)p->facts.n_actions);
  if (h->outcomes == OUTCOMES_FAILED) {
    if (rng_below(&l->dice, 4) == 0) p->action = NONE;  /* nothing was executed at all */
    return lab_tell(l, p, rng_below(&l->dice, 2) ? reward : 1e6 * reward, failures[rng_below(&l->dice, 4)]);
  }
  return lab_tell(l, p, reward, STATUS_COMPLETED);
}

/* The same outcome once more, past the host, which never does that. */
static void tell_again(struct lab *l, const struct habit *h, const struct lab_pending *p)
{
  struct offsim_outcome o = {.size = sizeof o, .context = (uint32_t)p->facts.task,
    .first_arm = l->host->kind[p->facts.task].first_arm, .decision = p->number, .now_ns = p->facts.now,
    .action = p->action, .status = OFFSIM_OK, .reward = reward_of(l, h, p), .latency_s = 1};
  if (l->host->policy->outcome && l->host->learners.last.state)
    l->host->policy->outcome(l->host->learners.last.state, &o, p->memo);
}

static bool tell_pending(struct lab *l, const struct habit *h, int i)
{
  struct lab_pending p = l->pending[i];
  memmove(&l->pending[i], &l->pending[i + 1], (size_t)(l->n_pending - i - 1) * sizeof p);
  l->n_pending--;
  return tell_usually(l, h, &p);
}

/* Which of the pending ones comes now; -1 = none. */
static int due(struct lab *l, enum outcomes way)
{
  if (l->n_pending == 0 || way == OUTCOMES_NONE) return -1;
  if (way == OUTCOMES_HALF_MISSING) return l->number % 2 || l->n_pending == LAB_MAX_PENDING ? l->n_pending - 1 : -1;
  if (way == OUTCOMES_DELAYED) return l->n_pending > DELAY ? 0 : -1;
  return l->n_pending > 200 ? (int)rng_below(&l->dice, (uint64_t)l->n_pending) : -1;
}

static bool settle(struct lab *l, const struct habit *h)
{
  struct lab_pending p = lab_pending_of(l);
  bool waits = h->outcomes == OUTCOMES_DELAYED || h->outcomes == OUTCOMES_SHUFFLED || h->outcomes == OUTCOMES_HALF_MISSING ||
               h->outcomes == OUTCOMES_NONE;
  if (h->outcomes == OUTCOMES_TWICE) tell_again(l, h, &p);
  if (!waits) return tell_usually(l, h, &p);
  if (l->n_pending == LAB_MAX_PENDING) return tell_usually(l, h, &p);
  l->pending[l->n_pending++] = p;
  int i = due(l, h->outcomes);
  return i < 0 || tell_pending(l, h, i);
}

/* ---- many decisions ---------------------------------------------------------------------------------------------- */

static struct habit surprise(struct lab *l)
{
  return (struct habit){.actions_vary = rng_below(&l->dice, 2), .far = rng_below(&l->dice, 8) == 0,
    .features = (enum values)rng_below(&l->dice, N_VALUES), .estimates = (enum values)rng_below(&l->dice, N_VALUES),
    .masks = (enum masks)rng_below(&l->dice, N_MASKS), .outcomes = (enum outcomes)rng_below(&l->dice, N_OUTCOMES),
    .scale = pow(10, (double)rng_below(&l->dice, 13) - 6), .offset = rng_normal(&l->dice) * 100,
    .constant = rng_below(&l->dice, 5) == 0};
}

bool lab_live(struct lab *l, const struct habit *habit, uint64_t n)
{
  for (uint64_t i = 0; i < n; i++) {
    if (habit->surprise && i % 100 == 0) l->surprise = surprise(l);
    const struct habit *h = habit->surprise ? &l->surprise : habit;
    lab_prepare(l, h);
    if (!lab_decide(l) || !settle(l, h)) return false;
  }
  return true;
}
