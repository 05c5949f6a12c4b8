/* topology_read.c: the nodes and edges of a topology.
 *
 * Regions: an edge's latency is a quarter of the sum of both directions' round trips (their mean, one way). Without a
 * matrix the distance law: round trip = access + k x great circle, k = 0.0265 ms/km (speed tests to servers 0 to 4000 km
 * away: 0.023 to 0.030; light in fibre takes 0.010).
 * Checkable: Frankfurt to London, 13 ms each way: 6.5 ms; pole to equator, 10,007.5 km: 265.2 ms there and back.
 */
#include "scenarios/topology.h"

#include "models/graph.h"
#include "models/graphml.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double EARTH_M = 6371008.8, DEGREE = 3.14159265358979323846 / 180;

/* ---- levels ------------------------------------------------------------------------------------------------------ */

static void one_level(struct build *b, struct made_topology *t, const char *name)
{
  t->n_levels = 1;
  t->level = arena_array(b->arena, struct made_level, 1);
  t->level[0] = (struct made_level){.name = name, .n = t->layout.n_nodes};
}

/* Edges by distance: what the topology says of a kilometre. */
static void by_distance(struct build *b, struct made_topology *t)
{
  double s_per_m = get_number(t->node, "topology", "per_km") / 1000;
  t->edge_s = arena_array(b->arena, double, t->layout.n_edges + 1);
  for (int k = 0; k < t->layout.n_edges; k++) t->edge_s[k] = s_per_m * t->layout.edge[k].length_m;
}

static struct layout_seed seed_of(const struct made_topology *t)
{
  return (struct layout_seed){get_count(t->node, "topology", "seed"), t->name};
}

/* ---- generators -------------------------------------------------------------------------------------------------- */

static bool too_many(struct build *b, const struct made_topology *t, double links)
{
  return err_add(b->err, t->how->at, "about %.2g links; at most %d are possible", links, MAX_LINKS);
}

static bool read_geometric(struct build *b, struct made_topology *t)
{
  double side_m = get_number(t->how, "topology_geometric", "side"), reach_m = get_number(t->how, "topology_geometric", "radius");
  int n = (int)get_count(t->how, "topology_geometric", "nodes");
  double lines = n * (n - 1.) / 2 * fmin(1, 3.2 * pow(reach_m / side_m, 2));
  if (!(side_m > 0 && reach_m > 0) || n < 1) return false;
  if (lines > 4e6) return too_many(b, t, lines);
  t->layout = layout_geometric(b->arena, seed_of(t), n, side_m, reach_m);
  one_level(b, t, "node");
  return true;
}

static bool read_barabasi_albert(struct build *b, struct made_topology *t)
{
  int n = (int)get_count(t->how, "topology_scale_free", "nodes"), m = (int)get_count(t->how, "topology_scale_free", "links");
  double side_m = get_number(t->how, "topology_scale_free", "side");
  if (n < 1 || m < 1 || isnan(side_m)) return false;
  if (m >= n) return err_add(b->err, t->how->at, "each new node has %d links, but there are %d nodes", m, n);
  t->layout = layout_barabasi_albert(b->arena, seed_of(t), n, m, side_m);
  one_level(b, t, "node");
  return true;
}

static bool metro_levels(struct build *b, struct made_topology *t, const struct node *list, struct layout_level *plan)
{
  double lines = 0;
  for (size_t i = 0; i < list->n; i++) {
    const struct node *l = list->child[i];
    struct made_level *level = &t->level[i];
    plan[i] = (struct layout_level){(int)get_count(l, "topology_level", "count"), (int)get_count(l, "topology_level", "homes")};
    *level = (struct made_level){.name = node_name(l), .n = plan[i].count, .link = node_get(l, "link")};
    if (i > 0) level->first = level[-1].first + level[-1].n;
    if (!level->name || level->n < 1) return false;
    if (i > 0 && level->n > level[-1].n)
      return err_add(b->err, l->at, "level '%s' has more sites than the level below, '%s'", level->name, level[-1].name);
    if (i > 0 && plan[i - 1].homes > level->n)
      return err_add(b->err, list->child[i - 1]->at, "level '%s' has %d homes each, but '%s' has %d sites", level[-1].name,
                     plan[i - 1].homes, level->name, level->n);
    lines += i + 1 < list->n ? (double)plan[i].count * plan[i].homes : plan[i].count * (plan[i].count - 1.) / 2;
  }
  if (lines > MAX_LINKS)
    return err_add(b->err, list->at, "%.0f links; at most %d are possible (the sites of the last level are all joined)", lines,
                   MAX_LINKS);
  return true;
}

static bool read_metro(struct build *b, struct made_topology *t)
{
  const struct node *list = node_get(t->how, "levels");
  double spacing_m = get_number(t->how, "topology_metro", "spacing");
  enum layout_cells cells = (enum layout_cells)get_choice(t->how, "topology_metro", "positions");
  if (!node_is(list, NODE_LIST) || !list->n || isnan(spacing_m)) return false;
  struct layout_level *plan = arena_array(b->arena, struct layout_level, list->n);
  t->n_levels = (int)list->n;
  t->level = arena_array(b->arena, struct made_level, list->n);
  if (!metro_levels(b, t, list, plan)) return false;
  t->layout = layout_metro(b->arena, seed_of(t), t->n_levels, plan, cells, spacing_m);
  return true;
}

/* ---- places on the earth ----------------------------------------------------------------------------------------- */

/* Great circle, by the haversine. */
static double great_circle_m(double lat1, double lon1, double lat2, double lon2)
{
  double u = sin((lat2 - lat1) * DEGREE / 2), v = sin((lon2 - lon1) * DEGREE / 2);
  return 2 * EARTH_M * asin(sqrt(fmin(1, u * u + cos(lat1 * DEGREE) * cos(lat2 * DEGREE) * v * v)));
}

/* Onto a plane that is right at the mean latitude. x: longitude, y: latitude. */
static void project(double *x, double *y, int n)
{
  double mean = 0;
  for (int i = 0; i < n; i++) mean += y[i] / n;
  for (int i = 0; i < n; i++) {
    x[i] *= DEGREE * EARTH_M * cos(mean * DEGREE);
    y[i] *= DEGREE * EARTH_M;
  }
}

/* ---- GraphML ----------------------------------------------------------------------------------------------------- */

/* In the order of what is asked for. */
enum edge_column { EDGE_LATENCY, EDGE_DISTANCE, EDGE_RATE };
enum node_column { NODE_LABEL, NODE_X, NODE_Y };

static const char *attribute_of(const struct node *how, const char *key)
{
  return get_text(node_get(how, key), "graphml_weight", "attribute");
}

/* "2.5" and the unit that the scenario gives it. */
static double value_of(struct build *b, const struct made_topology *t, const char *text, const struct node *weight, int line,
                       enum quantity q)
{
  const char *unit = get_text(weight, "graphml_weight", "unit");
  char why[UNITS_WHY];
  double value;
  char *end;
  struct where at = {.file = t->file, .line = line, .column = 1};
  if (!unit) return NAN;
  strtod(text, &end);
  if (end == text || *end || !number_parse(arena_printf(b->arena, "%s %s", text, unit), q, &value, why)) {
    err_add(b->err, at, "'%s' is '%.40s'; a number is wanted, in %s", attribute_of(t->how, weight->key), text, unit);
    return NAN;
  }
  if (!(value >= 0) || !isfinite(value) || (q == Q_BYTE_RATE && value <= 0)) {
    err_add(b->err, at, "'%s' is %.40s; it cannot be negative, infinite or, a rate, 0", attribute_of(t->how, weight->key), text);
    return NAN;
  }
  return value;
}

static const char *const edge_keys[] = {"latency", "distance", "rate"};
static const enum quantity edge_quantities[] = {Q_TIME, Q_LENGTH, Q_BYTE_RATE};

/* A unit that is none is told once, at the scenario. */
static bool units_are_right(struct build *b, const struct made_topology *t)
{
  size_t errors = b->err->n_errors;
  for (int c = 0; c < 3; c++) {
    const struct node *weight = node_get(t->how, edge_keys[c]), *unit = node_get(weight, "unit");
    char why[UNITS_WHY];
    double value;
    if (unit && !number_parse(arena_printf(b->arena, "1 %s", unit->text), edge_quantities[c], &value, why))
      err_add(b->err, unit->at, "'unit': %s", why);
    if (weight && (!unit || !node_get(weight, "attribute"))) return false;
  }
  return b->err->n_errors == errors;
}

/* Edge lengths and latencies; the positions are there. */
static void graphml_edges(struct build *b, struct made_topology *t, const struct graphml *g, bool degrees)
{
  const struct node *weight[3] = {node_get(t->how, "latency"), node_get(t->how, "distance"), node_get(t->how, "rate")};
  double s_per_m = get_number(t->node, "topology", "per_km") / 1000;
  t->edge_s = arena_array(b->arena, double, g->n_edges + 1);
  t->edge_byte_per_s = weight[EDGE_RATE] ? arena_array(b->arena, double, g->n_edges + 1) : NULL;
  for (int k = 0; k < g->n_edges; k++) {
    const struct graphml_edge *e = &g->edge[k];
    double value[3] = {0}, length_m = 0;
    int i = e->from, j = e->to;
    for (int c = 0; c < 3; c++)
      if (weight[c]) value[c] = value_of(b, t, e->text[c], weight[c], e->line, edge_quantities[c]);
    if (weight[EDGE_DISTANCE]) length_m = value[EDGE_DISTANCE];
    else if (degrees) length_m = great_circle_m(t->layout.y_m[i], t->layout.x_m[i], t->layout.y_m[j], t->layout.x_m[j]);
    else if (t->layout.x_m) length_m = hypot(t->layout.x_m[i] - t->layout.x_m[j], t->layout.y_m[i] - t->layout.y_m[j]);
    t->layout.edge[k] = (struct layout_edge){i, j, 0, length_m};
    t->edge_s[k] = weight[EDGE_LATENCY] ? value[EDGE_LATENCY] : s_per_m * length_m;
    if (t->edge_byte_per_s) t->edge_byte_per_s[k] = value[EDGE_RATE];
  }
}

/* False: there are none, or they are bad. */
static bool graphml_positions(struct build *b, struct made_topology *t, const struct graphml *g, const struct node *position)
{
  static const double metres[] = {1, 1000, 1};
  double scale = metres[get_choice(position, "graphml_position", "unit")];
  if (!position) return false;
  t->layout.x_m = arena_array(b->arena, double, g->n_nodes);
  t->layout.y_m = arena_array(b->arena, double, g->n_nodes);
  for (int i = 0; i < g->n_nodes; i++) {
    const struct graphml_node *n = &g->node[i];
    double *to[] = {NULL, &t->layout.x_m[i], &t->layout.y_m[i]};
    for (int c = NODE_X; c <= NODE_Y; c++) {
      char *end;
      *to[c] = strtod(n->text[c], &end) * scale;
      if (end == n->text[c] || *end || !isfinite(*to[c]))
        return err_add(b->err, (struct where){.file = t->file, .line = n->line, .column = 1}, "the position of '%.60s' is "
                       "'%.40s'; a number is wanted", n->id, n->text[c]);
    }
  }
  return true;
}

struct labelled { const char *label; int line; };

static int compare_labels(const void *a, const void *b)
{
  const struct labelled *p = a, *q = b;
  int order = strcmp(p->label, q->label);
  return order ? order : p->line - q->line;
}

static bool labels_differ(struct build *b, const struct made_topology *t, int n)
{
  struct labelled *l = arena_array(b->arena, struct labelled, n);
  for (int i = 0; i < n; i++) l[i] = (struct labelled){t->label[i], t->line[i]};
  qsort(l, (size_t)n, sizeof *l, compare_labels);
  for (int i = 1; i < n; i++)
    if (!strcmp(l[i].label, l[i - 1].label))
      return err_add(b->err, (struct where){.file = t->file, .line = l[i].line, .column = 1}, "two nodes are called '%s' (the "
                     "other in line %d); a 'label' tells them apart", l[i].label, l[i - 1].line);
  return true;
}

/* Letters that names may have; what is left must be different. */
static bool graphml_labels(struct build *b, struct made_topology *t, const struct graphml *g, bool labelled)
{
  t->label = arena_array(b->arena, const char *, g->n_nodes);
  t->line = arena_array(b->arena, int, g->n_nodes);
  for (int i = 0; i < g->n_nodes; i++) {
    char *label = arena_printf(b->arena, "%.24s", labelled ? g->node[i].text[NODE_LABEL] : g->node[i].id);
    for (char *c = label; *c; c++)
      if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c)) *c = '-';
    t->label[i] = label;
    t->line[i] = g->node[i].line;
  }
  return labels_differ(b, t, g->n_nodes);
}

/* Exactly one thing says how long an edge is. */
static bool graphml_weights(struct build *b, const struct made_topology *t, const struct node *position)
{
  const struct node *latency = node_get(t->how, "latency"), *distance = node_get(t->how, "distance");
  const struct node *by = node_get(t->how, "by_positions");
  bool by_positions = get_flag(t->how, "topology_graphml", "by_positions");
  int n = (latency != NULL) + (distance != NULL) + by_positions;
  if (n == 0)
    return err_add(b->err, t->how->at, "graphml needs the attribute of its edges that is their 'latency' or 'distance', or "
                   "'by_positions: true'");
  if (n > 1) return err_add(b->err, t->how->at, "graphml has more than one of 'latency', 'distance' and 'by_positions'");
  if (by_positions && !position) return err_add(b->err, by->at, "'by_positions' needs 'position'");
  return units_are_right(b, t);
}

static const char *graphml_file(struct build *b, const struct node *file)
{
  const char *tried, *path = scenario_find_file(b->arena, b->folder_of, file->text, &tried);
  struct hash hash;
  if (!path) err_add(b->err, file->at, "the topology '%.200s' was not found; looked for %s", file->text, tried);
  else if (!hash_file(path, &hash)) err_system(b->err, "cannot read %s", path);
  else note_file(b->scenario, file->text, path, "topology", hash);
  return path;
}

static bool read_graphml(struct build *b, struct made_topology *t)
{
  const struct node *file = node_get(t->how, "file"), *position = node_get(t->how, "position");
  const char *label = get_text(t->how, "topology_graphml", "label");
  struct graphml g;
  size_t errors = b->err->n_errors;
  if (!node_is(file, NODE_TEXT) || !graphml_weights(b, t, position) || !(t->file = graphml_file(b, file))) return false;
  struct graphml_ask ask = {.node = {label, get_text(position, "graphml_position", "x"),
                                     get_text(position, "graphml_position", "y")}, .node_must = true, .edge_must = true};
  for (int c = 0; c < 3; c++) ask.edge[c] = attribute_of(t->how, edge_keys[c]);
  if (!graphml_read(&g, t->file, &ask, b->arena, b->err)) return false;
  if (g.n_nodes > MAX_NODES || g.n_edges > MAX_LINKS)
    return err_add(b->err, file->at, "%d nodes and %d edges; at most %d of each are possible", g.n_nodes, g.n_edges, MAX_NODES);
  t->layout = (struct layout){g.n_nodes, g.n_edges, NULL, NULL, arena_array(b->arena, struct layout_edge, g.n_edges + 1)};
  bool placed = graphml_positions(b, t, &g, position), degrees = get_choice(position, "graphml_position", "unit") == 2;
  if (b->err->n_errors > errors || !graphml_labels(b, t, &g, label != NULL)) return false;
  graphml_edges(b, t, &g, placed && degrees);
  if (placed && degrees) project(t->layout.x_m, t->layout.y_m, g.n_nodes);
  one_level(b, t, "node");
  return b->err->n_errors == errors;
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

struct regions { int n, all; int *chosen; const struct node *names; const double *rtt_s, *latitude, *longitude; };

static bool choose(struct build *b, struct regions *r, const struct node *only)
{
  const struct node *const *wanted;
  size_t n = elements(only, &wanted, b->arena);
  const char **names = arena_array(b->arena, const char *, r->all);
  for (int i = 0; i < r->all; i++) names[i] = r->names->child[i]->text ? r->names->child[i]->text : "?";
  r->n = only ? (int)n : r->all;
  r->chosen = arena_array(b->arena, int, r->n + 1);
  for (int i = 0; i < r->n; i++) {
    r->chosen[i] = only ? build_find(b, wanted[i], "region", names, r->all) : i;
    if (r->chosen[i] == NONE) return false;
    for (int k = 0; k < i; k++)
      if (r->chosen[k] == r->chosen[i]) return err_add(b->err, (only ? wanted[i] : r->names->child[i])->at, "'%s' stands twice",
                                                       names[r->chosen[i]]);
  }
  return true;
}

static bool regions_lengths(struct build *b, struct regions *r, const struct node *how)
{
  int n_rtt, n_lat, n_lon;
  const struct node *rtt = node_get(how, "rtt");
  r->rtt_s = build_numbers(b, how, "regions", "rtt", &n_rtt);
  r->latitude = build_numbers(b, how, "regions", "latitude", &n_lat);
  r->longitude = build_numbers(b, how, "regions", "longitude", &n_lon);
  if (rtt && n_rtt != r->all * r->all)
    return err_add(b->err, rtt->at, "'rtt' has %d numbers; %d regions have %d, row by row", n_rtt, r->all, r->all * r->all);
  if (n_lat != n_lon || (n_lat && n_lat != r->all))
    return err_add(b->err, how->at, "%d regions, %d latitudes, %d longitudes", r->all, n_lat, n_lon);
  if (!rtt && !n_lat)
    return err_add(b->err, how->at, "regions need 'rtt', a matrix, or 'latitude' and 'longitude' for the distance law");
  if (!rtt) r->rtt_s = NULL;
  if (!n_lat) r->latitude = r->longitude = NULL;
  return true;
}

static double region_s(const struct made_topology *t, const struct regions *r, int i, int k, double length_m)
{
  double k_s_per_m = get_number(t->how, "regions", "rtt_per_km") / 1000;
  if (r->rtt_s) return (r->rtt_s[i * r->all + k] + r->rtt_s[k * r->all + i]) / 4;
  return (get_number(t->how, "regions", "access") + k_s_per_m * length_m) / 2;
}

static bool read_regions(struct build *b, struct made_topology *t)
{
  struct regions r = {.names = node_get(t->how, "names")};
  if (!node_is(r.names, NODE_LIST) || !r.names->n)
    return !node_get(t->how, "preset") && err_add(b->err, t->how->at, "regions need 'names' or a 'preset'");
  r.all = (int)r.names->n;
  if (r.all > 300) return err_add(b->err, r.names->at, "more than 300 regions");
  if (!choose(b, &r, node_get(t->how, "only")) || !regions_lengths(b, &r, t->how)) return false;
  struct layout *l = &t->layout;
  *l = (struct layout){.n_nodes = r.n, .edge = arena_array(b->arena, struct layout_edge, r.n * r.n / 2 + 1)};
  l->n_edges = layout_mesh(l->edge, r.n);
  t->edge_s = arena_array(b->arena, double, l->n_edges + 1);
  t->label = arena_array(b->arena, const char *, r.n);
  for (int i = 0; i < r.n; i++) t->label[i] = r.names->child[r.chosen[i]]->text;
  for (int e = 0; e < l->n_edges; e++) {
    int i = r.chosen[l->edge[e].a], k = r.chosen[l->edge[e].b];
    if (r.latitude)
      l->edge[e].length_m = great_circle_m(r.latitude[i], r.longitude[i], r.latitude[k], r.longitude[k]);
    t->edge_s[e] = region_s(t, &r, i, k, l->edge[e].length_m);
  }
  if (r.latitude) {
    l->x_m = arena_array(b->arena, double, r.n);
    l->y_m = arena_array(b->arena, double, r.n);
    for (int i = 0; i < r.n; i++) {
      l->x_m[i] = r.longitude[r.chosen[i]];
      l->y_m[i] = r.latitude[r.chosen[i]];
    }
    project(l->x_m, l->y_m, r.n);
  }
  one_level(b, t, "region");
  return true;
}

/* ---- parts that do not hang together ----------------------------------------------------------------------------- */

static const char *node_called(struct build *b, const struct made_topology *t, int node)
{
  return t->label ? t->label[node] : arena_printf(b->arena, "%d", node);
}

/* "12 nodes (3, 4, ...)" of each part, the largest ones first, at most four of them. */
static const char *parts_told(struct build *b, const struct made_topology *t, const int32_t *part, const int *size)
{
  const char *text = "";
  bool *told = arena_array(b->arena, bool, t->parts);
  for (int p = 0; p < t->parts && p < 4; p++) {
    int best = NONE, named = 0;
    for (int q = 0; q < t->parts; q++)
      if (!told[q] && (best == NONE || size[q] > size[best])) best = q;
    told[best] = true;
    text = arena_printf(b->arena, "%s%s%d node%s (", text, p ? ", " : "", size[best], size[best] == 1 ? "" : "s");
    for (int i = 0; i < t->layout.n_nodes && named < 4; i++)
      if (part[i] == best) text = arena_printf(b->arena, "%s%s%s", text, named++ ? ", " : "", node_called(b, t, i));
    text = arena_printf(b->arena, "%s%s)", text, size[best] > named ? ", ..." : "");
  }
  return t->parts > 4 ? arena_printf(b->arena, "%s and %d more", text, t->parts - 4) : text;
}

/* Only the largest part: its nodes get new numbers. Such topologies have one level. */
static void keep_part(struct build *b, struct made_topology *t, const int32_t *part, int which)
{
  struct layout *l = &t->layout;
  int *number = arena_array(b->arena, int, l->n_nodes), n = 0, edges = 0;
  for (int i = 0; i < l->n_nodes; i++) {
    number[i] = part[i] == which ? n++ : NONE;
    if (number[i] == NONE) continue;
    if (l->x_m) l->x_m[number[i]] = l->x_m[i];
    if (l->y_m) l->y_m[number[i]] = l->y_m[i];
    if (t->label) t->label[number[i]] = t->label[i];
  }
  for (int k = 0; k < l->n_edges; k++) {
    struct layout_edge e = l->edge[k];
    if (number[e.a] == NONE) continue;
    if (t->edge_byte_per_s) t->edge_byte_per_s[edges] = t->edge_byte_per_s[k];
    t->edge_s[edges] = t->edge_s[k];
    l->edge[edges++] = (struct layout_edge){number[e.a], number[e.b], e.level, e.length_m};
  }
  l->n_nodes = t->level[0].n = n;
  l->n_edges = edges;
  t->parts = 1;
}

static bool check_parts(struct build *b, struct made_topology *t)
{
  enum { REFUSE, LARGEST };
  struct layout *l = &t->layout;
  int32_t *from = arena_array(b->arena, int32_t, l->n_edges + 1), *to = arena_array(b->arena, int32_t, l->n_edges + 1);
  int32_t *part = arena_array(b->arena, int32_t, l->n_nodes + 1);
  for (int k = 0; k < l->n_edges; k++) {
    from[k] = l->edge[k].a;
    to[k] = l->edge[k].b;
  }
  struct graph *g = graph_new(l->n_nodes, l->n_edges, from, to, false);
  t->parts = graph_components(g, part);
  graph_free(g);
  int choice = get_choice(t->node, "topology", "disconnected"), best = 0, away = 0;
  int *size = arena_array(b->arena, int, t->parts + 1);
  for (int i = 0; i < l->n_nodes; i++) size[part[i]]++;
  for (int p = 0; p < t->parts; p++)
    if (size[p] > size[best]) best = p;
  while (away < l->n_nodes && part[away] == best) away++;
  struct where at = t->line && away < l->n_nodes ? (struct where){.file = t->file, .line = t->line[away], .column = 1} : t->node->at;
  if (t->parts > 1 && choice == REFUSE)
    return err_add(b->err, at, "topology '%s' does not hang together: %s; 'disconnected: largest' keeps the first of these, "
                   "'keep' all", t->name, parts_told(b, t, part, size));
  if (t->parts > 1 && choice == LARGEST) keep_part(b, t, part, best);
  return true;
}

/* ---- one topology ------------------------------------------------------------------------------------------------ */

bool topology_read(struct build *b, struct made_topology *t)
{
  static const struct { const char *key; bool (*read)(struct build *, struct made_topology *); bool measured; } kinds[] = {
    {"geometric", read_geometric, true}, {"barabasi_albert", read_barabasi_albert, true}, {"metro", read_metro, true},
    {"graphml", read_graphml, false}, {"regions", read_regions, false}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!node_is(t->how = node_get(t->node, kinds[i].key), NODE_MAP)) continue;
    if (!kinds[i].read(b, t)) return false;
    if (t->layout.n_edges > MAX_LINKS) return too_many(b, t, t->layout.n_edges);
    if (kinds[i].measured) by_distance(b, t);
    return check_parts(b, t);
  }
  return err_add(b->err, t->node->at, "topology '%s' says not what it is: geometric, barabasi_albert, metro, graphml or regions",
                 t->name);
}
