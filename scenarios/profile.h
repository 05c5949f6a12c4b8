/* profile.h: measured costs of kernels as a profile tells them: a hardware preset file with `measured` and `kernels`, which
 * `offsim calibrate` writes (docs/profiles.md).
 */
#ifndef OFFSIM_SCENARIOS_PROFILE_H
#define OFFSIM_SCENARIOS_PROFILE_H

#include "models/defs.h"
#include "scenarios/tree.h"

/* What a profile says of one kernel. text: NULL where it is not said; numbers: NAN. */
struct profile_kernel {
  struct kernel_cost cost;
  bool wall;                                            /* cost is of wall time, else of CPU time */
  const char *method, *model;
  double mape, p90, max, wall_over_cpu, fetch_s, cold, interference;
  unsigned long long shapes;
};
struct profile {
  const char *name, *doc, *path;
  const struct node *measured, *value;                  /* as written */
  int n_kernels; const struct profile_kernel *kernel;   /* in the file's order */
};

/* NULL after adding every problem: no profile, cut off, nonsense, of another version of a kernel. */
const struct profile *profile_load(struct arena *, const char *path, struct err *);
/* One entry of `kernels`, against the preset of that kernel (looked for beside the scenario at `base`, too). False after adding, or
 * where the schema has spoken. */
bool profile_kernel_read(struct arena *, const char *base, const struct node *entry, struct profile_kernel *, struct err *);
/* As the simulator takes it, on hardware with such a last cache (0: not known). */
struct measured_kernel profile_measured(const struct profile_kernel *, double last_cache_bytes);

#endif
