/* bounds: value iteration against closed forms and an independent solution; assignment against all schedules. */
#include "models/assignment.h"
#include "models/mdp.h"
#include "sim/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_close(double x, double expected, double relative)
{
  if (!(fabs(x - expected) <= relative * fabs(expected))) fail_msg("%.9g, expected %.9g", x, expected);
}

/* ---- value iteration --------------------------------------------------------------------------------------------- */

/* M/M/1: rho / (1 - rho) jobs; with the lower end below. */
static void one_queue_is_mm1(void **state)
{
  (void)state;
  struct mdp m = {.n = 1, .arrival_per_s = .6, .service_per_s = {1}, .hold_cost_per_s = 2};
  double upper, lower = mdp_least_cost(&m, &upper);
  assert_close(lower, 2 * .6 / .4, 1e-5);
  assert_true(lower <= upper);
  m.service_per_s[0] = 1.1;                             /* another server is seen */
  assert_true(fabs(mdp_least_cost(&m, NULL) / 3 - 1) > .1);
}

/* M/M/1/2 at rho = 1: three states alike, one job on average, a third of 1 /s lost at 5 each, joining costs .5. */
static void a_full_queue_loses(void **state)
{
  (void)state;
  struct mdp m = {.n = 1, .arrival_per_s = 1, .service_per_s = {1}, .hold_cost_per_s = 1, .lost_cost = 5, .room = {2},
                  .join_cost = {.5}};
  assert_close(mdp_least_cost(&m, NULL), 1 + 5. / 3 + .5 * 2 / 3, 1e-6);
}

/* Two like servers: join the shortest queue. Jobs from the balance equations of its chain, solved on their own. */
static void two_like_queues_join_the_shortest(void **state)
{
  (void)state;
  struct mdp m = {.n = 2, .arrival_per_s = 1, .service_per_s = {1, 1}, .hold_cost_per_s = 1};
  assert_close(mdp_least_cost(&m, NULL), 1.4263207, 1e-5);
  m.arrival_per_s = 1.6;
  assert_close(mdp_least_cost(&m, NULL), 4.7291784, 1e-5);
}

/* M/M/k is one queue for all servers, so it is below; two M/M/1 at half the rate are one rule, so above. */
static void the_optimum_lies_between(void **state)
{
  (void)state;
  struct mdp m = {.n = 3, .arrival_per_s = 1.5, .service_per_s = {1, 1, 1}, .hold_cost_per_s = 1};
  double a = 1.5, wait = pow(a, 3) / 6 * 3 / (3 - a), others = 1 + a + a * a / 2, erlang = wait / (others + wait);
  double x = mdp_least_cost(&m, NULL);
  assert_true(x > a + erlang * a / (3 - a) && x < 3 * .5 / .5);
}

/* ---- assignment -------------------------------------------------------------------------------------------------- */

enum { JOBS = 5, MACHINES = 3 };

static int by_time(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Every job on any machine, on each the shortest first. */
static double best_of_all(const double *time, const double *after)
{
  double best = INFINITY;
  for (int code = 0; code < 243; code++) {
    double sum = 0;
    for (int i = 0; i < MACHINES; i++) {
      double there[JOBS], end = 0;
      int n = 0;
      for (int j = 0, left = code; j < JOBS; j++, left /= MACHINES)
        if (left % MACHINES == i) there[n++] = time[j * MACHINES + i], sum += after[j * MACHINES + i];
      qsort(there, (size_t)n, sizeof *there, by_time);
      for (int j = 0; j < n; j++) sum += end += there[j];
    }
    best = fmin(best, sum);
  }
  return best;
}

static void assignment_is_the_best_schedule(void **state)
{
  (void)state;
  struct rng_root root = rng_root_make(3, 0);
  struct rng r = rng_open(&root, 1, 0, 0);
  for (int k = 0; k < 200; k++) {
    double time[JOBS * MACHINES], after[JOBS * MACHINES];
    for (int i = 0; i < JOBS * MACHINES; i++) {
      time[i] = rng_uniform(&r) < .1 && i % MACHINES ? INFINITY : rng_uniform(&r);
      after[i] = rng_uniform(&r) * .3;
    }
    double expected = best_of_all(time, after), x = assignment_flow_s(JOBS, MACHINES, time, after);
    assert_true(fabs(x - expected) < 1e-7);
    time[0] += 10, time[1] += 10, time[2] += 10;        /* the first job is longer everywhere */
    assert_true(assignment_flow_s(JOBS, MACHINES, time, after) > expected + 1);
  }
}

static void a_job_without_a_machine_has_no_schedule(void **state)
{
  (void)state;
  double time[] = {1, INFINITY}, after[] = {0, 0};
  assert_true(isinf(assignment_flow_s(2, 1, time, after)));
  assert_true(assignment_flow_s(0, 1, time, after) == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_queue_is_mm1), cmocka_unit_test(a_full_queue_loses),
    cmocka_unit_test(two_like_queues_join_the_shortest), cmocka_unit_test(the_optimum_lies_between),
    cmocka_unit_test(assignment_is_the_best_schedule), cmocka_unit_test(a_job_without_a_machine_has_no_schedule)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
