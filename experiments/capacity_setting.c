/* capacity_setting.c: the setting that is varied: is it there, what are its value, unit and steps? */
#include "experiments/capacity_request.h"
#include "scenarios/tree.h"
#include "scenarios/units.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000 };

static bool split_value(const char *text, struct capacity_value *v)
{
  char *end;
  v->number = strtod(text, &end);
  bool number = end != text && isfinite(v->number);
  while (*end == ' ')
    end++;
  snprintf(v->unit, sizeof v->unit, "%s", end);
  return number && strlen(end) < sizeof v->unit;
}

/* The text at a path of the user's own file; names may contain dots. NULL: it is not there. */
static const char *text_at(const struct node *n, const char *path)
{
  if (!*path)
    return node_is(n, NODE_TEXT) ? n->text : NULL;
  for (size_t i = 0; node_is(n, NODE_MAP) || node_is(n, NODE_LIST) ? i < n->n : false; i++) {
    const char *name = node_is(n, NODE_MAP) ? n->child[i]->key : node_name(n->child[i]);
    size_t length = name ? strlen(name) : 0;
    if (!name || strncmp(path, name, length) || (path[length] && path[length] != '.'))
      continue;
    const char *found = text_at(n->child[i], path + length + (path[length] == '.'));
    if (found)
      return found;
  }
  return NULL;
}

static const json *named(const json *list, const char *path, size_t *length)
{
  for (size_t i = 0; i < json_count(list); i++) {
    const char *key = json_key(list, i);
    const json *value = key ? json_at(list, key) : json_nth(list, i);
    const char *name = key ? key : json_text(json_at(value, "name"));
    *length = name ? strlen(name) : 0;
    if (name && !strncmp(path, name, *length) && (!path[*length] || path[*length] == '.'))
      return value;
  }
  return NULL;
}

/* The default, or what a preset says; without a unit. */
static const char *filled_in_text(const struct capacity_request *r, struct err *err)
{
  struct err unsaid;
  struct scenario *s = scenario_load(r->file, r->set, r->n_sets, err);
  if (!s)
    return NULL;
  err_init(&unsaid);
  const json *at = s->resolved;
  size_t length;
  for (const char *p = r->vary; at && *p; p += length + (p[length] == '.'))
    if (!(at = named(at, p, &length)))
      break;
  double value = json_real(at, NAN);
  scenario_free(s);
  if (isfinite(value)) {                                /* a number of seconds or bytes is refused: it needs a unit */
    r->set[r->n_sets] = (struct override){r->vary, arena_printf(r->arena, "%.9g", value)};
    s = scenario_load(r->file, r->set, r->n_sets + 1, &unsaid);
    value = s ? value : NAN;
    scenario_free(s);
  }
  err_release(&unsaid);
  return isfinite(value) ? r->set[r->n_sets].value : NULL;
}

/* Is there such a setting? A value that does not fit is no matter here. */
static bool check_path(const struct capacity_request *r, struct err *err)
{
  struct err own;
  err_init(&own);
  r->set[r->n_sets] = (struct override){r->vary, "1"};
  scenario_free(scenario_load(r->file, r->set, r->n_sets + 1, &own));
  for (size_t i = 0; i < own.n && !err_any(err); i++)
    if (!strncmp(own.problems[i].message, "unknown path", 12))
      capacity_mistake(err, "--vary: %s", own.problems[i].message, NULL);
  err_release(&own);
  return !err_any(err);
}

static const char *current_text(const struct capacity_request *r, struct err *err)
{
  for (size_t i = r->n_sets; i-- > 0;)
    if (!strcmp(r->set[i].path, r->vary))
      return r->set[i].value;
  const struct node *root = yaml_read(r->arena, r->file, NULL, NULL, err);
  const char *text = root ? text_at(root, r->vary) : NULL;
  return text || !root ? text : filled_in_text(r, err);
}

bool capacity_read_range(struct capacity_request *r, struct err *err)
{
  if (r->from_text) {
    if (!split_value(r->from_text, &r->from) || !split_value(r->to_text, &r->to))
      return capacity_mistake(err, "--from '%s' --to '%s': a number is needed, with the unit of the setting",
                              r->from_text, r->to_text);
    if (strcmp(r->from.unit, r->to.unit))
      return capacity_mistake(err, "--from '%s' --to '%s': write both in one unit", r->from_text, r->to_text);
    return r->from.number < r->to.number
           || capacity_mistake(err, "--from '%s' --to '%s': the first must be the smaller", r->from_text, r->to_text);
  }
  if (!check_path(r, err))
    return false;
  const char *text = current_text(r, err);
  if (err_any(err))
    return false;
  if (!text)
    return capacity_mistake(err, "the file has no number at '%s' (it may come from a preset, in its own unit);"
                            " give --from and --to", r->vary, NULL);
  if (!number_unit(text) || !split_value(text, &r->from) || r->from.number <= 0)
    return capacity_mistake(err, "'%s' is '%s': to look around it needs a number above 0; give --from and --to",
                            r->vary, text);
  r->to = r->from;
  return true;
}

char *capacity_value_text(const struct capacity_request *r, double x)
{
  char digits[64];
  snprintf(digits, sizeof digits, "%.*f", r->decimals > 0 ? r->decimals : 0, x);
  if (strchr(digits, '.')) {
    digits[strspn(digits, "-0123456789.")] = 0;
    for (size_t n = strlen(digits); n && digits[n - 1] == '0'; n--)
      digits[n - 1] = 0;
    if (digits[strlen(digits) - 1] == '.')
      digits[strlen(digits) - 1] = 0;
  }
  return arena_printf(r->arena, "%s%s%s", digits, *r->from.unit ? " " : "", r->from.unit);
}

static struct scenario *load_at(const struct capacity_request *r, double x, struct err *err)
{
  r->set[r->n_sets] = (struct override){r->vary, capacity_value_text(r, x)};
  return scenario_load(r->file, r->set, r->n_sets + 1, err);
}

/* A power of ten with 1000 to 10^4 steps to the largest number; 1 where the setting takes whole numbers only. */
bool capacity_choose_step(struct capacity_request *r, struct err *err)
{
  double largest = fmax(fabs(r->from.number), fabs(r->to.number)), from = r->from.number;
  int power = (int)floor(log10(largest / STEPS) + 1e-9);
  double finest = r->from_text ? fmin(largest, (r->to.number - from) / 100) : largest;
  while (power > -9 && pow(10, power) > finest)
    power--;
  r->decimals = 9;
  r->scenario = load_at(r, from, err);
  if (!r->scenario)
    return false;
  if (floor(from) == from && floor(r->to.number) == r->to.number && !*r->from.unit) {
    struct err unsaid;
    err_init(&unsaid);
    struct scenario *between = load_at(r, from + 0.5, &unsaid);
    r->whole = !between;
    scenario_free(between);
    err_release(&unsaid);
  }
  r->decimals = r->whole || power > 0 ? 0 : -power;
  r->step = r->whole ? 1 : pow(10, power);
  return true;
}
