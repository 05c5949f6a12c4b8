/* place.h: on which core the kernels run, and with how much right. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_PLACE_H
#define OFFSIM_EXPERIMENTS_KERNELS_PLACE_H

#include "experiments/kernels/kernel.h"

enum { PLACE_CORES = 256 };

struct place {
  int cores, core_of[PLACE_CORES];                      /* those that this process may use */
  int core;                                             /* where it measures */
  bool pinned; char problem[KERNEL_WHY];                /* "" when pinned */
  int nice;                                             /* what it was given: below 0 it goes before its neighbours */
};

/* Looks where it may run and binds itself to `wanted` (< 0: the idlest core just now). Never fails: what was not permitted
 * stands in `problem`. False and why: `wanted` is none of its cores. */
bool place_take(struct place *, int wanted, char *why);
bool place_bind(int core);

#endif
