#include "models/steptime_grid.h"

#include "sim/check.h"

#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
  const struct grid_point *p = a, *q = b;
  for (int i = 0; i < GRID_AXES_MAX; i++)
    if (p->at[i] != q->at[i])
      return p->at[i] < q->at[i] ? -1 : 1;
  return 0;
}

/* The end of the points that share the place of the first on this axis. */
static uint32_t alike(const struct grid_point *p, uint32_t from, uint32_t n, int axis)
{
  uint32_t end = from + 1;
  while (end < n && p[end].at[axis] == p[from].at[axis])
    end++;
  return end;
}

static double mean_of(const struct grid_point *p, uint32_t n)
{
  double sum = 0;
  for (uint32_t i = 0; i < n; i++)
    sum += p[i].value;
  return sum / n;
}

static struct grid build(struct arena *a, const struct grid_point *p, uint32_t n, int axis, int axes)
{
  uint32_t k = 0;
  for (uint32_t i = 0; i < n; i = alike(p, i, n, axis))
    k++;
  double *at = arena_array(a, double, k), *value = arena_array(a, double, k);
  struct grid *below = axis + 1 < axes ? arena_array(a, struct grid, k) : NULL;
  k = 0;
  for (uint32_t i = 0, end; i < n; i = end, k++) {
    end = alike(p, i, n, axis);
    at[k] = p[i].at[axis];
    if (below)
      below[k] = build(a, p + i, end - i, axis + 1, axes);
    else
      value[k] = mean_of(p + i, end - i);
  }
  return (struct grid){k, at, below, value};
}

struct grid grid_new(struct arena *a, struct grid_point *p, uint32_t n, int axes)
{
  sim_assert(n >= 1 && axes >= 1 && axes <= GRID_AXES_MAX);
  qsort(p, n, sizeof *p, by_place);
  return build(a, p, n, 0, axes);
}

static double value_at(const struct grid *g, uint32_t i, const double *at)
{
  return g->below ? grid_at(&g->below[i], at + 1) : g->value[i];
}

/* The first point that is not before x. */
static uint32_t not_before(const struct grid *g, double x)
{
  uint32_t low = 0, high = g->n;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (g->at[middle] < x)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

double grid_at(const struct grid *g, const double *at)
{
  uint32_t i = not_before(g, *at);
  if (g->n == 1 || i == 0 || (i < g->n && g->at[i] == *at))
    return value_at(g, g->n == 1 ? 0 : i, at);
  i = i < g->n ? i : g->n - 1;
  double low = value_at(g, i - 1, at), high = value_at(g, i, at);
  return low + (high - low) * (*at - g->at[i - 1]) / (g->at[i] - g->at[i - 1]);
}
