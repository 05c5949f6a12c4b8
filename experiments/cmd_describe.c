/* cmd_describe.c: `offsim describe [KEY | metrics | METRIC | PRESET | POLICY]`: what a word of scenarios and results means. */
#include "analysis/metrics.h"
#include "experiments/commands.h"
#include "experiments/policy_print.h"
#include "models/policy_host.h"
#include "scenarios/presets.h"
#include "scenarios/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void describe_key(const struct key *key)
{
  printf("%s.%s%s\n  ", key->section, key->name, key->flags & LATER ? "   (not yet available)" : "");
  key_print_type(key, stdout);
  printf("%s\n  %s\n", key->flags & REQUIRED ? ", required" : "", key->doc);
  if (key->low != 0 || key->high != 0) {
    printf("  range: ");
    key_print_range(key, stdout);
    printf("\n");
  }
  if (key->otherwise)
    printf("  default: %s\n", key->otherwise);
  if (key->scope)
    printf("  scope: one draw per %s\n", key->scope);
}

static void describe_section(const struct section *section)
{
  printf("%s: %s\n", section->title, section->doc);
  for (size_t i = 0; i < n_keys; i++)
    if (!strcmp(keys[i].section, section->name)) {
      const struct key *k = &keys[i];
      printf("  %-22s %s%s", k->name, k->flags & LATER ? "(not yet available) " : "", k->doc);
      printf(k->otherwise ? " Default: %s.\n" : "\n", k->otherwise);
    }
}

static int describe_all(void)
{
  printf("Sections of a scenario; `offsim describe NAME` shows one, `offsim describe NAME.KEY` a key.\n\n");
  for (size_t i = 0; i < n_sections; i++)
    printf("  %-16s %s\n", sections[i].name, sections[i].doc);
  printf("\n`offsim describe metrics` lists the metrics, `offsim describe latency_p95_s` shows one;\n"
         "`offsim presets` lists the presets, `offsim describe h100` shows one with its sources.\n"
         "`offsim policy list` lists the policies, `offsim describe pinned` shows one with its parameters.\n"
         "metric.NAME, preset.NAME and policy.NAME say which is meant where a key has the same name.\n");
  return EXIT_OK;
}

/* "links.access.rate": from section to section, names skipped. NULL when it leads nowhere. */
static const struct key *follow(const char *path)
{
  const char *section = "scenario";
  for (const char *p = path;;) {
    char word[80];
    size_t n = strcspn(p, ".");
    snprintf(word, sizeof word, "%.*s", (int)n, p);
    const struct key *key = key_find(section, word);
    if (!key || !p[n])
      return p == path ? NULL : key;
    p += n + 1;
    if (key->shape == NAMED_LIST || key->shape == NAMED_MAP) {
      if (!strchr(p, '.'))
        return key;
      p = strchr(p, '.') + 1;
    }
    if (!key->map)
      return key;
    section = key->map;
  }
}

/* "place.count", "count", "place", or a path such as "places.metro.count". */
static size_t describe_matches(const char *word)
{
  const char *dot = strrchr(word, '.'), *name = dot ? dot + 1 : word;
  const struct key *path = follow(word);
  size_t found = 0;
  char in[80];
  snprintf(in, sizeof in, "%.*s", dot ? (int)(dot - word) : 0, word);
  if (path) {
    describe_key(path);
    return 1;
  }
  if (!dot && section_find(word)) {
    describe_section(section_find(word));
    found++;
  }
  for (size_t i = 0; i < n_keys; i++)
    if (!strcmp(keys[i].name, name) && (!section_find(in) || !strcmp(keys[i].section, in))) {
      describe_key(&keys[i]);
      found++;
    }
  return found;
}

/* ---- metrics --------------------------------------------------------------------------------------------------- */

static void describe_metric(const struct metric_info *m)
{
  printf("%s\n  unit: %s\n  %s\n  better: %s\n  by class: %s, by place: %s\n", m->name, *m->unit ? m->unit : "none",
         m->doc,
         m->better < 0   ? "smaller"
         : m->better > 0 ? "larger"
                         : "neither",
         m->per_class ? "yes" : "no", m->per_place ? "yes" : "no");
}

static int describe_metrics(void)
{
  const char *const *names;
  size_t n = metric_names(&names);
  for (size_t i = 0; i < n; i++) {
    const struct metric_info *m = metric_find(names[i]);
    printf("%-34s %-18s %s\n", m->name, *m->unit ? m->unit : "-", m->doc);
  }
  return EXIT_OK;
}

/* "slo" is a part of slo_attainment, "cost_total" of cost_total_usd_per_1k_requests: tables shorten the names so. */
static bool is_part(const char *word, const char *name)
{
  size_t n = strlen(word);
  for (const char *at = strstr(name, word); n > 2 && at; at = strstr(at + 1, word))
    if (at == name || at[-1] == '_')
      return true;
  return false;
}

static size_t print_metrics_with(const char *word, FILE *out)
{
  const char *const *names;
  size_t n = metric_names(&names), found = 0;
  for (size_t i = 0; i < n; i++)
    if (is_part(word, names[i]))
      fprintf(out, "%s%s", found++ ? ", " : "metrics with this in their name: ", names[i]);
  if (found)
    fputc('\n', out);
  return found;
}

/* ---- presets --------------------------------------------------------------------------------------------------- */

/* Of a list of numbers, the first. */
static void print_values(struct arena *a, const struct preset_entry *entry, struct err *err)
{
  const struct preset_number *value;
  size_t n = presets_values(a, entry, &value, err);
  for (size_t k = 0; k < n; k++) {
    const struct preset_number *v = &value[k];
    if (v->word)
      printf("  %-28s %s\n", v->key, v->value);
    else if (!k || strcmp(v->key, v[-1].key))
      printf("  %-28s %-18s %s %d  %s\n", v->key, v->value, v->grade ? v->grade : "?", v->year,
             v->source ? v->source : "NO SOURCE");
  }
}

static size_t describe_presets(struct arena *a, const char *name, struct err *err)
{
  const struct preset_entry *entry;
  size_t n = presets_list(a, &entry, err), found = 0;
  for (size_t i = 0; i < n; i++)
    if (!strcmp(entry[i].name, name)) {
      printf("%s %s\n  %s\n  %s\n", entry[i].kind, entry[i].name, entry[i].doc ? entry[i].doc : "", entry[i].path);
      print_values(a, &entry[i], err);
      found++;
    }
  return found;
}

/* ---- policies --------------------------------------------------------------------------------------------------- */

static size_t describe_policy(const char *name)
{
  const struct offsim_policy *policy = policy_builtin(name);
  if (policy)
    policy_print(policy);
  return policy != NULL;
}

/* ---- words ----------------------------------------------------------------------------------------------------- */

enum among { KEYS = 1, METRICS = 2, PRESETS = 4, POLICIES = 8 };

static int unknown(struct arena *a, const char *what, const char *word, enum among among, struct err *err)
{
  const char *const *metrics;
  const char *const *policies;
  const struct preset_entry *preset;
  size_t n_metrics = metric_names(&metrics), n_presets = presets_list(a, &preset, err), n = 0;
  size_t n_policies = policy_builtin_names(&policies);
  const char **names = arena_array(a, const char *, n_keys + n_metrics + n_presets + n_policies + 1);
  for (size_t i = 0; i < n_keys && among & KEYS; i++)
    names[n++] = keys[i].name;
  for (size_t i = 0; i < n_metrics && among & METRICS; i++)
    names[n++] = metrics[i];
  for (size_t i = 0; i < n_presets && among & PRESETS; i++)
    names[n++] = preset[i].name;
  for (size_t i = 0; i < n_policies && among & POLICIES; i++)
    names[n++] = policies[i];
  const char *dot = strrchr(word, '.'), *near = nearest(dot && among & KEYS ? dot + 1 : word, names, n);
  fprintf(stderr, near ? "describe: unknown %s '%.80s'; did you mean '%s'?\n" : "describe: unknown %s '%.80s'\n", what,
          word, near);
  if (among & METRICS)
    print_metrics_with(word, stderr);
  return EXIT_USER;
}

/* A word may be several things: all are shown. */
static int describe_word(struct arena *a, const char *word, struct err *err)
{
  size_t found = describe_matches(word);
  const struct metric_info *metric = metric_find(word);
  if (metric)
    describe_metric(metric);
  found += (metric != NULL) + describe_presets(a, word, err) + describe_policy(word);
  if (!found)
    return unknown(a, "key, metric, preset or policy", word, KEYS | METRICS | PRESETS | POLICIES, err);
  if (!metric)
    print_metrics_with(word, stdout);
  return EXIT_OK;
}

static int describe(struct arena *a, const char *word, struct err *err)
{
  if (!strcmp(word, "metrics") || !strcmp(word, "metric"))
    return describe_metrics();
  if (!strncmp(word, "preset.", 7))
    return describe_presets(a, word + 7, err) ? EXIT_OK : unknown(a, "preset", word + 7, PRESETS, err);
  if (!strncmp(word, "policy.", 7))
    return describe_policy(word + 7) ? EXIT_OK : unknown(a, "policy", word + 7, POLICIES, err);
  if (strncmp(word, "metric.", 7))
    return describe_word(a, word, err);
  const struct metric_info *metric = metric_find(word + 7);
  if (!metric)
    return unknown(a, "metric", word + 7, METRICS, err);
  describe_metric(metric);
  return EXIT_OK;
}

int cmd_describe(int argc, char **argv)
{
  struct arena *a = arena_new();
  struct err err;
  int code = EXIT_OK;
  err_init(&err);
  if (argc > 2) {
    fprintf(stderr, "usage: offsim describe [KEY | metrics | METRIC | PRESET | POLICY]\n");
    code = EXIT_USER;
  } else if (argc < 2) {
    code = describe_all();
  } else if (!strcmp(argv[1], "--markdown")) {
    schema_write_markdown(stdout);
  } else {
    code = describe(a, argv[1], &err);
  }
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  if (err_any(&err))
    code = (int)err.code;
  err_release(&err);
  arena_free(a);
  return code;
}
