/* internal.h: what the files of one running world share: world.c, request.c, flow.c, decide.c, estimates.c,
 * telemetry.c, ledger.c, api.c, quality.c. Nobody else includes it.
 *
 * request.c and flow.c change phases and states; the others only compute.
 */
#ifndef OFFSIM_MODELS_INTERNAL_H
#define OFFSIM_MODELS_INTERNAL_H

#include "models/defs.h"
#include "models/effects.h"
#include "models/measured.h"
#include "models/network.h"
#include "models/policy_host.h"
#include "models/record.h"
#include "models/station.h"
#include "models/streams.h"
#include "models/tariff.h"
#include "models/topology.h"
#include "models/workload.h"
#include "models/world.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/rng.h"
#include "sim/sim.h"
#include "sim/stat.h"
#include <math.h>

/* ---- what comes and goes --------------------------------------------------------------------------------------- */

/* `begun`, `done`, `flowing` are sets of tasks. hold > 0 keeps a settled request in memory while its code runs. */
struct request {
  uint64_t id;
  sim_time arrived, first_token, server_first;          /* -1: none yet */
  double quality, device_j, direct_j, usd;
  struct attempt *attempts;                             /* those that live */
  uint32_t device, tokens;
  uint32_t begun, done, flowing;
  uint16_t klass, origin;
  uint8_t n_attempts, n_decisions, n_cold, hold;
  uint8_t status, n_efforts;                            /* effort.c */
  bool measured : 1, offloaded : 1, answered : 1, delivered : 1;
  bool relayed : 1, migrated : 1, moved : 1;            /* roam.c */
  uint8_t maker;                                        /* of the tasks that the user waits for, the one done last */
  /* then, when n_tasks > 1: struct endpoint output[n_tasks]; uint16_t next_ordinal[n_tasks] */
  double attribute[];
};

/* Where an attempt is. Each stage belongs to one phase of the record. */
enum stage {
  STAGE_ASK_TRIP, STAGE_ASK, STAGE_ANSWER_TRIP,         /* PHASE_DECIDE */
  STAGE_UPLINK, STAGE_STATION, STAGE_API, STAGE_HELD,   /* PHASE_UPLINK; QUEUE and SERVE; held: a flow still comes in */
  STAGE_DOWNLINK, STAGE_TAIL,                          /* PHASE_DOWNLINK; tail: the last token of a flow is under way */
  STAGE_ATTEST                                         /* PHASE_UPLINK: its place is being attested (trust.c) */
};

/* How a plan does a task: a variant of it, in the task's list, at a clock of the world's list. */
struct manner { int variant, clock; };
static inline struct manner manner_of(const struct plan_def *plan) { return (struct manner){ plan->variant, plan->clock }; }

struct attempt {
  struct job job;                                       /* first: a job's address is its attempt's */
  struct request *request;
  struct attempt *next;                                 /* of the same request */
  struct decision *decision;                            /* that led here, or NULL */
  /* by stage: an event, a transfer, several */
  union { event_id event; struct transfer *transfer; struct leg *legs; } wait;
  event_id timer;                                       /* its timeout */
  sim_time started, decided, served, first_output;      /* -1: not yet; job.entered is when it came to its place */
  double radio_j, network_j, usd;
  /* when it was stopped: bytes of its transfers that did not go (uplink, downlink), or the share of its output that the
   * place had made (station, API): by stage, never both */
  union { double unsent_bytes, made; } cut;
  sim_time cold_ns;                                     /* the wait for an instance's start, at most */
  uint32_t member;
  uint16_t place, ordinal;                              /* ordinal: nth attempt of this task, from 0 */
  uint8_t task, variant, fallback, stage;               /* variant: in the task's list */
  uint8_t pending;                                      /* transfers under way, and one while they are being started */
  /* came to its place; inputs were sent for; output was sent; a way led through a zone that is not allowed */
  bool entered : 1, fetched : 1, returned : 1, strayed : 1;
  /* instances.c: waits for a start, which it caused; holds a slot meanwhile; its place failed under it */
  bool cold : 1, caused_start : 1, at_instance : 1, interrupted : 1;
  uint8_t role;                                         /* ROLE_* bits */
  bool left : 1, migrated : 1;                          /* roam.c: its device has left its place; it came after the device */
  bool brings_state : 1;                                /* session_state.c: of its conversation, with its inputs */
  bool in_effort : 1, trial : 1;                        /* has an effort; half-open, its place's breaker let it through */
  bool to_user : 1, ends : 1;                           /* its output is the user's; the request ends with it (effects.c) */
};

/* One of several inputs on their way. A single one needs none. */
struct leg { struct attempt *attempt; struct leg *next; struct transfer *transfer; bool is_state; };
struct attested;

/* One pending decision, from the choice until its task's end (its fallbacks included). */
struct decision {
  uint64_t number;
  sim_time at;
  void *memo;
  double propensity, energy_j, usd;
  sim_time began;                                       /* of the first attempt */
  sim_time phase_ns[N_PHASES];
  uint64_t site;
  uint32_t tasks_done;
  uint16_t action, n_actions, place;
  uint8_t nth, variant, task;
  uint8_t replaced : 1, left_out : 3;                   /* left_out: masked ones among its copy and fallbacks */
  uint8_t attempts, fallback;                           /* so far, of any role; of the last one that ended */
  double feature[];                                     /* as many as the policy declared */
};

/* An outcome on its way to a learner that lives elsewhere. */
struct late_outcome { struct decision_facts who; void *memo; struct outcome_facts outcome; };

/* ---- what stays ------------------------------------------------------------------------------------------------ */

/* One snapshot of a place by telemetry: jobs in each member, their mean and the least, and its mean time in service so
 * far. start_s: NULL without instances. */
struct report { sim_time taken; float *jobs, *start_s; double jobs_mean, jobs_least, service_s; };

struct supply;
struct price_step { sim_time from; double usd_per_s, before_usd; };    /* of a server; before: paid until `from` */

struct place {
  const struct place_def *def;
  uint64_t came;                                        /* attempts, those that were turned away too */
  double turned_away;                                   /* share of them, by a policy's control */
  struct station *stations;                             /* NULL for an API */
  struct fleet *fleets;                                 /* [members]; NULL without instances and failures */
  uint8_t *hardware;                                    /* member -> index of def->hardware; NULL: all the first */
  struct token_cost *cost;                       /* [n_hardware][n_variants], KV caps resolved; NULL without hardware */
  uint64_t name;                                        /* for random streams */
  uint64_t first_member;                                /* number of members of earlier places */
  int index;
  int n_kinds;                                          /* max(1, n_hardware) */
  double *dynamic_w;                                    /* per kind: (busy - idle) / slots, watts per busy slot */
  double *idle_w, *memory_bytes;                        /* per kind: per server; 0 = unlimited */
  uint64_t *members;                                    /* per kind */
  double *direct_slot_s, *busy_slot_s;                  /* per kind, whole run: by attempts; by the meters at the end */
  double batch_j, direct_batch_j;                       /* of batches with given energy, whole run: meters; attempts */
  struct supply *supply;                                /* NULL: none, and power is linear */
  double counted;                                       /* of its joules, by the boundary: 0, 1 or its PUE */
  double powered_j, powered_direct_j, asleep_j;         /* whole run: meters; attempts; idle power that was not drawn */
  double over_slot_s;                                   /* whole run: slots in use beyond the reserved servers */
  double radio_asleep_j;                                /* that of the radios */
  double carbon_g;                                      /* of its attempts, whole run */
  double *orphan_slot_s, orphan_j;                      /* of iterations whose requests have all left, whole run */
  struct token_cost *llm_cost;                          /* per kind, LLM engines only: that it works by tokens */
  uint64_t tokens_made, extrapolated;                   /* LLM engines; whole run, window (of kernels, too) */
  uint64_t extrapolated_estimates;                      /* what policies, shadows and alone_bound were told of kernels; window */
  double started_j, started_usd;                        /* starts: charged to those who caused them */
  struct breaker *breaker;                              /* NULL: none */
  struct health *health;
  struct attested *attested;                            /* [all members of places][members]: trust.c; NULL: none */
  double speed;                                         /* 1; changes.c */
  bool measures;                                        /* some hardware there has measured costs that work asks for */
  bool plain;                                           /* servers with queues, and nothing else that estimates ask for */
  struct tariff_def tariff;                             /* as it is now */
  /* of a place whose price of time changes: times from which it was what, and its integral until then */
  struct price_step *price; uint32_t n_prices, price_room;
  double changed_usd;                                   /* charged to attempts for slots */
  struct tariff_meter meter;
  double uses_usd, power_usd, rounded_s;                /* charged for uses and electricity; lives of instances */
  double usd_per_slot_s, use_usd;                       /* use_usd: per request, token and byte, so far */
  uint64_t entered;                                     /* attempts that came to it */
  double served_s; uint64_t served;                     /* mean service so far, for estimates */
  uint32_t round_robin;
  struct report *reports; int n_reports, newest;        /* ring */
  uint64_t report_number;
  /* api */
  double bucket_requests, bucket_tok; sim_time bucket_at;
  struct level in_flight;                               /* over the window */
  uint64_t api_arrived, api_blocked, api_completed;
};

enum { MASK_UNKNOWN = 255 };
struct task {
  const struct task_def *def;
  double *expected_time_s;                              /* WORK_TIME: mean per variant */
  uint8_t *masks;                                      /* [origin place][plan] of a first task, MASK_UNKNOWN at first */
  double retry_tokens;                                  /* retry.c; how long attempts take: hedge.c, NULL unless asked */
  struct spread *spread;
};

struct user { uint32_t klass, index; uint64_t k; };

struct klass {
  const struct class_def *def;
  struct source *source;
  struct pool *requests;
  struct task *task;
  uint64_t name;
  uint64_t n_devices;                                   /* over all places of `from` */
  sim_time slo_e2e;
  sim_time next_at;                                     /* of an open class; SIM_NEVER at its end */
  double *next_attribute;
  double *estimate; uint64_t *estimate_n;               /* per attribute; NaN: none */
  struct user *users;
  struct sessions *sessions;                            /* NULL: no conversations */
  size_t versions_at, contents_at, delivered_at;        /* behind a request: version.c, exposure.c, request.c */
  bool estimates;                                       /* has a CLASS_MEAN */
};

struct joint;
struct states;
struct world {
  struct sim *sim;
  const sim_time *clock;                                /* of sim */
  struct arena *arena;
  const struct world_def *def;
  struct run_setup setup;
  struct rng_root root;
  struct topology *topology;
  struct mobility *mobility;                            /* NULL: nobody moves */
  struct move *moves;                                   /* attempts that came after their devices */
  uint64_t handovers_before;                            /* the window */
  struct network *network;
  struct policy_host *host, *shadow;                    /* shadow: asked, never heard; NULL */
  struct changes *changes;                              /* NULL: none */
  struct joint *joint;                                  /* decisions that wait for others; NULL: none so far */
  struct err *err;                                      /* of world_run */
  struct place *place;
  struct klass *klass;
  const struct task_def **task;                         /* [classes][MAX_TASKS]: asked often, found in one step */
  struct pool *attempts, *legs, *decisions, *late;      /* the last two only with a policy */
  struct efforts *efforts;                              /* NULL until the first one */
  struct task_effects *effects;                              /* state of tasks' effects; NULL: none has any */
  struct station_events events, fleet_events;

  uint64_t next_id, n_decisions;
  int n_features;
  struct states *states;                                /* of conversations; NULL: none */
  struct bound *bound;                                  /* of a run that only bounds; else NULL */
  bool joins, oracle, wants_queue, wants_estimates, wants_state, failed, sources_dry, window_closed;
  struct exposure *exposure;                            /* NULL: nobody says what data are */
  bool trusts;                                          /* some place has a trust of its own */
  bool has_late;                                        /* transfers tell what they cost when they end, too */
  bool guarded;                                         /* masks change: some place has a breaker or health checks */
  double visible[MAX_ATTRIBUTES];                       /* what a policy may use for estimates */
  /* the same of the task decided on; inputs by task, last: the device's */
  double output_bytes, input_bytes[MAX_TASKS + 1];
  uint64_t inputs;                                      /* of the task whose estimates are asked: request_inputs */
  struct action_facts *actions; struct endpoint *action_end;     /* [most plans of a task] */

  sim_time window_from, window_to, run_end;             /* cohort: arrivals in [window_from, window_to] */
  uint64_t cohort, cohort_open, users_open;
  struct level in_system; __int128 sojourn_ns;          /* Little's law, exact */
  struct { sim_time at; double area_s; } opened, half;  /* of in_system; half.at = 0: not reached */
  uint64_t all_in, all_completed, all_failed, all_censored;
  struct run_summary summary;
  double radio_j, network_j, network_usd, direct_j, direct_usd;
  double carbon_g;                                      /* of radio and network */
  bool supplied;                                        /* some place has a supply */
  double decision_bytes, telemetry_j, telemetry_device_j, telemetry_usd;   /* device: the part of radios */
  struct place_sample *sample;
  sim_time telemetry_delay;
  double *quality_mean;                                 /* per variant */
  double *calibration;                                  /* factors [kernel_work][hardware]; NULL: none */

  /* Scratch, so that nothing large is cleared for each event: every use writes what it needs. */
  struct attempt_record attempt_record;                 /* phases that do not exist yet stay 0 */
  struct decision_record decision_record;               /* features beyond n_features stay 0 */
  struct decision_facts facts;
  struct decision_result answer;
};

/* ---- request.c ------------------------------------------------------------------------------------------------- */
void requests_start(struct world *);                    /* schedules the first arrivals */
void requests_power_off(struct world *, struct endpoint device);
void requests_censor(struct world *);                   /* settles what is left at the horizon */
/* An attempt of a task has come to its end; the attempt itself is gone. */
struct task_end { uint8_t task, fallback, variant; bool in_effort : 1, ends : 1; uint16_t ordinal; enum status status; struct decision *decision; };
void request_on_end(struct world *, struct request *, const struct task_end *);
/* For effort.c, which says when a task is done, void or given up. next: ordinal of the next attempt, if there is one. */
void request_on_done(struct world *, struct request *, const struct task_end *, unsigned next, double quality);
double request_quality(const struct world *, const struct request *, int task, int variant);
void request_release(struct world *, struct request *);   /* after hold++ */
void request_on_void(struct world *, struct request *, int task);      /* what flowed of its output is worth nothing */
void request_on_answer(struct world *, struct request *, int task, const struct fallback_def *);
void request_on_given_up(struct world *, struct request *, int task, enum status);
void request_on_first(struct world *, struct request *, int task);      /* a flow that successors may start on */
bool request_repeats(const struct world *, const struct request *, int task, unsigned ordinal);
/* The request ends with this attempt of `task`, if it comes to the user: attempts of other tasks are called off. */
void request_call_off(struct world *, struct request *, int task);

/* ---- effects.c: what skipped tasks pass on (effects.h has the rest) ---------------------------------------------- */
enum { FROM_DEVICE = MAX_TASKS, PLACE_SKIPPED = UINT16_MAX - 1 };       /* PLACE_SKIPPED: where a skipped task's output is */
bool request_skipped(const struct world *, const struct request *, int task);
uint64_t request_inputs_past(const struct world *, const struct request *, int task);
/* Tasks that take what it hands on, those behind skipped ones included. */
uint32_t request_followers(const struct world *, const struct request *, int task);

/* A user who is refused at once and never thinks would ask for ever in one instant: 1 ms passes at least. */
enum { REFUSED_THINKS_NS = 1000000 };

/* ---- world.c --------------------------------------------------------------------------------------------------- */
void world_close_window(struct world *);                /* the cohort is full, or its time is over */
void world_at_end(struct world *);                      /* schedules the end of the drain */
void world_check_end(struct world *);                   /* stops the run when nothing of the cohort is left */

double horizon_warmup_s(const struct horizon_def *);

/* ---- shadow.c -------------------------------------------------------------------------------------------------- */
bool shadow_init(struct world *, struct err *) MUST_USE;        /* after the policy; asks for all columns */
bool shadow_ask(struct world *, const struct decision_facts *, const struct decision_result *taken) MUST_USE;

/* ---- size.c ---------------------------------------------------------------------------------------------------- */
/* False, with the estimate in err, for a run without end. asks: there is a policy, and reports for it. */
bool size_possible(const struct world_def *, bool asks, struct err *);

/* ---- flow.c ---------------------------------------------------------------------------------------------------- */
/* plan: where, or NULL: to be decided. decision: what led here, or NULL. */
struct attempt_ask { int task; unsigned ordinal; int fallback; const struct plan_def *plan; struct decision *decision;
                     uint8_t role; bool in_effort; struct move *move; };
void attempt_begin(struct world *, struct request *, const struct attempt_ask *);
void attempt_cancel(struct world *, struct attempt *, enum status);     /* settles it without telling the request */
void attempt_drop(struct world *, struct attempt *, enum status);      /* nor the learner */
bool attempt_begun(const struct attempt *);             /* its service has */
void attempt_release_held(struct world *, struct attempt *);
void flow_events(const struct world_def *, struct station_events *);
void flow_reroutes(struct world *);                       /* what becomes of messages without a way */
void flow_on_lost(struct world *, struct attempt *);    /* its place failed under it */
struct attempt *flow_attempt_of(transfer_done_fn *, void *subject);    /* whose message it is; NULL: of no attempt */
bool flow_is_state(transfer_done_fn *, const void *subject);             /* of a conversation, on its way */
void flow_on_api_first(struct world *, struct attempt *);
void flow_on_api_done(struct world *, struct attempt *);

/* ---- roam.c: requests whose devices change over ------------------------------------------------------------------ */
/* An attempt that came after its device: the demand of its service is what was left of that of another one, `ordinal`; its
 * input comes from `from`, or as for any other (bytes < 0); its time limits count since then. */
struct move { struct attempt *attempt; struct move *next; sim_time since; double left, bytes; struct endpoint from;
              uint16_t ordinal; };
size_t roam_bytes(const struct world *);                /* behind a request */
void roam_begin(struct world *, struct request *);
void roam_end(struct world *, struct request *);
const struct move *roam_move(const struct world *, const struct attempt *);
void roam_forget(struct world *, const struct attempt *);
void roam_open_window(struct world *);
void roam_close_window(struct world *);
void flow_on_moved(struct world *, struct attempt *);   /* ends with status moved */

/* ---- session_state.c: state of conversations; all but the first need world.states --------------------------------- */
void states_new(struct world *);
void states_free(struct world *);
/* A member has lost its memory; also without states. */
void states_lost(struct world *, struct endpoint);
/* Does it come along, and from where? */
bool state_sent(struct world *, struct attempt *, struct endpoint *from, double *bytes);
void state_found(struct world *, struct attempt *, struct demand *);   /* at its place */
void state_made(struct world *, const struct attempt *);               /* its service is done */
/* Of a plan at this end: what is found there is taken off the demand; returns seconds for what would come along. */
double state_expect(struct world *, const struct attempt *, const struct plan_def *, struct endpoint, struct demand *);
bool state_member(struct world *, const struct attempt *, int place, uint32_t *member);        /* which has its state */
struct chain state_chain(const struct world *, const struct attempt *);
/* ---- version.c ---- */
/* Releases of a variant (NONE: 0) that have come to this member by now. */
uint32_t version_at(const struct world *, int variant, struct endpoint);
size_t version_bytes(const struct world *, const struct class_def *);  /* behind a request */
void version_served(struct world *, const struct attempt *);           /* with roll-outs, when its service is done */
void version_void(const struct world *, const struct request *, int task);     /* something else answers it */
double version_quality(const struct world *, const struct request *, int task);        /* factor; with roll-outs */

/* ---- effort.c: retries, copies, fallbacks and the judge of a task; retry.c and hedge.c are beside it ------------- */
/* Begins a task; with an effort where the scenario asks for more than one attempt at a time. */
void task_begin(struct world *, struct request *, int task, unsigned ordinal);
/* The policy answered: true when it wants more than one attempt, or another timeout. */
bool effort_on_answer(struct world *, struct attempt *, const struct decision_result *);
void effort_on_sent(struct world *, struct attempt *, const struct plan_def *);
void effort_on_begun(struct world *, struct attempt *); /* its service begins */
void effort_on_served(struct world *, struct attempt *);  /* what it found counts: other copies are called off */
void effort_on_end(struct world *, struct request *, const struct task_end *);
double effort_retries_left(const struct world *, const struct attempt *);       /* NaN: its task has no retry */
double effort_timeout_s(const struct world *, const struct attempt *);  /* 0: the task's own */
void effort_observe(struct world *, const struct attempt *, enum status);
/* Of those tasks: their attempts and all that would follow end with this status. Which had any; next: ordinals. */
uint32_t efforts_cancel(struct world *, struct request *, uint32_t tasks, enum status, uint16_t *next);
void efforts_free(struct world *);
size_t efforts_live(const struct world *);
double efforts_score(const struct world *);             /* of the answer whose decision is being closed; NaN: none */
int efforts_chosen(const struct world *, uint16_t[MAX_FALLBACKS]);      /* the policy's fallbacks of that decision */
bool life_watches_starts(const struct world_def *);

/* ---- breaker.c, health.c: what is seen of places from outside --------------------------------------------------- */
void guards_new(struct world *);
void guards_start(struct world *);                      /* the first probes */
void guards_free(struct world *);
void guards_close(struct world *);                      /* writes the places' summaries */
/* OFFSIM_MASK_* bits for who would go there now. */
uint32_t guard_mask(struct world *, struct place *, const struct plan_def *, uint32_t member);
void breaker_on_sent(struct world *, struct attempt *);
void breaker_on_end(struct world *, const struct attempt *, enum status);
bool sheds(struct world *, const struct attempt *);     /* shed.c */
bool health_down(const struct place *, uint32_t member);

/* ---- decide.c -------------------------------------------------------------------------------------------------- */
/* Fill world.actions for the attempt's task; returns how many are allowed, *first the first of them. */
int decide_options(struct world *, const struct attempt *, int *first);
/* Where `nearest` is now; place UINT16_MAX: nowhere. */
struct endpoint nearest_to(const struct world *, const struct request *);
/* Where a plan would run: its member is open (place dispatch) until decide_commit. */
struct endpoint plan_end(struct world *, const struct request *, const struct plan_def *);
uint32_t plan_mask(struct world *, const struct request *, int task, struct endpoint, const struct plan_def *);
void decide_commit(struct world *, struct attempt *, const struct plan_def *, struct endpoint);
bool decide_ask(struct world *, struct attempt *, int *action);        /* false when the policy misbehaved */
/* The same for several that wait, jointly where the policy can; answers in their order. */
bool decide_ask_all(struct world *, uint32_t n, struct attempt *const *, struct decision_result *answer);
uint64_t decide_learner(const struct world *, const struct request *);  /* its number, by the entry's scope */
struct endpoint decide_where(struct world *, const struct request *);  /* where the learner lives */
void decision_add(struct decision *, const struct attempt_record *);
void decision_close(struct world *, struct request *, struct decision *, enum status, double quality);
void outcomes_flush(struct world *);                    /* those still under way when the run ends */

/* ---- estimates.c ----------------------------------------------------------------------------------------------- */
void estimates_see(struct world *, const struct request *);            /* fills world.visible */
/* Idle time of what the task takes in, to the nearest remote action that is allowed; INFINITY: there is none. After
 * estimates_begin. */
double estimates_network_s(struct world *, const struct attempt *);
/* Of the task, with its first variant, by what is known now: arithmetic (NaN: given as a time); bytes that come and go where
 * it is done elsewhere. After estimates_begin. */
double estimates_work_flop(const struct world *, const struct attempt *);
double estimates_moved_bytes(struct world *, const struct attempt *);
void estimates_begin(struct world *, const struct attempt *);          /* and what all actions of a decision share */
void estimates_fill(struct world *, const struct attempt *, const struct plan_def *, struct endpoint,
                    struct action_facts *);
void estimators_learn(struct klass *, const struct request *);

/* ---- demand.c -------------------------------------------------------------------------------------------------- */
/* What the attempt asks of its place: drawn by (request, task, variant, ordinal). */
void demand_draw(struct world *, const struct request *, int task, struct manner, unsigned ordinal, struct endpoint,
                 struct demand *);
/* Amounts that no request can have (negative, infinite, NaN) are the scenario's mistake: false, and w->err says so. */
bool demand_possible(struct world *, const struct request *);
/* Of what a task finds: an amount; a share, of 0 to 1. Where it is none the run fails, and the share is 0. */
bool amount_is_possible(struct world *, const struct request *, int task, const char *what, double);
double share_or_fail(struct world *, const struct request *, int task, const char *what, double);
/* The same for what reads produced attributes: work of a task that is ready, the output of one that is served. */
bool demand_ready(struct world *, const struct request *, const struct task_def *);
bool demand_made(struct world *, const struct request *, const struct task_def *);
/* As demand_draw, from the attributes given (NaN: not known) and without noise, as an expected value. */
void demand_expected(const struct world *, const struct klass *, int task, struct manner, struct endpoint,
                     const double *attribute, struct demand *);
double demand_service_s(const struct demand *, double running);        /* time in service beside `running` others */

/* ---- measured.c: kernels with measured costs ---------------------------------------------------------------------- */
void calibration_init(struct world *);
/* NULL: the work is of no kernel, or the member's hardware has no cost of it. */
const struct kernel_at *measured_at(const struct work_def *, const struct place *, uint32_t member);
/* What chance makes of an expected time. */
void measured_draw(struct world *, const struct request *, int task, struct manner, unsigned ordinal, struct endpoint,
                   struct demand *);
bool measured_covers(struct world *, const struct attempt *);           /* of a demand outside */
double measured_crowded(struct sim *, const struct job *, double share);
bool measured_crowds(const struct world_def *);         /* some cost says that others are felt */

/* ---- learner.c ------------------------------------------------------------------------------------------------- */
enum { OUTCOME_BYTES = 64 };
bool learner_in_reach(const struct world_def *, const struct topology *, const struct policy_def *, struct err *);
/* Sends what became of a decision to the learner, if that lives elsewhere; seconds until it is there. */
double learner_tell(struct world *, const struct request *, int task);

/* ---- telemetry.c ----------------------------------------------------------------------------------------------- */
bool telemetry_possible(const struct telemetry_def *, struct err *);
bool telemetry_new(struct world *, struct err *);
void telemetry_start(struct world *);
/* The first device place that the end can be reached from, or the end itself. */
struct endpoint telemetry_reader(const struct world *, struct endpoint from);
/* Jobs at a place as a decision of this request may see them; *age_s of the report. NaN before the first report. */
double telemetry_jobs(struct world *, const struct request *, const struct place *, int64_t member, double *age_s);
/* The mean time in service there so far, seen in the same way; NaN: nobody knows yet. */
double telemetry_service_s(struct world *, const struct request *, const struct place *, int64_t member);
/* How long who comes there would wait for an instance to start, as far as is known; 0 where nobody says so. */
double telemetry_start_s(struct world *, const struct request *, const struct place *, int64_t member);

/* ---- ledger.c -------------------------------------------------------------------------------------------------- */
/* Joules and dollars of an attempt that ends now, written into its record and added to the world's ledgers. */
void ledger_attempt(struct world *, const struct attempt *, struct attempt_record *);
void ledger_transfer(struct world *, struct attempt *, const struct transfer_cost *);
/* In a transfer's done function: what it cost beyond that. Of a stream's first token: wakes the radio, seconds until it hears. */
void ledger_late(struct world *, struct attempt *);
double ledger_wake(struct world *, struct attempt *);
/* A streamed output, or the part of it that was sent: charged, not queued. */
void ledger_flow(struct world *, struct attempt *, double bytes, sim_time last_at);
/* Whole-run totals per place and in sum; asserts direct + residual = total. */
void ledger_close(struct world *);
void ledger_reprice(struct world *, struct place *, double usd_per_s);          /* the price of time, from now on */
double ledger_egress(struct world *, struct place *, double bytes);     /* USD; bytes < 0 give back */
/* What an attempt there would be charged for time in service and for its energy, as things are now. */
double ledger_time_usd(const struct world *, const struct place *, double service_s, double joule);
/* A slot is paid for by what each attempt is billed for, not by the seconds that it held it. */
static inline bool billed_by_use(const struct place *p)
{
  const struct tariff_terms *t = p->tariff.terms;
  if (!t || !p->tariff.on_demand) return false;
  return t->by_use || (!p->def->instances && (t->minimum_s > 0 || t->granularity_s > 0 || t->free_use_s > 0));
}

/* ---- llm.c: LLM engines as places ------------------------------------------------------------------------------- */
/* False, and w->err says so, for a request beyond what the step times were measured for. */
bool llm_covers(struct world *, const struct attempt *, const struct demand *);
/* A request alone in service beside `others` at its engine: seconds in all; its own part of them, and its energy. */
double llm_expected_s(const struct place *, int kind, const struct demand *, double others, double *part_s,
                      double *joule);
void llm_add(struct llm_meters *sum, const struct llm_meters *);
void llm_summary(const struct place *, const struct llm_meters *, double window_s, struct place_summary *);

/* ---- supply.c: batteries, power by a shape, temperature, carbon --------------------------------------------------- */
void supply_init(struct world *, struct place *);       /* after its stations */
bool supply_empty(const struct world *, struct endpoint);      /* this member has no power */
double supply_battery_j(struct world *, const struct request *);       /* left; NaN: it has none */
double supply_battery_level(const struct world *, const struct request *);      /* left, a share of its capacity */
double supply_warmth_c(const struct world *, const struct request *);   /* of the requester's device; NaN: unknown */
/* Of the power beyond idle, what is left at a clock. */
double supply_clock(const struct world *, const struct place *, uint32_t member, int clock);
void supply_spend(struct world *, struct endpoint device, double joule);
double supply_g_per_j(const struct world *, const struct place *, sim_time from, sim_time to);   /* 0: nobody asks */
void supply_read(struct world *, struct place *, struct place_summary *);       /* the meters at the end */
double supply_pue(const struct place *);
double supply_base_w(const struct world *);             /* of the network, in sum */

/* ---- changes.c --------------------------------------------------------------------------------------------------- */
void changes_new(struct world *);                       /* schedules them; before anything else happens */
void changes_free(struct world *);

/* ---- api.c ----------------------------------------------------------------------------------------------------- */
enum entry api_enter(struct world *, struct attempt *, const struct demand *);
void api_leave(struct world *, struct attempt *);
double api_made(const struct world *, const struct attempt *);         /* share of the output so far */
/* With its mean time to the first token, or for an oracle the one that will be drawn. */
double api_expected_s(const struct world *, const struct attempt *, const struct place *, const struct demand *);

/* ---- quality.c ------------------------------------------------------------------------------------------------- */
double quality_at(const struct variant_def *, double difficulty);
double quality_of_request(const struct class_def *, const struct variant_def *, const double *attribute);
double quality_told(const struct class_def *, const struct variant_def *, const double *attribute);   /* of a joint table */
double quality_of_class(const struct class_def *, const struct variant_def *);     /* mean over its requests */
double quality_mean(const struct variant_def *);                       /* over difficulty uniform in (0, 1) */

/* ---- small things that many need ------------------------------------------------------------------------------- */
static inline struct world *world_of(struct sim *s) { return sim_world(s); }
static inline sim_time now_of(const struct world *w) { return *w->clock; }
static inline const struct task_def *task_of(const struct world *w, const struct request *r, int task)
{
  return w->task[(unsigned)r->klass * MAX_TASKS + (unsigned)task];
}
static inline struct endpoint origin_of(const struct request *r) { return (struct endpoint){ r->origin, r->device }; }
static inline struct endpoint end_of(const struct attempt *a) { return (struct endpoint){ a->place, a->member }; }
/* The run ends here, for what is (or is now said) in world.err. */
static inline bool run_fails(struct world *w)
{
  w->failed = true;
  sim_stop(w->sim);
  return false;
}
static inline bool same_end(struct endpoint a, struct endpoint b) { return a.place == b.place && a.member == b.member; }
static inline struct endpoint *request_outputs(const struct world *w, struct request *r)
{
  return (struct endpoint *)(void *)(r->attribute + w->klass[r->klass].def->n_attributes);
}
/* Of the next attempt of a task that begins anew. */
static inline uint16_t *request_ordinals(const struct world *w, struct request *r)
{
  return (uint16_t *)(void *)(request_outputs(w, r) + w->klass[r->klass].def->n_tasks);
}
static inline int kind_of(const struct place *p, uint32_t member) { return p->hardware ? p->hardware[member] : 0; }
static inline const struct variant_def *variant_of(const struct world *w, const struct task_def *t, int variant)
{
  return t->n_variants > 0 ? &w->def->variant[t->variant[variant]] : NULL;
}
static inline int variant_number(const struct task_def *t, int variant)       /* in the world's list; NONE: it has none */
{
  return t->n_variants > 0 ? t->variant[variant] : NONE;
}
static inline uint8_t attempt_number(const struct attempt *a) { return a->ordinal < 255 ? (uint8_t)a->ordinal : 255; }
/* Names of latency draws: request, task, attempt and which way. */
enum direction { WAY_DOWN = 1, WAY_ASK, WAY_ANSWER, WAY_MOVE, WAY_STATE, WAY_UP = 16 };     /* WAY_UP + task that the input comes from */
static inline uint64_t latency_key(uint64_t request, unsigned task, unsigned ordinal, unsigned direction)
{
  uint64_t x = stream_entity(task, ordinal, direction) * UINT64_C(0x9E3779B97F4A7C15);
  return request ^ x ^ x >> 29;
}
/* The share of its output that a place has made for it, by the time it has left. */
static inline double share_made(const struct attempt *a)
{
  return a->served >= 0 ? 1 : a->stage == STAGE_STATION || a->stage == STAGE_API ? a->cut.made : 0;
}
static inline double bytes_unsent(const struct attempt *a)
{
  return a->stage == STAGE_UPLINK || a->stage == STAGE_DOWNLINK ? a->cut.unsent_bytes : 0;
}
/* Its output goes to the user: no task that the user waits for comes after it. */
static inline bool is_final(const struct task_def *t) { return t->before == t->unawaited && !t->asynchronous; }
/* What a task takes: bit t: the output of task t, bit FROM_DEVICE: the request's own input. */
static inline uint64_t request_inputs(const struct world *w, const struct request *r, int task)
{
  const struct task_def *t = task_of(w, r, task);
  if (t->inputs_vary) return request_inputs_past(w, r, task);
  return t->after ? t->after : UINT64_C(1) << FROM_DEVICE;
}
/* Inputs from several places come in parallel; all else is one message at a time. */
static inline bool many_legs(const struct world *w, const struct attempt *a)
{
  if (a->stage != STAGE_UPLINK) return false;
  uint64_t inputs = request_inputs(w, a->request, a->task);
  return (inputs & (inputs - 1)) != 0 || a->brings_state;
}
/* All devices are numbered through. */
static inline uint64_t device_of(const struct world *w, const struct request *r)
{
  return w->place[r->origin].first_member + r->device;
}
static inline unsigned count_up(unsigned n, unsigned most) { return n < most ? n + 1 : most; }

#endif
