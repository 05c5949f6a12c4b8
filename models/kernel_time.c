/* kernel_time.c: the time of a call: near data and far (equations and an example: kernel_time.h). */
#include "models/kernel_time.h"

#include <math.h>
#include <string.h>

/* Was the kernel measured with sets that no cache holds? Then at these axes its data come from memory. */
static bool reaches_memory(const struct measured_kernel *m)
{
  const struct kernel_axis *set = &m->cost.axis[0];
  return !strcmp(set->name, "working_set") && set->knot[set->n - 1] > m->last_cache_bytes;
}

/* On the clock of the cost. Costs scatter: what comes from memory is never quicker for it. The cost is of executions one after
 * the other, each of which found at most as much as the last cache holds: that is what it may have to fetch besides. */
static double far_s(const struct measured_kernel *m, const struct kernel_call *c, double near_s)
{
  if (!isnan(m->fetch_s)) return near_s + fmin(c->working_set_bytes, m->last_cache_bytes) * m->fetch_s;
  if (!reaches_memory(m)) return near_s * fmax(m->cold, 1);
  const struct kernel_axis *set = &m->cost.axis[0];
  double axis[KERNEL_COST_AXES];
  memcpy(axis, c->axis, sizeof axis);
  axis[0] = fmin(fmax(axis[0], c->reuse_bytes), set->knot[set->n - 1]);
  return fmax(near_s, c->units * kernel_cost_at(&m->cost, axis));
}

double kernel_time_s(const struct measured_kernel *m, const struct kernel_call *c)
{
  if (isnan(c->reuse_bytes)) return NAN;
  double s = c->units * kernel_cost_at(&m->cost, c->axis);
  if (m->last_cache_bytes > 0 && c->reuse_bytes > m->last_cache_bytes)
    s = isnan(c->working_set_bytes) ? NAN : far_s(m, c, s);
  return s * m->wall_over_cpu;
}
