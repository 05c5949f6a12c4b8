/* effects.c: `when`, `ends` and the kinds of effects of tasks (models/effects.h says how to add one); which attributes tasks
 * produce, and who may read them when. */
#include "scenarios/effects.h"

#include <ctype.h>
#include <string.h>

/* One row for each kind: the key of the task; what it produces; what it is. */
struct kind {
  const char *key;
  void (*declare)(struct build *, const struct produced_at *, const struct node *);
  void (*build)(struct build *, struct effect_def *, const struct task_def *, const struct produced_at *, const struct node *);
};
static const struct kind kinds[] = {{"recall", recall_declare, recall_build}, {"pack", pack_declare, pack_build},
                                    {"cache", cache_declare, cache_build}, {"transform", transform_declare, transform_build},
                                    {"reads", reads_declare, reads_build}, {"writes", NULL, writes_build}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* ---- attributes that tasks produce ------------------------------------------------------------------------------- */

/* "look-up" and "hit": look_up_hit, which an expression can name. */
static const char *fact_name(struct build *b, const struct produced_at *at, const char *fact)
{
  char *name = arena_printf(b->arena, "%s_%s", at->task, fact);
  for (char *p = name; *p; p++)
    if (!isalnum((unsigned char)*p)) *p = '_';
  return name;
}

void build_produced(struct build *b, const struct produced_at *at, const struct node *node, struct fact f)
{
  struct attribute_def *a = build_add_attribute(b, fact_name(b, at, f.name), node->key ? node->key_at : node->at);
  *a = (struct attribute_def){.name = a->name, .unit = f.unit, .known = KNOWN_AFTER_TASK, .after_task = at->index,
                              .produced = true, .low = f.low, .high = f.high, .otherwise = f.otherwise};
}

int build_attribute_index(const struct build *b, const struct produced_at *at, const char *fact)
{
  const char *name = fact_name((struct build *)b, at, fact);
  for (int i = 1; i < b->n_attributes; i++)
    if (!strcmp(b->attribute[i].name, name)) return i;
  return 0;                                             /* told already: too many attributes */
}

static struct produced_at task_at(const struct node *task, size_t i)
{
  return (struct produced_at){.task = node_name(task) ? node_name(task) : "task", .index = (int)i};
}

void build_all_produced(struct build *b)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  for (size_t i = 0; node_is(pipeline, NODE_LIST) && i < pipeline->n && i < MAX_TASKS; i++)
    for (size_t k = 0; k < N_KINDS; k++) {
      const struct node *node = node_get(pipeline->child[i], kinds[k].key), *when = node_get(pipeline->child[i], "when");
      struct produced_at at = task_at(pipeline->child[i], i);
      if (when && k == 0) build_produced(b, &at, when, (struct fact){.name = "done", .high = 1});
      if (node && kinds[k].declare) kinds[k].declare(b, &at, node);
    }
}

/* ---- a task's own ------------------------------------------------------------------------------------------------ */

/* Those that the task of this place in the file produces. */
static void note_produced(struct build *b, struct effect_def *e, int index)
{
  struct produced_def *list = arena_array(b->arena, struct produced_def, b->n_attributes + 1);
  for (int i = 0; i < b->n_attributes; i++)
    if (b->attribute[i].produced && b->attribute[i].after_task == index)
      list[e->n_produced++] = (struct produced_def){i, b->attribute[i].otherwise};
  e->produced = list;
}

const struct effect_def *build_effect(struct build *b, const struct task_def *t, const struct node *task, size_t index)
{
  struct effect_def e = {.when = build_condition(b, node_get(task, "when")), .ends = build_condition(b, node_get(task, "ends"))};
  struct produced_at at = task_at(task, index);
  bool any = node_get(task, "when") || e.ends.n > 0;
  if (node_get(task, "when")) e.done = build_attribute_index(b, &at, "done");
  for (size_t k = 0; k < N_KINDS; k++) {
    const struct node *node = node_get(task, kinds[k].key);
    if (!node) continue;
    any = true;
    kinds[k].build(b, &e, t, &at, node);
  }
  if (!any) return NULL;
  note_produced(b, &e, (int)index);
  struct effect_def *own = arena_alloc(b->arena, sizeof *own);
  *own = e;
  return own;
}

/* ---- who may read what, when ------------------------------------------------------------------------------------- */

/* Where the name stands in a text; NULL: nowhere. */
static const char *name_in(const char *text, const char *name)
{
  size_t n = strlen(name);
  for (const char *p = text; (p = strstr(p, name)); p++) {
    bool begins = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
    if (begins && !isalnum((unsigned char)p[n]) && p[n] != '_') return p;
  }
  return NULL;
}

/* In an expression on one line; else where that begins. */
static struct where name_at(const struct node *node, const char *name)
{
  struct where at = node->at;
  const char *p = node->at.length > 1 ? name_in(node->text, name) : NULL;
  at.length = 1;
  at.column += p ? (int)(p - node->text) : 0;
  return at;
}

static const char *when_known(struct build *b, const struct class_def *c, const struct attribute_def *a)
{
  if (a->known == KNOWN_COMPLETION) return "known at completion only";
  if (a->known == KNOWN_ORACLE) return "known to an oracle only";
  return arena_printf(b->arena, "%s after task '%s' only", a->produced ? "made" : "known", c->task[a->after_task].name);
}

/* done: tasks that are done by then. Amounts may read any true number of the request; conditions only what is known. */
struct reader { struct build *b; const struct class_def *c; const char *task; uint32_t done; bool decides; };

static bool known_to(const struct reader *x, const struct attribute_def *a)
{
  if (a->known == KNOWN_ARRIVAL) return true;
  if (a->known == KNOWN_AFTER_TASK && x->done >> a->after_task & 1) return true;
  return !x->decides && !a->produced;
}

static void check_reads(const struct reader *x, const struct expr *e, const struct node *node, const char *key)
{
  for (int i = 1; i < x->b->n_attributes && node_is(node, NODE_TEXT); i++) {
    const struct attribute_def *a = &x->b->attribute[i];
    if (!(e->reads >> i & 1) || known_to(x, a)) continue;
    err_add(x->b->err, name_at(node, a->name), "'%s' of %s reads '%s', which is %s: not yet when it is asked", key, x->task,
            a->name, when_known(x->b, x->c, a));
    return;
  }
}

/* Shares by kind of data; NULL: none are said. */
static void check_data(const struct reader *x, const struct expr *share, const struct node *map)
{
  for (int k = 0; share && k < x->b->world->n_data; k++) check_reads(x, &share[k], node_get(map, x->b->world->data[k].name), "data");
}

static void check_work(const struct reader *x, const struct work_def *w, const struct node *node)
{
  const struct node *tokens = node_get(node, "tokens"), *kernel = node_get(node, "kernel");
  check_reads(x, &w->flop, kernel ? kernel : node_get(node, "flop"), "flop");
  check_reads(x, &w->bytes, kernel ? kernel : node_get(node, "bytes"), "bytes");
  check_reads(x, &w->tok_in, node_get(tokens, "input"), "input");
  check_reads(x, &w->tok_out, node_get(tokens, "output"), "output");
  check_reads(x, &w->tok_cached, node_get(tokens, "cached"), "cached");
}

/* A kind's own numbers are asked when its task is served: by name, whatever expressions the kind has. */
static void check_kind(const struct reader *x, const struct node *node, const char *key)
{
  for (size_t i = 0; (node_is(node, NODE_MAP) || node_is(node, NODE_LIST)) && i < node->n; i++) check_kind(x, node->child[i], key);
  for (int i = 1; node_is(node, NODE_TEXT) && i < x->b->n_attributes; i++) {
    const struct attribute_def *a = &x->b->attribute[i];
    if (!a->produced || known_to(x, a) || !name_in(node->text, a->name)) continue;
    err_add(x->b->err, name_at(node, a->name), "'%s' of %s reads '%s', which is %s: not yet when it is asked", key, x->task,
            a->name, when_known(x->b, x->c, a));
  }
}

static void check_kinds(const struct reader *x, const struct node *task)
{
  for (size_t k = 0; k < N_KINDS; k++)
    if (node_get(task, kinds[k].key)) check_kind(x, node_get(task, kinds[k].key), kinds[k].key);
}

/* Variants in the order of the file; those without a place in the world were told already. */
static void check_works(const struct reader *x, const struct task_def *t, const struct node *task)
{
  const struct node *const *variant;
  const struct node *shared = node_get(task, "work");
  size_t n = elements(node_get(task, "variants"), &variant, x->b->arena);
  if (n == 0 && shared) check_work(x, &t->work[0], shared);
  for (size_t i = 0; i < n && (int)n == t->n_variants; i++) {
    const struct node *own = node_get(variant[i], "work");
    if (own || (shared && i == 0)) check_work(x, &t->work[i], own ? own : shared);
  }
}

static int task_named(const struct class_def *c, const char *name)
{
  for (int i = 0; name && i < c->n_tasks; i++)
    if (!strcmp(c->task[i].name, name)) return i;
  return NONE;
}

void check_effects(struct build *b, const struct class_def *c)
{
  const struct node *pipeline = node_get(b->klass, "pipeline");
  struct reader x = {.b = b, .c = c, .task = arena_printf(b->arena, "class '%s'", c->name)};
  check_reads(&x, &c->input_bytes, node_get(b->klass, "input"), "input");
  check_reads(&x, &c->state_bytes, node_get(b->klass, "state"), "state");
  check_data(&x, c->data, node_get(b->klass, "data"));
  for (size_t i = 0; node_is(pipeline, NODE_LIST) && i < pipeline->n && i < MAX_TASKS; i++) {
    const struct node *node = pipeline->child[i];
    int task = task_named(c, node_name(node));
    if (task == NONE) continue;
    const struct task_def *t = &c->task[task];
    x = (struct reader){b, c, arena_printf(b->arena, "task '%s'", t->name), effects_done_before(c, task), true};
    if (t->effect) check_reads(&x, &t->effect->when, node_get(node, "when"), "when");
    x.decides = false;
    check_works(&x, t, node);
    x.done = effects_done_by(c, task);
    check_kinds(&x, node);
    x.done |= 1u << task;
    check_reads(&x, &t->output_bytes, node_get(node, "output"), "output");
    check_data(&x, t->data, node_get(node, "data"));
    x.decides = true;
    if (t->effect) check_reads(&x, &t->effect->ends, node_get(node, "ends"), "ends");
  }
}
