/* The oracles themselves, against published numbers and against second derivations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "experiments/validate/inversion.h"
#include "models/effects.h"
#include "models/replica.h"
#include "models/stores.h"
#include "experiments/validate/queue_oracles.h"
#include <math.h>
#include <string.h>

/* A world of one station: users (place 0) and server (place 1). */
struct one { struct world_def world; struct place_def place[2]; struct class_def klass; struct task_def task; struct work_def work; struct plan_def plan; struct dist service, gaps; };

static void make(struct one *o, double rate, const char *kind, double p0, double p1, int servers, uint64_t capacity)
{
  char why[160];
  double p[2] = {p0, p1};
  memset(o, 0, sizeof *o);
  assert_true(dist_make(&o->service, kind, p, strcmp(kind, "exponential") && strcmp(kind, "constant") ? 2 : 1, why));
  o->work = (struct work_def){.kind = WORK_TIME, .time_s = &o->service};
  o->plan = (struct plan_def){.word = WORD_PLACE, .place = 1};
  o->task = (struct task_def){.name = "work", .work = &o->work, .n_plans = 1, .plan = &o->plan};
  o->klass = (struct class_def){.name = "jobs", .arrivals = {.kind = ARRIVE_POISSON, .rate_per_s = rate}, .n_tasks = 1, .task = &o->task};
  o->place[1] = (struct place_def){.servers = servers, .slots = 1, .capacity = capacity};
  o->world = (struct world_def){.n_places = 2, .place = o->place, .n_classes = 1, .klass = &o->klass};
}

static double value(const struct expectations *e, enum quantity q, double p)
{
  for (int i = 0; i < e->n; i++)
    if (e->at[i].quantity == q && (q != QUANTILE || e->at[i].p == p)) return e->at[i].value;
  fail();
  return NAN;
}

static void near(double a, double b, double relative)
{
  if (!(fabs(a - b) <= relative * fabs(b))) fail_msg("%.12g is not %.12g", a, b);
}

static void erlang_tables(void **state)
{
  near(erlang_b(10, 5), 0.018384570, 1e-7);             /* Erlang's table, A = 5, N = 10 */
  near(erlang_c(2, 1), 1.0 / 3, 1e-12);
  near(erlang_b(1, 1), 0.5, 1e-12);
}

static double complex unit_exponential(const void *context, double complex s) { return 1 / (1 + s); }

static void inversion_known(void **state)
{
  near(invert_cdf(unit_exponential, NULL, 1), 1 - exp(-1), 1e-7);
  double density;
  near(invert_quantile(unit_exponential, NULL, 0.99, &density), log(100), 1e-6);
  near(density, 0.01, 1e-3);
}

static void mm1_by_three_oracles(void **state)
{
  struct one o;
  char why[160];
  make(&o, 0.8, "exponential", 1, 0, 1, 0);
  struct expectations a = {0}, b = {0}, c = {0};
  assert_true(oracle_mmck(&o.world, &a, why) && oracle_mg1(&o.world, &b, why) && oracle_jackson(&o.world, &c, why));
  struct expectations *const all[] = {&a, &b, &c};
  for (int i = 0; i < 3; i++) {
    near(value(all[i], UTILIZATION, 0), 0.8, 1e-9);
    near(value(all[i], IN_SYSTEM, 0), 4, 1e-9);
    near(value(all[i], WAIT, 0), 4, 1e-9);
    near(value(all[i], SOJOURN, 0), 5, 1e-9);
    near(value(all[i], QUANTILE, 0.95), 5 * log(20), 1e-5);
    near(value(all[i], QUANTILE, 0.99), 5 * log(100), 1e-5);
  }
}

static void finite_and_loss(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  make(&o, 5, "exponential", 1, 0, 10, 10);
  assert_true(oracle_mmck(&o.world, &e, why));
  near(value(&e, BLOCKING, 0), erlang_b(10, 5), 1e-9);
  near(value(&e, SOJOURN, 0), 1, 1e-9);
  e.n = 0;
  make(&o, 1, "exponential", 1, 0, 1, 3);               /* rho = 1: uniform over 0..3, blocking 1/4 */
  assert_true(oracle_mmck(&o.world, &e, why));
  near(value(&e, BLOCKING, 0), 0.25, 1e-9);
  near(value(&e, IN_SYSTEM, 0), 1.5, 1e-9);
}

static void md1_and_srpt(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  make(&o, 0.5, "constant", 1, 0, 1, 0);
  assert_true(oracle_mg1(&o.world, &e, why));
  near(value(&e, WAIT, 0), 0.5, 1e-9);                  /* rho / (2 (1 - rho)) */
  /* Erlang 1909: P(wait <= t) = (1 - rho) sum_{k <= t} (-rho (t - k))^k / k! e^{rho (t - k)} for D = 1 */
  double w = value(&e, QUANTILE, 0.95) - 1, sum = 0, factorial = 1;
  for (int k = 0; k <= (int)w; k++) {
    if (k) factorial *= k;
    sum += pow(-0.5 * (w - k), k) / factorial * exp(0.5 * (w - k));
  }
  near(0.5 * sum, 0.95, 1e-4);
  e.n = 0;
  make(&o, 0.5, "exponential", 1, 0, 1, 0);
  assert_true(oracle_srpt(&o.world, &e, why));
  near(value(&e, SOJOURN, 0), 1.4254, 2e-3);            /* a separate simulation of 10^6 jobs: 1.4253 */
}

static void overload_is_refused(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  make(&o, 1.01, "exponential", 1, 0, 1, 0);
  assert_false(oracle_mmck(&o.world, &e, why));
  assert_string_equal(why, "the load is 1 or more: no steady state");
}

static struct batching_def batches(enum batching_kind kind, uint32_t size, enum batch_time time_of)
{
  return (struct batching_def){.kind = kind, .size = size, .time_of = time_of, .time_s = {.a = 2, .c = 1}};
}

/* Policy reference, section 4 (Inoue): alpha = 1, tau0 = 2. The last column is the upper bound min(phi0, phi1). */
static void take_all_table(void **state)
{
  static const double rows[][3] = {{0.1, 3.536, 3.546}, {0.5, 7.504, 7.667}, {0.7, 12.62, 12.65}};
  for (int i = 0; i < 3; i++) {
    struct one o;
    char why[160];
    struct expectations e = {0};
    double l = rows[i][0];
    make(&o, l, "constant", 0, 0, 1, 0);
    struct batching_def d = batches(BATCH_TAKE_ALL, UINT32_MAX, BATCH_CURVE);
    o.place[1].batching = &d;
    assert_true(oracle_take_all(&o.world, &e, why));
    near(value(&e, SOJOURN, 0), rows[i][1], 0.005);
    double phi0 = 3 / (2 * (1 - l)) * (1 + 4 * l + (1 - 2 * l) / (1 + l));
    double phi1 = 3 * 2 / (2 * (1 - l)) + (l + 2) / (2 * (1 - l * l));
    near(fmin(phi0, phi1), rows[i][2], 1e-3);
    assert_true(value(&e, SOJOURN, 0) <= fmin(phi0, phi1));
    near(value(&e, IN_SYSTEM, 0), l * value(&e, SOJOURN, 0), 1e-9);
    near(offered_load(&o.world), l, 1e-12);
    assert_false(oracle_bulk(&o.world, &e, why));
  }
}

/* b = 1: M/M/1. b = 2, lambda = mu = 1: r^2 + r - 1 = 0, the golden ratio. By hand then: C = 1 / (1 / (1 - r) + 1). */
static void bulk_service(void **state)
{
  struct one o;
  char why[160];
  struct expectations one = {0}, two = {0}, plain = {0};
  make(&o, 0.8, "exponential", 1, 0, 1, 0);
  assert_true(oracle_mmck(&o.world, &plain, why));
  struct batching_def d = batches(BATCH_TAKE_ALL, 1, BATCH_FIRST);
  o.place[1].batching = &d;
  assert_true(oracle_bulk(&o.world, &one, why));
  near(value(&one, SOJOURN, 0), 5, 1e-9);
  near(value(&one, UTILIZATION, 0), 0.8, 1e-9);
  near(value(&one, BATCH_SIZE, 0), 1, 1e-9);
  near(value(&one, QUANTILE, 0.99), value(&plain, QUANTILE, 0.99), 1e-5);
  make(&o, 1, "exponential", 1, 0, 1, 0);
  d.size = 2;
  o.place[1].batching = &d;
  assert_true(oracle_bulk(&o.world, &two, why));
  double r = (sqrt(5) - 1) / 2, c = 1 / (1 / (1 - r) + 1);
  near(value(&two, UTILIZATION, 0), 1 - c, 1e-9);
  near(value(&two, WAIT, 0), c * r / ((1 - r) * (1 - r)), 1e-9);
  near(offered_load(&o.world), 0.5, 1e-12);
  d.time_of = BATCH_LONGEST;
  assert_false(oracle_bulk(&o.world, &two, why));
}

/* Welch: lambda .5, mu 1, D = 1: W = 1 + (2 + .5) / (2 * 1.5). A setup of no time is M/M/1, cold when it finds nobody
 * (1 - rho) after more than the keep-alive (exp(-lambda tau)). */
static void setup_by_hand(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  struct dist setup = dist_constant(1);
  struct cold_step_def step = {.name = "start", .time_s = &setup};
  struct cold_start_def start = {1, &step};
  struct instances_def come = {.max = 1, .cold_start = &start};
  make(&o, 0.5, "exponential", 1, 0, 1, 0);
  assert_false(oracle_setup(&o.world, &e, why));
  o.place[1].instances = &come;
  assert_true(oracle_setup(&o.world, &e, why));
  near(value(&e, WAIT, 0), 1 + 2.5 / 3, 1e-12);
  near(value(&e, COLD, 0), 0.5, 1e-12);
  setup = dist_constant(0);
  come.keep_s = 2;
  e.n = 0;
  assert_true(oracle_setup(&o.world, &e, why));
  near(value(&e, WAIT, 0), 1, 1e-12);
  near(value(&e, COLD, 0), 0.5 * exp(-1), 1e-12);
}

/* Up so long that it never fails: M/M/1. Up for half of the time: just not enough for a load of .5. */
static void breakdowns_by_hand(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  struct dist up, down;
  double mtbf = 1e12, mttr = 1;
  struct failures_def fail_def = {.mtbf_s = &up, .mttr_s = &down, .work = FAILED_WORK_RESUME};
  make(&o, 0.5, "exponential", 1, 0, 1, 0);
  o.place[1].failures = &fail_def;
  assert_true(dist_make(&up, "exponential", &mtbf, 1, why) && dist_make(&down, "exponential", &mttr, 1, why));
  assert_true(oracle_breakdowns(&o.world, &e, why));
  near(value(&e, IN_SYSTEM, 0), 1, 1e-9);
  mtbf = 1, mttr = 1;
  assert_true(dist_make(&up, "exponential", &mtbf, 1, why) && dist_make(&down, "exponential", &mttr, 1, why));
  assert_false(oracle_breakdowns(&o.world, &e, why));
  mtbf = 3, mttr = 1;                                   /* xi 1/3, eta 1, spare 1/3: L = .75 * .75 / (1/3) * 4/3 + .125 */
  e.n = 0;
  assert_true(dist_make(&up, "exponential", &mtbf, 1, why) && oracle_breakdowns(&o.world, &e, why));
  near(value(&e, IN_SYSTEM, 0), 0.75 * 0.75 * 3 * 4 / 3 + 0.125, 1e-9);
}

struct starts { struct dist setup; struct cold_step_def step; struct cold_start_def start; struct instances_def come; };

/* Policy reference, section 4: one instance, rate 1 / 10 min, keep-alive 10 min: .3679. */
static void cold_after_keep_alive(void **state)
{
  struct one o;
  struct starts s = {.setup = dist_constant(0), .step = {.name = "start", .time_s = &s.setup}, .start = {1, &s.step},
                     .come = {.max = 1, .cold_start = &s.start, .keep_s = 600}};
  char why[160];
  struct expectations e = {0};
  make(&o, 1 / 600.0, "constant", 1e-6, 0, 1, 0);
  o.place[1].instances = &s.come;
  assert_true(oracle_setup(&o.world, &e, why));
  near(value(&e, COLD, 0), 0.3679, 1e-4);
}

/* ---- M/M/c/setup ----------------------------------------------------------------------------------------------------- */

/* E[jobs] of the oracle; service 1 s. */
static double jobs_by_oracle(double rate, double setup_s, int servers)
{
  struct one o;
  struct starts s = {.step = {.name = "start", .time_s = &s.setup}, .start = {1, &s.step}};
  char why[160] = "";
  struct expectations e = {0};
  s.come = (struct instances_def){.max = (uint32_t)servers, .cold_start = &s.start, .cancels = true};
  make(&o, rate, "exponential", 1, 0, servers, 0);
  o.place[1].instances = &s.come;
  assert_true(dist_make(&s.setup, "exponential", &setup_s, 1, why));
  if (!oracle_mmc_setup(&o.world, &e, why)) fail_msg("%s", why);
  near(value(&e, SOJOURN, 0) * rate, value(&e, IN_SYSTEM, 0), 1e-12);
  return value(&e, IN_SYSTEM, 0);
}

/* The same by following the chain step by step (uniformised): mass moves by each rule of the model, at most 200 jobs. */
static double jobs_by_steps(double rate, double alpha, int c)
{
  enum { JOBS = 200 };
  static double now[JOBS + 1][8], next[JOBS + 1][8];
  double fastest = rate + c + c * alpha, mean = 0, total = 0;
  memset(now, 0, sizeof now);
  for (now[0][0] = 1; fastest < 1e9 && total < 20000; total++) {
    memcpy(next, now, sizeof now);
    for (int j = 0; j <= JOBS; j++)
      for (int i = 0; i <= c && i <= j; i++) {
        double p = now[j][i] / fastest, starting = j - i < c - i ? j - i : c - i;
        bool in = j < JOBS;
        if (in) next[j + 1][i] += rate * p, next[j][i] -= rate * p;
        if (starting > 0) next[j][i + 1] += starting * alpha * p, next[j][i] -= starting * alpha * p;
        if (i > 0 && j > i) next[j - 1][i] += i * p, next[j][i] -= i * p;
        if (i > 0 && j == i) next[j - 1][i - 1] += i * p, next[j][i] -= i * p;
      }
    memcpy(now, next, sizeof now);
  }
  for (int j = 0; j <= JOBS; j++)
    for (int i = 0; i <= c; i++) mean += j * now[j][i];
  return mean;
}

/* c = 1: E[T] = 1 / (mu - lambda) + 1 / alpha. No setup: Erlang C. Else: the chain, step by step. */
static void servers_with_setup(void **state)
{
  near(jobs_by_oracle(0.8, 2, 1), 0.8 * (5 + 2), 1e-9);
  near(jobs_by_oracle(0.9, 2, 1), 0.9 * (10 + 2), 1e-9);
  near(jobs_by_oracle(3.2, 1e-9, 4), 3.2 + erlang_c(4, 3.2) * 4, 1e-6);
  near(jobs_by_oracle(1, 2, 2), jobs_by_steps(1, 0.5, 2), 1e-7);
  near(jobs_by_oracle(2, 4, 3), jobs_by_steps(2, 0.25, 3), 1e-7);
}

static void setup_of_another_kind(void **state)
{
  struct one o;
  char why[160];
  struct expectations e = {0};
  struct starts s = {.setup = dist_constant(1), .step = {.name = "start", .time_s = &s.setup}, .start = {1, &s.step}};
  s.come = (struct instances_def){.max = 2, .cold_start = &s.start, .cancels = true};
  make(&o, 1, "exponential", 1, 0, 2, 0);
  assert_false(oracle_mmc_setup(&o.world, &e, why));
  o.place[1].instances = &s.come;
  assert_false(oracle_mmc_setup(&o.world, &e, why));
  assert_string_equal(why, "needs a cold start of one step with an exponential time");
  s.come.cancels = false;
  assert_false(oracle_mmc_setup(&o.world, &e, why));
}

/* ---- Erlang A -------------------------------------------------------------------------------------------------------- */

static struct expectations erlang_a(double rate, double patience_s, int servers)
{
  struct one o;
  struct dist patience;
  char why[160] = "";
  struct expectations e = {0};
  make(&o, rate, "exponential", 1, 0, servers, 0);
  assert_true(dist_make(&patience, "exponential", &patience_s, 1, why));
  o.task.patience_s = &patience;
  if (!oracle_erlang_a(&o.world, &e, why)) fail_msg("%s", why);
  return e;
}

/* theta = mu: the number in the system is Poisson; with lambda = mu and one server P(wait) = 1 - 1 / e, and of the rate 1
 * the server takes 1 - 1 / e. Great patience: Erlang C; none: Erlang B. Overload: a fluid, 1 - c mu / lambda give up. */
static void patience_limits(void **state)
{
  struct expectations e = erlang_a(1, 1, 1);
  near(value(&e, ABANDONED, 0), exp(-1), 1e-12);
  near(value(&e, WAITED, 0), 1 - exp(-1), 1e-12);
  near(value(&e, IN_SYSTEM, 0), 1, 1e-12);
  near(value(&e, UTILIZATION, 0), 1 - exp(-1), 1e-12);
  near(value(&e, WAIT, 0), exp(-1), 1e-12);             /* E[Q] = 1 - (1 - 1 / e) */
  e = erlang_a(3.2, 1e9, 4);
  near(value(&e, WAITED, 0), erlang_c(4, 3.2), 1e-6);
  near(value(&e, WAIT, 0), erlang_c(4, 3.2) / 0.8, 1e-6);
  e = erlang_a(3.2, 1e-9, 4);
  near(value(&e, ABANDONED, 0), erlang_b(4, 3.2), 1e-6);
  e = erlang_a(400, 100, 100);
  near(value(&e, ABANDONED, 0), 0.75, 1e-9);
}

/* By hand: lambda 2, mu 1, c 1, theta 1/2: p_n = p_0 2^n / (1 (3/2) (2) ... ), deaths (n + 1) / 2: p_n = p_0 4^n / (n + 1)!,
 * p_0 = 4 / (e^4 - 1): a Poisson law of mean 4 but for its 0. */
static void patience_by_hand(void **state)
{
  struct expectations e = erlang_a(2, 2, 1);
  double none = 4 / (exp(4) - 1), jobs = 4 * exp(4) / (exp(4) - 1) - 1;
  near(value(&e, UTILIZATION, 0), 1 - none, 1e-12);
  near(value(&e, WAITED, 0), 1 - none, 1e-12);
  near(value(&e, IN_SYSTEM, 0), jobs, 1e-12);
  near(value(&e, ABANDONED, 0), (jobs - (1 - none)) / 4, 1e-12);
}

/* Crommelin's series: D sum_i exp(-ia) [P_i(ic) - P_i(ic + 1) c / a], P_i(n) = sum_{j >= n} (ia)^j / j!. */
static double crommelin_wait(int c, double a)
{
  double wait = 0;
  for (int i = 1; i <= 1200; i++) {
    double tail = 0;
    for (int j = i * c + 800; j > i * c; j--) tail += exp(j * log(i * a) - i * a - lgamma(j + 1.0));
    wait += tail * (1 - c / a) + exp(i * c * log(i * a) - i * a - lgamma(i * c + 1.0));
  }
  return wait;
}

static void constant_service(void **state)
{
  static const struct { int c; double rho; } at[] = {{2, 0.5}, {4, 0.5}, {4, 0.8}, {4, 0.9}, {10, 0.9}};
  struct one o;
  char why[160];
  for (int i = 0; i < 5; i++) {
    struct expectations e = {0};
    make(&o, at[i].c * at[i].rho, "constant", 1, 0, at[i].c, 0);
    assert_true(oracle_mdc(&o.world, &e, why));
    near(value(&e, WAIT, 0), crommelin_wait(at[i].c, at[i].c * at[i].rho), 1e-8);
  }
  for (double rho = 0.5; rho < 0.95; rho += 0.2) {      /* one server: Pollaczek and Khinchine, by inversion */
    struct expectations a = {0}, b = {0};
    make(&o, rho, "constant", 1, 0, 1, 0);
    assert_true(oracle_mdc(&o.world, &a, why) && oracle_mg1(&o.world, &b, why));
    near(value(&a, WAIT, 0), value(&b, WAIT, 0), 1e-9);
    near(value(&a, QUANTILE, 0.95), value(&b, QUANTILE, 0.95), 1e-4);
    near(value(&a, QUANTILE, 0.99), value(&b, QUANTILE, 0.99), 1e-4);
  }
  struct expectations e = {0};
  make(&o, 3.99, "constant", 1, 0, 4, 0);
  assert_false(oracle_mdc(&o.world, &e, why));          /* cannot be cut where 1e-12 is left */
}

static void same_rows(const struct expectations *a, const struct expectations *b, double quantiles)
{
  near(value(a, UTILIZATION, 0), value(b, UTILIZATION, 0), 1e-9);
  near(value(a, WAIT, 0), value(b, WAIT, 0), 1e-8);
  near(value(a, SOJOURN, 0), value(b, SOJOURN, 0), 1e-9);
  near(value(a, QUANTILE, 0.95), value(b, QUANTILE, 0.95), quantiles);
  near(value(a, QUANTILE, 0.99), value(b, QUANTILE, 0.99), quantiles);
}

static void erlang_service(void **state)
{
  struct one o;
  char why[160];
  for (int k = 1; k <= 8; k += 3) {                     /* one server: Pollaczek and Khinchine */
    struct expectations a = {0}, b = {0};
    make(&o, 0.8, "erlang", 1, k, 1, 0);
    assert_true(oracle_mekc(&o.world, &a, why) && oracle_mg1(&o.world, &b, why));
    same_rows(&a, &b, 1e-6);
  }
  for (int c = 2; c <= 8; c += 3) {                     /* one phase: Erlang C */
    struct expectations a = {0}, b = {0};
    make(&o, 0.8 * c, "erlang", 1, 1, c, 0);
    assert_true(oracle_mekc(&o.world, &a, why));
    make(&o, 0.8 * c, "exponential", 1, 0, c, 0);
    assert_true(oracle_mmck(&o.world, &b, why));
    same_rows(&a, &b, 1e-6);
  }
  double before = INFINITY;                             /* the more phases, the nearer to constant service, from above */
  for (int k = 1; k <= 4; k++) {
    struct expectations e = {0};
    make(&o, 3.2, "erlang", 1, k, 4, 0);
    assert_true(oracle_mekc(&o.world, &e, why));
    double wait = value(&e, WAIT, 0);
    assert_true(wait < before && wait > crommelin_wait(4, 3.2));
    before = wait;
  }
  struct expectations e = {0};
  make(&o, 1, "erlang", 1, 8, 8, 0);
  assert_false(oracle_mekc(&o.world, &e, why));         /* too many ways */
}

/* One item, written once a second: 1 - E[exp(-L)]; two equal ones: each written every other second. */
static double stale_by_oracle(const char *lag, double mean, double items)
{
  static struct dist late, item;
  char why[160];
  assert_true(dist_make(&late, lag, (double[]){mean}, 1, why) && dist_make(&item, "zipf", (double[]){items, 0}, 2, why));
  const struct attribute_def attribute[2] = {{.name = "difficulty"}, {.name = "item", .dist = &item}};
  const struct expr_op op = {.kind = EXPR_ATTRIBUTE, .attribute = 1};
  const struct access_def access[2] = {{.item = {1, 2, &op}}, {.writes = true, .item = {1, 2, &op}}};
  const struct effect_def effect[2] = {{.access = &access[0]}, {.access = &access[1]}};
  const struct plan_def plan[2] = {{.word = WORD_PLACE, .place = 1}, {.word = WORD_PLACE}};
  const struct task_def task[2] = {{.n_plans = 1, .plan = &plan[0], .effect = &effect[0]}, {.n_plans = 1, .plan = &plan[1], .effect = &effect[1]}};
  const struct class_def klass[2] = {
    {.arrivals = {.kind = ARRIVE_POISSON, .rate_per_s = 9}, .n_attributes = 2, .attribute = attribute, .n_tasks = 1, .task = &task[0]},
    {.arrivals = {.kind = ARRIVE_POISSON, .rate_per_s = 1}, .n_attributes = 2, .attribute = attribute, .n_tasks = 1, .task = &task[1]}};
  const struct store_def store = {.name = "data", .lag_s = &late};
  const struct world_def world = {.n_classes = 2, .klass = klass, .n_stores = 1, .store = &store};
  struct expectations e = {0};
  assert_true(oracle_stale_reads(&world, &e, why));
  return value(&e, STALE, 0);
}

static void stale_reads(void **state)
{
  near(stale_by_oracle("exponential", 2, 1), 2.0 / 3, 1e-12);
  near(stale_by_oracle("constant", 1, 1), 1 - exp(-1), 1e-12);
  near(stale_by_oracle("exponential", 2, 2), 0.5, 1e-12);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(take_all_table), cmocka_unit_test(bulk_service),
    cmocka_unit_test(erlang_tables), cmocka_unit_test(inversion_known), cmocka_unit_test(mm1_by_three_oracles),
    cmocka_unit_test(finite_and_loss), cmocka_unit_test(md1_and_srpt), cmocka_unit_test(overload_is_refused),
    cmocka_unit_test(setup_by_hand), cmocka_unit_test(breakdowns_by_hand),
    cmocka_unit_test(cold_after_keep_alive), cmocka_unit_test(servers_with_setup), cmocka_unit_test(setup_of_another_kind),
    cmocka_unit_test(patience_limits), cmocka_unit_test(constant_service), cmocka_unit_test(stale_reads), cmocka_unit_test(erlang_service),
    cmocka_unit_test(patience_by_hand),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
