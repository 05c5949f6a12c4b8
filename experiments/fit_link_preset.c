/* fit_link_preset.c: a fitted link as a preset: its own latency or rate and its variability. */
#include "experiments/fit_link.h"

#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>

/* A distribution of times, in ms. */
static void put_family(struct text *t, const struct family_fit *f)
{
  const char *name = fit_family_name[f->family];
  if (f->floor > 0)
    text_add(t, "{shifted: {by: %.5g ms, dist: ", 1e3 * f->floor);
  if (f->family == FIT_EMPIRICAL) {
    text_put(t, "{empirical: {values: [");
    for (size_t i = 0; i < f->n; i++)
      text_add(t, "%s%.4g ms", i ? ", " : "", 1e3 * f->value[i]);
    bool equal = true;
    for (size_t i = 1; i < f->n; i++)
      equal &= f->weight[i] == f->weight[0];
    for (size_t i = 0; !equal && i < f->n; i++)
      text_add(t, "%s%.6g", i ? ", " : "], weights: [", f->weight[i]);
    text_put(t, "]}}");
  } else if (f->family == FIT_LOGNORMAL)
    text_add(t, "{%s: {median: %.5g ms, sigma: %.4g}}", name, 1e3 * f->p[0], f->p[1]);
  else if (f->family == FIT_EXPONENTIAL)
    text_add(t, "{%s: {mean: %.5g ms}}", name, 1e3 * f->p[0]);
  else
    text_add(t, "{%s: {%s: %.5g ms, shape: %.4g}}", name, f->family == FIT_GAMMA ? "mean" : "scale", 1e3 * f->p[0], f->p[1]);
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

static void put_latency(struct text *t, const struct rtt_model *m)
{
  struct family_fit half = one_way(with_half(m));
  put_family(t, &half);
}

static void put_states(struct text *t, const struct rtt_model *m)
{
  put_state(t, "spikes", &m->spike, "peak");
  put_state(t, "outages", &m->outage, "lasts");
}

static void put_rtt(struct text *t, const struct rtt_model *m)
{
  const struct family_fit *body = with_half(m);
  text_add(t, "  # of the latency two make the round trip; %s is %.3g ms (W1) from the measured body\n  latency: ",
           fit_family_name[body->family], 1e3 * body->w1);
  put_latency(t, m);
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
