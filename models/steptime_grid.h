/* steptime_grid.h: tables of measured times with linear interpolation. Private to models/steptime*.c and their tests. */
#ifndef OFFSIM_MODELS_STEPTIME_GRID_H
#define OFFSIM_MODELS_STEPTIME_GRID_H

#include "models/steptime.h"
#include "sim/arena.h"

#include <stdint.h>

/* A table over some axes, one nested in the other: each point of the first axis has its own points on the second, and so
 * on, so the grid may be ragged. Between two points of an axis what hangs on them is blended linearly; below the first the
 * first holds, beyond the last the line through the last two goes on. */
struct grid {
  uint32_t n;
  const double *at;                                     /* rising */
  const struct grid *below;                             /* one a point; NULL on the last axis */
  const double *value;                                  /* one a point on the last axis */
};
enum { GRID_AXES_MAX = 4 };
struct grid_point { double at[GRID_AXES_MAX], value; };

/* The points are sorted in place; the mean of those at one place counts. n >= 1. */
struct grid grid_new(struct arena *, struct grid_point *, uint32_t n, int axes);
/* Of arrays that stay where they are. */
static inline struct grid grid_of_table(const struct steptime_table *t)
{
  return (struct grid){t->n, t->tokens, NULL, t->time_s};
}
double grid_at(const struct grid *, const double *at);

#endif
