/* metrics.h: the numbers that describe one run, from its records.
 *
 * One metric is one function and one row of the table in metrics.c. Names, units and meaning: design section 8.
 */
#ifndef OFFSIM_ANALYSIS_METRICS_H
#define OFFSIM_ANALYSIS_METRICS_H

#include "analysis/budget.h"
#include "sim/stat.h"
#include <stdbool.h>
#include <stddef.h>

struct metrics;
struct metrics_setup {
  int n_classes, n_places;
  const char *const *class_name, *const *place_name;
  int n_links;
  const char *const *link_name;                         /* NULL: not told, as one of many in a topology */
  int n_zones, n_data;                                  /* n_data 0: nobody says what data are */
  const char *const *zone_name, *const *data_name;
  const double *slo_ttft_s, *slo_e2e_s, *slo_tpot_s;    /* per class; 0 = none */
  /* [class]; NULL: no class has a budget. cell_name: [class][(task x N_PATH_PHASES) + phase], "generate.queue" */
  bool fallbacks, answers;                              /* a task has such: tell how often, even if never */
  const struct budget *budget; const struct pipeline *pipeline; const char *const *const *cell_name;
};
struct metrics *metrics_new(const struct metrics_setup *);
void metrics_free(struct metrics *);
/* Only records with `measured` count. */
void metrics_request(struct metrics *, const struct request_record *);
void metrics_attempt(struct metrics *, const struct attempt_record *);

/* One value. class and place are "" for the whole run; of exposure they are a kind of data and a zone, of a budget's cells
 * place is task and phase. A value that does not exist (p99 of nothing) is NaN. */
struct metric_value { const char *metric, *klass, *place; double value; };
/* All values of the run. The array belongs to the metrics. */
size_t metrics_finish(struct metrics *, const struct run_summary *, const struct metric_value **values);
/* Latency sketch of the run for pooled quantiles; borrowed. */
struct quantiles *metrics_latency(struct metrics *);

/* What a metric is: for `describe metric.NAME`, axes and tables. better: -1 smaller, +1 larger, 0 neither. */
struct metric_info { const char *name, *unit, *doc; int better; bool per_class, per_place, engines_only; };
const struct metric_info *metric_find(const char *name);
size_t metric_names(const char *const **names);

#endif
