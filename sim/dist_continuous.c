/* dist_continuous.c: kinds given by a few numbers.
 *
 * Each kind is a block: prepare, draw, mean, variance, cdf, and its row. E is a unit exponential, Z a unit normal, U a
 * uniform. Sources: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, 2nd ed., unless said.
 */
#include "sim/dist_kind.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>

/* ---- constant -------------------------------------------------------------------------------------------------- */

static bool constant_prepare(struct dist *d, char why[160])
{
  return dist_needs(d, 0, why);
}

static double constant_draw(const struct dist *d, struct rng *r)
{
  (void)r;
  return d->p[0];
}

static double constant_mean(const struct dist *d)
{
  return d->p[0];
}

static double constant_variance(const struct dist *d)
{
  (void)d;
  return 0;
}

static double constant_cdf(const struct dist *d, double x)
{
  return x >= d->p[0];
}

const struct dist_kind dist_kind_constant = {
  .name = "constant", .parameters = {"value"}, .dimensioned = {true}, .prepare = constant_prepare,
  .draw = constant_draw, .mean = constant_mean, .variance = constant_variance, .cdf = constant_cdf,
  .doc = "always the value",
};

/* ---- uniform --------------------------------------------------------------------------------------------------- */

static bool uniform_prepare(struct dist *d, char why[160])
{
  if (!dist_needs(d, 0, why) || !dist_needs(d, 1, why))
    return false;
  if (d->p[0] <= d->p[1])
    return true;
  snprintf(why, 160, "uniform: 'low' (%g) must not be above 'high' (%g)", d->p[0], d->p[1]);
  return false;
}

static double uniform_draw(const struct dist *d, struct rng *r)
{
  return d->p[0] + (d->p[1] - d->p[0]) * rng_uniform(r);
}

static double uniform_mean(const struct dist *d)
{
  return 0.5 * (d->p[0] + d->p[1]);
}

static double uniform_variance(const struct dist *d)
{
  return (d->p[1] - d->p[0]) * (d->p[1] - d->p[0]) / 12;
}

static double uniform_cdf(const struct dist *d, double x)
{
  return x < d->p[0] ? 0 : x >= d->p[1] ? 1 : (x - d->p[0]) / (d->p[1] - d->p[0]);
}

const struct dist_kind dist_kind_uniform = {
  .name = "uniform", .parameters = {"low", "high"}, .dimensioned = {true, true}, .prepare = uniform_prepare,
  .draw = uniform_draw, .mean = uniform_mean, .variance = uniform_variance, .cdf = uniform_cdf,
  .doc = "density 1 / (high - low) between low and high",
};

/* ---- exponential ----------------------------------------------------------------------------------------------- */

static bool exponential_prepare(struct dist *d, char why[160])
{
  return dist_needs_positive(d, 0, why);
}

static double exponential_draw(const struct dist *d, struct rng *r)
{
  return ziggurat_draw_exponential(r, d->p[0]);
}

static double exponential_mean(const struct dist *d)
{
  return d->p[0];
}

static double exponential_variance(const struct dist *d)
{
  return d->p[0] * d->p[0];
}

static double exponential_cdf(const struct dist *d, double x)
{
  return x > 0 ? -expm1(-x / d->p[0]) : 0;
}

const struct dist_kind dist_kind_exponential = {
  .name = "exponential", .parameters = {"mean"}, .dimensioned = {true}, .prepare = exponential_prepare,
  .draw = exponential_draw, .mean = exponential_mean, .variance = exponential_variance, .cdf = exponential_cdf,
  .doc = "density exp(-x / mean) / mean",
};

/* ---- normal, truncated from below ------------------------------------------------------------------------------ */

/* alpha = (low - mean) / sd. A first draw above p[DIST_NORMAL_QUICK] is taken: the low end, or infinity where it is too
 * far out in the tail for plain rejection. */
enum { NORMAL_MEAN, NORMAL_SD, NORMAL_LOW, NORMAL_ALPHA, NORMAL_LAMBDA };

static bool normal_prepare(struct dist *d, char why[160])
{
  double *p = d->p;
  if (!dist_needs(d, NORMAL_MEAN, why) || !dist_needs_not_negative(d, NORMAL_SD, why))
    return false;
  if (isnan(p[NORMAL_LOW]))
    p[NORMAL_LOW] = 0;
  double above = p[NORMAL_LOW] - p[NORMAL_MEAN];
  p[NORMAL_ALPHA] = above <= 0 && p[NORMAL_SD] == 0 ? -INFINITY : above / p[NORMAL_SD];
  if (!(p[NORMAL_ALPHA] <= 30)) {
    snprintf(why, 160, "normal: 'low' (%g) must be below mean + 30 sd", p[NORMAL_LOW]);
    return false;
  }
  double alpha = p[NORMAL_ALPHA];
  p[NORMAL_LAMBDA] = alpha > 0 ? 0.5 * (alpha + sqrt(alpha * alpha + 4)) : 0;
  p[DIST_NORMAL_QUICK] = alpha > 0.5 ? INFINITY : p[NORMAL_LOW];
  return true;
}

/* Far in the tail a shifted exponential is tried instead of the normal: Robert, Statistics and Computing 5, 1995. */
static double normal_tail_draw(const struct dist *d, struct rng *r)
{
  double lambda = d->p[NORMAL_LAMBDA], z, miss;
  do {
    z = d->p[NORMAL_ALPHA] + ziggurat_draw_exponential(r, 1) / lambda;
    miss = z - lambda;
  } while (ziggurat_draw_exponential(r, 1) < 0.5 * miss * miss);
  return d->p[NORMAL_MEAN] + d->p[NORMAL_SD] * z;
}

double dist_normal_again(const struct dist *d, struct rng *r)
{
  return isinf(d->p[DIST_NORMAL_QUICK]) ? normal_tail_draw(d, r) : dist_draw_normal(d, r);
}

static double normal_hazard(const struct dist *d)
{
  return isinf(d->p[NORMAL_ALPHA]) ? 0 : gsl_sf_hazard(d->p[NORMAL_ALPHA]);
}

static double normal_mean(const struct dist *d)
{
  return d->p[NORMAL_MEAN] + d->p[NORMAL_SD] * normal_hazard(d);
}

static double normal_variance(const struct dist *d)
{
  double h = normal_hazard(d), alpha = d->p[NORMAL_ALPHA];
  double factor = h > 0 ? 1 + alpha * h - h * h : 1;
  return d->p[NORMAL_SD] * d->p[NORMAL_SD] * factor;
}

static double normal_cdf(const struct dist *d, double x)
{
  if (x < d->p[NORMAL_LOW])
    return 0;
  if (d->p[NORMAL_SD] == 0)
    return x >= d->p[NORMAL_MEAN];
  double z = (x - d->p[NORMAL_MEAN]) / d->p[NORMAL_SD], alpha = d->p[NORMAL_ALPHA];
  if (isinf(alpha))
    return gsl_cdf_ugaussian_P(z);
  if (alpha > 0)
    return 1 - gsl_cdf_ugaussian_Q(z) / gsl_cdf_ugaussian_Q(alpha);
  double below = gsl_cdf_ugaussian_P(alpha);
  return (gsl_cdf_ugaussian_P(z) - below) / (1 - below);
}

const struct dist_kind dist_kind_normal = {
  .name = "normal", .parameters = {"mean", "sd", "low"}, .dimensioned = {true, true, true}, .prepare = normal_prepare,
  .draw = dist_draw_normal, .mean = normal_mean, .variance = normal_variance, .cdf = normal_cdf,
  .doc = "normal with this mean and deviation before it is truncated to x >= low (0 when not given)",
};

/* ---- lognormal ------------------------------------------------------------------------------------------------- */

static bool lognormal_prepare(struct dist *d, char why[160])
{
  return dist_needs_positive(d, 0, why) && dist_needs_not_negative(d, 1, why);
}

static double lognormal_draw(const struct dist *d, struct rng *r)
{
  return d->p[0] * exp(ziggurat_draw_normal(r, d->p[1], 0));
}

static double lognormal_mean(const struct dist *d)
{
  return d->p[0] * exp(0.5 * d->p[1] * d->p[1]);
}

static double lognormal_variance(const struct dist *d)
{
  double mean = lognormal_mean(d);
  return mean * mean * expm1(d->p[1] * d->p[1]);
}

static double lognormal_cdf(const struct dist *d, double x)
{
  if (x <= 0)
    return 0;
  return d->p[1] > 0 ? gsl_cdf_ugaussian_P(log(x / d->p[0]) / d->p[1]) : x >= d->p[0];
}

const struct dist_kind dist_kind_lognormal = {
  .name = "lognormal", .parameters = {"median", "sigma"}, .dimensioned = {true, false}, .prepare = lognormal_prepare,
  .draw = lognormal_draw, .mean = lognormal_mean, .variance = lognormal_variance, .cdf = lognormal_cdf,
  .doc = "median * exp(sigma * Z)",
};

/* ---- gamma ----------------------------------------------------------------------------------------------------- */

enum { GAMMA_MEAN, GAMMA_SHAPE, GAMMA_SCALE, GAMMA_D, GAMMA_C };

/* Constants of Marsaglia and Tsang, ACM TOMS 26(3), 2000: shape - 1/3 (after raising a shape below 1 by 1). */
static void gamma_constants(struct dist *d)
{
  double shape = d->p[GAMMA_SHAPE];
  d->p[GAMMA_SCALE] = d->p[GAMMA_MEAN] / shape;
  d->p[GAMMA_D] = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
  d->p[GAMMA_C] = 1 / sqrt(9 * d->p[GAMMA_D]);
}

static bool gamma_prepare(struct dist *d, char why[160])
{
  if (!dist_needs_positive(d, GAMMA_MEAN, why) || !dist_needs_positive(d, GAMMA_SHAPE, why))
    return false;
  gamma_constants(d);
  return true;
}

static double gamma_draw(const struct dist *d, struct rng *r)
{
  double z, v;
  do {
    do {
      z = ziggurat_draw_normal(r, 1, 0);
      v = 1 + d->p[GAMMA_C] * z;
    } while (v <= 0);
    v = v * v * v;
  } while (-ziggurat_draw_exponential(r, 1) >= 0.5 * z * z + d->p[GAMMA_D] * (1 - v + log(v)));
  double x = d->p[GAMMA_SCALE] * d->p[GAMMA_D] * v;
  return d->p[GAMMA_SHAPE] < 1 ? x * exp(-ziggurat_draw_exponential(r, 1) / d->p[GAMMA_SHAPE]) : x;
}

static double gamma_mean(const struct dist *d)
{
  return d->p[GAMMA_MEAN];
}

static double gamma_variance(const struct dist *d)
{
  return d->p[GAMMA_MEAN] * d->p[GAMMA_SCALE];
}

static double gamma_cdf(const struct dist *d, double x)
{
  return x > 0 ? gsl_cdf_gamma_P(x, d->p[GAMMA_SHAPE], d->p[GAMMA_SCALE]) : 0;
}

const struct dist_kind dist_kind_gamma = {
  .name = "gamma", .parameters = {"mean", "shape"}, .dimensioned = {true, false}, .prepare = gamma_prepare,
  .draw = gamma_draw, .mean = gamma_mean, .variance = gamma_variance, .cdf = gamma_cdf,
  .doc = "density ~ x^(shape - 1) exp(-x shape / mean)",
};

/* ---- erlang ---------------------------------------------------------------------------------------------------- */

enum { ERLANG_FEW = 8 };        /* phases that are quicker to add than to draw as a gamma */

static bool erlang_prepare(struct dist *d, char why[160])
{
  if (!gamma_prepare(d, why))
    return false;
  if (d->p[1] >= 1 && d->p[1] <= 1e9 && d->p[1] == floor(d->p[1]))
    return true;
  snprintf(why, 160, "erlang: 'phases' must be a whole number from 1 to 10^9, not %g", d->p[1]);
  return false;
}

static double erlang_draw(const struct dist *d, struct rng *r)
{
  if (d->p[1] > ERLANG_FEW)
    return gamma_draw(d, r);
  double sum = 0;
  for (int i = 0; i < (int)d->p[1]; i++)
    sum += ziggurat_draw_exponential(r, 1);
  return d->p[GAMMA_SCALE] * sum;
}

const struct dist_kind dist_kind_erlang = {
  .name = "erlang", .parameters = {"mean", "phases"}, .dimensioned = {true, false}, .prepare = erlang_prepare,
  .draw = erlang_draw, .mean = gamma_mean, .variance = gamma_variance, .cdf = gamma_cdf,
  .doc = "sum of `phases` equal exponentials",
};

/* ---- weibull --------------------------------------------------------------------------------------------------- */

static bool weibull_prepare(struct dist *d, char why[160])
{
  if (!dist_needs_positive(d, 0, why) || !dist_needs_positive(d, 1, why))
    return false;
  d->p[2] = 1 / d->p[1];
  return true;
}

static double weibull_draw(const struct dist *d, struct rng *r)
{
  return d->p[0] * pow(ziggurat_draw_exponential(r, 1), d->p[2]);
}

static double weibull_mean(const struct dist *d)
{
  return d->p[0] * tgamma(1 + d->p[2]);
}

static double weibull_variance(const struct dist *d)
{
  double mean = weibull_mean(d);
  return d->p[0] * d->p[0] * tgamma(1 + 2 * d->p[2]) - mean * mean;
}

static double weibull_cdf(const struct dist *d, double x)
{
  return x > 0 ? -expm1(-pow(x / d->p[0], d->p[1])) : 0;
}

const struct dist_kind dist_kind_weibull = {
  .name = "weibull", .parameters = {"scale", "shape"}, .dimensioned = {true, false}, .prepare = weibull_prepare,
  .draw = weibull_draw, .mean = weibull_mean, .variance = weibull_variance, .cdf = weibull_cdf,
  .doc = "P(X > x) = exp(-(x / scale)^shape)",
};

/* ---- pareto ---------------------------------------------------------------------------------------------------- */

static double pareto_draw(const struct dist *d, struct rng *r)
{
  return d->p[0] * exp(ziggurat_draw_exponential(r, 1) * d->p[2]);
}

static double pareto_mean(const struct dist *d)
{
  return d->p[1] > 1 ? d->p[0] * d->p[1] / (d->p[1] - 1) : INFINITY;
}

static double pareto_variance(const struct dist *d)
{
  double a = d->p[1];
  return a > 2 ? d->p[0] * d->p[0] * a / ((a - 1) * (a - 1) * (a - 2)) : INFINITY;
}

static double pareto_cdf(const struct dist *d, double x)
{
  return x > d->p[0] ? -expm1(d->p[1] * log(d->p[0] / x)) : 0;
}

const struct dist_kind dist_kind_pareto = {
  .name = "pareto", .parameters = {"minimum", "shape"}, .dimensioned = {true, false}, .prepare = weibull_prepare,
  .draw = pareto_draw, .mean = pareto_mean, .variance = pareto_variance, .cdf = pareto_cdf,
  .doc = "P(X > x) = (minimum / x)^shape for x >= minimum",
};

/* ---- hyperexponential ------------------------------------------------------------------------------------------ */

enum { HYPER_MEAN, HYPER_SCV, HYPER_P, HYPER_MEAN_1, HYPER_MEAN_2 };

/* Two branches with balanced means p m1 = (1 - p) m2: Whitt, Bell Syst. Tech. J. 61(8), 1982. */
static bool hyperexponential_prepare(struct dist *d, char why[160])
{
  double *p = d->p;
  if (!dist_needs_positive(d, HYPER_MEAN, why) || !dist_needs_positive(d, HYPER_SCV, why))
    return false;
  if (p[HYPER_SCV] < 1) {
    snprintf(why, 160, "hyperexponential: 'scv' must be at least 1, not %g", p[HYPER_SCV]);
    return false;
  }
  p[HYPER_P] = 0.5 * (1 + sqrt((p[HYPER_SCV] - 1) / (p[HYPER_SCV] + 1)));
  p[HYPER_MEAN_1] = p[HYPER_MEAN] / (2 * p[HYPER_P]);
  p[HYPER_MEAN_2] = p[HYPER_MEAN] / (2 * (1 - p[HYPER_P]));
  return true;
}

static double hyperexponential_draw(const struct dist *d, struct rng *r)
{
  double mean = d->p[rng_uniform(r) < d->p[HYPER_P] ? HYPER_MEAN_1 : HYPER_MEAN_2];
  return ziggurat_draw_exponential(r, mean);
}

static double hyperexponential_variance(const struct dist *d)
{
  return d->p[HYPER_SCV] * d->p[HYPER_MEAN] * d->p[HYPER_MEAN];
}

static double hyperexponential_cdf(const struct dist *d, double x)
{
  if (x <= 0)
    return 0;
  return -d->p[HYPER_P] * expm1(-x / d->p[HYPER_MEAN_1]) - (1 - d->p[HYPER_P]) * expm1(-x / d->p[HYPER_MEAN_2]);
}

const struct dist_kind dist_kind_hyperexponential = {
  .name = "hyperexponential", .parameters = {"mean", "scv"}, .dimensioned = {true, false},
  .prepare = hyperexponential_prepare, .draw = hyperexponential_draw, .mean = exponential_mean,
  .variance = hyperexponential_variance, .cdf = hyperexponential_cdf,
  .doc = "two exponentials with balanced means and squared coefficient of variation scv >= 1",
};
