/* folder_rig.h: a folder for the files of a program's tests; it goes with them. */
#ifndef OFFSIM_TESTS_FOLDER_RIG_H
#define OFFSIM_TESTS_FOLDER_RIG_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/offsim-test-XXXXXX";

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

/* With the files in it; fails on a folder below, which no test makes. */
static int drop_folder(void **state)
{
  (void)state;
  DIR *d = opendir(folder);
  for (struct dirent *one; d && (one = readdir(d));) {
    char path[sizeof folder + 260];
    snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
    if (one->d_name[0] != '.')
      unlink(path);
  }
  if (d)
    closedir(d);
  return rmdir(folder);
}

#endif
