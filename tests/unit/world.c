/* Whole runs of small worlds with constant times: every instant, joule and dollar by hand. */
#include "tests/unit/world_rig.h"

#define near(a, b) assert_true(fabs((double)(a) - (double)(b)) <= 1e-9 * (1 + fabs((double)(b))))

/* Renewal arrivals with constant gaps of 10 s: the first comes at 10 s. */
static const int64_t FIRST = 10000000000;

static void test_local(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_run(r);
  assert_int_equal(r->kept->requests, 1);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->request, 0);
  assert_int_equal(q->arrived_ns, FIRST);
  assert_int_equal(q->completed_ns - FIRST, ms(1000));
  assert_int_equal(q->first_token_ns, q->completed_ns);
  assert_int_equal(q->status, STATUS_COMPLETED);
  assert_int_equal(q->measured, 1);
  assert_int_equal(q->offloaded, 0);
  assert_int_equal(q->n_attempts, 1);
  near(q->quality, 1);
  const struct attempt_record *a = &r->kept->attempt[0];
  assert_int_equal(a->phase_ns[PHASE_SERVE], ms(1000));
  assert_int_equal(a->variant, NO_VARIANT);
  assert_int_equal(r->summary.requests, 1);
  assert_int_equal(r->summary.completed, 1);
  rig_free(r);
}

/* 8 kB up at 1 MB/s with 5 ms, served 100 ms, 2 kB down at 0.5 MB/s with 5 ms. */
static void test_offloaded_timeline(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 0.1, plan_at(1));
  r->link[0].latency_s = always(0.005);
  r->link[0].up_byte_per_s = 1e6;
  r->link[0].down_byte_per_s = 0.5e6;
  r->klass[0].input_bytes = amount(8000);
  r->task[0].output_bytes = amount(2000);
  rig_run(r);
  const struct attempt_record *a = &r->kept->attempt[0];
  assert_int_equal(a->phase_ns[PHASE_UPLINK], ms(8 + 5));
  assert_int_equal(a->phase_ns[PHASE_SERVE], ms(100));
  assert_int_equal(a->phase_ns[PHASE_DOWNLINK], ms(4 + 5));
  assert_int_equal(a->ended_ns - a->started_ns, ms(13 + 100 + 9));
  near(a->bytes_up, 8000);
  near(a->bytes_down, 2000);
  assert_int_equal(r->kept->request[0].offloaded, 1);
  rig_free(r);
}

/* first (edge, 100 ms) and second (cloud, 50 ms) fork; third (edge) joins: its input from the cloud takes 20 ms. */
static void test_fork_and_join(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->klass[0].n_tasks = 3;
  rig_task(r, 0, 0, 0.1, plan_at(1));
  rig_task(r, 1, 0, 0.05, plan_at(2));
  rig_task(r, 2, 3, 0.01, plan_at(1));
  r->link[0].latency_s = always(0.005);
  r->link[1].latency_s = always(0.02);
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_int_equal(r->kept->attempts, 3);
  assert_int_equal(a[0].task, 1);                       /* ends first: 5 + 20 + 50 = 75 ms */
  assert_int_equal(a[0].ended_ns - FIRST, ms(75));
  assert_int_equal(a[1].task, 0);                       /* 5 + 100 */
  assert_int_equal(a[1].ended_ns - FIRST, ms(105));
  assert_int_equal(a[2].task, 2);
  assert_int_equal(a[2].started_ns - FIRST, ms(105));
  assert_int_equal(a[2].phase_ns[PHASE_UPLINK], ms(20));        /* the other input is there already */
  assert_int_equal(a[2].phase_ns[PHASE_DOWNLINK], ms(5));
  assert_int_equal(r->kept->request[0].completed_ns - FIRST, ms(105 + 20 + 10 + 5));
  rig_free(r);
}

/* Edge takes 5 s; timeout 2 s -> phone takes 3 s, timeout again -> the answer. */
static void test_timeout_fallback_answer(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 5, plan_at(1));
  r->fallback[0] = (struct fallback_def){.plan = plan_origin()};
  r->fallback[1] = (struct fallback_def){.answers = true, .answer = "documents", .quality = 0.4};
  r->task[0].timeout_s = 2;
  r->task[0].n_fallbacks = 2;
  r->task[0].fallback = r->fallback;
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_int_equal(r->kept->attempts, 2);
  assert_int_equal(a[0].status, STATUS_TIMEOUT);
  assert_int_equal(a[0].ended_ns - FIRST, ms(2000));
  assert_int_equal(a[0].fallback, 0);
  assert_int_equal(a[1].started_ns - FIRST, ms(2000));
  assert_int_equal(a[1].fallback, 1);
  assert_int_equal(a[1].place, 0);
  assert_int_equal(a[1].status, STATUS_TIMEOUT);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->status, STATUS_ANSWERED);
  assert_int_equal(q->completed_ns - FIRST, ms(4000));
  near(q->quality, 0.4);
  rig_free(r);
}

static void test_timeout_then_small_model(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 2.5, plan_at(1));
  r->fallback[0] = (struct fallback_def){.plan = plan_origin()};
  r->task[0].timeout_s = 2;
  r->task[0].n_fallbacks = 1;
  r->task[0].fallback = r->fallback;
  r->def.horizon.duration_s = 12;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_TIMEOUT);
  assert_int_equal(r->summary.failed, 1);
  near(r->kept->request[0].quality, 0);
  r->task[0].timeout_s = 2.5;                           /* the timer and the end at one instant: the end comes first */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  rig_free(r);
}

/* Tokens on the edge: 100 prompt tokens at 1000/s, then 10 steps of 20 ms; way back 7 ms. */
static struct rig *token_rig(void)
{
  struct rig *r = rig_new();
  r->variant[0] = (struct variant_def){.name = "small", .weight_bytes = 2e9, .skill = 0.5, .width = 0.1, .top = 1};
  r->cost[1][0] = (struct token_cost){.available = true, .prefill_tok_per_s = 1000, .step_a_s = 0.015,
                                      .step_c_s = 0.005, .max_batch = 4};
  r->hardware[1] = (struct hardware_def){.name = "card", .flop_per_s = 1e12, .byte_per_s = 1e11, .memory_bytes = 4e9,
                                         .tokens = r->cost[1]};
  static const int card[] = {1}, variants[] = {0};
  static const double one[] = {1};
  r->def.n_variants = 1;
  r->place[1].n_hardware = 1;
  r->place[1].hardware = card;
  r->place[1].hardware_weight = one;
  r->place[1].slots = 4;
  rig_task(r, 0, 0, 0, plan_at(1));
  r->task[0].n_variants = 1;
  r->task[0].variant = variants;
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(100), .tok_out = amount(11)};
  r->task[0].output_bytes = amount(44);
  r->link[0].latency_s = always(0.007);
  return r;
}

static void test_stream(void **state)
{
  (void)state;
  struct rig *r = token_rig();
  r->task[0].stream = true;
  rig_run(r);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->status, STATUS_COMPLETED);
  assert_int_equal(q->server_first_token_ns - FIRST, ms(7 + 100));
  assert_int_equal(q->first_token_ns - FIRST, ms(7 + 100 + 7));
  assert_int_equal(q->completed_ns - FIRST, ms(7 + 100 + 200 + 7));
  assert_int_equal(q->tokens, 11);
  near(r->kept->attempt[0].bytes_down, 44);
  rig_free(r);
}

static struct rig *random_rig(const char *policy);

/* What a stream moves is recorded and charged like any other transfer: 100 B up, 44 B down, a hop each. */
static void test_stream_is_charged(void **state)
{
  (void)state;
  struct rig *r = token_rig();
  r->task[0].stream = true;
  r->klass[0].input_bytes = amount(100);
  r->link[0].down_byte_per_s = 1000;                    /* would take 44 ms if it queued; costs 44 ms of the radio */
  r->link[0].device_rx_w = 2;
  r->link[0].usd_per_byte_down = 1e-3;
  r->def.record_transfers = true;
  rig_run(r);
  assert_int_equal(r->kept->transfers, 2);
  const struct transfer_record *up = &r->kept->transfer[0], *down = &r->kept->transfer[1];
  near(up->bytes, 100);
  near(down->bytes, 44);
  assert_int_equal(up->zone, 1);
  assert_int_equal(down->zone, 0);
  assert_int_equal(down->started_ns - FIRST, ms(107));
  assert_int_equal(down->ended_ns - FIRST, ms(314));
  near(r->kept->request[0].energy_device_j, 0.088);
  near(r->kept->request[0].cost_usd, 0.044);
  rig_free(r);
}

/* A learner on a place that nobody can reach is the user's mistake. */
static void test_learner_out_of_reach(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  struct err err;
  err_init(&err);
  r->policy = (struct policy_def){.name = "p", .policy = "always_local", .at_place = 2};
  r->def.n_links = 1;
  struct run_setup setup = {.def = &r->def, .policy = &r->policy, .seed = 1};
  assert_null(world_new(&setup, &err));
  assert_int_equal(err.code, EXIT_USER);
  assert_non_null(strstr(err.problems[0].message, "no way from 'phone' to 'cloud'"));
  err_release(&err);
  err_init(&err);
  r->place[0].count = 1000000000000;
  setup.policy = NULL;
  assert_null(world_new(&setup, &err));
  assert_non_null(strstr(err.problems[0].message, "GB before its first request"));
  err_release(&err);
  rig_free(r);
}

/* The same world twice, and with ties in another order: the same records, as no two things happen at one instant. */
static void test_same_again(void **state)
{
  (void)state;
  struct rig *a = random_rig("linucb"), *b = random_rig("linucb");
  rig_run(a);
  rig_run(b);
  assert_memory_equal(a->kept->request, b->kept->request, sizeof a->kept->request);
  assert_memory_equal(a->kept->attempt, b->kept->attempt, sizeof a->kept->attempt);
  assert_int_equal(a->summary.events, b->summary.events);
  rig_free(a);
  rig_free(b);
}

/* The first token at the user at 114 ms: a limit of 114 ms holds, one of 113 does not. */
static void test_first_token_timeout(void **state)
{
  (void)state;
  struct rig *r = token_rig();
  r->task[0].stream = true;
  r->task[0].timeout_first_s = 0.114;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  r->task[0].timeout_first_s = 0.113;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_TIMEOUT);
  assert_int_equal(r->kept->request[0].first_token_ns, -1);
  rig_free(r);
}

/* second (100 ms on the edge) starts on the first token of the flow, at 107 ms, and may not end before it: 307 ms. */
static void test_starts_on_first(void **state)
{
  (void)state;
  struct rig *r = token_rig();
  r->klass[0].n_tasks = 2;
  r->task[0].stream = true;
  r->task[0].successor_starts_on_first = true;
  rig_task(r, 1, 1, 0.1, plan_at(1));
  rig_run(r);
  const struct attempt_record *a = r->kept->attempt;
  assert_int_equal(r->kept->attempts, 2);
  assert_int_equal(a[1].task, 1);
  assert_int_equal(a[1].started_ns - FIRST, ms(107));
  assert_int_equal(a[1].phase_ns[PHASE_SERVE], ms(200));
  assert_int_equal(r->kept->request[0].completed_ns - FIRST, ms(307 + 7));
  rig_free(r);
}

/* ---- masks ----------------------------------------------------------------------------------------------------- */

static void test_masks(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(2));
  r->klass[0].zones = 1 | 2;                            /* user, telco: not the cloud */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  assert_int_equal(r->kept->request[0].completed_ns, FIRST);
  r->klass[0].zones = 1 | 4;                            /* the cloud, but not the zone on the way */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  r->klass[0].zones = 7;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  r->def.n_links = 1;                                   /* no way to the cloud */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  rig_free(r);
}

static void test_memory_and_capability(void **state)
{
  (void)state;
  struct rig *r = token_rig();
  r->variant[0].weight_bytes = 5e9;                     /* the card holds 4 GB */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  r->variant[0].weight_bytes = 2e9;
  r->cost[1][0].available = false;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  rig_free(r);
}

/* One plan allowed of two: taken without a decision. */
static void test_single_allowed_plan_needs_no_decision(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->policy = (struct policy_def){.name = "p", .policy = "always_cloud", .at_place = NONE, .decision_s = 1};
  r->plan[0][1] = plan_at(2);
  r->task[0].n_plans = 2;
  r->klass[0].zones = 3;
  rig_run(r);
  assert_int_equal(r->kept->decisions, 0);
  assert_int_equal(r->kept->request[0].offloaded, 0);
  assert_int_equal(r->kept->request[0].completed_ns - FIRST, ms(1000));
  r->klass[0].zones = 7;
  rig_run(r);
  assert_int_equal(r->kept->decisions, 1);
  assert_int_equal(r->kept->request[0].offloaded, 1);
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_DECIDE], ms(1000));
  assert_int_equal(r->kept->request[0].completed_ns - FIRST, ms(2000));
  assert_int_equal(r->kept->decision[0].place, 2);
  assert_int_equal(r->kept->decision[0].n_actions, 2);
  rig_free(r);
}

/* A learner that lives on the edge: 5 ms there, 100 ms of thought, 5 ms back; at the end 64 bytes tell it the outcome. */
static void test_decision_elsewhere(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->policy = (struct policy_def){.name = "p", .policy = "always_local", .at_place = 1, .decision_s = 0.1};
  r->plan[0][1] = plan_at(2);
  r->task[0].n_plans = 2;
  r->link[0].latency_s = always(0.005);
  r->def.record_transfers = true;
  rig_run(r);
  assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_DECIDE], ms(110));
  int asked = 0, told = 0;
  for (const struct transfer_record *t = r->kept->transfer; t < r->kept->transfer + r->kept->transfers; t++) {
    asked += t->kind == TRANSFER_DECISION;
    if (t->kind != TRANSFER_TELEMETRY || t->request == UINT64_MAX) continue;
    told++;
    assert_int_equal(t->ended_ns - t->started_ns, ms(5));
    assert_int_equal(t->started_ns, r->kept->attempt[0].ended_ns);
    assert_true(t->bytes == 64 && t->request == r->kept->request[0].request);
  }
  assert_int_equal(asked, 2);
  assert_int_equal(told, 1);
  rig_free(r);
}

/* ---- capacity, ledgers ----------------------------------------------------------------------------------------- */

/* Requests each second, 1.5 s of service, one job at most: the second is blocked, the third is not. */
static void test_blocked(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1.5, plan_at(1));
  r->klass[0].arrivals.interarrival_s = always(1);
  r->place[1].capacity = 1;
  r->def.horizon.duration_s = 3.5;
  rig_run(r);
  assert_int_equal(r->summary.requests, 3);
  assert_int_equal(r->summary.failed, 1);
  assert_int_equal(r->kept->request[0].status, STATUS_BLOCKED);
  assert_int_equal(r->summary.place[1].blocked, 1);
  rig_free(r);
}

/* ledger.c's number: idle 10 W, busy 30 W, 2 slots, one job of 3 s in 20 s: 230 in all, direct 30, rest 200. */
static void test_energy_ledgers(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 3, plan_at(1));
  r->place[1].idle_w = 10;
  r->place[1].busy_w = 30;
  r->place[1].slots = 2;
  r->place[1].tariff = (struct tariff_def){.usd_per_s = 0.01, .usd_per_request = 0.5, .usd_per_byte_out = 1e-6};
  r->task[0].output_bytes = amount(1e5);
  r->link[0].j_per_byte = 1e-6;
  r->link[0].device_rx_w = 2;
  r->link[0].down_byte_per_s = 1e5;                     /* 1 s, 2 J in the radio, 0.1 J in the network */
  r->def.horizon.duration_s = 19.5;
  r->klass[0].arrivals.interarrival_s = always(10);
  rig_run(r);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(r->kept->requests, 1);
  double run_s = r->summary.run_s;
  near(run_s, 19.5);
  near(q->energy_device_j, 2);
  near(q->energy_direct_j, 2 + 0.1 + 30);
  near(r->summary.place[1].energy_j, 10 * run_s + 30);
  near(r->summary.place[1].energy_direct_j, 30);
  near(r->summary.energy_total_j, 10 * run_s + 30 + 2.1);
  near(q->cost_usd, 0.5 + 0.1 + 0.01 / 2 * 3);
  near(r->summary.place[1].cost_usd, 0.01 * run_s + 0.6);
  near(r->summary.place[1].cost_direct_usd, 0.6 + 0.015);
  near(r->summary.place[1].utilization, 3.0 / (2 * 19.5));
  r->place[1].tariff.on_demand = true;
  rig_run(r);
  near(r->summary.place[1].cost_usd, 0.6 + 0.015);
  rig_free(r);
}

/* A cancelled loser is charged for what it used: 2 s of 5 at 20 W. */
static void test_timeout_is_charged(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 5, plan_at(1));
  r->place[1].idle_w = 10;
  r->place[1].busy_w = 30;
  r->task[0].timeout_s = 2;
  rig_run(r);
  near(r->kept->request[0].energy_direct_j, 40);
  rig_free(r);
}

/* ---- API ------------------------------------------------------------------------------------------------------- */

static struct rig *api_rig(void)
{
  struct rig *r = token_rig();
  r->def.n_places = 4;
  r->def.n_links = 3;
  r->place[3].kind = PLACE_API;
  r->place[3].ttft_s = always(0.5);
  r->place[3].tpot_s = 0.012;
  r->place[3].tariff = (struct tariff_def){.usd_per_tok_in = 1e-6, .usd_per_tok_out = 4e-6};
  r->link[2].b = 3;
  r->plan[0][0] = plan_at(3);
  r->task[0].stream = true;
  return r;
}

static void test_api(void **state)
{
  (void)state;
  struct rig *r = api_rig();
  rig_run(r);
  const struct request_record *q = &r->kept->request[0];
  assert_int_equal(q->status, STATUS_COMPLETED);
  assert_int_equal(q->first_token_ns - FIRST, ms(7 + 500 + 7));
  assert_int_equal(q->completed_ns - FIRST, ms(7 + 500 + 120 + 7));
  near(q->cost_usd, 100e-6 + 44e-6);
  rig_free(r);
}

/* One request a minute: the burst is one; the second within the minute is rejected. */
static void test_api_limits(void **state)
{
  (void)state;
  struct rig *r = api_rig();
  r->place[3].limit_requests_per_s = 1.0 / 60;
  r->def.horizon.duration_s = 75;
  rig_run(r);
  assert_int_equal(r->summary.requests, 7);             /* at 10, 20 ... 70 s */
  assert_int_equal(r->summary.completed, 2);            /* at 10 and at 70 */
  assert_int_equal(r->kept->request[1].status, STATUS_REJECTED);
  rig_free(r);
}

/* ---- horizon --------------------------------------------------------------------------------------------------- */

static void test_censored(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 100, plan_at(1));
  r->def.horizon.duration_s = 25;
  r->def.horizon.drain_max_s = 90;
  rig_run(r);
  assert_int_equal(r->summary.requests, 2);
  assert_int_equal(r->summary.completed, 1);
  assert_int_equal(r->summary.censored, 1);
  near(r->summary.run_s, 115);
  near(r->summary.window_s, 25);
  rig_free(r);
}

static void test_max_requests(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->def.horizon.duration_s = 0;
  r->def.horizon.max_requests = 5;
  rig_run(r);
  assert_int_equal(r->summary.requests, 5);
  assert_int_equal(r->summary.completed, 5);
  near(r->summary.window_s, 50);
  rig_free(r);
}

/* Agent loop: with probability 1/4 once more; a geometric number of visits of mean 4/3. */
static void test_repeat(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->klass[0].arrivals.interarrival_s = always(100);
  r->task[0].repeat_probability = 0.25;
  r->def.horizon.duration_s = 250050;
  rig_run(r);
  double sum = 0;
  assert_int_equal(r->kept->requests, 2500);
  for (int i = 0; i < r->kept->requests; i++) {
    sum += r->kept->request[i].n_attempts;
    assert_int_equal(r->kept->request[i].completed_ns - r->kept->request[i].arrived_ns,
                     ms(1000.0 * r->kept->request[i].n_attempts));
  }
  assert_true(fabs(sum / 2500 - 4.0 / 3) < 4 * (2.0 / 3) / 50);         /* deviation of the number: sqrt(p)/(1-p) */
  rig_free(r);
}

/* Two users, think 3 s, service 1 s on one phone: they meet at the same phone. */
static void test_closed(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 2, .think_s = always(3)};
  r->def.horizon.duration_s = 10;
  rig_run(r);
  /* asks at 3 and 3 -> done 4 and 5; asks at 7 and 8 -> done 8 and 9 */
  assert_int_equal(r->summary.requests, 4);
  assert_int_equal(r->kept->request[0].completed_ns, ms(4000));
  assert_int_equal(r->kept->request[1].completed_ns, ms(5000));
  assert_int_equal(r->kept->request[2].completed_ns, ms(8000));
  assert_int_equal(r->kept->request[3].completed_ns, ms(9000));
  rig_free(r);
}

/* A user who does not think and is refused at once: time still passes. */
static void test_refused_user(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_CLOSED, .users = 1, .think_s = always(0)};
  r->klass[0].zones = 2;
  r->def.horizon.duration_s = 0.1;
  rig_run(r);
  assert_int_equal(r->summary.requests, 101);           /* at 0, 1 ... 100 ms */
  assert_int_equal(r->summary.failed, 101);
  rig_free(r);
}

/* ---- common random numbers ------------------------------------------------------------------------------------- */

static struct rig *random_rig(const char *policy)
{
  struct rig *r = rig_new();
  r->policy = (struct policy_def){.name = "p", .policy = policy, .at_place = NONE};
  r->place[0].count = 50;
  r->plan[0][1] = plan_at(1);
  r->plan[0][2] = plan_at(2);
  r->task[0].n_plans = 3;
  r->work[0][0].time_s = drawn("exponential", 0.5, NAN);
  r->link[0].latency_s = drawn("lognormal", 0.01, 0.5);
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 1};
  r->def.horizon.duration_s = 1000;
  return r;
}

static int by_request(const void *a, const void *b)
{
  const struct attempt_record *x = a, *y = b;
  return (x->request > y->request) - (x->request < y->request);
}

static void test_common_random_numbers(void **state)
{
  (void)state;
  struct rig *a = random_rig("always_local"), *b = random_rig("always_edge");
  rig_run(a);
  rig_run(b);
  assert_int_equal(a->kept->requests, b->kept->requests);
  assert_true(a->kept->requests > 900);
  qsort(a->kept->attempt, (size_t)a->kept->attempts, sizeof *a->kept->attempt, by_request);
  qsort(b->kept->attempt, (size_t)b->kept->attempts, sizeof *b->kept->attempt, by_request);
  for (int i = 0; i < 900; i++) {
    assert_int_equal(a->kept->attempt[i].request, b->kept->attempt[i].request);
    assert_int_equal(a->kept->attempt[i].started_ns, b->kept->attempt[i].started_ns);
    assert_int_equal(a->kept->attempt[i].phase_ns[PHASE_SERVE], b->kept->attempt[i].phase_ns[PHASE_SERVE]);
    assert_int_equal(a->kept->attempt[i].place, 0);
    assert_int_equal(b->kept->attempt[i].place, 1);
  }
  assert_int_equal(a->kept->decisions, a->kept->requests);
  rig_free(a);
  rig_free(b);
}

static int decision_by_time(const void *a, const void *b)
{
  const struct decision_record *x = a, *y = b;
  return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

/* Parameters that it must be given, or a bound, which asks for worlds of its own kind (tests/unit/bounds.c). */
static bool needs_more(const char *name)
{
  const struct offsim_policy *p = policy_builtin(name);
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (p->parameter[i].required) return true;
  return strstr(name, "_bound");
}

/* Every built-in policy runs the same world to its end. */
static void test_all_policies(void **state)
{
  (void)state;
  const char *const *names;
  size_t n = policy_builtin_names(&names);
  for (size_t i = 0; i < n; i++) {
    if (needs_more(names[i])) continue;
    struct rig *r = random_rig(names[i]);
    rig_run(r);
    assert_int_equal(r->summary.completed + r->summary.failed, r->summary.requests);
    rig_free(r);
  }
}

/* M/M/1 at rho .8: mean time in system 1 / (mu - lambda) = 5 s; 2 % at this length is about 3 standard errors. */
static void test_mm1(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(1));
  r->work[0][0].time_s = drawn("exponential", 1, NAN);
  r->klass[0].arrivals = (struct arrivals_def){.kind = ARRIVE_POISSON, .rate_per_s = 0.8};
  r->def.horizon = (struct horizon_def){.kind = HORIZON_STEADY, .warmup_s = 2000, .duration_s = 500000,
                                        .drain_max_s = 1e6};
  rig_run(r);
  const struct place_summary *p = &r->summary.place[1];
  assert_true(fabs(p->utilization - 0.8) < 0.01);
  assert_true(fabs(p->in_system_mean - 4) < 0.2);
  assert_true(fabs(p->queue_wait_mean_s - 4) < 0.2);
  rig_free(r);
}

/* ---- what decisions see ---------------------------------------------------------------------------------------- */

/* Everything goes to the edge (threshold below what any queue can be) and stays there; the queue seen is recorded. */
static struct rig *watching_rig(void)
{
  static const struct policy_parameter parameters[] = {{.name = "feature", .text = "edge_queue"},
                                                       {.name = "above", .value = -1}};
  struct rig *r = rig_new();
  r->policy = (struct policy_def){.name = "watch", .policy = "threshold", .at_place = NONE, .n_parameters = 2,
                                  .parameter = parameters};
  rig_task(r, 0, 0, 1000, plan_at(1));
  r->plan[0][1] = plan_origin();
  r->task[0].n_plans = 2;
  r->klass[0].arrivals.interarrival_s = always(0.25);
  r->def.horizon.duration_s = 6.1;
  r->def.horizon.drain_max_s = 0;
  r->def.telemetry = (struct telemetry_def){.refresh_s = 1, .delay_s = 0.4, .bytes_per_report = 10};
  return r;
}

/* Requests at .25, .50 ... The report of second n holds 4n jobs and is read from n + .4 on; the decision at t = .25 has
 * none, so it stays at the origin, which leaves 4n - 1. At 1.25 the report of second 0 is the newest, at 1.5 the
 * next. */
static void test_telemetry(void **state)
{
  (void)state;
  struct rig *r = watching_rig();
  rig_run(r);
  assert_int_equal(r->kept->decisions, 24);
  qsort(r->kept->decision, (size_t)r->kept->decisions, sizeof *r->kept->decision, decision_by_time);
  for (int i = 1; i < 24; i++) {
    double t = 0.25 * (i + 1);
    near(r->kept->decision[i].feature[0], t < 1.4 ? 0 : 4 * floor(t - 0.4) - 1);
  }
  assert_true(isnan(r->kept->decision[0].feature[0]));
  near(r->summary.telemetry_bytes, 7 * 10 * 2);         /* reports at 0 ... 6 s of edge and cloud */
  r->def.telemetry.ideal = true;
  rig_run(r);
  qsort(r->kept->decision, (size_t)r->kept->decisions, sizeof *r->kept->decision, decision_by_time);
  for (int i = 0; i < 24; i++) near(r->kept->decision[i].feature[0], i);
  near(r->summary.telemetry_bytes, 0);
  rig_free(r);
}

/* Noise of 10 % on 80 ... jobs: mean ratio 1, deviation .1. Reports are few, so the bounds are wide. */
static void test_telemetry_noise(void **state)
{
  (void)state;
  struct rig *r = watching_rig();
  r->def.telemetry.noise = 0.1;
  r->def.telemetry.delay_s = 0;
  r->def.horizon.duration_s = 400.1;
  rig_run(r);
  double sum = 0, squares = 0;
  int n = 0;
  for (int i = 0; i < r->kept->decisions; i++) {
    const struct decision_record *d = &r->kept->decision[i];
    double taken = floor(s_from_ns(d->at_ns)), ratio = d->feature[0] / (4 * taken);
    if (taken < 1 || d->at_ns % 1000000000 != 250000000) continue;
    sum += ratio;
    squares += (ratio - 1) * (ratio - 1);
    n++;
  }
  assert_true(n > 390);
  assert_true(fabs(sum / n - 1) < 4 * 0.1 / 20);
  assert_true(fabs(sqrt(squares / n) - 0.1) < 4 * 0.1 / sqrt(2 * 400));
  rig_free(r);
}

/* Local 100 ms; edge 50 ms, 8 kB over 1 MB/s and twice the latency: the crossing lies at 21 ms of latency. */
static int greedy_goes_to(const char *policy, struct rig *r)
{
  r->policy = (struct policy_def){.name = "p", .policy = policy, .at_place = NONE};
  rig_run(r);
  return r->kept->attempt[0].place;
}

static struct rig *crossing_rig(double latency_s)
{
  static const int slow_fast[] = {0, 1};
  static const double one[] = {1};
  struct rig *r = rig_new();
  r->plan[0][1] = plan_at(1);
  r->task[0].n_plans = 2;
  for (int i = 0; i < 2; i++) {
    r->hardware[i] = (struct hardware_def){.name = "h", .flop_per_s = i ? 2e9 : 1e9, .byte_per_s = 1e12};
    r->place[i].n_hardware = 1;
    r->place[i].hardware = &slow_fast[i];
    r->place[i].hardware_weight = one;
  }
  r->work[0][0] = (struct work_def){.kind = WORK_ROOFLINE, .flop = amount(1e8), .bytes = amount(1)};
  r->link[0].latency_s = always(latency_s);
  r->link[0].up_byte_per_s = 1e6;
  r->klass[0].input_bytes = amount(8000);
  return r;
}

/* 1e8 FLOP on 2e9 FLOP/s: 50 ms; in one of four slots 200 ms, for four slots are one server; shared, 50 ms again. */
static void test_a_slot_is_a_part_of_its_server(void **state)
{
  (void)state;
  static const struct { int slots; enum discipline discipline; int64_t serve_ns; } cases[] = {
    {1, FIFO, 50000000}, {4, FIFO, 200000000}, {4, PROCESSOR_SHARING, 50000000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rig *r = crossing_rig(0);
    r->plan[0][0] = plan_at(1);
    r->task[0].n_plans = 1;
    r->place[1].slots = cases[i].slots;
    r->place[1].discipline = cases[i].discipline;
    rig_run(r);
    assert_int_equal(r->kept->attempt[0].phase_ns[PHASE_SERVE], cases[i].serve_ns);
    rig_free(r);
  }
}

static void test_estimates_cross(void **state)
{
  (void)state;
  static const char *const policies[] = {"latency_greedy", "clairvoyant"};
  for (int i = 0; i < 2; i++) {
    struct rig *near_edge = crossing_rig(0.0209), *far_edge = crossing_rig(0.0211);
    near_edge->def.objective.latency_per_s = far_edge->def.objective.latency_per_s = -1;
    assert_int_equal(greedy_goes_to(policies[i], near_edge), 1);
    assert_int_equal(greedy_goes_to(policies[i], far_edge), 0);
    assert_string_equal(i ? "reference" : "policy", near_edge->kind);
    rig_free(near_edge);
    rig_free(far_edge);
  }
}

/* The work depends on an attribute that is known at completion: no estimate, unless one is declared or seen by an
 * oracle. Its true value is .5, of 1e8 FLOP; the edge pays from .42 on (21 ms + 8 ms against half the time). */
static void test_only_known_attributes_enter(void **state)
{
  (void)state;
  static const struct expr_op half[] = {{EXPR_ATTRIBUTE, 1, 0}, {EXPR_NUMBER, 0, 1e8}, {EXPR_MULTIPLY, 0, 0}};
  struct rig *r = crossing_rig(0.0105);
  r->klass[0].n_attributes = 2;
  r->attribute[1] = (struct attribute_def){.name = "size", .unit = "", .known = KNOWN_COMPLETION, .dist = always(0.5)};
  r->work[0][0].flop = (struct expr){3, 2, half};
  r->def.objective.latency_per_s = -1;
  assert_int_equal(greedy_goes_to("clairvoyant", r), 0);          /* 50 against 25 + 29 ms */
  r->attribute[1].estimator = ESTIMATE_VALUE;
  r->attribute[1].estimate = 1;
  assert_int_equal(greedy_goes_to("latency_greedy", r), 1);       /* it believes 100 against 79 */
  r->attribute[1].known = KNOWN_ARRIVAL;
  assert_int_equal(greedy_goes_to("latency_greedy", r), 0);
  /* a class mean: the first request believes 1, the second knows better */
  r->attribute[1].known = KNOWN_COMPLETION;
  r->attribute[1].estimator = ESTIMATE_CLASS_MEAN;
  r->def.horizon.duration_s = 25;
  assert_int_equal(greedy_goes_to("latency_greedy", r), 1);
  assert_int_equal(r->kept->attempt[1].place, 0);
  rig_free(r);
}

/* Reward of the only decision = that of its request: -1 * 0.1 s and 2 * quality. */
static void test_reward(void **state)
{
  (void)state;
  struct rig *r = crossing_rig(1);
  r->def.objective = (struct objective_def){.latency_per_s = -1, .quality = 2, .failure = -10};
  assert_int_equal(greedy_goes_to("latency_greedy", r), 0);
  near(r->kept->decision[0].reward, -0.1 + 2);
  near(r->kept->request[0].reward, -0.1 + 2);
  r->task[0].timeout_s = 0.05;
  rig_run(r);
  near(r->kept->decision[0].reward, -0.05 - 10);
  near(r->kept->request[0].reward, -0.05 - 10);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_local), cmocka_unit_test(test_offloaded_timeline), cmocka_unit_test(test_fork_and_join),
    cmocka_unit_test(test_timeout_fallback_answer), cmocka_unit_test(test_timeout_then_small_model),
    cmocka_unit_test(test_stream), cmocka_unit_test(test_first_token_timeout), cmocka_unit_test(test_starts_on_first),
    cmocka_unit_test(test_masks), cmocka_unit_test(test_memory_and_capability),
    cmocka_unit_test(test_single_allowed_plan_needs_no_decision), cmocka_unit_test(test_decision_elsewhere),
    cmocka_unit_test(test_blocked), cmocka_unit_test(test_energy_ledgers), cmocka_unit_test(test_timeout_is_charged),
    cmocka_unit_test(test_api), cmocka_unit_test(test_api_limits), cmocka_unit_test(test_censored),
    cmocka_unit_test(test_max_requests), cmocka_unit_test(test_repeat), cmocka_unit_test(test_closed),
    cmocka_unit_test(test_common_random_numbers), cmocka_unit_test(test_all_policies), cmocka_unit_test(test_mm1),
    cmocka_unit_test(test_stream_is_charged), cmocka_unit_test(test_learner_out_of_reach),
    cmocka_unit_test(test_same_again), cmocka_unit_test(test_refused_user),
    cmocka_unit_test(test_telemetry), cmocka_unit_test(test_telemetry_noise), cmocka_unit_test(test_a_slot_is_a_part_of_its_server), cmocka_unit_test(test_estimates_cross),
    cmocka_unit_test(test_only_known_attributes_enter), cmocka_unit_test(test_reward),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
