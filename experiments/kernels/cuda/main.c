/* main.c: offsim-kernels-cuda: the method of offsim-kernels on kernels of a CUDA device. */
#include "experiments/kernels/commands.h"
#include "experiments/kernels/cuda/cuda.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
  "offsim-kernels-cuda: times the kernels of offsim on a CUDA device\n\n"
  "usage: offsim-kernels-cuda list\n"
  "       offsim-kernels-cuda describe KERNEL [--set NAME=VALUE,...]\n"
  "       offsim-kernels-cuda measure [options]      (measure --help; nothing runs beside the kernels)\n"
  "       offsim-kernels-cuda --version\n";

/* Neighbours are processes forked from this one, which may not use the device that it has opened. */
static int measure_alone(int argc, char **argv)
{
  char alone[] = "--no-interference";                   /* outlives the call below */
  const char *why = argc == 2 && !strcmp(argv[1], "--help") ? NULL : cuda_why_not();
  char **more = calloc((size_t)argc + 2, sizeof *more);
  if (why)
    fprintf(stderr, "offsim-kernels-cuda: no device: %s\n", why);
  if (!more)
    return KERNELS_SYSTEM;
  memcpy(more, argv, (size_t)argc * sizeof *more);
  if (argc != 2 || strcmp(argv[1], "--help") != 0)
    more[argc++] = alone;
  int code = kernels_measure(argc, more);
  free(more);
  return code;
}

static int dispatch(int argc, char **argv)
{
  if (!strcmp(argv[1], "list"))
    return kernels_list(argc - 1, argv + 1);
  if (!strcmp(argv[1], "describe"))
    return kernels_describe(argc - 1, argv + 1);
  if (!strcmp(argv[1], "measure"))
    return measure_alone(argc - 1, argv + 1);
  if (!strcmp(argv[1], "--version"))
    return printf("offsim-kernels-cuda %s\n", OFFSIM_VERSION) > 0 ? KERNELS_OK : KERNELS_SYSTEM;
  bool asked = !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h");
  if (!asked)
    fprintf(stderr, "offsim-kernels-cuda: error: unknown command '%s'\n", argv[1]);
  fputs(help, asked ? stdout : stderr);
  return asked ? KERNELS_OK : KERNELS_USER;
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    fputs(help, stderr);
    return KERNELS_USER;
  }
  int code = dispatch(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout))
    return code;
  fputs("offsim-kernels-cuda: error: cannot write to standard output\n", stderr);
  return code == KERNELS_OK ? KERNELS_SYSTEM : code;
}
