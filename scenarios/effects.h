/* effects.h: conditions, produced attributes and effects of tasks, between effects.c and the builders of the kinds.
 * models/effects.h says how a kind is added. */
#ifndef OFFSIM_SCENARIOS_EFFECTS_H
#define OFFSIM_SCENARIOS_EFFECTS_H

#include "models/effects.h"
#include "scenarios/build.h"

/* A task that produces: its name and its place in the file. */
struct produced_at { const char *task; int index; };
/* "hit": the attribute TASK_hit; its values lie between low and high; where its task was skipped it is `otherwise`. */
struct fact { const char *name, *unit; double low, high, otherwise; };

/* In a kind's `declare`: one more attribute of the class. The node is where it is told when the name is taken. */
void build_produced(struct build *, const struct produced_at *, const struct node *, struct fact);
/* In a kind's `build`: the number of an attribute so declared. */
int build_attribute_index(const struct build *, const struct produced_at *, const char *fact);

/* ---- the kinds: `declare` and `build` of each ---- */
void recall_declare(struct build *, const struct produced_at *, const struct node *);
void recall_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);
void pack_declare(struct build *, const struct produced_at *, const struct node *);
void pack_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);
void cache_declare(struct build *, const struct produced_at *, const struct node *);
void cache_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);
/* store.c: reads and writes of stores. */
void reads_declare(struct build *, const struct produced_at *, const struct node *);
void reads_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);
void writes_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);

void transform_declare(struct build *, const struct produced_at *, const struct node *);
void transform_build(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);

#endif
