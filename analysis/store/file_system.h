/* file_system.h: on what kind of file system a folder lies. */
#ifndef OFFSIM_ANALYSIS_STORE_FILE_SYSTEM_H
#define OFFSIM_ANALYSIS_STORE_FILE_SYSTEM_H

#include <stdbool.h>

/* network: other machines may write there, and locks and shared memory need not reach them. A kind that is not known is
 * taken for local, unless OFFSIM_NETWORK_FOLDER is set (FUSE does not tell what is behind it). */
struct file_system { const char *name; bool network; };
/* Of the folder, or of the nearest folder above that exists. False: cannot be told. */
bool file_system_of(const char *dir, struct file_system *);
struct file_system file_system_of_type(unsigned long f_type);   /* statfs(2) */

#endif
