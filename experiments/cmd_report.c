/* cmd_report.c: offsim report DIR */
#include "analysis/report.h"
#include "experiments/commands.h"
#include "experiments/plots_folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim report DIR [--baseline POLICY] [--point N]\n"
  "\n"
  "Write DIR/report.html: which policy wins and by how much, tables, figures, warnings, provenance; one file.\n";

struct arguments { const char *dir; struct comparison_options options; };

static bool take_point(struct arguments *a, const char *word, struct err *err)
{
  char *end;
  a->options.point = strtoull(word, &end, 10);
  a->options.point_given = true;
  return (*word >= '0' && *word <= '9' && !*end) ||
         err_add(err, (struct where){0}, "report: --point takes a number, not '%s'", word);
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--baseline") && argv[i + 1]) a->options.baseline = argv[++i];
    else if (!strcmp(argv[i], "--point") && argv[i + 1]) {
      if (!take_point(a, argv[++i], err)) return false;
    } else if (argv[i][0] == '-') return err_add(err, (struct where){0}, "report: unknown option '%s'", argv[i]);
    else if (a->dir) return err_add(err, (struct where){0}, "report: one results folder only, not also '%s'", argv[i]);
    else a->dir = argv[i];
  }
  return a->dir || err_add(err, (struct where){0}, "report: no results folder given");
}

int cmd_report(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  struct arguments a = {0};
  struct err err;
  err_init(&err);
  struct comparison *c = NULL;
  char *scripts = NULL;
  bool ok = parse(&a, argc, argv, &err) && (scripts = plots_folder(&err)) &&
            (c = comparison_load(&a.dir, 1, &a.options, &err));
  comparison_say_point(c, stderr);
  ok = ok && report_write(c, &(struct report_options){a.dir, scripts}, &err);
  if (ok) printf("%s/report.html\n", a.dir);
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code;
  comparison_free(c);
  free(scripts);
  err_release(&err);
  return code;
}
