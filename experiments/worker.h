/* worker.h: runs in processes of their own.
 *
 * A worker is forked once, before any database or trace file is open; it forks children for the runs, so that a crash or
 * a hang ends with its run. A child does short runs of built-in policies at one point one after the other, and one run of
 * a plug-in; it writes the trace and adds the result to the worker's journal before it takes the next. When it dies, the
 * run that it did is the one that failed; after a failure it ends.
 */
#ifndef OFFSIM_EXPERIMENTS_WORKER_H
#define OFFSIM_EXPERIMENTS_WORKER_H

#include "scenarios/scenario.h"

/* What to do; small enough to go through a pipe in one piece. */
struct run_order {
  int32_t number, policy;                               /* policy -1: none */
  uint64_t point, replication;
  char id[33];
  bool pilot;                                           /* find the truncation point instead of measuring */
  double warmup_s;                                      /* negative: as the scenario says */
  enum trace_level trace;
  bool second_journal;
};
/* How it ended. code 0: the journal has a finished run. signal: the child died of it. An error has its text in the
 * journal, as a failed run; text: how a process ended that could not say it, and what its policy did; else "". */
enum { EXIT_JOURNAL = 125 /* the result could not be written */ };
struct run_answer { int32_t number, code, signal; char text[400]; };

/* Where orders get their scenario from. `scenario`: the study's; orders name policies by its indices. */
struct run_source {
  const struct scenario *scenario;
  const char *name;                                     /* of the study in the catalogue; NULL: the scenario's */
  /* The scenario of an order, with the same policies; NULL: all orders have the one above. Called in the worker,
   * which keeps what it built; NULL after adding to err: the run fails. */
  const struct scenario *(*find)(void *context, const struct run_order *, struct err *);
  void *context;
};
/* journal: folder and prefix of the journals' names. */
struct worker_setup {
  const struct run_source *source; const char *dir, *journal; int number;
  struct policy_desk *desk;                             /* the worker's own, shared with its children */
};
#define PILOT_REPLICATION UINT32_MAX                    /* no measured run has this number */

/* Name of a worker's journal (it has two, which take turns), and of the trace of a run. Caller frees. */
char *journal_path(const char *journal, int worker, bool second);
char *trace_path(const char *dir, const char *id);
/* Serve orders from `in`, answers to `out`, until `in` is closed. Does not return. */
_Noreturn void worker_main(const struct worker_setup *, int in, int out);
/* One run in this process: for bench and tests. Returns an exit code; texts of errors in err. */
struct run_totals { char trace_hash[33]; uint64_t events, requests, trace_bytes; double elapsed_s; };
int run_here(const struct scenario *, const struct run_order *, const char *trace_file, struct run_totals *,
             struct err *);
/* The same to learn what it takes of the disk: rows in the catalogue and trace (removed by the caller), about. */
int run_weigh(const struct scenario *, const struct run_order *, const char *trace_file, double *bytes, struct err *);

#endif
