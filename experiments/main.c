/* main.c: the command line: one row a subcommand.
 *
 * The rows are weak: a build without a room still links, and lists only what it has.
 */
#include "experiments/commands.h"
#include "experiments/version.h"
#include "sim/err.h"
#include "sim/zeros.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma weak cmd_new
#pragma weak cmd_check
#pragma weak cmd_describe
#pragma weak cmd_schema
#pragma weak cmd_presets
#pragma weak cmd_run
#pragma weak cmd_sweep
#pragma weak cmd_status
#pragma weak cmd_merge
#pragma weak cmd_verify
#pragma weak cmd_rerun
#pragma weak cmd_export
#pragma weak cmd_capacity
#pragma weak cmd_compare
#pragma weak cmd_inspect
#pragma weak cmd_matrix
#pragma weak cmd_plot
#pragma weak cmd_report
#pragma weak cmd_trace
#pragma weak cmd_fit_link
#pragma weak cmd_policy
#pragma weak cmd_ope
#pragma weak cmd_train
#pragma weak cmd_tune
#pragma weak cmd_testbed
#pragma weak cmd_validate
#pragma weak cmd_bench
#pragma weak cmd_doctor
#pragma weak cmd_profile
#pragma weak cmd_calibrate
/* The linear algebra library that igraph brings along may be this one. */
void openblas_set_num_threads(int);
#pragma weak openblas_set_num_threads

/* tells_more: the command has more to say to --help than its row. */
struct command { const char *name, *arguments, *doc; int (*call)(int, char **); bool tells_more; };

static const struct command commands[] = {
  {"new", "[--from NAME] FILE", "start a scenario file from a shipped one", cmd_new, false},
  {"check", "FILE [--resolved|--links] [--set PATH=VALUE]...", "read a scenario and report every problem in it", cmd_check, false},
  {"describe", "[KEY | metrics | METRIC | PRESET | POLICY]", "explain a scenario key, a metric, a preset or a policy", cmd_describe, false},
  {"schema", "", "JSON Schema of scenario files, for editors", cmd_schema, false},
  {"presets", "[--audit]", "numbers with source, year and grade", cmd_presets, false},
  {"run", "FILE [options]", "run a scenario: every policy on the same random numbers", cmd_run, true},
  {"capacity", "FILE --metric M --below LIMIT --vary PATH [options]",
   "the largest value of a setting at which a metric keeps its limit", cmd_capacity, true},
  {"sweep", "STUDY [options]", "run a study: many points of a scenario, resumable", cmd_sweep, true},
  {"status", "DIR", "how far a study is, also while it runs", cmd_status, true},
  {"merge", "DIR", "take the journals of a folder into its catalogue", cmd_merge, true},
  {"verify", "DIR [--seed S] [--all]", "do a random 1 % of the runs again and compare the bytes", cmd_verify, true},
  {"compare", "DIR... [--baseline P] [--by class|place|variant] [--metric M] [--pareto]",
   "policies against each other, with paired intervals", cmd_compare, true},
  {"inspect", "DIR [--class C] [--policy P] [--tail p99] [--request ID]", "where one request or a tail spent its time",
   cmd_inspect, true},
  {"matrix", "DIR [--point N] [--json]", "which tasks stay, which go, and which depend on what", cmd_matrix, true},
  {"rerun", "DIR --run ID --trace full", "do one run of a folder again, with its trace", cmd_rerun, true},
  {"export", "DIR [--csv|--jsonl]", "all metrics of all runs as text", cmd_export, true},
  {"plot", "DIR --kind K", "one figure, with its script and data beside it", cmd_plot, true},
  {"report", "DIR", "one self-contained page: DIR/report.html", cmd_report, true},
  {"trace", "FILE [--fit|--quality -o PRESET.yaml]", "describe a workload trace, or outcomes of two models; fit a preset", cmd_trace, true},
  {"fit-link", "TRACE... [-o PRESET.yaml]", "fit a link model to measured runs and test it on others", cmd_fit_link, true},
  {"policy", "list", "the policies that this build has", cmd_policy, true},
  {"train", "FILE --policy P --replications A..B -o STATE", "let a policy learn through replications, and keep what it learned",
   cmd_train, true},
  {"tune", "FILE --policy P --budget N", "search a policy's parameters with the same budget for any policy", cmd_tune, true},
  {"ope", "DIR --target P", "what a policy would have earned, from the log of another", cmd_ope, true},
  {"calibrate", "[-o PROFILE.yaml] [--quick] [--from RAW]", "measure this machine's kernels into a profile of hardware", cmd_calibrate, true},
  {"profile", "import|show|diff ...", "profiles of hardware: made from tables of others, shown, compared", cmd_profile, true},
  {"testbed", "[options]", "run a small offloading system for real and compare it with its prediction", cmd_testbed, true},
  {"validate", "[SUITE] [--quick] [--seed S]", "check the models against closed forms", cmd_validate, true},
  {"doctor", "[DIR]", "what this machine offers, and what is in the way", cmd_doctor, true},
  {"bench", "[--format json]", "speed of the engine, in CPU time", cmd_bench, true},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
  fputs("offsim: a simulator of compute offloading\n\n"
        "usage: offsim COMMAND [arguments]; `offsim COMMAND --help`; `--option=value` is `--option value`\n\n", out);
  for (int i = 0; i < N_COMMANDS; i++)
    if (commands[i].call)
      fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].doc);
  fprintf(out, "\n  offsim --version | offsim help [COMMAND]\n");
}

static const struct command *find_command(const char *name)
{
  for (int i = 0; i < N_COMMANDS; i++)
    if (commands[i].call && strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static int unknown_command(const char *name)
{
  const char *names[N_COMMANDS];
  size_t n = 0;
  for (int i = 0; i < N_COMMANDS; i++)
    if (commands[i].call)
      names[n++] = commands[i].name;
  const char *near = nearest(name, names, n);
  fprintf(stderr, "offsim: error: unknown command '%s'", name);
  if (near)
    fprintf(stderr, "; did you mean '%s'?", near);
  fprintf(stderr, "\n(`offsim help` lists the commands)\n");
  return EXIT_USER;
}

static int print_usage(const struct command *c)
{
  printf("usage: offsim %s %s\n%s\n", c->name, c->arguments, c->doc);
  return EXIT_OK;
}

static int call(const struct command *c, int argc, char **argv)
{
  char option[] = "--help";                             /* outlives the call below */
  for (int i = 1; i < argc; i++) {
    bool asked = strcmp(argv[i], option) == 0 || (argc == 2 && strcmp(argv[i], "-h") == 0);
    if (asked && !c->tells_more)
      return print_usage(c);
    if (asked)
      argv[i] = (char *)option;
  }
  return c->call(argc, argv);
}

static int help(int argc, char **argv)
{
  if (argc < 3) {
    print_help(stdout);
    return EXIT_OK;
  }
  const struct command *c = find_command(argv[2]);
  if (!c)
    return unknown_command(argv[2]);
  char asked[] = "--help", *arguments[] = {argv[2], asked, NULL};
  return call(c, 2, arguments);
}

/* A full disk behind stdout must not look like success; a reader that has seen enough (`| head`) is no mistake. */
static int close_output(int code)
{
  struct stat st;
  if (fflush(stdout) == 0 && !ferror(stdout))
    return code;
  if (fstat(STDOUT_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
    return code;
  fprintf(stderr, "offsim: error: cannot write to standard output\n");
  return code == EXIT_OK ? EXIT_SYSTEM : code;
}

/* `--option=value` is `--option value` to every command. Returns how many words there are; words has room for twice argc,
 * and one. */
static int split_options(int argc, char **argv, char **words)
{
  int n = 0;
  bool options = true;
  for (int i = 0; i < argc; i++) {
    options = options && strcmp(argv[i], "--") != 0;
    char *equals = options && strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
    words[n++] = argv[i];
    if (!equals || equals == argv[i] + 2)
      continue;
    *equals = 0;
    words[n++] = equals + 1;
  }
  words[n] = NULL;
  return n;
}

/* `--python PATH` names the interpreter of policies in Python, for all that this command starts. */
static int take_python(int argc, char **argv)
{
  int n = 0;
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--python") != 0 || i + 1 >= argc) {
      argv[n++] = argv[i];
      continue;
    }
    setenv("OFFSIM_PYTHON", argv[++i], 1);
  }
  argv[n] = NULL;
  return n;
}

static int dispatch(int argc, char **argv)
{
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
    version_print(stdout);
    return EXIT_OK;
  }
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    return help(argc, argv);
  const struct command *c = find_command(name);
  return c ? call(c, argc - 1, argv + 1) : unknown_command(name);
}

/* OpenBLAS starts its threads while it is loaded, before main, and asks only the environment how many: so the program
 * starts itself once more with the answer "one". Where that fails, it goes on with idle threads. */
static void pin_linear_algebra(char **argv)
{
  if (!openblas_set_num_threads || getenv("OPENBLAS_NUM_THREADS"))
    return;
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  execv("/proc/self/exe", argv);
  openblas_set_num_threads(1);
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN);             /* a closed pipe is a write error, not a death */
  pin_linear_algebra(argv);
  if (argc < 2) {
    print_help(stderr);
    return EXIT_USER;
  }
  char **words = zeros_new(2 * (size_t)argc + 1, sizeof *words);
  int n = take_python(split_options(argc, argv, words), words);
  int code = close_output(dispatch(n, words));
  free(words);
  return code;
}
