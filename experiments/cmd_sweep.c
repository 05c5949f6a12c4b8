/* cmd_sweep.c: `offsim sweep STUDY`: every run of a study that its folder lacks. */
#include "experiments/commands.h"
#include "experiments/failures.h"
#include "experiments/launcher.h"
#include "experiments/options.h"
#include "experiments/study.h"
#include "experiments/sweep.h"
#include "experiments/until.h"
#include "scenarios/units.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const option_names[] = {"--plan", "-o", "-j", "--replications", "--launcher", "--shard", "--dry-run", "--template", "--round",
  "--keep-going", "--fail-fast", "--retry", "--trace", "--quiet", "--mixed", "--format", "--help"};
enum { N_OPTIONS = sizeof option_names / sizeof option_names[0] };

static bool bad(struct err *err, const char *what, const char *value)
{
  const char *quote = value ? "'" : "";
  return err_add(err, (struct where){0}, "%s%s%s%s%s", what, value ? ", not " : "", quote, value ? value : "", quote);
}

/* Options without a value. */
static bool take_flag(struct sweep_options *o, const char *name)
{
  if (strcmp(name, "--keep-going") == 0) {
    o->fail_fast = 0;
    return true;
  }
  const struct option_flag flag[] = {{"--plan", &o->plan}, {"--dry-run", &o->dry_run},
    {"--quiet", &o->quiet}, {"--mixed", &o->mixed}, {"--help", &o->help}};
  return options_flag(flag, sizeof flag / sizeof flag[0], name);
}

static bool read_number(const char *text, unsigned long long least, unsigned long long most, unsigned long long *out)
{
  char why[UNITS_WHY];
  return text && count_parse(text, out, why) && *out >= least && *out <= most;
}

static bool take_number(struct sweep_options *o, const char *name, const char *value, struct err *err)
{
  unsigned long long n = 0;
  if (strcmp(name, "-j") == 0)
    return read_number(value, 1, 1024, &n) ? (o->workers = (int)n, true) : bad(err, "-j needs a number from 1 to 1024", value);
  if (strcmp(name, "--retry") == 0)
    return read_number(value, 0, 100, &n) ? (o->retries = (int)n, true) : bad(err, "--retry needs a number from 0 to 100", value);
  if (strcmp(name, "--round") == 0)
    return read_number(value, 1, 100, &n) ? (o->round = (int)n, true) : bad(err, "--round needs a number from 1 to 100", value);
  if (strcmp(name, "--fail-fast") == 0)
    return read_number(value, 1, SIZE_MAX, &n) ? (o->fail_fast = n, true) : bad(err, "--fail-fast needs a number from 1", value);
  return read_number(value, 1, 1000000, &n) ? (o->replications = n, true)
                                            : bad(err, "--replications needs a number from 1 to 1000000", value);
}

static bool take_trace(struct sweep_options *o, const char *value, struct err *err)
{
  static const char *const name[] = {[TRACE_NONE] = "none", [TRACE_FULL] = "full", [TRACE_LINKS] = "links"};
  for (int i = 0; value && i < 3; i++)
    if (strcmp(value, name[i]) == 0) {
      o->trace = (enum trace_level)i;
      return o->trace_given = true;
    }
  return bad(err, "--trace is none, full or links", value);
}

static bool take_value(struct sweep_options *o, const char *name, const char *value, struct err *err)
{
  if (strcmp(name, "--trace") == 0)
    return take_trace(o, value, err);
  if (strcmp(name, "--format") == 0) {
    o->json = value && strcmp(value, "json") == 0;
    return o->json || (value && strcmp(value, "table") == 0) || bad(err, "--format is table or json", value);
  }
  const char **to = strcmp(name, "-o") == 0 ? &o->dir : strcmp(name, "--launcher") == 0 ? &o->launcher
                    : strcmp(name, "--shard") == 0 ? &o->shard
                    : strcmp(name, "--template") == 0 ? &o->template_file : NULL;
  if (!to)
    return take_number(o, name, value, err);
  *to = value;
  return (value && *value) || err_add(err, (struct where){0}, "%s needs a value", name);
}

static bool is_folder(const char *path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_option(const char *text)
{
  for (int i = 0; i < N_OPTIONS; i++)
    if (strcmp(text, option_names[i]) == 0)
      return true;
  return false;
}

/* False. What `run` has as an option, a study has as a key. */
static bool unknown_option(const char *name, struct err *err)
{
  static const struct { const char *option, *key; } in_study[] = {{"--set", "set: {PATH: VALUE}"},
    {"--policy", "factors: {policy: [A, B]}"}, {"--seed", "set: {seed: S}"}};
  for (size_t i = 0; i < sizeof in_study / sizeof in_study[0]; i++)
    if (strcmp(name, in_study[i].option) == 0)
      return err_add(err, (struct where){0}, "sweep has no %s: the study says `%s`", name, in_study[i].key);
  return options_unknown("sweep", name, option_names, N_OPTIONS, err);
}

/* What is of one launcher only would otherwise be passed over, and runs start that nobody asked for. */
static bool check_launcher(const struct sweep_options *o, struct err *err)
{
  bool away = o->launcher && strcmp(o->launcher, "local") != 0;
  if (o->template_file && (!o->launcher || strcmp(o->launcher, "template") != 0))
    err_add(err, (struct where){0}, "--template FILE goes with --launcher template");
  if (o->dry_run && !away)
    err_add(err, (struct where){0}, "--dry-run goes with --launcher slurm or template; --plan says what would run here");
  if (o->file && is_folder(o->file))
    err_add(err, (struct where){0}, "'%s' is a folder; sweep takes a study file (what a folder holds: offsim status)", o->file);
  return !err_any(err);
}

static bool read_options(struct sweep_options *o, int argc, char **argv, struct err *err)
{
  o->workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
  for (int i = 1; i < argc; i++) {
    if (take_flag(o, argv[i]))
      continue;
    if (strncmp(argv[i], "-j", 2) == 0 && argv[i][2])
      take_number(o, "-j", argv[i] + 2, err);
    else if (is_option(argv[i])) {
      take_value(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err);
      i++;
    } else if (argv[i][0] == '-' && argv[i][1])
      return unknown_option(argv[i], err);
    else if (o->file)
      err_add(err, (struct where){0}, "sweep takes one study file; '%s' is a second one", argv[i]);
    else
      o->file = argv[i];
  }
  if (!o->file && !o->help)
    err_add(err, (struct where){0}, "sweep needs a study file");
  return !err_any(err) && (o->help || check_launcher(o, err));
}

static void print_help(void)
{
  puts("usage: offsim sweep STUDY [options]\n\n"
       "  --plan                 points, runs, CPU hours and disk; runs nothing\n"
       "  -o DIR                 results folder (default results/STUDY); what is there already is not run again\n"
       "  -j N                   workers (default: one a core)\n"
       "  --replications N       another number than the study says\n"
       "  --trace none|full|links  traces of all runs (default: what the study says, or none)\n"
       "  --fail-fast N          stop after N failures (default --keep-going: never)\n"
       "  --retry K              try a failing run K times more before it is given up; with K more than last time,\n"
       "                         runs that were given up are tried again\n"
       "  --mixed                into a folder with results of another model version\n"
       "  --launcher local|slurm|template   where it runs (docs/studies.md, `On a cluster`)\n"
       "  --template FILE        the job script of --launcher template, with {{words}} to fill in\n"
       "  --dry-run              print what would be submitted; writes and starts nothing\n"
       "  --format table|json    the closing summary\n"
       "  --quiet                no progress\n\n"
       "exit codes: 0 done; 1 some runs failed; 2 mistake in study or arguments; 3 file, disk, memory, or the folder is\n"
       "locked; 75 interrupted, the same command goes on");
}

/* ---- the study --------------------------------------------------------------------------------------------------- */

struct session {
  struct sweep sweep;
  struct supervisor *supervisor;
  struct catalog *catalog;
  struct supervisor_report report;
  size_t conflicts;
  struct timespec started;
};

static double seconds_since(struct timespec start)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
}

static bool on_terminal(void) { return isatty(STDERR_FILENO); }
static bool colour(void) { return on_terminal() && !getenv("NO_COLOR"); }

static bool run_orders(struct session *x, struct err *err)
{
  struct sweep *s = &x->sweep;
  struct expectation expect = expect_face(s->expect);
  struct supervisor_options options = {.progress = on_terminal() && !s->options.quiet, .colour = colour(),
    .log = !on_terminal() && !s->options.quiet, .expect = &expect, .quarantine = true, .retries = s->options.retries,
    .patience = SWEEP_PATIENCE, .fail_fast = s->options.fail_fast, .attempts_before = sweep_attempts, .attempts_context = s};
  return supervisor_run(x->supervisor, x->catalog, s->order, s->n_orders, &options, &x->report, err);
}

/* One round; as many as it takes with `replications: {until: ...}`. Runs of the rounds before count as done now. */
static bool run_rounds(struct session *x, struct err *err)
{
  struct sweep *s = &x->sweep;
  for (bool more = true; more;) {
    size_t done = x->report.done;
    if (!sweep_find_orders(s, x->catalog, err) || !run_orders(x, err) || x->report.interrupted)
      return false;
    s->reused -= done;
    if (x->report.stopped)
      return true;
    if (!until_extend(s, x->catalog, &more, err) || (more && !sweep_publish(s, x->catalog, err)))
      return false;
  }
  return true;
}

static bool settle_warmup(struct session *x, struct err *err)
{
  const struct supervisor_options options = {.progress = on_terminal() && !x->sweep.options.quiet, .colour = colour()};
  size_t unknown;
  return sweep_settle_warmup(&x->sweep, x->supervisor, x->catalog, &options, &x->report, &unknown, err);
}

static bool execute(struct session *x, struct err *err)
{
  struct sweep *s = &x->sweep;
  struct supervisor_setup setup = {.source = &s->source, .dir = s->dir};
  setup.workers = study_workers(&(struct study){.scenario = s->plan->base}, s->options.workers, err);
  if (setup.workers > 0 && !launcher_free_to_write(s->dir, err))
    return false;
  x->supervisor = setup.workers > 0 ? supervisor_start(&setup, err) : NULL;
  x->catalog = x->supervisor ? catalog_open(s->dir, CATALOG_WRITE, err) : NULL;
  return x->catalog && sweep_check_folder(s, x->catalog, err)
         && supervisor_recover(x->supervisor, x->catalog, false, &x->conflicts, err) && settle_warmup(x, err)
         && sweep_publish(s, x->catalog, err) && run_rounds(x, err);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static uint64_t failed(const struct session *x) { return x->report.failed + x->sweep.quarantined; }
static uint64_t conflicts(const struct session *x) { return x->report.conflicts + x->conflicts; }
static uint64_t left(const struct session *x)
{
  return x->sweep.n_runs - x->sweep.reused - x->report.done - failed(x);
}

static bool print_json(const struct session *x, struct err *err)
{
  const struct sweep *s = &x->sweep;
  json *j = json_new_object();
  json_put_string(json_put_string(j, "study", s->file->name), "dir", s->dir);
  const struct { const char *key; uint64_t value; } count[] = {{"points", s->plan->n_points}, {"runs", s->n_runs},
    {"done", s->reused + x->report.done}, {"new", x->report.done}, {"failed", failed(x)}, {"left", left(x)},
    {"conflicts", conflicts(x)}};
  for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
    json_put_int(j, count[i].key, (int64_t)count[i].value);
  json_put_number(j, "elapsed_s", seconds_since(x->started));
  json *failures = failed(x) && x->catalog ? failures_json(x->catalog, err) : json_new_array();
  if (failures)
    json_put(j, "failures", failures);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
  return failures != NULL;
}

static bool print_table(const struct session *x, struct err *err)
{
  const struct sweep *s = &x->sweep;
  printf("study %s: %llu points, %llu runs: %llu done (%zu of them now), %llu failed, %llu left; %.1f s; %s\n",
         s->file->name, (unsigned long long)s->plan->n_points, (unsigned long long)s->n_runs,
         (unsigned long long)(s->reused + x->report.done), x->report.done, (unsigned long long)failed(x),
         (unsigned long long)left(x), seconds_since(x->started), s->dir);
  if (s->quarantined)
    printf("%llu runs failed in an earlier call and were not tried again; --retry %d does\n",
           (unsigned long long)s->quarantined, s->options.retries + 1);
  if (x->report.stopped)
    printf("stopped after %zu failures (--fail-fast)\n", x->report.failed);
  return !failed(x) || !x->catalog || failures_print(x->catalog, stdout, err);
}

static bool print_end(const struct session *x, struct err *err)
{
  return x->sweep.options.json ? print_json(x, err) : print_table(x, err);
}

static int exit_code(const struct session *x, const struct err *err)
{
  if (x->report.interrupted)
    return EXIT_INTERRUPTED;
  if (err->code != EXIT_OK)
    return err->code;
  return failed(x) || conflicts(x) ? EXIT_NEGATIVE : EXIT_OK;
}

/* With the warm-ups that the folder knows. */
static bool print_plan(struct session *x, struct err *err)
{
  struct sweep *s = &x->sweep;
  struct err unsaid;
  size_t unknown = 0;
  err_init(&unsaid);
  struct catalog *c = s->plan->auto_warmup ? catalog_open(s->dir, CATALOG_READ, &unsaid) : NULL;
  err_release(&unsaid);
  bool ok = sweep_settle_warmup(s, NULL, c, NULL, NULL, &unknown, err);
  catalog_close(c);
  ok = ok && plan_print(s->plan, s->dir, stdout, err);
  if (ok && unknown)
    printf("warm-up   auto: %zu pilots come first, each as long as a run; which runs are done is known after them\n", unknown);
  return ok;
}

static int sweep(struct session *x, struct err *err)
{
  struct sweep *s = &x->sweep;
  clock_gettime(CLOCK_MONOTONIC, &x->started);
  bool ok = sweep_load(s, err);
  if (ok)
    until_begin(s);
  if (ok && s->options.plan)
    return print_plan(x, err) ? EXIT_OK : err->code;
  bool elsewhere = s->options.shard || (s->options.launcher && strcmp(s->options.launcher, "local") != 0);
  if (ok && s->plan->auto_warmup && elsewhere)
    ok = err_add(err, (struct where){0}, "`warmup: auto` is for studies on one machine (its pilots come before any run);"
                 " on a cluster give a fixed one: set: {horizon.warmup: TIME}");
  if (ok) {                                             /* warnings come before the progress */
    err_say(err);
    err_release(err);
    err_init(err);
  }
  if (ok && s->options.shard)
    return sweep_shard(s, err);
  if (ok && sweep_is_launched(&s->options, err)) {
    ok = sweep_launch(s, err);
    if (ok && s->n_orders == 0)
      ok = print_end(x, err);
    return exit_code(x, err);
  }
  ok = ok && !err_any(err) && execute(x, err);
  x->report.interrupted = x->report.interrupted || (!ok && !err_any(err) && sweep_interrupted());
  supervisor_stop(x->supervisor);                       /* workers first: while they live, the folder stays locked */
  if (x->report.interrupted)
    fprintf(stderr, "offsim: interrupted; what was finished is in %s, and the same command goes on\n", s->dir);
  if (ok || x->report.interrupted)
    ok = print_end(x, err);
  catalog_close(x->catalog);
  return exit_code(x, err);
}

int cmd_sweep(int argc, char **argv)
{
  struct session x = {0};
  struct err err;
  err_init(&err);
  int code = EXIT_OK;
  if (!read_options(&x.sweep.options, argc, argv, &err))
    code = err.code;
  else if (x.sweep.options.help)
    print_help();
  else
    code = sweep(&x, &err);
  err_say(&err);
  sweep_free(&x.sweep);
  err_release(&err);
  return code;
}
