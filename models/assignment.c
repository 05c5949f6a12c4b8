#include "models/assignment.h"

#include "sim/check.h"
#include <math.h>
#include <stdlib.h>

static const double NS = 1e9;

/* Costs are whole nanoseconds, rounded down; a job that cannot go there costs more than all schedules together. */
static double *slot_costs(int n, int m, const double *time_s, const double *after_s, double *forbidden)
{
  int size = n * m;
  double *cost = calloc((size_t)size * (size_t)size, sizeof *cost), longest = 0;
  if (!cost) check_out_of_memory((size_t)size * (size_t)size * sizeof *cost);
  for (int j = 0; j < size; j++)
    if (isfinite(time_s[j])) longest = fmax(longest, n * time_s[j] + after_s[j]);
  *forbidden = floor((n * longest + 1) * NS);
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++)
      for (int k = 0; k < n; k++) {
        double s = (k + 1) * time_s[j * m + i] + after_s[j * m + i];
        cost[(size_t)j * (size_t)size + (size_t)(i * n + k)] = isfinite(s) ? floor(s * NS) : *forbidden;
      }
  return cost;                                          /* further rows, of nobody, cost nothing anywhere */
}

double assignment_flow_s(int n, int m, const double *time_s, const double *after_s)
{
  int size = n * m, *column = calloc((size_t)size + 1, sizeof *column);
  double forbidden, sum = 0, *cost = slot_costs(n, m, time_s, after_s, &forbidden);
  sim_assert(size <= ASSIGNMENT_MOST);
  if (!column || !assignment_solve(cost, size, column)) check_out_of_memory((size_t)size * sizeof *column);
  for (int j = 0; j < n; j++) {
    double one = cost[(size_t)j * (size_t)size + (size_t)column[j]];
    sum += one >= forbidden ? INFINITY : one;
  }
  free(cost);
  free(column);
  return sum / NS;
}
