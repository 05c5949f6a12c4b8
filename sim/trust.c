/* trust.c: when an interval is not to be believed, and intervals of one long run.
 *
 * tau = length x Var(means of stretches) / Var(values); effective observations = n / tau.
 * Check: an AR(1) series x' = a x + e has tau = (1 + a) / (1 - a): 3 at a = 1/2.
 */
#include "sim/trust.h"
#include "sim/check.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEADY_BATCHES = 16, LEAST_STEADY = 2 * STEADY_BATCHES, LEAST_RUN = 2 * TRUST_BATCHES };

/* ---- moments of a stretch ------------------------------------------------------------------------------------------ */

/* Two passes: no division inside. */
static struct moments moments_of(const double *x, size_t n)
{
  struct moments m = {.n = n, .min = n ? x[0] : 0, .max = n ? x[0] : 0};
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i];
    m.min = x[i] < m.min ? x[i] : m.min;
    m.max = x[i] > m.max ? x[i] : m.max;
  }
  m.mean = n ? sum / (double)n : 0;
  for (size_t i = 0; i < n; i++)
    m.m2 += (x[i] - m.mean) * (x[i] - m.mean);
  return m;
}

/* The means of `count` stretches of equal length; what does not fill one is left out at the start. */
static void means_of_stretches(const double *x, size_t n, size_t count, double *mean)
{
  size_t length = n / count;
  x += n - length * count;
  for (size_t k = 0; k < count; k++, x += length) {
    double sum = 0;
    for (size_t i = 0; i < length; i++)
      sum += x[i];
    mean[k] = sum / (double)length;
  }
}

/* ---- the rules ----------------------------------------------------------------------------------------------------- */

static struct trust short_because(struct trust t, const char *why)
{
  t.too_short = true;
  t.why = t.why ? t.why : why;
  return t;
}

/* From the variance of the values and that of the means of stretches of `length`. */
static struct trust effective(uint64_t n, double variance, double of_means, double length)
{
  double tau = variance > 0 ? length * of_means / variance : 1;
  tau = tau * (double)n < 1 ? 1 / (double)n : tau;      /* stretches with next to one mean */
  struct trust t = {.effective_n = (double)n / tau, .tau = tau};
  return t.effective_n < TRUST_EFFECTIVE ? short_because(t, "too few effective observations") : t;
}

static struct trust beyond(struct trust t, double q)
{
  bool few = t.effective_n * fmin(q, 1 - q) < TRUST_BEYOND;
  return few ? short_because(t, "too few effective observations beyond the quantile") : t;
}

struct trust trust_run(const double *x, size_t n, bool late)
{
  double mean[TRUST_BATCHES];
  if (n < LEAST_RUN)
    return short_because((struct trust){.effective_n = (double)n, .tau = NAN}, "too few observations");
  struct moments all = moments_of(x, n);
  means_of_stretches(x, n, TRUST_BATCHES, mean);
  struct moments batches = moments_of(mean, TRUST_BATCHES);
  size_t length = n / TRUST_BATCHES;
  struct trust t = effective(n, moments_variance(&all), moments_variance(&batches), (double)length);
  return late ? short_because(t, "start-up longer than half of the run") : t;
}

void trust_pool_add(struct trust_pool *p, const double *x, size_t n)
{
  double mean[TRUST_PIECES];
  struct moments all = moments_of(x, n);
  moments_merge(&p->values, &all);
  p->runs++;
  if (n < TRUST_PIECES)
    return;
  means_of_stretches(x, n, TRUST_PIECES, mean);
  for (int k = 0; k < TRUST_PIECES; k++)
    moments_add(&p->pieces, mean[k]);
}

/* Start-up: a bias of about tau / 2 standard deviations is spread over one replication's length L, the half-width is
 * t sqrt(tau / (R L)) of them: the ratio grows with R tau / L, 0.32 at TRUST_START. */
struct trust trust_replications(const struct trust_pool *p, double q)
{
  const char *few = "too few observations in a replication";
  if (p->runs < 2 || p->pieces.n < TRUST_PIECES * p->runs)
    return short_because((struct trust){.effective_n = (double)p->values.n, .tau = NAN}, few);
  double runs = (double)p->runs, length = (double)p->values.n / runs;
  struct trust t = effective(p->values.n, moments_variance(&p->values), moments_variance(&p->pieces), length / TRUST_PIECES);
  if (q > 0)
    t = beyond(t, q);
  return runs * t.tau / length > TRUST_START ? short_because(t, "replications too short for so many") : t;
}

/* ---- what the queue tells ------------------------------------------------------------------------------------------ */

/* Erlang's C from his B: B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)); C = B / (1 - rho (1 - B)). Check: C = rho for one. */
static double waits(double rho, double servers)
{
  double load = rho * servers, blocked = 1;
  for (double k = 1; k <= servers; k++)
    blocked = load * blocked / (k + load * blocked);
  return blocked / (1 - rho * (1 - blocked));
}

/* Of the waiting time in M/M/1 (Daley 1968; Whitt 1989). Check: 82.3 at .8. */
static double waiting_tau(double r)
{
  return (2 + 5 * r - 4 * r * r + r * r * r) / ((2 - r) * (1 - r) * (1 - r));
}

/* Waiting has its share of the variance of the time in the queue: C (2 - C) m^2, m its mean when there is any, in service
 * times; service, independent, has the rest. Check: .96 x 82.3 + .04 = 79.1 of M/M/1 at .8. */
double trust_queue_tau(const struct trust_queue *q)
{
  double rho = q->utilization, servers = fmax(q->servers, 1);
  if (!(rho < TRUST_BUSY))
    return INFINITY;
  double spread = (q->arrival_variation + q->service_variation) / 2, mean = spread / (servers * (1 - rho));
  double c = waits(rho, servers), variance = c * (2 - c) * mean * mean, all = variance + q->service_variation;
  double share = all > 0 ? variance / all : 0;
  return fmax(share * spread * waiting_tau(rho) + 1 - share, 1);
}

struct trust trust_queue(const struct trust_queue *k, double q)
{
  double tau = trust_queue_tau(k), runs = (double)k->runs, length = k->served / runs;
  struct trust t = {.effective_n = k->served / tau, .tau = tau};
  if (isinf(tau))
    return short_because(t, "a place is busy all the time");
  if (t.effective_n < TRUST_EFFECTIVE)
    t = short_because(t, "too few effective observations at this utilization");
  if (q > 0)
    t = beyond(t, q);
  return k->runs > 1 && runs * tau / length > TRUST_START ? short_because(t, "replications too short for so many") : t;
}

struct trust trust_both(struct trust a, struct trust b)
{
  bool a_has_less = !(b.effective_n < a.effective_n);
  struct trust t = a_has_less ? a : b;
  t.too_short = a.too_short || b.too_short;
  t.why = a.why ? a.why : b.why;
  return t;
}

/* ---- intervals of one run ------------------------------------------------------------------------------------------ */

static double skewness(const double *x, size_t n)
{
  struct moments m = moments_of(x, n);
  double cubes = 0, k = (double)n, sd = moments_sd(&m);
  for (size_t i = 0; i < n; i++)
    cubes += (x[i] - m.mean) * (x[i] - m.mean) * (x[i] - m.mean);
  return sd > 0 ? k / ((k - 1) * (k - 2)) * cubes / (sd * sd * sd) : 0;
}

/* Willink, Comm. Stat. Theory Methods 34, 2005: t as if the mean of k values were not skewed. Check: t for skewness 0. */
static double unskewed(double t, double skew, double k)
{
  double a = skew / (6 * sqrt(k));
  return fabs(a) < 1e-6 ? t : (cbrt(1 + 6 * a * (t - a)) - 1) / (2 * a);
}

static struct interval overlapping(const double *x, size_t n, double confidence)
{
  return interval_overlapping_batch_means(x, n, n < LEAST_STEADY ? n : n / STEADY_BATCHES, confidence);
}

struct interval interval_steady(const double *x, size_t n, double confidence)
{
  struct interval i = overlapping(x, n, confidence);
  if (n < LEAST_STEADY)
    return i;
  double mean[STEADY_BATCHES], t = student_t(1.5 * (STEADY_BATCHES - 1), confidence), se = (i.hi - i.value) / t;
  means_of_stretches(x, n, STEADY_BATCHES, mean);
  double skew = skewness(mean, STEADY_BATCHES);
  i.lo = i.value - se * unskewed(t, skew, STEADY_BATCHES);
  i.hi = i.value - se * unskewed(-t, skew, STEADY_BATCHES);
  return i;
}

static double *copy_of(const double *x, size_t n)
{
  double *copy = malloc(n * sizeof *copy);
  if (!copy)
    check_out_of_memory(n * sizeof *copy);
  memcpy(copy, x, n * sizeof *copy);
  return copy;
}

static size_t rank_of(double share, size_t n)
{
  double rank = ceil(share * (double)n);
  return rank < 1 ? 0 : rank > (double)n ? n - 1 : (size_t)rank - 1;
}

/* `scratch` keeps the values; the result is 1 where x is at most the quantile. */
static double *indicators(const double *x, size_t n, double q, double *scratch)
{
  double at = gsl_stats_select(scratch, 1, n, rank_of(q, n)), *is_below = copy_of(x, n);
  for (size_t i = 0; i < n; i++)
    is_below[i] = x[i] <= at;
  return is_below;
}

struct interval interval_steady_quantile(const double *x, size_t n, double q, double confidence)
{
  struct interval i = {.value = NAN, .lo = NAN, .hi = NAN, .n = n, .method = "overlapping-order"};
  if (n == 0)
    return i;
  double *values = copy_of(x, n), *below = indicators(x, n, q, values);
  i.value = gsl_stats_select(values, 1, n, rank_of(q, n));
  struct interval share = overlapping(below, n, confidence);
  if (!isnan(share.hi)) {
    i.lo = share.lo <= 0 ? -INFINITY : gsl_stats_select(values, 1, n, rank_of(share.lo, n));
    i.hi = share.hi >= 1 ? INFINITY : gsl_stats_select(values, 1, n, rank_of(share.hi, n));
  }
  free(values);
  free(below);
  return i;
}

struct trust trust_run_quantile(const double *x, size_t n, double q, bool late)
{
  if (n < LEAST_RUN)
    return trust_run(x, n, late);
  double *values = copy_of(x, n), *below = indicators(x, n, q, values);
  struct trust t = trust_run(below, n, late);
  free(values);
  free(below);
  return beyond(t, q);
}
