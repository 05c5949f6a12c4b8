/* import_vidur.c: Vidur's times of linear operators (mlp.csv), medians in ms of one layer by tokens and devices.
 *
 * All layers together are one table over tokens; attention, which is in another table there, comes from rooflines with the
 * given rates (models/steptime_vidur.c). The same form makes the times of prompts and steps. 4096 tokens of Llama 2 7B on one
 * A100: 32 layers of 8.17 ms are 261 ms.
 */
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/sheet.h"
#include "models/llm_model.h"
#include "scenarios/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const operators[] = {"input_layernorm", "attn_pre_proj", "attn_rope", "attn_post_proj", "post_attention_layernorm",
                                        "mlp_up_proj", "mlp_act", "mlp_down_proj", "add"};
enum { N_OPERATORS = sizeof operators / sizeof *operators };

struct mlp { const struct sheet *sheet; int tokens, devices, column[N_OPERATORS]; };

static bool rate_of(const struct import_ask *ask, const char *key, enum quantity q, const char *otherwise, double *x, struct err *e)
{
  char why[UNITS_WHY];
  const char *text = import_map(ask, key);
  if (!text && !otherwise)
    return err_add(e, (struct where){0}, "--map %s=RATE is missing: the table has no attention, and rooflines stand in for it", key);
  if (number_parse(text ? text : otherwise, q, x, why) && *x > 0)
    return true;
  return err_add(e, (struct where){0}, "--map %s=%s: %s", key, text, *x > 0 ? why : "must be above 0");
}

static bool find_columns(struct mlp *m, struct arena *a, struct err *e)
{
  m->tokens = sheet_needs(m->sheet, "num_tokens", e);
  m->devices = sheet_needs(m->sheet, "num_tensor_parallel_workers", e);
  for (int i = 0; i < N_OPERATORS; i++)
    m->column[i] = sheet_needs(m->sheet, arena_printf(a, "time_stats.%s.median", operators[i]), e);
  return !err_any(e);
}

/* What the table says of the model is what the table of models says. */
static bool same_model(const struct mlp *m, const struct llm_model *model, struct err *e)
{
  const struct { const char *name; double is; } facts[] = {
    {"n_embd", model->hidden}, {"n_head", model->heads}, {"n_kv_head", model->kv_heads}, {"n_expanded_embd", model->intermediate}};
  for (int i = 0; i < 4; i++) {
    int column = sheet_column(m->sheet, facts[i].name);
    double x;
    if (column >= 0 && sheet_number(m->sheet, 0, column, 0, &x, e) && x != facts[i].is)
      return err_add(e, sheet_at(m->sheet, 0, column), "%s is %g here; %s has %g", facts[i].name, x, model->name, facts[i].is);
  }
  return !err_any(e);
}

static bool layer_ms(const struct mlp *m, int row, double *sum, struct err *e)
{
  *sum = 0;
  for (int i = 0; i < N_OPERATORS; i++) {
    double ms;
    if (!sheet_number(m->sheet, row, m->column[i], 0, &ms, e))
      return false;
    *sum += ms;
  }
  return *sum > 0 || err_add(e, sheet_at(m->sheet, row, m->tokens), "all operators of this row take 0 ms");
}

/* Rows of so many devices, sorted; those at one place become their mean. */
static bool linear_table(const struct mlp *m, double devices, double layers, struct steptime_table *t, struct arena *a, struct err *e)
{
  double *x = arena_array(a, double, m->sheet->n), *y = arena_array(a, double, m->sheet->n), *count = arena_array(a, double, m->sheet->n);
  uint32_t n = 0;
  for (int i = 0; i < m->sheet->n; i++) {
    double tokens, own, ms;
    if (!sheet_number(m->sheet, i, m->tokens, 1, &tokens, e) || !sheet_number(m->sheet, i, m->devices, 1, &own, e))
      return false;
    if (own != devices)
      continue;
    if (!layer_ms(m, i, &ms, e))
      return false;
    uint32_t k = 0;
    while (k < n && x[k] < tokens)
      k++;
    if (k == n || x[k] != tokens) {
      memmove(x + k + 1, x + k, (n - k) * sizeof *x);
      memmove(y + k + 1, y + k, (n - k) * sizeof *y);
      memmove(count + k + 1, count + k, (n - k) * sizeof *count);
      x[k] = tokens, y[k] = count[k] = 0, n++;
    }
    y[k] = (y[k] * count[k] + layers * ms / 1e3) / (count[k] + 1);
    count[k]++;
  }
  *t = (struct steptime_table){n, x, y};
  return n > 1 || err_add(e, (struct where){.file = m->sheet->file}, "no rows for %g devices (tensor_parallel)", devices);
}

static double iteration_s(const struct steptime *m, double prompt, double batch, double kv)
{
  struct step_batch b = {.sequences = (uint32_t)(batch + (prompt > 0)), .prefills = prompt > 0, .prefill_tokens = (uint32_t)prompt,
    .prefill_squares = prompt * prompt, .prefill_attention = (uint64_t)(prompt * prompt), .decodes = (uint32_t)batch,
    .decode_kv = (uint64_t)(batch * kv), .decode_kv_max = (uint32_t)kv, .decode_kv_min = (uint32_t)kv};
  return s_from_ns(steptime_ns(m, &b));
}

/* The linear operators are what was measured: a length left out is foretold from its neighbours there. */
static struct import_error left_out(const struct steptime *m, const struct steptime_table *t)
{
  double *error = grab(t->n, sizeof *error);
  int n = 0;
  for (uint32_t i = 1; i + 1 < t->n; i++) {
    double linear = import_linear_at(t->tokens, t->time_s, (int)t->n, (int)i, t->tokens[i]), whole = iteration_s(m, t->tokens[i], 0, 0);
    error[n++] = fabs(linear - t->time_s[i]) / whole;
  }
  struct import_error of = import_error_of("table", error, n);
  free(error);
  return of;
}

static void put_form(struct import_result *r, const struct steptime_vidur *v)
{
  struct text *t = &r->step_time;
  text_add(t, "        vidur:\n          model: %s\n          linear:\n            table:\n              tokens: [", v->model->name);
  for (uint32_t i = 0; i < v->linear.n; i++)
    text_add(t, "%s%g", i ? ", " : "", v->linear.tokens[i]);
  text_put(t, "]\n              times: [");
  for (uint32_t i = 0; i < v->linear.n; i++)
    text_add(t, "%s%.5g ms", i ? ", " : "", 1e3 * v->linear.time_s[i]);
  text_add(t, "]\n          flops: %.5g TFLOP/s\n          bandwidth: %.5g GB/s\n          tensor_parallel: %d\n          interconnect: %.5g GB/s\n",
           v->flop_per_s / 1e12, v->byte_per_s / 1e9, v->devices, v->interconnect_byte_per_s / 1e9);
}

static void add_points(const struct steptime *m, const struct steptime_table *t, struct import_points *p, struct arena *a)
{
  p->prompt = arena_array(a, struct prompt_point, t->n);
  p->step = arena_array(a, struct step_point, 32 * 32);
  for (uint32_t i = 0; i < t->n; i++)
    p->prompt[p->n_prompts++] = (struct prompt_point){t->tokens[i], 0, iteration_s(m, t->tokens[i], 0, 0)};
  for (double batch = 1; batch <= 256 && batch <= t->tokens[t->n - 1]; batch *= 2)
    for (double kv = 64; kv <= 4096; kv *= 2)
      p->step[p->n_steps++] = (struct step_point){batch, kv, iteration_s(m, 0, batch, kv)};
}

static bool read_ask(const struct import_ask *ask, struct steptime_vidur *v, double *devices, struct err *e)
{
  if (ask->n_where)
    return err_add(e, (struct where){0}, "--where is for llama-bench and csv; tensor_parallel= chooses here");
  if (!import_map(ask, "model"))
    return err_add(e, (struct where){0}, "--map model=NAME is missing, such as llama-2-7b: the table is of one layer");
  *v = (struct steptime_vidur){.model = llm_model_named(import_map(ask, "model"), e), .collective_s = 20e-6};
  bool good = v->model && import_number(ask, "tensor_parallel", 1, devices, e);
  good &= rate_of(ask, "flops", Q_FLOP_RATE, NULL, &v->flop_per_s, e);
  good &= rate_of(ask, "bandwidth", Q_BYTE_RATE, NULL, &v->byte_per_s, e);
  good &= rate_of(ask, "interconnect", Q_BYTE_RATE, "45 GB/s", &v->interconnect_byte_per_s, e);
  v->devices = good ? (int)*devices : 1;
  return good;
}

bool import_vidur(const struct import_ask *ask, struct import_points *p, struct import_result *r, struct arena *a, struct err *e)
{
  struct steptime_vidur v;
  struct mlp m;
  double devices;
  if (!read_ask(ask, &v, &devices, e) || !(m.sheet = sheet_read(ask->file, a, e)) || !find_columns(&m, a, e) ||
      !same_model(&m, v.model, e) || !linear_table(&m, devices, v.model->layers, &v.linear, a, e))
    return false;
  const struct steptime *form = steptime_vidur(a, &v);
  add_points(form, &v.linear, p, a);
  put_form(r, &v);
  r->own_prompt_error = left_out(form, &v.linear);
  r->made = true;
  r->measured = "Vidur";
  r->kind = v.model->name;
  r->own_source = "Vidur, profile of linear operators: medians of a layer times the layers; attention by rooflines";
  return !err_any(e);
}
