/* compare_stats.h: what a comparison says beyond its intervals; private to compare.c, effects.c and their tests.
 *
 * p values of every pair (paired t, and Wilcoxon's signed ranks, which needs no normal differences), adjusted by Holm over
 * one family: all pairs of secondary metrics of the whole run that know a better direction and differ somewhere. The
 * primary metric has its simultaneous intervals instead. Controls: see control_variate.
 */
#ifndef OFFSIM_ANALYSIS_COMPARE_STATS_H
#define OFFSIM_ANALYSIS_COMPARE_STATS_H

#include "analysis/compare.h"

/* Where a replication stands in a list, looked for from `near` outwards: lists are mostly in step. n: nowhere. */
size_t compare_find(const uint64_t *replication, size_t n, uint64_t wanted, size_t near);
void compare_refuse_tails(struct compared_policy *);    /* after the intervals, before a baseline is chosen */
void compare_add_controls(struct comparison *);         /* before pairs: no policies or metrics are added after it */
void compare_add_tests(struct comparison *);            /* after pairs */
void compare_add_trust(struct comparison *);            /* after compare_read_warmup */
/* One run into a pool, from its metrics: completed, latency_mean_s, latency_sd_s, latency_stretch_sd_s. */
void compare_pool_add(struct trust_pool *, double completed, double mean_s, double sd_s, double stretch_sd_s);
/* 0 of a mean of latencies, the share of a latency quantile, NaN of metrics that runs tell nothing about. */
double compare_trusted_quantile(const char *metric);
/* Means over the runs of a policy. The trust of its latencies so far, and what the utilization of the place makes of it
 * (trust_queue): of a place of the resolved scenario that has plain servers and makes a tenth of the latency by waiting. */
struct place_use { const char *place; uint64_t runs; double utilization, attempts, wait_s, latency_s, completed; };
struct trust compare_place_trust(const json *resolved, const struct place_use *, struct trust so_far, double q);
void compare_read_warmup(struct comparison *);
/* E requests of a class ("" = of all) in the window: rate x duration where its arrivals are Poisson and `max_requests`
 * does not end the run; else NaN. */
double compare_expected_requests(const json *resolved, const char *klass);

#endif
