/* launcher.h: a study as jobs of a cluster.
 *
 *   launcher_free_to_write(dir, &err)          before the catalogue is opened: no job of the folder is alive
 *   ... the catalogue is brought up to date; what is left to do is known; the catalogue is closed ...
 *   launcher_submit(&launch, stdout, &err)     DIR/slurm/: todo.bin, array.sh, merge.sh, jobs.json; two jobs
 *
 * The job that merges calls the same again with a higher round: what was lost then is submitted once more, as tasks of
 * the same numbers, until nothing is left or ROUNDS are over.
 */
#ifndef OFFSIM_EXPERIMENTS_LAUNCHER_H
#define OFFSIM_EXPERIMENTS_LAUNCHER_H

#include "experiments/plan.h"
#include "experiments/supervisor.h"

enum launcher { LAUNCH_LOCAL, LAUNCH_SLURM, LAUNCH_TEMPLATE };
bool launcher_parse(const char *text, enum launcher *, struct err *) MUST_USE;
enum { LAUNCHER_ROUNDS = 4 };

struct launch {
  enum launcher launcher;
  const char *template_file;                            /* of LAUNCH_TEMPLATE */
  const struct study_file *file;
  const char *dir;
  const char *const *call; size_t n_call;               /* words after `offsim sweep` that a shard must repeat */
  const struct run_order *order; size_t n;              /* what is left */
  const double *cost_s;                                 /* expected, of each; NULL: all alike */
  double cpu_s;                                         /* of these; NAN: not known */
  int round;                                            /* 1: called by the user */
  bool dry_run;                                         /* print the scripts; nothing is written, nothing starts */
};
/* False after adding to err (exit 3): jobs of this folder wait or run. */
bool launcher_free_to_write(const char *dir, struct err *) MUST_USE;
/* Are there jobs of the folder that may still write? */
bool launcher_alive(const char *dir);
/* Nothing is left: the jobs are forgotten. */
void launcher_forget(const char *dir);
bool launcher_submit(const struct launch *, FILE *out, struct err *) MUST_USE;

#endif
