/* outcomes: joint tables of two models against counting by hand; scores against their AUC; what is malformed. */
#include "models/outcomes.h"

#include "sim/rng.h"
#include "tests/unit/unit.h"

#include <unistd.h>

static struct arena *arena;
static struct err err;

static int set_up(void **state)
{
  arena = arena_new();
  err_init(&err);
  return 0;
}

static int tear_down(void **state)
{
  err_release(&err);
  arena_free(arena);
  return 0;
}

/* The header's example, and a subject where the weak model is the better one. Counts: both, only weak, only strong, none. */
static const struct outcome_row rows[] = {{"law", "a", {3, 1, 2, 4}, 10}, {"art", "a", {5, 4, 1, 0}, 20}, {"sums", "b", {1, 0, 9, 0}, 30}};
static const struct joint_table table = {"t", "w", "s", 3, rows};

static void test_outcome_at(void **state)
{
  const double u[] = {0, .299, .301, .399, .401, .599, .601, .999};
  const enum answered o[] = {BOTH_RIGHT, BOTH_RIGHT, ONLY_WEAK, ONLY_WEAK, ONLY_STRONG, ONLY_STRONG, NONE_RIGHT, NONE_RIGHT};
  for (int i = 0; i < 8; i++)
    assert_int_equal(outcome_at(&rows[0], u[i]), o[i]);
  assert_int_equal(outcome_at(&rows[2], .0999), BOTH_RIGHT);
  assert_int_equal(outcome_at(&rows[2], .1001), ONLY_STRONG);   /* empty kinds are passed over */
  assert_true(outcome_right(ONLY_WEAK, false) && !outcome_right(ONLY_WEAK, true) && outcome_right(BOTH_RIGHT, true));
  assert_near(outcome_share(&rows[0], false), .4, 1e-15);
  assert_near(outcome_share(&rows[0], true), .5, 1e-15);
  assert_near(outcomes_share(&table, "a", false), 13. / 20, 1e-15);
  assert_near(outcomes_share(&table, NULL, true), 21. / 30, 1e-15);
  assert_true(outcomes_has_set(&table, "b") && !outcomes_has_set(&table, "c"));
  const char *set[3];
  assert_int_equal(outcomes_sets(&table, set), 2);
  assert_string_equal(set[0], "a");
  assert_string_equal(set[1], "b");
}

/* All: weak 14, strong 21 of 30; 95 % of 21 is 19.95, so 5.95 more are missing. Oracle 5.95 / 30; subjects: sums gains 9 in
 * 10, so 5.95 / .9 / 30; at random 5.95 / 7. Of set a: weak 13, strong 11: nothing is missing. */
static void test_figures(void **state)
{
  struct router_figures f = outcomes_figures(&table, NULL, .95, arena);
  assert_near(f.weak, 14. / 30, 1e-15);
  assert_near(f.strong, 21. / 30, 1e-15);
  assert_near(f.oracle, 5.95 / 30, 1e-12);
  assert_near(f.per_subject, 5.95 / .9 / 30, 1e-12);
  assert_near(f.random, 5.95 / 7, 1e-12);
  f = outcomes_figures(&table, "a", .95, arena);
  assert_true(f.oracle == 0 && f.per_subject == 0 && f.random == 0);
  f = outcomes_figures(&table, NULL, 1.3, arena);       /* 27.3: 13.3 more, and it alone is right on 12 */
  assert_true(isnan(f.oracle) && isnan(f.per_subject) && f.random > 1);
}

/* Phi^-1(.75) = .67449: AUC .75 is a separation of .95387. */
static void test_auc(void **state)
{
  enum { N = 200000 };
  static const double auc[] = {.5, .75, .9};
  struct rng_root root = rng_root_make(7, 0);
  assert_near(score_separation(.75), .9538726, 1e-6);
  for (int k = 0; k < 3; k++) {
    struct scores_def s = {.of = SCORE_DIFFICULT, .separation = score_separation(auc[k]), .above = .5};
    struct rng r = rng_open(&root, rng_name("auc"), (uint64_t)k, 0);
    int above = 0;
    for (int i = 0; i < N; i++) {
      double hard = score_draw(&s, 0, .8, rng_normal(&r)), easy = score_draw(&s, 0, .2, rng_normal(&r));
      assert_true(hard >= 0 && hard <= 1);
      above += hard > easy;
    }
    /* independent pairs: 4 standard errors of a share, wrong in 1 of 16,000 seeds */
    assert_near((double)above / N, auc[k], 4 * sqrt(auc[k] * (1 - auc[k]) / N));
  }
}

static void test_properties(void **state)
{
  struct scores_def s = {.of = SCORE_NEEDED, .separation = 1, .table = &table};
  assert_near(score_draw(&s, 0, .5, 0), .8413447461, 1e-9);         /* only strong: Phi(1) */
  assert_near(score_draw(&s, 0, .7, 0), .5, 1e-12);                 /* none */
  assert_near(score_draw(&s, 0, .35, 0), .5, 1e-12);                /* only weak */
  s.of = SCORE_WEAK_FAILS;
  assert_near(score_draw(&s, 0, .7, 0), .8413447461, 1e-9);
  assert_near(score_draw(&s, 0, .35, 0), .5, 1e-12);
}

/* ---- files ---- */

static struct joint_table *read_text(const char *text)
{
  static const struct outcome_columns columns = {"set", "subject", "weak", "strong", "chars"};
  char path[] = "/tmp/offsim-outcomes-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
  struct joint_table *t = outcomes_read(path, &columns, arena, &err);
  unlink(path);
  return t;
}

static void test_read(void **state)
{
  struct joint_table *t = read_text("set,subject,chars,weak,strong,more\nm,x,10,1,1,\nm,x,30,0,1,\nm,y,5,1,0,\nm,x,20,0,0,\n");
  assert_non_null(t);
  assert_int_equal(t->n_rows, 2);
  for (int o = 0; o < OUTCOME_KINDS; o++) {
    assert_true(t->row[0].count[o] == (o == ONLY_WEAK ? 0 : 1));
    assert_true(t->row[1].count[o] == (o == ONLY_WEAK ? 1 : 0));
  }
  assert_near(t->row[0].prompt_chars, 20, 1e-12);
}

static void refused(const char *text, const char *says)
{
  assert_null(read_text(text));
  assert_says(&err, says);
}

static void test_malformed(void **state)
{
  refused("set,subject,chars,weak,strong\nm,x,10,2,1\n", ":2:8: error: an outcome is 0 or 1, not 2");
  refused("set,subject,chars,weak,strong\nm,x,10,1,1\nk,x,10,1,1\n", ":3:3: error: the subject 'x' is of the set 'm' and of 'k'");
  refused("set,subject,chars,weak,strong\nm,a b,10,1,1\n", "'a b' is no name");
  refused("set,subject,chars,weak,strong\nm,x,10,,1\n", "no value: 'weak' is missing");
  refused("set,subject,chars,weak\nm,x,10,1\n", "strong");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_outcome_at, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_figures, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_auc, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_properties, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_malformed, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
