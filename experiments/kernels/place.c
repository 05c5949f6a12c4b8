/* place.c: pinning. A container may refuse it, or lend one core only; then times are taken all the same, and say so. */
#include "experiments/kernels/place.h"
#include "experiments/kernels/ticks.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FIRST = -20, LOOK_US = 200000 };                 /* nice; the time of one look at who is busy */

bool place_bind(int core)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)core, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

static void find_cores(struct place *p)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    snprintf(p->problem, sizeof p->problem, "sched_getaffinity: %s", strerror(errno));
    p->cores = 1;                                       /* core 0 by name; nothing is known of others */
    return;
  }
  for (int c = 0; c < CPU_SETSIZE && p->cores < PLACE_CORES; c++)
    if (CPU_ISSET((size_t)c, &set))
      p->core_of[p->cores++] = c;
}

static bool is_mine(const struct place *p, int core)
{
  for (int i = 0; i < p->cores; i++)
    if (p->core_of[i] == core)
      return true;
  return false;
}

/* The core with the most idle ticks within a fifth of a second; of equals the last: the first has the interrupts. */
static int idlest(const struct place *p)
{
  int best = p->core_of[p->cores - 1];
  double most = -1, before[PLACE_CORES];
  if (p->cores == 1)
    return best;
  for (int i = 0; i < p->cores; i++)
    before[i] = ticks_idle("", p->core_of[i]);
  usleep(LOOK_US);
  for (int i = 0; i < p->cores; i++) {
    double idle = ticks_idle("", p->core_of[i]) - before[i];
    if (idle >= most) {
      most = idle;
      best = p->core_of[i];
    }
  }
  return best;
}

/* What is not permitted is not missed: a usual user may not go before others. */
static int go_first(void)
{
  for (int nice = FIRST; nice < 0; nice += 5)
    if (setpriority(PRIO_PROCESS, 0, nice) == 0)
      break;
  return getpriority(PRIO_PROCESS, 0);
}

bool place_take(struct place *p, int wanted, char *why)
{
  memset(p, 0, sizeof *p);
  find_cores(p);
  if (wanted >= 0 && !is_mine(p, wanted)) {
    snprintf(why, KERNEL_WHY, "core %d is none of this process's %d", wanted, p->cores);
    return false;
  }
  p->core = wanted >= 0 ? wanted : idlest(p);
  p->pinned = place_bind(p->core);
  if (!p->pinned)
    snprintf(p->problem, sizeof p->problem, "sched_setaffinity to core %d: %s", p->core, strerror(errno));
  p->nice = go_first();
  return true;
}
