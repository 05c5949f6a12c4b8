/* cmd_plot.c: offsim plot DIR --kind K [-o FILE] [--policy A,B] [--against P] [--metric M]
 *             offsim plot SCENARIO --kind breakeven ... (experiments/breakeven.c)
 *             offsim plot STUDY_DIR --kind levels ... (analysis/levels.h) */
#include "analysis/levels.h"
#include "analysis/plot.h"
#include "experiments/breakeven.h"
#include "experiments/commands.h"
#include "experiments/options.h"
#include "experiments/plots_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim plot DIR --kind KIND [-o FILE.svg|.png|.pdf] [--policy A,B] [--against POLICY] [--metric NAME]\n"
  "                   [--point N]\n"
  "       offsim plot SCENARIO --kind breakeven [--class C] [--link L] [--place P] [--points N] [--set PATH=VALUE]...\n"
  "       offsim plot STUDY_DIR --kind levels [--factor NAME] [--where FACTOR=VALUE]... [--metric NAME] [--policy A,B]\n"
  "       offsim plot --kind list\n"
  "\n"
  "The script and the data are kept beside the image. Default FILE: DIR/figures/KIND.svg\n";

enum { MAX_POLICIES = 64, MAX_WHERE = 16 };
struct arguments {
  const char *subject, *kind;
  struct plot_options options;
  const char *policy[MAX_POLICIES];
  char *policies;
  struct breakeven_options breakeven;
  struct comparison_options of;
  const char *factor;
  struct points_where where[MAX_WHERE]; size_t n_where;
};

static bool wrong(struct err *err, const char *what, const char *word)
{
  return err_add(err, (struct where){0}, "plot: %s '%s'", what, word);
}

static bool take_policies(struct arguments *a, const char *list, struct err *err)
{
  free(a->policies);
  a->policies = strdup(list);
  a->options.n_policies = 0;
  a->options.policy = a->policy;
  char *rest = NULL;
  for (char *p = strtok_r(a->policies, ",", &rest); p; p = strtok_r(NULL, ",", &rest)) {
    if (a->options.n_policies == MAX_POLICIES) return wrong(err, "more than 64 policies in", list);
    a->policy[a->options.n_policies++] = p;
  }
  return a->options.n_policies || wrong(err, "no policy in", list);
}

static bool take_points(struct arguments *a, const char *word, struct err *err)
{
  char *end;
  long n = strtol(word, &end, 10);
  a->breakeven.points = (int)n;
  return (!*end && n >= 3 && n <= 40) || wrong(err, "--points takes 3 to 40, not", word);
}

static bool take_point(struct arguments *a, const char *word, struct err *err)
{
  char *end;
  a->of.point = strtoull(word, &end, 10);
  a->of.point_given = true;
  return (*word >= '0' && *word <= '9' && !*end) || wrong(err, "--point takes a number, not", word);
}

static bool take_where(struct arguments *a, char *word, struct err *err)
{
  if (a->n_where == MAX_WHERE) return wrong(err, "too many --where before", word);
  return options_where("plot: ", word, &a->where[a->n_where++], err);
}

static bool take_option(void *arguments, const char *option, const char *value, struct err *err)
{
  struct arguments *a = arguments;
  if (!value) return wrong(err, "no value after", option);
  if (!strcmp(option, "--kind")) return (a->kind = value);
  if (!strcmp(option, "-o")) return (a->options.out = value);
  if (!strcmp(option, "--against")) return (a->options.against = value);
  if (!strcmp(option, "--metric")) return (a->options.metric = value);
  if (!strcmp(option, "--class")) return (a->breakeven.klass = value);
  if (!strcmp(option, "--link")) return (a->breakeven.link = value);
  if (!strcmp(option, "--place")) return (a->breakeven.place = value);
  if (!strcmp(option, "--factor")) return (a->factor = value);
  if (!strcmp(option, "--where")) return take_where(a, (char *)value, err);       /* a word of argv */
  if (!strcmp(option, "--point")) return take_point(a, value, err);
  if (!strcmp(option, "--points")) return take_points(a, value, err);
  if (!strcmp(option, "--set")) {
    if (a->breakeven.n_set == MAX_SETTINGS) return wrong(err, "too many --set before", value);
    return (a->breakeven.set[a->breakeven.n_set++] = value);
  }
  return take_policies(a, value, err);
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--kind",  "-o",     "--against", "--metric", "--policy",
                                      "--class", "--link", "--place",   "--points", "--set", "--point",
                                      "--factor", "--where"};
  if (!options_read("plot", argc, argv, known, sizeof known / sizeof *known, take_option, a, &a->subject, err))
    return false;
  if (!a->kind) return err_add(err, (struct where){0}, "plot: no --kind given (--kind list shows them)");
  return a->subject || !strcmp(a->kind, "list") || err_add(err, (struct where){0}, "plot: no results folder given");
}

static void print_kinds(void)
{
  const struct plot_kind *kind;
  size_t n = plot_kinds(&kind);
  for (size_t i = 0; i < n; i++)
    printf("%-10s %s%s\n", kind[i].name, kind[i].doc, kind[i].needs_trace ? " [traces]" : "");
  printf("%-10s %s\n", "levels", "of a study: a metric along one factor, and where another choice becomes the best one (--factor, --where)");
  printf("%-10s %s\n", "breakeven",
         "where offloading starts to pay, over bandwidth and size (formula: no queues, no time-outs; runs: both):"
         " plot SCENARIO --kind breakeven");
}

static bool is_folder(const char *path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool make(const struct arguments *a, const struct comparison *c, const struct levels *l, struct err *err)
{
  return l ? levels_plot(l, a->options.out, a->options.scripts, err) : plot_make(c, &a->options, err);
}

/* FOLDER/figures/KIND.svg; the figures folder is made, and taken away again when nothing came into it. */
static bool plot_default(struct arguments *a, const struct comparison *c, const struct levels *l, struct err *err)
{
  struct text t = {0}, folder = {0};
  text_add(&folder, "%s/figures", a->subject);
  text_add(&t, "%s/%s.svg", folder.s, a->kind);
  bool ok = !mkdir(folder.s, 0777) || errno == EEXIST || err_system(err, "cannot make %s: %s", folder.s, strerror(errno));
  a->options.out = t.s;
  ok = ok && make(a, c, l, err);
  if (ok) printf("%s\n", t.s);
  else rmdir(folder.s);                                 /* fails where there are other figures, as it should */
  free(folder.s);
  free(t.s);
  return ok;
}

static bool plot_out(struct arguments *a, const struct comparison *c, const struct levels *l, struct err *err)
{
  if (!a->options.out) return plot_default(a, c, l, err);
  return make(a, c, l, err) && printf("%s\n", a->options.out) > 0;
}

static bool plot_levels(struct arguments *a, struct err *err)
{
  if (!points_is_study(a->subject))
    return err_add(err, (struct where){0}, "plot: --kind levels takes the results of a study, and '%s' is none", a->subject);
  struct points *p = points_load(a->subject, &(struct points_options){a->options.metric, NULL, a->where, a->n_where}, err);
  struct levels *l = p ? levels_new(p, a->factor, a->options.policy, a->options.n_policies, err) : NULL;
  bool ok = l && plot_out(a, NULL, l, err);
  levels_free(l);
  points_free(p);
  return ok;
}

static bool plot_folder(struct arguments *a, struct err *err)
{
  struct stat st;
  a->options.kind = a->kind;
  if (!stat(a->subject, &st) && !S_ISDIR(st.st_mode))
    return err_add(err, (struct where){0}, "plot: --kind %s takes a results folder, and '%s' is a file (only breakeven"
                   " takes a scenario file)", a->kind, a->subject);
  struct comparison *c = comparison_load(&a->subject, 1, &a->of, err);
  bool ok = c != NULL;
  comparison_say_point(c, stderr);
  ok = ok && plot_out(a, c, NULL, err);
  comparison_free(c);
  return ok;
}

static bool plot_scenario(struct arguments *a, struct err *err)
{
  a->breakeven.scenario = a->subject;
  a->breakeven.scripts = a->options.scripts;
  a->breakeven.out = a->options.out ? a->options.out : "breakeven.svg";
  if (!breakeven_plot(&a->breakeven, err)) return false;
  printf("%s\n", a->breakeven.out);
  return true;
}

int cmd_plot(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  struct arguments a = {0};
  struct err err;
  err_init(&err);
  char *scripts = NULL;
  bool ok = parse(&a, argc, argv, &err);
  if (ok && !strcmp(a.kind, "list")) print_kinds();
  else if (ok) {
    a.options.scripts = scripts = plots_folder(&err);
    bool breakeven = !strcmp(a.kind, "breakeven") && !is_folder(a.subject);
    bool levels = !strcmp(a.kind, "levels");
    ok = scripts && (breakeven ? plot_scenario(&a, &err) : levels ? plot_levels(&a, &err) : plot_folder(&a, &err));
  }
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code;
  free(scripts);
  free(a.policies);
  err_release(&err);
  return code;
}
