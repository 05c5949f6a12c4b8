/* fit_link_effect.c: does the fitted link lead to the same decisions as the measured one? A task a message, with a deadline;
 * local or over the link. The link's delay is known for messages that came back, and for the oldest one under way that it
 * takes at least so long.
 *
 * Check: delay 50 ms, service 20 ms, deadline 100 ms, local always 120 ms: offload misses none, local all.
 */
#include "experiments/fit_link.h"

#include "models/streams.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#define LOCAL_SIGMA 0.35
#define EWMA_WEIGHT 0.2
#define HEDGE_AFTER 0.25                                /* of the deadline */

const char *const link_policy_name[LINK_POLICIES] = {"local", "offload", "last", "ewma", "hedge"};
enum policy { LOCAL, OFFLOAD, LAST, EWMA, HEDGE };

/* What is known of the link at the time of a task. */
struct knowledge { size_t next; double last_s, ewma_s; };

static double delay_of(const struct link_effect_def *d, double value)
{
  if (d->bytes <= 0)
    return value;
  return isnan(value) ? NAN : value > 0 ? d->bytes / value : INFINITY;
}

static void learn(struct knowledge *k, const struct link_effect_def *d, const struct link_run *r, double now_s)
{
  while (k->next < r->n) {
    double delay = delay_of(d, r->value[k->next]), since = now_s - r->time_s[k->next];
    if (!isnan(delay) && delay > since) {
      if (since > k->last_s)
        k->last_s = since;
      return;
    }
    if (!isnan(delay)) {
      k->last_s = delay;
      k->ewma_s += EWMA_WEIGHT * (delay - k->ewma_s);
    }
    k->next++;
    if (k->next < r->n && r->time_s[k->next] >= now_s)
      return;
  }
}

double link_effect_add(const struct link_effect_def *d, const struct link_run *r, uint64_t seed, double miss[LINK_POLICIES])
{
  struct rng_root root = rng_root_make(seed, 0);
  struct rng draw = rng_open(&root, rng_name("fit-link local times"), 0, 0);
  struct knowledge k = {0};
  double tasks = 0;
  for (size_t i = 0; i < r->n; i++) {
    double local = d->local_s * exp(LOCAL_SIGMA * rng_normal(&draw)), delay = delay_of(d, r->value[i]);
    if (isnan(delay))
      continue;
    tasks++;
    learn(&k, d, r, r->time_s[i]);
    double there = delay + d->service_s, late = d->deadline_s;
    bool last = k.last_s + d->service_s <= d->deadline_s, ewma = k.ewma_s + d->service_s <= d->local_s;
    const double took[LINK_POLICIES] = {[LOCAL] = local, [OFFLOAD] = there, [LAST] = last ? there : local,
                                        [EWMA] = ewma ? there : local,
                                        [HEDGE] = fmin(there, HEDGE_AFTER * late + local)};
    for (int p = 0; p < LINK_POLICIES; p++)
      miss[p] += took[p] > late;
  }
  return tasks;
}

void link_effect_fold(struct link_effect *e, const double miss[LINK_POLICIES], double tasks)
{
  if (tasks <= 0)
    return;
  e->folds++;
  for (int p = 0; p < LINK_POLICIES; p++)
    for (int q = 0; q < LINK_POLICIES; q++) {
      double d = (miss[p] - miss[q]) / tasks;
      e->apart[p][q] += d;
      e->square[p][q] += d * d;
    }
}

bool link_effect_tells(const struct link_effect *e, int p, int q)
{
  if (e->folds < 2)
    return false;
  double mean = e->apart[p][q] / e->folds, variance = fmax(0, e->square[p][q] / e->folds - mean * mean) / (e->folds - 1);
  return fabs(mean) > gsl_cdf_tdist_Pinv(.975, e->folds - 1) * sqrt(variance);
}

bool link_effect_turned(const struct link_effect *e, int p, int q)
{
  return (e->raw[p] - e->raw[q]) * (e->model[p] - e->model[q]) < 0;
}

static void rank(const double *miss, int *of)
{
  for (int p = 0; p < LINK_POLICIES; p++) {
    of[p] = 1;
    for (int q = 0; q < LINK_POLICIES; q++)
      of[p] += miss[q] < miss[p];
  }
}

void link_effect_rank(struct link_effect *e)
{
  for (int p = 0; p < LINK_POLICIES; p++) {
    e->raw[p] /= e->tasks;
    e->model[p] /= e->tasks;
  }
  rank(e->raw, e->rank_raw);
  rank(e->model, e->rank_model);
  e->same = e->same_where_told = true;
  for (int p = 0; p < LINK_POLICIES; p++)
    e->same &= e->rank_raw[p] == e->rank_model[p];
  for (int p = 0; p < LINK_POLICIES; p++)
    for (int q = 0; q < p; q++)
      e->same_where_told &= !(link_effect_turned(e, p, q) && link_effect_tells(e, p, q));
}
