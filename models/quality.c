/* quality.c: how good an answer is, by the request's latent difficulty u in (0, 1).
 *
 * q(u) = top / (1 + exp((u - skill) / width)); width 0: top when u <= skill, else 0. One u serves all variants of a
 * request, so that a better variant is better on the same requests.
 * Mean over uniform u: top * (1 - width * (log(1 + exp((1 - skill)/width)) - log(1 + exp(-skill/width)))).
 * Checkable: skill .5, width .1, top 1 gives q(.5) = .5 and mean .5 by symmetry.
 */
#include "models/internal.h"

double quality_at(const struct variant_def *v, double u)
{
  if (v->width <= 0) return u <= v->skill ? v->top : 0;
  return v->top / (1 + exp((u - v->skill) / v->width));
}

double quality_of_request(const struct class_def *c, const struct variant_def *v, const double *attribute)
{
  if (!v->outcomes) return quality_at(v, attribute[0]);
  sim_assert(c->subject > 0);
  const struct outcome_row *row = &v->outcomes->row[(int)attribute[c->subject]];
  return outcome_right(outcome_at(row, attribute[0]), v->strong);
}

/* By a joint table: the mean over the subjects of the class, or of its own where policies are told so. */
double quality_told(const struct class_def *c, const struct variant_def *v, const double *attribute)
{
  const struct subjects_def *s = c->attribute[c->subject].subjects;
  if (!s->told_by_subject) return s->mean[v->strong];
  return outcome_share(&v->outcomes->row[(int)attribute[c->subject]], v->strong);
}

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

double quality_mean(const struct variant_def *v)
{
  if (v->outcomes) return outcomes_share(v->outcomes, NULL, v->strong);
  if (v->width <= 0) return v->top * fmin(1, fmax(0, v->skill));
  return v->top * (1 - v->width * (softplus((1 - v->skill) / v->width) - softplus(-v->skill / v->width)));
}

double quality_of_class(const struct class_def *c, const struct variant_def *v)
{
  return v->outcomes ? c->attribute[c->subject].subjects->mean[v->strong] : quality_mean(v);
}
