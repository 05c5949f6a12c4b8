/* import_write.c: the profile, which is a hardware preset, and what the command says. A profile is written beside its name,
 * read back as scenarios read it, and only then renamed. */
#include "experiments/calibrate/calibration_files.h"
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/profile_tokens.h"
#include "experiments/fit_link.h"
#include "experiments/version.h"
#include "scenarios/schema.h"
#include "scenarios/tree.h"
#include "sim/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- YAML --------------------------------------------------------------------------------------------------------- */

/* Five digits in the unit that reads best. */
static void put_time(struct text *t, double s)
{
  const struct time_unit *unit = time_unit_of(s);
  text_add(t, "%.5g %s", s * unit->factor, unit->name);
}

static void put_error(struct text *t, const char *indent, const struct import_error *e, const char *method)
{
  if (e->shapes)
    text_add(t, "%serror: {method: %s, model: \"%s\", mape: %.4f, p90: %.4f, max: %.4f, shapes: %d}\n", indent, method, e->model,
             e->mape, e->p90, e->max, e->shapes);
}

static void put_prompt(struct text *t, const struct prompt_fit *f)
{
  text_put(t, "      prompt:\n        tokens: [");
  for (uint32_t i = 0; i < f->n; i++)
    text_add(t, "%s%.0f", i ? ", " : "", f->tok[i]);
  text_put(t, "]\n        times: [");
  for (uint32_t i = 0; i < f->n; i++) {
    text_put(t, i ? ", " : "");
    put_time(t, f->time_s[i]);
  }
  text_put(t, "]\n");
  put_error(t, "        ", &f->error, "leave_one_out");
}

static void put_step(struct text *t, const struct step_fit *f)
{
  text_put(t, "      step:\n        a: ");
  put_time(t, f->a_s);
  text_put(t, "\n        c: ");
  put_time(t, f->c_s);
  text_put(t, "\n        kv: ");
  put_time(t, f->kv_s);
  text_put(t, "\n");
  put_error(t, "        ", &f->error, "leave_one_out");
}

static void put_variant(struct text *t, const struct import_ask *ask, const struct import_result *r)
{
  static const char *const own[] = {"kv_cap", "max_batch"};
  const struct prompt_fit *p = &r->prompt;
  text_add(t, "  tokens:\n    %s:\n      prefill: %.5g tok/s\n", import_map(ask, "variant"), p->tok[p->n - 1] / p->time_s[p->n - 1]);
  put_prompt(t, p);
  put_step(t, &r->step);
  for (int i = 0; i < 2; i++)
    if (import_map(ask, own[i]))
      text_add(t, "      %s: %s\n", own[i], import_map(ask, own[i]));
  if (r->step_time.n == 0)
    return;
  text_add(t, "      step_time:\n%s", r->step_time.s);
  put_error(t, "        ", &r->step_time_error, "other_batches");
}

static void put_source(struct text *t, const struct import_ask *ask, const char *key, const char *source, const char *grade)
{
  text_add(t, "  %s: {source: ", key);
  link_put_quoted(t, source);
  text_add(t, ", year: %d, grade: %s}\n", ask->year, grade);
}

static void put_sources(struct text *t, const struct import_ask *ask, const struct import_result *r, struct arena *a)
{
  const char *variant = import_map(ask, "variant");
  text_put(t, "sources:\n");
  put_source(t, ask, "all", ask->source ? ask->source : r->own_source, ask->grade);
  if (!r->step.c_measured)
    put_source(t, ask, arena_printf(a, "tokens.%s.step.c", variant), r->step.kv_measured ?
               "not measured, one request at a time: what others cost is the reading of their contexts" :
               "not measured, one request at a time: the share of a step that Llama 3.1 8B has on an H100", "E");
  if (!r->step.kv_measured)
    put_source(t, ask, arena_printf(a, "tokens.%s.step.kv", variant), "not measured: contexts of one length only", "E");
}

static void put_measured(struct text *t, const struct import_ask *ask, const struct import_result *r)
{
  text_put(t, "measured:\n  program: ");
  link_put_quoted(t, r->measured);
  if (r->kind) {
    text_put(t, "\n  cpu: ");
    link_put_quoted(t, r->kind);
  }
  text_add(t, "\n  notes:\n    imported_by: offsim profile import --from %s\n    holes: %d\n    falling: %d\n", ask->from, r->n_holes,
           r->n_falling);
  text_put(t, r->n_notes ? "    grid:\n" : "");
  for (int i = 0; i < r->n_notes; i++) {
    text_put(t, "      - ");
    link_put_quoted(t, r->note[i]);
    text_put(t, "\n");
  }
  text_put(t, "  complete: true\n");
}

static void put_profile(struct text *t, const struct import_ask *ask, const struct import_result *r, struct arena *a)
{
  static const char *const own[] = {"memory", "idle_power", "busy_power"};
  text_add(t, "# Token service of one model, imported: statistics of measured times. Made by `offsim profile import`.\n"
           "kind: hardware\nname: %s\ndoc: ", ask->name);
  link_put_quoted(t, arena_printf(a, "%s, imported from %s", r->kind ? r->kind : import_map(ask, "variant"), ask->from));
  text_put(t, "\n");
  put_sources(t, ask, r, a);
  put_measured(t, ask, r);
  text_put(t, "value:\n");
  for (int i = 0; i < 3; i++)
    if (import_map(ask, own[i]))
      text_add(t, "  %s: %s\n", own[i], import_map(ask, own[i]));
  put_variant(t, ask, r);
}

/* As scenarios read it: what the user put in by --map may not fit. The messages name key and value; the places are those of a
 * file that will not be there. */
static bool reads_back(const char *path, struct arena *a, struct err *e)
{
  const char *text;
  size_t n;
  struct err found;
  err_init(&found);
  struct node *root = yaml_read(a, path, &text, &n, &found);
  if (root)
    schema_check(root, "preset", &found);
  if (root && node_get(root, "value"))
    schema_check_part(node_get(root, "value"), "hardware", &found);
  bool good = errors_of_part(&found, NULL, "profile import: --map: the profile would be refused", e);
  err_release(&found);
  return good;
}

bool import_write(const struct import_ask *ask, const struct import_result *r, struct arena *a, struct err *e)
{
  const char *part = arena_printf(a, "%s.%ld.part", ask->out, (long)getpid());
  struct text t = {0};
  put_profile(&t, ask, r, a);
  bool good = text_save(&t, part, e) && reads_back(part, a, e);
  free(t.s);
  good = good && file_sync(part, e) && file_move(part, ask->out, e);
  if (good)
    file_sync_folder(ask->out);
  else
    remove(part);
  return good;
}

/* ---- what it says ------------------------------------------------------------------------------------------------- */

static void print_error(const char *what, const struct import_error *e)
{
  if (e->shapes)
    printf("  %s (%s): mean %.2f %%, p90 %.2f %%, max %.2f %% of %d points that were not given\n", what, e->model, 100 * e->mape, 100 * e->p90,
           100 * e->max, e->shapes);
  else
    printf("  %s: too few points to leave one out\n", what);
}

static void print_text(const struct import_ask *ask, const struct import_points *p, const struct import_result *r,
                       const struct prompt_point *left_out, int n_left_out)
{
  printf("%s: %d times of prompts, %d of decode steps, %d holes, %d that fall\n", ask->file, p->n_prompts, p->n_steps, r->n_holes,
         r->n_falling);
  for (int i = 0; i < r->n_notes; i++)
    printf("  %s\n", r->note[i]);
  print_error("prompts", &r->prompt.error);
  if (r->context_error.shapes)
    print_error("prompts on context, as t(q + n) - t(q)", &r->context_error);
  print_error("steps", &r->step.error);
  if (r->step_time.n && r->step_time_error.shapes)
    print_error("batches of LLM engines", &r->step_time_error);
  printf("  a step: %s + %s a request%s + %s a token of context%s\n", time_text(r->step.a_s).s, time_text(r->step.c_s).s,
         r->step.c_measured ? "" : " (not measured)", time_text(r->step.kv_s).s, r->step.kv_measured ? "" : " (not measured)");
  for (int i = 0; i < n_left_out; i++) {
    double s = import_prompt_at(&r->prompt, left_out[i].tok);
    printf("  held out: %.0f tokens measured %.5g ms, foretold %.5g ms, %+.2f %%\n", left_out[i].tok, 1e3 * left_out[i].time_s, 1e3 * s,
           100 * (s / left_out[i].time_s - 1));
  }
  if (ask->out)
    fprintf(stderr, "wrote %s; in a scenario beside it: hardware: %s\n", ask->out, strrchr(ask->out, '/') ? strrchr(ask->out, '/') + 1 : ask->out);
}

static json *error_json(const struct import_error *e)
{
  bool any = e->shapes > 0;
  return put_left_out(json_new_object(), &(struct left_out){e->model, any ? e->mape : NAN, any ? e->p90 : NAN, any ? e->max : NAN,
                                                                  (unsigned long long)e->shapes});
}

static json *left_out_json(const struct import_result *r, const struct prompt_point *p, int n)
{
  json *list = json_new_array();
  for (int i = 0; i < n; i++) {
    double s = import_prompt_at(&r->prompt, p[i].tok);
    json *o = json_new_object();
    json_put_number(o, "tokens", p[i].tok);
    json_put_number(o, "measured_s", p[i].time_s);
    json_put_number(o, "foretold_s", s);
    json_push(list, json_put_number(o, "error", s / p[i].time_s - 1));
  }
  return list;
}

static void print_json(const struct import_ask *ask, const struct import_points *p, const struct import_result *r,
                       const struct prompt_point *left_out, int n_left_out)
{
  json *o = json_new_object(), *notes = json_new_array(), *step = error_json(&r->step.error);
  json_put_string(o, "file", ask->file);
  json_put_string(o, "from", ask->from);
  json_put_int(o, "prompts", p->n_prompts);
  json_put_int(o, "steps", p->n_steps);
  json_put_int(o, "holes", r->n_holes);
  json_put_int(o, "falling", r->n_falling);
  for (int i = 0; i < r->n_notes; i++)
    json_push(notes, json_string_value_new(r->note[i]));
  json_put(o, "notes", notes);
  json_put(o, "prompt", error_json(&r->prompt.error));
  if (r->context_error.shapes)
    json_put(o, "on_context", error_json(&r->context_error));
  json_put_number(step, "a_s", r->step.a_s);
  json_put_number(step, "c_s", r->step.c_s);
  json_put_number(step, "kv_s", r->step.kv_s);
  json_put(o, "step", step);
  if (r->step_time_error.shapes)
    json_put(o, "step_time", error_json(&r->step_time_error));
  json_put(o, "held_out", left_out_json(r, left_out, n_left_out));
  char *text = json_write(o, true);
  puts(text);
  free(text);
  json_release(o);
}

void import_print(const struct import_ask *ask, const struct import_points *p, const struct import_result *r,
                  const struct prompt_point *left_out, int n_left_out)
{
  bool as_json = ask->format && !strcmp(ask->format, "json");
  (as_json ? print_json : print_text)(ask, p, r, left_out, n_left_out);
}
