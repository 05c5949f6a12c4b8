/* cmd_describe.c: `offsim describe [KEY | metric.NAME | preset.NAME]`: what a word of the scenario language means. */
#include "analysis/metrics.h"
#include "experiments/commands.h"
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
    if (!strcmp(keys[i].section, section->name))
      printf("  %-16s %s%s\n", keys[i].name, keys[i].flags & LATER ? "(not yet available) " : "", keys[i].doc);
}

static int describe_all(void)
{
  printf("Sections of a scenario; `offsim describe NAME` shows one, `offsim describe NAME.KEY` a key.\n\n");
  for (size_t i = 0; i < n_sections; i++)
    printf("  %-14s %s\n", sections[i].name, sections[i].doc);
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

static int unknown(const char *what, const char *word, const char *const *names, size_t n)
{
  const char *near = nearest(word, names, n);
  fprintf(stderr, near ? "describe: unknown %s '%.80s'; did you mean '%s'?\n" : "describe: unknown %s '%.80s'\n", what,
          word, near);
  return EXIT_USER;
}

static int describe_word(const char *word)
{
  const char *names[512];
  size_t n = 0;
  if (describe_matches(word))
    return EXIT_OK;
  for (size_t i = 0; i < n_keys && n < 512; i++)
    names[n++] = keys[i].name;
  return unknown("key", strrchr(word, '.') ? strrchr(word, '.') + 1 : word, names, n);
}

static int describe_metric(const char *name)
{
  const struct metric_info *m = metric_find(name);
  const char *const *names;
  size_t n = metric_names(&names);
  if (!m)
    return unknown("metric", name, names, n);
  printf("%s\n  unit: %s\n  %s\n  better: %s\n  by class: %s, by place: %s\n", m->name, *m->unit ? m->unit : "none",
         m->doc,
         m->better < 0   ? "smaller"
         : m->better > 0 ? "larger"
                         : "neither",
         m->per_class ? "yes" : "no", m->per_place ? "yes" : "no");
  return EXIT_OK;
}

static int describe_preset(struct arena *a, const char *name, struct err *err)
{
  const struct preset_entry *entry;
  const struct preset_number *number;
  size_t n = presets_list(a, &entry, err), found = 0;
  const char **names = arena_array(a, const char *, n + 1);
  for (size_t i = 0; i < n; i++) {
    names[i] = entry[i].name;
    if (strcmp(entry[i].name, name))
      continue;
    found++;
    printf("%s %s\n  %s\n  %s\n", entry[i].kind, entry[i].name, entry[i].doc ? entry[i].doc : "", entry[i].path);
    size_t count = presets_numbers(a, &entry[i], &number, err);
    for (size_t k = 0; k < count; k++)
      if (!k || strcmp(number[k].key, number[k - 1].key))
        printf("  %-28s %-18s %s %d  %s\n", number[k].key, number[k].value, number[k].grade ? number[k].grade : "?",
               number[k].year, number[k].source ? number[k].source : "NO SOURCE");
  }
  return found ? EXIT_OK : unknown("preset", name, names, n);
}

int cmd_describe(int argc, char **argv)
{
  struct arena *a = arena_new();
  struct err err;
  int code = EXIT_OK;
  err_init(&err);
  if (argc > 2) {
    fprintf(stderr, "usage: offsim describe [KEY | metric.NAME | preset.NAME]\n");
    code = EXIT_USER;
  } else if (argc < 2) {
    code = describe_all();
  } else if (!strcmp(argv[1], "--markdown")) {
    schema_write_markdown(stdout);
  } else if (!strncmp(argv[1], "metric.", 7)) {
    code = describe_metric(argv[1] + 7);
  } else if (!strncmp(argv[1], "preset.", 7)) {
    code = describe_preset(a, argv[1] + 7, &err);
  } else {
    code = describe_word(argv[1]);
  }
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  if (err_any(&err))
    code = (int)err.code;
  err_release(&err);
  arena_free(a);
  return code;
}
