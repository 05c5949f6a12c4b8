/* cmd_capacity.c: `offsim capacity`: the last value of a setting at which a metric keeps its limit. */
#include "analysis/text.h"
#include "experiments/capacity_request.h"
#include "experiments/commands.h"
#include "experiments/options.h"
#include "experiments/run_ask.h"
#include "experiments/study.h"
#include "scenarios/units.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIN_REPLICATIONS = 3, USUAL_REPLICATIONS = 10, MAX_REPLICATIONS = 10000 };

static const char usage[] =
  "usage: offsim capacity FILE --metric M --below LIMIT --vary PATH [options]\n\n"
  "  --metric M             a metric of runs (`offsim describe metrics`)\n"
  "  --below LIMIT          what it must stay below, with its unit: '1 s'; --above LIMIT for goodput_per_s,"
  " slo_attainment\n"
  "  --vary PATH            the setting: classes.chat.arrivals.poisson.rate, places.metro.count\n"
  "  --from A --to B        where to look, in one unit (default: around the file's value, up to 256 times either way)\n"
  "  --class C, --place P   the metric of one class, of one place\n"
  "  --policy P,Q           entries of the file, or built-in policies (default: each entry of the file)\n"
  "  --replications N       of every value (default: the file's, at least 10)\n"
  "  --set PATH=VALUE       another value of a scenario key; as often as wanted\n"
  "  --seed S, -j N         as for `run`\n"
  "  -o DIR                 results folder (default results/NAME-capacity); what is there already is not run again\n"
  "  --confidence 95        of the interval, in percent\n"
  "  --format table|json\n"
  "  --quiet                no progress\n\n"
  "Each value tried gets a verdict first: stable, backlogged or overloaded. Where the metric gets better with the\n"
  "setting (servers), the answer is the smallest value that keeps the limit.\n\n"
  "exit codes: 0 found, or the whole range keeps the limit; 1 no value does, or the metric goes up and down, or a run\n"
  "failed; 2 mistake in scenario or arguments; 3 file, disk or memory; 4 a plug-in misbehaved; 75 interrupted\n";

bool capacity_mistake(struct err *err, const char *format, const char *a, const char *b)
{
  char text[400];
  snprintf(text, sizeof text, format, a, b ? b : "");
  return err_add(err, (struct where){0}, "capacity: %s", text);
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const known[] = {"--metric", "--below", "--above", "--vary", "--from", "--to", "--class", "--place",
  "--policy", "--replications", "--seed", "--set", "-o", "-j", "--confidence", "--format"};
enum { N_KNOWN = sizeof known / sizeof *known };

static bool take_number(const char *option, const char *text, double low, double high, double *out, struct err *err)
{
  char *end, range[80];
  *out = strtod(text, &end);
  snprintf(range, sizeof range, "%s needs a number from %g to %g", option, low, high);
  return (end != text && !*end && *out >= low && *out <= high) || capacity_mistake(err, "%s, not '%s'", range, text);
}

static bool take_limit(struct capacity_request *r, bool above, const char *text, struct err *err)
{
  if (r->limit)
    return capacity_mistake(err, "one limit only, not also '%s'", text, NULL);
  r->limit = text;
  r->above = above;
  return true;
}

static bool take_parsed(struct capacity_request *r, const char *option, const char *text, struct err *err)
{
  double number;
  if (!strcmp(option, "--set"))
    return options_set("capacity: ", text, r->arena, r->set, &r->n_sets, err);
  if (!strcmp(option, "--below") || !strcmp(option, "--above"))
    return take_limit(r, option[2] == 'a', text, err);
  if (!strcmp(option, "--confidence")) {
    bool ok = take_number(option, text, 50, 99.99, &number, err);
    r->confidence = number / 100;
    return ok;
  }
  if (!strcmp(option, "-j")) {
    bool ok = take_number(option, text, 1, 1024, &number, err);
    r->workers = (int)number;
    return ok;
  }
  r->json = !strcmp(text, "json");
  return r->json || !strcmp(text, "table") || capacity_mistake(err, "--format is table or json, not '%s'", text, NULL);
}

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct capacity_request *r = context;
  const struct option_text plain[] = {
    {"--metric", &r->metric}, {"--vary", &r->vary}, {"--from", &r->from_text}, {"--to", &r->to_text},
    {"--class", &r->klass}, {"--place", &r->place}, {"--policy", &r->policies}, {"--replications", &r->replications},
    {"--seed", &r->seed}, {"-o", &r->dir}};
  if (!text || !*text)
    return capacity_mistake(err, "%s needs a value", option, NULL);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  return take_parsed(r, option, text, err);
}

static bool read_arguments(struct capacity_request *r, int argc, char **argv, struct err *err)
{
  const struct option_flag flag[] = {{"--quiet", &r->quiet}, {"--help", &r->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag);
  r->set = arena_array(r->arena, struct override, argc + 2);
  if (r->help)
    return true;
  if (!options_read("capacity", n, argv, known, N_KNOWN, take, r, &r->file, err))
    return false;
  const char *missing = !r->file ? "a scenario file" : !r->metric ? "--metric" : !r->limit ? "--below or --above"
                        : !r->vary ? "--vary"
                        : r->from_text && !r->to_text ? "--to (it goes with --from)"
                        : r->to_text && !r->from_text ? "--from (it goes with --to)" : NULL;
  return !missing || capacity_mistake(err, "%s is missing", missing, NULL);
}

/* ---- metric and limit -------------------------------------------------------------------------------------------- */

/* The word, or the nearest of those that there are. */
static bool is_one_of(const char *what, const char *word, const char *const *names, size_t n, struct err *err)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(names[i], word))
      return true;
  const char *near = nearest(word, names, n);
  return err_add(err, (struct where){0}, "capacity: unknown %s '%.64s'%s%s%s", what, word,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool check_metric(struct capacity_request *r, struct err *err)
{
  const char *const *names;
  size_t n = metric_names(&names);
  if (!is_one_of("metric", r->metric, names, n, err))
    return false;
  r->info = metric_find(r->metric);
  if (r->klass && !r->info->per_class)
    return capacity_mistake(err, "'%s' is not told by class", r->metric, NULL);
  if (r->place && !r->info->per_place)
    return capacity_mistake(err, "'%s' is not told by place", r->metric, NULL);
  return true;
}

static bool check_names(const struct capacity_request *r, struct err *err)
{
  const struct world_def *w = &r->scenario->world;
  const char **name = zeros_new((size_t)(w->n_classes + w->n_places) + 1, sizeof *name);
  for (int i = 0; i < w->n_classes; i++)
    name[i] = w->klass[i].name;
  bool ok = !r->klass || is_one_of("class", r->klass, name, (size_t)w->n_classes, err);
  for (int i = 0; i < w->n_places; i++)
    name[i] = w->place[i].name;
  ok = ok && (!r->place || is_one_of("place", r->place, name, (size_t)w->n_places, err));
  free(name);
  return ok;
}

/* The metric's own unit, or another one of the same dimension. Metrics in compound units take the bare number. */
static bool read_limit(struct capacity_request *r, struct err *err)
{
  const char *unit = r->info->unit;
  char why[UNITS_WHY], *end;
  enum quantity q = !strcmp(unit, "s") ? Q_TIME : !strcmp(unit, "1/s") ? Q_PER_TIME : !strcmp(unit, "J") ? Q_ENERGY
                    : !strcmp(unit, "USD") ? Q_MONEY : !strcmp(unit, "1") ? Q_PURE : N_QUANTITIES;
  if (q != N_QUANTITIES)
    return number_parse(r->limit, q, &r->limit_value, why)
           || err_add(err, (struct where){0}, "capacity: --%s: %s", r->above ? "above" : "below", why);
  r->limit_value = strtod(r->limit, &end);
  bool number = end != r->limit;
  while (*end == ' ')
    end++;
  return (number && (!*end || !strcmp(end, unit)))
         || capacity_mistake(err, "the limit of this metric is a number in %s, not '%s'", unit, r->limit);
}

/* ---- which policies, how often ----------------------------------------------------------------------------------- */

static bool choose_policies(struct capacity_request *r, struct err *err)
{
  struct study s = {.scenario = r->scenario};
  bool ok = study_choose(&s, r->policies, err);
  r->policy = arena_array(r->arena, const char *, s.n_chosen + 1);
  for (int i = 0; i < s.n_chosen && ok; i++)
    r->policy[r->n_policies++] = s.chosen[i] < 0 ? NULL : arena_strdup(r->arena, study_policy_name(&s, s.chosen[i]));
  free(s.chosen);
  return ok;
}

static bool choose_replications(struct capacity_request *r, struct err *err)
{
  double n = (double)r->scenario->replications;
  if (n < USUAL_REPLICATIONS)
    n = USUAL_REPLICATIONS;
  if (r->replications
      && !take_number("--replications", r->replications, MIN_REPLICATIONS, MAX_REPLICATIONS, &n, err))
    return false;
  r->n_replications = (uint64_t)n;
  return floor(n) == n || capacity_mistake(err, "--replications needs a whole number, not '%s'", r->replications, NULL);
}

static bool prepare(struct capacity_request *r, struct err *err)
{
  unsigned long long seed;
  char why[UNITS_WHY];
  if (r->seed && !count_parse(r->seed, &seed, why))
    return capacity_mistake(err, "--seed: %s", why, NULL);
  if (!check_metric(r, err) || !read_limit(r, err) || !capacity_read_range(r, err) || !capacity_choose_step(r, err))
    return false;
  r->folder = arena_printf(r->arena, "%s%s%s", r->dir ? r->dir : "results/", r->dir ? "" : r->scenario->name,
                           r->dir ? "" : "-capacity");
  return check_names(r, err) && choose_policies(r, err) && choose_replications(r, err);
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

struct measured { const struct capacity_request *r; size_t n, missing; double *metric, *growth, *censored; };

static double value_of(const struct catalog_run *run, const char *metric, const char *klass, const char *place)
{
  for (size_t i = 0; i < run->n_metrics; i++) {
    const struct catalog_metric *m = &run->metric[i];
    if (!strcmp(m->metric, metric) && !strcmp(m->klass, klass) && !strcmp(m->place, place))
      return m->value;
  }
  return NAN;
}

static void note_run(void *context, const char *policy, const struct catalog_run *run)
{
  struct measured *m = context;
  const struct capacity_request *r = m->r;
  if (m->n == r->n_replications)
    return;
  double x = value_of(run, r->metric, r->klass ? r->klass : "", r->place ? r->place : "");
  (void)policy;
  m->missing += isnan(x);
  m->metric[m->n] = x;
  m->growth[m->n] = value_of(run, "backlog_growth_ratio", "", "");
  m->censored[m->n++] = value_of(run, "censored_ratio", "", "");
}

struct asking { struct capacity_request *r; const char *policy; };

static bool ask(struct asking *asking, double x, struct measured *m, struct err *err)
{
  struct capacity_request *r = asking->r;
  struct run_told told;
  r->set[r->n_sets] = (struct override){r->vary, capacity_value_text(r, x)};
  struct run_ask call = {.file = r->file, .set = r->set, .n_sets = r->n_sets + 1, .policies = asking->policy,
    .replications = arena_printf(r->arena, "%llu", (unsigned long long)r->n_replications), .seed = r->seed,
    .dir = r->folder, .workers = r->workers, .quiet = r->quiet};
  r->code = run_ask(&call, note_run, m, &told, err);
  r->done += told.done, r->reused += told.reused;
  return r->code == EXIT_OK;
}

static bool measure(void *context, const struct capacity_question *q, struct capacity_sample *s, struct err *err)
{
  struct asking *asking = context;
  struct capacity_request *r = asking->r;
  size_t room = r->n_replications;
  struct measured m = {.r = r, .metric = grab(room, sizeof(double)), .growth = grab(room, sizeof(double)),
                       .censored = grab(room, sizeof(double))};
  bool ok = ask(asking, s->x, &m, err);
  if (ok && m.missing)
    ok = capacity_mistake(err, "'%s' has no value in these runs%s", r->metric,
                 r->info->per_place && !r->place ? "; of places, say which one: --place" : "");
  if (ok) {
    s->metric = capacity_interval(m.metric, m.n, q->confidence);
    capacity_judge(s, m.growth, m.censored, m.n);
  }
  free(m.metric);
  free(m.growth);
  free(m.censored);
  return ok;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static struct capacity_question question_of(const struct capacity_request *r, struct asking *asking)
{
  int64_t from = llround(r->from.number / r->step), to = llround(r->to.number / r->step);
  return (struct capacity_question){.from = from, .to = to, .step = r->step, .limit = r->limit_value,
    .confidence = r->confidence, .above = r->above, .whole = r->whole,
    .overload_breaks = r->scenario->world.horizon.kind == HORIZON_STEADY, .measure = measure, .context = asking};
}

/* Between two values nobody waits for signals: they stay pending, and the next supervisor takes them. */
static void hold_signals(void)
{
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT), sigaddset(&held, SIGTERM);
  sigprocmask(SIG_BLOCK, &held, NULL);
}

static int search(struct capacity_request *r, struct err *err)
{
  hold_signals();
  struct capacity_answer *answer = grab(r->n_policies, sizeof *answer);
  bool ok = true;
  int code = EXIT_OK;
  for (size_t i = 0; i < r->n_policies && ok; i++) {
    struct asking asking = {r, r->policy[i]};
    struct capacity_question q = question_of(r, &asking);
    ok = capacity_find(&q, &answer[i], err);
    if (answer[i].outcome == CAPACITY_NEVER || answer[i].outcome == CAPACITY_NOT_MONOTONE)
      code = EXIT_NEGATIVE;
  }
  if (ok && r->json)
    capacity_print_json(r, answer);
  else if (ok)
    capacity_print_table(r, answer);
  for (size_t i = 0; i < r->n_policies; i++)
    capacity_free(&answer[i]);
  free(answer);
  return ok ? code : err_any(err) ? (int)err->code : r->code;
}

int cmd_capacity(int argc, char **argv)
{
  struct capacity_request r = {.confidence = 0.95, .workers = (int)sysconf(_SC_NPROCESSORS_ONLN)};
  struct err err;
  err_init(&err);
  r.arena = arena_new();
  bool ok = read_arguments(&r, argc, argv, &err);
  if (ok && r.help)
    fputs(usage, stdout);
  ok = ok && (r.help || prepare(&r, &err));
  int code = !ok ? (int)err.code : r.help ? EXIT_OK : search(&r, &err);
  if (code == EXIT_INTERRUPTED)
    fprintf(stderr, "offsim: interrupted; what was finished is in %s, and the same command goes on\n", r.folder);
  err_say(&err);
  scenario_free(r.scenario);
  err_release(&err);
  arena_free(r.arena);
  return code;
}
