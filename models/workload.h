/* workload.h: who asks, when, and with what attributes. The source of every request of a class.
 *
 * A source gives the requests of one class in order of time. It depends on (definition, seed, replication, class) only,
 * never on what happens to the requests; closed classes are the exception: the next request of a user follows the
 * answer to the last, and only its think time and attributes are drawn here.
 */
#ifndef OFFSIM_MODELS_WORKLOAD_H
#define OFFSIM_MODELS_WORKLOAD_H

#include "models/defs.h"
#include "sim/sim.h"

struct source;
/* klass is an index of def->klass. NULL after adding to err (trace file missing or malformed: file:line:column). */
struct source *source_new(const struct world_def *, int klass, const struct rng_root *, struct err *);
void source_free(struct source *);
/* The next arrival of an open class: its time, and from the trace or fit the values of the attributes that have no
 * distribution (written at their index in `attribute`). False at the end of the workload. */
bool source_next(struct source *, sim_time *at, double *attribute);
/* Closed classes: the think time before request number k of `user`. */
sim_time source_think(struct source *, uint64_t user, uint64_t k);
/* Fill the attributes that have a distribution, and difficulty, for request `id` of this class. */
void source_attributes(const struct source *, uint64_t id, double *attribute);
/* Rows of the trace used so far; 0 for others. */
uint64_t source_rows(const struct source *);
/* -1 no trace, 0 the original, 1 its fit. */
int source_is_fit(const struct source *);

/* What `offsim trace FILE` prints, and --fit writes. */
struct trace_facts {
  uint64_t rows, kept, ties; double span_s, rate_per_s, interarrival_cv, iod_60s;
  int n_columns; const char *column[16]; struct { double mean, min, max, q[9]; } stats[16];   /* q: 1 5 10 25 50 75 90 95 99 % */
};
bool trace_describe(const struct trace_def *, struct trace_facts *, struct arena *, struct err *) MUST_USE;
bool trace_fit(const struct trace_def *, struct workload_fit *, struct arena *, struct err *) MUST_USE;

#endif
