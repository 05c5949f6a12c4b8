/* design.c: grid, zip, list by arithmetic; random, lhs, sobol, halton as a table of numbers in [0, 1).
 *
 * A number u becomes lo + u (hi - lo), lo (hi / lo)^u when logarithmic, or level floor(u n). Draws belong to (seed,
 * factor's name, shift, point), so more points or another factor leave those that were there as they are; only lhs
 * depends on the number of points. Shift of a sequence: u = frac(q + s), s uniform (Cranley and Patterson 1976).
 * Check: the third point of Halton is (3/4, 1/9).
 */
#include "experiments/design.h"
#include "scenarios/study_filter.h"
#include "sim/arena.h"
#include "sim/rng.h"

#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct design_table {
  const struct study_file *file;
  uint64_t n, all;                                      /* points after `where`, and before */
  uint64_t *kept;                                       /* number before `where`; NULL: all */
  uint64_t stride[STUDY_FACTORS];                       /* of a grid */
  double *u;                                            /* [point * n_factors + factor] of a sampled design */
};

/* ---- sampling ---------------------------------------------------------------------------------------------------- */

struct sampling { const struct study_file *file; struct rng_root root; size_t n; int d; uint64_t shift; double *u; };

static void sample_random(const struct sampling *s)
{
  uint64_t purpose = rng_name("study.random");
  for (int k = 0; k < s->d; k++) {
    struct rng stream = rng_open(&s->root, purpose, rng_name(s->file->factor[k].name), s->shift);
    for (size_t i = 0; i < s->n; i++)
      s->u[i * (size_t)s->d + (size_t)k] = rng_uniform(&stream);
  }
}

/* One point in each of n equal strata of every factor (McKay, Beckman and Conover 1979). */
static void sample_lhs(const struct sampling *s)
{
  uint64_t purpose = rng_name("study.lhs");
  size_t d = (size_t)s->d;
  for (size_t k = 0; k < d; k++) {
    struct rng stream = rng_open(&s->root, purpose, rng_name(s->file->factor[k].name), s->shift);
    for (size_t i = 0; i < s->n; i++)
      s->u[i * d + k] = (double)i;
    for (size_t i = s->n; i > 1; i--) {                 /* Fisher and Yates */
      size_t other = rng_below(&stream, i);
      double kept = s->u[(i - 1) * d + k];
      s->u[(i - 1) * d + k] = s->u[other * d + k];
      s->u[other * d + k] = kept;
    }
    for (size_t i = 0; i < s->n; i++)
      s->u[i * d + k] = fmin((s->u[i * d + k] + rng_uniform(&stream)) / (double)s->n, 1 - 0x1p-53);
  }
}

bool design_sequence(enum design design, size_t n, int d, double *u, struct err *err)
{
  const gsl_qrng_type *type = design == DESIGN_SOBOL ? gsl_qrng_sobol : gsl_qrng_halton;
  gsl_qrng *q = d > 0 ? gsl_qrng_alloc(type, (unsigned)d) : NULL;
  size_t first = design == DESIGN_SOBOL && n > 0;
  if (d > 0 && !q)
    return err_system(err, "GSL has no %s sequence in %d dimensions", type->name, d);
  memset(u, 0, first * (size_t)d * sizeof *u);
  for (size_t i = first; i < n && q; i++)
    gsl_qrng_get(q, u + i * (size_t)d);
  gsl_qrng_free(q);
  return true;
}

static bool sample_sequence(const struct sampling *s, struct err *err)
{
  uint64_t purpose = rng_name("study.shift");
  size_t d = (size_t)s->d;
  if (!design_sequence(s->file->design, s->n, s->d, s->u, err))
    return false;
  for (size_t k = 0; k < d; k++) {
    double shift = rng_fresh(&s->root, purpose, rng_name(s->file->factor[k].name), s->shift);
    for (size_t i = 0; i < s->n; i++) {
      double x = s->u[i * d + k] + shift;
      s->u[i * d + k] = x >= 1 ? x - 1 : x;
    }
  }
  return true;
}

static bool sample(struct design_table *t, struct err *err)
{
  const struct study_file *f = t->file;
  size_t n = (size_t)t->all * (size_t)f->n_factors;
  t->u = malloc((n + 1) * sizeof *t->u);
  if (!t->u)
    return err_system(err, "no memory for a design of %llu points", (unsigned long long)t->all);
  for (uint64_t shift = 0; shift < f->shifts; shift++) {
    struct sampling s = {f, rng_root_make(f->seed, 0), (size_t)f->points, f->n_factors, shift,
                         t->u + shift * f->points * (size_t)f->n_factors};
    if (f->design == DESIGN_RANDOM)
      sample_random(&s);
    else if (f->design == DESIGN_LHS)
      sample_lhs(&s);
    else if (!sample_sequence(&s, err))
      return false;
  }
  return true;
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static double drawn_value(const struct factor_def *f, double u)
{
  double hi = f->integer ? f->hi + 1 : f->hi;
  double x = f->log ? f->lo * pow(hi / f->lo, u) : f->lo + u * (hi - f->lo);
  return f->integer ? fmin(floor(x), f->hi) : x;
}

static struct cell cell_before_where(const struct design_table *t, uint64_t i, int factor)
{
  const struct factor_def *f = &t->file->factor[factor];
  if (t->file->design == DESIGN_GRID)
    return (struct cell){.level = (size_t)(i / t->stride[factor] % f->n_levels)};
  if (!t->u)
    return (struct cell){.level = (size_t)i};
  double u = t->u[i * (uint64_t)t->file->n_factors + (uint64_t)factor];
  if (f->n_levels)
    return (struct cell){.level = (size_t)(u * (double)f->n_levels)};
  return (struct cell){.drawn = true, .value = drawn_value(f, u)};
}

struct cell design_cell(const struct design_table *t, uint64_t point, int factor)
{
  return cell_before_where(t, t->kept ? t->kept[point] : point, factor);
}

/* Nine digits: short enough to be read, and what is written is what is run. */
const char *cell_text(const struct factor_def *f, struct cell c, char buffer[CELL_TEXT])
{
  if (!c.drawn)
    return f->level[c.level];
  snprintf(buffer, CELL_TEXT, "%.*g%s%.100s", f->integer ? 17 : 9, c.value, *f->unit ? " " : "", f->unit);
  return buffer;
}

uint64_t design_points(const struct design_table *t)
{
  return t->n;
}

/* ---- where ------------------------------------------------------------------------------------------------------- */

struct where_work { const struct filter *filter; struct operand *level[STUDY_FACTORS], value[STUDY_FACTORS]; };

static void operands_of_levels(struct where_work *w, const struct study_file *f, struct arena *a)
{
  for (int k = 0; k < f->n_factors; k++) {
    const struct factor_def *factor = &f->factor[k];
    w->level[k] = arena_array(a, struct operand, factor->n_levels + 1);
    for (size_t i = 0; i < factor->n_levels; i++)
      w->level[k][i] = operand_of(factor->level[i]);
  }
}

static bool keeps(struct where_work *w, const struct design_table *t, uint64_t i)
{
  char buffer[STUDY_FACTORS][CELL_TEXT];
  for (int k = 0; k < t->file->n_factors; k++) {
    struct cell c = cell_before_where(t, i, k);
    w->value[k] = c.drawn ? operand_of(cell_text(&t->file->factor[k], c, buffer[k])) : w->level[k][c.level];
  }
  return filter_keeps(w->filter, w->value);
}

static bool apply_where(struct design_table *t, struct err *err)
{
  struct arena *a = arena_new();
  const struct study_file *f = t->file;
  struct where_work *w = arena_alloc(a, sizeof *w);
  w->filter = filter_parse(a, f->where, f->where_at, f->factor, f->n_factors, err);
  t->kept = malloc((size_t)(t->all + 1) * sizeof *t->kept);
  bool ok = w->filter && (t->kept || err_system(err, "no memory for %llu points", (unsigned long long)t->all));
  operands_of_levels(w, f, a);
  t->n = 0;
  for (uint64_t i = 0; ok && i < t->all; i++)
    if (keeps(w, t, i))
      t->kept[t->n++] = i;
  arena_free(a);
  if (ok && t->n == 0)
    ok = err_add(err, f->where_at, "an empty design: `where` keeps none of %llu points", (unsigned long long)t->all);
  return ok;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

double design_size(const struct study_file *f)
{
  double n = 1;
  if (f->design >= DESIGN_RANDOM)
    return (double)f->points * (double)f->shifts;
  if (f->design != DESIGN_GRID)
    return f->n_factors ? (double)f->factor[0].n_levels : 1;
  for (int k = 0; k < f->n_factors; k++)
    n *= (double)f->factor[k].n_levels;
  return n;
}

struct design_table *design_new(const struct study_file *f, struct err *err)
{
  struct design_table *t = calloc(1, sizeof *t);
  uint64_t stride = 1;
  if (!t) {
    err_system(err, "no memory");
    return NULL;
  }
  t->file = f;
  t->n = t->all = (uint64_t)design_size(f);
  for (int k = f->n_factors - 1; k >= 0 && f->design == DESIGN_GRID; k--) {
    t->stride[k] = stride;
    stride *= f->factor[k].n_levels;
  }
  bool ok = f->design < DESIGN_RANDOM || sample(t, err);
  if (ok && f->where)
    ok = apply_where(t, err);
  if (ok)
    return t;
  design_free(t);
  return NULL;
}

void design_free(struct design_table *t)
{
  if (!t)
    return;
  free(t->kept);
  free(t->u);
  free(t);
}
