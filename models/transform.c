/* transform.c: pruning and sanitising of what a request carries.
 *
 * Of a kind that is looked for with recall R, the share `left` of its bytes stays: 1 - R; or, with n entities, those of n that
 * were missed, over n. Entity i is missed when the i-th uniform number of (request, kind) is R or more, so that who finds more
 * finds all that others find. What is found is replaced by as many bytes that say nothing. Pruning takes all kinds alike.
 * Checkable: 4 entities, recall .9: nothing is left with probability .9^4 = .6561, mean share left .1.
 */
#include "models/transform.h"
#include "models/internal.h"

enum { MOST_ENTITIES = 100000 };

static double missed(const struct world *w, const struct request *r, int kind, double entities, double recall)
{
  struct rng rng = rng_open(&w->root, STREAM_TRANSFORM, r->id, (uint64_t)kind);
  int n = (int)fmin(round(entities), MOST_ENTITIES), left = 0;
  for (int i = 0; i < n; i++) left += rng_uniform(&rng) >= recall;
  return n > 0 ? (double)left / n : 0;
}

static double share_of(struct world *w, const struct attempt *a, const char *what, const struct expr *e, double otherwise)
{
  return e->n ? share_or_fail(w, a->request, a->task, what, expr_value(e, a->request->attribute)) : otherwise;
}

void transform_on_served(struct world *w, struct attempt *a, const struct transform_def *d)
{
  struct request *r = a->request;
  const struct transform_form *form = &d->form[a->variant];
  r->attribute[d->kept] = share_of(w, a, "transform.keep", &form->keep, 1);
  r->attribute[d->quality] = share_of(w, a, "transform.quality", &form->quality, 1);
  for (int k = 0; k < w->def->n_data; k++) {
    if (!d->left[k]) continue;
    double recall = share_of(w, a, "transform.remove", &form->found[k], 0);
    r->attribute[d->left[k]] = d->entities.n ? missed(w, r, k, expr_value(&d->entities, r->attribute), recall) : 1 - recall;
  }
}

double transform_quality(const struct request *r, const struct transform_def *d) { return r->attribute[d->quality]; }

double transform_expected_quality(const struct transform_def *d, int variant, const double *attribute)
{
  return d->form[variant].quality.n ? expr_value(&d->form[variant].quality, attribute) : 1;
}

void transform_shares(const struct world *w, const struct request *r, const struct transform_def *d, double *share)
{
  for (int k = 0; k < w->def->n_data; k++) {
    double left = d->left[k] ? r->attribute[d->left[k]] : 1;
    if (left <= 1) share[k] *= left;                    /* NaN: not done yet */
  }
}
