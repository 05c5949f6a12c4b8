/* Token service by hand: prompts of 50 tokens at 100 tokens/s (0.5 s), steps of 0.08 s + 0.02 s * b, 11 output tokens
 * (the first ends the prefill, 10 steps follow). */
#include "tests/unit/station_rig.h"

static const struct token_cost plain = {
  .available = true, .prefill_tok_per_s = 100, .step_a_s = 0.08, .step_c_s = 0.02, .max_batch = 8};

static struct demand tokens(const struct token_cost *cost, double in, double out)
{
  return (struct demand){.cost = cost, .tok_in = in, .tok_out = out};
}

static void alone_and_two(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 50, 11)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 A!0.5 A.1.5");
  /* B's prompt waits for A's; from 1 s both decode in steps of 0.12 s, A has 5 left; then B alone has 5 left */
  struct scripted two[] = {job('A', 0, tokens(&plain, 50, 11)), job('B', 0, tokens(&plain, 50, 11))};
  rig_expect(FIFO, 1, 1, 0, two, 2, "A+0 B+0.5 A!0.5 B!1 A.1.6 B.2.1");
  assert_int_equal(two[1].job.batch_seen, 2);
  assert_int_equal(two[1].job.wait_ns, 500000000);
  assert_true(fabs(two[1].job.slot_s - 1.6 / 8) < 1e-12);          /* an eighth of the one slot for 1.6 s */
}

static void one_token_only(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 50, 1)), job('B', 0, tokens(&plain, 0, 1)), job('C', 2, tokens(&plain, 0, 0)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B+0.5 A!0.5 A.0.5 B!0.5 B.0.5 C+2 C!2 C.2");
}

static void kv_cap(void **state)
{
  (void)state;
  struct token_cost cost = plain;
  cost.kv_cap_tok = 100;                                /* 61 + 61 do not fit; C would, but may not overtake B */
  SCRIPT(job('A', 0, tokens(&cost, 50, 11)), job('B', 0.1, tokens(&cost, 50, 11)), job('C', 0.2, tokens(&cost, 30, 1)),
         job('D', 0.3, tokens(&cost, 90, 11)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 D#0.3 A!0.5 B+1.5 A.1.5 C+2 B!2 C!2.3 C.2.3 B.3");
}

static void a_leaver_frees_the_cap(void **state)
{
  (void)state;
  struct token_cost cost = plain;
  cost.kv_cap_tok = 100;
  SCRIPT(job('A', 0, tokens(&cost, 50, 11)), leaver('B', 0.1, tokens(&cost, 50, 11), 1),
         job('C', 0.2, tokens(&cost, 30, 1)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 A!0.5 C+1 B-1 C!1.3 C.1.3 A.1.5");
}

static void batch_limit(void **state)
{
  (void)state;
  struct token_cost cost = plain;
  cost.max_batch = 1;
  SCRIPT(job('A', 0, tokens(&cost, 50, 11)), job('B', 0, tokens(&cost, 50, 11)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 A!0.5 B+1.5 A.1.5 B!2 B.3");
  cost.max_batch = 0;                                   /* the place's slots: 2 */
  struct scripted slots[] = {job('A', 0, tokens(&cost, 50, 11)), job('B', 0, tokens(&cost, 50, 11)),
                             job('C', 0, tokens(&cost, 0, 1))};
  rig_expect(FIFO, 1, 2, 0, slots, 3, "A+0 B+0.5 A!0.5 B!1 C+1.6 A.1.6 C!1.6 C.1.6 B.2.1");
}

static void leaving(void **state)
{
  (void)state;
  SCRIPT(leaver('A', 0, tokens(&plain, 50, 11), 0.2), job('B', 0, tokens(&plain, 50, 11)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B+0.2 A-0.2 B!0.7 B.1.7");
  /* A leaves while both decode: B has made 2.5 of 10 steps by 1.3 s */
  struct scripted decode[] = {leaver('A', 0, tokens(&plain, 50, 11), 1.3), job('B', 0, tokens(&plain, 50, 11))};
  rig_expect(FIFO, 1, 1, 0, decode, 2, "A+0 B+0.5 A!0.5 B!1 A-1.3 B.2.05");
}

static void two_engines(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 50, 11)), job('B', 0, tokens(&plain, 50, 11)), job('C', 0, tokens(&plain, 50, 1)));
  rig_expect(FIFO, 2, 1, 0, jobs, n, "A+0 B+0 C+0.5 A!0.5 B!0.5 C!1 C.1 B.1.5 A.1.5");
}

static void two_variants_take_turns(void **state)
{
  (void)state;
  struct token_cost heavy = plain;
  heavy.step_a_s = 0.16, heavy.step_c_s = 0.04;
  /* together a step takes 0.1 s + 0.2 s: A has 5 left at 1 s, ends at 2.5 s; B's last 5 take 0.2 s each */
  SCRIPT(job('A', 0, tokens(&plain, 50, 11)), job('B', 0, tokens(&heavy, 50, 11)));
  rig_expect(FIFO, 1, 1, 0, jobs, n, "A+0 B+0.5 A!0.5 B!1 A.2.5 B.3.5");
}

static void priority_of_prompts(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 50, 1)), job('B', 0.1, tokens(&plain, 50, 1)),
         job('C', 0.2, tokens(&plain, 50, 1)));
  jobs[1].demand.priority = 2;
  jobs[2].demand.priority = 1;
  rig_expect(PRIORITY_PREEMPTIVE, 1, 1, 0, jobs, n, "A+0 C+0.5 A!0.5 A.0.5 B+1 C!1 C.1 B!1.5 B.1.5");
}

static void steps_and_batches(void **state)
{
  (void)state;
  SCRIPT(job('A', 0, tokens(&plain, 50, 11)), job('B', 0, tokens(&plain, 50, 11)));
  struct rig r;
  rig_init(&r, FIFO, 1, 1, 0, jobs, n, 0);
  sim_run(r.sim, SIM_NEVER);
  struct station_meters m;
  station_meters(r.station, sim_now(r.sim), &m);        /* 5 steps of one, 5 of two, 5 of one */
  assert_int_equal(m.batches, 15);
  assert_true(fabs(m.batch_sum - 20) < 1e-6);
  rig_free(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(alone_and_two), cmocka_unit_test(one_token_only), cmocka_unit_test(kv_cap),
    cmocka_unit_test(a_leaver_frees_the_cap), cmocka_unit_test(batch_limit), cmocka_unit_test(leaving),
    cmocka_unit_test(two_engines), cmocka_unit_test(two_variants_take_turns), cmocka_unit_test(priority_of_prompts),
    cmocka_unit_test(steps_and_batches),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
