/* Copies of data (replica.h). Items stand in a table with open addressing; an item that was never written is nowhere. */
#include "models/replica.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>

struct copies {
  unsigned n;
  sim_time apply;
  sim_time *busy_until;                                 /* [n]: of a copy that applies one write after the other */
  size_t items, slots;                                  /* slots: a power of 2, at most half of them taken */
  uint64_t *item; bool *taken;                           /* [slots] */
  sim_time *shown;                                      /* [slots][n]: from when on copy k shows the item's last write */
};

static void make_room(struct copies *c, size_t slots)
{
  c->slots = slots;
  c->item = zeros_new(slots, sizeof *c->item);
  c->taken = zeros_new(slots, sizeof *c->taken);
  c->shown = zeros_new(slots * c->n, sizeof *c->shown);
}

struct copies *copies_new(unsigned n, double apply_s)
{
  struct copies *c = zeros_new(1, sizeof *c);
  c->n = n, c->apply = ns_from_s(apply_s);
  c->busy_until = zeros_new(n, sizeof *c->busy_until);
  make_room(c, 64);
  return c;
}

static void free_items(struct copies *c)
{
  free(c->item);
  free(c->taken);
  free(c->shown);
}

void copies_free(struct copies *c)
{
  if (!c) return;
  free_items(c);
  free(c->busy_until);
  free(c);
}

/* The item's slot, or the free one where it would go. Fibonacci hashing. */
static size_t slot_of(const struct copies *c, uint64_t item)
{
  uint64_t bits = (item ^ item >> 32) * UINT64_C(0x9E3779B97F4A7C15);
  size_t i = (size_t)(bits >> 32) & (c->slots - 1);
  while (c->taken[i] && c->item[i] != item) i = (i + 1) & (c->slots - 1);
  return i;
}

static void grow(struct copies *c)
{
  struct copies old = *c;
  make_room(c, 2 * old.slots);
  for (size_t i = 0; i < old.slots; i++) {
    if (!old.taken[i]) continue;
    size_t to = slot_of(c, old.item[i]);
    c->taken[to] = true, c->item[to] = old.item[i];
    memcpy(&c->shown[to * c->n], &old.shown[i * c->n], c->n * sizeof *c->shown);
  }
  free_items(&old);
}

void copies_write(struct copies *c, uint64_t item, sim_time now, sim_time *lag)
{
  size_t i = slot_of(c, item);
  if (!c->taken[i] && 2 * ++c->items > c->slots) grow(c), i = slot_of(c, item);
  c->taken[i] = true, c->item[i] = item;
  for (unsigned k = 0; k < c->n; k++) {
    sim_time from = time_add(now, lag[k]);
    if (c->apply > 0) from = time_add(from > c->busy_until[k] ? from : c->busy_until[k], c->apply);
    if (c->apply > 0 || from > c->busy_until[k]) c->busy_until[k] = from;
    c->shown[i * c->n + k] = from;
    lag[k] = from - now;
  }
}

bool copies_stale(const struct copies *c, uint64_t item, unsigned copy, sim_time now)
{
  size_t i = slot_of(c, item);
  return c->taken[i] && now < c->shown[i * c->n + copy];
}

double copies_behind_s(const struct copies *c, unsigned copy, sim_time now)
{
  return c->busy_until[copy] > now ? s_from_ns(c->busy_until[copy] - now) : 0;
}
