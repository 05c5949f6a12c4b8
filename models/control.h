/* control.h: periodic control by a policy (control.c). */
#ifndef OFFSIM_MODELS_CONTROL_H
#define OFFSIM_MODELS_CONTROL_H

#include "models/internal.h"

void control_start(struct world *);                     /* schedules the first tick, where the entry has one */
/* By chance, as the policy's `admit` wants it; asked only where it is below 1. */
bool control_turns_away(struct world *, const struct attempt *);

#endif
