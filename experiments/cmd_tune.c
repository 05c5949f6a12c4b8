/* cmd_tune.c: `offsim tune`: a policy's parameters, searched with a budget of runs that is the same for any policy.
 *
 * Candidates: the entry as it stands, and points of a Sobol sequence over the ranges. Sequential halving (Karnin, Koren
 * and Somekh 2013; as a tuner: Jamieson and Talwalkar 2016): K candidates, ceil(log2 K) rounds of budget / rounds runs,
 * shared evenly by those left; after each round the better half stays. All candidates of a round have the same
 * replications (common random numbers). The winner and the entry as it stands then run on replications, or on a later
 * part of the trace, that no candidate has seen.
 */
#include "experiments/commands.h"
#include "experiments/options.h"
#include "experiments/run_ask.h"
#include "experiments/study.h"
#include "experiments/tune.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim tune FILE --policy P,Q|all --budget N [options]\n\n"
  "  --policy P,Q           entries of the file, or built-in policies, each with this budget; all: every entry\n"
  "  --budget N             runs of the search, at least 4\n"
  "  --param NAME=LO:HI[:log], NAME=WORD|WORD\n"
  "                         a range, or some of a choice; as often as wanted (default: every choice, numbers with\n"
  "                         near bounds, and of others a tenth to tenfold of what the entry has)\n"
  "  --metric M             what is made better (default: the scenario's primary)\n"
  "  --train A..B           replications of the search (default: from 0 on)\n"
  "  --test C..D            replications of the test (default: the 10 after those of the search)\n"
  "  --split S              where arrivals come from a trace: search on a first share S of its time, test on the rest\n"
  "  --seed S, --set PATH=VALUE, -j N   as for `run`\n"
  "  --dir DIR              results folder (default results/NAME-tune); what is there already is not run again\n"
  "  -o FILE                the tuned entries as YAML, with all that the entries say beside their parameters\n"
  "  --format table|json\n"
  "  --quiet\n\n"
  "exit codes: 0 done; 1 a run failed; 2 mistake in scenario or arguments; 3 file, disk or memory; 4 a plug-in\n"
  "misbehaved; 75 interrupted, the same command goes on\n";

static bool mistake(struct err *err, const char *text, const char *what)
{
  const char *quote = what ? "'" : "";
  return err_add(err, (struct where){0}, "tune: %s%s%s%s%s", text, what ? ", not " : "", quote, what ? what : "", quote);
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const options[] = {"--policy", "--budget", "--param", "--metric", "--train", "--test", "--split", "--seed",
                                      "--set", "-j", "--dir", "-o", "--format"};

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
  if (!strcmp(option, "--format")) {
    t->json = !strcmp(text, "json");
    return t->json || !strcmp(text, "table") || mistake(err, "--format is table or json", text);
  }
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
  const struct option_flag flag[] = {{"--quiet", &t->quiet}, {"--help", &t->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag);
  t->set = arena_array(t->arena, struct override, argc + 2);
  if (t->help)
    return true;
  if (!options_read("tune", n, argv, options, sizeof options / sizeof *options, take, t, &t->file, err))
    return false;
  const char *missing = !t->file ? "a scenario file is missing" : !t->policy ? "--policy is missing"
                        : !t->budget_text ? "--budget is missing" : NULL;
  return missing ? mistake(err, missing, NULL) : read_numbers(t, err);
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

/* Values that do not go together (with each other, or with this scenario) rule a candidate out, not the search. */
static bool ask_for_runs(struct tuning *t, const struct run_ask *ask, struct candidate *c)
{
  struct run_told told;
  struct err own;
  err_init(&own);
  t->code = run_ask(ask, on_told, t, &told, &own);
  bool ok = t->code == EXIT_OK;
  c->refused = !ok && !c->as_is && !t->testing
               && (t->code == EXIT_USER || t->code == EXIT_NEGATIVE || t->code == EXIT_PLUGIN);
  if (c->refused)
    t->code = EXIT_OK;
  if (!ok && (!c->refused || t->refused == 0))
    err_print(&own, stderr, false);
  if (c->refused && t->refused++ == 0)
    fprintf(stderr, "offsim: these values of '%s' cannot be; the search goes on without them\n", t->entry->name);
  if (c->refused)
    c->mean = NAN;
  err_release(&own);
  return ok;
}

/* Replications from .. to of one candidate, into c->x; false: t->code tells. */
static bool run_candidate(struct tuning *t, struct candidate *c, uint64_t first, uint64_t from, uint64_t to)
{
  struct override *set = arena_array(t->arena, struct override,
                                      t->n_sets + MAX_PARAMS + (size_t)t->scenario->world.n_classes + 2);
  size_t n = t->n_sets;
  memcpy(set, t->set, n * sizeof *set);
  if (t->added)
    set[n++] = (struct override){"policies", arena_printf(t->arena, "[{policy: %s}]", t->entry->policy)};
  for (int k = 0; k < t->n_ranges && !c->as_is; k++)
    set[n++] = (struct override){arena_printf(t->arena, "policies.%s.%s", t->entry->name, t->range[k].name),
                                 tune_value(t, c, k)};
  n += add_split(t, set + n);
  struct run_ask ask = {.file = t->file, .set = set, .n_sets = n, .policies = t->entry->name, .seed = t->seed,
    .replications = arena_printf(t->arena, "%llu..%llu", (unsigned long long)from, (unsigned long long)to),
    .dir = t->folder, .workers = t->workers ? (int)strtol(t->workers, NULL, 10) : (int)sysconf(_SC_NPROCESSORS_ONLN),
    .quiet = true};
  t->now = c;
  t->first = first;
  for (uint64_t i = from; i <= to; i++)
    c->x[i - first] = NAN;
  if (!ask_for_runs(t, &ask, c))
    return t->code == EXIT_OK;
  c->n = to - first + 1;
  double sum = 0;
  for (size_t i = 0; i < c->n; i++)
    sum += c->x[i];
  c->mean = sum / (double)c->n;
  return true;
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

/* Replications of each of n candidates that are left after a round that began with `have` of them. */
static size_t after_round(const struct tuning *t, size_t rounds, size_t n, size_t have)
{
  size_t more = (size_t)(t->budget / rounds) / n, room = (size_t)(t->train.to - t->train.from + 1);
  size_t want = have + (more ? more : 1) > room ? room : have + (more ? more : 1);
  return want > MAX_RUNS ? MAX_RUNS : want;
}

static size_t rounds_of(size_t n) { return (size_t)ceil(log2((double)n)); }

/* Without --train the search takes from 0 on what it needs: known before it begins. */
static bool test_is_new(const struct tuning *t, size_t n, struct err *err)
{
  size_t rounds = rounds_of(n), have = 0;
  for (size_t round = 0; round < rounds; round++, n = (n + 1) / 2) have = after_round(t, rounds, n, have);
  if (!t->test_text || have == 0 || t->test.from > t->train.from + have - 1 || t->test.to < t->train.from) return true;
  return mistake(err, arena_printf(t->arena, "the search of '%s' uses replications %llu to %llu, and --test shares some of "
                                   "them: what is tested must be new", t->entry->name, (unsigned long long)t->train.from,
                                   (unsigned long long)(t->train.from + have - 1)), NULL);
}

/* *spent: runs. */
static struct candidate *halve(struct tuning *t, struct candidate *all, size_t n, uint64_t *spent)
{
  struct candidate **left = arena_array(t->arena, struct candidate *, n + 1);
  size_t rounds = rounds_of(n), have = 0;
  for (size_t i = 0; i < n; i++)
    left[i] = &all[i];
  for (size_t round = 0; round < rounds; round++) {
    size_t want = after_round(t, rounds, n, have);
    if (!t->quiet && want > have)
      fprintf(stderr, "offsim: tuning %s: round %zu of %zu, %zu candidates, replications %llu to %llu\n", t->entry->name,
              round + 1, rounds, n, (unsigned long long)(t->train.from + have),
              (unsigned long long)(t->train.from + want - 1));
    for (size_t i = 0; i < n && want > have; i++) {
      if (left[i]->refused)
        continue;
      if (!run_candidate(t, left[i], t->train.from, t->train.from + have, t->train.from + want - 1))
        return NULL;
      *spent += want - have;
    }
    have = want;
    rank(t, left, n);
    n = (n + 1) / 2;
  }
  return left[0];
}

static bool tune_one(struct tuning *t, bool one, struct err *err)
{
  uint64_t spent = 0;
  t->testing = false;
  t->refused = 0;
  if (!tune_find_ranges(t, one, err))
    return false;
  size_t n = t->n_ranges ? n_candidates(t->budget) : 1;
  struct candidate *all = arena_array(t->arena, struct candidate, n), *best = all;
  if (!test_is_new(t, n, err) || !tune_draw(t, all, n, err))
    return false;
  if (n > 1)
    best = halve(t, all, n, &spent);
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
  tune_tell(t, &(struct tune_found){tested, {trained[0], trained[1]}, spent, test});
  return true;
}

static bool tune_all(struct tuning *t, struct err *err)
{
  bool all = !strcmp(t->policy, "all");
  struct study s = {.scenario = t->scenario};
  int before = t->scenario->n_policies;
  bool ok = study_choose(&s, all ? NULL : t->policy, err);
  for (int i = 0; ok && i < s.n_chosen; i++) {
    if (s.chosen[i] < 0)
      return mistake(err, "the scenario has no policy", NULL);
    t->entry = &t->scenario->policy[s.chosen[i]];
    t->index = s.chosen[i];
    t->added = s.chosen[i] >= before;
    ok = tune_one(t, !all && s.n_chosen == 1, err);
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
  tune_table_begin(t);
  return tune_all(t, err) && tune_print(t, err);
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
  err_say(&err);
  int code = ok ? EXIT_OK : err.code != EXIT_OK ? (int)err.code : t.code;
  scenario_free(t.scenario);
  free(t.yaml.s);
  arena_free(t.arena);
  err_release(&err);
  return code;
}
