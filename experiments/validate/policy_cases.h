/* policy_cases.h: the checked values behind `offsim validate policies`, as a table. To add one, write its function and a
 * row in experiments/validate/policies.c. */
#ifndef OFFSIM_VALIDATE_POLICY_CASES_H
#define OFFSIM_VALIDATE_POLICY_CASES_H

#include "sim/err.h"

#include <stdint.h>

struct policy_case;
/* plant: name of the planted fault, or NULL. */
struct case_run { uint64_t seed, run; bool quick; const char *plant; };
/* The value of one run, by (seed, run) alone. NAN after adding to err. */
typedef double case_fn(const struct policy_case *, const struct case_run *, struct err *);

/* How the mean x over the runs, with standard error se, is compared with the reference r. */
enum case_rule {
  CASE_ERRORS,                                          /* |x - r| <= 4 sqrt(se^2 + reference_se^2) */
  CASE_SHARE,                                           /* |x - r| <= tolerance |r|; --quick: + 4 se */
  CASE_BELOW                                            /* x <= r + 4 se */
};

struct policy_case {
  const char *name, *setting;
  case_fn *run;
  enum case_rule rule;
  double reference, reference_se, tolerance;
  int runs, quick_runs;                                 /* 1 = no chance in it; quick_runs 0: not in --quick */
  const char *policy;                                   /* what follows is for the function */
  double argument[4];
};

/* Nine Bernoulli arms .1 ... .9, T = 1e4; argument: delay. */
double case_regret(const struct policy_case *, const struct case_run *, struct err *);
/* Arms .5, .3, .4; the third .9 in [3000, 5000); T = 1e4. */
double case_change(const struct policy_case *, const struct case_run *, struct err *);
/* K = 20 actions with linear rewards: argument 0 regret over that of random choice, 1 regret(T) / regret(T / 4). */
double case_linear(const struct policy_case *, const struct case_run *, struct err *);
/* The same in ten dimensions, linucb's model rows; also 2 regret, 3 that of random choice.
 * Argument 1: 1 for the textbook's form. */
double case_linear_wide(const struct policy_case *, const struct case_run *, struct err *);
/* 500 servers, two choices; argument: load. And for infinitely many servers. */
double case_pod(const struct policy_case *, const struct case_run *, struct err *);
double case_pod_limit(const struct policy_case *, const struct case_run *, struct err *);
/* Take-all batching, alpha 1, tau 2: mean latency, and its upper bound; argument: arrival rate. */
double case_take_all(const struct policy_case *, const struct case_run *, struct err *);
double case_batch_bound(const struct policy_case *, const struct case_run *, struct err *);
/* P(cold), one instance. */
double case_keep_alive(const struct policy_case *, const struct case_run *, struct err *);
/* Offloading on harvested energy (lodco.c); without a policy the greedy rule. Argument: 1 for the share of drops. */
double case_lodco(const struct policy_case *, const struct case_run *, struct err *);

/* router_cases.c. Arguments: V, and 0 for the power or 1 for the mean backlog. */
double case_drift(const struct policy_case *, const struct case_run *, struct err *);
/* Scenario files of the same names, with the row's policy: mean latency; share of fan-outs of 100 that are slow; rate at
 * which the device is left. */
double case_two_queues(const struct policy_case *, const struct case_run *, struct err *);
double case_fan_out(const struct policy_case *, const struct case_run *, struct err *);
double case_break_even(const struct policy_case *, const struct case_run *, struct err *);
/* hedging.c: a quantile of latency, ms; arguments: percentile at which a copy is sent (0: none), quantile. */
double case_hedging(const struct policy_case *, const struct case_run *, struct err *);

#endif
