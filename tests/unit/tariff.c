/* Tariffs: five bills computed by hand to the cent, and the parts of models/tariff.c. */
#include "tests/unit/world_rig.h"
#include "models/internal.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const double GB = 1e9, TB = 1e12, MTOK = 1e-6, HOUR = 1 / 3600.0;

static void near(double a, double b)
{
  if (!(fabs(a - b) <= 1e-9 * (1 + fabs(b)))) fail_msg("%.12g is not %.12g", a, b);
}

/* To the cent: both as whole cents, and the sum itself. */
static void bill(double usd, double expected_usd)
{
  assert_int_equal(llround(100 * usd), llround(100 * expected_usd));
  near(usd, expected_usd);
}

/* Direct + residual = total, and the attempts' own sum is the direct part. */
static void ledgers_agree(const struct rig *r)
{
  double direct = 0;
  for (int i = 0; i < r->kept->attempts; i++) direct += r->kept->attempt[i].cost_usd;
  near(direct, r->summary.cost_direct_usd);
  assert_true(r->summary.cost_total_usd >= r->summary.cost_direct_usd * (1 - 1e-9));
}

/* First 100 GB free, 0.09 to 10 TB, 0.085 to 50 TB (parameter book 6.2). */
static const struct price_tier tiers[] = {{0, 0}, {100e9, 0.09e-9}, {10e12, 0.085e-9}, {50e12, 0.07e-9}};

/* Bill 1. Of a month 9.5 TB are sent; answers of 1 TB: 0.5 x 90 + 0.5 x 85 = 87.50, then 85.00; the month ends; the third
 * one is the first of the next: 0.9 x 90 = 81.00. Together 253.50 USD. */
static void test_bill_of_tiers(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct tariff_terms terms = {.n_tiers = 4, .tier = tiers, .used_bytes = 9.5 * TB, .month_s = 25, .sensitivity = -1};
  rig_task(r, 0, 0, 1, plan_at(1));
  r->task[0].output_bytes = amount(1 * TB);
  r->place[1].tariff.terms = &terms;
  r->def.horizon.duration_s = 35;
  rig_run(r);
  assert_int_equal(r->kept->attempts, 3);
  bill(r->kept->attempt[0].cost_usd, 87.50);
  bill(r->kept->attempt[1].cost_usd, 85.00);
  bill(r->kept->attempt[2].cost_usd, 81.00);
  bill(r->summary.cost_total_usd, 253.50);
  ledgers_agree(r);
  rig_free(r);
}

/* Bill 2. 36 USD/h on demand, at least 60 s: each service of 7 s costs a minute, 0.60 USD; three of them 1.80 USD. */
static void test_bill_of_minimum(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct tariff_terms terms = {.minimum_s = 60, .granularity_s = 1, .sensitivity = -1};
  rig_task(r, 0, 0, 7, plan_at(1));
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 36 * HOUR, .on_demand = true, .terms = &terms};
  r->def.horizon.duration_s = 35;
  rig_run(r);
  assert_int_equal(r->kept->attempts, 3);
  for (int i = 0; i < 3; i++) bill(r->kept->attempt[i].cost_usd, 0.60);
  bill(r->summary.place[1].cost_usd, 1.80);
  bill(r->summary.place[1].cost_direct_usd, 1.80);
  ledgers_agree(r);
  rig_free(r);
}

/* Bill 3. A function of 2 GB at 0.001 USD/GB-s, by 100 ms, 0.20 USD a request; start 0.33 s and service 0.5 s are one
 * use of 0.83 s: 0.9 s x 0.002 = 0.0018, with the request 0.2018; kept alive at no cost. Three: 0.6054 USD;
 * without rounding it would have been 0.60498. */
static void test_bill_of_granularity(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct tariff_terms terms = {.granularity_s = 0.1, .by_use = true, .sensitivity = -1};
  struct cold_step_def step = {.name = "start", .time_s = always(0.33)};
  struct cold_start_def start = {1, &step};
  struct instances_def come = {.max = 1, .cold_start = &start, .keep_s = 5};
  rig_task(r, 0, 0, 0.5, plan_at(1));
  r->place[1].instances = &come;
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 0.002, .usd_per_request = 0.2, .on_demand = true, .terms = &terms};
  r->def.horizon.duration_s = 35;
  rig_run(r);
  assert_int_equal(r->kept->attempts, 3);
  for (int i = 0; i < 3; i++) near(r->kept->attempt[i].cost_usd, 0.2018);
  bill(r->summary.place[1].cost_usd, 0.6054);
  ledgers_agree(r);
  rig_free(r);
}

/* Bill 4. 0.25 USD/Mtok read, 2 written, 0.025 cached (parameter book 6.2, small). 10 Mtok read, 8 of them cached, 0.5
 * written: 2 x 0.25 + 8 x 0.025 + 0.5 x 2 = 1.70 USD. With a factor 2 and 1.5 above 272 ktok: 2 x 0.7 + 1.5 x 1 = 2.90. */
static void test_bill_of_cached_tokens(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct tariff_terms terms = {.has_cached = true, .usd_per_tok_cached = 0.025 * MTOK, .sensitivity = -1};
  r->def.n_places = 4;
  r->def.n_links = 3;
  r->place[3].kind = PLACE_API;
  r->place[3].ttft_s = always(0.5);
  r->place[3].tariff = (struct tariff_def){.usd_per_tok_in = 0.25 * MTOK, .usd_per_tok_out = 2 * MTOK, .terms = &terms};
  r->link[2].b = 3;
  rig_task(r, 0, 0, 1, plan_at(3));
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(10e6), .tok_out = amount(0.5e6),
                                    .tok_cached = amount(8e6)};
  rig_run(r);
  assert_int_equal(r->kept->attempts, 1);
  bill(r->kept->attempt[0].cost_usd, 1.70);
  ledgers_agree(r);
  terms.long_tok = 272e3, terms.long_in = 2, terms.long_out = 1.5;
  rig_run(r);
  bill(r->kept->attempt[0].cost_usd, 2.90);
  rig_free(r);
}

/* Bill 5. One instance reserved at 360 USD/h, others 600 USD/h on demand, at least a minute. Two requests come at once at
 * 10 s: both instances start for 30 s and serve for 1 s, and the run is over. Reserved: all of its 41 s, 4.10 USD.
 * Overflow: it lived for 31 s and is billed for 60 s: 10.00 USD. Total 14.10; each request is charged 31 s at the lower
 * price, 3.10. */
static void test_bill_of_reserved_and_overflow(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct tariff_terms terms = {.minimum_s = 60, .granularity_s = 1, .sensitivity = 0.2};
  struct cold_step_def step = {.name = "start", .time_s = always(30)};
  struct cold_start_def start = {1, &step};
  struct instances_def come = {.max = 2, .cold_start = &start, .keep_s = 5, .reserved = 1, .reserved_usd_per_s = 360 * HOUR};
  rig_task(r, 0, 0, 1, plan_at(1));
  r->place[1].instances = &come;
  r->place[1].servers = 2;
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 600 * HOUR, .on_demand = true, .terms = &terms};
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 2, .think_s = always(10)};
  r->def.horizon.duration_s = 11;
  r->def.horizon.drain_max_s = 49;
  rig_run(r);
  const struct place_summary *p = &r->summary.place[1];
  near(r->summary.run_s, 41);
  near(p->on_demand_instance_s, 31);
  bill(p->cost_usd, 14.10);
  bill(p->cost_direct_usd, 6.20);
  for (int i = 0; i < 2; i++) bill(r->kept->attempt[i].cost_usd, 3.10);
  near(r->summary.cost_swing_usd, 0.2 * p->cost_usd);
  ledgers_agree(r);
  rig_free(r);
}

/* The same for fixed servers. One of two (three slots each) reserved at 360 USD/h, the other 600 USD/h on demand: 5 jobs of 8 s
 * at once at 10 s hold 2 slots beyond it. 0.1 x 18 s reserved, 2 x 8 x 0.1667 / 3 = 0.89 overflow; each job 8 x 0.1 / 3. */
static void test_bill_of_reserved_servers(void **state)
{
  (void)state;
  const enum discipline all[] = {FIFO, PRIORITY_PREEMPTIVE};
  for (int i = 0; i < 2; i++) {
    struct rig *r = rig_new();
    struct tariff_terms terms = {.reserved = 1, .reserved_usd_per_s = 360 * HOUR, .sensitivity = -1};
    rig_task(r, 0, 0, 8, plan_at(1));
    r->place[1].servers = 2;
    r->place[1].slots = 3;
    r->place[1].discipline = all[i];
    r->place[1].tariff = (struct tariff_def){.usd_per_s = 600 * HOUR, .on_demand = true, .terms = &terms};
    r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 5, .think_s = always(10)};
    r->def.horizon.duration_s = 11;
    r->def.horizon.drain_max_s = 49;
    rig_run(r);
    near(r->summary.run_s, 18);
    near(r->summary.place[1].cost_usd, 1.8 + 16 * 600 * HOUR / 3);
    for (int k = 0; k < 5; k++) near(r->kept->attempt[k].cost_usd, 8 * 360 * HOUR / 3);
    ledgers_agree(r);
    rig_free(r);
  }
}

/* Two classes send 6 TB each from one place, of which 5 TB cost 90 USD, the others 45: one volume, 5 x 90 + 7 x 45. */
static void test_tiers_are_of_the_place(void **state)
{
  (void)state;
  const struct price_tier two[] = {{0, 0.09e-9}, {5e12, 0.045e-9}};
  struct tariff_terms terms = {.n_tiers = 2, .tier = two, .month_s = 30 * 86400, .sensitivity = -1};
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(1));
  r->task[0].output_bytes = amount(6 * TB);
  r->place[1].tariff.terms = &terms;
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 1, .think_s = always(10)};
  r->def.n_classes = 2;
  r->klass[1] = r->klass[0];
  r->klass[1].name = "also";
  r->def.horizon.duration_s = 11;
  rig_run(r);
  assert_int_equal(r->kept->requests, 2);
  bill(r->summary.place[1].cost_usd, 5 * 90 + 7 * 45);
  ledgers_agree(r);
  rig_free(r);
}

/* The provider's own example: 3 million calls of 1 s with 512 MB, 0.00001667 USD/GB-s, 400,000 GB-s free, 0.20 USD a
 * million requests, one million free: 18.34 + 0.40 USD. */
static void test_free_tier(void **state)
{
  (void)state;
  struct tariff_terms terms = {.by_use = true, .granularity_s = 1e-3, .free_requests = 1e6, .free_use_s = 400e3 / 0.5};
  struct tariff_def f = {.usd_per_s = 0.5 * 0.00001667, .usd_per_request = 0.2e-6, .on_demand = true, .terms = &terms};
  struct tariff_meter m = {0};
  double time_usd = 0, requests_usd = 0;
  tariff_month(&f, &m, 0);
  for (int i = 0; i < 3000000; i++) {
    time_usd += tariff_use_usd(&f, &m, f.usd_per_s, 1);
    requests_usd += tariff_request_usd(&f, &m);
  }
  assert_int_equal(llround(100 * time_usd), 1834);
  assert_int_equal(llround(100 * requests_usd), 40);
}

static void test_rounding(void **state)
{
  (void)state;
  const struct tariff_terms by_ms = {.granularity_s = 1e-3}, minute = {.minimum_s = 60, .granularity_s = 1};
  near(tariff_billed_s(&by_ms, 0.1204), 0.121);
  near(tariff_billed_s(&by_ms, 0.121 + 1e-9), 0.121);   /* one nanosecond is rounding of the clock */
  near(tariff_billed_s(&by_ms, 0.121 + 3e-9), 0.122);
  near(tariff_billed_s(&by_ms, 0), 0);                  /* never served */
  near(tariff_billed_s(&minute, 0.5), 60);
  near(tariff_billed_s(&minute, 61.2), 62);
  near(tariff_billed_s(NULL, 61.2), 61.2);
}

/* Bytes that did not go are given back at what the last ones cost; any split of a volume costs the same in sum. */
static void test_tiers(void **state)
{
  (void)state;
  const struct price_tier two[] = {{0, 0.09e-9}, {10e12, 0.085e-9}};
  struct tariff_terms terms = {.n_tiers = 2, .tier = two, .used_bytes = 9 * TB, .month_s = 30 * 86400};
  struct tariff_def f = {.terms = &terms};
  struct tariff_meter m = {0};
  near(tariff_tiers_usd(two, 2, 9 * TB, 2 * TB), 175);
  tariff_month(&f, &m, 0);
  double parts = 0;
  for (int i = 0; i < 2000; i++) parts += tariff_egress_usd(&f, &m, GB);
  near(parts, 175);
  near(tariff_egress_usd(&f, &m, -1.5 * TB), -(0.5 * 90 + 1000 * 0.085));
  near(m.bytes_out, 9.5 * TB);
  near(tariff_least_egress(&f), 0.085e-9);
}

/* 300,000 USD for a node of 8 GPUs, 20 % resale, 4 years, half used: 240,000 / (35,040 h x 0.5) = 13.70 USD/h. */
static void test_owned(void **state)
{
  (void)state;
  near(3600 * tariff_owned_usd_per_s(300e3, 0.2, 4 * 8760 * 3600.0, 0.5), 240e3 / 17520);
}

/* 100 W more while busy for 7 s, 10 W idle, 0.36 USD/kWh = 1e-7 USD/J: direct 7e-5, all 1e-7 x (700 + 10 x run); times PUE. */
static void electricity_costs(double pue)
{
  struct supply_def supply = {.pue = pue};
  struct rig *r = rig_new();
  struct tariff_terms terms = {.usd_per_j = 1e-7, .sensitivity = -1};
  rig_task(r, 0, 0, 7, plan_at(1));
  r->place[1].idle_w = 10, r->place[1].busy_w = 110;
  r->place[1].tariff.terms = &terms;
  r->place[1].supply = &supply;
  r->def.price_sensitivity = 0.5;
  rig_run(r);
  near(r->kept->attempt[0].cost_usd, pue * 7e-5);
  near(r->summary.place[1].cost_usd, pue * 1e-7 * (700 + 10 * r->summary.run_s));
  near(r->summary.cost_swing_usd, r->summary.cost_total_usd / 2);
  ledgers_agree(r);
  rig_free(r);
}

static void test_electricity(void **state)
{
  (void)state;
  electricity_costs(1);
  electricity_costs(1.5);
}

/* The status of a run whose ledger of electricity, or of uses, is off by a millionth of a dollar from its start on. */
static int ending(double power_usd, double uses_usd)
{
  int status;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    if (!freopen("/dev/null", "w", stderr)) _exit(1);
    struct rig *r = rig_new();
    struct tariff_terms terms = {.usd_per_j = 1e-7, .minimum_s = 60, .sensitivity = -1};
    struct err err;
    struct run_setup setup = {.def = &r->def, .seed = 1, .sink = keeping(r->kept)};
    rig_task(r, 0, 0, 7, plan_at(1));
    r->place[1].idle_w = 10, r->place[1].busy_w = 110;
    r->place[1].tariff = (struct tariff_def){.usd_per_s = 0.01, .on_demand = true, .terms = &terms};
    err_init(&err);
    struct world *w = world_new(&setup, &err);
    if (!w) _exit(2);
    w->place[1].power_usd = power_usd;
    w->place[1].uses_usd = uses_usd;
    _exit(world_run(w, &r->summary, &err) ? 0 : 3);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_planted_faults(void **state)
{
  (void)state;
  assert_int_equal(ending(0, 0), 0);
  assert_int_equal(ending(1e-6, 0), SIGABRT);
  assert_int_equal(ending(0, 1e-6), SIGABRT);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bill_of_tiers), cmocka_unit_test(test_bill_of_minimum),
    cmocka_unit_test(test_bill_of_granularity), cmocka_unit_test(test_bill_of_cached_tokens),
    cmocka_unit_test(test_bill_of_reserved_and_overflow), cmocka_unit_test(test_bill_of_reserved_servers), cmocka_unit_test(test_tiers_are_of_the_place),
    cmocka_unit_test(test_free_tier),
    cmocka_unit_test(test_rounding), cmocka_unit_test(test_tiers), cmocka_unit_test(test_owned),
    cmocka_unit_test(test_electricity), cmocka_unit_test(test_planted_faults),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
