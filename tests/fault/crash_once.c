/* Planted, with LD_PRELOAD: a process that opens a journal for the third time, to add the result of its third run, dies
 * of a bad address there, once: the file named by CRASH_MARK is made by whoever is first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int open(const char *path, int flags, ...)
{
  static int (*real)(const char *, int, ...);
  static int opened;
  static pid_t whose;
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
  va_end(list);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "open");
  if (whose != getpid())
    whose = getpid(), opened = 0;
  if (strstr(path, "/journal/") && (flags & O_APPEND) && ++opened == 3
      && real(getenv("CRASH_MARK"), O_WRONLY | O_CREAT | O_EXCL, 0666) >= 0)
    raise(SIGSEGV);
  return real(path, flags, mode);
}
