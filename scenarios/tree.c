/* tree.c: nodes and the three ways to combine trees. */
#include "scenarios/tree.h"

#include <string.h>

struct node *node_new(struct arena *a, enum node_kind kind, struct where at)
{
  struct node *node = arena_alloc(a, sizeof *node);
  node->kind = kind;
  node->at = at;
  node->text = kind == NODE_TEXT ? "" : NULL;
  return node;
}

void node_add(struct arena *a, struct node *parent, struct node *child)
{
  if (parent->n == parent->capacity) {
    size_t capacity = parent->capacity ? 2 * parent->capacity : 4;
    struct node **grown = arena_array(a, struct node *, capacity);
    if (parent->n)
      memcpy(grown, parent->child, parent->n * sizeof *grown);
    parent->child = grown;
    parent->capacity = capacity;
  }
  parent->child[parent->n++] = child;
}

struct node *node_copy(struct arena *a, const struct node *from)
{
  struct node *copy = arena_alloc(a, sizeof *copy);
  *copy = *from;
  copy->n = copy->capacity = 0;
  copy->child = NULL;
  for (size_t i = 0; i < from->n; i++)
    node_add(a, copy, node_copy(a, from->child[i]));
  return copy;
}

struct node *node_get(const struct node *map, const char *key)
{
  if (!node_is(map, NODE_MAP))
    return NULL;
  for (size_t i = 0; i < map->n; i++)
    if (!strcmp(map->child[i]->key, key))
      return map->child[i];
  return NULL;
}

void node_put(struct arena *a, struct node *map, const char *key, struct node *value)
{
  struct node *placed = node_copy(a, value);
  placed->key = arena_strdup(a, key);
  if (!placed->key_at.line)
    placed->key_at = placed->at;
  for (size_t i = 0; i < map->n; i++)
    if (!strcmp(map->child[i]->key, key)) {
      placed->whole = map->child[i]->gone || map->child[i]->whole;
      map->child[i] = placed;
      return;
    }
  node_add(a, map, placed);
}

const char *node_name(const struct node *element)
{
  static const char *const keys[] = {"name", "task", "policy", "step"};
  if (node_is(element, NODE_TEXT))
    return element->text;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct node *name = node_get(element, keys[i]);
    if (name)
      return node_is(name, NODE_TEXT) ? name->text : NULL;
  }
  return NULL;
}

struct node *node_named(const struct node *list, const char *name)
{
  if (!node_is(list, NODE_LIST))
    return NULL;
  for (size_t i = 0; i < list->n; i++) {
    const char *own = node_name(list->child[i]);
    if (own && !strcmp(own, name))
      return list->child[i];
  }
  return NULL;
}

bool node_is(const struct node *node, enum node_kind kind)
{
  return node && node->kind == kind;
}

bool node_text_is(const struct node *node, const char *text)
{
  return node_is(node, NODE_TEXT) && !strcmp(node->text, text);
}

/* A list of texts alone is a value and is replaced as a whole. */
static bool is_named_list(const struct node *list)
{
  bool any_map = false;
  if (!node_is(list, NODE_LIST))
    return false;
  for (size_t i = 0; i < list->n; i++) {
    if (!node_name(list->child[i]))
      return false;
    any_map |= node_is(list->child[i], NODE_MAP);
  }
  return any_map;
}

/* What stands in place of `base` after `over` was laid onto it. */
static struct node *merged(struct arena *a, struct node *base, const struct node *over)
{
  bool both =
      base && ((node_is(base, NODE_MAP) && node_is(over, NODE_MAP)) || (is_named_list(base) && is_named_list(over)));
  if (!both)
    return node_copy(a, over);
  node_merge(a, base, over);
  return base;
}

static void merge_list(struct arena *a, struct node *base, const struct node *over)
{
  for (size_t i = 0; i < over->n; i++) {
    const char *name = node_name(over->child[i]);
    size_t k = 0;
    while (k < base->n && strcmp(node_name(base->child[k]), name))
      k++;
    if (k == base->n)
      node_add(a, base, node_copy(a, over->child[i]));
    else
      base->child[k] = merged(a, base->child[k], over->child[i]);
  }
}

void node_merge(struct arena *a, struct node *base, const struct node *over)
{
  if (base->kind == NODE_LIST) {
    merge_list(a, base, over);
    return;
  }
  for (size_t i = 0; i < over->n; i++) {
    const struct node *child = over->child[i];
    struct node *result = merged(a, node_get(base, child->key), child);
    result->key_at = child->key_at;
    node_put(a, base, child->key, result);
  }
}

void node_fill(struct arena *a, struct node *map, const struct node *under)
{
  for (size_t i = 0; i < under->n; i++) {
    const struct node *child = under->child[i];
    struct node *own = node_get(map, child->key);
    if (!own)
      node_put(a, map, child->key, node_copy(a, child));
    else if (node_is(own, NODE_MAP) && node_is(child, NODE_MAP) && !own->whole)
      node_fill(a, own, child);
  }
}

void node_prune(struct node *node)
{
  size_t n = 0;
  for (size_t i = 0; i < node->n; i++) {
    if (node->child[i]->gone)
      continue;
    node_prune(node->child[i]);
    node->child[n++] = node->child[i];
  }
  node->n = n;
}

static bool mark_below(struct node *node, bool mark)
{
  bool any = node_is(node, NODE_MAP);
  node->filled = mark && any;
  for (size_t i = 0; i < node->n; i++) any |= mark_below(node->child[i], mark);
  return any;
}

bool node_mark_filled(struct node *node, bool mark)
{
  bool any = false, here = node_get(node, "preset") != NULL;
  if (here) {
    node->filled = mark;
    any = true;
  }
  for (size_t i = 0; i < node->n; i++)
    any |= here ? mark_below(node->child[i], mark) : node_mark_filled(node->child[i], mark);
  return any;
}

bool node_in_error(const struct node *node, const struct err *err)
{
  if (!node)
    return false;
  bool bad = err_stands_at(err, node->at) || (node->key && err_stands_at(err, node->key_at));
  for (size_t i = 0; i < node->n && !bad; i++)
    bad = node_in_error(node->child[i], err);
  return bad;
}
