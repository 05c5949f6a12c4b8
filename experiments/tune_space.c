#include "experiments/design.h"
#include "experiments/plugin_try.h"
#include "experiments/tune.h"
#include "models/policy_host.h"
#include "sim/check.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 100.0                                      /* bounds that are at most so far apart are searched between */

static bool mistake(struct err *err, const char *text, const char *what)
{
  return err_add(err, (struct where){0}, "tune: %s, not '%s'", text, what);
}

static const struct offsim_parameter *parameter_of(const struct offsim_policy *p, const char *name, size_t n)
{
  for (uint32_t i = 0; i < p->n_parameters; i++)
    if (strlen(p->parameter[i].name) == n && !memcmp(p->parameter[i].name, name, n))
      return &p->parameter[i];
  return NULL;
}

static bool is_number(const struct offsim_parameter *q)
{
  return q->type == OFFSIM_NUMBER || q->type == OFFSIM_INTEGER;
}

/* The words between bars, each of `allowed` (NULL: any). False: one is not. */
static bool add_words(struct tuning *t, struct range *r, const char *text, const struct range *allowed)
{
  while (r->n_words < MAX_WORDS) {
    size_t n = strcspn(text, "|");
    const char *word = arena_printf(t->arena, "%.*s", (int)n, text);
    bool known = !allowed;
    for (int i = 0; allowed && i < allowed->n_words; i++)
      known |= !strcmp(allowed->word[i], word);
    if (!known)
      return false;
    r->word[r->n_words++] = word;
    if (!text[n])
      break;
    text += n + 1;
  }
  r->hi = r->n_words - 1;
  return true;
}

static struct range choice_of(struct tuning *t, const struct offsim_parameter *q)
{
  struct range r = {.name = q->name, .integer = true};
  add_words(t, &r, q->choices, NULL);
  return r;
}

static bool add_choice(struct tuning *t, const struct offsim_parameter *q, const char *text, struct err *err)
{
  struct range all = choice_of(t, q), r = {.name = q->name, .integer = true};
  if (!add_words(t, &r, text, &all) || r.n_words < 2)
    return err_add(err, (struct where){0}, "tune: '%s' takes two or more of %s, not '%.64s'", q->name, q->choices, text);
  t->range[t->n_ranges++] = r;
  return true;
}

static bool add_numbers(struct tuning *t, const struct offsim_parameter *q, const char *text, struct err *err)
{
  char *end = NULL, *last = NULL;
  double lo = strtod(text, &end), hi = *end == ':' ? strtod(end + 1, &last) : NAN;
  bool log = last && !strcmp(last, ":log");
  if (!last || (*last && !log) || !(lo < hi) || (log && lo <= 0))
    return mistake(err, "--param needs NAME=LO:HI with LO < HI, and LO > 0 for :log", text);
  if (lo < q->min || hi > q->max)
    return err_add(err, (struct where){0}, "tune: '%s' takes numbers from %g to %g", q->name, q->min, q->max);
  t->range[t->n_ranges++] = (struct range){.name = q->name, .lo = lo, .hi = hi, .log = log,
                                           .integer = q->type == OFFSIM_INTEGER};
  return true;
}

static bool add_given(struct tuning *t, const struct offsim_policy *p, const char *text, struct err *err)
{
  const char *equals = strchr(text, '=');
  const struct offsim_parameter *q = equals ? parameter_of(p, text, (size_t)(equals - text)) : NULL;
  if (!equals)
    return mistake(err, "--param needs NAME=LO:HI, NAME=LO:HI:log or NAME=WORD|WORD", text);
  if (!q)
    return err_add(err, (struct where){0}, "tune: policy '%s' has no parameter '%.*s'", p->name,
                   (int)(equals - text), text);
  if (q->type == OFFSIM_CHOICE)
    return add_choice(t, q, equals + 1, err);
  return is_number(q) ? add_numbers(t, q, equals + 1, err)
                      : err_add(err, (struct where){0}, "tune: '%s' is no number and no choice", q->name);
}

/* The entry's, else the declared default; NAN: none. */
static double now_of(const struct tuning *t, const struct offsim_parameter *q)
{
  for (int i = 0; i < t->entry->n_parameters; i++)
    if (!strcmp(t->entry->parameter[i].name, q->name))
      return t->entry->parameter[i].text ? NAN : t->entry->parameter[i].value;
  return q->number;
}

/* Without --param: choices, numbers between near bounds, and of others a tenth to tenfold of what the entry has. */
static bool declared(struct tuning *t, const struct offsim_parameter *q, struct range *r)
{
  double now = is_number(q) ? now_of(t, q) : NAN;
  bool integer = q->type == OFFSIM_INTEGER, near = q->max - q->min <= NEAR;
  if (q->type == OFFSIM_CHOICE)
    *r = choice_of(t, q);
  else if (is_number(q) && near)
    *r = (struct range){.name = q->name, .lo = q->min, .hi = q->max, .log = q->min > 0 && q->max / q->min >= 100,
                        .integer = integer};
  else
    *r = (struct range){.name = q->name, .lo = fmax(q->min, now / 10), .hi = fmin(q->max, now * 10), .log = true,
                        .integer = integer};
  if (r->integer && r->log)
    r->lo = fmax(1, ceil(r->lo));
  return r->hi > r->lo && (r->n_words || near || now > 0);
}

static void add_declared(struct tuning *t, const struct offsim_policy *p)
{
  for (uint32_t i = 0; i < p->n_parameters && t->n_ranges < MAX_PARAMS; i++)
    if (declared(t, &p->parameter[i], &t->range[t->n_ranges]))
      t->n_ranges++;
}

bool tune_find_ranges(struct tuning *t, bool one, struct err *err)
{
  const struct offsim_policy *p = plugin_describe(t->entry, err);
  t->n_ranges = 0;
  if (!p)
    return false;
  for (int i = 0; i < t->n_given; i++) {
    const char *equals = strchr(t->param[i], '=');
    if (!one && equals && !parameter_of(p, t->param[i], (size_t)(equals - t->param[i])))
      continue;                                         /* another policy's */
    if (!add_given(t, p, t->param[i], err))
      return false;
  }
  if (t->n_ranges == 0)
    add_declared(t, p);
  if (t->n_ranges == 0 && one && p->n_parameters)
    return err_add(err, (struct where){0}, "tune: '%s' has no parameter whose range is known: say which with"
                   " --param NAME=LO:HI (`offsim policy list`)", t->entry->name);
  return true;
}

const char *tune_value(const struct tuning *t, const struct candidate *c, int k)
{
  const struct range *r = &t->range[k];
  if (r->n_words)
    return r->word[(int)c->value[k]];
  return arena_printf(t->arena, r->integer ? "%.0f" : "%.6g", c->value[k]);
}

bool tune_draw(const struct tuning *t, struct candidate *all, size_t n, struct err *err)
{
  double *u = grab(n * (size_t)t->n_ranges, sizeof *u);
  bool ok = design_sequence(DESIGN_SOBOL, n, t->n_ranges, u, err);
  for (size_t i = 0; i < n; i++) {
    all[i].as_is = i == 0;
    all[i].x = arena_array(t->arena, double, MAX_RUNS);
    for (int k = 0; k < t->n_ranges; k++) {
      const struct range *r = &t->range[k];
      double x = u[i * (size_t)t->n_ranges + (size_t)k], hi = r->integer ? r->hi + 1 : r->hi;
      double v = r->log ? r->lo * pow(hi / r->lo, x) : r->lo + x * (hi - r->lo);
      all[i].value[k] = r->integer ? fmin(floor(v), r->hi) : v;
    }
  }
  free(u);
  return ok;
}
