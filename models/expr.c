/* expr.c: evaluation of a compiled expression on a small stack. An attribute that is not known is NaN, and so is all
 * that depends on it: min and max pass NaN on, unlike fmin and fmax; so do comparisons; `and` and `or` only where the
 * other side does not decide (Kleene 1952: false and unknown is false, true or unknown is true). */
#include "models/expr.h"
#include "sim/check.h"
#include <math.h>

static double smaller(double a, double b) { return isnan(a) || a < b ? a : b; }
static double larger(double a, double b) { return isnan(a) || a > b ? a : b; }

static double truth(bool is) { return is ? 1 : 0; }

static double both(double a, double b)
{
  if (a == 0 || b == 0) return 0;
  return isnan(a) || isnan(b) ? NAN : 1;
}

static double either(double a, double b)
{
  if ((a != 0 && !isnan(a)) || (b != 0 && !isnan(b))) return 1;
  return isnan(a) || isnan(b) ? NAN : 0;
}

static double compare(enum expr_kind kind, double a, double b)
{
  if (isnan(a) || isnan(b)) return NAN;
  switch (kind) {
  case EXPR_LESS: return truth(a < b);
  case EXPR_LESS_EQUAL: return truth(a <= b);
  case EXPR_GREATER: return truth(a > b);
  case EXPR_GREATER_EQUAL: return truth(a >= b);
  case EXPR_EQUAL: return truth(a == b);
  case EXPR_UNEQUAL: return truth(a != b);
  default: sim_assert(!"a comparison");
  }
}

static double combine(enum expr_kind kind, double a, double b)
{
  switch (kind) {
  case EXPR_ADD: return a + b;
  case EXPR_SUBTRACT: return a - b;
  case EXPR_MULTIPLY: return a * b;
  case EXPR_DIVIDE: return a / b;
  case EXPR_MIN: return smaller(a, b);
  case EXPR_MAX: return larger(a, b);
  case EXPR_AND: return both(a, b);
  case EXPR_OR: return either(a, b);
  default: return compare(kind, a, b);
  }
}

double expr_compute(const struct expr *e, const double *attribute)
{
  double stack[EXPR_STACK];
  int depth = 0;
  for (const struct expr_op *o = e->op; o < e->op + e->n; o++) {
    if (o->kind <= EXPR_ATTRIBUTE) {
      sim_assert(depth < EXPR_STACK);
      stack[depth++] = o->kind == EXPR_NUMBER ? o->number : attribute[o->attribute];
    } else if (o->kind >= EXPR_NEGATE) {
      sim_assert(depth >= 1);
      stack[depth - 1] = o->kind == EXPR_NEGATE ? -stack[depth - 1] : isnan(stack[depth - 1]) ? NAN : truth(stack[depth - 1] == 0);
    } else {
      sim_assert(depth >= 2);
      depth--;
      stack[depth - 1] = combine(o->kind, stack[depth - 1], stack[depth]);
    }
  }
  sim_assert(depth == 1);
  return stack[0];
}

struct expr expr_number(const struct expr_op *storage_of_one)
{
  sim_assert(storage_of_one->kind == EXPR_NUMBER);
  return (struct expr){ .n = 1, .op = storage_of_one };
}
