/* import_vllm.c: times of the single operators of vLLM on a card, as LLMServingSim profiles them.
 *
 * A whole prompt is one iteration by models/steptime_tables.c at each length where the dense operators were measured, a step
 * one iteration of equal requests. Leaving a length out: its dense time is taken from its neighbours, and where attention was
 * measured at that length, attention as well; the sum is compared with the time with all. Batches of LLM engines take the
 * compact form that `offsim validate steps` fits.
 */
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/sheet.h"
#include "experiments/validate/steps.h"
#include "models/llm_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const parts[] = {"dense", "attention", "per_sequence", "skew_fit"};
static const double KV_TOKENS = 41408;                  /* 2588 blocks of 16, as vLLM 0.19 has with 8B in 16 bit on 24 GB */
static const char layer[] = "o_proj";                   /* any of those with all counts of tokens */

struct vllm { const char *prefix; const struct steptime *tables; struct steptime_limits limits; double kv_tokens; };

/* The name of one of the files is a prefix as well. */
static const char *prefix_of(const char *file, struct arena *a)
{
  for (int i = 0; i < 4; i++) {
    const char *end = arena_printf(a, "_%s.csv.gz", parts[i]);
    size_t n = strlen(file), m = strlen(end);
    if (n > m && !strcmp(file + n - m, end))
      return arena_printf(a, "%.*s", (int)(n - m), file);
  }
  return file;
}

/* ---- axes --------------------------------------------------------------------------------------------------------- */

static int insert(double *x, int n, double value)
{
  int k = 0;
  while (k < n && x[k] < value)
    k++;
  if (k < n && x[k] == value)
    return n;
  memmove(x + k + 1, x + k, (size_t)(n - k) * sizeof *x);
  x[k] = value;
  return n + 1;
}

/* Values of `column` in rows where `where` reads as this; NULL after adding. */
static double *axis(const struct vllm *v, const char *part, const char *column, const char *where, const char *reads, int *n,
                    struct arena *a, struct err *e)
{
  const struct sheet *s = sheet_read(arena_printf(a, "%s_%s.csv.gz", v->prefix, part), a, e);
  int k = s ? sheet_needs(s, column, e) : -1, w = s ? sheet_needs(s, where, e) : -1;
  double *x = s ? arena_array(a, double, s->n) : NULL, value;
  *n = 0;
  for (int i = 0; k >= 0 && w >= 0 && i < s->n; i++)
    if (!strcmp(sheet_text(s, i, w), reads) && sheet_number(s, i, k, 0, &value, e) && value >= 1)
      *n = insert(x, *n, value);
  return k >= 0 && w >= 0 && !err_any(e) ? x : NULL;
}

/* Which layers lack which counts of tokens. */
static bool find_holes(const struct vllm *v, int n, struct import_result *r, struct arena *a, struct err *e)
{
  const struct sheet *s = sheet_read(arena_printf(a, "%s_dense.csv.gz", v->prefix), a, e);
  int l = s ? sheet_needs(s, "layer", e) : -1, t = s ? sheet_needs(s, "tokens", e) : -1;
  for (int i = 0; l >= 0 && t >= 0 && i < s->n;) {
    const char *name = sheet_text(s, i, l);
    int there = 0, from = i;
    for (; i < s->n && !strcmp(sheet_text(s, i, l), name); i++)
      there++;
    if (there < n) {
      import_note(r, a, "hole: layer %s has %d of %d counts of tokens (%s to %s)", name, there, n, sheet_text(s, from, t),
                  sheet_text(s, i - 1, t));
      r->n_holes += n - there;
    }
  }
  return !err_any(e);
}

/* Decoding alone: pairs of requests and context that are missing although others have each. */
static bool find_attention_holes(const struct vllm *v, struct import_result *r, struct arena *a, struct err *e)
{
  int n_requests, n_contexts, pairs = 0;
  const double *requests = axis(v, "attention", "n_decode", "prefill_chunk", "0", &n_requests, a, e);
  const double *contexts = axis(v, "attention", "kv_decode", "prefill_chunk", "0", &n_contexts, a, e);
  const struct sheet *s = sheet_read(arena_printf(a, "%s_attention.csv.gz", v->prefix), a, e);
  if (!requests || !contexts || !s)
    return false;
  int chunk = sheet_column(s, "prefill_chunk"), before = sheet_needs(s, "kv_prefill", e);
  for (int i = 0; before >= 0 && i < s->n; i++)
    pairs += !strcmp(sheet_text(s, i, chunk), "0") && !strcmp(sheet_text(s, i, before), "0");
  int missing = n_requests * n_contexts - pairs;
  if (missing > 0)
    import_note(r, a, "hole: attention of decoding requests lacks %d of %d pairs of requests (to %g) and context (to %g)", missing,
                n_requests * n_contexts, requests[n_requests - 1], contexts[n_contexts - 1]);
  r->n_holes += missing > 0 ? missing : 0;
  return !err_any(e);
}

/* ---- times -------------------------------------------------------------------------------------------------------- */

static double prompt_s(const struct steptime *m, double n)
{
  struct step_batch b = {.sequences = 1, .prefills = 1, .prefill_tokens = (uint32_t)n, .prefill_squares = n * n,
                         .prefill_attention = (uint64_t)(n * n)};
  return s_from_ns(steptime_ns(m, &b));
}

/* With the attention of one of the shortest chunk that was measured. */
static double dense_s(const struct steptime *m, double n)
{
  struct step_batch b = {.sequences = 1, .prefills = 1, .prefill_tokens = (uint32_t)n, .prefill_squares = 1, .prefill_attention = 1};
  return s_from_ns(steptime_ns(m, &b));
}

static double step_s(const struct steptime *m, double batch, double kv)
{
  struct step_batch b = {.sequences = (uint32_t)batch, .decodes = (uint32_t)batch, .decode_kv = (uint64_t)(batch * kv),
                         .decode_kv_max = (uint32_t)kv, .decode_kv_min = (uint32_t)kv};
  return s_from_ns(steptime_ns(m, &b));
}

static void add_steps(const struct vllm *v, struct import_points *p, struct arena *a)
{
  p->step = arena_array(a, struct step_point, 32 * 32);
  for (double batch = 1; batch <= (double)v->limits.sequences; batch *= 2)
    for (double kv = 64; kv <= (double)v->limits.context && batch * kv <= v->kv_tokens; kv *= 2)
      p->step[p->n_steps++] = (struct step_point){batch, kv, step_s(v->tables, batch, kv)};
}

/* Seconds of attention over the length; at chunks that were measured its value is that of the table. */
static struct import_error left_out(const struct vllm *v, const double *x, int n, const double *chunk, int n_chunks)
{
  double *error = grab(3 * (size_t)(n + n_chunks) + 1, sizeof *error), *dense = error + n, *attention = dense + n;
  int m = 0;
  for (int i = 0; i < n; i++)
    dense[i] = dense_s(v->tables, x[i]);
  for (int k = 0; k < n_chunks; k++)
    attention[k] = prompt_s(v->tables, chunk[k]) - dense_s(v->tables, chunk[k]);
  for (int i = 1; i < n - 1; i++) {
    int own = -1;
    for (int k = 1; k < n_chunks - 1; k++)
      own = chunk[k] == x[i] ? k : own;
    double rest = own < 0 ? prompt_s(v->tables, x[i]) - dense[i] : import_linear_at(chunk, attention, n_chunks, own, x[i]);
    error[m++] = fabs((import_linear_at(x, dense, n, i, x[i]) + rest) / prompt_s(v->tables, x[i]) - 1);
  }
  struct import_error of = import_error_of("table", error, m);
  free(error);
  return of;
}

/* ---- the form of LLM engines ---------------------------------------------------------------------------------------- */

static void put_compact(struct import_result *r, const struct vllm *v, const double *knot, const double *c, int knots)
{
  struct text *t = &r->step_time;
  text_put(t, "        compact:\n          tokens: [");
  for (int i = 0; i < knots; i++)
    text_add(t, "%s%g", i ? ", " : "", knot[i]);
  text_put(t, "]\n          times: [");
  for (int i = 0; i < knots; i++)
    text_add(t, "%s%.4g ms", i ? ", " : "", 1e3 * c[i]);
  text_put(t, "]\n");
  for (int k = 0; k < STEPS_TERMS; k++)
    if (c[knots + k] > 0)
      text_add(t, "          %s: %.4g ns\n", steps_terms[k], 1e9 * c[knots + k]);
  text_add(t, "          max_tokens: %llu\n          max_sequences: %llu\n          max_context: %llu\n",
           (unsigned long long)v->limits.tokens, (unsigned long long)v->limits.sequences, (unsigned long long)v->limits.context);
}

static bool fit_compact(const struct import_ask *ask, const struct vllm *v, struct import_result *r, struct arena *a, struct err *e)
{
  double knots, knot[STEPS_KNOTS_MOST], c[STEPS_KNOTS_MOST + STEPS_TERMS];
  if (!import_number(ask, "knots", 16, &knots, e))
    return false;
  if (knots != floor(knots) || knots < 2 || knots > STEPS_KNOTS_MOST)
    return err_add(e, (struct where){0}, "--map knots=%s: a whole number from 2 to %d", import_map(ask, "knots"), STEPS_KNOTS_MOST);
  struct steps_errors x = steps_fit(v->tables, v->kv_tokens, (int)knots, knot, c, a);
  put_compact(r, v, knot, c, (int)knots);
  r->step_time_error = (struct import_error){"compact", x.mean, x.p90, x.max, 4000};
  return true;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static bool open_tables(const struct import_ask *ask, struct vllm *v, struct arena *a, struct err *e)
{
  if (ask->n_where)
    return err_add(e, (struct where){0}, "--where is for llama-bench and csv");
  if (!import_map(ask, "model"))
    return err_add(e, (struct where){0}, "--map model=NAME is missing, such as llama-3.1-8b: the tables are of one layer");
  v->prefix = prefix_of(ask->file, a);
  v->tables = steptime_tables(a, v->prefix, import_map(ask, "model"), NULL, e);
  if (v->tables && !steptime_tables_corrected(v->prefix))
    v->tables = steptime_tables_even(a, v->tables);
  if (!v->tables || !import_number(ask, "kv_tokens", KV_TOKENS, &v->kv_tokens, e))
    return false;
  v->limits = steptime_limits(v->tables);
  return true;
}

bool import_vllm(const struct import_ask *ask, struct import_points *p, struct import_result *r, struct arena *a, struct err *e)
{
  struct vllm v;
  int n, n_chunks;
  if (!open_tables(ask, &v, a, e))
    return false;
  const double *x = axis(&v, "dense", "tokens", "layer", layer, &n, a, e);
  const double *chunk = axis(&v, "attention", "prefill_chunk", "n_decode", "0", &n_chunks, a, e);
  if (!x || !chunk || !find_holes(&v, n, r, a, e) || !find_attention_holes(&v, r, a, e))
    return false;
  p->prompt = arena_array(a, struct prompt_point, n);
  for (int i = 0; i < n; i++)
    p->prompt[p->n_prompts++] = (struct prompt_point){x[i], 0, prompt_s(v.tables, x[i])};
  add_steps(&v, p, a);
  r->own_prompt_error = left_out(&v, x, n, chunk, n_chunks);
  r->made = true;
  r->measured = "vLLM operator tables";
  r->kind = import_map(ask, "model");
  r->own_source = "operator tables of vLLM in the form of LLMServingSim";
  return fit_compact(ask, &v, r, a, e);
}
