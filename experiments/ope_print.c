/* ope_print.c: what `offsim ope` tells: when not to trust the estimates, and the estimates beside the truth. */
#include "experiments/ope_request.h"
#include "analysis/text.h"
#include "experiments/version.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- warnings ---------------------------------------------------------------------------------------------------- */

static void warn(struct ope_request *c, const char *format, ...) PRINTF_LIKE(2, 3);
static void warn(struct ope_request *c, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  if (c->n_warnings < 8 && vasprintf(&c->warning[c->n_warnings], format, list) >= 0)
    c->n_warnings++;
  va_end(list);
}

static struct interval truth_of(const struct ope_request *c)
{
  struct interval i = interval_t(c->truth.mean, c->truth.runs, 0.95);
  double value = c->truth.rows ? c->truth.sum / (double)c->truth.rows : NAN, off = value - i.value;
  return (struct interval){value, i.lo + off, i.hi + off, c->truth.runs, "t"};
}

/* Queues and shared links join decisions, which no estimator knows of: seen in the log, or in what the target's own runs
 * give instead. */
static void warn_of_carry_over(struct ope_request *c)
{
  const struct ope_rows *rows = c->rows;
  const struct ope_estimate *dr = &c->result.of[OPE_DR];
  struct interval truth = truth_of(c);
  bool told = c->truth.runs && rows->busiest >= 0;
  double busy = told ? c->truth.utilization[rows->busiest] / (double)c->truth.runs : NAN;
  char target[40] = "";
  if (told)
    snprintf(target, sizeof target, ", by the target %.2f", busy);
  bool missed = dr->hi < truth.lo || dr->lo > truth.hi;
  if (rows->max_utilization > 0.3 || rows->autocorrelation > 0.1 || fabs(busy - rows->max_utilization) > 0.1 || missed)
    warn(c, "carry-over: decisions meet in queues and on links (utilization of '%s' %.2f in the log%s; rewards of"
         " neighbouring decisions correlate by %.2f%s): the estimates are of one changed decision in the log's world, not"
         " of a world that the target runs", told ? c->world.def->place[rows->busiest].name : "", rows->max_utilization,
         target, rows->autocorrelation, missed ? "; the target's own runs lie outside the interval of dr" : "");
}

/* What the estimators take for granted, as far as the log can tell. */
void ope_find_warnings(struct ope_request *c)
{
  const struct ope_result *r = &c->result;
  const struct ope_rows *rows = c->rows;
  double off = r->weight_mean - 1;
  if (fabs(off) > 4 * fmax(r->weight_se, 1e-12) && fabs(off) > 1e-9)
    warn(c, "the mean weight is %.3f, not 1: the log never takes some of the target's choices, or its propensities are"
         " not true", r->weight_mean);
  if (r->ess < 100 || r->ess < 0.01 * (double)r->n)
    warn(c, "effective sample size %.0f of %zu: the weights of few rows decide", r->ess, r->n);
  warn_of_carry_over(c);
  if (rows->several)
    warn(c, "%zu decisions follow others of their request: each is taken by itself", rows->several);
  if (rows->sampled)
    warn(c, "'%s' draws and reports no distribution: its drawn choices stand for it", c->world.target->name);
}

/* ---- told -------------------------------------------------------------------------------------------------------- */

static void print_estimate(struct table *t, const char *name, double value, double lo, double hi, double truth)
{
  table_cell(t, "%s", name);
  table_cell(t, "%s", number_text(value).s);
  table_cell(t, "%s", number_text(lo).s);
  table_cell(t, "%s", number_text(hi).s);
  table_cell(t, "%s", number_text(value - truth).s);
}

static void print_table(const struct ope_request *c)
{
  const struct ope_result *r = &c->result;
  struct interval truth = truth_of(c);
  printf("log     %s: %zu runs, %zu decisions (%zu without a reward and %zu replaced ones left out), mean reward %s\n",
         c->logger, c->n_runs, r->n, c->rows->censored, c->rows->replaced,
         number_text(c->rows->reward_sum / (double)r->n).s);
  printf("target  %s\n\n", c->world.target->name);
  struct table *t = table_new(5);
  const char *const head[] = {"estimate", "reward", "lo 95 %", "hi 95 %", "error"};
  for (int i = 0; i < 5; i++)
    table_cell(t, "%s", head[i]);
  table_rule(t);
  for (int k = 0; k < OPE_METHODS; k++)
    print_estimate(t, ope_name[k], r->of[k].value, r->of[k].lo, r->of[k].hi, truth.value);
  if (c->truth.runs)
    print_estimate(t, "own runs", truth.value, truth.lo, truth.hi, NAN);
  table_print(t, stdout, 1);
  printf("\neffective sample size %.1f of %zu; weights: mean %.4f +- %.4f, largest %.4g, %.2f %% above %g\n"
         "intervals: %u resamples of %zu %s\n", r->ess, r->n, r->weight_mean, r->weight_se, r->weight_max,
         100 * r->clipped_share, c->options.clip, c->options.resamples, r->units,
         c->world.by_run ? "runs" : "requests");
  for (size_t i = 0; i < c->n_warnings; i++)
    printf("warning: %s\n", c->warning[i]);
}

static json *estimate_json(double value, double lo, double hi, double se, double truth)
{
  json *j = json_put_number(json_new_object(), "value", value);
  json_put_number(j, "lo_95", lo);
  json_put_number(j, "hi_95", hi);
  if (!isnan(se))
    json_put_number(j, "se", se);
  return isnan(truth) ? j : json_put_number(j, "error", value - truth);
}

static json *weights_json(const struct ope_request *c)
{
  const struct ope_result *r = &c->result;
  json *j = json_put_number(json_new_object(), "mean", r->weight_mean);
  json_put_number(j, "se", r->weight_se);
  json_put_number(j, "max", r->weight_max);
  json_put_number(j, "clip", c->options.clip);
  return json_put_number(j, "clipped_share", r->clipped_share);
}

static json *carry_over_json(const struct ope_request *c)
{
  const struct ope_rows *rows = c->rows;
  json *j = json_put_number(json_new_object(), "autocorrelation", rows->autocorrelation);
  json_put_string(j, "busiest", rows->busiest >= 0 ? c->world.def->place[rows->busiest].name : NULL);
  json_put_number(j, "utilization_log", rows->max_utilization);
  return json_put_number(j, "utilization_target", c->truth.runs && rows->busiest >= 0
                         ? c->truth.utilization[rows->busiest] / (double)c->truth.runs : NAN);
}

static void print_json(const struct ope_request *c)
{
  const struct ope_result *r = &c->result;
  struct interval truth = truth_of(c);
  json *j = json_new_object(), *estimates = json_new_object(), *warnings = json_new_array();
  json_put_string(j, "offsim", version_text());
  json_put_string(j, "scenario", c->scenario->name);
  json_put_string(j, "log", c->logger);
  json_put_string(j, "target", c->world.target->name);
  json_put_int(j, "runs", (int64_t)c->n_runs);
  json_put_int(j, "decisions", (int64_t)r->n);
  json_put_int(j, "censored", (int64_t)c->rows->censored);
  json_put_int(j, "replaced", (int64_t)c->rows->replaced);
  json_put_number(j, "log_reward", c->rows->reward_sum / (double)r->n);
  for (int k = 0; k < OPE_METHODS; k++)
    json_put(estimates, ope_name[k], estimate_json(r->of[k].value, r->of[k].lo, r->of[k].hi, r->of[k].se, truth.value));
  json_put(j, "estimates", estimates);
  if (c->truth.runs)
    json_put(j, "truth", estimate_json(truth.value, truth.lo, truth.hi, NAN, NAN));
  json_put_number(j, "effective_sample_size", r->ess);
  json_put(j, "weights", weights_json(c));
  json_put(j, "carry_over", carry_over_json(c));
  for (size_t i = 0; i < c->n_warnings; i++)
    json_push(warnings, json_string_value_new(c->warning[i]));
  json_put(j, "warnings", warnings);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

void ope_print(const struct ope_request *c)
{
  if (c->json)
    print_json(c);
  else
    print_table(c);
}
