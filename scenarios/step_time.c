/* step_time.c: step times of LLM engines: a preset's name, or one of the forms of models/steptime.h. */
#include "scenarios/build.h"
#include "scenarios/presets.h"

#include "models/llm_model.h"
#include "models/steptime.h"

#include <math.h>
#include <string.h>

/* ---- parts -------------------------------------------------------------------------------------------------------- */

/* What another room found, at the place in the text that led there. */
static void pass_on(struct build *b, struct where at, struct err *inner)
{
  for (size_t i = 0; i < inner->n; i++)
    err_add(b->err, at, "%s", inner->problems[i].message);
  err_release(inner);
}

static const struct llm_model *model_of(struct build *b, const struct node *map, const char *section)
{
  const struct node *name = node_get(map, "model");
  struct err inner;
  err_init(&inner);
  const struct llm_model *model = name ? llm_model_named(get_text(map, section, "model"), &inner) : NULL;
  pass_on(b, name ? name->at : map->at, &inner);
  return model;
}

static const double *list_of(struct build *b, const struct node *map, const char *section, const char *name, uint32_t *n)
{
  const struct node *const *element;
  size_t all = elements(node_get(map, name), &element, b->arena);
  double *value = arena_array(b->arena, double, all + 1);
  for (size_t i = 0; i < all; i++)
    value[i] = node_is(element[i], NODE_TEXT) ? key_number(key_find(section, name), element[i]->text) : NAN;
  *n = (uint32_t)all;
  return value;
}

/* `tokens` and `times`. */
static bool table_of(struct build *b, const struct node *map, const char *section, struct steptime_table *t)
{
  uint32_t n;
  t->tokens = list_of(b, map, section, "tokens", &t->n);
  t->time_s = list_of(b, map, section, "times", &n);
  if (n != t->n)
    return err_add(b->err, map->at, "'tokens' has %u elements, 'times' %u", t->n, n);
  for (uint32_t i = 1; i < n; i++)
    if (!(t->tokens[i] > t->tokens[i - 1]))
      return err_add(b->err, node_get(map, "tokens")->at, "'tokens' must ascend");
  return true;
}

const struct steptime_table *prompt_times_build(struct build *b, const struct node *map)
{
  struct steptime_table *t = arena_alloc(b->arena, sizeof *t);
  size_t errors = b->err->n_errors;
  if (!node_is(map, NODE_MAP) || !table_of(b, map, "prompt_times", t))
    return NULL;
  if (t->n < 2)
    err_add(b->err, map->at, "times of prompts need two lengths or more");
  for (uint32_t i = 0; i < t->n; i++)
    if (!(t->time_s[i] > 0))
      return NULL;                                      /* the schema said so */
  return b->err->n_errors == errors ? t : NULL;
}

/* ---- forms -------------------------------------------------------------------------------------------------------- */

static const struct steptime *build_affine(struct build *b, const struct node *map)
{
  return steptime_affine(b->arena, get_number(map, "step_affine", "a"), get_number(map, "step_affine", "c"),
                         get_number(map, "step_affine", "prefill"));
}

static void three_ms(const struct node *map, double ms[3])
{
  static const char *const names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++)
    ms[i] = 1e3 * get_number(map, "step_polynomial", names[i]);
}

static const struct steptime *build_distserve(struct build *b, const struct node *map)
{
  double prefill[3], small[3], large[3];
  const struct node *many = node_get(map, "large");
  if ((many != NULL) != (node_get(map, "large_from") != NULL)) {
    err_add(b->err, map->at, "'large' and 'large_from' come together");
    return NULL;
  }
  three_ms(node_get(map, "prefill"), prefill);
  three_ms(node_get(map, "small"), small);
  three_ms(many ? many : node_get(map, "small"), large);
  return steptime_distserve(b->arena, prefill, small, large, many ? (uint32_t)get_count(map, "step_distserve", "large_from") : 1);
}

static const struct steptime *build_compact(struct build *b, const struct node *map)
{
  const char *s = "step_compact";
  struct steptime_compact c = {.sequence_s = get_number(map, s, "sequence"), .chunk_s = get_number(map, s, "chunk"),
    .chunk_kv_s = get_number(map, s, "chunk_kv"), .attention_s = get_number(map, s, "attention"),
    .decode_s = get_number(map, s, "decode"), .decode_kv_s = get_number(map, s, "decode_kv"),
    .skew_s = get_number(map, s, "skew"), .mixed_s = get_number(map, s, "mixed"),
    .mixed_kv_s = get_number(map, s, "mixed_kv"),
    .limits = {get_count(map, s, "max_tokens"), get_count(map, s, "max_sequences"), get_count(map, s, "max_context")}};
  return table_of(b, map, s, &c.table) && c.table.n ? steptime_compact(b->arena, &c) : NULL;
}

static bool linear_of(struct build *b, const struct node *map, struct steptime_vidur *v)
{
  const struct node *linear = node_get(map, "linear"), *table = node_get(linear, "table");
  v->floor_s = get_number(linear, "step_linear", "floor");
  v->a_s = get_number(linear, "step_linear", "a");
  v->b_s = get_number(linear, "step_linear", "b");
  if (table && linear->n > 1)
    return err_add(b->err, table->key_at, "'linear' is either a 'table' or 'floor', 'a' and 'b'");
  if (!table && !(fmax(v->floor_s, v->a_s) > 0))
    return err_add(b->err, linear->at, "'linear' is either a 'table' or 'floor', 'a' and 'b'");
  return !table || table_of(b, table, "step_table", &v->linear);
}

static const struct steptime *build_vidur(struct build *b, const struct node *map)
{
  const char *s = "step_vidur";
  struct steptime_vidur v = {.model = model_of(b, map, s), .devices = (int)get_count(map, s, "tensor_parallel"),
    .flop_per_s = get_number(map, s, "flops"), .byte_per_s = get_number(map, s, "bandwidth"),
    .prefill_s = get_number(map, s, "prefill_attention"), .decode_s = get_number(map, s, "decode_attention"),
    .interconnect_byte_per_s = get_number(map, s, "interconnect"), .collective_s = get_number(map, s, "collective")};
  return linear_of(b, map, &v) && v.model ? steptime_vidur(b->arena, &v) : NULL;
}

/* The files of the tables, which a run depends on. */
static const char *find_tables(struct build *b, const struct node *prefix)
{
  static const char *const files[] = {"dense", "attention", "per_sequence", "skew_fit"};
  const char *found = NULL, *tried;
  for (int i = 0; i < 4; i++) {
    const char *asked = arena_printf(b->arena, "%s_%s.csv.gz", prefix->text, files[i]);
    const char *path = scenario_find_file(b->arena, b->folder_of, asked, &tried);
    struct hash hash;
    if (!path) {
      err_add(b->err, prefix->at, "the file '%.200s' was not found; looked for %s", asked, tried);
      return NULL;
    }
    if (!hash_file(path, &hash))
      err_system(b->err, "cannot read %s", path);
    else
      note_file(b->scenario, asked, path, "table", hash);
    found = i ? found : arena_printf(b->arena, "%.*s", (int)(strlen(path) - strlen("_dense.csv.gz")), path);
  }
  return found;
}

static const struct steptime *build_tables(struct build *b, const struct node *map)
{
  const char *s = "step_tables";
  const struct llm_model *model = model_of(b, map, s);
  const char *prefix = model ? find_tables(b, node_get(map, "prefix")) : NULL;
  struct steptime_parallel parallel = {(int)get_count(map, s, "tensor_parallel"), get_number(map, s, "interconnect"),
                                       get_number(map, s, "collective")};
  struct err inner;
  if (!prefix)
    return NULL;
  err_init(&inner);
  const struct steptime *m = steptime_tables(b->arena, prefix, model->name, &parallel, &inner);
  pass_on(b, node_get(map, "prefix")->at, &inner);
  return m && !steptime_tables_corrected(prefix) ? steptime_tables_even(b->arena, m) : m;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

static const struct steptime *build_form(struct build *b, const struct node *map)
{
  static const struct { const char *name; const struct steptime *(*build)(struct build *, const struct node *); } forms[] = {
    {"affine", build_affine}, {"distserve", build_distserve}, {"compact", build_compact}, {"vidur", build_vidur},
    {"tables", build_tables}};
  for (int i = 0; i < 5; i++)
    if (node_get(map, forms[i].name))
      return forms[i].build(b, node_get(map, forms[i].name));
  if (get_flag(map, "step_time", "reference"))
    return steptime_reference();
  err_add(b->err, map->at, "a step time is one of: reference, affine, distserve, compact, vidur, tables");
  return NULL;
}

static const struct steptime *build_map(struct build *b, const struct node *map)
{
  const struct node *energy = node_get(map, "energy");
  size_t errors = b->err->n_errors;
  const struct steptime *m = build_form(b, map);
  if (!m || !energy || b->err->n_errors > errors)
    return m;
  struct steptime_energy e = {get_number(energy, "step_energy", "step"), get_number(energy, "step_energy", "decode"),
                              get_number(energy, "step_energy", "prompt")};
  return steptime_with_energy(b->arena, m, &e);
}

/* Forms are built from what the schema found whole only. */
const struct steptime *step_time_build(struct build *b, const struct node *node)
{
  struct err check;
  const struct node *map = node_is(node, NODE_TEXT) ? node_get(node_get(b->root, "step_times"), node->text) : node;
  if (!node_is(map, NODE_MAP) || map->n == 0)
    return NULL;
  err_init(&check);
  schema_check(map, "step_time", &check);
  bool whole = !err_any(&check);
  err_release(&check);
  return whole ? build_map(b, map) : NULL;
}

void build_step_times(struct build *b)
{
  const struct node *map = node_get(b->root, "step_times");
  for (size_t i = 0; node_is(map, NODE_MAP) && i < map->n; i++)
    step_time_build(b, map->child[i]);
}

const struct steptime *preset_step_time(struct arena *a, const char *name, struct err *err)
{
  const struct preset *p = preset_read(a, "step_time", name, (struct where){0}, NULL, err);
  struct build b = {.arena = a, .err = err, .folder_of = p ? p->path : NULL};
  return p ? step_time_build(&b, p->value) : NULL;
}
