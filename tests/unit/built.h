/* built.h: plug-ins that were built beside the test programs. */
#ifndef OFFSIM_TESTS_BUILT_H
#define OFFSIM_TESTS_BUILT_H

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* BUILD/<folder>/NAME.so, beside this program's own folder. */
static inline char *built(const char *folder, const char *name, char path[PATH_MAX])
{
  char self[PATH_MAX / 2] = {0};
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(path, PATH_MAX, "%s/../%s/%s.so", dirname(self), folder, name);
  return path;
}

#endif
