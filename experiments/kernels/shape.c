/* shape.c: shapes of kernels. */
#include "experiments/kernels/shape.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 10000 };                                 /* before a range is taken for empty */

static int parameter_find(const struct kernel *k, const char *name, size_t length)
{
  for (int i = 0; i < k->n_parameters; i++)
    if (strlen(k->parameter[i].name) == length && strncmp(k->parameter[i].name, name, length) == 0)
      return i;
  return -1;
}

static bool parse_one(const struct kernel *k, const char *text, size_t length, double *p, char *why)
{
  const char *equals = memchr(text, '=', length);
  size_t name = equals ? (size_t)(equals - text) : length;
  int i = parameter_find(k, text, name);
  if (i < 0 || !equals) {
    snprintf(why, KERNEL_WHY, "%s: '%.*s' is not NAME=VALUE of one of its parameters", k->name, (int)length, text);
    return false;
  }
  char *end;
  double x = strtod(equals + 1, &end);
  if (end != text + length || end == equals + 1 || !isfinite(x) || x < 0) {
    snprintf(why, KERNEL_WHY, "%s: '%.*s': a number, 0 or more", k->name, (int)length, text);
    return false;
  }
  if (!isnan(p[i])) {
    snprintf(why, KERNEL_WHY, "%s: %s is given twice", k->name, k->parameter[i].name);
    return false;
  }
  p[i] = x;
  return true;
}

bool shape_parse(const struct kernel *k, const char *text, double *p, char *why)
{
  for (int i = 0; i < KERNEL_PARAMETERS; i++)
    p[i] = i < k->n_parameters ? NAN : 0;
  for (const char *at = text; *at;) {
    size_t length = strcspn(at, ",");
    if (!parse_one(k, at, length, p, why))
      return false;
    at += length + (at[length] == ',');
  }
  for (int i = 0; i < k->n_parameters; i++)
    if (isnan(p[i])) {
      snprintf(why, KERNEL_WHY, "%s: parameter %s is missing", k->name, k->parameter[i].name);
      return false;
    }
  if (!(k->units(p) > 0)) {
    snprintf(why, KERNEL_WHY, "%s: this shape has no work", k->name);
    return false;
  }
  return true;
}

static double draw(const struct kernel_parameter *r, uint64_t *random)
{
  double low = fmax(r->low, 1e-9), high = fmax(r->high, low), multiple = r->multiple > 0 ? r->multiple : 1;
  double u = (double)(kernel_random(random) >> 11) * 0x1p-53;
  if (r->low <= 0)                                      /* a switch, 0 or 1: nothing to take a logarithm of */
    return multiple * round((r->low + u * (r->high - r->low)) / multiple);
  return fmin(fmax(multiple * round(low * pow(high / low, u) / multiple), r->low), r->high);
}

/* Is the shape where the grid has measured: between the outermost values of each axis? */
static bool spanned(const struct kernel *k, const struct kernel_grid *g, const double *p)
{
  for (int a = 0; a < k->n_axes; a++) {
    double low = INFINITY, high = 0, x = k->axis_value(p, a);
    for (int i = 0; i < g->n; i++) {
      low = fmin(low, k->axis_value(g->p[i], a));
      high = fmax(high, k->axis_value(g->p[i], a));
    }
    if (x < low || x > high)
      return false;
  }
  return true;
}

bool shape_draw(const struct kernel *k, const struct kernel_grid *g, uint64_t *random, double *p)
{
  for (int t = 0; t < DRAWS; t++) {
    for (int i = 0; i < KERNEL_PARAMETERS; i++)
      p[i] = i < k->n_parameters ? draw(&k->parameter[i], random) : 0;
    if ((!k->allowed || k->allowed(p)) && spanned(k, g, p))
      return true;
  }
  return false;
}

void shape_out(struct out *o, const char *key, const struct kernel *k, const double *p)
{
  out_open(o, key, '{');
  for (int i = 0; i < k->n_parameters; i++)
    out_number(o, k->parameter[i].name, p[i]);
  out_close(o, '}');
}

void shape_work_out(struct out *o, const struct kernel *k, const double *p)
{
  out_number(o, "units", k->units(p));
  out_open(o, "axes", '[');
  for (int i = 0; i < k->n_axes; i++)
    out_number(o, NULL, k->axis_value(p, i));
  out_close(o, ']');
  out_number(o, "flop", k->flop ? k->flop(p) : NAN);
  out_number(o, "bytes", k->bytes ? k->bytes(p) : NAN);
}
