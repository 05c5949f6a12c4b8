/* paths.c: critical paths from a trace. */
#include "analysis/paths.h"
#include "analysis/text.h"
#include "sim/json.h"

#include <stdlib.h>
#include <string.h>

static const char *const request_names[N_Q] = {
  "requests/request", "requests/class", "requests/arrived_ns", "requests/completed_ns", "requests/status",
  "requests/measured"};
enum { A_REQUEST, A_TASK, A_ATTEMPT, A_PLACE, A_MEMBER, A_STARTED, A_ENDED, A_FIRST, A_STATUS, A_PHASE,
       N_A = A_PHASE + N_PHASES };
static const char *const attempt_names[N_A] = {
  "attempts/request", "attempts/task", "attempts/attempt", "attempts/place", "attempts/member", "attempts/started_ns",
  "attempts/ended_ns", "attempts/first_output_ns", "attempts/status", "attempts/decide_ns",
  "attempts/uplink_ns", "attempts/queue_ns", "attempts/cold_start_ns", "attempts/batch_ns", "attempts/serve_ns",
  "attempts/downlink_ns"};

/* ---- pipelines --------------------------------------------------------------------------------------------------- */

static const json *named(const json *list, const char *key, const char *name)
{
  for (size_t i = 0; i < json_count(list); i++) {
    const char *text = json_text(json_at(json_nth(list, i), key));
    if (text && !strcmp(text, name)) return json_nth(list, i);
  }
  return NULL;
}

static int place_in(const json *tasks, const char *name)
{
  for (size_t i = 0; i < json_count(tasks) && i < MAX_PIPELINE; i++) {
    const char *text = json_text(json_at(json_nth(tasks, i), "task"));
    if (text && !strcmp(text, name)) return (int)i;
  }
  return NO_TASK;
}

static bool is_true(const json *o, const char *key) { return json_at(o, key) != NULL; }

static void read_pipeline(struct pipeline *p, const json *tasks)
{
  *p = (struct pipeline){.n_tasks = (int)(json_count(tasks) < MAX_PIPELINE ? json_count(tasks) : MAX_PIPELINE)};
  for (int t = 0; t < p->n_tasks; t++) {
    const json *o = json_nth(tasks, (size_t)t), *after = json_at(o, "after");
    for (size_t i = 0; i < json_count(after); i++) {
      int before = json_text(json_nth(after, i)) ? place_in(tasks, json_text(json_nth(after, i))) : NO_TASK;
      if (before != NO_TASK) p->after[t] |= UINT32_C(1) << before;
    }
    if (is_true(o, "flows")) p->flows |= UINT32_C(1) << t;
    if (is_true(o, "asynchronous")) p->unawaited |= UINT32_C(1) << t;
  }
}

static void guess_pipeline(struct pipeline *p, size_t n_tasks)
{
  *p = (struct pipeline){.n_tasks = (int)(n_tasks < MAX_PIPELINE ? n_tasks : MAX_PIPELINE)};
  for (int t = 0; t < p->n_tasks; t++)
    p->after[t] = (p->n_tasks == 32 ? UINT32_MAX : (UINT32_C(1) << p->n_tasks) - 1) & ~(UINT32_C(1) << t);
}

static void number_tasks(struct paths *p, size_t klass, const json *tasks)
{
  uint8_t *number = p->number + klass * p->n_tasks, *code = p->code + klass * MAX_PIPELINE;
  for (size_t c = 0; c < p->n_tasks; c++) {
    int t = tasks ? place_in(tasks, p->task[c]) : c < MAX_PIPELINE ? (int)c : NO_TASK;
    number[c] = (uint8_t)t;
    if (t != NO_TASK) code[t] = (uint8_t)c;
  }
}

static bool read_pipelines(struct paths *p, struct err *err)
{
  char *text = trace_text(p->reader, "pipelines");
  json *all = text ? json_parse(text, strlen(text), err) : NULL;
  bool ok = !text || all;
  for (size_t k = 0; ok && k < p->n_classes; k++) {
    const json *tasks = json_at(named(all, "class", p->klass[k]), "tasks");
    if (tasks) read_pipeline(&p->pipeline[k], tasks);
    else guess_pipeline(&p->pipeline[k], p->n_tasks);
    number_tasks(p, k, tasks);
  }
  json_release(all);
  free(text);
  return ok;
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

struct owned { int64_t request; uint64_t row; };
static int by_request(const void *a, const void *b)
{
  const struct owned *x = a, *y = b;
  if (x->request != y->request) return (x->request > y->request) - (x->request < y->request);
  return (x->row > y->row) - (x->row < y->row);
}

static void sort_attempts(struct paths *p)
{
  size_t n = p->attempts.rows;
  struct owned *owned = grab(n, sizeof *owned);
  for (size_t i = 0; i < n; i++) owned[i] = (struct owned){p->attempts.at[A_REQUEST][i], i};
  qsort(owned, n, sizeof *owned, by_request);
  p->row = grab(n, sizeof *p->row);
  for (size_t i = 0; i < n; i++) p->row[i] = owned[i].row;
  free(owned);
}

bool paths_open(struct paths *p, const char *file, struct err *err)
{
  *p = (struct paths){.reader = trace_open(file, err)};
  if (!p->reader || !columns_load(&p->requests, p->reader, request_names, N_Q, err)
      || !columns_load(&p->attempts, p->reader, attempt_names, N_A, err)) return false;
  p->n_classes = column_names(p->reader, "requests/class", &p->klass);
  p->n_places = column_names(p->reader, "attempts/place", &p->place);
  p->n_tasks = column_names(p->reader, "attempts/task", &p->task);
  p->pipeline = grab(p->n_classes, sizeof *p->pipeline);
  p->number = grab(p->n_classes * p->n_tasks, sizeof *p->number);
  p->code = grab(p->n_classes * MAX_PIPELINE, sizeof *p->code);
  for (size_t i = 0; i < p->requests.rows; i++)
    if ((uint64_t)p->requests.at[Q_CLASS][i] >= p->n_classes) return err_system(err, "damaged trace: %s: class of a request", file);
  for (size_t i = 0; i < p->attempts.rows; i++)
    if ((uint64_t)p->attempts.at[A_TASK][i] >= p->n_tasks) return err_system(err, "damaged trace: %s: task of an attempt", file);
  sort_attempts(p);
  return read_pipelines(p, err);
}

void paths_close(struct paths *p)
{
  columns_free(&p->requests);
  columns_free(&p->attempts);
  free(p->klass), free(p->place), free(p->task), free(p->pipeline), free(p->number), free(p->code), free(p->row);
  free(p->step), free(p->path.part);
  if (p->reader) trace_close(p->reader);
}

static struct path_step read_step(const struct paths *p, size_t row, size_t klass)
{
  int64_t *const *a = p->attempts.at;
  struct path_step s = {.started_ns = a[A_STARTED][row], .ended_ns = a[A_ENDED][row], .first_output_ns = a[A_FIRST][row],
                   .member = (uint32_t)a[A_MEMBER][row], .place = (uint16_t)a[A_PLACE][row],
                   .task = p->number[klass * p->n_tasks + (size_t)a[A_TASK][row]], .attempt = (uint8_t)a[A_ATTEMPT][row],
                   .status = (uint8_t)a[A_STATUS][row]};
  for (int h = 0; h < N_PHASES; h++) s.phase_ns[h] = a[A_PHASE + h][row];
  return s;
}

static size_t first_of(const struct paths *p, int64_t request)
{
  size_t low = 0, high = p->attempts.rows;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (p->attempts.at[A_REQUEST][p->row[middle]] < request) low = middle + 1;
    else high = middle;
  }
  return low;
}

static void collect(struct paths *p, int64_t request, size_t klass)
{
  p->n_steps = 0;
  for (size_t i = first_of(p, request); i < p->attempts.rows && p->attempts.at[A_REQUEST][p->row[i]] == request; i++) {
    if (p->n_steps == p->room) {
      p->room = p->room ? 2 * p->room : 32;
      p->step = grab_more(p->step, p->room, sizeof *p->step);
    }
    struct path_step s = read_step(p, p->row[i], klass);
    if (s.task < MAX_PIPELINE) p->step[p->n_steps++] = s;
  }
}

int64_t paths_end_ns(const struct paths *p, size_t row)
{
  int64_t end_ns = p->requests.at[Q_COMPLETED][row];
  return end_ns >= 0 ? end_ns : last_end_ns(p->requests.at[Q_ARRIVED][row], p->step, p->n_steps);
}

void paths_of(struct paths *p, size_t row)
{
  size_t klass = (size_t)p->requests.at[Q_CLASS][row];
  collect(p, p->requests.at[Q_REQUEST][row], klass);
  critical_path(&p->pipeline[klass], p->requests.at[Q_ARRIVED][row], paths_end_ns(p, row), p->step, p->n_steps, &p->path);
}

const char *paths_task(const struct paths *p, size_t klass, int task)
{
  return task == NO_TASK ? "-" : p->task[p->code[klass * MAX_PIPELINE + (size_t)task]];
}

static void print_part(const struct paths *p, size_t row, const struct path_part *part, FILE *f)
{
  size_t klass = (size_t)p->requests.at[Q_CLASS][row];
  const struct path_step *s = part->step >= 0 ? &p->step[part->step] : NULL;
  fprintf(f, "%llu,%s,%s,", (unsigned long long)p->requests.at[Q_REQUEST][row], p->klass[klass], paths_task(p, klass, part->task));
  if (s && s->place < p->n_places) fprintf(f, "%u,%s,%u,", s->attempt, p->place[s->place], s->member);
  else if (s) fprintf(f, "%u,%u,%u,", s->attempt, s->place, s->member);
  else fputs(",,,", f);
  fprintf(f, "%s,%lld,%lld\n", path_phase_name(part->phase), (long long)part->from_ns, (long long)part->to_ns);
}

void paths_print(struct paths *p, FILE *f)
{
  fputs("request,class,task,attempt,place,member,phase,from_ns,to_ns\n", f);
  for (size_t row = 0; row < p->requests.rows; row++) {
    paths_of(p, row);
    for (size_t i = 0; i < p->path.n; i++) print_part(p, row, &p->path.part[i], f);
  }
}
