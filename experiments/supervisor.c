#include "experiments/supervisor.h"
#include "analysis/store/journal.h"
#include "sim/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORKERS = 1024 };

struct worker { pid_t pid; int to, from; int64_t journal_offset; const struct run_order *order; };
struct supervisor {
  const struct scenario *scenario;
  char *dir;
  int n, signals;
  bool owns_journals;                                   /* after supervisor_recover: the folder is locked for us */
  struct worker *worker;
  sigset_t mask_before;
};
/* One call of supervisor_run. */
struct work {
  struct supervisor *s; struct catalog *catalog;
  const struct run_order *order; size_t n, next, ended;
  const struct supervisor_options *options; struct supervisor_report *report; struct err *err;
  double started_s, drawn_s;
};

/* ---- start and stop ---------------------------------------------------------------------------------------------- */

static void close_others(const struct supervisor *s)
{
  for (int i = 0; i < s->n; i++)
    close(s->worker[i].to), close(s->worker[i].from);
}

static bool start_worker(struct supervisor *s, struct err *err)
{
  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) != 0)
    return err_system(err, "cannot start a worker: %s", strerror(errno));
  if (pipe2(up, O_CLOEXEC) != 0) {
    close(down[0]), close(down[1]);
    return err_system(err, "cannot start a worker: %s", strerror(errno));
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(down[1]), close(up[0]);
    close_others(s);
    worker_main(&(struct worker_setup){s->scenario, s->dir, s->n}, down[0], up[1]);
  }
  close(down[0]), close(up[1]);
  if (pid < 0) {
    close(down[1]), close(up[0]);
    return err_system(err, "cannot start a worker: %s", strerror(errno));
  }
  s->worker[s->n++] = (struct worker){pid, down[1], up[0], 0, NULL};
  return true;
}

static bool hold_signals(struct supervisor *s, struct err *err)
{
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT), sigaddset(&held, SIGTERM);
  sigprocmask(SIG_BLOCK, &held, &s->mask_before);
  s->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  return s->signals >= 0 || err_system(err, "signalfd: %s", strerror(errno));
}

struct supervisor *supervisor_start(const struct scenario *scenario, const char *dir, int workers, struct err *err)
{
  struct supervisor *s = calloc(1, sizeof *s);
  int n = workers < 1 ? 1 : workers > MAX_WORKERS ? MAX_WORKERS : workers;
  if (!s || !(s->dir = strdup(dir)) || !(s->worker = calloc((size_t)n, sizeof *s->worker)))
    check_out_of_memory(sizeof *s);
  s->scenario = scenario;
  bool ok = hold_signals(s, err);
  while (ok && s->n < n)
    ok = start_worker(s, err);
  if (ok)
    return s;
  supervisor_stop(s);
  return NULL;
}

static void remove_journals(const struct supervisor *s)
{
  for (int i = 0; i < s->n; i++) {
    char *path = journal_path(s->dir, i);
    unlink(path);
    free(path);
  }
  char *folder = NULL;
  if (asprintf(&folder, "%s/journal", s->dir) >= 0)
    rmdir(folder);
  free(folder);
}

void supervisor_stop(struct supervisor *s)
{
  if (!s)
    return;
  for (int i = 0; i < s->n; i++) {
    kill(s->worker[i].pid, SIGKILL);                    /* idle, or not wanted any more; its child dies with it */
    close(s->worker[i].to), close(s->worker[i].from);
    waitpid(s->worker[i].pid, NULL, 0);
  }
  if (s->owns_journals)
    remove_journals(s);
  if (s->signals >= 0)
    close(s->signals);
  sigprocmask(SIG_SETMASK, &s->mask_before, NULL);
  free(s->worker);
  free(s->dir);
  free(s);
}

/* ---- journals of an earlier process ------------------------------------------------------------------------------ */

static bool take_journal(const char *path, struct catalog *c, struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int64_t offset = 0;
  bool ok = true;
  if (fd < 0)
    return err_system(err, "cannot read %s: %s", path, strerror(errno));
  for (struct catalog_run *r; ok && (r = journal_next(fd, &offset));) {
    if (r->state == RUN_DONE && *r->id && !catalog_has(c, r->id, NULL))
      ok = catalog_put(c, r, err);
    journal_release(r);
  }
  close(fd);
  return ok && (unlink(path) == 0 || err_system(err, "cannot remove %s: %s", path, strerror(errno)));
}

static bool make_folders(const struct supervisor *s, struct err *err)
{
  static const char *const name[] = {"traces", "journal"};
  for (int i = 0; i < 2; i++) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", s->dir, name[i]) < 0)
      check_out_of_memory(64);
    bool ok = mkdir(path, 0777) == 0 || errno == EEXIST || err_system(err, "cannot make %s: %s", path, strerror(errno));
    free(path);
    if (!ok)
      return false;
  }
  return true;
}

/* What a killed process was writing. */
static void remove_parts(const struct supervisor *s)
{
  char *folder = NULL, *path = NULL;
  if (asprintf(&folder, "%s/traces", s->dir) < 0)
    return;
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));) {
    const char *dot = strrchr(e->d_name, '.');
    if (!dot || strcmp(dot, ".part") != 0 || asprintf(&path, "%s/%s", folder, e->d_name) < 0)
      continue;
    unlink(path);
    free(path);
  }
  if (d)
    closedir(d);
  free(folder);
}

bool supervisor_recover(struct supervisor *s, struct catalog *c, struct err *err)
{
  char *folder = NULL;
  s->owns_journals = true;
  if (!make_folders(s, err) || asprintf(&folder, "%s/journal", s->dir) < 0)
    return false;
  remove_parts(s);
  DIR *d = opendir(folder);
  bool ok = true;
  for (struct dirent *e; ok && d && (e = readdir(d));) {
    char *path = NULL;
    if (*e->d_name == '.' || asprintf(&path, "%s/%s", folder, e->d_name) < 0)
      continue;
    ok = take_journal(path, c, err);
    free(path);
  }
  if (d)
    closedir(d);
  free(folder);
  return ok;
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static double monotonic_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void draw_progress(struct work *w, bool last)
{
  enum { WIDTH = 30 };
  double now = monotonic_s(), spent = now - w->started_s;
  if (!w->options->progress || (!last && now - w->drawn_s < 0.1))
    return;
  w->drawn_s = now;
  int filled = (int)(WIDTH * w->ended / (w->n ? w->n : 1));
  char bar[WIDTH + 1];
  memset(bar, '.', WIDTH);
  memset(bar, '#', (size_t)filled);
  bar[WIDTH] = 0;
  fprintf(stderr, "\r[%s] %zu/%zu runs  %.0f s", bar, w->ended, w->n, spent);
  if (w->ended && w->ended < w->n)
    fprintf(stderr, ", about %.0f s left", spent / (double)w->ended * (double)(w->n - w->ended));
  fprintf(stderr, "\033[K%s", last ? "\r\033[K" : "");
  fflush(stderr);
}

/* ---- one order --------------------------------------------------------------------------------------------------- */

/* False: this worker is gone (its pipe is closed). */
static bool give_order(struct work *w, struct worker *worker)
{
  worker->order = NULL;
  if (w->next == w->n || w->report->interrupted)
    return true;
  worker->order = &w->order[w->next++];
  return write(worker->to, worker->order, sizeof *worker->order) == (ssize_t)sizeof *worker->order;
}

/* The entry that the child added; what a dying child half wrote is cut off. */
static struct catalog_run *read_result(struct work *w, struct worker *worker)
{
  char *path = journal_path(w->s->dir, (int)(worker - w->s->worker));
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct catalog_run *r = fd >= 0 ? journal_next(fd, &worker->journal_offset) : NULL;
  if (!r && fd >= 0 && ftruncate(fd, worker->journal_offset) != 0)
    err_system(w->err, "cannot cut %s: %s", path, strerror(errno));
  if (fd >= 0)
    close(fd);
  free(path);
  return r;
}

static void remove_part(struct work *w, const struct run_order *order)
{
  char *path = trace_path(w->s->dir, order->id), *part = NULL;
  if (asprintf(&part, "%s.part", path) >= 0)
    unlink(part);
  free(part);
  free(path);
}

static const struct policy_def *policy_of(const struct work *w, const struct run_order *o)
{
  return o->policy >= 0 ? &w->s->scenario->policy[o->policy] : NULL;
}

static void describe_end(const struct run_answer *a, char *out, size_t size)
{
  if (a->code == 124)
    snprintf(out, size, "hung: no event for a minute of CPU time");
  else if (a->signal)
    snprintf(out, size, "crashed: %s (signal %d)", strsignal(a->signal), a->signal);
  else if (a->code == EXIT_SYSTEM)
    snprintf(out, size, "out of memory, or the system refused something");
  else
    snprintf(out, size, "ended with code %d", a->code);
}

/* A run that ends badly by itself is recorded; the others go on. */
static bool record_failure(struct work *w, const struct run_order *o, const char *message, bool plugin)
{
  const struct policy_def *policy = policy_of(w, o);
  struct catalog_run failed = {.point = o->point, .replication = o->replication, .seed = w->s->scenario->seed,
    .policy = policy ? policy->name : "none", .kind = "policy", .study = w->s->scenario->name, .state = RUN_FAILED,
    .message = message, .trace_file = ""};
  memcpy(failed.id, o->id, sizeof failed.id);
  w->report->failed++;
  w->report->plugin_failed += plugin;
  if (w->options->progress)
    fprintf(stderr, "\r\033[K");
  size_t length = strcspn(message, "\n");
  fprintf(stderr, "offsim: run %s (policy %s, replication %llu) failed: %.*s\n", o->id, failed.policy,
          (unsigned long long)o->replication, (int)length, message);
  return o->pilot || catalog_put(w->catalog, &failed, w->err);
}

static double value_of(const struct catalog_run *r, const char *metric)
{
  for (size_t i = 0; i < r->n_metrics; i++)
    if (strcmp(r->metric[i].metric, metric) == 0 && !*r->metric[i].klass && !*r->metric[i].place)
      return r->metric[i].value;
  return 0;
}

static bool record_success(struct work *w, const struct run_order *o, const struct catalog_run *r)
{
  w->report->done++;
  if (!o->pilot)
    return catalog_put(w->catalog, r, w->err);
  w->report->truncation_s[o->number] = value_of(r, "pilot_truncation_s");
  return true;
}

/* The user's or the disk's fault: the same would happen to every run. */
static bool give_up(struct work *w, const struct run_answer *a, const struct catalog_run *r)
{
  fputs(r->message, stderr);
  w->err->code = (enum exit_code)a->code;
  return false;
}

/* The worker gets its next order before the result is put away: putting waits for the disk. */
static bool take_answer(struct work *w, struct worker *worker, const struct run_answer *a)
{
  const struct run_order *o = worker->order;
  const struct policy_def *policy = policy_of(w, o);
  bool loaded = policy && policy->resolved_path, ok;
  struct catalog_run *r = read_result(w, worker);
  char text[160];
  w->ended++;
  if (r && (a->code == EXIT_USER || a->code == EXIT_SYSTEM)) {
    ok = give_up(w, a, r);
  } else if (!give_order(w, worker)) {
    ok = err_system(w->err, "a worker is gone: %s", strerror(errno));
  } else if (!r) {
    remove_part(w, o);
    describe_end(a, text, sizeof text);
    ok = record_failure(w, o, text, loaded);
  } else if (r->state == RUN_DONE && a->code == EXIT_OK) {
    ok = record_success(w, o, r);
  } else {
    ok = record_failure(w, o, r->message, a->code == EXIT_PLUGIN || loaded);
  }
  journal_release(r);
  return ok;
}

/* ---- all orders -------------------------------------------------------------------------------------------------- */

static bool busy(const struct work *w)
{
  for (int i = 0; i < w->s->n; i++)
    if (w->s->worker[i].order)
      return true;
  return false;
}

static bool serve_worker(struct work *w, struct worker *worker)
{
  struct run_answer answer;
  ssize_t n = read(worker->from, &answer, sizeof answer);
  if (n < 0 && errno == EINTR)
    return true;
  if (n != (ssize_t)sizeof answer)
    return err_system(w->err, "a worker is gone (killed?)");
  return take_answer(w, worker, &answer);
}

/* The signal is taken, so that it does not strike when signals are let through again. */
static bool interrupted(struct work *w)
{
  struct signalfd_siginfo taken;
  while (read(w->s->signals, &taken, sizeof taken) > 0)
    w->report->interrupted = true;
  return !w->report->interrupted;
}

static bool wait_for_answers(struct work *w)
{
  struct pollfd fd[MAX_WORKERS + 1];
  int n = w->s->n;
  for (int i = 0; i < n; i++)
    fd[i] = (struct pollfd){w->s->worker[i].from, POLLIN, 0};
  fd[n] = (struct pollfd){w->s->signals, POLLIN, 0};
  if (poll(fd, (nfds_t)n + 1, w->options->progress ? 500 : -1) < 0 && errno != EINTR)
    return err_system(w->err, "poll: %s", strerror(errno));
  if (fd[n].revents & POLLIN)
    return interrupted(w);
  for (int i = 0; i < n; i++)
    if (fd[i].revents && w->s->worker[i].order && !serve_worker(w, &w->s->worker[i]))
      return false;
  return true;
}

/* Children that still work are stopped with their workers: what they wrote so far has no final name. */
static void abandon(struct work *w)
{
  for (int i = 0; i < w->s->n; i++) {
    struct worker *worker = &w->s->worker[i];
    kill(worker->pid, SIGKILL);
    if (worker->order)
      remove_part(w, worker->order);
    worker->order = NULL;
  }
}

bool supervisor_run(struct supervisor *s, struct catalog *c, const struct run_order *order, size_t n,
                    const struct supervisor_options *options, struct supervisor_report *report, struct err *err)
{
  struct work w = {.s = s, .catalog = c, .order = order, .n = n, .options = options, .report = report, .err = err,
                   .started_s = monotonic_s()};
  bool ok = true;
  for (int i = 0; i < s->n && ok; i++)
    ok = give_order(&w, &s->worker[i]) || err_system(err, "a worker is gone: %s", strerror(errno));
  while (ok && busy(&w)) {
    draw_progress(&w, false);
    ok = wait_for_answers(&w);
  }
  draw_progress(&w, true);
  if (!ok)
    abandon(&w);
  return ok;
}
