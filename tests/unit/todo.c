/* The list of a submission: dealt, dealt again after losses, written, read; and damage, which is seen. */
#include "experiments/launcher.h"
#include "experiments/shard.h"
#include "experiments/todo.h"
#include "tests/unit/unit.h"
#include <sys/stat.h>
#include <unistd.h>

static struct todo ten(void)
{
  struct todo t = {.n = 10, .run = calloc(10, sizeof *t.run)};
  for (uint64_t i = 0; i < 10; i++)
    t.run[i] = (struct todo_run){.id = hash_bytes(&i, sizeof i), .point = i / 2, .replication = i, .policy = (int32_t)(i % 2)};
  return t;
}

static void assert_array(const struct todo *t, const char *expected)
{
  char *array = todo_array(t);
  assert_string_equal(array, expected);
  free(array);
}

/* 10 runs of 5 points in 4 tasks: too few points to keep together. Costs 10 to 1: dealt 1 2 3 4 4 3 2 1 1 2. */
static void test_deal(void **state)
{
  static const double cost_s[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  static const uint32_t expected[] = {1, 2, 3, 4, 4, 3, 2, 1, 1, 2};
  struct todo t = ten();
  todo_deal(&t, 4, cost_s);
  for (int i = 0; i < 10; i++) {
    assert_int_equal(t.run[i].task, expected[i]);
    assert_int_equal(t.run[i].replication, i);
  }
  assert_array(&t, "1-4");
  /* What is left are the runs 2, 3 and 4 of the tasks 3, 4 and 4, and one that was not there before. */
  struct todo left = {.n = 4, .run = calloc(4, sizeof *left.run)};
  left.run[0] = t.run[2], left.run[1] = t.run[3], left.run[2] = t.run[4];
  left.run[3].id.lo = 99;
  for (int i = 0; i < 4; i++)
    left.run[i].task = 0;
  todo_deal_again(&left, &t);
  assert_int_equal(left.tasks, 4);
  assert_int_equal(left.run[0].task, 3);
  assert_int_equal(left.run[1].task, 4);
  assert_int_equal(left.run[2].task, 4);
  assert_in_range(left.run[3].task, 1, 4);
  left.run[3].task = 1;
  assert_array(&left, "1,3-4");
  assert_int_equal(todo_busy_tasks(&left), 3);
  todo_release(&left);
  todo_release(&t);
}

/* A grid of 100 points, 4 levels of which one is slow and runs fastest through; 4 tasks, 3 runs a point. */
static void test_deal_grid(void **state)
{
  enum { POINTS = 100, RUNS = 3 * POINTS };
  double cost_s[RUNS], load_s[5] = {0};
  for (int known = 0; known < 2; known++) {
    struct todo t = {.n = RUNS, .run = calloc(RUNS, sizeof *t.run)};
    int with_task[POINTS] = {0}, slow[5] = {0};
    for (uint64_t i = 0; i < RUNS; i++) {
      t.run[i] = (struct todo_run){.id = hash_bytes(&i, sizeof i), .point = i / 3};
      cost_s[i] = i / 3 % 4 == 0 ? 10 : 1;
    }
    todo_deal(&t, 4, known ? cost_s : NULL);
    memset(load_s, 0, sizeof load_s);
    for (int i = 0; i < RUNS; i++) {
      const struct todo_run *r = &t.run[i];
      assert_true(with_task[r->point] == 0 || with_task[r->point] == (int)r->task);
      with_task[r->point] = (int)r->task;
      load_s[r->task] += r->point % 4 == 0 ? 10 : 1;
      slow[r->task] += r->point % 4 == 0;
    }
    for (int k = 1; k <= 4; k++) {
      assert_true(slow[k] < 3 * 25);                    /* not all slow ones in one task */
      assert_true(!known || fabs(load_s[k] - (25 * 3 * 10 + 75 * 3) / 4.) <= 30);  /* a slow point more or less */
    }
    todo_release(&t);
  }
}

static void test_file(void **state)
{
  char dir[] = "/tmp/offsim-todo-XXXXXX", sub[64], path[80];
  assert_non_null(mkdtemp(dir));
  snprintf(sub, sizeof sub, "%s/slurm", dir);
  snprintf(path, sizeof path, "%s/todo.bin", sub);
  assert_int_equal(mkdir(sub, 0777), 0);
  struct err err;
  err_init(&err);
  struct todo t = ten(), back;
  todo_deal(&t, 4, NULL);
  assert_true(todo_write(&t, dir, &err));
  assert_true(todo_read(dir, &back, &err));
  assert_int_equal(back.tasks, 4);
  assert_int_equal(back.n, 10);
  assert_memory_equal(back.run, t.run, 10 * sizeof *t.run);
  todo_release(&back);
  for (long at = 0; at < 440; at += 39) {                /* planted: one byte of the head or of a run */
    FILE *f = fopen(path, "r+");
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
    assert_false(todo_read(dir, &back, &err));
    assert_int_equal(err.code, EXIT_SYSTEM);
    assert_true(todo_write(&t, dir, &err));
  }
  assert_int_equal(truncate(path, 300), 0);
  assert_false(todo_read(dir, &back, &err));
  err_release(&err);
  todo_release(&t);
  unlink(path), rmdir(sub), rmdir(dir);
}

static void test_words(void **state)
{
  struct err err;
  err_init(&err);
  struct shard s = {0};
  assert_true(shard_parse("3/40", &s, &err));
  assert_int_equal(s.number, 3);
  assert_int_equal(s.of, 40);
  static const char *const bad[] = {"0/4", "5/4", "3", "3/", "/4", "a/b", "1/4x", "-1/4", ""};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(shard_parse(bad[i], &s, &err));
  enum launcher l;
  assert_true(launcher_parse("template", &l, &err));
  assert_int_equal(l, LAUNCH_TEMPLATE);
  assert_false(launcher_parse("slrm", &l, &err));
  assert_int_equal(err.code, EXIT_USER);
  err_release(&err);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_deal), cmocka_unit_test(test_deal_grid),
    cmocka_unit_test(test_file), cmocka_unit_test(test_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
