/* radio.c: `radio` and `transport` of a link. */
#include "scenarios/build.h"

#include <math.h>

static double or_zero(double x) { return isnan(x) ? 0 : x; }

/* Power, and when it listens: the same in a stage and idle. */
static struct radio_stage build_power(struct build *b, const struct node *node, const char *section)
{
  const struct node *cycle = node_get(node, "cycle"), *on = node_get(node, "on");
  struct radio_stage s = {.power_w = get_number(node, section, "power"),
                          .cycle_s = or_zero(get_number(node, section, "cycle")),
                          .on_s = or_zero(get_number(node, section, "on")),
                          .on_w = get_number(node, section, "listening")};
  if (!cycle != !on)
    err_add(b->err, (cycle ? cycle : on)->key_at, "'cycle' and 'on' of a radio come together");
  else if (s.on_s > s.cycle_s)
    err_add(b->err, on->at, "it cannot listen for longer than the cycle");
  else if (s.on_w > 0 && !cycle)
    err_add(b->err, node_get(node, "listening")->at, "'listening' needs a 'cycle' and how long it is 'on'");
  return s;
}

static void set_resume(struct radio_stage *s, const struct node *resume)
{
  if (!node_is(resume, NODE_MAP)) return;
  s->resume_s = get_number(resume, "radio_resume", "lasts");
  s->resume_w = get_number(resume, "radio_resume", "power");
}

static void build_stages(struct build *b, struct radio_def *d, const struct node *list)
{
  size_t n = node_is(list, NODE_LIST) ? list->n : 0;
  if (n > RADIO_STAGES - 1) {
    err_add(b->err, list->at, "more than %d stages", RADIO_STAGES - 1);
    n = RADIO_STAGES - 1;
  }
  for (size_t i = 0; i < n; i++) {
    struct radio_stage *s = &d->stage[d->n_stages++];
    *s = build_power(b, list->child[i], "radio_stage");
    s->name = node_name(list->child[i]) ? node_name(list->child[i]) : "?";
    s->for_s = get_number(list->child[i], "radio_stage", "lasts");
    set_resume(s, node_get(list->child[i], "resume"));
  }
}

static const struct radio_def *radio_of_map(struct build *b, const struct node *node, const char *name)
{
  struct radio_def *d = arena_alloc(b->arena, sizeof *d);
  *d = (struct radio_def){.name = name, .up_j_per_byte = get_number(node, "radio", "send"),
                          .down_j_per_byte = get_number(node, "radio", "receive"),
                          .base_w = get_number(node, "radio", "base")};
  const struct node *anchor = node_get(node, "anchor");
  if (node_is(anchor, NODE_MAP)) {
    d->anchor_s = get_number(anchor, "radio_anchor", "lasts");
    d->anchor_byte_per_s[0] = get_number(anchor, "radio_anchor", "up");
    d->anchor_byte_per_s[1] = get_number(anchor, "radio_anchor", "down");
  }
  build_stages(b, d, node_get(node, "stages"));
  d->stage[d->n_stages] = build_power(b, node_get(node, "idle"), "radio_idle");
  d->stage[d->n_stages].name = "idle";
  set_resume(&d->stage[d->n_stages++], node_get(node, "promotion"));
  return d;
}

static bool is_device(const struct build *b, int place)
{
  return place != NONE && b->world->place[place].tier == TIER_DEVICE;
}

const struct radio_def *build_radio(struct build *b, const struct link_def *l, const struct node *link)
{
  const struct node *radio = node_get(link, "radio"), *power = node_get(link, "power"), *map = radio;
  if (!radio || l->a == NONE || l->b == NONE) return NULL;
  if (is_device(b, l->a) == is_device(b, l->b))
    err_add(b->err, radio->key_at, "links.%s: a radio is of the device at one end of the link, and of one only", l->name);
  if (power)
    err_add(b->err, power->key_at, "links.%s has 'power' and a 'radio'; both say what the device spends", l->name);
  if (node_is(radio, NODE_TEXT)) map = node_get(node_get(b->root, "radios"), radio->text);
  return node_is(map, NODE_MAP) && map->n ? radio_of_map(b, map, map == radio ? l->name : radio->text) : NULL;
}

/* ---- transport -------------------------------------------------------------------------------------------------- */

const struct transport_def *build_transport(struct build *b, const struct link_def *l, const struct node *node)
{
  const struct node *resume = node_get(node, "resume");
  struct transport_def *d = arena_alloc(b->arena, sizeof *d);
  if (!node_is(node, NODE_MAP)) return NULL;
  *d = (struct transport_def){
    .protocol = (enum transport_protocol)get_choice(node, "transport", "protocol"),
    .resume = (enum transport_resume)get_choice(node, "transport", "resume"),
    .certificate = (enum transport_certificate)get_choice(node, "transport", "certificate"),
    .chain_bytes = get_number(node, "transport", "chain"), .keep_s = get_number(node, "transport", "keep"),
    .rto_s = get_number(node, "transport", "rto"), .dns_keep_s = or_zero(get_number(node, "transport", "dns")),
    .spans_route = get_choice(node, "transport", "spans") == 1, .cpu_speed = get_number(node, "transport", "cpu_speed"), .cpu_w = get_number(node, "transport", "cpu_power")};
  bool early = d->resume == RESUME_EARLY_DATA, newer = d->protocol == TRANSPORT_TLS13 || d->protocol == TRANSPORT_QUIC;
  if (d->spans_route && l->a != NONE && l->b != NONE && !is_device(b, l->a) && !is_device(b, l->b))
    err_add(b->err, node_get(node, "spans")->at, "links.%s: a connection that spans the route begins at a device, at an end of the link",
            l->name);
  if (resume && d->protocol == TRANSPORT_TCP && d->resume != RESUME_NONE)
    err_add(b->err, resume->at, "links.%s: tcp alone has no session to resume", l->name);
  else if (resume && early && !newer)
    err_add(b->err, resume->at, "links.%s: early data need tls13 or quic", l->name);
  return d;
}
