/* plan.c: jobs and their order. Two passes over everything, each in an order of its own: what drifts slowly shows as a
 * difference between passes, and does not lie on neighbouring shapes alike. */
#include "experiments/kernels/plan.h"
#include "experiments/kernels/list.h"
#include "experiments/kernels/shape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct plan *x, const struct job *j)
{
  if (x->n == x->room) {
    int room = x->room ? 2 * x->room : 256;
    struct job *more = realloc(x->job, (size_t)room * sizeof *more);
    if (!more)
      return false;
    x->job = more;
    x->room = room;
  }
  x->job[x->n++] = *j;
  return true;
}

/* Hot and alone in every pass; the rest, which gives one factor a kernel, at a few shapes: in a quick run in one pass. */
static bool add_shape(struct plan *x, const struct wishes *w, struct job j, bool beside, int cores)
{
  bool ok = add(x, &j);
  int threads = w->threads ? w->threads : cores;
  struct job other = j;
  if (!ok || !beside || (w->quick && j.pass > 0))
    return ok;
  other.cold = true;
  ok = w->no_cold || add(x, &other);
  other = j;
  other.interference = true;
  ok = ok && (w->no_interference || cores < 2 || add(x, &other));
  other = j;
  for (int n = 2; ok && j.kernel->threads && n <= threads && n <= cores; n = 2 * n > threads && n < threads ? threads : 2 * n) {
    other.threads = n;
    ok = add(x, &other);
  }
  return ok;
}

/* The middle of the grid; in a full run its quarters too. The largest as well of what memory holds up: what all cores together
 * get from memory is told there alone; and where nothing but the size varies: small sets tell little of what a byte from memory
 * costs. */
static bool is_beside(const struct kernel *k, bool quick, int i, int n)
{
  bool largest = k->bound == BOUND_MEMORY || (k->bound == BOUND_COMPUTE && k->n_parameters == 1);
  return i == n / 2 || (!quick && (i == n / 4 || i == 3 * n / 4)) || (largest && i == n - 1);
}

static bool add_grid(struct plan *x, const struct wishes *w, const struct kernel *k, int pass, int cores)
{
  const struct kernel_grid *g = w->quick ? &k->quick : &k->full;
  struct job j = {.kernel = k, .pass = pass, .threads = 1, .seed = w->seed};
  for (int i = 0; i < g->n; i++) {
    memcpy(j.p, g->p[i], sizeof j.p);
    if (!add_shape(x, w, j, is_beside(k, w->quick, i, g->n), cores))
      return false;
  }
  return true;
}

/* The same shapes in every pass: their generator begins anew, for each kernel at a place of its own. */
static bool add_drawn(struct plan *x, const struct wishes *w, const struct kernel *k, int pass, char *why)
{
  uint64_t random = w->seed;
  for (const char *c = k->name; *c; c++)
    random = random * 1099511628211u + (unsigned char)*c;       /* FNV's prime */
  struct job j = {.kernel = k, .pass = pass, .threads = 1, .seed = w->seed, .off_grid = true};
  for (int i = 0; i < w->off_grid; i++) {
    if (!shape_draw(k, w->quick ? &k->quick : &k->full, &random, j.p)) {
      snprintf(why, KERNEL_WHY, "%s: no shape off the grid lies within it", k->name);
      return false;
    }
    if (!add(x, &j))
      return false;
  }
  return true;
}

static bool add_pass(struct plan *x, const struct wishes *w, int pass, int cores, char *why)
{
  bool ok = true, chosen = w->n_shapes > 0 || w->off_grid > 0;
  for (int i = 0; ok && i < w->n_shapes; i++) {
    struct job j = {.kernel = w->shape[i].kernel, .pass = pass, .threads = 1, .seed = w->seed};
    memcpy(j.p, w->shape[i].p, sizeof j.p);
    ok = kernel_why_not(j.kernel) || add_shape(x, w, j, true, cores);
  }
  for (int i = 0; ok && i < w->n_kernels; i++)
    if (!kernel_why_not(w->kernel[i]))
      ok = (chosen || add_grid(x, w, w->kernel[i], pass, cores)) && add_drawn(x, w, w->kernel[i], pass, why);
  return ok;
}

static bool shuffle(struct job *job, int n, uint64_t seed)
{
  int *order = malloc((size_t)n * sizeof *order + 1);
  struct job *copy = malloc((size_t)n * sizeof *copy + 1);
  bool ok = order && copy;
  if (ok) {
    numerics_shuffle(order, n, &seed);
    for (int i = 0; i < n; i++)
      copy[i] = job[order[i]];
    for (int i = 0; i < n; i++)
      job[i] = copy[i];
  }
  free(order);
  free(copy);
  return ok;
}

bool plan_make(struct plan *x, const struct wishes *w, int cores, char *why)
{
  memset(x, 0, sizeof *x);
  snprintf(why, KERNEL_WHY, "no memory for the plan");
  for (int pass = 0; pass < w->passes; pass++) {
    int from = x->n;
    if (!add_pass(x, w, pass, cores, why) || !shuffle(x->job + from, x->n - from, w->seed + 1000003u * (uint64_t)pass)) {
      plan_free(x);
      return false;
    }
  }
  return true;
}

void plan_free(struct plan *x)
{
  free(x->job);
  memset(x, 0, sizeof *x);
}
