/* workload.h: who asks, when, and with what attributes. The source of every request of a class.
 *
 * A source gives the requests of one class in order of time. It depends on (definition, seed, replication, class) only,
 * never on what happens to the requests; closed classes are the exception: the next request of a user follows the
 * answer to the last, and only its think time and attributes are drawn here.
 *
 * Modulated arrivals (MMPP, on/off, piecewise, fitted) are one process: gaps of mean 1 in operational time
 * Lambda(t) = integral of the rate, inverted piece by piece (Cinlar 1975); exponential gaps make it Poisson, exactly.
 */
#ifndef OFFSIM_MODELS_WORKLOAD_H
#define OFFSIM_MODELS_WORKLOAD_H

#include "models/defs.h"
#include "sim/arena.h"
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
/* Conversations: source_next gives when the next one begins; its turns; source_think(its number, k) the time before turn
 * k + 1. */
uint64_t source_turns(const struct source *, uint64_t session);
/* Fill the attributes that have a distribution, and difficulty, for request `id` of this class. */
void source_attributes(const struct source *, uint64_t id, double *attribute);
/* Rows of the trace used so far; 0 for others. */
uint64_t source_rows(const struct source *);
/* -1 no trace, 0 the original, 1 its fit. */
int source_is_fit(const struct source *);

/* ---- traces ------------------------------------------------------------------------------------------------------ */

/* A trace as read: times from 0, values in the def's order of columns, times its scales. The options act in this order:
 * origin, slice (its start becomes 0), where, missing, max_gap, spread_ties, rate. Reading ends with the slice. */
struct trace_table {
  uint64_t rows_read, n;                                /* n: kept */
  uint64_t ties;                                        /* kept rows with the time of the one before; not spread */
  const sim_time *at;
  sim_time span, period;                                /* last time; span plus one mean gap, the way round */
  int n_columns; const double *const *column;
};
enum { TRACE_VALUES_MAX = 100000000 };                  /* more are refused: (1 + columns) * rows */

/* Read the file of the definition; all memory is the arena's. Load once before the runs and keep it in def->table.
 * NULL after adding what is malformed (file:line:column). */
const struct trace_table *trace_load(const struct trace_def *, struct arena *, struct err *);
/* Fill what is not set: format from the name, time column and its unit from the header and first row, columns (all that
 * hold numbers) when there are none. The file must be set. */
bool trace_guess(struct trace_def *, struct arena *, struct err *) MUST_USE;

/* Any other table: columns of numbers or of text by their names, every cell there. All memory is the arena's; NULL after
 * adding what is malformed. */
struct table_column { const char *name; bool text; };
struct table {
  uint64_t n; int n_columns;
  double **number; const char ***text;                  /* [column][row] */
  int *line, **at;                                      /* where a row stands, and its cells: columns of the text, from 1 */
};
const struct table *table_load(const char *path, enum trace_format, const struct table_column *, int n_columns,
                               struct arena *, struct err *);
/* Which of these columns the header of a table names; any other is refused. False after adding to err. */
bool table_header(const char *path, enum trace_format, const struct table_column *, int n_columns, bool *has, struct err *);

/* What `offsim trace FILE` prints, and --fit writes. */
enum { TRACE_QUANTILES = 9 };
extern const double trace_quantile[TRACE_QUANTILES];    /* .01 .05 .10 .25 .50 .75 .90 .95 .99 */
struct trace_facts {
  uint64_t rows, kept, ties; double span_s, rate_per_s, interarrival_cv, iod_60s, min_rate_60s, max_rate_60s;
  int n_columns; const char *column[16]; struct { double mean, cv, min, max, q[TRACE_QUANTILES]; } stats[16];
};
bool trace_describe(const struct trace_def *, struct trace_facts *, struct arena *, struct err *) MUST_USE;

/* ---- fitted workloads --------------------------------------------------------------------------------------------- *
 *
 * The preset file of a fit (scenarios/presets/workloads/NAME.yaml), written by fit_write:
 *
 *   kind: workload      name: NAME      doc: text with the licence
 *   sources:
 *     all: {source: text, year: integer, grade: M}
 *   value:
 *     span: T s         bin: T s              rate_per_s: [number ...]        one a bin
 *     interarrival_scv: number
 *     gap_probability: [number ...]           gap: [number ...]               in units of the mean gap; or neither
 *     columns: [name ...]                     whole: [true|false ...]
 *     mix_every: T s                          mix: [[number ...] ...]         one row a time, one number a stratum
 *     probability: [number ...]               quantile: [[[number ...] ...] ...]  [stratum][column][k]
 *     correlation: [[number ...] ...]                                         of normal scores in the strata
 *
 * Without columns, the keys from `whole` on are missing.
 */
bool trace_fit(const struct trace_def *, struct workload_fit *, struct arena *, struct err *) MUST_USE;
/* Check what a preset said (sizes are the reader's business; here: ranges, order, sums) and make the Cholesky factor of
 * `correlation` (n_columns^2, row major; NULL = none). */
bool fit_finish(struct workload_fit *, const double *correlation, struct arena *, struct where, struct err *) MUST_USE;
/* The preset as text. `stream` is the caller's. */
void fit_write(const struct workload_fit *, FILE *stream);

#endif
