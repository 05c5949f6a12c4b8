/* dist.h: probability distributions, by name.
 *
 * A kind is a constant struct of functions; a `struct dist` is a kind with its parameters, and never changes once made.
 * Draws are in the unit that the parameters were given in.
 */
#ifndef OFFSIM_SIM_DIST_H
#define OFFSIM_SIM_DIST_H

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/ziggurat.h"

enum { DIST_PARAMETERS = 6 };

struct dist;
struct dist_kind {
  const char *name;
  const char *parameters[DIST_PARAMETERS];      /* names as the scenario file writes them; NULL ends */
  bool dimensioned[DIST_PARAMETERS];            /* true: carries the unit of the quantity (mean, low); false: pure (sigma) */
  double (*draw)(const struct dist *, struct rng *);
  double (*mean)(const struct dist *);          /* may be infinite */
  double (*variance)(const struct dist *);      /* may be infinite or NaN (not known) */
  double (*cdf)(const struct dist *, double x);
  const char *doc;                              /* one line: density and source */
  /* Sets defaults of what was left out (NaN), checks, and precomputes into the free p[]. NULL: not made from numbers. */
  bool (*prepare)(struct dist *, char why[160]);
};

/* Parameters in the kind's order. `table` is for empirical and mixture and zipf: n values with cumulative weights.
 * Parts of a mixture or of `shifted` are other dists. All memory belongs to the arena that dist_make was given. */
struct dist {
  const struct dist_kind *kind;
  double p[DIST_PARAMETERS];
  size_t n;
  const double *value, *cumulative;
  const struct dist *const *part;
};

/* constant(value) uniform(low, high) exponential(mean) lognormal(median, sigma) gamma(mean, shape)
 * normal(mean, sd[, low = 0]), truncated: X >= low; low = -inf: not truncated; weibull(scale, shape)
 * pareto(minimum, shape) hyperexponential(mean, scv), balanced means; erlang(mean, phases) zipf(n, s)
 * empirical(values[, weights]) mixture(parts, weights) shifted(by, dist). */
extern const struct dist_kind *const dist_kinds[];
extern const size_t n_dist_kinds;

struct arena;
/* Checks parameters (message without position is written to `why`, at least 160 bytes) and fills *d. A parameter that
 * is NaN, or beyond n_p, was left out. */
bool dist_make(struct dist *d, const char *kind, const double *p, size_t n_p, char why[160]) MUST_USE;
bool dist_make_empirical(struct dist *, struct arena *, const double *values, const double *weights_or_null, size_t n,
                         char why[160]) MUST_USE;
bool dist_make_mixture(struct dist *, struct arena *, const struct dist *const *parts, const double *weights, size_t n,
                       char why[160]) MUST_USE;
bool dist_make_shifted(struct dist *, struct arena *, double by, const struct dist *part, char why[160]) MUST_USE;
struct dist dist_constant(double value);

/* The two kinds that are little more than a ziggurat are drawn in place: the call through the table costs as much as a
 * fifth of a draw. A normal below its p[DIST_NORMAL_QUICK] is drawn again (or in the tail: then that is infinite). */
enum { DIST_NORMAL_QUICK = 5 };
extern const struct dist_kind dist_kind_exponential, dist_kind_normal;
double dist_normal_again(const struct dist *, struct rng *);

static inline double dist_draw_normal(const struct dist *d, struct rng *r)
{
  double x = ziggurat_draw_normal(r, d->p[1], d->p[0]);
  return __builtin_expect(x >= d->p[DIST_NORMAL_QUICK], 1) ? x : dist_normal_again(d, r);
}

static inline double dist_draw(const struct dist *d, struct rng *r)
{
  if (d->kind == &dist_kind_exponential)
    return ziggurat_draw_exponential(r, d->p[0]);
  return d->kind == &dist_kind_normal ? dist_draw_normal(d, r) : d->kind->draw(d, r);
}

static inline double dist_mean(const struct dist *d) { return d->kind->mean(d); }
double dist_variance(const struct dist *);
double dist_cdf(const struct dist *, double x);
/* True for a constant: no draw is needed. */
bool dist_is_constant(const struct dist *);

#endif
