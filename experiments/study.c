#include "experiments/study.h"
#include "experiments/identity.h"
#include "analysis/store/trace.h"
#include "experiments/model_version.h"
#include "experiments/plugin_try.h"
#include "experiments/version.h"
#include "models/policy_host.h"
#include "models/world.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- policies ---------------------------------------------------------------------------------------------------- */

static void choose(struct study *s, int policy)
{
  for (int i = 0; i < s->n_chosen; i++)
    if (s->chosen[i] == policy)
      return;
  s->chosen = realloc(s->chosen, (size_t)(s->n_chosen + 1) * sizeof *s->chosen);
  if (!s->chosen)
    check_out_of_memory(sizeof *s->chosen);
  s->chosen[s->n_chosen++] = policy;
}

const char *study_policy_name(const struct study *s, int policy)
{
  return policy >= 0 ? s->scenario->policy[policy].name : "none";
}

static bool unknown_policy(const struct study *s, const char *name, struct err *err)
{
  const char *const *builtin;
  size_t n_builtin = policy_builtin_names(&builtin), n = 0;
  const char **all = zeros_new(n_builtin + (size_t)s->scenario->n_policies + 1, sizeof *all);
  for (int i = 0; i < s->scenario->n_policies; i++)
    all[n++] = s->scenario->policy[i].name;
  for (size_t i = 0; i < n_builtin; i++)
    all[n++] = builtin[i];
  const char *near = nearest(name, all, n), *folders = getenv("OFFSIM_POLICY_PATH");
  if (!strcmp(name, "tuned_threshold"))
    err_add(err, (struct where){0}, "--policy: 'tuned_threshold' has values to choose from: write it among the policies of the"
            " scenario, {policy: tuned_threshold, feature: F, above: [1, 2, 4]}, or let `offsim tune FILE --policy threshold"
            " --budget 16` find one");
  else
    err_add(err, (struct where){0}, "--policy: '%s' is neither a policy of %s nor a built-in one%s%s%s%s%s%s", name,
            s->scenario->path, near ? "" : ", nor one in $OFFSIM_POLICY_PATH (",
            near ? "" : folders && *folders ? folders : "not set", near ? "" : ")",
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  free(all);
  return false;
}

/* An entry's name; else a built-in: every entry of that kind, or a new one with its defaults. */
static bool choose_name(struct study *s, const char *name, struct err *err)
{
  struct scenario *sc = s->scenario;
  bool found = false;
  for (int i = 0; i < sc->n_policies; i++)
    if (strcmp(sc->policy[i].name, name) == 0) {
      choose(s, i);
      return true;
    }
  for (int i = 0; i < sc->n_policies; i++)
    if (strcmp(sc->policy[i].policy, name) == 0) {
      choose(s, i);
      found = true;
    }
  for (int i = 0; i < sc->n_policies; i++)              /* values of a grid: NAME.VALUE */
    if (strncmp(sc->policy[i].name, name, strlen(name)) == 0 && sc->policy[i].name[strlen(name)] == '.' &&
        strcmp(sc->policy[i].policy, "threshold") == 0) {
      choose(s, i);
      found = true;
    }
  if (found)
    return true;
  if (!policy_builtin(name) && !policy_is_path(name) && !policy_in_search_path(name))
    return unknown_policy(s, name, err);
  if (!scenario_add_policy(sc, name, err))
    return false;
  choose(s, sc->n_policies - 1);
  return true;
}

bool study_choose(struct study *s, const char *policies, struct err *err)
{
  if (!policies) {
    for (int i = 0; i < s->scenario->n_policies; i++)
      choose(s, i);
    if (s->n_chosen == 0)
      choose(s, -1);
    return true;
  }
  char *list = strdup(policies), *rest = NULL;
  if (!list)
    check_out_of_memory(strlen(policies));
  bool ok = true;
  for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    ok = choose_name(s, arena_strdup(s->scenario->arena, name), err) && ok;
  free(list);
  return ok && (s->n_chosen > 0 || err_add(err, (struct where){0}, "--policy needs at least one name"));
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

int study_workers(const struct study *s, int wanted, struct err *err)
{
  double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) * 0.8;
  double one = world_bytes_estimate(&s->scenario->world);
  if (one > memory) {
    err_add(err, (struct where){.file = s->scenario->path},
            "one run of this scenario needs about %.3g GB of memory before its first request; this machine has %.3g GB."
            " Reduce the counts of places and users", one / 1e9, memory / 0.8e9);
    return 0;
  }
  double fit = one > 0 ? memory / one : wanted;
  return fit < wanted ? (int)fit : wanted;
}

void study_set_warmup(struct study *s, double warmup_s)
{
  struct scenario *sc = s->scenario;
  s->warmup_s = warmup_s;
  sc->world.horizon.warmup_s = warmup_s;
  sc->world.horizon.warmup_auto = false;
  json_put_path(sc->resolved, "horizon.warmup", json_number_value(warmup_s));
  json_put_path(sc->identity, "horizon.warmup", json_number_value(warmup_s));
}

void study_pilot_key(struct hash base, uint64_t seed, char out[PILOT_KEY])
{
  char hex[33];
  hash_hex(identity_run(base, seed, PILOT_REPLICATION), hex);
  snprintf(out, PILOT_KEY, "pilot.%s", hex);
}

double study_round_up(double x)
{
  if (x <= 0)
    return 0;
  double unit = pow(10, floor(log10(x)) - 1);
  return ceil(x / unit) * unit;
}

/* ---- overrides --------------------------------------------------------------------------------------------------- */

char *study_overrides_write(const struct override *set, size_t n)
{
  json *list = json_new_array();
  for (size_t i = 0; i < n; i++) {
    json *one = json_new_object();
    json_put_string(one, "path", set[i].path);
    json_put_string(one, "value", set[i].value);
    json_push(list, one);
  }
  char *text = json_write(list, false);
  json_release(list);
  return text;
}

size_t study_overrides_read(const char *text, struct arena *a, struct override **set, struct err *err)
{
  json *list = text ? json_parse(text, strlen(text), err) : NULL;
  size_t n = list ? json_count(list) : 0;
  *set = arena_array(a, struct override, n + 1);
  for (size_t i = 0; i < n; i++) {
    const json *one = json_nth(list, i);
    const char *path = json_text(json_at(one, "path")), *value = json_text(json_at(one, "value"));
    (*set)[i] = (struct override){arena_strdup(a, path ? path : ""), arena_strdup(a, value ? value : "")};
  }
  json_release(list);
  return n;
}

/* ---- provenance -------------------------------------------------------------------------------------------------- */

static json *sources_json(const struct scenario *s)
{
  json *list = json_new_array();
  for (int i = 0; i < s->n_sources; i++) {
    const struct source_note *n = &s->source[i];
    json *one = json_new_object();
    json_put_string(one, "kind", n->kind);
    json_put_string(one, "preset", n->preset);
    json_put_string(one, "key", n->key);
    json_put_string(one, "source", n->source);
    json_put_string(one, "grade", n->grade);
    json_put_int(one, "year", n->year);
    json_push(list, one);
  }
  return list;
}

static json *files_json(const struct scenario *s)
{
  json *list = json_new_array();
  for (int i = 0; i < s->n_files; i++) {
    char hex[33];
    hash_hex(s->file[i].hash, hex);
    json *one = json_new_object();
    json_put_string(one, "asked", s->file[i].asked);
    json_put_string(one, "path", s->file[i].path);
    json_put_string(one, "kind", s->file[i].kind);
    json_put_string(one, "hash", hex);
    json_push(list, one);
  }
  return list;
}

static bool put_json(const struct study *s, struct catalog *c, const char *key, json *value, struct err *err)
{
  char *text = json_write(value, false);
  bool ok = point_put(c, s->point, key, text, err);
  free(text);
  json_release(value);
  return ok;
}

/* The words after `offsim run`, without those that change no result. */
static json *call_json(const struct run_call *call)
{
  json *words = json_new_array();
  json_push(words, json_string_value_new(call->file));
  for (size_t i = 0; i < call->n_sets; i++) {
    char *word = NULL;
    if (asprintf(&word, "%s=%s", call->set[i].path, call->set[i].value) < 0)
      check_out_of_memory(1);
    json_push(words, json_string_value_new("--set"));
    json_push(words, json_string_value_new(word));
    free(word);
  }
  const char *const option[][2] = {
    {"--policy", call->policies}, {"--replications", call->replications}, {"--seed", call->seed}};
  for (int i = 0; i < 3; i++)
    if (option[i][1]) {
      json_push(words, json_string_value_new(option[i][0]));
      json_push(words, json_string_value_new(option[i][1]));
    }
  return words;
}

static void cpu_name(char *out, size_t size)
{
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "r");
  snprintf(out, size, "unknown");
  while (f && fgets(line, sizeof line, f))
    if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
      snprintf(out, size, "%s", strchr(line, ':') + 2);
      out[strcspn(out, "\n")] = 0;
      break;
    }
  if (f)
    fclose(f);
}

static bool describe_machine(struct catalog *c, struct err *err)
{
  struct utsname host;
  char cpu[256], text[512];
  cpu_name(cpu, sizeof cpu);
  if (uname(&host) != 0)
    return err_system(err, "uname: %s", strerror(errno));
  snprintf(text, sizeof text, "%s %s %s", host.sysname, host.release, host.machine);
  return catalog_put_provenance(c, "host", host.nodename, err) && catalog_put_provenance(c, "system", text, err)
         && catalog_put_provenance(c, "cpu", cpu, err);
}

void study_libraries(char *out, size_t size)
{
  char trace[128];
  trace_library(trace, sizeof trace);
  snprintf(out, size, "%s, SQLite %s", trace, catalog_library());
}

/* "1, 2": whether one of them is this program's. */
static bool names_model(const char *versions)
{
  for (const char *at = versions; *at; at += strspn(at, ", ")) {
    char *end;
    if (strtol(at, &end, 10) == OFFSIM_MODEL_VERSION)
      return true;
    at = end + (end == at);
  }
  return false;
}

bool study_check_model(struct catalog *c, const char *dir, bool mixed, struct err *err)
{
  const char *before = catalog_provenance(c, "model_version");
  char own[16];
  snprintf(own, sizeof own, "%d", OFFSIM_MODEL_VERSION);
  if (mixed || !before || strcmp(before, own) == 0)
    return true;
  return err_add(err, (struct where){0}, "%s holds results of model version %s, and this program has %s: every run would"
                 " be done anew beside the old ones. Take another folder (-o DIR), or say --mixed", dir, before, own);
}

/* A folder that was mixed names all versions, and asks again. */
static bool put_model(struct catalog *c, struct err *err)
{
  const char *before = catalog_provenance(c, "model_version");
  char text[256];
  if (before && names_model(before))
    return true;
  snprintf(text, sizeof text, "%.200s%s%d", before ? before : "", before ? ", " : "", OFFSIM_MODEL_VERSION);
  return catalog_put_provenance(c, "model_version", text, err);
}

static bool describe_program(struct catalog *c, struct err *err)
{
  char libraries[256];
  study_libraries(libraries, sizeof libraries);
  return catalog_put_provenance(c, "version", version_text(), err)
         && catalog_put_provenance(c, "git", version_git(), err)
         && catalog_put_provenance(c, "compiler", version_compiler(), err)
         && catalog_put_provenance(c, "flags", version_flags(), err)
         && catalog_put_provenance(c, "libraries", libraries, err)
         && put_model(c, err);
}

/* "learns.NAME" of plug-ins: what `compare` cannot know of policies that are not built in. One that does not load says so
 * elsewhere. */
static bool put_learns(const struct policy_def *p, struct catalog *c, struct err *err)
{
  struct err unsaid;
  char key[128];
  if (!p->resolved_path)
    return true;
  err_init(&unsaid);
  const struct offsim_policy *policy = plugin_describe(p, &unsaid);
  err_release(&unsaid);
  snprintf(key, sizeof key, "learns.%s", p->name);
  return !policy || catalog_put_provenance(c, key, policy->capabilities & OFFSIM_LEARNS ? "1" : "0", err);
}

/* Which runs are of this call: a point may hold runs of other seeds and of policies with other settings. */
static bool put_current(const struct study *s, struct catalog *c, struct err *err)
{
  char hex[33], number[24], key[128];
  snprintf(number, sizeof number, "%llu", (unsigned long long)s->point);
  bool ok = catalog_put_provenance(c, "point.current", number, err);
  snprintf(number, sizeof number, "%llu", (unsigned long long)s->scenario->seed);
  ok = ok && point_put(c, s->point, "seed", number, err);
  for (int i = 0; i < s->n_chosen && ok; i++) {
    hash_hex(identity_base(s->scenario, s->chosen[i]), hex);
    snprintf(key, sizeof key, "base.%s", study_policy_name(s, s->chosen[i]));
    ok = point_put(c, s->point, key, hex, err)
         && (s->chosen[i] < 0 || put_learns(&s->scenario->policy[s->chosen[i]], c, err));
  }
  return ok;
}

bool study_describe(struct study *s, const struct run_call *call, struct catalog *c, struct err *err)
{
  const struct scenario *sc = s->scenario;
  char *resolved = json_write(sc->resolved, false);
  bool ok = catalog_begin(c, err) && catalog_put_study(c, sc->name, resolved, err)
            && point_settle(sc, call, c, &s->point, err) && point_put(c, s->point, "resolved", resolved, err);
  for (int i = 0; i < s->n_chosen && ok; i++)
    ok = catalog_put_policy(c, study_policy_name(s, s->chosen[i]), err);
  ok = ok && put_current(s, c, err) && put_json(s, c, "call", call_json(call), err)
       && put_json(s, c, "sources", sources_json(sc), err) && put_json(s, c, "files", files_json(sc), err)
       && describe_program(c, err) && describe_machine(c, err) && catalog_commit(c, err);
  free(resolved);
  return ok;
}

static bool put_whole(struct catalog *c, const char *key, json *value, struct err *err)
{
  char *text = json_write(value, false);
  bool ok = catalog_put_provenance(c, key, text, err);
  free(text);
  json_release(value);
  return ok;
}

bool study_describe_sources(const struct scenario *s, struct catalog *c, struct err *err)
{
  for (int i = 0; i < s->n_policies; i++)
    if (!put_learns(&s->policy[i], c, err))
      return false;
  return put_whole(c, "sources", sources_json(s), err) && put_whole(c, "files", files_json(s), err)
         && describe_program(c, err) && describe_machine(c, err);
}

void study_free(struct study *s)
{
  if (s->scenario)
    scenario_free(s->scenario);
  free(s->chosen);
}
