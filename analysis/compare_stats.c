/* compare_stats.c: tests, families, controls, and quantiles that their sample cannot carry.
 *
 * The control of a run is the number of requests of its cohort: under Poisson arrivals of rate r over a window of T its
 * mean is r T, exactly. Runs that happened to get more than that saw longer queues, and the regression takes it back.
 */
#include "analysis/compare_stats.h"
#include "analysis/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CONFIDENCE = .95;

void compare_refuse_tails(struct compared_policy *p)
{
  for (size_t i = 0; i < p->n_metrics; i++) {
    struct compared_metric *m = &p->metric[i];
    double q = comparison_quantile(m->metric);
    const struct compared_metric *requests = isnan(q) ? NULL : comparison_metric(p, "requests", m->klass, "");
    if (!requests || !m->interval.n || !(requests->interval.value < (double)order_needs(q, CONFIDENCE))) continue;
    m->needs = order_needs(q, CONFIDENCE);
    m->interval = (struct interval){NAN, NAN, NAN, m->interval.n, "refused"};
  }
}

/* ---- controls -----------------------------------------------------------------------------------------------------
 */

double compare_expected_requests(const json *resolved, const char *klass)
{
  const json *horizon = json_at(resolved, "horizon"), *classes = json_at(resolved, "classes");
  double duration_s = json_real(json_at(horizon, "duration"), NAN), sum = 0;
  if (json_int(json_at(horizon, "max_requests"), 0) > 0 || !json_count(classes)) return NAN;
  bool found = !*klass;
  for (size_t i = 0; i < json_count(classes); i++) {
    const json *one = json_nth(classes, i);
    const char *name = json_text(json_at(one, "name"));
    if (*klass && (!name || strcmp(name, klass))) continue;
    found = true;
    sum += duration_s * json_real(json_at(json_at(json_at(one, "arrivals"), "poisson"), "rate"), NAN);
  }
  return found ? sum : (double)NAN;
}

/* Values of both in the replications where the metric is a finite number. */
static size_t join_control(const struct compared_policy *p, const struct compared_metric *m,
                           const struct compared_metric *control, double *y, double *c)
{
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++) {
    if (isnan(m->x[i])) continue;
    if (!isfinite(m->x[i]) || !isfinite(control->x[i])) return 0;
    y[n] = m->x[i];
    c[n++] = control->x[i];
  }
  return n;
}

static void control_metric(const struct compared_policy *p, struct compared_metric *m, double expected)
{
  const struct compared_metric *requests = comparison_metric(p, "requests", m->klass, "");
  double *y = grab(p->n, sizeof *y), *c = grab(p->n, sizeof *c);
  size_t n = requests && requests != m && !m->needs && !isnan(expected) ? join_control(p, m, requests, y, c) : 0;
  m->control = (struct controlled){{NAN, NAN, NAN, 0, "control"}, NAN, NAN};
  if (n) m->control = control_variate(y, c, n, expected, CONFIDENCE);
  m->control_mean = isnan(m->control.variance_ratio) ? (double)NAN : expected;
  free(y);
  free(c);
}

/* Of policies of the first folder: that is whose scenario is known here. */
void compare_add_controls(struct comparison *c)
{
  for (size_t i = 0; i < c->n_policies; i++)
    for (size_t k = 0; k < c->policy[i].n_metrics; k++) {
      struct compared_metric *m = &c->policy[i].metric[k];
      bool known = !*m->place && c->policy[i].dir == c->policy[0].dir;
      control_metric(&c->policy[i], m, known ? compare_expected_requests(c->resolved, m->klass) : (double)NAN);
    }
}

/* ---- tests --------------------------------------------------------------------------------------------------------
 */

/* Differences over common replications; 0 where one of them is not finite. */
static size_t differences(const struct comparison *c, const struct paired *pair, double **d)
{
  const struct compared_policy *p = &c->policy[pair->policy], *b = &c->policy[c->baseline];
  const struct compared_metric *x = comparison_metric(p, pair->info->name, "", ""),
                               *y = comparison_metric(b, pair->info->name, "", "");
  *d = grab(p->n, sizeof **d);
  size_t n = 0, next = 0;
  for (size_t i = 0; i < p->n; i++) {
    size_t j = compare_find(b->replication, b->n, p->replication[i], next);
    if (j < b->n) next = j + 1;
    if (j == b->n || isnan(x->x[i]) || isnan(y->x[j])) continue;
    if (!isfinite(x->x[i]) || !isfinite(y->x[j])) return 0;
    (*d)[n++] = x->x[i] - y->x[j];
  }
  return n;
}

static bool all_zero(const double *d, size_t n)
{
  size_t i = 0;
  while (i < n && d[i] == 0) i++;
  return i == n;
}

void compare_add_tests(struct comparison *c)
{
  double *p = grab(c->n_pairs, sizeof *p), *adjusted = grab(c->n_pairs, sizeof *adjusted);
  c->family = 0;
  for (size_t i = 0; i < c->n_pairs; i++) {
    struct paired *pair = &c->pair[i];
    double *d;
    size_t n = differences(c, pair, &d);
    pair->p = paired_t_p(d, n);
    pair->wilcoxon = n ? wilcoxon(d, n) : (struct signed_ranks){NAN, NAN, 0, false};
    bool secondary = !pair->simultaneous && pair->info->better && !all_zero(d, n) && !isnan(pair->p);
    p[i] = secondary ? pair->p : (double)NAN;
    c->family += secondary;
    free(d);
  }
  holm(p, c->n_pairs, adjusted);
  for (size_t i = 0; i < c->n_pairs; i++) c->pair[i].p_holm = adjusted[i];
  free(p);
  free(adjusted);
}

/* ---- too short? ---------------------------------------------------------------------------------------------------
 */

double compare_trusted_quantile(const char *metric)
{
  if (!strcmp(metric, "latency_mean_s")) return 0;
  return strncmp(metric, "latency_p", 9) ? (double)NAN : comparison_quantile(metric);
}

/* Moments from n, mean and standard deviation; a run without them counts as one that has too little. */
void compare_pool_add(struct trust_pool *pool, double n, double mean_s, double sd_s, double stretch_sd_s)
{
  pool->runs++;
  if (!(n >= TRUST_PIECES) || isnan(mean_s) || isnan(sd_s) || isnan(stretch_sd_s)) return;
  struct moments values = {.n = (uint64_t)n, .mean = mean_s, .m2 = sd_s * sd_s * (n - 1)};
  struct moments pieces = {.n = TRUST_PIECES, .mean = mean_s, .m2 = stretch_sd_s * stretch_sd_s * (TRUST_PIECES - 1)};
  moments_merge(&pool->values, &values);
  moments_merge(&pool->pieces, &pieces);
}

static bool pool_of(const struct compared_policy *p, struct trust_pool *pool)
{
  static const char *const name[] = {"completed", "latency_mean_s", "latency_sd_s", "latency_stretch_sd_s"};
  const struct compared_metric *m[4];
  *pool = (struct trust_pool){0};
  for (int k = 0; k < 4; k++)
    if (!(m[k] = comparison_metric(p, name[k], "", ""))) return false;
  for (size_t i = 0; i < p->n; i++) compare_pool_add(pool, m[0]->x[i], m[1]->x[i], m[2]->x[i], m[3]->x[i]);
  return p->n > 1;
}

static bool is_text(const json *object, const char *key, const char *want)
{
  const char *text = json_text(json_at(object, key));
  return text && !strcmp(text, want);
}

/* Servers of one queue of the place; 0 when it is no queue in front of servers that are always there: batches, engines,
 * instances that come and go, shared processors, price lists and bounded queues, of which a high utilization says little. */
static double plain_servers(const json *resolved, const char *place)
{
  const json *places = json_at(resolved, "places"), *at = NULL;
  for (size_t i = 0; i < json_count(places) && !at; i++)
    if (is_text(json_nth(places, i), "name", place)) at = json_nth(places, i);
  bool plain = at && is_text(json_at(at, "batching"), "kind", "none") && is_text(at, "kind", "servers")
               && !is_text(at, "discipline", "processor_sharing") && !json_at(at, "instances")
               && !(json_real(json_at(at, "capacity"), 0) > 0);
  return plain ? json_real(json_at(at, "servers"), 1) * json_real(json_at(at, "slots"), 1) : 0;
}

/* Waiting there must be so much of the mean latency for the place to be judged. */
static const double WEIGHTY = 0.1;

struct trust compare_place_trust(const json *resolved, const struct place_use *u, struct trust t, double q)
{
  double servers = plain_servers(resolved, u->place);
  bool weighty = u->wait_s * u->attempts >= WEIGHTY * u->latency_s * u->completed;
  if (!(servers > 0) || !weighty || !(u->attempts > 0) || isnan(u->utilization)) return t;
  struct trust_queue k = {.utilization = u->utilization, .served = u->attempts * (double)u->runs, .runs = u->runs,
                          .servers = servers, .arrival_variation = 1, .service_variation = 1};
  return trust_both(t, trust_queue(&k, q));
}

static double mean_at(const struct compared_policy *p, const char *metric, const char *place)
{
  const struct compared_metric *m = comparison_metric(p, metric, "", place);
  return m ? m->interval.value : (double)NAN;
}

/* Of the values, and of each place by itself. */
static struct trust judge(const struct comparison *c, const struct compared_policy *p, const struct trust_pool *pool, double q)
{
  struct trust t = trust_replications(pool, q);
  struct place_use u = {.runs = p->n, .latency_s = mean_at(p, "latency_mean_s", ""), .completed = mean_at(p, "completed", "")};
  for (size_t i = 0; i < p->n_metrics; i++) {
    if (strcmp(p->metric[i].metric, "utilization")) continue;
    u.place = p->metric[i].place;
    u.utilization = p->metric[i].interval.value;
    u.attempts = mean_at(p, "attempts", u.place);
    u.wait_s = mean_at(p, "queue_wait_mean_s", u.place);
    t = compare_place_trust(c->resolved, &u, t, q);
  }
  return t;
}

/* Replications of a terminating horizon are independent whatever happens inside of them: nothing to judge. */
void compare_add_trust(struct comparison *c)
{
  if (isnan(c->warmup_s)) return;
  for (size_t i = 0; i < c->n_policies; i++) {
    struct compared_policy *p = &c->policy[i];
    struct trust_pool pool;
    bool known = pool_of(p, &pool);
    for (size_t k = 0; known && k < p->n_metrics; k++) {
      struct compared_metric *m = &p->metric[k];
      double q = *m->klass || *m->place ? (double)NAN : compare_trusted_quantile(m->metric);
      m->judged = !isnan(q);
      if (m->judged) m->trust = judge(c, p, &pool, q);
    }
  }
}

/* Of a steady horizon; NaN = terminating: nothing is removed. A study tells what the pilots of a point gave. */
void compare_read_warmup(struct comparison *c)
{
  const char *settled = comparison_provenance(c, "warmup_s");
  const json *horizon = json_at(c->resolved, "horizon");
  const char *kind = json_text(json_at(horizon, "kind"));
  c->warmup_s = kind && !strcmp(kind, "steady") ? json_real(json_at(horizon, "warmup"), NAN) : (double)NAN;
  if (settled) c->warmup_s = strtod(settled, NULL);
}
