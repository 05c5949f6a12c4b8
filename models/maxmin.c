/* Max-min fair rates by progressive filling, redone only where something changed.
 *
 * Filling (Bertsekas and Gallager): raise the rates of all free bundles together; the link with the least left / free
 * flows is full first, its bundles are fixed, what they take is taken off their other links; again, until none is free.
 * Where: the bundles on a link that changed are freed and filled while all others keep their rates. Then each other
 * bundle on the links touched must still have its bottleneck: its link still full, and nobody faster there; and must
 * not be faster than who is held back by a link of its own. Who fails is freed too, and the filling is done again. When
 * nobody fails, all have a bottleneck, which is the definition. After ROUNDS rounds everything reachable is freed.
 */
#include "models/maxmin.h"
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/hash.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6, FIRST_TABLE = 64 };
static const double CLOSE = 1e-11;                      /* of a capacity or rate: as good as equal */

struct maxmin_bundle {
  double rate, was;                                     /* of each of its flows; before this settlement */
  uint32_t flows, seen;                                 /* seen: number of the settlement that freed it */
  bool fixed, dirty;
  int n;
  uint32_t bottleneck;
  struct share *share;
  struct { uint32_t link, at; } on[MAXMIN_LINKS];       /* at: place in that link's list */
  struct maxmin *maxmin;
  uint64_t hash;
  struct maxmin_bundle *next;                           /* in its row of the table */
};

struct link {
  double capacity, left, level, fastest;                /* left to the free ones; rate that it holds back at; < 0: none */
  uint32_t open, n, room, seen, flows;                  /* open: flows not fixed yet */
  bool dirty;
  struct crossing { struct maxmin_bundle *bundle; uint32_t as; } *by;   /* as: which of its links this is */
  struct heap_item item;
};

struct list { void **at; uint32_t n, room; };

struct maxmin {
  struct sim *sim;
  maxmin_done_fn *done;
  void *context;
  struct link *link;
  uint32_t n_links, link_room, n_bundles, table_size, round;
  struct maxmin_bundle **table;
  struct pool *bundles;
  struct share **spare;                                 /* of bundles that ended */
  uint32_t n_spare, spare_room;
  struct heap heap;                                     /* links by what each of their free flows may have */
  struct list dirty, changed, free, touched;            /* links (as numbers), bundles, bundles, links */
  event_id settle;
};

/* ---- small things ------------------------------------------------------------------------------------------------ */

static void *grown(void *p, size_t n, size_t bytes)
{
  void *more = realloc(p, n * bytes);
  if (!more) check_out_of_memory(n * bytes);
  return more;
}

static void list_add(struct list *l, void *item)
{
  if (l->n == l->room) l->at = grown(l->at, l->room = l->room ? 2 * l->room : 16, sizeof *l->at);
  l->at[l->n++] = item;
}

static void list_add_link(struct list *l, uint32_t link) { list_add(l, (void *)(uintptr_t)link); }
static uint32_t list_link(const struct list *l, uint32_t i) { return (uint32_t)(uintptr_t)l->at[i]; }

struct maxmin *maxmin_new(struct sim *sim, maxmin_done_fn *done, void *context)
{
  struct maxmin *m = calloc(1, sizeof *m);
  if (!m) check_out_of_memory(sizeof *m);
  m->sim = sim;
  m->done = done;
  m->context = context;
  m->bundles = pool_new(sizeof(struct maxmin_bundle));
  m->table_size = FIRST_TABLE;
  m->table = grown(NULL, FIRST_TABLE, sizeof *m->table);
  memset(m->table, 0, FIRST_TABLE * sizeof *m->table);
  return m;
}

void maxmin_free(struct maxmin *m)
{
  if (!m) return;
  size_t cursor = 0;
  for (struct maxmin_bundle *b; (b = pool_each(m->bundles, &cursor));) share_free(b->share);
  for (uint32_t k = 0; k < m->n_spare; k++) share_free(m->spare[k]);
  free(m->spare);
  pool_free(m->bundles);
  for (uint32_t k = 0; k < m->n_links; k++) free(m->link[k].by);
  heap_release(&m->heap);
  free(m->dirty.at);
  free(m->changed.at);
  free(m->free.at);
  free(m->touched.at);
  free(m->table);
  free(m->link);
  free(m);
}

uint32_t maxmin_link(struct maxmin *m, double byte_per_s)
{
  sim_assert(byte_per_s >= 0 && isfinite(byte_per_s) && m->heap.n == 0);
  if (m->n_links == m->link_room)
    m->link = grown(m->link, m->link_room = m->link_room ? 2 * m->link_room : 16, sizeof *m->link);
  m->link[m->n_links] = (struct link){ .capacity = byte_per_s };
  return m->n_links++;
}

/* ---- bundles ----------------------------------------------------------------------------------------------------- */

static double speed_of(const void *context, uint32_t users)
{
  (void)users;
  return ((const struct maxmin_bundle *)context)->rate;
}

static void on_done(struct sim *, void *context, struct share_user *);

/* Links in order; each once. */
static void sorted(const uint32_t *link, int n, uint32_t *out)
{
  for (int i = 0; i < n; i++) {
    int k = i;
    for (; k > 0 && out[k - 1] > link[i]; k--) out[k] = out[k - 1];
    sim_assert(k == 0 || out[k - 1] != link[i]);
    out[k] = link[i];
  }
}

static bool is_over(const struct maxmin_bundle *b, const uint32_t *link, int n)
{
  if (b->n != n) return false;
  for (int i = 0; i < n; i++)
    if (b->on[i].link != link[i]) return false;
  return true;
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

static void link_add(struct link *l, struct maxmin_bundle *b, int as)
{
  if (l->n == l->room) l->by = grown(l->by, l->room = l->room ? 2 * l->room : 8, sizeof *l->by);
  b->on[as].at = l->n;
  l->by[l->n++] = (struct crossing){ b, (uint32_t)as };
}

static void link_drop(struct link *l, uint32_t at)
{
  l->by[at] = l->by[--l->n];
  l->by[at].bundle->on[l->by[at].as].at = at;
}

static struct maxmin_bundle *bundle_new(struct maxmin *m, const uint32_t *link, int n, uint64_t hash)
{
  struct maxmin_bundle *b = pool_take(m->bundles);
  struct share *share = m->n_spare ? m->spare[--m->n_spare] : share_new(speed_of, on_done, b);
  share_reuse(share, b);
  *b = (struct maxmin_bundle){ .share = share, .maxmin = m, .hash = hash, .bottleneck = UINT32_MAX, .n = n };
  for (int i = 0; i < n; i++) {
    b->on[i].link = link[i];
    link_add(&m->link[link[i]], b, i);
  }
  if (m->n_bundles++ >= m->table_size) table_grow(m);
  b->next = m->table[hash % m->table_size];
  return m->table[hash % m->table_size] = b;
}

static struct maxmin_bundle *bundle_of(struct maxmin *m, const uint32_t *link, int n)
{
  uint32_t key[MAXMIN_LINKS];
  sorted(link, n, key);
  uint64_t hash = hash_bytes(key, (size_t)n * sizeof *key).lo;
  struct maxmin_bundle *b = m->table[hash % m->table_size];
  while (b && !is_over(b, key, n)) b = b->next;
  return b ? b : bundle_new(m, key, n, hash);
}

static void bundle_end(struct maxmin *m, struct maxmin_bundle *b)
{
  struct maxmin_bundle **at = &m->table[b->hash % m->table_size];
  while (*at != b) at = &(*at)->next;
  *at = b->next;
  for (int i = 0; i < b->n; i++) link_drop(&m->link[b->on[i].link], b->on[i].at);
  if (m->n_spare == m->spare_room)
    m->spare = grown(m->spare, m->spare_room = m->spare_room ? 2 * m->spare_room : 16, sizeof(struct share *));
  m->spare[m->n_spare++] = b->share;
  m->n_bundles--;
  pool_give(m->bundles, b);
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

static void free_bundle(struct maxmin *m, struct maxmin_bundle *b)
{
  if (b->seen == m->round) return;
  b->seen = m->round;
  b->was = b->rate;
  list_add(&m->free, b);
  for (int i = 0; i < b->n; i++) {
    struct link *l = &m->link[b->on[i].link];
    if (l->seen == m->round) continue;
    l->seen = m->round;
    list_add_link(&m->touched, b->on[i].link);
  }
}

static void free_all_on(struct maxmin *m, const struct link *l)
{
  for (uint32_t i = 0; i < l->n; i++) free_bundle(m, l->by[i].bundle);
}

/* What the bundles that keep their rates leave of a link. */
static void open_link(struct maxmin *m, struct link *l)
{
  l->left = l->capacity;
  l->open = 0;
  l->level = -1;
  l->fastest = 0;
  for (uint32_t i = 0; i < l->n; i++) {
    const struct maxmin_bundle *b = l->by[i].bundle;
    if (b->seen == m->round) l->open += b->flows;
    else l->left -= b->rate * b->flows;
  }
}

static double level_of(const struct link *l) { return l->left > 0 ? l->left / l->open : 0; }

static void link_wait(struct maxmin *m, uint32_t k)
{
  struct link *l = &m->link[k];
  l->item.key = level_of(l);
  l->item.order = k;
  heap_push(&m->heap, &l->item);
}

static void take_off(struct maxmin *m, struct maxmin_bundle *b, uint32_t bottleneck, double rate)
{
  b->fixed = true;
  b->bottleneck = bottleneck;
  b->rate = rate;
  for (int i = 0; i < b->n; i++) {
    struct link *l = &m->link[b->on[i].link];
    l->left -= rate * b->flows;
    l->open -= b->flows;
    l->fastest = fmax(l->fastest, rate);
  }
}

/* The next link that is full. Those that lost flows to others hold theirs back at a higher rate than when they were put
 * in, never at a lower one: they are put in anew when their turn comes. NULL: none has free flows. */
static struct link *next_full(struct maxmin *m)
{
  while (m->heap.n) {
    struct heap_item *top = heap_top(&m->heap);
    struct link *l = holder_of(top, struct link, item);
    double level = l->open ? level_of(l) : 0;
    heap_remove(&m->heap, top);
    if (l->open && level <= top->key) return l;
    if (l->open) link_wait(m, (uint32_t)top->order);
  }
  return NULL;
}

/* Rates only rise from link to link; what rounding takes from that is given back. */
static void fill(struct maxmin *m)
{
  double level = 0;
  for (uint32_t i = 0; i < m->free.n; i++) ((struct maxmin_bundle *)m->free.at[i])->fixed = false;
  for (uint32_t i = 0; i < m->touched.n; i++) {
    uint32_t k = list_link(&m->touched, i);
    open_link(m, &m->link[k]);
    if (m->link[k].open) link_wait(m, k);
  }
  for (struct link *l; (l = next_full(m));) {
    level = l->level = fmax(level, l->item.key);
    for (uint32_t i = 0; i < l->n; i++) {
      struct maxmin_bundle *b = l->by[i].bundle;
      if (b->seen == m->round && !b->fixed) take_off(m, b, (uint32_t)l->item.order, level);
    }
  }
}

/* ---- where it must be done again --------------------------------------------------------------------------------- */

static bool is_wrong(const struct link *l, uint32_t k, const struct maxmin_bundle *b)
{
  if (l->level >= 0 && b->rate > l->level * (1 + CLOSE)) return true;
  if (b->bottleneck != k) return false;
  return l->left > l->capacity * CLOSE || l->fastest > b->rate * (1 + CLOSE);
}

static bool free_wrong(struct maxmin *m)
{
  uint32_t before = m->free.n, links = m->touched.n;
  for (uint32_t i = 0; i < links; i++) {
    uint32_t k = list_link(&m->touched, i);
    struct link *l = &m->link[k];
    bool over = l->left < -l->capacity * CLOSE;
    for (uint32_t j = 0; j < l->n; j++)
      if (l->by[j].bundle->seen != m->round && (over || is_wrong(l, k, l->by[j].bundle))) free_bundle(m, l->by[j].bundle);
  }
  return m->free.n > before;
}

static void free_reachable(struct maxmin *m)
{
  for (uint32_t i = 0; i < m->touched.n; i++) free_all_on(m, &m->link[list_link(&m->touched, i)]);
}

static const struct link *worth_freeing(const struct maxmin *m, const struct maxmin_bundle *b)
{
  const struct link *best = &m->link[b->on[0].link];
  if (b->bottleneck < m->n_links) return &m->link[b->bottleneck];
  for (int i = 1; i < b->n; i++) {
    const struct link *l = &m->link[b->on[i].link];
    if (l->capacity * best->flows < best->capacity * l->flows) best = l;
  }
  return best;
}

/* The first guess: whoever shares the bottleneck of a bundle that changed, and all on a link that changed. */
static void free_changed(struct maxmin *m)
{
  m->round++;
  m->free.n = m->touched.n = 0;
  for (uint32_t i = 0; i < m->changed.n; i++) {
    struct maxmin_bundle *b = m->changed.at[i];
    b->dirty = false;
    free_bundle(m, b);
    free_all_on(m, worth_freeing(m, b));
  }
  for (uint32_t i = 0; i < m->dirty.n; i++) {
    struct link *l = &m->link[list_link(&m->dirty, i)];
    l->dirty = false;
    free_all_on(m, l);
  }
  m->changed.n = m->dirty.n = 0;
}

static void on_settle(struct sim *sim, void *subject)
{
  struct maxmin *m = subject;
  m->settle = (event_id){0};
  free_changed(m);
  for (int round = 1;; round++) {
    fill(m);
    if (!free_wrong(m)) break;
    if (round == ROUNDS) free_reachable(m);
  }
  for (uint32_t i = 0; i < m->free.n; i++) {
    struct maxmin_bundle *b = m->free.at[i];
    if (b->flows == 0) bundle_end(m, b);
    else if (b->rate != b->was) share_update(b->share, sim);
  }
}

static void settle_soon(struct maxmin *m)
{
  if (!m->settle.bits) m->settle = sim_after(m->sim, 0, PRIORITY_OBSERVE - 1, on_settle, m);
}

void maxmin_set_capacity(struct maxmin *m, uint32_t link, double byte_per_s)
{
  sim_assert(byte_per_s >= 0 && isfinite(byte_per_s));
  struct link *l = &m->link[link];
  l->capacity = byte_per_s;
  if (l->n == 0 || l->dirty) return;
  l->dirty = true;
  list_add_link(&m->dirty, link);
  settle_soon(m);
}

/* ---- flows ------------------------------------------------------------------------------------------------------- */

static void flows_change(struct maxmin_bundle *b, int by)
{
  struct maxmin *m = b->maxmin;
  b->flows += (uint32_t)by;
  for (int i = 0; i < b->n; i++) m->link[b->on[i].link].flows += (uint32_t)by;
  if (!b->dirty) list_add(&m->changed, b);
  b->dirty = true;
  settle_soon(m);
}

void maxmin_join(struct maxmin *m, struct maxmin_flow *flow, const uint32_t *link, int n, double bytes)
{
  sim_assert(n >= 1 && n <= MAXMIN_LINKS && bytes >= 0);
  flow->bundle = bundle_of(m, link, n);
  flows_change(flow->bundle, 1);
  share_join(flow->bundle->share, m->sim, &flow->user, bytes);
}

double maxmin_leave(struct maxmin *m, struct maxmin_flow *flow)
{
  flows_change(flow->bundle, -1);
  return share_leave(flow->bundle->share, m->sim, &flow->user);
}

static void on_done(struct sim *sim, void *context, struct share_user *user)
{
  struct maxmin_flow *flow = holder_of(user, struct maxmin_flow, user);
  struct maxmin_bundle *b = context;
  flows_change(b, -1);
  b->maxmin->done(sim, b->maxmin->context, flow);
}

double maxmin_left(const struct maxmin *m, const struct maxmin_flow *flow)
{
  return share_left(flow->bundle->share, m->sim, &flow->user);
}

double maxmin_rate(const struct maxmin_flow *flow) { return flow->bundle->rate; }
uint32_t maxmin_flows(const struct maxmin *m, uint32_t link) { return m->link[link].flows; }
