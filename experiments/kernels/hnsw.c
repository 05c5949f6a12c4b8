/* hnsw.c: insertion and search (algorithms 1, 2, 4 of Malkov and Yashunin 2020). */
#include "experiments/kernels/hnsw.h"
#include "experiments/kernels/kernel.h"
#include "experiments/kernels/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_LEVEL = 8 };

/* links[0] of a row is their number. */
struct level { uint32_t *links; uint32_t *row_of; uint32_t rows; };

struct hnsw {
  const float *vectors; size_t items, dimensions;
  uint32_t *links;                                      /* of the lowest graph, HNSW_LINKS + 1 a vector */
  struct level above[TOP_LEVEL];                        /* HNSW_M + 1 a row, rows for those that are there */
  uint8_t *height;
  uint32_t entry;
  uint32_t *seen, stamp;                                /* seen[i] == stamp: i was met in this search */
  struct best nearest, open;                            /* open: a heap of the most promising, as negative scores */
};

static float nearness(const struct hnsw *h, const float *query, uint32_t item)
{
  float out;
  vectors_dot(h->vectors + (size_t)item * h->dimensions, 1, h->dimensions, query, &out);
  return out;
}

static uint32_t *row(struct hnsw *h, int level, uint32_t item)
{
  if (level == 0) return h->links + (size_t)item * (HNSW_LINKS + 1);
  struct level *l = &h->above[level - 1];
  return l->links + (size_t)l->row_of[item] * (HNSW_M + 1);
}

const uint32_t *hnsw_links(const struct hnsw *h, uint32_t item)
{
  return h->links + (size_t)item * (HNSW_LINKS + 1);
}

static uint32_t row_most(int level)
{
  return level == 0 ? HNSW_LINKS : HNSW_M;
}

/* Takes the most promising out of the heap. */
static struct best_item open_take(struct best *open)
{
  struct best_item first = open->item[0], last = open->item[--open->n];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < open->n; i = child) {
    if (child + 1 < open->n && open->item[child + 1].score < open->item[child].score) child++;
    if (last.score <= open->item[child].score) break;
    open->item[i] = open->item[child];
  }
  open->item[i] = last;
  return first;
}

/* Algorithm 2: the ef nearest that are reached from `entry` in one graph, in h->nearest (a heap). */
static void search_level(struct hnsw *h, const float *query, uint32_t entry, size_t ef, int level)
{
  if (++h->stamp == 0) {
    memset(h->seen, 0, h->items * sizeof *h->seen);
    h->stamp = 1;
  }
  h->nearest.n = h->open.n = 0;
  h->nearest.most = ef;
  h->seen[entry] = h->stamp;
  float score = nearness(h, query, entry);
  best_offer(&h->nearest, score, entry);
  best_offer(&h->open, -score, entry);
  while (h->open.n) {
    struct best_item at = open_take(&h->open);
    if (!best_wants(&h->nearest, -at.score)) break;
    const uint32_t *links = row(h, level, at.item);
    for (uint32_t k = 1; k <= links[0]; k++) {
      if (h->seen[links[k]] == h->stamp) continue;
      h->seen[links[k]] = h->stamp;
      score = nearness(h, query, links[k]);
      if (!best_wants(&h->nearest, score)) continue;
      best_offer(&h->nearest, score, links[k]);
      best_offer(&h->open, -score, links[k]);
    }
  }
}

/* Algorithm 4: of candidates from the nearest on, those nearer to the vector than to any already chosen. */
static uint32_t choose(const struct hnsw *h, const struct best *from, uint32_t *out, uint32_t most)
{
  uint32_t n = 0;
  for (size_t i = 0; i < from->n && n < most; i++) {
    const float *mine = h->vectors + (size_t)from->item[i].item * h->dimensions;
    bool apart = true;
    for (uint32_t k = 0; k < n && apart; k++) apart = nearness(h, mine, out[k]) < from->item[i].score;
    if (apart) out[n++] = from->item[i].item;
  }
  return n;
}

/* A link from `item` to `other`; a full row keeps the best choice of all. */
static void link_to(struct hnsw *h, uint32_t item, uint32_t other, int level)
{
  uint32_t *links = row(h, level, item), most = row_most(level);
  if (links[0] < most) {
    links[++links[0]] = other;
    return;
  }
  struct best_item kept[HNSW_LINKS + 1];
  struct best all = {0, most + 1, kept};
  const float *mine = h->vectors + (size_t)item * h->dimensions;
  for (uint32_t k = 1; k <= links[0]; k++) best_offer(&all, nearness(h, mine, links[k]), links[k]);
  best_offer(&all, nearness(h, mine, other), other);
  best_sort(&all);
  links[0] = choose(h, &all, links + 1, most);
}

static int height_of(const struct hnsw *h, uint32_t item)
{
  return h->height[item];
}

static uint32_t descend(struct hnsw *h, const float *query, int from, int to)
{
  uint32_t at = h->entry;
  for (int level = from; level > to; level--) {
    search_level(h, query, at, 1, level);
    at = h->nearest.item[0].item;
  }
  return at;
}

static void insert(struct hnsw *h, uint32_t item, size_t ef)
{
  const float *mine = h->vectors + (size_t)item * h->dimensions;
  int top = height_of(h, h->entry), own = height_of(h, item);
  uint32_t at = descend(h, mine, top, own < top ? own : top), chosen[HNSW_M];
  for (int level = own < top ? own : top; level >= 0; level--) {
    search_level(h, mine, at, ef, level);
    best_sort(&h->nearest);
    at = h->nearest.item[0].item;
    uint32_t n = choose(h, &h->nearest, chosen, HNSW_M), *links = row(h, level, item);
    links[0] = n;
    memcpy(links + 1, chosen, n * sizeof *chosen);
    for (uint32_t k = 0; k < n; k++) link_to(h, chosen[k], item, level);
  }
  if (own > top) h->entry = item;
}

/* P(height >= l) = M^-l. */
static void draw_heights(struct hnsw *h, uint64_t seed)
{
  for (size_t i = 0; i < h->items; i++) {
    double u = ((double)(kernel_random(&seed) >> 11) + 0.5) / 9007199254740992.0;
    double height = floor(-log(u) / log((double)HNSW_M));
    h->height[i] = (uint8_t)(height > TOP_LEVEL ? TOP_LEVEL : height);
  }
}

static bool make_levels(struct hnsw *h)
{
  for (int l = 0; l < TOP_LEVEL; l++) {
    struct level *v = &h->above[l];
    v->row_of = calloc(h->items, sizeof *v->row_of);
    if (!v->row_of) return false;
    for (size_t i = 0; i < h->items; i++)
      if (h->height[i] > l) v->row_of[i] = v->rows++;
    v->links = calloc((size_t)v->rows * (HNSW_M + 1) + 1, sizeof *v->links);
    if (!v->links) return false;
  }
  return true;
}

static bool best_make(struct best *b, size_t most)
{
  b->most = most;
  b->item = malloc(most * sizeof *b->item);
  return b->item != NULL;
}

struct hnsw *hnsw_build(const float *vectors, size_t items, size_t dimensions, size_t build_ef, size_t search_ef, uint64_t seed)
{
  struct hnsw *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  h->vectors = vectors;
  h->items = items;
  h->dimensions = dimensions;
  h->links = scratch_memory(items * (HNSW_LINKS + 1) * sizeof *h->links);
  h->seen = calloc(items, sizeof *h->seen);
  h->height = calloc(items, 1);
  size_t widest = build_ef > search_ef ? build_ef : search_ef;
  bool ok = h->links && h->seen && h->height && best_make(&h->nearest, widest + 1) && best_make(&h->open, items + 1);
  if (ok) draw_heights(h, seed);
  if (!ok || !make_levels(h)) {
    hnsw_free(h);
    return NULL;
  }
  for (size_t i = 1; i < items; i++) insert(h, (uint32_t)i, build_ef);
  return h;
}

const struct best *hnsw_search(struct hnsw *h, const float *query, size_t ef)
{
  uint32_t at = descend(h, query, height_of(h, h->entry), 0);
  search_level(h, query, at, ef, 0);
  best_sort(&h->nearest);
  return &h->nearest;
}

void hnsw_free(struct hnsw *h)
{
  if (!h) return;
  for (int l = 0; l < TOP_LEVEL; l++) {
    free(h->above[l].row_of);
    free(h->above[l].links);
  }
  free(h->links);
  free(h->seen);
  free(h->height);
  free(h->nearest.item);
  free(h->open.item);
  free(h);
}
