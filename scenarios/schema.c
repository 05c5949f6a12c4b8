/* schema.c: the table of the scenario language, and look-ups in it. */
#include "scenarios/schema.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define INF HUGE_VAL
#define POS .low = 0, .high = INF, .flags = POSITIVE
#define NONNEGATIVE .low = 0, .high = INF
#define SHARE .low = 0, .high = 1

const struct section sections[] = {
  {"scenario", "The file", "One scenario: what exists, who asks, who decides, what is measured.", false},
  {"horizon", "horizon",
   "How long a run lasts and which requests are measured: those that arrive inside the window.", false},
  {"replications", "replications", "How often everything is repeated with other random numbers.", false},
  {"until", "replications.until", "Repeat until the interval of a metric is narrow enough.", false},
  {"objective", "objective", "Weights of the reward; the sign says what is good.", false},
  {"place", "places.NAME",
   "Where a task can run: `count` like members of `servers` servers with `slots` slots each.", false},
  {"mix", "places.NAME.hardware", "Kinds of hardware with their shares; each member draws its own, by name.", false},
  {"batching", "places.NAME.batching",
   "Batching of requests: each slot is an instance that serves one batch at a time; the instances of a member take "
   "from one queue, in the order of its discipline. Or, `continuous`: each server is an LLM engine with a queue and "
   "context memory of its own.", false},
  {"batch_time", "places.NAME.batching.time", "Time of a batch by its size.", false},
  {"batch_profile", "batch_profiles.NAME",
   "Measured times and energies of a batch by its size on one hardware, linear between sizes.", false},
  {"batch_energy", "places.NAME.batching.energy", "Energy of a batch by its size.", false},
  {"affine", "places.NAME.batching.time.affine", "a + c*b for a batch of b.", false},
  {"affine_energy", "places.NAME.batching.energy.affine", "a + c*b for a batch of b.", false},
  {"batch_table", "places.NAME.batching.time.table", "Times by size, linear between sizes.", false},
  {"energy_table", "places.NAME.batching.energy.table", "Energies by size, linear between sizes.", false},
  {"instances", "places.NAME.instances",
   "Instances that start cold, stay warm and go: each stands on one server and serves `concurrency` requests at once. "
   "The start is charged to the request that caused it; on demand, instances are paid for while they live.", false},
  {"keep_alive", "places.NAME.instances.keep_alive", "A keep-alive that learns.", false},
  {"hybrid_histogram", "places.NAME.instances.keep_alive.hybrid_histogram",
   "Idle times of the member decide when an idle instance goes, comes back and stays (Shahrad et al. 2020).", false},
  {"scale", "places.NAME.instances.scale",
   "An autoscaler; without it, each request that finds no free slot starts an instance.", false},
  {"cold_start", "cold_starts.NAME", "How an instance starts: one time, or steps that may overlap.", false},
  {"cold_step", "cold_starts.NAME.steps.STEP", "A part of a start: a time, or bytes over a rate, or both.", false},
  {"step_time", "step_times.NAME", "Time and energy of one iteration of an LLM engine. Exactly one form, and `energy`.", false},
  {"step_affine", "step_times.NAME.affine",
   "a + c*b with b decoding requests, and prompt tokens over `prefill`; without decoding requests at least a.", false},
  {"step_distserve", "step_times.NAME.distserve", "DistServe's form: prefill and decode as polynomials.", false},
  {"step_polynomial", "step_times.NAME.distserve.prefill",
   "prefill: a + b*tokens + c*(sum of squared chunks). small, large: a + b*(tokens of context) + c*requests.", false},
  {"step_compact", "step_times.NAME.compact",
   "A table over the tokens of the iteration and linear terms, as fitted by `offsim validate steps`.", false},
  {"step_vidur", "step_times.NAME.vidur",
   "Vidur's form: linear operators over tokens rounded up to 8, attention by rooflines, all-reduces.", false},
  {"step_linear", "step_times.NAME.vidur.linear", "All layers: a table, or max(floor, a + b*tokens).", false},
  {"step_table", "step_times.NAME.vidur.linear.table", "Times by tokens, linear between them.", false},
  {"step_tables", "step_times.NAME.tables", "Measured tables of single operators (data of one card and model).", false},
  {"step_energy", "step_times.NAME.energy", "Energy of an iteration above idle.", false},
  {"failures", "places.NAME.failures", "Members that fail and come back: `mtbf` and `mttr`, `outages` or a `trace` of them.", false},
  {"outage", "places.NAME.failures.outages", "When all members of the place are down.", false},
  {"limits", "places.NAME.limits", "Rate limits of an API; a minute's worth may be used at once.", false},
  {"tariff", "tariffs.NAME", "What a place costs.", false},
  {"hardware", "hardware.NAME",
   "What a server can do: roofline numbers, memory, power, token service by variant.", false},
  {"sustained", "hardware.NAME.sustained",
   "Rate by time under load, in steps. While any job of a member runs it is under load; idle, it recovers.", false},
  {"token_cost", "hardware.NAME.tokens.VARIANT",
   "Measured token service of one variant; without it, the decode law.", false},
  {"step", "hardware.NAME.tokens.VARIANT.step", "Time of one decode step for b running requests: a + c*b.", false},
  {"variant", "variants.NAME", "A way to do a task: a model and its quantisation, with its quality.", false},
  {"link", "links.NAME", "Between two places. Latency is one way and drawn for each transfer.", false},
  {"rate", "links.NAME.rate", "Rates by direction: up is from the first to the second place.", false},
  {"link_power", "links.NAME.power", "Power of a device while it transfers.", false},
  {"link_price", "links.NAME.price", "Price of data by direction.", false},
  {"class", "classes.NAME", "Requests of one kind: who asks, when, for what, and what is promised.", false},
  {"arrivals", "classes.NAME.arrivals", "When requests come. Exactly one kind.", false},
  {"poisson", "classes.NAME.arrivals.poisson", "Independent arrivals at a constant rate.", false},
  {"renewal", "classes.NAME.arrivals.renewal", "Independent gaps of any distribution.", false},
  {"mmpp", "classes.NAME.arrivals.mmpp", "Poisson arrivals whose rate follows a Markov chain.", false},
  {"mmpp_state", "classes.NAME.arrivals.mmpp.states",
   "One state of the chain; the next is any other, equally likely.", false},
  {"on_off", "classes.NAME.arrivals.on_off", "Poisson arrivals during on periods.", false},
  {"piecewise", "classes.NAME.arrivals.piecewise", "Poisson arrivals at a rate that changes at given times.", false},
  {"piece", "classes.NAME.arrivals.piecewise.pieces", "From when, how many.", false},
  {"closed", "classes.NAME.arrivals.closed", "Users who think, ask, and wait for the answer.", false},
  {"session", "classes.NAME.arrivals.session", "Turns of a conversation.", false},
  {"trace", "classes.NAME.arrivals.trace",
   "Arrivals and attributes from a recorded trace (CSV, TSV, JSONL; plain or gz).", false},
  {"else", "classes.NAME.arrivals.trace.else", "What runs when the file is not found; every output says so.", false},
  {"trace_time", "classes.NAME.arrivals.trace.time", "Which column is the time, and how it is written.", false},
  {"trace_column", "classes.NAME.arrivals.trace.columns.ATTRIBUTE",
   "A column that becomes an attribute of the request.", false},
  {"trace_where", "classes.NAME.arrivals.trace.where", "Rows that are kept.", false},
  {"slice", "classes.NAME.arrivals.trace.slice", "Part of the trace's time that is used.", false},
  {"slo", "classes.NAME.slo", "What is promised to the user, measured at the user.", false},
  {"attribute", "classes.NAME.attributes.ATTRIBUTE", "A property of a request, and when it becomes known.", false},
  {"estimator", "classes.NAME.estimator.ATTRIBUTE", "A declared guess at an attribute that is not known yet.", false},
  {"task", "classes.NAME.pipeline.TASK", "One node of a request's graph.", false},
  {"task_variant", "classes.NAME.pipeline.TASK.variants", "A variant with work of its own.", false},
  {"work", "classes.NAME.pipeline.TASK.work",
   "What a task costs: a time, arithmetic and bytes, tokens, or a kernel with its parameters.", true},
  {"work_tokens", "classes.NAME.pipeline.TASK.work.tokens", "Tokens read and written.", false},
  {"timeout", "classes.NAME.pipeline.TASK.timeout", "When an attempt is given up.", false},
  {"fallback", "classes.NAME.pipeline.TASK.fallback", "What is done after a failed attempt, in order.", false},
  {"telemetry", "telemetry",
   "What policies see of the places, and how old it is. `ideal`: everything at once, and flagged.", false},
  {"policy", "policies.NAME",
   "One policy entry. Further keys are parameters of the policy (`offsim policy list`).", true},
  {"output", "output", "What is kept of each run.", false},
  {"preset", "(preset file)", "Numbers with source, year and grade.", false},
  {"source", "(preset file) sources.KEY", "Where the numbers under this key come from.", false},
  {"workload", "(preset file) workloads", "A fitted workload, written by `offsim trace FILE --fit`.", false},
  {"kernel", "(preset file) kernels", "Work of a kernel from its parameters.", false},
};
const size_t n_sections = sizeof sections / sizeof *sections;

const struct key keys[] = {
  /* ---- the file ---- */
  {"scenario", "include", V_TEXT, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Files whose content comes first; this file overrides it. Lists of named elements are joined by name."},
  {"scenario", "name", V_ID, .doc = "Name of the results' folder; default: the file's name."},
  {"scenario", "doc", V_TEXT, .doc = "Free text."},
  {"scenario", "labels", V_TEXT, .shape = NAMED_MAP,
   .doc = "Free words that reports show; not part of a run's identity."},
  {"scenario", "seed", V_COUNT, .otherwise = "1", .doc = "Root of all random numbers."},
  {"scenario", "horizon", .map = "horizon", .flags = REQUIRED, .doc = "How long a run lasts."},
  {"scenario", "replications", V_COUNT, .low = 1, .high = 1e9, .otherwise = "1", .map = "replications",
   .doc = "How often, or until when."},
  {"scenario", "primary", V_ID, .otherwise = "latency_mean_s",
   .doc = "The metric that decides; the others are exploratory."},
  {"scenario", "margin", V_NUMBER, Q_PURE, SHARE, .otherwise = "2 %",
   .doc = "Practical margin of the verdict, relative to the baseline."},
  {"scenario", "objective", .map = "objective", .doc = "Weights of the reward."},
  {"scenario", "hardware", .map = "hardware", .shape = NAMED_MAP,
   .doc = "Hardware of this scenario's own; other names are presets."},
  {"scenario", "variants", .map = "variant", .shape = NAMED_MAP,
   .doc = "Variants of this scenario's own; other names are presets."},
  {"scenario", "tariffs", .map = "tariff", .shape = NAMED_MAP,
   .doc = "Tariffs of this scenario's own; other names are presets."},
  {"scenario", "cold_starts", .map = "cold_start", .shape = NAMED_MAP,
   .doc = "Cold starts of this scenario's own; other names are presets."},
  {"scenario", "step_times", .map = "step_time", .shape = NAMED_MAP,
   .doc = "Step times of this scenario's own; other names are presets."},
  {"scenario", "batch_profiles", .map = "batch_profile", .shape = NAMED_MAP,
   .doc = "Batch times of this scenario's own; other names are presets."},
  {"scenario", "places", .map = "place", .shape = NAMED_LIST, .flags = REQUIRED,
   .doc = "Where tasks can run; devices included."},
  {"scenario", "links", .map = "link", .shape = NAMED_LIST, .doc = "How the places are connected."},
  {"scenario", "classes", .map = "class", .shape = NAMED_LIST, .flags = REQUIRED, .doc = "Who asks for what."},
  {"scenario", "telemetry", V_CHOICE, .choices = "ideal", .map = "telemetry",
   .doc = "What policies see; `ideal` must be written out."},
  {"scenario", "policies", V_ID, .map = "policy", .shape = NAMED_LIST, .flags = OR_ONE,
   .doc = "Who decides: names of built-in policies, or maps with parameters."},
  {"scenario", "output", .map = "output", .doc = "What is kept."},
  /* ---- horizon, replications, objective ---- */
  {"horizon", "kind", V_CHOICE, .choices = "terminating|steady", .otherwise = "terminating",
   .doc = "terminating: everything from the start counts, intervals come from replications only. steady: a warm-up "
          "is cut off."},
  {"horizon", "duration", V_NUMBER, Q_TIME, POS, .doc = "Length of the measured window."},
  {"horizon", "drain_max", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "10 min",
   .doc = "How long the measured requests may take after the window; the rest are censored and counted."},
  {"horizon", "warmup", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "auto", .choices = "auto",
   .doc = "Cut off before the window (steady only); auto: by MSER-5 over a pilot."},
  {"horizon", "max_requests", V_COUNT, .low = 0, .high = 1e12, .otherwise = "0",
   .doc = "Measured requests at most; 0: no limit."},
  {"replications", "until", .map = "until", .flags = REQUIRED, .doc = "When to stop."},
  {"replications", "max", V_COUNT, .low = 2, .high = 1e9, .otherwise = "200", .doc = "Replications at most."},
  {"until", "metric", V_ID, .doc = "Whose interval; default: the primary metric."},
  {"until", "half_width", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = REQUIRED | POSITIVE,
   .doc = "Half width of the 95 % interval, relative to the value."},
  {"objective", "latency", V_NUMBER, Q_PER_TIME, .otherwise = "-1 /s", .doc = "Per second of latency."},
  {"objective", "money", V_NUMBER, Q_PER_MONEY, .otherwise = "0 /USD", .doc = "Per US dollar caused directly."},
  {"objective", "energy", V_NUMBER, Q_PER_ENERGY, .otherwise = "0 /J",
   .doc = "Per joule caused directly, device included."},
  {"objective", "quality", V_NUMBER, Q_PURE, .otherwise = "0", .doc = "Per unit of quality."},
  {"objective", "failure", V_NUMBER, Q_PURE, .otherwise = "0", .doc = "Per failed request."},
  /* ---- places ---- */
  {"place", "name", V_ID, .flags = REQUIRED, .doc = "Name of the place."},
  {"place", "tier", V_CHOICE, .choices = "device|edge|cloud", .flags = REQUIRED,
   .doc = "Where it stands; always_local, always_edge and always_cloud go by it."},
  {"place", "zone", V_ID, .otherwise = "default", .doc = "Owner and region: what classes allow in `zones`."},
  {"place", "kind", V_CHOICE, .choices = "servers|api", .otherwise = "servers",
   .doc = "api: a service behind a price list, with its own times and limits."},
  {"place", "count", V_COUNT, .low = 1, .high = 1e15, .otherwise = "1", .doc = "Like members: devices, sites."},
  {"place", "servers", V_COUNT, .low = 1, .high = 1e6, .otherwise = "1", .doc = "Servers of each member."},
  {"place", "slots", V_COUNT, .low = 1, .high = 1e6, .otherwise = "1",
   .doc = "Requests that one server works on at once. `flop` and `bytes` of a job run at peak / slots, idle neighbours or "
          "not: an equal part of the server; under processor_sharing a job alone has all of it."},
  {"place", "capacity", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0",
   .doc = "Jobs in a member at most, waiting ones included; 0: no limit. One more is blocked."},
  {"place", "discipline", V_CHOICE, .choices = "fifo|lifo|priority|priority_preemptive|processor_sharing|edf|srpt",
   .otherwise = "fifo",
   .doc = "Who is served next. srpt reads the true size: its results are a reference, unless `size` is estimate."},
  {"place", "size", V_CHOICE, .choices = "oracle|estimate", .otherwise = "oracle", .doc = "What srpt goes by."},
  {"place", "dispatch", V_CHOICE, .choices = "join_shortest_queue|round_robin|random|first",
   .otherwise = "join_shortest_queue",
   .doc = "Which member takes a job sent to the place."},
  {"place", "hardware", V_REFERENCE, .map = "mix",
   .doc = "What its servers are: a name of `hardware` or a preset, or a mix of them."},
  {"place", "variants", V_REFERENCE, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Variants that it offers; default: all that its hardware can run."},
  {"place", "memory", V_NUMBER, Q_BYTES, NONNEGATIVE, .otherwise = "0 B",
   .doc = "Memory for weights and contexts; 0: the hardware's."},
  {"place", "idle_power", V_NUMBER, Q_POWER, NONNEGATIVE, .doc = "Of one server; default: the hardware's."},
  {"place", "busy_power", V_NUMBER, Q_POWER, NONNEGATIVE,
   .doc = "Of one server with all slots busy; default: the hardware's."},
  {"place", "tariff", V_REFERENCE, .map = "tariff",
   .doc = "What it costs: a name of `tariffs` or a preset, or the prices."},
  {"place", "ttft", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "request",
   .doc = "kind api: time to the first token."},
  {"place", "tpot", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "kind api: time of each further token."},
  {"place", "limits", .map = "limits", .doc = "kind api: rate limits."},
  {"place", "battery", V_NUMBER, Q_ENERGY, POS | LATER, .doc = "Energy that a device has."},
  {"place", "batching", .map = "batching", .doc = "Batching of requests."},
  {"place", "instances", .map = "instances",
   .doc = "Cold starts, keep-alive, scaling; default: every server is always ready."},
  {"place", "failures", .map = "failures",
   .doc = "Members that fail and come back."},
  {"mix", "mix", V_NUMBER, Q_PURE, NONNEGATIVE, .shape = NAMED_MAP, .flags = REQUIRED,
   .doc = "Name of hardware: its share."},
  {"batching", "kind", V_CHOICE, .choices = "none|fixed|take_all|dynamic|deadline|aimd|continuous", .otherwise = "none",
   .doc = "fixed: `size`, or what is there once the oldest has waited `timeout`. take_all: all that wait. dynamic: "
          "preferred sizes and a longest delay. deadline: as many as still meet the `slo.e2e` of the first, who is "
          "rejected when it cannot be met. aimd: a cap that follows `target`. continuous: each "
          "server is an LLM engine, iteration by iteration."},
  {"batching", "size", V_COUNT, .low = 1, .high = 1e6,
   .doc = "Of a batch, at most; needed by all kinds but none and take_all."},
  {"batching", "timeout", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "fixed: an unfilled batch starts when its oldest has waited so long. Other kinds: what has waited so long is "
          "treated by `timeout_action`. 0 s: never."},
  {"batching", "timeout_action", V_CHOICE, .choices = "reject|delay", .otherwise = "reject",
   .doc = "reject: the attempt ends as rejected. delay: it goes behind all others (of its priority)."},
  {"batching", "preferred", V_COUNT, .low = 1, .high = 1e6, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "dynamic: the largest of these that can be made is sent at once; default: `size`."},
  {"batching", "max_queue_delay", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "dynamic, aimd: how long the oldest may wait for a preferred or full batch; 0 s: nothing waits for one."},
  {"batching", "max_queue_size", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0",
   .doc = "Waiting at most; one more is blocked. 0: no limit."},
  {"batching", "preserve_ordering", V_FLAG, .otherwise = "false",
   .doc = "Results leave a member in the order in which their requests came."},
  {"batching", "time", V_CHOICE, .choices = "longest|first|sum", .otherwise = "longest", .map = "batch_time",
   .doc = "Of a batch: of its members' own times the longest, the first one's or the sum; or by size alone."},
  {"batching", "energy", .map = "batch_energy",
   .doc = "Of a batch above idle, shared by its members; in place of what `busy_power` gives."},
  {"batching", "target", V_NUMBER, Q_TIME, POS, .doc = "aimd: time that a batch should take at most."},
  {"batching", "increase", V_NUMBER, Q_PURE, POS, .otherwise = "1",
   .doc = "aimd: added to the cap after a full batch within the target."},
  {"batching", "decrease", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "0.9",
   .doc = "aimd: factor of the cap after a batch above the target."},
  {"batching", "scheduler", V_CHOICE, .choices = "vllm_v1|vllm_v0|sarathi", .otherwise = "vllm_v1",
   .doc = "continuous: whose rules form an iteration. With `discipline: fifo`, or priority (vllm_v1)."},
  {"batching", "max_num_seqs", V_COUNT, .low = 1, .high = 65536, .otherwise = "128",
   .doc = "continuous: running requests of an engine at most; these are its slots."},
  {"batching", "max_num_batched_tokens", V_COUNT, .low = 1, .high = 1e7,
   .doc = "continuous: vllm_v1: tokens of an iteration at most, default 2048; vllm_v0: prompt tokens, padded, 4096; "
          "sarathi: its chunk, 512."},
  {"batching", "kv_blocks", V_COUNT, .low = 2, .high = 1e8,
   .doc = "continuous: blocks of context memory of an engine; default: what 90 % of `memory` leave beside the weights."},
  {"batching", "block", V_COUNT, .low = 1, .high = 1e6, .otherwise = "16", .doc = "continuous: tokens of a block."},
  {"batching", "long_prefill_threshold", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0",
   .doc = "continuous, vllm_v1: tokens of a prompt in one iteration at most; 0: the budget."},
  {"batching", "prefix_cache", V_FLAG, .otherwise = "true",
   .doc = "continuous, vllm_v1: blocks of equal prompt beginnings are kept and shared."},
  {"batching", "reserve_full", V_FLAG, .otherwise = "true",
   .doc = "continuous, vllm_v1: a prompt starts only when there are blocks for all of it."},
  {"batching", "router", V_CHOICE,
   .choices = "round_robin|waiting_queue|least_outstanding|join_shortest_queue|prefix_aware",
   .otherwise = "least_outstanding",
   .doc = "continuous: which engine of the member. waiting_queue: fewest waiting; least_outstanding: fewest waiting and "
          "running; join_shortest_queue: fewest tokens; prefix_aware: most cached blocks."},
  {"batching", "step_time", V_REFERENCE, .map = "step_time",
   .doc = "continuous: time of an iteration: a name of `step_times` or a preset, or the map; default: affine, from what the "
          "hardware has for the variant."},
  {"batching", "extrapolate", V_FLAG, .otherwise = "false",
   .doc = "continuous: serve requests beyond what the step times were measured for, and count them; else they are an "
          "error."},
  {"batch_time", "affine", .map = "affine", .flags = ALTERNATIVE, .doc = "a + c*b."},
  {"batch_time", "table", .map = "batch_table", .flags = ALTERNATIVE, .doc = "Measured times."},
  {"batch_time", "profile", V_REFERENCE, .flags = ALTERNATIVE,
   .doc = "A name of `batch_profiles`, or a preset or file `presets/batch_profiles/NAME.yaml` (beside the scenario)."},
  {"batch_profile", "hardware", V_REFERENCE, .doc = "Measured on it: places of other hardware may not use it."},
  {"batch_profile", "sizes", V_COUNT, .low = 1, .high = 1e6, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Ascending, from 1 to the largest batch of a place that uses it."},
  {"batch_profile", "times", V_NUMBER, Q_TIME, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Of a batch of each size."},
  {"batch_profile", "energies", V_NUMBER, Q_ENERGY, NONNEGATIVE, .shape = PLAIN_LIST,
   .doc = "Above idle, of a batch of each size; used unless the place's `energy` is given."},
  {"batch_energy", "affine", .map = "affine_energy", .flags = ALTERNATIVE, .doc = "a + c*b."},
  {"batch_energy", "table", .map = "energy_table", .flags = ALTERNATIVE, .doc = "Measured energies."},
  {"affine", "a", V_NUMBER, Q_TIME, NONNEGATIVE, .flags = REQUIRED, .doc = "Of every batch."},
  {"affine", "c", V_NUMBER, Q_TIME, NONNEGATIVE, .flags = REQUIRED, .doc = "Of each member."},
  {"affine_energy", "a", V_NUMBER, Q_ENERGY, NONNEGATIVE, .flags = REQUIRED, .doc = "Of every batch."},
  {"affine_energy", "c", V_NUMBER, Q_ENERGY, NONNEGATIVE, .flags = REQUIRED, .doc = "Of each member."},
  {"batch_table", "sizes", V_COUNT, .low = 1, .high = 1e6, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Ascending, from 1 to at least `size`."},
  {"batch_table", "times", V_NUMBER, Q_TIME, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "As many as sizes."},
  {"energy_table", "sizes", V_COUNT, .low = 1, .high = 1e6, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Ascending, from 1 to at least `size`."},
  {"energy_table", "energies", V_NUMBER, Q_ENERGY, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "As many as sizes."},
  {"instances", "min", V_COUNT, .low = 0, .high = 65000, .otherwise = "0",
   .doc = "Instances of a member at least; they are there from the start."},
  {"instances", "max", V_COUNT, .low = 1, .high = 65000, .flags = REQUIRED,
   .doc = "Instances of a member at most; so many servers it has, unless `servers` says more."},
  {"instances", "concurrency", V_COUNT, .low = 1, .high = 1e6,
   .doc = "Requests that an instance serves at once, or batches, or that share it; default: the place's `slots`."},
  {"instances", "cold_start", .flags = ANYTHING,
   .doc = "How an instance starts: a name of `cold_starts` or a preset, a time or its distribution (of each start), or "
          "{steps: ...}. Default: at once."},
  {"instances", "keep_alive", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "10 min", .choices = "never|always",
   .map = "keep_alive",
   .doc = "How long an idle instance stays. never: it goes with its last request; always: it never goes."},
  {"instances", "queue", V_CHOICE, .choices = "front|instance", .otherwise = "front",
   .doc = "Where a request waits for a start. front: it takes whatever slot is free first. instance: it is bound to the "
          "instance that starts for it and holds a slot there; token service always queues at the front. Not with "
          "batching, processor_sharing, priority_preemptive and srpt."},
  {"instances", "surplus", V_CHOICE, .choices = "finish|cancel", .otherwise = "finish",
   .doc = "Starts that those who wait no longer need, others having come free: they go on, or the youngest are given up. "
          "Cancelled ones are residual, and so are all starts of such a place."},
  {"instances", "scale", .map = "scale", .doc = "An autoscaler; not with hybrid_histogram and queue: instance."},
  {"instances", "warm_power", V_NUMBER, Q_POWER, NONNEGATIVE, .otherwise = "0 W",
   .doc = "Of an instance that starts or lives, over its server's; residual but for the start."},
  {"instances", "reserved", V_COUNT, .low = 1, .high = 65000,
   .doc = "The first of them are paid for all the time at `reserved_price`, the others on demand by the tariff. A request is "
          "charged by the lower price, the rest is residual."},
  {"instances", "reserved_price", V_NUMBER, Q_MONEY_RATE, NONNEGATIVE, .otherwise = "0 USD/h",
   .doc = "Of one reserved instance."},
  {"keep_alive", "hybrid_histogram", .map = "hybrid_histogram", .flags = REQUIRED, .doc = "Its numbers; {}: defaults."},
  {"hybrid_histogram", "bin", V_NUMBER, Q_TIME, POS, .otherwise = "1 min", .doc = "Width of a bin."},
  {"hybrid_histogram", "range", V_NUMBER, Q_TIME, POS, .otherwise = "4 h", .doc = "Longer idle times are out of range."},
  {"hybrid_histogram", "head", V_NUMBER, Q_PURE, SHARE, .otherwise = "5 %", .doc = "Back before this percentile."},
  {"hybrid_histogram", "tail", V_NUMBER, Q_PURE, SHARE, .otherwise = "99 %", .doc = "Kept until this percentile."},
  {"hybrid_histogram", "margin", V_NUMBER, Q_PURE, SHARE, .otherwise = "10 %", .doc = "Earlier and later by this."},
  {"hybrid_histogram", "fixed", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "10 min",
   .doc = "Keep-alive while the histogram is not representative."},
  {"scale", "by", V_CHOICE, .choices = "utilization|queue|concurrency", .flags = REQUIRED,
   .doc = "Mean busy share of the slots, waiting requests of an instance, or mean requests of an instance."},
  {"scale", "target", V_NUMBER, Q_PURE, POS | REQUIRED, .doc = "What it shall be."},
  {"scale", "period", V_NUMBER, Q_TIME, POS, .otherwise = "2 s", .doc = "Between looks; means are over it."},
  {"scale", "delay", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "From a look to the starts it asks for."},
  {"scale", "cooldown", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "From a start to the next stop."},
  {"scale", "stable_window", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "by concurrency: the mean over it counts (Knative: 60 s). 0 s: over the last period."},
  {"scale", "panic_window", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "by concurrency: the mean over it counts instead, and nothing goes, while it asks for much more (Knative: 6 s). "
          "0 s: never."},
  {"scale", "panic_threshold", V_NUMBER, Q_PURE, POS, .otherwise = "2",
   .doc = "Much more: so many times the instances that are ready."},
  {"scale", "grace", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "The last instance goes when none was wanted for so long (Knative: 30 s)."},
  {"cold_start", "time", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "start", .doc = "All of it."},
  {"cold_start", "steps", .map = "cold_step", .shape = NAMED_LIST, .doc = "In order; later ones name earlier ones."},
  {"cold_step", "step", V_ID, .flags = REQUIRED, .doc = "Name of the step."},
  {"cold_step", "time", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "start", .doc = "How long it takes."},
  {"cold_step", "size", V_NUMBER, Q_BYTES, NONNEGATIVE, .otherwise = "0 B", .doc = "Bytes that it loads."},
  {"cold_step", "rate", V_NUMBER, Q_BYTE_RATE, POS,
   .doc = "At this rate, divided by the number of starts of the member that load when it begins."},
  {"cold_step", "after", V_REFERENCE, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Steps that it waits for; default: the previous. Steps after the same one overlap: the longest counts."},
  {"cold_step", "cached", V_FLAG, .otherwise = "false", .doc = "A server that has done it once skips it."},
  {"step_time", "reference", V_FLAG, .flags = ALTERNATIVE,
   .doc = "true: 6.5 ms + 70 us a prompt token + 30 us a decoding request + 0.26 us a token of its context + 2 ns a "
          "unit of n(2q+n)."},
  {"step_time", "affine", .map = "step_affine", .flags = ALTERNATIVE, .doc = "a + c*b."},
  {"step_time", "distserve", .map = "step_distserve", .flags = ALTERNATIVE, .doc = "Polynomials."},
  {"step_time", "compact", .map = "step_compact", .flags = ALTERNATIVE, .doc = "A table and linear terms."},
  {"step_time", "vidur", .map = "step_vidur", .flags = ALTERNATIVE, .doc = "Operators and rooflines."},
  {"step_time", "tables", .map = "step_tables", .flags = ALTERNATIVE, .doc = "Measured operators."},
  {"step_time", "energy", .map = "step_energy", .doc = "Above idle; default: what `busy_power` gives."},
  {"step_energy", "step", V_NUMBER, Q_ENERGY, NONNEGATIVE, .otherwise = "0 J", .doc = "Of every iteration."},
  {"step_energy", "decode", V_NUMBER, Q_ENERGY, NONNEGATIVE, .otherwise = "0 J", .doc = "Of each decoding request."},
  {"step_energy", "prompt", V_NUMBER, Q_ENERGY, NONNEGATIVE, .otherwise = "0 J", .doc = "Of each prompt token."},
  {"step_affine", "a", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "Of every iteration."},
  {"step_affine", "c", V_NUMBER, Q_TIME, NONNEGATIVE, .flags = REQUIRED, .doc = "Of each decoding request."},
  {"step_affine", "prefill", V_NUMBER, Q_TOK_RATE, POS | REQUIRED, .doc = "Prompt tokens a second."},
  {"step_distserve", "prefill", .map = "step_polynomial", .flags = REQUIRED, .doc = "Of the prompts."},
  {"step_distserve", "small", .map = "step_polynomial", .flags = REQUIRED, .doc = "Of the decoding requests."},
  {"step_distserve", "large", .map = "step_polynomial", .doc = "The same from `large_from` requests on."},
  {"step_distserve", "large_from", V_COUNT, .low = 1, .high = 1e6, .doc = "Where `large` begins."},
  {"step_polynomial", "a", V_NUMBER, Q_TIME, .flags = REQUIRED, .doc = "Constant."},
  {"step_polynomial", "b", V_NUMBER, Q_TIME, .flags = REQUIRED, .doc = "Of each token."},
  {"step_polynomial", "c", V_NUMBER, Q_TIME, .flags = REQUIRED, .doc = "Of each squared token; of each request."},
  {"step_compact", "tokens", V_COUNT, .low = 0, .high = 1e9, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Ascending; beyond the last the last line goes on."},
  {"step_compact", "times", V_NUMBER, Q_TIME, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "As many as `tokens`."},
  {"step_compact", "sequence", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of each request."},
  {"step_compact", "chunk", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of each chunk of a prompt."},
  {"step_compact", "chunk_kv", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each token of context before a chunk."},
  {"step_compact", "attention", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each unit of n(2q+n), for a chunk of n tokens on q."},
  {"step_compact", "decode", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of each decoding request."},
  {"step_compact", "decode_kv", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each token of their context."},
  {"step_compact", "skew", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each token by which a context is shorter than the longest."},
  {"step_compact", "mixed", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each decoding request beside chunks, in addition."},
  {"step_compact", "mixed_kv", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Of each token of context of those, in addition."},
  {"step_compact", "max_tokens", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0",
   .doc = "Tokens of an iteration up to which it was measured; 0: any."},
  {"step_compact", "max_sequences", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0", .doc = "The same for requests."},
  {"step_compact", "max_context", V_COUNT, .low = 0, .high = 1e9, .otherwise = "0",
   .doc = "The same for the context of a request."},
  {"step_vidur", "model", V_TEXT, .flags = REQUIRED, .doc = "Of the table of models, e.g. llama-3.1-8b."},
  {"step_vidur", "linear", .map = "step_linear", .flags = REQUIRED, .doc = "Everything but attention."},
  {"step_vidur", "flops", V_NUMBER, Q_FLOP_RATE, POS | REQUIRED, .doc = "That prefill attention reaches, a device."},
  {"step_vidur", "bandwidth", V_NUMBER, Q_BYTE_RATE, POS | REQUIRED, .doc = "At which decode attention reads KV, a device."},
  {"step_vidur", "prefill_attention", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of a layer, in addition."},
  {"step_vidur", "decode_attention", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of a layer, in addition."},
  {"step_vidur", "tensor_parallel", V_COUNT, .low = 1, .high = 1024, .otherwise = "1", .doc = "Devices."},
  {"step_vidur", "interconnect", V_NUMBER, Q_BYTE_RATE, POS, .otherwise = "45 GB/s", .doc = "Of a link of the ring."},
  {"step_vidur", "collective", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "20 us", .doc = "Of an all-reduce, in addition."},
  {"step_linear", "floor", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "At least."},
  {"step_linear", "a", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Constant."},
  {"step_linear", "b", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Of each token."},
  {"step_linear", "table", .map = "step_table", .doc = "Measured."},
  {"step_table", "tokens", V_COUNT, .low = 0, .high = 1e9, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Ascending; beyond the last the last line goes on."},
  {"step_table", "times", V_NUMBER, Q_TIME, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "As many as `tokens`."},
  {"step_tables", "prefix", V_TEXT, .flags = REQUIRED,
   .doc = "Of PREFIX_dense.csv.gz, _attention, _per_sequence and _skew_fit; beside the file or in $OFFSIM_DATA."},
  {"step_tables", "model", V_TEXT, .flags = REQUIRED, .doc = "Of the table of models, e.g. llama-3.1-8b."},
  {"step_tables", "tensor_parallel", V_COUNT, .low = 1, .high = 1024, .otherwise = "1",
   .doc = "Devices, two ring all-reduces a layer."},
  {"step_tables", "interconnect", V_NUMBER, Q_BYTE_RATE, POS, .otherwise = "45 GB/s", .doc = "Of a link of the ring."},
  {"step_tables", "collective", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "20 us", .doc = "Of an all-reduce, in addition."},
  {"failures", "mtbf", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "entity", .doc = "Time up, of each member (server)."},
  {"failures", "mttr", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "entity", .doc = "Time down."},
  {"failures", "outages", .map = "outage", .shape = PLAIN_LIST, .doc = "Up and down times of all members, as recorded."},
  {"failures", "trace", V_TEXT, .doc = "File of outages: a line `from_s,for_s`, then such lines. Part of a run's identity."},
  {"failures", "scope", V_CHOICE, .choices = "member|place|zone|server", .otherwise = "member",
   .doc = "Who shares the times of `mtbf` and `mttr`: nobody, all members of the place, or all places of its zone that have "
          "the same ones. server: each server of a member fails on its own, and the others go on."},
  {"failures", "work", V_CHOICE, .choices = "lost|restart|resume", .flags = REQUIRED,
   .doc = "What was being worked on: lost (status `lost`, fallbacks apply), begun anew or gone on with after the repair (with "
          "`scope: server`, at once where another server has room). Batches, token service and LLM engines begin anew in "
          "both cases: what was in their memory is gone; a first token that was given stays given."},
  {"outage", "from", V_NUMBER, Q_TIME, NONNEGATIVE, .flags = REQUIRED, .doc = "Since the start of the run."},
  {"outage", "for", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "How long."},
  {"limits", "requests", V_NUMBER, Q_PER_TIME, NONNEGATIVE, .otherwise = "0 /s",
   .doc = "Requests a time; 0: no limit."},
  {"limits", "tokens", V_NUMBER, Q_PER_TIME, NONNEGATIVE, .otherwise = "0 /s",
   .doc = "Tokens a time, in and out; 0: no limit."},
  {"tariff", "time", V_NUMBER, Q_MONEY_RATE, NONNEGATIVE, .otherwise = "0 USD/h",
   .doc = "Of one server with all its slots; a slot is 1 / slots of it."},
  {"tariff", "billing", V_CHOICE, .choices = "reserved|on_demand", .otherwise = "reserved",
   .doc = "reserved: servers are paid for the whole run. on_demand: a slot pays its share, `time` / slots, while "
          "busy."},
  {"tariff", "request", V_NUMBER, Q_MONEY, NONNEGATIVE, .otherwise = "0 USD", .doc = "Each request."},
  {"tariff", "input", V_NUMBER, Q_MONEY_PER_TOK, NONNEGATIVE, .otherwise = "0 USD/Mtok", .doc = "Each token read."},
  {"tariff", "output", V_NUMBER, Q_MONEY_PER_TOK, NONNEGATIVE, .otherwise = "0 USD/Mtok", .doc = "Each token written."},
  {"tariff", "egress", V_NUMBER, Q_MONEY_PER_BYTE, NONNEGATIVE, .otherwise = "0 USD/GB",
   .doc = "Data that leaves the place."},
  /* ---- hardware and variants ---- */
  {"hardware", "preset", V_ID, .doc = "Take over a preset; keys written here override it."},
  {"hardware", "flops", V_NUMBER, Q_FLOP_RATE, NONNEGATIVE, .otherwise = "0 FLOP/s",
   .doc = "Peak arithmetic of one server."},
  {"hardware", "flops_share", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "0.4",
   .doc = "Share of the peak that real kernels reach."},
  {"hardware", "bandwidth", V_NUMBER, Q_BYTE_RATE, NONNEGATIVE, .otherwise = "0 B/s",
   .doc = "Peak memory bandwidth of one server."},
  {"hardware", "bandwidth_share", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "1",
   .doc = "Share of it that lasts."},
  {"hardware", "overhead", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Added to each roofline service."},
  {"hardware", "memory", V_NUMBER, Q_BYTES, NONNEGATIVE, .otherwise = "0 B",
   .doc = "For weights and contexts; 0: unlimited."},
  {"hardware", "idle_power", V_NUMBER, Q_POWER, NONNEGATIVE, .otherwise = "0 W", .doc = "Of one server without work."},
  {"hardware", "busy_power", V_NUMBER, Q_POWER, NONNEGATIVE, .otherwise = "0 W",
   .doc = "Of one server with all slots busy; linear between."},
  {"hardware", "max_batch", V_COUNT, .low = 0, .high = 1e6, .otherwise = "0",
   .doc = "Running requests at most where `tokens` does not say; 0: the place's slots."},
  {"hardware", "sustained", .map = "sustained",
   .doc = "Rate that falls under load; without it, the rate lasts. Not for processor sharing."},
  {"sustained", "load", V_NUMBER, Q_TIME, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Time under load from which each rate holds; the first is 0 s."},
  {"sustained", "rate", V_NUMBER, Q_PURE, .low = 0, .high = 1, .shape = PLAIN_LIST, .flags = POSITIVE | REQUIRED,
   .doc = "Of compute and memory, as a share of the cool rate."},
  {"sustained", "recovery", V_NUMBER, Q_TIME, POS | REQUIRED,
   .doc = "Idle time that takes back a load of the whole table."},
  {"hardware", "tokens", .map = "token_cost", .shape = NAMED_MAP, .doc = "Measured token service by variant."},
  {"token_cost", "prefill", V_NUMBER, Q_TOK_RATE, POS,
   .doc = "Prompt tokens read a second; default: flops * flops_share / (2 * parameters)."},
  {"token_cost", "decode", V_NUMBER, Q_TOK_RATE, POS,
   .doc = "Tokens a second of one request alone; instead of `step`."},
  {"token_cost", "step", .map = "step", .doc = "Time of a decode step; default: (weights + contexts) / (mbu * bandwidth)."},
  {"token_cost", "kv_cap", V_NUMBER, Q_TOK, NONNEGATIVE, .otherwise = "0 tok",
   .doc = "Tokens of context held at most; 0: from memory."},
  {"token_cost", "max_batch", V_COUNT, .low = 0, .high = 1e6, .otherwise = "0",
   .doc = "Running requests at most; 0: the place's slots."},
  {"step", "a", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "Of the step itself."},
  {"step", "c", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "More for each running request."},
  {"variant", "preset", V_ID, .doc = "Take over a preset; keys written here override it."},
  {"variant", "parameters", V_NUMBER, Q_PURE, NONNEGATIVE, .otherwise = "0", .doc = "Weights of the model, counted."},
  {"variant", "weights", V_NUMBER, Q_BYTES, NONNEGATIVE, .otherwise = "0 B",
   .doc = "Memory that they take, and that each decode step reads."},
  {"variant", "kv", V_NUMBER, Q_BYTES_PER_TOK, NONNEGATIVE, .otherwise = "0 B/tok",
   .doc = "Context memory of one token."},
  {"variant", "mbu", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "0.55",
   .doc = "Share of the memory bandwidth that decoding reaches: tok/s = mbu * bandwidth / (weights + context)."},
  {"variant", "skill", V_NUMBER, Q_PURE, SHARE, .otherwise = "1",
   .doc = "Difficulty (0..1, uniform over requests) up to which it is good."},
  {"variant", "width", V_NUMBER, Q_PURE, SHARE, .otherwise = "0",
   .doc = "How gradually quality falls around it: top / (1 + exp((u - skill) / width)); 0: at once."},
  {"variant", "top", V_NUMBER, Q_PURE, SHARE, .otherwise = "1", .doc = "Quality of an easy request."},
  /* ---- links ---- */
  {"link", "name", V_ID, .flags = REQUIRED, .doc = "Name of the link."},
  {"link", "preset", V_ID, .doc = "Take over a preset; keys written here override it."},
  {"link", "between", V_REFERENCE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "Two places; up is from the first to the second."},
  {"link", "latency", V_DIST, Q_TIME, .low = 0, .high = INF, .otherwise = "0 s", .scope = "transfer",
   .doc = "One way."},
  {"link", "rtt", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "transfer",
   .doc = "Instead of latency: both ways; each transfer draws half of it."},
  {"link", "rate", V_NUMBER, Q_BYTE_RATE, POS, .map = "rate", .doc = "Of one direction; not given: unlimited."},
  {"link", "rate_scale", V_NUMBER, Q_PURE, POS, .otherwise = "1", .doc = "Factor on the rates."},
  {"link", "kind", V_CHOICE, .choices = "fluid|mm1|fixed", .otherwise = "fluid",
   .doc = "fluid: transfers share the rate equally at every instant. mm1: delay of an M/M/1 queue. fixed: each has "
          "the full rate."},
  {"link", "background", V_NUMBER, Q_PURE, .low = 0, .high = 0.999, .otherwise = "0",
   .doc = "Share of the rate that others use."},
  {"link", "shared_by", V_CHOICE, .choices = "none|device|cell|link", .otherwise = "none",
   .doc = "Who shares one rate: nobody, the transfers of one device, of all devices at one member (cell), or all."},
  {"link", "zones", V_ID, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Zones that traffic passes; default: those of both ends."},
  {"link", "power", .map = "link_power", .doc = "Of the device while it transfers."},
  {"link", "energy", V_NUMBER, Q_ENERGY_PER_BYTE, NONNEGATIVE, .otherwise = "0 J/B", .doc = "Of the network, by data."},
  {"link", "price", V_NUMBER, Q_MONEY_PER_BYTE, NONNEGATIVE, .otherwise = "0 USD/GB", .map = "link_price",
   .doc = "Of data."},
  {"link", "radio", V_REFERENCE, .flags = LATER, .doc = "Radio states: promotion, tail, idle."},
  {"link", "loss", V_REFERENCE, .flags = LATER, .doc = "Loss process."},
  {"link", "process", V_REFERENCE, .flags = LATER, .doc = "Rate and latency that change over time."},
  {"rate", "up", V_NUMBER, Q_BYTE_RATE, POS | REQUIRED, .doc = "First to second place."},
  {"rate", "down", V_NUMBER, Q_BYTE_RATE, POS | REQUIRED, .doc = "Second to first place."},
  {"link_power", "send", V_NUMBER, Q_POWER, NONNEGATIVE, .otherwise = "0 W", .doc = "While sending."},
  {"link_power", "receive", V_NUMBER, Q_POWER, NONNEGATIVE, .otherwise = "0 W", .doc = "While receiving."},
  {"link_price", "up", V_NUMBER, Q_MONEY_PER_BYTE, NONNEGATIVE, .otherwise = "0 USD/GB",
   .doc = "First to second place."},
  {"link_price", "down", V_NUMBER, Q_MONEY_PER_BYTE, NONNEGATIVE, .otherwise = "0 USD/GB",
   .doc = "Second to first place."},
  /* ---- classes ---- */
  {"class", "name", V_ID, .flags = REQUIRED, .doc = "Name of the class."},
  {"class", "from", V_REFERENCE, .shape = PLAIN_LIST, .flags = REQUIRED | OR_ONE,
   .doc = "Device places whose members ask, each as often."},
  {"class", "arrivals", .map = "arrivals", .flags = REQUIRED, .doc = "When requests come."},
  {"class", "share", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "1",
   .doc = "Part of the arrivals that is of this class, where classes use one trace together."},
  {"class", "input", V_EXPR, Q_BYTES, .otherwise = "0 B", .doc = "What the first tasks need from the device."},
  {"class", "slo", .map = "slo", .doc = "What is promised."},
  {"class", "zones", V_ID, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Where its data may go (execution, transit, rest); default: everywhere."},
  {"class", "priority", V_COUNT, .low = 0, .high = 1000, .otherwise = "0", .doc = "Smaller is more urgent."},
  {"class", "attributes", .map = "attribute", .shape = NAMED_MAP,
   .doc = "Properties of its requests, beside the trace's columns."},
  {"class", "estimator", V_CHOICE, .choices = "class_mean", .map = "estimator", .shape = NAMED_MAP, .flags = ANYTHING,
   .doc = "Declared guesses at attributes not known yet: class_mean, a number, or {class_mean: FIRST}."},
  {"class", "pipeline", .map = "task", .shape = NAMED_LIST, .flags = REQUIRED,
   .doc = "Tasks; each after the one before, unless `after` says otherwise."},
  {"arrivals", "poisson", .map = "poisson", .flags = ALTERNATIVE, .doc = "Constant rate."},
  {"arrivals", "renewal", .map = "renewal", .flags = ALTERNATIVE, .doc = "Gaps of any distribution."},
  {"arrivals", "mmpp", .map = "mmpp", .flags = ALTERNATIVE, .doc = "Rate by a Markov chain."},
  {"arrivals", "on_off", .map = "on_off", .flags = ALTERNATIVE, .doc = "Bursts."},
  {"arrivals", "piecewise", .map = "piecewise", .flags = ALTERNATIVE, .doc = "Rate by time."},
  {"arrivals", "closed", .map = "closed", .flags = ALTERNATIVE, .doc = "Users with think time."},
  {"arrivals", "trace", .map = "trace", .flags = ALTERNATIVE, .doc = "From a file."},
  {"arrivals", "like", V_ID, .flags = ALTERNATIVE,
   .doc = "Drawn from a fitted workload preset (`offsim trace FILE --fit`)."},
  {"arrivals", "session", .map = "session", .flags = ALTERNATIVE | LATER, .doc = "Conversations with state."},
  {"poisson", "rate", V_NUMBER, Q_PER_TIME, POS | REQUIRED, .doc = "Of the class as a whole."},
  {"renewal", "interarrival", V_DIST, Q_TIME, .low = 0, .high = INF, .flags = REQUIRED, .scope = "request",
   .doc = "Gap between requests of the class."},
  {"mmpp", "states", .map = "mmpp_state", .shape = NAMED_LIST, .flags = REQUIRED, .doc = "At least two."},
  {"mmpp_state", "name", V_ID, .flags = REQUIRED, .doc = "Name of the state."},
  {"mmpp_state", "rate", V_NUMBER, Q_PER_TIME, .low = 0, .high = INF, .flags = REQUIRED,
   .doc = "Arrivals in this state."},
  {"mmpp_state", "mean", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "Mean stay, exponential."},
  {"on_off", "on", V_DIST, Q_TIME, .low = 0, .high = INF, .flags = REQUIRED, .scope = "period",
   .doc = "Length of an on period."},
  {"on_off", "off", V_DIST, Q_TIME, .low = 0, .high = INF, .flags = REQUIRED, .scope = "period",
   .doc = "Length of an off period."},
  {"on_off", "rate", V_NUMBER, Q_PER_TIME, POS | REQUIRED, .doc = "While on."},
  {"piecewise", "pieces", .map = "piece", .shape = PLAIN_LIST, .flags = REQUIRED, .doc = "In order of time."},
  {"piecewise", "period", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "The pieces repeat after this; 0: the last goes on."},
  {"piece", "from", V_NUMBER, Q_TIME, .low = 0, .high = INF, .flags = REQUIRED, .doc = "Start."},
  {"piece", "rate", V_NUMBER, Q_PER_TIME, .low = 0, .high = INF, .flags = REQUIRED, .doc = "From then on."},
  /* A user's number has 24 bits in the ids of the requests. */
  {"closed", "users", V_COUNT, .low = 1, .high = 16e6, .flags = REQUIRED,
   .doc = "Who ask, wait for the answer and think again."},
  {"closed", "think", V_DIST, Q_TIME, .low = 0, .high = INF, .flags = REQUIRED, .scope = "request",
   .doc = "Between an answer and the next request."},
  {"session", "turns", V_DIST, Q_PURE, .doc = "Requests of a conversation."},
  {"trace", "file", V_TEXT, .flags = REQUIRED,
   .doc = "Looked for beside the scenario, then in $OFFSIM_DATA, then in the installed share folder."},
  {"trace", "else", .map = "else", .doc = "What runs without the file."},
  {"trace", "format", V_CHOICE, .choices = "csv|tsv|jsonl", .doc = "Default: by the file's name."},
  {"trace", "time", V_TEXT, .map = "trace_time", .flags = REQUIRED,
   .doc = "The column of the arrival's time; a name alone: seconds."},
  {"trace", "columns", V_TEXT, .map = "trace_column", .shape = NAMED_MAP, .doc = "Attribute: column."},
  {"trace", "where", .map = "trace_where", .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Only rows for which all hold."},
  {"trace", "rate", V_NUMBER, Q_PURE, POS, .otherwise = "1", .doc = "2: twice as fast as recorded."},
  {"trace", "slice", .map = "slice", .doc = "Part of the trace's time."},
  {"trace", "gaps", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Longer gaps are cut to this; 0: kept."},
  {"trace", "spread_ties", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Rows of one time stamp are spread evenly over this; 0: kept."},
  {"trace", "at_end", V_CHOICE, .choices = "stop|repeat", .otherwise = "stop",
   .doc = "When the trace is shorter than the run."},
  {"trace", "replicate", V_CHOICE, .choices = "whole|window|block_bootstrap|thin", .otherwise = "whole",
   .doc = "How replications differ. whole: only in the rest, so that intervals are conditional on this trace."},
  {"trace", "block", V_NUMBER, Q_TIME, POS, .otherwise = "5 min", .doc = "Of block_bootstrap."},
  {"trace", "window", V_NUMBER, Q_TIME, POS, .doc = "Of window: length of the random window."},
  {"trace", "keep", V_NUMBER, Q_PURE, .low = 0, .high = 1, .flags = POSITIVE, .otherwise = "0.5",
   .doc = "Of thin: share of the rows kept."},
  {"else", "like", V_ID, .flags = REQUIRED, .doc = "A fitted workload preset."},
  {"trace_time", "column", V_TEXT, .flags = REQUIRED, .doc = "Its name."},
  {"trace_time", "as", V_CHOICE, .choices = "datetime|s|ms|us|ns|min|h", .otherwise = "s",
   .doc = "datetime: 2023-11-16 18:15:46.68; else the unit of the number."},
  {"trace_time", "origin", V_CHOICE, .choices = "first|zero", .otherwise = "first",
   .doc = "What time 0 is: the first row, or the number 0."},
  {"trace_column", "column", V_TEXT, .flags = REQUIRED, .doc = "Its name in the file."},
  {"trace_column", "unit", V_TEXT, .doc = "Unit of the numbers, e.g. kB; default: none."},
  {"trace_column", "known", V_TEXT, .otherwise = "arrival", .choices = "arrival|completion|oracle",
   .doc = "When policies may read it: arrival, after TASK, completion, oracle."},
  {"trace_column", "missing", V_NUMBER, Q_ANY, .choices = "error|skip", .otherwise = "error",
   .doc = "What an empty field means: an error, a row to leave out, or this value."},
  {"trace_where", "column", V_TEXT, .flags = REQUIRED, .doc = "Its name in the file."},
  {"trace_where", "op", V_CHOICE, .choices = "<|<=|==|!=|>=|>", .otherwise = "==", .doc = "Comparison."},
  {"trace_where", "value", V_TEXT, .flags = REQUIRED, .doc = "Number or word."},
  {"slice", "from", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "Start."},
  {"slice", "to", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s", .doc = "End; 0: the trace's."},
  {"slo", "ttft", V_NUMBER, Q_TIME, POS, .doc = "Time to the first token."},
  {"slo", "e2e", V_NUMBER, Q_TIME, POS, .doc = "Time to the whole answer."},
  {"slo", "tpot", V_NUMBER, Q_TIME, POS, .doc = "Time of each token after the first, mean of a streamed answer."},
  {"attribute", "dist", V_DIST, Q_ANY, .scope = "request",
   .doc = "Its distribution. Without: a column of the workload, to say when it is known."},
  {"attribute", "unit", V_TEXT, .doc = "Of its values, e.g. B."},
  {"attribute", "known", V_TEXT, .otherwise = "arrival", .choices = "arrival|completion|oracle",
   .doc = "When policies may read it: arrival, after TASK, completion, oracle."},
  {"estimator", "class_mean", V_NUMBER, Q_ANY, .flags = REQUIRED,
   .doc = "Mean over completed requests of the class; this until there is one."},
  /* ---- tasks ---- */
  {"task", "task", V_ID, .flags = REQUIRED, .doc = "Name of the task."},
  {"task", "after", V_REFERENCE, .shape = PLAIN_LIST, .flags = OR_ONE,
   .doc = "Tasks that must be done before; default: the previous; []: none."},
  {"task", "variants", V_REFERENCE, .map = "task_variant", .shape = NAMED_LIST, .flags = OR_ONE,
   .doc = "Ways to do it."},
  {"task", "work", .map = "work",
   .doc = "What it costs; default with variants: tokens from prompt_tokens and output_tokens."},
  {"task", "places", V_REFERENCE, .shape = PLAIN_LIST, .flags = REQUIRED | OR_ONE,
   .doc = "Where it may run: origin (the requester's device), nearest (where that is attached), a place, "
          "\"place[*]\" (each member an action of its own), \"place[3]\"."},
  {"task", "output", V_EXPR, Q_BYTES, .otherwise = "0 B", .doc = "What it hands on."},
  {"task", "stream", V_FLAG, .otherwise = "false", .doc = "The output flows: first token, rate, last token."},
  {"task", "starts_on", V_CHOICE, .choices = "last|first", .otherwise = "last",
   .doc = "When what follows may start on a streamed output."},
  {"task", "timeout", .map = "timeout", .doc = "When an attempt is given up."},
  {"task", "fallback", .map = "fallback", .shape = PLAIN_LIST, .doc = "What then, in order."},
  {"task", "repeat", V_NUMBER, Q_PURE, .low = 0, .high = 0.999, .otherwise = "0",
   .doc = "After success it is done again with this probability."},
  {"task", "kind", V_REFERENCE, .flags = LATER, .doc = "Caches, transformations and other kinds of tasks."},
  {"task_variant", "name", V_ID, .flags = REQUIRED, .doc = "Name of the variant."},
  {"task_variant", "work", .map = "work", .doc = "Its own work instead of the task's."},
  {"work", "time", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "attempt",
   .doc = "Service time on one server, whatever the hardware."},
  {"work", "flop", V_EXPR, Q_FLOP,
   .doc = "Arithmetic; the service time is the larger of flop / rate and bytes / bandwidth."},
  {"work", "bytes", V_EXPR, Q_BYTES, .doc = "Memory traffic."},
  {"work", "tokens", .map = "work_tokens", .doc = "Tokens, served by the variant's token cost on the hardware."},
  {"work", "kernel", V_ID, .doc = "A kernel preset; further keys are its parameters."},
  {"work", "noise", V_NUMBER, Q_PURE, .low = 0, .high = 3, .otherwise = "0",
   .doc = "Sigma of a log-normal factor of mean 1 on arithmetic, bytes and tokens."},
  {"work_tokens", "input", V_EXPR, Q_PURE, .otherwise = "prompt_tokens", .doc = "Tokens read."},
  {"work_tokens", "output", V_EXPR, Q_PURE, .otherwise = "output_tokens", .doc = "Tokens written."},
  {"timeout", "ttft", V_NUMBER, Q_TIME, POS, .doc = "Without a first token after this."},
  {"timeout", "e2e", V_NUMBER, Q_TIME, POS, .doc = "Not finished after this."},
  {"timeout", "queue", V_DIST, Q_TIME, .low = 0, .high = INF, .scope = "attempt",
   .doc = "Patience: it gives up when its service has not begun this long after it came to the place. An api has no "
          "queue."},
  {"fallback", "place", V_REFERENCE, .doc = "Try there."},
  {"fallback", "variant", V_REFERENCE, .doc = "With this variant; default: the first."},
  {"fallback", "answer", V_ID, .doc = "Answer with this instead of a result."},
  {"fallback", "quality", V_NUMBER, Q_PURE, SHARE, .otherwise = "0", .doc = "Quality of that answer."},
  /* ---- who decides, what is kept ---- */
  {"telemetry", "refresh", V_NUMBER, Q_TIME, POS, .otherwise = "100 ms", .doc = "Period of the reports."},
  {"telemetry", "delay", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "20 ms", .doc = "Age of a report on arrival."},
  {"telemetry", "noise", V_NUMBER, Q_PURE, SHARE, .otherwise = "0", .doc = "Relative error of a reported number."},
  {"telemetry", "bytes", V_NUMBER, Q_BYTES, NONNEGATIVE, .otherwise = "64 B", .doc = "Size of a report; charged."},
  {"policy", "policy", V_TEXT, .flags = REQUIRED, .doc = "A built-in name, or a path to a plug-in (with a '/')."},
  {"policy", "name", V_ID, .doc = "Name of the entry; default: the policy's."},
  {"policy", "scope", V_CHOICE, .choices = "global|site|device", .otherwise = "global",
   .doc = "How many learners there are."},
  {"policy", "at", V_REFERENCE,
   .doc = "Where they live; a decision elsewhere pays the way there and back. Default: with the decision."},
  {"policy", "decision_time", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Declared time of one decision."},
  {"output", "trace", V_CHOICE, .choices = "none|full|links",
   .doc = "Records of each run: none, requests with attempts and decisions, or all that and transfers. Default: full "
          "for run, none for sweep."},
  {"output", "timeseries", V_NUMBER, Q_TIME, NONNEGATIVE, .otherwise = "0 s",
   .doc = "Period of the time series; 0: none."},
  /* ---- preset files ---- */
  {"preset", "kind", V_CHOICE, .choices = "hardware|variant|tariff|link|kernel|workload|cold_start|step_time|batch_profile", .flags = REQUIRED,
   .doc = "Which section the value is of."},
  {"preset", "name", V_ID, .flags = REQUIRED, .doc = "As the file is called."},
  {"preset", "doc", V_TEXT, .doc = "Free text."},
  {"preset", "sources", .map = "source", .shape = NAMED_MAP, .flags = REQUIRED,
   .doc = "By key of the value; `all` covers every key; the longest match counts."},
  {"preset", "value", .flags = REQUIRED | ANYTHING, .doc = "The numbers."},
  {"source", "source", V_TEXT, .flags = REQUIRED, .doc = "Publication, data set or measurement."},
  {"source", "year", V_COUNT, .low = 1900, .high = 2100, .flags = REQUIRED, .doc = "Of the source."},
  {"source", "grade", V_CHOICE, .choices = "M|D|P|E", .flags = REQUIRED,
   .doc = "M measured or recomputed, D read in the source, P taken from a publication, E engineering estimate."},
  {"workload", "span", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "Length of the original; then it repeats."},
  {"workload", "bin", V_NUMBER, Q_TIME, POS | REQUIRED, .doc = "Of the rate."},
  {"workload", "rate_per_s", V_NUMBER, Q_PURE, NONNEGATIVE, .shape = PLAIN_LIST, .flags = REQUIRED,
   .doc = "One for each bin."},
  {"workload", "interarrival_scv", V_NUMBER, Q_PURE, NONNEGATIVE, .otherwise = "1",
   .doc = "Squared coefficient of variation of the gaps, the rate removed."},
  {"workload", "gap_probability", V_NUMBER, Q_PURE, SHARE, .shape = PLAIN_LIST, .doc = "Grid of the gaps' quantiles."},
  {"workload", "gap", V_NUMBER, Q_PURE, NONNEGATIVE, .shape = PLAIN_LIST, .doc = "In units of the mean gap."},
  {"workload", "columns", V_ID, .shape = PLAIN_LIST, .doc = "Names of the attributes."},
  {"workload", "whole", V_FLAG, .shape = PLAIN_LIST, .doc = "Values are whole numbers."},
  {"workload", "mix_every", V_NUMBER, Q_TIME, POS, .doc = "How long one row of `mix` holds."},
  {"workload", "mix", .flags = ANYTHING, .doc = "Shares of the strata over time."},
  {"workload", "probability", V_NUMBER, Q_PURE, SHARE, .shape = PLAIN_LIST, .doc = "Grid of the quantiles."},
  {"workload", "quantile", .flags = ANYTHING, .doc = "By stratum, column and grid point."},
  {"workload", "correlation", .flags = ANYTHING, .doc = "Of the columns' normal scores within the strata."},
  {"kernel", "parameters", V_EXPR, Q_ANY, .shape = NAMED_MAP,
   .doc = "Name: default. Scenarios may set them, also to expressions."},
  {"kernel", "flop", V_EXPR, Q_FLOP, .flags = REQUIRED, .doc = "Arithmetic."},
  {"kernel", "bytes", V_EXPR, Q_BYTES, .flags = REQUIRED, .doc = "Memory traffic."},
};
const size_t n_keys = sizeof keys / sizeof *keys;

const struct section *section_find(const char *name)
{
  for (size_t i = 0; i < n_sections; i++)
    if (!strcmp(sections[i].name, name))
      return &sections[i];
  return NULL;
}

const struct key *key_find(const char *section, const char *name)
{
  for (size_t i = 0; i < n_keys; i++)
    if (!strcmp(keys[i].section, section) && !strcmp(keys[i].name, name))
      return &keys[i];
  return NULL;
}

size_t key_names(const char *section, const char **names, size_t room)
{
  size_t n = 0;
  for (size_t i = 0; i < n_keys && n < room; i++)
    if (!strcmp(keys[i].section, section))
      names[n++] = keys[i].name;
  return n;
}

static int choice_index(const char *choices, const char *word)
{
  size_t n = strlen(word);
  int index = 0;
  for (const char *p = choices; p; index++) {
    const char *end = strchr(p, '|');
    size_t length = end ? (size_t)(end - p) : strlen(p);
    if (length == n && !strncmp(p, word, n))
      return index;
    p = end ? end + 1 : NULL;
  }
  return -1;
}

bool choice_allows(const char *choices, const char *word)
{
  return choices && choice_index(choices, word) >= 0;
}

size_t choice_split(struct arena *a, const char *choices, const char **words, size_t room)
{
  size_t n = 0;
  char *copy = arena_strdup(a, choices);
  for (char *save, *word = strtok_r(copy, "|", &save); word && n < room; word = strtok_r(NULL, "|", &save))
    words[n++] = word;
  return n;
}

bool id_valid(const char *text)
{
  size_t n = strlen(text);
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
      return false;
  return n >= 1 && n <= 64 && strcmp(text, ".") && strcmp(text, "..");
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

double key_number(const struct key *key, const char *text)
{
  char why[UNITS_WHY];
  double value;
  return number_parse(text, key->quantity, &value, why) ? value : NAN;
}

const char *get_text(const struct node *map, const char *section, const char *name)
{
  const struct key *key = key_find(section, name);
  const struct node *node = node_get(map, name);
  return node_is(node, NODE_TEXT) ? node->text : key->otherwise;
}

double get_number(const struct node *map, const char *section, const char *name)
{
  const struct key *key = key_find(section, name);
  const struct node *node = node_get(map, name);
  double value = node_is(node, NODE_TEXT) ? key_number(key, node->text) : NAN;
  if (isnan(value) && key->otherwise)
    value = key_number(key, key->otherwise);
  return value;
}

unsigned long long get_count(const struct node *map, const char *section, const char *name)
{
  char why[UNITS_WHY];
  unsigned long long value = 0;
  const struct key *key = key_find(section, name);
  const char *text = get_text(map, section, name);
  if ((!text || !count_parse(text, &value, why)) && key->otherwise)
    (void)!count_parse(key->otherwise, &value, why);
  return value;
}

bool get_flag(const struct node *map, const char *section, const char *name)
{
  const char *text = get_text(map, section, name);
  return text && !strcmp(text, "true");
}

int get_choice(const struct node *map, const char *section, const char *name)
{
  const struct key *key = key_find(section, name);
  const char *text = get_text(map, section, name);
  int index = text ? choice_index(key->choices, text) : -1;
  if (index < 0 && key->otherwise)
    index = choice_index(key->choices, key->otherwise);
  return index;
}
