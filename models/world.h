/* world.h: one run: a world built from its definition, driven to its horizon, with its records sent to a sink.
 *
 * A run lives on one thread and shares nothing. The same definition, policy entry, seed and replication give the same
 * records, byte for byte.
 */
#ifndef OFFSIM_MODELS_WORLD_H
#define OFFSIM_MODELS_WORLD_H

#include "models/defs.h"
#include "models/record.h"
#include "sim/sim.h"

struct world;
struct decision_facts; struct decision_result;

/* A second policy that is asked at every decision after the first, on the same facts, and never heard: what another one
 * would have done in this world (off-policy evaluation). It learns nothing. Estimates and queues of all actions are in
 * the facts. distribution: [n_actions] as the shadow reports it; NULL where it reports none. */
struct run_shadow {
  const struct policy_def *policy;
  void *context;
  void (*seen)(void *context, const struct decision_facts *, const struct decision_result *taken,
               const struct decision_result *shadow, const double *distribution);
};

struct run_setup {
  const struct world_def *def;                          /* must outlive the world */
  const struct policy_def *policy;                      /* NULL: only tasks with a single plan */
  uint64_t seed, replication;
  struct sink sink;
  uint64_t shuffle_ties;                                /* test mode; 0 = off */
  const struct run_shadow *shadow;                      /* NULL: none */
};

/* NULL after adding to err: a plug-in that does not load, a feature that is not known, memory beyond the limit. */
struct world *world_new(const struct run_setup *, struct err *);
/* What world_new would refuse with any of these policies, but for what the policies say themselves: without a run. */
bool world_check(const struct world_def *, const struct policy_def *policy, int n_policies, struct err *) MUST_USE;
void world_free(struct world *);
/* Run to the horizon and settle what is left. False when a plug-in misbehaved. *summary is valid until world_free. */
bool world_run(struct world *, struct run_summary *, struct err *) MUST_USE;
struct sim *world_sim(const struct world *);
/* What its policy has learned by now; after world_run. False: there is no policy, or it cannot be saved. */
struct offsim_stream;
bool world_save_learned(struct world *, const struct offsim_stream *, struct err *) MUST_USE;
/* Names and units of the features in decision records, from world_new on; 0 without a policy.
 * world_policy_kind: "policy" or "reference". */
int world_features(const struct world *, const char *const **names, const char *const **units);
const char *world_policy_kind(const struct world *);
/* What the policy host had to put right; one line, "" = nothing. */
void world_remark(const struct world *, char *text, size_t size);
/* An entry that is a bound (models/bound.c); and whether what such a run says of this metric is proven. */
bool world_bounds(const struct policy_def *);
bool world_bound_proves(const struct world *, const char *metric, double *value);      /* may change the value */
/* Bytes that a world of this definition would need before its first request: refuse what cannot fit. */
double world_bytes_estimate(const struct world_def *);

#endif
