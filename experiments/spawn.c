#include "experiments/spawn.h"
#include "analysis/text.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20 };
extern char **environ;

/* Signals that the caller holds back must not be held back in the program that it starts. */
static void use_default_signals(posix_spawnattr_t *attributes)
{
  sigset_t none, all;
  sigemptyset(&none);
  sigemptyset(&all);
  sigaddset(&all, SIGPIPE);
  posix_spawnattr_init(attributes);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int start(pid_t *child, const char *const *argv, const char *folder, int out, int said)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  use_default_signals(&attributes);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, said, 2);
  if (folder)
    posix_spawn_file_actions_addchdir_np(&actions, folder);
  int failed = posix_spawnp(child, argv[0], &actions, &attributes, (char *const *)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

static char *read_back(int fd)
{
  off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
  size_t n = end > MOST_BYTES ? MOST_BYTES : end > 0 ? (size_t)end : 0;
  char *text = grab(n + 1, 1);
  ssize_t got = n ? pread(fd, text, n, 0) : 0;
  text[got > 0 ? got : 0] = 0;
  return text;
}

int spawn_read(const char *const *argv, const char *folder, char **out, char **said)
{
  int to = memfd_create("out", MFD_CLOEXEC), messages = memfd_create("said", MFD_CLOEXEC), status = 0, code = 126;
  pid_t child;
  int failed = to < 0 || messages < 0 ? errno : start(&child, argv, folder, to, messages);
  if (failed == ENOENT)
    code = SPAWN_MISSING;
  if (!failed) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  *out = read_back(to);
  *said = failed ? grab_text(strerror(failed)) : read_back(messages);
  if (to >= 0)
    close(to);
  if (messages >= 0)
    close(messages);
  return code;
}

bool spawn_find(const char *program, char *out, size_t size)
{
  const char *path = getenv("PATH");
  while (path && *path) {
    size_t n = strcspn(path, ":");
    snprintf(out, size, "%.*s/%s", (int)n, path, program);
    if (access(out, X_OK) == 0)
      return true;
    path += n + (path[n] == ':');
  }
  return false;
}
