/* contained.h: work that runs code which may not be ours, in a process of its own, with the limits and the watch that
 * the runs of a study have: a crash, a hang or exit() ends that process alone, and is told with what it was doing. */
#ifndef OFFSIM_EXPERIMENTS_CONTAINED_H
#define OFFSIM_EXPERIMENTS_CONTAINED_H

#include "experiments/watch.h"
#include "sim/sim.h"

/* Shared by the two processes. */
struct contained { struct watch watch; bool finished; char doing[256]; };

/* In the work, before a run: what it is ("policy 'ucb1' in replication 3"), and where its world will be. */
void contained_begin(struct contained *, struct world *const volatile *world, const char *format, ...) PRINTF_LIKE(3, 4);
/* The run has ended, and its world will be freed. */
void contained_end(struct contained *);

/* The work says what it has to say itself, and gives an exit code. */
typedef int contained_fn(void *context, struct contained *);
/* Forks, waits and returns the work's exit code. A child that dies of a signal, hangs, or ends before the work does is
 * named, with `command` before and what it was doing, and gives EXIT_PLUGIN. SIGINT and SIGTERM end the child:
 * EXIT_INTERRUPTED. Nothing may be open that a copy of would harm. */
int contained_run(const char *command, contained_fn *, void *context);

#endif
