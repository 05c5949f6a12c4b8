/* cmd_profile.c: `offsim profile SUBCOMMAND`: profiles of hardware, made from measurements of others, shown, compared. */
#include "experiments/calibrate/profile_commands.h"
#include "experiments/commands.h"
#include "sim/err.h"

#include <stdio.h>
#include <string.h>

struct subcommand { const char *name, *arguments, *doc; int (*call)(int, char **); };

static const struct subcommand subcommands[] = {
  {"import", "--from FORMAT FILE --map KEY=VALUE,... -o PROFILE.yaml", "a profile of token times from tables that others measured: llama-bench, vllm-tables, vidur, csv", profile_import},
  {"show", "PROFILE [--format table|json]",
   "what it says: costs of each kernel, times of each model, their errors, how they were measured", profile_show},
  {"diff", "A B [--margin SHARE] [--format table|json]", "two profiles, kernel by kernel and model by model; exit 1: they differ beyond noise",
   profile_diff},
};
enum { N_SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

static void print_usage(FILE *out)
{
  for (int i = 0; i < N_SUBCOMMANDS; i++)
    fprintf(out, "%s offsim profile %s %s\n         %s\n", i ? "      " : "usage:", subcommands[i].name, subcommands[i].arguments,
            subcommands[i].doc);
  fputs("       A profile is a file, to show and diff also the name of shipped hardware. `offsim profile SUBCOMMAND --help` says more.\n"
        "       `offsim calibrate` makes one of this machine.\n", out);
}

static int unknown(const char *word)
{
  const char *names[N_SUBCOMMANDS];
  for (int i = 0; i < N_SUBCOMMANDS; i++)
    names[i] = subcommands[i].name;
  const char *near = nearest(word, names, N_SUBCOMMANDS);
  fprintf(stderr, "offsim: error: profile: unknown subcommand '%s'%s%s%s\n", word, near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
  return EXIT_USER;
}

int cmd_profile(int argc, char **argv)
{
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    print_usage(stdout);
    return EXIT_OK;
  }
  if (argc < 2) {
    print_usage(stderr);
    return EXIT_USER;
  }
  for (int i = 0; i < N_SUBCOMMANDS; i++)
    if (!strcmp(argv[1], subcommands[i].name))
      return subcommands[i].call(argc - 1, argv + 1);
  return unknown(argv[1]);
}
