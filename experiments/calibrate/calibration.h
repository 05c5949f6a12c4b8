/* calibration.h: raw samples of a machine -> a profile: the measured costs of its kernels with their errors, and what is known
 * about the measurement. Written as a hardware preset (docs/calibration.md), with the raw samples beside it in HDF5.
 */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_CALIBRATION_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_CALIBRATION_H

#include "experiments/calibrate/fit.h"
#include "experiments/calibrate/raw.h"

enum { CALIBRATION_THREADS = 8 };

struct calibrated_kernel {
  int index;                                            /* of raw->kernel */
  bool wall;                                            /* its cost is wall time; else CPU time of the thread */
  struct kernel_samples samples;                        /* what was fitted */
  int n_shapes; const struct raw_sample **shape;        /* of each shape number, its first sample */
  struct kernel_fit fit;
  double wall_over_cpu, cold, interference;             /* medians of ratios; 1 where it was not measured */
  double fetch_s;                                       /* a byte from memory, beside the cost; NaN: not measured, or in it */
  bool cold_measured, interference_measured;
  int n_threads; struct { int n; double speed_up; } threads[CALIBRATION_THREADS];
  int n_samples, n_unstable;                            /* of those that were fitted */
};

/* A kernel without a cost, or a shape without: a name and why. */
struct calibration_note { const char *name, *why; };

struct calibration {
  const struct raw *raw;
  const char *name;
  int n; struct calibrated_kernel kernel[RAW_KERNELS];
  double flops, bandwidth;                              /* of the machine; NaN: the kernels for it were not measured */
  int bandwidth_cores;                                  /* on how many cores it was measured */
  double core_flops, core_int8;                         /* of one core: best GEMM */
  double core_bandwidth, cache_bandwidth;               /* of one core: triad from memory, and at its best */
  double last_cache_bytes;                              /* 0: not known */
  double drift;                                         /* of the sentinel, last against first; NaN: none */
  int n_unstable; const char **unstable;                /* "gemm_f32 m=64 n=64 k=64 (pass 0, hot, 1 thread)" */
  int n_unavailable; struct calibration_note unavailable[RAW_KERNELS];
  int n_failed; struct calibration_note failed[RAW_KERNELS];        /* self-checks that failed: their times are not used */
  int n_left_out; struct calibration_note left_out[RAW_KERNELS];    /* kernels that the simulator does not know */
  struct arena *arena;                                  /* raw's */
};

/* name NULL: made of the processor's. known: names of the kernels that scenarios have; others get no cost. False after
 * adding to err; calibration_release in any case. */
bool calibration_make(const struct raw *, const char *name, const char *const *known, size_t n_known, struct calibration *,
                      struct err *) MUST_USE;
void calibration_release(struct calibration *);
/* "Intel(R) Xeon(R) CPU @ 2.20GHz" -> "intel_xeon"; an id. */
const char *calibration_name_of(const char *cpu, struct arena *);
/* The samples of one kernel that a fit takes: hot, one thread, alone, on the grid or off it, no failed check. shape: of each
 * shape number its first sample; NULL: not asked for. */
struct kernel_samples calibration_samples(const struct raw *, int kernel, bool off_grid, const struct raw_sample ***shape,
                                          int *n_shapes);
bool calibration_on_wall_clock(const struct raw *, int kernel);

/* Seconds with a unit, "12.1 ps". */
const char *calibration_seconds_text(struct arena *, double s);
/* The file; .part and renamed. samples: name of the HDF5 file that belongs to it, or NULL. */
bool calibration_write(const struct calibration *, const char *path, const char *samples, struct err *) MUST_USE;
bool calibration_store(const struct raw *, const char *path, struct err *) MUST_USE;
/* measured.svg ..., by kernel, in the folder, which is made. *n: how many. */
bool calibration_draw(const struct calibration *, const char *folder, const char *format, int *n, struct err *) MUST_USE;

#endif
