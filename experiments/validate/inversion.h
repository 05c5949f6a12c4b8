/* inversion.h: a distribution function from its Laplace-Stieltjes transform, numerically. */
#ifndef OFFSIM_VALIDATE_INVERSION_H
#define OFFSIM_VALIDATE_INVERSION_H

#include <complex.h>

/* E[exp(-s X)] for a non-negative X; s has a positive real part. */
typedef double complex transform_fn(const void *context, double complex s);

/* P(X <= t), t > 0, by the Euler method; absolute error about 1e-8 where the distribution is smooth near t. */
double invert_cdf(transform_fn *, const void *context, double t);
/* The p-quantile (bisection on invert_cdf) and the density there (central difference). */
double invert_quantile(transform_fn *, const void *context, double p, double *density);

#endif
