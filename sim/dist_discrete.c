/* dist_discrete.c: zipf, empirical, and what is made of other distributions. */
#include "sim/dist_kind.h"

#include <math.h>

/* ---- zipf ------------------------------------------------------------------------------------------------------ */

/* Rank k in 1..n with P(k) ~ k^-s, by rejection-inversion (Hoermann and Derflinger, ACM TOMACS 6(3), 1996): no table,
 * at most 1.1 tries on average. H is the integral of h(x) = x^-s. */
enum { ZIPF_N, ZIPF_S, ZIPF_H_FIRST, ZIPF_H_LAST, ZIPF_SURE, ZIPF_SUM };

static double zipf_integral(double s, double x)
{
  double t = (1 - s) * log(x);
  return (fabs(t) > 1e-8 ? expm1(t) / t : 1 + t / 2) * log(x);
}

static double zipf_integral_inverse(double s, double y)
{
  double t = fmax((1 - s) * y, -1);
  return exp((fabs(t) > 1e-8 ? log1p(t) / t : 1 - t / 2) * y);
}

/* Sum of i^-s for i = 1..n: directly up to 1000, then Euler-Maclaurin (relative error < 1e-12). */
static double power_sum(double n, double s)
{
  double direct = fmin(n, 1000), sum = 0;
  for (double i = direct; i >= 1; i--)
    sum += pow(i, -s);
  if (n <= direct)
    return sum;
  double a = pow(direct, -s), b = pow(n, -s);
  double integral = zipf_integral(s, n) - zipf_integral(s, direct);
  double third = s * (s + 1) * (s + 2) / 720;
  return sum + integral + (b - a) / 2 + s / 12 * (a / direct - b / n)
         - third * (a / (direct * direct * direct) - b / (n * n * n));
}

static bool zipf_prepare(struct dist *d, char why[160])
{
  double *p = d->p;
  if (!dist_needs_positive(d, ZIPF_N, why) || !dist_needs_not_negative(d, ZIPF_S, why))
    return false;
  if (p[ZIPF_N] != floor(p[ZIPF_N]) || p[ZIPF_N] > 1e15 || p[ZIPF_S] > 50) {
    snprintf(why, 160, "zipf: 'n' must be a whole number up to 10^15 and 's' at most 50");
    return false;
  }
  double s = p[ZIPF_S];
  p[ZIPF_H_FIRST] = zipf_integral(s, 1.5) - 1;
  p[ZIPF_H_LAST] = zipf_integral(s, p[ZIPF_N] + 0.5);
  p[ZIPF_SURE] = 2 - zipf_integral_inverse(s, zipf_integral(s, 2.5) - pow(2, -s));
  p[ZIPF_SUM] = power_sum(p[ZIPF_N], s);
  return true;
}

static double zipf_draw(const struct dist *d, struct rng *r)
{
  const double *p = d->p;
  for (;;) {
    double u = p[ZIPF_H_LAST] + rng_uniform(r) * (p[ZIPF_H_FIRST] - p[ZIPF_H_LAST]);
    double x = zipf_integral_inverse(p[ZIPF_S], u), k = fmin(fmax(floor(x + 0.5), 1), p[ZIPF_N]);
    if (k - x <= p[ZIPF_SURE] || u >= zipf_integral(p[ZIPF_S], k + 0.5) - pow(k, -p[ZIPF_S]))
      return k;
  }
}

static double zipf_mean(const struct dist *d)
{
  return power_sum(d->p[ZIPF_N], d->p[ZIPF_S] - 1) / d->p[ZIPF_SUM];
}

static double zipf_variance(const struct dist *d)
{
  double mean = zipf_mean(d);
  return power_sum(d->p[ZIPF_N], d->p[ZIPF_S] - 2) / d->p[ZIPF_SUM] - mean * mean;
}

static double zipf_cdf(const struct dist *d, double x)
{
  if (x < 1)
    return 0;
  return x >= d->p[ZIPF_N] ? 1 : power_sum(floor(x), d->p[ZIPF_S]) / d->p[ZIPF_SUM];
}

const struct dist_kind dist_kind_zipf = {
  .name = "zipf", .parameters = {"n", "s"}, .prepare = zipf_prepare,
  .draw = zipf_draw, .mean = zipf_mean, .variance = zipf_variance, .cdf = zipf_cdf,
  .doc = "P(k) ~ k^-s for k = 1..n",
};

/* ---- empirical ------------------------------------------------------------------------------------------------- */

/* Number of elements of the sorted array that are <= x. */
static size_t count_up_to(const double *sorted, size_t n, double x)
{
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (sorted[middle] <= x)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Which of the n parts a uniform number falls to. */
static size_t pick(const struct dist *d, struct rng *r)
{
  if (!d->cumulative)
    return rng_below(r, d->n);
  return count_up_to(d->cumulative, d->n, rng_uniform(r));
}

static double weight_of(const struct dist *d, size_t i)
{
  if (!d->cumulative)
    return 1 / (double)d->n;
  return i > 0 ? d->cumulative[i] - d->cumulative[i - 1] : d->cumulative[0];
}

static double empirical_draw(const struct dist *d, struct rng *r)
{
  return d->value[pick(d, r)];
}

static double empirical_mean(const struct dist *d)
{
  double sum = 0;
  for (size_t i = 0; i < d->n; i++)
    sum += weight_of(d, i) * d->value[i];
  return sum;
}

static double empirical_variance(const struct dist *d)
{
  double mean = empirical_mean(d), sum = 0;
  for (size_t i = 0; i < d->n; i++)
    sum += weight_of(d, i) * (d->value[i] - mean) * (d->value[i] - mean);
  return sum;
}

static double empirical_cdf(const struct dist *d, double x)
{
  size_t n = count_up_to(d->value, d->n, x);
  if (n == 0)
    return 0;
  return d->cumulative ? d->cumulative[n - 1] : (double)n / (double)d->n;
}

const struct dist_kind dist_kind_empirical = {
  .name = "empirical",
  .draw = empirical_draw, .mean = empirical_mean, .variance = empirical_variance, .cdf = empirical_cdf,
  .doc = "one of the given values, with the given weights",
};

/* ---- mixture and shifted --------------------------------------------------------------------------------------- */

static double mixture_draw(const struct dist *d, struct rng *r)
{
  return dist_draw(d->part[pick(d, r)], r);
}

static double mixture_mean(const struct dist *d)
{
  double sum = 0;
  for (size_t i = 0; i < d->n; i++)
    if (weight_of(d, i) > 0)
      sum += weight_of(d, i) * dist_mean(d->part[i]);
  return sum;
}

static double mixture_variance(const struct dist *d)
{
  double mean = mixture_mean(d), sum = 0;
  for (size_t i = 0; i < d->n && isfinite(mean); i++) {
    double off = dist_mean(d->part[i]) - mean;
    if (weight_of(d, i) > 0)
      sum += weight_of(d, i) * (dist_variance(d->part[i]) + off * off);
  }
  return isfinite(mean) ? sum : INFINITY;
}

static double mixture_cdf(const struct dist *d, double x)
{
  double sum = 0;
  for (size_t i = 0; i < d->n; i++)
    sum += weight_of(d, i) * dist_cdf(d->part[i], x);
  return sum;
}

const struct dist_kind dist_kind_mixture = {
  .name = "mixture",
  .draw = mixture_draw, .mean = mixture_mean, .variance = mixture_variance, .cdf = mixture_cdf,
  .doc = "one of the given distributions, with the given weights",
};

static double shifted_draw(const struct dist *d, struct rng *r)
{
  return d->p[0] + dist_draw(d->part[0], r);
}

static double shifted_mean(const struct dist *d)
{
  return d->p[0] + dist_mean(d->part[0]);
}

static double shifted_variance(const struct dist *d)
{
  return dist_variance(d->part[0]);
}

static double shifted_cdf(const struct dist *d, double x)
{
  return dist_cdf(d->part[0], x - d->p[0]);
}

const struct dist_kind dist_kind_shifted = {
  .name = "shifted", .parameters = {"by"}, .dimensioned = {true},
  .draw = shifted_draw, .mean = shifted_mean, .variance = shifted_variance, .cdf = shifted_cdf,
  .doc = "a constant plus a draw of another distribution",
};
