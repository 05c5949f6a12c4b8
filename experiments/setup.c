#include "experiments/setup.h"
#include "sim/json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const char *name_of(const struct world_def *, int);
static const char *class_of(const struct world_def *d, int i) { return d->klass[i].name; }
static const char *place_of(const struct world_def *d, int i) { return d->place[i].name; }
/* Nodes of a topology execute nothing: tables are silent about them. */
static const char *told_place_of(const struct world_def *d, int i)
{
  return d->place[i].kind == PLACE_NODE ? NULL : d->place[i].name;
}
static const char *link_of(const struct world_def *d, int i) { return d->link[i].name; }
/* Those between single members of spread places are many, and told by the topology. */
static const char *told_link_of(const struct world_def *d, int i)
{
  const struct link_def *l = &d->link[i];
  bool single = (d->place[l->a].spread && l->a_member != NONE) || (d->place[l->b].spread && l->b_member != NONE);
  return single ? NULL : l->name;
}
static const char *data_of(const struct world_def *d, int i) { return d->data[i].name; }
static const char *variant_of(const struct world_def *d, int i) { return d->variant[i].name; }

static const char *const *names(const struct world_def *d, int n, name_of *name, struct arena *a)
{
  const char **list = arena_array(a, const char *, n + 1);
  for (int i = 0; i < n; i++)
    list[i] = name(d, i);
  return list;
}

static void pipeline_of(const struct class_def *k, struct pipeline *p)
{
  *p = (struct pipeline){.n_tasks = k->n_tasks};
  for (int t = 0; t < k->n_tasks; t++) {
    p->after[t] = k->task[t].after;
    if (k->task[t].successor_starts_on_first) p->flows |= UINT32_C(1) << t;
    if (k->task[t].asynchronous) p->unawaited |= UINT32_C(1) << t;
  }
}

static int64_t whole_ns(double s) { return (int64_t)llround(s * 1e9); }

static void budget_of(const struct class_def *k, const struct pipeline *p, struct budget *b)
{
  *b = (struct budget){0};
  if (!k->budget) return;
  b->total_ns = whole_ns(k->budget->total_s);
  b->lapses = k->budget->lapses;
  for (int t = 0; t < k->n_tasks; t++) b->task_ns[t] = whole_ns(k->budget->task_s[t]);
  budget_link(b, p);
}

static const char *const *cells_of(const struct class_def *k, struct arena *a)
{
  const char **name = arena_array(a, const char *, (k->n_tasks + 1) * N_PATH_PHASES);
  for (int t = 0; t <= k->n_tasks; t++)
    for (int p = 0; p < N_PATH_PHASES; p++)
      name[t * N_PATH_PHASES + p] = arena_printf(a, "%s.%s", t < k->n_tasks ? k->task[t].name : "-", path_phase_name(p));
  return name;
}

static void add_budgets(const struct world_def *d, struct arena *a, struct metrics_setup *out)
{
  bool any = false;
  for (int c = 0; c < d->n_classes; c++) any |= d->klass[c].budget != NULL;
  if (!any) return;
  struct pipeline *pipeline = arena_array(a, struct pipeline, d->n_classes);
  struct budget *budget = arena_array(a, struct budget, d->n_classes);
  const char *const **cell = arena_array(a, const char *const *, d->n_classes);
  for (int c = 0; c < d->n_classes; c++) {
    pipeline_of(&d->klass[c], &pipeline[c]);
    budget_of(&d->klass[c], &pipeline[c], &budget[c]);
    cell[c] = cells_of(&d->klass[c], a);
  }
  out->pipeline = pipeline;
  out->budget = budget;
  out->cell_name = cell;
}

void metrics_setup_of(const struct world_def *d, struct arena *a, struct metrics_setup *out)
{
  double *ttft = arena_array(a, double, d->n_classes + 1), *e2e = arena_array(a, double, d->n_classes + 1);
  double *tpot = arena_array(a, double, d->n_classes + 1);
  for (int i = 0; i < d->n_classes; i++) {
    ttft[i] = d->klass[i].slo_ttft_s;
    e2e[i] = d->klass[i].slo_e2e_s;
    tpot[i] = d->klass[i].slo_tpot_s;
  }
  *out = (struct metrics_setup){.n_classes = d->n_classes, .n_places = d->n_places,
    .class_name = names(d, d->n_classes, class_of, a), .place_name = names(d, d->n_places, told_place_of, a),
    .n_zones = d->n_zones, .n_data = d->n_data, .zone_name = d->zone, .data_name = names(d, d->n_data, data_of, a),
    .n_links = d->n_links, .link_name = names(d, d->n_links, told_link_of, a), .slo_ttft_s = ttft, .slo_e2e_s = e2e, .slo_tpot_s = tpot};
  for (int i = 0; i < d->n_classes; i++)
    for (const struct task_def *t = d->klass[i].task; t < d->klass[i].task + d->klass[i].n_tasks; t++)
      for (int k = 0; k < t->n_fallbacks; k++) *(t->fallback[k].answers ? &out->answers : &out->fallbacks) = true;
  add_budgets(d, a, out);
}

static void add_tasks(const struct world_def *d, struct arena *a, struct trace_setup *out)
{
  const char *const **task = arena_array(a, const char *const *, d->n_classes + 1);
  int *n = arena_array(a, int, d->n_classes + 1);
  for (int c = 0; c < d->n_classes; c++) {
    const char **name = arena_array(a, const char *, d->klass[c].n_tasks + 1);
    for (int t = 0; t < d->klass[c].n_tasks; t++)
      name[t] = d->klass[c].task[t].name;
    task[c] = name;
    n[c] = d->klass[c].n_tasks;
  }
  out->task_name = task;
  out->n_tasks = n;
}

static int column_of(const char **name, const char **unit, int *n, const struct attribute_def *attribute)
{
  for (int i = 0; i < *n; i++)
    if (strcmp(name[i], attribute->name) == 0)
      return i;
  name[*n] = attribute->name;
  unit[*n] = attribute->unit ? attribute->unit : "";
  return (*n)++;
}

/* One column for every name, whichever classes have it. */
static void add_attributes(const struct world_def *d, struct arena *a, struct trace_setup *out)
{
  size_t most = 1;
  for (int c = 0; c < d->n_classes; c++)
    most += (size_t)d->klass[c].n_attributes;
  const char **name = arena_array(a, const char *, most), **unit = arena_array(a, const char *, most);
  const int **column = arena_array(a, const int *, d->n_classes + 1);
  int n = 0;
  for (int c = 0; c < d->n_classes; c++) {
    const struct class_def *k = &d->klass[c];
    int *own = arena_array(a, int, k->n_attributes + 1);
    for (int i = 0; i < k->n_attributes; i++)
      own[i] = column_of(name, unit, &n, &k->attribute[i]);
    column[c] = own;
  }
  out->n_attributes = n;
  out->attribute_name = name;
  out->attribute_unit = unit;
  out->attribute_column = column;
}

/* Nodes of topologies; there may be thousands. */
static const bool *nodes_of(const struct world_def *d, struct arena *a)
{
  bool *node = arena_array(a, bool, d->n_places + 1);
  for (int i = 0; i < d->n_places; i++) node[i] = d->place[i].kind == PLACE_NODE;
  return node;
}

static json *names_of_tasks(const struct class_def *k, uint32_t tasks)
{
  json *list = json_new_array();
  for (uint32_t left = tasks; left; left &= left - 1)
    json_push(list, json_string_value_new(k->task[__builtin_ctz(left)].name));
  return list;
}

static json *task_text(const struct class_def *k, const struct task_def *t)
{
  json *o = json_put_string(json_new_object(), "task", t->name);
  json_put(o, "after", names_of_tasks(k, t->after));
  if (t->successor_starts_on_first) json_put_bool(o, "flows", true);
  if (t->asynchronous) json_put_bool(o, "asynchronous", true);
  if (k->budget) json_put_number(o, "budget_s", k->budget->task_s[t - k->task]);
  return o;
}

/* What waits for what, so that a trace can be read by itself. */
static const char *pipelines_of(const struct world_def *d, struct arena *a)
{
  json *all = json_new_array();
  for (const struct class_def *k = d->klass; k < d->klass + d->n_classes; k++) {
    json *o = json_put_string(json_new_object(), "class", k->name), *tasks = json_new_array();
    for (int t = 0; t < k->n_tasks; t++) json_push(tasks, task_text(k, &k->task[t]));
    json_put(o, "tasks", tasks);
    if (k->budget) json_put_number(o, "budget_s", k->budget->total_s);
    if (k->budget) json_put_bool(o, "lapses", k->budget->lapses);
    json_push(all, o);
  }
  char *text = json_write(all, false);
  const char *kept = arena_strdup(a, text);
  free(text);
  json_release(all);
  return kept;
}

void trace_setup_of(const struct world *world, const struct world_def *d, struct arena *a, struct trace_setup *out)
{
  *out = (struct trace_setup){.n_classes = d->n_classes, .n_places = d->n_places, .n_zones = d->n_zones,
    .n_links = d->n_links, .class_name = names(d, d->n_classes, class_of, a),
    .place_name = names(d, d->n_places, place_of, a), .zone_name = d->zone,
    .link_name = names(d, d->n_links, link_of, a), .n_variants = d->n_variants,
    .place_idle = nodes_of(d, a),
    .variant_name = names(d, d->n_variants, variant_of, a), .transfers = d->record_transfers};
  add_tasks(d, a, out);
  add_attributes(d, a, out);
  out->pipelines = pipelines_of(d, a);
  out->n_features = world_features(world, &out->feature_name, &out->feature_unit);
}
