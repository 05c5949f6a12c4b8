/* schema_write.c: docs/scenario.md and the JSON Schema, written from the table. */
#include "scenarios/schema.h"

#include "sim/dist.h"
#include "sim/json.h"
#include <math.h>
#include <string.h>

/* ---- one key in words ------------------------------------------------------------------------------------------ */

static void print_choices(const char *choices, FILE *out)
{
  for (const char *p = choices; *p; p++)
    if (*p == '|')
      fputs(", ", out);
    else
      fputc(*p, out);
}

static void print_scalar(const struct key *key, FILE *out)
{
  static const char *const plain[] = {[V_COUNT] = "whole number",
                                      [V_FLAG] = "true or false",
                                      [V_TEXT] = "text",
                                      [V_ID] = "name",
                                      [V_REFERENCE] = "name"};
  const struct quantity_info *q = &quantities[key->quantity];
  switch (key->value) {
  case V_NONE: break;
  case V_NUMBER:
    fprintf(out, "%s%s%s%s", q->name, *q->examples && key->quantity ? " (" : "", key->quantity ? q->examples : "",
            *q->examples && key->quantity ? ")" : "");
    break;
  case V_DIST: fprintf(out, "distribution of %s", q->name); break;
  case V_EXPR: fprintf(out, "expression: %s", q->name); break;
  case V_CHOICE: print_choices(key->choices, out); return;
  default: fputs(plain[key->value], out); break;
  }
  if (key->choices && key->value != V_NONE) {
    fputs(", or ", out);
    print_choices(key->choices, out);
  }
}

void key_print_type(const struct key *key, FILE *out)
{
  static const char *const shapes[] = {"", "list of ", "list of named ", "map: NAME: "};
  fputs(shapes[key->shape], out);
  if (key->flags & OR_ONE)
    fputs("(or one) ", out);
  print_scalar(key, out);
  if (key->map)
    fprintf(out, "%smap `%s`", key->value == V_NONE ? "" : " or ", key->map);
  if (key->value == V_NONE && !key->map)
    fputs("map", out);
}

void key_print_range(const struct key *key, FILE *out)
{
  const char *unit = quantities[key->quantity].unit;
  if (key->low == 0 && key->high == 0)
    return;
  if (isinf(key->high))
    fprintf(out, "%s%g%s%s", key->flags & POSITIVE ? "> " : ">= ", key->low, *unit ? " " : "", unit);
  else
    fprintf(out, "%s%g .. %g%s%s", key->flags & POSITIVE ? "> " : "", key->low, key->high, *unit ? " " : "", unit);
}

/* ---- docs/scenario.md ------------------------------------------------------------------------------------------ */

/* A bar would end the cell. */
static void print_cell(const char *text, FILE *out)
{
  for (; *text; text++)
    if (*text == '|')
      fputs("\\|", out);
    else
      fputc(*text, out);
}

static void print_row(const struct key *key, FILE *out)
{
  fprintf(out, "| `%s`%s | ", key->name, key->flags & REQUIRED ? " *" : "");
  key_print_type(key, out);
  fputs(" | ", out);
  key_print_range(key, out);
  fputs(" | ", out);
  if (key->otherwise)
    fprintf(out, "`%s`", key->otherwise);
  fputs(" | ", out);
  if (key->flags & LATER)
    fputs("*Not yet available.* ", out);
  print_cell(key->doc, out);
  if (key->scope)
    fprintf(out, " One draw per %s.", key->scope);
  fputs(" |\n", out);
}

static void print_section(const struct section *section, FILE *out)
{
  fprintf(out, "\n## %s\n\nSection `%s`. %s\n\n| key | value | range | default | meaning |\n|---|---|---|---|---|\n",
          section->title, section->name, section->doc);
  for (size_t i = 0; i < n_keys; i++)
    if (!strcmp(keys[i].section, section->name))
      print_row(&keys[i], out);
}

static void print_distributions(FILE *out)
{
  fputs("\n## Distributions\n\nWhere a distribution is allowed, a number alone is a constant; else `{KIND: {PARAMETER: "
        "VALUE}}`, e.g. "
        "`{lognormal: {median: 18 ms, sigma: 0.3}}`.\nParameters marked ° carry the unit of the quantity. Lists: "
        "`{empirical: {values: "
        "[1 ms, 2 ms], weights: [3, 1]}}`,\n`{mixture: [{weight: 0.9, dist: D}, {weight: 0.1, dist: D}]}`, `{shifted: "
        "{by: 10 ms, dist: D}}`.\n\n"
        "| kind | parameters | meaning |\n|---|---|---|\n",
        out);
  for (size_t i = 0; i < n_dist_kinds; i++) {
    fprintf(out, "| `%s` | ", dist_kinds[i]->name);
    for (size_t k = 0; k < DIST_PARAMETERS && dist_kinds[i]->parameters[k]; k++)
      fprintf(out, "%s`%s`%s", k ? ", " : "", dist_kinds[i]->parameters[k], dist_kinds[i]->dimensioned[k] ? "°" : "");
    fputs(" | ", out);
    print_cell(dist_kinds[i]->doc ? dist_kinds[i]->doc : "", out);
    fputs(" |\n", out);
  }
}

void schema_write_markdown(FILE *out)
{
  fputs("# Scenario reference\n\nWritten by `offsim describe --markdown` from the table in `scenarios/schema.c`; do "
        "not edit (`make docs`).\n\n"
        "A scenario is one YAML file (at most 1 MiB, UTF-8, no anchors, aliases or tags). Unknown keys and numbers "
        "without their unit are\n"
        "errors; `offsim check FILE` shows all of them at once. Keys marked * are required.\n\n"
        "`--set PATH=VALUE` and study factors name keys by path: keys joined by dots, elements of lists by their name, "
        "e.g.\n"
        "`places.metro.servers`, `links.access.rate`, `classes.jobs.arrivals.poisson.rate`, "
        "`classes.jobs.pipeline.work.work.time`,\n"
        "`classes.chat.pipeline.generate.timeout.ttft`, `policies.long-to-cloud.above`. Values are YAML: `--set "
        "'links.access.rate=20 Mbit/s'`.\n"
        "`PATH=null` takes a key out, also one that a preset gives; a value set after it stands alone.\n"
        "Expressions are arithmetic (+ - * / min max) over numbers with units and attributes of the request: `4 B * "
        "output_tokens + 200 B`.\n"
        "In lists in brackets, `\"metro[*]\"` needs quotes.\n\n"
        "`include:` takes other files first; what stands in this file overrides them. Lists of maps with names are\n"
        "joined by name, other lists are replaced. Names of hardware, variants, tariffs, kernels and workloads that the\n"
        "file does not define itself are presets (`offsim presets`): files under `presets/` beside the scenario, in\n"
        "`$OFFSIM_DATA` or in the shipped folder. `{preset: NAME, KEY: VALUE}` changes some of a preset's numbers.\n"
        "Traces and included files are looked for beside the scenario, then in `$OFFSIM_DATA`, then in the shipped folder.\n",
        out);
  for (size_t i = 0; i < n_sections; i++)
    print_section(&sections[i], out);
  print_distributions(out);
}

/* ---- JSON Schema ----------------------------------------------------------------------------------------------- */

static json *typed(const char *type)
{
  return json_put_string(json_new_object(), "type", type);
}

static json *reference(const char *section)
{
  char text[80];
  snprintf(text, sizeof text, "#/$defs/%s", section);
  return json_put_string(json_new_object(), "$ref", text);
}

static json *choices_schema(const char *choices)
{
  struct arena *a = arena_new();
  const char *words[32];
  size_t n = choice_split(a, choices, words, 32);
  json *list = json_new_array();
  for (size_t i = 0; i < n; i++)
    json_push(list, json_string_value_new(words[i]));
  arena_free(a);
  return json_put(json_new_object(), "enum", list);
}

/* Forms of one text, each pushed to the list of alternatives. */
static void push_scalar(json *any, const struct key *key)
{
  switch (key->value) {
  case V_NONE: return;
  case V_COUNT: json_push(any, json_put_number(typed("integer"), "minimum", key->low)); break;
  case V_FLAG: json_push(any, typed("boolean")); break;
  case V_CHOICE: json_push(any, choices_schema(key->choices)); return;
  case V_ID: json_push(any, json_put_string(typed("string"), "pattern", "^[A-Za-z0-9._-]{1,64}$")); break;
  case V_DIST: json_push(any, reference("distribution")); /* fall through */
  case V_NUMBER: case V_EXPR:
    json_push(any, typed("string"));
    if (key->quantity == Q_PURE || key->quantity == Q_ANY || key->value == V_EXPR)
      json_push(any, typed("number"));
    break;
  default:
    json_push(any, typed("string"));
    if (key->value == V_TEXT)
      json_push(any, typed("number"));
    break;
  }
  if (key->choices)
    json_push(any, choices_schema(key->choices));
}

static json *value_schema(const struct key *key)
{
  json *any = json_new_array();
  push_scalar(any, key);
  if (key->map)
    json_push(any, reference(key->map));
  if (!json_count(any)) {
    json_release(any);
    return json_new_object();
  }
  return json_put(json_new_object(), "anyOf", any);
}

static json *key_schema(const struct key *key)
{
  json *one = value_schema(key), *out;
  if (key->flags & ANYTHING) {
    json_release(one);
    out = json_new_object();
  } else if (key->shape == NAMED_MAP) {
    out = json_put(typed("object"), "additionalProperties", one);
  } else if (key->shape == ONE) {
    out = one;
  } else {
    json *list = json_put(typed("array"), "items", one);
    out = list;
    if (key->flags & OR_ONE)
      out = json_put(json_new_object(), "anyOf", json_push(json_push(json_new_array(), list), value_schema(key)));
  }
  json_put_string(out, "description", key->doc);
  return key->otherwise ? json_put_string(out, "default", key->otherwise) : out;
}

static json *section_schema(const struct section *section)
{
  json *out = typed("object"), *properties = json_new_object(), *required = json_new_array();
  for (size_t i = 0; i < n_keys; i++) {
    if (strcmp(keys[i].section, section->name) || keys[i].flags & LATER)
      continue;
    json_put(properties, keys[i].name, key_schema(&keys[i]));
    if (keys[i].flags & REQUIRED)
      json_push(required, json_string_value_new(keys[i].name));
  }
  json_put_string(out, "description", section->doc);
  json_put(out, "properties", properties);
  json_put_bool(out, "additionalProperties", section->open);
  if (json_count(required))
    json_put(out, "required", required);
  else
    json_release(required);
  return out;
}

static json *distribution_schema(void)
{
  json *properties = json_new_object(), *out = typed("object");
  for (size_t i = 0; i < n_dist_kinds; i++)
    json_put(properties, dist_kinds[i]->name,
             json_put_string(json_new_object(), "description", dist_kinds[i]->doc ? dist_kinds[i]->doc : ""));
  json_put(out, "properties", properties);
  json_put_bool(out, "additionalProperties", false);
  return json_put_int(json_put_int(out, "minProperties", 1), "maxProperties", 1);
}

json *schema_json(void)
{
  json *out = json_put_string(json_new_object(), "$schema", "https://json-schema.org/draft/2020-12/schema"),
       *defs = json_new_object();
  json_put_string(out, "title", "offsim scenario");
  json_put_string(out, "$ref", "#/$defs/scenario");
  for (size_t i = 0; i < n_sections; i++)
    json_put(defs, sections[i].name, section_schema(&sections[i]));
  json_put(defs, "distribution", distribution_schema());
  return json_put(out, "$defs", defs);
}
