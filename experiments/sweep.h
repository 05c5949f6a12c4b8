/* sweep.h: a study at work: its plan, the points and runs in the catalogue, what is left to do.
 *
 *   struct sweep s = {.options = ...};
 *   sweep_load(&s, &err);               study and plan
 *   supervisor_start(...);              forks, with sweep_source(&s)
 *   catalog_open(...);
 *   sweep_settle(&s, catalog, &err);    is it our folder; points and runs; what is done; orders
 */
#ifndef OFFSIM_EXPERIMENTS_SWEEP_H
#define OFFSIM_EXPERIMENTS_SWEEP_H

#include "experiments/expect.h"
#include "experiments/plan.h"
#include "experiments/supervisor.h"

struct sweep_options {
  const char *file, *dir;                               /* dir NULL: results/STUDY */
  const char *launcher, *shard;                         /* local | slurm | template; k/K; NULL */
  const char *template_file;                            /* of --launcher template */
  int round;                                            /* of the job that merges: which submission it would make */
  uint64_t replications;                                /* 0: as the study says */
  int workers, retries;
  size_t fail_fast;
  enum trace_level trace; bool trace_given;
  bool plan, dry_run, quiet, mixed, help, json;
};

/* Scenario of an order, built by the worker and kept until the next point. */
struct sweep_finder {
  const struct plan *plan;
  uint64_t last;                                        /* replication, of any point */
  struct scenario *kept; uint64_t point;
  struct hash *base; bool *has_base;                    /* [kept->n_policies + 1]: identities, by policy + 1 */
  struct arena *arena;
};

struct sweep {
  struct sweep_options options;
  struct study_file *file;
  struct plan *plan;
  char *dir;
  enum trace_level trace;
  struct sweep_finder finder;
  struct run_source source;
  uint64_t *reached;                                    /* [point]: replications of this round; NULL = plan->replications */
  int *policy;                                          /* [plan->n_policies]: index in plan->base */
  uint64_t n_runs;                                      /* different ones */
  size_t n_orders; struct run_order *order; int *attempts;      /* what is left, in the order of running; tries before */
  uint64_t reused, quarantined;                         /* of n_runs: done; given up before */
  struct expect *expect;
};

bool sweep_load(struct sweep *, struct err *) MUST_USE;
/* False: the folder is another study's, or of another model version. */
bool sweep_check_folder(const struct sweep *, struct catalog *, struct err *) MUST_USE;
/* sweep_warmup.c: the warm-up of each point with `warmup: auto`: the latest that MSER-5 finds in a pilot of each policy.
 * Pilots are done once and kept in the catalogue. supervisor NULL: nothing runs; points with unknown pilots stay as they
 * are. False also when a pilot failed, or a signal came (report). */
bool sweep_settle_warmup(struct sweep *, struct supervisor *, struct catalog *, const struct supervisor_options *,
                         struct supervisor_report *, size_t *unknown, struct err *) MUST_USE;
/* A signal came, and the supervisor has not seen it yet. The next two functions are false then, without a message. */
bool sweep_interrupted(void);
/* The study's points and runs into the catalogue, when they are not there like this. */
bool sweep_publish(struct sweep *, struct catalog *, struct err *) MUST_USE;
/* What is left (c NULL: everything); may be called again after more replications were added. */
bool sweep_find_orders(struct sweep *, struct catalog *, struct err *) MUST_USE;
/* supervisor_options.attempts_before, with the sweep as its context. */
int sweep_attempts(void *sweep, const struct run_order *);
void sweep_free(struct sweep *);

/* ---- sweep_launch.c: on a cluster -------------------------------------------------------------------------------- */

enum { SWEEP_PATIENCE = 3 /* tries more for a run that somebody killed */ };
/* --shard k/K: an exit code. */
int sweep_shard(struct sweep *, struct err *);
/* --launcher slurm or template: brings the catalogue up to date and submits what is left. */
bool sweep_launch(struct sweep *, struct err *) MUST_USE;
/* Is it asked for? False after adding to err as well: an unknown launcher. */
bool sweep_is_launched(const struct sweep_options *, struct err *) MUST_USE;

#endif
