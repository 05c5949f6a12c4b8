/* scenario.c: from a file to a scenario: read, include, override, check, fill in, build. */
#include "scenarios/build.h"

#include "models/policy_host.h"
#include <limits.h>
#include <string.h>

/* One sentence instead of a list of unknown keys. */
static bool refuse_study(const struct node *root, const char *path, struct err *err)
{
  const struct node *factors = node_get(root, "factors");
  if (!factors || !node_get(root, "scenario"))
    return true;
  return err_add(err, factors->key_at, "this is a study, where a scenario is expected; `offsim sweep %.200s` runs it", path);
}

static bool read_tree(struct scenario *s, const char *path, const struct override *overrides, size_t n,
                      struct node **root, struct err *err)
{
  *root = yaml_read(s->arena, path, NULL, NULL, err);
  if (!*root || !refuse_study(*root, path, err) || !include_all(s->arena, *root, path, s, err))
    return false;
  bool ok = true;
  for (size_t i = 0; i < n; i++)
    ok &= override_apply(s->arena, *root, &overrides[i], err);
  if (node_is(*root, NODE_MAP))
    grid_expand(s->arena, *root, err);
  return ok || node_is(*root, NODE_MAP);
}

/* Once presets have given what maps below them lack: is it all there? */
static void check_filled(struct node *root, struct err *err, size_t errors)
{
  node_mark_filled(root, false);
  if (err->n_errors == errors) schema_check(root, "scenario", err);
}

struct scenario *scenario_load(const char *path, const struct override *overrides, size_t n_overrides, struct err *err)
{
  struct arena *a = arena_new();
  struct scenario *s = arena_alloc(a, sizeof *s);
  struct node *root = NULL;
  size_t errors = err->n_errors;
  s->arena = a;
  s->path = arena_strdup(a, path);
  s->stamp = file_stamp_of(path);
  if (read_tree(s, path, overrides, n_overrides, &root, err)) {
    bool later = node_mark_filled(root, true);
    schema_check(root, "scenario", err);
    if (node_is(root, NODE_MAP)) {
      presets_fill(a, root, s, err);
      if (later) check_filled(root, err, errors);
      struct build *b = arena_alloc(a, sizeof *b);
      *b = (struct build){.arena = a, .err = err, .scenario = s, .root = root, .folder_of = s->path};
      build_scenario(b);
    }
  }
  if (err->n_errors > errors) {
    scenario_free(s);
    return NULL;
  }
  sources_keep_used(s);
  s->tree = root;
  s->resolved = resolve_scenario(root);
  s->identity = resolve_identity(root);
  return s;
}

void scenario_free(struct scenario *s)
{
  if (!s)
    return;
  json_release(s->resolved);
  json_release(s->identity);
  for (int i = 0; i < s->n_policies; i++)
    json_release((json *)s->policy_json[i]);
  arena_free(s->arena);
}

bool scenario_add_policy(struct scenario *s, const char *name, struct err *err)
{
  size_t errors = err->n_errors;
  char path[PATH_MAX];
  struct node entry = {.kind = NODE_TEXT, .text = arena_strdup(s->arena, name)};
  struct policy_def p = {.name = entry.text, .policy = entry.text, .at_place = NONE, .at = {.file = "--policy"}};
  p.name = name_of_policy(s->arena, name);
  if (!id_valid(p.name) || !policy_locate(&p, path, err))
    return err->n_errors > errors ? false : err_add(err, p.at, "'%.64s' is no name of a policy", name);
  for (int i = 0; i < s->n_policies; i++)
    if (!strcmp(s->policy[i].name, p.name))
      return err_add(err, p.at, "'%.200s' would be the second policy called '%s'; rename the file, or give it an entry "
                     "with a 'name' in the scenario", name, p.name);
  if (*path)
    note_plugin(s, &p, path, err);
  struct policy_def *all = arena_array(s->arena, struct policy_def, s->n_policies + 1);
  const json **effective = arena_array(s->arena, const json *, s->n_policies + 1);
  if (s->n_policies) {
    memcpy(all, s->policy, (size_t)s->n_policies * sizeof *all);
    memcpy(effective, s->policy_json, (size_t)s->n_policies * sizeof *effective);
  }
  all[s->n_policies] = p;
  effective[s->n_policies++] = resolve_node(&entry, "policy");
  s->policy = all;
  s->policy_json = effective;
  return err->n_errors == errors;
}
