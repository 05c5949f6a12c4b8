/* kernel_time.h: seconds of one call of a kernel on hardware that has a measured cost of it. The simulator and `offsim validate
 * pipeline` both ask here.
 *
 *   time = units x cost(axes) x wall_over_cpu            while the data are in a cache
 *
 * cost is of the thread's CPU clock or of the wall clock; wall_over_cpu makes elapsed time of it. When more bytes than the last
 * cache holds were touched since the data were last used (the call's reuse distance), they come from memory:
 *
 *   time = (units x cost(axes) + min(working set, last cache) x fetch) x wall_over_cpu   where fetch was measured
 *   time = units x cost(axes with the larger of working set and reuse distance) x ...     where sets beyond the last cache were
 *   time = units x cost(axes) x cold x wall_over_cpu                                      else
 *
 * in that order. Of a set larger than the last cache no execution can have found more than that cache holds, so no more comes
 * from memory besides. Where cost x units rises with the set so does each of the three: a larger set is never quicker.
 * Example: 1e9 FLOP at 10 ps are 10 ms; with wall_over_cpu 3, 30 ms; its 1 MB from memory at 70 ps a byte, 30.21 ms.
 */
#ifndef OFFSIM_MODELS_KERNEL_TIME_H
#define OFFSIM_MODELS_KERNEL_TIME_H

#include "models/kernel_cost.h"

/* A kernel as a profile tells it (docs/profiles.md). interference: factor on its time while all other slots of the server
 * are busy. */
struct measured_kernel {
  struct kernel_cost cost;
  double interference, wall_over_cpu;
  double fetch_s;                                       /* a byte that comes from memory, beside cost; NaN: not measured */
  double cold;                                          /* factor of cold caches; NaN: not measured */
  double last_cache_bytes;                              /* 0: not known, and data are always near */
};
/* reuse_bytes: touched since its data were last used; 0: they are near. */
struct kernel_call { double units, axis[KERNEL_COST_AXES], working_set_bytes, reuse_bytes; };

/* NaN where anything that it needs is. */
double kernel_time_s(const struct measured_kernel *, const struct kernel_call *);

#endif
