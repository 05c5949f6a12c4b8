/* cmd_verify.c: `offsim verify DIR`: a random 1 % of the runs again; trace_hash, metrics and trace bytes must be equal. */
#include "analysis/store/trace.h"
#include "experiments/commands.h"
#include "experiments/journals.h"
#include "experiments/options.h"
#include "experiments/replay.h"
#include "experiments/study.h"
#include "experiments/supervisor.h"
#include "scenarios/units.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { ONE_IN = 100 };

struct options { const char *dir; unsigned long long seed; bool all, help; };
struct picked { struct catalog_run run; uint64_t lot; };
struct verify {
  struct options options;
  struct catalog *catalog;
  struct picked *picked; size_t n, room, total;
  struct replay *replay; struct run_order *order;       /* [n] */
  struct scenario *kept; int32_t kept_number;           /* in a worker */
  char *folder;                                         /* where they are done again */
  struct arena *arena;
  size_t different;
};

static bool read_options(struct options *o, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--all", "--seed", "--help"};
  char why[UNITS_WHY];
  if (getrandom(&o->seed, sizeof o->seed, 0) != (ssize_t)sizeof o->seed)
    o->seed = 1;
  o->seed >>= 32;                                       /* short enough to be typed again */
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0)
      o->help = true;
    else if (strcmp(argv[i], "--all") == 0)
      o->all = true;
    else if (strcmp(argv[i], "--seed") == 0) {
      if (i + 1 >= argc || !count_parse(argv[++i], &o->seed, why))
        err_add(err, (struct where){0}, "--seed needs a number");
    } else if (argv[i][0] == '-')
      return options_unknown("verify", argv[i], known, sizeof known / sizeof *known, err);
    else if (o->dir)
      err_add(err, (struct where){0}, "verify: one results folder only, not also '%s'", argv[i]);
    else
      o->dir = argv[i];
  }
  return (o->help || o->dir || err_add(err, (struct where){0}, "verify needs a results folder")) && !err_any(err);
}

/* ---- which runs -------------------------------------------------------------------------------------------------- */

/* Every run draws a lot; the smallest hundredth is taken. */
static bool draw_lot(void *context, const struct catalog_run *r)
{
  struct verify *v = context;
  if (r->state != RUN_DONE)
    return true;
  if (v->n == v->room) {
    v->room = v->room ? 2 * v->room : 256;
    v->picked = realloc(v->picked, v->room * sizeof *v->picked);
    if (!v->picked)
      check_out_of_memory(v->room * sizeof *v->picked);
  }
  char text[64];
  int n = snprintf(text, sizeof text, "%llu %s", v->options.seed, r->id);
  v->picked[v->n++] = (struct picked){*r, hash_bytes(text, (size_t)n).lo};
  return true;
}

static int by_lot(const void *a, const void *b)
{
  const struct picked *x = a, *y = b;
  return x->lot != y->lot ? (x->lot > y->lot) - (x->lot < y->lot) : strcmp(x->run.id, y->run.id);
}

/* A run of several points drew the same lot for each. */
static void drop_repeated(struct verify *v)
{
  size_t n = 0;
  for (size_t i = 0; i < v->n; i++)
    if (n == 0 || strcmp(v->picked[n - 1].run.id, v->picked[i].run.id) != 0)
      v->picked[n++] = v->picked[i];
  v->n = v->total = n;
}

static bool pick_runs(struct verify *v, struct err *err)
{
  if (!catalog_runs(v->catalog, false, draw_lot, v, err))
    return false;
  if (v->n == 0)
    return err_add(err, (struct where){0}, "%s has no finished runs", v->options.dir);
  qsort(v->picked, v->n, sizeof *v->picked, by_lot);
  drop_repeated(v);
  if (!v->options.all)
    v->n = (v->n + ONE_IN - 1) / ONE_IN;
  v->replay = arena_array(v->arena, struct replay, v->n);
  v->order = arena_array(v->arena, struct run_order, v->n);
  return true;
}

/* Runs that were asked for with other settings have other scenarios, and must not share a child, whatever their point. */
static uint64_t settings_of(const struct replay *r)
{
  char *text = study_overrides_write(r->set, r->n_sets);
  uint64_t number = hash_name(text);
  free(text);
  return number;
}

/* Built once here, so that a changed scenario is said before anything runs. */
static bool prepare_run(struct verify *v, size_t i, struct err *err)
{
  if (!replay_find(v->catalog, &v->picked[i].run, v->arena, &v->replay[i], err))
    return false;
  struct scenario *s = replay_load(&v->replay[i], &v->order[i], err);
  if (!s)
    return false;
  scenario_free(s);
  v->order[i].number = (int32_t)i;
  v->order[i].point = settings_of(&v->replay[i]);
  v->order[i].trace = replay_trace_level(v->options.dir, &v->picked[i].run);
  return true;
}

static const struct scenario *find_scenario(void *context, const struct run_order *o, struct err *err)
{
  struct verify *v = context;
  struct run_order unused;
  if (v->kept && v->kept_number == o->number)
    return v->kept;
  if (v->kept)
    scenario_free(v->kept);
  v->kept_number = o->number;
  return v->kept = replay_load(&v->replay[o->number], &unused, err);
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

static void differs(struct verify *v, const struct catalog_run *r, const char *what)
{
  v->different++;
  fprintf(stderr, "offsim: run %s (policy %s, replication %llu): %s\n", r->id, r->policy,
          (unsigned long long)r->replication, what);
}

/* The recorded file must still be what was recorded, and the new one the same bytes. */
static const char *compare_traces(const struct verify *v, const struct catalog_run *before,
                                  const struct catalog_run *now)
{
  if (!*before->trace_file)
    return NULL;
  struct hash recorded = {0};
  struct err unsaid;
  err_init(&unsaid);
  char *path = trace_path(v->options.dir, before->id);
  bool whole = hash_parse(before->trace_file_hash, &recorded) && trace_verify(path, recorded, &unsaid);
  free(path);
  err_release(&unsaid);
  return !whole ? "its trace file is missing or damaged"
         : strcmp(before->trace_file_hash, now->trace_file_hash) != 0 ? "its trace has other bytes now" : NULL;
}

static bool compare(void *context, const struct run_order *o, const struct catalog_run *now, struct err *err)
{
  struct verify *v = context;
  struct catalog_run before;
  bool found;
  if (!catalog_get(v->catalog, o->id, &before, &found, err))
    return false;
  const char *what = now->state != RUN_DONE ? "it fails now"
                     : !found ? "it is there no more"
                     : strcmp(before.trace_hash, now->trace_hash) != 0 ? "its trace_hash is another one now"
                     : !catalog_same_metrics(&before, now) ? "its metrics are others now"
                                                           : compare_traces(v, &before, now);
  if (what)
    differs(v, now, what);
  char *path = trace_path(v->folder, o->id);
  unlink(path);
  free(path);
  return true;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool make_folder(struct verify *v, struct err *err)
{
  const char *tmp = getenv("TMPDIR");
  if (asprintf(&v->folder, "%s/offsim-verify-XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
    check_out_of_memory(64);
  return mkdtemp(v->folder) ? journals_prepare(v->folder, false, err)
                            : err_system(err, "cannot make the folder %s: %s", v->folder, strerror(errno));
}

static void remove_folder(struct verify *v, int workers)
{
  char path[4096];
  for (int i = 0; v->folder && i < 2 * workers; i++) {
    snprintf(path, sizeof path, "%s/journal/%d%s", v->folder, i / 2, i % 2 ? ".b" : "");
    unlink(path);
  }
  static const char *const name[] = {"/journal", "/traces", ""};
  for (int i = 0; v->folder && i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", v->folder, name[i]);
    rmdir(path);
  }
  free(v->folder);
}

static bool run_again(struct verify *v, struct supervisor_report *report, struct err *err)
{
  int workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
  struct run_order unused;
  struct scenario *first = make_folder(v, err) ? replay_load(&v->replay[0], &unused, err) : NULL;
  struct run_source source = {.scenario = first, .find = find_scenario, .context = v};
  struct supervisor_setup setup = {.source = &source, .dir = v->folder, .workers = workers};
  struct supervisor *s = first ? supervisor_start(&setup, err) : NULL;
  struct result_sink sink = {compare, v};
  v->catalog = s ? catalog_open(v->options.dir, CATALOG_READ, err) : NULL;
  bool ok = v->catalog && supervisor_run(s, NULL, v->order, v->n, &(struct supervisor_options){
    .progress = isatty(STDERR_FILENO), .sink = &sink}, report, err);
  supervisor_stop(s);
  if (first)
    scenario_free(first);
  remove_folder(v, workers);
  return ok;
}

static bool verify(struct verify *v, struct supervisor_report *report, struct err *err)
{
  v->catalog = catalog_open(v->options.dir, CATALOG_READ, err);
  bool ok = v->catalog && pick_runs(v, err);
  for (size_t i = 0; i < v->n && ok; i++)
    ok = prepare_run(v, i, err);
  catalog_close(v->catalog);                            /* closed before the fork */
  v->catalog = NULL;
  ok = ok && run_again(v, report, err);
  if (ok)
    printf("%zu of %zu runs done again (--seed %llu): %zu differ\n", v->n, v->total, v->options.seed, v->different);
  catalog_close(v->catalog);
  return ok;
}

int cmd_verify(int argc, char **argv)
{
  struct verify v = {.arena = arena_new()};
  struct supervisor_report report = {0};
  struct err err;
  err_init(&err);
  bool ok = read_options(&v.options, argc, argv, &err);
  if (ok && v.options.help)
    puts("usage: offsim verify DIR [--seed S] [--all]\n\nDoes a random 1 % of the finished runs (at least one) again and"
         " compares trace_hash, metrics and the bytes\nof traces. --all: every run.\n\nexit codes: 0 all equal; 1 one"
         " differs; 2 unknown option; 3 a file cannot be read, or the scenario has changed");
  else if (ok)
    ok = verify(&v, &report, &err);
  err_say(&err);
  int code = report.interrupted ? EXIT_INTERRUPTED : err.code != EXIT_OK ? (int)err.code
             : v.different ? EXIT_NEGATIVE : EXIT_OK;
  free(v.picked);
  arena_free(v.arena);
  err_release(&err);
  return code;
}
