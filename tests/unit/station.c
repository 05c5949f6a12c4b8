/* Exact schedules of each discipline, by hand, and a slow second scheduler for random scripts. */
#include "tests/unit/station_rig.h"
#include "sim/rng.h"

static struct demand time_of(double s) { return (struct demand){.time_s = s, .size_s = s}; }
static struct demand guessed(double s, double guess) { return (struct demand){.time_s = s, .size_s = guess}; }
static struct demand urgent(double s, int priority)
{
  return (struct demand){.time_s = s, .size_s = s, .priority = priority};
}
static struct demand due(double s, double deadline_s)
{
  return (struct demand){.time_s = s, .deadline = ns_from_s(deadline_s)};
}

static void fifo_and_lifo(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), job('B', 1, time_of(3)), job('C', 1.5, time_of(1)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B+2 A.2 C+5 B.5 C.6");
  struct scripted again[] = {job('A', 0, time_of(2)), job('B', 1, time_of(3)), job('C', 1.5, time_of(1))};
  rig_expect(LIFO, 1, 1, 0, again, n, "A+0 C+2 A.2 B+3 C.3 B.6");
}

static void slots_of_servers(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), job('B', 0, time_of(2)), job('C', 0, time_of(2)), job('D', 0, time_of(2)),
         job('E', 1, time_of(1)));
  rig_expect(FIFO, 2, 2, 0, jobs, n, "A+0 B+0 C+0 D+0 E+2 A.2 B.2 C.2 D.2 E.3");
}

static void priority(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, urgent(4, 1)), job('B', 1, urgent(1, 2)), job('C', 2, urgent(1, 1)), job('D', 3, urgent(1, 1)));
  rig_expect(PRIORITY, 1, 1, 0, jobs, n, "A+0 C+4 A.4 D+5 C.5 B+6 D.6 B.7");
}

static void preemptive(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, urgent(4, 2)), job('B', 1, urgent(2, 1)), job('C', 2, urgent(1, 0)), job('D', 2.5, urgent(1, 0)));
  rig_expect(PRIORITY_PREEMPTIVE, 1, 1, 0, jobs, n, "A+0 B+1 C+2 D+3 C.3 D.4 B.5 A.8");
  assert_int_equal(jobs[0].job.wait_ns, 4000000000);    /* preempted from 1 to 5 */
  assert_int_equal(jobs[0].job.served_ns, 4000000000);
}

static void preemptive_takes_the_last_of_equals(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, urgent(4, 2)), job('B', 0.5, urgent(4, 2)), job('C', 1, urgent(1, 1)),
         job('D', 1.5, urgent(1, 2)));
  rig_expect(PRIORITY_PREEMPTIVE, 2, 1, 0, jobs, n, "A+0 B+0.5 C+1 C.2 D+4 A.4 D.5 B.5.5");
}

static void edf(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, due(2, 20)), job('B', 0.5, due(1, 10)), job('C', 1, due(1, 5)), job('D', 1, due(1, 5)));
  rig_expect(EDF, 1, 1, 0, jobs, n, "A+0 C+2 A.2 D+3 C.3 B+4 D.4 B.5");
}

static void srpt(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(4)), job('B', 1, time_of(2)), job('C', 2, time_of(1)));
  rig_expect(SRPT, 1, 1, 0, jobs, n, "A+0 B+1 C+3 B.3 C.4 A.7");   /* C ties with what B has left: B goes on */
}

static void srpt_with_estimates(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, guessed(4, 1)), job('B', 2, guessed(1, 0.5)), job('C', 2, guessed(1, 0.25)));
  rig_expect(SRPT, 1, 1, 0, jobs, n, "A+0 C+4 A.4 B+5 C.5 B.6");   /* A is past its estimate: nothing is shorter */
}

static void sharing(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), job('B', 1, time_of(1)));
  rig_expect(PROCESSOR_SHARING, 1, 1, 0, jobs, n, "A+0 B+1 A.3 B.3");
  assert_true(fabs(jobs[0].job.slot_s - 2) < 1e-12);
  struct scripted two[] = {job('A', 0, time_of(2)), job('B', 0, time_of(2)), job('C', 1, time_of(1))};
  rig_expect(PROCESSOR_SHARING, 2, 1, 0, two, 3, "A+0 B+0 C+1 A.2.5 B.2.5 C.2.5");
  struct scripted left[] = {job('A', 0, time_of(2)), job('B', 0, time_of(2)), leaver('C', 1, time_of(1), 1.75)};
  rig_expect(PROCESSOR_SHARING, 2, 1, 0, left, 3, "A+0 B+0 C+1 C-1.75 A.2.25 B.2.25");
  assert_true(fabs(left[2].job.slot_s - 0.5) < 1e-12);
}

static void capacity(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), job('B', 1, time_of(1)), job('C', 1.5, time_of(1)), job('D', 2, time_of(1)));
  rig_expect(FIFO, 1, 1, 2, jobs, n, "A+0 C#1.5 B+2 A.2 D+3 B.3 D.4");
  struct scripted loss[] = {job('A', 0, time_of(2)), job('B', 1, time_of(1)), job('C', 2, time_of(1))};
  rig_expect(FIFO, 1, 1, 1, loss, 3, "A+0 B#1 A.2 C+2 C.3");
  struct scripted share[] = {job('A', 0, time_of(2)), job('B', 1, time_of(1))};
  rig_expect(PROCESSOR_SHARING, 1, 1, 1, share, 2, "A+0 B#1 A.2");
}

static void leaving(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), leaver('B', 1, time_of(1), 1.5), job('C', 1.2, time_of(1)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B-1.5 C+2 A.2 C.3");
  struct scripted served[] = {leaver('A', 0, time_of(2), 1.5), job('B', 1, time_of(1))};
  rig_expect(FIFO, 1, 1, 0, served, 2, "A+0 B+1.5 A-1.5 B.2.5");
  struct scripted preempted[] = {leaver('A', 0, urgent(4, 2), 1.5), job('B', 1, urgent(2, 1)),
                                 job('C', 1.2, urgent(1, 3))};
  rig_expect(PRIORITY_PREEMPTIVE, 1, 1, 0, preempted, 3, "A+0 B+1 A-1.5 C+3 B.3 C.4");
  struct scripted srpt_served[] = {job('A', 0, time_of(4)), leaver('B', 1, time_of(2), 2)};
  rig_expect(SRPT, 1, 1, 0, srpt_served, 2, "A+0 B+1 B-2 A.5");
}

static void zero_service(void **state)
{
  (void)state;
  SCRIPT(job('A', 1, time_of(0)), job('B', 1, time_of(0)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+1 A.1 B+1 B.1");
  struct scripted share[] = {job('A', 1, time_of(0)), job('B', 1, time_of(1))};
  rig_expect(PROCESSOR_SHARING, 1, 1, 0, share, 2, "A+1 A.1 B+1 B.2");
}

static void meters(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, time_of(2)), job('B', 1, time_of(3)), job('C', 1.5, time_of(1)), job('D', 4, time_of(1)));
  struct rig r;
  rig_init(&r, FIFO, 1, 1, 3, jobs, n, 0);
  sim_run(r.sim, ns_from_s(3));
  station_open_window(r.station, ns_from_s(3));
  sim_run(r.sim, SIM_NEVER);
  struct station_meters m;
  station_meters(r.station, ns_from_s(8), &m);          /* A 0-2, B 2-5, C 5-6, D 6-7 */
  assert_true(m.busy_slot_s == 4 && m.run_busy_slot_s == 7 && m.run_server_busy_s == 7);
  assert_true(m.in_system_s == 2 + 3 + 3 && m.queue_s == 2 + 2);
  assert_true(m.arrived == 1 && m.completed == 3 && m.blocked == 0 && m.waits == 1 && m.wait_s_sum == 2);
  rig_free(&r);
}

/* ---- a second scheduler: one time unit after the other, by linear search ----------------------------------------- */

struct slow { int at, left, size, key, start, done; bool in, running; };

static bool keyed(enum discipline d) { return d == PRIORITY || d == PRIORITY_PREEMPTIVE || d == EDF || d == SRPT; }

/* Urgency of job i; smaller first. */
static int slow_key(enum discipline d, const struct slow *j, int i)
{
  if (d == SRPT) return j[i].left;
  if (keyed(d)) return j[i].key;
  return d == LIFO ? -i : i;
}

static int slow_pick(enum discipline d, const struct slow *j, int n, bool running)
{
  int best = -1;
  for (int i = 0; i < n; i++) {
    if (!j[i].in || j[i].running != running) continue;
    if (best < 0) best = i;
    int a = slow_key(d, j, i), b = slow_key(d, j, best);
    if (running ? a >= b : a < b) best = i;             /* running: the least urgent, the last of equals */
  }
  return best;
}

static int slow_running(const struct slow *j, int n)
{
  int count = 0;
  for (int i = 0; i < n; i++) count += j[i].in && j[i].running;
  return count;
}

static void slow_fill(enum discipline d, struct slow *j, int n, int servers, int t)
{
  for (int i; slow_running(j, n) < servers && (i = slow_pick(d, j, n, false)) >= 0;) {
    j[i].running = true;
    if (j[i].start < 0) j[i].start = t;
  }
}

static void slow_arrive(enum discipline d, struct slow *j, int n, int servers, int t, int i)
{
  j[i].in = true;
  if (slow_running(j, n) == servers && (d == PRIORITY_PREEMPTIVE || d == SRPT)) {
    int worst = slow_pick(d, j, n, true), head = slow_pick(d, j, n, false);
    if (slow_key(d, j, head) < slow_key(d, j, worst)) j[worst].running = false;
  }
  slow_fill(d, j, n, servers, t);
}

static void slow_run(enum discipline d, struct slow *j, int n, int servers)
{
  for (int t = 0, out = 0; out < n; t++) {
    for (int i = 0; i < n; i++) {
      if (!j[i].running || j[i].left) continue;
      j[i].in = j[i].running = false;
      j[i].done = t;
      out++;
    }
    slow_fill(d, j, n, servers, t);
    for (int i = 0; i < n; i++)
      if (j[i].at == t) slow_arrive(d, j, n, servers, t, i);
    for (int i = 0; i < n; i++) j[i].left -= j[i].running;
  }
}

static void compare_with_slow(enum discipline d, int servers, uint64_t seed)
{
  enum { N = 60 };
  struct scripted jobs[N];
  struct slow slow[N];
  struct rng_root root = rng_root_make(seed, 0);
  struct rng rng = rng_open(&root, rng_name("station"), d, servers);
  memset(jobs, 0, sizeof jobs);
  for (int i = 0, at = 0; i < N; i++) {
    at += (int)rng_below(&rng, 4);
    int size = 1 + (int)rng_below(&rng, 5 * (unsigned)servers), key = (int)rng_below(&rng, 4);
    slow[i] = (struct slow){.at = at, .left = size, .size = size, .key = key, .start = -1, .done = -1};
    jobs[i].name = 'x';
    jobs[i].at_s = at;
    jobs[i].demand = (struct demand){.time_s = size, .size_s = size, .priority = key, .deadline = key};
  }
  slow_run(d, slow, N, servers);
  struct rig r;
  rig_init(&r, d, servers, 1, 0, jobs, N, 0);
  sim_run(r.sim, SIM_NEVER);
  for (int i = 0; i < N; i++) {
    assert_int_equal(jobs[i].out_ns, slow[i].done * (sim_time)1000000000);
    assert_int_equal(jobs[i].start_ns, slow[i].start * (sim_time)1000000000);
  }
  rig_check_sums(&r);
  rig_free(&r);
}

static void random_scripts(void **state)
{
  (void)state;
  const enum discipline all[] = {FIFO, LIFO, PRIORITY, PRIORITY_PREEMPTIVE, EDF, SRPT};
  for (int k = 0; k < 6; k++)
    for (int servers = 1; servers <= 3; servers++)
      for (uint64_t seed = 1; seed <= 40; seed++) compare_with_slow(all[k], servers, seed);
}

/* Jobs that leave at random moments in random states, all disciplines, half of the runs with ties in random order: sums
 * hold, everyone gets out. Moments are multiples of 0.1 s, so that ties are many. */
static void random_leaves(void **state)
{
  (void)state;
  enum { N = 200 };
  struct scripted *jobs = calloc(N, sizeof *jobs);
  struct token_cost cost = {
    .available = true, .prefill_tok_per_s = 100, .step_a_s = 0.02, .step_c_s = 0.01, .kv_cap_tok = 200, .max_batch = 5};
  for (int d = FIFO; d <= SRPT; d++)
    for (uint64_t seed = 1; seed <= 20; seed++) {
      struct rng_root root = rng_root_make(seed, 1);
      struct rng rng = rng_open(&root, rng_name("leaves"), (uint64_t)d, 0);
      memset(jobs, 0, N * sizeof *jobs);
      double at = 0;
      for (int i = 0; i < N; i++) {
        at += 0.1 * (double)rng_below(&rng, 10);
        jobs[i] = (struct scripted){.name = 'x',
                                    .at_s = at,
                                    .demand = {.time_s = 0.1 * (double)rng_below(&rng, 20),
                                               .size_s = 0.1 * (double)rng_below(&rng, 20),
                                               .priority = (int)rng_below(&rng, 3),
                                               .deadline = (sim_time)rng_below(&rng, 1000)}};
        if (rng_below(&rng, 2)) jobs[i].demand = (struct demand){.cost = &cost, .tok_in = 1 + (int)rng_below(&rng, 60),
          .tok_out = 1 + (int)rng_below(&rng, 60)};
        if (rng_below(&rng, 2)) jobs[i].leave_s = at + 0.1 * (double)(1 + rng_below(&rng, 20));
      }
      struct rig r;
      rig_init(&r, (enum discipline)d, 2, 2, 12, jobs, N, seed % 2 ? seed : 0);
      sim_run(r.sim, SIM_NEVER);
      for (int i = 0; i < N; i++) assert_true(jobs[i].blocked || jobs[i].out_ns >= 0);
      rig_check_sums(&r);
      rig_free(&r);
    }
  free(jobs);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(fifo_and_lifo),
    cmocka_unit_test(slots_of_servers),
    cmocka_unit_test(priority),
    cmocka_unit_test(preemptive),
    cmocka_unit_test(preemptive_takes_the_last_of_equals),
    cmocka_unit_test(edf),
    cmocka_unit_test(srpt),
    cmocka_unit_test(srpt_with_estimates),
    cmocka_unit_test(sharing),
    cmocka_unit_test(capacity),
    cmocka_unit_test(leaving),
    cmocka_unit_test(zero_service),
    cmocka_unit_test(meters),
    cmocka_unit_test(random_scripts),
    cmocka_unit_test(random_leaves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
