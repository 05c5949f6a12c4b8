/* replay.h: how a run of a results folder was asked for, so that it can be done again. */
#ifndef OFFSIM_EXPERIMENTS_REPLAY_H
#define OFFSIM_EXPERIMENTS_REPLAY_H

#include "analysis/store/catalog.h"
#include "experiments/worker.h"

struct replay {
  struct catalog_run before;                            /* as recorded; its texts are in the arena */
  const char *file; struct override *set; size_t n_sets;
  double warmup_s;                                      /* settled by pilots; negative: as the scenario says */
};
/* Of a run of `run`, from its notes; of a study, from its scenario and the point's overrides. */
bool replay_find(struct catalog *, const struct catalog_run *, struct arena *, struct replay *, struct err *) MUST_USE;
/* The scenario with the run's policy; *order is set. False when it is not the same run any more: the scenario, or a
 * file that it names, has changed. */
struct scenario *replay_load(const struct replay *, struct run_order *order, struct err *);
/* What the recorded trace holds. */
enum trace_level replay_trace_level(const char *dir, const struct catalog_run *);

#endif
