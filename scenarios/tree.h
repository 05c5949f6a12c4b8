/* tree.h: a YAML text as a tree that remembers where everything was written.
 *
 * Made by scenarios/yaml.c (the only file that knows libyaml), changed by includes, overrides and presets, checked by
 * the schema and read by the builder. All memory belongs to the arena. A child of a map has a key, one of a list none.
 */
#ifndef OFFSIM_SCENARIOS_TREE_H
#define OFFSIM_SCENARIOS_TREE_H

#include "sim/arena.h"
#include "sim/err.h"
#include <stdint.h>

enum node_kind { NODE_TEXT, NODE_MAP, NODE_LIST };
struct preset;
struct node {
  enum node_kind kind;
  bool quoted;                                          /* of text: quotes make a number a word */
  bool filled;                                          /* a map with a preset or below one: that gives what it lacks */
  bool gone, whole;                                     /* taken out, of a preset too; put in place of that: a preset adds nothing */
  struct where at, key_at;                              /* of the value; of its key when it has one */
  const char *key, *text;
  size_t n, capacity;
  struct node **child;
  const struct preset *preset;                          /* the preset that this came from; NULL = the user's text */
  const char *preset_key;                               /* its path inside the preset's value */
};

/* Limits: libyaml needs time quadratic in the nesting; the rest keeps a mistake from eating memory. */
enum { YAML_BYTES = 1 << 20, YAML_DEPTH = 32, YAML_NODES = 200000, YAML_KEY = 128, YAML_KEYS = 4096 };

/* Text to tree; NULL after adding the first problem. `file` names it in messages; both strings must outlive it. */
struct node *yaml_parse(struct arena *, const char *file, const char *text, size_t n, struct err *);
/* The same for a file; the bytes are given back for hashing when not NULL. */
struct node *yaml_read(struct arena *, const char *path, const char **text, size_t *n, struct err *);

struct node *node_new(struct arena *, enum node_kind, struct where at);
struct node *node_copy(struct arena *, const struct node *);
void node_add(struct arena *, struct node *parent, struct node *child);
/* NULL when `map` is NULL, no map, or has no such key. */
struct node *node_get(const struct node *map, const char *key);
/* Set or replace a key of a map; in place of one that is gone it stands whole. */
void node_put(struct arena *, struct node *map, const char *key, struct node *value);
/* Marks all maps with `preset` and below, or takes the marks away. False: there is none. */
bool node_mark_filled(struct node *, bool mark);
/* Takes out what is gone, here and below. */
void node_prune(struct node *);
/* An error was found at the node, its key or below. */
bool node_in_error(const struct node *, const struct err *);
/* The name of a list's element: its own text, or what stands under name, task or policy. NULL: it has none. */
const char *node_name(const struct node *element);
/* The element of a list whose name this is. */
struct node *node_named(const struct node *list, const char *name);
bool node_is(const struct node *, enum node_kind);
bool node_text_is(const struct node *, const char *text);
/* Lay `over` onto `base`: maps key by key, lists of named elements by name, everything else is replaced. */
void node_merge(struct arena *, struct node *base, const struct node *over);
/* Lay `under` below `map`: keys that the map lacks, at any depth. Lists are taken whole. */
void node_fill(struct arena *, struct node *map, const struct node *under);

#endif
