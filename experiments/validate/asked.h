/* asked.h: a question on the command line whose answer is a mean over runs: `validate regret`, `validate pod`. */
#ifndef OFFSIM_VALIDATE_ASKED_H
#define OFFSIM_VALIDATE_ASKED_H

#include "experiments/validate/parallel.h"
#include "sim/err.h"
#include "sim/json.h"

#include <stdint.h>

/* What both have. */
struct asked { uint64_t seed; int workers, runs; bool json; };

struct asked asked_default(void);
/* --seed, -j, --runs, --format. False after adding to err; *mine tells whether the option was one of these. */
bool asked_take(struct asked *, const char *option, const char *text, bool *mine, struct err *);
/* A number in [low, high], whole if wanted; False after adding "--option needs a number from low to high, not 'text'". */
bool asked_number(const char *option, const char *text, double low, double high, bool whole, double *out, struct err *);
/* Does the runs and prints their mean and standard error: as text, or put into `object` (given over). Exit code. */
int asked_answer(const struct asked *, parallel_fn *, const void *context, const char *what, json *object);

#endif
