/* fit_parts.h: what the files of the fit share (fit.h says what a fit is). */
#ifndef OFFSIM_CALIBRATE_FIT_PARTS_H
#define OFFSIM_CALIBRATE_FIT_PARTS_H

#include "experiments/calibrate/fit.h"
#include "sim/arena.h"

/* Shapes as the models see them: logarithms, and weights by how well each was measured (mean 1). */
struct fit_data {
  int n, n_axes;
  double (*x)[KERNEL_FIT_AXES];                         /* ln axis */
  double *y, *weight;                                   /* ln cost per unit */
  bool *inner;                                          /* among the others by any axes (fit_among_others) */
  bool *disturbed;                                      /* cannot judge what is said of it: in no pass measured well */
  struct arena *memory;
};

/* fit_points.c: one point a shape, ordered by shape; drift; the logarithms. */
struct kernel_point *fit_points(const struct kernel_samples *, int *n, struct arena *);
struct fit_data fit_data_of(const struct kernel_point *, int n, int n_axes, struct arena *);
/* One axis: between the others; two: in their convex hull. */
bool fit_among_others(const struct fit_data *, int point, int n_axes, const int *axis);
double fit_drift(const struct kernel_samples *);
struct kernel_samples fit_at_one_clock(const struct kernel_samples *, struct arena *, bool *helps);
/* Log standard deviation of one execution: of values that are one execution each where there are three such samples, else of
 * the means of several, which scatter less. */
double fit_sigma(const struct kernel_samples *);

/* fit_band.c: errors of predictions of what was left out (NaN: was not), and the band that follows. */
struct kernel_error fit_error_of(enum kernel_model, const double *measured, const double *predicted, int n);
struct kernel_error fit_error_of_passes(const struct kernel_samples *);
/* Are all knots neighbours among the whole numbers, such as 1 full and 2 resumed? Then no shape lies between. */
bool fit_nothing_between(const struct kernel_cost *);
void fit_band(struct kernel_fit *);

double fit_median(double *, int n);                     /* sorts; NaN of none */
double fit_quantile(const double *sorted, int n, double rank);  /* rank from 1, between values linear; clamped */

#endif
