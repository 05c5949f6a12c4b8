/* transform.c: the map `transform` of a task, and what such a task hands on by itself. */
#include "models/transform.h"
#include "scenarios/effects.h"

#include <string.h>

static const char *left_name(struct build *b, const char *kind) { return arena_printf(b->arena, "left_%s", kind); }

/* The forms of the file: the map itself, and those of variants. */
static size_t forms_of(struct build *b, const struct node *node, const struct node *const **out)
{
  const struct node *own = node_get(node, "variants");
  size_t n = node_is(own, NODE_MAP) ? own->n : 0;
  const struct node **all = arena_array(b->arena, const struct node *, n + 1);
  all[0] = node;
  for (size_t i = 0; i < n; i++) all[i + 1] = own->child[i];
  *out = all;
  return n + 1;
}

static bool is_looked_for(struct build *b, const struct node *node, const char *kind)
{
  const struct node *const *form;
  size_t n = forms_of(b, node, &form);
  for (size_t i = 0; i < n; i++)
    if (node_get(node_get(form[i], "remove"), kind)) return true;
  return false;
}

void transform_declare(struct build *b, const struct produced_at *at, const struct node *node)
{
  build_produced(b, at, node, (struct fact){"kept", "", 0, 1, 1});
  build_produced(b, at, node, (struct fact){"quality", "", 0, 1, 1});
  for (int k = 0; k < b->world->n_data; k++)
    if (is_looked_for(b, node, b->world->data[k].name))
      build_produced(b, at, node, (struct fact){left_name(b, b->world->data[k].name), "", 0, 1, 1});
}

static struct expr share_of(struct build *b, const struct node *node, const char *what)
{
  struct expr e = build_expr(b, node, Q_PURE, NULL);
  double x = e.n && !e.reads ? expr_value(&e, NULL) : 0;
  if (!(x >= 0 && x <= 1)) err_add(b->err, node->at, "'%s' is a share, 0 .. 1, not %g", what, x);
  return e;
}

static const struct expr *build_found(struct build *b, const struct node *remove)
{
  const struct world_def *w = b->world;
  const char *names[MAX_DATA];
  struct expr *found = arena_array(b->arena, struct expr, w->n_data + 1);
  for (int k = 0; k < w->n_data; k++) names[k] = w->data[k].name;
  for (size_t i = 0; node_is(remove, NODE_MAP) && i < remove->n; i++) {
    int kind = build_find_key(b, remove->child[i], "kind of data", names, w->n_data);
    if (kind != NONE) found[kind] = share_of(b, remove->child[i], "remove");
  }
  return found;
}

/* What a variant does not say is as in the whole map. */
static void build_form(struct build *b, struct transform_form *form, const struct node *node)
{
  if (node_get(node, "keep")) form->keep = share_of(b, node_get(node, "keep"), "keep");
  if (node_get(node, "quality")) form->quality = share_of(b, node_get(node, "quality"), "quality");
  if (node_get(node, "remove") || !form->found) form->found = build_found(b, node_get(node, "remove"));
}

static void build_forms(struct build *b, struct transform_def *d, const struct task_def *t, const struct node *node)
{
  const struct node *own = node_get(node, "variants");
  const char *names[NO_VARIANT];
  int n = t->n_variants > 0 ? t->n_variants : 1;
  struct transform_form common = {0}, *form = arena_array(b->arena, struct transform_form, n);
  build_form(b, &common, node);
  for (int v = 0; v < n; v++) form[v] = common;
  for (int v = 0; v < t->n_variants; v++) names[v] = b->world->variant[t->variant[v]].name;
  for (size_t i = 0; node_is(own, NODE_MAP) && i < own->n; i++) {
    int v = build_find_key(b, own->child[i], "variant of this task", names, t->n_variants);
    if (v != NONE) build_form(b, &form[v], own->child[i]);
  }
  d->form = form;
}

void transform_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                     const struct node *node)
{
  struct transform_def *d = arena_alloc(b->arena, sizeof *d);
  int *left = arena_array(b->arena, int, b->world->n_data + 1);
  for (int k = 0; k < b->world->n_data; k++)
    if (is_looked_for(b, node, b->world->data[k].name)) left[k] = build_attribute_index(b, at, left_name(b, b->world->data[k].name));
  *d = (struct transform_def){.entities = build_expr(b, node_get(node, "entities"), Q_PURE, NULL), .left = left,
                              .seals = get_flag(node, "transform", "seal"), .kept = build_attribute_index(b, at, "kept"),
                              .quality = build_attribute_index(b, at, "quality")};
  build_forms(b, d, t, node);
  e->transform = d;
}

/* ---- what it hands on -------------------------------------------------------------------------------------------- */

static uint16_t add_ops(struct expr_op *to, uint16_t n, const struct expr *e)
{
  memcpy(to + n, e->op, e->n * sizeof *to);
  return (uint16_t)(n + e->n);
}

/* (the sum of what comes in) * TASK_kept. */
static struct expr kept_bytes(struct build *b, const struct class_def *c, const struct task_def *t)
{
  static const struct expr_op nothing = {EXPR_NUMBER, 0, 0};
  const struct expr zero = expr_number(&nothing);
  size_t room = c->input_bytes.n + 8;
  for (int p = 0; p < c->n_tasks; p++) room += (size_t)c->task[p].output_bytes.n + 2;
  struct expr_op *op = arena_array(b->arena, struct expr_op, room);
  struct expr sum = {.op = op};
  if (!t->after) sum.n = add_ops(op, 0, c->input_bytes.n ? &c->input_bytes : &zero);
  sum.reads = t->after ? 0 : c->input_bytes.reads;
  for (uint32_t left = t->after; left; left &= left - 1) {
    const struct expr *in = &c->task[__builtin_ctz(left)].output_bytes;
    bool first = sum.n == 0;
    sum.n = add_ops(op, sum.n, in->n ? in : &zero);
    sum.reads |= in->reads;
    if (!first) op[sum.n++] = (struct expr_op){EXPR_ADD, 0, 0};
  }
  int kept = t->effect->transform->kept;
  op[sum.n++] = (struct expr_op){EXPR_ATTRIBUTE, (uint16_t)kept, 0};
  op[sum.n++] = (struct expr_op){EXPR_MULTIPLY, 0, 0};
  sum.reads |= UINT64_C(1) << kept;
  return sum;
}

void transform_outputs(struct build *b, const struct class_def *c, struct task_def *task)
{
  for (int t = 0; t < c->n_tasks; t++)                  /* topological order: what comes in is there */
    if (task[t].effect && task[t].effect->transform && task[t].output_bytes.n == 0)
      task[t].output_bytes = kept_bytes(b, c, &task[t]);
}
