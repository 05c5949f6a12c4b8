/* Energy in whole runs, by hand: shapes of power shared by jobs, throttling, batteries that end requests, boundaries, PUE,
 * carbon. That direct + residual = total to 1e-9 is asserted by each run itself. */
#include "tests/unit/world_rig.h"
#include "tests/unit/unit.h"

static struct power_def concave;
static struct battery_def battery;
static struct supply_def supply;
static const int first_hardware[] = {0};

/* Two slots of 10 W idle, 30 W busy; jobs of 3 s come at 2, 4 and 6 s; two count, so the run ends at 7 s. */
static struct rig *two_jobs(enum discipline discipline)
{
  struct rig *r = rig_new();
  concave = power_def_default();
  concave.shape = POWER_CONCAVE;
  r->hardware[0] = (struct hardware_def){.name = "chip", .idle_w = 10, .busy_w = 30, .power = &concave};
  r->place[0].n_hardware = 1;
  r->place[0].hardware = first_hardware;
  r->place[0].discipline = discipline;
  r->place[0].slots = discipline == PROCESSOR_SHARING ? 1 : 2;
  r->place[0].servers = discipline == PROCESSOR_SHARING ? 2 : 1;
  if (discipline == PROCESSOR_SHARING) r->hardware[0].idle_w = 5, r->hardware[0].busy_w = 15;
  r->klass[0].arrivals.interarrival_s = always(2);
  r->work[0][0].time_s = always(3);
  r->def.horizon.duration_s = 5;
  r->def.horizon.max_requests = 2;
  return r;
}

/* Alone (2 to 4 s, 5 to 6 s) 20 (1 - 0.5^1.4) W; together (4 to 5, 6 to 7 s) 10 W each. */
static void jobs_share_power(void **state)
{
  (void)state;
  const enum discipline all[] = {FIFO, PRIORITY_PREEMPTIVE, PROCESSOR_SHARING};
  double alone_w = 20 * (2 * 0.5 - pow(0.5, 1.4));
  for (int i = 0; i < 3; i++) {
    struct rig *r = two_jobs(all[i]);
    rig_run(r);
    const double job_j[] = {2 * alone_w + 10, 10 + alone_w + 10, 10};
    assert_int_equal(r->kept->attempts, 3);
    for (int k = 0; k < 3; k++) assert_near(r->kept->attempt[k].energy_device_j, job_j[k], 1e-9);
    assert_near(r->summary.place[0].energy_j, 10 * 7 + 3 * alone_w + 40, 1e-9);
    assert_near(r->summary.energy_total_j, r->summary.place[0].energy_j, 1e-12);
    rig_free(r);
  }
}

/* A clock of 0.5 costs an eighth of the power beyond idle; times that are given stay. */
static void clocks_cost_their_cube(void **state)
{
  (void)state;
  struct rig *r = two_jobs(FIFO);
  concave.shape = POWER_LINEAR;
  concave.frequency = 0.5;
  rig_run(r);
  assert_near(r->kept->attempt[0].energy_device_j, 3 * 10 / 8., 1e-9);
  rig_free(r);
}

static const double half_clock[] = {1, 0.5, 0.7};

/* Two classes ask at 2 s for 3 s of work: one at the top clock, one at half of it: an eighth of the power for twice the time.
 * Together 10 W and 1.25 W until 5 s, then an eighth of 20 (1 - 0.5^1.4) W until 7 s, when the first asks again. */
static void plans_choose_clocks(void **state)
{
  (void)state;
  double alone_w = 20 * (2 * 0.5 - pow(0.5, 1.4));
  struct rig *r = two_jobs(FIFO);
  r->def.n_clocks = 3;
  r->def.clock = half_clock;
  r->def.n_classes = 2;
  rig_task(r, 1, 0, 3, plan_origin());
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 1, .think_s = always(2)};
  r->klass[1] = r->klass[0];
  r->klass[1].name = "slow";
  r->klass[1].task = &r->task[1];
  r->plan[1][0].clock = 1;
  r->def.horizon.duration_s = 3;
  r->def.horizon.max_requests = 0;
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;    /* the first, at once; again from 7 s on; the slow one */
  assert_int_equal(a[0].ended_ns, ms(5000));
  assert_near(a[0].energy_device_j, 30, 1e-9);
  assert_int_equal(a[1].ended_ns, ms(8000));
  assert_near(a[1].energy_device_j, (3 * 10 + 2 * alone_w + 10) / 8, 1e-9);
  rig_free(r);
}

/* Cost 3 s / f + 0.5 /J x 4 W f^3 x 3 s / f: 7.5 at 0.5, 7.23 at 0.7 (the optimum of all is 4^(-1/3) = 0.63), 9 at 1. */
static void policies_choose_clocks(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->def.n_clocks = 3;
  r->def.clock = half_clock;
  r->place[0].idle_w = 1;
  r->place[0].busy_w = 5;
  r->work[0][0].time_s = always(3);
  r->task[0].n_plans = 3;
  for (int i = 0; i < 3; i++) {
    r->plan[0][i] = plan_origin();
    r->plan[0][i].clock = i;
  }
  r->def.objective = (struct objective_def){.latency_per_s = -1, .energy_per_j = -0.5};
  r->policy = (struct policy_def){.name = "cost_aware", .policy = "cost_aware", .at_place = NONE};
  rig_run(r);
  assert_near((double)r->kept->attempt[0].phase_ns[PHASE_SERVE] / 1e9, 3 / 0.7, 1e-8);
  assert_near(r->kept->attempt[0].energy_device_j, 4 * 0.343 * 3 / 0.7, 1e-7);
  assert_near(r->kept->request[0].reward, -3 / 0.7 - 0.5 * 4 * 0.49 * 3, 1e-6);
  rig_free(r);
}

/* Case alone, 4.9 K/W and 45 J/K: at the limit after -RC ln(1 - 17 / (8 x 4.9)); 0.6 + 7.4 x 0.9 W keep it warm, so it stays
 * at half the rate. */
static void warm_devices_are_slow(void **state)
{
  (void)state;
  static const struct thermal_def warm = {.ambient_c = 25, .limit_c = 42, .hysteresis_k = 2, .die_k_per_w = 4.1,
    .case_k_per_w = 4.9, .die_j_per_k = 1e-6, .case_j_per_k = 45, .speed = 0.5, .power = 0.9};
  double rc = 4.9 * 45, t0 = 25 + 0.6 * 4.9 * (1 - exp(-2 / rc)), end = 25 + 8 * 4.9;
  double t1 = -rc * log((end - 42) / (end - t0));       /* idle for 2 s before */
  const enum discipline all[] = {FIFO, PROCESSOR_SHARING};
  for (int i = 0; i < 2; i++) {
    struct rig *r = rig_new();
    r->hardware[0] = (struct hardware_def){.name = "phone", .idle_w = 0.6, .busy_w = 8, .thermal = &warm};
    r->place[0].n_hardware = 1;
    r->place[0].hardware = first_hardware;
    r->place[0].discipline = all[i];
    r->klass[0].arrivals.interarrival_s = always(2);
    r->work[0][0].time_s = always(300);
    r->def.horizon = (struct horizon_def){.duration_s = 1000, .drain_max_s = 5000, .max_requests = 1};
    rig_run(r);
    const struct request_record *q = &r->kept->request[0];
    double latency_s = (double)(q->completed_ns - q->arrived_ns) / 1e9;
    assert_near((double)q->arrived_ns / 1e9, 2, 0);
    if (i == 0) assert_near(latency_s, t1 + (300 - t1) / 0.5, 1e-5);
    if (i == 0) assert_near(q->energy_device_j, 7.4 * t1 + 7.4 * 0.9 * (300 - t1) / 0.5, 1e-5);
    assert_true(r->summary.place[0].throttled_ratio > 0.5);
    rig_free(r);
  }
}

/* Throttled, a quarter of the power for twice the time: half of what the top costs. The bound must not be above. */
static void bounds_know_of_throttling(void **state)
{
  (void)state;
  static const struct thermal_def warm = {.ambient_c = 25, .limit_c = 42, .hysteresis_k = 2, .die_k_per_w = 4.1,
    .case_k_per_w = 4.9, .die_j_per_k = 1e-6, .case_j_per_k = 45, .speed = 0.5, .power = 0.25};
  double reward[2];
  for (int i = 0; i < 2; i++) {
    struct rig *r = rig_new();
    r->hardware[0] = (struct hardware_def){.name = "phone", .idle_w = 0.6, .busy_w = 12, .thermal = &warm};
    r->place[0].n_hardware = 1;
    r->place[0].hardware = first_hardware;
    r->work[0][0].time_s = always(600);
    r->plan[0][1] = plan_at(1);
    r->task[0].n_plans = 2;
    r->place[1].busy_w = 1e4;
    r->def.objective.energy_per_j = -1;
    r->def.horizon = (struct horizon_def){.duration_s = 15, .drain_max_s = 5000};
    r->policy = (struct policy_def){.name = "p", .policy = i ? "alone_bound" : "always_local", .at_place = NONE};
    rig_run(r);
    reward[i] = r->kept->request[0].reward;
    rig_free(r);
  }
  assert_true(reward[0] > -0.9 * 11.4 * 600 && reward[1] >= reward[0]);
}

static struct rig *on_battery(double capacity_j)
{
  struct rig *r = rig_new();
  battery = (struct battery_def){.capacity_j = capacity_j, .start = 1, .restart = 0.05};
  supply = (struct supply_def){.pue = 1, .battery = &battery};
  r->place[0].supply = &supply;
  r->place[0].idle_w = 1;
  r->place[0].busy_w = 5;
  r->work[0][0].time_s = always(30);
  r->def.horizon.duration_s = 45;
  return r;
}

/* 90 J at 10 s, then 5 W: empty at 28 s. The request of 10 s and the one of 20 s that waits end there, those of 30 and 40 s
 * at once. */
static void empty_batteries_end_requests(void **state)
{
  (void)state;
  struct rig *r = on_battery(100);
  rig_run(r);
  assert_int_equal(r->kept->requests, 4);
  const double ends[] = {28, 28, 30, 40};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(r->kept->request[i].status, STATUS_NO_POWER);
    assert_near((double)r->kept->request[i].completed_ns / 1e9, ends[i], 2e-9);
  }
  assert_near(r->summary.energy_total_j, 100, 1e-8);
  assert_near(r->summary.place[0].battery_dead_ratio, (r->summary.run_s - 28) / r->summary.run_s, 1e-8);
  assert_near(r->summary.place[0].battery_left_mean, 0, 1e-9);
  assert_true(r->summary.place[0].battery_deaths == 1);
  assert_near(r->summary.place[0].battery_emptied_ratio, 1, 0);
  assert_near(r->summary.place[0].battery_life_mean_s, 28, 1e-8);
  rig_free(r);
}

/* Samples each 7 s from 0 or 7 s on: 1 W until 10 s, then 5 W, empty at 28 s. A look changes nothing: it ends at the same
 * nanosecond as without. */
static void levels_over_time(void **state)
{
  (void)state;
  struct rig *r = on_battery(100);
  r->def.sample_s = 7;
  rig_run(r);
  assert_true(r->kept->samples >= 5);
  double from = r->kept->level[0] == 1 ? 0 : 7;
  for (int i = 0; i < 5; i++) {
    double t = from + 7 * i, want = t <= 10 ? 100 - t : fmax(0, 90 - 5 * (t - 10));
    assert_near(r->kept->level[i], want / 100, 1e-9);
  }
  assert_near((double)r->kept->request[0].completed_ns / 1e9, 28, 2e-9);
  assert_near(r->summary.place[0].battery_life_mean_s, 28, 1e-8);
  rig_free(r);
}

/* 1 kJ lasts longer than the run. */
static void a_full_battery_has_no_life_to_tell(void **state)
{
  (void)state;
  struct rig *r = on_battery(1000);
  rig_run(r);
  assert_near(r->summary.place[0].battery_emptied_ratio, 0, 0);
  assert_true(isnan(r->summary.place[0].battery_life_mean_s));
  rig_free(r);
}

/* Charged with 11 W x 0.5 from 33 s on: 5 % after 5 / 5.5 s; the request of 40 s is served: 30 s at 5 W. */
static void they_come_back(void **state)
{
  (void)state;
  struct charger_def charger = {.power_w = 11, .efficiency = 0.5, .from_s = 33};
  struct rig *r = on_battery(100);
  battery.charger = &charger;
  rig_run(r);
  assert_int_equal(r->kept->request[3].status, STATUS_COMPLETED);
  assert_near((double)r->kept->request[3].completed_ns / 1e9, 70, 1e-8);
  assert_near(r->summary.place[0].battery_dead_ratio * r->summary.run_s, 5 + 5 / 5.5, 1e-7);
  rig_free(r);
}

/* 1 MB at 1 MB/s and 2 W: 2 J of the radio each, at once; 1 W idle. 16 J: 16 - 10 - 2 = 4 at 10 s, empty at 14 s. */
static void the_radio_takes_its_part(void **state)
{
  (void)state;
  struct rig *r = on_battery(16);
  r->plan[0][0] = plan_at(1);
  r->work[0][0].time_s = always(0);
  r->klass[0].input_bytes = amount(1e6);
  r->link[0].up_byte_per_s = 1e6;
  r->link[0].device_tx_w = 2;
  r->def.horizon.duration_s = 25;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  assert_int_equal(r->kept->request[1].status, STATUS_NO_POWER);
  assert_near(r->summary.place[0].battery_dead_ratio * r->summary.run_s, r->summary.run_s - 14, 1e-8);
  assert_near(r->summary.energy_total_j, 16, 1e-8);
  rig_free(r);
}

/* Edge: 100 W idle, 300 W busy, PUE 1.5, 360 g/kWh: 1e-4 g/J; phone: 2 W idle. One job of 1 s at 10 s; 1e6 B at 1e-6 J/B,
 * 0.5 W of the line all the time. */
static void boundaries(void **state)
{
  (void)state;
  struct carbon_def grid;
  for (int h = 0; h < HOURS; h++) grid.g_per_kwh[h] = 360;
  grid.start_hour = 0;
  for (int b = BOUNDARY_SERVER; b <= BOUNDARY_FACILITY; b++) {
    struct rig *r = rig_new();
    struct supply_def house = {.pue = 1.5};
    r->def.carbon = &grid;
    r->def.boundary = (enum energy_boundary)b;
    r->plan[0][0] = plan_at(1);
    r->klass[0].input_bytes = amount(1e6);
    r->link[0].j_per_byte = 1e-6;
    r->link[0].base_w = 0.5;
    r->place[0].idle_w = r->place[0].busy_w = 2;
    r->place[1].idle_w = 100;
    r->place[1].busy_w = 300;
    r->place[1].supply = &house;
    rig_run(r);
    double run_s = r->summary.run_s, server_j = 200 + 100 * run_s, network_j = 1 + 0.5 * run_s;
    double total_j = 2 * run_s + (b != BOUNDARY_DEVICE ? network_j : 0) + (b == BOUNDARY_SERVER ? server_j : 0)
                     + (b == BOUNDARY_FACILITY ? 1.5 * server_j : 0);
    double direct_j = (b != BOUNDARY_DEVICE) + (b == BOUNDARY_SERVER ? 200 : b == BOUNDARY_FACILITY ? 300 : 0);
    assert_near(r->summary.energy_total_j, total_j, 1e-9);
    assert_near(r->summary.energy_direct_j, direct_j, 1e-9);
    assert_near(r->kept->request[0].energy_direct_j, direct_j, 1e-9);
    assert_near(r->summary.energy_facility_j, 2 * run_s + network_j + 1.5 * server_j, 1e-9);
    assert_near(r->summary.carbon_g, 1e-4 * total_j, 1e-9);
    rig_free(r);
  }
}

/* What a phone spends to hear reports is the phone's: 2 W for 10 B at 10 B/s, a report of two places each second. */
static void reports_at_a_device(void **state)
{
  (void)state;
  for (int b = BOUNDARY_SERVER; b <= BOUNDARY_ACCESS; b++) {
    struct rig *r = rig_new();
    r->def.boundary = (enum energy_boundary)b;
    r->plan[0][0] = plan_at(1);
    r->plan[0][1] = plan_origin();
    r->task[0].n_plans = 2;
    r->policy = (struct policy_def){.name = "cost_aware", .policy = "cost_aware", .at_place = NONE};
    r->def.telemetry = (struct telemetry_def){.refresh_s = 1, .bytes_per_report = 10};
    r->link[0].up_byte_per_s = r->link[0].down_byte_per_s = 10;
    r->link[0].device_rx_w = 2;
    rig_run(r);
    double reports = r->summary.telemetry_bytes / 10;
    assert_true(reports > 1);
    assert_near(r->summary.energy_total_j, 2 * reports, 1e-9);
    rig_free(r);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(jobs_share_power), cmocka_unit_test(clocks_cost_their_cube), cmocka_unit_test(plans_choose_clocks),
    cmocka_unit_test(policies_choose_clocks), cmocka_unit_test(bounds_know_of_throttling), cmocka_unit_test(warm_devices_are_slow),
    cmocka_unit_test(empty_batteries_end_requests), cmocka_unit_test(levels_over_time), cmocka_unit_test(a_full_battery_has_no_life_to_tell),
    cmocka_unit_test(they_come_back),
    cmocka_unit_test(the_radio_takes_its_part), cmocka_unit_test(boundaries), cmocka_unit_test(reports_at_a_device)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
