/* numerics.c: medians, intervals, disturbances. */
#include "experiments/kernels/numerics.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/probe.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DISTURBED_S = 20e-6, DISTURBED_SHARE = 0.02, OUTSIDE = 0.02, LEAST_DISTURBANCE = 1e-6;

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void numerics_sort(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, compare);
}

static double middle(const double *sorted, int n)
{
  return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

double numerics_median(double *x, int n)
{
  numerics_sort(x, n);
  return middle(x, n);
}

/* P(binomial(n, p) >= j), summed in logarithms: n up to some thousands. */
static double binomial_at_least(int n, double p, int j)
{
  if (p >= 1)
    return 1;
  double sum = 0;
  for (int i = j; i <= n; i++)
    sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) + (n - i) * log1p(-p));
  return sum;
}

/* The smallest k (from 1) at which the resampled median is at most the k-th value with probability `level` or more. */
static int percentile(int n, double level)
{
  int j = (n + 1) / 2, low = 1, high = n;
  while (low < high) {
    int k = (low + high) / 2;
    if (binomial_at_least(n, (double)k / n, j) >= level)
      high = k;
    else
      low = k + 1;
  }
  return low;
}

/* The upper end is the lower one seen from the other side: so the interval is symmetric in ranks, for even n too. */
struct interval numerics_median_interval(const double *sorted, int n)
{
  int k = percentile(n, 0.025);
  return (struct interval){sorted[k - 1], sorted[n - k]};
}

double numerics_spread(const double *sorted, int n)
{
  struct interval i = numerics_median_interval(sorted, n);
  return (i.high - i.low) / middle(sorted, n);
}

bool numerics_look(int n, int least)
{
  int at = least;
  while (at < n) at += (at + 1) / 2;
  return at == n;
}

struct interval numerics_kept_interval(const double *sorted, int n)
{
  double one = exp(-n * log(2)), below = one;           /* P(binomial(n, 1/2) = k), P(... <= k) */
  int k = 0;
  while (2 * below <= OUTSIDE) {
    one *= (double)(n - k) / (k + 1);
    below += one;
    k++;
  }
  k = k > 0 ? k : 1;
  return (struct interval){sorted[k - 1], sorted[n - k]};
}

double numerics_disturbance(const struct repetition *r, int inner, bool waits)
{
  double gap_s = (r->wall_s - r->cpu_s) * inner, share = fmax(gap_s / (r->wall_s * inner), 0);
  bool away = !waits && (r->involuntary > 0 || gap_s > fmax(DISTURBED_S, DISTURBED_SHARE * r->wall_s * inner));
  double shared = probe_shared(r->shared) ? r->shared : 0;
  return fmax(away ? fmax(share, LEAST_DISTURBANCE) : 0, shared);
}

double numerics_drift(const double *x, int n)
{
  int third = n / 3;
  double *part = malloc(2 * (size_t)third * sizeof *part);
  if (!part)
    return NAN;
  memcpy(part, x, (size_t)third * sizeof *x);
  memcpy(part + third, x + n - third, (size_t)third * sizeof *x);
  double drift = numerics_median(part + third, third) / numerics_median(part, third) - 1;
  free(part);
  return drift;
}

bool numerics_agree(double a, double b, double share)
{
  return fabs(a - b) <= share * fmin(a, b);
}

void numerics_shuffle(int *order, int n, uint64_t *random)
{
  for (int i = 0; i < n; i++)
    order[i] = i;
  for (int i = n - 1; i > 0; i--) {
    int j = (int)(kernel_random(random) % (uint64_t)(i + 1)), keep = order[i];
    order[i] = order[j];
    order[j] = keep;
  }
}
