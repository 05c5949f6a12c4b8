/* changes.c: what is another number from a time on. Paths and values are checked by the rows of section "target". */
#include "scenarios/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TARGETS = 16 };

/* In the order of the rows of section "target". */
static const enum change_what whats[] = {
  CHANGE_RATE_SCALE, CHANGE_BACKGROUND, CHANGE_AVAILABLE, CHANGE_PRICE, CHANGE_SPEED, CHANGE_INSTANCES,
  CHANGE_TIME_USD, CHANGE_REQUEST_USD, CHANGE_INPUT_USD, CHANGE_OUTPUT_USD, CHANGE_EGRESS_USD, CHANGE_NODE};

/* ---- where a path leads ---------------------------------------------------------------------------------------- */

static struct where part_at(const struct node *path, const char *part)
{
  struct where at = path->at;
  at.column += (int)(part - path->text) + path->quoted;
  at.length = (int)strcspn(part, ".");
  return at;
}

static bool no_such(struct build *b, const struct node *path, const char *part, const char *what,
                    const char *const *names, size_t n)
{
  bool last = n > 2;                                    /* a key may have dots, a part before has none */
  const char *word = arena_printf(b->arena, "%.*s", last ? 64 : (int)strcspn(part, "."), part), *near = nearest(word, names, n);
  if (near)
    return err_add(b->err, part_at(path, part), "unknown %s '%s' in '%.200s'; did you mean '%s'?", what, word, path->text,
                   near);
  char all[400] = "";
  for (size_t i = 0; i < n && strlen(all) < 300; i++)
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s%.60s", i ? ", " : "", names[i]);
  return err_add(b->err, part_at(path, part), "unknown %s '%s' in '%.200s'; there are: %s", what, word, path->text, all);
}

/* "a.b.rest" or "a.b[3].rest" begins with the longest of the names: what follows it. */
static const char *after_longest(const char *text, const char *const *names, int n, int *index)
{
  size_t longest = 0;
  for (int i = 0; i < n; i++) {
    size_t length = strlen(names[i]);
    if (length <= longest || strncmp(text, names[i], length) || (text[length] != '.' && text[length] != '[')) continue;
    longest = length;
    *index = i;
  }
  return longest ? text + longest : NULL;
}

/* The row of `target`: "links.NAME." and what comes after the name. */
static const struct key *target_of(struct build *b, const struct node *path, const char *room, const char *rest)
{
  const char *rows[TARGETS], *ends[TARGETS];
  size_t n = key_names("target", rows, TARGETS), prefix = strlen(room) + strlen(".NAME."), fit = 0;
  for (size_t i = 0; i < n; i++) {
    if (strncmp(rows[i], room, strlen(room))) continue;
    if (!strcmp(rows[i] + prefix, rest)) return key_find("target", rows[i]);
    ends[fit++] = rows[i] + prefix;
  }
  no_such(b, path, rest, "key", ends, fit);
  return NULL;
}

/* "[3].rest" or ".rest": the rest; *member NONE where there is none. NULL after adding. */
static const char *after_member(struct build *b, const struct node *path, const char *text, const struct place_def *p,
                                int64_t *member)
{
  *member = NONE;
  if (*text == '.') return text + 1;
  char *end;
  unsigned long long number = strtoull(text + 1, &end, 10);
  if (end > text + 1 && !strncmp(end, "].", 2) && p && number < p->count) {
    *member = (int64_t)number;
    return end + 2;
  }
  if (p) err_add(b->err, part_at(path, text), "'%.200s': '%s' has the members 0 to %llu", path->text, p->name,
                 (unsigned long long)p->count - 1);
  else err_add(b->err, part_at(path, text), "'%.200s': a link has no members", path->text);
  return NULL;
}

static const struct key *find_target(struct build *b, const struct node *path, struct change_def *c)
{
  static const char *const rooms[] = {"links", "places"};
  const char *text = path->text, *rest, *dot = strchr(text, '.');
  int room = !strncmp(text, "links.", 6) ? 0 : !strncmp(text, "places.", 7) ? 1 : NONE;
  if (room == NONE) {
    no_such(b, path, text, "part", rooms, 2);
    return NULL;
  }
  int n = room ? b->world->n_places : b->world->n_links;
  const char **names = arena_array(b->arena, const char *, n + 1);
  for (int i = 0; i < n; i++) names[i] = room ? b->world->place[i].name : b->world->link[i].name;
  rest = after_longest(dot + 1, names, n, &c->index);
  if (rest) {
    rest = after_member(b, path, rest, room ? &b->world->place[c->index] : NULL, &c->member);
    return rest ? target_of(b, path, rooms[room], rest) : NULL;
  }
  const char *end = strchr(dot + 1, '.'), *word = dot + 1;
  struct node part = *path;
  part.at = part_at(path, word);
  part.text = arena_printf(b->arena, "%.*s", end ? (int)(end - word) : 64, word);
  build_find(b, &part, room ? "place" : "link", names, n);
  return NULL;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

/* As the row says; false after adding. */
static bool value_of(struct build *b, const struct key *target, const struct node *to, double *value)
{
  size_t errors = b->err->n_errors;
  struct node *map = node_new(b->arena, NODE_MAP, to->at);
  node_put(b->arena, map, target->name, node_copy(b->arena, to));
  schema_check_as(map, "target", "changes", b->err);
  if (b->err->n_errors > errors) return false;
  *value = target->value == V_FLAG ? get_flag(map, "target", target->name)
           : target->value == V_CHOICE ? 0 : get_number(map, "target", target->name);
  return true;
}

/* What the file says; NAN: both directions of a link's price have their own. */
static double base_of(const struct build *b, const struct change_def *c)
{
  const struct link_def *l = change_is_of_link(c->what) ? &b->world->link[c->index] : NULL;
  const struct tariff_def *f = l ? NULL : &b->world->place[c->index].tariff;
  switch (c->what) {
  case CHANGE_BACKGROUND: return l->background_load;
  case CHANGE_PRICE: return NAN;
  case CHANGE_TIME_USD: return f->usd_per_s;
  case CHANGE_REQUEST_USD: return f->usd_per_request;
  case CHANGE_INPUT_USD: return f->usd_per_tok_in;
  case CHANGE_OUTPUT_USD: return f->usd_per_tok_out;
  case CHANGE_EGRESS_USD: return f->usd_per_byte_out;
  default: return 1;
  }
}

/* ---- what does not fit together -------------------------------------------------------------------------------- */

static void check_times(struct build *b, const struct change_def *c, const struct node *node)
{
  const struct node *over = node_get(node, "over"), *back = node_get(node, "for"), *every = node_get(node, "every");
  bool ramps = c->what == CHANGE_RATE_SCALE || c->what == CHANGE_BACKGROUND || c->what == CHANGE_SPEED;
  if (over && !ramps)
    err_add(b->err, over->key_at, "'over' is for rate_scale, background and speed; others change at once");
  if (back && c->what == CHANGE_INSTANCES)
    err_add(b->err, back->key_at, "instances that are cold warm up by themselves; 'for' says nothing here");
  if (back && c->over_s > c->for_s)
    err_add(b->err, back->at, "'for' is shorter than the ramp ('over')");
  if (every && c->every_s < fmax(c->over_s, c->for_s))
    err_add(b->err, every->at, "'every' is shorter than one round ('%s')", c->for_s >= c->over_s ? "for" : "over");
}

static void check_place(struct build *b, const struct change_def *c, const struct node *path)
{
  const struct place_def *p = &b->world->place[c->index];
  if (c->what == CHANGE_INSTANCES && !p->instances)
    err_add(b->err, path->at, "places.%s has no 'instances': its servers are always there", p->name);
  if (c->what == CHANGE_INSTANCES && p->instances && (p->batching || p->llm))
    err_add(b->err, path->at, "places.%s: instances that batch requests or are LLM engines cannot be made cold yet", p->name);
  if (c->what == CHANGE_TIME_USD && p->instances)
    err_add(b->err, path->at, "places.%s: the price of time of instances cannot change yet", p->name);
  if (c->what == CHANGE_NODE && !p->spread)
    err_add(b->err, path->at, "places.%s: its members are no nodes; 'available' is for levels of topologies and for places "
            "that are 'sited' at such (links have 'available' too)", p->name);
  if (c->what != CHANGE_NODE && c->member != NONE)
    err_add(b->err, path->at, "places.%s: only 'available' can change for one member", p->name);
  const struct tariff_terms *t = p->tariff.terms;
  if (c->what == CHANGE_TIME_USD && t && (t->by_use || t->minimum_s > 0 || t->granularity_s > 0 || t->free_use_s > 0))
    err_add(b->err, path->at, "places.%s: a price of time that is rounded up or free for a while cannot change yet", p->name);
  if (c->what == CHANGE_TIME_USD && t && t->reserved)
    err_add(b->err, path->at, "places.%s: the price of time beside reserved servers cannot change yet", p->name);
  if (c->what == CHANGE_EGRESS_USD && t && t->n_tiers > 0)
    err_add(b->err, path->at, "places.%s: a price of egress in tiers cannot change yet", p->name);
  if (c->what == CHANGE_TIME_USD && p->kind == PLACE_API)
    err_add(b->err, path->at, "places.%s: an api is not paid by time", p->name);
}

static void check_link(struct build *b, const struct change_def *c, const struct node *path)
{
  const struct link_def *l = &b->world->link[c->index];
  if ((c->what == CHANGE_RATE_SCALE || c->what == CHANGE_BACKGROUND) && l->up_byte_per_s <= 0)
    err_add(b->err, path->at, "links.%s has no 'rate' that could change: it is unlimited", l->name);
}

/* ---- one change ------------------------------------------------------------------------------------------------ */

static double or_zero(const struct node *node, const char *name)
{
  double s = get_number(node, "change", name);
  return isnan(s) ? 0 : s;
}

static bool build_change(struct build *b, struct change_def *c, const struct node *node)
{
  const struct node *path = node_get(node, "path"), *to = node_get(node, "to");
  if (!node_is(path, NODE_TEXT) || !node_is(to, NODE_TEXT)) return false;
  const char *rows[TARGETS];
  const struct key *target = find_target(b, path, c);
  if (!target || !value_of(b, target, to, &c->to)) return false;
  size_t n = key_names("target", rows, TARGETS);
  for (size_t i = 0; i < n; i++)
    if (!strcmp(rows[i], target->name)) c->what = whats[i];
  c->at_s = or_zero(node, "at");
  c->over_s = or_zero(node, "over");
  c->for_s = or_zero(node, "for");
  c->every_s = or_zero(node, "every");
  c->base = base_of(b, c);
  check_times(b, c, node);
  if (change_is_of_link(c->what)) check_link(b, c, path);
  else check_place(b, c, path);
  return true;
}

/* A factor of the file's own is part of the link's rates already. */
static void relative_scale(struct build *b, struct change_def *c)
{
  const struct node *links = node_get(b->root, "links");
  if (c->what != CHANGE_RATE_SCALE || !node_is(links, NODE_LIST) || (size_t)c->index >= links->n) return;
  c->to /= get_number(links->child[c->index], "link", "rate_scale");
}

/* Of a run whose end is known. */
static void warn_late(struct build *b, const struct change_def *c, const struct node *node)
{
  const struct horizon_def *h = &b->world->horizon;
  double end_s = h->duration_s + h->warmup_s;
  bool known = h->duration_s > 0 && (h->kind == HORIZON_TERMINATING || !h->warmup_auto);
  if (known && c->at_s >= end_s)
    err_warn(b->err, node_get(node, "at")->at, "the change at %g s comes after the last arrivals: the horizon ends at %g s",
             c->at_s, end_s);
}

/* Discount, memory and what was bought stay as they are. */
static void whole_price(struct build *b, struct change_def *c)
{
  const struct node *places = node_get(b->root, "places");
  if (c->what != CHANGE_TIME_USD || !node_is(places, NODE_LIST) || (size_t)c->index >= places->n) return;
  c->to = build_usd_per_s(b, node_get(places->child[c->index], "tariff"), c->to);
}

void build_changes(struct build *b)
{
  const struct node *list = node_get(b->root, "changes");
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  n = n > YAML_KEYS ? YAML_KEYS : n;                    /* more was refused by the schema */
  struct change_def *all = arena_array(b->arena, struct change_def, n + 1);
  for (size_t i = 0; i < n; i++) {
    struct change_def *c = &all[b->world->n_changes];
    if (!build_change(b, c, list->child[i])) continue;
    relative_scale(b, c);
    warn_late(b, c, list->child[i]);
    whole_price(b, c);
    b->world->n_changes++;
  }
  b->world->change = all;
  if (n && b->world->horizon.kind == HORIZON_STEADY)
    err_warn(b->err, list->key_at, "with 'changes' a run is not steady; 'horizon.kind: terminating' takes its intervals "
             "from replications alone");
}
