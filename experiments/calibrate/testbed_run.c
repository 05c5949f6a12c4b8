/* testbed_run.c: the processes of the testbed, and what the client wrote. No process outlives its parent: the children ask
 * the kernel for that themselves. */
#include "experiments/calibrate/testbed.h"
#include "analysis/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 120000, LINE = 4096, PIECES = 6 + BED_INSTANTS };

static _Noreturn void child_main(const char *const *argv, pid_t parent, int out)
{
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(EXIT_SYSTEM);                                 /* it died before that */
  dup2(out, STDOUT_FILENO);
  execv(argv[0], (char *const *)argv);
  dprintf(STDERR_FILENO, "testbed: cannot start %s: %s\n", argv[0], strerror(errno));
  _exit(EXIT_SYSTEM);
}

/* A pending SIGINT or SIGTERM (held back by the command) ends every wait. */
static int stop_signals(void)
{
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT), sigaddset(&held, SIGTERM);
  return signalfd(-1, &held, SFD_CLOEXEC);
}

static bool interrupted(struct err *e)
{
  err_system(e, "testbed: interrupted");
  e->code = EXIT_INTERRUPTED;
  return false;
}

/* Until fd tells something, for at most so long. */
static bool wait_for(int fd, int ms, const char *what, struct err *e)
{
  int signals = stop_signals();
  struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  int n = poll(p, 2, ms);
  close(signals);
  if (n > 0 && p[1].revents)
    return interrupted(e);
  return n > 0 || err_system(e, "testbed: nothing heard from %s for %d s", what, ms / 1000);
}

/* It has said why, or is made to end. A shape that it does not take is the user's mistake. */
static bool did_not_start(struct bed_process *p, const char *what, struct err *e)
{
  enum { PATIENCE_MS = 1000 };
  int status = 0;
  if (poll(&(struct pollfd){.fd = p->out, .events = 0}, 1, PATIENCE_MS) == 0)
    kill(p->pid, SIGKILL);                              /* its end of the pipe is still open */
  if (waitpid(p->pid, &status, 0) == p->pid)
    p->pid = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USER)
    return err_add(e, (struct where){0}, "testbed: %s cannot do that work (see above)", what);
  return err_system(e, "testbed: %s did not start", what);
}

static bool read_port(struct bed_process *p, const char *what, struct err *e)
{
  char line[LINE] = "";
  size_t n = 0;
  for (ssize_t got = 1; got > 0 && n < sizeof line - 1 && !strchr(line, '\n'); n += got > 0 ? (size_t)got : 0) {
    if (!wait_for(p->out, READY_MS, what, e))
      return false;
    got = read(p->out, line + n, sizeof line - 1 - n);  /* the rest of it is still 0 */
  }
  const char *port = strstr(line, "\"port\":");
  p->raised = strstr(line, "\"raised\":true") != NULL;
  p->port = port ? atoi(port + strlen("\"port\":")) : 0;
  return p->port > 0 || did_not_start(p, what, e);
}

bool bed_start(struct bed_process *p, const char *const *argv, bool port, struct err *e)
{
  int ends[2];
  *p = (struct bed_process){.pid = -1, .out = -1};
  if (pipe2(ends, O_CLOEXEC))
    return err_system(e, "testbed: %s", strerror(errno));
  fflush(NULL);
  pid_t own = getpid();
  p->pid = fork();
  if (p->pid == 0)
    child_main(argv, own, ends[1]);
  close(ends[1]);
  p->out = ends[0];
  if (p->pid < 0)
    return err_system(e, "testbed: cannot start %s: %s", argv[0], strerror(errno));
  return !port || read_port(p, argv[1], e);
}

void bed_stop(struct bed_process *p)
{
  if (p->pid > 0) {
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {}
  }
  if (p->out >= 0)
    close(p->out);
  *p = (struct bed_process){.pid = -1, .out = -1};
}

bool bed_end(struct bed_process *p, int *code, struct err *e)
{
  int fd = (int)syscall(SYS_pidfd_open, p->pid, 0), status = 0;
  bool good = fd < 0 || wait_for(fd, -1, "the client", e);
  if (fd >= 0)
    close(fd);
  if (good && waitpid(p->pid, &status, 0) == p->pid) {
    p->pid = -1;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bed_stop(p);
  return good;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

static bool read_numbers(char *line, double *x, int n)
{
  for (int i = 0; i < n; i++) {
    char *end;
    x[i] = strtod(line, &end);
    if (end == line || (*end != ',' && *end != '\n' && *end))
      return false;
    line = *end == ',' ? end + 1 : end;
  }
  return true;
}

static size_t count_lines(const char *text)
{
  size_t n = 0;
  for (; (text = strchr(text, '\n')); text++)
    n++;
  return n;
}

bool bed_read_records(const char *path, struct arena *a, struct bed_records *r, struct err *e)
{
  size_t bytes, row = 0;
  char *text = text_load(path, &bytes, e), *rest = text, *line;
  if (!text)
    return false;
  *r = (struct bed_records){.at = arena_array(a, struct bed_record, count_lines(text) + 1)};
  strsep(&rest, "\n");
  while ((line = strsep(&rest, "\n")) && *line) {
    double x[PIECES];
    row++;
    if (!read_numbers(line, x, PIECES)) {
      free(text);
      return err_system(e, "%s: record %zu cannot be read", path, row);
    }
    struct bed_record *to = &r->at[r->n++];
    *to = (struct bed_record){.shape = (int)x[1], .batch = (int)x[2], .cold = x[3] > 0, .cpu_s = x[4], .spent_s = x[5]};
    memcpy(to->at_s, x + 6, sizeof to->at_s);
  }
  free(text);
  return true;
}

long bed_met_calibration(const struct bed_records *r)
{
  long n = 0;
  for (size_t c = 0; c < r->n; c++)
    for (size_t i = 0; r->at[c].shape == BED_CALIBRATE && i < r->n; i++) {
      const struct bed_record *one = &r->at[i];
      n += one->shape >= 0 && one->at_s[BED_UP_OUT] < r->at[c].at_s[BED_SERVED] && one->at_s[BED_SERVE] >= r->at[c].at_s[BED_SERVED];
    }
  return n;
}
