/* main.c: offsim-kernels, the program that times real work on this machine. One row a command.
 *
 * The rows are weak: a build without a file still links, and lists only what it has.
 */
#include "experiments/kernels/commands.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma weak kernels_pipeline
#pragma weak kernels_serve
#pragma weak kernels_relay
#pragma weak kernels_client
#pragma weak kernels_start
/* Of OpenBLAS, which starts a thread a core while it is loaded; a build without a kernel that needs it has none. */
void openblas_set_num_threads(int);
#pragma weak openblas_set_num_threads

struct command { const char *name, *arguments, *doc; int (*call)(int, char **); };

static const struct command commands[] = {
  {"list", "", "one line of JSON a kernel", kernels_list},
  {"describe", "KERNEL [--set NAME=VALUE,...]", "work, axes, operations and bytes of one shape", kernels_describe},
  {"measure", "[options]", "time the kernels: raw format 1 on stdout", kernels_measure},
  {"pipeline", "[options]", "a request of several tasks, each timed", kernels_pipeline},
  {"serve", "[options]", "the server of the testbed", kernels_serve},
  {"relay", "[options]", "the link of the testbed", kernels_relay},
  {"client", "[options]", "the requesters of the testbed", kernels_client},
  {"start", "[options]", "what the kernel process_start starts", kernels_start},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
  fputs("offsim-kernels: times the kernels of offsim on this machine\n\n"
        "usage: offsim-kernels COMMAND [arguments]\n\n", out);
  for (int i = 0; i < N_COMMANDS; i++)
    if (commands[i].call)
      fprintf(out, "  %-9s %-32s %s\n", commands[i].name, commands[i].arguments, commands[i].doc);
  fputs("\n  offsim-kernels --version\n", out);
}

/* Data that did not reach the disk must not look like success. */
static int close_output(int code)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return code;
  fputs("offsim-kernels: error: cannot write to standard output\n", stderr);
  return code == KERNELS_OK ? KERNELS_SYSTEM : code;
}

static int dispatch(int argc, char **argv)
{
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    printf("offsim-kernels %s\n", OFFSIM_VERSION);
    return KERNELS_OK;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    print_help(stdout);
    return KERNELS_OK;
  }
  for (int i = 0; i < N_COMMANDS; i++)
    if (commands[i].call && strcmp(commands[i].name, name) == 0)
      return commands[i].call(argc - 1, argv + 1);
  fprintf(stderr, "offsim-kernels: error: unknown command '%s'\n", name);
  print_help(stderr);
  return KERNELS_USER;
}

/* A thread of the library's would take the signals that this one holds back: the program starts anew without it. Where
 * there is no /proc it stays, and does nothing. */
static void without_threads(char **argv)
{
  const char *threads = getenv("OPENBLAS_NUM_THREADS");
  if (!openblas_set_num_threads)
    return;
  if ((!threads || strcmp(threads, "1") != 0) && setenv("OPENBLAS_NUM_THREADS", "1", 1) == 0)
    execv("/proc/self/exe", argv);
  openblas_set_num_threads(1);
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN);             /* a closed pipe is a write error, not a death */
  without_threads(argv);
  if (argc < 2) {
    print_help(stderr);
    return KERNELS_USER;
  }
  return close_output(dispatch(argc, argv));
}
