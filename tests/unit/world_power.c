/* Power where service comes by the batch: shapes, batteries and temperatures with batches and LLM engines, power states of
 * GPUs; by hand. That direct + residual = total is asserted by each run itself. */
#include "scenarios/scenario.h"
#include "tests/unit/unit.h"
#include "tests/unit/world_rig.h"
#include <unistd.h>

static struct power_def concave;
static struct battery_def battery;
static struct supply_def supply;
static struct batching_def pairs;
static const int first_hardware[] = {0};

/* At the device, each half a second: pairs, 1 s + 0.5 s a member; two slots of a server that draws 10 W, busy 30 W. */
static struct rig *pairs_of(double slots)
{
  struct rig *r = rig_new();
  concave = power_def_default();
  concave.shape = POWER_CONCAVE;
  pairs = (struct batching_def){.kind = BATCH_FIXED, .size = 2, .time_of = BATCH_CURVE, .time_s = {.a = 1, .c = 0.5}};
  r->hardware[0] = (struct hardware_def){.name = "chip", .idle_w = 10, .busy_w = 30, .power = &concave};
  r->place[0].n_hardware = 1;
  r->place[0].hardware = first_hardware;
  r->place[0].slots = (int)slots;
  r->place[0].batching = &pairs;
  r->klass[0].arrivals.interarrival_s = always(0.5);
  r->def.horizon.duration_s = 100;
  r->def.horizon.max_requests = 4;
  return r;
}

/* Batches from 1, 2, 3 s on: the first alone for 1 s at 20 (1 - 0.5^1.4) W, together 10 W each; members share what is theirs. */
static void batches_share_power(void **state)
{
  (void)state;
  struct rig *r = pairs_of(2);
  rig_run(r);
  double alone_w = 20 * (1 - pow(0.5, 1.4));
  for (int i = 0; i < 4; i++)
    assert_near(r->kept->attempt[i].energy_device_j, i < 2 ? (alone_w + 10) / 2 : 10, 1e-9);
  rig_free(r);
}

/* 20 J a batch of 2 s, 1 W idle, batches one after the other from 2 s on: (100 - 2) / 11 s later it is empty. */
static void batches_drain_batteries(void **state)
{
  (void)state;
  struct rig *r = pairs_of(1);
  pairs.has_energy = true;
  pairs.energy_j = (struct batch_curve){.a = 10, .c = 5};
  battery = (struct battery_def){.capacity_j = 100, .start = 1, .restart = 0.05};
  supply = (struct supply_def){.pue = 1, .battery = &battery};
  r->place[0].supply = &supply;
  r->place[0].idle_w = 1;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.max_requests = 0;
  r->def.horizon.duration_s = 20;
  rig_run(r);
  assert_near(r->summary.place[0].battery_dead_ratio * r->summary.run_s, r->summary.run_s - (2 + 98 / 11.), 1e-7);
  assert_near(r->summary.energy_total_j, 100, 1e-7);
  assert_int_equal(r->kept->request[7].status, STATUS_COMPLETED);
  assert_int_equal(r->kept->request[8].status, STATUS_NO_POWER);
  rig_free(r);
}

/* ---- engines ------------------------------------------------------------------------------------------------------ */

static struct run_summary summary;
static struct place_summary place;
static struct kept kept;

/* One request at 10 s of 1 + 100000 tokens, 10 ms each: 1000 s of service. */
static void run_engine(const char *hardware, const char *of_place, const char *batching)
{
  char text[4096], path[] = "/tmp/world_power_XXXXXX.yaml";
  struct err err;
  err_init(&err);
  snprintf(text, sizeof text,
           "horizon: {duration: 15 s, drain_max: 1 h}\n"
           "variants: {m: {parameters: 1e9, weights: 1 GB, kv: 1 kB/tok, skill: 1, width: 0.1, top: 1}}\n"
           "hardware: {chip: {flops: 1 TFLOP/s, memory: 100 GB, %s}}\n"
           "places:\n"
           "  - {name: user, tier: device, zone: u, count: 1, hardware: chip, variants: m, %s\n"
           "     batching: {kind: continuous, max_num_seqs: 8, kv_blocks: 20000, step_time: {affine: {a: 10 ms, c: 0 ms, "
           "prefill: 1e9 tok/s}%s}}}\n"
           "classes:\n"
           "  - name: ask\n"
           "    from: user\n"
           "    arrivals: {closed: {users: 1, think: {constant: {value: 10 s}}}}\n"
           "    pipeline: [{task: write, variants: [m], work: {tokens: {input: 1, output: 100000}}, places: origin}]\n",
           hardware, of_place, batching);
  int fd = mkstemps(path, 5);
  assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
  memset(&kept, 0, sizeof kept);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  unlink(path);
  struct run_setup setup = {.def = s ? &s->world : NULL, .seed = 1, .sink = keeping(&kept)};
  struct world *w = s ? world_new(&setup, &err) : NULL;
  bool ran = w && world_run(w, &summary, &err);
  if (!ran) err_print(&err, stderr, false);
  assert_true(ran);
  place = summary.place[0];
  world_free(w);
  scenario_free(s);
}

/* 0.1 J each 10 ms and 1 W idle: 1000 J last for 10 + 990 / 11 s. */
static void engines_drain_batteries(void **state)
{
  (void)state;
  run_engine("idle_power: 1 W, busy_power: 1 W", "battery: 1000 J,", ", energy: {step: 0.1 J}");
  assert_int_equal(kept.request[0].status, STATUS_NO_POWER);
  assert_near((double)kept.request[0].completed_ns / 1e9, 100, 1e-6);
  assert_near(summary.energy_total_j, 1000, 1e-5);
}

/* Case alone, 4.9 K/W and 45 J/K, ambient 25 C, limit 42 C: 1 W for 10 s, then 10 W; halved at the limit 5 W keep it warm:
 * 25 + 5 x 4.9 > 40. Half the speed, from the next iteration on. */
static void engines_get_warm(void **state)
{
  (void)state;
  run_engine("idle_power: 1 W, busy_power: 1 W, thermal: {limit: 42 C, die_resistance: 4.1 K/W, case_resistance: 4.9 K/W, "
             "die_capacity: 1e-6 J/K, case_capacity: 45 J/K}", "", ", energy: {step: 0.09 J}");
  double rc = 4.9 * 45, t0 = 25 + 4.9 * (1 - exp(-10 / rc)), end = 25 + 49, t1 = -rc * log((end - 42) / (end - t0));
  double took = (double)(kept.request[0].completed_ns - kept.request[0].arrived_ns) / 1e9;
  assert_near(took, t1 + (1000 - t1) * 2, 0.05);
  assert_near(kept.attempt[0].energy_device_j, 9000, 0.2);
  assert_near(place.throttled_ratio * summary.run_s, (1000 - t1) * 2, 0.05);
}

/* One request on a GPU that draws 115 W with a model loaded, 486 W at 8, 691 W at 691 requests: 371 W for 1000 s. */
static void engines_draw_by_batch(void **state)
{
  (void)state;
  static const char gpu[] = "idle_power: 70 W, context_power: 115 W, power: {shape: batch, batches: [8, 691], table: [486 W, 691 W]}";
  run_engine(gpu, "", "");
  assert_near(kept.attempt[0].energy_device_j, 371 * 999.99 + 576 * 0.01, 1e-3);
  assert_near(summary.energy_total_j - summary.energy_direct_j, 115 * summary.run_s, 1e-3);
  run_engine(gpu, "instances: {min: 0, max: 1, keep_alive: 10 s},", "");
  double idle_j = summary.energy_total_j - summary.energy_direct_j;     /* bare until 10 s, then with its context */
  assert_near(idle_j, 70 * summary.run_s + 45 * (summary.run_s - 10), 1e-3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(batches_share_power), cmocka_unit_test(batches_drain_batteries),
    cmocka_unit_test(engines_drain_batteries), cmocka_unit_test(engines_get_warm), cmocka_unit_test(engines_draw_by_batch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
