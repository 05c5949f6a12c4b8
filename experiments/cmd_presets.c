/* cmd_presets.c: `offsim presets [--audit]`: what is shipped; --audit: every number with source, year and grade.
 * The audit fails (exit 1) on a number without source, year or grade. Numbers of lists (fitted workloads) count, one line a key. */
#include "experiments/commands.h"
#include "scenarios/presets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void list(const struct preset_entry *entry, size_t n)
{
  int kind = 0, name = 0;
  for (size_t i = 0; i < n; i++) {
    kind = (int)strlen(entry[i].kind) > kind ? (int)strlen(entry[i].kind) : kind;
    name = (int)strlen(entry[i].name) > name ? (int)strlen(entry[i].name) : name;
  }
  for (size_t i = 0; i < n; i++)
    printf("%-*s %-*s %s\n", kind, entry[i].kind, name, entry[i].name, entry[i].doc ? entry[i].doc : "");
}

struct tally { size_t numbers, without, grade[128]; };

/* What a number lacks; NULL: nothing. */
static const char *lacks(const struct preset_number *p)
{
  return !p->source ? "NO SOURCE" : p->year <= 0 ? "NO YEAR" : !p->grade ? "NO GRADE" : NULL;
}

static void audit_one(const struct preset_number *number, size_t n, struct tally *tally)
{
  for (size_t i = 0; i < n;) {
    const struct preset_number *p = &number[i];
    size_t same = 1;
    while (i + same < n && !strcmp(number[i + same].key, p->key))
      same++;
    if (!lacks(p))
      printf("%s\t%s\t%s\t%s%s\t%d\t%s\t%s\n", p->kind, p->preset, p->key, same > 1 ? "list from " : "", p->value,
             p->year, p->grade, p->source);
    else
      printf("%s\t%s\t%s\t%s\t%s\n", p->kind, p->preset, p->key, p->value, lacks(p));
    tally->numbers += same;
    if (lacks(p))
      tally->without += same;
    else
      tally->grade[p->grade[0] & 127] += same;
    i += same;
  }
}

static int audit(struct arena *a, const struct preset_entry *entry, size_t n, struct err *err)
{
  struct tally tally = {0};
  printf("kind\tpreset\tkey\tvalue\tyear\tgrade\tsource\n");
  for (size_t i = 0; i < n; i++) {
    const struct preset_number *number;
    size_t count = presets_numbers(a, &entry[i], &number, err);
    audit_one(number, count, &tally);
  }
  fprintf(stderr,
          "%zu presets, %zu numbers: %zu measured or recomputed (M), %zu read in the source (D), %zu from publications "
          "(P), "
          "%zu estimates (E), %zu without source, year or grade\n",
          n, tally.numbers, tally.grade['M'], tally.grade['D'], tally.grade['P'], tally.grade['E'], tally.without);
  return tally.without ? EXIT_NEGATIVE : EXIT_OK;
}

int cmd_presets(int argc, char **argv)
{
  bool auditing = argc == 2 && !strcmp(argv[1], "--audit");
  if (argc > 1 && !auditing) {
    fprintf(stderr, "usage: offsim presets [--audit]\n");
    return EXIT_USER;
  }
  struct arena *a = arena_new();
  struct err err;
  const struct preset_entry *entry;
  err_init(&err);
  size_t n = presets_list(a, &entry, &err);
  int code = EXIT_OK;
  if (auditing)
    code = audit(a, entry, n, &err);
  else
    list(entry, n);
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  if (err_any(&err))
    code = (int)err.code;
  err_release(&err);
  arena_free(a);
  return code;
}
