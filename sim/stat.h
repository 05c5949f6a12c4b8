/* stat.h: statistics of one stream of numbers, and intervals over replications.
 *
 * Order of addition matters to the last bit of a floating-point sum, so nothing here is added in parallel.
 */
#ifndef OFFSIM_SIM_STAT_H
#define OFFSIM_SIM_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Mean and variance (Welford 1962). */
struct moments { uint64_t n; double mean, m2, min, max; };
static inline void moments_add(struct moments *m, double x)
{
  if (__builtin_expect(m->n == 0, 0))
    m->min = m->max = x;
  m->min = x < m->min ? x : m->min;
  m->max = x > m->max ? x : m->max;
  double off = x - m->mean;
  m->mean += off / (double)(int64_t)++m->n;
  m->m2 += off * (x - m->mean);
}
void moments_merge(struct moments *, const struct moments *other);      /* Chan et al. 1979 */
double moments_variance(const struct moments *);                        /* of the sample, n - 1; NaN below 2 */
double moments_sd(const struct moments *);

/* Time average of an integer level, exact: the area is a 128-bit integer of level x nanoseconds. */
struct level { int64_t value, since_ns, start_ns, max; __extension__ __int128 area; };
void level_start(struct level *, int64_t now_ns, int64_t value);        /* also forgets: use at the end of the warm-up */
void level_set(struct level *, int64_t now_ns, int64_t value);
double level_area_s(const struct level *, int64_t now_ns);              /* level x seconds since start */
double level_mean(const struct level *, int64_t now_ns);

/* Quantiles: exact up to 10^7 values, then a log-linear sketch with relative error <= 0.1 %. Infinite values are
 * allowed and rank last. quantile_of(0.95) is the order statistic of rank ceil(q n). NaN when empty. */
struct quantiles;
struct quantiles *quantiles_new(void);
void quantiles_free(struct quantiles *);
void quantiles_add(struct quantiles *, double x);
void quantiles_merge(struct quantiles *, const struct quantiles *other); /* independent of the order of merging */
uint64_t quantiles_n(const struct quantiles *);
double quantile_of(struct quantiles *, double q);
bool quantiles_exact(const struct quantiles *);
/* Byte form for catalogues; *size is set, caller frees. quantiles_load returns NULL on damaged bytes. */
void *quantiles_save(struct quantiles *, size_t *size);
/* The same as a sketch, however few there are: a few kB to some 10 kB. */
void *quantiles_save_sketch(const struct quantiles *, size_t *size);
struct quantiles *quantiles_load(const void *bytes, size_t size);

/* A two-sided confidence interval. `method` is a short constant word for tables: "t", "batch", "order", "wilson". */
struct interval { double value, lo, hi; uint64_t n; const char *method; };

double student_t(double degrees, double confidence);                    /* e.g. (9, .95) = 2.262157 */
struct interval interval_t(const double *x, size_t n, double confidence);
struct interval interval_paired_t(const double *x, const double *y, size_t n, double confidence);
struct interval interval_wilson(uint64_t hits, uint64_t n, double confidence);
struct interval interval_batch_means(const double *x, size_t n, size_t batches, double confidence);
struct interval interval_overlapping_batch_means(const double *x, size_t n, size_t batch, double confidence);
/* Of quantile q, from order statistics of the *sorted* sample (binomial ranks). */
struct interval interval_order(const double *sorted, size_t n, double q, double confidence);
/* MSER-5 (White 1997): how many of the first values to delete; at most n / 2 (then `*late` is set). */
size_t mser5(const double *x, size_t n, bool *late);

#endif
