/* far.h: events that lie far ahead, unsorted, in buckets of equal time span (one rung of a ladder queue, Tang, Goh and
 * Thng, ACM TOMACS 15(3), 2005). A bucket is sorted only when its time has come, by the heap that it is poured into. */
#ifndef OFFSIM_SIM_FAR_H
#define OFFSIM_SIM_FAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* __extension__: ISO C has no 128-bit integer, gcc and clang do. */
__extension__ typedef unsigned __int128 evq_entry;

struct far_chunk;
struct far_bucket { struct far_chunk *last; };  /* chunks are linked from the last to the first */

struct far {
  struct far_bucket *rung;      /* bucket i spans [start + (i << shift), start + (i + 1 << shift)) */
  size_t n_rung, rung_capacity, current;        /* buckets before `current` have been poured out */
  uint64_t start_ns;
  unsigned shift;
  struct far_bucket top;        /* at or after the end of the rung */
  size_t n_top, n;              /* entries in top; entries in all */
  uint64_t top_least_ns, top_most_ns;
  struct far_chunk *free_chunks;
  void *slabs;
};

void far_init(struct far *);
void far_release(struct far *);
void far_push(struct far *, evq_entry);

#endif
