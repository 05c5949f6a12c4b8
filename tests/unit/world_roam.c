/* One car and two cells, by hand: 1 MB up and 0.5 MB down over 1 MB/s of air, 4 s of work at `nearest`, 2 MB/s from each
 * cell to the cloud. Without a change-over: 0 .. 1 up, 1 .. 5 at work, 5 .. 5.5 down. */
#include "models/mobility.h"
#include "tests/unit/world_rig.h"

enum { CAR, CELL, CLOUD, AIR = 0, BACK = 1 };
static const double MB = 1e6, T0 = 1000;                 /* the request comes */

struct roam { struct rig *r; struct spread_def cells; struct mobility_def mobility; struct track track; struct track_point row[4];
              double bytes[2], relayed; };

static struct roam *roam_new(enum in_flight rule, int n, const double *moves_s)
{
  static const double x[] = {0, 1000};
  struct roam *m = calloc(1, sizeof *m);
  struct rig *r = m->r = rig_new();
  m->cells = (struct spread_def){.x_m = x, .y_m = x, .at = NONE};
  m->row[0] = (struct track_point){.cell = 0};
  for (int i = 0; i < n; i++) m->row[i + 1] = (struct track_point){T0 + moves_s[i], 0, 0, (i + 1) % 2};
  m->track = (struct track){n + 1, m->row};
  m->mobility = (struct mobility_def){.walk = {.kind = WALK_TRACE, .n_tracks = 1, .track = &m->track}, .to = CELL,
                                      .path_loss = 4, .in_flight = rule};
  r->place[CAR].mobility = &m->mobility;
  r->place[CELL].count = 2;
  r->place[CELL].spread = &m->cells;
  r->place[CELL].busy_w = 10;
  r->place[CELL].idle_w = 0;
  r->link[AIR].up_byte_per_s = r->link[AIR].down_byte_per_s = MB;
  r->link[AIR].shared_by = SHARED_BY_CELL;
  r->link[AIR].device_tx_w = 1;
  r->link[BACK].up_byte_per_s = r->link[BACK].down_byte_per_s = 2 * MB;
  r->link[BACK].j_per_byte = 1e-6;
  for (int k = 0; k < 2; k++) r->link[k].a_member = r->link[k].b_member = NONE;
  rig_task(r, 0, 0, 4, (struct plan_def){WORD_NEAREST, NONE, 0, 0, "nearest", 0});
  r->task[0].output_bytes = amount(0.5 * MB);
  r->klass[0].input_bytes = amount(MB);
  r->klass[0].state_bytes = amount(MB);
  r->klass[0].arrivals.interarrival_s = always(T0);
  r->def.horizon.duration_s = T0 + 100;
  r->def.record_transfers = true;
  return m;
}

/* Phases follow one another; bytes of records by link. */
static void run(struct roam *m)
{
  rig_run(m->r);
  const struct kept *k = m->r->kept;
  assert_int_equal(k->requests, 1);
  for (int i = 0; i < k->attempts; i++) {
    int64_t sum = 0;
    for (int p = 0; p < N_PHASES; p++) sum += k->attempt[i].phase_ns[p];
    assert_int_equal(k->attempt[i].started_ns + sum, k->attempt[i].ended_ns);
  }
  for (int i = 0; i < k->transfers; i++) {
    m->bytes[k->transfer[i].link] += k->transfer[i].bytes;
    m->relayed += k->transfer[i].kind == TRANSFER_RELAY ? k->transfer[i].bytes : 0;
  }
  assert_int_equal(m->r->summary.zone_violations, 0);
}

static void ends_at(const struct roam *m, double s, enum status status)
{
  assert_int_equal(m->r->kept->request[0].status, status);
  assert_int_equal(m->r->kept->request[0].completed_ns, ms((T0 + s) * 1e3));
}

static void moved_bytes(const struct roam *m, double air, double back, double relayed)
{
  assert_true(fabs(m->bytes[AIR] - air) < 1e-3 && fabs(m->bytes[BACK] - back) < 1e-3);
  assert_true(fabs(m->relayed - relayed) < 1e-3);
}

static void counts(const struct roam *m, uint64_t relayed, uint64_t migrated, uint64_t moved)
{
  assert_int_equal(m->r->summary.relayed, relayed);
  assert_int_equal(m->r->summary.migrated, migrated);
  assert_int_equal(m->r->summary.moved, moved);
}

static void roam_free(struct roam *m)
{
  rig_free(m->r);
  free(m);
}

static void nothing_moves(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 1, (double[]){50});
  run(m);
  ends_at(m, 5.5, STATUS_COMPLETED);
  moved_bytes(m, 1.5 * MB, 0, 0);
  counts(m, 0, 0, 0);
  roam_free(m);
}

/* While it works: the result goes from cell 0 over the cloud to cell 1, 0.25 s each, then down. */
static void at_work_relayed(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 1, (double[]){2});
  m->mobility.interruption_s = 0.05;                    /* long over */
  run(m);
  ends_at(m, 6, STATUS_COMPLETED);
  moved_bytes(m, 1.5 * MB, MB, MB);
  counts(m, 1, 0, 0);
  assert_true(fabs(m->r->kept->attempt[0].energy_network_j - 1) < 1e-9);
  roam_free(m);
}

/* 1 s of 4 is done; 1 MB of state takes 1 s; 3 s are left. Both cells are paid for what they did. */
static void at_work_migrates(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_MIGRATE, 1, (double[]){2});
  run(m);
  ends_at(m, 6.5, STATUS_COMPLETED);
  moved_bytes(m, 1.5 * MB, 2 * MB, 2 * MB);
  counts(m, 0, 1, 0);
  const struct attempt_record *a = m->r->kept->attempt;
  assert_int_equal(m->r->kept->attempts, 2);
  assert_true(a[0].status == STATUS_MOVED && a[0].member == 0 && a[1].status == STATUS_COMPLETED && a[1].member == 1);
  assert_true(fabs(a[0].energy_server_j - 10) < 1e-6 && fabs(a[1].energy_server_j - 30) < 1e-6);
  assert_true(fabs(a[0].bytes_up - MB) < 1e-6 && a[1].bytes_up == 0 && fabs(a[1].bytes_down - 0.5 * MB) < 1e-6);
  roam_free(m);
}

static void at_work_fails(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_FAIL, 1, (double[]){2});
  run(m);
  ends_at(m, 2, STATUS_MOVED);
  moved_bytes(m, MB, 0, 0);
  counts(m, 0, 0, 1);
  roam_free(m);
}

/* The class has its own rule. */
static void class_before_place(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_FAIL, 1, (double[]){2});
  m->r->klass[0].in_flight = IN_FLIGHT_RELAY;
  run(m);
  ends_at(m, 6, STATUS_COMPLETED);
  roam_free(m);
}

/* After 0.3 MB: all is sent again from 0.35 s on, to cell 1, and on to cell 0; back the same way. 0.3 J are lost. */
static void on_its_way_up(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 1, (double[]){0.3});
  m->mobility.interruption_s = 0.05;
  run(m);
  ends_at(m, 0.35 + 1 + 1 + 4 + 0.5 + 0.5, STATUS_COMPLETED);
  moved_bytes(m, 1.8 * MB, 3 * MB, 3 * MB);
  counts(m, 1, 0, 0);
  assert_true(fabs(m->r->kept->attempt[0].energy_device_j - 1.3) < 1e-9);
  roam_free(m);
  m = roam_new(IN_FLIGHT_MIGRATE, 1, (double[]){0.3});  /* to cell 1 at once: 4 s of work there */
  m->mobility.interruption_s = 0.05;
  run(m);
  ends_at(m, 0.35 + 1 + 4 + 0.5, STATUS_COMPLETED);
  moved_bytes(m, 1.8 * MB, 0, 0);
  counts(m, 0, 1, 0);
  roam_free(m);
}

/* 0.2 of 0.5 MB are through; cell 0 has all of it and sends it after the car. */
static void on_its_way_down(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 1, (double[]){5.2});
  m->mobility.interruption_s = 0.6;                     /* longer than the way */
  run(m);
  ends_at(m, 5.8 + 0.5, STATUS_COMPLETED);
  moved_bytes(m, 1.7 * MB, MB, MB);
  roam_free(m);
  m = roam_new(IN_FLIGHT_FAIL, 1, (double[]){5.2});
  run(m);
  ends_at(m, 5.2, STATUS_MOVED);
  moved_bytes(m, 1.2 * MB, 0, 0);
  roam_free(m);
}

/* The cloud works on; only the answer takes another way. */
static void elsewhere(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_FAIL, 1, (double[]){2});
  rig_task(m->r, 0, 0, 4, plan_at(CLOUD));
  m->r->task[0].output_bytes = amount(0.5 * MB);
  run(m);
  ends_at(m, 1 + 0.5 + 4 + 0.25 + 0.5, STATUS_COMPLETED);
  moved_bytes(m, 1.5 * MB, 1.5 * MB, 0);
  counts(m, 0, 0, 0);
  roam_free(m);
}

/* The way after the car leads through a zone that the class forbids: the answer waits in cell 0 until the car is back. */
static void forbidden_zone(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 2, (double[]){2, 10});
  m->r->klass[0].zones = 1 | 2;
  for (int k = 0; k < 2; k++) m->r->link[k].zones = k ? 2 | 4 : 1 | 2;
  run(m);
  ends_at(m, 10.5, STATUS_COMPLETED);
  moved_bytes(m, 1.5 * MB, 0, 0);
  roam_free(m);
}

/* A stream does not slip through: without a way for it it waits like a message, until the car is back. */
static void forbidden_zone_of_a_stream(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_RELAY, 2, (double[]){2, 10});
  m->r->task[0].stream = true;
  m->r->klass[0].zones = 1 | 2;
  for (int k = 0; k < 2; k++) m->r->link[k].zones = k ? 2 | 4 : 1 | 2;
  run(m);
  ends_at(m, 10.5, STATUS_COMPLETED);
  assert_int_equal(m->r->kept->request[0].first_token_ns, m->r->kept->request[0].completed_ns);
  moved_bytes(m, 1.5 * MB, 0, 0);
  roam_free(m);
}

/* Members of another place that stand somewhere are nothing to whose way does not lead there. */
static void places_beside(void **state)
{
  (void)state;
  static const double x[] = {0, 1000};
  struct spread_def clouds = {.x_m = x, .y_m = x, .at = NONE};
  int64_t completed[2];
  for (int beside = 0; beside < 2; beside++) {
    struct rig *r = rig_new();
    r->link[AIR].latency_s = drawn("lognormal", 0.02, 0.7);
    rig_task(r, 0, 0, 4, (struct plan_def){WORD_NEAREST, NONE, 0, 0, "nearest", 0});
    r->task[0].output_bytes = r->klass[0].input_bytes = amount(MB);
    r->klass[0].arrivals.interarrival_s = always(T0);
    r->def.horizon.duration_s = T0 + 100;
    if (beside) r->place[CLOUD].count = 2;
    if (beside) r->place[CLOUD].spread = &clouds;
    rig_run(r);
    assert_int_equal(r->kept->requests, 1);
    completed[beside] = r->kept->request[0].completed_ns;
    rig_free(r);
  }
  assert_int_equal(completed[0], completed[1]);
}

/* A time limit counts from the first attempt on. */
static void limits_move_along(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_MIGRATE, 1, (double[]){2});
  m->r->task[0].timeout_s = 6;
  run(m);
  ends_at(m, 6, STATUS_TIMEOUT);
  roam_free(m);
}

/* There and back while it is still being moved: the state is at cell 0 all the time, and comes back there. */
static void moves_twice(void **state)
{
  (void)state;
  struct roam *m = roam_new(IN_FLIGHT_MIGRATE, 2, (double[]){2, 4});
  run(m);                                               /* 1 .. 2, 3 .. 4 at work; state back 4 .. 5; 5 .. 7 */
  ends_at(m, 7.5, STATUS_COMPLETED);
  counts(m, 0, 1, 0);
  assert_int_equal(m->r->kept->attempts, 3);
  roam_free(m);
  m = roam_new(IN_FLIGHT_MIGRATE, 2, (double[]){2, 2.5});
  run(m);                                               /* half a second of moving: 1 .. 2, 2.5 .. 5.5 at work */
  ends_at(m, 6, STATUS_COMPLETED);
  roam_free(m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nothing_moves), cmocka_unit_test(at_work_relayed), cmocka_unit_test(at_work_migrates),
    cmocka_unit_test(at_work_fails), cmocka_unit_test(class_before_place), cmocka_unit_test(on_its_way_up),
    cmocka_unit_test(on_its_way_down), cmocka_unit_test(elsewhere), cmocka_unit_test(forbidden_zone), cmocka_unit_test(forbidden_zone_of_a_stream), cmocka_unit_test(places_beside),
    cmocka_unit_test(limits_move_along), cmocka_unit_test(moves_twice)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
