/* Arithmetic over attributes: values by hand, and what is not known stays not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "models/expr.h"
#include <math.h>

#define EXPR(...) (struct expr){ .n = sizeof (struct expr_op[]){ __VA_ARGS__ } / sizeof(struct expr_op), \
                                 .op = (struct expr_op[]){ __VA_ARGS__ } }
#define N(x) { EXPR_NUMBER, 0, x }
#define A(i) { EXPR_ATTRIBUTE, i, 0 }
#define OP(k) { k, 0, 0 }

static const double attribute[] = {0.5, 100, -3, NAN};
static double value(struct expr e) { return expr_value(&e, attribute); }

static void test_values(void **state)
{
  (void)state;
  assert_true(value((struct expr){0}) == 0);
  assert_true(value(EXPR(N(7))) == 7);
  assert_true(value(EXPR(A(1))) == 100);
  assert_true(value(EXPR(N(4), A(1), OP(EXPR_MULTIPLY))) == 400);
  assert_true(value(EXPR(A(1), N(4), OP(EXPR_MULTIPLY))) == 400);
  assert_true(value(EXPR(N(4), A(1), OP(EXPR_DIVIDE))) == 0.04);
  assert_true(value(EXPR(N(4), A(1), OP(EXPR_MULTIPLY), N(200), OP(EXPR_ADD))) == 600);         /* 4 a + 200 */
  assert_true(value(EXPR(A(1), A(2), OP(EXPR_SUBTRACT))) == 103);
  assert_true(value(EXPR(A(1), N(8), OP(EXPR_DIVIDE))) == 12.5);
  assert_true(value(EXPR(A(1), N(30), OP(EXPR_MIN))) == 30);
  assert_true(value(EXPR(A(2), N(0), OP(EXPR_MAX))) == 0);
  assert_true(value(EXPR(A(2), OP(EXPR_NEGATE))) == 3);
  assert_true(value(EXPR(N(1), N(2), N(3), OP(EXPR_SUBTRACT), OP(EXPR_SUBTRACT))) == 2);        /* 1 - (2 - 3) */
}

static void test_unknown(void **state)
{
  (void)state;
  assert_true(isnan(value(EXPR(A(3), N(1), OP(EXPR_ADD)))));
  assert_true(isnan(value(EXPR(N(4), A(3), OP(EXPR_MULTIPLY)))));
  assert_true(isnan(value(EXPR(A(3), N(1), OP(EXPR_MIN)))));
  assert_true(isnan(value(EXPR(N(1), A(3), OP(EXPR_MIN)))));
  assert_true(isnan(value(EXPR(A(3), N(1), OP(EXPR_MAX)))));
  assert_true(isnan(value(EXPR(N(1), A(3), OP(EXPR_MAX)))));
}

static uint64_t name(struct expr e) { return expr_name(&e, NULL); }

static void test_names(void **state)
{
  (void)state;
  assert_true(name(EXPR(N(0))) == name(EXPR(N(-0.0))) && name(EXPR(N(1), N(2), OP(EXPR_ADD))) == name(EXPR(N(3))));
  assert_true(name(EXPR(N(0))) != name(EXPR(N(1))) && name(EXPR(N(0.1))) != name(EXPR(N(0.2))));
}

/* True is 1. What is not known decides nothing, but does not hide what the other side decides. */
static void test_conditions(void **state)
{
  (void)state;
  assert_true(value(EXPR(A(1), N(100), OP(EXPR_LESS))) == 0 && value(EXPR(A(1), N(100), OP(EXPR_LESS_EQUAL))) == 1);
  assert_true(value(EXPR(A(1), N(100), OP(EXPR_GREATER))) == 0 && value(EXPR(A(1), N(100), OP(EXPR_GREATER_EQUAL))) == 1);
  assert_true(value(EXPR(A(2), N(-3), OP(EXPR_EQUAL))) == 1 && value(EXPR(A(2), N(-3), OP(EXPR_UNEQUAL))) == 0);
  assert_true(value(EXPR(A(1), OP(EXPR_NOT))) == 0 && value(EXPR(N(0), OP(EXPR_NOT))) == 1);
  assert_true(value(EXPR(N(2), N(0), OP(EXPR_OR))) == 1 && value(EXPR(N(2), N(0), OP(EXPR_AND))) == 0);
  assert_true(value(EXPR(N(2), N(3), OP(EXPR_AND))) == 1 && value(EXPR(N(0), N(0), OP(EXPR_OR))) == 0);
  assert_true(isnan(value(EXPR(A(3), N(1), OP(EXPR_LESS)))) && isnan(value(EXPR(A(3), OP(EXPR_NOT)))));
  assert_true(value(EXPR(A(3), N(0), OP(EXPR_AND))) == 0 && isnan(value(EXPR(A(3), N(1), OP(EXPR_AND)))));
  assert_true(value(EXPR(N(1), A(3), OP(EXPR_OR))) == 1 && isnan(value(EXPR(N(0), A(3), OP(EXPR_OR)))));
}

static void test_constant(void **state)
{
  (void)state;
  struct expr_op one = N(2.5);
  struct expr e = expr_number(&one);
  assert_true(expr_value(&e, NULL) == 2.5);
  assert_true(e.reads == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_unknown), cmocka_unit_test(test_names), cmocka_unit_test(test_conditions),
                                     cmocka_unit_test(test_constant)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
