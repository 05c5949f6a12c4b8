/* outage.c: links and nodes that are out of service now and then, and what their traffic does meanwhile. */
#include "scenarios/build.h"

#include <math.h>

static const struct dist *time_of(struct build *b, const struct node *map, const char *key)
{
  const struct node *node = node_get(map, key);
  const struct dist *d = build_dist(b, node, Q_TIME, 1);
  double mean = d ? dist_mean(d) : 1;
  if (mean > 0 && isfinite(mean))
    return d;
  err_add(b->err, node->at, "'%s' must have a positive, finite mean", key);
  return NULL;
}

static const struct outages_def *build_up_down(struct build *b, const struct node *map)
{
  struct outages_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node_is(map, NODE_MAP))
    return NULL;
  *d = (struct outages_def){time_of(b, map, "every"), time_of(b, map, "lasts")};
  return d->every_s && d->lasts_s ? d : NULL;
}

void build_link_outages(struct build *b, struct link_def *l, const struct node *node)
{
  const struct node *outages = node_get(node, "outages");
  l->on_outage = (enum on_outage)get_choice(node, "link", "on_outage");
  l->outages = build_up_down(b, outages);
}

void build_node_outages(struct build *b, struct spread_def *s, const struct node *topology)
{
  const struct node *nodes = node_get(topology, "nodes");
  s->on_outage = (enum on_outage)(OUTAGE_REROUTES + get_choice(nodes, "topology_nodes", "on_outage"));
  s->outages = build_up_down(b, node_get(nodes, "outages"));
}
