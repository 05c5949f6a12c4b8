/* import_fit.c: from measured points to the numbers of a profile, and how far they err at points left out.
 *
 * Prompts: a line from point to point in (tokens, seconds), or the monotone cubic of Steffen (Astron. Astrophys. 239, 443,
 * 1990) in their logarithms, whichever misses inner points less that it was not given; the smooth one is written as a table
 * with three points more in each gap. Check: of t = n^1.5 the smooth one is exact.
 * Steps: t = a + c b + kv K, K = b x context, by least squares of the relative error; a term that was not varied or would be
 * negative is left out. Where requests were not varied c is taken as a share of the step for one: 0.0895 / 6.67, what Llama 3.1
 * 8B has on an H100 in the ML.ENERGY benchmark, as the decode law has it, unless contexts were varied and tell it better.
 */
#include "experiments/calibrate/import.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONTEXT_SHARE = 0.0895 / 6.67, LEAST_A_S = 1e-9;
enum { PARTS = 4, TERMS = 3 };

/* ---- one axis ----------------------------------------------------------------------------------------------------- */

static int find_cell(const double *x, int n, double at)
{
  int i = 0;
  while (i + 2 < n && x[i + 1] < at)
    i++;
  return i;
}

/* Without one of them; returns how many are left. */
static int leave_out(const double *x, const double *y, int n, int without, bool logs, double *u, double *v)
{
  int m = 0;
  for (int i = 0; i < n; i++)
    if (i != without) {
      u[m] = logs ? log(x[i]) : x[i];
      v[m++] = logs ? log(y[i]) : y[i];
    }
  return m;
}

static double line_at(const double *x, const double *y, int n, double at)
{
  int i = find_cell(x, n, at);
  return n == 1 ? y[0] : y[i] + (y[i + 1] - y[i]) * (at - x[i]) / (x[i + 1] - x[i]);
}

static double secant(const double *x, const double *y, int i) { return (y[i + 1] - y[i]) / (x[i + 1] - x[i]); }

/* At an end: of the parabola through three points, kept from turning. */
static double end_slope(double s, double next, double h, double h_next)
{
  double p = s * (1 + h / (h + h_next)) - next * h / (h + h_next);
  return p * s <= 0 ? 0 : fabs(p) > 2 * fabs(s) ? 2 * s : p;
}

static double slope(const double *x, const double *y, int n, int i)
{
  if (n == 2)
    return secant(x, y, 0);
  if (i == 0)
    return end_slope(secant(x, y, 0), secant(x, y, 1), x[1] - x[0], x[2] - x[1]);
  if (i == n - 1)
    return end_slope(secant(x, y, n - 2), secant(x, y, n - 3), x[n - 1] - x[n - 2], x[n - 2] - x[n - 3]);
  double before = secant(x, y, i - 1), after = secant(x, y, i), h = x[i] - x[i - 1], h_next = x[i + 1] - x[i];
  double p = (before * h_next + after * h) / (h + h_next);
  return (copysign(1, before) + copysign(1, after)) * fmin(fmin(fabs(before), fabs(after)), fabs(p) / 2);
}

static double steffen_at(const double *x, const double *y, int n, double at)
{
  int i = find_cell(x, n, at);
  double h = x[i + 1] - x[i], s = secant(x, y, i), d = slope(x, y, n, i), d_next = slope(x, y, n, i + 1), t = at - x[i];
  return y[i] + t * (d + t * ((3 * s - 2 * d - d_next) / h + t * (d + d_next - 2 * s) / (h * h)));
}

static double without_at(const double *x, const double *y, int n, int without, double at, bool smooth)
{
  double *u = grab(2 * (size_t)n, sizeof *u), *v = u + n;
  int m = leave_out(x, y, n, without, smooth, u, v);
  double value = smooth && m > 1 ? exp(steffen_at(u, v, m, log(at))) : smooth ? exp(v[0]) : line_at(u, v, m, at);
  free(u);
  return value;
}

double import_smooth_at(const double *x, const double *y, int n, int without, double at)
{
  return without_at(x, y, n, without, at, true);
}

double import_linear_at(const double *x, const double *y, int n, int without, double at)
{
  return without_at(x, y, n, without, at, false);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The ninth of ten is the order statistic ceil(.9 n). */
struct import_error import_error_of(const char *model, double *error, int n)
{
  struct import_error of = {.model = model, .shapes = n};
  if (n == 0)
    return of;
  qsort(error, (size_t)n, sizeof *error, by_value);
  for (int i = 0; i < n; i++)
    of.mape += error[i] / n;
  of.p90 = error[(int)ceil(.9 * n) - 1];
  of.max = error[n - 1];
  return of;
}

/* ---- prompts ------------------------------------------------------------------------------------------------------ */

/* Inner points only: beyond the ends nothing is foretold. */
static struct import_error leave_one_out(const double *x, const double *y, int n, bool smooth)
{
  double *error = grab((size_t)n, sizeof *error);
  for (int i = 1; i < n - 1; i++)
    error[i - 1] = fabs(without_at(x, y, n, i, x[i], smooth) / y[i] - 1);
  struct import_error of = import_error_of(smooth ? "curve" : "table", error, n > 2 ? n - 2 : 0);
  free(error);
  return of;
}

/* Times are written with five digits, lengths whole. */
static double five_digits(double x)
{
  char text[32];
  snprintf(text, sizeof text, "%.5g", x);
  return strtod(text, NULL);
}

static void add_knot(struct prompt_fit *f, double tok, double time_s)
{
  if (f->n && tok <= f->tok[f->n - 1])
    return;
  f->tok[f->n] = tok;
  f->time_s[f->n++] = five_digits(time_s);
}

static void write_knots(const double *x, const double *y, int n, bool smooth, struct prompt_fit *f)
{
  for (int i = 0; i < n; i++) {
    add_knot(f, x[i], y[i]);
    for (int k = 1; smooth && i + 1 < n && k < PARTS; k++) {
      double at = round(x[i] * pow(x[i + 1] / x[i], (double)k / PARTS));
      if (at < x[i + 1])
        add_knot(f, at, import_smooth_at(x, y, n, -1, at));
    }
  }
}

void import_fit_prompts(const struct import_points *p, bool made, struct prompt_fit *f, struct arena *a)
{
  double *x = arena_array(a, double, p->n_prompts), *y = arena_array(a, double, p->n_prompts);
  int n = 0;
  for (int i = 0; i < p->n_prompts; i++)
    if (p->prompt[i].context_tok == p->prompt[0].context_tok) {         /* sorted: the least context */
      x[n] = p->prompt[i].tok;
      y[n++] = p->prompt[i].time_s;
    }
  struct import_error line = leave_one_out(x, y, n, false), curve = leave_one_out(x, y, n, true);
  bool smooth = !made && curve.mape < line.mape;
  *f = (struct prompt_fit){.tok = arena_array(a, double, PARTS * n), .time_s = arena_array(a, double, PARTS * n),
                           .error = smooth ? curve : line};
  write_knots(x, y, n, smooth, f);
}

double import_prompt_at(const struct prompt_fit *f, double tok)
{
  return tok <= f->tok[0] ? f->time_s[0] : line_at(f->tok, f->time_s, (int)f->n, tok);
}

/* A chunk on q tokens of context is t(q + n) - t(q) to LLM engines; where that was measured, how far off it is. */
struct import_error import_context_error(const struct import_points *p, const struct prompt_fit *f)
{
  double *error = grab((size_t)p->n_prompts + 1, sizeof *error);
  int n = 0;
  for (int i = 0; i < p->n_prompts; i++) {
    const struct prompt_point *q = &p->prompt[i];
    if (q->context_tok > p->prompt[0].context_tok)
      error[n++] = fabs((import_prompt_at(f, q->context_tok + q->tok) - import_prompt_at(f, q->context_tok)) / q->time_s - 1);
  }
  struct import_error of = import_error_of(f->error.model, error, n);
  free(error);
  return of;
}

/* ---- steps -------------------------------------------------------------------------------------------------------- */

double import_step_at(const struct step_fit *f, double batch, double context_tok)
{
  return f->a_s + f->c_s * batch + f->kv_s * batch * context_tok;
}

static void terms_of(const struct step_point *p, double x[TERMS])
{
  x[0] = 1 / p->time_s;
  x[1] = p->batch / p->time_s;
  x[2] = p->batch * p->context_tok / p->time_s;
}

/* Gauss with the largest pivot; unused terms stay 0. False: singular. */
static bool eliminate(double m[TERMS][TERMS + 1], const bool *used, double *out)
{
  for (int k = 0; k < TERMS; k++)
    if (!used[k]) {
      memset(m[k], 0, sizeof m[k]);
      for (int i = 0; i < TERMS; i++)
        m[i][k] = 0;
      m[k][k] = 1;
    }
  for (int k = 0; k < TERMS; k++) {
    int best = k;
    for (int i = k + 1; i < TERMS; i++)
      best = fabs(m[i][k]) > fabs(m[best][k]) ? i : best;
    if (fabs(m[best][k]) < 1e-12)
      return false;
    for (int c = 0; best != k && c <= TERMS; c++) {
      double other = m[k][c];
      m[k][c] = m[best][c];
      m[best][c] = other;
    }
    for (int i = 0; i < TERMS; i++)
      for (int c = TERMS; i != k && c >= k; c--)
        m[i][c] -= m[i][k] / m[k][k] * m[k][c];
  }
  for (int k = 0; k < TERMS; k++)
    out[k] = m[k][TERMS] / m[k][k];
  return true;
}

/* Columns are brought to one scale, so that a pivot tells. */
static bool solve(const struct step_point *p, int n, int without, const bool *used, double *out)
{
  double m[TERMS][TERMS + 1] = {{0}}, scale[TERMS] = {0}, x[TERMS];
  for (int i = 0; i < n; i++) {
    terms_of(&p[i], x);
    for (int k = 0; k < TERMS; k++)
      scale[k] = fmax(scale[k], fabs(x[k]));
  }
  for (int i = 0; i < n; i++) {
    terms_of(&p[i], x);
    for (int r = 0; i != without && r < TERMS; r++)
      for (int c = 0; c <= TERMS; c++)
        m[r][c] += scale[r] > 0 ? x[r] / scale[r] * (c < TERMS ? (scale[c] > 0 ? x[c] / scale[c] : 0) : 1) : 0;
  }
  if (!eliminate(m, used, out))
    return false;
  for (int k = 0; k < TERMS; k++)
    out[k] = used[k] && scale[k] > 0 ? out[k] / scale[k] : 0;
  return true;
}

/* Terms that come out negative or cannot be told apart are left out, the last first. */
static void solve_positive(const struct step_point *p, int n, int without, const bool *varied, double out[TERMS])
{
  bool used[TERMS] = {true, varied[0], varied[1]};
  for (int tries = 0; tries < TERMS; tries++) {
    bool good = solve(p, n, without, used, out);
    int bad = !good ? (used[2] ? 2 : 1) : -1;
    for (int k = 0; good && k < TERMS; k++)
      if (used[k] && out[k] < 0 && (bad < 0 || k > 0))
        bad = k;
    if (bad < 0)
      return;
    if (bad == 0)
      bad = used[2] && !used[1] ? 2 : 1;
    used[bad] = false;
  }
}

static struct step_fit fit_of(const struct step_point *p, int n, int without, const bool *varied)
{
  double c[TERMS] = {0};
  solve_positive(p, n, without, varied, c);
  struct step_fit f = {.a_s = c[0], .c_s = c[1], .kv_s = c[2], .c_measured = varied[0], .kv_measured = varied[1]};
  if (!varied[0] && !varied[1]) {
    f.c_s = CONTEXT_SHARE * f.a_s / (1 + CONTEXT_SHARE);
    f.a_s -= f.c_s;
  }
  return f;
}

/* Each point in turn foretold from the others, where enough are left. */
static struct import_error step_errors(const struct step_point *p, int n, const bool *varied)
{
  int terms = 1 + varied[0] + varied[1];
  double *error = grab((size_t)n, sizeof *error);
  for (int i = 0; i < n; i++) {
    struct step_fit f = fit_of(p, n, i, varied);
    error[i] = fabs(import_step_at(&f, p[i].batch, p[i].context_tok) / p[i].time_s - 1);
  }
  struct import_error of = import_error_of("a + c b + kv K", error, n > terms ? n : 0);
  free(error);
  return of;
}

void import_fit_steps(const struct import_points *p, struct step_fit *f, struct arena *a)
{
  bool varied[2] = {false, false};
  (void)a;
  for (int i = 1; i < p->n_steps; i++) {
    varied[0] |= p->step[i].batch != p->step[0].batch;
    varied[1] |= p->step[i].context_tok != p->step[0].context_tok;
  }
  *f = fit_of(p->step, p->n_steps, -1, varied);
  f->a_s = fmax(f->a_s, LEAST_A_S);                     /* times in proportion to the requests: scenarios take no 0 */
  f->error = step_errors(p->step, p->n_steps, varied);
}
