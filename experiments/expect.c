#include "experiments/expect.h"
#include "sim/arena.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct mean { double sum; uint64_t n; };
struct expect {
  const struct plan *plan;
  int policies, n_factors;
  size_t first_level[STUDY_FACTORS + 1];                /* of each factor, counted through */
  struct mean all, *policy, *level, *cell;              /* [policy], [policy * levels + level], [point * policies + policy] */
  uint16_t *levels;                                     /* [point * n_factors + factor] + 1; 0: not looked up */
  struct override *set; size_t n_set;
  struct arena *arena;
};

struct expect *expect_new(const struct plan *p, int policies)
{
  struct expect *e = zeros_new(1, sizeof *e);
  e->plan = p;
  e->policies = policies < 1 ? 1 : policies;
  e->n_factors = p->n_factors;
  for (int k = 0; k < p->n_factors; k++) {
    size_t n = p->file->factor[k].n_levels;
    e->first_level[k + 1] = e->first_level[k] + (n < UINT16_MAX ? n : 0);
  }
  e->arena = arena_new();
  e->n_set = plan_n_overrides(p);
  e->set = arena_array(e->arena, struct override, e->n_set + 1);
  e->policy = zeros_new((size_t)e->policies, sizeof *e->policy);
  e->level = zeros_new((size_t)e->policies * e->first_level[p->n_factors], sizeof *e->level);
  e->cell = zeros_new(p->n_points * (size_t)e->policies, sizeof *e->cell);
  e->levels = zeros_new(p->n_points * (size_t)p->n_factors, sizeof *e->levels);
  return e;
}

void expect_free(struct expect *e)
{
  if (!e)
    return;
  free(e->policy);
  free(e->level);
  free(e->cell);
  free(e->levels);
  arena_free(e->arena);
  free(e);
}

/* Number of a level + 1; the last one + 2 where a point's value is none of the levels. */
static uint16_t level_of(const struct factor_def *f, const char *value)
{
  size_t k = 0;
  while (k < f->n_levels && strcmp(f->level[k], value) != 0)
    k++;
  return (uint16_t)(k + 1);
}

/* Levels of a point, looked up once: factors follow `set`. */
static const uint16_t *levels_at(struct expect *e, uint64_t point)
{
  uint16_t *levels = e->levels + point * (uint64_t)e->n_factors;
  if (e->n_factors == 0 || levels[0])
    return levels;
  struct arena *a = arena_new();
  size_t first = e->plan->file->n_set, n = plan_overrides(e->plan, point, e->set, a);
  for (int k = 0; k < e->n_factors; k++)
    levels[k] = first + (size_t)k < n ? level_of(&e->plan->file->factor[k], e->set[first + (size_t)k].value) : 1;
  arena_free(a);
  return levels;
}

/* NULL: the factor has no levels, or the point none of them. */
static struct mean *effect_of(struct expect *e, const uint16_t *levels, int policy, int factor)
{
  size_t n = e->first_level[factor + 1] - e->first_level[factor], level = levels[factor] - 1U;
  if (level >= n)
    return NULL;
  return &e->level[(size_t)policy * e->first_level[e->n_factors] + e->first_level[factor] + level];
}

static void add(struct mean *m, double x) { m->sum += x, m->n++; }
static double mean_of(const struct mean *m) { return m->sum / (double)m->n; }

void expect_learn(struct expect *e, uint64_t point, int policy, double elapsed_s)
{
  if (policy < 0)
    policy = 0;
  if (!(elapsed_s > 0) || point >= e->plan->n_points || policy >= e->policies)
    return;
  double x = log(elapsed_s);
  const uint16_t *levels = levels_at(e, point);
  add(&e->all, x);
  add(&e->policy[policy], x);
  add(&e->cell[point * (uint64_t)e->policies + (uint64_t)policy], x);
  for (int k = 0; k < e->n_factors; k++) {
    struct mean *m = effect_of(e, levels, policy, k);
    if (m)
      add(m, x);
  }
}

double expect_s(struct expect *e, uint64_t point, int policy)
{
  if (policy < 0)
    policy = 0;
  if (e->all.n == 0)
    return 1;
  const struct mean *cell = &e->cell[point * (uint64_t)e->policies + (uint64_t)policy];
  if (cell->n)
    return exp(mean_of(cell));
  if (e->policy[policy].n == 0)
    return exp(mean_of(&e->all));
  const uint16_t *levels = levels_at(e, point);
  double base = mean_of(&e->policy[policy]), x = base;
  for (int k = 0; k < e->n_factors; k++) {
    const struct mean *m = effect_of(e, levels, policy, k);
    if (m && m->n)
      x += mean_of(m) - base;
  }
  return exp(x);
}

static double face_seconds(void *context, const struct run_order *o) { return expect_s(context, o->point, o->policy); }
static void face_learn(void *context, const struct run_order *o, double s)
{
  expect_learn(context, o->point, o->policy, s);
}

struct expectation expect_face(struct expect *e) { return (struct expectation){face_seconds, face_learn, e}; }
