/* inspect.h: where the time went, of one request or of the slowest ones. Reads traces. */
#ifndef OFFSIM_ANALYSIS_INSPECT_H
#define OFFSIM_ANALYSIS_INSPECT_H

#include "analysis/compare.h"

struct inspect_options {
  const char *klass, *policy, *against;                 /* NULL: every class; the baseline; none */
  double tail;                                          /* .99: slower than the 99th percentile */
  uint64_t request;
  bool replication_given; uint64_t replication;         /* default: the first one with a trace */
  bool json;
};
/* Time line of one request: its critical path, its attempts with their phases, its decisions; then the same under
 * `against`. */
bool inspect_request(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;
/* Why the tail quantile of each class is what it is, over all traced replications (inspect_tail.c). */
bool inspect_tail(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;
/* Critical paths of all requests of one traced run (`--replication`), as paths.h prints them. */
bool inspect_paths(const struct comparison *, const struct inspect_options *, FILE *, struct err *) MUST_USE;

/* The policy of that name (NULL: the baseline, else the first), or NULL after adding to err. */
const struct compared_policy *inspect_policy(const struct comparison *, const char *name, struct err *);
/* The trace of a replication of it and its number; NULL after adding to err. */
const char *inspect_trace(const struct compared_policy *, const struct inspect_options *, uint64_t *replication, struct err *);

#endif
