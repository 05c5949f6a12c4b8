/* expression.c: "4 B * output_tokens + 200 B" to postfix, with its dimension checked.
 *
 * Grammar: any = all {or all}; all = not {and not}; not = not not | comparison;
 * comparison = sum [(<|<=|>|>=|==|!=) sum]; sum = product {(+|-) product}; product = unary {(*|/) unary}; unary = [-] primary;
 * primary = NUMBER [UNIT] | NAME | UNIT | (min|max) "(" any "," any ")" | "(" any ")". A condition is a pure number: 1 or 0.
 * A name is a kernel's parameter (its own expression is put in its place), else an attribute of the class.
 */
#include "scenarios/build.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPS = 256 };
struct compiling {
  struct build *b;
  const struct node *parameters;
  struct where at;
  const char *start, *p;
  struct expr_op op[OPS];
  uint16_t n;
  uint64_t reads;
  int stack, nots;
  bool failed;
};

static struct dimension any(struct compiling *);

static struct dimension fail(struct compiling *c, const char *format, const char *word)
{
  struct where at = c->at;
  if (!c->failed && at.length > 1)     /* a plain text on one line: the column of the mistake */
    at.column += (int)(c->p - c->start);
  at.length = 1;
  if (!c->failed)
    err_add(c->b->err, at, format, word);
  c->failed = true;
  return (struct dimension){0};
}

/* The word, in quotes, with what was probably meant. */
static const char *unit_meant(const struct compiling *c, const char *word)
{
  char meant[UNITS_WHY];
  bool known = unit_suggest(word, Q_ANY, meant);
  return arena_printf(c->b->arena, "'%s'%s%s", word, known ? "; " : "", known ? meant : "");
}

static void blanks(struct compiling *c)
{
  while (*c->p == ' ' || *c->p == '\t')
    c->p++;
}

static bool take(struct compiling *c, char letter)
{
  blanks(c);
  if (*c->p != letter)
    return false;
  c->p++;
  return true;
}

static void emit(struct compiling *c, struct expr_op op)
{
  bool push = op.kind == EXPR_NUMBER || op.kind == EXPR_ATTRIBUTE;
  c->stack += push ? 1 : op.kind >= EXPR_NEGATE ? 0 : -1;
  if (c->n == OPS || c->stack > EXPR_STACK)
    fail(c, "the expression is too long%s", "");
  else
    c->op[c->n++] = op;
}

static size_t name_length(const char *p)
{
  size_t n = 0;
  if (isalpha((unsigned char)*p) || *p == '_')
    while (isalnum((unsigned char)p[n]) || p[n] == '_')
      n++;
  return n;
}

static bool is_word_of_logic(const char *p, size_t n)
{
  return (n == 3 && (!strncmp(p, "and", 3) || !strncmp(p, "not", 3))) || (n == 2 && !strncmp(p, "or", 2));
}

static struct dimension number(struct compiling *c)
{
  char *end;
  double value = strtod(c->p, &end), factor;
  struct dimension d = {0};
  c->p = end;
  blanks(c);
  size_t n = name_length(c->p) ? name_length(c->p) : *c->p == '%';
  if (n && !is_word_of_logic(c->p, n)) {
    if (unit_token(c->p, &factor, &d) != n)
      return fail(c, "unknown unit %s", unit_meant(c, arena_printf(c->b->arena, "%.*s", (int)n, c->p)));
    value *= factor;
    c->p += n;
  }
  emit(c, (struct expr_op){.kind = EXPR_NUMBER, .number = value});
  return d;
}

/* The dimension of an attribute is that of its unit. */
static struct dimension attribute_dimension(const char *unit)
{
  double factor = 1;
  struct dimension d = {0};
  char text[80], why[UNITS_WHY];
  if (!unit || !*unit)
    return d;
  for (int q = 0; q < Q_ANY; q++) {
    snprintf(text, sizeof text, "1 %.60s", unit);
    if (number_parse(text, (enum quantity)q, &factor, why))
      return quantities[q].dimension;
  }
  return d;
}

/* A parameter's own text, compiled in place. It reads attributes, never other parameters. */
static struct dimension parameter(struct compiling *c, const struct node *node)
{
  if (!node_is(node, NODE_TEXT))
    return fail(c, "the parameter '%s' is not an expression", node->key);
  struct compiling outer = *c;
  c->start = c->p = node->text;
  c->at = node->at;
  c->parameters = NULL;
  struct dimension d = any(c);
  blanks(c);
  if (*c->p)
    fail(c, "the parameter '%s' is not an expression", node->key);
  c->start = outer.start;
  c->p = outer.p;
  c->at = outer.at;
  c->parameters = outer.parameters;
  return d;
}

static struct dimension unknown_name(struct compiling *c, const char *word)
{
  const char *names[MAX_ATTRIBUTES + 64];
  size_t n = 0;
  for (int i = 1; i < c->b->n_attributes; i++)
    names[n++] = c->b->attribute[i].name;
  for (size_t i = 0; c->parameters && i < c->parameters->n && n < MAX_ATTRIBUTES + 64; i++)
    names[n++] = c->parameters->child[i]->key;
  const char *near = nearest_or_begun(word, names, n);
  const char *text = arena_printf(c->b->arena, "'%s'; the class has no such attribute", word);
  char unit[UNITS_WHY];
  if (near)
    text = arena_printf(c->b->arena, "'%s'; did you mean '%s'?", word, near);
  else if (unit_suggest(word, Q_ANY, unit))
    text = unit_meant(c, word);
  return fail(c, "the expression reads %s", text);
}

static struct dimension name(struct compiling *c, size_t n)
{
  char *word = arena_printf(c->b->arena, "%.*s", (int)n, c->p);
  const struct node *own = node_get(c->parameters, word);
  double factor;
  struct dimension d;
  if (own) {
    c->p += n;
    return parameter(c, own);
  }
  for (int i = 1; i < c->b->n_attributes; i++)
    if (!strcmp(c->b->attribute[i].name, word)) {
      c->p += n;
      c->reads |= UINT64_C(1) << i;
      emit(c, (struct expr_op){.kind = EXPR_ATTRIBUTE, .attribute = (uint16_t)i});
      return attribute_dimension(c->b->attribute[i].unit);
    }
  if (unit_token(c->p, &factor, &d) == n) {
    c->p += n;
    emit(c, (struct expr_op){.kind = EXPR_NUMBER, .number = factor});
    return d;
  }
  return unknown_name(c, word);
}

static struct dimension same(struct compiling *c, struct dimension a, struct dimension b)
{
  if (!c->failed && !dimension_equal(a, b))
    fail(c, "the expression adds or compares %s",
         arena_printf(c->b->arena, "%s and %s", dimension_name(a), dimension_name(b)));
  return a;
}

static struct dimension primary(struct compiling *c)
{
  blanks(c);
  size_t n = name_length(c->p);
  if (isdigit((unsigned char)*c->p) || (*c->p == '.' && isdigit((unsigned char)c->p[1])))
    return number(c);
  if (n == 3 && (!strncmp(c->p, "min", 3) || !strncmp(c->p, "max", 3)) && strchr(" (", c->p[3]) && c->p[3]) {
    enum expr_kind kind = c->p[1] == 'i' ? EXPR_MIN : EXPR_MAX;
    c->p += 3;
    if (!take(c, '('))
      return fail(c, "expected '(' after min or max%s", "");
    struct dimension a = any(c);
    if (!take(c, ','))
      return fail(c, "expected ',' in min or max%s", "");
    struct dimension b = any(c);
    emit(c, (struct expr_op){.kind = kind});
    return take(c, ')') ? same(c, a, b) : fail(c, "expected ')'%s", "");
  }
  if (n && is_word_of_logic(c->p, n))
    return fail(c, "'%s' stands where a number or an attribute is expected", arena_printf(c->b->arena, "%.*s", (int)n, c->p));
  if (n)
    return name(c, n);
  if (take(c, '(')) {
    struct dimension d = any(c);
    return take(c, ')') ? d : fail(c, "expected ')'%s", "");
  }
  return fail(c, *c->p ? "unexpected '%s' in the expression" : "the expression ends too early%s",
              *c->p ? arena_printf(c->b->arena, "%c", *c->p) : "");
}

static struct dimension unary(struct compiling *c)
{
  if (!take(c, '-'))
    return primary(c);
  struct dimension d = unary(c);
  emit(c, (struct expr_op){.kind = EXPR_NEGATE});
  return d;
}

static struct dimension product(struct compiling *c)
{
  struct dimension d = unary(c);
  while (!c->failed) {
    bool times = take(c, '*');
    if (!times && !take(c, '/'))
      break;
    d = dimension_add(d, unary(c), times ? 1 : -1);
    emit(c, (struct expr_op){.kind = times ? EXPR_MULTIPLY : EXPR_DIVIDE});
  }
  return d;
}

static struct dimension sum(struct compiling *c)
{
  struct dimension d = product(c);
  while (!c->failed) {
    bool plus = take(c, '+');
    if (!plus && !take(c, '-'))
      break;
    same(c, d, product(c));
    emit(c, (struct expr_op){.kind = plus ? EXPR_ADD : EXPR_SUBTRACT});
  }
  return d;
}

/* ---- conditions ------------------------------------------------------------------------------------------------ */

static bool take_word(struct compiling *c, const char *word)
{
  blanks(c);
  size_t n = strlen(word);
  if (name_length(c->p) != n || strncmp(c->p, word, n))
    return false;
  c->p += n;
  return true;
}

/* The comparison that stands here, or EXPR_NUMBER; signs of other languages are named. */
static enum expr_kind comparison_here(struct compiling *c)
{
  static const struct { const char *sign; enum expr_kind kind; } signs[] = {
    {"<=", EXPR_LESS_EQUAL}, {">=", EXPR_GREATER_EQUAL}, {"==", EXPR_EQUAL}, {"!=", EXPR_UNEQUAL}, {"<", EXPR_LESS},
    {">", EXPR_GREATER}};
  blanks(c);
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (!strncmp(c->p, signs[i].sign, strlen(signs[i].sign))) {
      c->p += strlen(signs[i].sign);
      return signs[i].kind;
    }
  if (*c->p == '=')
    fail(c, "'=' compares nothing; did you mean '=='?%s", "");
  return EXPR_NUMBER;
}

static struct dimension comparison(struct compiling *c)
{
  struct dimension d = sum(c);
  enum expr_kind kind = c->failed ? EXPR_NUMBER : comparison_here(c);
  if (kind == EXPR_NUMBER || c->failed)
    return d;
  struct dimension other = sum(c);
  same(c, d, other);
  emit(c, (struct expr_op){.kind = kind});
  if (!c->failed && comparison_here(c) != EXPR_NUMBER)
    fail(c, "comparisons are not chained: 'a < b and b < c'%s", "");
  return (struct dimension){0};
}

static struct dimension pure(struct compiling *c, struct dimension d)
{
  d.tok = 0;
  if (!c->failed && !dimension_equal(d, (struct dimension){0}))
    fail(c, "'and', 'or' and 'not' take conditions, not %s", dimension_name(d));
  return (struct dimension){0};
}

static struct dimension negation(struct compiling *c)
{
  blanks(c);
  if (*c->p == '!' && c->p[1] != '=')
    return fail(c, "'!' is written 'not'%s", "");
  if (!take_word(c, "not"))
    return comparison(c);
  if (++c->nots > EXPR_STACK)
    return fail(c, "the expression is too long%s", "");
  struct dimension d = pure(c, negation(c));
  c->nots--;
  emit(c, (struct expr_op){.kind = EXPR_NOT});
  return d;
}

static struct dimension all(struct compiling *c)
{
  struct dimension d = negation(c);
  while (!c->failed && take_word(c, "and")) {
    pure(c, d);
    d = pure(c, negation(c));
    emit(c, (struct expr_op){.kind = EXPR_AND});
  }
  return d;
}

static struct dimension any(struct compiling *c)
{
  struct dimension d = all(c);
  while (!c->failed && take_word(c, "or")) {
    pure(c, d);
    d = pure(c, all(c));
    emit(c, (struct expr_op){.kind = EXPR_OR});
  }
  if (!c->failed && (*c->p == '&' || *c->p == '|'))
    fail(c, "'&' and '|' are written 'and' and 'or'%s", "");
  return d;
}

/* Without unit for tokens, which may be counted without. */
static struct dimension dimension_of(struct build *b, const struct node *node)
{
  struct compiling c = {.b = b, .at = node->at, .start = node->text, .p = node->text};
  struct dimension d = any(&c);
  blanks(&c);
  if (!c.failed && *c.p)
    fail(&c, "unexpected '%s' in the expression", arena_printf(b->arena, "%.8s", c.p));
  d.tok = 0;
  return d;
}

bool build_fits(struct build *b, const struct node *node, const struct node *like)
{
  size_t before = b->err->n_errors;
  if (!node_is(node, NODE_TEXT) || !*node->text)
    return err_add(b->err, node->at, "the parameter '%s' is not an expression", node->key);
  struct dimension d = dimension_of(b, node), expected = dimension_of(b, like);
  if (b->err->n_errors == before && !dimension_equal(d, expected))
    err_add(b->err, node->at, "%s: '%.60s' is %s; expected %s", node->key, node->text, dimension_name(d),
            dimension_name(expected));
  return b->err->n_errors == before;
}

static struct expr compile(struct build *b, const char *text, struct where at, enum quantity q,
                           const struct node *parameters)
{
  struct compiling c = {.b = b, .parameters = parameters, .at = at, .start = text, .p = text};
  struct dimension d = any(&c);
  blanks(&c);
  if (!c.failed && *c.p)
    fail(&c, "unexpected '%s' in the expression", arena_printf(b->arena, "%.8s", c.p));
  d.tok = q == Q_PURE ? 0 : d.tok;                      /* tokens may be counted with or without their unit */
  if (!c.failed && q != Q_ANY && !dimension_equal(d, quantities[q].dimension))
    err_add(b->err, at, "'%.60s' is %s; expected %s", text, dimension_name(d), quantities[q].name);
  struct expr_op *op = arena_array(b->arena, struct expr_op, c.n + 1);
  memcpy(op, c.op, c.n * sizeof *op);
  return (struct expr){.n = c.failed ? 0 : c.n, .reads = c.reads, .op = op};
}

struct expr build_expr_text(struct build *b, const char *text, struct where at, enum quantity q,
                            const struct node *parameters)
{
  struct expr e = compile(b, text, at, q, parameters);
  amount_check(b, &e, text, at);
  return e;
}

struct expr build_condition(struct build *b, const struct node *node)
{
  if (!node_is(node, NODE_TEXT) || !*node->text)
    return (struct expr){0};
  return compile(b, node->text, node->at, Q_PURE, NULL);
}

struct expr build_expr(struct build *b, const struct node *node, enum quantity q, const struct node *parameters)
{
  if (!node_is(node, NODE_TEXT) || !*node->text)
    return (struct expr){0};
  return build_expr_text(b, node->text, node->at, q, parameters);
}
