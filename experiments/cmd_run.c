/* cmd_run.c: `offsim run`: every policy on the same random numbers. */
#include "analysis/compare.h"
#include "analysis/store/trace.h"
#include "experiments/commands.h"
#include "experiments/frozen.h"
#include "experiments/identity.h"
#include "experiments/options.h"
#include "experiments/replications.h"
#include "experiments/run_ask.h"
#include "experiments/scenario_check.h"
#include "experiments/study.h"
#include "experiments/until.h"
#include "scenarios/units.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

struct options {
  const char *file, *policies, *replications, *seed, *dir;
  struct override *set; size_t n_sets;
  int workers;
  enum format format;
  bool quiet, mixed, help, traceless, frozen;
};

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const option_names[] = {"--policy", "--replications", "--seed", "--set", "-o", "-j", "--format",
                                           "--frozen", "--mixed", "--quiet", "--help"};

static bool bad(struct err *err, const char *what, const char *value)
{
  const char *quote = value ? "'" : "";
  return err_add(err, (struct where){0}, "%s%s%s%s%s", what, value ? ", not " : "", quote, value ? value : "", quote);
}

static bool read_format(struct options *o, const char *text, struct err *err)
{
  static const char *const name[] = {"table", "json", "csv"};
  for (int i = 0; text && i < 3; i++)
    if (strcmp(text, name[i]) == 0) {
      o->format = (enum format)i;
      return true;
    }
  return bad(err, "--format is table, json or csv", text);
}

static bool read_workers(struct options *o, const char *text, struct err *err)
{
  char *end = NULL;
  long n = text ? strtol(text, &end, 10) : 0;
  if (!text || *end || n < 1 || n > 1024)
    return bad(err, "-j needs a number from 1 to 1024", text);
  o->workers = (int)n;
  return true;
}

static bool read_value(struct options *o, const char *name, const char *value, struct arena *a, struct err *err)
{
  if (strcmp(name, "--set") == 0)
    return options_set("", value, a, o->set, &o->n_sets, err);
  if (strcmp(name, "--format") == 0)
    return read_format(o, value, err);
  if (strcmp(name, "-j") == 0)
    return read_workers(o, value, err);
  const char **to = strcmp(name, "--policy") == 0 ? &o->policies
                    : strcmp(name, "--replications") == 0 ? &o->replications
                    : strcmp(name, "--seed") == 0 ? &o->seed : &o->dir;
  if (!value || !*value)
    return err_add(err, (struct where){0}, "%s needs a value", name);
  *to = value;
  return true;
}

static bool is_option(const char *text)
{
  for (size_t i = 0; i < sizeof option_names / sizeof option_names[0]; i++)
    if (strcmp(text, option_names[i]) == 0)
      return true;
  return false;
}

static bool read_options(struct options *o, int argc, char **argv, struct arena *a, struct err *err)
{
  const struct option_flag flag[] = {{"--help", &o->help}, {"--quiet", &o->quiet}, {"--frozen", &o->frozen},
                                     {"--mixed", &o->mixed}};
  o->set = arena_array(a, struct override, argc + 2);
  o->workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
  for (int i = 1; i < argc; i++) {
    if (options_flag(flag, sizeof flag / sizeof flag[0], argv[i]))
      continue;
    if (strncmp(argv[i], "-j", 2) == 0 && argv[i][2])
      read_workers(o, argv[i] + 2, err);
    else if (is_option(argv[i])) {
      read_value(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, a, err);
      i++;
    } else if (argv[i][0] == '-' && argv[i][1])
      return options_unknown("run", argv[i], option_names, sizeof option_names / sizeof option_names[0], err);
    else if (o->file)
      err_add(err, (struct where){0}, "run takes one scenario file; '%s' is a second one", argv[i]);
    else
      o->file = argv[i];
  }
  if (!o->file && !o->help)
    err_add(err, (struct where){0}, "run needs a scenario file");
  return !err_any(err);
}

static bool read_replications(const struct options *o, struct study *s, struct err *err)
{
  struct replications r = {0, s->scenario->replications - 1};
  if (o->replications && !replications_parse("--replications", o->replications, &r, err))
    return false;
  s->from = r.from, s->to = r.to;
  return true;
}

static void print_help(void)
{
  puts("usage: offsim run FILE [options]\n\n"
       "  --policy A,B           entries of the file, or built-in policies\n"
       "  --replications N|A..B  how many, or which\n"
       "  --seed S               another seed\n"
       "  --set PATH=VALUE       another value of a scenario key; as often as wanted\n"
       "  -o DIR                 results folder (default results/NAME); what is there already is not run again\n"
       "  -j N                   workers (default: one a core)\n"
       "  --format table|json|csv\n"
       "  --frozen               learners go by their `state: FILE` and learn nothing; not what they were trained on\n"
       "  --mixed                into a folder with results of another model version\n"
       "  --quiet                no progress\n\n"
       "exit codes: 0 done; 1 a run failed; 2 mistake in scenario or arguments; 3 file, disk or memory;\n"
       "4 a loaded plug-in misbehaved; 75 interrupted, the same command goes on");
}

/* ---- which runs are new ------------------------------------------------------------------------------------------ */

struct session {
  struct options options;
  struct study study;
  struct run_source source;
  struct supervisor *supervisor;
  struct catalog *catalog;
  char *dir;
  struct hash *base;                                    /* identity by chosen policy */
  enum trace_level trace;
  size_t reused, conflicts;
  struct supervisor_report report;
};

static bool has_columns(const char *path, const char *group)
{
  const char *const *names;
  struct err unsaid;
  err_init(&unsaid);
  struct trace_reader *t = trace_open(path, &unsaid);
  bool has = t && trace_columns(t, group, &names) > 0;
  trace_close(t);
  err_release(&unsaid);
  return has;
}

/* The file is whole, and has the transfers and time series if they are wanted. */
static bool trace_is_good(const struct session *x, const struct catalog_run *r)
{
  struct err unsaid;
  struct hash expected;
  char *path = trace_path(x->dir, r->id);
  err_init(&unsaid);
  bool good = hash_parse(r->trace_file_hash, &expected) && trace_verify(path, expected, &unsaid);
  if (!good)
    fprintf(stderr, "offsim: run %s is done again: its trace is missing or damaged\n", r->id);
  if (x->trace == TRACE_LINKS)
    good = good && has_columns(path, "transfers");
  if (x->trace != TRACE_NONE && x->study.scenario->world.sample_s > 0)
    good = good && has_columns(path, "timeseries");
  err_release(&unsaid);
  free(path);
  return good;
}

static bool is_done(const struct session *x, const char *id)
{
  struct catalog_run r;
  if (!catalog_has(x->catalog, id, &r) || r.state != RUN_DONE)
    return false;
  return *r.trace_file ? trace_is_good(x, &r) : x->trace == TRACE_NONE;
}

static struct run_order make_order(const struct session *x, int chosen, uint64_t replication)
{
  struct run_order o = {.policy = x->study.chosen[chosen], .point = x->study.point, .replication = replication,
                        .warmup_s = x->study.warmup_s, .trace = x->trace};
  hash_hex(identity_run(x->base[chosen], x->study.scenario->seed, replication), o.id);
  return o;
}

/* Replication by replication, so that an interrupted study can be compared already. */
static struct run_order *new_orders(struct session *x, size_t *n)
{
  const struct study *s = &x->study;
  struct run_order *order = zeros_new((s->to - s->from + 1) * (size_t)s->n_chosen, sizeof *order);
  *n = 0;
  for (uint64_t replication = s->from; replication <= s->to; replication++)
    for (int i = 0; i < s->n_chosen; i++) {
      struct run_order o = make_order(x, i, replication);
      if (is_done(x, o.id)) {
        x->reused++;
        continue;
      }
      o.number = (int32_t)*n;
      order[(*n)++] = o;
    }
  return order;
}

static void find_bases(struct session *x)
{
  free(x->base);
  x->base = zeros_new((size_t)x->study.n_chosen, sizeof *x->base);
  for (int i = 0; i < x->study.n_chosen; i++)
    x->base[i] = identity_base(x->study.scenario, x->study.chosen[i]);
}

static struct supervisor_options how(const struct session *x)
{
  bool terminal = isatty(STDERR_FILENO);
  return (struct supervisor_options){.progress = terminal && !x->options.quiet,
                                     .colour = terminal && !getenv("NO_COLOR")};
}

/* How each run was asked for, so that it can be asked for again. */
static bool note_orders(struct session *x, const struct run_order *order, size_t n, struct err *err)
{
  char *file = realpath(x->options.file, NULL), *set = study_overrides_write(x->options.set, x->options.n_sets);
  bool ok = catalog_begin(x->catalog, err);
  char world[33], base[33];
  hash_hex(identity_base(x->study.scenario, -1), world);
  for (size_t i = 0; i < n && ok; i++) {
    hash_hex(identity_base(x->study.scenario, order[i].policy), base);
    ok = catalog_put_note(x->catalog, order[i].id, "scenario_file", file ? file : x->options.file, err)
         && catalog_put_note(x->catalog, order[i].id, "overrides", set, err)
         && catalog_put_note(x->catalog, order[i].id, "world", world, err)
         && catalog_put_note(x->catalog, order[i].id, "base", base, err);
  }
  free(file);
  free(set);
  return ok && catalog_commit(x->catalog, err);
}

static bool run_new(struct session *x, struct err *err)
{
  size_t n;
  struct run_order *order = new_orders(x, &n);
  struct supervisor_options options = how(x);
  bool ok = note_orders(x, order, n, err)
            && supervisor_run(x->supervisor, x->catalog, order, n, &options, &x->report, err);
  free(order);
  return ok;
}

/* ---- warmup: auto ------------------------------------------------------------------------------------------------ */

static bool run_pilots(struct session *x, double *truncation_s, struct err *err)
{
  struct study *s = &x->study;
  struct run_order *order = calloc((size_t)s->n_chosen, sizeof *order);
  double *found = calloc((size_t)s->n_chosen, sizeof *found);
  char key[PILOT_KEY], text[40];
  size_t n = 0;
  if (!order || !found)
    check_out_of_memory(sizeof *order);
  for (int i = 0; i < s->n_chosen; i++) {
    study_pilot_key(x->base[i], s->scenario->seed, key);
    const char *known = catalog_provenance(x->catalog, key);
    if (known && strtod(known, NULL) > *truncation_s)
      *truncation_s = strtod(known, NULL);
    if (!known) {
      order[n] = make_order(x, i, PILOT_REPLICATION);
      order[n].pilot = true;
      order[n].number = (int32_t)n;
      n++;
    }
  }
  struct supervisor_options options = how(x);
  x->report.truncation_s = found;
  bool ok = supervisor_run(x->supervisor, x->catalog, order, n, &options, &x->report, err);
  for (size_t k = 0; ok && k < n && x->report.failed == 0; k++) {
    for (int i = 0; i < s->n_chosen; i++)
      if (s->chosen[i] == order[k].policy)
        study_pilot_key(x->base[i], s->scenario->seed, key);
    snprintf(text, sizeof text, "%.9g", found[k]);
    ok = catalog_put_provenance(x->catalog, key, text, err);
    *truncation_s = found[k] > *truncation_s ? found[k] : *truncation_s;
  }
  x->report.truncation_s = NULL;
  free(order);
  free(found);
  return ok;
}

/* One truncation for all policies of the comparison: the latest that MSER-5 finds in a pilot of each. */
static bool settle_warmup(struct session *x, struct err *err)
{
  const struct horizon_def *h = &x->study.scenario->world.horizon;
  double truncation_s = 0;
  x->study.warmup_s = -1;
  find_bases(x);
  if (h->kind != HORIZON_STEADY || !h->warmup_auto)
    return true;
  if (!run_pilots(x, &truncation_s, err))
    return false;
  study_set_warmup(&x->study, study_round_up(truncation_s));
  x->report = (struct supervisor_report){0};
  find_bases(x);
  return true;
}

/* ---- replications: {until: ...} ---------------------------------------------------------------------------------- */

/* value[chosen policy][replication], NaN = none. */
struct collected { const struct session *x; double **value; struct err *err; };

/* The chosen policy, this one or a later one, whose run of the asked replications this is; -1: of none. */
static int chosen_of(const struct session *x, const struct catalog_run *r, int i)
{
  const struct study *s = &x->study;
  bool mine = r->state == RUN_DONE && r->replication >= s->from && r->replication <= s->to;
  for (; mine && i < s->n_chosen; i++)
    if (strcmp(make_order(x, i, r->replication).id, r->id) == 0)
      return i;
  return -1;
}

static bool collect(void *context, const struct catalog_run *run)
{
  struct collected *c = context;
  const char *metric = c->x->study.scenario->until.metric;
  struct catalog_run r = *run;
  int i = chosen_of(c->x, run, 0);
  if (i < 0)
    return true;
  if (!catalog_complete(c->x->catalog, &r, c->err))
    return false;
  for (size_t k = 0; k < r.n_metrics; k++)
    if (strcmp(r.metric[k].metric, metric) == 0 && !*r.metric[k].klass && !*r.metric[k].place)
      for (int j = i; j >= 0; j = chosen_of(c->x, run, j + 1))
        c->value[j][r.replication] = r.metric[k].value;
  return true;
}

static bool precise(const struct session *x, struct err *err)
{
  const struct study *s = &x->study;
  size_t k = (size_t)s->n_chosen, room = s->to + 1;
  struct collected c = {x, calloc(k, sizeof *c.value), err};
  double *all = calloc(k * room, sizeof *all);
  if (!c.value || !all)
    check_out_of_memory(k * room * sizeof *all);
  for (size_t i = 0; i < k; i++)
    c.value[i] = all + i * room;
  for (size_t i = 0; i < k * room; i++)
    all[i] = NAN;
  bool ok = catalog_runs_of(x->catalog, s->point, collect, &c, err) && !err_any(err)
            && until_precise(c.value, k, room, s->scenario->until.metric, s->scenario->until.half_width);
  free(c.value);
  free(all);
  return ok;
}

static bool run_until(struct session *x, struct err *err)
{
  struct study *s = &x->study;
  uint64_t most = s->scenario->until.max ? s->scenario->until.max : 1000;
  for (uint64_t n = until_next(0, most);; n = until_next(n, most)) {
    s->from = 0, s->to = n - 1;
    x->reused = 0;
    if (!frozen_check(s, err) || !run_new(x, err))
      return false;
    if (n == most || x->report.failed || precise(x, err))
      return !err_any(err);
  }
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* `--frozen` is `frozen: true` in each chosen learner, which only the loaded scenario can tell. */
static bool freeze(struct session *x, struct arena *a, struct err *err)
{
  struct options *o = &x->options;
  struct study first = {.scenario = scenario_load(o->file, o->set, o->n_sets, err)};
  bool ok = first.scenario && study_choose(&first, o->policies, err);
  struct override *set = arena_array(a, struct override, o->n_sets + (ok ? (size_t)first.n_chosen : 0) + 1);
  memcpy(set, o->set, o->n_sets * sizeof *set);
  o->set = set;
  ok = ok && frozen_add(&first, o->set, &o->n_sets, a, err);
  study_free(&first);
  return ok;
}

static bool load(struct session *x, struct arena *a, struct err *err)
{
  struct options *o = &x->options;
  unsigned long long seed;
  char why[UNITS_WHY];
  if (o->seed && !count_parse(o->seed, &seed, why))
    return err_add(err, (struct where){0}, "--seed: %s", why);
  if (o->frozen && !freeze(x, a, err))
    return false;
  if (o->seed)
    o->set[o->n_sets++] = (struct override){"seed", o->seed};
  struct study *s = &x->study;
  s->scenario = scenario_load(o->file, o->set, o->n_sets, err);
  if (!s->scenario || !study_choose(s, o->policies, err) || !read_replications(o, s, err) || !frozen_check(s, err)
      || !scenario_check_to_run(s->scenario, err))
    return false;
  o->workers = study_workers(s, o->workers, err);
  x->trace = o->traceless ? TRACE_NONE : s->scenario->trace_level_given ? s->scenario->trace_level : TRACE_FULL;
  x->dir = arena_printf(a, "%s%s", o->dir ? o->dir : "results/", o->dir ? "" : s->scenario->name);
  return o->workers > 0;
}

static struct run_call call_of(const struct options *o)
{
  return (struct run_call){.file = o->file, .set = o->set, .n_sets = o->n_sets - (o->seed != NULL),      /* see load */
                           .policies = o->policies, .replications = o->replications, .seed = o->seed};
}

static bool execute(struct session *x, struct err *err)
{
  struct study *s = &x->study;
  struct run_call call = call_of(&x->options);
  x->source.scenario = s->scenario;
  x->supervisor = supervisor_start(&(struct supervisor_setup){.source = &x->source, .dir = x->dir,
                                                              .workers = x->options.workers}, err);
  if (!x->supervisor)
    return false;
  x->catalog = catalog_open(x->dir, CATALOG_WRITE, err);
  if (!x->catalog || !point_check_folder(s->scenario, x->catalog, x->dir, err)
      || !study_check_model(x->catalog, x->dir, x->options.mixed, err)
      || !supervisor_recover(x->supervisor, x->catalog, false, &x->conflicts, err) || !settle_warmup(x, err))
    return false;
  if (x->report.failed)
    return true;                                        /* a pilot failed: there is nothing to measure */
  if (!study_describe(s, &call, x->catalog, err))
    return false;
  return s->scenario->until.metric && !x->options.replications ? run_until(x, err) : run_new(x, err);
}

static bool show(const struct session *x, struct err *err)
{
  const struct study *s = &x->study;
  const char **policy = zeros_new((size_t)s->n_chosen, sizeof *policy);
  for (int i = 0; i < s->n_chosen; i++)
    policy[i] = study_policy_name(s, s->chosen[i]);
  const char *const dir = x->dir;
  struct comparison_options options = {.policy = policy, .n_policies = (size_t)s->n_chosen, .some_replications = true,
                                       .from = s->from, .to = s->to};
  struct comparison *c = comparison_load(&dir, 1, &options, err);
  struct comparison_view view = {.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), .brief = true};
  comparison_say_point(c, stderr);
  if (c && x->options.format == FORMAT_JSON) {
    json *j = comparison_json(c);
    char *text = json_write(j, true);
    puts(text);
    free(text);
    json_release(j);
  } else if (c && x->options.format == FORMAT_CSV) {
    comparison_print_csv(c, stdout, &view);
  } else if (c) {
    comparison_print_table(c, stdout, &view);
  }
  comparison_free(c);
  free(policy);
  return c != NULL;
}

static int exit_code(const struct session *x, const struct err *err)
{
  if (x->report.interrupted)
    return EXIT_INTERRUPTED;
  if (err->code != EXIT_OK)
    return err->code;
  bool bad = x->report.failed || x->report.conflicts || x->conflicts;
  return x->report.plugin_failed ? EXIT_PLUGIN : bad ? EXIT_NEGATIVE : EXIT_OK;
}

/* Workers first: while they live, the folder stays locked. */
static void finish(struct session *x)
{
  supervisor_stop(x->supervisor);
  catalog_close(x->catalog);
}

static void print_warnings(struct err *err)
{
  err_say(err);
  err_release(err);
  err_init(err);
}

/* ---- the same for other commands --------------------------------------------------------------------------------- */

struct asked { const struct session *session; run_told_fn *tell; void *context; struct err *err; };

static bool tell_run(void *context, const struct catalog_run *run)
{
  const struct asked *asked = context;
  const struct study *s = &asked->session->study;
  struct catalog_run r = *run;
  int i = chosen_of(asked->session, run, 0);
  if (i < 0)
    return true;
  if (!catalog_complete(asked->session->catalog, &r, asked->err))
    return false;
  for (; i >= 0; i = chosen_of(asked->session, run, i + 1))
    asked->tell(asked->context, study_policy_name(s, s->chosen[i]), &r);
  return true;
}

int run_ask(const struct run_ask *ask, run_told_fn *tell, void *context, struct run_told *told, struct err *err)
{
  struct session x = {.options = {.file = ask->file, .policies = ask->policies, .replications = ask->replications,
    .seed = ask->seed, .dir = ask->dir, .workers = ask->workers, .quiet = ask->quiet, .traceless = true}};
  struct arena *a = arena_new();
  x.options.set = arena_array(a, struct override, ask->n_sets + 1);
  for (size_t i = 0; i < ask->n_sets; i++)
    x.options.set[x.options.n_sets++] = ask->set[i];
  bool ok = load(&x, a, err) && execute(&x, err) && !x.report.failed;
  supervisor_stop(x.supervisor);
  x.supervisor = NULL;
  ok = ok && catalog_runs_of(x.catalog, x.study.point, tell_run, &(struct asked){&x, tell, context, err}, err)
       && !err_any(err);
  finish(&x);
  *told = (struct run_told){.done = x.report.done, .reused = x.reused, .failed = x.report.failed};
  int code = exit_code(&x, err);
  study_free(&x.study);
  free(x.base);
  arena_free(a);
  return code;
}

int cmd_run(int argc, char **argv)
{
  struct session x = {0};
  struct err err;
  struct arena *a = arena_new();
  err_init(&err);
  bool ok = read_options(&x.options, argc, argv, a, &err);
  if (ok && x.options.help) {
    print_help();
    goto out;
  }
  ok = ok && load(&x, a, &err);
  if (ok)
    print_warnings(&err);
  ok = ok && execute(&x, &err);
  finish(&x);
  if (x.report.interrupted)
    fprintf(stderr, "offsim: interrupted; what was finished is in %s, and the same command goes on\n", x.dir);
  else if (ok && x.report.done + x.reused > 0 && !show(&x, &err))
    ok = false;
out:
  if (!ok || err_any(&err))
    err_say(&err);
  int code = exit_code(&x, &err);
  study_free(&x.study);
  free(x.base);
  arena_free(a);
  err_release(&err);
  return code;
}
