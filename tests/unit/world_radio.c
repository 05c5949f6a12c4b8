/* Radios in a world: who waits for a promotion, and who pays for which joule. Network by the LTE of 2012. */
#include "models/network.h"
#include "tests/unit/world_rig.h"

#define near(a, b) \
  do { double x_ = (a), y_ = (b); if (!(fabs(x_ - y_) <= 1e-9 * (1 + fabs(y_)))) fail_msg("%.12g is not %.12g", x_, y_); } while (0)

static const struct radio_def lte = {
  .name = "lte", .up_j_per_byte = 0.43839 / 125e3, .down_j_per_byte = 0.05197 / 125e3, .base_w = 1.28804, .n_stages = 2,
  .stage = {{.name = "tail", .for_s = 11.576, .power_w = 1.06},
            {.name = "idle", .cycle_s = 1.28, .on_s = 0.0432, .on_w = 0.5943, .resume_s = 0.2601, .resume_w = 1.2107}}};
static const double PROMOTION = 0.2601 * 1.2107, TAIL = 11.576 * 1.06, UP = 8 * 0.43839 + 1.28804;     /* 1 s at 1 MB/s */

/* 1 MB up at 1 MB/s and 10 ms latency, 2 s of service, 100 kB down at 1 MB/s; a request each `gap_s`. */
static struct rig *rig_of(double gap_s, double duration_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 2, plan_at(1));
  r->klass[0].input_bytes = amount(1e6);
  r->task[0].output_bytes = amount(1e5);
  r->link[0].up_byte_per_s = r->link[0].down_byte_per_s = 1e6;
  r->link[0].latency_s = always(0.01);
  r->link[0].radio = &lte;
  r->klass[0].arrivals.interarrival_s = always(gap_s);
  r->def.horizon.duration_s = duration_s;
  return r;
}

static double idle_j(double s) { return 0.5943 * 0.0432 / 1.28 * s; }

/* Each request from idle: promotion, up, 2.01 s of tail, down, a whole tail. Residual: what the radio spends idle. */
static void test_alone(void **state)
{
  (void)state;
  struct rig *r = rig_of(100, 550);
  rig_run(r);
  assert_int_equal(r->kept->attempts, 5);
  for (int i = 0; i < 5; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    near(s_from_ns(a->phase_ns[PHASE_UPLINK]), 0.2601 + 1 + 0.01);
    near(s_from_ns(a->phase_ns[PHASE_DOWNLINK]), 0.1 + 0.01);
    near(a->energy_device_j, PROMOTION + UP + 2.01 * 1.06 + 0.1 * (8 * 0.05197 + 1.28804) + TAIL);
  }
  double busy_s = 0.2601 + 1 + 2.01 + 0.1 + 11.576, rest = r->summary.energy_total_j - r->summary.energy_direct_j;
  assert_true(fabs(rest - idle_j(r->summary.run_s - 5 * busy_s)) <= 6 * 0.0432 * 0.5943);
  rig_free(r);
}

/* 5 s apart: the second and third start in the tail; they wait for no promotion and pay for the gap, not for a tail. */
static void test_in_the_tail(void **state)
{
  (void)state;
  struct rig *r = rig_of(5, 17);
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_int_equal(r->kept->attempts, 3);
  double down_j = 0.1 * (8 * 0.05197 + 1.28804), first_end = 0.2601 + 1 + 2.01 + 0.1, gap_s = 5 - first_end;
  near(s_from_ns(a[1].phase_ns[PHASE_UPLINK]), 1.01);
  near(a[1].energy_device_j, (gap_s + 2.01) * 1.06 + UP + down_j);
  near(a[2].energy_device_j, (5 - 3.11 + 2.01) * 1.06 + UP + down_j);
  near(a[0].energy_device_j + a[1].energy_device_j + a[2].energy_device_j,
       PROMOTION + 3 * (UP + down_j + 2.01 * 1.06) + (gap_s + 5 - 3.11) * 1.06 + TAIL);
  rig_free(r);
}

/* Cut in the promotion, in the middle of the bytes, and on the way behind the radio. */
static void test_cut(void **state)
{
  (void)state;
  static const struct { double timeout_s, moved, base_s; } cut[] = {{0.1, 0, 0}, {0.7601, 0.5e6, 0.5}, {1.265, 1e6, 1}};
  for (int i = 0; i < 3; i++) {
    struct rig *r = rig_of(1000, 1500);
    r->task[0].timeout_s = cut[i].timeout_s;
    r->def.record_transfers = true;
    rig_run(r);
    const struct attempt_record *a = &r->kept->attempt[0];
    assert_int_equal(a->status, STATUS_TIMEOUT);
    near(a->bytes_up, cut[i].moved);
    near(a->energy_device_j, PROMOTION + cut[i].moved * lte.up_j_per_byte + cut[i].base_s * 1.28804 + TAIL);
    rig_free(r);
  }
}

/* The first token of a stream finds an idle radio: it waits for the paging cycle and a second promotion, and pays. */
static void test_stream(void **state)
{
  (void)state;
  struct rig *r = rig_of(1000, 1500);
  r->task[0].stream = true;
  r->work[0][0].time_s = always(30);
  rig_run(r);
  const struct attempt_record *a = &r->kept->attempt[0];
  assert_int_equal(a->status, STATUS_COMPLETED);
  double first_s = s_from_ns(a->first_output_ns - a->started_ns), heard_s = s_from_ns(r->kept->request[0].first_token_ns);
  double listens_s = heard_s - s_from_ns(a->first_output_ns) - 0.01;
  print_message("first output %.4f s after the start, heard %.4f s later\n", first_s, listens_s);
  assert_true(listens_s >= 0.2601 && listens_s <= 0.2601 + 1.28);
  near(a->energy_device_j, 2 * PROMOTION + UP + 2 * TAIL + 1e5 * lte.down_j_per_byte);
  rig_free(r);
}

/* A second device and random requests: direct + residual = total is asserted by the run itself; and the radio's totals
 * are the attempts'. */
static void test_conservation(void **state)
{
  (void)state;
  struct rig *r = rig_of(1, 2000);
  r->place[0].count = 7;
  r->place[1].servers = 8;
  r->klass[0].arrivals.interarrival_s = drawn("exponential", 3, NAN);
  rig_run(r);
  double sum = 0;
  for (int i = 0; i < r->kept->attempts; i++) sum += r->kept->attempt[i].energy_device_j;
  assert_true(r->kept->attempts > 500 && r->kept->attempts < KEPT);
  assert_true(fabs(sum - r->summary.energy_direct_j) <= 1e-9 * sum);
  rig_free(r);
}

/* What policies are told of 1 MB up: the promotion, base power at the mean rate, the bytes and a tail; behind a connection
 * TCP's round trip (10 ms each way) and the stall after a first flight of 14.6 kB at 1 MB/s. */
static void test_estimates(void **state)
{
  (void)state;
  static const struct transport_def tcp = {.protocol = TRANSPORT_TCP, .keep_s = 60, .rto_s = 1, .cpu_speed = 1};
  struct rig *r = rig_of(1, 10);
  r->link[0].transport = &tcp;
  struct err err;
  err_init(&err);
  struct sim *sim = sim_new();
  struct topology *map = topology_new(&r->def, &err);
  struct rng_root root = rng_root_make(1, 0);
  struct network *n = network_new(sim, &r->def, map, &root, NULL);
  struct endpoint phone = {0, 0}, edge = {1, 0};
  struct transfer_cost up = {0}, down = {0};
  near(network_estimate(n, phone, edge, 1e6, &up), 0.2601 + 0.02 + (0.02 - 0.0146) + 1 + 0.01);
  near(up.device_j, PROMOTION + UP + TAIL);
  near(network_estimate(n, edge, phone, 1e5, &down), 0.0054 + 0.1 + 0.01);
  near(down.device_j, 0.1 * (8 * 0.05197 + 1.28804));
  near(network_cost(n, phone, edge, 1e6).device_j, 8 * 0.43839);        /* beside the queues: bytes */
  network_free(n);
  topology_free(map);
  sim_free(sim);
  err_release(&err);
  rig_free(r);
}

/* After a promotion 1 MB flows at 0.25 MB/s for 2 s, then at 1 MB/s: 0.5 s after these. In the tail it is fast at once; what the
 * anchor is faster than the link for is not slowed down. */
static void test_anchor(void **state)
{
  (void)state;
  struct radio_def nsa = lte;
  nsa.anchor_s = 2;
  nsa.anchor_byte_per_s[0] = 0.25e6;
  nsa.anchor_byte_per_s[1] = 1e9;
  near(radio_anchor_s(30e6, 20e6, 5e6, 1.65), 1.2375);
  near(radio_anchor_s(5e6, 20e6, 5e6, 1.65), 0.75);
  struct rig *r = rig_of(6, 17);
  r->link[0].radio = &nsa;
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  near(s_from_ns(a[0].phase_ns[PHASE_UPLINK]), 0.2601 + 2 + 0.5 + 0.01);
  near(s_from_ns(a[0].phase_ns[PHASE_DOWNLINK]), 0.11);
  near(s_from_ns(a[1].phase_ns[PHASE_UPLINK]), 1.01);
  near(a[0].energy_device_j, PROMOTION + 8 * 0.43839 + 2.5 * 1.28804 + 2.01 * 1.06 + 0.1 * (8 * 0.05197 + 1.28804) + TAIL);
  r->link[0].radio = &lte;
  rig_free(r);
}

/* 40 mW besides. All that the device spends comes from its battery: uses at once, idle power all the time; those of 100 s
 * apart by hand as above. Empty, neither draws. */
static void test_battery(void **state)
{
  (void)state;
  static struct battery_def battery = {.capacity_j = 1000, .start = 1, .restart = 0.05};
  static struct supply_def supply = {.pue = 1, .battery = &battery};
  const double gaps[] = {100, 5, 8};
  for (int i = 0; i < 3; i++) {
    struct rig *r = rig_of(gaps[i], i == 0 ? 550 : 60);
    r->def.boundary = BOUNDARY_DEVICE;
    r->place[0].supply = &supply;
    r->place[0].idle_w = r->place[0].busy_w = 0.04;
    rig_run(r);
    near(1000 * (1 - r->summary.place[0].battery_left_mean), r->summary.energy_total_j);
    assert_true(r->summary.energy_total_j > r->summary.energy_direct_j + 0.04 * r->summary.run_s);
    rig_free(r);
  }
  struct rig *r = rig_of(100, 550);
  battery.capacity_j = 2;                               /* idle: 40 + 20.06 mW, empty after 33.3 s */
  r->def.boundary = BOUNDARY_DEVICE;
  r->place[0].supply = &supply;
  r->place[0].idle_w = r->place[0].busy_w = 0.04;
  rig_run(r);
  double empty_s = 2 / (0.04 + 0.5943 * 0.0432 / 1.28);
  assert_true(fabs(r->summary.run_s * (1 - r->summary.place[0].battery_dead_ratio) - empty_s) < 1e-6);
  assert_true(fabs(r->summary.energy_total_j - 2) < 0.0432 * 0.5943);   /* parts of a cycle */
  assert_int_equal(r->kept->request[0].status, STATUS_NO_POWER);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_in_the_tail), cmocka_unit_test(test_cut),
                                     cmocka_unit_test(test_stream), cmocka_unit_test(test_conservation), cmocka_unit_test(test_estimates),
    cmocka_unit_test(test_anchor), cmocka_unit_test(test_battery)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
