/* capacity_print.c: the answers of `offsim capacity`, as tables or JSON. */
#include "analysis/text.h"
#include "experiments/capacity_request.h"
#include "experiments/version.h"
#include <math.h>
#include <stdlib.h>

static const char *shown_policy(const struct capacity_request *r, size_t i)
{
  return r->policy[i] ? r->policy[i] : "none";
}

/* Three digits of the interval's width, in the user's unit. */
struct shown { char s[400]; };
static struct shown in_unit(const struct capacity_request *r, const struct capacity_answer *a, double x)
{
  struct shown out;
  double width = a->hi - a->lo;
  int digits = r->whole ? 0 : width > 0 ? 2 - (int)floor(log10(width)) : r->decimals;
  snprintf(out.s, sizeof out.s, "%.*f%s%s", digits < 0 ? 0 : digits > 9 ? 9 : digits, x, *r->from.unit ? " " : "",
           r->from.unit);
  return out;
}

static void print_answer(const struct capacity_request *r, size_t i, const struct capacity_answer *a)
{
  const struct capacity_sample *first = &a->sample[0], *last = &a->sample[a->n - 1];
  const char *side = r->above ? "above" : "below";
  printf("%s: ", shown_policy(r, i));
  if (a->outcome == CAPACITY_NEVER)
    printf("no value from %s to %s keeps %s %s %s\n", in_unit(r, a, first->x).s, in_unit(r, a, last->x).s, r->metric,
           side, r->limit);
  else if (a->outcome == CAPACITY_ALWAYS)
    printf("all values from %s to %s keep %s %s %s: the capacity lies beyond\n", in_unit(r, a, first->x).s,
           in_unit(r, a, last->x).s, r->metric, side, r->limit);
  else if (a->outcome == CAPACITY_NOT_MONOTONE)
    printf("%s goes to and fro across %s (see %s): there is no single last value; narrow the range with --from and"
           " --to\n", r->metric, r->limit, in_unit(r, a, a->odd.x).s);
  else
    printf("%s; %g %% interval %s%s .. %s%s\n", in_unit(r, a, a->value).s, 100 * r->confidence,
           a->lo_open ? "from below " : "", in_unit(r, a, a->lo).s, in_unit(r, a, a->hi).s,
           a->hi_open ? " and beyond" : "");
}

static void print_tried(const struct capacity_request *r, const struct capacity_answer *a)
{
  struct table *t = table_new(5);
  static const char *const head[] = {"value", "system", "backlog growth", "", "interval"};
  for (int i = 0; i < 5; i++)
    table_cell(t, "%s", i == 3 ? r->metric : head[i]);
  table_rule(t);
  for (size_t i = 0; i < a->n; i++) {
    const struct capacity_sample *s = &a->sample[i];
    table_cell(t, "%.*f%s%s", r->decimals, s->x, *r->from.unit ? " " : "", r->from.unit);
    table_cell(t, "%s", saturation_name[s->saturation]);
    table_cell(t, "%s", number_text(s->growth.value).s);
    table_cell(t, "%s", number_text(s->metric.value).s);
    table_cell(t, "%s .. %s", number_text(s->metric.lo).s, number_text(s->metric.hi).s);
  }
  table_print(t, stdout, 2);
}

static bool any_smallest(const struct capacity_request *r, const struct capacity_answer *a)
{
  for (size_t i = 0; i < r->n_policies; i++)
    if (a[i].outcome == CAPACITY_FOUND && !a[i].smallest)
      return false;
  return true;
}

void capacity_print_table(const struct capacity_request *r, const struct capacity_answer *a)
{
  bool found = false;
  for (size_t i = 0; i < r->n_policies; i++)
    found = found || a[i].outcome == CAPACITY_FOUND;
  printf("%s value of %s with %s %s %s%s%s%s%s\n\n", found && any_smallest(r, a) ? "smallest" : "largest",
         r->vary, r->metric, r->above ? "above" : "below", r->limit, r->klass ? ", class " : "", r->klass ? r->klass : "",
         r->place ? ", place " : "", r->place ? r->place : "");
  for (size_t i = 0; i < r->n_policies; i++) {
    print_answer(r, i, &a[i]);
    putchar('\n');
    print_tried(r, &a[i]);
    putchar('\n');
  }
  printf("%llu replications of each value, common random numbers; the interval holds the values whose t interval"
         " of the\nmean contains the limit. Results: %s (%zu new runs, %zu that were there)\n",
         (unsigned long long)r->n_replications, r->folder, r->done, r->reused);
}

static json *sample_json(const struct capacity_sample *s)
{
  json *j = json_new_object();
  json_put_number(j, "value", s->x);
  json_put_string(j, "system", saturation_name[s->saturation]);
  json_put_number(j, "backlog_growth_ratio", s->growth.value);
  json_put_number(j, "metric", s->metric.value);
  json_put_number(j, "lo", s->metric.lo);
  json_put_number(j, "hi", s->metric.hi);
  json_put_int(j, "n", (int64_t)s->metric.n);
  json_put_string(j, "method", s->metric.method);
  return j;
}

static json *answer_json(const struct capacity_request *r, size_t i, const struct capacity_answer *a)
{
  json *j = json_new_object(), *tried = json_new_array();
  bool found = a->outcome == CAPACITY_FOUND;
  json_put_string(j, "policy", shown_policy(r, i));
  json_put_string(j, "outcome",
                  a->outcome == CAPACITY_NOT_MONOTONE ? "not_monotone" : capacity_outcome_name[a->outcome]);
  json_put_string(j, "which", a->smallest ? "smallest" : "largest");
  json_put_number(j, "value", found ? a->value : NAN);
  json_put_number(j, "lo", found ? a->lo : NAN);
  json_put_number(j, "hi", found ? a->hi : NAN);
  json_put_bool(j, "lo_open", found && a->lo_open);
  json_put_bool(j, "hi_open", found && a->hi_open);
  for (size_t k = 0; k < a->n; k++)
    json_push(tried, sample_json(&a->sample[k]));
  return json_put(j, "tried", tried);
}

void capacity_print_json(const struct capacity_request *r, const struct capacity_answer *a)
{
  json *j = json_new_object(), *policies = json_new_array();
  json_put_string(j, "offsim", version_text());
  json_put_string(j, "scenario", r->scenario->name);
  json_put_int(j, "seed", (int64_t)r->scenario->seed);
  json_put_int(j, "replications", (int64_t)r->n_replications);
  json_put_string(j, "vary", r->vary);
  json_put_string(j, "unit", r->from.unit);
  json_put_string(j, "metric", r->metric);
  json_put_string(j, "class", r->klass);
  json_put_string(j, "place", r->place);
  json_put_number(j, r->above ? "above" : "below", r->limit_value);
  json_put_number(j, "confidence", r->confidence);
  json_put_string(j, "method", "test inversion of the t interval over replications, common random numbers");
  json_put_int(j, "new_runs", (int64_t)r->done);
  json_put_int(j, "reused_runs", (int64_t)r->reused);
  for (size_t i = 0; i < r->n_policies; i++)
    json_push(policies, answer_json(r, i, &a[i]));
  json_put(j, "policies", policies);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}
