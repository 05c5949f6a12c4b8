/* expr.h: arithmetic over the attributes of a request, e.g. "4 B * output_tokens + 200 B", and conditions on them, e.g.
 * "prompt_tokens > 2000 and not lookup_hit" (true is 1, false 0).
 *
 * Compiled once by the scenario reader to postfix; evaluated without allocation. Values are in SI units.
 */
#ifndef OFFSIM_MODELS_EXPR_H
#define OFFSIM_MODELS_EXPR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum expr_kind { EXPR_NUMBER, EXPR_ATTRIBUTE, EXPR_ADD, EXPR_SUBTRACT, EXPR_MULTIPLY, EXPR_DIVIDE, EXPR_MIN, EXPR_MAX,
                EXPR_LESS, EXPR_LESS_EQUAL, EXPR_GREATER, EXPR_GREATER_EQUAL, EXPR_EQUAL, EXPR_UNEQUAL, EXPR_AND, EXPR_OR,
                EXPR_NEGATE, EXPR_NOT };       /* those from NEGATE on have one operand */
struct expr_op { enum expr_kind kind; uint16_t attribute; double number; };

/* n == 0 means "not given" and evaluates to 0. `reads` has one bit per attribute (index < 64) that it reads. */
struct expr { uint16_t n; uint64_t reads; const struct expr_op *op; };
enum { EXPR_STACK = 16 };      /* the compiler refuses deeper expressions */

double expr_compute(const struct expr *, const double *attribute);
/* The two commonest forms need no stack: a number, and a number times an attribute. */
static inline double expr_value(const struct expr *e, const double *attribute)
{
  const struct expr_op *o = e->op;
  if (e->n == 0) return 0;
  if (e->n == 1 && o->kind == EXPR_NUMBER) return o->number;
  bool scales = e->n == 3 && o[0].kind == EXPR_NUMBER && o[1].kind == EXPR_ATTRIBUTE && o[2].kind == EXPR_MULTIPLY;
  return scales ? o[0].number * attribute[o[1].attribute] : expr_compute(e, attribute);
}
/* Its value as the name of a thing: equal numbers (0 and -0, too) have the same one. */
static inline uint64_t expr_name(const struct expr *e, const double *attribute)
{
  double value = expr_value(e, attribute) + 0.0;        /* -0 becomes 0 */
  uint64_t name;
  memcpy(&name, &value, sizeof name);
  return name;
}
struct expr expr_number(const struct expr_op *storage_of_one);          /* wraps a constant op */

#endif
