/* slurm.h: what a Slurm cluster allows, and how many tasks a study becomes. */
#ifndef OFFSIM_EXPERIMENTS_SLURM_H
#define OFFSIM_EXPERIMENTS_SLURM_H

#include <stddef.h>
#include "sim/err.h"
#include <stdint.h>

struct slurm_def;
/* Numbers of jobs; 0 = no such limit was found. */
struct slurm_limits {
  bool found;                                           /* `scontrol show config` answered */
  char version[32];
  uint64_t array_size;                                  /* MaxArraySize: largest index + 1 */
  uint64_t array_tasks;                                 /* max_array_tasks of SchedulerParameters */
  uint64_t jobs;                                        /* MaxJobCount: of all users together */
  uint64_t submit;                                      /* the least MaxSubmitJobs of association and QOS */
  uint64_t queued;                                      /* of this user, now; each array task counts */
  uint64_t queued_all;                                  /* of all users */
};
/* Asks scontrol, sacctmgr and squeue; what is not there is left out. */
void slurm_look(struct slurm_limits *);
/* The parts that read text, for tests. */
void slurm_read_config(const char *scontrol_show_config, struct slurm_limits *);
uint64_t slurm_least(const char *sacctmgr_output);      /* the least whole number in fields separated by | */
uint64_t slurm_lines(const char *);

/* How many tasks: the number asked for, else so many that each is long (about half of the time limit, at least a
 * minute, never less than a run), never over array_max or a limit of the cluster; one job is kept for merging. cpu_s:
 * of all runs together, NAN when not known. *why (static): what decided. 0 after adding to err: there is no room. */
uint64_t slurm_tasks(const struct slurm_def *, const struct slurm_limits *, uint64_t runs, double cpu_s,
                     const char **why, struct err *);
/* Do tasks of this job still wait or run? -1: nobody knows. */
int slurm_alive(const char *job);
void slurm_cancel(const char *job);
/* sbatch in `folder`: the script, after another job has ended if `after` is one. The number of the job, caller frees; NULL
 * after adding to err. */
char *slurm_submit(const char *folder, const char *script, const char *after, struct err *);

#endif
