/* engine_parts.h: what the files of the engine share. Private to models/engine*.c. */
#ifndef OFFSIM_MODELS_ENGINE_PARTS_H
#define OFFSIM_MODELS_ENGINE_PARTS_H

#include "models/engine.h"

/* RESTING: holds memory, not in the iteration in flight. ENDING: complete, its callback is still to come. */
enum request_state { OUTSIDE, WAITING, RESTING, FLYING, ENDING };
enum notice_kind { NOTICE_STARTED = 1, NOTICE_FIRST = 2, NOTICE_DONE = 4 };
struct notice { struct engine_request *request; unsigned kinds; };
enum { RUN_MAX = 32 };
struct cache;

struct engine {
  struct engine_def def;
  struct sim *sim;
  const struct steptime *model;
  const struct engine_events *on;
  uint32_t total, used;                                 /* blocks */
  uint32_t watermark;                                   /* V0, Sarathi: kept free at admission */
  uint32_t holding;                                     /* requests with memory: rest and batch */
  struct engine_request *first, *last;                  /* the queue */
  uint32_t n_waiting;
  uint64_t waiting_tok;                                 /* to be read by those who wait; routers ask for it often */
  struct engine_request **rest, **batch;                /* running: not in the iteration; in it (NULL: left) */
  uint32_t n_rest, n_batch;
  struct step_batch step;
  uint32_t quiet;                                       /* further iterations that will find the same batch */
  bool evicted, flying, inside;                         /* inside: callbacks are running, formation follows */
  event_id event;
  sim_time start;                                       /* of the first iteration of the run that is not settled */
  sim_time duration[RUN_MAX]; uint32_t n_run, settled;
  double joule[RUN_MAX];                                /* as duration; 0 where the model has no energy */
  uint32_t sharing;                                     /* of the last iteration: tokens of those who have not left it */
  sim_time shared; double before_s;                     /* when one left last; seconds of a token until then */
  uint32_t run_used, taken[RUN_MAX];                    /* blocks at the run's start; taken by its first k steps */
  struct notice *notices; uint32_t n_notices;
  struct cache *cache;                                  /* NULL: blocks are counted only */
  uint64_t serial;
  sim_time seen;                                        /* async: who arrived later cannot be formed yet; else SIM_NEVER */
  struct engine_request *late; uint32_t n_late;         /* async: blocks of the completed, held until the next formation */
  bool gave;                                            /* that formation gave some back */
  struct engine_meters meters;
  double speed;
};

static inline uint32_t blocks_for(const struct engine *e, uint32_t tokens)
{
  return (tokens + e->def.block_tok - 1) / e->def.block_tok;
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
  return a < b ? a : b;
}

/* Put r into the iteration with n tokens; its blocks are there. */
void engine_add(struct engine *, struct engine_request *, uint32_t n);
/* Take it out of the iteration that is being formed. */
void engine_drop(struct engine *, uint32_t i);
/* By (priority, arrival). */
static inline bool engine_before(const struct engine_request *r, const struct engine_request *other)
{
  return r->priority != other->priority ? r->priority < other->priority : r->serial < other->serial;
}

/* From the front of the queue; it now holds memory. */
struct engine_request *engine_admit(struct engine *);
/* Push r out of memory to the front of the queue, or to its place by priority. It must not be in `rest` any more. */
void engine_evict(struct engine *, struct engine_request *);
/* What is left of `rest` after its front and its tail were taken. */
void engine_keep_rest(struct engine *, uint32_t from, uint32_t to);
void engine_sort_rest(struct engine *);

void form_v1(struct engine *);
void form_v0(struct engine *);
void form_sarathi(struct engine *);
/* V0 and Sarathi: room for the whole prompt beside the watermark; the decode of rest[i], which may push out rest[..j). */
bool engine_prompt_fits(const struct engine *, const struct engine_request *);
void engine_decode(struct engine *, uint32_t i, uint32_t *j);

/* The iteration that was formed keeps to the memory, the budget and the cap. */
void engine_check(const struct engine *);

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

struct cache *cache_new(uint32_t blocks, uint32_t rows);
void cache_free(struct cache *);
/* n more blocks; they must be free. */
void blocks_take(struct engine *, struct engine_request *, uint32_t n);
void blocks_release(struct engine *, struct engine_request *);
/* Full blocks at its front that the cache has; *idle of them are held by nobody and so count as free. */
uint32_t blocks_hit(const struct engine *, const struct engine_request *, uint32_t *idle);
void blocks_attach(struct engine *, struct engine_request *, uint32_t hits);
/* Its blocks that `tokens` tokens fill can be hit from now on. Most steps of a decode fill none. */
void blocks_register_full(struct engine *, struct engine_request *, uint32_t tokens);
static inline void blocks_register(struct engine *e, struct engine_request *r, uint32_t tokens)
{
  if (e->cache && tokens >= (r->registered + 1) * e->def.block_tok)
    blocks_register_full(e, r, tokens);
}
/* Blocks held, free and cached add up. */
void blocks_check(const struct engine *);

#endif
