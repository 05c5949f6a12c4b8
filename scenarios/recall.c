/* recall.c: the map `recall` of a task. */
#include "models/recall.h"
#include "scenarios/effects.h"

#include <math.h>

void recall_declare(struct build *b, const struct produced_at *at, const struct node *node)
{
  build_produced(b, at, node, (struct fact){.name = "found", .low = 0, .high = 1});
}

/* A number that is no share; an expression is as good as its attributes. */
static bool is_no_share(const struct expr *e)
{
  return e->reads == 0 && e->n > 0 && !(expr_value(e, NULL) >= 0 && expr_value(e, NULL) <= 1);
}

void recall_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                  const struct node *node)
{
  const struct node *value = node_get(node, "value");
  struct recall_def *d = arena_alloc(b->arena, sizeof *d);
  bool said = value != NULL;
  *d = (struct recall_def){.value = build_expr(b, value, Q_PURE, NULL), .missed = get_number(node, "recall", "missed"),
                           .found = build_attribute_index(b, at, "found")};
  for (int v = 0; !value && t->work && v < (t->n_variants ? t->n_variants : 1); v++) said |= t->work[v].recall.n > 0;
  if (!said)
    err_add(b->err, node->at, "'recall' of task '%s' needs 'value': its work is no kernel that says what it finds (such as "
            "vector_search_hnsw with 'ef')", at->task);
  if (is_no_share(&d->value))
    err_add(b->err, value->at, "a recall is a share, 0 .. 1, not %g", expr_value(&d->value, NULL));
  e->recall = d;
}
