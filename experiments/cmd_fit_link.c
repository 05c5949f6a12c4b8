/* cmd_fit_link.c: `offsim fit-link TRACE...`: a link model fitted to measured runs, tested on runs that it has not seen. */
#include "experiments/commands.h"
#include "experiments/fit_link.h"
#include "experiments/options.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 5, BLOCK_LEAST = 60, RUNS_FOR_HOLD_OUT = 3 };

static const char usage[] =
  "usage: offsim fit-link TRACE... [--kind rtt|capacity|throughput] [--hold-out TRACE,...] [--format table|json]\n"
  "                       [--body choose|family] [--column C] [--gaps refuse|cut|outage] [--threshold S] [--outage S] [--seed N]\n"
  "                       [--up TRACE,...] [--deadline S] [--local S] [--service S]\n"
  "                       [--effect SCENARIO.yaml [--link L] [--replications N] [--results DIR]]\n"
  "                       [-o PRESET.yaml [--name N] [--source TEXT] [--year Y] [--grade M|D|P|E]]\n"
  "  Fits body, spikes and outages of round-trip times, or a log-AR(1) of rates. Without --hold-out each run is held out once;\n"
  "  one or two traces are cut into 5 blocks of time each. Exit 1: the held-out error is above the run-to-run spread,\n"
  "  or the held-out runs are of another condition (three times as far from the others as those from each other).\n"
  "  --up: rates of the other direction, fitted by themselves; the preset then has both.\n"
  "  --column: ucc5g: dl_kbps, ul_kbps; netlatency: the pair. --gaps: what a hole in a trace is (default: refused).\n"
  "  --body: choose takes the values themselves where no family is near (KS 0.02); family: always the nearest.\n"
  "  --threshold: messages above are episodes (default: 60 ms, or 3 x the lowest decile); --outage: peaks from here on (1 s)\n"
  "  --deadline, --local, --service: of the tasks that show the effect on decisions\n"
  "  --effect: runs this scenario with the traces (held-out ones, if there are) on its link, and with the model there: missed\n"
  "  deadlines and ranks of its policies side by side. Runs are kept in --results (default results/NAME-fit-link).\n";

struct options {
  const char *file[LINK_RUNS_MAX], *kind, *hold_out, *format, *column, *gaps, *threshold, *outage, *seed, *deadline, *local,
    *service, *out, *year, *body, *up, *effect, *link, *replications, *results;
  size_t n;
  struct link_preset preset;
};

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static bool refuse(struct err *e, const char *option, const char *why, const char *value)
{
  return err_add(e, (struct where){0}, "fit-link: %s%s '%s'", option, why, value);
}

enum { N_OPTIONS = 23 };

static bool take_option(struct options *o, const char *word, const char *value, struct err *e)
{
  const struct option_text texts[N_OPTIONS] = {
    {"--kind", &o->kind}, {"--hold-out", &o->hold_out}, {"--format", &o->format}, {"--column", &o->column},
    {"--gaps", &o->gaps}, {"--threshold", &o->threshold}, {"--outage", &o->outage}, {"--seed", &o->seed},
    {"--deadline", &o->deadline}, {"--local", &o->local}, {"--service", &o->service}, {"-o", &o->out},
    {"--name", &o->preset.name}, {"--source", &o->preset.source}, {"--year", &o->year}, {"--grade", &o->preset.grade},
    {"--doc", &o->preset.doc}, {"--body", &o->body}, {"--up", &o->up},
    {"--effect", &o->effect}, {"--link", &o->link}, {"--replications", &o->replications}, {"--results", &o->results}};
  if (value && options_text(texts, N_OPTIONS, word, value))
    return true;
  const char *known[N_OPTIONS];
  for (int i = 0; i < N_OPTIONS; i++) {
    known[i] = texts[i].option;
    if (!strcmp(word, known[i]))
      return err_add(e, (struct where){0}, "fit-link: a value is missing after '%s'", word);
  }
  return options_unknown("fit-link", word, known, N_OPTIONS, e);
}

static bool add_file(struct options *o, const char *file, struct err *e)
{
  if (o->n == LINK_RUNS_MAX)
    return err_add(e, (struct where){0}, "fit-link: more than %d traces", LINK_RUNS_MAX);
  o->file[o->n++] = file;
  return true;
}

static bool seconds_of(const char *option, const char *text, double *s, struct err *e)
{
  if (!text)
    return true;
  char *end;
  *s = strtod(text, &end);
  return (end != text && !*end && *s > 0 && isfinite(*s)) || refuse(e, option, " must be seconds above 0, not", text);
}

/* The number of a word in a list; -1 after adding. */
static int choice(const char *option, const char *value, const char *const *words, int n, struct err *e)
{
  for (int i = 0; value && i < n; i++)
    if (!strcmp(value, words[i]))
      return i;
  if (value)
    refuse(e, option, ": unknown value", value);
  return value ? -1 : 0;
}

static bool preset_options(struct options *o, struct err *e)
{
  struct link_preset *p = &o->preset;
  p->year = o->year ? atoi(o->year) : 0;
  if (o->year && (p->year < 1900 || p->year > 2200))
    return refuse(e, "--year", ": not a year:", o->year);
  if (p->grade && (strlen(p->grade) != 1 || !strchr("MDPE", p->grade[0])))
    return refuse(e, "--grade", " must be M, D, P or E, not", p->grade);
  if (o->out && !o->year)
    return err_add(e, (struct where){0}, "fit-link: a preset carries its source: add --year Y");
  if (o->out && !p->source && !p->grade)
    fputs("fit-link: no --source: the preset says 'own measurement', grade E; --source TEXT makes it a measurement (M)\n", stderr);
  p->grade = p->grade ? p->grade : p->source ? "M" : "E";
  p->source = p->source ? p->source : "own measurement";
  p->doc = p->doc ? p->doc : "Fitted link";
  if (!o->effect && (o->link || o->replications || o->results))
    return refuse(e, o->link ? "--link" : o->replications ? "--replications" : "--results", " goes with --effect, not",
                  o->link ? o->link : o->replications ? o->replications : o->results);
  p->up = o->column && !strcmp(o->column, "ul_kbps");
  return true;
}

static bool read_arguments(struct options *o, int argc, char **argv, struct err *e)
{
  bool good = true;
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-' && argv[i][1])
      good &= take_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, e), i++;
    else
      good &= add_file(o, argv[i], e);
  }
  if (good && o->n == 0)
    good = err_add(e, (struct where){0}, "fit-link: which traces? `offsim fit-link TRACE...`");
  static const char *const formats[] = {"table", "json"};
  return good && choice("--format", o->format, formats, 2, e) >= 0 && preset_options(o, e);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

struct reading { struct link_study study; struct link_run run[LINK_RUNS_MAX * BLOCKS]; struct arena *arena; };

/* As asked, or under $OFFSIM_DATA. */
static const char *find_file(const char *asked, struct arena *a)
{
  const char *data = getenv("OFFSIM_DATA");
  if (access(asked, F_OK) == 0 || asked[0] == '/' || !data)
    return asked;
  const char *path = arena_printf(a, "%s/%s", data, asked);
  return access(path, F_OK) == 0 ? path : asked;
}

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double usual_step(const double *at, size_t n)
{
  if (n < 2)
    return 1;
  double *step = zeros_new(n, sizeof *step);
  for (size_t i = 0; i + 1 < n; i++)
    step[i] = at[i + 1] - at[i];
  qsort(step, n - 1, sizeof *step, by_size);
  double middle = step[(n - 1) / 2];
  free(step);
  return middle;
}

static bool same_kind(struct reading *r, const char *asked, const struct link_trace *t, struct err *e)
{
  struct link_study *s = &r->study;
  const struct where at = {.file = t->file};
  if (t->kind == LINK_DELAY)
    return err_add(e, at, "a histogram has no time; fit-link needs runs");
  if (asked && strcmp(asked, link_trace_kind_names[t->kind]))
    return err_add(e, at, "holds %s, not %s%s", link_trace_kind_names[t->kind], asked,
                   t->kind == LINK_THROUGHPUT ? ": what one application got is not what the link could carry" : "");
  if (s->n + s->n_held > 0 && s->kind != t->kind)
    return err_add(e, at, "mixed kinds: this trace is %s, '%s' is %s", link_trace_kind_names[t->kind], r->run[0].name,
                   link_trace_kind_names[s->kind]);
  s->kind = t->kind;
  return true;
}

static bool read_run(struct reading *r, const struct options *o, const char *column, const char *file, size_t *n, struct err *e)
{
  static const char *const holes[] = {"refuse", "cut", "outage"};
  int gaps = choice("--gaps", o->gaps, holes, 3, e);
  if (gaps < 0)
    return false;
  const struct link_trace_def d = {.file = find_file(file, r->arena), .column = column, .gaps = (enum link_gaps)gaps};
  const struct link_trace *t = link_trace_read(&d, r->arena, e);
  if (!t || !same_kind(r, o->kind, t, e))
    return false;
  double *at = arena_array(r->arena, double, t->n);
  for (size_t i = 0; i < t->n; i++)
    at[i] = (double)t->at[i] * 1e-9;
  r->run[r->study.n + r->study.n_held] = (struct link_run){t->file, t->n, at, t->value, usual_step(at, t->n)};
  ++*n;
  return true;
}

/* Names of a list with commas, counted in *n. */
static bool read_list(struct reading *r, const struct options *o, const char *column, const char *names, size_t *n, struct err *e)
{
  char *list = arena_strdup(r->arena, names ? names : ""), *rest = list;
  bool good = true;
  for (char *file; (file = strsep(&rest, ","));)
    if (*file)
      good &= r->study.n + r->study.n_held < LINK_RUNS_MAX ? read_run(r, o, column, file, n, e)
                                                          : err_add(e, (struct where){0}, "fit-link: too many traces");
  return good;
}

static struct link_run block_of(struct reading *r, const struct link_run *whole, size_t from, size_t to, size_t k)
{
  struct link_run b = *whole;
  double *at = arena_array(r->arena, double, to - from);
  for (size_t i = from; i < to; i++)
    at[i - from] = whole->time_s[i] - whole->time_s[from];
  b.name = arena_printf(r->arena, "%s (block %zu of %d)", whole->name, k + 1, BLOCKS);
  b.n = to - from;
  b.time_s = at;
  b.value = whole->value + from;
  return b;
}

/* One or two traces: blocks of time stand for runs. */
static bool cut_blocks(struct reading *r, struct err *e)
{
  struct link_study *s = &r->study;
  struct link_run whole[RUNS_FOR_HOLD_OUT];
  size_t n = 0;
  memcpy(whole, r->run, s->n * sizeof *whole);
  for (size_t i = 0; i < s->n; i++) {
    if (whole[i].n < BLOCKS * BLOCK_LEAST)
      return err_add(e, (struct where){.file = whole[i].name}, "%zu values are too few to test a fit by blocks of time (%d)",
                     whole[i].n, BLOCKS * BLOCK_LEAST);
    for (size_t k = 0; k < BLOCKS; k++)
      r->run[n++] = block_of(r, &whole[i], k * whole[i].n / BLOCKS, (k + 1) * whole[i].n / BLOCKS, k);
  }
  s->n = n;
  s->blocks = true;
  return true;
}

/* up: of `--up`, else of the traces themselves. */
static bool read_study(struct reading *r, const struct options *o, bool up, struct link_effect_def *effect, struct err *e)
{
  struct link_study *s = &r->study;
  static const char *const bodies[] = {"choose", "family"};
  int body = choice("--body", o->body, bodies, 2, e);
  s->limits.choose = body == 0;
  s->run = r->run;
  s->seed = o->seed ? strtoull(o->seed, NULL, 10) : 1;
  bool good = body >= 0;
  good &= seconds_of("--threshold", o->threshold, &s->limits.threshold_s, e);
  good &= seconds_of("--outage", o->outage, &s->limits.outage_s, e);
  good &= seconds_of("--deadline", o->deadline, &effect->deadline_s, e);
  good &= seconds_of("--local", o->local, &effect->local_s, e) && seconds_of("--service", o->service, &effect->service_s, e);
  for (size_t i = 0; good && !up && i < o->n; i++)
    good = read_run(r, o, o->column, o->file[i], &s->n, e);
  good = good && (up ? read_list(r, o, "ul_kbps", o->up, &s->n, e)
                     : read_list(r, o, o->column, o->hold_out, &s->n_held, e));
  return good && (s->n_held > 0 || s->n >= RUNS_FOR_HOLD_OUT || cut_blocks(r, e));
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* The name of a preset is its file's, without folder and ending. */
static const char *preset_name(const char *path, struct arena *a)
{
  const char *slash = strrchr(path, '/');
  char *name = arena_strdup(a, slash ? slash + 1 : path), *dot = strrchr(name, '.');
  if (dot && dot > name)
    *dot = '\0';
  return name;
}

/* Names, as they are found: of a list with commas, or (NULL) the traces themselves. */
static const char **names_of(const struct options *o, const char *list, struct arena *a, size_t *n)
{
  const char **name = arena_array(a, const char *, LINK_RUNS_MAX);
  *n = 0;
  for (size_t i = 0; !list && i < o->n; i++)
    name[(*n)++] = find_file(o->file[i], a);
  char *rest = list ? arena_strdup(a, list) : NULL;
  for (char *file; (file = strsep(&rest, ","));)
    if (*file && *n < LINK_RUNS_MAX)
      name[(*n)++] = find_file(file, a);
  return name;
}

/* The user's scenario, over these traces and over the model. */
static bool try_scenario(const struct options *o, const struct link_study *s, const struct link_model *m,
                         const struct rate_model *up, struct arena *a, struct link_trial *trial, int *code, struct err *e)
{
  size_t n_up;
  struct link_trial_def d = {.scenario = o->effect, .link = o->link, .replications = o->replications, .seed = o->seed,
                             .dir = o->results, .gaps = o->gaps, .column = o->column, .up = up};
  d.file = names_of(o, o->hold_out, a, &d.n);
  if (o->up)
    d.up_file = names_of(o, o->up, a, &n_up);
  if (o->up && n_up != d.n)
    return err_add(e, (struct where){0}, "fit-link: %zu traces and %zu of --up: --effect runs them in pairs", d.n, n_up);
  if (!d.dir)
    d.dir = arena_printf(a, "results/%s-fit-link", preset_name(o->effect, a));
  return link_trial_run(s, m, &d, a, trial, code, e);
}

/* One direction: read, fitted, held out. */
static bool study(const struct options *o, bool up, struct arena *a, struct reading **reading, struct link_result *result,
                  struct err *e)
{
  struct reading *r = *reading = arena_alloc(a, sizeof *r);
  struct link_effect_def effect = {0};
  r->arena = a;
  return read_study(r, o, up, &effect, e) && link_study_run(&r->study, effect, a, result, e);
}

static bool write_preset(const struct options *o, struct link_preset p, const struct link_study *s, const struct link_result *r,
                         struct arena *a, struct err *e)
{
  p.name = p.name ? p.name : preset_name(o->out, a);
  if (!link_preset_write(s, r, &p, o->out, e))
    return false;
  fprintf(stderr, "wrote %s; to use it keep it as presets/links/%s.yaml beside the scenario, and write: preset: %s\n", o->out,
          p.name, p.name);
  if (s->kind == LINK_RTT)
    fprintf(stderr, "round trips tell no rate: bytes take no time on a link of this preset; add rate: to the link\n");
  return true;
}

static void tell(const struct options *o, const struct reading *r, const struct link_result *result, const struct reading *up,
                 const struct link_result *up_result, const struct link_trial *trial)
{
  if (o->format && !strcmp(o->format, "json")) {
    link_result_json(&r->study, result, up ? &up->study : NULL, up_result, trial);
    return;
  }
  link_result_print(&r->study, result);
  if (up)
    printf("\n---- up ----\n");
  if (up)
    link_result_print(&up->study, up_result);
  if (trial)
    link_trial_print(trial);
}

static bool fit(const struct options *o, struct arena *a, bool *within, int *code, struct err *e)
{
  struct reading *r, *up = NULL;
  struct link_result result, up_result;
  struct link_trial trial;
  if (!study(o, false, a, &r, &result, e))
    return false;
  if (o->up && r->study.kind == LINK_RTT)
    return err_add(e, (struct where){.file = r->run[0].name}, "round trips have no directions; --up is for rates");
  struct options other = *o;
  other.kind = link_trace_kind_names[r->study.kind];
  if (o->up && !study(&other, true, a, &up, &up_result, e))
    return false;
  if (o->effect && !try_scenario(o, &r->study, &result.model, up ? up_result.model.rate : NULL, a, &trial, code, e))
    return false;
  tell(o, r, &result, up, &up_result, o->effect ? &trial : NULL);
  *within = result.within && (!up || up_result.within);
  struct link_preset p = o->preset;
  p.of_up = up ? up_result.model.rate : NULL;
  return !o->out || write_preset(o, p, &r->study, &result, a, e);
}

int cmd_fit_link(int argc, char **argv)
{
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  err_init(&e);
  struct arena *a = arena_new();
  struct options o = {0};
  bool within = true;
  int runs = EXIT_OK;
  bool good = read_arguments(&o, argc, argv, &e) && fit(&o, a, &within, &runs, &e);
  err_say(&e);
  int code = err_any(&e) ? (int)e.code : !good ? runs != EXIT_OK ? runs : EXIT_USER : within ? EXIT_OK : EXIT_NEGATIVE;
  err_release(&e);
  arena_free(a);
  return code;
}
