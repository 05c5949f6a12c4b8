/* steptime.h: how long one iteration of an LLM engine takes, as a function of what is in the batch.
 *
 * A model is a constant struct of functions plus its coefficients; pure, no state. Nanoseconds out.
 */
#ifndef OFFSIM_MODELS_STEPTIME_H
#define OFFSIM_MODELS_STEPTIME_H

#include "sim/arena.h"
#include "sim/err.h"
#include "sim/sim.h"

/* One iteration. Sums over the batch, kept up to date by the engine (all counts before the step). */
struct step_batch {
  uint32_t sequences;                                   /* requests in the batch */
  uint32_t prefills;                                    /* of them reading their prompt (chunk > 0 and not decoding) */
  uint32_t decodes;
  uint32_t prefill_tokens;                              /* P: chunk tokens, summed */
  uint64_t prefill_kv;                                  /* KV tokens already there of the prefilling requests, summed */
  uint64_t prefill_attention;                           /* A = sum n (2 q + n) over chunks */
  double prefill_squares;                               /* sum n^2 over chunks */
  uint64_t decode_kv;                                   /* K = sum q over decoding requests (with the last, not yet cached token) */
  uint32_t decode_kv_max, decode_kv_min;
};

struct steptime;
/* Section 2 of the scheduler semantics, integers: 6,500,000 + 70,000 P + 30,000 D + 260 K + 2 A. */
const struct steptime *steptime_reference(void);
/* step = a + c b seconds for decode, prompt tokens at prefill_tok_per_s (affine, parameter book 4.2). */
const struct steptime *steptime_affine(struct arena *, double a_s, double c_s, double prefill_tok_per_s);
/* The same, and kv_tok_s for each token of context that the decoding requests read. */
const struct steptime *steptime_affine_kv(struct arena *, double a_s, double c_s, double kv_tok_s, double prefill_tok_per_s);
/* DistServe form, ms: prefill a + b sum n + c sum n^2; decode a + b sum kv + c B, two sets switched at `large` requests. */
const struct steptime *steptime_distserve(struct arena *, const double prefill_ms[3], const double small_ms[3], const double large_ms[3], uint32_t large);
/* Per-operator tables PREFIX_dense.csv.gz, _attention, _per_sequence, _skew_fit (data/traces README section 3), linear
 * interpolation per axis; model: layers, hidden size, and so on from the table of models. tensor_parallel > 1 adds two
 * ring all-reduces a layer. NULL after adding to err. */
struct llm_model;
struct steptime_parallel { int tensor_parallel; double interconnect_byte_per_s, collective_latency_s; };
const struct steptime *steptime_tables(struct arena *, const char *prefix, const char *model, const struct steptime_parallel *, struct err *);
/* The correction is of the profile: whether its publisher uses it, by the card in the prefix's file name. Those of RTX4090
 * have `skew_fit: enabled: false` (LLMServingSim, meta.yaml of the profile, 2026); all others here have it on. */
bool steptime_tables_corrected(const char *prefix);
/* The same tables without what unequal decoding requests add. */
const struct steptime *steptime_tables_even(struct arena *, const struct steptime *tables);
/* Linear between points; below the first the first holds, beyond the last the last line goes on. */
struct steptime_table { uint32_t n; const double *tokens, *time_s; };
/* The largest values that the model was measured for; 0 = any. tokens and sequences of an iteration, KV of a request. */
struct steptime_limits { uint64_t tokens, sequences, context; };
/* steptime_compact.c: a table over tokens and linear terms, of each sequence, chunk, token of KV before a chunk, n (2 q + n),
 * decoding request, its token of KV, and token that it is shorter than the longest; beside prompts, more for the former two. */
struct steptime_compact {
  struct steptime_table table;
  double sequence_s, chunk_s, chunk_kv_s, attention_s, decode_s, decode_kv_s, skew_s, mixed_s, mixed_kv_s;
  struct steptime_limits limits;
};
const struct steptime *steptime_compact(struct arena *, const struct steptime_compact *);
/* steptime_vidur.c: linear operators by table or max(floor, a + b tokens), all layers; attention by rooflines, a layer. */
struct steptime_vidur {
  const struct llm_model *model; int devices;
  struct steptime_table linear; double floor_s, a_s, b_s;       /* the line counts when the table has no point */
  double flop_per_s, byte_per_s, prefill_s, decode_s;           /* reached; and what attention of a layer costs at least */
  double interconnect_byte_per_s, collective_s;
};
const struct steptime *steptime_vidur(struct arena *, const struct steptime_vidur *);

/* steptime_prompt.c: seconds that so many tokens of a prompt take to read; and an engine's step from a token cost. */
struct token_cost;
double token_prefill_s(const struct token_cost *, double tok);
const struct steptime *steptime_of_cost(struct arena *, const struct token_cost *);

sim_time steptime_ns(const struct steptime *, const struct step_batch *);

/* Energy above idle: an iteration takes step_j, each decoding request decode_j, each prompt token prompt_j more. */
struct steptime_energy { double step_j, decode_j, prompt_j; };
/* The same times, with energy. The model must outlive it. */
const struct steptime *steptime_with_energy(struct arena *, const struct steptime *, const struct steptime_energy *);
/* The same times, with the power of a server: power_w beyond idle when full, by the shape for the requests of the batch, of
 * `most`; prompts take all of it. Both must outlive it. */
struct power_def;
struct steptime_power { double power_w, most; const struct power_def *shape; };
const struct steptime *steptime_with_power(struct arena *, const struct steptime *, const struct steptime_power *);
bool steptime_has_energy(const struct steptime *);
double steptime_j(const struct steptime *, const struct step_batch *);  /* 0 without */
struct steptime_limits steptime_limits(const struct steptime *);

#endif
