/* calibration_store.c: the raw samples in HDF5: /samples (one row a measured shape under one condition),
 * /executions (one row a repetition), /sentinel. `pandas.DataFrame({k: f["samples"][k][:] for k in f["samples"]})` works. */
#include "experiments/calibrate/calibration.h"
#include "analysis/store/trace.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 40 };

/* A table being made, column by column. */
struct building { struct arena *a; struct plain_column column[MOST_COLUMNS]; struct plain_table table; };

static double *add_real(struct building *b, const char *name, const char *unit, const char *doc)
{
  double *x = arena_array(b->a, double, b->table.rows + 1);
  b->column[b->table.n++] = (struct plain_column){.name = name, .unit = unit, .doc = doc, .real = x};
  return x;
}

static int64_t *add_whole(struct building *b, const char *name, const char *unit, const char *doc)
{
  int64_t *x = arena_array(b->a, int64_t, b->table.rows + 1);
  b->column[b->table.n++] = (struct plain_column){.name = name, .unit = unit, .doc = doc, .whole = x};
  return x;
}

static int64_t *add_codes(struct building *b, const char *name, const char *doc, const char *const *names, int n)
{
  int64_t *x = add_whole(b, name, "", doc);
  b->column[b->table.n - 1].names = names;
  b->column[b->table.n - 1].n_names = n;
  return x;
}

static struct building *table_begin(struct arena *a, const char *group, size_t rows)
{
  struct building *b = arena_alloc(a, sizeof *b);
  b->a = a;
  b->table = (struct plain_table){group, rows, 0, b->column};
  return b;
}

static const char *const *kernel_names(const struct raw *r)
{
  const char **name = arena_alloc(r->arena, RAW_KERNELS * sizeof *name);
  for (int i = 0; i < r->n_kernels; i++)
    name[i] = r->kernel[i].name;
  return name;
}

static const char *const clocks[] = {"hot", "cold"}, *const company[] = {"alone", "interference"}, *const flags[] = {"no", "yes"};

static void add_shape(struct building *b, const struct raw *r)
{
  static const char *const parameter[RAW_PARAMETERS] = {"p0", "p1", "p2", "p3", "p4", "p5"};
  static const char *const axis[RAW_AXES] = {"axis0", "axis1", "axis2", "axis3"};
  for (int i = 0; i < RAW_PARAMETERS; i++) {
    double *x = add_real(b, parameter[i], "", "parameter of the kernel, in the order of `about`; NaN: it has fewer");
    for (size_t k = 0; k < r->n_samples; k++)
      x[k] = i < r->kernel[r->sample[k].kernel].n_parameters ? r->sample[k].p[i] : NAN;
  }
  for (int i = 0; i < RAW_AXES; i++) {
    double *x = add_real(b, axis[i], "", "axis of the cost, in the order of `about`; axis0: working set in bytes");
    for (size_t k = 0; k < r->n_samples; k++)
      x[k] = i < r->kernel[r->sample[k].kernel].n_axes ? r->sample[k].axis[i] : NAN;
  }
}

static void add_conditions(struct building *b, const struct raw *r)
{
  int64_t *kernel = add_codes(b, "kernel", "which kernel", kernel_names(r), r->n_kernels);
  int64_t *pass = add_whole(b, "pass", "", "which pass over all shapes"), *order = add_whole(b, "order", "", "position in time");
  int64_t *cache = add_codes(b, "cache", "state of the caches before an execution", clocks, 2);
  int64_t *with = add_codes(b, "with", "what the other cores do", company, 2);
  int64_t *off = add_codes(b, "off_grid", "a shape drawn at random, not fitted", flags, 2);
  int64_t *stable = add_codes(b, "stable", "interval of the median narrow enough", flags, 2);
  int64_t *threads = add_whole(b, "threads", "", "over which one execution was split");
  int64_t *inner = add_whole(b, "inner", "", "executions in one repetition");
  int64_t *discarded = add_whole(b, "discarded", "", "repetitions left out: disturbed");
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    kernel[i] = s->kernel, pass[i] = s->pass, order[i] = s->order, cache[i] = s->cold, with[i] = s->interference;
    off[i] = s->off_grid, stable[i] = s->stable, threads[i] = s->threads, inner[i] = s->inner, discarded[i] = s->discarded;
  }
}

static const struct plain_table *samples_table(const struct raw *r)
{
  struct building *b = table_begin(r->arena, "samples", r->n_samples);
  add_conditions(b, r);
  add_shape(b, r);
  double *units = add_real(b, "units", "", "work of one execution, in the kernel's unit");
  double *flop = add_real(b, "flop", "FLOP", "of one execution; NaN: not told");
  double *bytes = add_real(b, "bytes", "B", "moved at least");
  double *low = add_real(b, "wall_low_s", "s", "median of wall_s: lower end, 98 % (of less than 7 values: all)");
  double *high = add_real(b, "wall_high_s", "s", "median of wall_s: upper end, 98 % (of less than 7 values: all)");
  double *cpu_low = add_real(b, "cpu_low_s", "s", "median of cpu_s: lower end, 98 % (of less than 7 values: all)");
  double *cpu_high = add_real(b, "cpu_high_s", "s", "median of cpu_s: upper end, 98 % (of less than 7 values: all)");
  double *joule = add_real(b, "joule", "J", "of one execution; NaN: no sensor");
  double *clock = add_real(b, "clock_s", "s", "a step of the core meanwhile, as its clock goes; NaN: not told");
  for (size_t i = 0; i < r->n_samples; i++) {
    const struct raw_sample *s = &r->sample[i];
    units[i] = s->units, flop[i] = s->flop, bytes[i] = s->bytes, low[i] = s->wall_low_s, high[i] = s->wall_high_s;
    cpu_low[i] = s->cpu_low_s, cpu_high[i] = s->cpu_high_s, joule[i] = s->joule;
    clock[i] = s->clock_s;
  }
  return &b->table;
}

static const struct plain_table *executions_table(const struct raw *r)
{
  size_t rows = 0, at = 0;
  for (size_t i = 0; i < r->n_samples; i++)
    rows += r->sample[i].n;
  struct building *b = table_begin(r->arena, "executions", rows);
  int64_t *sample = add_whole(b, "sample", "", "row of /samples");
  int64_t *repetition = add_whole(b, "repetition", "", "from 0, in time");
  double *wall = add_real(b, "wall_s", "s", "one execution, by the clock");
  double *cpu = add_real(b, "cpu_s", "s", "CPU time of the thread");
  for (size_t i = 0; i < r->n_samples; i++)
    for (size_t k = 0; k < r->sample[i].n; k++, at++) {
      sample[at] = (int64_t)i, repetition[at] = (int64_t)k;
      wall[at] = r->sample[i].wall_s[k], cpu[at] = r->sample[i].cpu_s[k];
    }
  return &b->table;
}

static const struct plain_table *sentinel_table(const struct raw *r)
{
  struct building *b = table_begin(r->arena, "sentinel", r->n_sentinels);
  int64_t *order = add_whole(b, "order", "", "position in time, as in /samples");
  double *wall = add_real(b, "wall_s", "s", "the same small work throughout"), *cpu = add_real(b, "cpu_s", "s", "its CPU time");
  for (size_t i = 0; i < r->n_sentinels; i++)
    order[i] = r->sentinel[i].order, wall[i] = r->sentinel[i].wall_s, cpu[i] = r->sentinel[i].cpu_s;
  return &b->table;
}

static json *names_of(const char *const *name, int n)
{
  json *list = json_new_array();
  for (int i = 0; i < n; i++)
    json_push(list, json_string_value_new(name[i]));
  return list;
}

/* What the codes mean: {"program", "machine", "kernels": {NAME: {version, unit, parameters, axes}}}. */
static char *about_of(const struct raw *r)
{
  json *about = json_new_object(), *kernels = json_new_object();
  json_put_string(about, "program", r->program);
  json_put_string(about, "version", r->version);
  json_put_int(about, "raw_format", RAW_FORMAT);
  json_put_int(about, "seed", (int64_t)r->seed);
  json_put_string(about, "cpu", r->machine.cpu);
  json_put_string(about, "architecture", r->machine.architecture);
  json_put_int(about, "cores", r->machine.cores);
  for (int i = 0; i < r->n_kernels; i++) {
    const struct raw_kernel *k = &r->kernel[i];
    json *one = json_new_object();
    json_put_int(one, "version", k->version);
    json_put_string(one, "unit", k->unit);
    json_put_string(one, "bound", raw_bound_name[k->bound]);
    json_put(one, "parameters", names_of(k->parameter, k->n_parameters));
    json_put(one, "axes", names_of(k->axis, k->n_axes));
    if (k->why)
      json_put_string(one, "unavailable", k->why);
    json_put(kernels, k->name, one);
  }
  json_put(about, "kernels", kernels);
  char *text = json_write(about, false);
  json_release(about);
  return text;
}

bool calibration_store(const struct raw *r, const char *path, struct err *e)
{
  const struct plain_table table[] = {*samples_table(r), *executions_table(r), *sentinel_table(r)};
  char *about = about_of(r);
  bool good = tables_write(path, table, sizeof table / sizeof *table, about, e);
  free(about);
  return good;
}
