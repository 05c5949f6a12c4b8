/* study_filter.c: recursive descent over `where`; the tree is walked once for each point. */
#include "scenarios/study_filter.h"
#include "scenarios/schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum kind { AND, OR, NOT, COMPARE };
enum relation { EQUAL, UNEQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };
enum { DEPTH = 64, NAMES = 512 };

/* factor NONE: the constant. */
struct side { int factor; struct operand constant; };
struct filter {
  enum kind kind;
  enum relation relation;
  const struct filter *left, *right;
  struct side side[2];
};

struct parsing {
  struct arena *arena;
  const char *text, *p;
  struct where at;
  const struct factor_def *factor;
  int n_factors, depth;
  bool failed;
  struct err *err;
};

/* ---- numbers and words ------------------------------------------------------------------------------------------- */

/* Dimension of "Mbit/s", "/min": what number_parse found valid. */
static struct dimension dimension_of(const char *unit)
{
  struct dimension all = {0}, one;
  int sign = 1;
  double factor;
  for (const char *p = unit; *p;) {
    size_t n = unit_token(p, &factor, &one);
    if (n)
      all = dimension_add(all, one, sign);
    sign = p[n] == '/' || *p == '/' ? -1 : sign;
    p += n ? n : 1;
  }
  return all;
}

struct operand operand_of(const char *text)
{
  char why[UNITS_WHY];
  struct operand o = {.text = text};
  o.is_number = number_parse(text, Q_ANY, &o.value, why);
  if (o.is_number) {
    char *unit;
    strtod(text, &unit);
    o.dimension = dimension_of(unit);
  }
  return o;
}

/* ---- letters ----------------------------------------------------------------------------------------------------- */

static void skip_blanks(struct parsing *x)
{
  while (isspace((unsigned char)*x->p))
    x->p++;
}

/* A mistake at p, n letters long. Only the first is told. */
static struct where place(const struct parsing *x, const char *p, size_t n)
{
  struct where at = x->at;
  at.column += (int)(p - x->text);
  at.length = n ? (int)n : 1;
  return at;
}

static const struct filter *fail(struct parsing *x, const char *what)
{
  if (!x->failed)
    err_add(x->err, place(x, x->p, 1), "where: %s", what);
  x->failed = true;
  return NULL;
}

static bool is_letter(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

static size_t word_length(const char *p)
{
  size_t n = 0;
  while (is_letter(p[n]))
    n++;
  return n;
}

static bool take_word(struct parsing *x, const char *word)
{
  skip_blanks(x);
  size_t n = strlen(word);
  if (word_length(x->p) != n || strncmp(x->p, word, n))
    return false;
  x->p += n;
  return true;
}

static bool is_keyword(const char *p, size_t n)
{
  return (n == 3 && (!strncmp(p, "and", n) || !strncmp(p, "not", n))) || (n == 2 && !strncmp(p, "or", n));
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static bool starts_number(const char *p)
{
  p += *p == '-' || *p == '+';
  return isdigit((unsigned char)*p) || (*p == '.' && isdigit((unsigned char)p[1]));
}

/* Digits, then a unit, with or without blanks between them. */
static size_t number_length(const char *p)
{
  char *end;
  strtod(p, &end);
  const char *unit = end;
  while (*unit == ' ')
    unit++;
  size_t n = strspn(unit, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/%");
  return n && !is_keyword(unit, n) ? (size_t)(unit - p) + n : (size_t)(end - p);
}

static bool read_number(struct parsing *x, struct side *s)
{
  char why[UNITS_WHY];
  size_t n = number_length(x->p);
  const char *text = arena_printf(x->arena, "%.*s", (int)n, x->p);
  s->factor = NONE;
  s->constant = operand_of(text);
  if (!s->constant.is_number) {
    number_parse(text, Q_ANY, &s->constant.value, why);
    return fail(x, why);
  }
  x->p += n;
  return true;
}

static bool read_quoted(struct parsing *x, struct side *s)
{
  const char *end = strchr(x->p + 1, *x->p);
  if (!end)
    return fail(x, "the quote has no end");
  s->factor = NONE;
  s->constant = (struct operand){.text = arena_printf(x->arena, "%.*s", (int)(end - x->p) - 1, x->p + 1)};
  x->p = end + 1;
  return true;
}

static bool has_level(const struct factor_def *f, const char *word)
{
  for (size_t i = 0; i < f->n_levels; i++)
    if (!strcmp(f->level[i], word))
      return true;
  return false;
}

/* A factor, or a word that `other` has as a level. */
static bool unknown(struct parsing *x, const char *word, const struct side *other)
{
  const char *names[NAMES];
  size_t n = 0;
  for (int i = 0; i < x->n_factors && n < NAMES; i++)
    names[n++] = x->factor[i].name;
  for (size_t i = 0; other && other->factor != NONE && i < x->factor[other->factor].n_levels && n < NAMES; i++)
    names[n++] = x->factor[other->factor].level[i];
  const char *near = nearest(word, names, n), *what = other ? "factor or value" : "factor";
  if (!strcmp(word, "policy"))
    err_add(x->err, place(x, x->p, strlen(word)), "where: 'policy' is no factor of a point; all chosen policies run at "
            "every point");
  else
    err_add(x->err, place(x, x->p, strlen(word)), "where: unknown %s '%.64s'%s%s%s", what, word,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
  x->failed = true;
  return false;
}

static bool read_word(struct parsing *x, struct side *s, const struct side *other)
{
  const char *word = arena_printf(x->arena, "%.*s", (int)word_length(x->p), x->p);
  s->factor = NONE;
  for (int i = 0; i < x->n_factors; i++)
    if (!strcmp(x->factor[i].name, word))
      s->factor = i;
  bool level = other && other->factor != NONE && has_level(&x->factor[other->factor], word);
  if (s->factor == NONE && !level)
    return unknown(x, word, other);
  s->constant = operand_of(word);
  x->p += strlen(word);
  return true;
}

/* A level such as `5g_public_n78_urban` starts like a number. */
static bool is_level_word(const struct parsing *x, const struct side *other)
{
  if (!other || other->factor == NONE)
    return false;
  const char *word = arena_printf(x->arena, "%.*s", (int)word_length(x->p), x->p);
  return !operand_of(word).is_number && has_level(&x->factor[other->factor], word);
}

static bool read_side(struct parsing *x, struct side *s, const struct side *other)
{
  skip_blanks(x);
  if (starts_number(x->p) && !is_level_word(x, other))
    return read_number(x, s);
  if (*x->p == '\'' || *x->p == '"')
    return read_quoted(x, s);
  if (word_length(x->p) && !is_keyword(x->p, word_length(x->p)))
    return read_word(x, s, other);
  return fail(x, *x->p ? "expected a factor or a value here" : "it ends where a factor or a value is expected");
}

/* ---- comparisons ------------------------------------------------------------------------------------------------- */

static bool read_relation(struct parsing *x, enum relation *relation)
{
  static const struct { const char *text; enum relation relation; } all[] = {
    {"==", EQUAL}, {"!=", UNEQUAL}, {"<=", LESS_EQUAL}, {">=", GREATER_EQUAL}, {"<", LESS}, {">", GREATER}};
  skip_blanks(x);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!strncmp(x->p, all[i].text, strlen(all[i].text))) {
      x->p += strlen(all[i].text);
      *relation = all[i].relation;
      return true;
    }
  return fail(x, *x->p == '=' ? "equality is written ==" : "expected one of == != < <= > >=");
}

/* Of a factor, the first level stands for all; those that differ from it are told by name. */
static size_t side_operands(const struct parsing *x, const struct side *s, struct operand *out, size_t room)
{
  const struct factor_def *f = s->factor == NONE ? NULL : &x->factor[s->factor];
  size_t n = 0;
  if (!f) {
    out[n++] = s->constant;
  } else if (f->n_levels == 0) {
    out[n++] = operand_of(arena_printf(x->arena, "%.17g%s%s", f->lo, *f->unit ? " " : "", f->unit));
  }
  for (size_t i = 0; f && i < f->n_levels && n < room; i++)
    out[n++] = operand_of(f->level[i]);
  return n;
}

static bool comparable(const struct operand *a, const struct operand *b, enum relation relation)
{
  if (a->is_number && b->is_number)
    return dimension_equal(a->dimension, b->dimension);
  return relation == EQUAL || relation == UNEQUAL;
}

static const char *what_it_is(const struct operand *o)
{
  if (!o->is_number)
    return "a word";
  return dimension_equal(o->dimension, (struct dimension){0}) ? "a number without unit" : dimension_name(o->dimension);
}

static bool check_sides(struct parsing *x, const struct filter *f, const char *start)
{
  struct operand a[64], b[64];
  size_t na = side_operands(x, &f->side[0], a, 64), nb = side_operands(x, &f->side[1], b, 64);
  for (size_t i = 0; i < na; i++)
    for (size_t k = 0; k < nb; k++)
      if (!comparable(&a[i], &b[k], f->relation)) {
        x->failed = true;
        return err_add(x->err, place(x, start, (size_t)(x->p - start)), "where: '%.40s' is %s and '%.40s' is %s; they "
                       "cannot be compared so", a[i].text, what_it_is(&a[i]), b[k].text, what_it_is(&b[k]));
      }
  return true;
}

static struct filter *filter_new(struct parsing *x, enum kind kind, const struct filter *left,
                                 const struct filter *right)
{
  struct filter *f = arena_alloc(x->arena, sizeof *f);
  *f = (struct filter){.kind = kind, .left = left, .right = right};
  return f;
}

static const struct filter *read_comparison(struct parsing *x)
{
  struct filter *f = filter_new(x, COMPARE, NULL, NULL);
  skip_blanks(x);
  const char *start = x->p;
  if (!read_side(x, &f->side[0], NULL) || !read_relation(x, &f->relation) || !read_side(x, &f->side[1], &f->side[0]))
    return NULL;
  if (f->side[0].factor == NONE && f->side[1].factor == NONE) {
    x->p = start;
    return fail(x, "a comparison needs a factor");
  }
  return check_sides(x, f, start) ? f : NULL;
}

/* ---- and, or, not ------------------------------------------------------------------------------------------------ */

static const struct filter *read_or(struct parsing *);

static const struct filter *read_group(struct parsing *x)
{
  x->p++;
  const struct filter *inner = read_or(x);
  skip_blanks(x);
  if (inner && *x->p != ')')
    return fail(x, "expected )");
  x->p += inner != NULL;
  return inner;
}

static const struct filter *read_not(struct parsing *x)
{
  if (++x->depth > DEPTH)
    return fail(x, "nested too deep");
  bool negated = take_word(x, "not");
  skip_blanks(x);
  const struct filter *f = negated ? read_not(x) : *x->p == '(' ? read_group(x) : read_comparison(x);
  x->depth--;
  return f && negated ? filter_new(x, NOT, f, NULL) : f;
}

static const struct filter *read_and(struct parsing *x)
{
  const struct filter *left = read_not(x);
  while (left && take_word(x, "and")) {
    const struct filter *right = read_not(x);
    left = right ? filter_new(x, AND, left, right) : NULL;
  }
  return left;
}

static const struct filter *read_or(struct parsing *x)
{
  const struct filter *left = read_and(x);
  while (left && take_word(x, "or")) {
    const struct filter *right = read_and(x);
    left = right ? filter_new(x, OR, left, right) : NULL;
  }
  return left;
}

struct filter *filter_parse(struct arena *a, const char *text, struct where at, const struct factor_def *factor,
                            int n_factors, struct err *err)
{
  struct parsing x = {.arena = a, .text = text, .p = text, .at = at, .factor = factor, .n_factors = n_factors,
                      .err = err};
  const struct filter *f = read_or(&x);
  skip_blanks(&x);
  if (f && *x.p)
    f = fail(&x, "expected and, or, or the end here");
  return (struct filter *)f;
}

/* ---- evaluating -------------------------------------------------------------------------------------------------- */

static bool compare(const struct operand *a, const struct operand *b, enum relation relation)
{
  int order = a->is_number && b->is_number ? (a->value > b->value) - (a->value < b->value) : strcmp(a->text, b->text);
  switch (relation) {
  case EQUAL: return order == 0;
  case UNEQUAL: return order != 0;
  case LESS: return order < 0;
  case LESS_EQUAL: return order <= 0;
  case GREATER: return order > 0;
  default: return order >= 0;
  }
}

static const struct operand *operand_at(const struct side *s, const struct operand *value)
{
  return s->factor == NONE ? &s->constant : &value[s->factor];
}

bool filter_keeps(const struct filter *f, const struct operand *value)
{
  switch (f->kind) {
  case AND: return filter_keeps(f->left, value) && filter_keeps(f->right, value);
  case OR: return filter_keeps(f->left, value) || filter_keeps(f->right, value);
  case NOT: return !filter_keeps(f->left, value);
  default: return compare(operand_at(&f->side[0], value), operand_at(&f->side[1], value), f->relation);
  }
}
