/* metrics: values of a handful of records, computed by hand. */
#include "analysis/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* cmocka compares floats; these are doubles. */
#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static const char *const class_names[] = {"chat", "voice"};
static const char *const place_names[] = {"phone", "edge"}, *const link_names[] = {"access", NULL};
static const double no_slo[] = {0, 0}, slo_e2e_s[] = {1, 0};
enum { S = 1000000000, MS = 1000000 };

static struct metrics *new_metrics(void)
{
  struct metrics_setup s = {.n_classes = 2, .n_places = 2, .class_name = class_names, .place_name = place_names,
                            .n_links = 2, .link_name = link_names, .slo_ttft_s = no_slo, .slo_e2e_s = slo_e2e_s,
                            .slo_tpot_s = no_slo};
  return metrics_new(&s);
}

static double value(const struct metric_value *v, size_t n, const char *metric, const char *klass, const char *place)
{
  for (size_t i = 0; i < n; i++)
    if (!strcmp(v[i].metric, metric) && !strcmp(v[i].klass, klass) && !strcmp(v[i].place, place)) return v[i].value;
  fail_msg("no value of %s", metric);
  return NAN;
}

static struct request_record request(uint64_t id, int64_t arrived_ns, int64_t latency_ns)
{
  return (struct request_record){.request = id, .arrived_ns = arrived_ns, .completed_ns = arrived_ns + latency_ns,
                                 .first_token_ns = -1, .server_first_token_ns = -1, .status = STATUS_COMPLETED,
                                 .measured = 1, .slo_met = latency_ns <= S};
}

static struct link_summary no_links[2];
static const struct run_summary summary = {.window_s = 10, .link = no_links};

/* Latencies 1, 2, ..., 9 s and one failure: ceil(.5 x 10) = 5th value, p95 and p99 = the tenth = infinite. */
static void quantiles_rank_failures_last(void **state)
{
  struct metrics *m = new_metrics();
  for (int i = 1; i <= 10; i++) {
    struct request_record r = request((uint64_t)i, i, i * (int64_t)S);
    if (i == 10) r.status = STATUS_TIMEOUT, r.completed_ns = -1;
    metrics_request(m, &r);
  }
  const struct metric_value *v;
  size_t n = metrics_finish(m, &summary, &v);
  assert_near(value(v, n, "latency_p50_s", "", ""), 5, 1e-12);
  assert_true(isinf(value(v, n, "latency_p95_s", "", "")));
  assert_true(isinf(value(v, n, "latency_p99_s", "chat", "")));
  assert_near(value(v, n, "latency_mean_s", "", ""), 5, 1e-12);
  assert_near(value(v, n, "failed_ratio", "", ""), .1, 1e-12);
  assert_near(value(v, n, "requests", "", ""), 10, 0);
  assert_near(value(v, n, "completed", "chat", ""), 9, 0);
  assert_near(value(v, n, "requests", "voice", ""), 0, 0);
  assert_true(isnan(value(v, n, "latency_mean_s", "voice", "")));
  assert_true(isnan(value(v, n, "latency_p95_s", "voice", "")));
  /* SLO of chat is 1 s: only the first meets it. */
  assert_near(value(v, n, "slo_attainment", "", ""), .1, 1e-12);
  assert_near(value(v, n, "goodput_per_s", "", ""), .1, 1e-12);
  assert_int_equal(quantiles_n(metrics_latency(m)), 10);
  metrics_free(m);
}

/* Latencies 1 to 4096 s in this order: variance 4096 x 4097 / 12; eight stretches of 512, means 512 apart: variance 6 x 512^2.
 * Of 1 to 10 the last eight: variance 6; fewer than eight have none. */
static void stretches(void **state)
{
  for (int k = 0; k < 3; k++) {
    const int count = (const int[]){4096, 10, 7}[k];
    struct metrics *m = new_metrics();
    for (int i = 1; i <= count; i++) {
      struct request_record r = request((uint64_t)i, i, i * (int64_t)S);
      metrics_request(m, &r);
    }
    const struct metric_value *v;
    size_t n = metrics_finish(m, &summary, &v);
    double sd = value(v, n, "latency_stretch_sd_s", "", "");
    assert_near(value(v, n, "latency_sd_s", "", ""), sqrt(count * (count + 1.0) / 12), 1e-9);
    if (k == 2) assert_true(isnan(sd));
    else assert_near(sd, sqrt(6) * (k ? 1 : 512), 1e-9);
    metrics_free(m);
  }
}

/* Two attempts of one completed request, one of a failed one: phases are of completed requests only. */
static void phases_follow_their_request(void **state)
{
  struct metrics *m = new_metrics();
  for (uint64_t id = 0; id < 5000; id++) {
    for (int k = 0; k < 2; k++) {
      struct attempt_record a = {.request = id, .measured = 1, .attempt = (uint8_t)k};
      a.phase_ns[PHASE_QUEUE] = 10 * MS;
      a.phase_ns[PHASE_UPLINK] = 3 * MS;
      a.phase_ns[PHASE_DOWNLINK] = 2 * MS;
      a.phase_ns[PHASE_SERVE] = id % 2 ? 100 * MS : 40 * MS;
      metrics_attempt(m, &a);
    }
  }
  for (uint64_t id = 5000; id-- > 0;) {
    struct request_record r = request(id, 0, S);
    r.klass = (uint16_t)(id % 2);
    if (id % 2) r.status = STATUS_BLOCKED;
    metrics_request(m, &r);
  }
  const struct metric_value *v;
  size_t n = metrics_finish(m, &summary, &v);
  assert_near(value(v, n, "queue_wait_mean_s", "", ""), .020, 1e-12);
  assert_near(value(v, n, "network_mean_s", "chat", ""), .010, 1e-12);
  assert_near(value(v, n, "service_mean_s", "", ""), .080, 1e-12);
  assert_true(isnan(value(v, n, "service_mean_s", "voice", "")));
  metrics_free(m);
}

/* Four requests: the choice, a fallback (its first try failed), a fallback and then its answer, the fallback of one that
 * failed all the same. Of the three completed 2/3 by a fallback, 1/3 with an answer. Without any: nothing is told. */
static void ladder(void **state)
{
  struct metrics *m = new_metrics();
  for (uint64_t id = 0; id < 4; id++) {
    for (int k = 0; k < (id ? 2 : 1); k++) {
      struct attempt_record a = {.request = id, .measured = 1, .attempt = (uint8_t)k, .fallback = (uint8_t)k,
                                 .status = id && !k ? STATUS_TIMEOUT : STATUS_COMPLETED};
      metrics_attempt(m, &a);
    }
    struct request_record r = request(id, 0, S);
    r.status = id == 3 ? STATUS_TIMEOUT : id == 2 ? STATUS_ANSWERED : STATUS_COMPLETED;
    metrics_request(m, &r);
  }
  const struct metric_value *v;
  size_t n = metrics_finish(m, &summary, &v);
  assert_near(value(v, n, "fallback_ratio", "", ""), 2 / 3., 1e-12);
  assert_near(value(v, n, "fallback_ratio", "chat", ""), 2 / 3., 1e-12);
  assert_near(value(v, n, "answered_ratio", "", ""), 1 / 3., 1e-12);
  metrics_free(m);
  m = new_metrics();
  struct request_record r = request(0, 0, S);
  metrics_request(m, &r);
  n = metrics_finish(m, &summary, &v);
  for (size_t i = 0; i < n; i++) assert_true(strcmp(v[i].metric, "fallback_ratio") && strcmp(v[i].metric, "answered_ratio"));
  metrics_free(m);
}

/* 11 tokens, the first after 0.5 s, the last after 2.5 s: TTFT 0.5 s, TPOT 2/10 s. */
static void tokens(void **state)
{
  struct metrics *m = new_metrics();
  struct request_record r = request(1, 4 * (int64_t)S, 2500 * (int64_t)MS);
  r.first_token_ns = 4500 * (int64_t)MS;
  r.tokens = 11;
  metrics_request(m, &r);
  r = request(2, 0, 0);
  r.status = STATUS_TIMEOUT;
  metrics_request(m, &r);
  const struct metric_value *v;
  size_t n = metrics_finish(m, &summary, &v);
  assert_near(value(v, n, "ttft_mean_s", "", ""), .5, 1e-12);
  assert_near(value(v, n, "tpot_mean_s", "", ""), .2, 1e-12);
  assert_true(isinf(value(v, n, "ttft_p99_s", "", "")));
  metrics_free(m);
}

/* Cohort of two at 3 and 1 J, one request before it; residual 12 J over three requests. */
static void ledgers(void **state)
{
  struct metrics *m = new_metrics();
  for (uint64_t i = 0; i < 3; i++) {
    struct request_record r = request(i, 0, S);
    r.measured = i > 0;
    r.energy_direct_j = i == 1 ? 3 : 1;
    r.energy_device_j = .5;
    r.cost_usd = .001;
    r.reward = -2;
    r.quality = .25 * (double)i;
    r.offloaded = i == 1;
    metrics_request(m, &r);
  }
  struct place_summary places[2] = {{.utilization = .25}, {.utilization = .75, .queue_wait_mean_s = .125}};
  struct link_summary links[2] = {{.in_flight_mean = .5, .bytes = 3e6, .cut_bytes = 2e3}, {.bytes = 7}};
  struct run_summary s = {.window_s = 10, .energy_total_j = 17, .energy_direct_j = 5, .cost_total_usd = .006,
                          .cost_direct_usd = .003, .zone_violations = 4, .n_places = 2, .place = places,
                          .link = links};
  const struct metric_value *v;
  size_t n = metrics_finish(m, &s, &v);
  assert_near(value(v, n, "energy_direct_j_per_request", "", ""), 2, 1e-12);
  assert_near(value(v, n, "energy_total_j_per_request", "", ""), 6, 1e-12);
  assert_near(value(v, n, "energy_device_j_per_request", "", ""), .5, 1e-12);
  assert_near(value(v, n, "cost_direct_usd_per_1k_requests", "", ""), 1, 1e-12);
  assert_near(value(v, n, "cost_total_usd_per_1k_requests", "", ""), 2, 1e-12);
  assert_near(value(v, n, "cost_objective", "", ""), 2, 1e-12);
  assert_near(value(v, n, "quality_mean", "", ""), .375, 1e-12);
  assert_near(value(v, n, "offload_ratio", "", ""), .5, 1e-12);
  assert_near(value(v, n, "zone_violations", "", ""), 4, 0);
  assert_near(value(v, n, "utilization", "", "edge"), .75, 0);
  assert_near(value(v, n, "queue_wait_mean_s", "", "edge"), .125, 0);
  assert_near(value(v, n, "link_in_flight_mean", "", "access"), .5, 0);
  assert_near(value(v, n, "link_bytes", "", "access"), 3e6, 0);
  assert_near(value(v, n, "link_cut_bytes", "", "access"), 2e3, 0);
  metrics_free(m);
}

/* Devices with mean latencies 1, 1, 4 s: Jain = 36 / (3 x 18) = 2/3; the worst of them: 4 s. */
static void fairness(void **state)
{
  struct metrics *m = new_metrics();
  const int64_t latency_s[] = {1, 1, 3, 5};
  const uint32_t device[] = {0, 17, 40, 40};
  for (uint64_t i = 0; i < 4; i++) {
    struct request_record r = request(i, 0, latency_s[i] * S);
    r.device = device[i];
    metrics_request(m, &r);
  }
  const struct metric_value *v;
  size_t n = metrics_finish(m, &summary, &v);
  assert_near(value(v, n, "jain", "", ""), 2.0 / 3, 1e-12);
  assert_near(value(v, n, "worst_decile_latency_s", "", ""), 4, 1e-12);
  metrics_free(m);
}

static void names_are_found(void **state)
{
  const char *const *names;
  size_t n = metric_names(&names);
  for (size_t i = 0; i < n; i++) assert_string_equal(metric_find(names[i])->name, names[i]);
  assert_null(metric_find("latency"));
  assert_int_equal(metric_find("latency_p95_s")->better, -1);
  assert_int_equal(metric_find("slo_attainment")->better, 1);
}

/* Not a test of speed, but of its order: far below a microsecond for a request with its attempt. */
static void cheap(void **state)
{
  struct metrics *m = new_metrics();
  enum { N = 1000000 };
  clock_t start = clock();
  for (uint64_t i = 0; i < N; i++) {
    struct attempt_record a = {.request = i, .measured = 1, .phase_ns = {0, 1, 2, 3}};
    struct request_record r = request(i, (int64_t)i, (int64_t)(i * 7919 % 1000) * MS);
    r.device = (uint32_t)(i * 31 % 2000);
    metrics_attempt(m, &a);
    metrics_request(m, &r);
  }
  double ns = (double)(clock() - start) / CLOCKS_PER_SEC * 1e9 / N;
  print_message("request with attempt: %.0f ns\n", ns);
  assert_true(ns < 1000);
  metrics_free(m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(quantiles_rank_failures_last), cmocka_unit_test(stretches),
    cmocka_unit_test(phases_follow_their_request),
    cmocka_unit_test(ladder), cmocka_unit_test(tokens), cmocka_unit_test(ledgers), cmocka_unit_test(fairness),
    cmocka_unit_test(names_are_found), cmocka_unit_test(cheap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
