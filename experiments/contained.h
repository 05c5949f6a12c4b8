/* contained.h: work that runs code which may not be ours, in a process of its own: a crash ends that process alone. */
#ifndef OFFSIM_EXPERIMENTS_CONTAINED_H
#define OFFSIM_EXPERIMENTS_CONTAINED_H

/* The work says what it has to say itself, and gives an exit code. */
typedef int contained_fn(void *context);
/* Forks, waits and returns the work's exit code. A child that dies of a signal is named, with `what` it did, and gives
 * EXIT_PLUGIN. SIGINT and SIGTERM end the child: EXIT_INTERRUPTED. Nothing may be open that a copy of would harm. */
int contained_run(contained_fn *, void *context, const char *what);

#endif
