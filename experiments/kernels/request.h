/* request.h: a request of six tasks, one after the other on one core. Every task is a sequence of kernel executions, each with
 * weights of its own as the layers of a model have; what one computes is the input of the next:
 *
 *   embed      176 new tokens through 3 layers of a small encoder (384 wide)
 *   search     the first row of what the encoder gave is the query: the nearest of 24576 vectors, all looked at; then, with
 *              the same query, a walk over a graph of 8192
 *   rerank     the vectors found, in 8 bit, as a passage of 176 tokens through 2 layers as wide
 *   decode     what rerank gave is the vector of the first of 3 tokens through 2 layers (2048 wide) in 4 bit, over a context
 *              of 512 tokens; the last layer's of one token is the next one's
 *   seal       the answer, 2 MiB as records: words that follow from the largest values of the last token's vector
 *   compress   the first 64 KiB of it, as whoever opens the records reads them
 *
 * Handing over (quantising, normalising, opening) lies between the timed parts: the time of a task is that of its kernels. What a
 * kernel was handed is near, as what a layer left is for the next; the rest of its data was touched by the request before. The
 * answer is sealed, and what was opened compressed, when other data has gone through the caches since: they are walked over.
 */
#ifndef OFFSIM_EXPERIMENTS_KERNELS_REQUEST_H
#define OFFSIM_EXPERIMENTS_KERNELS_REQUEST_H

#include "experiments/kernels/kernel.h"

enum { REQUEST_CALLS = 6, REQUEST_TASKS = 6, REQUEST_STEPS = 48 };

/* `layers` times the calls, each time with other weights; all that `rounds` times over. */
struct call { const char *kernel; double p[KERNEL_PARAMETERS]; };
struct task {
  const char *name; int layers, rounds, n; struct call call[REQUEST_CALLS];
  bool beside;                                          /* all calls have the task's input; its result is all of theirs */
  bool takes_text, gives_text;
  bool far;                                             /* its input is not in the caches any more when it is read */
};
extern const struct task request_tasks[REQUEST_TASKS];

/* The steps whose results, one after the other, are an input. n 0: the request's own tokens. */
struct source { int n; const struct step *step[REQUEST_CALLS]; bool text; };
struct step {
  const struct kernel *kernel; const double *p; void *state;
  struct source from[2];                                /* in round 0; in later ones */
  double handed_bytes;                                  /* written into its data just before it runs, last time */
};
struct running { char why[KERNEL_WHY]; int n; struct step step[REQUEST_STEPS]; double bytes; };
struct request {
  struct running task[REQUEST_TASKS];
  double bytes;                                         /* touched by all of them that are there */
  double handed_most_bytes;                             /* on their way from one to the next, at once */
  char *walk; size_t walk_bytes;                        /* other data */
  uint64_t seed;
  bool stale;                                           /* planted: rerank goes on with what an earlier search found */
  char *handed, *again;                                 /* room for what is handed over, and to look at it again */
};
struct request_times { double wall_s, cpu_s, switches; };

/* False: no memory. last_cache_bytes 0: not known. Tasks that cannot be done here have no steps and say why. */
bool request_prepare(struct request *, uint64_t seed, double last_cache_bytes);
/* What all of a request goes over, each byte once: the tasks' data, what they hand over, other data. */
double request_bytes(const struct request *);
/* How many tasks there are. */
int request_tasks_left(const struct request *);
/* Request `number` (from 0: what comes in is a function of seed and number): the times of each task, NULL: not taken. When
 * checked, every step is looked at after it ran: was its input made of what the steps before it left, asked of them anew, and
 * is its result right by its kernel's slower way? A task of which that is not so is taken out and says why; false. */
bool request_run(struct request *, int number, bool checked, struct request_times *times);
void request_finish(struct request *);

#endif
