/* What changes during a run: hand-computed times, money and instances. */
#include "tests/unit/world_rig.h"

static struct change_def change[4];

static void will(struct rig *r, int i, enum change_what what, int index, double at_s, double to)
{
  change[i] = (struct change_def){.what = what, .index = index, .at_s = at_s, .base = 1, .to = to};
  r->def.change = change;
  r->def.n_changes = i + 1;
}

static void run_strict(struct rig *r)
{
  rig_run(r);
  assert_int_equal(r->summary.failed, 0);
}

static double latency_s(const struct rig *r, int i)
{
  const struct request_record *q = &r->kept->request[i];
  assert_int_equal(q->status, STATUS_COMPLETED);
  return (double)(q->completed_ns - q->arrived_ns) / 1e9;
}

/* The request of id i. */
static double latency_of(const struct rig *r, uint64_t id)
{
  for (int i = 0; i < r->kept->requests; i++)
    if (r->kept->request[i].request == id) return latency_s(r, i);
  fail_msg("no request %d", (int)id);
  return 0;
}

static void near(double a, double b, double most)
{
  if (!(fabs(a - b) <= most)) fail_msg("%.12g is not %.12g", a, b);
}
static void near_s(double a, double b) { near(a, b, 1.5e-9); }

/* Requests, 10 s apart, come with 1 MB over 1 MB/s; no service time. */
static struct rig *sending(enum link_kind kind, enum link_share share)
{
  struct rig *r = rig_new();
  r->plan[0][0] = plan_at(1);
  r->work[0][0].time_s = always(0);
  r->klass[0].input_bytes = amount(1e6);
  r->link[0].up_byte_per_s = 1e6;
  r->link[0].kind = kind;
  r->link[0].shared_by = share;
  return r;
}

static double first_arrival_s(struct rig *r)
{
  rig_run(r);
  return (double)r->kept->request[0].arrived_ns / 1e9;
}

/* 0.5 s at 1 MB/s, the rest at a quarter: 0.5 + 0.5 / 0.25 = 2.5 s. The next one all at a quarter: 4 s. */
static void test_rate_step(void **state)
{
  enum link_kind kinds[] = {LINK_FLUID, LINK_FLUID, LINK_FIXED};
  enum link_share shares[] = {SHARED_BY_LINK, SHARED_BY_NONE, SHARED_BY_NONE};
  (void)state;
  for (int k = 0; k < 3; k++) {
    struct rig *r = sending(kinds[k], shares[k]);
    double t = first_arrival_s(r);
    r->def.horizon.duration_s = t + 11;
    will(r, 0, CHANGE_RATE_SCALE, 0, t + 0.5, 0.25);
    run_strict(r);
    near_s(latency_of(r, 0), 2.5);
    near_s(latency_of(r, 1), 4);
    rig_free(r);
  }
}

/* Two that share: 0.5 s at half of 1 MB/s each, 0.25 MB moved each; then each has 0.1 MB/s: 0.5 + 0.75 / 0.1 = 8 s. */
static void test_rate_step_shared(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_LINK);
  r->klass[1] = r->klass[0];
  r->klass[1].name = "too";
  r->def.n_classes = 2;
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 1;
  will(r, 0, CHANGE_RATE_SCALE, 0, t + 0.5, 0.2);
  run_strict(r);
  near_s(latency_of(r, 0), 8);
  near_s(latency_of(r, 1), 8);
  rig_free(r);
}

/* M/M/1 keeps its draw: without the change it takes x s, so 0.1 + (x - 0.1) / 0.5 with half the rate from 0.1 s on. */
static void test_rate_step_mm1(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_MM1, SHARED_BY_NONE);
  double t = first_arrival_s(r), x = latency_of(r, 0);
  will(r, 0, CHANGE_RATE_SCALE, 0, t + x / 4, 0.5);
  run_strict(r);
  near(latency_of(r, 0), x / 4 + 2 * 0.75 * x, 4e-9);
  rig_free(r);
}

/* From 1 to 0.5 over 10 s: 7.5 MB in these, so that of 8 MB 0.5 are left: 10 + 0.5 / 0.5 = 11 s. */
static void test_ramp(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_NONE);
  r->klass[0].input_bytes = amount(8e6);
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 1;
  will(r, 0, CHANGE_RATE_SCALE, 0, t, 0.5);
  change[0].over_s = 10;
  run_strict(r);
  near(latency_of(r, 0), 11, 5e-8);       /* 60 boundaries rounded to nanoseconds */
  rig_free(r);
}

/* Down from 0.25 to 3.25 s: 1 + 3 s; who comes then waits too; and again every 10 s. */
static void test_outage(void **state)
{
  enum link_share shares[] = {SHARED_BY_LINK, SHARED_BY_NONE};
  (void)state;
  for (int k = 0; k < 2; k++) {
    struct rig *r = sending(LINK_FLUID, shares[k]);
    double t = first_arrival_s(r);
    r->def.horizon.duration_s = t + 11;
    will(r, 0, CHANGE_AVAILABLE, 0, t + 0.25, 0);
    change[0].for_s = 3;
    change[0].every_s = 9;                              /* the second one at t + 9.25 lasts until t + 12.25 */
    run_strict(r);
    near_s(latency_of(r, 0), 4);
    near_s(latency_of(r, 1), 2.25 + 1);
    rig_free(r);
  }
}

/* A link without a rate lets nobody pass either: sent 1 s after its start, over 4 s later. */
static void test_outage_of_unlimited(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_NONE);
  r->link[0].up_byte_per_s = 0;
  double t = first_arrival_s(r);
  will(r, 0, CHANGE_AVAILABLE, 0, t - 1, 0);
  change[0].for_s = 5;
  run_strict(r);
  near_s(latency_of(r, 0), 4);
  rig_free(r);
}

/* An outage without end: the request is censored, and the run ends. */
static void test_outage_without_end(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_NONE);
  double t = first_arrival_s(r);
  will(r, 0, CHANGE_AVAILABLE, 0, t + 0.5, 0);
  rig_run(r);
  assert_int_equal(r->summary.censored, r->summary.requests);
  rig_free(r);
}

/* Tokens of a stream wait for the end of the outage: served after 2 s, in an outage from 1 to 7 s. */
static void test_outage_of_stream(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_NONE);
  r->klass[0].input_bytes = amount(0);
  r->work[0][0].time_s = always(2);
  r->task[0].stream = true;
  double t = first_arrival_s(r);
  will(r, 0, CHANGE_AVAILABLE, 0, t + 1, 0);
  change[0].for_s = 6;
  run_strict(r);
  near_s(latency_of(r, 0), 7);
  rig_free(r);
}

/* A cut transfer costs what it moved, at the price and power of its start: 0.5 s at 2 W, 0.5 MB at 1e-6 USD. */
static void test_cut_after_step(void **state)
{
  (void)state;
  struct rig *r = sending(LINK_FLUID, SHARED_BY_NONE);
  r->link[0].device_tx_w = 2;
  r->link[0].usd_per_byte_up = 1e-6;
  r->task[0].timeout_s = 1.5;
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 1;
  will(r, 0, CHANGE_RATE_SCALE, 0, t + 0.5, 0.25);
  will(r, 1, CHANGE_PRICE, 0, t + 0.5, 1);
  rig_run(r);
  const struct attempt_record *a = &r->kept->attempt[0];
  assert_int_equal(a->status, STATUS_TIMEOUT);          /* 0.5 MB and then 1 s at 0.25 MB/s */
  near(a->energy_device_j, 0.75 * 2, 1e-9);
  near(a->cost_usd, 0.75, 1e-9);
  rig_free(r);
}

/* ---- servers ----------------------------------------------------------------------------------------------------- */

/* 2 s of work, a quarter of the speed from 0.5 s to 4.5 s on: 0.5 + 1 done at 4.5, 0.5 s more: 5 s. */
static void test_speed(void **state)
{
  enum discipline all[] = {FIFO, LIFO, PRIORITY, PRIORITY_PREEMPTIVE, PROCESSOR_SHARING, EDF, SRPT};
  (void)state;
  for (int k = 0; k < 7; k++) {
    struct rig *r = rig_new();
    r->plan[0][0] = plan_at(1);
    r->work[0][0].time_s = always(2);
    r->place[1].discipline = all[k];
    r->place[1].busy_w = 8;
    double t = first_arrival_s(r);
    r->def.horizon.duration_s = t + 1;
    will(r, 0, CHANGE_SPEED, 1, t + 0.5, 0.25);
    change[0].for_s = 4;
    run_strict(r);
    near_s(latency_of(r, 0), 5);
    near(r->kept->attempt[0].energy_server_j, 40, 1e-7);  /* busy for 5 s */
    rig_free(r);
  }
}

/* Two on one server that they share: 1 s each done after 2 s; then at half the speed 1 s of work each: 2 + 4 = 6 s. */
static void test_speed_shared(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->plan[0][0] = plan_at(1);
  r->work[0][0].time_s = always(2);
  r->place[1].discipline = PROCESSOR_SHARING;
  r->klass[1] = r->klass[0];
  r->klass[1].name = "too";
  r->def.n_classes = 2;
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 1;
  will(r, 0, CHANGE_SPEED, 1, t + 2, 0.5);
  run_strict(r);
  near_s(latency_of(r, 0), 6);
  near_s(latency_of(r, 1), 6);
  rig_free(r);
}

/* 50 tokens at 100 /s, then 10 steps of 0.1 s. At half the speed from 0.25 s on: first token at 0.25 + 0.5 = 0.75 s; at
 * full speed again from 1.15 s on, when 2 of 10 steps are done: done at 1.15 + 0.8 = 1.95 s. */
static void test_speed_of_tokens(void **state)
{
  static const int card[] = {0}, one[] = {0};
  (void)state;
  struct rig *r = rig_new();
  r->variant[0] = (struct variant_def){.name = "small", .parameters = 1e9, .skill = 0.4, .width = 0.1, .top = 0.9};
  r->def.n_variants = 1;
  r->cost[0][0] = (struct token_cost){true, 100, 0.08, 0.02, 0, 0, 4};
  r->hardware[0] = (struct hardware_def){.name = "card", .tokens = r->cost[0]};
  r->place[1].n_hardware = 1;
  r->place[1].hardware = card;
  r->place[1].slots = 4;
  r->plan[0][0] = plan_at(1);
  r->task[0].n_variants = 1;
  r->task[0].variant = one;
  r->task[0].stream = true;
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(50), .tok_out = amount(11)};
  double t = first_arrival_s(r);
  near_s(latency_of(r, 0), 1.5);
  r->def.horizon.duration_s = t + 1;
  will(r, 0, CHANGE_SPEED, 1, t + 0.25, 0.5);
  change[0].for_s = 0.9;
  run_strict(r);
  near_s((double)r->kept->request[0].first_token_ns / 1e9 - t, 0.75);
  near_s(latency_of(r, 0), 1.95);
  rig_free(r);
}

/* ---- money ------------------------------------------------------------------------------------------------------- */

/* 1 USD/s and from 1 s after the arrival on 3: 2 s of service are 1 + 3 = 4 USD; the server is paid for all the time. */
static void test_price_of_time(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->plan[0][0] = plan_at(1);
  r->work[0][0].time_s = always(2);
  r->place[1].tariff.usd_per_s = 1;
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 5;
  will(r, 0, CHANGE_TIME_USD, 1, t + 1, 3);
  run_strict(r);
  near(r->kept->request[0].cost_usd, 4, 1e-9);
  near(r->summary.place[1].cost_usd, t + 1 + 3 * (r->summary.run_s - t - 1), 1e-9);
  r->def.horizon.duration_s = t + 15;
  will(r, 0, CHANGE_TIME_USD, 1, t + 11, 3);            /* in the second one: 2 and 4 USD, on demand nothing else */
  r->place[1].tariff.on_demand = true;
  run_strict(r);
  near(r->kept->request[0].cost_usd, 2, 1e-9);
  near(r->kept->request[1].cost_usd, 4, 1e-9);
  near(r->summary.place[1].cost_usd, 6, 1e-9);
  rig_free(r);
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

/* Cold start 1 s, service 2 s. Warm at 10 and 20 s; a deployment at 21 s, in the service: it goes when it is done, and the
 * request at 30 s is cold again. */
static void test_cold(void **state)
{
  struct cold_step_def step = {.name = "start", .time_s = always(1)};
  struct cold_start_def start = {1, &step};
  struct instances_def come = {.max = 1, .cold_start = &start, .keep = KEEP_ALWAYS};
  (void)state;
  struct rig *r = rig_new();
  r->plan[0][0] = plan_at(1);
  r->work[0][0].time_s = always(2);
  r->place[1].instances = &come;
  double t = first_arrival_s(r);
  r->def.horizon.duration_s = t + 31;
  will(r, 0, CHANGE_INSTANCES, 1, t + 11, 0);
  run_strict(r);
  near_s(latency_of(r, 0), 3);
  near_s(latency_of(r, 1), 2);
  near_s(latency_of(r, 2), 3);
  near_s(latency_of(r, 3), 2);
  assert_int_equal(r->summary.place[1].cold_starts, 2);
  will(r, 0, CHANGE_INSTANCES, 1, t + 15, 0);           /* while it is idle: the same */
  run_strict(r);
  near_s(latency_of(r, 2), 3);
  near(r->summary.place[1].instance_s, 15 + r->summary.run_s - t - 20, 1e-9);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rate_step), cmocka_unit_test(test_rate_step_shared), cmocka_unit_test(test_rate_step_mm1),
    cmocka_unit_test(test_ramp), cmocka_unit_test(test_outage), cmocka_unit_test(test_outage_of_unlimited),
    cmocka_unit_test(test_outage_without_end), cmocka_unit_test(test_outage_of_stream),
    cmocka_unit_test(test_cut_after_step), cmocka_unit_test(test_speed), cmocka_unit_test(test_speed_shared),
    cmocka_unit_test(test_speed_of_tokens), cmocka_unit_test(test_price_of_time), cmocka_unit_test(test_cold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
