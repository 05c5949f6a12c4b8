/* cmd_compare.c: offsim compare DIR... [--baseline P] [--by class|place] [--metric M] [--pareto] [--format F]
 * and of a study: offsim compare DIR [--where FACTOR=VALUE]... [--effects | --crossings [--factor F]] */
#include "analysis/compare.h"
#include "analysis/effects.h"
#include "analysis/levels.h"
#include "experiments/commands.h"
#include "experiments/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim compare DIR... [--baseline POLICY] [--by class|place] [--metric NAME] [--pareto]\n"
  "                      [--format table|json|csv] [--point N]\n"
  "       offsim compare STUDY_DIR [--where FACTOR=VALUE]... [--effects] [--metric NAME] [--baseline POLICY]\n"
  "       offsim compare STUDY_DIR --crossings [--factor NAME] [--where FACTOR=VALUE]... [--metric NAME]\n"
  "\n"
  "Policies side by side: intervals over replications, differences paired by replication.\n"
  "  --baseline POLICY  compare with this one; default: the best policy on the primary metric\n"
  "  --by class|place   one row for each policy and class, or policy and place\n"
  "  --metric NAME      this metric only, for the whole run, each class and each place\n"
  "  --point N          of a folder that holds several worlds: not the last call's, but this one\n"
  "  --where FACTOR=VALUE  of a study: the points with this level only; as often as wanted\n"
  "  --effects          of a study: what the factors and their pairs do to the metric, with intervals\n"
  "  --crossings        of a study: the metric along one factor, and where another choice becomes the best one\n"
  "  --factor NAME      along which; default: the only one of numbers\n"
  "  --pareto           who is on the front of latency, money and energy\n";

struct arguments {
  const char **dir; size_t n_dirs;
  const char *format;
  struct comparison_options options;
  struct comparison_view view;
  struct points_where *where; size_t n_where;
  bool effects, crossings;
  const char *factor;
};
enum { STUDY_ROWS = 40 };                               /* of a table; CSV and JSON have all */

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
static bool take_option(struct arguments *a, const char *option, char *value, struct err *err)
{
  if (!value) return wrong(err, "no value after", option);
  if (!strcmp(option, "--baseline")) return (a->options.baseline = value);
  if (!strcmp(option, "--by")) return take_by(a, value, err);
  if (!strcmp(option, "--metric")) return take_metric(a, value, err);
  if (!strcmp(option, "--format")) return take_format(a, value, err);
  if (!strcmp(option, "--where")) return options_where("compare: ", value, &a->where[a->n_where++], err);
  if (!strcmp(option, "--factor")) return (a->factor = value);
  return take_point(a, value, err);
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--baseline", "--by",     "--metric",  "--format", "--point",
                                      "--where",    "--factor", "--pareto",  "--effects", "--crossings", "--help"};
  for (int i = 1; i < argc; i++) {
    bool found = false;
    for (int k = 0; k < 7; k++) found |= !strcmp(argv[i], known[k]);
    if (!strcmp(argv[i], "--pareto")) a->view.pareto = true;
    else if (!strcmp(argv[i], "--effects")) a->effects = true;
    else if (!strcmp(argv[i], "--crossings")) a->crossings = true;
    else if (found) {
      if (!take_option(a, argv[i], argv[i + 1], err)) return false;
      i++;
    } else if (argv[i][0] == '-') {
      return options_unknown("compare", argv[i], known, sizeof known / sizeof *known, err);
    } else a->dir[a->n_dirs++] = argv[i];
  }
  return a->n_dirs || err_add(err, (struct where){0}, "compare: no results folder given");
}

static void print_json(json *j)
{
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

/* ---- a study: many points -----------------------------------------------------------------------------------------
 */

/* The table of points, unless one of them is asked for. */
static bool is_study(const struct arguments *a)
{
  return a->n_where || a->effects || a->crossings || (!a->options.point_given && a->n_dirs == 1 && points_is_study(a->dir[0]));
}

static bool check_study(const struct arguments *a, struct err *err)
{
  if (a->n_dirs > 1) return err_add(err, (struct where){0}, "compare: --where, --effects and --crossings take one results folder");
  if (a->options.point_given)
    return err_add(err, (struct where){0}, "compare: --point shows one point; --where, --effects and --crossings are about many");
  if (a->factor && !a->crossings) return err_add(err, (struct where){0}, "compare: --factor is for --crossings");
  return (!a->view.by && !a->view.pareto) ||
         err_add(err, (struct where){0}, "compare: --by and --pareto are about one point of a study: add --point N");
}

static bool print_effects(const struct arguments *a, const struct points *p, struct err *err)
{
  struct effects *e = effects_new(p, err);
  if (!e) return false;
  if (!strcmp(a->format, "json")) print_json(effects_json(e));
  else if (!strcmp(a->format, "csv")) effects_csv(e, stdout);
  else effects_print(e, stdout, 2 * STUDY_ROWS);
  effects_free(e);
  return true;
}

static bool print_crossings(const struct arguments *a, const struct points *p, struct err *err)
{
  if (!strcmp(a->format, "csv")) return wrong(err, "--crossings is a table or json, not", "csv");
  struct levels *l = levels_new(p, a->factor, NULL, 0, err);
  if (!l) return false;
  if (!strcmp(a->format, "json")) print_json(levels_json(l));
  else levels_print(l, stdout);
  levels_free(l);
  return true;
}

static bool print_study(const struct arguments *a, struct err *err)
{
  if (!check_study(a, err)) return false;
  struct points *p = points_load(a->dir[0], &(struct points_options){a->view.metric, a->options.baseline, a->where,
                                                                     a->n_where}, err);
  bool ok = p != NULL;
  if (ok && a->effects) ok = print_effects(a, p, err);
  else if (ok && a->crossings) ok = print_crossings(a, p, err);
  else if (ok && !strcmp(a->format, "json")) print_json(points_json(p));
  else if (ok && !strcmp(a->format, "csv")) points_csv(p, stdout);
  else if (ok) points_print(p, stdout, STUDY_ROWS);
  points_free(p);
  return ok;
}

static bool print_comparison(struct arguments *a, struct err *err)
{
  struct comparison *c = comparison_load(a->dir, a->n_dirs, &a->options, err);
  if (!c) return false;
  comparison_say_point(c, stderr);
  a->view.colour = isatty(1) && !getenv("NO_COLOR");
  if (!strcmp(a->format, "json")) print_json(comparison_json(c));
  else if (!strcmp(a->format, "csv")) comparison_print_csv(c, stdout, &a->view);
  else comparison_print_table(c, stdout, &a->view);
  comparison_free(c);
  return true;
}

int cmd_compare(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  struct arguments a = {.dir = calloc((size_t)argc, sizeof *a.dir), .format = "table",
                        .where = calloc((size_t)argc, sizeof *a.where)};
  struct err err;
  err_init(&err);
  bool ok = a.dir && a.where && parse(&a, argc, argv, &err);
  if (ok) ok = is_study(&a) ? print_study(&a, &err) : print_comparison(&a, &err);
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code;
  err_release(&err);
  free(a.dir);
  free(a.where);
  return code;
}
