/* ope_log.h: the log that off-policy evaluation works on.
 *
 * The logged runs are done again, exactly (the trace_hash is compared with the recorded one), and at each decision the
 * target is asked as well, through the same host, on the same facts, without being heard (struct run_shadow). So the
 * target sees all that it would read: features, masks, estimates, queues, not only what the trace kept. Rows are those
 * of /decisions that are measured, have a reward (the run did not end first) and took what the logger chose.
 */
#ifndef OFFSIM_EXPERIMENTS_OPE_LOG_H
#define OFFSIM_EXPERIMENTS_OPE_LOG_H

#include "analysis/ope.h"
#include "experiments/contained.h"
#include "models/world.h"
#include "scenarios/scenario.h"
#include "sim/hash.h"

/* One decision as it was logged and as the target answered. */
struct ope_kept { uint64_t replication, request, number; uint32_t nth, action; double reward; };
struct ope_rows {
  struct ope_log log;                                   /* borrows from below */
  size_t n, room; struct ope_row *row; struct ope_kept *kept; double *x;
  size_t n_target, target_room; double *target;
  size_t censored, replaced, several;                   /* left out; left out; rows of requests with more than one */
  double reward_sum;                                    /* of the rows */
  double autocorrelation;                               /* of rewards in order of decision, mean over runs */
  size_t runs;
  bool sampled;                                         /* the target draws and reports no distribution */
  bool beyond;                                          /* the target asks for hedges, fallbacks or time-outs */
  double max_utilization; int busiest;                  /* of the logged runs, mean over runs; index of a place, -1 */
  double *utilization;                                  /* [n_places], sum over runs */
};
/* What one policy earned per decision in runs of its own. */
struct ope_truth { size_t runs, rows; double sum, *mean /* by run */, *utilization; };

struct ope_world {
  const struct world_def *def; const struct policy_def *logger, *target;
  uint64_t seed;
  bool by_run;                                          /* rows of a run are one unit; else those of a request */
  struct contained *contained;                          /* the process at work */
};

struct ope_rows *ope_rows_new(const struct ope_world *);
void ope_rows_free(struct ope_rows *);
/* Add one run. *hash: its trace_hash. */
bool ope_rows_add(struct ope_rows *, const struct ope_world *, uint64_t replication, struct hash *hash,
                  struct err *) MUST_USE;
/* After the last run: fills `log`, sums and means. */
void ope_rows_finish(struct ope_rows *, const struct ope_world *);
/* The target in charge. mean: room for one more run; utilization: [n_places] sums. */
bool ope_truth_add(struct ope_truth *, const struct ope_world *, uint64_t replication, struct err *) MUST_USE;

#endif
