#include "analysis/store/host_lock.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct writer { char host[65]; long process; };

static struct writer this_writer(void)
{
  struct writer w = {.process = (long)getpid()};
  if (gethostname(w.host, sizeof w.host - 1) != 0 || !*w.host)
    strcpy(w.host, "unknown");
  return w;
}

/* False: there is one already, or errno. */
static bool create(const char *path, const struct writer *w)
{
  char line[128];
  int n = snprintf(line, sizeof line, "%s %ld\n", w->host, w->process);
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    return false;
  bool ok = write(fd, line, (size_t)n) == n && fsync(fd) == 0;
  int why = errno;
  close(fd);
  if (!ok)
    unlink(path);
  errno = why;
  return ok;
}

static bool read_writer(const char *path, struct writer *w)
{
  FILE *f = fopen(path, "r");
  bool ok = f && fscanf(f, "%64s %ld", w->host, &w->process) == 2;
  if (f)
    fclose(f);
  return ok;
}

static bool is_gone(const struct writer *other, const struct writer *self)
{
  return strcmp(other->host, self->host) == 0 && kill((pid_t)other->process, 0) != 0 && errno == ESRCH;
}

char *host_lock_take(const char *dir, struct err *err)
{
  char *path = NULL;
  struct writer self = this_writer(), other = {.host = "an unknown machine"};
  if (asprintf(&path, "%s/writer.lock", dir) < 0)
    return NULL;
  bool ok = create(path, &self);
  if (!ok && errno == EEXIST) {
    bool known = read_writer(path, &other);
    ok = known && is_gone(&other, &self) && unlink(path) == 0 && create(path, &self);
    if (!ok)
      err_system(err, "%s is locked: process %ld on %s writes into it (if it does so no more, remove %s)", dir, other.process,
                 other.host, path);
  } else if (!ok) {
    err_system(err, "cannot write %s: %s", path, strerror(errno));
  }
  if (ok)
    return path;
  free(path);
  return NULL;
}

void host_lock_give(char *path)
{
  if (path)
    unlink(path);
  free(path);
}
