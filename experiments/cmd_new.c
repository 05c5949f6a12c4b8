/* cmd_new.c: `offsim new [--from NAME] FILE`: a copy of a shipped scenario to start from. Never overwrites. */
#include "experiments/commands.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


static const char *find_shipped(struct arena *a, const char *name)
{
  static const char *const folders[] = {"", "scenarios/"};
  for (size_t i = 0; i < 2 && !strchr(name, '/'); i++) {
    const char *path = arena_printf(a, "%s/%s%s.yaml", share_folder(a), folders[i], name);
    if (!access(path, R_OK))
      return path;
  }
  return NULL;
}

static int copy(const char *from, const char *to)
{
  static const char problem[] = "new: cannot write %s: %s\n";
  char bytes[65536];
  size_t n;
  FILE *in = fopen(from, "r");
  if (!in) {
    fprintf(stderr, "new: cannot read %s: %s\n", from, strerror(errno));
    return EXIT_SYSTEM;
  }
  int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    bool there = errno == EEXIST;
    fprintf(stderr, there ? "new: %s exists; it is not overwritten\n" : problem, to, strerror(errno));
    fclose(in);
    return there ? EXIT_USER : EXIT_SYSTEM;
  }
  bool ok = true;
  while (ok && (n = fread(bytes, 1, sizeof bytes, in)) > 0)
    ok = write(fd, bytes, n) == (ssize_t)n;
  ok &= !ferror(in) && !fsync(fd);
  if (!ok)
    fprintf(stderr, problem, to, strerror(errno));
  if (close(fd) || !ok)
    unlink(to);
  fclose(in);
  return ok ? EXIT_OK : EXIT_SYSTEM;
}

int cmd_new(int argc, char **argv)
{
  const char *from = "minimal", *file = NULL;
  bool bad = false;
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--from") && i + 1 < argc)
      from = argv[++i];
    else if (argv[i][0] == '-' || file)
      bad = true;
    else
      file = argv[i];
  if (bad || !file) {
    fprintf(stderr, "usage: offsim new [--from NAME] FILE\n");
    return EXIT_USER;
  }
  struct arena *a = arena_new();
  const char *shipped = find_shipped(a, from);
  int code = EXIT_USER;
  if (shipped)
    code = copy(shipped, file);
  else
    fprintf(stderr, "new: no shipped scenario '%s' in %s; minimal, edge-rag-small and city-llm are there\n", from,
            share_folder(a));
  if (code == EXIT_OK)
    printf("%s: a copy of '%s'; next: offsim check %s\n", file, from, file);
  arena_free(a);
  return code;
}
