/* Amounts that no request can have are the scenario's mistake; amounts without end take time without end. */
#include "tests/unit/world_rig.h"

/* The exit code of a world that must not run, and what it says. */
static int refused(struct rig *r, char *said, size_t room)
{
  struct err err;
  err_init(&err);
  memset(r->kept, 0, sizeof *r->kept);
  struct run_setup setup = {.def = &r->def, .seed = 1, .sink = keeping(r->kept)};
  struct world *w = world_new(&setup, &err);
  assert_non_null(w);
  assert_false(world_run(w, &r->summary, &err));
  r->summary.place = NULL;
  FILE *f = fmemopen(said, room, "w");
  err_print(&err, f, false);
  fclose(f);
  int code = err.code;
  world_free(w);
  err_release(&err);
  return code;
}

static void test_impossible_input(void **state)
{
  (void)state;
  static const double impossible[] = {-1, INFINITY, NAN};
  for (int i = 0; i < 3; i++) {
    char said[500] = "";
    struct rig *r = rig_new();
    rig_task(r, 0, 0, 1, plan_at(1));
    r->klass[0].input_bytes = amount(impossible[i]);
    assert_int_equal(refused(r, said, sizeof said), EXIT_USER);
    assert_non_null(strstr(said, "class 'ask': 'input'"));
    rig_free(r);
  }
}

static void test_impossible_work(void **state)
{
  (void)state;
  char said[500] = "";
  struct rig *r = rig_new();
  r->work[0][0] = (struct work_def){.kind = WORK_ROOFLINE, .flop = amount(1e9), .bytes = amount(-5)};
  assert_int_equal(refused(r, said, sizeof said), EXIT_USER);
  assert_non_null(strstr(said, "task first: 'bytes' is -5 for request 0"));
  rig_free(r);
}

/* 1e300 bytes and a latency of 10 ms: the sum of both times must not wrap around to no time at all. */
static void test_endless_transfer(void **state)
{
  (void)state;
  struct rig *r = rig_new();
  rig_task(r, 0, 0, 1, plan_at(1));
  r->klass[0].input_bytes = amount(1e300);
  r->link[0].up_byte_per_s = 1e6;
  r->link[0].latency_s = always(0.01);
  r->link[0].shared_by = SHARED_BY_NONE;
  rig_run(r);
  assert_int_equal(r->kept->request[0].status, STATUS_CENSORED);
  rig_free(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_impossible_input), cmocka_unit_test(test_impossible_work),
    cmocka_unit_test(test_endless_transfer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
