/* bound.h: runs that serve nobody and tell what no policy can do better (kind `bound`; policy entries alone_bound,
 * batch_bound, queues_bound). */
#ifndef OFFSIM_MODELS_BOUND_H
#define OFFSIM_MODELS_BOUND_H

#include "models/internal.h"

bool bound_possible(const struct world_def *, const struct policy_def *, struct err *) MUST_USE;
bool bound_new(struct world *, struct err *) MUST_USE;
/* What no policy can do better for this request; false when it can only fail. */
bool bound_request(struct world *, struct request *, double *latency_s);
void bound_end(struct world *);                         /* all requests have come */
void bound_record(const struct request *, struct request_record *);

/* The way back to the user, alone. */
double bound_return_s(struct world *, const struct request *, struct endpoint from);

/* bound_whole.c: bounds on the mean of the run. */
struct whole_bound;
bool bound_whole_new(struct world *, struct whole_bound **, struct err *) MUST_USE;
bool bound_whole_add(struct world *, struct whole_bound *, struct request *);  /* false, and w->err says so: too many */
void bound_whole_end(const struct world *, struct whole_bound *);
double bound_whole_value(const struct whole_bound *, const char *metric);       /* NaN: nothing is proven of it */

#endif
