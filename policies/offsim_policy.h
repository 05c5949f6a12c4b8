/* offsim_policy.h: the boundary between offsim and a policy. A policy needs this header and libc, nothing else.
 *
 * A policy is one C file with one exported function, offsim_policy_entry, that returns a constant descriptor: who the
 * policy is, which features and parameters it has, and its functions ("hooks"). The host (offsim) owns everything else:
 * memory, random numbers, the virtual clock, names. A policy therefore has no globals that change, no threads, no
 * files, no wall clock and no rand(); two instances of it never meet; the same decisions give the same bytes.
 *
 *   cc -std=c11 -O2 -fPIC -shared -o mine.so mine.c      and in the scenario:  policies: [{policy: ./mine.so}]
 *
 * Compatibility: host and policy agree on the major number, and the policy's minor number and sizes are not above the
 * host's. Structs grow only at their end and `size` tells how much is there; data per action are parallel arrays and
 * joint decisions are arrays of pointers for the same reason. A compiled policy of 1.0 works with every 1.x host
 * (tests/abi keeps one). Brackets say [when a member is read or called, by whom, how long what it points to lives].
 *
 * Numbers: SI units (seconds, joules, bytes, US dollars), NaN = not known. Indices are 0-based; -1 = none.
 */
#ifndef OFFSIM_POLICY_H
#define OFFSIM_POLICY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OFFSIM_POLICY_MAGIC 0x4f464650u        /* "OFFP" */
#define OFFSIM_ABI_MAJOR 1u
#define OFFSIM_ABI_MINOR 0u

#if defined(__GNUC__)
#define OFFSIM_EXPORT __attribute__((visibility("default")))
#else
#define OFFSIM_EXPORT
#endif

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Why an action is not allowed now; 0 = allowed. Choosing a masked action is a mistake: the host takes the first
 * allowed action instead, counts it and shows it in the report. */
enum offsim_mask {
  OFFSIM_MASK_PRIVACY = 1 << 0,                 /* the class's data may not go to the zones on this plan's way */
  OFFSIM_MASK_CAPABILITY = 1 << 1,              /* this hardware cannot run this variant */
  OFFSIM_MASK_MEMORY = 1 << 2,                  /* the variant does not fit */
  OFFSIM_MASK_BREAKER = 1 << 3,                 /* a circuit breaker is open */
  OFFSIM_MASK_UNREACHABLE = 1 << 4              /* no route now */
};

enum offsim_tier { OFFSIM_DEVICE, OFFSIM_EDGE, OFFSIM_CLOUD };

/* How the scenario names an action's place: the requester's own device, its attachment now, a place, one member. */
enum offsim_word { OFFSIM_ORIGIN, OFFSIM_NEAREST, OFFSIM_PLACE, OFFSIM_MEMBER };

/* What a policy is or does; bits of offsim_policy.capabilities. */
enum offsim_capability {
  OFFSIM_STOCHASTIC = 1 << 0,                   /* draws random numbers */
  OFFSIM_LEARNS = 1 << 1,                       /* its choices depend on outcomes */
  OFFSIM_SUBLINEAR = 1 << 2,                    /* claims regret that grows slower than time on stationary problems */
  OFFSIM_ADAPTS = 1 << 3,                       /* claims to follow a change of the best action */
  OFFSIM_NEEDS_ORACLE = 1 << 4,                 /* reads the future: estimates are true values, every attribute may be
                                                   read; its results are labelled reference */
  OFFSIM_REPORTS_DISTRIBUTION = 1 << 5,         /* fills offsim_decision.distribution */
  OFFSIM_SINGLE_INSTANCE = 1 << 6               /* has state of its process: one instance per process */
};

/* Columns per action that a policy reads; bits of offsim_policy.columns. The host fills only these, the pointers of
 * others are NULL. mask, place, tier and word are always there. */
enum offsim_column {
  OFFSIM_COLUMN_VARIANT = 1 << 0, OFFSIM_COLUMN_MEMBER = 1 << 1,
  OFFSIM_COLUMN_LATENCY = 1 << 2, OFFSIM_COLUMN_COST = 1 << 3,
  OFFSIM_COLUMN_ENERGY = 1 << 4, OFFSIM_COLUMN_QUALITY = 1 << 5,
  OFFSIM_COLUMN_QUEUE = 1 << 6, OFFSIM_COLUMN_QUEUE_AGE = 1 << 7,
  OFFSIM_COLUMNS_ESTIMATES = OFFSIM_COLUMN_LATENCY | OFFSIM_COLUMN_COST | OFFSIM_COLUMN_ENERGY | OFFSIM_COLUMN_QUALITY
};

enum offsim_status {                            /* how a decision ended */
  OFFSIM_OK, OFFSIM_LATE, OFFSIM_DROPPED, OFFSIM_CANCELLED, OFFSIM_CENSORED   /* censored: the run ended first */
};

enum offsim_phase {                             /* of an attempt's life, in order */
  OFFSIM_PHASE_DECIDE, OFFSIM_PHASE_UPLINK, OFFSIM_PHASE_QUEUE, OFFSIM_PHASE_COLD_START, OFFSIM_PHASE_BATCH,
  OFFSIM_PHASE_SERVE, OFFSIM_PHASE_DOWNLINK, OFFSIM_N_PHASES
};

/* ---- what a policy declares -------------------------------------------------------------------------------------- */

/* A number that the policy reads at each decision: an attribute of the request (prompt_tokens ...) or one that the host
 * provides: elapsed_s, deadline_s, slack_s, hour, decision, device_queue, edge_queue, cloud_queue, battery (J left),
 * battery_level (share of its capacity), device_temperature (degC), network_s (idle time to the nearest remote action),
 * priority (of the class), work_flop, moved_bytes (of the task: inputs and output), flop_per_byte (the one by the other),
 * budget_usd_left, budget_j_left, retries_left (that the task may take now). Where the scenario has no such thing a
 * required one is refused at load, an optional one is NaN.
 * [read at load by the host; lives as long as the policy is loaded] */
struct offsim_feature {
  const char *name;
  const char *unit;                             /* as the scenario writes it ("tok", "s"); "" = any */
  int32_t required;                             /* 1: refuse to load without it; 0: NaN where it is missing */
  int32_t reserved;                             /* 0 */
};

enum offsim_type {
  OFFSIM_NUMBER,                                /* min, max and number are used */
  OFFSIM_INTEGER,                               /* the same, whole */
  OFFSIM_CHOICE,                                /* one of the words in `choices`, separated by '|'; the value arrives as
                                                   text and its index as number */
  OFFSIM_TEXT,                                  /* any text */
  OFFSIM_FEATURE,                               /* the name of a feature that the policy shall read; the number that
                                                   arrives is its index in offsim_context.value; "" = none (-1) */
  OFFSIM_FEATURES                               /* several, separated by spaces or commas, or "*" = each attribute known
                                                   at arrival; the number is the index of the first, the text remains,
                                                   and offsim_setup.n_selected tells how many */
};

/* A parameter, set in the scenario's policy entry. [read at load by the host; lives as long as the policy is loaded] */
struct offsim_parameter {
  const char *name;
  const char *unit;                             /* "" = a plain number */
  const char *help;                             /* one line */
  int32_t type;                                 /* enum offsim_type */
  int32_t required;                             /* 1: has no default */
  double min, max, number;                      /* bounds (both allowed) and default */
  const char *text;                             /* default of the text types; NULL for numbers */
  const char *choices;                          /* of OFFSIM_CHOICE: "beta|gaussian"; else NULL */
};

/* The value of a parameter, in the order of declaration. */
struct offsim_value { double number; const char *text; };

/* ---- what the host tells ----------------------------------------------------------------------------------------- */

/* The world as far as a policy may know it before the run. [made by the host at load; given to state_size and init;
 * what it points to lives until the last instance is gone, the struct itself too: state may keep the pointer only in
 * memory that is not saved, so prefer to copy what is needed] */
struct offsim_setup {
  uint32_t size;
  uint32_t n_contexts;                          /* kinds of decision, one per task of a class. Their arms are numbered
                                                   through, so that a learner may keep one flat array:
                                                   arm = offsim_context.first_arm + action */
  uint32_t n_arms;                              /* sum over contexts of their numbers of actions */
  uint32_t max_actions;                         /* no decision has more */
  uint32_t n_features, reserved;                /* length of offsim_context.value: declared, then chosen by parameter */
  const char *const *feature;                   /* their names [n_features] */
  uint32_t n_parameters;
  uint32_t n_selected;                          /* features chosen by the (first) parameter of type OFFSIM_FEATURES */
  const struct offsim_value *parameter;         /* [n_parameters] */
  uint32_t n_places, n_variants;
  const char *const *place_name;
  const char *const *variant_name;
  /* The scenario's objective: reward = sum of weight x quantity; weights carry the sign. */
  double reward_per_s, reward_per_usd, reward_per_j, reward_per_quality, reward_per_failure;
};

/* Random numbers. The stream belongs to (seed, replication, policy entry, learner, decision): drawing more or fewer
 * numbers in one decision changes no other one. [usable in decide, decide_batch and tick only] */
struct offsim_random;
struct offsim_random_functions {
  uint32_t size, reserved;
  double (*uniform)(struct offsim_random *);    /* in [0, 1), 53 bits */
  double (*normal)(struct offsim_random *);     /* mean 0, deviation 1 */
  double (*exponential)(struct offsim_random *);                                /* mean 1 */
  uint64_t (*below)(struct offsim_random *, uint64_t n);                        /* uniform in 0 .. n-1; n > 0 */
};

/* One decision to take. [made by the host for each call of decide; constant and valid during that call only] */
struct offsim_context {
  uint32_t size;
  uint32_t context;                             /* kind of decision, < offsim_setup.n_contexts */
  uint32_t first_arm, reserved;                 /* arms of this context begin here */
  uint64_t request, decision;                   /* ids within the run */
  uint32_t klass, task;
  uint32_t nth;                                 /* decisions taken before for this request */
  uint32_t n_actions;
  int64_t now_ns;                               /* simulated time */
  double elapsed_s, deadline_s;                 /* since the request arrived; allowed in all (NaN = no deadline) */
  const double *value, *age_s;                  /* [n_features] NaN = not known now; age of the information */
  /* per action, [n_actions] each */
  const uint32_t *mask;                         /* enum offsim_mask bits; at least one action has 0 */
  const int32_t *place, *tier, *word;           /* enum offsim_tier, enum offsim_word */
  const int32_t *variant;                       /* index into offsim_setup.variant_name; -1 = the task has none */
  const uint64_t *member;                       /* of the place; UINT64_MAX = its dispatch picks */
  const double *est_latency_s, *est_cost_usd, *est_energy_j, *est_quality;      /* by telemetry and estimators */
  const double *queue, *queue_age_s;            /* jobs there by telemetry, and how old that is */
  struct offsim_random *random;
  const struct offsim_random_functions *draw;
};

/* The answer. [filled with defaults by the host before decide, written by decide, read by the host right after] */
struct offsim_decision {
  uint32_t size;
  int32_t action;                               /* default -1: must be set to 0 .. n_actions-1 */
  double propensity;                            /* probability of this action given the context; in (0, 1]; default 1 */
  double *distribution;                         /* [n_actions] of the host, zeros; NULL unless the policy declares
                                                   OFFSIM_REPORTS_DISTRIBUTION, then it must be filled: 0 where masked,
                                                   sum 1 within 1e-9, propensity at the chosen action */
  /* Plans beyond the first attempt. Masked actions among them are left out and counted, -1 is left out; times are
   * finite, 0 .. 1e9. */
  double timeout_s;                             /* default 0 = the scenario's; of each attempt */
  double hedge_delay_s;                         /* after this the hedge starts; the first answer wins */
  int32_t hedge_action;                         /* default -1 = the scenario's (often none) */
  uint32_t n_fallbacks;                         /* default 0 = the scenario's; else this list instead of it, in order */
  int32_t fallback[4];                          /* actions */
  double accept_quality;                        /* default 0 = every answer; else an answer that the task's judge scores
                                                   lower is followed by the next fallback (a cascade) */
};

/* What became of an earlier decision, told when the decision maker can know it. Out of order is normal; exactly one
 * per decision. [made by the host for each call of outcome; valid during that call only] */
struct offsim_outcome {
  uint32_t size;
  uint32_t context, first_arm, reserved;        /* as they were at the decision */
  uint64_t decision;
  int64_t now_ns;
  int32_t action;                               /* really executed: not the chosen one where that was masked */
  int32_t status;                               /* enum offsim_status */
  double reward;                                /* by the scenario's objective; NaN = nothing known (censored) */
  double latency_s, energy_j, cost_usd, quality;
  double phase_s[OFFSIM_N_PHASES];              /* summed over the attempts */
  uint32_t attempts;                            /* that this decision led to, hedges and retries included */
  uint32_t fallback;                            /* 0 = the choice itself ended it; k = its k-th fallback */
  double score;                                 /* by the task's judge; NaN = none */
};

/* The places at one moment, for periodic control. Arrays have n_places entries, in the order of
 * offsim_setup.place_name. [made by the host for each call of tick; valid during that call only] */
struct offsim_control {
  uint32_t size, n_places;
  int64_t now_ns;
  double period_s;                              /* since the last tick */
  const int32_t *tier;
  const double *jobs;                           /* in the system now, all members */
  const double *utilization, *arrivals;         /* since the last tick: busy share of the servers; attempts that came */
  const double *instances, *instances_busy;     /* NaN where the place has no instances */
  /* What may be set; the host fills NaN = leave as it is. */
  double *instances_wanted;                     /* kept within the place's limits */
  double *keep_alive_s;
  double *admit;                                /* share of arriving attempts let in, 0 .. 1; others are shed */
  struct offsim_random *random;
  const struct offsim_random_functions *draw;
};

/* A byte stream that the host provides. Both return the bytes moved; fewer than asked = failure. */
struct offsim_stream {
  uint32_t size, reserved;
  void *handle;
  size_t (*write)(void *handle, const void *bytes, size_t n);
  size_t (*read)(void *handle, void *bytes, size_t n);
};

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

/* Bytes of the structs that both sides see; reserved: 0. The other structs never grow. */
struct offsim_sizes {
  uint32_t policy, feature, parameter, setup, context, decision, outcome, stream, control, reserved[4];
};

/* [returned by offsim_policy_entry; read at load; constant, lives as long as the policy is loaded] */
struct offsim_policy {
  uint32_t magic;                               /* OFFSIM_POLICY_MAGIC */
  uint32_t abi_major, abi_minor;
  struct offsim_sizes sizes;                    /* as the policy was compiled; use OFFSIM_POLICY_HEADER */
  const char *name;                             /* [A-Za-z0-9._-]{1,64} */
  const char *description;                      /* one line */
  const char *citation;                         /* where the method was published; "" = nowhere */
  uint32_t capabilities;                        /* enum offsim_capability bits */
  uint32_t columns;                             /* enum offsim_column bits */
  uint32_t n_features, n_parameters;
  const struct offsim_feature *feature;
  const struct offsim_parameter *parameter;
  uint32_t memo_size;                           /* bytes kept by the host per decision until its outcome; <= 4096 */
  uint32_t reserved;                            /* 0 */

  /* Bytes of one learner's state. NULL = stateless. [once per run, by the host, before the first init] */
  size_t (*state_size)(const struct offsim_setup *);
  /* Prepare one learner. `state` is zeroed, aligned for any type, and never moves. Returns NULL, or a sentence (static
   * text) that says what is wrong with the parameters. NULL = zeros are fine. [per learner, before its first decision;
   * once at load on a trial state, so that bad parameters are found before the run] */
  const char *(*init)(const struct offsim_setup *, void *state);
  /* Choose. `memo` is zeroed, memo_size bytes, NULL when that is 0. [per decision with at least one allowed action] */
  void (*decide)(void *state, const struct offsim_context *, struct offsim_decision *, void *memo);
  /* Choose for several decisions jointly: those of one request that became ready together, and those that the entry's
   * `joint` window collected. Pointers, since structs may grow. May be NULL: then decide is asked one by one. */
  void (*decide_batch)(void *state, uint32_t n, const struct offsim_context *const *, struct offsim_decision *const *,
                       void *const *memo);
  /* Periodic control, each `tick` of the policy entry. May be NULL. [on the first learner when there are several] */
  void (*tick)(void *state, struct offsim_control *);
  /* Learn. May be NULL. [exactly once per decision; `memo` is what decide left there, and gone afterwards] */
  void (*outcome)(void *state, const struct offsim_outcome *, const void *memo);
  /* Write and read the learned state, with a version of the policy's own; 0 = fine. NULL = the state holds no
   * pointers and the host moves its bytes. [between decisions; load comes after init, with the same setup] */
  int (*save)(const void *state, const struct offsim_stream *);
  int (*load)(void *state, const struct offsim_stream *);
};

/* The first members of a descriptor: { OFFSIM_POLICY_HEADER, .name = "mine", ... } */
#define OFFSIM_POLICY_HEADER                                                                                          \
  .magic = OFFSIM_POLICY_MAGIC, .abi_major = OFFSIM_ABI_MAJOR, .abi_minor = OFFSIM_ABI_MINOR,                         \
  .sizes = {sizeof(struct offsim_policy), sizeof(struct offsim_feature), sizeof(struct offsim_parameter),             \
            sizeof(struct offsim_setup), sizeof(struct offsim_context), sizeof(struct offsim_decision),               \
            sizeof(struct offsim_outcome), sizeof(struct offsim_stream), sizeof(struct offsim_control)}

typedef const struct offsim_policy *offsim_policy_entry_fn(void);

/* The one function that a policy exports. [called once at load; must only return its descriptor] */
OFFSIM_EXPORT const struct offsim_policy *offsim_policy_entry(void);

#ifdef __cplusplus
}
#endif
#endif
