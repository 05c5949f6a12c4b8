/* pool.c: fixed-size items in slabs that never move.
 *
 * An item is followed by its tag (index, generation). A free item's first bytes hold the index of the next free one.
 */
#include "sim/arena.h"
#include "sim/check.h"
#include "sim/zeros.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_BITS = 10, SLAB_ITEMS = 1 << SLAB_BITS, ALIGNMENT = 8 };
#define FREE_MARK 0x80000000u           /* in tag.index while the item is not taken */
#define NO_ITEM UINT32_MAX

struct tag { uint32_t index, generation; };

struct pool {
  size_t item_bytes, tag_at, stride, live;
  char **slabs;
  size_t n_slabs, capacity;
  uint32_t first_free;
};

struct pool *pool_new(size_t item_bytes)
{
  sim_assert(item_bytes > 0);
  struct pool *p = zeros_new(1, sizeof *p);
  p->item_bytes = item_bytes;
  p->tag_at = (item_bytes + sizeof(struct tag) - 1) & ~(sizeof(struct tag) - 1);
  p->stride = (p->tag_at + sizeof(struct tag) + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  p->first_free = NO_ITEM;
  return p;
}

void pool_free(struct pool *p)
{
  if (!p)
    return;
  for (size_t i = 0; i < p->n_slabs; i++)
    free(p->slabs[i]);
  free(p->slabs);
  free(p);
}

static char *item_at(const struct pool *p, uint32_t index)
{
  return p->slabs[index >> SLAB_BITS] + (index & (SLAB_ITEMS - 1)) * p->stride;
}

static struct tag *tag_of(const struct pool *p, const void *item)
{
  return (struct tag *)((char *)item + p->tag_at);
}

static void link_free(struct pool *p, char *item, uint32_t index)
{
  memcpy(item, &p->first_free, sizeof p->first_free);
  tag_of(p, item)->index = index | FREE_MARK;
  p->first_free = index;
}

SELDOM static void add_slab(struct pool *p)
{
  if (p->n_slabs == p->capacity) {
    p->capacity = p->capacity ? 2 * p->capacity : 16;
    p->slabs = realloc(p->slabs, p->capacity * sizeof *p->slabs);
    if (!p->slabs)
      check_out_of_memory(p->capacity * sizeof *p->slabs);
  }
  sim_assert(p->n_slabs < FREE_MARK >> SLAB_BITS);
  char *slab = aligned_alloc(64, SLAB_ITEMS * p->stride);
  if (!slab)
    check_out_of_memory(SLAB_ITEMS * p->stride);
  uint32_t first = (uint32_t)(p->n_slabs << SLAB_BITS);
  p->slabs[p->n_slabs++] = slab;
  for (uint32_t i = SLAB_ITEMS; i-- > 0;) {
    char *item = slab + i * p->stride;
    tag_of(p, item)->generation = 1;
    link_free(p, item, first + i);
  }
}

void *pool_take(struct pool *p)
{
  if (p->first_free == NO_ITEM)
    add_slab(p);
  uint32_t index = p->first_free;
  char *item = item_at(p, index);
  memcpy(&p->first_free, item, sizeof p->first_free);
  tag_of(p, item)->index = index;
  p->live++;
  return memset(item, 0, p->item_bytes);
}

void pool_give(struct pool *p, void *item)
{
  struct tag *tag = tag_of(p, item);
  sim_assert(!(tag->index & FREE_MARK));
  if (++tag->generation == 0)
    tag->generation = 1;
  link_free(p, item, tag->index);
  p->live--;
}

pool_id pool_handle(const struct pool *p, const void *item)
{
  const struct tag *tag = tag_of(p, item);
  sim_assert(!(tag->index & FREE_MARK));
  return (pool_id){tag->index, tag->generation};
}

void *pool_find(const struct pool *p, pool_id id)
{
  if (id.generation == 0 || id.index >> SLAB_BITS >= p->n_slabs)
    return NULL;
  char *item = item_at(p, id.index);
  const struct tag *tag = tag_of(p, item);
  return tag->index == id.index && tag->generation == id.generation ? item : NULL;
}

size_t pool_live(const struct pool *p)
{
  return p->live;
}

void *pool_each(const struct pool *p, size_t *cursor)
{
  while (*cursor < p->n_slabs << SLAB_BITS) {
    char *item = item_at(p, (uint32_t)(*cursor)++);
    if (!(tag_of(p, item)->index & FREE_MARK))
      return item;
  }
  return NULL;
}
