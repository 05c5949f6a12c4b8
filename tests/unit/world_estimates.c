/* What a decision may know: of places by telemetry only, of the future as an oracle. */
#include "tests/unit/world_rig.h"

/* The edge without a way, or the cloud, `way_s` there and back; a policy by estimated latency. */
static struct rig *edge_or_cloud(const char *policy, double service_s, double way_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, service_s, plan_at(1));
  r->task[0].n_plans = 2;
  r->plan[0][1] = plan_at(2);
  r->link[1].latency_s = always(way_s / 2);
  r->policy = (struct policy_def){.name = "p", .policy = policy, .at_place = NONE};
  r->def.objective.latency_per_s = -1;
  return r;
}

/* First tokens of an API after 1 s in the mean: the oracle takes it when less than the other way's 1 s comes. */
static void test_an_oracle_knows_the_api(void **state)
{
  (void)state;
  struct rig *r = edge_or_cloud("clairvoyant", 0, 1);
  r->place[1].kind = PLACE_API;
  r->place[1].ttft_s = drawn("exponential", 1, NAN);
  r->def.horizon.duration_s = 2000;
  r->task[0].n_plans = 1;
  rig_run(r);
  int n = r->kept->attempts, there = 0;
  assert_true(n > 190);
  bool *sooner = calloc((size_t)n, sizeof *sooner);
  for (int i = 0; i < n; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    sooner[a->request] = a->ended_ns - a->started_ns < ms(1000);
  }
  r->task[0].n_plans = 2;
  rig_run(r);
  assert_int_equal(r->kept->attempts, n);
  for (int i = 0; i < n; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    assert_int_equal(a->place, sooner[a->request] ? 1 : 2);
    there += a->place == 1;
  }
  assert_true(there > 100 && there < 150);              /* 1 - 1/e of them */
  free(sooner);
  rig_free(r);
}

/* Reports each 10 s. Jobs of 1 s at 8, 16, 24 s choose between the edge and 2.1 s of way; jobs of 5 s come to the edge
 * at 9, 18 s. At 16 s the report of 10 s counts: one job, mean 1 s, so 2 s against 3.1, though the mean is 3 s by now. At
 * 24 s that of 20 s: one job, mean 7/3 s, 3.33 s against 3.1. */
static void test_mean_service_comes_with_reports(void **state)
{
  (void)state;
  static const int place[] = {1, 1, 2};
  struct rig *r = edge_or_cloud("latency_greedy", 1, 2.1);
  r->klass[0].arrivals.interarrival_s = always(8);
  r->klass[1] = r->klass[0];
  r->klass[1].name = "other";
  r->klass[1].task = &r->task[1];
  r->klass[1].arrivals.interarrival_s = always(9);
  rig_task(r, 1, 0, 5, plan_at(1));
  r->def.n_classes = 2;
  r->def.telemetry = (struct telemetry_def){.refresh_s = 10};
  r->def.horizon.duration_s = 25;
  rig_run(r);
  int seen = 0;
  for (int i = 0; i < r->kept->attempts; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    if (a->klass != 0 || a->started_ns > ms(25000)) continue;
    assert_int_equal(a->place, place[a->started_ns / ms(8000) - 1]);
    seen++;
  }
  assert_int_equal(seen, 3);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_an_oracle_knows_the_api), cmocka_unit_test(test_mean_service_comes_with_reports),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
