/* wishes.h: the options of `measure`. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_WISHES_H
#define OFFSIM_EXPERIMENTS_KERNELS_WISHES_H

#include "experiments/kernels/plan.h"

/* False after saying on stderr what is wrong. */
bool wishes_read(struct wishes *, int argc, char **argv);
extern const char wishes_help[];

#endif
