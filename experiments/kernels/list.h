/* list.h: what every command says of a kernel. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_LIST_H
#define OFFSIM_EXPERIMENTS_KERNELS_LIST_H

#include "experiments/kernels/kernel.h"
#include "experiments/kernels/out.h"

const char *kernel_bound_name(enum kernel_bound);
/* Why it cannot run here; NULL: it can. */
const char *kernel_why_not(const struct kernel *);
/* The kernel of that name; NULL, having said which there are. */
const struct kernel *kernel_find_or_say(const char *name);
/* type, name, version, unit, bound, parameters, axes, available, why */
void kernel_facts_out(struct out *, const struct kernel *);

#endif
