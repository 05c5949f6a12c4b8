/* check.c: a tree against the schema. Goes on after a mistake, so that one pass shows them all. */
#include "scenarios/schema.h"

#include "sim/dist.h"
#include <math.h>
#include <string.h>

enum { PATH = 320, MANY = 64 };

static void check_map(const struct node *, const char *section, const char *path, struct err *);
static void check_value(const struct node *, const struct key *, const char *path, struct err *);

static const char *kind_name(const struct node *node)
{
  static const char *const names[] = {"a value", "a map", "a list"};
  return names[node->kind];
}

static const char *path_join(char out[PATH], const char *path, const char *name)
{
  snprintf(out, PATH, "%.200s%s%.100s", path, *path ? "." : "", name);
  return out;
}

static const char *quoted(char out[PATH], const char *name)
{
  snprintf(out, PATH, "'%.200s'", name);
  return out;
}

static const char *path_or_file(const char *path)
{
  return *path ? path : "the scenario";
}

/* "a, b, c" of the names */
static void join(char *out, size_t room, const char *const *names, size_t n)
{
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < n && used + 1 < room; i++) {
    int wrote = snprintf(out + used, room - used, "%s%s", i ? ", " : "", names[i]);
    used += wrote > 0 ? (size_t)wrote : 0;
  }
}

/* "'x' is a map, not a value" and what may stand in it. */
static void map_wanted(struct where at, const char *what, const char *section, const char *instead, struct err *err)
{
  const char *names[MANY] = {0};
  char all[400] = "";
  size_t n = section ? key_names(section, names, MANY) : 0;
  join(all, sizeof all, names, n);
  err_add(err, at, "%s is a map, not %s%s%s", what, instead, n ? "; its keys: " : "", all);
}

/* "unknown WHAT 'x' ...; did you mean 'y'?" or the allowed ones. */
static void unknown(const struct where at, const char *what, const char *word, const char *in, const char *const *names,
                    size_t n, struct err *err)
{
  char all[1200];
  const char *near = nearest(word, names, n);
  join(all, sizeof all, names, n);
  if (near)
    err_add(err, at, "unknown %s '%.64s'%s; did you mean '%s'?", what, word, in, near);
  else
    err_add(err, at, "unknown %s '%.64s'%s; allowed: %s", what, word, in, all);
}

static void unknown_key(const struct node *node, const char *section, const char *path, struct err *err)
{
  const char *names[MANY];
  char in[PATH + 8];
  snprintf(in, sizeof in, " in %s", path_or_file(path));
  unknown(node->key_at, "key", node->key, in, names, key_names(section, names, MANY), err);
}

/* The nearest line above that has a key of the section. */
static const struct key *key_above(const struct node *map, const struct node *node, const char *section)
{
  const struct key *above = NULL;
  int line = 0;
  for (size_t i = 0; i < map->n; i++) {
    const struct where *at = &map->child[i]->key_at;
    const struct key *key = key_find(section, map->child[i]->key);
    bool same = at->file && node->key_at.file && !strcmp(at->file, node->key_at.file);
    if (!key || !same || at->line >= node->key_at.line || at->line <= line) continue;
    above = key;
    line = at->line;
  }
  return above;
}

/* A key of the map above: its line is indented too little. */
static bool belongs_above(const struct node *map, const struct node *node, const char *section, struct err *err)
{
  const struct key *above = key_above(map, node, section);
  if (!above || !above->map || !key_find(above->map, node->key)) return false;
  err_add(err, node->key_at, "'%s' is a key of '%s', which stands above; indent it as the lines there", node->key, above->name);
  return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* "1,5 s" within brackets: the comma begins another key. */
static bool is_decimal(const struct node *map, size_t i, struct err *err)
{
  const struct node *before = i > 0 ? map->child[i - 1] : NULL, *node = map->child[i];
  if (!is_digit(*node->key) || !node_is(node, NODE_TEXT) || *node->text || node->quoted || !node_is(before, NODE_TEXT)) return false;
  size_t n = strlen(before->text);
  if (before->quoted || !n || !is_digit(before->text[n - 1])) return false;
  err_add(err, node->key_at, "'%.40s,%.40s' has a comma; decimals are written with a point", before->text, node->key);
  return true;
}

static void bad_choice(const struct node *node, const struct key *key, struct err *err)
{
  const char *words[MANY];
  char in[96];
  struct arena *a = arena_new();
  snprintf(in, sizeof in, " of '%s'", key->name);
  unknown(node->at, "value", node->text, in, words, choice_split(a, key->choices, words, MANY), err);
  arena_free(a);
}

/* ---- texts ----------------------------------------------------------------------------------------------------- */

static bool in_range(const struct key *key, double value)
{
  if (key->low == 0 && key->high == 0)
    return true;
  return (key->flags & POSITIVE ? value > key->low : value >= key->low) && value <= key->high;
}

static void out_of_range(const struct node *node, const struct key *key, struct err *err)
{
  const char *unit = quantities[key->quantity].unit, *space = *unit ? " " : "";
  const char *from = key->flags & POSITIVE ? "more than " : "", *or_more = key->flags & POSITIVE ? "" : " or more";
  if (isinf(key->high))
    err_add(err, node->at, "'%s' is %.40s; allowed: %s%.12g%s%s%s", key->name, node->text, from, key->low, space, unit,
            or_more);
  else
    err_add(err, node->at, "'%s' is %.40s; allowed: %s%.12g to %.12g%s%s", key->name, node->text, from, key->low,
            key->high, space, unit);
}

static void check_number(const struct node *node, const struct key *key, struct err *err)
{
  char why[UNITS_WHY];
  double value;
  bool word = key->choices && !(*node->text >= '0' && *node->text <= '9');
  if (!node->quoted && choice_allows(key->choices, node->text))
    return;
  if (node->quoted)
    err_add(err, node->at, "'%s' is in quotes; a number is written without", key->name);
  else if (!number_parse(node->text, key->quantity, &value, why))
    err_add(err, node->at, "'%s': %s%s%s", key->name, why, word ? "; words allowed: " : "", word ? key->choices : "");
  else if (!in_range(key, value))
    out_of_range(node, key, err);
}

static void check_count(const struct node *node, const struct key *key, struct err *err)
{
  char why[UNITS_WHY];
  unsigned long long value;
  if (!count_parse(node->text, &value, why))
    err_add(err, node->at, "'%s': %s", key->name, why);
  else if (!in_range(key, (double)value))
    out_of_range(node, key, err);
}

static bool is_guard(const struct key *key)
{
  return !strcmp(key->section, "wrap_guard") || (key->map && !strcmp(key->map, "wrap_guard"));
}

static void check_text(const struct node *node, const struct key *key, const char *path, struct err *err)
{
  char name[PATH];
  if (!*node->text && !node->quoted) {
    err_add(err, node->key ? node->key_at : node->at, "'%s' has no value", key->name);
    return;
  }
  switch (key->value) {
  case V_NONE: map_wanted(node->at, quoted(name, key->name), key->map, "a value", err); break;
  case V_NUMBER: check_number(node, key, err); break;
  case V_COUNT: check_count(node, key, err); break;
  case V_DIST: schema_check_dist(node, key->quantity, path, err); break;
  case V_FLAG:
    if (strcmp(node->text, "true") && strcmp(node->text, "false"))
      err_add(err, node->at, "'%s' is true or false, not '%.40s'", key->name, node->text);
    break;
  case V_ID:
    if (!id_valid(node->text))
      err_add(err, node->at, "'%.64s' is no name: 1 to 64 of A-Z a-z 0-9 . _ -%s", node->text,
              is_guard(key) ? "; a guard is a built-in policy that does not draw, as in guard: least_loaded" : "");
    break;
  case V_CHOICE:
    if (!choice_allows(key->choices, node->text))
      bad_choice(node, key, err);
    break;
  case V_TEXT: case V_EXPR: case V_REFERENCE: break;
  }
}

/* ---- distributions --------------------------------------------------------------------------------------------- */

static const struct dist_kind *dist_kind_find(const char *name)
{
  for (size_t i = 0; i < n_dist_kinds; i++)
    if (!strcmp(dist_kinds[i]->name, name))
      return dist_kinds[i];
  return NULL;
}

static void check_dist_number(const struct node *node, const char *name, enum quantity q, struct err *err)
{
  struct key key = {.name = name, .value = V_NUMBER, .quantity = q};
  if (!node_is(node, NODE_TEXT))
    err_add(err, node->at, "'%s' is a number, not %s", name, kind_name(node));
  else
    check_number(node, &key, err);
}

static void check_dist_list(const struct node *list, const char *name, enum quantity q, struct err *err)
{
  if (!node_is(list, NODE_LIST) || !list->n) {
    err_add(err, list->at, "'%s' is a list of numbers", name);
    return;
  }
  for (size_t i = 0; i < list->n; i++)
    check_dist_number(list->child[i], name, q, err);
}

static void check_mixture(const struct node *parts, enum quantity q, const char *path, struct err *err)
{
  if (!node_is(parts, NODE_LIST) || !parts->n) {
    err_add(err, parts->at, "a mixture is a list of {weight: W, dist: D}");
    return;
  }
  for (size_t i = 0; i < parts->n; i++) {
    const struct node *weight = node_get(parts->child[i], "weight"), *dist = node_get(parts->child[i], "dist");
    if (!weight || !dist || parts->child[i]->n != 2) {
      err_add(err, parts->child[i]->at, "a part of a mixture is {weight: W, dist: D}");
      continue;
    }
    check_dist_number(weight, "weight", Q_PURE, err);
    schema_check_dist(dist, q, path, err);
  }
}

static void check_parameters(const struct node *map, const struct dist_kind *kind, enum quantity q, const char *path,
                             struct err *err)
{
  bool empirical = !strcmp(kind->name, "empirical"), shifted = !strcmp(kind->name, "shifted");
  const char *names[DIST_PARAMETERS + 2];
  size_t n = 0;
  while (n < DIST_PARAMETERS && kind->parameters[n]) {
    names[n] = kind->parameters[n];
    n++;
  }
  if (empirical || shifted)
    names[n++] = empirical ? "values" : "dist";
  if (empirical)
    names[n++] = "weights";
  char in[96];
  snprintf(in, sizeof in, " of %s", kind->name);
  for (size_t i = 0; i < map->n; i++) {
    const struct node *child = map->child[i];
    size_t k = 0;
    while (k < n && strcmp(names[k], child->key))
      k++;
    if (k == n)
      unknown(child->key_at, "parameter", child->key, in, names, n, err);
    else if (empirical)
      check_dist_list(child, child->key, !strcmp(child->key, "values") ? q : Q_PURE, err);
    else if (shifted && !strcmp(child->key, "dist"))
      schema_check_dist(child, q, path, err);
    else
      check_dist_number(child, child->key, kind->dimensioned[k] ? q : Q_PURE, err);
  }
}

void schema_check_dist(const struct node *node, enum quantity q, const char *path, struct err *err)
{
  const char *name = strrchr(path, '.') ? strrchr(path, '.') + 1 : path;
  if (node_is(node, NODE_TEXT)) {
    check_dist_number(node, name, q, err);
    return;
  }
  if (!node_is(node, NODE_MAP) || node->n != 1) {
    err_add(err, node->at, "'%s' is a number, or a distribution such as {exponential: {mean: ...}}", name);
    return;
  }
  const struct node *only = node->child[0];
  const struct dist_kind *kind = dist_kind_find(only->key);
  if (!kind) {
    const char *names[MANY];
    for (size_t i = 0; i < n_dist_kinds; i++)
      names[i] = dist_kinds[i]->name;
    unknown(only->key_at, "distribution", only->key, "", names, n_dist_kinds, err);
  } else if (!strcmp(kind->name, "mixture")) {
    check_mixture(only, q, path, err);
  } else if (!node_is(only, NODE_MAP)) {
    err_add(err, only->at, "the parameters of %s are a map, such as {%s: ...}", kind->name,
            kind->parameters[0] ? kind->parameters[0] : "values");
  } else {
    check_parameters(only, kind, q, path, err);
  }
}

/* ---- keys and sections ----------------------------------------------------------------------------------------- */

static void check_value(const struct node *node, const struct key *key, const char *path, struct err *err)
{
  if (node_is(node, NODE_TEXT))
    check_text(node, key, path, err);
  else if (key->value == V_DIST)
    schema_check_dist(node, key->quantity, path, err);
  else if (node_is(node, NODE_MAP) && key->map)
    check_map(node, key->map, path, err);
  else
    err_add(err, node->at, "'%s' is %s, not %s", key->name, key->map && key->value == V_NONE ? "a map" : "a value",
            kind_name(node));
}

static void check_element(const struct node *list, size_t i, const struct key *key, const char *path, struct err *err)
{
  char below[PATH];
  const struct node *element = list->child[i];
  const char *name = node_name(element);
  const struct key *own = key->map ? key_find(key->map, "name") : NULL;
  bool may_lack = own && key->value == V_NONE && !(own->flags & REQUIRED) && node_is(element, NODE_MAP);
  if (key->shape == PLAIN_LIST || (!name && may_lack)) {
    check_value(element, key, path, err);
    return;
  }
  if (!name || (key->value == V_NONE && node_is(element, NODE_TEXT))) {
    err_add(err, element->at, "each element of '%s' is a map with a name", key->name);
    return;
  }
  for (size_t k = 0; k < i; k++)
    if (node_name(list->child[k]) && !strcmp(node_name(list->child[k]), name)) {
      err_add(err, element->at, "'%.64s' stands twice in '%s'; first in line %d", name, key->name,
              list->child[k]->at.line);
      break;
    }
  check_value(element, key, path_join(below, path, name), err);
}

static void check_list(const struct node *node, const struct key *key, const char *path, struct err *err)
{
  if (node_is(node, NODE_LIST) && key->shape == NAMED_LIST && node->n > YAML_KEYS) {
    err_add(err, node->at, "'%s' has %zu elements; at most %d are possible", key->name, node->n, YAML_KEYS);
  } else if (node_is(node, NODE_LIST)) {
    for (size_t i = 0; i < node->n; i++)
      check_element(node, i, key, path, err);
    if (!node->n && key->flags & REQUIRED)
      err_add(err, node->at, "'%s' is empty", key->name);
  } else if (key->flags & OR_ONE) {
    check_value(node, key, path, err);
  } else {
    err_add(err, node->at, "'%s' is a list, not %s", key->name, kind_name(node));
  }
}

static void check_named_map(const struct node *node, const struct key *key, const char *path, struct err *err)
{
  char below[PATH];
  if (!node_is(node, NODE_MAP)) {
    err_add(err, node->at, "'%s' is a map, not %s", key->name, kind_name(node));
    return;
  }
  for (size_t i = 0; i < node->n; i++) {
    struct key named = *key;
    named.name = node->child[i]->key;
    if (!id_valid(named.name))
      err_add(err, node->child[i]->key_at, "'%.64s' is no name: 1 to 64 of A-Z a-z 0-9 . _ -", named.name);
    check_value(node->child[i], &named, path_join(below, path, named.name), err);
  }
}

static void check_key(const struct node *node, const struct key *key, const char *path, struct err *err)
{
  if (key->flags & LATER)
    err_add(err, node->key_at, "'%s' is not yet available", path);
  else if (key->flags & ANYTHING)
    return;
  else if (node_is(node, NODE_TEXT) && !*node->text && (!node->quoted || (key->value == V_EXPR && key->shape == ONE)))
    err_add(err, node->key_at, "'%s' has no value", key->name);
  else if (key->shape == NAMED_MAP)
    check_named_map(node, key, path, err);
  else if (key->shape != ONE)
    check_list(node, key, path, err);
  else
    check_value(node, key, path, err);
}

/* A profile's last key tells that it is whole. */
static void needs(const struct node *map, const struct key *key, const char *path, struct err *err)
{
  bool cut = !strcmp(key->section, "measured") && !strcmp(key->name, "complete");
  err_add(err, map->key ? map->key_at : map->at, "%s needs '%s'%s", path_or_file(path), key->name, cut ? ": without 'complete: true', "
          "which is written last, the profile was cut off or edited; measure again with `offsim calibrate -o FILE`" : "");
}

static void check_required(const struct node *map, const struct section *section, const char *path, struct err *err)
{
  const char *alternatives[MANY], *first = NULL;
  size_t n = 0;
  for (size_t i = 0; i < n_keys; i++) {
    if (strcmp(keys[i].section, section->name))
      continue;
    const struct node *own = node_get(map, keys[i].name), *node = own && own->gone ? NULL : own;
    if (keys[i].flags & REQUIRED && !node && !map->filled)
      needs(map, &keys[i], path, err);
    if (!(keys[i].flags & ALTERNATIVE))
      continue;
    if (n < MANY && !(keys[i].flags & LATER))
      alternatives[n++] = keys[i].name;
    if (node && first)
      err_add(err, node->key_at, "%s has both '%s' and '%s'; one is allowed", path, first, keys[i].name);
    if (node && !first)
      first = keys[i].name;
  }
  if (n && !first && !map->n) {
    char all[400];
    join(all, sizeof all, alternatives, n);
    err_add(err, map->at, "%s needs one of: %s", path, all);
  }
}

static void check_keys(const struct node *map, const char *section_name, const char *path, struct err *err)
{
  const struct section *section = section_find(section_name);
  char below[PATH];
  if (!node_is(map, NODE_MAP)) {
    map_wanted(map->at, path_or_file(path), *path ? section_name : NULL, kind_name(map), err);
    return;
  }
  for (size_t i = 0; i < map->n; i++) {
    const struct key *key = key_find(section_name, map->child[i]->key);
    if (map->child[i]->gone)
      continue;
    if (key)
      check_key(map->child[i], key, path_join(below, path, key->name), err);
    else if (!section->open && !is_decimal(map, i, err) && !belongs_above(map, map->child[i], section_name, err))
      unknown_key(map->child[i], section_name, path, err);
  }
}

static void check_map(const struct node *map, const char *section, const char *path, struct err *err)
{
  check_keys(map, section, path, err);
  if (node_is(map, NODE_MAP))
    check_required(map, section_find(section), path, err);
}

void schema_check_part(const struct node *node, const char *section, struct err *err)
{
  check_keys(node, section, "", err);
}

void schema_check(const struct node *node, const char *section, struct err *err)
{
  check_map(node, section, "", err);
}

void schema_check_as(const struct node *node, const char *section, const char *path, struct err *err)
{
  check_map(node, section, path, err);
}
