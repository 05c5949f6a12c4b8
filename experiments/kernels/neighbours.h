/* neighbours.h: the same kernel at work on all other cores, in processes of their own, while one is measured. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_NEIGHBOURS_H
#define OFFSIM_EXPERIMENTS_KERNELS_NEIGHBOURS_H

#include "experiments/kernels/sample.h"

struct neighbours;

/* Returns once all of them work. NULL and why: there is no other core, or they could not be had. */
struct neighbours *neighbours_new(const struct place *, const struct job *, char *why);
void neighbours_free(struct neighbours *);              /* they have ended when it returns; NULL: nothing */

#endif
