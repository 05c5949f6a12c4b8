/* points_print.c: a study as a table for people, CSV and JSON for programs. */
#include "analysis/points.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const PLUS_MINUS = "\xC2\xB1";       /* U+00B1 */

static bool has_runs(const struct point_cell *c) { return c->n || c->failed; }

/* NaN = none, or one that a factor says. */
static double warmup_at(const struct points *p, size_t point)
{
  return !isnan(p->settled_s[point]) ? p->settled_s[point] : p->warmup_s < 0 ? (double)NAN : p->warmup_s;
}

static size_t count_rows(const struct points *p)
{
  size_t n = 0;
  for (size_t i = 0; i < p->n_points * p->n_policies; i++) n += has_runs(&p->cell[i]);
  return n;
}

/* Is there a run that came to nothing? */
static bool any_failed(const struct points *p)
{
  for (size_t i = 0; i < p->n_points * p->n_policies; i++)
    if (p->cell[i].failed) return true;
  return false;
}

static const char *level_text(const struct points *p, size_t point, size_t f)
{
  size_t level = p->level[point * p->n_factors + f];
  return level == SIZE_MAX ? "-" : p->factor[f].level[level];
}

/* ---- table --------------------------------------------------------------------------------------------------------
 */

static void put_value(struct table *t, const struct point_cell *c)
{
  if (c->needs) table_cell(t, "needs %zu requests", c->needs);
  else table_cell(t, "%s%s", interval_text(c->interval, PLUS_MINUS).s, c->trust.too_short ? " short" : "");
}

static void put_difference(struct table *t, const struct points *p, size_t point, size_t policy)
{
  const struct point_cell *c = points_cell(p, point, policy);
  struct interval d = c->difference;
  double base = p->baseline[point] == SIZE_MAX ? (double)NAN : points_cell(p, point, p->baseline[point])->interval.value;
  if (policy == p->baseline[point]) table_cell(t, "baseline");
  else if (!d.n) table_cell(t, "-");
  else table_difference(t, d, base);
  table_cell(t, "%s", d.n ? verdict_name[c->verdict] : "-");
}

static void put_row(struct table *t, const struct points *p, size_t point, size_t policy)
{
  const struct point_cell *c = points_cell(p, point, policy);
  table_cell(t, "%llu", (unsigned long long)p->id[point]);
  for (size_t f = 0; f < p->n_factors; f++) table_cell(t, "%s", level_text(p, point, f));
  table_cell(t, "%s", p->policy[policy]);
  put_value(t, c);
  table_cell(t, "%s", number_text(c->failed_ratio).s);
  table_cell(t, "%zu", c->n);
  if (any_failed(p)) table_cell(t, "%zu", c->failed);
  table_cell(t, "%s", c->interval.method);
  put_difference(t, p, point, policy);
}

/* A factor may be called as a column is. */
static const char *factor_prefix(const char *factor, const char *const *column, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(factor, column[i])) return "factor ";
  return "";
}

static void put_head(struct table *t, const struct points *p)
{
  static const char *const head[] = {"failed_ratio", "runs", "failed runs", "method", "against baseline", "verdict",
                                     "point", "policy"};
  table_cell(t, "point");
  for (size_t f = 0; f < p->n_factors; f++)
    table_cell(t, "%s%s", factor_prefix(p->factor[f].name, head, sizeof head / sizeof *head), p->factor[f].name);
  table_cell(t, "policy");
  table_cell(t, "%s (%s)", p->metric->name, p->metric->unit);
  for (size_t i = 0; i < 6; i++)
    if (i != 2 || any_failed(p)) table_cell(t, "%s", head[i]);
  table_rule(t);
}

static void print_notes(const struct points *p, FILE *f)
{
  size_t n = 0, first = 0;
  for (size_t i = p->n_points * p->n_policies; i-- > 0;)
    if (p->cell[i].trust.too_short) n++, first = i;
  if (n)
    fprintf(f, "\nshort: %zu interval%s of runs that are too short to be believed, e.g. at point %llu: %s\n", n,
            n == 1 ? "" : "s", (unsigned long long)p->id[first / p->n_policies], p->cell[first].trust.why);
  fprintf(f, "\nintervals over replications, 95 %%; failed_ratio: of requests; baseline: %s; differences paired by replication and"
          " simultaneous within a point; margin %g %%\n",
          p->baseline_given ? "given" : "the best policy at each point, none where all are infinite", 100 * p->margin);
}

/* ---- warnings: those that each point has when it is compared alone ----------------------------------------------------
 */

/* One that many rows have, its figures aside, is said once. */
struct warning { char *text; size_t rows, point, policy; };
struct warnings { struct warning *at; size_t n; };

static bool is_figure(char c) { return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-'; }

static bool same_words(const char *a, const char *b)
{
  for (;; a++, b++) {
    while (is_figure(*a)) a++;
    while (is_figure(*b)) b++;
    if (*a != *b || !*a) return *a == *b;
  }
}

static void add_warning(struct warnings *w, const char *text, size_t point, size_t policy)
{
  for (size_t i = 0; i < w->n; i++)
    if (same_words(w->at[i].text, text)) {
      w->at[i].rows++;
      return;
    }
  w->at = grab_more(w->at, w->n + 1, sizeof *w->at);
  w->at[w->n++] = (struct warning){grab_text(text), 1, point, policy};
}

/* What the table says itself: the first words of it. */
static bool in_table(const char *text) { return !strncmp(text, "too short for the intervals", 27); }

static void add_point(struct warnings *w, const struct points *p, size_t point, size_t rows)
{
  struct err ignored;
  err_init(&ignored);
  struct comparison *c = comparison_load(&p->dir, 1, &(struct comparison_options){
    .primary = p->metric->name, .point_given = true, .point = p->id[point]}, &ignored);
  for (size_t k = 0; k < p->n_policies && rows; k++) {
    rows -= has_runs(points_cell(p, point, k));
    for (size_t i = 0; c && i < c->n_policies; i++)
      for (size_t j = 0; !strcmp(c->policy[i].name, p->policy[k]) && j < c->policy[i].n_warnings; j++)
        if (!in_table(c->policy[i].warning[j])) add_warning(w, c->policy[i].warning[j], point, k);
  }
  comparison_free(c);
  err_release(&ignored);
}

static size_t rows_of(const struct points *p, size_t point)
{
  size_t n = 0;
  for (size_t k = 0; k < p->n_policies; k++) n += has_runs(points_cell(p, point, k));
  return n;
}

/* Of the rows that are shown. */
static void print_warnings(const struct points *p, FILE *f, size_t rows)
{
  struct warnings w = {0};
  size_t left = rows;
  for (size_t i = 0; i < p->n_points && left; i++) {
    add_point(&w, p, i, left);
    left -= rows_of(p, i) < left ? rows_of(p, i) : left;
  }
  for (size_t i = 0; i < w.n; i++) {
    const struct warning *one = &w.at[i];
    if (one->rows == rows && rows > 1) fprintf(f, "warning: all rows: %s\n", one->text);
    else {
      fprintf(f, "warning: point %llu, %s", (unsigned long long)p->id[one->point], p->policy[one->policy]);
      if (one->rows > 1) fprintf(f, " and %zu more row%s", one->rows - 1, one->rows == 2 ? "" : "s");
      fprintf(f, ": %s\n", one->text);
    }
    free(one->text);
  }
  free(w.at);
}

void points_print(const struct points *p, FILE *f, size_t rows)
{
  size_t all = count_rows(p), shown = 0;
  fprintf(f, "%s: %zu point%s, %zu polic%s", p->study, p->n_points, p->n_points == 1 ? "" : "s", p->n_policies,
          p->n_policies == 1 ? "y" : "ies");
  if (p->warmup_s >= 0) fprintf(f, ", warm-up of %s s removed", number_text(p->warmup_s).s);
  else if (!isnan(p->warmup_s)) fputs(", warm-up removed as each point has it", f);
  fputs("\n\n", f);
  struct table *t = table_new(8 + p->n_factors + any_failed(p));
  put_head(t, p);
  for (size_t i = 0; i < p->n_points; i++)
    for (size_t k = 0; k < p->n_policies && shown < rows; k++)
      if (has_runs(points_cell(p, i, k))) put_row(t, p, i, k), shown++;
  table_print(t, f, p->n_factors + 2);
  if (all > shown)
    fprintf(f, "... and %zu more rows: --where FACTOR=VALUE shows some, --format csv or json all\n", all - shown);
  print_notes(p, f);
  print_warnings(p, f, shown);
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------
 */

static void csv_row(const struct points *p, FILE *f, size_t point, size_t policy)
{
  const struct point_cell *c = points_cell(p, point, policy);
  fprintf(f, "%llu", (unsigned long long)p->id[point]);
  for (size_t k = 0; k < p->n_factors; k++) {
    fputc(',', f);
    if (p->level[point * p->n_factors + k] != SIZE_MAX) csv_text(f, level_text(p, point, k));
  }
  fputc(',', f);
  csv_text(f, p->policy[policy]);
  fprintf(f, ",%s,%s", p->kind[policy], p->metric->name);
  csv_number(f, c->interval.value);
  csv_number(f, c->interval.lo);
  csv_number(f, c->interval.hi);
  fprintf(f, ",%zu,%zu,%s,", c->n, c->failed, c->interval.method);
  csv_text(f, p->baseline[point] == SIZE_MAX ? "" : p->policy[p->baseline[point]]);
  csv_number(f, c->difference.value);
  csv_number(f, c->difference.lo);
  csv_number(f, c->difference.hi);
  fprintf(f, ",%s,%d", c->difference.n ? verdict_name[c->verdict] : "", c->trust.too_short);
  csv_number(f, warmup_at(p, point));
  csv_number(f, c->failed_ratio);
  fputc('\n', f);
}

void points_csv(const struct points *p, FILE *f)
{
  fputs("point", f);
  static const char *const column[] = {"point", "policy", "kind", "metric", "value", "lo_95", "hi_95", "n", "failed",
                                       "method", "baseline", "difference", "difference_lo", "difference_hi", "verdict",
                                       "too_short", "warmup_removed_s", "failed_ratio"};
  for (size_t k = 0; k < p->n_factors; k++) {
    fprintf(f, ",%s", factor_prefix(p->factor[k].name, column, sizeof column / sizeof *column));
    csv_text(f, p->factor[k].name);
  }
  fputs(",policy,kind,metric,value,lo_95,hi_95,n,failed,method,baseline,difference,difference_lo,difference_hi,verdict,"
        "too_short,warmup_removed_s,failed_ratio\n", f);
  for (size_t i = 0; i < p->n_points; i++)
    for (size_t k = 0; k < p->n_policies; k++)
      if (has_runs(points_cell(p, i, k))) csv_row(p, f, i, k);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------
 */

static json *cell_json(const struct points *p, size_t point, size_t policy)
{
  const struct point_cell *c = points_cell(p, point, policy);
  json *j = json_new_object();
  json_put_string(j, "policy", p->policy[policy]);
  json_put_string(j, "kind", p->kind[policy]);
  json *value = interval_json(c->interval);
  if (c->needs) json_put_int(value, "needs_requests", (int64_t)c->needs);
  if (c->trust.effective_n > 0) {
    json_put_bool(value, "too_short", c->trust.too_short);
    json_put_number(value, "effective_n", c->trust.effective_n);
    if (c->trust.too_short) json_put_string(value, "too_short_because", c->trust.why);
  }
  json_put(j, p->metric->name, value);
  json_put_int(j, "failed", (int64_t)c->failed);
  json_put_number(j, "failed_ratio", c->failed_ratio);
  if (c->difference.n) {
    json_put(j, "difference", interval_json(c->difference));
    json_put_string(j, "verdict", verdict_name[c->verdict]);
  }
  return j;
}

static json *point_json(const struct points *p, size_t point)
{
  json *j = json_new_object(), *policies = json_new_array();
  struct err ignored;
  err_init(&ignored);
  json_put_int(j, "point", (int64_t)p->id[point]);
  json_put(j, "factors", json_parse(p->factors[point], strlen(p->factors[point]), &ignored));
  json_put_string(j, "baseline", p->baseline[point] == SIZE_MAX ? NULL : p->policy[p->baseline[point]]);
  json_put_number(j, "warmup_removed_s", warmup_at(p, point));
  for (size_t k = 0; k < p->n_policies; k++)
    if (has_runs(points_cell(p, point, k))) json_push(policies, cell_json(p, point, k));
  err_release(&ignored);
  return json_put(j, "policies", policies);
}

json *points_json(const struct points *p)
{
  json *j = json_new_object(), *points = json_new_array();
  json_put_string(j, "study", p->study);
  json_put_string(j, "metric", p->metric->name);
  json_put_string(j, "unit", p->metric->unit);
  json_put_number(j, "margin", p->margin);
  json_put_number(j, "warmup_removed_s", p->warmup_s < 0 ? (double)NAN : p->warmup_s);
  json_put_bool(j, "simultaneous_within_point", true);
  for (size_t i = 0; i < p->n_points; i++) json_push(points, point_json(p, i));
  return json_put(j, "points", points);
}
