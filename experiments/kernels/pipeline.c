/* pipeline.c: `offsim-kernels pipeline`: executes requests of six tasks (request.h), each task timed on both clocks. When a
 * request comes, what it touches was last touched by the request before, and all the rest since.
 *
 * JSON lines: begin; per task {"type":"task","name":..,"why":null,"calls":[..]}: `times` executions of a shape whose data come
 * again after `again_after_bytes` of other data, but for `handed_bytes` of them, which were just written; per execution {"type":"execution","task":..,"number":..,"wall_s":..,
 * "cpu_s":..,"switches":..}; end. The tasks of a request that waited for the core (switches > 0) are told, not left out.
 *
 * Before the timed requests one is checked step by step, and one after them: a task that is wrong in the first is taken out
 * with its reason, one that is wrong in the last ends the lines without an end. */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/machine.h"
#include "experiments/kernels/out.h"
#include "experiments/kernels/place.h"
#include "experiments/kernels/request.h"
#include "experiments/kernels/shape.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_REPEATS = 10000 };

struct pipeline_options { int repeat, core; uint64_t seed; bool stale; };

static void call_out(struct out *o, const struct call *c, int times, double again_after, double handed)
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
  out_number(o, "handed_bytes", handed);
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
    call_out(&o, &t->call[i], t->layers, all_bytes, r->step[i].handed_bytes);
    if (t->rounds > 1) call_out(&o, &t->call[i], t->layers * (t->rounds - 1), r->bytes, r->step[i].handed_bytes);
  }
  out_close(&o, ']');
  out_end(&o);
}

static void execution_out(const char *task, int number, const struct request_times *t)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "execution");
  out_string(&o, "task", task);
  out_number(&o, "number", number);
  out_number(&o, "wall_s", t->wall_s);
  out_number(&o, "cpu_s", t->cpu_s);
  out_number(&o, "switches", t->switches);
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

static void end_out(int tasks)
{
  struct out o;
  out_line(&o, stdout);
  out_string(&o, "type", "end");
  out_number(&o, "tasks", tasks);
  out_end(&o);
}

static void timed(struct request *q, int number)
{
  struct request_times t[REQUEST_TASKS];
  request_run(q, number + 1, false, t);
  for (int i = 0; i < REQUEST_TASKS; i++)
    if (q->task[i].n) execution_out(request_tasks[i].name, number, &t[i]);
}

/* One more request, step by step: is what is computed still right? Who was out from the start has told its reason already. */
static int last_checked(struct request *q, int number)
{
  bool there[REQUEST_TASKS];
  for (int i = 0; i < REQUEST_TASKS; i++) there[i] = q->task[i].n > 0;
  if (request_run(q, number, true, NULL)) {
    end_out(request_tasks_left(q));
    return KERNELS_OK;
  }
  for (int i = 0; i < REQUEST_TASKS; i++)
    if (there[i] && !q->task[i].n) fprintf(stderr, "offsim-kernels: error: %s: %s\n", request_tasks[i].name, q->task[i].why);
  return KERNELS_NEGATIVE;
}

/* What is read after the walk was written just before it. */
static double again_after(const struct request *q, const struct task *t)
{
  return t->far ? (double)q->walk_bytes : request_bytes(q);
}

static int requests(struct request *q, const struct pipeline_options *o)
{
  while (request_tasks_left(q) && !request_run(q, 0, true, NULL)) {}    /* anew without what was wrong */
  q->stale = o->stale;
  for (int i = 0; i < REQUEST_TASKS; i++) task_out(&request_tasks[i], &q->task[i], again_after(q, &request_tasks[i]));
  if (!request_tasks_left(q)) return end_out(0), KERNELS_NEGATIVE;
  for (int number = 0; number < o->repeat; number++) timed(q, number);
  return last_checked(q, o->repeat + 1);
}

static int pipeline_measure(const struct pipeline_options *o)
{
  struct request *q = calloc(1, sizeof *q);
  struct place place;
  char why[KERNEL_WHY];
  int code = KERNELS_SYSTEM;
  if (!q) return code;
  if (!place_take(&place, o->core, why)) {
    fprintf(stderr, "offsim-kernels: error: --core: %s\n", why);
    free(q);
    return KERNELS_USER;
  }
  begin_out(o, &place);
  if (request_prepare(q, o->seed, machine_last_cache_bytes("", place.core))) code = requests(q, o);
  else fprintf(stderr, "offsim-kernels: error: no memory for a request\n");
  request_finish(q);
  free(q);
  return code;
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
                                        {"core", required_argument, 0, 'c'}, {"plant", required_argument, 0, 'p'}, {0}};
  struct pipeline_options o = {.repeat = 40, .core = -1, .seed = 1};
  double x;
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    if (c == 'p' && !strcmp(optarg, "stale")) {         /* an input left over from an earlier request: must be seen */
      o.stale = true;
      continue;
    }
    if (c == 'p') fprintf(stderr, "offsim-kernels: error: --plant is stale, not '%s'\n", optarg);
    if (c == '?' || c == 'p' ||
        !number_of(c == 'r' ? "--repeat" : c == 's' ? "--seed" : "--core", optarg, c == 'r', c == 'r' ? MOST_REPEATS : 1e15, &x))
      return KERNELS_USER;
    if (c == 'r') o.repeat = (int)x;
    else if (c == 's') o.seed = (uint64_t)x;
    else o.core = x < PLACE_CORES ? (int)x : PLACE_CORES;
  }
  if (optind == argc) return pipeline_measure(&o);
  fprintf(stderr, "offsim-kernels: error: pipeline takes no argument '%s'\n", argv[optind]);
  return KERNELS_USER;
}
