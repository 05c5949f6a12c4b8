/* stat_tests.c: paired t, Wilcoxon, Holm, control variates, stopping.
 *
 * Student, Biometrika 6, 1908. Check: his ten hours of sleep, d = 1.2 2.4 1.3 1.3 0 1.0 1.8 0.8 4.6 1.4, have t = 4.0621
 * with 9 degrees: p = 0.002833. Wilcoxon, Biometrics Bulletin 1, 1945: W+ = sum of the ranks of |d| where d > 0; under no
 * difference each of the 2^n signs is alike, so P(W+ = w) = (number of subsets of the ranks with sum w) / 2^n.
 * Holm, Scandinavian Journal of Statistics 6, 1979. Control variates: Lavenberg and Welch, Management Science 27, 1981.
 */
#include "analysis/stat_tests.h"
#include "analysis/text.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct moments moments_of(const double *x, size_t n)
{
  struct moments m = {0};
  for (size_t i = 0; i < n; i++) moments_add(&m, x[i]);
  return m;
}

double paired_t_p(const double *d, size_t n)
{
  struct moments m = moments_of(d, n);
  if (n < 2) return NAN;
  double error = moments_sd(&m) / sqrt((double)n);
  if (error == 0) return m.mean == 0 ? 1 : 0;
  return 2 * gsl_cdf_tdist_Q(fabs(m.mean) / error, (double)(n - 1));
}

/* ---- Wilcoxon -----------------------------------------------------------------------------------------------------
 */

/* Twice the mean ranks, whole numbers, in the order of |d|; `ties` is the sum of t^3 - t over groups of t equal ones. */
struct ranked { size_t n, *twice; bool *positive; double ties; };

static int by_size(const void *a, const void *b)
{
  double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x > y) - (x < y);
}

static struct ranked rank_differences(const double *d, size_t n)
{
  double *x = grab(n, sizeof *x);
  struct ranked r = {0};
  for (size_t i = 0; i < n; i++)
    if (d[i] != 0) x[r.n++] = d[i];
  qsort(x, r.n, sizeof *x, by_size);
  r.twice = grab(r.n, sizeof *r.twice);
  r.positive = grab(r.n, sizeof *r.positive);
  for (size_t i = 0, end; i < r.n; i = end) {
    for (end = i; end < r.n && fabs(x[end]) <= fabs(x[i]); end++) {}
    double equal = (double)(end - i);
    r.ties += equal * equal * equal - equal;
    for (size_t k = i; k < end; k++) r.twice[k] = i + 1 + end, r.positive[k] = x[k] > 0;
  }
  free(x);
  return r;
}

static size_t twice_w_plus(const struct ranked *r)
{
  size_t w = 0;
  for (size_t i = 0; i < r->n; i++) w += r->positive[i] ? r->twice[i] : 0;
  return w;
}

/* P(W+ <= w) for the smaller tail, doubled. chance[s]: that the ranks with a plus, so far, add up to s. */
static double exact_p(const struct ranked *r)
{
  size_t most = 0, w = twice_w_plus(r);
  for (size_t i = 0; i < r->n; i++) most += r->twice[i];
  double *chance = grab(most + 1, sizeof *chance), tail = 0;
  chance[0] = 1;
  for (size_t i = 0; i < r->n; i++)
    for (size_t s = most + 1; s-- > 0;)
      chance[s] = (chance[s] + (s >= r->twice[i] ? chance[s - r->twice[i]] : 0)) / 2;
  for (size_t s = 0, smaller = w < most - w ? w : most - w; s <= smaller; s++) tail += chance[s];
  free(chance);
  return fmin(1, 2 * tail);
}

/* Mean n (n + 1) / 4, variance n (n + 1) (2 n + 1) / 24 - ties / 48; half a step of continuity. */
static double normal_p(const struct ranked *r)
{
  double n = (double)r->n, mean = n * (n + 1) / 4, variance = n * (n + 1) * (2 * n + 1) / 24 - r->ties / 48;
  double off = fabs((double)twice_w_plus(r) / 2 - mean) - .5;
  if (r->n == 0) return 1;
  return off <= 0 ? 1 : fmin(1, 2 * gsl_cdf_ugaussian_Q(off / sqrt(variance)));
}

static void ranked_release(struct ranked *r)
{
  free(r->twice);
  free(r->positive);
}

struct signed_ranks wilcoxon(const double *d, size_t n)
{
  struct ranked r = rank_differences(d, n);
  struct signed_ranks out = {(double)twice_w_plus(&r) / 2, 1, r.n, r.n <= WILCOXON_EXACT};
  if (r.n) out.p = out.exact ? exact_p(&r) : normal_p(&r);
  ranked_release(&r);
  return out;
}

double wilcoxon_normal_p(const double *d, size_t n)
{
  struct ranked r = rank_differences(d, n);
  double p = normal_p(&r);
  ranked_release(&r);
  return p;
}

/* ---- Holm ---------------------------------------------------------------------------------------------------------
 */

struct placed { double p; size_t at; };

static int by_p(const void *a, const void *b)
{
  const struct placed *x = a, *y = b;
  if (x->p < y->p || x->p > y->p) return x->p < y->p ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

/* The k-th smallest (from 0) of m times (m - k), never below the one before it, at most 1. */
void holm(const double *p, size_t n, double *adjusted)
{
  struct placed *order = grab(n, sizeof *order);
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    adjusted[i] = NAN;
    if (!isnan(p[i])) order[m++] = (struct placed){p[i], i};
  }
  qsort(order, m, sizeof *order, by_p);
  double so_far = 0;
  for (size_t k = 0; k < m; k++) {
    so_far = fmax(so_far, fmin(1, (double)(m - k) * order[k].p));
    adjusted[order[k].at] = so_far;
  }
  free(order);
}

/* ---- control variates ---------------------------------------------------------------------------------------------
 */

/* Line through (c, y): value at c = mu, its variance s^2 (1/n + (c_mean - mu)^2 / S_cc) with s^2 = rest / (n - 2). */
struct controlled control_variate(const double *y, const double *c, size_t n, double mu, double confidence)
{
  struct moments my = moments_of(y, n), mc = moments_of(c, n);
  struct controlled out = {interval_t(y, n, confidence), NAN, NAN};
  if (n < 4 || mc.m2 <= 0 || isnan(mu)) return out;
  double cross = 0, rest = 0;
  for (size_t i = 0; i < n; i++) cross += (c[i] - mc.mean) * (y[i] - my.mean);
  double slope = cross / mc.m2, off = mc.mean - mu;
  for (size_t i = 0; i < n; i++) {
    double e = y[i] - my.mean - slope * (c[i] - mc.mean);
    rest += e * e;
  }
  double variance = rest / (double)(n - 2) * (1 / (double)n + off * off / mc.m2);
  double value = my.mean - slope * off, half = student_t((double)(n - 2), confidence) * sqrt(variance);
  out.interval = (struct interval){value, value - half, value + half, n, "control"};
  out.slope = slope;
  out.variance_ratio = variance > 0 ? moments_variance(&my) / (double)n / variance : NAN;
  return out;
}

/* ---- quantiles ----------------------------------------------------------------------------------------------------
 */

/* Both ends need q^n <= e and (1 - q)^n <= e with half the error e (interval_order). Check: q = .99, 95 %: 368. */
size_t order_needs(double q, double confidence)
{
  double rarer = fmax(q, 1 - q);
  return rarer <= 0 || rarer >= 1 ? SIZE_MAX : (size_t)ceil(log((1 - confidence) / 2) / log(rarer));
}

/* ---- when to stop -------------------------------------------------------------------------------------------------
 */

static size_t best_of(const double *const *x, size_t k, size_t n, int better)
{
  size_t best = 0;
  double leads = INFINITY;
  for (size_t i = 0; i < k; i++) {
    double mean = moments_of(x[i], n).mean, cost = better > 0 ? -mean : mean;
    if (cost < leads) best = i, leads = cost;
  }
  return best;
}

static bool is_narrow(struct interval i, double allowed)
{
  return (i.hi - i.lo) / 2 <= allowed;                  /* false for NaN */
}

bool precise_enough(const double *const *x, size_t k, size_t n, double half_width, int better)
{
  if (k == 0 || n < 2) return false;
  size_t best = best_of(x, k, n, better);
  double allowed = half_width * fabs(moments_of(x[best], n).mean);
  if (k == 1) return is_narrow(interval_t(x[0], n, .95), allowed);
  double family = (double)(k * (k - 1) / 2);
  for (size_t i = 0; i < k; i++)
    if (i != best && !is_narrow(interval_paired_t(x[i], x[best], n, 1 - .05 / family), allowed)) return false;
  return true;
}
