/* `timeout: {queue: ...}`: who waits too long for its service gives up. Numbers worked out by hand. */
#include "tests/unit/world_rig.h"

/* One server, 12 s of service, requests at 7, 14 (and 21, behind the horizon): the second could begin at 19. */
static struct rig *two_requests(double patience_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 12, plan_at(1));
  r->task[0].patience_s = always(patience_s);
  r->klass[0].arrivals.interarrival_s = always(7);
  r->def.horizon.duration_s = 18;
  return r;
}

static const struct attempt_record *attempt_of_request(const struct rig *r, uint64_t id)
{
  for (int i = 0; i < r->kept->attempts; i++)
    if (r->kept->attempt[i].request == id) return &r->kept->attempt[i];
  fail_msg("no attempt of request %llu", (unsigned long long)id);
  return NULL;
}

static void test_gives_up(void **state)
{
  struct rig *r = two_requests(3);
  (void)state;
  rig_run(r);
  const struct attempt_record *first = attempt_of_request(r, 0), *second = attempt_of_request(r, 1);
  assert_int_equal(first->status, STATUS_COMPLETED);
  assert_int_equal(first->ended_ns, ms(19000));         /* its patience ended at 10, in service */
  assert_int_equal(second->status, STATUS_TIMEOUT);
  assert_int_equal(second->ended_ns, ms(17000));
  assert_int_equal(second->phase_ns[PHASE_QUEUE], ms(3000));
  assert_int_equal(second->phase_ns[PHASE_SERVE], 0);
  assert_true(fabs(r->summary.place[1].queue_wait_mean_s - 1.5) < 1e-9);        /* over both: 0 and 3 s */
  rig_free(r);
}

static void test_patient_enough(void **state)
{
  struct rig *r = two_requests(6);
  (void)state;
  rig_run(r);
  assert_int_equal(attempt_of_request(r, 1)->status, STATUS_COMPLETED);
  assert_int_equal(attempt_of_request(r, 1)->ended_ns, ms(31000));
  rig_free(r);
}

/* Begun at 19, patience over at 20, whole timeout of 14 s at 28. One of 2 s: the first at 9, the second, at once in
 * service, at 16. */
static void test_other_limits_stay(void **state)
{
  struct rig *r = two_requests(6);
  (void)state;
  r->task[0].timeout_s = 14;
  rig_run(r);
  assert_int_equal(attempt_of_request(r, 0)->ended_ns, ms(19000));
  assert_int_equal(attempt_of_request(r, 1)->status, STATUS_TIMEOUT);
  assert_int_equal(attempt_of_request(r, 1)->ended_ns, ms(28000));
  r->task[0].timeout_s = 2;
  rig_run(r);
  assert_int_equal(attempt_of_request(r, 0)->ended_ns, ms(9000));
  assert_int_equal(attempt_of_request(r, 1)->ended_ns, ms(16000));
  rig_free(r);
}

/* Under processor sharing nobody waits. The first has 5 s left at 14 (of two), 1.5 s at 21 (of three): it ends at 25.5. */
static void test_nobody_waits(void **state)
{
  struct rig *r = two_requests(1);
  (void)state;
  r->place[1].discipline = PROCESSOR_SHARING;
  rig_run(r);
  assert_int_equal(attempt_of_request(r, 0)->ended_ns, ms(25500));
  assert_int_equal(attempt_of_request(r, 1)->status, STATUS_COMPLETED);
  rig_free(r);
}

/* The same request has the same patience whatever the place: another service time changes nothing. */
static void test_common_numbers(void **state)
{
  struct rig *r = two_requests(1);
  int64_t given_up[2];
  (void)state;
  for (int slow = 0; slow < 2; slow++) {
    rig_task(r, 0, 0, slow ? 1000 : 500, plan_at(1));
    r->task[0].patience_s = drawn("exponential", 1, NAN);
    rig_run(r);
    assert_int_equal(attempt_of_request(r, 1)->status, STATUS_TIMEOUT);
    given_up[slow] = attempt_of_request(r, 1)->ended_ns;
  }
  assert_int_equal(given_up[0], given_up[1]);
  assert_true(given_up[0] > ms(14000));
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_gives_up), cmocka_unit_test(test_patient_enough), cmocka_unit_test(test_other_limits_stay),
    cmocka_unit_test(test_nobody_waits), cmocka_unit_test(test_common_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
