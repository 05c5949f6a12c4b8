/* fit_link_print.c: a link study as tables and as JSON. */
#include "experiments/fit_link.h"

#include "analysis/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const parameter_name[N_FIT_FAMILIES][2] = {
  [FIT_LOGNORMAL] = {"median", "sigma"}, [FIT_GAMMA] = {"mean", "shape"}, [FIT_WEIBULL] = {"scale", "shape"},
  [FIT_EXPONENTIAL] = {"mean", NULL}};

static bool is_rtt(const struct link_study *s)
{
  return s->kind == LINK_RTT;
}

/* ms, or Mbit/s of bytes per second. */
static double shown(const struct link_study *s, double x)
{
  return is_rtt(s) ? 1e3 * x : 8e-6 * x;
}

static const char *unit_of(const struct link_study *s)
{
  return is_rtt(s) ? "ms" : "Mbit/s";
}

static const struct family_fit *families_of(const struct link_result *r)
{
  return r->model.rtt ? r->model.rtt->families : r->model.rate->families;
}

static const char *quantile_name(const struct link_study *s, int k, char name[16])
{
  snprintf(name, 16, "p%g", 100 * link_quantile[!is_rtt(s)][k]);
  return name;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void cell_number(struct table *t, double x)
{
  if (isnan(x))
    table_cell(t, "-");
  else
    table_cell(t, fabs(x) < 1e4 ? "%.4g" : "%.0f", x);
}

static void print_families(const struct link_study *s, const struct link_result *r)
{
  struct table *t = table_new(7);
  const char *const head[] = {"family", "floor", "first", "second", "log L", "KS", is_rtt(s) ? "W1" : "W1/median"};
  for (size_t i = 0; i < 7; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int k = 0; k < 3; k++) {
    const struct family_fit *f = &families_of(r)[k];
    table_cell(t, "%s%s", fit_family_name[f->family], r->model.rtt && r->model.rtt->body.family == f->family ? " *" : "");
    cell_number(t, shown(s, f->floor));
    table_cell(t, "%s %.4g", parameter_name[f->family][0], shown(s, f->p[0]));
    table_cell(t, "%s %.4g", parameter_name[f->family][1], f->p[1]);
    table_cell(t, "%.1f", f->log_likelihood);
    cell_number(t, f->ks);
    cell_number(t, is_rtt(s) ? 1e3 * f->w1 : f->w1);
  }
  table_print(t, stdout, 1);
}

/* A time in the largest unit of which there is one. */
static void text_time(double time_s)
{
  if (time_s < 1)
    printf("%.4g ms", 1e3 * time_s);
  else
    printf(time_s < 1e4 ? "%.4g s" : "%.0f s", time_s);
}

/* Of times. */
static void text_family(const struct family_fit *f)
{
  const char *first = parameter_name[f->family][0], *second = parameter_name[f->family][1];
  if (f->family == FIT_EMPIRICAL)
    printf("empirical, %zu values, mean ", f->n);
  else
    printf("%s, %s ", fit_family_name[f->family], first);
  text_time(f->family == FIT_EMPIRICAL ? fit_mean(f) : f->p[0]);
  if (f->family != FIT_EMPIRICAL && second)
    printf(", %s %.4g", second, f->p[1]);
}

/* What a preset and --effect take of it. */
static void print_half(const struct rtt_model *m)
{
  struct link_half h = link_half_of(m);
  printf("written as one way: ");
  if (h.of == FIT_EMPIRICAL)
    printf("these %zu values, moved to half their mean and 1/sqrt 2 of their spread", h.fit.n);
  else
    text_family(&h.fit);
  printf("; two of it are %.3g ms (W1) from the body\n", 1e3 * h.w1_s);
  free(h.value);
}

static void print_state(const char *name, const struct state_fit *s)
{
  if (s->n == 0) {
    printf("%s: none\n", name);
    return;
  }
  printf("%s: %zu; body before one: ", name, s->n);
  text_family(&s->every);
  printf("; length: ");
  text_family(&s->peak);
  if (s->stretch.good)
    printf("; lasts %.3g times that on average", fit_mean(&s->stretch));
  printf("; longest seen %.4g s\n", s->longest_s);
}

static void print_memory(const struct rate_model *q)
{
  printf("memory of the process: ");
  if (q->slow_share > 0)
    printf("%.3g of the variance with correlation %.4g a second, the rest with %.4g\n", q->slow_share, q->slow_rho, q->score_rho);
  else
    printf("correlation %.4g a second\n", q->score_rho);
}

static void print_model(const struct link_study *s, const struct link_result *r)
{
  const struct rtt_model *m = r->model.rtt;
  if (m) {
    printf("\nBody: messages up to %.4g ms, rounded to %.3g ms; * = nearest by W1 (ms)\n", 1e3 * m->threshold_s, 1e3 * m->quantum_s);
    print_families(s, r);
    if (m->body.family == FIT_EMPIRICAL)
      printf("no family is near (KS above %g): the body is the distribution itself, %zu values\n", BODY_KS_MOST, m->body.n);
    print_half(m);
    print_state("spikes", &m->spike);
    print_state("outages", &m->outage);
    return;
  }
  const struct rate_model *q = r->model.rate;
  printf("\nRate: log-AR(1) over %zu seconds: median %.4g Mbit/s, sigma %.4g, correlation %.4g a second\n", q->seconds,
         8e-6 * q->median, q->sigma, q->rho);
  printf("idle (< 0.05 Mbit/s): %.4g of the bins of %.3g s, longest %.4g s", q->idle, q->bin_s, q->longest_gap_s);
  if (q->idle_lasts.good) {
    printf("; lasts: ");
    text_family(&q->idle_lasts);
  }
  printf("\nMarginal families (Mbit/s)\n");
  print_families(s, r);
  if (q->marginal.family == FIT_EMPIRICAL)
    printf("no log-normal is near (KS %.3g, mean %+.0f %%): the process takes the quantiles of the rates themselves (%zu)%s\n",
           q->families[FIT_LOGNORMAL].ks, 100 * q->mean_bias, q->marginal.n, q->fades ? ", idle seconds among them" : "");
  print_memory(q);
}

static void row(struct table *t, const char *name, const char *unit, double raw, double given)
{
  table_cell(t, *unit ? "%s, %s" : "%s", name, unit);
  cell_number(t, raw);
  cell_number(t, given);
  double error = given / raw - 1;
  if (raw > 0 && isfinite(given))
    table_cell(t, "%+.1f %%", fabs(error) < 5e-4 ? 0 : 100 * error);
  else
    table_cell(t, "-");
}

static void print_episodes(struct table *t, const struct link_side *a, const struct link_side *b)
{
  row(t, "share above the threshold", "", a->above, b->above);
  row(t, "spikes in 1000 messages", "", a->per_1000, b->per_1000);
  row(t, "spike length p50", "messages", a->messages_p50, b->messages_p50);
  row(t, "spike length p95", "messages", a->messages_p95, b->messages_p95);
  row(t, "spike peak p50", "ms", 1e3 * a->peak_p50_s, 1e3 * b->peak_p50_s);
  row(t, "spike peak p95", "ms", 1e3 * a->peak_p95_s, 1e3 * b->peak_p95_s);
  row(t, "outages in 1000 messages", "", a->outages, b->outages);
  row(t, "outage length p50", "s", a->outage_p50_s, b->outage_p50_s);
  row(t, "outage length p95", "s", a->outage_p95_s, b->outage_p95_s);
  row(t, "outage length longest", "s", a->outage_max_s, b->outage_max_s);
}

static void print_sides(const struct link_study *s, const struct link_result *r)
{
  const struct link_side *a = &r->raw, *b = &r->given;
  struct table *t = table_new(4);
  char name[48];
  printf("\nTrace and model (the fit's own runs)\n");
  table_cell(t, "statistic");
  table_cell(t, "trace");
  table_cell(t, "model");
  table_cell(t, "error");
  table_rule(t);
  for (int k = 0; k < LINK_QUANTILES; k++)
    row(t, quantile_name(s, k, name), unit_of(s), shown(s, a->quantile[k]), shown(s, b->quantile[k]));
  if (is_rtt(s))
    print_episodes(t, a, b);
  else
    row(t, "idle seconds", "", a->idle, b->idle);
  for (int k = 0; k < LINK_LAGS; k++) {
    snprintf(name, sizeof name, "autocorrelation at %g s", link_lag_s[k]);
    table_cell(t, "%s", name);
    cell_number(t, a->acf[k]);
    cell_number(t, b->acf[k]);
    if (isnan(a->acf[k] + b->acf[k]))
      table_cell(t, "-");
    else
      table_cell(t, "%+.3f", b->acf[k] - a->acf[k]);
  }
  table_print(t, stdout, 1);
}

static void held_row(struct table *t, const char *name, double error, double spread, bool judged)
{
  table_cell(t, "%s", name);
  cell_number(t, fabs(error) < 1e-12 ? 0 : error);      /* what rounding left */
  cell_number(t, fabs(spread) < 1e-12 ? 0 : spread);
  bool known = isfinite(error) && isfinite(spread);
  table_cell(t, "%s%s", !known ? "-" : error <= spread * (1 + 1e-9) + 1e-12 ? "within" : "above", judged ? " *" : "");
}

static void print_held(const struct link_study *s, const struct link_result *r)
{
  struct table *t = table_new(4);
  char name[16];
  printf("\nHeld out: %zu %s, each against a model that has not seen it; spread: %zu pairs of %s (relative errors, means)\n",
         r->folds, s->blocks ? "blocks of time" : "runs", r->pairs, s->blocks ? "blocks" : "runs");
  table_cell(t, "distance");
  table_cell(t, "error");
  table_cell(t, "run-to-run");
  table_cell(t, "verdict");
  table_rule(t);
  held_row(t, "Kolmogorov-Smirnov", r->error.ks, r->spread.ks, true);
  held_row(t, "Wasserstein-1 / mean", r->error.w1, r->spread.w1, true);
  for (int k = 0; k < LINK_QUANTILES; k++)
    held_row(t, quantile_name(s, k, name), r->error.quantile[k], r->spread.quantile[k], false);
  if (is_rtt(s))
    held_row(t, "episodes a message", r->error.episodes, r->spread.episodes, false);
  table_print(t, stdout, 1);
  if (r->unlike)
    printf("The held-out runs are of ANOTHER CONDITION: more than three times as far from the fitted runs as those from each other; ");
  printf("%s (judged: *)\n", r->unlike ? "no test of the model" : r->within ? "The held-out error is within the run-to-run spread"
                                        : "The held-out error is ABOVE the run-to-run spread");
}

/* Pairs that changed places, with what the trace says of each. */
static void print_ranking(const struct link_effect *e)
{
  printf("%s", e->same ? "Same ranking\n" : e->same_where_told ? "Same ranking of all that the trace tells apart; " : "The rankings differ: ");
  const char *between = "";
  for (int p = 0; p < LINK_POLICIES; p++)
    for (int q = 0; q < p; q++)
      if (!e->same && link_effect_turned(e, p, q)) {
        printf("%s%s and %s changed places%s", between, link_policy_name[q], link_policy_name[p],
               link_effect_tells(e, p, q) ? "" : " (no further apart than chance)");
        between = ", ";
      }
  printf("%s", e->same ? "" : *between ? "\n" : "two are equal on one side\n");
}

static void print_effect(const struct link_study *s, const struct link_result *r)
{
  const struct link_effect *e = &r->effect;
  printf("\nDecisions (a task a %s; deadline %.4g ms, local %.4g ms x log-normal(0.35), service behind the link %.4g ms",
         is_rtt(s) ? "message" : "second", 1e3 * e->def.deadline_s, 1e3 * e->def.local_s, 1e3 * e->def.service_s);
  if (!is_rtt(s))
    printf(", %.4g MB", 1e-6 * e->def.bytes);
  printf("); held-out runs\n");
  struct table *t = table_new(5);
  const char *const head[] = {"policy", "missed, trace", "missed, model", "rank, trace", "rank, model"};
  for (int i = 0; i < 5; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int p = 0; p < LINK_POLICIES; p++) {
    table_cell(t, "%s", link_policy_name[p]);
    table_cell(t, "%.4f", e->raw[p]);
    table_cell(t, "%.4f", e->model[p]);
    table_cell(t, "%d", e->rank_raw[p]);
    table_cell(t, "%d", e->rank_model[p]);
  }
  table_print(t, stdout, 1);
  print_ranking(e);
}

void link_result_print(const struct link_study *s, const struct link_result *r)
{
  size_t messages = 0;
  for (size_t i = 0; i < s->n; i++)
    messages += s->run[i].n;
  printf("%zu %s of %s, %zu values; %zu held out\n", s->n, s->blocks ? "blocks" : "runs", link_trace_kind_names[s->kind],
         messages, s->n_held);
  if (s->kind == LINK_THROUGHPUT)
    printf("throughput of an application: a lower bound of what the link could carry\n");
  print_model(s, r);
  print_sides(s, r);
  print_held(s, r);
  print_effect(s, r);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json *family_json(const struct family_fit *f, double scale)
{
  json *j = json_new_object();
  json_put_string(j, "family", fit_family_name[f->family]);
  if (f->family == FIT_EMPIRICAL) {
    json *values = json_new_array();
    for (size_t i = 0; i < f->n; i++)
      json_push(values, json_number_value(scale * f->value[i]));
    json_put(j, "values", values);
    json *weights = json_new_array();
    for (size_t i = 0; i < f->n; i++)
      json_push(weights, json_number_value(f->weight[i]));
    return json_put(j, "weights", weights);
  }
  json_put_number(j, "floor", scale * f->floor);
  for (int i = 0; i < 2 && parameter_name[f->family][i]; i++)
    json_put_number(j, parameter_name[f->family][i], i ? f->p[i] : scale * f->p[i]);
  json_put_number(j, "log_likelihood", f->log_likelihood);
  json_put_number(j, "ks", f->ks);
  return json_put_number(j, "w1", f->w1);
}

static json *state_json(const struct state_fit *s)
{
  json *j = json_new_object();
  json_put_int(j, "n", (int64_t)s->n);
  json_put_number(j, "per_1000_messages", 1e3 * s->per_message);
  json_put_number(j, "per_minute", s->per_minute);
  if (s->n == 0)
    return j;
  json_put_number(j, "messages_p50", s->messages_p50);
  json_put_number(j, "messages_p95", s->messages_p95);
  json_put_number(j, "peak_p50_s", s->peak_p50_s);
  json_put_number(j, "peak_p95_s", s->peak_p95_s);
  json_put_number(j, "longest_s", s->longest_s);
  json_put_number(j, "stretch_mean", s->stretch.good ? fit_mean(&s->stretch) : 1);
  json_put(j, "every_s", family_json(&s->every, 1));
  return json_put(j, "peak_s", family_json(&s->peak, 1));
}

static json *model_json(const struct link_result *r)
{
  json *j = json_new_object(), *families = json_new_array();
  for (int k = 0; k < 3; k++)
    json_push(families, family_json(&families_of(r)[k], 1));
  json_put(j, "families", families);
  if (r->model.rtt) {
    json_put_number(j, "threshold_s", r->model.rtt->threshold_s);
    json_put_number(j, "rounded_to_s", r->model.rtt->quantum_s);
    json_put(j, "body_s", family_json(&r->model.rtt->body, 1));
    json_put(j, "spikes", state_json(&r->model.rtt->spike));
    return json_put(j, "outages", state_json(&r->model.rtt->outage));
  }
  const struct rate_model *m = r->model.rate;
  json_put_number(j, "median_bytes_per_s", m->median);
  json_put_number(j, "sigma", m->sigma);
  json_put_number(j, "correlation_1s", m->rho);
  json_put(j, "marginal", family_json(&m->marginal, 1));
  json_put_number(j, "correlation_scores_1s", m->score_rho);
  json_put_number(j, "slow_share", m->slow_share);
  json_put_number(j, "slow_correlation_1s", m->slow_rho);
  json_put_number(j, "log_normal_mean_bias", m->mean_bias);
  json_put_bool(j, "fades_into_idle", m->fades);
  json_put_number(j, "idle_share", m->idle);
  return json_put_number(j, "longest_gap_s", m->longest_gap_s);
}

static json *side_json(const struct link_study *s, const struct link_side *a)
{
  json *j = json_new_object();
  char name[32];
  for (int k = 0; k < LINK_QUANTILES; k++)
    json_put_number(j, quantile_name(s, k, name), a->quantile[k]);
  for (int k = 0; k < LINK_LAGS; k++) {
    snprintf(name, sizeof name, "autocorrelation_%gs", link_lag_s[k]);
    json_put_number(j, name, a->acf[k]);
  }
  if (!is_rtt(s))
    return json_put_number(j, "idle_seconds_share", a->idle);
  json_put_number(j, "share_above_threshold", a->above);
  json_put_number(j, "spikes_per_1000", a->per_1000);
  json_put_number(j, "spike_peak_p50_s", a->peak_p50_s);
  json_put_number(j, "spike_peak_p95_s", a->peak_p95_s);
  json_put_number(j, "outages_per_1000", a->outages);
  json_put_number(j, "outage_p50_s", a->outage_p50_s);
  json_put_number(j, "outage_p95_s", a->outage_p95_s);
  return json_put_number(j, "outage_max_s", a->outage_max_s);
}

static json *error_json(const struct link_study *s, const struct link_error *e)
{
  json *j = json_new_object();
  char name[16];
  json_put_number(j, "ks", e->ks);
  json_put_number(j, "w1_over_mean", e->w1);
  for (int k = 0; k < LINK_QUANTILES; k++)
    json_put_number(j, quantile_name(s, k, name), e->quantile[k]);
  return json_put_number(j, "episodes", e->episodes);
}

static json *effect_json(const struct link_effect *e)
{
  json *j = json_new_object(), *policies = json_new_array();
  json_put_number(j, "deadline_s", e->def.deadline_s);
  json_put_number(j, "local_s", e->def.local_s);
  json_put_number(j, "service_s", e->def.service_s);
  json_put_number(j, "bytes", e->def.bytes);
  for (int p = 0; p < LINK_POLICIES; p++) {
    json *one = json_new_object();
    json_put_string(one, "policy", link_policy_name[p]);
    json_put_number(one, "miss_ratio_trace", e->raw[p]);
    json_put_number(one, "miss_ratio_model", e->model[p]);
    json_put_int(one, "rank_trace", e->rank_raw[p]);
    json_push(policies, json_put_int(one, "rank_model", e->rank_model[p]));
  }
  json_put(j, "policies", policies);
  json_put_bool(j, "same_ranking_where_told", e->same_where_told);
  return json_put_bool(j, "same_ranking", e->same);
}

static json *result_json(const struct link_study *s, const struct link_result *r)
{
  json *j = json_new_object(), *held = json_new_object();
  json_put_string(j, "kind", link_trace_kind_names[s->kind]);
  json_put_int(j, "runs", (int64_t)s->n);
  json_put_int(j, "held_out", (int64_t)s->n_held);
  json_put_bool(j, "blocks", s->blocks);
  json_put(j, "model", model_json(r));
  json_put(j, "trace", side_json(s, &r->raw));
  json_put(j, "given", side_json(s, &r->given));
  json_put(held, "error", error_json(s, &r->error));
  json_put(held, "run_to_run", error_json(s, &r->spread));
  json_put_int(held, "folds", (int64_t)r->folds);
  json_put_int(held, "pairs", (int64_t)r->pairs);
  json_put_bool(held, "unlike", r->unlike);
  json_put_bool(held, "within", r->within);
  json_put(j, "held_out_test", held);
  return json_put(j, "effect", effect_json(&r->effect));
}

void link_result_json(const struct link_study *s, const struct link_result *r, const struct link_study *up,
                      const struct link_result *up_result, const struct link_trial *trial)
{
  json *j = result_json(s, r);
  if (up)
    json_put(j, "up", result_json(up, up_result));
  if (trial)
    json_put(j, "scenario_effect", link_trial_json(trial));
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}
