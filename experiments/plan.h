/* plan.h: the points and runs of a study, with the identity of each run, without building each point.
 *
 *   struct plan *p = plan_new(file, &err);
 *   for (uint64_t i = 0; i < p->n_points; i++)
 *     for (int k = 0; k < p->n_policies; k++)
 *       for (uint64_t r = 0; r < p->replications; r++)
 *         plan_run_id(p, i, k, r);
 *
 * Order of points: grid: the last factor of the file runs fastest; otherwise the order of the design. Points that
 * `where` drops have no number. Two (point, policy) may have the same identity: a parameter of one policy changes the
 * runs of no other, and a level may be the default.
 */
#ifndef OFFSIM_EXPERIMENTS_PLAN_H
#define OFFSIM_EXPERIMENTS_PLAN_H

#include "scenarios/study_file.h"
#include "sim/hash.h"

struct plan_work;
struct plan {
  const struct study_file *file;                        /* must outlive the plan */
  struct scenario *base;                                /* the study's scenario with `set`, without the factors */
  uint64_t n_points;                                    /* after `where` */
  int n_factors;
  int n_policies; const char *const *policy;            /* entry names, in the order of the scenario */
  uint64_t replications;                                /* may be changed by the caller (--replications) */
  bool whole;                                           /* factors interact: every point was built */
  const char *why_whole;                                /* in words, else NULL */
  bool auto_warmup;                                     /* somewhere `warmup: auto` of a steady horizon: see plan_settle */
  uint64_t n_built;                                     /* scenarios built while planning */
  struct plan_work *work;
};

/* NULL with problems in err. */
struct plan *plan_new(const struct study_file *, struct err *);
void plan_free(struct plan *);

/* `set` and the factors of the point, in the order in which they are applied. out: room for plan_n_overrides(). Texts
 * belong to the file or to the arena. */
size_t plan_n_overrides(const struct plan *);
size_t plan_overrides(const struct plan *, uint64_t point, struct override *out, struct arena *);
/* `warmup: auto`, found by pilots (sweep_warmup.c). Until it is settled, identities of the point are those with `auto`. */
bool plan_is_auto(const struct plan *, uint64_t point);
/* From now on the point has this warm-up, as if a factor said so. */
bool plan_settle(struct plan *, uint64_t point, double warmup_s, struct err *) MUST_USE;
/* Settled by plan_settle; negative: as the scenario says. */
double plan_settled_s(const struct plan *, uint64_t point);
/* identity_base of the policy (index of plan->policy) at the point. */
struct hash plan_base_id(const struct plan *, uint64_t point, int policy);
/* The same, of all policies: out[n_policies]. */
void plan_base_ids(const struct plan *, uint64_t point, struct hash *out);
uint64_t plan_seed(const struct plan *, uint64_t point);
/* Exactly what `offsim run SCENARIO --set ...` would give. Calls with the same point after each other are cheap. Keeps
 * the last point inside: one thread. */
struct hash plan_run_id(const struct plan *, uint64_t point, int policy, uint64_t replication);
/* {"bw":0.25,"above":256}: numbers in the unit of plan_factor_unit, other values as text. Caller frees. */
char *plan_factors_json(const struct plan *, uint64_t point);
/* Unit of a factor's numbers; "" = none or words. */
const char *plan_factor_unit(const struct plan *, int factor);

/* ---- plan_print.c: what a study would cost --------------------------------------------------------------------- */
struct plan_cost {
  uint64_t runs;                                        /* points x policies x replications */
  uint64_t distinct, done;                              /* of them different; of these done in the folder */
  double cpu_s;                                         /* of the distinct runs that are not done; NAN: not known */
  double disk_bytes;
  bool from_catalog;                                    /* else from a pilot */
  uint64_t measured;                                    /* runs that the estimate comes from */
  bool at_least;                                        /* a pilot run was cut off */
};
/* dir: the results folder, may not exist yet. The pilot runs take about 2 s of CPU; each in a process of its own. */
bool plan_cost_of(const struct plan *, const char *dir, struct plan_cost *, struct err *) MUST_USE;
/* More points than are possible: adds why, with what they would cost. False. */
bool plan_too_large(const struct plan *, double points, struct err *);
/* `sweep STUDY --plan`. */
bool plan_print(const struct plan *, const char *dir, FILE *, struct err *) MUST_USE;

#endif
