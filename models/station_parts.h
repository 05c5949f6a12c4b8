/* station_parts.h: what station.c, station_queue.c and station_token.c share. Nobody else includes it. */
#ifndef OFFSIM_MODELS_STATION_PARTS_H
#define OFFSIM_MODELS_STATION_PARTS_H

#include "models/station.h"
#include "sim/arena.h"
#include "sim/check.h"

enum job_state { JOB_OUT, JOB_QUEUED, JOB_SLOT, JOB_SHARED, JOB_PREFILL, JOB_DECODE,
                 JOB_BATCH, JOB_HELD, JOB_REFUSED,      /* station_batch.c; held: served, waits for its turn to leave */
                 JOB_LLM_WAITS, JOB_LLM_RUNS };         /* in an LLM engine: before and after it was first scheduled */

/* Where the order of entry begins; who comes back without its own goes before all of them, the last one first. */
#define FIRST_ENTRY (UINT64_C(1) << 40)

/* Occupation is counted in units of 2^-20 slot, so that a token request may hold slots / max_batch of a slot and areas
 * stay integers. */
enum { SLOT_UNITS = 1 << 20 };

/* What the stations of one place have in common. */
struct station_kind {
  const struct station_events *events;
  enum discipline discipline;
  bool lists, preempts;                                 /* the queue is a list; a newcomer may take a slot */
  bool derated;                                         /* some member has a sustained rate below its first */
  bool settles;                                         /* more than areas go by time: station_settle_more */
  int64_t reserved_units; struct overflow *overflow;    /* of each member, use beyond these; NULL: nobody asks */
  bool varies; double speed;                            /* something changes it; of all servers, 1 = as described */
  struct powered *powered;                              /* NULL: power is linear, without temperature and battery */
  bool gated, limits_share;                             /* not all servers are always there; each shares by its slots */
  uint32_t servers, slots, n_variants;                  /* slots per server */
  int64_t units;                                        /* all slots of a member */
  uint64_t capacity, entries;                           /* entries: jobs that ever queued in order, breaks ties */
  uint64_t returned;                                    /* order of the last one that came back from a failure */
  const struct batching_def *batching;                  /* NULL: none */
  const struct llm_def *llm;                            /* NULL: none; then also: */
  struct engine_events llm_events;
  struct pool *llm_jobs;
  const struct station *first; const uint8_t *hardware; /* the array; kind of hardware of each, or NULL */
};

struct overflow { sim_time since; unsigned __int128 area; };    /* units x ns of the whole run, up to there */

struct token_engine;
struct batcher;
struct llm;
/* Comes with the first job that needs it. */
struct station_extra {
  struct heap queue, running;                           /* running: worst first, preemptive disciplines only */
  struct share *ps;
  struct token_engine *engine;                          /* [servers] */
  struct batcher *batcher;
  struct llm *llm;
  const uint8_t *closed;                                /* [servers], or NULL; gated only */
  int64_t closed_units, ps_units;                       /* ps_units: occupied by those who share */
  uint64_t too_long;                                    /* window: contexts that can never be held, tokens only */
  const struct sustained_def *sustained;
  sim_time heat;                                        /* load so far less what was recovered; station_heat.c */
  event_id hotter;
  struct job **slot; uint32_t n_slot, slot_room;        /* running in slots; only where the speed varies */
};

struct station {
  struct station_kind *kind;
  struct station_extra *extra;
  struct job *tail;                                     /* of the waiting list, circular: tail->next is the head */
  uint32_t in_system, running;
  int64_t used;                                         /* occupied units */
  sim_time since, window;
  unsigned __int128 in_area, queue_area, used_area;     /* number x ns, units x ns, over the window */
  double used_before;                                   /* slot-seconds before the window */
  uint64_t arrived, blocked, completed, waits;
  double wait_sum;                                      /* ns */
};

/* What may be occupied now. */
static inline int64_t open_units(const struct station *s)
{
  return s->kind->units - (s->kind->gated && s->extra ? s->extra->closed_units : 0);
}
static inline bool server_closed(const struct station *s, uint32_t server)
{
  return s->extra->closed && s->extra->closed[server];
}
static inline uint32_t waiting(const struct station *s) { return s->in_system - s->running; }
struct station_extra *station_more(struct station *);
/* Factor on work that begins now beside `busy` other slots of the member. */
double station_crowded(const struct station *, struct sim *, const struct job *, uint32_t busy);

/* ---- station_heat.c ---------------------------------------------------------------------------------------------- */

void heat_known(struct station *, const struct sustained_def *);
void heat_settle(struct station *, sim_time dt);        /* of constant occupation */
double heat_rate(const struct station *);               /* now, of the cool rate; 1 without a curve */
sim_time heat_next(const struct station *);             /* load until the rate changes; SIM_NEVER */
sim_time heat_lasts(const struct station *, sim_time work);     /* how long work lasts that begins now */
sim_time heat_done(const struct station *, sim_time wall);      /* work done in the last `wall`, all of it under load */

/* ---- station_power.c --------------------------------------------------------------------------------------------- */

void power_settle(struct station *, sim_time now);
double power_speed(const struct station *);
/* A job begins (-1) to hold units, or to share when these are 0; or no longer does (+1). */
void power_charge(const struct station *, struct job *, int64_t units, int sign);
/* What each job that holds a slot of its own has caused so far; 0 where nothing is powered. */
double power_slot_j(const struct station *);
/* Batches whose energy is their own: power that comes and goes with them. */
void power_of_batch(struct station *, double watt);
void stations_power_free(struct powered *);
void station_change_speed(struct station *, struct sim *, void (*set)(struct station *, double), double value);

/* ---- on every path, hence inline: areas, and what a job holds ---------------------------------------------------- */

/* Areas up to now. */
static inline void station_areas(struct station *s, sim_time now)
{
  uint64_t dt = (uint64_t)(now - s->since);
  if (dt == 0) return;
  s->since = now;
  s->in_area += (unsigned __int128)dt * s->in_system;
  s->used_area += (unsigned __int128)dt * (uint64_t)s->used;
  if (waiting(s)) s->queue_area += (unsigned __int128)dt * waiting(s);
}

void station_settle_more(struct station *, sim_time now);
/* Before any change of a station's state: all that goes by time. */
static inline void station_settle(struct station *s, sim_time now)
{
  if (s->kind->settles) station_settle_more(s, now);
  station_areas(s, now);
}

/* What the scenario and its temperature make of its rate. */
static inline double station_speed(const struct station *s)
{
  return s->kind->powered ? s->kind->speed * power_speed(s) : s->kind->speed;
}


static inline sim_time station_lasts(const struct station *s, sim_time work)
{
  if (s->kind->varies) work = (sim_time)((double)work / station_speed(s) + 0.5);
  return s->kind->derated ? heat_lasts(s, work) : work;
}
static inline sim_time station_done(const struct station *s, sim_time wall)
{
  sim_time work = s->kind->derated ? heat_done(s, wall) : wall;
  return s->kind->varies ? (sim_time)((double)work * station_speed(s) + 0.5) : work;
}

/* The job stops waiting: it begins, goes on, or gives up. */
static inline void station_waited(struct station *s, struct job *job)
{
  sim_time waited = s->since - job->since;
  job->wait_ns += waited;
  job->since = s->since;
  if (job->entered < s->window) return;
  s->wait_sum += (double)waited;
  if (!job->begun) s->waits++;
}

/* ... and holds `units`. */
static inline void station_hold(struct station *s, struct job *job, int64_t units)
{
  s->used += units;
  s->running++;
  if (s->kind->powered) power_charge(s, job, units, -1);
  station_waited(s, job);
}

/* The opposite. */
static inline void station_release(struct station *s, struct job *job, int64_t units)
{
  if (s->kind->powered) power_charge(s, job, units, 1);
  s->used -= units;
  s->running--;
}

/* The job's account, when it is out: all the time that it did not wait it held `units`. */
static inline void station_account(const struct station *s, struct job *job, int64_t units)
{
  job->served_ns = s->since - job->entered - job->wait_ns;
  job->slot_s = (double)job->served_ns * ((double)units * (1 / (SLOT_UNITS * NS_PER_S)));
}

/* station.c: the station looks whom to start next; the end of a job. */
void station_pump(struct station *, struct sim *);
void station_complete(struct station *, struct sim *, struct job *);

/* ---- station_queue.c --------------------------------------------------------------------------------------------- */

void queue_push(struct station *, struct job *);
void queue_return(struct station *, struct job *);      /* at the head, where the order is that of entry */
void queue_remove(struct station *, struct job *);
struct job *queue_first(const struct station *);        /* of the heap */
static inline struct job *queue_head(const struct station *s)
{
  if (!s->kind->lists) return queue_first(s);
  return s->tail ? s->tail->at.line.next : NULL;
}
double queue_key(const struct station_kind *, const struct demand *);
void running_push(struct station *, struct job *, sim_time now);
void running_remove(struct station *, struct job *);
/* The running job that `job` may push out now, or NULL. */
struct job *running_victim(const struct station *, const struct job *, sim_time now);

/* ---- station_token.c --------------------------------------------------------------------------------------------- */

bool tokens_possible(const struct demand *);
void tokens_prepare(struct job *, const struct demand *);
int64_t tokens_units(const struct station *, const struct job *);
bool tokens_fit(struct station *, struct job *);        /* chooses job->engine */
void tokens_start(struct station *, struct sim *, struct job *);
void tokens_leave(struct station *, struct sim *, struct job *);
void tokens_release(struct station_extra *, uint32_t servers);
void tokens_open_window(struct station *, sim_time now);
void tokens_meters(const struct station *, sim_time now, struct station_meters *);

void tokens_before_speed(struct station *, struct sim *);      /* the speed is about to change; has changed */
void tokens_after_speed(struct station *, struct sim *);

/* ---- station_batch.c --------------------------------------------------------------------------------------------- */

bool batch_full(const struct station *);                /* max_queue_size */
void batch_enter(struct station *, struct sim *, struct job *, sim_time deadline);
void batch_pump(struct station *, struct sim *);
void batch_leave(struct station *, struct sim *, struct job *);       /* in whatever state */
bool batch_slot_free(const struct station *);
void batch_gated(struct station *, bool could);         /* a slot was free before; now it may be otherwise */
bool batch_interrupt(struct station *, struct sim *, struct job *, const struct demand *, struct job_use *);
void batch_release(struct station_extra *);
void batch_open_window(struct station *);
void batch_meters(const struct station *, struct station_meters *);

/* ---- station_llm.c ----------------------------------------------------------------------------------------------- */

void llm_events(struct engine_events *);
struct pool *llm_jobs_new(void);
bool llm_possible(struct station *, struct sim *, const struct demand *);       /* else counted as refused */
void llm_enter(struct station *, struct sim *, struct job *);
void llm_pump(struct station *, struct sim *);
void llm_leave(struct station *, struct sim *, struct job *);
void llm_stop(struct station *, uint32_t server);
void llm_interrupt(struct station *, struct sim *, struct job *, struct job_use *);
double llm_made(const struct station *, const struct job *);
void llm_release(struct station_extra *, uint32_t servers);
void llm_speed(struct station *);                       /* it has changed */
double llm_joule(const struct station *, double *now_w);       /* of its engines so far, above idle; and their power now */
void llm_open_window(struct station *);
void llm_meters(const struct station *, struct station_meters *);

#endif
