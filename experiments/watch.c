#include "experiments/watch.h"
#include "sim/sim.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined __has_feature                                /* clang's way to say it */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAPS_TERABYTES
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define MAPS_TERABYTES
#endif

enum { HANG_CPU_S = 60, MAX_FILE_GIB = 256 };

/* Physical memory bounds the address space: a run that needs more would only swap. The sanitizers map terabytes. */
void watch_limits(void)
{
  struct rlimit none = {0, 0}, file = {(rlim_t)MAX_FILE_GIB << 30, (rlim_t)MAX_FILE_GIB << 30};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_FSIZE, &file);
  signal(SIGXFSZ, SIG_IGN);                             /* the write fails instead */
#ifndef MAPS_TERABYTES
  rlim_t bytes = (rlim_t)sysconf(_SC_PHYS_PAGES) * (rlim_t)sysconf(_SC_PAGESIZE);
  struct rlimit memory = {bytes, bytes};
  setrlimit(RLIMIT_AS, &memory);
#endif
}

/* Every second of CPU time: has the run moved? A decision that never returns keeps its event. */
static void on_watch(int number, siginfo_t *info, void *unused)
{
  (void)number, (void)unused;
  struct watch *w = info->si_value.sival_ptr;
  struct world *const volatile *slot = w->world;
  const struct world *world = slot ? *slot : NULL;
  uint64_t events = world ? sim_events(world_sim(world)) : 0;
  w->seconds = slot && events == w->events ? w->seconds + 1 : 0;
  w->events = events;
  if (w->seconds < w->limit)
    return;
  if (w->hung_s)
    *w->hung_s = w->limit;
  _exit(EXIT_HANG);
}

int watch_limit_s(void)
{
  const char *text = getenv("OFFSIM_HANG_S");           /* for tests */
  long s = text ? strtol(text, NULL, 10) : 0;
  return s > 0 && s < HANG_CPU_S ? (int)s : HANG_CPU_S;
}

void watch_make(struct watch *w)
{
  struct sigaction action = {.sa_sigaction = on_watch, .sa_flags = SA_SIGINFO | SA_RESTART};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF, .sigev_value.sival_ptr = w};
  *w = (struct watch){.limit = watch_limit_s()};
  sigaction(SIGPROF, &action, NULL);
  w->armed = timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &w->timer) == 0;
}

void watch_run(struct watch *w, struct world *const volatile *world)
{
  struct itimerspec second = {{1, 0}, {1, 0}};
  w->world = NULL;
  w->seconds = 0, w->events = 0;
  w->world = world;
  if (w->armed && world)
    timer_settime(w->timer, 0, &second, NULL);
}
