/* study_file.h: a study: one scenario, factors, a design. docs/studies.md is the reference.
 *
 *   struct study_file *f = study_file_read(path, &err);
 *
 * Reading finds what is wrong in the text of the study alone; whether the paths and values fit the scenario is found by
 * experiments/plan.h, which builds it.
 */
#ifndef OFFSIM_SCENARIOS_STUDY_FILE_H
#define OFFSIM_SCENARIOS_STUDY_FILE_H

#include "scenarios/scenario.h"

enum design { DESIGN_GRID, DESIGN_ZIP, DESIGN_LIST, DESIGN_RANDOM, DESIGN_LHS, DESIGN_SOBOL, DESIGN_HALTON };
enum { STUDY_POINTS = 10000000, STUDY_RUNS = 100000000, STUDY_FACTORS = 64 };   /* the most that is possible */

/* A factor: values (levels) in the order of the file, or a range (n_levels 0). In design list a factor's levels are its
 * values of the points, point by point. */
struct factor_def {
  const char *name, *path;
  struct where at, path_at;                             /* of the name; of the path */
  size_t n_levels;
  const char *const *level;                             /* YAML flow nodes as text, as override.value wants them */
  const struct where *level_at;
  double lo, hi;                                        /* of a range, in `unit` */
  bool log, integer;
  const char *unit;                                     /* "" = none */
};

/* What the cluster is asked for; NULL, 0: not given. */
struct slurm_def {
  bool given;
  const char *partition, *account, *qos, *constraint, *prelude;
  double time_s, mem_bytes;
  double stop_before_s;                                 /* how long before the limit a task is asked to stop */
  uint64_t cpus, array_max, concurrent, tasks;          /* tasks: exact number; 0: as many as are useful */
};

struct study_file {
  const char *name, *path;                              /* of the study; as it was opened */
  const char *scenario;                                 /* path of the scenario file, found */
  struct where scenario_at, at;
  size_t n_set; const struct override *set;             /* the same at every point, applied before the factors */
  const struct where *set_at;
  int n_factors; const struct factor_def *factor;
  enum design design;
  struct where design_at, where_at;
  uint64_t points, shifts, seed;                        /* of sampled designs: points of one shift, number of shifts */
  const char *where;                                    /* NULL: all points */
  const char *policies;                                 /* "a,b" as --policy takes it; NULL: all entries */
  struct where policies_at;
  uint64_t replications;                                /* 0: as the scenario says */
  struct { const char *metric; double half_width; uint64_t max; } until;
  /* until.metric NULL: a fixed number; "": the scenario's primary metric */
  struct where until_at;
  enum trace_level trace;                               /* none unless asked for */
  struct slurm_def slurm;
  const char *text; size_t text_bytes;                  /* the file's own bytes */
  struct arena *arena;
};

/* NULL with problems in err. */
struct study_file *study_file_read(const char *path, struct err *);
void study_file_free(struct study_file *);
/* Is this a study (has the key `study`) and no scenario? False for what cannot be read. */
bool study_file_is(const char *path);

#endif
