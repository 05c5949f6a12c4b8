/* topology.c: topologies become places of kind node, one for each level, and links between their members; members of other
 * places are put at their nodes.
 *
 * The latency of a generated link is that of its `link` map (a hop: 0 unless given) and what its length or its weight
 * takes. Its name, which its random numbers go by, is TOPOLOGY.LEVEL.NODE-LEVEL.NODE.
 */
#include "scenarios/topology.h"

#include "models/graph.h"
#include "models/streams.h"
#include "sim/check.h"
#include "sim/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST_S = 1e-9;                     /* of a way's hop, as in routing; centralities need it positive */

static struct made_topology *made(const struct build *b, int i) { return &b->topology[i]; }

/* ---- places ------------------------------------------------------------------------------------------------------ */

static const char *node_label(struct build *b, const struct made_topology *t, int node)
{
  for (int i = 0; i < t->n_levels; i++) {
    const struct made_level *l = &t->level[i];
    if (node < l->first || node >= l->first + l->n) continue;
    const char *own = t->label ? t->label[node] : arena_printf(b->arena, "%d", node - l->first);
    return t->n_levels > 1 ? arena_printf(b->arena, "%s.%s", l->name, own) : own;
  }
  return "?";
}

static void level_place(struct build *b, const struct made_topology *t, struct made_level *level)
{
  struct place_def *p = (struct place_def *)&b->world->place[b->world->n_places];
  struct spread_def *s = arena_alloc(b->arena, sizeof *s);
  struct node zone = {.kind = NODE_TEXT, .at = t->node->at, .text = get_text(t->node, "topology", "zone")};
  *s = (struct spread_def){.at = NONE};
  build_node_outages(b, s, t->node);
  if (t->layout.x_m) {
    s->x_m = &t->layout.x_m[level->first];
    s->y_m = &t->layout.y_m[level->first];
  }
  s->label = t->label ? &t->label[level->first] : NULL;
  *p = place_def_default();
  p->name = arena_printf(b->arena, "%s.%s", t->name, level->name);
  p->kind = PLACE_NODE;
  p->count = (uint64_t)level->n;
  p->zone = __builtin_ctzll(build_zones(b, &zone, 0, true) | UINT64_C(1) << (MAX_ZONES - 1));
  p->spread = s;
  level->place = b->world->n_places++;
}

static int place_named(const struct build *b, const char *name)
{
  for (int i = 0; i < b->world->n_places; i++)
    if (!strcmp(b->world->place[i].name, name)) return i;
  return NONE;
}

size_t topology_places(const struct node *root)
{
  const struct node *list = node_get(root, "topologies");
  size_t n = 0;
  for (size_t i = 0; node_is(list, NODE_LIST) && i < list->n; i++) {
    const struct node *levels = node_get(node_get(list->child[i], "metro"), "levels");
    n += node_is(levels, NODE_LIST) ? levels->n : 1;
  }
  return n;
}

void build_topologies(struct build *b)
{
  const struct node *list = node_get(b->root, "topologies");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  b->topology = arena_array(b->arena, struct made_topology, n + 1);
  for (size_t i = 0; i < n; i++) {
    struct made_topology *t = &b->topology[b->n_topologies];
    *t = (struct made_topology){.name = node_name(list->child[i]), .node = list->child[i]};
    if (!t->name || !node_is(t->node, NODE_MAP) || !topology_read(b, t)) continue;
    for (int k = 0; k < t->n_levels; k++) {
      const char *name = arena_printf(b->arena, "%s.%s", t->name, t->level[k].name);
      if (place_named(b, name) != NONE) err_add(b->err, t->node->at, "a place is called '%s', as a level of topology '%s'", name, t->name);
      level_place(b, t, &t->level[k]);
    }
    b->n_topologies++;
  }
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

static int level_of(const struct made_topology *t, int node)
{
  int i = 0;
  while (node >= t->level[i].first + t->level[i].n) i++;
  return i;
}

/* What the file says of the links up from a level: the level's own keys over those of the topology. */
static struct link_def link_like(struct build *b, const struct made_topology *t, int level)
{
  struct node *map = node_new(b->arena, NODE_MAP, t->node->at), *shared = node_new(b->arena, NODE_TEXT, t->node->at);
  const struct node *own = t->level[level].link, *all = node_get(t->node, "link");
  struct link_def l;
  if (own) node_fill(b->arena, map, own);
  if (all) node_fill(b->arena, map, all);
  shared->text = "link";
  node_put(b->arena, map, "shared_by", shared);
  const char *name = arena_printf(b->arena, "%s.%s", t->name, t->level[level].name);
  build_link_of(b, &l, map, name, t->level[level].place, t->level[level + 1 < t->n_levels ? level + 1 : level].place);
  return l;
}

static const struct dist *later(struct build *b, const struct dist *d, double by_s)
{
  char why[160];
  struct dist *sum = arena_alloc(b->arena, sizeof *sum);
  if (by_s == 0) return d;
  bool shifted = dist_make_shifted(sum, b->arena, by_s, d, why);
  sim_assert(shifted);
  return sum;
}

struct twin { int32_t a, b; int edge; };

static int compare_twins(const void *x, const void *y)
{
  const struct twin *p = x, *q = y;
  return p->a != q->a ? (p->a > q->a) - (p->a < q->a) : p->b != q->b ? (p->b > q->b) - (p->b < q->b) : p->edge - q->edge;
}

/* How many edges before it join the same nodes: such links have a number in their name. */
static int *twins_before(struct build *b, const struct layout *l)
{
  struct twin *twin = arena_array(b->arena, struct twin, l->n_edges + 1);
  int *before = arena_array(b->arena, int, l->n_edges + 1);
  for (int k = 0; k < l->n_edges; k++) {
    const struct layout_edge *e = &l->edge[k];
    twin[k] = (struct twin){e->a < e->b ? e->a : e->b, e->a < e->b ? e->b : e->a, k};
  }
  qsort(twin, (size_t)l->n_edges, sizeof *twin, compare_twins);
  for (int k = 1; k < l->n_edges; k++)
    if (twin[k].a == twin[k - 1].a && twin[k].b == twin[k - 1].b) before[twin[k].edge] = before[twin[k - 1].edge] + 1;
  return before;
}

static void note_topology(struct build *b, const struct made_topology *t, const struct link_def *link)
{
  struct topology_note *all = arena_array(b->arena, struct topology_note, b->scenario->n_topologies + 1), *n;
  if (b->scenario->n_topologies) memcpy(all, b->scenario->topology, (size_t)b->scenario->n_topologies * sizeof *all);
  n = &all[b->scenario->n_topologies++];
  b->scenario->topology = all;
  int32_t *from = arena_array(b->arena, int32_t, t->layout.n_edges + 1), *to = arena_array(b->arena, int32_t, t->layout.n_edges + 1);
  double *latency_s = arena_array(b->arena, double, t->layout.n_edges + 1);
  int *place = arena_array(b->arena, int, t->n_levels);
  for (int i = 0; i < t->n_levels; i++) place[i] = t->level[i].place;
  for (int k = 0; k < t->layout.n_edges; k++) {
    from[k] = t->layout.edge[k].a;
    to[k] = t->layout.edge[k].b;
    latency_s[k] = fmax(dist_mean(link[k].latency_s), LEAST_S);
  }
  *n = (struct topology_note){t->name, t->how->key, t->layout.n_nodes, t->layout.n_edges, t->parts, t->n_levels, place, from,
                              to, latency_s};
}

/* Links of one topology; returns where the next go. */
static struct link_def *topology_links(struct build *b, const struct made_topology *t, struct link_def *link)
{
  struct link_def *like = arena_array(b->arena, struct link_def, t->n_levels), *first = link;
  const int *before = twins_before(b, &t->layout);
  for (int i = 0; i < t->n_levels; i++) like[i] = link_like(b, t, i);
  for (int k = 0; k < t->layout.n_edges; k++, link++) {
    const struct layout_edge *e = &t->layout.edge[k];
    int la = level_of(t, e->a), lb = level_of(t, e->b);
    *link = like[e->level];
    link->name = arena_printf(b->arena, "%s.%s-%s", t->name, node_label(b, t, e->a), node_label(b, t, e->b));
    if (before[k]) link->name = arena_printf(b->arena, "%s.%d", link->name, before[k] + 1);
    link->a = t->level[la].place;
    link->b = t->level[lb].place;
    link->a_member = e->a - t->level[la].first;
    link->b_member = e->b - t->level[lb].first;
    link->latency_s = later(b, link->latency_s, t->edge_s[k]);
    if (t->edge_byte_per_s) link->up_byte_per_s = link->down_byte_per_s = t->edge_byte_per_s[k];
  }
  note_topology(b, t, first);
  return link;
}

size_t topology_link_count(const struct build *b)
{
  size_t n = 0;
  for (int i = 0; i < b->n_topologies; i++) n += (size_t)made(b, i)->layout.n_edges;
  return n;
}

void build_topology_links(struct build *b, struct link_def *link)
{
  for (int i = 0; i < b->n_topologies; i++) link = topology_links(b, made(b, i), link);
}

/* ---- sites ------------------------------------------------------------------------------------------------------- */

struct ranked { double score; int node; };

static int compare_ranks(const void *a, const void *b)
{
  const struct ranked *p = a, *q = b;
  return p->score != q->score ? (p->score < q->score) - (p->score > q->score) : p->node - q->node;
}

enum site_by { BY_BETWEENNESS, BY_CLOSENESS, BY_DEGREE, BY_RANDOM };

/* Of all nodes of the topology, over mean latencies. */
static void rank(const struct build *b, int topology, enum site_by by, const char *place, double *score)
{
  static const enum centrality which[] = {CENTRALITY_BETWEENNESS, CENTRALITY_CLOSENESS, CENTRALITY_DEGREE};
  const struct topology_note *n = &b->scenario->topology[topology];
  struct rng_root root = rng_root_make(get_count(made(b, topology)->node, "topology", "seed"), 0);
  struct rng r = rng_open(&root, STREAM_TOPOLOGY, rng_name(n->name), rng_name(place));
  for (int i = 0; by == BY_RANDOM && i < n->n_nodes; i++) score[i] = rng_uniform(&r);
  if (by == BY_RANDOM) return;
  struct graph *g = graph_new(n->n_nodes, n->n_links, n->from, n->to, false);
  graph_centrality(g, which[by], n->latency_s, score);
  graph_free(g);
}

static bool sites_by_rank(struct build *b, int topology, const struct made_level *l, const struct place_def *p,
                          enum site_by by, uint32_t *member)
{
  double *score = arena_array(b->arena, double, made(b, topology)->layout.n_nodes);
  struct ranked *order = arena_array(b->arena, struct ranked, l->n);
  rank(b, topology, by, p->name, score);
  for (int i = 0; i < l->n; i++) order[i] = (struct ranked){score[l->first + i], i};
  qsort(order, (size_t)l->n, sizeof *order, compare_ranks);
  for (uint64_t i = 0; i < p->count; i++) member[i] = (uint32_t)order[i].node;
  return true;
}

/* Nodes by their labels or numbers. */
static bool sites_listed(struct build *b, const struct made_topology *t, const struct made_level *l, const struct place_def *p,
                         const struct node *list, uint32_t *member)
{
  const struct node *const *name;
  size_t n = elements(list, &name, b->arena);
  const char **names = arena_array(b->arena, const char *, l->n);
  if (n != p->count)
    return err_add(b->err, list->at, "places.%s has a count of %llu, 'at' names %zu nodes", p->name, (unsigned long long)p->count, n);
  for (int i = 0; i < l->n; i++) names[i] = t->label ? t->label[l->first + i] : arena_printf(b->arena, "%d", i);
  for (size_t i = 0; i < n; i++) {
    int found = build_find(b, name[i], "node", names, l->n);
    if (found == NONE) return false;
    member[i] = (uint32_t)found;
  }
  return true;
}

static const struct made_level *level_named(struct build *b, const struct made_topology *t, const struct node *name,
                                            const struct node *sited)
{
  const char **names = arena_array(b->arena, const char *, t->n_levels);
  for (int i = 0; i < t->n_levels; i++) names[i] = t->level[i].name;
  if (!name && t->n_levels == 1) return t->level;
  if (!name) {
    err_add(b->err, sited->at, "'sited' needs a 'level': topology '%s' has %d", t->name, t->n_levels);
    return NULL;
  }
  int found = build_find(b, name, "level", names, t->n_levels);
  return found == NONE ? NULL : &t->level[found];
}

/* Of one that could not be made other errors tell. */
static int topology_named(struct build *b, const struct node *name)
{
  const struct node *list = node_get(b->root, "topologies");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  const char **names = arena_array(b->arena, const char *, n + 1);
  int written = 0;
  for (size_t i = 0; i < n; i++)
    if (node_name(list->child[i])) names[written++] = node_name(list->child[i]);
  int found = build_find(b, name, "topology", names, written);
  for (int i = 0; found != NONE && i < b->n_topologies; i++)
    if (!strcmp(made(b, i)->name, names[found])) return i;
  return NONE;
}

bool topology_is_broken(const struct build *b, const char *place)
{
  const struct node *list = node_get(b->root, "topologies");
  for (size_t i = 0; node_is(list, NODE_LIST) && i < list->n; i++) {
    const char *name = node_name(list->child[i]);
    size_t length = name ? strlen(name) : 0;
    bool made_it = false;
    for (int k = 0; k < b->n_topologies && name; k++) made_it |= !strcmp(made(b, k)->name, name);
    if (name && !made_it && !strncmp(place, name, length) && place[length] == '.') return true;
  }
  return false;
}

static void build_site(struct build *b, struct place_def *p, const struct node *sited)
{
  const struct node *by = node_get(sited, "by"), *at = node_get(sited, "at");
  int topology = topology_named(b, node_get(sited, "topology"));
  const struct made_level *l = topology == NONE ? NULL : level_named(b, made(b, topology), node_get(sited, "level"), sited);
  if (p->tier == TIER_DEVICE)
    err_add(b->err, sited->key_at, "places.%s: devices are not sited; a link attaches them to members of a place", p->name);
  if (!l) return;
  if (by && at) {
    err_add(b->err, by->key_at, "'sited' has 'by' and 'at'; which of them says where?");
    return;
  }
  if (p->count > (uint64_t)l->n) {
    err_add(b->err, sited->at, "places.%s has a count of %llu, %s.%s %d nodes", p->name, (unsigned long long)p->count,
            made(b, topology)->name, l->name, l->n);
    return;
  }
  uint32_t *member = arena_array(b->arena, uint32_t, p->count + 1);
  enum site_by rule = (enum site_by)get_choice(sited, "sited", "by");
  bool done = at ? sites_listed(b, made(b, topology), l, p, at, member) : sites_by_rank(b, topology, l, p, rule, member);
  const struct spread_def *ground = b->world->place[l->place].spread;
  struct spread_def *s = arena_alloc(b->arena, sizeof *s);
  double *x_m = ground->x_m ? arena_array(b->arena, double, p->count) : NULL;
  double *y_m = ground->y_m ? arena_array(b->arena, double, p->count) : NULL;
  for (uint64_t i = 0; done && x_m && i < p->count; i++) {
    x_m[i] = ground->x_m[member[i]];
    y_m[i] = ground->y_m[member[i]];
  }
  *s = (struct spread_def){.x_m = x_m, .y_m = y_m, .at = l->place, .at_member = member};
  if (done) p->spread = s;
}

void build_sites(struct build *b)
{
  const struct node *list = node_get(b->root, "places");
  for (size_t i = 0; node_is(list, NODE_LIST) && i < list->n && i < MAX_PLACES; i++) {
    const struct node *sited = node_get(list->child[i], "sited");
    if (node_is(sited, NODE_MAP)) build_site(b, (struct place_def *)&b->world->place[i], sited);
  }
}
