/* joint.h: decisions that are taken together (joint.c). */
#ifndef OFFSIM_MODELS_JOINT_H
#define OFFSIM_MODELS_JOINT_H

#include "models/internal.h"

/* Does this entry decide jointly: its policy has decide_batch, or it has a `joint` window? */
bool joint_wanted(const struct world *);
/* The attempt waits, in STAGE_ASK, for the others of its group. */
void joint_add(struct world *, struct attempt *);
void joint_drop(struct world *, const struct attempt *);        /* it is gone */
void joint_free(struct world *);

/* flow.c: goes on with an answer in a->decision. */
void flow_on_answer(struct world *, struct attempt *, const struct decision_result *);
void flow_on_masked(struct world *, struct attempt *);

#endif
