/* host_lock.h: who writes into a folder that several machines see.
 *
 * flock reaches other machines on some network file systems and not on others. A file that is created exclusively does on
 * all of them: DIR/writer.lock holds the writer's machine and process.
 */
#ifndef OFFSIM_ANALYSIS_STORE_HOST_LOCK_H
#define OFFSIM_ANALYSIS_STORE_HOST_LOCK_H

#include "sim/err.h"

/* The caller holds flock on the folder, so that processes of this machine take turns. What a process of this machine
 * left behind that is gone is taken over. The path, for host_lock_give; NULL after adding to err. */
char *host_lock_take(const char *dir, struct err *);
void host_lock_give(char *path);                        /* NULL: nothing to do */

#endif
