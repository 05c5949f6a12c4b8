/* evq.c: growth, cancellation, compaction and renumbering of the pending-event set. */
#include "sim/evq.h"

#include <stdlib.h>
#include <string.h>

void evq_init(struct evq *q)
{
  memset(q, 0, sizeof *q);
  q->first_free = NO_SLOT;
  q->horizon_ns = UINT64_MAX;
  far_init(&q->far);
}

void evq_release(struct evq *q)
{
  free(q->heap_memory);
  free(q->ring);
  free(q->slots);
  far_release(&q->far);
  memset(q, 0, sizeof *q);
}

/* ---- growth ---------------------------------------------------------------------------------------------------- */

/* The root stands at the end of a cache line of its own, so that every group of four children fills one line. */
void evq_grow_heap(struct evq *q)
{
  size_t capacity = q->capacity ? 2 * q->capacity : 64, bytes = (capacity + 4) * sizeof(evq_entry);
  void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  if (!memory)
    check_out_of_memory(bytes);
  evq_entry *heap = (evq_entry *)memory + 3;
  if (q->n > 0)
    memcpy(heap, q->heap, q->n * sizeof *heap);
  free(q->heap_memory);
  q->heap_memory = memory;
  q->heap = heap;
  q->capacity = capacity;
}

void evq_grow_slots(struct evq *q)
{
  uint32_t capacity = q->slot_capacity ? 2 * q->slot_capacity : 64;
  sim_assert(capacity <= SLOT_MASK + 1);
  q->slots = realloc(q->slots, capacity * sizeof *q->slots);
  if (!q->slots)
    check_out_of_memory(capacity * sizeof *q->slots);
  for (uint32_t i = capacity; i-- > q->slot_capacity;) {
    q->slots[i] = (struct evq_slot){.generation = 1, .next_free = q->first_free};
    q->first_free = i;
  }
  q->slot_capacity = capacity;
}

void evq_grow_ring(struct evq *q)
{
  size_t n = q->ring_tail - q->ring_head, capacity = q->ring_capacity ? 2 * q->ring_capacity : 64;
  evq_entry *ring = malloc(capacity * sizeof *ring);
  if (!ring)
    check_out_of_memory(capacity * sizeof *ring);
  for (size_t i = 0; i < n; i++)
    ring[i] = evq_ring_at(q, q->ring_head + i);
  free(q->ring);
  q->ring = ring;
  q->ring_capacity = capacity;
  q->ring_head = 0;
  q->ring_tail = n;
}

/* ---- cancellation ---------------------------------------------------------------------------------------------- */

bool evq_cancel(struct evq *q, event_id id)
{
  uint32_t index = (uint32_t)id.bits, generation = (uint32_t)(id.bits >> 32);
  if (generation == 0 || index >= q->slot_capacity)
    return false;
  struct evq_slot *slot = &q->slots[index];
  if (slot->generation != generation || !slot->fn)
    return false;
  slot->fn = NULL;
  evq_end_generation(slot);
  q->live--;
  q->dead++;
  if (q->dead > q->live && q->dead > 64)
    evq_compact(q);
  return true;
}

/* True when the entry is live; a dead one gives its slot back. */
static bool keep(struct evq *q, evq_entry e)
{
  uint32_t index = entry_slot(e);
  if (q->slots[index].fn)
    return true;
  evq_release_slot(q, index);
  return false;
}

static void heapify(evq_entry *heap, size_t n)
{
  for (size_t i = n > 1 ? (n - 2) / 4 + 1 : 0; i-- > 0;)
    evq_sift_down(heap, n, i, heap[i]);
}

static void compact_heap(struct evq *q)
{
  evq_close_hole(q);
  size_t n = 0;
  for (size_t i = 0; i < q->n; i++)
    if (keep(q, q->heap[i]))
      q->heap[n++] = q->heap[i];
  q->n = n;
  heapify(q->heap, n);
}

static void compact_ring(struct evq *q)
{
  size_t tail = q->ring_head;
  for (size_t i = q->ring_head; i != q->ring_tail; i++)
    if (keep(q, evq_ring_at(q, i)))
      q->ring[tail++ & (q->ring_capacity - 1)] = evq_ring_at(q, i);
  q->ring_tail = tail;
}

void evq_compact(struct evq *q)
{
  compact_heap(q);
  compact_ring(q);
  q->dead = 0;
}

bool evq_refill(struct evq *q)
{
  (void)q;
  return false;
}

/* ---- sequence numbers ------------------------------------------------------------------------------------------ */

static int compare_entries(const void *a, const void *b)
{
  const evq_entry *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static evq_entry with_sequence(evq_entry e, uint64_t sequence)
{
  evq_entry mask = (evq_entry)((SEQUENCE_END - 1) << SLOT_BITS);
  return (e & ~mask) | (evq_entry)(sequence << SLOT_BITS);
}

/* After 2^34 events the numbers are used up: all pending entries are numbered anew, in their order. A sorted array is
 * a heap. The ring's entries are at the current instant and may interleave with the heap's, so both are sorted as one. */
static void renumber(struct evq *q)
{
  evq_close_hole(q);
  for (; !evq_ring_empty(q); q->ring_head++)
    evq_heap_push(q, evq_ring_at(q, q->ring_head));
  qsort(q->heap, q->n, sizeof *q->heap, compare_entries);
  for (size_t i = 0; i < q->n; i++)
    q->heap[i] = with_sequence(q->heap[i], i);
  q->sequence = q->n;
}

/* splitmix64 (Steele, Lea and Flood 2014): enough for an order that no result may depend on. */
static uint64_t shuffled(uint64_t *state)
{
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

uint64_t evq_next_sequence_slowly(struct evq *q)
{
  if (q->shuffle)
    return shuffled(&q->shuffle_state) >> (64 - SEQUENCE_BITS);
  renumber(q);
  return q->sequence++;
}
