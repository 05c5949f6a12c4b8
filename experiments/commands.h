/* commands.h: the subcommands. Each parses its own arguments and returns an exit code (sim/err.h). argv[0] is its name. */
#ifndef OFFSIM_EXPERIMENTS_COMMANDS_H
#define OFFSIM_EXPERIMENTS_COMMANDS_H

int cmd_new(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_describe(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_presets(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_capacity(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_rerun(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_matrix(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_fit_link(int argc, char **argv);
int cmd_ope(int argc, char **argv);
int cmd_train(int argc, char **argv);
int cmd_tune(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_policy_check(int argc, char **argv);
int cmd_policy_new(int argc, char **argv);
int cmd_policy_build(int argc, char **argv);
int cmd_testbed(int argc, char **argv);
int cmd_validate(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_profile(int argc, char **argv);

#endif
