/* bench_sweep.c: what a study costs beyond its runs. */
#include "analysis/store/journal.h"
#include "experiments/bench.h"
#include "experiments/journals.h"
#include "experiments/study.h"
#include "experiments/sweep.h"
#include "sim/arena.h"
#include "sim/check.h"
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { METRICS = 88 /* of a run of minimal.yaml */, MERGED = 4000, MANY = 10000, VERY_MANY = 100000 };

/* One measurement: a study in a folder of its own. */
struct place { char dir[32]; struct sweep sweep; struct arena *arena; struct err err; bool ok; };

static void leave(struct place *p)
{
  static const char *const name[] = {"/journal/s1", "/journal/0", "/journal", "/traces", "/catalog.sqlite", ""};
  char path[64];
  for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
    snprintf(path, sizeof path, "%s%s", p->dir, name[i]);
    if (unlink(path) != 0)
      rmdir(path);
  }
  sweep_free(&p->sweep);
  err_print(&p->err, stderr, false);
  err_release(&p->err);
  arena_free(p->arena);
}

static bool enter(struct place *p, uint64_t replications)
{
  *p = (struct place){.dir = "offsim-bench-XXXXXX", .arena = arena_new()};
  err_init(&p->err);
  p->ok = mkdtemp(p->dir) != NULL;
  p->sweep.options = (struct sweep_options){.file = bench_path(p->arena, "study-tiny.yaml"), .dir = p->dir,
                                            .workers = 1, .replications = replications};
  return p->ok = p->ok && sweep_load(&p->sweep, &p->err);
}

static double wall_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- overhead ---------------------------------------------------------------------------------------------------- */

static bool sweep_here(struct place *p)
{
  struct sweep *s = &p->sweep;
  struct supervisor_report report = {0};
  struct supervisor *v = supervisor_start(&(struct supervisor_setup){.source = &s->source, .dir = p->dir,
                                                                     .workers = 1}, &p->err);
  struct catalog *c = v ? catalog_open(p->dir, CATALOG_WRITE, &p->err) : NULL;
  bool ok = c && sweep_publish(s, c, &p->err) && supervisor_recover(v, c, false, &report.conflicts, &p->err)
            && sweep_find_orders(s, c, &p->err);
  struct expectation expect = ok ? expect_face(s->expect) : (struct expectation){0};
  ok = ok && supervisor_run(v, c, s->order, s->n_orders, &(struct supervisor_options){.expect = &expect}, &report,
                            &p->err);
  supervisor_stop(v);
  catalog_close(c);
  return ok && report.done == s->n_orders;
}

/* The runs alone, in this process, their scenarios built beforehand. */
static bool runs_here(struct place *p, double *cpu_ns, size_t *n)
{
  struct sweep *s = &p->sweep;
  struct catalog *c = catalog_open(p->dir, CATALOG_WRITE, &p->err);
  bool ok = c && sweep_publish(s, c, &p->err) && sweep_find_orders(s, c, &p->err);
  catalog_close(c);
  *cpu_ns = 0, *n = s->n_orders;
  for (size_t i = 0; i < s->n_orders && ok; i++) {
    const struct scenario *scenario = s->source.find(s->source.context, &s->order[i], &p->err);
    struct run_totals totals;
    double from = cpu_time_ns();
    ok = scenario && run_here(scenario, &s->order[i], NULL, &totals, &p->err) == EXIT_OK;
    *cpu_ns += cpu_time_ns() - from;
  }
  return ok;
}

static double cpu_of_children_s(void)
{
  struct rusage u;
  getrusage(RUSAGE_CHILDREN, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

double bench_sweep_overhead(void)
{
  struct place p;
  int status = 1;
  double before = cpu_of_children_s(), alone_ns = 0;
  pid_t child = fork();
  if (child == 0) {
    bool ok = enter(&p, 0) && sweep_here(&p);
    leave(&p);
    _exit(ok ? 0 : 1);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0)
    return (double)NAN;
  double all_s = cpu_of_children_s() - before;
  size_t n = 0;
  bool ok = enter(&p, 0) && runs_here(&p, &alone_ns, &n);
  leave(&p);
  return ok ? 1e3 * (all_s - 1e-9 * alone_ns) / (double)n : (double)NAN;
}

/* ---- many runs --------------------------------------------------------------------------------------------------- */

/* A catalogue as if all runs were done, without their metrics. */
static bool fill(struct place *p)
{
  struct sweep *s = &p->sweep;
  struct catalog *c = catalog_open(p->dir, CATALOG_WRITE, &p->err);
  bool ok = c && sweep_publish(s, c, &p->err) && sweep_find_orders(s, c, &p->err) && catalog_begin(c, &p->err);
  for (size_t i = 0; i < s->n_orders && ok; i++) {
    struct catalog_run r = {.point = s->order[i].point, .replication = s->order[i].replication, .policy = "always_local",
      .kind = "policy", .study = "tiny", .message = "", .trace_file = "", .trace_hash = "0", .elapsed_s = 0.1};
    memcpy(r.id, s->order[i].id, sizeof r.id);
    ok = catalog_put(c, &r, &p->err);
  }
  ok = ok && catalog_commit(c, &p->err);
  catalog_close(c);
  return ok;
}

/* The whole command, but for reading its arguments. */
static double again_s(struct place *p)
{
  struct place q = {.arena = arena_new()};
  memcpy(q.dir, p->dir, sizeof q.dir);
  err_init(&q.err);
  double from = wall_s();
  q.sweep.options = p->sweep.options;
  q.sweep.options.dir = q.dir;
  q.ok = sweep_load(&q.sweep, &q.err) && sweep_here(&q) && q.sweep.n_orders == 0;
  double spent = wall_s() - from;
  sweep_free(&q.sweep);
  err_release(&q.err);
  arena_free(q.arena);
  return q.ok ? spent : (double)NAN;
}

double bench_sweep_again(void)
{
  struct place p;
  double spent = enter(&p, MANY / 40) && fill(&p) ? again_s(&p) : (double)NAN;
  leave(&p);
  return spent;
}

double bench_status(void)
{
  struct place p;
  uint64_t count[3] = {0};
  double spent = (double)NAN;
  if (enter(&p, VERY_MANY / 40) && fill(&p)) {
    double from = wall_s();
    struct catalog *c = catalog_open(p.dir, CATALOG_READ, &p.err);
    if (c) {
      catalog_count(c, count);
      journals_count(p.dir, c, count);
    }
    catalog_close(c);
    spent = count[RUN_DONE] == VERY_MANY ? wall_s() - from : (double)NAN;
  }
  leave(&p);
  return spent;
}

/* ---- merge ------------------------------------------------------------------------------------------------------- */

static bool write_journal(struct place *p)
{
  struct catalog_metric metric[METRICS];
  char name[METRICS][40], path[64];
  snprintf(path, sizeof path, "%s/journal/s1", p->dir);
  int fd = journals_prepare(p->dir, true, &p->err) ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
  bool ok = fd >= 0;
  for (int k = 0; k < METRICS; k++) {
    snprintf(name[k], sizeof name[k], "some_metric_mean_%d_s", k);
    metric[k] = (struct catalog_metric){name[k], k % 4 ? "photo" : "", k % 8 > 5 ? "edge" : "", 0.1 * k};
  }
  for (size_t i = 0; i < MERGED && ok; i++) {
    struct catalog_run r = {.point = p->sweep.order[i].point, .policy = "always_local", .kind = "policy",
      .study = "tiny", .message = "", .trace_file = "", .n_metrics = METRICS, .metric = metric, .replication = i};
    memcpy(r.id, p->sweep.order[i].id, sizeof r.id);
    ok = journal_add(fd, path, &r, &p->err);
  }
  return fd >= 0 && close(fd) == 0 && ok;
}

double bench_merge(void)
{
  struct place p;
  struct journals_report report = {0};
  double rate = (double)NAN;
  struct catalog *c = enter(&p, MERGED / 40) ? catalog_open(p.dir, CATALOG_WRITE, &p.err) : NULL;
  if (c && sweep_publish(&p.sweep, c, &p.err) && sweep_find_orders(&p.sweep, c, &p.err) && write_journal(&p)) {
    double from = cpu_time_ns();
    if (journals_take(p.dir, c, &(struct journals_options){0}, &report, &p.err) && report.taken == MERGED)
      rate = (double)report.metric_rows / (1e-9 * (cpu_time_ns() - from));
  }
  catalog_close(c);
  leave(&p);
  return rate;
}
