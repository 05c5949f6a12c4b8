/* policy_host.h: the host's side of the policy boundary (policies/offsim_policy.h).
 *
 * Finds a policy (built in, or a plug-in through dlopen, with the floating-point state saved and restored), checks its
 * descriptor, resolves its features against a world definition, owns its states, memos and random numbers, and turns
 * the facts of a decision into the arrays that the policy sees. It knows nothing of requests in flight: the caller
 * (models/request.c) gives the facts and takes the action.
 */
#ifndef OFFSIM_MODELS_POLICY_HOST_H
#define OFFSIM_MODELS_POLICY_HOST_H

#include "models/defs.h"
#include "models/record.h"
#include "policies/offsim_policy.h"
#include "sim/rng.h"
#include "sim/sim.h"
#include <limits.h>

struct policy_host;

/* What a policy is doing: the host notes it before it gives the control away. In memory that two processes share, it
 * tells the one why the other is gone. hung_s: set by the watch that ended it. */
enum policy_call { CALL_NONE, CALL_LOAD, CALL_START, CALL_DECIDE, CALL_OUTCOME, CALL_TICK, CALL_STATE };
/* action, status: of the outcome told; status is one of offsim_policy.h. */
struct policy_desk { enum policy_call call; int hung_s; uint64_t request, decision; sim_time now; int action, status; };
/* "while deciding on request 20 (decision 20, t = 6.1 s)"; "" with CALL_NONE. */
void policy_desk_print(const struct policy_desk *, char *text, size_t size);

/* One action, as the world describes it: parallel arrays are made from these. Estimates are NaN when not known. */
struct action_facts {
  int place, variant; uint64_t member; int tier;
  uint32_t mask;                                        /* OFFSIM_MASK_* bits; 0 = allowed */
  double est_latency_s, est_cost_usd, est_energy_j, est_quality;
  double queue, queue_age_s;                            /* jobs there by telemetry, and how old that is */
};
struct decision_facts {
  uint64_t request, decision_number;                    /* number within the run */
  int klass, task, decision;                            /* decision: nth of the request */
  uint64_t device, site;                                /* learner selection by scope */
  sim_time now;
  double deadline_s, elapsed_s;
  double battery_j;                                     /* of the requester's device; NaN without one */
  double battery_level, warmth_c, network_s;            /* the same, filled where the policy reads it; else 0 */
  double priority, work_flop, moved_bytes;              /* of the class; of the task: filled where the policy reads them */
  double retries_left;                                  /* that this task may take now; NaN without 'retry' */
  const double *attribute;                              /* of the request; the host passes on only what is known now */
  uint32_t tasks_done;                                  /* bit set, for known: after a task */
  const double *estimate;                               /* [n_attributes] current estimators; NaN = none */
  int n_actions; const struct action_facts *action;
};
struct decision_result {
  int action; double propensity; bool replaced; void *memo;
  /* Beyond the first attempt; 0, NONE and 0 where the policy leaves it to the scenario. All actions are allowed ones. */
  double timeout_s, hedge_delay_s, accept_quality;
  int hedge_action, n_fallbacks, fallback[4];
  int left_out;                                         /* masked ones among what it wanted beyond its choice */
  int n_features; double feature[MAX_FEATURES];
};

struct outcome_facts {
  uint64_t decision_number; sim_time now; int action;   /* really executed */
  enum status status; double phase_s[N_PHASES], latency_s, energy_j, cost_usd, quality, reward;
  unsigned attempts, fallback; double score;            /* score by the task's judge; NaN = none */
};

/* NULL after adding to err, with the scenario line of the entry: unknown policy (names the nearest and where it
 * looked), unknown parameter, value out of range, feature not provided or not known in time. */
struct policy_host *policy_host_new(const struct policy_def *, const struct world_def *, const struct rng_root *,
                                    struct err *);
void policy_host_free(struct policy_host *);
/* Ask the policy. False when it misbehaved (NaN, index out of range): a message is added. A masked choice is replaced
 * by the first allowed action and counted. With no allowed action the caller must not ask. */
bool policy_host_decide(struct policy_host *, const struct decision_facts *, struct decision_result *,
                        struct err *) MUST_USE;
/* What the policy reported with its last answer, [n_actions]; NULL: it reports none. */
const double *policy_host_distribution(const struct policy_host *);
/* A decision that nobody acts on: its memo goes back unheard. */
void policy_host_forget(struct policy_host *, void *memo);
/* Several at once, all of one learner. Asked only where the entry can (policy_host_batches). */
bool policy_host_batches(const struct policy_host *);
bool policy_host_decide_batch(struct policy_host *, uint32_t n, const struct decision_facts *, struct decision_result *,
                              struct err *) MUST_USE;
/* Periodic control: `seen` holds what the policy may read and room for what it sets, NaN before; number: of the tick. */
bool policy_host_tick(struct policy_host *, struct offsim_control *seen, uint64_t number, struct err *) MUST_USE;
/* Deliver the outcome of an earlier decision, exactly once each, then the memo is gone. */
bool policy_host_outcome(struct policy_host *, const struct decision_facts *who, void *memo,
                         const struct outcome_facts *, struct err *) MUST_USE;
/* All learners of the entry, as bytes: for a warm start, between runs. Load comes before the first decision and refuses
 * what does not fit (policy, boundary, contexts, arms, parameters, features, wrappers), naming each with both values. */
bool policy_host_save(struct policy_host *, const struct offsim_stream *, struct err *) MUST_USE;
bool policy_host_load(struct policy_host *, const struct offsim_stream *, struct err *) MUST_USE;
/* From now on nothing is learned: outcomes are not told, and a decision leaves the state as it was. A policy that does
 * not declare to learn goes on as ever. */
void policy_host_freeze(struct policy_host *);
bool policy_host_is_frozen(const struct policy_host *);
/* After the last outcome: did the policy take all of them? A policy in another process may answer late. */
bool policy_host_settle(struct policy_host *, struct err *) MUST_USE;
/* What the host put right, for people: a floating-point state that loading changed; the first masked choice, and how
 * many. One line; "" = nothing. */
void policy_host_remark(const struct policy_host *, char *text, size_t size);
/* "privacy and memory" of OFFSIM_MASK_* bits. */
void policy_mask_print(uint32_t mask, char *text, size_t size);
/* Names of the features that this policy declared, for the trace. */
int policy_host_features(const struct policy_host *, const char *const **names, const char *const **units);
bool policy_host_needs_oracle(const struct policy_host *);
/* OFFSIM_COLUMN_* bits: what the policy reads per action. The others need not be filled. */
uint32_t policy_host_columns(const struct policy_host *);
/* Does it read what is worked out only for those who do (decision_facts: battery_level and what follows)? */
bool policy_host_reads_state(const struct policy_host *);
bool policy_host_learns(const struct policy_host *);
const char *policy_host_kind(const struct policy_host *);               /* "policy" or "reference" */

/* Names of all built-in policies, sorted; and the descriptor of one, NULL when unknown. */
size_t policy_builtin_names(const char *const **names);
const struct offsim_policy *policy_builtin(const char *name);
/* The file of a plug-in, resolved: by path (relative to the file that names it), then $OFFSIM_POLICY_PATH, then the
 * installed folder. "" for a built-in, which a name without '/' means first. False after adding to err. */
bool policy_locate(const struct policy_def *, char path[PATH_MAX], struct err *) MUST_USE;
/* Does it name a file, not a policy to be searched? With a '/', in Python, or ending in .so. */
bool policy_is_path(const char *policy);
/* Has the policy the parameters that the entry gives, and may they have these values? False after adding to err. */
bool policy_parameters_fit(const struct offsim_policy *, const struct policy_def *, struct err *) MUST_USE;
bool policy_in_search_path(const char *name);           /* $OFFSIM_POLICY_PATH, then the installed folder */
/* Load a descriptor for `policy list` and checks: built-in name, or a path. */
const struct offsim_policy *policy_describe(const struct policy_def *, struct err *);

#endif
