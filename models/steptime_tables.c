/* steptime_tables.c: the step time from measured times of single operators.
 *
 *   t = embedding(T) + L [2 layernorm + attention + other operators](T) + final_layernorm(T) + lm_head(S) + sampler(S)
 *     + with P > 1 devices 2 L [2 (P - 1) / P x 2 T d / rate + latency]
 *
 * T tokens and S sequences of the batch, L layers, d hidden numbers of 2 bytes. Attention is a table over (prompt tokens of
 * the chunk, KV before it, decoding requests, their mean KV). Several chunks of n tokens on q each stand in it as one with
 * the same work: n' = sqrt(sum n^2), q' = (sum n (2 q + n) - n'^2) / (2 n'), which is the chunk itself when there is one.
 * Unequal decoding requests cost more: t(mean) + alpha (t(max) - t(mean)), alpha by five keys, between two profiled chunk
 * lengths linearly; a cell that was not profiled: the mean of all by profiled points. Source: the description of the
 * data; LLMServingSim, whose profiles these are, takes alpha at a profiled length only, else a default. Variants and their
 * errors: docs/equations.md.
 */
#include "models/llm_model.h"
#include "models/steptime_grid.h"
#include "models/steptime_parts.h"
#include "models/workload.h"
#include "sim/check.h"

#include <stdlib.h>
#include <string.h>

enum { PROMPT, DECODES, PROMPT_KV, DECODE_KV, N_AXES };         /* order in which the axes are nested */
enum { BINS_N = 8, BINS_SKEW = 5, BINS_LARGEST = 3, BINS_KV = 6, CELLS = BINS_N * BINS_SKEW * BINS_LARGEST * BINS_KV };

struct bin { const char *label; double most; };         /* inclusive */
static const struct bin bins_n[BINS_N] = {{"n<=2", 2}, {"n<=4", 4}, {"n<=8", 8}, {"n<=16", 16}, {"n<=32", 32}, {"n<=64", 64},
                                          {"n<=128", 128}, {"n<=256", INFINITY}};
static const struct bin bins_skew[BINS_SKEW] = {{"sr<=5%", .05}, {"sr<=15%", .15}, {"sr<=40%", .4}, {"sr<=70%", .7},
                                                {"sr>70%", INFINITY}};
static const struct bin bins_largest[BINS_LARGEST] = {{"kvB<=1k", 1024}, {"kvB<=4k", 4096}, {"kvB<=16k", INFINITY}};
static const struct bin bins_kv[BINS_KV] = {{"kp=0", 0}, {"kp<=512", 512}, {"kp<=1k", 1024}, {"kp<=2k", 2048},
                                            {"kp<=4k", 4096}, {"kp<=8k", INFINITY}};

struct tables {
  struct steptime base;
  struct grid tokens, sequences, attention;             /* us; tokens: all layers together; attention: one layer */
  double layers, reduce_us, reduce_us_per_token;        /* all all-reduces of a step */
  bool even;                                            /* no correction */
  uint32_t n_prompt;                                    /* of the correction */
  double *prompt, *alpha;                               /* alpha[prompt][cell] */
};

/* ---- correction for unequal decoding requests --------------------------------------------------------------------- */

static int bin_of(const struct bin *bin, double x)
{
  int i = 0;
  while (x > bin[i].most)
    i++;
  return i;
}

static int bin_named(const struct bin *bin, int n, const char *label)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(bin[i].label, label))
      return i;
  return -1;
}

static int cell_of(int n, int skew, int largest, int kv)
{
  return ((n * BINS_SKEW + skew) * BINS_LARGEST + largest) * BINS_KV + kv;
}

/* The two neighbours on the axis of prompt tokens, blended. */
static double alpha_at(const struct tables *t, double prompt, int cell)
{
  uint32_t i = 0;
  while (i < t->n_prompt && t->prompt[i] < prompt)
    i++;
  if (i == t->n_prompt || i == 0 || t->prompt[i] == prompt)
    return t->alpha[(i == t->n_prompt ? i - 1 : i) * CELLS + cell];
  double w = (prompt - t->prompt[i - 1]) / (t->prompt[i] - t->prompt[i - 1]);
  return (1 - w) * t->alpha[(i - 1) * CELLS + cell] + w * t->alpha[i * CELLS + cell];
}

/* What the inequality adds to the time at the mean. at[DECODE_KV] is the mean. */
static double skew_us(const struct tables *t, const struct step_batch *b, const double at[N_AXES], double at_mean)
{
  double mean = at[DECODE_KV], longest = b->decode_kv_max, shortest = b->decode_kv_min;
  if (t->even || b->decodes < 2 || longest <= shortest)
    return 0;
  double at_longest = grid_at(&t->attention, (double[]){at[PROMPT], at[DECODES], at[PROMPT_KV], longest});
  if (at_longest <= at_mean)
    return 0;
  int cell = cell_of(bin_of(bins_n, b->decodes), bin_of(bins_skew, (mean - shortest) / (longest - shortest)),
                     bin_of(bins_largest, longest), bin_of(bins_kv, (double)b->prefill_kv));
  return alpha_at(t, b->prefill_tokens, cell) * (at_longest - at_mean);
}

/* ---- the time ------------------------------------------------------------------------------------------------------ */

static double attention_us(const struct tables *t, const struct step_batch *b)
{
  double at[N_AXES] = {[DECODES] = b->decodes};
  if (b->prefill_tokens) {
    at[PROMPT] = sqrt(b->prefill_squares);
    at[PROMPT_KV] = ((double)b->prefill_attention - b->prefill_squares) / (2 * at[PROMPT]);
  }
  if (b->decodes)
    at[DECODE_KV] = (double)b->decode_kv / b->decodes;
  double at_mean = grid_at(&t->attention, at);
  return at_mean + skew_us(t, b, at, at_mean);
}

static sim_time tables_ns(const struct steptime *model, const struct step_batch *b)
{
  const struct tables *t = (const void *)model;         /* its first member */
  double tokens = b->prefill_tokens + b->decodes, sequences = b->sequences;
  double us = grid_at(&t->tokens, &tokens) + grid_at(&t->sequences, &sequences) + t->layers * attention_us(t, b) +
              t->reduce_us + t->reduce_us_per_token * tokens;
  return ns_from_s(fmax(us, 0) * 1e-6);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static const struct table *load(const char *prefix, const char *name, const struct table_column *column, int n, struct arena *a,
                                struct err *e)
{
  return table_load(arena_printf(a, "%s_%s.csv.gz", prefix, name), TRACE_CSV, column, n, a, e);
}

/* How often a step runs an operator of the table that counts in tokens. */
static double times_run(const char *operator, double layers)
{
  if (!strcmp(operator, "embedding") || !strcmp(operator, "final_layernorm"))
    return 1;
  return strcmp(operator, "layernorm") ? layers : 2 * layers;
}

static double once(const char *operator, double layers)
{
  (void)operator;
  (void)layers;
  return 1;
}

/* The points of one operator, and behind them those that the whole table has. */
static struct grid operator_grid(const struct table *t, const char *name, struct arena *a)
{
  struct grid_point *p = arena_array(a, struct grid_point, t->n);
  uint32_t n = 0;
  for (uint64_t i = 0; i < t->n; i++)
    if (!strcmp(t->text[0][i], name))
      p[n++] = (struct grid_point){.at = {t->number[1][i]}, .value = t->number[2][i]};
  return grid_new(a, p, n, 1);
}

static bool seen_before(const struct table *t, uint64_t i)
{
  for (uint64_t k = 0; k < i; k++)
    if (!strcmp(t->text[0][k], t->text[0][i]))
      return true;
  return false;
}

/* All operators of (operator, count, us) as one table: at every count that appears, the sum of the single ones there, so
 * that between the points it is the sum as well. */
static struct grid sum_operators(const struct table *t, double (*times)(const char *, double), double layers, struct arena *a)
{
  struct grid_point *sum = arena_array(a, struct grid_point, t->n);
  for (uint64_t k = 0; k < t->n; k++)
    sum[k].at[0] = t->number[1][k];
  for (uint64_t i = 0; i < t->n; i++) {
    if (i > 0 && (!strcmp(t->text[0][i], t->text[0][i - 1]) || seen_before(t, i)))
      continue;
    struct grid g = operator_grid(t, t->text[0][i], a);
    for (uint64_t k = 0; k < t->n; k++)
      sum[k].value += times(t->text[0][i], layers) * grid_at(&g, sum[k].at);
  }
  return grid_new(a, sum, (uint32_t)t->n, 1);
}

static bool has_operator(const struct table *t, const char *file, const char *name, struct err *e)
{
  for (uint64_t i = 0; i < t->n; i++)
    if (!strcmp(t->text[0][i], name))
      return true;
  return err_add(e, (struct where){.file = file}, "no rows of layer '%s'", name);
}

static bool check_operators(const struct table *dense, const struct table *per_sequence, const char *prefix, struct err *e)
{
  static const char *const wanted[] = {"embedding", "layernorm", "qkv_proj", "o_proj", "final_layernorm"};
  static const char *const ending[] = {"lm_head", "sampler"};
  bool good = true;
  for (int i = 0; i < 5; i++)
    good &= has_operator(dense, prefix, wanted[i], e);
  for (int i = 0; i < 2; i++)
    good &= has_operator(per_sequence, prefix, ending[i], e);
  return good;
}

static bool read_operators(struct tables *t, const char *prefix, struct arena *a, struct err *e)
{
  static const struct table_column dense_columns[] = {{"layer", true}, {"tokens", false}, {"time_us", false}};
  static const struct table_column ending_columns[] = {{"layer", true}, {"sequences", false}, {"time_us", false}};
  const struct table *dense = load(prefix, "dense", dense_columns, 3, a, e);
  const struct table *ending = load(prefix, "per_sequence", ending_columns, 3, a, e);
  if (!dense || !ending || !check_operators(dense, ending, prefix, e))
    return false;
  t->tokens = sum_operators(dense, times_run, t->layers, a);
  t->sequences = sum_operators(ending, once, t->layers, a);
  return true;
}

static bool read_attention(struct tables *t, const char *prefix, struct arena *a, struct err *e)
{
  static const struct table_column columns[] = {
    {"prefill_chunk", false}, {"n_decode", false}, {"kv_prefill", false}, {"kv_decode", false}, {"time_us", false}};
  const struct table *rows = load(prefix, "attention", columns, N_AXES + 1, a, e);
  if (!rows)
    return false;
  struct grid_point *p = arena_array(a, struct grid_point, rows->n);
  for (uint64_t i = 0; i < rows->n; i++) {
    for (int k = 0; k < N_AXES; k++)
      p[i].at[k] = rows->number[k][i];
    p[i].value = rows->number[N_AXES][i];
  }
  t->attention = grid_new(a, p, (uint32_t)rows->n, N_AXES);
  return true;
}

enum { SKEW_PROMPT, SKEW_N, SKEW_RATE, SKEW_LARGEST, SKEW_KV, SKEW_ALPHA, SKEW_SAMPLES, SKEW_COLUMNS };

/* The cell of a row; -1 after adding that its labels are unknown. */
static int cell_of_row(const struct table *s, uint64_t i, const char *prefix, struct err *e)
{
  int n = bin_named(bins_n, BINS_N, s->text[SKEW_N][i]), skew = bin_named(bins_skew, BINS_SKEW, s->text[SKEW_RATE][i]);
  int largest = bin_named(bins_largest, BINS_LARGEST, s->text[SKEW_LARGEST][i]);
  int kv = bin_named(bins_kv, BINS_KV, s->text[SKEW_KV][i]);
  if (n >= 0 && skew >= 0 && largest >= 0 && kv >= 0)
    return cell_of(n, skew, largest, kv);
  err_add(e, (struct where){.file = prefix}, "unknown labels in the skew fit: %s, %s, %s, %s", s->text[SKEW_N][i],
          s->text[SKEW_RATE][i], s->text[SKEW_LARGEST][i], s->text[SKEW_KV][i]);
  return -1;
}

/* Rows of one prompt length stand together or not: the axis is what appears, sorted. */
static void correction_axis(struct tables *t, const struct table *s, struct arena *a)
{
  struct grid_point *p = arena_array(a, struct grid_point, s->n);
  for (uint64_t i = 0; i < s->n; i++)
    p[i].at[0] = s->number[SKEW_PROMPT][i];
  struct grid g = grid_new(a, p, (uint32_t)s->n, 1);
  t->n_prompt = g.n;
  t->prompt = arena_array(a, double, g.n);
  memcpy(t->prompt, g.at, g.n * sizeof *t->prompt);
}

/* The mean over all profiled points, for cells that have none. */
static double mean_alpha(const struct table *s)
{
  double sum = 0, samples = 0;
  for (uint64_t i = 0; i < s->n; i++) {
    sum += s->number[SKEW_ALPHA][i] * s->number[SKEW_SAMPLES][i];
    samples += s->number[SKEW_SAMPLES][i];
  }
  return samples > 0 ? sum / samples : 0;
}

static bool read_correction(struct tables *t, const char *prefix, struct arena *a, struct err *e)
{
  static const struct table_column columns[SKEW_COLUMNS] = {
    {"pc", false}, {"n_label", true}, {"skew_rate_label", true}, {"kv_big_label", true}, {"kp_label", true}, {"alpha", false},
    {"n_samples", false}};
  const struct table *s = load(prefix, "skew_fit", columns, SKEW_COLUMNS, a, e);
  if (!s)
    return false;
  correction_axis(t, s, a);
  t->alpha = arena_array(a, double, t->n_prompt * CELLS);
  double mean = mean_alpha(s);
  for (uint32_t i = 0; i < t->n_prompt * CELLS; i++)
    t->alpha[i] = mean;
  for (uint64_t i = 0; i < s->n; i++) {
    uint32_t k = 0;
    int cell = cell_of_row(s, i, prefix, e);
    if (cell < 0)
      return false;
    while (t->prompt[k] != s->number[SKEW_PROMPT][i])
      k++;
    t->alpha[k * CELLS + (uint32_t)cell] = s->number[SKEW_ALPHA][i];
  }
  return true;
}

/* Two ring all-reduces a layer of tokens x hidden numbers of 2 bytes. */
static void add_all_reduces(struct tables *t, const struct llm_model *m, const struct steptime_parallel *p)
{
  if (!p || p->tensor_parallel <= 1)
    return;
  double count = 2. * m->layers;
  t->reduce_us = 1e6 * count * p->collective_latency_s;
  t->reduce_us_per_token = 1e6 * count * ring_s_per_token(p->tensor_parallel, m->hidden, p->interconnect_byte_per_s);
}

/* The last point of an axis, the farthest of its branches. */
static double farthest(const struct grid *g, int axis)
{
  double most = axis == 0 ? g->at[g->n - 1] : 0;
  for (uint32_t i = 0; axis > 0 && i < g->n; i++)
    most = fmax(most, farthest(&g->below[i], axis - 1));
  return most;
}

static struct steptime_limits limits_of(const struct tables *t)
{
  double kv = fmax(farthest(&t->attention, DECODE_KV), farthest(&t->attention, PROMPT_KV));
  double sequences = fmin(farthest(&t->sequences, 0), farthest(&t->attention, DECODES));
  return (struct steptime_limits){(uint64_t)farthest(&t->tokens, 0), (uint64_t)sequences, (uint64_t)kv};
}

const struct steptime *steptime_tables(struct arena *a, const char *prefix, const char *model,
                                       const struct steptime_parallel *parallel, struct err *e)
{
  const struct llm_model *m = llm_model_named(model, e);
  if (!m)
    return NULL;
  struct tables *t = arena_alloc(a, sizeof *t);
  *t = (struct tables){.base = {.ns = tables_ns}, .layers = m->layers};
  if (!read_operators(t, prefix, a, e) || !read_attention(t, prefix, a, e) || !read_correction(t, prefix, a, e))
    return NULL;
  add_all_reduces(t, m, parallel);
  t->base.limits = limits_of(t);
  return &t->base;
}

bool steptime_tables_corrected(const char *prefix)
{
  const char *slash = strrchr(prefix, '/');
  return !strstr(slash ? slash + 1 : prefix, "RTX4090");
}

const struct steptime *steptime_tables_even(struct arena *a, const struct steptime *tables)
{
  struct tables *t = arena_alloc(a, sizeof *t);
  sim_assert(tables->ns == tables_ns);
  *t = *(const struct tables *)(const void *)tables;
  t->even = true;
  return &t->base;
}
