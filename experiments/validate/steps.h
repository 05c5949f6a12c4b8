/* steps.h: the compact step time fitted to the tables of a card (steps.c). */
#ifndef OFFSIM_EXPERIMENTS_VALIDATE_STEPS_H
#define OFFSIM_EXPERIMENTS_VALIDATE_STEPS_H

#include "models/steptime.h"

enum { STEPS_KNOTS_MOST = 32, STEPS_TERMS = 9 };
extern const char *const steps_terms[STEPS_TERMS];      /* keys of the form */
struct steps_errors { double mean, p90, max; };
/* Fills knot[knots] (tokens) and c[knots + STEPS_TERMS] (seconds: at the knots, then the terms); returns the errors on batches
 * that were not fitted. kv_tokens: that the card holds. 2 <= knots <= STEPS_KNOTS_MOST. */
struct steps_errors steps_fit(const struct steptime *tables, double kv_tokens, int knots, double *knot, double *c, struct arena *);

#endif
