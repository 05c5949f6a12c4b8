/* cmd_inspect.c: offsim inspect DIR [--class C] [--policy P] [--tail p99] [--request ID [--against P]] */
#include "analysis/inspect.h"
#include "experiments/commands.h"
#include "experiments/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim inspect DIR [--policy P] [--class C] [--tail p99] [--replication N] [--point N] [--json]\n"
  "       offsim inspect DIR --request ID [--policy P] [--against P] [--replication N] [--point N] [--json]\n"
  "       offsim inspect DIR --paths [--policy P] [--replication N] [--point N]\n"
  "\n"
  "Without --request: where the slowest requests of each class spent more time than the usual ones, by place and\n"
  "phase. With it: the time line of that request, its decisions and its attempts. --paths: as CSV, for\n"
  "each request of one run the parts of its critical path, which add up to its end-to-end time. Needs traces.\n";

struct arguments { const char *dir; bool one_request, paths; struct inspect_options options; struct comparison_options of; };

static bool wrong(struct err *err, const char *what, const char *word)
{
  return err_add(err, (struct where){0}, "inspect: %s '%s'", what, word);
}

static bool whole_number(const char *word, uint64_t *x)
{
  char *end;
  *x = strtoull(word, &end, 10);
  return *word >= '0' && *word <= '9' && !*end;
}

/* "p99" or "p99.9", and 99 or 99.9 */
static bool take_tail(struct arguments *a, const char *word, struct err *err)
{
  const char *number = word + (*word == 'p');
  char *end = NULL;
  double x = *number >= '0' && *number <= '9' ? strtod(number, &end) : 0;
  a->options.tail = x / 100;
  return (end && !*end && x >= 55 && x < 100) || wrong(err, "--tail takes p55 to p99.99, not", word);
}

static bool take_option(void *arguments, const char *option, const char *value, struct err *err)
{
  struct arguments *a = arguments;
  if (!value) return wrong(err, "no value after", option);
  if (!strcmp(option, "--class")) return (a->options.klass = value);
  if (!strcmp(option, "--policy")) return (a->options.policy = value);
  if (!strcmp(option, "--against")) return (a->options.against = value);
  if (!strcmp(option, "--tail")) return take_tail(a, value, err);
  if (!strcmp(option, "--request")) {
    a->one_request = true;
    return whole_number(value, &a->options.request) || wrong(err, "--request takes a number, not", value);
  }
  if (!strcmp(option, "--point")) {
    a->of.point_given = true;
    return whole_number(value, &a->of.point) || wrong(err, "--point takes a number, not", value);
  }
  a->options.replication_given = true;
  return whole_number(value, &a->options.replication) || wrong(err, "--replication takes a number, not", value);
}

static bool parse(struct arguments *a, int argc, char **argv, struct err *err)
{
  static const char *const known[] = {"--class", "--policy", "--against", "--tail", "--request", "--replication",
                                      "--point"};
  const struct option_flag flags[] = {{"--paths", &a->paths}, {"--json", &a->options.json}};
  int n = options_flags(argc, argv, flags, sizeof flags / sizeof *flags);
  if (!options_read("inspect", n, argv, known, sizeof known / sizeof *known, take_option, a, &a->dir, err)) return false;
  if (a->paths && (a->one_request || a->options.json))
    return err_add(err, (struct where){0}, "inspect: --paths is CSV of all requests; --request and --json do not go with it");
  return a->dir || err_add(err, (struct where){0}, "inspect: no results folder given");
}

int cmd_inspect(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help")) return fputs(usage, stdout), EXIT_OK;
  struct arguments a = {.options = {.tail = .99}};
  struct err err;
  err_init(&err);
  struct comparison *c = NULL;
  bool ok = parse(&a, argc, argv, &err) && (c = comparison_load(&a.dir, 1, &a.of, &err));
  comparison_say_point(c, stderr);
  ok = ok && (a.paths ? inspect_paths(c, &a.options, stdout, &err)
              : a.one_request ? inspect_request(c, &a.options, stdout, &err)
                              : inspect_tail(c, &a.options, stdout, &err));
  err_print(&err, stderr, isatty(2) && !getenv("NO_COLOR"));
  int code = ok ? EXIT_OK : err.code;
  comparison_free(c);
  err_release(&err);
  return code;
}
