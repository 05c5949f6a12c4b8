/* inspect.c: time lines and tails. */
#include "analysis/inspect.h"
#include "analysis/columns.h"
#include "analysis/paths.h"
#include "analysis/text.h"
#include "sim/json.h"

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

const struct compared_policy *inspect_policy(const struct comparison *c, const char *name, struct err *err)
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
const char *inspect_trace(const struct compared_policy *p, const struct inspect_options *o, uint64_t *replication,
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

static void print_path(const struct paths *p, size_t row, FILE *f)
{
  size_t klass = (size_t)p->requests.at[Q_CLASS][row];
  double whole_ns = (double)(paths_end_ns(p, row) - p->requests.at[Q_ARRIVED][row]);
  fputs("\n  critical path:", f);
  for (size_t i = 0; i < p->path.n; i++) {
    const struct path_part *part = &p->path.part[i];
    const struct path_part *before = i ? part - 1 : NULL;
    if (!before || before->task != part->task || before->step != part->step) {
      fprintf(f, "%s %s", i ? ";" : "", paths_task(p, klass, part->task));
      if (part->step >= 0) fprintf(f, ".%u", p->step[part->step].attempt);
    }
    double ns = (double)(part->to_ns - part->from_ns);
    fprintf(f, "%s %s %s s (%s)", before && before->step == part->step ? "," : "", path_phase_name(part->phase),
            number_text(ns * NS).s, percent_text(ns, whole_ns).s);
  }
  fputs("\n\n", f);
}

static json *part_json(const struct paths *p, size_t klass, const struct path_part *part, int64_t arrived_ns)
{
  const struct path_step *s = part->step >= 0 ? &p->step[part->step] : NULL;
  json *x = json_put_string(json_new_object(), "task", paths_task(p, klass, part->task));
  json_put_string(x, "phase", path_phase_name(part->phase));
  json_put_number(x, "attempt", s ? (double)s->attempt : NAN);
  json_put_string(x, "place", s && s->place < p->n_places ? p->place[s->place] : NULL);
  json_put_number(x, "member", s ? (double)s->member : NAN);
  json_put_number(x, "from_s", (double)(part->from_ns - arrived_ns) * NS);
  return json_put_number(x, "to_s", (double)(part->to_ns - arrived_ns) * NS);
}

static void path_json(const struct paths *p, size_t row, const char *policy, uint64_t replication, FILE *f)
{
  size_t klass = (size_t)p->requests.at[Q_CLASS][row];
  int64_t arrived_ns = p->requests.at[Q_ARRIVED][row];
  json *x = json_put_string(json_new_object(), "policy", policy), *list = json_new_array();
  json_put_int(x, "replication", (int64_t)replication);
  json_put_int(x, "request", p->requests.at[Q_REQUEST][row]);
  json_put_string(x, "class", p->klass[klass]);
  json_put_string(x, "status", status_name[p->requests.at[Q_STATUS][row]]);
  json_put_number(x, "arrived_s", (double)arrived_ns * NS);
  json_put_number(x, "took_s", (double)(paths_end_ns(p, row) - arrived_ns) * NS);
  for (size_t i = 0; i < p->path.n; i++) json_push(list, part_json(p, klass, &p->path.part[i], arrived_ns));
  char *text = json_write(json_put(x, "path", list), true);
  fprintf(f, "%s\n", text);
  free(text);
  json_release(x);
}

/* Opened, and the request found; paths_close is right in any case. */
static bool open_request(struct paths *p, const char *file, uint64_t request, size_t *row, struct err *err)
{
  *row = 0;
  if (!paths_open(p, file, err)) return false;
  while (*row < p->requests.rows && (uint64_t)p->requests.at[Q_REQUEST][*row] != request) (*row)++;
  if (*row < p->requests.rows) paths_of(p, *row);
  return true;
}

static void print_all(const struct trace *t, const struct paths *paths, size_t r, const char *policy, uint64_t replication, FILE *f)
{
  uint64_t request = (uint64_t)t->requests.at[R_REQUEST][r];
  int64_t arrived_ns = t->requests.at[R_ARRIVED][r];
  fprintf(f, "policy %s, replication %llu\n", policy, (unsigned long long)replication);
  print_request(t, r, f);
  print_decisions(t, request, arrived_ns, f);
  print_path(paths, r, f);
  print_attempts(t, request, arrived_ns, end_of_request(t, request, t->requests.at[R_COMPLETED][r]), f);
}

static bool show_request(const struct compared_policy *p, const struct inspect_options *o, FILE *f, struct err *err)
{
  uint64_t replication;
  const char *file = inspect_trace(p, o, &replication, err);
  struct trace t = {0};
  struct paths paths = {0};
  size_t r;
  bool ok = file && open_request(&paths, file, o->request, &r, err);
  if (ok && r == paths.requests.rows)
    ok = err_add(err, (struct where){0}, "no request %llu in replication %llu of %s", (unsigned long long)o->request,
                 (unsigned long long)replication, p->name);
  if (ok && o->json) path_json(&paths, r, p->name, replication, f);
  else if (ok && (ok = trace_load(&t, file, true, err))) print_all(&t, &paths, r, p->name, replication, f);
  trace_release(&t);
  paths_close(&paths);
  return ok;
}

bool inspect_request(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  const struct compared_policy *p = inspect_policy(c, o->policy, err), *against = NULL;
  if (p && o->against) against = inspect_policy(c, o->against, err);
  if (err_any(err) || !show_request(p, o, f, err)) return false;
  if (!against) return true;
  fputc('\n', f);
  return show_request(against, o, f, err);
}

/* ---- all paths ----------------------------------------------------------------------------------------------------- */

bool inspect_paths(const struct comparison *c, const struct inspect_options *o, FILE *f, struct err *err)
{
  const struct compared_policy *p = inspect_policy(c, o->policy, err);
  uint64_t replication;
  const char *file = p ? inspect_trace(p, o, &replication, err) : NULL;
  if (!file) return false;
  struct paths paths;
  bool ok = paths_open(&paths, file, err);
  if (ok) paths_print(&paths, f);
  paths_close(&paths);
  return ok;
}
