#include "models/transports.h"
#include "sim/zeros.h"
#include <stdlib.h>

/* By member of the client's place; or by that and place, NULL: none yet. Both NULL: the link needs none. */
struct connections { struct connection *one, **with_place; uint64_t members; };
struct transports { int n_links, n_places; struct connections link[]; };

int transports_client(const struct world_def *w, const struct link_def *l)
{
  return w->place[l->a].tier != TIER_DEVICE && w->place[l->b].tier == TIER_DEVICE ? l->b : l->a;
}

struct transports *transports_new(const struct world_def *w)
{
  int any = 0;
  for (int k = 0; k < w->n_links; k++) any += w->link[k].transport != NULL;
  if (!any) return NULL;
  struct transports *ts = zeros_new(1, sizeof *ts + (size_t)w->n_links * sizeof *ts->link);
  ts->n_links = w->n_links;
  ts->n_places = w->n_places;
  for (int k = 0; k < w->n_links; k++) {
    struct connections *c = &ts->link[k];
    if (!w->link[k].transport) continue;
    c->members = w->place[transports_client(w, &w->link[k])].count;
    if (w->link[k].transport->spans_route) c->with_place = zeros_new(c->members, sizeof *c->with_place);
    else c->one = zeros_new(c->members, sizeof *c->one);
  }
  return ts;
}

void transports_free(struct transports *ts)
{
  for (int k = 0; ts && k < ts->n_links; k++) {
    struct connections *c = &ts->link[k];
    for (uint64_t i = 0; c->with_place && i < c->members; i++) free(c->with_place[i]);
    free(c->with_place);
    free(c->one);
  }
  free(ts);
}

struct connection *transports_connection(struct transports *ts, int link, uint32_t member, int far_place)
{
  struct connections *c = &ts->link[link];
  if (c->one) return &c->one[member];
  if (!c->with_place[member]) c->with_place[member] = zeros_new((size_t)ts->n_places, sizeof **c->with_place);
  return &c->with_place[member][far_place];
}

struct connection transports_look(const struct transports *ts, int link, uint32_t member, int far_place)
{
  const struct connections *c = &ts->link[link];
  if (c->one) return c->one[member];
  return c->with_place[member] ? c->with_place[member][far_place] : (struct connection){0};
}
