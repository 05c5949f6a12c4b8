/* trace.h: one run's records in one HDF5 file (design section 7), written as NAME.part and renamed when verified.
 *
 * Groups /requests, /attempts, /decisions, /transfers with equal-length 1-D columns, 64 Ki rows a chunk, shuffle and
 * deflate; /timeseries/<name>/{t,v}. Nothing in the file depends on time or host: same run, same bytes.
 */
#ifndef OFFSIM_ANALYSIS_STORE_TRACE_H
#define OFFSIM_ANALYSIS_STORE_TRACE_H

#include "models/record.h"
#include "sim/err.h"
#include "sim/hash.h"

struct trace_setup {
  int n_classes, n_places, n_zones, n_links;
  const char *const *class_name, *const *place_name, *const *zone_name, *const *link_name;
  const char *const *const *task_name; const int *n_tasks;              /* [class][task] */
  int n_variants; const char *const *variant_name;                      /* of the world; records without one: 255 */
  /* union over classes; columns of /requests */
  int n_attributes; const char *const *attribute_name, *const *attribute_unit;
  const int *const *attribute_column;                                   /* [class][attribute] -> column */
  int n_features; const char *const *feature_name, *const *feature_unit;
  bool transfers;
  const bool *place_idle;                                               /* executes nothing: no time series; NULL: all do */
  const char *pipelines;                                                /* JSON, as analysis/paths.h reads it; NULL: none */
};
struct trace_writer;
/* What setup points to must outlive the writer. */
struct trace_writer *trace_create(const char *path, const struct trace_setup *, struct err *);
void trace_request(struct trace_writer *, const struct request_record *, const double *attribute, int n_attributes);
void trace_attempt(struct trace_writer *, const struct attempt_record *);
void trace_decision(struct trace_writer *, const struct decision_record *);
void trace_transfer(struct trace_writer *, const struct transfer_record *);
void trace_sample(struct trace_writer *, int64_t at_ns, const struct place_sample *, int n_places);
/* Flush, close, reopen, verify, hash, fsync, rename. False: nothing stands under the final name. Frees the writer. */
bool trace_commit(struct trace_writer *, struct hash *file_hash, uint64_t *bytes, struct err *) MUST_USE;
void trace_abandon(struct trace_writer *);

/* Reading: columns as doubles (integers are converted; enums as their codes). */
struct trace_reader;
struct trace_reader *trace_open(const char *path, struct err *);
void trace_close(struct trace_reader *);
size_t trace_rows(const struct trace_reader *, const char *group);
/* "requests/arrived_ns": caller frees the array of trace_rows values. NULL after adding to err. */
double *trace_column(struct trace_reader *, const char *column, size_t *n, struct err *);
int64_t *trace_column_int(struct trace_reader *, const char *column, size_t *n, struct err *);
/* Name of an enum code in a column, e.g. status; NULL = no enum. Valid until trace_close. */
const char *trace_enum_name(struct trace_reader *, const char *column, int64_t code);
/* A text of the whole file, e.g. "pipelines"; NULL: it has none. Caller frees. */
char *trace_text(const struct trace_reader *, const char *name);
size_t trace_columns(struct trace_reader *, const char *group, const char *const **names);
bool trace_verify(const char *path, struct hash expected, struct err *) MUST_USE;

/* Tables of something else than a run (raw samples of a calibration), in the same form and with the same care. A column has
 * either real or whole numbers; names: the whole ones are codes of these. about: a text of the whole file. */
struct plain_column { const char *name, *unit, *doc; const double *real; const int64_t *whole; int n_names; const char *const *names; };
struct plain_table { const char *group; size_t rows; int n; const struct plain_column *column; };
bool tables_write(const char *path, const struct plain_table *, int n, const char *about, struct err *) MUST_USE;

void trace_library(char *out, size_t size);             /* "HDF5 1.10.8, libdeflate 1.14" */

#endif
