/* catalog.h: the single truth of a results folder: catalog.sqlite (design section 7).
 *
 * STRICT tables study, point, run, point_run, metric, sketch, provenance; view v_runs: one wide row for each run of each
 * point. A run belongs to every point whose settings give it the same identity (point_run); run.point is the first of
 * them. Writing is done by one process; readers open read-only. Every value that is read back is owned by the catalogue
 * until catalog_close.
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

enum run_state { RUN_DONE, RUN_FAILED, RUN_QUARANTINED };       /* quarantined: failed, and not tried again by itself */
#define CATALOG_NO_POINT UINT64_MAX                     /* run.point of a run that the study has no more */
struct catalog_metric { const char *metric, *klass, *place; double value; };
struct catalog_run {
  char id[33];                                          /* identity in hex */
  uint64_t point, replication, seed;
  const char *policy, *kind, *study;                    /* entry name; policy | reference | bound */
  enum run_state state;
  const char *message;                                  /* of a failed run, else "" */
  int attempts;                                         /* of a run that was given up; 0: not counted. Only written */
  char trace_hash[33];
  const char *trace_file;                               /* relative to the folder; "" = none */
  char trace_file_hash[33];
  uint64_t events; double elapsed_s;
  size_t n_metrics; const struct catalog_metric *metric;
  const void *sketch; size_t sketch_bytes;              /* latency */
};
bool catalog_has(struct catalog *, const char *id, struct catalog_run *run_or_null);    /* state, hashes, file only */
bool catalog_is_done(struct catalog *, const char *id);
/* A run with its metrics; *found = there is one and it is done. */
bool catalog_get(struct catalog *, const char *id, struct catalog_run *, bool *found, struct err *) MUST_USE;
bool catalog_put(struct catalog *, const struct catalog_run *, struct err *) MUST_USE;  /* one transaction */
/* About what a run takes of the file, with its metrics and sketch; and what a catalogue without runs takes. */
double catalog_run_bytes(const struct catalog_run *);
double catalog_empty_bytes(void);
/* A result whose identity may be there already. An equal one is the same run (it may bring a trace); one with another
 * trace_hash or other metrics is a conflict: the first stays, and a note "conflict" of the run tells of the other. */
enum settled { SETTLED_NEW, SETTLED_SAME, SETTLED_CONFLICT };
bool catalog_settle(struct catalog *, const struct catalog_run *, enum settled *, struct err *) MUST_USE;
bool catalog_same_metrics(const struct catalog_run *, const struct catalog_run *);      /* in any order */
bool catalog_begin(struct catalog *, struct err *) MUST_USE;                            /* around many puts */
bool catalog_commit(struct catalog *, struct err *) MUST_USE;
void catalog_rollback(struct catalog *);                                                /* as before catalog_begin */
/* Scenario of a study: resolved JSON, identity hash, and text pairs of provenance. */
bool catalog_put_study(struct catalog *, const char *study, const char *resolved_json, struct err *) MUST_USE;
/* Policies are listed in the order in which they are first named here (or by catalog_put). */
bool catalog_put_policy(struct catalog *, const char *policy, struct err *) MUST_USE;
bool catalog_put_point(struct catalog *, uint64_t point, const char *factors_json, struct err *) MUST_USE;
/* The points of a study, which replace those of before: clear, then put each point and which runs it has, then number
 * the runs (run.point). overrides: JSON list of {path, value}. */
bool catalog_clear_points(struct catalog *, struct err *) MUST_USE;
bool catalog_put_study_point(struct catalog *, uint64_t point, const char *factors_json, const char *overrides_json,
                             struct err *) MUST_USE;
bool catalog_put_point_run(struct catalog *, uint64_t point, const char *run, struct err *) MUST_USE;
bool catalog_number_runs(struct catalog *, struct err *) MUST_USE;
const char *catalog_point_overrides(struct catalog *, uint64_t point);          /* NULL = none */
bool catalog_put_provenance(struct catalog *, const char *key, const char *value, struct err *) MUST_USE;
/* The same about one run: how it was asked for. */
bool catalog_put_note(struct catalog *, const char *run, const char *key, const char *value, struct err *) MUST_USE;
const char *catalog_note(struct catalog *, const char *run, const char *key);
const char *catalog_study_json(struct catalog *);       /* resolved scenario of the last study written */
const char *catalog_point_json(struct catalog *, uint64_t point);
uint64_t catalog_n_points(struct catalog *);
const char *catalog_provenance(struct catalog *, const char *key);      /* NULL = none */
/* The unit in which a factor's numbers are told; NULL = none. */
const char *catalog_factor_unit(struct catalog *, const char *factor);
bool catalog_put_factor_unit(struct catalog *, const char *factor, const char *unit, struct err *) MUST_USE;

/* How many runs of the study's points there are, by state; without reading them. */
void catalog_count(struct catalog *, uint64_t count[3]);
/* Runs of the study's points that failed or were given up, by policy: how many, and the first of them. */
typedef void catalog_failure_fn(void *context, const char *policy, uint64_t runs, const char *run, const char *message);
bool catalog_failures(struct catalog *, catalog_failure_fn *, void *context, struct err *) MUST_USE;
/* What is there of every run, in no order, also of those that belong to no point any more. */
struct catalog_brief {
  const char *id, *trace_file, *trace_file_hash, *policy;
  uint64_t point; enum run_state state; double elapsed_s; int attempts;
};
typedef void catalog_brief_fn(void *context, const struct catalog_brief *);
bool catalog_brief(struct catalog *, catalog_brief_fn *, void *context, struct err *) MUST_USE;
bool catalog_lock_held(const char *dir);                /* by another process: somebody writes */

/* Visit the runs of all points in order (point, policy in order of first naming, replication); run->point is the point
 * visited, so that a run of several points comes several times. Stop when the visitor returns false. */
typedef bool catalog_visit_fn(void *context, const struct catalog_run *);
bool catalog_runs(struct catalog *, bool with_metrics, catalog_visit_fn *, void *context, struct err *) MUST_USE;
/* The same of one point, without metrics and sketches; catalog_complete adds those of a run. */
bool catalog_runs_of(struct catalog *, uint64_t point, catalog_visit_fn *, void *context, struct err *) MUST_USE;
bool catalog_complete(struct catalog *, struct catalog_run *, struct err *) MUST_USE;

/* One metric of the whole run, or of a place ("" = none), for every run of every point it belongs to (NaN = it has none): of
 * a study, whose points may share runs. In order (point, policy, replication); `run` without metrics and sketch. */
typedef bool catalog_value_fn(void *context, uint64_t point, const struct catalog_run *run, double value);
bool catalog_values(struct catalog *, const char *metric, const char *place, catalog_value_fn *, void *context,
                    struct err *) MUST_USE;
typedef bool catalog_point_fn(void *context, uint64_t point, const char *factors_json);
bool catalog_points(struct catalog *, catalog_point_fn *, void *context, struct err *) MUST_USE;

const char *catalog_library(void);                      /* version of SQLite */

#endif
