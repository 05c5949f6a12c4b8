/* far.h: events that lie far ahead, unsorted, in buckets of equal time span (one rung of a ladder queue: Tang, Goh and
 * Thng, ACM TOMACS 15(3), 2005). A bucket is sorted only when its time has come, by the heap that it is poured into.
 *
 * Bucket i holds the entries of [start + i * 2^shift, start + (i + 1) * 2^shift); what lies beyond the last one waits in
 * `top` until the rung is used up and a new one is laid over it. A list is chunks of 32 places of 16 bytes, aligned to
 * their size: place 0 is the link to the chunk before, and the list's pointer is the next free place, so that an
 * append is one compare and one store.
 */
#ifndef OFFSIM_SIM_FAR_H
#define OFFSIM_SIM_FAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time in the upper 64 bits; see evq.h. __extension__: ISO C has no 128-bit integer, gcc and clang do. */
__extension__ typedef unsigned __int128 evq_entry;
typedef evq_entry *far_list;    /* NULL: empty */

enum { FAR_CHUNK_BYTES = 512, FAR_CHUNK_PLACES = FAR_CHUNK_BYTES / (int)sizeof(evq_entry) };

struct far {
  far_list *rung, top;
  size_t n_rung, rung_capacity, current;        /* buckets before `current` have been poured out */
  uint64_t start_ns;
  unsigned shift;
  size_t n;                     /* entries in all lists */
  evq_entry *free_chunks;       /* linked by place 0 */
  size_t n_chunks;              /* in all slabs */
  void *slabs;
};

void far_init(struct far *);
void far_release(struct far *);
void far_append_slowly(struct far *, far_list *, evq_entry);

static inline void far_append(struct far *f, far_list *list, evq_entry e)
{
  evq_entry *place = *list;
  if (__builtin_expect(((uintptr_t)place & (FAR_CHUNK_BYTES - 1)) == 0, 0)) {
    far_append_slowly(f, list, e);
    return;
  }
  *place = e;
  *list = place + 1;
}

/* e must not lie before the bucket `current`. */
static inline void far_push(struct far *f, evq_entry e)
{
  uint64_t i = ((uint64_t)(e >> 64) - f->start_ns) >> f->shift;
  f->n++;
  far_append(f, i < f->n_rung ? &f->rung[i] : &f->top, e);
}

/* Lays a new rung over `top` when the old one is used up: 2^shift is chosen for about FAR_BUCKET_TARGET entries in each
 * of the first buckets, by the median and the 95 % quantile of a sample, so that one event in the remote future does
 * not spread the rest too thin. */
void far_lay_rung(struct far *);
/* Moves on to the next bucket that holds entries; NULL when the rung is used up. */
far_list *far_next_bucket(struct far *);
/* The time at which the buckets start that have not been poured out. */
uint64_t far_horizon_ns(const struct far *);
size_t far_count(far_list);
/* Copies the list's entries to out, in any order, and empties it. */
void far_pour(struct far *, far_list *, evq_entry *out);
/* Empties all lists into out (f->n entries). */
void far_pour_all(struct far *, evq_entry *out);

#endif
