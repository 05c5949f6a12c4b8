/* transform.h: a task that hands on less than came in: less of it (pruning), less of some kinds of data (sanitising), or the same
 * sealed. Its price is its work; what is lost to the answer is a factor on the quality. */
#ifndef OFFSIM_MODELS_TRANSFORM_H
#define OFFSIM_MODELS_TRANSFORM_H

#include "models/expr.h"
#include <stdbool.h>

/* Of one variant. keep: share of the bytes that it hands on; found: share of each kind of data that it finds and puts blanks in
 * place of, [n_data] (n == 0: it does not look); quality: factor (n == 0: 1). */
struct transform_form { struct expr keep, quality; const struct expr *found; };
/* entities: pieces of each kind in a request, each found or not (n == 0: the share itself). kept, quality, left: attributes that
 * it produces; left: [n_data], 0: of no such kind. */
struct transform_def {
  const struct transform_form *form;                    /* [max(1, n_variants)] */
  struct expr entities;
  bool seals;                                           /* its output is sealed on its way */
  int kept, quality;
  const int *left;
};

struct world;
struct request;
struct attempt;
void transform_on_served(struct world *, struct attempt *, const struct transform_def *);
double transform_quality(const struct request *, const struct transform_def *);
double transform_expected_quality(const struct transform_def *, int variant, const double *attribute);
/* In place: of shares of what came in, those of what it handed on. */
void transform_shares(const struct world *, const struct request *, const struct transform_def *, double *share);

#endif
