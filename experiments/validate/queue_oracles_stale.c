/* Reads of a copy that follows with a lag.
 *
 * Item k is written at rate w_k = w p_k and read with probability p_k, by Poisson streams that do not touch each other: the
 * age of its last write is exponential when it is read, and the read is stale when that is less than the write's lag L:
 *   P(stale) = 1 - sum_k p_k E[exp(-w_k L)]
 * Checkable: one item, w = 1 /s, L exponential of mean 2 s: 2/3. */
#include "experiments/validate/queue_oracles.h"
#include "models/effects.h"
#include "models/replica.h"
#include "models/stores.h"
#include <math.h>
#include <string.h>

static const struct access_def *access_of(const struct class_def *k)
{
  return k->n_tasks == 1 && k->task[0].effect ? k->task[0].effect->access : NULL;
}

/* The distribution of the attribute that tells the item; NULL: it is something else. */
static const struct dist *items_of(const struct class_def *k, const struct access_def *a)
{
  if (a->item.n != 1) return NULL;
  for (int i = 1; i < k->n_attributes; i++)
    if (a->item.reads >> i & 1 && k->attribute[i].dist && !strcmp(k->attribute[i].dist->kind->name, "zipf"))
      return k->attribute[i].dist;
  return NULL;
}

static bool same_items(const struct dist *a, const struct dist *b)
{
  return a && b && fabs(a->p[0] - b->p[0]) < 0.5 && fabs(a->p[1] - b->p[1]) < 1e-12;
}

bool oracle_stale_reads(const struct world_def *d, struct expectations *e, char why[160])
{
  const struct access_def *read = NULL, *write = NULL;
  if (d->n_classes != 2 || !(read = access_of(&d->klass[0])) || !(write = access_of(&d->klass[1])) || read->writes || !write->writes)
    return refuse(why, "needs a class that reads and a class that writes, of one task each");
  const struct store_def *s = &d->store[read->store];
  const struct dist *items = items_of(&d->klass[0], read);
  if (!same_items(items, items_of(&d->klass[1], write))) return refuse(why, "needs the same Zipf items for both");
  const struct task_def *t = &d->klass[0].task[0];
  if (s->apply_s > 0 || !has_transform(s->lag_s) || t->n_plans != 1 || t->plan[0].place == s->primary)
    return refuse(why, "needs a lag with a transform, copies that apply at once, and reads at a copy");
  double total = 0, fresh = 0, rate = class_rate(&d->klass[1]);
  int n = (int)items->p[0];
  for (int k = 1; k <= n; k++) total += pow(k, -items->p[1]);
  for (int k = 1; k <= n; k++) {
    double p = pow(k, -items->p[1]) / total;
    fresh += p * creal(transform_of(s->lag_s, rate * p));
  }
  expect(e, STALE, 0, 1 - fresh);
  e->no_quantile = "a share only";
  return true;
}
