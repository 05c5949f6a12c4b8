/* kernel_cost.c: log-log interpolation between measured costs (equation and example: kernel_cost.h). */
#include "models/kernel_cost.h"

#include <math.h>

/* The knot at or below x and the share of the way to the next; at the ends the outermost knot. */
static int knot_below(const struct kernel_axis *a, double x, double *share)
{
  int low = 0, high = a->n - 1;
  *share = 0;
  if (high == 0 || x <= a->knot[0]) return 0;
  if (x >= a->knot[high]) return high;
  while (high - low > 1) {
    int middle = (low + high) / 2;
    if (a->knot[middle] <= x) low = middle;
    else high = middle;
  }
  *share = log(x / a->knot[low]) / log(a->knot[high] / a->knot[low]);
  return low;
}

/* Logarithm of the cost between knot i and the next of one row. */
static double along(const double *cost, int i, double share)
{
  double here = log(cost[i]);
  return share > 0 ? here + share * (log(cost[i + 1]) - here) : here;
}

double kernel_cost_at(const struct kernel_cost *c, const double *axis)
{
  double share[KERNEL_COST_AXES] = {0};
  int i = knot_below(&c->axis[0], axis[0], &share[0]);
  if (c->n_axes == 1) return exp(along(c->cost_s, i, share[0]));
  int k = knot_below(&c->axis[1], axis[1], &share[1]), row = c->axis[1].n;
  double here = along(c->cost_s + i * row, k, share[1]);
  if (share[0] > 0) here += share[0] * (along(c->cost_s + (i + 1) * row, k, share[1]) - here);
  return exp(here);
}

bool kernel_cost_inside(const struct kernel_cost *c, const double *axis)
{
  bool inside = true;
  for (int i = 0; i < c->n_axes; i++)
    inside &= axis[i] >= c->axis[i].knot[0] && axis[i] <= c->axis[i].knot[c->axis[i].n - 1];
  return inside;
}
