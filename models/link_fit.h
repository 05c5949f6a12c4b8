/* link_fit.h: models of measured links: a body of round-trip times with spikes and outages, and rates that remember.
 *
 * RTT (parameter book 1.1, 1.2): body = floor + X, X of one of three families, independent from message to message; an
 * episode begins with the first message above `threshold_s` and ends with the next one below. While an episode of peak P that
 * began at s lasts, a message sent at t takes max(body, P - (t - s)): what was sent while nothing passed arrives together at
 * its end. Spikes that last longer than their peak (delayed, not stopped) fall more slowly: `stretch`, how many times their peak
 * they last, drawn apart from it. Peaks below `outage_s` are spikes, the others outages. After an episode the body lasts until the next spike or the
 * next outage, each drawn anew (semi-Markov).
 * Rate (1.3): log R_k = log m + s X_k, X_k = rho X_{k-1} + sqrt(1 - rho^2) Z_k, one step a second, and idle stretches; where
 * no log-normal is near, R_k is the quantile Phi(X_k) of the rates themselves, idle seconds among them. Where one rho does not
 * tell how long a rate remembers, X is the sum of two such processes, a fast one and a slow one.
 *
 * Fits are maximum likelihood of intervals: a value rounded to q stands for [x - q/2, x + q/2), so that neither a floor nor
 * equal values make a likelihood infinite; a body that a run's end cut short counts as longer than what was seen.
 */
#ifndef OFFSIM_MODELS_LINK_FIT_H
#define OFFSIM_MODELS_LINK_FIT_H

#include "sim/arena.h"
#include "sim/dist.h"
#include "sim/rng.h"

/* One run: value in seconds (RTT; INFINITY = lost) or bytes per second; time_s rises. */
struct link_run { const char *name; size_t n; const double *time_s, *value; double step_s; };

/* ---- families and distances -------------------------------------------------------------------------------------- */

enum fit_family { FIT_LOGNORMAL, FIT_GAMMA, FIT_WEIBULL, FIT_EXPONENTIAL, FIT_EMPIRICAL, N_FIT_FAMILIES };
extern const char *const fit_family_name[N_FIT_FAMILIES];

/* lo <= value < hi, seen `weight` times; hi = INFINITY: only known to be beyond lo. */
struct span { double lo, hi, weight; };

/* floor + X; p as dist.h has them: lognormal(median, sigma) gamma(mean, shape) weibull(scale, shape) exponential(mean).
 * empirical: `n` values with weights. */
struct family_fit {
  enum fit_family family;
  double floor, p[2], log_likelihood, ks, w1;           /* distances to the sample; NaN when not computed */
  size_t n;
  const double *value, *weight;
  struct dist dist;                                     /* of X */
  bool good;                                            /* false: there was nothing to fit */
};

struct family_fit fit_spans(enum fit_family, const struct span *, size_t n, bool with_floor);
double fit_cdf(const struct family_fit *, double x);
double fit_draw(const struct family_fit *, struct rng *);
double fit_mean(const struct family_fit *);
struct family_fit fit_empirical(const double *value, const double *weight_or_null, size_t n, struct arena *);
/* The values themselves; where there are more than `most`, neighbours share their mean. */
struct family_fit fit_grouped(const double *sorted, const double *weight_or_null, size_t n, size_t most, struct arena *);

/* Smallest difference of sorted values: what they were rounded to. */
double fit_quantum(const double *sorted, size_t n);
/* Sorted values to spans of at least `width`; returns how many, `out` has room for n. */
size_t fit_spans_of(const double *sorted, size_t n, double quantum, double width, struct span *out);

/* Two sorted samples: largest difference of the shares below, and the mean distance of equal ranks (area between them). */
double distance_ks(const double *a, size_t n, const double *b, size_t m);
double distance_w1(const double *a, size_t n, const double *b, size_t m);
double sorted_quantile(const double *sorted, size_t n, double q);       /* rank ceil(q n), as sim/stat.h */
void sort_ascending(double *, size_t n);
/* Correlation of what lies `lag_s` apart (nearest message, within half a step); NaN where the run is too short. */
double run_autocorrelation(const struct link_run *, double lag_s);

/* ---- round-trip times -------------------------------------------------------------------------------------------- */

struct link_episode { double start_s, peak_s, seen_s, body_s; size_t messages; };
/* Episodes of a run, malloced. peak_s: seen_s, the longest wait, and half a step; body_s: the body before it. *tail_s: body after the last one; *body_s: all body time. */
struct link_episode *run_episodes(const struct link_run *, double threshold_s, size_t *n, double *tail_s, double *body_s);

#define BODY_KS_MOST 0.02
struct rtt_limits {
  double threshold_s, outage_s;                         /* 0: by the rule of rtt_threshold; 1 s */
  bool choose;                                          /* false: the nearest family whatever its distance */
};
/* What each message waited, malloced: a lost one until the next that was not lost arrived. */
double *run_waits(const struct link_run *);
/* The larger of 60 ms (what the parameter book counts spikes from) and three times the lowest decile. */
double rtt_threshold(const struct link_run *, size_t n);

struct state_fit { size_t n; double per_message, per_minute, messages_p50, messages_p95, peak_p50_s, peak_p95_s, longest_s; /* as seen */
                   struct family_fit every, peak, stretch; };     /* stretch not good: 1 */
struct rtt_model {
  double threshold_s, outage_s, quantum_s;
  size_t messages;
  /* body: the nearest of the families by W1; `choose`: the values themselves where its KS is above BODY_KS_MOST */
  struct family_fit body, families[3];
  struct state_fit spike, outage;                       /* n = 0: there were none */
};
/* NULL when there are too few messages below the threshold (30). */
const struct rtt_model *rtt_fit(const struct link_run *, size_t n_runs, struct rtt_limits, struct arena *);
/* What the model gives at the run's times; rounded as the measurement was. */
void rtt_sample(const struct rtt_model *, struct rng *, const double *time_s, size_t n, double *out);

/* ---- rates ------------------------------------------------------------------------------------------------------- */

struct rate_model {
  double median, sigma, rho, idle, longest_gap_s;       /* bytes per second; idle: share of bins below idle_below */
  double score_rho, slow_rho, slow_share;               /* of X; a slow part with a share of its variance, 0: none */
  double mean_bias;                                     /* mean of the log-normal over that of the rates, less 1 */
  bool fades;                                           /* the marginal has idle seconds too; else they come in stretches */
  double bin_s;
  size_t seconds;
  struct family_fit marginal;                           /* lognormal, or the rates themselves in equal shares */
  struct family_fit families[3], idle_lasts;            /* of the rate; distances relative to the median for W1 */
};
#define RATE_IDLE_BYTES_PER_S 6250.0                    /* 0.05 Mbit/s */
/* choose: as for RTT; NULL below 10 seconds with a rate. */
const struct rate_model *rate_fit(const struct link_run *, size_t n_runs, bool choose, struct arena *);
/* Rates of the bins of a run, at its times. */
void rate_sample(const struct rate_model *, struct rng *, const double *time_s, size_t n, double *out);
/* Means over whole seconds, NaN for one without rows; malloced. */
double *rate_seconds(const struct link_run *, size_t *n);

#endif
