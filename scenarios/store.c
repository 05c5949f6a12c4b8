/* store.c: data with copies, and the maps `reads` and `writes` of tasks. */
#include "models/replica.h"
#include "models/stores.h"
#include "scenarios/effects.h"

#include <math.h>

static void build_replicas(struct build *b, struct store_def *d, const struct node *list)
{
  const struct node *const *one;
  size_t n = elements(list, &one, b->arena);
  int *replica = arena_array(b->arena, int, n + 1);
  for (size_t i = 0; i < n; i++) {
    int place = build_find_place(b, one[i]);
    bool twice = place != NONE && place == d->primary;
    for (int k = 0; k < d->n_replicas; k++) twice |= place != NONE && replica[k] == place;
    if (twice)
      err_add(b->err, one[i]->at, "'%s' has %s of '%s' already", one[i]->text, place == d->primary ? "the original" : "copies",
              d->name);
    else if (place != NONE)
      replica[d->n_replicas++] = place;
  }
  d->replica = replica;
}

static void build_store(struct build *b, struct store_def *d, const struct node *node)
{
  const struct node *primary = node_get(node, "primary");
  *d = (struct store_def){.name = node_name(node) ? node_name(node) : "?", .primary = NONE};
  if (primary)
    d->primary = build_find_place(b, primary);
  if (d->primary != NONE && b->world->place[d->primary].count > 1)
    err_add(b->err, primary->at, "the original of '%s' stands at one member, and '%s' has %llu", d->name, primary->text,
            (unsigned long long)b->world->place[d->primary].count);
  build_replicas(b, d, node_get(node, "replicas"));
  d->lag_s = build_dist(b, node_get(node, "lag"), Q_TIME, 1);
  d->apply_s = get_number(node, "store", "apply");
}

void build_stores(struct build *b)
{
  const struct node *stores = node_get(b->root, "stores");
  size_t n = node_is(stores, NODE_LIST) ? stores->n : 0;
  struct store_def *all = arena_array(b->arena, struct store_def, n + 1);
  for (size_t i = 0; i < n; i++)
    build_store(b, &all[i], stores->child[i]);
  b->world->n_stores = (int)n;
  b->world->store = all;
}

/* ---- tasks -------------------------------------------------------------------------------------------------------- */

static bool has_copy(const struct store_def *d, int place, bool writes)
{
  bool has = place == d->primary;
  for (int r = 0; r < d->n_replicas && !writes; r++) has |= d->replica[r] == place;
  return has;
}

/* Where a plan may come to run: a place, or whatever the word may mean. */
static bool may_mean(const struct build *b, const struct plan_def *plan, int place)
{
  enum tier tier = b->world->place[place].tier;
  if (plan->word == WORD_ORIGIN) return tier == TIER_DEVICE;
  if (plan->word == WORD_NEAREST) return tier == TIER_EDGE;
  return plan->place == place;
}

static bool check_plan(struct build *b, const struct store_def *d, const struct plan_def *plan, const char *task, bool writes,
                       const struct node *at)
{
  for (int p = 0; p < b->world->n_places; p++) {
    if (!may_mean(b, plan, p) || has_copy(d, p, writes)) continue;
    const char *name = b->world->place[p].name;
    if (writes)
      return err_add(b->err, at->at, "task '%s' may run at '%s', and '%s' is written at its primary '%s' only", task, name, d->name,
                     b->world->place[d->primary].name);
    return err_add(b->err, at->at, "task '%s' may run at '%s', which has no copy of '%s'", task, name, d->name);
  }
  return true;
}

static void check_places(struct build *b, const struct store_def *d, const struct task_def *t, bool writes, const struct node *at)
{
  bool ok = d->primary != NONE;
  for (int i = 0; ok && i < t->n_plans; i++) ok = check_plan(b, d, &t->plan[i], t->name, writes, at);
  for (int i = 0; ok && i < t->n_fallbacks; i++)
    if (!t->fallback[i].answers) ok = check_plan(b, d, &t->fallback[i].plan, t->name, writes, at);
  const struct hedge_def *h = t->life ? t->life->hedge : NULL;
  if (ok && h && h->has_plan) check_plan(b, d, &h->plan, t->name, writes, at);
}

static struct access_def *access_of(struct build *b, struct effect_def *e, const struct task_def *t, const struct node *node,
                                    bool writes)
{
  const struct node *store = node_get(node, "store");
  struct access_def *d = arena_alloc(b->arena, sizeof *d);
  const char **name = arena_array(b->arena, const char *, b->world->n_stores + 1);
  for (int i = 0; i < b->world->n_stores; i++) name[i] = b->world->store[i].name;
  *d = (struct access_def){.store = NONE, .writes = writes, .item = build_expr(b, node_get(node, "item"), Q_PURE, NULL),
                           .stale_quality = 1, .stale = NONE};
  if (store)
    d->store = build_find(b, store, "store", name, b->world->n_stores);
  if (e->access)
    err_add(b->err, node->key_at, "a task reads or writes; a second task does the other");
  if (d->store != NONE)
    check_places(b, &b->world->store[d->store], t, writes, store);
  e->access = d;
  return d;
}

void reads_declare(struct build *b, const struct produced_at *at, const struct node *node)
{
  build_produced(b, at, node, (struct fact){.name = "stale", .low = 0, .high = 1});
}

void reads_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                 const struct node *node)
{
  struct access_def *d = access_of(b, e, t, node, false);
  d->stale = build_attribute_index(b, at, "stale");
  d->stale_quality = get_number(node, "reads", "stale_quality");
}

void writes_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                  const struct node *node)
{
  (void)at;
  access_of(b, e, t, node, true);
}
