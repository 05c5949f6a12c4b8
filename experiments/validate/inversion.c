/* Equation: F(t) = (e^{A/2}/t) Re f(A/2t)/2 + (e^{A/2}/t) sum_k (-1)^k Re f((A + 2 k pi i)/2t), f(s) = phi(s)/s, the
 * alternating sum accelerated by Euler's binomial averages.
 * Source: Abate & Whitt, Numerical inversion of Laplace transforms of probability distributions, ORSA J. Comp. 7 (1995).
 * Checkable: phi(s) = 1/(1+s) gives F(1) = 1 - 1/e = 0.632120558829 within 1e-8. */
#include "experiments/validate/inversion.h"
#include <math.h>

enum { BURN_IN = 38, AVERAGES = 12 };
static const double DISCRETISATION = 18.4;              /* error about e^-18.4 = 1e-8 */

static double term(transform_fn *phi, const void *context, double t, int k)
{
  double complex s = (DISCRETISATION + 2.0 * k * M_PI * I) / (2.0 * t);
  return creal(phi(context, s) / s);
}

double invert_cdf(transform_fn *phi, const void *context, double t)
{
  double sum = term(phi, context, t, 0) / 2, average = 0, weight = 1.0 / (1 << AVERAGES);
  for (int k = 1; k <= BURN_IN; k++)
    sum += (k % 2 ? -1 : 1) * term(phi, context, t, k);
  for (int j = 0; j <= AVERAGES; j++) {                 /* binomial weights C(12, j) / 2^12 */
    average += weight * sum;
    weight *= (double)(AVERAGES - j) / (j + 1);
    int k = BURN_IN + j + 1;
    sum += (k % 2 ? -1 : 1) * term(phi, context, t, k);
  }
  return exp(DISCRETISATION / 2) / t * average;
}

double invert_quantile(transform_fn *phi, const void *context, double p, double *density)
{
  double low = 0, high = 1;
  while (invert_cdf(phi, context, high) < p)
    high *= 2;
  for (int i = 0; i < 60; i++) {
    double middle = (low + high) / 2;
    if (invert_cdf(phi, context, middle) < p) low = middle; else high = middle;
  }
  double h = 1e-3 * high;
  *density = (invert_cdf(phi, context, high + h) - invert_cdf(phi, context, high - h)) / (2 * h);
  return high;
}
