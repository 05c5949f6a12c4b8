/* sample.h: the times of one shape of one kernel, with the method of docs/calibration.md:
 *
 *   prepare - run once - self-check (no timing without a passed one) - warm up until the medians of two blocks agree -
 *   repeat, short executions in batches of at least 100 us, until the interval of the median is narrow, or time is up -
 *   leave out repetitions in which someone else had the core, as long as enough remain. Of work that waits by itself (bound by
 *   the system) slow executions stay: whoever waits for it waits for them too, and its scatter tells.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_SAMPLE_H
#define OFFSIM_EXPERIMENTS_KERNELS_SAMPLE_H

#include "experiments/kernels/kernel.h"
#include "experiments/kernels/numerics.h"
#include "experiments/kernels/place.h"
#include "experiments/kernels/probe.h"
#include "experiments/kernels/sensor.h"

enum { SAMPLE_MOST = 400 };                             /* of 150 us each: 60 ms */

/* What all samples have in common. */
struct method {
  int least, most;                                      /* repetitions, <= SAMPLE_MOST */
  double agree, spread;                                 /* shares: of warm-up medians; of the interval of the median */
  bool counters; char counters_text[KERNEL_WHY];        /* of context switches; what they say of themselves */
  double clock_wall_s, clock_cpu_s;                     /* what reading the clocks costs: taken off */
  const struct place *place;
  struct sensor sensor;
  struct probe_history *probes;                         /* NULL: no memory for it; then nobody probes */
  char *walk; size_t walk_bytes;                        /* to walk over the caches; NULL: not */
};

struct job {
  const struct kernel *kernel;
  double p[KERNEL_PARAMETERS];
  int pass, threads;
  bool cold, interference, off_grid;
  uint64_t seed;                                        /* of its data: one a shape, so that passes see the same */
};

struct sample {
  int n, inner, discarded;
  double wall_s[SAMPLE_MOST], cpu_s[SAMPLE_MOST];       /* of one execution, in time order */
  struct interval wall, cpu;
  bool stable;
  bool clean;                                           /* enough repetitions were undisturbed */
  double clock_s;                                       /* of a dependent step meanwhile (probe.h): the core's clock; NaN: not probed */
  double joule;                                         /* of one execution; NaN: no sensor */
  double took_s;                                        /* in warm-up and repetitions */
};

/* SKIPPED: it could not be prepared, or no neighbours could be had; WRONG: its self-check failed. Both with why. */
enum sample_end { SAMPLE_TAKEN, SAMPLE_WRONG, SAMPLE_SKIPPED, SAMPLE_STOPPED };

void method_find(struct method *, const struct place *, bool quick);
/* Memory to walk over: twice the last cache; without it kernels that cannot cool themselves have no cold sample. */
void method_walk(struct method *);
/* Takes at most about budget_s of repetitions, but the least number of them in any case. */
enum sample_end sample_take(const struct method *, const struct job *, double budget_s, struct sample *, char *why);

/* From repetitions to a sample: leaves out the disturbed ones while `least` remain; else keeps the least disturbed and
 * calls the sample unstable. n > 0. */
void sample_settle(const struct method *, enum kernel_bound, const struct repetition *, int n, struct sample *);
void method_free(struct method *);
/* Of two samples of the same job: is the first one better? A stable one is, then a clean one, then that of the narrower interval. */
bool sample_better(enum kernel_bound, const struct sample *, const struct sample *);

/* Has SIGINT or SIGTERM come? Both are blocked from stop_block on, and looked for. */
void stop_block(void);
bool stop_asked(void);

#endif
