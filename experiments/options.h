/* options.h: the command line of commands whose options all take a value and that are about one thing. */
#ifndef OFFSIM_EXPERIMENTS_OPTIONS_H
#define OFFSIM_EXPERIMENTS_OPTIONS_H

#include "scenarios/scenario.h"
#include "sim/arena.h"

/* Take one option with its value (NULL: the line ended). Returns false after adding to err. */
typedef bool option_fn(void *context, const char *option, const char *value, struct err *);

/* Reads argv[1..]: known options go to `take`, the one other word to *subject (NULL when there is none). `command` is
 * named in messages; an unknown option names the nearest. False after adding to err. */
bool options_read(const char *command, int argc, char **argv, const char *const *known, size_t n_known, option_fn *take,
                  void *context, const char **subject, struct err *) MUST_USE;
/* "sweep: unknown option '--replication'; did you mean '--replications'?" False. */
bool options_unknown(const char *command, const char *word, const char *const *known, size_t n_known, struct err *);

/* Words without a value. options_flag: true: it was one of them, and what it stands for is set. options_flags: takes them
 * out of argv[1..], wherever they stand, and sets what they stand for. Returns how many words are left, with argv[0]. */
struct option_flag { const char *word; bool *set; };
bool options_flag(const struct option_flag *, size_t n, const char *word);
int options_flags(int argc, char **argv, const struct option_flag *, size_t n);

/* Options whose value is kept as it stands. True: it was one of them. */
struct option_text { const char *option; const char **to; };
bool options_text(const struct option_text *, size_t n, const char *option, const char *value);

/* `--set PATH=VALUE` onto the end of set, which has room. `before` opens the message ("train: "); text NULL: the line
 * ended. False after adding to err. */
bool options_set(const char *before, const char *text, struct arena *, struct override *set, size_t *n_sets,
                 struct err *) MUST_USE;
struct points_where;
/* `--where FACTOR=VALUE`, which is cut in two. False after adding to err. */
bool options_where(const char *before, char *text, struct points_where *, struct err *) MUST_USE;

#endif
