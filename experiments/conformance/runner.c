/* runner.c: each test in a child process; what the parent sees of its end, whatever that is. */
#include "experiments/conformance/conformance.h"
#include "models/policy_python.h"
#include "sim/check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_MEMORY_GIB = 4, CLOCK_FACTOR = 5, HANGS_BELIEVED = 2 };
/* A policy that hung twice hangs again: the other tests get this share of the limit. */
static const double IMPATIENCE = 0.05;

/* ---- reports ----------------------------------------------------------------------------------------------------- */

static void report_write(struct report *r, const char *format, va_list args)
{
  vsnprintf(r->text, sizeof r->text, format, args);
  for (char *p = r->text; *p; p++)
    if (*p == '\n') *p = ' ';
}

bool report_fail(struct report *r, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  report_write(r, format, args);
  va_end(args);
  r->verdict = VERDICT_FAIL;
  return false;
}

void report_note(struct report *r, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  report_write(r, format, args);
  va_end(args);
}

void report_skip(struct report *r, const char *why)
{
  snprintf(r->text, sizeof r->text, "%s", why);
  r->verdict = VERDICT_SKIPPED;
}

bool report_err(struct report *r, const struct err *err)
{
  for (size_t i = 0; i < err->n; i++)
    if (!err->problems[i].warning) return report_fail(r, "%s", err->problems[i].message);
  return report_fail(r, "failed without a reason");
}

/* ---- the child --------------------------------------------------------------------------------------------------- */

static void set_limits(double limit_s)
{
  struct rlimit none = {0, 0}, file = {1 << 20, 1 << 20};
  rlim_t seconds = (rlim_t)(limit_s + 2);
  struct rlimit cpu = {seconds, seconds + 1};
  struct itimerval finer = {.it_value = {(time_t)limit_s, (suseconds_t)(1e6 * fmod(limit_s, 1))}};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_FSIZE, &file);
  setrlimit(RLIMIT_CPU, &cpu);                          /* for those who take the signal of the finer one away */
  setitimer(ITIMER_PROF, &finer, NULL);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  struct rlimit memory = {(rlim_t)MAX_MEMORY_GIB << 30, (rlim_t)MAX_MEMORY_GIB << 30};
  setrlimit(RLIMIT_AS, &memory);
#endif
}

/* Signals and streams as in a fresh program; what the child says goes into `said`. */
static void make_quiet(int said)
{
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGPROF, SIGPIPE};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) signal(numbers[i], SIG_DFL);
  int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(said >= 0 ? said : null, STDOUT_FILENO);
  dup2(said >= 0 ? said : null, STDERR_FILENO);
}

static _Noreturn void child_main(struct subject *s, const struct conformance_test *t, double limit_s, int said)
{
  struct report report = {.verdict = VERDICT_OK};
  struct err err;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  make_quiet(said);
  set_limits(limit_s);
  err_init(&err);
  if (!t->alone) s->policy = policy_describe(&s->entry, &err);
  if (!t->alone && !s->policy) report_err(&report, &err);
  else t->run(s, t, &report);
  ssize_t written = write(s->report_to, &report, sizeof report);
  _exit(written == (ssize_t)sizeof report ? 0 : EXIT_SYSTEM);
}

/* ---- the parent -------------------------------------------------------------------------------------------------- */

/* desk: shared with the child: what it was doing at its end. */
struct child { pid_t pid; int from, said; size_t test; double began_s, limit_s; bool late; struct policy_desk *desk; };

struct runner {
  const struct policy_def *entry;
  const struct conformance_options *options;
  const struct conformance_test **tests; size_t n;
  struct conformance_result *result; bool *done;
  struct child *child; int n_children;
  size_t next, told; int hangs;
  void (*tell)(const struct conformance_result *);
};

static double clock_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void start(struct runner *r, size_t test)
{
  const struct conformance_options *o = r->options;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) check_out_of_memory(sizeof ends);
  struct child c = {.from = ends[0], .said = memfd_create("said", MFD_CLOEXEC), .test = test, .began_s = clock_s(),
                    .limit_s = r->hangs >= HANGS_BELIEVED ? o->limit_s * IMPATIENCE : o->limit_s};
  c.desk = mmap(NULL, sizeof *c.desk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (c.desk == MAP_FAILED) check_out_of_memory(sizeof *c.desk);
  struct subject s = {.entry = *r->entry, .seed = o->seed, .quick = o->quick, .report_to = ends[1],
                      .elsewhere = policy_is_python(r->entry->policy)};
  s.entry.desk = c.desk;
  fflush(NULL);
  c.pid = fork();
  if (c.pid == 0) child_main(&s, r->tests[test], c.limit_s, c.said);
  close(ends[1]);
  if (c.pid < 0) report_fail(&r->result[test].report, "no process for it: %s", strerror(errno));
  r->child[r->n_children++] = c;
}

/* The last line that the child said, for a reason. */
static void last_words(int said, char *text, size_t size)
{
  char all[4096];
  off_t end = said >= 0 ? lseek(said, 0, SEEK_END) : 0, from = end > (off_t)sizeof all - 1 ? end - (off_t)sizeof all + 1 : 0;
  ssize_t n = end > 0 ? pread(said, all, (size_t)(end - from), from) : 0;
  *text = 0;
  if (n <= 0) return;
  while (n > 0 && (all[n - 1] == '\n' || all[n - 1] == ' ')) n--;
  all[n] = 0;
  char *line = strrchr(all, '\n');
  snprintf(text, size, "; it said: %.200s", line ? line + 1 : all);
}

/* A child that ended without a report. */
static void explain(struct runner *r, const struct child *c, int status, struct report *report)
{
  char words[256], doing[192], during[200];
  last_words(c->said, words, sizeof words);
  policy_desk_print(c->desk, doing, sizeof doing);
  snprintf(during, sizeof during, "%s%s", *doing ? " " : "", doing);
  int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  bool hung = c->late || number == SIGXCPU || number == SIGPROF || (number == SIGKILL && clock_s() - c->began_s >= c->limit_s);
  if (hung) {
    r->hangs++;
    report_fail(report, "it did not return within %g s%s", c->limit_s, during);
  } else if (number == SIGABRT) report_fail(report, "it aborted the process%s%s", during, words);
  else if (number) report_fail(report, "it crashed: %s%s%s", strsignal(number), during, words);
  else report_fail(report, "it ended the process, exit code %d%s%s", WEXITSTATUS(status), during, words);
}

static void finish(struct runner *r, int i)
{
  struct child c = r->child[i];
  struct report *report = &r->result[c.test].report;
  int status = 0;
  r->child[i] = r->child[--r->n_children];
  ssize_t n = c.late ? 0 : read(c.from, report, sizeof *report);
  if (c.pid > 0) {
    if (c.late) kill(c.pid, SIGKILL);
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR) continue;
    if (n != (ssize_t)sizeof *report) explain(r, &c, status, report);
  }
  report->text[sizeof report->text - 1] = 0;
  munmap(c.desk, sizeof *c.desk);
  close(c.from);
  if (c.said >= 0) close(c.said);
  r->done[c.test] = true;
  for (; r->told < r->n && r->done[r->told]; r->told++)
    if (r->tell) r->tell(&r->result[r->told]);
}

/* Wait until one child has ended, or is too late by the clock. */
static void await_one(struct runner *r)
{
  struct pollfd fd[64];
  for (;;) {
    for (int i = 0; i < r->n_children; i++) fd[i] = (struct pollfd){r->child[i].from, POLLIN, 0};
    poll(fd, (nfds_t)r->n_children, 100);
    for (int i = 0; i < r->n_children; i++) {
      struct child *c = &r->child[i];
      c->late = fd[i].revents == 0 && clock_s() - c->began_s > CLOCK_FACTOR * c->limit_s + 1;
      if (fd[i].revents || c->late) { finish(r, i); return; }
    }
  }
}

static void skip_rest(struct runner *r)
{
  for (size_t i = 0; i < r->n; i++)
    if (!r->done[i] && i >= r->next) {
      report_skip(&r->result[i].report, "it does not load");
      r->done[i] = true;
    }
}

/* The first test tells whether it loads; without that most others mean nothing. */
static void run_all(struct runner *r)
{
  int jobs = r->options->jobs < 1 ? 1 : r->options->jobs > 64 ? 64 : r->options->jobs;
  while (r->next < r->n || r->n_children > 0) {
    while (r->next < r->n && r->done[r->next]) r->next++;
    if (r->next < r->n && r->n_children < jobs) start(r, r->next++);
    if (r->n_children > 0 && (r->n_children == jobs || r->next >= r->n || r->next == 1)) await_one(r);
    if (r->done[0] && r->result[0].report.verdict == VERDICT_FAIL) skip_rest(r);
  }
  for (; r->told < r->n; r->told++)
    if (r->tell) r->tell(&r->result[r->told]);
}

const struct conformance_test **conformance_tests(void)
{
  static const struct conformance_test *const files[] = {conformance_load, conformance_contract,
    conformance_determinism, conformance_control, conformance_resources, conformance_learning};
  const struct conformance_test **all = calloc(256, sizeof *all);
  size_t n = 0;
  if (!all) check_out_of_memory(256 * sizeof *all);
  for (size_t f = 0; f < sizeof files / sizeof *files; f++)
    for (const struct conformance_test *t = files[f]; t->name; t++) all[n++] = t;
  return all;
}

static bool wanted(const struct conformance_options *o, const char *name)
{
  bool found = o->n_only == 0;
  for (int i = 0; i < o->n_only; i++) found |= strstr(name, o->only[i]) != NULL;
  return found;
}

/* Those asked for; loading is always the first. */
static size_t choose(const struct conformance_test **tests, const struct conformance_options *o)
{
  size_t n = 0;
  for (size_t i = 0; tests[i]; i++)
    if (i == 0 || wanted(o, tests[i]->name)) tests[n++] = tests[i];
  return n;
}

struct conformance_result *conformance_run(const struct policy_def *entry, const struct conformance_options *options,
                                           void (*told)(const struct conformance_result *), size_t *n)
{
  struct child children[64];
  struct runner r = {.entry = entry, .options = options, .tests = conformance_tests(), .child = children, .tell = told};
  r.n = choose(r.tests, options);
  r.result = calloc(r.n, sizeof *r.result);
  r.done = calloc(r.n, sizeof *r.done);
  if (!r.result || !r.done) check_out_of_memory(r.n * sizeof *r.result);
  for (size_t i = 0; i < r.n; i++) r.result[i].test = r.tests[i];
  run_all(&r);
  free(r.tests);
  free(r.done);
  *n = r.n;
  return r.result;
}
