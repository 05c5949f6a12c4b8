#include "experiments/tune.h"
#include "experiments/version.h"
#include "sim/json.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the entry as YAML ------------------------------------------------------------------------------------------- */

static const char *unit_of(const char *key)
{
  static const char *const unit[][2] = {{"decision_time", "s"}, {"tick", "s"}, {"joint", "s"},
    {"usd_per_request", "USD"}, {"joules_per_request", "J"}};
  for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
    if (!strcmp(key, unit[i][0]))
      return unit[i][1];
  return NULL;
}

/* What the schema says anyway. */
static bool is_default(const char *key, const char *text)
{
  static const char *const plain[][2] = {{"scope", "\"global\""}, {"decision_time", "0.0"}, {"tick", "0.0"},
    {"joint", "0.0"}, {"joint_max", "1000"}, {"frozen", "false"}};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    if (!strcmp(key, plain[i][0]) && !strcmp(text, plain[i][1]))
      return true;
  return false;
}

static bool is_plain(const char *text)
{
  bool letters = isalpha((unsigned char)*text) || *text == '.';
  for (const char *c = text; *c; c++)
    letters = letters && (isalnum((unsigned char)*c) || strchr("_./-", *c));
  return letters && strcmp(text, "true") != 0 && strcmp(text, "false") != 0 && strcmp(text, "null") != 0;
}

static void put_value(struct text *out, const char *key, const json *value);

static void put_map(struct text *out, const json *map)
{
  text_put(out, "{");
  for (size_t i = 0; i < json_count(map); i++) {
    text_add(out, "%s%s: ", i ? ", " : "", json_key(map, i));
    put_value(out, json_key(map, i), json_at(map, json_key(map, i)));
  }
  text_put(out, "}");
}

/* Flow YAML: JSON with plain words bare, and with the units that the schema asks for. */
static void put_value(struct text *out, const char *key, const json *value)
{
  const char *word = json_text(value);
  if (json_is_map(value)) {
    put_map(out, value);
  } else if (json_is_list(value)) {
    for (size_t i = 0; i < json_count(value); i++) {
      text_put(out, i ? ", " : "[");
      put_value(out, key, json_nth(value, i));
    }
    text_put(out, json_count(value) ? "]" : "[]");
  } else if (word && is_plain(word)) {
    text_put(out, word);
  } else {
    char *text = json_write(value, false);
    text_add(out, "%s%s%s", text, unit_of(key) && !word ? " " : "", unit_of(key) && !word ? unit_of(key) : "");
    free(text);
  }
}

static bool is_tuned(const struct tuning *t, const struct candidate *best, const char *name)
{
  for (int k = 0; k < t->n_ranges && !best->as_is; k++)
    if (!strcmp(t->range[k].name, name))
      return true;
  return false;
}

/* The whole entry, with where it lives and what wraps it. */
static char *entry_text(const struct tuning *t, const struct candidate *best)
{
  const json *entry = t->scenario->policy_json[t->index];
  struct text out = {0};
  text_add(&out, "{policy: %s, name: %s-tuned", t->entry->policy, t->entry->name);
  for (size_t i = 0; json_is_map(entry) && i < json_count(entry); i++) {
    const char *key = json_key(entry, i);
    const json *value = json_at(entry, key);
    char *text = json_write(value, false);
    bool skip = !strcmp(key, "policy") || !strcmp(key, "name") || is_default(key, text) || is_tuned(t, best, key)
                || !strcmp(text, "null") || !strcmp(text, "[]");
    free(text);
    if (skip)
      continue;
    text_add(&out, ", %s: ", key);
    put_value(&out, key, value);
  }
  for (int k = 0; k < t->n_ranges && !best->as_is; k++)
    text_add(&out, ", %s: %s", t->range[k].name, tune_value(t, best, k));
  text_put(&out, "}");
  return out.s;
}

/* ---- table ------------------------------------------------------------------------------------------------------- */

void tune_table_begin(struct tuning *t)
{
  const char *const head[] = {"policy", "parameters", "runs", "search", "test", "values"};
  t->table = table_new(6);
  t->told = json_new_array();
  for (int i = 0; i < 6; i++)
    table_cell(t->table, "%s", head[i]);
  table_rule(t->table);
}

static struct interval paired(const struct tune_found *f)
{
  return interval_paired_t(f->tested[1].x, f->tested[0].x, f->tested[0].n, 0.95);
}

static void table_row(struct tuning *t, const char *name, const struct candidate *c, double search, uint64_t spent)
{
  struct text values = {0};
  for (int k = 0; k < t->n_ranges && !c->as_is; k++)
    text_add(&values, "%s%s %s", k ? ", " : "", t->range[k].name, tune_value(t, c, k));
  table_cell(t->table, "%s", t->entry->name);
  table_cell(t->table, "%s", name);
  table_cell(t->table, "%llu", (unsigned long long)spent);
  table_cell(t->table, "%s", number_text(search).s);
  table_cell(t->table, "%s", interval_text(interval_t(c->x, c->n, 0.95), " +- ").s);
  table_cell(t->table, "%s", values.s ? values.s : t->n_ranges ? "as in the file" : "nothing to tune");
  free(values.s);
}

static void add_rows(struct tuning *t, const struct tune_found *f)
{
  table_row(t, "default", &f->tested[0], f->search[0], 0);
  if (t->n_ranges == 0)
    return;
  table_row(t, "tuned", &f->tested[1], f->search[1], f->spent);
  table_cell(t->table, "%s", t->entry->name);
  table_cell(t->table, "tuned - default");
  for (int i = 0; i < 2; i++)
    table_cell(t->table, "%s", "");
  table_cell(t->table, "%s", interval_text(paired(f), " +- ").s);
  table_cell(t->table, "%s", f->tested[1].as_is ? "the search found nothing better" : "");
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json *interval_json(struct interval i)
{
  json *j = json_put_number(json_new_object(), "mean", i.value);
  return json_put_number(json_put_number(j, "lo_95", i.lo), "hi_95", i.hi);
}

static json *side_json(const struct tuning *t, const struct candidate *c, double search)
{
  json *j = json_put_number(json_new_object(), "search", search), *values = json_new_object();
  json_put(j, "test", interval_json(interval_t(c->x, c->n, 0.95)));
  for (int k = 0; k < t->n_ranges && !c->as_is; k++)
    if (t->range[k].n_words)
      json_put_string(values, t->range[k].name, tune_value(t, c, k));
    else
      json_put_number(values, t->range[k].name, strtod(tune_value(t, c, k), NULL));
  return json_put(j, "values", values);
}

static json *ranges_json(const struct tuning *t)
{
  json *all = json_new_object();
  for (int k = 0; k < t->n_ranges; k++) {
    const struct range *r = &t->range[k];
    json *list = json_new_array();
    for (int i = 0; i < r->n_words; i++)
      json_push(list, json_string_value_new(r->word[i]));
    if (!r->n_words)
      json_push(json_push(list, json_number_value(r->lo)), json_number_value(r->hi));
    json_put(all, r->name, list);
  }
  return all;
}

static void add_json(struct tuning *t, const struct tune_found *f, const char *entry)
{
  json *j = json_put_string(json_new_object(), "policy", t->entry->name);
  json_put_int(j, "runs", (int64_t)f->spent);
  json_put_int(j, "refused", (int64_t)t->refused);
  json_put_int(json_put_int(j, "test_from", (int64_t)f->test.from), "test_to", (int64_t)f->test.to);
  json_put(j, "ranges", ranges_json(t));
  json_put(j, "default", side_json(t, &f->tested[0], f->search[0]));
  if (t->n_ranges) {
    json_put(j, "tuned", side_json(t, &f->tested[1], f->search[1]));
    json_put(j, "difference", interval_json(paired(f)));
  }
  json_push(t->told, json_put_string(j, "entry", entry));
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

void tune_tell(struct tuning *t, const struct tune_found *f)
{
  char *entry = entry_text(t, &f->tested[1]);
  add_rows(t, f);
  add_json(t, f, entry);
  text_add(&t->yaml, "  - %s\n", entry);
  free(entry);
}

static void print_json(struct tuning *t)
{
  json *j = json_put_string(json_new_object(), "offsim", version_text());
  json_put_string(json_put_string(j, "scenario", t->scenario->name), "metric", t->info->name);
  json_put_string(j, "better", t->info->better < 0 ? "smaller" : "larger");
  json_put_int(j, "budget", (int64_t)t->budget);
  if (t->split > 0)
    json_put_number(j, "split", t->split);
  json_put(j, "policies", t->told);
  char *text = json_write(j, true);
  puts(text);
  free(text);
  json_release(j);
}

bool tune_print(struct tuning *t, struct err *err)
{
  struct text file = {0};
  text_add(&file, "policies:\n%s", t->yaml.s ? t->yaml.s : "");
  if (t->json) {
    print_json(t);
  } else {
    printf("%s, %s is better; budget %llu runs a policy\n\n", t->info->name, t->info->better < 0 ? "smaller" : "larger",
           (unsigned long long)t->budget);
    table_print(t->table, stdout, 2);
    printf("\n%s", file.s);
  }
  bool ok = !t->out || text_save(&file, t->out, err);
  free(file.s);
  return ok;
}
