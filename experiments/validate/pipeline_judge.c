/* pipeline_judge.c: lines of the pipeline, predictions from the profile, comparison (equations: pipeline.h). */
#include "experiments/validate/pipeline.h"
#include "models/kernel_time.h"
#include "scenarios/schema.h"
#include "sim/arena.h"
#include "sim/stat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NOMINAL = 0.9, FALSE_ALARM = 0.02;
static const double LOW_BAND = 0.75, HIGH_BAND = 1.33;          /* beyond, a factor of 1.5 may well lie within */

/* ---- lines ------------------------------------------------------------------------------------------------------------- */

static bool wrong(struct pipeline_run *r, const char *what)
{
  return err_add(r->err, (struct where){.file = r->file, .line = r->line}, "%s: not a line of `offsim-kernels pipeline`", what);
}

static const char *text_at(struct pipeline_run *r, const json *map, const char *key)
{
  const char *text = json_text(json_at(map, key));
  return text ? arena_strdup(r->arena, text) : NULL;
}

static double number_at(const json *map, const char *key)
{
  return json_real(json_at(map, key), NAN);
}

static bool take_begin(struct pipeline_run *r, const json *line)
{
  if (json_int(json_at(line, "format"), 0) != 1) return wrong(r, "another format");
  r->last_cache_bytes = number_at(line, "last_cache_bytes");
  r->pinned = json_flag(json_at(line, "pinned")) == 1;
  r->pin_problem = text_at(r, line, "pin_problem");
  return true;
}

static bool take_call(struct pipeline_run *r, const json *x, struct pipeline_call *c)
{
  const json *axes = json_at(x, "axes");
  *c = (struct pipeline_call){.kernel = text_at(r, x, "kernel"), .version = (int)json_int(json_at(x, "version"), 0),
    .units = number_at(x, "units"), .times = number_at(x, "times"),
    .again_after_bytes = number_at(x, "again_after_bytes"), .handed_bytes = number_at(x, "handed_bytes"),
    .n_axes = (int)json_count(axes)};
  if (!c->kernel || !(c->units > 0) || !(c->times > 0) || !(c->again_after_bytes >= 0) || !(c->handed_bytes >= 0)
      || !json_is_map(axes) || c->n_axes > PIPELINE_AXES)
    return wrong(r, "a call without kernel, units, times, axes");
  for (int i = 0; i < c->n_axes; i++) {
    c->axis_name[i] = arena_strdup(r->arena, json_key(axes, (size_t)i));
    c->axis[i] = number_at(axes, c->axis_name[i]);
    if (!(c->axis[i] > 0)) return wrong(r, "an axis that is not above 0");
  }
  return true;
}

static bool take_task(struct pipeline_run *r, const json *line)
{
  const json *calls = json_at(line, "calls");
  if (r->n_tasks == PIPELINE_TASKS || json_count(calls) > PIPELINE_CALLS) return wrong(r, "too many tasks or calls");
  struct pipeline_task *t = &r->task[r->n_tasks++];
  *t = (struct pipeline_task){.name = text_at(r, line, "name"), .why = text_at(r, line, "why"), .n_calls = (int)json_count(calls)};
  if (!t->name || (!t->why && !t->n_calls)) return wrong(r, "a task without name or calls");
  for (int i = 0; i < t->n_calls; i++)
    if (!take_call(r, json_nth(calls, (size_t)i), &t->call[i])) return false;
  t->wall_s = arena_array(r->arena, double, PIPELINE_TIMES);
  t->disturbed = arena_array(r->arena, bool, PIPELINE_TIMES);
  return true;
}

static bool take_execution(struct pipeline_run *r, const json *line)
{
  const char *name = json_text(json_at(line, "task"));
  double wall_s = number_at(line, "wall_s"), switches = number_at(line, "switches");
  for (int i = 0; name && i < r->n_tasks; i++) {
    struct pipeline_task *t = &r->task[i];
    if (strcmp(t->name, name)) continue;
    if (!(wall_s > 0) || !(switches >= 0) || t->n == PIPELINE_TIMES) return wrong(r, "an execution without times, or too many");
    t->wall_s[t->n] = wall_s;
    t->disturbed[t->n] = switches > 0;
    t->n_disturbed += switches > 0;
    t->n++;
    return true;
  }
  return wrong(r, "an execution of no task");
}

bool pipeline_line(void *run, const char *text, size_t n)
{
  static const struct { const char *type; bool (*take)(struct pipeline_run *, const json *); } types[] = {
    {"begin", take_begin}, {"task", take_task}, {"execution", take_execution}};
  struct pipeline_run *r = run;
  struct err none;
  bool good = false;
  r->line++;
  err_init(&none);
  json *line = json_parse(text, n, &none);
  const char *type = json_text(json_at(line, "type"));
  if (!type) wrong(r, "no type");
  else if (!strcmp(type, "end")) good = r->ended = true;
  else if ((r->line == 1) != !strcmp(type, "begin")) wrong(r, "'begin' stands first, and once");
  else
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
      if (!strcmp(types[i].type, type)) good = types[i].take(r, line);
  if (type && !good && !err_any(r->err)) wrong(r, "an unknown type");
  json_release(line);
  err_release(&none);
  return good;
}

/* ---- prediction -------------------------------------------------------------------------------------------------------- */

static const struct profile_kernel *kernel_of(const struct profile *p, const char *name)
{
  for (int i = 0; i < p->n_kernels; i++)
    if (!strcmp(p->kernel[i].cost.kernel, name)) return &p->kernel[i];
  return NULL;
}

/* The profile's axes of this call; NULL: done, else what is missing. */
static const char *axes_of(struct pipeline_run *r, const struct profile_kernel *k, const struct pipeline_call *c, double *axis)
{
  for (int i = 0; i < k->cost.n_axes; i++) {
    const char *name = k->cost.axis[i].name;
    axis[i] = NAN;
    for (int j = 0; j < c->n_axes; j++)
      if (!strcmp(c->axis_name[j], name)) axis[i] = c->axis[j];
    if (isnan(axis[i])) return arena_printf(r->arena, "%s: the pipeline does not tell the axis %s", c->kernel, name);
    const struct kernel_axis *a = &k->cost.axis[i];
    double slack = 1 + 1e-9;                            /* a knot is written with some digits */
    if (axis[i] * slack < a->knot[0] || axis[i] > a->knot[a->n - 1] * slack)
      return arena_printf(r->arena, "%s: %s %.6g lies outside %.6g .. %.6g, which was measured", c->kernel, name, axis[i], a->knot[0],
                          a->knot[a->n - 1]);
  }
  return NULL;
}

static double working_set_of(const struct pipeline_call *c)
{
  for (int i = 0; i < c->n_axes; i++)
    if (!strcmp(c->axis_name[i], "working_set")) return c->axis[i];
  return NAN;
}

struct share { const struct profile_kernel *kernel; double s; };

/* Seconds of one call's executions, added to its kernel's share. */
static const char *add_call(struct pipeline_run *r, struct pipeline_task *t, const struct pipeline_call *c, struct share *share, int *n)
{
  const struct profile_kernel *k = kernel_of(r->profile, c->kernel);
  double axis[KERNEL_COST_AXES] = {0};
  if (!k) return arena_printf(r->arena, "%s is not in the profile", c->kernel);
  if (k->cost.version != c->version)
    return arena_printf(r->arena, "%s is of version %d, the profile's of %d", c->kernel, c->version, k->cost.version);
  const char *missing = axes_of(r, k, c, axis);
  if (missing) return missing;
  double last_cache_bytes = get_number(r->profile->value, "hardware", "last_cache");   /* earlier profiles: not known */
  struct measured_kernel m = profile_measured(k, last_cache_bytes > 0 ? last_cache_bytes : r->last_cache_bytes);
  struct kernel_call near = {.units = c->units, .working_set_bytes = working_set_of(c)}, there = near;
  memcpy(near.axis, axis, sizeof axis);
  memcpy(there.axis, axis, sizeof axis);
  there.working_set_bytes -= c->handed_bytes < near.working_set_bytes ? c->handed_bytes : near.working_set_bytes;
  there.reuse_bytes = c->again_after_bytes;
  double times = c->times * r->cost_factor, s = times * kernel_time_s(&m, &there);
  if (isnan(s)) return arena_printf(r->arena, "%s: the pipeline does not tell its working set", c->kernel);
  int i = 0;
  while (i < *n && share[i].kernel != k) i++;
  if (i == *n) share[(*n)++] = (struct share){k, 0};
  share[i].s += s;
  t->hot_s += times * kernel_time_s(&m, &near);
  return NULL;
}

static void predict(struct pipeline_run *r, struct pipeline_task *t)
{
  struct share share[PIPELINE_CALLS];
  int n = 0;
  double below = 0, above = 0;
  t->not_judged = t->why;
  for (int i = 0; i < t->n_calls && !t->not_judged; i++) t->not_judged = add_call(r, t, &t->call[i], share, &n);
  if (t->not_judged) return;
  for (int i = 0; i < n; i++) {
    t->predicted_s += share[i].s;
    below += pow(share[i].s * (1 - share[i].kernel->cost.band_low), 2);
    above += pow(share[i].s * (share[i].kernel->cost.band_high - 1), 2);
  }
  t->low_s = t->predicted_s - sqrt(below);
  t->high_s = t->predicted_s + sqrt(above);
}

/* ---- comparison -------------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median_of(struct arena *a, const struct pipeline_task *t)
{
  bool all = t->n - t->n_disturbed < PIPELINE_CLEAN;
  double *x = arena_array(a, double, t->n + 1);
  int n = 0;
  for (int i = 0; i < t->n; i++)
    if (all || !t->disturbed[i]) x[n++] = t->wall_s[i];
  qsort(x, (size_t)n, sizeof *x, by_size);
  return n ? (x[(n - 1) / 2] + x[n / 2]) / 2 : NAN;
}

int pipeline_wanted(int n)
{
  double p = pow(1 - NOMINAL, n), below = 0;            /* of 0 within */
  for (int k = 0; k < n; k++) {
    if (below + p > FALSE_ALARM) return k ? k : 1;
    below += p;
    p *= (double)(n - k) / (k + 1) * NOMINAL / (1 - NOMINAL);
  }
  return n;
}

bool pipeline_judge(struct pipeline_run *r)
{
  if (!r->ended) return err_add(r->err, (struct where){.file = r->file}, "cut off after line %d: no 'end'", r->line);
  for (int i = 0; i < r->n_tasks; i++) {
    struct pipeline_task *t = &r->task[i];
    predict(r, t);
    t->measured_s = median_of(r->arena, t);
    if (!t->not_judged && isnan(t->measured_s)) t->not_judged = "it was never executed";
    t->within = !t->not_judged && t->measured_s >= t->low_s && t->measured_s <= t->high_s;
    t->wide = !t->not_judged && (t->low_s < LOW_BAND * t->predicted_s || t->high_s > HIGH_BAND * t->predicted_s);
    r->judged += !t->not_judged;
    r->wide += t->wide;
    r->within += t->within;
  }
  r->wanted = pipeline_wanted(r->judged);
  return true;
}

bool pipeline_blind(const struct pipeline_run *r)
{
  return r->judged == 0 || (r->within >= r->wanted && r->wide >= r->wanted);
}

bool pipeline_passed(const struct pipeline_run *r)
{
  return !pipeline_blind(r) && r->within >= r->wanted;
}
