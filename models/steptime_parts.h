/* steptime_parts.h: what every step-time model begins with. Private to models/steptime*.c. */
#ifndef OFFSIM_MODELS_STEPTIME_PARTS_H
#define OFFSIM_MODELS_STEPTIME_PARTS_H

#include "models/llm_model.h"
#include "models/steptime.h"

/* First member of each model's own struct. */
struct steptime {
  sim_time (*ns)(const struct steptime *, const struct step_batch *);
  struct steptime_limits limits;
  const struct steptime_energy *energy;                 /* NULL: none; or: */
  const struct steptime_power *power;
};

/* A ring all-reduce of one token: hidden numbers of 2 bytes, 2 (P - 1) / P times over each link. 8 devices, 4096 numbers,
 * 45 GB/s: 0.3186 us. */
static inline double ring_s_per_token(int devices, int hidden, double byte_per_s)
{
  return 2. * (devices - 1) / devices * 2 * hidden / byte_per_s;
}

#endif
