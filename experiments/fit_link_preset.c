/* fit_link_preset.c: a fitted link as a preset: its own latency or rate and its variability. */
#include "experiments/fit_link.h"

#include "analysis/text.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>

/* A time as one reads it: ms below a second, s from there on. */
static void put_time(struct text *t, double time_s)
{
  if (time_s < 1)
    text_add(t, "%.5g ms", 1e3 * time_s);
  else
    text_add(t, time_s < 1e5 ? "%.5g s" : "%.0f s", time_s);
}

static void put_empirical(struct text *t, const struct family_fit *f)
{
  text_put(t, "{empirical: {values: [");
  for (size_t i = 0; i < f->n; i++) {
    text_put(t, i ? ", " : "");
    put_time(t, f->value[i]);
  }
  bool equal = true;
  for (size_t i = 1; i < f->n; i++)
    equal &= f->weight[i] == f->weight[0];
  for (size_t i = 0; !equal && i < f->n; i++)
    text_add(t, "%s%.6g", i ? ", " : "], weights: [", f->weight[i]);
  text_put(t, "]}}");
}

static void put_named(struct text *t, const struct family_fit *f, const char *parameter, const char *shape)
{
  text_add(t, "{%s: {%s: ", fit_family_name[f->family], parameter);
  put_time(t, f->p[0]);
  if (shape)
    text_add(t, ", %s: %.4g", shape, f->p[1]);
  text_put(t, "}}");
}

/* A distribution of times. */
static void put_family(struct text *t, const struct family_fit *f)
{
  if (f->floor > 0) {
    text_put(t, "{shifted: {by: ");
    put_time(t, f->floor);
    text_put(t, ", dist: ");
  }
  if (f->family == FIT_EMPIRICAL)
    put_empirical(t, f);
  else if (f->family == FIT_LOGNORMAL)
    put_named(t, f, "median", "sigma");
  else if (f->family == FIT_EXPONENTIAL)
    put_named(t, f, "mean", NULL);
  else
    put_named(t, f, f->family == FIT_GAMMA ? "mean" : "scale", "shape");
  if (f->floor > 0)
    text_put(t, "}}");
}

static void put_state(struct text *t, const char *name, const struct state_fit *s, const char *length)
{
  if (s->n == 0)
    return;
  text_add(t, "    %s:\n      every: ", name);
  put_family(t, &s->every);
  text_add(t, "\n      %s: ", length);
  put_family(t, &s->peak);
  text_put(t, "\n");
  for (size_t i = 0; s->stretch.good && i < s->stretch.n; i++)
    text_add(t, "%s%.4g", i ? ", " : "      stretch: {empirical: {values: [", s->stretch.value[i]);
  for (size_t i = 0; s->stretch.good && i < s->stretch.n; i++)
    text_add(t, "%s%.4g", i ? ", " : "], weights: [", s->stretch.weight[i]);
  text_put(t, s->stretch.good ? "]}}\n" : "");
}

/* One way, such that two of them, drawn apart, have the round trip's mean and variance. Log-normal: with e = exp(sigma^2),
 * sigma'^2 = log(1 + 2 (e - 1)); check: (5.26, .45) gives (2.42, .609). Gamma: exact with half the mean and half the shape. */
static struct family_fit one_way(const struct family_fit *f)
{
  struct family_fit half = *f;
  half.floor = f->floor / 2;
  if (f->family == FIT_GAMMA) {
    half.p[0] = f->p[0] / 2;
    half.p[1] = f->p[1] / 2;
    return half;
  }
  double mean = f->p[0] * exp(f->p[1] * f->p[1] / 2), variance = log(1 + 2 * expm1(f->p[1] * f->p[1]));
  half.p[0] = mean / 2 / exp(variance / 2);
  half.p[1] = sqrt(variance);
  return half;
}

/* The nearest family that has a half. */
static const struct family_fit *with_half(const struct rtt_model *m)
{
  const struct family_fit *a = &m->families[FIT_LOGNORMAL], *b = &m->families[FIT_GAMMA];
  return b->good && (!a->good || b->w1 < a->w1) ? b : a;
}

struct atom { double x, weight; };

static int by_x(const void *a, const void *b)
{
  double x = ((const struct atom *)a)->x, y = ((const struct atom *)b)->x;
  return (x > y) - (x < y);
}

static double total(const struct atom *a, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i].weight;
  return sum;
}

/* Area between two distributions of atoms, both sorted. */
static double atoms_w1(const struct atom *a, size_t n, const struct atom *b, size_t m)
{
  double all_a = total(a, n), all_b = total(b, m), below_a = 0, below_b = 0, area = 0, at = 0;
  for (size_t i = 0, j = 0; i < n || j < m;) {
    double next = j == m || (i < n && a[i].x < b[j].x) ? a[i].x : b[j].x;
    area += fabs(below_a / all_a - below_b / all_b) * (next - at);
    at = next;
    while (i < n && a[i].x == next)
      below_a += a[i++].weight;
    while (j < m && b[j].x == next)
      below_b += b[j++].weight;
  }
  return area;
}

/* How far two values drawn apart are from the body (W1). */
static double twice_from(const struct family_fit *body, const double *half)
{
  size_t n = body->n;
  struct atom *two = zeros_new(n * n, sizeof *two), *whole = zeros_new(n, sizeof *whole);
  for (size_t i = 0; i < n; i++) {
    whole[i] = (struct atom){body->value[i], body->weight[i]};
    for (size_t j = 0; j < n; j++)
      two[i * n + j] = (struct atom){half[i] + half[j], body->weight[i] * body->weight[j]};
  }
  qsort(two, n * n, sizeof *two, by_x);
  qsort(whole, n, sizeof *whole, by_x);
  double w1 = atoms_w1(two, n * n, whole, n);
  free(two);
  free(whole);
  return w1;
}

/* The body's own values about half their mean, their distances from it over sqrt 2: mean and variance of two are exact.
 * NULL where one would be negative; the caller frees. Check: 10 and 20 ms give 3.96 and 11.04 ms. */
static double *half_values(const struct family_fit *body)
{
  double mean = fit_mean(body), *half = zeros_new(body->n, sizeof *half);
  for (size_t i = 0; i < body->n; i++) {
    half[i] = mean / 2 + (body->value[i] - mean) / sqrt(2);
    if (half[i] <= 0) {
      free(half);
      return NULL;
    }
  }
  return half;
}

enum { HALF_VALUES_MOST = 1000 };

struct link_half link_half_of(const struct rtt_model *m)
{
  const struct family_fit *near = with_half(m);
  struct link_half h = {.fit = one_way(near), .of = near->family, .w1_s = near->w1};
  double *half = m->body.family == FIT_EMPIRICAL && m->body.n <= HALF_VALUES_MOST ? half_values(&m->body) : NULL;
  double w1_s = half ? twice_from(&m->body, half) : INFINITY;
  if (near->good && w1_s >= near->w1) {
    free(half);
    return h;
  }
  if (!half)
    return h;
  h = (struct link_half){.fit = m->body, .of = FIT_EMPIRICAL, .w1_s = w1_s, .value = half};
  h.fit.value = half;
  h.fit.floor = 0;
  return h;
}

static void put_latency(struct text *t, const struct rtt_model *m)
{
  struct link_half h = link_half_of(m);
  put_family(t, &h.fit);
  free(h.value);
}

static void put_states(struct text *t, const struct rtt_model *m)
{
  put_state(t, "spikes", &m->spike, "peak");
  put_state(t, "outages", &m->outage, "lasts");
}

static void put_rtt(struct text *t, const struct rtt_model *m)
{
  struct link_half h = link_half_of(m);
  text_add(t, "  # of the latency two make the round trip; %s is %.3g ms (W1) from the measured body\n  latency: ",
           h.of == FIT_EMPIRICAL ? "the sum" : fit_family_name[h.of], 1e3 * h.w1_s);
  put_family(t, &h.fit);
  free(h.value);
  text_put(t, "\n");
  if (m->spike.n + m->outage.n > 0)
    text_put(t, "  variability:\n");
  put_states(t, m);
}

/* The median of what the process gives. */
static double own_rate(const struct rate_model *m)
{
  const struct family_fit *f = &m->marginal;
  return m->fades && f->value[f->n / 2] > 0 ? f->value[f->n / 2] : m->median;
}

/* The rates themselves over their median. */
static void put_factors(struct text *t, const struct rate_model *m)
{
  text_put(t, "factor: {empirical: {values: [");
  for (size_t i = 0; i < m->marginal.n; i++)
    text_add(t, "%s%.4g", i ? ", " : "", m->marginal.value[i] / own_rate(m));
  text_put(t, "]}}");
}

static void put_process(struct text *t, const struct rate_model *m, const char *key)
{
  text_add(t, "    %s: {", key);
  if (m->marginal.family == FIT_EMPIRICAL)
    put_factors(t, m);
  else
    text_add(t, "sigma: %.4g", m->sigma);
  text_add(t, ", correlation: %.4g, step: 1 s", fmax(0, m->score_rho));
  if (m->slow_share > 0)
    text_add(t, ", slow: {share: %.4g, correlation: %.4g}", m->slow_share, m->slow_rho);
  if (m->idle_lasts.good && !m->fades) {
    text_add(t, ", idle: %.4g, idle_lasts: ", m->idle);
    put_family(t, &m->idle_lasts);
  }
  text_put(t, "}\n");
}

static void put_rates(struct text *t, const struct rate_model *down, const struct rate_model *up)
{
  text_add(t, "{up: %.5g Mbit/s, down: %.5g Mbit/s}", 8e-6 * own_rate(up ? up : down), 8e-6 * own_rate(down));
}

static void put_processes(struct text *t, const struct rate_model *down, const struct rate_model *up)
{
  if (up)
    put_process(t, up, "rate");
  put_process(t, down, up ? "rate_down" : "rate");
}

static void put_rate(struct text *t, const struct rate_model *m, const struct link_preset *p)
{
  if (!p->of_up)
    text_add(t, "  # measured: %s; the other direction is taken to be the same\n", p->up ? "up" : "down");
  text_put(t, "  rate: ");
  put_rates(t, m, p->of_up);
  text_put(t, "\n  variability:\n");
  put_processes(t, m, p->of_up);
}

void link_model_keys(const struct link_model *m, const struct rate_model *up, struct text *own, struct text *variability)
{
  if (m->rtt) {
    put_latency(own, m->rtt);
    put_states(variability, m->rtt);
  } else {
    put_rates(own, m->rate, up);
    put_processes(variability, m->rate, up);
  }
}

/* In double quotes, as YAML wants it. */
void link_put_quoted(struct text *t, const char *s)
{
  text_put(t, "\"");
  for (; *s; s++)
    if ((unsigned char)*s >= 32)
      text_add(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
  text_put(t, "\"");
}

bool link_preset_write(const struct link_study *s, const struct link_result *r, const struct link_preset *p, const char *path,
                       struct err *e)
{
  struct text t = {0};
  text_add(&t, "# A link fitted to measurements: statistics of them, no rows. Made by `offsim fit-link`.\nkind: link\nname: %s\ndoc: ",
           p->name);
  link_put_quoted(&t, p->doc);
  text_put(&t, "\nsources:\n  all: {source: ");
  link_put_quoted(&t, p->source);
  text_add(&t, ", year: %d, grade: %s}\n", p->year, p->grade);
  if (s->kind != LINK_RTT && !p->of_up)
    text_add(&t, "  rate.%s: {source: \"taken as the other direction\", year: %d, grade: E}\n", p->up ? "down" : "up", p->year);
  text_put(&t, "value:\n");
  if (s->kind == LINK_RTT)
    put_rtt(&t, r->model.rtt);
  else
    put_rate(&t, r->model.rate, p);
  bool good = text_save(&t, path, e);
  free(t.s);
  return good;
}
