/* critical.h: where the time of one request went: the chain of attempts, waits between tries included, that led from its
 * arrival to its end. Its parts follow one another without a gap, so they add up to the end-to-end time, to the ns.
 */
#ifndef OFFSIM_ANALYSIS_CRITICAL_H
#define OFFSIM_ANALYSIS_CRITICAL_H

#include "models/record.h"
#include <stdbool.h>
#include <stddef.h>

/* One phase more than attempts have: nothing of the request was under way on the path (the wait before a retry). */
enum { PATH_WAIT = N_PHASES, N_PATH_PHASES };
enum { MAX_PIPELINE = 32, NO_TASK = 255 };
const char *path_phase_name(int phase);

/* Tasks of a class by number, as in the records. */
struct pipeline {
  int n_tasks;
  uint32_t after[MAX_PIPELINE];                         /* sets of tasks */
  uint32_t flows;                                       /* those on whose first output others begin */
  uint32_t unawaited;                                   /* asynchronous: the user does not wait for them */
};

/* What of an attempt's record the path needs. */
struct path_step {
  int64_t started_ns, ended_ns, first_output_ns, phase_ns[N_PHASES];
  uint32_t member;
  uint16_t place;
  uint8_t task, attempt, status;
};
struct path_step path_step_of(const struct attempt_record *);

/* step: index, or -1 where nothing was under way. task: NO_TASK where there was none at all. */
struct path_part { int64_t from_ns, to_ns; int step; uint8_t task, phase; };
struct path { struct path_part *part; size_t n, room; };        /* zeroed at first; free(part) */

/* The parts in order of time; none is empty. `end_ns` of a censored request: when the last of its attempts was cut. */
void critical_path(const struct pipeline *, int64_t arrived_ns, int64_t end_ns, const struct path_step *, size_t n,
                   struct path *);
/* When a censored request was cut: the latest end of its attempts. */
int64_t last_end_ns(int64_t arrived_ns, const struct path_step *, size_t n);

#endif
