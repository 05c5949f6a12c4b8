/* `offsim validate routers`: routers between a weak and a strong model on the queries of a joint table.
 *
 * What the table says by itself (oracle, whole subjects, any) is compared with published figures; scores of a given AUC with
 * their closed form; learners are placed between chance and oracle; and the simulator answers the same queries.
 */
#include "experiments/validate/router_bench.h"

#include "analysis/text.h"
#include "experiments/validate/suites.h"
#include "models/policy_host.h"
#include "models/world.h"
#include "scenarios/presets.h"
#include "sim/json.h"
#include "sim/stat.h"

#include <getopt.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum reading { AT_95, CPT_50, CPT_80, APGR, USD, N_READINGS };
enum { MAX_ROWS = 32, MOST_PRICES = 12 };
static const double of_strong = 0.95;                   /* of the strong model's accuracy */
static const char shipped[] = "routellm_mmlu_gsm8k", original[] = "traces/routellm_query_outcomes.csv.gz";

struct options {
  const char *table, *set, *data, *weak_tariff, *strong_tariff, *plant;
  uint64_t seed;
  double answer_tok;
  bool quick, json;
};

/* One router: means over the runs with their standard errors (0: no chance in it). expected: of each reading; NAN: none. */
struct row { char name[48]; double mean[N_READINGS], se[N_READINGS], expected[N_READINGS], margin; bool checked, good; };
struct suite {
  const struct options *o;
  struct bench bench;
  const struct joint_table *table;
  struct router_figures figures;
  int n; struct row row[MAX_ROWS];
  struct arena *arena;
};

/* ---- rows ---- */

static void read_curve(const struct bench *b, const struct curve *c, double *x)
{
  struct point at = curve_at(c, bench_pgr_of(b, of_strong));
  x[AT_95] = at.share;
  x[CPT_50] = curve_at(c, .5).share;
  x[CPT_80] = curve_at(c, .8).share;
  x[APGR] = curve_apgr(c);
  x[USD] = 1000 * at.usd;
}

static struct row *new_row(struct suite *s, const char *name)
{
  struct row *r = &s->row[s->n++];
  *r = (struct row){.good = true};
  snprintf(r->name, sizeof r->name, "%s", name);
  for (int k = 0; k < N_READINGS; k++)
    r->expected[k] = NAN;
  return r;
}

static void exact_row(struct suite *s, const char *name, const double *score, double expected)
{
  struct row *r = new_row(s, name);
  struct curve c = bench_curve(&s->bench, score, false, s->arena);
  read_curve(&s->bench, &c, r->mean);
  r->expected[AT_95] = expected;
  r->margin = 0.01;
  r->checked = !isnan(expected);
  r->good = !r->checked || fabs(r->mean[AT_95] - expected) <= r->margin;
}

/* Figures computed without this program from the same outcomes: MMLU, 95 % of the strong model's accuracy. */
static void table_rows(struct suite *s, bool known)
{
  double *score = arena_array(s->arena, double, s->bench.n);
  bench_oracle(&s->bench, score);
  exact_row(s, "oracle", score, known ? .085 : NAN);
  bench_subject_gains(&s->bench, score);
  exact_row(s, "subjects by gain, in sample", score, known ? .399 : NAN);
  for (int i = 0; i < s->bench.n; i++)
    score[i] = 0;
  exact_row(s, "any (random)", score, known ? .678 : NAN);
}

/* |mean - expected| <= t standard errors and a few steps of the curve. False alarms: 1 in 16,000 a reading. */
static void judge(struct row *r, int runs)
{
  double t = gsl_cdf_tdist_Qinv(0.5 / 16000, runs - 1);
  for (int k = 0; k < N_READINGS; k++)
    if (!isnan(r->expected[k]))
      r->good &= fabs(r->mean[k] - r->expected[k]) <= t * r->se[k] + r->margin;
  r->checked = true;
}

static void set_means(struct row *r, const struct moments *m)
{
  for (int k = 0; k < N_READINGS; k++) {
    r->mean[k] = m[k].mean;
    r->se[k] = moments_sd(&m[k]) / sqrt((double)m[k].n);
  }
}

/* of: the property that the score tells. WEAK_FAILS is a judge's, who has seen the weak model's answer: a cascade. */
static void score_row(struct suite *s, enum score_of of, double auc, int runs)
{
  struct moments m[N_READINGS] = {{0}};
  double *score = arena_array(s->arena, double, s->bench.n), x[N_READINGS];
  double drawn = score_separation(s->o->plant && !strcmp(s->o->plant, "auc") ? (1 + auc) / 2 - .05 : auc);
  for (int i = 0; i < runs; i++) {
    struct rng_root root = rng_root_make(s->o->seed, (uint64_t)i);
    struct rng r = rng_open(&root, rng_name("router bench score"), (uint64_t)lround(1e4 * auc), (uint64_t)of);
    bench_scores(&s->bench, of, drawn, &r, score);
    struct curve c = bench_curve(&s->bench, score, of == SCORE_WEAK_FAILS, s->arena);
    read_curve(&s->bench, &c, x);
    for (int k = 0; k < N_READINGS; k++)
      moments_add(&m[k], x[k]);
  }
  char name[48];
  snprintf(name, sizeof name, "%s %g", of == SCORE_WEAK_FAILS ? "cascade, judge of AUC" : "score, AUC", auc);
  struct row *r = new_row(s, name);
  struct curve c = bench_binormal(&s->bench, of, score_separation(auc), s->arena);
  set_means(r, m);
  read_curve(&s->bench, &c, r->expected);
  r->expected[USD] = NAN;
  r->margin = 28. / s->bench.n;                         /* a first crossing lies early by a few queries */
  judge(r, runs);
}

/* ---- learners ---- */

static bool learn_curve(struct suite *s, const struct learner *l, int run, double *x, struct err *err)
{
  static const double price[MOST_PRICES] = {0, .03, .06, .09, .12, .15, .18, .22, .27, .33, .4, .5};
  struct point p[MOST_PRICES];
  int n = 0;
  struct bench b = bench_make(s->table, s->o->set, &s->bench.prices, s->o->seed + (uint64_t)run, s->arena);
  double *score = arena_array(s->arena, double, b.n);
  struct rng_root root = rng_root_make(s->o->seed, (uint64_t)run);
  struct rng r = rng_open(&root, rng_name("router bench learner"), 0, 0);
  bench_scores(&b, SCORE_NEEDED, score_separation(.7), &r, score);
  for (int i = 0; i < MOST_PRICES; i += s->o->quick ? 2 : 1)
    if (!bench_learn(&b, l, price[i], score, (uint64_t)run, &p[n++], err))
      return false;
  struct curve c = bench_through(&b, p, n, s->arena);
  read_curve(&b, &c, x);
  return true;
}

/* Above chance by more than chance gives (false alarms: 1 in 16,000), below the oracle. */
static bool learner_row(struct suite *s, const struct learner *l, int runs, bool can_learn, struct err *err)
{
  struct moments m[N_READINGS] = {{0}};
  double x[N_READINGS];
  for (int run = 0; run < runs; run++) {
    if (!learn_curve(s, l, run, x, err))
      return false;
    for (int k = 0; k < N_READINGS; k++)
      moments_add(&m[k], x[k]);
  }
  struct row *r = new_row(s, l->name);
  set_means(r, m);
  double reach = gsl_cdf_tdist_Qinv(0.5 / 16000, runs - 1) * r->se[APGR];
  r->checked = can_learn;
  r->good = !can_learn || (r->mean[APGR] - reach > .5 && r->mean[APGR] + reach < s->row[0].mean[APGR]);
  return true;
}

static bool learner_rows(struct suite *s, struct err *err)
{
  static const struct policy_parameter gaussian = {.name = "model", .text = "gaussian"},
                                       range[] = {{.name = "range", .value = 1}, {.name = "factor", .value = .3}},
                                       score[] = {{.name = "features", .text = "score"}, {.name = "alpha", .value = 1}};
  static const struct learner learners[] = {
    {"thompson, a learner a subject", "thompson", true, 1, &gaussian},
    {"ucb1, a learner a subject", "ucb1", true, 2, range},
    {"linucb on a score of AUC 0.7", "linucb", false, 2, score}};
  int subjects = 0;
  for (int i = 0; i < s->table->n_rows; i++)
    subjects += !s->o->set || !strcmp(s->table->row[i].set, s->o->set);
  for (size_t i = 0; i < sizeof learners / sizeof *learners; i++)
    if (!learner_row(s, &learners[i], s->o->quick ? 6 : 20, subjects > 1 || !learners[i].by_subject, err))
      return false;
  return true;
}

/* ---- the simulator ---- */

struct answered_requests { double n, quality, usd; };

static void on_request(void *context, const struct request_record *r, const double *attribute, int n)
{
  struct answered_requests *a = context;
  (void)attribute, (void)n;
  a->n += r->measured;
  a->quality += r->measured ? r->quality : 0;
  a->usd += r->measured ? r->cost_usd : 0;
}

static bool simulate(const struct scenario *s, const struct policy_def *p, uint64_t seed, struct answered_requests *a, struct err *err)
{
  struct run_setup setup = {.def = &s->world, .policy = p, .seed = seed, .sink = {.context = a, .request = on_request}};
  struct run_summary summary;
  struct world *w = world_new(&setup, err);
  bool good = w && world_run(w, &summary, err);
  if (w)
    world_free(w);
  return good;
}

/* Share of strong calls and quality of each policy of scenarios/validation/routers.yaml, as the table says. */
struct simulated { const char *policy; double share, quality, expected_share, expected_quality; bool good; };
enum { SIMULATED = 4 };
static const double call_price = 0.1;                   /* of the objective, in the file: -0.1 of quality for 1 USD, a strong call */

/* Of one set. told: what policies are told of the models' quality. */
static struct scenario *load_simulated(const struct suite *s, const char *told, struct err *err)
{
  const char *set = s->o->set, *table = s->o->table;
  const struct override change[] = {{"variants.weak.quality.table", table}, {"variants.strong.quality.table", table},
    {"classes.question.attributes.subject.subjects.table", table}, {"classes.question.attributes.subject.subjects.set", set},
    {"classes.question.attributes.subject.subjects.told", told}, {"horizon.duration", "20000 s"}};
  size_t n = sizeof change / sizeof *change;
  return scenario_load(arena_printf(s->arena, "%s/validation/routers.yaml", share_scenarios(s->arena)), change,
                       s->o->quick ? n : n - 1, err);
}

/* Told the accuracies of each subject: the strong model where it gains more than its price. */
static struct simulated expect_subjects(const struct suite *s)
{
  struct simulated x = {.policy = "subjects"};
  for (int i = 0; i < s->table->n_rows; i++) {
    const struct outcome_row *r = &s->table->row[i];
    if (s->o->set && strcmp(r->set, s->o->set))
      continue;
    double share = outcome_requests(r) / s->bench.n, weak = outcome_share(r, false), strong = outcome_share(r, true);
    bool calls = strong - weak > call_price;
    x.expected_share += calls ? share : 0;
    x.expected_quality += share * (calls ? strong : weak);
  }
  return x;
}

static void expect_simulated(const struct suite *s, struct simulated *x)
{
  double p = 0, lost = 0, d = score_separation(.8), c = gsl_cdf_ugaussian_Pinv(.6);
  for (int i = 0; i < s->bench.n; i++) {
    p += s->bench.query[i].outcome == ONLY_STRONG;
    lost += s->bench.query[i].outcome == ONLY_WEAK;
  }
  p /= s->bench.n;
  lost /= s->bench.n;
  bool all = !s->o->set;                                /* the file asks about one set */
  double with = gsl_cdf_ugaussian_Q(c - d), without = gsl_cdf_ugaussian_Q(c);
  x[0] = (struct simulated){.policy = "weak", .expected_quality = s->figures.weak};
  x[1] = (struct simulated){.policy = "strong", .expected_share = 1, .expected_quality = s->figures.strong};
  x[2] = (struct simulated){.policy = "router", .expected_share = p * with + (1 - p) * without,
                            .expected_quality = s->figures.weak + p * with - lost * without};
  x[3] = expect_subjects(s);
  for (int i = 0; i < SIMULATED; i++) {
    x[i].good = all;
    x[i].share = x[i].quality = NAN;
  }
}

static void simulate_one(struct suite *s, struct simulated *x, const char *told, struct err *err)
{
  struct scenario *scenario = load_simulated(s, told, err);
  const struct policy_def *p = NULL;
  struct answered_requests a = {0};
  for (int i = 0; scenario && i < scenario->n_policies; i++)
    if (!strcmp(scenario->policy[i].name, x->policy))
      p = &scenario->policy[i];
  if (scenario && !p)
    err_add(err, (struct where){.file = scenario->path}, "no policy '%s'", x->policy);
  if (p && simulate(scenario, p, s->o->seed, &a, err)) {
    x->share = a.usd / a.n;
    x->quality = a.quality / a.n;
    x->good = fabs(x->share - x->expected_share) <= .01 && fabs(x->quality - x->expected_quality) <= .01;
  }
  if (scenario)
    scenario_free(scenario);
}

static bool simulate_all(struct suite *s, struct simulated *x, struct err *err)
{
  expect_simulated(s, x);
  for (int i = 0; s->o->set && i < SIMULATED; i++)
    simulate_one(s, &x[i], i == SIMULATED - 1 ? "subject" : "mean", err);
  return !err_any(err);
}

/* ---- the original ---- */

static const char *find_original(const struct options *o, struct arena *a)
{
  const char *data = getenv("OFFSIM_DATA");
  if (o->data)
    return o->data;
  const char *path = data ? arena_printf(a, "%s/%s", data, original) : original;
  return access(path, F_OK) == 0 ? path : NULL;
}

static bool same_counts(const struct joint_table *a, const struct joint_table *b)
{
  bool same = a->n_rows == b->n_rows;
  for (int i = 0; same && i < a->n_rows; i++) {
    same = !strcmp(a->row[i].subject, b->row[i].subject) && !strcmp(a->row[i].set, b->row[i].set);
    for (int o = 0; o < OUTCOME_KINDS; o++)
      same &= a->row[i].count[o] == b->row[i].count[o];
  }
  return same;
}

/* Is the preset the file's count? True as well where there is no file. */
static bool compare_original(const struct suite *s, const char **says, struct err *err)
{
  const char *path = find_original(s->o, s->arena);
  *says = "not compared with the outcomes: another table";
  if (!s->o->data && strcmp(s->table->name, shipped))
    return true;
  *says = arena_printf(s->arena, "not compared with the outcomes: no %s ($OFFSIM_DATA)", original);
  if (!path)
    return true;
  const struct joint_table *t = outcomes_read(path, &outcome_columns_default, s->arena, err);
  bool same = t && same_counts(t, s->table);
  *says = same ? "counts equal those of the outcomes, query by query" : "COUNTS DIFFER from those of the outcomes";
  return same;
}

/* ---- what is told ---- */

static void share_cell(struct table *t, const struct row *r, int k)
{
  const char *format = k == USD ? "%.4f" : k == APGR ? "%.3f" : "%.1f";
  double scale = k == USD || k == APGR ? 1 : 100;
  if (isnan(r->mean[k]))
    table_cell(t, "-");
  else
    table_cell(t, format, scale * r->mean[k]);
}

/* Nothing where there is no number. */
static void optional_cell(struct table *t, bool there, int decimals, double x)
{
  char text[32] = "";
  if (there)
    snprintf(text, sizeof text, "%.*f", decimals, x);
  table_cell(t, "%s", text);
}

static void print_rows(const struct suite *s)
{
  static const char *const head[] = {"router", "calls for 95 %", "+-", "expected", "CPT(50 %)", "CPT(80 %)", "APGR", "expected",
                                     "USD/1000", "verdict"};
  struct table *t = table_new(sizeof head / sizeof *head);
  for (size_t i = 0; i < sizeof head / sizeof *head; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int i = 0; i < s->n; i++) {
    const struct row *r = &s->row[i];
    table_cell(t, "%s", r->name);
    share_cell(t, r, AT_95);
    optional_cell(t, r->se[AT_95] > 0, 1, 100 * r->se[AT_95]);
    optional_cell(t, !isnan(r->expected[AT_95]), 1, 100 * r->expected[AT_95]);
    share_cell(t, r, CPT_50);
    share_cell(t, r, CPT_80);
    share_cell(t, r, APGR);
    optional_cell(t, !isnan(r->expected[APGR]), 3, r->expected[APGR]);
    share_cell(t, r, USD);
    table_cell(t, "%s", !r->checked ? "" : r->good ? "ok" : "FAILED");
  }
  table_print(t, stdout, 1);
}

static void print_simulated(const struct simulated *x)
{
  if (isnan(x[0].share))
    return;
  printf("\nthe simulator (scenarios/validation/routers.yaml), within 1 point:\n");
  for (int i = 0; i < SIMULATED; i++)
    printf("  %-8s strong calls %5.1f %% (%5.1f), right %.1f %% (%.1f)  %s\n", x[i].policy, 100 * x[i].share,
           100 * x[i].expected_share, 100 * x[i].quality, 100 * x[i].expected_quality, x[i].good ? "ok" : "FAILED");
}

static void print_all(const struct suite *s, const struct simulated *x, const char *says)
{
  printf("%s%s%s: %d queries; weak (%s) right on %.1f %%, strong (%s) on %.1f %%; %s\n", s->table->name, s->o->set ? ", " : "",
         s->o->set ? s->o->set : "", s->bench.n, s->table->weak, 100 * s->figures.weak, s->table->strong, 100 * s->figures.strong, says);
  printf("shares of strong calls in %%; USD for 1000 queries at 95 %% of the strong model's accuracy: prompts of %g characters a\n"
         "token, %g of answer, %s and %s\n\n", chars_per_token, s->o->answer_tok, s->o->weak_tariff, s->o->strong_tariff);
  print_rows(s);
  print_simulated(x);
}

static json *row_json(const struct row *r)
{
  static const char *const names[N_READINGS] = {"calls_95", "cpt_50", "cpt_80", "apgr", "usd_per_1000"};
  json *j = json_new_object();
  json_put_string(j, "router", r->name);
  for (int k = 0; k < N_READINGS; k++) {
    json_put_number(j, names[k], r->mean[k]);
    if (r->se[k] > 0) {
      char se[32];
      snprintf(se, sizeof se, "%s_se", names[k]);
      json_put_number(j, se, r->se[k]);
    }
    if (!isnan(r->expected[k])) {
      char expected[32];
      snprintf(expected, sizeof expected, "%s_expected", names[k]);
      json_put_number(j, expected, r->expected[k]);
    }
  }
  return json_put_string(j, "verdict", !r->checked ? "none" : r->good ? "ok" : "failed");
}

static void print_json(const struct suite *s, const struct simulated *x)
{
  json *all = json_new_object(), *rows = json_new_array(), *runs = json_new_array();
  for (int i = 0; i < s->n; i++)
    json_push(rows, row_json(&s->row[i]));
  for (int i = 0; i < SIMULATED; i++) {
    json *one = json_put_string(json_new_object(), "policy", x[i].policy);
    json_put_number(json_put_number(one, "share", x[i].share), "quality", x[i].quality);
    json_put_number(json_put_number(one, "share_expected", x[i].expected_share), "quality_expected", x[i].expected_quality);
    json_push(runs, json_put_string(one, "verdict", x[i].good ? "ok" : "failed"));
  }
  json_put(json_put(all, "routers", rows), "simulated", runs);
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
}

/* ---- the command ---- */

static const char usage[] =
  "usage: offsim validate routers [--quick] [--table PRESET] [--set SET|all] [--data FILE] [--weak-tariff PRESET]\n"
  "                               [--strong-tariff PRESET] [--answer-tokens N] [--seed S] [--format table|json] [--plant table|auc]\n"
  "Which share of the queries must a router send to the strong model for 95 % of its accuracy? Oracle, subjects, chance,\n"
  "scores of several AUC against their closed form, policies that learn. --data: outcomes that the table must be the count of\n"
  "(default: the original under $OFFSIM_DATA, where it is). Exit 1 when a figure is missed.\n";

static bool take_number(const char *name, double high, double *out, struct err *e)
{
  char *end;
  *out = strtod(optarg, &end);
  if (*optarg && !*end && *out >= 0 && *out <= high && *out == floor(*out))
    return true;
  return err_add(e, (struct where){0}, "--%s '%.40s' is no whole number from 0 to %g", name, optarg, high);
}

static void take_option(int c, struct options *o, struct err *e)
{
  double x = 0;
  switch (c) {
  case 'q': o->quick = true; break;
  case 't': o->table = optarg; break;
  case 's': o->set = strcmp(optarg, "all") ? optarg : NULL; break;
  case 'd': o->data = optarg; break;
  case 'w': o->weak_tariff = optarg; break;
  case 'g': o->strong_tariff = optarg; break;
  case 'a': (void)!take_number("answer-tokens", 1e6, &o->answer_tok, e); break;
  case 'e':
    if (take_number("seed", 0x1p53, &x, e))
      o->seed = (uint64_t)x;
    break;
  case 'f':
    o->json = !strcmp(optarg, "json");
    if (!o->json && strcmp(optarg, "table"))
      err_add(e, (struct where){0}, "--format is table or json, not '%s'", optarg);
    break;
  default:
    o->plant = optarg;
    if (strcmp(optarg, "table") && strcmp(optarg, "auc"))
      err_add(e, (struct where){0}, "--plant is table or auc, not '%s'", optarg);
  }
}

static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
  static const struct option names[] = {
    {"quick", no_argument, 0, 'q'}, {"table", required_argument, 0, 't'}, {"set", required_argument, 0, 's'},
    {"data", required_argument, 0, 'd'}, {"weak-tariff", required_argument, 0, 'w'}, {"strong-tariff", required_argument, 0, 'g'},
    {"answer-tokens", required_argument, 0, 'a'}, {"seed", required_argument, 0, 'e'}, {"format", required_argument, 0, 'f'},
    {"plant", required_argument, 0, 'p'}, {"help", no_argument, 0, 'h'}, {0}};
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;) {
    if (c == 'h' || c == '?')
      return fputs(usage, c == 'h' ? stdout : stderr), c == 'h' ? (int)EXIT_OK : (int)EXIT_USER;
    take_option(c, o, e);
  }
  if (optind != argc)
    return fputs(usage, stderr), EXIT_USER;
  return err_any(e) ? (int)EXIT_USER : -1;
}

/* Planted: who alone is right is told of the other model in a third of the subjects. */
static const struct joint_table *with_plant(const struct suite *s, const struct joint_table *t)
{
  struct joint_table *wrong = arena_alloc(s->arena, sizeof *wrong);
  struct outcome_row *row = arena_array(s->arena, struct outcome_row, t->n_rows);
  if (!s->o->plant || strcmp(s->o->plant, "table"))
    return t;
  memcpy(row, t->row, (size_t)t->n_rows * sizeof *row);
  for (int i = 0; i < t->n_rows; i += 3) {
    row[i].count[ONLY_WEAK] = t->row[i].count[ONLY_STRONG];
    row[i].count[ONLY_STRONG] = t->row[i].count[ONLY_WEAK];
  }
  *wrong = *t;
  wrong->row = row;
  return wrong;
}

static bool set_up(struct suite *s, struct err *e)
{
  const struct options *o = s->o;
  struct prices p = {.answer_tok = o->answer_tok};
  const struct joint_table *t = preset_quality(s->arena, o->table, e);
  if (!t || !preset_token_prices(s->arena, o->weak_tariff, p.weak, e) || !preset_token_prices(s->arena, o->strong_tariff, p.strong, e))
    return false;
  s->table = with_plant(s, t);
  if (o->set && !outcomes_has_set(t, o->set))
    return err_add(e, (struct where){0}, "--set '%s': the table '%s' has no such set", o->set, t->name);
  s->bench = bench_make(s->table, o->set, &p, o->seed, s->arena);
  s->figures = outcomes_figures(s->table, o->set, of_strong, s->arena);
  return s->bench.strong > s->bench.weak || err_add(e, (struct where){0}, "the strong model of '%s' is not the better one", t->name);
}

static int run(struct suite *s, struct err *e)
{
  static const double auc[] = {.5, .6, .7, .8, .9, .95};
  const char *says;
  struct simulated x[SIMULATED];
  if (!set_up(s, e))
    return e->code;
  bool known = !strcmp(s->o->table, shipped) && s->o->set && !strcmp(s->o->set, "mmlu");
  bool good = compare_original(s, &says, e);
  table_rows(s, known);
  int runs = s->o->quick ? 6 : 24;
  for (size_t i = 0; i < sizeof auc / sizeof *auc; i++)
    score_row(s, SCORE_NEEDED, auc[i], runs);
  score_row(s, SCORE_WEAK_FAILS, .8, runs);
  score_row(s, SCORE_WEAK_FAILS, .95, runs);
  if (!learner_rows(s, e) || !simulate_all(s, x, e) || err_any(e))
    return e->code;
  for (int i = 0; i < s->n; i++)
    good &= s->row[i].good;
  for (int i = 0; i < SIMULATED; i++)
    good &= x[i].good;
  if (s->o->json)
    print_json(s, x);
  else
    print_all(s, x, says);
  return good ? EXIT_OK : EXIT_NEGATIVE;
}

int validate_routers(int argc, char **argv)
{
  struct options o = {.table = shipped, .set = "mmlu", .weak_tariff = "mixtral_8x7b", .strong_tariff = "gpt_4_1106_preview", .seed = 1,
                      .answer_tok = 1};
  struct err e;
  struct suite *s = grab(1, sizeof *s);
  err_init(&e);
  s->o = &o;
  s->arena = arena_new();
  int code = read_options(argc, argv, &o, &e);
  if (code < 0)
    code = run(s, &e);
  if (err_any(&e))
    err_print(&e, stderr, false);
  err_release(&e);
  arena_free(s->arena);
  free(s);
  return code;
}
