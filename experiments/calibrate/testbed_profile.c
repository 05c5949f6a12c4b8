/* testbed_profile.c: `--profile FILE`: the kernels cost what the profile says, as the simulator takes it; what they cost in place is
 * only told beside.
 *
 * Before anything runs DIR/costs.yaml asks for every shape once, alone and in each batch: what the simulator refuses there (a
 * kernel that nobody knows, a shape beyond what was measured) is refused so. DIR/profile.yaml is a copy, so that DIR's
 * scenarios run anywhere.
 */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"
#include "models/measured.h"
#include "scenarios/profile.h"
#include "scenarios/scenario.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME "abcdefghijklmnopqrstuvwxyz0123456789_"
static const char *const error_names[] = {[BED_MEDIANS] = "none", [BED_LOW] = "low", [BED_HIGH] = "high"};

/* ---- work of a task ------------------------------------------------------------------------------------------------- */

static bool no_shape(const char *shape, const char *why, struct err *e)
{
  return err_add(e, (struct where){0}, "testbed: '%s' %s; a shape is KERNEL:p=N,...", shape, why);
}

/* One p=N of a shape from *at on, which moves behind it; where p is the batch's it is multiplied. */
static bool put_parameter(struct text *t, const char *shape, const char **at, const char *batch_parameter, int batch, bool *found,
                          struct err *e)
{
  size_t n = strspn(*at, NAME);
  char *end;
  double x = n && (*at)[n] == '=' ? strtod(*at + n + 1, &end) : NAN;
  if (!isfinite(x) || end == *at + n + 1 || (*end && *end != ','))
    return no_shape(shape, "cannot be read", e);
  bool this_one = batch_parameter && strlen(batch_parameter) == n && !memcmp(batch_parameter, *at, n);
  *found |= this_one;
  text_add(t, ", %.*s: %.17g", (int)n, *at, this_one ? x * batch : x);
  *at = *end ? end + 1 : end;
  return true;
}

bool bed_put_work(struct text *t, const char *shape, const char *batch_parameter, int batch, struct err *e)
{
  size_t n = strspn(shape, NAME);
  bool found = batch == 1;
  const char *at = shape + n + (shape[n] == ':');
  if (n == 0 || (shape[n] && shape[n] != ':'))
    return no_shape(shape, "has no name of a kernel", e);
  text_add(t, "{kernel: %.*s", (int)n, shape);
  while (*at)
    if (!put_parameter(t, shape, &at, batch_parameter, batch, &found, e))
      return false;
  text_put(t, "}");
  return found || no_shape(shape, "has not the --batch-parameter", e);
}

void bed_put_hardware(struct text *t, const struct bed_known *k)
{
  text_add(t, "hardware:\n  machine: {profile: profile.yaml, overhead: %.3f us}\ncalibration: {error: %s}\n", k->occupancy_s * 1e6,
           error_names[k->error]);
}

double bed_cost_s(const struct bed_cost *c, enum bed_error error)
{
  return c->expected_s * (error == BED_LOW ? c->low : error == BED_HIGH ? c->high : 1);
}

/* ---- every shape once ----------------------------------------------------------------------------------------------- */

static bool put_class(struct text *t, const struct bed_options *o, int i, const char *shape, int batch, struct err *e)
{
  text_add(t, "  - name: shape-%d\n    from: [client]\n    arrivals: {poisson: {rate: 1 /s}}\n"
           "    pipeline:\n      - {task: work, places: [server], work: ", i);
  bool good = bed_put_work(t, shape, o->batch_parameter, batch, e);
  text_put(t, "}\n");
  return good;
}

static bool write_costs(const struct bed_options *o, const char *path, struct err *e)
{
  struct text t = {0};
  const struct bed_known none = {.error = BED_MEDIANS};
  text_put(&t, "# Written by `offsim testbed`: the kernels that it asks for, by the profile.\nname: costs\n"
           "horizon: {kind: terminating, duration: 10 s}\n");
  bed_put_hardware(&t, &none);
  text_put(&t, "places:\n  - {name: client, tier: device, zone: here, count: 1}\n"
           "  - {name: server, tier: edge, zone: here, servers: 1, hardware: machine}\n"
           "links:\n  - {name: access, between: [client, server], rate: unlimited, rtt: 1 ms}\nclasses:\n");
  bool good = true;
  for (int i = 0; i < o->n_works; i++)
    good &= put_class(&t, o, i, o->work[i], 1, e);
  for (int i = 1; o->batching && i <= BED_BATCH && good; i++)
    good &= put_class(&t, o, o->n_works + i - 1, o->batch_work, i, e);
  text_put(&t, "policies: [always_edge]\n");
  good = good && text_save(&t, path, e);
  free(t.s);
  return good;
}

/* What the profile says of the task's kernel; false where it says nothing. */
static bool cost_of(const struct class_def *c, struct bed_cost *to)
{
  const struct kernel_work *k = c->task[0].work[0].kernel;
  const struct measured_kernel *m = k ? k->at[0].measured : NULL;
  if (!m)
    return false;
  bool outside = false;                                 /* the simulator has refused that */
  double expected_s = measured_expected_s(k, &k->at[0], NULL, &outside);
  *to = (struct bed_cost){expected_s, expected_s / exp(m->cost.sigma * m->cost.sigma / 2), m->cost.band_low, m->cost.band_high};
  return true;
}

static bool take_costs(const struct bed_options *o, const struct world_def *w, struct bed_costs *to, struct err *e)
{
  bool good = true;
  for (int i = 0; i < w->n_classes; i++) {
    bool batch = i >= o->n_works;
    const char *shape = batch ? o->batch_work : o->work[i];
    if (!cost_of(&w->klass[i], batch ? &to->batch[i - o->n_works] : &to->plain[i]) && (!batch || i == o->n_works))
      good = err_add(e, (struct where){.file = o->profile}, "testbed: the profile has no cost of %.*s; `offsim calibrate --kernels %.*s` "
                     "measures it", (int)strcspn(shape, ":"), shape, (int)strcspn(shape, ":"), shape);
  }
  return good;
}

static bool copy(const char *from, const char *to, struct err *e)
{
  size_t n;
  char *bytes = text_load(from, &n, e);
  struct text t = {.s = bytes, .n = n};
  bool good = bytes && text_save(&t, to, e);
  free(bytes);
  return good;
}

bool bed_profile_read(struct bed_options *o, struct arena *a, struct err *e)
{
  const char *path = scenario_find_file(a, "./testbed", o->profile, NULL), *costs = arena_printf(a, "%s/costs.yaml", o->dir);
  if (!path)
    return err_add(e, (struct where){0}, "testbed: --profile: there is no file '%s'; `offsim calibrate -o %s` makes one", o->profile,
                   o->profile);
  struct bed_costs *all = arena_alloc(a, sizeof *all);
  if (!profile_load(a, path, e) || !copy(path, arena_printf(a, "%s/profile.yaml", o->dir), e) || !write_costs(o, costs, e))
    return false;
  struct scenario *s = scenario_load(costs, NULL, 0, e);
  bool good = s && take_costs(o, &s->world, all, e);
  if (s)
    scenario_free(s);
  o->costs = all;
  return good;
}

/* ---- what it is beside the times in place --------------------------------------------------------------------------- */

static const struct bed_cost *cost_at(const struct bed_options *o, const struct bed_result *r, int shape, int batch)
{
  return r->n_batch > 1 ? &o->costs->batch[batch] : &o->costs->plain[shape];
}

static bool in_band(const struct bed_cost *c, double in_place_s)
{
  return in_place_s >= c->median_s * c->low && in_place_s <= c->median_s * c->high;
}

static void print_shapes(const struct bed_options *o, const struct bed_result *r, struct table *t)
{
  for (int s = 0; s < r->n_shapes; s++)
    for (int i = 0; i < r->n_batch; i++) {
      const struct bed_cost *c = cost_at(o, r, s, i);
      double in_place_s = r->in_place_s[s][i];
      table_cell(t, "%s", r->name);
      table_cell(t, "%.0f %%", r->load * 100);
      table_cell(t, "%s", r->shape[s]);
      table_cell(t, "%d", i + 1);
      table_cell(t, "%.4f", c->median_s * 1e3);
      table_cell(t, "%.4f", in_place_s * 1e3);
      table_cell(t, "%+.1f %%", (c->median_s / in_place_s - 1) * 100);
      table_cell(t, "%+.0f .. %+.0f %%", (c->low - 1) * 100, (c->high - 1) * 100);
      table_cell(t, "%s", in_band(c, in_place_s) ? "within" : "OUTSIDE");
    }
}

void bed_profile_print(const struct bed_options *o, const struct bed_result *r, int n, FILE *out)
{
  static const char *const head[] = {"configuration", "load", "shape", "batch", "profile ms", "in place", "error", "band", ""};
  enum { COLUMNS = sizeof head / sizeof *head };
  struct table *t = table_new(COLUMNS);
  fprintf(out, "\nThe prediction's kernels cost what %s says. Beside it, medians of the same kernels timed in place around the load "
          "(before it, between its parts, after it; the machine's pace of each calibration taken out), of which it knew nothing\n", o->profile);
  for (int i = 0; i < COLUMNS; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int i = 0; i < n; i++)
    print_shapes(o, &r[i], t);
  table_print(t, out, 3);
}

json *bed_profile_json(const struct bed_options *o, const struct bed_result *r)
{
  json *list = json_new_array();
  for (int s = 0; s < r->n_shapes; s++)
    for (int i = 0; i < r->n_batch; i++) {
      const struct bed_cost *c = cost_at(o, r, s, i);
      json *one = json_new_object();
      json_put_string(one, "shape", r->shape[s]);
      json_put_int(one, "batch", i + 1);
      json_put_number(one, "profile_s", c->median_s);
      json_put_number(one, "in_place_s", r->in_place_s[s][i]);
      json_put_number(one, "error", c->median_s / r->in_place_s[s][i] - 1);
      json_put_number(one, "band_low", c->low);
      json_put_number(one, "band_high", c->high);
      json_put_bool(one, "within_band", in_band(c, r->in_place_s[s][i]));
      json_push(list, one);
    }
  return list;
}
