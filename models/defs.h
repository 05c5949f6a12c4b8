/* defs.h: what exists, as the scenario describes it. Built once by scenarios/build.c, constant during a run.
 *
 * All values are SI: seconds, bytes, bytes per second, watts, joules, US dollars, FLOP per second. Every array and name
 * belongs to the scenario's arena. Indices, not pointers, name other things, so that a definition can be copied.
 * A definition starts valid: the *_def_default functions give the defaults of the schema.
 */
#ifndef OFFSIM_MODELS_DEFS_H
#define OFFSIM_MODELS_DEFS_H

#include "models/battery.h"
#include "models/engine.h"
#include "models/expr.h"
#include "models/kernel_time.h"
#include "models/mobility.h"
#include "models/outcomes.h"
#include "models/power.h"
#include "models/radio.h"
#include "models/thermal.h"
#include "models/transport.h"
#include "sim/dist.h"
#include "sim/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_TASKS = 32, MAX_PLANS = 1024, MAX_ATTRIBUTES = 32, MAX_ZONES = 64, MAX_PLACES = 4096, MAX_CLOCKS = 16, NONE = -1,
      NO_VARIANT = 255 };

enum tier { TIER_DEVICE, TIER_EDGE, TIER_CLOUD };

/* ---- what a variant of a task costs on a kind of hardware ------------------------------------------------------ */

/* A way to do a task: a model and its quantisation. Quality follows from the request's latent difficulty u in (0,1):
 * q(u) = top / (1 + exp((u - skill) / width)), or top * [u <= skill] when width is 0. One u serves all variants. */
struct variant_def {
  const char *name;
  double parameters, weight_bytes, kv_bytes_per_tok;    /* weights resident; KV cache per token of context */
  double skill, width, top;
  const struct joint_table *outcomes; bool strong;         /* or quality by a joint table, as one of its two models */
};

/* Token service of one variant on one hardware. Prompts are read at prefill_tok_per_s, one request at a time; a decode
 * step for b running requests takes step_a_s + step_c_s * b (parameter book 4.2). kv_cap_tok: tokens of context held
 * at most (0 = from memory); max_batch: running requests at most (0 = the place's slots). */
struct token_cost {
  bool available;
  double prefill_tok_per_s, step_a_s, step_c_s;
  double step_s_per_kv_tok;                             /* and this for each token of context that the step reads */
  double kv_cap_tok; int max_batch;
  const struct steptime_table *prompt;                  /* NULL: by the rate alone; else measured at prompt_tok_per_s */
  double prompt_tok_per_s;
  const struct steptime *step_time;                     /* of LLM engines; NULL: from the above */
};

/* Rate under load: rate[i] of the cool one once there has been load for load_s[i] (load_s[0] = 0, ascending); idle, a
 * second takes back `recovery` seconds of load (docs/equations.md, "Sustained rate"). */
struct sustained_def { int n; const double *load_s, *rate; double recovery; };

struct hardware_def {
  const char *name;
  double flop_per_s, byte_per_s;                    /* effective, for the roofline max(FLOP/flop_per_s, B/byte_per_s) */
  double overhead_s;                                    /* added to each roofline service */
  double memory_bytes;                                  /* 0 = unlimited */
  double idle_w, busy_w;                                /* per server; linear in the share of busy slots, or: */
  double context_w;                                     /* idle, and a model is loaded: so much more than idle_w */
  const struct power_def *power;                        /* NULL: linear, at the top clock */
  const struct thermal_def *thermal;                    /* of a member; NULL: no throttling */
  const struct token_cost *tokens;                      /* [world.n_variants], or NULL */
  const struct sustained_def *sustained;                /* NULL: the rate lasts */
  int n_kernels; const struct measured_kernel *kernel;
  bool outside;                                         /* shapes beyond those measured are served, and counted */
};

/* ---- places ---------------------------------------------------------------------------------------------------- */

/* pue: power of the building over that of its servers. carbon: NULL = the world's. battery: of each member; NULL: none. */
struct supply_def { double pue; const struct carbon_def *carbon; const struct battery_def *battery; };
/* What counts as the energy of a request and of a run: devices with their radio, network and servers; the devices alone;
 * devices and network; all with what the buildings need (PUE). */
enum energy_boundary { BOUNDARY_SERVER, BOUNDARY_DEVICE, BOUNDARY_ACCESS, BOUNDARY_FACILITY };

enum discipline { FIFO, LIFO, PRIORITY, PRIORITY_PREEMPTIVE, PROCESSOR_SHARING, EDF, SRPT };
/* SESSION: to the member that has the state of its conversation; without, as JSQ. */
enum dispatch { DISPATCH_JSQ, DISPATCH_ROUND_ROBIN, DISPATCH_RANDOM, DISPATCH_FIRST, DISPATCH_SESSION };
enum place_kind { PLACE_SERVERS, PLACE_API, PLACE_NODE };       /* NODE: of a topology; executes nothing */

/* USD. A reserved place costs usd_per_s per server all the time (the part not caused by a request is residual);
 * an on-demand one only while a slot is busy. Tokens and requests and bytes are charged per use. */
struct tariff_def { double usd_per_s, usd_per_request, usd_per_tok_in, usd_per_tok_out, usd_per_byte_out;
                   bool on_demand; const struct tariff_terms *terms; };

/* What a price list says beyond that (models/tariff.h). Each use is billed for at least minimum_s and in steps of
 * granularity_s (0: none). by_use: a use is an attempt, where instances come and go too; else there it is the life of an
 * instance on demand. Free allowances and tiers begin anew each month_s; used_bytes: sent before the run began.
 * reserved: so many servers of each member are paid for all the time, those in use beyond them on demand.
 * Prompts of more than long_tok: factors. usd_per_j: electricity of the place's servers. sensitivity: share by which all
 * its prices may be wrong; negative: the world's. */
struct price_tier { double from_bytes, usd_per_byte; };
struct tariff_terms {
  double minimum_s, granularity_s;
  bool by_use, has_cached;
  double usd_per_tok_cached, long_tok, long_in, long_out;
  double free_requests, free_use_s;
  int n_tiers; const struct price_tier *tier;           /* ascending from 0; 0: usd_per_byte_out */
  double used_bytes, month_s;
  double usd_per_j, sensitivity;
  int reserved; double reserved_usd_per_s;
};

/* Batching by request (models/station_batch.c): each slot is an instance that serves one batch at a time; all instances
 * of a member take from its one queue. FIXED: `size`, or what is there once the oldest has waited timeout_s (0: never).
 * TAKE_ALL: all that wait. DYNAMIC: preferred sizes and a longest delay. DEADLINE: the largest batch that still meets
 * the deadline of the head; what cannot make it alone is refused. AIMD: a cap that follows target_s. */
enum batching_kind { BATCH_NONE, BATCH_FIXED, BATCH_TAKE_ALL, BATCH_DYNAMIC, BATCH_DEADLINE, BATCH_AIMD };
enum batch_time { BATCH_LONGEST, BATCH_FIRST, BATCH_SUM, BATCH_CURVE };       /* of the members' own times; by size */
/* Value for a batch of b: a + c * b (n == 0), or linear between points; sizes ascend and cover what is possible. */
struct batch_curve { int n; const double *size, *value; double a, c; };
struct batching_def {
  enum batching_kind kind;
  uint32_t size;                                        /* of a batch, at most; UINT32_MAX = no limit */
  double timeout_s;                                     /* FIXED: see above; others: of one in the queue; 0 = none */
  bool delays;                                          /* such a request goes behind all others; else it is refused */
  double max_queue_delay_s;
  int n_preferred; const uint32_t *preferred;           /* ascending */
  uint64_t max_queue_size;                              /* waiting at most; 0 = no limit */
  bool preserve_ordering;                               /* results leave in the order of entry */
  enum batch_time time_of;
  struct batch_curve time_s, energy_j;                  /* energy_j: above idle, in place of the dynamic power */
  bool has_energy;
  double target_s, increase, decrease;                  /* AIMD */
};
double batch_curve_at(const struct batch_curve *, double size);

/* LLM engines (models/station_llm.c): each server of a member is one, `router` chooses among them. One variant runs there
 * (NONE: tasks have none). Blocks and step time by kind of hardware. extrapolate: requests beyond what the step times
 * were measured for are served, and counted. */
struct llm_kind { uint32_t kv_blocks; const struct steptime *step_time; };
struct llm_def {
  struct engine_def engine;                             /* but its kv_blocks */
  enum engine_router router;
  int variant;
  bool extrapolate;
  const struct llm_kind *kind;                          /* [max(1, n_hardware)] */
};

/* ---- instances that come and go, failures (docs/equations.md, "Instances") ---- */

/* One step of a start: a time, or bytes over a rate (which the pulls of one member share). after: bit set of steps.
 * cached: a server that has done it once skips it. The start lasts as long as its longest chain. */
struct cold_step_def { const char *name; uint32_t after; const struct dist *time_s; double bytes, byte_per_s; bool cached; };
struct cold_start_def { int n_steps; const struct cold_step_def *step; };
enum { MAX_COLD_STEPS = 32 };

enum keep_alive { KEEP_FOR, KEEP_ALWAYS, KEEP_HISTOGRAM };
enum scale_by { SCALE_BY_DEMAND, SCALE_BY_UTILIZATION, SCALE_BY_QUEUE, SCALE_BY_CONCURRENCY, SCALE_BY_POLICY };
/* An instance stands on one server of the place and has the place's slots. keep_s: how long an idle one stays (of the
 * histogram: its fallback). warm_w: power of an instance that lives, over that of its server. */
struct instances_def {
  uint32_t min, max;
  const struct cold_start_def *cold_start;              /* NULL: starts take no time */
  enum keep_alive keep;
  double keep_s;
  double bin_s, range_s, head, tail, margin;            /* of the histogram */
  bool queue_at_instance;                               /* who starts an instance waits for this one */
  bool cancels;                                         /* starts that those who wait need no longer are given up */
  enum scale_by by;
  double target, period_s, delay_s, cooldown_s;
  double stable_s, panic_s, panic_threshold, grace_s;   /* by concurrency: windows; before the last one goes */
  uint32_t reserved; double reserved_usd_per_s;         /* the first ones, paid for all the time; others on demand */
  double warm_w;
};

enum failure_work { FAILED_WORK_LOST, FAILED_WORK_RESTART, FAILED_WORK_RESUME };
struct outage_def { double from_s, for_s; };
/* Each member, or each of its servers, is up and down in turn: by distributions, or all members at the outages given. */
enum failure_scope { FAILS_MEMBER, FAILS_PLACE, FAILS_ZONE, FAILS_SERVER };
struct failures_def {
  enum failure_scope scope;                             /* who shares the times drawn */
  const struct dist *mtbf_s, *mttr_s;                   /* NULL: outages */
  int n_outages; const struct outage_def *outage;       /* in order, apart */
  enum failure_work work;
};

/* ---- what guards a place (models/breaker.c, health.c) ---- */

/* Opens when of the last `window` attempts that ended there the share `failures` failed; lets `probes` through after
 * open_for_s, and closes when all of these succeed. */
struct breaker_def { uint32_t window, probes; double failures, open_for_s; };
/* Each member is asked every `every_s` from member 0 of place `from` (NONE: the first device that can). */
struct health_def { double every_s, timeout_s, bytes; uint32_t down_after, up_after; int from; };
/* Who comes is turned away at so many waiting, at so long an expected wait, or by chance; 0 = no such rule. */
struct shed_def { uint64_t queue; double wait_s, probability; };
struct guard_def { const struct breaker_def *breaker; const struct health_def *health; const struct shed_def *shed; };

/* What is taken out: traffic waits until it is back; goes another way, and waits where there is none; or then fails. */
enum on_outage { OUTAGE_WAITS, OUTAGE_REROUTES, OUTAGE_FAILS };
/* Up for every_s, then down for lasts_s, again and again: each link, each member by itself. */
struct outages_def { const struct dist *every_s, *lasts_s; };

/* A place whose members are vertices of the routing graph each (at most MAX_SPREAD of them). Positions are NULL where
 * nobody knows them. at: the place of whose members they share the vertices, member i that of at_member[i]: no hop and no
 * time lies between them; NONE: vertices of their own. */
enum { MAX_SPREAD = 65535 };
struct spread_def {
  const double *x_m, *y_m;                              /* [count] */
  const char *const *label;                             /* [count]; NULL: their numbers are their names */
  int at; const uint32_t *at_member;                    /* [count] */
  enum on_outage on_outage;
  const struct outages_def *outages;                    /* NULL: none but those of world_def.change */
};

/* ---- what data there are, and whom a place lets see them (models/exposure.c) ---- */

/* A kind of data. zones: where it may be, a hard mask (~0: everywhere). weight: of a byte of it in the sum of what is exposed. */
struct data_def { const char *name; uint64_t zones; double weight; };
/* An enclave sees data and its owner does not; under homomorphic encryption nobody there does. slowdown: factor on all service
 * times. send, answer: factors on the bytes of messages to and from such a place. Attestation, before the first message of a
 * device to a member, again valid_s later (0: before each): a time, and round trips of the idle way. */
enum trust_kind { TRUST_PLAIN, TRUST_ENCLAVE, TRUST_HOMOMORPHIC };
struct trust_def {
  enum trust_kind kind;
  double slowdown, send, answer;
  const struct dist *attest_s;                          /* NULL: none */
  double valid_s;
  unsigned round_trips;
  double keeps_s;                                       /* what comes there is kept so long after; 0: not at all */
};

/* A place of `count` like members. Each member has `servers` servers with `slots` slots each: servers * slots jobs are
 * served at once under FIFO, LIFO, PRIORITY, EDF, SRPT; under PROCESSOR_SHARING the servers share all jobs, each job
 * at most at the rate of one server. capacity: jobs in a member at most, waiting ones included (0 = no limit). */
struct place_def {
  const char *name;
  enum place_kind kind;
  enum tier tier;
  int zone;
  uint64_t count;
  int servers, slots;
  uint64_t capacity;
  enum discipline discipline;
  enum dispatch dispatch;
  int n_hardware;                                       /* 0 = none: only service times given as distributions */
  const int *hardware; const double *hardware_weight;   /* members draw theirs by weight, by name */
  const bool *offers;                                   /* [world.n_variants]; NULL: whatever its hardware can run */
  bool srpt_uses_estimate;                              /* else SRPT reads the true size: results are a reference */
  double memory_bytes;                                  /* overrides the hardware's; 0 = hardware's */
  double idle_w, busy_w;                                /* per server; negative = hardware's */
  struct tariff_def tariff;
  const struct batching_def *batching;                  /* NULL: none */
  const struct llm_def *llm;                            /* NULL: none; then slots = its max_num_seqs */
  /* kind: api */
  const struct dist *ttft_s;
  double tpot_s;
  double limit_requests_per_s, limit_tok_per_s;         /* token buckets, burst = one minute's worth; 0 = none */
  const struct instances_def *instances;                /* NULL: every server is always there */
  const struct failures_def *failures;                  /* NULL: none */
  const struct guard_def *guard;                        /* NULL: none */
  const struct supply_def *supply;                      /* NULL: nothing of the kind */
  const struct spread_def *spread;                      /* NULL: the place is one vertex */
  const struct trust_def *trust;                        /* NULL: data are in the clear there, and not kept */
  const struct mobility_def *mobility;                  /* of its devices (models/mobility.h); NULL: static attachment */
  const struct shelf_def *shelf;                        /* NULL: no limit (kind api: keeps nothing) */
};

/* ---- links ----------------------------------------------------------------------------------------------------- */

struct link_process_def;
enum link_share { SHARED_BY_NONE, SHARED_BY_DEVICE, SHARED_BY_CELL, SHARED_BY_LINK };
enum link_kind { LINK_FLUID, LINK_MM1, LINK_FIXED };  /* equal shares; M/M/1-style delay; each transfer the full rate */

/* Some of the classes on a link with max_min: for them together so much of what its users share, up and down (maxmin.h). */
struct slice_def { const char *name; double guaranteed_byte_per_s[2], maximum_byte_per_s[2]; };
struct slices_def { int n; const struct slice_def *slice; const int *of_class; };     /* number of a slice, or NONE */

/* Between places a and b; where such a place is spread, its member a_member or b_member, or NONE: a link like this from
 * each member of it, and from a device to the one that it is attached to. Latency is one way, drawn per transfer.
 * rate 0 = unlimited. "up" is from a to b.
 * Sharing: one pool per device (device), per member of b that the device is attached to (cell), one for all (link),
 * or none. LINK_MM1: transfer time = bytes/rate, times 1/(1 - background load), drawn exponential. */
struct link_def {
  const char *name;
  int a, b;
  int32_t a_member, b_member;                           /* of a place that is not spread: not looked at */
  const struct dist *latency_s;
  double up_byte_per_s, down_byte_per_s;                /* rate_scale already applied */
  double background_load;                           /* of LINK_MM1, and share of the rate taken in LINK_FLUID: [0, 1) */
  enum link_share shared_by;
  enum link_kind kind;
  bool max_min;                                         /* a flow over it and the next such hops at once (maxmin.h) */
  const struct slices_def *slices;                      /* NULL: none */
  uint64_t zones;                                       /* bit set of the zones that traffic passes */
  double device_tx_w, device_rx_w;                      /* of a device end while it transfers */
  double j_per_byte, usd_per_byte_up, usd_per_byte_down;
  const struct link_process_def *process;               /* how it varies (models/link_process.h); NULL: not at all */
  const struct radio_def *radio;                        /* of the one device end; NULL: device_tx_w and device_rx_w */
  const struct transport_def *transport;                /* NULL: messages need no connection */
  double base_w;                                        /* of the network, each device at it, all the time: residual */
  enum on_outage on_outage;
  const struct outages_def *outages;                    /* NULL: none but those of world_def.change */
};

/* ---- requests -------------------------------------------------------------------------------------------------- */

enum known { KNOWN_ARRIVAL, KNOWN_AFTER_TASK, KNOWN_COMPLETION, KNOWN_ORACLE };
enum estimator { ESTIMATE_NONE, ESTIMATE_VALUE, ESTIMATE_CLASS_MEAN };  /* class mean of completed requests so far */

/* Attribute 0 of every class is `difficulty`, uniform in (0,1), known to an oracle only. */
struct attribute_def {
  const char *name, *unit;
  enum known known;
  int after_task;
  const struct dist *dist;                              /* NULL: the trace's column of this name */
  bool of_session;                                      /* written by models/session.c: no distribution, no column */
  bool classifies; double error;                        /* what a classifier makes of difficulty (docs/equations.md) */
  enum estimator estimator; double estimate;            /* first value for CLASS_MEAN */
  const struct subjects_def *subjects;                  /* its values are rows of a joint table (models/outcomes.h) */
  const struct scores_def *scores;                      /* a score of a given AUC, in place of the distribution */
  /* made by task after_task itself (models/effects.h): NaN until then, between low and high; `otherwise` where that was
   * skipped or only answered for */
  bool produced; double low, high, otherwise;
};

/* Roofline work of a kernel that some hardware has a measured cost of: there it takes calls times what kernel_time.h says. axis:
 * as many as the cost has, of those of the kernel. at[h].measured NULL: hardware h has none, and the roofline holds. */
struct kernel_at {
  const struct measured_kernel *measured;
  struct expr axis[KERNEL_COST_AXES];
  const char *asked[KERNEL_COST_AXES];                  /* what the task says that the axis reads: "n: 64, k: 64" */
};
struct kernel_work {
  const char *kernel, *task;
  int number;                                           /* in world_def.kernel_work */
  struct expr calls, units;                             /* calls: n == 0: one */
  struct expr reuse_bytes, working_set_bytes;           /* reuse_bytes: n == 0: 0, and no working set is asked for */
  const struct kernel_at *at;                           /* [world.n_hardware] */
  struct where said_at, reuse_at;
};

enum work_kind { WORK_NONE, WORK_TIME, WORK_ROOFLINE, WORK_TOKENS };
struct work_def {
  enum work_kind kind;
  const struct dist *time_s;                            /* WORK_TIME: per (request, task, variant, attempt) */
  const struct kernel_work *kernel;                     /* of ROOFLINE; NULL: nothing measured */
  struct expr flop, bytes;                              /* WORK_ROOFLINE */
  struct expr tok_in, tok_out;                          /* WORK_TOKENS */
  struct expr tok_cached;                               /* of tok_in, as the provider counts them for its price */
  struct expr recall;                                   /* of a search: what it finds, a share; n == 0: not said */
  double noise_sigma;                                 /* log-normal factor of mean 1 on ROOFLINE and TOKENS; 0 = none */
};

/* One thing that a decision may choose: a place (all members: the place's dispatch picks; or one member) and variant.
 * `variant` counts in the task's own list (0 when the task has none); records carry the world's
 * number, NO_VARIANT if there is none. clock: of the device there, in the world's list of clocks. */
enum place_word { WORD_ORIGIN, WORD_NEAREST, WORD_PLACE, WORD_MEMBER };
struct plan_def { enum place_word word; int place; uint64_t member; int variant; const char *label; int clock; };

struct fallback_def { bool answers; struct plan_def plan; const char *answer; double quality; };

/* ---- the life around a decision (models/effort.c, retry.c, hedge.c) ---- */

/* `attempts` at each plan, the first one included, after an end whose status is in `on` (bit set). The k-th waits
 * first_s * factor^(k-1), at most max_s; with jitter a uniform share of it. budget: retries per first attempt, kept in a
 * bucket of `burst`, full at the start; negative: no limit. */
struct retry_def { unsigned attempts; uint32_t on; double first_s, factor, max_s, budget, burst; bool jitter; };
/* A copy after after_s, or after the given quantile of the time that attempts of the task take (0: after_s). With a plan
 * of its own, or the one of the attempt. tied: whose service begins calls the other off. */
struct hedge_def { double after_s, quantile; bool has_plan, tied; struct plan_def plan; };
/* Score of an answer = its quality + noise x standard normal; below `accept` the next fallback is asked (0: never). */
struct judge_def { double noise, accept; };
struct life_def { const struct retry_def *retry; const struct hedge_def *hedge; const struct judge_def *judge; };

/* Tasks whose version this one has to have; and the factor on its quality where it has not. */
struct match_def { uint32_t tasks; double quality; };

struct effect_def;
struct store_def;
struct task_def {
  const char *name;
  uint32_t after;                                       /* bit set of tasks of this pipeline; 0 = ready at arrival */
  uint32_t before;                                      /* the inverse of after, filled by the builder */
  uint32_t unawaited; bool asynchronous;                /* those of `before` that are asynchronous; it is so itself */
  int n_variants; const int *variant;                   /* world variants; n == 0: one nameless variant */
  const struct work_def *work;                          /* [max(1, n_variants)] */
  int n_plans; const struct plan_def *plan;
  struct expr output_bytes;
  const struct expr *data;                              /* [n_data]: share of each kind in it; NULL: as in what came in */
  struct where data_at;                                 /* where they are said */
  bool stream;                                          /* output flows: first token, rate, last token */
  bool successor_starts_on_first;                       /* starts_on: first (else last) */
  double timeout_first_s, timeout_s;                    /* 0 = none */
  double due_s;                                         /* by the budget: after the arrival, or its start (lapses); 0 = none */
  const struct dist *patience_s;                        /* in the queue until the service begins; NULL = without end */
  int n_fallbacks; const struct fallback_def *fallback;
  double repeat_probability;                            /* after success the task is done again with this probability */
  const struct life_def *life;                          /* NULL: one attempt at a time, each plan tried once */
  const struct match_def *match;                        /* NULL: none */
  const struct effect_def *effect;                      /* when, ends and what it does beside (models/effects.h); NULL */
  /* filled by effects_link: its output may go to the user though tasks come after it; what it takes depends on which tasks
   * before it were skipped */
  bool may_end, inputs_vary;
};

enum arrivals_kind { ARRIVE_POISSON, ARRIVE_RENEWAL, ARRIVE_MMPP, ARRIVE_ON_OFF, ARRIVE_PIECEWISE, ARRIVE_CLOSED,
                    ARRIVE_TRACE, ARRIVE_LIKE, ARRIVE_SESSION };
enum trace_replicate { REPLICATE_WHOLE, REPLICATE_WINDOW, REPLICATE_BLOCK_BOOTSTRAP, REPLICATE_THIN };
enum trace_at_end { AT_END_STOP, AT_END_REPEAT };
enum trace_format { TRACE_CSV, TRACE_TSV, TRACE_JSONL };
enum trace_missing { MISSING_ERROR, MISSING_SKIP, MISSING_VALUE };

/* words: the column holds one of these, and its value is the number of it; NULL: numbers. */
struct trace_words_def { int n; const char *const *word; const char *what; };
struct trace_column_def { const char *attribute, *column; double scale; enum trace_missing missing;
                         double missing_value; const struct trace_words_def *words; };
/* where: rows kept are those for which every comparison holds. op: one of "<" "<=" "==" "!=" ">=" ">". */
struct trace_where_def { const char *column, *op, *text; double number; bool numeric; };

struct trace_def {
  const char *file;                                     /* resolved path; NULL: not found, `otherwise` runs */
  const char *asked;                                    /* as the scenario names it */
  struct where at;                                      /* where the scenario names it, for messages */
  enum trace_format format;
  const char *time_column; double time_scale_s; bool time_is_datetime; bool origin_first;
  int n_columns; const struct trace_column_def *column;
  int n_where; const struct trace_where_def *keep;
  double rate;                                          /* 1 = as recorded; 2 = twice as fast */
  double slice_from_s, slice_to_s;                      /* slice_to_s 0 = to the end */
  double max_gap_s;                                     /* gaps longer than this are cut to it; 0 = kept */
  double spread_ties_s;                                /* rows of one timestamp are spread evenly over this; 0 = kept */
  enum trace_at_end at_end;
  enum trace_replicate replicate; double block_s, window_s, keep_share;
  const struct trace_table *table;                 /* trace_load, once, before runs; NULL: each source reads the file */
};

/* A fitted workload (offsim trace --fit; the preset's keys are described in models/workload.h). Statistics, no data.
 *
 * When: Lambda(t), the integral of the rate (constant in each bin), makes operational time; gaps there have mean 1 and
 * the quantile grid `gap` (n_gap 0: gamma with the given scv). What: the rows are cut into strata by the first column;
 * the shares of the strata follow time (one `mix` each mix_s); in a stratum each column has its own quantile grid and
 * the columns' normal scores the correlation whose lower factor is `cholesky`. Grids are linear between points. */
struct workload_fit {
  const char *name, *source, *licence, *grade; int year;
  double span_s;                                        /* of the original; then it repeats */
  double bin_s; int n_bins; const double *rate_per_s;   /* the last bin ends with the span */
  double interarrival_scv;                              /* in operational time */
  int n_gap; const double *gap_probability, *gap;       /* probability 0 = first, 1 = last */
  int n_columns; const char *const *column; const bool *whole;  /* whole: values are rounded to integers */
  int n_strata; double mix_s; int n_mixes; const double *mix;   /* [mix][stratum], each row sums to 1 */
  int n_quantiles; const double *probability;           /* 0 = first ... 1 = last */
  const double *quantile;                               /* [stratum][column][k] */
  const double *cholesky;                               /* [column][column], lower */
};

/* Conversations (models/session.c). Turn k + 1 comes a think time after turn k is answered or failed. What the user and the answer
 * add to the context, `grows`, is evaluated on the turn; above limit_tok (0: none) the beginning is cut off.
 * State: what a place has made of the context and need not make again, left there by `state_task` (NONE: no state).
 * It serves the same variant in the same version only. move: what a turn does that is done elsewhere. */
enum state_move { STATE_REPREFILL, STATE_TRANSFER, STATE_CHEAPEST };
enum session_fact { FACT_TURN, FACT_CONTEXT, FACT_STATE_TOK, FACT_STATE_PLACE, FACT_STATE_MEMBER, SESSION_FACTS };
struct session_def {
  const struct dist *turns;                             /* rounded up; at least 1 */
  bool ends_on_failure;
  double start_tok, limit_tok;
  struct expr grows_tok;
  int first_fact;                                       /* attribute of FACT_TURN; the others follow */
  int task;                                             /* that answers: its versions count from turn to turn */
  double other_quality;                                 /* factor where a turn is answered in another version */
  int state_task;                                       /* = task, or NONE */
  enum state_move move;
  bool has_bytes;                                       /* else the variant's bytes per token of context */
  struct expr state_bytes, rebuild_s;                   /* rebuild: where work is not in tokens */
};
/* What a place keeps of conversations: bytes of each member (INFINITY: no limit), for how long after their last use (0: for
 * good). The least recently used goes first. */
struct shelf_def { double capacity_bytes, keep_s; };

struct arrivals_def {
  enum arrivals_kind kind;
  double rate_per_s;                                    /* POISSON */
  const struct dist *interarrival_s;                    /* RENEWAL */
  int n_states; const double *state_rate_per_s, *state_mean_s;  /* MMPP; states follow one another at random */
  const struct dist *on_s, *off_s; double on_rate_per_s;        /* ON_OFF */
  int n_pieces; const double *piece_from_s, *piece_rate_per_s; double piece_period_s;   /* PIECEWISE; period 0 = once */
  uint64_t users; const struct dist *think_s;           /* CLOSED; think_s also SESSION */
  const struct session_def *session;                    /* SESSION: one begins each interarrival_s, or rate_per_s (NULL) */
  const struct trace_def *trace;
  const struct workload_fit *like;                      /* LIKE, or the trace's `else` */
};

/* How long the tasks may take, together at most total_s along each path. Time that one leaves is the next one's, unless it
 * lapses (models: timeouts; analysis: which task broke it). */
struct budget_def { double total_s; const double *task_s; bool lapses; };

struct class_def {
  const char *name;
  int n_from; const int *from;                          /* device places */
  struct arrivals_def arrivals;
  double share;                                     /* classes that use one trace together: this class's part; else 1 */
  struct expr input_bytes;                              /* what the first tasks need from the device */
  int in_flight;                                        /* enum in_flight; NONE: as its device's place says */
  struct expr state_bytes;                              /* of a task that migrates */
  double slo_ttft_s, slo_e2e_s, slo_tpot_s;             /* 0 = none */
  const struct budget_def *budget;                      /* NULL = none */
  uint32_t unawaited;                                   /* set of tasks that the user does not wait for */
  uint64_t zones;                                       /* allowed; ~0 = all */
  int priority;                                         /* smaller is more urgent */
  int n_attributes; const struct attribute_def *attribute;
  int subject;                                          /* the attribute with subjects; 0: none */
  const struct expr *data; bool data_varies;            /* [n_data]: share of each kind in the input; with attributes */
  struct where data_at;
  int n_tasks; const struct task_def *task;             /* topological order */
  uint64_t produced;                                    /* bit set of attributes that tasks produce */
  bool conditional;                                     /* some task has a `when`: tasks may be skipped */
};

/* ---- the whole ------------------------------------------------------------------------------------------------- */

struct telemetry_def { bool ideal; double refresh_s, delay_s, noise; double bytes_per_report; };
enum horizon_kind { HORIZON_TERMINATING, HORIZON_STEADY };
struct horizon_def { enum horizon_kind kind; double duration_s, drain_max_s, warmup_s; bool warmup_auto;
                    uint64_t max_requests; };
/* Reward = sum of weight x quantity; weights carry the sign. latency per s, money per USD, energy per J (device and
 * direct), quality per unit, failure per failed request. */
struct objective_def { double latency_per_s, money_per_usd, energy_per_j, quality, failure; };

/* ---- what changes during a run (models/changes.c) ---- */

/* NODE: a spread place's member is out of service or back. From at_s on (again and again: each every_s) the target is `to`; over_s: on the way there it is a ramp of equal steps;
 * for_s: after that it is again what the scenario says, `base`. A link's rate_scale, background, availability and price;
 * a place's speed, its instances (all cold), the numbers of its tariff. Rates: `to` is a factor on the link's own. */
enum change_what { CHANGE_RATE_SCALE, CHANGE_BACKGROUND, CHANGE_AVAILABLE, CHANGE_PRICE, CHANGE_SPEED, CHANGE_INSTANCES,
                   CHANGE_TIME_USD, CHANGE_REQUEST_USD, CHANGE_INPUT_USD, CHANGE_OUTPUT_USD, CHANGE_EGRESS_USD, CHANGE_NODE };
struct change_def {
  enum change_what what;
  int index;                                            /* of the link or the place */
  int64_t member;                                       /* NODE: of the place; NONE: all */
  double at_s, over_s, for_s, every_s;                  /* 0: a step; for good; once */
  double base, to;
};
static inline bool change_is_of_link(enum change_what w) { return w <= CHANGE_PRICE; }

/* Releases of models (models/version.c): the first at_s, then each every_s (0: no other); at the members of `place` (none
 * named: of all places) so much later, drawn for each of them or once for the place. */
struct rollout_def { const char *name; int n_variants; const int *variant; double at_s, every_s; const struct dist *delay_s;
                     bool per_place; int n_places; const int *place; };

/* What measured costs are wrong by (docs/equations.md, "Measured costs"). */
enum calibration_error { CALIBRATION_SAMPLED, CALIBRATION_NONE, CALIBRATION_LOW, CALIBRATION_HIGH };

enum { MAX_DATA = 16 };
struct world_def {
  int n_zones; const char *const *zone;
  int n_data; const struct data_def *data;
  int n_hardware; const struct hardware_def *hardware;
  int n_clocks; const double *clock;                    /* shares of the top one that plans choose; the first is 1; or none */
  int n_variants; const struct variant_def *variant;
  int n_places; const struct place_def *place;
  int n_links; const struct link_def *link;
  int n_classes; const struct class_def *klass;
  int n_stores; const struct store_def *store;          /* data with copies (models/replica.h) */
  int n_changes; const struct change_def *change;       /* in the order of the file: the later one wins */
  int n_rollouts; const struct rollout_def *rollout;    /* no variant is in two of them */
  struct telemetry_def telemetry;
  struct horizon_def horizon;
  struct objective_def objective;
  double price_sensitivity;                             /* share by which prices may be wrong, for the band of the cost */
  enum energy_boundary boundary;
  const struct carbon_def *carbon;                      /* NULL: nobody asks */
  double sample_s;                                      /* time series period; 0 = none */
  bool record_transfers;
  int n_kernel_works; const struct kernel_work *const *kernel_work;
  enum calibration_error calibration;
};

/* ---- policies, as the scenario lists them ---------------------------------------------------------------------- */

enum scope { SCOPE_GLOBAL, SCOPE_SITE, SCOPE_DEVICE };
/* text: NULL if number */
struct policy_parameter { const char *name; double value; const char *text; struct where at; };
/* A policy over a policy (models/policy_wrap.c). Exactly one of usd and joule of a budget is > 0. */
enum wrap_kind { WRAP_FLOOR, WRAP_DETECT, WRAP_BUDGET, WRAP_GUARD };
struct wrap_def {
  enum wrap_kind kind;
  struct where at;
  double floor;                                         /* probability of a uniform action */
  double window, threshold, drift;                      /* detect: rewards of the reference; in its deviations */
  double usd, joule, step;                              /* budget: a decision */
  const char *policy;                                   /* guard: name of a built-in policy */
};
struct policy_desk;
struct policy_def {
  const char *name;                                     /* of the entry; default: the policy's own */
  const char *policy;                                   /* built-in name, or path when it has a '/' */
  const char *resolved_path;                            /* of a plug-in; NULL for a built-in */
  struct where at;
  enum scope scope;
  int at_place;                                         /* where the learners live; NONE = with the decision maker */
  double decision_s;                                    /* declared time of one decision */
  int n_parameters; const struct policy_parameter *parameter;
  int n_wraps; const struct wrap_def *wrap;             /* inner to outer */
  const char *state_path;                               /* learned state to start from (models/learned.h); NULL: none */
  const void *state; size_t state_bytes;                /* the learners in it */
  bool frozen;                                          /* nothing is learned */
  double tick_s;                                        /* period of its control of the places; 0 = none */
  double joint_s; int joint_max;                        /* how long and how many decisions it waits for; 0: at once, any */
  struct policy_desk *desk;                             /* where a run notes what the policy does; NULL: nobody looks */
};

struct place_def place_def_default(void);
struct link_def link_def_default(void);
struct class_def class_def_default(void);
struct trace_def trace_def_default(void);
struct task_def task_def_default(void);
struct telemetry_def telemetry_def_default(void);
struct horizon_def horizon_def_default(void);

#endif
