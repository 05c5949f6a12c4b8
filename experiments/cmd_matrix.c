/* cmd_matrix.c: offsim matrix DIR [--point N] [--json] */
#include "analysis/matrix.h"
#include "experiments/commands.h"
#include "experiments/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim matrix DIR [--point N] [--json]\n"
  "\n"
  "Which tasks stay on the device, which go elsewhere, and which depend: from the traces of runs of several policies, of\n"
  "which some do a task on the device and some elsewhere (always_local, always_edge ...). The same request on both sides\n"
  "is a case. always local: elsewhere is sooner in at most 10 % of the cases; prime candidate: in at least 90 % (both by\n"
  "intervals of 95 %); conditional: neither, with the attribute that tells best when it is, and its AUC. Tasks that were\n"
  "never done on both sides are not shown.\n";

static bool take_option(void *options, const char *option, const char *value, struct err *err)
{
  struct comparison_options *o = options;
  char *end = NULL;
  if (value) o->point = strtoull(value, &end, 10);
  o->point_given = true;
  if (value && *value >= '0' && *value <= '9' && !*end) return true;
  return err_add(err, (struct where){0}, "matrix: %s takes a number, not '%s'", option, value ? value : "");
}

int cmd_matrix(int argc, char **argv)
{
  static const char *const known[] = {"--point"};
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  const char *dir = NULL;
  bool as_json = false;
  const struct option_flag flags[] = {{"--json", &as_json}};
  struct comparison_options of = {0};
  struct comparison *c = NULL;
  struct err err;
  err_init(&err);
  int n = options_flags(argc, argv, flags, 1);
  bool ok = options_read("matrix", n, argv, known, 1, take_option, &of, &dir, &err);
  if (ok && !dir) ok = err_add(&err, (struct where){0}, "matrix: no results folder given");
  ok = ok && (c = comparison_load(&dir, 1, &of, &err));
  if (c) comparison_say_point(c, stderr);
  ok = ok && matrix_print(c, stdout, as_json, &err);
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code;
  comparison_free(c);
  err_release(&err);
  return code;
}
