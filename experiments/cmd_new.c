/* cmd_new.c: `offsim new [--from NAME] FILE`: a copy of a shipped scenario to start from. Never overwrites. */
#include "experiments/commands.h"
#include "experiments/new_file.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

#include <ctype.h>
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

/* The stem of a path with what an id may not have made into '-': the new scenario's name, and its results folder's. */
static const char *stem(struct arena *a, const char *path)
{
  const char *slash = strrchr(path, '/');
  char *name = arena_strdup(a, slash ? slash + 1 : path), *dot = strrchr(name, '.');
  if (dot && dot != name) *dot = 0;
  for (char *c = name; *c; c++)
    if (!strchr("-._", *c) && !isalnum((unsigned char)*c)) *c = '-';
  return *name && strlen(name) <= 64 ? name : "scenario";
}

/* Shipped scenarios are small; the text comes back with a NUL. */
char *new_file_read(struct arena *a, const char *path)
{
  enum { LARGEST = 1 << 20 };
  char *text = arena_alloc(a, LARGEST + 1);
  FILE *in = fopen(path, "r");
  if (!in) return NULL;
  size_t n = fread(text, 1, LARGEST, in);
  text[n] = 0;
  bool ok = !ferror(in) && feof(in);
  fclose(in);
  return ok ? text : NULL;
}

/* The text with its own name in the place of the shipped one. */
static const char *renamed(struct arena *a, char *text, const char *name)
{
  char *at = strstr(text, "\nname: ");
  if (!at) return text;
  char *rest = strchr(at + 1, '\n');
  *at = 0;
  return arena_printf(a, "%s\nname: %s%s", text, name, rest ? rest : "\n");
}

int new_file_write(const char *to, const char *text)
{
  static const char problem[] = "new: cannot write %s: %s\n";
  int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    bool there = errno == EEXIST;
    fprintf(stderr, there ? "new: %s exists; it is not overwritten\n" : problem, to, strerror(errno));
    return there ? EXIT_USER : EXIT_SYSTEM;
  }
  bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !fsync(fd);
  if (!ok) fprintf(stderr, problem, to, strerror(errno));
  if (close(fd) || !ok) unlink(to);
  return ok ? EXIT_OK : EXIT_SYSTEM;
}

static int copy(struct arena *a, const char *from, const char *to)
{
  char *text = new_file_read(a, from);
  if (text) return new_file_write(to, renamed(a, text, stem(a, to)));
  fprintf(stderr, "new: cannot read %s: %s\n", from, strerror(errno));
  return EXIT_SYSTEM;
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
    fprintf(stderr, "usage: offsim new [--from minimal|edge-rag-small|city-llm|llm-serving|serverless-vision] FILE\n");
    return EXIT_USER;
  }
  struct arena *a = arena_new();
  const char *shipped = find_shipped(a, from);
  int code = EXIT_USER;
  if (shipped)
    code = copy(a, shipped, file);
  else
    fprintf(stderr, "new: no shipped scenario '%s' in %s; minimal, edge-rag-small, city-llm, llm-serving "
            "and serverless-vision are there\n", from,
            share_folder(a));
  if (code == EXIT_OK)
    printf("%s: a copy of '%s'; next: offsim check %s\n", file, from, file);
  arena_free(a);
  return code;
}
