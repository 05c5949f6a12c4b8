#include "experiments/point.h"
#include "experiments/identity.h"
#include "scenarios/units.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *get(struct catalog *c, uint64_t point, const char *key)
{
  char name[160];
  snprintf(name, sizeof name, "point.%llu.%s", (unsigned long long)point, key);
  return catalog_provenance(c, name);
}

bool point_put(struct catalog *c, uint64_t point, const char *key, const char *value, struct err *err)
{
  char name[160];
  snprintf(name, sizeof name, "point.%llu.%s", (unsigned long long)point, key);
  return catalog_put_provenance(c, name, value, err);
}

bool point_check_folder(const struct scenario *s, struct catalog *c, const char *dir, struct err *err)
{
  const char *resolved = catalog_study_json(c);
  struct err unsaid;
  err_init(&unsaid);
  json *before = resolved ? json_parse(resolved, strlen(resolved), &unsaid) : NULL;
  err_release(&unsaid);
  const char *name = json_text(json_at(before, "name"));
  if (name && strcmp(name, s->name) != 0)
    err_add(err, (struct where){.file = s->path}, "%s holds runs of the scenario '%s', and this one is '%s'; take"
            " another folder (-o DIR), or the same name to have both there as points", dir, name, s->name);
  json_release(before);
  return !err_any(err);
}

/* ---- factors ----------------------------------------------------------------------------------------------------- */

/* Keys that are no part of a run's identity (seed, replications, output ...) set no world apart. */
static bool is_factor(const struct scenario *s, const char *path)
{
  char root[64];
  snprintf(root, sizeof root, "%.*s", (int)strcspn(path, ".["), path);
  bool known = json_at(s->resolved, root) != NULL;
  return strcmp(root, "policies") != 0 && (!known || json_at(s->identity, root) != NULL);
}

/* The number of text in another unit of the same dimension, to twelve digits: 1 Gbit/s is 1000 Mbit/s. */
static bool in_unit(const char *text, const char *unit, double *x)
{
  char one[UNITS_WHY], why[UNITS_WHY], digits[40];
  double value, factor;
  snprintf(one, sizeof one, "1 %s", unit);
  for (int q = 0; q < Q_ANY; q++)
    if (number_parse(text, (enum quantity)q, &value, why) && number_parse(one, (enum quantity)q, &factor, why)) {
      snprintf(digits, sizeof digits, "%.12g", value / factor);
      *x = strtod(digits, NULL);
      return true;
    }
  return false;
}

/* Numbers are in the unit that the folder's first value at this path has, so that a column holds comparable numbers. */
static json *value_of(struct catalog *c, const char *path, const char *text, struct err *err)
{
  const char *unit = number_unit(text), *first = catalog_factor_unit(c, path);
  double x = unit ? strtod(text, NULL) : 0;
  bool number = unit && (first ? strcmp(unit, first) == 0 || in_unit(text, first, &x)
                               : catalog_put_factor_unit(c, path, unit, err));
  return number ? json_number_value(x) : json_string_value_new(text);
}

static json *factors_of(const struct scenario *s, const struct run_call *call, struct catalog *c, struct err *err)
{
  json *factors = json_new_object();
  for (size_t i = 0; i < call->n_sets; i++)
    if (is_factor(s, call->set[i].path))
      json_put(factors, call->set[i].path, value_of(c, call->set[i].path, call->set[i].value, err));
  return factors;
}

static bool factors_known(struct catalog *c, const char *factors)
{
  const char *other;
  for (uint64_t k = 0; (other = catalog_point_json(c, k)); k++)
    if (strcmp(other, factors) == 0)
      return true;
  return false;
}

/* `warmup: auto` may be settled otherwise for other policies. */
static void add_warmup(const struct scenario *s, struct catalog *c, json *factors)
{
  const char *text = get(c, 0, "resolved");
  struct err unsaid;
  err_init(&unsaid);
  json *first = text ? json_parse(text, strlen(text), &unsaid) : NULL;
  double before = json_real(json_at(json_at(first, "horizon"), "warmup"), -1);
  double now = json_real(json_at(json_at(s->resolved, "horizon"), "warmup"), -1);
  if (now >= 0 && now != before && !json_at(factors, "horizon.warmup"))
    json_put_number(factors, "horizon.warmup", now);
  json_release(first);
  err_release(&unsaid);
}

/* Beyond the first point: a file that was edited since, or that names files with other bytes, is a factor too. */
static char *factors_text(const struct scenario *s, json *factors, struct catalog *c, uint64_t point, const char *file,
                          const char *world)
{
  const char *first = get(c, 0, "file");
  char eight[9];
  if (point > 0 && first && strcmp(first, file) != 0) {
    snprintf(eight, sizeof eight, "%.8s", file);
    json_put_string(factors, "scenario", eight);
  }
  char *text = json_write_canonical(factors);
  for (int step = 0; step < 2 && factors_known(c, text); step++) {      /* what was asked for is not all the difference */
    free(text);
    snprintf(eight, sizeof eight, "%.8s", world);
    if (step == 0)
      add_warmup(s, c, factors);
    else
      json_put_string(factors, "scenario", eight);
    text = json_write_canonical(factors);
  }
  return text;
}

/* ---- which point ------------------------------------------------------------------------------------------------- */

bool point_settle(const struct scenario *s, const struct run_call *call, struct catalog *c, uint64_t *point,
                  struct err *err)
{
  char world[33], file[33];
  const char *known = NULL;
  hash_hex(identity_base(s, -1), world);
  for (*point = 0; catalog_point_json(c, *point); ++*point)
    if ((known = get(c, *point, "world")) && strcmp(known, world) == 0)
      return true;
  struct hash bytes = {0};
  if (!hash_file(s->path, &bytes))
    return err_system(err, "cannot read %s again: %s", s->path, strerror(errno));
  hash_hex(bytes, file);
  json *factors = factors_of(s, call, c, err);
  char *text = factors_text(s, factors, c, *point, file, world);
  bool ok = !err_any(err) && catalog_put_point(c, *point, text, err) && point_put(c, *point, "world", world, err)
            && point_put(c, *point, "file", file, err);
  free(text);
  json_release(factors);
  return ok;
}
