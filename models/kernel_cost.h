/* kernel_cost.h: the measured cost of a kernel on some hardware, as a profile tells it.
 *
 * Seconds of one execution = units of work x cost(axes). The logarithm of the cost is linear in the logarithm of the axis
 * between knots; with two axes bilinear in the cells of a full grid. Example: cost 2 ns at 1 kB and 8 ns at 4 kB is 4 ns
 * at 2 kB. One execution scatters around that by a log-normal factor of median 1; the cost of a shape that was not
 * measured is wrong by a factor that lies in the band with the stated probability.
 */
#ifndef OFFSIM_MODELS_KERNEL_COST_H
#define OFFSIM_MODELS_KERNEL_COST_H

#include <stdbool.h>

enum { KERNEL_COST_AXES = 2 };

struct kernel_axis { const char *name; int n; const double *knot; };  /* ascending, > 0, n >= 1 */
struct kernel_cost {
  const char *kernel; int version;
  const char *unit;
  int n_axes; struct kernel_axis axis[KERNEL_COST_AXES];
  const double *cost_s;                                 /* per unit, > 0; [axis0.n] or row-major [axis0.n][axis1.n] */
  double sigma;                                         /* of the logarithm of one execution around its median */
  double band_low, band_high;                           /* factors; band_low <= 1 <= band_high */
  double band_share;                                    /* the stated probability, usually 0.9 */
};

/* Seconds per unit at these axes. Beyond the outermost knots the outermost cost holds (and inside() is false). */
double kernel_cost_at(const struct kernel_cost *, const double *axis);
/* Between the outermost knots of every axis? */
bool kernel_cost_inside(const struct kernel_cost *, const double *axis);

#endif
