/* override.c: PATH=VALUE. Paths follow the schema: keys, and names of list elements and of the user's own maps.
 * PATH=null takes a key out, also out of what its preset gives.
 *
 * Names may contain dots, so among elements the longest one that fits is taken. A key that the schema has and the file
 * lacks is created, with the maps above it; anything else is refused with the nearest name.
 */
#include "models/policy_host.h"
#include "scenarios/build.h"
#include "scenarios/schema.h"

#include "sim/dist.h"
#include <string.h>

enum { WORDS = 256 };
struct way {
  struct arena *arena;
  const struct override *override;
  const char *file;                     /* stands where a file's name stands: which --set it was */
  struct node *value;
  struct err *err;
};

/* "--set links.access.rate=40 Mb/s", long values cut. */
static const char *option_text(struct arena *a, const struct override *o)
{
  enum { SHOWN = 40 };
  size_t line = strcspn(o->value, "\n"), n = line < SHOWN ? line : SHOWN;
  return arena_printf(a, "--set %.200s=%.*s%s", o->path, (int)n, o->value, o->value[n] ? "..." : "");
}

static struct where path_at(const struct way *w, const char *rest)
{
  const char *path = w->override->path;
  return (struct where){.file = w->file, .line = 1, .column = (int)(rest - path) + 1, .length = (int)strcspn(rest, "."),
                        .text = path, .text_len = strlen(path)};
}

static bool no_such(const struct way *w, const char *rest, const char *const *names, size_t n)
{
  char word[128];
  snprintf(word, sizeof word, "%.*s", (int)strcspn(rest, "."), rest);
  const char *near = nearest(word, names, n);
  if (near)
    return err_add(w->err, path_at(w, rest), "unknown path '%.200s': no '%s'; did you mean '%s'?", w->override->path,
                   word, near);
  return err_add(w->err, path_at(w, rest), "unknown path '%.200s': no '%s' here", w->override->path, word);
}

/* "a.b" starts with the whole name "a": where the rest begins; NULL otherwise. */
static const char *after_name(const char *path, const char *name)
{
  size_t n = strlen(name);
  if (strncmp(path, name, n) || (path[n] && path[n] != '.'))
    return NULL;
  return path[n] ? path + n + 1 : path + n;
}

static bool is_null(const struct node *value)
{
  return node_is(value, NODE_TEXT) && !value->quoted && (!strcmp(value->text, "null") || !strcmp(value->text, "~"));
}

static void put(const struct way *w, struct node *map, const char *key)
{
  w->value->gone = is_null(w->value);
  node_put(w->arena, map, key, w->value);
}

static struct node *map_at(const struct way *w, struct node *map, const char *key)
{
  struct node *below = node_get(map, key);
  if (!below) {
    node_put(w->arena, map, key, node_new(w->arena, NODE_MAP, w->value->at));
    below = node_get(map, key);
  }
  return below;
}

static bool set_key(const struct way *, struct node *map, const char *section, const char *rest);

/* Inside a distribution: {kind: {parameter: value}}, down to parts of shifted. */
static bool set_dist(const struct way *w, struct node *dist, const char *rest)
{
  const struct dist_kind *kind = NULL;
  const char *names[WORDS], *left = NULL;
  for (size_t i = 0; i < n_dist_kinds && !kind; i++)
    if ((left = after_name(rest, dist_kinds[i]->name)))
      kind = dist_kinds[i];
  for (size_t i = 0; i < n_dist_kinds; i++)
    names[i] = dist_kinds[i]->name;
  if (!kind)
    return no_such(w, rest, names, n_dist_kinds);
  if (!node_is(dist, NODE_MAP) || !node_get(dist, kind->name))
    return err_add(w->err, path_at(w, rest), "'%.200s': the scenario has no %s there", w->override->path, kind->name);
  if (!*left) {
    put(w, dist, kind->name);
    return true;
  }
  struct node *parameters = node_get(dist, kind->name);
  if (!strcmp(kind->name, "shifted") && after_name(left, "dist") && *after_name(left, "dist"))
    return set_dist(w, node_get(parameters, "dist"), after_name(left, "dist"));
  size_t n = 0;
  while (n < DIST_PARAMETERS && kind->parameters[n]) {
    names[n] = kind->parameters[n];
    if (!strcmp(left, names[n])) {
      put(w, parameters, names[n]);
      return true;
    }
    n++;
  }
  return no_such(w, left, names, n);
}

/* A plug-in's entry without a name goes by its file's, as in the results. */
static const char *name_of(const struct way *w, const struct node *element, const struct key *key)
{
  const char *name = node_name(element);
  return name && !strcmp(key->name, "policies") && policy_is_path(name) ? name_of_policy(w->arena, name) : name;
}

static bool set_element(const struct way *w, struct node *list, const struct key *key, const char *rest)
{
  const char *names[WORDS], *left = NULL;
  struct node *found = NULL;
  size_t n = 0, longest = 0, index = 0;
  for (size_t i = 0; i < list->n; i++) {
    const char *name = name_of(w, list->child[i], key);
    const char *whole = node_name(list->child[i]), *after = name ? after_name(rest, name) : NULL;
    if (name && !after)
      after = after_name(rest, whole);
    if (name && n < WORDS)
      names[n++] = name;
    if (after && strlen(name) >= longest) {
      longest = strlen(name);
      found = list->child[i];
      left = after;
      index = i;
    }
  }
  if (!found)
    return no_such(w, rest, names, n);
  if (!*left && is_null(w->value)) {
    memmove(&list->child[index], &list->child[index + 1], (--list->n - index) * sizeof(struct node *));
    return true;
  }
  if (!*left) {
    list->child[index] = node_copy(w->arena, w->value);
    return true;
  }
  if (!node_is(found, NODE_MAP)) {                      /* "always_local" becomes {policy: always_local} */
    struct node *map = node_new(w->arena, NODE_MAP, found->at);
    node_put(w->arena, map, !strcmp(key->name, "policies") ? "policy" : "name", found);
    list->child[index] = found = map;
  }
  return set_key(w, found, key->map, left);
}

static bool set_named(const struct way *w, struct node *map, const struct key *key, const char *rest)
{
  const char *names[WORDS], *left = NULL, *name = NULL;
  size_t n = 0;
  for (size_t i = 0; i < map->n; i++) {
    const char *after = after_name(rest, map->child[i]->key);
    if (n < WORDS)
      names[n++] = map->child[i]->key;
    if (after && (!name || strlen(map->child[i]->key) > strlen(name))) {
      name = map->child[i]->key;
      left = after;
    }
  }
  bool presets = key_find(key->map ? key->map : "", "preset") != NULL;
  if (!name && (key->flags & ANYTHING || !presets || !strchr(rest, '.')))
    return no_such(w, rest, names, n);
  if (!name) { /* a preset that the file names elsewhere: hardware.h100.memory */
    struct node *entry = node_new(w->arena, NODE_MAP, w->value->at),
                *preset = node_new(w->arena, NODE_TEXT, path_at(w, rest));
    char *word = arena_printf(w->arena, "%.*s", (int)strcspn(rest, "."), rest);
    preset->text = word;
    node_put(w->arena, entry, "preset", preset);
    node_put(w->arena, map, word, entry);
    name = word;
    left = rest + strlen(word) + 1;
  }
  if (!*left) {
    put(w, map, name);
    return true;
  }
  struct node *below = node_get(map, name);
  if (!key->map || !node_is(below, NODE_MAP))
    return err_add(w->err, path_at(w, left), "'%.200s': '%s' is a value, not a map", w->override->path, name);
  return set_key(w, below, key->map, left);
}

static bool set_below(const struct way *w, struct node *map, const struct key *key, const char *rest)
{
  struct node *below = node_get(map, key->name);
  if (key->shape == NAMED_LIST && node_is(below, NODE_LIST))
    return set_element(w, below, key, rest);
  if (key->shape == NAMED_MAP)
    return set_named(w, map_at(w, map, key->name), key, rest);
  if (key->value == V_DIST)
    return set_dist(w, below, rest);
  if (!key->map || key->shape != ONE)
    return err_add(w->err, path_at(w, rest), "unknown path '%.200s': '%s' has no parts", w->override->path, key->name);
  if (below && !node_is(below, NODE_MAP))
    return err_add(w->err, path_at(w, rest), "'%.200s': '%s' is a value here, not a map", w->override->path, key->name);
  return set_key(w, map_at(w, map, key->name), key->map, rest);
}

static bool set_key(const struct way *w, struct node *map, const char *section, const char *rest)
{
  const char *names[WORDS];
  size_t n = key_names(section, names, WORDS);
  for (size_t i = 0; i < n; i++) {
    const char *left = after_name(rest, names[i]);
    if (left && *left)
      return set_below(w, map, key_find(section, names[i]), left);
    if (left) {
      put(w, map, names[i]);
      return true;
    }
  }
  /* open sections: parameters of a policy or kernel; what they are called is checked with them */
  if (section_find(section)->open && !strchr(rest, '.') && (node_get(map, rest) || !strcmp(section, "policy"))) {
    put(w, map, rest);
    return true;
  }
  for (size_t i = 0; i < map->n && section_find(section)->open && n < WORDS; i++)
    names[n++] = map->child[i]->key;
  return no_such(w, rest, names, n);
}

bool override_apply(struct arena *a, struct node *root, const struct override *o, struct err *err)
{
  struct way w = {.arena = a, .override = o, .file = option_text(a, o), .err = err};
  if (!*o->path)
    return err_add(err, (struct where){.file = w.file}, "a path is missing: PATH=VALUE");
  w.value = yaml_parse(a, w.file, o->value, strlen(o->value), err);
  if (!w.value)
    return false;
  if (!node_is(root, NODE_MAP))
    return true;
  return set_key(&w, root, "scenario", o->path);
}
