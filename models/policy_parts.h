/* policy_parts.h: what the files of the policy host share: policy_host.c finds and checks a policy, policy_bind.c
 * resolves parameters and features once, policy_decide.c serves the run. */
#ifndef OFFSIM_MODELS_POLICY_PARTS_H
#define OFFSIM_MODELS_POLICY_PARTS_H

#include "models/policy_host.h"
#include "sim/arena.h"

/* A policy in memory. handle is NULL for a built-in; copy is NULL unless the policy knows smaller structs than this
 * host: then `policy` is the copy, with its arrays, in this host's layout and zeros for what it does not know.
 * changed_floating_point: loading it did (it has been put back). python: its interpreter, NULL for other policies. */
struct python;
struct loaded_policy {
  const struct offsim_policy *policy; struct offsim_policy *copy; void *handle; bool changed_floating_point;
  struct python *python;
};
bool policy_load(const struct policy_def *, struct loaded_policy *, struct err *) MUST_USE;
void policy_unload(struct loaded_policy *);
/* Round to nearest, and keep numbers below the normal ones, as this process began? */
bool policy_keeps_floating_point(void);

/* Where a feature's value comes from, per class: settled at load, so that a decision only copies. */
enum source_kind {
  SOURCE_MISSING, SOURCE_ATTRIBUTE, SOURCE_AFTER_TASK, SOURCE_ESTIMATE,
  SOURCE_ELAPSED, SOURCE_DEADLINE, SOURCE_SLACK, SOURCE_HOUR, SOURCE_NTH,
  SOURCE_DEVICE_QUEUE, SOURCE_EDGE_QUEUE, SOURCE_CLOUD_QUEUE, SOURCE_BUDGET_USD, SOURCE_BUDGET_J, SOURCE_RETRIES, SOURCE_BATTERY,
  /* worked out only where they are read */
  SOURCE_BATTERY_LEVEL, SOURCE_WARMTH, SOURCE_NETWORK, SOURCE_PRIORITY, SOURCE_FLOP, SOURCE_BYTES, SOURCE_DENSITY
};
struct source { uint8_t kind, after_task; uint16_t attribute; };

/* One kind of decision: a task of a class. word: per action, as the scenario names its place. */
struct decision_kind { uint32_t first_arm, n_actions; const int32_t *word; };

struct offsim_random { struct rng rng; const struct rng_root *root; uint64_t learner, decision; bool open; };

/* Learners by key (device or site), made when first needed. Open addressing; state NULL = free. */
struct learner { uint64_t key; void *state; };
struct learners { struct learner *slot; size_t n, capacity; struct learner last; };

/* One wrapper: its own state lies state_at bytes behind the policy's. */
struct wrap { const struct wrap_def *def; size_t state_at; uint64_t stream; struct policy_host *guard; };

/* Choices of masked actions: how many, and the first. */
struct masked { uint64_t n, request, decision; sim_time now; int action, place, instead; uint32_t mask; };

struct policy_host;
/* Contexts of joint decisions: shallow copies of the host, each with its own arrays. */
struct lanes { struct policy_host **host; uint32_t n; };

struct policy_host {
  struct loaded_policy loaded;
  const struct offsim_policy *policy;
  const char *name, *file;                              /* of the entry; file: of a plug-in, else NULL */
  struct policy_desk *desk, own_desk; struct masked *masked;    /* not NULL; lanes share them */
  struct where at;
  const struct world_def *world;
  struct arena *arena;
  struct offsim_setup setup;
  const char *feature[MAX_FEATURES], *unit[MAX_FEATURES];
  int n_features;
  bool budget_usd, budget_j;                            /* a wrapper of the entry keeps one */
  bool reads_state;                                     /* a feature from SOURCE_BATTERY_LEVEL on */
  struct source *source;                                /* [class * n_features + feature] */
  const uint32_t *first_kind;                           /* [class]: kind = first_kind[class] + task */
  struct decision_kind *kind;
  /* of the run */
  enum scope scope;
  size_t state_size, wrap_at, learner_bytes;            /* a learner: the policy's state, then those of its wrappers */
  void *frozen;                                         /* room for a learner as it was; NULL: it learns */
  struct learners learners;
  int n_wraps; struct wrap *wrap;
  size_t wrap_memo_at, memo_bytes;                      /* a memo: the policy's, then that of the wrappers */
  struct pool *memos;
  struct rng_root root;
  uint64_t name_hash;
  struct offsim_random random;
  struct lanes lanes;
  struct offsim_context context;                        /* arrays below, made once */
  double value[MAX_FEATURES], age_s[MAX_FEATURES];
  uint32_t *mask; int32_t *place, *tier, *variant; uint64_t *member;
  double *column[6];                                    /* latency, cost, energy, quality, queue, age of queue */
  double *distribution;
};

/* Before the control goes to the policy, and when it is back. */
static inline void desk_give(const struct policy_host *h, enum policy_call call, uint64_t request, uint64_t decision,
                             sim_time now)
{
  *h->desk = (struct policy_desk){.call = call, .request = request, .decision = decision, .now = now};
}
static inline void desk_give_outcome(const struct policy_host *h, uint64_t request, const struct offsim_outcome *o,
                                     sim_time now)
{
  desk_give(h, CALL_OUTCOME, request, o->decision, now);
  h->desk->action = o->action;
  h->desk->status = o->status;
}
static inline void desk_take(const struct policy_host *h) { h->desk->call = CALL_NONE; }

/* The learner of a key, made when there is none: never NULL. learner_state looks at the last one first. */
void *learner_find(struct policy_host *, uint64_t key);
/* Its policy's state as new. */
void learner_restart(struct policy_host *, void *state);
static inline void *learner_state(struct policy_host *h, uint64_t key)
{
  if (h->learner_bytes == 0) return NULL;
  const struct learner *last = &h->learners.last;
  return last->state && last->key == key ? last->state : learner_find(h, key);
}

/* policy_wrap.c; called only where the entry has wrappers, wraps_make, wraps_free and wraps_columns always. */
bool wraps_make(struct policy_host *, const struct policy_def *, struct err *) MUST_USE;
void wraps_free(struct policy_host *);
void wraps_print(const struct policy_host *, char *text, size_t size);
uint32_t wraps_columns(const struct policy_host *);
void wraps_features(struct policy_host *, const struct decision_facts *, void *state);
void wraps_asked(struct policy_host *, void *state, void *memo);
/* *done: a guard has decided; the policy is not asked. */
bool wraps_guard(struct policy_host *, const struct decision_facts *, struct offsim_decision *, void *memo,
                 struct err *, bool *done) MUST_USE;
void wraps_floor(struct policy_host *, const struct decision_facts *, struct offsim_decision *, uint64_t learner,
                 const void *memo);
bool wraps_outcome(struct policy_host *, const struct decision_facts *who, const struct outcome_facts *,
                   struct offsim_outcome *, void *state, void *memo, struct err *) MUST_USE;
void wraps_forget(struct policy_host *, void *memo);

/* Fill setup, features, sources and kinds of decision from the entry and the world. */
bool policy_bind(struct policy_host *, const struct policy_def *, struct err *) MUST_USE;

#endif
