/* Copies of data: by hand, and the share of stale reads against its closed form. */
#include "models/replica.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

static const sim_time S = NS_PER_S;

static void by_hand(void **state)
{
  struct copies *c = copies_new(2, 0);
  assert_false(copies_stale(c, 7, 0, 0));               /* never written */
  copies_write(c, 7, 10 * S, (sim_time[]){2 * S, 5 * S});
  assert_true(copies_stale(c, 7, 0, 10 * S));
  assert_true(copies_stale(c, 7, 0, 12 * S - 1));
  assert_false(copies_stale(c, 7, 0, 12 * S));          /* shown from then on */
  assert_true(copies_stale(c, 7, 1, 12 * S));
  assert_false(copies_stale(c, 8, 1, 12 * S));          /* another item */
  copies_write(c, 7, 14 * S, (sim_time[]){0, 3 * S});
  assert_false(copies_stale(c, 7, 0, 14 * S));
  assert_true(copies_stale(c, 7, 1, 16 * S));           /* the first write is shown, the second is not */
  assert_near(copies_behind_s(c, 1, 16 * S), 1, 1e-12);
  copies_free(c);
}

/* Three writes at once, applied one after the other in 1 s each: shown after 3, 4 and 5 s. */
static void applied_in_turn(void **state)
{
  struct copies *c = copies_new(1, 1);
  sim_time lag;
  for (int i = 0; i < 3; i++) {
    copies_write(c, i, 0, (lag = 2 * S, &lag));
    assert_int_equal(lag, (3 + i) * S);
  }
  for (int i = 0; i < 3; i++) {
    assert_true(copies_stale(c, i, 0, (3 + i) * S - 1));
    assert_false(copies_stale(c, i, 0, (3 + i) * S));
  }
  assert_near(copies_behind_s(c, 0, 4 * S), 1, 1e-12);
  copies_write(c, 9, 20 * S, (lag = 2 * S, &lag));      /* caught up long ago */
  assert_int_equal(lag, 3 * S);
  copies_free(c);
}

static void many_items(void **state)
{
  struct copies *c = copies_new(3, 0);
  for (int i = 0; i < 5000; i++) copies_write(c, i, i, (sim_time[]){S, 2 * S, 3 * S});
  for (int i = 0; i < 5000; i++) {
    assert_true(copies_stale(c, i, 2, i + 3 * S - 1));
    assert_false(copies_stale(c, i, 2, i + 3 * S));
    assert_false(copies_stale(c, 5000 + i, 2, i));
  }
  assert_true(copies_stale(c, 0, 0, 1));
  copies_free(c);
}

/* Of `reads` independent instants, 20 s apart at writes of rate l /s: the share that is stale. */
static double stale_share(double rate, const struct dist *lag, int reads)
{
  struct rng_root root = rng_root_make(1, 0);
  struct rng r = rng_open(&root, 1, 2, 3);
  struct copies *c = copies_new(1, 0);
  double write_s = rng_exponential(&r) / rate;
  int stale = 0;
  for (int i = 1; i <= reads; i++) {
    double now_s = 20.0 * i;
    for (; write_s < now_s; write_s += rng_exponential(&r) / rate)
      copies_write(c, 1, ns_from_s(write_s), (sim_time[]){ns_from_s(dist_draw(lag, &r))});
    stale += copies_stale(c, 1, 0, ns_from_s(now_s));
  }
  copies_free(c);
  return (double)stale / reads;
}

/* Within 4 standard errors: a right program fails in 6 of 100,000 seeds, each; the seed is fixed. */
static void closed_form(void **state)
{
  static const struct { const char *kind; double rate, lag, p; } at[] = {
    {"constant", 1, 1, 0.6321205588}, {"constant", 0.2, 0.5, 0.0951625820}, {"exponential", 1, 1, 0.5},
    {"exponential", 0.5, 3, 0.6}};
  enum { READS = 40000 };
  for (int i = 0; i < 4; i++) {
    struct dist d;
    char why[160];
    assert_true(dist_make(&d, at[i].kind, (double[]){at[i].lag}, 1, why));
    double p = at[i].p, share = stale_share(at[i].rate, &d, READS), se = sqrt(p * (1 - p) / READS);
    if (fabs(share - p) > 4 * se) fail_msg("%s %g %g: %g is not %g +- %g", at[i].kind, at[i].rate, at[i].lag, share, p, se);
  }
  struct dist late;                                     /* planted: a lag 5 % longer is seen */
  char why[160];
  assert_true(dist_make(&late, "constant", (double[]){1.05}, 1, why));
  assert_true(fabs(stale_share(1, &late, READS) - 0.6321205588) > 4 * sqrt(0.632 * 0.368 / READS));
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(applied_in_turn), cmocka_unit_test(many_items),
                                     cmocka_unit_test(closed_form)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
