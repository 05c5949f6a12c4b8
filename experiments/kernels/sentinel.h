/* sentinel.h: the same small work again and again between the samples: when its time moves, the machine has changed. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SENTINEL_H
#define OFFSIM_EXPERIMENTS_KERNELS_SENTINEL_H

#include "experiments/kernels/numerics.h"

/* Medians over 5 executions of about a millisecond. */
struct repetition sentinel_take(void);

#endif
