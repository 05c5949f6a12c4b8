/* study.h: a scenario with what the command line adds to it: what `run` does, and `rerun` again. */
#ifndef OFFSIM_EXPERIMENTS_STUDY_H
#define OFFSIM_EXPERIMENTS_STUDY_H

#include "analysis/store/catalog.h"
#include "experiments/point.h"
#include "experiments/supervisor.h"
#include "scenarios/scenario.h"

struct study {
  struct scenario *scenario;
  int n_chosen, *chosen;                                /* policies to run, indices of scenario->policy; or one -1 */
  uint64_t from, to;                                    /* replications, both included */
  double warmup_s;                                      /* negative: as the scenario says */
  uint64_t point;                                       /* of the results folder; set by study_describe */
};

/* Choose policies: names of entries or of built-in policies, separated by commas; NULL = all entries. */
bool study_choose(struct study *, const char *policies, struct err *) MUST_USE;
const char *study_policy_name(const struct study *, int policy);
/* Refuse what cannot fit into memory; otherwise the number of workers that fit. 0 after adding to err. */
int study_workers(const struct study *, int wanted, struct err *);
/* Overrides as a JSON list of {path, value}, and back (into the arena). The text is the caller's. */
char *study_overrides_write(const struct override *, size_t n);
size_t study_overrides_read(const char *text, struct arena *, struct override **, struct err *);
/* Put the warm-up into the scenario that identities are made of. */
void study_set_warmup(struct study *, double warmup_s);
/* `warmup: auto`: where the catalogue's provenance has the truncation that a pilot found; and the warm-up that the latest
 * of them gives, two digits rounded up. */
enum { PILOT_KEY = 64 };
void study_pilot_key(struct hash base, uint64_t seed, char out[PILOT_KEY]);
double study_round_up(double truncation_s);
/* Scenario, policies and provenance into the catalogue, at the point that belongs to the scenario. */
bool study_describe(struct study *, const struct run_call *, struct catalog *, struct err *) MUST_USE;
/* The part of it that a study has: sources, files, program and machine. */
bool study_describe_sources(const struct scenario *, struct catalog *, struct err *) MUST_USE;
/* False when the folder has results of other model versions, unless the user wants them mixed. */
bool study_check_model(struct catalog *, const char *dir, bool mixed, struct err *) MUST_USE;
/* Versions of the libraries that results are written with, as one line. */
void study_libraries(char *out, size_t size);
void study_free(struct study *);

#endif
