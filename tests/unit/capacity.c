/* The search for a capacity on curves whose crossing is known; how often its interval covers; verdicts on saturation. */
#include "experiments/capacity.h"
#include "sim/rng.h"
#include "tests/unit/unit.h"

enum { MOST = 32 };

/* Replications r = 0 .. n - 1 of a curve: y = f(x) (1 + spread z[r]); the same z at every x. */
struct world { double (*f)(double); double spread, z[MOST]; size_t n; int calls; enum saturation from_25; };

static bool measure(void *context, const struct capacity_question *q, struct capacity_sample *s, struct err *err)
{
  (void)err;
  struct world *w = context;
  double y[MOST];
  for (size_t r = 0; r < w->n; r++)
    y[r] = w->f(s->x) * (1 + w->spread * w->z[r]);
  s->metric = capacity_interval(y, w->n, q->confidence);
  s->saturation = s->x > 25 ? w->from_25 : SATURATION_STABLE;
  w->calls++;
  return true;
}

static void draw(struct world *w, struct rng *g)
{
  for (size_t r = 0; r < w->n; r++)
    w->z[r] = rng_normal(g);
}

static struct rng stream(uint64_t seed)
{
  struct rng_root root = rng_root_make(seed, 0);
  return rng_open(&root, 1, 0, 0);
}

static void find(struct capacity_question *q, struct world *w, struct capacity_answer *a)
{
  struct err err;
  err_init(&err);
  q->measure = measure;
  q->context = w;
  q->confidence = q->confidence > 0 ? q->confidence : 0.95;
  w->calls = 0;
  assert_true(capacity_find(q, a, &err));
  assert_false(err_any(&err));
  err_release(&err);
}

static double mm1(double x) { return x < 1 ? 2.995732273553991 / (1 - x) : (double)INFINITY; }       /* ln(20) / (mu - x) */
static double falling(double x) { return 100 / x; }
static double rising(double x) { return x; }
static double hump(double x) { return x > 10 && x < 20 ? 9 : x / 4; }

static void test_closed_form(void **state)
{
  (void)state;
  struct world w = {.f = mm1, .n = 5};
  struct capacity_question q = {.from = 1000, .to = 9000, .step = 1e-4, .limit = 10};
  struct capacity_answer a;
  find(&q, &w, &a);
  assert_int_equal(a.outcome, CAPACITY_FOUND);
  assert_near(a.value, 0.7004267726446009, 2e-5);
  assert_near(a.hi - a.lo, 0, 1e-4);                    /* without noise the interval is a point */
  assert_true(w.calls < 30 && !a.smallest);
  capacity_free(&a);
  q.from = q.to = 8000;                                 /* around the file's value; 1.6 is beyond saturation: infinite */
  find(&q, &w, &a);
  assert_near(a.value, 0.7004267726446009, 2e-5);
  capacity_free(&a);
}

/* 2000 experiments of 8 normal replications: a 95 % interval misses 100 +- 10 times. Outside 100 +- 4 x 9.75 by chance:
 * once in 16 000 sets. The planted curve (2 % more load) is 2 standard errors away: it is covered much less often. */
static void test_coverage(void **state)
{
  (void)state;
  enum { EXPERIMENTS = 2000 };
  struct rng g = stream(7);
  struct capacity_question q = {.from = 100, .to = 900, .step = 1e-3, .limit = 10};
  struct world w = {.f = mm1, .n = 8, .spread = 0.05};
  double planted = 0.7004267726446009 * 1.02;
  int covered = 0, covered_planted = 0;
  for (int i = 0; i < EXPERIMENTS; i++) {
    struct capacity_answer a;
    draw(&w, &g);
    find(&q, &w, &a);
    assert_int_equal(a.outcome, CAPACITY_FOUND);
    covered += a.lo <= 0.7004267726446009 && 0.7004267726446009 <= a.hi;
    covered_planted += a.lo <= planted && planted <= a.hi;
    capacity_free(&a);
  }
  printf("# covered %d of %d, planted %d\n", covered, EXPERIMENTS, covered_planted);
  assert_true(abs(covered - EXPERIMENTS * 95 / 100) <= 39);
  assert_true(covered_planted < EXPERIMENTS * 3 / 4);
}

static void test_smallest_count(void **state)
{
  (void)state;
  struct world w = {.f = falling, .n = 3, .from_25 = SATURATION_STABLE};
  struct capacity_question q = {.from = 1, .to = 64, .step = 1, .limit = 9, .whole = true};
  struct capacity_answer a;
  find(&q, &w, &a);
  assert_int_equal(a.outcome, CAPACITY_FOUND);
  assert_true(a.smallest && a.value == 12 && a.lo == 12 && a.hi == 12);        /* 100 / 12 < 9 < 100 / 11 */
  capacity_free(&a);
  q.from = q.to = 3;
  find(&q, &w, &a);
  assert_true(a.smallest && a.value == 12);
  capacity_free(&a);
}

/* Four keeps the limit, but not surely: the band is looked for beyond what the search of the mean needed. */
static void test_widens(void **state)
{
  (void)state;
  struct world w = {.f = falling, .n = 4, .spread = 0.3, .z = {-1, 1, -1, 1}};
  struct capacity_question q = {.from = 8, .to = 8, .step = 1, .limit = 9, .whole = true};
  struct capacity_answer a;
  double half = 3.182446305284263 * 0.3 * sqrt(4. / 3) / 2;             /* t(3) s / sqrt(4), relative */
  find(&q, &w, &a);
  assert_true(a.outcome == CAPACITY_FOUND && a.value == 12 && !a.lo_open && !a.hi_open);
  assert_near(a.lo, ceil(100 * (1 - half) / 9), 0);
  assert_near(a.hi, ceil(100 * (1 + half) / 9), 0);
  capacity_free(&a);
}

static void test_above(void **state)
{
  (void)state;
  struct world w = {.f = falling, .n = 3};
  struct capacity_question q = {.from = 1, .to = 64, .step = 1, .limit = 9, .whole = true, .above = true};
  struct capacity_answer a;
  find(&q, &w, &a);
  assert_true(a.outcome == CAPACITY_FOUND && !a.smallest && a.value == 11);
  capacity_free(&a);
}

static void test_outcomes(void **state)
{
  (void)state;
  struct world w = {.f = rising, .n = 3, .from_25 = SATURATION_STABLE};
  struct capacity_question q = {.from = 10, .to = 30, .step = 1, .limit = 5};
  struct capacity_answer a;
  find(&q, &w, &a);
  assert_int_equal(a.outcome, CAPACITY_NEVER);
  capacity_free(&a);
  q.limit = 50;
  find(&q, &w, &a);
  assert_int_equal(a.outcome, CAPACITY_ALWAYS);
  capacity_free(&a);
  w.f = hump;
  q.from = 4, q.limit = 8;                              /* 1 at 4, 9 from 11 to 19, 5 at 20, 7.5 at 30 */
  find(&q, &w, &a);
  assert_int_equal(a.outcome, CAPACITY_NOT_MONOTONE);
  assert_true(a.odd.x > 10 && a.odd.x < 20);
  capacity_free(&a);
}

/* Where a steady system is overloaded its metric is that of the run's length, and no value at all. */
static void test_overload_breaks(void **state)
{
  (void)state;
  struct world w = {.f = rising, .n = 3, .from_25 = SATURATION_OVERLOADED};
  struct capacity_question q = {.from = 10, .to = 100, .step = 1, .limit = 90, .overload_breaks = true};
  struct capacity_answer a;
  find(&q, &w, &a);
  assert_true(a.outcome == CAPACITY_FOUND && a.value == 25);
  capacity_free(&a);
  q.overload_breaks = false;
  find(&q, &w, &a);
  assert_near(a.value, 90, 1e-9);
  capacity_free(&a);
}

static void test_verdicts(void **state)
{
  (void)state;
  const double none[4] = {0}, some[4] = {0, 0, .01, 0}, steady[] = {-1e-4, 2e-4, 1e-4, -2e-4}, over[] = {.19, .2, .21, .2},
               rises[] = {.002, .003, .0025, .0025}, unknown[] = {0, NAN, 0, 0};
  struct capacity_sample s;
  capacity_judge(&s, steady, none, 4);
  assert_int_equal(s.saturation, SATURATION_STABLE);
  capacity_judge(&s, over, some, 4);
  assert_int_equal(s.saturation, SATURATION_OVERLOADED);
  assert_near(s.growth.value, .2, 1e-12);
  capacity_judge(&s, rises, none, 4);
  assert_int_equal(s.saturation, SATURATION_BACKLOGGED);
  capacity_judge(&s, steady, some, 4);
  assert_int_equal(s.saturation, SATURATION_BACKLOGGED);
  capacity_judge(&s, unknown, none, 4);
  assert_int_equal(s.saturation, SATURATION_UNKNOWN);
}

static void test_infinite_values(void **state)
{
  (void)state;
  const double some[] = {3, INFINITY, 2}, all[] = {INFINITY, INFINITY};
  struct interval i = capacity_interval(some, 3, 0.95);
  assert_true(isinf(i.value) && i.lo == 2 && isinf(i.hi));
  i = capacity_interval(all, 2, 0.95);
  assert_true(isinf(i.lo) && isinf(i.hi));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_closed_form), cmocka_unit_test(test_coverage), cmocka_unit_test(test_smallest_count),
    cmocka_unit_test(test_widens), cmocka_unit_test(test_above), cmocka_unit_test(test_outcomes), cmocka_unit_test(test_overload_breaks),
    cmocka_unit_test(test_verdicts), cmocka_unit_test(test_infinite_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
