/* `offsim validate policies`: values of the literature and of independent simulations, through the real policies.
 *
 * Each row is the mean over runs of one number. Rules: experiments/validate/policy_cases.h. With 4 standard errors a right
 * program fails one row in 16,000. Planted faults, which rows must see (only rows of these policies run):
 *   radius   ucb1 with sqrt(1.8 ln t / n): 302 for 331
 *   ties     ucb1 with ties to the first arm: with outcomes 100 decisions late 531 for 568
 *   initial  eps_greedy with 20 initial pulls each
 *   scale    rewards x 1e-6 for a ucb1 that takes them as they are: no better than random, 4000
 */
#include "experiments/validate/bandits.h"
#include "experiments/validate/parallel.h"
#include "experiments/validate/policy_cases.h"
#include "experiments/validate/suites.h"
#include "sim/check.h"
#include "sim/json.h"
#include "sim/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ----------------------------------------------------------------------------------------------------- */

#define ARMS ".1 ... .9, T 1e4"
#define LATE "the same, delay 100"
#define CHANGE ".5/.3/.4 -> .9 in 3000..4999"
#define LINEAR_10 "d 10, K 20, T 4000"
#define LINEAR "d 5, K 20, T 4000, sigma .1"

static const struct policy_case cases[] = {
  {"regret-random", ARMS, case_regret, CASE_ERRORS, 4000, 0, 0, 100, 10, "random", {0}},
  {"regret-ucb1", ARMS, case_regret, CASE_ERRORS, 331.3, 1.2, 0, 500, 40, "ucb1", {0}},
  {"regret-ucb-half", ARMS, case_regret, CASE_ERRORS, 101.0, 0.8, 0, 500, 40, "ucb_half", {0}},
  {"regret-kl-ucb", ARMS, case_regret, CASE_ERRORS, 58.0, 0.5, 0, 500, 40, "kl_ucb", {0}},
  {"regret-thompson", ARMS, case_regret, CASE_ERRORS, 42.1, 0.5, 0, 500, 40, "thompson", {0}},
  {"regret-eps-greedy", ARMS ", epsilon .1", case_regret, CASE_ERRORS, 427, 2.4, 0, 500, 40, "eps_greedy", {0}},
  {"regret-exp3", ARMS, case_regret, CASE_ERRORS, 728, 3.6, 0, 500, 40, "exp3", {0}},
  {"delay-thompson", LATE, case_regret, CASE_SHARE, 71, 0, 0.05, 500, 40, "thompson", {100}},
  {"delay-ucb1", LATE, case_regret, CASE_SHARE, 568, 0, 0.05, 500, 40, "ucb1", {100}},
  {"change-sw-ucb", CHANGE, case_change, CASE_ERRORS, 287, 3.5, 0, 500, 40, "sw_ucb", {0}},
  {"change-ucb1", CHANGE, case_change, CASE_ERRORS, 604, 1.9, 0, 500, 40, "ucb1", {0}},
  {"change-thompson", CHANGE, case_change, CASE_ERRORS, 775, 4.1, 0, 500, 40, "thompson", {0}},
  {"change-d-linucb", CHANGE ", ucb1's", case_change, CASE_BELOW, 604, 1.9, 0, 100, 10, "d_linucb", {0}},
  {"linear-linucb", LINEAR ", of random", case_linear, CASE_BELOW, 0.01, 0, 0, 20, 2, "linucb:model=shared", {0}},
  {"growth-linucb", LINEAR ", T / T/4", case_linear, CASE_BELOW, 1.5, 0, 0, 20, 2, "linucb:model=shared", {1}},
  {"linear-lints", LINEAR ", of random", case_linear, CASE_BELOW, 0.01, 0, 0, 20, 2, "lints:model=shared", {0}},
  {"growth-lints", LINEAR ", T / T/4", case_linear, CASE_BELOW, 1.5, 0, 0, 20, 2, "lints:model=shared", {1}},
  {"linear-random-10", LINEAR_10 ", random", case_linear_wide, CASE_SHARE, 2270, 0, 0.005, 100, 2, "linucb", {3}},
  {"linear-linucb-10", LINEAR_10 ", of random", case_linear_wide, CASE_BELOW, 0.01, 0, 0, 500, 2, "linucb", {0}},
  {"linear-textbook-10", LINEAR_10 ", regret", case_linear_wide, CASE_SHARE, 6.1, 0, 0.05, 500, 20, "linucb", {2, 1}},
  {"growth-linucb-10", LINEAR_10 ", T / T/4", case_linear_wide, CASE_BELOW, 1.5, 0, 0, 500, 2, "linucb", {1}},
  {"two-choices-.5", "n -> infinity", case_pod_limit, CASE_SHARE, 1.2657, 0, 5e-5, 1, 1, NULL, {0.5}},
  {"two-choices-.7", "n -> infinity", case_pod_limit, CASE_SHARE, 1.6145, 0, 5e-5, 1, 1, NULL, {0.7}},
  {"two-choices-.8", "n -> infinity", case_pod_limit, CASE_SHARE, 1.9474, 0, 5e-5, 1, 1, NULL, {0.8}},
  {"two-choices-.9", "n -> infinity", case_pod_limit, CASE_SHARE, 2.6141, 0, 5e-5, 1, 1, NULL, {0.9}},
  {"two-choices-500-.5", "n = 500", case_pod, CASE_SHARE, 1.2668, 0, 0.01, 10, 2, NULL, {0.5}},
  {"two-choices-500-.7", "n = 500", case_pod, CASE_SHARE, 1.6163, 0, 0.01, 10, 0, NULL, {0.7}},
  {"two-choices-500-.8", "n = 500", case_pod, CASE_SHARE, 1.9542, 0, 0.01, 10, 0, NULL, {0.8}},
  {"two-choices-500-.9", "n = 500", case_pod, CASE_SHARE, 2.6305, 0, 0.01, 10, 2, NULL, {0.9}},
  {"take-all-.1", "alpha 1, tau 2", case_take_all, CASE_SHARE, 3.536, 0, 0.005, 24, 4, NULL, {0.1}},
  {"take-all-.5", "alpha 1, tau 2", case_take_all, CASE_SHARE, 7.504, 0, 0.005, 24, 4, NULL, {0.5}},
  {"take-all-.7", "alpha 1, tau 2", case_take_all, CASE_SHARE, 12.62, 0, 0.005, 24, 4, NULL, {0.7}},
  {"take-all-bound-.1", "min(phi0, phi1)", case_batch_bound, CASE_SHARE, 3.546, 0, 5e-4, 1, 1, NULL, {0.1}},
  {"take-all-bound-.5", "min(phi0, phi1)", case_batch_bound, CASE_SHARE, 7.667, 0, 5e-4, 1, 1, NULL, {0.5}},
  {"take-all-bound-.7", "min(phi0, phi1)", case_batch_bound, CASE_SHARE, 12.65, 0, 5e-4, 1, 1, NULL, {0.7}},
  {"bound-holds-.1", "take-all, bound + 1 %", case_take_all, CASE_BELOW, 3.546 * 1.01, 0, 0, 8, 2, NULL, {0.1}},
  {"bound-holds-.5", "take-all, bound + 1 %", case_take_all, CASE_BELOW, 7.667 * 1.01, 0, 0, 8, 2, NULL, {0.5}},
  {"bound-holds-.7", "take-all, bound + 1 %", case_take_all, CASE_BELOW, 12.65 * 1.01, 0, 0, 8, 2, NULL, {0.7}},
  {"keep-alive", "rate 1 / 10 min, tau 10 min", case_keep_alive, CASE_ERRORS, 0.36787944, 0, 0, 24, 4, NULL, {0}},
  {"lodco", "3.6e5 slots, ms a task", case_lodco, CASE_SHARE, 0.3065, 0, 0.02, 4, 3, "lodco", {0}},
  {"lodco-drops", "share of tasks", case_lodco, CASE_BELOW, 0, 0, 0, 4, 0, "lodco", {1}},
  {"lodco-greedy", "the same, greedy", case_lodco, CASE_SHARE, 0.5721, 0, 0.02, 4, 3, NULL, {0}},
  {"lodco-greedy-drops", "share of tasks", case_lodco, CASE_SHARE, 0.084, 0, 0.02, 8, 3, NULL, {1}},
  {"drift-power-1", "V 1, Bernoulli .8, mu 0/1/2", case_drift, CASE_SHARE, .6408, 0, .02, 4, 2, "drift_plus_penalty", {1, 0}},
  {"drift-power-5", "V 5", case_drift, CASE_SHARE, .5217, 0, .02, 4, 2, "drift_plus_penalty", {5, 0}},
  {"drift-power-20", "V 20", case_drift, CASE_SHARE, .5009, 0, .02, 4, 2, "drift_plus_penalty", {20, 0}},
  {"drift-backlog-1", "V 1", case_drift, CASE_SHARE, 2.18, 0, .02, 4, 2, "drift_plus_penalty", {1, 1}},
  {"drift-backlog-5", "V 5", case_drift, CASE_SHARE, 5.17, 0, .02, 4, 2, "drift_plus_penalty", {5, 1}},
  {"drift-backlog-20", "V 20", case_drift, CASE_SHARE, 19.2, 0, .02, 4, 2, "drift_plus_penalty", {20, 1}},
  {"break-even", "1 MB, RTT .2 s, 1 s or .2 s", case_break_even, CASE_SHARE, 1e6 / .6, 0, 1e-6, 1, 1, "latency_greedy", {0}},
  {"fan-out", "100 parts, slow w.p. .01", case_fan_out, CASE_ERRORS, .63396765873, 0, 0, 20, 5, "always_edge", {0}},
  {"two-queues-jsq", "1.6 /s, two servers of 1 /s", case_two_queues, CASE_ERRORS, 2.9557365, 0, 0, 40, 12, "jsq", {0}},
  {"two-queues-turn", "1.6 /s, two servers of 1 /s", case_two_queues, CASE_ERRORS, 3.8439798, 0, 0, 40, 12, "round_robin", {0}},
  {"hedging-none", "lognormal, no copy: p99 ms", case_hedging, CASE_SHARE, 102.4, 0, 0.01, 20, 3, NULL, {0, 0.99}},
  {"hedging-none-p999", "lognormal, no copy: p99.9 ms", case_hedging, CASE_SHARE, 219.8, 0, 0.01, 20, 0, NULL, {0, 0.999}},
  {"hedging-p95", "lognormal, copy p95: p99 ms", case_hedging, CASE_SHARE, 66.7, 0, 0.01, 20, 3, NULL, {95, 0.99}},
  {"hedging-p95-p999", "lognormal, copy p95: p99.9 ms", case_hedging, CASE_SHARE, 93.1, 0, 0.01, 20, 0, NULL, {95, 0.999}},
  {"hedging-p50", "lognormal, copy p50: p99 ms", case_hedging, CASE_SHARE, 41.2, 0, 0.01, 20, 3, NULL, {50, 0.99}},
  {"hedging-p50-p999", "lognormal, copy p50: p99.9 ms", case_hedging, CASE_SHARE, 69.2, 0, 0.01, 20, 0, NULL, {50, 0.999}},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- faults -------------------------------------------------------------------------------------------------------- */

/* What becomes of the rows of a policy. */
struct fault { const char *name, *policy, *entry; double scale; };
static const struct fault faults[] = {
  {"radius", "ucb1", "ucb1:factor=1.8", 1}, {"ties", "ucb1", "ucb1:ties=first", 1},
  {"initial", "eps_greedy", "eps_greedy:initial=20", 1}, {"scale", "ucb1", "ucb1:range=1", 1e-6}};
enum { N_FAULTS = sizeof faults / sizeof *faults };

/* NULL: none, or none of this policy. */
static const struct fault *fault_of(const char *name, const char *policy)
{
  for (int i = 0; i < N_FAULTS; i++)
    if (name && policy && !strcmp(name, faults[i].name) && !strcmp(policy, faults[i].policy)) return &faults[i];
  return NULL;
}

bool policies_has(const struct suite_options *o)
{
  bool known = !o->only, fault = !o->plant;
  for (int i = 0; i < N_CASES; i++) known = known || !strcmp(o->only, cases[i].name);
  for (int i = 0; i < N_FAULTS; i++) fault = fault || !strcmp(o->plant, faults[i].name);
  return known && fault && !o->n_overrides && !(o->margin > 0) && !(o->requests > 0) && !(o->length > 0) && !o->experiments;
}

/* ---- running ------------------------------------------------------------------------------------------------------- */

struct task { const struct policy_case *c; uint64_t run; };
struct tasks { const struct suite_options *o; size_t n; struct task *at; };

/* 0: not this time. A planted fault is looked for in the rows that it can change, with all runs. */
static int runs_of(const struct policy_case *c, const struct suite_options *o)
{
  if (o->only && strcmp(o->only, c->name)) return 0;
  if (o->plant) return fault_of(o->plant, c->policy) ? c->runs : 0;
  return !o->quick || (o->only && !c->quick_runs) ? c->runs : c->quick_runs;
}

static double value_of(const void *context, size_t job)
{
  const struct tasks *all = context;
  const struct task *t = &all->at[job];
  struct case_run r = {.seed = all->o->seed, .run = t->run, .quick = all->o->quick, .plant = all->o->plant};
  struct err err;
  err_init(&err);
  double x = t->c->run(t->c, &r, &err);
  if (err_any(&err)) err_print(&err, stderr, false);
  err_release(&err);
  return x;
}

static struct tasks list_tasks(const struct suite_options *o)
{
  struct tasks all = {.o = o};
  for (int i = 0; i < N_CASES; i++) all.n += (size_t)runs_of(&cases[i], o);
  all.at = malloc((all.n + 1) * sizeof *all.at);
  if (!all.at) check_out_of_memory(all.n * sizeof *all.at);
  all.n = 0;
  for (int i = 0; i < N_CASES; i++)
    for (int k = 0; k < runs_of(&cases[i], o); k++) all.at[all.n++] = (struct task){&cases[i], (uint64_t)k};
  return all;
}

/* ---- the verdict --------------------------------------------------------------------------------------------------- */

struct judged { double mean, se, allowed; bool ok; };

static struct judged judge(const struct policy_case *c, const struct moments *m, bool quick)
{
  struct judged j = {.mean = m->n ? m->mean : NAN, .se = m->n > 1 ? moments_sd(m) / sqrt((double)(int64_t)m->n) : 0};
  double chance = 4 * hypot(j.se, c->reference_se);
  j.allowed = c->rule == CASE_SHARE ? c->tolerance * fabs(c->reference) + (quick ? chance : 0) : chance;
  double off = j.mean - c->reference;
  j.ok = c->rule == CASE_BELOW ? off <= j.allowed : fabs(off) <= j.allowed;
  return j;
}

static void print_row(const struct policy_case *c, const struct judged *j, uint64_t runs)
{
  printf("%-18s %-36s %s%9.5g %10.5g %9.3g %9.3g %6llu  %s\n", c->name, c->setting, c->rule == CASE_BELOW ? "<" : " ",
         c->reference, j->mean, j->se, j->allowed, (unsigned long long)runs, j->ok ? "ok" : "FAIL");
}

static void put_row(json *rows, const struct policy_case *c, const struct judged *j, uint64_t runs)
{
  json *row = json_push(rows, json_new_object());
  json_put_string(json_put_string(row, "case", c->name), "setting", c->setting);
  json_put_number(json_put_number(row, "reference", c->reference), "reference_se", c->reference_se);
  json_put_number(json_put_number(json_put_number(row, "mean", j->mean), "se", j->se), "allowed", j->allowed);
  json_put_string(json_put_int(row, "runs", (int64_t)runs), "verdict", j->ok ? "ok" : "FAIL");
}

/* Judges and prints all rows; returns how many fail. */
static int report(const struct suite_options *o, const double *value, json *rows)
{
  int bad = 0;
  for (int i = 0; i < N_CASES; i++) {
    struct moments m = {0};
    int n = runs_of(&cases[i], o);
    for (int k = 0; k < n; k++) moments_add(&m, *value++);
    if (!n) continue;
    struct judged j = judge(&cases[i], &m, o->quick && !o->plant);
    bad += !j.ok;
    if (rows) put_row(rows, &cases[i], &j, m.n);
    else print_row(&cases[i], &j, m.n);
  }
  return bad;
}

static int report_json(const struct suite_options *o, const double *value)
{
  json *all = json_put_string(json_new_object(), "suite", "policies"), *rows = json_new_array();
  int bad = report(o, value, rows);
  json_put_bool(json_put_int(all, "seed", (int64_t)o->seed), "quick", o->quick);
  json_put_int(json_put(all, "rows", rows), "failed", bad);
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
  return bad;
}

static int report_table(const struct suite_options *o, const double *value)
{
  printf("offsim validate policies, seed %llu\n", (unsigned long long)o->seed);
  printf("%-18s %-36s %10s %10s %9s %9s %6s\n", "case", "setting", "reference", "here", "se", "allowed", "runs");
  int bad = report(o, value, NULL);
  printf("%d row%s failed\n", bad, bad == 1 ? "" : "s");
  return bad;
}

int validate_policies(struct suite_options *o)
{
  struct tasks all = list_tasks(o);
  double *value = malloc((all.n + 1) * sizeof *value);
  if (!value) check_out_of_memory(all.n * sizeof *value);
  bool ok = parallel_values(all.n, o->workers, value_of, &all, value);
  if (!ok) fprintf(stderr, "offsim validate policies: a worker did not end well\n");
  int bad = !ok ? 0 : o->json ? report_json(o, value) : report_table(o, value);
  free(value);
  free(all.at);
  return !ok ? EXIT_SYSTEM : bad ? EXIT_NEGATIVE : EXIT_OK;
}

/* ---- bandits ------------------------------------------------------------------------------------------------------- */

static double regret_of(const struct policy_case *c, struct bandit_problem *b, const struct case_run *r, struct err *err)
{
  struct arena *a = arena_new();
  struct policy_def def;
  const struct fault *f = fault_of(r->plant, c->policy);
  bool ok = bandit_policy(f ? f->entry : c->policy, b, a, &def, err);
  if (f) b->scale = f->scale;
  double x = ok ? bandit_regret(b, &def, r->seed, r->run, err) : NAN;
  arena_free(a);
  return x;
}

double case_regret(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct bandit_problem b = {.n_arms = 9, .horizon = 10000, .delay = (int64_t)c->argument[0]};
  for (int i = 0; i < b.n_arms; i++) b.p[i] = 0.1 * (i + 1);
  return regret_of(c, &b, r, err);
}

double case_change(const struct policy_case *c, const struct case_run *r, struct err *err)
{
  struct bandit_problem b = {.n_arms = 3, .p = {0.5, 0.3, 0.4}, .n_changes = 2, .change = {{3000, 2, 0.9}, {5000, 2, 0.4}},
                             .horizon = 10000};
  return regret_of(c, &b, r, err);
}
