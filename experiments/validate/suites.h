/* suites.h: the validation suites behind `offsim validate`. Each prints its table and returns an exit code: 0 when the
 * simulator agrees with theory, 1 when not. */
#ifndef OFFSIM_VALIDATE_SUITES_H
#define OFFSIM_VALIDATE_SUITES_H

#include "scenarios/scenario.h"

struct suite_options {
  uint64_t seed;
  int workers;
  bool quick;                                           /* reduced size, wider margin (make check) */
  bool json;                                            /* the table as JSON, where the suite can */
  double margin;                                        /* of equivalence, relative; 0 = the suite's */
  double requests;                                      /* per replication; 0 = the suite's */
  double length;                                        /* of intervals: only this one; 0 = all */
  int experiments;                                      /* of intervals, a cell; 0 = the suite's */
  double confidence, accusing_confidence;               /* of one row at one stage: to pass, to fail; set by the suite */
  const char *only;                                     /* one case; NULL = all */
  const char *plant;                                    /* a planted fault of the suite; NULL = none */
  const struct override *overrides; size_t n_overrides;
};

/* The folder of the shipped scenarios. */
const char *share_scenarios(struct arena *);

int validate_queues(struct suite_options *);
/* Whether the case, the fault and the other options are the suite's. */
bool queues_has(const struct suite_options *);
int validate_intervals(struct suite_options *);
bool intervals_has(const struct suite_options *);
int validate_policies(struct suite_options *);
bool policies_has(const struct suite_options *);
/* With arguments of their own; argv[0] is the suite's name. */
int validate_scheduler(int argc, char **argv);
int validate_vllm(int argc, char **argv);
int validate_steps(int argc, char **argv);
int validate_regret(int argc, char **argv);
int validate_pod(int argc, char **argv);
int validate_flows(int argc, char **argv);
int validate_routers(int argc, char **argv);
int validate_calibration(int argc, char **argv);
int validate_pipeline(int argc, char **argv);

#endif
