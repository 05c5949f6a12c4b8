/* Life around a decision: retries, copies, cascades, breakers, health checks, shedding, each against numbers by hand. */
#include "models/guards.h"
#include "tests/unit/world_rig.h"

#include "tests/unit/built.h"

#define near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static const uint32_t ANY_FAILURE = 1u << STATUS_TIMEOUT | 1u << STATUS_LOST | 1u << STATUS_REJECTED | 1u << STATUS_BLOCKED;

/* A request a second to the edge; by chance turned away there. */
static struct rig *refusing(double probability, const struct life_def *life)
{
  static struct shed_def shed;
  static const struct guard_def guard = {.shed = &shed};
  struct rig *r = rig_new();
  shed.probability = probability;
  rig_task(r, 0, 0, 0.001, plan_at(1));
  r->task[0].life = life;
  r->place[1].guard = &guard;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = 1000.5;
  return r;
}

/* p = 0.5, 3 attempts: success 1 - p^3 = 0.875, mean attempts 1.75; 1000 requests, 5 standard errors (6e-7 each). */
static void test_retry_succeeds_as_often_as_it_must(void **state)
{
  (void)state;
  static const struct retry_def retry = {3, ANY_FAILURE, 0.1, 2, 10, -1, 10, false};
  static const struct life_def life = {.retry = &retry};
  struct rig *r = refusing(0.5, &life);
  rig_run(r);
  near((double)r->summary.completed / 1000, 0.875, 5 * sqrt(0.875 * 0.125 / 1000));
  near(r->kept->attempts / 1000.0, 1.75, 5 * sqrt(0.6875 / 1000));
  for (int i = 0; i < r->kept->requests; i++) {          /* waits 0.1 and 0.2 s, by the number of tries */
    const struct request_record *q = &r->kept->request[i];
    static const double waited_s[] = {0, 0, 0.1, 0.3};
    double service_s = q->status == STATUS_COMPLETED ? 0.001 : 0;
    near(q->completed_ns - q->arrived_ns, 1e9 * (waited_s[q->n_attempts] + service_s), 1);
  }
  rig_free(r);
}

/* All fail: waits with full jitter are uniform in (0, 0.1): mean 0.05, 5 standard errors of 1000. */
static void test_jitter_is_full(void **state)
{
  (void)state;
  static const struct retry_def retry = {2, ANY_FAILURE, 0.1, 2, 10, -1, 10, true};
  static const struct life_def life = {.retry = &retry};
  struct rig *r = refusing(1, &life);
  double sum = 0;
  rig_run(r);
  for (int i = 0; i < r->kept->requests; i++) {
    double wait_s = 1e-9 * (double)(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns);
    assert_true(wait_s >= 0 && wait_s <= 0.1);
    sum += wait_s;
  }
  assert_int_equal(r->kept->attempts, 2000);
  near(sum / 1000, 0.05, 5 * 0.1 / sqrt(12 * 1000.0));
  rig_free(r);
}

/* All fail, budget 20 %, burst 5: exactly 5 + 0.2 x 1000 retries, less what the full bucket could not take. */
static void test_budget_caps_the_load(void **state)
{
  (void)state;
  static const struct retry_def retry = {10, ANY_FAILURE, 0, 1, 0, 0.2, 5, false};
  static const struct life_def life = {.retry = &retry};
  struct rig *r = refusing(1, &life);
  int retries = 0;
  rig_run(r);
  for (int i = 0; i < r->kept->attempts; i++) retries += (r->kept->attempt[i].role & ROLE_RETRY) != 0;
  assert_int_equal(r->kept->attempts - retries, 1000);
  near(retries, 205, 1);
  rig_free(r);
}

/* Edge 1 s, cloud 0.2 s; a copy to the cloud after 0.3 s: it wins at 0.5 s, the first is cut after 0.5 s of service. */
static void test_copy_wins(void **state)
{
  (void)state;
  static const struct hedge_def hedge = {.after_s = 0.3, .has_plan = true, .plan = {WORD_PLACE, 2, 0, 0, "cloud"}};
  static const struct life_def life = {.hedge = &hedge};
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 0, plan_at(1));
  r->task[0].life = &life;
  r->work[0][0] = (struct work_def){.kind = WORK_ROOFLINE, .flop = amount(1e12), .bytes = amount(0)};
  static const int slow[] = {0}, fast[] = {1};
  r->hardware[0] = (struct hardware_def){.name = "slow", .flop_per_s = 1e12, .busy_w = 10};
  r->hardware[1] = (struct hardware_def){.name = "fast", .flop_per_s = 5e12, .busy_w = 100};
  r->place[1].n_hardware = r->place[2].n_hardware = 1;
  r->place[1].hardware = slow;
  r->place[2].hardware = fast;
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_int_equal(r->kept->attempts, 2);               /* settled in this order: the winner, then who is cut */
  assert_int_equal(a[0].status, STATUS_COMPLETED);
  assert_int_equal(a[0].role, ROLE_HEDGE);
  assert_int_equal(a[0].place, 2);
  assert_int_equal(a[0].ended_ns - a[1].started_ns, ms(500));
  assert_int_equal(a[1].status, STATUS_CANCELLED);
  near(a[1].energy_server_j, 5, 1e-9);
  near(a[0].energy_server_j, 20, 1e-9);
  assert_int_equal(r->kept->request[0].completed_ns - r->kept->request[0].arrived_ns, ms(500));
  near(r->kept->request[0].energy_direct_j, 25, 1e-9);
  rig_free(r);
}

/* Two queues, 60 % load without copies, exponential service: seconds of service of copies that gave no answer, as a
 * share. Untied, with a copy at once, both run until the first is done: about half of it is in vain. Tied, only what
 * begins within the message's way. */
static double wasted_share(bool tied, double way_s)
{
  static struct hedge_def hedge;
  static const struct life_def life = {.hedge = &hedge};
  struct rig *r = rig_new();
  hedge = (struct hedge_def){.after_s = 0.002, .has_plan = true, .tied = tied, .plan = {WORD_PLACE, 2, 0, 0, "cloud"}};
  rig_task(r, 0, 0, 0, plan_at(1));
  r->task[0].life = &life;
  r->work[0][0].time_s = drawn("exponential", 0.3, NAN);
  r->link[1].latency_s = always(way_s);
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 2};
  r->def.horizon.duration_s = 800;
  rig_run(r);
  double all_s = 0, wasted_s = 0;
  for (int i = 0; i < r->kept->attempts; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    all_s += (double)a->phase_ns[PHASE_SERVE];
    if (a->status == STATUS_CANCELLED) wasted_s += (double)a->phase_ns[PHASE_SERVE];
  }
  assert_int_equal(r->summary.failed, 0);
  rig_free(r);
  return wasted_s / all_s;
}

static void test_tied_copies_waste_less(void **state)
{
  (void)state;
  double untied = wasted_share(false, 0.001), tied = wasted_share(true, 0.001);
  assert_true(untied > 0.25);
  assert_true(tied < untied / 2);
}

/* Cheap answers of quality 0.4 (1 s, 10 J), dear ones of 0.9 (1 s, 100 J); no error of the judge. */
static struct rig *cascade(double accept, const struct judge_def *judge, struct life_def *life)
{
  static const int both[] = {0, 1}, hardware[] = {0};
  struct rig *r = rig_new();
  *life = (struct life_def){.judge = judge};
  r->variant[0] = (struct variant_def){.name = "cheap", .skill = 1, .top = 0.4};
  r->variant[1] = (struct variant_def){.name = "dear", .skill = 1, .top = 0.9};
  r->def.n_variants = 2;
  rig_task(r, 0, 0, 1, plan_at(1));
  r->task[0].n_variants = 2;
  r->task[0].variant = both;
  r->work[0][1] = r->work[0][0];
  r->fallback[0] = (struct fallback_def){.plan = {WORD_PLACE, 2, 0, 1, "dear", 0}};
  r->task[0].fallback = r->fallback;
  r->task[0].n_fallbacks = 1;
  r->task[0].life = accept > 0 ? life : NULL;
  r->hardware[0] = (struct hardware_def){.name = "h", .busy_w = 10};
  r->place[1].n_hardware = 1;
  r->place[1].hardware = hardware;
  r->place[2].busy_w = 100;
  r->place[2].idle_w = 0;
  return r;
}

static void test_cascade_pays_both(void **state)
{
  (void)state;
  static const struct judge_def strict = {0, 0.5}, mild = {0, 0.3};
  struct life_def life;
  struct rig *r = cascade(0.5, &strict, &life);
  rig_run(r);
  near(r->kept->request[0].quality, 0.9, 1e-12);
  near(r->kept->request[0].energy_direct_j, 110, 1e-9);
  assert_int_equal(r->kept->request[0].completed_ns - r->kept->request[0].arrived_ns, ms(2000));
  assert_int_equal(r->kept->attempt[1].fallback, 1);
  rig_free(r);
  r = cascade(0.3, &mild, &life);
  rig_run(r);
  near(r->kept->request[0].quality, 0.4, 1e-12);
  near(r->kept->request[0].energy_direct_j, 10, 1e-9);
  rig_free(r);
  r = cascade(0.5, &strict, &life);                     /* the dear one cannot: the cheap answer counts after all */
  r->task[0].timeout_s = 1.5;
  r->place[2].discipline = FIFO;
  r->work[0][1].time_s = always(10);
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  near(r->kept->request[0].quality, 0.4, 1e-12);
  rig_free(r);
}

/* The edge is down from 10.5 s to 20.5 s, what runs is lost; a request at 0, 1, 2 ... s of 0.6 s. */
static struct rig *outage(const struct guard_def *guard)
{
  static const struct outage_def out = {10.5, 10};
  static const struct failures_def failures = {.n_outages = 1, .outage = &out, .work = FAILED_WORK_LOST};
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 0.6, plan_at(1));
  r->place[1].failures = &failures;
  r->place[1].guard = guard;
  r->task[0].timeout_s = 0.9;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = 39.5;
  return r;
}

/* The one of 10 s is lost at 10.5 s, the one of 11 s late at 11.9 s: of the last 2 both failed. Open until 21.9 s: those of
 * 12 ... 21 s are masked. 22 s is let through alone and succeeds at 22.6 s: closed before 23 s. */
static void test_breaker_timeline(void **state)
{
  (void)state;
  static const struct breaker_def breaker = {.window = 2, .probes = 1, .failures = 1, .open_for_s = 10};
  static const struct guard_def guard = {.breaker = &breaker};
  struct rig *r = outage(&guard);
  rig_run(r);
  assert_int_equal(r->kept->requests, 39);
  for (int i = 0; i < 39; i++) {
    const struct request_record *q = &r->kept->request[i];
    int64_t at = q->arrived_ns / 1000000000;
    enum status want = at == 10 ? STATUS_LOST : at == 11 ? STATUS_TIMEOUT : at >= 12 && at <= 21 ? STATUS_MASKED : STATUS_COMPLETED;
    assert_int_equal(q->status, want);
  }
  near(r->summary.place[1].breaker_open_s, 10, 1e-9);
  assert_true(isnan(r->summary.place[2].breaker_open_s));
  rig_free(r);
}

/* Two trials; one fails at 3 s and the breaker opens again until 13 s. What the other one says after that is of before. 55 %
 * of 20 are 11, though 0.55 x 20 is a little more in binary. */
static void test_breaker_forgets_old_trials(void **state)
{
  (void)state;
  uint8_t seen[20] = {0};
  struct breaker_def def = {.window = 20, .probes = 2, .failures = 0.55, .open_for_s = 10};
  struct breaker b = {.def = &def, .state = BREAKER_OPEN, .until = ms(1000), .seen = seen};
  struct place place = {.breaker = &b};
  sim_time now = ms(2000);
  struct world w = {.clock = &now, .place = &place};
  struct attempt old[2] = {{.fetched = true, .decided = ms(2000)}, {.fetched = true, .decided = ms(2000)}}, new = old[0];
  assert_false(breaker_masks(&b, now));
  for (int i = 0; i < 2; i++) breaker_on_sent(&w, &old[i]);
  assert_true(breaker_masks(&b, now));
  now = ms(3000);
  breaker_on_end(&w, &old[0], STATUS_TIMEOUT);
  assert_true(breaker_masks(&b, ms(12999)));
  now = ms(14000);
  assert_false(breaker_masks(&b, now));
  breaker_on_end(&w, &old[1], STATUS_COMPLETED);
  new.decided = ms(14000);
  breaker_on_sent(&w, &new);
  breaker_on_end(&w, &new, STATUS_COMPLETED);
  assert_int_equal(b.state, BREAKER_HALF_OPEN);
  b.state = BREAKER_CLOSED;
  for (int i = 0; i < 20; i++) {
    assert_int_equal(b.state, BREAKER_CLOSED);
    breaker_on_end(&w, &new, i < 11 ? STATUS_LOST : STATUS_COMPLETED);
  }
  assert_int_equal(b.state, BREAKER_OPEN);
}

/* Still down when it is tried again: it opens once more. Open 11.9 to 16.9, half-open at 17 s: late at 17.9, open to 22.9. */
static void test_breaker_opens_again(void **state)
{
  (void)state;
  static const struct breaker_def breaker = {.window = 2, .probes = 1, .failures = 1, .open_for_s = 5};
  static const struct guard_def guard = {.breaker = &breaker};
  struct rig *r = outage(&guard);
  rig_run(r);
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *q = &r->kept->request[i];
    int64_t at = q->arrived_ns / 1000000000;
    if (at == 17) assert_int_equal(q->status, STATUS_TIMEOUT);
    if ((at >= 12 && at <= 16) || (at >= 18 && at <= 22)) assert_int_equal(q->status, STATUS_MASKED);
    if (at > 22) assert_int_equal(q->status, STATUS_COMPLETED);
  }
  near(r->summary.place[1].breaker_open_s, 10, 1e-9);
  rig_free(r);
}

/* Probes at 0, 1, 2 ... s; 3 failures: found down at 11 + 2 + 0.2 = 13.2 s; 2 answers: up at 22 s. Masked: 14 ... 21 s, and
 * 22 s, whose request comes with the probe: the arrival goes first. */
static void test_health_delay(void **state)
{
  (void)state;
  static const struct health_def health = {1, 0.2, 200, 3, 2, NONE};
  static const struct guard_def guard = {.health = &health};
  struct rig *r = outage(&guard);
  r->def.record_transfers = true;
  rig_run(r);
  double probed = 0;
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *q = &r->kept->request[i];
    int64_t at = q->arrived_ns / 1000000000;
    if (at >= 14 && at <= 21) assert_int_equal(q->status, STATUS_MASKED);
    else if (at != 22 && at != 13) assert_int_not_equal(q->status, STATUS_MASKED);
    if (at > 22) assert_int_equal(q->status, STATUS_COMPLETED);
  }
  for (int i = 0; i < r->kept->transfers; i++)
    if (r->kept->transfer[i].kind == TRANSFER_PROBE) probed += r->kept->transfer[i].bytes;
  near(probed, r->summary.probe_bytes, 1e-9);
  near(probed, 200 * (2 * 40 - 10), 401);               /* 40 probes, 10 of them without an answer; the last: as it ends */
  rig_free(r);
}

/* Service 2 s, a request each second, at most 1 waiting: what finds one waiting is turned away. */
static void test_shed_by_queue(void **state)
{
  (void)state;
  static const struct shed_def shed = {.queue = 1};
  static const struct guard_def guard = {.shed = &shed};
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 2, plan_at(1));
  r->place[1].guard = &guard;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = 100.5;
  rig_run(r);
  int shed_n = 0;
  for (int i = 0; i < r->kept->attempts; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    if (!(a->role & ROLE_SHED)) {
      assert_true(a->phase_ns[PHASE_QUEUE] <= ms(2000));
      continue;
    }
    shed_n++;
    assert_int_equal(a->status, STATUS_REJECTED);
  }
  near(shed_n, 50, 2);
  rig_free(r);
}

/* A choice between the phone and the edge that a policy sends to the edge; it reads retries_left. */
static void seen_retries(struct rig *r, const struct life_def *life)
{
  static const struct policy_parameter parameters[] = {{.name = "feature", .text = "retries_left"},
                                                       {.name = "above", .value = -1}};
  r->plan[0][1] = plan_at(1);
  r->plan[0][0] = plan_origin();
  r->task[0].n_plans = 2;
  r->task[0].life = life;
  r->policy = (struct policy_def){.name = "t", .policy = "threshold", .at_place = NONE, .n_parameters = 2,
                                  .parameter = parameters};
  rig_run(r);
}

/* All fail. The first one finds a bucket of 5 and empties it; then five deposits of 0.2 are one retry. Without a budget
 * 3 attempts are 2 retries, whoever asks. */
static void test_policies_see_the_retries_left(void **state)
{
  (void)state;
  static const struct retry_def saving = {10, ANY_FAILURE, 0, 1, 0, 0.2, 5, false}, free_of_it = {3, ANY_FAILURE, 0, 1, 0, -1, 10, false};
  static const struct life_def life[] = {{.retry = &saving}, {.retry = &free_of_it}};
  struct rig *r = refusing(1, &life[0]);
  seen_retries(r, &life[0]);
  assert_int_equal(r->kept->decisions, 1000);
  for (int i = 0; i < r->kept->decisions; i++)
    near(r->kept->decision[i].feature[0], i == 0 ? 5 : i % 5 == 0, 0);
  rig_free(r);
  r = refusing(1, &life[1]);
  seen_retries(r, &life[1]);
  for (int i = 0; i < r->kept->decisions; i++) near(r->kept->decision[i].feature[0], 2, 0);
  rig_free(r);
}

/* The cascade's list stands in the record of its decision; a policy without one leaves the scenario's, and 0 there. */
static void test_a_policys_fallbacks_are_recorded(void **state)
{
  (void)state;
  static const struct judge_def judge = {0, 0};
  static const struct policy_parameter accept = {.name = "accept", .value = 0.5};
  struct life_def life;
  for (int own = 0; own < 2; own++) {
    struct rig *r = cascade(1, &judge, &life);
    r->plan[0][1] = (struct plan_def){WORD_PLACE, 2, 0, 1, "dear", 0};
    r->task[0].n_plans = 2;
    r->policy = (struct policy_def){.name = "p", .policy = own ? "cascade" : "always_edge", .at_place = NONE,
                                    .n_parameters = own, .parameter = &accept};
    rig_run(r);
    const struct decision_record *d = &r->kept->decision[0];
    assert_int_equal(d->n_fallbacks, own);
    assert_int_equal(d->fallback[0], own ? 1 : UINT16_MAX);
    assert_int_equal(d->fallback[1], UINT16_MAX);
    assert_int_equal(d->left_out, 0);
    assert_int_equal(r->kept->attempts, own ? 2 * r->kept->requests : r->kept->requests);
    rig_free(r);
  }
}

/* rude wants the copy at action 2 and the fallbacks 1, 2, 0; the class's data may not go where action 2 is: two left out. */
static void test_what_is_left_out_is_counted(void **state)
{
  (void)state;
  static const struct policy_parameter habit = {.name = "habit", .text = "plans"};
  char path[PATH_MAX];
  struct rig *r = refusing(0, NULL);
  r->attribute[1] = (struct attribute_def){.name = "prompt", .unit = "tok", .known = KNOWN_ARRIVAL, .dist = always(9)};
  r->klass[0].n_attributes = 2;
  for (int i = 0; i < 3; i++) r->plan[0][i] = plan_at(i);
  r->plan[0][0] = plan_origin();
  r->task[0].n_plans = 3;
  r->klass[0].zones = 3;
  r->policy = (struct policy_def){.name = "p", .policy = built("planted", "rude", path), .at_place = NONE,
                                  .n_parameters = 1, .parameter = &habit};
  rig_run(r);
  assert_int_equal(r->kept->decisions, 1000);
  for (int i = 0; i < r->kept->decisions; i++) {
    const struct decision_record *d = &r->kept->decision[i];
    assert_int_equal(d->left_out, 2);
    assert_int_equal(d->n_fallbacks, 2);
    assert_int_equal(d->fallback[0], 1);
    assert_int_equal(d->fallback[1], 0);
  }
  assert_int_equal(r->summary.left_out, 2000);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_retry_succeeds_as_often_as_it_must), cmocka_unit_test(test_jitter_is_full),
    cmocka_unit_test(test_budget_caps_the_load), cmocka_unit_test(test_copy_wins),
    cmocka_unit_test(test_tied_copies_waste_less), cmocka_unit_test(test_cascade_pays_both),
    cmocka_unit_test(test_breaker_timeline), cmocka_unit_test(test_breaker_opens_again), cmocka_unit_test(test_breaker_forgets_old_trials),
    cmocka_unit_test(test_health_delay), cmocka_unit_test(test_shed_by_queue),
    cmocka_unit_test(test_policies_see_the_retries_left), cmocka_unit_test(test_a_policys_fallbacks_are_recorded),
    cmocka_unit_test(test_what_is_left_out_is_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
