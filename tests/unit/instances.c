/* Instances that start cold, stay warm and go, and members that fail: against numbers worked out by hand, closed forms
 * and published measurements (parameter book: cold starts of functions). */
#include "scenarios/scenario.h"
#include "models/instances.h"
#include "tests/unit/world_rig.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- one edge server, requests at 0, 10, 20 ... s, 1 s of service ------------------------------------------------- */

static struct cold_step_def steps[4];
static struct cold_start_def start = {1, steps};
static struct instances_def come;
static struct failures_def fail_def;

static struct rig *edge(double start_s, double keep_s, double duration_s)
{
  struct rig *r = rig_new();
  memset(steps, 0, sizeof steps);
  steps[0] = (struct cold_step_def){.name = "start", .time_s = always(start_s)};
  start.n_steps = 1;
  come = (struct instances_def){.max = 1, .cold_start = &start, .keep_s = keep_s};
  rig_task(r, 0, 0, 1, plan_at(1));
  r->place[1].instances = &come;
  r->def.horizon.duration_s = duration_s;
  return r;
}

static void near(double a, double b, double tolerance)
{
  if (!(fabs(a - b) <= tolerance)) fail_msg("%.12g is not %.12g", a, b);
}

/* Start 3 s, keep-alive 5 s: every request, 10 s apart, is cold: 3 s start, 1 s service. Instance: 3 + 1 + 5 s each. */
static void test_each_is_cold(void **state)
{
  struct rig *r = edge(3, 5, 35);
  r->place[1].idle_w = r->place[1].busy_w = 0;
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 2, .on_demand = true};
  come.warm_w = 10;
  rig_run(r);
  assert_int_equal(r->kept->requests, 3);
  for (int i = 0; i < 3; i++) {
    assert_true(r->kept->request[i].cold);
    near((double)(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns), 4e9, 0);
    near((double)r->kept->attempt[i].phase_ns[PHASE_COLD_START], 3e9, 0);
    near((double)r->kept->attempt[i].phase_ns[PHASE_QUEUE], 0, 0);
    near((double)r->kept->attempt[i].phase_ns[PHASE_SERVE], 1e9, 0);
    near(r->kept->attempt[i].energy_server_j, 30, 1e-9);        /* the start: 3 s at 10 W */
    near(r->kept->attempt[i].cost_usd, 2 * (3 + 1), 1e-9);      /* start and service */
  }
  const struct place_summary *p = &r->summary.place[1];
  assert_int_equal(p->cold_starts, 3);
  near(p->energy_j, 10 * p->instance_s, 1e-6);
  near(p->cost_usd, 2 * p->instance_s, 1e-6);
  assert_true(p->cost_direct_usd < p->cost_usd);
  rig_free(r);
}

/* Keep-alive 9.5 s is longer than the 9 s between the end of one and the next: one start. */
static void test_kept_warm(void **state)
{
  struct rig *r = edge(0.4, 9.5, 45);
  rig_run(r);
  assert_int_equal(r->kept->requests, 4);
  assert_true(r->kept->request[0].cold);
  for (int i = 1; i < 4; i++) assert_false(r->kept->request[i].cold);
  assert_int_equal(r->summary.place[1].cold_starts, 1);
  rig_free(r);
}

/* Always one: warm from the beginning, alive as long as the run. */
static void test_minimum_is_there(void **state)
{
  struct rig *r = edge(3, 0, 35);
  come.min = 1;
  rig_run(r);
  for (int i = 0; i < r->kept->requests; i++) assert_false(r->kept->request[i].cold);
  assert_int_equal(r->summary.place[1].cold_starts, 0);
  near(r->summary.place[1].instance_s, r->summary.run_s, 1e-9);
  rig_free(r);
}

/* Two servers, start 7 s, service 2 s, requests at 5, 10 and 15. The first instance is ready at 12 and goes on with the
 * second request at 14; the start for that one, of 10, is given up then, and the third request starts another. The run ends
 * at 16, with the second request: 11 + 4 + 1 s alive. Let finish, the start of 10 goes on and does for the third: 11 + 6. */
static void test_surplus(void **state)
{
  for (int cancels = 0; cancels < 2; cancels++) {
    struct rig *r = edge(7, 0, 11);
    rig_task(r, 0, 0, 2, plan_at(1));
    r->place[1].servers = 2;
    r->klass[0].arrivals.interarrival_s = always(5);
    come.max = 2, come.cancels = cancels, come.warm_w = 10;
    rig_run(r);
    near((double)r->kept->request[0].completed_ns, 14e9, 0);
    near((double)r->kept->request[1].completed_ns, 16e9, 0);
    assert_int_equal(r->summary.place[1].cold_starts, cancels ? 3 : 2);
    near(r->summary.place[1].instance_s, cancels ? 16 : 17, 1e-9);
    near(r->kept->attempt[0].energy_server_j, cancels ? 0 : 70, 1e-9);
    rig_free(r);
  }
}

/* vm 2 s; pull 6 s and extract 4 s both after vm; load 3 s after both: 2 + max(6, 4) + 3. The second start on the
 * server has pull and extract: 2 + 3. */
static void test_steps_overlap(void **state)
{
  struct rig *r = edge(0, 0, 30);
  steps[0] = (struct cold_step_def){.name = "vm", .time_s = always(2)};
  steps[1] = (struct cold_step_def){.name = "pull", .after = 1, .bytes = 6e9, .byte_per_s = 1e9, .cached = true};
  steps[2] = (struct cold_step_def){.name = "extract", .after = 1, .time_s = always(4), .cached = true};
  steps[3] = (struct cold_step_def){.name = "load", .after = 6, .time_s = always(3)};
  start.n_steps = 4;
  r->klass[0].arrivals.interarrival_s = always(13);
  rig_run(r);
  near((double)r->kept->attempt[0].phase_ns[PHASE_COLD_START], 11e9, 0);
  near((double)r->kept->attempt[1].phase_ns[PHASE_COLD_START], 5e9, 0);
  rig_free(r);
}

/* Two at once, an instance each, that pull 6 GB over one link of 1 GB/s: the first is taken to have it to itself, the second
 * to have half of it: 6 and 12 s, where equal shares would take 12 s for both. One that comes alone has all of it. */
static void test_pulls_share_the_link(void **state)
{
  struct rig *r = edge(0, 0, 60);
  steps[0] = (struct cold_step_def){.name = "pull", .bytes = 6e9, .byte_per_s = 1e9};
  come.max = 2, come.queue_at_instance = true;
  r->place[1].servers = 2;
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 2, .think_s = always(20)};
  rig_run(r);
  assert_true(r->kept->attempts > 2);
  near((double)r->kept->attempt[0].phase_ns[PHASE_COLD_START], 6e9, 0);
  near((double)r->kept->attempt[1].phase_ns[PHASE_COLD_START], 12e9, 0);
  near((double)r->kept->attempt[2].phase_ns[PHASE_COLD_START], 6e9, 0);
  rig_free(r);
}

/* exp(-lambda tau) with 1 / lambda = tau = 10 min and 1 ms of service: .3679 within 4 standard errors. */
static void test_p_cold(void **state)
{
  struct rig *r = edge(0.001, 600, 600.0 * 3800);
  rig_task(r, 0, 0, 0.001, plan_at(1));
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 1 / 600.0};
  rig_run(r);
  double cold = 0, n = r->kept->requests, p = exp(-1);
  for (int i = 0; i < r->kept->requests; i++) cold += r->kept->request[i].cold;
  near(cold / n, p, 4 * sqrt(p * (1 - p) / n));
  rig_free(r);
}

/* ---- a burst of 100 cold requests of 1 s -------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double burst_median_s(double median_s, double sigma, void (*platform)(struct rig *))
{
  struct rig *r = edge(0, 600, 1);
  static double latency[KEPT];
  steps[0].time_s = drawn("lognormal", median_s, sigma);
  come.max = 100;
  r->place[1].servers = 100;
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 100, .think_s = always(1000)};
  r->def.horizon.duration_s = 1500;
  r->def.horizon.drain_max_s = 1000;
  platform(r);
  rig_run(r);
  assert_int_equal(r->kept->requests, 100);
  for (int i = 0; i < 100; i++)
    latency[i] = (double)(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns) / NS_PER_S;
  qsort(latency, 100, sizeof *latency, by_value);
  rig_free(r);
  return latency[50];
}

static void one_each(struct rig *r) { come.queue_at_instance = true; }
static void three_in_all(struct rig *r) { come.max = 3; }

/* Measured: 1598, 2978 and 18,637 ms. AWS: one request an instance, 448 ms cold. Google: the same with its cold start in a
 * burst, measured apart: 1818 ms, p99 1.7 times. Azure: many queue; its p99, 38,545 ms, is 1401 ms and 37 requests deep,
 * hence 100 / 37 = 3 instances, and the median is the prediction. (Medians of 100: their own error is up to 3 %.) */
static void test_burst_orders_platforms(void **state)
{
  double aws = burst_median_s(0.448, 0.174, one_each), google = burst_median_s(1.818, 0.228, one_each);
  double azure = burst_median_s(1.401, 0.411, three_in_all);
  near(aws, 1.598, 0.12 * 1.598);
  near(google, 2.978, 0.12 * 2.978);
  near(azure, 18.637, 0.12 * 18.637);
  assert_true(aws < google && google < azure);
}

/* ---- keep-alive by the histogram ---------------------------------------------------------------------------------- */

static double cold_ratio(struct rig *r)
{
  double cold = 0;
  for (int i = 0; i < r->kept->requests; i++) cold += r->kept->request[i].cold;
  return cold / r->kept->requests;
}

/* Timers every 30 min, give or take a minute: fixed 10 min is always cold; the histogram comes back in time and is alive
 * no longer than that. */
static void test_histogram_beats_fixed(void **state)
{
  struct rig *fixed = edge(2, 600, 1800.0 * 300), *learns;
  fixed->klass[0].arrivals.interarrival_s = drawn("normal", 1800, 60);
  rig_run(fixed);
  learns = edge(2, 600, 1800.0 * 300);
  learns->klass[0].arrivals.interarrival_s = drawn("normal", 1800, 60);
  come.keep = KEEP_HISTOGRAM;
  come.bin_s = 60, come.range_s = 4 * 3600, come.head = 0.05, come.tail = 0.99, come.margin = 0.1;
  rig_run(learns);
  assert_true(cold_ratio(fixed) > 0.99);
  assert_true(cold_ratio(learns) < 0.1);
  assert_true(learns->summary.place[1].instance_s <= fixed->summary.place[1].instance_s);
  rig_free(fixed);
  rig_free(learns);
}

/* ---- autoscaler --------------------------------------------------------------------------------------------------- */

/* 8 requests a second of 1 s, 2 wanted at an instance of 2 slots: 4 instances. And to zero when they end. */
static void test_concurrency_target(void **state)
{
  struct rig *r = edge(0.1, 10, 400);
  come = (struct instances_def){.max = 10, .cold_start = &start, .keep_s = 10, .by = SCALE_BY_CONCURRENCY, .target = 2,
                                .period_s = 5};
  r->place[1].servers = 10;
  r->place[1].slots = 2;
  r->klass[0].arrivals.interarrival_s = always(0.125);
  rig_run(r);
  near(r->summary.place[1].instance_s / r->summary.run_s, 4, 0.3);
  rig_free(r);
}

/* Windows of 60 and 6 s, looks each 2 s, target 1, one warm instance; 10 requests come at 10 s and stay. Over 6 s there
 * are 10/3, 20/3, 10 of them at 12, 14, 16 s: panic from the first look on (4 >= 2 x 1), so 4, 7 and 10 instances:
 * 12 + 2*4 + 2*7 + 4*10 = 74 instance-seconds by 20 s. Without panic the means since the start count, 10/6, 20/7, 30/8,
 * 40/9: 2, 3, 4 and 5 instances, 12 + 2*(2 + 3 + 4 + 5) = 40. */
static void test_panic_window(void **state)
{
  for (int panic = 0; panic < 2; panic++) {
    struct rig *r = edge(0, 10, 20);
    come = (struct instances_def){.min = 1, .max = 20, .keep_s = 10, .by = SCALE_BY_CONCURRENCY, .target = 1, .period_s = 2,
                                  .stable_s = 60, .panic_s = panic ? 6 : 0, .panic_threshold = 2, .grace_s = 30};
    rig_task(r, 0, 0, 1000, plan_at(1));
    r->place[1].servers = 20;
    r->place[1].slots = 100;
    r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 10, .think_s = always(10)};
    r->def.horizon.drain_max_s = 0;
    rig_run(r);
    near(r->summary.run_s, 20, 1e-9);
    near(r->summary.place[1].instance_s, panic ? 74 : 40, 1e-6);
    rig_free(r);
  }
}

/* One request, from 100 to 101 s; looks each 2 s. That at 102 s sees half a request; from 104 s on nothing is wanted: the
 * last instance goes at once, or 6 s later with a grace of 5 s: alive 4 or 10 s. */
static void test_grace(void **state)
{
  for (int grace = 0; grace < 2; grace++) {
    struct rig *r = edge(0, 0, 130);
    come = (struct instances_def){.max = 2, .by = SCALE_BY_CONCURRENCY, .target = 1, .period_s = 2, .grace_s = grace ? 5 : 0};
    r->place[1].servers = 2;
    r->klass[0].arrivals.interarrival_s = always(100);
    rig_run(r);
    near(r->summary.place[1].instance_s, grace ? 10 : 4, 1e-9);
    rig_free(r);
  }
}

/* ---- money -------------------------------------------------------------------------------------------------------- */

/* Two at once start an instance each, of which the first is reserved at 0.5 USD/s and the second costs 2 USD/s while it
 * lives; each request is charged 3 s of start and 1 s of service at the lower price. */
static void test_reserved_and_on_demand(void **state)
{
  struct rig *r = edge(3, 5, 15);
  come.max = 2, come.reserved = 1, come.reserved_usd_per_s = 0.5;
  r->place[1].servers = 2;
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 2, .on_demand = true};
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 2, .think_s = always(10)};
  rig_run(r);
  const struct place_summary *p = &r->summary.place[1];
  for (int i = 0; i < 2; i++) near(r->kept->attempt[i].cost_usd, 0.5 * (3 + 1), 1e-9);
  near(p->on_demand_instance_s, p->instance_s / 2, 1e-6);
  near(p->cost_usd, 0.5 * r->summary.run_s + 2 * p->on_demand_instance_s, 1e-6);
  assert_true(p->cost_direct_usd < p->cost_usd && p->on_demand_instance_s > 0);
  rig_free(r);
}

enum life_fault { NO_FAULT, LIFE_TOO_LONG, AREA_TOO_SMALL, MORE_OVER_RESERVED, N_FAULTS };

static void plant(struct fleet *f, enum life_fault fault)
{
  if (fault == LIFE_TOO_LONG) f->instance[0].began -= 1;
  if (fault == AREA_TOO_SMALL) f->alive_area -= 1;
  if (fault == MORE_OVER_RESERVED) f->over_area += (__int128)1 << 90;
}

/* The signal that ends a run in which an instance lives a nanosecond too long, or is counted for one too few. */
static int ending(enum life_fault fault)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    if (!freopen("/dev/null", "w", stderr)) _exit(1);
    struct rig *r = edge(0.4, 5, 35);
    struct err err;
    struct run_setup setup = {.def = &r->def, .seed = 1, .sink = keeping(r->kept)};
    come.min = 1;
    err_init(&err);
    struct world *w = world_new(&setup, &err);
    if (!w) _exit(2);
    plant(&w->place[1].fleets[0], fault);
    _exit(world_run(w, &r->summary, &err) ? 0 : 3);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_lives_are_audited(void **state)
{
  assert_int_equal(ending(NO_FAULT), 0);
  for (int f = NO_FAULT + 1; f < N_FAULTS; f++) assert_int_equal(ending((enum life_fault)f), SIGABRT);
}

/* ---- what policies see -------------------------------------------------------------------------------------------- */

/* The edge serves in 1 s, the cloud in 1 s and 2 s of way. A start of 3 s makes the edge the worse choice, unless an
 * instance is there. Told by reports, too. */
static void test_cold_place_is_avoided(void **state)
{
  for (int i = 0; i < 4; i++) {
    bool there = i & 1;
    struct rig *r = edge(3, 0, 35);
    come.min = there;
    r->link[1].latency_s = always(1);
    r->plan[0][1] = plan_at(2);
    r->task[0].n_plans = 2;
    r->policy = (struct policy_def){.policy = "clairvoyant", .name = "p", .at_place = NONE};
    if (i & 2) r->policy.policy = "cost_aware", r->def.telemetry.ideal = false, r->def.telemetry.refresh_s = 0.5;
    r->def.objective = (struct objective_def){.latency_per_s = -1};
    rig_run(r);
    assert_int_equal(r->kept->attempts, 3);
    for (int k = 0; k < 3; k++) assert_int_equal(r->kept->attempt[k].place, there ? 1 : 2);
    rig_free(r);
  }
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

/* 4 s of service from 20 s on; down from 22 to 30 s; the next comes at 40. */
static struct rig *outage(enum failure_work work, enum discipline discipline, const struct batching_def *batching)
{
  static const struct outage_def down = {22, 8};
  struct rig *r = rig_new();
  r->place[1].discipline = discipline;
  r->place[1].batching = batching;
  r->place[1].busy_w = 100, r->place[1].idle_w = 0;
  r->klass[0].arrivals.interarrival_s = always(20);
  r->def.horizon.duration_s = 25;
  rig_task(r, 0, 0, 4, plan_at(1));
  fail_def = (struct failures_def){.n_outages = 1, .outage = &down, .work = work};
  r->place[1].failures = &fail_def;
  rig_run(r);
  if (work != FAILED_WORK_LOST) near(r->summary.place[1].down_s, 8, 1e-9);
  return r;
}

static void test_work_of_a_failed_place(void **state)
{
  static const enum discipline all[] = {FIFO, LIFO, PROCESSOR_SHARING, PRIORITY_PREEMPTIVE, SRPT, EDF};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct rig *r = outage(FAILED_WORK_RESUME, all[i], NULL);
    near((double)r->kept->request[0].completed_ns, 32e9, 0);
    near((double)r->kept->attempt[0].phase_ns[PHASE_QUEUE], 8e9, 0);
    near(r->kept->attempt[0].energy_server_j, 400, 1e-9);
    rig_free(r);
    r = outage(FAILED_WORK_RESTART, all[i], NULL);
    near((double)r->kept->request[0].completed_ns, 34e9, 0);
    near(r->kept->attempt[0].energy_server_j, 600, 1e-9);       /* 2 s in vain */
    rig_free(r);
    r = outage(FAILED_WORK_LOST, all[i], NULL);
    assert_int_equal(r->kept->request[0].status, STATUS_LOST);
    near((double)r->kept->request[0].completed_ns, 22e9, 0);
    near(r->kept->attempt[0].energy_server_j, 200, 1e-9);
    rig_free(r);
  }
}

/* The same with batches of one of 4 s, 40 J: always anew, and half of the batch was for nothing. */
static void test_batch_of_a_failed_place(void **state)
{
  static const struct batching_def one = {.kind = BATCH_FIXED, .size = 1, .time_of = BATCH_CURVE, .time_s = {.a = 4},
                                          .has_energy = true, .energy_j = {.a = 40}};
  for (int work = FAILED_WORK_LOST; work <= FAILED_WORK_RESUME; work++) {
    struct rig *r = outage((enum failure_work)work, FIFO, &one);
    bool lost = work == FAILED_WORK_LOST;
    const struct attempt_record *a = &r->kept->attempt[0];
    assert_int_equal(a->status, lost ? STATUS_LOST : STATUS_COMPLETED);
    near((double)a->ended_ns, lost ? 22e9 : 34e9, 0);
    near((double)a->phase_ns[PHASE_SERVE], lost ? 2e9 : 6e9, 0);
    near((double)a->phase_ns[PHASE_QUEUE], lost ? 0 : 8e9, 0);
    near(a->energy_server_j, lost ? 20 : 60, 1e-9);
    rig_free(r);
  }
}

/* ---- instances beside the other ways to serve --------------------------------------------------------------------- */

/* Requests at 1, 2, 3 and 4 s, pairs of 1 s + 0.5 s each, start 3 s: the instance is there at 4, pairs end at 6 and 8. */
static void test_batches_at_instances(void **state)
{
  static const struct batching_def pairs = {.kind = BATCH_FIXED, .size = 2, .time_of = BATCH_CURVE,
                                            .time_s = {.a = 1, .c = 0.5}};
  static const int64_t cold_s[] = {3, 2, 1, 0}, queue_s[] = {0, 0, 2, 2};
  struct rig *r = edge(3, 5, 4.5);
  r->place[1].batching = &pairs;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.max_requests = 4;
  rig_run(r);
  assert_int_equal(r->summary.place[1].cold_starts, 1);
  for (int i = 0; i < 4; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    assert_int_equal(a->batch, 1 + i / 2);
    near((double)a->phase_ns[PHASE_COLD_START], (double)cold_s[i] * 1e9, 0);
    near((double)a->phase_ns[PHASE_QUEUE], (double)queue_s[i] * 1e9, 0);
    near((double)a->phase_ns[PHASE_SERVE], 2e9, 0);
  }
  rig_free(r);
}

/* One warm instance that two may share, 4 s of work each, at 1, 2 and 3 s: the first ends at 8, the third begins there;
 * the second ends at 10, where a fourth comes in, and the third ends at 16. */
static void test_shared_instance(void **state)
{
  static const double end_s[] = {8, 10, 16};
  struct rig *r = edge(3, 5, 3.5);
  come.min = 1;
  rig_task(r, 0, 0, 4, plan_at(1));
  r->place[1].discipline = PROCESSOR_SHARING;
  r->place[1].slots = 2;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.max_requests = 3;
  rig_run(r);
  for (int i = 0; i < 3; i++) near((double)r->kept->attempt[i].ended_ns, end_s[i] * 1e9, 4);
  near((double)r->kept->attempt[2].phase_ns[PHASE_QUEUE], 5e9, 4);
  rig_free(r);
}

/* Two servers, one instance warm and one that starts for 3 s. 6 s of work come at 10, 1 s (more urgent) at 11: it takes
 * the slot until 12, the first goes on there, and the second instance came for nothing. */
static void test_preemption_at_instances(void **state)
{
  struct rig *r = edge(3, 50, 10.5);
  come.min = 1, come.max = 2;
  r->place[1].servers = 2;
  r->place[1].discipline = PRIORITY_PREEMPTIVE;
  rig_task(r, 0, 0, 6, plan_at(1));
  rig_task(r, 1, 0, 1, plan_at(1));
  r->klass[1] = r->klass[0];
  r->klass[0].priority = 1;
  r->klass[1].name = "urgent";
  r->klass[1].task = r->task + 1;
  r->klass[1].arrivals.interarrival_s = always(11);
  r->def.n_classes = 2;
  r->def.horizon.duration_s = 11.5;
  rig_run(r);
  assert_int_equal(r->kept->attempts, 2);
  near((double)r->kept->attempt[0].ended_ns, 12e9, 0);
  assert_false(r->kept->request[0].cold);
  near((double)r->kept->attempt[1].ended_ns, 17e9, 0);
  near((double)r->kept->attempt[1].phase_ns[PHASE_QUEUE], 1e9, 0);
  assert_int_equal(r->summary.place[1].cold_starts, 1);
  rig_free(r);
}

/* mtbf 9 s, mttr 1 s: down a tenth of the time; with instances that have to come back. Nothing hangs. */
static void test_up_and_down(void **state)
{
  for (int work = FAILED_WORK_LOST; work <= FAILED_WORK_RESUME; work++)
    for (int bound = 0; bound < 2; bound++) {
      struct rig *r = edge(0.5, 3, 20000);
      come.max = 3;
      come.queue_at_instance = bound;
      r->place[1].servers = 3;
      r->klass[0].arrivals.interarrival_s = drawn("exponential", 6, NAN);
      fail_def = (struct failures_def){.mtbf_s = drawn("exponential", 90, NAN), .mttr_s = drawn("exponential", 10, NAN),
                                       .work = (enum failure_work)work};
      r->place[1].failures = &fail_def;
      rig_run(r);
      near(r->summary.place[1].down_s / r->summary.run_s, 0.1, 0.04);
      assert_int_equal(r->summary.censored, 0);
      assert_int_equal(r->summary.failed > 0, work == FAILED_WORK_LOST);
      rig_free(r);
    }
}

/* Two servers, each up half of the time on its own: the place is there but for a quarter of it. Requests of 1 ms that wait
 * came upon both down: 0.25 within 4 standard errors (the indicator forgets with rate 2/10 s at least: n = 3800 / 10). */
static void test_servers_fail_alone(void **state)
{
  static const struct batching_def one = {.kind = BATCH_FIXED, .size = 1};
  static const enum discipline all[] = {FIFO, PROCESSOR_SHARING, PRIORITY_PREEMPTIVE, EDF, FIFO};
  for (int i = 0; i < 5; i++) {
    struct rig *r = rig_new();
    double waited = 0;
    rig_task(r, 0, 0, 0.001, plan_at(1));
    fail_def = (struct failures_def){.mtbf_s = drawn("exponential", 10, NAN), .mttr_s = drawn("exponential", 10, NAN),
                                     .scope = FAILS_SERVER, .work = (enum failure_work)(i % 3)};
    r->place[1].failures = &fail_def;
    r->place[1].servers = 2;
    r->place[1].discipline = all[i];
    if (i == 4) r->place[1].batching = &one;
    r->klass[0].arrivals.interarrival_s = always(1);
    r->def.horizon.duration_s = 3800;
    rig_run(r);
    for (int k = 0; k < r->kept->attempts; k++)
      waited += r->kept->attempt[k].phase_ns[PHASE_QUEUE] + r->kept->attempt[k].phase_ns[PHASE_BATCH] > 0;
    near(waited / r->kept->attempts, 0.25, 4 * sqrt(0.25 * 0.75 / 380));
    near(r->summary.place[1].down_s / r->summary.run_s, 0.5, 4 * 0.5 / sqrt(2 * 380));
    rig_free(r);
  }
}

/* 10 s of work from 10 s on at one of two servers that last 15 s each and are away for 100 s: it fails at 15, and so does
 * the other: after the repair at 115 the work goes on for 5 s, or for 10, or is lost. A start under way ends with its
 * server, and one begins at the other: of 20 s, none is ever ready; two in each of six times up until 612 s. */
static void test_servers_fail_at_once(void **state)
{
  static const double end_s[] = {15, 125, 120};
  for (int work = FAILED_WORK_LOST; work <= FAILED_WORK_RESUME; work++)
    for (int starts = 0; starts < 2; starts++) {
      struct rig *r = edge(20, 50, 12);
      if (!starts) r->place[1].instances = NULL;
      come.max = 2;
      rig_task(r, 0, 0, 10, plan_at(1));
      fail_def = (struct failures_def){.mtbf_s = always(15), .mttr_s = always(100), .scope = FAILS_SERVER,
                                       .work = (enum failure_work)work};
      r->place[1].failures = &fail_def;
      r->place[1].servers = 2;
      rig_run(r);
      if (starts) assert_true(r->summary.place[1].cold_starts == 12 && r->summary.completed == 0);
      else near((double)r->kept->attempt[0].ended_ns, end_s[work] * 1e9, 0);
      rig_free(r);
    }
}

/* Three members that fail together are down three times as long as one; each on its own is another matter. */
static void test_place_fails_as_one(void **state)
{
  double down_s[3];
  for (int i = 0; i < 3; i++) {
    struct rig *r = rig_new();
    fail_def = (struct failures_def){.mtbf_s = drawn("exponential", 9, NAN), .mttr_s = drawn("exponential", 1, NAN),
                                     .scope = i == 2 ? FAILS_MEMBER : FAILS_PLACE};
    r->place[1].failures = &fail_def;
    r->place[1].count = i == 0 ? 1 : 3;
    r->def.horizon.duration_s = 500;
    rig_run(r);
    down_s[i] = r->summary.place[1].down_s;
    rig_free(r);
  }
  near(down_s[1], 3 * down_s[0], 1e-6);
  assert_true(fabs(down_s[2] - down_s[1]) > 1e-3);
}

/* Two places of a zone fail at the same times. */
static void test_zone_fails_as_one(void **state)
{
  struct rig *r = rig_new();
  fail_def = (struct failures_def){.mtbf_s = drawn("exponential", 9, NAN), .mttr_s = drawn("exponential", 1, NAN),
                                   .scope = FAILS_ZONE};
  r->place[1].failures = r->place[2].failures = &fail_def;
  r->def.horizon.duration_s = 500;
  rig_run(r);
  assert_true(fabs(r->summary.place[1].down_s - r->summary.place[2].down_s) > 1e-3);       /* telco, public */
  r->place[2].zone = r->place[1].zone;
  rig_run(r);
  near(r->summary.place[1].down_s, r->summary.place[2].down_s, 0);
  rig_free(r);
}

/* Outages from a file, with a line end of Windows; another file of another content is another run. */
static void test_outages_from_file(void **state)
{
  char csv[] = "/tmp/outages_XXXXXX.csv", yaml[] = "/tmp/outages_XXXXXX.yaml";
  struct err err;
  FILE *f = fdopen(mkstemps(csv, 4), "w");
  fputs("from_s,for_s\r\n10,5\r\n20.5,1\r\n", f);
  fclose(f);
  f = fdopen(mkstemps(yaml, 5), "w");
  fprintf(f, "horizon: {duration: 30 s}\nplaces:\n  - {name: phone, tier: device}\n"
             "  - {name: edge, tier: edge, failures: {trace: %s, work: restart}}\n"
             "classes:\n  - name: ask\n    from: [phone]\n    arrivals: {poisson: {rate: 1 /s}}\n    pipeline:\n"
             "      - {task: go, work: {time: 1 ms}, places: [origin]}\ntelemetry: ideal\n", csv);
  fclose(f);
  err_init(&err);
  struct scenario *s = scenario_load(yaml, NULL, 0, &err);
  if (!s) err_print(&err, stderr, false);
  assert_non_null(s);
  const struct failures_def *d = s->world.place[1].failures;
  assert_int_equal(d->n_outages, 2);
  near(d->outage[1].from_s, 20.5, 0);
  near(d->outage[1].for_s, 1, 0);
  assert_int_equal(s->n_files, 1);
  assert_string_equal(s->file[0].kind, "outages");
  scenario_free(s);
  err_release(&err);
  unlink(csv);
  unlink(yaml);
}

/* A batch profile beside the scenario: times and energies between its points, and the file is part of the run. */
static void test_batch_profile(void **state)
{
  char folder[] = "/tmp/profile_XXXXXX", path[256], file[256];
  struct err err;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/presets", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/presets/batch_profiles", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(file, sizeof file, "%s/presets/batch_profiles/net.yaml", folder);
  FILE *f = fopen(file, "w");
  fputs("kind: batch_profile\nname: net\nsources: {all: {source: own, year: 2026, grade: E}}\n"
        "value: {hardware: l4, sizes: [1, 4, 8], times: [10 ms, 16 ms, 40 ms], energies: [1 J, 2 J, 6 J]}\n", f);
  fclose(f);
  snprintf(path, sizeof path, "%s/s.yaml", folder);
  f = fopen(path, "w");
  fputs("horizon: {duration: 30 s}\nplaces:\n  - {name: phone, tier: device}\n"
        "  - {name: edge, tier: edge, hardware: l4, batching: {kind: take_all, size: 8, time: {profile: net}}}\n"
        "classes:\n  - name: ask\n    from: [phone]\n    arrivals: {poisson: {rate: 1 /s}}\n    pipeline:\n"
        "      - {task: go, work: {time: 1 ms}, places: [origin]}\ntelemetry: ideal\n", f);
  fclose(f);
  err_init(&err);
  struct scenario *s = scenario_load(path, NULL, 0, &err);
  if (!s) err_print(&err, stderr, false);
  assert_non_null(s);
  const struct batching_def *d = s->world.place[1].batching;
  assert_true(d->time_of == BATCH_CURVE && d->has_energy);
  near(batch_curve_at(&d->time_s, 2), 0.012, 1e-12);
  near(batch_curve_at(&d->energy_j, 6), 4, 1e-12);
  bool noted = false;
  for (size_t i = 0; i < (size_t)s->n_files; i++) noted |= strstr(s->file[i].asked, "batch_profiles/net.yaml") != NULL;
  assert_true(noted);
  scenario_free(s);
  unlink(file);
  unlink(path);
  static const char *const parts[] = {"/presets/batch_profiles", "/presets", ""};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", folder, parts[i]);
    assert_int_equal(rmdir(path), 0);
  }
  err_release(&err);
}

/* ---- presets: samplers against what was measured ------------------------------------------------------------------ */

static const struct dist *preset_start(struct scenario **s, const char *name)
{
  char path[] = "/tmp/instances_XXXXXX.yaml";
  struct err err;
  FILE *f = fdopen(mkstemps(path, 5), "w");
  fprintf(f, "horizon: {duration: 1 s}\nplaces:\n  - {name: phone, tier: device}\n"
             "  - {name: edge, tier: edge, instances: {max: 1, cold_start: %s}}\n"
             "classes:\n  - name: ask\n    from: [phone]\n    arrivals: {poisson: {rate: 1 /s}}\n    pipeline:\n"
             "      - {task: go, work: {time: 1 s}, places: [origin]}\ntelemetry: ideal\n", name);
  fclose(f);
  err_init(&err);
  *s = scenario_load(path, NULL, 0, &err);
  unlink(path);
  if (!*s) err_print(&err, stderr, false);
  assert_non_null(*s);
  err_release(&err);
  return (*s)->world.place[1].instances->cold_start->step[0].time_s;
}

static void test_cold_start_medians_and_tails(void **state)
{
  const struct { const char *name; double median_s, tail; } measured[] = {
    {"aws_lambda", 0.448, 1.5}, {"google_functions", 0.870, 1.8}, {"azure_functions", 1.401, 2.6},
    {"aws_lambda_python_zip", 0.360, 570.0 / 360}, {"aws_lambda_python_container", 0.612, 2882.0 / 612},
    {"aws_lambda_100mb", 2.155 / 1.7, 1.7}, {"google_functions_100mb", 0.870, 3.6},
    {"google_functions_burst", 1.818, 3095.0 / 1818}, {"azure_functions_100mb", 5.723 / 2.6, 2.6},
    {"container_raspberry_pi", 6.9, sqrt(31 / 2.5)}};
  enum { N = 40000 };
  double *x = calloc(N, sizeof *x);
  for (size_t m = 0; m < sizeof measured / sizeof *measured; m++) {
    struct scenario *s;
    const struct dist *d = preset_start(&s, measured[m].name);
    struct rng_root root = rng_root_make(7, m);
    struct rng g = rng_open(&root, 1, 0, 0);
    for (int i = 0; i < N; i++) x[i] = dist_draw(d, &g);
    qsort(x, N, sizeof *x, by_value);
    near(x[N / 2], measured[m].median_s, 0.05 * measured[m].median_s);
    near(x[N * 99 / 100] / x[N / 2], measured[m].tail, 0.10 * measured[m].tail);
    scenario_free(s);
  }
  free(x);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_is_cold), cmocka_unit_test(test_kept_warm), cmocka_unit_test(test_minimum_is_there), cmocka_unit_test(test_surplus),
    cmocka_unit_test(test_steps_overlap), cmocka_unit_test(test_p_cold), cmocka_unit_test(test_burst_orders_platforms),
    cmocka_unit_test(test_histogram_beats_fixed), cmocka_unit_test(test_concurrency_target),
    cmocka_unit_test(test_work_of_a_failed_place), cmocka_unit_test(test_up_and_down),
    cmocka_unit_test(test_cold_start_medians_and_tails), cmocka_unit_test(test_batch_of_a_failed_place),
    cmocka_unit_test(test_batches_at_instances), cmocka_unit_test(test_shared_instance),
    cmocka_unit_test(test_preemption_at_instances), cmocka_unit_test(test_panic_window),
    cmocka_unit_test(test_reserved_and_on_demand), cmocka_unit_test(test_cold_place_is_avoided),
    cmocka_unit_test(test_place_fails_as_one), cmocka_unit_test(test_zone_fails_as_one),
    cmocka_unit_test(test_outages_from_file), cmocka_unit_test(test_pulls_share_the_link), cmocka_unit_test(test_grace),
    cmocka_unit_test(test_batch_profile), cmocka_unit_test(test_lives_are_audited), cmocka_unit_test(test_servers_fail_alone), cmocka_unit_test(test_servers_fail_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
