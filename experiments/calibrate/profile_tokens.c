/* profile_tokens.c: token services of a profile, read for people who look at it or compare it with another. Scenarios read them by
 * themselves (scenarios/place.c, scenarios/step_time.c). */
#include "experiments/calibrate/profile_tokens.h"
#include "analysis/text.h"

#include <math.h>
#include <string.h>

enum { ROWS_MOST = 16 };

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static struct left_out read_error(const struct node *of)
{
  const struct node *error = node_get(of, "error");
  return (struct left_out){get_text(error, "kernel_error", "model"), get_number(error, "kernel_error", "mape"),
                              get_number(error, "kernel_error", "p90"), get_number(error, "kernel_error", "max"),
                              error ? get_count(error, "kernel_error", "shapes") : 0};
}

static const double *read_list(struct arena *a, const struct node *map, const char *name, int *n)
{
  const struct node *list = node_get(map, name);
  *n = node_is(list, NODE_LIST) ? (int)list->n : 0;
  double *x = arena_array(a, double, *n + 1);
  for (int i = 0; i < *n; i++)
    x[i] = node_is(list->child[i], NODE_TEXT) ? key_number(key_find("prompt_times", name), list->child[i]->text) : NAN;
  return x;
}

static bool read_prompts(struct arena *a, const struct node *prompt, struct token_service *s, struct err *e)
{
  int n_times = 0;
  if (!prompt)
    return true;
  s->tok = read_list(a, prompt, "tokens", &s->n);
  s->time_s = read_list(a, prompt, "times", &n_times);
  if (n_times != s->n)
    return err_add(e, prompt->key_at, "'tokens' has %d elements, 'times' %d", s->n, n_times);
  for (int i = 1; i < s->n; i++)
    if (!(s->tok[i] > s->tok[i - 1]))
      return err_add(e, prompt->key_at, "'tokens' must ascend: %g comes after %g", s->tok[i], s->tok[i - 1]);
  return true;
}

/* An engineering estimate, by the source of the number. */
static bool is_guess(struct arena *a, const struct node *value, const char *variant, const char *term)
{
  const struct preset_source *from =
    value->preset ? preset_source(value->preset, arena_printf(a, "tokens.%s.step.%s", variant, term)) : NULL;
  return from && from->grade && !strcmp(from->grade, "E");
}

static const struct preset_source *source_of(struct arena *a, const struct node *value)
{
  const struct preset_source *from =
    value->preset ? preset_source(value->preset, arena_printf(a, "tokens.%s.prefill", value->key)) : NULL;
  return from && from->source && from->grade ? from : NULL;
}

static void read_step(struct arena *a, const struct node *step, struct token_service *s)
{
  s->has_step = step != NULL;
  if (!step)
    return;
  s->a_s = get_number(step, "step", "a");
  s->c_s = get_number(step, "step", "c");
  s->kv_s = get_number(step, "step", "kv");
  s->c_guessed = is_guess(a, step, s->variant, "c");
  s->kv_guessed = is_guess(a, step, s->variant, "kv");
}

static bool read_service(struct arena *a, const struct node *of, struct token_service *s, struct err *e)
{
  const struct node *step_time = node_get(of, "step_time");
  *s = (struct token_service){.variant = of->key, .prefill_tok_per_s = get_number(of, "token_cost", "prefill"),
                              .decode_tok_per_s = get_number(of, "token_cost", "decode"),
                              .source = source_of(a, of)};
  read_step(a, node_get(of, "step"), s);
  s->prompt_error = read_error(node_get(of, "prompt"));
  s->step_error = read_error(node_get(of, "step"));
  s->step_time_error = read_error(step_time);
  for (size_t i = 0; node_is(step_time, NODE_MAP) && i < step_time->n; i++)
    if (strcmp(step_time->child[i]->key, "error") != 0 && strcmp(step_time->child[i]->key, "energy") != 0)
      s->step_time = step_time->child[i]->key;
  return read_prompts(a, node_get(of, "prompt"), s, e);
}

bool token_services(struct arena *a, const struct profile *p, int *n, struct token_service **all, struct err *e)
{
  const struct node *tokens = node_get(p->value, "tokens");
  bool good = true;
  *n = node_is(tokens, NODE_MAP) ? (int)tokens->n : 0;
  *all = arena_array(a, struct token_service, *n + 1);
  for (int i = 0; i < *n; i++)
    good &= read_service(a, tokens->child[i], &(*all)[i], e);
  return good;
}

/* ---- what it says of one time ----------------------------------------------------------------------------------- */

double token_prompt_s(const struct token_service *s, double tok)
{
  if (s->n == 0)
    return tok / s->prefill_tok_per_s;
  if (tok < s->tok[0] || tok > s->tok[s->n - 1])
    return NAN;
  int i = 0;
  while (i + 2 < s->n && s->tok[i + 1] < tok)
    i++;
  return s->n == 1 ? s->time_s[0]
                   : s->time_s[i] + (s->time_s[i + 1] - s->time_s[i]) * (tok - s->tok[i]) / (s->tok[i + 1] - s->tok[i]);
}

double token_step_s(const struct token_service *s, double requests, double context_tok)
{
  if (s->has_step)
    return s->a_s + s->c_s * requests + s->kv_s * requests * context_tok;
  return requests == 1 ? 1 / s->decode_tok_per_s : NAN;
}

/* ---- a table ---------------------------------------------------------------------------------------------------- */

static void print_error(const char *of, const struct left_out *e)
{
  if (e->shapes && isfinite(e->mape))
    printf("  error of %s: mean %.1f %%, p90 %.1f %%, largest %.1f %% of %llu points left out%s%s%s\n", of, 100 * e->mape, 100 * e->p90,
           100 * e->max, e->shapes, e->model ? " (" : "", e->model ? e->model : "", e->model ? ")" : "");
  else
    printf("  error of %s: not said\n", of);
}

/* All lengths, or some of them, evenly, with the first and the last. */
static void print_prompts(const struct token_service *s)
{
  int rows = s->n < ROWS_MOST ? s->n : ROWS_MOST;
  struct table *t = table_new(3);
  table_cell(t, "  prompt, tok");
  table_cell(t, "time");
  table_cell(t, "rate, tok/s");
  table_rule(t);
  for (int r = 0; r < rows; r++) {
    int i = rows == s->n ? r : (int)lround((double)r * (s->n - 1) / (rows - 1));
    table_cell(t, "  %.0f", s->tok[i]);
    table_cell(t, "%s", time_text(s->time_s[i]).s);
    table_cell(t, "%s", number_text(s->tok[i] / s->time_s[i]).s);
  }
  table_print(t, stdout, 0);
  if (rows < s->n)
    printf("  %d of its %d lengths; linear between them\n", rows, s->n);
  print_error("prompts", &s->prompt_error);
}

static const char *if_guessed(bool guessed) { return guessed ? " (not measured)" : ""; }

static void print_step(const struct token_service *s)
{
  static const double context_tok = 4096;
  double bare = token_step_s(s, 1, 0), deep = token_step_s(s, 1, context_tok);
  printf("  a step: %s + %s a request%s", time_text(s->a_s).s, time_text(s->c_s).s, if_guessed(s->c_guessed));
  if (s->kv_s > 0 || s->kv_guessed)
    printf(" + %s a token of context%s", time_text(s->kv_s).s, if_guessed(s->kv_guessed));
  printf("\n");
  printf("  one request: %s tok/s without context", number_text(1 / bare).s);
  if (s->kv_s > 0)
    printf(", %s tok/s on %.0f tokens", number_text(1 / deep).s, context_tok);
  printf("\n");
  print_error("steps", &s->step_error);
}

void token_service_print(const struct token_service *s)
{
  printf("\nmodel %s\n", s->variant);
  if (s->source)
    printf("  source: %s, %d, grade %s\n", s->source->source, s->source->year, s->source->grade);
  if (s->n)
    print_prompts(s);
  else if (isfinite(s->prefill_tok_per_s))
    printf("  prompts: %s tok/s\n", number_text(s->prefill_tok_per_s).s);
  if (s->has_step)
    print_step(s);
  else if (isfinite(s->decode_tok_per_s))
    printf("  one request: %s tok/s\n", number_text(s->decode_tok_per_s).s);
  if (s->step_time) {
    printf("  LLM engines: step times of their own (%s)\n", s->step_time);
    print_error("them", &s->step_time_error);
  }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

json *put_left_out(json *o, const struct left_out *e)
{
  json_put_string(o, "model", e->model);
  json_put_number(o, "mape", e->mape);
  json_put_number(o, "p90", e->p90);
  json_put_number(o, "max", e->max);
  return json_put_int(o, "shapes", (int64_t)e->shapes);
}

static json *prompts_json(const struct token_service *s)
{
  json *o = json_new_object(), *tokens = json_new_array(), *times = json_new_array();
  for (int i = 0; i < s->n; i++) {
    json_push(tokens, json_number_value(s->tok[i]));
    json_push(times, json_number_value(s->time_s[i]));
  }
  json_put(o, "tokens", tokens);
  json_put(o, "times_s", times);
  return json_put(o, "error", put_left_out(json_new_object(), &s->prompt_error));
}

static json *step_json(const struct token_service *s)
{
  json *o = json_new_object();
  json_put_number(o, "a_s", s->a_s);
  json_put_number(o, "c_s", s->c_s);
  json_put_number(o, "kv_s", s->kv_s);
  json_put_bool(o, "c_measured", !s->c_guessed);
  json_put_bool(o, "kv_measured", !s->kv_guessed);
  return json_put(o, "error", put_left_out(json_new_object(), &s->step_error));
}

json *token_service_json(const struct token_service *s)
{
  json *o = json_new_object();
  json_put_number(o, "prefill_tok_per_s", s->prefill_tok_per_s);
  if (isfinite(s->decode_tok_per_s))
    json_put_number(o, "decode_tok_per_s", s->decode_tok_per_s);
  if (s->n)
    json_put(o, "prompt", prompts_json(s));
  if (s->has_step)
    json_put(o, "step", step_json(s));
  if (s->step_time)
    json_put(o, "step_time", json_put_string(put_left_out(json_new_object(), &s->step_time_error), "form", s->step_time));
  return o;
}
