/* supervisor.h: many runs, by workers, into one catalogue.
 *
 *   struct supervisor *s = supervisor_start(scenario, dir, workers, &err);      forks; nothing may be open yet
 *   struct catalog *c = catalog_open(dir, CATALOG_WRITE, &err);
 *   supervisor_recover(s, c, &err);
 *   supervisor_run(s, c, order, n, &options, &report, &err);                    as often as wanted
 *   supervisor_stop(s);
 *
 * The supervisor is the only writer of the catalogue. A run that fails is recorded and lost alone; what the user or the
 * disk did wrong ends the whole.
 */
#ifndef OFFSIM_EXPERIMENTS_SUPERVISOR_H
#define OFFSIM_EXPERIMENTS_SUPERVISOR_H

#include "analysis/store/catalog.h"
#include "experiments/worker.h"

struct supervisor;
/* Workers: at least one. NULL after adding to err. Signals SIGINT and SIGTERM are held back until supervisor_stop. */
struct supervisor *supervisor_start(const struct scenario *, const char *dir, int workers, struct err *);
/* Results that an earlier supervisor could not put into the catalogue any more. */
bool supervisor_recover(struct supervisor *, struct catalog *, struct err *) MUST_USE;

struct supervisor_options { bool progress, colour; };
struct supervisor_report {
  size_t done, failed, plugin_failed;
  bool interrupted;
  double *truncation_s;                                 /* of pilots, by order->number; the caller's */
};
/* False when it had to stop: err tells why (nothing is added when interrupted). Failed runs do not stop it. */
bool supervisor_run(struct supervisor *, struct catalog *, const struct run_order *, size_t n,
                    const struct supervisor_options *, struct supervisor_report *, struct err *) MUST_USE;
void supervisor_stop(struct supervisor *);

#endif
