/* options.h: the command line of commands whose options all take a value and that are about one thing. */
#ifndef OFFSIM_EXPERIMENTS_OPTIONS_H
#define OFFSIM_EXPERIMENTS_OPTIONS_H

#include "sim/err.h"

/* Take one option with its value (NULL: the line ended). Returns false after adding to err. */
typedef bool option_fn(void *context, const char *option, const char *value, struct err *);

/* Reads argv[1..]: known options go to `take`, the one other word to *subject (NULL when there is none). `command` is
 * named in messages; an unknown option names the nearest. False after adding to err. */
bool options_read(const char *command, int argc, char **argv, const char *const *known, size_t n_known, option_fn *take,
                  void *context, const char **subject, struct err *) MUST_USE;
/* "sweep: unknown option '--replication'; did you mean '--replications'?" False. */
bool options_unknown(const char *command, const char *word, const char *const *known, size_t n_known, struct err *);

#endif
