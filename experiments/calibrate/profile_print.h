/* profile_print.h: a profile as people and programs read it. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_PRINT_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_PRINT_H

#include "scenarios/profile.h"

/* Both to stdout: what was measured where, and one row a kernel with its costs and errors; notes: what was unstable,
 * unavailable or failed, too. */
void profile_print_table(const struct profile *, bool notes);
void profile_print_json(const struct profile *);

#endif
