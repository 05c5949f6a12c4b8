/* plan.h: what is measured, in which order. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_PLAN_H
#define OFFSIM_EXPERIMENTS_KERNELS_PLAN_H

#include "experiments/kernels/sample.h"

enum { PLAN_KERNELS = 64, PLAN_SHAPES = 64 };

struct plan_shape { const struct kernel *kernel; double p[KERNEL_PARAMETERS]; };

/* The wishes of the command line. */
struct wishes {
  int n_kernels; const struct kernel *kernel[PLAN_KERNELS];
  int n_shapes; struct plan_shape shape[PLAN_SHAPES];   /* given by name: only these are measured */
  int off_grid;                                         /* so many of each kernel: only these are measured */
  bool quick, no_cold, no_interference;
  int core, threads, passes;                            /* core < 0: the idlest; threads 0: all cores */
  double limit_s;                                       /* 0: by size */
  uint64_t seed;
};

struct plan { int n, room; struct job *job; };

/* Jobs in the order of the measurement: pass after pass, each in a random order. `cores` is how many there are. False and
 * why: no memory, or no shape off the grid was found. */
bool plan_make(struct plan *, const struct wishes *, int cores, char *why);
void plan_free(struct plan *);

#endif
