/* verdict_print.c: what `offsim validate calibration` tells, as tables or JSON. */
#include "experiments/validate/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const result_name[] = {"ok", "missed", "not judged"};

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* "2.1" of .021; "-" of what is not known. */
static const char *percent(double x, char *out, size_t size)
{
  if (isnan(x)) snprintf(out, size, "-");
  else snprintf(out, size, "%.1f", 100 * x);
  return out;
}
#define PERCENT(x) percent(x, (char[16]){0}, 16)

static const char *measured_text(const struct profile *p, const char *key)
{
  const struct node *n = node_get(p->measured, key);
  return n && n->kind == NODE_TEXT ? n->text : "?";
}

static void print_profile(const char *what, const struct profile *p)
{
  const struct node *unstable = node_get(p->measured, "unstable");
  size_t n = unstable && unstable->kind != NODE_TEXT ? unstable->n : 0;
  printf("%s %s: %s, %s; quick %s, steal %s, load %s, drift %s; %zu unstable\n", what, p->name, measured_text(p, "cpu"),
         measured_text(p, "date"), measured_text(p, "quick"), measured_text(p, "steal_share"), measured_text(p, "load"),
         measured_text(p, "drift"), n);
  for (size_t i = 0; i < n; i++) {
    const struct node *child = unstable->child[i];
    printf("  unstable: %s%s%s\n", child->key ? child->key : "", child->key && child->text ? ": " : "", child->text ? child->text : "");
  }
}

static void print_kernel(const struct judged_kernel *k)
{
  const struct profile_kernel *p = k->kernel;
  printf("%-20s %-8s %-5s %-9s %6s %6s %6s  %6d %7s %6s %6s", p->cost.kernel, k->bound < 0 ? "?" : raw_bound_name[k->bound],
         p->wall ? "wall" : "cpu", p->model ? p->model : "?", PERCENT(p->mape), PERCENT(p->p90), PERCENT(p->max), k->shapes,
         PERCENT(k->shapes ? (double)k->within / k->shapes : NAN), PERCENT(k->ratio - 1), PERCENT(k->width));
  if (k->compared) printf("  %6s %6s", PERCENT(k->again), PERCENT(k->again_max));
  if (k->outside || k->unstable) printf("  (%d outside the range, %d unstable)", k->outside, k->unstable);
  putchar('\n');
}

static void print_kernels(const struct verdict *c)
{
  printf("\n%-35s %-9s %20s  %28s%s\n", "in %", "", "left out", "off the grid", c->other ? "  other profile" : "");
  printf("%-20s %-8s %-5s %-9s %6s %6s %6s  %6s %7s %6s %6s%s\n", "kernel", "bound", "clock", "model", "mean", "p90", "max", "shapes",
         "covered", "off by", "width", c->other ? "  median    max" : "");
  for (int i = 0; i < c->n; i++) print_kernel(&c->kernel[i]);
  printf("%-20s %-8s %-5s %-9s %6s %6s %6s  %6d %7s %6s %6s\n", "all", "", "", "", "", "", "", c->shapes, PERCENT(c->coverage), "",
         PERCENT(c->width));
}

static void print_decode(const struct decode_rate *d)
{
  if (!d->bandwidth) return;
  printf("\nint4 decoding on one thread: matrices read %.3g of %.3g GB/s (triad), %.2f of it", d->matrices * d->bandwidth / 1e9,
         d->bandwidth / 1e9, d->matrices);
  if (d->shapes) printf("; by %d shapes off the grid beyond the cache %.2f", d->shapes, d->measured);
  printf("\n  (of %.3g MB, largest cache %.3g MB)\n  a model of %.3g GB", d->working_set / 1e6, d->cache_bytes / 1e6, d->bytes / 1e9);
  if (d->attention) printf(" with %.3g GB of keys and values (context %d, width %d)", d->state_bytes / 1e9, d->context, d->width);
  else printf(", its attention not measured");
  printf(": %.3g tokens/s, MBU %.2f\n", d->tokens_s, d->mbu);
}

static void print_check(const struct verdict_check *k)
{
  printf("  %-10s %-44s %-18s ", result_name[k->result], k->what, k->kernel ? k->kernel : "");
  if (k->result == CHECK_OPEN) printf("%s\n", k->why);
  else if (k->low > 0) printf("%.1f %% (%.0f to %.0f %%)\n", 100 * k->value, 100 * k->low, 100 * k->high);
  else printf("%.1f %% (at most %.0f %%)\n", 100 * k->value, 100 * k->high);
}

void verdict_print(const struct verdict *c)
{
  print_profile("profile", c->profile);
  if (c->other) print_profile("other", c->other);
  print_kernels(c);
  print_decode(&c->decode);
  printf("\n");
  for (int i = 0; i < c->n_checks; i++) print_check(&c->check[i]);
  int missed = verdict_missed(c);
  printf("%d of %d bars missed\n", missed, c->n_checks);
  if (missed && !strcmp(measured_text(c->profile, "quick"), "true"))
    printf("%s is a quick calibration, whose bands are too wide for these bars (all shapes within is a miss as well); measure\n"
           "without --quick on a quiet machine (`offsim calibrate -o FILE`) before judging it by them\n", c->profile->name);
  if (c->other)
    printf("the two calibrations are compared by costs of near data; `offsim profile diff` names where fetch and cold differ\n");
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json *profile_json(const struct profile *p)
{
  json *o = json_put_string(json_put_string(json_new_object(), "name", p->name), "file", p->path);
  const struct node *unstable = node_get(p->measured, "unstable");
  json *list = json_new_array();
  for (size_t i = 0; unstable && unstable->kind != NODE_TEXT && i < unstable->n; i++) {
    const struct node *child = unstable->child[i];
    json_push(list, json_string_value_new(child->key ? child->key : child->text ? child->text : ""));
  }
  return json_put(json_put_string(o, "date", measured_text(p, "date")), "unstable", list);
}

static json *kernel_json(const struct judged_kernel *k)
{
  const struct profile_kernel *p = k->kernel;
  json *o = json_put_string(json_new_object(), "kernel", p->cost.kernel);
  json_put_string(o, "bound", k->bound < 0 ? NULL : raw_bound_name[k->bound]);
  json_put_string(json_put_string(o, "clock", p->wall ? "wall" : "cpu"), "model", p->model);
  json_put_string(o, "method", p->method);
  json_put_number(json_put_number(json_put_number(o, "mape", p->mape), "p90", p->p90), "max", p->max);
  json *off = json_put_int(json_put_int(json_new_object(), "shapes", k->shapes), "within", k->within);
  json_put_int(json_put_int(off, "outside", k->outside), "unstable", k->unstable);
  json_put_number(json_put_number(off, "median_ratio", k->ratio), "width", k->width);
  json_put(o, "off_grid", off);
  if (k->compared) {
    json *again = json_put_int(json_new_object(), "shapes", k->compared);
    json_put(o, "again", json_put_number(json_put_number(again, "median", k->again), "max", k->again_max));
  }
  return o;
}

static json *decode_json(const struct decode_rate *d)
{
  json *o = json_put_string(json_new_object(), "why", d->why);
  if (!d->bandwidth) return o;
  json_put_number(json_put_number(o, "mbu", d->mbu), "bandwidth_bytes_per_s", d->bandwidth);
  json_put_number(json_put_number(o, "model_bytes", d->bytes), "tokens_per_s", d->tokens_s);
  json_put_number(json_put_number(o, "matrices_bytes", d->working_set), "largest_cache_bytes", d->cache_bytes);
  json_put_number(json_put_number(o, "matrices", d->matrices), "state_bytes", d->state_bytes);
  json_put_int(json_put_int(o, "context", d->context), "width", d->width);
  return json_put_int(json_put_number(o, "off_grid_matrices", d->measured), "off_grid_shapes", d->shapes);
}

static json *check_json(const struct verdict_check *k)
{
  json *o = json_put_string(json_put_string(json_new_object(), "what", k->what), "kernel", k->kernel);
  json_put_number(json_put_number(json_put_number(o, "value", k->value), "low", k->low), "high", k->high);
  json_put_string(o, "result", result_name[k->result]);
  return k->result == CHECK_OPEN ? json_put_string(o, "why", k->why) : o;
}

json *verdict_json(const struct verdict *c)
{
  json *o = json_put(json_new_object(), "profile", profile_json(c->profile)), *kernels = json_new_array(), *checks = json_new_array();
  if (c->other) json_put(o, "again", profile_json(c->other));
  for (int i = 0; i < c->n; i++) json_push(kernels, kernel_json(&c->kernel[i]));
  json_put(o, "kernels", kernels);
  json *off = json_put_int(json_put_int(json_new_object(), "shapes", c->shapes), "outside", c->outside);
  json_put(o, "off_grid", json_put_number(json_put_number(off, "coverage", c->coverage), "width", c->width));
  json_put(o, "int4_decode", decode_json(&c->decode));
  for (int i = 0; i < c->n_checks; i++) json_push(checks, check_json(&c->check[i]));
  return json_put_int(json_put(o, "checks", checks), "missed", verdict_missed(c));
}
