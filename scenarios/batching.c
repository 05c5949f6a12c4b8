/* batching.c: batching of requests at places. What is checked here: keys of one kind with another, sizes against
 * tables, and work that cannot be batched by request. */
#include "scenarios/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- curves ---------------------------------------------------------------------------------------------------- */

const double *build_numbers(struct build *b, const struct node *map, const char *section, const char *name, int *n)
{
  const struct node *const *element;
  size_t all = elements(node_get(map, name), &element, b->arena);
  double *value = arena_array(b->arena, double, all + 1);
  const struct key *key = key_find(section, name);
  for (size_t i = 0; i < all; i++)
    value[i] = !node_is(element[i], NODE_TEXT) ? NAN
               : key->value == V_COUNT ? strtod(element[i]->text, NULL) : key_number(key, element[i]->text);
  *n = (int)all;
  return value;
}

static void build_table(struct build *b, const struct node *map, const char *section, const char *values,
                        struct batch_curve *c, uint32_t size)
{
  int n = 0;
  c->size = build_numbers(b, map, section, "sizes", &c->n);
  c->value = build_numbers(b, map, section, values, &n);
  if (c->n == 0 || n != c->n) {
    err_add(b->err, map->at, "'sizes' has %d elements, '%s' %d", c->n, values, n);
    c->n = 0;
    return;
  }
  for (int i = 1; i < n; i++)
    if (!(c->size[i] > c->size[i - 1])) {
      err_add(b->err, node_get(map, "sizes")->at, "'sizes' must ascend");
      return;
    }
  if (c->size[0] > 1)
    err_add(b->err, node_get(map, "sizes")->at, "'sizes' starts at %g; a batch of 1 is possible", c->size[0]);
  if (size == UINT32_MAX)
    err_add(b->err, node_get(map, "sizes")->at, "a table needs a 'size': the largest batch");
  else if (c->size[n - 1] < size)
    err_add(b->err, node_get(map, "sizes")->at, "'sizes' ends at %g; a batch of %u is possible", c->size[n - 1], size);
}

/* What `profile` names; NULL also where the schema or the presets have spoken. */
static const struct node *profile_of(struct build *b, const struct node *time)
{
  const struct node *name = node_get(time, "profile");
  const struct node *profile = node_is(name, NODE_TEXT) ? node_get(node_get(b->root, "batch_profiles"), name->text) : NULL;
  return node_is(profile, NODE_MAP) && profile->n ? profile : NULL;
}

static void check_profile(struct build *b, const struct place_def *p, const struct node *time)
{
  const struct node *profile = profile_of(b, time), *hardware = node_get(profile, "hardware");
  bool fits = p->n_hardware > 0;
  for (int i = 0; hardware && i < p->n_hardware; i++)
    fits &= node_text_is(hardware, b->world->hardware[p->hardware[i]].name);
  if (hardware && !fits)
    err_add(b->err, node_get(time, "profile")->at, "this profile was measured on '%.64s'; places.%s has other hardware",
            hardware->text, p->name);
}

static bool build_curve(struct build *b, const struct node *map, bool energy, struct batch_curve *c, uint32_t size)
{
  const struct node *affine = node_get(map, "affine"), *table = node_get(map, "table");
  const char *section = energy ? "affine_energy" : "affine";
  if (node_is(affine, NODE_MAP)) {
    c->a = get_number(affine, section, "a");
    c->c = get_number(affine, section, "c");
  } else if (node_is(table, NODE_MAP)) {
    build_table(b, table, energy ? "energy_table" : "batch_table", energy ? "energies" : "times", c, size);
  }
  const struct node *profile = energy ? NULL : profile_of(b, map);
  if (profile) build_table(b, profile, "batch_profile", "times", c, size);
  return affine || table || profile;
}

/* ---- what belongs to which kind ---------------------------------------------------------------------------------- */

static bool asked_for(const struct node *node, const char *name) { return node_get(node, name) != NULL; }

static void only_for(struct build *b, const struct node *node, const char *name, bool belongs, const char *to)
{
  if (!belongs && asked_for(node, name))
    err_add(b->err, node_get(node, name)->key_at, "'%s' belongs to batching of kind %s", name, to);
}

void batching_keys(struct build *b, const struct node *node, bool continuous)
{
  static const char *const engines[] = {"scheduler", "max_num_seqs", "max_num_batched_tokens", "kv_blocks", "block",
    "long_prefill_threshold", "prefix_cache", "reserve_full", "router", "step_time", "extrapolate"};
  static const char *const others[] = {"size", "timeout", "timeout_action", "preferred", "max_queue_delay",
    "max_queue_size", "preserve_ordering", "time", "energy", "target", "increase", "decrease"};
  const char *const *names = continuous ? others : engines;
  size_t n = continuous ? sizeof others / sizeof *others : sizeof engines / sizeof *engines;
  for (size_t i = 0; i < n; i++)
    only_for(b, node, names[i], false, continuous ? "fixed, take_all, dynamic, deadline or aimd" : "continuous");
}

static void check_kind(struct build *b, const struct batching_def *d, const struct place_def *p,
                       const struct node *node)
{
  enum batching_kind k = d->kind;
  if (k != BATCH_TAKE_ALL && !asked_for(node, "size"))
    err_add(b->err, node->key_at, "places.%s.batching needs 'size'", p->name);
  if (k == BATCH_AIMD && !asked_for(node, "target"))
    err_add(b->err, node->key_at, "places.%s.batching of kind aimd needs 'target'", p->name);
  only_for(b, node, "timeout_action", k != BATCH_FIXED, "take_all, dynamic, deadline or aimd");
  only_for(b, node, "preferred", k == BATCH_DYNAMIC, "dynamic");
  only_for(b, node, "max_queue_delay", k == BATCH_DYNAMIC || k == BATCH_AIMD, "dynamic or aimd");
  only_for(b, node, "target", k == BATCH_AIMD, "aimd");
  only_for(b, node, "increase", k == BATCH_AIMD, "aimd");
  only_for(b, node, "decrease", k == BATCH_AIMD, "aimd");
  if (p->kind == PLACE_API)
    err_add(b->err, node->key_at, "places.%s: an api does not batch here", p->name);
  if (p->discipline == PROCESSOR_SHARING || p->discipline == PRIORITY_PREEMPTIVE)
    err_add(b->err, node->key_at, "places.%s: batches are neither shared nor preempted; use another discipline",
            p->name);
}

static int by_size(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void build_preferred(struct build *b, struct batching_def *d, const struct node *node)
{
  const double *value = build_numbers(b, node, "batching", "preferred", &d->n_preferred);
  uint32_t *size = arena_array(b->arena, uint32_t, d->n_preferred + 1);
  for (int i = 0; i < d->n_preferred; i++) {
    size[i] = value[i] >= 1 && value[i] <= 1e6 ? (uint32_t)value[i] : 1;
    if (size[i] > d->size)
      err_add(b->err, node_get(node, "preferred")->at, "preferred size %u is above 'size', %u", size[i], d->size);
  }
  qsort(size, (size_t)d->n_preferred, sizeof *size, by_size);
  d->preferred = size;
}

static void build_limits(struct batching_def *d, const struct node *node)
{
  d->size = asked_for(node, "size") ? (uint32_t)get_count(node, "batching", "size") : UINT32_MAX;
  d->timeout_s = get_number(node, "batching", "timeout");
  d->delays = get_choice(node, "batching", "timeout_action") == 1;
  d->max_queue_delay_s = get_number(node, "batching", "max_queue_delay");
  d->max_queue_size = get_count(node, "batching", "max_queue_size");
  d->preserve_ordering = get_flag(node, "batching", "preserve_ordering");
  d->target_s = get_number(node, "batching", "target");
  d->increase = get_number(node, "batching", "increase");
  d->decrease = get_number(node, "batching", "decrease");
}

const struct batching_def *build_batching(struct build *b, const struct place_def *p, const struct node *node)
{
  static const enum batching_kind kinds[] = {BATCH_NONE, BATCH_FIXED, BATCH_TAKE_ALL, BATCH_DYNAMIC, BATCH_DEADLINE,
                                             BATCH_AIMD, BATCH_NONE};
  if (!node_is(node, NODE_MAP)) return NULL;
  struct batching_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct batching_def){.kind = kinds[get_choice(node, "batching", "kind")]};
  if (d->kind == BATCH_NONE) return NULL;
  batching_keys(b, node, false);
  build_limits(d, node);
  build_preferred(b, d, node);
  check_kind(b, d, p, node);
  const struct node *time = node_get(node, "time");
  d->time_of = node_is(time, NODE_MAP) ? BATCH_CURVE : (enum batch_time)get_choice(node, "batching", "time");
  if (d->time_of == BATCH_CURVE && !build_curve(b, time, false, &d->time_s, d->size) && time->n)
    d->time_of = BATCH_LONGEST;
  d->has_energy = build_curve(b, node_get(node, "energy"), true, &d->energy_j, d->size);
  check_profile(b, p, time);
  const struct node *profile = d->has_energy ? NULL : profile_of(b, time);
  if (profile && node_get(profile, "energies")) {
    build_table(b, profile, "batch_profile", "energies", &d->energy_j, d->size);
    d->has_energy = true;
  }
  return d;
}

/* ---- work ------------------------------------------------------------------------------------------------------- */

static bool may_run_at(const struct world_def *w, const struct class_def *k, const struct task_def *t, int place)
{
  for (int i = 0; i < t->n_plans; i++)
    if (build_leads_to(w, k, &t->plan[i], place)) return true;
  for (int i = 0; i < t->n_fallbacks; i++)
    if (!t->fallback[i].answers && build_leads_to(w, k, &t->fallback[i].plan, place)) return true;
  return false;
}

static bool reads_tokens(const struct task_def *t)
{
  for (int v = 0; v < (t->n_variants > 0 ? t->n_variants : 1); v++)
    if (t->work && t->work[v].kind == WORK_TOKENS) return true;
  return false;
}

static void check_task(struct build *b, int place, const struct class_def *k, const struct task_def *t,
                       const struct node *batching)
{
  const struct place_def *p = &b->world->place[place];
  bool tokens = reads_tokens(t);
  if (tokens == (p->llm != NULL) || !may_run_at(b->world, k, t, place)) return;
  err_add(b->err, batching->key_at, "places.%s %s; task '%s' of class '%s' works by %s", p->name,
          p->llm ? "is of LLM engines" : "batches by request", t->name, k->name, tokens ? "tokens" : "request");
}

void check_batched_work(struct build *b)
{
  const struct world_def *w = b->world;
  const struct node *places = node_get(b->root, "places");
  for (int i = 0; i < w->n_places; i++)
    for (int k = 0; (w->place[i].batching || w->place[i].llm) && k < w->n_classes; k++)
      for (int t = 0; t < w->klass[k].n_tasks; t++)
        check_task(b, i, &w->klass[k], &w->klass[k].task[t], node_get(places->child[i], "batching"));
}
