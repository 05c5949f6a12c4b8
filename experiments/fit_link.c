/* fit_link.c: a model fitted to some runs and held against others.
 *
 * Error: distance of what the model, fitted without a run, gives at that run's times, from the run. Spread: distance of the
 * other runs themselves from it, each weighed by its length, as the model weighs them. W1 and KS are convex in their first
 * argument, so the mixture of the other runs is on average no farther than they are: a model that is true to its runs stays
 * within the spread, and one that adds an error of its own does not for long.
 */
#include "experiments/fit_link.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_WANTED = 1000000, REPEATS_MAX = 1000, SIDE_SAMPLES = 400000, SIDE_REPEATS_MAX = 100, EFFECT_REPEATS = 8, RUNS_TO_COMPARE = 3 };
#define UNLIKE 3.0                                      /* times the distance among the fitted runs: another condition */

const double link_lag_s[LINK_LAGS] = {1, 10, 60};
const double link_quantile[2][LINK_QUANTILES] = {{.5, .99, .999}, {.05, .5, .95}};

static bool is_rtt(const struct link_study *s)
{
  return s->kind == LINK_RTT;
}

bool link_model_fit(const struct link_study *s, const struct link_run *run, size_t n, struct arena *a, struct link_model *m)
{
  *m = (struct link_model){0};
  if (is_rtt(s))
    m->rtt = rtt_fit(run, n, s->limits, a);
  else
    m->rate = rate_fit(run, n, s->limits.choose, a);
  return m->rtt || m->rate;
}

/* ---- series ------------------------------------------------------------------------------------------------------ */

void series_free(struct series *s)
{
  free(s->x);
  free(s->sorted);
  free((double *)s->run.time_s);
  free((double *)s->run.value);
}

/* x and times become the series'. Values that are not finite stay in the run and out of the sample. */
static struct series series_make(double *time_s, double *value, size_t n, double step_s)
{
  struct series s = {.run = {.n = n, .time_s = time_s, .value = value, .step_s = step_s}};
  s.x = zeros_new(n, sizeof *s.x);
  s.sorted = zeros_new(n, sizeof *s.sorted);
  for (size_t i = 0; i < n; i++)
    if (isfinite(value[i]))
      s.x[s.n++] = value[i];
  memcpy(s.sorted, s.x, s.n * sizeof *s.x);
  sort_ascending(s.sorted, s.n);
  return s;
}

static struct series series_rate(const struct link_run *r)
{
  size_t n;
  double *mean = rate_seconds(r, &n), *at = zeros_new(n, sizeof *at);
  for (size_t i = 0; i < n; i++)
    at[i] = (double)i;
  return series_make(at, mean, n, 1);
}

static struct series series_rtt(const struct link_run *r)
{
  double *at = zeros_new(r->n, sizeof *at), *value = run_waits(r);
  memcpy(at, r->time_s, r->n * sizeof *at);
  return series_make(at, value, r->n, r->step_s);
}

struct series series_of(const struct link_study *s, const struct link_run *r)
{
  return is_rtt(s) ? series_rtt(r) : series_rate(r);
}

struct series series_from(const struct link_study *s, const struct link_model *m, const struct link_run *r, uint64_t stream)
{
  struct rng_root root = rng_root_make(s->seed, 0);
  struct rng draw = rng_open(&root, rng_name("fit-link"), stream, 0);
  double *value = zeros_new(r->n, sizeof *value);
  struct link_run given = *r;
  given.value = value;
  if (is_rtt(s))
    rtt_sample(m->rtt, &draw, r->time_s, r->n, value);
  else
    rate_sample(m->rate, &draw, r->time_s, r->n, value);
  struct series out = series_of(s, &given);
  free(value);
  return out;
}

/* Several series as one sorted sample. */
struct pool { double *x; size_t n, room, messages; double episodes; };

static void pool_add(struct pool *p, const struct series *s)
{
  if (p->n + s->n > p->room) {
    p->room = 2 * (p->n + s->n);
    double *x = zeros_new(p->room, sizeof *x);
    memcpy(x, p->x ? p->x : x, p->n * sizeof *x);
    free(p->x);
    p->x = x;
  }
  memcpy(p->x + p->n, s->x, s->n * sizeof *s->x);
  p->n += s->n;
  p->messages += s->run.n;
}

static size_t repeats(const struct link_run *r)
{
  size_t k = r->n ? SAMPLES_WANTED / r->n + 1 : 1;
  return k > REPEATS_MAX ? REPEATS_MAX : k;
}

static double episodes_of(const struct series *s, double threshold_s)
{
  size_t n;
  double tail, body;
  free(run_episodes(&s->run, threshold_s, &n, &tail, &body));
  return (double)n;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static double relative(double x, double truth)
{
  return truth != 0 ? fabs(x / truth - 1) : x == truth ? 0 : NAN;
}

static struct link_error error_of(const struct link_study *s, const double *a, size_t n, double a_per_message,
                                  const double *b, size_t m, double b_per_message)
{
  struct link_error e = {.ks = distance_ks(a, n, b, m), .w1 = distance_w1(a, n, b, m), .episodes = NAN};
  double sum = 0;
  for (size_t i = 0; i < m; i++)
    sum += b[i];
  e.w1 /= sum / (double)m;
  for (int k = 0; k < LINK_QUANTILES; k++) {
    double q = link_quantile[!is_rtt(s)][k];
    e.quantile[k] = relative(sorted_quantile(a, n, q), sorted_quantile(b, m, q));
  }
  if (is_rtt(s))
    e.episodes = relative(a_per_message, b_per_message);
  return e;
}

struct error_sum { struct link_error sum, n; };

static void add_one(double x, double weight, double *sum, double *n)
{
  if (isfinite(x)) {
    *sum += weight * x;
    *n += weight;
  }
}

static void add_error(struct error_sum *to, const struct link_error *e, double weight)
{
  add_one(e->ks, weight, &to->sum.ks, &to->n.ks);
  add_one(e->w1, weight, &to->sum.w1, &to->n.w1);
  add_one(e->episodes, weight, &to->sum.episodes, &to->n.episodes);
  for (int k = 0; k < LINK_QUANTILES; k++)
    add_one(e->quantile[k], weight, &to->sum.quantile[k], &to->n.quantile[k]);
}

static struct link_error mean_error(const struct error_sum *s)
{
  struct link_error e = {s->sum.ks / s->n.ks, s->sum.w1 / s->n.w1, .episodes = s->sum.episodes / s->n.episodes};
  for (int k = 0; k < LINK_QUANTILES; k++)
    e.quantile[k] = s->sum.quantile[k] / s->n.quantile[k];
  return e;
}

struct fold_sums { struct error_sum error, spread; };
struct fold_misses { double tasks, miss[LINK_POLICIES]; };

static double threshold_of(const struct link_model *m)
{
  return m->rtt ? m->rtt->threshold_s : 0;
}

static double per_message(const struct link_study *s, const struct series *x, double threshold_s)
{
  return is_rtt(s) ? episodes_of(x, threshold_s) / (double)x->run.n : NAN;
}

/* The same tasks over the measured link and over the model's. */
static void add_effect(struct link_effect *e, struct fold_misses *fold, const struct series *truth, const struct series *given,
                       uint64_t seed)
{
  fold->tasks += link_effect_add(&e->def, &truth->run, seed, fold->miss);
  link_effect_add(&e->def, &given->run, seed, e->model);
}

static void end_effect(struct link_effect *e, const struct fold_misses *fold)
{
  e->tasks += fold->tasks;
  for (int p = 0; p < LINK_POLICIES; p++)
    e->raw[p] += fold->miss[p];
  link_effect_fold(e, fold->miss, fold->tasks);
}

/* Of a run, by its file's own name: the same wherever the file lies. */
static uint64_t run_stream(const struct link_run *r)
{
  const char *name = r->name ? r->name : "", *slash = strrchr(name, '/');
  return rng_name(slash ? slash + 1 : name);
}

/* One run against a model that has not seen it, and against the runs that the model has seen. */
static void fold(const struct link_study *s, const struct link_model *m, const struct link_run *held,
                 const struct link_run *const *seen, size_t n_seen, struct link_result *out, struct fold_sums *sums)
{
  struct series truth = series_of(s, held);
  uint64_t stream = run_stream(held);
  double threshold = threshold_of(m), rate = per_message(s, &truth, threshold);
  struct pool pool = {0};
  struct fold_misses misses = {0};
  for (size_t k = 0; k < repeats(held); k++) {
    struct series given = series_from(s, m, held, stream + k);
    if (is_rtt(s))
      pool.episodes += episodes_of(&given, threshold);
    if (k < EFFECT_REPEATS)
      add_effect(&out->effect, &misses, &truth, &given, stream + s->seed + k);
    pool_add(&pool, &given);
    series_free(&given);
  }
  end_effect(&out->effect, &misses);
  sort_ascending(pool.x, pool.n);
  struct link_error e = error_of(s, pool.x, pool.n, pool.episodes / (double)pool.messages, truth.sorted, truth.n, rate);
  add_error(&sums->error, &e, 1);
  out->folds++;
  free(pool.x);
  double all = 0;
  for (size_t i = 0; i < n_seen; i++)
    all += (double)seen[i]->n;
  for (size_t i = 0; i < n_seen; i++) {
    struct series other = series_of(s, seen[i]);
    struct link_error d = error_of(s, other.sorted, other.n, per_message(s, &other, threshold), truth.sorted, truth.n, rate);
    add_error(&sums->spread, &d, (double)(n_seen * seen[i]->n) / all);
    out->pairs++;
    series_free(&other);
  }
  series_free(&truth);
}

/* Mean distance of the fitted runs from each other, each pair twice. */
static struct link_error among(const struct link_study *s)
{
  struct error_sum sum = {0};
  for (size_t i = 0; i < s->n; i++) {
    struct series a = series_of(s, &s->run[i]);
    for (size_t j = 0; j < s->n; j++) {
      struct series b = series_of(s, &s->run[j]);
      struct link_error d = error_of(s, b.sorted, b.n, NAN, a.sorted, a.n, NAN);
      if (i != j)
        add_error(&sum, &d, 1);
      series_free(&b);
    }
    series_free(&a);
  }
  return mean_error(&sum);
}

/* Runs that were held out by name may be of another condition: then they are far from all of the others. */
static bool unlike(const struct link_study *s, const struct link_error *spread)
{
  if (!s->n_held || s->n < RUNS_TO_COMPARE)
    return false;
  struct link_error own = among(s);
  return spread->ks > UNLIKE * own.ks && spread->w1 > UNLIKE * own.w1;
}

/* Held-out runs as asked, or each run once. */
static bool folds(const struct link_study *s, struct arena *a, struct link_result *out, struct err *e)
{
  struct fold_sums sums = {0};
  const struct link_run **seen = zeros_new(s->n, sizeof *seen);
  struct link_run *others = zeros_new(s->n, sizeof *others);
  bool good = true;
  for (size_t i = 0; good && i < (s->n_held ? s->n_held : s->n); i++) {
    size_t n = 0;
    for (size_t j = 0; j < s->n; j++)
      if (s->n_held || j != i) {
        seen[n] = &s->run[j];
        others[n++] = s->run[j];
      }
    struct link_model m = out->model;
    if (!s->n_held && !link_model_fit(s, others, n, a, &m))
      good = err_add(e, (struct where){.file = s->run[i].name}, "without this run there is too little to fit");
    else
      fold(s, &m, &s->run[s->n_held ? s->n + i : i], seen, n, out, &sums);
  }
  free(others);
  free(seen);
  out->error = mean_error(&sums.error);
  out->spread = mean_error(&sums.spread);
  out->unlike = unlike(s, &out->spread);
  out->within = !out->unlike && out->error.ks <= out->spread.ks && out->error.w1 <= out->spread.w1;
  return good;
}

/* ---- raw and given, side by side ---------------------------------------------------------------------------------- */

struct side_sums { double acf[LINK_LAGS], n_acf[LINK_LAGS], *messages, *peak, *outage, threshold_s; size_t n_spikes, n_outages, total; };

static void side_add(struct side_sums *t, const struct link_study *s, const struct series *x, const struct link_model *m)
{
  for (int k = 0; k < LINK_LAGS; k++)
    add_one(run_autocorrelation(&x->run, link_lag_s[k]), 1, &t->acf[k], &t->n_acf[k]);
  t->total += x->run.n;
  if (!is_rtt(s))
    return;
  size_t n;
  double tail, body;
  t->threshold_s = m->rtt->threshold_s;
  struct link_episode *e = run_episodes(&x->run, m->rtt->threshold_s, &n, &tail, &body);
  for (size_t i = 0; i < n; i++) {
    if (e[i].peak_s >= m->rtt->outage_s) {
      t->outage[t->n_outages++] = e[i].seen_s;
      continue;
    }
    t->messages[t->n_spikes] = (double)e[i].messages;
    t->peak[t->n_spikes++] = e[i].seen_s;
  }
  free(e);
}

static struct link_side side_end(const struct link_study *s, struct side_sums *t, struct pool *pool)
{
  struct link_side side = {0};
  sort_ascending(pool->x, pool->n);
  sort_ascending(t->messages, t->n_spikes);
  sort_ascending(t->peak, t->n_spikes);
  sort_ascending(t->outage, t->n_outages);
  for (int k = 0; k < LINK_LAGS; k++)
    side.acf[k] = t->acf[k] / t->n_acf[k];
  for (int k = 0; k < LINK_QUANTILES; k++)
    side.quantile[k] = sorted_quantile(pool->x, pool->n, link_quantile[!is_rtt(s)][k]);
  while (t->threshold_s > 0 && side.above < (double)pool->n && pool->x[pool->n - 1 - (size_t)side.above] > t->threshold_s)
    side.above++;
  side.above /= (double)pool->n;
  side.per_1000 = 1e3 * (double)t->n_spikes / (double)t->total;
  side.messages_p50 = sorted_quantile(t->messages, t->n_spikes, .5);
  side.messages_p95 = sorted_quantile(t->messages, t->n_spikes, .95);
  side.peak_p50_s = sorted_quantile(t->peak, t->n_spikes, .5);
  side.peak_p95_s = sorted_quantile(t->peak, t->n_spikes, .95);
  side.outages = 1e3 * (double)t->n_outages / (double)t->total;
  side.outage_p50_s = sorted_quantile(t->outage, t->n_outages, .5);
  side.outage_p95_s = sorted_quantile(t->outage, t->n_outages, .95);
  side.outage_max_s = t->n_outages ? t->outage[t->n_outages - 1] : NAN;
  size_t idle = 0;
  while (idle < pool->n && pool->x[idle] < RATE_IDLE_BYTES_PER_S)
    idle++;
  side.idle = (double)idle / (double)pool->n;
  free(t->messages);
  free(t->peak);
  free(t->outage);
  free(pool->x);
  return side;
}

/* `given`: of the model, at the times of the runs, `times` over. */
static struct link_side side_of(const struct link_study *s, const struct link_model *m, bool given, size_t times)
{
  size_t all = 1;
  for (size_t i = 0; i < s->n; i++)
    all += times * s->run[i].n;
  struct side_sums t = {.messages = zeros_new(all, sizeof(double)), .peak = zeros_new(all, sizeof(double)),
                        .outage = zeros_new(all, sizeof(double))};
  struct pool pool = {0};
  for (size_t k = 0; k < times; k++)
    for (size_t i = 0; i < s->n; i++) {
      struct series x = given ? series_from(s, m, &s->run[i], 1000000 * k + i) : series_of(s, &s->run[i]);
      side_add(&t, s, &x, m);
      pool_add(&pool, &x);
      series_free(&x);
    }
  return side_end(s, &t, &pool);
}

/* ---- the study ---------------------------------------------------------------------------------------------------- */

/* Deadline: 100 ms, or four median delays where those are more; local 0.6 of it, service at the edge 0.2; bytes such that a
 * median second carries them in 0.3 of it. */
static struct link_effect_def effect_def(const struct link_study *s, struct link_effect_def d, const struct link_side *raw)
{
  double median = raw->quantile[is_rtt(s) ? 0 : 1];
  if (d.deadline_s <= 0)
    d.deadline_s = is_rtt(s) ? fmax(.1, 4 * median) : 1;
  d.local_s = d.local_s > 0 ? d.local_s : .6 * d.deadline_s;
  d.service_s = d.service_s > 0 ? d.service_s : .2 * d.deadline_s;
  d.bytes = is_rtt(s) ? 0 : d.bytes > 0 ? d.bytes : .3 * d.deadline_s * median;
  return d;
}

bool link_study_run(const struct link_study *s, struct link_effect_def def, struct arena *a, struct link_result *out,
                    struct err *e)
{
  *out = (struct link_result){0};
  if (!link_model_fit(s, s->run, s->n, a, &out->model))
    return err_add(e, (struct where){.file = s->run[0].name},
                   is_rtt(s) ? "too little to fit: fewer than 30 messages below the threshold, or all alike"
                             : "too little to fit: fewer than 10 seconds with a rate");
  size_t messages = 0;
  for (size_t i = 0; i < s->n; i++)
    messages += s->run[i].n;
  size_t times = SIDE_SAMPLES / (messages ? messages : 1) + 1;
  out->raw = side_of(s, &out->model, false, 1);
  out->given = side_of(s, &out->model, true, times > SIDE_REPEATS_MAX ? SIDE_REPEATS_MAX : times);
  out->effect.def = effect_def(s, def, &out->raw);
  if (!folds(s, a, out, e))
    return false;
  link_effect_rank(&out->effect);
  return true;
}
