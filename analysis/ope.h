/* ope.h: off-policy evaluation: what a policy would have earned per decision, from the log of another.
 *
 * Row i of the log: context x, action a, its propensity mu > 0, reward r. The target takes a with probability pi.
 * w = pi(a | x) / mu, q(x, a) a model of the reward, v(x) = sum over a of pi(a | x) q(x, a):
 *   IPS      mean of w r                                 (Horvitz and Thompson 1952)
 *   clipped  mean of min(w, M) r                         (Ionides 2008; biased towards 0)
 *   SNIPS    sum of w r / sum of w                       (Swaminathan and Joachims 2015)
 *   DM       mean of v
 *   DR       mean of v + w (r - q(x, a))                 (Dudik, Langford and Li 2011)
 * Effective sample size (sum of w)^2 / sum of w^2 (Kong 1992). The mean of w is 1 where the log covers the target.
 * Checked: two arms with mu = (0.8, 0.2), rewards 1 and 3, target always the second: rows (1, 3) give w = (0, 5),
 * IPS 7.5, SNIPS 3, effective sample size 1.
 */
#ifndef OFFSIM_ANALYSIS_OPE_H
#define OFFSIM_ANALYSIS_OPE_H

#include "sim/err.h"
#include <stddef.h>
#include <stdint.h>

/* One decision of the log. Arms are actions numbered through over the kinds of decision. */
struct ope_row {
  uint32_t arm, first_arm, n_actions;                   /* first_arm: of its kind of decision */
  uint64_t unit;                                        /* rows that are resampled together stand one after the other */
  double propensity, reward;
  double target_chosen;                                 /* probability that the target takes `arm` */
  size_t target;                                        /* its probabilities begin at ope_log.target[this] */
};
struct ope_log {
  size_t n; const struct ope_row *row;
  const double *target;                                 /* by row, n_actions each */
  size_t n_features; const double *x;                   /* [row * n_features + k]; NaN = not known: the mean is taken */
  size_t n_arms;
};

/* The reward model at each row: of the logged action, and the mean under the target. Ridge regression per arm on
 * (1, x), features in standard units, penalty 1 on all but the constant; cross-fitted: a row's model is fitted without
 * the rows of its fold (unit mod 5; Chernozhukov et al. 2018), so that it does not know the row's own reward. */
enum { OPE_FOLDS = 5 };
bool ope_model(const struct ope_log *, double *q, double *v, struct err *) MUST_USE;

enum ope_method { OPE_IPS, OPE_CLIPPED, OPE_SNIPS, OPE_DM, OPE_DR, OPE_METHODS };
extern const char *const ope_name[OPE_METHODS];
struct ope_options { double clip, confidence; unsigned resamples; uint64_t seed; };
struct ope_estimate { double value, lo, hi, se; };
struct ope_result {
  struct ope_estimate of[OPE_METHODS];
  size_t n, units;
  double ess, weight_mean, weight_se, weight_max, clipped_share;
  double match_share;                                   /* rows whose action the target may take */
};
/* q, v: of ope_model, or the caller's own. Intervals: percentile bootstrap over units (Efron 1979). n > 0. */
void ope_evaluate(const struct ope_log *, const double *q, const double *v, const struct ope_options *,
                  struct ope_result *);
/* Correlation of neighbouring values, of each stretch of rows with the same `run`; NaN below 3 rows. */
double ope_autocorrelation(const double *value, const uint64_t *run, size_t n);

#endif
