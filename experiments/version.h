/* version.h: what this program is. Filled in by the Makefile; nothing here depends on date or host of the build. */
#ifndef OFFSIM_EXPERIMENTS_VERSION_H
#define OFFSIM_EXPERIMENTS_VERSION_H

#include <stdio.h>

const char *version_text(void);         /* semver: "0.1.0" */
const char *version_git(void);
const char *version_compiler(void);
const char *version_flags(void);
const char *version_prefix(void);       /* where `make install` puts things */
int version_abi(char *out, size_t size);/* of policies: "0.1" */
void version_print(FILE *);

#endif
