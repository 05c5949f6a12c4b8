/* shard.h: `sweep STUDY -o DIR --shard k/K`: one task of an array job.
 *
 * A shard is the same supervisor as on a workstation, but its results stay in the journals of its workers: it never
 * opens the catalogue, and no other process writes into its files (journal/s<k>-<host>-<pid>-<worker>). `merge` takes
 * them into the catalogue. A shard that is started again goes on where its own journals end.
 */
#ifndef OFFSIM_EXPERIMENTS_SHARD_H
#define OFFSIM_EXPERIMENTS_SHARD_H

#include "experiments/plan.h"
#include "experiments/supervisor.h"

struct shard { uint64_t number, of; };                  /* number from 1 */
bool shard_parse(const char *text, struct shard *, struct err *) MUST_USE;      /* "3/40" */

struct shard_setup {
  struct shard shard;
  const char *dir;
  const struct plan *plan;
  const int *policy;                                    /* [plan->n_policies]: what orders call them */
  const struct run_source *source;
  enum trace_level trace;
  int workers, retries, patience;                       /* as in supervisor_options */
  bool progress;
};
/* An exit code; errors in err. 75: stopped by a signal; started again it goes on. */
int shard_run(const struct shard_setup *, struct err *);

#endif
