/* stores.h: the stores of a run: tasks that read and write them (models/replica.h has the copies themselves). */
#ifndef OFFSIM_MODELS_STORES_H
#define OFFSIM_MODELS_STORES_H

#include "models/expr.h"
#include "models/record.h"

/* What a task does to a store: items are told apart by a number. stale: the attribute that a read produces, 0 or 1. */
struct access_def { int store; bool writes; struct expr item; double stale_quality; int stale; };

struct world;
struct request;
struct attempt;
struct stores;
struct stores *stores_new(struct world *);              /* NULL: there are none */
void stores_free(struct stores *);
/* The service of an attempt has ended: it is committed, or has read. */
void stores_on_served(struct world *, struct attempt *, const struct access_def *);
double stores_quality(const struct request *, const struct access_def *);
void stores_count(const struct world *, const struct request *, struct request_record *);

#endif
