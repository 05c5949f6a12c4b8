/* identity.h: what makes two runs the same run.
 *
 * XXH3-128 of the effective scenario (without name, replications, policies, output, labels), the one policy entry, the
 * bytes of every file that they name, seed, replication and model version. Points, threads, paths and output options
 * are not part of it.
 */
#ifndef OFFSIM_EXPERIMENTS_IDENTITY_H
#define OFFSIM_EXPERIMENTS_IDENTITY_H

#include "scenarios/scenario.h"
#include "sim/hash.h"

/* The part that all replications of a policy entry share. policy: index of scenario->policy; -1 = none. */
struct hash identity_base(const struct scenario *, int policy);
/* Its third part, the files, as the bytes that are hashed. Caller frees. */
char *identity_files(const struct scenario *, int policy, size_t *n);
struct hash identity_run(struct hash base, uint64_t seed, uint64_t replication);

#endif
