/* `offsim validate intervals`: do the intervals hold the truth as often as they say, and is it seen when they do not?
 *
 * Experiments on the sojourn time of M/M/1 (service rate 1, arrivals rho, empty at the start), by Lindley's recursion:
 *   run-*         one run of `length` customers, truncated by MSER-5
 *   replications-* 10 replications of length / 10, after the truncation that MSER-5 finds in a pilot of that length
 *   sequential    replications of length / 10, in rounds as of `replications: {until: ...}`, until the half-width is 2 % of the
 *                 mean (experiments/until.c)
 * Too short: by the values (trust_run, trust_replications), or by the utilization that the experiment measured, customers'
 * work over the time between their arrivals (trust_queue); of a pair that of the slower server, which is busier.
 * Truth: mean 1 / (1 - rho), p95 ln 20 / (1 - rho), paired: the mean less that of a server 10 % faster with the same
 * arrivals and work, 1 / (1 - rho) - 1 / (1.1 - rho).
 *
 * Judged, each by a one-sided binomial test; together they accuse a right program with at most 0.1 %:
 *   - unflagged experiments hold the truth in >= 93 %: all of a metric together, and each cell with 50 of them or more;
 *   - the flag fires in >= 90 %: over the cells of a metric whose coverage lies below 90 % by more than two standard errors,
 *     and in each cell that lies below by more than three;
 *   - it fires in <= 5 % in each cell of length / tau >= 1000, where theory promises 95 %, and (full size) over the cells of
 *     a metric whose coverage was measured >= 94 %.
 * tau: trust_queue_tau at the true load. Check: 79.1 at .8.
 * An experiment depends on (seed, cell, its number) only, counts are added: the verdict does not depend on the workers. */
#include "experiments/until.h"
#include "experiments/validate/suites.h"
#include "sim/check.h"
#include "sim/json.h"
#include "sim/rng.h"
#include "sim/trust.h"
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind { RUN_MEAN, RUN_P95, RUN_PAIRED, REPL_MEAN, REPL_P95, REPL_PAIRED, SEQUENTIAL, N_KINDS };
static const char *const kind_name[N_KINDS] = {"run-mean", "run-p95", "run-paired", "replications-mean",
                                               "replications-p95", "replications-paired", "sequential"};
static const double loads[] = {0.5, 0.8, 0.9, 0.95};
static const double lengths[] = {1e3, 1e4, 1e5, 1e6};
enum { N_LOADS = sizeof loads / sizeof *loads, N_LENGTHS = sizeof lengths / sizeof *lengths, N_CELLS = N_LOADS * N_LENGTHS };
enum { REPLICATIONS = 10, MOST_REPLICATIONS = 20000, EXPERIMENTS = 2000, MOST_TESTS = 400, LEAST_SPARED = 50 };
enum { QUICK_SEQUENTIAL = 80 };
static const int quick_experiments[N_LENGTHS] = {300, 400, 80, 0};
#define FASTER 1.1
#define PRECISION 0.02
#define CONFIDENCE 0.95
#define FALSE_ALARM (0.001 / MOST_TESTS)                /* of one test */
#define NOMINAL 1000                                    /* length / tau from which theory promises the coverage */

enum fault { NO_FAULT, PLANT_IID, PLANT_NEVER, PLANT_ALWAYS, N_FAULTS };
static const char *const fault_name[N_FAULTS] = {"", "iid", "never", "always"};

struct tally { uint64_t n, held, flagged, unflagged_held; };
struct cell { double rho; size_t length; int index; };
struct usage { double work, time; size_t n; };           /* of the slower server */
struct bench {
  struct cell cell;
  struct rng_root root;
  enum fault fault;
  struct tally *tally;
  double *x, *off, mean[MOST_REPLICATIONS];
};

/* ---- the queue ----------------------------------------------------------------------------------------------------- */

/* Sojourn times of the first n customers into x; if `off`, less those at the faster server into it. */
static struct usage sojourns(struct rng *r, double rho, size_t n, double *x, double *off)
{
  struct usage u = {.n = n};
  double wait = 0, faster_wait = 0;
  for (size_t i = 0; i < n; i++) {
    double work = rng_exponential(r), gap = rng_exponential(r) / rho;
    x[i] = wait + work;
    wait = x[i] > gap ? x[i] - gap : 0;
    u.work += work;
    u.time += gap;
    if (!off)
      continue;
    double faster = faster_wait + work / FASTER;
    off[i] = x[i] - faster;
    faster_wait = faster > gap ? faster - gap : 0;
  }
  return u;
}

static void usage_add(struct usage *sum, struct usage u)
{
  sum->work += u.work;
  sum->time += u.time;
  sum->n += u.n;
}

static double truth(double rho, enum kind k)
{
  double mean = 1 / (1 - rho);
  if (k == RUN_P95 || k == REPL_P95)
    return mean * log(20);
  return k == RUN_PAIRED || k == REPL_PAIRED ? mean - 1 / (FASTER - rho) : mean;
}

static struct trust_queue queue_of(double utilization, size_t served, uint64_t runs)
{
  return (struct trust_queue){.utilization = utilization, .served = (double)served, .runs = runs, .servers = 1,
                              .arrival_variation = 1, .service_variation = 1};
}

static double correlation_time(double rho)
{
  struct trust_queue q = queue_of(rho, 0, 1);
  return trust_queue_tau(&q);
}

/* ---- experiments --------------------------------------------------------------------------------------------------- */

static void count(struct bench *b, enum kind k, struct interval i, bool flag)
{
  double t = truth(b->cell.rho, k);
  bool held = i.lo <= t && t <= i.hi;
  flag = b->fault == PLANT_ALWAYS || (flag && b->fault != PLANT_NEVER);
  struct tally *c = &b->tally[k];
  c->n++;
  c->held += held;
  c->flagged += flag;
  c->unflagged_held += held && !flag;
}

static struct rng stream(const struct bench *b, enum kind k, size_t replication)
{
  return rng_open(&b->root, rng_name("validate intervals"), (uint64_t)(b->cell.index * N_KINDS + (int)k), replication);
}

static struct interval run_interval(const struct bench *b, const double *x, size_t n)
{
  return b->fault == PLANT_IID ? interval_t(x, n, CONFIDENCE) : interval_steady(x, n, CONFIDENCE);
}

static bool too_short(struct trust of_values, struct usage u, size_t served, uint64_t runs, double q)
{
  struct trust_queue k = queue_of(u.work / u.time, served, runs);
  return trust_both(of_values, trust_queue(&k, q)).too_short;
}

static void one_run(struct bench *b, bool paired, bool others)
{
  bool late;
  size_t n = b->cell.length;
  struct rng r = stream(b, RUN_MEAN, 0);
  struct usage u = sojourns(&r, b->cell.rho, n, b->x, b->off);
  if (others) {
    size_t d = mser5(b->x, n, &late), left = n - d;
    const double *x = b->x + d;
    count(b, RUN_MEAN, run_interval(b, x, left), too_short(trust_run(x, left, late), u, left, 1, 0));
    count(b, RUN_P95, interval_steady_quantile(x, left, 0.95, CONFIDENCE),
          too_short(trust_run_quantile(x, left, 0.95, late), u, left, 1, 0.95));
  }
  if (paired) {
    size_t d = mser5(b->off, n, &late), left = n - d;
    const double *x = b->off + d;
    count(b, RUN_PAIRED, run_interval(b, x, left), too_short(trust_run(x, left, late), u, left, 1, 0));
  }
}

static double mean_of(const double *x, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i];
  return sum / (double)n;
}

/* Reorders x: called last. */
static double p95_of(double *x, size_t n)
{
  return gsl_stats_select(x, 1, n, (size_t)ceil(0.95 * (double)n) - 1);
}

/* The truncation, from a pilot: the later one of both series, as for policies that are compared. */
static size_t pilot(struct bench *b, enum kind k, size_t n, double *off)
{
  bool late;
  struct rng r = stream(b, k, 0);
  sojourns(&r, b->cell.rho, n, b->x, off);
  size_t d = mser5(b->x, n, &late), other = off ? mser5(off, n, &late) : 0;
  return d > other ? d : other;
}

static void replications(struct bench *b)
{
  size_t n = b->cell.length / REPLICATIONS, d = pilot(b, REPL_MEAN, n, b->off);
  double mean[REPLICATIONS], p95[REPLICATIONS], off[REPLICATIONS];
  struct trust_pool pool = {0}, of_off = {0};
  struct usage u = {0};
  for (size_t k = 0; k < REPLICATIONS; k++) {
    struct rng r = stream(b, REPL_MEAN, k + 1);
    usage_add(&u, sojourns(&r, b->cell.rho, d + n, b->x, b->off));
    mean[k] = mean_of(b->x + d, n);
    off[k] = mean_of(b->off + d, n);
    trust_pool_add(&pool, b->x + d, n);
    trust_pool_add(&of_off, b->off + d, n);
    p95[k] = p95_of(b->x + d, n);
  }
  size_t all = n * REPLICATIONS;
  count(b, REPL_MEAN, interval_t(mean, REPLICATIONS, CONFIDENCE),
        too_short(trust_replications(&pool, 0), u, all, REPLICATIONS, 0));
  count(b, REPL_P95, interval_t(p95, REPLICATIONS, CONFIDENCE),
        too_short(trust_replications(&pool, 0.95), u, all, REPLICATIONS, 0.95));
  count(b, REPL_PAIRED, interval_t(off, REPLICATIONS, CONFIDENCE),
        too_short(trust_replications(&of_off, 0), u, all, REPLICATIONS, 0));
}

static void sequential(struct bench *b)
{
  size_t length = b->cell.length / REPLICATIONS, d = pilot(b, SEQUENTIAL, length, NULL), n = 0;
  struct trust_pool pool = {0};
  struct usage u = {0};
  double *mean = b->mean;
  bool enough = false;
  while (!enough && n < MOST_REPLICATIONS) {
    for (size_t to = until_next(n, MOST_REPLICATIONS); n < to; n++) {
      struct rng r = stream(b, SEQUENTIAL, n + 1);
      usage_add(&u, sojourns(&r, b->cell.rho, d + length, b->x, NULL));
      mean[n] = mean_of(b->x + d, length);
      trust_pool_add(&pool, b->x + d, length);
    }
    enough = until_precise(&mean, 1, n, "latency_mean_s", PRECISION);
  }
  bool is_short = too_short(trust_replications(&pool, 0), u, n * length, n, 0);
  count(b, SEQUENTIAL, interval_t(mean, n, CONFIDENCE), !enough || is_short);
}

/* ---- all of them, over forked workers ------------------------------------------------------------------------------ */

struct cells { int n; struct cell at[N_CELLS]; int experiments[N_CELLS]; };

static struct cells choose_cells(const struct suite_options *o)
{
  struct cells c = {0};
  for (int l = 0; l < N_LENGTHS; l++)
    for (int r = 0; r < N_LOADS; r++) {
      bool left_out = o->quick && !quick_experiments[l] && !(o->length > 0);
      int experiments = left_out ? 0 : o->experiments ? o->experiments : o->quick ? quick_experiments[l] : EXPERIMENTS;
      if (!experiments || (o->length > 0 && o->length != lengths[l]))
        continue;
      c.experiments[c.n] = experiments;
      c.at[c.n++] = (struct cell){.rho = loads[r], .length = (size_t)lengths[l], .index = l * N_LOADS + r};
    }
  return c;
}

static bool chosen(const struct suite_options *o, enum kind k)
{
  return !o->only || !strcmp(o->only, kind_name[k]);
}

/* The reduced size leaves out what costs most: 2 % at a load of .9 takes 4 million customers. */
static bool runs_sequential(const struct suite_options *o, double rho, int e)
{
  bool reduced = o->quick && !o->experiments;
  return chosen(o, SEQUENTIAL) && (!o->quick || rho < 0.85) && (!reduced || e < QUICK_SEQUENTIAL) && o->plant == NULL;
}

static void experiment(const struct suite_options *o, struct bench *b, int e)
{
  bool others = chosen(o, RUN_MEAN) || chosen(o, RUN_P95), paired = chosen(o, RUN_PAIRED);
  if (others || paired)
    one_run(b, paired, others);
  if (chosen(o, REPL_MEAN) || chosen(o, REPL_P95) || chosen(o, REPL_PAIRED))
    replications(b);
  if (runs_sequential(o, b->cell.rho, e))
    sequential(b);
}

static double *values(size_t n)
{
  double *x = malloc(n * sizeof *x);
  if (!x)
    check_out_of_memory(n * sizeof *x);
  return x;
}

static void work(const struct suite_options *o, const struct cells *c, enum fault fault, int worker, struct tally *tally)
{
  struct bench b = {.fault = fault, .x = values((size_t)lengths[N_LENGTHS - 1]), .off = values((size_t)lengths[N_LENGTHS - 1])};
  for (int i = c->n; i-- > 0;)                          /* the longest first */
    for (int e = worker; e < c->experiments[i]; e += o->workers) {
      b.cell = c->at[i];
      b.root = rng_root_make(o->seed, (uint64_t)e);
      b.tally = tally + (size_t)i * N_KINDS;
      experiment(o, &b, e);
    }
  free(b.x);
  free(b.off);
}

static void add_up(struct tally *sum, const struct tally *part, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    sum[i].n += part[i].n;
    sum[i].held += part[i].held;
    sum[i].flagged += part[i].flagged;
    sum[i].unflagged_held += part[i].unflagged_held;
  }
}

/* Each worker counts in its own part of shared memory. */
static bool work_all(const struct suite_options *o, const struct cells *c, enum fault fault, struct tally *sum)
{
  size_t each = (size_t)c->n * N_KINDS, bytes = each * (size_t)o->workers * sizeof(struct tally);
  struct tally *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return false;
  bool ok = true;
  int status, running = 0;
  fflush(stdout);
  for (int w = 0; ok && w < o->workers; w++) {
    pid_t child = fork();
    if (child == 0) {
      work(o, c, fault, w, shared + each * (size_t)w);
      _exit(EXIT_OK);
    }
    ok = child > 0;
    running += child > 0;
  }
  for (; running > 0; running--)
    ok = wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && ok;
  for (int w = 0; ok && w < o->workers; w++)
    add_up(sum, shared + each * (size_t)w, each);
  munmap(shared, bytes);
  return ok;
}

/* ---- the verdict --------------------------------------------------------------------------------------------------- */

static double coverage(const struct tally *t)
{
  return (double)t->held / (double)t->n;
}

static double flag_rate(const struct tally *t)
{
  return (double)t->flagged / (double)t->n;
}

static double spared_coverage(const struct tally *t)
{
  uint64_t n = t->n - t->flagged;
  return n ? (double)t->unflagged_held / (double)n : NAN;
}

static bool surely_below(uint64_t hits, uint64_t n, double p)
{
  return n > 0 && gsl_cdf_binomial_P((unsigned)hits, p, (unsigned)n) < FALSE_ALARM;
}

static bool spared_miss(const struct tally *t)
{
  return surely_below(t->unflagged_held, t->n - t->flagged, 0.93);
}

static bool flags_miss(const struct tally *t)
{
  return surely_below(t->flagged, t->n, 0.90);
}

static bool false_flags(const struct tally *t)
{
  return surely_below(t->n - t->flagged, t->n, 0.95);
}

static bool nominal(const struct cell *c)
{
  return (double)c->length / correlation_time(c->rho) >= NOMINAL;
}

/* Coverage below 90 % by more than so many standard errors. */
static bool lies_low(const struct tally *t, double errors)
{
  double p = coverage(t);
  return p + errors * sqrt(fmax(p * (1 - p), 0.01) / (double)t->n) < 0.90;
}

static const char *judge_cell(const struct cell *c, const struct tally *t)
{
  if (t->n - t->flagged >= LEAST_SPARED && spared_miss(t))
    return "FAIL: unflagged coverage";
  if (lies_low(t, 3) && flags_miss(t))
    return "FAIL: not flagged";
  return nominal(c) && false_flags(t) ? "FAIL: flagged" : "ok";
}

/* What the demand says of a cell by its measured coverage, without allowance for chance. */
static const char *miss_by_number(const struct tally *t)
{
  double p = coverage(t), f = flag_rate(t);
  if ((p < 0.90 && f < 0.90) || (p >= 0.94 && f > 0.05))
    return "flag";
  return t->flagged < t->n && spared_coverage(t) < 0.93 ? "coverage" : "";
}

struct pooled { struct tally all, low, high; };

static struct pooled pool_cells(const struct cells *c, const struct tally *tally, enum kind k)
{
  struct pooled p = {0};
  for (int i = 0; i < c->n; i++) {
    const struct tally *t = &tally[(size_t)i * N_KINDS + (size_t)k];
    if (t->n == 0)
      continue;
    add_up(&p.all, t, 1);
    if (lies_low(t, 2))
      add_up(&p.low, t, 1);
    if (coverage(t) >= 0.94)
      add_up(&p.high, t, 1);
  }
  return p;
}

static const char *judge_pooled(const struct pooled *p, bool quick)
{
  if (spared_miss(&p->all))
    return "FAIL: unflagged coverage";
  if (flags_miss(&p->low))
    return "FAIL: not flagged";
  return !quick && false_flags(&p->high) ? "FAIL: flagged" : "ok";
}

/* ---- the report ---------------------------------------------------------------------------------------------------- */

static double percent(double share)
{
  return 100 * share;
}

static int print_cells(const struct cells *c, const struct tally *tally, json *rows)
{
  int bad = 0;
  for (int k = 0; k < N_KINDS; k++)
    for (int i = 0; i < c->n; i++) {
      const struct tally *t = &tally[(size_t)i * N_KINDS + (size_t)k];
      if (t->n == 0)
        continue;
      const char *verdict = judge_cell(&c->at[i], t);
      bad += strcmp(verdict, "ok") != 0;
      if (rows) {
        json *row = json_put_string(json_push(rows, json_new_object()), "case", kind_name[k]);
        json_put_int(json_put_number(row, "rho", c->at[i].rho), "length", (int64_t)c->at[i].length);
        json_put_number(json_put_int(row, "experiments", (int64_t)t->n), "coverage", coverage(t));
        json_put_number(json_put_number(row, "flagged", flag_rate(t)), "unflagged_coverage", spared_coverage(t));
        json_put_string(row, "verdict", verdict);
        continue;
      }
      printf("%-20s %4.3g %8zu %8.3g %6llu %8.1f %8.1f %9.1f  %-8s %s\n", kind_name[k], c->at[i].rho, c->at[i].length,
             (double)c->at[i].length / correlation_time(c->at[i].rho), (unsigned long long)t->n, percent(coverage(t)),
             percent(flag_rate(t)), percent(spared_coverage(t)), miss_by_number(t), verdict);
    }
  return bad;
}

static int print_pooled(const struct cells *c, const struct tally *tally, bool quick, json *rows)
{
  int bad = 0;
  if (!rows)
    printf("\n%-20s %18s %24s %24s\n", "together", "unflagged coverage", "flagged, coverage < 90 %", "flagged, coverage >= 94 %");
  for (int k = 0; k < N_KINDS; k++) {
    struct pooled p = pool_cells(c, tally, (enum kind)k);
    if (p.all.n == 0)
      continue;
    const char *verdict = judge_pooled(&p, quick);
    bad += strcmp(verdict, "ok") != 0;
    double low = p.low.n ? flag_rate(&p.low) : NAN, high = p.high.n ? flag_rate(&p.high) : NAN;
    if (rows) {
      json *row = json_put_string(json_push(rows, json_new_object()), "case", kind_name[k]);
      json_put_number(json_put_number(row, "unflagged_coverage", spared_coverage(&p.all)), "flagged_of_low", low);
      json_put_string(json_put_number(row, "flagged_of_high", high), "verdict", verdict);
    } else {
      printf("%-20s %18.1f %24.1f %24.1f  %s\n", kind_name[k], percent(spared_coverage(&p.all)), percent(low), percent(high),
             verdict);
    }
  }
  return bad;
}

static int report_table(const struct suite_options *o, const struct cells *c, const struct tally *tally)
{
  printf("offsim validate intervals, seed %llu: 95 %% intervals on M/M/1; shares in %%\n", (unsigned long long)o->seed);
  printf("%-20s %4s %8s %8s %6s %8s %8s %9s\n", "case", "rho", "length", "/tau", "n", "coverage", "flagged", "unflagged");
  int bad = print_cells(c, tally, NULL);
  bad += print_pooled(c, tally, o->quick, NULL);
  printf("%d row%s failed\n", bad, bad == 1 ? "" : "s");
  return bad;
}

static int report_json(const struct suite_options *o, const struct cells *c, const struct tally *tally)
{
  json *all = json_put_string(json_new_object(), "suite", "intervals"), *cells = json_new_array(), *pooled = json_new_array();
  int bad = print_cells(c, tally, cells);
  bad += print_pooled(c, tally, o->quick, pooled);
  json_put_bool(json_put_int(all, "seed", (int64_t)o->seed), "quick", o->quick);
  json_put_int(json_put(json_put(all, "cells", cells), "pooled", pooled), "failed", bad);
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
  return bad;
}

/* ---- the suite ----------------------------------------------------------------------------------------------------- */

static enum fault fault_of(const char *name)
{
  int f = N_FAULTS;
  while (--f > NO_FAULT && (!name || strcmp(name, fault_name[f])))
    continue;
  return (enum fault)f;
}

bool intervals_has(const struct suite_options *o)
{
  bool known = !o->only;
  for (int k = 0; k < N_KINDS; k++)
    known = known || !strcmp(o->only, kind_name[k]);
  return known && (!o->plant || fault_of(o->plant)) && !o->n_overrides && !(o->margin > 0) && !(o->requests > 0);
}

int validate_intervals(struct suite_options *o)
{
  struct cells c = choose_cells(o);
  struct tally tally[N_CELLS * N_KINDS] = {{0}};
  if (!c.n) {
    fprintf(stderr, "offsim validate intervals: --length: 1e3, 1e4, 1e5 or 1e6\n");
    return EXIT_USER;
  }
  if (!work_all(o, &c, fault_of(o->plant), tally)) {
    fprintf(stderr, "offsim validate intervals: a worker did not end well\n");
    return EXIT_SYSTEM;
  }
  int bad = o->json ? report_json(o, &c, tally) : report_table(o, &c, tally);
  return bad ? EXIT_NEGATIVE : EXIT_OK;
}
