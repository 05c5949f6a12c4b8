/* until.c: sequential stopping, of a run and of the points of a study. */
#include "experiments/until.h"
#include "analysis/metrics.h"
#include "analysis/stat_tests.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROUND = 30 };

uint64_t until_next(uint64_t n, uint64_t most)
{
  uint64_t next = n ? n + n / 2 : FIRST_ROUND;
  return next < most ? next : most;
}

/* Keeps the replications that all policies have, at the front; how many. */
static size_t keep_common(double **value, size_t k, size_t n)
{
  size_t kept = 0;
  for (size_t r = 0; r < n; r++) {
    bool all = true;
    for (size_t i = 0; i < k; i++)
      all = all && !isnan(value[i][r]);
    for (size_t i = 0; all && i < k; i++)
      value[i][kept] = value[i][r];
    kept += all;
  }
  return kept;
}

bool until_precise(double **value, size_t k, size_t n, const char *metric, double half_width)
{
  const struct metric_info *info = metric_find(metric);
  return precise_enough((const double *const *)value, k, keep_common(value, k, n), half_width,
                        info ? info->better : -1);
}

/* ---- points of a study ------------------------------------------------------------------------------------------- */

struct extending {
  struct sweep *s;
  double *all, **value; size_t room; uint64_t point;    /* of the point that is being read */
  bool more;
};

static const char *metric_of(const struct sweep *s)
{
  const char *metric = s->file->until.metric;
  return metric && *metric ? metric : s->plan->base->primary;
}

static void start_point(struct extending *x, uint64_t point)
{
  x->point = point;
  for (size_t i = 0; i < x->room * (size_t)x->s->plan->n_policies; i++)
    x->all[i] = NAN;
}

/* A point with runs that failed is not extended: they would fail again. */
static bool has_all(const struct extending *x, size_t n)
{
  for (int i = 0; i < x->s->plan->n_policies; i++)
    for (size_t r = 0; r < n; r++)
      if (isnan(x->value[i][r]))
        return false;
  return true;
}

static void end_point(struct extending *x)
{
  struct sweep *s = x->s;
  if (x->point >= s->plan->n_points)
    return;
  uint64_t *n = &s->reached[x->point], most = s->file->until.max;
  if (*n >= most || !has_all(x, *n)
      || until_precise(x->value, (size_t)s->plan->n_policies, *n, metric_of(s), s->file->until.half_width))
    return;
  *n = until_next(*n, most);
  x->more = true;
}

static bool on_value(void *context, uint64_t point, const struct catalog_run *r, double value)
{
  struct extending *x = context;
  if (point != x->point) {
    end_point(x);
    start_point(x, point);
  }
  for (int i = 0; i < x->s->plan->n_policies; i++)
    if (r->state == RUN_DONE && r->replication < x->room && strcmp(x->s->plan->policy[i], r->policy) == 0)
      x->value[i][r->replication] = value;
  return true;
}

bool until_extend(struct sweep *s, struct catalog *c, bool *more, struct err *err)
{
  *more = false;
  if (!s->reached)
    return true;
  size_t k = (size_t)s->plan->n_policies;
  struct extending x = {.s = s, .point = UINT64_MAX};
  for (uint64_t i = 0; i < s->plan->n_points; i++)
    x.room = s->reached[i] > x.room ? s->reached[i] : x.room;
  x.all = malloc(k * x.room * sizeof *x.all);
  x.value = malloc(k * sizeof *x.value);
  if (!x.all || !x.value)
    check_out_of_memory(k * x.room * sizeof *x.all);
  for (size_t i = 0; i < k; i++)
    x.value[i] = x.all + i * x.room;
  bool ok = catalog_values(c, metric_of(s), "", on_value, &x, err);
  end_point(&x);
  free(x.all);
  free(x.value);
  *more = x.more;
  return ok;
}

void until_begin(struct sweep *s)
{
  if (!s->file->until.metric || s->options.replications)
    return;
  s->reached = zeros_new(s->plan->n_points + 1, sizeof *s->reached);
  for (uint64_t i = 0; i < s->plan->n_points; i++)
    s->reached[i] = until_next(0, s->file->until.max);
}
