#include "analysis/store/host_lock.h"
#include "sim/check.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct writer { char host[65], since[32]; long process; };

static struct writer this_writer(void)
{
  struct writer w = {.process = (long)getpid()};
  struct tm utc;
  time_t now = time(NULL);
  if (gethostname(w.host, sizeof w.host - 1) != 0 || !*w.host)
    strcpy(w.host, "unknown");
  if (gmtime_r(&now, &utc))
    strftime(w.since, sizeof w.since, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return w;
}

static char *path_of(const char *dir)
{
  char *path = NULL;
  if (asprintf(&path, "%s/" HOST_LOCK_NAME, dir) < 0)
    check_out_of_memory(strlen(dir));
  return path;
}

/* False: there is one already, or errno. */
static bool create(const char *path, const struct writer *w, bool safely)
{
  char line[160];
  int n = snprintf(line, sizeof line, "%s %ld %s\n", w->host, w->process, w->since);
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    return false;
  bool ok = write(fd, line, (size_t)n) == n && (!safely || fsync(fd) == 0);
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
  int n = f ? fscanf(f, "%64s %ld %31s", w->host, &w->process, w->since) : 0;
  if (f)
    fclose(f);
  if (n < 3)
    strcpy(w->since, "an unknown time");
  return n >= 2;
}

static bool is_gone(const struct writer *other, const struct writer *self)
{
  return strcmp(other->host, self->host) == 0 && kill((pid_t)other->process, 0) != 0 && errno == ESRCH;
}

static bool refuse(const char *dir, const struct writer *w, const char *advice, const char *path, struct err *err)
{
  return err_system(err, "%s is locked: process %ld on %s has been writing into it since %s%s%s%s", dir, w->process,
                    w->host, w->since, advice, path, *advice ? ")" : "");
}

/* The file decides: it must be made, or what is there be of a process that is gone. */
static bool take_over(const char *dir, const char *path, const struct writer *self, struct err *err)
{
  struct writer other = {.host = "an unknown machine"};
  if (errno != EEXIST)
    return err_system(err, "cannot write %s: %s", path, strerror(errno));
  bool known = read_writer(path, &other);
  if (known && is_gone(&other, self) && unlink(path) == 0 && create(path, self, true))
    return true;
  return refuse(dir, &other, " (if it does so no more, remove ", path, err);
}

bool host_lock_take(const char *dir, bool decides, char **path, struct err *err)
{
  struct writer self = this_writer();
  *path = path_of(dir);
  if (!decides)
    unlink(*path);                                      /* of one that was killed: flock says that nobody writes */
  if (create(*path, &self, decides) || (decides && take_over(dir, *path, &self, err)))
    return true;
  free(*path);
  *path = NULL;
  return !decides;
}

bool host_lock_refuse(const char *dir, struct err *err)
{
  struct writer self = this_writer(), other;
  char *path = path_of(dir);
  bool known = read_writer(path, &other) && !is_gone(&other, &self);
  free(path);
  return known ? refuse(dir, &other, "", "", err)
               : err_system(err, "%s is locked: another process is writing into it", dir);
}

void host_lock_give(char *path)
{
  if (path)
    unlink(path);
  free(path);
}
