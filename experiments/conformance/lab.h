/* lab.h: a policy in a synthetic world, one decision after the other.
 *
 * A habit says what is unusual in the world of a test: which masks, features, estimates, rewards, and how outcomes come
 * back. lab_live() lives through a number of decisions and finds what the contract forbids.
 */
#ifndef OFFSIM_EXPERIMENTS_CONFORMANCE_LAB_H
#define OFFSIM_EXPERIMENTS_CONFORMANCE_LAB_H

#include "experiments/conformance/conformance.h"
#include "models/policy_parts.h"

enum values { VALUES_USUAL, VALUES_MISSING, VALUES_INFINITE, VALUES_HUGE, VALUES_STALE, VALUES_CONSTANT, N_VALUES };
enum masks { MASKS_NONE, MASKS_RANDOM, MASKS_ALL_BUT_ONE, MASKS_IN_BLOCKS, N_MASKS };
enum outcomes { OUTCOMES_AT_ONCE, OUTCOMES_DELAYED, OUTCOMES_SHUFFLED, OUTCOMES_HALF_MISSING, OUTCOMES_CENSORED,
                OUTCOMES_REPLACED, OUTCOMES_FAILED, N_OUTCOMES, OUTCOMES_TWICE = N_OUTCOMES, OUTCOMES_NONE };
struct habit {
  int decisions;                                        /* of the full size */
  int actions, kinds;                                   /* 0: six actions, two kinds of decision */
  bool actions_vary, far;                               /* fewer at times; ids and times near the ends of their types */
  enum values features, estimates;
  enum masks masks;
  enum outcomes outcomes;
  double scale, offset;                                 /* reward = scale x reward + offset; scale 0 = 1 */
  bool constant, surprise;                              /* always the same reward; a new habit every hundred decisions */
};

enum { LAB_MAX_PENDING = 4096, LAB_KINDS = 4, LAB_CONTEXT = 10 };
/* A decision whose outcome is on its way. */
struct lab_pending { struct decision_facts facts; void *memo; int action; uint64_t number; };
/* What was decided, for comparisons; room for `capacity` decisions. */
struct lab_step { int32_t action; double propensity; };
struct trail { struct lab_step *step; size_t n, capacity; };

struct lab {
  const struct subject *subject;
  struct report *report;
  struct arena *arena;
  struct world_def world; struct class_def klass; struct task_def task[LAB_KINDS];
  struct attribute_def attribute[MAX_ATTRIBUTES];
  struct policy_host *host;
  struct err err;
  struct rng dice;                                      /* of the world; the policy's own streams are the host's */
  int n_actions;
  struct decision_facts facts; struct action_facts *action;                     /* the decision at hand */
  double value[MAX_ATTRIBUTES], estimate[MAX_ATTRIBUTES];
  struct decision_result result;
  uint64_t number;
  struct habit surprise;
  struct lab_pending pending[LAB_MAX_PENDING]; int n_pending;
  struct trail trail;
};

struct lab_wish {
  int actions, kinds; uint64_t replication;
  int context;                                          /* attributes x0 ... that make a context */
  const char *parameter; double number;                 /* set one parameter; NULL = as declared */
};
/* Open; false after a report. Closing is needed only where many labs follow one another. */
bool lab_open(struct lab *, const struct subject *, const struct lab_wish *, struct report *);
void lab_close(struct lab *);
/* Decide `n` times and look at each answer. False after a report. */
bool lab_live(struct lab *, const struct habit *, uint64_t n);
/* The pieces, for tests with a world of their own. */
void lab_prepare(struct lab *, const struct habit *);
bool lab_decide(struct lab *);
bool lab_tell(struct lab *, const struct lab_pending *, double reward, enum status);
struct lab_pending lab_pending_of(const struct lab *);
uint64_t lab_size(const struct subject *, uint64_t full);

#endif
