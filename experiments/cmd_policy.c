/* cmd_policy.c: `offsim policy list [NAME | PATH]... [--format text|json]`: the policies that a scenario can name. */
#include "experiments/commands.h"
#include "experiments/plugin_try.h"
#include "experiments/policy_print.h"
#include "models/policy_host.h"
#include "models/world.h"
#include "sim/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_name[] = {"number", "integer", "choice", "text", "feature", "features"};

static const char *kind_of(const struct offsim_policy *p)
{
  if (world_bounds(&(struct policy_def){.policy = p->name})) return "bound";
  return p->capabilities & OFFSIM_NEEDS_ORACLE ? "reference" : "policy";
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static void print_default(const struct offsim_parameter *p)
{
  if (p->required) printf("required");
  else if (p->text) printf("default %s", *p->text ? p->text : "none");
  else if (isnan(p->number)) printf("no default");
  else printf("default %g", p->number);
}

/* A bound of 1e300 stands for none. */
static void print_range(const struct offsim_parameter *p)
{
  bool low = p->min > -1e300, high = p->max < 1e300;
  if (p->choices || p->type > OFFSIM_INTEGER) return;
  if (low && high) printf(", %g .. %g", p->min, p->max);
  else if (low) printf(", >= %g", p->min);
  else if (high) printf(", <= %g", p->max);
}

void policy_print(const struct offsim_policy *p)
{
  printf("%-15s %s\n", p->name, p->description);
  for (uint32_t i = 0; i < p->n_parameters; i++) {
    const struct offsim_parameter *q = &p->parameter[i];
    printf("  %-18s %s (%s%s%s", q->name, q->help ? q->help : "", q->choices ? q->choices : type_name[q->type],
           q->unit && *q->unit ? ", " : "", q->unit ? q->unit : "");
    print_range(q);
    printf("; ");
    print_default(q);
    printf(")\n");
  }
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json *parameter_json(const struct offsim_parameter *p)
{
  json *o = json_new_object();
  json_put_string(o, "name", p->name);
  json_put_string(o, "type", type_name[p->type]);
  json_put_string(o, "unit", p->unit ? p->unit : "");
  json_put_string(o, "help", p->help);
  json_put_bool(o, "required", p->required);
  if (p->choices) json_put_string(o, "choices", p->choices);
  if (p->text) return json_put_string(o, "default", p->required ? NULL : p->text);
  json_put_number(o, "min", p->min);
  json_put_number(o, "max", p->max);
  return json_put_number(o, "default", p->required ? NAN : p->number);
}

static json *capabilities_json(uint32_t bits)
{
  static const char *const name[] = {"stochastic", "learns", "sublinear", "adapts", "needs-oracle",
                                     "reports-distribution", "single-instance-per-process"};
  json *list = json_new_array();
  for (unsigned i = 0; i < sizeof name / sizeof *name; i++)
    if (bits >> i & 1) json_push(list, json_string_value_new(name[i]));
  return list;
}

static json *policy_json(const struct offsim_policy *p)
{
  json *o = json_new_object(), *features = json_new_array(), *parameters = json_new_array();
  json_put_string(o, "name", p->name);
  json_put_string(o, "kind", kind_of(p));
  json_put_string(o, "description", p->description);
  json_put_string(o, "citation", p->citation);
  json_put(o, "capabilities", capabilities_json(p->capabilities));
  for (uint32_t i = 0; i < p->n_features; i++) {
    json *f = json_put_string(json_new_object(), "name", p->feature[i].name);
    json_put_string(f, "unit", p->feature[i].unit);
    json_push(features, json_put_bool(f, "required", p->feature[i].required));
  }
  for (uint32_t i = 0; i < p->n_parameters; i++) json_push(parameters, parameter_json(&p->parameter[i]));
  json_put(o, "features", features);
  return json_put(o, "parameters", parameters);
}

static void print_json(const struct offsim_policy *const *policy, size_t n)
{
  char abi[32];
  snprintf(abi, sizeof abi, "%u.%u", OFFSIM_ABI_MAJOR, OFFSIM_ABI_MINOR);
  json *all = json_put_string(json_new_object(), "abi", abi), *list = json_new_array();
  for (size_t i = 0; i < n; i++) json_push(list, policy_json(policy[i]));
  json_put(all, "policies", list);
  char *text = json_write(all, true);
  puts(text);
  free(text);
  json_release(all);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int usage(const char *what, const char *word)
{
  fprintf(stderr, "offsim policy: error: %s%s%s\nusage: offsim policy list [NAME | PATH]... [--format text|json]\n",
          what, word ? " " : "", word ? word : "");
  return EXIT_USER;
}

/* Named ones, or every built-in. */
static size_t collect(char **wanted, size_t n_wanted, const struct offsim_policy **out, struct err *err)
{
  const char *const *names;
  size_t n_names = policy_builtin_names(&names), n = 0;
  for (size_t i = 0; i < n_wanted; i++)
    if ((out[n] = plugin_describe(&(struct policy_def){.name = wanted[i], .policy = wanted[i]}, err))) n++;
  for (size_t i = 0; n_wanted == 0 && i < n_names; i++) out[n++] = policy_builtin(names[i]);
  return n;
}

static int list(char **wanted, size_t n_wanted, bool as_json)
{
  const char *const *names;
  const struct offsim_policy **policy = calloc(n_wanted + policy_builtin_names(&names), sizeof *policy);
  struct err err;
  err_init(&err);
  int code = EXIT_SYSTEM;
  if (!policy) goto out;
  size_t n = collect(wanted, n_wanted, policy, &err);
  code = err_any(&err) ? (int)err.code : EXIT_OK;
  err_say(&err);
  if (code != EXIT_OK) goto out;
  if (as_json) print_json(policy, n);
  for (size_t i = 0; i < n && !as_json; i++) policy_print(policy[i]);
out:
  free(policy);
  err_release(&err);
  return code;
}

int cmd_policy(int argc, char **argv)
{
  if (argc < 2 || strcmp(argv[1], "--help") == 0) {
    printf("usage: offsim policy list [NAME | PATH]... [--format text|json]\n"
           "       offsim policy new NAME --lang c|python [-o FILE]\n"
           "       offsim policy build FILE.c [-o FILE.so]\n"
           "       offsim policy check [NAME | PATH | python:FILE]... (--help tells more)\n");
    return argc < 2 ? EXIT_USER : EXIT_OK;
  }
  if (strcmp(argv[1], "check") == 0) return cmd_policy_check(argc - 1, argv + 1);
  if (strcmp(argv[1], "new") == 0) return cmd_policy_new(argc - 1, argv + 1);
  if (strcmp(argv[1], "build") == 0) return cmd_policy_build(argc - 1, argv + 1);
  if (strcmp(argv[1], "list") != 0) return usage("unknown word", argv[1]);
  bool as_json = false;
  int n = 2;
  for (int i = 2; i < argc; i++) {
    const char *format = strncmp(argv[i], "--format=", 9) == 0 ? argv[i] + 9 : NULL;
    if (strcmp(argv[i], "--format") == 0) format = ++i < argc ? argv[i] : "";
    if (!format && argv[i][0] == '-') return usage("unknown option", argv[i]);
    if (!format) argv[n++] = argv[i];
    else if (strcmp(format, "json") == 0 || strcmp(format, "text") == 0) as_json = *format == 'j';
    else return usage("--format takes text or json, not", *format ? format : "nothing");
  }
  return list(argv + 2, (size_t)(n - 2), as_json);
}
