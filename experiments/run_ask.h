/* run_ask.h: what `offsim run` does, without traces and without its tables, for commands that decide what to run next. */
#ifndef OFFSIM_EXPERIMENTS_RUN_ASK_H
#define OFFSIM_EXPERIMENTS_RUN_ASK_H

#include "analysis/store/catalog.h"
#include "scenarios/scenario.h"

/* As on the command line of `run`; NULL: not given. */
struct run_ask {
  const char *file;
  const struct override *set; size_t n_sets;
  const char *policies, *replications, *seed, *dir;
  int workers;
  bool quiet;
};
struct run_told { size_t done, reused, failed; };
/* Called for each run of the call that is done, whether now or before; values live until run_ask returns. */
typedef void run_told_fn(void *context, const char *policy, const struct catalog_run *);
/* An exit code; what went wrong is in err, or (failed runs, an interrupt) was told on stderr or needs no words. */
int run_ask(const struct run_ask *, run_told_fn *, void *context, struct run_told *, struct err *);

#endif
