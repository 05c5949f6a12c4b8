/* budget.c: a class's latency budget, split over its tasks by times or by shares. */
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

static int task_named(struct build *b, const struct class_def *c, const struct node *entry)
{
  const char *names[MAX_TASKS];
  for (int t = 0; t < c->n_tasks; t++) names[t] = c->task[t].name;
  return build_find_key(b, entry, "task", names, c->n_tasks);
}

/* NAN: the schema has spoken. */
static double entry_s(const struct node *entry, bool shares, double total_s)
{
  char why[UNITS_WHY];
  double value;
  if (!node_is(entry, NODE_TEXT) || !number_parse(entry->text, shares ? Q_PURE : Q_TIME, &value, why)) return NAN;
  return shares ? value * total_s : value;
}

/* Each task that the user waits for has its part: a task without one would be to blame for each miss. */
static bool split(struct build *b, const struct class_def *c, const struct node *parts, bool shares, double total_s, double *task_s)
{
  bool known = true;
  for (int t = 0; t < c->n_tasks; t++) task_s[t] = c->task[t].asynchronous ? 0 : NAN;
  for (size_t i = 0; i < parts->n; i++) {
    const struct node *entry = parts->child[i];
    int t = task_named(b, c, entry);
    if (t == NONE) known = false;
    else if (c->task[t].asynchronous)
      err_add(b->err, entry->key_at, "nobody waits for '%s', which is asynchronous: it has no part of the budget", entry->key);
    else task_s[t] = entry_s(entry, shares, total_s);
  }
  for (int t = 0; known && t < c->n_tasks; t++)
    if (isnan(task_s[t]) && !node_get(parts, c->task[t].name))
      err_add(b->err, parts->key_at, "no part of the budget for task '%s'", c->task[t].name);
  for (int t = 0; t < c->n_tasks; t++) known &= !isnan(task_s[t]);
  return known;
}

static void write_way(const struct class_def *c, const int *before, int task, char *out, size_t size)
{
  if (before[task] != NONE) {
    write_way(c, before, before[task], out, size);
    strncat(out, " -> ", size - strlen(out) - 1);
  }
  strncat(out, c->task[task].name, size - strlen(out) - 1);
}

/* The parts along each way through the pipeline are within the whole. due_s[t]: their sum until t. */
static void check_ways(struct build *b, const struct class_def *c, const struct node *parts, const struct budget_def *budget,
                       double *due_s)
{
  int before[MAX_TASKS], last = NONE;
  for (int t = 0; t < c->n_tasks; t++) {
    before[t] = NONE;
    for (uint32_t left = c->task[t].after; left; left &= left - 1) {
      int p = __builtin_ctz(left);
      if (before[t] == NONE || due_s[p] > due_s[before[t]]) before[t] = p;
    }
    due_s[t] = (before[t] == NONE ? 0 : due_s[before[t]]) + budget->task_s[t];
    if (last == NONE || due_s[t] > due_s[last]) last = t;
  }
  if (last == NONE || due_s[last] <= budget->total_s * (1 + 1e-9)) return;
  char way[512] = "";
  write_way(c, before, last, way, sizeof way);
  err_add(b->err, parts->key_at, "the parts of the budget along %s add up to %g s, more than its %g s", way, due_s[last],
          budget->total_s);
}

static double total_of(struct build *b, const struct class_def *c, const struct node *node)
{
  double total_s = get_number(node, "budget", "total");
  if (!isnan(total_s)) return total_s;
  if (c->slo_e2e_s > 0) return c->slo_e2e_s;
  if (!node_get(node, "total")) err_add(b->err, node->key_at, "a budget needs a 'total', or the class an 'slo.e2e'");
  return NAN;
}

static const struct budget_def *budget_of(struct build *b, const struct class_def *c, const struct node *node, double *due_s)
{
  const struct node *times = node_get(node, "times"), *shares = node_get(node, "shares"), *parts = times ? times : shares;
  if (!node_is(node, NODE_MAP)) return NULL;
  double total_s = total_of(b, c, node);
  if (!times == !shares) {
    err_add(b->err, node->key_at, "a budget is split by one of 'times' and 'shares'");
    return NULL;
  }
  if (!node_is(parts, NODE_MAP) || isnan(total_s)) return NULL;
  double *task_s = arena_array(b->arena, double, c->n_tasks + 1);
  struct budget_def *budget = arena_array(b->arena, struct budget_def, 1);
  *budget = (struct budget_def){.total_s = total_s, .task_s = task_s, .lapses = get_choice(node, "budget", "unused") == 1};
  if (!split(b, c, parts, !times, total_s, task_s)) return NULL;
  check_ways(b, c, parts, budget, due_s);
  return budget;
}

/* Tasks that are given up when their time is over (`timeout.budget`). */
static void set_timeouts(struct build *b, struct class_def *c, struct task_def *task, const double *due_s)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  for (int t = 0; t < c->n_tasks; t++) {
    const struct node *timeout = node_get(node_named(pipeline, task[t].name), "timeout");
    if (!node_is(timeout, NODE_MAP) || !get_flag(timeout, "timeout", "budget")) continue;
    if (!node_get(b->klass, "budget"))
      err_add(b->err, node_get(timeout, "budget")->at, "'budget: true' needs the class to have a 'budget'");
    if (c->budget) task[t].due_s = c->budget->lapses ? c->budget->task_s[t] : due_s[t];
  }
}

void build_budget(struct build *b, struct class_def *c, struct task_def *task)
{
  double due_s[MAX_TASKS] = {0};
  const struct node *node = node_get(b->klass, "budget");
  c->budget = node && c->n_tasks ? budget_of(b, c, node, due_s) : NULL;
  set_timeouts(b, c, task, due_s);
}
