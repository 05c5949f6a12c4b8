/* Sustained rate by hand: full rate until 10 s of load, half from there; idle, two seconds take back one of load. */
#include "tests/unit/station_rig.h"
#include "models/station_parts.h"
#include "sim/rng.h"

static const double LOAD_S[] = {0, 10}, RATE[] = {1, 0.5};
static const struct sustained_def half = {.n = 2, .load_s = LOAD_S, .rate = RATE, .recovery = 0.5};
static const struct token_cost plain = {
  .available = true, .prefill_tok_per_s = 100, .step_a_s = 0.08, .step_c_s = 0.02, .max_batch = 8};

static struct demand work(double s) { return (struct demand){.time_s = s, .sustained = &half, .deadline = SIM_NEVER}; }

static struct demand urgent(double s, int priority)
{
  struct demand d = work(s);
  d.priority = priority;
  return d;
}

static struct demand tokens(const struct token_cost *cost, double in, double out, const struct sustained_def *d)
{
  return (struct demand){.cost = cost, .tok_in = in, .tok_out = out, .sustained = d};
}

/* 20 s: 10 at the full rate, 10 / 0.5; B right behind it gets half; C goes on at 64 s with 30 s of idleness before. */
static void slots(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, work(20)), job('B', 1, work(1)), job('C', 62, work(10)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B+30 A.30 B.32 C+62 C.72");
  /* ... and with 10 s of idleness half of the heat is left: 5 s at the full rate, 15 / 0.5 */
  struct scripted warm[] = {job('A', 0, work(20)), job('B', 40, work(20))};
  rig_expect(FIFO, 1, 1, 0, warm, 2, "A+0 A.30 B+40 B.75");
  struct scripted again[] = {job('A', 0, work(4)), job('B', 4, work(20))};
  rig_expect(FIFO, 1, 1, 0, again, 2, "A+0 A.4 B+4 B.38");
}

static void two_at_once(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, work(20)), job('B', 5, work(10)));  /* B: 5 s, then 5 / 0.5 */
  rig_expect(FIFO, 2, 1, 0, jobs, n, "A+0 B+5 B.20 A.30");
}

/* A has done 10 + 2 * 0.5 when B comes at 12; B takes 5 / 0.5, what is left of A 9 / 0.5. */
static void preempted(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, urgent(20, 1)), job('B', 12, urgent(5, 0)));
  rig_expect(PRIORITY_PREEMPTIVE, 1, 1, 0, jobs, n, "A+0 B+12 B.22 A.40");
  struct scripted leaves[] = {leaver('A', 0, work(20), 15), job('B', 15, work(1))};
  rig_expect(FIFO, 1, 1, 0, leaves, 2, "A+0 A-15 B+15 B.17");
}

/* 5 s of prompt, 50 of 100 steps of 0.1 s until 10 s, the others at half the rate. With B, whose prompt ends at 10 s:
 * steps of 0.12 / 0.5, A has 50 left, then B alone 50 of 0.1 / 0.5. */
static void token_service(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 500, 101, &half)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 A!5 A.20");
  struct scripted two[] = {job('A', 0, tokens(&plain, 500, 101, &half)), job('B', 5, tokens(&plain, 500, 101, &half))};
  rig_expect(FIFO, 1, 1, 0, two, 2, "A+0 A!5 B+5 B!10 A.22 B.32");
  struct scripted gap[] = {leaver('A', 0, tokens(&plain, 500, 101, &half), 8),
                           job('B', 10, tokens(&plain, 0, 101, &half))};    /* heat 7: 30 steps, then 70 of 0.2 */
  rig_expect(FIFO, 1, 1, 0, gap, 2, "A+0 A!5 A-8 B+10 B!10 B.27");
}

/* A prompt of 50, 11 tokens: 55.5 tokens on average, so steps of 0.1 + 0.0555 s; two together read both contexts. */
static void context_is_read(void **state)
{
  (void)state;
  const struct token_cost law = {
    .available = true, .prefill_tok_per_s = 100, .step_a_s = 0.1, .step_s_per_kv_tok = 0.001, .max_batch = 8};
  SCRIPT(job('A', 0, tokens(&law, 50, 11, NULL)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 A!0.5 A.2.055");
  /* B of the context 5.5: 10 steps of 0.161 from 0.5 on, A's last is at the same time */
  struct scripted two[] = {job('A', 0, tokens(&law, 50, 11, NULL)), job('B', 0, tokens(&law, 0, 11, NULL))};
  rig_expect(FIFO, 1, 1, 0, two, 2, "A+0 B+0.5 A!0.5 B!0.5 A.2.11 B.2.11");
}

static void batches(void **state)
{
  (void)state;
  const struct batching_def all = {.kind = BATCH_TAKE_ALL, .size = UINT32_MAX, .time_of = BATCH_CURVE,
                                   .time_s = {.a = 10, .c = 2}};
  struct rig r;
  SCRIPT(job('A', 0, work(0)), job('B', 1, work(0)), job('C', 1, work(0)));
  rig_init(&r, FIFO, 1, 1, 0, jobs, n, 0);
  stations_free(r.station, 1);
  r.place.batching = &all;
  r.station = stations_new(r.sim, &r.place, NULL, &rig_events, 1);
  sim_run(r.sim, SIM_NEVER);
  assert_string_equal(r.log, "A+0 B+14 C+14 A.14 B.42 C.42");   /* 12 = 10 + 2 / 0.5; 14 / 0.5 */
  rig_check_sums(&r);
  rig_free(&r);
}

/* A curve of full rate is no curve; work there and back is the same work; sums hold in random scripts. */
static void curve_of_one(void **state)
{
  (void)state;
  const double flat[] = {1, 1};
  const struct sustained_def one = {.n = 2, .load_s = LOAD_S, .rate = flat, .recovery = 1};
  for (uint64_t seed = 1; seed <= 50; seed++) {
    struct rng_root root = rng_root_make(seed, 1);
    struct rng rng = rng_open(&root, rng_name("heat"), 0, 0);
    struct scripted with[40], without[40];
    for (int i = 0; i < 40; i++) {
      struct demand d = {.time_s = 5 * rng_uniform(&rng), .priority = (int)(3 * rng_uniform(&rng)),
                         .deadline = SIM_NEVER};
      without[i] = job('a', 60 * rng_uniform(&rng), d);
      with[i] = without[i];
      with[i].demand.sustained = &one;
    }
    struct rig a, b;
    rig_init(&a, PRIORITY_PREEMPTIVE, 2, 1, 0, with, 40, 0);
    rig_init(&b, PRIORITY_PREEMPTIVE, 2, 1, 0, without, 40, 0);
    sim_run(a.sim, SIM_NEVER);
    sim_run(b.sim, SIM_NEVER);
    assert_string_equal(a.log, b.log);
    rig_free(&a);
    rig_free(&b);
    for (int i = 0; i < 40; i++) with[i] = job('a', with[i].at_s, with[i].demand), with[i].demand.sustained = &half;
    rig_init(&a, PRIORITY_PREEMPTIVE, 2, 1, 0, with, 40, seed);
    sim_run(a.sim, SIM_NEVER);
    rig_check_sums(&a);
    rig_free(&a);
  }
}

static void there_and_back(void **state)
{
  (void)state;
  struct station_kind kind = {.derated = true};
  for (int heat = 0; heat <= 30; heat += 3)
    for (int s = 0; s < 40; s++) {
      struct station_extra extra = {.sustained = &half, .heat = ns_from_s(heat)};
      struct station station = {.kind = &kind, .extra = &extra};
      sim_time wall = heat_lasts(&station, ns_from_s(s));
      double first = fmin(s, fmax(0, 10 - heat));
      assert_int_equal(wall, ns_from_s(first + (s - first) / 0.5));
      extra.heat += wall;
      assert_int_equal(heat_done(&station, wall), ns_from_s(s));
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(slots), cmocka_unit_test(two_at_once), cmocka_unit_test(preempted),
    cmocka_unit_test(token_service), cmocka_unit_test(context_is_read), cmocka_unit_test(batches),
    cmocka_unit_test(curve_of_one), cmocka_unit_test(there_and_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
