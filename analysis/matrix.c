/* matrix.c: cases of local against elsewhere, and what is made of them (matrix.h). */
#include "analysis/matrix.h"
#include "analysis/columns.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const matrix_words[3] = {"always local", "prime candidate", "conditional"};

/* ---- the judgement ----------------------------------------------------------------------------------------------- */

enum matrix_verdict matrix_judge(uint64_t sooner, uint64_t n)
{
  if (n == 0) return MATRIX_CONDITIONAL;
  struct interval share = interval_wilson(sooner, n, .95);
  return share.hi <= .1 ? MATRIX_LOCAL : share.lo >= .9 ? MATRIX_PRIME : MATRIX_CONDITIONAL;
}

struct valued { double x; bool sooner; };

static int by_value(const void *a, const void *b)
{
  double x = ((const struct valued *)a)->x, y = ((const struct valued *)b)->x;
  return (x > y) - (x < y);
}

struct matrix_cue matrix_cue(const double *x, const bool *sooner, size_t n)
{
  struct valued *v = grab(n + 1, sizeof *v);
  size_t known = 0, of[2] = {0, 0}, below[2] = {0, 0};
  for (size_t i = 0; i < n; i++)
    if (!isnan(x[i])) { v[known++] = (struct valued){x[i], sooner[i]}; of[sooner[i]]++; }
  qsort(v, known, sizeof *v, by_value);
  struct matrix_cue cue = {.auc = NAN, .from = NAN};
  double wins = 0, best = 0;
  for (size_t i = 0, to; i < known && of[0] && of[1]; i = to) {         /* values that are equal go together */
    size_t here[2] = {0, 0};
    for (to = i; to < known && v[to].x == v[i].x; to++) here[v[to].sooner]++;
    wins += (double)here[1] * ((double)below[0] + 0.5 * (double)here[0]);
    for (int k = 0; k < 2; k++) below[k] += here[k];
    double gain = (double)below[0] / (double)of[0] - (double)below[1] / (double)of[1];
    if (fabs(gain) > best) { best = fabs(gain); cue.from = v[i].x; cue.above = gain > 0; }
  }
  free(v);
  if (!of[0] || !of[1]) return cue;
  cue.auc = wins / ((double)of[0] * (double)of[1]);
  cue.error = sqrt((double)(known + 1) / (12.0 * (double)of[0] * (double)of[1]));
  return cue;
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

struct sample { uint64_t replication, request; uint32_t klass, task; bool away; double s, joule, usd; };
/* Sums over the samples of each side: 0 = on a device, 1 = elsewhere. */
struct matrix_case { uint64_t replication, request; size_t n[2]; double s[2], joule[2], usd[2]; };
struct samples { struct sample *all; size_t n, room; };

enum { A_REQUEST, A_CLASS, A_TASK, A_PLACE, A_STARTED, A_ENDED, A_STATUS, A_MEASURED, N_A };
static const char *const attempt_names[N_A] = {
  "attempts/request", "attempts/class", "attempts/task", "attempts/place", "attempts/started_ns", "attempts/ended_ns",
  "attempts/status", "attempts/measured"};

/* Any of that replication; NULL: it has none. Names, codes and attributes are the same under all policies. */
static const char *trace_of(const struct comparison *c, uint64_t replication)
{
  for (size_t p = 0; p < c->n_policies; p++)
    for (size_t i = 0; i < c->policy[p].n; i++)
      if (*c->policy[p].trace[i] && c->policy[p].replication[i] == replication) return c->policy[p].trace[i];
  return NULL;
}

static bool is_device(const struct comparison *c, const char *place)
{
  const json *places = json_at(c->resolved, "places");
  for (size_t i = 0; i < json_count(places); i++) {
    const char *name = json_text(json_at(json_nth(places, i), "name")), *tier = json_text(json_at(json_nth(places, i), "tier"));
    if (name && !strcmp(name, place)) return tier && !strcmp(tier, "device");
  }
  return false;
}

static void take(struct samples *s, const struct columns *a, size_t i, uint64_t replication, bool away, double joule, double usd)
{
  if (s->n == s->room) s->all = grab_more(s->all, s->room = s->room ? 2 * s->room : 1024, sizeof *s->all);
  s->all[s->n++] = (struct sample){replication, (uint64_t)a->at[A_REQUEST][i], (uint32_t)a->at[A_CLASS][i],
                                   (uint32_t)a->at[A_TASK][i], away, 1e-9 * (double)(a->at[A_ENDED][i] - a->at[A_STARTED][i]),
                                   joule, usd};
}

static void take_all(const struct comparison *c, struct trace_reader *t, const struct columns *a, uint64_t replication,
                     const double *joule, const double *usd, struct samples *to)
{
  const char **place;
  size_t n_places = column_names(t, "attempts/place", &place);
  bool *device = grab(n_places + 1, sizeof *device);
  for (size_t i = 0; i < n_places; i++) device[i] = is_device(c, place[i]);
  for (size_t i = 0; i < a->rows; i++)
    if (a->at[A_MEASURED][i] && status_has_answer(a->at[A_STATUS][i]))
      take(to, a, i, replication, !device[a->at[A_PLACE][i]], joule[i], usd[i]);
  free(device);
  free(place);
}

static bool read_trace(const struct comparison *c, const char *path, uint64_t replication, struct samples *to, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  struct columns a = {0};
  size_t n;
  double *joule = NULL, *usd = NULL;
  bool ok = t && columns_load(&a, t, attempt_names, N_A, err) && (joule = trace_column(t, "attempts/energy_device_j", &n, err))
            && (usd = trace_column(t, "attempts/cost_usd", &n, err));
  if (ok) take_all(c, t, &a, replication, joule, usd, to);
  free(joule);
  free(usd);
  columns_free(&a);
  if (t) trace_close(t);
  return ok;
}

static int by_case(const void *a, const void *b)
{
  const struct sample *x = a, *y = b;
  if (x->klass != y->klass) return x->klass < y->klass ? -1 : 1;
  if (x->task != y->task) return x->task < y->task ? -1 : 1;
  if (x->replication != y->replication) return x->replication < y->replication ? -1 : 1;
  return (x->request > y->request) - (x->request < y->request);
}

static bool same_case(const struct sample *a, const struct sample *b) { return by_case(a, b) == 0; }

static void add(struct matrix_case *k, const struct sample *x)
{
  k->n[x->away]++;
  k->s[x->away] += x->s;
  k->joule[x->away] += x->joule;
  k->usd[x->away] += x->usd;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

struct located { uint64_t request; size_t row; };
static int by_request(const void *a, const void *b)
{
  uint64_t x = ((const struct located *)a)->request, y = ((const struct located *)b)->request;
  return (x > y) - (x < y);
}

/* Of cases of one replication their attribute, from a trace of it. */
static bool fill_attribute(const char *path, const char *name, const struct matrix_case *k, size_t n, double *x, struct err *err)
{
  struct trace_reader *t = trace_open(path, err);
  size_t rows = 0;
  int64_t *request = t ? trace_column_int(t, "requests/request", &rows, err) : NULL;
  double *value = request ? trace_column(t, name, &rows, err) : NULL;
  struct located *at = grab(rows + 1, sizeof *at);
  for (size_t i = 0; value && i < rows; i++) at[i] = (struct located){(uint64_t)request[i], i};
  if (value) qsort(at, rows, sizeof *at, by_request);
  for (size_t i = 0; value && i < n; i++) {
    const struct located *found = bsearch(&(struct located){k[i].request, 0}, at, rows, sizeof *at, by_request);
    x[i] = found ? value[found->row] : NAN;
  }
  bool ok = value != NULL;
  free(at);
  free(value);
  free(request);
  if (t) trace_close(t);
  return ok;
}

static bool known_at_arrival(const json *attribute)
{
  const char *known = json_text(json_at(attribute, "known"));
  return !known || !strcmp(known, "arrival");
}

struct cue_found { const char *name; struct matrix_cue cue; };

static bool try_attribute(const struct comparison *c, const char *name, const struct matrix_case *k, const bool *sooner, size_t n,
                          struct cue_found *best, struct err *err)
{
  double *x = grab(n + 1, sizeof *x);
  struct text column = {0};
  bool ok = true;
  text_add(&column, "requests/%s", name);
  for (size_t i = 0, to; i < n && ok; i = to) {         /* cases are in order of replications */
    for (to = i; to < n && k[to].replication == k[i].replication;) to++;
    ok = fill_attribute(trace_of(c, k[i].replication), column.s, k + i, to - i, x + i, err);
  }
  struct matrix_cue cue = matrix_cue(x, sooner, n);
  if (fabs(cue.auc - .5) > 4 * cue.error && (!best->name || fabs(cue.auc - .5) > fabs(best->cue.auc - .5))) *best = (struct cue_found){name, cue};
  free(column.s);
  free(x);
  return ok;
}

/* The attribute known at arrival that tells the cases apart best. */
static bool find_cue(const struct comparison *c, const char *klass, const struct matrix_case *k, const bool *sooner, size_t n,
                     struct cue_found *best, struct err *err)
{
  const json *classes = json_at(c->resolved, "classes");
  bool ok = true;
  for (size_t i = 0; i < json_count(classes); i++) {
    const json *one = json_nth(classes, i), *columns = json_at(json_at(json_at(one, "arrivals"), "trace"), "columns");
    const json *of[2] = {json_at(one, "attributes"), columns};
    const char *name = json_text(json_at(one, "name"));
    if (!name || strcmp(name, klass)) continue;
    for (int m = 0; m < 2; m++)
      for (size_t j = 0; of[m] && j < json_count(of[m]) && ok; j++)
        if (known_at_arrival(json_at(of[m], json_key(of[m], j)))) ok = try_attribute(c, json_key(of[m], j), k, sooner, n, best, err);
  }
  return ok;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

struct row {
  const char *klass, *task;
  size_t n, sooner; double s[2], joule[2], usd[2];
  enum matrix_verdict verdict;
  struct cue_found cue;
};

static void sum_up(struct row *r, const struct matrix_case *k, size_t n, bool *sooner)
{
  r->n = n;
  for (size_t i = 0; i < n; i++) {
    sooner[i] = k[i].s[1] / (double)k[i].n[1] < k[i].s[0] / (double)k[i].n[0];
    r->sooner += sooner[i];
    for (int side = 0; side < 2; side++) {
      double part = 1 / ((double)k[i].n[side] * (double)n);
      r->s[side] += k[i].s[side] * part;
      r->joule[side] += k[i].joule[side] * part;
      r->usd[side] += k[i].usd[side] * part;
    }
  }
}

/* Samples of one task of one class; false: an attribute could not be read. Without a case there is no row. */
static bool judge_task(const struct comparison *c, const struct sample *s, size_t n, struct row *r, struct err *err)
{
  struct matrix_case *k = grab(n + 1, sizeof *k);
  bool *sooner = grab(n + 1, sizeof *sooner), ok = true;
  size_t cases = 0;
  for (size_t i = 0, to; i < n; i = to) {
    struct matrix_case one = {.replication = s[i].replication, .request = s[i].request};
    for (to = i; to < n && same_case(&s[i], &s[to]); to++) add(&one, &s[to]);
    if (one.n[0] && one.n[1]) k[cases++] = one;
  }
  sum_up(r, k, cases, sooner);
  r->verdict = matrix_judge(r->sooner, cases);
  if (cases && r->verdict == MATRIX_CONDITIONAL) ok = find_cue(c, r->klass, k, sooner, cases, &r->cue, err);
  free(k);
  free(sooner);
  return ok;
}

static struct number cue_text(const struct row *r)
{
  struct number out = {"-"};
  if (r->cue.name) snprintf(out.s, sizeof out.s, "%.14s %s %.12s", r->cue.name, r->cue.cue.above ? ">" : "<=", number_text(r->cue.cue.from).s);
  return out;
}

static void put_row(struct table *t, const struct row *r)
{
  struct interval share = interval_wilson(r->sooner, r->n, .95);
  table_cell(t, "%s", r->klass);
  table_cell(t, "%s", r->task);
  table_cell(t, "%s", matrix_words[r->verdict]);
  table_cell(t, "%s", cue_text(r).s);
  table_cell(t, "%s", r->cue.name ? number_text(r->cue.cue.above ? r->cue.cue.auc : 1 - r->cue.cue.auc).s : "-");
  table_cell(t, "%zu", r->n);
  table_cell(t, "%.3f [%.3f, %.3f]", share.value, share.lo, share.hi);
  for (int side = 0; side < 2; side++) table_cell(t, "%s", number_text(r->s[side]).s);
  for (int side = 0; side < 2; side++) table_cell(t, "%s", number_text(r->joule[side]).s);
  table_cell(t, "%s", number_text(1000 * (r->usd[1] - r->usd[0])).s);
}

static json *row_json(const struct row *r)
{
  json *o = json_new_object();
  json_put_string(o, "class", r->klass);
  json_put_string(o, "task", r->task);
  json_put_string(o, "verdict", matrix_words[r->verdict]);
  json_put_int(o, "cases", (int64_t)r->n);
  json_put(o, "elsewhere_sooner", interval_json(interval_wilson(r->sooner, r->n, .95)));
  json_put_number(o, "local_s", r->s[0]);
  json_put_number(o, "elsewhere_s", r->s[1]);
  json_put_number(o, "local_device_j", r->joule[0]);
  json_put_number(o, "elsewhere_device_j", r->joule[1]);
  json_put_number(o, "more_usd_per_1k", 1000 * (r->usd[1] - r->usd[0]));
  if (!r->cue.name) return o;
  json *cue = json_new_object();
  json_put_string(cue, "attribute", r->cue.name);
  json_put_number(cue, "auc", r->cue.cue.auc);
  json_put_number(cue, "from", r->cue.cue.from);
  json_put_bool(cue, "above", r->cue.cue.above);
  return json_put(o, "condition", cue);
}

static void print_rows(const struct row *r, size_t n, FILE *f, bool as_json)
{
  static const char *const head[] = {"class", "task", "verdict", "goes where", "AUC", "cases", "elsewhere sooner [95 %]",
                                     "local s", "elsewhere s", "local device J", "elsewhere device J", "more USD/1k"};
  if (as_json) {
    json *all = json_new_array();
    for (size_t i = 0; i < n; i++) json_push(all, row_json(&r[i]));
    json *top = json_put(json_new_object(), "matrix", all);
    char *text = json_write(top, true);
    fprintf(f, "%s\n", text);
    free(text);
    json_release(top);
    return;
  }
  struct table *t = table_new(sizeof head / sizeof *head);
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (size_t i = 0; i < n; i++) put_row(t, &r[i]);
  table_print(t, f, 4);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool read_all(const struct comparison *c, struct samples *s, struct err *err)
{
  for (size_t p = 0; p < c->n_policies; p++)
    for (size_t i = 0; i < c->policy[p].n; i++)
      if (*c->policy[p].trace[i] && !read_trace(c, c->policy[p].trace[i], c->policy[p].replication[i], s, err)) return false;
  if (s->n == 0) return err_add(err, (struct where){0}, "matrix: there is no traced run (output: {trace: full})");
  qsort(s->all, s->n, sizeof *s->all, by_case);
  return true;
}

static bool judge_all(const struct comparison *c, const struct samples *s, FILE *f, bool as_json, struct err *err)
{
  struct trace_reader *names = trace_open(trace_of(c, s->all[0].replication), err);
  if (!names) return false;
  struct row *row = NULL;
  size_t n = 0;
  bool ok = true;
  for (size_t i = 0, to; i < s->n && ok; i = to) {
    const struct sample *x = &s->all[i];
    for (to = i; to < s->n && s->all[to].klass == x->klass && s->all[to].task == x->task;) to++;
    row = grab_more(row, n + 1, sizeof *row);
    row[n] = (struct row){.klass = trace_enum_name(names, "attempts/class", x->klass),
                          .task = trace_enum_name(names, "attempts/task", x->task)};
    ok = judge_task(c, x, to - i, &row[n], err);
    n += row[n].n > 0;
  }
  if (ok && n == 0) ok = err_add(err, (struct where){0}, "matrix: no task was done on a device and elsewhere, of the same request; "
                                 "run always_local and others beside each other");
  if (ok) print_rows(row, n, f, as_json);
  free(row);
  trace_close(names);
  return ok;
}

bool matrix_print(const struct comparison *c, FILE *f, bool as_json, struct err *err)
{
  struct samples s = {0};
  bool ok = read_all(c, &s, err) && judge_all(c, &s, f, as_json, err);
  free(s.all);
  return ok;
}
