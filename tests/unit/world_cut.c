/* What is cut or done again: an attempt pays for what moved, and only what is sent to the user is his first token. */
#include "tests/unit/world_rig.h"

#define near(a, b) assert_true(fabs((double)(a) - (double)(b)) <= 1e-9 * (1 + fabs((double)(b))))

static const struct fallback_def sorry = {.answers = true, .answer = "sorry", .quality = 0};

/* 10 MB over 1 MB/s to the edge and 5 MB/s to the cloud, 2 W, 1 J/MB and 1 USD/MB a hop: cut after `timeout` s. */
static struct rig *cut_after(double timeout_s)
{
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 100, plan_at(2));
  r->klass[0].input_bytes = amount(10e6);
  r->task[0].timeout_s = timeout_s;
  r->task[0].n_fallbacks = 1;
  r->task[0].fallback = &sorry;
  for (int i = 0; i < 2; i++) {
    r->link[i].up_byte_per_s = i ? 5e6 : 1e6;
    r->link[i].device_tx_w = 2;
    r->link[i].j_per_byte = 1e-6;
    r->link[i].usd_per_byte_up = 1e-6;
  }
  r->place[0].tariff.usd_per_byte_out = 1e-6;
  r->def.record_transfers = true;
  r->klass[0].arrivals.interarrival_s = always(1000);
  r->def.horizon.duration_s = 1500;
  rig_run(r);
  return r;
}

static void check_cut(double timeout_s, double first_hop, double second_hop)
{
  struct rig *r = cut_after(timeout_s);
  const struct attempt_record *a = &r->kept->attempt[0];
  double moved = 0;
  for (int i = 0; i < r->kept->transfers; i++) moved += r->kept->transfer[i].bytes;
  assert_int_equal(a->status, STATUS_TIMEOUT);
  near(moved, first_hop + second_hop);
  near(a->bytes_up, first_hop);
  near(a->energy_device_j, 2 * first_hop / 1e6);
  near(a->energy_network_j, 1e-6 * (first_hop + second_hop));
  near(a->cost_usd, 1e-6 * (2 * first_hop + second_hop));
  near(r->summary.energy_total_j, a->energy_device_j + a->energy_network_j);
  near(r->summary.cost_total_usd, a->cost_usd);
  rig_free(r);
}

static void test_cut_transfer_costs_what_moved(void **state)
{
  (void)state;
  check_cut(1, 1e6, 0);
  check_cut(10.5, 10e6, 2.5e6);
  check_cut(50, 10e6, 10e6);                            /* in service: nothing is given back */
}

/* Two inputs of 10 MB at once, from the phone's tasks, each with the full 1 MB/s: both are cut after 1 s. */
static void test_cut_inputs(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->klass[0].n_tasks = 3;
  for (int i = 0; i < 2; i++) {
    rig_task(r, i, 0, 0.5, plan_origin());
    r->task[i].output_bytes = amount(10e6);
  }
  rig_task(r, 2, 3, 1, plan_at(1));
  r->task[0].before = r->task[1].before = 4;
  r->task[2].timeout_s = 1;
  r->link[0].up_byte_per_s = 1e6;
  r->link[0].device_tx_w = 2;
  r->place[0].servers = 2;
  rig_run(r);
  assert_int_equal(r->kept->attempts, 3);
  near(r->kept->attempt[2].bytes_up, 2e6);
  near(r->kept->attempt[2].energy_device_j, 4);
  rig_free(r);
}

/* 200 tokens read at 1000/s or a first token after 0.2 s, then 100 more of 0.1 s each; 10 B, 0.1 USD a token. */
static struct rig *stream_new(bool api, double timeout_s)
{
  struct rig *r = rig_new();
  static const int own[] = {0}, hardware[] = {0};
  r->variant[0] = (struct variant_def){.name = "m", .top = 1};
  r->def.n_variants = 1;
  r->cost[0][0] = (struct token_cost){true, 1000, 0.1, 0, 0, 0, 1};
  r->hardware[0] = (struct hardware_def){.name = "h", .tokens = r->cost[0]};
  r->place[1].n_hardware = !api;
  r->place[1].hardware = hardware;
  r->place[1].kind = api ? PLACE_API : PLACE_SERVERS;
  r->place[1].ttft_s = always(0.2);
  r->place[1].tpot_s = 0.1;
  r->place[1].tariff = (struct tariff_def){.usd_per_tok_in = 0.01, .usd_per_tok_out = 0.1, .usd_per_byte_out = 1e-3};
  rig_task(r, 0, 0, 0, plan_at(1));
  r->task[0].n_variants = 1;
  r->task[0].variant = own;
  r->task[0].stream = true;
  r->task[0].timeout_s = timeout_s;
  r->task[0].output_bytes = amount(1010);
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(200), .tok_out = amount(101)};
  r->link[0].down_byte_per_s = 1000;
  r->link[0].device_rx_w = 2;
  r->link[0].j_per_byte = 1e-3;
  r->link[0].usd_per_byte_down = 1e-3;
  r->def.record_transfers = true;
  r->klass[0].arrivals.interarrival_s = always(100);
  r->def.horizon.duration_s = 150;
  return r;
}

/* What `tokens` sent and a prompt cost, in every ledger. */
static void check_stream(struct rig *r, enum status status, double tokens)
{
  rig_run(r);
  const struct attempt_record *a = &r->kept->attempt[0];
  const struct request_record *q = &r->kept->request[0];
  double bytes = 10 * tokens, usd = 2 + 0.1 * tokens + 2e-3 * bytes;
  assert_int_equal(a->status, status);
  assert_int_equal(r->kept->transfers, tokens > 0 ? 2 : 1);
  if (tokens > 0) near(r->kept->transfer[1].bytes, bytes);
  if (tokens > 0) assert_int_equal(r->kept->transfer[1].ended_ns, a->ended_ns);
  near(a->bytes_down, bytes);
  near(a->energy_device_j, 2 * bytes / 1000);
  near(a->energy_network_j, 1e-3 * bytes);
  near(a->cost_usd, usd);
  near(q->cost_usd, usd);
  near(q->energy_direct_j, 3e-3 * bytes);
  near(r->summary.cost_direct_usd, usd);
  near(r->summary.energy_direct_j, 3e-3 * bytes);
  rig_free(r);
}

static void test_cut_stream_costs_what_was_sent(void **state)
{
  (void)state;
  for (int api = 0; api < 2; api++) {
    check_stream(stream_new(api, 0.1), STATUS_TIMEOUT, 0);      /* while the prompt is read */
    check_stream(stream_new(api, 0.25), STATUS_TIMEOUT, 1);
    check_stream(stream_new(api, 5.25), STATUS_TIMEOUT, 51);    /* 50.5 steps after the first */
    check_stream(stream_new(api, 20), STATUS_COMPLETED, 101);
    struct rig *r = stream_new(api, 0);
    r->def.horizon.duration_s = 105;                            /* it came at 100 s */
    r->def.horizon.drain_max_s = 0.25;
    check_stream(r, STATUS_CENSORED, 51);
  }
}

/* A request a second, one at a time: whoever still waits when the run ends has had no prompt read. */
static void test_who_waits_pays_no_prompt(void **state)
{
  (void)state;
  struct rig *r = stream_new(false, 0);
  r->klass[0].arrivals.interarrival_s = always(1.1);
  r->def.horizon.duration_s = 2.5;
  r->def.horizon.drain_max_s = 0.75;                            /* the first made 20 tokens from 1.3 s to 3.25 s */
  rig_run(r);
  assert_int_equal(r->kept->attempts, 2);
  near(r->kept->attempt[0].cost_usd, 2 + 2 + 0.4);
  near(r->kept->attempt[1].cost_usd, 0);
  rig_free(r);
}

/* The flow is cut twice: what had started on it starts again at each new first token, under a name of its own. */
static void test_taken_back_goes_on_counting(void **state)
{
  (void)state;
  struct rig *r = stream_new(false, 5.25);
  r->klass[0].n_tasks = 2;
  r->task[0].successor_starts_on_first = true;
  r->task[0].n_fallbacks = 2;
  r->fallback[0] = r->fallback[1] = (struct fallback_def){.plan = plan_at(1)};
  r->task[0].fallback = r->fallback;
  rig_task(r, 1, 1, 100, plan_at(1));
  rig_run(r);
  int seen = 0;
  for (int i = 0; i < r->kept->attempts; i++) {
    const struct attempt_record *a = &r->kept->attempt[i];
    if (a->task == 0) continue;
    assert_int_equal(a->attempt, seen);
    assert_int_equal(a->started_ns, ms(100000 + 5250.0 * seen + 200));
    assert_int_equal(a->status, STATUS_CANCELLED);
    seen++;
  }
  assert_int_equal(seen, 3);
  rig_free(r);
}

/* 100 tokens read at 1000/s, then 10 of 20 ms: a visit lasts 0.3 s, the last one's first token comes 0.1 s into it. */
static void test_first_token_of_the_last_visit(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  static const int own[] = {0}, hardware[] = {0};
  r->variant[0] = (struct variant_def){.name = "m", .top = 1};
  r->def.n_variants = 1;
  r->cost[0][0] = (struct token_cost){true, 1000, 0.02, 0, 0, 0, 1};
  r->hardware[0] = (struct hardware_def){.name = "h", .tokens = r->cost[0]};
  r->place[1].n_hardware = 1;
  r->place[1].hardware = hardware;
  rig_task(r, 0, 0, 0, plan_at(1));
  r->task[0].n_variants = 1;
  r->task[0].variant = own;
  r->task[0].stream = true;
  r->task[0].repeat_probability = 0.5;
  r->task[0].timeout_first_s = 0.2;                     /* of each visit, at the place where it is not the last */
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(100), .tok_out = amount(11)};
  r->def.horizon.duration_s = 1005;
  rig_run(r);
  int again = 0;
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *q = &r->kept->request[i];
    assert_int_equal(q->status, STATUS_COMPLETED);
    assert_int_equal(q->first_token_ns - q->arrived_ns, ms(300.0 * (q->n_attempts - 1) + 100));
    assert_int_equal(q->server_first_token_ns, q->first_token_ns);
    assert_int_equal(q->tokens, 11);
    again += q->n_attempts > 1;
  }
  assert_true(again > 20);
  rig_free(r);
}

/* LIFO, service 9 s, a request each 0.7 s, patience 3 s: who gives up in the queue has waited as well (Little). */
static void test_waits_of_those_who_give_up(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 9, plan_at(1));
  r->task[0].timeout_s = 3;
  r->place[1].discipline = LIFO;
  r->klass[0].arrivals.interarrival_s = always(0.7);
  r->def.horizon.duration_s = 2001;
  rig_run(r);
  const struct place_summary *p = &r->summary.place[1];
  assert_true(r->summary.failed > 2500);
  assert_true(fabs(p->queue_length_mean - (double)p->arrived / r->summary.window_s * p->queue_wait_mean_s) < 0.02);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cut_transfer_costs_what_moved), cmocka_unit_test(test_cut_inputs),
    cmocka_unit_test(test_cut_stream_costs_what_was_sent), cmocka_unit_test(test_who_waits_pays_no_prompt),
    cmocka_unit_test(test_taken_back_goes_on_counting),
    cmocka_unit_test(test_first_token_of_the_last_visit), cmocka_unit_test(test_waits_of_those_who_give_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
