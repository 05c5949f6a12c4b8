/* frozen.h: policies that go by what they have learned: `run --frozen` and `frozen: true`. */
#ifndef OFFSIM_EXPERIMENTS_FROZEN_H
#define OFFSIM_EXPERIMENTS_FROZEN_H

#include "experiments/study.h"

/* `--frozen`: a further override per chosen learner (room for n_policies in `set`). A learner without state is refused;
 * what does not learn needs none. */
bool frozen_add(const struct study *, struct override *set, size_t *n_sets, struct arena *, struct err *) MUST_USE;
/* Refuses replications that a frozen policy was trained on, naming them. */
bool frozen_check(const struct study *, struct err *) MUST_USE;
/* The same of one entry, if it is frozen; advice: what to do instead. */
bool frozen_check_entry(const struct policy_def *, uint64_t seed, uint64_t from, uint64_t to, const char *advice,
                        struct err *) MUST_USE;

#endif
