/* clock.h: the two clocks of every repetition, in nanoseconds. The thread's clock stands still while others have the core
 * (and, where the hypervisor tells, while other machines have it); the wall clock is what a user waits for. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_CLOCK_H
#define OFFSIM_EXPERIMENTS_KERNELS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t id)
{
  struct timespec t = {0, 0};
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static inline int64_t clock_wall_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
static inline int64_t clock_thread_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }
static inline int64_t clock_process_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

#endif
