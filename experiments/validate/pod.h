/* pod.h: N servers, Poisson arrivals, exponential services of mean 1, each job to the shortest of d random queues, chosen
 * by the policy power_of_d through the policy host, which sees the queues as they are.
 *
 * As N grows the mean sojourn tends to sum over i >= 1 of lambda^((d^i - d)/(d - 1)) (Mitzenmacher 1996; Vvedenskaya,
 * Dobrushin and Karpelevich 1996). Check: d = 2, lambda = .9: 2.6141; N = 500: 2.6305; d = 1: 1/(1 - lambda). */
#ifndef OFFSIM_VALIDATE_POD_H
#define OFFSIM_VALIDATE_POD_H

#include "sim/err.h"

#include <stdint.h>

enum { MAX_POD_SERVERS = 4096 };
/* jobs: counted after a warm-up of a fifth as many, which begins with queues as of infinitely many servers. */
struct pod { int d, servers; double lambda; int64_t jobs; };

/* Mean sojourn time of one run, in service times. NAN after adding to err. */
double pod_sojourn(const struct pod *, uint64_t seed, uint64_t run, struct err *);
/* Of infinitely many servers. */
double pod_limit(int d, double lambda);

#endif
