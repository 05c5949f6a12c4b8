/* interval.c: confidence intervals, and how much of a start-up to forget. */
#include "sim/stat.h"
#include "sim/check.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

double student_t(double degrees, double confidence)
{
  return gsl_cdf_tdist_Qinv((1 - confidence) / 2, degrees);
}

static struct interval around(double value, double half, uint64_t n, const char *method)
{
  return (struct interval){.value = value, .lo = value - half, .hi = value + half, .n = n, .method = method};
}

struct interval interval_t(const double *x, size_t n, double confidence)
{
  struct moments m = {0};
  for (size_t i = 0; i < n; i++)
    moments_add(&m, x[i]);
  if (n < 2)
    return around(n ? m.mean : NAN, NAN, n, "t");
  double half = student_t((double)(n - 1), confidence) * moments_sd(&m) / sqrt((double)n);
  return around(m.mean, half, n, "t");
}

struct interval interval_paired_t(const double *x, const double *y, size_t n, double confidence)
{
  struct moments m = {0};
  for (size_t i = 0; i < n; i++)
    moments_add(&m, x[i] - y[i]);
  if (n < 2)
    return around(n ? m.mean : NAN, NAN, n, "t");
  double half = student_t((double)(n - 1), confidence) * moments_sd(&m) / sqrt((double)n);
  return around(m.mean, half, n, "t");
}

/* Wilson, JASA 22, 1927. Check: 8 of 10 at 95 % is 0.490162 to 0.943318. */
struct interval interval_wilson(uint64_t hits, uint64_t n, double confidence)
{
  sim_assert(hits <= n);
  struct interval i = {.value = NAN, .lo = 0, .hi = 1, .n = n, .method = "wilson"};
  if (n == 0)
    return i;
  double z = gsl_cdf_ugaussian_Qinv((1 - confidence) / 2), z2 = z * z, m = (double)n, p = (double)hits / m;
  double centre = (p + z2 / (2 * m)) / (1 + z2 / m);
  double half = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
  i.value = p;
  i.lo = hits == 0 ? 0 : centre - half;
  i.hi = hits == n ? 1 : centre + half;
  return i;
}

/* Batches of equal length; what does not fill a batch is left out at the start, where a bias would be. */
struct interval interval_batch_means(const double *x, size_t n, size_t batches, double confidence)
{
  sim_assert(batches >= 2);
  size_t length = n / batches;
  if (length == 0)
    return around(NAN, NAN, n, "batch");
  struct moments m = {0};
  const double *next = x + (n - length * batches);
  for (size_t b = 0; b < batches; b++, next += length) {
    struct moments batch = {0};
    for (size_t i = 0; i < length; i++)
      moments_add(&batch, next[i]);
    moments_add(&m, batch.mean);
  }
  double half = student_t((double)(batches - 1), confidence) * moments_sd(&m) / sqrt((double)batches);
  return around(m.mean, half, n, "batch");
}

/* Meketon and Schmeiser, WSC 1984: the variance of the mean is b sum (M_j - mean)^2 / ((n - b + 1)(n - b)) with all
 * n - b + 1 batch means M_j; 1.5 (n / b - 1) degrees of freedom. */
struct interval interval_overlapping_batch_means(const double *x, size_t n, size_t batch, double confidence)
{
  sim_assert(batch >= 1);
  struct moments m = {0};
  for (size_t i = 0; i < n; i++)
    moments_add(&m, x[i]);
  if (n < 2 * batch)
    return around(n ? m.mean : NAN, NAN, n, "overlapping");
  double sum = 0, squares = 0, length = (double)batch, count = (double)(n - batch + 1);
  for (size_t i = 0; i < n; i++) {
    sum += x[i] - m.mean;                       /* of the last `batch` deviations */
    if (i >= batch)
      sum -= x[i - batch] - m.mean;
    if (i + 1 >= batch)
      squares += sum / length * (sum / length);
  }
  double variance = length * squares / (count * (count - 1));
  double degrees = 1.5 * ((double)n / length - 1);
  return around(m.mean, student_t(degrees, confidence) * sqrt(variance), n, "overlapping");
}

/* ---- quantiles ------------------------------------------------------------------------------------------------- */

/* The smallest k in 0..n with P(Bin(n, q) <= k) >= p. */
static size_t binomial_quantile(size_t n, double q, double p)
{
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (gsl_cdf_binomial_P((unsigned)middle, q, (unsigned)n) >= p)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* The r-th smallest lies above the quantile with probability P(Bin(n, q) < r), the s-th below it with P(Bin >= s): both
 * are kept at or under half of the error (David and Nagaraja, Order Statistics, 7.1). A rank beyond the sample is an
 * infinite end. Check: n = 100, q = .5, 95 %: ranks 40 and 61. */
struct interval interval_order(const double *sorted, size_t n, double q, double confidence)
{
  struct interval i = {.value = NAN, .lo = -INFINITY, .hi = INFINITY, .n = n, .method = "order"};
  if (n == 0)
    return i;
  double half_error = (1 - confidence) / 2;
  size_t rank = (size_t)ceil(q * (double)n);
  i.value = sorted[rank < 1 ? 0 : rank > n ? n - 1 : rank - 1];
  size_t k = binomial_quantile(n, q, half_error);
  size_t r = gsl_cdf_binomial_P((unsigned)k, q, (unsigned)n) <= half_error ? k + 1 : k;
  size_t s = binomial_quantile(n, q, 1 - half_error) + 1;
  if (r >= 1)
    i.lo = sorted[r - 1];
  if (s <= n)
    i.hi = sorted[s - 1];
  return i;
}

/* ---- MSER-5 ---------------------------------------------------------------------------------------------------- */

enum { MSER_GROUP = 5, MSER_LEAST = 5 };        /* the last groups are too few to estimate a variance from */

static double *group_means(const double *x, size_t groups)
{
  double *means = malloc(groups * sizeof *means);
  if (!means)
    check_out_of_memory(groups * sizeof *means);
  for (size_t g = 0; g < groups; g++) {
    double sum = 0;
    for (size_t i = 0; i < MSER_GROUP; i++)
      sum += x[g * MSER_GROUP + i];
    means[g] = sum / MSER_GROUP;
  }
  return means;
}

/* White, Simulation 69(6), 1997: delete the d groups that minimise sum (Y - mean)^2 / (m - d)^2 over what remains. The
 * sums are built from the end, one group at a time. */
size_t mser5(const double *x, size_t n, bool *late)
{
  *late = false;
  size_t groups = n / MSER_GROUP, best = 0;
  if (groups <= MSER_LEAST)
    return 0;
  double *means = group_means(x, groups), least = INFINITY;
  struct moments tail = {0};
  for (size_t d = groups; d-- > 0;) {
    moments_add(&tail, means[d]);
    double remaining = (double)(groups - d), error = tail.m2 / (remaining * remaining);
    if (groups - d >= MSER_LEAST && error <= least)
      least = error, best = d;
  }
  free(means);
  *late = best * MSER_GROUP > n / 2;
  return *late ? n / 2 : best * MSER_GROUP;
}
