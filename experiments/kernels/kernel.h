/* kernel.h: what a calibration kernel is to the program that times it.
 *
 * `offsim-kernels` is a program of its own: it sees libc, OpenBLAS, OpenSSL, where they are zlib and SQLite, and the
 * headers of this folder; nothing of the simulator. A kernel is one constant struct `kernel_NAME` in one file and one row in
 * kernel_list.c. Its name, parameters, units, working set and axes are the same as in the kernel preset of that name
 * (scenarios/presets/kernels/NAME.yaml): a test compares the two.
 *
 * The time of one execution is units(p) x cost, the cost depends on the axes; the first axis is always the working set.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_KERNEL_H
#define OFFSIM_EXPERIMENTS_KERNELS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_PARAMETERS = 6, KERNEL_AXES = 4, KERNEL_WHY = 160 };

/* What holds it up: arithmetic, memory, or the system below (kernel, disk, loopback: its time is wall time). */
enum kernel_bound { BOUND_COMPUTE, BOUND_MEMORY, BOUND_SYSTEM };

/* A parameter; shapes off the grid are drawn between low and high (log-uniform) and rounded to a multiple. */
struct kernel_parameter { const char *name; double low, high, multiple; };

/* n shapes, each of KERNEL_PARAMETERS doubles. quick: a part of full. */
struct kernel_grid { int n; const double (*p)[KERNEL_PARAMETERS]; };
#define KERNEL_GRID(shapes) {sizeof(shapes) / sizeof(shapes)[0], shapes}

struct kernel {
  const char *name;
  int version;                                          /* raised when what it does changes: profiles of another are refused */
  const char *unit;                                     /* of its work: FLOP, B, posting, handshake ... */
  enum kernel_bound bound;
  int n_parameters; struct kernel_parameter parameter[KERNEL_PARAMETERS];
  int n_axes; const char *axis[KERNEL_AXES];            /* axis[0] = "working_set", in bytes */
  struct kernel_grid full, quick;
  double (*units)(const double *p);                     /* of work in one execution, > 0 */
  double (*axis_value)(const double *p, int axis);      /* > 0 */
  double (*flop)(const double *p);                      /* for the roofline; NULL: none */
  double (*bytes)(const double *p);                     /* moved at least, each byte once; NULL: none */
  bool (*allowed)(const double *p);                     /* of shapes off the grid; NULL: all */
  const char *(*unavailable)(void);                     /* why it cannot run here; NULL, or returns NULL: it can */

  /* State for shape p, filled from the seed; NULL and why (KERNEL_WHY bytes) when that fails. Owned by the caller. */
  void *(*prepare)(const double *p, uint64_t seed, char *why);
  /* One execution; the next may follow at once. */
  void (*run)(void *state);
  /* Is what run left behind right, by an independent and slower way? False and why: the timing is worth nothing. */
  bool (*check)(void *state, char *why);
  /* Makes its data cold again (drops file pages ...); NULL: the caller walks over the caches. */
  void (*cool)(void *state);
  /* Splits one execution over n threads; NULL: one thread only. */
  bool (*threads)(void *state, int n);
  void (*finish)(void *state);

  /* What passes from kernel to kernel (pipeline.c): floats, to sealing and compression text. NULL: nothing does.
   * result: what the last run left, at most `room` bytes of it; how many. feed: its next input, scaled to what it computes
   * with, from the front of these bytes; too few are repeated; how many bytes it wrote. fed: was the input of the last run made
   * of these bytes? Looked at element by element, by another way than feed; false and why. */
  size_t (*result)(void *state, void *out, size_t room);
  size_t (*feed)(void *state, const void *data, size_t bytes);
  bool (*fed)(void *state, const void *data, size_t bytes, char *why);
};

/* In a fixed order; ends with NULL. */
extern const struct kernel *const kernel_list[];
const struct kernel *kernel_find(const char *name);

/* What keeps an optimiser from leaving the work out. */
static inline void kernel_keep(const void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

/* A small generator for the kernels' data: splitmix64 (Steele et al. 2014). From 0 it first gives 0xE220A8397B1DCDAF. */
static inline uint64_t kernel_random(uint64_t *state)
{
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
/* In [-1, 1). */
static inline float kernel_random_f32(uint64_t *state)
{
  return (float)(kernel_random(state) >> 40) * (2.0f / 16777216.0f) - 1.0f;
}

#endif
