/* watch.h: limits of a process that runs code which may not be ours: memory, size of files, and CPU time in which a run
 * does not move. */
#ifndef OFFSIM_EXPERIMENTS_WATCH_H
#define OFFSIM_EXPERIMENTS_WATCH_H

#include "models/world.h"
#include <time.h>

enum { EXIT_HANG = 124 /* of a process whose run did not move */ };

/* world: where the run at work has its own, which may still be NULL; NULL: no run now. */
struct watch {
  struct world *const volatile *volatile world; uint64_t events; int seconds, limit; timer_t timer; bool armed;
  int *hung_s;                                          /* set before the end: after how many seconds; NULL: nobody asks */
};

/* No core file, no more memory than the machine has, no file beyond 256 GiB. */
void watch_limits(void);
/* CPU seconds without a single event before a run is given up; building a large world counts as one event. */
int watch_limit_s(void);
/* From now on, in this process. The watch must outlive it. */
void watch_make(struct watch *);
/* Each run has its seconds for itself. After the limit the process ends with EXIT_HANG. */
void watch_run(struct watch *, struct world *const volatile *world);

#endif
