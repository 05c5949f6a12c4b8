/* steptime_parts.h: what every step-time model begins with. Private to models/steptime*.c. */
#ifndef OFFSIM_MODELS_STEPTIME_PARTS_H
#define OFFSIM_MODELS_STEPTIME_PARTS_H

#include "models/steptime.h"

/* First member of each model's own struct. */
struct steptime {
  sim_time (*ns)(const struct steptime *, const struct step_batch *);
  struct steptime_limits limits;
  const struct steptime_energy *energy;                 /* NULL: none */
};

#endif
