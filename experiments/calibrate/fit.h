/* fit.h: from measured executions of a kernel to its cost, with the error of that cost.
 *
 * A point is one shape: the median seconds of an execution per unit of work, the mean of its passes in the logarithm.
 * Models of log cost(axes), all of them linear in the logarithm of the axes between knots:
 *   curve     one axis, few knots at quantiles of the measured axis, robust least squares
 *   monotone  one axis, rising or falling throughout (isotonic regression)
 *   table     one axis with a knot at each measured value, or two axes: bilinear on a grid
 * Every choice of axes and knots is tried; the one with the smallest leave-one-out error is kept, of nearly equal ones the
 * one with the fewest knots. The error reported is nested: each shape is predicted by what would be chosen and fitted without it (of at most 128
 * shapes; fit.c says what is not part of it).
 * A shape is left out with all its passes. Shapes at the ends of the measured range, with two axes
 * the corners of their convex hull, are not left out: what lies between others is to be predicted, not what lies beyond.
 */
#ifndef OFFSIM_CALIBRATE_FIT_H
#define OFFSIM_CALIBRATE_FIT_H

#include "models/kernel_cost.h"
#include "sim/err.h"

enum { KERNEL_FIT_AXES = 4 };                           /* axes a kernel may have; a cost uses at most KERNEL_COST_AXES */

/* ---- in ---------------------------------------------------------------------------------------------------------- */

/* One sample line: one shape in one pass, hot caches, one thread, alone. All seconds on the clock of the profile. */
struct kernel_sample {
  int shape;                                            /* samples with the same number are of one shape (same p[]) */
  int pass;
  double axis[KERNEL_FIT_AXES];                         /* > 0, in the order of kernel_samples.axis */
  double units;                                         /* of work in one execution, > 0 */
  const double *execution_s; int n;                     /* seconds of one execution, one value a repetition; n >= 1 */
  int inner;                                            /* executions that each value is the mean of; 0 = 1 */
  double low_s, high_s;                                 /* interval of the median of execution_s; 0: unknown */
  bool stable, disturbed;                               /* disturbed: not stable, and most repetitions were discarded */
  double clock;                                         /* of the core meanwhile: time of a step over the usual one; 0: unknown */
};
/* Strings and arrays are borrowed; the strings also by what comes out. */
struct kernel_samples {
  const char *kernel, *unit; int version;
  int n_axes; const char *axis[KERNEL_FIT_AXES];
  int n; const struct kernel_sample *sample;
  double clock_sd;                                      /* of the logarithm of the core's clock in the long run; 0: unknown */
};

/* ---- out --------------------------------------------------------------------------------------------------------- */

enum kernel_model { MODEL_CURVE, MODEL_MONOTONE, MODEL_TABLE, N_KERNEL_MODELS };
extern const char *const kernel_model_name[N_KERNEL_MODELS];    /* "curve", "monotone", "table" */

/* |predicted / measured - 1| over the shapes predicted without themselves. */
struct kernel_error {
  const char *method;                                   /* "leave_one_out"; "passes": shapes that have nothing between them (one,
                                                           neighbours), each pass predicted from the others; "none": nothing is
                                                           known, NaN: one pass of such, or shapes between two, which no third
                                                           one judges */
  enum kernel_model model;
  double mape, p90, max;
  int shapes;                                           /* how many there were */
};
/* One shape. left_out_s: predicted from the others, NaN where it lies at an end. Per unit of work. */
struct kernel_point {
  int shape, passes;
  double axis[KERNEL_FIT_AXES], units;
  double cost_s, low_s, high_s;                         /* measured, with its interval over repetitions and passes */
  double fitted_s, left_out_s;
  bool stable, disturbed;                               /* all its samples were, and no pass was slower than another by far; in all
                                                           passes: it is fitted with little weight and judges no candidate */
};
/* candidate: the best of each model, for reports, by its own leave-one-out errors, which are those of the luckiest of many and
 * thus too small; mape is NaN where the model was not possible. */
struct kernel_fit {
  struct kernel_cost cost;                              /* ready for a profile: knots, costs, sigma, band */
  int cost_axis[KERNEL_COST_AXES];                      /* which of the kernel's axes they are */
  struct kernel_error error, candidate[N_KERNEL_MODELS];
  bool at_one_clock;                                    /* the cost is that at the usual clock: passes then agree better */
  double drift, clock_sd;                               /* median |pass / other pass - 1| of the same shape; NaN: one pass */
  int n; const struct kernel_point *point;              /* by shape number */
  struct arena *memory;
};

/* False after adding to err (no samples; values that are not positive and finite). kernel_fit_release frees it; a zeroed
 * one may be released too. */
bool kernel_fit(const struct kernel_samples *, struct kernel_fit *, struct err *) MUST_USE;
void kernel_fit_release(struct kernel_fit *);

/* Share of measured costs that lie within [predicted x band_low, predicted x band_high], and the band's width over its
 * middle; both of shapes off the grid. ratio: measured / predicted. */
double kernel_band_coverage(const struct kernel_cost *, const double *ratio, int n);
double kernel_band_width(const struct kernel_cost *);

#endif
