/* gp.c: text for gnuplot, and gnuplot itself. */
#include "analysis/gp.h"
#include "analysis/html.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CHARACTERS = 200, MAX_NAME = 64, MESSAGE_BYTES = 600 };

static void quote(struct text *t, const char *s, bool tick)
{
  text_put(t, "'");
  for (int k = 0; *s && k < MAX_CHARACTERS; k++) {
    const unsigned char *u = (const unsigned char *)s;
    size_t n = utf8_length(s);
    bool c1 = n == 2 && u[0] == 0xC2 && u[1] < 0xA0;    /* C1 control characters */
    if (n == 0 || *u < 0x20 || *u == 0x7F || c1) text_put(t, "?");
    else if (*s == '\'') text_put(t, "\xE2\x80\x99"); /* U+2019 */
    else if (*s == '%' && tick) text_put(t, "%%");
    else text_put_n(t, s, n);
    s += n ? n : 1;
  }
  text_put(t, "'");
}

void gp_text(struct text *t, const char *s) { quote(t, s, false); }
void gp_tick(struct text *t, const char *s) { quote(t, s, true); }

bool is_plain_name(const char *s)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t n = strlen(s);
  return n && n <= MAX_NAME && *s != '.' && *s != '-' && strspn(s, allowed) == n;
}

/* What gnuplot said, cut to one paragraph. */
static void report_failure(int messages, const char *script, struct err *err)
{
  char said[MESSAGE_BYTES + 1] = "";
  ssize_t n = pread(messages, said, MESSAGE_BYTES, 0);
  said[n > 0 ? n : 0] = 0;
  for (char *p = said; *p; p++)
    if ((unsigned char)*p < 0x20) *p = ' ';
  err_system(err, "gnuplot failed on %s: %s", script, said);
}

static int spawn_gnuplot(pid_t *child, const char *folder, const char *script, const char *image, int messages)
{
  struct text assignment = {0};
  text_add(&assignment, "image = '%s'", image);
  char *const argv[] = {"gnuplot", "-d", "-e", assignment.s, (char *)script, NULL};
  const char *path = getenv("PATH");
  struct text path_entry = {0};
  text_add(&path_entry, "PATH=%s", path ? path : "/usr/bin:/bin");
  char *const environment[] = {"HOME=/nonexistent", "LC_ALL=C.UTF-8", path_entry.s, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
  posix_spawn_file_actions_adddup2(&actions, messages, 1);
  posix_spawn_file_actions_adddup2(&actions, messages, 2);
  posix_spawn_file_actions_addchdir_np(&actions, folder);
  int failed = posix_spawnp(child, "gnuplot", &actions, NULL, argv, environment);
  posix_spawn_file_actions_destroy(&actions);
  free(path_entry.s);
  free(assignment.s);
  return failed;
}

bool gp_run(const char *folder, const char *script, const char *image, struct err *err)
{
  if (!is_plain_name(script) || !is_plain_name(image))
    return err_add(err, (struct where){0}, "'%s' cannot name a figure", script);
  int messages = memfd_create("gnuplot", MFD_CLOEXEC), status = 0;
  if (messages < 0) return err_system(err, "cannot start gnuplot: %s", strerror(errno));
  pid_t child;
  int failed = spawn_gnuplot(&child, folder, script, image, messages);
  bool ok = !failed;
  if (failed) err_system(err, "cannot start gnuplot: %s (it comes with `make deps`)", strerror(failed));
  while (ok && waitpid(child, &status, 0) < 0)
    if (errno != EINTR) ok = err_system(err, "lost gnuplot: %s", strerror(errno));
  if (ok && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
    report_failure(messages, script, err);
    ok = false;
  }
  close(messages);
  return ok;
}
