/* plan.c: points, and the identity of each run without building each point.
 *
 * What each factor changes in the documents that an identity is made of (world, policy entries, files, seed) is found
 * once (plan_blocks.c); the documents of a point are put together from that (plan_identity.c). Points at random and at
 * the ends are built whole, and where one comes out otherwise, every point is.
 */
#include "experiments/plan_parts.h"
#include "analysis/metrics.h"
#include "sim/check.h"
#include "sim/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char WARMUP[] = "horizon.warmup";
enum { SAMPLES = 16, PAIRS = 128 };

/* ---- overrides and warm-up --------------------------------------------------------------------------------------- */

size_t plan_n_overrides(const struct plan *p)
{
  return p->file->n_set + (size_t)p->n_factors + 1;     /* a settled warm-up */
}

bool plan_is_auto(const struct plan *p, uint64_t point)
{
  return p->work->warmup_s && !isnan(p->work->warmup_s[point]);
}

double plan_settled_s(const struct plan *p, uint64_t point)
{
  return plan_is_auto(p, point) ? p->work->warmup_s[point] : PLAN_NOT_SETTLED;
}

size_t plan_overrides(const struct plan *p, uint64_t point, struct override *out, struct arena *a)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  plan_texts(p, point, text, buffer);
  for (int k = 0; k < p->n_factors; k++)
    if (text[k] == buffer[k])
      text[k] = arena_strdup(a, text[k]);
  size_t n = plan_overrides_with(p, text, out);
  if (plan_settled_s(p, point) >= 0)
    out[n++] = (struct override){WARMUP, arena_printf(a, "%.9g s", plan_settled_s(p, point))};
  return n;
}

/* ---- does the template tell the truth? --------------------------------------------------------------------------- */

/* True: as built. An error of the point itself is the user's. */
static bool is_true(struct plan *p, uint64_t point, bool *ok, struct err *err)
{
  struct hash *ids = calloc((size_t)p->n_policies, sizeof *ids);
  uint64_t seed;
  if (!ids)
    check_out_of_memory(sizeof *ids);
  *ok = plan_build_point(p, point, ids, &seed, err);
  bool same = *ok && seed == plan_seed(p, point);
  for (int k = 0; same && k < p->n_policies; k++)
    same = hash_equal(ids[k], plan_base_id(p, point, k));
  free(ids);
  return same;
}

/* At the ends of two factors, among the points that there are: one for each pair of ends. */
static uint64_t point_at_ends(const struct plan *p, int a, int b, int ends, uint64_t start)
{
  const struct factor_def *f[2] = {&p->file->factor[a], &p->file->factor[b]};
  size_t la = ends & 1 ? f[0]->n_levels - 1 : 0, lb = ends & 2 ? f[1]->n_levels - 1 : 0;
  for (uint64_t step = 0; step < p->n_points && step < 100000; step++) {
    uint64_t i = (start + step) % p->n_points;
    struct cell x = design_cell(p->work->table, i, a), y = design_cell(p->work->table, i, b);
    if (!x.drawn && !y.drawn && x.level == la && y.level == lb)
      return i;
  }
  return start;
}

static size_t choose_samples(const struct plan *p, uint64_t *point)
{
  struct rng_root root = rng_root_make(p->file->seed, 0);
  struct rng stream = rng_open(&root, rng_name("study.verify"), 0, 0);
  size_t n = 0;
  for (int i = 0; i < SAMPLES; i++)
    point[n++] = rng_below(&stream, p->n_points);
  point[n++] = 0;
  point[n++] = p->n_points - 1;
  for (int a = 0; a < p->n_factors && p->n_points > SAMPLES; a++)
    for (int b = a + 1; b < p->n_factors; b++)
      for (int ends = 0; ends < 4 && n < PAIRS; ends++)
        point[n++] = point_at_ends(p, a, b, ends, rng_below(&stream, p->n_points));
  return n;
}

static bool seen(const uint64_t *point, size_t i)
{
  for (size_t k = 0; k < i; k++)
    if (point[k] == point[i])
      return true;
  return false;
}

static bool verify(struct plan *p, struct err *err)
{
  uint64_t point[PAIRS + SAMPLES];
  size_t n = choose_samples(p, point);
  bool ok = true;
  for (size_t i = 0; i < n && ok && !p->whole; i++)
    if (!seen(point, i) && !is_true(p, point[i], &ok, err)) {
      p->whole = true;
      p->why_whole = "the factors act on each other";
    }
  return ok;
}

/* ---- factors as data --------------------------------------------------------------------------------------------- */

/* All levels are numbers with one unit: they are written as they stand. */
static void look_at(const struct factor_def *f, struct factor_look *look)
{
  look->unit = f->n_levels ? number_unit(f->level[0]) : f->unit;
  look->whole = f->n_levels ? true : f->integer;
  for (size_t i = 0; look->unit && i < f->n_levels; i++) {
    const char *other = number_unit(f->level[i]);
    double x = strtod(f->level[i], NULL);
    look->unit = other && !strcmp(other, look->unit) ? look->unit : NULL;
    look->whole = look->whole && x == floor(x) && fabs(x) < 0x1p53;
  }
}

const char *plan_factor_unit(const struct plan *p, int factor)
{
  const char *unit = p->work->look[factor].unit;
  return unit ? unit : "";
}

static void put_factor(const struct plan *p, int k, const char *text, json *all)
{
  const struct factor_look *look = &p->work->look[k];
  const char *name = p->file->factor[k].name;
  if (!look->unit)
    json_put_string(all, name, text);
  else if (look->whole)
    json_put_int(all, name, (int64_t)strtod(text, NULL));
  else
    json_put_number(all, name, strtod(text, NULL));
}

char *plan_factors_json(const struct plan *p, uint64_t point)
{
  const char *text[STUDY_FACTORS];
  char buffer[STUDY_FACTORS][CELL_TEXT];
  json *all = json_new_object();
  plan_texts(p, point, text, buffer);
  for (int k = 0; k < p->n_factors; k++)
    put_factor(p, k, text[k], all);
  char *out = json_write(all, false);
  json_release(all);
  return out;
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static bool changes_nothing(const struct plan *p, const char *path)
{
  static const char *const idle[] = {"name", "doc", "labels", "replications", "output", "primary", "margin"};
  for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
    if (!strncmp(path, idle[i], strlen(idle[i])) && strchr(".", path[strlen(idle[i])]))
      return true;
  return false;
}

static bool check_factors(const struct plan *p, struct err *err)
{
  size_t errors = err->n_errors;
  for (int k = 0; k < p->n_factors; k++) {
    const struct factor_def *f = &p->file->factor[k];
    if (changes_nothing(p, f->path))
      err_add(err, f->path_at, "'%s' changes no result; it cannot be a factor", f->path);
    else if (!strcmp(f->path, "policies"))
      err_add(err, f->path_at, "which policies run is said by the factor `policy`");
    if (metric_find(f->name))
      err_add(err, f->at, "a factor cannot be called '%s': that is a metric", f->name);
  }
  return err->n_errors == errors;
}

static bool take_base(struct plan *p, struct err *err)
{
  const char *none[STUDY_FACTORS] = {NULL};
  struct plan_work *w = p->work;
  struct study b;
  if (!plan_build(p, none, &b, err))
    return false;
  p->base = b.scenario;
  w->chosen = arena_array(w->arena, int, b.n_chosen);
  memcpy(w->chosen, b.chosen, (size_t)b.n_chosen * sizeof *w->chosen);
  const char **name = arena_array(w->arena, const char *, b.n_chosen);
  for (int k = 0; k < b.n_chosen; k++)
    name[k] = arena_strdup(w->arena, study_policy_name(&b, b.chosen[k]));
  p->n_policies = b.n_chosen;
  p->policy = name;
  p->replications = p->file->replications ? p->file->replications : p->base->replications;
  free(b.chosen);
  w->n_documents = 2 + 2 * p->n_policies;
  w->base = plan_documents(p, p->base, w->chosen, w->arena);
  w->last_id = arena_array(w->arena, struct hash, p->n_policies);
  w->world = hasher_new();
  w->one = hasher_new();
  return true;
}

static bool check_metrics(const struct plan *p, struct err *err)
{
  const char *metric = p->file->until.metric;
  const char *const *names;
  size_t n = metric_names(&names);
  if (!metric || !*metric || metric_find(metric))
    return true;
  const char *near = nearest(metric, names, n);
  return err_add(err, p->file->until_at, "unknown metric '%.64s'%s%s%s", metric, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

static bool fill(struct plan *p, struct err *err)
{
  struct plan_work *w = p->work;
  double size = design_size(p->file);
  if (!take_base(p, err) || !check_metrics(p, err) || !check_factors(p, err))
    return false;
  if (size > STUDY_POINTS || size * p->n_policies * (double)p->replications > STUDY_RUNS)
    return plan_too_large(p, size, err);
  w->table = design_new(p->file, err);
  if (!w->table)
    return false;
  p->n_points = design_points(w->table);
  w->look = arena_array(w->arena, struct factor_look, p->n_factors + 1);
  for (int k = 0; k < p->n_factors; k++)
    look_at(&p->file->factor[k], &w->look[k]);
  if (!plan_make_blocks(p, err))
    return false;
  if (!p->whole && !p->auto_warmup) {
    plan_make_templates(p);
    if (!verify(p, err))
      return false;
  }
  if (p->auto_warmup) {
    p->whole = true;
    p->why_whole = "`warmup: auto` is found point by point";
  }
  return !p->whole || plan_build_all(p, err);
}

struct plan *plan_new(const struct study_file *file, struct err *err)
{
  struct plan *p = calloc(1, sizeof *p);
  struct plan_work *w = calloc(1, sizeof *w);
  if (!p || !w)
    check_out_of_memory(sizeof *p);
  *p = (struct plan){.file = file, .n_factors = file->n_factors, .work = w};
  w->arena = arena_new();
  if (fill(p, err))
    return p;
  plan_free(p);
  return NULL;
}

void plan_free(struct plan *p)
{
  if (!p)
    return;
  struct plan_work *w = p->work;
  scenario_free(p->base);
  design_free(w->table);
  if (w->world)
    hasher_end(w->world);
  if (w->one)
    hasher_end(w->one);
  free(w->whole);
  free(w->whole_seed);
  free(w->warmup_s);
  arena_free(w->arena);
  free(w);
  free(p);
}
