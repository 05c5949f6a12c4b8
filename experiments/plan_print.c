/* plan_print.c: what a study would cost, before anything is run. */
#include "analysis/store/catalog.h"
#include "experiments/plan.h"
#include "experiments/design.h"
#include "experiments/identity.h"
#include "experiments/study.h"
#include "experiments/worker.h"
#include "sim/check.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PILOT_POINTS = 4, PILOT_LIMIT_S = 10 };
#define PILOT_S 2.0                                     /* no new pilot run after so much CPU time */
enum { ENOUGH = 20 /* runs in a catalogue to know their size */, TRACES = 50 /* files looked at, of a policy */ };

/* ---- what is known of costs -------------------------------------------------------------------------------------- */

/* Sums of a quantity, by policy. */
struct sums { double *sum, all_sum; uint64_t *n, all; };

static struct sums sums_new(const struct plan *p)
{
  struct sums t = {.sum = calloc((size_t)p->n_policies, sizeof *t.sum), .n = calloc((size_t)p->n_policies, sizeof *t.n)};
  if (!t.sum || !t.n)
    check_out_of_memory(sizeof *t.n);
  return t;
}

static void sums_free(struct sums *t)
{
  free(t->sum);
  free(t->n);
}

static void sums_add(struct sums *t, int policy, double x)
{
  t->sum[policy] += x;
  t->n[policy]++;
  t->all_sum += x;
  t->all++;
}

/* The average of a policy, else of all. */
static double sums_of(const struct sums *t, int policy)
{
  if (t->n[policy])
    return t->sum[policy] / (double)t->n[policy];
  return t->all ? t->all_sum / (double)t->all : NAN;
}

/* CPU seconds, bytes on disk (of the runs that say so), and whether a run was cut off. */
struct costs { struct sums s, bytes; bool cut; };

static struct costs costs_new(const struct plan *p) { return (struct costs){sums_new(p), sums_new(p), false}; }

static void costs_free(struct costs *t)
{
  sums_free(&t->s);
  sums_free(&t->bytes);
}

/* ---- a pilot ----------------------------------------------------------------------------------------------------- */

static struct scenario *point_scenario(const struct plan *p, uint64_t point, struct study *s, struct err *err)
{
  struct arena *a = arena_new();
  struct override *set = arena_array(a, struct override, plan_n_overrides(p) + 1);
  size_t n = point == UINT64_MAX ? p->file->n_set : plan_overrides(p, point, set, a);
  s->scenario = scenario_load(p->file->scenario, point == UINT64_MAX ? p->file->set : set, n, err);
  bool ok = s->scenario && study_choose(s, p->file->policies, err);
  arena_free(a);
  return ok ? s->scenario : NULL;
}

static _Noreturn void pilot_child(const struct study *s, int policy, const char *trace, enum trace_level level, int out)
{
  struct rlimit cpu = {PILOT_LIMIT_S, PILOT_LIMIT_S + 1};
  struct run_order order = {.policy = s->chosen[policy], .warmup_s = -1, .trace = trace ? level : TRACE_NONE};
  struct err err;
  double bytes = 0;
  err_init(&err);
  setrlimit(RLIMIT_CPU, &cpu);
  int code = run_weigh(s->scenario, &order, trace, &bytes, &err);
  _exit(write(out, &bytes, sizeof bytes) == (ssize_t)sizeof bytes ? code : EXIT_SYSTEM);
}

/* The child's end, and what it told. A run that is cut off counts as so long, one that fails not at all. */
static void pilot_end(pid_t child, int in, int policy, struct costs *t)
{
  struct rusage used;
  int status;
  double bytes;
  bool told = read(in, &bytes, sizeof bytes) == (ssize_t)sizeof bytes;
  if (wait4(child, &status, 0, &used) != child)
    return;
  bool cut = WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
  t->cut |= cut;
  if (!cut && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
    return;
  sums_add(&t->s, policy, (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec
                            + 1e-6 * ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec));
  if (told && !cut)
    sums_add(&t->bytes, policy, bytes);
}

static void pilot_run(const struct plan *p, const struct study *s, int policy, struct costs *t)
{
  char trace[64];
  int pair[2];
  bool with_trace = p->file->trace != TRACE_NONE;
  snprintf(trace, sizeof trace, "/tmp/offsim-pilot-%ld.h5", (long)getpid());
  fflush(NULL);
  if (pipe(pair) != 0)
    return;
  pid_t child = fork();
  if (child == 0)
    pilot_child(s, policy, with_trace ? trace : NULL, p->file->trace, pair[1]);
  close(pair[1]);
  if (child > 0)
    pilot_end(child, pair[0], policy, t);
  close(pair[0]);
  if (with_trace)
    unlink(trace);
}

/* Points from first to last; each starts with another policy, so that all are met soon. */
static void pilot(const struct plan *p, bool base_only, struct costs *t)
{
  for (uint64_t i = 0; i < (base_only ? 1 : PILOT_POINTS); i++) {
    uint64_t point = base_only ? UINT64_MAX : i * (p->n_points - 1) / (PILOT_POINTS - 1);
    struct study s = {0};
    struct err unsaid;
    err_init(&unsaid);
    if (point_scenario(p, point, &s, &unsaid))
      for (int k = 0; k < p->n_policies && t->s.all_sum < PILOT_S; k++)
        pilot_run(p, &s, (int)((i * 3 + (uint64_t)k) % (uint64_t)p->n_policies), t);
    study_free(&s);
    err_release(&unsaid);
  }
}

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

/* traces: bytes of those that were looked at. */
struct finished { const struct plan *plan; const char *dir; struct costs *costs; struct sums traces; struct hash *id; size_t n, room; };

static int compare_hashes(const void *a, const void *b)
{
  const struct hash *x = a, *y = b;
  if (x->hi != y->hi)
    return x->hi < y->hi ? -1 : 1;
  return (x->lo > y->lo) - (x->lo < y->lo);
}

static void take_trace(struct finished *k, int policy, const char *file)
{
  struct stat facts;
  char *path = NULL;
  if (!*file || k->traces.n[policy] >= TRACES || asprintf(&path, "%s/%s", k->dir, file) < 0)
    return;
  if (stat(path, &facts) == 0)
    sums_add(&k->traces, policy, (double)facts.st_size);
  free(path);
}

static void take_run(void *context, const struct catalog_brief *r)
{
  struct finished *k = context;
  if (r->state != RUN_DONE)
    return;
  if (k->n == k->room) {
    k->room = 2 * k->room + 1024;
    k->id = realloc(k->id, k->room * sizeof *k->id);
    if (!k->id)
      check_out_of_memory(k->room * sizeof *k->id);
  }
  if (hash_parse(r->id, &k->id[k->n]))
    k->n++;
  for (int i = 0; i < k->plan->n_policies && r->elapsed_s > 0; i++)
    if (!strcmp(k->plan->policy[i], r->policy)) {
      sums_add(&k->costs->s, i, r->elapsed_s);
      take_trace(k, i, r->trace_file);
    }
}

/* What the file takes a run, and a trace of each policy where the plan wants them. */
static void weigh(struct finished *k, double file_bytes)
{
  double rows = fmax(file_bytes - catalog_empty_bytes(), 0) / (double)k->n;
  bool traces = k->plan->file->trace != TRACE_NONE;
  for (int i = 0; i < k->plan->n_policies && k->n >= ENOUGH && (!traces || k->traces.all); i++)
    sums_add(&k->costs->bytes, i, rows + (traces ? sums_of(&k->traces, i) : 0));
}

/* Nothing there, or nothing readable: nothing known. */
static bool read_catalog(const char *dir, struct finished *k, bool *there, struct err *err)
{
  char *path = NULL;
  struct stat facts;
  *there = false;
  if (!dir || asprintf(&path, "%s/catalog.sqlite", dir) < 0)
    return true;
  *there = !stat(path, &facts);
  free(path);
  if (!*there)
    return true;
  struct catalog *c = catalog_open(dir, CATALOG_READ, err);
  bool ok = c && catalog_brief(c, take_run, k, err);
  catalog_close(c);
  if (k->n)
    qsort(k->id, k->n, sizeof *k->id, compare_hashes);
  weigh(k, (double)facts.st_size);
  return ok;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

/* A run of replication 0, standing for all of its policy at a point. */
struct cell_run { struct hash id, base; uint64_t seed; int policy; };

static int compare_cells(const void *a, const void *b)
{
  const struct cell_run *x = a, *y = b;
  int order = compare_hashes(&x->id, &y->id);
  return order ? order : (x->policy > y->policy) - (x->policy < y->policy);
}

static struct cell_run *distinct_runs(const struct plan *p, size_t *n)
{
  size_t all = (size_t)p->n_points * (size_t)p->n_policies, kept = 0;
  struct cell_run *cell = malloc((all + 1) * sizeof *cell);
  if (!cell)
    check_out_of_memory(all * sizeof *cell);
  for (uint64_t i = 0; i < p->n_points; i++)
    for (int k = 0; k < p->n_policies; k++)
      cell[i * (uint64_t)p->n_policies + (uint64_t)k] =
        (struct cell_run){plan_run_id(p, i, k, 0), plan_base_id(p, i, k), plan_seed(p, i), k};
  qsort(cell, all, sizeof *cell, compare_cells);
  for (size_t i = 0; i < all; i++)
    if (kept == 0 || !hash_equal(cell[i].id, cell[kept - 1].id))
      cell[kept++] = cell[i];
  *n = kept;
  return cell;
}

static void count_runs(const struct plan *p, const struct finished *k, const struct costs *t, struct plan_cost *cost)
{
  size_t n;
  struct cell_run *cell = distinct_runs(p, &n);
  cost->runs = p->n_points * (uint64_t)p->n_policies * p->replications;
  cost->distinct = (uint64_t)n * p->replications;
  for (size_t i = 0; i < n; i++) {
    uint64_t done = 0;
    for (uint64_t r = 0; r < p->replications && k->n; r++) {
      struct hash id = identity_run(cell[i].base, cell[i].seed, r);
      done += bsearch(&id, k->id, k->n, sizeof id, compare_hashes) != NULL;
    }
    cost->done += done;
    if (done < p->replications) {
      cost->cpu_s += (double)(p->replications - done) * sums_of(&t->s, cell[i].policy);
      cost->disk_bytes += (double)(p->replications - done) * sums_of(&t->bytes, cell[i].policy);
    }
  }
  free(cell);
}

/* What the catalogue does not know, a pilot tells. */
static void complete(const struct plan *p, struct costs *t, struct plan_cost *cost)
{
  cost->from_catalog = t->s.all > 0;
  if (t->s.all > 0 && t->bytes.all > 0)
    return;
  struct costs more = costs_new(p), known = *t;
  pilot(p, false, &more);
  *t = (struct costs){known.s.all ? known.s : more.s, known.bytes.all ? known.bytes : more.bytes, more.cut};
  sums_free(known.s.all ? &more.s : &known.s);
  sums_free(known.bytes.all ? &more.bytes : &known.bytes);
}

bool plan_cost_of(const struct plan *p, const char *dir, struct plan_cost *cost, struct err *err)
{
  struct costs t = costs_new(p);
  struct finished known = {.plan = p, .dir = dir, .costs = &t, .traces = sums_new(p)};
  bool there;
  *cost = (struct plan_cost){0};
  bool ok = read_catalog(dir, &known, &there, err);
  if (ok) {
    complete(p, &t, cost);
    count_runs(p, &known, &t, cost);
  }
  cost->measured = t.s.all;
  cost->at_least = t.cut;
  cost->disk_bytes += there ? 0 : catalog_empty_bytes();
  free(known.id);
  sums_free(&known.traces);
  costs_free(&t);
  return ok;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static const char *duration(double cpu_s, char out[64])
{
  if (cpu_s >= 360)
    snprintf(out, 64, "%.2g CPU hours", cpu_s / 3600);
  else
    snprintf(out, 64, "%.2g CPU s (%.2g CPU hours)", cpu_s, cpu_s / 3600);
  if (cpu_s >= 3600 * 100)
    snprintf(out, 64, "%.0f CPU hours", cpu_s / 3600);
  return out;
}

static const char *bytes_text(double bytes, char out[64])
{
  static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
  int k = 0;
  for (; bytes >= 1000 && k < 4; k++)
    bytes /= 1000;
  if (isnan(bytes))
    snprintf(out, 64, "an unknown amount (no pilot run succeeded)");
  else
    snprintf(out, 64, "%.3g %s", bytes, unit[k]);
  return out;
}

bool plan_too_large(const struct plan *p, double points, struct err *err)
{
  struct costs t = costs_new(p);
  char took[64], disk[64];
  pilot(p, true, &t);
  double runs = points * p->n_policies * (double)p->replications;
  double each = sums_of(&t.s, 0), bytes = sums_of(&t.bytes, 0);
  uint64_t n = t.s.all;
  costs_free(&t);
  return err_add(err, p->file->design_at, "the design has %.4g points, which are %.4g runs: about %s (from a pilot of "
                 "%llu runs) and %s of disk; at most %d points and %d runs are possible, before "
                 "`where`. Take fewer values or replications, or a design that draws some of the points (lhs, sobol)", points, runs, duration(runs * each, took),
                 (unsigned long long)n,
                 bytes_text(runs * bytes, disk), STUDY_POINTS, STUDY_RUNS);
}

static void print_factors(const struct plan *p, FILE *out)
{
  for (int k = 0; k < p->n_factors; k++) {
    const struct factor_def *f = &p->file->factor[k];
    fprintf(out, "%-10s%s: %s, ", k ? "" : "factors", f->name, f->path);
    if (f->n_levels == 0)
      fprintf(out, "%.9g to %.9g%s%s%s\n", f->lo, f->hi, *f->unit ? " " : "", f->unit, f->log ? ", logarithmic" : "");
    else if (f->n_levels > 8 || p->file->design == DESIGN_LIST)
      fprintf(out, "%zu values\n", f->n_levels);
    else
      for (size_t i = 0; i < f->n_levels; i++)
        fprintf(out, "%.60s%s", f->level[i], i + 1 < f->n_levels ? ", " : "\n");
  }
}

static void print_policies(const struct plan *p, FILE *out)
{
  fprintf(out, "policies  %d: ", p->n_policies);
  for (int k = 0; k < p->n_policies; k++)
    fprintf(out, "%s%s", p->policy[k], k + 1 < p->n_policies ? ", " : "\n");
}

static void print_runs(const struct plan *p, const struct plan_cost *c, const char *dir, FILE *out)
{
  typedef unsigned long long u;
  fprintf(out, "runs      %llu = %llu points x %d policies x %llu replications%s", (u)c->runs, (u)p->n_points,
          p->n_policies, (u)p->replications,
          p->file->until.metric ? " (at first; more until the interval is narrow)" : "");
  if (c->distinct < c->runs)
    fprintf(out, "; %llu of them different", (u)c->distinct);
  fprintf(out, "\n          %llu done in %s, %llu to do\n", (u)c->done, dir, (u)(c->distinct - c->done));
}

bool plan_print(const struct plan *p, const char *dir, FILE *out, struct err *err)
{
  static const char *const designs[] = {"grid", "zip", "list", "random", "lhs", "sobol", "halton"};
  struct plan_cost c;
  char text[64];
  if (!plan_cost_of(p, dir, &c, err))
    return false;
  double size = design_size(p->file);
  fprintf(out, "study     %s: %s\n", p->file->name, p->file->scenario);
  print_factors(p, out);
  fprintf(out, "points    %llu, design %s", (unsigned long long)p->n_points, designs[p->file->design]);
  if ((double)p->n_points < size)
    fprintf(out, "; `where` keeps them of %.0f", size);
  if (p->file->design >= DESIGN_RANDOM && p->file->shifts > 1)
    fprintf(out, ", %llu shifts of %llu", (unsigned long long)p->file->shifts, (unsigned long long)p->file->points);
  fprintf(out, "\n");
  print_policies(p, out);
  print_runs(p, &c, dir, out);
  fprintf(out, "time      %s%s, from %llu runs of %s\n", c.at_least ? "at least " : "about ", duration(c.cpu_s, text),
          (unsigned long long)c.measured, c.from_catalog ? "the catalogue" : "a pilot");
  fprintf(out, "disk      about %s\n", bytes_text(c.disk_bytes, text));
  if (p->whole)
    fprintf(out, "planning  every point was built (%llu): %s\n", (unsigned long long)p->n_built, p->why_whole);
  return true;
}
