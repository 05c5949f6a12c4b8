/* effects.h: what tasks do to their requests beyond time and cost: whether they are done at all (`when`), whether the
 * request ends with them (`ends`), and the effects of their kinds: what they make known (produced attributes) and what they
 * do to the quality of the answer. The table of kinds is struct effect_def; NULL in a task_def for nearly all tasks, and then
 * a run pays one test of a pointer.
 *
 * The life of a task, and which hook is called when (E = task_def.effect):
 *
 *   ready     all tasks before it are done, flow, or were skipped. E->when is asked: false (0): the task is skipped. It has
 *             no attempt, decision or cost; its produced attributes get `otherwise`; it counts as done, and what comes after it
 *             takes what it would have taken itself (request_inputs: places and bytes of its inputs).
 *   served    the service of an attempt has ended, and so have the flows that it started on: effect_on_served calls each
 *             kind once an attempt. It writes produced attributes; a later attempt of the same task (retry, copy, repetition)
 *             writes them anew. Then E->ends is asked (not where the task will be repeated): true: the request ends with this
 *             attempt. Attempts of other tasks are called off, its output goes to the user, and when it is there, the request
 *             is settled. If the way back fails, the task's retries and fallbacks follow, and tasks called off begin again.
 *   done      request_quality asks effect_quality for a factor on the quality that the variant gives (at most 1).
 *   answered  a fallback answered instead: produced attributes get `otherwise`.
 *   settled   effects_on_settled, once a request that had at least one attempt or not, of every class, where any class has a kind
 *             with state (world.effects != NULL): caches are filled here. The request's attributes are still there.
 *
 * To add a kind K (say, cache):
 *   1. models/K.h, models/K.c: struct K_def; what effects.c calls. State of a run hangs in struct task_effects, made in task_effects_new.
 *   2. here: `const struct K_def *K;` in effect_def; in effects.c one line in each hook that it needs.
 *   3. scenarios/K.c: builds it from the task's map; a row in `kinds` of scenarios/effects.c: the key, `declare` (attributes
 *      that it produces, before any expression is read: build_produced) and `build` (the definition; the index of an attribute:
 *      build_attribute_index). The attribute is named TASK_FACT, as in lookup_hit, '-' and '.' of the task's name become '_'.
 *   4. rows of scenarios/schema.c: {"task", "K", .map = "K", ...} and the section.
 * Who builds a world by hand sets effect and calls effects_link for each class.
 *
 * A produced attribute stands in request.attribute like any other, is KNOWN_AFTER_TASK for policies (features, estimators:
 * class_mean leaves out requests that never had it), and may be read by `when`, `work` and `output` of tasks that come after
 * its task, and by `output` and `ends` of its own; the builder refuses anything earlier, with position.
 */
#ifndef OFFSIM_MODELS_EFFECTS_H
#define OFFSIM_MODELS_EFFECTS_H

#include "models/defs.h"
#include "models/record.h"

/* The value where its task was skipped or a fallback answered. */
struct produced_def { int attribute; double otherwise; };

struct effect_def {
  struct expr when, ends;                               /* n == 0: always; never */
  int done;                                             /* of a task with `when`: the attribute TASK_done; 0: none */
  int n_produced; const struct produced_def *produced;
  const struct recall_def *recall;
  const struct pack_def *pack;
  const struct cache_def *cache;
  const struct transform_def *transform;
  const struct access_def *access;
};

/* Fill what follows from `after`, `before` and the effects of a class: task_def.may_end and inputs_vary,
 * class_def.produced and conditional. `task` are those of the class. */
void effects_link(struct class_def *, struct task_def *task);
/* Tasks that are done for certain when the service of `task` begins, and when it ends (without its own): bit sets. */
uint32_t effects_done_before(const struct class_def *, int task);
uint32_t effects_done_by(const struct class_def *, int task);
/* May the request be complete without it? Its own `when`, or another task that ends it. */
bool effects_may_leave_out(const struct class_def *, int task);

/* The state of a run. */
struct cached;
struct stores;
struct task_effects { struct cached *cached; struct stores *stores; };

struct world;
struct request;
struct attempt;
void task_effects_new(struct world *);                  /* world.effects, where some kind has state */
void task_effects_free(struct world *);
void task_effects_close(struct world *);                     /* writes what the summaries tell */
bool effect_wanted(struct world *, const struct request *, int task);   /* its `when` */
void effect_left_out(struct world *, struct request *, int task);       /* skipped, or answered by a fallback */
/* Sets attempt.to_user and attempt.ends, too. repeats: the task will be done again. */
void effect_on_served(struct world *, struct attempt *, bool repeats);
double effect_quality(const struct world *, const struct request *, int task);
/* What a policy may expect of that factor, by the attributes that it sees. */
double effect_expected_quality(const struct task_def *, int variant, const double *visible);
/* What the record of a request tells of them; before it is settled. */
void effects_record(const struct world *, const struct request *, struct request_record *);
void effects_on_settled(struct world *, struct request *, enum status);

#endif
