/* bench_kernel.c: what the event kernel costs.
 *
 * mm1: an M/M/1 queue at rho = 0.9 through the general interface (callbacks, named streams, distributions as objects;
 * moments and quantiles of the time in system recorded). Its mean wait must be rho / (mu - lambda) = 9 mean services.
 * lindley: the same draws through W' = max(0, W + S - A) and nothing else: what a queue costs at least.
 * hold: N pending events, each of which schedules itself again after an exponential time (Vaucher and Duval 1975).
 */
#include "experiments/bench.h"
#include "sim/check.h"
#include "sim/dist.h"
#include "sim/sim.h"
#include "sim/stat.h"
#include "sim/zeros.h"

#include <math.h>
#include <stdlib.h>

enum { ARRIVALS = 1, SERVICES = 2, INCREMENTS = 3, REPETITIONS = 5 };

static struct dist made(const char *kind, const double *p, size_t n)
{
  struct dist d;
  char why[160];
  sim_assert(dist_make(&d, kind, p, n, why));
  return d;
}

static struct dist exponential(double mean)
{
  return made("exponential", &mean, 1);
}

/* ---- M/M/1 ----------------------------------------------------------------------------------------------------- */

enum { CUSTOMERS = 2000000 };
static const double RHO = 0.9, SERVICE_S = 1e-3;

struct mm1 {
  struct dist interarrival, service;
  struct rng arrivals, services;
  sim_time *arrived;            /* ring of the arrival times of those present; the first is in service */
  uint64_t head, tail, mask;
  uint64_t to_arrive;
  sim_time wait_ns;             /* sum of the times before service */
  struct moments latency;
  struct quantiles *latency_quantiles;
};

static void mm1_init(struct mm1 *m, uint64_t seed, uint64_t customers)
{
  struct rng_root root = rng_root_make(seed, 0);
  *m = (struct mm1){.interarrival = exponential(SERVICE_S / RHO), .service = exponential(SERVICE_S),
                    .arrivals = rng_open(&root, ARRIVALS, 0, 0), .services = rng_open(&root, SERVICES, 0, 0),
                    .mask = (1 << 16) - 1, .to_arrive = customers, .latency_quantiles = quantiles_new()};
  m->arrived = zeros_new(m->mask + 1, sizeof *m->arrived);
}

static void mm1_release(struct mm1 *m)
{
  free(m->arrived);
  quantiles_free(m->latency_quantiles);
}

static void on_departure(struct sim *, void *);

static void start_service(struct sim *s, struct mm1 *m)
{
  m->wait_ns += sim_now(s) - m->arrived[m->head & m->mask];
  sim_after(s, ns_from_s(dist_draw(&m->service, &m->services)), PRIORITY_COMPLETE, on_departure, m);
}

static void on_departure(struct sim *s, void *subject)
{
  struct mm1 *m = subject;
  double latency_s = s_from_ns(sim_now(s) - m->arrived[m->head++ & m->mask]);
  moments_add(&m->latency, latency_s);
  quantiles_add(m->latency_quantiles, latency_s);
  if (m->head != m->tail)
    start_service(s, m);
}

static void on_arrival(struct sim *s, void *subject)
{
  struct mm1 *m = subject;
  sim_assert(m->tail - m->head <= m->mask);
  m->arrived[m->tail++ & m->mask] = sim_now(s);
  if (m->tail - m->head == 1)
    start_service(s, m);
  if (--m->to_arrive > 0)
    sim_after(s, ns_from_s(dist_draw(&m->interarrival, &m->arrivals)), PRIORITY_ARRIVE, on_arrival, m);
}

struct mm1_result { uint64_t seed; double wait_s; };

/* ns a customer; adds the mean wait to the result. */
static double mm1_once(void *subject)
{
  struct mm1_result *result = subject;
  struct mm1 m;
  mm1_init(&m, ++result->seed, CUSTOMERS);
  struct sim *s = sim_new();
  double before = cpu_time_ns();
  sim_at(s, 0, PRIORITY_ARRIVE, on_arrival, &m);
  while (sim_step(s))
    ;
  double ns = (cpu_time_ns() - before) / CUSTOMERS;
  sim_assert(m.latency.n == CUSTOMERS && quantiles_n(m.latency_quantiles) == CUSTOMERS);
  result->wait_s += s_from_ns(m.wait_ns) / CUSTOMERS;
  sim_free(s);
  mm1_release(&m);
  return ns;
}

double bench_mm1(void)
{
  return bench_median(REPETITIONS, mm1_once, &(struct mm1_result){0});
}

double bench_mm1_wait_error(void)
{
  struct mm1_result result = {0};
  bench_median(REPETITIONS, mm1_once, &result);
  double expected_s = RHO / (1 - RHO) * SERVICE_S;
  return fabs(result.wait_s / REPETITIONS / expected_s - 1);
}

static double lindley_once(void *subject)
{
  struct mm1 m;
  mm1_init(&m, ++*(uint64_t *)subject, CUSTOMERS);
  double before = cpu_time_ns(), wait_s = 0;
  for (int i = 0; i < CUSTOMERS; i++) {
    double latency_s = wait_s + dist_draw(&m.service, &m.services);
    m.latency.mean += latency_s;
    double left_s = latency_s - dist_draw(&m.interarrival, &m.arrivals);
    wait_s = left_s > 0 ? left_s : 0;
  }
  double ns = (cpu_time_ns() - before) / CUSTOMERS;
  sim_assert(m.latency.mean > 0);
  mm1_release(&m);
  return ns;
}

double bench_lindley(void)
{
  uint64_t seed = 0;
  return bench_median(REPETITIONS, lindley_once, &seed);
}

/* ---- hold ------------------------------------------------------------------------------------------------------ */

struct hold { struct dist increment; struct rng increments; };

static void on_hold(struct sim *s, void *subject)
{
  struct hold *h = subject;
  sim_after(s, ns_from_s(dist_draw(&h->increment, &h->increments)), PRIORITY_NORMAL, on_hold, h);
}

static double steps_ns(struct sim *s, uint64_t steps)
{
  double before = cpu_time_ns();
  for (uint64_t i = 0; i < steps; i++)
    sim_step(s);
  return (cpu_time_ns() - before) / (double)steps;
}

struct hold_run { struct hold hold; struct sim *sim; uint64_t steps; };

static double hold_once(void *subject)
{
  struct hold_run *run = subject;
  return steps_ns(run->sim, run->steps);
}

static struct hold_run hold_start(size_t pending)
{
  struct rng_root root = rng_root_make(1, 0);
  return (struct hold_run){.hold = {exponential(1), rng_open(&root, INCREMENTS, pending, 0)}, .sim = sim_new(),
                           .steps = pending < 500000 ? 1000000 : 2 * pending};
}

/* Past the start: a few events for each that is pending, so that the set has its steady shape. */
static void hold_settle(struct hold_run *run, size_t pending)
{
  for (size_t i = 0; i < pending; i++)
    on_hold(run->sim, &run->hold);
  steps_ns(run->sim, 3 * pending);
}

static double hold_ns(size_t pending)
{
  struct hold_run run = hold_start(pending);
  hold_settle(&run, pending);
  double ns = bench_median(REPETITIONS, hold_once, &run);
  sim_assert(sim_pending(run.sim) == pending);
  sim_free(run.sim);
  return ns;
}

double bench_hold_1e3(void)
{
  return hold_ns(1000);
}

double bench_hold_1e5(void)
{
  return hold_ns(100000);
}

double bench_hold_1e6(void)
{
  return hold_ns(1000000);
}

/* ---- draws ----------------------------------------------------------------------------------------------------- */

enum { DRAWS = 10000000 };

static double draw_once(void *subject)
{
  const struct dist *d = subject;
  struct rng_root root = rng_root_make(1, 0);
  struct rng r = rng_open(&root, ARRIVALS, 0, 0);
  volatile double sink;
  double before = cpu_time_ns(), sum = 0;
  for (int i = 0; i < DRAWS; i++)
    sum += dist_draw(d, &r);
  double ns = (cpu_time_ns() - before) / DRAWS;
  sink = sum;
  (void)sink;
  return ns;
}

double bench_draw_exponential(void)
{
  struct dist d = exponential(1);
  return bench_median(REPETITIONS, draw_once, &d);
}

double bench_draw_normal(void)
{
  struct dist d = made("normal", (double[]){10, 1, -INFINITY}, 3);
  return bench_median(REPETITIONS, draw_once, &d);
}

double bench_draw_lognormal(void)
{
  struct dist d = made("lognormal", (double[]){1, 0.5}, 2);
  return bench_median(REPETITIONS, draw_once, &d);
}

static double fresh_once(void *subject)
{
  (void)subject;
  struct rng_root root = rng_root_make(1, 0);
  volatile double sink;
  double before = cpu_time_ns(), sum = 0;
  for (uint64_t i = 0; i < DRAWS; i++)
    sum += rng_fresh(&root, ARRIVALS, i, 7);
  double ns = (cpu_time_ns() - before) / DRAWS;
  sink = sum;
  (void)sink;
  return ns;
}

double bench_draw_fresh(void)
{
  return bench_median(REPETITIONS, fresh_once, NULL);
}

/* ---- allocations ----------------------------------------------------------------------------------------------- */

/* After a start of 2^20 customers (the record of latencies doubles there, and next at 2^21), and with 10^6 pending. */
double bench_mallocs_per_event(void)
{
  enum { STEPS = 1500000 };
  if (bench_mallocs() == UINT64_MAX)
    return NAN;
  struct mm1 m;
  uint64_t before = bench_mallocs();
  mm1_init(&m, 1, UINT64_MAX);
  struct sim *s = sim_new();
  sim_assert(bench_mallocs() > before);         /* the counter counts */
  sim_at(s, 0, PRIORITY_ARRIVE, on_arrival, &m);
  steps_ns(s, 2200000);
  before = bench_mallocs();
  steps_ns(s, STEPS);
  uint64_t mallocs = bench_mallocs() - before;
  sim_free(s);
  mm1_release(&m);
  struct hold_run run = hold_start(1000000);
  hold_settle(&run, 1000000);
  steps_ns(run.sim, 6000000);           /* two rungs of buckets: the far part has had its peak */
  before = bench_mallocs();
  steps_ns(run.sim, STEPS);
  mallocs += bench_mallocs() - before;
  sim_free(run.sim);
  return (double)mallocs / (2.0 * STEPS);
}
