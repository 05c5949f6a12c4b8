/* supervisor.h: many runs, by workers, into one catalogue.
 *
 *   struct supervisor *s = supervisor_start(&setup, &err);                      forks; nothing may be open yet
 *   struct catalog *c = catalog_open(dir, CATALOG_WRITE, &err);
 *   supervisor_recover(s, c, false, &err);
 *   supervisor_run(s, c, order, n, &options, &report, &err);                    as often as wanted
 *   supervisor_stop(s);
 *
 * The supervisor is the only writer of the catalogue; what ends within a tenth of a second goes there in one
 * transaction. A run that fails is recorded and lost alone; what the user or the disk did wrong ends the whole.
 */
#ifndef OFFSIM_EXPERIMENTS_SUPERVISOR_H
#define OFFSIM_EXPERIMENTS_SUPERVISOR_H

#include "analysis/store/catalog.h"
#include "experiments/orders.h"
#include "experiments/worker.h"

struct supervisor_setup {
  const struct run_source *source;                      /* must outlive the supervisor */
  const char *dir;
  const char *journal_prefix;                           /* of the names in DIR/journal; NULL: "" */
  int workers;                                          /* at least one */
};
struct supervisor;
/* NULL after adding to err. Signals SIGINT, SIGTERM and SIGUSR1 are held back until supervisor_stop. */
struct supervisor *supervisor_start(const struct supervisor_setup *, struct err *);
/* Results that an earlier supervisor or a shard could not put into the catalogue. Conflicts are counted. */
bool supervisor_recover(struct supervisor *, struct catalog *, bool shards_live, size_t *conflicts,
                        struct err *) MUST_USE;

/* Where results go instead of the catalogue. A run that is done is in its worker's journal already, a failed one whose
 * child died is in none. `failed` results have no more than identity, state and message. */
struct result_sink {
  bool (*put)(void *context, const struct run_order *, const struct catalog_run *, struct err *);
  void *context;
};
struct supervisor_options {
  bool progress, colour;                                /* a bar on a terminal */
  bool log;                                             /* no terminal: a line now and then */
  const struct result_sink *sink;                       /* NULL: the catalogue, and journals are emptied behind it */
  const struct expectation *expect;                     /* NULL: in the order given */
  bool quarantine;                                      /* failed runs become RUN_QUARANTINED, with their attempts */
  int retries;                                          /* tries beyond the first */
  int patience;                                         /* tries more for runs that somebody killed (SIGKILL, SIGTERM) */
  size_t fail_fast;                                     /* hand out nothing more after so many failures; 0: go on */
  int (*attempts_before)(void *context, const struct run_order *);     /* of earlier calls; NULL: none */
  void *attempts_context;
};
struct supervisor_report {
  size_t done, failed, plugin_failed, conflicts;
  bool interrupted, stopped;                            /* by a signal; by fail_fast */
  double *truncation_s;                                 /* of pilots, by order->number; the caller's */
};
/* False when it had to stop: err tells why (nothing is added when interrupted). Failed runs do not stop it.
 * SIGUSR1: nothing more is handed out, what runs is waited for some seconds; report->interrupted. */
bool supervisor_run(struct supervisor *, struct catalog *, const struct run_order *, size_t n,
                    const struct supervisor_options *, struct supervisor_report *, struct err *) MUST_USE;
void supervisor_stop(struct supervisor *);

/* What a supervisor that is at work says of itself, for `status`: false when there is none. */
struct live { uint64_t running, done, failed, left; double spent_s, left_s; };
bool supervisor_live(const char *dir, struct live *);

#endif
