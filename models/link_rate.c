/* link_rate.c: rates that remember: fit by moments over whole seconds, and samples.
 *
 * Rate of a second: mean over its bins that are not idle (below 0.05 Mbit/s). m = median, s = deviation of log R about its
 * mean, rho = correlation of neighbouring seconds; idle = share of bins. Check: a rate that is 1 Mbit/s and 4 Mbit/s in turn,
 * second by second, has median 1, s = log 2 and rho = -1.
 * Where no log-normal is near (KS, or its mean), the rates are their own quantiles, idle seconds among them, so that a rate
 * fades into idleness and comes back from there.
 * Memory: the correlation of X that gives the normal scores theirs, the rates theirs and low rates theirs, the mean of the
 * three (measured rates that are high stay so longer than a Gaussian copula says), as r(h) = (1 - w) a^h + w b^h, w and b of a
 * slow part, least squares with weights 1 / h over h = 1 .. 30 s. Check: w = .5, a = .5, b = .97: r(1) = .735, r(10) = .369.
 */
#include "models/link_fit.h"
#include "sim/zeros.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

enum { VALUES_MOST = 40, RATE_VALUES = 64, LAGS = 30, GRID = 50, STEPS = 31, PAIRS = 10000 };
#define NEAR_KS 0.05                                    /* of a log-normal that stands for the rates */
#define NEAR_MEAN 0.1                                   /* and of its mean */
#define SLOW_GAIN 0.5                                   /* of the squares left that a slow part must take away */
#define SLOWEST 0.995
#define LOW_SHARE 0.2                                   /* of the seconds that are called low */

/* Mean of the bins of each second that `wanted` takes; NaN without any. */
static double *seconds(const struct link_run *r, bool with_idle, size_t *n)
{
  *n = r->n ? (size_t)floor(r->time_s[r->n - 1] + r->step_s + 1e-6) : 0;
  double *sum = zeros_new(*n, sizeof *sum), *bins = zeros_new(*n, sizeof *bins);
  for (size_t i = 0; i < r->n; i++) {
    size_t k = (size_t)floor(r->time_s[i] + 1e-6);
    if (k >= *n || (!with_idle && r->value[i] < RATE_IDLE_BYTES_PER_S))
      continue;
    sum[k] += r->value[i];
    bins[k]++;
  }
  for (size_t k = 0; k < *n; k++)
    sum[k] = bins[k] > 0 ? sum[k] / bins[k] : NAN;
  free(bins);
  return sum;
}

double *rate_seconds(const struct link_run *r, size_t *n)
{
  return seconds(r, true, n);
}

struct rates { double *active; size_t n, n_room; double sum, square, product, pairs, pair_sum[2], pair_square[2]; };

/* How many of them are below x, or `with` x. */
static size_t below(const double *sorted, size_t n, double x, bool with)
{
  size_t low = 0, high = n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (sorted[middle] < x || (with && sorted[middle] <= x))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Normal score of a value among sorted ones; equal ones share the middle. */
static double score(const double *sorted, size_t n, double x)
{
  double rank = .5 * (double)(below(sorted, n, x, false) + below(sorted, n, x, true));
  return gsl_cdf_ugaussian_Pinv(fmin(fmax(rank, .5), (double)n - .5) / (double)n);
}

/* Logs of the rates. */
static void add_seconds(struct rates *x, const struct link_run *r)
{
  size_t n;
  double *s = seconds(r, false, &n), last = NAN;
  for (size_t k = 0; k < n; k++) {
    double y = isnan(s[k]) ? NAN : log(s[k]);
    if (!isnan(y)) {
      x->active[x->n++] = s[k];
      x->sum += y;
      x->square += y * y;
    }
    if (!isnan(y) && !isnan(last)) {
      x->pairs++;
      x->product += last * y;
      x->pair_sum[0] += last;
      x->pair_sum[1] += y;
      x->pair_square[0] += last * last;
      x->pair_square[1] += y * y;
    }
    last = y;
  }
  free(s);
}

static double pair_correlation(const struct rates *x)
{
  double n = x->pairs, v[2];
  for (int k = 0; k < 2; k++)
    v[k] = x->pair_square[k] - x->pair_sum[k] * x->pair_sum[k] / n;
  double c = x->product - x->pair_sum[0] * x->pair_sum[1] / n;
  return n >= 2 && v[0] > 1e-12 && v[1] > 1e-12 ? c / sqrt(v[0] * v[1]) : 0;
}

/* Lengths of idle stretches in seconds; returns how many. *idle, *bins: counts. */
static size_t idle_stretches(const struct link_run *r, double *length, double *idle)
{
  size_t n = 0, now = 0;
  for (size_t i = 0; i <= r->n; i++) {
    bool is = i < r->n && r->value[i] < RATE_IDLE_BYTES_PER_S;
    now += is;
    *idle += is;
    if (!is && now) {
      length[n++] = (double)now * r->step_s;
      now = 0;
    }
  }
  return n;
}

static void fit_families(struct rate_model *m, const double *sorted, size_t n)
{
  struct span *span = zeros_new(n, sizeof *span);
  double width = (sorted_quantile(sorted, n, .75) - sorted_quantile(sorted, n, .25)) / 64;
  size_t cells = fit_spans_of(sorted, n, fmax(width, 1), 0, span);
  for (size_t i = 0; i < cells; i++)
    span[i].lo = fmax(span[i].lo, 0);
  for (int k = 0; k < 3; k++) {
    struct family_fit *f = &m->families[k];
    *f = fit_spans((enum fit_family)k, span, cells, false);
    if (!f->good)
      continue;
    f->ks = 0;
    f->w1 = 0;
    double *x = zeros_new(n, sizeof *x);
    struct rng_root root = rng_root_make(1, 0);
    struct rng r = rng_open(&root, rng_name("link-fit rates"), (uint64_t)k, n);
    for (int repeat = 0; repeat < 10; repeat++) {
      for (size_t i = 0; i < n; i++)
        x[i] = fit_draw(f, &r);
      sort_ascending(x, n);
      f->ks += distance_ks(sorted, n, x, n) / 10;
      f->w1 += distance_w1(sorted, n, x, n) / m->median / 10;
    }
    free(x);
  }
  free(span);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static double mean_of(const double *x, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i];
  return sum / (double)n;
}

/* What is correlated: normal scores, rates, and which rates are low; each less its mean. */
enum view { SCORE, RATE, LOW, VIEWS };
struct views { const double *sorted; size_t n; double mean, low, low_share; };
/* Products of what lies h seconds apart and how many there were; then the correlation of X. */
struct memory { double product[VIEWS][LAGS + 1], n[LAGS + 1], r[LAGS + 1]; };

static struct views views_of(const double *sorted, size_t n)
{
  double low = sorted_quantile(sorted, n, LOW_SHARE);
  return (struct views){sorted, n, mean_of(sorted, n), low, (double)below(sorted, n, low, true) / (double)n};
}

static double view_of(const struct views *v, enum view view, double x)
{
  if (view == SCORE)
    return score(v->sorted, v->n, x);
  return view == RATE ? x - v->mean : (double)(x <= v->low) - v->low_share;
}

static void add_memory(struct memory *m, const struct link_run *run, bool with_idle, const struct views *views)
{
  size_t n;
  double *rate = seconds(run, with_idle, &n), *y = zeros_new(n, sizeof *y);
  for (int view = 0; view < VIEWS; view++) {
    for (size_t i = 0; i < n; i++)
      y[i] = isnan(rate[i]) ? NAN : view_of(views, (enum view)view, rate[i]);
    for (size_t i = 0; i < n; i++)
      for (size_t h = 0; h <= LAGS && i + h < n; h++)
        if (!isnan(y[i] + y[i + h])) {
          m->product[view][h] += y[i] * y[i + h];
          m->n[h] += view == SCORE;
        }
  }
  free(y);
  free(rate);
}

/* What correlation of X gives rates or low rates theirs: by PAIRS normal pairs at each of STEPS correlations. */
struct inverse { double given[VIEWS][STEPS]; };

static double step_rho(int k)
{
  return -.5 + 1.5 * k / (STEPS - 1);
}

static void inverse_fill(struct inverse *inverse, const struct views *views)
{
  struct rng_root root = rng_root_make(1, 0);
  struct rng r = rng_open(&root, rng_name("link-fit pairs"), 0, 0);
  double square[VIEWS] = {0}, *rank = zeros_new(2 * PAIRS, sizeof *rank);
  for (size_t i = 0; i < 2 * PAIRS; i++)
    rank[i] = rng_normal(&r);
  for (int k = 0; k < STEPS; k++)
    for (size_t i = 0; i < PAIRS; i++) {
      double rho = step_rho(k), x[2] = {rank[2 * i], rho * rank[2 * i] + sqrt(1 - rho * rho) * rank[2 * i + 1]};
      for (int j = 0; j < 2; j++) {
        size_t at = (size_t)(gsl_cdf_ugaussian_P(x[j]) * (double)views->n);
        x[j] = views->sorted[at < views->n ? at : views->n - 1];
      }
      for (int view = RATE; view < VIEWS; view++) {
        double a = view_of(views, (enum view)view, x[0]), b = view_of(views, (enum view)view, x[1]);
        inverse->given[view][k] += a * b;
        square[view] += (a * a + b * b) / 2 / STEPS;
      }
    }
  for (int view = RATE; view < VIEWS; view++)
    for (int k = 0; k < STEPS; k++)
      inverse->given[view][k] /= square[view] > 0 ? square[view] : 1;
  free(rank);
}

static double inverse_at(const double *given, double r)
{
  int k = 0;
  while (k < STEPS - 2 && given[k + 1] < r)
    k++;
  double width = given[k + 1] - given[k], part = width > 1e-9 ? (r - given[k]) / width : 0;
  return step_rho(k) + fmin(1, fmax(0, part)) * (step_rho(k + 1) - step_rho(k));
}

/* Returns how many lags are known. */
static size_t memory_end(struct memory *m, const struct views *views)
{
  size_t lags = 0;
  while (lags < LAGS && m->n[lags + 1] >= 30)
    lags++;
  struct inverse inverse = {0};
  inverse_fill(&inverse, views);
  for (size_t h = 1; h <= lags; h++)
    for (int view = 0; view < VIEWS; view++) {
      double zero = m->product[view][0] / m->n[0], r = zero > 0 ? m->product[view][h] / m->n[h] / zero : 0;
      m->r[h] += (view == SCORE ? r : inverse_at(inverse.given[view], r)) / VIEWS;
    }
  return lags;
}

/* Sum of squares of r - (1 - w) a^h - w b^h with the best w of [0, 1]. */
static double squares_left(const struct memory *m, size_t lags, double a, double b, double *w)
{
  double up = 0, down = 0, sum = 0, power_a = 1, power_b = 1;
  for (size_t h = 1; h <= lags; h++) {
    power_a *= a;
    power_b *= b;
    up += (power_b - power_a) * (m->r[h] - power_a) / (double)h;
    down += (power_b - power_a) * (power_b - power_a) / (double)h;
  }
  *w = down > 1e-12 ? fmin(1, fmax(0, up / down)) : 0;
  power_a = power_b = 1;
  for (size_t h = 1; h <= lags; h++) {
    power_a *= a;
    power_b *= b;
    double left = m->r[h] - power_a - *w * (power_b - power_a);
    sum += left * left / (double)h;
  }
  return sum;
}

struct parts { double fast, slow, share, left; };

static struct parts best_parts(const struct memory *m, size_t lags)
{
  struct parts best = {.left = INFINITY};
  for (int i = 0; i < GRID; i++)
    for (int j = 1; j <= GRID; j++) {
      double a = SLOWEST * i / GRID, b = a + (SLOWEST - a) * j / GRID, w;
      double left = squares_left(m, lags, a, b, &w);
      if (left < best.left)
        best = (struct parts){a, b, w, left};
    }
  return best;
}

/* One correlation, unless a slow part beside it takes away most of what that leaves. */
static void settle_memory(struct rate_model *m, const struct memory *memory, size_t lags)
{
  double w;
  if (lags < 5 || !(memory->r[1] > 0))
    return;
  struct parts p = best_parts(memory, lags);
  if (p.share < .02 || p.left > (1 - SLOW_GAIN) * squares_left(memory, lags, m->score_rho, m->score_rho, &w))
    return;
  m->score_rho = p.fast;
  m->slow_rho = p.slow;
  m->slow_share = p.share;
}

static void fit_memory(struct rate_model *m, const struct link_run *run, size_t n_runs, const double *sorted, size_t n)
{
  struct memory memory = {0};
  struct views views = views_of(sorted, n);
  for (size_t i = 0; i < n_runs; i++)
    add_memory(&memory, &run[i], m->fades, &views);
  size_t lags = memory_end(&memory, &views);
  m->score_rho = lags ? memory.r[1] : m->rho;
  settle_memory(m, &memory, lags);
}

/* ---- the marginal ------------------------------------------------------------------------------------------------ */

/* A log-normal of the rates; true when that is near them, and its mean near theirs. */
static bool log_normal_fits(struct rate_model *m, const struct rates *x)
{
  char why[160];
  m->marginal = (struct family_fit){.family = FIT_LOGNORMAL, .p = {m->median, m->sigma}, .ks = NAN, .w1 = NAN};
  m->marginal.good = dist_make(&m->marginal.dist, "lognormal", m->marginal.p, 2, why);
  if (!m->marginal.good)
    return false;
  m->marginal.ks = 0;
  for (size_t i = 0; i < x->n; i++)
    m->marginal.ks = fmax(m->marginal.ks, fabs(fit_cdf(&m->marginal, x->active[i]) - ((double)i + .5) / (double)x->n));
  m->mean_bias = fit_mean(&m->marginal) / mean_of(x->active, x->n) - 1;
  return m->marginal.ks <= NEAR_KS && fabs(m->mean_bias) <= NEAR_MEAN;
}

/* Sorted means of all seconds with rows, malloced. */
static double *all_seconds(const struct link_run *run, size_t n_runs, size_t room, size_t *n)
{
  double *all = zeros_new(room, sizeof *all);
  *n = 0;
  for (size_t i = 0; i < n_runs; i++) {
    size_t m;
    double *s = seconds(&run[i], true, &m);
    for (size_t k = 0; k < m; k++)
      if (!isnan(s[k]))
        all[(*n)++] = s[k];
    free(s);
  }
  sort_ascending(all, *n);
  return all;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Mean length of what is not idle between two idle stretches, so that the share is m->idle. */
static double active_mean(const struct rate_model *m)
{
  bool stretches = m->idle_lasts.good && m->idle < 1 && !m->fades;
  return stretches ? fit_mean(&m->idle_lasts) * (1 - m->idle) / m->idle : INFINITY;
}

/* The rate that belongs to a normal number. */
static double rate_of(const struct rate_model *m, double x)
{
  const struct family_fit *f = &m->marginal;
  if (f->family == FIT_LOGNORMAL)
    return m->median * exp(m->sigma * x);
  size_t k = (size_t)(gsl_cdf_ugaussian_P(x) * (double)f->n);
  return f->value[k < f->n ? k : f->n - 1];
}

/* Two normal numbers, each with a correlation of its own from second to second. */
struct walk { double fast, slow; };

static double walk_value(const struct rate_model *m, const struct walk *w)
{
  return sqrt(1 - m->slow_share) * w->fast + sqrt(m->slow_share) * w->slow;
}

static double walk_step(double rho, double x, struct rng *r)
{
  return rho * x + sqrt(fmax(0, 1 - rho * rho)) * rng_normal(r);
}

void rate_sample(const struct rate_model *m, struct rng *r, const double *time_s, size_t n, double *out)
{
  struct walk x = {rng_normal(r), m->slow_share > 0 ? rng_normal(r) : 0};
  double active = active_mean(m);
  bool idle = isfinite(active) && rng_uniform(r) < m->idle;
  double until = isinf(active) ? INFINITY : idle ? fit_draw(&m->idle_lasts, r) * rng_uniform(r) : active * rng_exponential(r);
  long second = 0;
  for (size_t i = 0; i < n; i++) {
    double at = time_s[i];
    for (; second < (long)floor(at + 1e-6); second++) {
      x.fast = walk_step(m->score_rho, x.fast, r);
      if (m->slow_share > 0)
        x.slow = walk_step(m->slow_rho, x.slow, r);
    }
    while (at + 1e-9 >= until) {
      idle = !idle;
      until += idle ? fit_draw(&m->idle_lasts, r) : fmax(m->bin_s, active * rng_exponential(r));
    }
    out[i] = idle ? 0 : rate_of(m, walk_value(m, &x));
  }
}

/* ---- which of two ------------------------------------------------------------------------------------------------ */

/* Autocorrelations of the rates of whole seconds, and of which of them are low, over all runs. */
enum { WAYS = 2, SEEN_LAGS = 4, SEEN_REPEATS = 16, SEEN_SECONDS = 4000 };
struct seen { double sum[WAYS][SEEN_LAGS], n[WAYS][SEEN_LAGS]; };

static void see(struct seen *seen, const double *rate, size_t n, double low)
{
  static const double lag_s[SEEN_LAGS] = {1, 3, 10, 30};
  double *at = zeros_new(n, sizeof *at), *is_low = zeros_new(n, sizeof *is_low);
  for (size_t k = 0; k < n; k++) {
    at[k] = (double)k;
    is_low[k] = isnan(rate[k]) ? NAN : rate[k] <= low;
  }
  for (int l = 0; l < SEEN_LAGS; l++)
    for (int way = 0; way < WAYS; way++) {
      const struct link_run r = {.n = n, .time_s = at, .value = way ? is_low : rate, .step_s = 1};
      double c = run_autocorrelation(&r, lag_s[l]);
      if (isnan(c))
        continue;
      seen->sum[way][l] += c;
      seen->n[way][l]++;
    }
  free(is_low);
  free(at);
}

static size_t repeats_of(const struct link_run *run, size_t n_runs)
{
  double all = 0;
  for (size_t i = 0; i < n_runs; i++)
    all += (double)run[i].n * run[i].step_s;
  size_t k = 1 + (size_t)(SEEN_SECONDS / fmax(all, 1));
  return k < SEEN_REPEATS ? k : SEEN_REPEATS;
}

/* Of the runs, or of what a model gives at their times. */
static struct seen see_runs(const struct link_run *run, size_t n_runs, const struct rate_model *m, double low)
{
  struct seen seen = {0};
  struct rng_root root = rng_root_make(1, 0);
  for (size_t i = 0; i < n_runs; i++)
    for (size_t k = 0; k < (m ? repeats_of(run, n_runs) : 1); k++) {
      struct link_run r = run[i];
      double *value = zeros_new(r.n, sizeof *value);
      struct rng rng = rng_open(&root, rng_name("link-fit which of two"), i, k);
      if (m) {
        rate_sample(m, &rng, r.time_s, r.n, value);
        r.value = value;
      }
      size_t n;
      double *second = rate_seconds(&r, &n);
      see(&seen, second, n, low);
      free(second);
      free(value);
    }
  return seen;
}

static double apart(const struct seen *a, const struct seen *b)
{
  double sum = 0;
  for (int way = 0; way < WAYS; way++)
    for (int l = 0; l < SEEN_LAGS; l++)
      if (a->n[way][l] > 0 && b->n[way][l] > 0)
        sum += pow(a->sum[way][l] / a->n[way][l] - b->sum[way][l] / b->n[way][l], 2);
  return sum;
}

/* Idle seconds among the others (b), or stretches of them beside: what remembers more as the runs do. */
static struct rate_model nearer(const struct rate_model *a, const struct rate_model *b, const struct link_run *run,
                                size_t n_runs, double low)
{
  struct seen raw = see_runs(run, n_runs, NULL, low), by_a = see_runs(run, n_runs, a, low), by_b = see_runs(run, n_runs, b, low);
  return apart(&raw, &by_b) <= apart(&raw, &by_a) ? *b : *a;
}

/* The process's own distribution and memory. */
static void settle_marginal(struct rate_model *m, const struct link_run *run, size_t n_runs, const struct rates *x, bool choose,
                            struct arena *a)
{
  m->score_rho = m->rho;
  bool near = log_normal_fits(m, x);
  if (!choose)
    return;
  struct rate_model fading = *m;
  if (!near)
    m->marginal = fit_grouped(x->active, NULL, x->n, RATE_VALUES, a);
  fit_memory(m, run, n_runs, x->active, x->n);
  if (m->idle <= 0)
    return;
  size_t n;
  double *all = all_seconds(run, n_runs, x->n_room, &n);
  fading.fades = true;
  fading.marginal = fit_grouped(all, NULL, n, RATE_VALUES, a);
  fit_memory(&fading, run, n_runs, all, n);
  *m = nearer(m, &fading, run, n_runs, sorted_quantile(all, n, LOW_SHARE));
  free(all);
}

const struct rate_model *rate_fit(const struct link_run *run, size_t n_runs, bool choose, struct arena *a)
{
  struct rate_model *m = arena_alloc(a, sizeof *m);
  size_t bins = 0, stretches = 0;
  for (size_t i = 0; i < n_runs; i++)
    bins += run[i].n;
  struct rates x = {.active = zeros_new(bins + n_runs, sizeof *x.active), .n_room = bins + n_runs};
  double *length = zeros_new(bins + n_runs, sizeof *length), idle = 0;
  for (size_t i = 0; i < n_runs; i++) {
    add_seconds(&x, &run[i]);
    stretches += idle_stretches(&run[i], length + stretches, &idle);
  }
  sort_ascending(x.active, x.n);
  sort_ascending(length, stretches);
  double n = (double)x.n;
  *m = (struct rate_model){.median = sorted_quantile(x.active, x.n, .5), .rho = pair_correlation(&x), .bin_s = run->step_s,
                           .sigma = sqrt(fmax(0, x.square / n - x.sum / n * (x.sum / n))), .idle = idle / (double)bins,
                           .seconds = x.n, .longest_gap_s = stretches ? length[stretches - 1] : 0};
  if (stretches)
    m->idle_lasts = fit_grouped(length, NULL, stretches, VALUES_MOST, a);
  if (x.n >= 10) {
    fit_families(m, x.active, x.n);
    settle_marginal(m, run, n_runs, &x, choose, a);
  }
  free(x.active);
  free(length);
  return x.n >= 10 ? m : NULL;
}
