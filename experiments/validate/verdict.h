/* verdict.h: is a profile what it says? `offsim validate calibration`: its errors against bars, against a second profile of
 * the same machine, against shapes off the grid measured now, and the rate of int4 decoding against the memory's.
 */
#ifndef OFFSIM_VALIDATE_VERDICT_H
#define OFFSIM_VALIDATE_VERDICT_H

#include "experiments/calibrate/raw.h"
#include "scenarios/profile.h"
#include "sim/json.h"

/* Bars; relative. */
#define BAR_COMPUTE_MAPE 0.05
#define BAR_COMPUTE_P90 0.10
#define BAR_MEMORY_MAPE 0.15
#define BAR_AGAIN 0.03
#define BAR_COVERAGE_LOW 0.80
#define BAR_COVERAGE_HIGH 0.97
#define BAR_WIDTH 0.25
#define BAR_MBU_LOW 0.45
#define BAR_MBU_HIGH 0.80
enum { BAR_SHAPES = 100, MOST_CHECKS = 256 };

/* What is known of one kernel of the profile. NaN: not known. */
struct judged_kernel {
  const struct profile_kernel *kernel;                  /* of the profile */
  int bound;                                            /* enum raw_bound; -1: the samples do not say */
  int shapes, within, outside, unstable;                /* off the grid: in the measured range, of them in the band; beyond it */
  double ratio, width;                                  /* median measured / predicted; the band's */
  double again, again_max; int compared;                /* the other profile: median and largest |other / this - 1| */
};
/* The rate of a model of `bytes` in int4, and what part of the memory's bandwidth that is (model bandwidth utilisation). One token
 * reads all weights once, and the keys and values of its context: 8 B a number of width and layer (fp32). */
struct decode_rate {
  double bytes; int context, width;                     /* asked for */
  double working_set, triad_set, cache_bytes;           /* of the matrices and the triad compared; the largest cache, 0: unknown */
  double bandwidth;                                     /* one thread's triad, B/s */
  double matrices;                                      /* utilisation of the matrices alone */
  double state_bytes, mbu, tokens_s;                    /* keys and values; of a whole token */
  bool attention;                                       /* false: not measured, mbu is that of the matrices */
  double measured; int shapes;                          /* of the matrices, by shapes off the grid beyond the cache; how many */
  const char *why;                                      /* why there is no rate; NULL: there is */
};
enum check_result { CHECK_OK, CHECK_MISSED, CHECK_OPEN };       /* open: cannot be judged here, `why` */
struct verdict_check { const char *what, *kernel; double value, low, high; enum check_result result; const char *why; };

struct verdict {
  const struct profile *profile, *other;                /* other NULL: none */
  const struct raw *raw;                                /* NULL: none */
  bool quick;
  int n; struct judged_kernel *kernel;
  int shapes, within, outside; double coverage, width;  /* over all kernels */
  struct decode_rate decode;
  int n_checks; struct verdict_check check[MOST_CHECKS];
  struct arena *arena;
};

/* Fills everything from profile, other, raw, quick and decode.bytes. False after adding to err: a kernel of another version. */
bool verdict_judge(struct verdict *, struct err *) MUST_USE;
int verdict_missed(const struct verdict *);
void verdict_print(const struct verdict *);
json *verdict_json(const struct verdict *);

#endif
