/* Batches by hand: who is sent when, by each rule. Time of a batch of b: 2 + b seconds unless said otherwise. */
#include "tests/unit/station_rig.h"
#include "sim/rng.h"

static struct batching_def rule(enum batching_kind kind, uint32_t size)
{
  return (struct batching_def){.kind = kind, .size = size, .time_of = BATCH_CURVE, .time_s = {.a = 2, .c = 1},
                               .target_s = 4.5, .increase = 1, .decrease = 0.5};
}

static void refused(struct sim *sim, struct job *j) { (void)sim; rig_out(scripted_of(j), 'x'); }
static const struct station_events batch_events = {
  .started = rig_started, .first = rig_first, .done = rig_done, .refused = refused};

static void open_rig(struct rig *r, const struct batching_def *d, enum discipline discipline, int slots,
                     struct scripted *jobs, int n, uint64_t shuffle)
{
  rig_init(r, discipline, 1, slots, 0, jobs, n, shuffle);
  stations_free(r->station, 1);
  r->place.batching = d;
  r->station = stations_new(r->sim, &r->place, NULL, &batch_events, 1);
}

static void expect_in(const struct batching_def *d, enum discipline discipline, int slots, struct scripted *jobs, int n,
                      const char *log)
{
  struct rig r;
  open_rig(&r, d, discipline, slots, jobs, n, 0);
  sim_run(r.sim, SIM_NEVER);
  assert_string_equal(r.log, log);
  rig_check_sums(&r);
  rig_free(&r);
}

static void expect(const struct batching_def *d, struct scripted *jobs, int n, const char *log)
{
  expect_in(d, FIFO, 1, jobs, n, log);
}

static struct demand own(double s) { return (struct demand){.time_s = s, .deadline = SIM_NEVER}; }
static struct demand urgent(int priority) { return (struct demand){.priority = priority, .deadline = SIM_NEVER}; }
static struct demand due(double s) { return (struct demand){.deadline = ns_from_s(s)}; }
static double seconds(sim_time ns) { return s_from_ns(ns); }
static void near(double a, double b)
{
  if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

static void take_all(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_TAKE_ALL, UINT32_MAX);
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)), job('D', 5, own(0)));
  expect(&d, jobs, n, "A+0 B+3 C+3 A.3 D+7 B.7 C.7 D.10");
  assert_int_equal(jobs[0].job.batch_seen, 1);
  assert_int_equal(jobs[1].job.batch_seen, 2);
  assert_int_equal(jobs[2].job.batch_seen, 2);
  near(jobs[1].job.slot_s, 2);                          /* 4 s of one slot, shared by two */
  near(seconds(jobs[1].job.batch_ns), 0);               /* it waited for the instance, not for company */
  struct scripted two[] = {job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)), job('D', 1, own(0))};
  d.size = 2;
  expect(&d, two, 4, "A+0 B+3 C+3 A.3 D+7 B.7 C.7 D.10");
}

static void fixed(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_FIXED, 3);
  d.timeout_s = 4;
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 2, own(0)), job('D', 3, own(0)), job('E', 10, own(0)));
  /* ABC full at 2, until 7; D has waited 4 s at 7 and goes alone until 10; E waits until 14 */
  expect(&d, jobs, n, "A+2 B+2 C+2 D+7 A.7 B.7 C.7 D.10 E+14 E.17");
  near(seconds(jobs[0].job.batch_ns), 2);
  near(seconds(jobs[3].job.batch_ns), 0);
  near(seconds(jobs[4].job.batch_ns), 4);
  near(seconds(jobs[4].job.wait_ns), 4);
  struct scripted edge[] = {job('A', 0, own(0)), job('B', 4, own(0))};
  expect(&d, edge, 2, "A+4 A.7 B+8 B.11");              /* who comes at that very instant is late */
  d.timeout_s = 0;
  struct scripted never[] = {job('A', 0, own(0)), job('B', 1, own(0)), leaver('C', 7, own(0), 9), job('D', 50, own(0))};
  never[0].leave_s = 60, never[1].leave_s = 60, never[3].leave_s = 60;
  expect(&d, never, 4, "A+7 B+7 C+7 C-9 A.12 B.12 D-60");
}

/* A queue at an idle instance: 2 at 0, a third at 1, a fourth and fifth at 2. */
#define FIVE \
  SCRIPT(job('A', 0, own(0)), job('B', 0, own(0)), job('C', 1, own(0)), job('D', 2, own(0)), job('E', 2, own(0)))

static void preferred_sizes(void **state)
{
  (void)state;
  static const uint32_t two_and_four[] = {2, 4}, four[] = {4};
  struct batching_def d = rule(BATCH_DYNAMIC, 8);
  { /* no delay, no preference: what is there goes at once */
    FIVE;
    expect(&d, jobs, n, "A+0 B+3 C+3 D+3 E+3 A.3 B.9 C.9 D.9 E.9");
  }
  d.max_queue_delay_s = 3;
  { /* D and E are there at 2, but nobody prefers 5: at 3 the oldest has waited long enough */
    FIVE;
    expect(&d, jobs, n, "A+3 B+3 C+3 D+3 E+3 A.10 B.10 C.10 D.10 E.10");
    near(seconds(jobs[0].job.batch_ns), 3);
    near(seconds(jobs[4].job.batch_ns), 1);
  }
  d.preferred = four, d.n_preferred = 1;
  { /* four with D; E is served when its delay is over, which is while the instance works */
    FIVE;
    expect(&d, jobs, n, "A+2 B+2 C+2 D+2 E+8 A.8 B.8 C.8 D.8 E.11");
    near(seconds(jobs[4].job.batch_ns), 0);
  }
  d.preferred = two_and_four, d.n_preferred = 2;
  { /* AB at 0 until 4; then CDE: two of them at once, E waits for company until 5, and then for the instance */
    FIVE;
    expect(&d, jobs, n, "A+0 B+0 C+4 D+4 A.4 B.4 E+8 C.8 D.8 E.11");
  }
  d.preferred = four, d.n_preferred = 1, d.size = 4, d.max_queue_delay_s = 0;
  { /* a batch never waits when no delay is set; the largest preferred is taken when it can be */
    FIVE;
    expect(&d, jobs, n, "A+0 B+3 C+3 D+3 E+3 A.3 B.9 C.9 D.9 E.9");
  }
}

static void full_before_the_delay(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 3);
  d.max_queue_delay_s = 10;
  FIVE;
  expect(&d, jobs, n, "A+1 B+1 C+1 A.6 B.6 C.6 D+12 E+12 D.16 E.16");
  near(seconds(jobs[3].job.wait_ns), 10);
  near(seconds(jobs[3].job.batch_ns), 6);               /* the instance is free from 6 on */
}

/* The oldest counts, not the head: LIFO has B in front, priority C. */
static void the_oldest_counts(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 8);
  d.max_queue_delay_s = 3;
  SCRIPT(job('A', 0, own(0)), job('B', 2, own(0)));
  expect_in(&d, LIFO, 1, jobs, n, "B+3 A+3 B.7 A.7");
  struct scripted ranked[] = {job('A', 0, urgent(2)), job('B', 1, urgent(2)), job('C', 2, urgent(1))};
  expect_in(&d, PRIORITY, 1, ranked, 3, "C+3 A+3 B+3 C.8 A.8 B.8");
  struct scripted left[] = {leaver('A', 0, own(0), 1), job('B', 0.5, own(0))};
  expect(&d, left, 2, "A-1 B+3.5 B.6.5");               /* the oldest has gone: the next one counts */
}

static void priorities(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 2);
  SCRIPT(job('A', 0, urgent(1)), job('B', 1, urgent(2)), job('C', 1, urgent(2)), job('D', 2, urgent(1)));
  expect_in(&d, PRIORITY, 1, jobs, n, "A+0 D+3 B+3 A.3 C+7 D.7 B.7 C.10");
}

static void reject_or_delay(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 1);
  d.timeout_s = 4;
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)), job('D', 2.5, own(0)));
  expect(&d, jobs, n, "A+0 B+3 A.3 Cx5 D+6 B.6 D.9");
  d.delays = true;                                      /* at 5 C goes behind D */
  struct scripted again[] = {job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)), job('D', 2.5, own(0)),
                             job('E', 8, own(0))};
  expect(&d, again, 5, "A+0 B+3 A.3 D+6 B.6 E+9 D.9 C+12 E.12 C.15");
  struct scripted ranked[] = {job('A', 0, urgent(1)), job('B', 0.5, urgent(1)), job('C', 0.5, urgent(1)),
                              job('D', 1, urgent(2)), job('E', 4, urgent(1))};
  /* at 4.5 C goes behind E, but not behind D of the lower level */
  expect_in(&d, PRIORITY, 1, ranked, 5, "A+0 B+3 A.3 E+6 B.6 C+9 E.9 D+12 C.12 D.15");
}

static void a_full_queue(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 2);
  d.max_queue_size = 2;
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)), job('D', 2, own(0)), job('E', 3, own(0)));
  expect(&d, jobs, n, "A+0 D#2 B+3 C+3 A.3 E+7 B.7 C.7 E.10");
}

static void instances(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 2);
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1.5, own(0)), job('D', 2, own(0)), job('E', 2, own(0)));
  expect_in(&d, FIFO, 2, jobs, n, "A+0 B+1 C+3 D+3 A.3 E+4 B.4 C.7 D.7 E.7");
  near(seconds(jobs[4].job.wait_ns), 2);
}

/* The small batch of B is done at 4, the large one of A at 8: B's result waits for A's. */
static void ordering(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DYNAMIC, 1);
  d.time_of = BATCH_SUM;
  SCRIPT(job('A', 0, own(8)), job('B', 1, own(3)), job('C', 2, own(1)));
  expect_in(&d, FIFO, 2, jobs, n, "A+0 B+1 C+4 B.4 C.5 A.8");
  d.preserve_ordering = true;
  struct scripted kept[] = {job('A', 0, own(8)), job('B', 1, own(3)), job('C', 2, own(1))};
  expect_in(&d, FIFO, 2, kept, 3, "A+0 B+1 C+4 A.8 B.8 C.8");
  near(kept[1].job.slot_s, 3);                          /* a result that waits holds no slot */
  struct scripted gone[] = {leaver('A', 0, own(8), 6), job('B', 1, own(3)), leaver('C', 2, own(1), 5.5),
                            job('D', 7, own(1))};
  expect_in(&d, FIFO, 2, gone, 4, "A+0 B+1 C+4 C-5.5 A-6 B.6 D+7 D.8");
}

static void own_times(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_FIXED, 2);
  d.time_of = BATCH_LONGEST;
  SCRIPT(job('A', 0, own(1)), job('B', 0, own(3)));
  expect(&d, jobs, n, "A+0 B+0 A.3 B.3");
  d.time_of = BATCH_FIRST;
  struct scripted first[] = {job('A', 0, own(1)), job('B', 0, own(3))};
  expect(&d, first, 2, "A+0 B+0 A.1 B.1");
  d.time_of = BATCH_SUM;
  struct scripted sum[] = {job('A', 0, own(1)), job('B', 0, own(3))};
  expect(&d, sum, 2, "A+0 B+0 A.4 B.4");
}

static void tables(void **state)
{
  (void)state;
  static const double sizes[] = {1, 2, 6}, times[] = {3, 4, 6};
  const struct batch_curve c = {.n = 3, .size = sizes, .value = times};
  near(batch_curve_at(&c, 1), 3);
  near(batch_curve_at(&c, 2), 4);
  near(batch_curve_at(&c, 3), 4.5);
  near(batch_curve_at(&c, 5), 5.5);
  near(batch_curve_at(&c, 6), 6);
  struct batching_def d = rule(BATCH_FIXED, 3);
  d.time_s = c;
  SCRIPT(job('A', 0, own(0)), job('B', 0, own(0)), job('C', 0, own(0)));
  expect(&d, jobs, n, "A+0 B+0 C+0 A.4.5 B.4.5 C.4.5");
}

/* Batches of 1, 2, 3 take 3, 4, 5 s. A works until 3. B (due 7.5) may be with one more; D (due 8) cannot start at 7 and
 * is refused; C makes it alone, being in B's batch. */
static void deadlines(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_DEADLINE, 8);
  SCRIPT(job('A', 0, due(20)), job('B', 1, due(7.5)), job('C', 1, due(30)), job('D', 1, due(8)), job('E', 1, due(30)));
  expect(&d, jobs, n, "A+0 B+3 C+3 A.3 E+7 B.7 C.7 Dx7 E.10");
  struct scripted hopeless[] = {job('A', 0, due(2.5)), job('B', 0, due(3))};
  expect(&d, hopeless, 2, "Ax0 B+0 B.3");
}

/* Cap 1 at first; batches of 1, 2 and 3 take 3, 4 and 5 s, the target is 4.5: 1, 2, 3, then half of 3. */
static void additive_multiplicative(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_AIMD, 8);
  SCRIPT(job('A', 0, own(0)), job('B', 0, own(0)), job('C', 0, own(0)), job('D', 0, own(0)), job('E', 0, own(0)),
         job('F', 0, own(0)), job('G', 0, own(0)), job('H', 0, own(0)));
  expect(&d, jobs, n, "A+0 B+3 C+3 A.3 D+7 E+7 F+7 B.7 C.7 G+12 D.12 E.12 F.12 H+15 G.15 H.18");
}

/* 10 J + 5 J a member. A, B and C from 0 to 5; C leaves at 2, A at 4: C has a third of 2/5, A that and half of 2/5. */
static void energy_is_shared(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_FIXED, 3);
  d.has_energy = true;
  d.energy_j = (struct batch_curve){.a = 10, .c = 5};
  SCRIPT(leaver('A', 0, own(0), 4), job('B', 0, own(0)), leaver('C', 0, own(0), 2));
  expect(&d, jobs, n, "A+0 B+0 C+0 C-2 A-4 B.5");
  near(jobs[2].job.at.batch.joule, 25 * 0.4 / 3);
  near(jobs[0].job.at.batch.joule, 25 * (0.4 / 3 + 0.4 / 2));
  near(jobs[1].job.at.batch.joule, 25 * (0.4 / 3 + 0.4 / 2 + 0.2));
  near(jobs[0].job.slot_s + jobs[1].job.slot_s + jobs[2].job.slot_s, 5);
  d.time_s = (struct batch_curve){0};                   /* no time: the energy all the same */
  struct scripted sudden[] = {job('A', 0, own(0)), job('B', 0, own(0)), job('C', 0, own(0))};
  expect(&d, sudden, 3, "A+0 B+0 C+0 A.0 B.0 C.0");
  near(sudden[0].job.at.batch.joule, 25.0 / 3);
}

static void leaving(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_TAKE_ALL, UINT32_MAX);
  SCRIPT(leaver('A', 0, own(0), 1), job('B', 0.5, own(0)), leaver('C', 0.5, own(0), 2), leaver('D', 2, own(0), 3));
  /* A's batch is empty at 1 and stops; BC last as long as two do, though C leaves; D leaves the queue */
  expect(&d, jobs, n, "A+0 B+1 C+1 A-1 C-2 D-3 B.5");
  near(jobs[0].job.slot_s, 1);
  near(jobs[1].job.slot_s, 3.5);
  near(jobs[2].job.slot_s, 0.5);
  assert_int_equal(jobs[3].job.batch_seen, 0);
}

static void mean_size(void **state)
{
  (void)state;
  struct batching_def d = rule(BATCH_TAKE_ALL, UINT32_MAX);
  SCRIPT(job('A', 0, own(0)), job('B', 1, own(0)), job('C', 1, own(0)));
  struct rig r;
  struct station_meters m;
  open_rig(&r, &d, FIFO, 1, jobs, n, 0);
  sim_run(r.sim, SIM_NEVER);
  station_meters(r.station, sim_now(r.sim), &m);
  assert_int_equal(m.batches, 2);
  near(m.batch_sum, 3);
  near(m.busy_slot_s, 7);
  rig_free(&r);
}

/* Whatever happens, everybody comes out once, and the jobs' sums are the station's areas. */
static void random_scripts(void **state)
{
  enum { N = 150 };
  (void)state;
  static const uint32_t preferred[] = {2, 3};
  struct scripted *jobs = calloc(N, sizeof *jobs);
  for (int kind = BATCH_FIXED; kind <= BATCH_AIMD; kind++)
    for (uint64_t seed = 1; seed <= 60; seed++) {
      struct rng_root root = rng_root_make(seed, 1);
      struct rng rng = rng_open(&root, rng_name("batches"), (uint64_t)kind, 0);
      struct batching_def d = rule((enum batching_kind)kind, 1 + (uint32_t)rng_below(&rng, 5));
      static const enum discipline disciplines[] = {FIFO, LIFO, PRIORITY, EDF, SRPT};
      d.timeout_s = rng_below(&rng, 2) ? 3 : 0;
      d.delays = rng_below(&rng, 2);
      d.max_queue_delay_s = (double)rng_below(&rng, 3);
      d.preserve_ordering = rng_below(&rng, 2);
      d.max_queue_size = rng_below(&rng, 2) ? 6 : 0;
      d.time_of = (enum batch_time)rng_below(&rng, 4);
      d.has_energy = rng_below(&rng, 2);
      d.energy_j = (struct batch_curve){.a = 3, .c = 1};
      if (d.size >= 3) d.preferred = preferred, d.n_preferred = 2;
      memset(jobs, 0, N * sizeof *jobs);
      double at = 0;
      for (int i = 0; i < N; i++) {
        at += 0.5 * (double)rng_below(&rng, 4);
        jobs[i] = (struct scripted){.name = 'x', .at_s = at, .demand = {.time_s = 0.5 * (double)rng_below(&rng, 6),
          .size_s = 0.5 * (double)rng_below(&rng, 6), .priority = (int)rng_below(&rng, 3),
          .deadline = ns_from_s(at + (double)rng_below(&rng, 12))}};
        jobs[i].leave_s = rng_below(&rng, 2) ? at + 0.5 * (double)(1 + rng_below(&rng, 12)) : at + 1000;
      }
      struct rig r;
      open_rig(&r, &d, disciplines[rng_below(&rng, 5)], 1 + (int)rng_below(&rng, 3), jobs, N, seed % 2 ? seed : 0);
      sim_run(r.sim, SIM_NEVER);
      double joule = 0;
      struct station_meters m;
      station_meters(r.station, sim_now(r.sim), &m);
      for (int i = 0; i < N; i++) {
        assert_true(jobs[i].blocked || jobs[i].out_ns >= 0);
        if (jobs[i].blocked) continue;
        assert_true(jobs[i].job.batch_ns >= 0 && jobs[i].job.batch_ns <= jobs[i].job.wait_ns);
        joule += jobs[i].job.at.batch.joule;
      }
      near(m.run_batch_j, joule);
      rig_check_sums(&r);
      rig_free(&r);
    }
  free(jobs);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(take_all), cmocka_unit_test(fixed), cmocka_unit_test(preferred_sizes),
    cmocka_unit_test(full_before_the_delay), cmocka_unit_test(the_oldest_counts), cmocka_unit_test(priorities),
    cmocka_unit_test(reject_or_delay), cmocka_unit_test(a_full_queue), cmocka_unit_test(instances),
    cmocka_unit_test(ordering), cmocka_unit_test(own_times), cmocka_unit_test(tables), cmocka_unit_test(deadlines),
    cmocka_unit_test(additive_multiplicative), cmocka_unit_test(energy_is_shared), cmocka_unit_test(leaving),
    cmocka_unit_test(mean_size), cmocka_unit_test(random_scripts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
