/* profile_commands.h: the subcommands of `offsim profile`: one file and one row in cmd_profile.c each. argv[0] is the
 * subcommand's name; an exit code (sim/err.h) comes back. */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_COMMANDS_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_PROFILE_COMMANDS_H

int profile_import(int argc, char **argv);
int profile_show(int argc, char **argv);
int profile_diff(int argc, char **argv);

#endif
