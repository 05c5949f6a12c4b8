/* stat_tests.h: tests over paired replications, families of comparisons, control variates, when to stop.
 *
 * d[i] is the difference of two policies in replication i (common random numbers), c[i] a control of the same run whose
 * mean is known. p values are two-sided, of no difference. Infinite and missing values are the caller's to leave out.
 */
#ifndef OFFSIM_ANALYSIS_STAT_TESTS_H
#define OFFSIM_ANALYSIS_STAT_TESTS_H

#include "sim/stat.h"

double paired_t_p(const double *d, size_t n);           /* NaN below 2; 0 when all are the same and not 0 */

/* Wilcoxon's signed ranks. Zeros are left out, equal sizes share their mean rank. exact: all signs of these ranks, ties
 * included, up to WILCOXON_EXACT of them; beyond that the normal approximation, corrected for ties and continuity. */
enum { WILCOXON_EXACT = 50 };
struct signed_ranks { double w_plus, p; size_t n; bool exact; };        /* n: without the zeros; 0 = p is 1 */
struct signed_ranks wilcoxon(const double *d, size_t n);
double wilcoxon_normal_p(const double *d, size_t n);

/* Holm's step-down: adjusted[i] <= .05 keeps the chance of any false finding in the family below 5 %. NaN stay out. */
void holm(const double *p, size_t n, double *adjusted);

/* y regressed on a control of known mean: an interval of E y at c = control_mean with n - 2 degrees of freedom.
 * variance_ratio = (s_y^2 / n) / (estimated variance of the controlled mean): what the control gained; below 1 it lost.
 * n < 4, or a control that does not vary: the plain t interval, ratio NaN. */
struct controlled { struct interval interval; double slope, variance_ratio; };
struct controlled control_variate(const double *y, const double *control, size_t n, double control_mean,
                                  double confidence);

/* Requests that a run needs so that the order-statistic interval of quantile q has two ends inside the sample. */
size_t order_needs(double q, double confidence);

/* Sequential stopping: x[policy][i] of the common replications i < n. One policy: its t interval is narrower than
 * `half_width` x |mean|. Several: every paired difference from the best one (simultaneous over all
 * pairs) is narrower than `half_width` x |mean of the best one|. better: as in metric_info. */
bool precise_enough(const double *const *x, size_t n_policies, size_t n, double half_width, int better);

#endif
