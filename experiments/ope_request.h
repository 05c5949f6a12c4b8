/* ope_request.h: what `offsim ope` was asked for, and what its files share: cmd_ope.c asks and evaluates, ope_find.c finds
 * the logged runs and the target, ope_print.c warns and tells.
 */
#ifndef OFFSIM_EXPERIMENTS_OPE_REQUEST_H
#define OFFSIM_EXPERIMENTS_OPE_REQUEST_H

#include "experiments/ope_log.h"
#include "experiments/replay.h"
#include "experiments/replications.h"
#include "sim/arena.h"

struct ope_request {
  const char *dir, *target, *entry, *logger, *replications, *rows_file;
  struct ope_options options;
  bool json, no_truth, help;
  struct replications wanted;
  struct arena *arena;
  struct replay replay;                                 /* of the first logged run */
  uint64_t seed;
  size_t n_runs; uint64_t *replication; char (*trace_hash)[33];
  struct scenario *scenario, *target_scenario;
  struct run_order order;
  struct ope_world world;
  struct ope_rows *rows;
  struct ope_truth truth;
  struct ope_result result;
  size_t n_warnings; char *warning[8];
};

/* "ope: ..." False. */
bool ope_mistake(struct err *, const char *text);

/* ---- ope_find.c -------------------------------------------------------------------------------------------------- */

/* The runs of the log, its scenario, and the target; False after an error. */
bool ope_find(struct ope_request *, struct err *);

/* ---- ope_print.c ------------------------------------------------------------------------------------------------- */

/* What the estimators take for granted, as far as the log can tell: into `warning`. After the estimates. */
void ope_find_warnings(struct ope_request *);
/* The estimates, as a table or JSON. */
void ope_print(const struct ope_request *);

#endif
