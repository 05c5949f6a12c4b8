/* `offsim validate vllm`: replays a recorded run of a real vLLM server on the measured kernel times of its card. Nothing is
 * fitted to the run: its arrivals and lengths go in, its times are compared.
 *
 * Requests: JSON lines with input_toks, output_toks, arrival_time (wall clock, s) and queued_ts, first_token_ts,
 * last_token_ts (another clock, s); the clocks are mapped by the smallest queued - arrival. Time 0 is the first arrival.
 * Errors are predicted / measured - 1.
 */
#include "experiments/validate/suites.h"
#include "models/engine.h"
#include "models/workload.h"
#include "sim/json.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT, OUTPUT, ARRIVAL, QUEUED, FIRST, LAST, N_COLUMNS };
static const struct table_column columns[N_COLUMNS] = {
  {"input_toks", false}, {"output_toks", false}, {"arrival_time", false}, {"queued_ts", false}, {"first_token_ts", false},
  {"last_token_ts", false}};
enum { AT, RUNNING, WAITING, KV, N_SERIES };
static const struct table_column series_columns[N_SERIES] = {
  {"t", false}, {"running", false}, {"waiting", false}, {"kv_cache_pct", false}};

struct options {
  const char *requests, *profile, *model, *series;
  uint32_t max_num_seqs, max_num_batched_tokens, kv_blocks;     /* kv_blocks 0: never full */
  struct steptime_parallel parallel;
  bool json, extrapolate;
  enum { SKEW_AUTO, SKEW_ON, SKEW_OFF } skew;
};

struct times { double ttft_s, tpot_s, e2e_s; };
struct replayed { struct engine_request request; double arrival_s; sim_time done; struct times measured, predicted; };
struct sample { struct replay *replay; double at_s, value[N_SERIES]; };
struct replay {
  const struct options *o;
  uint64_t n, n_samples, rejected;
  struct replayed *requests;
  struct sample *samples;
  const struct table *series;
  struct engine *engine;
  struct engine_meters meters;
  struct steptime_limits reached;                       /* by the replay */
  bool even;                                            /* unequal contexts are not corrected for */
  const char *beyond;                                   /* what the profile does not hold; NULL: it holds all */
};

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static int usage(FILE *out, int code)
{
  fputs("usage: offsim validate vllm --requests FILE.jsonl.gz --profile PREFIX --model NAME --max-num-seqs S\n"
        "         --max-num-batched-tokens T [--kv-blocks N] [--tensor-parallel P] [--interconnect BYTES/S]\n"
        "         [--collective SECONDS] [--timeseries FILE.csv] [--format text|json]\n"
        "         [--skew auto|on|off] [--extrapolate]\n"
        "FILE.jsonl.gz: one JSON a line with input_toks, output_toks, arrival_time, queued_ts, scheduled_ts, first_token_ts\n"
        "and last_token_ts in s. PREFIX: of PREFIX_dense.csv.gz, _attention, _per_sequence and _skew_fit. --kv-blocks: of\n"
        "16 tokens, default: memory is never short. It prints how far the means are off; there is no bar.\n"
        "RATE and LATENCY may carry units: 45GB/s, 20us. --extrapolate: go on, flagged, where the profile ends.\n"
        "--skew off: without what decoding requests of unequal lengths cost more; auto: as the publisher of the profile\n"
        "sets it (off for RTX4090).\n", out);
  return code;
}

static bool read_count(const char *name, const char *text, uint32_t *n, struct err *e)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (end == text || *end || *text == '-' || value < 1 || value > 1u << 28)
    return err_add(e, (struct where){0}, "--%s is a whole number of at least 1, not '%s'", name, text);
  *n = (uint32_t)value;
  return true;
}

struct unit { const char *name; double factor; };
static const struct unit rates[] = {{"", 1}, {"B/s", 1}, {"kB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12},
                                    {"Mbit/s", 125e3}, {"Gbit/s", 125e6}, {"Tbit/s", 125e9}, {NULL, 0}};
static const struct unit latencies[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}, {NULL, 0}};

/* A number with a unit behind it; bare numbers are in the base unit. */
static bool read_amount(const char *name, const char *text, const struct unit *unit, double least, double *x, struct err *e)
{
  char *end;
  double value = strtod(text, &end);
  while (*end == ' ')
    end++;
  while (unit->name && strcmp(unit->name, end))
    unit++;
  if (end == text || !unit->name || !(value >= least) || isinf(value))
    return err_add(e, (struct where){0}, "--%s: '%s' is not such an amount", name, text);
  *x = value * unit->factor;
  return true;
}

static bool read_skew(const char *text, struct options *o, struct err *e)
{
  static const char *const name[] = {[SKEW_AUTO] = "auto", [SKEW_ON] = "on", [SKEW_OFF] = "off"};
  for (int i = 0; i < 3; i++)
    if (!strcmp(text, name[i])) {
      o->skew = i;
      return true;
    }
  return err_add(e, (struct where){0}, "--skew is auto, on or off, not '%s'", text);
}

static bool read_format(const char *text, struct options *o, struct err *e)
{
  o->json = !strcmp(text, "json");
  return o->json || !strcmp(text, "text") || err_add(e, (struct where){0}, "--format is text or json, not '%s'", text);
}

static bool read_option(int c, struct options *o, struct err *e)
{
  uint32_t devices = 1;
  switch (c) {
  case 'r': o->requests = optarg; return true;
  case 'p': o->profile = optarg; return true;
  case 'm': o->model = optarg; return true;
  case 'T': o->series = optarg; return true;
  case 's': return read_count("max-num-seqs", optarg, &o->max_num_seqs, e);
  case 't': return read_count("max-num-batched-tokens", optarg, &o->max_num_batched_tokens, e);
  case 'k': return read_count("kv-blocks", optarg, &o->kv_blocks, e);
  case 'i': return read_amount("interconnect", optarg, rates, 1e-9, &o->parallel.interconnect_byte_per_s, e);
  case 'c': return read_amount("collective", optarg, latencies, 0, &o->parallel.collective_latency_s, e);
  case 'f': return read_format(optarg, o, e);
  case 'S': return read_skew(optarg, o, e);
  case 'x': o->extrapolate = true; return true;
  default:
    if (!read_count("tensor-parallel", optarg, &devices, e))
      return false;
    o->parallel.tensor_parallel = (int)devices;
    return true;
  }
}

/* -1 to go on, or the exit code. */
static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
  static const struct option names[] = {
    {"requests", required_argument, 0, 'r'}, {"profile", required_argument, 0, 'p'}, {"model", required_argument, 0, 'm'},
    {"max-num-seqs", required_argument, 0, 's'}, {"max-num-batched-tokens", required_argument, 0, 't'},
    {"kv-blocks", required_argument, 0, 'k'}, {"tensor-parallel", required_argument, 0, 'n'},
    {"interconnect", required_argument, 0, 'i'}, {"collective", required_argument, 0, 'c'},
    {"timeseries", required_argument, 0, 'T'}, {"format", required_argument, 0, 'f'}, {"skew", required_argument, 0, 'S'}, {"extrapolate", no_argument, 0, 'x'}, {"help", no_argument, 0, 'h'}, {0}};
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;) {
    if (c == 'h' || c == '?')
      return c == 'h' ? usage(stdout, EXIT_OK) : usage(stderr, EXIT_USER);
    read_option(c, o, e);
  }
  if (optind != argc || !o->requests || !o->profile || !o->model || (!o->max_num_seqs && !err_any(e)) ||
      (!o->max_num_batched_tokens && !err_any(e)))
    return usage(stderr, EXIT_USER);
  return err_any(e) ? (int)EXIT_USER : -1;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static bool whole(double x)
{
  return x >= 1 && x <= 1e8 && x == floor(x);
}

static bool check_rows(const char *file, const struct table *t, struct err *e)
{
  for (uint64_t i = 0; i < t->n; i++) {
    double *const *c = t->number;
    if (!whole(c[INPUT][i]) || !whole(c[OUTPUT][i]))
      return err_add(e, (struct where){.file = file}, "request %llu: tokens must be whole and at least 1",
                     (unsigned long long)i);
    if (!(c[LAST][i] >= c[FIRST][i] && c[FIRST][i] >= c[QUEUED][i]))
      return err_add(e, (struct where){.file = file}, "request %llu: queued, first and last token are not in this order",
                     (unsigned long long)i);
  }
  return true;
}

static struct times times_of(double arrival_s, double first_s, double last_s, uint32_t output)
{
  return (struct times){first_s - arrival_s, output > 1 ? (last_s - first_s) / (output - 1) : 0, last_s - arrival_s};
}

static bool read_requests(struct replay *p, struct arena *a, struct err *e)
{
  const struct table *t = table_load(p->o->requests, TRACE_JSONL, columns, N_COLUMNS, a, e);
  if (!t || !check_rows(p->o->requests, t, e))
    return false;
  double clock_s = INFINITY, start_s = INFINITY;
  for (uint64_t i = 0; i < t->n; i++) {
    clock_s = fmin(clock_s, t->number[QUEUED][i] - t->number[ARRIVAL][i]);
    start_s = fmin(start_s, t->number[ARRIVAL][i]);
  }
  p->n = t->n;
  p->requests = arena_array(a, struct replayed, t->n);
  for (uint64_t i = 0; i < t->n; i++) {
    struct replayed *r = &p->requests[i];
    double shift_s = clock_s + start_s;
    r->request.prompt = (uint32_t)t->number[INPUT][i];
    r->request.output = (uint32_t)t->number[OUTPUT][i];
    r->arrival_s = t->number[ARRIVAL][i] - start_s;
    r->measured = times_of(r->arrival_s, t->number[FIRST][i] - shift_s, t->number[LAST][i] - shift_s, r->request.output);
  }
  return true;
}

static bool read_series(struct replay *p, struct arena *a, struct err *e)
{
  if (!p->o->series)
    return true;
  p->series = table_load(p->o->series, TRACE_CSV, series_columns, N_SERIES, a, e);
  if (!p->series)
    return false;
  p->n_samples = p->series->n;
  p->samples = arena_array(a, struct sample, p->n_samples);
  for (uint64_t i = 0; i < p->n_samples; i++)
    p->samples[i] = (struct sample){.replay = p, .at_s = fmax(0, p->series->number[AT][i])};
  return true;
}

/* ---- replay ------------------------------------------------------------------------------------------------------- */

static void on_arrival(struct sim *s, void *subject)
{
  struct replay *p = sim_world(s);
  p->rejected += engine_enter(p->engine, subject) != ENGINE_FITS;   /* a replayed begins with its request */
}

static void on_done(struct sim *s, struct engine_request *r)
{
  ((struct replayed *)(void *)r)->done = sim_now(s);
}

static void on_rejected(struct sim *s, struct engine_request *r, enum engine_refusal why)
{
  (void)r;
  (void)why;
  ((struct replay *)sim_world(s))->rejected++;
}

static void on_sample(struct sim *s, void *subject)
{
  (void)s;
  struct sample *x = subject;
  struct engine *e = x->replay->engine;
  x->value[RUNNING] = engine_running(e);
  x->value[WAITING] = engine_waiting(e);
  x->value[KV] = 100. * engine_blocks_used(e) / engine_blocks_total(e);
}

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void on_iteration(void *log, const struct engine *e, const struct engine_iteration *it)
{
  struct steptime_limits *reached = log;
  (void)e;
  reached->tokens = larger(reached->tokens, it->batch->prefill_tokens + it->batch->decodes);
  reached->sequences = larger(reached->sequences, it->batch->sequences);
}

/* Blocks for everybody at once, when the number is not given. */
static uint32_t enough_blocks(const struct replay *p, uint32_t block_tok)
{
  uint64_t blocks = 2;
  for (uint64_t i = 0; i < p->n; i++)
    blocks += (p->requests[i].request.prompt + p->requests[i].request.output) / block_tok + 2;
  return blocks < 1u << 28 ? (uint32_t)blocks : 1u << 28;
}

static void replay(struct replay *p, const struct steptime *model)
{
  const struct engine_events on = {.done = on_done, .rejected = on_rejected, .iteration = on_iteration, .log = &p->reached};
  struct engine_def def = engine_def_default(VLLM_V1, 2);
  def.kv_blocks = p->o->kv_blocks ? p->o->kv_blocks : enough_blocks(p, def.block_tok);
  def.max_num_seqs = p->o->max_num_seqs;
  def.max_num_batched_tokens = p->o->max_num_batched_tokens;
  def.async = true;                                     /* the server's default since its version 0.14 */
  struct sim *s = sim_new();
  sim_set_world(s, p);
  p->engine = engine_new(s, &def, model, &on);
  for (uint64_t i = 0; i < p->n; i++)
    sim_at(s, ns_from_s(p->requests[i].arrival_s), PRIORITY_ARRIVE, on_arrival, &p->requests[i]);
  for (uint64_t i = 0; i < p->n_samples; i++)
    sim_at(s, ns_from_s(p->samples[i].at_s), PRIORITY_OBSERVE, on_sample, &p->samples[i]);
  sim_run(s, SIM_NEVER);
  for (uint64_t i = 0; i < p->n; i++) {
    struct replayed *r = &p->requests[i];
    r->predicted = times_of(r->arrival_s, s_from_ns(r->request.first_token), s_from_ns(r->done), r->request.output);
    p->reached.context = larger(p->reached.context, r->request.prompt + r->request.output);
  }
  engine_meters(p->engine, &p->meters);
  engine_free(p->engine);
  sim_free(s);
}

/* ---- verdict ------------------------------------------------------------------------------------------------------ */

enum which { TTFT, TPOT, E2E };
static double of(const struct times *t, enum which w)
{
  return w == TTFT ? t->ttft_s : w == TPOT ? t->tpot_s : t->e2e_s;
}

struct means { double measured, predicted; uint64_t n; };

/* TPOT is of requests with more than one token; with below_s > 0 only those whose measured TTFT is below it count. */
static struct means means_of(const struct replay *p, enum which w, double below_s)
{
  struct means m = {0};
  for (uint64_t i = 0; i < p->n; i++) {
    const struct replayed *r = &p->requests[i];
    if ((w == TPOT && r->request.output < 2) || (below_s > 0 && r->measured.ttft_s >= below_s))
      continue;
    m.measured += of(&r->measured, w);
    m.predicted += of(&r->predicted, w);
    m.n++;
  }
  m.measured /= (double)m.n;
  m.predicted /= (double)m.n;
  return m;
}

static double error_of(struct means m)
{
  return m.predicted / m.measured - 1;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts; between two ranks linearly. */
static double quantile(double *x, uint64_t n, double q)
{
  qsort(x, n, sizeof *x, by_value);
  double rank = q * (double)(n - 1);
  uint64_t i = (uint64_t)rank, next = i + 1 < n ? i + 1 : i;
  return x[i] + (rank - (double)i) * (x[next] - x[i]);
}

static double quantile_error(const struct replay *p, double q, struct arena *a)
{
  double *measured = arena_array(a, double, p->n), *predicted = arena_array(a, double, p->n);
  for (uint64_t i = 0; i < p->n; i++) {
    measured[i] = p->requests[i].measured.e2e_s;
    predicted[i] = p->requests[i].predicted.e2e_s;
  }
  return quantile(predicted, p->n, q) / quantile(measured, p->n, q) - 1;
}

static double median_request_error(const struct replay *p, struct arena *a)
{
  double *x = arena_array(a, double, p->n);
  for (uint64_t i = 0; i < p->n; i++)
    x[i] = fabs(p->requests[i].predicted.e2e_s / p->requests[i].measured.e2e_s - 1);
  return quantile(x, p->n, .5);
}

/* Mean absolute difference over the range of the measured; NaN when that does not move. */
static double series_error(const struct replay *p, int column)
{
  double least = INFINITY, most = -INFINITY, sum = 0;
  for (uint64_t i = 0; i < p->n_samples; i++) {
    double x = p->series->number[column][i];
    least = fmin(least, x);
    most = fmax(most, x);
    sum += fabs(p->samples[i].value[column] - x);
  }
  return most > least ? sum / (double)p->n_samples / (most - least) : NAN;
}

enum { BELOW_S = 1 };
struct verdict {
  struct means ttft, tpot, e2e, ttft_below, tpot_below;
  double p50, p90, p99, request_median, running, waiting, kv;
};

static struct verdict judge(const struct replay *p, struct arena *a)
{
  return (struct verdict){
    means_of(p, TTFT, 0), means_of(p, TPOT, 0), means_of(p, E2E, 0), means_of(p, TTFT, BELOW_S), means_of(p, TPOT, BELOW_S),
    quantile_error(p, .5, a), quantile_error(p, .9, a), quantile_error(p, .99, a), median_request_error(p, a),
    series_error(p, RUNNING), series_error(p, WAITING), series_error(p, KV)};
}

static void print_json(const struct replay *p, const struct verdict *v)
{
  json *j = json_new_object();
  json_put_string(j, "kind", "validation in overload");
  json_put_int(j, "requests", (int64_t)p->n);
  json_put_bool(j, "skew_correction", !p->even);
  json_put_number(j, "ttft_mean_err", error_of(v->ttft));
  json_put_number(j, "tpot_mean_err", error_of(v->tpot));
  json_put_number(j, "e2e_mean_err", error_of(v->e2e));
  json_put_number(j, "e2e_p50_err", v->p50);
  json_put_number(j, "e2e_p90_err", v->p90);
  json_put_number(j, "e2e_p99_err", v->p99);
  json_put_number(j, "e2e_request_median_abs_err", v->request_median);
  json_put_int(j, "ttft_below_1s_requests", (int64_t)v->ttft_below.n);
  json_put_number(j, "ttft_below_1s_measured_s", v->ttft_below.measured);
  json_put_number(j, "ttft_below_1s_predicted_s", v->ttft_below.predicted);
  json_put_number(j, "ttft_below_1s_mean_err", error_of(v->ttft_below));
  json_put_number(j, "ttft_below_1s_tpot_mean_err", error_of(v->tpot_below));
  if (p->series) {
    json_put_number(j, "running_err", v->running);
    json_put_number(j, "waiting_err", v->waiting);
    json_put_number(j, "kv_err", v->kv);
  }
  json_put_bool(j, "extrapolated", p->beyond != NULL);
  json_put_int(j, "preemptions", (int64_t)p->meters.preemptions);
  json_put_int(j, "iterations", (int64_t)p->meters.iterations);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

static void print_mean(const char *name, struct means m, double scale, const char *unit)
{
  printf("%-30s %10.4g %10.4g %-3s %+7.2f %%\n", name, m.measured * scale, m.predicted * scale, unit, 100 * error_of(m));
}

static void print_text(const struct replay *p, const struct verdict *v)
{
  printf("validation in overload: %llu requests, nothing fitted to the run%s\n", (unsigned long long)p->n,
         !p->even ? "" : p->o->skew == SKEW_OFF ? ", unequal contexts not corrected for"
         : ", unequal contexts not corrected for (the profile's publisher sets it so)");
  printf("%-30s %10s %10s\n", "", "measured", "predicted");
  print_mean("TTFT mean", v->ttft, 1, "s");
  print_mean("TPOT mean", v->tpot, 1e3, "ms");
  print_mean("E2E mean", v->e2e, 1, "s");
  printf("%-55s %+7.2f %%\n%-55s %+7.2f %%\n%-55s %+7.2f %%\n", "E2E p50", 100 * v->p50, "E2E p90", 100 * v->p90, "E2E p99",
         100 * v->p99);
  printf("%-55s %7.2f %%\n", "E2E of single requests, median absolute error", 100 * v->request_median);
  if (v->ttft_below.n) {
    printf("%llu requests whose measured TTFT is below %d s, apart:\n", (unsigned long long)v->ttft_below.n, BELOW_S);
    print_mean("  TTFT mean", v->ttft_below, 1, "s");
    print_mean("  TPOT mean", v->tpot_below, 1e3, "ms");
  }
  if (p->series)
    printf("series, mean error / range: running %.2f %%, waiting %.2f %%, KV %.2f %%\n", 100 * v->running, 100 * v->waiting,
           100 * v->kv);
  if (p->beyond)
    printf("EXTRAPOLATED: %s\n", p->beyond);
  printf("%llu iterations, %llu preemptions\n", (unsigned long long)p->meters.iterations,
         (unsigned long long)p->meters.preemptions);
}

/* How the replay went beyond what the profile holds; NULL: it did not. */
static const char *beyond(const struct replay *p, const struct steptime *model, struct arena *a)
{
  struct steptime_limits most = steptime_limits(model);
  const struct { const char *what; uint64_t reached, most; } all[] = {
    {"tokens in an iteration", p->reached.tokens, most.tokens}, {"requests in an iteration", p->reached.sequences, most.sequences},
    {"tokens of one request", p->reached.context, most.context}};
  for (int i = 0; i < 3; i++)
    if (all[i].most && all[i].reached > all[i].most)
      return arena_printf(a, "%llu %s; the profile ends at %llu", (unsigned long long)all[i].reached, all[i].what,
                          (unsigned long long)all[i].most);
  return NULL;
}

static int compare(const struct options *o, struct arena *a, struct err *e)
{
  struct replay p = {.o = o};
  const struct steptime *model = steptime_tables(a, o->profile, o->model, &o->parallel, e);
  if (!model || !read_requests(&p, a, e) || !read_series(&p, a, e))
    return (int)e->code;
  p.even = o->skew == SKEW_OFF || (o->skew == SKEW_AUTO && !steptime_tables_corrected(o->profile));
  if (p.even)
    model = steptime_tables_even(a, model);
  replay(&p, model);
  if (p.rejected) {
    fprintf(stderr, "offsim validate vllm: %llu requests do not fit the memory\n", (unsigned long long)p.rejected);
    return EXIT_NEGATIVE;
  }
  p.beyond = beyond(&p, model, a);
  if (p.beyond && !o->extrapolate) {
    err_add(e, (struct where){0}, "%s; --extrapolate goes on", p.beyond);
    return EXIT_USER;
  }
  struct verdict v = judge(&p, a);
  if (o->json)
    print_json(&p, &v);
  else
    print_text(&p, &v);
  return EXIT_OK;
}

int validate_vllm(int argc, char **argv)
{
  struct options o = {.parallel = {1, 45e9, 20e-6}};
  struct err e;
  struct arena *a = arena_new();
  err_init(&e);
  int code = read_options(argc, argv, &o, &e);
  if (code < 0)
    code = compare(&o, a, &e);
  if (err_any(&e))
    err_print(&e, stderr, false);
  err_release(&e);
  arena_free(a);
  return code;
}
