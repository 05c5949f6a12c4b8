#include "experiments/supervisor.h"
#include "analysis/store/journal.h"
#include "experiments/journals.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
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

enum { MAX_WORKERS = 1024, JOURNAL_BYTES = 4 << 20 /* then the other one is begun */, LOG_S = 30 };
#define COMMIT_S 0.1
#define LIVE_S 0.25                                     /* how often the file `live` is renewed */
#define LAST_S 5.0                                      /* after SIGUSR1, runs in flight have so long */

struct worker {
  pid_t pid;                                            /* 0: gone */
  int to, from;
  int64_t journal_offset[2]; bool second;               /* what was read of its journals; the one it writes now */
  const struct run_order *order;
};
struct supervisor {
  const struct run_source *source;
  char *dir, *journal;                                  /* journal: folder and prefix */
  int n, signals;
  bool owns_journals;                                   /* after supervisor_recover: the folder is locked for us */
  struct worker *worker;
  sigset_t mask_before;
};
/* Tries of one order beyond the first. */
struct retried { const struct run_order *order; int failed, killed; };
/* One call of supervisor_run. */
struct work {
  struct supervisor *s; struct catalog *catalog;
  struct orders *orders; size_t n, ended;
  struct retried *retried; size_t n_retried;
  bool *remarked;                                       /* [policies]: said already */
  const struct supervisor_options *options; struct supervisor_report *report; struct err *err;
  double started_s, drawn_s, live_s, logged_s, begun_s, last_s;         /* begun_s, last_s: 0 = no transaction, no end */
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
    worker_main(&(struct worker_setup){s->source, s->dir, s->journal, s->n, NULL}, down[0], up[1]);
  }
  close(down[0]), close(up[1]);
  if (pid < 0) {
    close(down[1]), close(up[0]);
    return err_system(err, "cannot start a worker: %s", strerror(errno));
  }
  s->worker[s->n++] = (struct worker){.pid = pid, .to = down[1], .from = up[0]};
  return true;
}

static bool hold_signals(struct supervisor *s, struct err *err)
{
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT), sigaddset(&held, SIGTERM), sigaddset(&held, SIGUSR1);
  sigprocmask(SIG_BLOCK, &held, &s->mask_before);
  s->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  return s->signals >= 0 || err_system(err, "signalfd: %s", strerror(errno));
}

struct supervisor *supervisor_start(const struct supervisor_setup *setup, struct err *err)
{
  struct supervisor *s = calloc(1, sizeof *s);
  const char *prefix = setup->journal_prefix ? setup->journal_prefix : "";
  int n = setup->workers < 1 ? 1 : setup->workers > MAX_WORKERS ? MAX_WORKERS : setup->workers;
  if (!s || !(s->dir = strdup(setup->dir)) || asprintf(&s->journal, "%s/journal/%s", setup->dir, prefix) < 0
      || !(s->worker = calloc((size_t)n, sizeof *s->worker)))
    check_out_of_memory(sizeof *s);
  s->source = setup->source;
  bool ok = hold_signals(s, err);
  while (ok && s->n < n)
    ok = start_worker(s, err);
  if (ok)
    return s;
  supervisor_stop(s);
  return NULL;
}

static char *live_path(const char *dir)
{
  char *path = NULL;
  return asprintf(&path, "%s/journal/live", dir) < 0 ? NULL : path;
}

static void remove_file(char *path)
{
  if (path)
    unlink(path);
  free(path);
}

static void remove_journals(const struct supervisor *s)
{
  for (int i = 0; i < 2 * s->n; i++)
    remove_file(journal_path(s->journal, i / 2, i % 2));
  remove_file(live_path(s->dir));
  char *folder = NULL;
  if (asprintf(&folder, "%s/journal", s->dir) >= 0)
    rmdir(folder);
  free(folder);
}

static void end_worker(struct worker *w)
{
  if (w->pid == 0)
    return;
  if (w->order)
    kill(w->pid, SIGKILL);                              /* not wanted any more; its child dies with it */
  close(w->to), close(w->from);                         /* an idle one ends by itself */
  waitpid(w->pid, NULL, 0);
  w->pid = 0;
}

void supervisor_stop(struct supervisor *s)
{
  if (!s)
    return;
  for (int i = 0; i < s->n; i++)
    end_worker(&s->worker[i]);
  if (s->owns_journals)
    remove_journals(s);
  if (s->signals >= 0)
    close(s->signals);
  sigprocmask(SIG_SETMASK, &s->mask_before, NULL);
  free(s->worker);
  free(s->journal);
  free(s->dir);
  free(s);
}

bool supervisor_recover(struct supervisor *s, struct catalog *c, bool shards_live, size_t *conflicts, struct err *err)
{
  struct journals_report report = {0};
  s->owns_journals = true;
  bool ok = journals_prepare(s->dir, shards_live, err)
            && journals_take(s->dir, c, &(struct journals_options){.keep = shards_live}, &report, err);
  if (!ok)
    s->owns_journals = false;                           /* they stay for the next try */
  *conflicts += report.conflicts;
  return ok;
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static double monotonic_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int alive(const struct work *w)
{
  int n = 0;
  for (int i = 0; i < w->s->n; i++)
    n += w->s->worker[i].pid != 0;
  return n;
}

static int running(const struct work *w)
{
  int n = 0;
  for (int i = 0; i < w->s->n; i++)
    n += w->s->worker[i].order != NULL;
  return n;
}

/* By the expected times of what is left, scaled by how long the ones handed out really took. */
static double left_s(const struct work *w, double spent_s)
{
  double given = orders_given_s(w->orders);
  if (given <= 0 || !w->ended)
    return 0;
  return orders_left_s(w->orders) / given * spent_s;
}

static void put_progress(const struct work *w, double spent_s)
{
  fprintf(stderr, "%zu/%zu runs  %.0f s", w->ended, w->n, spent_s);
  if (w->report->failed)
    fprintf(stderr, ", %zu failed", w->report->failed);
  if (w->ended && w->ended < w->n)
    fprintf(stderr, ", about %.0f s left", left_s(w, spent_s));
}

static void draw_bar(struct work *w, double spent_s, bool last)
{
  enum { WIDTH = 30 };
  int filled = (int)(WIDTH * w->ended / (w->n ? w->n : 1));
  char bar[WIDTH + 1];
  memset(bar, '.', WIDTH);
  memset(bar, '#', (size_t)filled);
  bar[WIDTH] = 0;
  fprintf(stderr, "\r[%s] ", bar);
  put_progress(w, spent_s);
  fprintf(stderr, "\033[K%s", last ? "\r\033[K" : "");
  fflush(stderr);
}

/* A few bytes, written over: a reader sees the old line or the new one. */
static void write_live(struct work *w, double spent_s)
{
  char line[128], *path = live_path(w->s->dir);
  int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1, run = running(w);
  int n = snprintf(line, sizeof line, "%10d %10zu %10zu %10zu %14.2f %14.2f\n", run, w->report->done,
                   w->report->failed, w->n - w->ended - (size_t)run, spent_s, left_s(w, spent_s));
  if (fd >= 0 && (pwrite(fd, line, (size_t)n, 0) != n || close(fd) != 0))
    w->live_s = INFINITY;                               /* no room: it is only news */
  free(path);
}

bool supervisor_live(const char *dir, struct live *live)
{
  char *path = live_path(dir);
  FILE *f = path && catalog_lock_held(dir) ? fopen(path, "r") : NULL;
  unsigned long long n[4];
  bool ok = f && fscanf(f, "%llu %llu %llu %llu %lf %lf", &n[0], &n[1], &n[2], &n[3], &live->spent_s, &live->left_s) == 6;
  if (ok)
    live->running = n[0], live->done = n[1], live->failed = n[2], live->left = n[3];
  if (f)
    fclose(f);
  free(path);
  return ok;
}

static void draw_progress(struct work *w, bool last)
{
  double now = monotonic_s(), spent = now - w->started_s;
  if (w->options->progress && (last || now - w->drawn_s >= 0.1)) {
    w->drawn_s = now;
    draw_bar(w, spent, last);
  }
  if (w->options->log && !last && now - w->logged_s >= LOG_S) {
    w->logged_s = now;
    fputs("offsim: ", stderr), put_progress(w, spent), fputc('\n', stderr);
  }
  if (!w->options->sink && w->options->expect && now - w->live_s >= LIVE_S) {
    w->live_s = now;
    write_live(w, spent);
  }
}

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

/* The journal that a worker does not write now has only what is in the catalogue. */
static void empty_journals(struct work *w)
{
  for (int i = 0; i < w->s->n; i++) {
    struct worker *k = &w->s->worker[i];
    bool other = !k->second;
    if (k->journal_offset[other] == 0)
      continue;
    char *path = journal_path(w->s->journal, i, other);
    if (truncate(path, 0) == 0)
      k->journal_offset[other] = 0;
    free(path);
  }
}

static bool commit(struct work *w)
{
  if (w->begun_s == 0)
    return true;
  w->begun_s = 0;
  struct err unsaid;
  err_init(&unsaid);
  bool ok = catalog_commit(w->catalog, err_any(w->err) ? &unsaid : w->err);
  err_release(&unsaid);
  if (!ok) {
    w->s->owns_journals = false;                        /* the journals have what the catalogue has no room for */
    return false;
  }
  empty_journals(w);
  return true;
}

static bool begin(struct work *w)
{
  if (w->begun_s != 0)
    return true;
  w->begun_s = monotonic_s();
  return catalog_begin(w->catalog, w->err);
}

static bool settle(struct work *w, const struct catalog_run *r)
{
  enum settled how;
  if (!begin(w) || !catalog_settle(w->catalog, r, &how, w->err))
    return false;
  if (how == SETTLED_CONFLICT) {
    w->report->conflicts++;
    journals_say_conflict(r);
  }
  return true;
}

static bool put_result(struct work *w, const struct run_order *o, const struct catalog_run *r)
{
  const struct result_sink *sink = w->options->sink;
  return sink ? sink->put(sink->context, o, r, w->err) : settle(w, r);
}

/* ---- one order --------------------------------------------------------------------------------------------------- */

/* False: this worker is gone (its pipe is closed). */
static bool give_order(struct work *w, struct worker *worker)
{
  worker->order = NULL;
  if (w->report->interrupted || w->report->stopped || worker->pid == 0)
    return true;
  const struct run_order *next = orders_next(w->orders, (int)(worker - w->s->worker));
  if (!next)
    return true;
  if (worker->journal_offset[worker->second] > JOURNAL_BYTES && worker->journal_offset[!worker->second] == 0)
    worker->second = !worker->second;
  struct run_order order = *next;
  order.second_journal = worker->second;
  worker->order = next;
  return write(worker->to, &order, sizeof order) == (ssize_t)sizeof order;
}

/* The entry of this order; before it may stand what a child of a killed supervisor added late. */
static struct catalog_run *next_entry(int fd, int64_t *offset, const char *id)
{
  struct catalog_run *r;
  while ((r = journal_next(fd, offset)) && strcmp(r->id, id) != 0)
    journal_release(r);
  return r;
}

/* The entry that the child added; what a dying child half wrote is cut off. */
static struct catalog_run *read_result(struct work *w, struct worker *worker)
{
  char *path = journal_path(w->s->journal, (int)(worker - w->s->worker), worker->second);
  int64_t *offset = &worker->journal_offset[worker->second];
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct catalog_run *r = fd >= 0 ? next_entry(fd, offset, worker->order->id) : NULL;
  if (!r && fd >= 0 && ftruncate(fd, *offset) != 0)
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
  const struct scenario *s = w->s->source->scenario;
  return o->policy >= 0 && o->policy < s->n_policies ? &s->policy[o->policy] : NULL;
}

static void describe_end(const struct run_answer *a, char *out, size_t size)
{
  if (*a->text)
    snprintf(out, size, "%s", a->text);
  else if (a->code == EXIT_SYSTEM)
    snprintf(out, size, "out of memory, or the system refused something");
  else
    snprintf(out, size, "ended with code %d", a->code);
}

static struct retried *retried_of(struct work *w, const struct run_order *o)
{
  for (size_t i = 0; i < w->n_retried; i++)
    if (w->retried[i].order == o)
      return &w->retried[i];
  w->retried = realloc(w->retried, (w->n_retried + 1) * sizeof *w->retried);
  if (!w->retried)
    check_out_of_memory(sizeof *w->retried);
  const struct supervisor_options *p = w->options;
  int before = p->attempts_before ? p->attempts_before(p->attempts_context, o) : 0;
  w->retried[w->n_retried] = (struct retried){.order = o, .failed = before};
  return &w->retried[w->n_retried++];
}

/* Another try, after the others; a run that was killed from outside is not to blame. */
static bool try_again(struct work *w, const struct run_order *o, bool killed, int *attempts)
{
  struct retried *t = retried_of(w, o);
  int *count = killed && t->killed < w->options->patience ? &t->killed : &t->failed;
  ++*count;
  *attempts = t->failed;
  if (count == &t->failed && t->failed > w->options->retries)
    return false;
  orders_return(w->orders, o);
  return true;
}

/* What the host put right, once for a policy. */
static void say_remark(struct work *w, const struct run_order *o, const struct catalog_run *r)
{
  if (!*r->message || o->policy < 0 || w->remarked[o->policy])
    return;
  w->remarked[o->policy] = true;
  if (w->options->progress)
    fprintf(stderr, "\r\033[K");
  fprintf(stderr, "offsim: run %s (policy %s, replication %llu) warning: %s\n", o->id, r->policy,
          (unsigned long long)o->replication, r->message);
}

static void say_failure(struct work *w, const struct run_order *o, const char *message, bool again)
{
  const struct policy_def *policy = policy_of(w, o);
  if (w->options->progress)
    fprintf(stderr, "\r\033[K");
  size_t whole = strlen(message), line = strcspn(message, "\n"), n = w->report->failed == 0 && !again ? whole : line;
  fprintf(stderr, "offsim: run %s (policy %s, replication %llu) failed%s: %.*s\n", o->id, policy ? policy->name : "none",
          (unsigned long long)o->replication, again ? ", is tried again" : "", (int)n, message);
}

/* Without the word before it and the empty lines behind it. */
static void copy_reason(const char *text, char *out, size_t size)
{
  if (strncmp(text, "error: ", 7) == 0)
    text += 7;
  snprintf(out, size, "%s", text);
  for (size_t n = strlen(out); n > 0 && out[n - 1] == '\n'; n--)
    out[n - 1] = 0;
}

/* A run that ends badly by itself is recorded; the others go on. */
static bool record_failure(struct work *w, const struct run_order *o, const char *text, bool plugin, bool killed)
{
  char message[4096];
  const struct policy_def *policy = policy_of(w, o);
  int attempts = 1;
  bool again = !o->pilot && try_again(w, o, killed, &attempts);
  copy_reason(text, message, sizeof message);
  say_failure(w, o, message, again);
  if (again)
    return true;
  struct catalog_run failed = {.point = o->point, .replication = o->replication,
    .seed = w->s->source->scenario->seed, .policy = policy ? policy->name : "none", .kind = "policy",
    .study = w->s->source->name ? w->s->source->name : w->s->source->scenario->name,
    .state = w->options->quarantine ? RUN_QUARANTINED : RUN_FAILED, .message = message, .trace_file = "",
    .attempts = w->options->quarantine ? attempts : 0};
  memcpy(failed.id, o->id, sizeof failed.id);
  w->ended++;
  w->report->failed++;
  w->report->plugin_failed += plugin;
  w->report->stopped = w->report->stopped || (w->options->fail_fast && w->report->failed >= w->options->fail_fast);
  return o->pilot || put_result(w, o, &failed);
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
  w->ended++;
  say_remark(w, o, r);
  if (!o->pilot) {
    orders_learn(w->orders, o, r->elapsed_s);
    return put_result(w, o, r);
  }
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

/* Its order goes to another worker; without any, the study ends here and can be resumed. */
static bool worker_gone(struct work *w, struct worker *worker)
{
  const struct run_order *order = worker->order;
  end_worker(worker);
  worker->order = NULL;
  if (order) {
    remove_part(w, order);
    orders_return(w->orders, order);
  }
  if (alive(w) == 0)
    return err_system(w->err, "all workers are gone (killed?); the same command goes on");
  fprintf(stderr, "offsim: a worker is gone (killed?); %d are left\n", alive(w));
  for (int i = 0; i < w->s->n; i++)                     /* one may be idle already */
    if (w->s->worker[i].pid && !w->s->worker[i].order && !give_order(w, &w->s->worker[i]))
      return worker_gone(w, &w->s->worker[i]);
  return true;
}

static bool record_end(struct work *w, const struct run_order *o, const struct run_answer *a,
                       const struct catalog_run *r)
{
  const struct policy_def *policy = policy_of(w, o);
  bool loaded = policy && policy->resolved_path;
  char text[sizeof a->text];
  if (r && r->state == RUN_FAILED)
    return record_failure(w, o, r->message, a->code == EXIT_PLUGIN || loaded, false);
  remove_part(w, o);
  describe_end(a, text, sizeof text);
  return record_failure(w, o, text, loaded, a->signal == SIGKILL || a->signal == SIGTERM);
}

/* After a success the worker gets its next order before the result is put away, which takes time; after a failure it
 * may be that there is no next one. */
static bool take_answer(struct work *w, struct worker *worker, const struct run_answer *a)
{
  const struct run_order *o = worker->order;
  sim_assert(o->number == a->number);
  struct catalog_run *r = read_result(w, worker);
  bool ok, success = r && r->state == RUN_DONE && a->code == EXIT_OK;
  if (a->code == EXIT_JOURNAL)
    ok = err_system(w->err, "cannot write into %s/journal; nothing that was done is lost", w->s->dir);
  else if (r && (a->code == EXIT_SYSTEM || (a->code == EXIT_USER && !w->options->quarantine)))
    ok = give_up(w, a, r);
  else if (success)
    ok = (give_order(w, worker) || worker_gone(w, worker)) && record_success(w, o, r);
  else
    ok = record_end(w, o, a, r) && (give_order(w, worker) || worker_gone(w, worker));
  journal_release(r);
  return ok;
}

/* ---- all orders -------------------------------------------------------------------------------------------------- */

static bool serve_worker(struct work *w, struct worker *worker)
{
  struct run_answer answer;
  ssize_t n = read(worker->from, &answer, sizeof answer);
  if (n < 0 && errno == EINTR)
    return true;
  return n == (ssize_t)sizeof answer ? take_answer(w, worker, &answer) : worker_gone(w, worker);
}

/* The signal is taken, so that it does not strike when signals are let through again. SIGUSR1 lets runs end. */
static bool interrupted(struct work *w)
{
  struct signalfd_siginfo taken;
  bool at_once = false;
  while (read(w->s->signals, &taken, sizeof taken) > 0) {
    w->report->interrupted = true;
    at_once = at_once || taken.ssi_signo != SIGUSR1;
  }
  if (w->report->interrupted && w->last_s == 0)
    w->last_s = monotonic_s() + LAST_S;
  return !at_once;
}

/* Until an answer, a signal, or the time to commit. */
static int patience_ms(const struct work *w)
{
  double now = monotonic_s(), until = INFINITY;
  if (w->options->progress || w->options->log || w->options->expect)
    until = now + 0.5;
  if (w->begun_s != 0 && w->begun_s + COMMIT_S < until)
    until = w->begun_s + COMMIT_S;
  if (w->last_s != 0 && w->last_s < until)
    until = w->last_s;
  return isinf(until) ? -1 : until <= now ? 0 : (int)(1000 * (until - now)) + 1;
}

static bool wait_for_answers(struct work *w)
{
  struct pollfd fd[MAX_WORKERS + 1];
  int n = w->s->n;
  for (int i = 0; i < n; i++)
    fd[i] = (struct pollfd){w->s->worker[i].pid ? w->s->worker[i].from : -1, POLLIN, 0};
  fd[n] = (struct pollfd){w->s->signals, POLLIN, 0};
  if (poll(fd, (nfds_t)n + 1, patience_ms(w)) < 0 && errno != EINTR)
    return err_system(w->err, "poll: %s", strerror(errno));
  if ((fd[n].revents & POLLIN) && !interrupted(w))
    return false;
  for (int i = 0; i < n; i++)
    if (fd[i].revents && w->s->worker[i].order && !serve_worker(w, &w->s->worker[i]))
      return false;
  double now = monotonic_s();
  if (w->last_s != 0 && now > w->last_s)
    return false;
  return w->begun_s == 0 || now < w->begun_s + COMMIT_S || commit(w);
}

/* The worker and the child that does its runs are gone when nobody holds the other end of its answers any more. */
static void wait_for_end(const struct worker *worker)
{
  struct pollfd fd = {worker->from, POLLIN, 0};
  char rest[sizeof(struct run_answer)];
  while (poll(&fd, 1, 5000) > 0 && read(worker->from, rest, sizeof rest) > 0)
    continue;
}

/* Children that still work are stopped with their workers: what they wrote so far has no final name. It is removed when
 * they are gone: a child dies a moment after its worker, and would write it again. */
static void abandon(struct work *w)
{
  for (int i = 0; i < w->s->n; i++)
    if (w->s->worker[i].pid)
      kill(w->s->worker[i].pid, SIGKILL);
  for (int i = 0; i < w->s->n; i++) {
    struct worker *worker = &w->s->worker[i];
    if (worker->pid)
      wait_for_end(worker);
    if (worker->order)
      remove_part(w, worker->order);
    worker->order = NULL;
  }
}

static bool serve_all(struct work *w)
{
  bool ok = true;
  for (int i = 0; i < w->s->n && ok; i++)
    ok = w->s->worker[i].order || give_order(w, &w->s->worker[i]) || worker_gone(w, &w->s->worker[i]);
  while (ok && running(w)) {
    draw_progress(w, false);
    ok = wait_for_answers(w);
  }
  draw_progress(w, true);
  if (!ok)
    abandon(w);
  return commit(w) && ok;
}

bool supervisor_run(struct supervisor *s, struct catalog *c, const struct run_order *order, size_t n,
                    const struct supervisor_options *options, struct supervisor_report *report, struct err *err)
{
  struct work w = {.s = s, .catalog = c, .n = n, .options = options, .report = report, .err = err,
                   .orders = orders_new(order, n, s->n, options->expect), .started_s = monotonic_s()};
  w.logged_s = w.started_s;
  w.remarked = zeros_new((size_t)s->source->scenario->n_policies + 1, sizeof *w.remarked);
  bool ok = serve_all(&w);
  orders_free(w.orders);
  free(w.retried);
  free(w.remarked);
  return ok;
}
