/* capacity_request.h: what `offsim capacity` was asked for, and what its files share: cmd_capacity.c asks, capacity.c
 * searches, capacity_setting.c knows the setting that is varied, capacity_print.c tells.
 */
#ifndef OFFSIM_EXPERIMENTS_CAPACITY_REQUEST_H
#define OFFSIM_EXPERIMENTS_CAPACITY_REQUEST_H

#include "analysis/metrics.h"
#include "experiments/capacity.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

enum { UNIT_BYTES = 24 };

/* A number and its unit, as the user writes it. */
struct capacity_value { double number; char unit[UNIT_BYTES]; };

struct capacity_request {
  const char *file, *metric, *limit, *vary, *from_text, *to_text, *klass, *place, *policies, *replications, *seed, *dir;
  struct override *set; size_t n_sets;                  /* one more has room */
  int workers;
  bool above, quiet, json, help;
  double confidence;
  const struct metric_info *info;
  char *folder;
  size_t n_policies; const char **policy;
  struct arena *arena;
  struct scenario *scenario;                            /* at the first value */
  struct capacity_value from, to;
  double limit_value, step;
  int decimals;                                         /* of the step */
  bool whole;
  uint64_t n_replications;
  size_t done, reused;
  int code;                                             /* of the last call of run_ask */
};

/* "capacity: ..." with one or two texts in it. False. */
bool capacity_mistake(struct err *, const char *format, const char *a, const char *b);

/* ---- capacity_setting.c ------------------------------------------------------------------------------------------ */

/* Where to look, in the user's unit. */
bool capacity_read_range(struct capacity_request *, struct err *) MUST_USE;
/* Of the lattice of values; loads the scenario at the first one. */
bool capacity_choose_step(struct capacity_request *, struct err *) MUST_USE;
/* As the user would write it: "0.5 /s". */
char *capacity_value_text(const struct capacity_request *, double x);

/* ---- capacity_print.c -------------------------------------------------------------------------------------------- */

/* One answer a policy. */
void capacity_print_table(const struct capacity_request *, const struct capacity_answer *);
void capacity_print_json(const struct capacity_request *, const struct capacity_answer *);

#endif
