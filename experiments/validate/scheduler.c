/* `offsim validate scheduler FILE.csv`: replays a reference workload through the LLM engine with the reference step time
 * and compares every request, and with --iterations every iteration, with what the file says.
 *
 * FILE: request_id, arrival_s, prompt_tokens, output_tokens, replica, first_scheduled_s, first_token_s, completion_s,
 * restarts. The log: iteration, replica, start_s, duration_ns, prefill_tokens, decode_requests, kv_sum, prefill_attn,
 * requests; the k-th row of a replica is its k-th iteration. Agreement: times within 2e-9 s, all else equal.
 */
#include "experiments/bench.h"
#include "experiments/validate/suites.h"
#include "models/engine.h"
#include "models/workload.h"
#include "sim/arena.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { TOLERANCE_NS = 2, REPLICAS_MAX = 1024 };
enum { ARRIVAL, PROMPT, OUTPUT, REPLICA, SCHEDULED, FIRST, DONE, RESTARTS, N_COLUMNS };
static const char *const columns[] = {"arrival_s", "prompt_tokens", "output_tokens", "replica", "first_scheduled_s",
                                      "first_token_s", "completion_s", "restarts"};
enum { LOG_REPLICA, LOG_START, LOG_DURATION, LOG_READ, LOG_DECODES, LOG_KV, LOG_ATTENTION, LOG_REQUESTS, N_LOG };
static const char *const log_columns[] = {"replica", "start_s", "duration_ns", "prefill_tokens", "decode_requests",
                                          "kv_sum", "prefill_attn", "requests"};

struct options {
  const char *file, *log;
  struct engine_def engine;
  uint32_t replicas;
  enum engine_router router;
};

struct replayed { struct engine_request request; sim_time done; uint32_t replica; bool rejected; };

struct replay {
  const struct options *o;
  struct engine **engines;
  const struct trace_table *table, *log;
  struct replayed *requests;
  uint64_t routed;
  uint64_t *log_at;                                     /* by replica: its next row of the log */
  uint64_t log_differences, iterations;
  sim_time log_worst;
};

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static int usage(FILE *out, int code)
{
  fputs("usage: offsim validate scheduler FILE.csv --scheduler vllm_v1|vllm_v0|sarathi --kv-blocks N\n"
        "         [--replicas R] [--router round_robin|waiting_queue|least_outstanding|join_shortest_queue|prefix_aware]\n"
        "         [--iterations LOG.csv.gz] [--max-num-seqs S] [--max-num-batched-tokens T]\n"
        "Replays a reference run under the reference step time and compares every time with it. FILE.csv has the columns\n"
        "  request_id,arrival_s,prompt_tokens,output_tokens,replica,first_scheduled_s,first_token_s,completion_s,restarts\n"
        "LOG.csv.gz: where one iteration is compared with the next, too. Settings are those of the run in the file.\n"
        "exit codes: 0 every time within 2e-9 s and no other difference; 1 something differs; 2 mistake in the arguments\n",
        out);
  return code;
}

static bool read_count(const char *name, const char *text, uint32_t most, uint32_t *n, struct err *e)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (end == text || *end || *text == '-' || value < 1 || value > most)
    return err_add(e, (struct where){0}, "--%s is a whole number from 1 to %u, not '%s'", name, most, text);
  *n = (uint32_t)value;
  return true;
}

static bool read_name(const char *name, const char *text, int value, const char *known, struct err *e)
{
  return value >= 0 || err_add(e, (struct where){0}, "--%s is one of %s, not '%s'", name, known, text);
}

struct texts { const char *scheduler, *blocks, *replicas, *router, *seqs, *tokens; };

/* Reads the texts once all are known: defaults depend on the scheduler. */
static bool understand(struct options *o, const struct texts *t, struct err *e)
{
  uint32_t blocks = 2;
  int scheduler = t->scheduler ? engine_scheduler_named(t->scheduler) : -1;
  int router = engine_router_named(t->router ? t->router : "round_robin");
  read_name("scheduler", t->scheduler ? t->scheduler : "", scheduler, "vllm_v1, vllm_v0, sarathi", e);
  read_name("router", t->router ? t->router : "", router, "round_robin, waiting_queue, least_outstanding, "
            "join_shortest_queue, prefix_aware", e);
  read_count("kv-blocks", t->blocks ? t->blocks : "", 1u << 28, &blocks, e);
  if (err_any(e))
    return false;
  o->engine = engine_def_default((enum engine_scheduler)scheduler, blocks < 2 ? 2 : blocks);
  o->router = (enum engine_router)router;
  o->replicas = 1;
  if (t->replicas)
    read_count("replicas", t->replicas, REPLICAS_MAX, &o->replicas, e);
  if (t->seqs)
    read_count("max-num-seqs", t->seqs, 1u << 16, &o->engine.max_num_seqs, e);
  if (t->tokens)
    read_count("max-num-batched-tokens", t->tokens, 1u << 24, &o->engine.max_num_batched_tokens, e);
  return !err_any(e);
}

/* -1 to go on, or the exit code. */
static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
  static const struct option names[] = {
    {"scheduler", required_argument, 0, 's'}, {"kv-blocks", required_argument, 0, 'k'}, {"replicas", required_argument, 0, 'r'},
    {"router", required_argument, 0, 'o'}, {"iterations", required_argument, 0, 'i'}, {"max-num-seqs", required_argument, 0, 'q'},
    {"max-num-batched-tokens", required_argument, 0, 't'}, {"help", no_argument, 0, 'h'}, {0}};
  struct texts t = {0};
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;)
    switch (c) {
    case 's': t.scheduler = optarg; break;
    case 'k': t.blocks = optarg; break;
    case 'r': t.replicas = optarg; break;
    case 'o': t.router = optarg; break;
    case 'i': o->log = optarg; break;
    case 'q': t.seqs = optarg; break;
    case 't': t.tokens = optarg; break;
    case 'h': return usage(stdout, EXIT_OK);
    default: return usage(stderr, EXIT_USER);
    }
  if (optind + 1 != argc)
    return usage(stderr, EXIT_USER);
  o->file = argv[optind];
  return understand(o, &t, e) ? -1 : (int)EXIT_USER;
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static const struct trace_table *load(const char *file, const char *key, const char *const *names, int n, struct arena *a,
                                      struct err *e)
{
  struct trace_column_def *wanted = arena_array(a, struct trace_column_def, n);
  for (int i = 0; i < n; i++)
    wanted[i] = (struct trace_column_def){.attribute = names[i], .column = names[i], .scale = 1};
  struct trace_def def = trace_def_default();
  def.file = def.asked = file;
  def.format = TRACE_CSV;
  def.time_column = key;
  def.time_scale_s = 1;
  def.time_is_datetime = def.origin_first = false;
  def.n_columns = n;
  def.column = wanted;
  return trace_load(&def, a, e);
}

static bool whole(double x, double least, double most)
{
  return x >= least && x <= most && x == floor(x);
}

static bool check_rows(const struct options *o, const struct trace_table *t, struct err *e)
{
  if (!t->n)
    return err_add(e, (struct where){.file = o->file}, "no requests");
  for (uint64_t i = 0; i < t->n; i++)
    if (!whole(t->column[PROMPT][i], 1, 1e9) || !whole(t->column[OUTPUT][i], 1, 1e9) || !(t->column[ARRIVAL][i] >= 0))
      return err_add(e, (struct where){.file = o->file}, "request %llu: tokens must be whole and at least 1, its arrival "
                     "not negative", (unsigned long long)i);
  return true;
}

/* ---- replay ------------------------------------------------------------------------------------------------------- */

static void on_arrival(struct sim *s, void *subject)
{
  struct replay *p = sim_world(s);
  struct replayed *r = subject;
  r->replica = engine_route(p->o->router, p->engines, p->o->replicas, p->routed++, &r->request);
  r->rejected = engine_enter(p->engines[r->replica], &r->request) != ENGINE_FITS;
}

static void on_done(struct sim *s, struct engine_request *r)
{
  ((struct replayed *)(void *)r)->done = sim_now(s);    /* its first member */
}

static void on_rejected(struct sim *s, struct engine_request *r, enum engine_refusal why)
{
  (void)s;
  (void)why;
  ((struct replayed *)(void *)r)->rejected = true;
}

static uint32_t replica_of(const struct replay *p, const struct engine *e)
{
  uint32_t i = 0;
  while (p->engines[i] != e)
    i++;
  return i;
}

/* The file's times have nine decimals. */
static sim_time off_by(double expected_s, sim_time got)
{
  sim_time expected = ns_from_s(expected_s > 0 ? expected_s : 0);
  return got > expected ? got - expected : expected - got;
}

static void on_iteration(void *context, const struct engine *e, const struct engine_iteration *it)
{
  struct replay *p = context;
  const double *const *c = p->log->column;
  uint32_t replica = replica_of(p, e);
  uint64_t i = p->log_at[replica];
  while (i < p->log->n && c[LOG_REPLICA][i] != (double)replica)
    i++;
  p->log_at[replica] = i + 1;
  if (i >= p->log->n) {
    p->log_differences++;
    return;
  }
  const struct step_batch *b = it->batch;
  sim_time off = off_by(c[LOG_START][i], it->start);
  p->log_worst = off > p->log_worst ? off : p->log_worst;
  bool same = off <= TOLERANCE_NS && c[LOG_DURATION][i] == (double)it->duration && c[LOG_READ][i] == b->prefill_tokens &&
              c[LOG_DECODES][i] == b->decodes && c[LOG_KV][i] == (double)b->decode_kv &&
              c[LOG_ATTENTION][i] == (double)b->prefill_attention && c[LOG_REQUESTS][i] == b->sequences;
  p->log_differences += !same;
}

static void replay(struct replay *p, struct arena *a)
{
  struct sim *s = sim_new();
  struct engine_events on = {.done = on_done, .rejected = on_rejected, .iteration = p->log ? on_iteration : NULL, .log = p};
  sim_set_world(s, p);
  p->requests = arena_array(a, struct replayed, p->table->n);
  p->engines = arena_array(a, struct engine *, p->o->replicas);
  p->log_at = arena_array(a, uint64_t, p->o->replicas);
  for (uint32_t i = 0; i < p->o->replicas; i++)
    p->engines[i] = engine_new(s, &p->o->engine, steptime_reference(), &on);
  for (uint64_t i = 0; i < p->table->n; i++) {
    p->requests[i].request.prompt = (uint32_t)p->table->column[PROMPT][i];
    p->requests[i].request.output = (uint32_t)p->table->column[OUTPUT][i];
    sim_at(s, ns_from_s(p->table->column[ARRIVAL][i]), PRIORITY_ARRIVE, on_arrival, &p->requests[i]);
  }
  sim_run(s, SIM_NEVER);
  for (uint32_t i = 0; i < p->o->replicas; i++) {
    struct engine_meters m;
    engine_meters(p->engines[i], &m);
    p->iterations += m.iterations;
    engine_free(p->engines[i]);
  }
  sim_free(s);
}

/* ---- verdict ------------------------------------------------------------------------------------------------------ */

struct verdict { sim_time worst; uint64_t late, restarts, replicas, unfinished; };

static void judge_one(const struct replay *p, uint64_t i, struct verdict *v)
{
  const struct replayed *r = &p->requests[i];
  const double *const *c = p->table->column;
  const struct { int column; sim_time got; } times[] = {
    {SCHEDULED, r->request.first_scheduled}, {FIRST, r->request.first_token}, {DONE, r->done}};
  bool late = false;
  if (r->rejected || r->done == 0) {
    v->unfinished++;
    return;
  }
  for (int k = 0; k < 3; k++) {
    sim_time off = off_by(c[times[k].column][i], times[k].got);
    v->worst = off > v->worst ? off : v->worst;
    late |= off > TOLERANCE_NS;
  }
  v->late += late;
  v->restarts += c[RESTARTS][i] != r->request.restarts;
  v->replicas += c[REPLICA][i] != r->replica;
}

static int say(const struct replay *p, double cpu_s)
{
  struct verdict v = {0};
  for (uint64_t i = 0; i < p->table->n; i++)
    judge_one(p, i, &v);
  uint64_t missing = 0, logged = p->log ? p->log->n : 0;
  if (p->log)
    missing = logged > p->iterations ? logged - p->iterations : 0;
  bool good = !v.late && !v.restarts && !v.replicas && !v.unfinished && !p->log_differences && !missing;
  printf("requests                %llu\n", (unsigned long long)p->table->n);
  printf("largest time deviation  %.9f s (%llu requests beyond 2e-9 s)\n", s_from_ns(v.worst), (unsigned long long)v.late);
  printf("restart mismatches      %llu\n", (unsigned long long)v.restarts);
  printf("replica mismatches      %llu\n", (unsigned long long)v.replicas);
  printf("unfinished              %llu\n", (unsigned long long)v.unfinished);
  if (p->log)
    printf("iteration log           %llu rows, %llu differ, %llu missing, start off by %.9f s at most\n",
           (unsigned long long)logged, (unsigned long long)p->log_differences, (unsigned long long)missing, s_from_ns(p->log_worst));
  printf("iterations              %llu\n", (unsigned long long)p->iterations);
  printf("iterations a second     %.3g (CPU)\n", cpu_s > 0 ? (double)p->iterations / cpu_s : 0);
  puts(good ? "agrees" : "DIFFERS");
  return good ? EXIT_OK : EXIT_NEGATIVE;
}

int validate_scheduler(int argc, char **argv)
{
  struct options o = {0};
  struct err e;
  struct arena *a = arena_new();
  err_init(&e);
  int code = read_options(argc, argv, &o, &e);
  if (code < 0) {
    struct replay p = {.o = &o, .table = load(o.file, "request_id", columns, N_COLUMNS, a, &e)};
    if (o.log)
      p.log = load(o.log, "iteration", log_columns, N_LOG, a, &e);
    if (p.table && !err_any(&e) && check_rows(&o, p.table, &e)) {
      double before = cpu_time_ns();
      replay(&p, a);
      code = say(&p, (cpu_time_ns() - before) / NS_PER_S);
    }
  }
  if (err_any(&e)) {
    err_print(&e, stderr, false);
    code = (int)e.code;
  }
  err_release(&e);
  arena_free(a);
  return code;
}
