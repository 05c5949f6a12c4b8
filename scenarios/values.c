/* values.c: distributions, names, lists and zones out of nodes. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

/* ---- distributions --------------------------------------------------------------------------------------------- */

static double plain_number(const struct node *node, enum quantity q, double scale)
{
  char why[UNITS_WHY];
  double value;
  if (!node_is(node, NODE_TEXT) || !number_parse(node->text, q, &value, why))
    return NAN;
  return value * scale;
}

static const struct dist *keep(struct build *b, struct dist dist)
{
  struct dist *kept = arena_alloc(b->arena, sizeof *kept);
  *kept = dist;
  return kept;
}

static const struct dist *refuse(struct build *b, const struct node *node, const char *why)
{
  err_add(b->err, node->at, "%s", why);
  return NULL;
}

static const struct dist *build_empirical(struct build *b, const struct node *map, enum quantity q, double scale)
{
  const struct node *values = node_get(map, "values"), *weights = node_get(map, "weights");
  char why[160];
  struct dist dist;
  if (!node_is(values, NODE_LIST) || (weights && !node_is(weights, NODE_LIST)))
    return values ? NULL : refuse(b, map, "empirical needs 'values'");
  if (weights && weights->n != values->n)
    return refuse(b, weights, "'weights' has another length than 'values'");
  double *value = arena_array(b->arena, double, values->n),
         *weight = weights ? arena_array(b->arena, double, values->n) : NULL;
  for (size_t i = 0; i < values->n; i++) {
    value[i] = plain_number(values->child[i], q, scale);
    if (weights)
      weight[i] = plain_number(weights->child[i], Q_PURE, 1);
    if (isnan(value[i]) || (weights && isnan(weight[i])))
      return NULL;
  }
  return dist_make_empirical(&dist, b->arena, value, weight, values->n, why) ? keep(b, dist) : refuse(b, map, why);
}

static const struct dist *build_mixture(struct build *b, const struct node *list, enum quantity q, double scale)
{
  char why[160];
  struct dist dist;
  if (!node_is(list, NODE_LIST))
    return NULL;
  const struct dist **part = arena_array(b->arena, const struct dist *, list->n);
  double *weight = arena_array(b->arena, double, list->n);
  for (size_t i = 0; i < list->n; i++) {
    part[i] = build_dist(b, node_get(list->child[i], "dist"), q, scale);
    weight[i] = plain_number(node_get(list->child[i], "weight"), Q_PURE, 1);
    if (!part[i] || isnan(weight[i]))
      return NULL;
  }
  return dist_make_mixture(&dist, b->arena, part, weight, list->n, why) ? keep(b, dist) : refuse(b, list, why);
}

static const struct dist *build_shifted(struct build *b, const struct node *map, enum quantity q, double scale)
{
  char why[160];
  struct dist dist;
  double by = plain_number(node_get(map, "by"), q, scale);
  const struct dist *part = build_dist(b, node_get(map, "dist"), q, scale);
  if (isnan(by) || !part)
    return node_get(map, "by") && node_get(map, "dist") ? NULL : refuse(b, map, "shifted needs 'by' and 'dist'");
  return dist_make_shifted(&dist, b->arena, by, part, why) ? keep(b, dist) : refuse(b, map, why);
}

static const struct dist *build_kind(struct build *b, const struct node *map, const struct dist_kind *kind,
                                     enum quantity q, double scale)
{
  char why[160];
  struct dist dist;
  double p[DIST_PARAMETERS];
  size_t n = 0, known = 0;
  for (; n < DIST_PARAMETERS && kind->parameters[n]; n++) {
    const struct node *node = node_get(map, kind->parameters[n]);
    p[n] = plain_number(node, kind->dimensioned[n] ? q : Q_PURE, kind->dimensioned[n] ? scale : 1);
    if (node && isnan(p[n]))
      return NULL;
    known += node != NULL;
  }
  if (known < map->n)                                   /* a wrong name stands there, which was reported */
    return NULL;
  return dist_make(&dist, kind->name, p, n, why) ? keep(b, dist) : refuse(b, map, why);
}

static const struct dist *build_any(struct build *b, const struct node *node, enum quantity q, double scale)
{
  if (node_is(node, NODE_TEXT)) {
    double value = plain_number(node, q, scale);
    return isnan(value) ? NULL : keep(b, dist_constant(value));
  }
  const struct node *only = node_is(node, NODE_MAP) && node->n == 1 ? node->child[0] : NULL;
  if (only && !strcmp(only->key, "mixture"))
    return build_mixture(b, only, q, scale);
  if (!node_is(only, NODE_MAP))
    return NULL;
  if (!strcmp(only->key, "empirical"))
    return build_empirical(b, only, q, scale);
  if (!strcmp(only->key, "shifted"))
    return build_shifted(b, only, q, scale);
  for (size_t i = 0; i < n_dist_kinds; i++)
    if (!strcmp(dist_kinds[i]->name, only->key))
      return build_kind(b, only, dist_kinds[i], q, scale);
  return NULL;
}

const struct dist *build_dist(struct build *b, const struct node *node, enum quantity q, double scale)
{
  if (!node)
    return NULL;
  const struct dist *dist = build_any(b, node, q, scale);
  if (dist && q == Q_TIME && dist_cdf(dist, -1e-12) > 1e-12)
    return refuse(b, node, "a time cannot be negative");
  return dist;
}

/* ---- names and lists ------------------------------------------------------------------------------------------- */

int build_find(struct build *b, const struct node *name, const char *what, const char *const *names, int n)
{
  if (!node_is(name, NODE_TEXT))
    return NONE;
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name->text))
      return i;
  if (!strcmp(what, "place") && topology_is_broken(b, name->text))
    return NONE;
  const char *near = nearest(name->text, names, (size_t)n);
  const char *all = "";
  for (int i = 0; i < n && strlen(all) < 200; i++)
    all = arena_printf(b->arena, "%s%s%s", all, i ? ", " : "", names[i]);
  if (near)
    err_add(b->err, name->at, "unknown %s '%.64s'; did you mean '%s'?", what, name->text, near);
  else
    err_add(b->err, name->at, "unknown %s '%.64s'; there are: %s", what, name->text, n ? all : "none");
  return NONE;
}

int build_find_place(struct build *b, const struct node *name)
{
  const char *names[MAX_PLACES];
  for (int i = 0; i < b->world->n_places; i++)
    names[i] = b->world->place[i].name;
  return build_find(b, name, "place", names, b->world->n_places);
}

int build_find_key(struct build *b, const struct node *entry, const char *what, const char *const *names, int n)
{
  return build_find(b, &(struct node){.kind = NODE_TEXT, .at = entry->key_at, .text = entry->key}, what, names, n);
}

size_t elements(const struct node *list, const struct node *const **out, struct arena *a)
{
  if (!list)
    return 0;
  size_t n = node_is(list, NODE_LIST) ? list->n : 1;
  const struct node **all = arena_array(a, const struct node *, n + 1);
  for (size_t i = 0; i < n; i++)
    all[i] = node_is(list, NODE_LIST) ? list->child[i] : list;
  *out = all;
  return n;
}

static uint64_t zone_bit(struct build *b, const struct node *name, bool add)
{
  struct world_def *w = b->world;
  if (add && node_is(name, NODE_TEXT)) {
    for (int i = 0; i < w->n_zones; i++)
      if (!strcmp(b->zone[i], name->text))
        return UINT64_C(1) << i;
    if (w->n_zones == MAX_ZONES) {
      err_add(b->err, name->at, "more than %d zones", MAX_ZONES);
      return 0;
    }
    b->zone[w->n_zones] = name->text;
    return UINT64_C(1) << w->n_zones++;
  }
  int i = build_find(b, name, "zone", b->zone, w->n_zones);
  return i == NONE ? 0 : UINT64_C(1) << i;
}

uint64_t build_zones(struct build *b, const struct node *list, uint64_t otherwise, bool add)
{
  const struct node *const *zone;
  uint64_t bits = 0;
  if (!list)
    return otherwise;
  size_t n = elements(list, &zone, b->arena);
  for (size_t i = 0; i < n; i++)
    bits |= zone_bit(b, zone[i], add);
  return bits;
}
