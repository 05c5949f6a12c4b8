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
static void reserve_heap(struct evq *q, size_t wanted)
{
  if (wanted <= q->capacity)
    return;
  size_t capacity = 64;
  while (capacity < wanted)
    capacity *= 2;
  size_t bytes = (capacity + 4) * sizeof(evq_entry);
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

/* ---- the far part ---------------------------------------------------------------------------------------------- */

/* A heap of FAR_START entries fills half of a second-level cache; below FAR_STOP buckets are not worth their keep. */
enum { FAR_START = 1 << 14, FAR_STOP = 1 << 11 };

static bool has_far(const struct evq *q)
{
  return q->horizon_ns != UINT64_MAX;
}

static void set_limit(struct evq *q)
{
  size_t event = has_far(q) ? q->relay_at : FAR_START;
  q->limit = event > q->n && event < q->capacity ? event : q->capacity;
}

static void heapify(evq_entry *heap, size_t n)
{
  for (size_t i = n > 1 ? (n - 2) / 4 + 1 : 0; i-- > 0;)
    evq_sift_down(heap, n, i, heap[i]);
}

/* True when the entry is live; a dead one gives its slot back. */
static bool keep(struct evq *q, evq_entry e)
{
  uint32_t index = entry_slot(e);
  if (q->slots[index].fn)
    return true;
  q->dead--;
  evq_release_slot(q, index);
  return false;
}

/* Turns heap[0..n), in any order and with dead entries, into the heap. */
static void adopt(struct evq *q, size_t n)
{
  q->n = 0;
  for (size_t i = 0; i < n; i++)
    if (keep(q, q->heap[i]))
      q->heap[q->n++] = q->heap[i];
  heapify(q->heap, q->n);
  q->relay_at = q->relay_at > 2 * q->n ? q->relay_at : 2 * q->n;
  set_limit(q);
}

/* All entries but the ring's in the heap. */
static void pull_all(struct evq *q)
{
  evq_close_hole(q);
  size_t n = q->n, n_far = q->far.n;
  reserve_heap(q, n + n_far);
  far_pour_all(&q->far, q->heap + n);
  q->horizon_ns = UINT64_MAX;
  adopt(q, n + n_far);
}

/* All of the heap into buckets. It stays empty until the next event is asked for. */
static void push_all_far(struct evq *q)
{
  q->relay_at = q->n / 2 > FAR_START ? q->n / 2 : FAR_START;
  for (size_t i = 0; i < q->n; i++)
    far_append(&q->far, &q->far.top, q->heap[i]);
  q->far.n = q->n;
  q->n = 0;
  far_lay_rung(&q->far);
  q->horizon_ns = far_horizon_ns(&q->far);
  set_limit(q);
}

void evq_push_slowly(struct evq *q, evq_entry e)
{
  if (q->n >= (has_far(q) ? q->relay_at : FAR_START)) {
    pull_all(q);
    if (q->n >= FAR_START)              /* unless most of them were dead */
      push_all_far(q);
  } else if (q->n == q->capacity) {
    reserve_heap(q, q->capacity + 1);
    set_limit(q);
  }
  if ((uint64_t)entry_time(e) >= q->horizon_ns)
    far_push(&q->far, e);
  else
    evq_heap_push(q, e);
}

bool evq_refill(struct evq *q)
{
  while (q->n == 0 && q->far.n > 0) {
    if (q->far.n <= FAR_STOP) {
      pull_all(q);
      break;
    }
    far_list *bucket = far_next_bucket(&q->far);
    if (!bucket) {
      far_lay_rung(&q->far);
      continue;
    }
    size_t n = far_count(*bucket);
    reserve_heap(q, n);
    far_pour(&q->far, bucket, q->heap);
    q->horizon_ns = far_horizon_ns(&q->far);
    adopt(q, n);
  }
  return q->n > 0;
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
  compact_ring(q);
  pull_all(q);
  sim_assert(q->dead == 0);
  if (q->n >= FAR_START)
    push_all_far(q);
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
  pull_all(q);
  reserve_heap(q, q->n + (q->ring_tail - q->ring_head));
  for (; !evq_ring_empty(q); q->ring_head++)
    q->heap[q->n++] = evq_ring_at(q, q->ring_head);
  set_limit(q);
  if (q->n > 0)
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
