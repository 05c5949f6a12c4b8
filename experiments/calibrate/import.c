/* import.c: `offsim profile import`: tables that others measured, as a profile of hardware. */
#include "experiments/calibrate/profile_commands.h"
#include "experiments/options.h"

#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: offsim profile import --from FORMAT FILE --map KEY=VALUE,... -o PROFILE.yaml\n";
static const char *const known[] = {"--from", "--map", "-o"};

static bool take(void *context, const char *option, const char *value, struct err *e)
{
  (void)context;
  if (!value)
    return err_add(e, (struct where){0}, "profile import: %s needs a value", option);
  return strcmp(option, "--from") != 0 || err_add(e, (struct where){0}, "profile import: unknown format '%s'", value);
}

int profile_import(int argc, char **argv)
{
  const char *file = NULL;
  struct err e;
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  err_init(&e);
  if (options_read("profile import", argc, argv, known, sizeof known / sizeof *known, take, NULL, &file, &e))
    err_add(&e, (struct where){0}, "profile import: which format? --from FORMAT");
  err_say(&e);
  int code = (int)e.code;
  err_release(&e);
  return code;
}
