/* Masks between the members of one place: the one device is there already, the others have a way to go. */
#include "tests/unit/world_rig.h"

enum { PHONES = 3 };

/* A member of the phones' own place may be chosen; the way between two phones leads over the edge and its zone. */
static struct rig *neighbours(enum place_word word, uint64_t zones)
{
  struct rig *r = rig_new();
  r->place[0].count = PHONES;
  rig_task(r, 0, 0, 0.1, plan_origin());
  for (int i = 0; i < PHONES; i++) r->plan[0][i] = (struct plan_def){word, 0, (uint64_t)i, 0, "phone", 0};
  r->task[0].n_plans = PHONES;
  r->klass[0].input_bytes = amount(1000);
  r->klass[0].zones = zones;
  r->link[0].latency_s = always(0.01);
  r->policy = (struct policy_def){.name = "random", .policy = "random", .at_place = NONE};
  r->def.horizon.duration_s = 1005;
  return r;
}

static void test_members_of_the_origins_place(void **state)
{
  (void)state;
  struct rig *r = neighbours(WORD_MEMBER, 1);
  for (r->seed = 1; r->seed <= 5; r->seed++) {          /* whichever phone asks first */
    rig_run(r);
    assert_int_equal(r->summary.completed, r->summary.requests);
    for (int i = 0; i < r->kept->requests; i++) assert_int_equal(r->kept->request[i].offloaded, 0);
    assert_int_equal(r->summary.zone_violations, 0);
  }
  rig_free(r);
}

static void test_no_way_between_phones(void **state)
{
  (void)state;
  struct rig *r = neighbours(WORD_MEMBER, UINT64_MAX);
  r->def.n_links = 0;
  r->def.n_places = 1;
  for (r->seed = 1; r->seed <= 5; r->seed++) {
    rig_run(r);
    assert_int_equal(r->summary.completed, r->summary.requests);
  }
  rig_free(r);
}

/* The whole place: dispatch may pick any phone, so the way between phones counts for each of them. */
static void test_whole_place_of_the_origin(void **state)
{
  (void)state;
  struct rig *r = neighbours(WORD_PLACE, 1);
  r->place[0].dispatch = DISPATCH_RANDOM;
  for (r->seed = 1; r->seed <= 5; r->seed++) {
    rig_run(r);
    for (int i = 0; i < r->kept->attempts; i++) assert_int_equal(r->kept->attempt[i].status, STATUS_MASKED);
  }
  r->klass[0].zones = UINT64_MAX;
  rig_run(r);
  assert_int_equal(r->summary.completed, r->summary.requests);
  rig_free(r);
}

/* The output of the first task lies in one member of the edge; the second may be sent to another, over the cloud. */
static void test_whole_place_of_an_input(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  r->place[1].count = 3;
  r->place[1].dispatch = DISPATCH_ROUND_ROBIN;
  r->klass[0].n_tasks = 2;
  rig_task(r, 0, 0, 0.1, (struct plan_def){WORD_MEMBER, 1, 0, 0, "edge[0]", 0});
  rig_task(r, 1, 1, 0.1, plan_at(1));
  r->klass[0].zones = 3;                                /* user and telco, not the cloud's */
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_MASKED);
  r->klass[0].zones = 7;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_COMPLETED);
  rig_free(r);
}

/* Each place offers one of two variants: no plan for the other one is taken, wherever `nearest` or a mix leads. */
static void test_variants_that_a_place_offers(void **state)
{
  (void)state;
  static const int own[] = {0, 1};
  static const bool offers[2][2] = {{true, false}, {false, true}};
  struct rig *r = rig_new();
  r->def.n_variants = 2;
  r->variant[0] = (struct variant_def){.name = "small", .top = 1, .skill = 1};
  r->variant[1] = (struct variant_def){.name = "large", .top = 1, .skill = 1};
  r->task[0].n_variants = 2;
  r->task[0].variant = own;
  r->work[0][1] = r->work[0][0];
  r->task[0].n_plans = 4;
  for (int i = 0; i < 4; i++) {
    r->plan[0][i] = i < 2 ? plan_origin() : plan_at(1);
    r->plan[0][i].variant = i % 2;
  }
  r->place[0].offers = offers[0];
  r->place[1].offers = offers[1];
  r->policy = (struct policy_def){.name = "random", .policy = "random", .at_place = NONE};
  r->def.horizon.duration_s = 1005;
  rig_run(r);
  int at[2] = {0};
  for (int i = 0; i < r->kept->attempts; i++) {
    assert_int_equal(r->kept->attempt[i].variant, r->kept->attempt[i].place);
    at[r->kept->attempt[i].place]++;
  }
  assert_true(at[0] > 10 && at[1] > 10);
  rig_free(r);
}

/* SRPT by true sizes makes any policy's run a reference; by estimates it does not. */
static void test_true_sizes_make_a_reference(void **state)
{
  (void)state;
  struct rig *r = neighbours(WORD_MEMBER, UINT64_MAX);
  r->def.horizon.duration_s = 15;
  r->place[1].discipline = SRPT;
  rig_run(r);
  assert_string_equal(r->kind, "reference");
  r->place[1].srpt_uses_estimate = true;
  rig_run(r);
  assert_string_equal(r->kind, "policy");
  rig_free(r);
}

/* A learner in the cloud hears the features of each question: not those of a class that may not go there. */
static void test_learner_in_a_forbidden_zone(void **state)
{
  (void)state;
  struct rig *r = neighbours(WORD_MEMBER, 3);
  struct err err;
  r->policy.at_place = 1;
  rig_run(r);
  r->policy.at_place = 2;
  err_init(&err);
  assert_null(world_new(&(struct run_setup){.def = &r->def, .policy = &r->policy, .seed = 1}, &err));
  assert_int_equal(err.code, EXIT_USER);
  assert_non_null(strstr(err.problems[0].message, "class 'ask' into zone 'public'"));
  err_release(&err);
  r->task[0].n_plans = 1;                               /* nothing to ask */
  rig_run(r);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_members_of_the_origins_place), cmocka_unit_test(test_no_way_between_phones),
    cmocka_unit_test(test_whole_place_of_the_origin), cmocka_unit_test(test_whole_place_of_an_input),
    cmocka_unit_test(test_variants_that_a_place_offers), cmocka_unit_test(test_true_sizes_make_a_reference),
    cmocka_unit_test(test_learner_in_a_forbidden_zone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
