/* python_process.c: start an interpreter, move bytes to and fro, see how it ends. */
#include "models/python_process.h"
#include "models/python_wire.h"
#include "sim/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWERS_FD = 3, QUESTIONS_FD = 4 /* as in the module */, HANG_S = 60, ASLEEP = 5 /* as often without CPU time */ };

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static int limit_s(void)
{
  const char *text = getenv("OFFSIM_HANG_S");           /* for tests, as for other plug-ins */
  long s = text ? strtol(text, NULL, 10) : 0;
  return s > 0 && s < HANG_S ? (int)s : HANG_S;
}

static double cpu_s(pid_t pid)
{
  clockid_t clock;
  struct timespec t;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Once a second, as a signal: a poll before each read would cost more than a tenth of a decision. Is the same question
 * still open? CPU time counts, so that a loaded machine is no hang; sleeping is one, later. Its end ends the wait. */
static void on_second(int number, siginfo_t *info, void *unused)
{
  (void)number, (void)unused;
  struct python_process *p = info->si_value.sival_ptr;
  struct patience *w = &p->patience;
  if (p->pid <= 0 || p->turn % 2 == 0) return;
  double now_s = cpu_s(p->pid);
  if (w->turn != p->turn) *w = (struct patience){.turn = p->turn, .from_s = now_s};
  w->seconds++;
  w->cpu_s = now_s - w->from_s;
  w->over = w->cpu_s >= p->limit_s || w->seconds >= ASLEEP * p->limit_s;
  if (w->over) kill(p->pid, SIGKILL);
}

static bool watch_start(struct python_process *p)
{
  struct sigaction action = {.sa_sigaction = on_second, .sa_flags = SA_SIGINFO | SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_ptr = p};
  struct itimerspec second = {{1, 0}, {1, 0}};
  sigaction(SIGALRM, &action, NULL);
  p->limit_s = limit_s();
  p->watched = timer_create(CLOCK_MONOTONIC, &event, &p->timer) == 0;
  return p->watched && timer_settime(p->timer, 0, &second, NULL) == 0;
}

static void watch_end(struct python_process *p)
{
  if (p->watched) timer_delete(p->timer);
  p->watched = false;
}

/* ---- its end ----------------------------------------------------------------------------------------------------- */

bool python_process_fail(struct python_process *p, const char *what)
{
  if (!p->trouble && !(p->trouble = strdup(what))) check_out_of_memory(strlen(what));
  python_process_halt(p);
  return false;
}

static void close_end(int *fd)
{
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void python_process_halt(struct python_process *p)
{
  watch_end(p);
  close_end(&p->questions);
  close_end(&p->answers);
  close_end(&p->far_end);
  if (p->pid <= 0) return;
  kill(p->pid, SIGKILL);
  while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) continue;
  p->pid = 0;
}

/* Its pipe is closed: how did it end? */
static void tell_end(struct python_process *p)
{
  int status = 0;
  char text[160];
  bool known = p->pid > 0 && waitpid(p->pid, &status, 0) == p->pid;
  p->pid = 0;
  if (p->patience.over)
    snprintf(text, sizeof text, "it did not answer within %.3g s of CPU time (%d s by the clock)", p->patience.cpu_s,
             p->patience.seconds);
  else if (known && WIFSIGNALED(status))
    snprintf(text, sizeof text, "its interpreter was ended by signal %d (%s)", WTERMSIG(status),
             strsignal(WTERMSIG(status)));
  else
    snprintf(text, sizeof text, "its interpreter ended by itself with exit code %d", known ? WEXITSTATUS(status) : -1);
  python_process_fail(p, text);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* The pipe is full: until it is not, or the answers have ended. False: ended. */
static bool wait_for_room(const struct python_process *p)
{
  struct pollfd fd[] = {{p->answers, 0, 0}, {p->questions, POLLOUT, 0}};
  while (poll(fd, 2, -1) < 0) continue;
  return !(fd[0].revents & (POLLHUP | POLLERR));
}

/* The two take turns and are never at work at once, so the interpreter follows this thread from processor to processor: to
 * wake one that sleeps costs more than the decision (on two idle ones 40,000 decisions a CPU second so, 23,000 else). */
static void keep_beside(struct python_process *p)
{
  int here = sched_getcpu();
  cpu_set_t one;
  if (here < 0 || here == p->beside) return;
  CPU_ZERO(&one);
  CPU_SET(here, &one);
  if (sched_setaffinity(p->pid, sizeof one, &one) == 0) p->beside = here;
}

bool python_process_send(struct python_process *p, const char *data, size_t n)
{
  size_t sent = 0;
  if (p->pid > 0) keep_beside(p);
  bool goes_on = p->questions >= 0;
  p->turn++;
  while (goes_on && sent < n) {
    ssize_t now = write(p->questions, data + sent, n - sent);
    if (now > 0) sent += (size_t)now;
    else goes_on = wait_for_room(p);
  }
  p->turn++;
  return goes_on;
}

size_t python_process_receive(struct python_process *p, char *to, size_t room)
{
  ssize_t n = -1;
  p->turn++;
  while (n < 0 && p->answers >= 0) {
    n = read(p->answers, to, room);
    if (n < 0 && errno != EINTR) n = 0;
  }
  p->turn++;
  if (n == 0) tell_end(p);
  return n > 0 ? (size_t)n : 0;
}

/* ---- its beginning ----------------------------------------------------------------------------------------------- */

static const char *interpreter(void)
{
  const char *named = getenv("OFFSIM_PYTHON");
  return named && *named ? named : "/usr/bin/python3";
}

/* One thread, one hash seed, no byte code beside the policy; its folder is not searched: a policy is one file. */
static void set_environment(const char *module)
{
  char folder[2 * PATH_MAX];
  const char *other = getenv("PYTHONPATH"), *slash = strrchr(module, '/');
  snprintf(folder, sizeof folder, "%.*s%s%s", (int)(slash - module), module, other && *other ? ":" : "",
           other ? other : "");
  setenv("PYTHONPATH", folder, 1);
  setenv("PYTHONHASHSEED", "0", 1);
  setenv("PYTHONIOENCODING", "utf-8", 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  setenv("OMP_NUM_THREADS", "1", 1);
}

/* Any number from `above` on: what lies below is to be replaced. */
static int moved(int fd, int above) { return fcntl(fd, F_DUPFD_CLOEXEC, above); }

/* What it prints is a message, no answer and no result. */
static void arrange_files(int questions, int answers)
{
  int from = moved(questions, QUESTIONS_FD + 1), to = moved(answers, QUESTIONS_FD + 1);
  dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  dup2(from, QUESTIONS_FD);
  dup2(to, ANSWERS_FD);
  close_range(QUESTIONS_FD + 1, ~0U, 0);
}

static void restore_signals(void)
{
  sigset_t none;
  signal(SIGINT, SIG_IGN);                              /* its parent ends it */
  signal(SIGPROF, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_main(int questions, int answers, pid_t parent, const char *module, const char *file)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);                    /* it died before that */
  arrange_files(questions, answers);
  restore_signals();
  set_environment(module);
  execlp(interpreter(), "python3", "-B", "-c", "import offsim_policy; offsim_policy.serve()", file, (char *)NULL);
  char text[PATH_MAX + 128];
  int n = snprintf(text, sizeof text, "cannot start the interpreter %s: %s; --python PATH or $OFFSIM_PYTHON names "
                   "another", interpreter(), strerror(errno));
  struct frame f = {(uint32_t)n, SAY_ERROR};
  if (write(ANSWERS_FD, &f, sizeof f) != sizeof f || write(ANSWERS_FD, text, (size_t)n) != n) _exit(126);
  _exit(127);
}

bool python_process_start(struct python_process *p, const char *module, const char *file)
{
  int ask[2] = {-1, -1}, say[2] = {-1, -1};
  pid_t parent = getpid();
  *p = (struct python_process){.questions = -1, .answers = -1, .far_end = -1, .beside = -1};
  bool piped = pipe2(ask, O_CLOEXEC) == 0 && pipe2(say, O_CLOEXEC) == 0;
  p->far_end = ask[0];
  p->questions = ask[1];
  p->answers = say[0];
  if (!piped) return python_process_fail(p, strerror(errno));
  fcntl(p->questions, F_SETFL, O_NONBLOCK);             /* of this end alone */
  p->pid = fork();
  if (p->pid == 0) child_main(ask[0], say[1], parent, module, file);
  close(say[1]);
  return (p->pid > 0 && watch_start(p)) || python_process_fail(p, strerror(errno));
}
