/* import.c: `offsim profile import`: tables that others measured, as a profile of hardware. */
#include "experiments/calibrate/calibration_files.h"
#include "experiments/calibrate/import.h"
#include "experiments/calibrate/profile_commands.h"
#include "experiments/options.h"
#include "sim/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEAST_PROMPTS = 2, NAME_MOST = 64 };
static const double HELD_OUT_BAR = 0.05;

static const char usage[] =
  "usage: offsim profile import --from FORMAT FILE --map variant=NAME[,KEY=VALUE]... [-o PROFILE.yaml] [--where COLUMN=VALUE]...\n"
  "                             [--hold-out TOKENS,...] [--name N] [--source TEXT] [--year Y] [--grade M|D|P|E] [--format text|json]\n"
  "  --from llama-bench   FILE: what llama-bench prints with -o json, jsonl, csv or md\n"
  "  --from vllm-tables   FILE: PREFIX of PREFIX_dense.csv.gz, _attention, _per_sequence, _skew_fit; --map model=NAME\n"
  "                       [kv_tokens= knots=]\n"
  "  --from vidur         FILE: its mlp.csv; --map model=NAME,flops=RATE,bandwidth=RATE [tensor_parallel=, interconnect=]: attention\n"
  "                       by rooflines, for its table has none\n"
  "  --from csv           FILE: any table; --map prompt=COLUMN,time=COLUMN,unit=s|ms|us|ns|tok/s [batch=COLUMN, context=COLUMN];\n"
  "                       rows with a prompt of 0 tokens are steps of `batch` requests that decode, each on `context`\n"
  "  --map KEY=VALUE,...  variant (needed): the scenario's name of the model; what the format needs; and for the profile, with their\n"
  "                       units: memory, idle_power, busy_power, kv_cap, max_batch\n"
  "  -o PROFILE.yaml      what to write; default: nothing, the errors are told all the same\n"
  "  --where COLUMN=VALUE only rows that have it; where one file holds several models or settings\n"
  "  --hold-out A,B,...   prompts of so many tokens are kept out of the profile and foretold by it; exit 1: one is more than 5 % off\n"
  "  --name N             of the profile, an id; default: as the file\n"
  "  --source TEXT        where the numbers are from; default: made of what FILE says\n"
  "  --year Y             of the measurement; default: this year\n"
  "  --grade M|D|P|E      measured (default), read in the source, taken from a publication, engineering estimate\n"
  "  --format text|json   of what is printed (text)\n"
  "  Holes of the grid and times that fall are listed; each prompt length is foretold from the others.\n";

struct import_format { const char *name; import_reader *read; const char *keys[8]; };
static const struct import_format formats[] = {
  {"llama-bench", import_llama, {NULL}},
  {"vllm-tables", import_vllm, {"model", "kv_tokens", "knots"}},
  {"vidur", import_vidur, {"model", "flops", "bandwidth", "tensor_parallel", "interconnect"}},
  {"csv", import_csv, {"prompt", "batch", "context", "time", "unit"}},
};
static const char *const common_keys[] = {"variant", "memory", "idle_power", "busy_power", "kv_cap", "max_batch"};
enum { N_FORMATS = sizeof formats / sizeof *formats, N_COMMON = sizeof common_keys / sizeof *common_keys };

/* ---- what the formats use ----------------------------------------------------------------------------------------- */

const char *import_map(const struct import_ask *ask, const char *key)
{
  for (int i = 0; i < ask->n_maps; i++)
    if (!strcmp(ask->map[i].key, key))
      return ask->map[i].value;
  return NULL;
}

bool import_number(const struct import_ask *ask, const char *key, double otherwise, double *x, struct err *e)
{
  const char *text = import_map(ask, key);
  char *end;
  if (!text && isnan(otherwise))
    return err_add(e, (struct where){0}, "--from %s needs --map %s=NUMBER", ask->from, key);
  *x = text ? strtod(text, &end) : otherwise;
  if (!text || (*text && !*end && isfinite(*x) && *x > 0))
    return true;
  return err_add(e, (struct where){0}, "--map %s=%s: no positive number", key, text);
}

bool import_time_possible(double s) { return s >= 1e-9 && s <= 1e6; }

void import_note(struct import_result *r, struct arena *a, const char *format, ...)
{
  char text[400];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  if ((r->n_notes & (r->n_notes - 1)) == 0) {           /* room for twice as many */
    const char **more = arena_array(a, const char *, 2 * r->n_notes + 1);
    if (r->n_notes)
      memcpy(more, r->note, (size_t)r->n_notes * sizeof *more);
    r->note = more;
  }
  r->note[r->n_notes++] = arena_strdup(a, text);
}

/* ---- command line ------------------------------------------------------------------------------------------------- */

static const char *const known[] = {"--from", "--map", "--where", "--hold-out", "-o", "--name", "--source", "--year", "--grade", "--format"};

struct reading { struct import_ask *ask; struct arena *arena; const char *year, *hold_out; };

/* KEY=VALUE,... onto the end of the list. */
static bool take_pairs(struct arena *a, const char *option, const char *value, struct import_pair *pair, int *n, struct err *e)
{
  char *rest = arena_strdup(a, value);
  for (char *one; (one = strsep(&rest, ","));) {
    char *equals = strchr(one, '=');
    if (!equals || equals == one || !equals[1])
      return err_add(e, (struct where){0}, "profile import: %s takes KEY=VALUE, not '%s'", option, one);
    if (*n == IMPORT_MAPS)
      return err_add(e, (struct where){0}, "profile import: more than %d values for %s", IMPORT_MAPS, option);
    *equals = 0;
    pair[(*n)++] = (struct import_pair){one, equals + 1};
  }
  return true;
}

static bool take(void *context, const char *option, const char *value, struct err *e)
{
  struct reading *r = context;
  struct import_ask *ask = r->ask;
  const struct option_text texts[] = {{"--from", &ask->from}, {"-o", &ask->out}, {"--name", &ask->name}, {"--source", &ask->source},
    {"--year", &r->year}, {"--grade", &ask->grade}, {"--format", &ask->format}, {"--hold-out", &r->hold_out}};
  if (!value)
    return err_add(e, (struct where){0}, "profile import: %s needs a value", option);
  if (!strcmp(option, "--map"))
    return take_pairs(r->arena, option, value, ask->map, &ask->n_maps, e);
  if (!strcmp(option, "--where"))
    return take_pairs(r->arena, option, value, ask->where, &ask->n_where, e);
  return options_text(texts, sizeof texts / sizeof *texts, option, value);
}

static bool take_hold_out(struct reading *r, struct err *e)
{
  char *rest = r->hold_out ? arena_strdup(r->arena, r->hold_out) : NULL;
  for (char *one, *end; (one = strsep(&rest, ","));) {
    double x = strtod(one, &end);
    if (!*one || *end || !(x >= 1) || r->ask->n_held_out == IMPORT_HELD_OUT)
      return err_add(e, (struct where){0}, "profile import: --hold-out takes up to %d lengths in tokens, not '%s'", IMPORT_HELD_OUT, one);
    r->ask->held_out[r->ask->n_held_out++] = x;
  }
  return true;
}

static const struct import_format *find_format(const char *name, struct err *e)
{
  const char *names[N_FORMATS];
  for (int i = 0; i < N_FORMATS; i++) {
    names[i] = formats[i].name;
    if (name && !strcmp(name, names[i]))
      return &formats[i];
  }
  const char *near = name ? nearest_or_begun(name, names, N_FORMATS) : NULL;
  err_add(e, (struct where){0}, name ? "profile import: --from %s: no such format%s%s%s; it reads llama-bench, vllm-tables, vidur, csv"
          : "profile import: --from FORMAT is missing: llama-bench, vllm-tables, vidur or csv", name, near ? "; did you mean '" : "",
          near ? near : "", near ? "'?" : "");
  return NULL;
}

static bool check_maps(const struct import_ask *ask, const struct import_format *f, struct err *e)
{
  const char *names[N_COMMON + 8];
  size_t n = 0;
  for (int i = 0; i < N_COMMON; i++)
    names[n++] = common_keys[i];
  for (int i = 0; i < 8 && f->keys[i]; i++)
    names[n++] = f->keys[i];
  for (int i = 0; i < ask->n_maps; i++) {
    bool there = false;
    for (size_t k = 0; k < n; k++)
      there |= !strcmp(ask->map[i].key, names[k]);
    const char *near = there ? NULL : nearest(ask->map[i].key, names, n);
    if (!there)
      err_add(e, (struct where){0}, "--map: --from %s has no '%s'%s%s%s", f->name, ask->map[i].key, near ? "; did you mean '" : "",
              near ? near : "", near ? "'?" : "");
  }
  if (!import_map(ask, "variant"))
    err_add(e, (struct where){0}, "--map variant=NAME is missing: what scenarios call the model");
  return !err_any(e);
}

static bool is_name(const char *s)
{
  size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
  return *s && !s[n] && n <= NAME_MOST;
}

static const char *name_of_file(const char *path, struct arena *a)
{
  const char *slash = strrchr(path, '/');
  char *name = arena_strdup(a, slash ? slash + 1 : path), *dot = strrchr(name, '.');
  if (dot && dot > name)
    *dot = 0;
  return name;
}

static bool check_ask(struct reading *r, struct err *e)
{
  struct import_ask *ask = r->ask;
  time_t now = time(NULL);
  struct tm day;
  ask->year = r->year ? atoi(r->year) : gmtime_r(&now, &day)->tm_year + 1900;
  if (ask->year < 1900 || ask->year > 2100)
    err_add(e, (struct where){0}, "--year %s: not a year", r->year);
  if (ask->grade && (strlen(ask->grade) != 1 || !strchr("MDPE", *ask->grade)))
    err_add(e, (struct where){0}, "--grade is M, D, P or E, not '%s'", ask->grade);
  if (ask->format && strcmp(ask->format, "text") != 0 && strcmp(ask->format, "json") != 0)
    err_add(e, (struct where){0}, "--format is text or json, not '%s'", ask->format);
  if (!ask->file)
    err_add(e, (struct where){0}, "profile import: which FILE?");
  if (ask->out && profile_may_be("profile import", ask->out, e) && !ask->name)
    ask->name = name_of_file(ask->out, r->arena);
  if (ask->name && !is_name(ask->name))
    err_add(e, (struct where){0}, "'%s' is no name for hardware (letters, digits, . _ -); --name gives another", ask->name);
  const char *variant = import_map(ask, "variant");
  if (variant && !is_name(variant))
    err_add(e, (struct where){0}, "--map variant=%s: no name (letters, digits, . _ -)", variant);
  ask->grade = ask->grade ? ask->grade : "M";
  return !err_any(e);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static bool is_held_out(const struct import_ask *ask, double tok)
{
  for (int i = 0; i < ask->n_held_out; i++)
    if (ask->held_out[i] == tok)
      return true;
  return false;
}

/* Whole prompts of these lengths go to `out`, without the rest of their rows. Returns how many. */
static int hold_out(const struct import_ask *ask, struct import_points *p, struct prompt_point *out)
{
  int n = 0, kept = 0;
  double least = p->n_prompts ? p->prompt[0].context_tok : 0;
  for (int i = 0; i < p->n_prompts; i++)
    if (!is_held_out(ask, p->prompt[i].tok))
      p->prompt[kept++] = p->prompt[i];
    else if (p->prompt[i].context_tok == least && n < IMPORT_HELD_OUT)
      out[n++] = p->prompt[i];
  p->n_prompts = kept;
  return n;
}

static bool enough(const struct import_ask *ask, const struct import_points *p, struct err *e)
{
  int n = 0;
  for (int i = 0; i < p->n_prompts; i++)
    n += p->prompt[i].context_tok == p->prompt[0].context_tok;
  if (n < LEAST_PROMPTS)
    err_add(e, (struct where){.file = ask->file}, "%d length%s of prompts; a profile needs %d at least, a dozen to be of use", n,
            n == 1 ? "" : "s", LEAST_PROMPTS);
  if (p->n_steps == 0)
    err_add(e, (struct where){.file = ask->file}, "no row tells what a decode step takes%s",
            strcmp(ask->from, "llama-bench") ? "" : "; measure it as well (-n 128)");
  return !err_any(e);
}

static int held_out_missing(const struct import_ask *ask, int n, struct err *e)
{
  if (n < ask->n_held_out)
    err_add(e, (struct where){.file = ask->file}, "%d of the %d lengths of --hold-out were not measured", ask->n_held_out - n,
            ask->n_held_out);
  return n;
}

static bool all_near(const struct import_result *r, const struct prompt_point *p, int n)
{
  for (int i = 0; i < n; i++)
    if (!(fabs(import_prompt_at(&r->prompt, p[i].tok) / p[i].time_s - 1) <= HELD_OUT_BAR))
      return false;
  return true;
}

static bool import(const struct import_ask *ask, const struct import_format *f, struct arena *a, bool *near, struct err *e)
{
  struct import_points p = {0};
  struct import_result r = {0};
  struct prompt_point left_out[IMPORT_HELD_OUT];
  if (!f->read(ask, &p, &r, a, e))
    return false;
  import_check(&p, &r, a);
  int n = held_out_missing(ask, hold_out(ask, &p, left_out), e);
  if (err_any(e) || !enough(ask, &p, e))
    return false;
  import_fit_prompts(&p, r.made, &r.prompt, a);
  import_fit_steps(&p, &r.step, a);
  r.context_error = import_context_error(&p, &r.prompt);
  if (r.own_prompt_error.shapes)
    r.prompt.error = r.own_prompt_error;
  *near = all_near(&r, left_out, n);
  if (!ask->out || import_write(ask, &r, a, e))
    import_print(ask, &p, &r, left_out, n);
  free(r.step_time.s);
  return !err_any(e);
}

int profile_import(int argc, char **argv)
{
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  struct arena *a = arena_new();
  struct import_ask ask = {0};
  struct reading r = {.ask = &ask, .arena = a};
  const struct import_format *f = NULL;
  bool near = true;
  err_init(&e);
  if (options_read("profile import", argc, argv, known, sizeof known / sizeof *known, take, &r, &ask.file, &e) &&
      take_hold_out(&r, &e) && (f = find_format(ask.from, &e)) && check_ask(&r, &e) && check_maps(&ask, f, &e))
    import(&ask, f, a, &near, &e);
  err_say(&e);
  int code = err_any(&e) ? (int)e.code : near ? EXIT_OK : EXIT_NEGATIVE;
  err_release(&e);
  arena_free(a);
  return code;
}
