/* Inside the pending-event set (numbers that run out, the far part), and an M/M/1 queue on top of it: the same waits,
 * to the nanosecond, as Lindley's recursion on the same draws, and the mean that the formula gives. */
#include "sim/dist.h"
#include "sim/evq.h"
#include "sim/stat.h"
#include "tests/unit/unit.h"

/* ---- evq ------------------------------------------------------------------------------------------------------- */

static void no_event(struct sim *s, void *subject)
{
  (void)s;
  (void)subject;
}

static bool pop(struct evq *q, sim_time *at, void **subject)
{
  evq_entry e;
  bool from_ring;
  if (!evq_peek(q, &e, &from_ring))
    return false;
  *at = entry_time(e);
  *subject = q->slots[entry_slot(e)].subject;
  evq_take(q, e, from_ring);
  return true;
}

/* Pushes n events of which each `group` share one time, after `spent` sequence numbers; they must come out in order. */
static void check_renumbering(size_t n, size_t group, uint64_t spent)
{
  struct evq q;
  evq_init(&q);
  q.sequence = spent;
  for (size_t i = 0; i < n; i++)                        /* time 0 is now: these go to the ring */
    evq_push(&q, 0, (sim_time)(i / group), PRIORITY_NORMAL, no_event, (void *)(uintptr_t)(i + 1));
  for (size_t i = 0; i < n; i++) {
    sim_time at;
    void *subject;
    assert_true(pop(&q, &at, &subject));
    assert_int_equal(at, i / group);
    assert_int_equal((uintptr_t)subject, i + 1);
  }
  assert_int_equal(q.live + q.dead + q.far.n + q.n - q.hole, 0);
  evq_release(&q);
}

static void test_sequence_numbers_run_out(void **state)
{
  (void)state;
  check_renumbering(10, 3, 0);
  for (uint64_t left = 0; left < 12; left++)
    check_renumbering(10, 5, SEQUENCE_END - left);
  check_renumbering(50000, 100, SEQUENCE_END - 40000);  /* with a far part */
}

/* Which structures a large set uses, and that it goes back to the heap alone. */
static void test_far_part_comes_and_goes(void **state)
{
  (void)state;
  enum { N = 100000 };
  struct evq q;
  sim_time at, last = 0;
  void *subject;
  evq_init(&q);
  for (size_t i = 0; i < N; i++)
    evq_push(&q, 0, (sim_time)(1 + i * 7919 % N), PRIORITY_NORMAL, no_event, NULL);
  assert_true(q.far.n > N / 2 && q.n < N / 2);
  for (size_t i = 0; i < N; i++) {
    assert_true(pop(&q, &at, &subject) && at == last + 1);
    last = at;
  }
  assert_true(q.horizon_ns == UINT64_MAX && q.far.n == 0 && !pop(&q, &at, &subject));
  evq_release(&q);
}

/* Everything is taken back, in a set that has a far part: nothing of it remains. */
static void test_cancelled_far(void **state)
{
  (void)state;
  enum { N = 60000 };
  struct evq q;
  event_id *ids = malloc(N * sizeof *ids);
  evq_init(&q);
  for (size_t i = 0; i < N; i++)
    ids[i] = evq_push(&q, 0, (sim_time)(i * 7919 % N), PRIORITY_NORMAL, no_event, NULL);
  for (size_t i = 0; i < N; i++) {
    assert_true(evq_cancel(&q, ids[i]));
    assert_true(q.dead <= q.live || q.dead <= 65);
    assert_int_equal(q.live, N - 1 - i);
  }
  sim_time at;
  void *subject;
  assert_false(pop(&q, &at, &subject));
  assert_int_equal(q.dead, 0);
  evq_release(&q);
  free(ids);
}

/* ---- M/M/1 ----------------------------------------------------------------------------------------------------- */

enum { CUSTOMERS = 1000000, ARRIVALS = 1, SERVICES = 2 };

struct station {
  struct dist interarrival, service;
  struct rng arrivals, services;
  sim_time *arrived, *waited;
  size_t head, tail;
  struct level in_system;
};

static struct dist exponential(double mean)
{
  struct dist d;
  char why[160];
  assert_true(dist_make(&d, "exponential", &mean, 1, why));
  return d;
}

static struct station station_new(double rho, uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  return (struct station){.interarrival = exponential(1 / rho), .service = exponential(1),
                          .arrivals = rng_open(&root, ARRIVALS, 0, 0), .services = rng_open(&root, SERVICES, 0, 0),
                          .arrived = malloc(CUSTOMERS * sizeof(sim_time)),
                          .waited = malloc(CUSTOMERS * sizeof(sim_time))};
}

static void station_free(struct station *q)
{
  free(q->arrived);
  free(q->waited);
}

static void on_departure(struct sim *, void *);

static void start_service(struct sim *s, struct station *q)
{
  q->waited[q->head] = sim_now(s) - q->arrived[q->head];
  sim_after(s, ns_from_s(dist_draw(&q->service, &q->services)), PRIORITY_COMPLETE, on_departure, q);
}

static void on_departure(struct sim *s, void *subject)
{
  struct station *q = subject;
  level_set(&q->in_system, sim_now(s), q->in_system.value - 1);
  if (++q->head != q->tail)
    start_service(s, q);
}

static void on_arrival(struct sim *s, void *subject)
{
  struct station *q = subject;
  level_set(&q->in_system, sim_now(s), q->in_system.value + 1);
  q->arrived[q->tail++] = sim_now(s);
  if (q->tail - q->head == 1)
    start_service(s, q);
  if (q->tail < CUSTOMERS)
    sim_after(s, ns_from_s(dist_draw(&q->interarrival, &q->arrivals)), PRIORITY_ARRIVE, on_arrival, q);
}

/* Mean wait in s; the number in system is checked by Little's law on the way. */
static double run_station(struct station *q)
{
  struct sim *s = sim_new();
  double waited_s = 0, sojourn_s;
  sim_at(s, 0, PRIORITY_ARRIVE, on_arrival, q);
  sim_run(s, SIM_NEVER);
  assert_int_equal(sim_events(s), 2 * CUSTOMERS);
  for (size_t i = 0; i < CUSTOMERS; i++)
    waited_s += s_from_ns(q->waited[i]) / CUSTOMERS;
  struct station again = station_new(0.9, 0);
  again.services = (struct rng){.key = {q->services.key[0], q->services.key[1]}, .name = {SERVICES}};
  sojourn_s = waited_s;
  for (size_t i = 0; i < CUSTOMERS; i++)
    sojourn_s += s_from_ns(ns_from_s(dist_draw(&again.service, &again.services))) / CUSTOMERS;
  assert_near(level_area_s(&q->in_system, sim_now(s)), sojourn_s * CUSTOMERS, 1e-9);    /* exact but for rounding */
  station_free(&again);
  sim_free(s);
  return waited_s;
}

static void test_lindley(void **state)
{
  (void)state;
  struct station q = station_new(0.9, 3), draws = station_new(0.9, 3);
  run_station(&q);
  sim_time wait = 0;
  for (size_t i = 0; i < CUSTOMERS; i++) {
    assert_true(q.waited[i] == wait);
    sim_time service = ns_from_s(dist_draw(&draws.service, &draws.services));
    sim_time gap = ns_from_s(dist_draw(&draws.interarrival, &draws.arrivals));
    wait = wait + service > gap ? wait + service - gap : 0;
  }
  station_free(&q);
  station_free(&draws);
}

/* rho / (1 - rho) service times. At rho = 0.5 the standard error of 10^6 waits is about 0.004 (Daley 1968). */
static void test_mean_wait(void **state)
{
  (void)state;
  struct station half = station_new(0.5, 4), more = station_new(0.52, 4);
  assert_near(run_station(&half), 1, 0.02);
  assert_true(fabs(run_station(&more) - 1) > 0.04);     /* planted: 4 % more load waits 8 % longer */
  station_free(&half);
  station_free(&more);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sequence_numbers_run_out), cmocka_unit_test(test_far_part_comes_and_goes),
    cmocka_unit_test(test_cancelled_far), cmocka_unit_test(test_lindley), cmocka_unit_test(test_mean_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
