#include "experiments/contained.h"
#include "sim/err.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child_main(contained_fn *work, void *context, const sigset_t *mask)
{
  struct rlimit none = {0, 0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &none);
  sigprocmask(SIG_SETMASK, mask, NULL);
  int code = work(context);
  if (fflush(stdout) != 0 || ferror(stdout))
    code = code == EXIT_OK ? EXIT_SYSTEM : code;
  _exit(code);
}

static int judge(int status, bool interrupted, const char *what)
{
  if (interrupted || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM)))
    return EXIT_INTERRUPTED;
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  fprintf(stderr, "offsim: error: %s died of signal %d (%s)\n", what, WTERMSIG(status), strsignal(WTERMSIG(status)));
  return EXIT_PLUGIN;
}

int contained_run(contained_fn *work, void *context, const char *what)
{
  sigset_t watched, before;
  int status = 0, number;
  bool interrupted = false;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, &before);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    child_main(work, context, &before);
  if (child < 0) {
    sigprocmask(SIG_SETMASK, &before, NULL);
    fprintf(stderr, "offsim: error: cannot fork: %s\n", strerror(errno));
    return EXIT_SYSTEM;
  }
  while (waitpid(child, &status, WNOHANG) == 0)
    if (sigwait(&watched, &number) == 0 && number != SIGCHLD) {
      interrupted = true;
      kill(child, SIGKILL);
    }
  sigprocmask(SIG_SETMASK, &before, NULL);
  return judge(status, interrupted, what);
}
