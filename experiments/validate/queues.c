/* `offsim validate queues`: the simulator against queueing theory, as a user would run it: scenario files, no special
 * code inside the models.
 *
 * Test. Every expected value is compared by equivalence (two one-sided t-tests over independent replications): a row is
 * equivalent when both tests at level 0.1 % put the simulated value within the margin of the closed form. The table
 * passes when every row does; by the intersection-union principle (Berger 1982) the chance of passing with a row that is
 * really off by the margin or more is at most 0.1 %, whatever the number of rows. A row is different when the interval,
 * now simultaneous over all rows (Bonferroni, 99.9 % over the table), lies outside the margin: a right simulator is
 * accused with at most 0.1 %. In between, the number of replications grows by half, up to MAX_REPLICATIONS; levels are
 * divided by the number of stages. A row still undecided at the end counts as failed.
 * Quantiles: with F the simulated share of sojourns below the theoretical quantile x, the miss in time is
 * (p - F) / (density * x): unbiased, and no sorting.
 *
 * Replications are long (default 500,000 requests after a warm-up of 50,000), start empty, and depend on (seed,
 * replication) only, so the verdict does not depend on the number of workers. */
#include "experiments/validate/suites.h"
#include "experiments/validate/queue_oracles.h"
#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include "sim/stat.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the table of cases --------------------------------------------------------------------------------------------- */

struct queue_case { const char *name; oracle_fn *oracle; bool closed; };
static const struct queue_case cases[] = {
  {"mm1", oracle_mmck, false},       {"mmc", oracle_mmck, false},          {"mmck", oracle_mmck, false},
  {"md1", oracle_mg1, false},        {"mg1", oracle_mg1, false},           {"priority", oracle_priority, false},
  {"preemptive", oracle_priority, false}, {"ps", oracle_ps, false},        {"srpt", oracle_srpt, false},
  {"erlang-b", oracle_mmck, false},  {"dm1", oracle_gm1, false},           {"tandem", oracle_jackson, false},
  {"jackson", oracle_jackson, false}, {"closed", oracle_closed, true},
  {"bulk", oracle_bulk, false},      {"take-all", oracle_take_all, false},
  {"setup", oracle_setup, false},    {"setup-d", oracle_setup, false},     {"delayed-off", oracle_setup, false},
  {"p-cold", oracle_setup, false},   {"breakdowns", oracle_breakdowns, false},
  {"mmc-setup", oracle_mmc_setup, false}, {"erlang-a", oracle_erlang_a, false},
  {"mdc", oracle_mdc, false},        {"mekc", oracle_mekc, false},
  {"stale-reads", oracle_stale_reads, false},
};
enum { N_CASES = sizeof cases / sizeof *cases };
static const double loads[] = {0.5, 0.8, 0.9};
static const char *const quantity_name[N_QUANTITIES] = {
  "utilization", "in_system_mean", "queue_wait_mean_s", "latency_mean_s", "latency", "blocked_ratio", "goodput_per_s",
  "batch_size_mean", "cold_start_ratio", "timeout_ratio", "queued_ratio",
  "stale_ratio"};

/* ---- one replication ------------------------------------------------------------------------------------------------ */

enum { MAX_CLASSES = 16 };
struct meter {
  const struct expectations *expected;
  uint64_t n[MAX_CLASSES];
  double sum_s[MAX_CLASSES];
  uint64_t cold[MAX_CLASSES], late[MAX_CLASSES], attempts[MAX_CLASSES], queued[MAX_CLASSES];
  uint64_t reads[MAX_CLASSES], stale[MAX_CLASSES];
  uint64_t below[MAX_EXPECTATIONS];
};

static void on_request(void *context, const struct request_record *r, const double *attribute, int n_attributes)
{
  struct meter *m = context;
  if (!r->measured) return;
  m->late[r->klass] += r->status == STATUS_TIMEOUT;
  if (r->status != STATUS_COMPLETED) return;
  double latency_s = s_from_ns(r->completed_ns - r->arrived_ns);
  m->n[r->klass]++;
  m->sum_s[r->klass] += latency_s;
  m->cold[r->klass] += r->cold;
  m->reads[r->klass] += r->reads, m->stale[r->klass] += r->stale_reads;
  for (int i = 0; i < m->expected->n; i++) {
    const struct expectation *e = &m->expected->at[i];
    if (e->quantity == QUANTILE && e->index == r->klass && latency_s <= e->value) m->below[i]++;
  }
}

/* Of rows that count attempts: who had to queue, for however short a time. */
static void on_attempt(void *context, const struct attempt_record *a)
{
  struct meter *m = context;
  if (!a->measured) return;
  m->attempts[a->klass]++;
  m->queued[a->klass] += a->phase_ns[PHASE_QUEUE] > 0;
}

static bool counts_attempts(const struct expectations *e)
{
  for (int i = 0; i < e->n; i++)
    if (e->at[i].quantity == WAITED || e->at[i].quantity == ABANDONED) return true;
  return false;
}

static double observed(const struct meter *m, const struct run_summary *s, int i)
{
  const struct expectation *e = &m->expected->at[i];
  const struct place_summary *p = &s->place[e->index];
  switch (e->quantity) {
  case UTILIZATION: return p->utilization;
  case IN_SYSTEM: return p->in_system_mean;
  case WAIT: return p->queue_wait_mean_s;
  case BLOCKING: return p->blocked_ratio;
  case SOJOURN: return m->sum_s[e->index] / (double)m->n[e->index];
  case QUANTILE: return e->value + (e->p - (double)m->below[i] / (double)m->n[e->index]) / e->density;
  case THROUGHPUT: return (double)m->n[e->index] / s->window_s;
  case BATCH_SIZE: return p->batch_size_mean;
  case COLD: return (double)m->cold[e->index] / (double)m->n[e->index];
  case ABANDONED: return (double)m->late[e->index] / (double)m->attempts[e->index];
  case WAITED: return (double)m->queued[e->index] / (double)m->attempts[e->index];
  case STALE: return (double)m->stale[e->index] / (double)m->reads[e->index];
  case N_QUANTITIES: break;
  }
  return NAN;
}

static bool replicate(const struct scenario *s, const struct expectations *expected, uint64_t seed, uint64_t k, double *value)
{
  struct meter meter = {.expected = expected};
  struct err err;
  err_init(&err);
  struct run_setup setup = {.def = &s->world, .policy = s->n_policies ? &s->policy[0] : NULL, .seed = seed, .replication = k,
                            .sink = {.context = &meter, .request = on_request}};
  if (counts_attempts(expected)) setup.sink.attempt = on_attempt;
  struct run_summary summary;
  struct world *w = world_new(&setup, &err);
  bool ok = w && world_run(w, &summary, &err);
  for (int i = 0; ok && i < expected->n; i++)
    value[i] = observed(&meter, &summary, i);
  if (!ok) err_print(&err, stderr, false);
  if (w) world_free(w);
  err_release(&err);
  return ok;
}

/* ---- many replications, over forked workers ------------------------------------------------------------------------- */

static void work(int worker, int workers, int out, const struct scenario *s, const struct expectations *e, uint64_t seed, int from, int to)
{
  double row[1 + MAX_EXPECTATIONS];
  size_t bytes = sizeof(double) * (size_t)(1 + e->n);
  for (int k = from + worker; k < to; k += workers) {
    row[0] = k;
    if (!replicate(s, e, seed, (uint64_t)k, row + 1) || write(out, row, bytes) != (ssize_t)bytes) _exit(EXIT_SYSTEM);
  }
  _exit(EXIT_OK);
}

/* Fills values[k * MAX_EXPECTATIONS + i] for k in [from, to). */
static bool replicate_all(const struct scenario *s, const struct expectations *e, uint64_t seed, int from, int to, int workers, double *values)
{
  int ends[2], status, running = 0;
  bool ok = pipe(ends) == 0;
  for (int w = 0; ok && w < workers; w++) {
    pid_t child = fork();
    if (child == 0) close(ends[0]), work(w, workers, ends[1], s, e, seed, from, to);
    ok = child > 0, running += child > 0;
  }
  close(ends[1]);
  double row[1 + MAX_EXPECTATIONS];
  size_t bytes = sizeof(double) * (size_t)(1 + e->n);
  while (read(ends[0], row, bytes) == (ssize_t)bytes)   /* rows are shorter than PIPE_BUF: written whole */
    memcpy(values + (size_t)row[0] * MAX_EXPECTATIONS, row + 1, bytes - sizeof(double));
  close(ends[0]);
  for (; running > 0; running--)
    ok = wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && ok;
  return ok;
}

/* ---- the verdict ---------------------------------------------------------------------------------------------------- */

enum { FIRST_REPLICATIONS = 24, STAGES = 13, QUICK_STAGES = 8, MAX_REPLICATIONS = 3200 };
enum verdict { UNDECIDED, EQUIVALENT, DIFFERENT };

struct judged { enum verdict verdict; double mean, half_width; int n; };

/* 24, 36, 54 ... 3113 replications. */
static int replications_at(int stage)
{
  double n = FIRST_REPLICATIONS;
  for (int i = 0; i < stage; i++) n *= 1.5;
  return (int)n;
}

static void judge(struct judged *j, const struct suite_options *o, const double *values, int n, int i, double expected)
{
  if (j->verdict != UNDECIDED) return;
  struct moments m = {0};
  for (int k = 0; k < n; k++)
    moments_add(&m, values[(size_t)k * MAX_EXPECTATIONS + i]);
  double se = moments_sd(&m) / sqrt(n), miss = fabs(m.mean - expected), allowed = o->margin * fabs(expected);
  *j = (struct judged){.mean = m.mean, .half_width = student_t(n - 1, o->confidence) * se, .n = n};
  if (miss + j->half_width <= allowed) j->verdict = EQUIVALENT;
  else if (miss - student_t(n - 1, o->accusing_confidence) * se > allowed) j->verdict = DIFFERENT;
}

static void print_row(const struct suite_options *o, const struct scenario *s, const char *name, double rho, const struct expectation *e, const struct judged *j)
{
  static const char *const words[] = {"UNDECIDED", "ok", "FAIL"};
  char label[64];
  const char *where = e->quantity == SOJOURN || e->quantity == QUANTILE || e->quantity == THROUGHPUT
                        || e->quantity >= COLD
                        ? s->world.klass[e->index].name : s->world.place[e->index].name;
  if (e->quantity == QUANTILE) snprintf(label, sizeof label, "latency_p%.0f_s", e->p * 100);
  else snprintf(label, sizeof label, "%s", quantity_name[e->quantity]);
  double scale = 100 / fabs(e->value);
  printf("%-11s %5.3g  %-18s %-9s %12.6g %12.6g %+8.3f%% +-%6.3f%% %6d  %s\n", name, rho, label, where, e->value, j->mean,
         (j->mean - e->value) * scale, j->half_width * scale, j->n, words[j->verdict]);
  fflush(stdout);
}

/* Runs one case until every row is judged; returns the number of rows that are not equivalent. */
static int run_case(const struct suite_options *o, const struct scenario *s, const char *name, double rho, const struct expectations *e)
{
  double *values = zeros_new((size_t)MAX_REPLICATIONS * MAX_EXPECTATIONS, sizeof *values);
  struct judged judged[MAX_EXPECTATIONS] = {{0}};
  int done = 0, undecided = e->n, bad = 0, last = o->quick ? QUICK_STAGES : STAGES;
  for (int stage = 0; stage < last && undecided; stage++) {
    int n = replications_at(stage);
    if (!replicate_all(s, e, o->seed, done, n, o->workers, values)) {
      free(values);
      return -1;
    }
    done = n, undecided = 0;
    for (int i = 0; i < e->n; i++) {
      judge(&judged[i], o, values, n, i, e->at[i].value);
      undecided += judged[i].verdict == UNDECIDED;
      if (judged[i].verdict == DIFFERENT && o->plant) stage = last;     /* caught: enough */
    }
  }
  free(values);
  for (int i = 0; i < e->n; i++) {
    print_row(o, s, name, rho, &e->at[i], &judged[i]);
    bad += judged[i].verdict != EQUIVALENT;
  }
  if (e->no_quantile) printf("%-11s %5.3g  no p95, p99: %s\n", name, rho, e->no_quantile);
  return bad;
}

/* ---- scenarios ------------------------------------------------------------------------------------------------------ */

static struct scenario *load(const char *name, const struct suite_options *o, const struct override *extra, size_t n_extra, struct err *err)
{
  struct override all[64];
  size_t n = 0;
  for (size_t i = 0; i < o->n_overrides && n < 60; i++) all[n++] = o->overrides[i];
  for (size_t i = 0; i < n_extra && n < 64; i++) all[n++] = extra[i];
  struct arena *a = arena_new();
  struct scenario *s = scenario_load(arena_printf(a, "%s/validation/%s.yaml", share_scenarios(a), name), all, n, err);
  arena_free(a);
  return s;
}

/* Rates that bring the busiest place to the load `rho`: every class's rate is scaled alike. */
static size_t rates_for(const struct scenario *s, const struct queue_case *c, double rho, struct arena *a, struct override *out)
{
  size_t n = 0;
  const char *const users[] = {"2", "6", "12"};
  if (c->closed) {
    out[n++] = (struct override){"classes.jobs.arrivals.closed.users", users[rho < 0.6 ? 0 : rho < 0.85 ? 1 : 2]};
    return n;
  }
  double factor = rho / offered_load(&s->world);
  for (int k = 0; k < s->world.n_classes; k++) {
    const struct class_def *klass = &s->world.klass[k];
    if (klass->arrivals.kind == ARRIVE_POISSON)
      out[n++] = (struct override){arena_printf(a, "classes.%s.arrivals.poisson.rate", klass->name),
                                   arena_printf(a, "%.17g /s", klass->arrivals.rate_per_s * factor)};
    else
      out[n++] = (struct override){arena_printf(a, "classes.%s.arrivals.renewal.interarrival", klass->name),
                                   arena_printf(a, "%.17g s", dist_mean(klass->arrivals.interarrival_s) / factor)};
  }
  return n;
}

/* The wrong simulators that the suite must see: each fault in each of its cases. The oracle keeps the right scenario.
 * Without a path the change depends on the case: load 2 % up; residual: the right mean, no variance. */
struct fault { const char *name, *queue, *path, *value; };
static const struct fault faults[] = {
  {"load", "mm1", NULL, NULL}, {"load", "md1", NULL, NULL},
  {"load", "mdc", NULL, NULL}, {"residual", "mekc", "classes.jobs.pipeline.work.work.time", NULL},
  {"discipline", "priority", "places.server.discipline", "fifo"},
  {"discipline", "preemptive", "places.server.discipline", "fifo"},
  {"discipline", "srpt", "places.server.discipline", "fifo"},
  {"residual", "mg1", "classes.jobs.pipeline.work.work.time", NULL},
  {"batch", "bulk", "places.server.batching.size", "5"},
  {"batch", "take-all", "places.server.batching.time.affine.a", "2.1 s"},
  {"setup", "setup", "places.server.instances.cold_start", "1 us"},
  {"setup", "setup-d", "places.server.instances.cold_start", "1 us"},
  {"setup", "delayed-off", "places.server.instances.cold_start", "1 us"},
  {"setup", "mmc-setup", "places.server.instances.cold_start", "1 us"},
  {"keep", "delayed-off", "places.server.instances.keep_alive", "1.2 s"},
  {"keep", "p-cold", "places.server.instances.keep_alive", "1.1 s"},
  /* the same mean of 1 s, ten times the second moment over two */
  {"repair", "breakdowns", "places.server.failures.mttr", "{hyperexponential: {mean: 1 s, scv: 9}}"},
  {"lag", "stale-reads", "stores.data.lag", "{exponential: {mean: 2.1 s}}"},
  {"patience", "erlang-a", "classes.jobs.pipeline.work.timeout.queue", "2 s"},
};
enum { N_FAULTS = sizeof faults / sizeof *faults };

bool queues_has(const struct suite_options *o)
{
  bool fault = !o->plant;
  for (int i = 0; i < N_FAULTS; i++)
    if (o->plant && !strcmp(faults[i].name, o->plant)) fault = true;
  return fault && !o->json && !o->experiments && !(o->length > 0);
}

/* NULL: this fault is none of this case. */
static const struct fault *fault_of(const char *name, const struct queue_case *c)
{
  for (int i = 0; i < N_FAULTS; i++)
    if (!strcmp(faults[i].name, name) && !strcmp(faults[i].queue, c->name)) return &faults[i];
  return NULL;
}

static size_t plant(const struct fault *f, const struct queue_case *c, const struct scenario *s, struct arena *a, struct override *out)
{
  if (!f->path) return rates_for(s, c, 1.02 * offered_load(&s->world), a, out);
  const char *mean = f->value ? NULL : arena_printf(a, "%.17g s", dist_mean(s->world.klass[0].task[0].work[0].time_s));
  out[0] = (struct override){f->path, f->value ? f->value : mean};
  return 1;
}

static void set_horizon(struct scenario *s, double requests)
{
  double rate = 0;
  for (int k = 0; k < s->world.n_classes; k++) {
    const struct arrivals_def *a = &s->world.klass[k].arrivals;
    rate += a->kind == ARRIVE_POISSON ? a->rate_per_s : a->kind == ARRIVE_CLOSED ? 1 : 1 / dist_mean(a->interarrival_s);
  }
  s->world.horizon = (struct horizon_def){.kind = HORIZON_STEADY, .warmup_s = 0.1 * requests / rate, .duration_s = requests / rate,
                                          .drain_max_s = requests / rate};
}

/* One case at one load: 0 all rows equivalent, > 0 rows that are not, -1 could not run (message printed). */
static int validate_case(const struct suite_options *o, const struct queue_case *c, double rho)
{
  struct err err;
  struct override extra[MAX_CLASSES + 4];
  struct expectations expected = {0};
  char why[160] = "";
  int bad = -1;
  err_init(&err);
  struct arena *a = arena_new();
  struct scenario *right = load(c->name, o, NULL, 0, &err), *run = NULL;
  if (!right) goto out;
  if (rho > 0) {                                        /* 0: as the file and --set say */
    size_t n = rates_for(right, c, rho, a, extra);
    scenario_free(right);
    right = load(c->name, o, extra, n, &err);
    if (!right) goto out;
  }
  if (!c->oracle(&right->world, &expected, why)) {
    err_add(&err, (struct where){0}, "%s: no closed form: %s", c->name, why);
    goto out;
  }
  size_t n = rho > 0 ? rates_for(right, c, rho, a, extra) : 0;
  const struct fault *fault = o->plant ? fault_of(o->plant, c) : NULL;
  if (fault) n = (fault->path ? n : 0) + plant(fault, c, right, a, extra + (fault->path ? n : 0));
  run = load(c->name, o, extra, n, &err);
  if (!run) goto out;
  set_horizon(run, o->requests);
  bad = run_case(o, run, c->name, rho > 0 ? rho : offered_load(&right->world), &expected);
out:
  if (err_any(&err)) err_print(&err, stderr, false);
  if (run) scenario_free(run);
  if (right) scenario_free(right);
  arena_free(a);
  err_release(&err);
  return bad;
}

static bool selected(const struct suite_options *o, const char *name)
{
  return !o->only || !strcmp(o->only, name);
}

int validate_queues(struct suite_options *o)
{
  int rows_bound = N_CASES * 3 * 8, bad = 0, ran = 0;
  o->confidence = 1 - 2 * 0.001 / STAGES;
  o->accusing_confidence = 1 - 0.001 / rows_bound / STAGES;
  if (!o->margin) o->margin = o->quick ? 0.03 : 0.01;
  if (!o->requests) o->requests = o->quick ? 100000 : 500000;
  printf("offsim validate queues, seed %llu: equivalence within %.3g %% at 99.9 %% over the whole table\n",
         (unsigned long long)o->seed, o->margin * 100);
  printf("%-11s %5s  %-18s %-9s %12s %12s %9s %9s %6s\n", "case", "rho", "metric", "of", "closed form", "simulated", "miss", "interval", "runs");
  for (int c = 0; c < N_CASES; c++)
    for (size_t l = 0; l < (o->n_overrides ? 1 : sizeof loads / sizeof *loads); l++) {
      double rho = o->n_overrides ? 0 : loads[l];
      if (!selected(o, cases[c].name) || (o->plant && !fault_of(o->plant, &cases[c]))) continue;
      if ((o->quick && rho > 0.85) || (o->plant && rho > 0 && rho != 0.8)) continue;
      int rows = validate_case(o, &cases[c], rho);
      if (rows < 0) return EXIT_USER;
      bad += rows, ran++;
    }
  if (!ran) return fprintf(stderr, "offsim validate: no such case '%s'\n", o->only ? o->only : ""), EXIT_USER;
  printf("%d case%s, %d row%s not equivalent\n", ran, ran == 1 ? "" : "s", bad, bad == 1 ? "" : "s");
  return bad ? EXIT_NEGATIVE : EXIT_OK;
}
