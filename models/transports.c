#include "models/transports.h"
#include "sim/check.h"
#include <stdlib.h>

struct transports { int n_links; struct connection *connection[]; };    /* by link and member; NULL: needs none */

int transports_client(const struct world_def *w, const struct link_def *l)
{
  return w->place[l->a].tier != TIER_DEVICE && w->place[l->b].tier == TIER_DEVICE ? l->b : l->a;
}

static void *zeroed(size_t n, size_t bytes)
{
  void *p = calloc(n, bytes);
  if (!p) check_out_of_memory(n * bytes);
  return p;
}

struct transports *transports_new(const struct world_def *w)
{
  int any = 0;
  for (int k = 0; k < w->n_links; k++) any += w->link[k].transport != NULL;
  if (!any) return NULL;
  struct transports *ts = zeroed(1, sizeof *ts + (size_t)w->n_links * sizeof *ts->connection);
  ts->n_links = w->n_links;
  for (int k = 0; k < w->n_links; k++)
    if (w->link[k].transport)
      ts->connection[k] = zeroed(w->place[transports_client(w, &w->link[k])].count, sizeof(struct connection));
  return ts;
}

void transports_free(struct transports *ts)
{
  for (int k = 0; ts && k < ts->n_links; k++) free(ts->connection[k]);
  free(ts);
}

struct connection *transports_connection(const struct transports *ts, int link, uint32_t member)
{
  return &ts->connection[link][member];
}
