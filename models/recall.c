/* recall.c: whether a search finds what the answer needs.
 *
 * found = [u < recall], with one latent number u of the request, uniform in (0, 1): all its searches meet the same hard
 * question, so that a search of higher recall finds whatever one of lower recall finds. Quality factor: 1, or `missed`.
 * Check: recall .9, missed .4: share found .9, mean factor .9 + .1 * .4 = .94.
 */
#include "models/recall.h"
#include "models/internal.h"

double recall_value(const struct recall_def *d, const struct task_def *t, int variant, const double *attribute)
{
  return expr_value(d->value.n > 0 ? &d->value : &t->work[variant].recall, attribute);
}

void recall_on_served(struct world *w, struct attempt *a, const struct recall_def *d)
{
  struct request *r = a->request;
  double value = recall_value(d, task_of(w, r, a->task), a->variant, r->attribute);
  double recall = share_or_fail(w, r, a->task, "recall.value", value);
  r->attribute[d->found] = rng_fresh(&w->root, STREAM_RECALL, r->id, 0) < recall ? 1 : 0;
}

double recall_quality(const struct request *r, const struct recall_def *d)
{
  return r->attribute[d->found] == 0 ? d->missed : 1;
}

double recall_expected_quality(const struct recall_def *d, const struct task_def *t, int variant, const double *attribute)
{
  double value = recall_value(d, t, variant, attribute), recall = fmin(1, fmax(0, value));
  return isnan(value) ? NAN : recall + (1 - recall) * d->missed;
}
