/* gof.h: goodness of fit of a sample, at a stated rate of false alarms.
 *
 * Kolmogorov-Smirnov: P(sqrt(n) D > t) = 2 sum (-1)^(k-1) exp(-2 k^2 t^2) (Kolmogorov 1933); check: t = 1.358 is 5 %.
 */
#ifndef OFFSIM_TESTS_GOF_H
#define OFFSIM_TESTS_GOF_H

#include "tests/unit/unit.h"

#include <gsl/gsl_cdf.h>

/* Each test of this folder raises a false alarm once in 10^6; its seeds are fixed, so it does so always or never. */
#define GOF_ALARM 1e-6

static inline double gof_kolmogorov_tail(double t)
{
  double sum = 0;
  for (int k = 1; k <= 100; k++)
    sum += (k % 2 ? 2 : -2) * exp(-2.0 * k * k * t * t);
  return t < 0.2 ? 1 : sum;
}

/* p-value of the sample (sorted here) against cdf(x, with). */
static inline double gof_ks(double *x, size_t n, double (*cdf)(double x, const void *with), const void *with)
{
  double worst = 0;
  qsort(x, n, sizeof *x, unit_compare_doubles);
  for (size_t i = 0; i < n; i++) {
    double f = cdf(x[i], with);
    worst = fmax(worst, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
  }
  return gof_kolmogorov_tail(sqrt((double)n) * worst);
}

/* p-value of counts against expected counts (each should be above 5). */
static inline double gof_chi_square(const uint64_t *count, const double *expected, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += ((double)count[i] - expected[i]) * ((double)count[i] - expected[i]) / expected[i];
  return gsl_cdf_chisq_Q(sum, (double)(n - 1));
}

#endif
