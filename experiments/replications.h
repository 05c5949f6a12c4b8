/* replications.h: which replications: "N" = 0 to N - 1, or "A..B", both included. */
#ifndef OFFSIM_EXPERIMENTS_REPLICATIONS_H
#define OFFSIM_EXPERIMENTS_REPLICATIONS_H

#include "sim/err.h"
#include <stdint.h>

enum { MAX_REPLICATIONS = 1000000 };
struct replications { uint64_t from, to; };
/* option: "--replications", named in the message. */
bool replications_parse(const char *option, const char *text, struct replications *, struct err *) MUST_USE;

#endif
