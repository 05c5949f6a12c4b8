/* scratch.c: memory and files of the kernels (scratch.h). */
#include "experiments/kernels/scratch.h"
#include "experiments/kernels/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, HUGE_PAGE = 2 << 20 };

void *scratch_memory(size_t size)
{
  bool large = size >= 2u * HUGE_PAGE;
  size_t boundary = large ? HUGE_PAGE : LINE, whole = (size / boundary + 1) * boundary;
  void *out = aligned_alloc(boundary, whole);
  if (!out) return NULL;
#ifdef MADV_HUGEPAGE
  if (large) madvise(out, whole, MADV_HUGEPAGE);
#endif
  return memset(out, 0, whole);
}

bool scratch_why(char *why, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  vsnprintf(why, KERNEL_WHY, format, list);
  va_end(list);
  return false;
}

const char *scratch_folder(void)
{
  const char *asked = getenv("TMPDIR");
  if (asked && *asked) return asked;
  return access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

bool scratch_named(char *path, size_t size, char *why)
{
  const char *folder = scratch_folder();
  if ((size_t)snprintf(path, size, "%s/offsim-kernels-XXXXXX", folder) >= size) return scratch_why(why, "TMPDIR is too long a name");
  int file = mkstemp(path);
  if (file < 0) return scratch_why(why, "no file can be made in %.80s: %s", folder, strerror(errno));
  close(file);
  return true;
}

int scratch_file(char *why)
{
  char path[512];
  if (!scratch_named(path, sizeof path, why)) return -1;
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) scratch_why(why, "%.80s: %s", path, strerror(errno));
  unlink(path);
  return file;
}

double scratch_now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
