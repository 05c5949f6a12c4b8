/* Joint decisions and periodic control in whole runs, against hand computation. */
#include "models/instances.h"
#include "tests/unit/world_rig.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

static char *batcher(void)
{
  static char path[PATH_MAX];
  char self[PATH_MAX / 2] = {0};
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  snprintf(path, sizeof path, "%s/../planted/batcher.so", dirname(self));
  return path;
}

/* Requests at 10, 20 ... s, 1 s of service on the phone, the edge or in the cloud. */
static struct rig *three_ways(const char *policy, double joint_s, double duration_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_origin());
  r->plan[0][1] = plan_at(1);
  r->plan[0][2] = plan_at(2);
  r->task[0].n_plans = 3;
  r->policy = (struct policy_def){.name = "p", .policy = policy, .at_place = NONE, .joint_s = joint_s};
  r->def.horizon.duration_s = duration_s;
  r->def.horizon.drain_max_s = 1000;
  return r;
}

static void assert_decision(const struct rig *r, int request, int action, double waited_s)
{
  for (int i = 0; i < r->kept->decisions; i++)
    if (r->kept->decision[i].request == (uint64_t)request) assert_int_equal(r->kept->decision[i].action, action);
  for (int i = 0; i < r->kept->attempts; i++)
    if (r->kept->attempt[i].request == (uint64_t)request)
      assert_int_equal(r->kept->attempt[i].phase_ns[PHASE_DECIDE], (int64_t)(1e9 * waited_s));
}

/* A window of 25 s: the request of 10 s opens it, those of 20 and 30 join; the next one opens at 40. */
static void a_window_collects_what_comes(void **state)
{
  (void)state;
  const char *const policies[] = {batcher(), "round_robin"};
  for (int k = 0; k < 2; k++) {
    struct rig *r = three_ways(policies[k], 25, 65);
    rig_run(r);
    assert_int_equal(r->kept->decisions, 6);
    uint64_t first = r->kept->request[0].request;
    for (int i = 0; i < 6; i++) assert_decision(r, (int)first + i, i % 3, 25 - 10 * (i % 3));
    rig_free(r);
  }
}

/* At most two: the second one ends the wait. */
static void a_full_group_waits_no_longer(void **state)
{
  (void)state;
  struct rig *r = three_ways(batcher(), 25, 45);
  r->policy.joint_max = 2;
  rig_run(r);
  uint64_t first = r->kept->request[0].request;
  for (int i = 0; i < 4; i++) assert_decision(r, (int)first + i, i % 2, i % 2 ? 0 : 10);
  rig_free(r);
}

/* Time-outs of 12 s: of 10, 20, 30 only the last one is left when the window closes at 35. */
static void who_gives_up_is_not_asked_for(void **state)
{
  (void)state;
  struct rig *r = three_ways(batcher(), 25, 35);
  r->task[0].timeout_s = 12;
  rig_run(r);
  assert_int_equal(r->kept->decisions, 1);
  assert_int_equal(r->kept->attempts, 3);
  assert_int_equal(r->kept->decision[0].action, 0);
  assert_decision(r, (int)r->kept->decision[0].request, 0, 5);
  int late = 0;
  for (int i = 0; i < 3; i++) late += r->kept->attempt[i].status == STATUS_TIMEOUT;
  assert_int_equal(late, 2);
  rig_free(r);
}

/* Two tasks become ready when the first is done: the batch is both, without a window and without a wait. */
static void tasks_of_one_request_are_decided_together(void **state)
{
  (void)state;
  struct rig *r = three_ways(batcher(), 0, 15);
  rig_task(r, 0, 0, 1, plan_origin());
  for (int i = 1; i < 3; i++) {
    rig_task(r, i, 1, 1, plan_origin());
    r->plan[i][1] = plan_at(1);
    r->plan[i][2] = plan_at(2);
    r->task[i].n_plans = 3;
  }
  r->klass[0].n_tasks = 3;
  rig_run(r);
  assert_int_equal(r->kept->decisions, 2 * r->kept->requests);
  for (int i = 0; i < r->kept->decisions; i++) {
    const struct decision_record *d = &r->kept->decision[i];
    assert_int_equal(d->action, d->task - 1);
  }
  rig_free(r);
}

/* ---- control ----------------------------------------------------------------------------------------------------- */

/* Four servers at the edge, a start of 3 s, 25 s of service, requests at 10, 20, 30; a tick each second wants an instance
 * a job. The first finds none and starts one at once: served 13 to 38. The others are seen by the ticks of 21 and 31:
 * served 24 to 49 and 34 to 59, when the run ends. Each of these instances lives 28 s: it goes with the tick at which its
 * job is gone. Two more requests come before the end: started at 41 and 51, they live 18 and 8 s. */
static void instances_follow_the_jobs_by_tick(void **state)
{
  (void)state;
  static struct cold_step_def step;
  static struct cold_start_def start = {1, &step};
  static struct instances_def come;
  struct rig *r = three_ways("scaler", 0, 35);
  step = (struct cold_step_def){.name = "start", .time_s = always(3)};
  come = (struct instances_def){.max = 4, .cold_start = &start, .keep_s = 100};
  rig_task(r, 0, 0, 25, plan_at(1));
  r->place[1].instances = &come;
  r->place[1].servers = 4;
  r->policy.tick_s = 1;
  rig_run(r);
  static const double latency[] = {28, 29, 29};
  for (int i = 0; i < 3; i++)
    assert_int_equal(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns, (int64_t)(1e9 * latency[i]));
  assert_int_equal(r->summary.place[1].cold_starts, 5);
  assert_true(fabs(r->summary.place[1].instance_s - 110) < 1e-6);
  rig_free(r);
}

/* A quarter is let in. 4 standard errors: false alarm 6e-5. */
static void admission_by_tick_sheds_the_rest(void **state)
{
  (void)state;
  struct rig *r = three_ways(batcher(), 0, 0);
  r->plan[0][0] = plan_at(1);
  r->task[0].n_plans = 1;
  r->policy.tick_s = 5;
  r->klass[0].arrivals.interarrival_s = always(6);
  r->def.horizon.duration_s = 12000;
  rig_run(r);
  int shed = 0, n = r->kept->attempts;
  for (int i = 0; i < n; i++) shed += r->kept->attempt[i].status == STATUS_REJECTED;
  assert_true(n >= 1900);
  assert_true(fabs(shed - 0.75 * n) <= 4 * sqrt(n * 0.75 * 0.25));
  rig_free(r);
}

static void what_may_not_be_set_fails_the_run(void **state)
{
  (void)state;
  struct rig *r = three_ways(batcher(), 0, 35);
  const struct policy_parameter admit = {.name = "admit", .value = 1.5};
  struct err err;
  err_init(&err);
  r->policy.tick_s = 1;
  r->policy.n_parameters = 1;
  r->policy.parameter = &admit;
  struct run_setup setup = {.def = &r->def, .policy = &r->policy, .seed = 1, .sink = keeping(r->kept)};
  struct world *w = world_new(&setup, &err);
  assert_non_null(w);
  assert_false(world_run(w, &r->summary, &err));
  assert_int_equal(err.code, EXIT_PLUGIN);
  assert_non_null(strstr(err.problems[0].message, "1.5 let in"));
  world_free(w);
  err_release(&err);
  r->policy.policy = "ucb1";
  r->policy.n_parameters = 0;
  assert_null(world_new(&setup, &err));
  assert_non_null(strstr(err.problems[0].message, "has no 'tick'"));
  err_release(&err);
  r->summary.place = NULL;                              /* it was the world's */
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_window_collects_what_comes), cmocka_unit_test(a_full_group_waits_no_longer),
    cmocka_unit_test(who_gives_up_is_not_asked_for), cmocka_unit_test(tasks_of_one_request_are_decided_together),
    cmocka_unit_test(instances_follow_the_jobs_by_tick), cmocka_unit_test(admission_by_tick_sheds_the_rest),
    cmocka_unit_test(what_may_not_be_set_fails_the_run)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
