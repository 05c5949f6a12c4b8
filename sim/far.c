/* far.c: buckets of chunks. A chunk holds 31 entries and its link: 512 bytes. */
#include "sim/far.h"
#include "sim/check.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_ENTRIES = 31, SLAB_CHUNKS = 256 };

struct far_chunk { struct far_chunk *previous; size_t n; evq_entry entries[CHUNK_ENTRIES]; };
struct slab { struct slab *previous; struct far_chunk chunks[]; };

void far_init(struct far *f)
{
  memset(f, 0, sizeof *f);
}

void far_release(struct far *f)
{
  for (struct slab *s = f->slabs; s;) {
    struct slab *previous = s->previous;
    free(s);
    s = previous;
  }
  free(f->rung);
  far_init(f);
}

void far_push(struct far *f, evq_entry e)
{
  (void)e;
  sim_assert(f->n_rung > 0);
}
