/* recall.h: a search finds what the answer needs with the probability `value` (recall), or does not; then the answer is only
 * `missed` as good. */
#ifndef OFFSIM_MODELS_RECALL_H
#define OFFSIM_MODELS_RECALL_H

#include "models/expr.h"

/* found: the attribute that it produces, 0 or 1. value: n == 0: what the work of the variant says (work_def.recall). */
struct recall_def { struct expr value; double missed; int found; };

struct world;
struct request;
struct attempt;
struct task_def;
double recall_value(const struct recall_def *, const struct task_def *, int variant, const double *attribute);
void recall_on_served(struct world *, struct attempt *, const struct recall_def *);
double recall_quality(const struct request *, const struct recall_def *);
/* Mean factor for who does not know yet. */
double recall_expected_quality(const struct recall_def *, const struct task_def *, int variant, const double *attribute);

#endif
