/* amount.c: bytes, FLOP and tokens of a request cannot be negative: which expressions could be, before anything runs.
 *
 * Interval arithmetic over the supports of the attributes: [a, b] - [c, d] = [a - d, b - c], and so on (Moore 1966).
 * It is exact where each uncertain attribute is read once; where one is read more often (x - x / 2), only an attribute
 * that is negative itself counts, and the rest is left to the run, which refuses the request. Rows of a trace are known:
 * they are computed one by one. Checkable: 100 B - 20 B * x with x uniform on 1 to 8 goes down to -60 B.
 */
#include "scenarios/build.h"

#include "models/workload.h"
#include <math.h>
#include <string.h>

struct range { double lo, hi; };

/* ---- supports -------------------------------------------------------------------------------------------------- */

static bool is_kind(const struct dist *d, const char *name)
{
  return !strcmp(d->kind->name, name);
}

static struct range support(const struct dist *);

static struct range support_of_parts(const struct dist *d)
{
  struct range all = support(d->part[0]);
  if (is_kind(d, "shifted"))
    return (struct range){all.lo + d->p[0], all.hi + d->p[0]};
  for (size_t i = 1; i < d->n; i++) {
    struct range one = support(d->part[i]);
    all = (struct range){fmin(all.lo, one.lo), fmax(all.hi, one.hi)};
  }
  return all;
}

static struct range support_of_values(const struct dist *d)
{
  struct range all = {d->value[0], d->value[0]};
  for (size_t i = 1; i < d->n; i++)
    all = (struct range){fmin(all.lo, d->value[i]), fmax(all.hi, d->value[i])};
  return all;
}

static struct range support(const struct dist *d)
{
  if (dist_is_constant(d))
    return (struct range){dist_mean(d), dist_mean(d)};
  if (is_kind(d, "uniform"))
    return (struct range){d->p[0], d->p[1]};
  if (is_kind(d, "empirical"))
    return support_of_values(d);
  if (is_kind(d, "mixture") || is_kind(d, "shifted"))
    return support_of_parts(d);
  if (is_kind(d, "zipf"))
    return (struct range){1, INFINITY};
  double least = is_kind(d, "pareto") ? d->p[0] : is_kind(d, "normal") ? d->p[2] : 0;
  return (struct range){dist_cdf(d, -1e-300) > 0 ? least : fmax(least, 0), INFINITY};
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------ */

/* 0 * infinity is 0: infinity stands for "however large". */
static double times(double a, double b)
{
  return a == 0 || b == 0 ? 0 : a * b;
}

static struct range product(struct range a, struct range b)
{
  double w = times(a.lo, b.lo), x = times(a.lo, b.hi), y = times(a.hi, b.lo), z = times(a.hi, b.hi);
  return (struct range){fmin(fmin(w, x), fmin(y, z)), fmax(fmax(w, x), fmax(y, z))};
}

static struct range inverse(struct range a)
{
  if (a.lo < 0 && a.hi > 0)
    return (struct range){-INFINITY, INFINITY};
  if (a.hi <= 0 && a.lo < 0)
    return (struct range){a.hi < 0 ? 1 / a.hi : -INFINITY, 1 / a.lo};
  return (struct range){1 / a.hi, a.lo > 0 ? 1 / a.lo : INFINITY};
}

static struct range combine(enum expr_kind kind, struct range a, struct range b)
{
  switch (kind) {
  case EXPR_ADD: return (struct range){a.lo + b.lo, a.hi + b.hi};
  case EXPR_SUBTRACT: return (struct range){a.lo - b.hi, a.hi - b.lo};
  case EXPR_MULTIPLY: return product(a, b);
  case EXPR_DIVIDE: return product(a, inverse(b));
  case EXPR_MIN: return (struct range){fmin(a.lo, b.lo), fmin(a.hi, b.hi)};
  case EXPR_MAX: return (struct range){fmax(a.lo, b.lo), fmax(a.hi, b.hi)};
  default: return (struct range){0, 1};                 /* conditions */
  }
}

static struct range compute(const struct expr *e, const struct range *attribute)
{
  struct range stack[EXPR_STACK] = {{0, 0}};
  int depth = 0;
  for (const struct expr_op *o = e->op; o < e->op + e->n; o++) {
    if (o->kind == EXPR_NUMBER)
      stack[depth++] = (struct range){o->number, o->number};
    else if (o->kind == EXPR_ATTRIBUTE)
      stack[depth++] = attribute[o->attribute];
    else if (o->kind >= EXPR_NEGATE)
      stack[depth - 1] = o->kind == EXPR_NOT ? (struct range){0, 1} : (struct range){-stack[depth - 1].hi, -stack[depth - 1].lo};
    else
      depth--, stack[depth - 1] = combine(o->kind, stack[depth - 1], stack[depth]);
  }
  return stack[0];
}

/* ---- attributes of the class ----------------------------------------------------------------------------------- */

static const double *column_of(const struct build *b, int attribute)
{
  const struct trace_def *t = b->arrivals->trace;
  for (int k = 0; t && t->table && k < t->n_columns; k++)
    if (!b->attribute[attribute].dist && !strcmp(t->column[k].attribute, b->attribute[attribute].name))
      return t->table->column[k];
  return NULL;
}

static struct range range_of_fit(const struct workload_fit *f, const char *name)
{
  struct range all = {INFINITY, -INFINITY};
  for (int c = 0; c < f->n_columns; c++)
    for (int s = 0; s < f->n_strata && !strcmp(f->column[c], name); s++) {
      const double *grid = f->quantile + (s * f->n_columns + c) * f->n_quantiles;
      all = (struct range){fmin(all.lo, grid[0]), fmax(all.hi, grid[f->n_quantiles - 1])};
    }
  return all.lo <= all.hi ? all : (struct range){0, INFINITY};
}

static struct range range_of(const struct build *b, int attribute)
{
  const struct attribute_def *a = &b->attribute[attribute];
  const double *column = column_of(b, attribute);
  if (a->produced)
    return (struct range){a->low, a->high};
  if (a->dist)
    return support(a->dist);
  if (a->of_session)
    return (struct range){!strcmp(a->name, "state_place") || !strcmp(a->name, "state_member") ? -1 : 0, INFINITY};
  if (!column)
    return b->arrivals->like ? range_of_fit(b->arrivals->like, a->name) : (struct range){0, INFINITY};
  struct range all = {INFINITY, -INFINITY};
  for (uint64_t i = 0; i < b->arrivals->trace->table->n; i++)
    all = (struct range){fmin(all.lo, column[i]), fmax(all.hi, column[i])};
  return all;
}

/* ---- the check ------------------------------------------------------------------------------------------------- */

static bool is_negative(double x)
{
  return x < -1e-9;
}

/* Each attribute at most once, and a fit's columns, which depend on each other, alone. */
static bool is_exact(const struct build *b, const struct expr *e)
{
  uint64_t seen = 0;
  int fitted = 0;
  for (const struct expr_op *o = e->op; o < e->op + e->n; o++) {
    if (o->kind != EXPR_ATTRIBUTE || column_of(b, o->attribute))
      continue;
    if (seen >> o->attribute & 1)
      return false;
    seen |= UINT64_C(1) << o->attribute;
    fitted += !b->attribute[o->attribute].dist;
  }
  return fitted < 2;
}

/* The smallest value over the rows; columns are set row by row, the rest stays a range. */
static double least_of_rows(const struct build *b, const struct expr *e, struct range *attribute)
{
  const double *column[MAX_ATTRIBUTES];
  double least = INFINITY;
  for (int k = 0; k < b->n_attributes; k++)
    column[k] = e->reads >> k & 1 ? column_of(b, k) : NULL;
  for (uint64_t i = 0; i < b->arrivals->trace->table->n; i++) {
    for (int k = 0; k < b->n_attributes; k++)
      if (column[k])
        attribute[k] = (struct range){column[k][i], column[k][i]};
    least = fmin(least, compute(e, attribute).lo);
  }
  return least;
}

static const char *down_to(struct build *b, double least)
{
  return isinf(least) ? "without end" : arena_printf(b->arena, "to %.6g", least);
}

/* " (row 2 of trace.csv)" for a column. */
static const char *first_row(struct build *b, int attribute)
{
  const double *column = column_of(b, attribute);
  const struct trace_def *t = b->arrivals->trace;
  uint64_t row = 0;
  if (!column)
    return "";
  while (row < t->table->n && !is_negative(column[row]))
    row++;
  const char *kept = t->table->n < t->table->rows_read ? " of those kept" : "";
  return arena_printf(b->arena, " (first in row %llu%s of %.200s)", (unsigned long long)row + 1, kept, t->asked);
}

/* The attribute is to blame where it is negative itself: told once, where it is written. */
static bool blame_attribute(struct build *b, const char *text, const struct expr *e, const struct range *attribute)
{
  for (int k = 0; k < b->n_attributes; k++) {
    if (!(e->reads >> k & 1) || !is_negative(attribute[k].lo))
      continue;
    if (!(b->negative >> k & 1))
      err_add(b->err, b->attribute_at[k], "'%s' goes down %s%s, and '%.60s' reads it as an amount, which cannot be "
              "negative", b->attribute[k].name, down_to(b, attribute[k].lo), first_row(b, k), text);
    b->negative |= UINT64_C(1) << k;
    return true;
  }
  return false;
}

void amount_check(struct build *b, const struct expr *e, const char *text, struct where at)
{
  struct range attribute[MAX_ATTRIBUTES] = {{0, 0}}, whole[MAX_ATTRIBUTES];
  bool rows = false;
  for (int k = 0; k < b->n_attributes; k++)
    if (e->reads >> k & 1) {
      attribute[k] = range_of(b, k);
      rows |= column_of(b, k) != NULL;
    }
  double least = e->n ? compute(e, attribute).lo : 0;
  if (!is_negative(least))
    return;
  memcpy(whole, attribute, sizeof whole);
  if (rows)
    least = least_of_rows(b, e, whole);
  if (!is_negative(least) || blame_attribute(b, text, e, attribute) || !is_exact(b, e))
    return;
  err_add(b->err, at, "'%.60s' goes down %s, and an amount cannot be negative", text, down_to(b, least));
}
