/* policy_bind.c: the parameters and features of a policy entry, resolved against the world once, at load. */
#include "models/policy_parts.h"
#include "sim/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)TIER_CLOUD == OFFSIM_CLOUD && (int)TIER_EDGE == OFFSIM_EDGE, "tiers have the same numbers");
_Static_assert((int)WORD_NEAREST == OFFSIM_NEAREST && (int)WORD_MEMBER == OFFSIM_MEMBER, "and so do place words");
_Static_assert((int)N_PHASES == OFFSIM_N_PHASES, "and phases");

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static const struct policy_parameter *given(const struct policy_def *def, const char *name)
{
  for (int i = 0; i < def->n_parameters; i++)
    if (strcmp(def->parameter[i].name, name) == 0) return &def->parameter[i];
  return NULL;
}

static bool refuse_unknown(const struct policy_host *h, const struct policy_def *def, struct err *err)
{
  const struct offsim_policy *p = h->policy;
  const char **names = arena_array(h->arena, const char *, p->n_parameters + 1);
  for (uint32_t i = 0; i < p->n_parameters; i++) names[i] = p->parameter[i].name;
  bool ok = true;
  for (int i = 0; i < def->n_parameters; i++) {
    const struct policy_parameter *q = &def->parameter[i];
    bool known = false;
    for (uint32_t k = 0; k < p->n_parameters; k++) known |= strcmp(names[k], q->name) == 0;
    if (known) continue;
    const char *near = nearest(q->name, names, p->n_parameters);
    ok = err_add(err, q->at, "policy '%s' has no parameter '%s'%s%s%s", p->name, q->name,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  }
  return ok;
}

/* Index of `text` among words separated by '|', or -1. */
static int choice_index(const char *choices, const char *text)
{
  size_t n = strlen(text);
  int index = 0;
  for (const char *p = choices; ; p++, index++) {
    size_t length = strcspn(p, "|");
    if (length == n && memcmp(p, text, n) == 0) return index;
    p += length;
    if (!*p) return -1;
  }
}

static bool bind_number(struct policy_host *h, const struct offsim_parameter *p, const struct policy_parameter *q,
                        struct offsim_value *v, struct err *err)
{
  const char *who = h->policy->name;
  if (q->text) return err_add(err, q->at, "policy '%s': '%s' must be a number, not '%s'", who, p->name, q->text);
  if (!(q->value >= p->min && q->value <= p->max))
    return err_add(err, q->at, "policy '%s': '%s' must lie between %g and %g, not %g", who, p->name, p->min, p->max,
                   q->value);
  if (p->type == OFFSIM_INTEGER && q->value != floor(q->value))
    return err_add(err, q->at, "policy '%s': '%s' must be a whole number, not %g", who, p->name, q->value);
  v->number = q->value;
  return true;
}

static bool bind_text(struct policy_host *h, const struct offsim_parameter *p, const struct policy_parameter *q,
                      struct offsim_value *v, struct err *err)
{
  const char *who = h->policy->name;
  if (q->text) v->text = arena_strdup(h->arena, q->text);
  else if (p->type == OFFSIM_TEXT) v->text = arena_printf(h->arena, "%.17g", q->value);
  else return err_add(err, q->at, "policy '%s': '%s' must be %s, not a number", who, p->name,
                      p->type == OFFSIM_CHOICE ? p->choices : "the name of a feature");
  if (p->type == OFFSIM_CHOICE && choice_index(p->choices, v->text) < 0)
    return err_add(err, q->at, "policy '%s': '%s' must be one of %s, not '%s'", who, p->name, p->choices, v->text);
  return true;
}

static bool bind_parameter(struct policy_host *h, const struct policy_def *def, const struct offsim_parameter *p,
                           struct offsim_value *v, struct err *err)
{
  const struct policy_parameter *q = given(def, p->name);
  *v = (struct offsim_value){p->number, p->text};
  if (!q && p->required)
    return err_add(err, def->at, "policy '%s' needs the parameter '%s' (%s)", h->policy->name, p->name,
                   p->help ? p->help : "no default");
  bool text = p->type == OFFSIM_CHOICE || p->type == OFFSIM_TEXT || p->type >= OFFSIM_FEATURE;
  if (q && !(text ? bind_text(h, p, q, v, err) : bind_number(h, p, q, v, err))) return false;
  if (p->type == OFFSIM_CHOICE) v->number = choice_index(p->choices, v->text);
  return true;
}

bool policy_parameters_fit(const struct offsim_policy *p, const struct policy_def *def, struct err *err)
{
  struct policy_host h = {.policy = p, .arena = arena_new()};
  struct offsim_value unused;
  bool ok = refuse_unknown(&h, def, err);
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (given(def, p->parameter[i].name)) ok &= bind_parameter(&h, def, &p->parameter[i], &unused, err);
  arena_free(h.arena);
  return ok;
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

/* lacks: what the scenario must have for it; NULL: nothing. */
struct host_feature { const char *name, *unit; enum source_kind kind; const char *lacks; };
static const char no_slo[] = "no class with a choice has an 'slo: {e2e: ...}'";
static const char no_flop[] = "no task with a choice has work in FLOP, or in tokens of a variant with 'parameters'";
static const struct host_feature host_features[] = {
  {"elapsed_s", "s", SOURCE_ELAPSED, NULL}, {"deadline_s", "s", SOURCE_DEADLINE, no_slo},
  {"slack_s", "s", SOURCE_SLACK, no_slo}, {"hour", "h", SOURCE_HOUR, NULL}, {"decision", "", SOURCE_NTH, NULL},
  {"device_queue", "", SOURCE_DEVICE_QUEUE, NULL}, {"edge_queue", "", SOURCE_EDGE_QUEUE, NULL},
  {"cloud_queue", "", SOURCE_CLOUD_QUEUE, NULL}, {"battery", "J", SOURCE_BATTERY, "no device has a battery"},
  {"budget_usd_left", "USD", SOURCE_BUDGET_USD, "the entry has no 'wrap: [{budget: {usd_per_request: ...}}]'"},
  {"budget_j_left", "J", SOURCE_BUDGET_J, "the entry has no 'wrap: [{budget: {joules_per_request: ...}}]'"},
  {"retries_left", "", SOURCE_RETRIES, "no task with a choice has a 'retry'"},
  {"battery_level", "", SOURCE_BATTERY_LEVEL, "no device has a battery"},
  {"device_temperature", "degC", SOURCE_WARMTH, "no device's hardware has a 'thermal'"},
  {"network_s", "s", SOURCE_NETWORK, NULL}, {"priority", "", SOURCE_PRIORITY, NULL},
  {"work_flop", "FLOP", SOURCE_FLOP, no_flop}, {"moved_bytes", "B", SOURCE_BYTES, NULL},
  {"flop_per_byte", "", SOURCE_DENSITY, no_flop}};
enum { N_HOST_FEATURES = sizeof host_features / sizeof *host_features };

static bool has_choice(const struct task_def *t) { return t->n_plans > 1; }
static bool can_retry(const struct task_def *t) { return has_choice(t) && t->life && t->life->retry; }

static bool class_has_choice(const struct class_def *c)
{
  for (int t = 0; t < c->n_tasks; t++)
    if (has_choice(&c->task[t])) return true;
  return false;
}

static bool class_provides(const struct class_def *c, enum source_kind kind)
{
  bool retries = false;
  if (kind != SOURCE_RETRIES) return c->slo_e2e_s > 0 && class_has_choice(c);
  for (int t = 0; t < c->n_tasks; t++) retries |= can_retry(&c->task[t]);
  return retries;
}

static bool some_battery(const struct world_def *w)
{
  bool any = false;
  for (int i = 0; i < w->n_places; i++) any |= w->place[i].supply && w->place[i].supply->battery;
  return any;
}

static bool some_warmth(const struct world_def *w)
{
  bool any = false;
  for (int i = 0; i < w->n_places; i++)
    for (int k = 0; k < w->place[i].n_hardware && w->place[i].tier == TIER_DEVICE; k++)
      any |= w->hardware[w->place[i].hardware[k]].thermal != NULL;
  return any;
}

static bool some_flop(const struct world_def *w)
{
  bool any = false;
  for (int c = 0; c < w->n_classes; c++)
    for (int t = 0; t < w->klass[c].n_tasks; t++) {
      const struct task_def *task = &w->klass[c].task[t];
      bool counted = task->work && task->work->kind == WORK_ROOFLINE;
      bool read = task->work && task->work->kind == WORK_TOKENS && w->variant[task->variant[0]].parameters > 0;
      any |= has_choice(task) && (counted || read);
    }
  return any;
}

/* Does this scenario have what the feature tells of? Where it has not, the value is NaN at each decision. */
static bool provides(const struct policy_host *h, enum source_kind kind)
{
  bool any = false;
  switch (kind) {
  case SOURCE_MISSING: return false;
  case SOURCE_FLOP: case SOURCE_DENSITY: return some_flop(h->world);
  case SOURCE_BATTERY: case SOURCE_BATTERY_LEVEL: return some_battery(h->world);
  case SOURCE_WARMTH: return some_warmth(h->world);
  case SOURCE_BUDGET_USD: return h->budget_usd;
  case SOURCE_BUDGET_J: return h->budget_j;
  case SOURCE_DEADLINE: case SOURCE_SLACK: case SOURCE_RETRIES: break;
  default: return true;
  }
  for (int c = 0; c < h->world->n_classes; c++) any |= class_provides(&h->world->klass[c], kind);
  return any;
}

/* Is some decision of this class taken after `task` is done? Tasks stand in topological order. */
static bool decided_after(const struct class_def *c, int task)
{
  uint32_t later = UINT32_C(1) << task;
  for (int t = task + 1; t < c->n_tasks; t++) {
    if (!(c->task[t].after & later)) continue;
    later |= UINT32_C(1) << t;
    if (has_choice(&c->task[t])) return true;
  }
  return false;
}

static int attribute_index(const struct class_def *c, const char *name)
{
  for (int i = 0; i < c->n_attributes; i++)
    if (strcmp(c->attribute[i].name, name) == 0) return i;
  return NONE;
}

static bool too_late(const struct policy_host *h, const struct class_def *c, const struct attribute_def *a,
                     struct where at, struct err *err)
{
  static const char *const when[] = {[KNOWN_AFTER_TASK] = "only after the last choice is made",
    [KNOWN_COMPLETION] = "at completion only", [KNOWN_ORACLE] = "to an oracle only"};
  return err_add(err, at, "policy '%s' reads '%s', which in class %s is known %s; declare an estimator for it, or "
                 "use a reference policy", h->policy->name, a->name, c->name, when[a->known]);
}

static bool attribute_source(const struct policy_host *h, const struct class_def *c, int index, struct where at,
                             struct source *s, struct err *err)
{
  const struct attribute_def *a = &c->attribute[index];
  bool oracle = h->policy->capabilities & OFFSIM_NEEDS_ORACLE;
  *s = (struct source){.kind = SOURCE_ATTRIBUTE, .attribute = (uint16_t)index};
  if (oracle || a->known == KNOWN_ARRIVAL || !class_has_choice(c)) return true;
  s->after_task = (uint8_t)a->after_task;
  s->kind = a->known == KNOWN_AFTER_TASK ? SOURCE_AFTER_TASK : SOURCE_ESTIMATE;
  if (a->known == KNOWN_AFTER_TASK && decided_after(c, a->after_task)) return true;
  return a->estimator != ESTIMATE_NONE || too_late(h, c, a, at, err);
}

static bool same_unit(const struct policy_host *h, const char *feature, const char *wanted, const char *there,
                      struct where at, struct err *err)
{
  if (!wanted || !there || !*wanted || !*there || strcmp(wanted, there) == 0) return true;
  return err_add(err, at, "policy '%s' reads '%s' in %s, but here it is in %s", h->policy->name, feature, wanted,
                 there);
}

/* Sources of feature f in all classes that have an attribute of its name. *found tells whether any has. */
static bool bind_attribute(struct policy_host *h, int f, struct where at, bool *found, struct err *err)
{
  const struct world_def *w = h->world;
  const char *wanted = h->unit[f];
  bool ok = true;
  *found = false;
  for (int c = 0; c < w->n_classes; c++) {
    int index = attribute_index(&w->klass[c], h->feature[f]);
    if (index == NONE) continue;
    const char *unit = w->klass[c].attribute[index].unit;
    *found = true;
    ok &= same_unit(h, h->feature[f], wanted, unit, at, err);
    ok &= attribute_source(h, &w->klass[c], index, at, &h->source[c * MAX_FEATURES + f], err);
    if (unit && *unit) h->unit[f] = unit;
  }
  return ok;
}

static bool unknown_feature(const struct policy_host *h, const char *name, struct where at, struct err *err)
{
  const char *names[N_HOST_FEATURES + 256];
  size_t n = 0;
  for (; n < N_HOST_FEATURES; n++) names[n] = host_features[n].name;
  for (int c = 0; c < h->world->n_classes; c++)
    for (int i = 0; i < h->world->klass[c].n_attributes && n < sizeof names / sizeof *names; i++)
      names[n++] = h->world->klass[c].attribute[i].name;
  const char *near = nearest(name, names, n);
  return err_add(err, at, "policy '%s' reads the feature '%s', which no class has%s%s%s", h->policy->name, name,
                 near ? "; did you mean '" : " and the host does not provide", near ? near : "", near ? "'?" : "");
}

/* One of the host's own; *found tells whether it is one. */
static bool bind_host_feature(struct policy_host *h, int f, bool required, struct where at, bool *found, struct err *err)
{
  const struct host_feature *x = host_features;
  while (x < host_features + N_HOST_FEATURES && strcmp(x->name, h->feature[f]) != 0) x++;
  *found = x < host_features + N_HOST_FEATURES;
  if (!*found) return true;
  if (!same_unit(h, x->name, h->unit[f], x->unit, at, err)) return false;
  if (required && !provides(h, x->kind))
    return err_add(err, at, "policy '%s' reads the feature '%s', which this scenario does not provide: %s", h->policy->name,
                   x->name, x->lacks);
  h->unit[f] = x->unit;
  h->reads_state |= x->kind >= SOURCE_BATTERY_LEVEL;
  for (int c = 0; c < h->world->n_classes; c++) h->source[c * MAX_FEATURES + f] = (struct source){.kind = (uint8_t)x->kind};
  return true;
}

/* Add a feature; returns its index, -1 after an error. The same name twice is read once. */
static int add_feature(struct policy_host *h, const char *name, const char *unit, bool required, struct where at,
                       struct err *err)
{
  for (int f = 0; f < h->n_features; f++)
    if (strcmp(h->feature[f], name) == 0) return f;
  if (h->n_features == MAX_FEATURES) {
    err_add(err, at, "policy '%s' reads more than %d features", h->policy->name, MAX_FEATURES);
    return NONE;
  }
  int f = h->n_features++;
  h->feature[f] = arena_strdup(h->arena, name);
  h->unit[f] = unit ? unit : "";
  bool found;
  if (!bind_attribute(h, f, at, &found, err)) return NONE;
  if (!found && !bind_host_feature(h, f, required, at, &found, err)) return NONE;
  if (!found && required) { unknown_feature(h, name, at, err); return NONE; }
  return f;
}

static bool bind_declared(struct policy_host *h, struct err *err)
{
  bool ok = true;
  for (uint32_t i = 0; i < h->policy->n_features; i++) {
    const struct offsim_feature *f = &h->policy->feature[i];
    int index = add_feature(h, f->name, f->unit, f->required, h->at, err);
    if (index == (int)i) continue;
    ok = false;
    if (index != NONE) err_add(err, h->at, "policy '%s' declares the feature '%s' twice", h->policy->name, f->name);
  }
  return ok;
}

/* "*": each attribute that is known at arrival in a class where something is to be decided. */
static bool add_all_known(struct policy_host *h, struct where at, struct err *err)
{
  bool ok = true;
  for (int c = 0; c < h->world->n_classes; c++) {
    const struct class_def *k = &h->world->klass[c];
    for (int i = 0; i < k->n_attributes && class_has_choice(k); i++)
      if (k->attribute[i].known == KNOWN_ARRIVAL)
        ok &= add_feature(h, k->attribute[i].name, NULL, true, at, err) != NONE;
  }
  return ok;
}

static bool add_listed(struct policy_host *h, const char *text, struct where at, struct err *err)
{
  bool ok = true;
  while (*(text += strspn(text, " ,"))) {
    size_t n = strcspn(text, " ,");
    ok &= add_feature(h, arena_printf(h->arena, "%.*s", (int)n, text), NULL, true, at, err) != NONE;
    text += n;
  }
  return ok;
}

/* Features that parameters name: one gives its index, several begin at theirs. */
static bool bind_selected(struct policy_host *h, const struct policy_def *def, const struct offsim_parameter *p,
                          struct offsim_value *v, struct err *err)
{
  const struct policy_parameter *q = given(def, p->name);
  struct where at = q ? q->at : def->at;
  v->number = -1;
  if (p->type == OFFSIM_FEATURE) {
    if (!*v->text) return true;
    v->number = add_feature(h, v->text, NULL, true, at, err);
    return v->number >= 0;
  }
  int before = h->n_features;
  bool ok = strcmp(v->text, "*") == 0 ? add_all_known(h, at, err) : add_listed(h, v->text, at, err);
  if (h->n_features > before) v->number = before;
  h->setup.n_selected = (uint32_t)(h->n_features - before);
  return ok;
}

static bool bind_values(struct policy_host *h, const struct policy_def *def, struct err *err)
{
  const struct offsim_policy *p = h->policy;
  struct offsim_value *value = arena_array(h->arena, struct offsim_value, p->n_parameters + 1);
  bool ok = refuse_unknown(h, def, err);
  ok &= bind_declared(h, err);
  for (uint32_t i = 0; i < p->n_parameters; i++) {
    bool fine = bind_parameter(h, def, &p->parameter[i], &value[i], err);
    if (fine && p->parameter[i].type >= OFFSIM_FEATURE) fine = bind_selected(h, def, &p->parameter[i], &value[i], err);
    ok &= fine;
  }
  h->setup.parameter = value;
  h->setup.n_parameters = p->n_parameters;
  return ok;
}

/* ---- the world, as a policy sees it ------------------------------------------------------------------------------ */

static const int32_t *words_of(struct policy_host *h, const struct task_def *t)
{
  int32_t *word = arena_array(h->arena, int32_t, t->n_plans > 0 ? t->n_plans : 1);
  for (int i = 0; i < t->n_plans; i++) word[i] = (int32_t)t->plan[i].word;
  return word;
}

static void describe_kinds(struct policy_host *h)
{
  const struct world_def *w = h->world;
  struct offsim_setup *s = &h->setup;
  uint32_t *first = arena_array(h->arena, uint32_t, w->n_classes + 1), n = 0;
  for (int c = 0; c < w->n_classes; c++) { first[c] = n; n += (uint32_t)w->klass[c].n_tasks; }
  h->first_kind = first;
  h->kind = arena_array(h->arena, struct decision_kind, n + 1);
  s->n_contexts = n;
  for (int c = 0; c < w->n_classes; c++)
    for (int t = 0; t < w->klass[c].n_tasks; t++) {
      const struct task_def *task = &w->klass[c].task[t];
      uint32_t actions = task->n_plans > 0 ? (uint32_t)task->n_plans : 1;
      h->kind[first[c] + (uint32_t)t] = (struct decision_kind){s->n_arms, actions, words_of(h, task)};
      s->n_arms += actions;
      if (actions > s->max_actions) s->max_actions = actions;
    }
}

static void describe_names(struct policy_host *h)
{
  const struct world_def *w = h->world;
  const char **place = arena_array(h->arena, const char *, w->n_places + 1);
  const char **variant = arena_array(h->arena, const char *, w->n_variants + 1);
  for (int i = 0; i < w->n_places; i++) place[i] = w->place[i].name;
  for (int i = 0; i < w->n_variants; i++) variant[i] = w->variant[i].name;
  h->setup.n_places = (uint32_t)w->n_places;
  h->setup.n_variants = (uint32_t)w->n_variants;
  h->setup.place_name = place;
  h->setup.variant_name = variant;
}

bool policy_bind(struct policy_host *h, const struct policy_def *def, struct err *err)
{
  const struct objective_def *o = &h->world->objective;
  h->setup = (struct offsim_setup){.size = sizeof h->setup, .reward_per_s = o->latency_per_s,
    .reward_per_usd = o->money_per_usd, .reward_per_j = o->energy_per_j, .reward_per_quality = o->quality,
    .reward_per_failure = o->failure};
  h->source = arena_array(h->arena, struct source, (size_t)h->world->n_classes * MAX_FEATURES + 1);
  for (int i = 0; i < def->n_wraps; i++) {
    h->budget_usd |= def->wrap[i].kind == WRAP_BUDGET && def->wrap[i].usd > 0;
    h->budget_j |= def->wrap[i].kind == WRAP_BUDGET && def->wrap[i].joule > 0;
  }
  describe_kinds(h);
  describe_names(h);
  bool ok = bind_values(h, def, err);
  h->setup.feature = h->feature;
  h->setup.n_features = (uint32_t)h->n_features;
  return ok;
}
