/* profile.c: measured costs of kernels: what a profile says, against what its kernels are. */
#include "scenarios/profile.h"

#include "models/measured.h"
#include "scenarios/build.h"
#include "scenarios/schema.h"

#include <math.h>
#include <string.h>

/* ---- one kernel -------------------------------------------------------------------------------------------------- */

struct reading { struct arena *arena; const struct node *entry; const struct preset *preset; struct err *err; };

static double plain_number(const struct node *node)
{
  char why[UNITS_WHY];
  double value;
  return node_is(node, NODE_TEXT) && !node->quoted && number_parse(node->text, Q_PURE, &value, why) ? value : NAN;
}

static bool axis_known(const struct reading *r, const struct node *axis)
{
  const struct node *own = node_get(r->preset->value, "axes");
  const char *names[YAML_KEYS], *all = "";
  size_t n = 0;
  for (size_t i = 0; node_is(own, NODE_MAP) && i < own->n; i++) {
    if (!strcmp(own->child[i]->key, axis->key)) return true;
    all = arena_printf(r->arena, "%s%s%s", all, *all ? ", " : "", own->child[i]->key);
    names[n++] = own->child[i]->key;
  }
  const char *near = nearest(axis->key, names, n);
  return err_add(r->err, axis->key_at, "'%.64s' is no axis of the kernel '%s'; %s%s%s", axis->key, r->entry->key,
                 near ? "did you mean '" : "it has ", near ? near : all, near ? "'?" : "");
}

static bool read_axis(const struct reading *r, const struct node *list, struct kernel_axis *axis)
{
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  double *knot = arena_array(r->arena, double, n + 1);
  if (!n) return err_add(r->err, list->at, "the axis '%.64s' is a list of numbers, ascending", list->key);
  for (size_t i = 0; i < n; i++) {
    const struct node *one = list->child[i];
    knot[i] = plain_number(one);
    if (!(knot[i] > 0 && isfinite(knot[i])))
      return err_add(r->err, one->at, "a knot of '%.64s' is a number above 0 in base units, without a unit", list->key);
    if (i > 0 && !(knot[i] > knot[i - 1]))
      return err_add(r->err, one->at, "'%.64s' must ascend: %g comes after %g", list->key, knot[i], knot[i - 1]);
  }
  *axis = (struct kernel_axis){list->key, (int)n, knot};
  return axis_known(r, list);
}

static bool read_axes(const struct reading *r, struct kernel_cost *c)
{
  const struct node *axes = node_get(r->entry, "axes");
  if (!axes) return false;
  if (!node_is(axes, NODE_MAP) || axes->n < 1 || axes->n > KERNEL_COST_AXES)
    return err_add(r->err, axes->key_at, "'axes' of '%s' is a map of one or two axes, such as {working_set: [1000, 1000000]}",
                   r->entry->key);
  c->n_axes = (int)axes->n;
  for (int i = 0; i < c->n_axes; i++)
    if (!read_axis(r, axes->child[i], &c->axis[i])) return false;
  return true;
}

static bool read_costs(const struct reading *r, struct kernel_cost *c)
{
  const struct node *list = node_get(r->entry, "cost");
  int wanted = c->axis[0].n * (c->n_axes > 1 ? c->axis[1].n : 1);
  if (!node_is(list, NODE_LIST)) return false;
  if (list->n != (size_t)wanted)
    return err_add(r->err, list->key_at, "'cost' of '%s' has %zu elements; its axes have %d %s", r->entry->key, list->n, wanted,
                   c->n_axes > 1 ? "pairs of knots" : "knots");
  double *cost = arena_array(r->arena, double, wanted + 1);
  for (int i = 0; i < wanted; i++) {
    cost[i] = node_is(list->child[i], NODE_TEXT) ? key_number(key_find("kernel_cost", "cost"), list->child[i]->text) : NAN;
    if (!(cost[i] > 0 && isfinite(cost[i]))) return false;      /* told by the schema */
  }
  c->cost_s = cost;
  return true;
}

static bool read_band(const struct reading *r, struct kernel_cost *c)
{
  const struct node *band = node_get(r->entry, "band");
  c->band_low = c->band_high = 1;
  c->band_share = 0.9;
  if (!band) return true;
  if (node_is(band, NODE_LIST) && band->n == 2) {
    c->band_low = plain_number(band->child[0]);
    c->band_high = plain_number(band->child[1]);
    if (c->band_low > 0 && c->band_low <= 1 && c->band_high >= 1 && isfinite(c->band_high)) return true;
  }
  return err_add(r->err, band->key_at, "'band' of '%s' is [low, high] with 0 < low <= 1 <= high", r->entry->key);
}

/* Of which version is the preset, and what does it count? */
static bool same_kernel(const struct reading *r, struct kernel_cost *c)
{
  const struct node *version = node_get(r->entry, "version"), *unit = node_get(r->entry, "unit");
  const struct node *own = node_get(r->preset->value, "version"), *counts = node_get(r->preset->value, "unit");
  if (!version || !unit) return false;
  if (!own || !node_get(r->preset->value, "units") || !node_get(r->preset->value, "axes"))
    return err_add(r->err, r->entry->key_at, "the kernel '%s' cannot be measured: its preset has no version, units and axes",
                   r->entry->key);
  c->version = (int)get_count(r->entry, "kernel_cost", "version");
  if (c->version != (int)get_count(r->preset->value, "kernel", "version"))
    return err_add(r->err, version->at, "version %d of the kernel '%s' was measured, and this is version %llu: measure again "
                   "with `offsim calibrate -o FILE`", c->version, r->entry->key,
                   get_count(r->preset->value, "kernel", "version"));
  if (!node_is(counts, NODE_TEXT) || !node_text_is(unit, counts->text))
    return err_add(r->err, unit->at, "the work of the kernel '%s' counts in '%s', not '%.40s'", r->entry->key,
                   node_is(counts, NODE_TEXT) ? counts->text : "?", node_is(unit, NODE_TEXT) ? unit->text : "?");
  c->unit = unit->text;
  return true;
}

bool profile_kernel_read(struct arena *a, const char *base, const struct node *entry, struct profile_kernel *k, struct err *err)
{
  const struct node *error = node_get(entry, "error");
  struct scenario beside = {.arena = a, .path = base};  /* what is read here is no part of a run's identity */
  *k = (struct profile_kernel){.cost.kernel = entry->key};
  if (!node_is(entry, NODE_MAP)) return false;
  struct reading r = {a, entry, preset_read(a, "kernel", entry->key, entry->key_at, base ? &beside : NULL, err), err};
  if (!r.preset || !same_kernel(&r, &k->cost) || !read_axes(&r, &k->cost) || !read_costs(&r, &k->cost)
      || !read_band(&r, &k->cost))
    return false;
  double sigma = get_number(entry, "kernel_cost", "sigma");
  k->cost.sigma = isnan(sigma) ? 0 : sigma;
  k->wall = get_choice(entry, "kernel_cost", "clock") == 1;
  k->wall_over_cpu = get_number(entry, "kernel_cost", "wall_over_cpu");
  k->fetch_s = get_number(entry, "kernel_cost", "fetch");
  k->cold = get_number(entry, "kernel_cost", "cold");
  k->interference = get_number(entry, "kernel_cost", "interference");
  k->method = get_text(error, "kernel_error", "method");
  k->model = get_text(error, "kernel_error", "model");
  k->mape = get_number(error, "kernel_error", "mape");
  k->p90 = get_number(error, "kernel_error", "p90");
  k->max = get_number(error, "kernel_error", "max");
  k->shapes = get_count(error, "kernel_error", "shapes");
  return true;
}

struct measured_kernel profile_measured(const struct profile_kernel *k, double last_cache_bytes)
{
  bool elapsed = k->wall || isnan(k->wall_over_cpu);
  return (struct measured_kernel){k->cost, .interference = fmax(isnan(k->interference) ? 1 : k->interference, 1),
    .wall_over_cpu = elapsed ? 1 : k->wall_over_cpu, .fetch_s = k->fetch_s, .cold = k->cold, .last_cache_bytes = last_cache_bytes};
}

/* ---- a whole profile ----------------------------------------------------------------------------------------------- */

const struct profile *profile_load(struct arena *a, const char *path, struct err *err)
{
  size_t errors = err->n_errors;
  const struct preset *p = profile_read(a, path, path, NULL, err);
  const struct node *map = p ? node_get(p->value, "kernels") : NULL;
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  if (!p) return NULL;
  struct profile_kernel *kernel = arena_array(a, struct profile_kernel, n + 1);
  for (size_t i = 0; i < n; i++) (void)profile_kernel_read(a, NULL, map->child[i], &kernel[i], err);
  if (err->n_errors > errors) return NULL;
  struct profile *out = arena_alloc(a, sizeof *out);
  *out = (struct profile){p->name, p->doc, path, p->measured, p->value, (int)n, kernel};
  return out;
}

/* ---- of a scenario's hardware -------------------------------------------------------------------------------------- */

void build_kernels(struct build *b, const struct node *hardware, struct hardware_def *h)
{
  const struct node *map = node_get(hardware, "kernels");
  size_t n = node_is(map, NODE_MAP) ? map->n : 0;
  struct measured_kernel *kernel = arena_array(b->arena, struct measured_kernel, n + 1);
  h->outside = get_choice(hardware, "hardware", "outside") == 1;
  for (size_t i = 0; i < n; i++) {
    struct profile_kernel k;
    if (!profile_kernel_read(b->arena, b->folder_of, map->child[i], &k, b->err)) continue;
    kernel[h->n_kernels++] = profile_measured(&k, get_number(hardware, "hardware", "last_cache"));
  }
  h->kernel = kernel;
}

/* ---- work of a task -------------------------------------------------------------------------------------------------- */

static const struct measured_kernel *measured_of(const struct hardware_def *h, const char *kernel)
{
  for (int i = 0; i < h->n_kernels; i++)
    if (!strcmp(h->kernel[i].cost.kernel, kernel)) return &h->kernel[i];
  return NULL;
}

static bool is_word(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool reads(const char *formula, const char *name)
{
  size_t n = strlen(name);
  for (const char *at = formula; (at = strstr(at, name)); at += n)
    if ((at == formula || !is_word(at[-1])) && !is_word(at[n])) return true;
  return false;
}

/* "n: 64, k: 64": of the parameters, those that the axis reads. */
static const char *asked_of(struct build *b, const struct node *axis, const struct node *parameters)
{
  const char *all = "";
  for (size_t i = 0; node_is(axis, NODE_TEXT) && i < parameters->n; i++) {
    const struct node *one = parameters->child[i];
    if (node_is(one, NODE_TEXT) && reads(axis->text, one->key))
      all = arena_printf(b->arena, "%s%s%s: %s", all, *all ? ", " : "", one->key, one->text);
  }
  return *all ? all : "any parameters";
}

static void add_work(struct build *b, struct kernel_work *k)
{
  struct world_def *w = b->world;
  const struct kernel_work **all = arena_array(b->arena, const struct kernel_work *, w->n_kernel_works + 1);
  for (int i = 0; i < w->n_kernel_works; i++) all[i] = w->kernel_work[i];
  k->number = w->n_kernel_works;
  all[w->n_kernel_works++] = k;
  w->kernel_work = all;
}

/* Where the data of the work come from. */
static void add_reuse(struct build *b, struct kernel_work *k, const struct node *axes, const struct node *parameters,
                      const struct node *reuse)
{
  const struct node *set = node_get(axes, "working_set");
  k->reuse_bytes = build_expr(b, reuse, Q_BYTES, NULL);
  k->reuse_at = reuse->key_at;
  if (!set) {
    err_add(b->err, reuse->key_at, "'reuse_distance' needs a kernel with the axis working_set; '%s' has none", k->kernel);
    return;
  }
  k->working_set_bytes = build_expr(b, set, Q_PURE, parameters);
}

const struct kernel_work *build_kernel_work(struct build *b, const struct node *kernel, const struct node *preset,
                                            const struct node *parameters, const struct node *calls, const struct node *reuse)
{
  const struct node *axes = node_get(preset, "axes");
  struct kernel_at *at = arena_array(b->arena, struct kernel_at, b->world->n_hardware + 1);
  bool any = false;
  for (int h = 0; h < b->world->n_hardware; h++) {
    const struct measured_kernel *m = measured_of(&b->world->hardware[h], kernel->text);
    at[h].measured = m;
    any |= m != NULL;
    for (int i = 0; m && i < m->cost.n_axes; i++) {
      const struct node *axis = node_get(axes, m->cost.axis[i].name);
      at[h].axis[i] = build_expr(b, axis, Q_PURE, parameters);
      at[h].asked[i] = asked_of(b, axis, parameters);
    }
  }
  if (reuse && !any) (void)build_expr(b, reuse, Q_BYTES, NULL);
  if (!any) return NULL;
  struct kernel_work *k = arena_alloc(b->arena, sizeof *k);
  *k = (struct kernel_work){.kernel = kernel->text, .task = b->task, .at = at, .said_at = kernel->at,
    .calls = build_expr(b, calls, Q_PURE, NULL), .units = build_expr(b, node_get(preset, "units"), Q_PURE, parameters)};
  if (reuse) add_reuse(b, k, axes, parameters, reuse);
  add_work(b, k);
  return k;
}

/* How far beyond: a factor above 1. */
static double beyond(const struct kernel_axis *axis, double x)
{
  return fmax(axis->knot[0] / x, x / axis->knot[axis->n - 1]);
}

/* Before anything runs: shapes that are the same for all requests. */
static void check_shape(struct build *b, const struct kernel_work *k, const struct place_def *p, const struct hardware_def *h)
{
  const struct kernel_at *at = &k->at[h - b->world->hardware];
  const struct kernel_cost *cost = at->measured ? &at->measured->cost : NULL;
  for (int i = 0; cost && i < cost->n_axes; i++) {
    const struct kernel_axis *axis = &cost->axis[i];
    double x = at->axis[i].reads ? NAN : expr_value(&at->axis[i], NULL);
    if (!(x < axis->knot[0] || x > axis->knot[axis->n - 1]) || err_stands_at(b->err, k->said_at)) continue;
    char text[3][AXIS_TEXT];
    const char *said = arena_printf(b->arena, "'%s' with %s (%s %s) at places.%s: '%s' was measured with %s from %s to %s", k->kernel,
      at->asked[i], axis->name, measured_axis_text(text[0], axis->name, x), p->name, h->name, axis->name,
      measured_axis_text(text[1], axis->name, axis->knot[0]), measured_axis_text(text[2], axis->name, axis->knot[axis->n - 1]));
    if (h->outside)
      err_warn(b->err, k->said_at, "%s; the outermost cost is taken, %.3g times beyond (outside: allow)", said, beyond(axis, x));
    else
      err_add(b->err, k->said_at, "%s; 'hardware: {%s: {profile: FILE, outside: allow}}' goes beyond, and says so", said, h->name);
  }
}

static void check_reuse(struct build *b, const struct kernel_work *k, const struct place_def *p, const struct hardware_def *h)
{
  const struct measured_kernel *m = k->at[h - b->world->hardware].measured;
  if (k->reuse_bytes.n && m && m->last_cache_bytes <= 0 && !err_stands_at(b->err, k->reuse_at))
    err_warn(b->err, k->reuse_at, "'reuse_distance' changes nothing at places.%s: the 'last_cache' of '%s' is not known", p->name,
             h->name);
}

void check_measured(struct build *b, const struct class_def *c, const struct task_def *t, const struct plan_def *plan)
{
  const struct world_def *w = b->world;
  const struct kernel_work *k = t->work ? t->work[plan->variant].kernel : NULL;
  for (int i = 0; k && i < w->n_places; i++)
    for (int h = 0; build_leads_to(w, c, plan, i) && h < w->place[i].n_hardware; h++) {
      check_shape(b, k, &w->place[i], &w->hardware[w->place[i].hardware[h]]);
      check_reuse(b, k, &w->place[i], &w->hardware[w->place[i].hardware[h]]);
    }
}
