/* cmd_policy_new.c: `offsim policy new NAME --lang c|python [-o FILE]`: a policy to start from, and
 * `offsim policy build FILE.c [-o FILE.so]`: the compiler, with what it needs to know. */
#include "experiments/commands.h"
#include "experiments/new_file.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"
#include "sim/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(const char *what, const char *word)
{
  fprintf(stderr, "offsim policy: error: %s%s%s\nusage: offsim policy new NAME --lang c|python [-o FILE]\n"
          "       offsim policy build FILE.c [-o FILE.so]\n", what, word ? " " : "", word ? word : "");
  return EXIT_USER;
}

static bool is_name(const char *name)
{
  size_t n = strlen(name);
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("_-", name[i]))
      return false;
  return n >= 1 && n <= 64;
}

/* The text with `name` for each @NAME@. */
static const char *filled(struct arena *a, const char *text, const char *name)
{
  const char *out = "";
  for (const char *at; (at = strstr(text, "@NAME@")); text = at + 6)
    out = arena_printf(a, "%s%.*s%s", out, (int)(at - text), text, name);
  return arena_printf(a, "%s%s", out, text);
}

static int write_template(struct arena *a, const char *name, const char *ending, const char *to)
{
  const char *from = arena_printf(a, "%s/templates/policy.%s.in", share_folder(a), ending);
  char *text = new_file_read(a, from);
  if (!text) {
    fprintf(stderr, "offsim policy: error: cannot read %s: %s\n", from, strerror(errno));
    return EXIT_SYSTEM;
  }
  const char *file = to ? to : arena_printf(a, "%s.%s", name, ending);
  int code = new_file_write(file, filled(a, text, name));
  const char *before = strchr(file, '/') ? "" : "./";
  if (code == EXIT_OK && ending[0] == 'c')
    printf("%s: a policy; next: offsim policy build %s && offsim policy check %s%.*s.so\n", file, file, before,
           (int)strcspn(file + 2, ".") + 2, file);
  else if (code == EXIT_OK)
    printf("%s: a policy; next: offsim policy check %s%s\n", file, before, file);
  return code;
}

int cmd_policy_new(int argc, char **argv)
{
  const char *name = NULL, *language = NULL, *to = NULL;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
      language = argv[++i];
    else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
      to = argv[++i];
    else if (argv[i][0] == '-' || name)
      return usage("unknown argument", argv[i]);
    else
      name = argv[i];
  if (!name || !is_name(name))
    return usage("a policy needs a name of letters, digits, '_' and '-'", name ? name : NULL);
  if (!language || (strcmp(language, "c") != 0 && strcmp(language, "python") != 0))
    return usage("--lang is c or python", language);
  struct arena *a = arena_new();
  int code = write_template(a, name, strcmp(language, "c") == 0 ? "c" : "py", to);
  arena_free(a);
  return code;
}

/* In the source tree the header lies in policies/, installed in include/offsim/. */
static const char *header_folder(struct arena *a)
{
  const char *share = share_folder(a);
  const char *const candidates[] = {arena_printf(a, "%s/../policies", share),
                                    arena_printf(a, "%s/../../include/offsim", share)};
  for (int i = 0; i < 2; i++)
    if (access(arena_printf(a, "%s/offsim_policy.h", candidates[i]), R_OK) == 0)
      return candidates[i];
  return ".";
}

/* Says what it does, then becomes the compiler. */
static int compile(struct arena *a, const char *from, const char *to)
{
  const char *compiler = getenv("CC") && *getenv("CC") ? getenv("CC") : "cc";
  const char *const line[] = {compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared", "-I",
                              header_folder(a), "-o", to, from, "-lm", NULL};
  for (int i = 0; line[i]; i++)
    fprintf(stderr, "%s%s", line[i], line[i + 1] ? " " : "\n");
  execvp(compiler, (char *const *)line);
  fprintf(stderr, "offsim policy: error: cannot start the compiler %s: %s; $CC names another\n", compiler,
          strerror(errno));
  return EXIT_SYSTEM;
}

int cmd_policy_build(int argc, char **argv)
{
  const char *from = NULL, *to = NULL;
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
      to = argv[++i];
    else if (argv[i][0] == '-' || from)
      return usage("unknown argument", argv[i]);
    else
      from = argv[i];
  size_t n = from ? strlen(from) : 0;
  if (n < 3 || strcmp(from + n - 2, ".c") != 0)
    return usage("build takes one file that ends in .c", from);
  if (access(from, R_OK) != 0)
    return usage(strerror(errno), from);
  struct arena *a = arena_new();
  int code = compile(a, from, to ? to : arena_printf(a, "%.*s.so", (int)n - 2, from));
  arena_free(a);
  return code;
}
