/* preset.c: includes, and presets: numbers that carry their source.
 *
 * A preset file is {kind, name, sources: {KEY: {source, year, grade}}, value: {...}}; the value is of the kind's
 * section.
 */
#include "scenarios/build.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const preset_folders[][2] = {
  {"hardware", "hardware"}, {"variant", "variants"}, {"tariff", "tariffs"},
  {"link", "links"}, {"kernel", "kernels"}, {"workload", "workloads"},
  {"cold_start", "cold_starts"}, {"step_time", "step_times"},
  {"batch_profile", "batch_profiles"}, {"radio", "radios"}, {"grid", "grids"}, {"regions", "regions"},
  {"quality", "quality"},
};
enum { INCLUDE_DEPTH = 8, MAX_PRESETS = 512 };

static const char *folder_of_kind(const char *kind)
{
  for (size_t i = 0; i < N_PRESET_KINDS; i++)
    if (!strcmp(preset_folders[i][0], kind))
      return preset_folders[i][1];
  return kind;
}

/* ---- reading one ----------------------------------------------------------------------------------------------- */

static void mark(struct arena *a, struct node *node, const struct preset *preset, const char *key)
{
  node->preset = preset;
  node->preset_key = key;
  for (size_t i = 0; i < node->n; i++) {
    const char *own = node->child[i]->key ? node->child[i]->key : node_name(node->child[i]);
    mark(a, node->child[i], preset,
         own ? arena_printf(a, "%s%s%s", key, *key ? "." : "", own) : key);
  }
}

static void read_sources(struct arena *a, struct preset *p, const struct node *sources)
{
  struct preset_source *source = arena_array(a, struct preset_source, (sources ? sources->n : 0) + 1);
  for (size_t i = 0; node_is(sources, NODE_MAP) && i < sources->n; i++) {
    const struct node *from = sources->child[i];
    source[p->n_sources++] = (struct preset_source){from->key, get_text(from, "source", "source"),
      get_text(from, "source", "grade"), (int)get_count(from, "source", "year")};
  }
  p->source = source;
}

/* For scenarios; the audit lists what lacks. */
static void sources_complete(const struct node *sources, struct err *err)
{
  static const char *const parts[] = {"source", "year", "grade"};
  for (size_t i = 0; node_is(sources, NODE_MAP) && i < sources->n; i++)
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
      if (node_is(sources->child[i], NODE_MAP) && !node_get(sources->child[i], parts[k]))
        err_add(err, sources->child[i]->key_at, "the numbers under '%s' have no '%s': a preset says where each comes from",
                sources->child[i]->key, parts[k]);
}

static const char *text_or(const struct node *node)
{
  return node_is(node, NODE_TEXT) ? node->text : "(none)";
}

/* Costs that say nothing of where they are from, and those of a file that was cut off, are worth nothing. */
static void check_whole(const struct preset *p, struct err *err)
{
  const struct node *kernels = node_get(p->value, "kernels"), *complete = node_get(p->measured, "complete");
  if (kernels && !p->measured)
    err_add(err, kernels->key_at, "'kernels' without 'measured': a profile says how and where it was measured; `offsim calibrate "
            "-o FILE` writes one");
  if (complete && !node_text_is(complete, "true"))
    err_add(err, complete->at, "this profile is not complete; measure again with `offsim calibrate -o FILE`");
}

static bool is_of_hardware(const struct node *root, struct err *err)
{
  const struct node *own = node_get(root, "kind");
  return node_text_is(own, "hardware") ||
         err_add(err, own ? own->at : root->at, "a profile is of kind hardware; this file is of kind %s", text_or(own));
}

/* name NULL: whatever the file says; asked: as what it was looked for. */
struct preset_file { const char *kind, *name, *path, *asked, *noted; };

static const struct preset *preset_parse(struct arena *a, const struct preset_file *f, struct scenario *s, struct err *err)
{
  const char *kind = f->kind, *path = f->path;
  const char *text;
  size_t n, errors = err->n_errors;
  struct node *root = yaml_read(a, path, &text, &n, err);
  if (!root)
    return NULL;
  struct preset *p = arena_alloc(a, sizeof *p);
  if (!f->name && !is_of_hardware(root, err))
    return NULL;
  schema_check(root, "preset", err);
  const char *own = get_text(root, "preset", "name"), *name = f->name ? f->name : own ? own : "?";
  *p = (struct preset){.kind = kind, .name = arena_strdup(a, name), .path = path, .doc = get_text(root, "preset", "doc"),
                       .measured = node_get(root, "measured")};
  p->value = node_get(root, "value");
  read_sources(a, p, node_get(root, "sources"));
  if (p->value)
    schema_check_part(p->value, kind, err);
  if (err->n_errors == errors && f->name &&
      (!node_text_is(node_get(root, "kind"), kind) || !node_text_is(node_get(root, "name"), name)))
    err_add(err, root->at, "the file is the preset '%s' of kind %s by its folder and name; inside it says name: %s, kind: %s",
            name, kind, text_or(node_get(root, "name")), text_or(node_get(root, "kind")));
  check_whole(p, err);
  if (err->n_errors > errors)
    return NULL;
  mark(a, p->value, p, "");
  if (s)
    sources_complete(node_get(root, "sources"), err);
  if (s && !strcmp(kind, "tariff"))
    tariff_preset_check(p, err);
  note_file(s, f->asked, path, f->noted, hash_bytes(text, n));
  return p;
}

const struct preset *profile_read(struct arena *a, const char *asked, const char *path, struct scenario *s, struct err *err)
{
  return preset_parse(a, &(struct preset_file){"hardware", NULL, path, asked, "profile"}, s, err);
}

static int compare_texts(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t names_in(struct arena *a, const char *path, const char **found, size_t n)
{
  DIR *folder = opendir(path);
  for (struct dirent *entry; folder && n < MAX_PRESETS && (entry = readdir(folder));) {
    size_t length = strlen(entry->d_name);
    if (length > 5 && !strcmp(entry->d_name + length - 5, ".yaml"))
      found[n++] = arena_printf(a, "%.*s", (int)length - 5, entry->d_name);
  }
  if (folder)
    closedir(folder);
  return n;
}

/* The shipped ones, and with a scenario's path those beside it. */
static size_t names_for(struct arena *a, const char *kind, const char *scenario, const char *const **names)
{
  const char **found = arena_array(a, const char *, MAX_PRESETS), *own = folder_of_kind(kind);
  const char *slash = scenario ? strrchr(scenario, '/') : NULL;
  size_t n = names_in(a, arena_printf(a, "%s/presets/%s", share_folder(a), own), found, 0);
  if (scenario)
    n = names_in(a, arena_printf(a, "%.*spresets/%s", slash ? (int)(slash + 1 - scenario) : 0, scenario, own), found, n);
  qsort(found, n, sizeof *found, compare_texts);
  *names = found;
  return n;
}

size_t preset_names(struct arena *a, const char *kind, const char *const **names)
{
  return names_for(a, kind, NULL, names);
}

/* What is near, or all where they are few; and where a file of one's own would stand. */
static void unknown_preset(struct arena *a, const char *kind, const char *name, struct where at, const char *scenario,
                           const char *tried, struct err *err)
{
  enum { FEW = 20 };
  const char *const *names, *all = "";
  size_t n = names_for(a, kind, scenario, &names);
  const char *near = nearest_or_begun(name, names, n);
  for (size_t i = 0; i < n && n <= FEW; i++)
    all = arena_printf(a, "%s%s%s", all, *all ? ", " : "", names[i]);
  if (near)
    err_add(err, at, "unknown %s '%s'; did you mean '%s'?", kind, name, near);
  else if (n && n <= FEW)
    err_add(err, at, "unknown %s '%s'; there are: %s; looked for %s", kind, name, all, tried);
  else
    err_add(err, at, "unknown %s '%s'; `offsim presets` lists those that exist; looked for %s", kind, name, tried);
}

const struct preset *preset_read(struct arena *a, const char *kind, const char *name, struct where at,
                                 struct scenario *s, struct err *err)
{
  if (!id_valid(name)) {
    err_add(err, at, "'%.64s' is no name of a %s", name, kind);
    return NULL;
  }
  const char *asked = arena_printf(a, "presets/%s/%s.yaml", folder_of_kind(kind), name);
  const char *tried, *path = scenario_find_file(a, s ? s->path : NULL, asked, &tried);
  if (path)
    return preset_parse(a, &(struct preset_file){kind, name, path, asked, "preset"}, s, err);
  unknown_preset(a, kind, name, at, s ? s->path : NULL, tried, err);
  return NULL;
}

const struct preset_source *preset_source(const struct preset *p, const char *key)
{
  const struct preset_source *best = NULL;
  size_t longest = 0;
  for (size_t i = 0; i < p->n_sources; i++) {
    const char *own = p->source[i].key;
    size_t n = strlen(own);
    bool all = !strcmp(own, "all"), fits = !strncmp(own, key, n) && (!key[n] || key[n] == '.');
    if ((fits && n >= longest) || (all && !best)) {
      best = &p->source[i];
      longest = all ? 0 : n;
    }
  }
  return best;
}

/* In a kernel the numbers stand in formulas. */
bool preset_is_number(const struct node *node)
{
  char why[UNITS_WHY];
  double value;
  if (!node_is(node, NODE_TEXT) || !strcmp(node->preset_key, "date"))
    return false;
  return number_parse(node->text, Q_ANY, &value, why) ||
         (!strcmp(node->preset->kind, "kernel") && strpbrk(node->text, "0123456789"));
}

void preset_leaves(const struct node *node, leaf_fn *fn, void *context)
{
  if (node->preset && node_is(node, NODE_TEXT))
    fn(context, node->preset, node->preset_key, node);
  for (size_t i = 0; i < node->n; i++)
    preset_leaves(node->child[i], fn, context);
}

/* ---- includes -------------------------------------------------------------------------------------------------- */

static void remove_key(struct node *map, const char *key)
{
  for (size_t i = 0; i < map->n; i++)
    if (!strcmp(map->child[i]->key, key)) {
      memmove(&map->child[i], &map->child[i + 1], (map->n - i - 1) * sizeof *map->child);
      map->n--;
      return;
    }
}

static bool include(struct arena *, struct node *root, const char *path, struct scenario *, int depth, struct err *);

static bool include_one(struct arena *a, struct node *base, const struct node *file, const char *path,
                        struct scenario *s, int depth, struct err *err)
{
  const char *tried, *text;
  size_t n;
  if (!node_is(file, NODE_TEXT))
    return err_add(err, file->at, "'include' is a file's name or a list of them");
  if (depth >= INCLUDE_DEPTH)
    return err_add(err, file->at, "includes are nested more than %d deep", INCLUDE_DEPTH);
  const char *found = scenario_find_file(a, path, file->text, &tried);
  if (!found)
    return err_add(err, file->at, "the included file '%.200s' was not found; looked for %s", file->text, tried);
  struct node *root = yaml_read(a, found, &text, &n, err);
  if (!root)
    return false;
  if (!node_is(root, NODE_MAP))
    return err_add(err, root->at, "an included file is a map");
  note_file(s, file->text, found, "include", hash_bytes(text, n));
  if (!include(a, root, found, s, depth + 1, err))
    return false;
  node_merge(a, base, root);
  return true;
}

static bool include(struct arena *a, struct node *root, const char *path, struct scenario *s, int depth,
                    struct err *err)
{
  const struct node *const *file;
  struct node *list = node_get(root, "include");
  if (!list)
    return true;
  struct node *base = node_new(a, NODE_MAP, root->at);
  size_t n = elements(list, &file, a);
  for (size_t i = 0; i < n; i++)
    if (!include_one(a, base, file[i], path, s, depth, err))
      return false;
  remove_key(root, "include");
  node_merge(a, base, root);
  root->child = base->child;
  root->n = base->n;
  root->capacity = base->capacity;
  return true;
}

bool include_all(struct arena *a, struct node *root, const char *path, struct scenario *s, struct err *err)
{
  return include(a, root, path, s, 0, err);
}

/* ---- filling in ------------------------------------------------------------------------------------------------ */

struct filling { struct arena *arena; struct node *root; struct scenario *scenario; struct err *err; };

static void fill_map(const struct filling *f, struct node *map, const char *kind)
{
  const struct node *name = node_get(map, "preset");
  if (!node_is(name, NODE_TEXT) || name->gone)
    return;
  const struct preset *p = preset_read(f->arena, kind, name->text, name->at, f->scenario, f->err);
  if (p)
    node_fill(f->arena, map, p->value);
}

/* ---- profiles: hardware files that stand anywhere ---- */

static bool is_profile(const struct node *name)
{
  size_t n = node_is(name, NODE_TEXT) && !name->gone ? strlen(name->text) : 0;
  return n && (strchr(name->text, '/') || (n > 5 && !strcmp(name->text + n - 5, ".yaml")));
}

/* NULL where the file is not found: tried tells where; a file that is no profile adds its problems. */
static const struct preset *find_profile(const struct filling *f, const char *asked, const char **tried, bool *found)
{
  const char *path = scenario_find_file(f->arena, f->scenario->path, asked, tried);
  *found = path != NULL;
  return path ? profile_read(f->arena, asked, path, f->scenario, f->err) : NULL;
}

static void no_profile(const struct filling *f, const struct node *name, const char *tried)
{
  err_add(f->err, name->at, "the profile '%.200s' was not found; looked for %s. `offsim calibrate -o %.200s` measures this machine; "
          "hardware: {NAME: {profile: %.200s, else: PRESET}} runs a preset without it", name->text, tried, name->text, name->text);
}

static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

/* A place's `hardware: FILE.yaml` becomes an entry of that name. */
static void need_profile(const struct filling *f, struct node *name)
{
  struct node *map = node_get(f->root, "hardware");
  const char *tried, *own = base_name(name->text);
  bool found;
  const struct preset *p = find_profile(f, name->text, &tried, &found);
  if (!found)
    no_profile(f, name, tried);
  if (!map)
    node_put(f->arena, f->root, "hardware", node_new(f->arena, NODE_MAP, name->at));
  map = node_get(f->root, "hardware");
  const struct node *there = node_get(map, own);
  if (p && there && there->preset && strcmp(there->preset->path, p->path))
    err_add(f->err, name->at, "two profiles are called '%s'; name them under 'hardware'", own);
  if (!there)
    node_put(f->arena, map, own, p ? p->value : node_new(f->arena, NODE_MAP, name->at));
  name->text = own;
}

/* `profile:`, and `else:` where it is not there: noted as a source, so that every output says so. */
static void fill_profile(const struct filling *f, struct node *map)
{
  const struct node *name = node_get(map, "profile"), *otherwise = node_get(map, "else"), *preset = node_get(map, "preset");
  const char *tried;
  bool found;
  if (otherwise && !name)
    err_add(f->err, otherwise->key_at, "'else' belongs to 'profile'");
  if (!node_is(name, NODE_TEXT) || name->gone || !*name->text)
    return;
  if (preset)
    err_add(f->err, preset->key_at, "'preset' and 'profile' do not go together; 'else: %s' runs where the profile is not found",
            text_or(preset));
  const struct preset *p = find_profile(f, name->text, &tried, &found);
  if (!found && node_is(otherwise, NODE_TEXT)) {
    p = preset_read(f->arena, "hardware", otherwise->text, otherwise->at, f->scenario, f->err);
    sources_add(f->scenario, (struct source_note){"hardware", map->key, "profile", arena_printf(f->arena, "the profile %s was "
                "not found; the preset %s runs instead", name->text, otherwise->text), "D", 0});
  } else if (!found) {
    no_profile(f, name, tried);
  }
  if (p)
    node_fill(f->arena, map, p->value);
}

/* Make sure that root.KEY has an entry for the name. */
static void need(const struct filling *f, const char *key, const char *kind, const struct node *name)
{
  struct node *map = node_get(f->root, key);
  if (!node_is(name, NODE_TEXT) || name->gone || (map && !node_is(map, NODE_MAP)) || node_get(map, name->text))
    return;
  const struct preset *p = preset_read(f->arena, kind, name->text, name->at, f->scenario, f->err);
  if (!map) {
    node_put(f->arena, f->root, key, node_new(f->arena, NODE_MAP, name->at));
    map = node_get(f->root, key);
  }
  if (p)
    node_put(f->arena, map, name->text, p->value);
  else                                                  /* reported once; further uses stay silent */
    node_put(f->arena, map, name->text, node_new(f->arena, NODE_MAP, name->at));
}

/* The keys of a map as names. */
static void need_keys(const struct filling *f, const char *key, const char *kind, const struct node *map)
{
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++) {
    struct node name = {.kind = NODE_TEXT, .at = map->child[i]->key_at, .text = map->child[i]->key};
    need(f, key, kind, &name);
  }
}

static void need_names(const struct filling *f, const struct node *list)
{
  const struct node *const *element;
  size_t n = elements(list, &element, f->arena);
  for (size_t i = 0; i < n; i++)
    need(f, "variants", "variant", node_is(element[i], NODE_MAP) ? node_get(element[i], "name") : element[i]);
}

/* A time is no name. */
static void need_start(const struct filling *f, const struct node *start)
{
  char why[UNITS_WHY];
  double value;
  if (node_is(start, NODE_TEXT) && !number_parse(start->text, Q_TIME, &value, why))
    need(f, "cold_starts", "cold_start", start);
}

static void fill_places(const struct filling *f, const struct node *places)
{
  for (size_t i = 0; node_is(places, NODE_LIST) && i < places->n; i++) {
    const struct node *place = places->child[i];
    struct node *hardware = node_get(place, "hardware");
    if (is_profile(hardware)) need_profile(f, hardware);
    else need(f, "hardware", "hardware", hardware);
    need_keys(f, "hardware", "hardware", node_get(hardware, "mix"));
    need(f, "tariffs", "tariff", node_get(place, "tariff"));
    need(f, "grids", "grid", node_get(place, "grid"));
    fill_map(f, node_get(place, "grid"), "grid");
    need_start(f, node_get(node_get(place, "instances"), "cold_start"));
    need(f, "step_times", "step_time", node_get(node_get(place, "batching"), "step_time"));
    need(f, "batch_profiles", "batch_profile", node_get(node_get(node_get(place, "batching"), "time"), "profile"));
    need_names(f, node_get(place, "variants"));
  }
}

/* A name that is near to one of the scenario's own tables, and no preset's. */
static void need_table(const struct filling *f, const struct node *name)
{
  struct node *map = node_get(f->root, "quality");
  const char *tried, *own[YAML_KEYS];
  size_t n = 0;
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n && n < YAML_KEYS; i++)
    own[n++] = map->child[i]->key;
  const char *near = node_is(name, NODE_TEXT) && !node_get(map, name->text) && id_valid(name->text) ? nearest_or_begun(name->text, own, n) : NULL;
  if (near && !scenario_find_file(f->arena, f->scenario->path, arena_printf(f->arena, "presets/quality/%s.yaml", name->text), &tried))
    err_add(f->err, name->at, "unknown quality '%s'; did you mean '%s'?", name->text, near);
  else
    need(f, "quality", "quality", name);
}

/* Joint tables that variants and attributes name. */
static void fill_quality(const struct filling *f)
{
  const struct node *variants = node_get(f->root, "variants"), *classes = node_get(f->root, "classes");
  for (size_t i = 0; node_is(variants, NODE_MAP) && i < variants->n; i++)
    need_table(f, node_get(node_get(variants->child[i], "quality"), "table"));
  for (size_t i = 0; node_is(classes, NODE_LIST) && i < classes->n; i++) {
    const struct node *attributes = node_get(classes->child[i], "attributes");
    for (size_t k = 0; node_is(attributes, NODE_MAP) && k < attributes->n; k++) {
      const struct node *subjects = node_get(attributes->child[k], "subjects");
      need_table(f, node_is(subjects, NODE_MAP) ? node_get(subjects, "table") : subjects);
    }
  }
}

static void fill_classes(const struct filling *f, const struct node *classes)
{
  for (size_t i = 0; node_is(classes, NODE_LIST) && i < classes->n; i++) {
    const struct node *pipeline = node_get(classes->child[i], "pipeline");
    for (size_t k = 0; node_is(pipeline, NODE_LIST) && k < pipeline->n; k++)
      need_names(f, node_get(pipeline->child[k], "variants"));
  }
}

/* The link's own preset may name a radio. */
static void fill_link(const struct filling *f, struct node *link)
{
  fill_map(f, link, "link");
  fill_map(f, node_get(link, "radio"), "radio");
  need(f, "radios", "radio", node_get(link, "radio"));
}

static void note_source(void *context, const struct preset *p, const char *key, const struct node *number)
{
  struct scenario *s = context;
  const struct preset_source *from = preset_source(p, key);
  if (!from || !preset_is_number(number))
    return;
  if (!strncmp(key, "kernels.", 8)) {                   /* one note for all numbers of a kernel */
    size_t n = 8 + strcspn(key + 8, ".");
    const struct source_note *last = s->n_sources ? &s->source[s->n_sources - 1] : NULL;
    if (last && !strcmp(last->preset, p->name) && strlen(last->key) == n && !strncmp(last->key, key, n))
      return;
    key = arena_printf(s->arena, "%.*s", (int)n, key);
  }
  sources_add(s, (struct source_note){p->kind, p->name, key, from->source, from->grade, from->year});
}

/* Links of topologies may have presets, and regions. */
static void fill_topologies(const struct filling *f, const struct node *list)
{
  for (size_t i = 0; node_is(list, NODE_LIST) && i < list->n; i++) {
    const struct node *levels = node_get(node_get(list->child[i], "metro"), "levels");
    fill_map(f, node_get(list->child[i], "link"), "link");
    fill_map(f, node_get(list->child[i], "regions"), "regions");
    for (size_t k = 0; node_is(levels, NODE_LIST) && k < levels->n; k++)
      fill_map(f, node_get(levels->child[k], "link"), "link");
  }
}

void presets_fill(struct arena *a, struct node *root, struct scenario *s, struct err *err)
{
  static const char *const own[][2] = {{"hardware", "hardware"}, {"variants", "variant"}, {"tariffs", "tariff"},
                                       {"grids", "grid"}, {"radios", "radio"}, {"quality", "quality"}};
  struct filling f = {a, root, s, err};
  struct node *links = node_get(root, "links");
  for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
    struct node *map = node_get(root, own[k][0]);
    for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++) {
      fill_map(&f, map->child[i], own[k][1]);
      if (!k)
        fill_profile(&f, map->child[i]);
    }
  }
  for (size_t i = 0; node_is(links, NODE_LIST) && i < links->n; i++)
    fill_link(&f, links->child[i]);
  fill_topologies(&f, node_get(root, "topologies"));
  need(&f, "grids", "grid", node_get(root, "grid"));
  fill_map(&f, node_get(root, "grid"), "grid");
  fill_places(&f, node_get(root, "places"));
  fill_classes(&f, node_get(root, "classes"));
  fill_quality(&f);
  node_prune(root);
  preset_leaves(root, note_source, s);
}
