/* arrivals.h: the inside of a source, shared by models/workload.c and models/arrivals_*.c. Nobody else includes it. */
#ifndef OFFSIM_MODELS_ARRIVALS_H
#define OFFSIM_MODELS_ARRIVALS_H

#include "models/workload.h"
#include "sim/rng.h"

/* A stretch of the original laid at `out` of the run: [from, from + length) becomes [out, out + length). */
struct stretch { sim_time out, from, length; };

/* Which stretches follow one another: the replication of a trace, or of the rate of its fit. */
struct timeline {
  enum trace_replicate replicate;
  bool repeats;
  sim_time period, block, window;                       /* of the original; of a stretch */
  struct rng rng;                                       /* starts of blocks, of the window */
  sim_time out, rest_from, rest;                        /* rest: part of a block that wrapped around the end */
  sim_time start;
};
void timeline_start(struct timeline *, const struct trace_def *, sim_time period, struct rng);
/* False at the end. */
bool timeline_next(struct timeline *, struct stretch *);

/* The part of a joint stream of rows that belongs to a class: u of row k in [low, high). */
struct split { struct rng_root root; uint64_t key; double low, high; };
bool split_takes(const struct split *, uint64_t row);

struct attribute_from_column { int attribute, column; };
struct attribute_from_dist { int attribute; uint64_t key; const struct dist *dist; bool classifies; double error;
                             const struct scores_def *scores; };

struct source {
  const struct class_def *klass;
  const struct arrivals_def *arrivals;
  struct arena *arena;
  struct rng_root root;
  uint64_t key;                                         /* of the class's name */
  bool (*next)(struct source *, double *attribute);     /* advances now; false at the end */
  sim_time now;
  struct rng gaps, states;

  double (*gap)(struct source *);                       /* modulated: mean 1, in operational time */
  bool (*piece)(struct source *);                       /* sets rate and piece_end; false when no piece follows */
  double rate, mean_gap_s;
  sim_time piece_end;
  int state;

  const struct trace_table *table;
  const struct workload_fit *fit;
  struct timeline timeline;
  struct stretch stretch;
  struct split split;
  uint64_t row_key, index, rows, used;                  /* index: next row of the table; rows: of the joint stream so far */
  double thin, speed, fit_from_s;

  int n_columns, n_dists;
  struct attribute_from_column column[MAX_ATTRIBUTES];
  struct attribute_from_dist dist[MAX_ATTRIBUTES];
};

/* Each sets next and what it needs, and checks the definition. */
bool arrive_poisson(struct source *, struct err *) MUST_USE;
bool arrive_renewal(struct source *, struct err *) MUST_USE;
bool arrive_mmpp(struct source *, struct err *) MUST_USE;
bool arrive_on_off(struct source *, struct err *) MUST_USE;
bool arrive_piecewise(struct source *, struct err *) MUST_USE;
bool arrive_trace(struct source *, struct err *) MUST_USE;
bool arrive_fit(struct source *, const struct trace_def *or_null, struct err *) MUST_USE;
/* The next arrival of a modulated process. */
bool modulated_next(struct source *, double *attribute);
double gap_exponential(struct source *);
/* One row of the fit, at a time of the original; fit.c. */
void fit_row(const struct workload_fit *, double original_s, struct rng *, double *value);
double fit_gap(const struct workload_fit *, struct rng *);

#endif
