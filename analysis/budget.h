/* budget.h: which task and which phase broke a latency budget.
 *
 * A class's budget is split over its tasks. A request misses it when it has no answer within the whole of it; one that
 * the end of the run cut before that is left out. Each miss is of exactly one task and one phase of it, so that the table
 * of misses adds up to the misses.
 */
#ifndef OFFSIM_ANALYSIS_BUDGET_H
#define OFFSIM_ANALYSIS_BUDGET_H

#include "analysis/critical.h"

struct budget {
  int64_t total_ns;                                     /* 0: none */
  bool lapses;                                          /* else the next task has what one leaves */
  int64_t task_ns[MAX_PIPELINE];
  int64_t due_ns[MAX_PIPELINE];                         /* by budget_link: when the task is due, after the arrival */
};
/* due = own time + the latest due of those before. */
void budget_link(struct budget *, const struct pipeline *);

/* Of one class. Zeroed at first. Row MAX_PIPELINE: requests that came to no task. */
struct miss;
struct budget_tally {
  uint64_t asked, missed, kept;
  uint64_t passed[MAX_PIPELINE + 1];                    /* kept requests with the task on their path */
  int64_t kept_ns[MAX_PIPELINE + 1][N_PATH_PHASES];     /* of kept requests */
  uint64_t answered;
  int64_t answered_ns[MAX_PIPELINE + 1][N_PATH_PHASES]; /* of all with an answer, on the path */
  uint64_t misses[MAX_PIPELINE + 1][N_PATH_PHASES];     /* by budget_settle */
  struct miss *miss; size_t n, room;
};
/* The path is that of the request; end_ns as critical_path had it. */
void budget_add(struct budget_tally *, const struct budget *, int64_t arrived_ns, int64_t end_ns, int status,
                const struct path *);
/* After the last request: each miss is given its phase. */
void budget_settle(struct budget_tally *);
void budget_free(struct budget_tally *);

/* Attempts of requests that are open, by request. */
struct gather;
struct gather *gather_new(void);
void gather_free(struct gather *);
void gather_add(struct gather *, uint64_t request, const struct path_step *);
/* All of a request, which is forgotten; valid until the next call. */
const struct path_step *gather_take(struct gather *, uint64_t request, size_t *n);

#endif
