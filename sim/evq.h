/* evq.h: the set of pending events, always handed out in the total order (time, priority, sequence).
 *
 * An entry is one 128-bit integer: time in the upper half; priority, sequence and slot number, in this order, in the
 * lower. Comparing two entries is comparing two integers, and no two are equal. What an event does (callback, subject)
 * waits in its slot, so that the heap moves 16 bytes per level and touches nothing else.
 *
 * Three structures share the work; the smallest entry of all of them is the next event:
 *   ring    entries at the current instant that were scheduled in order: first in, first out;
 *   heap    4-ary, four children to a cache line (LaMarca and Ladner 1996);
 *   far     once the heap has grown large, entries beyond its horizon lie unsorted in buckets of time (far.h).
 *
 * Taking the smallest leaves a hole at the heap's root; most callbacks schedule a successor, which then sinks from
 * there: one pass instead of two. Cancelling marks the slot; the entry is dropped when it surfaces, or when more than
 * half of all entries are dead.
 */
#ifndef OFFSIM_SIM_EVQ_H
#define OFFSIM_SIM_EVQ_H

#include "sim/check.h"
#include "sim/far.h"
#include "sim/sim.h"

enum { SLOT_BITS = 26, SEQUENCE_BITS = 34, PRIORITY_SHIFT = SLOT_BITS + SEQUENCE_BITS };
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)
#define SEQUENCE_END (UINT64_C(1) << SEQUENCE_BITS)
#define NO_SLOT UINT32_MAX

/* A slot is free (fn NULL, not pending), live, or dead: cancelled with its entry still queued (fn NULL). */
struct evq_slot { event_fn *fn; void *subject; uint32_t generation, next_free; };

struct evq {
  evq_entry *heap;              /* root at [0]; [1..4] start a cache line */
  size_t n, capacity;           /* entries in the heap, the hole included */
  size_t limit;                 /* <= capacity: a push that finds n here thinks about the far part and about growing */
  bool hole;                    /* [0] has been taken and not yet been replaced */
  uint64_t horizon_ns;          /* entries at or after it go to `far`; UINT64_MAX while there is no far part */
  size_t relay_at;              /* in far mode: a heap of this size means that the buckets are too wide */

  evq_entry *ring;              /* power-of-two buffer */
  size_t ring_head, ring_tail, ring_capacity;   /* counters that only grow; masked by capacity - 1 */

  struct evq_slot *slots;
  uint32_t first_free, slot_capacity;
  size_t dead;                  /* entries whose slot is dead */
  size_t live;
  uint64_t sequence;
  bool shuffle;                 /* ties in random order: sequence numbers are drawn */
  uint64_t shuffle_state;
  void *heap_memory;
  struct far far;
};

void evq_init(struct evq *);
void evq_release(struct evq *);

/* Slow paths, out of line. */
void evq_push_slowly(struct evq *, evq_entry);
void evq_grow_slots(struct evq *);
void evq_grow_ring(struct evq *);
uint64_t evq_next_sequence_slowly(struct evq *);
void evq_compact(struct evq *);
bool evq_refill(struct evq *);          /* moves the next bucket of `far` into the empty heap; false: all is empty */

static inline sim_time entry_time(evq_entry e) { return (sim_time)(uint64_t)(e >> 64); }
static inline uint32_t entry_slot(evq_entry e) { return (uint32_t)((uint64_t)e & SLOT_MASK); }

static inline void evq_sift_up(evq_entry *heap, size_t i, evq_entry e)
{
  while (i > 0) {
    size_t parent = (i - 1) / 4;
    if (heap[parent] < e)
      break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = e;
}

/* The least of four siblings by arithmetic: which one it is cannot be predicted. */
static inline size_t evq_least_of_four(const evq_entry *heap, size_t child)
{
  size_t a = child + (heap[child + 1] < heap[child]), b = child + 2 + (heap[child + 3] < heap[child + 2]);
  return a + ((b - a) & -(size_t)(heap[b] < heap[a]));
}

static inline void evq_sift_down(evq_entry *heap, size_t n, size_t i, evq_entry e)
{
  size_t child;
  while ((child = 4 * i + 1) + 3 < n) {
    size_t least = evq_least_of_four(heap, child);
    if (e < heap[least]) {
      heap[i] = e;
      return;
    }
    heap[i] = heap[least];
    i = least;
  }
  if (child < n) {
    size_t least = child;
    for (size_t k = child + 1; k < n; k++)
      least = heap[k] < heap[least] ? k : least;
    if (heap[least] < e) {
      heap[i] = heap[least];
      i = least;
    }
  }
  heap[i] = e;
}

static inline void evq_close_hole(struct evq *q)
{
  if (!q->hole)
    return;
  q->hole = false;
  if (--q->n > 0)
    evq_sift_down(q->heap, q->n, 0, q->heap[q->n]);
}

static inline void evq_heap_push(struct evq *q, evq_entry e)
{
  if (q->hole) {
    q->hole = false;
    evq_sift_down(q->heap, q->n, 0, e);
    return;
  }
  if (__builtin_expect(q->n == q->limit, 0))
    evq_push_slowly(q, e);
  else
    evq_sift_up(q->heap, q->n++, e);
}

static inline bool evq_ring_empty(const struct evq *q) { return q->ring_head == q->ring_tail; }
static inline evq_entry evq_ring_at(const struct evq *q, size_t i) { return q->ring[i & (q->ring_capacity - 1)]; }

/* True when e may join the ring: at the current instant, and not before the ring's last entry. */
static inline bool evq_ring_takes(const struct evq *q, evq_entry e, sim_time now)
{
  return entry_time(e) == now && !q->shuffle && (evq_ring_empty(q) || evq_ring_at(q, q->ring_tail - 1) < e);
}

static inline void evq_ring_push(struct evq *q, evq_entry e)
{
  if (__builtin_expect(q->ring_tail - q->ring_head == q->ring_capacity, 0))
    evq_grow_ring(q);
  q->ring[q->ring_tail++ & (q->ring_capacity - 1)] = e;
}

static inline uint64_t evq_next_sequence(struct evq *q)
{
  if (__builtin_expect(q->shuffle || q->sequence == SEQUENCE_END, 0))
    return evq_next_sequence_slowly(q);
  return q->sequence++;
}

static inline event_id evq_push(struct evq *q, sim_time now, sim_time at, unsigned priority, event_fn *fn, void *subject)
{
  if (__builtin_expect(q->first_free == NO_SLOT, 0))
    evq_grow_slots(q);
  uint64_t sequence = evq_next_sequence(q);
  uint32_t index = q->first_free;
  struct evq_slot *slot = &q->slots[index];
  q->first_free = slot->next_free;
  slot->fn = fn;
  slot->subject = subject;
  evq_entry e = (evq_entry)(uint64_t)at << 64 | (uint64_t)priority << PRIORITY_SHIFT | sequence << SLOT_BITS | index;
  q->live++;
  if (__builtin_expect(at == now, 0) && evq_ring_takes(q, e, now))
    evq_ring_push(q, e);
  else if (__builtin_expect((uint64_t)at >= q->horizon_ns, 0))
    far_push(&q->far, e);
  else
    evq_heap_push(q, e);
  return (event_id){(uint64_t)slot->generation << 32 | index};
}

static inline void evq_release_slot(struct evq *q, uint32_t index)
{
  struct evq_slot *slot = &q->slots[index];
  slot->fn = NULL;
  slot->next_free = q->first_free;
  q->first_free = index;
}

/* Generations run from 1 and skip 0, so that no event has the none id. */
static inline void evq_end_generation(struct evq_slot *slot)
{
  slot->generation += slot->generation == UINT32_MAX ? 2 : 1;
}

bool evq_cancel(struct evq *, event_id);

/* True when the next entry, dead or live, is the ring's; the heap is closed and filled. False with *empty = true when
 * nothing is left. */
static inline bool evq_next_is_ring(struct evq *q, bool *empty)
{
  evq_close_hole(q);
  *empty = false;
  if (__builtin_expect(q->n == 0, 0) && !evq_refill(q)) {
    *empty = evq_ring_empty(q);
    return true;
  }
  return !evq_ring_empty(q) && evq_ring_at(q, q->ring_head) < q->heap[0];
}

static inline void evq_drop(struct evq *q, bool from_ring)
{
  if (from_ring)
    q->ring_head++;
  else
    q->hole = true;
}

/* Puts the next live entry into *e and leaves it where it is (*from_ring tells where); drops dead ones on the way. */
static inline bool evq_peek(struct evq *q, evq_entry *e, bool *from_ring)
{
  for (;;) {
    bool empty;
    *from_ring = evq_next_is_ring(q, &empty);
    if (empty)
      return false;
    *e = *from_ring ? evq_ring_at(q, q->ring_head) : q->heap[0];
    uint32_t index = entry_slot(*e);
    if (__builtin_expect(q->slots[index].fn != NULL, 1))
      return true;
    q->dead--;
    evq_release_slot(q, index);
    evq_drop(q, *from_ring);
  }
}

/* One of the root's children is the next event, unless the callback schedules a nearer one. In a large set its slot is
 * in no cache: asked for now, it comes while the callback runs. */
static inline void evq_fetch_ahead(const struct evq *q)
{
  for (size_t k = 1; k <= 4 && k < q->n; k++)
    __builtin_prefetch(&q->slots[entry_slot(q->heap[k])]);
}

/* Takes the entry that evq_peek has just shown. */
static inline void evq_take(struct evq *q, evq_entry e, bool from_ring)
{
  if (__builtin_expect(q->horizon_ns != UINT64_MAX, 0))
    evq_fetch_ahead(q);
  uint32_t index = entry_slot(e);
  evq_end_generation(&q->slots[index]);
  evq_release_slot(q, index);
  q->live--;
  evq_drop(q, from_ring);
}

#endif
