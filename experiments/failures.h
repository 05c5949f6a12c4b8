/* failures.h: which policies of a results folder failed, and why: for the summaries of `sweep` and `status`. */
#ifndef OFFSIM_EXPERIMENTS_FAILURES_H
#define OFFSIM_EXPERIMENTS_FAILURES_H

#include "analysis/store/catalog.h"
#include "sim/json.h"
#include <stdio.h>

/* A message in one line, without "error: " before it and what stands behind its first line. Caller frees. */
char *failure_line(const char *message);
/* "failed: NAME, 4 runs: REASON" for each; nothing where none failed. */
bool failures_print(struct catalog *, FILE *, struct err *) MUST_USE;
/* [{policy, runs, first, message}]; first: id of a run. NULL after adding to err. */
json *failures_json(struct catalog *, struct err *);

#endif
