/* bound.h: each request alone on its best plan, as a run of its own (policy entry `alone_bound`; kind `bound`). */
#ifndef OFFSIM_MODELS_BOUND_H
#define OFFSIM_MODELS_BOUND_H

#include "models/internal.h"

bool bound_possible(const struct world_def *, struct where, struct err *) MUST_USE;
void bound_new(struct world *);
/* What no policy can do better for this request; false when it can only fail. */
bool bound_request(struct world *, struct request *, double *latency_s);
void bound_record(const struct request *, struct request_record *);

#endif
