/* bench_study.c: how long it takes to plan a large study. */
#include "experiments/bench.h"
#include "experiments/plan.h"
#include "sim/arena.h"

#include <math.h>
#include <unistd.h>

/* Reading, building what must be built, and the identity of one replication of every policy at every point. */
static double plan_s(void *path)
{
  struct err err;
  err_init(&err);
  double from = cpu_time_ns();
  struct study_file *f = study_file_read(path, &err);
  struct plan *p = f ? plan_new(f, &err) : NULL;
  uint64_t sum = 0;
  for (uint64_t i = 0; p && i < p->n_points; i++)
    for (int k = 0; k < p->n_policies; k++)
      sum += plan_run_id(p, i, k, 0).lo;
  double s = p && sum ? (cpu_time_ns() - from) / 1e9 : (double)NAN;
  err_print(&err, stderr, false);
  err_release(&err);
  plan_free(p);
  study_file_free(f);
  return s;
}

double bench_study_plan(void)
{
  struct arena *a = arena_new();
  const char *path = bench_path(a, "study.yaml");
  double s = access(path, R_OK) ? (double)NAN : bench_median(3, plan_s, (void *)path);
  arena_free(a);
  return s;
}
