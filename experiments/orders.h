/* orders.h: which order a worker gets next: the longest expected first, neighbours of a point to the same worker. */
#ifndef OFFSIM_EXPERIMENTS_ORDERS_H
#define OFFSIM_EXPERIMENTS_ORDERS_H

#include "experiments/worker.h"

/* Expected seconds of an order; changes as results come in. NULL: all alike, in the order given. */
struct expectation {
  double (*seconds)(void *context, const struct run_order *);
  void (*learn)(void *context, const struct run_order *, double elapsed_s);
  void *context;
};

struct orders;
struct orders *orders_new(const struct run_order *, size_t n, int workers, const struct expectation *);
void orders_free(struct orders *);
/* The next order of a worker; NULL: nothing is left. Belongs to the caller's array. */
const struct run_order *orders_next(struct orders *, int worker);
/* Once more, after all others. */
void orders_return(struct orders *, const struct run_order *);
void orders_learn(struct orders *, const struct run_order *, double elapsed_s);
/* Expected seconds of what has not been handed out, and of what has; equal shares without expectations. */
double orders_left_s(const struct orders *);
double orders_given_s(const struct orders *);

#endif
