/* Flows in time: rates are those of models/fill.c, set once at the end of each instant in which something changed.
 *
 * A bundle has a virtual clock, bytes moved by each of its flows since it began; a flow leaves when the clock comes to
 * where it was at the flow's begin plus the flow's bytes. The next end of each bundle is a leaf of a tree of minima, so
 * one event in the calendar is enough, and new rates of many bundles cost one pass over the tree.
 */
#include "models/maxmin.h"
#include "models/fill.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/hash.h"
#include "sim/zeros.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_TABLE = 64, FIRST_TREE = 16 };
static const uint32_t NONE_YET = UINT32_MAX;

struct maxmin_bundle {
  double clock, rate, first;                            /* bytes moved by each so far, at `since`; of each; at the next end */
  sim_time since;
  struct heap flows;                                    /* by the clock at which each ends */
  struct maxmin *maxmin;
  uint32_t number, floor;                               /* in fill; in floors, NONE_YET: no guarantee */
  uint64_t hash;
  struct maxmin_bundle *next;                           /* in its row of the table, or unused */
  int n; uint32_t over[MAXMIN_LINKS];                   /* numbers of links and slices, in order */
};

/* A number of maxmin_link or of maxmin_slice. at, most: links of fill, with the capacity and the maximum; floor_at,
 * floor_most: of floors, with what is guaranteed (of a link: to nobody) and the maximum. */
struct door {
  uint32_t link, next;                                  /* its own number or that of the slice's link; next slice of it */
  uint32_t at, most, floor_at, floor_most;              /* NONE_YET: none */
  double capacity, guaranteed;                          /* of a slice its maximum; of a link the sum of its slices */
};

struct maxmin {
  struct sim *sim;
  maxmin_done_fn *done;
  void *context;
  struct fill *fill, *floors;                           /* floors NULL: nothing is guaranteed */
  struct door *door;
  uint32_t n_doors, door_room, n_bundles, table_size, tree_size;
  struct maxmin_bundle **table, **of_number, *unused;   /* of_number: [tree_size] */
  uint32_t *of_floor; uint32_t floor_room;              /* number in fill of a bundle of floors */
  struct pool *bundles;
  sim_time *tree, armed;                                /* [2 * tree_size], root at 1; the time of the event */
  uint64_t joined;
  event_id event, settle;
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void *grown(void *p, size_t n, size_t bytes)
{
  void *more = realloc(p, n * bytes);
  if (!more) check_out_of_memory(n * bytes);
  return more;
}

static sim_time sooner(const sim_time *pair) { return pair[0] < pair[1] ? pair[0] : pair[1]; }

static void tree_renew(struct maxmin *m)
{
  for (uint32_t i = m->tree_size - 1; i > 0; i--) m->tree[i] = sooner(&m->tree[2 * i]);
}

static void tree_grow(struct maxmin *m, uint32_t size)
{
  uint32_t old = m->tree_size;
  m->tree = grown(m->tree, 2 * (size_t)size, sizeof *m->tree);
  m->of_number = grown(m->of_number, size, sizeof *m->of_number);
  if (old) memmove(m->tree + size, m->tree + old, old * sizeof *m->tree);
  for (uint32_t i = old; i < size; i++) m->tree[size + i] = SIM_NEVER;
  m->tree_size = size;
  tree_renew(m);
}

struct maxmin *maxmin_new(struct sim *sim, maxmin_done_fn *done, void *context)
{
  struct maxmin *m = zeros_new(1, sizeof *m);
  m->sim = sim;
  m->done = done;
  m->context = context;
  m->fill = fill_new();
  m->armed = SIM_NEVER;
  m->bundles = pool_new(sizeof(struct maxmin_bundle));
  m->table_size = FIRST_TABLE;
  m->table = grown(NULL, FIRST_TABLE, sizeof *m->table);
  memset(m->table, 0, FIRST_TABLE * sizeof *m->table);
  tree_grow(m, FIRST_TREE);
  return m;
}

void maxmin_free(struct maxmin *m)
{
  if (!m) return;
  size_t cursor = 0;
  for (struct maxmin_bundle *b; (b = pool_each(m->bundles, &cursor));) heap_release(&b->flows);
  pool_free(m->bundles);
  fill_free(m->fill);
  fill_free(m->floors);
  free(m->door);
  free(m->table);
  free(m->of_number);
  free(m->of_floor);
  free(m->tree);
  free(m);
}

/* ---- links and slices -------------------------------------------------------------------------------------------- */

static uint32_t door_add(struct maxmin *m, struct door door)
{
  if (m->n_doors == m->door_room)
    m->door = grown(m->door, m->door_room = m->door_room ? 2 * m->door_room : 16, sizeof *m->door);
  m->door[m->n_doors] = door;
  return m->n_doors++;
}

uint32_t maxmin_link(struct maxmin *m, double byte_per_s)
{
  uint32_t rest = m->floors ? fill_link(m->floors, byte_per_s) : NONE_YET;
  return door_add(m, (struct door){ .link = m->n_doors, .next = NONE_YET, .at = fill_link(m->fill, byte_per_s),
                                    .most = NONE_YET, .floor_at = rest, .floor_most = NONE_YET, .capacity = byte_per_s });
}

/* From the first guarantee on all doors have a twin in floors. */
static void floors_open(struct maxmin *m)
{
  if (m->floors) return;
  m->floors = fill_new();
  for (struct door *d = m->door; d < m->door + m->n_doors; d++) {
    bool slice = d->link != (uint32_t)(d - m->door);
    if (!slice) d->floor_at = fill_link(m->floors, d->capacity);
    else if (d->most != NONE_YET) d->floor_most = fill_link(m->floors, d->capacity);
  }
}

/* What is guaranteed, of what a link has now, to each of its slices and to nobody. */
static void share_out(struct maxmin *m, uint32_t link)
{
  const struct door *l = &m->door[link];
  if (!m->floors) return;
  double part = l->guaranteed > l->capacity ? l->capacity / l->guaranteed : 1;
  fill_set_capacity(m->floors, l->floor_at, part < 1 ? 0 : l->capacity - l->guaranteed);
  for (uint32_t k = l->next; k != NONE_YET; k = m->door[k].next)
    if (m->door[k].guaranteed > 0) fill_set_capacity(m->floors, m->door[k].floor_at, part * m->door[k].guaranteed);
}

uint32_t maxmin_slice(struct maxmin *m, uint32_t link, double guaranteed, double maximum)
{
  sim_assert(m->door[link].link == link && guaranteed >= 0 && isfinite(guaranteed) && guaranteed <= maximum);
  bool capped = isfinite(maximum);
  if (guaranteed > 0) floors_open(m);
  struct door d = { .link = link, .next = m->door[link].next, .at = m->door[link].at, .most = NONE_YET,
                    .floor_at = NONE_YET, .floor_most = NONE_YET, .capacity = maximum, .guaranteed = guaranteed };
  if (capped) d.most = fill_link(m->fill, maximum);
  if (guaranteed > 0) d.floor_at = fill_link(m->floors, guaranteed);
  else if (m->floors && capped) d.floor_most = fill_link(m->floors, maximum);
  m->door[link].guaranteed += guaranteed;
  m->door[link].next = m->n_doors;
  uint32_t number = door_add(m, d);
  share_out(m, link);
  return number;
}

/* ---- when the next flow ends ------------------------------------------------------------------------------------- */

static void advance(struct maxmin_bundle *b, sim_time now)
{
  if (now != b->since) b->clock += (double)(now - b->since) * b->rate / NS_PER_S;
  b->since = now;
}

/* Of the clock as it is now. */
static sim_time due(const struct maxmin_bundle *b)
{
  if (b->flows.n == 0 || b->rate <= 0) return SIM_NEVER;
  double left = b->first - b->clock;
  return left > 0 ? time_add(b->since, ns_from_s(left / b->rate)) : b->since;
}

static void due_set(struct maxmin *m, const struct maxmin_bundle *b)
{
  uint32_t i = m->tree_size + b->number;
  m->tree[i] = due(b);
  for (i /= 2; i > 0; i /= 2) {
    sim_time first = sooner(&m->tree[2 * i]);
    if (m->tree[i] == first) return;
    m->tree[i] = first;
  }
}

static struct maxmin_bundle *first_due(const struct maxmin *m)
{
  uint32_t i = 1;
  while (i < m->tree_size) i = 2 * i + (m->tree[2 * i] > m->tree[2 * i + 1]);
  return m->of_number[i - m->tree_size];
}

static void on_end(struct sim *, void *subject);

static void arm(struct maxmin *m)
{
  if (m->armed == m->tree[1]) return;
  sim_cancel(m->sim, m->event);
  m->armed = m->tree[1];
  m->event = sim_at(m->sim, m->armed, PRIORITY_COMPLETE, on_end, m);
}

/* ---- bundles ----------------------------------------------------------------------------------------------------- */

/* Numbers in order; each once. */
static void sorted(const uint32_t *link, int n, uint32_t *out)
{
  for (int i = 0; i < n; i++) {
    int k = i;
    for (; k > 0 && out[k - 1] > link[i]; k--) out[k] = out[k - 1];
    sim_assert(k == 0 || out[k - 1] != link[i]);
    out[k] = link[i];
  }
}

static void table_grow(struct maxmin *m)
{
  uint32_t size = 4 * m->table_size;
  struct maxmin_bundle **table = grown(NULL, size, sizeof *table);
  memset(table, 0, size * sizeof *table);
  for (uint32_t k = 0; k < m->table_size; k++)
    for (struct maxmin_bundle *b = m->table[k], *next; b; b = next) {
      next = b->next;
      b->next = table[b->hash % size];
      table[b->hash % size] = b;
    }
  free(m->table);
  m->table = table;
  m->table_size = size;
}

static uint32_t rates_new(struct maxmin *m, const struct maxmin_bundle *b)
{
  uint32_t link[FILL_LINKS];
  int n = 0;
  for (int i = 0; i < b->n; i++) {
    const struct door *d = &m->door[b->over[i]];
    link[n++] = d->at;
    if (d->most != NONE_YET) link[n++] = d->most;
  }
  return fill_bundle(m->fill, link, n);
}

static uint32_t floor_new(struct maxmin *m, const struct maxmin_bundle *b)
{
  uint32_t link[FILL_LINKS];
  int n = 0, guaranteed = 0;
  for (int i = 0; m->floors && i < b->n; i++) {
    const struct door *d = &m->door[b->over[i]];
    bool has = d->link != b->over[i] && d->guaranteed > 0;
    guaranteed += has;
    link[n++] = has ? d->floor_at : m->door[d->link].floor_at;
    if (d->floor_most != NONE_YET) link[n++] = d->floor_most;
  }
  return guaranteed ? fill_bundle(m->floors, link, n) : NONE_YET;
}

static struct maxmin_bundle *bundle_take(struct maxmin *m)
{
  struct maxmin_bundle *b = m->unused;
  if (!b) b = memset(pool_take(m->bundles), 0, sizeof *b);
  else m->unused = b->next;
  return b;
}

static void number_bundle(struct maxmin *m, struct maxmin_bundle *b)
{
  b->number = rates_new(m, b);
  b->floor = floor_new(m, b);
  while (b->number >= m->tree_size) tree_grow(m, 2 * m->tree_size);
  m->of_number[b->number] = b;
  if (b->floor == NONE_YET) return;
  while (b->floor >= m->floor_room)
    m->of_floor = grown(m->of_floor, m->floor_room = m->floor_room ? 2 * m->floor_room : 16, sizeof *m->of_floor);
  m->of_floor[b->floor] = b->number;
}

static struct maxmin_bundle *bundle_new(struct maxmin *m, const uint32_t *over, int n, uint64_t hash)
{
  struct maxmin_bundle *b = bundle_take(m);
  b->maxmin = m;
  b->clock = b->rate = 0;
  b->since = sim_now(m->sim);
  b->hash = hash;
  b->n = n;
  memcpy(b->over, over, (size_t)n * sizeof *over);
  number_bundle(m, b);
  if (m->n_bundles++ >= m->table_size) table_grow(m);
  b->next = m->table[hash % m->table_size];
  return m->table[hash % m->table_size] = b;
}

static struct maxmin_bundle *bundle_of(struct maxmin *m, const uint32_t *link, int n)
{
  uint32_t over[MAXMIN_LINKS];
  sorted(link, n, over);
  uint64_t hash = hash_bytes(over, (size_t)n * sizeof *over).lo;
  struct maxmin_bundle *b = m->table[hash % m->table_size];
  while (b && (b->n != n || memcmp(b->over, over, (size_t)n * sizeof *over) != 0)) b = b->next;
  return b ? b : bundle_new(m, over, n, hash);
}

static void bundle_end(struct maxmin *m, struct maxmin_bundle *b)
{
  struct maxmin_bundle **at = &m->table[b->hash % m->table_size];
  while (*at != b) at = &(*at)->next;
  *at = b->next;
  fill_end(m->fill, b->number);
  b->next = m->unused;
  m->unused = b;
  m->n_bundles--;
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

static void settle_floors(struct maxmin *m)
{
  struct fill_list changed = fill_settle(m->floors);
  for (uint32_t i = 0; i < changed.n; i++) {
    uint32_t k = changed.at[i];
    if (fill_flows(m->floors, k) == 0) fill_end(m->floors, k);
    else fill_set_floor(m->fill, m->of_floor[k], fill_rate(m->floors, k));
  }
}

static void on_settle(struct sim *sim, void *subject)
{
  struct maxmin *m = subject;
  m->settle = (event_id){0};
  if (m->floors) settle_floors(m);
  struct fill_list changed = fill_settle(m->fill);
  bool many = changed.n > m->tree_size / 8;
  for (uint32_t i = 0; i < changed.n; i++) {
    struct maxmin_bundle *b = m->of_number[changed.at[i]];
    advance(b, sim_now(sim));
    b->rate = fill_rate(m->fill, b->number);
    if (many) m->tree[m->tree_size + b->number] = due(b);
    else due_set(m, b);
    if (b->flows.n == 0) bundle_end(m, b);
  }
  if (many) tree_renew(m);
  arm(m);
}

static void settle_soon(struct maxmin *m)
{
  if (!m->settle.bits) m->settle = sim_after(m->sim, 0, PRIORITY_OBSERVE - 1, on_settle, m);
}

void maxmin_set_capacity(struct maxmin *m, uint32_t link, double byte_per_s)
{
  sim_assert(m->door[link].link == link);
  m->door[link].capacity = byte_per_s;
  fill_set_capacity(m->fill, m->door[link].at, byte_per_s);
  share_out(m, link);
  settle_soon(m);
}

/* ---- flows ------------------------------------------------------------------------------------------------------- */

static void flows_changed(struct maxmin_bundle *b)
{
  struct maxmin *m = b->maxmin;
  if (b->flows.n == 0) b->clock = 0;                    /* an idle clock starts anew: it keeps all its digits */
  else b->first = heap_top(&b->flows)->key;
  fill_set_flows(m->fill, b->number, b->flows.n);
  if (b->floor != NONE_YET) fill_set_flows(m->floors, b->floor, b->flows.n);
  settle_soon(m);
}

void maxmin_join(struct maxmin *m, struct maxmin_flow *flow, const uint32_t *link, int n, double bytes)
{
  sim_assert(n >= 1 && n <= MAXMIN_LINKS && bytes >= 0);
  struct maxmin_bundle *b = flow->bundle = bundle_of(m, link, n);
  advance(b, sim_now(m->sim));
  flow->user.finish.key = b->clock + bytes;
  flow->user.finish.order = m->joined++;
  heap_push(&b->flows, &flow->user.finish);
  flows_changed(b);
}

double maxmin_left(const struct maxmin *m, const struct maxmin_flow *flow)
{
  const struct maxmin_bundle *b = flow->bundle;
  double moved = (double)(sim_now(m->sim) - b->since) * b->rate / NS_PER_S;
  return fmax(0, flow->user.finish.key - b->clock - moved);
}

double maxmin_leave(struct maxmin *m, struct maxmin_flow *flow)
{
  double left = maxmin_left(m, flow);
  struct maxmin_bundle *b = flow->bundle;
  advance(b, sim_now(m->sim));
  heap_remove(&b->flows, &flow->user.finish);
  flows_changed(b);
  due_set(m, b);                                        /* an event of this instant may come before the settlement */
  return left;
}

static void on_end(struct sim *sim, void *subject)
{
  struct maxmin *m = subject;
  m->event = (event_id){0};
  m->armed = SIM_NEVER;
  if (m->tree[1] > sim_now(sim)) return arm(m);
  struct maxmin_bundle *b = first_due(m);
  struct heap_item *first = heap_top(&b->flows);
  advance(b, sim_now(sim));
  heap_remove(&b->flows, first);
  flows_changed(b);
  due_set(m, b);
  arm(m);
  m->done(sim, m->context, holder_of(holder_of(first, struct share_user, finish), struct maxmin_flow, user));
}

double maxmin_rate(const struct maxmin_flow *flow) { return flow->bundle->rate; }
uint64_t maxmin_flows(const struct maxmin *m, uint32_t link) { return fill_link_flows(m->fill, m->door[link].at); }
