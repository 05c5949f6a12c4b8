/* bench_runs.c: measurements of whole runs and of what they write. */
#include "analysis/store/trace.h"
#include "experiments/bench.h"
#include "experiments/supervisor.h"
#include "sim/arena.h"
#include "sim/rng.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- trace rows: a request, an attempt and a decision each, as a three-tier scenario makes them ------------------ */

enum { POOL = 16384, REQUESTS = 8 * 65536, N_ATTRIBUTES = 3, N_FEATURES = 4 };
struct sample_rows {
  struct request_record request[POOL]; struct attempt_record attempt[POOL]; struct decision_record decision[POOL];
  double attribute[POOL][N_ATTRIBUTES];
};

static const char *const place_names[] = {"phone", "metro", "region"}, *const class_names[] = {"chat"},
  *const variant_names[] = {"small", "large"}, *const task_names[] = {"generate"}, *const zone_names[] = {"user"},
  *const attribute_names[] = {"difficulty", "prompt_tokens", "output_tokens"},
  *const feature_names[] = {"prompt_tokens", "queue", "age", "battery"}, *const units[] = {"", "tok", "tok", ""};

static struct trace_setup sample_setup(void)
{
  static const char *const *const tasks[] = {task_names};
  static const int n_tasks[] = {1}, columns[] = {0, 1, 2};
  static const int *const of_class[] = {columns};
  return (struct trace_setup){.n_classes = 1, .class_name = class_names, .n_places = 3, .place_name = place_names,
    .n_zones = 1, .zone_name = zone_names, .task_name = tasks, .n_tasks = n_tasks, .n_variants = 2,
    .variant_name = variant_names, .n_attributes = N_ATTRIBUTES, .attribute_name = attribute_names,
    .attribute_unit = units, .attribute_column = of_class, .n_features = N_FEATURES, .feature_name = feature_names,
    .feature_unit = units};
}

static void fill_attempt(struct attempt_record *a, struct rng *g, int64_t at)
{
  a->started_ns = at;
  a->place = (uint16_t)rng_below(g, 3);
  a->variant = a->place > 0;
  a->member = (uint32_t)rng_below(g, a->place ? 4 : 2000);
  a->phase_ns[PHASE_UPLINK] = a->place ? (int64_t)(rng_exponential(g) * 2e7) : 0;
  a->phase_ns[PHASE_QUEUE] = rng_below(g, 2) ? (int64_t)(rng_exponential(g) * 1e8) : 0;
  a->phase_ns[PHASE_SERVE] = (int64_t)(rng_exponential(g) * 1e9);
  a->phase_ns[PHASE_DOWNLINK] = a->phase_ns[PHASE_UPLINK] / 2;
  a->ended_ns = at;
  for (int p = 0; p < N_PHASES; p++)
    a->ended_ns += a->phase_ns[p];
  a->first_output_ns = at + a->phase_ns[PHASE_UPLINK] + a->phase_ns[PHASE_QUEUE] + 50000000;
  a->bytes_up = a->place ? 4.0 * (double)rng_below(g, 4000) : 0;
  a->bytes_down = a->place ? 4.0 * (double)rng_below(g, 1000) : 0;
  a->energy_device_j = rng_exponential(g);
  a->energy_server_j = a->place ? rng_exponential(g) : 0;
  a->cost_usd = a->place ? 1e-6 * rng_exponential(g) : 0;
  a->status = STATUS_COMPLETED;
  a->measured = 1;
}

static void fill_request(struct request_record *r, const struct attempt_record *a, struct rng *g)
{
  r->arrived_ns = a->started_ns;
  r->completed_ns = a->ended_ns;
  r->first_token_ns = r->server_first_token_ns = a->first_output_ns;
  r->quality = rng_uniform(g);
  r->energy_device_j = a->energy_device_j;
  r->energy_direct_j = a->energy_device_j + a->energy_server_j;
  r->cost_usd = a->cost_usd;
  r->reward = -r->quality;
  r->device = (uint32_t)rng_below(g, 2000);
  r->tokens = (uint32_t)rng_below(g, 600);
  r->status = STATUS_COMPLETED;
  r->measured = r->n_attempts = r->n_decisions = 1;
  r->slo_met = rng_below(g, 10) > 0;
  r->offloaded = a->place > 0;
}

static void fill_decision(struct decision_record *d, const struct attempt_record *a, const double *attribute,
                          struct rng *g)
{
  d->at_ns = a->started_ns;
  d->propensity = 1;
  d->reward = (double)NAN;
  d->action = d->place = a->place;
  d->n_actions = 3;
  d->variant = a->variant;
  d->measured = 1;
  d->n_features = N_FEATURES;
  d->feature[0] = attribute[1];
  d->feature[1] = (double)rng_below(g, 20);
  d->feature[2] = 0.1 * rng_uniform(g);
  d->feature[3] = 1;
}

static struct sample_rows *make_rows(void)
{
  struct sample_rows *s = zeros_new(1, sizeof *s);
  struct rng_root root = rng_root_make(1, 0);
  struct rng g = rng_open(&root, 1, 0, 0);
  double at = 0;
  for (int i = 0; i < POOL; i++) {
    at += 1e6 * rng_exponential(&g);
    double attribute[N_ATTRIBUTES] = {rng_uniform(&g), (double)rng_below(&g, 4000), (double)rng_below(&g, 600)};
    memcpy(s->attribute[i], attribute, sizeof attribute);
    fill_attempt(&s->attempt[i], &g, (int64_t)at);
    fill_request(&s->request[i], &s->attempt[i], &g);
    fill_decision(&s->decision[i], &s->attempt[i], attribute, &g);
  }
  return s;
}

/* The pool again and again, later each time. */
static void write_rows(struct trace_writer *w, const struct sample_rows *s, int64_t pool_ns)
{
  for (uint64_t i = 0; i < REQUESTS; i++) {
    size_t k = i % POOL;
    int64_t shift = (int64_t)(i / POOL) * pool_ns + (int64_t)(i & 1023);
    struct request_record r = s->request[k];
    struct attempt_record a = s->attempt[k];
    struct decision_record d = s->decision[k];
    r.request = a.request = d.request = i;
    r.arrived_ns += shift, r.completed_ns += shift, r.first_token_ns += shift, r.server_first_token_ns += shift;
    a.started_ns += shift, a.ended_ns += shift, a.first_output_ns += shift, d.at_ns += shift;
    trace_decision(w, &d);
    trace_attempt(w, &a);
    trace_request(w, &r, s->attribute[k], N_ATTRIBUTES);
  }
}

struct trace_cost { double rows_per_s, bytes_per_row; };

static struct trace_cost measure_trace(void)
{
  struct sample_rows *s = make_rows();
  struct trace_setup setup = sample_setup();
  struct err err;
  err_init(&err);
  char path[64];
  snprintf(path, sizeof path, "offsim-bench-%ld.h5", (long)getpid());
  double from = cpu_time_ns();
  struct hash hash;
  uint64_t bytes = 0;
  struct trace_writer *w = trace_create(path, &setup, &err);
  if (w)
    write_rows(w, s, s->request[POOL - 1].arrived_ns);
  bool ok = w && trace_commit(w, &hash, &bytes, &err);
  double spent = cpu_time_ns() - from;
  unlink(path);
  free(s);
  if (!ok)
    err_print(&err, stderr, false);
  err_release(&err);
  return ok ? (struct trace_cost){3.0 * REQUESTS / spent * 1e9, (double)bytes / (3.0 * REQUESTS)}
            : (struct trace_cost){(double)NAN, (double)NAN};
}

static double rows_per_s(void *unused) { return measure_trace().rows_per_s; }
double bench_trace_rows_per_s(void) { return bench_median(3, rows_per_s, NULL); }
double bench_trace_bytes_per_row(void) { return measure_trace().bytes_per_row; }

/* ---- whole runs -------------------------------------------------------------------------------------------------- */

/* A scenario of bench/: in the working folder, or beside the shipped ones. */
const char *bench_path(struct arena *a, const char *name)
{
  const char *path = arena_printf(a, "bench/%s", name), *share = share_folder(a);
  return access(path, R_OK) != 0 && share ? arena_printf(a, "%s/../bench/%s", share, name) : path;
}

struct scenario *load_bench(const char *name, const struct override *set, size_t n)
{
  struct arena *a = arena_new();
  struct err err;
  err_init(&err);
  struct scenario *s = scenario_load(bench_path(a, name), set, n, &err);
  if (!s)
    err_print(&err, stderr, false);
  err_release(&err);
  arena_free(a);
  return s;
}

bool bench_run_once(const struct scenario *s, const char *trace_file, struct run_totals *totals)
{
  struct err err;
  err_init(&err);
  struct run_order order = {.policy = s->n_policies ? 0 : -1, .warmup_s = -1,
                            .trace = trace_file ? TRACE_FULL : TRACE_NONE};
  bool ok = run_here(s, &order, trace_file, totals, &err) == EXIT_OK;
  if (!ok)
    err_print(&err, stderr, false);
  err_release(&err);
  return ok;
}

static double request_ns(void *scenario)
{
  const struct scenario *s = scenario;
  struct run_totals totals;
  char path[64];
  snprintf(path, sizeof path, "offsim-bench-%ld.h5", (long)getpid());
  double from = cpu_time_ns();
  bool ok = bench_run_once(s, path, &totals);
  double spent = cpu_time_ns() - from;
  unlink(path);
  return ok && totals.requests ? spent / (double)totals.requests : (double)NAN;
}

double bench_request_ns(void)
{
  struct scenario *s = load_bench("three-tier.yaml", NULL, 0);
  double ns = s ? bench_median(3, request_ns, s) : (double)NAN;
  scenario_free(s);
  return ns;
}

/* Peak memory of a process that keeps all requests of `seconds` s, a million each, in flight; -1 = it failed. */
static double peak_bytes(const char *seconds)
{
  struct rusage usage;
  int status = 1;
  pid_t child = fork();
  if (child == 0) {
    struct run_totals totals;
    struct scenario *s = load_bench("in-flight.yaml", &(struct override){"horizon.duration", seconds}, 1);
    _exit(s && bench_run_once(s, NULL, &totals) ? 0 : 1);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0)
    return -1;
  return 1024.0 * (double)usage.ru_maxrss;
}

double bench_request_bytes(void)
{
  double one = peak_bytes("1 s"), two = peak_bytes("2 s");
  return one < 0 || two < 0 ? (double)NAN : (two - one) / 1e6;
}

/* ---- two workers against one ------------------------------------------------------------------------------------- */

enum { SPEED_RUNS = 8 };

static double wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void remove_results(const char *dir, const struct run_order *order, size_t n)
{
  char path[512];
  for (size_t i = 0; i < n; i++) {
    char *trace = trace_path(dir, order[i].id);
    unlink(trace);
    free(trace);
  }
  snprintf(path, sizeof path, "%s/traces", dir), rmdir(path);
  snprintf(path, sizeof path, "%s/catalog.sqlite", dir), unlink(path);
  rmdir(dir);
}

/* Wall time of SPEED_RUNS runs with traces by `workers` workers; negative = it failed. */
static double executor_s(const struct scenario *s, int workers)
{
  char dir[] = "offsim-bench-XXXXXX";
  struct run_order order[SPEED_RUNS];
  struct supervisor_report report = {0};
  struct err err;
  err_init(&err);
  if (!mkdtemp(dir))
    return -1;
  for (int i = 0; i < SPEED_RUNS; i++) {
    order[i] = (struct run_order){.number = i, .replication = (uint64_t)i, .warmup_s = -1, .trace = TRACE_FULL};
    snprintf(order[i].id, sizeof order[i].id, "%032d", i);
  }
  double from = wall_s();
  struct run_source source = {.scenario = s};
  struct supervisor *v = supervisor_start(&(struct supervisor_setup){.source = &source, .dir = dir,
                                                                     .workers = workers}, &err);
  struct catalog *c = v ? catalog_open(dir, CATALOG_WRITE, &err) : NULL;
  bool ok = c && supervisor_recover(v, c, false, &report.conflicts, &err)
            && supervisor_run(v, c, order, SPEED_RUNS, &(struct supervisor_options){0}, &report, &err);
  double spent = wall_s() - from;
  supervisor_stop(v);
  catalog_close(c);
  remove_results(dir, order, SPEED_RUNS);
  err_print(&err, stderr, false);
  err_release(&err);
  return ok && report.done == SPEED_RUNS ? spent : -1;
}

static double speedup(void *scenario)
{
  double one = executor_s(scenario, 1), two = executor_s(scenario, 2);
  return one < 0 || two < 0 ? (double)NAN : one / two;
}

double bench_worker_speedup(void)
{
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
    return (double)NAN;
  struct scenario *s = load_bench("three-tier.yaml", &(struct override){"horizon.duration", "250 s"}, 1);
  double ratio = s ? bench_median(3, speedup, s) : (double)NAN;
  scenario_free(s);
  return ratio;
}
