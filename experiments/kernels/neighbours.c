/* neighbours.c: processes that keep the other cores at work. */
#include "experiments/kernels/neighbours.h"
#include "experiments/kernels/clock.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 10000, END_US = 2000, END_TRIES = 1000 };

struct neighbours { int n, ready[2]; pid_t pid[PLACE_CORES]; };

/* In the child: works until it is asked to stop, or its parent is gone. Exits through its kernel's finish, which takes its
 * files along. */
static void work(const struct job *j, int core, int ready, pid_t parent)
{
  char why[KERNEL_WHY];
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)                              /* gone before it was asked to tell */
    _exit(1);
  place_bind(core);
  void *state = j->kernel->prepare(j->p, j->seed + (uint64_t)core + 1, why);
  if (!state)
    _exit(1);
  j->kernel->run(state);
  bool told = write(ready, "", 1) == 1;
  while (told && !stop_asked())
    j->kernel->run(state);
  j->kernel->finish(state);
  _exit(0);
}

static bool start(struct neighbours *o, const struct job *j, int core)
{
  pid_t parent = getpid(), pid = fork();
  if (pid == 0)
    work(j, core, o->ready[1], parent);
  if (pid > 0)
    o->pid[o->n++] = pid;
  return pid > 0;
}

static bool await_ready(const struct neighbours *o)
{
  for (int got = 0; got < o->n; ) {
    struct pollfd p = {.fd = o->ready[0], .events = POLLIN, .revents = 0};
    char byte[PLACE_CORES];
    ssize_t n = poll(&p, 1, READY_MS) == 1 ? read(o->ready[0], byte, sizeof byte) : 0;
    if (n <= 0)
      return false;
    got += (int)n;
  }
  return true;
}

struct neighbours *neighbours_new(const struct place *place, const struct job *j, char *why)
{
  struct neighbours *o = calloc(1, sizeof *o);
  bool ok = o && place->cores > 1 && pipe(o->ready) == 0;
  if (!ok) {
    snprintf(why, KERNEL_WHY, place->cores > 1 ? "no pipe to neighbours: %s" : "there is no other core", strerror(errno));
    free(o);
    return NULL;
  }
  fflush(NULL);
  for (int i = 0; ok && i < place->cores; i++)
    if (place->core_of[i] != place->core)
      ok = start(o, j, place->core_of[i]);
  close(o->ready[1]);                                   /* so that the end of all of them is seen */
  o->ready[1] = -1;
  if (ok && await_ready(o))
    return o;
  snprintf(why, KERNEL_WHY, "the kernel did not run on the other cores");
  neighbours_free(o);
  return NULL;
}

/* Asked first, then made to. */
static void end(pid_t pid)
{
  kill(pid, SIGTERM);
  for (int i = 0; i < END_TRIES; i++) {
    if (waitpid(pid, NULL, WNOHANG) != 0)
      return;
    usleep(END_US);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

void neighbours_free(struct neighbours *o)
{
  if (!o)
    return;
  for (int i = 0; i < o->n; i++)
    end(o->pid[i]);
  close(o->ready[0]);
  free(o);
}
