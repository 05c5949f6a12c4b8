/* host_lock.h: who writes into a folder.
 *
 * DIR/writer.lock holds the writer's machine and process and since when. On a folder of this machine flock decides, and
 * the file only says who has it. flock reaches other machines on some network file systems and not on others; a file that
 * is created exclusively does on all of them, and there it decides.
 */
#ifndef OFFSIM_ANALYSIS_STORE_HOST_LOCK_H
#define OFFSIM_ANALYSIS_STORE_HOST_LOCK_H

#include "sim/err.h"

#define HOST_LOCK_NAME "writer.lock"

/* The caller holds flock on the folder, so that processes of this machine take turns. What a process of this machine
 * left behind that is gone is taken over. *path is for host_lock_give; NULL where the file could not be made and does not
 * decide. False after adding to err. */
bool host_lock_take(const char *dir, bool decides, char **path, struct err *) MUST_USE;
void host_lock_give(char *path);                        /* NULL: nothing to do */
/* For who did not get flock: names the holder as far as it is known. Always false. */
bool host_lock_refuse(const char *dir, struct err *);

#endif
