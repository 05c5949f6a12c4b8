/* fit_link.h: what the files of `offsim fit-link` share: runs, one model of either kind, its errors on runs that it has not
 * seen, and what it does to decisions. */
#ifndef OFFSIM_EXPERIMENTS_FIT_LINK_H
#define OFFSIM_EXPERIMENTS_FIT_LINK_H

#include "models/link_fit.h"
#include "models/link_trace.h"
#include "analysis/text.h"
#include "sim/json.h"

enum { LINK_RUNS_MAX = 256, LINK_LAGS = 3, LINK_QUANTILES = 3, LINK_POLICIES = 5 };
extern const double link_lag_s[LINK_LAGS];              /* 1, 10, 60 */

/* Exactly one is set. */
struct link_model { const struct rtt_model *rtt; const struct rate_model *rate; };
struct link_study {
  enum link_trace_kind kind;                            /* LINK_RTT, or a rate */
  const struct link_run *run;                           /* n for the fit, then n_held */
  size_t n, n_held;
  bool blocks;                                          /* the runs are blocks of time of one or two traces */
  struct rtt_limits limits;
  uint64_t seed;
};
/* False when there is too little to fit. */
bool link_model_fit(const struct link_study *, const struct link_run *, size_t n, struct arena *, struct link_model *);

/* What is compared: round-trip times of messages, or rates of whole seconds. */
struct series { double *x, *sorted; size_t n; struct link_run run; };
struct series series_of(const struct link_study *, const struct link_run *);
/* What the model gives at the times of a run; `stream` keeps several apart. */
struct series series_from(const struct link_study *, const struct link_model *, const struct link_run *, uint64_t stream);
void series_free(struct series *);

/* Shares: quantiles and episodes are relative errors, w1 is relative to the second one's mean; the unit is in w1_unit. */
struct link_error { double ks, w1, quantile[LINK_QUANTILES], episodes; };
extern const double link_quantile[2][LINK_QUANTILES];   /* of RTT, of rates */

struct link_side { double quantile[LINK_QUANTILES], acf[LINK_LAGS], above, per_1000, messages_p50, messages_p95, peak_p50_s,
                   peak_p95_s, outages, outage_p50_s, outage_p95_s, outage_max_s, idle; };

struct link_effect_def { double deadline_s, local_s, service_s, bytes; };  /* 0: chosen from the traces */
/* apart, square: sums over folds of what one policy misses more than another on the trace. */
struct link_effect { struct link_effect_def def; double tasks, raw[LINK_POLICIES], model[LINK_POLICIES], folds;
                     double apart[LINK_POLICIES][LINK_POLICIES], square[LINK_POLICIES][LINK_POLICIES];
                     int rank_raw[LINK_POLICIES], rank_model[LINK_POLICIES]; bool same, same_where_told; };
extern const char *const link_policy_name[LINK_POLICIES];

struct link_result {
  struct link_model model;
  struct link_side raw, given;                          /* of all runs of the fit */
  struct link_error error, spread;                      /* held out: model to run; run to run */
  size_t folds, pairs;
  bool within;                                          /* neither distance is above the spread, and not: */
  bool unlike;                                          /* held-out runs are of another condition */
  struct link_effect effect;
};
bool link_study_run(const struct link_study *, struct link_effect_def, struct arena *, struct link_result *, struct err *);

/* Adds the misses of each policy on a run of round-trip times or rates; returns how many tasks there were. */
double link_effect_add(const struct link_effect_def *, const struct link_run *, uint64_t seed, double miss[LINK_POLICIES]);
/* A fold's misses on the trace: how far the policies are apart in it. */
void link_effect_fold(struct link_effect *, const double miss[LINK_POLICIES], double tasks);
/* From misses to ratios, with ranks. */
void link_effect_rank(struct link_effect *);
/* Does the trace tell p and q apart: is their mean difference over folds beyond its 95 % interval (Student)? */
bool link_effect_tells(const struct link_effect *, int p, int q);
/* True when trace and model put them in different order. */
bool link_effect_turned(const struct link_effect *, int p, int q);

/* ---- telling and writing ---- */
void link_result_print(const struct link_study *, const struct link_result *);
/* With the other direction and the user's scenario beside it, if there are such. */
struct link_trial;
void link_result_json(const struct link_study *, const struct link_result *, const struct link_study *up_or_null,
                      const struct link_result *, const struct link_trial *or_null);
/* up: what was measured is that direction; of_up: beside it, NULL: taken to be the same. */
struct link_preset { const char *name, *source, *grade, *doc; int year; bool up; const struct rate_model *of_up; };
bool link_preset_write(const struct link_study *, const struct link_result *, const struct link_preset *, const char *path,
                       struct err *) MUST_USE;

/* What is written of a round trip's body: one way, of which two drawn apart make it. `of`: the family, or empirical for the
 * body's own values, whichever is nearer (w1_s, from the body); free value. */
struct link_half { struct family_fit fit; enum fit_family of; double w1_s; double *value; };
struct link_half link_half_of(const struct rtt_model *);
/* The model as a link's own key (`latency` of half the round trip, or `rate`) and its `variability`, YAML; that is empty where
 * nothing varies. */
void link_model_keys(const struct link_model *, const struct rate_model *up_or_null, struct text *own, struct text *variability);
/* In double quotes, as YAML wants it. */
void link_put_quoted(struct text *, const char *);

/* ---- the user's scenario over the traces and over the model (fit_link_scenario.c) ---- */
struct link_trial_def {
  const char *scenario, *link, *replications, *seed, *dir, *gaps, *column;     /* NULL: not given */
  const struct rate_model *up;                          /* NULL: up is as down */
  size_t n; const char *const *file, *const *up_file;   /* traces to run it over; up_file NULL: the same file both ways */
};
/* x: missed deadlines of each policy, in each unit: a trace's mean where there are enough of them, else a replication. */
struct link_trial {
  const char *scenario, *link;
  size_t n, files, replications;                        /* policies, ... */
  const char **policy;
  struct interval *raw, *model;                         /* [n]; over units */
  int *rank_raw, *rank_model;
  bool *turned, *told;                                  /* [n][n]: changed places; further apart on the traces than chance */
  bool same, same_where_told;
};
/* False after adding to err, or when runs failed (*code then says how). */
bool link_trial_run(const struct link_study *, const struct link_model *, const struct link_trial_def *, struct arena *,
                    struct link_trial *, int *code, struct err *);
void link_trial_print(const struct link_trial *);
json *link_trial_json(const struct link_trial *);

#endif
