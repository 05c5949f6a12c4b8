/* cache.c: entries in one array, found by a table of open addressing, linked twice: by use and by the time they end.
 *
 * By use: lists, one for each number of uses under LFU, else one for all; the first of the lowest list goes next. By time:
 * an entry's time is set to now + ttl, with one ttl for all, so a list in that order needs appending only.
 * Checkable (King 1971, exact): 4 items asked for with probabilities .4 .3 .2 .1, room for 2: LRU finds what it is asked
 * for with probability sum p_i p_j / (1 - p_i) (p_i + p_j) over ordered pairs = .580556, FIFO with
 * sum_S p_i p_j (p_i + p_j) / sum_S p_i p_j over pairs = .571429.
 */
#include "models/cache.h"
#include "sim/check.h"
#include "sim/zeros.h"
#include <stdlib.h>
#include <string.h>

enum { NOBODY = 0, BY_USE = 0, BY_TIME = 1, FIRST_ROOM = 8 };   /* entries and lists count from 1 */

struct links { uint32_t before, after; };
struct entry {
  uint64_t item;
  sim_time ends;
  struct answer answer;
  struct links link[2];
  uint32_t list;                                        /* by use */
};
struct list { uint32_t first, last; };
/* Entries with so many uses, and the lists with fewer and more. */
struct uses { struct list list; uint64_t count; uint32_t fewer, more; };

struct answers {
  const struct answers_limits *limits;
  struct entry *entry; struct uses *uses; uint32_t *slot;
  uint32_t n, room, free_entry, mask;                   /* room: of entry[1 ..], used or free; mask of slot */
  uint32_t n_uses, uses_room, free_uses;
  struct list by_time;
  double bytes, *mark;                                  /* mark[entry][n_marks] */
  uint32_t n_marks, marked;                             /* entries that `mark` has room for */
  uint64_t evictions;
};

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static void append(struct answers *c, struct list *l, int which, uint32_t e)
{
  c->entry[e].link[which] = (struct links){ l->last, NOBODY };
  if (l->last) c->entry[l->last].link[which].after = e;
  else l->first = e;
  l->last = e;
}

static void take_out(struct answers *c, struct list *l, int which, uint32_t e)
{
  struct links at = c->entry[e].link[which];
  if (at.before) c->entry[at.before].link[which].after = at.after;
  else l->first = at.after;
  if (at.after) c->entry[at.after].link[which].before = at.before;
  else l->last = at.before;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static uint32_t home_of(const struct answers *c, uint64_t item)
{
  uint64_t x = item * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)((x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93) >> 32) & c->mask;
}

/* Where it stands, or where it would. */
static uint32_t slot_of(const struct answers *c, uint64_t item)
{
  uint32_t i = home_of(c, item);
  while (c->slot[i] && c->entry[c->slot[i]].item != item) i = (i + 1) & c->mask;
  return i;
}

/* Later members of the same run move back (Knuth 6.4, algorithm R). */
static void empty_slot(struct answers *c, uint32_t hole)
{
  for (uint32_t i = hole;;) {
    i = (i + 1) & c->mask;
    if (!c->slot[i]) break;
    uint32_t home = home_of(c, c->entry[c->slot[i]].item);
    if (((i - home) & c->mask) < ((i - hole) & c->mask)) continue;
    c->slot[hole] = c->slot[i];
    hole = i;
  }
  c->slot[hole] = NOBODY;
}

static void *more(void *old, uint32_t n, size_t bytes)
{
  void *p = realloc(old, n * bytes);
  if (!p) check_out_of_memory(n * bytes);
  return p;
}

/* Twice as many entries; the table has two slots for each. */
static void grow(struct answers *c)
{
  uint32_t room = c->room ? 2 * c->room : FIRST_ROOM;
  c->entry = more(c->entry, room + 1, sizeof *c->entry);
  for (uint32_t e = room; e > c->room; e--) {
    c->entry[e].link[BY_USE].after = c->free_entry;
    c->free_entry = e;
  }
  free(c->slot);
  c->slot = zeros_new(2 * (size_t)room, sizeof *c->slot);
  c->mask = 2 * room - 1;
  for (uint32_t e = 1; e <= c->room; e++) c->slot[slot_of(c, c->entry[e].item)] = e;
  c->room = room;
}

/* ---- the order in which they go --------------------------------------------------------------------------------- */

static uint32_t uses_new(struct answers *c, uint64_t count, uint32_t fewer, uint32_t more_of)
{
  uint32_t u = c->free_uses;
  if (u) {
    c->free_uses = c->uses[u].more;
  } else {
    if (c->n_uses + 1 >= c->uses_room) {
      c->uses_room = c->uses_room ? 2 * c->uses_room : FIRST_ROOM;
      c->uses = more(c->uses, c->uses_room, sizeof *c->uses);
    }
    u = ++c->n_uses;
  }
  c->uses[u] = (struct uses){ .count = count, .fewer = fewer, .more = more_of };
  c->uses[fewer].more = u;
  c->uses[more_of].fewer = u;
  return u;
}

static void uses_leave(struct answers *c, uint32_t e)
{
  uint32_t u = c->entry[e].list;
  struct uses *at = &c->uses[u];
  take_out(c, &at->list, BY_USE, e);
  if (at->list.first) return;
  c->uses[at->fewer].more = at->more;
  c->uses[at->more].fewer = at->fewer;
  at->more = c->free_uses;
  c->free_uses = u;
}

/* uses[0] is the ring's head: after it the lowest, before it the highest. */
static void uses_join(struct answers *c, uint32_t e, uint64_t count, uint32_t fewer)
{
  uint32_t u = c->uses[fewer].more;
  if (!u || c->uses[u].count != count) u = uses_new(c, count, fewer, u);
  c->entry[e].list = u;
  append(c, &c->uses[u].list, BY_USE, e);
}

static void used_once_more(struct answers *c, uint32_t e)
{
  bool counts = c->limits->evict == EVICT_LFU;
  uint32_t u = c->entry[e].list, fewer = c->uses[u].fewer;
  uint64_t count = c->uses[u].count + counts;
  bool alone = c->uses[u].list.first == c->uses[u].list.last;
  uses_leave(c, e);
  uses_join(c, e, count, counts && !alone ? u : fewer);
}

/* ---- in and out ------------------------------------------------------------------------------------------------- */

static void drop(struct answers *c, uint32_t e)
{
  struct entry *x = &c->entry[e];
  empty_slot(c, slot_of(c, x->item));
  uses_leave(c, e);
  if (c->limits->ttl > 0) take_out(c, &c->by_time, BY_TIME, e);
  c->bytes = --c->n ? c->bytes - x->answer.bytes : 0;
  x->link[BY_USE].after = c->free_entry;
  c->free_entry = e;
}

static void drop_ended(struct answers *c, sim_time now)
{
  while (c->by_time.first && c->entry[c->by_time.first].ends <= now) drop(c, c->by_time.first);
}

static void lives_anew(struct answers *c, uint32_t e, sim_time now)
{
  c->entry[e].ends = time_add(now, c->limits->ttl);
  append(c, &c->by_time, BY_TIME, e);
}

/* The next one in the order, but not this one. */
static void evict(struct answers *c, uint32_t but)
{
  uint32_t u = c->uses[0].more, e = c->uses[u].list.first;
  if (e == but) e = c->entry[e].link[BY_USE].after ? c->entry[e].link[BY_USE].after : c->uses[c->uses[u].more].list.first;
  drop(c, e);
  c->evictions++;
}

static uint32_t entry_new(struct answers *c, uint64_t item)
{
  if (!c->free_entry) grow(c);
  uint32_t e = c->free_entry;
  c->free_entry = c->entry[e].link[BY_USE].after;
  c->entry[e] = (struct entry){ .item = item };
  c->slot[slot_of(c, item)] = e;
  c->n++;
  return e;
}

static uint32_t find(struct answers *c, uint64_t item, sim_time now)
{
  drop_ended(c, now);
  return c->n ? c->slot[slot_of(c, item)] : NOBODY;
}

const struct answer *answers_look(struct answers *c, uint64_t item, sim_time now)
{
  uint32_t e = find(c, item, now);
  return e ? &c->entry[e].answer : NULL;
}

void answers_use(struct answers *c, uint64_t item, sim_time now)
{
  uint32_t e = find(c, item, now);
  sim_assert(e != NOBODY);
  if (c->limits->evict != EVICT_FIFO) used_once_more(c, e);
  if (c->limits->ttl <= 0 || !c->limits->refresh) return;
  take_out(c, &c->by_time, BY_TIME, e);
  lives_anew(c, e, now);
}

static bool is_new(struct answers *c, uint32_t *e, uint64_t item)
{
  if (*e) return false;
  if (c->limits->entries > 0 && c->n >= c->limits->entries) evict(c, NOBODY);
  *e = entry_new(c, item);
  uses_join(c, *e, 1, 0);
  return true;
}

bool answers_put(struct answers *c, uint64_t item, sim_time now, struct answer answer)
{
  uint32_t e = find(c, item, now);
  if (c->limits->bytes > 0 && answer.bytes > c->limits->bytes) {
    if (e) drop(c, e);
    return false;
  }
  if (!is_new(c, &e, item)) {
    uses_leave(c, e);
    uses_join(c, e, 1, 0);
    if (c->limits->ttl > 0) take_out(c, &c->by_time, BY_TIME, e);
  }
  c->bytes += answer.bytes - c->entry[e].answer.bytes;
  c->entry[e].answer = answer;
  if (c->limits->ttl > 0) lives_anew(c, e, now);
  while (c->limits->bytes > 0 && c->n > 1 && c->bytes > c->limits->bytes) evict(c, e);
  return true;
}

/* ---- what else is known of an entry ------------------------------------------------------------------------------ */

void answers_mark(struct answers *c, uint64_t item, int n, const double *mark)
{
  uint32_t e = c->slot[slot_of(c, item)];
  sim_assert(e != NOBODY);
  c->n_marks = (uint32_t)n;
  if (c->marked < c->room) c->mark = more(c->mark, c->room + 1, c->n_marks * sizeof *mark);
  c->marked = c->room;
  memcpy(c->mark + (size_t)e * c->n_marks, mark, c->n_marks * sizeof *mark);
}

const double *answers_marks(const struct answers *c, uint64_t item)
{
  uint32_t e = c->mark ? c->slot[slot_of(c, item)] : NOBODY;
  return e ? c->mark + (size_t)e * c->n_marks : NULL;
}

/* Half of the room is used, unless much went since. */
uint64_t answers_any_but(const struct answers *c, uint64_t item, struct rng *rng)
{
  for (;;) {
    uint32_t e = 1 + (uint32_t)rng_below(rng, c->room);
    uint64_t x = c->entry[e].item;
    if (x != item && c->slot[slot_of(c, x)] == e) return x;
  }
}

uint64_t answers_entries(struct answers *c, sim_time now)
{
  drop_ended(c, now);
  return c->n;
}

double answers_bytes(const struct answers *c) { return c->bytes; }

uint64_t answers_evictions(const struct answers *c) { return c->evictions; }

struct answers *answers_new(const struct answers_limits *limits)
{
  struct answers *c = zeros_new(1, sizeof *c);
  c->limits = limits;
  c->uses_room = FIRST_ROOM;
  c->uses = more(NULL, FIRST_ROOM, sizeof *c->uses);
  c->uses[0] = (struct uses){ .count = 0 };
  return c;
}

void answers_free(struct answers *c)
{
  if (!c) return;
  free(c->entry);
  free(c->mark);
  free(c->uses);
  free(c->slot);
  free(c);
}
