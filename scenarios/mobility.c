/* mobility.c: where members of a place stand, and how devices move among them. */
#include "models/track_in.h"
#include "scenarios/build.h"

#include <math.h>
#include <string.h>

/* ---- where members stand -------------------------------------------------------------------------------------------- */

static struct position point_of(const struct node *node)
{
  return (struct position){get_number(node, "corner", "x"), get_number(node, "corner", "y")};
}

static double apart(struct position a, struct position b) { return hypot(a.x_m - b.x_m, a.y_m - b.y_m); }

static double line_length(const struct node *corners)
{
  double length = 0;
  for (size_t i = 1; i < corners->n; i++) length += apart(point_of(corners->child[i - 1]), point_of(corners->child[i]));
  return length;
}

static struct position point_on(const struct node *corners, double at_m)
{
  for (size_t i = 1;; i++) {
    struct position a = point_of(corners->child[i - 1]), b = point_of(corners->child[i]);
    double part = apart(a, b), share = part > 0 ? at_m / part : 0;
    if (share <= 1 || i + 1 == corners->n)
      return (struct position){a.x_m + share * (b.x_m - a.x_m), a.y_m + share * (b.y_m - a.y_m)};
    at_m -= part;
  }
}

static bool positions_fit(struct build *b, const struct place_def *p, const struct node *place, const struct node *at,
                          const struct node *along)
{
  const struct node *list = at ? at : along;
  size_t before = b->err->n_errors;
  if (!node_is(list, NODE_LIST)) return false;
  if (p->tier == TIER_DEVICE)
    err_add(b->err, list->key_at, "places.%s: devices move, or not, by 'mobility'; 'positions' are of other places", p->name);
  else if (node_get(place, "sited"))
    err_add(b->err, list->key_at, "places.%s has 'positions' and is 'sited'; one of them says where its members stand", p->name);
  else if (p->count > MAX_SPREAD)
    err_add(b->err, list->key_at, "places.%s: at most %d members can have positions", p->name, MAX_SPREAD);
  else if (at && at->n != p->count)
    err_add(b->err, at->at, "places.%s has %llu members and %zu positions", p->name, (unsigned long long)p->count, at->n);
  else if (along && (along->n < 2 || !(line_length(along) > 0)))
    err_add(b->err, along->at, "a line has two corners at least, apart from each other");
  return b->err->n_errors == before;
}

void build_positions(struct build *b, struct place_def *p, const struct node *place)
{
  const struct node *map = node_get(place, "positions"), *at = node_get(map, "at"), *along = node_get(map, "along");
  if (!map || !positions_fit(b, p, place, at, along)) return;
  double *x = arena_array(b->arena, double, p->count), *y = arena_array(b->arena, double, p->count);
  for (uint64_t i = 0; i < p->count; i++) {
    double share = ((double)i + 0.5) / (double)p->count;
    struct position here = at ? point_of(at->child[i]) : point_on(along, share * line_length(along));
    x[i] = here.x_m;
    y[i] = here.y_m;
  }
  struct spread_def *spread = arena_alloc(b->arena, sizeof *spread);
  *spread = (struct spread_def){.x_m = x, .y_m = y, .at = NONE};
  p->spread = spread;
}

/* ---- ways ------------------------------------------------------------------------------------------------------------ */

/* Keys of other kinds than this one. */
static void keys_of_kind(struct build *b, const struct node *map, enum walk_kind kind)
{
  static const struct { const char *key; unsigned kinds; } of[] = {
    {"area", 1u << WALK_STATIC | 1u << WALK_WAYPOINT}, {"spots", 1u << WALK_STATIC | 1u << WALK_NOMADIC},
    {"road", 1u << WALK_ROAD}, {"trace", 1u << WALK_TRACE},
    {"speed", 1u << WALK_WAYPOINT | 1u << WALK_NOMADIC | 1u << WALK_ROAD},
    {"pause", 1u << WALK_WAYPOINT | 1u << WALK_NOMADIC}};
  static const char *const names[] = {"static", "random_waypoint", "nomadic", "road", "trace"};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    const struct node *node = node_get(map, of[i].key);
    bool wanted = of[i].kinds >> kind & 1, optional = kind == WALK_STATIC || !strcmp(of[i].key, "pause");
    if (node && !wanted) err_add(b->err, node->key_at, "'%s' is not for mobility of kind %s", of[i].key, names[kind]);
    if (!node && wanted && !optional) err_add(b->err, map->at, "mobility of kind %s needs '%s'", names[kind], of[i].key);
  }
}

static void build_spots(struct build *b, struct walk_def *w, const struct node *list, const char *section, size_t least)
{
  if (!node_is(list, NODE_LIST)) return;
  struct spot *spot = arena_array(b->arena, struct spot, list->n + 1);
  for (size_t i = 0; i < list->n; i++) {
    const struct node *s = list->child[i];
    spot[i] = (struct spot){get_number(s, section, "x"), get_number(s, section, "y"), 1};
    if (!strcmp(section, "spot")) spot[i].weight = get_number(s, section, "attractiveness");
    bool same = i && spot[i].x_m == spot[i - 1].x_m && spot[i].y_m == spot[i - 1].y_m;
    if (same && !node_in_error(s, b->err) && !node_in_error(list->child[i - 1], b->err)) err_add(b->err, s->at, "this point is the same as the one before it");
  }
  if (list->n < least) err_add(b->err, list->at, "%zu points at least are needed", least);
  w->spot = spot;
  w->n_spots = (int)list->n;
}

static void build_speed(struct build *b, struct walk_def *w, const struct node *node)
{
  w->speed_m_per_s = build_dist(b, node, Q_SPEED, 1);
  if (!w->speed_m_per_s) return;
  double mean = dist_mean(w->speed_m_per_s), slowest = walk_slowest(w->speed_m_per_s);
  if (mean > 0 && mean < INFINITY && slowest >= 1e-3 * mean) return;
  err_add(b->err, node->at, "speeds come too near 0, or have no mean: the slowest is %.3g m/s, the mean %.3g; devices would slow "
          "down more and more; a 'shifted' distribution has a least speed", slowest, mean);
}

static void build_trace(struct build *b, const struct place_def *p, struct mobility_def *m, const struct node *name)
{
  const char *tried, *path;
  struct hash hash;
  bool named = false;
  if (!node_is(name, NODE_TEXT) || m->to == NONE) return;
  path = scenario_find_file(b->arena, b->folder_of, name->text, &tried);
  if (!path) {
    err_add(b->err, name->at, "the mobility trace '%.200s' was not found; looked for %s", name->text, tried);
    return;
  }
  if (!hash_file(path, &hash)) err_system(b->err, "cannot read %s", path);
  else if (tracks_read(path, p->count, b->world->place[m->to].count, b->arena, &m->walk, &named, b->err))
    note_file(b->scenario, name->text, path, "mobility", hash);
  if (named) m->x_m = m->y_m = NULL, m->n_sites = 0;
}

static void build_walk(struct build *b, const struct place_def *p, struct mobility_def *m, const struct node *map)
{
  struct walk_def *w = &m->walk;
  const struct node *area = node_get(map, "area"), *spots = node_get(map, "spots"), *pause = node_get(map, "pause");
  w->kind = (enum walk_kind)get_choice(map, "mobility", "kind");
  keys_of_kind(b, map, w->kind);
  if (node_is(area, NODE_MAP)) {
    w->width_m = get_number(area, "walk_area", "width");
    w->height_m = get_number(area, "walk_area", "height");
    w->left_m = get_number(area, "walk_area", "left");
    w->bottom_m = get_number(area, "walk_area", "bottom");
  }
  if (w->kind == WALK_STATIC && !area == !spots) err_add(b->err, map->at, "mobility of kind static has either 'area' or 'spots'");
  build_spots(b, w, spots, "spot", w->kind == WALK_NOMADIC ? 2 : 1);
  build_spots(b, w, node_get(map, "road"), "corner", 2);
  build_speed(b, w, node_get(map, "speed"));
  w->pause_s = build_dist(b, pause, Q_TIME, 1);
  if (w->pause_s && !(dist_mean(w->pause_s) < INFINITY)) err_add(b->err, pause->at, "a pause needs a finite mean");
  build_trace(b, p, m, node_get(map, "trace"));
}

/* ---- attachment ------------------------------------------------------------------------------------------------------ */

static bool is_node_of(const struct place_def *p) { return p->tier != TIER_DEVICE && p->spread; }

/* Its cells or the way to them are in error themselves: told there. */
static bool cells_in_error(const struct build *b)
{
  const struct node *places = node_get(b->root, "places");
  bool bad = node_in_error(node_get(b->root, "topologies"), b->err) || node_in_error(node_get(b->root, "links"), b->err);
  for (size_t i = 0; node_is(places, NODE_LIST) && i < places->n; i++)
    bad |= node_in_error(node_get(places->child[i], "positions"), b->err);
  return bad;
}

/* The place, each member of which is a node, that a link of the devices leads to. */
static int attaches_to(const struct world_def *w, int place)
{
  for (const struct link_def *l = w->link; l < w->link + w->n_links; l++) {
    if (l->a == NONE || l->b == NONE) continue;
    if (l->a == place && is_node_of(&w->place[l->b]) && l->b_member == NONE) return l->b;
    if (l->b == place && is_node_of(&w->place[l->a]) && l->a_member == NONE) return l->a;
  }
  return NONE;
}

static void build_rule(struct build *b, struct mobility_def *m, const struct node *map)
{
  const struct node *margin = node_get(map, "margin"), *db = node_get(map, "hysteresis"), *loss = node_get(map, "path_loss");
  m->by = db ? ATTACH_STRONGEST : ATTACH_NEAREST;
  m->hysteresis = db ? get_number(map, "mobility", "hysteresis") : margin ? get_number(map, "mobility", "margin") : 0;
  m->path_loss = get_number(map, "mobility", "path_loss");
  m->trigger_s = get_number(map, "mobility", "time_to_trigger");
  m->interruption_s = get_number(map, "mobility", "interruption");
  m->in_flight = (enum in_flight)get_choice(map, "mobility", "in_flight");
  if (margin && db) err_add(b->err, db->key_at, "'margin' and 'hysteresis': one of them says when another member is better");
  if (loss && !db) err_add(b->err, loss->key_at, "'path_loss' goes with 'hysteresis'");
}

static void mobility_of_place(struct build *b, int index, struct place_def *p, const struct node *map)
{
  struct mobility_def *m = arena_alloc(b->arena, sizeof *m);
  size_t before = b->err->n_errors;
  if (p->tier != TIER_DEVICE) {
    err_add(b->err, map->key_at, "places.%s: 'mobility' is for places of tier device", p->name);
    return;
  }
  *m = (struct mobility_def){.to = attaches_to(b->world, index)};
  const struct place_def *cells = m->to == NONE ? NULL : &b->world->place[m->to];
  if (cells && cells->spread->x_m)
    m->x_m = cells->spread->x_m, m->y_m = cells->spread->y_m, m->n_sites = (uint32_t)cells->count;
  else if (!cells_in_error(b))
    err_add(b->err, map->key_at, "places.%s: no link leads from its devices to a place whose members have positions; where would "
            "they change over to?", p->name);
  build_rule(b, m, map);
  if (get_choice(map, "mobility", "kind") < 0) return; /* the schema has spoken */
  build_walk(b, p, m, map);
  if (b->err->n_errors == before) p->mobility = m;
}

void build_mobility(struct build *b)
{
  const struct node *list = node_get(b->root, "places");
  for (size_t i = 0; node_is(list, NODE_LIST) && i < list->n && (int)i < b->world->n_places; i++) {
    const struct node *map = node_get(list->child[i], "mobility");
    if (node_is(map, NODE_MAP)) mobility_of_place(b, (int)i, (struct place_def *)&b->world->place[i], map);
  }
}
