/* record.h: what happened. Plain data, the contract between models/ (which writes it) and analysis/ (which reads it).
 *
 * Three records describe a request: one for itself, one for each attempt of each task, one for each decision. A run
 * hands them to a sink in order of settlement; ids join them. Durations and instants are nanoseconds of simulated time.
 */
#ifndef OFFSIM_MODELS_RECORD_H
#define OFFSIM_MODELS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum status {
  STATUS_OPEN, STATUS_COMPLETED, STATUS_ANSWERED,       /* answered: by the fallback's answer, e.g. documents only */
  STATUS_TIMEOUT, STATUS_BLOCKED, STATUS_REJECTED,      /* late; capacity full; API limit */
  STATUS_MASKED, STATUS_CANCELLED, STATUS_CENSORED,     /* no allowed plan; no longer wanted; horizon */
  STATUS_LOST,                                          /* its place failed */
  STATUS_NO_POWER,                                      /* the user's device has an empty battery */
  STATUS_MOVED,                                         /* its device has changed over to another member */
  N_STATUS
};
extern const char *const status_name[N_STATUS];

struct request_record {
  uint64_t request;
  int64_t arrived_ns, completed_ns;                     /* completed: the user has the last byte; -1 while open */
  int64_t first_token_ns;                               /* at the user; -1 = none */
  int64_t server_first_token_ns;                        /* at the engine; -1 = none */
  double quality;                                       /* of the answer; 0 for a failed request */
  double energy_device_j, energy_direct_j;              /* direct: device + network + servers, caused by this request */
  double cost_usd;                                      /* direct */
  double reward;                                        /* by the scenario's objective */
  uint32_t device;                                      /* member of the origin place */
  uint32_t tokens;                                      /* streamed to the user */
  uint16_t klass, origin;                               /* indices of class and place */
  uint8_t status, measured, slo_met;
  uint8_t n_attempts, n_decisions, offloaded;           /* offloaded: a task ran away from the origin */
  uint8_t cold;
  uint8_t lookups, hits, false_hits;                    /* in caches; not hashed, as its attributes tell */
  uint8_t reads, stale_reads;                           /* of stores; the same */
};

enum phase { PHASE_DECIDE, PHASE_UPLINK, PHASE_QUEUE, PHASE_COLD_START, PHASE_BATCH, PHASE_SERVE, PHASE_DOWNLINK, N_PHASES };
extern const char *const phase_name[N_PHASES];

/* Phases follow one another without a gap: started_ns + sum(phase_ns) == ended_ns. */
struct attempt_record {
  uint64_t request;
  int64_t started_ns, ended_ns;
  int64_t first_output_ns;                              /* first token or byte leaves the place; -1 = none */
  int64_t phase_ns[N_PHASES];
  double bytes_up, bytes_down;                          /* moved for this attempt, each byte counted once per attempt */
  double energy_device_j, energy_network_j, energy_server_j, cost_usd;
  uint32_t member, batch;
  uint16_t place, klass;                                /* klass: of the request */
  uint8_t task, attempt, variant, status, measured;
  uint8_t fallback;                                     /* 0 = the plan decided; k = the k-th fallback */
  uint8_t role;                                         /* ROLE_* bits */
};
/* A plan tried again; a copy beside another attempt; turned away at the door of its place. */
enum { ROLE_RETRY = 1, ROLE_HEDGE = 2, ROLE_SHED = 4 };

enum { MAX_FEATURES = 16, MAX_FALLBACKS = 4 };
struct decision_record {
  uint64_t request;
  int64_t at_ns;
  double propensity, reward;                            /* reward: NaN until the outcome */
  uint16_t action, n_actions, place, klass;             /* klass: of the request */
  uint8_t task, decision, variant, replaced, measured;  /* replaced: the policy chose a masked action */
  uint8_t n_features;
  double feature[MAX_FEATURES];
  /* What the policy wanted beyond its choice; not hashed, since attempts tell what came of it. left_out: copies and
   * fallbacks onto masked actions. fallback: its own list of actions instead of the scenario's, UINT16_MAX = none. */
  uint8_t left_out, n_fallbacks;
  uint16_t fallback[MAX_FALLBACKS];
};

/* Telemetry is of a request where it tells a learner elsewhere what became of a decision, else of a place (request
 * UINT64_MAX); relay: a copy is called off; what goes after a device that has moved. Setup: names and handshakes of a
 * connection. Lost: what had moved of a message that was cut and sent again. State: of a conversation, to another place.
 * Fill: an answer into a cache; no attempt's. */
enum transfer_kind { TRANSFER_DATA, TRANSFER_TELEMETRY, TRANSFER_DECISION, TRANSFER_PROBE, TRANSFER_RELAY, TRANSFER_SETUP,
                     TRANSFER_RESENT, TRANSFER_LOST, TRANSFER_STATE, TRANSFER_FILL, N_TRANSFER_KINDS };
struct transfer_record {
  uint64_t request;
  int64_t started_ns, ended_ns;
  double bytes;
  uint16_t link, zone;                                  /* zone of the far end; transit zones follow from the link */
  uint8_t task, attempt, kind;
  uint8_t carries;                                      /* CARRIES_*: of a request's data; + the task whose output */
};
enum { CARRIES_NOTHING, CARRIES_INPUT, CARRIES_OUTPUT };

/* The state of one place at one instant, summed over its members. */
/* slots: of instances that are up, where they come and go; battery: mean level of those that have one, as a share of the
 * capacity, NaN without. */
struct place_sample { uint32_t queue, busy, slots; double battery; };

/* Where records go. Any function may be NULL. */
struct sink {
  void *context;
  void (*request)(void *context, const struct request_record *, const double *attribute, int n_attributes);
  void (*attempt)(void *context, const struct attempt_record *);
  void (*decision)(void *context, const struct decision_record *);
  void (*transfer)(void *context, const struct transfer_record *);
  void (*sample)(void *context, int64_t at_ns, const struct place_sample *, int n_places);
};

/* Totals of a run that no record carries. Per place, over the measured window unless said otherwise. */
struct place_summary {
  double utilization;                                   /* busy slots / slots, time average */
  double in_system_mean, queue_length_mean;             /* summed over members */
  double queue_wait_mean_s;                             /* of attempts that entered in the window */
  double batch_size_mean;                               /* requests in a decode step; in a batch; 1 for others */
  double blocked_ratio;
  uint64_t arrived, blocked, completed;
  double energy_j, energy_direct_j;                     /* total = integral of power; whole run */
  double cost_usd, cost_direct_usd, cost_swing_usd;     /* whole run; swing: by how much its prices may move the first */
  double instance_s, down_s;                            /* whole run, all members: instances alive; member down */
  double on_demand_instance_s;                          /* of instance_s, beyond what is reserved */
  double breaker_open_s, breaker_open_ratio;            /* whole run; NaN without a breaker */
  uint64_t cold_starts;                                 /* whole run; those asked for in advance included */
  /* LLM engines; NaN elsewhere. Refused: can never be admitted (refused_memory: also token service); extrapolated:
   * beyond what the step times cover. */
  double iterations, preemptions, kv_occupancy, itl_mean_s, server_ttft_mean_s, tokens_per_s, prefix_hit_ratio;
  double joules_per_token;                              /* whole run, idle power included */
  double refused_prompt, refused_memory, extrapolated;
  double extrapolated_estimates;                        /* of kernels with measured costs; NaN: there are none */
  /* Whole run. carbon: NaN where nobody asks. Batteries (NaN without): share of the time that members were empty; mean
   * level at the end as a share of the capacity; deaths. throttled: share of the time, NaN without a temperature. */
  double carbon_g, battery_dead_ratio, battery_left_mean, battery_deaths, throttled_ratio;
  /* Share of the members whose battery was empty at least once; mean time until then, of these (NaN: none was). */
  double battery_emptied_ratio, battery_life_mean_s;
  /* Caches: of the cohort's requests; answers kept at the end and those that went for want of room, whole run. */
  uint64_t cache_lookups, cache_hits, cache_false_hits, cache_entries, cache_evictions;
  /* Stores: reads of the cohort's requests; writes that its copies came to show, and the time that took, whole run. */
  uint64_t reads, stale_reads, shown;
  double shown_s;
};

/* A link over the whole run: messages on it, time average; bytes that it carried, and those that were called off on it;
 * messages on it at the end. Streams beside the queues count in the first two. free: it costs neither time nor
 * anything else, and what it carries is not looked at. */
struct link_summary { double in_flight_mean, bytes, cut_bytes; uint32_t left; bool free; };

/* Conversations of the cohort. Turns after the first whose state was at their place, came along, or had to be made again:
 * because it was gone, of another model or version, or elsewhere. */
struct session_counts {
  uint64_t begun, later, here, moved, again, gone, other_model;
  uint64_t evicted;                                     /* whole run */
  uint64_t turned, other_version;                       /* turns served after another one; by another version */
  uint64_t paired, mismatched;                          /* tasks that should match another one's version */
  double moved_bytes, again_tok;
};
/* Of one kind of data in one zone, over the cohort: bytes that came to be worked on there, that passed on their way, in the
 * clear and under protection (sealed; in an enclave; encrypted); byte-seconds that were kept there in the clear. */
struct exposure_summary { double execution[2], transit[2], rest_byte_s; };

struct run_summary {
  uint64_t events, ties;
  uint64_t requests, completed, failed, censored;       /* of the cohort */
  uint64_t decisions, replaced, left_out, zone_violations;
  /* Whole run: copies and fallbacks that the policy itself asked for; attempts that its time-outs ended or its control
   * turned away. Of a bound: 1 = it holds for policies with such, too. */
  uint64_t own_attempts, own_failures;
  double window_s, run_s;                               /* measured window; whole run */
  /* Devices that move: change-overs in the window, of the devices that they are counted of, and the time of those;
   * requests of the cohort that were sent after their device, or again; that moved with it; that it made fail. */
  double handovers, handover_device_s;
  uint64_t relayed, migrated, moved;
  struct session_counts sessions;
  double in_system_half[2];                             /* requests in the system, mean of each half of the window; NaN */
  double energy_total_j, energy_direct_j, cost_total_usd, cost_direct_usd;       /* whole run, all requests */
  double cost_swing_usd;                                /* half of the band of cost_total_usd */
  bool supplied;                                        /* there is more to tell of energy */
  double energy_facility_j, carbon_g;                   /* the same: PUE included, whatever the boundary; NaN: nobody asks */
  double telemetry_bytes, probe_bytes;
  uint64_t trace_rows_used; int workload_is_fit;        /* -1 no trace, 0 original, 1 fit */
  /* Of data whose kinds are told: [n_zones][n_data], NULL: they are not. exposed: in the clear beyond the zone of the device
   * that asked, execution and transit, by the kinds' weights. misplaced: where its kind may not be, clear or not; 0. */
  const struct exposure_summary *exposure;
  double exposed_bytes, protected_bytes, kept_byte_s, misplaced_bytes;
  int n_places; struct place_summary *place;            /* owned by the world */
  int n_links; struct link_summary *link;               /* the same */
};

#endif
