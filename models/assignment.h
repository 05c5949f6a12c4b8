/* assignment.h: the cheapest pairing of rows and columns, and schedules that are one. */
#ifndef OFFSIM_MODELS_ASSIGNMENT_H
#define OFFSIM_MODELS_ASSIGNMENT_H

#include <stdbool.h>

enum { ASSIGNMENT_MOST = 512 };

/* cost[n][n]; column[i] of row i, each column once, so that the sum is least. Whole numbers below 2^52 are exact.
 * False without memory. In models/graph.c, the only file that uses igraph. */
bool assignment_solve(const double *cost, int n, int *column);

/* Least sum of completion times of n jobs, all there at time 0, on m machines: job j takes time[j * m + i] on machine i
 * and is known `after[j * m + i]` later; INFINITY: it cannot go there. Exact where no job is interrupted (Horn 1973;
 * Bruno, Coffman and Sethi 1974): the k-th last job of a machine adds k times its time, so it is an assignment of jobs to
 * (machine, k). n * m <= ASSIGNMENT_MOST. Seconds, to a nanosecond a job. INFINITY when a job can go nowhere. */
double assignment_flow_s(int n, int m, const double *time_s, const double *after_s);

#endif
