/* columns.h: some columns of one trace group, as integers side by side. */
#ifndef OFFSIM_ANALYSIS_COLUMNS_H
#define OFFSIM_ANALYSIS_COLUMNS_H

#include "analysis/store/trace.h"

enum { MAX_COLUMNS = 24 };
struct columns { size_t n, rows; int64_t *at[MAX_COLUMNS]; };
/* Names like "requests/class"; all of one length. False after adding to err; columns_free is right in both cases. */
bool columns_load(struct columns *, struct trace_reader *, const char *const *names, size_t n, struct err *) MUST_USE;
void columns_free(struct columns *);
/* Names of a column's codes 0, 1, ...; the array is the caller's, the names the reader's. */
size_t column_names(struct trace_reader *, const char *column, const char ***names);

/* Of requests/status: was it answered? completed_ns alone does not tell: a failed request has the time when it failed. */
bool status_has_answer(int64_t status);

#endif
