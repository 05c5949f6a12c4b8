/* world_async.c: tasks that the user does not wait for. Times are by hand: an answer after 1 s, 3 s of work behind it. */
#include "tests/unit/world_rig.h"

enum { S = 1000000000 };

static struct rig *rig_async(double behind_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_origin());
  rig_task(r, 1, 1, behind_s, plan_at(1));
  r->task[1].asynchronous = true;
  r->task[0].unawaited = 2;
  r->klass[0].n_tasks = 2;
  r->klass[0].unawaited = 2;
  r->place[1].tariff.usd_per_s = 0.5;
  return r;
}

static void latency_is_the_answer_and_cost_the_whole(void **state)
{
  (void)state;
  struct rig *r = rig_async(3);
  rig_run(r);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->status, STATUS_COMPLETED);
  assert_int_equal(q->completed_ns - q->arrived_ns, S);
  assert_int_equal(rig_attempt(r, 1)->started_ns, q->completed_ns);
  assert_int_equal(rig_attempt(r, 1)->phase_ns[PHASE_SERVE], 3 * (int64_t)S);
  assert_true(fabs(q->cost_usd - 1.5) < 1e-12);
  assert_int_equal(r->summary.completed, r->kept->requests);
  rig_free(r);
}

static void its_failure_is_not_the_requests(void **state)
{
  (void)state;
  struct rig *r = rig_async(3);
  rig_task(r, 2, 2, 1, plan_at(1));                     /* comes after it, and is never done */
  r->task[2].asynchronous = true;
  r->task[1].unawaited = 4;
  r->task[1].timeout_s = 2;
  r->klass[0].n_tasks = 3;
  r->klass[0].unawaited = 6;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  assert_int_equal(r->kept->request[0].completed_ns - r->kept->request[0].arrived_ns, S);
  assert_int_equal(rig_attempt(r, 1)->status, STATUS_TIMEOUT);
  assert_null(rig_attempt(r, 2));
  assert_true(fabs(r->kept->request[0].cost_usd - 1) < 1e-12);
  assert_int_equal(r->summary.failed, 0);
  rig_free(r);
}

static void a_failed_request_calls_it_off(void **state)
{
  (void)state;
  struct rig *r = rig_async(3);
  rig_task(r, 2, 1, 2, plan_origin());
  r->task[2].timeout_s = 1.5;
  r->klass[0].n_tasks = 3;
  rig_run(r);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->status, STATUS_TIMEOUT);
  assert_int_equal(q->completed_ns - q->arrived_ns, 5 * (int64_t)S / 2);
  assert_int_equal(rig_attempt(r, 1)->status, STATUS_CANCELLED);
  assert_int_equal(rig_attempt(r, 1)->phase_ns[PHASE_SERVE], 3 * (int64_t)S / 2);
  rig_free(r);
}

/* 1 s of service, 1 s of thought: 30 requests in a minute, though each works on for 20 s. */
static void users_go_on(void **state)
{
  (void)state;
  struct rig *r = rig_async(20);
  r->place[1].servers = 1000;
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 1, .think_s = always(1)};
  r->def.horizon.duration_s = 60.5;
  r->def.horizon.drain_max_s = 100;
  rig_run(r);
  assert_in_range(r->summary.requests, 30, 31);         /* of the cohort: users go on until its work is over */
  for (int i = 0; i < r->kept->requests; i++)
    if (r->kept->request[i].measured)
      assert_int_equal(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns, S);
  rig_free(r);
}

static void cut_by_the_end_it_is_answered(void **state)
{
  (void)state;
  struct rig *r = rig_async(1000);
  r->def.horizon.drain_max_s = 5;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  assert_int_equal(r->kept->request[0].completed_ns - r->kept->request[0].arrived_ns, S);
  assert_int_equal(rig_attempt(r, 1)->status, STATUS_CENSORED);
  assert_int_equal(r->summary.censored, 0);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(latency_is_the_answer_and_cost_the_whole), cmocka_unit_test(its_failure_is_not_the_requests),
    cmocka_unit_test(a_failed_request_calls_it_off), cmocka_unit_test(users_go_on),
    cmocka_unit_test(cut_by_the_end_it_is_answered)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
