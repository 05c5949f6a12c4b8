/* tune.h: `offsim tune`, in three files: cmd_tune.c searches, tune_space.c says among what, tune_tell.c what was found. */
#ifndef OFFSIM_EXPERIMENTS_TUNE_H
#define OFFSIM_EXPERIMENTS_TUNE_H

#include "analysis/metrics.h"
#include "analysis/text.h"
#include "experiments/replications.h"
#include "scenarios/scenario.h"
#include "sim/arena.h"

enum { MAX_PARAMS = 8, MAX_WORDS = 16, MAX_CANDIDATES = 128, MAX_RUNS = 4096 };
/* words: of a choice, whose values are their indices. */
struct range { const char *name; double lo, hi; bool log, integer; int n_words; const char *word[MAX_WORDS]; };
/* One candidate: a value for each range; none: the entry as it stands. */
struct candidate { bool as_is; double value[MAX_PARAMS]; size_t n; double *x /* [MAX_RUNS] by replication */, mean;
                   bool refused; };
struct tuning {
  const char *file, *policy, *budget_text, *metric, *train_text, *test_text, *split_text, *seed, *dir, *out, *workers;
  const char *param[MAX_PARAMS]; int n_given;
  struct override *set; size_t n_sets;
  bool quiet, help, json;
  struct arena *arena;
  uint64_t budget;
  struct replications train, test; bool train_bounded;
  const struct metric_info *info;
  struct scenario *scenario;
  char *folder;
  struct text yaml;
  struct table *table; struct json_t *told;             /* told: list of the policies */
  /* of the policy at hand */
  const struct policy_def *entry; int index; bool added;
  struct range range[MAX_PARAMS]; int n_ranges; size_t refused;
  double split; bool testing;                           /* split 0: by replications alone */
  struct candidate *now;                                /* whose runs are being told */
  uint64_t first;
  struct err *err; int code;
};

/* ---- tune_space.c ------------------------------------------------------------------------------------------------ */

/* The ranges of t->entry: those of --param, else the declared ones. `one`: no other policy is being tuned. */
bool tune_find_ranges(struct tuning *, bool one, struct err *) MUST_USE;
/* Candidate 0 is the entry as it stands, the others points of a Sobol sequence. */
bool tune_draw(const struct tuning *, struct candidate *, size_t n, struct err *) MUST_USE;
/* Value of range k as the scenario writes it; in the arena. */
const char *tune_value(const struct tuning *, const struct candidate *, int k);

/* ---- tune_tell.c ------------------------------------------------------------------------------------------------- */

/* What was found for t->entry, into the table, the JSON and the YAML. tested: as it stands, and the winner, on the
 * replications of the test; search: their means in the search, NAN: none. */
struct tune_found { const struct candidate *tested /* [2] */; double search[2]; uint64_t spent; struct replications test; };
void tune_tell(struct tuning *, const struct tune_found *);
void tune_table_begin(struct tuning *);
bool tune_print(struct tuning *, struct err *) MUST_USE;

#endif
