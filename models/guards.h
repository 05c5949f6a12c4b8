/* guards.h: what breaker.c and health.c share. */
#ifndef OFFSIM_MODELS_GUARDS_H
#define OFFSIM_MODELS_GUARDS_H

#include "models/internal.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
struct breaker {
  const struct breaker_def *def;
  enum breaker_state state;
  uint8_t *seen;                                        /* [window] ring: failed */
  uint32_t n, at, failed, turns, good;                  /* turns: attempts that half-open still lets through */
  sim_time until, open_ns;
};
bool breaker_masks(struct breaker *, sim_time now);
double breaker_open_s(const struct breaker *, sim_time now);

void health_new(struct world *, struct place *);
bool health_masks(const struct place *, const struct plan_def *, uint32_t member);

#endif
