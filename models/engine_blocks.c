/* engine_blocks.c: KV memory in blocks: counted, or with a prefix cache.
 *
 * With the cache a block filled with known tokens has a chained hash and can be shared. Blocks that nobody holds stand
 * in a list, longest unused first (before all, by number, those that were never taken); they keep their hash until they are taken for other tokens. A request's blocks go
 * into the list tail first, so that the front of its prompt survives longest. Blocks of equal hash (two requests that
 * read the same prompt at once) exist side by side; a look-up finds the oldest.
 */
#include "models/engine_parts.h"
#include "sim/zeros.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
enum { FEW_BLOCKS = 4096 };                             /* a memory of more grows as it fills */

struct block {
  uint64_t hash; bool hashed;
  uint32_t holders;
  uint32_t previous, next;                              /* in the list of the unheld */
  uint32_t same;                                        /* in a bucket of the table */
};

struct row { uint32_t *block, capacity; };

struct cache {
  struct block *at; uint32_t n, room, fresh, head, tail, n_unheld;     /* fresh: the first that was never taken */
  uint32_t *bucket; uint64_t mask;
  struct row *rows; uint32_t *free_rows, n_rows, n_free_rows;
};

/* ---- the list of the unheld ---------------------------------------------------------------------------------------- */

static void unheld_append(struct cache *c, uint32_t b)
{
  c->at[b].previous = c->tail;
  c->at[b].next = NONE;
  *(c->tail == NONE ? &c->head : &c->at[c->tail].next) = b;
  c->tail = b;
  c->n_unheld++;
}

static void unheld_remove(struct cache *c, uint32_t b)
{
  struct block *x = &c->at[b];
  *(x->previous == NONE ? &c->head : &c->at[x->previous].next) = x->next;
  *(x->next == NONE ? &c->tail : &c->at[x->next].previous) = x->previous;
  c->n_unheld--;
}

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t x)
{
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* Of the i-th block of r: as given, beyond that its own. */
static uint64_t hash_of(const struct engine_request *r, uint32_t i)
{
  if (r->chain) return mixed(mixed(i < r->n_common ? r->common : r->chain) + i);
  return i < r->n_hashes ? mixed(r->block_hash[i]) : mixed(mixed(r->serial + 0x9e3779b97f4a7c15u) + i);
}

static uint32_t look_up(const struct cache *c, uint64_t hash)
{
  uint32_t b = c->bucket[hash & c->mask];
  while (b != NONE && c->at[b].hash != hash)
    b = c->at[b].same;
  return b;
}

static void table_insert(struct cache *c, uint32_t b, uint64_t hash)
{
  uint32_t *slot = &c->bucket[hash & c->mask];
  c->at[b].hash = hash;
  c->at[b].hashed = true;
  c->at[b].same = NONE;
  while (*slot != NONE)
    slot = &c->at[*slot].same;
  *slot = b;
}

static void table_remove(struct cache *c, uint32_t b)
{
  uint32_t *slot = &c->bucket[c->at[b].hash & c->mask];
  while (*slot != b)
    slot = &c->at[*slot].same;
  *slot = c->at[b].same;
  c->at[b].hashed = false;
}

/* ---- rows: which blocks a request holds, front first ----------------------------------------------------------------- */

static void row_open(struct cache *c, struct engine_request *r)
{
  sim_assert(c->n_free_rows > 0);
  r->row = c->free_rows[--c->n_free_rows];
}

static void row_push(struct cache *c, struct engine_request *r, uint32_t b)
{
  struct row *row = &c->rows[r->row];
  if (r->blocks == row->capacity) {
    row->capacity = row->capacity ? 2 * row->capacity : 16;
    row->block = realloc(row->block, row->capacity * sizeof *row->block);
    if (!row->block)
      check_out_of_memory(row->capacity * sizeof *row->block);
  }
  row->block[r->blocks++] = b;
}

/* ---- for the schedulers -------------------------------------------------------------------------------------------- */

/* Room for `room` blocks, and a table of twice as many buckets. Those of equal hash keep their order. */
static void cache_grow(struct cache *c, uint32_t room)
{
  uint32_t *old = c->bucket;
  uint64_t buckets = 16, had = old ? c->mask + 1 : 0;
  while (buckets < 2 * (uint64_t)room)
    buckets *= 2;
  c->at = realloc(c->at, room * sizeof *c->at);
  if (!c->at)
    check_out_of_memory(room * sizeof *c->at);
  memset(c->at + c->room, 0, (room - c->room) * sizeof *c->at);
  c->room = room;
  c->bucket = zeros_new(buckets, sizeof *c->bucket);
  c->mask = buckets - 1;
  for (uint64_t i = 0; i < buckets; i++)
    c->bucket[i] = NONE;
  for (uint64_t i = 0; i < had; i++)
    for (uint32_t b = old[i], next; b != NONE; b = next) {
      next = c->at[b].same;
      table_insert(c, b, c->at[b].hash);
    }
  free(old);
}

struct cache *cache_new(uint32_t blocks, uint32_t rows)
{
  struct cache *c = zeros_new(1, sizeof *c);
  *c = (struct cache){.n = blocks, .n_unheld = blocks, .head = NONE, .tail = NONE, .rows = zeros_new(rows, sizeof *c->rows),
                      .free_rows = zeros_new(rows, sizeof *c->free_rows), .n_rows = rows, .n_free_rows = rows};
  cache_grow(c, least(blocks, FEW_BLOCKS));
  for (uint32_t i = 0; i < rows; i++)
    c->free_rows[i] = rows - 1 - i;
  return c;
}

void cache_free(struct cache *c)
{
  if (!c)
    return;
  for (uint32_t i = 0; i < c->n_rows; i++)
    free(c->rows[i].block);
  free(c->at);
  free(c->bucket);
  free(c->rows);
  free(c->free_rows);
  free(c);
}

static uint32_t take_fresh(struct cache *c)
{
  if (c->fresh == c->room)
    cache_grow(c, (uint32_t)(c->room < c->n / 2 ? 2 * (uint64_t)c->room : c->n));
  c->n_unheld--;
  c->at[c->fresh].holders = 1;
  return c->fresh++;
}

static uint32_t take_unheld(struct cache *c)
{
  if (c->fresh < c->n)
    return take_fresh(c);
  uint32_t b = c->head;
  sim_assert(b != NONE);
  unheld_remove(c, b);
  if (c->at[b].hashed)
    table_remove(c, b);
  c->at[b].holders = 1;
  return b;
}

void blocks_take(struct engine *e, struct engine_request *r, uint32_t n)
{
  sim_assert(n <= e->total - e->used);
  e->used += n;
  if (!e->cache)
    r->blocks += n;
  else
    for (uint32_t i = 0; i < n; i++)
      row_push(e->cache, r, take_unheld(e->cache));
}

static void cache_release(struct engine *e, struct engine_request *r)
{
  struct cache *c = e->cache;
  while (r->blocks) {
    uint32_t b = c->rows[r->row].block[--r->blocks];
    if (--c->at[b].holders == 0) {
      unheld_append(c, b);
      e->used--;
    }
  }
  c->free_rows[c->n_free_rows++] = r->row;
}

void blocks_release(struct engine *e, struct engine_request *r)
{
  if (e->cache) {
    blocks_register(e, r, r->decoding ? r->processed - 1 : r->processed);
    cache_release(e, r);
    r->registered = 0;
  } else {
    sim_assert(r->blocks <= e->used);
    e->used -= r->blocks;
    r->blocks = 0;
  }
}

uint32_t blocks_hit(const struct engine *e, const struct engine_request *r, uint32_t *idle)
{
  uint32_t i = 0, whole = e->cache ? (r->target - 1) / e->def.block_tok : 0;
  *idle = 0;
  for (uint32_t b; i < whole && (b = look_up(e->cache, hash_of(r, i))) != NONE; i++)
    *idle += e->cache->at[b].holders == 0;
  return i;
}

void blocks_attach(struct engine *e, struct engine_request *r, uint32_t hits)
{
  struct cache *c = e->cache;
  if (!c)
    return;
  row_open(c, r);
  for (uint32_t i = 0; i < hits; i++) {
    uint32_t b = look_up(c, hash_of(r, i));
    if (c->at[b].holders++ == 0) {
      unheld_remove(c, b);
      e->used++;
    }
    row_push(c, r, b);
  }
  r->registered = hits;
}

void blocks_register_full(struct engine *e, struct engine_request *r, uint32_t tokens)
{
  struct cache *c = e->cache;
  for (uint32_t full = least(tokens / e->def.block_tok, r->blocks); r->registered < full; r->registered++)
    table_insert(c, c->rows[r->row].block[r->registered], hash_of(r, r->registered));
}

void blocks_check(const struct engine *e)
{
  uint64_t held = 0;
  if (e->cache) {
    sim_assert(e->used + e->cache->n_unheld == e->total);
    return;
  }
  for (uint32_t i = 0; i < e->n_rest; i++)
    held += e->rest[i]->blocks;
  for (uint32_t i = 0; i < e->n_late; i++)
    held += e->late[i].blocks;
  sim_assert(held == e->used);
}
