/* Kernels with planted faults, in place of the real ones: build/planted/offsim-kernels. sum is sound. */
#include "experiments/kernels/kernel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sum { int n; unsigned total; };

static double units(const double *p) { return p[0]; }
static double axis(const double *p, int a) { return 4 * p[0]; }

static void *prepare(const double *p, uint64_t seed, char *why)
{
  struct sum *s = calloc(1, sizeof *s);
  if (s)
    s->n = (int)p[0];
  return s;
}

static void run(void *state)
{
  struct sum *s = state;
  s->total = 0;
  for (int i = 0; i < s->n; i++) {
    s->total += (unsigned)i;
    kernel_keep(s);
  }
}

/* Gauss: 0 + 1 + .. + n-1 = n (n - 1) / 2. */
static bool check(void *state, char *why)
{
  struct sum *s = state;
  return s->total == (unsigned)((long)s->n * (s->n - 1) / 2);
}

static bool wrong(void *state, char *why)
{
  snprintf(why, KERNEL_WHY, "the sum of %d is not what it should be", ((struct sum *)state)->n);
  return ((struct sum *)state)->n < 1500;
}

static void *no_room(const double *p, uint64_t seed, char *why)
{
  snprintf(why, KERNEL_WHY, "no memory for %g numbers", p[0]);
  return NULL;
}

static const char *absent(void) { return "this machine has no abacus"; }

static const double shapes[][KERNEL_PARAMETERS] = {{1000}, {2000}, {4000}};

#define KERNEL(NAME, ...) \
  static const struct kernel kernel_##NAME = {.name = #NAME, .version = 1, .unit = "sum", .bound = BOUND_COMPUTE, .n_parameters = 1, \
    .parameter = {{"n", 1000, 4000, 1}}, .n_axes = 1, .axis = {"working_set"}, .full = {3, shapes}, .quick = {3, shapes}, \
    .units = units, .axis_value = axis, .run = run, .finish = free, __VA_ARGS__}
KERNEL(sum, .prepare = prepare, .check = check);
KERNEL(wrong, .prepare = prepare, .check = wrong);                              /* right at n = 1000 only */
KERNEL(roomless, .prepare = no_room, .check = check);
KERNEL(absent, .prepare = prepare, .check = check, .unavailable = absent);

const struct kernel *const kernel_list[] = {&kernel_sum, &kernel_wrong, &kernel_roomless, &kernel_absent, NULL};

const struct kernel *kernel_find(const char *name)
{
  for (const struct kernel *const *k = kernel_list; *k; k++)
    if (strcmp((*k)->name, name) == 0)
      return *k;
  return NULL;
}
