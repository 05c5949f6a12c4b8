/* queue_oracles.h: what queueing theory says about the scenarios under scenarios/validation/.
 *
 * Each oracle reads arrival rates, service distributions, servers, capacity and discipline from the definitions that
 * the scenario became, so that it holds for any --set. It knows nothing of the simulator's results.
 */
#ifndef OFFSIM_VALIDATE_QUEUE_ORACLES_H
#define OFFSIM_VALIDATE_QUEUE_ORACLES_H

#include "models/defs.h"

#include <complex.h>

/* What is compared. For QUANTILE the density at the value turns a miss in probability into a miss in time. */
enum quantity { UTILIZATION, IN_SYSTEM, WAIT, SOJOURN, QUANTILE, BLOCKING, THROUGHPUT, BATCH_SIZE, COLD, ABANDONED, WAITED, STALE,
                N_QUANTITIES };
struct expectation {
  enum quantity quantity;
  int index;                                            /* place; for SOJOURN, QUANTILE, THROUGHPUT and from COLD on a class */
  double value, p, density;
};
enum { MAX_EXPECTATIONS = 24 };
struct expectations { int n; struct expectation at[MAX_EXPECTATIONS]; const char *no_quantile; /* why none, or NULL */ };

typedef bool oracle_fn(const struct world_def *, struct expectations *, char why[160]);
oracle_fn oracle_mmck, oracle_mg1, oracle_priority, oracle_ps, oracle_srpt, oracle_gm1, oracle_jackson, oracle_closed,
  oracle_bulk, oracle_take_all;
oracle_fn oracle_setup, oracle_breakdowns;              /* queue_oracles_setup.c */
oracle_fn oracle_mmc_setup, oracle_erlang_a;            /* queue_oracles_servers.c */
oracle_fn oracle_stale_reads;                           /* queue_oracles_stale.c */
oracle_fn oracle_mdc, oracle_mekc;                      /* queue_oracles_exact.c */

/* E[exp(-s X)] of a distribution that has_transform. */
bool has_transform(const struct dist *);
double complex transform_of(const struct dist *, double complex s);
/* Arrivals of a Poisson or renewal class, per s. */
double class_rate(const struct class_def *);
/* Offered load per server of the busiest place, for setting rates: sum of rate x visits x mean service / servers. */
double offered_load(const struct world_def *);
/* Rate, task and service of a scenario of one class, one task, one server; false: why not. */
struct single_server { double lambda; const struct dist *service; const struct place_def *def; int place; };
bool single_server(const struct world_def *, struct single_server *, char why[160]);
/* The same of several servers, exponential service and any load. */
struct many_servers { double lambda, mu; int servers; const struct place_def *def; int place; };
bool many_servers(const struct world_def *, struct many_servers *, char why[160]);
/* The same of any service, and a load below 1. */
struct several_servers { double lambda; const struct dist *service; int servers, place; };
bool several_servers(const struct world_def *, struct several_servers *, char why[160]);
/* For oracles: one more row; false with the reason why there is none. */
void expect(struct expectations *, enum quantity, int index, double value);
bool refuse(char why[160], const char *text);
double erlang_b(int servers, double load);
double erlang_c(int servers, double load);

#endif
