/* world_ladder: the fallback ladder: time-out -> smaller local model -> documents only, with a policy's list and with the
 * scenario's; shares of requests that end at each step against the closed form of a time-out on a known distribution.
 *
 * Service at the edge lognormal(m, s), time-out T: a share p1 = 1 - Phi((ln T - m) / s) is late; of those the device, with
 * its own exponential service of mean 1/r, is late with p2 = exp(-r T). Shares: 1 - p1, p1 (1 - p2), p1 p2 of documents.
 * Each within 4 standard errors: a false alarm once in 16000 a comparison. The seed is fixed: it passes always or never.
 * The same for the first token of an API whose TTFT is lognormal.
 */
#include "tests/unit/world_rig.h"

#define near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static double normal_cdf(double z) { return 0.5 * erfc(-z / sqrt(2)); }

enum { N = 4000 };
static const double MEDIAN = 0.8, SIGMA = 0.6, LOCAL_MEAN = 0.7, TIMEOUT = 1.2;

/* Places without queues: a request every 10 s, work of at most a time-out. Variant 0 large, 1 small; documents 0.4. */
static struct rig *ladder(void)
{
  static const int variants[] = {0, 1};
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(1));
  r->def.horizon.duration_s = 10 * N + 5;
  r->variant[0] = (struct variant_def){.name = "large", .skill = 1, .top = 0.9};
  r->variant[1] = (struct variant_def){.name = "small", .skill = 1, .top = 0.6};
  r->def.n_variants = 2;
  r->task[0].n_variants = 2;
  r->task[0].variant = variants;
  r->work[0][0].time_s = drawn("lognormal", MEDIAN, SIGMA);
  r->work[0][1] = (struct work_def){.kind = WORK_TIME, .time_s = drawn("exponential", LOCAL_MEAN, NAN)};
  r->task[0].timeout_s = TIMEOUT;
  r->fallback[0] = (struct fallback_def){.plan = {WORD_ORIGIN, NONE, 0, 1, "origin", 0}};
  r->fallback[1] = (struct fallback_def){.answers = true, .answer = "documents", .quality = 0.4};
  r->task[0].fallback = r->fallback;
  r->task[0].n_fallbacks = 2;
  return r;
}

/* Of all requests, those whose answer has this quality. */
static double share(const struct rig *r, double quality)
{
  int n = 0;
  for (int i = 0; i < r->kept->requests; i++) n += fabs(r->kept->request[i].quality - quality) < 1e-9;
  return (double)n / r->kept->requests;
}

static bool within(double seen, double p, double n, double errors)
{
  print_message("%.4f, expected %.4f, %.2f standard errors\n", seen, p, (seen - p) / sqrt(p * (1 - p) / n));
  return fabs(seen - p) <= errors * sqrt(p * (1 - p) / n);
}

static double late_at_edge(double timeout_s) { return 1 - normal_cdf(log(timeout_s / MEDIAN) / SIGMA); }

static void assert_shares(const struct rig *r)
{
  double p1 = late_at_edge(TIMEOUT), p2 = exp(-TIMEOUT / LOCAL_MEAN);
  assert_int_equal(r->kept->requests, N);
  assert_true(within(share(r, 0.9), 1 - p1, N, 4));
  assert_true(within(share(r, 0.6), p1 * (1 - p2), N, 4));
  assert_true(within(share(r, 0.4), p1 * p2, N, 4));
}

static void test_the_scenarios_ladder(void **state)
{
  (void)state;
  struct rig *r = ladder();
  rig_run(r);
  assert_shares(r);
  rig_free(r);
}

/* nearest_first: edge, then the own device; then the answer that the scenario's list ends with. */
static void test_a_policys_ladder(void **state)
{
  (void)state;
  struct rig *r = ladder();
  r->plan[0][0] = (struct plan_def){WORD_ORIGIN, NONE, 0, 1, "origin", 0};
  r->plan[0][1] = (struct plan_def){WORD_PLACE, 1, 0, 0, "edge", 0};
  r->task[0].n_plans = 2;
  r->fallback[0] = r->fallback[1];                      /* no place in the scenario's list */
  r->task[0].n_fallbacks = 1;
  r->policy = (struct policy_def){.name = "p", .policy = "nearest_first", .at_place = NONE};
  rig_run(r);
  assert_shares(r);
  for (int i = 0; i < r->kept->decisions; i++) {
    assert_int_equal(r->kept->decision[i].n_fallbacks, 1);
    assert_int_equal(r->kept->decision[i].fallback[0], 0);
  }
  rig_free(r);
}

/* The planted fault: time-outs 15 % later than they should be are seen. */
static void test_a_late_timeout_would_be_seen(void **state)
{
  (void)state;
  struct rig *r = ladder();
  r->task[0].timeout_s = 1.15 * TIMEOUT;
  rig_run(r);
  assert_false(within(share(r, 0.9), 1 - late_at_edge(TIMEOUT), N, 4));
  rig_free(r);
}

/* Everybody who is late at the edge waits for the time-out first: E2E is at least T there, T + own service on the device. */
static void test_lateness_is_paid(void **state)
{
  (void)state;
  struct rig *r = ladder();
  rig_run(r);
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *q = &r->kept->request[i];
    double s = 1e-9 * (double)(q->completed_ns - q->arrived_ns);
    if (q->quality > 0.8) assert_true(s <= TIMEOUT);
    else if (q->quality > 0.5) assert_true(s > TIMEOUT && s <= 2 * TIMEOUT);
    else near(s, 2 * TIMEOUT, 1e-9);
  }
  rig_free(r);
}

/* The first token of an API comes after a lognormal time and a way of 20 ms there and 20 ms back: late with
 * 1 - Phi((ln(T - 0.04) - m) / s). The token after it would be long after the time-out, which asks for the first one. */
static void test_first_tokens(void **state)
{
  (void)state;
  const double way_s = 0.02;
  struct rig *r = ladder();
  r->place[1].kind = PLACE_API;
  r->place[1].ttft_s = drawn("lognormal", MEDIAN, SIGMA);
  r->place[1].tpot_s = 1;
  r->link[0].latency_s = always(way_s);
  r->task[0].stream = true;
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(100), .tok_out = amount(4)};
  r->task[0].timeout_s = 0;
  r->task[0].timeout_first_s = TIMEOUT;
  rig_run(r);
  double p1 = late_at_edge(TIMEOUT - 2 * way_s);
  assert_true(within(share(r, 0.9), 1 - p1, N, 4));
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *q = &r->kept->request[i];
    if (q->quality > 0.8) assert_true(q->first_token_ns - q->arrived_ns <= ms(1e3 * TIMEOUT));
  }
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_scenarios_ladder), cmocka_unit_test(test_a_policys_ladder),
    cmocka_unit_test(test_a_late_timeout_would_be_seen), cmocka_unit_test(test_lateness_is_paid),
    cmocka_unit_test(test_first_tokens)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
