/* spawn.h: another program by its arguments, never through a shell. */
#ifndef OFFSIM_EXPERIMENTS_SPAWN_H
#define OFFSIM_EXPERIMENTS_SPAWN_H

#include "sim/err.h"

enum { SPAWN_MISSING = 127 };
/* Runs argv (NULL at the end; found through PATH) in `folder` (NULL: here). *out: what it wrote to stdout, at most
 * 16 MiB; *said: to stderr; both the caller's, never NULL. The exit code; SPAWN_MISSING: there is no such program;
 * 128 + signal. */
int spawn_read(const char *const *argv, const char *folder, char **out, char **said);
bool spawn_find(const char *program, char *out, size_t size);   /* its file, by PATH; false: not there */

#endif
