/* Conditions and effects of tasks: whole runs whose times, bytes and qualities are worked out by hand. */
#include "tests/unit/world_rig.h"
#include "models/effects.h"
#include "models/recall.h"

static const struct expr_op zero[] = {{EXPR_NUMBER, 0, 0}}, one[] = {{EXPR_NUMBER, 0, 1}};
static const struct effect_def never = {.when = {1, 0, zero}}, ending = {.ends = {1, 0, one}};

/* One request at 10 s; links of 1 MB/s; every output is 1 MB, the request's input 2 MB. */
static struct rig *one_request(void)
{
  struct rig *r = rig_new();
  r->def.record_transfers = true;
  r->klass[0].input_bytes = amount(2e6);
  for (int i = 0; i < 3; i++) r->link[i].up_byte_per_s = r->link[i].down_byte_per_s = 1e6;
  return r;
}

static void task(struct rig *r, int i, uint32_t after, double time_s, struct plan_def plan)
{
  rig_task(r, i, after, time_s, plan);
  r->task[i].output_bytes = amount(1e6);
  r->klass[0].n_tasks = i + 1;
}

static void run(struct rig *r)
{
  effects_link(&r->klass[0], r->task);
  rig_run(r);
}

static int64_t latency_ms(const struct rig *r)
{
  assert_true(r->kept->requests >= 1);
  const struct request_record *x = &r->kept->request[0];
  return (x->completed_ns - x->arrived_ns) / 1000000;
}

/* ---- when -------------------------------------------------------------------------------------------------------- */

/* Up 2 s, 1 s there; the last task is left out, so that the first one's 1 MB go to the user: 1 s. */
static void test_last_skipped(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 1, 5, plan_at(2));
  r->task[1].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 4000);
  assert_int_equal(r->kept->attempts, 1);
  assert_true(fabs(r->kept->attempt[0].bytes_down - 1e6) < 1);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  rig_free(r);
}

/* Phone 1 s, (edge), cloud: what the phone made goes over both links to the cloud, 1 + 1 s, 1 s there, 2 s back. With
 * the one between, over the edge, the same ways and 5 s more. */
static void test_middle_skipped(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_origin());
  task(r, 1, 1, 5, plan_at(1));
  task(r, 2, 2, 1, plan_at(2));
  r->task[1].output_bytes = amount(3e6);
  r->task[1].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 1000 + 2000 + 1000 + 2000);
  assert_null(rig_attempt(r, 1));
  assert_true(fabs(rig_attempt(r, 2)->bytes_up - 1e6) < 1);
  static const struct effect_def always_done = {.when = {1, 0, one}};
  r->task[1].effect = &always_done;
  run(r);
  assert_int_equal(latency_ms(r), 1000 + 1000 + 5000 + 3000 + 1000 + 2000);
  assert_true(fabs(rig_attempt(r, 2)->bytes_up - 3e6) < 1);
  rig_free(r);
}

/* The first is left out: the second takes the request's 2 MB. Of two inputs, one skipped that took the same as the other:
 * it comes once. */
static void test_first_skipped(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 5, plan_origin());
  task(r, 1, 1, 1, plan_at(1));
  r->task[0].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 2000 + 1000 + 1000);
  assert_true(fabs(rig_attempt(r, 1)->bytes_up - 2e6) < 1);
  rig_free(r);
  r = one_request();
  task(r, 0, 0, 1, plan_origin());
  task(r, 1, 1, 5, plan_at(2));
  task(r, 2, 3, 1, plan_at(1));
  r->task[1].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 1000 + 1000 + 1000 + 1000);
  assert_true(fabs(rig_attempt(r, 2)->bytes_up - 1e6) < 1);
  rig_free(r);
}

static void test_all_skipped(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 5, plan_at(1));
  r->task[0].effect = &never;
  run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  assert_int_equal(latency_ms(r), 0);
  assert_int_equal(r->kept->attempts, 0);
  task(r, 1, 1, 5, plan_at(1));
  r->task[1].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 0);
  rig_free(r);
}

/* What nobody waits for (3 s) does not keep the answer from the user: up 2 s, 1 s, down 1 s. */
static void test_skipped_beside_asynchronous(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 1, 5, plan_at(2));
  task(r, 2, 1, 3, plan_at(1));
  r->task[1].effect = &never;
  r->task[2].asynchronous = true;
  r->task[0].unawaited = r->klass[0].unawaited = 4;
  run(r);
  assert_int_equal(latency_ms(r), 4000);
  assert_true(fabs(rig_attempt(r, 0)->bytes_down - 1e6) < 1);
  assert_int_equal(rig_attempt(r, 2)->status, STATUS_COMPLETED);
  rig_free(r);
}

/* The first task flows from an API, without bytes: the first token at 1 s, the last at 4 s. */
static void make_flow(struct rig *r)
{
  static const int variants[] = {0};
  r->klass[0].input_bytes = r->task[0].output_bytes = amount(0);
  r->def.n_variants = r->task[0].n_variants = 1;
  r->variant[0] = (struct variant_def){.name = "api", .skill = 1, .top = 1};
  r->task[0].variant = variants;
  r->place[1].kind = PLACE_API;
  r->place[1].ttft_s = always(1);
  r->place[1].tpot_s = 1;
  r->work[0][0] = (struct work_def){.kind = WORK_TOKENS, .tok_in = amount(100), .tok_out = amount(4)};
  r->task[0].stream = r->task[0].successor_starts_on_first = true;
}

/* Through a task that is left out, 0 -> (1) -> 2, who starts on a flow (1 s of work) ends no earlier than the flow does. */
static void test_skipped_on_a_flow(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 1, 5, plan_origin());
  task(r, 2, 2, 1, plan_origin());
  make_flow(r);
  r->task[1].effect = &never;
  run(r);
  assert_int_equal(latency_ms(r), 4000);
  assert_int_equal((rig_attempt(r, 2)->started_ns - r->kept->request[0].arrived_ns) / 1000000, 1000);
  assert_int_equal(rig_attempt(r, 0)->status, STATUS_COMPLETED);
  rig_free(r);
}

/* ---- ends -------------------------------------------------------------------------------------------------------- */

/* A cache at the edge answers at 2 + 1 s and 1 s back; what runs beside it at the cloud (4 s up, 9 s there) is called off
 * when the answer is found, at 3 s, and what would follow does not begin. */
static void test_ends(void **state)
{
  struct rig *r = one_request();
  (void)state;
  r->link[0].kind = LINK_FIXED;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 0, 9, plan_at(2));
  task(r, 2, 3, 1, plan_at(1));
  r->task[0].effect = &ending;
  run(r);
  assert_int_equal(latency_ms(r), 4000);
  assert_int_equal(rig_attempt(r, 1)->status, STATUS_CANCELLED);
  assert_int_equal((rig_attempt(r, 1)->ended_ns - r->kept->request[0].arrived_ns) / 1000000, 3000);
  assert_null(rig_attempt(r, 2));
  assert_int_equal(r->kept->requests, 1);
  assert_int_equal(r->kept->request[0].first_token_ns, r->kept->request[0].completed_ns);
  rig_free(r);
}

/* Task 0 ends the request, but its answer, 4 s away, has 3.5 s; task 1 is beside it, the third after both. */
static struct rig *ending_late(double beside_s)
{
  struct rig *r = one_request();
  r->link[0].kind = LINK_FIXED;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 0, beside_s, plan_origin());
  task(r, 2, 3, 1, plan_origin());
  r->place[0].servers = 4;
  r->task[0].effect = &ending;
  r->task[0].timeout_s = 3.5;
  r->task[0].n_fallbacks = 1;
  r->fallback[0] = (struct fallback_def){.answers = true, .answer = "nothing", .quality = 0.5};
  r->task[0].fallback = r->fallback;
  return r;
}

/* The answer does not come in time (limit 3.5 s of 4): a fallback answers, the request goes on with
 * what comes after. */
static void test_ended_but_lost(void **state)
{
  struct rig *r = ending_late(1);
  (void)state;
  run(r);
  assert_int_equal(rig_attempt(r, 0)->status, STATUS_TIMEOUT);
  assert_int_equal(latency_ms(r), 3500 + 1000);         /* task 1 was done at 1 s; the third follows */
  assert_int_equal(r->kept->request[0].status, STATUS_ANSWERED);
  rig_free(r);
}

/* Served, but the message back is too late: task 1, called off, begins again at 3.5 s and takes 9 s, then task 2. */
static void test_called_off_begins_again(void **state)
{
  struct rig *r = ending_late(9);
  (void)state;
  run(r);
  assert_int_equal(latency_ms(r), 3500 + 9000 + 1000);
  int of_second = 0;
  for (int i = 0; i < r->kept->attempts; i++) of_second += r->kept->attempt[i].task == 1 && r->kept->attempt[i].request == 0;
  assert_int_equal(of_second, 2);
  rig_free(r);
}

/* A successor that started on the flow of a task that ends the request is called off: first token at 1 s, the last at 4 s. */
static void test_ends_on_a_flow(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_at(1));
  task(r, 1, 1, 9, plan_origin());
  make_flow(r);
  r->task[0].effect = &ending;
  run(r);
  assert_int_equal(latency_ms(r), 4000);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  assert_int_equal((rig_attempt(r, 1)->started_ns - r->kept->request[0].arrived_ns) / 1000000, 1000);
  assert_int_equal((rig_attempt(r, 1)->ended_ns - r->kept->request[0].arrived_ns) / 1000000, 4000);
  assert_int_equal(rig_attempt(r, 1)->status, STATUS_CANCELLED);
  rig_free(r);
}

/* The judge rejects an answer that ended the request (quality .4): the fallback's (.9) counts, at 2 s. Nobody else answers
 * well enough: the kept one still ends it. */
static void test_ends_and_judge(void **state)
{
  static const struct judge_def strict = {0, 0.5}, hard = {0, 0.95};
  static const struct life_def life = {.judge = &strict}, harder = {.judge = &hard};
  static const int variants[] = {0, 1};
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_origin());
  task(r, 1, 1, 7, plan_origin());
  r->def.n_variants = 2;
  r->variant[0] = (struct variant_def){.name = "cheap", .top = 0.4, .skill = 1};
  r->variant[1] = (struct variant_def){.name = "dear", .top = 0.9, .skill = 1};
  r->task[0].n_variants = 2;
  r->task[0].variant = variants;
  r->work[0][1] = r->work[0][0];
  r->fallback[0] = (struct fallback_def){.plan = {WORD_ORIGIN, NONE, 0, 1, "origin", 0}};
  r->task[0].n_fallbacks = 1;
  r->task[0].fallback = r->fallback;
  r->task[0].life = &life;
  r->task[0].effect = &ending;
  run(r);
  assert_int_equal(latency_ms(r), 2000);
  assert_true(fabs(r->kept->request[0].quality - 0.9) < 1e-12);
  r->task[0].life = &harder;
  run(r);
  assert_int_equal(latency_ms(r), 2000);
  assert_null(rig_attempt(r, 1));
  rig_free(r);
}

/* The phone takes 9 s; the copy, sent to the edge after .5 s, is faster: an instance of the same work with a time of its own
 * is not to be had, so the edge gets a variant of 1 s: up 2 s, 1 s, down 1 s: 4.5 s. The attempt at the phone is called off. */
static void test_ends_and_hedge(void **state)
{
  static const struct hedge_def hedge = {.after_s = 0.5, .has_plan = true, .plan = {WORD_PLACE, 1, 0, 1, "edge", 0}};
  static const struct life_def life = {.hedge = &hedge};
  static const int variants[] = {0, 1};
  struct rig *r = one_request();
  (void)state;
  r->link[0].kind = LINK_FIXED;
  task(r, 0, 0, 9, plan_origin());
  task(r, 1, 1, 7, plan_origin());
  r->def.n_variants = 2;
  r->variant[0] = (struct variant_def){.name = "slow", .top = 1, .skill = 1};
  r->variant[1] = (struct variant_def){.name = "fast", .top = 0.8, .skill = 1};
  r->task[0].n_variants = 2;
  r->task[0].variant = variants;
  r->work[0][1] = (struct work_def){.kind = WORK_TIME, .time_s = always(1)};
  r->task[0].life = &life;
  r->task[0].effect = &ending;
  run(r);
  assert_int_equal(latency_ms(r), 4500);
  assert_true(fabs(r->kept->request[0].quality - 0.8) < 1e-12);
  assert_int_equal(r->kept->attempts, 2);
  assert_null(rig_attempt(r, 1));
  rig_free(r);
}

/* ---- produced attributes ----------------------------------------------------------------------------------------- */

/* A search that finds .75; the second task only where it did: 1 s and 3 s. The share, of 4000 requests, within 4 standard
 * errors of .75 (false alarm 6e-5); quality 1 where found, .5 where not; a search of .9 finds all that this one finds. */
enum { SEARCHES = 4000 };
static void search_rig(struct rig *r, const struct effect_def *search, const struct effect_def *then)
{
  task(r, 0, 0, 1, plan_origin());
  task(r, 1, 1, 2, plan_origin());
  r->place[0].servers = 10;
  r->klass[0].arrivals.interarrival_s = always(1);
  r->def.horizon.duration_s = SEARCHES + 0.5;
  r->attribute[1] = (struct attribute_def){.name = "first_found", .known = KNOWN_AFTER_TASK, .produced = true, .high = 1};
  r->klass[0].n_attributes = 2;
  r->task[0].effect = search;
  r->task[1].effect = then;
}

static void test_recall(void **state)
{
  static const struct expr_op low[] = {{EXPR_NUMBER, 0, 0.75}}, high[] = {{EXPR_NUMBER, 0, 0.9}}, found[] = {{EXPR_ATTRIBUTE, 1, 0}};
  static const struct recall_def some = {{1, 0, low}, 0.5, 1}, most = {{1, 0, high}, 0.5, 1};
  static const struct produced_def makes = {1, 0};
  static const struct effect_def search = {.n_produced = 1, .produced = &makes, .recall = &some},
                                 better = {.n_produced = 1, .produced = &makes, .recall = &most}, then = {.when = {1, 2, found}};
  static bool found_by_first[SEARCHES + 1];
  struct rig *r = one_request();
  (void)state;
  search_rig(r, &search, &then);
  run(r);
  int n = 0, measured = 0;
  for (int i = 0; i < r->kept->requests; i++) {
    const struct request_record *x = &r->kept->request[i];
    if (!x->measured) continue;
    measured++;
    bool longer = x->completed_ns - x->arrived_ns == ms(3000);
    assert_true(longer || x->completed_ns - x->arrived_ns == ms(1000));
    assert_true(x->quality == (longer ? 1 : 0.5));
    found_by_first[x->request] = longer;
    n += longer;
  }
  assert_int_equal(measured, SEARCHES);
  assert_true(fabs(n / (double)SEARCHES - 0.75) < 4 * sqrt(0.75 * 0.25 / SEARCHES));
  r->task[0].effect = &better;
  run(r);
  for (int i = 0; i < r->kept->requests; i++)
    assert_true(!r->kept->request[i].measured || !found_by_first[r->kept->request[i].request] || r->kept->request[i].quality == 1);
  rig_free(r);
}

/* Neither true nor false: the run is refused. */
static void test_nan_condition(void **state)
{
  static const struct expr_op unknown[] = {{EXPR_ATTRIBUTE, 1, 0}};
  static const struct effect_def when = {.when = {1, 2, unknown}};
  struct rig *r = one_request();
  struct err err;
  (void)state;
  task(r, 0, 0, 1, plan_origin());
  r->attribute[1] = (struct attribute_def){.name = "x", .known = KNOWN_AFTER_TASK, .produced = true};
  r->klass[0].n_attributes = 2;
  r->task[0].effect = &when;
  effects_link(&r->klass[0], r->task);
  err_init(&err);
  struct run_setup setup = {.def = &r->def, .seed = 1, .sink = keeping(r->kept)};
  struct world *w = world_new(&setup, &err);
  assert_non_null(w);
  assert_false(world_run(w, &r->summary, &err));
  assert_non_null(strstr(err.problems[0].message, "'when' is neither true nor false for request 0"));
  world_free(w);
  err_release(&err);
  memset(&r->summary, 0, sizeof r->summary);
  rig_free(r);
}

/* ---- what follows from the definition ---------------------------------------------------------------------------- */

static void test_links(void **state)
{
  struct rig *r = one_request();
  (void)state;
  task(r, 0, 0, 1, plan_origin());
  task(r, 1, 1, 1, plan_origin());
  task(r, 2, 1, 1, plan_origin());
  task(r, 3, 4, 1, plan_origin());
  r->task[1].effect = &never;
  effects_link(&r->klass[0], r->task);
  assert_false(r->task[0].may_end);                     /* the third is always done */
  assert_true(r->klass[0].conditional && r->task[2].inputs_vary == false);
  r->task[2].effect = r->task[3].effect = &never;
  effects_link(&r->klass[0], r->task);
  assert_true(r->task[0].may_end && r->task[3].inputs_vary);
  assert_int_equal(effects_done_before(&r->klass[0], 3), 1 | 4);
  r->task[2].stream = r->task[2].successor_starts_on_first = true;
  assert_int_equal(effects_done_before(&r->klass[0], 3), 1);
  r->task[1].effect = &ending;
  r->task[2].effect = r->task[3].effect = NULL;
  assert_true(effects_may_leave_out(&r->klass[0], 3) && effects_may_leave_out(&r->klass[0], 2));
  assert_false(effects_may_leave_out(&r->klass[0], 0));
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_last_skipped), cmocka_unit_test(test_middle_skipped),
    cmocka_unit_test(test_first_skipped), cmocka_unit_test(test_all_skipped), cmocka_unit_test(test_skipped_on_a_flow),
    cmocka_unit_test(test_skipped_beside_asynchronous),
    cmocka_unit_test(test_ends), cmocka_unit_test(test_ended_but_lost), cmocka_unit_test(test_called_off_begins_again),
    cmocka_unit_test(test_ends_on_a_flow), cmocka_unit_test(test_ends_and_judge), cmocka_unit_test(test_ends_and_hedge),
    cmocka_unit_test(test_recall), cmocka_unit_test(test_nan_condition), cmocka_unit_test(test_links)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
