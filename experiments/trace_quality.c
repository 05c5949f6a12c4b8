/* trace_quality.c: the joint table of two models out of a file of outcomes: figures by set, and the preset. */
#include "experiments/trace_quality.h"

#include "analysis/text.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_ROLES = 5 };
static const double target = 0.95;                      /* of the strong model's accuracy */

static bool take_column(struct outcome_columns *c, const struct trace_column_def *d, struct err *e)
{
  static const char *const roles[N_ROLES] = {"set", "subject", "weak", "strong", "prompt_chars"};
  const char **const where[N_ROLES] = {&c->set, &c->subject, &c->weak, &c->strong, &c->prompt_chars};
  for (int i = 0; i < N_ROLES; i++)
    if (!strcmp(d->attribute, roles[i])) {
      *where[i] = strcmp(d->column, "-") ? d->column : NULL;
      return *where[i] || i == N_ROLES - 1 || err_add(e, (struct where){0}, "only prompt_chars may be left out, not '%s'", roles[i]);
    }
  const char *near = nearest(d->attribute, roles, N_ROLES);
  return err_add(e, (struct where){0}, "--column: '%s' is not one of set, subject, weak, strong, prompt_chars%s%s%s", d->attribute,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static double share_of(const struct joint_table *t, const char *set, enum answered o)
{
  double sum = 0, n = 0;
  for (int i = 0; i < t->n_rows; i++)
    if (!strcmp(t->row[i].set, set)) {
      sum += t->row[i].count[o];
      n += outcome_requests(&t->row[i]);
    }
  return sum / n;
}

/* "37.9", or "-". */
static void percent_cell(struct table *t, double share)
{
  if (isnan(share))
    table_cell(t, "-");
  else
    table_cell(t, "%.1f", 100 * share);
}

static void print_table(const struct joint_table *t, const char *const *set, size_t n, struct arena *a)
{
  static const char *const head[] = {"set", "queries", "weak", "strong", "both", "only strong", "only weak", "neither", "oracle",
                                     "subjects", "random"};
  static const enum answered order[] = {BOTH_RIGHT, ONLY_STRONG, ONLY_WEAK, NONE_RIGHT};
  struct table *out = table_new(sizeof head / sizeof *head);
  for (size_t i = 0; i < sizeof head / sizeof *head; i++)
    table_cell(out, "%s", head[i]);
  table_rule(out);
  for (size_t i = 0; i < n; i++) {
    struct router_figures f = outcomes_figures(t, set[i], target, a);
    const double share[] = {f.oracle, f.per_subject, f.random};
    table_cell(out, "%s", set[i]);
    table_cell(out, "%.0f", f.requests);
    percent_cell(out, f.weak);
    percent_cell(out, f.strong);
    for (int k = 0; k < OUTCOME_KINDS; k++)
      percent_cell(out, share_of(t, set[i], order[k]));
    for (int k = 0; k < 3; k++)
      percent_cell(out, share[k]);
  }
  table_print(out, stdout, 1);
  printf("in %%; oracle, subjects, random: share of queries for the strong model that gives %g %% of its accuracy, when those are\n"
         "sent that it alone answers right, whole subjects by gain (in sample), any\n", 100 * target);
}

static void print_json(const struct joint_table *t, const char *const *set, size_t n, struct arena *a)
{
  json *all = json_new_object();
  for (size_t i = 0; i < n; i++) {
    struct router_figures f = outcomes_figures(t, set[i], target, a);
    json *one = json_new_object();
    json_put_number(one, "queries", f.requests);
    json_put_number(one, "weak", f.weak);
    json_put_number(one, "strong", f.strong);
    json_put_number(one, "both", share_of(t, set[i], BOTH_RIGHT));
    json_put_number(one, "only_strong", share_of(t, set[i], ONLY_STRONG));
    json_put_number(one, "only_weak", share_of(t, set[i], ONLY_WEAK));
    json_put_number(one, "none", share_of(t, set[i], NONE_RIGHT));
    json_put_number(one, "oracle", f.oracle);
    json_put_number(one, "per_subject", f.per_subject);
    json_put(all, set[i], json_put_number(one, "random", f.random));
  }
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
}

static bool write_preset(const struct quality_request *q, const struct joint_table *t, struct err *e)
{
  struct outcomes_source s = q->source;
  if (!s.year)
    return err_add(e, (struct where){0}, "a preset carries its source: add --year Y");
  s.source = s.source ? s.source : q->asked;
  s.licence = s.licence ? s.licence : "Counts of a file of outcomes.";
  s.grade = s.grade ? s.grade : "M";
  struct text text = {0};
  FILE *stream = open_memstream(&text.s, &text.n);
  if (!stream)
    return err_system(e, "cannot open a stream in memory");
  outcomes_write(t, &s, stream);
  fclose(stream);
  bool good = text_save(&text, q->out, e);
  free(text.s);
  if (good)
    fprintf(stderr, "wrote %s: %d subjects\n", q->out, t->n_rows);
  return good;
}

bool trace_quality(const struct quality_request *q, struct arena *a, struct err *e)
{
  struct outcome_columns columns = outcome_columns_default;
  for (int i = 0; i < q->n_columns; i++)
    if (!take_column(&columns, &q->column[i], e))
      return false;
  struct joint_table *t = outcomes_read(q->path, &columns, a, e);
  if (!t)
    return false;
  t->name = q->name;
  t->weak = q->weak;
  t->strong = q->strong;
  const char **set = arena_array(a, const char *, t->n_rows);
  size_t n = outcomes_sets(t, set);
  if (q->json)
    print_json(t, set, n, a);
  else
    print_table(t, set, n, a);
  return !q->out || write_preset(q, t, e);
}
