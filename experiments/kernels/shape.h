/* shape.h: shapes of kernels: read from the command line, drawn off the grid, told as JSON. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SHAPE_H
#define OFFSIM_EXPERIMENTS_KERNELS_SHAPE_H

#include "experiments/kernels/kernel.h"
#include "experiments/kernels/out.h"

/* p from "m=1,n=2,..."; each parameter once. False and why (KERNEL_WHY bytes) otherwise. */
bool shape_parse(const struct kernel *, const char *text, double *p, char *why);
/* A shape within the ranges, log-uniform, inside the range of axes that the grid spans; false: none found. */
bool shape_draw(const struct kernel *, const struct kernel_grid *, uint64_t *random, double *p);
void shape_out(struct out *, const char *key, const struct kernel *, const double *p);
/* units, axes, flop, bytes */
void shape_work_out(struct out *, const struct kernel *, const double *p);

#endif
