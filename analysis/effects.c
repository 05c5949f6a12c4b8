/* effects.c: main effects and two-factor interactions by matched sets of points.
 *
 * Box, Hunter and Hunter, Statistics for Experimenters, 1978, ch. 10; Law, Simulation Modeling and Analysis, 12.2. Check:
 * their pilot plant, yields 60 72 54 68 52 83 45 80 in the order of temperature, concentration, catalyst: effects 23, -5,
 * 1.5, interactions 1.5, 10, 0.
 */
#include "analysis/effects.h"
#include "analysis/compare_stats.h"
#include "analysis/stat_tests.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EFFECTS = 100000 };
static const double CONFIDENCE = .95;

/* One policy: y[point x n + r] of the replications that all of its points have; `order` sorts the points by levels. */
struct layout {
  const struct points *p;
  size_t policy, n, *order; uint64_t *replication; double *y; bool *has;
  size_t *key;                                          /* levels of a point that is looked for */
};

/* ---- finding points -----------------------------------------------------------------------------------------------
 */

static int compare_rows(const size_t *a, const size_t *b, size_t n)
{
  for (size_t f = 0; f < n; f++)
    if (a[f] != b[f]) return a[f] < b[f] ? -1 : 1;
  return 0;
}

static const size_t *row_of(const struct points *p, size_t point) { return &p->level[point * p->n_factors]; }

static int by_levels(const void *a, const void *b, void *points)
{
  const struct points *p = points;
  return compare_rows(row_of(p, *(const size_t *)a), row_of(p, *(const size_t *)b), p->n_factors);
}

/* The point with the levels of l->key that this policy has run; SIZE_MAX = none. */
static size_t find_point(const struct layout *l)
{
  const struct points *p = l->p;
  size_t low = 0, high = p->n_points;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare_rows(row_of(p, l->order[middle]), l->key, p->n_factors) < 0) low = middle + 1;
    else high = middle;
  }
  if (low == p->n_points || compare_rows(row_of(p, l->order[low]), l->key, p->n_factors)) return SIZE_MAX;
  return l->has[l->order[low]] ? l->order[low] : SIZE_MAX;
}

/* `point` with one or two factors at their first level. */
static size_t mate(const struct layout *l, size_t point, size_t factor, size_t other)
{
  memcpy(l->key, row_of(l->p, point), l->p->n_factors * sizeof *l->key);
  if (factor != SIZE_MAX) l->key[factor] = 0;
  if (other != SIZE_MAX) l->key[other] = 0;
  return find_point(l);
}

/* ---- values -------------------------------------------------------------------------------------------------------
 */

static size_t index_of(const struct point_cell *c, uint64_t replication, size_t near)
{
  return compare_find(c->replication, c->n, replication, near);
}

/* Replications that every point of the policy has. */
static void common_replications(struct layout *l)
{
  const struct points *p = l->p;
  bool first = true;
  for (size_t i = 0; i < p->n_points; i++) {
    const struct point_cell *c = points_cell(p, i, l->policy);
    l->has[i] = c->n && !c->needs;
    if (!l->has[i]) continue;
    if (first) {
      l->replication = grab(c->n, sizeof *l->replication);
      l->n = c->n;
      memcpy(l->replication, c->replication, c->n * sizeof *c->replication);
    }
    size_t kept = 0;
    for (size_t r = 0; r < l->n; r++)
      if (index_of(c, l->replication[r], r) < c->n) l->replication[kept++] = l->replication[r];
    l->n = kept;
    first = false;
  }
}

static struct layout layout_of(const struct points *p, size_t policy, size_t *order)
{
  struct layout l = {.p = p, .policy = policy, .order = order, .has = grab(p->n_points, sizeof *l.has),
                     .key = grab(p->n_factors, sizeof *l.key)};
  common_replications(&l);
  l.y = grab(p->n_points * l.n + 1, sizeof *l.y);
  for (size_t i = 0; i < p->n_points; i++)
    for (size_t r = 0; l.has[i] && r < l.n; r++) {
      const struct point_cell *c = points_cell(p, i, policy);
      l.y[i * l.n + r] = c->x[index_of(c, l.replication[r], r)];
    }
  return l;
}

static void layout_release(struct layout *l)
{
  free(l->has);
  free(l->key);
  free(l->y);
  free(l->replication);
}

static void add_times(const struct layout *l, double *sum, size_t point, double times)
{
  for (size_t r = 0; r < l->n; r++) sum[r] += times * l->y[point * l->n + r];
}

/* Adds the set that `point` is the far corner of; false when a corner is missing. */
static bool add_set(const struct layout *l, const struct effect *e, size_t point, double *sum)
{
  size_t a = mate(l, point, e->factor, SIZE_MAX);
  if (a == SIZE_MAX) return false;
  if (e->other == SIZE_MAX) {
    add_times(l, sum, point, 1);
    add_times(l, sum, a, -1);
    return true;
  }
  size_t b = mate(l, point, SIZE_MAX, e->other), both = mate(l, point, e->factor, e->other);
  if (b == SIZE_MAX || both == SIZE_MAX) return false;
  add_times(l, sum, point, .5);
  add_times(l, sum, a, -.5);
  add_times(l, sum, b, -.5);
  add_times(l, sum, both, .5);
  return true;
}

/* What rounding leaves of a difference of equal numbers is no effect. */
static bool drop_rounding(double *sum, size_t n, double size)
{
  bool zero = true;
  for (size_t r = 0; r < n; r++) {
    if (fabs(sum[r]) <= 1e-12 * size) sum[r] = 0;
    zero = zero && sum[r] == 0;
  }
  return zero;
}

static void measure(const struct layout *l, struct effect *e, double size)
{
  double *sum = grab(l->n + 1, sizeof *sum);
  for (size_t i = 0; i < l->p->n_points; i++) {
    const size_t *level = row_of(l->p, i);
    if (!l->has[i] || level[e->factor] != e->level) continue;
    if (e->other != SIZE_MAX && level[e->other] != e->other_level) continue;
    e->sets += add_set(l, e, i, sum);
  }
  for (size_t r = 0; e->sets && r < l->n; r++) sum[r] /= (double)e->sets;
  bool zero = drop_rounding(sum, l->n, size);
  e->interval = comparison_interval(sum, l->n, CONFIDENCE);
  e->p = isfinite(e->interval.value) && !zero ? paired_t_p(sum, l->n) : (double)NAN;
  free(sum);
}

static struct interval grand_mean(const struct layout *l)
{
  double *sum = grab(l->n + 1, sizeof *sum);
  size_t points = 0;
  for (size_t i = 0; i < l->p->n_points; i++) points += l->has[i];
  for (size_t i = 0; i < l->p->n_points; i++)
    if (l->has[i]) add_times(l, sum, i, 1 / (double)points);
  struct interval mean = comparison_interval(sum, l->n, CONFIDENCE);
  free(sum);
  return mean;
}

/* ---- all of them --------------------------------------------------------------------------------------------------
 */

static void try_effect(struct effects *all, const struct layout *l, struct effect e)
{
  measure(l, &e, fabs(all->mean[l->policy].value));
  if (!e.sets) {
    all->dropped++;
    return;
  }
  if (!(all->n & (all->n - 1))) all->effect = grab_more(all->effect, all->n ? 2 * all->n : 1, sizeof *all->effect);
  all->effect[all->n++] = e;
}

static void main_effects(struct effects *all, const struct layout *l)
{
  for (size_t f = 0; f < l->p->n_factors; f++)
    for (size_t i = 1; i < l->p->factor[f].n_levels; i++)
      try_effect(all, l, (struct effect){.policy = l->policy, .factor = f, .level = i, .other = SIZE_MAX});
}

static void interactions(struct effects *all, const struct layout *l)
{
  const struct points *p = l->p;
  for (size_t f = 0; f < p->n_factors; f++)
    for (size_t g = f + 1; g < p->n_factors; g++)
      for (size_t i = 1; i < p->factor[f].n_levels; i++)
        for (size_t j = 1; j < p->factor[g].n_levels; j++)
          try_effect(all, l, (struct effect){.policy = l->policy, .factor = f, .level = i, .other = g, .other_level = j});
}

static double count_effects(const struct points *p)
{
  double n = 0;
  for (size_t f = 0; f < p->n_factors; f++) {
    double levels = (double)p->factor[f].n_levels - 1;
    n += levels;
    for (size_t g = f + 1; g < p->n_factors; g++) n += levels * ((double)p->factor[g].n_levels - 1);
  }
  return n * (double)p->n_policies;
}

static void adjust(struct effects *e)
{
  double *p = grab(e->n, sizeof *p), *adjusted = grab(e->n, sizeof *adjusted);
  for (size_t i = 0; i < e->n; i++) p[i] = e->effect[i].p;
  holm(p, e->n, adjusted);
  for (size_t i = 0; i < e->n; i++) e->effect[i].p_holm = adjusted[i];
  free(p);
  free(adjusted);
}

static void measure_all(struct effects *e)
{
  const struct points *p = e->points;
  size_t *order = grab(p->n_points, sizeof *order);
  for (size_t i = 0; i < p->n_points; i++) order[i] = i;
  qsort_r(order, p->n_points, sizeof *order, by_levels, (void *)p);
  for (size_t k = 0; k < p->n_policies; k++) {
    struct layout l = layout_of(p, k, order);
    e->mean[k] = grand_mean(&l);
    main_effects(e, &l);
    interactions(e, &l);
    layout_release(&l);
  }
  free(order);
  adjust(e);
}

static void no_effects(const struct points *p, struct err *err)
{
  size_t needs = 0;
  for (size_t i = 0; i < p->n_points * p->n_policies; i++)
    if (p->cell[i].needs > needs) needs = p->cell[i].needs;
  if (needs)
    err_add(err, (struct where){0}, "%s is refused: this quantile needs up to %zu requests a run, and %s has fewer;"
            " --metric NAME takes another", p->metric->name, needs, p->dir);
  else
    err_add(err, (struct where){0}, "effects need a factorial design: no two points of %s differ in one factor only",
            p->dir);
}

struct effects *effects_new(const struct points *p, struct err *err)
{
  if (count_effects(p) > MOST_EFFECTS) {
    err_add(err, (struct where){0}, "%.3g effects (levels of factors, their pairs, policies) are too many to show apart;"
            " --where FACTOR=VALUE takes a part of the study", count_effects(p));
    return NULL;
  }
  struct effects *e = grab(1, sizeof *e);
  e->points = p;
  e->mean = grab(p->n_policies, sizeof *e->mean);
  measure_all(e);
  if (e->n) return e;
  no_effects(p, err);
  effects_free(e);
  return NULL;
}

void effects_free(struct effects *e)
{
  if (!e) return;
  free(e->effect);
  free(e->mean);
  free(e);
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

static void put_step(struct text *t, const struct points *p, size_t factor, size_t level)
{
  text_add(t, "%s %s to %s", p->factor[factor].name, p->factor[factor].level[0], p->factor[factor].level[level]);
}

/* "bw 0.25 to 1 x above 256 to 1024"; caller frees. */
static char *name_of(const struct points *p, const struct effect *e)
{
  struct text t = {0};
  put_step(&t, p, e->factor, e->level);
  if (e->other != SIZE_MAX) {
    text_put(&t, " x ");
    put_step(&t, p, e->other, e->other_level);
  }
  return t.s;
}

static void put_effect(struct table *t, const struct effects *all, const struct effect *e)
{
  char *name = name_of(all->points, e);
  table_cell(t, "%s", all->points->policy[e->policy]);
  table_cell(t, "%s", name);
  table_cell(t, "%s", interval_text(e->interval, "\xC2\xB1").s);
  table_cell(t, "%s", percent_text(e->interval.value, all->mean[e->policy].value).s);
  table_cell(t, "%zu", (size_t)e->interval.n);
  table_cell(t, "%zu", e->sets);
  table_cell(t, "%s", e->interval.method);
  table_cell(t, "%s", number_text(e->p).s);
  table_cell(t, "%s", number_text(e->p_holm).s);
  free(name);
}

void effects_print(const struct effects *e, FILE *f, size_t rows)
{
  const struct points *p = e->points;
  fprintf(f, "%s: effects on %s (%s), %zu points", p->study, p->metric->name, p->metric->unit, p->n_points);
  if (p->warmup_s >= 0) fprintf(f, ", warm-up of %s s removed", number_text(p->warmup_s).s);
  fputs("\n\n", f);
  for (size_t k = 0; k < p->n_policies; k++)
    if (e->mean[k].n) fprintf(f, "mean of %s: %s\n", p->policy[k], interval_text(e->mean[k], "\xC2\xB1").s);
  fputc('\n', f);
  const char *const head[] = {"policy", "effect", "value", "of mean", "n", "sets", "method", "p", "Holm p"};
  struct table *t = table_new(9);
  for (int i = 0; i < 9; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (size_t i = 0; i < e->n && i < rows; i++) put_effect(t, e, &e->effect[i]);
  table_print(t, f, 2);
  if (e->n > rows) fprintf(f, "... and %zu more effects: --format csv or json has all\n", e->n - rows);
  if (e->dropped) fprintf(f, "%zu effects cannot be told: the design lacks the points for them\n", e->dropped);
  fprintf(f, "\nmean change over `sets` settings of the other factors; A x B: half of how much B changes the effect of A;\n"
          "intervals over n replications, 95 %%; Holm p: over all effects that are not zero throughout\n");
}

void effects_csv(const struct effects *all, FILE *f)
{
  fputs("policy,metric,effect,sets,n,method,value,lo_95,hi_95,p,p_holm\n", f);
  for (size_t i = 0; i < all->n; i++) {
    const struct effect *e = &all->effect[i];
    char *name = name_of(all->points, e);
    csv_text(f, all->points->policy[e->policy]);
    fprintf(f, ",%s,", all->points->metric->name);
    csv_text(f, name);
    fprintf(f, ",%zu,%zu,%s", e->sets, (size_t)e->interval.n, e->interval.method);
    csv_number(f, e->interval.value);
    csv_number(f, e->interval.lo);
    csv_number(f, e->interval.hi);
    csv_number(f, e->p);
    csv_number(f, e->p_holm);
    fputc('\n', f);
    free(name);
  }
}

static json *step_json(const struct points *p, size_t factor, size_t level)
{
  json *j = json_new_object();
  json_put_string(j, "factor", p->factor[factor].name);
  json_put_string(j, "from", p->factor[factor].level[0]);
  return json_put_string(j, "to", p->factor[factor].level[level]);
}

static json *effect_json(const struct points *p, const struct effect *e)
{
  json *j = interval_json(e->interval), *of = json_new_array();
  json_push(of, step_json(p, e->factor, e->level));
  if (e->other != SIZE_MAX) json_push(of, step_json(p, e->other, e->other_level));
  json_put_string(j, "policy", p->policy[e->policy]);
  json_put(j, "of", of);
  json_put_int(j, "sets", (int64_t)e->sets);
  json_put_number(j, "p", e->p);
  return json_put_number(j, "p_holm", e->p_holm);
}

json *effects_json(const struct effects *e)
{
  const struct points *p = e->points;
  json *j = json_new_object(), *means = json_new_object(), *effects = json_new_array();
  json_put_string(j, "study", p->study);
  json_put_string(j, "metric", p->metric->name);
  json_put_string(j, "unit", p->metric->unit);
  json_put_int(j, "points", (int64_t)p->n_points);
  json_put_number(j, "warmup_removed_s", p->warmup_s < 0 ? (double)NAN : p->warmup_s);
  for (size_t k = 0; k < p->n_policies; k++) json_put(means, p->policy[k], interval_json(e->mean[k]));
  json_put(j, "means", means);
  for (size_t i = 0; i < e->n; i++) json_push(effects, effect_json(p, &e->effect[i]));
  json_put_int(j, "not_told", (int64_t)e->dropped);
  return json_put(j, "effects", effects);
}
