/* cache.c: the map `cache` of a task; and, when all classes are there, whether the caches have room at their places. */
#include "models/cached.h"
#include "scenarios/effects.h"

#include <math.h>
#include <string.h>

/* Only an oracle may know whether an answer found is the right one. */
void cache_declare(struct build *b, const struct produced_at *at, const struct node *node)
{
  static const struct fact facts[] = {{.name = "hit", .low = 0, .high = 1},
                                      {.name = "false", .low = 0, .high = 1},
                                      {.name = "quality", .low = 0, .high = 1, .otherwise = NAN}};
  for (int i = 0; i < 3; i++) {
    build_produced(b, at, node, facts[i]);
    int index = build_attribute_index(b, at, facts[i].name);
    if (i > 0 && index > 0) b->attribute[index].known = KNOWN_ORACLE;
  }
}

/* ---- one cache --------------------------------------------------------------------------------------------------- */

/* What tasks make is not there when the cache asks, or may not be. */
static struct expr own_expr(struct build *b, const struct node *cache, const char *section, const char *name, enum quantity q)
{
  const struct node *node = node_get(cache, name);
  const char *otherwise = key_find(section, name)->otherwise;
  struct expr e = {0};
  if (node) e = build_expr(b, node, q, NULL);
  else if (otherwise) e = build_expr_text(b, otherwise, (struct where){0}, q, NULL);
  for (int i = 1; node && i < b->n_attributes; i++)
    if (e.reads >> i & 1 && b->attribute[i].produced)
      err_add(b->err, node->at, "'%s' of a cache reads '%s', which a task makes; only what is known at arrival or of a trace "
              "can be read here", name, b->attribute[i].name);
  return e;
}

static void build_similarity(struct build *b, struct cache_def *d, const struct node *node)
{
  d->threshold = get_number(node, "similarity", "threshold");
  d->same = build_dist(b, node_get(node, "same"), Q_PURE, 1);
  d->other = build_dist(b, node_get(node, "other"), Q_PURE, 1);
  d->measured = own_expr(b, node, "similarity", "measured", Q_PURE);
  d->each = get_choice(node, "similarity", "others") == 1;
  if (!d->same && !d->other && d->measured.n == 0)
    err_add(b->err, node->at, "'similarity' needs 'same', 'measured' or 'other': what is compared with the threshold");
  if (d->same && d->measured.n > 0)
    err_add(b->err, node_get(node, "measured")->key_at, "'measured' stands in place of 'same'; one of them is enough");
  if (node_get(node, "others") && !node_get(node, "other"))
    err_add(b->err, node_get(node, "others")->key_at, "'others' says what 'other' is; there is none");
}

static void check_limits(struct build *b, const struct cache_def *d, const struct node *node)
{
  const struct node *refresh = node_get(node, "refresh");
  if (d->limits.bytes > 0 && d->entry_bytes.n == 0)
    err_add(b->err, node_get(node, "bytes")->key_at, "'bytes' needs 'entry': how much an answer takes");
  if (refresh && !node_get(node, "ttl"))
    err_add(b->err, refresh->key_at, "'refresh' belongs to a 'ttl'");
  if (node_get(node, "item") && d->item.n > 0 && d->item.reads == 0)
    err_add(b->err, node_get(node, "item")->at, "'item' reads no attribute: all requests would ask for the same answer");
}

static double or_none(const struct node *node, const char *name)
{
  double value = get_number(node, "cache", name);
  return isnan(value) ? 0 : value;
}

void cache_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                 const struct node *node)
{
  struct cache_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node_is(node, NODE_MAP)) return;
  *d = (struct cache_def){.limits = {.entries = node_get(node, "entries") ? (uint64_t)get_count(node, "cache", "entries") : 0,
                                     .bytes = or_none(node, "bytes"),
                                     .evict = (enum answers_evict)get_choice(node, "cache", "evict"),
                                     .refresh = get_flag(node, "cache", "refresh")},
                          .of_place = get_choice(node, "cache", "per") == 1,
                          .item = own_expr(b, node, "cache", "item", Q_PURE),
                          .entry_bytes = own_expr(b, node, "cache", "entry", Q_BYTES),
                          .quality = own_expr(b, node, "cache", "quality", Q_PURE),
                          .false_quality = own_expr(b, node, "cache", "false_quality", Q_PURE),
                          .hit = build_attribute_index(b, at, "hit"),
                          .wrong = build_attribute_index(b, at, "false"),
                          .kept = build_attribute_index(b, at, "quality")};
  double ttl_s = or_none(node, "ttl");
  if (ttl_s > 0) d->limits.ttl = ns_from_s(ttl_s);
  if (node_get(node, "similarity")) build_similarity(b, d, node_get(node, "similarity"));
  check_limits(b, d, node);
  e->cache = d;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

struct found { const struct node *node; const struct class_def *c; const struct task_def *t; struct cache_def *d; };

static struct found cache_found(const struct node *pipeline, const struct class_def *c, int task)
{
  const struct task_def *t = &c->task[task];
  const struct cache_def *d = t->effect ? t->effect->cache : NULL;
  const struct node *own = node_named(pipeline, t->name);
  return (struct found){node_get(own, "cache"), c, t, (struct cache_def *)d};   /* made here */
}

static bool same_limits(const struct cache_def *a, const struct cache_def *b)
{
  const struct answers_limits *x = &a->limits, *y = &b->limits;
  return x->entries == y->entries && x->bytes == y->bytes && x->evict == y->evict && x->ttl == y->ttl
         && x->refresh == y->refresh && a->of_place == b->of_place;
}

/* Tasks that name a store have one together. */
static void number_store(struct build *b, struct found *all, int n)
{
  struct found *f = &all[n];
  const char *name = get_text(f->node, "cache", "store");
  f->d->store = n;
  for (int i = 0; name && i < n; i++) {
    const char *other = get_text(all[i].node, "cache", "store");
    if (!other || strcmp(name, other)) continue;
    f->d->store = all[i].d->store;
    if (!same_limits(f->d, all[i].d))
      err_add(b->err, node_get(f->node, "store")->at, "the store '%s' has other limits in task '%s' of class '%s': entries, "
              "bytes, evict, ttl, refresh and per must be the same", name, all[i].t->name, all[i].c->name);
    if (f->c->zones != all[i].c->zones)
      err_add(b->err, node_get(f->node, "store")->at, "the store '%s' is used by class '%s', whose 'zones' are others: its "
              "answers may not be where those of '%s' may", name, all[i].c->name, f->c->name);
    return;
  }
}

static bool leads_to(const struct build *b, const struct found *f, int place)
{
  for (int i = 0; i < f->t->n_plans; i++)
    if (build_leads_to(b->world, f->c, &f->t->plan[i], place)) return true;
  return false;
}

/* Of the member with the least of it; INFINITY: nobody says. */
static double memory_of(const struct world_def *w, const struct place_def *p)
{
  double least = p->memory_bytes > 0 ? p->memory_bytes : INFINITY;
  for (int h = 0; p->memory_bytes <= 0 && h < p->n_hardware; h++)
    if (w->hardware[p->hardware[h]].memory_bytes > 0) least = fmin(least, w->hardware[p->hardware[h]].memory_bytes);
  return p->kind == PLACE_SERVERS ? least * p->servers : INFINITY;
}

static double most_bytes(const struct cache_def *d)
{
  double each = d->entry_bytes.reads == 0 ? expr_value(&d->entry_bytes, NULL) : 0, all = each * (double)d->limits.entries;
  if (d->limits.bytes > 0 && all > 0) return fmin(all, d->limits.bytes);
  return d->limits.bytes > 0 ? d->limits.bytes : all;
}

/* Those of a place together; told of the one with which it is too much. */
static void check_room(struct build *b, const struct found *all, int n, int place)
{
  const struct place_def *p = &b->world->place[place];
  double there = memory_of(b->world, p), sum = 0, others = 0;
  for (int i = 0; i < n; i++) {
    bool counted = false;
    for (int k = 0; k < i; k++) counted |= all[k].d->store == all[i].d->store && leads_to(b, &all[k], place);
    if (counted || !leads_to(b, &all[i], place)) continue;
    others = sum;
    sum += most_bytes(all[i].d);
    double room = all[i].d->of_place ? there * (double)p->count : there;
    if (!(sum > room)) continue;
    const struct node *limit = node_get(all[i].node, "bytes");
    err_add(b->err, (limit ? limit : node_get(all[i].node, "entries"))->at, "the cache of task '%s' needs %.4g GB%s, more "
            "than the memory of '%s', %.4g GB", all[i].t->name, (sum - others) / 1e9,
            others > 0 ? arena_printf(b->arena, " beside %.4g GB of others", others / 1e9) : "", p->name, room / 1e9);
    return;
  }
}

static void check_use(struct build *b, const struct found *f)
{
  if (f->t->before == 0)
    err_add(b->err, f->node->key_at, "nothing comes after task '%s' of class '%s': no task makes the answers that its cache "
            "would keep", f->t->name, f->c->name);
}

void check_caches(struct build *b)
{
  const struct node *list = node_get(b->root, "classes");
  struct found *all = arena_array(b->arena, struct found, b->world->n_classes * MAX_TASKS + 1);
  int n = 0;
  for (int i = 0; i < b->world->n_classes; i++)
    for (int t = 0; t < b->world->klass[i].n_tasks; t++) {
      all[n] = cache_found(node_get(list->child[i], "pipeline"), &b->world->klass[i], t);
      if (!all[n].d || !all[n].node) continue;
      check_use(b, &all[n]);
      number_store(b, all, n++);
    }
  for (int p = 0; n > 0 && p < b->world->n_places; p++) check_room(b, all, n, p);
}
