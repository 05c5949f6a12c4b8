/* parallel.h: many numbers at once, over forked workers. */
#ifndef OFFSIM_VALIDATE_PARALLEL_H
#define OFFSIM_VALIDATE_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

/* The number of one job, by its index alone: who computes it must not matter. Says on stderr why it is NAN, after which
 * no further job begins. */
typedef double parallel_fn(const void *context, size_t job);

/* value[job] for jobs 0 .. n-1. False when a worker could not be made or died; jobs not done
 * are NAN. */
bool parallel_values(size_t n, int workers, parallel_fn *, const void *context, double *value);

#endif
