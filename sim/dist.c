/* dist.c: the table of kinds, and how distributions are made and checked. */
#include "sim/dist.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/dist_kind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct dist_kind *const dist_kinds[] = {
  &dist_kind_constant, &dist_kind_uniform, &dist_kind_exponential, &dist_kind_normal, &dist_kind_lognormal,
  &dist_kind_gamma, &dist_kind_weibull, &dist_kind_pareto, &dist_kind_hyperexponential, &dist_kind_erlang,
  &dist_kind_zipf, &dist_kind_empirical, &dist_kind_mixture, &dist_kind_shifted,
};
const size_t n_dist_kinds = sizeof dist_kinds / sizeof *dist_kinds;

enum { WHY = 160 };

static const char *parameter_name(const struct dist *d, int i)
{
  return d->kind->parameters[i] ? d->kind->parameters[i] : "?";
}

bool dist_needs(const struct dist *d, int i, char why[WHY])
{
  if (isnan(d->p[i]))
    snprintf(why, WHY, "%s needs '%s'", d->kind->name, parameter_name(d, i));
  else if (isinf(d->p[i]))
    snprintf(why, WHY, "%s: '%s' must be finite", d->kind->name, parameter_name(d, i));
  return isfinite(d->p[i]);
}

bool dist_needs_positive(const struct dist *d, int i, char why[WHY])
{
  if (!dist_needs(d, i, why))
    return false;
  if (d->p[i] > 0)
    return true;
  snprintf(why, WHY, "%s: '%s' must be positive, not %g", d->kind->name, parameter_name(d, i), d->p[i]);
  return false;
}

bool dist_needs_not_negative(const struct dist *d, int i, char why[WHY])
{
  if (!dist_needs(d, i, why))
    return false;
  if (d->p[i] >= 0)
    return true;
  snprintf(why, WHY, "%s: '%s' must not be negative, it is %g", d->kind->name, parameter_name(d, i), d->p[i]);
  return false;
}

static const struct dist_kind *find_kind(const char *name)
{
  for (size_t i = 0; i < n_dist_kinds; i++)
    if (strcmp(dist_kinds[i]->name, name) == 0)
      return dist_kinds[i];
  return NULL;
}

bool dist_make(struct dist *d, const char *name, const double *p, size_t n_p, char why[WHY])
{
  *d = (struct dist){.kind = find_kind(name)};
  if (!d->kind || !d->kind->prepare) {
    snprintf(why, WHY, d->kind ? "%.60s is not made from numbers alone" : "unknown distribution '%.60s'", name);
    return false;
  }
  size_t n = 0;
  while (n < DIST_PARAMETERS && d->kind->parameters[n])
    n++;
  if (n_p > n) {
    snprintf(why, WHY, "%s takes at most %zu parameters, not %zu", name, n, n_p);
    return false;
  }
  for (size_t i = 0; i < DIST_PARAMETERS; i++)
    d->p[i] = i < n_p ? p[i] : NAN;
  return d->kind->prepare(d, why);
}

struct dist dist_constant(double value)
{
  return (struct dist){.kind = &dist_kind_constant, .p = {value}};
}

/* ---- made from lists ------------------------------------------------------------------------------------------- */

/* Cumulative weights that end at exactly 1, or NULL (with `why`) when they are no weights. */
static double *cumulate(struct arena *a, const double *weights, size_t n, char why[WHY])
{
  double total = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(weights[i] >= 0) || isinf(weights[i])) {
      snprintf(why, WHY, "weight %zu must be a finite number and not negative, it is %g", i + 1, weights[i]);
      return NULL;
    }
    total += weights[i];
  }
  if (!(total > 0) || isinf(total)) {
    snprintf(why, WHY, "the weights must have a positive, finite sum");
    return NULL;
  }
  double *cumulative = arena_array(a, double, n), sum = 0;
  for (size_t i = 0; i < n; i++)
    cumulative[i] = (sum += weights[i]) / total;
  for (size_t i = n; i-- > 0 && (i == n - 1 || weights[i + 1] == 0);)   /* rounding must not leave a gap below 1 */
    cumulative[i] = 1;
  return cumulative;
}

struct weighted { double value, weight; };

static int compare_weighted(const void *a, const void *b)
{
  const struct weighted *x = a, *y = b;
  if (x->value != y->value)
    return x->value < y->value ? -1 : 1;
  return (x->weight > y->weight) - (x->weight < y->weight);
}

/* Values in order, so that the cdf is a search. */
static void sort_weighted(struct arena *a, struct dist *d, const double *values, double *weights)
{
  struct weighted *pairs = malloc(d->n * sizeof *pairs);
  if (!pairs)
    check_out_of_memory(d->n * sizeof *pairs);
  for (size_t i = 0; i < d->n; i++)
    pairs[i] = (struct weighted){values[i], weights ? weights[i] : 1};
  qsort(pairs, d->n, sizeof *pairs, compare_weighted);
  double *sorted = arena_array(a, double, d->n);
  for (size_t i = 0; i < d->n; i++) {
    sorted[i] = pairs[i].value;
    if (weights)
      weights[i] = pairs[i].weight;
  }
  free(pairs);
  d->value = sorted;
}

bool dist_make_empirical(struct dist *d, struct arena *a, const double *values, const double *weights, size_t n,
                         char why[WHY])
{
  *d = (struct dist){.kind = &dist_kind_empirical, .n = n};
  if (n == 0) {
    snprintf(why, WHY, "empirical needs at least one value");
    return false;
  }
  for (size_t i = 0; i < n; i++)
    if (!isfinite(values[i])) {
      snprintf(why, WHY, "empirical: value %zu must be finite", i + 1);
      return false;
    }
  double *own_weights = NULL;
  if (weights)
    own_weights = memcpy(arena_array(a, double, n), weights, n * sizeof *weights);
  sort_weighted(a, d, values, own_weights);
  if (weights)
    d->cumulative = cumulate(a, own_weights, n, why);
  return !weights || d->cumulative;
}

bool dist_make_mixture(struct dist *d, struct arena *a, const struct dist *const *parts, const double *weights,
                       size_t n, char why[WHY])
{
  *d = (struct dist){.kind = &dist_kind_mixture, .n = n};
  if (n == 0) {
    snprintf(why, WHY, "mixture needs at least one part");
    return false;
  }
  d->part = memcpy(arena_array(a, const struct dist *, n), parts, n * sizeof *parts);
  d->cumulative = cumulate(a, weights, n, why);
  return d->cumulative;
}

bool dist_make_shifted(struct dist *d, struct arena *a, double by, const struct dist *part, char why[WHY])
{
  *d = (struct dist){.kind = &dist_kind_shifted, .p = {by}, .n = 1};
  d->part = memcpy(arena_array(a, const struct dist *, 1), &part, sizeof part);
  return dist_needs(d, 0, why);
}

/* ---- questions ------------------------------------------------------------------------------------------------- */

double dist_variance(const struct dist *d)
{
  return d->kind->variance(d);
}

double dist_cdf(const struct dist *d, double x)
{
  return d->kind->cdf(d, x);
}

bool dist_is_constant(const struct dist *d)
{
  if (d->kind == &dist_kind_shifted || (d->kind == &dist_kind_mixture && d->n == 1))
    return dist_is_constant(d->part[0]);
  return d->kind == &dist_kind_constant || (d->kind == &dist_kind_empirical && d->n == 1);
}
