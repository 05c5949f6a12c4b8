/* instances.h: the instances of one member of a place, between flow.c and its station: they start cold, stay warm, go;
 * the member fails and comes back. Places without `instances` and `failures` have none of this.
 *
 * An instance stands on one server and has the place's slots. The station keeps the queue; the fleet tells it how many
 * slots are open (station_gate) and hears who starts and ends. Files: instances.c (requests, keep-alive), cold_start.c
 * (how long a start takes), autoscale.c (how many there shall be), failures.c (up and down).
 */
#ifndef OFFSIM_MODELS_INSTANCES_H
#define OFFSIM_MODELS_INSTANCES_H

#include "models/internal.h"

enum instance_state { INSTANCE_OFF, INSTANCE_STARTING, INSTANCE_WARM };
struct instance {
  struct fleet *fleet;
  struct attempt *cause;                                /* of its start, while that lasts and the attempt lives */
  event_id event;                                       /* it is ready; or it has been idle for long enough */
  sim_time began, ready, idle_since;
  uint32_t busy;
  uint8_t state;
  bool cached;                                          /* of its server: steps that are done once are done */
  bool over;                                            /* began when as many as are reserved lived */
  bool ends;                                            /* takes no more requests; goes when the last one is done */
  bool failed; sim_time failed_since; struct rng failure;       /* of its server, where servers fail one by one */
};

/* Idle times of a member in bins (models/autoscale.c). */
struct idle_histogram { uint32_t n_bins, total, beyond, *count; };

/* Of a batch that was interrupted, for each of its members; of a request of an LLM engine. */
struct spent { struct job *job; struct job_use use; };

struct fleet {
  struct world *w;
  struct place *place;
  struct station *station;
  const struct instances_def *def;
  struct instances_def own; bool keeps;                 /* its definition under a policy's control; keep-alive is set */
  struct instance *instance;                            /* [n], one a server */
  uint8_t *closed;                                      /* [n] */
  struct job **running; uint32_t n_running, room;       /* in the order of their starts; only where members fail */
  struct spent *spent; uint32_t n_spent, spent_room;
  uint32_t batch_number, batch_on;                      /* the last one that began, and its instance */
  struct instance *binding;                             /* whom the job that enters now waits for */
  uint32_t n, member, warm, starting, ending, bound;    /* ending: of the warm; bound: jobs that wait at starting instances */
  uint32_t pulling, desired;
  bool down;
  /* alive: integral of their number; lived: their own lives, when over. The two agree. */
  sim_time since, down_since; __int128 alive_area, lived; sim_time down_ns;
  uint64_t starts;                                      /* also the number of the next one */
  sim_time all_idle_since, keep_until, last_up; event_id prewarm;
  struct idle_histogram idle;
  double seen_in_system_s, seen_busy_slot_s;            /* at the last look of the autoscaler */
  struct { double *present; uint32_t room; uint64_t n; } looks;        /* ring, mean requests between looks */
  sim_time panic_until, none_since;                     /* -1: calm; something is wanted */
  uint32_t panic_most;
  __int128 over_area;                                   /* integral of those beyond `reserved` */
  struct rng failure; int outage;
};

/* ---- instances.c: what world.c, flow.c and ledger.c call ------------------------------------------------------------ */
void fleets_new(struct world *, struct place *);
void fleets_free(struct world *, struct place *);
void fleet_events(struct world *, const struct station_events *flow);  /* fills world.fleet_events */
enum entry fleet_enter(struct world *, struct attempt *, struct demand *);
void fleet_leave(struct world *, struct attempt *);
/* Instance-seconds of all members so far, in two ways that are asserted to agree; time down; starts. */
void fleets_close(struct world *, struct place *, struct place_summary *);
/* For who comes now: expected wait for a start; 0 with an instance free, or when no start would be for it. */
double fleet_start_s(const struct fleet *);
/* The part of its time at the place that the attempt waited for an instance to start. */
sim_time cold_start_of(const struct attempt *, sim_time inside);

/* A deployment: nothing is cached any more, warm instances go as soon as they have nothing to do, those that start
 * come up; `min` are started anew. */
void fleets_cold(struct place *);

/* ---- between the files ---------------------------------------------------------------------------------------------- */
static inline uint32_t fleet_alive(const struct fleet *f) { return f->warm + f->starting; }
static inline sim_time fleet_now(const struct fleet *f) { return now_of(f->w); }
struct instance *instance_start(struct fleet *);        /* NULL: all servers have one */
void instance_retire(struct instance *);
void instance_back(struct instance *);                 /* its server is repaired: warm as it was */
void fleet_gate(struct fleet *);
/* Start what those who wait need; returns the last one started. */
struct instance *fleet_serve_queue(struct fleet *);
void fleet_keep(struct fleet *, struct instance *);     /* it has nothing to do: until when does it stay? */
void fleet_forget(struct fleet *, struct job *);        /* it runs no more */
void fleet_settled(struct fleet *, const struct attempt *);     /* its account is closed: it causes no start any more */
void fleet_interrupt(struct fleet *, struct job *, bool anew);         /* its member failed; it will be taken up again */

/* cold_start.c: duration of this start, and the moment at which its shared pull ends (0: none) */
sim_time cold_start_draw(struct fleet *, const struct instance *);
double cold_start_mean_s(const struct cold_start_def *, bool cached);

/* autoscale.c */
void fleet_control(struct fleet *, double wanted, double keep_s);      /* by a policy; NaN: as it is */
void autoscale_start(struct fleet *);
double autoscale_windows(struct fleet *, double present);
void histogram_new(struct fleet *);
void histogram_arrival(struct fleet *);
void histogram_idle(struct fleet *, struct instance *);

/* failures.c */
void failures_start(struct fleet *);
double failures_down_s(const struct fleet *);           /* so far; of servers: their mean */

#endif
