#include "experiments/contained.h"
#include "sim/err.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void contained_begin(struct contained *c, struct world *const volatile *world, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  vsnprintf(c->doing, sizeof c->doing, format, list);
  va_end(list);
  watch_run(&c->watch, world);
}

void contained_end(struct contained *c) { watch_run(&c->watch, NULL); }

static _Noreturn void child_main(contained_fn *work, void *context, struct contained *shared, const sigset_t *mask)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  watch_limits();
  watch_make(&shared->watch);
  sigprocmask(SIG_SETMASK, mask, NULL);
  int code = work(context, shared);
  if (fflush(stdout) != 0 || ferror(stdout))
    code = code == EXIT_OK ? EXIT_SYSTEM : code;
  shared->finished = true;
  _exit(code);
}

static int judge(const char *command, int status, bool interrupted, const struct contained *c)
{
  int died = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  if (interrupted || died == SIGINT || died == SIGTERM)
    return EXIT_INTERRUPTED;
  if (!died && c->finished)
    return code;
  const char *doing = *c->doing ? c->doing : "the work";
  if (died)
    fprintf(stderr, "offsim: error: %s: %s crashed: %s (signal %d)\n", command, doing, strsignal(died), died);
  else if (code == EXIT_HANG)
    fprintf(stderr, "offsim: error: %s: %s hung: no event in %d s of CPU time\n", command, doing, watch_limit_s());
  else
    fprintf(stderr, "offsim: error: %s: %s ended the process, exit code %d\n", command, doing, code);
  return EXIT_PLUGIN;
}

static int refused(const char *what)
{
  fprintf(stderr, "offsim: error: %s: %s\n", what, strerror(errno));
  return EXIT_SYSTEM;
}

/* A signal for the child and for us: it is killed, whatever it does. */
static int wait_for(pid_t child, const sigset_t *watched, bool *interrupted)
{
  int status = 0, number;
  while (waitpid(child, &status, WNOHANG) == 0)
    if (sigwait(watched, &number) == 0 && number != SIGCHLD) {
      *interrupted = true;
      kill(child, SIGKILL);
    }
  return status;
}

int contained_run(const char *command, contained_fn *work, void *context)
{
  sigset_t watched, before;
  bool interrupted = false;
  struct contained *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return refused("no memory to share");
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, &before);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    child_main(work, context, shared, &before);
  int status = child > 0 ? wait_for(child, &watched, &interrupted) : 0;
  int code = child > 0 ? judge(command, status, interrupted, shared) : refused("cannot fork");
  sigprocmask(SIG_SETMASK, &before, NULL);
  munmap(shared, sizeof *shared);
  return code;
}
