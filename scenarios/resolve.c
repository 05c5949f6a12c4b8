/* resolve.c: the effective scenario as JSON: presets, overrides and defaults filled in, numbers in SI units. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

static json *resolve_value(const struct node *, const struct key *);

/* Numbers become SI numbers, words stay words. */
static json *resolve_text(const struct node *node, enum quantity q)
{
  char why[UNITS_WHY];
  double value;
  if (!node->quoted && number_parse(node->text, q, &value, why))
    return json_number_value(value);
  return json_string_value_new(node->text);
}

/* Maps and lists that no section describes: parameters of distributions, of policies, of kernels. */
static json *resolve_plain(const struct node *node, enum quantity q)
{
  if (node_is(node, NODE_TEXT)) {
    char why[UNITS_WHY];
    double value;
    bool known = number_parse(node->text, q, &value, why);
    return known ? resolve_text(node, q) : resolve_text(node, Q_ANY);
  }
  json *out = node_is(node, NODE_MAP) ? json_new_object() : json_new_array();
  for (size_t i = 0; i < node->n; i++)
    if (node_is(node, NODE_MAP))
      json_put(out, node->child[i]->key, resolve_plain(node->child[i], q));
    else
      json_push(out, resolve_plain(node->child[i], q));
  return out;
}

static json *resolve_element(const struct node *node, const struct key *key)
{
  bool entry = node_is(node, NODE_TEXT) && key->shape == NAMED_LIST;
  if (entry || (node_is(node, NODE_MAP) && key->map))
    return resolve_node(node, key->map);
  return resolve_value(node, key);
}

static json *resolve_value(const struct node *node, const struct key *key)
{
  if (!node_is(node, NODE_TEXT))
    return resolve_plain(node, key->quantity);
  switch (key->value) {
  case V_NUMBER: case V_DIST: return resolve_text(node, key->quantity);
  case V_COUNT: return resolve_text(node, Q_PURE);
  default: return json_string_value_new(node->text);
  }
}

static json *resolve_key(const struct node *node, const struct key *key)
{
  if (key->flags & ANYTHING)
    return resolve_plain(node, Q_ANY);
  if (key->shape == NAMED_MAP && node_is(node, NODE_MAP)) {
    json *out = json_new_object();
    for (size_t i = 0; i < node->n; i++)
      json_put(out, node->child[i]->key, resolve_element(node->child[i], key));
    return out;
  }
  if (key->shape != ONE) {
    json *out = json_new_array();
    for (size_t i = 0; node_is(node, NODE_LIST) && i < node->n; i++)
      json_push(out, resolve_element(node->child[i], key));
    if (!node_is(node, NODE_LIST))
      json_push(out, resolve_element(node, key));
    return out;
  }
  return resolve_element(node, key);
}

static bool wants_default(const struct key *key)
{
  return key->otherwise && key->shape == ONE && !(key->flags & (LATER | ALTERNATIVE));
}

/* A map that the user may leave out altogether: its defaults are filled in as well. */
static bool wants_default_map(const struct key *key)
{
  bool any = false;
  if (!key->map || key->otherwise || key->shape != ONE || key->flags & (LATER | ALTERNATIVE | REQUIRED))
    return false;
  for (size_t i = 0; i < n_keys; i++) {
    if (strcmp(keys[i].section, key->map))
      continue;
    if (keys[i].flags & REQUIRED)
      return false;
    any |= wants_default(&keys[i]);
  }
  return any;
}

/* Whole numbers stay whole. */
static bool resolve_count(json *out, const struct node *child, const struct key *key)
{
  const char *text = child ? child->text : key->otherwise;
  unsigned long long whole;
  char why[UNITS_WHY];
  if (key->value != V_COUNT || key->shape != ONE || !text || !count_parse(text, &whole, why))
    return false;
  json_put_int(out, key->name, (int64_t)whole);
  return true;
}

static void resolve_one(json *out, const struct node *node, const struct key *key)
{
  const struct node *child = node_get(node, key->name);
  struct node otherwise = {.kind = NODE_TEXT, .text = key->otherwise}, empty = {.kind = NODE_MAP};
  if (resolve_count(out, child, key))
    return;
  if (child)
    json_put(out, key->name, resolve_key(child, key));
  else if (wants_default(key))
    json_put(out, key->name, resolve_value(&otherwise, key));
  else if (wants_default_map(key))
    json_put(out, key->name, resolve_node(&empty, key->map));
}

/* Keys in the table's order, defaults filled in; then keys of open sections in the file's. */
static json *resolve_except(const struct node *node, const char *section, const char *const *except, size_t n)
{
  json *out = json_new_object();
  for (size_t i = 0; i < n_keys; i++) {
    bool skip = strcmp(keys[i].section, section) != 0;
    for (size_t k = 0; k < n; k++)
      skip |= !strcmp(keys[i].name, except[k]);
    if (!skip)
      resolve_one(out, node, &keys[i]);
  }
  for (size_t i = 0; i < node->n; i++)
    if (!key_find(section, node->child[i]->key))
      json_put(out, node->child[i]->key, resolve_plain(node->child[i], Q_ANY));
  return out;
}

json *resolve_node(const struct node *node, const char *section)
{
  static const char *const names[][2] = {{"policy", "policy"}, {"task_variant", "name"}};
  struct node map = {.kind = NODE_MAP}, *child = &(struct node){.kind = NODE_TEXT, .text = node->text};
  if (!node_is(node, NODE_TEXT))
    return resolve_except(node, section, NULL, 0);
  child->key = names[strcmp(section, "policy") != 0][1];  /* an entry that is only a name */
  map.child = &child;
  map.n = 1;
  return resolve_except(&map, section, NULL, 0);
}

json *resolve_scenario(const struct node *root)
{
  return resolve_except(root, "scenario", NULL, 0);
}

/* Not part of a run's identity: what a run is called, how often and with whom it is compared, what is kept of it. */
json *resolve_identity(const struct node *root)
{
  static const char *const except[] = {"name",     "doc",    "labels",  "seed",  "replications",
                                       "policies", "output", "primary", "margin"};
  return resolve_except(root, "scenario", except, sizeof except / sizeof *except);
}
