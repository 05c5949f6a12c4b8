#include "experiments/worker.h"
#include "analysis/metrics.h"
#include "analysis/store/journal.h"
#include "analysis/store/record_hash.h"
#include "analysis/store/trace.h"
#include "experiments/setup.h"
#include "experiments/watch.h"
#include "models/policy_host.h"
#include "models/world.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILD_RUNS = 16 /* of one child */, SYNC_S = 2, EXACT_KEPT = 4096 /* latencies a run in the catalogue; more become a sketch */ };

#define CHILD_S 0.5                                     /* a child that is older does no further run */

/* ---- where the records go ---------------------------------------------------------------------------------------- */

/* Latencies of a pilot, for MSER-5. */
struct arrivals { size_t n, room; struct arrived { int64_t at_ns; double latency_s; } *item; };
struct records { struct metrics *metrics; struct trace_writer *trace; struct hash hash; struct arrivals *pilot; };

static void note_arrival(struct arrivals *a, const struct request_record *r)
{
  if (r->completed_ns < 0)
    return;
  if (a->n == a->room) {
    a->room = a->room ? 2 * a->room : 4096;
    a->item = realloc(a->item, a->room * sizeof *a->item);
    if (!a->item)
      check_out_of_memory(a->room * sizeof *a->item);
  }
  a->item[a->n++] = (struct arrived){r->arrived_ns, (double)(r->completed_ns - r->arrived_ns) / NS_PER_S};
}

static void on_request(void *context, const struct request_record *r, const double *attribute, int n_attributes)
{
  struct records *to = context;
  to->hash = hash_sum(to->hash, hash_request(r, attribute, n_attributes));
  metrics_request(to->metrics, r);
  if (to->trace)
    trace_request(to->trace, r, attribute, n_attributes);
  if (to->pilot)
    note_arrival(to->pilot, r);
}

static void on_attempt(void *context, const struct attempt_record *a)
{
  struct records *to = context;
  to->hash = hash_sum(to->hash, hash_attempt(a));
  metrics_attempt(to->metrics, a);
  if (to->trace)
    trace_attempt(to->trace, a);
}

static void on_decision(void *context, const struct decision_record *d)
{
  struct records *to = context;
  to->hash = hash_sum(to->hash, hash_decision(d));
  if (to->trace)
    trace_decision(to->trace, d);
}

static void on_transfer(void *context, const struct transfer_record *t)
{
  struct records *to = context;
  if (to->trace)
    trace_transfer(to->trace, t);
}

static void on_sample(void *context, int64_t at_ns, const struct place_sample *sample, int n_places)
{
  struct records *to = context;
  if (to->trace)
    trace_sample(to->trace, at_ns, sample, n_places);
}

static struct sink sink_to(struct records *to)
{
  return (struct sink){to, on_request, on_attempt, on_decision, on_transfer, on_sample};
}

/* ---- the pilot of `warmup: auto` --------------------------------------------------------------------------------- */

static int by_arrival(const void *a, const void *b)
{
  const struct arrived *x = a, *y = b;
  return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* When the first request arrives that MSER-5 keeps; 0 when there is nothing to look at. */
static double truncation_s(struct arrivals *a)
{
  double *latency = malloc((a->n + 1) * sizeof *latency);
  if (!latency)
    check_out_of_memory(a->n * sizeof *latency);
  qsort(a->item, a->n, sizeof *a->item, by_arrival);
  for (size_t i = 0; i < a->n; i++)
    latency[i] = a->item[i].latency_s;
  bool late = false;
  size_t first = a->n ? mser5(latency, a->n, &late) : 0;
  free(latency);
  return first < a->n ? (double)a->item[first].at_ns / NS_PER_S : 0;
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

struct run {
  const struct scenario *scenario; const struct run_order *order;
  const char *study;                                    /* NULL: the scenario's name */
  struct policy_def policy; struct policy_desk *desk;   /* policy: the entry, with the desk */
  struct world_def def;
  struct arena *arena;
  struct records to;
  struct arrivals arrivals;
  struct world *world;
  struct run_summary summary;
  struct catalog_run result;
  struct hash file_hash; uint64_t trace_bytes;
  char *trace_file, *replay;                            /* replay: the command that repeats the run */
};

static double monotonic_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const struct policy_def *policy_of(const struct scenario *s, int policy)
{
  return policy >= 0 ? &s->policy[policy] : NULL;
}

static void set_horizon(struct run *r)
{
  struct horizon_def *h = &r->def.horizon;
  if (r->order->pilot || r->order->warmup_s >= 0) {
    h->warmup_s = r->order->pilot ? 0 : r->order->warmup_s;
    h->warmup_auto = false;
  }
}

/* A plug-in that does not load fails its own runs; a mistake in its entry is the user's and stops the study. */
static void blame_plugin(const struct policy_def *policy, struct err *err)
{
  struct err own;
  err_init(&own);
  if (policy && policy->resolved_path && err->code == EXIT_USER && !policy_describe(policy, &own))
    err->code = EXIT_PLUGIN;
  err_release(&own);
}

/* The entry of the order; NULL: none. */
static const struct policy_def *policy_with_desk(struct run *r)
{
  const struct policy_def *policy = policy_of(r->scenario, r->order->policy);
  if (!policy)
    return NULL;
  r->policy = *policy;
  r->policy.desk = r->desk;
  return &r->policy;
}

static bool build(struct run *r, struct err *err)
{
  const struct scenario *s = r->scenario;
  struct metrics_setup metrics;
  metrics_setup_of(&s->world, r->arena, &metrics);
  r->def = s->world;
  r->def.record_transfers = r->order->trace == TRACE_LINKS;
  set_horizon(r);
  r->to.metrics = metrics_new(&metrics);
  r->to.pilot = r->order->pilot ? &r->arrivals : NULL;
  r->world = world_new(&(struct run_setup){.def = &r->def, .policy = policy_with_desk(r), .seed = s->seed,
                                           .replication = r->order->replication, .sink = sink_to(&r->to)}, err);
  if (!r->world) {
    blame_plugin(policy_of(s, r->order->policy), err);
    return false;
  }
  check_set_context((struct check_context){sim_clock(world_sim(r->world)), r->replay});
  if (!r->trace_file)
    return true;
  struct trace_setup trace;
  trace_setup_of(r->world, &r->def, r->arena, &trace);
  r->to.trace = trace_create(r->trace_file, &trace, err);
  return r->to.trace != NULL;
}

static void fill_result(struct run *r, double elapsed_s)
{
  const struct run_order *o = r->order;
  const struct policy_def *policy = policy_of(r->scenario, o->policy);
  struct catalog_run *to = &r->result;
  memcpy(to->id, o->id, sizeof to->id);
  to->point = o->point, to->replication = o->replication, to->seed = r->scenario->seed;
  to->policy = policy ? policy->name : "none";
  to->kind = r->world ? arena_strdup(r->arena, world_policy_kind(r->world)) : "policy";
  to->study = r->study ? r->study : r->scenario->name;
  to->message = "";
  to->trace_file = r->trace_file ? arena_printf(r->arena, "traces/%s.h5", o->id) : "";
  hash_hex(r->to.hash, to->trace_hash);
  to->events = r->summary.events;
  to->elapsed_s = elapsed_s;
}

static void add_remark(struct run *r)
{
  char text[1024];
  world_remark(r->world, text, sizeof text);
  r->result.message = arena_strdup(r->arena, text);
}

/* What a bound rests on is told by place. */
static bool is_kept(const struct world *w, struct catalog_metric *m)
{
  if (*m->place) return !strcmp(m->metric, "extrapolated_estimates");
  return world_bound_proves(w, m->metric, &m->value);
}

/* A bound says nothing of the rest. */
static size_t keep_proven(const struct world *w, struct catalog_metric *metric, size_t n)
{
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (is_kept(w, &metric[i])) metric[kept++] = metric[i];
  return kept;
}

static void fill_metrics(struct run *r)
{
  const struct metric_value *value;
  size_t n = metrics_finish(r->to.metrics, &r->summary, &value);
  struct catalog_metric *metric = arena_array(r->arena, struct catalog_metric, n + 1);
  for (size_t i = 0; i < n; i++)
    metric[i] = (struct catalog_metric){value[i].metric, value[i].klass, value[i].place, value[i].value};
  if (world_bounds(policy_of(r->scenario, r->order->policy))) n = keep_proven(r->world, metric, n);
  if (r->order->pilot)
    metric[n++] = (struct catalog_metric){"pilot_truncation_s", "", "", truncation_s(&r->arrivals)};
  r->result.metric = metric;
  r->result.n_metrics = n;
}

static bool finish_trace(struct run *r, struct err *err)
{
  struct trace_writer *w = r->to.trace;
  r->to.trace = NULL;
  if (!w)
    return true;
  bool ok = trace_commit(w, &r->file_hash, &r->trace_bytes, err);
  hash_hex(r->file_hash, r->result.trace_file_hash);
  return ok;
}

/* Traces and plug-ins are read by the run itself: were they still those that its identity tells of? */
static bool files_as_loaded(const struct scenario *s, struct err *err)
{
  const char *path = scenario_changed_file(s);
  return !path || err_system(err, "%s was edited while runs were using it; nothing of the edited one was recorded, and the"
                             " same command goes on with the files as they are now", path);
}

static bool simulate(struct run *r, struct err *err)
{
  double start = monotonic_s();
  bool ok = build(r, err) && world_run(r->world, &r->summary, err);
  fill_result(r, monotonic_s() - start);
  if (ok)
    add_remark(r);
  if (!files_as_loaded(r->scenario, err) || !ok)
    return false;
  fill_metrics(r);
  return finish_trace(r, err);
}

static void run_free(struct run *r)
{
  check_set_context((struct check_context){NULL, NULL});
  trace_abandon(r->to.trace);
  if (r->world)
    world_free(r->world);
  if (r->to.metrics)
    metrics_free(r->to.metrics);
  free(r->arrivals.item);
  free(r->trace_file);
  arena_free(r->arena);
}

static void save_sketch(struct run *r)
{
  struct quantiles *latency = metrics_latency(r->to.metrics);
  if (latency && quantiles_n(latency) <= EXACT_KEPT)
    r->result.sketch = quantiles_save(latency, &r->result.sketch_bytes);
  else if (latency)
    r->result.sketch = quantiles_save_sketch(latency, &r->result.sketch_bytes);
}

int run_here(const struct scenario *s, const struct run_order *order, const char *trace_file, struct run_totals *totals,
             struct err *err)
{
  struct run r = {.scenario = s, .order = order, .arena = arena_new(),
                  .trace_file = trace_file ? strdup(trace_file) : NULL};
  bool ok = simulate(&r, err);
  *totals = (struct run_totals){.events = r.summary.events, .requests = r.summary.requests,
                                .trace_bytes = r.trace_bytes, .elapsed_s = r.result.elapsed_s};
  memcpy(totals->trace_hash, r.result.trace_hash, sizeof totals->trace_hash);
  run_free(&r);
  return ok ? EXIT_OK : err->code;
}

int run_weigh(const struct scenario *s, const struct run_order *order, const char *trace_file, double *bytes,
              struct err *err)
{
  struct run r = {.scenario = s, .order = order, .arena = arena_new(),
                  .trace_file = trace_file ? strdup(trace_file) : NULL};
  bool ok = simulate(&r, err);
  if (ok)
    save_sketch(&r);
  *bytes = ok ? catalog_run_bytes(&r.result) + (double)r.trace_bytes : 0;
  free((void *)r.result.sketch);
  run_free(&r);
  return ok ? EXIT_OK : err->code;
}

/* ---- the child --------------------------------------------------------------------------------------------------- */

char *journal_path(const char *journal, int worker, bool second)
{
  char *path = NULL;
  return asprintf(&path, "%s%d%s", journal, worker, second ? ".b" : "") < 0 ? NULL : path;
}

char *trace_path(const char *dir, const char *id)
{
  char *path = NULL;
  return asprintf(&path, "%s/traces/%s.h5", dir, id) < 0 ? NULL : path;
}

static char *text_of(const struct err *err)
{
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  if (!f)
    return NULL;
  err_print(err, f, false);
  fclose(f);
  return text;
}

static int add_to_journal(const struct worker_setup *setup, const struct catalog_run *result, bool second,
                          struct err *err)
{
  char *path = journal_path(setup->journal, setup->number, second);
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    err_system(err, "cannot write %s: %s", path, strerror(errno));
  bool ok = fd >= 0 && journal_add(fd, path, result, err);
  if (fd >= 0 && close(fd) != 0)
    ok = false;
  free(path);
  return ok ? EXIT_OK : EXIT_JOURNAL;
}

/* What goes wrong while writing is said at once: there is no other place for it. */
static int report_result(const struct worker_setup *setup, const struct run_order *order,
                         const struct catalog_run *result, int code)
{
  struct err err;
  err_init(&err);
  int written = add_to_journal(setup, result, order->second_journal, &err);
  if (written != EXIT_OK)
    err_print(&err, stderr, false);
  return written != EXIT_OK ? written : code;
}

static void fail(struct run *r, const struct err *err)
{
  r->result.state = RUN_FAILED;
  r->result.trace_file = "";
  r->result.n_metrics = 0;
  r->result.message = text_of(err);
  trace_abandon(r->to.trace);
  r->to.trace = NULL;
}

/* With an entry in the journal. After a failure the process must end: not all is freed. */
static int run_in_child(const struct worker_setup *setup, struct run *r, struct watch *watch)
{
  struct err err;
  err_init(&err);
  if (r->order->trace != TRACE_NONE && !r->order->pilot)
    r->trace_file = trace_path(setup->dir, r->order->id);
  r->replay = arena_printf(r->arena, "offsim rerun %s --run %s --trace full", setup->dir, r->order->id);
  check_set_context((struct check_context){NULL, r->replay});
  watch_run(watch, &r->world);
  bool ok = simulate(r, &err);
  int code = ok ? EXIT_OK : err.code;
  if (ok)
    save_sketch(r);
  else
    fail(r, &err);
  code = report_result(setup, r->order, &r->result, code);
  watch_run(watch, NULL);
  if (code == EXIT_OK)
    err_release(&err);
  return code;
}

/* Told that one run is done, the worker may have one more of the same point. False: there is none. */
static bool next_order(int worker, struct run_order *order)
{
  int32_t done = order->number;
  return send(worker, &done, sizeof done, MSG_NOSIGNAL) == (ssize_t)sizeof done
         && recv(worker, order, sizeof *order, 0) == (ssize_t)sizeof *order;
}

/* One run after the other, each from the same beginning: nothing that a run makes outlives it, and what was built
 * before the fork is only read. worker: -1, one run alone. The process ends with the exit code of the last one. */
static _Noreturn void child_main(const struct worker_setup *setup, const struct scenario *scenario,
                                 const struct run_order *first, int worker)
{
  struct run_order order = *first;
  struct watch watch;
  double began_s = monotonic_s();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  watch_limits();
  watch_make(&watch);
  watch.hung_s = &setup->desk->hung_s;
  for (int n = 1;; n++) {
    struct run r = {.scenario = scenario, .study = setup->source->name, .order = &order, .arena = arena_new(),
                    .desk = setup->desk};
    *setup->desk = (struct policy_desk){0};
    int code = run_in_child(setup, &r, &watch);
    if (code != EXIT_OK || worker < 0 || n == CHILD_RUNS || monotonic_s() - began_s > CHILD_S)
      _exit(code);                                      /* nothing is freed */
    free((void *)r.result.sketch);
    run_free(&r);
    if (!next_order(worker, &order))
      _exit(EXIT_OK);
  }
}

/* A child's exit code; *number = the signal that it died of. */
static int wait_for(pid_t child, int *number)
{
  int status = 0;
  *number = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return EXIT_SYSTEM;
  if (WIFSIGNALED(status))
    *number = WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_NEGATIVE;
}

/* A point that cannot be built fails its runs, not the study; files that were edited stop it. */
static int report_unbuilt(const struct worker_setup *setup, const struct run_order *order, struct err *err)
{
  const struct scenario *s = setup->source->scenario;
  const struct policy_def *policy = policy_of(s, order->policy);
  char *text = text_of(err);
  struct catalog_run r = {.point = order->point, .replication = order->replication, .seed = s->seed,
    .policy = policy ? policy->name : "none", .kind = "policy", .state = RUN_FAILED, .message = text,
    .study = setup->source->name ? setup->source->name : s->name, .trace_file = ""};
  memcpy(r.id, order->id, sizeof r.id);
  int code = report_result(setup, order, &r, err->code == EXIT_SYSTEM ? EXIT_SYSTEM : EXIT_NEGATIVE);
  free(text);
  return code;
}

/* A worker's child between two runs: built-in policies at one point share it. pid 0: there is none. */
struct child { pid_t pid; int to; const struct scenario *scenario; uint64_t point; };

static int end_child(struct child *c, int *number)
{
  pid_t pid = c->pid;
  if (c->to >= 0)
    close(c->to);
  *c = (struct child){.to = -1};
  return wait_for(pid, number);
}

static void dismiss(struct child *c)
{
  int number;
  if (c->pid)
    end_child(c, &number);
}

/* Code that is not ours has a process for every run. */
static bool may_share(const struct scenario *s, const struct run_order *order)
{
  const struct policy_def *policy = policy_of(s, order->policy);
  return !policy || !policy->resolved_path;
}

/* Of a child that is gone: how it ended, and what its policy was doing. A policy that leaves by exit() chose its code
 * freely. */
static void explain(const struct policy_desk *desk, const struct policy_def *policy, struct run_answer *a)
{
  char how[96] = "", doing[160];
  policy_desk_print(desk, doing, sizeof doing);
  if (desk->hung_s)
    snprintf(how, sizeof how, "hung: no event for %d s of CPU time", desk->hung_s);
  else if (a->signal)
    snprintf(how, sizeof how, "crashed: %s (signal %d)", strsignal(a->signal), a->signal);
  else if (desk->call != CALL_NONE)
    snprintf(how, sizeof how, "ended the process, exit code %d", a->code);
  if (*how && *doing && policy)
    snprintf(a->text, sizeof a->text, "%s %s; policy '%s'%s%s", how, doing, policy->name,
             policy->resolved_path ? ", " : "", policy->resolved_path ? policy->resolved_path : "");
  else
    snprintf(a->text, sizeof a->text, "%s", how);
  if (!a->signal && desk->call != CALL_NONE)
    a->code = EXIT_PLUGIN;
}

/* The end of the run that the child does now: a word from it, or its own end. */
static void await(const struct worker_setup *setup, struct child *c, int policy, struct run_answer *answer)
{
  int32_t done;
  ssize_t n;
  do
    n = c->to < 0 ? 0 : recv(c->to, &done, sizeof done, 0);
  while (n < 0 && errno == EINTR);
  if (n == (ssize_t)sizeof done && done == answer->number) {
    answer->code = EXIT_OK;
    return;
  }
  const struct scenario *scenario = c->scenario;
  int number;
  answer->code = end_child(c, &number);
  answer->signal = number;
  explain(setup->desk, policy_of(scenario, policy), answer);
}

/* Sockets, not pipes: one that nobody reads any more must not kill the worker. */
static bool start_child(const struct worker_setup *setup, struct child *c, const struct scenario *scenario,
                        const struct run_order *order)
{
  int end[2] = {-1, -1};
  if (may_share(scenario, order) && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end) != 0)
    return false;
  pid_t pid = fork();
  if (pid == 0) {
    if (end[0] >= 0)
      close(end[0]);
    child_main(setup, scenario, order, end[1]);
  }
  if (end[1] >= 0)
    close(end[1]);
  if (pid < 0 && end[0] >= 0)
    close(end[0]);
  if (pid > 0)
    *c = (struct child){.pid = pid, .to = end[0], .scenario = scenario, .point = order->point};
  return pid > 0;
}

/* False: this order needs a new child. */
static bool hand_over(struct child *c, const struct run_order *order)
{
  bool ok = c->pid && c->point == order->point && may_share(c->scenario, order)
            && send(c->to, order, sizeof *order, MSG_NOSIGNAL) == (ssize_t)sizeof *order;
  if (!ok)
    dismiss(c);
  return ok;
}

static struct run_answer serve(const struct worker_setup *setup, struct child *child, const struct run_order *order)
{
  struct run_answer answer = {.number = order->number, .code = EXIT_SYSTEM};
  const struct run_source *source = setup->source;
  if (!hand_over(child, order)) {
    struct err err;
    err_init(&err);
    const struct scenario *scenario = source->find ? source->find(source->context, order, &err) : source->scenario;
    if (!scenario)
      answer.code = report_unbuilt(setup, order, &err);
    err_release(&err);
    if (!scenario || !start_child(setup, child, scenario, order))
      return answer;
  }
  await(setup, child, order->policy, &answer);
  return answer;
}

/* Now and then to disk: a shard's journal is the only record of its runs until they are merged. */
static void sync_journal(const struct worker_setup *setup, bool second, double *synced_s)
{
  double now = monotonic_s();
  if (now - *synced_s < SYNC_S)
    return;
  *synced_s = now;
  char *path = journal_path(setup->journal, setup->number, second);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    fdatasync(fd);
    close(fd);
  }
  free(path);
}

static struct policy_desk *new_desk(void)
{
  void *desk = mmap(NULL, sizeof(struct policy_desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (desk == MAP_FAILED)
    check_out_of_memory(sizeof(struct policy_desk));
  return desk;
}

_Noreturn void worker_main(const struct worker_setup *how, int in, int out)
{
  struct worker_setup own = *how, *setup = &own;
  own.desk = new_desk();
  sigset_t none;
  sigemptyset(&none);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN);                              /* the supervisor decides what an interrupt means */
  signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  struct run_order order;
  struct child child = {.to = -1};
  double synced_s = monotonic_s();
  while (read(in, &order, sizeof order) == (ssize_t)sizeof order) {
    struct run_answer answer = serve(setup, &child, &order);
    if (write(out, &answer, sizeof answer) != (ssize_t)sizeof answer)
      break;
    sync_journal(setup, order.second_journal, &synced_s);
  }
  dismiss(&child);
  _exit(0);
}
