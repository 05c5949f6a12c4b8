/* profile_show.c: `offsim profile show PROFILE`: what a profile says, as a table or JSON. */
#include "experiments/calibrate/profile_print.h"
#include "experiments/calibrate/profile_commands.h"
#include "experiments/calibrate/profile_find.h"
#include "experiments/calibrate/profile_tokens.h"
#include "analysis/text.h"
#include "experiments/options.h"
#include "scenarios/schema.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table ---------------------------------------------------------------------------------------------------- */

static const char *text_in(const struct node *map, const char *key)
{
  const struct node *node = node_get(map, key);
  return node_is(node, NODE_TEXT) ? node->text : NULL;
}

static void put_line(const char *what, const char *text)
{
  if (text)
    printf("%-11s %s\n", what, text);
}

/* "9.49 .. 28.5 ps/FLOP" */
static void cost_cell(struct table *t, double low, double high, const char *unit)
{
  const struct time_unit *in = time_unit_of(low);
  double most = high * in->factor;
  if (low < high)
    table_cell(t, "%.3g .. %.*f %s/%s", low * in->factor, most < 100, most, in->name, unit);
  else
    table_cell(t, "%.3g %s/%s", low * in->factor, in->name, unit);
}

static int n_costs(const struct kernel_cost *c) { return c->axis[0].n * (c->n_axes > 1 ? c->axis[1].n : 1); }

static double least_cost(const struct kernel_cost *c, int sign)
{
  double x = c->cost_s[0];
  for (int i = 1; i < n_costs(c); i++)
    x = sign * c->cost_s[i] < sign * x ? c->cost_s[i] : x;
  return x;
}

static void error_cell(struct table *t, const struct profile_kernel *k)
{
  if (isfinite(k->mape))
    table_cell(t, "%.1f, %.1f %%", 100 * k->mape, 100 * k->p90);
  else
    table_cell(t, "-");
}

static void band_cell(struct table *t, const struct kernel_cost *c)
{
  double low = 100 * (c->band_low - 1), high = 100 * (c->band_high - 1);
  int digits = high - low < 20;
  table_cell(t, "%+.*f .. %+.*f %%", digits, low, digits, high);
}

static void factor_cell(struct table *t, double x)
{
  if (isfinite(x))
    table_cell(t, x < 10 ? "%.2f" : "%.0f", x);
  else
    table_cell(t, "-");
}

static const char *axes_text(const struct kernel_cost *c, char *out, size_t size)
{
  snprintf(out, size, "%s%s%s", c->axis[0].name, c->n_axes > 1 ? ", " : "", c->n_axes > 1 ? c->axis[1].name : "");
  return out;
}

static void kernel_row(struct table *t, const struct profile_kernel *k)
{
  const struct kernel_cost *c = &k->cost;
  char axes[128];
  table_cell(t, "%s", c->kernel);
  table_cell(t, "%s", axes_text(c, axes, sizeof axes));
  table_cell(t, "%s", k->model ? k->model : "-");
  cost_cell(t, least_cost(c, 1), least_cost(c, -1), c->unit);
  table_cell(t, "%s", k->wall ? "wall" : "cpu");
  table_cell(t, "%llu", k->shapes);
  error_cell(t, k);
  band_cell(t, c);
  table_cell(t, "%.1f %%", 100 * c->sigma);
  factor_cell(t, k->cold);
  factor_cell(t, k->interference);
}

static void print_kernels(const struct profile *p)
{
  static const char *const heading[] = {"kernel", "cost over", "model", "cost", "clock", "shapes", "error, p90", "90 % band", "run",
                                        "cold", "busy"};
  struct table *t = table_new(sizeof heading / sizeof *heading);
  for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
    table_cell(t, "%s", heading[i]);
  table_rule(t);
  for (int i = 0; i < p->n_kernels; i++)
    kernel_row(t, &p->kernel[i]);
  table_print(t, stdout, 3);
}

enum { LISTED_MOST = 8, NOTES_MOST = 32 };               /* holes, gaps and falling times come eight of each at most */

static void print_list(const char *what, const struct node *list, size_t most)
{
  for (size_t i = 0; list && i < list->n && i < most; i++) {
    const struct node *one = list->child[i];
    if (one->kind == NODE_TEXT)
      printf("%-11s %s%s%s\n", i ? "" : what, one->key ? one->key : "", one->key ? ": " : "", one->text);
    else
      print_list(one->key ? one->key : "", one, NOTES_MOST);
  }
  if (list && list->n > most)
    printf("%-11s and %zu more\n", "", list->n - most);
}

/* "2026-11-22 by offsim-kernels 0.1.0, seed 1; quick: small grids", of what is said. */
static void print_measured(const struct node *m)
{
  const char *date = text_in(m, "date"), *program = text_in(m, "program"), *version = text_in(m, "version"), *seed = text_in(m, "seed");
  const char *quick = text_in(m, "quick");
  if (program)
    printf("%-11s %s by %s%s%s%s%s%s\n", "measured", date ? date : "no date,", program, version ? " " : "", version ? version : "",
           seed ? ", seed " : "", seed ? seed : "", quick && !strcmp(quick, "true") ? "; quick: small grids" : "");
  else if (!m)
    printf("%-11s no; `offsim describe preset.NAME` shows where its numbers are from\n", "measured");
}

static void print_machine(const struct profile *p)
{
  const struct node *m = p->measured;
  const char *cores = text_in(m, "cores");
  printf("%s: %s\n", p->name, p->doc ? p->doc : "");
  put_line(p->n_kernels || cores ? "cpu" : "machine", text_in(m, "cpu"));
  if (cores)
    printf("%-11s %s, %s%s%s\n", "cores", cores, text_in(m, "os") ? text_in(m, "os") : "", text_in(m, "virtual") ? ", virtual: " : "",
           text_in(m, "virtual") ? text_in(m, "virtual") : "");
  print_measured(m);
  put_line("drift", text_in(m, "drift"));
  put_line("arithmetic", text_in(p->value, "flops"));
  put_line("bandwidth", text_in(p->value, "bandwidth"));
  put_line("memory", text_in(p->value, "memory"));
  if (text_in(p->value, "last_cache"))
    printf("%-11s %.4g MB\n", "last cache", 1e-6 * get_number(p->value, "hardware", "last_cache"));
}

void profile_print_table(const struct profile *p)
{
  print_machine(p);
  if (p->n_kernels) {
    printf("\n");
    print_kernels(p);
    printf("error: of shapes that the fit has not seen, mean and 90th percentile; band: of a shape off the grid; run: scatter of single\n"
           "executions; cold, busy: factors of cold caches, and of all other cores doing the same\n");
  }
}

static void print_notes(const struct profile *p)
{
  static const char *const lists[] = {"unstable", "unavailable", "failed", "notes"};
  bool any = false;
  for (int i = 0; i < 4; i++) {
    const struct node *list = node_get(p->measured, lists[i]);
    if (list && list->n && !any)
      printf("\n");
    any |= list && list->n;
    print_list(lists[i], list, LISTED_MOST);
  }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json *numbers_json(const double *x, int n)
{
  json *list = json_new_array();
  for (int i = 0; i < n; i++)
    json_push(list, json_number_value(x[i]));
  return list;
}

static json *error_json(const struct profile_kernel *k)
{
  json *out = json_new_object();
  json_put_string(out, "method", k->method);
  return put_left_out(out, &(struct left_out){k->model, k->mape, k->p90, k->max, (unsigned long long)k->shapes});
}

static json *kernel_json(const struct profile_kernel *k)
{
  const struct kernel_cost *c = &k->cost;
  json *out = json_new_object(), *axes = json_new_object();
  json_put_int(out, "version", c->version);
  json_put_string(out, "unit", c->unit);
  json_put_string(out, "clock", k->wall ? "wall" : "cpu");
  for (int i = 0; i < c->n_axes; i++)
    json_put(axes, c->axis[i].name, numbers_json(c->axis[i].knot, c->axis[i].n));
  json_put(out, "axes", axes);
  json_put(out, "cost_s", numbers_json(c->cost_s, n_costs(c)));
  json_put_number(out, "sigma", c->sigma);
  json_put(out, "band", numbers_json((const double[]){c->band_low, c->band_high}, 2));
  json_put(out, "error", error_json(k));
  json_put_number(out, "wall_over_cpu", k->wall_over_cpu);
  json_put_number(out, "fetch_s", k->fetch_s);
  json_put_number(out, "cold", k->cold);
  json_put_number(out, "interference", k->interference);
  return out;
}

/* A part of the file as it stands, all texts. */
static json *node_json(const struct node *node)
{
  if (!node || node->kind == NODE_TEXT)
    return json_string_value_new(node ? node->text : NULL);
  json *out = node->kind == NODE_MAP ? json_new_object() : json_new_array();
  for (size_t i = 0; i < node->n; i++)
    if (node->kind == NODE_MAP)
      json_put(out, node->child[i]->key, node_json(node->child[i]));
    else
      json_push(out, node_json(node->child[i]));
  return out;
}

void profile_print_json(const struct profile *p, const struct token_service *services, int n_services)
{
  json *out = json_new_object(), *kernels = json_new_object(), *tokens = json_new_object();
  json_put_string(out, "profile", p->name);
  json_put_string(out, "file", p->path);
  json_put(out, "measured", node_json(p->measured));
  json_put_number(out, "flops", get_number(p->value, "hardware", "flops"));
  json_put_number(out, "bandwidth", get_number(p->value, "hardware", "bandwidth"));
  json_put_number(out, "memory_bytes", get_number(p->value, "hardware", "memory"));
  json_put_number(out, "last_cache_bytes", get_number(p->value, "hardware", "last_cache"));
  for (int i = 0; i < p->n_kernels; i++)
    json_put(kernels, p->kernel[i].cost.kernel, kernel_json(&p->kernel[i]));
  json_put(out, "kernels", kernels);
  for (int i = 0; i < n_services; i++)
    json_put(tokens, services[i].variant, token_service_json(&services[i]));
  json_put(out, "tokens", tokens);
  char *text = json_write(out, true);
  puts(text);
  free(text);
  json_release(out);
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static bool take(void *context, const char *option, const char *value, struct err *e)
{
  if (!value || (strcmp(value, "table") && strcmp(value, "json")))
    return err_add(e, (struct where){0}, "profile show: %s is table or json, not '%s'", option, value ? value : "");
  *(bool *)context = !strcmp(value, "json");
  return true;
}

static bool show(struct arena *a, const char *word, bool as_json, struct err *e)
{
  const struct profile *p = profile_find(a, word, e);
  struct token_service *services;
  int n = 0;
  if (!p || !token_services(a, p, &n, &services, e))
    return false;
  if (as_json) {
    profile_print_json(p, services, n);
    return true;
  }
  profile_print_table(p);
  for (int i = 0; i < n; i++)
    token_service_print(&services[i]);
  print_notes(p);
  return true;
}

static const char usage[] =
  "usage: offsim profile show PROFILE [--format table|json]\n"
  "  PROFILE          a file, or the name of shipped hardware such as vm_epyc_2core (`offsim presets`)\n"
  "  --format         table (default): one row a kernel; of each model its prompts, its step and their errors; what was\n"
  "                   unstable, unavailable or had holes. json: all numbers, in SI units\n";

int profile_show(int argc, char **argv)
{
  static const char *const known[] = {"--format"};
  const char *file = NULL;
  bool as_json = false;
  if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
    fputs(usage, stdout);
    return EXIT_OK;
  }
  struct err e;
  struct arena *a = arena_new();
  err_init(&e);
  bool good = options_read("profile show", argc, argv, known, 1, take, &as_json, &file, &e);
  if (good && !file)
    err_add(&e, (struct where){0}, "profile show: which profile? `offsim profile show FILE`, or the name of shipped hardware");
  else if (good)
    good = show(a, file, as_json, &e);
  err_say(&e);
  int code = (int)e.code;
  err_release(&e);
  arena_free(a);
  return code;
}
