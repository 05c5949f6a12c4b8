/* cmd_tune.c: `offsim tune`: a policy's parameters, searched with a budget of runs that is the same for any policy.
 *
 * Candidates: the entry as it stands, and points of a Sobol sequence over the ranges. Sequential halving (Karnin, Koren
 * and Somekh 2013; as a tuner: Jamieson and Talwalkar 2016): K candidates, ceil(log2 K) rounds of budget / rounds runs,
 * shared evenly by those left; after each round the better half stays. All candidates of a round have the same
 * replications (common random numbers). The winner and the entry as it stands then run on replications, or on a later
 * part of the trace, that no candidate has seen.
 */
#include "analysis/metrics.h"
#include "analysis/text.h"
#include "experiments/commands.h"
#include "experiments/design.h"
#include "experiments/options.h"
#include "experiments/replications.h"
#include "experiments/run_ask.h"
#include "experiments/study.h"
#include "models/policy_host.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim tune FILE --policy P|all --budget N [options]\n\n"
  "  --policy P             an entry of the file, or a built-in policy; all: every entry, each with this budget\n"
  "  --budget N             runs of the search, at least 4\n"
  "  --param NAME=LO:HI[:log]  a range; as often as wanted (default: each number whose bounds are finite and near)\n"
  "  --metric M             what is made better (default: the scenario's primary)\n"
  "  --train A..B           replications of the search (default: from 0 on)\n"
  "  --test C..D            replications of the test (default: the 10 after those of the search)\n"
  "  --split S              where arrivals come from a trace: search on a first share S of its time, test on the rest\n"
  "  --seed S, --set PATH=VALUE, -j N   as for `run`\n"
  "  --dir DIR              results folder (default results/NAME-tune); what is there already is not run again\n"
  "  -o FILE                the tuned entries as YAML\n"
  "  --quiet\n\n"
  "exit codes: 0 done; 1 a run failed; 2 mistake in scenario or arguments; 3 file, disk or memory; 4 a plug-in\n"
  "misbehaved; 75 interrupted, the same command goes on\n";

enum { MAX_PARAMS = 8, MAX_CANDIDATES = 128, MAX_RUNS = 4096 };
struct range { const char *name; double lo, hi; bool log, integer; };
/* One candidate: a value for each range; none: the entry as it stands. */
struct candidate { bool as_is; double value[MAX_PARAMS]; size_t n; double *x /* [MAX_RUNS] by replication */, mean; };
struct tuning {
  const char *file, *policy, *budget_text, *metric, *train_text, *test_text, *split_text, *seed, *dir, *out, *workers;
  const char *param[MAX_PARAMS]; int n_given;
  struct override *set; size_t n_sets;
  bool quiet, help;
  struct arena *arena;
  uint64_t budget;
  struct replications train, test; bool train_bounded;
  const struct metric_info *info;
  struct scenario *scenario;
  char *folder;
  struct text yaml;
  /* of the policy at hand */
  const struct policy_def *entry; bool added;
  struct range range[MAX_PARAMS]; int n_ranges;
  double split; bool testing;                           /* split 0: by replications alone */
  struct candidate *now;                                /* whose runs are being told */
  uint64_t first;
  struct err *err; int code;
};

static bool mistake(struct err *err, const char *text, const char *what)
{
  const char *quote = what ? "'" : "";
  return err_add(err, (struct where){0}, "tune: %s%s%s%s%s", text, what ? ", not " : "", quote, what ? what : "", quote);
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const options[] = {"--policy", "--budget", "--param", "--metric", "--train", "--test", "--split", "--seed",
                                      "--set", "-j", "--dir", "-o"};

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct tuning *t = context;
  const struct option_text plain[] = {
    {"--policy", &t->policy}, {"--budget", &t->budget_text}, {"--metric", &t->metric}, {"--train", &t->train_text},
    {"--test", &t->test_text}, {"--split", &t->split_text}, {"--seed", &t->seed}, {"-j", &t->workers},
    {"--dir", &t->dir}, {"-o", &t->out}};
  if (!text || !*text)
    return err_add(err, (struct where){0}, "tune: %s needs a value", option);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  if (!strcmp(option, "--param")) {
    if (t->n_given == MAX_PARAMS)
      return mistake(err, "at most 8 parameters", NULL);
    t->param[t->n_given++] = text;
    return true;
  }
  return options_set("tune: ", text, t->arena, t->set, &t->n_sets, err);
}

static bool read_numbers(struct tuning *t, struct err *err)
{
  char *end;
  t->budget = strtoull(t->budget_text, &end, 10);
  if (*end || t->budget < 4 || t->budget > 100000)
    return mistake(err, "--budget is a number of runs from 4 to 100000", t->budget_text);
  t->train = (struct replications){0, t->budget - 1};
  t->train_bounded = t->train_text != NULL;
  if (t->train_text && !replications_parse("tune: --train", t->train_text, &t->train, err))
    return false;
  t->split = t->split_text ? strtod(t->split_text, &end) : 0;
  if (t->split_text && (*end || !(t->split >= 0.05 && t->split <= 0.95)))
    return mistake(err, "--split is a share from 0.05 to 0.95", t->split_text);
  t->test = (struct replications){0, 0};
  if (t->test_text && !replications_parse("tune: --test", t->test_text, &t->test, err))
    return false;
  bool overlap = t->test_text && t->test.from <= t->train.to && t->test.to >= t->train.from && t->train_bounded;
  return !overlap || mistake(err, "--train and --test share replications: what is tested must be new", NULL);
}

static bool read_arguments(struct tuning *t, int argc, char **argv, struct err *err)
{
  char **rest = arena_array(t->arena, char *, argc + 1);
  const struct option_flag flag[] = {{"--quiet", &t->quiet}, {"--help", &t->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag, rest);
  t->set = arena_array(t->arena, struct override, argc + 2);
  if (t->help)
    return true;
  if (!options_read("tune", n, rest, options, sizeof options / sizeof *options, take, t, &t->file, err))
    return false;
  const char *missing = !t->file ? "a scenario file is missing" : !t->policy ? "--policy is missing"
                        : !t->budget_text ? "--budget is missing" : NULL;
  return missing ? mistake(err, missing, NULL) : read_numbers(t, err);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static const struct offsim_parameter *parameter_of(const struct offsim_policy *p, const char *name, size_t n)
{
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (strlen(p->parameter[i].name) == n && !memcmp(p->parameter[i].name, name, n))
      return &p->parameter[i];
  return NULL;
}

static bool is_number(const struct offsim_parameter *q)
{
  return q->type == OFFSIM_NUMBER || q->type == OFFSIM_INTEGER;
}

static bool add_given(struct tuning *t, const struct offsim_policy *p, const char *text, struct err *err)
{
  const char *equals = strchr(text, '=');
  char *end = NULL, *last = NULL;
  const struct offsim_parameter *q = equals ? parameter_of(p, text, (size_t)(equals - text)) : NULL;
  if (!equals)
    return mistake(err, "--param needs NAME=LO:HI or NAME=LO:HI:log", text);
  if (!q)
    return err_add(err, (struct where){0}, "tune: policy '%s' has no parameter '%.*s'", p->name,
                   (int)(equals - text), text);
  double lo = strtod(equals + 1, &end), hi = *end == ':' ? strtod(end + 1, &last) : NAN;
  bool log = last && !strcmp(last, ":log");
  if (!last || (*last && !log) || !(lo < hi) || (log && lo <= 0))
    return mistake(err, "--param needs NAME=LO:HI with LO < HI, and LO > 0 for :log", text);
  if (!is_number(q) || lo < q->min || hi > q->max)
    return err_add(err, (struct where){0}, "tune: '%s' takes numbers from %g to %g", q->name, q->min, q->max);
  t->range[t->n_ranges++] = (struct range){q->name, lo, hi, log, q->type == OFFSIM_INTEGER};
  return true;
}

/* Without --param: bounds that are finite and span at most six powers of ten. */
static void add_declared(struct tuning *t, const struct offsim_policy *p)
{
  for (uint32_t i = 0; i < p->n_parameters && t->n_ranges < MAX_PARAMS; i++) {
    const struct offsim_parameter *q = &p->parameter[i];
    if (!is_number(q) || !(q->max - q->min <= 1e6) || !(q->max > q->min))
      continue;
    bool log = q->min > 0 && q->max / q->min >= 100;
    t->range[t->n_ranges++] = (struct range){q->name, q->min, q->max, log, q->type == OFFSIM_INTEGER};
  }
}

static bool find_ranges(struct tuning *t, bool one, struct err *err)
{
  const struct offsim_policy *p = policy_describe(t->entry, err);
  t->n_ranges = 0;
  if (!p)
    return false;
  for (int i = 0; i < t->n_given; i++) {
    const char *equals = strchr(t->param[i], '=');
    if (!one && equals && !parameter_of(p, t->param[i], (size_t)(equals - t->param[i])))
      continue;                                         /* another policy's */
    if (!add_given(t, p, t->param[i], err))
      return false;
  }
  if (t->n_ranges == 0)
    add_declared(t, p);
  if (t->n_ranges == 0 && one && p->n_parameters)
    return err_add(err, (struct where){0}, "tune: '%s' has no number with near bounds: say which with --param NAME=LO:HI"
                   " (`offsim policy list`)", t->entry->name);
  return true;
}

/* ---- a trace, split by time -------------------------------------------------------------------------------------- */

/* Seconds of the trace: its slice, else what the horizon runs through. */
static double span_of(const struct tuning *t, const struct trace_def *d)
{
  return d->slice_to_s > 0 ? d->slice_to_s - d->slice_from_s : t->scenario->world.horizon.duration_s;
}

static bool check_split(const struct tuning *t, struct err *err)
{
  const struct world_def *w = &t->scenario->world;
  int traces = 0;
  for (int i = 0; i < w->n_classes; i++)
    traces += w->klass[i].arrivals.trace != NULL;
  if (t->split > 0 && !traces)
    return mistake(err, "--split is for arrivals from a trace; other workloads are split by replications (--train, --test)",
                   NULL);
  return t->split <= 0 || w->horizon.duration_s < 1e8
         || mistake(err, "--split needs a horizon with a duration", NULL);
}

/* The first share of the time while searching, the rest while testing; the horizon shrinks with it. */
static size_t add_split(const struct tuning *t, struct override *set)
{
  const struct world_def *w = &t->scenario->world;
  size_t n = 0;
  double share = t->testing ? 1 - t->split : t->split;
  for (int i = 0; i < w->n_classes && t->split > 0; i++) {
    const struct trace_def *d = w->klass[i].arrivals.trace;
    double cut = d ? d->slice_from_s + t->split * span_of(t, d) : 0;
    if (d)
      set[n++] = (struct override){arena_printf(t->arena, "classes.%s.arrivals.trace.slice", w->klass[i].name),
        arena_printf(t->arena, "{from: %.9g s, to: %.9g s}", t->testing ? cut : d->slice_from_s,
                     t->testing ? d->slice_from_s + span_of(t, d) : cut)};
  }
  if (n)
    set[n++] = (struct override){"horizon.duration", arena_printf(t->arena, "%.9g s", share * w->horizon.duration_s)};
  return n;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static void on_told(void *context, const char *policy, const struct catalog_run *r)
{
  struct tuning *t = context;
  struct candidate *c = t->now;
  (void)policy;
  for (size_t i = 0; i < r->n_metrics; i++)
    if (!strcmp(r->metric[i].metric, t->info->name) && !*r->metric[i].klass && !*r->metric[i].place
        && r->replication >= t->first && r->replication - t->first < MAX_RUNS)
      c->x[r->replication - t->first] = r->metric[i].value;
}

static const char *value_text(const struct tuning *t, const struct candidate *c, int k)
{
  return arena_printf(t->arena, t->range[k].integer ? "%.0f" : "%.6g", c->value[k]);
}

/* Replications from .. to of one candidate, into c->x; false: t->code tells. */
static bool run_candidate(struct tuning *t, struct candidate *c, uint64_t first, uint64_t from, uint64_t to)
{
  struct override *set = arena_array(t->arena, struct override,
                                      t->n_sets + MAX_PARAMS + (size_t)t->scenario->world.n_classes + 2);
  struct run_told told;
  size_t n = t->n_sets;
  memcpy(set, t->set, n * sizeof *set);
  if (t->added)
    set[n++] = (struct override){"policies", arena_printf(t->arena, "[{policy: %s}]", t->entry->policy)};
  for (int k = 0; k < t->n_ranges && !c->as_is; k++)
    set[n++] = (struct override){arena_printf(t->arena, "policies.%s.%s", t->entry->name, t->range[k].name),
                                 value_text(t, c, k)};
  n += add_split(t, set + n);
  struct run_ask ask = {.file = t->file, .set = set, .n_sets = n, .policies = t->entry->name, .seed = t->seed,
    .replications = arena_printf(t->arena, "%llu..%llu", (unsigned long long)from, (unsigned long long)to),
    .dir = t->folder, .workers = t->workers ? (int)strtol(t->workers, NULL, 10) : (int)sysconf(_SC_NPROCESSORS_ONLN),
    .quiet = true};
  t->now = c;
  t->first = first;
  t->code = run_ask(&ask, on_told, t, &told, t->err);
  c->n = to - first + 1;
  double sum = 0;
  for (size_t i = 0; i < c->n; i++)
    sum += c->x[i];
  c->mean = sum / (double)c->n;
  return t->code == EXIT_OK;
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

/* As many as sequential halving can give at least one run in the first round. */
static size_t n_candidates(uint64_t budget)
{
  size_t k = 2;
  while (2 * k * (size_t)ceil(log2((double)(2 * k))) <= budget && 2 * k <= MAX_CANDIDATES)
    k *= 2;
  return k;
}

static bool draw(const struct tuning *t, struct candidate *all, size_t n, struct err *err)
{
  double *u = grab(n * (size_t)t->n_ranges, sizeof *u);
  bool ok = design_sequence(DESIGN_SOBOL, n, t->n_ranges, u, err);
  for (size_t i = 0; i < n; i++) {
    all[i].as_is = i == 0;
    all[i].x = arena_array(t->arena, double, MAX_RUNS);
    for (int k = 0; k < t->n_ranges; k++) {
      const struct range *r = &t->range[k];
      double x = u[i * (size_t)t->n_ranges + (size_t)k], hi = r->integer ? r->hi + 1 : r->hi;
      double v = r->log ? r->lo * pow(hi / r->lo, x) : r->lo + x * (hi - r->lo);
      all[i].value[k] = r->integer ? fmin(floor(v), r->hi) : v;
    }
  }
  free(u);
  return ok;
}

/* Better first; what has no value last; the order of drawing decides ties. */
static void rank(const struct tuning *t, struct candidate **left, size_t n)
{
  for (size_t i = 1; i < n; i++)
    for (size_t k = i; k > 0; k--) {
      double a = t->info->better * left[k]->mean, b = t->info->better * left[k - 1]->mean;
      if (!(a > b) && !(isnan(b) && !isnan(a)))
        break;
      struct candidate *swap = left[k];
      left[k] = left[k - 1];
      left[k - 1] = swap;
    }
}

/* *spent: runs; *last: the last replication used. */
static struct candidate *halve(struct tuning *t, struct candidate *all, size_t n, uint64_t *spent, uint64_t *last)
{
  struct candidate **left = arena_array(t->arena, struct candidate *, n + 1);
  size_t rounds = (size_t)ceil(log2((double)n)), have = 0;
  for (size_t i = 0; i < n; i++)
    left[i] = &all[i];
  for (size_t round = 0; round < rounds; round++) {
    size_t more = (size_t)(t->budget / rounds) / n, room = (size_t)(t->train.to - t->train.from + 1);
    size_t want = have + (more ? more : 1) > room ? room : have + (more ? more : 1);
    want = want > MAX_RUNS ? MAX_RUNS : want;
    for (size_t i = 0; i < n && want > have; i++) {
      if (!run_candidate(t, left[i], t->train.from, t->train.from + have, t->train.from + want - 1))
        return NULL;
      *spent += want - have;
    }
    have = want;
    rank(t, left, n);
    n = (n + 1) / 2;
  }
  *last = t->train.from + have - 1;
  return left[0];
}

/* ---- told -------------------------------------------------------------------------------------------------------- */

static void add_yaml(struct tuning *t, const struct candidate *best)
{
  text_add(&t->yaml, "  - {policy: %s, name: %s-tuned", t->entry->policy, t->entry->name);
  for (int i = 0; i < t->entry->n_parameters; i++) {
    const struct policy_parameter *q = &t->entry->parameter[i];
    bool tuned = false;
    for (int k = 0; k < t->n_ranges && !best->as_is; k++)
      tuned |= !strcmp(t->range[k].name, q->name);
    if (!tuned && q->text)
      text_add(&t->yaml, ", %s: %s", q->name, q->text);
    else if (!tuned)
      text_add(&t->yaml, ", %s: %.12g", q->name, q->value);
  }
  for (int k = 0; k < t->n_ranges && !best->as_is; k++)
    text_add(&t->yaml, ", %s: %s", t->range[k].name, value_text(t, best, k));
  text_put(&t->yaml, "}\n");
}

static void table_row(const struct tuning *t, struct table *table, const char *name, const struct candidate *c,
                      double train, uint64_t spent)
{
  struct interval i = interval_t(c->x, c->n, 0.95);
  struct text values = {0};
  for (int k = 0; k < t->n_ranges && !c->as_is; k++)
    text_add(&values, "%s%s %s", k ? ", " : "", t->range[k].name, value_text(t, c, k));
  table_cell(table, "%s", t->entry->name);
  table_cell(table, "%s", name);
  table_cell(table, "%llu", (unsigned long long)spent);
  table_cell(table, "%s", number_text(train).s);
  table_cell(table, "%s", interval_text(i, " +- ").s);
  table_cell(table, "%s", values.s ? values.s : "as in the file");
  free(values.s);
}

static bool tune_one(struct tuning *t, bool one, struct table *table, struct err *err)
{
  uint64_t spent = 0, last = t->train.from;
  t->testing = false;
  if (!find_ranges(t, one, err))
    return false;
  size_t n = t->n_ranges ? n_candidates(t->budget) : 1;
  struct candidate *all = arena_array(t->arena, struct candidate, n), *best = all;
  if (!draw(t, all, n, err))
    return false;
  if (n > 1)
    best = halve(t, all, n, &spent, &last);
  if (!best)
    return false;
  struct replications test = t->test_text ? t->test : (struct replications){t->train.to + 1, t->train.to + 10};
  double trained[2] = {all[0].n ? all[0].mean : NAN, n > 1 ? best->mean : NAN};
  struct candidate tested[2] = {all[0], *best};
  t->testing = true;
  for (int i = 0; i < 2; i++) {
    tested[i].x = arena_array(t->arena, double, MAX_RUNS);
    if (!run_candidate(t, &tested[i], test.from, test.from, test.to))
      return false;
  }
  table_row(t, table, "default", &tested[0], trained[0], 0);
  table_row(t, table, "tuned", &tested[1], trained[1], spent);
  struct interval d = interval_paired_t(tested[1].x, tested[0].x, tested[0].n, 0.95);
  table_cell(table, "%s", t->entry->name);
  table_cell(table, "tuned - default");
  for (int i = 0; i < 2; i++)
    table_cell(table, "%s", "");
  table_cell(table, "%s", interval_text(d, " +- ").s);
  table_cell(table, "%s", best->as_is ? "the search found nothing better" : "");
  add_yaml(t, best);
  return true;
}

static bool tune_all(struct tuning *t, struct table *table, struct err *err)
{
  bool all = !strcmp(t->policy, "all");
  struct study s = {.scenario = t->scenario};
  int before = t->scenario->n_policies;
  bool ok = study_choose(&s, all ? NULL : t->policy, err);
  for (int i = 0; ok && i < s.n_chosen; i++) {
    if (s.chosen[i] < 0)
      return mistake(err, "the scenario has no policy", NULL);
    t->entry = &t->scenario->policy[s.chosen[i]];
    t->added = s.chosen[i] >= before;
    if (!t->quiet)
      fprintf(stderr, "offsim: tuning %s\n", t->entry->name);
    ok = tune_one(t, !all, table, err);
  }
  free(s.chosen);
  return ok;
}

static bool tune(struct tuning *t, struct err *err)
{
  t->scenario = scenario_load(t->file, t->set, t->n_sets, err);
  if (!t->scenario || !check_split(t, err))
    return false;
  const char *metric = t->metric ? t->metric : t->scenario->primary ? t->scenario->primary : "latency_p95_s";
  t->info = metric_find(metric);
  if (!t->info || !t->info->better)
    return mistake(err, "--metric names one that is better smaller or larger (`offsim describe metrics`)", metric);
  t->folder = arena_printf(t->arena, "%s%s%s", t->dir ? t->dir : "results/", t->dir ? "" : t->scenario->name,
                           t->dir ? "" : "-tune");
  struct table *table = table_new(6);
  const char *const head[] = {"policy", "parameters", "runs", "search", "test", "values"};
  for (int i = 0; i < 6; i++)
    table_cell(table, "%s", head[i]);
  table_rule(table);
  bool ok = tune_all(t, table, err);
  if (ok) {
    printf("%s, %s is better; budget %llu runs a policy\n\n", t->info->name, t->info->better < 0 ? "smaller" : "larger",
           (unsigned long long)t->budget);
    table_print(table, stdout, 2);
    printf("\npolicies:\n%s", t->yaml.s ? t->yaml.s : "");
    struct text file = {0};
    text_add(&file, "policies:\n%s", t->yaml.s ? t->yaml.s : "");
    ok = !t->out || text_save(&file, t->out, err);
    free(file.s);
  }
  return ok;
}

int cmd_tune(int argc, char **argv)
{
  struct tuning t = {.arena = arena_new()};
  struct err err;
  err_init(&err);
  t.err = &err;
  bool ok = read_arguments(&t, argc, argv, &err);
  if (ok && t.help)
    fputs(usage, stdout);
  ok = ok && (t.help || tune(&t, &err));
  err_print(&err, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code != EXIT_OK ? (int)err.code : t.code;
  scenario_free(t.scenario);
  free(t.yaml.s);
  arena_free(t.arena);
  err_release(&err);
  return code;
}
