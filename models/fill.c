/* Max-min fair rates by progressive filling, redone only where something changed.
 *
 * Filling (Bertsekas and Gallager): raise the rates of all free bundles together; the link with the least left / free
 * flows is full first, its bundles are fixed, what they take is taken off their other links; again, until none is free.
 * A bundle with a floor waits at it, what it takes reserved, until the others have come as far.
 * Where: the bundles on a link that changed are freed and filled while all others keep their rates. Then each other
 * bundle on the links touched must still have its bottleneck: its link still full, and nobody faster there but by a
 * floor; and must not be faster than who is held back by a link of its own. Who fails is freed too, and the filling is
 * done again. When nobody fails, all have a bottleneck, which is the definition. After ROUNDS rounds whatever is on the
 * links touched is freed.
 * What is looked at most lies together: a word of state for each bundle, and 32 bytes of rates.
 */
#include "models/fill.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 6 };
static const double CLOSE = 1e-11;                      /* of a capacity or rate: as good as equal */
static const uint32_t NOWHERE = UINT32_MAX;

struct rates { double rate, floor; uint32_t flows, bottleneck; bool dirty; };
struct way { int n; struct { uint32_t link, at; } on[FILL_LINKS]; };  /* at: place in that link's list */

struct link {
  double capacity, left, level, fastest;                /* left to the free ones; rate that it holds back at; < 0: none */
  double left_all; uint32_t open_all;                   /* left and open before anything is filled */
  uint32_t open, n, room, seen;                         /* open: flows not fixed yet */
  uint64_t flows;
  bool dirty;
  struct crossing { uint32_t bundle, as; } *by;         /* as: which of its links this is */
};

struct list { uint32_t *at, n, room; };
struct turn { double level; uint32_t link; };           /* of a link in the heap: what its free flows may have */

struct fill {
  struct link *link;
  uint32_t *state;                                      /* of a bundle: OPEN or FIXED in this settlement, else kept */
  struct rates *rates;
  struct way *way;
  struct turn *turn;                                    /* heap, least level first */
  uint32_t n_links, link_room, n_bundles, bundle_room, n_turns, turn_room, opened, round;
  struct list unused, dirty, changed, free, touched, waiting; /* bundles, links, bundles, bundles, links, bundles */
};
#define OPEN(f) (2 * (f)->round)
#define FIXED(f) (2 * (f)->round + 1)

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void *grown(void *p, size_t n, size_t bytes)
{
  void *more = realloc(p, n * bytes);
  if (!more) check_out_of_memory(n * bytes);
  return more;
}

static void list_add(struct list *l, uint32_t item)
{
  if (l->n == l->room) l->at = grown(l->at, l->room = l->room ? 2 * l->room : 16, sizeof *l->at);
  l->at[l->n++] = item;
}

struct fill *fill_new(void)
{
  struct fill *f = zeros_new(1, sizeof *f);
  return f;
}

void fill_free(struct fill *f)
{
  if (!f) return;
  for (uint32_t k = 0; k < f->n_links; k++) free(f->link[k].by);
  struct list *all[] = {&f->unused, &f->dirty, &f->changed, &f->free, &f->touched, &f->waiting};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]->at);
  free(f->link);
  free(f->state);
  free(f->rates);
  free(f->way);
  free(f->turn);
  free(f);
}

uint32_t fill_link(struct fill *f, double capacity)
{
  sim_assert(capacity >= 0 && isfinite(capacity));
  if (f->n_links == f->link_room)
    f->link = grown(f->link, f->link_room = f->link_room ? 2 * f->link_room : 16, sizeof *f->link);
  f->link[f->n_links] = (struct link){ .capacity = capacity };
  return f->n_links++;
}

void fill_set_capacity(struct fill *f, uint32_t link, double capacity)
{
  sim_assert(capacity >= 0 && isfinite(capacity));
  struct link *l = &f->link[link];
  l->capacity = capacity;
  if (l->n == 0 || l->dirty) return;
  l->dirty = true;
  list_add(&f->dirty, link);
}

/* ---- bundles ----------------------------------------------------------------------------------------------------- */

static uint32_t bundle_number(struct fill *f)
{
  if (f->unused.n) return f->unused.at[--f->unused.n];
  if (f->n_bundles == f->bundle_room) {
    f->bundle_room = f->bundle_room ? 2 * f->bundle_room : 16;
    f->state = grown(f->state, f->bundle_room, sizeof *f->state);
    f->rates = grown(f->rates, f->bundle_room, sizeof *f->rates);
    f->way = grown(f->way, f->bundle_room, sizeof *f->way);
  }
  return f->n_bundles++;
}

static void link_add(struct link *l, struct way *w, uint32_t bundle, int as)
{
  if (l->n == l->room) l->by = grown(l->by, l->room = l->room ? 2 * l->room : 8, sizeof *l->by);
  w->on[as].at = l->n;
  l->by[l->n++] = (struct crossing){ bundle, (uint32_t)as };
}

uint32_t fill_bundle(struct fill *f, const uint32_t *link, int n)
{
  sim_assert(n >= 1 && n <= FILL_LINKS);
  uint32_t b = bundle_number(f);
  f->state[b] = 0;
  f->rates[b] = (struct rates){ .bottleneck = NOWHERE };
  f->way[b].n = n;
  for (int i = 0; i < n; i++) {
    f->way[b].on[i].link = link[i];
    link_add(&f->link[link[i]], &f->way[b], b, i);
  }
  return b;
}

void fill_end(struct fill *f, uint32_t b)
{
  sim_assert(f->rates[b].flows == 0 && !f->rates[b].dirty);
  const struct way *w = &f->way[b];
  for (int i = 0; i < w->n; i++) {
    struct link *l = &f->link[w->on[i].link];
    uint32_t at = w->on[i].at;
    l->by[at] = l->by[--l->n];
    f->way[l->by[at].bundle].on[l->by[at].as].at = at;
  }
  list_add(&f->unused, b);
}

static void bundle_changed(struct fill *f, uint32_t b)
{
  if (!f->rates[b].dirty) list_add(&f->changed, b);
  f->rates[b].dirty = true;
}

void fill_set_flows(struct fill *f, uint32_t b, uint32_t flows)
{
  uint64_t by = (uint64_t)flows - f->rates[b].flows;
  f->rates[b].flows = flows;
  for (int i = 0; i < f->way[b].n; i++) f->link[f->way[b].on[i].link].flows += by;
  bundle_changed(f, b);
}

void fill_set_floor(struct fill *f, uint32_t b, double floor)
{
  if (f->rates[b].floor == floor) return;
  f->rates[b].floor = floor;
  bundle_changed(f, b);
}

double fill_rate(const struct fill *f, uint32_t b) { return f->rates[b].rate; }
uint32_t fill_flows(const struct fill *f, uint32_t b) { return f->rates[b].flows; }
uint64_t fill_link_flows(const struct fill *f, uint32_t link) { return f->link[link].flows; }

/* ---- heap of links ----------------------------------------------------------------------------------------------- */

static bool sooner(struct turn a, struct turn b) { return a.level < b.level || (a.level == b.level && a.link < b.link); }

static void sift_down(struct turn *heap, uint32_t n, uint32_t at)
{
  struct turn item = heap[at];
  for (uint32_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && sooner(heap[child + 1], heap[child])) child++;
    if (!sooner(heap[child], item)) break;
    heap[at] = heap[child];
  }
  heap[at] = item;
}

static void turn_add(struct fill *f, struct turn item)
{
  if (f->n_turns == f->turn_room)
    f->turn = grown(f->turn, f->turn_room = f->turn_room ? 2 * f->turn_room : 16, sizeof *f->turn);
  f->turn[f->n_turns++] = item;
}

static void turn_push(struct fill *f, struct turn item)
{
  turn_add(f, item);
  uint32_t at = f->n_turns - 1;
  for (; at > 0 && sooner(item, f->turn[(at - 1) / 2]); at = (at - 1) / 2) f->turn[at] = f->turn[(at - 1) / 2];
  f->turn[at] = item;
}

static void turn_pop(struct fill *f)
{
  f->turn[0] = f->turn[--f->n_turns];
  if (f->n_turns > 1) sift_down(f->turn, f->n_turns, 0);
}

/* ---- freeing ----------------------------------------------------------------------------------------------------- */

/* What is free now was not when its links were opened. */
static void give_back(struct link *l, const struct rates *r)
{
  l->left_all += r->rate * r->flows;
  l->open_all += r->flows;
}

static void free_bundle(struct fill *f, uint32_t b)
{
  if (f->state[b] >= OPEN(f)) return;
  f->state[b] = OPEN(f);
  list_add(&f->free, b);
  const struct way *w = &f->way[b];
  for (int i = 0; i < w->n; i++) {
    struct link *l = &f->link[w->on[i].link];
    if (l->seen == f->round) {
      give_back(l, &f->rates[b]);
      continue;
    }
    list_add(&f->touched, w->on[i].link);
    l->seen = f->round;
    l->left_all = NAN;                                  /* not opened yet */
  }
}

static void free_all_on(struct fill *f, const struct link *l)
{
  for (uint32_t i = 0; i < l->n; i++) free_bundle(f, l->by[i].bundle);
}

/* What the bundles that keep their rates leave of a link. */
static void open_link(struct fill *f, struct link *l)
{
  double left = l->capacity;
  uint32_t open = 0;
  for (uint32_t i = 0; i < l->n; i++) {
    uint32_t b = l->by[i].bundle;
    const struct rates *r = &f->rates[b];
    if (f->state[b] >= OPEN(f)) open += r->flows;
    else left -= r->rate * r->flows;
  }
  l->left_all = left;
  l->open_all = open;
}

static uint32_t worth_freeing(const struct fill *f, uint32_t b)
{
  const struct way *w = &f->way[b];
  if (f->rates[b].bottleneck != NOWHERE) return f->rates[b].bottleneck;
  uint32_t best = w->on[0].link;
  for (int i = 1; i < w->n; i++) {
    const struct link *l = &f->link[w->on[i].link], *m = &f->link[best];
    if (l->capacity * (double)m->flows < m->capacity * (double)l->flows) best = w->on[i].link;
  }
  return best;
}

static void next_round(struct fill *f)
{
  if (++f->round < UINT32_MAX / 2) return;
  memset(f->state, 0, f->n_bundles * sizeof *f->state);
  for (uint32_t k = 0; k < f->n_links; k++) f->link[k].seen = 0;
  f->round = 1;
}

/* The first guess: whoever shares the bottleneck of a bundle that changed, and all on a link that changed. */
static void free_changed(struct fill *f)
{
  next_round(f);
  f->free.n = f->touched.n = f->opened = 0;
  for (uint32_t i = 0; i < f->changed.n; i++) {
    uint32_t b = f->changed.at[i];
    f->rates[b].dirty = false;
    free_bundle(f, b);
    free_all_on(f, &f->link[worth_freeing(f, b)]);
  }
  for (uint32_t i = 0; i < f->dirty.n; i++) {
    f->link[f->dirty.at[i]].dirty = false;
    free_all_on(f, &f->link[f->dirty.at[i]]);
  }
  f->changed.n = f->dirty.n = 0;
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

static double level_of(const struct link *l) { return l->left > 0 ? l->left / l->open : 0; }

static void take_off(struct fill *f, uint32_t b, uint32_t bottleneck, double rate)
{
  struct rates *r = &f->rates[b];
  const struct way *w = &f->way[b];
  bool by_floor = rate <= r->floor * (1 + CLOSE);
  f->state[b] = FIXED(f);
  r->bottleneck = bottleneck;
  r->rate = rate;
  for (int i = 0; i < w->n; i++) {
    struct link *l = &f->link[w->on[i].link];
    l->left -= rate * r->flows;
    l->open -= r->flows;
    if (!by_floor && l->fastest < rate) l->fastest = rate;
  }
}

/* The next link that is full. Those that lost flows to others hold theirs back at a higher rate than when they were put
 * in: they are put in anew when their turn comes. Those that got some from a floor were put in anew then. */
static struct link *next_full(struct fill *f)
{
  while (f->n_turns) {
    struct link *l = &f->link[f->turn[0].link];
    double level = l->open ? level_of(l) : 0;
    if (l->open && level <= f->turn[0].level) return l;
    if (!l->open) {
      turn_pop(f);
      continue;
    }
    f->turn[0].level = level;
    sift_down(f->turn, f->n_turns, 0);
  }
  return NULL;
}

/* Reserved or not: what a bundle at its floor takes from its links. */
static void reserve(struct fill *f, uint32_t b, double sign)
{
  const struct rates *r = &f->rates[b];
  for (int i = 0; i < f->way[b].n; i++) {
    struct link *l = &f->link[f->way[b].on[i].link];
    l->left -= sign * r->floor * r->flows;
    l->open = sign > 0 ? l->open - r->flows : l->open + r->flows;
  }
}

static int by_floor(const void *a, const void *b, void *context)
{
  const struct fill *f = context;
  uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
  double x = f->rates[i].floor, y = f->rates[k].floor;
  return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

/* The others have come as far as its floor. */
static void enter(struct fill *f, uint32_t b)
{
  reserve(f, b, -1);
  f->state[b] = OPEN(f);
  for (int i = 0; i < f->way[b].n; i++) {
    uint32_t k = f->way[b].on[i].link;
    if (f->link[k].open) turn_push(f, (struct turn){ level_of(&f->link[k]), k });
  }
}

/* All links as they are before anything is filled; those with a floor wait, as if fixed. */
static void prepare(struct fill *f)
{
  for (; f->opened < f->touched.n; f->opened++) open_link(f, &f->link[f->touched.at[f->opened]]);
  for (uint32_t i = 0; i < f->touched.n; i++) {
    struct link *l = &f->link[f->touched.at[i]];
    l->left = l->left_all;
    l->open = l->open_all;
    l->level = -1;
    l->fastest = 0;
  }
  f->waiting.n = 0;
  for (uint32_t i = 0; i < f->free.n; i++) {
    uint32_t b = f->free.at[i];
    f->state[b] = OPEN(f);
    if (f->rates[b].floor <= 0 || f->rates[b].flows == 0) continue;
    f->state[b] = FIXED(f);
    reserve(f, b, 1);
    list_add(&f->waiting, b);
  }
  if (f->waiting.n) qsort_r(f->waiting.at, f->waiting.n, sizeof *f->waiting.at, by_floor, f);
  f->n_turns = 0;
  for (uint32_t i = 0; i < f->touched.n; i++) {
    const struct link *l = &f->link[f->touched.at[i]];
    if (l->open) turn_add(f, (struct turn){ level_of(l), f->touched.at[i] });
  }
  for (uint32_t i = f->n_turns / 2; i > 0; i--) sift_down(f->turn, f->n_turns, i - 1);
}

static void fix_all_on(struct fill *f, struct link *l, double level)
{
  uint32_t k = f->turn[0].link;
  if (l->level < 0) l->level = level;
  turn_pop(f);
  for (uint32_t i = 0; i < l->n; i++)
    if (f->state[l->by[i].bundle] == OPEN(f)) take_off(f, l->by[i].bundle, k, level);
}

/* Rates only rise from link to link; what rounding takes from that is given back. */
static void fill_up(struct fill *f)
{
  double level = 0;
  prepare(f);
  for (uint32_t waiting = 0;;) {
    struct link *l = next_full(f);
    double floor = waiting < f->waiting.n ? f->rates[f->waiting.at[waiting]].floor : INFINITY;
    if (!l && isinf(floor)) return;
    if (!l || floor < f->turn[0].level) {
      level = fmax(level, floor);
      enter(f, f->waiting.at[waiting++]);
    } else {
      level = fmax(level, f->turn[0].level);
      fix_all_on(f, l, level);
    }
  }
}

/* ---- where it must be done again --------------------------------------------------------------------------------- */

static bool is_wrong(const struct link *l, uint32_t k, const struct rates *r)
{
  if (l->level >= 0 && r->rate > l->level * (1 + CLOSE) && r->rate > r->floor * (1 + CLOSE)) return true;
  if (r->bottleneck != k) return false;
  return l->left > l->capacity * CLOSE || l->fastest > r->rate * (1 + CLOSE);
}

static bool free_wrong(struct fill *f)
{
  uint32_t before = f->free.n, links = f->touched.n;
  for (uint32_t i = 0; i < links; i++) {
    uint32_t k = f->touched.at[i];
    const struct link *l = &f->link[k];
    bool over = l->left < -l->capacity * CLOSE;
    for (uint32_t j = 0; j < l->n; j++) {
      uint32_t b = l->by[j].bundle;
      if (f->state[b] < OPEN(f) && (over || is_wrong(l, k, &f->rates[b]))) free_bundle(f, b);
    }
  }
  return f->free.n > before;
}

static void free_reachable(struct fill *f)
{
  for (uint32_t i = 0; i < f->touched.n; i++) free_all_on(f, &f->link[f->touched.at[i]]);
}

struct fill_list fill_settle(struct fill *f)
{
  free_changed(f);
  for (int round = 1;; round++) {
    fill_up(f);
    if (!free_wrong(f)) break;
    if (round == ROUNDS) free_reachable(f);
  }
  return (struct fill_list){ f->free.at, f->free.n };
}
