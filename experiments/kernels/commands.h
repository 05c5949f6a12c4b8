/* commands.h: the commands of offsim-kernels. A command is one function here, and one row in main.c. */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_COMMANDS_H
#define OFFSIM_EXPERIMENTS_KERNELS_COMMANDS_H

/* Exit codes, as the main program's. */
enum {
  KERNELS_OK = 0,
  KERNELS_NEGATIVE = 1,                                 /* nothing could be measured */
  KERNELS_USER = 2,                                     /* the arguments are wrong */
  KERNELS_SYSTEM = 3,                                   /* file, disk, memory */
  KERNELS_INTERRUPTED = 75
};

int kernels_list(int argc, char **argv);
int kernels_describe(int argc, char **argv);
int kernels_measure(int argc, char **argv);
int kernels_pipeline(int argc, char **argv);
int kernels_serve(int argc, char **argv);
int kernels_relay(int argc, char **argv);
int kernels_client(int argc, char **argv);
int kernels_start(int argc, char **argv);               /* what process_start starts */

#endif
