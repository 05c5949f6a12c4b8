/* compare_print.c: a comparison as tables for people, CSV and JSON for programs. */
#include "analysis/compare.h"
#include "analysis/compare_stats.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const PLUS_MINUS = "\xC2\xB1";       /* U+00B1 */

/* ---- one row a policy ---------------------------------------------------------------------------------------------
 */

/* Columns beside the primary metric; latency_mean_s is of completed requests, so failed_ratio stands next to it. */
static const char *const summary_metrics[] = {
  "latency_mean_s", "failed_ratio", "slo_attainment", "offload_ratio", "cost_total_usd_per_1k_requests",
  "energy_device_j_per_request", "energy_total_j_per_request", "quality_mean", "carbon_g_per_request"};
static const char *const summary_heads[][2] = {
  {"latency_mean", "s"}, {"failed", "ratio"}, {"slo", "attainment"}, {"offload", "ratio"}, {"cost_total", "USD/1k"},
  {"device", "J/request"}, {"total", "J/request"}, {"quality", "mean"},
  {"carbon", "g/request"}};
enum { N_SUMMARY = sizeof summary_metrics / sizeof *summary_metrics };

static struct interval interval_at(const struct compared_policy *p, const char *metric, const char *klass,
                                   const char *place)
{
  const struct compared_metric *m = comparison_metric(p, metric, klass, place);
  return m ? m->interval : (struct interval){NAN, NAN, NAN, 0, "t"};
}

static void put_interval(struct table *t, const struct compared_policy *p, const char *metric, const char *klass,
                         const char *place)
{
  const struct compared_metric *m = comparison_metric(p, metric, klass, place);
  if (!m) table_cell(t, "-");
  else if (m->needs) table_cell(t, "too few");
  else table_cell(t, "%s%s", interval_text(m->interval, PLUS_MINUS).s, m->unsupported && m->interval.n ? "!" : "");
}

static bool any_unsupported(const struct comparison *c, const char *metric)
{
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_metric *m = comparison_metric(&c->policy[i], metric, "", "");
    if (m && m->unsupported && m->interval.n) return true;
  }
  return false;
}

/* A reference in hindsight may be the baseline itself, run by run. */
static bool is_baseline_again(const struct comparison *c, size_t i, const struct paired *pair)
{
  return pair && comparison_in_hindsight(c->policy[i].type) && c->policy[i].n == c->policy[c->baseline].n &&
         !memcmp(c->policy[i].run_id, c->policy[c->baseline].run_id, c->policy[i].n * sizeof *c->policy[i].run_id);
}

static void put_difference(struct table *t, const struct comparison *c, size_t i)
{
  const struct paired *pair = comparison_pair(c, i, c->primary->name);
  if (i == c->baseline || is_baseline_again(c, i, pair)) {
    table_cell(t, i == c->baseline ? "baseline" : "= baseline");
    table_cell(t, " ");
  } else if (!pair) {
    table_cell(t, "-");
    table_cell(t, "-");
  } else {
    table_difference(t, pair->difference, pair->baseline);
    table_cell(t, "%s", verdict_name[pair->verdict]);
  }
}

/* Carbon, the last column, is there where a grid is. */
bool comparison_has_carbon(const struct comparison *c)
{
  bool any = false;
  for (size_t i = 0; i < c->n_policies; i++) any |= !isnan(interval_at(&c->policy[i], "carbon_g_per_request", "", "").value);
  return any;
}

static void print_summary(const struct comparison *c, FILE *f)
{
  int n = N_SUMMARY - !comparison_has_carbon(c);
  struct table *t = table_new(5 + n);
  table_cell(t, "policy");
  table_cell(t, "kind");
  table_cell(t, "%s", c->primary->name);
  table_cell(t, "against baseline");
  table_cell(t, "verdict");
  for (int k = 0; k < n; k++) table_cell(t, "%s", summary_heads[k][0]);
  for (int k = 0; k < 5; k++) table_cell(t, "%s", k == 2 ? c->primary->unit : " ");
  for (int k = 0; k < n; k++) table_cell(t, "%s", summary_heads[k][1]);
  table_rule(t);
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i];
    table_cell(t, "%s", p->name);
    table_cell(t, "%s", p->kind);
    put_interval(t, p, c->primary->name, "", "");
    put_difference(t, c, i);
    for (int k = 0; k < n; k++)
      table_cell(t, "%s", number_text(interval_at(p, summary_metrics[k], "", "").value).s);
  }
  table_print(t, f, 2);
}

void comparison_say_point(const struct comparison *c, FILE *f)
{
  for (const char *line = c ? c->points : NULL; line && *line;) {
    size_t n = strcspn(line, "\n") + 1;
    fprintf(f, "offsim: %.*s", (int)n, line);
    line += n;
  }
}

static double run_value(const struct compared_policy *p, const char *metric)
{
  const struct compared_metric *m = comparison_metric(p, metric, "", "");
  return m ? m->interval.value : NAN;
}

/* Joules mean nothing without what they were counted of. */
const char *comparison_boundary(const struct comparison *c)
{
  static const char *const of[][2] = {
    {"server", "devices with their radio, network and servers (energy_boundary: server)"},
    {"device", "devices with their radio alone (energy_boundary: device)"},
    {"access", "devices with their radio, and the network (energy_boundary: access)"},
    {"facility", "devices with their radio, network, servers and what their buildings need (energy_boundary: facility)"}};
  const char *boundary = json_text(json_at(c->resolved, "energy_boundary"));
  bool any = false;
  for (size_t i = 0; i < c->n_policies; i++) any |= run_value(&c->policy[i], "energy_total_j_per_request") > 0;
  for (size_t i = 0; any && boundary && i < sizeof of / sizeof *of; i++)
    if (strcmp(of[i][0], boundary) == 0) return of[i][1];
  return NULL;
}

static bool is_set(const json *o, const char *key)
{
  const json *x = json_at(o, key);
  return json_is_map(x) || json_text(x) || json_real(x, 0) > 0;
}

static bool link_has_energy(const json *link)
{
  const json *power = json_at(link, "power");
  return is_set(link, "energy") || is_set(link, "base_power") || is_set(link, "radio") || json_text(power)
         || is_set(power, "send") || is_set(power, "receive");
}

static bool draws_power(const json *of)
{
  static const char *const keys[] = {"idle_power", "busy_power", "context_power"};
  const json *shape = json_at(of, "power");             /* by a table: nothing beside is needed */
  bool any = false;
  for (size_t i = 0; json_is_map(shape) && i < json_count(shape); i++) any |= json_count(json_at(shape, json_key(shape, i))) > 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) any |= json_real(json_at(of, keys[i]), 0) > 0;
  return any;
}

/* A name of `hardware`, or any of a mix: presets and profiles may say how fast they are and not what they draw. */
static bool hardware_draws(const json *resolved, const json *hardware)
{
  const json *all = json_at(resolved, "hardware"), *mix = json_at(hardware, "mix");
  bool any = json_text(hardware) && draws_power(json_at(all, json_text(hardware)));
  for (size_t i = 0; json_is_map(mix) && i < json_count(mix); i++) any |= draws_power(json_at(all, json_key(mix, i)));
  return any;
}

static bool place_has_energy(const json *resolved, const json *place)
{
  const json *batching = json_at(place, "batching"), *hardware = json_at(place, "hardware");
  return !hardware || draws_power(place) || hardware_draws(resolved, hardware) || is_set(batching, "energy")
         || is_set(json_at(batching, "step_time"), "energy");
}

/* Is it one of those, within the boundary, whose joules nobody gave? */
typedef bool unknown(const json *resolved, const json *x);

static bool servers_count(const json *resolved, const json *place)
{
  const char *boundary = json_text(json_at(resolved, "energy_boundary")), *tier = json_text(json_at(place, "tier"));
  return !strcmp(boundary, "server") || !strcmp(boundary, "facility") || (tier && !strcmp(tier, "device"));
}

static bool unknown_place(const json *resolved, const json *x)
{
  const char *kind = json_text(json_at(x, "kind"));
  return (!kind || !strcmp(kind, "servers")) && servers_count(resolved, x) && !place_has_energy(resolved, x);
}

static bool unknown_interface(const json *resolved, const json *x)
{
  const char *kind = json_text(json_at(x, "kind"));
  return kind && !strcmp(kind, "api") && servers_count(resolved, x);
}

static bool unknown_link(const json *resolved, const json *x)
{
  (void)resolved;
  return !link_has_energy(x);
}

/* Names of those: nothing of their energy is in the table. At most SHOWN of them. */
static void add_unknown(struct text *t, const json *resolved, const char *list, const char *called, unknown *is_unknown)
{
  enum { SHOWN = 5 };
  const json *all = json_at(resolved, list);
  size_t n = 0;
  for (size_t i = 0; i < json_count(all); i++) {
    const json *x = json_nth(all, i);
    const char *name = json_text(json_at(x, "name"));
    if (!name || !is_unknown(resolved, x)) continue;
    if (++n == 1) text_add(t, "%s%s ", t->n ? "; " : "", called);
    if (n <= SHOWN) text_add(t, "%s%s", n > 1 ? ", " : "", name);
  }
  if (n > SHOWN) text_add(t, " and %zu more", n - SHOWN);
}

/* One line of what counts 0 J though it is within the boundary, for want of figures; also where so there are no joules at all. */
static void print_unknown_energy(const struct comparison *c, FILE *f)
{
  struct text t = {0};
  if (!json_text(json_at(c->resolved, "energy_boundary"))) return;
  add_unknown(&t, c->resolved, "places", "places", unknown_place);
  if (t.n) text_add(&t, " (no idle_power, no busy_power)");
  if (t.n || comparison_boundary(c)) {
    add_unknown(&t, c->resolved, "places", "interfaces", unknown_interface);
    add_unknown(&t, c->resolved, "links", "links", unknown_link);
  }
  if (t.n) fprintf(f, "counted as 0 J, as nobody gave their energy: %s\n", t.s);
  free(t.s);
}

static const char *base_method(const struct comparison *c)
{
  return c->baseline_given ? "given" : "the best policy, so intervals are simultaneous over all pairs";
}

static void print_notes(const struct comparison *c, FILE *f, bool colour)
{
  if (c->baseline != SIZE_MAX && c->n_policies > 1)
    fprintf(f, "baseline %s (%s); paired by replication, 95 %%; margin %g %%; other metrics are exploratory\n",
            c->policy[c->baseline].name, base_method(c), 100 * c->margin);
  else if (c->n_policies > 1 && comparison_all_hopeless(c))
    fprintf(f, "no baseline: %s is infinite under all policies (--baseline POLICY, or --metric NAME)\n", c->primary->name);
  if (comparison_boundary(c)) fprintf(f, "energy: of %s\n", comparison_boundary(c));
  print_unknown_energy(c, f);
  if (c->notes) fputs(c->notes, f);
  if (any_unsupported(c, c->primary->name))
    fprintf(f, "! fewer than 10 requests a replication lie beyond this quantile: too few for it\n");
  if (c->incomplete)
    fprintf(f, "%sINCOMPLETE: missing %s%s%s%s%s\n", colour ? "\033[33m" : "", c->incomplete, c->remedy ? " (" : "",
            c->remedy ? c->remedy : "", c->remedy ? ")" : "", colour ? "\033[0m" : "");
}

/* One that costs nothing has no band. */
static double band_end(const struct compared_policy *p, const char *end)
{
  char name[64];
  snprintf(name, sizeof name, "cost_total_%s_usd_per_1k_requests", end);
  double value = run_value(p, name);
  return isnan(value) ? run_value(p, "cost_total_usd_per_1k_requests") : value;
}

/* Bands that overlap: who is cheaper depends on which of the prices move. */
char *comparison_price_band(const struct comparison *c)
{
  struct text t = {0};
  double lowest_high = INFINITY;
  size_t n = 0, close = 0;                              /* policies that may be the cheapest; some of them with a band */
  bool moves = false;
  for (size_t i = 0; i < c->n_policies; i++) lowest_high = fmin(lowest_high, band_end(&c->policy[i], "high"));
  for (size_t i = 0; i < c->n_policies; i++) {
    double low = band_end(&c->policy[i], "low"), high = band_end(&c->policy[i], "high");
    bool candidate = !strcmp(c->policy[i].kind, "policy") && low <= lowest_high;
    close += candidate;
    if (!(high > low)) continue;
    moves |= candidate;
    if (!n++) text_put(&t, "price band, USD/1k in all with every price at its lowest and highest: ");
    text_add(&t, "%s%s %s .. %s", n > 1 ? ", " : "", c->policy[i].name, number_text(low).s, number_text(high).s);
  }
  if (moves && close > 1) text_put(&t, "; the cheapest overlap: which is cheaper may depend on which prices move");
  return t.s;
}

static void print_price_band(const struct comparison *c, FILE *f)
{
  char *band = comparison_price_band(c);
  if (band) fprintf(f, "%s\n", band);
  free(band);
}

static void print_warnings(const struct comparison *c, FILE *f, bool colour)
{
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_warnings; k++) {
      const char *w = c->policy[i].warning[k];
      if (comparison_said_before(c, i, w)) continue;
      size_t n = comparison_with_warning(c, w);
      fprintf(f, "%swarning: ", colour ? "\033[33m" : "");
      if (n == c->n_policies) fprintf(f, "all policies: ");
      else if (n > 1) fprintf(f, "%s and %zu more: ", c->policy[i].name, n - 1);
      else fprintf(f, "%s: ", c->policy[i].name);
      fprintf(f, "%s%s\n", w, colour ? "\033[0m" : "");
    }
}

/* ---- other views --------------------------------------------------------------------------------------------------
 */

static void put_tests(struct table *t, const struct paired *pair, const struct compared_metric *m)
{
  table_cell(t, "%s", pair ? number_text(pair->variance_ratio).s : "-");
  table_cell(t, "%s", pair ? number_text(pair->p).s : "-");
  table_cell(t, "%s", pair ? number_text(pair->wilcoxon.p).s : "-");
  table_cell(t, "%s", pair ? number_text(pair->p_holm).s : "-");
  bool controlled = !isnan(m->control_mean);
  table_cell(t, "%s", controlled ? interval_text(m->control.interval, PLUS_MINUS).s : "-");
  table_cell(t, "%s", controlled ? number_text(m->control.variance_ratio).s : "-");
}

/* What the columns mean that one metric has. */
static void explain_metric(const struct comparison *c, FILE *f)
{
  bool controlled = !isnan(compare_expected_requests(c->resolved, ""));
  fprintf(f, "\np: paired t; Holm: over %zu pairs of secondary metrics\n", c->family);
  if (controlled)
    fprintf(f, "controlled: regressed on the requests of the run, whose mean is known; gain: variance before / after\n");
}

/* Of the many cells of a class, task and phase: those that are 0 for all policies say nothing. */
bool comparison_never(const struct comparison *c, const struct compared_metric *m)
{
  if (!*m->klass || !*m->place) return false;
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_metric *x = comparison_metric(&c->policy[i], m->metric, m->klass, m->place);
    if (x && x->interval.value != 0) return false;
  }
  return true;
}

static void print_metric(const struct comparison *c, FILE *f, const char *metric)
{
  const struct metric_info *info = metric_find(metric);
  fprintf(f, "%s (%s): %s\n", info->name, info->unit, info->doc);
  if (!strcmp(metric, "regret")) fprintf(f, "comparator: %s\n", c->regret_against ? c->regret_against : "none");
  fputc('\n', f);
  const char *const head[] = {"policy", "class", "place", "value", "lo_95", "hi_95", "n", "method", "paired difference",
                              "variance ratio", "p", "Wilcoxon p", "Holm p", "controlled", "gain"};
  enum { COLUMNS = sizeof head / sizeof *head };
  struct table *t = table_new(COLUMNS);
  for (int i = 0; i < COLUMNS; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_metrics; k++) {
      const struct compared_metric *m = &c->policy[i].metric[k];
      if (strcmp(m->metric, metric) || comparison_never(c, m)) continue;
      const struct paired *pair = *m->klass || *m->place ? NULL : comparison_pair(c, i, metric);
      table_cell(t, "%s", c->policy[i].name);
      table_cell(t, "%s", *m->klass ? m->klass : "all");
      table_cell(t, "%s", *m->place ? m->place : "all");
      if (m->needs) table_cell(t, "needs %zu requests", m->needs);
      else table_cell(t, "%s%s", number_text(m->interval.value).s, m->unsupported && m->interval.n ? "!" : "");
      table_cell(t, "%s", number_text(m->interval.lo).s);
      table_cell(t, "%s", number_text(m->interval.hi).s);
      table_cell(t, "%llu", (unsigned long long)m->interval.n);
      table_cell(t, "%s", m->interval.method);
      table_cell(t, "%s", pair ? interval_text(pair->difference, PLUS_MINUS).s : "-");
      put_tests(t, pair, m);
    }
  table_print(t, f, 3);
  explain_metric(c, f);
}

static const char *const class_metrics[] = {
  "requests", "latency_mean_s", "failed_ratio", "latency_p50_s", "latency_p95_s", "latency_p99_s", "slo_attainment",
  "ttft_mean_s", "ttft_p99_s", "tpot_mean_s", "goodput_per_s", "queue_wait_mean_s", "network_mean_s", "service_mean_s", "offload_ratio", "quality_mean"};
static const char *const place_metrics[] = {
  "attempts", "utilization", "in_system_mean", "queue_length_mean", "queue_wait_mean_s", "batch_size_mean",
  "blocked_ratio", "energy_j", "cost_usd"};
/* Only where they happen. */
static const char *const special_class_metrics[] = {"budget_miss_ratio", "fallback_ratio", "answered_ratio", "cache_hit_ratio",
                                                     "cache_false_hit_ratio"};
static const char *const special_place_metrics[] = {
  "kv_occupancy", "preemptions", "server_ttft_mean_s", "itl_mean_s", "tokens_per_s", "joules_per_token",
  "prefix_hit_ratio", "cold_starts", "instance_s", "down_s", "battery_left_mean", "battery_dead_ratio", "battery_deaths",
  "battery_emptied_ratio", "battery_life_mean_s", "cache_hit_ratio", "cache_false_hit_ratio", "cache_entries"};
#define COUNT(a) (sizeof(a) / sizeof *(a))
_Static_assert(COUNT(class_metrics) + COUNT(special_class_metrics) <= GROUP_COLUMNS, "columns");
_Static_assert(COUNT(place_metrics) + COUNT(special_place_metrics) <= GROUP_COLUMNS, "columns");

static bool happens(const struct comparison *c, bool of_classes, const char *metric)
{
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_metrics; k++) {
      const struct compared_metric *m = &c->policy[i].metric[k];
      if (!strcmp(m->metric, metric) && *(of_classes ? m->klass : m->place) && fabs(m->interval.value) > 0) return true;
    }
  return false;
}

size_t comparison_columns(const struct comparison *c, bool of_classes, const char *name[GROUP_COLUMNS])
{
  const char *const *special = of_classes ? special_class_metrics : special_place_metrics;
  size_t n_special = of_classes ? COUNT(special_class_metrics) : COUNT(special_place_metrics);
  size_t n = of_classes ? COUNT(class_metrics) : COUNT(place_metrics);
  memcpy(name, of_classes ? class_metrics : place_metrics, n * sizeof *name);
  for (size_t k = 0; k < n_special; k++)
    if (happens(c, of_classes, special[k])) name[n++] = special[k];
  return n;
}

/* One row for each policy and each class (or place) that has the first of the metrics. */
static void print_by(const struct comparison *c, FILE *f, bool by_class)
{
  const char *metric[GROUP_COLUMNS];
  size_t n = comparison_columns(c, by_class, metric);
  struct table *t = table_new(2 + n);
  table_cell(t, "%s", by_class ? "class" : "place");
  table_cell(t, "policy");
  for (size_t k = 0; k < n; k++) table_cell(t, "%s", metric[k]);
  table_rule(t);
  const struct compared_policy *first = &c->policy[0];
  for (size_t g = 0; g < first->n_metrics; g++) {
    const struct compared_metric *group = &first->metric[g];
    const char *name = by_class ? group->klass : group->place;
    if (strcmp(group->metric, metric[0]) || !*name) continue;
    for (size_t i = 0; i < c->n_policies; i++) {
      table_cell(t, "%s", name);
      table_cell(t, "%s", c->policy[i].name);
      for (size_t k = 0; k < n; k++)
        put_interval(t, &c->policy[i], metric[k], by_class ? name : "", by_class ? "" : name);
    }
  }
  table_print(t, f, 2);
}

static const char *const pareto_metrics[] = {"latency_mean_s", "cost_total_usd_per_1k_requests",
                                             "energy_total_j_per_request"};

/* It has latency, money and energy; a run without measured requests has none. */
static bool has_pareto(const struct compared_policy *p)
{
  for (int k = 0; k < 3; k++)
    if (isnan(interval_at(p, pareto_metrics[k], "", "").value)) return false;
  return true;
}

/* a dominates b: no worse in latency, money and energy, and better in one. */
static bool dominates(const struct compared_policy *a, const struct compared_policy *b)
{
  bool better = false;
  for (int k = 0; k < 3; k++) {
    double x = interval_at(a, pareto_metrics[k], "", "").value, y = interval_at(b, pareto_metrics[k], "", "").value;
    if (!(x <= y)) return false;
    better |= x < y;
  }
  return better;
}

static void print_pareto(const struct comparison *c, FILE *f)
{
  fprintf(f, "latency (completed requests), money and energy (total ledgers); front by means\n\n");
  struct table *t = table_new(6);
  const char *const head[] = {"policy", "front", "latency_mean_s", "failed_ratio", "cost_total_usd_per_1k_requests",
                              "energy_total_j_per_request"};
  for (int i = 0; i < 6; i++) table_cell(t, "%s", head[i]);
  table_rule(t);
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i], *by = NULL;
    for (size_t j = 0; j < c->n_policies && !by; j++)
      if (dominates(&c->policy[j], p)) by = &c->policy[j];
    table_cell(t, "%s", p->name);
    if (!has_pareto(p)) table_cell(t, "-");
    else if (by) table_cell(t, "dominated by %s", by->name);
    else table_cell(t, "on the front");
    put_interval(t, p, pareto_metrics[0], "", "");
    put_interval(t, p, "failed_ratio", "", "");
    put_interval(t, p, pareto_metrics[1], "", "");
    put_interval(t, p, pareto_metrics[2], "", "");
  }
  table_print(t, f, 2);
}

/* ---- folders, two at a time, column by column: is it the same ranking? ------------------------------------------------
 */

struct sides { const struct comparison *c; const char *one, *two; };    /* folders */

static bool in_side(const struct compared_policy *p, const char *dir) { return p->dir && !strcmp(p->dir, dir); }

/* The same entry in the other folder; NULL = none. */
static const struct compared_policy *twin_of(const struct sides *s, const struct compared_policy *p)
{
  const char *other = in_side(p, s->one) ? s->two : s->one;
  for (size_t i = 0; i < s->c->n_policies; i++) {
    const struct compared_policy *q = &s->c->policy[i];
    if (comparison_in_hindsight(q->type)) continue;     /* it is one of the others once more */
    if (in_side(q, other) && !strcmp(p->entry, q->entry)) return q;
  }
  return NULL;
}

/* Place among the policies of its folder that have a twin, 1 = best. */
static size_t rank_of(const struct sides *s, const struct compared_policy *p)
{
  size_t rank = 1;
  const struct metric_info *primary = s->c->primary;
  double mine = interval_at(p, primary->name, "", "").value, sign = primary->better > 0 ? -1 : 1;
  for (size_t i = 0; i < s->c->n_policies; i++) {
    const struct compared_policy *q = &s->c->policy[i];
    if (in_side(q, p->dir) && twin_of(s, q)) rank += sign * interval_at(q, primary->name, "", "").value < sign * mine;
  }
  return rank;
}

static void put_side(struct table *t, const struct sides *s, const struct compared_policy *p)
{
  put_interval(t, p, s->c->primary->name, "", "");
  table_cell(t, "%zu", rank_of(s, p));
}

static void side_by_side_head(struct table *t, const struct sides *s)
{
  const char *heads[] = {"policy", s->one, "rank", s->two, "rank", "difference", "intervals"};
  for (int k = 0; k < 7; k++) table_cell(t, "%s", heads[k]);
  for (int k = 0; k < 7; k++) table_cell(t, "%s", k == 1 || k == 3 ? s->c->primary->unit : " ");
  table_rule(t);
}

static struct interval primary_of(const struct comparison *c, const struct compared_policy *p)
{
  return interval_at(p, c->primary->name, "", "");
}

static bool apart(struct interval a, struct interval b) { return a.lo > b.hi || b.lo > a.hi; }

/* Pairs of policies that change places between the folders: all of them, and those that an interval tells apart. */
static void count_swaps(const struct sides *s, size_t *swaps, size_t *real)
{
  const struct comparison *c = s->c;
  *swaps = *real = 0;
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t j = 0; j < i; j++) {
      const struct compared_policy *p = &c->policy[i], *q = &c->policy[j];
      const struct compared_policy *p2 = in_side(p, s->one) ? twin_of(s, p) : NULL;
      const struct compared_policy *q2 = in_side(q, s->one) ? twin_of(s, q) : NULL;
      if (!p2 || !q2) continue;
      struct interval a = primary_of(c, p), b = primary_of(c, q), a2 = primary_of(c, p2), b2 = primary_of(c, q2);
      if ((a.value < b.value) == (a2.value < b2.value)) continue;
      ++*swaps;
      *real += apart(a, b) || apart(a2, b2);
    }
}

static void print_ranking(const struct sides *s, FILE *f)
{
  size_t swaps, real;
  count_swaps(s, &swaps, &real);
  if (!swaps) fprintf(f, "\nranking: the same\n");
  else if (!real) fprintf(f, "\nranking: the same, but for %zu pair%s whose intervals overlap\n", swaps, swaps == 1 ? "" : "s");
  else fprintf(f, "\nranking: DIFFERS in %zu pair%s that the intervals tell apart\n", real, real == 1 ? "" : "s");
}

/* The primary metric of policies that stand in both folders, in the order of the first. */
static void print_sides(const struct sides *s, FILE *f)
{
  const struct comparison *c = s->c;
  struct table *t = NULL;
  for (size_t i = 0; i < c->n_policies; i++) {
    const struct compared_policy *p = &c->policy[i], *q = in_side(p, s->one) ? twin_of(s, p) : NULL;
    if (!q) continue;
    if (!t) side_by_side_head(t = table_new(7), s);
    struct interval a = primary_of(c, p), b = primary_of(c, q);
    table_cell(t, "%s", p->name);
    put_side(t, s, p);
    put_side(t, s, q);
    table_cell(t, "%s", percent_text(b.value - a.value, a.value).s);
    table_cell(t, "%s", apart(a, b) ? "APART" : "overlap");
  }
  if (!t) return;
  fprintf(f, "\n%s side by side\n\n", c->primary->name);
  table_print(t, f, 1);
  print_ranking(s, f);
}

/* The first folder beside each other one. */
static void print_side_by_side(const struct comparison *c, FILE *f)
{
  const char **dir = grab(c->n_policies, sizeof *dir);
  size_t n = 0;
  for (size_t i = 0; i < c->n_policies; i++) {
    size_t k = 0;
    while (c->policy[i].dir && k < n && strcmp(dir[k], c->policy[i].dir)) k++;
    if (c->policy[i].dir && k == n) dir[n++] = c->policy[i].dir;
  }
  for (size_t k = 1; k < n; k++) print_sides(&(struct sides){c, dir[0], dir[k]}, f);
  free(dir);
}

void comparison_print_table(const struct comparison *c, FILE *f, const struct comparison_view *v)
{
  fprintf(f, "%s: seed %llu, %zu replication%s, primary %s", c->scenario, (unsigned long long)c->seed,
          c->replications, c->replications == 1 ? "" : "s", c->primary->name);
  if (!isnan(c->warmup_s)) fprintf(f, ", warm-up of %s s removed", number_text(c->warmup_s).s);
  fputs("\n\n", f);
  if (v->pareto) print_pareto(c, f);
  else if (v->metric) print_metric(c, f, v->metric);
  else if (v->by == BY_CLASS || v->by == BY_PLACE) print_by(c, f, v->by == BY_CLASS);
  else {
    print_summary(c, f);
    print_side_by_side(c, f);
  }
  fputc('\n', f);
  if (!v->brief && !v->metric && !v->pareto && v->by == BY_NOTHING) {
    char *sentence = comparison_sentence(c);
    fprintf(f, "%s\n", sentence);
    free(sentence);
  }
  print_notes(c, f, v->colour);
  print_price_band(c, f);
  print_warnings(c, f, v->colour);
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------
 */

/* RFC 4180: quoted when needed, quotes doubled. */
void csv_text(FILE *f, const char *s)
{
  if (!s[strcspn(s, ",\"\r\n")]) {
    fputs(s, f);
    return;
  }
  fputc('"', f);
  for (; *s; s++) {
    if (*s == '"') fputc('"', f);
    fputc(*s, f);
  }
  fputc('"', f);
}

void csv_number(FILE *f, double x)
{
  fputc(',', f);
  if (!isnan(x)) fprintf(f, "%.17g", x);
}

static bool in_view(const struct compared_metric *m, const struct comparison_view *v)
{
  if (v->metric && strcmp(m->metric, v->metric)) return false;
  return v->by == BY_NOTHING || (v->by == BY_CLASS ? *m->klass : *m->place);
}

static void csv_row(const struct comparison *c, FILE *f, size_t i, const struct compared_metric *m)
{
  const struct compared_policy *p = &c->policy[i];
  const struct paired *pair = *m->klass || *m->place ? NULL : comparison_pair(c, i, m->metric);
  csv_text(f, p->name);
  fprintf(f, ",%s,%s,", p->kind, m->metric);
  csv_text(f, m->klass);
  fputc(',', f);
  csv_text(f, m->place);
  csv_number(f, m->interval.value);
  csv_number(f, m->interval.lo);
  csv_number(f, m->interval.hi);
  fprintf(f, ",%llu,%s", (unsigned long long)m->interval.n, m->interval.method);
  csv_number(f, pair ? pair->difference.value : NAN);
  csv_number(f, pair ? pair->difference.lo : NAN);
  csv_number(f, pair ? pair->difference.hi : NAN);
  fprintf(f, ",%s,%s\n", pair && pair->verdict ? verdict_name[pair->verdict] : "",
          !m->judged ? "" : m->trust.too_short ? "1" : "0");
}

void comparison_print_csv(const struct comparison *c, FILE *f, const struct comparison_view *v)
{
  fputs("policy,kind,metric,class,place,value,lo_95,hi_95,n,method,difference,difference_lo,difference_hi,verdict,too_short\n",
        f);
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_metrics; k++)
      if (in_view(&c->policy[i].metric[k], v)) csv_row(c, f, i, &c->policy[i].metric[k]);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------
 */

json *interval_json(struct interval i)
{
  json *j = json_new_object();
  json_put_number(j, "value", i.value);
  json_put_number(j, "lo_95", i.lo);
  json_put_number(j, "hi_95", i.hi);
  json_put_int(j, "n", (int64_t)i.n);
  return json_put_string(j, "method", i.method);
}

/* The object under `key`, made when it is not there. */
static json *json_child(json *object, const char *key)
{
  json *child = json_at(object, key);
  if (!child) json_put(object, key, child = json_new_object());
  return child;
}

static json *control_json(const struct compared_metric *m)
{
  json *j = interval_json(m->control.interval);
  json_put_string(j, "control", "requests");
  json_put_number(j, "control_mean", m->control_mean);
  json_put_number(j, "slope", m->control.slope);
  return json_put_number(j, "variance_ratio", m->control.variance_ratio);
}

static json *policy_json(const struct compared_policy *p)
{
  json *j = json_new_object();
  json_put_string(j, "policy", p->name);
  json_put_string(j, "kind", p->kind);
  const char *reference = p->model_greedy ? "model_greedy" : comparison_in_hindsight(p->type) ? p->type : NULL;
  if (reference || !strcmp(p->type, "clairvoyant")) json_put_string(j, "reference", reference ? reference : p->type);
  json_put_string(j, "trace_hash", p->trace_hash);
  json_put_int(j, "replications", (int64_t)p->n);
  json *metrics = json_child(j, "metrics"), *classes = json_child(j, "classes"), *places = json_child(j, "places");
  for (size_t k = 0; k < p->n_metrics; k++) {
    const struct compared_metric *m = &p->metric[k];
    json *into = *m->klass ? json_child(classes, m->klass) : *m->place ? json_child(places, m->place) : metrics;
    json *value = interval_json(m->interval);
    if (m->unsupported) json_put_bool(value, "unsupported", true);
    if (m->needs) json_put_int(value, "needs_requests", (int64_t)m->needs);
    if (m->judged) {
      json_put_bool(value, "too_short", m->trust.too_short);
      json_put_number(value, "effective_n", m->trust.effective_n);
      if (m->trust.too_short) json_put_string(value, "too_short_because", m->trust.why);
    }
    if (!isnan(m->control_mean)) json_put(value, "controlled", control_json(m));
    json_put(into, m->metric, value);
  }
  json *warnings = json_new_array();
  for (size_t k = 0; k < p->n_warnings; k++) json_push(warnings, json_string_value_new(p->warning[k]));
  return json_put(j, "warnings", warnings);
}

static json *pair_json(const struct comparison *c, const struct paired *pair)
{
  json *j = json_new_object();
  json_put_string(j, "policy", c->policy[pair->policy].name);
  json_put_string(j, "metric", pair->info->name);
  json_put_number(j, "difference", pair->difference.value);
  json_put_number(j, "lo", pair->difference.lo);
  json_put_number(j, "hi", pair->difference.hi);
  json_put_int(j, "n", (int64_t)pair->difference.n);
  json_put_string(j, "method", pair->difference.method);
  json_put_bool(j, "simultaneous", pair->simultaneous);
  json_put_int(j, "of", (int64_t)pair->of);
  json_put_number(j, "baseline_value", pair->baseline);
  json_put_number(j, "variance_ratio", pair->variance_ratio);
  json_put_number(j, "p", pair->p);
  json_put_number(j, "p_holm", pair->p_holm);
  json *ranks = json_new_object();
  json_put_number(ranks, "w_plus", pair->wilcoxon.w_plus);
  json_put_number(ranks, "p", pair->wilcoxon.p);
  json_put_int(ranks, "n", (int64_t)pair->wilcoxon.n);
  json_put_string(ranks, "method", pair->wilcoxon.exact ? "exact" : "normal");
  json_put(j, "wilcoxon", ranks);
  return json_put_string(j, "verdict", pair->verdict ? verdict_name[pair->verdict] : NULL);
}

static json *comparison_part(const struct comparison *c)
{
  json *j = json_new_object(), *pairs = json_new_array();
  json_put_string(j, "primary", c->primary->name);
  if (comparison_boundary(c)) json_put_string(j, "energy_of", comparison_boundary(c));
  json_put_number(j, "margin", c->margin);
  json_put_string(j, "baseline", c->baseline == SIZE_MAX ? NULL : c->policy[c->baseline].name);
  json_put_string(j, "regret_against", c->regret_against);
  char *sentence = comparison_sentence(c);
  json_put_string(j, "sentence", sentence);
  free(sentence);
  json_put_int(j, "holm_family", (int64_t)c->family);
  for (size_t i = 0; i < c->n_pairs; i++) json_push(pairs, pair_json(c, &c->pair[i]));
  json_put(j, "pairs", pairs);
  struct text incomplete = {0};
  if (c->incomplete) text_add(&incomplete, "INCOMPLETE: missing %s", c->incomplete);
  json_put_string(j, "incomplete", incomplete.s);
  free(incomplete.s);
  return j;
}

json *comparison_json(const struct comparison *c)
{
  json *j = json_new_object(), *policies = json_new_array();
  json_put_string(j, "offsim", c->version);
  json_put_string(j, "scenario", c->scenario);
  json_put_int(j, "seed", (int64_t)c->seed);
  json_put_int(j, "replications", (int64_t)c->replications);
  json_put_number(j, "warmup_removed_s", c->warmup_s);
  json_put_string(j, "trace_hash", c->trace_hash);
  json_put_number(j, "elapsed_s", c->elapsed_s);
  json_put_int(j, "events", (int64_t)c->events);
  for (size_t i = 0; i < c->n_policies; i++) json_push(policies, policy_json(&c->policy[i]));
  json_put(j, "policies", policies);
  return json_put(j, "comparison", comparison_part(c));
}
