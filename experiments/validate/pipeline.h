/* pipeline.h: is the time of a task the sum of its kernels? `offsim validate pipeline` executes a request of six tasks for real
 * and predicts each task from a profile.
 *
 * A call takes what the simulator has for it: models/kernel_time.h, asked with the bytes that were touched since the request
 * before touched its data. Example: 3 calls of 1e6 FLOP at 20 ps over 100 kB each, whose data come from memory at 50 ps a byte:
 * 60 us + 15 us = 75 us; 60 us are `data near`. Of the 100 kB 40 kB were just written: 60 us + 9 us = 69 us.
 * Band: the profile's bands of the kernels are independent, all calls of one kernel are wrong alike: with two kernels of
 * 1 ms and +-10 % each, 2 ms +- 0.141.
 */
#ifndef OFFSIM_VALIDATE_PIPELINE_H
#define OFFSIM_VALIDATE_PIPELINE_H

#include "scenarios/profile.h"
#include "sim/json.h"

enum { PIPELINE_TASKS = 16, PIPELINE_CALLS = 32, PIPELINE_AXES = 4, PIPELINE_TIMES = 10000, PIPELINE_CLEAN = 5 };

struct pipeline_call {
  const char *kernel; int version;
  int n_axes; const char *axis_name[PIPELINE_AXES]; double axis[PIPELINE_AXES];
  double units, times;
  double again_after_bytes, handed_bytes;               /* its data come again after so many others; of its data, just written */
};
struct pipeline_task {
  const char *name, *why;                               /* why: it could not be executed; NULL: it was */
  int n_calls; struct pipeline_call call[PIPELINE_CALLS];
  int n, n_disturbed; double *wall_s; bool *disturbed;
  const char *not_judged;                               /* why there is no prediction; NULL: there is */
  double hot_s;                                         /* as if all data were near */
  double predicted_s, low_s, high_s;
  double measured_s;                                    /* median of undisturbed executions, of all with fewer than 5 */
  bool within, wide;                                    /* wide: a band beyond -25 .. +33 %, which may hide a factor of 1.5 */
};
struct pipeline_run {
  const struct profile *profile;
  double cost_factor;                                   /* a planted mistake: 1 */
  double last_cache_bytes; bool pinned, ended;
  const char *pin_problem;
  int n_tasks; struct pipeline_task task[PIPELINE_TASKS];
  int judged, within, wanted, wide;
  const char *file; int line;
  struct arena *arena; struct err *err;
};

/* One line of the pipeline's program; false after adding what is wrong with it. The type measure_line. */
bool pipeline_line(void *run, const char *text, size_t n);
/* Predicts, compares, counts. False after adding: no end, no task. */
bool pipeline_judge(struct pipeline_run *) MUST_USE;
/* The least number of n tasks within their band: with nominal 90 % fewer happen in at most 2 % of all runs, but one at least
 * (n = 1: in 10 % of all runs it is not). n = 6: 4. */
int pipeline_wanted(int n);
/* Nothing was judged, or tasks of wide bands alone are as many as are wanted within: costs x 1.5 would pass as well. */
bool pipeline_blind(const struct pipeline_run *);
bool pipeline_passed(const struct pipeline_run *);

void pipeline_print(const struct pipeline_run *);
json *pipeline_json(const struct pipeline_run *);

#endif
