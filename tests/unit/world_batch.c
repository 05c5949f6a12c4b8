/* Batches in whole runs: phases, batch numbers, energy, refusals, censoring. */
#include "tests/unit/world_rig.h"

static void near(double a, double b)
{
  if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

/* Requests every second, at the edge: pairs, 1 s + 0.5 s a member, 10 J + 5 J a member. */
static struct rig *pairs(struct batching_def *d)
{
  struct rig *r = rig_new();
  *d = (struct batching_def){.kind = BATCH_FIXED, .size = 2, .time_of = BATCH_CURVE, .time_s = {.a = 1, .c = 0.5},
                             .has_energy = true, .energy_j = {.a = 10, .c = 5}};
  r->place[1].batching = d;
  r->place[1].idle_w = 3;
  r->place[1].busy_w = 1000;                            /* has no say: the batch's energy is given */
  r->klass[0].arrivals.interarrival_s = always(1);
  rig_task(r, 0, 0, 7, plan_at(1));
  return r;
}

static void phases_and_energy(void **state)
{
  (void)state;
  struct batching_def d;
  struct rig *r = pairs(&d);
  r->def.horizon.max_requests = 4;
  rig_run(r);
  assert_true(r->kept->attempts >= 4);
  for (int i = 0; i < 4; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    assert_int_equal(a->status, STATUS_COMPLETED);
    assert_int_equal(a->batch, 1 + i / 2);
    assert_int_equal(a->phase_ns[PHASE_SERVE], ms(2000));
    assert_int_equal(a->phase_ns[PHASE_BATCH], i == 0 ? ms(1000) : 0);  /* the second pair waits for the instance */
    assert_int_equal(a->phase_ns[PHASE_QUEUE], i == 2 ? ms(1000) : 0);
    near(a->energy_server_j, 10);
  }
  near(r->summary.place[1].batch_size_mean, 2);
  near(r->summary.place[1].energy_j - r->summary.place[1].energy_direct_j, 3 * r->summary.run_s);
  rig_free(r);
}

static void refused_and_blocked(void **state)
{
  (void)state;
  struct batching_def d;
  struct rig *r = pairs(&d);
  r->klass[0].arrivals.interarrival_s = always(0.25);   /* at 0.25, 0.5, ...: one at a time, 1.5 s each */
  r->def.horizon.max_requests = 4;
  d.kind = BATCH_DYNAMIC;
  d.size = 1;
  d.timeout_s = 0.9;
  d.max_queue_size = 2;
  rig_run(r);
  int n[N_STATUS] = {0};
  for (int i = 0; i < r->kept->attempts; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    if (!a->measured) continue;
    n[a->status]++;
    if (a->status == STATUS_REJECTED) assert_int_equal(a->phase_ns[PHASE_QUEUE], ms(900));
    if (a->status == STATUS_REJECTED) assert_int_equal(a->batch, 0);
  }
  assert_int_equal(n[STATUS_COMPLETED], 1);
  assert_int_equal(n[STATUS_REJECTED], 2);              /* asked at 0.5 and 0.75, waited for 0.9 s */
  assert_int_equal(n[STATUS_BLOCKED], 1);               /* at 1 two were waiting */
  rig_free(r);
}

/* A batch that never fills hangs nobody: the horizon ends it, and a task's timeout before. */
static void never_full(void **state)
{
  (void)state;
  struct batching_def d;
  struct rig *r = pairs(&d);
  d.size = 1000;
  r->def.horizon.duration_s = 3;
  r->def.horizon.drain_max_s = 5;
  rig_run(r);
  assert_true(r->summary.requests >= 3);
  assert_int_equal(r->summary.censored, r->summary.requests);
  r->task[0].timeout_s = 2;
  rig_run(r);
  assert_int_equal(r->summary.censored, 0);
  assert_int_equal(r->kept->attempt[0].status, STATUS_TIMEOUT);
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_BATCH], ms(2000));
  near(r->summary.place[1].energy_direct_j, 0);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(phases_and_energy), cmocka_unit_test(refused_and_blocked),
                                     cmocka_unit_test(never_full)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
