/* measure.c: a child and its two pipes. */
#include "experiments/calibrate/measure.h"
#include "analysis/text.h"
#include "experiments/version.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 65536, LINE_MOST = 64 << 20, GRACE_S = 5, REDRAW_MS = 250 };

/* ---- where it is ----------------------------------------------------------------------------------------------------- */

/* The folder of the running program: /usr/local/bin. */
static bool own_folder(char *out, size_t size)
{
  ssize_t n = readlink("/proc/self/exe", out, size - 1);
  out[n > 0 ? n : 0] = 0;
  char *slash = strrchr(out, '/');
  if (slash)
    *slash = 0;
  return slash != NULL;
}

bool kernels_find(const char *name, char *out, size_t size)
{
  const char *named = getenv("OFFSIM_KERNELS");
  char folder[2048];
  if (named && *named && !strcmp(name, "offsim-kernels")) {
    snprintf(out, size, "%s", named);
    return access(out, X_OK) == 0;
  }
  if (!own_folder(folder, sizeof folder))
    return false;
  snprintf(out, size, "%s/../libexec/%s", folder, name);
  if (access(out, X_OK) == 0)
    return true;
  snprintf(out, size, "%s/%s", folder, name);
  return access(out, X_OK) == 0;
}

/* ---- signals --------------------------------------------------------------------------------------------------------- */

static sigset_t stop_signals(void)
{
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT), sigaddset(&held, SIGTERM);
  return held;
}

void measure_hold(sigset_t *before)
{
  sigset_t held = stop_signals();
  sigprocmask(SIG_BLOCK, &held, before);
}

bool measure_interrupted(void)
{
  sigset_t waiting;
  return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

void measure_let(const sigset_t *before)
{
  sigset_t held = stop_signals();
  const struct timespec none = {0};
  while (sigtimedwait(&held, NULL, &none) > 0) {}
  sigprocmask(SIG_SETMASK, before, NULL);
}

/* ---- the child ------------------------------------------------------------------------------------------------------- */

struct stream { int fd; struct text left; };            /* what came after the last line's end */
struct child {
  pid_t pid; int signals;
  struct stream out, said;
  double started_s, drawn_s, stopped_s;                 /* stopped_s: when it was asked to end; 0: not yet */
  bool interrupted, bar_stands, killed, refused, endless; /* refused: nobody reads its lines any more; endless: a line was */
  const struct measure_options *o; const struct raw *bar;
};

static double now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Noreturn void child_main(const struct measure_options *o, pid_t parent, int out, int said)
{
  sigset_t none;
  size_t n = 0;
  while (o->argument[n])
    n++;
  const char **argv = grab(n + 2, sizeof *argv);
  argv[0] = o->program;
  memcpy(argv + 1, o->argument, n * sizeof *argv);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    _exit(EXIT_SYSTEM);                                 /* it died before that */
  setpgid(0, 0);                                        /* a terminal's Ctrl-C comes through the parent, once */
  dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(said, STDERR_FILENO);
  signal(SIGPIPE, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(o->program, (char *const *)argv);
  dprintf(STDERR_FILENO, "cannot start %s: %s\n", o->program, strerror(errno));
  _exit(EXIT_SYSTEM);
}

static bool child_start(struct child *c, struct err *e)
{
  int out[2] = {-1, -1}, said[2] = {-1, -1};
  sigset_t held = stop_signals();
  pid_t parent = getpid();
  bool good = pipe2(out, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0
              && (c->signals = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK)) >= 0;
  fflush(NULL);
  c->pid = good ? fork() : -1;
  if (c->pid == 0)
    child_main(c->o, parent, out[1], said[1]);
  if (c->pid < 0)
    err_system(e, "cannot start %s: %s", c->o->program, strerror(errno));
  if (out[1] >= 0)
    close(out[1]);
  if (said[1] >= 0)
    close(said[1]);
  c->out.fd = out[0], c->said.fd = said[0];
  return c->pid > 0;
}

static void child_stop(struct child *c, int number)
{
  if (c->stopped_s == 0)
    c->stopped_s = now_s();
  kill(c->pid, number);
}

/* ---- the bar --------------------------------------------------------------------------------------------------------- */

static void clear_bar(struct child *c)
{
  if (c->bar_stands)
    fputs("\r\033[K", stderr);
  c->bar_stands = false;
}

static void draw_bar(struct child *c)
{
  enum { WIDTH = 30 };
  const struct raw *r = c->bar;
  double at = now_s(), spent = at - c->started_s, share = r && r->total > 0 ? r->done / r->total : 0;
  char bar[WIDTH + 1];
  if (!c->o->progress || !r || at - c->drawn_s < 1e-3 * REDRAW_MS)
    return;
  c->drawn_s = at;
  memset(bar, '.', WIDTH);
  memset(bar, '#', (size_t)(WIDTH * (share < 1 ? share : 1)));
  bar[WIDTH] = 0;
  fprintf(stderr, "\r[%s] %.0f/%.0f samples  %.0f s", bar, r->done, r->total, spent);
  if (share > 0 && share < 1)
    fprintf(stderr, ", about %.0f s left", spent / share * (1 - share));
  fprintf(stderr, "%s%s\033[K", *r->now ? "  " : "", r->now);
  fflush(stderr);
  c->bar_stands = true;
}

/* ---- its words ------------------------------------------------------------------------------------------------------- */

/* What is there now; at the end the stream is closed. */
static void stream_read(struct stream *s)
{
  char block[BLOCK];
  ssize_t n = read(s->fd, block, sizeof block);
  if (n > 0)
    text_put_n(&s->left, block, (size_t)n);
  if (n > 0 || (n < 0 && errno == EINTR))
    return;
  close(s->fd);
  s->fd = -1;
}

/* Takes whole lines off the front. False: the reader has had enough. */
static bool take_lines(struct stream *s, measure_line *take, void *context, FILE *copy)
{
  size_t at = 0;
  bool good = true;
  for (char *end; good && s->left.n && (end = memchr(s->left.s + at, '\n', s->left.n - at));) {
    size_t n = (size_t)(end - s->left.s) - at;
    if (copy)
      fwrite(s->left.s + at, 1, n + 1, copy);
    good = take(context, s->left.s + at, n);
    at += n + 1;
  }
  if (at)
    memmove(s->left.s, s->left.s + at, s->left.n - at);
  s->left.n -= at;
  return good;
}

/* What comes after a refused line, or is too long to be one, is not kept. */
static void hear(struct child *c, measure_line *take, void *context)
{
  if (!c->refused && (!take_lines(&c->out, take, context, c->o->copy) || c->out.left.n >= LINE_MOST)) {
    c->refused = true;
    c->endless = c->out.left.n >= LINE_MOST;
    child_stop(c, SIGTERM);
  }
  if (c->refused)
    c->out.left.n = 0;
}

static void pass_on(struct child *c)
{
  clear_bar(c);
  if (c->said.left.n)
    fwrite(c->said.left.s, 1, c->said.left.n, stderr);
  c->said.left.n = 0;
}

static void take_signals(struct child *c)
{
  struct signalfd_siginfo taken;
  while (read(c->signals, &taken, sizeof taken) == sizeof taken) {
    c->interrupted = true;
    child_stop(c, (int)taken.ssi_signo);
  }
}

/* Once around: whatever comes first, at most until the bar is to be drawn. */
static void listen(struct child *c, measure_line *take, void *context)
{
  struct pollfd fd[] = {{c->out.fd, POLLIN, 0}, {c->said.fd, POLLIN, 0}, {c->signals, POLLIN, 0}};
  if (poll(fd, 3, REDRAW_MS) > 0) {
    if (fd[2].revents)
      take_signals(c);
    if (fd[0].revents) {
      stream_read(&c->out);
      hear(c, take, context);
    }
    if (fd[1].revents) {
      stream_read(&c->said);
      pass_on(c);
    }
  }
  if (c->stopped_s > 0 && now_s() - c->stopped_s > GRACE_S && !c->killed) {
    kill(-c->pid, SIGKILL);
    c->killed = true;
  }
  draw_bar(c);
}

static bool child_end(struct child *c, int *code, struct err *e)
{
  int status = 0;
  while (c->pid > 0 && waitpid(c->pid, &status, 0) < 0 && errno == EINTR) {}
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SYSTEM;
  if (c->interrupted)
    *code = EXIT_INTERRUPTED;
  if (WIFSIGNALED(status) && !c->interrupted && c->stopped_s == 0)
    return err_system(e, "%s was ended by signal %d (%s)", c->o->program, WTERMSIG(status), strsignal(WTERMSIG(status)));
  return true;
}

bool measure_execute(const struct measure_options *o, measure_line *take, void *context, const struct raw *bar, int *code,
                     struct err *e)
{
  struct child c = {.signals = -1, .out.fd = -1, .said.fd = -1, .o = o, .bar = bar, .started_s = now_s()};
  bool good = child_start(&c, e);
  while (good && (c.out.fd >= 0 || c.said.fd >= 0))
    listen(&c, take, context);
  clear_bar(&c);
  good = good && child_end(&c, code, e);
  if (good && c.endless)
    good = err_system(e, "%s said more than %d MiB without an end of line", o->program, LINE_MOST >> 20);
  if (good && o->copy && (fflush(o->copy) != 0 || ferror(o->copy)))
    good = err_system(e, "cannot write the raw samples: %s", strerror(errno));
  if (c.signals >= 0)
    close(c.signals);
  free(c.out.left.s);
  free(c.said.left.s);
  return good;
}

struct into_raw { struct raw *r; struct err *e; bool good; };

static bool line_into_raw(void *context, const char *text, size_t n)
{
  struct into_raw *x = context;
  return x->good = x->good && raw_line(x->r, text, n, x->e);
}

bool measure_raw(const struct measure_options *o, struct raw *r, struct err *e)
{
  struct into_raw x = {r, e, true};
  int code = EXIT_SYSTEM;
  if (!measure_execute(o, line_into_raw, &x, r, &code, e) || !x.good)
    return false;
  if (code == EXIT_INTERRUPTED) {
    err_system(e, "interrupted: nothing was written");
    e->code = EXIT_INTERRUPTED;
    return false;
  }
  if (code != EXIT_OK) {
    err_system(e, code == EXIT_NEGATIVE ? "no kernel could be measured" : "%s ended with exit code %d", o->program, code);
    e->code = (enum exit_code)code;
    return false;
  }
  return raw_finish(r, e);
}
