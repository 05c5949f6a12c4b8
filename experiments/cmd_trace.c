/* cmd_trace.c: `offsim trace FILE`: what a trace is like, and its fit as a workload preset. */
#include "experiments/commands.h"

#include "analysis/text.h"
#include "experiments/trace_quality.h"
#include "models/workload.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
  "usage: offsim trace FILE [--time COLUMN] [--as datetime|s|ms] [--column NAME=COLUMN]... [--format table|json]\n"
  "                    [--slice FROM..TO] [--max-gap S] [--spread-ties S]\n"
  "                    [--fit -o PRESET.yaml [--name N] [--source TEXT] [--year Y] [--licence TEXT] [--grade G]]\n"
  "       offsim trace FILE --quality [--column set|subject|weak|strong|prompt_chars=COLUMN]... [--format table|json]\n"
  "                    [-o PRESET.yaml --year Y [--weak MODEL --strong MODEL] [--name N] [--source TEXT] [--licence TEXT]\n"
  "                    [--grade G]]\n"
  "  FILE: CSV, TSV or JSON lines, plain or gzip; format, time and columns are guessed when not given\n"
  "  --quality: of a table of outcomes, query by query: which of two models answers it right (0 or 1), by subject; with -o\n"
  "             the joint table as a preset of kind quality\n";

struct options {
  const char *file, *time, *as, *out, *format, *slice;
  double max_gap_s, spread_ties_s;
  const char *weak, *strong;
  bool fit, quality;
  int n_columns;
  struct trace_column_def column[16];
  struct workload_fit about;                            /* name, source, licence, grade, year of the preset */
};

/* ---- arguments --------------------------------------------------------------------------------------------------- */

static bool bad(struct err *e, const char *what, const char *word)
{
  return err_add(e, (struct where){0}, "%s '%s'", what, word);
}

static bool read_seconds(const char *text, double *s, struct err *e)
{
  char *end;
  *s = strtod(text, &end);
  if (end == text || *end || !(*s >= 0) || isinf(*s))
    return bad(e, "not a number of seconds:", text);
  return true;
}

/* NAME=COLUMN, or COLUMN for both. */
static bool add_column(struct options *o, const char *text, struct arena *a, struct err *e)
{
  if (o->n_columns == 16)
    return bad(e, "more than 16 columns at", text);
  const char *equals = strchr(text, '=');
  char *name = arena_strdup(a, text);
  if (equals)
    name[equals - text] = '\0';
  const char *column = equals ? equals + 1 : name;
  o->column[o->n_columns++] = (struct trace_column_def){.attribute = name, .column = column, .scale = 1};
  return *name && (!equals || equals[1]) ? true : bad(e, "expected NAME=COLUMN, not", text);
}

static const char **text_option(struct options *o, const char *name)
{
  struct { const char *name, **value; } texts[] = {
    {"--time", &o->time}, {"--as", &o->as}, {"-o", &o->out}, {"--format", &o->format}, {"--slice", &o->slice},
    {"--name", &o->about.name}, {"--source", &o->about.source}, {"--licence", &o->about.licence},
    {"--grade", &o->about.grade}, {"--weak", &o->weak}, {"--strong", &o->strong}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!strcmp(name, texts[i].name))
      return texts[i].value;
  return NULL;
}

static bool read_option(struct options *o, const char *name, const char *value, struct arena *a, struct err *e)
{
  static const char *const names[] = {"--time", "--as", "-o", "--format", "--slice", "--name", "--source", "--licence",
                                      "--grade", "--column", "--max-gap", "--spread-ties", "--year", "--fit", "--quality",
                                      "--weak", "--strong"};
  const char **text = text_option(o, name);
  bool known = text;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    known |= !strcmp(name, names[i]);
  if (!known) {
    const char *near = nearest(name, names, sizeof names / sizeof *names);
    return err_add(e, (struct where){0}, near ? "unknown option '%s'; did you mean '%s'?" : "unknown option '%s'", name,
                   near);
  }
  if (!value)
    return bad(e, "a value is missing after", name);
  if (text)
    *text = value;
  else if (!strcmp(name, "--column"))
    return add_column(o, value, a, e);
  else if (!strcmp(name, "--max-gap"))
    return read_seconds(value, &o->max_gap_s, e);
  else if (!strcmp(name, "--spread-ties"))
    return read_seconds(value, &o->spread_ties_s, e);
  else if ((o->about.year = atoi(value)) < 1900 || o->about.year > 2200)
    return bad(e, "not a year:", value);
  return true;
}

static bool one_of(const char *option, const char *value, const char *a, const char *b, const char *c, struct err *e)
{
  if (!value || !strcmp(value, a) || !strcmp(value, b) || (c && !strcmp(value, c)))
    return true;
  const char *comma = c ? ", " : "";
  return err_add(e, (struct where){0}, "%s must be %s, %s%s%s, not '%s'", option, a, b, comma, c ? c : "", value);
}

/* What goes together with what. */
static bool check_together(const struct options *o, struct err *e)
{
  if (!o->quality && (o->weak || o->strong))
    return err_add(e, (struct where){0}, "--weak and --strong name the models of --quality");
  if (!o->quality)
    return o->fit == (o->out != NULL) || err_add(e, (struct where){0}, "--fit and -o PRESET.yaml go together");
  if (o->fit || o->time || o->as || o->slice || o->max_gap_s > 0 || o->spread_ties_s > 0)
    return err_add(e, (struct where){0}, "--quality reads outcomes, not arrivals: no --fit, --time, --as, --slice, --max-gap, "
                   "--spread-ties with it");
  return true;
}

static bool read_arguments(struct options *o, int argc, char **argv, struct arena *a, struct err *e)
{
  bool good = true;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--fit"))
      o->fit = true;
    else if (!strcmp(argv[i], "--quality"))
      o->quality = true;
    else if (argv[i][0] == '-' && argv[i][1])
      good &= read_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, a, e), i++;
    else if (o->file)
      good = bad(e, "one trace at a time; what is", argv[i]);
    else
      o->file = argv[i];
  }
  if (good && !o->file)
    good = err_add(e, (struct where){0}, "which trace? `offsim trace FILE`");
  good = good && check_together(o, e);
  good &= one_of("--as", o->as, "datetime", "s", "ms", e);
  if (o->about.grade && (strlen(o->about.grade) != 1 || !strchr("MDPE", o->about.grade[0])))
    good = bad(e, "--grade must be M, D, P or E, not", o->about.grade);
  good &= one_of("--format", o->format, "table", "json", NULL, e);
  return good;
}

static bool read_slice(const char *text, struct trace_def *d, struct arena *a, struct err *e)
{
  const char *dots = strstr(text, "..");
  if (!dots)
    return bad(e, "a slice is FROM..TO in seconds, not", text);
  const char *from = arena_printf(a, "%.*s", (int)(dots - text), text);
  return read_seconds(*from ? from : "0", &d->slice_from_s, e) && (!dots[2] || read_seconds(dots + 2, &d->slice_to_s, e));
}

/* ---- the trace --------------------------------------------------------------------------------------------------- */

/* As asked, or under $OFFSIM_DATA. */
static const char *find_file(const char *asked, struct arena *a)
{
  const char *data = getenv("OFFSIM_DATA");
  if (access(asked, F_OK) == 0 || asked[0] == '/' || !data)
    return asked;
  const char *path = arena_printf(a, "%s/%s", data, asked);
  return access(path, F_OK) == 0 ? path : asked;
}

static bool define(const struct options *o, struct trace_def *d, struct arena *a, struct err *e)
{
  *d = trace_def_default();
  d->file = find_file(o->file, a);
  d->asked = o->file;
  d->time_column = o->time;
  d->column = o->column;
  d->n_columns = o->n_columns;
  d->max_gap_s = o->max_gap_s;
  d->spread_ties_s = o->spread_ties_s;
  if ((o->slice && !read_slice(o->slice, d, a, e)) || !trace_guess(d, a, e))
    return false;
  if (o->as) {
    d->time_is_datetime = !strcmp(o->as, "datetime");
    d->time_scale_s = !strcmp(o->as, "ms") ? 1e-3 : 1;
  }
  d->table = trace_load(d, a, e);
  return d->table != NULL;
}

static const char *time_unit(const struct trace_def *d)
{
  return d->time_is_datetime ? "datetime" : d->time_scale_s == 1e-3 ? "ms" : "s";
}

static void print_columns(const struct trace_facts *f)
{
  struct table *t = table_new(5 + TRACE_QUANTILES);
  table_cell(t, "column");
  table_cell(t, "mean");
  table_cell(t, "CV");
  table_cell(t, "min");
  for (int k = 0; k < TRACE_QUANTILES; k++)
    table_cell(t, "p%g", 100 * trace_quantile[k]);
  table_cell(t, "max");
  table_rule(t);
  for (int c = 0; c < f->n_columns; c++) {
    table_cell(t, "%s", f->column[c]);
    table_cell(t, "%.6g", f->stats[c].mean);
    table_cell(t, "%.3g", f->stats[c].cv);
    table_cell(t, "%.6g", f->stats[c].min);
    for (int k = 0; k < TRACE_QUANTILES; k++)
      table_cell(t, "%.6g", f->stats[c].q[k]);
    table_cell(t, "%.6g", f->stats[c].max);
  }
  table_print(t, stdout, 1);
}

static void print_facts(const struct trace_def *d, const struct trace_facts *f)
{
  static const char *const formats[] = {[TRACE_CSV] = "CSV", [TRACE_TSV] = "TSV", [TRACE_JSONL] = "JSON lines"};
  printf("%s: %s, time in '%s' as %s\n", d->file, formats[d->format], d->time_column, time_unit(d));
  printf("rows        %llu", (unsigned long long)f->kept);
  if (f->kept != f->rows)
    printf(" of %llu", (unsigned long long)f->rows);
  printf("\nspan        %.6g s\nrate        %.5g /s", f->span_s, f->rate_per_s);
  if (!isnan(f->min_rate_60s))
    printf(" (%.3g to %.3g by minute)", f->min_rate_60s, f->max_rate_60s);
  printf("\ngaps        CV %.4g", f->interarrival_cv);
  if (!isnan(f->iod_60s))
    printf("; index of dispersion over 60 s %.4g", f->iod_60s);
  printf("\nties        %llu (%.1f %% of the rows have the time of the one before)\n", (unsigned long long)f->ties,
         100 * (double)f->ties / (double)f->kept);
  if (f->n_columns > 0)
    print_columns(f);
}

static json *columns_json(const struct trace_facts *f)
{
  json *columns = json_new_object();
  for (int c = 0; c < f->n_columns; c++) {
    json *one = json_new_object();
    json_put_number(one, "mean", f->stats[c].mean);
    json_put_number(one, "cv", f->stats[c].cv);
    json_put_number(one, "min", f->stats[c].min);
    for (int k = 0; k < TRACE_QUANTILES; k++) {
      char name[16];
      snprintf(name, sizeof name, "p%g", 100 * trace_quantile[k]);
      json_put_number(one, name, f->stats[c].q[k]);
    }
    json_put(columns, f->column[c], json_put_number(one, "max", f->stats[c].max));
  }
  return columns;
}

static void print_json(const struct trace_def *d, const struct trace_facts *f)
{
  json *j = json_new_object();
  json_put_string(j, "file", d->file);
  json_put_string(j, "time_column", d->time_column);
  json_put_string(j, "time_as", time_unit(d));
  json_put_int(j, "rows", (int64_t)f->kept);
  json_put_int(j, "rows_read", (int64_t)f->rows);
  json_put_number(j, "span_s", f->span_s);
  json_put_number(j, "rate_per_s", f->rate_per_s);
  json_put_number(j, "min_rate_60s_per_s", f->min_rate_60s);
  json_put_number(j, "max_rate_60s_per_s", f->max_rate_60s);
  json_put_number(j, "interarrival_cv", f->interarrival_cv);
  json_put_number(j, "iod_60s", f->iod_60s);
  json_put_int(j, "ties", (int64_t)f->ties);
  json_put(j, "columns", columns_json(f));
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

/* ---- the fit ----------------------------------------------------------------------------------------------------- */

/* The name of a preset is its file's, without folder and ending. */
static const char *preset_name(const char *path, struct arena *a)
{
  const char *slash = strrchr(path, '/');
  char *name = arena_strdup(a, slash ? slash + 1 : path);
  char *dot = strchr(name, '.');
  if (dot && dot > name)
    *dot = '\0';
  return name;
}

static bool write_fit(const struct options *o, const struct trace_def *d, struct arena *a, struct err *e)
{
  struct workload_fit fit = o->about;
  if (!fit.name)
    fit.name = preset_name(o->out, a);
  if (!fit.source)
    fit.source = o->file;
  if (!fit.licence)
    fit.licence = "Fit of a trace.";
  if (!fit.grade)
    fit.grade = "M";
  if (!fit.year)
    return err_add(e, (struct where){0}, "a preset carries its source: add --year Y");
  if (!trace_fit(d, &fit, a, e))
    return false;
  struct text text = {0};
  FILE *stream = open_memstream(&text.s, &text.n);
  if (!stream)
    return err_system(e, "cannot open a stream in memory");
  fit_write(&fit, stream);
  fclose(stream);
  bool good = text_save(&text, o->out, e);
  free(text.s);
  if (good)
    fprintf(stderr, "wrote %s: %d bins of %g s, %d strata, %d columns\n", o->out, fit.n_bins, fit.bin_s, fit.n_strata,
            fit.n_columns);
  return good;
}

static void tell_quality(const struct options *o, struct arena *a, struct err *e)
{
  struct quality_request q = {.path = find_file(o->file, a), .asked = o->file, .out = o->out, .name = o->about.name,
    .weak = o->weak ? o->weak : "weak", .strong = o->strong ? o->strong : "strong", .json = o->format && !strcmp(o->format, "json"),
    .n_columns = o->n_columns, .column = o->column,
    .source = {.source = o->about.source, .licence = o->about.licence, .grade = o->about.grade, .year = o->about.year}};
  if (o->out && !q.name)
    q.name = preset_name(o->out, a);
  (void)!trace_quality(&q, a, e);
}

static void tell(const struct options *o, struct arena *a, struct err *e)
{
  struct trace_def d;
  struct trace_facts facts;
  if (o->quality) {
    tell_quality(o, a, e);
    return;
  }
  if (!define(o, &d, a, e) || !trace_describe(&d, &facts, a, e))
    return;
  if (o->fit)
    (void)!write_fit(o, &d, a, e);
  else if (o->format && !strcmp(o->format, "json"))
    print_json(&d, &facts);
  else
    print_facts(&d, &facts);
}

int cmd_trace(int argc, char **argv)
{
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  err_init(&e);
  struct arena *a = arena_new();
  struct options o = {0};
  if (read_arguments(&o, argc, argv, a, &e))
    tell(&o, a, &e);
  err_say(&e);
  int code = err_any(&e) ? (int)e.code : EXIT_OK;
  err_release(&e);
  arena_free(a);
  return code;
}
