/* cmd_ope.c: `offsim ope DIR --target P`: what a policy would have earned, from the log of another. */
#include "analysis/store/catalog.h"
#include "analysis/text.h"
#include "experiments/commands.h"
#include "experiments/contained.h"
#include "experiments/ope_log.h"
#include "experiments/options.h"
#include "experiments/plugin_try.h"
#include "experiments/replay.h"
#include "experiments/replications.h"
#include "experiments/study.h"
#include "experiments/version.h"
#include "models/policy_host.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim ope DIR --target P [options]\n\n"
  "  --target P             the policy to be evaluated: an entry of the scenario, or a built-in policy\n"
  "  --target-policy ENTRY  or an entry written out: '{policy: threshold, feature: images, above: 4}'\n"
  "  --log P                whose runs in DIR are the log (default: the one policy there that draws and does not learn)\n"
  "  --replications N|A..B  only these of its runs\n"
  "  --clip M               largest weight of clipped_ips (default 10)\n"
  "  --resamples N          of the bootstrap (default 1000)\n"
  "  --seed S               of the bootstrap\n"
  "  --no-truth             do not run the target itself\n"
  "  --rows FILE.csv        the rows that the estimates are made of\n"
  "  --format table|json\n\n"
  "The reward of a decision is the scenario's objective. The logged runs are done again with the target asked beside\n"
  "the logger; they must give the recorded trace_hash. The error is against runs of the target itself, with the same\n"
  "seed and replications. What is estimated is a changed decision in the log's world: where decisions meet in queues,\n"
  "a world run by the target is another one, and the difference is shown.\n\n"
  "exit codes: 0 done; 2 mistake in arguments; 3 file, or the log cannot be repeated; 4 a plug-in misbehaved;\n"
  "75 interrupted\n";

struct ope_command {
  const char *dir, *target, *entry, *logger, *replications, *rows_file;
  struct ope_options options;
  bool json, no_truth, help;
  struct replications wanted;
  struct arena *arena;
  struct replay replay;                                 /* of the first logged run */
  uint64_t seed;
  size_t n_runs; uint64_t *replication; char (*trace_hash)[33];
  struct scenario *scenario, *target_scenario;
  struct run_order order;
  struct ope_world world;
  struct ope_rows *rows;
  struct ope_truth truth;
  struct ope_result result;
  size_t n_warnings; char *warning[8];
};

static bool mistake(struct err *err, const char *text) { return err_add(err, (struct where){0}, "ope: %s", text); }

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static const char *const known[] = {"--target", "--target-policy", "--log", "--replications", "--clip", "--resamples",
                                    "--seed", "--rows", "--format"};

static bool take_number(const char *option, const char *text, double low, double high, double *out, struct err *err)
{
  char *end;
  *out = strtod(text, &end);
  return (end != text && !*end && *out >= low && *out <= high)
         || err_add(err, (struct where){0}, "ope: %s needs a number from %g to %g, not '%.64s'", option, low, high, text);
}

static bool take(void *context, const char *option, const char *text, struct err *err)
{
  struct ope_command *c = context;
  const struct option_text plain[] = {
    {"--target", &c->target}, {"--target-policy", &c->entry}, {"--log", &c->logger},
    {"--replications", &c->replications}, {"--rows", &c->rows_file}};
  double number = 0;
  if (!text || !*text)
    return err_add(err, (struct where){0}, "ope: %s needs a value", option);
  if (options_text(plain, sizeof plain / sizeof *plain, option, text))
    return true;
  if (!strcmp(option, "--clip"))
    return take_number(option, text, 1, 1e12, &c->options.clip, err);
  if (!strcmp(option, "--format")) {
    c->json = !strcmp(text, "json");
    return c->json || !strcmp(text, "table")
           || err_add(err, (struct where){0}, "ope: --format is table or json, not '%.64s'", text);
  }
  bool ok = take_number(option, text, 0, 1e9, &number, err);
  if (!strcmp(option, "--seed"))
    c->options.seed = (uint64_t)number;
  else
    c->options.resamples = (unsigned)fmin(fmax(number, 50), 100000);
  return ok;
}

static bool read_arguments(struct ope_command *c, int argc, char **argv, struct err *err)
{
  char **rest = grab((size_t)argc + 1, sizeof *rest);
  const struct option_flag flag[] = {{"--no-truth", &c->no_truth}, {"--help", &c->help}};
  int n = options_flags(argc, argv, flag, sizeof flag / sizeof *flag, rest);
  bool ok = c->help || options_read("ope", n, rest, known, sizeof known / sizeof *known, take, c, &c->dir, err);
  free(rest);
  if (!ok || c->help)
    return ok;
  if (!c->dir)
    return mistake(err, "a results folder is missing");
  if (!c->target == !c->entry)
    return mistake(err, "--target P, or --target-policy ENTRY, is needed, and only one of them");
  c->wanted = (struct replications){0, UINT64_MAX};
  return !c->replications || replications_parse("ope: --replications", c->replications, &c->wanted, err);
}

/* ---- which runs -------------------------------------------------------------------------------------------------- */

struct listing { struct ope_command *c; struct catalog *catalog; uint64_t point; struct catalog_run first; bool ok;
                 size_t n_names; char *name[64]; };

static uint64_t current_point(struct catalog *c)
{
  const char *text = catalog_provenance(c, "point.current");
  return text ? strtoull(text, NULL, 10) : 0;
}

/* Of the last call at the point: its seed, and the entry as it was then. */
static bool is_current(struct catalog *c, uint64_t point, const struct catalog_run *r)
{
  char key[160];
  snprintf(key, sizeof key, "point.%llu.base.%s", (unsigned long long)point, r->policy);
  const char *base = catalog_provenance(c, key), *own = catalog_note(c, r->id, "base");
  snprintf(key, sizeof key, "point.%llu.seed", (unsigned long long)point);
  const char *seed = catalog_provenance(c, key);
  return (!base || !own || !strcmp(base, own)) && (!seed || strtoull(seed, NULL, 10) == r->seed);
}

static bool list_name(void *context, const struct catalog_run *r)
{
  struct listing *l = context;
  if (r->state != RUN_DONE || !is_current(l->catalog, l->point, r))
    return true;
  for (size_t i = 0; i < l->n_names; i++)
    if (!strcmp(l->name[i], r->policy))
      return true;
  if (l->n_names == 0)
    l->first = *r;
  if (l->n_names < 64)
    l->name[l->n_names++] = arena_strdup(l->c->arena, r->policy);
  return true;
}

static bool list_run(void *context, const struct catalog_run *r)
{
  struct listing *l = context;
  struct ope_command *c = l->c;
  if (r->state != RUN_DONE || strcmp(r->policy, c->logger) != 0 || r->replication < c->wanted.from
      || r->replication > c->wanted.to || !is_current(l->catalog, l->point, r))
    return true;
  if (c->n_runs == 0)
    l->first = *r;
  c->replication = grab_more(c->replication, c->n_runs + 1, sizeof *c->replication);
  c->trace_hash = grab_more(c->trace_hash, c->n_runs + 1, sizeof *c->trace_hash);
  c->replication[c->n_runs] = r->replication;
  memcpy(c->trace_hash[c->n_runs++], r->trace_hash, sizeof *c->trace_hash);
  c->seed = r->seed;
  return true;
}

static const struct policy_def *entry_of(const struct scenario *s, const char *name)
{
  for (int i = 0; i < s->n_policies; i++)
    if (!strcmp(s->policy[i].name, name))
      return &s->policy[i];
  return NULL;
}

/* A floor makes any policy draw. */
static bool entry_wraps(const struct scenario *s, const struct policy_def *entry)
{
  const json *wraps = json_at(s->policy_json[entry - s->policy], "wrap");
  char *text = wraps ? json_write(wraps, false) : NULL;
  bool found = text && strstr(text, "floor");
  free(text);
  return found;
}

/* Learners are no default: what their propensities are worth is for the user to say. */
static bool draws(const struct scenario *s, const char *name)
{
  struct err unsaid;
  err_init(&unsaid);
  const struct policy_def *entry = entry_of(s, name);
  struct policy_def builtin = {.name = name, .policy = name, .at_place = NONE};
  bool wrapped = entry && entry_wraps(s, entry);
  const struct offsim_policy *p = plugin_describe(entry ? entry : &builtin, &unsaid);
  bool found = wrapped || (p && p->capabilities & OFFSIM_STOCHASTIC && !(p->capabilities & OFFSIM_LEARNS));
  err_release(&unsaid);
  return found;
}

/* The only one of the folder that draws. */
static bool choose_logger(struct ope_command *c, struct listing *l, struct err *err)
{
  struct replay first;
  char names[512] = "";
  size_t n = 0;
  if (!replay_find(l->catalog, &l->first, c->arena, &first, err))
    return false;
  struct scenario *s = scenario_load(first.file, first.set, first.n_sets, err);
  if (!s)
    return false;
  for (size_t i = 0; i < l->n_names; i++)
    if (draws(s, l->name[i]) && !(c->target && !strcmp(c->target, l->name[i]))) {
      size_t used = strlen(names);
      snprintf(names + used, sizeof names - used, "%s%s", n++ ? ", " : "", l->name[i]);
      c->logger = l->name[i];
    }
  scenario_free(s);
  if (n == 0)
    return err_add(err, (struct where){0}, "ope: no policy with runs in %s draws at random, so no log there covers another"
                   " policy's choices: run `random`, or a policy with `wrap: [{floor: 0.05}]`; or name a log with --log",
                   c->dir);
  return n == 1 || err_add(err, (struct where){0}, "ope: which log? %s draw at random: --log P", names);
}

static bool known_name(const struct listing *l, const char *name, struct err *err)
{
  for (size_t i = 0; i < l->n_names; i++)
    if (!strcmp(l->name[i], name))
      return true;
  const char *near = nearest(name, (const char *const *)l->name, l->n_names);
  return err_add(err, (struct where){0}, "ope: --log: '%.64s' has no runs in %s%s%s%s", name, l->c->dir,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool find_runs(struct ope_command *c, struct catalog *catalog, struct err *err)
{
  struct listing l = {.c = c, .catalog = catalog, .point = current_point(catalog)};
  if (!catalog_runs_of(catalog, l.point, list_name, &l, err))
    return false;
  if (l.n_names == 0)
    return err_add(err, (struct where){0}, "ope: %s has no finished runs", c->dir);
  if (c->logger ? !known_name(&l, c->logger, err) : !choose_logger(c, &l, err))
    return false;
  if (!catalog_runs_of(catalog, l.point, list_run, &l, err))
    return false;
  if (c->n_runs == 0)
    return err_add(err, (struct where){0}, "ope: %s has none of the asked replications of '%s'", c->dir, c->logger);
  return replay_find(catalog, &l.first, c->arena, &c->replay, err);
}

/* ---- the target -------------------------------------------------------------------------------------------------- */

static bool load_target(struct ope_command *c, struct err *err)
{
  struct override *set = arena_array(c->arena, struct override, c->replay.n_sets + 1);
  size_t n = c->replay.n_sets;
  memcpy(set, c->replay.set, n * sizeof *set);
  if (c->entry)
    set[n++] = (struct override){"policies", arena_printf(c->arena, "[%s]", c->entry)};
  struct study s = {.scenario = scenario_load(c->replay.file, set, n, err)};
  c->target_scenario = s.scenario;
  if (!s.scenario || !study_choose(&s, c->entry ? NULL : c->target, err))
    return false;
  const struct policy_def *p = s.chosen[0] >= 0 ? &s.scenario->policy[s.chosen[0]] : NULL;
  bool one = s.n_chosen == 1 && p;
  free(s.chosen);
  c->world.target = p;
  return one || mistake(err, "--target: one policy only (give the entry's name)");
}

static bool check_target(const struct ope_command *c, struct err *err)
{
  const struct policy_def *t = c->world.target;
  const struct offsim_policy *p = plugin_describe(t, err);
  if (!p)
    return false;
  if (p->capabilities & OFFSIM_NEEDS_ORACLE)
    return err_add(err, t->at, "'%s' reads the future: a log has no columns for it (true service times, attributes that"
                   " are known to an oracle only); run it instead", t->name);
  if (p->capabilities & OFFSIM_LEARNS && !(t->frozen && t->state))
    return err_add(err, t->at, "'%s' learns, and would have learned other things from its own choices: train it, and give"
                   " the entry `state: FILE` and `frozen: true`", t->name);
  return true;
}

static bool load_all(struct ope_command *c, struct err *err)
{
  struct catalog *catalog = catalog_open(c->dir, CATALOG_READ, err);
  bool ok = catalog && find_runs(c, catalog, err);
  catalog_close(catalog);
  c->scenario = ok ? replay_load(&c->replay, &c->order, err) : NULL;
  if (!c->scenario || !load_target(c, err) || !check_target(c, err))
    return false;
  c->world.logger = c->order.policy >= 0 ? &c->scenario->policy[c->order.policy] : NULL;
  if (c->order.warmup_s >= 0)
    study_set_warmup(&(struct study){.scenario = c->scenario}, c->order.warmup_s);
  c->world.def = &c->scenario->world;
  c->world.seed = c->scenario->seed;
  c->world.by_run = c->n_runs >= 10;
  return c->world.logger || mistake(err, "the log has no policy");
}

/* ---- the estimates ----------------------------------------------------------------------------------------------- */

static bool collect(struct ope_command *c, struct err *err)
{
  size_t places = (size_t)c->world.def->n_places;
  c->rows = ope_rows_new(&c->world);
  c->truth = (struct ope_truth){.mean = grab(c->n_runs, sizeof(double)), .utilization = grab(places, sizeof(double))};
  for (size_t i = 0; i < c->n_runs; i++) {
    struct hash hash;
    char hex[33];
    if (!ope_rows_add(c->rows, &c->world, c->replication[i], &hash, err))
      return false;
    hash_hex(hash, hex);
    if (strcmp(hex, c->trace_hash[i]) != 0)
      return err_system(err, "replication %llu of '%s' came out differently than in %s (trace_hash %s, there %s)",
                        (unsigned long long)c->replication[i], c->logger, c->dir, hex, c->trace_hash[i]);
    if (!c->no_truth && !ope_truth_add(&c->truth, &c->world, c->replication[i], err))
      return false;
  }
  ope_rows_finish(c->rows, &c->world);
  if (c->rows->n == 0)
    return err_system(err, "the log of '%s' has no decision with a reward", c->logger);
  return !c->rows->beyond || err_add(err, c->world.target->at, "'%s' asks for hedges, fallbacks or time-outs of its own;"
                                     " the log tells of first choices only: run it instead", c->world.target->name);
}

static void warn(struct ope_command *c, const char *format, ...) PRINTF_LIKE(2, 3);
static void warn(struct ope_command *c, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  if (c->n_warnings < 8 && vasprintf(&c->warning[c->n_warnings], format, list) >= 0)
    c->n_warnings++;
  va_end(list);
}

static struct interval truth_of(const struct ope_command *c)
{
  struct interval i = interval_t(c->truth.mean, c->truth.runs, 0.95);
  double value = c->truth.rows ? c->truth.sum / (double)c->truth.rows : NAN, off = value - i.value;
  return (struct interval){value, i.lo + off, i.hi + off, c->truth.runs, "t"};
}

/* Queues and shared links join decisions, which no estimator knows of: seen in the log, or in what the target's own runs
 * give instead. */
static void warn_of_carry_over(struct ope_command *c)
{
  const struct ope_rows *rows = c->rows;
  const struct ope_estimate *dr = &c->result.of[OPE_DR];
  struct interval truth = truth_of(c);
  bool told = c->truth.runs && rows->busiest >= 0;
  double busy = told ? c->truth.utilization[rows->busiest] / (double)c->truth.runs : NAN;
  char target[40] = "";
  if (told)
    snprintf(target, sizeof target, ", by the target %.2f", busy);
  bool missed = dr->hi < truth.lo || dr->lo > truth.hi;
  if (rows->max_utilization > 0.3 || rows->autocorrelation > 0.1 || fabs(busy - rows->max_utilization) > 0.1 || missed)
    warn(c, "carry-over: decisions meet in queues and on links (utilization of '%s' %.2f in the log%s; rewards of"
         " neighbouring decisions correlate by %.2f%s): the estimates are of one changed decision in the log's world, not"
         " of a world that the target runs", told ? c->world.def->place[rows->busiest].name : "", rows->max_utilization,
         target, rows->autocorrelation, missed ? "; the target's own runs lie outside the interval of dr" : "");
}

/* What the estimators take for granted, as far as the log can tell. */
static void find_warnings(struct ope_command *c)
{
  const struct ope_result *r = &c->result;
  const struct ope_rows *rows = c->rows;
  double off = r->weight_mean - 1;
  if (fabs(off) > 4 * fmax(r->weight_se, 1e-12) && fabs(off) > 1e-9)
    warn(c, "the mean weight is %.3f, not 1: the log never takes some of the target's choices, or its propensities are"
         " not true", r->weight_mean);
  if (r->ess < 100 || r->ess < 0.01 * (double)r->n)
    warn(c, "effective sample size %.0f of %zu: the weights of few rows decide", r->ess, r->n);
  warn_of_carry_over(c);
  if (rows->several)
    warn(c, "%zu decisions follow others of their request: each is taken by itself", rows->several);
  if (rows->sampled)
    warn(c, "'%s' draws and reports no distribution: its drawn choices stand for it", c->world.target->name);
}

/* ---- told -------------------------------------------------------------------------------------------------------- */

static void print_estimate(struct table *t, const char *name, double value, double lo, double hi, double truth)
{
  table_cell(t, "%s", name);
  table_cell(t, "%s", number_text(value).s);
  table_cell(t, "%s", number_text(lo).s);
  table_cell(t, "%s", number_text(hi).s);
  table_cell(t, "%s", number_text(value - truth).s);
}

static void print_table(const struct ope_command *c)
{
  const struct ope_result *r = &c->result;
  struct interval truth = truth_of(c);
  printf("log     %s: %zu runs, %zu decisions (%zu without a reward and %zu replaced ones left out), mean reward %s\n",
         c->logger, c->n_runs, r->n, c->rows->censored, c->rows->replaced,
         number_text(c->rows->reward_sum / (double)r->n).s);
  printf("target  %s\n\n", c->world.target->name);
  struct table *t = table_new(5);
  const char *const head[] = {"estimate", "reward", "lo 95 %", "hi 95 %", "error"};
  for (int i = 0; i < 5; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int k = 0; k < OPE_METHODS; k++)
    print_estimate(t, ope_name[k], r->of[k].value, r->of[k].lo, r->of[k].hi, truth.value);
  if (c->truth.runs)
    print_estimate(t, "own runs", truth.value, truth.lo, truth.hi, NAN);
  table_print(t, stdout, 1);
  printf("\neffective sample size %.1f of %zu; weights: mean %.4f +- %.4f, largest %.4g, %.2f %% above %g\n"
         "intervals: %u resamples of %zu %s\n", r->ess, r->n, r->weight_mean, r->weight_se, r->weight_max,
         100 * r->clipped_share, c->options.clip, c->options.resamples, r->units,
         c->world.by_run ? "runs" : "requests");
  for (size_t i = 0; i < c->n_warnings; i++)
    printf("warning: %s\n", c->warning[i]);
}

static json *estimate_json(double value, double lo, double hi, double se, double truth)
{
  json *j = json_put_number(json_new_object(), "value", value);
  json_put_number(j, "lo_95", lo);
  json_put_number(j, "hi_95", hi);
  if (!isnan(se))
    json_put_number(j, "se", se);
  return isnan(truth) ? j : json_put_number(j, "error", value - truth);
}

static json *weights_json(const struct ope_command *c)
{
  const struct ope_result *r = &c->result;
  json *j = json_put_number(json_new_object(), "mean", r->weight_mean);
  json_put_number(j, "se", r->weight_se);
  json_put_number(j, "max", r->weight_max);
  json_put_number(j, "clip", c->options.clip);
  return json_put_number(j, "clipped_share", r->clipped_share);
}

static json *carry_over_json(const struct ope_command *c)
{
  const struct ope_rows *rows = c->rows;
  json *j = json_put_number(json_new_object(), "autocorrelation", rows->autocorrelation);
  json_put_string(j, "busiest", rows->busiest >= 0 ? c->world.def->place[rows->busiest].name : NULL);
  json_put_number(j, "utilization_log", rows->max_utilization);
  return json_put_number(j, "utilization_target", c->truth.runs && rows->busiest >= 0
                         ? c->truth.utilization[rows->busiest] / (double)c->truth.runs : NAN);
}

static void print_json(const struct ope_command *c)
{
  const struct ope_result *r = &c->result;
  struct interval truth = truth_of(c);
  json *j = json_new_object(), *estimates = json_new_object(), *warnings = json_new_array();
  json_put_string(j, "offsim", version_text());
  json_put_string(j, "scenario", c->scenario->name);
  json_put_string(j, "log", c->logger);
  json_put_string(j, "target", c->world.target->name);
  json_put_int(j, "runs", (int64_t)c->n_runs);
  json_put_int(j, "decisions", (int64_t)r->n);
  json_put_int(j, "censored", (int64_t)c->rows->censored);
  json_put_int(j, "replaced", (int64_t)c->rows->replaced);
  json_put_number(j, "log_reward", c->rows->reward_sum / (double)r->n);
  for (int k = 0; k < OPE_METHODS; k++)
    json_put(estimates, ope_name[k], estimate_json(r->of[k].value, r->of[k].lo, r->of[k].hi, r->of[k].se, truth.value));
  json_put(j, "estimates", estimates);
  if (c->truth.runs)
    json_put(j, "truth", estimate_json(truth.value, truth.lo, truth.hi, NAN, NAN));
  json_put_number(j, "effective_sample_size", r->ess);
  json_put(j, "weights", weights_json(c));
  json_put(j, "carry_over", carry_over_json(c));
  for (size_t i = 0; i < c->n_warnings; i++)
    json_push(warnings, json_string_value_new(c->warning[i]));
  json_put(j, "warnings", warnings);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

static bool write_rows(const struct ope_command *c, const double *q, const double *v, struct err *err)
{
  struct text t = {0};
  if (!c->rows_file)
    return true;
  text_put(&t, "replication,request,decision,action,propensity,reward,target,weight,model_logged,model_target\n");
  for (size_t i = 0; i < c->rows->n; i++) {
    const struct ope_row *r = &c->rows->row[i];
    const struct ope_kept *k = &c->rows->kept[i];
    text_add(&t, "%llu,%llu,%u,%u,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g\n", (unsigned long long)k->replication,
             (unsigned long long)k->request, k->nth, k->action, r->propensity, r->reward, r->target_chosen,
             r->target_chosen / r->propensity, q[i], v[i]);
  }
  bool ok = text_save(&t, c->rows_file, err);
  free(t.s);
  return ok;
}

static bool evaluate(struct ope_command *c, struct err *err)
{
  double *q = grab(c->rows->n, sizeof *q), *v = grab(c->rows->n, sizeof *v);
  bool ok = ope_model(&c->rows->log, q, v, err) && write_rows(c, q, v, err);
  if (ok) {
    ope_evaluate(&c->rows->log, q, v, &c->options, &c->result);
    find_warnings(c);
    if (c->json)
      print_json(c);
    else
      print_table(c);
  }
  free(q);
  free(v);
  return ok;
}

/* In a process of its own: the policies may be anybody's. */
static int work(void *context, struct contained *contained)
{
  struct ope_command *c = context;
  struct err err;
  err_init(&err);
  c->world.contained = contained;
  bool ok = collect(c, &err) && evaluate(c, &err);
  err_print(&err, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : (int)err.code;
  err_release(&err);
  ope_rows_free(c->rows);
  free(c->truth.mean), free(c->truth.utilization);
  for (size_t i = 0; i < c->n_warnings; i++)
    free(c->warning[i]);
  return code;
}

int cmd_ope(int argc, char **argv)
{
  struct ope_command c = {.options = {.clip = 10, .confidence = 0.95, .resamples = 1000, .seed = 1},
                          .arena = arena_new()};
  struct err err;
  err_init(&err);
  bool ok = read_arguments(&c, argc, argv, &err);
  if (ok && c.help)
    fputs(usage, stdout);
  ok = ok && (c.help || load_all(&c, &err));
  err_print(&err, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
  int code = !ok ? (int)err.code : c.help ? EXIT_OK : contained_run("ope", work, &c);
  scenario_free(c.scenario);
  scenario_free(c.target_scenario);
  free(c.replication);
  free(c.trace_hash);
  arena_free(c.arena);
  err_release(&err);
  return code;
}
