/* journal.h: how a worker hands over its results: one file a worker, one entry a run, added at the end.
 *
 * An entry is a length, a hash and the run. What a crash left behind is read up to the last whole entry.
 */
#ifndef OFFSIM_ANALYSIS_STORE_JOURNAL_H
#define OFFSIM_ANALYSIS_STORE_JOURNAL_H

#include "analysis/store/catalog.h"

/* Add one run. A process that dies afterwards loses nothing; for a machine that dies, somebody must fdatasync. */
bool journal_add(int fd, const char *path, const struct catalog_run *, struct err *) MUST_USE;
/* Read the entry at *offset and step over it. NULL: there is no whole entry. Caller frees with journal_release. */
struct catalog_run *journal_next(int fd, int64_t *offset);
void journal_release(struct catalog_run *);
/* Identity and state of each entry, without reading the rest. */
typedef void journal_head_fn(void *context, const char *id, enum run_state, int64_t offset);
void journal_heads(int fd, journal_head_fn *, void *context);

#endif
