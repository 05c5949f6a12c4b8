/* station.h: one member of a place: its servers, its queue, its meters.
 *
 * A job enters and comes out by callback: started (left the queue), first (first output: token service only), done.
 * A job may leave at any time before done (timeout, cancellation). The station knows nothing of requests: the job is
 * embedded in the attempt. Service demand is given on entry and never drawn here.
 */
#ifndef OFFSIM_MODELS_STATION_H
#define OFFSIM_MODELS_STATION_H

#include "models/defs.h"
#include "models/share.h"
#include "sim/sim.h"
#include "sim/stat.h"

struct station;
struct batch;
struct llm_job;

/* What a job asks for. time_s: seconds of one server (roofline, distribution). Tokens: prompt and output, with cost. */
struct demand {
  double time_s;                                        /* when cost is NULL */
  const struct token_cost *cost; double tok_in, tok_out;        /* cost must stay where it is while the job lives */
  double tok_held;                                      /* of tok_in, those that need not be read */
  double size_s;                                        /* SRPT: true or estimated service time */
  int priority; sim_time deadline;                      /* PRIORITY; EDF */
  const struct sustained_def *sustained;                /* of the member's hardware: all its jobs bring the same */
  bool outside;                                         /* of a kernel that was not measured at such a shape */
};

/* Embedded in an attempt; zeroed before entering. Private to the station but for what is read once the job is out:
 * wait_ns in the queue, served_ns in service (wall): together the time since it entered; slot_s slot-seconds used (its
 * share of energy and money), batch_seen running requests at its start, itself included (1 outside token service;
 * where requests are batched: the number of its batch at the member, 0 if it never was in one).
 * In a million at once every word counts, hence the unions. */
struct job {
  struct station *station;
  union {
    struct { struct job *next, *previous; } line; struct share_user user;       /* in a list; in a heap */
    struct { double joule; uint64_t turn; } batch;      /* from the batch's start on: its share of the energy */
    struct llm_job *llm;                                /* in an LLM engine; once it is out: batch.joule */
  } at;
  union { sim_time left_ns; double work; sim_time batch_ns; };  /* slots; PS in seconds, tokens in decode steps; once
                                                         * batched and out: of wait_ns, with an instance free */
  sim_time entered;
  union { sim_time wait_ns, deadline_ns; };             /* deadline_ns: queued where requests are batched */
  union { sim_time since, served_ns; };                 /* inside: of this waiting or service; once it is out */
  union { double kv_tok, slot_s; sim_time idle_ns; struct batch *batch; };      /* slot_s: once it is out */
  double joule;                                         /* of a powered place, once it is out: its part of the power */
  event_id event;
  const struct token_cost *cost;                        /* NULL: a slot or a share of the servers */
  uint32_t batch_seen;
  uint16_t engine;
  uint8_t state;
  /* has started before (LLM engines: has come to one); came to a place that batches requests, or of LLM engines;
   * of these: was in service and is to be again; gave its first token */
  bool begun : 1, batched : 1, again : 1, told : 1;
  uint8_t clock : 4;                                    /* of powered places: its clock in stations_power's list */
};

/* Callbacks, one set per world: context is the world. */
/* Names of the blocks of a prompt and its output, for the prefix cache: the first common_tok tokens are those of many. own 0:
 * nobody else will have any of them. */
struct chain { uint64_t own, common; double common_tok; };
struct station_events {
  void (*started)(struct sim *, struct job *);          /* also inside station_enter; a preempted job restarts silently */
  void (*first)(struct sim *, struct job *);            /* first token */
  void (*done)(struct sim *, struct job *);
  void (*refused)(struct sim *, struct job *);          /* batching: waited too long, or cannot make its deadline */
  /* Gated stations: a job is done or pushed out, before others take what it held; of a batch, one call with any member
   * once its slot is free. */
  void (*released)(struct sim *, struct job *);
  struct chain (*chain)(struct sim *, const struct job *);      /* LLM engines: what its prompt and output belong to */
  /* Factor on the work of a job (of a batch: its first) that begins in a slot while `share` of the other slots of its server
   * are busy. NULL: none anywhere. */
  double (*crowded)(struct sim *, const struct job *, double share);
};

/* Stations of one place come as an array and are cheap while idle; queues, shares and engines come with the first job
 * that needs them. `kv_cap`, `max_batch` come from the cost of the jobs. */
struct station *stations_new(struct sim *, const struct place_def *, const struct world_def *,
                             const struct station_events *, uint64_t count);
void stations_free(struct station *, uint64_t count);
struct station *station_nth(struct station *, uint64_t i);
size_t station_bytes(void);
/* Of a place with `llm`: which kind of hardware each member has (NULL: the first). Before the first job. */
void stations_hardware(struct station *, const uint8_t *kind_of_member);

/* BLOCKED: the member is full, or the job can never run here (its context exceeds the KV cap). No callback then.
 * Slots and time: a job holds a slot for its whole service. Under PROCESSOR_SHARING n jobs run at rate min(1, c / n).
 * Tokens: each server is an engine. A job leaves the queue (in the discipline's order, nobody overtakes its head) when
 * an engine has no prompt at hand, room in its batch and KV blocks for prompt + output; its prompt is read alone, then
 * it takes tok_out - 1 steps together with all that decode there. A step lasts step_a_s + step_c_s * b; engines that
 * run several variants take turns, so their steps add up. Prefill does not hold up decoding. */
/* Of an output of `steps` tokens after the first: the share that is there after `done` of them, whole tokens only. */
double tokens_share(double done, double steps);
enum entry { ENTERED, BLOCKED };
enum entry station_enter(struct station *, struct sim *, struct job *, const struct demand *);
void station_leave(struct station *, struct sim *, struct job *);
/* Share of its output tokens that a job in token service has made by now: 0 before the first, whole tokens only. */
double station_made(const struct station *, const struct sim *, const struct job *);

/* ---- gated: stations of places with instances or failures, for instances.c ----
 * Only `slots` slots, and of token engines those of servers without a mark in closed[servers], take jobs; who runs
 * stays. `started` comes on every start, interrupted ones included. */
void station_gate(struct station *, struct sim *, const uint8_t *closed, uint32_t slots);
/* A running job goes back to the head of the queue: with what is left of its work, or anew with its demand. Batches and
 * tokens always begin anew; what the job forgets of its use comes in `use`. A first token that was given is not given
 * again. False for a result that only waits for its turn to leave. */
struct job_use { double slot_s, joule; };
bool station_interrupt(struct station *, struct sim *, struct job *, const struct demand *, bool anew, struct job_use *);

/* A server has failed and nobody runs there any more: whatever it was still doing is over. */
void station_stop(struct station *, struct sim *, uint32_t server);

/* The first `servers` of each member are reserved: meters tell what is in use beyond them. Before the first job. */
void stations_reserve(struct station *, uint64_t count, uint32_t servers);

/* Places whose speed the scenario changes: work in service goes on at the new speed at once; batches, and iterations of
 * LLM engines, that are under way keep their time. */
void stations_speed(struct station *, uint64_t count, struct sim *, double speed);

/* ---- powered: power by a shape, temperature, battery (models/station_power.c) ----
 * Of one member of each kind of hardware, all its servers; the power beyond idle is at full load, with `most` requests on
 * each server. changed: the battery of
 * a member is empty, or it has come back. Before the first job. */
struct member_power { double idle_w, dynamic_w, most; const struct power_def *shape; const struct thermal_def *thermal; };
struct stations_power {
  const struct member_power *of_kind;
  const struct battery_kind *battery;                   /* NULL: none */
  const double *clock;                                  /* shares of the top one that jobs may have; NULL: all have that */
  double rest_w;                                        /* drawn from it all the time, beside the servers' */
  sim_time until;                                       /* nothing is planned beyond */
  void (*changed)(struct sim *, void *context, uint64_t member, bool dead);
  void *context;
};
void stations_power(struct station *, uint64_t count, struct sim *, const struct stations_power *);
/* Whole run so far; of batteries: zeros and NaN without. */
/* first_s: of the battery's first end, NaN without. */
struct power_meters { double dynamic_j, idle_j, throttled_s, left_j, drawn_j, dead_s, first_s; uint32_t deaths; bool dead; };
void station_power_meters(struct station *, sim_time now, struct power_meters *);
double station_battery_j(const struct station *, sim_time now);         /* left; only looks: the run goes on as without; NaN: none */
double station_warmth_c(const struct station *, sim_time now);          /* what its throttling watches; only looks; NaN: no temperature */
void station_spend(struct station *, struct sim *, double joule);       /* of the battery, at once; negative: given back */

/* Of a job inside that asked for time: what of it is left, in seconds of one server; NaN where it is served by tokens or in
 * batches, which begin anew elsewhere. */
double station_left_s(struct station *, struct sim *, const struct job *);
bool job_waits_to_begin(const struct job *);            /* inside, and never served so far */
uint32_t station_queue(const struct station *);         /* waiting */
uint32_t station_busy(const struct station *);          /* slots in use; running requests for token service */
uint32_t station_open_slots(const struct station *);    /* that take jobs now; all of them where it is not gated */
uint32_t station_in_system(const struct station *);
/* Forget the past at the end of the warm-up; the whole-run meters go on. */
void station_open_window(struct station *, sim_time now);

/* LLM engines, summed over those of a member. whole: of the run; the rest is of the window. */
struct llm_meters {
  struct engine_meters window, whole;
  double ttft_s_sum; uint64_t ttfts;                    /* from coming to the place; of those that came in the window */
  uint64_t refused[ENGINE_REFUSALS];                    /* by reason */
};

/* Meters over the window [open, now], and over the whole run where named so. */
struct station_meters {
  double busy_slot_s, in_system_s, queue_s;             /* areas over the window */
  double run_busy_slot_s, run_server_busy_s;            /* whole run; server_busy: busy slots / slots per server */
  uint64_t arrived, blocked, completed;                 /* window */
  double wait_s_sum; uint64_t waits;                    /* window: of jobs that entered in it and started */
  double batch_sum; uint64_t batches;                   /* window */
  double run_batch_j;                                   /* whole run: energy of batches where it is given */
  double run_over_slot_s;                               /* whole run: beyond the servers reserved */
  struct llm_meters llm;                                /* zeros without LLM engines */
};
void station_meters(const struct station *, sim_time now, struct station_meters *);

#endif
