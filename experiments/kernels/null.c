/* null.c: an empty request, which is not even looked at: what the testbed's server does where nothing is asked of it.
 * Work: 1 request of one cache line. Self-check: it was done as often as asked. */
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <stdlib.h>

enum { SIZE, LINE = 64 };
struct empty { uint64_t asked, done; };

static double units(const double *p) { return 1; }
static double axis_value(const double *p, int axis) { return LINE; }

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct empty *s = calloc(1, sizeof *s);
  if (!s) scratch_why(why, "no memory");
  return s;
}

static void run(void *state)
{
  struct empty *s = state;
  s->asked++;
  kernel_keep(s);
  s->done++;
}

static bool check(void *state, char *why)
{
  struct empty *s = state;
  return s->done == s->asked || scratch_why(why, "done %zu times of %zu", (size_t)s->done, (size_t)s->asked);
}

static const double one[][KERNEL_PARAMETERS] = {{LINE}};

const struct kernel kernel_null = {
  .name = "null", .version = 1, .unit = "request", .bound = BOUND_SYSTEM,
  .n_parameters = 1, .parameter = {{"size", LINE, LINE, 1}}, .n_axes = 1, .axis = {"working_set"},
  .full = KERNEL_GRID(one), .quick = KERNEL_GRID(one),
  .units = units, .axis_value = axis_value,
  .prepare = prepare, .run = run, .check = check, .finish = free,
};
