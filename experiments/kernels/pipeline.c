/* pipeline.c: `offsim-kernels pipeline`: a request of six tasks, one after the other on one core, each task timed on both
 * clocks. Every task is a sequence of kernel executions, each with data of its own as layers of a model have weights of
 * their own; when a request comes, what it touches was last touched by the request before, and all the rest since.
 *
 *   embed      176 tokens through 3 layers of a small encoder (384 wide)
 *   search     the nearest of 24576 vectors, all looked at; then a walk over a graph of 8192
 *   rerank     a passage of 176 tokens through 2 layers as wide, in 8 bit
 *   decode     3 tokens through 2 layers (2048 wide) in 4 bit, over a context of 512 tokens
 *   seal       2 MiB, as records
 *   compress   a text of 64 KiB
 *
 * JSON lines: begin; per task {"type":"task","name":..,"why":null,"calls":[..]}: `times` executions of a shape whose data come
 * again after `again_after_bytes` of other data; per execution {"type":"execution","task":..,"number":..,"wall_s":..,
 * "cpu_s":..,"switches":..}; end. The tasks of a request that waited for the core (switches > 0) are told, not left out. */
#include "experiments/kernels/clock.h"
#include "experiments/kernels/commands.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/machine.h"
#include "experiments/kernels/out.h"
#include "experiments/kernels/place.h"
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/shape.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { CALLS = 6, TASKS = 6, STATES = 48, MOST_REPEATS = 10000 };

/* `layers` times the calls, each time with other data; all that `rounds` times over. */
struct call { const char *kernel; double p[KERNEL_PARAMETERS]; };
struct task { const char *name; int layers, rounds, n; struct call call[CALLS]; };

static const struct task tasks[TASKS] = {
  {"embed", 3, 1, 5, {{"gemm_f32", {176, 1152, 384}}, {"attention_prefill", {176, 6, 64}}, {"gemm_f32", {176, 384, 384}},
                      {"gemm_f32", {176, 1536, 384}}, {"gemm_f32", {176, 384, 1536}}}},
  {"search", 1, 1, 2, {{"vector_search_flat", {24576, 384, 1, 10}}, {"vector_search_hnsw", {8192, 384, 64, 10}}}},
  {"rerank", 2, 1, 5, {{"gemm_i8", {176, 1152, 384}}, {"attention_prefill", {176, 6, 64}}, {"gemm_i8", {176, 384, 384}},
                       {"gemm_i8", {176, 1536, 384}}, {"gemm_i8", {176, 384, 1536}}}},
  {"decode", 2, 3, 5, {{"gemv_i4", {6144, 2048, 32}}, {"attention_decode", {512, 16, 128}}, {"gemv_i4", {2048, 2048, 32}},
                       {"gemv_i4", {8192, 2048, 32}}, {"gemv_i4", {2048, 8192, 32}}}},
  {"seal", 1, 1, 1, {{"aes_gcm", {2097152}}}},
  {"compress", 1, 1, 1, {{"deflate", {65536, 6}}}},
};

struct step { const struct kernel *kernel; const double *p; void *state; };
struct running { char why[KERNEL_WHY]; int n; struct step step[STATES]; double bytes; };
struct pipeline { struct running task[TASKS]; double bytes; };
struct pipeline_options { int repeat, core; uint64_t seed; };

static double touched(const struct kernel *k, const double *p)
{
  return k->axis_value(p, 0);
}

/* False: the task cannot be done here, why says it. */
static bool task_prepare(const struct task *t, struct running *r, uint64_t seed)
{
  for (int layer = 0; layer < t->layers; layer++)
    for (int i = 0; i < t->n; i++) {
      const struct kernel *k = kernel_find(t->call[i].kernel);
      const char *not = k ? kernel_why_not(k) : "there is no such kernel";
      if (not) return scratch_why(r->why, "%s: %s", t->call[i].kernel, not);
      struct step *s = &r->step[r->n];
      *s = (struct step){k, t->call[i].p, k->prepare(t->call[i].p, seed + (uint64_t)r->n, r->why)};
      if (!s->state) return false;
      r->n++;
      r->bytes += touched(k, s->p);
    }
  return true;
}

static void task_finish(struct running *r)
{
  for (int i = 0; i < r->n; i++) r->step[i].kernel->finish(r->step[i].state);
  r->n = 0;
}

static void task_run(const struct task *t, struct running *r)
{
  for (int round = 0; round < t->rounds; round++)
    for (int i = 0; i < r->n; i++) r->step[i].kernel->run(r->step[i].state);
}

/* A task whose results are wrong is taken out, and its times with it. */
static bool task_check(struct running *r)
{
  char why[KERNEL_WHY];
  for (int i = 0; i < r->n; i++)
    if (!r->step[i].kernel->check(r->step[i].state, why))
      return scratch_why(r->why, "self-check of %s failed: %.100s", r->step[i].kernel->name, why);
  return true;
}

static void call_out(struct out *o, const struct call *c, int times, double again_after)
{
  const struct kernel *k = kernel_find(c->kernel);
  out_open(o, NULL, '{');
  out_string(o, "kernel", c->kernel);
  out_number(o, "version", k->version);
  out_string(o, "bound", kernel_bound_name(k->bound));
  shape_out(o, "shape", k, c->p);
  out_number(o, "units", k->units(c->p));
  out_open(o, "axes", '{');
  for (int i = 0; i < k->n_axes; i++) out_number(o, k->axis[i], k->axis_value(c->p, i));
  out_close(o, '}');
  out_number(o, "times", times);
  out_number(o, "again_after_bytes", again_after);
  out_close(o, '}');
}

static void task_out(const struct task *t, const struct running *r, double all_bytes)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "task");
  out_string(&o, "name", t->name);
  out_string(&o, "why", *r->why ? r->why : NULL);
  out_open(&o, "calls", '[');
  for (int i = 0; i < t->n && r->n; i++) {
    call_out(&o, &t->call[i], t->layers, all_bytes);
    if (t->rounds > 1) call_out(&o, &t->call[i], t->layers * (t->rounds - 1), r->bytes);
  }
  out_close(&o, ']');
  out_end(&o);
}

static long switches(void)
{
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return u.ru_nivcsw;
}

static void task_time(const struct task *t, struct running *r, int number)
{
  struct out o;
  long before = switches();
  int64_t cpu = clock_thread_ns(), wall = clock_wall_ns();
  task_run(t, r);
  wall = clock_wall_ns() - wall;
  cpu = clock_thread_ns() - cpu;
  out_line(&o, stdout);
  out_string(&o, "type", "execution");
  out_string(&o, "task", t->name);
  out_number(&o, "number", number);
  out_number(&o, "wall_s", (double)wall * 1e-9);
  out_number(&o, "cpu_s", (double)cpu * 1e-9);
  out_number(&o, "switches", (double)(switches() - before));
  out_end(&o);
}

static void begin_out(const struct pipeline_options *o, const struct place *place)
{
  struct out line;
  out_line(&line, stdout);
  out_string(&line, "type", "begin");
  out_number(&line, "format", 1);
  out_string(&line, "program", "offsim-kernels pipeline");
  out_number(&line, "seed", (double)o->seed);
  out_number(&line, "repeat", o->repeat);
  out_number(&line, "core", place->core);
  out_number(&line, "last_cache_bytes", machine_last_cache_bytes("", place->core));
  out_bool(&line, "pinned", place->pinned);
  out_string(&line, "pin_problem", place->pinned ? NULL : place->problem);
  out_end(&line);
}

/* How many tasks there are to be timed. */
static int pipeline_prepare(struct pipeline *p, uint64_t seed)
{
  int n = 0;
  for (int i = 0; i < TASKS; i++) {
    if (!task_prepare(&tasks[i], &p->task[i], seed)) task_finish(&p->task[i]);
    p->bytes += p->task[i].n ? p->task[i].bytes : 0;
  }
  for (int i = 0; i < TASKS; i++) {
    struct running *r = &p->task[i];
    if (!r->n) continue;
    task_run(&tasks[i], r);
    if (!task_check(r)) task_finish(r);
    n += r->n > 0;
  }
  return n;
}

static int pipeline_measure(const struct pipeline_options *o)
{
  struct pipeline *p = calloc(1, sizeof *p);
  struct place place;
  char why[KERNEL_WHY];
  if (!p) return KERNELS_SYSTEM;
  if (!place_take(&place, o->core, why)) {
    fprintf(stderr, "offsim-kernels: error: --core: %s\n", why);
    free(p);
    return KERNELS_USER;
  }
  begin_out(o, &place);
  int n = pipeline_prepare(p, o->seed);
  for (int i = 0; i < TASKS; i++) task_out(&tasks[i], &p->task[i], p->bytes);
  for (int number = 0; number < o->repeat && n; number++)
    for (int i = 0; i < TASKS; i++)
      if (p->task[i].n) task_time(&tasks[i], &p->task[i], number);
  struct out line;
  out_line(&line, stdout);
  out_string(&line, "type", "end");
  out_number(&line, "tasks", n);
  out_end(&line);
  for (int i = 0; i < TASKS; i++) task_finish(&p->task[i]);
  free(p);
  return n ? KERNELS_OK : KERNELS_NEGATIVE;
}

static bool number_of(const char *option, const char *text, double low, double high, double *out)
{
  char *end;
  *out = strtod(text, &end);
  if (*text && !*end && *out >= low && *out <= high && *out == (double)(long long)*out) return true;
  fprintf(stderr, "offsim-kernels: error: %s needs a whole number from %.0f to %.0f, not '%s'\n", option, low, high, text);
  return false;
}

int kernels_pipeline(int argc, char **argv)
{
  static const struct option names[] = {{"repeat", required_argument, 0, 'r'}, {"seed", required_argument, 0, 's'},
                                        {"core", required_argument, 0, 'c'}, {0}};
  struct pipeline_options o = {.repeat = 40, .core = -1, .seed = 1};
  double x;
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    if (c == '?' || !number_of(c == 'r' ? "--repeat" : c == 's' ? "--seed" : "--core", optarg, c == 'r', c == 'r' ? MOST_REPEATS : 1e15, &x))
      return KERNELS_USER;
    if (c == 'r') o.repeat = (int)x;
    else if (c == 's') o.seed = (uint64_t)x;
    else o.core = x < PLACE_CORES ? (int)x : PLACE_CORES;
  }
  if (optind == argc) return pipeline_measure(&o);
  fprintf(stderr, "offsim-kernels: error: pipeline takes no argument '%s'\n", argv[optind]);
  return KERNELS_USER;
}
