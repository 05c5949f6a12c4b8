/* bench.h: the measurements of `offsim bench`. A new one is one function and one row of the table in bench.c. */
#ifndef OFFSIM_EXPERIMENTS_BENCH_H
#define OFFSIM_EXPERIMENTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The measured value in the row's unit; NaN when it cannot be measured here (the table says so, JSON has null). */
typedef double bench_fn(void);

/* CPU time of this process in ns. */
double cpu_time_ns(void);
/* Median of `repetitions` (at most 31) calls of `once(subject)`. */
double bench_median(int repetitions, double (*once)(void *subject), void *subject);
/* Where a file of bench/ is. */
struct arena;
const char *bench_path(struct arena *, const char *name);
/* A scenario of bench/; NULL after saying why when it is not there. */
struct scenario;
struct override;
struct scenario *load_bench(const char *file, const struct override *, size_t n);
/* Memory blocks asked for by this program's own code (malloc, calloc, realloc, aligned_alloc) so far; UINT64_MAX when
 * the program was linked without the counting wrappers. */
uint64_t bench_mallocs(void);

/* One run of a scenario's first policy, its trace into the file, or none; false after saying why. */
struct run_totals;
bool bench_run_once(const struct scenario *, const char *trace_file, struct run_totals *);

bench_fn bench_lindley, bench_mm1, bench_mm1_wait_error, bench_hold_1e3, bench_hold_1e5, bench_hold_1e6,
  bench_draw_exponential, bench_draw_normal, bench_draw_lognormal, bench_draw_fresh, bench_mallocs_per_event,
  bench_request_ns, bench_request_bytes, bench_worker_speedup, bench_trace_rows_per_s, bench_trace_bytes_per_row,
  bench_llm_batch4, bench_llm_batch36, bench_azure_conv_hour, bench_study_plan, bench_sweep_overhead, bench_sweep_again, bench_status, bench_merge,
  bench_cache_1e3, bench_cache_1e4, bench_cache_1e5, bench_cache_1e6, bench_cache_growth,
  bench_decision_host, bench_decision_threshold, bench_decision_linucb8,
  bench_flow_update_10, bench_flow_update_100, bench_flow_update_1000, bench_flow_update_10000,
  bench_flow_growth_100, bench_flow_growth_1000, bench_flow_growth_10000,
  bench_route_100, bench_route_1000, bench_route_10000, bench_route_tree_100, bench_route_tree_1000, bench_route_tree_10000,
  bench_flows_one_link_5000, bench_flows_one_link_10000, bench_python_decisions;

/* A bar is met by a value as good as it. NaN, as bar or value, misses nothing. */
enum better { LOWER, HIGHER };
bool bench_missed(double value, double bar, enum better);

/* --big: how runs grow with the number of devices; false when one failed. */
bool bench_big(double devices, bool as_json, bool *missed);
void bench_big_help(void);
/* What a device and a request take of the peaks of three runs: two differ in requests alone. */
struct peak { double bytes, devices, requests; };
struct bytes_of { double device, request; };
struct bytes_of bench_big_bytes(const struct peak *all, const struct peak *half, const struct peak *few);

#endif
