/* inspect.c: time lines and tails. */
#include "analysis/inspect.h"
#include "analysis/columns.h"
#include "analysis/paths.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GANTT = 64 };
static const char phase_letter[N_PHASES + 1] = "?>.cb#<";
static const double NS = 1e-9;

/* ---- one trace ----------------------------------------------------------------------------------------------------
 */

enum { R_REQUEST, R_CLASS, R_ARRIVED, R_COMPLETED, R_FIRST, R_STATUS, R_MEASURED, R_SLO, R_DEVICE, R_TOKENS, N_R };
static const char *const request_names[N_R] = {
  "requests/request", "requests/class", "requests/arrived_ns", "requests/completed_ns", "requests/first_token_ns",
  "requests/status", "requests/measured", "requests/slo_met", "requests/device", "requests/tokens"};
enum { A_REQUEST, A_TASK, A_ATTEMPT, A_PLACE, A_MEMBER, A_VARIANT, A_STARTED, A_ENDED, A_STATUS, A_FALLBACK, A_PHASE,
       N_A = A_PHASE + N_PHASES };
static const char *const attempt_names[N_A] = {
  "attempts/request", "attempts/task", "attempts/attempt", "attempts/place", "attempts/member", "attempts/variant",
  "attempts/started_ns", "attempts/ended_ns", "attempts/status", "attempts/fallback", "attempts/decide_ns",
  "attempts/uplink_ns", "attempts/queue_ns", "attempts/cold_start_ns", "attempts/batch_ns", "attempts/serve_ns",
  "attempts/downlink_ns"};
enum { D_REQUEST, D_TASK, D_AT, D_PLACE, D_VARIANT, D_ACTIONS, D_REPLACED, N_D };
static const char *const decision_names[N_D] = {
  "decisions/request", "decisions/task", "decisions/at_ns", "decisions/place", "decisions/variant",
  "decisions/n_actions", "decisions/replaced"};

struct trace { struct trace_reader *reader; struct columns requests, attempts, decisions; };

static bool trace_load(struct trace *t, const char *path, bool decisions, struct err *err)
{
  *t = (struct trace){.reader = trace_open(path, err)};
  return t->reader && columns_load(&t->requests, t->reader, request_names, N_R, err) &&
         columns_load(&t->attempts, t->reader, attempt_names, N_A, err) &&
         (!decisions || columns_load(&t->decisions, t->reader, decision_names, N_D, err));
}

static void trace_release(struct trace *t)
{
  columns_free(&t->requests);
  columns_free(&t->attempts);
  columns_free(&t->decisions);
  if (t->reader) trace_close(t->reader);
}

/* The name of a code, or "-" when it has none. */
static const char *word(const struct trace *t, const char *column, int64_t code)
{
  const char *s = trace_enum_name(t->reader, column, code);
  return s && *s ? s : "-";
}

static const struct compared_policy *find_policy(const struct comparison *c, const char *name, struct err *err)
{
  size_t i = c->baseline == SIZE_MAX ? 0 : c->baseline;
  const char **names = grab(c->n_policies, sizeof *names);
  bool found = !name;
  for (size_t k = 0; k < c->n_policies; k++) {
    names[k] = c->policy[k].name;
    if (name && !strcmp(name, names[k])) i = k, found = true;
  }
  if (!found) {
    const char *near = nearest(name, names, c->n_policies);
    if (near) err_add(err, (struct where){0}, "unknown policy '%s'; did you mean '%s'?", name, near);
    else err_add(err, (struct where){0}, "unknown policy '%s'", name);
  }
  free(names);
  return found ? &c->policy[i] : NULL;
}

/* The trace of a replication; NULL after adding to err. */
static const char *find_trace(const struct compared_policy *p, const struct inspect_options *o, uint64_t *replication,
                              struct err *err)
{
  for (size_t i = 0; i < p->n; i++)
    if (*p->trace[i] && (!o->replication_given || p->replication[i] == o->replication)) {
      *replication = p->replication[i];
      return p->trace[i];
    }
  err_add(err, (struct where){0}, "%s has no traced run%s (output: {trace: full})", p->name,
          o->replication_given ? " of this replication" : "");
  return NULL;
}

/* ---- one request --------------------------------------------------------------------------------------------------
 */

/* Bars of one attempt: a letter a phase, on a line of GANTT columns from `from` to `to`. */
static void draw(char line[GANTT + 1], const struct columns *a, size_t row, int64_t from_ns, int64_t to_ns)
{
  double scale = to_ns > from_ns ? GANTT / (double)(to_ns - from_ns) : 0;
  int64_t at_ns = a->at[A_STARTED][row];
  memset(line, ' ', GANTT);
  line[GANTT] = 0;
  for (int p = 0; p < N_PHASES; p++) {
    int64_t length_ns = a->at[A_PHASE + p][row];
    int first = (int)((double)(at_ns - from_ns) * scale), last = (int)((double)(at_ns + length_ns - from_ns) * scale);
    for (int k = first; length_ns > 0 && k <= last && k < GANTT; k++)
      if (k >= 0) line[k] = phase_letter[p];
    at_ns += length_ns;
  }
}

static void print_request(const struct trace *t, size_t r, FILE *f)
{
  const struct columns *q = &t->requests;
  int64_t arrived_ns = q->at[R_ARRIVED][r], completed_ns = q->at[R_COMPLETED][r], first_ns = q->at[R_FIRST][r];
  fprintf(f, "request %llu  class %s  device %lld  arrived %.6f s  %s", (unsigned long long)q->at[R_REQUEST][r],
          word(t, "requests/class", q->at[R_CLASS][r]), (long long)q->at[R_DEVICE][r], (double)arrived_ns * NS,
          word(t, "requests/status", q->at[R_STATUS][r]));
  if (completed_ns >= 0)
    fprintf(f, "  %s %s s", status_has_answer(q->at[R_STATUS][r]) ? "latency" : "after", number_text((double)(completed_ns - arrived_ns) * NS).s);
  if (first_ns >= 0 && q->at[R_TOKENS][r] > 0)
    fprintf(f, "  first token %s s  %lld tokens", number_text((double)(first_ns - arrived_ns) * NS).s,
            (long long)q->at[R_TOKENS][r]);
  fprintf(f, "%s%s\n\n", q->at[R_SLO][r] ? "" : "  SLO missed", q->at[R_MEASURED][r] ? "" : "  (outside the window)");
}

static void print_decisions(const struct trace *t, uint64_t request, int64_t arrived_ns, FILE *f)
{
  const struct columns *d = &t->decisions;
  for (size_t i = 0; i < d->rows; i++) {
    if ((uint64_t)d->at[D_REQUEST][i] != request) continue;
    const char *variant = word(t, "decisions/variant", d->at[D_VARIANT][i]);
    fprintf(f, "  at %s s  decision on %s: %s%s%s, one of %lld actions%s\n",
            number_text((double)(d->at[D_AT][i] - arrived_ns) * NS).s, word(t, "decisions/task", d->at[D_TASK][i]),
            word(t, "decisions/place", d->at[D_PLACE][i]), *variant == '-' ? "" : " with ",
            *variant == '-' ? "" : variant, (long long)d->at[D_ACTIONS][i],
            d->at[D_REPLACED][i] ? " (a masked choice was replaced)" : "");
  }
}

static void put_attempt(struct table *table, const struct trace *t, size_t i, int64_t arrived_ns, int64_t end_ns)
{
  const struct columns *a = &t->attempts;
  char line[GANTT + 1];
  draw(line, a, i, arrived_ns, end_ns);
  table_cell(table, "%s.%lld%s", word(t, "attempts/task", a->at[A_TASK][i]), (long long)a->at[A_ATTEMPT][i],
             a->at[A_FALLBACK][i] ? " (fallback)" : "");
  table_cell(table, "%s[%lld]", word(t, "attempts/place", a->at[A_PLACE][i]), (long long)a->at[A_MEMBER][i]);
  table_cell(table, "%s", word(t, "attempts/variant", a->at[A_VARIANT][i]));
  table_cell(table, "%s", word(t, "attempts/status", a->at[A_STATUS][i]));
  table_cell(table, "|%s|", line);
  table_cell(table, "%s", number_text((double)(a->at[A_STARTED][i] - arrived_ns) * NS).s);
  for (int p = 0; p < N_PHASES; p++) table_cell(table, "%s", number_text((double)a->at[A_PHASE + p][i] * NS).s);
  table_cell(table, "%s", number_text((double)(a->at[A_ENDED][i] - arrived_ns) * NS).s);
}

static int64_t end_of_request(const struct trace *t, uint64_t request, int64_t end_ns)
{
  for (size_t i = 0; i < t->attempts.rows; i++)
    if ((uint64_t)t->attempts.at[A_REQUEST][i] == request && t->attempts.at[A_ENDED][i] > end_ns)
      end_ns = t->attempts.at[A_ENDED][i];
  return end_ns;
}

static void print_attempts(const struct trace *t, uint64_t request, int64_t arrived_ns, int64_t end_ns, FILE *f)
{
  struct table *table = table_new(7 + N_PHASES);
  const char *const head[] = {"attempt", "place", "variant", "status", "", "start s"};
  for (int i = 0; i < 6; i++) {
    if (i == 4) table_cell(table, "|0%*s|", GANTT - 1, number_text((double)(end_ns - arrived_ns) * NS).s);
    else table_cell(table, "%s", head[i]);
  }
  for (int p = 0; p < N_PHASES; p++) table_cell(table, "%c %s", phase_letter[p], phase_name[p]);
  table_cell(table, "end s");
  table_rule(table);
  for (size_t i = 0; i < t->attempts.rows; i++)
    if ((uint64_t)t->attempts.at[A_REQUEST][i] == request) put_attempt(table, t, i, arrived_ns, end_ns);
  table_print(table, f, 5);
}

static bool show_request(const struct compared_policy *p, const struct inspect_options *o, FILE *f, struct err *err)
{
  uint64_t replication;
  const char *path = find_trace(p, o, &replication, err);
  struct trace t = {0};
  bool ok = path && trace_load(&t, path, true, err);
  size_t r = 0;
  while (ok && r < t.requests.rows && (uint64_t)t.requests.at[R_REQUEST][r] != o->request) r++;
  if (ok && r == t.requests.rows)
    ok = err_add(err, (struct where){0}, "no request %llu in replication %llu of %s", (unsigned long long)o->request,
                 (unsigned long long)replication, p->name);
  if (ok) {
    int64_t arrived_ns = t.requests.at[R_ARRIVED][r];
    int64_t end_ns = end_of_request(&t, o->request, t.requests.at[R_COMPLETED][r]);
    fprintf(f, "policy %s, replication %llu\n", p->name, (unsigned long long)replication);
    print_request(&t, r, f);
    print_decisions(&t, o->request, arrived_ns, f);
    print_attempts(&t, o->request, arrived_ns, end_ns, f);
  }
  trace_release(&t);
  return ok;
}

bool inspect_request(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  const struct compared_policy *p = find_policy(c, o->policy, err), *against = NULL;
  if (p && o->against) against = find_policy(c, o->against, err);
  if (err_any(err) || !show_request(p, o, f, err)) return false;
  if (!against) return true;
  fputc('\n', f);
  return show_request(against, o, f, err);
}

/* ---- the tail -----------------------------------------------------------------------------------------------------
 */

/* A request with its latency; band: 1 = tail, 2 = around the median. */
struct timed { int64_t request, klass; double latency_s; int band; };
struct tail_table {
  size_t n_places, n_classes;
  double *sum_s;
  size_t *count;
}; /* [class][band][place][phase] */

static int by_latency(const void *a, const void *b)
{
  double x = ((const struct timed *)a)->latency_s, y = ((const struct timed *)b)->latency_s;
  return (x > y) - (x < y);
}

static int by_number(const void *a, const void *b)
{
  int64_t x = ((const struct timed *)a)->request, y = ((const struct timed *)b)->request;
  return (x > y) - (x < y);
}

/* Completed measured requests of a class, slowest last, with their bands; the number of them. */
static size_t band_class(const struct trace *t, int64_t klass, double tail, struct timed *out)
{
  const struct columns *q = &t->requests;
  size_t n = 0;
  for (size_t i = 0; i < q->rows; i++)
    if (q->at[R_CLASS][i] == klass && q->at[R_MEASURED][i] && status_has_answer(q->at[R_STATUS][i]))
      out[n++] = (struct timed){q->at[R_REQUEST][i], klass,
                                (double)(q->at[R_COMPLETED][i] - q->at[R_ARRIVED][i]) * NS, 0};
  qsort(out, n, sizeof *out, by_latency);
  for (size_t i = 0; i < n; i++) {
    double rank = ((double)i + .5) / (double)n;
    out[i].band = rank > tail ? 1 : rank > .45 && rank < .55 ? 2 : 0;
  }
  return n;
}

static double *cell(const struct tail_table *s, size_t klass, int band, size_t place, int phase)
{
  return &s->sum_s[((klass * 2 + (size_t)band - 1) * s->n_places + place) * N_PHASES + (size_t)phase];
}

static void add_attempts(struct tail_table *s, const struct trace *t, struct timed *row, size_t n)
{
  qsort(row, n, sizeof *row, by_number);
  const struct columns *a = &t->attempts;
  for (size_t i = 0; i < a->rows; i++) {
    struct timed key = {.request = a->at[A_REQUEST][i]};
    const struct timed *r = bsearch(&key, row, n, sizeof *row, by_number);
    if (!r || !r->band || (size_t)a->at[A_PLACE][i] >= s->n_places) continue;
    for (int p = 0; p < N_PHASES; p++)
      *cell(s, (size_t)r->klass, r->band, (size_t)a->at[A_PLACE][i], p) += (double)a->at[A_PHASE + p][i] * NS;
  }
}

static void add_trace(struct tail_table *s, const struct trace *t, double tail)
{
  struct timed *row = grab(t->requests.rows, sizeof *row);
  size_t n = 0;
  for (size_t k = 0; k < s->n_classes; k++) {
    size_t first = n;
    n += band_class(t, (int64_t)k, tail, row + n);
    for (size_t i = first; i < n; i++)
      if (row[i].band) s->count[2 * k + (size_t)row[i].band - 1]++;
  }
  add_attempts(s, t, row, n);
  free(row);
}

struct line { size_t place; int phase; double slow_s, usual_s; };
static int by_excess(const void *a, const void *b)
{
  const struct line *p = a, *q = b;
  double x = p->slow_s - p->usual_s, y = q->slow_s - q->usual_s;
  return (x < y) - (x > y);
}

static void print_tail(const struct tail_table *s, size_t k, const char *klass, const char *const *place, double tail,
                       FILE *f)
{
  size_t n = 0, slow = s->count[2 * k], usual = s->count[2 * k + 1];
  if (!slow || !usual) {
    fprintf(f, "class %s: too few completed requests for this tail\n\n", klass);
    return;
  }
  struct line *line = grab(s->n_places * N_PHASES, sizeof *line);
  double excess = 0;
  for (size_t p = 0; p < s->n_places; p++)
    for (int h = 0; h < N_PHASES; h++) {
      struct line l = {p, h, *cell(s, k, 1, p, h) / (double)slow, *cell(s, k, 2, p, h) / (double)usual};
      if (l.slow_s > 0 || l.usual_s > 0) line[n++] = l, excess += l.slow_s - l.usual_s;
    }
  qsort(line, n, sizeof *line, by_excess);
  fprintf(f, "class %s: %zu requests beyond p%g, %zu around the median\n", klass, slow, 100 * tail, usual);
  struct table *t = table_new(6);
  const char *const head[] = {"place", "phase", "tail, mean s", "median band, mean s", "excess s", "share of excess"};
  for (int i = 0; i < 6; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (size_t i = 0; i < n; i++) {
    table_cell(t, "%s", place[line[i].place]);
    table_cell(t, "%s", phase_name[line[i].phase]);
    table_cell(t, "%s", number_text(line[i].slow_s).s);
    table_cell(t, "%s", number_text(line[i].usual_s).s);
    table_cell(t, "%s", number_text(line[i].slow_s - line[i].usual_s).s);
    table_cell(t, "%s", percent_text(line[i].slow_s - line[i].usual_s, excess).s);
  }
  table_print(t, f, 2);
  fputc('\n', f);
  free(line);
}

static bool print_classes(const struct tail_table *s, const char *const *klass, const char *const *place,
                          const struct inspect_options *o, FILE *f, struct err *err)
{
  bool any = false;
  for (size_t k = 0; k < s->n_classes; k++)
    if (!o->klass || !strcmp(o->klass, klass[k])) print_tail(s, k, klass[k], place, o->tail, f), any = true;
  if (any) return true;
  const char *near = nearest(o->klass, klass, s->n_classes);
  return err_add(err, (struct where){0}, "unknown class '%s'%s%s%s", o->klass, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
}

bool inspect_tail(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  const struct compared_policy *p = find_policy(c, o->policy, err);
  uint64_t replication;
  const char *first = p ? find_trace(p, o, &replication, err) : NULL;
  struct trace names = {0};
  if (!first || !trace_load(&names, first, false, err)) return false;
  struct tail_table s = {0};
  const char **place, **klass;
  s.n_places = column_names(names.reader, "attempts/place", &place);
  s.n_classes = column_names(names.reader, "requests/class", &klass);
  s.sum_s = grab(s.n_classes * 2 * s.n_places * N_PHASES, sizeof *s.sum_s);
  s.count = grab(s.n_classes * 2, sizeof *s.count);
  bool ok = true;
  size_t used = 0;
  for (size_t i = 0; ok && i < p->n; i++) {
    if (!*p->trace[i] || (o->replication_given && p->replication[i] != o->replication)) continue;
    struct trace t;
    ok = trace_load(&t, p->trace[i], false, err);
    if (ok) add_trace(&s, &t, o->tail), used++;
    trace_release(&t);
  }
  if (ok) fprintf(f, "policy %s, %zu replication%s\n\n", p->name, used, used == 1 ? "" : "s");
  ok = ok && print_classes(&s, klass, place, o, f, err);
  free(place);
  free(klass);
  free(s.sum_s);
  free(s.count);
  trace_release(&names);
  return ok;
}

bool inspect_paths(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  const struct compared_policy *p = find_policy(c, o->policy, err);
  uint64_t replication;
  const char *file = p ? find_trace(p, o, &replication, err) : NULL;
  if (!file) return false;
  struct paths paths;
  bool ok = paths_open(&paths, file, err);
  if (ok) paths_print(&paths, f);
  paths_close(&paths);
  return ok;
}
