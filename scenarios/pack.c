/* pack.c: the map `pack` of a task. */
#include "models/pack.h"
#include "scenarios/effects.h"

#include <math.h>

void pack_declare(struct build *b, const struct produced_at *at, const struct node *node)
{
  build_produced(b, at, node, (struct fact){.name = "tokens", .high = INFINITY});
  build_produced(b, at, node, (struct fact){.name = "chunks", .high = INFINITY});
}

static struct expr amount_of(struct build *b, const struct node *node, const char *key)
{
  return build_expr(b, node_get(node, key), Q_PURE, NULL);
}

void pack_build(struct build *b, struct effect_def *e, const struct task_def *t, const struct produced_at *at,
                const struct node *node)
{
  struct pack_def *d = arena_alloc(b->arena, sizeof *d);
  (void)t;
  *d = (struct pack_def){.chunks = amount_of(b, node, "chunks"), .chunk = amount_of(b, node, "chunk"),
                         .beside = amount_of(b, node, "beside"), .window = amount_of(b, node, "window"),
                         .n_tokens = build_attribute_index(b, at, "tokens"), .n_chunks = build_attribute_index(b, at, "chunks")};
  e->pack = d;
}
