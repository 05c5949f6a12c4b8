/* dist_kind.h: what the files that define kinds share; for sim/dist*.c only. */
#ifndef OFFSIM_SIM_DIST_KIND_H
#define OFFSIM_SIM_DIST_KIND_H

#include "sim/dist.h"

extern const struct dist_kind dist_kind_constant, dist_kind_uniform,
  dist_kind_lognormal, dist_kind_gamma, dist_kind_weibull, dist_kind_pareto, dist_kind_hyperexponential,
  dist_kind_erlang, dist_kind_zipf, dist_kind_empirical, dist_kind_mixture, dist_kind_shifted;

/* Parameter i is required, finite, and > 0 (>= 0): what most kinds ask. Otherwise says so in `why`. */
bool dist_needs(const struct dist *, int i, char why[160]);
bool dist_needs_positive(const struct dist *, int i, char why[160]);
bool dist_needs_not_negative(const struct dist *, int i, char why[160]);

#endif
