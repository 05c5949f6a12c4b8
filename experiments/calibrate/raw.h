/* raw.h: what `offsim-kernels measure` says, line by line (raw format 1): one JSON object a line, in this order: begin,
 * machine, kernels, then samples, sentinels, self-checks and progress as they come, end.
 *
 * The reader is strict: whatever is missing, of another type, out of range or out of order is refused with the number of
 * its line, and so is a file without its end. Keys that it does not know are passed over.
 */
#ifndef OFFSIM_EXPERIMENTS_CALIBRATE_RAW_H
#define OFFSIM_EXPERIMENTS_CALIBRATE_RAW_H

#include "sim/arena.h"
#include "sim/err.h"

#include <stdint.h>

enum { RAW_FORMAT = 1, RAW_PARAMETERS = 6, RAW_AXES = 4, RAW_KERNELS = 64 };
enum raw_bound { RAW_COMPUTE, RAW_MEMORY, RAW_SYSTEM, N_RAW_BOUNDS };
extern const char *const raw_bound_name[N_RAW_BOUNDS];

struct raw_kernel {
  const char *name; int version;
  const char *unit;
  enum raw_bound bound;
  int n_parameters; const char *parameter[RAW_PARAMETERS];
  int n_axes; const char *axis[RAW_AXES];
  const char *why;                                      /* it could not be measured; NULL: it could */
};

struct raw_sample {
  int line, kernel;                                     /* where it stands; which of raw->kernel */
  double p[RAW_PARAMETERS], units, axis[RAW_AXES];
  double flop, bytes;                                   /* NaN: the kernel does not say */
  int pass, order, threads, inner, discarded;
  bool cold, interference, off_grid, stable;
  size_t n; const double *wall_s, *cpu_s;               /* of one execution, one a repetition */
  double wall_low_s, wall_high_s, cpu_low_s, cpu_high_s;        /* 98 % of the median; below 7 values less (kernels/numerics.h) */
  double joule;                                         /* of one execution; NaN: no sensor */
  double clock_s;                                       /* of a step of the core meanwhile, as its clock goes; NaN: not told */
};
struct raw_sentinel { int order; double wall_s, cpu_s; };
struct raw_check { int line, kernel; double p[RAW_PARAMETERS]; bool ok; const char *why; };

/* NULL and NaN: not known there. */
struct raw_machine {
  const char *cpu, *architecture, *pin_problem, *governor, *kernel, *virtual, *compiler, *flags, *rapl, *counters;
  int cores, core; bool pinned;
  double frequency_hz, temperature_c, memory_bytes, load_1, steal_share;
  int n_libraries; const char *library[16], *library_version[16];
  int n_caches; struct raw_cache { int level; double bytes; const char *kind; } cache[16];
};

struct raw {
  const char *file;                                     /* for messages */
  struct arena *arena;
  int line;                                             /* the last one read */
  bool begun, machine_said, ended;
  const char *program, *version;
  uint64_t seed; int passes; bool quick;
  double unix_time;
  struct raw_machine machine;
  int n_kernels; struct raw_kernel kernel[RAW_KERNELS];
  size_t n_samples, samples_room; struct raw_sample *sample;
  size_t n_sentinels, sentinels_room; struct raw_sentinel *sentinel;
  size_t n_checks, checks_room; struct raw_check *check;
  double done, total; const char *now;                  /* progress: of how many, and which kernel is measured */
  double elapsed_s, end_load_1, end_steal_share; bool interrupted;
};

/* Everything lives in the arena. */
struct raw *raw_new(const char *file, struct arena *);
/* The next line, without its end. False after adding to err. */
bool raw_line(struct raw *, const char *text, size_t n, struct err *) MUST_USE;
/* No line follows: was it all? */
bool raw_finish(struct raw *, struct err *) MUST_USE;
/* A whole file. NULL after adding to err. */
struct raw *raw_read(const char *path, struct arena *, struct err *);

int raw_find(const struct raw *, const char *kernel);   /* -1: there is none of that name */
/* A check of this kernel failed at this shape: its times are worth nothing. */
bool raw_check_failed(const struct raw *, int kernel, const double *p);
/* "m=64 n=64 k=64", in the arena. */
const char *raw_shape_text(const struct raw *, int kernel, const double *p);

#endif
