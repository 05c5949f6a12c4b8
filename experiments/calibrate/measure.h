/* measure.h: the program `offsim-kernels`, found and executed as a child: its data lines read as they come, its messages
 * passed on, a progress bar on a terminal, its end waited for whatever happens.
 */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_MEASURE_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_MEASURE_H

#include "experiments/calibrate/raw.h"

#include <signal.h>
#include <stdio.h>

/* $OFFSIM_KERNELS, else `name` beside the running program, else in PREFIX/libexec. False: out holds what was looked for. */
bool kernels_find(const char *name, char *out, size_t size);

struct measure_options {
  const char *program;                                  /* a path */
  const char *const *argument;                          /* NULL at the end, without the program's own name */
  bool progress;                                        /* a bar on stderr */
  FILE *copy;                                           /* gets every data line as it is; NULL: nobody */
};
/* One line of data, without its end. False: enough, the child is stopped. */
typedef bool measure_line(void *context, const char *text, size_t n);
/* Runs it to its end. *code: its exit code, or EXIT_INTERRUPTED when SIGINT or SIGTERM came, which it was told of and
 * given a few seconds for. done, total and now are read for the bar. False after adding to err (it could not be started, it
 * was killed, a line had no end, the copy could not be written). */
bool measure_execute(const struct measure_options *, measure_line *, void *context, const struct raw *bar, int *code,
                     struct err *) MUST_USE;
/* `measure ...` into raw: all its lines, with its end; false after adding to err, code EXIT_INTERRUPTED after a signal. */
bool measure_raw(const struct measure_options *, struct raw *, struct err *) MUST_USE;

/* SIGINT and SIGTERM are held back from here on; measure_execute sees them. */
void measure_hold(sigset_t *before);
bool measure_interrupted(void);                         /* one waits */
void measure_let(const sigset_t *before);               /* let through again; one that waits is taken before */

#endif
