/* How long an instance takes to start: the longest chain of its steps.
 *
 * A step begins when all that it comes after are done: T(s) = max T(after) + time(s); the start lasts max T. Steps that
 * come after the same one overlap, such as the pull of an image and its extraction as it comes in: the longer counts.
 * Bytes over a rate: when a start begins while n others of its member pull, its share of the link is taken to be
 * 1 / (n + 1) throughout. (That is too little when the others end early and too much when more begin; over a burst the
 * two cancel in part.) Every step is drawn, also a cached one, so that the k-th start has the same numbers whatever
 * happened before it.
 * Checkable: vm 2 s; pull 6 s and extract 4 s both after vm; load 3 s after both: 2 + max(6, 4) + 3 = 11 s.
 */
#include "models/instances.h"

static double step_time_s(const struct fleet *f, const struct cold_step_def *step, const struct instance *i, struct rng *g)
{
  double time_s = step->time_s ? dist_draw(step->time_s, g) : 0;
  if (step->cached && i->cached) return 0;
  if (step->byte_per_s > 0) time_s += step->bytes / step->byte_per_s * (1 + f->pulling);
  return time_s;
}

/* Of one that has the link to itself, with the mean of each step. */
double cold_start_mean_s(const struct cold_start_def *def, bool cached)
{
  double end_s[MAX_COLD_STEPS], last_s = 0;
  for (int s = 0; s < def->n_steps; s++) {
    const struct cold_step_def *step = &def->step[s];
    double from_s = 0, time_s = step->time_s ? dist_mean(step->time_s) : 0;
    for (int k = 0; k < s; k++)
      if (step->after >> k & 1) from_s = fmax(from_s, end_s[k]);
    if (step->byte_per_s > 0) time_s += step->bytes / step->byte_per_s;
    end_s[s] = from_s + (step->cached && cached ? 0 : time_s);
    last_s = fmax(last_s, end_s[s]);
  }
  return last_s;
}

static void on_pulled(struct sim *sim, void *fleet)
{
  (void)sim;
  ((struct fleet *)fleet)->pulling--;
}

/* From the start of the instance until its last bytes are here. */
static void occupy_link(struct fleet *f, double until_s)
{
  if (until_s <= 0) return;
  f->pulling++;
  sim_after(f->w->sim, ns_from_s(until_s), PRIORITY_COMPLETE, on_pulled, f);
}

sim_time cold_start_draw(struct fleet *f, const struct instance *i)
{
  const struct cold_start_def *def = f->def->cold_start;
  double end_s[MAX_COLD_STEPS], last_s = 0, pulled_s = 0;
  if (!def) return 0;
  struct rng g = rng_open(&f->w->root, STREAM_INSTANCE, f->place->name ^ f->member, f->starts);
  for (int s = 0; s < def->n_steps; s++) {
    double from_s = 0;
    for (int k = 0; k < s; k++)
      if (def->step[s].after >> k & 1) from_s = fmax(from_s, end_s[k]);
    double time_s = step_time_s(f, &def->step[s], i, &g);
    end_s[s] = from_s + fmax(0, time_s);
    last_s = fmax(last_s, end_s[s]);
    if (def->step[s].byte_per_s > 0 && time_s > 0) pulled_s = end_s[s];
  }
  occupy_link(f, pulled_s);
  return ns_from_s(last_s);
}
