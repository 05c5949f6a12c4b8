/* arrivals.c: when requests come, and the attributes that they bring. */
#include "scenarios/build.h"

#include "models/workload.h"
#include <math.h>
#include <string.h>

/* ---- fitted workloads ------------------------------------------------------------------------------------------ */

struct reading { struct build *b; const struct preset *preset; };

static double *numbers(const struct reading *r, const struct node *list, size_t n, const char *what)
{
  double *out = arena_array(r->b->arena, double, n + 1);
  char why[UNITS_WHY];
  if (!node_is(list, NODE_LIST) || list->n != n) {
    err_add(r->b->err, list ? list->at : r->preset->value->at, "'%s' needs %zu numbers", what, n);
    return out;
  }
  for (size_t i = 0; i < n; i++)
    if (!node_is(list->child[i], NODE_TEXT) || !number_parse(list->child[i]->text, Q_PURE, &out[i], why))
      err_add(r->b->err, list->child[i]->at, "'%s': not a number", what);
  return out;
}

/* rows * columns numbers from a list of lists, into out. */
static void rows(const struct reading *r, const struct node *list, size_t n_rows, size_t n_columns, const char *what,
                 double *out)
{
  if (!node_is(list, NODE_LIST) || list->n != n_rows) {
    err_add(r->b->err, list ? list->at : r->preset->value->at, "'%s' needs %zu rows", what, n_rows);
    return;
  }
  for (size_t i = 0; i < n_rows; i++)
    memcpy(out + i * n_columns, numbers(r, list->child[i], n_columns, what), n_columns * sizeof *out);
}

static size_t length(const struct node *list)
{
  return node_is(list, NODE_LIST) ? list->n : 0;
}

static void read_names(const struct reading *r, struct workload_fit *f)
{
  const struct node *v = r->preset->value, *columns = node_get(v, "columns"), *whole = node_get(v, "whole");
  const char **name = arena_array(r->b->arena, const char *, length(columns) + 1);
  bool *round = arena_array(r->b->arena, bool, length(columns) + 1);
  for (size_t i = 0; i < length(columns); i++) {
    name[i] = columns->child[i]->text;
    round[i] = i < length(whole) && node_text_is(whole->child[i], "true");
  }
  f->column = name;
  f->whole = round;
  f->n_columns = (int)length(columns);
}

static void read_grids(const struct reading *r, struct workload_fit *f)
{
  const struct node *v = r->preset->value, *mix = node_get(v, "mix"), *quantile = node_get(v, "quantile");
  f->n_bins = (int)length(node_get(v, "rate_per_s"));
  f->rate_per_s = numbers(r, node_get(v, "rate_per_s"), (size_t)f->n_bins, "rate_per_s");
  f->n_gap = (int)length(node_get(v, "gap"));
  if (f->n_gap) {
    f->gap = numbers(r, node_get(v, "gap"), (size_t)f->n_gap, "gap");
    f->gap_probability = numbers(r, node_get(v, "gap_probability"), (size_t)f->n_gap, "gap_probability");
  }
  f->n_quantiles = (int)length(node_get(v, "probability"));
  f->probability = numbers(r, node_get(v, "probability"), (size_t)f->n_quantiles, "probability");
  f->n_strata = (int)length(quantile);
  f->n_mixes = (int)length(mix);
  double *shares = arena_array(r->b->arena, double, (size_t)f->n_mixes * (size_t)f->n_strata + 1);
  rows(r, mix, (size_t)f->n_mixes, (size_t)f->n_strata, "mix", shares);
  f->mix = shares;
  if (!f->n_columns)
    return;
  size_t per = (size_t)f->n_columns * (size_t)f->n_quantiles;
  double *all = arena_array(r->b->arena, double, per * (size_t)f->n_strata + 1);
  for (int s = 0; s < f->n_strata; s++)
    rows(r, quantile->child[s], (size_t)f->n_columns, (size_t)f->n_quantiles, "quantile", all + (size_t)s * per);
  f->quantile = all;
}

const struct workload_fit *build_workload_fit(struct build *b, const struct node *name)
{
  if (!node_is(name, NODE_TEXT))
    return NULL;
  const struct preset *p = preset_read(b->arena, "workload", name->text, name->at, b->scenario, b->err);
  if (!p)
    return NULL;
  sources_add_preset(b->scenario, p);
  struct reading r = {b, p};
  size_t errors = b->err->n_errors;
  struct workload_fit *f = arena_alloc(b->arena, sizeof *f);
  const struct preset_source *from = preset_source(p, "rate_per_s");
  *f = (struct workload_fit){.name = p->name,
                             .licence = p->doc,
                             .source = from ? from->source : NULL,
                             .grade = from ? from->grade : NULL,
                             .year = from ? from->year : 0,
                             .span_s = get_number(p->value, "workload", "span"),
                             .bin_s = get_number(p->value, "workload", "bin"),
                             .interarrival_scv = get_number(p->value, "workload", "interarrival_scv"),
                             .mix_s = get_number(p->value, "workload", "mix_every")};
  read_names(&r, f);
  read_grids(&r, f);
  double *correlation = NULL;
  if (node_get(p->value, "correlation")) {
    correlation = arena_array(b->arena, double, (size_t)f->n_columns * (size_t)f->n_columns + 1);
    rows(&r, node_get(p->value, "correlation"), (size_t)f->n_columns, (size_t)f->n_columns, "correlation", correlation);
  }
  if (b->err->n_errors > errors || !fit_finish(f, correlation, b->arena, p->value->at, b->err))
    return NULL;
  return f;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

/* "arrival", "completion", "oracle" or the name of a task. */
static void attribute_known(struct build *b, struct attribute_def *a, const struct node *node)
{
  const char *word = node_is(node, NODE_TEXT) ? node->text : "arrival";
  const struct node *pipeline = node_get(b->klass, "pipeline");
  a->known = !strcmp(word, "completion") ? KNOWN_COMPLETION : !strcmp(word, "oracle") ? KNOWN_ORACLE : KNOWN_ARRIVAL;
  a->after_task = NONE;
  if (a->known != KNOWN_ARRIVAL || !strcmp(word, "arrival"))
    return;
  const char *names[MAX_TASKS + 3] = {"arrival", "completion", "oracle"};
  int n = 3;
  for (size_t i = 0; node_is(pipeline, NODE_LIST) && i < pipeline->n && n < MAX_TASKS + 3; i++)
    if (node_name(pipeline->child[i]))
      names[n++] = node_name(pipeline->child[i]);
  int found = build_find(b, node, "moment or task", names, n);
  a->known = KNOWN_AFTER_TASK;
  a->after_task = found == NONE ? 0 : found - 3;        /* place in the file; klass.c moves it with the tasks */
}

struct attribute_def *build_add_attribute(struct build *b, const char *name, struct where at)
{
  static const char *const reserved[] = {"difficulty", "min", "max", "and", "or", "not"};
  for (int i = 0; i < b->n_attributes; i++)
    if (!strcmp(b->attribute[i].name, name)) {
      err_add(b->err, at, "the attribute '%s' is there twice", name);
      return &b->attribute[i];
    }
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (b->n_attributes && !strcmp(reserved[i], name))
      err_add(b->err, at, "'%s' is a word of the language, not an attribute", name);
  if (b->n_attributes == MAX_ATTRIBUTES) {
    err_add(b->err, at, "more than %d attributes", MAX_ATTRIBUTES);
    return &b->attribute[MAX_ATTRIBUTES - 1];
  }
  b->attribute_at[b->n_attributes] = at;
  struct attribute_def *a = &b->attribute[b->n_attributes++];
  *a = (struct attribute_def){.name = name, .known = KNOWN_ARRIVAL, .after_task = NONE};
  return a;
}

static void add_columns(struct build *b, const struct node *columns)
{
  for (size_t i = 0; node_is(columns, NODE_MAP) && i < columns->n; i++) {
    const struct node *column = columns->child[i];
    struct attribute_def *a = build_add_attribute(b, column->key, column->key_at);
    if (node_is(column, NODE_MAP)) {
      a->unit = get_text(column, "trace_column", "unit");
      attribute_known(b, a, node_get(column, "known"));
    }
  }
}

/* The unit that values are kept in: "kB" means that the column counts kB; attributes are SI. */
static double unit_scale(struct build *b, const struct node *unit, const char **si)
{
  char text[80], why[UNITS_WHY];
  double factor = 1;
  *si = NULL;
  if (!node_is(unit, NODE_TEXT))
    return 1;
  snprintf(text, sizeof text, "1 %.60s", unit->text);
  for (int q = 0; q < Q_ANY; q++)
    if (number_parse(text, (enum quantity)q, &factor, why)) {
      *si = quantities[q].unit;
      return factor;
    }
  err_add(b->err, unit->at, "%s", number_parse(text, Q_ANY, &factor, why) ? "this unit is not one of a quantity" : why);
  return 1;
}

static void set_estimate(struct build *b, struct attribute_def *a, const struct node *node)
{
  char why[UNITS_WHY];
  const struct node *first = node_is(node, NODE_MAP) ? node_get(node, "class_mean") : NULL,
                    *number = first ? first : node;
  a->estimator = first || node_text_is(node, "class_mean") ? ESTIMATE_CLASS_MEAN : ESTIMATE_VALUE;
  a->estimate = NAN;
  if (node_text_is(node, "class_mean"))
    return;
  if (!node_is(number, NODE_TEXT))
    err_add(b->err, node->at, "an estimator is class_mean, a number, or {class_mean: FIRST}");
  else if (!number_parse(number->text, Q_ANY, &a->estimate, why))
    err_add(b->err, number->at, "estimator: %s", why);
}

static void build_estimators(struct build *b, const struct node *map)
{
  const char *names[MAX_ATTRIBUTES];
  for (int i = 0; i < b->n_attributes; i++)
    names[i] = b->attribute[i].name;
  if (map && !node_is(map, NODE_MAP))
    err_add(b->err, map->at, "'estimator' is a map: attribute: class_mean, a number, or {class_mean: FIRST}");
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++) {
    int index = build_find_key(b, map->child[i], "attribute", names, b->n_attributes);
    if (index != NONE)
      set_estimate(b, &b->attribute[index], map->child[i]);
  }
}

/* With a distribution or of a classifier: one more; without: says when a column of the workload is known. */
static void own_attribute(struct build *b, const struct node *node)
{
  struct attribute_def *a = NULL;
  const char *si;
  double scale = unit_scale(b, node_get(node, "unit"), &si);
  const struct node *classifier = node_get(node, "classifier");
  bool drawn = classifier || node_get(node, "dist") || node_get(node, "scores");
  for (int i = 1; i < b->n_attributes && !drawn; i++)
    if (!strcmp(b->attribute[i].name, node->key))
      a = &b->attribute[i];
  bool of_trace = a != NULL, subjects = node_get(node, "subjects");
  if (!a && node_is(node, NODE_MAP) && !drawn && !subjects)
    err_add(b->err, node->key_at, "the attribute '%s' needs 'dist'; the workload has no such column", node->key);
  if (!a)
    a = build_add_attribute(b, node->key, node->key_at);
  if (node_get(node, "dist"))
    a->dist = build_dist(b, node_get(node, "dist"), Q_ANY, scale);
  if (classifier) {
    if (node_get(node, "dist"))
      err_add(b->err, classifier->at, "an attribute has a 'dist' or is what a 'classifier' says, not both");
    a->dist = b->attribute[0].dist;
    a->classifies = true;
    a->error = get_number(node, "attribute", "classifier");
  }
  if (node_get(node, "scores"))
    build_scores(b, a, node);
  a->unit = si ? si : a->unit;
  if (node_get(node, "known"))
    attribute_known(b, a, node_get(node, "known"));
  if (subjects)
    build_subjects(b, a, node, !of_trace);
}

void build_attributes(struct build *b, struct class_def *c)
{
  const struct node *own = node_get(b->klass, "attributes"), *arrivals = node_get(b->klass, "arrivals");
  struct dist *uniform = arena_alloc(b->arena, sizeof *uniform);
  char why[160];
  b->n_attributes = 0;
  b->negative = 0;
  b->arrivals = &c->arrivals;
  struct attribute_def *difficulty = build_add_attribute(b, "difficulty", (struct where){0});
  difficulty->known = KNOWN_ORACLE;
  if (dist_make(uniform, "uniform", (double[]){0, 1}, 2, why))
    difficulty->dist = uniform;
  add_columns(b, node_get(node_get(arrivals, "trace"), "columns"));
  for (int i = 0; c->arrivals.like && !node_get(arrivals, "trace") && i < c->arrivals.like->n_columns; i++)
    build_add_attribute(b, c->arrivals.like->column[i], node_get(arrivals, "like")->at);
  build_session_attributes(b, c);
  for (size_t i = 0; node_is(own, NODE_MAP) && i < own->n; i++)
    own_attribute(b, own->child[i]);
  build_all_produced(b);
  build_estimators(b, node_get(b->klass, "estimator"));
}

/* ---- traces ---------------------------------------------------------------------------------------------------- */

static enum trace_format trace_format(const struct node *node, const char *file)
{
  int chosen = get_choice(node, "trace", "format");
  size_t n = strlen(file);
  if (n > 3 && !strcmp(file + n - 3, ".gz"))
    n -= 3;
  if (chosen >= 0)
    return (enum trace_format)chosen;
  if (n > 4 && !strncmp(file + n - 4, ".tsv", 4))
    return TRACE_TSV;
  return n > 6 && !strncmp(file + n - 6, ".jsonl", 6) ? TRACE_JSONL : TRACE_CSV;
}

static void trace_time(struct trace_def *t, const struct node *time)
{
  static const double scale[] = {1, 1, 1e-3, 1e-6, 1e-9, 60, 3600};
  int as = get_choice(time, "trace_time", "as");
  t->time_column = node_is(time, NODE_TEXT) ? time->text : get_text(time, "trace_time", "column");
  t->time_is_datetime = as == 0;
  t->time_scale_s = scale[as < 0 ? 1 : as];
  t->origin_first = get_choice(time, "trace_time", "origin") == 0;
}

static void trace_columns(struct build *b, struct trace_def *t, const struct node *columns)
{
  size_t n = node_is(columns, NODE_MAP) ? columns->n : 0;
  struct trace_column_def *column = arena_array(b->arena, struct trace_column_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    const struct node *c = columns->child[i];
    const char *missing = node_is(c, NODE_MAP) ? get_text(c, "trace_column", "missing") : "error", *si;
    column[i] = (struct trace_column_def){.attribute = c->key, .scale = unit_scale(b, node_get(c, "unit"), &si),
      .column = node_is(c, NODE_TEXT) ? c->text : get_text(c, "trace_column", "column"), .words = subject_words(b, c->key)};
    column[i].missing = !strcmp(missing, "error")  ? MISSING_ERROR
                        : !strcmp(missing, "skip") ? MISSING_SKIP
                                                   : MISSING_VALUE;
    if (column[i].missing == MISSING_VALUE)
      column[i].missing_value = get_number(c, "trace_column", "missing");
    if (!column[i].column)
      column[i].column = "?";
  }
  t->column = column;
  t->n_columns = (int)n;
}

static void trace_where(struct build *b, struct trace_def *t, const struct node *where)
{
  const struct node *const *one;
  size_t n = elements(where, &one, b->arena);
  struct trace_where_def *keep = arena_array(b->arena, struct trace_where_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    char why[UNITS_WHY];
    const char *text = get_text(one[i], "trace_where", "value"), *column = get_text(one[i], "trace_where", "column");
    keep[i] = (struct trace_where_def){
        .column = column ? column : "?", .op = get_text(one[i], "trace_where", "op"), .text = text ? text : ""};
    keep[i].numeric = number_parse(keep[i].text, Q_PURE, &keep[i].number, why);
  }
  t->keep = keep;
  t->n_where = (int)n;
}

static void find_trace(struct build *b, struct trace_def *t, const struct node *file, bool has_other)
{
  const char *tried;
  struct hash hash;
  t->file = scenario_find_file(b->arena, b->folder_of, t->asked, &tried);
  if (!t->file && !has_other)
    err_add(b->err, file->at, "the trace '%.200s' was not found; looked for %s", t->asked, tried);
  if (t->file && !hash_file(t->file, &hash))
    err_system(b->err, "cannot read %s", t->file);
  else if (t->file)
    note_file(b->scenario, t->asked, t->file, "trace", hash);
}

static void build_trace(struct build *b, struct arrivals_def *a, const struct node *node)
{
  const struct node *file = node_get(node, "file"), *slice = node_get(node, "slice"), *other = node_get(node, "else");
  struct trace_def *t = arena_alloc(b->arena, sizeof *t);
  if (!node_is(file, NODE_TEXT))
    return;
  *t = (struct trace_def){.asked = file->text,
                          .at = file->at,
                          .format = trace_format(node, file->text),
                          .rate = get_number(node, "trace", "rate"),
                          .slice_from_s = get_number(slice, "slice", "from"),
                          .slice_to_s = get_number(slice, "slice", "to"),
                          .max_gap_s = get_number(node, "trace", "gaps"),
                          .spread_ties_s = get_number(node, "trace", "spread_ties"),
                          .at_end = (enum trace_at_end)get_choice(node, "trace", "at_end"),
                          .replicate = (enum trace_replicate)get_choice(node, "trace", "replicate"),
                          .block_s = get_number(node, "trace", "block"),
                          .keep_share = get_number(node, "trace", "keep")};
  t->window_s = get_number(node, "trace", "window");
  if (t->replicate == REPLICATE_WINDOW && isnan(t->window_s))
    err_add(b->err, node->at, "'replicate: window' needs 'window', its length");
  if (isnan(t->window_s))
    t->window_s = 0;
  trace_time(t, node_get(node, "time"));
  trace_columns(b, t, node_get(node, "columns"));
  trace_where(b, t, node_get(node, "where"));
  a->trace = t;
  for (int i = 0; other && i < t->n_columns; i++)
    if (t->column[i].words)
      err_add(b->err, other->key_at, "'%s' is a column of words: a fit has none to stand for it", t->column[i].attribute);
  if (other)
    a->like = build_workload_fit(b, node_get(other, "like"));
  size_t errors = b->err->n_errors;
  find_trace(b, t, file, other != NULL);
  if (t->file && b->err->n_errors == errors && t->time_column)
    t->table = trace_load(t, b->arena, b->err);
}

/* ---- kinds ----------------------------------------------------------------------------------------------------- */

static void build_mmpp(struct build *b, struct arrivals_def *a, const struct node *states)
{
  size_t n = node_is(states, NODE_LIST) ? states->n : 0;
  double *rate = arena_array(b->arena, double, n + 1), *mean = arena_array(b->arena, double, n + 1);
  for (size_t i = 0; i < n; i++) {
    rate[i] = get_number(states->child[i], "mmpp_state", "rate");
    mean[i] = get_number(states->child[i], "mmpp_state", "mean");
  }
  if (states && n < 2)
    err_add(b->err, states->at, "mmpp needs at least two states");
  a->n_states = (int)n;
  a->state_rate_per_s = rate;
  a->state_mean_s = mean;
}

static void build_piecewise(struct build *b, struct arrivals_def *a, const struct node *node)
{
  const struct node *pieces = node_get(node, "pieces");
  size_t n = node_is(pieces, NODE_LIST) ? pieces->n : 0;
  double *from = arena_array(b->arena, double, n + 1), *rate = arena_array(b->arena, double, n + 1);
  for (size_t i = 0; i < n; i++) {
    from[i] = get_number(pieces->child[i], "piece", "from");
    rate[i] = get_number(pieces->child[i], "piece", "rate");
    if (i > 0 && from[i] <= from[i - 1])
      err_add(b->err, pieces->child[i]->at, "pieces must be in order of 'from'");
  }
  a->n_pieces = (int)n;
  a->piece_from_s = from;
  a->piece_rate_per_s = rate;
  a->piece_period_s = get_number(node, "piecewise", "period");
  if (n && a->piece_period_s > 0 && a->piece_period_s <= from[n - 1])
    err_add(b->err, node_get(node, "period")->at, "'period' must be after the last piece");
}

static double rate_of(const struct node *node, const char *section)
{
  double rate = get_number(node, section, "rate");
  return isnan(rate) ? 1 : rate;
}

void build_arrivals(struct build *b, struct class_def *c)
{
  static const char *const kinds[] = {"poisson", "renewal", "mmpp", "on_off", "piecewise", "closed", "trace", "like",
                                      "session"};
  const struct node *arrivals = node_get(b->klass, "arrivals"), *node = NULL;
  struct arrivals_def *a = &c->arrivals;
  a->rate_per_s = 1;
  for (int k = 0; k < 9 && !node; k++)
    if ((node = node_get(arrivals, kinds[k])))
      a->kind = (enum arrivals_kind)k;
  if (!node)
    return;
  switch (a->kind) {
  case ARRIVE_POISSON: a->rate_per_s = rate_of(node, "poisson"); break;
  case ARRIVE_RENEWAL: a->interarrival_s = build_dist(b, node_get(node, "interarrival"), Q_TIME, 1); break;
  case ARRIVE_MMPP: build_mmpp(b, a, node_get(node, "states")); break;
  case ARRIVE_ON_OFF:
    a->on_s = build_dist(b, node_get(node, "on"), Q_TIME, 1);
    a->off_s = build_dist(b, node_get(node, "off"), Q_TIME, 1);
    a->on_rate_per_s = rate_of(node, "on_off");
    break;
  case ARRIVE_PIECEWISE: build_piecewise(b, a, node); break;
  case ARRIVE_CLOSED:
    a->users = get_count(node, "closed", "users");
    a->think_s = build_dist(b, node_get(node, "think"), Q_TIME, 1);
    break;
  case ARRIVE_TRACE: build_trace(b, a, node); break;
  case ARRIVE_LIKE: a->like = build_workload_fit(b, node); break;
  case ARRIVE_SESSION: build_session_begin(b, a, node); break;
  }
  if (a->kind == ARRIVE_RENEWAL && a->interarrival_s && !(dist_mean(a->interarrival_s) > 0))
    err_add(b->err, node->at, "the mean of 'interarrival' must be more than 0 s");
}
