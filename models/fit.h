/* fit.h: what the files of fitted workloads share. Private to models/fit*.c and models/trace_facts.c. */
#ifndef OFFSIM_MODELS_FIT_H
#define OFFSIM_MODELS_FIT_H

#include "models/arrivals.h"

enum { STRATA_MAX = 20 };

void sort_values(double *, uint64_t n);
/* Rank of x among sorted values, the middle one of equal values, as a share in (0, 1). */
double middle_rank(const double *sorted, uint64_t n, double x);
/* Lower ends of the strata of a trace with columns, rising; returns how many. */
int stratum_edges(const struct trace_table *, double edge[STRATA_MAX]);
/* The mean of a grid that is linear between its points. */
double grid_mean(int n, const double *p, const double *x);
const double *grid_of(const struct workload_fit *, int stratum, int column);

#endif
