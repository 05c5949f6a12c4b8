/* cmd_capacity.c: `offsim capacity`: the last value of a setting at which a metric keeps its limit. */
#include "analysis/metrics.h"
#include "analysis/text.h"
#include "experiments/capacity.h"
#include "experiments/commands.h"
#include "experiments/options.h"
#include "experiments/run_ask.h"
#include "experiments/study.h"
#include "experiments/version.h"
#include "scenarios/tree.h"
#include "scenarios/units.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MIN_REPLICATIONS = 3, USUAL_REPLICATIONS = 10, MAX_REPLICATIONS = 10000, STEPS = 1000, UNIT_BYTES = 24 };

static const char usage[] =
  "usage: offsim capacity FILE --metric M --below LIMIT --vary PATH [options]\n\n"
  "  --metric M             a metric of runs (`offsim describe metrics`)\n"
  "  --below LIMIT          what it must stay below, with its unit: '1 s'; --above LIMIT for goodput_per_s, slo_attainment\n"
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

/* A number and its unit, as the user writes it. */
struct value { double number; char unit[UNIT_BYTES]; };

struct request {
  const char *file, *metric, *limit, *vary, *from_text, *to_text, *klass, *place, *policies, *replications, *seed, *dir;
  struct override *set; size_t n_sets;                  /* one more has room */
  int workers;
  bool above, quiet, json, help;
  double confidence;
  const struct metric_info *info;
  char *folder;
  size_t n_policies; const char **policy;
  struct arena *arena;
  struct scenario *scenario;                            /* at the first value */
  struct value from, to;
  double limit_value, step;
  int decimals;                                         /* of the step */
  bool whole;
  uint64_t n_replications;
  size_t done, reused;
  int code;                                             /* of the last call of run_ask */
};

static bool mistake(struct err *err, const char *format, const char *a, const char *b)
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
  return (end != text && !*end && *out >= low && *out <= high) || mistake(err, "%s, not '%s'", range, text);
}

static bool take_limit(struct request *r, bool above, const char *text, struct err *err)
{
  if (r->limit)
    return mistake(err, "one limit only, not also '%s'", text, NULL);
  r->limit = text;
  r->above = above;
  return true;
}

static bool take_parsed(struct request *r, const char *option, const char *text, struct err *err)
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
  return r->json || !strcmp(text, "table") || mistake(err, "--format is table or json, not '%s'", text, NULL);
}

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct request *r = context;
  const struct option_text plain[] = {
    {"--metric", &r->metric}, {"--vary", &r->vary}, {"--from", &r->from_text}, {"--to", &r->to_text},
    {"--class", &r->klass}, {"--place", &r->place}, {"--policy", &r->policies}, {"--replications", &r->replications},
    {"--seed", &r->seed}, {"-o", &r->dir}};
  if (!text || !*text)
    return mistake(err, "%s needs a value", option, NULL);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  return take_parsed(r, option, text, err);
}

static bool read_arguments(struct request *r, int argc, char **argv, struct err *err)
{
  char **rest = arena_array(r->arena, char *, argc + 1);
  const struct option_flag flag[] = {{"--quiet", &r->quiet}, {"--help", &r->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag, rest);
  r->set = arena_array(r->arena, struct override, argc + 2);
  if (r->help)
    return true;
  if (!options_read("capacity", n, rest, known, N_KNOWN, take, r, &r->file, err))
    return false;
  const char *missing = !r->file ? "a scenario file" : !r->metric ? "--metric" : !r->limit ? "--below or --above"
                        : !r->vary ? "--vary"
                        : r->from_text && !r->to_text ? "--to (it goes with --from)"
                        : r->to_text && !r->from_text ? "--from (it goes with --to)" : NULL;
  return !missing || mistake(err, "%s is missing", missing, NULL);
}

/* ---- metric and limit -------------------------------------------------------------------------------------------- */

/* The word, or the nearest of those that there are. */
static bool is_one_of(const char *what, const char *word, const char *const *names, size_t n, struct err *err)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(names[i], word))
      return true;
  const char *near = nearest(word, names, n);
  return err_add(err, (struct where){0}, "capacity: unknown %s '%.64s'%s%s%s", what, word, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool check_metric(struct request *r, struct err *err)
{
  const char *const *names;
  size_t n = metric_names(&names);
  if (!is_one_of("metric", r->metric, names, n, err))
    return false;
  r->info = metric_find(r->metric);
  if (r->klass && !r->info->per_class)
    return mistake(err, "'%s' is not told by class", r->metric, NULL);
  if (r->place && !r->info->per_place)
    return mistake(err, "'%s' is not told by place", r->metric, NULL);
  return true;
}

static bool check_names(const struct request *r, struct err *err)
{
  const struct world_def *w = &r->scenario->world;
  const char **name = calloc((size_t)(w->n_classes + w->n_places) + 1, sizeof *name);
  if (!name)
    check_out_of_memory(sizeof *name);
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
static bool read_limit(struct request *r, struct err *err)
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
         || mistake(err, "the limit of this metric is a number in %s, not '%s'", unit, r->limit);
}

/* ---- the setting ------------------------------------------------------------------------------------------------- */

static bool split_value(const char *text, struct value *v)
{
  char *end;
  v->number = strtod(text, &end);
  bool number = end != text && isfinite(v->number);
  while (*end == ' ')
    end++;
  snprintf(v->unit, sizeof v->unit, "%s", end);
  return number && strlen(end) < sizeof v->unit;
}

/* The text at a path of the user's own file; names may contain dots. NULL: it is not there. */
static const char *text_at(const struct node *n, const char *path)
{
  if (!*path)
    return node_is(n, NODE_TEXT) ? n->text : NULL;
  for (size_t i = 0; node_is(n, NODE_MAP) || node_is(n, NODE_LIST) ? i < n->n : false; i++) {
    const char *name = node_is(n, NODE_MAP) ? n->child[i]->key : node_name(n->child[i]);
    size_t length = name ? strlen(name) : 0;
    if (!name || strncmp(path, name, length) || (path[length] && path[length] != '.'))
      continue;
    const char *found = text_at(n->child[i], path + length + (path[length] == '.'));
    if (found)
      return found;
  }
  return NULL;
}

static const json *named(const json *list, const char *path, size_t *length)
{
  for (size_t i = 0; i < json_count(list); i++) {
    const char *key = json_key(list, i);
    const json *value = key ? json_at(list, key) : json_nth(list, i);
    const char *name = key ? key : json_text(json_at(value, "name"));
    *length = name ? strlen(name) : 0;
    if (name && !strncmp(path, name, *length) && (!path[*length] || path[*length] == '.'))
      return value;
  }
  return NULL;
}

/* The default, or what a preset says; without a unit. */
static const char *filled_in_text(const struct request *r, struct err *err)
{
  struct err unsaid;
  struct scenario *s = scenario_load(r->file, r->set, r->n_sets, err);
  if (!s)
    return NULL;
  err_init(&unsaid);
  const json *at = s->resolved;
  size_t length;
  for (const char *p = r->vary; at && *p; p += length + (p[length] == '.'))
    if (!(at = named(at, p, &length)))
      break;
  double value = json_real(at, NAN);
  scenario_free(s);
  if (isfinite(value)) {                                /* a number of seconds or bytes is refused: it needs a unit */
    r->set[r->n_sets] = (struct override){r->vary, arena_printf(r->arena, "%.9g", value)};
    s = scenario_load(r->file, r->set, r->n_sets + 1, &unsaid);
    value = s ? value : NAN;
    scenario_free(s);
  }
  err_release(&unsaid);
  return isfinite(value) ? r->set[r->n_sets].value : NULL;
}

/* Is there such a setting? A value that does not fit is no matter here. */
static bool check_path(const struct request *r, struct err *err)
{
  struct err own;
  err_init(&own);
  r->set[r->n_sets] = (struct override){r->vary, "1"};
  scenario_free(scenario_load(r->file, r->set, r->n_sets + 1, &own));
  for (size_t i = 0; i < own.n && !err_any(err); i++)
    if (!strncmp(own.problems[i].message, "unknown path", 12))
      mistake(err, "--vary: %s", own.problems[i].message, NULL);
  err_release(&own);
  return !err_any(err);
}

static const char *current_text(const struct request *r, struct err *err)
{
  for (size_t i = r->n_sets; i-- > 0;)
    if (!strcmp(r->set[i].path, r->vary))
      return r->set[i].value;
  const struct node *root = yaml_read(r->arena, r->file, NULL, NULL, err);
  const char *text = root ? text_at(root, r->vary) : NULL;
  return text || !root ? text : filled_in_text(r, err);
}

/* Where to look, in the user's unit. */
static bool read_range(struct request *r, struct err *err)
{
  if (r->from_text) {
    if (!split_value(r->from_text, &r->from) || !split_value(r->to_text, &r->to))
      return mistake(err, "--from '%s' --to '%s': a number is needed, with the unit of the setting", r->from_text,
                     r->to_text);
    if (strcmp(r->from.unit, r->to.unit))
      return mistake(err, "--from '%s' --to '%s': write both in one unit", r->from_text, r->to_text);
    return r->from.number < r->to.number
           || mistake(err, "--from '%s' --to '%s': the first must be the smaller", r->from_text, r->to_text);
  }
  if (!check_path(r, err))
    return false;
  const char *text = current_text(r, err);
  if (err_any(err))
    return false;
  if (!text)
    return mistake(err, "the file has no number at '%s' (it may come from a preset, in its own unit); give --from and --to",
                   r->vary, NULL);
  if (!number_unit(text) || !split_value(text, &r->from) || r->from.number <= 0)
    return mistake(err, "'%s' is '%s': to look around it needs a number above 0; give --from and --to", r->vary, text);
  r->to = r->from;
  return true;
}

static char *value_text(const struct request *r, double x)
{
  char digits[64];
  snprintf(digits, sizeof digits, "%.*f", r->decimals > 0 ? r->decimals : 0, x);
  if (strchr(digits, '.')) {
    digits[strspn(digits, "-0123456789.")] = 0;
    for (size_t n = strlen(digits); n && digits[n - 1] == '0'; n--)
      digits[n - 1] = 0;
    if (digits[strlen(digits) - 1] == '.')
      digits[strlen(digits) - 1] = 0;
  }
  return arena_printf(r->arena, "%s%s%s", digits, *r->from.unit ? " " : "", r->from.unit);
}

static struct scenario *load_at(const struct request *r, double x, struct err *err)
{
  r->set[r->n_sets] = (struct override){r->vary, value_text(r, x)};
  return scenario_load(r->file, r->set, r->n_sets + 1, err);
}

/* A power of ten with 1000 to 10^4 steps to the largest number; 1 where the setting takes whole numbers only. */
static bool choose_step(struct request *r, struct err *err)
{
  double largest = fmax(fabs(r->from.number), fabs(r->to.number)), from = r->from.number;
  int power = (int)floor(log10(largest / STEPS) + 1e-9);
  double finest = r->from_text ? fmin(largest, (r->to.number - from) / 100) : largest;
  while (power > -9 && pow(10, power) > finest)
    power--;
  r->decimals = 9;
  r->scenario = load_at(r, from, err);
  if (!r->scenario)
    return false;
  if (floor(from) == from && floor(r->to.number) == r->to.number && !*r->from.unit) {
    struct err unsaid;
    err_init(&unsaid);
    struct scenario *between = load_at(r, from + 0.5, &unsaid);
    r->whole = !between;
    scenario_free(between);
    err_release(&unsaid);
  }
  r->decimals = r->whole || power > 0 ? 0 : -power;
  r->step = r->whole ? 1 : pow(10, power);
  return true;
}

/* ---- which policies, how often ----------------------------------------------------------------------------------- */

static bool choose_policies(struct request *r, struct err *err)
{
  struct study s = {.scenario = r->scenario};
  bool ok = study_choose(&s, r->policies, err);
  r->policy = arena_array(r->arena, const char *, s.n_chosen + 1);
  for (int i = 0; i < s.n_chosen && ok; i++)
    r->policy[r->n_policies++] = s.chosen[i] < 0 ? NULL : arena_strdup(r->arena, study_policy_name(&s, s.chosen[i]));
  free(s.chosen);
  return ok;
}

static bool choose_replications(struct request *r, struct err *err)
{
  double n = (double)r->scenario->replications;
  if (n < USUAL_REPLICATIONS)
    n = USUAL_REPLICATIONS;
  if (r->replications
      && !take_number("--replications", r->replications, MIN_REPLICATIONS, MAX_REPLICATIONS, &n, err))
    return false;
  r->n_replications = (uint64_t)n;
  return floor(n) == n || mistake(err, "--replications needs a whole number, not '%s'", r->replications, NULL);
}

static bool prepare(struct request *r, struct err *err)
{
  unsigned long long seed;
  char why[UNITS_WHY];
  if (r->seed && !count_parse(r->seed, &seed, why))
    return mistake(err, "--seed: %s", why, NULL);
  if (!check_metric(r, err) || !read_limit(r, err) || !read_range(r, err) || !choose_step(r, err))
    return false;
  r->folder = arena_printf(r->arena, "%s%s%s", r->dir ? r->dir : "results/", r->dir ? "" : r->scenario->name,
                           r->dir ? "" : "-capacity");
  return check_names(r, err) && choose_policies(r, err) && choose_replications(r, err);
}

/* ---- one value --------------------------------------------------------------------------------------------------- */

struct measured { const struct request *r; size_t n, missing; double *metric, *growth, *censored; };

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
  const struct request *r = m->r;
  if (m->n == r->n_replications)
    return;
  double x = value_of(run, r->metric, r->klass ? r->klass : "", r->place ? r->place : "");
  (void)policy;
  m->missing += isnan(x);
  m->metric[m->n] = x;
  m->growth[m->n] = value_of(run, "backlog_growth_ratio", "", "");
  m->censored[m->n++] = value_of(run, "censored_ratio", "", "");
}

struct asking { struct request *r; const char *policy; };

static bool ask(struct asking *asking, double x, struct measured *m, struct err *err)
{
  struct request *r = asking->r;
  struct run_told told;
  r->set[r->n_sets] = (struct override){r->vary, value_text(r, x)};
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
  struct request *r = asking->r;
  size_t room = r->n_replications;
  struct measured m = {.r = r, .metric = grab(room, sizeof(double)), .growth = grab(room, sizeof(double)),
                       .censored = grab(room, sizeof(double))};
  bool ok = ask(asking, s->x, &m, err);
  if (ok && m.missing)
    ok = mistake(err, "'%s' has no value in these runs%s", r->metric,
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

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static const char *shown_policy(const struct request *r, size_t i) { return r->policy[i] ? r->policy[i] : "none"; }

/* Three digits of the interval's width, in the user's unit. */
struct shown { char s[400]; };
static struct shown in_unit(const struct request *r, const struct capacity_answer *a, double x)
{
  struct shown out;
  double width = a->hi - a->lo;
  int digits = r->whole ? 0 : width > 0 ? 2 - (int)floor(log10(width)) : r->decimals;
  snprintf(out.s, sizeof out.s, "%.*f%s%s", digits < 0 ? 0 : digits > 9 ? 9 : digits, x, *r->from.unit ? " " : "",
           r->from.unit);
  return out;
}

static void print_answer(const struct request *r, size_t i, const struct capacity_answer *a)
{
  const struct capacity_sample *first = &a->sample[0], *last = &a->sample[a->n - 1];
  const char *side = r->above ? "above" : "below";
  printf("%s: ", shown_policy(r, i));
  if (a->outcome == CAPACITY_NEVER)
    printf("no value from %s to %s keeps %s %s %s\n", in_unit(r, a, first->x).s, in_unit(r, a, last->x).s, r->metric,
           side, r->limit);
  else if (a->outcome == CAPACITY_ALWAYS)
    printf("all values from %s to %s keep %s %s %s: the capacity lies beyond\n", in_unit(r, a, first->x).s,
           in_unit(r, a, last->x).s, r->metric, side, r->limit);
  else if (a->outcome == CAPACITY_NOT_MONOTONE)
    printf("%s goes to and fro across %s (see %s): there is no single last value; narrow the range with --from and"
           " --to\n", r->metric, r->limit, in_unit(r, a, a->odd.x).s);
  else
    printf("%s; %g %% interval %s%s .. %s%s\n", in_unit(r, a, a->value).s, 100 * r->confidence,
           a->lo_open ? "from below " : "", in_unit(r, a, a->lo).s, in_unit(r, a, a->hi).s, a->hi_open ? " and beyond" : "");
}

static void print_tried(const struct request *r, const struct capacity_answer *a)
{
  struct table *t = table_new(5);
  static const char *const head[] = {"value", "system", "backlog growth", "", "interval"};
  for (int i = 0; i < 5; i++)
    table_cell(t, "%s", i == 3 ? r->metric : head[i]);
  table_rule(t);
  for (size_t i = 0; i < a->n; i++) {
    const struct capacity_sample *s = &a->sample[i];
    table_cell(t, "%.*f%s%s", r->decimals, s->x, *r->from.unit ? " " : "", r->from.unit);
    table_cell(t, "%s", saturation_name[s->saturation]);
    table_cell(t, "%s", number_text(s->growth.value).s);
    table_cell(t, "%s", number_text(s->metric.value).s);
    table_cell(t, "%s .. %s", number_text(s->metric.lo).s, number_text(s->metric.hi).s);
  }
  table_print(t, stdout, 2);
}

static bool any_smallest(const struct request *r, const struct capacity_answer *a)
{
  for (size_t i = 0; i < r->n_policies; i++)
    if (a[i].outcome == CAPACITY_FOUND && !a[i].smallest)
      return false;
  return true;
}

static void print_table(const struct request *r, const struct capacity_answer *a)
{
  bool found = false;
  for (size_t i = 0; i < r->n_policies; i++)
    found = found || a[i].outcome == CAPACITY_FOUND;
  printf("%s value of %s with %s %s %s%s%s%s%s\n\n", found && any_smallest(r, a) ? "smallest" : "largest", r->vary, r->metric,
         r->above ? "above" : "below", r->limit, r->klass ? ", class " : "", r->klass ? r->klass : "",
         r->place ? ", place " : "", r->place ? r->place : "");
  for (size_t i = 0; i < r->n_policies; i++) {
    print_answer(r, i, &a[i]);
    putchar('\n');
    print_tried(r, &a[i]);
    putchar('\n');
  }
  printf("%llu replications of each value, common random numbers; the interval holds the values whose t interval of the\n"
         "mean contains the limit. Results: %s (%zu new runs, %zu that were there)\n",
         (unsigned long long)r->n_replications, r->folder, r->done, r->reused);
}

static json *sample_json(const struct capacity_sample *s)
{
  json *j = json_new_object();
  json_put_number(j, "value", s->x);
  json_put_string(j, "system", saturation_name[s->saturation]);
  json_put_number(j, "backlog_growth_ratio", s->growth.value);
  json_put_number(j, "metric", s->metric.value);
  json_put_number(j, "lo", s->metric.lo);
  json_put_number(j, "hi", s->metric.hi);
  json_put_int(j, "n", (int64_t)s->metric.n);
  json_put_string(j, "method", s->metric.method);
  return j;
}

static json *answer_json(const struct request *r, size_t i, const struct capacity_answer *a)
{
  json *j = json_new_object(), *tried = json_new_array();
  bool found = a->outcome == CAPACITY_FOUND;
  json_put_string(j, "policy", shown_policy(r, i));
  json_put_string(j, "outcome", a->outcome == CAPACITY_NOT_MONOTONE ? "not_monotone" : capacity_outcome_name[a->outcome]);
  json_put_string(j, "which", a->smallest ? "smallest" : "largest");
  json_put_number(j, "value", found ? a->value : NAN);
  json_put_number(j, "lo", found ? a->lo : NAN);
  json_put_number(j, "hi", found ? a->hi : NAN);
  json_put_bool(j, "lo_open", found && a->lo_open);
  json_put_bool(j, "hi_open", found && a->hi_open);
  for (size_t k = 0; k < a->n; k++)
    json_push(tried, sample_json(&a->sample[k]));
  return json_put(j, "tried", tried);
}

static void print_json(const struct request *r, const struct capacity_answer *a)
{
  json *j = json_new_object(), *policies = json_new_array();
  json_put_string(j, "offsim", version_text());
  json_put_string(j, "scenario", r->scenario->name);
  json_put_int(j, "seed", (int64_t)r->scenario->seed);
  json_put_int(j, "replications", (int64_t)r->n_replications);
  json_put_string(j, "vary", r->vary);
  json_put_string(j, "unit", r->from.unit);
  json_put_string(j, "metric", r->metric);
  json_put_string(j, "class", r->klass);
  json_put_string(j, "place", r->place);
  json_put_number(j, r->above ? "above" : "below", r->limit_value);
  json_put_number(j, "confidence", r->confidence);
  json_put_string(j, "method", "test inversion of the t interval over replications, common random numbers");
  json_put_int(j, "new_runs", (int64_t)r->done);
  json_put_int(j, "reused_runs", (int64_t)r->reused);
  for (size_t i = 0; i < r->n_policies; i++)
    json_push(policies, answer_json(r, i, &a[i]));
  json_put(j, "policies", policies);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static struct capacity_question question_of(const struct request *r, struct asking *asking)
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

static int search(struct request *r, struct err *err)
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
    print_json(r, answer);
  else if (ok)
    print_table(r, answer);
  for (size_t i = 0; i < r->n_policies; i++)
    capacity_free(&answer[i]);
  free(answer);
  return ok ? code : err_any(err) ? (int)err->code : r->code;
}

int cmd_capacity(int argc, char **argv)
{
  struct request r = {.confidence = 0.95, .workers = (int)sysconf(_SC_NPROCESSORS_ONLN)};
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
  err_print(&err, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  scenario_free(r.scenario);
  err_release(&err);
  arena_free(r.arena);
  return code;
}
