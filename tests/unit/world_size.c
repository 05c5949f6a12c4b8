/* What can never end, or never begin, is refused at once, by world_new and, without a run, by world_check. */
#include "tests/unit/world_rig.h"

/* Both say no, with the same text and exit code 2; `text` NULL: both say yes. */
static void expect(struct rig *r, const char *text)
{
  const struct policy_def *policy = r->policy.policy ? &r->policy : NULL;
  struct run_setup setup = {.def = &r->def, .policy = policy, .seed = 1, .sink = keeping(r->kept)};
  for (int check = 0; check < 2; check++) {
    struct err err;
    char said[800] = "";
    err_init(&err);
    struct world *w = check ? NULL : world_new(&setup, &err);
    bool ok = check ? world_check(&r->def, policy, policy != NULL, &err) : w != NULL;
    FILE *f = fmemopen(said, sizeof said, "w");
    err_print(&err, f, false);
    fclose(f);
    assert_int_equal(ok, text == NULL);
    if (text && !strstr(said, text)) fail_msg("'%s' does not say '%s'", said, text);
    if (text) assert_int_equal(err.code, EXIT_USER);
    world_free(w);
    err_release(&err);
  }
}

static struct rig *poisson(double per_s, double duration_s)
{
  struct rig *r = rig_new();
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = per_s};
  r->def.horizon.duration_s = duration_s;
  return r;
}

static void test_requests(void **state)
{
  (void)state;
  struct rig *r = poisson(1000, 2e6);
  expect(r, "about 2e+09 requests");
  r->def.horizon.max_requests = 1000;
  expect(r, NULL);
  r->def.horizon.max_requests = 2000000000;
  r->def.horizon.duration_s = 1e8;
  expect(r, "about 2e+09 requests");
  r->def.horizon = (struct horizon_def){.kind = HORIZON_STEADY, .duration_s = 1, .warmup_s = 3e6, .max_requests = 10};
  expect(r, "about 3e+09 requests");                    /* the warm-up */
  rig_free(r);
}

/* 1 s at 10/s, then none, each 10 s: 1/s. On 1 s at 50/s, off 4 s: 10/s. States of 100/s for 1 s, 0/s for 3 s: 25/s. */
static void test_mean_rates(void **state)
{
  (void)state;
  static const double from[] = {0, 1}, rate[] = {10, 0}, states[] = {100, 0}, stay[] = {1, 3};
  struct arrivals_def kinds[] = {
    {.kind = ARRIVE_PIECEWISE, .n_pieces = 2, .piece_from_s = from, .piece_rate_per_s = rate, .piece_period_s = 10},
    {.kind = ARRIVE_ON_OFF, .on_s = always(1), .off_s = always(4), .on_rate_per_s = 50},
    {.kind = ARRIVE_MMPP, .n_states = 2, .state_rate_per_s = states, .state_mean_s = stay},
    {.kind = ARRIVE_RENEWAL, .interarrival_s = always(0.2)}};
  static const double mean[] = {1, 10, 25, 5};
  for (int i = 0; i < 4; i++) {
    struct rig *r = poisson(1, 0.99e9 / mean[i]);
    r->klass[0].arrivals = kinds[i];
    expect(r, NULL);
    r->def.horizon.duration_s = 1.01e9 / mean[i];
    expect(r, "about 1.01e+09 requests");
    rig_free(r);
  }
}

static void test_ticks(void **state)
{
  (void)state;
  struct rig *r = poisson(1, 1e5);
  r->def.sample_s = 0.0005;
  expect(r, "output.timeseries: every 0.0005 s in a run of 1e+05 s is 2e+08 times");
  r->def.sample_s = 0;
  r->def.telemetry.refresh_s = 0.0005;
  expect(r, NULL);                                      /* nobody asks for it */
  r->policy = (struct policy_def){.name = "p", .policy = "least_loaded", .at_place = NONE};
  expect(r, "telemetry.refresh: every 0.0005 s in a run of 1e+05 s is 2e+08 times");
  r->def.telemetry.ideal = true;
  expect(r, NULL);
  r->def.horizon = (struct horizon_def){.duration_s = 1e8, .max_requests = 100};
  r->def.telemetry = (struct telemetry_def){.refresh_s = 0.5};
  expect(r, NULL);                                      /* over after 100 s */
  r->def.horizon.duration_s = 1e-9;
  r->def.telemetry.refresh_s = 1e-11;
  expect(r, "1 ns or more apart");
  rig_free(r);
}

static void test_ticks_of_places(void **state)
{
  (void)state;
  struct rig *r = poisson(1, 1e5);
  struct instances_def come = {.max = 1, .by = SCALE_BY_QUEUE, .target = 1, .period_s = 0.0005};
  struct failures_def fail = {.mtbf_s = always(0.0004), .mttr_s = always(0.0001)};
  r->place[1].instances = &come;
  expect(r, "instances.scale.period: every 0.0005 s in a run of 1e+05 s is 2e+08 times");
  come.period_s = 2;
  expect(r, NULL);
  r->place[1].failures = &fail;
  expect(r, "failures: mtbf and mttr: every 0.0005 s in a run of 1e+05 s is 2e+08 times");
  fail.mtbf_s = always(1);
  expect(r, NULL);
  rig_free(r);
}

static void test_where_a_learner_lives(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->def.n_places = 4;                                  /* the fourth has no link */
  r->task[0].n_plans = 2;
  r->plan[0][1] = plan_at(1);
  r->policy = (struct policy_def){.name = "p", .policy = "ucb1", .at_place = 1};
  expect(r, NULL);
  r->policy.at_place = 3;
  expect(r, "no way from 'phone' to 'api', where it is to live");
  r->policy.at_place = 2;
  r->klass[0].zones = 1 | 2;
  expect(r, "into zone 'public', which the class does not allow");
  r->policy.policy = NULL;
  expect(r, "there is no policy to choose");
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_requests), cmocka_unit_test(test_mean_rates), cmocka_unit_test(test_ticks),
    cmocka_unit_test(test_ticks_of_places),
    cmocka_unit_test(test_where_a_learner_lives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
