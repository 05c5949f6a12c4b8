/* testbed.h: `offsim testbed`: a mini offloading system run for real on loopback, and the simulator's prediction of it.
 *
 * A bed is one configuration at one load, a round one repeat of it. Before the load of each round, in the same processes, is
 * measured what a prediction may know: times of the kernels (with the pauses that the load will leave the server), what an
 * empty request costs, how long a worker takes to start; and once more between the load's parts (kernels) and after it (cold
 * starts). The prediction that is judged knows all of these; the forecast only what was known before the load.
 */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_TESTBED_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_TESTBED_H

#include "models/link_trace.h"
#include "sim/arena.h"
#include "sim/err.h"
#include "sim/json.h"

#include <sys/types.h>

enum { BED_WORKS = 16, BED_LOADS = 8, BED_REPEATS = 100, BED_BATCH = 8, BED_INSTANTS = 11, BED_PARTS = 20, BED_CALIBRATE = -2 };
enum bed_instant { BED_PLANNED, BED_SENT, BED_UP_IN, BED_UP_DUE, BED_UP_OUT, BED_SERVE, BED_SERVED, BED_DOWN_IN, BED_DOWN_DUE,
                   BED_DOWN_OUT, BED_RECEIVED };

struct bed_options {
  const char *kernels, *dir, *link, *profile;           /* kernels: the program */
  const struct bed_costs *costs;                        /* of the profile; NULL: what the kernels cost is measured in place */
  int n_works; const char *work[BED_WORKS];             /* KERNEL:p=N,... */
  const char *batch_work, *batch_parameter;             /* of the configurations with batches */
  int n_loads; double load[BED_LOADS];
  long requests, repeats, executions, again, empties;   /* again: executions of a calibration between parts of a load */
  bool batching, cold_starts, quick, json;
  uint64_t seed;
  int server_core, client_core;
  double slow;                                          /* a planted fault: the loaded server is so many times slower */
  double request_bytes, reply_bytes, rate_Bps, weights_bytes;
  const char *link_keys;                                /* of the link in a scenario: its trace, rate, round trip */
  double link_most_s;                                   /* no request is on it for longer */
};

/* ---- the profile (testbed_profile.c) -------------------------------------------------------------------------------- */
/* One execution by the profile: mean over its scatter, median, and the ends of the band, factors. */
struct bed_cost { double expected_s, median_s, low, high; };
struct bed_costs { struct bed_cost plain[BED_WORKS], batch[BED_BATCH]; };       /* of --work, of the batch work by size */
enum bed_error { BED_MEDIANS, BED_LOW, BED_HIGH };      /* calibration.error: none, low, high */
/* o->costs from o->profile, before anything runs: false where the simulator refuses it. */
bool bed_profile_read(struct bed_options *, struct arena *, struct err *) MUST_USE;

/* ---- processes (testbed_run.c) ------------------------------------------------------------------------------------ */
struct bed_process { pid_t pid; int out; int port; bool raised; };       /* raised: ahead of other processes */
/* Starts `kernels` with argv (NULL at the end) and waits for the line that tells its port; port false: does not wait. */
bool bed_start(struct bed_process *, const char *const *argv, bool port, struct err *) MUST_USE;
/* Its end: the exit code in *code; EXIT_INTERRUPTED when a signal came first (it is then stopped). */
bool bed_end(struct bed_process *, int *code, struct err *) MUST_USE;
void bed_stop(struct bed_process *);

/* A request as the client recorded it. Seconds from its time 0. */
struct bed_record { int shape, batch; bool cold; double cpu_s, spent_s, at_s[BED_INSTANTS]; };
struct bed_records { size_t n; struct bed_record *at; };
bool bed_read_records(const char *path, struct arena *, struct bed_records *, struct err *) MUST_USE;

/* How many came to the server before a calibration was over and were served after it. */
long bed_met_calibration(const struct bed_records *);

/* ---- what is known (testbed_before.c) ------------------------------------------------------------------------ */
struct bed_sample { size_t n; double *s; double mean; };        /* ascending */
/* Parts of a round's load: before the first, between them and after the last the kernels are timed again. */
struct bed_parts { int n; double from_s[BED_PARTS], end_s; };
/* warm_s: from the relay to a warm worker; away_s: from an answer to the next request's arrival beyond the client's pause, a
 * short one (the lower quartile); first_s: how much more occupancy is by a worker's first request. */
struct bed_ways { double warm_s, away_s, first_s; };
struct bed_known {
  struct bed_sample kernel[BED_WORKS][BED_BATCH];       /* seconds of one execution, of shapes and batch sizes */
  struct bed_sample overhead;                           /* of an empty request, but for link and occupancy */
  struct bed_sample cold;                               /* from a request to a worker that is ready */
  double occupancy_s, more_s;                           /* of the worker by an empty request; by each further one of a batch */
  struct bed_ways ways;
  struct bed_parts parts;                               /* n 0: only what was measured before is known */
  double pace[BED_PARTS], unlike;                       /* kernels' times in a part; log of odd calibrations over even */
  const struct bed_costs *costs;                        /* of a profile, in place of `kernel`; NULL: none */
  enum bed_error error;                                 /* of costs */
};
struct bed {
  const struct bed_options *o;
  const char *name;                                     /* plain, batching, cold-starts, batching-cold-starts */
  bool batching, cold;
  double load, rate_per_s, service_s, keep_alive_s;     /* service: of one request where all batches are full */
  int n_shapes, n_batch; const char *const *shape;
  double stir_s;                                        /* for so long an empty request, or batch of them, occupies the worker */
  struct arena *arena;
};
bool bed_sample_of(struct bed_sample *, struct arena *, const double *x, size_t n);
/* After its values were changed: their mean. */
void bed_sample_settle(struct bed_sample *);
double bed_quantile(const struct bed_sample *, double q);
/* Server and relay, after the kernels were timed there; idle_s: mean pause, with this share of the executions. */
struct bed_system { struct bed_process server, relay; };
bool bed_system_start(const struct bed *, const char *base, double slow, struct bed_system *, struct err *) MUST_USE;
void bed_system_stop(struct bed_system *);
/* The service of a request without load: what the rates of a configuration come from. */
bool bed_first_times(struct bed *, struct bed_known *, struct err *) MUST_USE;
bool bed_time_again(struct bed *, struct bed_known *, struct err *) MUST_USE;
bool bed_learn(const struct bed *, const struct bed_system *, const char *base, struct bed_known *, struct err *) MUST_USE;
/* Of a request what is neither link nor queue nor kernel nor occupancy. */
double bed_overhead_s(const struct bed_known *, const struct bed_record *);
/* Cold starts after the load, to those before. */
bool bed_learn_after(const struct bed *, const struct bed_system *, const char *base, struct bed_known *, struct err *) MUST_USE;
/* What the calibrations around the parts of the load say: the kernels of all of them, and the pace of each part. */
bool bed_learn_pace(const struct bed *, const char *base, const struct bed_parts *, struct bed_known *, struct err *) MUST_USE;
bool bed_client(const struct bed *, const struct bed_system *, const char *base, const char *plan, bool closed,
                struct bed_records *, struct err *) MUST_USE;

/* ---- the prediction (testbed_predict.c) --------------------------------------------------------------------------- */
/* BASE.csv: arrivals and shapes of the round, by its seed; the same file is replayed and simulated. */
bool bed_write_plan(const struct bed *, const char *base, uint64_t round, struct bed_parts *, struct err *) MUST_USE;
/* So long an answer may take (a calibration lies before it, or an outage), and a process of a round at most. */
double bed_patience_s(const struct bed *);
double bed_limit_s(const struct bed *);
/* BASE.yaml, or BASE-low.yaml ... with the variant "-low"; kernels and occupancy times the factor. */
bool bed_write_scenario(const struct bed *, const char *base, const char *variant, const struct bed_known *, double factor,
                        struct err *) MUST_USE;
/* Runs it here: latencies of its requests. */
bool bed_simulate(const char *scenario, struct arena *, struct bed_sample *, struct err *) MUST_USE;

/* ---- the link (testbed_link.c) -------------------------------------------------------------------------------------- */
/* The link as both know it: o->link_keys for the scenarios, DIR/link.csv for the relay, both from DIR/link.yaml, whose trace is
 * what --link names, or DIR/link.rtt, made by the seed. */
bool bed_write_link(struct bed_options *, struct arena *, struct err *) MUST_USE;

/* Of a profile: a task's work, its batch parameter multiplied; the server's hardware; one execution. */
struct text;
bool bed_put_work(struct text *, const char *shape, const char *batch_parameter, int batch, struct err *) MUST_USE;
void bed_put_hardware(struct text *, const struct bed_known *);
double bed_cost_s(const struct bed_cost *, enum bed_error);

/* ---- the result (testbed_report.c) -------------------------------------------------------------------------------- */
enum { BED_LEVELS = 7 };
extern const double bed_level[BED_LEVELS];              /* .05 .25 .5 .75 .9 .95 .99 */
struct bed_result {
  const char *name; double load, rate_per_s;
  struct bed_sample measured, predicted, low, high, hindsight, before;
  double round_p50[BED_REPEATS], round_p95[BED_REPEATS], kernel_factor, kernel_median, cpu_share, overhead_s, known_overhead_s,
    occupancy_s, known_occupancy_s, steal_share, band_factor, cold_factor, late_s, batch_mean, cold_share, utilization;
  int rounds; long requests;
  bool raised;
  int anew;                                             /* rounds that were measured again: a request met a calibration */
  long met;                                             /* requests that met a calibration all the same */
  int n_shapes, n_batch; const char *const *shape;
  double in_place_s[BED_WORKS][BED_BATCH];              /* medians of all calibrations, less their pace; mean over the rounds */
};
struct bed_verdict { bool within; double error_p50, error_p95, bar_p50, bar_p95, width_p50, width_p95; };
/* The factor of kernels between the middle of the band and its end: what R calibrations' scatter sigma leaves open of their mean (t:
 * Student's, 90 %), and a constant scatter of what serving adds (90 % of a normal one), in quadrature. */
double bed_kernel_band(double t, double sigma, int rounds, double serving_sigma);
struct bed_verdict bed_judge(const struct bed_result *);
void bed_print(const struct bed_options *, const struct bed_result *, int n, const char *why_not, FILE *);
json *bed_json(const struct bed_options *, const struct bed_result *, int n, const char *why_not);
/* The profile against the times in place, where there is one. */
void bed_profile_print(const struct bed_options *, const struct bed_result *, int n, FILE *);
json *bed_profile_json(const struct bed_options *, const struct bed_result *);
bool bed_figure(const struct bed_options *, const struct bed_result *, struct err *) MUST_USE;

#endif
