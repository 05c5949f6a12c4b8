/* cmd_compare.c: offsim compare DIR... [--baseline P] [--by class|place] [--metric M] [--pareto] [--format F] */
#include "analysis/compare.h"
#include "experiments/commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim compare DIR... [--baseline POLICY] [--by class|place] [--metric NAME] [--pareto]\n"
  "                      [--format table|json|csv] [--point N]\n"
  "\n"
  "Policies side by side: intervals over replications, differences paired by replication.\n"
  "  --baseline POLICY  compare with this one; default: the best policy on the primary metric\n"
  "  --by class|place   one row for each policy and class, or policy and place\n"
  "  --metric NAME      this metric only, for the whole run, each class and each place\n"
  "  --point N          of a folder that holds several worlds: not the last call's, but this one\n"
  "  --pareto           who is on the front of latency, money and energy\n";

struct arguments {
  const char **dir; size_t n_dirs;
  const char *format;
  struct comparison_options options;
  struct comparison_view view;
};

static bool wrong(struct err *err, const char *what, const char *word)
{
  return err_add(err, (struct where){0}, "compare: %s '%s'", what, word);
}

static bool take_by(struct arguments *a, const char *word, struct err *err)
{
  a->view.by = !strcmp(word, "class") ? BY_CLASS : !strcmp(word, "place") ? BY_PLACE : BY_NOTHING;
  if (a->view.by) return true;
  if (!strcmp(word, "variant")) return wrong(err, "not yet available: --by", word);
  return wrong(err, "--by takes class or place, not", word);
}

/* The name that the word begins, as goodput does goodput_per_s; else the one most like it. */
static const char *metric_meant(const char *word)
{
  const char *const *names;
  size_t n = metric_names(&names);
  for (size_t i = 0; i < n && *word; i++)
    if (!strncmp(names[i], word, strlen(word))) return names[i];
  return nearest(word, names, n);
}

static bool take_metric(struct arguments *a, const char *word, struct err *err)
{
  a->view.metric = word;
  if (metric_find(word)) return true;
  const char *near = metric_meant(word);
  if (near) return err_add(err, (struct where){0}, "unknown metric '%s'; did you mean '%s'?", word, near);
  return err_add(err, (struct where){0}, "unknown metric '%s'; `offsim describe metrics` lists them", word);
}

static bool take_format(struct arguments *a, const char *word, struct err *err)
{
  a->format = word;
  return !strcmp(word, "table") || !strcmp(word, "json") || !strcmp(word, "csv") ||
         wrong(err, "--format takes table, json or csv, not", word);
}

static bool take_point(struct arguments *a, const char *word, struct err *err)
{
  char *end;
  a->options.point = strtoull(word, &end, 10);
  a->options.point_given = true;
  return (*word >= '0' && *word <= '9' && !*end) || wrong(err, "--point takes a number, not", word);
}

/* An option with a value; false when it is unknown or wrong. */
static bool take_option(struct arguments *a, const char *option, const char *value, struct err *err)
{
  if (!value) return wrong(err, "no value after", option);
  if (!strcmp(option, "--baseline")) return (a->options.baseline = value);
  if (!strcmp(option, "--by")) return take_by(a, value, err);
  if (!strcmp(option, "--metric")) return take_metric(a, value, err);
  if (!strcmp(option, "--format")) return take_format(a, value, err);
  return take_point(a, value, err);
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--baseline", "--by", "--metric", "--format", "--point", "--pareto", "--help"};
  for (int i = 1; i < argc; i++) {
    bool found = false;
    for (int k = 0; k < 5; k++) found |= !strcmp(argv[i], known[k]);
    if (!strcmp(argv[i], "--pareto")) a->view.pareto = true;
    else if (found) {
      if (!take_option(a, argv[i], argv[i + 1], err)) return false;
      i++;
    } else if (argv[i][0] == '-') {
      const char *near = nearest(argv[i], known, sizeof known / sizeof *known);
      return near ? err_add(err, (struct where){0}, "compare: unknown option '%s'; did you mean '%s'?", argv[i], near)
                  : wrong(err, "unknown option", argv[i]);
    } else a->dir[a->n_dirs++] = argv[i];
  }
  return a->n_dirs || err_add(err, (struct where){0}, "compare: no results folder given");
}

static void print_json(const struct comparison *c)
{
  json *j = comparison_json(c);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

int cmd_compare(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  struct arguments a = {.dir = calloc((size_t)argc, sizeof *a.dir), .format = "table"};
  struct err err;
  err_init(&err);
  struct comparison *c = NULL;
  if (!a.dir || !parse(&a, argc, argv, &err)) goto out;
  c = comparison_load(a.dir, a.n_dirs, &a.options, &err);
  if (!c) goto out;
  comparison_say_point(c, stderr);
  a.view.colour = isatty(1) && !getenv("NO_COLOR");
  if (!strcmp(a.format, "json")) print_json(c);
  else if (!strcmp(a.format, "csv")) comparison_print_csv(c, stdout, &a.view);
  else comparison_print_table(c, stdout, &a.view);
out:
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = c ? EXIT_OK : err.code;
  comparison_free(c);
  err_release(&err);
  free(a.dir);
  return code;
}
