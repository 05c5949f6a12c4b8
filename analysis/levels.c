/* A study over one factor: curves and their crossings (levels.h). */
#include "analysis/levels.h"
#include "analysis/compare_stats.h"
#include "analysis/gp.h"
#include "analysis/plot.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONFIDENCE = .95;

/* ---- the axis ---------------------------------------------------------------------------------------------------- */

/* All levels are numbers of one unit; *unit points into the first one. */
static bool is_axis(const struct factor *f, const char **unit)
{
  *unit = "";
  for (size_t k = 0; k < f->n_levels; k++) {
    char *end;
    strtod(f->level[k], &end);
    if (end == f->level[k]) return false;
    while (*end == ' ') end++;
    if (k && strcmp(end, *unit)) return false;
    *unit = end;
  }
  return f->n_levels > 1;
}

static bool no_axis(const struct points *p, size_t found, const char *asked, struct err *err)
{
  struct text list = {0};
  const char *unit, **name = grab(p->n_factors, sizeof *name);
  size_t n = 0;
  for (size_t f = 0; f < p->n_factors; f++)
    if (is_axis(&p->factor[f], &unit)) name[n++] = p->factor[f].name, text_add(&list, "%s%s", n > 1 ? ", " : "", p->factor[f].name);
  const char *near = asked ? nearest(asked, name, n) : NULL;
  if (!n) err_add(err, (struct where){0}, "%s has no factor of two or more numbers in one unit to go along", p->dir);
  else if (near) err_add(err, (struct where){0}, "'%s' is no factor of numbers; did you mean '%s'?", asked, near);
  else if (asked) err_add(err, (struct where){0}, "'%s' is no factor of numbers; there are %s", asked, list.s);
  else err_add(err, (struct where){0}, "%zu factors are numbers: say which (--factor %s)", found, list.s);
  free(list.s);
  free(name);
  return false;
}

static bool choose_factor(struct levels *l, const char *name, struct err *err)
{
  const struct points *p = l->points;
  size_t found = 0;
  const char *unit;
  for (size_t f = 0; f < p->n_factors; f++) {
    if ((name && strcmp(name, p->factor[f].name)) || !is_axis(&p->factor[f], &unit)) continue;
    found++, l->factor = f, l->unit = unit;
  }
  return found == 1 || no_axis(p, found, name, err);
}

struct step { size_t level; double x; };
static int by_x(const void *a, const void *b)
{
  const struct step *s = a, *t = b;
  return (s->x > t->x) - (s->x < t->x);
}

static void order_levels(struct levels *l)
{
  const struct factor *f = &l->points->factor[l->factor];
  struct step *step = grab(f->n_levels, sizeof *step);
  for (size_t k = 0; k < f->n_levels; k++) step[k] = (struct step){k, strtod(f->level[k], NULL)};
  qsort(step, f->n_levels, sizeof *step, by_x);
  l->n = f->n_levels, l->level = grab(l->n, sizeof *l->level), l->x = grab(l->n, sizeof *l->x);
  for (size_t k = 0; k < l->n; k++) l->level[k] = step[k].level, l->x[k] = step[k].x;
  l->logarithmic = l->x[0] > 0;
  free(step);
}

/* ---- curves ------------------------------------------------------------------------------------------------------ */

static bool same_others(const struct levels *l, size_t a, size_t b)
{
  const struct points *p = l->points;
  for (size_t f = 0; f < p->n_factors; f++)
    if (f != l->factor && p->level[a * p->n_factors + f] != p->level[b * p->n_factors + f]) return false;
  return true;
}

static bool varies(const struct points *p, size_t f)
{
  for (size_t i = 1; i < p->n_points; i++)
    if (p->level[i * p->n_factors + f] != p->level[f]) return true;
  return false;
}

/* Does a level of factor g say which level of f it is, at all points? Then f tells nothing more. */
static bool follows(const struct points *p, size_t f, size_t g)
{
  for (size_t i = 0; i < p->n_points; i++)
    for (size_t j = 0; j < i; j++) {
      const size_t *a = &p->level[i * p->n_factors], *b = &p->level[j * p->n_factors];
      if (a[g] == b[g] && a[f] != b[f]) return false;
    }
  return true;
}

static bool tells(const struct levels *l, size_t f)
{
  const struct points *p = l->points;
  bool new = f != l->factor && varies(p, f);
  for (size_t g = 0; g < f; g++) new = new && (g == l->factor || !follows(p, f, g));
  return new;
}

/* "policy, strong": what of the other factors tells curves apart, words alone, numbers with their factor. */
static char *curve_name(const struct levels *l, size_t policy, size_t point)
{
  const struct points *p = l->points;
  struct text t = {0};
  if (p->n_policies > 1) text_put(&t, p->policy[policy]);
  for (size_t f = 0; f < p->n_factors; f++) {
    size_t level = p->level[point * p->n_factors + f];
    if (level == SIZE_MAX || !tells(l, f)) continue;
    const char *word = p->factor[f].level[level];
    bool number = (*word >= '0' && *word <= '9') || *word == '.' || *word == '-';
    text_add(&t, "%s%s%s%s", t.n ? ", " : "", number ? p->factor[f].name : "", number ? "=" : "", word);
  }
  if (!t.n) text_put(&t, p->policy[policy]);
  return t.s;
}

static size_t place_on_axis(const struct levels *l, size_t point)
{
  size_t level = l->points->level[point * l->points->n_factors + l->factor], k = 0;
  while (k < l->n && l->level[k] != level) k++;
  return k;
}

static struct curve *curve_of(struct levels *l, size_t policy, size_t point)
{
  for (size_t c = 0; c < l->n_curves; c++) {
    size_t k = 0;
    while (k < l->n && l->curve[c].point[k] == SIZE_MAX) k++;
    if (l->curve[c].policy == policy && same_others(l, l->curve[c].point[k], point)) return &l->curve[c];
  }
  l->curve = grab_more(l->curve, l->n_curves + 1, sizeof *l->curve);
  struct curve *c = &l->curve[l->n_curves++];
  *c = (struct curve){policy, curve_name(l, policy, point), grab(l->n, sizeof *c->point)};
  for (size_t k = 0; k < l->n; k++) c->point[k] = SIZE_MAX;
  return c;
}

static bool is_asked(const char *name, const char *const *policy, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(name, policy[i])) return true;
  return !n;
}

static void find_curves(struct levels *l, const char *const *policy, size_t n_policies)
{
  const struct points *p = l->points;
  for (size_t i = 0; i < p->n_policies; i++)
    for (size_t point = 0; point < p->n_points; point++) {
      size_t k = place_on_axis(l, point);
      if (k < l->n && points_cell(p, point, i)->n && is_asked(p->policy[i], policy, n_policies))
        curve_of(l, i, point)->point[k] = point;
    }
}

/* Of a curve at a level; NULL = was not run there. */
static const struct point_cell *cell_of(const struct levels *l, size_t curve, size_t k)
{
  const struct curve *c = &l->curve[curve];
  return c->point[k] == SIZE_MAX ? NULL : points_cell(l->points, c->point[k], c->policy);
}

/* ---- crossings --------------------------------------------------------------------------------------------------- */

static size_t best_curve(const struct levels *l, size_t k)
{
  size_t best = SIZE_MAX;
  double least = INFINITY;
  for (size_t c = 0; c < l->n_curves; c++) {
    const struct point_cell *cell = cell_of(l, c, k);
    double cost = cell ? cell->interval.value * (l->points->metric->better > 0 ? -1 : 1) : (double)NAN;
    if (cost < least) least = cost, best = c;
  }
  return best;
}

static bool value_at(const struct point_cell *c, uint64_t replication, double *x)
{
  for (size_t i = 0; c && i < c->n; i++)
    if (c->replication[i] == replication) return *x = c->x[i], true;
  return false;
}

/* Where a - b changes its sign in this replication; how often it does. */
static size_t zeros_of(const struct levels *l, const struct crossing *c, uint64_t replication, double *at)
{
  size_t n = 0;
  double before = 0, x_before = 0, a, b;
  for (size_t k = 0; k < l->n; k++) {
    if (!value_at(cell_of(l, c->before, k), replication, &a) || !value_at(cell_of(l, c->after, k), replication, &b)) continue;
    double x = l->logarithmic ? log(l->x[k]) : l->x[k], d = a - b;
    if ((before < 0 && d > 0) || (before > 0 && d < 0)) n++, *at = x_before + (x - x_before) * before / (before - d);
    if (d < 0 || d > 0) before = d, x_before = x;
  }
  return n;
}

static void find_crossing(const struct levels *l, struct crossing *c)
{
  const struct point_cell *cell = cell_of(l, c->before, c->level);
  double *at = grab(cell->n, sizeof *at), other;
  for (size_t i = 0; i < cell->n; i++) {
    if (!value_at(cell_of(l, c->after, c->level), cell->replication[i], &other)) continue;
    c->runs++;
    if (zeros_of(l, c, cell->replication[i], &at[c->clear]) == 1) c->clear++;
  }
  c->at = comparison_interval(at, c->clear, CONFIDENCE);
  if (l->logarithmic) c->at.value = exp(c->at.value), c->at.lo = exp(c->at.lo), c->at.hi = exp(c->at.hi);
  if (c->clear < c->runs) c->at.lo = c->at.hi = NAN;
  if (!c->clear) c->at.value = NAN;
  free(at);
}

/* Is curve a better than b at a level, by more than the practical margin? */
static bool is_ahead(const struct levels *l, size_t a, size_t b, size_t k)
{
  const struct point_cell *x = cell_of(l, a, k), *y = cell_of(l, b, k);
  if (!x || !y) return x != NULL;
  double lead = (x->interval.value - y->interval.value) * l->points->metric->better;
  return lead > l->points->margin * fabs(y->interval.value);
}

/* The curves change sides when each was ahead, one up to level k, the other after it: between two that are all but equal chance
 * alone says which is the better one. */
static bool change_sides(const struct levels *l, size_t before, size_t after, size_t k)
{
  bool led = false;
  for (size_t i = 0; i < k; i++) led = led || is_ahead(l, before, after, i);
  return led;
}

static void find_crossings(struct levels *l)
{
  size_t before = SIZE_MAX;
  for (size_t k = 0; k < l->n && l->points->metric->better; k++) {
    size_t best = best_curve(l, k);
    if (k && best != before && best != SIZE_MAX && before != SIZE_MAX) {
      if (!is_ahead(l, best, before, k)) continue;
      if (!change_sides(l, before, best, k)) {
        before = best;
        continue;
      }
      l->crossing = grab_more(l->crossing, l->n_crossings + 1, sizeof *l->crossing);
      l->crossing[l->n_crossings] = (struct crossing){.before = before, .after = best, .level = k - 1};
      find_crossing(l, &l->crossing[l->n_crossings++]);
    }
    before = best;
  }
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

struct levels *levels_new(const struct points *p, const char *factor, const char *const *policy, size_t n_policies,
                          struct err *err)
{
  struct levels *l = grab(1, sizeof *l);
  l->points = p;
  if (!choose_factor(l, factor, err)) return levels_free(l), NULL;
  order_levels(l);
  find_curves(l, policy, n_policies);
  if (!l->n_curves) {
    err_add(err, (struct where){0}, "none of these policies has a value of %s", p->metric->name);
    return levels_free(l), NULL;
  }
  find_crossings(l);
  return l;
}

void levels_free(struct levels *l)
{
  if (!l) return;
  for (size_t c = 0; c < l->n_curves; c++) free(l->curve[c].name), free(l->curve[c].point);
  free(l->curve);
  free(l->crossing);
  free(l->level);
  free(l->x);
  free(l);
}

static const char *axis_name(const struct levels *l) { return l->points->factor[l->factor].name; }

static void crossing_text(const struct levels *l, const struct crossing *c, struct text *t)
{
  const char *gap = *l->unit ? " " : "";
  text_add(t, "%s = %s%s%s", axis_name(l), number_text(c->at.value).s, gap, l->unit);
  if (isfinite(c->at.lo)) text_add(t, " [%s, %s]", number_text(c->at.lo).s, number_text(c->at.hi).s);
  else text_add(t, " (no interval: in %zu of %zu replications they cross once)", c->clear, c->runs);
}

static void print_curves(const struct levels *l, FILE *f)
{
  struct table *t = table_new(l->n_curves + 1);
  table_cell(t, "%s%s%s", axis_name(l), *l->unit ? ", " : "", l->unit);
  for (size_t c = 0; c < l->n_curves; c++) table_cell(t, "%s", l->curve[c].name);
  table_rule(t);
  for (size_t k = 0; k < l->n; k++) {
    size_t best = l->points->metric->better ? best_curve(l, k) : SIZE_MAX;
    table_cell(t, "%s", number_text(l->x[k]).s);
    for (size_t c = 0; c < l->n_curves; c++) {
      const struct point_cell *cell = cell_of(l, c, k);
      table_cell(t, "%s%s", cell ? interval_text(cell->interval, "\u00b1").s : "-", c == best ? " *" : "");
    }
  }
  table_print(t, f, 1);
}

static bool is_best_throughout(const struct levels *l, size_t curve)
{
  bool best = true;
  for (size_t k = 0; k < l->n; k++) best = best && best_curve(l, k) == curve;
  return best;
}

void levels_print(const struct levels *l, FILE *f)
{
  const struct metric_info *m = l->points->metric;
  fprintf(f, "%s: %s (%s) over %s\n\n", l->points->study, m->name, m->unit, axis_name(l));
  print_curves(l, f);
  fputc('\n', f);
  for (size_t i = 0; i < l->n_crossings; i++) {
    struct text t = {0};
    crossing_text(l, &l->crossing[i], &t);
    fprintf(f, "%s is best up to %s, then %s\n", l->curve[l->crossing[i].before].name, t.s, l->curve[l->crossing[i].after].name);
    free(t.s);
  }
  size_t always = m->better && !l->n_crossings ? best_curve(l, 0) : SIZE_MAX;
  if (always != SIZE_MAX && is_best_throughout(l, always)) fprintf(f, "%s is best at all levels\n", l->curve[always].name);
  else if (always != SIZE_MAX)
    fprintf(f, "no crossing: where the best one changes, the two are within the margin of %g %%\n", 100 * l->points->margin);
  fputs("* best there; 95 %, crossings paired by replication\n", f);
}

static json *curve_json(const struct levels *l, size_t c)
{
  json *j = json_new_object(), *at = json_new_array();
  json_put_string(j, "name", l->curve[c].name);
  for (size_t k = 0; k < l->n; k++) {
    const struct point_cell *cell = cell_of(l, c, k);
    if (!cell) continue;
    json *v = interval_json(cell->interval);
    json_push(at, json_put_number(v, "level", l->x[k]));
  }
  return json_put(j, "levels", at);
}

json *levels_json(const struct levels *l)
{
  json *j = json_new_object(), *curves = json_new_array(), *crossings = json_new_array();
  json_put_string(j, "study", l->points->study);
  json_put_string(j, "metric", l->points->metric->name);
  json_put_string(j, "factor", axis_name(l));
  json_put_string(j, "unit", l->unit);
  for (size_t c = 0; c < l->n_curves; c++) json_push(curves, curve_json(l, c));
  for (size_t i = 0; i < l->n_crossings; i++) {
    const struct crossing *c = &l->crossing[i];
    json *x = interval_json(c->at);
    json_put_string(x, "before", l->curve[c->before].name);
    json_put_string(x, "after", l->curve[c->after].name);
    json_put_int(x, "replications", (int64_t)c->runs);
    json_push(crossings, json_put_int(x, "cross_once", (int64_t)c->clear));
  }
  json_put(j, "curves", curves);
  return json_put(j, "crossings", crossings);
}

/* ---- the figure -------------------------------------------------------------------------------------------------- */

static void put_curves(const struct levels *l, struct figure *f)
{
  text_add(&f->head, "n = %zu\narray name[%zu] = [", l->n_curves, l->n_curves);
  for (size_t c = 0; c < l->n_curves; c++) {
    text_put(&f->head, c ? ", " : "");
    gp_tick(&f->head, l->curve[c].name);
    for (size_t k = 0; k < l->n; k++) {
      const struct point_cell *cell = cell_of(l, c, k);
      if (!cell || !isfinite(cell->interval.value)) continue;
      const struct interval *i = &cell->interval;
      bool wide = isfinite(i->lo) && isfinite(i->hi);
      text_add(&f->data, "%.10g %.10g %.10g %.10g\n", l->x[k], i->value, wide ? i->lo : i->value, wide ? i->hi : i->value);
    }
    text_put(&f->data, "NaN NaN NaN NaN\n\n\n");
  }
  text_put(&f->head, "]\n");
}

/* Values all positive, and too far apart to be told on a linear axis. */
static bool is_wide(const struct levels *l)
{
  double least = INFINITY, most = 0;
  for (size_t c = 0; c < l->n_curves; c++)
    for (size_t k = 0; k < l->n; k++) {
      const struct point_cell *cell = cell_of(l, c, k);
      if (!cell || !isfinite(cell->interval.value)) continue;
      least = fmin(least, fmin(cell->interval.value, isnan(cell->interval.lo) ? (double)INFINITY : cell->interval.lo));
      most = fmax(most, cell->interval.value);
    }
  return least > 0 && most > 30 * least;
}

static void put_crossings(const struct levels *l, struct figure *f)
{
  size_t n = 0;
  for (size_t i = 0; i < l->n_crossings; i++) {
    const struct crossing *c = &l->crossing[i];
    if (!isfinite(c->at.value)) continue;
    struct text t = {0}, name = {0};
    text_add(&name, "cross_name_%zu", ++n);
    crossing_text(l, c, &t);
    figure_text(f, name.s, t.s);
    text_add(&f->head, "cross_at_%zu = %.10g\n", n, c->at.value);
    text_add(&f->head, "cross_lo_%zu = %.10g\n", n, isfinite(c->at.lo) ? c->at.lo : c->at.value);
    text_add(&f->head, "cross_hi_%zu = %.10g\n", n, isfinite(c->at.hi) ? c->at.hi : c->at.value);
    free(t.s);
    free(name.s);
  }
  figure_number(f, "n_crossings", (double)n);
}

/* Three levels or more at equal distances, as 0.1, 0.2 ... 0.9. */
static bool is_even(const struct levels *l)
{
  double step = (l->x[l->n - 1] - l->x[0]) / (double)(l->n - 1);
  for (size_t k = 1; k < l->n; k++)
    if (fabs(l->x[k] - l->x[k - 1] - step) > .01 * fabs(step)) return false;
  return l->n > 2;
}

bool levels_plot(const struct levels *l, const char *out, const char *scripts, struct err *err)
{
  struct figure f = {.kind = "levels"};
  struct text x = {0}, y = {0};
  text_add(&x, *l->unit ? "%s (%s)" : "%s", axis_name(l), l->unit);
  text_add(&y, "%s (%s)", l->points->metric->name, l->points->metric->unit);
  figure_text(&f, "x_label", x.s);
  figure_text(&f, "y_label", y.s);
  figure_number(&f, "x_log", l->logarithmic && l->x[l->n - 1] > 8 * l->x[0] && !is_even(l));
  figure_number(&f, "x_lo", l->x[0]);
  figure_number(&f, "x_hi", l->x[l->n - 1]);
  figure_number(&f, "y_log", is_wide(l));
  put_curves(l, &f);
  put_crossings(l, &f);
  bool ok = figure_write(&f, out, scripts, err);
  figure_release(&f);
  free(x.s);
  free(y.s);
  return ok;
}
