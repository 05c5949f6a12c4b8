/* journals.h: from the journals of workers and shards into the catalogue. */
#ifndef OFFSIM_EXPERIMENTS_JOURNALS_H
#define OFFSIM_EXPERIMENTS_JOURNALS_H

#include "analysis/store/catalog.h"

/* keep: journals of shards ("s...") stay where they are, because they may still be written; they may be taken again. */
struct journals_options { bool keep; };
struct journals_report { size_t taken, same, failed, conflicts, metric_rows; };
/* All journals of a folder, each in one transaction, and then removed. A run that is done replaces a failed one; a
 * failed one replaces nothing. A conflict is said on stderr and counted. */
bool journals_take(const char *dir, struct catalog *, const struct journals_options *, struct journals_report *,
                   struct err *) MUST_USE;
/* traces/ and journal/ made; what a killed process was writing under no final name removed, unless shards may live. */
bool journals_prepare(const char *dir, bool shards_live, struct err *) MUST_USE;
/* Entries of the journals of shards by run_state that the catalogue does not have as done: for `status`. */
void journals_count(const char *dir, struct catalog *, uint64_t count[3]);
void journals_say_conflict(const struct catalog_run *);

#endif
