/* `offsim validate steps`: a compact step time against the tables of a card, or fitted to them.
 *
 * 4,000 batches are drawn for the fit and 4,000 others, from another stream, for its error: half decode only, a sixth read
 * prompts only, a third do both. Requests 1 .. 256 and their mean KV 32 .. 4096 are log-uniform, KV together as much as the card
 * holds (--kv-tokens); single requests lie uniformly within up to 90 % of the mean. 1 to 4 chunks, 16 .. 2048 tokens in all, the
 * first of a prompt in 60 % of the cases, else on up to 4096 tokens.
 * Fit: knots over tokens one by one where the tables' line is missed most; then all coefficients at once by least squares of the
 * relative error, those that would be negative left out.
 */
#include "experiments/commands.h"
#include "experiments/validate/steps.h"
#include "experiments/validate/suites.h"
#include "models/steptime.h"
#include "scenarios/presets.h"
#include "sim/check.h"
#include "sim/rng.h"
#include <getopt.h>
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 4000, MOST_TOKENS = 2048, MOST_DECODES = 256, MOST_KNOTS = STEPS_KNOTS_MOST, TERMS = STEPS_TERMS, STEP = 16 };
enum { FIT = 1, TEST = 2 };                             /* streams */
const char *const steps_terms[TERMS] = {"sequence", "chunk", "chunk_kv", "attention", "decode", "decode_kv", "skew", "mixed", "mixed_kv"};

struct options {
  const char *profile, *model, *step_time;
  double kv_tokens, mean, p90, max;                     /* bars */
  int knots;
};

/* ---- batches ------------------------------------------------------------------------------------------------------ */

static double log_uniform(struct rng *r, double low, double high)
{
  return low * pow(high / low, rng_uniform(r));
}

static void draw_decodes(struct rng *r, double kv_tokens, struct step_batch *b)
{
  b->decodes = (uint32_t)log_uniform(r, 1, MOST_DECODES + 1);
  double most = fmax(32, fmin(4096, kv_tokens / b->decodes)), mean = log_uniform(r, 32, most), width = .9 * rng_uniform(r);
  for (uint32_t i = 0; i < b->decodes; i++) {
    uint32_t kv = (uint32_t)(mean * (1 + width * (2 * rng_uniform(r) - 1)));
    b->decode_kv += kv;
    b->decode_kv_max = i && b->decode_kv_max > kv ? b->decode_kv_max : kv;
    b->decode_kv_min = i && b->decode_kv_min < kv ? b->decode_kv_min : kv;
  }
}

static void draw_chunks(struct rng *r, struct step_batch *b)
{
  b->prefills = 1 + (uint32_t)rng_below(r, 4);
  double room = (MOST_TOKENS - b->decodes) / b->prefills;
  for (uint32_t i = 0; i < b->prefills; i++) {
    uint64_t n = (uint64_t)log_uniform(r, 16, room), q = rng_uniform(r) < .6 ? 0 : (uint64_t)log_uniform(r, 16, 4096);
    b->prefill_tokens += (uint32_t)n;
    b->prefill_kv += q;
    b->prefill_attention += n * (2 * q + n);
    b->prefill_squares += (double)(n * n);
  }
}

static struct step_batch draw(struct rng *r, double kv_tokens)
{
  struct step_batch b = {0};
  double kind = rng_uniform(r);
  if (kind < 5. / 6)
    draw_decodes(r, kv_tokens, &b);
  if (kind >= .5)
    draw_chunks(r, &b);
  b.sequences = b.prefills + b.decodes;
  return b;
}

static const struct step_batch *draw_all(struct arena *a, uint64_t stream, double kv_tokens)
{
  struct rng_root root = rng_root_make(1, 0);
  struct rng r = rng_open(&root, stream, 0, 0);
  struct step_batch *all = arena_array(a, struct step_batch, BATCHES);
  for (int i = 0; i < BATCHES; i++)
    all[i] = draw(&r, kv_tokens);
  return all;
}

/* ---- error -------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static struct steps_errors errors_of(const struct steptime *model, const struct steptime *tables, const struct step_batch *b, struct arena *a)
{
  double *x = arena_array(a, double, BATCHES), sum = 0;
  for (int i = 0; i < BATCHES; i++) {
    x[i] = fabs((double)steptime_ns(model, &b[i]) / (double)steptime_ns(tables, &b[i]) - 1);
    sum += x[i];
  }
  qsort(x, BATCHES, sizeof *x, by_value);
  return (struct steps_errors){sum / BATCHES, x[BATCHES * 9 / 10], x[BATCHES - 1]};
}

/* ---- knots -------------------------------------------------------------------------------------------------------- */

/* The tables at T tokens with next to no attention: what is left changes by the dense operators alone. */
static double dense_s(const struct steptime *tables, double tokens)
{
  struct step_batch b = {.sequences = 1, .prefills = 1, .prefill_tokens = (uint32_t)tokens, .prefill_squares = 1,
                         .prefill_attention = 1};
  return s_from_ns(steptime_ns(tables, &b));
}

static void insert(double *knot, int n, double x)
{
  int i = n;
  for (; i > 0 && knot[i - 1] > x; i--)
    knot[i] = knot[i - 1];
  knot[i] = x;
}

/* Weight of knot i at x. */
static double hat(const double *knot, int n, int i, double x)
{
  if (i > 0 && x < knot[i])
    return fmax(0, (x - knot[i - 1]) / (knot[i] - knot[i - 1]));
  if (i + 1 < n && x > knot[i])
    return fmax(0, (knot[i + 1] - x) / (knot[i + 1] - knot[i]));
  return 1;
}

static double worst_place(const struct steptime *tables, const double *knot, int n)
{
  double worst = -1, at = 0;
  for (double x = STEP; x < MOST_TOKENS; x += STEP) {
    double y = dense_s(tables, x), line = 0;
    for (int i = 0; i < n; i++)
      line += hat(knot, n, i, x) * dense_s(tables, knot[i]);
    if (fabs(line / y - 1) > worst) {
      worst = fabs(line / y - 1);
      at = x;
    }
  }
  return at;
}

static void choose_knots(const struct steptime *tables, double *knot, int n)
{
  knot[0] = 1;
  knot[1] = MOST_TOKENS;
  for (int k = 2; k < n; k++)
    insert(knot, k, worst_place(tables, knot, k));
}

/* ---- fit ---------------------------------------------------------------------------------------------------------- */

static void features(const struct step_batch *b, double x[TERMS])
{
  double spread = (double)b->decodes * b->decode_kv_max - (double)b->decode_kv;
  const double all[TERMS] = {b->sequences, b->prefills, (double)b->prefill_kv, (double)b->prefill_attention, b->decodes,
                             (double)b->decode_kv, spread, b->prefills ? b->decodes : 0, b->prefills ? (double)b->decode_kv : 0};
  memcpy(x, all, sizeof all);
}

/* Rows divided by their time: the residual is the relative error. */
static void fill(gsl_matrix *x, gsl_vector *y, const struct steptime *tables, const struct step_batch *b, const double *knot,
                 int knots, const bool *used)
{
  for (int i = 0; i < BATCHES; i++) {
    double term[TERMS], time_s = s_from_ns(steptime_ns(tables, &b[i]));
    size_t column = 0;
    features(&b[i], term);
    for (int k = 0; k < knots; k++)
      gsl_matrix_set(x, i, column++, hat(knot, knots, k, b[i].prefill_tokens + b[i].decodes) / time_s);
    for (int k = 0; k < TERMS; k++)
      if (used[k])
        gsl_matrix_set(x, i, column++, term[k] / time_s);
    gsl_vector_set(y, i, 1);
  }
}

/* One solution; false when a term came out negative, which is now left out. */
static bool solve(const struct steptime *tables, const struct step_batch *b, const double *knot, int knots, bool *used, double *out)
{
  size_t n = (size_t)knots;
  for (int k = 0; k < TERMS; k++)
    n += used[k];
  gsl_matrix *x = gsl_matrix_alloc(BATCHES, n), *covariance = gsl_matrix_alloc(n, n);
  gsl_vector *y = gsl_vector_alloc(BATCHES), *c = gsl_vector_alloc(n);
  gsl_multifit_linear_workspace *w = gsl_multifit_linear_alloc(BATCHES, n);
  double chisq;
  fill(x, y, tables, b, knot, knots, used);
  gsl_multifit_linear(x, y, c, covariance, &chisq, w);
  for (int k = 0; k < knots; k++)
    out[k] = gsl_vector_get(c, (size_t)k);
  int worst = -1;
  for (size_t k = 0, column = (size_t)knots; k < TERMS; k++) {
    out[knots + (int)k] = used[k] ? gsl_vector_get(c, column++) : 0;
    if (out[knots + (int)k] < 0 && (worst < 0 || out[knots + (int)k] < out[knots + worst]))
      worst = (int)k;
  }
  if (worst >= 0)
    used[worst] = false;
  gsl_multifit_linear_free(w);
  gsl_matrix_free(x);
  gsl_matrix_free(covariance);
  gsl_vector_free(y);
  gsl_vector_free(c);
  return worst < 0;
}

/* Four digits, as they are printed. */
static double rounded(double x)
{
  char text[32];
  snprintf(text, sizeof text, "%.4g", x);
  return strtod(text, NULL);
}

static void print_fit(const struct options *o, const double *knot, const double *c)
{
  printf("  compact:\n    tokens: [");
  for (int i = 0; i < o->knots; i++)
    printf("%s%g", i ? ", " : "", knot[i]);
  printf("]\n    times: [");
  for (int i = 0; i < o->knots; i++)
    printf("%s%.4g ms", i ? ", " : "", c[i] * 1e3);
  printf("]\n");
  for (int k = 0; k < TERMS; k++)
    if (c[o->knots + k] > 0)
      printf("    %s: %.4g ns\n", steps_terms[k], c[o->knots + k] * 1e9);
}

static void print_errors(struct steps_errors e, const char *what)
{
  printf("%s: mean %.2f %%, p90 %.2f %%, max %.2f %% of %d batches\n", what, 100 * e.mean, 100 * e.p90, 100 * e.max, (int)BATCHES);
}

static const struct steptime *compact_of(struct arena *a, const double *knot, const double *c, int knots)
{
  const double *term = c + knots;
  struct steptime_compact m = {.table = {(uint32_t)knots, knot, c}, .sequence_s = term[0], .chunk_s = term[1],
    .chunk_kv_s = term[2], .attention_s = term[3], .decode_s = term[4], .decode_kv_s = term[5], .skew_s = term[6], .mixed_s = term[7], .mixed_kv_s = term[8]};
  return steptime_compact(a, &m);
}

struct steps_errors steps_fit(const struct steptime *tables, double kv_tokens, int knots, double *knot, double *c, struct arena *a)
{
  bool used[TERMS];
  const struct step_batch *b = draw_all(a, FIT, kv_tokens);
  memset(used, true, sizeof used);
  choose_knots(tables, knot, knots);
  while (!solve(tables, b, knot, knots, used, c))
    continue;
  for (int i = 0; i < knots + TERMS; i++)
    c[i] = rounded(c[i] * 1e9) * 1e-9;
  return errors_of(compact_of(a, knot, c, knots), tables, draw_all(a, TEST, kv_tokens), a);
}

static void fit(const struct options *o, const struct steptime *tables, struct arena *a)
{
  double knot[MOST_KNOTS], c[MOST_KNOTS + TERMS];
  struct steps_errors others = steps_fit(tables, o->kv_tokens, o->knots, knot, c, a);
  print_fit(o, knot, c);
  print_errors(errors_of(compact_of(a, knot, c, o->knots), tables, draw_all(a, FIT, o->kv_tokens), a), "# fitted batches");
  print_errors(others, "# other batches");
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static int usage(FILE *out, int code)
{
  fprintf(out,
          "usage: offsim validate steps --profile PREFIX --model NAME [--kv-tokens N] [--knots N]\n"
          "       offsim validate steps --profile PREFIX --model NAME [--kv-tokens N] --step-time PRESET [--mean X] [--p90 X] [--max X]\n"
          "Fits a compact step time to the tables of a card, or compares one with them: exit 1 when a bar (a fraction) is missed.\n"
          "PREFIX_dense.csv.gz, _attention, _per_sequence, _skew_fit. --kv-tokens: that the card holds, default 41408.\n");
  return code;
}

static bool read_number(const char *name, double low, double high, double *out, struct err *e)
{
  char *end;
  *out = strtod(optarg, &end);
  if (*optarg && !*end && *out >= low && *out <= high)
    return true;
  return err_add(e, (struct where){0}, "--%s '%.40s' is no number from %g to %g", name, optarg, low, high);
}

static void read_option(int c, struct options *o, struct err *e)
{
  double knots = o->knots;
  switch (c) {
  case 'p': o->profile = optarg; break;
  case 'm': o->model = optarg; break;
  case 's': o->step_time = optarg; break;
  case 'k': read_number("kv-tokens", 64, 1e9, &o->kv_tokens, e); break;
  case 'n': read_number("knots", 2, MOST_KNOTS, &knots, e); break;
  case 'a': read_number("mean", 0, 1e9, &o->mean, e); break;
  case '9': read_number("p90", 0, 1e9, &o->p90, e); break;
  default: read_number("max", 0, 1e9, &o->max, e); break;
  }
  o->knots = (int)knots;
}

static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
  static const struct option names[] = {
    {"profile", required_argument, 0, 'p'}, {"model", required_argument, 0, 'm'}, {"step-time", required_argument, 0, 's'},
    {"kv-tokens", required_argument, 0, 'k'}, {"knots", required_argument, 0, 'n'}, {"mean", required_argument, 0, 'a'},
    {"p90", required_argument, 0, '9'}, {"max", required_argument, 0, 'x'}, {"help", no_argument, 0, 'h'}, {0}};
  optind = 0;
  for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;) {
    if (c == 'h' || c == '?')
      return c == 'h' ? usage(stdout, EXIT_OK) : usage(stderr, EXIT_USER);
    read_option(c, o, e);
  }
  if (optind != argc || !o->profile || !o->model)
    return usage(stderr, EXIT_USER);
  return err_any(e) ? (int)EXIT_USER : -1;
}

static int run(const struct options *o, struct arena *a, struct err *e)
{
  const struct steptime *tables = steptime_tables(a, o->profile, o->model, NULL, e);
  const struct steptime *model = tables && o->step_time ? preset_step_time(a, o->step_time, e) : NULL;
  if (!tables || (o->step_time && !model))
    return (int)e->code;
  if (!model) {
    fit(o, tables, a);
    return EXIT_OK;
  }
  struct steps_errors x = errors_of(model, tables, draw_all(a, TEST, o->kv_tokens), a);
  print_errors(x, o->step_time);
  return x.mean <= o->mean && x.p90 <= o->p90 && x.max <= o->max ? EXIT_OK : EXIT_NEGATIVE;
}

int validate_steps(int argc, char **argv)
{
  struct options o = {.kv_tokens = 41408, .knots = 20, .mean = INFINITY, .p90 = INFINITY, .max = INFINITY};
  struct err e;
  struct arena *a = arena_new();
  err_init(&e);
  int code = read_options(argc, argv, &o, &e);
  if (code < 0)
    code = run(&o, a, &e);
  if (err_any(&e))
    err_print(&e, stderr, false);
  err_release(&e);
  arena_free(a);
  return code;
}
