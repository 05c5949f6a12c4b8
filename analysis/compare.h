/* compare.h: policies side by side, from the catalogue of one results folder or of several.
 *
 *   struct comparison *c = comparison_load(&dir, 1, &(struct comparison_options){0}, &err);
 *   comparison_print_table(c, stdout, &(struct comparison_view){.colour = true});
 *   json *j = comparison_json(c);
 *
 * Every policy and metric gets a Student t interval over replications. Differences are paired by replication (common
 * random numbers). On the primary metric they are simultaneous: Bonferroni over the policies when the baseline was
 * given, over all pairs when the best one was taken, which stays valid after that choice. A verdict compares the
 * interval with the practical margin m = margin x |baseline|: wholly inside (-m, m) equivalent, wholly beyond m better
 * or worse, else undecided. Other metrics are exploratory: plain 95 % intervals, no verdict.
 *
 * Read from the catalogue: the resolved scenario (name, seed, primary, margin, policies, telemetry) and the provenance
 * keys `version`, `sources` (JSON list of {preset, key, source, grade, year}) and `point.*`: the point of the last call
 * (`point.current`), and which runs of a point belong to the last call there (`point.N.seed`, `point.N.base.POLICY`,
 * against the notes of each run).
 */
#ifndef OFFSIM_ANALYSIS_COMPARE_H
#define OFFSIM_ANALYSIS_COMPARE_H

#include "analysis/metrics.h"
#include "analysis/stat_tests.h"
#include "sim/err.h"
#include "sim/json.h"
#include "sim/stat.h"
#include "sim/trust.h"
#include <stdio.h>

struct comparison_options {
  const char *baseline;                                 /* entry name; NULL = the best policy on the primary metric */
  const char *primary; double margin;                   /* NULL, 0 = the scenario's, else latency_p95_s and 0.02 */
  const char *const *policy; size_t n_policies;         /* only these, in this order; 0 = all */
  bool some_replications; uint64_t from, to;            /* only these, both included */
  bool point_given; uint64_t point;                     /* default: the point of the last call */
};

struct compared_metric {
  const char *metric, *klass, *place;                   /* "" = whole run */
  double *x;                                            /* one value a replication; NaN = it has none */
  struct interval interval;                             /* n = values that are numbers */
  bool unsupported;                                     /* tail quantile with fewer than 10 requests beyond it a run */
  size_t needs;                                         /* > 0: a quantile that is refused, as its interval would need */
                                                        /* so many requests a run: no value, method "refused" */
  bool judged; struct trust trust;                      /* of a steady run's latencies: long enough? (sim/trust.h) */
  struct controlled control; double control_mean;       /* by the requests of the cohort; mean NaN = none */
};
struct compared_policy {
  const char *name, *kind, *type;                       /* type: the policy's own name, e.g. threshold */
  const char *entry;                                    /* its name in its own folder: without "@FOLDER" */
  bool learner, model_greedy;                           /* model_greedy: it is that reference (cost_aware, own weights: no) */
  size_t n; uint64_t *replication;                      /* runs that are done */
  size_t failed; const char *failure;                   /* runs that failed; the first one's message */
  size_t remarked; const char *remark;                  /* done, but the host put something right; the first one's */
  size_t n_metrics; struct compared_metric *metric;
  char trace_hash[33];                                  /* sum over its runs */
  char (*run_id)[33]; const char **trace;               /* [n]; path of the run's trace, "" = none */
  const void **sketch; size_t *sketch_bytes;            /* [n]; latency sketch of the run; quantiles_load */
  const char *dir;
  uint64_t events; double elapsed_s;
  size_t n_warnings; char **warning;
};

enum verdict { VERDICT_NONE, VERDICT_BETTER, VERDICT_EQUIVALENT, VERDICT_WORSE, VERDICT_UNDECIDED };
extern const char *const verdict_name[];
struct paired {
  size_t policy;                                        /* against the baseline */
  const struct metric_info *info;
  struct interval difference;                           /* policy - baseline, in the metric's unit */
  double baseline;                                      /* mean of the baseline over the same replications */
  double variance_ratio;                                /* Var(unpaired difference) / Var(paired); NaN = unknown */
  bool simultaneous; size_t of;                         /* Bonferroni over so many */
  enum verdict verdict;
  double p; struct signed_ranks wilcoxon;               /* of no difference; NaN = cannot be told */
  double p_holm;                                        /* secondary metrics: over all of them and all policies */
};

struct comparison {
  char *scenario, *version; uint64_t seed; size_t replications;
  const struct metric_info *primary; double margin;
  size_t baseline; bool baseline_given;                 /* index of a policy; SIZE_MAX = none can be compared */
  size_t n_policies; struct compared_policy *policy;
  size_t n_pairs; struct paired *pair;                  /* primary first, then every whole-run metric */
  size_t family;                                        /* pairs that p_holm is adjusted over */
  double warmup_s;                                      /* removed before the window; NaN = none (terminating) */
  const char *regret_against;                           /* policy that `regret` is measured against; NULL = none */
  char trace_hash[33]; uint64_t events; double elapsed_s;
  char *incomplete;                                     /* "tuned threshold, model-greedy"; NULL = nothing is missing */
  char *remedy;                                         /* "add `clairvoyant`": of what is missing and exists; or NULL */
  char *notes;                                          /* lines: which always_* policies the best fixed ones are */
  uint64_t point;                                       /* of the first folder */
  char *points;                                         /* which points are shown, of folders that hold several; or NULL */
  json *resolved;                                       /* scenario; NULL when unreadable */
  struct comparison_store *store;                       /* strings and catalogues */
};

/* NULL with problems in err: unknown baseline, metric, policy or point; nothing done in the folder. */
struct comparison *comparison_load(const char *const *dir, size_t n_dirs, const struct comparison_options *,
                                   struct err *);
void comparison_free(struct comparison *);

const struct compared_metric *comparison_metric(const struct compared_policy *, const char *metric, const char *klass,
                                                const char *place);
/* A value of a class and a place (or task and phase) that is 0 for every policy. */
bool comparison_never(const struct comparison *, const struct compared_metric *);
/* Columns of a table of classes, or of places, at most GROUP_COLUMNS: those of each one, then those of engines, instances,
 * caches and the like that are not zero everywhere. Returns how many. */
enum { GROUP_COLUMNS = 40 };
size_t comparison_columns(const struct comparison *, bool of_classes, const char *name[GROUP_COLUMNS]);
/* The primary metric is infinite, the wrong way, under all that compete: there is no best one, and no baseline of itself. */
bool comparison_all_hopeless(const struct comparison *);
const struct paired *comparison_pair(const struct comparison *, size_t policy, const char *metric);
/* Paired differences a - b over common replications; n tells how many. */
struct interval compare_paired(const double *a, const uint64_t *a_replication, size_t n_a, const double *b,
                               const uint64_t *b_replication, size_t n_b, double confidence, double *variance_ratio);
/* Student t of the values that are numbers; infinite ones make the mean infinite and leave no interval. */
struct interval comparison_interval(const double *x, size_t n, double confidence);
double comparison_quantile(const char *metric);         /* .99 of latency_p99_s; NaN = no quantile */
enum verdict compare_verdict(struct interval difference, double margin, int better);
/* Says which points are shown, where a folder holds several. NULL is allowed. */
void comparison_say_point(const struct comparison *, FILE *);
/* One sentence: which policy wins on the primary metric and by how much. Caller frees. */
char *comparison_sentence(const struct comparison *);
/* How far the money in all may be off, where the scenario says how far its prices may be; NULL: it does not. Caller frees. */
char *comparison_price_band(const struct comparison *);

/* What the joules of a comparison are of: the scenario's `energy_boundary` in words; NULL where nobody spends any. */
const char *comparison_boundary(const struct comparison *);
bool comparison_has_carbon(const struct comparison *);      /* some policy was counted by a grid's intensity */

/* A row computed from others' runs, by what they turned out to cost: best_fixed, tuned_threshold. */
bool comparison_in_hindsight(const char *type);

/* A warning that several policies share is said once: did one before `policy` have it, and how many have it? */
bool comparison_said_before(const struct comparison *, size_t policy, const char *warning);
size_t comparison_with_warning(const struct comparison *, const char *warning);
const char *comparison_provenance(const struct comparison *, const char *key); /* of the first folder's point, or of the folder */

/* A point of what `run` wrote may hold runs of another seed, or of a policy with other settings, than the last call's. */
struct catalog;
struct catalog_run;
bool comparison_is_current(struct catalog *, uint64_t point, const struct catalog_run *);

enum compare_by { BY_NOTHING, BY_CLASS, BY_PLACE };
struct comparison_view { const char *metric; enum compare_by by; bool pareto, colour, brief; };  /* brief: for `run` */
void comparison_print_table(const struct comparison *, FILE *, const struct comparison_view *);
void comparison_print_csv(const struct comparison *, FILE *, const struct comparison_view *);
void csv_text(FILE *, const char *);                    /* RFC 4180: quoted when needed */
void csv_number(FILE *, double);                        /* after a comma; nothing for NaN */
json *interval_json(struct interval);                   /* value, lo_95, hi_95, n, method */
/* The keys of `run --format json` (design section 8) and `comparison`: baseline, primary, pairs, incomplete. */
json *comparison_json(const struct comparison *);

#endif
