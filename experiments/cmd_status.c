/* cmd_status.c: `offsim status DIR`: how far a study is, also while it runs; `offsim merge DIR`: journals into the
 * catalogue. */
#include "experiments/commands.h"
#include "experiments/failures.h"
#include "experiments/journals.h"
#include "experiments/launcher.h"
#include "experiments/options.h"
#include "experiments/supervisor.h"
#include "sim/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options { const char *dir; bool json, keep, help; };

static bool read_options(const char *command, struct options *o, int argc, char **argv, bool may_keep, struct err *err)
{
  static const char *const known[] = {"--format", "--help", "--keep"};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0)
      o->help = true;
    else if (strcmp(argv[i], "--keep") == 0 && may_keep)
      o->keep = true;
    else if (strcmp(argv[i], "--format") == 0) {
      const char *form = i + 1 < argc ? argv[++i] : "";
      o->json = strcmp(form, "json") == 0;
      if (!o->json && strcmp(form, "table") != 0)
        err_add(err, (struct where){0}, "--format is table or json, not '%s'", form);
    } else if (argv[i][0] == '-')
      return options_unknown(command, argv[i], known, may_keep ? 3 : 2, err);
    else if (o->dir)
      err_add(err, (struct where){0}, "%s: one results folder only, not also '%s'", command, argv[i]);
    else
      o->dir = argv[i];
  }
  if (!o->dir && !o->help)
    err_add(err, (struct where){0}, "%s needs a results folder", command);
  return !err_any(err);
}

/* ---- status ------------------------------------------------------------------------------------------------------ */

struct standing {
  const char *study;
  uint64_t runs, count[3], running, left;
  bool writing;
  double left_s;                                        /* negative: not known */
};

static struct standing standing_of(const char *dir, struct catalog *c)
{
  struct standing s = {.study = catalog_provenance(c, "study.name"), .left_s = -1};
  struct live live;
  const char *runs = catalog_provenance(c, "study.runs");
  catalog_count(c, s.count);
  journals_count(dir, c, s.count);
  uint64_t ended = s.count[RUN_DONE] + s.count[RUN_FAILED] + s.count[RUN_QUARANTINED];
  s.runs = runs ? strtoull(runs, NULL, 10) : ended;
  s.writing = catalog_lock_held(dir);
  if (supervisor_live(dir, &live)) {
    s.running = live.running;
    s.left_s = live.left_s;
  }
  s.left = s.runs > ended ? s.runs - ended : 0;
  s.left -= s.running < s.left ? s.running : s.left;
  return s;
}

static void print_json(const struct standing *s, json *failures)
{
  json *j = json_put_string(json_new_object(), "study", s->study);
  const struct { const char *key; uint64_t value; } count[] = {{"runs", s->runs}, {"done", s->count[RUN_DONE]},
    {"failed", s->count[RUN_FAILED]}, {"quarantined", s->count[RUN_QUARANTINED]}, {"running", s->running},
    {"left", s->left}};
  for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
    json_put_int(j, count[i].key, (int64_t)count[i].value);
  json_put_bool(j, "writing", s->writing);
  json_put_number(j, "left_s", s->left_s >= 0 ? s->left_s : NAN);
  json_put(j, "failures", failures);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

static void print_table(const struct standing *s, const char *dir)
{
  printf("%s (%s): %llu runs\n", s->study ? s->study : "results of `run`", dir, (unsigned long long)s->runs);
  const struct { const char *key; uint64_t value; } count[] = {{"done", s->count[RUN_DONE]},
    {"failed", s->count[RUN_FAILED]}, {"quarantined", s->count[RUN_QUARANTINED]}, {"running", s->running},
    {"left", s->left}};
  for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
    printf("  %-12s %llu\n", count[i].key, (unsigned long long)count[i].value);
  if (s->left_s >= 0 && s->left + s->running > 0)
    printf("  about %.0f s left\n", s->left_s);
  else if (!s->writing && s->left)
    puts("  nobody is at work here");
}

static bool print_standing(const struct options *o, struct catalog *c, struct err *err)
{
  struct standing s = standing_of(o->dir, c);
  if (!o->json) {
    print_table(&s, o->dir);
    return failures_print(c, stdout, err);
  }
  json *failures = failures_json(c, err);
  if (failures)
    print_json(&s, failures);
  return failures != NULL;
}

int cmd_status(int argc, char **argv)
{
  struct options o = {0};
  struct err err;
  err_init(&err);
  struct catalog *c = NULL;
  bool ok = read_options("status", &o, argc, argv, false, &err);
  if (ok && o.help)
    puts("usage: offsim status DIR [--format table|json]\n\nHow many runs of a study are done, failed, given up, running"
         " and left; also while it runs.");
  else if (ok && (c = catalog_open(o.dir, CATALOG_READ, &err)))
    ok = print_standing(&o, c, &err);
  catalog_close(c);
  err_say(&err);
  int code = err.code;
  err_release(&err);
  return code;
}

/* ---- merge ------------------------------------------------------------------------------------------------------- */

/* Only a folder that has a catalogue: merge makes none. */
static struct catalog *open_existing(const char *dir, struct err *err)
{
  struct catalog *c = catalog_open(dir, CATALOG_READ, err);
  catalog_close(c);
  return c ? catalog_open(dir, CATALOG_WRITE, err) : NULL;
}

static bool merge(const struct options *o, struct journals_report *report, struct err *err)
{
  struct catalog *c = open_existing(o->dir, err);
  bool ok = c && journals_take(o->dir, c, &(struct journals_options){.keep = o->keep || launcher_alive(o->dir)}, report, err);
  catalog_close(c);
  if (ok)
    printf("%zu runs taken, %zu were there already, %zu failed, %zu conflicts; %zu metric rows\n", report->taken,
           report->same, report->failed, report->conflicts, report->metric_rows);
  return ok;
}

int cmd_merge(int argc, char **argv)
{
  struct options o = {0};
  struct journals_report report = {0};
  struct err err;
  err_init(&err);
  bool ok = read_options("merge", &o, argc, argv, true, &err);
  if (ok && o.help)
    puts("usage: offsim merge DIR [--keep]\n\nTakes what workers and shards left in DIR/journal into the catalogue."
         " --keep leaves the journals\nof shards, which may still be written (always while their jobs are known to live).\n\nexit codes: 1 a run has two different"
         " results; 3 the folder is locked, or a file cannot be read");
  else if (ok)
    ok = merge(&o, &report, &err);
  err_say(&err);
  int code = err.code != EXIT_OK ? (int)err.code : report.conflicts ? EXIT_NEGATIVE : EXIT_OK;
  err_release(&err);
  return code;
}
