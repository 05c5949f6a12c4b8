/* calibration_write.c: a profile as a hardware preset that people can read: provenance, then numbers, then how far to trust
 * them. `complete` is in the text, and the text is renamed into place when it is whole. */
#include "experiments/calibrate/calibration.h"
#include "analysis/text.h"
#include "experiments/fit_link.h"
#include "experiments/version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE = 112 };

/* ---- pieces ---------------------------------------------------------------------------------------------------------- */

const char *calibration_seconds_text(struct arena *a, double s)
{
  const struct time_unit *unit = time_unit_of(s);
  return s == 0 ? "0 ps" : arena_printf(a, "%.5g %s", s * unit->factor, unit->name);
}

static const char *rate_text(struct arena *a, double x, const char *unit)
{
  return x >= 1e12 ? arena_printf(a, "%.4g T%s", x * 1e-12, unit) : arena_printf(a, "%.4g G%s", x * 1e-9, unit);
}

/* Base units without a unit; no exponent where a whole number can do. */
static const char *plain_number(struct arena *a, double x)
{
  return x == floor(x) && x < 1e15 ? arena_printf(a, "%.0f", x) : arena_printf(a, "%.9g", x);
}

static void put_quoted_key(struct text *t, const char *indent, const char *key, const char *value)
{
  if (!value)
    return;
  text_add(t, "%s%s: ", indent, key);
  link_put_quoted(t, value);
  text_put(t, "\n");
}

/* "key: [a, b, ...]" in lines of bearable length. */
static void put_list(struct text *t, int indent, const char *key, const char *const *item, int n)
{
  size_t at = t->n;
  text_add(t, "%*s%s: [", indent, "", key);
  for (int i = 0; i < n; i++) {
    if (i && t->n - at + strlen(item[i]) + 3 > LINE) {
      text_put(t, ",");
      at = t->n + 1;
      text_add(t, "\n%*s", indent + 2, "");
    } else if (i) {
      text_put(t, ", ");
    }
    text_put(t, item[i]);
  }
  text_put(t, "]\n");
}

static const char *quoted(struct arena *a, const char *s)
{
  struct text t = {0};
  link_put_quoted(&t, s);
  const char *copy = arena_strdup(a, t.s);
  free(t.s);
  return copy;
}

/* ---- the measurement --------------------------------------------------------------------------------------------------- */

static void put_date(struct text *t, double unix_time)
{
  time_t at = (time_t)unix_time;
  struct tm day;
  gmtime_r(&at, &day);
  text_add(t, "  date: %04d-%02d-%02d\n", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

static int year_of(double unix_time)
{
  time_t at = (time_t)unix_time;
  struct tm day;
  gmtime_r(&at, &day);
  return day.tm_year + 1900;
}

static void put_libraries(struct text *t, const struct raw_machine *m)
{
  text_put(t, m->n_libraries ? "  libraries:\n" : "  libraries: {}\n");
  for (int i = 0; i < m->n_libraries; i++)
    put_quoted_key(t, "    ", m->library[i], m->library_version[i]);
}

static void put_machine(struct text *t, const struct calibration *p)
{
  const struct raw_machine *m = &p->raw->machine;
  put_quoted_key(t, "  ", "cpu", m->cpu);
  put_quoted_key(t, "  ", "architecture", m->architecture);
  text_add(t, "  cores: %d\n", m->cores);
  put_quoted_key(t, "  ", "os", m->kernel);
  put_quoted_key(t, "  ", "virtual", m->virtual);
  put_quoted_key(t, "  ", "compiler", m->compiler);
  put_libraries(t, m);
  put_quoted_key(t, "  ", "governor", m->governor);
  if (isfinite(m->frequency_hz))
    text_add(t, "  frequency: \"%.3g GHz\"\n", m->frequency_hz * 1e-9);
  if (isfinite(m->temperature_c))
    text_add(t, "  temperature: \"%.3g degC\"\n", m->temperature_c);
  put_quoted_key(t, "  ", "energy", m->rapl);
}

static void put_notes(struct text *t, const char *key, const struct calibration_note *note, int n)
{
  text_add(t, n ? "  %s:\n" : "  %s: {}\n", key);
  for (int i = 0; i < n; i++)
    put_quoted_key(t, "    ", note[i].name, note[i].why);
}

static void put_unstable(struct text *t, const struct calibration *p)
{
  const char **item = arena_alloc(p->arena, ((size_t)p->n_unstable + 1) * sizeof *item);
  for (int i = 0; i < p->n_unstable; i++)
    item[i] = quoted(p->arena, p->unstable[i]);
  put_list(t, 2, "unstable", item, p->n_unstable);
}

static void put_measured(struct text *t, const struct calibration *p, const char *samples)
{
  const struct raw *r = p->raw;
  text_put(t, "measured:\n");
  put_quoted_key(t, "  ", "program", r->program);
  put_quoted_key(t, "  ", "version", r->version);
  text_add(t, "  raw: %d\n", RAW_FORMAT);
  put_date(t, r->unix_time);
  put_machine(t, p);
  text_add(t, "  seed: %llu\n  passes: %d\n  quick: %s\n", (unsigned long long)r->seed, r->passes, r->quick ? "true" : "false");
  double steal = isfinite(r->end_steal_share) ? r->end_steal_share : r->machine.steal_share;
  if (isfinite(steal))
    text_add(t, "  steal_share: %.3g\n", steal);
  if (isfinite(r->machine.load_1))
    text_add(t, "  load: %.3g\n", r->machine.load_1);
  if (isfinite(p->drift))
    text_add(t, "  drift: \"%+.2f %%\"\n", 100 * p->drift);
  put_unstable(t, p);
  put_notes(t, "unavailable", p->unavailable, p->n_unavailable);
  if (p->n_failed)
    put_notes(t, "failed", p->failed, p->n_failed);
  const char *notes[2];
  int n = 0;
  if (!r->machine.pinned)
    notes[n++] = quoted(p->arena, arena_printf(p->arena, "not pinned to a core%s%s", r->machine.pin_problem ? ": " : "",
                                               r->machine.pin_problem ? r->machine.pin_problem : ""));
  if (samples)
    notes[n++] = quoted(p->arena, arena_printf(p->arena, "raw samples: %s", samples));
  put_list(t, 2, "notes", notes, n);
  text_put(t, "  complete: true\n");
}

/* ---- the numbers ------------------------------------------------------------------------------------------------------- */

static void put_axes(struct text *t, const struct calibration *p, const struct kernel_cost *c)
{
  text_put(t, "      axes:\n");
  for (int i = 0; i < c->n_axes; i++) {
    const char **item = arena_alloc(p->arena, (size_t)c->axis[i].n * sizeof *item);
    for (int k = 0; k < c->axis[i].n; k++)
      item[k] = plain_number(p->arena, c->axis[i].knot[k]);
    put_list(t, 8, c->axis[i].name, item, c->axis[i].n);
  }
}

static void put_cost(struct text *t, const struct calibration *p, const struct kernel_cost *c)
{
  int n = c->axis[0].n * (c->n_axes > 1 ? c->axis[1].n : 1);
  const char **item = arena_alloc(p->arena, (size_t)n * sizeof *item);
  for (int i = 0; i < n; i++)
    item[i] = calibration_seconds_text(p->arena, c->cost_s[i]);
  put_list(t, 6, "cost", item, n);
}

/* A share that is not known is left out. */
static void put_share(struct text *t, const char *before, const char *key, double x)
{
  if (isfinite(x))
    text_add(t, "%s%s: %.4g", before, key, x);
}

static void put_error(struct text *t, const struct kernel_error *e)
{
  text_add(t, "      error: {method: %s, model: %s", e->method, kernel_model_name[e->model]);
  put_share(t, ", ", "mape", e->mape);
  put_share(t, ", ", "p90", e->p90);
  put_share(t, ", ", "max", e->max);
  text_add(t, ", shapes: %d}\n", e->shapes);
}

static void put_kernel(struct text *t, const struct calibration *p, const struct calibrated_kernel *k)
{
  const struct kernel_cost *c = &k->fit.cost;
  text_add(t, "    %s:\n      version: %d\n", c->kernel, c->version);
  put_quoted_key(t, "      ", "unit", c->unit);
  text_add(t, "      clock: %s\n", k->wall ? "wall" : "cpu");
  put_axes(t, p, c);
  put_cost(t, p, c);
  text_add(t, "      sigma: %.4g\n      band: [%.4f, %.4f]\n", c->sigma, c->band_low, c->band_high);
  put_error(t, &k->fit.error);
  text_add(t, "      wall_over_cpu: %.4g\n", k->wall_over_cpu);
  if (isfinite(k->fetch_s))
    text_add(t, "      fetch: %s\n", calibration_seconds_text(p->arena, k->fetch_s));
  if (k->cold_measured)
    text_add(t, "      cold: %.4g\n", k->cold);
  if (k->interference_measured)
    text_add(t, "      interference: %.4g\n", k->interference);
  for (int i = 0; i < k->n_threads; i++)
    text_add(t, "%s%d: %.4g%s", i ? ", " : "      threads: {", k->threads[i].n, k->threads[i].speed_up,
             i + 1 == k->n_threads ? "}\n" : "");
}

static void put_value(struct text *t, const struct calibration *p)
{
  text_put(t, "value:\n");
  if (isfinite(p->flops))
    text_add(t, "  flops: %s\n  flops_share: 1\n", rate_text(p->arena, p->flops, "FLOP/s"));
  if (isfinite(p->bandwidth))
    text_add(t, "  bandwidth: %s\n  bandwidth_share: 1\n", rate_text(p->arena, p->bandwidth, "B/s"));
  if (p->raw->machine.memory_bytes > 0)
    text_add(t, "  memory: %.4g GB\n", p->raw->machine.memory_bytes * 1e-9);
  if (p->last_cache_bytes > 0)
    text_add(t, "  last_cache: %.0f B\n", p->last_cache_bytes);
  text_put(t, "  kernels:\n");
  for (int i = 0; i < p->n; i++)
    put_kernel(t, p, &p->kernel[i]);
}

static void put_source(struct text *t, const struct calibration *p, const char *key, const char *what, const char *grade)
{
  text_add(t, "  %s: {source: ", key);
  link_put_quoted(t, what);
  text_add(t, ", year: %d, grade: %s}\n", year_of(p->raw->unix_time), grade);
}

static void put_sources(struct text *t, const struct calibration *p)
{
  const struct raw *r = p->raw;
  text_put(t, "sources:\n");
  put_source(t, p, "kernels",
             arena_printf(p->arena, "measured by offsim calibrate %s on %s", version_text(), r->machine.cpu), "M");
  if (isfinite(p->flops)) {
    put_source(t, p, "flops", arena_printf(p->arena, "best gemm_f32 of one core x %d cores", r->machine.cores), "M");
    put_source(t, p, "flops_share", "measured, not a peak", "M");
  }
  if (isfinite(p->bandwidth)) {
    put_source(t, p, "bandwidth",
               arena_printf(p->arena, "triad from memory on %d of %d cores", p->bandwidth_cores, r->machine.cores), "M");
    put_source(t, p, "bandwidth_share", "measured, not a peak", "M");
  }
  if (r->machine.memory_bytes > 0)
    put_source(t, p, "memory", "as the system says", "M");
  if (p->last_cache_bytes > 0)
    put_source(t, p, "last_cache", "as the system says", "M");
}

bool calibration_write(const struct calibration *p, const char *path, const char *samples, struct err *e)
{
  struct text t = {0};
  text_add(&t, "# Measured costs of kernels on one machine, made by `offsim calibrate`;"
               " docs/calibration.md says what each key means.\n"
               "kind: hardware\nname: %s\ndoc: ", p->name);
  link_put_quoted(&t, arena_printf(p->arena, "Measured: %s, %d core%s", p->raw->machine.cpu, p->raw->machine.cores,
                                   p->raw->machine.cores == 1 ? "" : "s"));
  text_put(&t, "\n");
  put_sources(&t, p);
  put_measured(&t, p, samples);
  put_value(&t, p);
  bool good = text_save(&t, path, e);
  free(t.s);
  return good;
}
