/* link_states.c: the states of round-trip times: body, spikes, outages; their fit and what it gives at given times.
 *
 * The first message of an episode is sent between 0 and one step after nothing passes any more, so half a step is added to
 * the highest of an episode to get its peak. For the same reason a peak P below threshold + step is seen only with probability
 * (P - threshold) / step: each one seen stands for 1 / that many (Horvitz and Thompson 1952). Check: messages each 50 ms of 20 ms, but 270, 220, 170, 120, 70 in a row once in
 * 100, above 60 ms: episodes of 5 messages with a peak of 270 + 25 ms.
 */
#include "models/link_fit.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_MESSAGES = 30, LEAST_EPISODES = 30, VALUES_MOST = 40, BODY_CELLS = 32, BODY_VALUES = 64, BODY_GROUPS = 128, STRETCH_VALUES = 16 };
#define STRETCH_LEAST 1.1
#define MEAN_APART 0.15                                 /* of a body's mean from body time over episodes */
#define SPIKE_LEAST_S 0.060
#define OUTAGE_LEAST_S 1.0
#define SIZE_CELL 0.005                                 /* half a peak's cell, of the peak */
#define KS_95 1.358                                     /* of Kolmogorov's distribution; over sqrt(n) */

/* ---- episodes ---------------------------------------------------------------------------------------------------- */

/* What a message waited: of a lost one, until the next that was not lost arrived. */
double *run_waits(const struct link_run *r)
{
  double *wait = zeros_new(r->n, sizeof *wait), arrival = INFINITY;
  for (size_t i = r->n; i-- > 0;) {
    bool lost = isinf(r->value[i]);
    if (!lost)
      arrival = r->time_s[i] + r->value[i];
    wait[i] = lost ? (isinf(arrival) ? r->time_s[r->n - 1] + r->step_s - r->time_s[i] : arrival - r->time_s[i]) : r->value[i];
  }
  return wait;
}

static double step_before(const struct link_run *r, size_t i)
{
  return i ? fmin(r->time_s[i] - r->time_s[i - 1], 10 * r->step_s) : r->step_s;
}

struct link_episode *run_episodes(const struct link_run *r, double threshold_s, size_t *n, double *tail_s, double *body_s)
{
  struct link_episode *all = zeros_new(r->n, sizeof *all);
  double *wait = run_waits(r), since = 0;
  *n = 0;
  *body_s = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (wait[i] <= threshold_s)
      continue;
    double half = step_before(r, i) / 2, start = fmax(since, r->time_s[i] - half);
    struct link_episode e = {.start_s = start, .body_s = start - since};
    for (; i < r->n && wait[i] > threshold_s; i++, e.messages++)
      e.peak_s = fmax(e.peak_s, wait[i]);
    e.seen_s = e.peak_s;
    e.peak_s += half;
    double passed = r->time_s[i < r->n ? i : r->n - 1];
    since = fmax(start + e.peak_s, passed);
    *body_s += e.body_s;
    all[(*n)++] = e;
  }
  *tail_s = r->n ? fmax(0, r->time_s[r->n - 1] + r->step_s - since) : 0;
  *body_s += *tail_s;
  free(wait);
  return all;
}

double rtt_threshold(const struct link_run *run, size_t n)
{
  size_t all = 0, k = 0;
  for (size_t i = 0; i < n; i++)
    all += run[i].n;
  double *x = zeros_new(all, sizeof *x);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < run[i].n; j++)
      if (isfinite(run[i].value[j]))
        x[k++] = run[i].value[j];
  sort_ascending(x, k);
  double low = k ? sorted_quantile(x, k, .1) : 0;
  free(x);
  return fmax(SPIKE_LEAST_S, 3 * low);
}

/* ---- what all runs give ------------------------------------------------------------------------------------------ */

struct state_sample { struct span *body, *peak; size_t n_body, n; double *seen, *messages, *stretch, *above, weight; };
struct gathered {
  double *body;
  size_t n_body, messages;
  double body_s, span_s, step_s;
  struct state_sample state[2];                         /* spikes, outages */
};

static void gather_run(struct gathered *g, const struct link_run *r, const struct rtt_model *m)
{
  size_t n;
  double tail, body;
  struct link_episode *e = run_episodes(r, m->threshold_s, &n, &tail, &body);
  for (size_t i = 0; i < n; i++)
    for (int k = 0; k < 2; k++) {
      struct state_sample *s = &g->state[k];
      bool mine = (e[i].peak_s >= m->outage_s) == (k == 1);
      double half = r->step_s / 2;
      s->body[s->n_body++] = (struct span){fmax(0, e[i].body_s - half), mine ? e[i].body_s + half : INFINITY, 1};
      if (mine) {
        double chance = fmin(1, (e[i].peak_s - m->threshold_s) / r->step_s);
        s->peak[s->n] = (struct span){e[i].peak_s * (1 - SIZE_CELL), e[i].peak_s * (1 + SIZE_CELL), 1 / chance};
        s->weight += 1 / chance;
        s->seen[s->n] = e[i].seen_s;
        s->above[s->n] = fmax(e[i].peak_s - m->threshold_s, r->step_s / 2);
        s->stretch[s->n] = (double)e[i].messages * r->step_s / s->above[s->n];
        s->messages[s->n++] = (double)e[i].messages;
      }
    }
  for (int k = 0; k < 2; k++)
    g->state[k].body[g->state[k].n_body++] = (struct span){tail, INFINITY, 1};
  for (size_t i = 0, k = 0; i < r->n; i++) {            /* what still waits for the end of an episode is no body */
    while (k < n && e[k].start_s + e[k].peak_s <= r->time_s[i])
      k++;
    if (r->value[i] <= m->threshold_s && (k == n || r->time_s[i] < e[k].start_s))
      g->body[g->n_body++] = r->value[i];
  }
  g->body_s += body;
  g->messages += r->n;
  g->span_s += r->n ? r->time_s[r->n - 1] + r->step_s : 0;
  free(e);
}

static void gathered_open(struct gathered *g, size_t messages, size_t runs)
{
  *g = (struct gathered){.body = zeros_new(messages, sizeof *g->body)};
  for (int k = 0; k < 2; k++) {
    struct state_sample *s = &g->state[k];
    s->body = zeros_new(messages + runs, sizeof *s->body);
    s->peak = zeros_new(messages, sizeof *s->peak);
    s->seen = zeros_new(messages, sizeof *s->seen);
    s->above = zeros_new(messages, sizeof *s->above);
    s->stretch = zeros_new(messages, sizeof *s->stretch);
    s->messages = zeros_new(messages, sizeof *s->messages);
  }
}

static void gathered_close(struct gathered *g)
{
  free(g->body);
  for (int k = 0; k < 2; k++) {
    free(g->state[k].body);
    free(g->state[k].peak);
    free(g->state[k].seen);
    free(g->state[k].above);
    free(g->state[k].stretch);
    free(g->state[k].messages);
  }
}

/* ---- fits -------------------------------------------------------------------------------------------------------- */

/* Distances of a fit from the sorted sample, at the middle of each rounding cell and by equal ranks. */
static void measure(struct family_fit *f, const double *sorted, size_t n, double quantum)
{
  struct rng_root root = rng_root_make(1, 0);
  struct rng r = rng_open(&root, rng_name("link-fit distances"), (uint64_t)f->family, n);
  size_t m = n < 2000 ? 20000 : 10 * n;
  m = m > 200000 ? 200000 : m;
  double *x = zeros_new(m, sizeof *x);
  for (size_t i = 0; i < m; i++)
    x[i] = quantum > 0 ? round(fit_draw(f, &r) / quantum) * quantum : fit_draw(f, &r);
  sort_ascending(x, m);
  f->ks = distance_ks(sorted, n, x, m);
  f->w1 = distance_w1(sorted, n, x, m);
  free(x);
}

/* Each value that was seen and how often; where those are too many, BODY_GROUPS equal shares. */
static struct family_fit body_itself(const struct gathered *g, double quantum, struct span *span, struct arena *a)
{
  size_t n = fit_spans_of(g->body, g->n_body, quantum, 0, span);
  if (n > BODY_VALUES)
    return fit_grouped(g->body, NULL, g->n_body, BODY_GROUPS, a);
  double *value = zeros_new(n, sizeof *value), *weight = zeros_new(n, sizeof *weight);
  for (size_t i = 0; i < n; i++) {
    value[i] = fmax(0, (span[i].lo + span[i].hi) / 2);
    weight[i] = span[i].weight;
  }
  struct family_fit f = fit_empirical(value, weight, n, a);
  free(weight);
  free(value);
  return f;
}

static void fit_body(struct rtt_model *m, struct gathered *g, bool choose, struct arena *a)
{
  sort_ascending(g->body, g->n_body);
  m->quantum_s = fit_quantum(g->body, g->n_body);
  double iqr = sorted_quantile(g->body, g->n_body, .75) - sorted_quantile(g->body, g->n_body, .25);
  struct span *span = zeros_new(g->n_body, sizeof *span);
  size_t n = fit_spans_of(g->body, g->n_body, m->quantum_s, iqr / BODY_CELLS, span);
  for (int k = 0; k < 3; k++) {
    struct family_fit *f = &m->families[k];
    *f = fit_spans((enum fit_family)k, span, n, true);
    if (f->good)
      measure(f, g->body, g->n_body, m->quantum_s);
    if (f->good && (!m->body.good || f->w1 < m->body.w1))
      m->body = *f;
  }
  if (choose && (!m->body.good || m->body.ks > BODY_KS_MOST)) {
    struct family_fit itself = body_itself(g, m->quantum_s, span, a);
    if (itself.good)
      measure(&itself, g->body, g->n_body, m->quantum_s);
    m->body = itself.good ? itself : m->body;
  }
  free(span);
}

static int by_low(const void *a, const void *b)
{
  const struct span *x = a, *y = b;
  return (x->lo > y->lo) - (x->lo < y->lo);
}

/* KS distance from the weighted shares. */
static void measure_weighted(struct family_fit *f, const struct span *span, size_t n, double all)
{
  double below = 0;
  f->ks = 0;
  for (size_t i = 0; i < n; i++) {
    double p = fit_cdf(f, (span[i].lo + span[i].hi) / 2);
    f->ks = fmax(f->ks, fmax(fabs(p - below / all), fabs(p - (below + span[i].weight) / all)));
    below += span[i].weight;
  }
}

/* Peaks, sorted: the nearest family, or the values themselves where that is too far for this many of them. */
static struct family_fit fit_sizes(const struct state_sample *s, struct arena *a)
{
  struct family_fit best = {0};
  size_t n = s->n;
  for (int k = 0; n >= LEAST_EPISODES && k < 3; k++) {
    struct family_fit f = fit_spans((enum fit_family)k, s->peak, n, false);
    if (f.good)
      measure_weighted(&f, s->peak, n, s->weight);
    if (f.good && (!best.good || f.ks < best.ks))
      best = f;
  }
  if (best.good && best.ks <= KS_95 / sqrt((double)n))
    return best;
  double *value = zeros_new(n, sizeof *value), *weight = zeros_new(n, sizeof *weight);
  for (size_t i = 0; i < n; i++) {
    value[i] = (s->peak[i].lo + s->peak[i].hi) / 2;
    weight[i] = s->peak[i].weight;
  }
  best = fit_grouped(value, weight, n, VALUES_MOST, a);
  free(weight);
  free(value);
  return best;
}

/* Bodies before an episode. An exponential stays unless another family gains more than 2 log units (Akaike), there are 30
 * episodes to tell, and the mean, and so the rate of episodes, stays what it was. */
static struct family_fit fit_bodies(struct state_sample *s, double body_s)
{
  static const enum fit_family others[] = {FIT_WEIBULL, FIT_GAMMA, FIT_LOGNORMAL};
  double mean = body_s / (double)s->n;
  qsort(s->body, s->n_body, sizeof *s->body, by_low);
  struct family_fit best = fit_spans(FIT_EXPONENTIAL, s->body, s->n_body, false);
  for (size_t k = 0; s->n >= LEAST_EPISODES && k < 3; k++) {
    struct family_fit f = fit_spans(others[k], s->body, s->n_body, false);
    double penalty = best.family == FIT_EXPONENTIAL ? 2 : 0;
    if (f.good && f.log_likelihood > best.log_likelihood + penalty && fabs(fit_mean(&f) / mean - 1) < MEAN_APART)
      best = f;
  }
  best.p[0] *= (double)s->n / s->weight;                /* and as many more as were not seen */
  char why[160];
  best.good = best.good && dist_make(&best.dist, fit_family_name[best.family], best.p, best.family == FIT_EXPONENTIAL ? 1 : 2, why);
  return best;
}

static int by_value(const void *a, const void *b)
{
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Time above the threshold over what a spike of that peak gives by itself, weighted by that, so that all of it comes out. Left at
 * 1 where the whole is not longer by STRETCH_LEAST. */
static struct family_fit fit_stretch(const struct state_sample *s, struct arena *a)
{
  struct family_fit f = {0};
  double above = 0, seen = 0, *pair = zeros_new(2 * s->n, sizeof *pair);
  for (size_t i = 0; i < s->n; i++) {
    above += s->above[i];
    seen += s->above[i] * s->stretch[i];
    pair[2 * i] = s->stretch[i];
    pair[2 * i + 1] = s->above[i];
  }
  if (s->n >= LEAST_EPISODES && seen > STRETCH_LEAST * above) {
    double *value = zeros_new(s->n, sizeof *value), *weight = zeros_new(s->n, sizeof *weight);
    qsort(pair, s->n, 2 * sizeof *pair, by_value);
    for (size_t i = 0; i < s->n; i++) {
      value[i] = pair[2 * i];
      weight[i] = pair[2 * i + 1];
    }
    f = fit_grouped(value, weight, s->n, STRETCH_VALUES, a);
    free(weight);
    free(value);
  }
  free(pair);
  return f;
}

static void fit_state(struct state_fit *out, struct state_sample *s, const struct gathered *g, struct arena *a)
{
  *out = (struct state_fit){.stretch = out->stretch, .n = s->n, .per_message = (double)s->n / (double)g->messages,
                            .per_minute = 60 * (double)s->n / g->span_s};
  if (s->n == 0)
    return;
  out->every = fit_bodies(s, g->body_s);
  sort_ascending(s->messages, s->n);
  out->messages_p50 = sorted_quantile(s->messages, s->n, .5);
  out->messages_p95 = sorted_quantile(s->messages, s->n, .95);
  qsort(s->peak, s->n, sizeof *s->peak, by_low);
  out->peak = fit_sizes(s, a);
  sort_ascending(s->seen, s->n);
  out->peak_p50_s = sorted_quantile(s->seen, s->n, .5);
  out->peak_p95_s = sorted_quantile(s->seen, s->n, .95);
  out->longest_s = s->seen[s->n - 1];
}

const struct rtt_model *rtt_fit(const struct link_run *run, size_t n_runs, struct rtt_limits limits, struct arena *a)
{
  struct rtt_model *m = arena_alloc(a, sizeof *m);
  m->threshold_s = limits.threshold_s > 0 ? limits.threshold_s : rtt_threshold(run, n_runs);
  m->outage_s = limits.outage_s > 0 ? limits.outage_s : OUTAGE_LEAST_S;
  struct gathered g;
  for (size_t i = 0; i < n_runs; i++)
    m->messages += run[i].n;
  gathered_open(&g, m->messages, n_runs);
  for (size_t i = 0; i < n_runs; i++)
    gather_run(&g, &run[i], m);
  if (g.n_body >= LEAST_MESSAGES)
    fit_body(m, &g, limits.choose, a);
  if (m->body.good) {
    m->spike.stretch = fit_stretch(&g.state[0], a);
    fit_state(&m->spike, &g.state[0], &g, a);
    fit_state(&m->outage, &g.state[1], &g, a);
  }
  gathered_close(&g);
  return m->body.good ? m : NULL;
}

/* ---- the model at given times ------------------------------------------------------------------------------------ */

/* The episode now or next: from start to end. */
struct walk { const struct rtt_model *m; struct rng states; double start, end, peak; };

static double until_next(const struct state_fit *s, struct rng *r)
{
  return s->n && s->every.good ? fit_draw(&s->every, r) : INFINITY;
}

static void walk_next(struct walk *w, double from)
{
  double spike = until_next(&w->m->spike, &w->states), outage = until_next(&w->m->outage, &w->states);
  w->start = from + fmin(spike, outage);
  w->end = INFINITY;
  if (isinf(w->start))
    return;
  w->peak = fit_draw(spike < outage ? &w->m->spike.peak : &w->m->outage.peak, &w->states);
  bool longer = spike < outage && w->m->spike.stretch.good;
  w->end = w->start + w->peak * (longer ? fit_draw(&w->m->spike.stretch, &w->states) : 1);
}

static double walk_wait(const struct walk *w, double at)
{
  return at < w->start ? 0 : w->peak * (w->end - at) / (w->end - w->start);
}

void rtt_sample(const struct rtt_model *m, struct rng *r, const double *time_s, size_t n, double *out)
{
  struct walk w = {.m = m, .states = *r};
  w.states.name[2] ^= rng_name("states");
  walk_next(&w, 0);
  for (size_t i = 0; i < n; i++) {
    while (w.end <= time_s[i])
      walk_next(&w, w.end);
    double body = fit_draw(&m->body, r), x = fmax(body, walk_wait(&w, time_s[i]));
    out[i] = round(x / m->quantum_s) * m->quantum_s;
  }
}
