/* engine.h: one LLM engine, iteration by iteration: continuous batching with KV memory in blocks.
 *
 * An iteration is formed when a request arrives at an idle engine or when the last one ends, after all arrivals of that
 * instant; its time comes from a step-time model and is fixed at formation. A request of `prompt` tokens and `output`
 * tokens needs prompt reads (whole or in chunks), the last of which gives its first token, and output - 1 decode steps.
 * One that is pushed out of memory loses its KV, goes to the front of the queue and reads again all that it had.
 * The rules of the three schedulers stand at the top of engine_v1.c, engine_v0.c and engine_sarathi.c.
 *
 * Iterations in which nothing but the KV length changes are run ahead within one event; each one's time is exact, and an
 * arrival that could change the next batch cuts the run at the iteration in flight.
 */
#ifndef OFFSIM_MODELS_ENGINE_H
#define OFFSIM_MODELS_ENGINE_H

#include "models/steptime.h"
#include "sim/sim.h"

/* Iterations are formed after the arrivals of their instant. */
#define PRIORITY_ITERATION ((enum event_priority)8)

enum engine_scheduler { VLLM_V1, VLLM_V0, SARATHI };
struct engine_def {
  enum engine_scheduler scheduler;
  uint32_t max_num_seqs;                                /* requests holding memory, and in a batch */
  uint32_t max_num_batched_tokens;                      /* V1: budget; Sarathi: chunk; V0: padded prompt tokens */
  uint32_t long_prefill_threshold;                      /* V1: tokens of one chunk; 0 = the budget */
  uint32_t kv_blocks, block_tok;                        /* V1 keeps one block for itself */
  bool prefix_cache, reserve_full;                      /* V1 */
  bool by_priority;                                     /* V1: queue and victims by (priority, arrival); else by arrival */
  bool async;                                           /* V1: a batch is formed while the one before runs; not by_priority */
};
/* The scheduler's own: V1 128 seqs, 2048 tokens, cache and reserve on; V0 128, 4096; Sarathi 128, 512; blocks of 16. */
struct engine_def engine_def_default(enum engine_scheduler, uint32_t kv_blocks);
/* -1 when there is none of that name: vllm_v1, vllm_v0, sarathi. */
int engine_scheduler_named(const char *name);

struct engine;
/* Embedded in the caller's job and zeroed before. The caller sets the first group; the rest is the engine's, to be read. */
struct engine_request {
  uint32_t prompt, output;                              /* tokens, both >= 1 */
  const uint64_t *block_hash; uint32_t n_hashes;        /* chained hashes of its first full blocks; the others are its own */
  /* Not 0: all of its blocks have hashes by this name and their number, the first n_common by that of `common`. */
  uint64_t chain, common; uint32_t n_common;

  struct engine *engine;
  struct engine_request *next, *previous;               /* in the queue */
  sim_time arrived, first_scheduled, first_token;       /* SIM_NEVER: not yet */
  uint64_t serial;
  uint32_t target;                                      /* tokens to read before the next one comes */
  uint32_t processed;                                   /* since the last start; of a decoding one with its last token */
  uint32_t blocks, chunk;                               /* held; scheduled in the iteration in flight */
  uint32_t restarts, hit_tok;                            /* hit_tok: found in the cache at its last start */
  uint32_t row, registered;                             /* of the cache */
  uint8_t state; bool decoding;
  double used_s, used_j;                                /* its part of the iterations that it was in, by tokens */
  uint16_t priority;                                    /* set by the caller; smaller is more urgent */
};

struct engine_iteration { sim_time start, duration; const struct step_batch *batch; };
enum engine_refusal { ENGINE_FITS, ENGINE_PROMPT_TOO_LONG, ENGINE_MEMORY_TOO_SMALL, ENGINE_REFUSALS };
struct engine_events {
  void (*started)(struct sim *, struct engine_request *);       /* first scheduled; any of these may be NULL */
  void (*first)(struct sim *, struct engine_request *);         /* first token: once, restarts do not repeat it */
  void (*done)(struct sim *, struct engine_request *);
  void (*rejected)(struct sim *, struct engine_request *, enum engine_refusal);
  void (*iteration)(void *log, const struct engine *, const struct engine_iteration *); void *log;
};

struct engine_meters {
  uint64_t iterations, tokens_read, tokens_made, preemptions, completed, rejected, hit_tok;
  uint64_t batch_sum;                                   /* requests, over iterations */
  uint64_t gap_count;                                   /* inter-token times: one per decoding request and iteration */
  double gap_s_sum, busy_s, block_s;                    /* block_s: integral of the blocks in use; these up to now */
  double joule;                                         /* above idle, where the step-time model has energy */
  double orphan_s, orphan_j;                            /* of iterations, after all their requests had left */
};

/* The definition is copied; the step-time model and the events must outlive the engine. */
struct engine *engine_new(struct sim *, const struct engine_def *, const struct steptime *, const struct engine_events *);
void engine_free(struct engine *);
/* What engine_enter would say. */
enum engine_refusal engine_refuses(const struct engine *, const struct engine_request *);
/* Now. What can never run is refused at once, without a callback; one that outgrows the memory later is rejected then. */
enum engine_refusal engine_enter(struct engine *, struct engine_request *);
/* Take out a request that is inside (timeout, cancellation). The iteration in flight keeps its time. */
void engine_leave(struct engine *, struct engine_request *);
/* Its server fails, and all requests have left: the iteration in flight ends here, the cache is empty. */
void engine_stop(struct engine *);
/* Of the iterations that begin from now on; 1 at first. Their energy stays. */
void engine_set_speed(struct engine *, double);
uint32_t engine_cap(const struct engine *);             /* max_num_seqs */
bool engine_has(const struct engine *, const struct engine_request *);
/* Tokens that it has given by now. */
uint32_t engine_made(struct engine *, struct engine_request *);

uint32_t engine_waiting(const struct engine *);
uint32_t engine_running(const struct engine *);         /* holding memory */
uint32_t engine_blocks_used(struct engine *);
uint32_t engine_blocks_total(const struct engine *);    /* that requests can hold */
uint32_t engine_cached_blocks(const struct engine *, const struct engine_request *);  /* of its prompt, now hit */
void engine_meters(struct engine *, struct engine_meters *);
double engine_power_w(struct engine *);                 /* above idle, of the iteration in flight */
const char *engine_refusal_text(enum engine_refusal);

/* ---- dispatch over replicas --------------------------------------------------------------------------------------- *
 * round_robin: the k-th request to k mod n. waiting_queue: the shortest queue, running ones not counted. Least
 * outstanding counts them; join-shortest-queue counts the tokens held or to be read; prefix-aware: the most cached
 * blocks, then the least outstanding. Ties: the lowest index. */
enum engine_router { ROUTE_ROUND_ROBIN, ROUTE_WAITING_QUEUE, ROUTE_LEAST_OUTSTANDING, ROUTE_SHORTEST_QUEUE, ROUTE_PREFIX };
int engine_router_named(const char *name);
uint32_t engine_route(enum engine_router, struct engine *const *engines, uint32_t n, uint64_t k, const struct engine_request *);

#endif
