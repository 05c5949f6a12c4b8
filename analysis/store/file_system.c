#include "analysis/store/file_system.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* Magic numbers as statfs(2), linux/magic.h and the vendors' headers have them. */
static const struct { unsigned long type; struct file_system is; } known[] = {
  {0xEF53, {"ext4", false}}, {0x9123683E, {"btrfs", false}}, {0x58465342, {"xfs", false}}, {0x01021994, {"tmpfs", false}},
  {0x794c7630, {"overlay", false}}, {0x2FC12FC1, {"zfs", false}}, {0xF2F52010, {"f2fs", false}},
  {0x6969, {"nfs", true}}, {0x0BD00BD0, {"lustre", true}}, {0x47504653, {"gpfs", true}}, {0x19830326, {"beegfs", true}},
  {0xFF534D42, {"cifs", true}}, {0xFE534D42, {"smb2", true}}, {0x517B, {"smb", true}}, {0x00C36400, {"ceph", true}},
  {0x5346414F, {"afs", true}}, {0x01021997, {"9p", true}}, {0x20030528, {"orangefs", true}}, {0x7461636f, {"ocfs2", true}},
  {0x01161970, {"gfs2", true}}, {0xAAD7AAEA, {"panfs", true}}, {0x65735546, {"fuse", false}}};

struct file_system file_system_of_type(unsigned long type)
{
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].type == type)
      return known[i].is;
  return (struct file_system){"other", false};
}

bool file_system_of(const char *dir, struct file_system *fs)
{
  struct statfs s;
  char path[4096];
  if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
    return false;
  while (statfs(*path ? path : ".", &s) != 0) {
    char *slash = strrchr(path, '/');
    if (!*path)
      return false;
    if (slash == path && path[1])
      path[1] = 0;
    else
      *(slash ? slash : path) = 0;
  }
  *fs = file_system_of_type((unsigned long)s.f_type & 0xFFFFFFFF);
  fs->network = fs->network || getenv("OFFSIM_NETWORK_FOLDER");
  return true;
}
