/* import_llama.c: what llama-bench of llama.cpp prints: JSON, JSON lines, CSV or Markdown.
 *
 * A test ppN reads a prompt of N tokens, tgN makes N tokens one by one, both at depth d: on d tokens of context. A step of tgN
 * is its time over N, on d + N / 2 tokens on average. Tests that do both (pp+tg) tell neither and are passed over.
 * In JSON and CSV: n_prompt, n_gen, n_depth, avg_ns. In Markdown: test ("pp512", "tg128 @ d4096") and t/s ("6543.21 +- 12.3").
 */
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What makes two rows two settings. */
static const char *const settings[] = {"model_filename", "model_type", "model", "size", "params", "backend", "backends", "cpu_info",
  "gpu_info", "n_batch", "n_ubatch", "n_threads", "threads", "type_k", "type_v", "n_gpu_layers", "ngl", "split_mode", "main_gpu",
  "no_kv_offload", "flash_attn", "fa", "tensor_split", "use_mmap", "embeddings", "n_cpu_moe"};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

struct bench { const struct sheet *sheet; int prompt, made, depth, ns, rate, test; };

/* All chosen rows have the same settings. */
static bool one_setting(const struct import_ask *ask, const struct sheet *s, struct err *e)
{
  for (int k = 0; k < N_SETTINGS; k++) {
    int column = sheet_column(s, settings[k]), first = -1;
    for (int i = 0; column >= 0 && i < s->n; i++) {
      if (!import_chosen(ask, s, i))
        continue;
      first = first < 0 ? i : first;
      if (strcmp(sheet_text(s, i, column), sheet_text(s, first, column)) == 0)
        continue;
      err_add(e, sheet_at(s, i, column), "rows of several settings: %s is '%s' and '%s'; choose with --where %s=VALUE", settings[k],
              sheet_text(s, first, column), sheet_text(s, i, column), settings[k]);
      break;
    }
  }
  return !err_any(e);
}

static bool find_columns(struct bench *b, struct err *e)
{
  const struct sheet *s = b->sheet;
  b->test = sheet_column(s, "test");
  b->rate = sheet_column(s, b->test >= 0 ? "t/s" : "avg_ts");
  b->depth = sheet_column(s, "n_depth");
  if (b->test >= 0)
    return b->rate >= 0 || sheet_needs(s, "t/s", e) >= 0;
  b->ns = sheet_needs(s, "avg_ns", e);
  b->prompt = sheet_needs(s, "n_prompt", e);
  b->made = sheet_needs(s, "n_gen", e);
  return !err_any(e);
}

struct test { double prompt, made, depth, time_s; };

/* "pp512", "tg128 @ d4096", "pp512+tg128". */
static bool parse_test(const char *text, struct test *t)
{
  char *end = (char *)text;
  if (!strncmp(end, "pp", 2))
    t->prompt = strtod(end + 2, &end);
  if (*end == '+')
    end++;
  if (!strncmp(end, "tg", 2))
    t->made = strtod(end + 2, &end);
  if (!strncmp(end, " @ d", 4))
    t->depth = strtod(end + 4, &end);
  return !*end && sheet_is_count(t->prompt) && sheet_is_count(t->made) && sheet_is_count(t->depth) && t->prompt + t->made >= 1;
}

static bool read_markdown(const struct bench *b, int row, struct test *t, struct err *e)
{
  const char *rate = sheet_text(b->sheet, row, b->rate);
  char *end;
  double tok_per_s = strtod(rate, &end);
  if (!parse_test(sheet_text(b->sheet, row, b->test), t))
    return err_add(e, sheet_at(b->sheet, row, b->test), "'%s' is no test such as pp512, tg128 or pp512 @ d4096",
                   sheet_text(b->sheet, row, b->test));
  if (end == rate || (*end && *end != ' ') || !(tok_per_s > 0) || !isfinite(tok_per_s))
    return err_add(e, sheet_at(b->sheet, row, b->rate), "'%s' is no rate in tokens a second", rate);
  t->time_s = (t->prompt + t->made) / tok_per_s;
  return import_time_possible(t->time_s) || err_add(e, sheet_at(b->sheet, row, b->rate), "%s: a test of %.4g s; 1 ns to 1e6 s are possible",
                                                    rate, t->time_s);
}

static bool read_row(const struct bench *b, int row, struct test *t, struct err *e)
{
  double ns;
  *t = (struct test){0};
  if (b->test >= 0)
    return read_markdown(b, row, t, e);
  if (!sheet_count(b->sheet, row, b->prompt, &t->prompt, e) || !sheet_count(b->sheet, row, b->made, &t->made, e) ||
      !sheet_number(b->sheet, row, b->ns, 1, &ns, e) || (b->depth >= 0 && !sheet_count(b->sheet, row, b->depth, &t->depth, e)))
    return false;
  t->time_s = 1e-9 * ns;
  if (!import_time_possible(t->time_s))
    return err_add(e, sheet_at(b->sheet, row, b->ns), "avg_ns: '%s' ns: a test takes 1 ns to 1e6 s", sheet_text(b->sheet, row, b->ns));
  return t->prompt + t->made >= 1 || err_add(e, sheet_at(b->sheet, row, b->prompt), "neither prompt nor made tokens");
}

static void add_test(const struct test *t, struct import_points *p, int *both)
{
  if (t->prompt > 0 && t->made > 0)
    ++*both;
  else if (t->prompt > 0)
    p->prompt[p->n_prompts++] = (struct prompt_point){t->prompt, t->depth, t->time_s};
  else
    p->step[p->n_steps++] = (struct step_point){1, t->depth + t->made / 2, t->time_s / t->made};
}

static const char *first_text(const struct import_ask *ask, const struct sheet *s, const char *a, const char *b)
{
  int column = sheet_column(s, a) >= 0 ? sheet_column(s, a) : sheet_column(s, b);
  for (int i = 0; column >= 0 && i < s->n; i++)
    if (import_chosen(ask, s, i))
      return sheet_text(s, i, column);
  return NULL;
}

bool import_llama(const struct import_ask *ask, struct import_points *p, struct import_result *r, struct arena *a, struct err *e)
{
  struct bench b = {.sheet = sheet_read(ask->file, a, e)};
  int both = 0;
  if (!b.sheet || !import_where(ask, b.sheet, e) || !one_setting(ask, b.sheet, e) || !find_columns(&b, e))
    return false;
  p->prompt = arena_array(a, struct prompt_point, b.sheet->n);
  p->step = arena_array(a, struct step_point, b.sheet->n);
  for (int i = 0; i < b.sheet->n; i++) {
    struct test t;
    if (import_chosen(ask, b.sheet, i) && read_row(&b, i, &t, e))
      add_test(&t, p, &both);
  }
  if (both)
    import_note(r, a, "%d tests of prompt and output together were passed over", both);
  const char *build = first_text(ask, b.sheet, "build_commit", "build_commit"), *model = first_text(ask, b.sheet, "model_type", "model");
  const char *gpu = first_text(ask, b.sheet, "gpu_info", "backend"), *cpu = first_text(ask, b.sheet, "cpu_info", "backend");
  r->kind = gpu && *gpu ? gpu : cpu;
  r->measured = arena_printf(a, "llama-bench%s%s", build ? " " : "", build ? build : "");
  r->own_source = arena_printf(a, "llama-bench of llama.cpp, one request, %s", model ? model : "model not named");
  return !err_any(e);
}
