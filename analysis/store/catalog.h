/* catalog.h: the single truth of a results folder: catalog.sqlite (design section 7).
 *
 * STRICT tables study, point, run, metric, sketch, provenance; view v_runs: one wide row a run. Writing is done by one
 * process; readers open read-only. Every value that is read back is owned by the catalogue until catalog_close.
 */
#ifndef OFFSIM_ANALYSIS_STORE_CATALOG_H
#define OFFSIM_ANALYSIS_STORE_CATALOG_H

#include "sim/err.h"
#include "sim/hash.h"
#include <stdint.h>

struct catalog;
enum catalog_mode { CATALOG_READ, CATALOG_WRITE };      /* WRITE creates what is missing, locks the folder */
struct catalog *catalog_open(const char *dir, enum catalog_mode, struct err *);
void catalog_close(struct catalog *);

enum run_state { RUN_DONE, RUN_FAILED };
struct catalog_metric { const char *metric, *klass, *place; double value; };
struct catalog_run {
  char id[33];                                          /* identity in hex */
  uint64_t point, replication, seed;
  const char *policy, *kind, *study;                    /* entry name; policy | reference | bound */
  enum run_state state;
  const char *message;                                  /* of a failed run, else "" */
  char trace_hash[33];
  const char *trace_file;                               /* relative to the folder; "" = none */
  char trace_file_hash[33];
  uint64_t events; double elapsed_s;
  size_t n_metrics; const struct catalog_metric *metric;
  const void *sketch; size_t sketch_bytes;              /* latency */
};
bool catalog_has(struct catalog *, const char *id, struct catalog_run *run_or_null);    /* state, hashes, file only */
bool catalog_put(struct catalog *, const struct catalog_run *, struct err *) MUST_USE;  /* one transaction */
bool catalog_begin(struct catalog *, struct err *) MUST_USE;                            /* around many puts */
bool catalog_commit(struct catalog *, struct err *) MUST_USE;
/* Scenario of a study: resolved JSON, identity hash, and text pairs of provenance. */
bool catalog_put_study(struct catalog *, const char *study, const char *resolved_json, struct err *) MUST_USE;
/* Policies are listed in the order in which they are first named here (or by catalog_put). */
bool catalog_put_policy(struct catalog *, const char *policy, struct err *) MUST_USE;
bool catalog_put_point(struct catalog *, uint64_t point, const char *factors_json, struct err *) MUST_USE;
bool catalog_put_provenance(struct catalog *, const char *key, const char *value, struct err *) MUST_USE;
/* The same about one run: how it was asked for. */
bool catalog_put_note(struct catalog *, const char *run, const char *key, const char *value, struct err *) MUST_USE;
const char *catalog_note(struct catalog *, const char *run, const char *key);
const char *catalog_study_json(struct catalog *);       /* resolved scenario of the last study written */
const char *catalog_point_json(struct catalog *, uint64_t point);
const char *catalog_provenance(struct catalog *, const char *key);      /* NULL = none */

/* Visit runs in order (point, policy in order of first naming, replication). Stop when the visitor returns false. */
typedef bool catalog_visit_fn(void *context, const struct catalog_run *);
bool catalog_runs(struct catalog *, bool with_metrics, catalog_visit_fn *, void *context, struct err *) MUST_USE;

/* One metric of the whole run (NaN = it has none) for every run of every point it belongs to: of a study, whose points may
 * share runs. In order (point, policy, replication); `run` without metrics and sketch. */
typedef bool catalog_value_fn(void *context, uint64_t point, const struct catalog_run *run, double value);
bool catalog_values(struct catalog *, const char *metric, catalog_value_fn *, void *context, struct err *) MUST_USE;
typedef bool catalog_point_fn(void *context, uint64_t point, const char *factors_json);
bool catalog_points(struct catalog *, catalog_point_fn *, void *context, struct err *) MUST_USE;

const char *catalog_library(void);                      /* version of SQLite */

#endif
