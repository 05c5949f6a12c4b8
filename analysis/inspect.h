/* inspect.h: where the time went, of one request or of the slowest ones. Reads traces. */
#ifndef OFFSIM_ANALYSIS_INSPECT_H
#define OFFSIM_ANALYSIS_INSPECT_H

#include "analysis/compare.h"

struct inspect_options {
  const char *klass, *policy, *against;                 /* NULL: every class; the baseline; none */
  double tail;                                          /* .99: slower than the 99th percentile */
  uint64_t request;
  bool replication_given; uint64_t replication;         /* default: the first one with a trace */
};
/* Time line of one request: its attempts with their phases, its decisions; then the same under `against`. */
bool inspect_request(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;
/* For each class: mean time by place and phase of the requests beyond the tail quantile and of those between the 45th
 * and the 55th percentile, over all traced replications; the difference, and its share of the whole difference. */
bool inspect_tail(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;
/* Critical paths of all requests of one traced run (`--replication`), as paths.h prints them. */
bool inspect_paths(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;

#endif
