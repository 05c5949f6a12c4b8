/* testbed_report.c: measured against predicted: the bars, both distributions, and what the difference comes from.
 *
 * Bars: up to a load of 45 % p50 within 5 % and p95 within 10 %; up to 72.5 % within 8 and 15 %; above, the measured
 * quantiles lie in the predicted band, which is at most 40 % wide. Errors are predicted / measured - 1, over all rounds.
 */
#include "experiments/calibrate/testbed.h"
#include "analysis/plot.h"
#include "analysis/text.h"
#include "experiments/plots_folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOW_LOAD 0.45
#define MIDDLE_LOAD 0.725
#define WIDEST 0.4
const double bed_level[BED_LEVELS] = {.05, .25, .5, .75, .9, .95, .99};

static double error_at(const struct bed_sample *predicted, const struct bed_sample *measured, double q)
{
  return bed_quantile(predicted, q) / bed_quantile(measured, q) - 1;
}

static double width_at(const struct bed_result *r, double q)
{
  return (bed_quantile(&r->high, q) - bed_quantile(&r->low, q)) / bed_quantile(&r->predicted, q);
}

static bool inside(const struct bed_result *r, double q)
{
  double x = bed_quantile(&r->measured, q);
  return x >= bed_quantile(&r->low, q) && x <= bed_quantile(&r->high, q);
}

#define NORMAL_90 1.644854
double bed_kernel_band(double t, double sigma, int rounds, double serving_sigma)
{
  return exp(hypot(t * sigma / sqrt(rounds), NORMAL_90 * serving_sigma));
}

struct bed_verdict bed_judge(const struct bed_result *r)
{
  struct bed_verdict v = {.error_p50 = error_at(&r->predicted, &r->measured, .5), .error_p95 = error_at(&r->predicted, &r->measured, .95),
                          .width_p50 = width_at(r, .5), .width_p95 = width_at(r, .95), .bar_p50 = NAN, .bar_p95 = NAN};
  if (r->load > MIDDLE_LOAD) {
    v.within = inside(r, .5) && inside(r, .95) && v.width_p50 <= WIDEST && v.width_p95 <= WIDEST;
    return v;
  }
  v.bar_p50 = r->load <= LOW_LOAD ? .05 : .08;
  v.bar_p95 = r->load <= LOW_LOAD ? .10 : .15;
  v.within = fabs(v.error_p50) <= v.bar_p50 && fabs(v.error_p95) <= v.bar_p95;
  return v;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static void put_ms(struct table *t, double s)
{
  table_cell(t, "%.3f", s * 1e3);
}

static void put_bar(struct table *t, double bar)
{
  if (isnan(bar))
    table_cell(t, "band");
  else
    table_cell(t, "%.0f %%", bar * 100);
}

/* From what was known before the load alone: not judged. */
static void put_before(struct table *t, const struct bed_result *r, double q)
{
  table_cell(t, "  from before alone");
  table_cell(t, "%.0f %%", r->load * 100);
  table_cell(t, "p%.0f", q * 100);
  put_ms(t, bed_quantile(&r->measured, q));
  put_ms(t, bed_quantile(&r->before, q));
  table_cell(t, "%+.1f %%", error_at(&r->before, &r->measured, q) * 100);
  for (int blank = 0; blank < 5; blank++)
    table_cell(t, "%s", "");
}

static void put_row(struct table *t, const struct bed_result *r, double q, double error, double bar)
{
  table_cell(t, "%s", r->name);
  table_cell(t, "%.0f %%", r->load * 100);
  table_cell(t, "p%.0f", q * 100);
  put_ms(t, bed_quantile(&r->measured, q));
  put_ms(t, bed_quantile(&r->predicted, q));
  table_cell(t, "%+.1f %%", error * 100);
  put_bar(t, bar);
  put_ms(t, bed_quantile(&r->low, q));
  put_ms(t, bed_quantile(&r->high, q));
  table_cell(t, "%.0f %%", width_at(r, q) * 100);
}

/* Where the bar is missed it says why: the error is larger, the measured value outside the band, or the band says too little. */
static const char *judged(const struct bed_result *r, double q, double error, double bar)
{
  if (r->load <= MIDDLE_LOAD)
    return fabs(error) <= bar ? "ok" : "MISSED";
  return !inside(r, q) ? "OUTSIDE" : width_at(r, q) <= WIDEST ? "in the band" : "TOO WIDE";
}

static void print_errors(const struct bed_result *r, int n, FILE *out)
{
  static const char *const head[] = {"configuration", "load", "", "measured ms", "predicted", "error", "bar", "band from", "to", "wide", "judged"};
  enum { COLUMNS = sizeof head / sizeof *head };
  struct table *t = table_new(COLUMNS);
  for (int i = 0; i < COLUMNS; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int i = 0; i < n; i++) {
    struct bed_verdict v = bed_judge(&r[i]);
    put_row(t, &r[i], .5, v.error_p50, v.bar_p50);
    table_cell(t, "%s", judged(&r[i], .5, v.error_p50, v.bar_p50));
    put_row(t, &r[i], .95, v.error_p95, v.bar_p95);
    table_cell(t, "%s", judged(&r[i], .95, v.error_p95, v.bar_p95));
    put_before(t, &r[i], .5);
    put_before(t, &r[i], .95);
  }
  table_print(t, out, 1);
}

static void print_distributions(const struct bed_result *r, int n, FILE *out)
{
  struct table *t = table_new(3 + BED_LEVELS);
  table_cell(t, "latency, ms");
  table_cell(t, "load");
  table_cell(t, "%s", "");
  for (int k = 0; k < BED_LEVELS; k++)
    table_cell(t, "p%.0f", bed_level[k] * 100);
  table_rule(t);
  for (int i = 0; i < n; i++)
    for (int which = 0; which < 3; which++) {
      static const char *const name[] = {"measured", "predicted", "from before"};
      const struct bed_sample *const sample[] = {&r[i].measured, &r[i].predicted, &r[i].before};
      table_cell(t, "%s", r[i].name);
      table_cell(t, "%.0f %%", r[i].load * 100);
      table_cell(t, "%s", name[which]);
      for (int k = 0; k < BED_LEVELS; k++)
        put_ms(t, bed_quantile(sample[which], bed_level[k]));
    }
  table_print(t, out, 1);
}

/* What was otherwise under load than before, and how much of the error goes when the prediction is given it. */
static void print_causes(const struct bed_result *r, FILE *out)
{
  fprintf(out, "%s at %.0f %%: kernels under load %+.1f %% against the calibrations (%.1f %% of that wall time on the processor); occupancy %.0f us "
          "(before: %.0f), other overhead %.0f us (before: %.0f); sent %.0f us late at p99; steal %.2f %%", r->name, r->load * 100,
          (r->kernel_factor - 1) * 100, r->cpu_share * 100, r->occupancy_s * 1e6, r->known_occupancy_s * 1e6, r->overhead_s * 1e6,
          r->known_overhead_s * 1e6, r->late_s * 1e6, r->steal_share * 100);
  if (r->anew)
    fprintf(out, "; %d times a round was measured again, as requests met a calibration", r->anew);
  if (r->met)
    fprintf(out, "; %ld requests met one all the same", r->met);
  if (!r->raised)
    fputs("; no leave to run ahead of other processes", out);
  if (r->batch_mean > 1.0001)
    fprintf(out, "; batches of %.2f", r->batch_mean);
  if (r->cold_share > 0)
    fprintf(out, "; %.2f %% cold", r->cold_share * 100);
  fprintf(out, ". With kernels and overheads as they were: p50 %+.1f %%, p95 %+.1f %%; rounds p50", error_at(&r->hindsight, &r->measured, .5) * 100,
          error_at(&r->hindsight, &r->measured, .95) * 100);
  for (int i = 0; i < r->rounds; i++)
    fprintf(out, " %+.1f", r->round_p50[i] * 100);
  fputs(" %, p95", out);
  for (int i = 0; i < r->rounds; i++)
    fprintf(out, " %+.1f", r->round_p95[i] * 100);
  fputs(" %\n", out);
}

void bed_print(const struct bed_options *o, const struct bed_result *r, int n, const char *why_not, FILE *out)
{
  fprintf(out, "testbed: %ld requests x %ld rounds a load; server on core %d, client and relay on core %d\n\n", o->requests, o->repeats,
          o->server_core, o->client_core);
  print_errors(r, n, out);
  fputs("\nDistributions\n", out);
  print_distributions(r, n, out);
  fputs("\nWhere the difference comes from. Latency counts from the planned instant (no coordinated omission). The prediction knows "
        "what was\nmeasured around the load, before it, between its parts and after it, and of loaded parts only the constant in its band; "
        "'from before'\nonly what was measured before the load.\n", out);
  for (int i = 0; i < n; i++)
    print_causes(&r[i], out);
  if (o->costs)
    bed_profile_print(o, r, n, out);
  if (why_not)
    fprintf(out, "\nNOT JUDGED: %s\n", why_not);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------- */

static json *distribution(const struct bed_sample *s)
{
  json *all = json_new_object();
  for (int k = 0; k < BED_LEVELS; k++) {
    char name[16];
    snprintf(name, sizeof name, "p%.0f", bed_level[k] * 100);
    json_put_number(all, name, bed_quantile(s, bed_level[k]));
  }
  json_put_number(all, "mean", s->mean);
  return all;
}

static json *numbers(const double *x, int n)
{
  json *list = json_new_array();
  for (int i = 0; i < n; i++)
    json_push(list, json_number_value(x[i]));
  return list;
}

static json *result_json(const struct bed_options *o, const struct bed_result *r)
{
  struct bed_verdict v = bed_judge(r);
  json *one = json_new_object(), *errors = json_new_object(), *cause = json_new_object();
  json_put_string(one, "configuration", r->name);
  json_put_number(one, "load", r->load);
  json_put_number(one, "rate_per_s", r->rate_per_s);
  json_put_int(one, "requests", r->requests);
  json_put_int(one, "rounds", r->rounds);
  json_put(one, "measured_s", distribution(&r->measured));
  json_put(one, "predicted_s", distribution(&r->predicted));
  json_put(one, "band_low_s", distribution(&r->low));
  json_put(one, "band_high_s", distribution(&r->high));
  json_put(one, "hindsight_s", distribution(&r->hindsight));
  json_put(one, "before_s", distribution(&r->before));
  json_put_number(errors, "p50", v.error_p50);
  json_put_number(errors, "p95", v.error_p95);
  json_put_number(errors, "bar_p50", v.bar_p50);
  json_put_number(errors, "bar_p95", v.bar_p95);
  json_put_number(errors, "band_width_p50", v.width_p50);
  json_put_number(errors, "band_width_p95", v.width_p95);
  json_put_number(errors, "before_p50", error_at(&r->before, &r->measured, .5));
  json_put_number(errors, "before_p95", error_at(&r->before, &r->measured, .95));
  json_put(errors, "rounds_p50", numbers(r->round_p50, r->rounds));
  json_put(errors, "rounds_p95", numbers(r->round_p95, r->rounds));
  json_put(one, "error", errors);
  json_put_bool(one, "within", v.within);
  json_put_number(cause, "kernel_factor", r->kernel_factor);
  json_put_number(cause, "kernel_factor_median", r->kernel_median);
  json_put_number(cause, "kernel_cpu_share", r->cpu_share);
  json_put_number(cause, "occupancy_s", r->occupancy_s);
  json_put_number(cause, "occupancy_before_s", r->known_occupancy_s);
  json_put_number(cause, "overhead_s", r->overhead_s);
  json_put_number(cause, "overhead_before_s", r->known_overhead_s);
  json_put_number(cause, "sent_late_p99_s", r->late_s);
  json_put_number(cause, "steal_share", r->steal_share);
  json_put_number(cause, "band_factor", r->band_factor);
  json_put_number(cause, "cold_factor", r->cold_factor);
  json_put_number(cause, "batch_mean", r->batch_mean);
  json_put_number(cause, "cold_share", r->cold_share);
  json_put_number(cause, "utilization", r->utilization);
  json_put_bool(cause, "priority_raised", r->raised);
  json_put_int(cause, "rounds_anew", r->anew);
  json_put_int(cause, "requests_at_calibrations", r->met);
  json_put(one, "cause", cause);
  if (o->costs)
    json_put(one, "profile", bed_profile_json(o, r));
  return one;
}

json *bed_json(const struct bed_options *o, const struct bed_result *r, int n, const char *why_not)
{
  json *all = json_new_object(), *list = json_new_array();
  json_put_int(all, "requests", o->requests);
  json_put_int(all, "repeats", o->repeats);
  json_put_int(all, "seed", (int64_t)o->seed);
  json_put_int(all, "server_core", o->server_core);
  json_put_int(all, "client_core", o->client_core);
  if (o->profile)
    json_put_string(all, "profile_file", o->profile);
  json_put_bool(all, "judged", !why_not);
  json_put_string(all, "not_judged", why_not);
  for (int i = 0; i < n; i++)
    json_push(list, result_json(o, &r[i]));
  json_put(all, "results", list);
  return all;
}

/* ---- figure --------------------------------------------------------------------------------------------------------- */

/* A block of "latency_ms share": share of requests that took at least so long. */
static void put_curve(struct figure *f, const struct bed_sample *s)
{
  uint64_t rank[MAX_POINTS];
  size_t n = thin_ranks(s->n, rank);
  for (size_t i = 0; i < n; i++)
    text_add(&f->data, "%.9g %.9g\n", s->s[rank[i] - 1] * 1e3, 1 - (double)(rank[i] - 1) / (double)s->n);
  text_put(&f->data, "\n\n");
}

bool bed_figure(const struct bed_options *o, const struct bed_result *r, struct err *e)
{
  char *scripts = plots_folder(e), title[160];
  if (!scripts)
    return false;
  struct figure f = {.kind = "testbed"};
  struct text out = {0};
  snprintf(title, sizeof title, "%s, load %.0f %%", r->name, r->load * 100);
  figure_text(&f, "heading", title);
  figure_number(&f, "smallest", 1 / (double)(r->measured.n + 1));
  put_curve(&f, &r->measured);
  put_curve(&f, &r->predicted);
  put_curve(&f, &r->low);
  put_curve(&f, &r->high);
  text_add(&out, "%s/%s-%.0f.svg", o->dir, r->name, r->load * 100);
  bool good = figure_write(&f, out.s, scripts, e);
  figure_release(&f);
  free(scripts), free(out.s);
  return good;
}
