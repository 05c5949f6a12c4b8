/* trust.c: kinds of data, what classes and tasks carry of them, and how far places are trusted. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

/* ---- kinds of data ----------------------------------------------------------------------------------------------- */

void build_data(struct build *b)
{
  const struct node *map = node_get(b->root, "data");
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  if (n > MAX_DATA) {
    err_add(b->err, map->at, "%zu kinds of data; at most %d are possible", n, MAX_DATA);
    n = MAX_DATA;
  }
  struct data_def *data = arena_array(b->arena, struct data_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct node *kind = map->child[i];
    data[i] = (struct data_def){kind->key, build_zones(b, node_get(kind, "zones"), ~UINT64_C(0), false),
                                get_number(kind, "data_kind", "weight")};
  }
  b->world->data = data;
  b->world->n_data = (int)n;
}

static bool is_constant(const struct expr *e) { return e->n == 0 || e->reads == 0; }

static double constant_share(const struct expr *e) { return is_constant(e) ? expr_value(e, NULL) : 0; }

/* Shares that do not depend on the request must be possible; the others are checked with each request. */
static void check_shares(struct build *b, const struct node *map, const struct expr *share)
{
  double sum = 0;
  for (int d = 0; d < b->world->n_data; d++) {
    const struct node *own = node_get(map, b->world->data[d].name);
    double x = constant_share(&share[d]);
    if (own && (x < 0 || x > 1)) err_add(b->err, own->at, "%g of each byte: a share is 0 .. 1", x);
    sum += x;
  }
  if (sum > 1 + 1e-9) err_add(b->err, map->at, "the shares of the kinds of data are %g in sum, more than all bytes", sum);
}

const struct expr *build_shares(struct build *b, const struct node *map)
{
  const struct world_def *w = b->world;
  const char *names[MAX_DATA];
  struct expr *share = arena_array(b->arena, struct expr, w->n_data + 1);
  for (int d = 0; d < w->n_data; d++) names[d] = w->data[d].name;
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++) {
    int kind = build_find_key(b, map->child[i], "kind of data", names, w->n_data);
    if (kind != NONE) share[kind] = build_expr(b, map->child[i], Q_PURE, NULL);
  }
  if (node_is(map, NODE_MAP)) check_shares(b, map, share);
  return share;
}

/* ---- where what is sure to be in there may be ---------------------------------------------------------------------- */

static uint64_t sure_zones(const struct world_def *w, const struct expr *share)
{
  uint64_t zones = ~UINT64_C(0);
  for (int d = 0; d < w->n_data; d++)
    if (constant_share(&share[d]) > 0) zones &= w->data[d].zones;
  return zones;
}

/* Of what comes into each task, in topological order. */
static void zones_in(const struct world_def *w, const struct class_def *c, uint64_t *in)
{
  for (int t = 0; t < c->n_tasks; t++) {
    const struct task_def *task = &c->task[t];
    in[t] = c->zones & (task->after ? ~UINT64_C(0) : sure_zones(w, c->data));
    for (uint32_t left = task->after; left; left &= left - 1) {
      int from = __builtin_ctz(left);
      in[t] &= c->task[from].data ? sure_zones(w, c->task[from].data) : in[from];
    }
  }
}

/* Zones in which a plan may run. */
static uint64_t plan_zones(const struct world_def *w, const struct class_def *c, const struct plan_def *plan)
{
  uint64_t zones = 0;
  for (int p = 0; p < w->n_places; p++)
    if (build_leads_to(w, c, plan, p)) zones |= UINT64_C(1) << w->place[p].zone;
  return zones;
}

static const char *zone_names(struct build *b, uint64_t zones)
{
  const char *all = "";
  for (int z = 0; z < b->world->n_zones; z++)
    if (zones >> z & 1) all = arena_printf(b->arena, "%s%s%s", all, *all ? ", " : "", b->zone[z]);
  return *all ? all : "nowhere";
}

/* what: a fallback, or a copy. */
static void check_other(struct build *b, const struct class_def *c, const struct plan_def *plan, uint64_t allowed,
                        const char *what, const struct node *place)
{
  uint64_t there = plan_zones(b->world, c, plan);
  if (!there || there & allowed) return;
  const char *why = there & c->zones ? "what it carries may be" : "its data may be";
  err_add(b->err, place->at, "the %s '%.64s' is masked for the class '%s': it is in zone %s, %s in: %s", what, place->text, c->name,
          zone_names(b, there), why, zone_names(b, allowed));
}

static void check_places(struct build *b, const struct class_def *c, const struct task_def *t, uint64_t allowed,
                         const struct node *task)
{
  uint64_t there = 0;
  for (int i = 0; i < t->n_plans; i++) there |= plan_zones(b->world, c, &t->plan[i]);
  if (!there || there & allowed || !(there & c->zones)) return;
  err_add(b->err, node_get(task, "places")->at, "no place of the task '%s' may have what it carries: they are in zone %s, and that may "
          "be in: %s", t->name, zone_names(b, there), zone_names(b, allowed));
}

void check_masked(struct build *b, const struct class_def *c)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  uint64_t in[MAX_TASKS];
  zones_in(b->world, c, in);
  for (int t = 0; t < c->n_tasks; t++) {
    const struct node *task = node_named(pipeline, c->task[t].name), *list = node_get(task, "fallback");
    if (!task) continue;
    check_places(b, c, &c->task[t], in[t], task);
    for (int k = 0, i = 0; node_is(list, NODE_LIST) && (size_t)i < list->n && k < c->task[t].n_fallbacks; i++) {
      const struct node *place = node_get(list->child[i], "place");
      if (!place) continue;
      if (!c->task[t].fallback[k].answers) check_other(b, c, &c->task[t].fallback[k].plan, in[t], "fallback", place);
      k++;
    }
    const struct node *copy = node_get(node_get(task, "hedge"), "place");
    const struct hedge_def *hedge = c->task[t].life ? c->task[t].life->hedge : NULL;
    if (copy && hedge && hedge->has_plan) check_other(b, c, &hedge->plan, in[t], "place of the copy", copy);
  }
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void build_attestation(struct build *b, struct trust_def *t, const struct node *node)
{
  if (!node) return;
  t->attest_s = build_dist(b, node_get(node, "time"), Q_TIME, 1);
  t->round_trips = (unsigned)get_count(node, "attestation", "round_trips");
  t->valid_s = get_number(node, "attestation", "valid");
}

/* The factor stands in the file and the kind has none. */
static void without_ciphertext(struct build *b, const struct node *node, const char *key)
{
  if (node_get(node, key))
    err_add(b->err, node_get(node, key)->key_at, "'%s' is of kind homomorphic: only ciphertext is larger than what it hides", key);
}

const struct trust_def *build_trust(struct build *b, const struct place_def *p, const struct node *node)
{
  if (!node_is(node, NODE_MAP)) return NULL;
  struct trust_def *t = arena_alloc(b->arena, sizeof *t);
  t->kind = (enum trust_kind)get_choice(node, "trust", "kind");
  t->slowdown = get_number(node, "trust", "slowdown");
  t->send = get_number(node, "trust", "send");
  t->answer = get_number(node, "trust", "answer");
  t->keeps_s = get_number(node, "trust", "keeps");
  build_attestation(b, t, node_get(node, "attestation"));
  if (t->kind != TRUST_HOMOMORPHIC) {
    without_ciphertext(b, node, "send");
    without_ciphertext(b, node, "answer");
  }
  if (t->kind == TRUST_PLAIN && node_get(node, "attestation"))
    err_add(b->err, node_get(node, "attestation")->key_at, "places.%s: a plain place proves nothing; 'attestation' is of an enclave", p->name);
  bool as_any = t->kind == TRUST_PLAIN && t->slowdown <= 1 && t->keeps_s <= 0;
  return as_any ? NULL : t;
}

/* A proof by each device of each member. */
void check_attested(struct build *b, const struct node *places)
{
  double members = 0;
  for (int i = 0; i < b->world->n_places; i++) members += (double)b->world->place[i].count;
  for (size_t i = 0; node_is(places, NODE_LIST) && i < places->n && (int)i < b->world->n_places; i++) {
    const struct place_def *p = &b->world->place[i];
    const struct node *at = node_get(node_get(places->child[i], "trust"), "attestation");
    if (at && members * (double)p->count > 1e8)
      err_add(b->err, at->key_at, "places.%s: attestation of %llu members by %.3g others; at most 1e8 pairs are kept", p->name,
              (unsigned long long)p->count, members);
  }
}
