/* expr.h: arithmetic over the attributes of a request, e.g. "4 B * output_tokens + 200 B".
 *
 * Compiled once by the scenario reader to postfix; evaluated without allocation. Values are in SI units.
 */
#ifndef OFFSIM_MODELS_EXPR_H
#define OFFSIM_MODELS_EXPR_H

#include <stdint.h>

enum expr_kind { EXPR_NUMBER, EXPR_ATTRIBUTE, EXPR_ADD, EXPR_SUBTRACT, EXPR_MULTIPLY, EXPR_DIVIDE, EXPR_MIN, EXPR_MAX,
                EXPR_NEGATE };
struct expr_op { enum expr_kind kind; uint16_t attribute; double number; };

/* n == 0 means "not given" and evaluates to 0. `reads` has one bit per attribute (index < 64) that it reads. */
struct expr { uint16_t n; uint64_t reads; const struct expr_op *op; };
enum { EXPR_STACK = 16 };      /* the compiler refuses deeper expressions */

double expr_compute(const struct expr *, const double *attribute);
static inline double expr_value(const struct expr *e, const double *attribute)
{
  if (e->n == 0) return 0;
  return e->n == 1 && e->op->kind == EXPR_NUMBER ? e->op->number : expr_compute(e, attribute);
}
struct expr expr_number(const struct expr_op *storage_of_one);          /* wraps a constant op */

#endif
