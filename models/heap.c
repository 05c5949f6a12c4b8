#include "models/heap.h"
#include "sim/check.h"
#include <stdbool.h>
#include <stdlib.h>

static inline bool before(const struct heap_item *a, const struct heap_item *b)
{
  return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static inline void put(struct heap *h, uint32_t i, struct heap_item *item)
{
  h->at[i] = item;
  item->index = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_item *item)
{
  while (i > 0 && before(item, h->at[(i - 1) / 2])) {
    put(h, i, h->at[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  put(h, i, item);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_item *item)
{
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= h->n) break;
    if (child + 1 < h->n && before(h->at[child + 1], h->at[child])) child++;
    if (!before(h->at[child], item)) break;
    put(h, i, h->at[child]);
    i = child;
  }
  put(h, i, item);
}

static void grow(struct heap *h)
{
  uint32_t wanted = h->capacity ? 2 * h->capacity : 4;
  struct heap_item **bigger = realloc(h->at, wanted * sizeof *bigger);
  if (!bigger) check_out_of_memory(wanted * sizeof *bigger);
  h->at = bigger;
  h->capacity = wanted;
}

void heap_release(struct heap *h)
{
  free(h->at);
  *h = (struct heap){0};
}

void heap_push(struct heap *h, struct heap_item *item)
{
  sim_assert(item->index == 0);
  if (h->n == h->capacity) grow(h);
  sift_up(h, h->n++, item);
}

void heap_remove(struct heap *h, struct heap_item *item)
{
  uint32_t i = item->index - 1;
  sim_assert(i < h->n && h->at[i] == item);
  item->index = 0;
  struct heap_item *last = h->at[--h->n];
  if (last == item) return;
  if (i > 0 && before(last, h->at[(i - 1) / 2])) sift_up(h, i, last);
  else sift_down(h, i, last);
}
