/* heap.h: an intrusive binary heap with the total order (key, order): equal keys come out first in, first out.
 *
 * The item lives in what it orders and knows its own index, so that it can be taken out from the middle. Finish points
 * of shares, ordered queues and the running jobs of preemptive stations use it. A zeroed heap is empty.
 */
#ifndef OFFSIM_MODELS_HEAP_H
#define OFFSIM_MODELS_HEAP_H

#include <stdint.h>

struct heap_item { double key; uint64_t order; uint32_t index; /* 0 = not in a heap */ };
struct heap { struct heap_item **at; uint32_t n, capacity; };   /* at[0] .. at[n - 1]; item.index = place + 1 */

void heap_release(struct heap *);
void heap_push(struct heap *, struct heap_item *);
void heap_remove(struct heap *, struct heap_item *);
static inline struct heap_item *heap_top(const struct heap *h) { return h->n ? h->at[0] : 0; }

/* The struct that holds `member` at address `p`. */
#define holder_of(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

#endif
