/* point.h: the points of a results folder.
 *
 * A point is one world: the scenario without policies, replications and seed. A call with other settings into the same
 * folder, or with an edited file, makes another point. Of each the catalogue keeps `factors`, what sets it apart, and
 * provenance under "point.N.": world, seed, base.POLICY, resolved, sources, files, call. "point.current" is the last
 * call's.
 */
#ifndef OFFSIM_EXPERIMENTS_POINT_H
#define OFFSIM_EXPERIMENTS_POINT_H

#include "analysis/store/catalog.h"
#include "scenarios/scenario.h"

/* What `run` was called with; NULL = not given. */
struct run_call { const char *file; const struct override *set; size_t n_sets; const char *policies, *replications, *seed; };

/* False when the folder holds runs of a scenario of another name. */
bool point_check_folder(const struct scenario *, struct catalog *, const char *dir, struct err *) MUST_USE;
/* The point of this scenario, made when the folder has none like it. */
bool point_settle(const struct scenario *, const struct run_call *, struct catalog *, uint64_t *point,
                  struct err *) MUST_USE;
/* Provenance of one point. */
bool point_put(struct catalog *, uint64_t point, const char *key, const char *value, struct err *) MUST_USE;

#endif
